// What the files of the conformance suite share. Each promise of contract.hpp has tests named after it; each
// test runs over every row of test::rows().
#pragma once

#include <thread>

#include <tenon/channel.hpp>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/meeting.hpp"

namespace tenon::test {

using namespace std::chrono_literals;

inline Deadline soon() {
  return Deadline::in(20s);
}  ///< a test that waits longer has failed

class Conformance : public testing::TestWithParam<Row> {
 protected:
  std::unique_ptr<Meeting> arrange(const std::string& options = {}) const {
    return Meeting::arrange(GetParam(), options);
  }
  bool has_name() const { return !GetParam().address.empty(); }
  bool has_file() const { return has_name() && GetParam().address.find('@') == std::string::npos; }
};

inline std::string row_name(const testing::TestParamInfo<Row>& info) {
  return info.param.name;
}

}  // namespace tenon::test

#define CONFORMANCE_SUITE(name)                    \
  class name : public tenon::test::Conformance {}; \
  INSTANTIATE_TEST_SUITE_P(, name, testing::ValuesIn(tenon::test::rows()), tenon::test::row_name)
