"""An archive in a few lines that keeps what it gets in files and hands it out by C-GET and C-MOVE: of any size, and changed if a test says so."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import mmap
import pathlib
import socket
import struct
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping

import pydicom
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset
from pydicom.filebase import DicomBytesIO

from support import mover, wire

FINDS = {"1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1"}
GETS = {"1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3"}
MOVES = {"1.2.840.10008.5.1.4.1.2.1.2", wire.STUDY_MOVE}
NATIVE = (wire.EXPLICIT, wire.IMPLICIT)
ROOM = 262144


def part10(data_set: bytes, syntax: str) -> bytes:
    """A data set as a file, with no more of a header than it takes to read it."""
    meta = wire.explicit(0x00020010, "UI", wire.ui(syntax))
    return bytes(128) + b"DICM" + wire.explicit(0x00020000, "UL", struct.pack("<L", len(meta))) + meta + data_set


@dataclasses.dataclass
class Kept:
    """One object: how it came, and the file that holds its data set."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    path: pathlib.Path

    @functools.cached_property
    def header(self) -> Dataset:
        """What stands before its pixels."""
        with self.path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raw = part10(file.read(1 << 20), self.transfer_syntax)
            return pydicom.dcmread(io.BytesIO(raw), force=True, stop_before_pixels=True)


HandOut = Callable[[Kept, bytes], bytes | None]


class Keeper:
    """Accepts every context in the first native syntax that is offered, else the first.

    `hand_out(kept, data set)` may change what a C-GET or C-MOVE brings, or keep it back (None); `keeps(kept)` may refuse a store with a status.
    """

    def __init__(
        self, folder: pathlib.Path, *, hand_out: HandOut | None = None, keeps: Callable[[Kept], int] | None = None, port: int = 0,
        classes: Collection[str] | None = None, destinations: Mapping[str, int] | None = None, title: str = "PACS",
    ) -> None:
        """`classes`: of objects that it takes; all where nothing is said. `destinations` of moves, at ports of this machine."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.hand_out, self.keeps = folder, hand_out, keeps
        self.classes = None if classes is None else {*classes, *FINDS, *GETS, *MOVES}
        self.destinations, self.title = destinations or {}, title
        self.kept: dict[str, Kept] = {}
        self.stored: list[str] = []
        """Instances in the order in which they were stored, repeats included."""
        self._socket = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self._socket.getsockname()[1]
        self._open, self._number = True, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._open = False
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def bytes_of(self, instance: str) -> bytes:
        return self.kept[instance].path.read_bytes()

    def _accept(self) -> None:
        while self._open:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(120)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(wire.Closed, OSError, TimeoutError), contextlib.closing(sock):
            Talk(self, wire.Wire(sock)).run()

    def place(self) -> pathlib.Path:
        self._number += 1
        return self.folder / f"{self._number}.data"


class Talk:
    """One association."""

    def __init__(self, keeper: Keeper, connection: wire.Wire) -> None:
        self.keeper, self.connection = keeper, connection
        self.contexts: dict[int, tuple[str, str]] = {}
        self.calling = ""

    @property
    def room(self) -> int:
        return min(self.connection.accepted.max_length or ROOM, ROOM)

    def run(self) -> None:
        kind, body = self.connection.receive()
        if kind != wire.ASSOCIATE_RQ:
            return
        self._accept(body)
        for context, command, path in self._messages():
            field = int.from_bytes(command[wire.FIELD], "little")
            sop_class = command.get(wire.SOP_CLASS, b"").decode().rstrip("\0")
            if field == wire.C_STORE:
                assert path is not None
                self._respond(context, command, self._store(context, command, path))
            elif field == wire.C_FIND and sop_class in FINDS:
                self._find(context, command, self._identifier(context, path))
            elif field == wire.C_GET and sop_class in GETS:
                self._retrieved(context, command, *self._send(list(self._matching(self._identifier(context, path))), {}))
            elif field == wire.C_MOVE and sop_class in MOVES:
                self._move(context, command, self._identifier(context, path))
            elif field != wire.C_CANCEL:
                self._respond(context, command, 0)

    def _accept(self, body: bytes) -> None:
        out = roles = b""
        self.calling = body[20:36].decode("ascii").strip()
        for kind, value in wire.items_of(body[68:]):
            if kind == 0x20:
                subs = list(wire.items_of(value[4:]))
                abstract = next(one for sub, one in subs if sub == 0x30).rstrip(b"\0").decode()
                offered = [one.rstrip(b"\0").decode() for sub, one in subs if sub == 0x40]
                chosen = next((one for one in offered if one in NATIVE), offered[0])
                taken = self.keeper.classes is None or abstract in self.keeper.classes
                if taken:
                    self.contexts[value[0]] = (abstract, chosen)
                out += wire.item(0x21, bytes((value[0], 0, 0 if taken else 3, 0)) + wire.item(0x40, chosen.encode()))
            elif kind == 0x50:
                roles = b"".join(wire.item(sub, one) for sub, one in wire.items_of(value) if sub == 0x54)
                found = [int.from_bytes(one, "big") for sub, one in wire.items_of(value) if sub == 0x51]
                self.connection.accepted.max_length = found[0] if found else 0
        user = wire.user_items(ROOM, roles)
        answer = body[:68] + wire.item(0x10, wire.APPLICATION_CONTEXT.encode()) + out + user
        self.connection.send(wire.pdu(wire.ASSOCIATE_AC, answer))

    def _messages(self) -> Iterator[tuple[int, dict[int, bytes], pathlib.Path | None]]:
        """Every message; its data set lies in a file."""
        command_set, asked, file, path = bytearray(), None, None, None
        while True:
            kind, body = self.connection.receive()
            if kind == wire.RELEASE_RQ:
                self.connection.send(wire.RELEASE_RESPONSE)
                return
            if kind != wire.P_DATA:
                return
            for context, control, value in wire.values_of(body):
                if control & 1:
                    command_set += value
                    if control & 2:
                        asked = wire.parse_command(bytes(command_set))
                        command_set.clear()
                        if int.from_bytes(asked[wire.DATA_SET_TYPE], "little") == wire.NO_DATA_SET:
                            yield context, asked, None
                        else:
                            path = self.keeper.place()
                            file = path.open("wb")
                    continue
                assert file is not None
                assert asked is not None
                file.write(value)
                if control & 2:
                    file.close()
                    yield context, asked, path

    def _store(self, context: int, command: dict[int, bytes], path: pathlib.Path) -> int:
        sop_class, syntax = self.contexts[context]
        instance = command[wire.SOP_INSTANCE].decode().rstrip("\0")
        kept = Kept(sop_class, instance, syntax, path)
        status = self.keeper.keeps(kept) if self.keeper.keeps else 0
        if status == 0:
            self.keeper.kept[instance] = kept
            self.keeper.stored.append(instance)
        return status

    def _identifier(self, context: int, path: pathlib.Path | None) -> Dataset:
        assert path is not None
        return Kept("", "", self.contexts[context][1], path).header

    def _matching(self, wanted: Dataset) -> Iterator[tuple[Kept, Dataset]]:
        for kept in list(self.keeper.kept.values()):
            header = kept.header
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID"):
                asked = wanted.get(keyword)
                named = [asked] if isinstance(asked, str) else list(asked or [])
                if any(named) and str(header.get(keyword, "")) not in [str(one) for one in named]:
                    break
            else:
                yield kept, header

    def _find(self, context: int, command: dict[int, bytes], wanted: Dataset) -> None:
        implicit = self.contexts[context][1] == wire.IMPLICIT
        level = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID", "PATIENT": "PatientID"}[wanted.QueryRetrieveLevel]
        told = set()
        for _, header in self._matching(wanted):
            if str(header.get(level, "")) in told:
                continue
            told.add(str(header.get(level, "")))
            answer = Dataset()
            for tag in wanted.keys():
                answer[tag] = header[tag] if tag in header else wanted[tag]
            answer.QueryRetrieveLevel = wanted.QueryRetrieveLevel
            raw = DicomBytesIO()
            raw.is_little_endian, raw.is_implicit_VR = True, implicit
            write_dataset(raw, answer)
            self._respond(context, command, 0xFF00, raw.getvalue())
        self._respond(context, command, 0)

    def _move(self, context: int, command: dict[int, bytes], wanted: Dataset) -> None:
        """Delivers on an association of its own, with a context for each class in each encoding in which it is kept."""
        title = command[wire.DESTINATION].decode("ascii").strip(" \0")
        if title not in self.keeper.destinations:
            self._respond(context, command, 0xA801)
            return
        found = list(self._matching(wanted))
        pairs = sorted({(kept.sop_class, kept.transfer_syntax) for kept, _ in found})
        proposal = {2 * number + 1: (sop_class, [syntax]) for number, (sop_class, syntax) in enumerate(pairs)}
        asked = int.from_bytes(command[wire.MESSAGE_ID], "little")
        with wire.plain(("127.0.0.1", self.keeper.destinations[title]), timeout=900) as connection:
            accepted = connection.associate(proposal, called=title, calling=self.keeper.title, max_length=ROOM)
            delivery = Talk(self.keeper, connection)
            delivery.contexts = {key: (proposal[key][0], syntax) for key, (result, syntax) in accepted.contexts.items() if result == 0}
            counted = delivery._send(found, {mover.ORIGINATOR: self.calling, mover.ORIGINATOR_MESSAGE: asked})
            connection.release()
        self._retrieved(context, command, *counted)

    def _retrieved(self, context: int, command: dict[int, bytes], done: int, failed: int) -> None:
        self._respond(context, command, 0 if not failed else 0xB000 if done else 0xA702, counted=(done, failed))

    def _send(self, found: list[tuple[Kept, Dataset]], more: dict[int, int | str]) -> tuple[int, int]:
        """Stores objects at the other end; how many that took, and did not."""
        done = failed = 0
        for number, (kept, _) in enumerate(found):
            place = next((key for key, one in self.contexts.items() if one == (kept.sop_class, kept.transfer_syntax)), None)
            other = None if place is not None else self._native(kept)
            with kept.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                data = mapped if self.keeper.hand_out is None else self.keeper.hand_out(kept, mapped[:])
                if other is not None and data is not None:
                    place, data = other, self._recoded(kept, data[:], self.contexts[other][1])
                if place is None or data is None:
                    failed += 1
                    continue
                status = self._sub_store(place, data, mover.store_with(kept, number % 60000 + 1, more))
            done, failed = done + (status == 0), failed + (status != 0)
        return done, failed

    def _native(self, kept: Kept) -> int | None:
        """A context for an object in the other uncompressed syntax, as every archive can give it."""
        if kept.transfer_syntax not in NATIVE:
            return None
        return next((key for key, (sop_class, syntax) in self.contexts.items() if sop_class == kept.sop_class and syntax in NATIVE), None)

    @staticmethod
    def _recoded(kept: Kept, data: bytes, syntax: str) -> bytes:
        raw = DicomBytesIO()
        raw.is_little_endian, raw.is_implicit_VR = True, syntax == wire.IMPLICIT
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write_dataset(raw, pydicom.dcmread(io.BytesIO(part10(data, kept.transfer_syntax)), force=True))
        return raw.getvalue()

    def _sub_store(self, context: int, data: bytes | mmap.mmap, command: dict[int, int | str | bytes]) -> int | None:
        for piece in wire.fragments(context, True, wire.command(command), self.room):
            self.connection.send(piece)
        step = self.room - 6 & ~1
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            self.connection.send(wire.pdu(wire.P_DATA, wire.pdv(context, 2 if at + step >= len(data) else 0, piece)))
        return self.connection.answer().status

    def _respond(
        self, context: int, asked: dict[int, bytes], status: int, data: bytes | None = None, counted: tuple[int, int] | None = None
    ) -> None:
        elements: dict[int, int | str | bytes] = {
            wire.FIELD: int.from_bytes(asked[wire.FIELD], "little") | 0x8000, wire.ANSWERED_ID: asked[wire.MESSAGE_ID],
            wire.DATA_SET_TYPE: wire.NO_DATA_SET if data is None else 0, wire.STATUS: status,
        }  # fmt: skip
        for tag in (wire.SOP_CLASS, wire.SOP_INSTANCE):
            if tag in asked:
                elements[tag] = asked[tag]
        if counted is not None:
            elements |= {0x00001020: 0, 0x00001021: counted[0], 0x00001022: counted[1], 0x00001023: 0}
        self.connection.message(context, wire.command(elements), data, limit=16384)
