#include "bench/os/placement.hpp"

#include <sched.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bench {
namespace {

using tenon::Errc;
using tenon::Error;

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

/// The hardware threads of the core of `cpu`, as the system writes them; its number where that is not known.
std::string core_of(int cpu) {
  std::string siblings;
  std::ifstream(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu)) >> siblings;
  return siblings.empty() ? std::to_string(cpu) : siblings;
}

std::vector<int> two_of(const std::vector<int>& cpus) {
  for (const int other : cpus) {
    if (core_of(other) != core_of(cpus.front())) return {cpus.front(), other};
  }
  return {cpus[0], cpus[1]};  // threads of one core: describe() says so
}

/// "A,B", both allowed.
bool read_pair(std::string_view text, const std::vector<int>& allowed, std::vector<int>& into) {
  const auto comma = text.find(',');
  if (comma == std::string_view::npos) return false;
  for (const auto part : {text.substr(0, comma), text.substr(comma + 1)}) {
    int cpu = -1;
    const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), cpu);
    if (failure != std::errc{} || end != part.data() + part.size()) return false;
    if (std::ranges::find(allowed, cpu) == allowed.end()) return false;
    into.push_back(cpu);
  }
  return true;
}

}  // namespace

tenon::Result<Placement> Placement::parse(std::string_view text) {
  const auto allowed = allowed_cpus();
  Placement placement;
  placement.allowed_ = allowed.size();
  placement.name_ = !text.empty() ? std::string(text) : allowed.size() > 1 ? "two-cores" : "same-core";
  const std::string wrong = fmt::format("this process may use CPU {}", fmt::join(allowed, ", "));
  if (placement.name_ == "none") return placement;
  if (placement.name_ == "same-core") {
    placement.cpus_ = {allowed.front()};
    return placement;
  }
  if (placement.name_ == "two-cores") {
    if (allowed.size() < 2)
      return std::unexpected(Error(Errc::invalid_argument, "place", placement.name_, wrong + " alone"));
    placement.cpus_ = two_of(allowed);
    return placement;
  }
  if (read_pair(placement.name_, allowed, placement.cpus_)) return placement;
  return std::unexpected(Error(Errc::invalid_argument, "place", placement.name_,
                               "write same-core, two-cores, none, or two CPUs as 0,1; " + wrong));
}

tenon::Result<void> Placement::apply(unsigned side) const {
  if (cpus_.empty()) return {};
  cpu_set_t set;
  CPU_ZERO(&set);
  const int cpu = cpus_[side % cpus_.size()];
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) == 0) return {};
  return std::unexpected(Error::from_errno("run on", fmt::format("CPU {}", cpu), errno));
}

bool Placement::one_cpu() const noexcept {
  if (cpus_.empty()) return allowed_ == 1;
  return cpus_.front() == cpus_.back();
}

std::string Placement::describe() const {
  if (cpus_.empty()) return fmt::format("wherever the scheduler puts them ({} CPUs)", allowed_);
  if (one_cpu()) return fmt::format("one CPU ({}), where they take turns", cpus_.front());
  const bool one_core = core_of(cpus_[0]) == core_of(cpus_[1]);
  return fmt::format("CPUs {} and {}, {}", cpus_[0], cpus_[1],
                     one_core ? "threads of one core" : "two cores");
}

}  // namespace bench
