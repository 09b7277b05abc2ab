"""Small studies with several series, classes and encodings, and how an archive gets them."""

from __future__ import annotations

import dataclasses
import pathlib
import struct
from collections.abc import Iterable

import pydicom

from support import corpus, sender, wire

ROOT = "1.2.826.0.1.3680043.9.9999.3"


@dataclasses.dataclass(frozen=True)
class Image:
    """One object of a study."""

    study: str
    series: str
    sop_instance: str
    sop_class: str
    transfer_syntax: str
    data_set: bytes = dataclasses.field(repr=False)


def study(number: int, series: Iterable[int] = (2, 3), *, pixels: int = 64) -> list[Image]:
    """A study whose series have so many images each; every second series is secondary captures in implicit VR."""
    found = []
    uid = f"{ROOT}.{number}"
    for at, count in enumerate(series, 1):
        for image in range(1, count + 1):
            capture = at % 2 == 0
            found.append(_image(number, uid, f"{uid}.{at}", f"{uid}.{at}.{image}", image, capture, pixels))
    return found


def _image(number: int, uid: str, series: str, instance: str, image: int, capture: bool, pixels: int) -> Image:
    sop_class = wire.SECONDARY_CAPTURE if capture else wire.CT_IMAGE
    side = max(int(pixels**0.5), 1)
    value = bytes((number * 7 + image * 13 + at) % 251 for at in range(min(side * side * 2, 512)))
    body = (value * (side * side * 2 // len(value) + 1))[: side * side * 2]
    elements: list[tuple[int, str, bytes]] = [
        (0x00080016, "UI", wire.ui(sop_class)),
        (0x00080018, "UI", wire.ui(instance)),
        (0x00080020, "DA", b"20260102"),
        (0x00080030, "TM", b"101500"),
        (0x00080050, "SH", wire.text(f"A{number}")),
        (0x00080060, "CS", b"OT" if capture else b"CT"),
        (0x00080064, "CS", b"WSD "),
        (0x00100010, "PN", wire.text(f"Test^Study{number}")),
        (0x00100020, "LO", wire.text(f"P{number}")),
        (0x0020000D, "UI", wire.ui(uid)),
        (0x0020000E, "UI", wire.ui(series)),
        (0x00200010, "SH", wire.text(f"S{number}")),
        (0x00200011, "IS", wire.text(series.rsplit(".", 1)[1])),
        (0x00200013, "IS", wire.text(str(image))),
        (0x00280002, "US", struct.pack("<H", 1)),
        (0x00280004, "CS", wire.text("MONOCHROME2")),
        (0x00280010, "US", struct.pack("<H", side)),
        (0x00280011, "US", struct.pack("<H", side)),
        (0x00280100, "US", struct.pack("<H", 16)),
        (0x00280101, "US", struct.pack("<H", 16)),
        (0x00280102, "US", struct.pack("<H", 15)),
        (0x00280103, "US", struct.pack("<H", 0)),
        (0x7FE00010, "OW", body),
    ]
    if capture:
        data_set = b"".join(wire.implicit(tag, raw) for tag, _, raw in elements)
    else:
        data_set = b"".join(wire.explicit(tag, vr, raw) for tag, vr, raw in elements if tag != 0x00080064)
    return Image(uid, series, instance, sop_class, wire.IMPLICIT if capture else wire.EXPLICIT, data_set)


def real(name: str) -> Image:
    """A data set of pydicom's own files as an object of a study."""
    sample = next(one for one in corpus.samples() if one.path.name == name)
    said = pydicom.dcmread(sample.path, stop_before_pixels=True)
    return Image(
        str(said.StudyInstanceUID), str(said.SeriesInstanceUID), sample.sop_instance, sample.sop_class, sample.transfer_syntax, sample.data_set
    )


def fill(port: int, images: Iterable[Image], *, called: str, calling: str = "LOADER") -> None:
    """Stores images into an archive, straight."""
    images = list(images)
    contexts: dict[tuple[str, str], int] = {}
    for image in images:
        contexts.setdefault((image.sop_class, image.transfer_syntax), 2 * len(contexts) + 1)
    with wire.plain(("127.0.0.1", port)) as connection:
        connection.associate({number: (name, [syntax]) for (name, syntax), number in contexts.items()}, called=called, calling=calling)
        for number, image in enumerate(images, 1):
            context = contexts[image.sop_class, image.transfer_syntax]
            outcome = sender.store(connection, context, _as_sample(image), number)
            assert outcome.stored, f"{image.sop_instance}: {outcome}"
        connection.release()


def _as_sample(image: Image) -> corpus.Sample:
    return corpus.Sample(pathlib.Path(image.sop_instance), image.sop_class, image.sop_instance, image.transfer_syntax, image.data_set)
