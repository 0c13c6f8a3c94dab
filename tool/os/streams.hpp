// The descriptors that the shell gave to us, and files: waits that end when the command is to stop.
//
// Standard input and output are shared with other processes, so they are left blocking, as they are
// (fcntl(2): O_NONBLOCK belongs to the open file description).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

namespace tool {

inline constexpr int standard_input = 0;
inline constexpr int standard_output = 1;
inline constexpr int standard_error = 2;

/// Occupies those of the three standard descriptors that are closed, so that no channel gets their number and
/// no message is printed into it. Using one is still an error.
void keep_standard_descriptors() noexcept;

bool is_terminal(int fd) noexcept;
/// Columns, at least 2; 80 where nobody knows.
std::size_t terminal_width(int fd) noexcept;

/// Reads what is there, at least one byte, waiting for it; 0 is the end. `fd` may be blocking.
/// Errors: cancelled, system_error.
tenon::Result<std::size_t> read_input(int fd, tenon::ByteSpan into, const tenon::Canceller& canceller);

/// Whether reading would not wait: there is something, or the end.
bool input_ready(int fd) noexcept;

/// Writes all. Errors: closed (nobody reads any more: EPIPE), cancelled, resource_limit (disk full),
/// system_error.
tenon::Result<void> write_output(int fd, tenon::ByteView bytes, const tenon::Canceller& canceller);

/// Opens for reading; a FIFO waits for its writer in read_input(). Errors: not_found, permission_denied.
tenon::Result<tenon::os::Fd> open_input(const std::string& path);
/// Creates, or empties, a file to write. Errors: permission_denied, resource_limit.
tenon::Result<tenon::os::Fd> open_output(const std::string& path);

/// How many bytes are left to read; empty unless it is a regular file.
std::optional<std::uint64_t> size_left(int fd) noexcept;

}  // namespace tool
