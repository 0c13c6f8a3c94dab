// Makes the k-th system call or allocation of this thread fail, or short, without a hook in the code under
// test: the test binary defines the C library's functions itself and passes the calls on.
#pragma once

#include <cstdint>

namespace tenon::test {

/// While it lives, faults happen in the thread that made it. One at a time.
class Faults {
 public:
  /// The `number`-th call from now on (counted from 1) fails with `error`; with `sticky` all later ones too.
  static Faults in_call(int number, int error, bool sticky = false);
  /// The `number`-th allocation throws std::bad_alloc (or is null where that was asked for).
  static Faults in_allocation(int number);
  /// Reads and writes on byte streams are cut to a random part, and one call in `eintr_every` fails with
  /// EINTR.
  static Faults short_transfers(std::uint64_t seed, int eintr_every);
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;
  ~Faults();

  /// Whether the fault has happened: if not, there are fewer calls than its number.
  bool happened() const noexcept;

 private:
  Faults() noexcept = default;
};

/// For faults_allocation.cpp: whether this allocation is the one.
bool allocation_fails() noexcept;

}  // namespace tenon::test
