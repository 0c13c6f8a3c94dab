#include "channel/fifo/plain.hpp"

#include <tenon/os/eventfd.hpp>

#include "base/try.hpp"
#include "os/fifo_stream.hpp"

namespace tenon {
namespace {

/// The place, and whether its channel is free: kept by the listener and by the channel that is out.
struct PlainPlace {
  std::unique_ptr<os::FifoPlace> place;
  os::EventFd free;
  os::Fd reader;  ///< between two channels
};

/// Says that the channel is free again.
class Lease {
 public:
  explicit Lease(std::shared_ptr<PlainPlace> place) noexcept : place_(std::move(place)) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { static_cast<void>(place_->free.notify()); }

 private:
  std::shared_ptr<PlainPlace> place_;
};

Result<StreamConnection> hand_out(const std::shared_ptr<PlainPlace>& place, Deadline deadline) {
  static_cast<void>(TRY(place->free.wait(deadline)));
  const std::shared_ptr<os::Fd> lease(std::make_shared<Lease>(place), &place->reader);
  os::Fd object = TRY(os::duplicate(place->place->object()));
  return StreamConnection{std::make_unique<os::PlainFifoStream>(std::move(object), lease), {}};
}

}  // namespace

Result<StreamConnection> dial_plain(const Address& address, const os::TrustedOwner& trusted) {
  os::Fd object = TRY(os::find_fifo(address.place(), trusted));
  return StreamConnection{std::make_unique<os::PlainFifoStream>(std::move(object), nullptr), {}};
}

Result<StreamListener> bind_plain(const Address& address, const os::FifoPlace::Options& options) {
  auto taken = TRY(os::FifoPlace::take_plain(address.place(), options));
  auto place = std::make_shared<PlainPlace>(std::move(taken), TRY(os::EventFd::create(1)), os::Fd());
  const int fd = place->free.fd();
  return StreamListener{address, fd,
                        [place = std::move(place)](Deadline deadline) { return hand_out(place, deadline); }};
}

}  // namespace tenon
