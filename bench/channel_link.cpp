#include "bench/channel_link.hpp"

#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tenon/os/pipe.hpp>
#include <tenon/os/unix_socket.hpp>

#include "base/try.hpp"

namespace bench {
namespace {

using tenon::ByteView;
using tenon::Deadline;
using tenon::Result;

constexpr std::size_t batch = 64;
constexpr std::uint64_t blocks_are_there = 64;
constexpr std::chrono::seconds to_meet{5};
constexpr std::chrono::milliseconds lost_after{50};

class ChannelLink final : public Link {
 public:
  explicit ChannelLink(tenon::Channel channel)
      : channel_(std::move(channel)), lossy_(!channel_.traits().has(tenon::Trait::lossless)) {}

  Result<void> send(ByteView message) override { return channel_.send(message); }

  Result<void> send_many(std::span<const ByteView> messages) override {
    while (!messages.empty()) messages = messages.subspan(TRY(channel_.send_many(messages)));
    return {};
  }

  Result<ByteView> receive() override {
    messages_.front() = {};
    messages_.front() = TRY(channel_.borrow(deadline()));
    return messages_.front().bytes();
  }

  Result<std::size_t> receive_many(std::span<ByteView> into) override {
    for (auto& message : std::span(messages_).first(held_)) message = {};
    held_ = TRY(channel_.borrow_many(std::span(messages_).first(std::min(into.size(), batch)), deadline()));
    for (std::size_t index = 0; index < held_; ++index) into[index] = messages_[index].bytes();
    return held_;
  }

  Result<tenon::ByteSpan> loan(std::size_t size) override {
    loan_ = TRY(channel_.loan(size));
    return loan_.bytes();
  }

  Result<void> commit() override { return loan_.commit(loan_.bytes().size()); }

  Calls calls() const override {
    const auto statistics = channel_.statistics();
    return {statistics.sent.system_calls + statistics.received.system_calls,
            statistics.sent.sleeps + statistics.received.sleeps};
  }

  bool lossy() const override { return lossy_; }

  std::uint64_t settling() const override {
    return channel_.traits().has(tenon::Trait::zero_copy) ? blocks_are_there : 0;
  }

 private:
  Deadline deadline() const { return lossy_ ? Deadline::in(lost_after) : Deadline::never(); }

  tenon::Channel channel_;
  tenon::Loan loan_;
  bool lossy_;
  std::array<tenon::Message, batch> messages_;
  std::size_t held_ = 0;
};

class ByName final : public Meeting {
 public:
  explicit ByName(std::string address) : address_(std::move(address)) {}

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange& exchange) override {
    if (side == 0) {
      const auto address = TRY(exchange.published());
      return make_channel_link(TRY(tenon::connect(address, {.deadline = Deadline::in(to_meet)})));
    }
    auto listener = TRY(tenon::listen(address_));
    exchange.publish(listener.address().to_string());
    return make_channel_link(TRY(listener.accept(Deadline::in(to_meet))));
  }

 private:
  std::string address_;
};

class ByInheritance final : public Meeting {
 public:
  static Result<MeetingPtr> create(bool sockets, std::string options) {
    auto meeting = std::make_unique<ByInheritance>(std::move(options));
    if (sockets) {
      auto [one, other] = TRY(tenon::os::UnixSocket::pair());
      meeting->ends_[0].push_back(one.release());
      meeting->ends_[1].push_back(other.release());
      return meeting;
    }
    auto forth = TRY(tenon::os::Pipe::create());
    auto back = TRY(tenon::os::Pipe::create());
    for (const auto* pipe : {&forth, &back}) tenon::os::enlarge_pipe(pipe->write_end.get());  // as pipe: does
    meeting->ends_[0].push_back(std::move(back.read_end));
    meeting->ends_[0].push_back(std::move(forth.write_end));
    meeting->ends_[1].push_back(std::move(forth.read_end));
    meeting->ends_[1].push_back(std::move(back.write_end));
    return meeting;
  }
  explicit ByInheritance(std::string options) : options_(std::move(options)) {}

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange&) override {
    ends_[1 - side].clear();
    std::vector<int> numbers;
    for (const auto& end : ends_[side]) numbers.push_back(end.get());
    auto channel = tenon::connect(fmt::format("fd:{}?{}", fmt::join(numbers, ","), options_),
                                  {.deadline = Deadline::in(to_meet)});
    if (!channel) return std::unexpected(channel.error());
    for (auto& end : ends_[side]) static_cast<void>(end.release());  // taken over
    return make_channel_link(std::move(*channel));
  }

 private:
  std::array<std::vector<tenon::os::Fd>, 2> ends_;
  std::string options_;
};

/// What stands between `scheme:` and the options.
std::string place_for(std::string_view scheme, const Setting& setting) {
  if (scheme == "tcp" || scheme == "udp") return "127.0.0.1:0";
  const auto name = fmt::format("{}-{}", scheme, setting.unique);
  const auto folder = setting.folder.substr(setting.folder.rfind('/') + 1);
  if (scheme == "posix-mq") return fmt::format("/{}-{}", folder, setting.unique);
  return fmt::format("{}/{}", setting.folder, name);
}

}  // namespace

std::string address_for(std::string_view scheme, std::string_view options, const Setting& setting) {
  if (scheme == "pipe" || scheme == "fd") return "";
  const auto more = options.empty() ? std::string() : fmt::format("&{}", options);
  return fmt::format("{}:{}?wait={}{}", scheme, place_for(scheme, setting), to_string(setting.waiting), more);
}

Result<MeetingPtr> meet_over_channel(std::string_view scheme, std::string_view options,
                                     const Setting& setting) {
  auto address = address_for(scheme, options, setting);
  if (!address.empty()) return std::make_unique<ByName>(std::move(address));
  return ByInheritance::create(scheme == "fd", fmt::format("wait={}", to_string(setting.waiting)));
}

std::unique_ptr<Link> make_channel_link(tenon::Channel channel) {
  return std::make_unique<ChannelLink>(std::move(channel));
}

}  // namespace bench
