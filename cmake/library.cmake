# One compilation of src/, two libraries. A file's name says what it is: *_test.cpp is a test, *_fuzz.cpp a fuzz
# target, everything else below src/ is the library.
include(GenerateExportHeader)
include(GNUInstallDirs)

file(GLOB_RECURSE tenon_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.cpp)
list(FILTER tenon_sources EXCLUDE REGEX "_(test|fuzz)\\.cpp$")

add_library(tenon_objects OBJECT ${tenon_sources})
target_include_directories(tenon_objects PRIVATE ${PROJECT_SOURCE_DIR}/src
  PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
target_link_libraries(tenon_objects PRIVATE tenon_flags)
generate_export_header(tenon_objects BASE_NAME tenon
  EXPORT_FILE_NAME ${PROJECT_BINARY_DIR}/include/tenon/export.hpp)

find_package(Threads REQUIRED)

function(tenon_library name kind)
  add_library(${name} ${kind} $<TARGET_OBJECTS:tenon_objects>)
  add_library(tenon::${name} ALIAS ${name})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${name} PUBLIC cxx_std_23)
  target_link_libraries(${name} PUBLIC Threads::Threads)
  set_target_properties(${name} PROPERTIES OUTPUT_NAME tenon
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()
tenon_library(tenon SHARED)
tenon_library(tenon_static STATIC)
