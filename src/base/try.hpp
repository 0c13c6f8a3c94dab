// The one macro of the project.
#pragma once

#include <expected>
#include <utility>

/// The value of a Result, or return its Error from the enclosing function. May be nested.
#define TRY(expression)                                                                                     \
  __extension__({                                                                                           \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"") auto&& try_result_ =      \
        (expression);                                                                                       \
    _Pragma("GCC diagnostic pop") if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
    *std::move(try_result_);                                                                                \
  })
