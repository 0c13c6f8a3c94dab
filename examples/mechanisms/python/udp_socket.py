"""UDP datagrams: python3 udp_socket.py server|client [HOST:PORT]

A datagram is whole or lost, and nobody is told: who waits for an answer asks again.
"""

import socket
import sys
import time

ROUNDS = 100
ATTEMPTS = 5


def open_socket(place):
    host, _, port = place.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM), (host, int(port))


def server(place):
    mailbox, address = open_socket(place)
    with mailbox:
        mailbox.bind(address)
        print(f"Server: waiting at {place}", flush=True)
        while True:
            data, sender = mailbox.recvfrom(16)
            if data == b"end":
                return
            if data != b"ping":
                print(f"Server Error: received invalid message {data} from {sender}", flush=True)
                continue
            print("Server: Received ping", flush=True)
            mailbox.sendto(b"pong", sender)
            print("Server: Sent pong", flush=True)


def ask(mailbox, attempts):
    for _ in range(attempts):
        try:
            mailbox.send(b"ping")
            data = mailbox.recv(16)
            print("Client: Sent ping", flush=True)
            return data
        except TimeoutError:  # the ping was lost, or the pong
            print("Client: Sent ping", flush=True)
        except ConnectionRefusedError:  # nobody has the port (yet)
            time.sleep(0.02)
    sys.exit("Client Error: the server does not answer")


def client(place):
    mailbox, address = open_socket(place)
    with mailbox:
        mailbox.connect(address)  # sends nothing; errors that come back are now reported
        mailbox.settimeout(1)
        for round_number in range(ROUNDS):
            data = ask(mailbox, 250 if round_number == 0 else ATTEMPTS)  # at first it may still be starting
            if data != b"pong":
                sys.exit(f"Client Error: received {data} instead of pong")
            print("Client: Received pong", flush=True)
        mailbox.settimeout(0.05)
        for _ in range(ATTEMPTS):  # nothing answers `end`: until the port is closed
            try:
                mailbox.send(b"end")
                mailbox.recv(16)
            except TimeoutError:
                pass
            except ConnectionRefusedError:
                break


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:7767")
