#include "common/bench_line.hpp"

#include <array>
#include <span>

#include <fmt/format.h>

#include "base/try.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using namespace std::chrono_literals;

void write_terminal(const std::string& text) {
  (void)write_output(standard_error, tenon::bytes_of(text), stop());
}

}  // namespace

BenchLine::BenchLine() : enabled_(is_terminal(standard_error)) {}

BenchLine::~BenchLine() {
  if (shown_) write_terminal("\r\033[K");
}

void BenchLine::show(std::uint64_t done, std::uint64_t total, std::chrono::nanoseconds left) {
  const auto now = std::chrono::steady_clock::now();
  if (!enabled_ || now < next_) return;
  next_ = now + 200ms;
  shown_ = true;
  write_terminal(fmt::format("\r\033[Kmeasured {} of {}, {} s left (Ctrl-C keeps what is finished)", done,
                             total, std::chrono::ceil<std::chrono::seconds>(left).count()));
}

tenon::Result<bench::SavedReport> read_report_file(const std::string& path) {
  const auto file = TRY(open_input(path));
  std::string text;
  std::array<std::byte, 65536> buffer;
  for (;;) {
    const auto got = TRY(read_input(file.get(), buffer, stop()));
    if (got == 0) return bench::read_report(text, path);
    text += tenon::text_of(std::span(buffer).first(got));
  }
}

}  // namespace tool
