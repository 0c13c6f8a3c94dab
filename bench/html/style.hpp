// The style sheet of the page: light, dark, paper, and the colours of the rows.
#pragma once

#include <string>

namespace bench {

/// The class of the `number`th row of ours: eight colours, with dashes from the ninth on.
std::string row_style(unsigned number);
/// That of the `number`th other library: dotted, and hollow.
std::string peer_style(unsigned number);

std::string style_sheet();

}  // namespace bench
