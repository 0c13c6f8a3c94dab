// A link over calls that either fail at once when they would block, or block: with the patience of the floors.
#pragma once

#include <cerrno>
#include <vector>

#include "bench/floors/patience.hpp"
#include "bench/link.hpp"

namespace bench {

class PatientLink : public Link {
 public:
  PatientLink(const Setting& setting, const char* name)
      : buffer_(setting.size), name_(name), patience_(setting, false) {}

  tenon::Result<void> send(tenon::ByteView message) final {
    if (persist([&](bool block) { return try_send(message, block); }) >= 0) return {};
    return std::unexpected(tenon::Error::from_errno("send", name_, errno));
  }

  tenon::Result<tenon::ByteView> receive() final {
    const std::int64_t got = persist([&](bool block) { return try_receive(buffer_, block); });
    if (got < 0) return std::unexpected(tenon::Error::from_errno("receive", name_, errno));
    return tenon::ByteView(buffer_).first(static_cast<std::size_t>(got));
  }

  /// Not known: join_at() says so.
  Calls calls() const final { return {}; }

 protected:
  /// -1 with errno; EAGAIN when it would block and `block` is false.
  virtual std::int64_t try_send(tenon::ByteView message, bool block) = 0;
  /// The message's size, or as above.
  virtual std::int64_t try_receive(tenon::ByteSpan into, bool block) = 0;

 private:
  template <typename Call>
  std::int64_t persist(Call call) {
    for (bool block = patience_.never_spins(), first = true;; first = false) {
      if (first) patience_.begin();
      const std::int64_t result = call(block);
      if (result >= 0 || (errno != EAGAIN && errno != EINTR)) return result;
      if (!block) block = patience_.next() == Patience::Next::sleep;
    }
  }

  std::vector<std::byte> buffer_;
  const char* name_;
  Patience patience_;
};

}  // namespace bench
