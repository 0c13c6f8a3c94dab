#include <tenon/units.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace tenon {
namespace {

std::unexpected<Error> bad(std::string_view operation, std::string_view text, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, operation, "'" + std::string(text) + "'", std::move(advice)));
}

struct Unit {
  std::string_view name;
  double nanoseconds;
};

constexpr std::array<Unit, 6> duration_units{{
    {"ns", 1},
    {"us", 1e3},
    {"ms", 1e6},
    {"s", 1e9},
    {"m", 60e9},
    {"h", 3600e9},
}};

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr auto advice = "write a number of bytes such as 4096, 64K, 4M or 1G";
  std::uint64_t value = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{}) return bad("parse size", text, advice);
  std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  unsigned shift = 0;
  if (!unit.empty()) {
    const auto power = std::string_view("BKMGT").find(static_cast<char>(unit[0] & ~0x20));
    if (power == std::string_view::npos) return bad("parse size", text, advice);
    shift = static_cast<unsigned>(power) * 10;
    unit.remove_prefix(1);
    if (!unit.empty() && (shift == 0 || (unit != "B" && unit != "iB")))
      return bad("parse size", text, advice);
  }
  if (value > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
    return bad("parse size", text, "it does not fit into 64 bits");
  }
  return value << shift;
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  constexpr auto advice = "write a duration such as 250ms, 5s, 1.5s or 2m";
  double value = 0;
  const auto [rest, problem] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (problem != std::errc{} || value < 0 || !std::isfinite(value))
    return bad("parse duration", text, advice);
  const std::string_view name(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  if (name.empty() && value == 0) return std::chrono::nanoseconds::zero();
  for (const Unit& unit : duration_units) {
    if (unit.name != name) continue;
    const double nanoseconds = value * unit.nanoseconds;
    if (nanoseconds >= 9e18) return bad("parse duration", text, "it is longer than 292 years");
    return std::chrono::nanoseconds(std::llround(nanoseconds));
  }
  return bad("parse duration", text, advice);
}

std::string format_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 7> names{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t power = 0;
  while (power + 1 < names.size() && (bytes >> (10 * (power + 1))) != 0) ++power;
  const std::uint64_t one = std::uint64_t{1} << (10 * power);
  std::string text = std::to_string(bytes / one);
  if (bytes % one != 0) text += "." + std::to_string((bytes % one) * 10 / one);
  return text.append(" ").append(names[power]);
}

}  // namespace tenon
