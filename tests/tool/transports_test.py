"""The command over every transport of this build, alone and joined to every other by a relay: what comes out is what
went in, an end is passed on as an end and a death as a death, and nothing is left."""

import json
import os
import signal
import struct
import subprocess

import support

LINES = b"".join(b"%d\n" % number for number in range(1, 100001))


def len32(messages):
    return b"".join(struct.pack("<I", len(message)) + message for message in messages)


class EveryTransport(support.ToolTest):
    def setUp(self):
        super().setUp()
        done = subprocess.run([support.TENON, "schemes", "--json"], capture_output=True, check=True)
        self.rows = {row["scheme"]: row for row in json.loads(done.stdout)}

    def forms(self, *traits):
        """Scheme and options of every way in which strangers can meet that has all of these traits."""
        named = [row["scheme"] for row in self.rows.values()
                 if all(row["traits"][trait] for trait in ("unrelated_processes", *traits))]
        forms = [(scheme, "") for scheme in named]
        if "unix" in named:
            forms += [("unix", "?type=seqpacket"), ("unix", "?type=dgram")]
        return forms

    def new_address(self, form):
        """An address that is used once: a late goodbye of one test cannot meet the next."""
        scheme, options = form
        self.count = getattr(self, "count", 0) + 1
        if self.rows[scheme]["traits"]["crosses_hosts"]:
            place = "127.0.0.1:0"
        elif scheme == "posix-mq":
            place = f"/tenon-tool-{os.getpid()}-{self.count}"
        else:
            place = self.path(f"{scheme}{self.count}.sock")
        return f"{scheme}:{place}{options}"

    def listen(self, command, form, *arguments, **options):
        """Starts `tenon COMMAND --listen`; the process, and the address with the port that it was given."""
        process = self.start(command, "--listen", self.new_address(form), *arguments, "--verbose", **options)
        return process, self.place_of(process)

    def start_relay(self, form, address_b):
        relay = self.start("relay", "--listen-a", self.new_address(form), address_b, "--verbose")
        return relay, self.place_of(relay)

    def place_of(self, process):
        return self.wait_for_line(process, b"listening at").decode().split("listening at ")[1].strip()

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        process.wait(support.LIMIT_S)

    def test_lines_arrive_as_they_were_sent(self):
        for form in self.forms("lossless"):
            with self.subTest(form), open(self.path("received"), "wb") as file:
                receiver, address = self.listen("recv", form, stdout=file)
                self.run_tenon("send", address, stdin=LINES)
                self.assertEqual(self.received(receiver), LINES)

    def test_a_listener_can_be_the_one_that_sends(self):
        for form in self.forms("lossless"):
            with self.subTest(form):
                sender, address = self.listen("send", form, "hello", "world")
                self.assertEqual(self.run_tenon("recv", address).stdout, b"hello\nworld\n")
                self.end(sender)

    def test_what_may_be_lost_arrives_in_order_and_is_counted(self):
        for form in set(self.forms()) - set(self.forms("lossless")):
            with self.subTest(form):
                receiver, address = self.listen("recv", form, "--for", "2s")
                self.run_tenon("send", address, "--rate", "10000", stdin=b"".join(LINES.splitlines(True)[:1000]))
                numbers = [int(line) for line in self.end(receiver)[0].split()]
                self.assertGreater(len(numbers), 100)
                self.assertEqual(numbers, sorted(set(numbers)))

    def test_losses_are_said(self):
        for form in set(self.forms()) - set(self.forms("lossless")):
            with self.subTest(form):
                receiver, address = self.listen("recv", form, "--for", "5s")
                sender = self.start("send", address, "--split", "line")
                sender.stdin.write(b"first\n")
                self.assertEqual(receiver.stdout.readline(), b"first\n")
                receiver.send_signal(signal.SIGSTOP)
                sender.stdin.write(LINES)
                receiver.send_signal(signal.SIGCONT)
                self.assertEqual(receiver.stdout.readline(), b"1\n")
                for _ in range(1000):  # there is room again
                    receiver.stdout.readline()
                self.end(sender, stdin=b"last\n")
                self.assertIn("were lost on the way", self.end(receiver)[1])

    def test_a_relay_joins_every_two_of_them(self):
        messages = [b"one\n", b"", b"t\0wo", b"x" * 60000, b"last"]
        for a in self.forms("lossless"):
            for b in self.forms("lossless"):
                with self.subTest(f"{a} to {b}"):
                    receiver, address_b = self.listen("recv", b, "--format", "len32")
                    relay, address_a = self.start_relay(a, address_b)
                    self.run_tenon("send", address_a, "--split", "len32", stdin=len32(messages))
                    self.end(relay)
                    self.assertEqual(self.end(receiver)[0], len32(messages))

    def test_a_relay_between_two_different_ones_brings_every_line(self):
        forms = self.forms("lossless")
        for a, b in zip(forms, forms[1:] + forms[:1]):
            with self.subTest(f"{a} to {b}"), open(self.path("received"), "wb") as file:
                receiver, address_b = self.listen("recv", b, stdout=file)
                relay, address_a = self.start_relay(a, address_b)
                self.run_tenon("send", address_a, stdin=LINES)
                self.end(relay)
                self.assertEqual(self.received(receiver), LINES)

    def test_a_relay_passes_a_death_on_between_every_two(self):
        for a in self.forms("reports_peer_death"):
            for b in self.forms("reports_peer_death"):
                with self.subTest(f"{a} to {b}"):
                    receiver, address_b = self.listen("recv", b)
                    relay, address_a = self.start_relay(a, address_b)
                    sender = self.start("send", address_a)
                    sender.stdin.write(b"hello\n")
                    self.assertEqual(receiver.stdout.readline(), b"hello\n")
                    self.kill(sender)
                    self.assertIn("peer died", self.end(relay, 5)[1])
                    self.assertIn("peer died", self.end(receiver, 5)[1])

    def test_a_killed_receiver_ends_the_sender(self):
        for form in self.forms("reports_peer_death"):
            with self.subTest(form):
                receiver, address = self.listen("recv", form)
                sender = self.start("send", address)
                sender.stdin.write(b"hello\n")
                self.assertEqual(receiver.stdout.readline(), b"hello\n")
                self.kill(receiver)
                self.assertEqual(sender.wait(support.LIMIT_S), 5)  # its input is still open
                self.assertIn(b"peer died", sender.stderr.read())
                if self.rows[form[0]]["traits"]["survives_restart"]:
                    self.assert_goes_on(address)

    def assert_goes_on(self, address):
        """The message that the dead receiver was at, if it had not asked for more, is its successor's."""
        receiver = self.start_listening("recv", "--listen", address)
        self.run_tenon("send", address, "bye")
        self.assertIn(self.end(receiver)[0], [b"bye\n", b"hello\nbye\n"])

    def test_ping_and_pong(self):
        for form in self.forms():
            with self.subTest(form):
                pong, address = self.listen("pong", form)
                report = json.loads(self.run_tenon("ping", address, "--count", "200", "--json").stdout)
                self.assertEqual(report["count"], 200)
                self.end(pong)

    def test_a_trait_that_is_missing_is_named_at_once(self):
        for form in self.forms():
            scheme = form[0]
            missing = next(name for name, has in self.rows[scheme]["traits"].items() if not has and name != "lossless")
            address = self.new_address(form)
            address += ("&" if "?" in address else "?") + f"require={missing}"
            with self.subTest(address):
                for arguments in (["send", address, "x"], ["recv", "--listen", address]):
                    errors = self.run_tenon(*arguments, status=1).stderr.decode()
                    self.assertIn(missing, errors)


if __name__ == "__main__":
    support.main()
