#include "bench/os/library.hpp"

#include <dlfcn.h>
#include <link.h>
#include <filesystem>

namespace bench {

Library::Library(const char* soname) noexcept : handle_(::dlopen(soname, RTLD_NOW | RTLD_LOCAL)) {}

void* Library::symbol(const char* name) noexcept {
  if (handle_ == nullptr) return nullptr;
  void* const found = ::dlsym(handle_, name);
  if (found == nullptr) handle_ = nullptr;
  return found;
}

std::string Library::version() const {
  link_map* map = nullptr;
  if (handle_ == nullptr || ::dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0) return {};
  std::error_code unknown;
  const auto file = std::filesystem::canonical(map->l_name, unknown).filename().string();
  const auto at = file.find(".so.");
  return at == std::string::npos ? std::string() : file.substr(at + 4);
}

}  // namespace bench
