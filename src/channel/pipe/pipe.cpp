#include "channel/pipe/pipe.hpp"

#include <tenon/os/pipe.hpp>
#include <tenon/units.hpp>

#include "base/try.hpp"
#include "channel/stream.hpp"
#include "os/limits.hpp"

namespace tenon {
namespace {

constexpr Traits framed_traits{{Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death,
                                Trait::pollable, Trait::hostile_peer_safe, Trait::raw_bytes},
                               default_max_message_size};

Result<Traits> traits(const Address& address) {
  return traits_for_framing(framed_traits, TRY(ChannelOptions::from(address)).framing);
}

std::unexpected<Error> only_by_inheritance(std::string_view operation, const Address& address) {
  return std::unexpected(
      Error(Errc::unsupported, operation, address.to_string(),
            "anonymous pipes have no name to meet at: start the other process with spawn() (tenon "
            "spawn), or adopt descriptors that you have with fd:IN,OUT"));
}

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline) {
  return only_by_inheritance("connect", address);
}

Result<std::unique_ptr<Acceptor>> listen(const Address& address) {
  return only_by_inheritance("listen", address);
}

Result<ChildEnds> child_ends(const Address& address) {
  if (!address.place().empty()) {
    return std::unexpected(
        Error(Errc::invalid_argument, "spawn", address.to_string(), "pipe: has no place: write pipe:"));
  }
  auto to_child = TRY(os::Pipe::create());
  auto from_child = TRY(os::Pipe::create());
  if (const auto capacity = address.option("capacity")) {
    const auto size = parse_size(*capacity);
    if (!size) return std::unexpected(size.error().with("parse address", address.to_string()));
    static_cast<void>(TRY(to_child.resize(*size)));
    static_cast<void>(TRY(from_child.resize(*size)));
  } else {
    os::enlarge_pipe(to_child.write_end.get());
    os::enlarge_pipe(from_child.read_end.get());
  }
  // O_NONBLOCK belongs to each end's open file description, so this leaves ours as they are.
  TRY(os::set_nonblocking(to_child.read_end.get(), false));
  TRY(os::set_nonblocking(from_child.write_end.get(), false));
  ChildEnds ends;
  StreamConnection ours;
  ours.stream =
      std::make_unique<os::PipeStream>(std::move(from_child.read_end), std::move(to_child.write_end));
  ends.ours = open_stream_to_child(address, std::move(ours), framed_traits);
  ends.theirs.push_back(std::move(to_child.read_end));
  ends.theirs.push_back(std::move(from_child.write_end));
  return ends;
}

std::vector<std::string> limits() {
  return {
      os::limit_line("fs.pipe-max-size", "bytes; the largest capacity= of an ordinary user"),
      os::limit_line("fs.pipe-user-pages-soft",
                     "pages in all pipes of a user; beyond it new pipes hold 8 KiB or less"),
  };
}

}  // namespace

const Transport pipe_transport{
    .scheme = "pipe",
    .mechanism = "two anonymous pipes to a child",
    .place = "none: the child inherits it",
    .options = {"capacity", "framing", "wait", "max-message-size", "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .connect = connect,
    .listen = listen,
    .child_ends = child_ends,
    .limits = limits,
};

}  // namespace tenon
