"""System V shared memory, with the sysv_ipc module: python3 sysv_memory.py server|client [PLACE]

The message is what stands in the first four bytes of 20 that both see; whoever waits looks again and again.
"""

import os
import sys
import time

import sysv_ipc

ROUNDS = 100
SIZE = 20
PROJECT = 42


def key_of(place):
    return sysv_ipc.ftok(place, PROJECT, silence_warning=True)


def put(memory, message):
    """One store: write() copies by memcpy(3), which may store twice, the second time over an answer."""
    with memoryview(memory).cast("I") as words:
        words[0] = int.from_bytes(message.ljust(4, b"\0"), sys.byteorder)


def wait_for(memory, *messages, patience=5.0):
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        for message in messages:
            if memory.read(4) == message.ljust(4, b"\0"):
                return message
        time.sleep(0.0001)
    sys.exit("the partner is silent: it may have died")


def server(place):
    made_file = not os.path.exists(place)
    if made_file:  # ftok needs a file that exists
        open(place, "xb").close()
    memory = sysv_ipc.SharedMemory(key_of(place), sysv_ipc.IPC_CREX, mode=0o600, size=SIZE)
    try:
        print(f"Server: waiting at {place}", flush=True)
        patience = float("inf")  # for the first client; from then on it must stay lively
        while wait_for(memory, b"ping", b"end", patience=patience) == b"ping":
            print("Server: Received ping", flush=True)
            put(memory, b"pong")
            print("Server: Sent pong", flush=True)
            patience = 5.0
    finally:
        memory.detach()
        memory.remove()
        if made_file:
            os.unlink(place)


def client(place):
    for _ in range(500):  # a server that is still starting: up to 5 s
        try:
            memory = sysv_ipc.SharedMemory(key_of(place))
            break
        except (OSError, sysv_ipc.ExistentialError):  # no file yet, no segment yet
            time.sleep(0.01)
    else:
        sys.exit(f"there is no memory for {place}: start the server first")
    for _ in range(ROUNDS):
        put(memory, b"ping")
        print("Client: Sent ping", flush=True)
        wait_for(memory, b"pong")
        print("Client: Received pong", flush=True)
    put(memory, b"end")
    memory.detach()


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "/tmp/example")
