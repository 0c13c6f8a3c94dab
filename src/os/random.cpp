#include "os/random.hpp"

#include <sys/random.h>
#include <cerrno>

#include "os/retry.hpp"

namespace tenon::os {

Result<std::uint64_t> random_number() {
  std::uint64_t number = 0;
  if (retry([&] { return ::getrandom(&number, sizeof number, 0); }) == sizeof number) return number;
  return std::unexpected(Error::from_errno("draw", "random number", errno));
}

}  // namespace tenon::os
