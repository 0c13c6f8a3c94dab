#include "channel/options.hpp"

#include <charconv>

#include <tenon/units.hpp>

#include "base/try.hpp"
#include "os/users.hpp"

namespace tenon {
namespace {

std::unexpected<Error> bad_value(const Address& address, std::string_view name, std::string_view advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(),
            std::string(name) + "=" + std::string(*address.option(name)) + ": " + std::string(advice)));
}

}  // namespace

Result<ChannelOptions> ChannelOptions::from(const Address& address) {
  ChannelOptions options;
  if (const auto framing = address.option("framing")) {
    if (*framing == "lines")
      options.framing = Framing::lines;
    else if (*framing == "raw")
      options.framing = Framing::raw;
    else if (*framing != "message")
      return bad_value(address, "framing", "it is message, lines or raw");
  }
  if (const auto wait = address.option("wait")) {
    if (*wait == "block")
      options.wait = os::WaitMode::block;
    else if (*wait == "spin")
      options.wait = os::WaitMode::spin;
    else if (*wait != "hybrid")
      return bad_value(address, "wait", "it is hybrid, block or spin");
  }
  if (const auto size = address.option("max-message-size")) {
    const auto parsed = parse_size(*size);
    if (!parsed) return bad_value(address, "max-message-size", parsed.error().advice());
    if (*parsed < least_max_message_size) {
      return bad_value(address, "max-message-size", "every channel carries at least 64M");
    }
    options.max_message_size = *parsed;
  }
  if (const auto names = address.option("require")) {
    std::string_view rest = *names;
    while (!rest.empty()) {
      const std::string_view name = rest.substr(0, rest.find(','));
      const auto trait = trait_named(name);
      if (!trait)
        return bad_value(address, "require",
                         "there is no trait '" + std::string(name) + "' (tenon schemes lists them)");
      options.require.add(*trait);
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
  }
  return options;
}

Result<NameOptions> NameOptions::from(const Address& address) {
  NameOptions options;
  if (const auto mode = address.option("mode")) {
    const auto [end, problem] = std::from_chars(mode->data(), mode->data() + mode->size(), options.mode, 8);
    if (problem != std::errc{} || end != mode->data() + mode->size() || options.mode > 0777) {
      return bad_value(address, "mode", "write permissions in octal, such as 0600 or 0660");
    }
  }
  if (const auto group = address.option("group")) {
    const auto id = os::group_id(std::string(*group));
    if (!id) return bad_value(address, "group", id.error().advice());
    options.group = *id;
  }
  return options;
}

}  // namespace tenon
