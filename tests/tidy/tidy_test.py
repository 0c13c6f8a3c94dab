"""Each rule of rules.py can fail: a tree that keeps every rule is made, one fault is put in, and that rule reports it."""

import os
import tempfile
import unittest

import rules
from functions import functions
from tree import Tree

EXAMPLE = "#include <tenon/channel.hpp>\n\nint main() {}\n"
CLEAN = {
    "include/tenon/error.hpp": "// What failed, and what to do about it.\n#pragma once\n#include <string>\n",
    "include/tenon/channel.hpp": "// Messages between two processes.\n#pragma once\n#include <tenon/error.hpp>\n",
    "include/tenon/os/fd.hpp": "// A file descriptor that has an owner.\n#pragma once\n#include <tenon/error.hpp>\n",
    "src/os/fd.cpp": "#include <tenon/os/fd.hpp>\n#include <unistd.h>\n// SYNC: closed\n// SYNC: closed\n",
    "src/wire/frame.hpp": "// How a message travels on a stream.\n#pragma once\n#include <tenon/error.hpp>\n",
    "src/channel/stream.hpp": '// Frames over any byte stream.\n#pragma once\n#include "wire/frame.hpp"\n',
    "src/channel/pipe/pipe.hpp": '// Channels over two pipes.\n#pragma once\n#include "channel/stream.hpp"\n',
    "src/channel/unix/unix.hpp": '// Channels over Unix sockets.\n#pragma once\n#include "channel/stream.hpp"\n',
    "src/channel/table.cpp": '// The one list of transports.\n#include "channel/pipe/pipe.hpp"\n#include "channel/unix/unix.hpp"\n',
    "src/channel/stream_test.cpp": '#include <unistd.h>\n#include "channel/stream.hpp"\n#include "support/expect.hpp"\n',
    "tests/support/expect.hpp": "// What every test uses to expect.\n#pragma once\n",
    "tool/main.cpp": '// The command, and nothing of its parts.\n#include "channel/stream.hpp"\n',
    "examples/first_message.cpp": "// A first message, and the answer.\n" + EXAMPLE,
    "examples/mechanisms/pipe.cpp": "// Ping and pong through a pipe.\n#include <unistd.h>\n#include <tenon/os/fd.hpp>\n",
    "docs/mechanisms/pipe.md": "Run `build/release/examples/pipe`.\n",
    "docs/transports/pipe.md": "Pipes.\n",
    "docs/transports/unix.md": "Sockets.\n",
    "README.md": "# tenon\n```cpp\n" + EXAMPLE + "```\n",
    "build/CMakeFiles/x.cpp": "no comment",
}

# rule, file, what is put at its end
FAULTS = [
    ("os_headers_only_in_os", "src/channel/stream.hpp", "#include <sys/socket.h>\n"),
    ("os_headers_only_in_os", "include/tenon/os/fd.hpp", "#include <fcntl.h>\n"),
    ("os_headers_only_in_os", "src/wire/frame.hpp", "  #  include <csignal>\n"),
    ("os_headers_only_in_os", "tool/main.cpp", "#include <linux/futex.h>\n"),
    ("layers_know_only_those_below", "src/wire/frame.hpp", "#include <tenon/os/fd.hpp>\n"),
    ("layers_know_only_those_below", "src/os/fd.cpp", '#include "wire/frame.hpp"\n'),
    ("layers_know_only_those_below", "src/os/fd.cpp", "#include <tenon/channel.hpp>\n"),
    ("layers_know_only_those_below", "include/tenon/error.hpp", "#include <tenon/os/fd.hpp>\n"),
    ("layers_know_only_those_below", "src/channel/stream.hpp", '#include "support/expect.hpp"\n'),
    ("layers_know_only_those_below", "src/attic/old.cpp", "// A folder that is no layer.\n"),
    ("layers_know_only_those_below", "include/tenon/odd.hpp", "// A header of no layer.\n#pragma once\n"),
    ("public_headers_include_only_public_ones", "include/tenon/channel.hpp", '#include "channel/stream.hpp"\n'),
    ("examples_use_only_the_public_interface", "examples/mechanisms/pipe.cpp", '#include "wire/frame.hpp"\n'),
    ("transports_are_known_only_to_the_table", "src/channel/pipe/pipe.hpp", '#include "channel/unix/unix.hpp"\n'),
    ("transports_are_known_only_to_the_table", "src/channel/stream.hpp", '#include "channel/pipe/pipe.hpp"\n'),
    ("transports_are_known_only_to_the_table", "tool/main.cpp", '#include "channel/unix/unix.hpp"\n'),
    ("files_are_short", "src/os/fd.cpp", "\n" * 400),
    ("functions_are_short", "src/os/fd.cpp", "void f(int a = 1) {\n" + "  a++;\n" * 69 + "}\n"),
    ("files_open_with_a_paragraph", "include/tenon/bytes.hpp", "#pragma once\n"),
    ("files_open_with_a_paragraph", "include/tenon/bytes.hpp", "// Views of bytes, owned by others.\n"),
    ("files_open_with_a_paragraph", "src/channel/other.cpp", "int x;\n"),
    ("files_open_with_a_paragraph", "tests/other.py", "import os\n"),
    ("nothing_is_left_to_do", "docs/mechanisms/pipe.md", "TO" + "DO: more\n"),
    ("nothing_is_left_to_do", "src/os/fd.cpp", "// FIX" + "ME\n"),
    ("nothing_names_the_machine_it_was_made_on", "README.md", "see /" + "work/notes\n"),
    ("nothing_names_the_machine_it_was_made_on", "demo", "/" + "home/someone/tenon\n"),
    ("both_ends_of_an_ordering_pair_are_labelled", "src/os/fd.cpp", "x.load();  // SYNC: record published\n"),
    ("tests_do_not_sleep", "src/channel/stream_test.cpp", "std::this_thread::sleep_for" + "(1s);\n"),
    ("tests_do_not_sleep", "tests/wait_test.py", '"""Waits."""\ntime.sleep' + "(1)\n"),
    ("every_transport_has_its_page", "src/channel/table.cpp", '#include "channel/posix_mq/posix_mq.hpp"\n'),
    ("every_example_has_its_page", "examples/mechanisms/eventfd.cpp", "// Ping and pong by eventfd.\n"),
    ("the_readme_shows_the_example_that_is_tested", "examples/first_message.cpp", "// changed\n"),
    ("the_readme_shows_the_example_that_is_tested", "README.zh-CN.md", "# tenon\n"),
]

FUNCTIONS = r'''
namespace a {
struct S : B {
  S(int x) noexcept : a_(x), b_{x}, c_{{1}} {
    go();
  }
  bool operator==(const S& o) const { return a_ == o.a_; }
 private:
  std::vector<int> list_{1, 2};
  int a_ = f({1});
};
const auto table = [] { return 1; }();
template <typename T = int>
auto longer(
    T t = {}) -> int {
  if (t) { const char* s = "}{"; /* { */ }
  // {
  auto l = [&](int c) { return c + '{'; };
  return R"({)"[0];
}
#define X(a) { a
}
TEST(Fifo, opens) {
}
int main() try {
} catch (...) {
}
'''


class Rules(unittest.TestCase):
    def found(self, files):
        with tempfile.TemporaryDirectory(prefix="tenon-tidy-") as folder:
            for path, content in files.items():
                os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
                    file.write(content)
            tree = Tree(folder)
            return {(rule.__name__, path) for rule in rules.RULES for path, _, _ in rule(tree)}

    def test_a_tree_without_a_fault_passes(self):
        self.assertEqual(self.found(CLEAN), set())

    def test_each_fault_is_found(self):
        for name, path, added in FAULTS:
            with self.subTest(rule=name, path=path, added=added[:60]):
                found = self.found({**CLEAN, path: CLEAN.get(path, "") + added})
                expected = {(name, "README.md" if path == "examples/first_message.cpp" else path)}
                self.assertEqual({entry for entry in found if entry[0] == name}, expected)

    def test_each_rule_has_a_fault(self):
        self.assertEqual({rule.__name__ for rule in rules.RULES}, {name for name, _, _ in FAULTS})

    def test_functions_are_measured(self):
        self.assertEqual(
            list(functions(FUNCTIONS)),
            [(4, "S", 3), (7, "operator==", 1), (13, "longer", 8), (23, "Fifo.opens", 2), (25, "main", 2),
             (26, "catch", 2)])


if __name__ == "__main__":
    unittest.main()
