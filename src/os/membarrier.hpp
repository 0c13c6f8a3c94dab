// Fences that only the rare side of a pair pays for. membarrier(2), MEMBARRIER_CMD_GLOBAL_EXPEDITED. Not public.
//
// Two threads that each store one word and then load the other's (Dekker's pattern) both need a full fence between
// the two. If one of them does this often and the other seldom, the seldom one may run heavy_fence(), which is a
// full fence in every running thread of every registered process; for the often one a compiler fence is then
// enough.
#pragma once

namespace tenon::os {

/// From now on other processes' heavy_fence() reaches this one. False where the kernel cannot do it: then both
/// sides need their own fences. To be called again after fork(2); costs one short system call.
bool reach_by_heavy_fences() noexcept;

/// A full fence here, and in every thread of a registered process. False when it did not happen (a system call
/// filter that came later, say).
bool heavy_fence() noexcept;

}  // namespace tenon::os
