#include "common/source.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/try.hpp"
#include "os/streams.hpp"

namespace tool {

ArgumentSource::ArgumentSource(const std::vector<std::string>& messages, bool repeat) : repeat_(repeat) {
  for (const auto& message : messages) views_.push_back(tenon::bytes_of(message));
}

tenon::Result<std::span<const tenon::ByteView>> ArgumentSource::next(std::size_t at_most) {
  if (repeat_ && at_ == views_.size()) at_ = 0;
  const auto batch =
      std::span<const tenon::ByteView>(views_).subspan(at_, std::min(at_most, views_.size() - at_));
  at_ += batch.size();
  return batch;
}

std::optional<std::uint64_t> ArgumentSource::total_bytes() const {
  if (repeat_) return std::nullopt;
  std::uint64_t total = 0;
  for (const auto& view : views_) total += view.size();
  return total;
}

InputSource::InputSource(Split split, std::uint64_t max_message, const tenon::Canceller& canceller)
    : split_(split), max_message_(max_message), canceller_(&canceller), splitter_(split, max_message) {}

tenon::Result<InputSource> InputSource::open(const std::vector<std::string>& paths, Split split,
                                             std::uint64_t max_message, const tenon::Canceller& canceller) {
  InputSource source(split, max_message, canceller);
  for (const auto& path : paths) {
    Input input{{}, standard_input};
    if (path != "-") {
      input.owned = TRY(open_input(path));
      input.fd = input.owned.get();
    }
    const auto size = size_left(input.fd);
    if (source.total_) source.total_ = size ? std::optional(*source.total_ + *size) : std::nullopt;
    source.inputs_.push_back(std::move(input));
  }
  return source;
}

bool InputSource::next_input() {
  if (++current_ >= inputs_.size()) return false;
  inputs_[current_ - 1].owned.reset();
  splitter_ = Splitter(split_, max_message_);
  ended_ = false;
  return true;
}

tenon::Result<std::span<const tenon::ByteView>> InputSource::next(std::size_t at_most) {
  views_.clear();
  for (;;) {
    if (current_ >= inputs_.size()) return std::span<const tenon::ByteView>{};
    TRY(splitter_.take(views_, at_most));
    if (!views_.empty()) {
      partial_ = false;
      return std::span<const tenon::ByteView>(views_);
    }
    if (ended_) {
      if (!next_input()) return std::span<const tenon::ByteView>{};
      continue;
    }
    const std::size_t got = TRY(read_input(inputs_[current_].fd, splitter_.space(), *canceller_));
    splitter_.filled(got);
    ended_ = got == 0;
    if (ended_) splitter_.end();
    partial_ = partial_ || got > 0;
  }
}

bool InputSource::has_more() {
  if (current_ >= inputs_.size()) return false;
  if (partial_ || current_ + 1 < inputs_.size()) return true;
  if (ended_ || !input_ready(inputs_[current_].fd)) return false;
  std::array<std::byte, 1> probe;
  const auto never = tenon::Canceller::create();
  const auto got = never ? read_input(inputs_[current_].fd, probe, *never) : 0;
  return got && *got > 0;
}

}  // namespace tool
