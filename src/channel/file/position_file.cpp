#include "channel/file/position_file.hpp"

#include <array>

#include "base/try.hpp"
#include "channel/file/log_scan.hpp"
#include "os/file_io.hpp"

namespace tenon::filelog {
namespace {

using Slots = std::array<std::byte, 2 * wire::position_size>;

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
  Slots slots;
  for (std::uint64_t count = 0; count < 2; ++count) {
    start.count = count;
    std::ranges::copy(wire::encode_position(start),
                      slots.begin() + static_cast<std::ptrdiff_t>(count * wire::position_size));
  }
  const auto written = os::write_all_at(file->get(), slots, 0);
  if (written.error == 0) return {};
  static_cast<void>(os::cut(file->get(), 0));
  return std::unexpected(Error::from_errno("write", name, written.error));
}

Result<PositionFile> PositionFile::open(const Place& place, Direction direction) {
  PositionFile file(place, direction, TRY(place.open_file(position_name(direction))));
  file.count_ = TRY(file.read()).count;
  return file;
}

Result<Position> PositionFile::read() const {
  Slots slots;
  const auto got = os::read_all_at(file_.get(), slots, 0);
  if (got.error != 0) return std::unexpected(Error::from_errno("read", position_name(direction_), got.error));
  std::optional<Position> latest;
  for (std::size_t slot = 0; (slot + 1) * wire::position_size <= got.count; ++slot) {
    const auto found = wire::decode_position(slots.data() + slot * wire::position_size);
    if (found && (!latest || found->count > latest->count)) latest = found;
  }
  if (latest) return *latest;
  const std::string name = position_name(direction_);
  return std::unexpected(Error(
      Errc::protocol_violation, "read", place_->folder().path(),
      "neither line of " + place_->folder().path() + "/" + name +
          " is whole, so it is not known what has been read: remove that file to receive everything that is "
          "still there, some of it perhaps again"));
}

Result<void> PositionFile::write(Position position) {
  position.count = count_ + 1;
  const auto line = wire::encode_position(position);
  const auto written = os::write_all_at(file_.get(), line, position.count % 2 * wire::position_size);
  if (written.error != 0)
    return std::unexpected(Error::from_errno("write", position_name(direction_), written.error));
  count_ = position.count;
  return {};
}

Result<void> PositionFile::sync() const {
  const int problem = os::sync_data(file_.get());
  if (problem == 0) return {};
  return std::unexpected(Error::from_errno("sync", position_name(direction_), problem));
}

}  // namespace tenon::filelog
