// Whose objects a process is ready to use. Not public.
#pragma once

#include <optional>
#include <string>

#include <tenon/error.hpp>

namespace tenon::os {

/// Besides its own user's and root's.
struct TrustedOwner {
  bool anyone = false;
  std::optional<unsigned> user;

  bool allows(unsigned owner) const noexcept;
};

/// permission_denied, which says whose it is and how to trust whoever that is.
Error not_trusted(const std::string& path, unsigned owner);

}  // namespace tenon::os
