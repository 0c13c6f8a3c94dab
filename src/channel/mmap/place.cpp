#include "channel/mmap/place.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/crc32c.hpp"
#include "base/scope_exit.hpp"
#include "base/try.hpp"
#include "os/backoff.hpp"
#include "os/folder.hpp"
#include "os/reserve.hpp"
#include "os/shared_file.hpp"
#include "os/users.hpp"

namespace tenon::mapped {
namespace {

/// As often may a file vanish, or another appear, while we come in.
constexpr int most_attempts = 10;

shm::RegionHeader& region_of(const os::Mapping& all, Role owner, std::uint64_t capacity) noexcept {
  return all.at<shm::RegionHeader>(region_offset(owner, capacity));
}
KeptWords& kept_of(const os::Mapping& all, Role owner, std::uint64_t capacity) noexcept {
  return all.at<KeptWords>(region_offset(owner, capacity) + kept_words);
}
std::byte* ring_of(const os::Mapping& all, Role owner, std::uint64_t capacity) noexcept {
  return all.bytes().data() + region_offset(owner, capacity) + shm::header_size;
}

std::string boot_of_machine() {
  std::string boot = os::system_limit("/proc/sys/kernel/random/boot_id");
  boot.resize(sizeof FileHeader::boot);
  return boot;
}
void note_boot(FileHeader& header) {
  boot_of_machine().copy(header.boot, sizeof header.boot);
}

/// The rest of the file is zeros.
void fill_in(const os::Mapping& all, std::uint64_t capacity) {
  auto& header = all.at<FileHeader>(0);
  header.magic = file_magic;
  header.version = file_version;
  header.size = header_size;
  header.capacity = capacity;
  note_boot(header);
  for (const Role owner : {Role::listener, Role::connector}) {
    auto& region = region_of(all, owner, capacity);
    region.magic = shm::region_magic;
    region.version = shm::region_version;
    region.size = shm::header_size;
    region.capacity = capacity;
  }
}

}  // namespace

// ---- Looking at a file

/// That it is ours, whole and of this version, by reading it: only then it is mapped. Its capacity.
Result<std::uint64_t> Place::check(int file) const {
  const auto refuse = [&](Errc code, std::string why) {
    return std::unexpected(claim_.refuse(code, std::move(why)));
  };
  const auto read = [&](auto& into, std::uint64_t at) {
    const auto got = os::read_all_at(file, {reinterpret_cast<std::byte*>(&into), sizeof into}, at);
    return got.error == 0 && got.count == sizeof into;
  };
  const auto size = os::size_of(file);
  if (!size) return std::unexpected(claim_.failed());
  if (*size == 0) {
    return refuse(Errc::invalid_argument,
                  "the file is empty, and tenon makes its files whole: remove it if nobody needs it");
  }
  FileHeader found{};
  if (!read(found, 0) || found.magic != file_magic) {
    return refuse(Errc::invalid_argument, "the file is something else: choose another path");
  }
  if (found.version != file_version) {
    return refuse(Errc::protocol_violation,
                  "the file has version " + std::to_string(found.version) + ", this tenon writes " +
                      std::to_string(file_version) +
                      ": use the release that made it, or move the file away to begin anew");
  }
  const std::uint64_t capacity = found.capacity;
  if (found.size != header_size || capacity < shm::least_capacity || capacity > shm::most_capacity ||
      (capacity & (capacity - 1)) != 0) {
    return refuse(Errc::protocol_violation,
                  "the file is damaged: its header says what cannot be; move it away to begin anew");
  }
  if (*size != file_size(capacity)) {
    return refuse(Errc::protocol_violation,
                  "the file has " + std::to_string(*size) + " bytes and should have " +
                      std::to_string(file_size(capacity)) +
                      ": somebody has cut it or added to it; move it away to begin anew");
  }
  for (const Role owner : {Role::listener, Role::connector}) {
    shm::RegionHeader region{};
    if (read(region, region_offset(owner, capacity)) && region.magic == shm::region_magic &&
        region.version == shm::region_version && region.size == shm::header_size &&
        region.capacity == capacity) {
      continue;
    }
    return refuse(Errc::protocol_violation, "the file is damaged, or of another release of tenon: at byte " +
                                                std::to_string(region_offset(owner, capacity)) +
                                                " is no region of this version; move it away to begin anew");
  }
  return capacity;
}

Result<void> Place::use(os::Fd file, std::uint64_t capacity) {
  header_ = TRY(os::Mapping::map(file.get(), header_size, os::Access::read_write));
  fd_ = std::move(file);
  capacity_ = capacity;
  return {};
}

/// What waits for that side.
Result<Leftover> Place::look(const os::Mapping& all, Role reader) const {
  const Role writer = other(reader);
  const auto left =
      examine(ring_of(all, writer, capacity_), capacity_, kept_of(all, reader, capacity_).settled,
              region_of(all, reader, capacity_).read_position);
  if (left) return *left;
  const std::uint64_t at = region_offset(writer, capacity_) + shm::header_size + left.error().offset;
  return std::unexpected(
      claim_.refuse(Errc::protocol_violation, "the file is damaged: at byte " + std::to_string(at) + " is " +
                                                  left.error().what +
                                                  "; nothing in it was changed: move it away to begin anew"));
}

/// 0 when nothing is unread.
Result<std::uint64_t> Place::sum_of_unread() const {
  const auto all = TRY(os::Mapping::map(fd(), file_size(capacity_), os::Access::read_write));
  bool any = false;
  std::uint32_t sum = 0;
  for (const Role reader : {Role::listener, Role::connector}) {
    const Leftover left = TRY(look(all, reader));
    any = any || left.messages;
    const std::byte* const ring = ring_of(all, other(reader), capacity_);
    const std::uint64_t begin = left.unread.begin & (capacity_ - 1);
    const std::uint64_t size = left.unread.end - left.unread.begin;
    const std::uint64_t to_the_end = std::min(size, capacity_ - begin);
    sum = base::crc32c({ring + begin, to_the_end}, sum);
    sum = base::crc32c({ring, size - to_the_end}, sum);
  }
  constexpr std::uint64_t there_is_one = 1ULL << 32;
  return any ? there_is_one | sum : 0;
}

/// With messages that others have left. What a machine that went down had not written to its disk would be torn.
Result<void> Place::go_on() {
  if (std::string_view(header().boot, sizeof header().boot) != boot_of_machine() &&
      header().sum != TRY(sum_of_unread())) {
    return std::unexpected(claim_.refuse(
        Errc::protocol_violation,
        "the machine has been started anew since its last users were there, and what they had not read is "
        "not "
        "what they left: some of it may be torn; nothing was changed: move the file away to begin anew"));
  }
  header().sum = 0;
  note_boot(header());
  return {};
}

Result<void> Place::make_ready() const {
  const auto all = TRY(os::Mapping::map(fd(), file_size(capacity_), os::Access::read_write));
  const Leftover to_listener = TRY(look(all, Role::listener));
  const Leftover to_connector = TRY(look(all, Role::connector));
  using shm::Memory;
  for (const Role reader : {Role::listener, Role::connector}) {
    const Leftover& left = reader == Role::listener ? to_listener : to_connector;
    auto& words = region_of(all, reader, capacity_);
    // In this order: whoever comes after a crash between any two of them finds the same.
    if (left.word != 0) {
      std::byte* const end = ring_of(all, other(reader), capacity_) + (left.unread.end & (capacity_ - 1));
      Memory::store_release(reinterpret_cast<std::uint64_t*>(end), 0);
    }
    Memory::store_release(&kept_of(all, reader, capacity_).settled, left.unread.begin);
    Memory::store_release(&words.read_position, left.unread.begin);
    Memory::store_relaxed(&words.wants_data, 0);
    Memory::store_relaxed(&words.wants_room, 0);
    kept_of(all, reader, capacity_).polls.store(0, std::memory_order_relaxed);
  }
  header().to_listener = to_listener.unread;
  header().to_connector = to_connector.unread;
  return {};
}

// ---- Coming

Error Place::taken_by(Role role, int file) const {
  Seat seat{};
  const auto read =
      os::read_all_at(file, {reinterpret_cast<std::byte*>(&seat), sizeof seat}, seat_offset(role));
  const std::string who = read.error == 0 && seat.process != 0 && seat.process < 1U << 31
                              ? "process " + std::to_string(seat.process)
                              : "another process";
  if (role == Role::listener) return claim_.refuse(Errc::address_in_use, who + " listens there");
  return claim_.refuse(Errc::timed_out, who +
                                            " is connected, and a file serves one at a time: wait "
                                            "longer, or use another file");
}

/// What is at the path already. False: nothing that we can use, and nothing that is in the way any more.
Result<bool> Place::take_what_is_there(const MmapOptions& options) {
  os::Fd file = TRY(os::find_file(claim_, options.trusted));
  if (!file) return false;
  if (TRY(os::is_byte_locked(file.get(), seat_offset(Role::listener))))
    return std::unexpected(taken_by(Role::listener, file.get()));
  const std::uint64_t capacity = TRY(check(file.get()));
  TRY(os::reserve(file.get(), file_size(capacity), "listen", claim_.place));  // somebody may have made holes
  const int problem = os::lock_byte(file.get(), seat_offset(Role::listener));
  if (problem == EAGAIN) return std::unexpected(taken_by(Role::listener, file.get()));
  if (problem != 0) return std::unexpected(Error::from_errno("lock", claim_.place, problem));
  TRY(use(std::move(file), capacity));
  const auto ownership = TRY(os::ownership_of(fd()));
  const bool ours = static_cast<unsigned>(ownership.user) == os::effective_user();
  const bool used = TRY(is_other_there());
  if (ours && !used && TRY(sum_of_unread()) == 0) {
    os::remove_name(claim_, fd());
    header_.reset();
    fd_.reset();
    return false;
  }
  if (!used) TRY(go_on());
  if (ours) TRY(os::set_ownership_of(fd(), {-1, options.name.group, options.name.mode}, claim_.place));
  return true;
}

/// A new file, complete and with us in its seat before it has a name. False: something is there by now.
Result<bool> Place::make(const MmapOptions& options) {
  auto made = TRY(os::NewFile::create(claim_));
  const std::uint64_t size = file_size(options.capacity);
  TRY(os::reserve(made.fd(), size, "listen", claim_.place));
  {
    const auto all = TRY(os::Mapping::map(made.fd(), size, os::Access::read_write));
    fill_in(all, options.capacity);
  }
  TRY(os::set_ownership_of(made.fd(), {-1, options.name.group, options.name.mode}, claim_.place));
  if (const int problem = os::lock_byte(made.fd(), seat_offset(Role::listener)); problem != 0)
    return std::unexpected(Error::from_errno("lock", claim_.place, problem));
  header_ = TRY(os::Mapping::map(made.fd(), header_size, os::Access::read_write));
  if (!TRY(made.publish())) return false;
  fd_ = made.release();
  capacity_ = options.capacity;
  return true;
}

Result<std::shared_ptr<Place>> Place::listen(const std::string& path, const MmapOptions& options) {
  auto claim = TRY(os::Claim::open("listen", "file", path));
  const std::shared_ptr<Place> place(new Place(std::move(claim), Role::listener));
  TRY(place->claim_.lock());
  const base::ScopeExit unlock([&place] { place->claim_.unlock(); });
  for (int attempt = 1;; ++attempt) {
    if (TRY(place->take_what_is_there(options)) || TRY(place->make(options))) break;
    if (attempt == most_attempts)
      return std::unexpected(
          place->claim_.refuse(Errc::already_exists, "another program makes a file there"));
  }
  place->seated_ = true;
  const std::uint64_t session =
      std::max(session_of(place->state(Role::listener)), session_of(place->state(Role::connector)));
  place->introduce(0, false);
  place->announce(session, Stage::waiting);
  return place;
}

/// The file at the path with a listener in its seat. False: it has been removed meanwhile.
Result<bool> Place::try_seat(os::Fd& file) {
  if (!TRY(os::is_byte_locked(file.get(), seat_offset(Role::listener)))) {
    return std::unexpected(claim_.refuse(Errc::no_one_there, ""));
  }
  const int problem = os::lock_byte(file.get(), seat_offset(Role::connector));
  if (problem == EAGAIN) return false;
  if (problem != 0) return std::unexpected(Error::from_errno("lock", claim_.place, problem));
  // Who leaves last removes the name, looking at this seat before; and a listener may have gone just now.
  if (!os::has_name(file.get()) || !TRY(os::is_byte_locked(file.get(), seat_offset(Role::listener))))
    return std::unexpected(claim_.refuse(Errc::no_one_there, ""));
  return true;
}

Result<std::shared_ptr<Place>> Place::connect(const std::string& path, const MmapOptions& options,
                                              Deadline deadline) {
  auto claim = os::Claim::open("connect", "file", path);
  if (!claim) {
    const bool missing = claim.error().code() == Errc::not_found;
    return std::unexpected(missing ? Error(Errc::no_one_there, "connect", path) : claim.error());
  }
  const std::shared_ptr<Place> place(new Place(std::move(*claim), Role::connector));
  os::Fd file = TRY(os::find_file(place->claim_, options.trusted));
  if (!file) return std::unexpected(Error(Errc::no_one_there, "connect", path));
  const std::uint64_t capacity = TRY(place->check(file.get()));
  os::Backoff backoff(deadline);
  while (!TRY(place->try_seat(file))) {
    if (auto paused = backoff.pause(); !paused) {
      return std::unexpected(paused.error().code() == Errc::timed_out
                                 ? place->taken_by(Role::connector, file.get())
                                 : paused.error());
    }
  }
  TRY(place->use(std::move(file), capacity));
  place->seated_ = true;
  return place;
}

// ---- In the seat

void Place::introduce(std::uint64_t takes, bool fences) const noexcept {
  Seat& ours = seat(role_);
  shm::Memory::store_relaxed(&ours.process, static_cast<std::uint64_t>(os::process_id()));
  shm::Memory::store_relaxed(&ours.takes, takes);
  shm::Memory::store_relaxed(&ours.fences, fences ? 1 : 0);
}

void Place::announce(std::uint64_t session, Stage stage) const noexcept {
  shm::Memory::store_release(&seat(role_).state, state_of(session, stage));  // SYNC: said in a seat
  os::nudge(fd(), os::Nudge::by_writing, idle_byte);
}

bool Place::has_channel() const {
  const std::lock_guard lock(channel_mutex_);
  return has_channel_;
}

void Place::begin_channel(std::uint64_t session) {
  const std::lock_guard lock(channel_mutex_);
  announce(session, Stage::talking);
  has_channel_ = true;
}

void Place::end_channel(std::uint64_t session) noexcept {
  const std::lock_guard lock(channel_mutex_);
  has_channel_ = false;
  announce(session, Stage::left);
}

// ---- Going

Place::~Place() {
  if (seated_) leave();
}

/// Whoever leaves last and leaves nothing unread behind takes the file along.
void Place::leave() noexcept {
  const bool alone_at_the_door = claim_.try_lock() == 0;
  try {
    if (alone_at_the_door && os::has_name(fd()) && !is_other_there().value_or(true)) {
      const auto unread = sum_of_unread();
      if (unread) header().sum = *unread;
      if (unread && *unread == 0) os::remove_name(claim_, fd());
    }
  } catch (const std::bad_alloc&) {  // then it stays, as after a crash
  }
  // Explicitly: a child, or a mapping under a message that is still held, may keep the file open.
  os::unlock_byte(fd(), seat_offset(role_));
  if (alone_at_the_door) claim_.unlock();
}

}  // namespace tenon::mapped
