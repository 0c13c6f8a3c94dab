"""A named pipe, one way: python3 named_pipe.py server|client [PLACE]"""

import os
import sys
import time

ROUNDS = 100


def server(place):
    os.mkfifo(place, 0o600)
    try:
        print(f"Server: waiting at {place}", flush=True)
        reader = os.open(place, os.O_RDONLY)  # waits for a writer
        data = os.read(reader, 4)  # every writer writes 4 bytes at once, so 4 come at once
        while data == b"ping":
            print("Server: Received ping", flush=True)
            data = os.read(reader, 4)
        os.close(reader)
        if data != b"end":
            sys.exit(f"Server Error: received invalid message {data}")
    finally:
        os.unlink(place)


def client(place):
    for _ in range(500):  # a server that is still starting: up to 5 s
        if os.path.exists(place):
            break
        time.sleep(0.01)
    writer = os.open(place, os.O_WRONLY)  # waits for a reader
    for _ in range(ROUNDS):
        os.write(writer, b"ping")
        print("Client: Sent ping", flush=True)
    os.write(writer, b"end")
    os.close(writer)


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "/tmp/ping")
