"""The command over one plain named pipe, with the programs that everyone has."""

import os
import subprocess

import support


class PlainFifo(support.ToolTest):
    def setUp(self):
        super().setUp()
        self.place = self.path("p")
        self.fifo = f"fifo:{self.place}?framing=lines"

    def shell(self, command, **options):
        process = subprocess.Popen(["sh", "-c", command], **options)
        self.processes.append(process)
        return process

    def test_echo_is_received(self):
        receiver = self.start_listening("recv", "--listen", self.fifo)
        self.shell(f"echo hello > {self.place}")
        self.assertEqual(self.end(receiver)[0], b"hello\n")
        self.assertFalse(os.path.exists(self.place))

    def test_cat_reads_what_is_sent(self):
        sender = self.start_listening("send", "--listen", self.fifo, "hello", "world")
        cat = self.shell(f"exec cat {self.place}", stdout=subprocess.PIPE)
        self.assertEqual(cat.communicate(timeout=support.LIMIT_S)[0], b"hello\nworld\n")
        self.end(sender)
        self.assertFalse(os.path.exists(self.place))

    def test_a_pipe_of_mkfifo_is_used_and_left(self):
        os.mkfifo(self.place)
        lines = b"".join(b"%d\n" % number for number in range(20000))
        receiver = self.start("recv", self.fifo)
        self.run_tenon("send", self.fifo, stdin=lines)
        self.assertEqual(self.end(receiver)[0], lines)
        self.assertTrue(os.path.exists(self.place))

    def test_a_sender_without_a_reader_gives_up_at_its_deadline(self):
        os.mkfifo(self.place)
        errors = self.run_tenon("send", self.fifo, "hello", "--timeout", "50ms", status=3).stderr.decode()
        self.assertIn("no program has opened it for reading", errors)

    def test_a_reader_that_leaves_ends_the_sender_without_a_signal(self):
        os.mkfifo(self.place)
        head = self.shell(f"exec head -n 1 {self.place}", stdout=subprocess.PIPE)
        lines = b"".join(b"%d\n" % number for number in range(1000000))
        errors = self.run_tenon("send", self.fifo, stdin=lines, status=1).stderr.decode()
        self.assertIn("the receiver closed", errors)
        self.assertEqual(head.communicate(timeout=support.LIMIT_S)[0], b"0\n")

    def test_a_relay_reads_from_one_and_writes_to_another(self):
        os.mkfifo(self.place)
        receiver = self.start_listening("recv", "--listen", self.address)
        second = self.path("q")
        inner = self.start_listening("relay", "--listen-a", f"fifo:{second}?framing=lines", self.address)
        outer = self.start("relay", self.fifo, f"fifo:{second}?framing=lines")
        self.shell(f"printf 'one\\ntwo\\n' > {self.place}")
        self.end(outer)
        self.end(inner)
        self.assertEqual(self.end(receiver)[0], b"one\ntwo\n")

    def test_a_relay_serves_one_writer_after_another_with_many(self):
        second = self.path("q")
        os.mkfifo(second)
        relay = self.start_listening("relay", "--listen-a", "--many", self.fifo, f"fifo:{second}?framing=lines")
        for word in (b"one", b"two", b"three"):
            self.shell(f"echo {word.decode()} > {self.place}")
            cat = self.shell(f"exec cat {second}", stdout=subprocess.PIPE)
            self.assertEqual(cat.communicate(timeout=support.LIMIT_S)[0], word + b"\n")
        relay.terminate()
        relay.communicate(timeout=support.LIMIT_S)
        self.assertFalse(os.path.exists(self.place))

    def example(self, role, **options):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "../../examples/mechanisms/python/named_pipe.py")
        return self.shell(f"exec /usr/bin/python3 -B {script} {role} {self.place}", **options)

    def test_the_python_examples_client_is_received(self):
        receiver = self.start_listening("recv", "--listen", f"fifo:{self.place}?framing=raw", "--format", "raw")
        self.example("client", stdout=subprocess.DEVNULL)
        self.assertEqual(self.end(receiver)[0], b"ping" * 100 + b"end")

    def test_the_python_examples_server_understands(self):
        server = self.example("server", stdout=subprocess.PIPE)
        self.run_tenon("send", "--wait", "20s", f"fifo:{self.place}?framing=raw", *["ping"] * 100, "end")
        received = server.communicate(timeout=support.LIMIT_S)[0]
        self.assertEqual(received.count(b"Server: Received ping\n"), 100)
        self.assertEqual(server.returncode, 0)


if __name__ == "__main__":
    support.main()
