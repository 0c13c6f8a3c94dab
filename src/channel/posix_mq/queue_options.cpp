#include "channel/posix_mq/queue_options.hpp"

#include <algorithm>
#include <charconv>

#include <tenon/units.hpp>

#include "base/try.hpp"
#include "os/private_queues.hpp"
#include "os/users.hpp"

namespace tenon {
namespace {

constexpr os::PosixQueue::Size default_plain_queue{.max_messages = 10, .message_size = 8192};
constexpr std::size_t least_capacity = 1024;
constexpr std::size_t messages_of_a_capacity = 8;
constexpr std::size_t longest_message =
    64 * 1024;  // a listener takes no more, however far the limits were raised

std::unexpected<Error> bad(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

/// Queues that hold `capacity=` bytes, in messages as long as the machine allows, but several of them.
Result<os::PosixQueue::Size> size_of(const Address& address, Framing framing) {
  const auto limits = TRY(os::PosixQueueLimits::read());
  const auto option = address.option("capacity");
  if (!option) {
    const auto& wanted = framing == Framing::raw ? default_plain_queue : default_private_queue;
    return os::PosixQueue::Size{std::min(wanted.max_messages, limits.messages),
                                std::min(wanted.message_size, limits.message_size)};
  }
  const auto capacity = parse_size(*option);
  if (!capacity) return bad(address, "capacity: " + std::string(capacity.error().advice()));
  if (*capacity < least_capacity) return bad(address, "capacity: at least 1K");
  const std::size_t longest = std::min(limits.message_size, longest_message);
  const std::size_t message = std::min(longest, *capacity / messages_of_a_capacity);
  return os::PosixQueue::Size{(*capacity + message - 1) / message, message};
}

Result<unsigned> priority_of(const Address& address, Framing framing) {
  const auto option = address.option("priority");
  if (!option) return 0U;
  if (framing != Framing::raw) {
    return bad(
        address,
        "priority: with frames a message may travel in several pieces, which must stay in order: it needs "
        "framing=raw");
  }
  unsigned priority = 0;
  const auto [end, problem] = std::from_chars(option->data(), option->data() + option->size(), priority);
  if (problem == std::errc{} && end == option->data() + option->size() &&
      priority <= os::PosixQueue::max_priority)
    return priority;
  return bad(address, "priority: a number from 0 to " + std::to_string(os::PosixQueue::max_priority) +
                          "; the highest is received first");
}

}  // namespace

Result<QueueOptions> QueueOptions::from(const Address& address) {
  QueueOptions options;
  options.framing = TRY(ChannelOptions::from(address)).framing;
  if (options.framing == Framing::lines) {
    return bad(address, "framing=lines is for streams; a queue keeps its messages whole: use framing=raw");
  }
  options.size = TRY(size_of(address, options.framing));
  options.priority = TRY(priority_of(address, options.framing));
  if (const auto owner = address.option("owner")) options.owner = std::string(*owner);
  static_cast<void>(TRY(NameOptions::from(address)));
  return options;
}

Result<void> check_queue_place(const Address& address) {
  const std::string& place = address.place();
  const bool named = place.size() >= 2 && place.starts_with('/') && place.find('/', 1) == std::string::npos;
  if (named && place.size() <= os::longest_queue_place) return {};
  return bad(address, "a queue's name is a slash and 1 to " + std::to_string(os::longest_queue_place - 1) +
                          " more characters, none of them a slash: posix-mq:/jobs");
}

Result<void> check_queue_owner(const std::string& place, unsigned uid, const QueueOptions& options) {
  if (uid == os::effective_user() || uid == 0 || options.owner == "any") return {};
  if (options.owner && TRY(os::user_id(*options.owner)) == uid) return {};
  const std::string user = os::describe_user(uid);
  return std::unexpected(Error(Errc::permission_denied, "connect", place,
                               "the queue belongs to " + user + ": if you trust it, add owner=" +
                                   user.substr(0, user.find(' ')) + " to the address"));
}

}  // namespace tenon
