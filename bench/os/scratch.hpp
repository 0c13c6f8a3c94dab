// The private folder of a run, and the process that tidies up after it, however the run ended.
#pragma once

#include <string>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

#include "bench/os/exchange.hpp"

namespace bench {

/// A folder of our own (0700) below the system's for temporary files ($TMPDIR). A helper process, which ignores the
/// signals of a terminal, waits for the end of this object or of this process (kill -9 included); then it waits for
/// measured processes that still run, removes what they left at their address, System V queues, and the folder.
class Scratch {
 public:
  /// `exchange` must be the one that all measurements of the run use, and outlive this. Call it before any thread is
  /// started. Errors: permission_denied, resource_limit.
  static tenon::Result<Scratch> create(Exchange& exchange);
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  const std::string& folder() const noexcept { return folder_; }

 private:
  Scratch(std::string folder, tenon::os::Fd alive, int helper) noexcept
      : folder_(std::move(folder)), alive_(std::move(alive)), helper_(helper) {}

  std::string folder_;
  tenon::os::Fd alive_;  ///< closed with us: that is what the helper waits for
  int helper_;
};

/// Removes what killed processes left at the address that is published in `exchange`, and its queues.
void remove_leftovers(Exchange& exchange) noexcept;

}  // namespace bench
