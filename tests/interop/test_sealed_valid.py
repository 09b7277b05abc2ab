"""Sealed objects are as valid as their originals: dciodvfy (dicom3tools) finds no error in them that it does not find before.

Objects are those of pydicom and pydicom-data, and made ones of every class that docs/sealing.md says is sealed. A made
object lacks much that its class asks for; what counts is that sealing adds nothing to the list of errors. Sealed by the
code of the gateway, without a network. Exceptions stand in docs/sealing.md.
"""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
import warnings

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import write_file_meta_info

from support import corpus, made, vault

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "sealing.md"
WAYS = ["pixels", "attributes:implicit"]
DEFLATED = "1.2.840.10008.1.2.1.99"


@pytest.fixture(scope="module")
def tool() -> pathlib.Path:
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--example", "seal_files"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "debug" / "examples" / "seal_files"


def as_file(sample: corpus.Sample, path: pathlib.Path) -> pathlib.Path:
    """The sample with a file header that is right, whatever its own was."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sample.sop_class, sample.sop_instance
    meta.TransferSyntaxUID, meta.ImplementationClassUID = sample.transfer_syntax, "1.2.826.0.1.3680043.9.9999.1"
    meta.FileMetaInformationVersion = b"\0\1"
    header = io.BytesIO()
    write_file_meta_info(header, meta)
    path.write_bytes(bytes(128) + b"DICM" + header.getvalue() + sample.data_set)
    return path


@pytest.fixture(scope="module")
def escrow(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return vault.made_escrow(tmp_path_factory.mktemp("escrow") / "made")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    folder = tmp_path_factory.mktemp("originals")
    files = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index, sample in enumerate(corpus.samples()):
            files.append(as_file(sample, folder / f"corpus-{index:03}-{sample.path.name}"))
        for name, data in made.every(PAGE.read_text()):
            files.append(folder / f"made-{name}.dcm")
            data.save_as(files[-1])
    return files if os.environ.get("DICOMGATE_FULL") == "1" else files[::4]


def verdict(path: pathlib.Path) -> set[str] | None:
    """What dciodvfy finds wrong; None: it fell over."""
    done = subprocess.run(
        ["dciodvfy", str(path)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    if done.returncode < 0:
        return None
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return {line.strip() for line in lines if line.startswith("Error")}


def before(path: pathlib.Path, scratch: pathlib.Path) -> set[str]:
    """What it finds wrong in an original. It cannot inflate, and falls over 32 bits: it gets those as it can read them."""
    found = verdict(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if found is not None and pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID != DEFLATED:
            return found
        subprocess.run(["dcmconv", "--write-xfer-little", str(path), str(scratch)], check=True, capture_output=True)
        data = pydicom.dcmread(scratch)
        if data.BitsAllocated > 16:
            data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
            data.PixelData = bytes(len(data.PixelData) // 2)
            data.save_as(scratch)
    found = verdict(scratch)
    assert found is not None, path.name
    return found


@pytest.fixture(scope="module")
def known(originals: list[pathlib.Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The errors of each original, by its name."""
    scratch = tmp_path_factory.mktemp("scratch") / "readable.dcm"
    return {path.name: before(path, scratch) for path in originals}


@pytest.mark.parametrize("way", WAYS)
def test_sealing_adds_no_error(tool, escrow, originals, known, tmp_path, way):
    done = subprocess.run(
        [tool, way, tmp_path, *originals], env=os.environ | {"ESCROW": str(escrow)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    fate = {pathlib.Path(path).name: words for path, _, words in lines}
    assert len(fate) == len(originals)
    # Of every class that is said to be sealed there is an object, and it was sealed.
    left = {name: words for name, words in fate.items() if name.startswith("made") and not words.startswith("sealed")}
    assert not left, left
    sealed = [name for name, words in fate.items() if words.startswith("sealed")]
    assert len([name for name in sealed if name.startswith("corpus")]) > len(originals) // 12
    worse = {}
    for name in sealed:
        found = verdict(tmp_path / name)
        new = {"it fell over"} if found is None else found - known[name]
        if new:
            worse[name] = sorted(new)
    assert not worse, worse


def test_the_banner_stands_at_the_top(tool, escrow, originals, tmp_path):
    """As another implementation reads the pixels: words in white on black, and nothing else in the first 48 rows."""
    images = [path for path in originals if path.name.startswith("made") and "grey" in path.name][::7]
    subprocess.run([tool, "pixels", tmp_path, *images], env=os.environ | {"ESCROW": str(escrow)}, check=True, capture_output=True)
    for path in images:
        data = pydicom.dcmread(tmp_path / path.name)
        pixels = data.pixel_array
        banner = (pixels[0] if pixels.ndim == 3 else pixels)[:48]
        white = 2**data.BitsAllocated - 1
        assert set(banner.flatten().tolist()) == {0, white}, path.name
        # "SEALED: open through the gateway." and "Not for diagnosis.", in dots of two by two.
        assert 400 < (banner == white).sum() // 4 < 800, path.name
        assert not (banner[:, 512:] == white).any()
