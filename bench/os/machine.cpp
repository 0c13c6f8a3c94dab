#include "bench/os/machine.hpp"

#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <tenon/traits.hpp>

#include "bench/os/clock.hpp"

namespace bench {
namespace {

/// What follows `key` and a separator in a line of `path`.
std::string value_in(const char* path, const std::string& key, char separator) {
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    const auto at = text.find(separator);
    if (!text.starts_with(key) || at == std::string::npos) continue;
    auto value = text.substr(at + 1);
    value.erase(0, value.find_first_not_of(" \"\t"));
    value.erase(value.find_last_not_of(" \"\t") + 1);
    return value;
  }
  return "unknown";
}

std::string file_system_of(const std::string& folder) {
  struct statfs status{};
  if (::statfs(folder.c_str(), &status) != 0) return "unknown";
  switch (static_cast<std::uint64_t>(status.f_type)) {  // statfs(2)
    case 0xEF53:
      return "ext4";
    case 0x01021994:
      return "tmpfs";
    case 0x58465342:
      return "xfs";
    case 0x9123683E:
      return "btrfs";
    case 0x794C7630:
      return "overlay";
    default:
      return fmt::format("type {:#x}", static_cast<std::uint64_t>(status.f_type));
  }
}

}  // namespace

Machine read_machine(const std::string& folder) {
  Machine machine;
  machine.cpu = value_in("/proc/cpuinfo", "model name", ':');
  machine.system = value_in("/etc/os-release", "PRETTY_NAME", '=');
  utsname names{};
  if (::uname(&names) == 0) machine.kernel = fmt::format("{} {}", names.sysname, names.release);
  machine.cpus = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  std::ifstream("/proc/loadavg") >> machine.load;
  machine.folder_type = file_system_of(folder);
  for (const auto& transport : tenon::transports()) {
    for (const auto& text : transport.limits) {
      const auto limit = fmt::format("{}: {}", transport.scheme, text);
      if (std::ranges::find(machine.limits, limit) == machine.limits.end()) machine.limits.push_back(limit);
    }
  }
  return machine;
}

NoiseMeter::NoiseMeter() : began_(ticks_now()), own_ns_(cpu_of_family_ns()) {}

NoiseMeter::Ticks NoiseMeter::ticks_now() {
  std::ifstream file("/proc/stat");
  std::string name;
  std::array<std::uint64_t, 8> columns{};  // user nice system idle iowait irq softirq steal: proc(5)
  file >> name;
  for (auto& column : columns) file >> column;
  if (!file) return {};
  Ticks ticks{0, columns[3] + columns[4], columns[7]};
  for (const auto column : columns) ticks.total += column;
  return ticks;
}

Noise NoiseMeter::read() const {
  const Ticks now = ticks_now();
  const auto total = static_cast<double>(now.total - began_.total);
  if (total <= 0) return {};
  const auto idle = static_cast<double>(now.idle - began_.idle);
  const auto steal = static_cast<double>(now.steal - began_.steal);
  const double per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double own = static_cast<double>(cpu_of_family_ns() - own_ns_) / 1e9 * per_second;
  return {steal / total, std::clamp((total - idle - steal - own) / total, 0.0, 1.0)};
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace bench
