"""Writes the seeds of the fuzz targets into a folder: make_seeds.py FOLDER. Each target runs those of the others too.

For stream_receiver_fuzz.cpp docs/wire-format.md has the frames; log_reader_fuzz.cpp tells its steps."""

import os
import struct
import sys

WHOLE, FIRST, MIDDLE, LAST, CLOSE = range(1, 6)
COMMITTED, WITHDRAWN = 0xC3, 0x3C


def frame(kind, payload=b"", total=None, mark=COMMITTED, descriptors=0):
    head = struct.pack("<IBBH", len(payload), kind, descriptors, 0)
    if kind == FIRST:
        head += struct.pack("<Q", total)
    elif kind == WHOLE and len(payload) > 4096:
        head += struct.pack("<Q", len(payload))
    return head + payload + bytes(7 - len(payload) % 8) + bytes([mark])


def script(options, *pieces):
    return bytes([options]) + b"".join(struct.pack("<H", len(piece)) + piece for piece in pieces)


def cut(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


CHUNK = b"x" * 65536
LONG = frame(FIRST, CHUNK, 65536 + 5) + frame(LAST, b"12345")
SEEDS = {
    "short": script(0, frame(WHOLE, b"hello") + frame(WHOLE), frame(WHOLE, b"y" * 300) + frame(WHOLE, b"z" * 5000) + frame(CLOSE)),
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



def raw(data):
    return b"\0" + struct.pack("<H", len(data)) + data


def header(kind, further, announced, data):
    return b"\1" + struct.pack("<BBIH", kind, further, announced, len(data)) + data


def message(data):
    return b"\2" + struct.pack("<H", len(data)) + data


def zeros(count):
    return b"\3" + struct.pack("<H", count)


MESSAGES = message(b"hello") + message(b"") + message(b"8 bytes!")
MESSAGE, NEXT, CLOSED = range(3)
SEEDS |= {
    "log": b"\0" + MESSAGES + header(CLOSED, 0, 0, b"       \n"),
    "log_copied": b"\1" + MESSAGES + message(b"z" * 60000) * 4 + message(b"y" * 100),
    "log_continued": b"\2" + header(NEXT, 0, 0, b"       \n"),
    "log_earlier_torn": b"\2" + MESSAGES + header(MESSAGE, 0, 500, b"torn"),
    "log_earlier_zeros": b"\2" + zeros(3000),
    "log_first_line": b"\4" + MESSAGES,
    "log_long": b"\0" + header(MESSAGE, 0, 200000, b"x" * 60000) + (raw(b"x" * 60000) * 3) + message(b"after"),
    "log_out_of_turn": b"\0" + MESSAGES + header(MESSAGE, 7, 4, b"many   \n"),
    "log_too_large": b"\0" + header(MESSAGE, 0, 0xFFFFFFFF, b"x"),
    "log_garbage": b"\0" + MESSAGES + raw(b"message 0000000000000004 \xff\0" + b"q" * 90),
}


def ring(settled, read, *records):
    """Records one behind the other, each (kind, size)."""
    data, line = struct.pack("<HH", settled, read), max(settled, read) % 64
    for kind, size in records:
        data += struct.pack("<BBH", line, kind, size)
        line = (line + (8 + size + 63) // 64) % 64
    return data


WHOLE, BEGINS, GOES_ON, ENDS, WITHDRAWN, GOODBYE = range(1, 7)
SEEDS |= {
    "ring": ring(0, 0, (WHOLE, 5), (WHOLE, 100), (WHOLE, 0), (GOODBYE, 0)),
    "ring_parts": ring(60, 60, (WHOLE, 5), (BEGINS, 200), (GOES_ON, 108), (ENDS, 100), (WHOLE, 3)),
    "ring_withdrawn": ring(130, 128, (BEGINS, 300), (WITHDRAWN, 0), (WHOLE, 8), (BEGINS, 100), (GOES_ON, 50)),
    "ring_reader_killed": ring(3, 9, (GOES_ON, 108), (ENDS, 100), (WHOLE, 3)),
}

if __name__ == "__main__":
    for name, data in SEEDS.items():
        with open(os.path.join(sys.argv[1], name), "wb") as file:
            file.write(data)
