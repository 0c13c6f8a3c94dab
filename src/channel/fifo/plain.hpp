// fifo: with framing=raw or framing=lines: one named pipe, as any program makes and opens it.
#pragma once

#include "channel/stream.hpp"
#include "os/fifo_place.hpp"

namespace tenon {

/// The pipe at the address's place, not opened yet. Errors: those of os::find_fifo.
Result<StreamConnection> dial_plain(const Address& address, const os::TrustedOwner& trusted);

/// Makes the pipe, or takes over one of ours, and removes it when listener and channels are gone. Hands out one
/// channel, and the next when that is closed.
Result<StreamListener> bind_plain(const Address& address, const os::FifoPlace::Options& options);

}  // namespace tenon
