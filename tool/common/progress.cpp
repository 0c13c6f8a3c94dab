#include "common/progress.hpp"

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using namespace std::chrono_literals;

constexpr auto first_after = 1s;  // nothing for what is soon over
constexpr auto every = 200ms;

void write_terminal(const std::string& text) {
  (void)write_output(standard_error, tenon::bytes_of(text), stop());
}

}  // namespace

Progress::Progress(std::optional<std::uint64_t> total_bytes, bool prints_data)
    : enabled_(is_terminal(standard_error) && !(prints_data && is_terminal(standard_output))),
      total_(total_bytes),
      next_(started_ + first_after) {}

Progress::~Progress() {
  if (shown_) write_terminal("\r\033[K");
}

std::string Progress::line(std::uint64_t messages, std::uint64_t bytes, std::optional<std::uint64_t> total,
                           double elapsed) {
  const double rate = elapsed > 0 ? static_cast<double>(bytes) / elapsed : 0;
  std::string text = fmt::format("{} messages, {}", messages, tenon::format_size(bytes));
  if (total) text += fmt::format(" of {}", tenon::format_size(*total));
  text += fmt::format(", {}/s", tenon::format_size(static_cast<std::uint64_t>(rate)));
  if (total && *total > bytes && rate > 0) {
    text += fmt::format(", {:.0f} s left", static_cast<double>(*total - bytes) / rate);
  }
  return text;
}

void Progress::update(std::uint64_t messages, std::uint64_t bytes) {
  if (!enabled_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + every;
  shown_ = true;
  const std::chrono::duration<double> elapsed = now - started_;
  write_terminal("\r\033[K" + line(messages, bytes, total_, elapsed.count()));
}

}  // namespace tool
