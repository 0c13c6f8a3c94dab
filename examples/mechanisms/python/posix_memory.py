"""POSIX shared memory: python3 posix_memory.py server|client [PLACE]

A name like /tenon-example is a file in /dev/shm. (multiprocessing.shared_memory opens it too, but before Python 3.13
its resource tracker removes the name when a process that only opened it ends.)

The message is what stands in the first four bytes of 20 that both see; whoever waits looks again and again.
"""

import mmap
import os
import sys
import time

ROUNDS = 100
SIZE = 20
FOLDER = "/dev/shm"


def put(memory, message):
    """One store: a slice of a mmap is copied by memcpy(3), which may store twice, the second time over an answer."""
    with memoryview(memory).cast("I") as words:
        words[0] = int.from_bytes(message.ljust(4, b"\0"), sys.byteorder)


def wait_for(memory, *messages, patience=5.0):
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        for message in messages:
            if memory[0:4] == message.ljust(4, b"\0"):
                return message
        time.sleep(0.0001)
    sys.exit("the partner is silent: it may have died")


def server(place):
    file = os.open(FOLDER + place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(file, 0, SIZE)
        memory = mmap.mmap(file, SIZE)
        print(f"Server: waiting at {place}", flush=True)
        patience = float("inf")  # for the first client; from then on it must stay lively
        while wait_for(memory, b"ping", b"end", patience=patience) == b"ping":
            print("Server: Received ping", flush=True)
            put(memory, b"pong")
            print("Server: Sent pong", flush=True)
            patience = 5.0
        memory.close()
    finally:
        os.close(file)
        os.unlink(FOLDER + place)


def client(place):
    for _ in range(500):  # a server that is still starting: up to 5 s
        if os.path.exists(FOLDER + place) and os.path.getsize(FOLDER + place) == SIZE:
            break
        time.sleep(0.01)
    with open(FOLDER + place, "r+b") as file:
        memory = mmap.mmap(file.fileno(), SIZE)
    for _ in range(ROUNDS):
        put(memory, b"ping")
        print("Client: Sent ping", flush=True)
        wait_for(memory, b"pong")
        print("Client: Received pong", flush=True)
    put(memory, b"end")
    memory.close()


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "/tenon-example")
