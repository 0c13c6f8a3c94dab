"""kill -9 of either side, at rest and in full flow: the other says so, exits 5, and both can start again at once."""

import signal

import support


class PeerDeath(support.ToolTest):
    def pair(self):
        receiver = self.start_listening("recv", "--listen", self.address)
        sender = self.start("send", self.address)
        sender.stdin.write(b"hello\n")
        self.assertEqual(receiver.stdout.readline(), b"hello\n")
        return sender, receiver

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        process.wait(support.LIMIT_S)

    def assert_both_restart(self):
        receiver = self.start_listening("recv", "--listen", self.address)
        self.run_tenon("send", self.address, "again")
        self.assertEqual(self.end(receiver)[0], b"again\n")

    def test_a_sender_that_waits_for_input_sees_it(self):
        sender, receiver = self.pair()
        self.kill(receiver)
        self.assertEqual(sender.wait(support.LIMIT_S), 5)  # its input is still open
        self.assertIn(b"peer died", sender.stderr.read())
        self.assert_both_restart()

    def test_a_receiver_that_waits_sees_it(self):
        sender, receiver = self.pair()
        self.kill(sender)
        self.assertIn("peer died", self.end(receiver, 5)[1])
        self.assert_both_restart()

    def test_a_sender_in_full_flow_sees_it(self):
        receiver = self.start_listening("recv", "--listen", self.address, stdout=self.sink())
        sender = self.start("send", self.address, "x" * 1000, "--count", "1000000000")
        self.wait_for_line(receiver, b"connected")
        self.kill(receiver)
        self.assertIn("peer died", self.end(sender, 5)[1])
        self.assert_both_restart()

    def test_a_receiver_in_full_flow_prints_whole_messages_only(self):
        receiver = self.start_listening("recv", "--listen", self.address)
        sender = self.start("send", self.address, "x" * 1000, "--count", "1000000000")
        self.read_lines(receiver, 10)
        self.kill(sender)
        out, errors = self.end(receiver, 5)
        self.assertIn("peer died", errors)
        self.assertEqual(set(out.splitlines()), {b"x" * 1000})
        self.assertTrue(out.endswith(b"\n"))
        self.assert_both_restart()

    def test_a_listener_that_was_killed_is_replaced(self):
        self.kill(self.start_listening("recv", "--listen", self.address))
        self.assertIn(b"no one", self.run_tenon("send", self.address, "x", status=4).stderr)
        self.assert_both_restart()

    def test_a_relay_passes_it_on(self):
        receiver = self.start_listening("recv", "--listen", self.at("b.sock"))
        relay = self.start_listening("relay", "--listen-a", self.address, self.at("b.sock"))
        sender = self.start("send", self.address)
        sender.stdin.write(b"hello\n")
        self.assertEqual(receiver.stdout.readline(), b"hello\n")
        self.kill(sender)
        self.assertIn("peer died", self.end(relay, 5)[1])
        self.assertIn("peer died", self.end(receiver, 5)[1])

    def test_ping_and_pong_see_it(self):
        pong = self.start_listening("pong", "--listen", self.address)
        ping = self.start("ping", self.address, "--count", "1000000000")
        self.wait_for_line(pong, b"connected")
        self.kill(pong)
        self.assertIn("peer died", self.end(ping, 5)[1])

    def sink(self):
        file = open("/dev/null", "wb")
        self.addCleanup(file.close)
        return file


class Signals(support.ToolTest):
    def test_a_listener_told_to_end_leaves_no_name(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            receiver = self.start_listening("recv", "--listen", self.address)
            receiver.send_signal(number)
            self.end(receiver, 128 + number)

    def test_a_sender_told_to_end_closes_in_order(self):
        receiver = self.start_listening("recv", "--listen", self.address)
        sender = self.start("send", self.address)
        sender.stdin.write(b"hello\n")
        self.assertEqual(receiver.stdout.readline(), b"hello\n")
        sender.send_signal(signal.SIGINT)
        self.end(sender, 130)
        self.end(receiver)

    def test_a_receiver_told_to_end_closes_in_order(self):
        receiver = self.start_listening("recv", "--listen", self.address)
        sender = self.start("send", self.address)
        self.wait_for_line(receiver, b"connected")
        receiver.send_signal(signal.SIGTERM)
        self.end(receiver, 143)
        self.assertEqual(sender.wait(support.LIMIT_S), 0)


if __name__ == "__main__":
    support.main()
