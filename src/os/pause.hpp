// A moment for the CPU while it spins. Not public.
#pragma once

namespace tenon::os {

/// Tells the CPU that this is a loop that waits: it saves power, and leaves more to a sibling thread.
inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace tenon::os
