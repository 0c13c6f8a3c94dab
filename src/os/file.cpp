#include <tenon/os/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <limits>

#include "base/try.hpp"
#include "os/place.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

/// The system counts in off_t: an offset that it cannot express lies beyond every file.
bool fits(std::uint64_t offset) noexcept {
  return offset <= std::numeric_limits<off_t>::max();
}

}  // namespace

Error File::failed(std::string_view operation, int cause) const {
  return Error::from_errno(operation, path_, cause);
}

Result<File> File::create(std::string path, unsigned mode) {
  constexpr std::string_view operation = "create file";
  constexpr int flags = O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(retry([&] { return ::open(path.c_str(), flags, mode & 0700U); }));
  if (!fd) {
    const int cause = errno;
    return std::unexpected(
        Error::from_errno(operation, std::move(path), cause,
                          cause == EEXIST ? "open it instead, or remove it if nobody uses it" : ""));
  }
  if (auto set = set_mode(fd.get(), mode, operation, path); !set) {
    ::unlink(path.c_str());
    return std::unexpected(std::move(set).error());
  }
  return File(std::move(path), std::move(fd));
}

Result<File> File::open(std::string path, Access access, Trust trust) {
  const int flags = access == Access::read ? O_RDONLY : O_RDWR | O_APPEND;
  Fd fd = TRY(open_place("open file", path, flags, S_IFREG, trust));
  return File(std::move(path), std::move(fd));
}

Error File::cut_append(std::size_t done, std::size_t size, std::uint64_t end, int cause) const {
  if (done == 0) return failed("append to", cause);
  return Error::from_errno("append to", path_, cause,
                           "only " + std::to_string(done) + " of " + std::to_string(size) +
                               " bytes were written, up to byte " + std::to_string(end) +
                               " of the file: cut it before them, make room, and append again");
}

Result<void> File::append(ByteView bytes) {
  std::size_t done = 0;
  off_t end = 0;
  while (done < bytes.size()) {
    const ByteView rest = bytes.subspan(done);
    const ssize_t put = retry([&] { return ::write(fd_.get(), rest.data(), rest.size()); });
    if (put <= 0) {
      return std::unexpected(
          cut_append(done, bytes.size(), static_cast<std::uint64_t>(end), put < 0 ? errno : ENOSPC));
    }
    if (done == 0 && static_cast<std::size_t>(put) == bytes.size()) return {};
    const off_t new_end = ::lseek(fd_.get(), 0, SEEK_CUR);
    if (done != 0 && new_end - put != end) {
      return std::unexpected(
          Error(Errc::system_error, "append to", path_,
                "the system took the bytes in two parts, and another program appended between "
                "them: let each hold a lock while it appends"));
    }
    done += static_cast<std::size_t>(put);
    end = new_end;
  }
  return {};
}

Result<std::size_t> File::read_at(std::uint64_t offset, ByteSpan buffer) const {
  std::size_t done = 0;
  while (done < buffer.size() && fits(offset + done)) {
    const ByteSpan rest = buffer.subspan(done);
    const auto from = static_cast<off_t>(offset + done);
    const ssize_t got = retry([&] { return ::pread(fd_.get(), rest.data(), rest.size(), from); });
    if (got < 0) return std::unexpected(failed("read from", errno));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<void> File::read_record(std::uint64_t offset, ByteSpan record, Deadline deadline) {
  if (!fits(offset) || !fits(offset + record.size()))
    return std::unexpected(failed("read a record from", EINVAL));
  while (TRY(size()) < offset + record.size() || TRY(read_at(offset, record)) < record.size()) {
    if (!watch_) {
      watch_ = TRY(FileWatch::of_open_file(fd_.get()));
      continue;  // what came before the watch is seen by looking once more
    }
    if (auto event = watch_->next(deadline); !event) {
      const bool late = event.error().code() == Errc::timed_out;
      return std::unexpected(
          event.error().with("read a record from", path_, late ? "nobody has appended one" : ""));
    }
  }
  return {};
}

Result<std::uint64_t> File::size() const {
  struct stat found{};
  if (::fstat(fd_.get(), &found) != 0) return std::unexpected(failed("get size of", errno));
  return static_cast<std::uint64_t>(found.st_size);
}

Result<void> File::truncate(std::uint64_t size) {
  if (!fits(size)) return std::unexpected(failed("truncate", EFBIG));
  if (retry([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) == 0) return {};
  return std::unexpected(failed("truncate", errno));
}

Result<void> File::sync() {
  if (retry([&] { return ::fdatasync(fd_.get()); }) == 0) return {};
  return std::unexpected(failed("sync", errno));
}

Result<void> File::sync_name() const {
  const std::size_t slash = path_.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  const Fd opened(retry([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (opened && ::fsync(opened.get()) == 0) return {};
  return std::unexpected(Error::from_errno("sync folder", folder, errno));
}

Result<FileLock> File::lock(LockKind kind, Deadline deadline) const {
  return FileLock::acquire(fd_.get(), kind, deadline, path_);
}

Result<OwnedName> File::own_name() const {
  return OwnedName(path_, TRY(fd_.duplicate()));
}

}  // namespace tenon::os
