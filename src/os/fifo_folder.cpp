#include "os/fifo_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/scope_exit.hpp"
#include "base/try.hpp"
#include "os/fifo_place.hpp"
#include "os/place.hpp"
#include "os/retry.hpp"
#include "os/users.hpp"

namespace tenon::os {
namespace {

constexpr std::string_view folder_suffix = ".tenon";
constexpr std::string_view to_listener = ".up";
constexpr std::string_view from_listener = ".down";
constexpr std::string_view digits = "0123456789abcdef";

// Between users the secret name is what protects a pipe; both classes of bits are needed, since the listener may
// be of the pipe's group.
constexpr unsigned own_mode = 0600;
constexpr unsigned up_mode = 0644;
constexpr unsigned down_mode = 0622;

/// Of one of a client's pipes. Needs no memory, since names are removed by destructors too.
class PipeName {
 public:
  PipeName(const FifoToken& token, std::string_view suffix) noexcept {
    std::ranges::copy(suffix, std::ranges::copy(token, text_.begin()).out);
  }
  const char* text() const noexcept { return text_.data(); }

 private:
  std::array<char, FifoToken().size() + from_listener.size() + 1> text_{};
};

void remove_pipes(int folder, const FifoToken& token) noexcept {
  for (const auto suffix : {to_listener, from_listener})
    ::unlinkat(folder, PipeName(token, suffix).text(), 0);
}

bool is_clients_name(std::string_view name) noexcept {
  if (name == FifoFolder::door_name) return true;
  const std::size_t size = FifoToken().size();
  return name.size() > size && name.find_first_not_of(digits) == size &&
         (name.substr(size) == to_listener || name.substr(size) == from_listener);
}

unsigned folder_mode(unsigned mode) noexcept {
  const unsigned others = ((mode & 0020U) != 0 ? 0030U : 0U) | ((mode & 0002U) != 0 ? 0003U : 0U);
  return 0700U | others | (others != 0 ? 01000U : 0U);
}

}  // namespace

Result<FifoToken> random_token() {
  std::array<unsigned char, FifoToken().size() / 2> bytes;
  const ssize_t got = retry([&] { return ::getrandom(bytes.data(), bytes.size(), 0); });
  if (got != static_cast<ssize_t>(bytes.size())) {
    return std::unexpected(Error::from_errno("choose", "a random name", got < 0 ? errno : EIO));
  }
  FifoToken token;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    token[2 * i] = digits[bytes[i] / 16U];
    token[2 * i + 1] = digits[bytes[i] % 16U];
  }
  return token;
}

// ---- The listener's side

Result<FifoFolder> FifoFolder::make(const Claim& claim, unsigned mode, int group) {
  const std::string name = claim.name + std::string(folder_suffix);
  if (::mkdirat(claim.folder.get(), name.c_str(), 0700) != 0 && errno != EEXIST) {
    return std::unexpected(claim.failed());
  }
  base::ScopeExit undo([&] { ::unlinkat(claim.folder.get(), name.c_str(), AT_REMOVEDIR); });
  const Fd itself(retry([&] {
    return ::openat(claim.folder.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }));
  struct stat status{};
  if (!itself && errno == ENOTDIR) {
    return std::unexpected(claim.refuse(
        Errc::already_exists,
        name + " beside it is no folder, and clients need one of that name: choose another path"));
  }
  if (!itself || ::fstat(itself.get(), &status) != 0) return std::unexpected(claim.failed());
  if (status.st_uid != ::geteuid()) {
    return std::unexpected(
        claim.refuse(Errc::permission_denied, "the folder " + name + " beside it belongs to " +
                                                  describe_user(status.st_uid) + ": choose another path"));
  }
  TRY(give_group(itself.get(), group, claim));
  TRY(set_mode(itself.get(), folder_mode(mode), claim.operation, claim.place));
  Fd fd(reopen(itself.get(), O_RDONLY | O_DIRECTORY));
  if (!fd) return std::unexpected(claim.failed());
  Fd reserve = TRY(duplicate(fd.get()));
  FifoFolder folder(name, std::move(fd), std::move(reserve), folder_mode(mode) != 0700U);
  folder.sweep();
  undo.dismiss();
  return folder;
}

void FifoFolder::sweep() const noexcept {
  Fd listing(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* const stream = listing ? ::fdopendir(listing.get()) : nullptr;
  if (stream == nullptr) return;
  static_cast<void>(listing.release());  // the stream's now
  while (const dirent* entry = ::readdir(stream)) {
    if (is_clients_name(entry->d_name)) ::unlinkat(fd_.get(), entry->d_name, 0);
  }
  ::closedir(stream);
}

void FifoFolder::remove(const Claim& claim) noexcept {
  constexpr int attempts = 3;  // a client may just have made its pipes
  struct stat ours{};
  struct stat there{};
  if (::fstat(fd_.get(), &ours) != 0 ||
      ::fstatat(claim.folder.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0 ||
      ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) {
    return;
  }
  for (int attempt = 0; attempt < attempts; ++attempt) {
    sweep();
    if (::unlinkat(claim.folder.get(), name_.c_str(), AT_REMOVEDIR) == 0 || errno != ENOTEMPTY) return;
  }
}

Result<Fd> FifoFolder::open_checked(const char* name, int access, unsigned allowed) const {
  constexpr int always = O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
  Fd fd(retry([&] { return ::openat(fd_.get(), name, access | always); }));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    const bool no_resources = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    return std::unexpected(no_resources ? Error::from_errno("accept", name, errno)
                                        : Error(Errc::no_one_there, "accept", name, {}, errno));
  }
  const bool ours = status.st_uid == ::geteuid();
  const bool owner_may_enter = ours || status.st_uid == 0 || others_;
  if (S_ISFIFO(status.st_mode) && status.st_nlink == 1 && owner_may_enter &&
      (status.st_mode & 07777U & ~(ours ? own_mode : allowed)) == 0) {
    return fd;
  }
  return std::unexpected(Error(Errc::no_one_there, "accept", name));
}

Result<FifoEnds> FifoFolder::open(const FifoToken& token) {
  auto in = open_checked(PipeName(token, to_listener).text(), O_RDONLY, up_mode);
  auto out = in ? open_checked(PipeName(token, from_listener).text(), O_WRONLY, down_mode)
                : std::unexpected(in.error());
  if (!out) {
    in = Fd();
    turn_away(token);
  }
  remove_pipes(fd_.get(), token);
  if (!out) return std::unexpected(std::move(out).error());
  return FifoEnds{std::move(*in), std::move(*out)};
}

/// A writer that comes and goes is the end of what the client reads.
void FifoFolder::turn_away(const FifoToken& token) noexcept {
  reserve_.reset();
  constexpr int flags = O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
  {
    const Fd end(::openat(fd_.get(), PipeName(token, from_listener).text(), flags));
  }
  if (auto again = duplicate(fd_.get())) reserve_ = std::move(*again);
}

// ---- A client's side

namespace {

Error cannot_enter(const std::string& place, int cause) {
  switch (cause) {
    case ENOENT:
      return {Errc::no_one_there, "connect", place,
              "a program reads it, but it does not listen for connections: if it reads plain bytes, add "
              "framing=raw or framing=lines; otherwise start the listener first",
              cause};
    case EACCES:
    case EPERM:
      return {Errc::permission_denied, "connect", place,
              "its folder " + place + std::string(folder_suffix) +
                  " is not open to this user: the listener's mode= and group= say who may connect",
              cause};
    default:
      return Error::from_errno("connect", place, cause);
  }
}

Result<Fd> make_pipe(int folder, const PipeName& name, unsigned mode, const std::string& place) {
  if (::mkfifoat(folder, name.text(), mode & own_mode) != 0)
    return std::unexpected(cannot_enter(place, errno));
  Fd itself(retry([&] { return ::openat(folder, name.text(), O_PATH | O_NOFOLLOW | O_CLOEXEC); }));
  struct stat status{};
  if (!itself || ::fstat(itself.get(), &status) != 0) return std::unexpected(cannot_enter(place, errno));
  if (!S_ISFIFO(status.st_mode) || status.st_uid != ::geteuid() || status.st_nlink != 1) {
    return std::unexpected(
        Error(Errc::permission_denied, "connect", place, "somebody replaced what was made in its folder"));
  }
  if ((status.st_mode & 07777U) != mode) TRY(set_mode(itself.get(), mode, "connect", place));
  return itself;
}

}  // namespace

Result<FifoPair> FifoPair::make(const std::string& place, const TrustedOwner& trusted,
                                const FifoToken& token) {
  const std::string path = place + std::string(folder_suffix);
  Fd folder(retry([&] { return ::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
  struct stat status{};
  if (!folder || ::fstat(folder.get(), &status) != 0) return std::unexpected(cannot_enter(place, errno));
  if (!trusted.allows(status.st_uid)) return std::unexpected(not_trusted(path, status.st_uid));
  const bool own = status.st_uid == ::geteuid();
  FifoPair pair(std::move(folder), token);
  {
    const Fd up =
        TRY(make_pipe(pair.folder_.get(), PipeName(token, to_listener), own ? own_mode : up_mode, place));
    pair.own_reader_ = open_fifo_end(up.get(), FifoAccess::both);
    pair.ends.out = open_fifo_end(up.get(), FifoAccess::write);
    if (!pair.own_reader_ || !pair.ends.out) return std::unexpected(cannot_enter(place, errno));
  }
  const Fd down =
      TRY(make_pipe(pair.folder_.get(), PipeName(token, from_listener), own ? own_mode : down_mode, place));
  pair.ends.in = open_fifo_end(down.get(), FifoAccess::read);
  if (!pair.ends.in) return std::unexpected(cannot_enter(place, errno));
  return pair;
}

void FifoPair::listener_came() noexcept {
  own_reader_.reset();
  folder_.reset();  // it has removed the names
}

void FifoPair::forget() noexcept {
  own_reader_.reset();
  if (!folder_) return;
  remove_pipes(folder_.get(), token_);
  folder_.reset();
}

}  // namespace tenon::os
