// What is measured: a row for every transport of the table, those with several types once for each, and one for each
// way of another library that is installed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tenon/traits.hpp>

#include "bench/link.hpp"
#include "bench/workload.hpp"

namespace bench {

struct Row {
  std::string name;     ///< "unix", "unix seqpacket"
  std::string scheme;   ///< "unix"
  std::string options;  ///< of its addresses: "type=seqpacket"
  tenon::Traits traits;
  std::string peer{};  ///< another library's version; empty for ours
};

/// In the order of tenon::transports(), then the peers. Those have only what is about links, and no floors.
std::vector<Row> all_rows();

/// Larger messages are measured in place alone.
inline constexpr std::size_t most_copied = 64 << 20;

/// Larger ones are not measured in place over mmap: its file has eight times as much.
inline constexpr std::size_t most_in_mapped_file = 16 << 20;

/// Why `row` or, `floor`, its floor cannot carry this; empty if it can.
std::string obstacle(const Row& row, bool floor, Workload workload, std::size_t size);

/// Makes the place where the two sides of `row` or, `floor`, its floor meet.
tenon::Result<MeetingPtr> prepare(const Row& row, bool floor, const Setting& setting);

}  // namespace bench
