// Error's texts: how errno becomes a code, a cause and advice.
#include <tenon/error.hpp>

#include <cerrno>
#include <cstring>

namespace tenon {
namespace {

Errc code_of(int system_errno) noexcept {
  switch (system_errno) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return Errc::permission_denied;
    case ENOENT:
      return Errc::not_found;
    case EEXIST:
      return Errc::already_exists;
    case EADDRINUSE:
      return Errc::address_in_use;
    case ECONNREFUSED:
      return Errc::no_one_there;
    case EPIPE:
    case ECONNRESET:
      return Errc::closed;
    case ETIMEDOUT:
    case EAGAIN:
      return Errc::timed_out;
    case EMSGSIZE:
      return Errc::message_too_large;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
    case EDQUOT:
    case ENOLCK:
      return Errc::resource_limit;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
      return Errc::invalid_argument;
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case ENOSYS:
      return Errc::unsupported;
    default:
      return Errc::system_error;
  }
}

std::string_view general_advice(int system_errno) noexcept {
  switch (system_errno) {
    case EMFILE:
      return "this process has no file descriptor left: close some, or raise the limit (ulimit -n)";
    case ENFILE:
      return "the machine has no file descriptor left (/proc/sys/fs/file-max)";
    case ENOSPC:
      return "make room on the device, or choose a place on another";
    case EACCES:
    case EPERM:
      return "check the owner and mode of the object and its folder, or run as a user who may use it";
    case ELOOP:
      return "a symbolic link stands at the place and is never followed: name the real path";
    case ENOTDIR:
      return "a part of the path is not a folder";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case EROFS:
      return "the file system is read-only: choose another place";
    default:
      return "";
  }
}

std::string_view cause_of(Errc code) noexcept {
  switch (code) {
    case Errc::closed:
      return "the peer closed";
    case Errc::timed_out:
      return "timed out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::peer_died:
      return "peer died";
    case Errc::no_one_there:
      return "no one is listening";
    case Errc::address_in_use:
      return "address in use";
    case Errc::message_too_large:
      return "message too large";
    case Errc::buffer_too_small:
      return "buffer too small";
    case Errc::permission_denied:
      return "permission denied";
    case Errc::protocol_violation:
      return "protocol violation";
    case Errc::invalid_argument:
      return "invalid argument";
    case Errc::unsupported:
      return "not supported";
    case Errc::resource_limit:
      return "resource limit reached";
    case Errc::not_found:
      return "not found";
    case Errc::already_exists:
      return "already exists";
    case Errc::system_error:
      return "system error";
  }
  return "unknown error";
}

}  // namespace

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::closed:
      return "closed";
    case Errc::timed_out:
      return "timed_out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::peer_died:
      return "peer_died";
    case Errc::no_one_there:
      return "no_one_there";
    case Errc::address_in_use:
      return "address_in_use";
    case Errc::message_too_large:
      return "message_too_large";
    case Errc::buffer_too_small:
      return "buffer_too_small";
    case Errc::permission_denied:
      return "permission_denied";
    case Errc::protocol_violation:
      return "protocol_violation";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::unsupported:
      return "unsupported";
    case Errc::resource_limit:
      return "resource_limit";
    case Errc::not_found:
      return "not_found";
    case Errc::already_exists:
      return "already_exists";
    case Errc::system_error:
      return "system_error";
  }
  return "unknown";
}

Error::Error(Errc code, std::string_view operation, std::string subject, std::string advice, int system_errno)
    : Error(code, operation,
            std::make_shared<const ErrorText>(ErrorText{std::move(subject), std::move(advice)}),
            system_errno) {}

Error Error::from_errno(std::string_view operation, std::string subject, int system_errno,
                        std::string advice) {
  if (advice.empty()) advice = general_advice(system_errno);
  return {code_of(system_errno), operation, std::move(subject), std::move(advice), system_errno};
}

std::string Error::message() const {
  std::string text(operation_);
  if (!subject().empty()) text.append(" ").append(subject());
  text.append(text.ends_with(':') ? " " : ": ").append(cause_of(code_));
  if (system_errno_ != 0) text.append(" (").append(::strerrordesc_np(system_errno_)).append(")");
  if (!advice().empty()) text.append(": ").append(advice());
  return text;
}

Error Error::with(std::string_view operation, std::string subject, std::string advice) const {
  if (advice.empty()) advice = this->advice();
  return {code_, operation, std::move(subject), std::move(advice), system_errno_};
}

}  // namespace tenon
