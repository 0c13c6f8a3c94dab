#include <tenon/os/fifo.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include <tenon/os/pipe.hpp>

#include "base/try.hpp"
#include "os/backoff.hpp"
#include "os/place.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

Error already_there(const std::string& path) {
  struct stat there{};
  const bool fifo = ::lstat(path.c_str(), &there) == 0 && S_ISFIFO(there.st_mode);
  return Error::from_errno(
      "create named pipe", path, EEXIST,
      fifo ? "if no program uses it (fuser names them), remove it with rm; or open it instead"
           : "it is no named pipe: choose another path");
}

/// Whoever cancels knows why; whoever ran out of time learns what was missing.
Error gave_up(const Error& why, std::string_view operation, const std::string& path, const char* missing) {
  return why.with(operation, path, why.code() == Errc::timed_out ? missing : "");
}

/// A writer holds the pipe open, or has left bytes: tee(2) looks without taking. 0 means "no writer", EAGAIN
/// "nothing from a writer yet".
Result<bool> has_writer(int reader, const Pipe& scratch) {
  const ssize_t seen = retry([&] { return ::tee(reader, scratch.write_end.get(), 1, SPLICE_F_NONBLOCK); });
  if (seen < 0 && errno != EAGAIN)
    return std::unexpected(Error::from_errno("look into", "named pipe", errno));
  return seen != 0;
}

Result<void> wait_for_writer(int reader, Deadline deadline) {
  const Pipe scratch = TRY(Pipe::create());
  Backoff backoff(deadline);
  for (;;) {
    if (TRY(has_writer(reader, scratch))) return {};
    // Readable while empty: one came and left again.
    if (wait_for(reader, Wait::readable, Deadline::now())) return {};
    TRY(backoff.pause(reader));
  }
}

}  // namespace

Result<Fifo> Fifo::create(std::string path, unsigned mode) {
  constexpr std::string_view operation = "create named pipe";
  if (::mkfifo(path.c_str(), mode & 0700U) != 0) {
    const int cause = errno;
    if (cause == EEXIST) return std::unexpected(already_there(path));
    return std::unexpected(
        Error::from_errno(operation, path, cause, cause == ENOENT ? "make its folder first" : ""));
  }
  auto itself = open_place(operation, path, O_PATH, S_IFIFO, Trust::own_or_root);
  if (!itself) {
    if (itself.error().code() == Errc::resource_limit) ::unlink(path.c_str());  // else it is no longer ours
    return std::unexpected(std::move(itself).error());
  }
  Fifo made(OwnedName(std::move(path), *std::move(itself)));
  TRY(set_mode(made.name_.descriptor(), mode, operation, made.path()));
  return made;
}

Result<Fd> Fifo::open_reader_at_once(const std::string& path, Trust trust) {
  return open_place("open read end", path, O_RDONLY, S_IFIFO, trust);
}

Result<Fd> Fifo::open_reader(const std::string& path, Deadline deadline, Trust trust) {
  Fd reader = TRY(open_reader_at_once(path, trust));
  if (auto came = wait_for_writer(reader.get(), deadline); !came) {
    return std::unexpected(
        gave_up(came.error(), "open read end", path, "no program has opened it for writing"));
  }
  return reader;
}

Result<Fd> Fifo::open_writer(const std::string& path, Deadline deadline, Trust trust) {
  constexpr std::string_view operation = "open write end";
  Backoff backoff(deadline);
  for (;;) {
    auto opened = open_place(operation, path, O_WRONLY, S_IFIFO, trust);
    if (opened || opened.error().system_errno() != ENXIO) return opened;
    if (auto paused = backoff.pause(); !paused) {
      return std::unexpected(
          gave_up(paused.error(), operation, path, "no program has opened it for reading"));
    }
  }
}

Result<Fd> Fifo::open_both(const std::string& path, Trust trust) {
  return open_place("open both ends", path, O_RDWR, S_IFIFO, trust);
}

}  // namespace tenon::os
