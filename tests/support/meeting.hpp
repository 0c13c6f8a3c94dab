// How the two ends of a channel find each other in a test, for every row of the table of transports: so that
// each promise is written once and tested over all of them.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <tenon/channel.hpp>

#include "channel/contract.hpp"
#include "os/byte_stream.hpp"
#include "support/temporary_folder.hpp"

namespace tenon::test {

/// A way to meet: a transport in one of its forms.
struct Row {
  std::string name;    ///< a C++ identifier, for the test's name
  std::string scheme;  ///< the row of the table that it covers
  /// {folder}, {unique} (the last part of it), {pid} and {port} are filled in; options may be appended with '&'.
  std::string address;
  unsigned widened = 0666;  ///< the mode of its name with mode=0666
  /// That a test may bring to the door at once: less where a limit of the machine is near.
  int most_strangers = 30;
  std::string few_calls{};  ///< options with which a long message takes few system calls
};

/// For the test runner's lists.
inline void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

/// Whether its tests take turns with those of other processes (queue_limit.hpp).
inline bool takes_turns(const Row& row) {
  return row.scheme == "posix-mq";
}

/// The row of the table of transports, and what a channel at the row's address keeps.
const Transport& transport_of_row(const Row& row);
Traits traits_of(const Row& row);

/// Every way that the suite is run over.
const std::vector<Row>& rows();

/// Two ends that are about to meet. Make it before fork(); then one process calls first(), the other
/// second().
class Meeting {
 public:
  /// `options` are appended to the row's address: "wait=spin&capacity=64K".
  static std::unique_ptr<Meeting> arrange(const Row& row, const std::string& options = {});
  virtual ~Meeting() = default;

  virtual Result<Channel> first(Deadline deadline = Deadline::in(std::chrono::seconds(20))) = 0;
  virtual Result<Channel> second(Deadline deadline = Deadline::in(std::chrono::seconds(20))) = 0;
  /// The second end without a handshake, for peers that break the rules. Over byte streams only.
  virtual std::unique_ptr<os::ByteStream> second_raw() = 0;
  /// After a fork: lets go of the end that the other process uses.
  virtual void keep_first() = 0;
  virtual void keep_second() = 0;

  /// Both ends in this process.
  std::pair<Channel, Channel> both();
  /// After a test: removes the folders that its channels lived in.
  static void clean_up();
};

/// The address of a row inside a folder.
std::string address_of(const Row& row, const TemporaryFolder& folder, const std::string& options = {});

/// A message that can be recognised: `size` bytes that depend on `seed` and their position.
std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed);
bool is_pattern(ByteView bytes, std::uint64_t seed);

}  // namespace tenon::test
