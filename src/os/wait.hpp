// Waiting for one of two descriptors.
#pragma once

#include <tenon/os/fd.hpp>

namespace tenon::os {

/// wait_for(), which also returns when `other` becomes readable; -1 is none.
Result<void> wait_for_either(int fd, Wait what, int other, Deadline deadline);

}  // namespace tenon::os
