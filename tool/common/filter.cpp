#include "common/filter.hpp"

#include <fmt/format.h>
#include <tenon/os/pipe.hpp>

#include "base/try.hpp"
#include "os/signals.hpp"

namespace tool {

tenon::Result<tenon::os::ExitStatus> run_with_input(const std::string& command, tenon::ByteView message,
                                                    std::uint64_t number) {
  auto pipe = TRY(tenon::os::Pipe::create());
  TRY(tenon::os::set_nonblocking(pipe.read_end.get(), false));
  auto process =
      TRY(tenon::os::Process::spawn({.arguments = {"/bin/sh", "-c", command},
                                     .environment = {fmt::format("TENON_MESSAGE_NUMBER={}", number),
                                                     fmt::format("TENON_MESSAGE_SIZE={}", message.size())},
                                     .descriptors = {{pipe.read_end.get(), 0}}}));
  pipe.read_end.reset();
  const auto deadline = tenon::Deadline::never().unless(stop());
  const auto written = tenon::os::write_all(pipe.write_end.get(), message, deadline);
  if (!written && written.error().code() != tenon::Errc::closed) return std::unexpected(written.error());
  pipe.write_end.reset();
  return process.wait(deadline);
}

}  // namespace tool
