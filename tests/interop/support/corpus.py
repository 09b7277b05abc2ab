"""The data sets of the packages pydicom and pydicom-data, as bytes: nothing is decoded and encoded again.

A file is taken when it has a SOP class and instance of its own; where the file meta group is missing, pydicom's guess
of the encoding decides. What is left out is counted by `skipped`, so that a test can show it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import logging
import pathlib
import re
import warnings

import data_store
import pydicom
import pydicom.data
from pydicom.filereader import _read_file_meta_info, read_preamble

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"


@dataclasses.dataclass(frozen=True)
class Sample:
    """One object: its identity, how it is encoded, and its data set exactly as it lies in the file."""

    path: pathlib.Path
    sop_class: str
    sop_instance: str
    transfer_syntax: str
    data_set: bytes = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data_set).hexdigest()


def _folders() -> list[pathlib.Path]:
    return [
        pathlib.Path(pydicom.data.__file__).parent,
        pathlib.Path(data_store.__file__).parent / "data",
    ]


def read(path: pathlib.Path) -> Sample | str:
    """The sample in a file, or why it is none."""
    raw = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(io.BytesIO(raw), force=True, stop_before_pixels=True)
            sop_class, sop_instance = data.get("SOPClassUID"), data.get("SOPInstanceUID")
            if not sop_class or not sop_instance:
                return "no SOP class or instance of its own"
            source = io.BytesIO(raw)
            read_preamble(source, force=True)
            meta = _read_file_meta_info(source)
        except Exception as fault:  # noqa: BLE001 - whatever pydicom cannot read is no sample
            return f"not readable: {fault}"
        offset = source.tell()
        syntax = meta.get("TransferSyntaxUID")
        if syntax is None:
            implicit, little = data.original_encoding
            syntax = IMPLICIT if implicit else EXPLICIT if little else EXPLICIT_BIG
    return Sample(path, str(sop_class).strip(), str(sop_instance).strip(), str(syntax), raw[offset:])


@functools.cache
def _load() -> tuple[tuple[Sample, ...], tuple[tuple[pathlib.Path, str], ...]]:
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    samples, left_out = [], []
    for folder in _folders():
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.suffix in {".py", ".pyc", ".json", ".md", ".txt", ".zip"}:
                continue
            found = read(path)
            if isinstance(found, Sample):
                samples.append(found)
            else:
                left_out.append((path, found))
    return tuple(samples), tuple(left_out)


def samples() -> tuple[Sample, ...]:
    """Every sample of both packages, in a stable order."""
    return _load()[0]


def skipped() -> tuple[tuple[pathlib.Path, str], ...]:
    """Files that are no samples, each with the reason."""
    return _load()[1]


# What even a tolerant gateway refuses, with what is wrong with it; a sample that is not named here must pass.
HOPELESS = {
    "palettes/winter.dcm": "two SOP instances",
    "test_files/MR_truncated.dcm": "ends within the pixel data",
    "test_files/rtplan_truncated.dcm": "ends within an element",
    "test_files/SC_rgb_jpeg.dcm": "encoded otherwise than its transfer syntax says",
    "data/emri_small_jpeg_2k_lossless_too_short.dcm": "ends within a fragment",
    "data/bad_sequence.dcm": "a SOP instance that is no UID",
}

_LISTED = (pathlib.Path(__file__).resolve().parents[3] / "docs" / "tolerances.md").read_text()
TOLERANCES = re.findall(r"^\| `([a-z-]+)` \|", _LISTED, flags=re.MULTILINE)
"""Every tolerance that a peer may be given."""
