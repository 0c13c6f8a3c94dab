#include "bench/os/library.hpp"

#include <dlfcn.h>

namespace bench {

Library::Library(const char* soname) noexcept : handle_(::dlopen(soname, RTLD_NOW | RTLD_LOCAL)) {}

void* Library::symbol(const char* name) noexcept {
  if (handle_ == nullptr) return nullptr;
  void* const found = ::dlsym(handle_, name);
  if (found == nullptr) handle_ = nullptr;
  return found;
}

}  // namespace bench
