#include "os/socket_inet.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <cerrno>

#include "base/try.hpp"
#include "os/port_holder.hpp"
#include "os/socket_io.hpp"

namespace tenon::os {
namespace {

Result<InetEndpoint> endpoint_by(int (*call)(int, sockaddr*, socklen_t*) noexcept, int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (call(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    return InetEndpoint::from_kernel(&address, length);
  }
  if (errno == ENOTCONN)
    return std::unexpected(Error(Errc::closed, "ask for the address of", "socket", {}, ENOTCONN));
  return std::unexpected(Error::from_errno("ask for the address of", "socket", errno));
}

std::string taken_by(const InetEndpoint& where, Transport transport) {
  const bool tcp = transport == Transport::tcp;
  const std::string holder = describe_port_holder(where, transport);
  if (!holder.empty()) return holder + (tcp ? " listens there" : " is bound there");
  return std::string("by whom shows ss -") + (tcp ? "lt" : "lu") +
         "np 'sport = :" + std::to_string(where.port()) + "'";
}

}  // namespace

std::string inet_subject(std::string_view host, std::uint16_t port) {
  const bool bare_ipv6 = host.find(':') != host.npos && !host.starts_with('[');
  std::string text(host.empty() ? "127.0.0.1" : host);
  if (bare_ipv6) text = "[" + text + "]";
  return text + ":" + std::to_string(port);
}

Error inet_error(std::string_view operation, const InetEndpoint& where, Transport transport,
                 int system_errno) {
  const auto say = [&](Errc code, std::string advice) {
    return Error(code, operation, where.to_string(), std::move(advice), system_errno);
  };
  const std::string no_ipv6 = "this machine has no IPv6 address to use for it (ip -6 address): use IPv4";
  switch (system_errno) {
    case EADDRINUSE:
      return say(Errc::address_in_use,
                 taken_by(where, transport) + ": end it, or choose another port (0: the system chooses)");
    case ECONNREFUSED:
      return say(Errc::no_one_there, "start the listener first");
    case ECONNRESET:
      return say(Errc::no_one_there, "the listener went away before it accepted: start it again");
    case EHOSTUNREACH:
    case ENETUNREACH:
      return say(Errc::no_one_there,
                 where.is_ipv6() ? no_ipv6 : "no route leads there: ip route get " + where.host());
    case EAFNOSUPPORT:
      return say(Errc::unsupported, where.is_ipv6() ? no_ipv6 : "");
    case EADDRNOTAVAIL:
      if (where.is_ipv6()) return say(Errc::unsupported, no_ipv6);
      if (operation != "connect")
        return say(Errc::invalid_argument, "no interface here has this address: ip address");
      return say(Errc::resource_limit, "every local port is in use (net.ipv4.ip_local_port_range)");
    case EACCES:
      return say(
          Errc::permission_denied,
          "ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE: choose another port");
    default:
      return Error::from_errno(operation, where.to_string(), system_errno);
  }
}

Result<Fd> try_each(std::string_view operation, std::string_view host, std::uint16_t port,
                    Transport transport,
                    const std::function<Result<void>(int fd, const InetEndpoint& where)>& attempt) {
  const auto resolved = InetEndpoint::resolve(host, port);
  if (!resolved) return std::unexpected(resolved.error().with(operation, inet_subject(host, port)));
  Error last(Errc::not_found, operation);
  for (const InetEndpoint& where : *resolved) {
    const int type = transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
    const int made = ::socket(where.is_ipv6() ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) {
      last = inet_error(operation, where, transport, errno);
      continue;
    }
    Fd fd(made);
    auto done = attempt(fd.get(), where);
    if (done) return fd;
    last = std::move(done).error();
    if (last.code() == Errc::cancelled || last.code() == Errc::timed_out) break;
  }
  return std::unexpected(std::move(last));
}

Result<void> bind_to(std::string_view operation, int fd, const InetEndpoint& where, Transport transport) {
  if (where.is_ipv6()) TRY(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, operation));
  if (::bind(fd, static_cast<const sockaddr*>(where.data()), static_cast<socklen_t>(where.size())) == 0)
    return {};
  return std::unexpected(inet_error(operation, where, transport, errno));
}

Result<InetEndpoint> local_endpoint(int fd) {
  return endpoint_by(&::getsockname, fd);
}
Result<InetEndpoint> peer_endpoint(int fd) {
  return endpoint_by(&::getpeername, fd);
}

bool is_connected_to_itself(int fd) {
  const auto local = local_endpoint(fd);
  const auto peer = peer_endpoint(fd);
  return local && peer && *local == *peer;
}

}  // namespace tenon::os
