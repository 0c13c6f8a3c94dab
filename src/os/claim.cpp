#include "os/claim.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/try.hpp"
#include "os/backoff.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_lock_wait = 1s;

Result<Claim> parse(std::string_view operation, std::string_view noun, std::string_view place) {
  const std::size_t slash = place.rfind('/');
  Claim claim{operation, noun, std::string(place), ".",
              std::string(place.substr(slash == place.npos ? 0 : slash + 1))};
  if (slash != place.npos) claim.folder_path = place.substr(0, std::max<std::size_t>(slash, 1));
  if (claim.name.empty() || claim.name == "." || claim.name == ".." || place.find('\0') != place.npos) {
    return std::unexpected(
        claim.refuse(Errc::invalid_argument, "the path must end in the name of the " + std::string(noun)));
  }
  return claim;
}

}  // namespace

Error Claim::failed(std::string advice) const {
  return Error::from_errno(operation, place, errno, std::move(advice));
}

Result<Claim> Claim::open(std::string_view operation, std::string_view noun, std::string_view place) {
  Claim claim = TRY(parse(operation, noun, place));
  claim.folder =
      Fd(retry([&] { return ::open(claim.folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!claim.folder) {
    return std::unexpected(claim.failed(errno == ENOENT ? "create the folder " + claim.folder_path + " first"
                                        : errno == ENAMETOOLONG
                                            ? "a path has at most " + std::to_string(PATH_MAX - 1) + " bytes"
                                            : ""));
  }
  struct stat status{};
  if (::fstat(claim.folder.get(), &status) != 0) return std::unexpected(claim.failed());
  if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0) {
    return std::unexpected(
        claim.refuse(Errc::permission_denied, "everyone may write to the folder " + claim.folder_path +
                                                  " and could put another " + std::string(noun) +
                                                  " there: chmod o-w it, or choose another folder"));
  }
  const long longest = ::fpathconf(claim.folder.get(), _PC_NAME_MAX);
  if (longest > 0 && claim.name.size() > static_cast<std::size_t>(longest)) {
    return std::unexpected(claim.refuse(Errc::invalid_argument,
                                        "a name in this folder has at most " + std::to_string(longest) +
                                            " bytes, this has " + std::to_string(claim.name.size()),
                                        ENAMETOOLONG));
  }
  return claim;
}

int Claim::try_lock() const noexcept {
  Backoff backoff(Deadline::in(longest_lock_wait));
  while (retry([&] { return ::flock(folder.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return errno;
    if (!backoff.pause()) return ETIMEDOUT;
  }
  return 0;
}

Result<void> Claim::lock() const {
  errno = try_lock();
  if (errno == 0) return {};
  if (errno != ETIMEDOUT) return std::unexpected(failed());
  return std::unexpected(
      refuse(Errc::timed_out, "another process has held a lock on the folder " + folder_path +
                                  " for 1 s: find it with lslocks, or choose another folder"));
}

void Claim::unlock() const noexcept {
  ::flock(folder.get(), LOCK_UN);
}

}  // namespace tenon::os
