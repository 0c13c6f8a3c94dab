// The floors of pipe: and fifo:.
#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>
#include <tenon/os/pipe.hpp>

#include "base/try.hpp"
#include "bench/floors/descriptor_link.hpp"
#include "bench/floors/floor.hpp"

namespace bench {
namespace {

using tenon::Error;
using tenon::Result;

/// A new FIFO, opened at both ends; its name is gone already.
Result<tenon::os::Pipe> open_fifo(const std::string& path) {
  if (::mkfifo(path.c_str(), 0600) != 0) return std::unexpected(Error::from_errno("make", path, errno));
  tenon::os::Pipe ends;
  ends.read_end = tenon::os::Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ends.write_end = tenon::os::Fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  const int reason = errno;
  ::remove(path.c_str());
  if (!ends.read_end || !ends.write_end) return std::unexpected(Error::from_errno("open", path, reason));
  return ends;
}

MeetingPtr cross(const Setting& setting, tenon::os::Pipe forth, tenon::os::Pipe back) {
  for (const auto* pipe : {&forth, &back})
    tenon::os::enlarge_pipe(pipe->write_end.get());  // as a channel does
  std::array<Ends, 2> ends{Ends{std::move(back.read_end), std::move(forth.write_end)},
                           Ends{std::move(forth.read_end), std::move(back.write_end)}};
  return std::make_unique<InheritedEnds>(setting, std::move(ends), Kind::bytes);
}

}  // namespace

Result<MeetingPtr> prepare_pipe_floor(const Setting& setting) {
  auto forth = TRY(tenon::os::Pipe::create());
  return cross(setting, std::move(forth), TRY(tenon::os::Pipe::create()));
}

Result<MeetingPtr> prepare_fifo_floor(const Setting& setting) {
  auto forth = TRY(open_fifo(fmt::format("{}/forth-{}", setting.folder, setting.unique)));
  return cross(setting, std::move(forth),
               TRY(open_fifo(fmt::format("{}/back-{}", setting.folder, setting.unique))));
}

}  // namespace bench
