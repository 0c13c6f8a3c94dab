// A channel to a child that does not run yet: what a transport that a child can inherit gives spawn().
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <tenon/os/fd.hpp>

#include "channel/contract.hpp"

namespace tenon {

struct ChildEnds {
  /// Our end, once the child runs: `child` is its pid, as far as it is known. Errors: no_one_there (the child has
  /// left), timed_out, protocol_violation, resource_limit.
  using Open = std::move_only_function<Result<std::unique_ptr<Endpoint>>(int child, Deadline)>;

  Open ours;
  /// One socket, or where to read and where to write; blocking, as any program expects.
  std::vector<os::Fd> theirs;
  /// The address by which the child connects, up to the numbers that its descriptors will have,
  std::string_view address = "fd:";
  /// and those of our options that it is given.
  std::vector<std::string_view> passed_on{"wait", "max-message-size"};
};

}  // namespace tenon
