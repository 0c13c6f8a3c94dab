// nanomsg, NN_PAIR sockets over ipc://. nn_pair(7), nn_ipc(7).
#include <fmt/format.h>

#include "bench/os/library.hpp"
#include "bench/peers/patient_link.hpp"
#include "bench/peers/peer.hpp"

namespace bench {
namespace {

using tenon::Error;
using tenon::Result;

// <nanomsg/nn.h>, <nanomsg/pair.h>
constexpr int domain = 1;
constexpr int pair = 16;
constexpr int socket_level = 0;
constexpr int send_buffer = 2;
constexpr int receive_buffer = 3;
constexpr int longest_received = 16;
constexpr int dont_wait = 1;

struct Nanomsg {
  Library library{"libnanomsg.so.5"};
  int (*socket)(int, int) = library.function<int(int, int)>("nn_socket");
  int (*close)(int) = library.function<int(int)>("nn_close");
  int (*set)(int, int, int, const void*,
             std::size_t) = library.function<int(int, int, int, const void*, std::size_t)>("nn_setsockopt");
  int (*bind)(int, const char*) = library.function<int(int, const char*)>("nn_bind");
  int (*connect)(int, const char*) = library.function<int(int, const char*)>("nn_connect");
  int (*send)(int, const void*, std::size_t,
              int) = library.function<int(int, const void*, std::size_t, int)>("nn_send");
  int (*receive)(int, void*, std::size_t,
                 int) = library.function<int(int, void*, std::size_t, int)>("nn_recv");
  int (*error)() = library.function<int()>("nn_errno");
};

const Nanomsg& nanomsg() {
  static const Nanomsg loaded;
  return loaded;
}

class NanomsgLink final : public PatientLink {
 public:
  explicit NanomsgLink(const Setting& setting)
      : PatientLink(setting, "nanomsg"), socket_(nanomsg().socket(domain, pair)) {
    const int unbounded = -1;
    const int buffer = 4 << 20;
    nanomsg().set(socket_, socket_level, longest_received, &unbounded, sizeof unbounded);
    nanomsg().set(socket_, socket_level, send_buffer, &buffer, sizeof buffer);
    nanomsg().set(socket_, socket_level, receive_buffer, &buffer, sizeof buffer);
  }
  NanomsgLink(const NanomsgLink&) = delete;
  NanomsgLink& operator=(const NanomsgLink&) = delete;
  ~NanomsgLink() override { nanomsg().close(socket_); }

  int socket() const noexcept { return socket_; }

 private:
  static std::int64_t result_of(int result) {
    if (result < 0) errno = nanomsg().error();
    return result;
  }
  std::int64_t try_send(tenon::ByteView message, bool block) override {
    return result_of(nanomsg().send(socket_, message.data(), message.size(), block ? 0 : dont_wait));
  }
  std::int64_t try_receive(tenon::ByteSpan into, bool block) override {
    return result_of(nanomsg().receive(socket_, into.data(), into.size(), block ? 0 : dont_wait));
  }

  int socket_;
};

class NanomsgMeeting final : public Meeting {
 public:
  explicit NanomsgMeeting(const Setting& setting)
      : setting_(setting), place_(fmt::format("ipc://{}/nanomsg-{}", setting.folder, setting.unique)) {}

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange& exchange) override {
    return join_at(place_, side, exchange,
                   [this](const std::string& place, bool listening) -> Result<std::unique_ptr<Link>> {
                     auto link = std::make_unique<NanomsgLink>(setting_);
                     const int result = listening ? nanomsg().bind(link->socket(), place.c_str())
                                                  : nanomsg().connect(link->socket(), place.c_str());
                     if (result >= 0) return link;
                     return std::unexpected(Error::from_errno("open", place, nanomsg().error()));
                   });
  }

 private:
  Setting setting_;
  std::string place_;
};

}  // namespace

std::vector<Peer> nanomsg_peers() {
  if (!nanomsg().library.is_there()) return {};
  return {{"nanomsg ipc", "nanomsg (libnanomsg.so.5)", [](const Setting& setting) -> Result<MeetingPtr> {
             return std::make_unique<NanomsgMeeting>(setting);
           }}};
}

}  // namespace bench
