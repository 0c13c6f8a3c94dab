// Standard output through one large buffer, and lines for a person on standard error.
#pragma once

#include <string>
#include <string_view>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>

namespace tool {

/// A buffered writer to a descriptor that stays its owner's. Not flushed by its destructor: that could fail.
class Output {
 public:
  Output(int fd, const tenon::Canceller& canceller) : fd_(fd), canceller_(&canceller) {}

  /// Where to append; call settle() after each message.
  std::string& buffer() noexcept { return buffer_; }
  /// Writes the buffer once it is large. Errors: those of write_output().
  tenon::Result<void> settle();
  /// Appends, without copying what is large.
  tenon::Result<void> write(std::string_view text);
  tenon::Result<void> flush();
  bool empty() const noexcept { return buffer_.empty(); }
  /// A write failed because nobody reads our output any more: the command then ends quietly.
  bool broken() const noexcept { return broken_; }

 private:
  tenon::Result<void> write_now(std::string_view text);

  int fd_;
  const tenon::Canceller* canceller_;
  std::string buffer_;
  bool broken_ = false;
};

/// `tenon NAME: text` on standard error, in one write. The name is set once, by main.
void say(std::string_view text);
void set_command_name(std::string name);

}  // namespace tool
