"""What the gateway decodes, beside pydicom's decoders: every compressed file of pydicom's, lossless ones bit for bit."""

from __future__ import annotations

import hashlib

import pytest

from support.decoded import REFUSED, by_worker, compare, compressed

FILES = compressed()


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """Photometric Interpretation and pixels of each file, or why there are none."""
    return by_worker(tmp_path_factory.mktemp("pixels"), [path for path, _ in FILES.values()])


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_compressed_file_decodes_as_pydicom_decodes_it(name, decoded):
    _, dataset = FILES[name]
    photometric, digest, file = decoded[name]
    if name in REFUSED:
        assert photometric == "-"
        return
    assert photometric != "-", digest
    pixels = file.read_bytes()
    assert hashlib.sha256(pixels).hexdigest() == digest
    compare(dataset, photometric, pixels)


def test_the_corpus_has_every_codec():
    syntaxes = {dataset.file_meta.TransferSyntaxUID for _, dataset in FILES.values()}
    tails = {syntax.removeprefix("1.2.840.10008.1.2.") for syntax in syntaxes}
    assert {"4.50", "4.70", "4.80", "4.81", "4.90", "4.91", "5"} <= tails
