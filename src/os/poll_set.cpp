#include "os/poll_set.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <cerrno>

#include "base/try.hpp"

namespace tenon::os {

Result<PollSet> PollSet::create() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return std::unexpected(Error::from_errno("create", "poll descriptor", errno));
  Fd always_readable(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!always_readable) return std::unexpected(Error::from_errno("create", "poll descriptor", errno));
  epoll_event silent{};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, always_readable.get(), &silent) != 0) {
    return std::unexpected(Error::from_errno("create", "poll descriptor", errno));
  }
  return PollSet(std::move(epoll), std::move(always_readable));
}

Result<void> PollSet::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return std::unexpected(Error::from_errno("watch", "descriptor", errno));
  }
  return {};
}

void PollSet::unwatch(int fd) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void PollSet::set_ready(bool ready) noexcept {
  if (ready == ready_) return;
  epoll_event event{};
  if (ready) event.events = EPOLLIN;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, always_readable_.get(), &event) == 0) ready_ = ready;
}

}  // namespace tenon::os
