"""What of a sealed value may not lie in an archive: its 64-byte windows, every one of them, looked for in every file."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from support.corpus import Sample
from support.sealed import is_sealed, read

WINDOW, DISTINCT = 64, 16
_STEP = 8
# Whatever stands at a multiple of eight: every window of 64 bytes holds such a block whole.
_BLOCK = WINDOW - _STEP
_FACTORS = np.array([pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(1, _BLOCK // 8 + 1)], dtype=np.uint64)


def values(sample: Sample) -> dict[str, bytes]:
    """The values of an object that docs/sealing.md calls sealed, by where they stand: those that could hold a window."""
    found: dict[str, bytes] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for where, value in _walk(read(sample.data_set, sample.transfer_syntax), "", sealed=False):
            if len(value) >= WINDOW:
                found[where] = value
    return found


def _walk(data: Dataset, above: str, *, sealed: bool) -> Iterator[tuple[str, bytes]]:
    for tag in data.keys():
        raw = data.get_item(tag)
        where = f"{above}({tag.group:04x},{tag.element:04x})"
        vr = data[tag].VR if not isinstance(raw, RawDataElement) or raw.VR in ("SQ", "UN", None) else raw.VR
        if vr == "SQ":
            for number, item in enumerate(data[tag].value or []):
                yield from _walk(item, f"{where}[{number}]", sealed=sealed or is_sealed(int(tag)))
        elif isinstance(raw, RawDataElement):
            value = bytes(raw.value or b"")
            if sealed or is_sealed(int(tag), (vr, value)):
                yield where, value


def files(folder: pathlib.Path) -> bytes:
    """Every file below a folder, each at a multiple of eight."""
    out = bytearray()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            out += path.read_bytes()
            out += bytes(-len(out) % _STEP)
    return bytes(out)


class Searched:
    """Bytes in which windows are looked for."""

    def __init__(self, held: bytes) -> None:
        self.held = held
        words = np.frombuffer(held[: len(held) & ~7], dtype="<u8")
        # A tail of fewer than eight bytes belongs to no block: a window that ends in it begins in one.
        sums = _sums(words) if len(words) * 8 >= _BLOCK else np.empty(0, dtype=np.uint64)
        # Where each block stands, so that a window is compared there and not looked for everywhere.
        self._places = np.argsort(sums, kind="stable")
        self._blocks = sums[self._places]

    def find(self, value: bytes) -> bytes | None:
        """A window of the value that lies in the bytes: at least 16 distinct bytes, once in the value. None: there is none."""
        for offset, places in self._candidates(value):
            for begin in range(max(0, offset - _STEP + 1), min(offset, len(value) - WINDOW) + 1):
                window = value[begin : begin + WINDOW]
                if len(set(window)) >= DISTINCT and self._lies(window, places - (offset - begin)) and _is_once(window, value):
                    return window
        return None

    def _lies(self, window: bytes, places: np.ndarray) -> bool:
        return any(self.held.startswith(window, place) for place in places.tolist() if place >= 0)

    def _candidates(self, value: bytes) -> Iterator[tuple[int, np.ndarray]]:
        """Offsets in the value at which a block begins that lies in the bytes, and where in these."""
        if not len(self._blocks) or len(value) < WINDOW:
            return
        for shift in range(8):
            usable = (len(value) - shift) & ~7
            if usable < _BLOCK:
                continue
            sums = _sums(np.frombuffer(value, dtype="<u8", count=usable // 8, offset=shift))
            first = np.searchsorted(self._blocks, sums)
            for number in np.flatnonzero(self._blocks[np.minimum(first, len(self._blocks) - 1)] == sums):
                offset = shift + 8 * int(number)
                # A window with 16 distinct bytes has at most eight of them outside of its block.
                if len(set(value[offset : offset + _BLOCK])) >= DISTINCT - _STEP:
                    last = np.searchsorted(self._blocks, sums[number], side="right")
                    yield offset, self._places[first[number] : last] * 8


def _is_once(window: bytes, value: bytes) -> bool:
    return value.find(window, value.find(window) + 1) < 0


def _sums(words: np.ndarray) -> np.ndarray:
    """A number for each block of so many bytes, one beginning at every word."""
    count = len(words) - _BLOCK // 8 + 1
    total = np.zeros(count, dtype=np.uint64)
    for place, factor in enumerate(_FACTORS):
        total += words[place : place + count].astype(np.uint64) * factor
    return total


def found(searched: Searched, wanted: dict[str, dict[str, bytes]]) -> dict[str, str]:
    """Of every object of which something was found, where that stood in it."""
    out = {}
    for name, each in wanted.items():
        for where, value in each.items():
            if searched.find(value) is not None:
                out[name] = where
    return out


def wanted(samples: Iterable[Sample]) -> dict[str, dict[str, bytes]]:
    """By the name of each object, the values that hold such a window at all."""
    found = {}
    for one in samples:
        having = {where: value for where, value in values(one).items() if Searched(value + bytes(-len(value) % _STEP)).find(value)}
        if having:
            found[one.name] = having
    return found
