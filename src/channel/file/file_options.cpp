#include "channel/file/file_options.hpp"

#include <algorithm>

#include <tenon/units.hpp>

#include "base/try.hpp"
#include "wire/file_log.hpp"

namespace tenon::filelog {
namespace {

constexpr std::uint64_t least_capacity = 64U << 10;

std::unexpected<Error> bad(const Address& address, std::string advice, Errc code = Errc::invalid_argument) {
  return std::unexpected(Error(code, "parse address", address.to_string(), std::move(advice)));
}

}  // namespace

Result<FileOptions> FileOptions::from(const Address& address) {
  if (address.place().empty()) return bad(address, "name the folder: file:/path/to/it");
  FileOptions options;
  options.channel = TRY(ChannelOptions::from(address));
  options.name = TRY(NameOptions::from(address));
  if (options.channel.framing != Framing::message) {
    return bad(address,
               "the files hold records, which framing=lines and framing=raw would leave out: use fifo: or "
               "unix: for those",
               Errc::unsupported);
  }
  options.channel.max_message_size = std::min(options.channel.max_message_size, wire::max_record_length);
  if (const auto capacity = address.option("capacity")) {
    const auto size = parse_size(*capacity);
    if (!size) return bad(address, "capacity: " + std::string(size.error().advice()));
    if (*size < least_capacity) return bad(address, "capacity: at least 64K");
    options.capacity = *size;
  }
  if (const auto sync = address.option("sync")) {
    if (*sync != "none" && *sync != "message")
      return bad(address, "sync=" + std::string(*sync) + ": it is none or message");
    options.sync = *sync == "message";
  }
  if (const auto owner = address.option("owner")) options.owner = std::string(*owner);
  return options;
}

}  // namespace tenon::filelog
