#!/usr/bin/python3
"""The Python speaker (examples/interop/speak.py), which follows docs/wire-format.md, against the C++ command.

    speak_test.py PATH_OF_TENON
"""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SPEAKER = SOURCE / "examples/interop/speak.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SPEAKER.parent))
import speak  # noqa: E402

TENON = os.environ.get("TENON", "")
PATIENCE = 30
LARGE = "0123456789" * 13_000  # three frames; beyond Linux's limit for one argument (execve(2)) it could not be passed


class Speaking(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.place = os.path.join(self.folder.name, "s")
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                self.fail(f"still running: {process.args}")
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()

    def start(self, *arguments):
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def listening(self, *arguments):
        """A tenon command that waits at the place; connecting is tried until it does."""
        process = self.start(TENON, *arguments)
        while not os.path.exists(self.place):
            self.assertIsNone(process.poll(), "it ended before it listened")
        return process

    def speaker(self):
        """A speaker that is connected; the name is only there once the listener listens."""
        return speak.connect(self.place)

    def output_of(self, process, status=0):
        output, error = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, status, error)
        return output

    def test_what_python_sends_arrives_in_cpp(self):
        receiver = self.listening("recv", "--listen", "unix:" + self.place)
        sender = self.start(str(SPEAKER), "send", self.place, "hello", "", "榫", LARGE)
        self.output_of(sender)
        self.assertEqual(self.output_of(receiver), f"hello\n\n榫\n{LARGE}\n")

    def test_what_cpp_sends_arrives_in_python(self):
        sender = self.listening("send", "--listen", "unix:" + self.place, "hello", "", "榫", LARGE)
        receiver = self.start(str(SPEAKER), "recv", self.place)
        self.assertEqual(self.output_of(receiver), f"hello\n\n榫\n{LARGE}\n")
        self.output_of(sender)

    def test_every_byte_comes_back(self):
        for size in ("0", "64", "64K", "65537", "1M"):
            with self.subTest(size=size):
                echo = self.start(str(SPEAKER), "echo", self.place)
                echo.stderr.readline()  # "waiting at …"
                ping = self.start(TENON, "ping", "unix:" + self.place, "--size", size, "--count", "20")
                self.assertIn("every byte checked", self.output_of(ping))
                self.output_of(echo)

    def test_a_withdrawn_message_is_never_seen(self):
        receiver = self.listening("recv", "--listen", "unix:" + self.place)
        channel = self.speaker()
        channel.sock.sendall(bytes.fromhex("05000000 01000000 68 65 000000 0000 3c"))
        channel.send(b"kept")
        channel.sock.sendall(bytes.fromhex("00000100 02000000 0300020000000000") + b"a" * 65536)
        channel.sock.sendall(bytes.fromhex("00000000000000c3"))  # the first frame of a long message …
        channel.sock.sendall(bytes.fromhex("00000000 04000000 000000000000003c"))  # … that is withdrawn there
        channel.send(b"kept too")
        channel.finish()
        self.assertEqual(self.output_of(receiver), "kept\nkept too\n")
        channel.sock.close()

    def test_an_end_without_a_close_frame_is_a_death(self):
        receiver = self.listening("recv", "--listen", "unix:" + self.place)
        channel = self.speaker()
        channel.send(b"last words")
        channel.sock.sendall(bytes.fromhex("05000000 01000000 6865"))  # and a torn one
        channel.sock.close()
        self.assertEqual(self.output_of(receiver, status=5), "last words\n")

    def test_a_peer_that_breaks_a_rule_is_disconnected(self):
        receiver = self.listening("recv", "--listen", "unix:" + self.place)
        channel = self.speaker()
        channel.sock.sendall(bytes.fromhex("00000000 09000000"))
        channel.sock.settimeout(PATIENCE)
        with self.assertRaises((ConnectionError, BrokenPipeError)):
            channel.exactly(1)
        self.output_of(receiver, status=8)
        channel.sock.close()

    def test_the_speaker_tells_death_and_violation_too(self):
        for bytes_of_peer, reason in ((b"", "peer died"), (bytes.fromhex("0000000009000000"), "violation")):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                theirs.sendall(bytes.fromhex("54454e4f4e0d0a00 01002000 00000000 0000004000000000 0000000000000000"))
                channel = speak.Channel(ours)
                theirs.sendall(bytes_of_peer)
                theirs.shutdown(socket.SHUT_WR)
                with self.assertRaisesRegex(ConnectionError, reason):
                    channel.receive()


if __name__ == "__main__":
    TENON = sys.argv.pop(1)
    unittest.main()
