#include "channel/file/rendezvous.hpp"

#include <algorithm>
#include <chrono>

#include "base/try.hpp"
#include "channel/file/endpoint.hpp"
#include "os/file_io.hpp"
#include "os/poll_set.hpp"

namespace tenon::filelog {
namespace {

/// A wait for the other side looks at least so often whether it is still there.
constexpr std::chrono::milliseconds look_again{100};

Error about(const Error& error, std::string_view operation, const Address& address) {
  return error.with(operation, address.to_string());
}

std::unique_ptr<Endpoint> meet(const Address& address, std::shared_ptr<Place> place, const Presence& theirs,
                               LogWriter writer, LogReader reader, Traits traits,
                               const FileOptions& options) {
  traits.max_message_size = theirs.max_message_size;
  return make_endpoint(address, std::move(place), theirs, std::move(writer), std::move(reader), traits,
                       options);
}

// ---- Connecting

/// Waits until the listener has answered our call.
Result<Presence> await_answer(const Place& place, std::uint64_t session, const os::ChangeWatch& watch,
                              Deadline deadline) {
  for (;;) {
    watch.drain();
    // Before its answer: a listener may answer, send what it has, and leave.
    const bool there = TRY(place.is_other_there());
    const Presence theirs = TRY(place.presence(Role::listener));
    if (theirs.session == session && theirs.stage == Stage::refused) {
      return std::unexpected(
          Error(Errc::protocol_violation, "connect", {},
                "the listener cannot go on with what is in the folder: its error says why"));
    }
    if (theirs.session == session && theirs.stage != Stage::waiting) return theirs;
    if (!there) return std::unexpected(Error(Errc::no_one_there, "connect"));
    const auto woken =
        os::wait_for(watch.fd(), os::Wait::readable, deadline.or_earlier(Deadline::in(look_again)));
    if (!woken && (woken.error().code() != Errc::timed_out || deadline.expired()))
      return std::unexpected(woken.error());
  }
}

Result<std::unique_ptr<Endpoint>> call(const Address& address, const FileOptions& options, Deadline deadline,
                                       Traits traits) {
  auto place = TRY(Place::connect(address.place(), options, deadline));
  const std::uint64_t session =
      std::max(TRY(place->presence(Role::listener)).session, TRY(place->presence(Role::connector)).session) +
      1;
  if (session > wire::max_number)
    return std::unexpected(place->damaged("tenon", 0, "counts beyond what can be"));
  const auto watch = TRY(os::ChangeWatch::create());
  static_cast<void>(TRY(watch.add(place->descriptor())));
  auto writer = TRY(LogWriter::open(*place, Direction::to_listener, session, options));
  TRY(place->announce(session, Stage::calling, options.channel.max_message_size));
  const Presence theirs = TRY(await_answer(*place, session, watch, deadline));
  auto reader = TRY(LogReader::open(*place, Direction::to_connector, session, options));
  TRY(place->announce(session, Stage::talking, options.channel.max_message_size));
  return meet(address, std::move(place), theirs, std::move(writer), std::move(reader), traits, options);
}

// ---- Listening

class FileAcceptor final : public Acceptor {
 public:
  FileAcceptor(const Address& address, FileOptions options, Traits traits, std::shared_ptr<Place> place,
               os::ChangeWatch watch)
      : Acceptor(address),
        options_(std::move(options)),
        traits_(traits),
        place_(std::move(place)),
        watch_(std::move(watch)) {}

  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override;
  Result<int> poll_fd() override { return watch_.fd(); }

 private:
  Result<std::unique_ptr<Endpoint>> answer_call();
  Result<std::unique_ptr<Endpoint>> answer(const Presence& theirs);

  FileOptions options_;
  Traits traits_;
  std::shared_ptr<Place> place_;
  os::ChangeWatch watch_;
  std::uint64_t answered_ = 0;  ///< session
};

/// Null when nobody calls.
Result<std::unique_ptr<Endpoint>> FileAcceptor::answer_call() {
  if (place_->has_channel() || !TRY(place_->is_other_there())) return nullptr;
  const Presence theirs = TRY(place_->presence(Role::connector));
  if (theirs.stage != Stage::calling || theirs.session <= answered_) return nullptr;
  auto endpoint = answer(theirs);
  if (endpoint) {
    answered_ = theirs.session;
  } else if (place_->announce(theirs.session, Stage::refused, 0)) {
    answered_ = theirs.session;  // otherwise the caller would wait, and we fail at every turn
  }
  return endpoint;
}

Result<std::unique_ptr<Endpoint>> FileAcceptor::answer(const Presence& theirs) {
  auto writer = TRY(LogWriter::open(*place_, Direction::to_connector, theirs.session, options_));
  auto reader = TRY(LogReader::open(*place_, Direction::to_listener, theirs.session, options_));
  auto endpoint = meet(address(), place_, theirs, std::move(writer), std::move(reader), traits_, options_);
  TRY(place_->begin_channel(theirs.session, options_.channel.max_message_size));
  return endpoint;
}

Result<std::unique_ptr<Endpoint>> FileAcceptor::accept(Deadline deadline) {
  for (;;) {
    watch_.drain();
    auto endpoint = answer_call();
    if (!endpoint) return std::unexpected(about(endpoint.error(), "accept", address()));
    if (*endpoint) return std::move(*endpoint);
    if (auto woken = os::wait_for(watch_.fd(), os::Wait::readable, deadline); !woken) {
      const bool late = woken.error().code() == Errc::timed_out && place_->has_channel();
      return std::unexpected(woken.error().with(
          "accept", address().to_string(),
          late ? "a folder has one channel at a time, and the one accepted before is still open" : ""));
    }
  }
}

}  // namespace

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline deadline, Traits traits) {
  const FileOptions options = TRY(FileOptions::from(address));
  auto endpoint = call(address, options, deadline, traits);
  if (!endpoint) return std::unexpected(about(endpoint.error(), "connect", address));
  return endpoint;
}

Result<std::unique_ptr<Acceptor>> listen(const Address& address, Traits traits) {
  FileOptions options = TRY(FileOptions::from(address));
  auto place = Place::listen(address.place(), options);
  if (!place) return std::unexpected(about(place.error(), "listen", address));
  auto watch = TRY(os::ChangeWatch::create());
  static_cast<void>(TRY(watch.add((*place)->descriptor())));
  return std::make_unique<FileAcceptor>(address, std::move(options), traits, std::move(*place),
                                        std::move(watch));
}

}  // namespace tenon::filelog
