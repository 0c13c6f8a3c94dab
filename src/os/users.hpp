// Names of users and groups, and who we are.
#pragma once

#include <string>

#include <tenon/error.hpp>

namespace tenon::os {

/// The group's number, from its name or from digits. Errors: invalid_argument (no such group). getgrnam_r(3).
Result<int> group_id(const std::string& name);
/// The user's number, from its name or from digits. Errors: invalid_argument (no such user). getpwnam_r(3).
Result<unsigned> user_id(const std::string& name);
/// "alice (uid 1000)", or "uid 1000" without an entry.
std::string describe_user(unsigned uid);
/// Our effective user.
unsigned effective_user() noexcept;
/// Our process id.
int process_id() noexcept;

}  // namespace tenon::os
