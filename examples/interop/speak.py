#!/usr/bin/python3
"""tenon's wire format in another language, written from docs/wire-format.md alone.

    speak.py send  PLACE MESSAGE...   connect to the Unix socket at PLACE, send, close in order
    speak.py recv  PLACE              connect, print what comes, a line for each message, until the peer closes
    speak.py echo  PLACE              listen at PLACE, send every message of one peer back, until it closes
"""
import os
import socket
import struct
import sys

MAGIC, VERSION, HELLO_SIZE = b"TENON\r\n\0", 1, 32
CHUNK = 64 * 1024
SHORT = 4096  # the header of a longer message says its size
WHOLE, FIRST, MIDDLE, LAST, CLOSE = 1, 2, 3, 4, 5
COMMITTED, WITHDRAWN = 0xC3, 0x3C
MAX_MESSAGE = 1 << 30


class Channel:
    def __init__(self, sock):
        self.sock = sock
        sock.sendall(struct.pack("<8sHH4xQ8x", MAGIC, VERSION, HELLO_SIZE, MAX_MESSAGE))
        magic, version, size, self.peer_takes = struct.unpack("<8sHH4xQ8x", self.exactly(HELLO_SIZE))
        if (magic, version, size) != (MAGIC, VERSION, HELLO_SIZE):
            raise ConnectionError("the other end does not speak version 1 of tenon's format")

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            if not part:
                raise ConnectionError("peer died")
            data += part
        return bytes(data)

    def frame(self, kind, payload=b"", total=None):
        header = struct.pack("<IBBH", len(payload), kind, 0, 0)
        if kind == FIRST or (kind == WHOLE and len(payload) > SHORT):
            header += struct.pack("<Q", len(payload) if total is None else total)
        padding = bytes(7 - len(payload) % 8)
        self.sock.sendall(header + payload + padding + bytes([COMMITTED]))

    def send(self, message):
        if len(message) > self.peer_takes:
            raise ValueError(f"{len(message)} bytes: the receiver takes at most {self.peer_takes}")
        if len(message) <= CHUNK:
            return self.frame(WHOLE, message)
        for at in range(0, len(message), CHUNK):
            kind = FIRST if at == 0 else LAST if at + CHUNK >= len(message) else MIDDLE
            self.frame(kind, message[at : at + CHUNK], len(message))

    def receive(self):
        """The next message, or None when the peer has closed in order."""
        message, total = bytearray(), 0
        while True:
            length, kind, descriptors, reserved = struct.unpack("<IBBH", self.exactly(8))
            expected = (MIDDLE, LAST) if total else (WHOLE, FIRST, CLOSE)
            full = kind in (FIRST, MIDDLE)
            if kind not in expected or reserved or descriptors or length > CHUNK or (full and length < CHUNK):
                raise ConnectionError("protocol violation: a header that breaks a rule")
            if kind == FIRST:
                (total,) = struct.unpack("<Q", self.exactly(8))
                if not CHUNK < total <= MAX_MESSAGE:
                    raise ConnectionError("protocol violation: a message that is too large, or too small")
            if kind == WHOLE and length > SHORT and struct.unpack("<Q", self.exactly(8)) != (length,):
                raise ConnectionError("protocol violation: a message of another size than announced")
            message += self.exactly(length)
            *padding, mark = self.exactly(8 - length % 8)
            if any(padding) or mark not in (COMMITTED, WITHDRAWN):
                raise ConnectionError("protocol violation: a frame without a valid end")
            if kind == CLOSE:
                return None
            if mark == WITHDRAWN:  # the sender's deadline passed: as if the message had never been begun
                message, total = bytearray(), 0
            elif kind == WHOLE or (kind == LAST and len(message) == total):
                return bytes(message)
            elif kind == LAST or len(message) >= total:
                raise ConnectionError("protocol violation: a message of another size than announced")

    def finish(self):
        try:
            self.frame(CLOSE)
            self.sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever left before us needs no goodbye


def connect(place):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(place)
    return Channel(sock)


def listen(place):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(place)
        try:
            os.chmod(place, 0o600)
            listener.listen()
            print(f"waiting at {place}", file=sys.stderr, flush=True)
            return Channel(listener.accept()[0])
        finally:
            os.unlink(place)


def main(role, place, *messages):
    channel = listen(place) if role == "echo" else connect(place)
    if role == "send":
        for message in messages:
            channel.send(os.fsencode(message))
    else:
        while (message := channel.receive()) is not None:
            if role == "echo":
                channel.send(message)
            else:
                sys.stdout.buffer.write(message + b"\n")
                sys.stdout.flush()
    channel.finish()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("send", "recv", "echo"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
