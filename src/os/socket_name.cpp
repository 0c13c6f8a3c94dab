#include "os/socket_name.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/scope_exit.hpp"
#include "base/try.hpp"
#include "os/claim.hpp"
#include "os/port_holder.hpp"
#include "os/retry.hpp"
#include "os/socket_io.hpp"
#include "os/unix_address.hpp"
#include "os/users.hpp"

namespace tenon::os {
namespace {

constexpr std::string_view temporary_suffix = ".tenon";

struct Holder {
  bool alive = false;
  int pid = 0;  // 0: not known
};

/// The holder of a datagram socket, who does not show by a connection: by the name under which it was bound, in
/// the kernel's table of Unix sockets. 0 where it cannot be found.
int datagram_holder(const std::string& place) {
  std::ifstream table("/proc/self/net/unix");
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream columns(line);
    std::string address, references, protocol, flags, type, state, inode, name;
    columns >> address >> references >> protocol >> flags >> type >> state >> inode;
    std::getline(columns >> std::ws, name);
    if (type != "0002") continue;  // SOCK_DGRAM
    if (name == place || name == place + std::string(temporary_suffix)) return process_with_socket(inode);
  }
  return 0;
}

/// Asks by a connection of each type: the kernel refuses a type other than the holder's with EPROTOTYPE.
Result<Holder> ask(const Claim& claim, const UnixAddress& address) {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
    const Fd probe = TRY(make_socket(AF_UNIX, type, claim.operation, claim.place));
    if (retry([&] { return ::connect(probe.get(), address.get(), address.length()); }) == 0) {
      const auto peer = peer_credentials(probe.get());
      return Holder{true, peer ? peer->pid : datagram_holder(claim.place)};
    }
    if (errno == ECONNREFUSED || errno == ENOENT) return Holder{};
    if (errno != EPROTOTYPE) return Holder{true};  // EAGAIN: its queue is full; EACCES: cannot be told
  }
  return Holder{true};
}

Error in_use(const Claim& claim, Holder holder) {
  const std::string by = holder.pid != 0
                             ? "process " + std::to_string(holder.pid) + " listens there"
                             : "a process that does not tell its pid is bound there (see ss -xlp)";
  return claim.refuse(Errc::address_in_use, by + ": end it, or choose another place", EADDRINUSE);
}

/// Removes a name that nobody answers at; anything else that stands there is an error.
Result<void> make_way(const Claim& claim) {
  struct stat status{};
  if (::fstatat(claim.folder.get(), claim.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(claim.failed());
  }
  if (S_ISLNK(status.st_mode)) {
    return std::unexpected(claim.refuse(
        Errc::permission_denied, "a symbolic link stands there and is never followed: name the real path"));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return std::unexpected(
        claim.refuse(Errc::already_exists,
                     "it is " + std::string(kind_of_file(status.st_mode)) + ": choose another path"));
  }
  const auto address = UnixAddress::of_existing(claim.operation, claim.place);
  if (!address && address.error().code() == Errc::no_one_there) return {};  // its listener just went
  if (!address) return std::unexpected(address.error());
  const Holder holder = TRY(ask(claim, *address));
  const bool ours = status.st_uid == ::geteuid();
  if (holder.alive && (ours || holder.pid != 0)) return std::unexpected(in_use(claim, holder));
  if (!ours) {
    return std::unexpected(
        claim.refuse(Errc::permission_denied,
                     "a socket of " + describe_user(status.st_uid) + " is there: choose another path"));
  }
  if (::unlinkat(claim.folder.get(), claim.name.c_str(), 0) != 0 && errno != ENOENT) {
    return std::unexpected(claim.failed());
  }
  return {};
}

/// The name under which the socket is made ready. Fixed for a place, so that one left behind by a process
/// that was killed at this moment is found and removed by the next.
struct Temporary {
  std::string name;
  std::string path;  // at most UnixAddress::max_length bytes
};

Temporary temporary_for(const Claim& claim) {
  const std::string by_descriptor = "/proc/self/fd/" + std::to_string(claim.folder.get()) + "/";
  const std::string name = claim.name + std::string(temporary_suffix);
  if (name.size() <= NAME_MAX) {
    if (std::string path = claim.place + std::string(temporary_suffix);
        path.size() <= UnixAddress::max_length) {
      return {name, std::move(path)};
    }
    if (std::string path = by_descriptor + name; path.size() <= UnixAddress::max_length) {
      return {name, std::move(path)};
    }
  }
  const std::string hashed =
      std::to_string(std::hash<std::string>{}(claim.name)) + std::string(temporary_suffix);
  return {hashed, by_descriptor + hashed};
}

Result<struct stat> bind_temporary(const Claim& claim, int socket, const Temporary& temporary,
                                   const UnixListenOptions& options) {
  struct stat status{};
  const int folder = claim.folder.get();
  const char* name = temporary.name.c_str();
  if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(status.st_mode) &&
      status.st_uid == ::geteuid()) {
    ::unlinkat(folder, name, 0);
  }
  const UnixAddress address = UnixAddress::of_short_path(temporary.path);
  if (::bind(socket, address.get(), address.length()) != 0) {
    return std::unexpected(
        claim.failed(errno == EADDRINUSE ? "remove " + temporary.name + " from its folder" : ""));
  }
  base::ScopeExit undo([&] { ::unlinkat(folder, name, 0); });
  if (options.group >= 0 && ::fchownat(folder, name, static_cast<uid_t>(-1),
                                       static_cast<gid_t>(options.group), AT_SYMLINK_NOFOLLOW) != 0) {
    return std::unexpected(
        claim.failed("the owner of a file may give it only to a group that he is a member of: group " +
                     std::to_string(options.group)));
  }
  if (::fchmodat(folder, name, options.mode, 0) != 0 ||
      ::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      (options.type != SocketType::datagram && ::listen(socket, options.backlog) != 0)) {
    return std::unexpected(claim.failed());
  }
  undo.dismiss();
  return status;
}

/// Gives the finished socket its name; a name that another program made in the meantime is looked at again.
Result<void> publish(const Claim& claim, const Temporary& temporary) {
  const int folder = claim.folder.get();
  base::ScopeExit undo([&] { ::unlinkat(folder, temporary.name.c_str(), 0); });
  for (int attempt = 0;; ++attempt) {
    int done = ::renameat2(folder, temporary.name.c_str(), folder, claim.name.c_str(), RENAME_NOREPLACE);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS)) {  // not every file system can
      done = ::renameat(folder, temporary.name.c_str(), folder, claim.name.c_str());
    }
    if (done == 0) break;
    if (errno != EEXIST || attempt == 3) return std::unexpected(claim.failed());
    TRY(make_way(claim));
  }
  undo.dismiss();
  return {};
}

Result<void> take_abstract(const Claim& claim, int socket, const UnixListenOptions& options) {
  const UnixAddress address = TRY(UnixAddress::of_abstract(claim.operation, claim.place));
  if (::bind(socket, address.get(), address.length()) != 0) {
    if (errno != EADDRINUSE) return std::unexpected(claim.failed());
    Holder holder = TRY(ask(claim, address));
    if (holder.pid == 0) holder.pid = datagram_holder(claim.place);  // each type has names of its own
    return std::unexpected(in_use(claim, holder));
  }
  if (options.type != SocketType::datagram && ::listen(socket, options.backlog) != 0) {
    return std::unexpected(claim.failed());
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SocketName>> SocketName::take(std::string_view operation, int socket,
                                                     std::string_view place,
                                                     const UnixListenOptions& options) {
  if ((options.mode & ~0777u) != 0) {
    return std::unexpected(
        Error(Errc::invalid_argument, operation, std::string(place), "the mode has bits beyond 0777"));
  }
  if (!is_abstract(place)) return take_path(operation, socket, place, options);
  TRY(take_abstract(Claim{operation, "socket", std::string(place)}, socket, options));
  return nullptr;
}

Result<std::unique_ptr<SocketName>> SocketName::take_path(std::string_view operation, int socket,
                                                          std::string_view place,
                                                          const UnixListenOptions& options) {
  Claim claim = TRY(Claim::open(operation, "socket", place));
  TRY(claim.lock());
  // By the descriptor: claim is moved from below.
  const base::ScopeExit unlock([folder = claim.folder.get()] { ::flock(folder, LOCK_UN); });
  TRY(make_way(claim));
  const Temporary temporary = temporary_for(claim);
  const struct stat made = TRY(bind_temporary(claim, socket, temporary, options));
  TRY(publish(claim, temporary));
  return std::unique_ptr<SocketName>(new SocketName(std::move(claim.place), std::move(claim.folder),
                                                    std::move(claim.name), made.st_dev, made.st_ino));
}

SocketName::~SocketName() {
  struct stat status{};
  if (::fstatat(folder_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      status.st_dev == device_ && status.st_ino == inode_) {
    ::unlinkat(folder_.get(), name_.c_str(), 0);
  }
}

}  // namespace tenon::os
