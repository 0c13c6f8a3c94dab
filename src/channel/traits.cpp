// The names of the traits. The list of transports itself is table.cpp.
#include <tenon/traits.hpp>

namespace tenon {

const std::vector<Trait>& all_traits() noexcept {
  static const std::vector<Trait> all{
      Trait::message_boundaries, Trait::lossless,
      Trait::zero_copy,          Trait::reports_peer_death,
      Trait::peer_credentials,   Trait::carries_descriptors,
      Trait::pollable,           Trait::unrelated_processes,
      Trait::many_peers,         Trait::survives_restart,
      Trait::crosses_hosts,      Trait::hostile_peer_safe,
      Trait::raw_bytes,
  };
  return all;
}

std::string_view to_string(Trait trait) noexcept {
  switch (trait) {
    case Trait::message_boundaries:
      return "message_boundaries";
    case Trait::lossless:
      return "lossless";
    case Trait::zero_copy:
      return "zero_copy";
    case Trait::reports_peer_death:
      return "reports_peer_death";
    case Trait::peer_credentials:
      return "peer_credentials";
    case Trait::carries_descriptors:
      return "carries_descriptors";
    case Trait::pollable:
      return "pollable";
    case Trait::unrelated_processes:
      return "unrelated_processes";
    case Trait::many_peers:
      return "many_peers";
    case Trait::survives_restart:
      return "survives_restart";
    case Trait::crosses_hosts:
      return "crosses_hosts";
    case Trait::hostile_peer_safe:
      return "hostile_peer_safe";
    case Trait::raw_bytes:
      return "raw_bytes";
  }
  return "unknown";
}

std::optional<Trait> trait_named(std::string_view name) noexcept {
  for (const Trait trait : all_traits()) {
    if (to_string(trait) == name) return trait;
  }
  return std::nullopt;
}

}  // namespace tenon
