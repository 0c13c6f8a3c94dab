#include "common/progress.hpp"

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "os/streams.hpp"

namespace tool {
namespace {

using namespace std::chrono_literals;

constexpr auto first_after = 1s;  // nothing for what is soon over
}  // namespace

Progress::Progress(std::optional<std::uint64_t> total_bytes, bool prints_data)
    : line_(!(prints_data && is_terminal(standard_output)), first_after), total_(total_bytes) {}

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
  if (!line_.due()) return;
  const std::chrono::duration<double> elapsed = Clock::now() - started_;
  line_.show(line(messages, bytes, total_, elapsed.count()));
}

}  // namespace tool
