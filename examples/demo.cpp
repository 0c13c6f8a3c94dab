// Every transport at work: for each, a server process and a client process exchange round trips and real
// files.
//
//   demo [--quick] [FOLDER]      FOLDER: whose files are sent (those that git knows, if it is a repository)
//
// Prints a table; exits 0 only when every byte came back and every digest was equal. The client and the
// server are this program again, with a role as its first argument; what they do is in demo_roles.hpp.
#include <sys/utsname.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <tenon/os/process.hpp>
#include <tenon/process.hpp>
#include <tenon/units.hpp>

#include "demo_roles.hpp"

namespace {

using namespace demo;
namespace fs = std::filesystem;

/// What one run is about; handed to the other processes as their arguments.
struct Task {
  int rounds;
  std::size_t large_size;
  std::string root;    ///< the folder whose files are sent
  std::string folder;  ///< ours: the list of files, the large file, the names of listeners
  std::string list() const { return folder + "/list"; }
  std::string large_file() const { return folder + "/large"; }
};

std::vector<std::string> command(const std::string& role, const std::string& address, const Task& task) {
  return {fs::read_symlink("/proc/self/exe"), role,      address,
          std::to_string(task.rounds),        task.root, task.folder};
}

// ---- the roles ----

/// "unix: type=seqpacket": an address without its place.
std::string title_of(const std::string& address) {
  const auto parsed = tenon::Address::parse(address).value();
  std::string title = parsed.scheme() + ":";
  for (const auto& [name, value] : parsed.options()) title.append(" ").append(name).append("=").append(value);
  return title;
}

void client_role(Channel channel, const std::string& address, const Task& task) {
  const std::string name = title_of(address);
  Row row;
  row.equal = measure_round_trips(channel, task.rounds, row);
  const bool keeps_all = channel.traits().has(tenon::Trait::lossless);
  if (keeps_all) {
    const bool files = send_files(channel, task.root, task.list(), row);
    row.equal = send_large_file(channel, task.large_file(), row) && files && row.equal;
  }
  channel.close().value();
  std::printf("%-24s %10.1f %10.1f %10.1f ", name.c_str(), row.quantile_us(0.5), row.quantile_us(0.99),
              row.quantile_us(0.999));
  if (keeps_all) {
    std::printf("%10.0f %8zu   %s\n", row.megabytes_per_s, row.files, row.equal ? "equal" : "DIFFERENT");
  } else {
    std::printf("%10s %8s   %s\n", "-", "-", row.equal ? "equal; may lose: no files" : "DIFFERENT");
  }
  if (!row.equal) throw std::runtime_error(name + " what arrived is not what was sent");
}

/// Where there is a name, the parent is told that it can be used. Where there is none, the client is our
/// child.
void server_role(const std::string& address, const Task& task) {
  Channel parent = tenon::inherited().value();
  if (address == "pipe:") {
    auto client =
        tenon::spawn(
            {.arguments = command("client", address, task), .address = address, .die_with_parent = true})
            .value();
    parent.send(address).value();
    serve(client.channel);
    if (!client.process.wait(patience()).value().success()) throw std::runtime_error("the client failed");
    return;
  }
  auto listener = tenon::listen(address).value();
  parent.send(listener.address().to_string()).value();  // with the port that the system chose, say
  auto channel = listener.accept(patience()).value();
  serve(channel);
}

// ---- the program that starts them ----

tenon::Canceller* interrupted = nullptr;

Deadline until_interrupted() {
  return Deadline::in(std::chrono::minutes(2)).unless(*interrupted);
}

/// Kills the process unless it has ended: however the demo ends, nothing of it goes on.
class Reaped {
 public:
  explicit Reaped(tenon::os::Process process) : process_(std::move(process)) {}
  Reaped(const Reaped&) = delete;
  Reaped& operator=(const Reaped&) = delete;
  ~Reaped() {
    if (process_.kill(SIGKILL)) static_cast<void>(process_.wait());
  }
  bool succeeded() { return process_.wait(until_interrupted()).value().success(); }

 private:
  tenon::os::Process process_;
};

/// A folder of our own, gone with all that is in it at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(fs::temp_directory_path() / "tenon-demo-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a folder " + path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Where two strangers meet over this transport.
std::string place_for(const tenon::TransportInfo& transport, const std::string& folder) {
  if (!transport.traits.has(tenon::Trait::unrelated_processes)) return "";
  if (transport.traits.has(tenon::Trait::crosses_hosts)) return "127.0.0.1:0";
  if (transport.scheme == "posix-mq") return "/tenon-demo-" + std::to_string(::getpid());
  return folder + "/" + std::string(transport.scheme);
}

/// Every transport of this build; fd: is what pipe: gives to its child, so it is at work there.
std::vector<std::string> addresses(const std::string& folder) {
  std::vector<std::string> all;
  for (const auto& transport : tenon::transports()) {
    if (transport.scheme == "fd") continue;
    all.push_back(std::string(transport.scheme) + ":" + place_for(transport, folder));
    if (transport.scheme != "unix") continue;
    const std::string unix_socket = all.back();
    for (const auto* type : {"seqpacket", "dgram"}) all.push_back(unix_socket + "?type=" + type);
  }
  return all;
}

/// The files that git knows below `root`, or all of them, each name ended by a zero byte.
std::string names_of_files(const std::string& root) {
  std::string names;
  auto git = tenon::spawn({.arguments = {"git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z"},
                           .address = "pipe:?framing=raw",
                           .die_with_parent = true});
  if (git) {
    while (const auto part = git->channel.borrow(until_interrupted())) names += part->text();
    if (!git->process.wait(until_interrupted()).value().success()) names.clear();
  }
  if (names.empty()) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.is_regular_file()) names += fs::relative(entry, root).string() + '\0';
    }
  }
  return names;
}

void write_what_is_sent(const Task& task) {
  std::istringstream names(names_of_files(task.root));
  std::ofstream list(task.list());
  for (std::string name; std::getline(names, name, '\0');) {
    if (fs::is_regular_file(task.root + "/" + name)) list << name << '\0';
  }
  const auto file = tenon::os::MappedFile::create(task.large_file(), task.large_size).value();
  std::uint64_t state = 42;
  for (std::byte& byte : file.bytes()) {  // any content without a pattern will do
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56);
  }
}

bool run(const std::string& address, const Task& task) {
  auto started =
      tenon::spawn({.arguments = command("server", address, task), .die_with_parent = true}).value();
  Reaped server(std::move(started.process));
  const auto place = started.channel.borrow(until_interrupted());
  if (!place) return false;  // it has said why
  if (address == "pipe:") return server.succeeded();
  const auto arguments = command("client", std::string(place->text()), task);
  Reaped client(tenon::os::Process::spawn({.arguments = arguments, .die_with_parent = true}).value());
  return client.succeeded() && server.succeeded();
}

int run_all(Task task) {
  const TemporaryFolder folder;
  task.folder = folder.path();
  write_what_is_sent(task);
  ::utsname machine{};
  ::uname(&machine);
  std::printf("%u CPUs, %s %s %s; %d round trips of %zu bytes; files of %s and one of %s\n\n",
              std::thread::hardware_concurrency(), machine.sysname, machine.release, machine.machine,
              task.rounds, ball_size, task.root.c_str(), tenon::format_size(task.large_size).c_str());
  std::printf("%-24s %10s %10s %10s %10s %8s   %s\n", "transport", "p50 us", "p99 us", "p99.9 us", "MB/s",
              "files", "digests");
  int failures = 0;
  for (const auto& address : addresses(task.folder)) {
    std::fflush(stdout);
    if (run(address, task)) continue;
    if (interrupted->cancelled()) return 130;
    std::cerr << title_of(address) << " failed\n";
    ++failures;
  }
  std::printf("\n%s\n", failures == 0 ? "Everything arrived as it was sent."
                                      : "NOT everything arrived as it was sent.");
  return failures == 0 ? 0 : 1;
}

int main_role(std::span<char*> arguments) {
  Task task{.rounds = 100'000, .large_size = std::size_t{256} << 20, .root = ".", .folder = {}};
  for (const std::string_view argument : arguments.subspan(1)) {
    if (argument == "--quick") {
      task.rounds = 2'000;
      task.large_size = std::size_t{4} << 20;
    } else if (!argument.starts_with('-') && fs::is_directory(argument)) {
      task.root = argument;
    } else {
      std::cerr << "usage: " << arguments[0] << " [--quick] [FOLDER]\n";
      return 2;
    }
  }
  static tenon::Canceller canceller = tenon::Canceller::create().value();
  interrupted = &canceller;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, [](int) { interrupted->cancel(); });
  return run_all(task);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  const std::string_view role = argc == 6 ? argv[1] : "";
  if (role != "server" && role != "client") return main_role(arguments);
  const std::string address = argv[2];
  const Task task{.rounds = std::atoi(argv[3]), .large_size = 0, .root = argv[4], .folder = argv[5]};
  if (role == "server") {
    server_role(address, task);
  } else if (address == "pipe:") {
    client_role(tenon::inherited().value(), address, task);
  } else {
    client_role(tenon::connect(address).value(), address, task);
  }
  return 0;
} catch (const std::bad_expected_access<tenon::Error>& failure) {
  std::cerr << "demo: " << failure.error().message() << '\n';
  return failure.error().code() == tenon::Errc::cancelled ? 130 : 1;
} catch (const std::exception& failure) {
  std::cerr << "demo: " << failure.what() << '\n';
  return 1;
}
