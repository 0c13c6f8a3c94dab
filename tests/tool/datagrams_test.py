"""Plain datagrams, framing=raw, with programs that know nothing of tenon: sockets of Python in both roles, and the
example program for UDP with a relay between its two sides."""

import os
import signal
import socket
import subprocess
import sys

import support

EXAMPLE = os.path.join(os.path.dirname(__file__), "../../examples/mechanisms/python/udp_socket.py")


class PlainDatagrams(support.ToolTest):
    def udp(self):
        """A socket at a port of the kernel's choice, and its address."""
        plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(plain.close)
        plain.settimeout(support.LIMIT_S)
        plain.bind(("127.0.0.1", 0))
        return plain, f"udp:{plain.getsockname()[1]}?framing=raw"

    def port_of(self, process):
        line = self.wait_for_line(process, b"listening at").decode()
        return int(line.split("listening at udp:127.0.0.1:")[1].split("?")[0])

    def test_a_udp_socket_receives_each_message_as_one_datagram(self):
        plain, address = self.udp()
        self.run_tenon("send", address, "hello", "", "world")
        self.assertEqual([plain.recv(100) for _ in range(3)], [b"hello", b"", b"world"])

    def test_what_a_udp_socket_sends_is_received(self):
        receiver = self.start("recv", "--listen", "udp:0?framing=raw", "--count", "3", "--verbose")
        plain, _ = self.udp()
        port = self.port_of(receiver)
        for text in (b"one", b"", b"three"):
            plain.sendto(text, ("127.0.0.1", port))
        self.assertEqual(self.end(receiver)[0], b"one\n\nthree\n")

    def test_the_example_talks_through_a_relay(self):
        plain, address = self.udp()
        port = plain.getsockname()[1]
        plain.close()
        server = subprocess.Popen([sys.executable, EXAMPLE, "server", f"127.0.0.1:{port}"], stdout=subprocess.PIPE)
        self.processes.append(server)
        self.assertIn(b"waiting", server.stdout.readline())
        relay = self.start("relay", "--listen-a", "udp:0?framing=raw", address, "--verbose")
        client = subprocess.run([sys.executable, EXAMPLE, "client", f"127.0.0.1:{self.port_of(relay)}"],
                                capture_output=True, timeout=support.LIMIT_S, check=True)
        self.assertEqual(client.stdout.count(b"Received pong"), 100)
        self.assertEqual(server.communicate(timeout=support.LIMIT_S)[0].count(b"Received ping"), 100)
        relay.send_signal(signal.SIGINT)
        relay.communicate(timeout=support.LIMIT_S)

    def test_a_unix_socket_receives_each_message_as_one_datagram(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plain:
            plain.bind(self.path("plain"))
            self.run_tenon("send", f"unix:{self.path('plain')}?type=dgram&framing=raw", "hello", "", "world")
            self.assertEqual([plain.recv(100) for _ in range(3)], [b"hello", b"", b"world"])
        os.unlink(self.path("plain"))

    def test_what_unix_sockets_send_is_received_whoever_sends(self):
        receiver = self.start_listening("recv", "--listen", f"unix:{self.path('box')}?type=dgram&framing=raw",
                                        "--count", "3")
        for text in (b"one", b"", b"three"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plain:
                plain.sendto(text, self.path("box"))
        self.assertEqual(self.end(receiver)[0], b"one\n\nthree\n")


if __name__ == "__main__":
    support.main()
