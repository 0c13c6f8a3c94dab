#include "os/membarrier.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tenon::os {
namespace {

bool membarrier(int command) noexcept {
  return ::syscall(SYS_membarrier, command, 0, 0) == 0;
}

}  // namespace

bool reach_by_heavy_fences() noexcept {
  return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}

bool heavy_fence() noexcept {
  return membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

}  // namespace tenon::os
