// iceoryx, a publisher and a subscriber on each side, by its C binding. Its daemon, iox-roudi, is started for the run
// with pools of blocks for the sizes that are measured, and ended after it. A machine has one at a time.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "base/try.hpp"
#include "bench/floors/patience.hpp"
#include "bench/os/daemon.hpp"
#include "bench/os/library.hpp"
#include "bench/os/wait.hpp"
#include "bench/peers/peer.hpp"

extern "C" void __cxa_finalize(void* library);

namespace bench {
namespace {

using tenon::ByteSpan;
using tenon::ByteView;
using tenon::Deadline;
using tenon::Errc;
using tenon::Error;
using tenon::Result;
using namespace std::chrono_literals;

// <iceoryx_binding_c/…>, 2.0
struct PublisherOptions {
  std::uint64_t history = 0;
  const char* node = nullptr;
  bool offer = true;
  int when_slow = 0;  // wait for the subscriber
  std::uint64_t checked = 0;
};
struct SubscriberOptions {
  std::uint64_t capacity = 0;
  std::uint64_t history = 0;
  const char* node = nullptr;
  bool subscribe = true;
  int when_full = 0;  // block the publisher
  bool needs_history = false;
  std::uint64_t checked = 0;
};
using Storage = std::uint64_t;
constexpr int log_off = 0;
constexpr int subscribed = 2;
constexpr int taken = 3;
constexpr int lent = 8;
constexpr int no_block = 1;
constexpr int has_data = 0;

struct Iceoryx {
  Library library{"libiceoryx_binding_c.so.2"};
  void (*log)(int) = library.function<void(int)>("iox_set_loglevel");
  void (*init)(const char*) = library.function<void(const char*)>("iox_runtime_init");
  void (*shutdown)() = library.function<void()>("iox_runtime_shutdown");
  void (*pub_options)(PublisherOptions*) = library.function<void(PublisherOptions*)>("iox_pub_options_init");
  void* (*pub_init)(Storage*, const char*, const char*, const char*, const PublisherOptions*) =
      library.function<void*(Storage*, const char*, const char*, const char*, const PublisherOptions*)>(
          "iox_pub_init");
  void (*pub_deinit)(void*) = library.function<void(void*)>("iox_pub_deinit");
  bool (*pub_heard)(void*) = library.function<bool(void*)>("iox_pub_has_subscribers");
  int (*pub_loan)(void*, void**,
                  std::uint32_t) = library.function<int(void*, void**, std::uint32_t)>("iox_pub_loan_chunk");
  void (*publish)(void*, void*) = library.function<void(void*, void*)>("iox_pub_publish_chunk");
  void (*sub_options)(SubscriberOptions*) =
      library.function<void(SubscriberOptions*)>("iox_sub_options_init");
  void* (*sub_init)(Storage*, const char*, const char*, const char*, const SubscriberOptions*) =
      library.function<void*(Storage*, const char*, const char*, const char*, const SubscriberOptions*)>(
          "iox_sub_init");
  void (*sub_deinit)(void*) = library.function<void(void*)>("iox_sub_deinit");
  int (*sub_state)(void*) = library.function<int(void*)>("iox_sub_get_subscription_state");
  int (*sub_take)(void*, const void**) = library.function<int(void*, const void**)>("iox_sub_take_chunk");
  void (*sub_release)(void*,
                      const void*) = library.function<void(void*, const void*)>("iox_sub_release_chunk");
  void* (*set_init)(Storage*) = library.function<void*(Storage*)>("iox_ws_init");
  void (*set_deinit)(void*) = library.function<void(void*)>("iox_ws_deinit");
  int (*set_attach)(void*, void*, int, std::uint64_t, void (*)(void*)) =
      library.function<int(void*, void*, int, std::uint64_t, void (*)(void*))>(
          "iox_ws_attach_subscriber_state");
  void (*set_detach)(void*, void*,
                     int) = library.function<void(void*, void*, int)>("iox_ws_detach_subscriber_state");
  std::uint64_t (*set_wait)(void*, timespec, const void**, std::uint64_t, std::uint64_t*) =
      library.function<std::uint64_t(void*, timespec, const void**, std::uint64_t, std::uint64_t*)>(
          "iox_ws_timed_wait");
};

const Iceoryx& iceoryx() {
  static const Iceoryx loaded;
  return loaded;
}

/// How many messages wait for the receiver at most.
std::uint64_t capacity_for(std::size_t size) {
  return std::clamp<std::uint64_t>((4U << 20U) / size, 4, 256);
}

class IceoryxLink final : public Link {
 public:
  IceoryxLink(const Setting& setting, unsigned side)
      : setting_(setting), patience_(setting, false), may_sleep_(setting.waiting != Waiting::spin) {
    iceoryx().log(log_off);
    const auto instance = fmt::format("{}", setting.unique);
    iceoryx().init(fmt::format("tenon-bench-{}-{}", instance, side).c_str());
    const char* const ways[]{"forth", "back"};
    PublisherOptions sending;
    iceoryx().pub_options(&sending);
    sending.when_slow = 0;
    publisher_ = iceoryx().pub_init(&memory_[0], "tenon bench", instance.c_str(), ways[side], &sending);
    SubscriberOptions receiving;
    iceoryx().sub_options(&receiving);
    receiving.capacity = capacity_for(setting.size);
    receiving.when_full = 0;
    subscriber_ =
        iceoryx().sub_init(&memory_[1], "tenon bench", instance.c_str(), ways[1 - side], &receiving);
    if (!may_sleep_) return;
    set_ = iceoryx().set_init(&memory_[2]);
    iceoryx().set_attach(set_, subscriber_, has_data, 0, nullptr);
  }
  IceoryxLink(const IceoryxLink&) = delete;
  IceoryxLink& operator=(const IceoryxLink&) = delete;
  ~IceoryxLink() override {
    release();
    if (set_ != nullptr) {
      iceoryx().set_detach(set_, subscriber_, has_data);
      iceoryx().set_deinit(set_);
    }
    iceoryx().pub_deinit(publisher_);
    iceoryx().sub_deinit(subscriber_);
    iceoryx().shutdown();
    // Its runtime says goodbye to the daemon in a static destructor, and a measured process ends without those.
    __cxa_finalize(nullptr);
  }

  bool met() const {
    return iceoryx().pub_heard(publisher_) && iceoryx().sub_state(subscriber_) == subscribed;
  }

  Result<void> send(ByteView message) override {
    std::memcpy(TRY(loan(message.size())).data(), message.data(), message.size());
    return commit();
  }

  Result<ByteSpan> loan(std::size_t size) override {
    for (;;) {
      const int result = iceoryx().pub_loan(publisher_, &lent_, static_cast<std::uint32_t>(size));
      if (result == lent) return ByteSpan(static_cast<std::byte*>(lent_), size);
      if (result != no_block)
        return std::unexpected(
            Error(Errc::resource_limit, "loan", "iceoryx", fmt::format("iox_AllocationResult {}", result)));
      relax();
    }
  }

  Result<void> commit() override {
    iceoryx().publish(publisher_, lent_);
    return {};
  }

  Result<ByteView> receive() override {
    release();
    patience_.begin();
    while (iceoryx().sub_take(subscriber_, &held_) != taken) {
      held_ = nullptr;
      if (patience_.next() != Patience::Next::sleep) continue;
      const void* notice = nullptr;
      std::uint64_t missed = 0;
      iceoryx().set_wait(set_, {1, 0}, &notice, 1, &missed);
    }
    return ByteView(static_cast<const std::byte*>(held_), setting_.size);
  }

  /// Not known: the peer says so.
  Calls calls() const override { return {}; }

 private:
  void release() {
    if (held_ != nullptr) iceoryx().sub_release(subscriber_, std::exchange(held_, nullptr));
  }

  Setting setting_;
  Patience patience_;
  bool may_sleep_;
  Storage memory_[3]{};
  void* publisher_ = nullptr;
  void* subscriber_ = nullptr;
  void* set_ = nullptr;
  void* lent_ = nullptr;
  const void* held_ = nullptr;
};

class IceoryxMeeting final : public Meeting {
 public:
  explicit IceoryxMeeting(const Setting& setting) : setting_(setting) {}

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange& exchange) override {
    exchange.side(side).calls_known = false;
    auto link = std::make_unique<IceoryxLink>(setting_, side);
    const Deadline until = Deadline::in(5s);
    while (!link->met()) {
      if (until.expired())
        return std::unexpected(
            Error(Errc::timed_out, "meet", "iceoryx", "the other side was not there in 5 s"));
      wait_until(now_ns() + 100'000);
    }
    return link;
  }

 private:
  Setting setting_;
};

/// iox-roudi, while it is needed.
class Roudi {
 public:
  /// With blocks of at least `size`.
  Result<void> provide(const Setting& setting) {
    if (failure_) return std::unexpected(*failure_);
    if (daemon_ && setting.size <= largest_) return {};
    if (auto started = start(setting); !started) {
      failure_ = started.error();
      return std::unexpected(*failure_);
    }
    return {};
  }
  void stop() {
    daemon_.reset();
    lock_.reset();
    failure_.reset();
  }

 private:
  Result<void> start(const Setting& setting) {
    daemon_.reset();
    if (!lock_) {
      auto taken_now = MachineLock::take("tenon-bench-iox-roudi", 5s);
      if (!taken_now) return unavailable("another tenon bench uses iox-roudi");
      lock_.emplace(std::move(*taken_now));
    }
    std::vector<std::size_t> sizes{128, 2048, 128 * 1024, 1024 * 1024};
    if (setting.size > sizes.back()) sizes.push_back(setting.size);
    largest_ = sizes.back();
    const auto path = fmt::format("{}/iox-roudi.toml", setting.folder);
    std::ofstream file(path);
    file << "[general]\nversion = 1\n[[segment]]\n";
    for (const auto size : sizes) {
      // Two ways, what waits and what is held; the daemon writes all of it once.
      file << fmt::format("[[segment.mempool]]\nsize = {}\ncount = {}\n", size, 2 * capacity_for(size) + 16);
    }
    file.close();
    if (!file) return unavailable("its settings cannot be written to " + path);
    auto daemon =
        Daemon::start({program_path("iox-roudi"), "-m", "off", "-l", "off", "-c", path}, "ready", 20s);
    if (!daemon) return unavailable(daemon.error().message());
    daemon_.emplace(std::move(*daemon));
    return {};
  }

  static Result<void> unavailable(const std::string& why) {
    return std::unexpected(Error(Errc::unsupported, "measure", "iceoryx", why));
  }

  std::optional<MachineLock> lock_;
  std::optional<Daemon> daemon_;
  std::optional<Error> failure_;
  std::size_t largest_ = 0;
};

Roudi& roudi() {
  static Roudi one;
  return one;
}

Result<MeetingPtr> over_iceoryx(const Setting& setting) {
  TRY(roudi().provide(setting));
  return std::make_unique<IceoryxMeeting>(setting);
}

}  // namespace

std::vector<Peer> iceoryx_peers() {
  if (!iceoryx().library.is_there() || program_path("iox-roudi").empty()) return {};
  return {{"iceoryx",
           fmt::format(
               "iceoryx {}, with its daemon; sleeps on a WaitSet, and in its own way when a queue is full",
               iceoryx().library.version()),
           over_iceoryx, true}};
}

void stop_iceoryx() {
  roudi().stop();
}

}  // namespace bench
