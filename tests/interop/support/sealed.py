"""Objects as an archive hands them out by C-GET, told apart element by element, and what of a file may not lie in an archive."""

from __future__ import annotations

import dataclasses
import io
import pathlib
import re
import warnings
from collections.abc import Callable, Iterable, Iterator

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from support import wire
from support.corpus import Sample
from support.keeper import part10

STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
REMAINING, COMPLETED, FAILED, WARNING = 0x00001020, 0x00001021, 0x00001022, 0x00001023


@dataclasses.dataclass(frozen=True)
class Got:
    """An object as a C-GET brought it."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    data_set: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass
class Fetched:
    """What a C-GET brought, and its final answer."""

    objects: list[Got]
    status: int | None
    completed: int = 0
    failed: int = 0
    warning: int = 0
    comment: str = ""
    aborted: bool = False


def proposal(classes: Iterable[tuple[str, str]]) -> tuple[wire.Proposal, bytes]:
    """Study Root GET, and each SOP class in its syntax with the requester as SCP."""
    contexts: wire.Proposal = {1: (STUDY_ROOT_GET, [wire.IMPLICIT])}
    wanted = sorted(set(classes))
    for number, (sop_class, syntax) in enumerate(wanted):
        contexts[2 * number + 3] = (sop_class, [syntax])
    roles = b"".join(wire.role(sop_class, False, True) for sop_class in sorted({one for one, _ in wanted}))
    return contexts, roles


def identifier(study: str, series: str = "", instance: str = "") -> bytes:
    level = "IMAGE" if instance else "SERIES" if series else "STUDY"
    raw = wire.implicit(0x00080018, wire.ui(instance)) if instance else b""
    raw += wire.implicit(0x00080052, wire.text(level)) + wire.implicit(0x0020000D, wire.ui(study))
    return raw + (wire.implicit(0x0020000E, wire.ui(series)) if series else b"")


def get(connection: wire.Wire, wanted: bytes, message_id: int = 1, keep: bool = True) -> Fetched:
    """Asks, takes every object with success, and waits for the final answer or the end of the association."""
    connection.message(1, wire.query_rq(wire.C_GET, STUDY_ROOT_GET, message_id), wanted)
    objects: list[Got] = []
    while True:
        try:
            said = connection.answer()
        except (wire.Closed, AssertionError, ConnectionError):
            return Fetched(objects, None, aborted=True)
        field = said.number(wire.FIELD)
        if field == wire.C_STORE:
            sop_class = said.command[wire.SOP_CLASS].decode().rstrip("\0")
            instance = said.command[wire.SOP_INSTANCE].decode().rstrip("\0")
            data_set = said.data_set or b""
            objects.append(Got(sop_class, instance, connection.accepted.contexts[said.context][1], data_set if keep else b""))
            answer = {
                wire.SOP_CLASS: sop_class, wire.FIELD: 0x8001, wire.ANSWERED_ID: said.number(wire.MESSAGE_ID) or 0,
                wire.DATA_SET_TYPE: wire.NO_DATA_SET, wire.STATUS: 0, wire.SOP_INSTANCE: instance,
            }  # fmt: skip
            connection.message(said.context, wire.command(answer))
        elif said.status not in (0xFF00, 0xFF01):
            counted = [said.number(tag) or 0 for tag in (COMPLETED, FAILED, WARNING)]
            return Fetched(objects, said.status, *counted, comment=said.comment)


def fetch(
    connect: Callable[[], wire.Wire], samples: Iterable[Sample], *, called: str, calling: str, native: bool = False, alone: bool = False
) -> dict[str, Got | None]:
    """Every sample by instance, in its own transfer syntax; `None`: it did not come. `native`: Explicit VR is offered as well; `alone`: nothing else is."""
    found: dict[str, Got | None] = {}
    chosen = list(samples)
    pairs = [(one.sop_class, one.transfer_syntax) for one in chosen]
    for batch in _few(chosen, pairs):
        own = [(one.sop_class, one.transfer_syntax) for one in batch if not alone]
        contexts, roles = proposal([*own, *((one.sop_class, wire.EXPLICIT) for one in batch if native or alone)])
        connection = connect()
        connection.associate(contexts, called=called, calling=calling, extra=roles)
        for number, sample in enumerate(batch):
            study, series = parents(sample)
            got = get(connection, identifier(study, series, sample.sop_instance), number % 60000 + 1)
            mine = [one for one in got.objects if one.sop_instance == sample.sop_instance]
            found[sample.name] = mine[0] if mine and not got.aborted else None
            if got.aborted:
                connection.close()
                connection = connect()
                connection.associate(contexts, called=called, calling=calling, extra=roles)
        connection.release()
    return found


def _few(samples: list[Sample], pairs: list[tuple[str, str]], most: int = 60) -> Iterator[list[Sample]]:
    """Samples in groups with at most so many different contexts."""
    group, seen = [], set()
    for sample, pair in zip(samples, pairs, strict=True):
        if pair not in seen and len(seen) == most:
            yield group
            group, seen = [], set()
        group.append(sample)
        seen.add(pair)
    if group:
        yield group


def remade(sample: Sample, **attributes: object) -> Sample:
    """A sample with other values, in Explicit VR Little Endian or compressed as it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(sample.path)
        for keyword, value in attributes.items():
            setattr(data, keyword, value)
        raw = DicomBytesIO()
        raw.is_little_endian, raw.is_implicit_VR = True, False
        write_dataset(raw, data)
    return dataclasses.replace(sample, sop_class=str(data.SOPClassUID), sop_instance=str(data.SOPInstanceUID), data_set=raw.getvalue())


def parents(sample: Sample) -> tuple[str, str]:
    """Study and series of a sample."""
    study, series = _says(sample, "StudyInstanceUID", "SeriesInstanceUID")
    return study, series


def patient(sample: Sample) -> str:
    """Whose a sample is, by its Patient ID."""
    (found,) = _says(sample, "PatientID")
    return found


def _says(sample: Sample, *keywords: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(sample.path, force=True, stop_before_pixels=True, specific_tags=list(keywords))
    return [str(data.get(keyword) or "") for keyword in keywords]


def read(data_set: bytes, syntax: str) -> Dataset:
    """A data set as pydicom reads it, values as they came."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(part10(data_set, syntax)), force=True)


def canonical(data: Dataset) -> list[tuple[int, str | None, object]]:
    """Every element with its value as it came: how lengths of sequences are written makes no difference, nothing else does."""
    out: list[tuple[int, str | None, object]] = []
    # All of them first: reading one may convert another.
    for tag, raw in [(tag, data.get_item(tag)) for tag in sorted(data.keys()) if tag.element != 0]:
        if isinstance(raw, RawDataElement):
            value, vr = raw.value, raw.VR
            if vr == "SQ" or (vr in (None, "UN") and data[tag].VR == "SQ"):
                out.append((int(tag), "SQ", [canonical(item) for item in data[tag].value or []]))
            else:
                out.append((int(tag), vr, bytes(value or b"")))
        else:
            items = raw.value or []
            out.append((int(tag), "SQ", [canonical(item) for item in items]) if raw.VR == "SQ" else (int(tag), raw.VR, raw.value))
    return out


def same(one: Got, other: Got, sent: Sample | None = None) -> str:
    """What an object differs in from another, element by element at the top; empty: nothing.

    `sent`: what was sealed. What the seal brings back is what was sent, where an archive changes even such elements (it
    drops padding, or writes OB for OW): one that is sealed may be as it was sent instead.
    """
    if (one.sop_class, one.sop_instance, one.transfer_syntax) != (other.sop_class, other.sop_instance, other.transfer_syntax):
        return f"{one} is not {other}"
    first, second = (canonical(read(each.data_set, each.transfer_syntax)) for each in (one, other))
    if first == second:
        return ""
    tags = list(_differing(first, second))
    if sent is not None:
        came, was = ({tag: (vr, value) for tag, vr, value in each} for each in (first, canonical(read(sent.data_set, sent.transfer_syntax))))
        tags = [(tag, words) for tag, words in tags if not (is_sealed(tag, came.get(tag)) and came.get(tag) == was.get(tag))]
    return "differs in " + ", ".join(words for _, words in sorted(tags)) if tags else ""


def not_as_sent(got: Got, sent: Sample) -> str:
    """What of the sealed attributes of an object, that came in the transfer syntax in which it was sent, is not as it was; empty: nothing."""
    was, came = canonical(read(sent.data_set, sent.transfer_syntax)), canonical(read(got.data_set, got.transfer_syntax))
    values = {tag: (vr, value) for tag, vr, value in was}
    return ", ".join(words for tag, words in sorted(_differing(was, came)) if is_sealed(tag, values.get(tag)))


def _differing(first: list, second: list) -> Iterator[tuple[int, str]]:
    one, other = ({tag: (vr, value) for tag, vr, value in each} for each in (first, second))
    for tag in one.keys() | other.keys():
        if one.get(tag) != other.get(tag):
            shown = ["absent" if found is None else f"{found[0]} {_brief(found[1])}" for found in (one.get(tag), other.get(tag))]
            yield tag, f"({tag >> 16:04x},{tag & 0xFFFF:04x}) {shown[0]} / {shown[1]}"


def _brief(value: object) -> str:
    return f"{len(value)} {value[:32]!r}" if isinstance(value, bytes) else f"{value!r:.80}"


_PAGE = (pathlib.Path(__file__).resolve().parents[3] / "docs" / "sealing.md").read_text()
_ROW = re.compile(r"^\| \((\w{4}),(\w{4})\)(?: to \((\w{4}),(\w{4})\))? \|.*?\|.*?\| sealed \|", re.MULTILINE)
_NAMED = [tuple(row.groups()) for row in _ROW.finditer(_PAGE)]
PRIVATE_MAX = 1024


def is_sealed(tag: int, element: object = None) -> bool:
    """Whether docs/sealing.md says that an attribute is sealed; of private ones, if its value (`(VR, value)`) is long enough."""
    group, number = tag >> 16, tag & 0xFFFF
    if group % 2:
        value = element[1] if isinstance(element, tuple) else b""
        return isinstance(value, bytes) and len(value) > PRIVATE_MAX
    for low_group, low, high_group, high in _NAMED:
        last_group = int(high_group or low_group, 16)
        if low == "xxxx" and int(low_group, 16) <= group <= last_group:
            return True
        if low != "xxxx" and int(low_group, 16) == group and int(low, 16) <= number <= int(high or low, 16):
            return True
    return False
