#include "common/bench_line.hpp"

#include <array>
#include <span>

#include <fmt/format.h>

#include "base/try.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

std::string time_left(std::chrono::nanoseconds left) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
  return seconds < 60 ? fmt::format("{} s", seconds)
                      : fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
}

}  // namespace

void BenchLine::show(std::uint64_t done, std::uint64_t total, std::chrono::nanoseconds left) {
  if (!line_.due()) return;
  line_.show(fmt::format("measured {} of {}, {} left (Ctrl-C keeps what is finished)", done, total,
                         time_left(left)));
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
