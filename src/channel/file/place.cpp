#include "channel/file/place.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <new>

#include "base/scope_exit.hpp"
#include "base/try.hpp"
#include "channel/file/log_scan.hpp"
#include "channel/file/position_file.hpp"
#include "os/backoff.hpp"
#include "os/file_io.hpp"
#include "os/users.hpp"

namespace tenon::filelog {
namespace {

/// In the file `tenon`: three lines, each locked at its first byte. The door is held by who comes or goes.
constexpr std::uint64_t door = 0;
constexpr std::uint64_t tenon_size = 3 * wire::presence_size;
constexpr std::string_view tenon_name = "tenon";
constexpr std::chrono::seconds door_time{1};
constexpr int removals_seen = 10;  ///< as often may a folder vanish while we come in

constexpr std::uint64_t seat_of(Role role) noexcept {
  return role == Role::listener ? wire::presence_size : 2 * wire::presence_size;
}

constexpr std::string_view name_of(Direction direction) noexcept {
  return direction == Direction::to_listener ? "to-listener" : "to-connector";
}

/// Who may read a folder may also look into it.
constexpr unsigned folder_mode(unsigned mode) noexcept {
  return mode | (mode & 0444U) >> 2 | (mode & 0222U) >> 1;
}

constexpr unsigned writable_by_others = 022;
constexpr std::string_view segment_suffix = ".log";
constexpr std::size_t segment_digits = 16;

}  // namespace

std::string segment_name(Direction direction, std::uint64_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, segment_digits - std::min(digits.size(), segment_digits), '0');
  return std::string(name_of(direction)).append("-").append(digits).append(segment_suffix);
}

std::string position_name(Direction direction) {
  return std::string(name_of(direction)).append(".read");
}

// ---- Coming

Result<void> Place::check_folder(const FileOptions& options) {
  const auto user = static_cast<unsigned>(TRY(folder_.ownership()).user);
  folder_user_ = user;
  const bool trusted = user == os::effective_user() || user == 0 || options.owner == "any" ||
                       (options.owner && TRY(os::user_id(*options.owner)) == user);
  if (trusted) return {};
  const std::string name = os::describe_user(user);
  return std::unexpected(Error(Errc::permission_denied, "open", folder_.path(),
                               "the folder belongs to " + name + ": if you trust it, add owner=" +
                                   name.substr(0, name.find(' ')) + " to the address"));
}

Result<void> Place::open_or_make(const FileOptions& options, bool made) {
  owner_ = options.owner;
  const std::string name(tenon_name);
  auto opened = folder_.open_file(name);
  if (!opened && opened.error().code() == Errc::not_found) {
    // Behind our first look somebody may have made it.
    const auto names = TRY(folder_.names());
    if (!made && !names.empty() && std::ranges::find(names, name) == names.end()) {
      return std::unexpected(Error(Errc::invalid_argument, "open", folder_.path(),
                                   "the folder holds something else: name an empty one, or one that is yet "
                                   "to be made"));
    }
    if (role_ == Role::listener)
      opened = folder_.make_file(name, {-1, options.name.group, options.name.mode});
    if (!opened && opened.error().code() == Errc::already_exists) opened = folder_.open_file(name);
  }
  if (!opened) return std::unexpected(opened.error());
  tenon_ = std::move(*opened);
  return {};
}

/// What a new folder needs; also after somebody was killed in the middle of it.
Result<void> Place::fill_in(bool made) const {
  std::array<std::byte, tenon_size> lines;
  std::ranges::copy(wire::encode_folder_line(made), lines.begin());
  for (const Role role : {Role::listener, Role::connector}) {
    std::ranges::copy(wire::encode_presence({.role = role}),
                      lines.begin() + static_cast<std::ptrdiff_t>(seat_of(role)));
  }
  const auto written = os::write_all_at(tenon_.get(), lines, 0);
  if (written.error == 0) return {};
  static_cast<void>(os::cut(tenon_.get(), 0));
  return std::unexpected(Error::from_errno("write", folder_.path(), written.error));
}

Result<void> Place::make_positions() const {
  for (const Direction direction : {Direction::to_listener, Direction::to_connector}) {
    TRY(PositionFile::make_if_missing(*this, direction));
  }
  return {};
}

Result<void> Place::lock_door(Deadline deadline) const {
  os::Backoff backoff(deadline);
  for (;;) {
    const int problem = os::lock_byte(tenon_.get(), door);
    if (problem == 0) return {};
    if (problem != EAGAIN) return std::unexpected(Error::from_errno("lock", folder_.path(), problem));
    if (auto paused = backoff.pause(); !paused) {
      return std::unexpected(paused.error().with(
          "lock", folder_.path(), "another process has held its lock for a second: fuser tells which"));
    }
  }
}

void Place::unlock_door() const noexcept {
  os::unlock_byte(tenon_.get(), door);
}

/// Behind the door: takes our seat if it is free. False: the folder has been removed meanwhile.
Result<bool> Place::try_seat(bool& taken) const {
  taken = false;
  if (!os::has_name(tenon_.get())) return false;
  const int problem = os::lock_byte(tenon_.get(), seat_of(role_));
  if (problem != 0 && problem != EAGAIN)
    return std::unexpected(Error::from_errno("lock", folder_.path(), problem));
  taken = problem == 0;
  return true;
}

Error Place::taken_by(Role role) const {
  const auto holder = presence(role);
  const std::string who =
      holder && holder->process != 0 ? "process " + std::to_string(holder->process) : "another process";
  if (role == Role::listener) return {Errc::address_in_use, "listen", folder_.path(), who + " listens there"};
  return {Errc::timed_out, "connect", folder_.path(),
          who + " is connected, and a folder serves one at a time: wait longer, or use another folder"};
}

Result<std::shared_ptr<Place>> Place::listen(const std::string& path, const FileOptions& options) {
  const unsigned mode = folder_mode(options.name.mode);
  for (int attempt = 0;; ++attempt) {
    bool made = false;
    auto folder = os::Folder::open(path);
    if (!folder && folder.error().code() == Errc::not_found) {
      folder = os::Folder::make(path, mode);
      made = folder.has_value();
      if (!made && folder.error().code() == Errc::already_exists && attempt < removals_seen) continue;
    }
    if (!folder) return std::unexpected(folder.error());
    const std::shared_ptr<Place> place(new Place(std::move(*folder), Role::listener));
    TRY(place->check_folder(options));
    auto opened = place->open_or_make(options, made);
    if (!opened && opened.error().code() == Errc::not_found && attempt < removals_seen) continue;
    TRY(std::move(opened));
    TRY(place->lock_door(Deadline::in(door_time)));
    const base::ScopeExit unlock([&place] { place->unlock_door(); });
    bool taken = false;
    if (!TRY(place->try_seat(taken)) && attempt < removals_seen) continue;
    if (!taken) return std::unexpected(place->taken_by(Role::listener));
    place->seated_ = true;
    TRY(place->settle(options, made));
    return place;
  }
}

/// The listener's first acts in its seat.
Result<void> Place::settle(const FileOptions& options, bool made) {
  if (os::size_of(tenon_.get()) == 0) TRY(fill_in(made));
  std::array<std::byte, wire::presence_size> line;
  const auto read = os::read_all_at(tenon_.get(), line, 0);
  const auto ours = wire::decode_folder_line(line.data());
  if (read.error != 0 || !ours)
    return std::unexpected(damaged(std::string(tenon_name), 0, "is no line of ours"));
  const os::Ownership now = TRY(folder_.ownership());
  if (*ours && static_cast<unsigned>(now.user) == os::effective_user()) {
    TRY(folder_.set_ownership({-1, options.name.group, folder_mode(options.name.mode)}));
  } else if ((now.mode & writable_by_others & ~options.name.mode) != 0) {
    return std::unexpected(Error(Errc::permission_denied, "listen", folder_.path(),
                                 "others may write in this folder: take that from them (chmod go-w), or add "
                                 "mode=0666 to the address if it is meant"));
  }
  ownership_ = TRY(os::ownership_of(tenon_.get()));
  if (static_cast<unsigned>(ownership_.user) == os::effective_user()) {
    TRY(os::set_ownership_of(tenon_.get(), {-1, options.name.group, options.name.mode}, folder_.path()));
  }
  TRY(look_around());
  TRY(make_positions());
  const std::uint64_t session =
      std::max(TRY(presence(Role::listener)).session, TRY(presence(Role::connector)).session);
  return announce(session, Stage::waiting, 0);
}

/// What the owner of the folder and of `tenon` has decided about others.
Result<void> Place::look_around() {
  ownership_ = TRY(os::ownership_of(tenon_.get()));
  // Root makes files for the one whom the folder belongs to; others can only make their own.
  if (os::effective_user() != 0) ownership_.user = -1;
  if ((ownership_.mode >> 3 & 7U) == (ownership_.mode & 7U)) ownership_.group = -1;  // it makes no difference
  others_may_write_ = (TRY(folder_.ownership()).mode & writable_by_others) != 0;
  return {};
}

Result<std::shared_ptr<Place>> Place::connect(const std::string& path, const FileOptions& options,
                                              Deadline deadline) {
  const auto nobody = [](const Error& error) {
    return Error(Errc::no_one_there, "connect", std::string(error.subject()), {}, error.system_errno());
  };
  auto folder = os::Folder::open(path);
  if (!folder) {
    return std::unexpected(folder.error().code() == Errc::not_found ? nobody(folder.error())
                                                                    : folder.error());
  }
  const std::shared_ptr<Place> place(new Place(std::move(*folder), Role::connector));
  TRY(place->check_folder(options));
  if (auto opened = place->open_or_make(options, false); !opened) {
    return std::unexpected(opened.error().code() == Errc::not_found ? nobody(opened.error())
                                                                    : opened.error());
  }
  os::Backoff backoff(deadline);
  while (!place->seated_) {
    // Looked at from outside first: whoever tries again and again must not keep the door shut.
    if (!TRY(place->is_other_there())) return std::unexpected(Error(Errc::no_one_there, "connect", path));
    if (!TRY(place->is_seat_taken())) {
      TRY(place->lock_door(Deadline::in(door_time)));
      const base::ScopeExit unlock([&place] { place->unlock_door(); });
      if (!TRY(place->is_other_there()) || !TRY(place->try_seat(place->seated_)))
        return std::unexpected(Error(Errc::no_one_there, "connect", path));
    } else if (auto paused = backoff.pause(); !paused) {
      return std::unexpected(paused.error().code() == Errc::timed_out ? place->taken_by(Role::connector)
                                                                      : paused.error());
    }
  }
  TRY(place->look_around());
  return place;
}

// ---- Going

Place::~Place() {
  if (seated_) leave();
}

/// Whoever leaves last and leaves nothing unread behind takes the folder along.
void Place::leave() noexcept {
  const bool alone_at_the_door = lock_door(Deadline::in(door_time)).has_value();
  try {
    if (alone_at_the_door && os::has_name(tenon_.get()) && !is_other_there().value_or(true) &&
        !has_unread(*this, Direction::to_listener) && !has_unread(*this, Direction::to_connector)) {
      remove_all();
    }
  } catch (const std::bad_alloc&) {  // then it stays, as after a crash
  }
  // Explicitly: a child may hold copies of the descriptor.
  os::unlock_byte(tenon_.get(), seat_of(role_));
  if (alone_at_the_door) unlock_door();
}

void Place::remove_all() const {
  std::array<std::byte, wire::presence_size> line{};
  static_cast<void>(os::read_all_at(tenon_.get(), line, 0));
  for (const Direction direction : {Direction::to_listener, Direction::to_connector}) {
    for (const std::uint64_t number : segments(direction).value_or(std::vector<std::uint64_t>()))
      folder_.remove_file(segment_name(direction, number));
    folder_.remove_file(position_name(direction));
  }
  folder_.remove_file(std::string(tenon_name));
  if (wire::decode_folder_line(line.data()) == true) folder_.remove();
}

// ---- Who is there

Result<Presence> Place::presence(Role role) const {
  std::array<std::byte, wire::presence_size> line;
  // It may be written while we read: then the checksum says so, and a moment later it is whole.
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto read = os::read_all_at(tenon_.get(), line, seat_of(role));
    if (read.error != 0) return std::unexpected(Error::from_errno("read", folder_.path(), read.error));
    if (read.count < line.size()) break;
    if (const auto found = wire::decode_presence(line.data()); found && found->role == role) return *found;
  }
  return std::unexpected(damaged(std::string(tenon_name), seat_of(role), "is no line of ours"));
}

Result<void> Place::announce(std::uint64_t session, Stage stage, std::uint64_t takes) const {
  const auto line =
      wire::encode_presence({role_, static_cast<std::uint64_t>(os::process_id()), session, stage, takes});
  const auto written = os::write_all_at(tenon_.get(), line, seat_of(role_));
  if (written.error == 0) return {};
  return std::unexpected(Error::from_errno("write", folder_.path(), written.error));
}

Result<bool> Place::is_seat_taken() const {
  return os::is_byte_locked(tenon_.get(), seat_of(role_));
}

Result<bool> Place::is_other_there() const {
  return os::is_byte_locked(tenon_.get(), seat_of(other(role_)));
}

bool Place::has_channel() const {
  const std::lock_guard lock(channel_mutex_);
  return has_channel_;
}

Result<void> Place::begin_channel(std::uint64_t session, std::uint64_t takes) {
  const std::lock_guard lock(channel_mutex_);
  TRY(announce(session, Stage::talking, takes));
  has_channel_ = true;
  return {};
}

void Place::end_channel(std::uint64_t session, std::uint64_t takes) noexcept {
  try {
    const std::lock_guard lock(channel_mutex_);
    has_channel_ = false;
    static_cast<void>(announce(session, Stage::left, takes));
  } catch (const std::bad_alloc&) {  // our seat, once free, says as much
  }
}

// ---- Files

Result<os::Fd> Place::open_file(const std::string& name) const {
  auto file = TRY(folder_.open_file(name));
  if (others_may_write_) return file;  // whose they are was decided with the folder's mode
  const auto user = static_cast<unsigned>(TRY(os::ownership_of(file.get())).user);
  if (user == os::effective_user() || user == 0 || user == folder_user_ || owner_ == "any") return file;
  return std::unexpected(Error(Errc::permission_denied, "open", folder_.path() + "/" + name,
                               "the file belongs to " + os::describe_user(user)));
}

Result<os::Fd> Place::make_file(const std::string& name) const {
  return folder_.make_file(name, ownership_);
}

Result<std::vector<std::uint64_t>> Place::segments(Direction direction) const {
  std::vector<std::uint64_t> numbers;
  const std::string prefix = std::string(name_of(direction)) + "-";
  for (const std::string& name : TRY(folder_.names())) {
    if (name.size() != prefix.size() + segment_digits + segment_suffix.size() || !name.starts_with(prefix) ||
        !name.ends_with(segment_suffix)) {
      continue;
    }
    std::uint64_t number = 0;
    const char* digits = name.data() + prefix.size();
    const auto [end, problem] = std::from_chars(digits, digits + segment_digits, number);
    if (problem == std::errc{} && end == digits + segment_digits && number > 0) numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

Result<void> Place::sync() const {
  if (const int problem = os::sync_data(tenon_.get()); problem != 0)
    return std::unexpected(Error::from_errno("sync", folder_.path(), problem));
  TRY(folder_.sync());
  return folder_.sync_name();
}

Error Place::damaged(const std::string& name, std::uint64_t offset, std::string_view what) const {
  std::string advice = "the file " + folder_.path() + "/" + name + " is damaged: what is at byte " +
                       std::to_string(offset) + " ";
  advice.append(what).append("; move the folder away to begin anew (ordinary tools still read it)");
  return {Errc::protocol_violation, "read", folder_.path(), std::move(advice)};
}

}  // namespace tenon::filelog
