// Memory lent for a message that is then sent by copying: one segment, used again and again. What endpoints
// without shared memory do about Channel::loan(). Belongs to the sending thread.
#pragma once

#include <string>

#include <tenon/message.hpp>

#include "channel/segment.hpp"

namespace tenon {

class StagedLoan {
 public:
  /// Errors, without a subject: invalid_argument (one is lent already), resource_limit.
  Result<Loan> lend(std::size_t size, detail::LoanOwner* owner) {
    if (lent_) {
      return std::unexpected(
          Error(Errc::invalid_argument, "loan", {}, "commit or drop the loan before taking another"));
    }
    if (!staging_ || staging_->capacity() < size) {
      staging_.reset();
      staging_ = SegmentPtr::allocate(size);
    }
    if (!staging_) {
      return std::unexpected(
          Error(Errc::resource_limit, "loan", {}, "no memory for " + std::to_string(size) + " bytes"));
    }
    lent_ = true;
    return Loan({staging_->data(), size}, owner);
  }

  /// Ends the loan; the message to send. Errors: invalid_argument (more than was lent).
  Result<ByteView> end(ByteSpan memory, std::size_t size) {
    lent_ = false;
    if (size <= memory.size()) return memory.first(size);
    return std::unexpected(
        Error(Errc::invalid_argument, "commit", {},
              std::to_string(size) + " bytes of a loan of " + std::to_string(memory.size())));
  }
  void drop() noexcept { lent_ = false; }
  bool lent() const noexcept { return lent_; }

  /// Nothing else is sent while a loan is open. Errors: invalid_argument.
  Result<void> check_none() const {
    if (!lent_) return {};
    return std::unexpected(
        Error(Errc::invalid_argument, "send", {}, "commit or drop the loan before sending anything else"));
  }

 private:
  SegmentPtr staging_;
  bool lent_ = false;
};

}  // namespace tenon
