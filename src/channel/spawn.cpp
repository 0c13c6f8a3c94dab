// Children with a channel to them, over any transport that a child can inherit.
#include <tenon/process.hpp>

#include <csignal>
#include <cstdlib>

#include "base/try.hpp"
#include "channel/child_ends.hpp"
#include "channel/options.hpp"

namespace tenon {
namespace {

constexpr const char* environment_name = "TENON_CHANNEL";
constexpr int first_descriptor = 3;

/// Where the child finds its ends: at 3 and up, named in its environment; or as its standard input and
/// output.
void give(const ChildEnds& ends, const Address& address, Framing framing, os::SpawnOptions& options) {
  const os::Fd& in = ends.theirs.front();
  const os::Fd& out = ends.theirs.back();
  if (framing != Framing::message) {
    options.descriptors.push_back({in.get(), 0});
    options.descriptors.push_back({out.get(), 1});
    return;
  }
  std::string child_address = std::string(ends.address) + std::to_string(first_descriptor);
  options.descriptors.push_back({in.get(), first_descriptor});
  if (ends.theirs.size() > 1) {
    options.descriptors.push_back({out.get(), first_descriptor + 1});
    child_address += "," + std::to_string(first_descriptor + 1);
  }
  Address inherited = Address::parse(child_address).value();
  for (const std::string_view name : ends.passed_on) {
    if (const auto value = address.option(name))
      inherited = inherited.with(std::string(name), std::string(*value));
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
  std::string advice(error.advice());
  if (error.code() == Errc::no_one_there || error.code() == Errc::timed_out) {
    const auto ended = process.wait(Deadline::in(std::chrono::milliseconds(100)));
    advice = ended ? "the child " + ended->describe() + " before it called inherited()"
                   : "the child did not call inherited() in time";
    advice += "; a program that knows nothing of tenon takes pipe:?framing=lines or pipe:?framing=raw";
  }
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
    return std::unexpected(Error(Errc::unsupported, "spawn", options.address,
                                 "a child can inherit pipe:, unix: and shm: channels"));
  }
  static_cast<void>(TRY(checked_transport("spawn", address, {})));
  const Framing framing = TRY(ChannelOptions::from(address)).framing;
  ChildEnds ends = TRY(transport->child_ends(address));

  os::SpawnOptions process_options{.arguments = options.arguments, .environment = options.environment};
  process_options.die_with_parent = options.die_with_parent;
  give(ends, address, framing, process_options);
  TRY(give_events(options.events, process_options));
  os::Process process = TRY(os::Process::spawn(process_options));
  ends.theirs.clear();

  auto endpoint = ends.ours(process.pid(), options.deadline);
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
