// Matchers for Result, so that a failed expectation prints the error.
#pragma once

#include <ostream>

#include <gmock/gmock.h>
#include <tenon/error.hpp>

namespace tenon {

inline void PrintTo(Errc code, std::ostream* out) { *out << to_string(code); }

}  // namespace tenon

/// The Result holds a value.
#define EXPECT_OK(expression) TENON_CHECK_OK(EXPECT, expression)
#define ASSERT_OK(expression) TENON_CHECK_OK(ASSERT, expression)
#define TENON_CHECK_OK(kind, expression)                                                             \
  do {                                                                                               \
    const auto& ok_result_ = (expression);                                                           \
    kind##_TRUE(ok_result_.has_value()) << (ok_result_ ? "" : ok_result_.error().message());         \
  } while (false)

/// The Result holds an error of that code.
#define EXPECT_ERRC(code_, expression)                                          \
  do {                                                                          \
    const auto& errc_result_ = (expression);                                    \
    ASSERT_FALSE(errc_result_.has_value()) << "expected an error";              \
    EXPECT_EQ(errc_result_.error().code(), code_) << errc_result_.error().message(); \
  } while (false)

namespace tenon::test {

/// The value of a Result, or a failed test that says why.
template <typename T>
T value_of(tenon::Result<T>&& result) {
  if (!result) throw std::runtime_error(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace tenon::test
