// The one macro of the project.
#pragma once

#include <expected>
#include <utility>

/// The value of a Result, or return its Error from the enclosing function.
#define TRY(expression)                                                      \
  __extension__({                                                            \
    auto&& try_result_ = (expression);                                       \
    if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
    *std::move(try_result_);                                                 \
  })
