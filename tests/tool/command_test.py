"""Help, version, completion, schemes, and what a new user does wrong."""

import json
import os
import shutil
import subprocess

import support

COMMANDS = ["send", "recv", "ping", "pong", "spawn", "relay", "notify", "wait", "schemes", "bench", "advise",
            "completion"]


class Help(support.ToolTest):
    def test_the_overview_names_every_command(self):
        for arguments in (["help"], ["--help"], ["-h"]):
            text = self.run_tenon(*arguments).stdout.decode()
            for name in COMMANDS:
                self.assertIn(f"\n  {name} ", text)

    def test_every_command_has_help_with_examples(self):
        for name in COMMANDS:
            for arguments in ([name, "--help"], ["help", name]):
                text = self.run_tenon(*arguments).stdout.decode()
                self.assertIn(f"Usage: tenon {name}", text)
                self.assertIn("Examples:\n  ", text)
                self.assertIn(f"tenon {name}", text.split("Examples:")[1])

    def test_no_command_is_a_usage_error_that_helps(self):
        self.assertIn(b"Commands:", self.run_tenon(status=2).stderr)

    def test_a_mistyped_command_gets_a_suggestion(self):
        self.assertIn(b"did you mean 'send'?", self.run_tenon("sned", status=2).stderr)
        self.assertIn(b"no command 'frobnicate'", self.run_tenon("frobnicate", status=2).stderr)

    def test_the_version(self):
        self.assertRegex(self.run_tenon("--version").stdout.decode(), r"^tenon \d+\.\d+\.\d+\n$")

    def test_output_that_is_full_is_an_error(self):
        with open("/dev/full", "wb") as full:
            for arguments in (["help"], ["schemes"], ["completion", "bash"]):
                done = subprocess.run([support.TENON, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(b"No space left", done.stderr)


class Usage(support.ToolTest):
    def assert_usage(self, *arguments, says):
        self.assertIn(says, self.run_tenon(*arguments, status=2).stderr.decode())

    def test_wrong_options(self):
        self.assert_usage("send", says="ADDR is required")
        self.assert_usage("send", self.address, "--bogus", says="--bogus")
        self.assert_usage("send", self.address, "--split", "words", says="none of line, nul, len32, none")
        self.assert_usage("send", self.address, "--timeout", "5 parsecs", says="5s")
        self.assert_usage("send", self.address, "--rate", "fast", says="100/s")
        self.assert_usage("send", self.address, "--count", "0", says="at least 1")
        self.assert_usage("send", self.address, "x", "--file", "y", says="either")
        self.assert_usage("ping", self.address, "--size", "big", says="big")
        self.assert_usage("recv", self.address, "--keep-going", says="--exec")
        self.assert_usage("relay", self.address, self.address, "--many", says="--listen-a")
        self.assert_usage("schemes", "--json", "--limits", says="at most 1")
        self.assert_usage("spawn", says="COMMAND is required")

    def test_wrong_addresses(self):
        self.assert_usage("send", "nonsense", "x", says="scheme:place")
        self.assert_usage("send", "bogus:/x", "x", says="there are pipe:")
        self.assert_usage("send", "unix:/x?mode=", "x", says="has no value")
        self.assert_usage("send", "unix:/x?colour=red", "x", says="there are type, mode")
        self.assert_usage("send", "unix:", "x", says="name the socket")
        self.assert_usage("recv", "--listen", self.at("n" * 300), says="255")


class Places(support.ToolTest):
    def test_no_one_listens(self):
        self.assertIn(b"start the listener", self.run_tenon("send", self.address, "x", status=4).stderr)

    def test_a_name_in_use_names_its_holder(self):
        holder = self.start_listening("recv", "--listen", self.address)
        errors = self.run_tenon("recv", "--listen", self.address, status=1).stderr.decode()
        self.assertIn(f"process {holder.pid} listens there", errors)
        self.run_tenon("send", self.address, "still there")
        self.assertEqual(self.end(holder)[0], b"still there\n")

    def test_a_symbolic_link_is_never_followed(self):
        os.symlink(self.path("elsewhere"), self.path("link"))
        for arguments in (["recv", "--listen", self.at("link")], ["send", self.at("link"), "x"]):
            self.assertIn(b"symbolic link", self.run_tenon(*arguments, status=7).stderr)

    def test_something_else_stands_there(self):
        with open(self.path("file"), "wb"):
            pass
        self.assertIn(b"regular file", self.run_tenon("recv", "--listen", self.at("file"), status=1).stderr)
        self.assertIn(b"regular file", self.run_tenon("send", self.at("file"), "x", status=2).stderr)

    def test_a_folder_that_is_not_there(self):
        self.assertIn(b"create the folder", self.run_tenon("recv", "--listen", self.at("no/t"), status=1).stderr)

    def test_a_folder_that_may_not_be_written(self):
        os.mkdir(self.path("closed"), 0o500)
        user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        os.chmod(self.folder.name, 0o755)
        os.chmod(self.path("closed"), 0o555)
        errors = self.run_tenon("recv", "--listen", self.at("closed/t"), status=7, **user).stderr
        self.assertIn(b"permission denied", errors)

    def test_a_path_longer_than_the_kernel_takes_works(self):
        folder = self.path("d" * 120)
        os.mkdir(folder)
        address = f"unix:{folder}/t"
        receiver = self.start_listening("recv", "--listen", address)
        self.run_tenon("send", address, "hello")
        self.assertEqual(self.end(receiver)[0], b"hello\n")


class Schemes(support.ToolTest):
    def test_the_table(self):
        text = self.run_tenon("schemes").stdout.decode()
        for word in ("pipe", "unix", "reports_peer_death", "max_message_size", "options", "limits"):
            self.assertIn(word, text)

    def test_json(self):
        rows = json.loads(self.run_tenon("schemes", "--json").stdout)
        unix = next(row for row in rows if row["scheme"] == "unix")
        self.assertTrue(unix["traits"]["carries_descriptors"])
        self.assertGreaterEqual(unix["max_message_size"], 64 << 20)
        self.assertIn("mode", unix["options"])
        self.assertTrue(all(isinstance(limit, str) for limit in unix["limits"]))

    def test_the_table_of_the_documents_is_this_one(self):
        table = self.run_tenon("schemes", "--markdown").stdout.decode()
        for name in ("README.md", "README.zh-CN.md"):
            with open(os.path.join(os.path.dirname(__file__), "../..", name), encoding="utf-8") as file:
                self.assertIn(table, file.read(), f"{name} has another table: put in what tenon schemes --markdown prints")

    def test_markdown_and_limits(self):
        self.assertIn("| `unix:` |", self.run_tenon("schemes", "--markdown").stdout.decode())
        self.assertIn("somaxconn", self.run_tenon("schemes", "--limits").stdout.decode())


class Completion(support.ToolTest):
    def bash(self, *words):
        script = self.run_tenon("completion", "bash").stdout.decode()
        quoted = " ".join(f"'{word}'" for word in words)
        script += f"\ncompopt() {{ :; }}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _tenon; echo ${{COMPREPLY[*]}}\n"
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()

    def test_bash_completes_commands_options_and_values(self):
        self.assertEqual(self.bash("tenon", "se"), ["send"])
        self.assertEqual(self.bash("tenon", "send", "--sp"), ["--split"])
        self.assertEqual(self.bash("tenon", "recv", "--format", "j"), ["json"])
        self.assertEqual(self.bash("tenon", "send", "uni"), ["unix:"])
        self.assertEqual(self.bash("tenon", "completion", "f"), ["fish"])
        self.assertEqual(self.bash("tenon", "help", "rel"), ["relay"])

    def test_each_shell_accepts_its_script(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.run_tenon("completion", shell).stdout
            for name in COMMANDS:
                self.assertIn(name.encode(), script)
            if shutil.which(shell):
                done = subprocess.run([shell, "-n"], input=script, capture_output=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, b""))


if __name__ == "__main__":
    support.main()
