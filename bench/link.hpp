// One end of whatever is measured: a channel of tenon, or the same mechanism bare. The workloads know nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <tenon/bytes.hpp>
#include <tenon/error.hpp>

#include "bench/os/exchange.hpp"

namespace bench {

/// How a side waits, whatever the mechanism.
enum class Waiting : std::uint8_t {
  spin,    ///< asks again and again, never sleeps
  hybrid,  ///< asks again for at most 100 us, then sleeps in the kernel
  block,   ///< sleeps in the kernel at once
};

const char* to_string(Waiting waiting) noexcept;

/// What a place to meet is made for.
struct Setting {
  std::size_t size = 0;  ///< bytes of every message
  Waiting waiting = Waiting::hybrid;
  bool one_cpu = false;      ///< the sides share a CPU: hybrid does not spin
  bool in_place = false;     ///< messages have to fit where they are written and read
  std::string folder;        ///< private, for names
  std::uint64_t unique = 0;  ///< a number that no other place of this run has
};

class Link {
 public:
  virtual ~Link() = default;
  virtual tenon::Result<void> send(tenon::ByteView message) = 0;
  /// All of them. As single sends where there is nothing better.
  virtual tenon::Result<void> send_many(std::span<const tenon::ByteView> messages);
  /// Valid until the next receive. Errors: timed_out (only where messages may be lost).
  virtual tenon::Result<tenon::ByteView> receive() = 0;
  /// At least one, and those that are there. Valid until the next receive.
  virtual tenon::Result<std::size_t> receive_many(std::span<tenon::ByteView> into);
  /// Memory of the mechanism's own in which the next message is written, then sent with commit(). Errors: unsupported.
  virtual tenon::Result<tenon::ByteSpan> loan(std::size_t size);
  virtual tenon::Result<void> commit();
  virtual Calls calls() const = 0;
  /// Messages may be lost: receive() gives up after a while.
  virtual bool lossy() const { return false; }
  /// How many messages one way it takes until the memory that it works in has been made.
  virtual std::uint64_t settling() const { return 0; }
  /// How many bytes may be sent at most in one measurement.
  virtual std::uint64_t most_bytes() const { return std::uint64_t{1} << 32U; }
};

/// Where the two ends meet. Made before the processes are: what both inherit is made then.
class Meeting {
 public:
  virtual ~Meeting() = default;
  /// In a measured process: its end. Side 0 speaks first, side 1 listens.
  virtual tenon::Result<std::unique_ptr<Link>> join(unsigned side, Exchange& exchange) = 0;
};

using MeetingPtr = std::unique_ptr<Meeting>;

}  // namespace bench
