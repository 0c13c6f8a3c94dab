// The writing half of a channel over files: many messages in one append, nothing copied but headers and small
// payloads, and an append that fails is taken back.
//
// Does not wait. One thread at a time.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <tenon/channel.hpp>

#include "channel/file/log_scan.hpp"
#include "channel/file/position_file.hpp"
#include "os/byte_stream.hpp"

namespace tenon::filelog {

class LogWriter {
 public:
  /// Begins a segment for `session`, behind what is there. Cuts what a writer left that was killed in the middle of a
  /// record. `place` must outlive it. Errors: protocol_violation (what is there is damaged), resource_limit, …
  static Result<LogWriter> open(const Place& place, Direction direction, std::uint64_t session,
                                const FileOptions& options);

  /// Appends as many messages as the reader leaves room for, in one write; 0: none now. An error: none went, and none
  /// will be seen (but for one that the disk did not confirm). Errors: resource_limit, system_error.
  Result<std::size_t> append(std::span<const ByteView> messages);
  /// Says that nothing more will be sent in this session.
  Result<void> append_close();

  /// Before sleeping on position_descriptor(): asks the reader to change it once it has made room, if it has not been
  /// asked since it did so. True: look once more, for it may have made room before it saw that. Errors:
  /// resource_limit, system_error.
  Result<bool> ask_for_room();
  /// Changes when the reader has made room and was asked for it.
  int position_descriptor() const noexcept { return position_.descriptor(); }
  /// Counters of this half; `received` stays zero.
  const Statistics::Direction& statistics() const noexcept { return counts_; }

 private:
  static constexpr std::size_t max_slices = 64;
  static constexpr std::size_t scratch_size = 96U << 10;

  /// Records laid out for one write.
  struct Batch {
    std::array<os::Slice, max_slices> slices;
    std::size_t slice_count = 0;
    std::size_t scratch_used = 0;
    std::uint64_t bytes = 0;
    std::size_t messages = 0;
  };
  /// A segment that may hold something unread, and how many bytes of records come before it.
  struct Extent {
    std::uint64_t number;
    std::uint64_t before;
  };

  LogWriter(const Place& place, Direction direction, std::uint64_t session, const FileOptions& options,
            PositionFile position);

  Result<void> find_end();
  Result<std::uint64_t> look_at(const Segment& segment);
  Result<Segment> make_segment(std::uint64_t number) const;
  Result<void> end_segment();
  Result<void> lay_out(std::span<const ByteView> messages, Batch& batch);
  bool fits(const Batch& batch, std::size_t payload) const noexcept;
  Result<void> look_for_room();
  std::uint64_t unread() const noexcept;
  void add(Batch& batch, wire::RecordKind kind, std::uint64_t sequence, ByteView payload) noexcept;
  void add_scratch(Batch& batch, ByteView bytes) noexcept;
  Result<std::size_t> write(Batch& batch, std::span<const ByteView> messages);
  Result<void> take_back();
  Error failed(int cause) const;

  const Place* place_;
  Direction direction_;
  std::uint64_t session_;
  std::uint64_t capacity_;
  std::uint64_t segment_size_;  ///< beyond it the next record begins another segment
  bool sync_;
  PositionFile position_;
  Position read_;                  ///< as we saw it last
  bool asked_ = false;             ///< to be told of the one after that
  std::uint64_t file_size_limit_;  ///< of this process

  Segment segment_;
  std::uint64_t end_ = 0;          ///< where the next record goes
  std::uint64_t next_ = 1;         ///< number of the next message
  bool torn_ = false;              ///< something is behind end_ that must not stay
  std::optional<Error> poisoned_;  ///< what the disk holds is not known any more
  std::vector<Extent> extents_;
  std::unique_ptr<std::byte[]> scratch_;
  Statistics::Direction counts_;
};

}  // namespace tenon::filelog
