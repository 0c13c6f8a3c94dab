"""A TCP connection: python3 tcp_socket.py server|client [HOST:PORT]"""

import socket
import sys
import time

ROUNDS = 100


def parse(place):
    host, _, port = place.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


def receive(connection, size):
    """A byte stream may bring fewer bytes than asked for, not only at its end."""
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def server(place):
    host, port = parse(place)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        print(f"Server: waiting at {place}", flush=True)
        connection, _ = listener.accept()
    with connection:
        data = receive(connection, 4)  # `end` is shorter, and followed by the end of the stream
        while data == b"ping":
            print("Server: Received ping", flush=True)
            connection.sendall(b"pong")
            print("Server: Sent pong", flush=True)
            data = receive(connection, 4)
    if data != b"end":
        sys.exit(f"Server Error: received invalid message {data}")


def connect(place):
    for attempt in range(250):  # a server that is still starting: up to 5 s
        try:
            return socket.create_connection(parse(place), timeout=5)
        except ConnectionRefusedError:
            if attempt == 249:
                raise
            time.sleep(0.02)


def client(place):
    with connect(place) as connection:
        for _ in range(ROUNDS):
            connection.sendall(b"ping")
            print("Client: Sent ping", flush=True)
            data = receive(connection, 4)
            if data != b"pong":
                sys.exit(f"Client Error: received {data} instead of pong")
            print("Client: Received pong", flush=True)
        connection.sendall(b"end")


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:7766")
