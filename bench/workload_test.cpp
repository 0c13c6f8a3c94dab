#include "bench/workload.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "bench/os/wait.hpp"
#include "bench/pattern.hpp"
#include "support/expect.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;
using tenon::test::value_of;

/// Takes messages, the first ones slowly: as a mechanism that makes its memory while it is being used.
class SlowAtFirst final : public Link {
 public:
  SlowAtFirst(Exchange& exchange, std::uint64_t slow, std::uint64_t settling)
      : exchange_(exchange), slow_(slow), settling_(settling) {}

  tenon::Result<void> send(tenon::ByteView message) override {
    const auto head = check(message);
    if (sent_++ < slow_) wait_until(now_ns() + 200'000);
    if (head->measured && first_measured_ == 0) first_measured_ = head->number;
    if (head->last) exchange_.finish();
    return {};
  }
  tenon::Result<tenon::ByteView> receive() override { return tenon::ByteView(); }
  Calls calls() const override { return {}; }
  std::uint64_t settling() const override { return settling_; }
  std::uint64_t first_measured() const noexcept { return first_measured_; }

 private:
  Exchange& exchange_;
  std::uint64_t slow_;
  std::uint64_t settling_;
  std::uint64_t sent_ = 0;
  std::uint64_t first_measured_ = 0;
};

TEST(Workload, a_slow_beginning_does_not_make_the_measurement_short) {
  for (const auto workload : {Workload::one_way, Workload::batched}) {
    auto exchange = value_of(Exchange::create());
    SlowAtFirst link(exchange, 20, 0);
    value_of(work({workload, 64, 1ms, 5ms, {}}, 0, link, exchange));
    const SideReport& report = exchange.side(0);
    EXPECT_GE(report.ended_ns - report.began_ns, 5'000'000);
  }
}

TEST(Workload, what_a_link_needs_to_settle_is_not_measured) {
  auto exchange = value_of(Exchange::create());
  SlowAtFirst link(exchange, 30, 40);
  value_of(work({Workload::one_way, 64, 1us, 100us, {}}, 0, link, exchange));
  EXPECT_GE(link.first_measured(), 40U);
}

}  // namespace
}  // namespace bench
