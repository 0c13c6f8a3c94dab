// `tenon pong`: sends each message back, from the memory in which it came, until the peer closes.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/connection.hpp"
#include "common/exit_status.hpp"
#include "common/output.hpp"
#include "os/signals.hpp"

namespace tool {
namespace {

using tenon::Errc;
using tenon::Result;

constexpr std::size_t batch_size = 64;

class PongCommand final : public Command {
 public:
  void declare(CLI::App& app) override { connection_.declare(app); }
  Result<int> run() override;

 private:
  Result<void> echo(tenon::Channel& channel);

  Connection connection_;
  std::uint64_t answered_ = 0;
};

Result<void> PongCommand::echo(tenon::Channel& channel) {
  std::vector<tenon::Message> messages(batch_size);
  std::vector<tenon::ByteView> answers;
  for (;;) {
    const std::size_t got = TRY(channel.borrow_many(messages, connection_.deadline()));
    answers.clear();
    for (std::size_t index = 0; index < got; ++index) answers.push_back(messages[index].bytes());
    for (std::span<const tenon::ByteView> left = answers; !left.empty();) {
      const std::size_t went = TRY(channel.send_many(left, connection_.deadline()));
      answered_ += went;
      left = left.subspan(went);
    }
    for (std::size_t index = 0; index < got; ++index) messages[index] = {};
  }
}

Result<int> PongCommand::run() {
  auto channel = TRY(connection_.open());
  const auto result = echo(channel);
  const bool closed = result.error().code() == Errc::closed;
  const auto said = channel.close(connection_.closing_deadline());
  if (connection_.verbose) say(fmt::format("{} messages answered", answered_));
  if (!closed) return std::unexpected(result.error());
  if (!said && said.error().code() != Errc::closed) return std::unexpected(said.error());
  return exit_done;
}

}  // namespace

std::unique_ptr<Command> make_pong() {
  return std::make_unique<PongCommand>();
}

}  // namespace tool
