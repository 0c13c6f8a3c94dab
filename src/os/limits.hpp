// The machine's limits, as the kernel shows them in /proc/sys. proc(5).
#pragma once

#include <string>
#include <string_view>

namespace tenon::os {

/// "net.core.somaxconn = 4096 (explanation)"; "…: not readable" where the kernel does not have it.
std::string limit_line(std::string_view name, std::string_view explanation);

}  // namespace tenon::os
