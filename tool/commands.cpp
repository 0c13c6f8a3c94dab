// The table of subcommands, and what all of their Apps have in common.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "command.hpp"

namespace tool {
namespace {

constexpr std::array table{
    CommandEntry{"send", "send messages: arguments, files, or the lines of standard input",
                 "  tenon send unix:/tmp/t.sock hello world            two messages\n"
                 "  seq 1000000 | tenon send unix:/tmp/t.sock          a message for each line\n"
                 "  tenon send unix:/tmp/t.sock --file photo.jpg       a file as one message\n"
                 "  find . -print0 | tenon send --split nul unix:/tmp/t.sock",
                 make_send},
    CommandEntry{"recv", "receive messages and print them, or run a command for each",
                 "  tenon recv --listen unix:/tmp/t.sock               a line for each message\n"
                 "  tenon recv --listen unix:/tmp/t.sock --count 1 --format raw > photo.jpg\n"
                 "  tenon recv unix:/tmp/t.sock --for 5s --format json\n"
                 "  tenon recv unix:/tmp/t.sock --exec 'wc -c'",
                 make_recv},
    CommandEntry{"ping", "measure round trips to a tenon pong, checking every byte",
                 "  tenon ping unix:/tmp/t.sock --count 100000\n"
                 "  tenon ping unix:/tmp/t.sock --size 1M --count 100 --json",
                 make_ping},
    CommandEntry{"pong", "send every message back until the peer closes",
                 "  tenon pong --listen unix:/tmp/t.sock\n"
                 "  tenon spawn --address pipe: -- tenon pong inherited:",
                 make_pong},
    CommandEntry{"spawn", "run a program with a channel to it: our lines to it, its messages to us",
                 "  seq 3 | tenon spawn -- sort -r\n"
                 "  tenon spawn --address unix: -- tenon pong inherited:\n"
                 "  tenon spawn --format json -- dmesg",
                 make_spawn},
    CommandEntry{"relay", "join two addresses, whatever their transports, message by message",
                 "  tenon relay --listen-a unix:/tmp/a.sock unix:/tmp/b.sock\n"
                 "  tenon relay --listen-a --many --tee log.json unix:/tmp/a.sock unix:/tmp/b.sock",
                 make_relay},
    CommandEntry{"notify", "notify a process that waits, by a signal or an eventfd",
                 "  tenon notify signal:812                            812 is the pid that tenon wait said\n"
                 "  tenon notify signal:812 --value 7 --wait 5s\n"
                 "  tenon notify signal:812 --signal USR1              a program that handles SIGUSR1\n"
                 "  tenon notify inherited:go                          see tenon spawn --event",
                 make_notify},
    CommandEntry{
        "wait", "wait for notifications, and print how many became one",
        "  tenon wait signal: --for 10s && make deploy\n"
        "  tenon wait signal:?mode=semaphore --count 3 --json\n"
        "  tenon spawn --event go -- sh -c 'tenon wait inherited:go & tenon notify inherited:go; wait'",
        make_wait},
    CommandEntry{"schemes", "list the transports, what they promise, and this machine's limits",
                 "  tenon schemes\n"
                 "  tenon schemes --json | jq '.[].scheme'",
                 make_schemes},
    CommandEntry{"bench", "measure every transport here, beside the bare mechanism",
                 "  tenon bench                                        every transport, under a minute\n"
                 "  tenon bench --rows shm,unix --sizes 100,4K\n"
                 "  tenon bench --full --json --html report.html > results.json\n"
                 "  tenon bench --pin same-core --wait block\n"
                 "  tenon bench compare before.json after.json",
                 make_bench},
    CommandEntry{"advise", "say which transport to take, from what was measured and promised",
                 "  tenon advise --size 4K --rate 100000 --need peer-death,unrelated\n"
                 "  tenon advise --size 64 --hosts two\n"
                 "  tenon advise --from results.json --size 1M --need descriptors",
                 make_advise},
    CommandEntry{"completion", "print a completion script for bash, zsh or fish",
                 "  tenon completion bash > ~/.local/share/bash-completion/completions/tenon\n"
                 "  tenon completion zsh  > ~/.zfunc/_tenon\n"
                 "  tenon completion fish > ~/.config/fish/completions/tenon.fish",
                 make_completion},
};

}  // namespace

std::span<const CommandEntry> commands() {
  return table;
}

std::unique_ptr<CLI::App> make_app(const CommandEntry& entry, Command& command) {
  auto app =
      std::make_unique<CLI::App>(fmt::format("{}\n", entry.summary), fmt::format("tenon {}", entry.name));
  app->get_formatter()->column_width(28);
  app->set_help_flag("-h,--help", "Print this help and exit");
  app->footer(fmt::format("Examples:\n{}", entry.examples));
  command.declare(*app);
  return app;
}

}  // namespace tool
