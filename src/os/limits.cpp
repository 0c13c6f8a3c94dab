#include "os/limits.hpp"

#include <algorithm>
#include <fstream>

namespace tenon::os {

std::string limit_line(std::string_view name, std::string_view explanation) {
  std::string path(name);
  std::ranges::replace(path, '.', '/');
  std::ifstream file("/proc/sys/" + path);
  std::string value;
  if (!std::getline(file, value)) value = "not readable";
  std::ranges::replace(value, '\t', ' ');
  return std::string(name).append(" = ").append(value).append(" (").append(explanation).append(")");
}

}  // namespace tenon::os
