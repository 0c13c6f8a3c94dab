"""The command over plain POSIX queues that another program uses too: the example programs, in both roles, and the
priorities that a program gives to what it sends."""

import ctypes
import os
import subprocess

import support

PYTHON = ["/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples",
                                           "mechanisms", "python", "posix_queue.py")]
LIBC = ctypes.CDLL(None, use_errno=True)


def cpp():
    return [os.path.join(os.path.dirname(support.TENON), "examples", "posix_queue")]


class PlainPosixQueue(support.ToolTest):
    def setUp(self):
        super().setUp()
        self.place = f"/tenon-tool-{os.getpid()}-plain"
        self.questions = f"posix-mq:{self.place}?framing=raw"
        self.answers = f"posix-mq:{self.place}-reply?framing=raw"

    def example(self, program, role):
        process = subprocess.Popen([*program, role, self.place], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def assert_gone(self):
        for address in (self.questions, self.answers):
            self.run_tenon("send", address, "x", status=4)

    def talk_as_client(self, program):
        server = self.example(program, "server")
        self.assertIn(b"waiting", server.stdout.readline())
        self.run_tenon("send", self.questions, "ping", "ping", "ping")
        received = self.run_tenon("recv", self.answers, "--count", "3").stdout
        self.assertEqual(received, b"pong\n" * 3)
        self.run_tenon("send", self.questions, "end")
        server.stdout.read()  # until its end
        self.assertEqual(server.wait(support.LIMIT_S), 0)
        self.assert_gone()

    def talk_as_server(self, program):
        sender = self.start_listening("send", "--listen", self.answers)
        receiver = self.start_listening("recv", "--listen", self.questions, "--count", "101")
        client = self.example(program, "client")
        for _ in range(100):
            self.assertEqual(receiver.stdout.readline(), b"ping\n")
            sender.stdin.write(b"pong\n")
        self.assertEqual(self.end(receiver)[0], b"end\n")
        self.assertEqual(client.stdout.read().count(b"Received pong"), 100)
        self.end(sender)
        self.assert_gone()

    def test_it_is_a_client_of_the_cpp_example(self):
        self.talk_as_client(cpp())

    def test_it_is_a_client_of_the_python_example(self):
        self.talk_as_client(PYTHON)

    def test_it_serves_the_cpp_example(self):
        self.talk_as_server(cpp())

    def test_it_serves_the_python_example(self):
        self.talk_as_server(PYTHON)

    def test_another_program_sees_priorities_and_gives_them(self):
        holder = self.start_listening("send", "--listen", self.questions)
        self.run_tenon("send", self.questions, "low")
        self.run_tenon("send", self.questions + "&priority=9", "urgent")
        queue = LIBC.mq_open(self.place.encode(), os.O_RDWR)
        self.assertGreaterEqual(queue, 0)
        buffer, priority = ctypes.create_string_buffer(8192), ctypes.c_uint()
        for message, expected in ((b"urgent", 9), (b"low", 0)):
            size = LIBC.mq_receive(queue, buffer, ctypes.c_size_t(len(buffer)), ctypes.byref(priority))
            self.assertEqual((buffer.raw[:size], priority.value), (message, expected))
        for message, given in ((b"later", 0), (b"first", 32767), (b"second", 32767)):
            self.assertEqual(LIBC.mq_send(queue, message, ctypes.c_size_t(len(message)), given), 0)
        os.close(queue)
        self.assertEqual(self.run_tenon("recv", self.questions, "--count", "3").stdout, b"first\nsecond\nlater\n")
        self.end(holder)
        self.assert_gone()


if __name__ == "__main__":
    support.main()
