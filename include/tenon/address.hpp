// Where and how two processes meet: scheme:place?option=value&option=value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tenon/error.hpp>
#include <tenon/export.hpp>

namespace tenon {

/// A parsed address. The scheme names a transport, the place means what the transport says (a path, host:port, …),
/// options refine it. `?`, `&` and `%` in a place or value are percent-encoded (RFC 3986, 2.1).
///
///     unix:/run/user/1000/prices?mode=0660&group=traders
class TENON_EXPORT Address {
 public:
  /// Only the syntax is checked here; connect() and listen() check that the scheme and options are known.
  /// Errors: invalid_argument.
  static Result<Address> parse(std::string_view text);

  const std::string& scheme() const noexcept { return scheme_; }
  const std::string& place() const noexcept { return place_; }
  /// In the order in which they were written; each name at most once.
  const std::vector<std::pair<std::string, std::string>>& options() const noexcept { return options_; }
  std::optional<std::string_view> option(std::string_view name) const noexcept;

  /// The same address at another place (a listener reports the port that it was given, say).
  Address at(std::string place) const;
  /// The same address with an option set or replaced.
  Address with(std::string name, std::string value) const;
  /// Parses back to an equal address.
  std::string to_string() const;

  friend bool operator==(const Address&, const Address&) = default;

 private:
  std::string scheme_;
  std::string place_;
  std::vector<std::pair<std::string, std::string>> options_;
};

}  // namespace tenon
