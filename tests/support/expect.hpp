// Matchers for Result, so that a failed expectation prints the error.
#pragma once

#include <ostream>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <gmock/gmock.h>
#include <tenon/error.hpp>

namespace tenon {

inline void PrintTo(Errc code, std::ostream* out) {
  *out << to_string(code);
}

}  // namespace tenon

namespace tenon::test {

/// Whether the Result holds a value; says which error it holds instead.
template <typename T>
testing::AssertionResult is_ok(const Result<T>& result) {
  return result ? testing::AssertionSuccess() : testing::AssertionFailure() << result.error().message();
}

/// Whether the Result holds an error of that code.
template <typename T>
testing::AssertionResult is_error(Errc code, const Result<T>& result) {
  if (result) return testing::AssertionFailure() << "a value, expected the error " << to_string(code);
  if (result.error().code() == code) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "expected " << to_string(code)
                                     << ", got: " << result.error().message();
}

/// The value of a Result; an exception, and so a failed test, that says why there is none.
template <typename T>
T value_of(Result<T>&& result) {
  if (!result) throw std::runtime_error(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace tenon::test

#define EXPECT_OK(expression) EXPECT_TRUE(::tenon::test::is_ok(expression))
#define ASSERT_OK(expression) ASSERT_TRUE(::tenon::test::is_ok(expression))
#define EXPECT_ERRC(code, expression) EXPECT_TRUE(::tenon::test::is_error(code, expression))
#define ASSERT_ERRC(code, expression) ASSERT_TRUE(::tenon::test::is_error(code, expression))
