#include "channel/file/position_file.hpp"

#include <array>
#include <atomic>
#include <cstring>

#include "base/try.hpp"
#include "channel/file/log_scan.hpp"
#include "os/file_io.hpp"
#include "os/stored_page.hpp"

namespace tenon::filelog {
namespace {

using Content = std::array<std::byte, wire::position_file_size>;
/// While we look at one slot, the reader may write that one, and then the other.
constexpr int looks = 100;

}  // namespace

Result<void> PositionFile::make_if_missing(const Place& place, Direction direction) {
  const std::string name = position_name(direction);
  auto file = place.open_file(name);
  if (!file && file.error().code() == Errc::not_found) file = place.make_file(name);
  if (!file) return std::unexpected(file.error());
  if (os::size_of(file->get()).value_or(1) != 0) return {};
  Position start{.next = 1};
  for (const std::uint64_t number : TRY(place.segments(direction))) {
    const auto oldest = TRY(open_segment(place, direction, number));
    if (!oldest) continue;
    start.next = oldest->header.first;
    break;
  }
  Content content;
  for (std::uint64_t count = 0; count < 2; ++count) {
    start.count = count;
    std::ranges::copy(wire::encode_position(start),
                      content.begin() + static_cast<std::ptrdiff_t>(count * wire::position_size));
  }
  std::ranges::copy(wire::encode_room_line(false), content.begin() + wire::room_line_at);
  const auto written = os::write_all_at(file->get(), content, 0);
  if (written.error == 0) return {};
  static_cast<void>(os::cut(file->get(), 0));
  return std::unexpected(Error::from_errno("write", name, written.error));
}

Result<PositionFile> PositionFile::open(const Place& place, Direction direction) {
  PositionFile file(place, direction, TRY(place.open_file(position_name(direction))));
  os::leave_access_time(file.file_.get());
  file.count_ = TRY(file.read()).count;
  return file;
}

Result<Position> PositionFile::read() const {
  bool told = false;
  return read(told);
}

Result<Position> PositionFile::read(bool& told) const {
  Content content{};
  for (int look = 0; look < looks; ++look) {
    const auto got = os::read_all_at(file_.get(), content, 0);
    if (got.error != 0)
      return std::unexpected(Error::from_errno("read", position_name(direction_), got.error));
    std::optional<Position> latest;
    for (std::size_t slot = 0; slot < 2 && (slot + 1) * wire::position_size <= got.count; ++slot) {
      const auto found = wire::decode_position(content.data() + slot * wire::position_size);
      if (found && (!latest || found->count > latest->count)) latest = found;
    }
    if (!latest) continue;
    const auto wish = wire::encode_room_line(true);
    told = told && std::equal(wish.begin(), wish.end(), content.begin() + wire::room_line_at);
    return *latest;
  }
  const std::string name = position_name(direction_);
  return std::unexpected(Error(
      Errc::protocol_violation, "read", place_->folder().path(),
      "neither line of " + place_->folder().path() + "/" + name +
          " is whole, so it is not known what has been read: remove that file to receive everything that is "
          "still there, some of it perhaps again"));
}

// ---- The reader's

void PositionFile::write_by_stores() {
  // One of an earlier build of ours ends before that line.
  if (os::size_of(file_.get()).value_or(0) < wire::position_file_size &&
      os::write_all_at(file_.get(), wire::encode_room_line(false), wire::room_line_at).error != 0) {
    return;
  }
  page_ = os::map_for_stores(file_.get(), wire::position_file_size);
}

Result<bool> PositionFile::write(Position position) {
  position.count = count_ + 1;
  const auto line = wire::encode_position(position);
  const std::size_t place = position.count % 2 * wire::position_size;
  if (page_) {
    std::memcpy(page_->bytes().data() + place, line.data(), line.size());
    std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: room in a log
    const std::atomic_ref<std::uint64_t> wish(page_->at<std::uint64_t>(wire::room_word_at));
    if (wish.load(std::memory_order_relaxed) != wire::room_word(true)) {
      count_ = position.count;
      return false;
    }
    // Before the write: of a wish that comes in between, too, that write tells.
    wish.store(wire::room_word(false), std::memory_order_relaxed);
  }
  const auto written = os::write_all_at(file_.get(), line, place);
  if (written.error != 0)
    return std::unexpected(Error::from_errno("write", position_name(direction_), written.error));
  count_ = position.count;
  return true;
}

// ---- The writer's

Result<void> PositionFile::ask_to_be_told() const {
  const auto written = os::write_all_at(file_.get(), wire::encode_room_line(true), wire::room_line_at);
  if (written.error != 0)
    return std::unexpected(Error::from_errno("write", position_name(direction_), written.error));
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: room in a log
  return {};
}

Result<void> PositionFile::sync() const {
  const int problem = os::sync_data(file_.get());
  if (problem == 0) return {};
  return std::unexpected(Error::from_errno("sync", position_name(direction_), problem));
}

}  // namespace tenon::filelog
