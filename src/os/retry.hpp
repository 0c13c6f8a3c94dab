// EINTR, decided once: a call that a signal interrupted is made again.
#pragma once

#include <cerrno>

namespace tenon::os {

/// The result of `call()`, repeated while it fails with EINTR. Not for close(2), which must not be repeated.
template <typename Call>
auto retry(Call call) noexcept {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

}  // namespace tenon::os
