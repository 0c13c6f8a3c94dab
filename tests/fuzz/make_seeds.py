"""Writes the seeds of stream_receiver_fuzz.cpp into a folder: make_seeds.py FOLDER. docs/wire-format.md has the frames."""

import os
import struct
import sys

WHOLE, FIRST, MIDDLE, LAST, CLOSE = range(1, 6)
COMMITTED, WITHDRAWN = 0xC3, 0x3C


def frame(kind, payload=b"", total=None, mark=COMMITTED, descriptors=0):
    head = struct.pack("<IBBH", len(payload), kind, descriptors, 0)
    if kind == FIRST:
        head += struct.pack("<Q", total)
    return head + payload + bytes(7 - len(payload) % 8) + bytes([mark])


def script(options, *pieces):
    return bytes([options]) + b"".join(struct.pack("<H", len(piece)) + piece for piece in pieces)


def cut(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


CHUNK = b"x" * 65536
LONG = frame(FIRST, CHUNK, 65536 + 5) + frame(LAST, b"12345")
SEEDS = {
    "short": script(0, frame(WHOLE, b"hello") + frame(WHOLE), frame(WHOLE, b"y" * 300) + frame(CLOSE)),
    "packets": script(1, frame(WHOLE, b"hello"), frame(WHOLE, b"z" * 64), frame(CLOSE)),
    "withdrawn": script(0, frame(WHOLE, b"gone", mark=WITHDRAWN) + frame(WHOLE, b"here"), b"", frame(CLOSE)),
    "one_byte_at_a_time": script(0, *cut(frame(WHOLE, b"slowly") + frame(CLOSE), 1)),
    "long": script(0, *cut(LONG + frame(WHOLE, b"after") + frame(CLOSE), 60000)),
    "long_copied": script(2, *cut(LONG + frame(CLOSE), 65535)),
    "long_in_pieces": script(0, *cut(LONG, 8192), b"", frame(CLOSE)),
    "long_withdrawn": script(0, *cut(frame(FIRST, CHUNK, 200000) + frame(LAST, mark=WITHDRAWN) + frame(WHOLE, b"next"), 65000)),
    "end_first": script(4, frame(WHOLE, b"a") * 10, frame(FIRST, CHUNK, 70000)[:60000]),
    "violation": script(0, frame(MIDDLE, b"x")),
}

if __name__ == "__main__":
    for name, data in SEEDS.items():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(data)
