// ZeroMQ, PAIR sockets over ipc:// and tcp://. zmq_socket(3), zmq_ipc(7), zmq_tcp(7).
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "bench/os/library.hpp"
#include "bench/peers/patient_link.hpp"
#include "bench/peers/peer.hpp"

namespace bench {
namespace {

using tenon::Error;
using tenon::Result;

// <zmq.h>
constexpr int pair = 0;
constexpr int linger = 17;
constexpr int send_high_water = 23;
constexpr int receive_high_water = 24;
constexpr int last_endpoint = 32;
constexpr int dont_wait = 1;

struct Zeromq {
  Library library{"libzmq.so.5"};
  void (*version)(int*, int*, int*) = library.function<void(int*, int*, int*)>("zmq_version");
  void* (*context)() = library.function<void*()>("zmq_ctx_new");
  int (*terminate)(void*) = library.function<int(void*)>("zmq_ctx_term");
  void* (*socket)(void*, int) = library.function<void*(void*, int)>("zmq_socket");
  int (*close)(void*) = library.function<int(void*)>("zmq_close");
  int (*set)(void*, int, const void*,
             std::size_t) = library.function<int(void*, int, const void*, std::size_t)>("zmq_setsockopt");
  int (*get)(void*, int, void*,
             std::size_t*) = library.function<int(void*, int, void*, std::size_t*)>("zmq_getsockopt");
  int (*bind)(void*, const char*) = library.function<int(void*, const char*)>("zmq_bind");
  int (*connect)(void*, const char*) = library.function<int(void*, const char*)>("zmq_connect");
  int (*send)(void*, const void*, std::size_t,
              int) = library.function<int(void*, const void*, std::size_t, int)>("zmq_send");
  int (*receive)(void*, void*, std::size_t,
                 int) = library.function<int(void*, void*, std::size_t, int)>("zmq_recv");
};

const Zeromq& zeromq() {
  static const Zeromq loaded;
  return loaded;
}

class ZeromqLink final : public PatientLink {
 public:
  explicit ZeromqLink(const Setting& setting)
      : PatientLink(setting, "ZeroMQ"),
        context_(zeromq().context()),
        socket_(zeromq().socket(context_, pair)) {
    const int second = 1000;
    // Its queues are counted in messages: not more than 64 MiB of large ones.
    const int messages = static_cast<int>(std::clamp<std::size_t>((64U << 20U) / setting.size, 8, 1000));
    zeromq().set(socket_, linger, &second, sizeof second);
    zeromq().set(socket_, send_high_water, &messages, sizeof messages);
    zeromq().set(socket_, receive_high_water, &messages, sizeof messages);
  }
  ZeromqLink(const ZeromqLink&) = delete;
  ZeromqLink& operator=(const ZeromqLink&) = delete;
  ~ZeromqLink() override {
    zeromq().close(socket_);
    zeromq().terminate(context_);
  }

  void* socket() const noexcept { return socket_; }

 private:
  std::int64_t try_send(tenon::ByteView message, bool block) override {
    return zeromq().send(socket_, message.data(), message.size(), block ? 0 : dont_wait);
  }
  std::int64_t try_receive(tenon::ByteSpan into, bool block) override {
    return zeromq().receive(socket_, into.data(), into.size(), block ? 0 : dont_wait);
  }

  void* context_;
  void* socket_;
};

class ZeromqMeeting final : public Meeting {
 public:
  ZeromqMeeting(const Setting& setting, std::string place) : setting_(setting), place_(std::move(place)) {}

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange& exchange) override {
    exchange.side(side).calls_known = false;
    auto link = std::make_unique<ZeromqLink>(setting_);
    if (side == 0) {
      const auto place = exchange.published();
      if (!place) return std::unexpected(place.error());
      if (zeromq().connect(link->socket(), place->c_str()) == 0) return link;
    } else if (zeromq().bind(link->socket(), place_.c_str()) == 0) {
      std::array<char, 256> chosen{};  // the port
      std::size_t size = chosen.size();
      zeromq().get(link->socket(), last_endpoint, chosen.data(), &size);
      exchange.publish(chosen.data());
      return link;
    }
    return std::unexpected(Error::from_errno("open", place_, errno));
  }

 private:
  Setting setting_;
  std::string place_;
};

Result<MeetingPtr> over_ipc(const Setting& setting) {
  return std::make_unique<ZeromqMeeting>(setting,
                                         fmt::format("ipc://{}/zeromq-{}", setting.folder, setting.unique));
}

Result<MeetingPtr> over_tcp(const Setting& setting) {
  return std::make_unique<ZeromqMeeting>(setting, "tcp://127.0.0.1:*");
}

}  // namespace

std::vector<Peer> zeromq_peers() {
  if (!zeromq().library.is_there()) return {};
  int major = 0;
  int minor = 0;
  int patch = 0;
  zeromq().version(&major, &minor, &patch);
  const auto version = fmt::format("ZeroMQ {}.{}.{}", major, minor, patch);
  return {{"zeromq ipc", version, over_ipc}, {"zeromq tcp", version, over_tcp}};
}

}  // namespace bench
