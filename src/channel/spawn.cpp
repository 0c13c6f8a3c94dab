// Children with a channel to them, over any transport that a child can inherit.
#include <tenon/process.hpp>

#include <csignal>
#include <cstdlib>

#include "base/try.hpp"
#include "channel/contract.hpp"
#include "channel/stream.hpp"

namespace tenon {
namespace {

constexpr const char* environment_name = "TENON_CHANNEL";
constexpr int first_descriptor = 3;

/// Where the child finds its ends: at 3 and up, named in its environment; or as its standard input and
/// output.
void give(std::span<const os::Fd> ends, const Address& address, Framing framing, os::SpawnOptions& options) {
  const os::Fd& in = ends.front();
  const os::Fd& out = ends.back();
  if (framing != Framing::message) {
    options.descriptors.push_back({in.get(), 0});
    options.descriptors.push_back({out.get(), 1});
    return;
  }
  std::string place = std::to_string(first_descriptor);
  options.descriptors.push_back({in.get(), first_descriptor});
  if (ends.size() > 1) {
    options.descriptors.push_back({out.get(), first_descriptor + 1});
    place += "," + std::to_string(first_descriptor + 1);
  }
  Address inherited = Address::parse("fd:" + place).value();
  for (const auto name : {"wait", "max-message-size"}) {
    if (const auto value = address.option(name)) inherited = inherited.with(name, std::string(*value));
  }
  options.environment.push_back(std::string(environment_name) + "=" + inherited.to_string());
}

/// Behind the ends of the channel.
Result<void> give_events(std::span<const GivenEvent> events, os::SpawnOptions& options) {
  std::string list;
  int number = first_descriptor + 2;
  for (const GivenEvent& event : events) {
    if (event.name.empty() || event.name.find_first_of(",=") != std::string::npos) {
      return std::unexpected(Error(Errc::invalid_argument, "spawn", "event '" + event.name + "'",
                                   "a name is not empty, and has no ',' and no '='"));
    }
    options.descriptors.push_back({event.fd, number});
    list.append(list.empty() ? "" : ",").append(event.name + "=" + std::to_string(number++));
  }
  if (!events.empty()) options.environment.push_back("TENON_EVENTS=" + list);
  return {};
}

/// What is said when the child did not answer, after it has been ended.
Error no_answer(const Error& error, os::Process& process, const std::string& program) {
  const auto ended = process.wait(Deadline::in(std::chrono::milliseconds(100)));
  std::string advice = ended ? "the child " + ended->describe() + " before it called inherited()"
                             : "the child did not call inherited() in time";
  advice += "; for a program that knows nothing of tenon use framing=lines or framing=raw";
  static_cast<void>(process.kill(SIGKILL));
  static_cast<void>(process.wait());
  return {error.code() == Errc::no_one_there ? Errc::peer_died : error.code(), "spawn", program,
          std::move(advice)};
}

}  // namespace

Result<Child> spawn(const ChildOptions& options) {
  const Address address = TRY(Address::parse(options.address));
  const Transport* transport = TRY(transport_of(address));
  if (transport->child_ends == nullptr) {
    return std::unexpected(
        Error(Errc::unsupported, "spawn", options.address, "a child can inherit pipe: and unix: channels"));
  }
  TRY(check_options("spawn", *transport, address));
  const Framing framing = TRY(ChannelOptions::from(address)).framing;
  const Traits traits = TRY(transport->traits(address));
  ChildEnds ends = TRY(transport->child_ends(address));

  os::SpawnOptions process_options{.arguments = options.arguments, .environment = options.environment};
  process_options.die_with_parent = options.die_with_parent;
  give(ends.theirs, address, framing, process_options);
  TRY(give_events(options.events, process_options));
  os::Process process = TRY(os::Process::spawn(process_options));
  ends.theirs.clear();

  if (ends.ours.peer) ends.ours.peer->pid = process.pid();
  auto endpoint = open_stream(address, std::move(ends.ours), traits, options.deadline);
  if (!endpoint) return std::unexpected(no_answer(endpoint.error(), process, options.arguments.front()));
  return Child{std::move(process), Channel(std::move(*endpoint))};
}

Result<Channel> inherited(Deadline deadline) {
  const char* text = std::getenv(environment_name);
  if (text == nullptr) {
    return std::unexpected(Error(Errc::not_found, "inherit", environment_name,
                                 "this process was not started with a channel: use spawn() or tenon spawn"));
  }
  const std::string address = text;
  ::unsetenv(environment_name);
  return connect(address, {.deadline = deadline});
}

}  // namespace tenon
