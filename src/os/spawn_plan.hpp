// Between fork and exec: what a child does there, and what must be ready before, since only async-signal-safe
// calls are allowed then (signal-safety(7)).
#pragma once

#include <sys/types.h>
#include <string>
#include <vector>

#include <tenon/os/process.hpp>

namespace tenon::os {

/// Where the child failed, as it tells its parent.
enum class SpawnStage { descriptors, parent_death, exec };

struct SpawnFailure {
  SpawnStage stage;
  int system_errno;
};

/// All that the child needs, made before the fork: between fork and exec only async-signal-safe calls are
/// allowed.
struct SpawnPlan {
  std::vector<std::string> environment_texts;
  std::vector<std::string> candidate_texts;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<const char*> candidates;
  std::vector<SpawnOptions::Given> descriptors;
  std::string path;  ///< where the program was looked for; empty if it was named by its path
  int first_free = 3;
  bool die_with_parent = false;
  pid_t parent = 0;
};

/// Checks `options` and looks up everything that needs memory.
Result<SpawnPlan> make_spawn_plan(const SpawnOptions& options);

/// The child's part. Waits for one byte on `report_fd` (a SOCK_SEQPACKET socket), then becomes the program,
/// which closes `report_fd`, or reports a SpawnFailure there and exits.
[[noreturn]] void run_child(SpawnPlan& plan, int report_fd) noexcept;

}  // namespace tenon::os
