#include "channel/shm/introduction.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include <tenon/os/unix_socket.hpp>

#include "base/try.hpp"
#include "os/membarrier.hpp"
#include "wire/little_endian.hpp"

namespace tenon {
namespace {

constexpr char magic[8] = {'T', 'E', 'N', 'O', 'N', 's', 'h', 'm'};
constexpr std::uint32_t fences_by_the_sleeper = 1;
constexpr std::size_t most_descriptors = 4;

std::unexpected<Error> refuse(std::string why) {
  return std::unexpected(Error(Errc::protocol_violation, "connect", {}, std::move(why)));
}

}  // namespace

std::array<std::byte, shm_hello_size> encode_hello(const ShmHello& hello) noexcept {
  std::array<std::byte, shm_hello_size> bytes{};
  std::memcpy(bytes.data(), magic, sizeof magic);
  wire::store<std::uint32_t>(bytes.data() + 8, shm::region_version);
  wire::store<std::uint32_t>(bytes.data() + 12, shm_hello_size);
  wire::store<std::uint64_t>(bytes.data() + 16, hello.capacity);
  wire::store<std::uint64_t>(bytes.data() + 24, hello.max_message_size);
  wire::store<std::uint32_t>(bytes.data() + 32,
                             hello.fences == Fences::by_the_sleeper ? fences_by_the_sleeper : 0);
  wire::store<std::uint64_t>(bytes.data() + 40, hello.arena);
  return bytes;
}

Result<ShmHello> decode_hello(const std::array<std::byte, shm_hello_size>& bytes) {
  if (std::memcmp(bytes.data(), magic, sizeof magic) != 0) {
    return refuse("what answers there does not speak tenon's shm: protocol");
  }
  const auto version = wire::load<std::uint32_t>(bytes.data() + 8);
  if (version != shm::region_version) {
    return refuse("the peer's shared memory has version " + std::to_string(version) + ", ours has " +
                  std::to_string(shm::region_version) + ": use the same release of tenon on both sides");
  }
  const auto flags = wire::load<std::uint32_t>(bytes.data() + 32);
  const bool clean = wire::load<std::uint32_t>(bytes.data() + 36) == 0;
  if (wire::load<std::uint32_t>(bytes.data() + 12) != shm_hello_size || flags > fences_by_the_sleeper ||
      !clean) {
    return refuse("the peer's hello is malformed");
  }
  return ShmHello{wire::load<std::uint64_t>(bytes.data() + 16), wire::load<std::uint64_t>(bytes.data() + 24),
                  flags == fences_by_the_sleeper ? Fences::by_the_sleeper : Fences::on_both_sides,
                  wire::load<std::uint64_t>(bytes.data() + 40)};
}

Introduction::Introduction(Role role, os::Fd socket, std::optional<PeerInfo> peer, const ShmHello& hello)
    : role_(role), stream_(std::move(socket), false), peer_(peer), mine_(hello) {
  arrived_.reserve(most_descriptors);
}

/// Memory is made only for a peer that has introduced itself, or that we went to.
Result<void> Introduction::prepare() {
  if (own_) return {};
  if (os::reach_by_heavy_fences() && os::heavy_fence()) mine_.fences = Fences::by_the_sleeper;
  if (role_ == Role::connecting) {
    auto [ours, theirs] = TRY(os::UnixSocket::pair());
    room_ = ours.release();
    room_for_peer_ = theirs.release();
  }
  own_ = TRY(OwnRegion::create(mine_.capacity));
  return {};
}

Result<bool> Introduction::say() {
  TRY(prepare());
  auto bytes = encode_hello(mine_);
  while (sent_ < bytes.size()) {
    const os::Slice rest{bytes.data() + sent_, bytes.size() - sent_};
    const std::array<int, 2> descriptors{own_->fd(), room_for_peer_.get()};
    const auto attached = std::span(descriptors).first(sent_ > 0 ? 0 : room_for_peer_ ? 2 : 1);
    const os::Transfer out = stream_.write({&rest, 1}, attached);
    if (out.would_block()) return false;
    if (out.broken()) {
      // It has left; but what it said first may be that it is no tenon, and that is worth knowing.
      peer_left_ = true;
      return true;
    }
    if (out.error != 0) return std::unexpected(Error::from_errno("connect", {}, out.error));
    sent_ += out.count;
  }
  own_->forget_fd();
  room_for_peer_.reset();
  return true;
}

Result<bool> Introduction::listen() {
  while (got_ < received_.size()) {
    const os::Slice rest{received_.data() + got_, received_.size() - got_};
    const os::Transfer in = stream_.read({&rest, 1}, arrived_);
    if (in.would_block()) return false;
    if (in.lost_part())
      return refuse("the peer sent more descriptors than this process could take (ulimit -n)");
    if (in.count == 0) return std::unexpected(Error(Errc::closed, "connect"));
    got_ += in.count;
    // Enough of another program's answer to know: it may never send all of it.
    if (std::memcmp(received_.data(), magic, std::min(got_, sizeof magic)) != 0) got_ = received_.size();
  }
  if (peer_region_) return true;
  theirs_ = TRY(decode_hello(received_));
  if (role_ == Role::connecting && arrived_.size() == 2)
    return refuse("both sides connect: one must have called spawn() or accept()");
  if (arrived_.size() != (role_ == Role::listening ? 2 : 1)) {
    return refuse("the peer sent " + std::to_string(arrived_.size()) + " descriptors with its hello");
  }
  peer_region_ = TRY(PeerRegion::adopt(std::move(arrived_[0]), theirs_.capacity));
  if (role_ == Role::listening) {
    if (TRY(os::kind_of(arrived_[1].get())) != os::DescriptorKind::stream_socket) {
      return refuse("the peer's second descriptor is not a Unix stream socket");
    }
    room_ = std::move(arrived_[1]);
  }
  arrived_.clear();
  return true;
}

Result<bool> Introduction::step() {
  if (role_ == Role::connecting) {
    const bool said = TRY(say());
    if (!TRY(listen())) return false;
    if (peer_left_) return std::unexpected(Error(Errc::closed, "connect"));
    return said;
  }
  if (!TRY(listen())) return false;
  const bool said = TRY(say());
  if (peer_left_) return std::unexpected(Error(Errc::closed, "connect"));
  return said;
}

Result<void> Introduction::run(Deadline deadline) {
  while (!TRY(step())) {
    const bool sending = sent_ < shm_hello_size && (role_ == Role::connecting || got_ == received_.size());
    TRY(stream_.wait(sending ? os::Wait::writable : os::Wait::readable, deadline));
  }
  return {};
}

RingConnection Introduction::take() {
  const bool agreed = mine_.fences == Fences::by_the_sleeper && theirs_.fences == Fences::by_the_sleeper;
  return {std::move(*own_),
          std::move(*peer_region_),
          std::make_unique<os::SocketDoorbell>(stream_.release(), mine_.arena > 0 ? shm::most_blocks : 0),
          std::make_unique<os::SocketDoorbell>(std::move(room_)),
          agreed ? Fences::by_the_sleeper : Fences::on_both_sides,
          peer_,
          {},
          std::min(mine_.arena, theirs_.arena)};
}

}  // namespace tenon
