// Where messages to send come from, a batch at a time: the command line, or input that is cut into messages.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

#include "common/splitter.hpp"

namespace tool {

class Source {
 public:
  virtual ~Source() = default;
  /// At least one message and at most `at_most`, valid until the next call; none at the end. Waits only while
  /// it has none: what was read is handed out at once. Errors: cancelled, those of reading.
  virtual tenon::Result<std::span<const tenon::ByteView>> next(std::size_t at_most) = 0;
  /// Whether a message, or a part of one, is there now.
  virtual bool has_more() = 0;
  /// Of all input, where it is known.
  virtual std::optional<std::uint64_t> total_bytes() const = 0;
};

/// The messages of the command line, again and again if `repeat`.
class ArgumentSource final : public Source {
 public:
  ArgumentSource(const std::vector<std::string>& messages, bool repeat);
  tenon::Result<std::span<const tenon::ByteView>> next(std::size_t at_most) override;
  bool has_more() override { return repeat_ || at_ < views_.size(); }
  std::optional<std::uint64_t> total_bytes() const override;

 private:
  std::vector<tenon::ByteView> views_;
  std::size_t at_ = 0;
  bool repeat_;
};

/// Files, one after another; "-" is standard input.
class InputSource final : public Source {
 public:
  /// Opens all files at once, so that a wrong name is an error before anything is sent.
  static tenon::Result<InputSource> open(const std::vector<std::string>& paths, Split split,
                                         std::uint64_t max_message, const tenon::Canceller& canceller);
  tenon::Result<std::span<const tenon::ByteView>> next(std::size_t at_most) override;
  bool has_more() override;
  std::optional<std::uint64_t> total_bytes() const override { return total_; }

 private:
  struct Input {
    tenon::os::Fd owned;
    int fd;
  };
  InputSource(Split split, std::uint64_t max_message, const tenon::Canceller& canceller);
  bool next_input();

  Split split_;
  std::uint64_t max_message_;
  const tenon::Canceller* canceller_;
  std::vector<Input> inputs_;
  std::size_t current_ = 0;
  Splitter splitter_;
  bool ended_ = false;    ///< the current input has
  bool partial_ = false;  ///< bytes were read that no message has carried yet
  std::vector<tenon::ByteView> views_;
  std::optional<std::uint64_t> total_ = 0;
};

}  // namespace tool
