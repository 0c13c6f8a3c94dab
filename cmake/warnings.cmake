# The flags of our own targets: never of the programs that use the library.
add_library(tenon_flags INTERFACE)
target_compile_options(tenon_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wcast-qual -Werror=return-type -Werror=unused-result -fno-strict-aliasing)
if(PROJECT_IS_TOP_LEVEL AND TENON_DEVELOPER)
  target_compile_options(tenon_flags INTERFACE -Werror)
endif()
if(TENON_SANITIZE)
  # For every target, third-party test libraries' headers included: mixing instrumented and plain code hides faults.
  add_compile_options(-fsanitize=${TENON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TENON_SANITIZE})
  if(TENON_SANITIZE MATCHES undefined)
    # It probes memory through a pipe, and takes any object for a bad one where a test has used up all descriptors.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
