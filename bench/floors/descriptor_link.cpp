#include "bench/floors/descriptor_link.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <algorithm>

namespace bench {
namespace {

using tenon::ByteSpan;
using tenon::ByteView;
using tenon::Errc;
using tenon::Error;
using tenon::Result;

bool is_socket(int fd) noexcept {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

/// As many bytes as go in one call. A packet has to fit what the system gives a socket for sending: more of it is the
/// administrator's to allow (net.core.wmem_max).
std::size_t longest_packet(int fd, Kind kind) noexcept {
  constexpr std::size_t kernels_part = 32;
  int room = 0;
  socklen_t length = sizeof room;
  const bool known =
      kind == Kind::packets && ::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &length) == 0 && room > 0;
  return known ? static_cast<std::size_t>(room) - kernels_part : SIZE_MAX;
}

class DescriptorLink final : public Link {
 public:
  DescriptorLink(const Setting& setting, Ends ends, Kind kind)
      : ends_(std::move(ends)),
        in_(ends_.in.get()),
        out_(ends_.out ? ends_.out.get() : in_),
        socket_(is_socket(in_)),
        kind_(kind),
        longest_(longest_packet(out_, kind)),
        patience_(setting, kind == Kind::lossy_packets),
        buffer_(setting.size) {
    const bool blocking = patience_.never_spins();
    for (const int fd : {in_, out_}) static_cast<void>(tenon::os::set_nonblocking(fd, !blocking));
    if (blocking && lossy()) {
      const timeval timeout{0, lost_after_ns / 1000};
      ::setsockopt(in_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    }
  }

  Result<void> send(ByteView message) override {
    while (!message.empty()) {
      const ByteView part = message.first(std::min(message.size(), longest_));
      const ssize_t went = persist(patience_, calls_, out_, POLLOUT, lossy(), [&] {
        return socket_ ? ::send(out_, part.data(), part.size(), MSG_NOSIGNAL)
                       : ::write(out_, part.data(), part.size());
      });
      if (went < 0) return std::unexpected(Error::from_errno("send", "the floor", errno));
      message = message.subspan(static_cast<std::size_t>(went));
    }
    return {};
  }

  Result<ByteView> receive() override {
    for (ByteSpan left = buffer_; !left.empty();) {
      const ssize_t got = persist(patience_, calls_, in_, POLLIN, lossy(), [&] {
        return socket_ ? ::recv(in_, left.data(), left.size(), 0) : ::read(in_, left.data(), left.size());
      });
      if (got == 0) return std::unexpected(Error(Errc::closed, "receive", "the floor"));
      if (got < 0 && errno == EAGAIN) return std::unexpected(Error(Errc::timed_out, "receive"));
      if (got < 0) return std::unexpected(Error::from_errno("receive", "the floor", errno));
      left = left.subspan(static_cast<std::size_t>(got));
    }
    return buffer_;
  }

  Calls calls() const override { return calls_; }
  bool lossy() const override { return kind_ == Kind::lossy_packets; }

 private:
  Ends ends_;
  int in_;
  int out_;
  bool socket_;
  Kind kind_;
  std::size_t longest_;
  Patience patience_;
  Calls calls_;
  std::vector<std::byte> buffer_;
};

}  // namespace

std::unique_ptr<Link> make_descriptor_link(const Setting& setting, Ends ends, Kind kind) {
  return std::make_unique<DescriptorLink>(setting, std::move(ends), kind);
}

}  // namespace bench
