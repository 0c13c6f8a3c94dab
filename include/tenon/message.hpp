// A received message read in place, and memory lent to write one in place.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon {

namespace detail {

/// The memory under a Message; counted, so that a message may outlive its channel.
class MessageMemory {
 public:
  virtual void release(ByteView message) noexcept = 0;

 protected:
  ~MessageMemory() = default;
};

/// The endpoint side of a Loan.
class LoanOwner {
 public:
  virtual Result<void> commit(ByteSpan memory, std::size_t size, Deadline deadline) = 0;
  virtual void drop(ByteSpan memory) noexcept = 0;

 protected:
  ~LoanOwner() = default;
};

}  // namespace detail

/// A received message, in the memory in which it arrived. Move-only; destroying it releases the memory, from any
/// thread. Stays valid when more is received and after its channel is gone. Holding many costs their memory; on
/// transports with Trait::zero_copy it holds back the sender.
class TENON_EXPORT Message {
 public:
  Message() noexcept = default;
  Message(ByteView bytes, detail::MessageMemory* memory) noexcept : bytes_(bytes), memory_(memory) {}
  Message(Message&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})),
        memory_(std::exchange(other.memory_, nullptr)),
        descriptors_(std::move(other.descriptors_)) {}
  Message& operator=(Message&& other) noexcept {
    if (this != &other) {
      release();
      bytes_ = std::exchange(other.bytes_, {});
      memory_ = std::exchange(other.memory_, nullptr);
      descriptors_ = std::move(other.descriptors_);
    }
    return *this;
  }
  ~Message() { release(); }

  /// Aligned to 8 bytes, except under framing=raw and framing=lines.
  ByteView bytes() const noexcept { return bytes_; }
  std::string_view text() const noexcept { return text_of(bytes_); }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  /// The descriptors that came along (Trait::carries_descriptors), in the sender's order. Yours to take.
  std::vector<os::Fd>& descriptors() noexcept { return descriptors_; }

 private:
  void release() noexcept {
    if (memory_ != nullptr) std::exchange(memory_, nullptr)->release(bytes_);
  }

  ByteView bytes_;
  detail::MessageMemory* memory_ = nullptr;
  std::vector<os::Fd> descriptors_;
};

/// Memory in which the next message is written, then committed. Move-only; destroying it without commit() drops it
/// and nothing is sent. Belongs to the sending thread; must not outlive its channel.
class TENON_EXPORT Loan {
 public:
  Loan() noexcept = default;
  Loan(ByteSpan memory, detail::LoanOwner* owner) noexcept : memory_(memory), owner_(owner) {}
  Loan(Loan&& other) noexcept
      : memory_(std::exchange(other.memory_, {})), owner_(std::exchange(other.owner_, nullptr)) {}
  Loan& operator=(Loan&& other) noexcept {
    if (this != &other) {
      drop();
      memory_ = std::exchange(other.memory_, {});
      owner_ = std::exchange(other.owner_, nullptr);
    }
    return *this;
  }
  ~Loan() { drop(); }

  /// As many bytes as were asked for, with any content; aligned to 8 bytes.
  ByteSpan bytes() const noexcept { return memory_; }

  /// Sends the first `size` bytes. The loan is over, whatever the result. Errors: those of Channel::send, and
  /// invalid_argument when `size` is larger than the loan or the loan was over already.
  Result<void> commit(std::size_t size, Deadline deadline = Deadline::never()) {
    if (owner_ == nullptr) {
      return std::unexpected(
          Error(Errc::invalid_argument, "commit", "loan", "it was committed or dropped before"));
    }
    return std::exchange(owner_, nullptr)->commit(std::exchange(memory_, {}), size, deadline);
  }

 private:
  void drop() noexcept {
    if (owner_ != nullptr) std::exchange(owner_, nullptr)->drop(std::exchange(memory_, {}));
  }

  ByteSpan memory_;
  detail::LoanOwner* owner_ = nullptr;
};

}  // namespace tenon
