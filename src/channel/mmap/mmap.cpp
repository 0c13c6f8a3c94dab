#include "channel/mmap/mmap.hpp"

#include <algorithm>

#include "base/try.hpp"
#include "channel/mmap/bell.hpp"
#include "channel/mmap/place.hpp"
#include "channel/ring_channel.hpp"
#include "os/limits.hpp"
#include "os/membarrier.hpp"

namespace tenon {
namespace {

using namespace mapped;

constexpr Traits mmap_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::zero_copy, Trait::reports_peer_death, Trait::pollable,
     Trait::unrelated_processes, Trait::survives_restart},
    default_max_message_size};

/// A wait for the other side looks at least so often whether it is still there.
constexpr std::chrono::milliseconds look_again{100};

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(MmapOptions::from(address)));
  return mmap_traits;
}

Error about(const Error& error, std::string_view operation, const Address& address) {
  return error.with(operation, address.to_string());
}

bool can_fence() noexcept {
  return os::reach_by_heavy_fences() && os::heavy_fence();
}

/// Our region and the peer's, mapped.
struct Regions {
  OwnRegion own;
  PeerRegion peer;

  KeptWords& ours() const noexcept {
    return *reinterpret_cast<KeptWords*>(reinterpret_cast<std::byte*>(&own.header()) + kept_words);
  }
  const KeptWords& theirs() const noexcept { return peer.header.at<const KeptWords>(kept_words); }
};

Result<Regions> map_regions(const Place& place) {
  const std::uint64_t capacity = place.capacity();
  const std::uint64_t own_at = region_offset(place.role(), capacity);
  const std::uint64_t peer_at = region_offset(other(place.role()), capacity);
  auto own =
      TRY(os::MirroredMapping::map(place.fd(), shm::header_size, capacity, os::Access::read_write, own_at));
  auto header = TRY(os::Mapping::map(place.fd(), shm::header_size, os::Access::read, peer_at));
  auto ring =
      TRY(os::MirroredMapping::map(place.fd(), shm::header_size, capacity, os::Access::read, peer_at));
  return Regions{OwnRegion(std::move(own)), PeerRegion{std::move(header), std::move(ring)}};
}

/// The channel of a session to which both sides have agreed.
Result<std::unique_ptr<Endpoint>> open(const Address& address, const std::shared_ptr<Place>& place,
                                       std::uint64_t session, Regions regions, const MmapOptions& options) {
  const FileHeader& header = place->header();
  const bool listening = place->role() == Role::listener;
  const Unread outgoing = listening ? header.to_connector : header.to_listener;
  const Unread incoming = listening ? header.to_listener : header.to_connector;
  const Seat& theirs = place->seat(other(place->role()));
  Traits traits = mmap_traits;
  traits.max_message_size = shm::Memory::load_relaxed(&theirs.takes);
  const bool agreed = shm::Memory::load_relaxed(&theirs.fences) != 0 &&
                      shm::Memory::load_relaxed(&place->seat(place->role()).fences) != 0;
  auto* const settled = &regions.ours().settled;
  auto line = std::make_shared<Session>(place, session, regions.ours(), regions.theirs());
  auto data = std::make_unique<FutexDoorbell>(line, &KeptWords::data_bell);
  auto room = std::make_unique<FutexDoorbell>(line, &KeptWords::room_bell);
  return make_ring_endpoint(address,
                            {std::move(regions.own),
                             std::move(regions.peer),
                             std::move(data),
                             std::move(room),
                             agreed ? Fences::by_the_sleeper : Fences::on_both_sides,
                             std::nullopt,
                             {outgoing.end, incoming.begin, settled}},
                            traits, options.channel);
}

// ---- Connecting

/// Waits until the listener has answered our call.
Result<void> await_answer(const Place& place, std::uint64_t session, const os::NudgeWatch& watch,
                          Deadline deadline) {
  for (;;) {
    static_cast<void>(watch.drain());
    // Before its answer: a listener may answer, send what it has, and leave.
    const bool there = TRY(place.is_other_there());
    const std::uint64_t state = place.state(Role::listener);
    const Stage stage = stage_of(state);
    if (session_of(state) == session && stage == Stage::refused) {
      return std::unexpected(Error(Errc::protocol_violation, "connect", {},
                                   "the listener cannot go on with what is in the file: its error says why"));
    }
    if (session_of(state) == session && stage != Stage::waiting) return {};
    if (!there) return std::unexpected(Error(Errc::no_one_there, "connect"));
    const auto woken =
        os::wait_for(watch.fd(), os::Wait::readable, deadline.or_earlier(Deadline::in(look_again)));
    if (!woken && (woken.error().code() != Errc::timed_out || deadline.expired()))
      return std::unexpected(woken.error());
  }
}

Result<std::unique_ptr<Endpoint>> call(const Address& address, Deadline deadline) {
  const MmapOptions options = TRY(MmapOptions::from(address));
  const auto place = TRY(Place::connect(address.place(), options, deadline));
  const std::uint64_t session =
      std::max(session_of(place->state(Role::listener)), session_of(place->state(Role::connector))) + 1;
  if (session > last_session) {
    return std::unexpected(
        Error(Errc::protocol_violation, "connect", {}, "the file counts beyond what can be: move it away"));
  }
  const auto watch = TRY(os::NudgeWatch::create(place->fd(), os::Nudge::by_writing));
  Regions regions = TRY(map_regions(*place));
  place->introduce(options.channel.max_message_size, can_fence());
  place->announce(session, Stage::calling);
  if (auto answered = await_answer(*place, session, watch, deadline); !answered) {
    place->end_channel(session);
    return std::unexpected(answered.error());
  }
  auto endpoint = open(address, place, session, std::move(regions), options);
  if (endpoint) place->begin_channel(session);
  return endpoint;
}

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline deadline) {
  auto endpoint = call(address, deadline);
  if (!endpoint) return std::unexpected(about(endpoint.error(), "connect", address));
  return endpoint;
}

// ---- Listening

class MmapAcceptor final : public Acceptor {
 public:
  MmapAcceptor(const Address& address, const MmapOptions& options, std::shared_ptr<Place> place,
               os::NudgeWatch watch)
      : Acceptor(address), options_(options), place_(std::move(place)), watch_(std::move(watch)) {}

  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override;
  Result<int> poll_fd() override { return watch_.fd(); }

 private:
  Result<std::unique_ptr<Endpoint>> answer_call();
  Result<std::unique_ptr<Endpoint>> answer(std::uint64_t session);

  MmapOptions options_;
  std::shared_ptr<Place> place_;
  os::NudgeWatch watch_;
  std::uint64_t answered_ = 0;  ///< session
};

/// Null when nobody calls.
Result<std::unique_ptr<Endpoint>> MmapAcceptor::answer_call() {
  if (place_->has_channel() || !TRY(place_->is_other_there())) return nullptr;
  const std::uint64_t state = place_->state(Role::connector);
  const std::uint64_t session = session_of(state);
  if (stage_of(state) != Stage::calling || session <= answered_ || session > last_session) return nullptr;
  answered_ = session;
  auto endpoint = answer(session);
  // Otherwise the caller would wait, and we fail at every turn.
  if (!endpoint) place_->announce(session, Stage::refused);
  return endpoint;
}

Result<std::unique_ptr<Endpoint>> MmapAcceptor::answer(std::uint64_t session) {
  Regions regions = TRY(map_regions(*place_));
  place_->introduce(options_.channel.max_message_size, can_fence());
  TRY(place_->make_ready());
  auto endpoint = open(address(), place_, session, std::move(regions), options_);
  if (endpoint) place_->begin_channel(session);
  return endpoint;
}

Result<std::unique_ptr<Endpoint>> MmapAcceptor::accept(Deadline deadline) {
  for (;;) {
    static_cast<void>(watch_.drain());
    auto endpoint = answer_call();
    if (!endpoint) return std::unexpected(about(endpoint.error(), "accept", address()));
    if (*endpoint) return std::move(*endpoint);
    if (auto woken = os::wait_for(watch_.fd(), os::Wait::readable, deadline); !woken) {
      const bool late = woken.error().code() == Errc::timed_out && place_->has_channel();
      return std::unexpected(woken.error().with(
          "accept", address().to_string(),
          late ? "a file has one channel at a time, and the one accepted before is still open" : ""));
    }
  }
}

Result<std::unique_ptr<Acceptor>> listen(const Address& address) {
  const MmapOptions options = TRY(MmapOptions::from(address));
  auto place = Place::listen(address.place(), options);
  if (!place) return std::unexpected(about(place.error(), "listen", address));
  auto watch = TRY(os::NudgeWatch::create((*place)->fd(), os::Nudge::by_writing));
  return std::make_unique<MmapAcceptor>(address, options, std::move(*place), std::move(watch));
}

std::vector<std::string> limits() {
  return {
      os::limit_line("fs.inotify.max_user_instances", "of a user; a listener takes one, a poll_fd() another"),
      os::limit_line("vm.max_map_count", "mappings of a process; a channel has 6"),
  };
}

}  // namespace

const Transport mmap_transport{
    .scheme = "mmap",
    .mechanism = "a mapped file: rings in memory that outlives both",
    .place = "/path of the file",
    .options = {"capacity", "mode", "group", "owner", "wait", "max-message-size", "require"},
    .general_traits = mmap_traits,
    .traits = traits,
    .connect = connect,
    .listen = listen,
    .limits = limits,
};

}  // namespace tenon
