"""tenon spawn: any program through lines, and programs of ours through messages."""

import json
import os
import signal

import support


class Spawn(support.ToolTest):
    def spawn(self, *arguments, **options):
        return self.run_tenon("spawn", *arguments, **options)

    def test_lines_through_a_program(self):
        self.assertEqual(self.spawn("--", "sort", "-r", stdin=b"1\n2\n3\n").stdout, b"3\n2\n1\n")

    def test_many_lines_both_ways(self):
        lines = b"".join(b"%d\n" % number for number in range(300000))
        self.assertEqual(self.spawn("--", "cat", stdin=lines).stdout, lines)

    def test_messages_through_a_program_of_ours(self):
        for address in ("pipe:", "unix:", "shm:", "shm:?capacity=8K&wait=block"):
            data = os.urandom(3000000)
            out = self.spawn("--address", address, "--split", "none", "--format", "raw", "--",
                             support.TENON, "pong", "inherited:", stdin=data).stdout
            self.assertEqual(out, data)

    def test_the_form_of_the_output(self):
        out = self.spawn("--format", "json", "--", "echo", "hello").stdout
        self.assertEqual(json.loads(out), {"number": 1, "size": 5, "text": "hello"})

    def test_the_exit_status_is_passed_on(self):
        self.spawn("--", "sh", "-c", "exit 7", status=7)
        self.spawn("--", "sh", "-c", "kill -9 $$", status=137)
        self.spawn("--", "sh", "-c", "exec >&-; exit 4", status=4)

    def test_it_ends_with_the_program_though_input_remains(self):
        process = self.start("spawn", "--", "sh", "-c", "echo hi")
        self.assertEqual(process.wait(support.LIMIT_S), 0)  # its input is still open
        self.assertEqual(process.stdout.read(), b"hi\n")

    def test_a_program_that_does_not_read_its_input(self):
        self.assertEqual(self.spawn("--", "head", "-n", "1", stdin=b"x\n" * 1000000).stdout, b"x\n")

    def test_a_line_that_was_read_is_sent_at_once(self):
        process = self.start("spawn", "--", "cat")
        for text in (b"one\n", b"two\n"):
            process.stdin.write(text)
            self.assertEqual(process.stdout.readline(), text)
        self.end(process)

    def test_output_that_nobody_reads_ends_it_quietly(self):
        process = self.start("spawn", "--", "yes")
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(support.LIMIT_S), 0)
        self.assertEqual(process.stderr.read(), b"")

    def test_a_signal_is_passed_on(self):
        process = self.start("spawn", "--", "sh", "-c", "trap 'echo told; exit 0' TERM; echo ready; while :; do read x; done")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGTERM)
        self.end(process, 143)

    def test_what_cannot_be_started(self):
        self.assertIn(b"no such program", self.spawn("--", "no-such-program", status=1).stderr)
        self.assertIn(b"not an executable", self.spawn("--", "/etc/passwd", status=7).stderr)
        self.assertIn(b"there is no transport", self.spawn("--address", "bogus:", "--", "cat", status=2).stderr)

    def test_a_program_that_does_not_know_us_is_no_partner_for_messages(self):
        process = self.start("spawn", "--address", "pipe:", "--timeout", "200ms", "--", "sleep", "1000")
        self.assertIn("inherited()", self.end(process, 3)[1])

    def test_inherited_needs_a_parent(self):
        self.assertIn(b"TENON_CHANNEL", self.run_tenon("pong", "inherited:", status=1).stderr)


if __name__ == "__main__":
    support.main()
