// What wakes a sleeping peer with which one shares nothing but a file: a futex in it, and for who polls a nudge of the
// file. A peer that is killed wakes nobody, so waits look now and then whether it is there.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "channel/mmap/place.hpp"
#include "os/doorbell.hpp"
#include "os/nudge.hpp"

namespace tenon::mapped {

/// One connection of a place: what its two bells share. Threads: any, but close() wants to be alone.
class Session {
 public:
  /// `ours` and `theirs` outlive the last use, close() being one.
  Session(std::shared_ptr<Place> place, std::uint64_t number, KeptWords& ours,
          const KeptWords& theirs) noexcept
      : place_(std::move(place)), number_(number), ours_(&ours), theirs_(&theirs) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  /// Whether the peer has said that it leaves, or we have.
  bool ended() noexcept;
  /// The same, and whether it still sits there: one system call.
  bool peer_gone() noexcept;
  /// Both ends see the other gone.
  void leave() noexcept;
  /// Lets go of the place too.
  void close() noexcept;

  const Place& place() const noexcept { return *place_; }
  KeptWords& ours() const noexcept { return *ours_; }
  const KeptWords& theirs() const noexcept { return *theirs_; }
  /// How our peer's poll descriptor is made readable, and ours.
  os::Nudge nudge_of(Role ringer) const noexcept {
    return ringer == Role::listener ? os::Nudge::by_reading : os::Nudge::by_touching;
  }
  void nudge(Role ringer) const noexcept { os::nudge(place_->fd(), nudge_of(ringer), idle_byte); }

 private:
  std::shared_ptr<Place> place_;
  std::uint64_t number_;
  KeptWords* ours_;
  const KeptWords* theirs_;
  std::atomic<bool> gone_{false};
};

class FutexDoorbell final : public os::Doorbell {
 public:
  using Word = std::atomic<std::uint32_t> KeptWords::*;

  FutexDoorbell(std::shared_ptr<Session> session, Word word) noexcept
      : session_(std::move(session)), word_(word), heard_(rings()) {}

  bool ring() noexcept override;
  State hush() noexcept override;
  Result<void> wait(Deadline deadline) override;
  Result<int> poll_fd() override;
  void disconnect() noexcept override { session_->leave(); }
  void close() noexcept override {
    watch_.reset();
    session_->close();
  }

 private:
  std::uint32_t rings() const noexcept { return (session_->theirs().*word_).load(std::memory_order_acquire); }
  bool listen_to_file() noexcept;

  std::shared_ptr<Session> session_;
  Word word_;
  std::uint32_t heard_;
  std::optional<os::NudgeWatch> watch_;
  Deadline::Clock::time_point closed_at_{};  ///< when somebody closed the file, and the peer was still there
};

}  // namespace tenon::mapped
