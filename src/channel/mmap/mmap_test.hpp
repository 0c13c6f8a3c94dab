// What the tests of mmap: share.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "channel/lasting_test.hpp"
#include "channel/mmap/layout.hpp"

namespace tenon::test {

class MmapChannel : public LastingChannel {
 protected:
  MmapChannel() : LastingChannel("mmap") {}

  /// A file in which `count` numbers from 1 on are unread by the listener, as after the death of both.
  void leave_unread(int count, const std::string& options = {}) {
    ChildProcess both([&] {
      auto* const abandoned = new Pair(meet(options));  // never destroyed
      for (int i = 1; i <= count; ++i) value_of(send_number(abandoned->connected, i));
      return 0;
    });
    ASSERT_EQ(both.wait(), 0);
  }
  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write_at(std::uint64_t offset, const std::string& bytes) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    ASSERT_TRUE(file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush());
  }
  /// Where the connector's ring begins: what is unread by the listener.
  static std::uint64_t ring_at(std::uint64_t capacity) {
    return mapped::region_offset(mapped::Role::connector, capacity) + shm::header_size;
  }
  static constexpr std::uint64_t default_capacity = 2 << 20;
};

}  // namespace tenon::test
