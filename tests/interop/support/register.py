"""An archive that knows thousands of studies by their registers alone, and answers C-FIND byte by byte."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Sequence

from support import wire
from support.peers import Scripted

LEVEL, STUDY, SERIES, PATIENT, NAME, DATE = 0x00080052, 0x0020000D, 0x0020000E, 0x00100020, 0x00100010, 0x00080020


@dataclasses.dataclass(frozen=True)
class Entry:
    """A study."""

    study: str
    patient: str
    name: str
    date: str

    def value(self, tag: int) -> str:
        return {STUDY: self.study, PATIENT: self.patient, NAME: self.name, DATE: self.date}.get(tag, "")


def entry(number: int, of_patient: int = 0, date: str = "20240101") -> Entry:
    return Entry(f"1.2.826.0.1.3680043.9.9999.8.{number}.{of_patient}", f"R{number:06}", f"Doe{number}^Jane", date)


class Register(Scripted):
    """`sent` counts the studies that left it, `asked` are the identifiers that came."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries, self.sent, self.asked = list(entries), 0, []
        self.by_study = {one.study: one for one in self.entries}
        super().__init__(on_message=self._find)
        self.prefers = wire.IMPLICIT

    def _find(self, _own: Scripted, connection: wire.Wire, context: int, asked: dict[int, bytes], data: bytes | None) -> bool:
        if int.from_bytes(asked[wire.FIELD], "little") != wire.C_FIND:
            return False
        keys = {tag: value.decode("utf-8").strip(" \0") for tag, value in wire.parse_command(data or b"").items()}
        self.asked.append(keys)
        for one in self._fitting(keys):
            if keys.get(LEVEL) == "SERIES":
                found = {LEVEL: "SERIES", STUDY: one.study, SERIES: f"{one.study}.1"}
            else:
                found = {tag: one.value(tag) for tag in keys if tag in (STUDY, PATIENT, NAME, DATE)} | {LEVEL: "STUDY"}
            self.respond(connection, context, asked, 0xFF00, b"".join(wire.implicit(tag, padded(tag, found[tag])) for tag in sorted(found)))
            self.sent += 1
        self.respond(connection, context, asked, 0)
        return True

    def _fitting(self, keys: dict[int, str]) -> list[Entry]:
        named = keys.get(STUDY, "")
        entries = [self.by_study[uid] for uid in named.split("\\") if uid in self.by_study] if named else self.entries
        first, last = (keys.get(DATE, "").split("-") * 2)[:2] if keys.get(DATE) else ("", "")
        return [
            one for one in entries
            if (not keys.get(PATIENT) or fnmatch.fnmatchcase(one.patient, keys[PATIENT]))
            and (not keys.get(NAME) or fnmatch.fnmatchcase(one.name, keys[NAME]))
            and (not first or first <= one.date) and (not last or one.date <= last)
        ]  # fmt: skip


def padded(tag: int, value: str) -> bytes:
    return wire.ui(value) if tag in (STUDY, SERIES) else wire.text(value)
