"""Every compressed file of pydicom's, what of it is not decoded here, how files are decoded without a gateway, and how decoded pixels
compare with pydicom's."""

from __future__ import annotations

import os
import pathlib
import subprocess

import numpy
import pydicom
import pytest
from pydicom.pixels import get_decoder

ROOT = pathlib.Path(__file__).resolve().parents[3]

# More than 8 bits in JPEG that is not lossless; a header in another encoding than it says; a codestream cut by a delimiter.
REFUSED = {"JPEG-lossy", "JPGExtended", "SC_rgb_jpeg", "JPEG2000-embedded-sequence-delimiter"}
# The inverse cosine transform may be rounded either way (ITU-T T.83), and colours are made of its results.
ROUNDED = 3
COSINES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
LOSSY = (*COSINES, "1.2.840.10008.1.2.4.81")


def compressed() -> dict[str, tuple[pathlib.Path, pydicom.Dataset]]:
    found = {}
    # What came with the package: nothing is fetched.
    for path in sorted((pathlib.Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm")):
        try:
            dataset = pydicom.dcmread(path)
        except pydicom.errors.InvalidDicomError:
            continue
        syntax = dataset.file_meta.get("TransferSyntaxUID")
        if syntax is not None and not syntax.is_private and syntax.is_encapsulated and "PixelData" in dataset:
            found[path.stem] = (path, dataset)
    return found


def by_worker(folder: pathlib.Path, paths: list[pathlib.Path]) -> dict[str, tuple[str, str, pathlib.Path]]:
    """Of each file by its stem: Photometric Interpretation, digest and pixels; or `-` and why there are none."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--bin", "dicomgate", "--example", "decode_files"], cwd=ROOT, check=True)
    built = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
    command = [built / "examples" / "decode_files", built / "dicomgate", folder, *paths]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = [line.split("\t") for line in said.splitlines()]
    return {pathlib.Path(name).stem: (photometric, rest, folder / rest) for name, photometric, rest in lines}


def compare(dataset: pydicom.Dataset, photometric: str, pixels: bytes) -> None:
    """Native pixels with what pydicom's decoders make of a compressed object: bit for bit, where nothing is lost."""
    syntax = dataset.file_meta.TransferSyntaxUID
    decoder = get_decoder(syntax)
    if not decoder.is_available:
        pytest.skip("; ".join(decoder.missing_dependencies))
    wanted, meta = decoder.as_array(dataset, raw=photometric != "RGB")
    assert meta["photometric_interpretation"] == photometric
    assert len(pixels) == wanted.nbytes + wanted.nbytes % 2
    ours = numpy.frombuffer(pixels[: wanted.nbytes], dtype=wanted.dtype).reshape(wanted.shape)
    assert numpy.abs(ours.astype(int) - wanted.astype(int)).max() <= (ROUNDED if syntax in COSINES else 0)
