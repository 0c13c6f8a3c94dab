#include "support/faults.hpp"
#include "support/queue_limit.hpp"

#include <dlfcn.h>
#include <algorithm>
#include <cerrno>

// The headers that declare the functions below are left out on purpose: they would add attributes that a
// definition here need not repeat.
struct iovec {
  void* iov_base;
  std::size_t iov_len;
};
struct msghdr {
  void* msg_name;
  unsigned msg_namelen;
  iovec* msg_iov;
  std::size_t msg_iovlen;
  void* msg_control;
  std::size_t msg_controllen;
  int msg_flags;
};

namespace tenon::test {
namespace {

struct Plan {
  int call = 0;
  int error = 0;
  bool sticky = false;
  int allocation = 0;
  std::uint64_t random = 0;
  int eintr_every = 0;
  int calls = 0;
  int allocations = 0;
  bool happened = false;
};
thread_local Plan plan;
thread_local bool armed = false;

std::uint64_t next_random() noexcept {
  plan.random = plan.random * 6364136223846793005ULL + 1442695040888963407ULL;
  return plan.random >> 33;
}

/// Whether this call is to fail; sets errno. Calls that never wait are not interrupted (signal(7)).
bool fails(bool may_be_interrupted = true) noexcept {
  if (!armed || (!may_be_interrupted && (plan.error == EINTR || plan.eintr_every > 0))) return false;
  ++plan.calls;
  if (plan.eintr_every > 0 && next_random() % static_cast<std::uint64_t>(plan.eintr_every) == 0) {
    errno = EINTR;
    return true;
  }
  if (plan.call == 0 || (plan.sticky ? plan.calls < plan.call : plan.calls != plan.call)) return false;
  plan.happened = true;
  errno = plan.error;
  return true;
}

std::size_t cut(std::size_t size) noexcept {
  if (!armed || plan.eintr_every == 0 || size <= 1) return size;
  return 1 + next_random() % size;
}

template <typename Function>
Function next(const char* name) noexcept {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

Faults Faults::in_call(int number, int error, bool sticky) {
  plan = {.call = number, .error = error, .sticky = sticky};
  armed = true;
  return {};
}

Faults Faults::in_allocation(int number) {
  plan = {.allocation = number};
  armed = true;
  return {};
}

Faults Faults::short_transfers(std::uint64_t seed, int eintr_every) {
  plan = {.random = seed, .eintr_every = eintr_every};
  armed = true;
  return {};
}

bool allocation_fails() noexcept {
  if (!armed || plan.allocation == 0 || ++plan.allocations != plan.allocation) return false;
  plan.happened = true;
  return true;
}

Faults::~Faults() {
  armed = false;
}
bool Faults::happened() const noexcept {
  return plan.happened;
}

}  // namespace tenon::test

using tenon::test::cut;
using tenon::test::fails;

#define PASS_ON(interruptible, result, name, parameters, arguments)          \
  extern "C" result name parameters {                                        \
    static const auto real = tenon::test::next<result(*) parameters>(#name); \
    if (fails(interruptible)) return -1;                                     \
    return real arguments;                                                   \
  }

PASS_ON(false, int, socket, (int a, int b, int c), (a, b, c))
PASS_ON(false, int, socketpair, (int a, int b, int c, int* d), (a, b, c, d))
PASS_ON(false, int, connect, (int a, const void* b, unsigned c), (a, b, c))
PASS_ON(false, int, bind, (int a, const void* b, unsigned c), (a, b, c))
PASS_ON(false, int, listen, (int a, int b), (a, b))
PASS_ON(true, int, accept4, (int a, void* b, unsigned* c, int d), (a, b, c, d))
PASS_ON(false, int, getsockname, (int a, void* b, unsigned* c), (a, b, c))
PASS_ON(false, int, getpeername, (int a, void* b, unsigned* c), (a, b, c))
PASS_ON(false, int, shutdown, (int a, int b), (a, b))
PASS_ON(false, int, ioctl, (int a, unsigned long b, void* c), (a, b, c))
PASS_ON(true, long, recv, (int a, void* b, std::size_t c, int d), (a, b, c, d))
PASS_ON(false, int, setsockopt, (int a, int b, int c, const void* d, unsigned e), (a, b, c, d, e))
PASS_ON(false, int, getsockopt, (int a, int b, int c, void* d, unsigned* e), (a, b, c, d, e))
PASS_ON(true, int, open, (const char* a, int b, unsigned c), (a, b, c))
PASS_ON(true, int, openat, (int a, const char* b, int c, unsigned d), (a, b, c, d))
PASS_ON(false, int, mkfifoat, (int a, const char* b, unsigned c), (a, b, c))
PASS_ON(false, int, mkdirat, (int a, const char* b, unsigned c), (a, b, c))
PASS_ON(false, int, chmod, (const char* a, unsigned b), (a, b))
PASS_ON(true, long, getrandom, (void* a, std::size_t b, unsigned c), (a, b, c))
PASS_ON(false, int, fcntl, (int a, int b, long c), (a, b, c))
PASS_ON(true, int, flock, (int a, int b), (a, b))
PASS_ON(false, int, pipe2, (int* a, int b), (a, b))
PASS_ON(false, int, eventfd, (unsigned a, int b), (a, b))
PASS_ON(false, int, epoll_create1, (int a), (a))
PASS_ON(false, int, epoll_ctl, (int a, int b, int c, void* d), (a, b, c, d))
PASS_ON(true, int, ppoll, (void* a, unsigned long b, const void* c, const void* d), (a, b, c, d))
PASS_ON(false, int, renameat, (int a, const char* b, int c, const char* d), (a, b, c, d))
PASS_ON(false, int, renameat2, (int a, const char* b, int c, const char* d, unsigned e), (a, b, c, d, e))
PASS_ON(false, int, fchmodat, (int a, const char* b, unsigned c, int d), (a, b, c, d))
PASS_ON(false, int, mq_unlink, (const char* a), (a))
PASS_ON(false, int, mq_getattr, (int a, void* b), (a, b))
PASS_ON(true, int, mq_send, (int a, const char* b, std::size_t c, unsigned d), (a, b, c, d))
PASS_ON(true, long, mq_receive, (int a, char* b, std::size_t c, unsigned* d), (a, b, c, d))
PASS_ON(false, int, fchmod, (int a, unsigned b), (a, b))
PASS_ON(false, int, memfd_create, (const char* a, unsigned b), (a, b))
PASS_ON(true, int, fallocate, (int a, int b, long c, long d), (a, b, c, d))
PASS_ON(false, int, fstatfs, (int a, void* b), (a, b))
PASS_ON(true, int, poll, (void* a, unsigned long b, int c), (a, b, c))
PASS_ON(false, int, msgget, (int a, int b), (a, b))
PASS_ON(false, int, msgsnd, (int a, const void* b, std::size_t c, int d), (a, b, c, d))
PASS_ON(false, long, msgrcv, (int a, void* b, std::size_t c, long d, int e), (a, b, c, d, e))
PASS_ON(true, long, send, (int a, const void* b, std::size_t c, int d), (a, b, c, d))
PASS_ON(true, long, read, (int a, void* b, std::size_t c), (a, b, cut(c)))
PASS_ON(true, long, write, (int a, const void* b, std::size_t c),
        (a, b, c == 8 ? c : cut(c)))  // 8: an eventfd's

PASS_ON(false, int, mkdir, (const char* a, unsigned b), (a, b))
PASS_ON(false, int, linkat, (int a, const char* b, int c, const char* d, int e), (a, b, c, d, e))
PASS_ON(false, int, futimens, (int a, const void* b), (a, b))
PASS_ON(false, int, fchown, (int a, unsigned b, unsigned c), (a, b, c))
PASS_ON(false, int, unlinkat, (int a, const char* b, int c), (a, b, c))
PASS_ON(false, int, inotify_init1, (int a), (a))
PASS_ON(false, int, inotify_add_watch, (int a, const char* b, unsigned c), (a, b, c))
PASS_ON(true, int, ftruncate, (int a, long b), (a, b))
PASS_ON(true, int, fdatasync, (int a), (a))
PASS_ON(true, long, pwrite, (int a, const void* b, std::size_t c, long d), (a, b, cut(c), d))
PASS_ON(true, int, recvmmsg, (int a, void* b, unsigned c, int d, void* e), (a, b, c, d, e))
PASS_ON(true, long, pread, (int a, void* b, std::size_t c, long d), (a, b, cut(c), d))

extern "C" void* mmap(void* at, std::size_t size, int protection, int flags, int fd, long offset) {
  static const auto real = tenon::test::next<void* (*)(void*, std::size_t, int, int, int, long)>("mmap");
  if (fails(false)) return reinterpret_cast<void*>(-1);
  return real(at, size, protection, flags, fd, offset);
}

extern "C" void* mremap(void* at, std::size_t old_size, std::size_t size, int flags, void* to) {
  static const auto real =
      tenon::test::next<void* (*)(void*, std::size_t, std::size_t, int, void*)>("mremap");
  if (fails(false)) return reinterpret_cast<void*>(-1);
  return real(at, old_size, size, flags, to);
}

extern "C" int mq_open(const char* name, int flags, unsigned mode, void* attributes) {
  static const auto real = tenon::test::next<int (*)(const char*, int, unsigned, void*)>("mq_open");
  if (fails(false)) return -1;
  constexpr int create = 0100;
  if ((flags & create) != 0) tenon::test::note_queue(name);
  return real(name, flags, mode, attributes);
}

namespace {

/// The first slices, cut to a part: what a short transfer does.
int shortened(const iovec* from, int count, iovec* to) noexcept {
  std::size_t left = 0;
  for (int i = 0; i < count; ++i) left += from[i].iov_len;
  left = cut(left);
  int used = 0;
  for (; used < count && left > 0; ++used) {
    to[used] = {from[used].iov_base, std::min(left, from[used].iov_len)};
    left -= to[used].iov_len;
  }
  return used;
}

constexpr int most_slices = 64;

}  // namespace

/// Removing frees, as close(2) does, and does not fail.
extern "C" int msgctl(int id, int command, void* status) {
  static const auto real = tenon::test::next<int (*)(int, int, void*)>("msgctl");
  constexpr int remove = 0;  // IPC_RMID
  if (command != remove && fails(false)) return -1;
  return real(id, command, status);
}

extern "C" long readv(int fd, const iovec* parts, int count) {
  static const auto real = tenon::test::next<long (*)(int, const iovec*, int)>("readv");
  if (fails()) return -1;
  iovec some[most_slices];
  return count > most_slices ? real(fd, parts, count) : real(fd, some, shortened(parts, count, some));
}

extern "C" long pwritev(int fd, const iovec* parts, int count, long offset) {
  static const auto real = tenon::test::next<long (*)(int, const iovec*, int, long)>("pwritev");
  if (fails()) return -1;
  iovec some[most_slices];
  if (count > most_slices) return real(fd, parts, count, offset);
  return real(fd, some, shortened(parts, count, some), offset);
}

extern "C" long pwritev2(int fd, const iovec* parts, int count, long offset, int flags) {
  static const auto real = tenon::test::next<long (*)(int, const iovec*, int, long, int)>("pwritev2");
  if (fails()) return -1;
  iovec some[most_slices];
  if (count > most_slices) return real(fd, parts, count, offset, flags);
  return real(fd, some, shortened(parts, count, some), offset, flags);
}

extern "C" long recvmsg(int fd, msghdr* message, int flags) {
  static const auto real = tenon::test::next<long (*)(int, msghdr*, int)>("recvmsg");
  if (fails()) return -1;
  iovec some[most_slices];
  msghdr part = *message;
  part.msg_iov = some;
  part.msg_iovlen =
      static_cast<std::size_t>(shortened(message->msg_iov, static_cast<int>(message->msg_iovlen), some));
  const long result = real(fd, &part, flags);
  part.msg_iov = message->msg_iov;
  part.msg_iovlen = message->msg_iovlen;
  *message = part;
  return result;
}

extern "C" long sendmsg(int fd, const msghdr* message, int flags) {
  static const auto real = tenon::test::next<long (*)(int, const msghdr*, int)>("sendmsg");
  if (fails()) return -1;
  iovec some[most_slices];
  msghdr part = *message;
  part.msg_iov = some;
  part.msg_iovlen =
      static_cast<std::size_t>(shortened(message->msg_iov, static_cast<int>(message->msg_iovlen), some));
  return real(fd, &part, flags);
}
