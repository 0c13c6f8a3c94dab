#include "channel/udp/greeting.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/try.hpp"
#include "os/random.hpp"
#include "wire/little_endian.hpp"

namespace tenon {
namespace {

using namespace std::chrono_literals;
using wire::DatagramKind;
using wire::Greeting;

constexpr auto first_pause = 50ms;
constexpr auto longest_pause = 200ms;
constexpr auto patience_with_strangers =
    300ms;                        // a spoofed answer must not end it, the right one may come yet
constexpr auto slot_length = 4s;  // a cookie is good for one to two of these

/// The state of a client: who it has become, and what it says next.
class Client {
 public:
  Client(const os::Fd& socket, std::uint64_t token) noexcept : socket_(socket), tokens_{token, 0} {}

  Result<Tokens> run(Deadline deadline);

 private:
  enum class Answer { none, progress, done, stranger };

  Result<bool> say();
  Result<Answer> hear();
  Answer understand(ByteView datagram);
  std::unexpected<Error> refused() const {
    return std::unexpected(
        Error(Errc::no_one_there, "connect", {}, "start the listener first", ECONNREFUSED));
  }

  const os::Fd& socket_;
  Tokens tokens_;
  std::optional<std::uint8_t> other_version_;
};

Result<bool> Client::say() {
  const DatagramKind kind = tokens_.theirs == 0 ? DatagramKind::hello : DatagramKind::confirm;
  auto greeting = wire::encode_greeting({{kind, 0, tokens_.theirs}, tokens_.ours});
  const os::Slice slice{greeting.data(), greeting.size()};
  const os::Transfer transfer = os::send_message(socket_.get(), {&slice, 1}, {});
  if (transfer.broken()) return refused();
  return transfer.error == 0;  // anything else may pass: it is said again
}

Client::Answer Client::understand(ByteView datagram) {
  const auto header = wire::decode_datagram(datagram);
  if (!header) {
    other_version_ = wire::datagram_version_of(datagram);
    return Answer::stranger;
  }
  if (header->token != tokens_.ours) return Answer::none;
  if (header->kind == DatagramKind::data || header->kind == DatagramKind::close)
    return tokens_.theirs == 0 ? Answer::none : Answer::done;  // the welcome was lost
  const auto greeting = wire::decode_greeting(datagram);
  if (!greeting || greeting->own_token == 0) return Answer::none;
  if (header->kind == DatagramKind::challenge && tokens_.theirs == 0) {
    tokens_.theirs = greeting->own_token;
    return Answer::progress;
  }
  return header->kind == DatagramKind::welcome && greeting->own_token == tokens_.theirs ? Answer::done
                                                                                        : Answer::none;
}

/// What has arrived, without waiting.
Result<Client::Answer> Client::hear() {
  std::array<std::byte, 64> buffer;
  std::vector<os::Fd> none;
  const os::Slice room{buffer.data(), buffer.size()};
  for (int strangers = 0; strangers < 64; ++strangers) {
    const os::Transfer transfer = os::receive_message(socket_.get(), {&room, 1}, none);
    if (transfer.would_block()) return Answer::none;
    if (transfer.broken()) return refused();
    if (transfer.error != 0 && !transfer.lost_part())
      return std::unexpected(Error::from_errno("connect", {}, transfer.error));
    const Answer answer =
        understand(ByteView(buffer).first(transfer.lost_part() ? buffer.size() : transfer.count));
    if (answer != Answer::none) return answer;
  }
  return Answer::none;
}

Result<Tokens> Client::run(Deadline deadline) {
  std::chrono::nanoseconds pause = first_pause;
  Deadline patience = deadline;
  static_cast<void>(TRY(say()));
  Deadline again = Deadline::in(pause);
  for (;;) {
    const Answer answer = TRY(hear());
    if (answer == Answer::done) return tokens_;
    if (answer == Answer::stranger) {
      patience = patience.or_earlier(Deadline::in(patience_with_strangers));
      if (patience.expired()) break;
      continue;
    }
    if (answer == Answer::none) {
      const auto woken = os::wait_for(socket_.get(), os::Wait::readable, patience.or_earlier(again));
      if (woken) continue;
      if (woken.error().code() != Errc::timed_out) return std::unexpected(woken.error());
      if (patience.expired()) break;
      pause = std::min<std::chrono::nanoseconds>(pause * 2, longest_pause);
    }
    static_cast<void>(TRY(say()));
    again = Deadline::in(pause);
  }
  if (deadline.expired()) return std::unexpected(Error(Errc::timed_out, "connect"));
  return std::unexpected(
      Error(Errc::protocol_violation, "connect", {},
            other_version_ ? "the listener speaks version " + std::to_string(*other_version_) +
                                 " of the datagrams, we speak " + std::to_string(wire::datagram_version) +
                                 ": use the same release of tenon on both sides"
                           : "what answers there does not speak tenon's protocol "
                             "(framing=raw speaks with other programs)"));
}

std::uint64_t current_slot() noexcept {
  return static_cast<std::uint64_t>(Deadline::Clock::now().time_since_epoch() / slot_length);
}

}  // namespace

Result<Tokens> greet(const os::Fd& socket, Deadline deadline) {
  std::uint64_t token = 0;
  while (token == 0) token = TRY(os::random_number());
  return Client(socket, token).run(deadline);
}

Result<Porter> Porter::create() {
  return Porter({TRY(os::random_number()), TRY(os::random_number())});
}

std::uint64_t Porter::cookie(const os::InetEndpoint& from, std::uint64_t token,
                             std::uint64_t slot) const noexcept {
  std::array<std::byte, os::InetEndpoint::max_size + 2 * sizeof(std::uint64_t)> text{};
  std::memcpy(text.data(), from.data(), from.size());
  wire::store(text.data() + os::InetEndpoint::max_size, token);
  wire::store(text.data() + os::InetEndpoint::max_size + sizeof token, slot);
  return std::max<std::uint64_t>(base::SipHash(key_)(text), 1);
}

bool Porter::is_ours(const os::InetEndpoint& from, const Greeting& confirm) const noexcept {
  const std::uint64_t slot = current_slot();
  const std::uint64_t given = confirm.header.token;
  return given == cookie(from, confirm.own_token, slot) || given == cookie(from, confirm.own_token, slot - 1);
}

std::optional<Tokens> Porter::serve(os::UdpDoor& door, const os::Visit& visit, ByteView datagram) {
  if (datagram.size() != wire::greeting_size || visit.size != wire::greeting_size) return std::nullopt;
  const auto reply = [&](std::uint64_t to, std::uint64_t own) {
    door.reply(visit, wire::encode_greeting({{DatagramKind::challenge, 0, to}, own}));
  };
  const auto greeting = wire::decode_greeting(datagram);
  if (!greeting) {
    if (wire::is_hello_of_other_version(datagram)) reply(0, 1);  // so that it can say what does not fit
    return std::nullopt;
  }
  if (greeting->own_token == 0) return std::nullopt;
  if (greeting->header.kind == DatagramKind::hello && greeting->header.token == 0)
    reply(greeting->own_token, cookie(visit.from, greeting->own_token, current_slot()));
  if (greeting->header.kind != DatagramKind::confirm || !is_ours(visit.from, *greeting)) return std::nullopt;
  if (std::ranges::find(used_, greeting->header.token) != used_.end()) return std::nullopt;
  return Tokens{greeting->header.token, greeting->own_token};
}

void Porter::remember(const Tokens& tokens) noexcept {
  used_[next_used_++ % used_.size()] = tokens.ours;
}

}  // namespace tenon
