#include "channel/sysv_mq/sysv_options.hpp"

#include <charconv>
#include <limits>

#include <tenon/units.hpp>

#include "base/try.hpp"
#include "os/users.hpp"

namespace tenon::sysv_mq {
namespace {

constexpr std::size_t least_capacity = 4096;

std::unexpected<Error> bad(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

/// 1 to `most`.
std::optional<long> number_of(std::string_view text, long most) {
  long number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = problem == std::errc{} && end == text.data() + text.size();
  return whole && number >= 1 && number <= most ? std::optional(number) : std::nullopt;
}

Result<void> read_types(const Address& address, SysvOptions& options) {
  constexpr long most = std::numeric_limits<long>::max();
  const auto type = address.option("type");
  const auto receive_type = address.option("receive-type");
  if (!type && !receive_type) return {};
  if (options.framing != Framing::raw)
    return bad(address,
               "type= and receive-type= belong to framing=raw: with frames the types are tenon's own");
  if (type) {
    const auto number = number_of(*type, most);
    if (!number) return bad(address, "type=" + std::string(*type) + ": it is a number, 1 or more");
    options.types = {*number, *number, true};
  }
  if (!receive_type) return {};
  const auto number = *receive_type == "any" ? 0 : number_of(*receive_type, most);
  if (!number)
    return bad(address, "receive-type=" + std::string(*receive_type) + ": it is a number, 1 or more, or any");
  options.types.receive = *number;
  options.types.one_way = false;
  return {};
}

}  // namespace

Result<SysvOptions> sysv_options_of(const Address& address) {
  SysvOptions options;
  if (address.place().empty() || address.place().starts_with('@'))
    return bad(address, "name the place where the two meet: sysv-mq:/path/to/it");
  options.framing = TRY(ChannelOptions::from(address)).framing;
  if (options.framing == Framing::lines)
    return bad(address,
               "framing=lines: a queue keeps messages apart by itself: framing=raw sends them as they are");
  if (options.framing == Framing::raw && address.option("group"))
    return bad(address, "group= is for connections: with framing=raw leave it out");
  if (const auto project = address.option("project")) {
    const auto number = number_of(*project, 255);
    if (!number)
      return bad(address,
                 "project=" + std::string(*project) + ": it is a number from 1 to 255, as ftok(3) has it");
    options.project = static_cast<int>(*number);
  }
  if (const auto capacity = address.option("capacity")) {
    const auto size = parse_size(*capacity);
    if (!size) return bad(address, "capacity: " + std::string(size.error().advice()));
    if (*size < least_capacity) return bad(address, "capacity: at least 4K");
    options.capacity = *size;
  }
  if (const auto owner = address.option("owner")) options.owner = std::string(*owner);
  TRY(read_types(address, options));
  return options;
}

Result<bool> is_trusted(unsigned uid, const SysvOptions& options) {
  if (uid == os::effective_user() || uid == 0 || options.owner == "any") return true;
  return options.owner && TRY(os::user_id(*options.owner)) == uid;
}

std::string how_to_trust(unsigned uid) {
  const std::string user = os::describe_user(uid);
  return user + ": if you trust it, add owner=" + user.substr(0, user.find(' ')) + " to the address";
}

}  // namespace tenon::sysv_mq
