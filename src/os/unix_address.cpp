#include "os/unix_address.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

Error refuse(Errc code, std::string_view operation, std::string_view place, std::string advice) {
  return {code, operation, std::string(place), std::move(advice)};
}

}  // namespace

UnixAddress UnixAddress::of_short_path(std::string_view path) noexcept {
  UnixAddress made;
  path.copy(made.address_.sun_path, max_length);
  made.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return made;
}

Result<UnixAddress> UnixAddress::of_abstract(std::string_view operation, std::string_view place) {
  const std::string_view name = place.substr(1);
  if (name.empty())
    return std::unexpected(refuse(Errc::invalid_argument, operation, place, "a name is missing after @"));
  if (name.size() > max_length) {
    return std::unexpected(refuse(Errc::invalid_argument, operation, place,
                                  "an abstract name has at most " + std::to_string(max_length) +
                                      " bytes, this has " + std::to_string(name.size())));
  }
  UnixAddress made;
  name.copy(made.address_.sun_path + 1, max_length);
  made.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return made;
}

Result<UnixAddress> UnixAddress::of_existing(std::string_view operation, std::string_view place) {
  if (is_abstract(place)) return of_abstract(operation, place);
  if (place.empty() || place.find('\0') != place.npos) {
    return std::unexpected(
        refuse(Errc::invalid_argument, operation, place, "the path is empty or contains a zero byte"));
  }
  const std::string path(place);
  Fd object(retry([&] { return ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); }));
  if (!object && errno == ENOENT) {
    return std::unexpected(
        Error(Errc::no_one_there, operation, std::string(place), "start the listener first", ENOENT));
  }
  struct stat status{};
  if (!object || ::fstat(object.get(), &status) != 0) {
    return std::unexpected(Error::from_errno(operation, std::string(place), errno));
  }
  if (S_ISLNK(status.st_mode)) {
    return std::unexpected(refuse(Errc::permission_denied, operation, place,
                                  "a symbolic link stands there and is never followed: name the real path"));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return std::unexpected(refuse(Errc::invalid_argument, operation, place,
                                  "it is " + std::string(kind_of_file(status.st_mode)) + ", not a socket"));
  }
  const std::string by_descriptor = "/proc/self/fd/" + std::to_string(object.get());
  if (place.size() <= max_length && ::access(by_descriptor.c_str(), F_OK) != 0) {
    return of_short_path(place);  // no /proc here, as in some chroots
  }
  UnixAddress made = of_short_path(by_descriptor);
  made.object_ = std::move(object);
  return made;
}

std::string place_of(const sockaddr_un& address, socklen_t length) {
  constexpr std::size_t header = offsetof(sockaddr_un, sun_path);
  if (length <= header) return {};
  const std::string_view name(address.sun_path,
                              std::min<std::size_t>(length - header, sizeof address.sun_path));
  if (name.front() == '\0') return "@" + std::string(name.substr(1));
  return std::string(name.substr(0, name.find('\0')));
}

int kernel_type(SocketType type) noexcept {
  switch (type) {
    case SocketType::stream:
      return SOCK_STREAM;
    case SocketType::datagram:
      return SOCK_DGRAM;
    case SocketType::seqpacket:
      return SOCK_SEQPACKET;
  }
  return SOCK_STREAM;
}

std::string_view kind_of_file(unsigned mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a regular file";
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a named pipe";
    case S_IFLNK:
      return "a symbolic link";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

}  // namespace tenon::os
