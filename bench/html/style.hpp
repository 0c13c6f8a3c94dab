// The style sheet of the page: light, dark, paper, and the colours of the rows.
#pragma once

#include <string>

namespace bench {

/// How many rows can be told apart: eight colours, and dashes from the ninth on.
inline constexpr unsigned style_count = 16;

std::string style_sheet();

}  // namespace bench
