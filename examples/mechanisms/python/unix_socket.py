"""A Unix socket: python3 unix_socket.py server|client [PLACE]

The server takes one client after another until Ctrl-C. PLACE is a path, or @NAME in the abstract namespace.
"""

import os
import signal
import socket
import sys
import time

ROUNDS = 100
MESSAGES = (b"ping", b"pong", b"end")


def address(place):
    return "\0" + place[1:] if place.startswith("@") else place


def messages(connection):
    """A byte stream may bring half a message or several at once; no message is the beginning of another."""
    pending = b""
    while True:
        whole = next((m for m in MESSAGES if pending.startswith(m)), None)
        if whole:
            pending = pending[len(whole):]
            yield whole
        elif any(m.startswith(pending) for m in MESSAGES) and (data := connection.recv(16)):
            pending += data
        else:
            yield pending  # not a message, or (empty) the end of the stream
            return


def serve_one(connection):
    for message in messages(connection):
        if message != b"ping":
            break
        print("Server: Received ping", flush=True)
        connection.sendall(b"pong")
        print("Server: Sent pong", flush=True)
    if message == b"end":
        print("Server: Connection shutting down", flush=True)
    else:
        print(f"Server Error: received invalid message {message.decode(errors='replace')}, shutting down connection",
              flush=True)


def server(place):
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address(place))  # "address already in use": another server, or the name that a killed one left
    try:
        listener.listen(1)
        print(f"Server: waiting at {place}", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    serve_one(connection)
                except ConnectionError as error:
                    print(f"Server Error: {error}", flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        if not place.startswith("@"):
            os.unlink(place)


def client(place):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    for attempt in range(250):  # a server that is still starting: up to 5 s
        try:
            connection.connect(address(place))
            break
        except (FileNotFoundError, ConnectionRefusedError):
            if attempt == 249:
                raise
            time.sleep(0.02)
    answers = messages(connection)
    for _ in range(ROUNDS):
        connection.sendall(b"ping")
        print("Client: Sent ping", flush=True)
        answer = next(answers)
        if answer != b"pong":
            sys.exit(f"Client Error: received {answer} instead of pong")
        print("Client: Received pong", flush=True)
    connection.sendall(b"end")
    connection.close()


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "./udsocket")
