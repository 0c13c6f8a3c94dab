"""A plain file as a conversation of 4-byte records: python3 plain_file.py server|client [PLACE]

Even records are the client's, odd ones the server's. This side asks again and again whether the file has grown.
"""

import os
import sys
import time

ROUNDS = 100
SIZE = 4


def record(file, number):
    while os.fstat(file).st_size < (number + 1) * SIZE:
        time.sleep(0.0005)
    return os.pread(file, SIZE, number * SIZE)


def server(place):
    file = os.open(place, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        print(f"Server: waiting at {place}", flush=True)
        number = 0
        while (data := record(file, number)) == b"ping":
            print("Server: Received ping", flush=True)
            os.write(file, b"pong")
            print("Server: Sent pong", flush=True)
            number += 2
        if data != b"end\n":
            sys.exit(f"Server Error: received invalid message {data}")
    finally:
        os.unlink(place)


def client(place):
    for _ in range(500):  # a server that is still starting: up to 5 s
        if os.path.exists(place):
            break
        time.sleep(0.01)
    file = os.open(place, os.O_RDWR | os.O_APPEND)
    for number in range(0, 2 * ROUNDS, 2):
        os.write(file, b"ping")
        print("Client: Sent ping", flush=True)
        print(f"Client: Received {record(file, number + 1).decode()}", flush=True)
    os.write(file, b"end\n")


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "/tmp/tenon-plain")
