// Boost.Interprocess, message_queue: two queues in shared memory, with a lock in each.
#include "bench/peers/peer.hpp"

#if __has_include(<boost/interprocess/ipc/message_queue.hpp>)
#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/version.hpp>

#include "bench/peers/patient_link.hpp"

namespace bench {
namespace {

namespace interprocess = boost::interprocess;
using interprocess::message_queue;
using tenon::Errc;
using tenon::Error;
using tenon::Result;

class QueueLink final : public PatientLink {
 public:
  QueueLink(const Setting& setting, message_queue& in, message_queue& out)
      : PatientLink(setting, "Boost.Interprocess"), in_(in), out_(out) {}

 private:
  std::int64_t try_send(tenon::ByteView message, bool block) override {
    if (block) {
      out_.send(message.data(), message.size(), 0);
      return 0;
    }
    if (out_.try_send(message.data(), message.size(), 0)) return 0;
    errno = EAGAIN;
    return -1;
  }
  std::int64_t try_receive(tenon::ByteSpan into, bool block) override {
    message_queue::size_type size = 0;
    unsigned priority = 0;
    if (block) {
      in_.receive(into.data(), into.size(), size, priority);
    } else if (!in_.try_receive(into.data(), into.size(), size, priority)) {
      errno = EAGAIN;
      return -1;
    }
    return static_cast<std::int64_t>(size);
  }

  message_queue& in_;
  message_queue& out_;
};

/// The queues are made before the processes and inherited: so their names are gone before anything can be killed.
class QueueMeeting final : public Meeting {
 public:
  explicit QueueMeeting(const Setting& setting) : setting_(setting) {
    const std::size_t messages = std::clamp<std::size_t>((4U << 20U) / setting.size, 4, 256);
    for (auto& queue : queues_) {
      const auto name = fmt::format("{}-{}-{}", setting.folder.substr(setting.folder.rfind('/') + 1),
                                    setting.unique, &queue - queues_.data());
      queue.emplace(interprocess::create_only, name.c_str(), messages, setting.size,
                    interprocess::permissions(0600));
      message_queue::remove(name.c_str());
    }
  }

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange& exchange) override {
    exchange.side(side).calls_known = false;
    return std::make_unique<QueueLink>(setting_, *queues_[1 - side], *queues_[side]);
  }

 private:
  Setting setting_;
  std::array<std::optional<message_queue>, 2> queues_;
};

Result<MeetingPtr> prepare_queues(const Setting& setting) {
  try {
    return std::make_unique<QueueMeeting>(setting);
  } catch (const interprocess::interprocess_exception& failure) {
    return std::unexpected(Error(Errc::resource_limit, "open", "a Boost.Interprocess queue", failure.what()));
  }
}

}  // namespace

std::vector<Peer> boost_peers() {
  return {{"boost queue", fmt::format("Boost {}.{}", BOOST_VERSION / 100'000, BOOST_VERSION / 100 % 1000),
           prepare_queues}};
}

}  // namespace bench
#else

std::vector<bench::Peer> bench::boost_peers() {
  return {};
}
#endif
