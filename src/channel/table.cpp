// The one list of transports, and the only file that knows them all. To add a transport: a folder, a row
// here, a page in docs/transports; the conformance suite, the command and the benchmark pick it up.
#include <algorithm>
#include <array>

#include "base/try.hpp"
#include "channel/contract.hpp"
#include "channel/fd/fd.hpp"
#include "channel/fifo/fifo.hpp"
#include "channel/file/file.hpp"
#include "channel/mmap/mmap.hpp"
#include "channel/pipe/pipe.hpp"
#include "channel/posix_mq/posix_mq.hpp"
#include "channel/shm/shm.hpp"
#include "channel/sysv_mq/sysv_mq.hpp"
#include "channel/tcp/tcp.hpp"
#include "channel/udp/udp.hpp"
#include "channel/unix/unix.hpp"

namespace tenon {
namespace {

const auto& table() {
  static const std::array rows{
      &pipe_transport,    &fifo_transport, &unix_transport, &shm_transport,
      &mmap_transport,    &tcp_transport,  &udp_transport,  &posix_mq_transport,
      &sysv_mq_transport, &file_transport, &fd_transport,
  };
  return rows;
}

}  // namespace

Result<const Transport*> transport_of(const Address& address) {
  std::string known;
  for (const Transport* row : table()) {
    if (row->scheme == address.scheme()) return row;
    known.append(known.empty() ? "" : ", ").append(row->scheme).append(":");
  }
  return std::unexpected(Error(Errc::invalid_argument, "look up", address.to_string(),
                               "there is no transport '" + address.scheme() + ":'; there are " + known));
}

Result<void> check_options(std::string_view operation, const Transport& transport, const Address& address) {
  for (const auto& [name, value] : address.options()) {
    if (std::ranges::find(transport.options, name) != transport.options.end()) continue;
    std::string known;
    for (const auto option : transport.options) known.append(known.empty() ? "" : ", ").append(option);
    return std::unexpected(
        Error(Errc::invalid_argument, operation, address.to_string(),
              "there is no option '" + name + "' for " + address.scheme() + ":; there are " + known));
  }
  return {};
}

std::vector<TransportInfo> transports() {
  std::vector<TransportInfo> infos;
  for (const Transport* row : table()) {
    TransportInfo info{row->scheme, row->mechanism, row->place, row->options, {}, {}};
    if (row->limits != nullptr) info.limits = row->limits();
    info.traits = row->general_traits;
    infos.push_back(std::move(info));
  }
  return infos;
}

}  // namespace tenon
