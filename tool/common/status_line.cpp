#include "common/status_line.hpp"

#include <string>

#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

constexpr std::chrono::milliseconds every{200};

void write_terminal(const std::string& text) {
  (void)write_output(standard_error, tenon::bytes_of(text), stop());
}

}  // namespace

StatusLine::StatusLine(bool wanted, std::chrono::milliseconds quiet)
    : enabled_(wanted && is_terminal(standard_error)), next_(Clock::now() + quiet) {}

StatusLine::~StatusLine() {
  if (shown_) write_terminal("\r\033[K");
}

bool StatusLine::due() const {
  return enabled_ && Clock::now() >= next_;
}

void StatusLine::show(std::string_view text) {
  next_ = Clock::now() + every;
  shown_ = true;
  // A terminal goes to the next line when its last column is filled.
  const auto fits = text.substr(0, terminal_width(standard_error) - 1);
  write_terminal(std::string("\r\033[K").append(fits));
}

}  // namespace tool
