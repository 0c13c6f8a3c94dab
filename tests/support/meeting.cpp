#include "support/meeting.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

#include <tenon/os/pipe.hpp>
#include <tenon/os/unix_socket.hpp>

#include "channel/child_ends.hpp"
#include "channel/stream.hpp"
#include "support/expect.hpp"
#include "support/free_port.hpp"

namespace tenon::test {
namespace {

std::string with_options(std::string address, const std::string& options) {
  if (options.empty()) return address;
  return address + (address.find('?') == std::string::npos ? "?" : "&") + options;
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  if (const auto at = text.find(what); at != std::string::npos) text.replace(at, what.size(), by);
}

std::mutex kept_mutex;
std::vector<std::shared_ptr<TemporaryFolder>> kept_folders;

/// A listener in one process, a connection from the other.
class ByName final : public Meeting {
 public:
  ByName(const Row& row, const std::string& options)
      : folder_(make_folder(traits_of(row))),
        listener_(value_of(listen(address_of(row, *folder_, options)))),
        address_(listener_->address()) {}

  Result<Channel> first(Deadline deadline) override { return listener_->accept(deadline); }
  Result<Channel> second(Deadline deadline) override { return connect(address_, {.deadline = deadline}); }
  std::unique_ptr<os::ByteStream> second_raw() override {
    const Transport& transport = *value_of(transport_of(address_));
    return value_of(transport.dial(address_, Deadline::in(std::chrono::seconds(20)))).stream;
  }
  void keep_first() override {}
  void keep_second() override {
    // The listener is the parent's: its name must not be removed by this process.
    static_cast<void>(new std::optional<Listener>(std::move(listener_)));  // NOLINT: left to _exit(2)
  }

 private:
  /// Where a channel lives in the folder, that stays until the test is over: channels outlive their Meeting.
  static std::shared_ptr<TemporaryFolder> make_folder(const Traits& traits) {
    auto folder = std::make_shared<TemporaryFolder>();
    const std::lock_guard lock(kept_mutex);
    if (traits.has(Trait::survives_restart)) kept_folders.push_back(folder);
    return folder;
  }

  std::shared_ptr<TemporaryFolder> folder_;
  std::optional<Listener> listener_;
  Address address_;
};

/// Descriptors that both processes have from the start.
class ByInheritance final : public Meeting {
 public:
  ByInheritance(bool sockets, const std::string& options) : options_(options) {
    if (sockets) {
      auto [one, other] = value_of(os::UnixSocket::pair());
      first_.push_back(one.release());
      second_.push_back(other.release());
      return;
    }
    auto forth = value_of(os::Pipe::create());
    auto back = value_of(os::Pipe::create());
    first_.push_back(std::move(back.read_end));
    first_.push_back(std::move(forth.write_end));
    second_.push_back(std::move(forth.read_end));
    second_.push_back(std::move(back.write_end));
  }

  Result<Channel> first(Deadline deadline) override { return adopt(first_, deadline); }
  Result<Channel> second(Deadline deadline) override { return adopt(second_, deadline); }
  std::unique_ptr<os::ByteStream> second_raw() override {
    if (second_.size() == 1) return std::make_unique<os::SocketStream>(std::move(second_[0]), false);
    return std::make_unique<os::PipeStream>(std::move(second_[0]), std::move(second_[1]));
  }
  void keep_first() override { second_.clear(); }
  void keep_second() override { first_.clear(); }

 private:
  Result<Channel> adopt(std::vector<os::Fd>& ends, Deadline deadline) const {
    std::string place;
    for (const os::Fd& end : ends) place += (place.empty() ? "" : ",") + std::to_string(end.get());
    auto channel = connect(with_options("fd:" + place, options_), {.deadline = deadline});
    if (channel) {
      for (os::Fd& end : ends) static_cast<void>(end.release());  // taken over
    }
    ends.clear();
    return channel;
  }

  std::string options_;
  std::vector<os::Fd> first_;
  std::vector<os::Fd> second_;
};

/// A socket that both processes have from the start, as a parent and its child do.
class ByShmPair final : public Meeting {
 public:
  explicit ByShmPair(const std::string& options) : options_(options) {
    const Address address = value_of(Address::parse(with_options("shm:", options)));
    ends_ = value_of(value_of(transport_of(address))->child_ends(address));
  }

  Result<Channel> first(Deadline deadline) override {
    auto endpoint = std::exchange(ends_.ours, {})(::getpid(), deadline);
    if (!endpoint) return std::unexpected(endpoint.error());
    return Channel(std::move(*endpoint));
  }
  Result<Channel> second(Deadline deadline) override {
    os::Fd end = std::move(ends_.theirs.front());
    auto channel =
        connect(with_options("shm:?fd=" + std::to_string(end.get()), options_), {.deadline = deadline});
    if (channel) static_cast<void>(end.release());  // taken over
    return channel;
  }
  std::unique_ptr<os::ByteStream> second_raw() override { return nullptr; }
  void keep_first() override { ends_.theirs.clear(); }
  void keep_second() override { ends_.ours = {}; }

 private:
  std::string options_;
  ChildEnds ends_;
};

std::vector<Row> possible_here(std::vector<Row> rows) {
  if (!has_ipv6()) std::erase_if(rows, [](const Row& row) { return row.address.contains("[::1]"); });
  return rows;
}

}  // namespace

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"pipe", "fd", ""},
      {"socket_pair", "fd", ""},
      {"fifo", "fifo", "fifo:{folder}/p", 0622},
      {"unix_path", "unix", "unix:{folder}/s"},
      {"unix_abstract", "unix", "unix:@tenon-test-{pid}-{folder}"},
      {"unix_seqpacket", "unix", "unix:{folder}/s?type=seqpacket"},
      {"unix_dgram", "unix", "unix:{folder}/s?type=dgram"},
      {"file", "file", "file:{folder}/d"},
      {"tcp", "tcp", "tcp:127.0.0.1:{port}"},
      {"tcp_ipv6", "tcp", "tcp:[::1]:{port}"},
      {"udp", "udp", "udp:127.0.0.1:{port}"},
      {"udp_ipv6", "udp", "udp:[::1]:{port}"},
      {.name = "posix_mq",
       .scheme = "posix-mq",
       .address = "posix-mq:/{unique}",
       .most_strangers = 20,
       .few_calls = "capacity=80K&wait=block"},
      {"shm", "shm", "shm:{folder}/s"},
      {"shm_small", "shm", "shm:{folder}/s?capacity=8K&arena=0"},
      {"shm_pair", "shm", ""},
      {"mmap", "mmap", "mmap:{folder}/m"},
      {"mmap_small", "mmap", "mmap:{folder}/m?capacity=8K"},
      {.name = "sysv_mq",
       .scheme = "sysv-mq",
       .address = "sysv-mq:{folder}/q?project=42",
       .few_calls = "wait=block"},
  };
  static const std::vector<Row> here = possible_here(all);
  return here;
}

const Transport& transport_of_row(const Row& row) {
  return *value_of(transport_of(value_of(Address::parse(row.scheme + ":"))));
}

Traits traits_of(const Row& row) {
  if (row.scheme == "shm" && row.address.empty())
    return value_of(transport_of_row(row).traits(value_of(Address::parse("shm:"))));
  if (row.address.empty()) {  // what fd: adopts decides
    Traits traits = transport_of_row(row).general_traits;
    if (row.name == "socket_pair") traits.set.add(Trait::carries_descriptors);
    return traits;
  }
  const TemporaryFolder folder;
  return value_of(transport_of_row(row).traits(value_of(Address::parse(address_of(row, folder)))));
}

std::string address_of(const Row& row, const TemporaryFolder& folder, const std::string& options) {
  std::string address = row.address;
  replace(address, "{folder}", folder.path());
  replace(address, "{unique}", folder.path().substr(folder.path().rfind('/') + 1));
  replace(address, "{pid}", std::to_string(::getpid()));
  if (address.find("{port}") != std::string::npos) replace(address, "{port}", std::to_string(free_port()));
  return with_options(address, options);
}

std::unique_ptr<Meeting> Meeting::arrange(const Row& row, const std::string& options) {
  if (row.scheme == "shm" && row.address.empty()) return std::make_unique<ByShmPair>(options);
  if (row.scheme == "fd") return std::make_unique<ByInheritance>(row.name == "socket_pair", options);
  return std::make_unique<ByName>(row, options);
}

void Meeting::clean_up() {
  const std::lock_guard lock(kept_mutex);
  kept_folders.clear();
}

std::pair<Channel, Channel> Meeting::both() {
  std::optional<Result<Channel>> other;
  std::jthread connecting([&] { other.emplace(second()); });
  auto mine = first();
  connecting.join();
  return {value_of(std::move(mine)), value_of(std::move(*other))};
}

std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed) {
  std::vector<std::byte> bytes(size);
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

bool is_pattern(ByteView bytes, std::uint64_t seed) {
  return std::ranges::equal(bytes, pattern(bytes.size(), seed));
}

}  // namespace tenon::test
