#include "channel/file/file.hpp"

#include "base/try.hpp"
#include "channel/file/file_options.hpp"
#include "channel/file/rendezvous.hpp"
#include "os/limits.hpp"

namespace tenon {
namespace {

constexpr Traits file_traits{{Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death,
                              Trait::pollable, Trait::unrelated_processes, Trait::survives_restart},
                             default_max_message_size};

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(filelog::FileOptions::from(address)));
  return file_traits;
}

std::vector<std::string> limits() {
  return {
      os::limit_line("fs.inotify.max_user_instances",
                     "of a user; a channel that waits takes one for each direction, a listener one"),
      os::limit_line("fs.inotify.max_user_watches", "of a user; such an instance takes two"),
  };
}

}  // namespace

const Transport file_transport{
    .scheme = "file",
    .mechanism = "plain files in a folder: a log of records for each direction",
    .place = "/path of the folder",
    .options = {"capacity", "sync", "mode", "group", "owner", "framing", "wait", "max-message-size",
                "require"},
    .general_traits = file_traits,
    .traits = traits,
    .connect = [](const Address& address,
                  Deadline deadline) { return filelog::connect(address, deadline, file_traits); },
    .listen = [](const Address& address) { return filelog::listen(address, file_traits); },
    .limits = limits,
};

}  // namespace tenon
