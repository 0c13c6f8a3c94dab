#include "channel/mmap/mmap_options.hpp"

#include <bit>

#include <tenon/units.hpp>

#include "base/try.hpp"
#include "os/users.hpp"
#include "shm/layout.hpp"

namespace tenon::mapped {

Result<MmapOptions> MmapOptions::from(const Address& address) {
  const auto bad = [&](std::string advice) {
    return std::unexpected(
        Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
  };
  if (address.place().empty()) return bad("name the file: mmap:/path/to/it");
  MmapOptions options{
      .channel = TRY(ChannelOptions::from(address)), .name = TRY(NameOptions::from(address)), .trusted = {}};
  if (const auto text = address.option("capacity")) {
    const auto size = parse_size(*text);
    const std::string said = "capacity=" + std::string(*text) + ": ";
    if (!size) return bad(said + std::string(size.error().advice()));
    if (*size < shm::least_capacity || *size > shm::most_capacity) return bad(said + "it is 4K to 1G");
    options.capacity = std::bit_ceil(*size);
  }
  if (const auto owner = address.option("owner")) {
    options.trusted.anyone = *owner == "any";
    if (!options.trusted.anyone) options.trusted.user = TRY(os::user_id(std::string(*owner)));
  }
  return options;
}

}  // namespace tenon::mapped
