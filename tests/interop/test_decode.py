"""What the gateway decodes, beside pydicom's decoders: every compressed file of pydicom's, lossless ones bit for bit."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess

import pytest

from support.decoded import NOT_DECODED, compare, compressed, is_decoded

ROOT = pathlib.Path(__file__).resolve().parents[2]

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
    photometric, digest, file = decoded[name]
    if not is_decoded(name, dataset):
        assert photometric == "-"
        assert NOT_DECODED.get(dataset.file_meta.TransferSyntaxUID, "") in digest
        return
    assert photometric != "-", digest
    pixels = file.read_bytes()
    assert hashlib.sha256(pixels).hexdigest() == digest
    compare(dataset, photometric, pixels)


def test_the_corpus_has_every_codec():
    syntaxes = {dataset.file_meta.TransferSyntaxUID for _, dataset in FILES.values()}
    tails = {syntax.removeprefix("1.2.840.10008.1.2.") for syntax in syntaxes}
    assert {"4.50", "4.70", "4.90", "4.91", "5"} <= tails
