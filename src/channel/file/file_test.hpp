// What the tests of file: share.
#pragma once

#include <filesystem>
#include <string>

#include "channel/lasting_test.hpp"

namespace tenon::test {

class FileChannel : public LastingChannel {
 protected:
  FileChannel() : LastingChannel("file") {}

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  static std::string segment(int number) {
    std::string digits = std::to_string(number);
    return "to-listener-" + std::string(16 - digits.size(), '0') + digits + ".log";
  }
  std::uint64_t bytes_in_folder() const {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) sum += entry.file_size();
    return sum;
  }
};

}  // namespace tenon::test
