// nng, pair0 sockets over ipc://. nng_pair_open(3), nng_ipc(7).
#include <fmt/format.h>

#include "bench/os/library.hpp"
#include "bench/peers/patient_link.hpp"
#include "bench/peers/peer.hpp"

namespace bench {
namespace {

using tenon::Errc;
using tenon::Error;
using tenon::Result;

// <nng/nng.h>
struct Socket {
  std::uint32_t id = 0;
};
constexpr int nonblocking = 2;
constexpr int would_block = 8;
constexpr int queued_messages = 64;

struct Nng {
  Library library{"libnng.so.1"};
  const char* (*version)() = library.function<const char*()>("nng_version");
  const char* (*text)(int) = library.function<const char*(int)>("nng_strerror");
  int (*open)(Socket*) = library.function<int(Socket*)>("nng_pair0_open");
  int (*close)(Socket) = library.function<int(Socket)>("nng_close");
  int (*set_size)(Socket, const char*, std::size_t) =
      library.function<int(Socket, const char*, std::size_t)>("nng_socket_set_size");
  int (*set_int)(Socket, const char*,
                 int) = library.function<int(Socket, const char*, int)>("nng_socket_set_int");
  int (*listen)(Socket, const char*, void*,
                int) = library.function<int(Socket, const char*, void*, int)>("nng_listen");
  int (*dial)(Socket, const char*, void*,
              int) = library.function<int(Socket, const char*, void*, int)>("nng_dial");
  int (*send)(Socket, void*, std::size_t,
              int) = library.function<int(Socket, void*, std::size_t, int)>("nng_send");
  int (*receive)(Socket, void*, std::size_t*,
                 int) = library.function<int(Socket, void*, std::size_t*, int)>("nng_recv");
};

const Nng& nng() {
  static const Nng loaded;
  return loaded;
}

class NngLink final : public PatientLink {
 public:
  explicit NngLink(const Setting& setting) : PatientLink(setting, "nng") {
    nng().open(&socket_);
    nng().set_size(socket_, "recv-size-max", 0);  // no bound
    nng().set_int(socket_, "send-buffer", queued_messages);
    nng().set_int(socket_, "recv-buffer", queued_messages);
  }
  NngLink(const NngLink&) = delete;
  NngLink& operator=(const NngLink&) = delete;
  ~NngLink() override { nng().close(socket_); }

  Socket socket() const noexcept { return socket_; }

 private:
  static std::int64_t result_of(int problem, std::size_t size) {
    if (problem == 0) return static_cast<std::int64_t>(size);
    errno = problem == would_block ? EAGAIN : EIO;
    return -1;
  }
  std::int64_t try_send(tenon::ByteView message, bool block) override {
    void* const data = const_cast<std::byte*>(message.data());  // copied, not changed
    return result_of(nng().send(socket_, data, message.size(), block ? 0 : nonblocking), message.size());
  }
  std::int64_t try_receive(tenon::ByteSpan into, bool block) override {
    std::size_t size = into.size();
    const int problem = nng().receive(socket_, into.data(), &size, block ? 0 : nonblocking);
    return result_of(problem, size);
  }

  Socket socket_;
};

class NngMeeting final : public Meeting {
 public:
  explicit NngMeeting(const Setting& setting)
      : setting_(setting), place_(fmt::format("ipc://{}/nng-{}", setting.folder, setting.unique)) {}

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange& exchange) override {
    return join_at(place_, side, exchange,
                   [this](const std::string& place, bool listening) -> Result<std::unique_ptr<Link>> {
                     auto link = std::make_unique<NngLink>(setting_);
                     const int problem = listening ? nng().listen(link->socket(), place.c_str(), nullptr, 0)
                                                   : nng().dial(link->socket(), place.c_str(), nullptr, 0);
                     if (problem == 0) return link;
                     return std::unexpected(Error(Errc::system_error, "open", place, nng().text(problem)));
                   });
  }

 private:
  Setting setting_;
  std::string place_;
};

}  // namespace

std::vector<Peer> nng_peers() {
  if (!nng().library.is_there()) return {};
  return {
      {"nng ipc", fmt::format("nng {}", nng().version()),
       [](const Setting& setting) -> Result<MeetingPtr> { return std::make_unique<NngMeeting>(setting); }}};
}

}  // namespace bench
