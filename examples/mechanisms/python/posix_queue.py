"""POSIX message queues, called through ctypes: python3 posix_queue.py server|client [PLACE]

The standard library has none, so these are the C functions themselves. Two queues: PLACE towards the server, PLACE-reply
back. PLACE is not a path: one slash, and no other.
"""

import atexit
import ctypes
import os
import sys
import time

ROUNDS = 100
libc = ctypes.CDLL(None, use_errno=True)
libc.mq_receive.restype = ctypes.c_ssize_t


class Attributes(ctypes.Structure):  # struct mq_attr
    _fields_ = [(name, ctypes.c_long) for name in ("flags", "maxmsg", "msgsize", "curmsgs", *"abcd")]


def checked(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def create(name):
    attributes = Attributes(maxmsg=10, msgsize=64)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    queue = checked(libc.mq_open(name.encode(), flags, 0o600, ctypes.byref(attributes)))
    atexit.register(libc.mq_unlink, name.encode())
    return queue


def open_when_there(name, flags):
    for _ in range(500):  # a server that is still starting: up to 5 s
        try:
            return checked(libc.mq_open(name.encode(), flags))
        except FileNotFoundError:
            time.sleep(0.01)
    sys.exit(f"there is no queue {name}: start the server first")


def send(queue, message):
    checked(libc.mq_send(queue, message, ctypes.c_size_t(len(message)), 0))


def receive(queue):
    buffer = ctypes.create_string_buffer(8192)  # at least the queue's msgsize, or EMSGSIZE
    size = checked(libc.mq_receive(queue, buffer, ctypes.c_size_t(len(buffer)), None))
    return buffer.raw[:size]


def server(place):
    answers = create(place + "-reply")
    questions = create(place)
    print(f"Server: waiting at {place}", flush=True)
    while (message := receive(questions)) == b"ping":
        print(f"Server: Received {message.decode()}", flush=True)
        send(answers, b"pong")
        print("Server: Sent pong", flush=True)


def client(place):
    questions = open_when_there(place, os.O_WRONLY)
    answers = open_when_there(place + "-reply", os.O_RDONLY)
    for _ in range(ROUNDS):
        send(questions, b"ping")
        print("Client: Sent ping", flush=True)
        print(f"Client: Received {receive(answers).decode()}", flush=True)
    send(questions, b"end")


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "/tenon-example")
