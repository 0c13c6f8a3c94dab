#include "common/output.hpp"

#include <utility>

#include "base/try.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

constexpr std::size_t flush_at = 256 * 1024;

std::string& command_name() {
  static std::string name = "tenon";
  return name;
}

}  // namespace

tenon::Result<void> Output::settle() {
  if (buffer_.size() >= flush_at) return flush();
  return {};
}

tenon::Result<void> Output::write(std::string_view text) {
  if (text.size() < flush_at) {
    buffer_.append(text);
    return settle();
  }
  TRY(flush());
  return write_now(text);
}

tenon::Result<void> Output::flush() {
  auto written = write_now(buffer_);
  buffer_.clear();
  return written;
}

tenon::Result<void> Output::write_now(std::string_view text) {
  auto written = write_output(fd_, tenon::bytes_of(text), *canceller_);
  if (!written && written.error().code() == tenon::Errc::closed) broken_ = true;
  return written;
}

void say(std::string_view text) {
  std::string line = command_name();
  line.append(": ").append(text).push_back('\n');
  (void)write_output(standard_error, tenon::bytes_of(line), stop());
}

void set_command_name(std::string name) {
  command_name() = std::move(name);
}

}  // namespace tool
