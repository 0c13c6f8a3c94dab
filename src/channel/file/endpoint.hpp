// One end of a channel over files: the two logs, and how to wait for them.
#pragma once

#include <memory>

#include "channel/contract.hpp"
#include "channel/file/log_reader.hpp"
#include "channel/file/log_writer.hpp"
#include "channel/file/place.hpp"

namespace tenon::filelog {

/// For a session to which both sides have agreed. `theirs` is the peer's line.
std::unique_ptr<Endpoint> make_endpoint(const Address& address, std::shared_ptr<Place> place,
                                        const Presence& theirs, LogWriter writer, LogReader reader,
                                        Traits traits, const FileOptions& options);

}  // namespace tenon::filelog
