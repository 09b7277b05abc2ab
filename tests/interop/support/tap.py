"""A tap on a TCP connection, and what it heard as a capture file for Wireshark: no privilege, no packet lost."""

from __future__ import annotations

import pathlib
import socket
import struct
import threading

SEGMENT = 32000


class Tap:
    """Passes connections on to a port, and keeps every byte of both directions in the order of arrival."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._heard: list[tuple[int, bool, bytes]] = []
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            called = socket.create_connection(("127.0.0.1", self.target))
            number += 1
            for source, sink, forth in ((caller, called, True), (called, caller, False)):
                threading.Thread(target=self._pass_on, args=(number, forth, source, sink), daemon=True).start()

    def _pass_on(self, number: int, forth: bool, source: socket.socket, sink: socket.socket) -> None:
        try:
            while heard := source.recv(SEGMENT):
                with self._lock:
                    self._heard.append((number, forth, heard))
                sink.sendall(heard)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def packets(self, port: int) -> list[bytes]:
        """What was heard as IPv4 packets from and to `port`."""
        sent: dict[tuple[int, bool], int] = {}
        out = []
        with self._lock:
            heard = list(self._heard)
        for number, forth, body in heard:
            ports = (40000 + number, port) if forth else (port, 40000 + number)
            at, back = sent.get((number, forth), 1), sent.get((number, not forth), 1)
            sent[number, forth] = at + len(body)
            tcp = struct.pack(">HHLLBBHHH", *ports, at, back, 0x50, 0x18, 0xFFFF, 0, 0)
            head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(body), 0, 0, 64, 6, 0)
            out.append(head + b"\x7f\0\0\1\x7f\0\0\1" + tcp + body)
        return out


def write_capture(path: pathlib.Path, packets: list[bytes]) -> None:
    """A pcap file of raw IP packets (link type 101)."""
    out = struct.pack("<LHHlLLL", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for number, packet in enumerate(packets):
        out += struct.pack("<LLLL", 1, number, len(packet), len(packet)) + packet
    path.write_bytes(out)
