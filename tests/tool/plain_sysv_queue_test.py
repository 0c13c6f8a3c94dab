"""The command over one System V queue that another program uses too: the example programs, in both roles."""

import os
import subprocess

import support

PYTHON = ["/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples",
                                           "mechanisms", "python", "sysv_queue.py")]


def cpp():
    return [os.path.join(os.path.dirname(support.TENON), "examples", "sysv_queue")]


class PlainSysvQueue(support.ToolTest):
    def setUp(self):
        super().setUp()
        self.place = self.path("key")

    def queue(self, message_type):
        return f"sysv-mq:{self.place}?project=42&framing=raw&type={message_type}"

    def example(self, program, role):
        process = subprocess.Popen([*program, role, self.place], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def talk_as_client(self, program):
        server = self.example(program, "server")
        self.assertIn(b"waiting", server.stdout.readline())
        self.run_tenon("send", self.queue(10), "ping", "ping", "ping")
        received = self.run_tenon("recv", self.queue(11), "--count", "3").stdout
        self.assertEqual(received, b"pong\n" * 3)
        self.run_tenon("send", self.queue(10), "end")
        server.stdout.read()  # until its end
        self.assertEqual(server.wait(support.LIMIT_S), 0)
        self.assertFalse(os.path.exists(self.place))

    def talk_as_server(self, program):
        receiver = self.start_listening("recv", "--listen", self.queue(10), "--count", "1")
        client = self.example(program, "client")
        self.assertEqual(self.end(receiver)[0], b"ping\n")
        client.kill()

    def test_it_is_a_client_of_the_cpp_example(self):
        self.talk_as_client(cpp())

    def test_it_is_a_client_of_the_python_example(self):
        self.talk_as_client(PYTHON)

    def test_it_hears_the_cpp_example(self):
        self.talk_as_server(cpp())

    def test_it_hears_the_python_example(self):
        self.talk_as_server(PYTHON)


if __name__ == "__main__":
    support.main()
