#include "channel/sysv_mq/plain.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include <tenon/os/eventfd.hpp>
#include <tenon/os/file.hpp>
#include <tenon/os/sysv_queue.hpp>
#include <tenon/os/unix_socket.hpp>

#include "base/try.hpp"
#include "channel/packet_endpoint.hpp"
#include "os/sysv_table.hpp"
#include "os/users.hpp"

namespace tenon::sysv_mq {
namespace {

/// In a file that was made here, so that the next listener knows that it may remove it.
constexpr std::string_view file_content = "made by tenon: a System V key is computed from this file\n";
/// Execute bits mean nothing for a queue: they tell one that a listener of ours made and would have removed.
constexpr unsigned made_here = 0111;

/// What a listener has: kept by it and by the channel that is out.
struct Place {
  std::optional<os::OwnedName> file;
  os::UnixListener alive;  ///< an abstract name, which goes with this process: whose the key is
  os::SysvQueue queue;
  os::EventFd free;
};

/// Says that the channel is free again.
class Lease {
 public:
  explicit Lease(std::shared_ptr<Place> place) noexcept : place_(std::move(place)) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { static_cast<void>(place_->free.notify()); }

 private:
  std::shared_ptr<Place> place_;
};

std::optional<os::SysvQueueEntry> entry_of(os::SysvKey key) {
  const auto all = os::list_sysv_queues();
  const auto found = std::ranges::find(all, key.value(), &os::SysvQueueEntry::key);
  return found == all.end() ? std::nullopt : std::optional(*found);
}

/// A key is no secret, and whoever comes first has it.
Result<void> check_creator(const Address& address, std::string_view operation, os::SysvKey key,
                           unsigned creator, const SysvOptions& options) {
  if (TRY(is_trusted(creator, options))) return {};
  return std::unexpected(Error(Errc::permission_denied, operation, address.to_string(),
                               "the queue with key " + key.to_string() + " belongs to user " +
                                   how_to_trust(creator) + "; otherwise choose another path or project="));
}

/// Why the queue that has the key cannot be opened: its own user is known to all, whatever its mode.
Error cannot_open(const Address& address, std::string_view operation, os::SysvKey key, const Error& error) {
  const auto there = error.code() == Errc::permission_denied ? entry_of(key) : std::nullopt;
  if (!there) return error.with(operation, address.to_string());
  return {Errc::permission_denied, operation, address.to_string(),
          "the queue with key " + key.to_string() + " belongs to user " +
              os::describe_user(there->owner_uid) +
              ", and its mode keeps others out: have it made with a wider one, or choose another path or "
              "project="};
}

Result<std::unique_ptr<Endpoint>> endpoint_on(const Address& address, const os::SysvQueue& queue,
                                              const SysvOptions& options, Traits traits,
                                              std::shared_ptr<void> keep_alive) {
  const auto status = TRY(queue.status());
  const auto limits = TRY(os::SysvQueueLimits::read());
  auto port = std::make_unique<os::SysvPort>(
      queue.id(), options.types, std::min(limits.message_size, status.max_bytes), std::move(keep_alive));
  return make_packet_endpoint(address,
                              {std::move(port), std::nullopt,
                               "that is kernel.msgmax, or the size of the queue: split the message, or use "
                               "framing=message on both sides"},
                              traits, TRY(ChannelOptions::from(address)));
}

// ---- Listening

/// Makes the file that the key is computed from, unless there is something: nothing then.
Result<std::optional<os::OwnedName>> make_file(const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_symlink(path, unknown)) {
    return std::unexpected(Error(Errc::permission_denied, "listen", path,
                                 "a symbolic link stands there and is never followed: name the real path"));
  }
  auto file = os::File::create(path);
  if (!file && file.error().code() == Errc::already_exists) return std::nullopt;
  if (!file) return std::unexpected(std::move(file).error());
  auto name = TRY(file->own_name());
  TRY(file->append(bytes_of(file_content)));
  return name;
}

/// One that a listener made who was killed is ours to remove. Only for who has the key.
Result<std::optional<os::OwnedName>> take_over_file(const std::string& path) {
  auto found = os::File::open(path, os::File::Access::read);
  if (!found) return std::nullopt;  // a folder, or another user's: as good for a key
  std::array<std::byte, file_content.size() + 1> content;
  const auto size = found->read_at(0, content);
  if (!size || text_of(ByteView(content).first(*size)) != file_content) return std::nullopt;
  return TRY(found->own_name());
}

/// One listener for each key, as long as its process lives.
Result<os::UnixListener> take_key(os::SysvKey key) {
  std::error_code unknown;
  const std::string ipc = std::filesystem::read_symlink("/proc/self/ns/ipc", unknown).string();
  return os::UnixListener::listen("@tenon-sysv-mq-" + key.to_string() + "-" + ipc);
}

/// A new queue, or the one that is there: another program's, or one whose listener was killed.
Result<os::SysvQueue> take_queue(const Address& address, os::SysvKey key, const SysvOptions& options) {
  const unsigned mode = TRY(NameOptions::from(address)).mode;
  auto made = os::SysvQueue::create(key, mode | made_here);
  if (made || made.error().code() != Errc::already_exists) return made;
  const auto there = entry_of(key);
  if (!there) return made;
  TRY(check_creator(address, "listen", key, there->creator_uid, options));
  auto queue = os::SysvQueue::open_id(there->id, os::Trust::anyone);
  if (!queue) return std::unexpected(cannot_open(address, "listen", key, queue.error()));
  if ((there->mode & made_here) == made_here && there->creator_uid == os::effective_user())
    queue->remove_at_end();
  return queue;
}

class PlainAcceptor final : public Acceptor {
 public:
  PlainAcceptor(const Address& address, std::shared_ptr<Place> place, SysvOptions options, Traits traits)
      : Acceptor(address), place_(std::move(place)), options_(std::move(options)), traits_(traits) {}

  /// There is one queue, so one channel at a time.
  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override {
    const auto taken = place_->free.wait(deadline);
    if (!taken) return std::unexpected(taken.error().with("accept", address().to_string()));
    return endpoint_on(address(), place_->queue, options_, traits_, std::make_shared<Lease>(place_));
  }
  Result<int> poll_fd() override { return place_->free.fd(); }

 private:
  std::shared_ptr<Place> place_;
  SysvOptions options_;
  Traits traits_;
};

Result<std::shared_ptr<Place>> take(const Address& address, const SysvOptions& options) {
  const std::string path(address.place());
  auto file = TRY(make_file(path));
  const auto key = TRY(os::SysvKey::from_path(path, options.project));
  auto alive = TRY(take_key(key));
  if (!file) file = TRY(take_over_file(path));
  auto queue = TRY(take_queue(address, key, options));
  if (options.capacity) TRY(queue.set_max_bytes(*options.capacity));
  return std::make_shared<Place>(std::move(file), std::move(alive), std::move(queue),
                                 TRY(os::EventFd::create(1)));
}

}  // namespace

Result<std::unique_ptr<Acceptor>> listen_plain(const Address& address, const SysvOptions& options,
                                               const Traits& traits) {
  auto place = take(address, options);
  if (!place) return std::unexpected(place.error().with("listen", address.to_string()));
  return std::make_unique<PlainAcceptor>(address, std::move(*place), options, traits);
}

// ---- Connecting

Result<std::unique_ptr<Endpoint>> connect_plain(const Address& address, const SysvOptions& options,
                                                const Traits& traits) {
  const auto key = os::SysvKey::from_path(std::string(address.place()), options.project);
  auto queue = key ? os::SysvQueue::open(*key, os::Trust::anyone) : std::unexpected(key.error());
  if (!queue) {
    const bool missing = queue.error().code() == Errc::not_found;
    if (!missing && key) return std::unexpected(cannot_open(address, "connect", *key, queue.error()));
    if (!missing) return std::unexpected(queue.error().with("connect", address.to_string()));
    return std::unexpected(
        Error(Errc::no_one_there, "connect", address.to_string(), std::string(queue.error().advice())));
  }
  TRY(check_creator(address, "connect", *key, TRY(queue->status()).creator_uid, options));
  auto kept = std::make_shared<os::SysvQueue>(std::move(*queue));
  const os::SysvQueue& opened = *kept;
  return endpoint_on(address, opened, options, traits, std::move(kept));
}

}  // namespace tenon::sysv_mq
