#include "os/users.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <charconv>

namespace tenon::os {
namespace {

using TextBuffer = std::array<char, 16384>;

template <typename Id>
bool parse_id(const std::string& text, Id& id) noexcept {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
  return problem == std::errc{} && end == text.data() + text.size() && id >= 0;
}

std::unexpected<Error> unknown(std::string_view what, const std::string& name) {
  return std::unexpected(
      Error(Errc::invalid_argument, "look up", name, "there is no " + std::string(what) + " of that name"));
}

}  // namespace

Result<int> group_id(const std::string& name) {
  int id = 0;
  if (parse_id(name, id)) return id;
  group entry{};
  group* found = nullptr;
  TextBuffer buffer;
  ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return unknown("group", name);
  return static_cast<int>(found->gr_gid);
}

Result<unsigned> user_id(const std::string& name) {
  unsigned id = 0;
  if (parse_id(name, id)) return id;
  passwd entry{};
  passwd* found = nullptr;
  TextBuffer buffer;
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return unknown("user", name);
  return found->pw_uid;
}

std::string describe_user(unsigned uid) {
  passwd entry{};
  passwd* found = nullptr;
  TextBuffer buffer;
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  const std::string number = std::to_string(uid);
  return found == nullptr ? number + " (a user without a name)"
                          : std::string(found->pw_name) + " (uid " + number + ")";
}

unsigned effective_user() noexcept {
  return ::geteuid();
}

int process_id() noexcept {
  return ::getpid();
}

}  // namespace tenon::os
