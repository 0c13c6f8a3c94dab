// The hellos at the start of a framed stream.
#include "base/try.hpp"
#include "channel/greeting.hpp"
#include "channel/stream.hpp"

namespace tenon {

/// Sends what there is room for. False: the peer has left.
bool Handshake::send_mine() noexcept {
  while (sent_ < mine_.size()) {
    const os::Slice rest{mine_.data() + sent_, mine_.size() - sent_};
    const os::Transfer out = connection_.stream->write({&rest, 1}, {});
    if (out.error != 0) return out.would_block();
    sent_ += out.count;
  }
  return true;
}

Result<bool> Handshake::step() {
  std::vector<os::Fd> unwanted;
  // If it has left, what it said first may be that it is no tenon, and that is worth knowing.
  bool peer_left = !send_mine();
  while (got_ < received_.size()) {
    const os::Slice rest{received_.data() + got_, received_.size() - got_};
    const os::Transfer in = connection_.stream->read({&rest, 1}, unwanted);
    if (in.would_block()) return false;
    if (in.lost_part()) {
      return std::unexpected(Error(Errc::protocol_violation, "connect", {}, "the peer's hello is malformed"));
    }
    if (in.count == 0) return std::unexpected(Error(Errc::closed, "connect"));
    got_ += in.count;
    // Enough of another program's answer to know: it may never send 32 bytes.
    if (got_ >= 6 && !wire::is_hello_start(ByteView(received_).first(got_))) got_ = received_.size();
  }
  auto hello = wire::decode_hello(received_);
  if (!hello)
    return std::unexpected(Error(Errc::protocol_violation, "connect", {}, std::move(hello).error()));
  if (!peer_left) peer_left = !send_mine();  // a stream that its first read opens had no room before
  if (peer_left) return std::unexpected(Error(Errc::closed, "connect"));
  hello_ = *hello;
  return sent_ == mine_.size();
}

Result<void> Handshake::run(Deadline deadline) {
  while (!TRY(step())) {
    const bool sending = sent_ < mine_.size() && got_ == received_.size();
    TRY(connection_.stream->wait(sending ? os::Wait::writable : os::Wait::readable, deadline));
  }
  return {};
}

namespace {

/// A stream at the door. Without frames there is nothing to say to each other first.
class StreamGreeting final : public Greeting {
 public:
  StreamGreeting(StreamConnection connection, Traits traits, const ChannelOptions& options)
      : handshake_(std::move(connection), options.max_message_size), traits_(traits), options_(options) {}

  bool is_needed() const noexcept override { return options_.framing == Framing::message; }
  Result<bool> step() override {
    if (!is_needed()) return true;
    return handshake_.step();
  }
  Result<std::unique_ptr<Endpoint>> finish(const Address& address, Deadline deadline) override {
    if (!is_needed()) return open_stream(address, handshake_.take(), traits_, deadline);
    traits_.max_message_size = handshake_.theirs().max_message_size;
    return make_stream_endpoint(address, handshake_.take(), traits_, options_);
  }
  const os::ByteStream& stream() const noexcept override { return handshake_.stream(); }

 private:
  Handshake handshake_;
  Traits traits_;
  ChannelOptions options_;
};

}  // namespace

Result<std::unique_ptr<Acceptor>> accept_streams(StreamListener listener, Traits traits) {
  const ChannelOptions options = TRY(ChannelOptions::from(listener.address));
  auto next = [=, accept = std::move(listener.accept)]() mutable -> Result<std::unique_ptr<Greeting>> {
    auto connection = TRY(accept(Deadline::now()));
    if (options.framing == Framing::message && connection.stream->peer_has_ended()) {
      return std::unexpected(Error(Errc::closed, "accept"));  // before our hello: it no longer wants us
    }
    return std::make_unique<StreamGreeting>(std::move(connection), traits, options);
  };
  return GreetingAcceptor::create(std::move(listener.address), listener.fd, std::move(next));
}

}  // namespace tenon
