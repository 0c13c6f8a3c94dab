// A shared library that may or may not be installed: opened when it is asked for. dlopen(3).
#pragma once

#include <string>

namespace bench {

class Library {
 public:
  /// By its soname: "libzmq.so.5". Never closed: such libraries leave threads and tables behind.
  explicit Library(const char* soname) noexcept;

  bool is_there() const noexcept { return handle_ != nullptr; }
  /// What stands behind ".so." in the name of its file, without links: "5.2.4".
  std::string version() const;
  /// The function `name` as `Function`, "int(void*)". Null, and no longer is_there(), when there is none.
  template <typename Function>
  Function* function(const char* name) noexcept {
    return reinterpret_cast<Function*>(symbol(name));
  }

 private:
  void* symbol(const char* name) noexcept;
  void* handle_;
};

}  // namespace bench
