"""Stands in for a visitor's application: ``NATURE`` is how it behaves. It returns whatever packet it is sent."""

import os
import struct
import sys
import time

PACKET = struct.Struct(">cI")


def packet(kind: bytes, payload: bytes) -> bytes:
    return PACKET.pack(kind, len(payload)) + payload


def main(nature: str) -> None:
    if nature == "broken":
        sys.exit(1)
    os.write(1, b"__GANGLION__\n" + packet(b"D", str(os.getpid()).encode()))
    while head := sys.stdin.buffer.read(PACKET.size):
        kind, size = PACKET.unpack(head)
        payload = sys.stdin.buffer.read(size)
        if kind == b"M" and b'"quit"' in payload:
            os.write(1, packet(b"D", bytes(1 << 20)))  # more than a pipe holds: it returns once it is read
            if nature == "stubborn":
                time.sleep(60)
            break
        os.write(1, packet(b"D", kind + payload))
        if payload == b"q":
            os.write(1, packet(b"M", b'{"type": "exit"}'))


if __name__ == "__main__":
    main(sys.argv[1])
