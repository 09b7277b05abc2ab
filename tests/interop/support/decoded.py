"""Every compressed file of pydicom's, what of it is not decoded here, and how decoded pixels compare with pydicom's."""

from __future__ import annotations

import pathlib

import numpy
import pydicom
import pytest
from pydicom.pixels import get_decoder

# Nothing here decodes these, and the gateway says so before it fetches anything, or in place of a frame.
NOT_DECODED = {
    "1.2.840.10008.1.2.4.80": "there is no decoder for JPEG-LS",
    "1.2.840.10008.1.2.4.81": "there is no decoder for JPEG-LS",
}
# More than 8 bits in JPEG that is not lossless; a header in another encoding than it says; a codestream cut by a delimiter.
REFUSED = {"JPEG-lossy", "JPGExtended", "SC_rgb_jpeg", "JPEG2000-embedded-sequence-delimiter"}
# The inverse cosine transform may be rounded either way (ITU-T T.83), and colours are made of its results.
ROUNDED = 3
LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")


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


def is_decoded(name: str, dataset: pydicom.Dataset) -> bool:
    return name not in REFUSED and dataset.file_meta.TransferSyntaxUID not in NOT_DECODED


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
    assert numpy.abs(ours.astype(int) - wanted.astype(int)).max() <= (ROUNDED if syntax in LOSSY else 0)
