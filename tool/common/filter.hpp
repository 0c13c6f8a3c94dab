// A shell command that is run with one message on its standard input.
#pragma once

#include <cstdint>
#include <string>

#include <tenon/bytes.hpp>
#include <tenon/error.hpp>
#include <tenon/os/process.hpp>

namespace tool {

/// Runs `sh -c command`, with TENON_MESSAGE_NUMBER and TENON_MESSAGE_SIZE in its environment, and waits for
/// its end. One that does not read its input is fine. Errors: those of os::Process::spawn; cancelled (the
/// command then runs on).
tenon::Result<tenon::os::ExitStatus> run_with_input(const std::string& command, tenon::ByteView message,
                                                    std::uint64_t number);

}  // namespace tool
