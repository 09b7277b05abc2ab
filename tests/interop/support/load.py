"""Many hostile connections, fast: a handful of threads over plain sockets and TLS."""

from __future__ import annotations

import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence

from support import wire

STORE_RQ = wire.associate_rq({1: (wire.CT_IMAGE, [wire.EXPLICIT])}, calling="OLD1")


def shots(seed: int) -> list[bytes]:
    """First words of a hostile caller: nothing of it may cost more than it sends."""
    chance = random.Random(seed)
    return [
        b"",
        b"\x00",
        wire.pdu(wire.ASSOCIATE_RQ, b"", length=0xFFFFFFFF) + bytes(10),
        wire.pdu(wire.P_DATA, b"", length=0xFFFFFFF0) + bytes(14),
        b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(32),
        chance.randbytes(chance.randrange(1, 2000)),
        STORE_RQ[: chance.randrange(1, len(STORE_RQ))],
        STORE_RQ[:6] + chance.randbytes(len(STORE_RQ) - 6),
        mutated(chance),
        wire.RELEASE_REQUEST,
        wire.abort(0, 0),
        STORE_RQ + STORE_RQ,
        STORE_RQ + wire.pdu(wire.P_DATA, wire.pdv(1, 3, chance.randbytes(64))),
        STORE_RQ + wire.pdu(wire.P_DATA, wire.pdv(3, 3, wire.echo_rq())),
    ]


def mutated(chance: random.Random) -> bytes:
    raw = bytearray(STORE_RQ)
    for _ in range(chance.randrange(1, 8)):
        raw[chance.randrange(6, len(raw))] = chance.randrange(256)
    return bytes(raw)


def storm(
    address: tuple[str, int],
    count: int,
    *,
    threads: int = 8,
    context: ssl.SSLContext | None = None,
    seed: int = 1,
    choose: Callable[[int], Sequence[bytes]] = shots,
) -> int:
    """Opens `count` connections, each with one hostile shot; how many went through to their end."""
    done = [0] * threads

    def run(number: int) -> None:
        ready = choose(seed * 1000 + number)
        for shot in range(count // threads):
            if shot % 500 == 499:
                ready = choose(seed * 1000 + number + shot * 100)
            try:
                sock = socket.create_connection(address, timeout=20)
                if context is not None:
                    sock = context.wrap_socket(sock, server_hostname="localhost")
                sock.sendall(ready[shot % len(ready)])
                if shot % 3 == 0:  # leave without a word
                    if context is None:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif shot % 3 == 1:
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(4096):
                        pass
                sock.close()
            except (OSError, ssl.SSLError):
                pass
            done[number] += 1

    workers = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done)
