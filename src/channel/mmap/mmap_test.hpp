// What the tests of mmap: share.
#pragma once

#include <fcntl.h>
#include <unistd.h>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "channel/lasting_test.hpp"
#include "channel/mmap/layout.hpp"

namespace tenon::test {

class MmapChannel : public LastingChannel {
 protected:
  MmapChannel() : LastingChannel("mmap") {}

  /// A file in which `count` numbers from 1 on are unread by the listener, as after kill -9 of both.
  void leave_unread(int count, const std::string& options = {}) {
    ChildProcess both([&] {
      Pair pair = meet(options);
      for (int i = 1; i <= count; ++i) value_of(send_number(pair.connected, i));
      return ::raise(SIGKILL);
    });
    both.wait();
  }
  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write_at(std::uint64_t offset, const std::string& bytes) const {
    const os::Fd file(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
  }
  /// Where the connector's ring begins: what is unread by the listener.
  static std::uint64_t ring_at(std::uint64_t capacity) {
    return mapped::region_offset(mapped::Role::connector, capacity) + shm::header_size;
  }
  static constexpr std::uint64_t default_capacity = 256 << 10;
};

}  // namespace tenon::test
