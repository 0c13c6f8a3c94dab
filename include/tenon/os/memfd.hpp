// Shared memory without a name: a file that lives in memory, reached by its descriptor only
// (memfd_create(2)).
//
// Owns the descriptor. It is handed on by inheriting it or over a Unix socket; when the last descriptor and
// the last mapping are gone, so is the memory: nothing can be left behind by kill -9.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/mapping.hpp>

namespace tenon::os {

/// What nobody, not even the owner, may do to the memory any more: a set, joined with `|`. Seals are added
/// and never taken away; the numbers are the system's (fcntl(2), F_ADD_SEALS).
enum class Seals : std::uint32_t {
  none = 0,
  seal = 0x1,           ///< add seals
  shrink = 0x2,         ///< make it shorter: a peer can no longer raise SIGBUS in a mapping of ours
  grow = 0x4,           ///< make it longer
  write = 0x8,          ///< change the bytes; needs that no writable mapping exists
  future_write = 0x10,  ///< write() it, map it writable, punch holes; a writable mapping that exists goes on
};
constexpr Seals operator|(Seals a, Seals b) noexcept {
  return static_cast<Seals>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
/// All of `wanted` are in `seals`.
constexpr bool contains(Seals seals, Seals wanted) noexcept {
  return (seals | wanted) == seals;
}
/// E.g. `shrink, grow`; `none`.
TENON_EXPORT std::string to_string(Seals seals);

/// Shared memory without a name. Move-only. Threads: const members may be called together.
class TENON_EXPORT Memfd {
 public:
  enum class Sealing : std::uint8_t { allowed, forbidden };
  /// Of what the memory consists: huge pages have 2 MiB and spare page faults and address look-ups in memory of
  /// many megabytes. They are a wish: where none is left, or huge_pages_allowed() says no, pages are small.
  enum class Pages : std::uint8_t { small, huge };

  /// What adopt() demands of memory that comes from a peer. The defaults keep a peer from raising SIGBUS in
  /// us by cutting it short, and us from mapping what was never allocated.
  struct Demands {
    Seals seals = Seals::shrink | Seals::grow;
    std::size_t min_size = 1;
    std::size_t max_size = std::size_t{1} << 30;
    bool allocated = true;  ///< no holes; only with Seals::write or future_write does that stay true
  };

  /// `size` bytes of zeros (at least 1), really allocated, mode 0600, close-on-exec, not executable where the
  /// kernel can say so (MFD_NOEXEC_SEAL, Linux 6.3). `name` is for people: it shows in /proc/PID/maps and
  /// /proc/PID/fd as `memfd:name`, and need not be unique.
  /// Errors: invalid_argument (`size` 0, a name above 249 bytes), resource_limit (memory, with what is needed
  /// and what is free; ulimit -f; descriptors).
  static Result<Memfd> create(const std::string& name, std::size_t size, Sealing sealing = Sealing::allowed,
                              Pages pages = Pages::small);
  /// Whether this machine gives huge pages to shared memory that asks for them:
  /// /sys/kernel/mm/transparent_hugepage/shmem_enabled. Errors: unsupported, with what the administrator can do.
  static Result<void> huge_pages_allowed();

  /// Takes memory that somebody else made, if it is what `demands` say. Closes `fd` if not.
  /// Errors: protocol_violation (no such memory, not sealed, too small, too large, with holes).
  static Result<Memfd> adopt(Fd fd, const Demands& demands);
  static Result<Memfd> adopt(Fd fd) { return adopt(std::move(fd), Demands()); }

  /// Forbids what `seals` say, for everyone and for good.
  /// Errors: permission_denied (sealing is forbidden, or was sealed itself), system_error (EBUSY:
  /// Seals::write while a writable mapping exists: drop it, or use future_write).
  Result<void> seal(Seals seals);
  Result<Seals> seals() const;

  /// All of it. Errors: those of Mapping::map(): permission_denied for read_write after Seals::write or
  /// future_write.
  Result<Mapping> map(Access access) const { return Mapping::map(fd_.get(), size_, access); }

  /// As created or adopted: whoever may write could change it, unless it is sealed.
  std::size_t size() const noexcept { return size_; }
  const Fd& fd() const noexcept { return fd_; }
  /// Gives the descriptor away.
  Fd release() noexcept { return std::move(fd_); }

 private:
  Memfd(Fd fd, std::size_t size) noexcept : fd_(std::move(fd)), size_(size) {}

  Fd fd_;
  std::size_t size_;
};

}  // namespace tenon::os
