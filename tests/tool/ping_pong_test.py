"""tenon ping and tenon pong."""

import json
import math

import support


class PingPong(support.ToolTest):
    def ping(self, *options, status=0):
        pong = self.start_listening("pong", "--listen", self.address)
        done = self.run_tenon("ping", self.address, *options, status=status)
        self.end(pong)
        return done

    def test_the_text_has_every_quantile(self):
        text = self.ping("--count", "50").stdout.decode()
        self.assertIn("50 round trips of 64 bytes", text)
        for name in ("min", "p50", "p90", "p99", "p99.9", "max", "MB/s"):
            self.assertIn(name, text)

    def test_quantiles_are_samples_by_nearest_rank(self):
        report = json.loads(self.ping("--count", "333", "--json", "--samples").stdout)
        samples = sorted(report["samples_ns"])
        self.assertEqual((report["count"], report["size"], len(samples)), (333, 64, 333))
        for name, value in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)):
            self.assertEqual(report["round_trip_ns"][name], samples[math.ceil(value * 333) - 1])
        self.assertEqual((report["round_trip_ns"]["min"], report["round_trip_ns"]["max"]), (samples[0], samples[-1]))
        self.assertGreater(report["round_trips_per_second"], 0)

    def test_any_size(self):
        for size, count in (("0", 10), ("1", 10), ("100K", 10), ("70M", 2)):
            report = json.loads(self.ping("--size", size, "--count", str(count), "--warmup", "0", "--json").stdout)
            self.assertEqual(report["count"], count)

    def test_ping_may_listen(self):
        ping = self.start_listening("ping", "--listen", self.address, "--count", "5", "--json")
        self.run_tenon("pong", self.address)
        self.assertEqual(json.loads(self.end(ping)[0])["count"], 5)

    def test_a_paced_ping(self):
        self.ping("--count", "10", "--rate", "1000", "--warmup", "0")

    def test_a_size_beyond_the_maximum_is_too_large(self):
        self.assertIn("too large", self.ping("--size", "1T", status=6).stderr.decode())

    def test_an_answer_that_is_not_what_was_sent(self):
        wrong = self.start_listening("send", "--listen", self.address)
        wrong.stdin.write(b"x" * 64 + b"\n")
        self.assertIn("not what was sent", self.run_tenon("ping", self.address, status=8).stderr.decode())
        wrong.wait(support.LIMIT_S)

    def test_a_peer_that_closes(self):
        other = self.start_listening("recv", "--listen", self.address, "--count", "1")
        self.assertIn("closed", self.run_tenon("ping", self.address, status=1).stderr.decode())
        self.end(other)

    def test_a_sender_to_pong_is_not_wedged(self):
        pong = self.start_listening("pong", "--listen", self.address)
        self.run_tenon("send", self.address, "x" * 10000, "--count", "5000")
        self.end(pong)


if __name__ == "__main__":
    support.main()
