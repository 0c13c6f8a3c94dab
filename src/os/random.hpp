// Numbers that nobody can guess. getrandom(2).
#pragma once

#include <cstdint>

#include <tenon/error.hpp>

namespace tenon::os {

/// Errors: system_error (a kernel without getrandom).
Result<std::uint64_t> random_number();

}  // namespace tenon::os
