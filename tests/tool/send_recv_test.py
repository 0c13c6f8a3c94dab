"""tenon send and tenon recv: what goes in comes out, whatever the form."""

import json
import os
import struct

import support


class SendAndReceive(support.ToolTest):
    def transfer(self, send, recv, stdin=b"", send_status=0, recv_status=0):
        receiver = self.start_receiver(self.address, *recv)
        self.run_tenon("send", self.address, *send, stdin=stdin, status=send_status)
        return self.received(receiver, recv_status)

    def test_arguments_arrive_as_messages(self):
        self.assertEqual(self.transfer(["hello", "big world", ""], []), b"hello\nbig world\n\n")

    def test_an_argument_may_be_the_name_of_a_command(self):
        self.assertEqual(self.transfer(["ping", "help"], []), b"ping\nhelp\n")

    def test_an_argument_may_look_like_an_option(self):
        self.assertEqual(self.transfer(["--", "--count", "-x"], []), b"--count\n-x\n")

    def test_a_million_lines_arrive(self):
        lines = b"".join(b"%d\n" % number for number in range(1, 1000001))
        self.assertEqual(self.transfer([], ["--format", "line"], lines), lines)

    def test_the_last_line_may_lack_its_end(self):
        self.assertEqual(self.transfer([], [], b"one\n\ntwo"), b"one\n\ntwo\n")

    def test_no_input_is_no_message(self):
        self.assertEqual(self.transfer([], [], b""), b"")

    def test_lines_longer_than_a_block_arrive(self):
        line = os.urandom(1500000).replace(b"\n", b"x") + b"\n"
        self.assertEqual(self.transfer([], [], line + b"short\n" + line), line + b"short\n" + line)

    def test_input_split_at_zero_bytes(self):
        self.assertEqual(self.transfer(["--split", "nul"], [], b"a\nb\0c\0"), b"a\nb\nc\n")

    def test_input_as_one_message(self):
        data = os.urandom(5000000)
        self.assertEqual(self.transfer(["--split", "none"], ["--format", "raw"], data), data)

    def test_empty_input_as_one_message(self):
        self.assertEqual(self.transfer(["--split", "none"], ["--format", "hex"], b""), b"\n")

    def test_what_len32_prints_len32_reads(self):
        data = b"".join(struct.pack("<I", len(text)) + text for text in (b"a\n", b"", b"\0" * 70000))
        self.assertEqual(self.transfer(["--split", "len32"], ["--format", "len32"], data), data)

    def test_len32_that_ends_early_is_an_error_after_the_whole_messages(self):
        data = struct.pack("<I", 1) + b"a" + struct.pack("<I", 9) + b"b"
        self.assertEqual(self.transfer(["--split", "len32"], [], data, send_status=1), b"a\n")

    def test_len32_beyond_the_maximum_is_too_large(self):
        self.transfer(["--split", "len32"], [], b"\xff\xff\xff\xff", send_status=6)

    def test_files_arrive_one_message_each(self):
        for name in ("one", "two"):
            with open(self.path(name), "wb") as file:
                file.write(name.encode() + b"\nmore\n")
        out = self.transfer(["--file", "one", "--file", "two"], ["--format", "json"])
        self.assertEqual([json.loads(line)["text"] for line in out.splitlines()], ["one\nmore\n", "two\nmore\n"])

    def test_a_file_may_be_split(self):
        with open(self.path("lines"), "wb") as file:
            file.write(b"1\n2\n")
        self.assertEqual(self.transfer(["-f", "lines", "-f", "-", "--split", "line"], [], b"3\n"), b"1\n2\n3\n")

    def test_hex(self):
        self.assertEqual(self.transfer(["--split", "none"], ["--format", "hex"], b"\x00\xffA"), b"00ff41\n")

    def test_json_is_text_where_it_can_be(self):
        out = self.transfer(["--split", "nul"], ["--format", "json"], "grüß\n\0".encode() + b"\xff\xfe\0\xed\xa0\x80\0")
        self.assertEqual([json.loads(line) for line in out.splitlines()], [
            {"number": 1, "size": 7, "text": "grüß\n"},
            {"number": 2, "size": 2, "base64": "//4="},
            {"number": 3, "size": 3, "base64": "7aCA"}])

    def test_count_repeats_arguments(self):
        self.assertEqual(self.transfer(["a", "b", "--count", "5"], []), b"a\nb\na\nb\na\n")

    def test_count_cuts_input_off(self):
        self.assertEqual(self.transfer(["--count", "2"], [], b"a\nb\nc\n"), b"a\nb\n")

    def test_a_paced_sender_sends_all(self):
        self.assertEqual(self.transfer(["--rate", "1000/s", "--count", "20", "x"], []), b"x\n" * 20)

    def test_the_report_of_the_sender(self):
        receiver = self.start_listening("recv", "--listen", self.address)
        report = json.loads(self.run_tenon("send", self.address, "--json", "ab", "c").stdout)
        self.end(receiver)
        self.assertEqual((report["messages"], report["bytes"]), (2, 3))
        self.assertGreaterEqual(report["seconds"], 0)
        for name in ("system_calls", "sleeps", "spins", "wakeups", "full_waits", "high_water"):
            self.assertGreaterEqual(report[name], 0)

    def test_what_is_told_of_the_waiting(self):
        receiver = self.start_listening("recv", "--verbose", "--listen", self.address)
        told = self.run_tenon("send", self.address, "--verbose", "ab", "c").stderr
        self.assertRegex(told.decode(), r"2 messages, 3 bytes sent: \d+ system calls, \d+ sleeps, \d+ spins, \d+ wake-ups")
        self.assertRegex(self.end(receiver)[1], r"2 messages, 3 bytes received: \d+ system calls")

    def test_the_sender_may_listen(self):
        sender = self.start_listening("send", "--listen", self.address, "hello")
        self.assertEqual(self.run_tenon("recv", self.address).stdout, b"hello\n")
        self.end(sender)

    def test_waiting_for_someone_to_listen(self):
        sender = self.start("send", self.address, "--wait", "60s", "early")
        self.assertEqual(self.run_tenon("recv", "--listen", self.address).stdout, b"early\n")
        self.end(sender)

    def test_a_line_that_was_read_is_sent_at_once(self):
        receiver = self.start_listening("recv", "--listen", self.address)
        sender = self.start("send", self.address)
        for text in (b"one\n", b"two\n"):
            sender.stdin.write(text)
            self.assertEqual(receiver.stdout.readline(), text)
        self.end(sender)
        self.end(receiver)

    def test_a_seqpacket_socket(self):
        self.address += "?type=seqpacket"
        self.assertEqual(self.transfer(["one", "two"], []), b"one\ntwo\n")


class Receiver(support.ToolTest):
    def test_count_ends_it_and_the_sender_is_told(self):
        receiver = self.start_listening("recv", "--listen", self.address, "--count", "2")
        lines = b"".join(b"%d\n" % number for number in range(2000000))
        errors = self.run_tenon("send", self.address, stdin=lines, status=1).stderr.decode()
        self.assertIn("the receiver closed", errors)
        self.assertEqual(self.end(receiver)[0], b"0\n1\n")

    def test_an_idle_sender_ends_when_the_receiver_closes(self):
        receiver = self.start_listening("recv", "--listen", self.address, "--count", "1")
        sender = self.start("send", self.address)
        sender.stdin.write(b"one\n")
        self.assertEqual(sender.wait(support.LIMIT_S), 0)
        self.end(receiver)

    def test_it_ends_after_a_while(self):
        receiver = self.start_listening("recv", "--listen", self.address, "--for", "100ms")
        sender = self.start("send", self.address)
        self.end(receiver)
        self.assertEqual(sender.wait(support.LIMIT_S), 0)

    def test_it_gives_up_waiting_for_a_message(self):
        receiver = self.start_listening("recv", "--listen", self.address, "--timeout", "1s")
        sender = self.start("send", self.address)
        self.assertIn("timed out", self.end(receiver, 3)[1])
        self.end(sender)

    def test_it_gives_up_waiting_for_a_peer(self):
        self.run_tenon("recv", "--listen", self.address, "--timeout", "10ms", status=3)

    def test_a_command_for_each_message(self):
        receiver = self.start_listening("recv", "--listen", self.address, "--exec",
                                        "echo $TENON_MESSAGE_NUMBER $TENON_MESSAGE_SIZE $(tr a-z A-Z)")
        self.run_tenon("send", self.address, "hello", "", "world")
        self.assertEqual(self.end(receiver)[0], b"1 5 HELLO\n2 0\n3 5 WORLD\n")

    def test_a_command_that_does_not_read_its_input(self):
        receiver = self.start_listening("recv", "--listen", self.address, "--exec", "echo done")
        self.run_tenon("send", self.address, "--split", "none", stdin=b"x" * 3000000)
        self.assertEqual(self.end(receiver)[0], b"done\n")

    def test_a_command_that_fails_ends_it(self):
        receiver = self.start_listening("recv", "--listen", self.address, "--exec", "echo ran; exit 3")
        self.run_tenon("send", self.address, "one", "two")
        out, errors = self.end(receiver, 1)
        self.assertEqual(out, b"ran\n")
        self.assertIn("message 1: the command exited with 3", errors)

    def test_or_does_not(self):
        receiver = self.start_listening("recv", "--listen", self.address, "--keep-going", "--exec", "echo ran; exit 3")
        self.run_tenon("send", self.address, "one", "two")
        self.assertEqual(self.end(receiver, 1)[0], b"ran\nran\n")

    def test_output_that_nobody_reads_ends_it_quietly(self):
        receiver = self.start_listening("recv", "--listen", self.address)
        receiver.stdout.close()
        sender = self.start("send", self.address)
        sender.stdin.write(b"one\n")
        self.assertEqual(receiver.wait(support.LIMIT_S), 0)
        self.assertNotIn(b"write", receiver.stderr.read())
        sender.wait(support.LIMIT_S)

    def test_output_that_is_full_is_an_error(self):
        with open("/dev/full", "wb") as full:
            receiver = self.start_listening("recv", "--listen", self.address, stdout=full)
            self.run_tenon("send", self.address, "one")
            self.assertIn("No space left", self.end(receiver, 1)[1])


if __name__ == "__main__":
    support.main()
