"""tcp: with programs that know only sockets, and what a user of the command sees."""

import os
import re
import socket
import threading

import support


class Tcp(support.ToolTest):
    def start_at_a_free_port(self, *arguments, **options):
        """A listening command at a port that the system chose; its address for others."""
        process = self.start(*arguments, "--verbose", **options)
        line = self.wait_for_line(process, b"listening at").decode()
        return process, int(re.search(r"tcp:127\.0\.0\.1:(\d+)", line).group(1))

    def test_many_lines(self):
        lines = b"".join(b"%d\n" % number for number in range(100000))
        with open(self.path("received"), "wb") as file:
            receiver, port = self.start_at_a_free_port("recv", "--listen", "tcp::0", stdout=file)
        self.run_tenon("send", f"tcp:{port}", stdin=lines)
        self.assertEqual(self.received(receiver), lines)

    def test_lines_from_a_socket(self):
        receiver, port = self.start_at_a_free_port("recv", "--listen", "tcp::0?framing=lines")
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(b"hello\nwor")
            peer.sendall(b"ld\nthe last line needs no end")
        self.assertEqual(self.end(receiver)[0], b"hello\nworld\nthe last line needs no end\n")

    def test_lines_to_a_socket(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            got = []
            def listen():
                with server.accept()[0] as peer:
                    got.append(b"".join(iter(lambda: peer.recv(65536), b"")))
            thread = threading.Thread(target=listen)
            thread.start()
            self.run_tenon("send", f"tcp:localhost:{server.getsockname()[1]}?framing=lines", stdin=b"one\ntwo\n")
            thread.join(support.LIMIT_S)
        self.assertEqual(got, [b"one\ntwo\n"])

    def test_raw_bytes_both_ways(self):
        data = os.urandom(1000000)
        echo, port = self.start_at_a_free_port("pong", "--listen", "tcp::0?framing=raw")
        with socket.create_connection(("127.0.0.1", port)) as peer:
            sending = threading.Thread(target=lambda: (peer.sendall(data), peer.shutdown(socket.SHUT_WR)))
            sending.start()
            back = b"".join(iter(lambda: peer.recv(65536), b""))
            sending.join(support.LIMIT_S)
        self.assertEqual(back, data)
        self.end(echo)

    def test_a_program_that_speaks_something_else(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer():
                with server.accept()[0] as peer:
                    peer.recv(32)
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            thread = threading.Thread(target=answer)
            thread.start()
            done = self.run_tenon("send", f"tcp:{server.getsockname()[1]}", "hello", status=8)
            self.assertIn(b"does not speak tenon", done.stderr)
            thread.join(support.LIMIT_S)

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            done = self.run_tenon("recv", "--listen", f"tcp:{server.getsockname()[1]}", status=1)
        self.assertIn(f"process {os.getpid()} (".encode(), done.stderr)

    def test_nobody_is_there(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.assertIn(b"start the listener", self.run_tenon("send", f"tcp:{port}", "x", status=4).stderr)


if __name__ == "__main__":
    support.main()
