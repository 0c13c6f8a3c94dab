"""tenon relay."""

import json
import signal

import support


class Relay(support.ToolTest):
    def setUp(self):
        super().setUp()
        self.a, self.b = self.at("a.sock"), self.at("b.sock")

    def test_messages_keep_their_boundaries(self):
        receiver = self.start_listening("recv", "--listen", self.b, "--format", "hex")
        relay = self.start_listening("relay", "--listen-a", self.a, self.b)
        self.run_tenon("send", self.a, "--split", "nul", stdin=b"a\nb\0\0c\0")
        self.end(relay)
        self.assertEqual(self.end(receiver)[0], b"610a62\n\n63\n")

    def test_both_ways(self):
        pong = self.start_listening("pong", "--listen", self.b)
        relay = self.start_listening("relay", "--listen-a", self.a, self.b)
        report = json.loads(self.run_tenon("ping", self.a, "--size", "200K", "--count", "20", "--json").stdout)
        self.assertEqual(report["count"], 20)
        self.end(relay)
        self.end(pong)

    def test_it_may_listen_on_both_sides(self):
        relay = self.start_listening("relay", "--listen-a", "--listen-b", self.a, self.b)
        self.wait_for_line(relay, b"b.sock")
        sender = self.start("send", self.a)
        lines = b"".join(b"%d\n" % number for number in range(300000))
        with open(self.path("received"), "wb") as file:
            receiver = self.start("recv", self.b, stdout=file)
        self.end(sender, stdin=lines)
        self.assertEqual(self.received(receiver), lines)
        self.end(relay)

    def test_it_may_connect_on_both_sides(self):
        receiver = self.start_listening("recv", "--listen", self.a)
        sender = self.start_listening("send", "--listen", self.b, "hello")
        self.run_tenon("relay", self.a, self.b)
        self.end(sender)
        self.assertEqual(self.end(receiver)[0], b"hello\n")

    def test_a_record_of_what_passed(self):
        pong = self.start_listening("pong", "--listen", self.b)
        relay = self.start_listening("relay", "--listen-a", self.a, self.b, "--tee", "tee.json")
        self.run_tenon("ping", self.a, "--count", "3", "--warmup", "0", "--size", "4")
        self.end(relay)
        self.end(pong)
        with open(self.path("tee.json"), encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        self.assertEqual([record["from"] for record in records], ["a", "b"] * 3)
        self.assertEqual([record["number"] for record in records], [1, 2, 3, 4, 5, 6])
        self.assertEqual({record["size"] for record in records}, {4})

    def test_many_peers_one_after_another(self):
        relay = self.start_listening("relay", "--listen-a", "--many", self.a, self.b)
        for text in ("one", "two"):
            receiver = self.start_listening("recv", "--listen", self.b)
            self.run_tenon("send", self.a, text)
            self.assertEqual(self.end(receiver)[0], text.encode() + b"\n")
        relay.send_signal(signal.SIGTERM)
        self.end(relay, 143)

    def test_many_peers_at_once(self):
        relay = self.start_listening("relay", "--listen-a", "--many", self.a, self.b)
        pairs = []
        for text in (b"one\n", b"two\n", b"three\n"):
            receiver = self.start_listening("recv", "--listen", self.b)
            sender = self.start("send", self.a)
            sender.stdin.write(text)
            self.assertEqual(receiver.stdout.readline(), text)
            pairs.append((sender, receiver))
        for sender, receiver in pairs:
            self.end(sender)
            self.end(receiver)
        relay.send_signal(signal.SIGINT)
        self.end(relay, 130)

    def test_the_death_of_one_of_many_reaches_its_partner_alone(self):
        relay = self.start_listening("relay", "--listen-a", "--many", self.a, self.b)
        pairs = []
        for text in (b"one\n", b"two\n"):
            receiver = self.start_listening("recv", "--listen", self.b)
            sender = self.start("send", self.a)
            sender.stdin.write(text)
            self.assertEqual(receiver.stdout.readline(), text)
            pairs.append((sender, receiver))
        pairs[0][0].kill()
        self.assertIn("peer died", self.end(pairs[0][1], 5)[1])
        self.end(pairs[1][0])
        self.end(pairs[1][1])
        relay.send_signal(signal.SIGTERM)
        self.end(relay, 143)

    def test_no_one_at_the_other_side(self):
        sender = self.start_listening("send", "--listen", self.a, "x")
        self.run_tenon("relay", self.a, self.b, status=4)
        sender.wait(support.LIMIT_S)

    def test_a_receiver_that_closes_is_passed_on(self):
        receiver = self.start_listening("recv", "--listen", self.b, "--count", "1")
        relay = self.start_listening("relay", "--listen-a", self.a, self.b)
        sender = self.start("send", self.a)
        sender.stdin.write(b"one\n")
        self.assertEqual(self.end(receiver)[0], b"one\n")
        self.assertEqual(sender.wait(support.LIMIT_S), 0)
        self.end(relay)


if __name__ == "__main__":
    support.main()
