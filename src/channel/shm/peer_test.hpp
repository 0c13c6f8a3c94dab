// A peer over shm: whose memory is in order and that otherwise writes what it likes: for tests of the rules.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <tenon/os/unix_socket.hpp>

#include "channel/conformance_test.hpp"
#include "channel/shm/introduction.hpp"
#include "shm/ring.hpp"

namespace tenon::test {

/// The connecting side by hand: introduced as it should be.
class ShmPeer {
 public:
  static constexpr std::uint64_t capacity = 64 << 10;
  static constexpr std::uint64_t arena = 1 << 20;

  struct Part {
    shm::RecordKind kind;
    std::vector<std::byte> payload;
  };

  explicit ShmPeer(const std::string& place) {
    auto socket = value_of(os::UnixSocket::connect(place, os::SocketType::stream, soon()));
    Introduction introduction(
        Introduction::Role::connecting, socket.release(), std::nullopt,
        {.capacity = capacity, .max_message_size = 1 << 30, .fences = Fences::on_both_sides, .arena = arena});
    EXPECT_OK(introduction.run(soon()));
    sides_.emplace(introduction.take());
    writer_.emplace(sides_->own.data(), capacity, &sides_->peer_region.words().read_position);
    reader_.emplace(sides_->peer_region.ring.data(), sides_->peer_region.ring.data_size(),
                    &sides_->own.header().read_position);
  }

  void write(const std::vector<Part>& parts) {
    for (const Part& part : parts) {
      std::byte* const room = writer_->reserve(part.payload.size());
      ASSERT_NE(room, nullptr);
      std::ranges::copy(part.payload, room);
      writer_->stage(part.kind, static_cast<std::uint32_t>(part.payload.size()));
    }
    publish();
  }
  void skip(std::uint32_t size) {
    ASSERT_NE(writer_->reserve_exactly(size), nullptr);
    writer_->stage(shm::RecordKind::skip, size);
    publish();
  }
  /// Bytes of the ring that were used since the beginning, and how many of them were given back.
  std::uint64_t written() const { return writer_->position(); }
  std::uint64_t given_back() { return writer_->given_back(); }
  void write_word(std::uint64_t word) {
    shm::Memory::store_release(reinterpret_cast<std::uint64_t*>(sides_->own.data()), word);
    ring();
  }
  void pass(int fd) { EXPECT_EQ(sides_->data->pass(fd), os::Doorbell::Passed::yes); }
  void claim_to_have_read(std::uint64_t position) {
    shm::Memory::store_release(&sides_->own.header().read_position, position);
    static_cast<void>(sides_->room->ring());
  }
  void claim_to_return(std::uint64_t block, std::uint64_t generation) {
    shm::Memory::store_release(&sides_->own.returns().returned[block].generation, generation);
    static_cast<void>(sides_->room->ring());
  }
  /// What the other side has returned.
  std::uint64_t returned(std::uint64_t block) const {
    return shm::Memory::load_acquire(&sides_->peer_region.returns().returned[block].generation);
  }
  /// The next record of the other side, or null.
  const shm::Record* front() { return reader_->front(); }
  void pop() { reader_->pop(); }
  int data_socket() const { return static_cast<const os::SocketDoorbell&>(*sides_->data).fd(); }
  bool is_disconnected() {
    auto state = os::Doorbell::State::rung;
    while (state == os::Doorbell::State::rung) state = sides_->data->hush();
    return state == os::Doorbell::State::gone;
  }

 private:
  void publish() {
    writer_->publish();
    order_store_and_load(Fences::on_both_sides);
    const std::uint64_t wish = shm::Memory::load_relaxed(&sides_->peer_region.words().wants_data);
    if (wish % 2 != 0) ring();
  }
  void ring() { static_cast<void>(sides_->data->ring()); }

  std::optional<RingConnection> sides_;
  std::optional<shm::RingWriter<>> writer_;
  std::optional<shm::RingReader<>> reader_;
};

/// An honest side that has such a peer.
class MeetsShmPeer : public testing::Test {
 protected:
  /// The peer has broken a rule, and that is said for `reason`, again and again.
  void expect_the_end(const std::string& reason) {
    for (int i = 0; i < 2; ++i) {
      const auto result = channel_.borrow(soon());
      ASSERT_TRUE(is_error(Errc::protocol_violation, result));
      EXPECT_THAT(result.error().message(), testing::HasSubstr(reason));
    }
    EXPECT_ERRC(Errc::protocol_violation, channel_.send("x"));
    EXPECT_TRUE(peer_->is_disconnected());
  }

  explicit MeetsShmPeer(const std::string& options = "")
      : address_("shm:" + folder_ / "s?capacity=64K&max-message-size=64M&arena=1M" + options) {}

  TemporaryFolder folder_;
  std::string address_;
  Listener listener_ = value_of(listen(address_));
  std::optional<ShmPeer> peer_;
  Channel channel_ = meet();

 private:
  Channel meet() {
    const std::jthread connecting([&] { peer_.emplace(folder_ / "s"); });
    return value_of(listener_.accept(soon()));
  }
};

}  // namespace tenon::test
