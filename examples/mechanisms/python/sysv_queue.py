"""A System V message queue, with the sysv_ipc module: python3 sysv_queue.py server|client [PLACE]

One queue for both directions: messages of type 10 are for the server, of type 11 for the client.
"""

import os
import sys
import time

import sysv_ipc

ROUNDS = 100
PROJECT = 42
TO_SERVER, TO_CLIENT = 10, 11


def key_of(place):
    return sysv_ipc.ftok(place, PROJECT, silence_warning=True)


def server(place):
    made_file = not os.path.exists(place)
    if made_file:  # ftok needs a file that exists
        open(place, "xb").close()
    queue = sysv_ipc.MessageQueue(key_of(place), sysv_ipc.IPC_CREX, mode=0o600)
    try:
        print(f"Server: waiting at {place}", flush=True)
        while True:
            message, _ = queue.receive(type=TO_SERVER)
            if message == b"end":
                break
            print(f"Server: Received {message.decode()}", flush=True)
            queue.send(b"pong", type=TO_CLIENT)
            print("Server: Sent pong", flush=True)
    finally:
        queue.remove()
        if made_file:
            os.unlink(place)


def client(place):
    for _ in range(500):  # a server that is still starting: up to 5 s
        try:
            queue = sysv_ipc.MessageQueue(key_of(place))
            break
        except (OSError, sysv_ipc.ExistentialError):  # no file yet, no queue yet
            time.sleep(0.01)
    else:
        sys.exit(f"there is no queue for {place}: start the server first")
    for _ in range(ROUNDS):
        queue.send(b"ping", type=TO_SERVER)
        print("Client: Sent ping", flush=True)
        message, _ = queue.receive(type=TO_CLIENT)
        print(f"Client: Received {message.decode()}", flush=True)
    queue.send(b"end", type=TO_SERVER)


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "/tmp/example")
