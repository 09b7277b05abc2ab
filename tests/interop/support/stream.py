"""Objects of any length on the wire: made while they are sent, and digested while they come, never whole in memory."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import struct
from collections.abc import Iterator

from support import sealed, wire
from support.peers import Seen

_PIECE = 1 << 20
_DRAWN = random.Random(11).randbytes(_PIECE)


def noise(length: int) -> Iterator[bytes]:
    """So many bytes, no two pieces of them alike."""
    for at in range(0, length, _PIECE):
        yield (struct.pack("<Q", at) + _DRAWN[8:])[: length - at]


@dataclasses.dataclass(frozen=True)
class Long:
    """A multi-frame image with so many bytes of pixels; `fragment`: encapsulated, in fragments of this length, undefined in all."""

    sop_class: str
    transfer_syntax: str
    instance: str
    study: str
    frames: int
    length: int
    fragment: int = 0

    def header(self) -> bytes:
        attributes = (
            (0x00080016, "UI", wire.ui(self.sop_class)), (0x00080018, "UI", wire.ui(self.instance)), (0x00080060, "CS", b"OT"),
            (0x00100010, "PN", wire.text("Doe^Long")), (0x00100020, "LO", wire.text("P900")),
            (0x0020000D, "UI", wire.ui(self.study)), (0x0020000E, "UI", wire.ui(self.study + ".1")),
            (0x00280002, "US", struct.pack("<H", 1)), (0x00280004, "CS", wire.text("MONOCHROME2")),
            (0x00280008, "IS", wire.text(str(self.frames))), (0x00280010, "US", struct.pack("<H", 512)), (0x00280011, "US", struct.pack("<H", 512)),
            (0x00280100, "US", struct.pack("<H", 16)), (0x00280101, "US", struct.pack("<H", 16)),
            (0x00280102, "US", struct.pack("<H", 15)), (0x00280103, "US", struct.pack("<H", 0)),
        )  # fmt: skip
        return b"".join(wire.explicit(*one) for one in attributes)

    def pieces(self) -> Iterator[bytes]:
        """The data set."""
        yield self.header()
        if not self.fragment:
            yield wire.explicit(0x7FE00010, "OW", b"", self.length)
            yield from noise(self.length)
            return
        yield wire.explicit(0x7FE00010, "OB", b"", 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0)
        for at in range(0, self.length, self.fragment):
            size = min(self.fragment, self.length - at)
            yield struct.pack("<HHL", 0xFFFE, 0xE000, size)
            yield from noise(size)
        yield struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)

    def digest(self) -> str:
        whole = hashlib.sha256()
        for piece in self.pieces():
            whole.update(piece)
        return whole.hexdigest()

    def identifier(self) -> bytes:
        return sealed.identifier(self.study, self.study + ".1", self.instance)


def store(connection: wire.Wire, context: int, image: Long, message_id: int = 1) -> wire.Answer:
    """C-STORE; the answer."""
    room = min(connection.accepted.max_length or 1 << 20, 1 << 18) - 6 & ~1
    for piece in wire.fragments(context, True, wire.store_rq(image.sop_class, image.instance, message_id), room + 6):
        connection.send(piece)
    held = bytearray()
    for piece in image.pieces():
        held += piece
        while len(held) > room:
            connection.send(wire.pdu(wire.P_DATA, wire.pdv(context, 0, bytes(held[:room]))))
            del held[:room]
    connection.send(wire.pdu(wire.P_DATA, wire.pdv(context, 2, bytes(held))))
    return connection.answer()


@dataclasses.dataclass
class Came:
    """What a C-GET or a delivery brought: the digest and length of the data set, None if nothing was completed; and the final status."""

    digest: str | None = None
    length: int = 0
    transfer_syntax: str = ""
    status: int | None = None


def get(connection: wire.Wire, identifier: bytes) -> Came:
    """C-GET of one object."""
    connection.message(1, wire.query_rq(wire.C_GET, sealed.STUDY_ROOT_GET, 1), identifier)
    came, whole, length = Came(), hashlib.sha256(), 0
    command_set, asked = bytearray(), None
    while True:
        kind, body = connection.receive()
        assert kind == wire.P_DATA, f"expected P-DATA, got {wire.pdu(kind, body)[:32].hex()}"
        for context, control, value in wire.values_of(body):
            if control & 1:
                command_set += value
                if control & 2:
                    asked = wire.parse_command(bytes(command_set))
                    command_set.clear()
                    if asked[wire.FIELD] != struct.pack("<H", wire.C_STORE):
                        status = int.from_bytes(asked[wire.STATUS], "little")
                        came.status = None if status in (0xFF00, 0xFF01) else status
                        if came.status is not None and asked[wire.DATA_SET_TYPE] == struct.pack("<H", wire.NO_DATA_SET):
                            return came
                continue
            if asked is None or asked[wire.FIELD] != struct.pack("<H", wire.C_STORE):
                # The list of what failed, in a response.
                if control & 2 and came.status is not None:
                    return came
                continue
            whole.update(value)
            length += len(value)
            if control & 2:
                came.digest, came.length, came.transfer_syntax = whole.hexdigest(), length, connection.accepted.contexts[context][1]
                answer = {
                    wire.SOP_CLASS: asked[wire.SOP_CLASS], wire.FIELD: 0x8001, wire.ANSWERED_ID: asked[wire.MESSAGE_ID],
                    wire.DATA_SET_TYPE: wire.NO_DATA_SET, wire.STATUS: 0, wire.SOP_INSTANCE: asked[wire.SOP_INSTANCE],
                }  # fmt: skip
                connection.message(context, wire.command(answer))


class Digests:
    """What a `Receiver` was sent, digested while it comes: give it `take` as `on_data` and `taken` as `on_message`."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self._under_way: dict[int, tuple[Came, hashlib._Hash]] = {}

    def take(self, _own: object, connection: wire.Wire, seen: Seen) -> None:
        came, whole = self._under_way.setdefault(id(connection), (Came(), hashlib.sha256()))
        whole.update(seen.partial)
        came.length += len(seen.partial)
        seen.partial.clear()

    def taken(self, _own: object, connection: wire.Wire, context: int, _asked: dict[int, bytes], data: bytes | None) -> None:
        if data is None:
            return
        came, whole = self._under_way.pop(id(connection))
        came.digest, came.transfer_syntax = whole.hexdigest(), connection.accepted.contexts[context][1]
        self.came.append(came)
