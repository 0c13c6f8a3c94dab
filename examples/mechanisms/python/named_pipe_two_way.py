"""One named pipe for both directions: python3 named_pipe_two_way.py server|client [PLACE]

Whoever reads its own message back puts it there again and lets the other have a turn.
"""

import os
import sys
import time

ROUNDS = 100


def receive(pipe, own):
    data = os.read(pipe, 4)
    while data == own:
        os.write(pipe, own)
        time.sleep(0.0001)
        data = os.read(pipe, 4)
    return data


def server(place):
    os.mkfifo(place, 0o600)
    try:
        pipe = os.open(place, os.O_RDWR)  # does not wait for anyone
        print(f"Server: waiting at {place}", flush=True)
        data = receive(pipe, b"pong")
        while data == b"ping":
            print("Server: Received ping", flush=True)
            os.write(pipe, b"pong")
            print("Server: Sent pong", flush=True)
            data = receive(pipe, b"pong")
        os.close(pipe)
        if data != b"end":
            sys.exit(f"Server Error: received invalid message {data}")
    finally:
        os.unlink(place)


def client(place):
    for _ in range(500):  # a server that is still starting: up to 5 s
        if os.path.exists(place):
            break
        time.sleep(0.01)
    pipe = os.open(place, os.O_RDWR)
    for _ in range(ROUNDS):
        os.write(pipe, b"ping")
        print("Client: Sent ping", flush=True)
        data = receive(pipe, b"ping")
        print(f"Client: Received {data.decode()}", flush=True)
    os.write(pipe, b"end")
    os.close(pipe)


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "/tmp/ping")
