"""What the gateway decodes, beside pydicom's decoders: every compressed file of pydicom's, lossless ones bit for bit."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess

import numpy
import pydicom
import pytest
from pydicom.pixels import get_decoder

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Nothing here decodes these, and the gateway says so before it fetches anything, or in place of a frame.
NOT_DECODED = {
    "1.2.840.10008.1.2.4.80": "there is no decoder for JPEG-LS",
    "1.2.840.10008.1.2.4.81": "there is no decoder for JPEG-LS",
}
# More than 8 bits in JPEG that is not lossless; a header in another encoding than it says; a codestream cut by a delimiter.
REFUSED = {"JPEG-lossy", "JPGExtended", "SC_rgb_jpeg", "JPEG2000-embedded-sequence-delimiter"}
# The inverse cosine transform may be rounded either way (ITU-T T.83), and colours are made of its results.
ROUNDED = 3


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


FILES = compressed()


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """Photometric Interpretation and pixels of each file, or why there are none."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--bin", "dicomgate", "--example", "decode_files"], cwd=ROOT, check=True)
    built = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
    folder = tmp_path_factory.mktemp("pixels")
    paths = [str(path) for path, _ in FILES.values()]
    command = [built / "examples" / "decode_files", built / "dicomgate", folder, *paths]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = [line.split("\t") for line in said.splitlines()]
    return {pathlib.Path(name).stem: (photometric, rest, folder / rest) for name, photometric, rest in lines}


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_compressed_file_decodes_as_pydicom_decodes_it(name, decoded):
    _, dataset = FILES[name]
    syntax = dataset.file_meta.TransferSyntaxUID
    photometric, digest, file = decoded[name]
    if name in REFUSED or syntax in NOT_DECODED:
        assert photometric == "-"
        assert NOT_DECODED.get(syntax, "") in digest
        return
    assert photometric != "-", digest
    pixels = file.read_bytes()
    assert hashlib.sha256(pixels).hexdigest() == digest
    decoder = get_decoder(syntax)
    if not decoder.is_available:
        pytest.skip("; ".join(decoder.missing_dependencies))
    wanted, meta = decoder.as_array(dataset, raw=photometric != "RGB")
    assert meta["photometric_interpretation"] == photometric
    assert len(pixels) == wanted.nbytes + wanted.nbytes % 2
    ours = numpy.frombuffer(pixels[: wanted.nbytes], dtype=wanted.dtype).reshape(wanted.shape)
    lossy = syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
    assert numpy.abs(ours.astype(int) - wanted.astype(int)).max() <= (ROUNDED if lossy else 0)


def test_the_corpus_has_every_codec():
    syntaxes = {dataset.file_meta.TransferSyntaxUID for _, dataset in FILES.values()}
    tails = {syntax.removeprefix("1.2.840.10008.1.2.") for syntax in syntaxes}
    assert {"4.50", "4.70", "4.90", "4.91", "5"} <= tails
