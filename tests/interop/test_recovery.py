"""docs/recovery.md as it stands: everything of the corpus that is sealed comes back by grep, openssl and pydicom."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import warnings

import pydicom
import pytest

from support import corpus, vault

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: Each carrier by one key of escrow at least, and by the ring.
WAYS = [("pixels", "ring"), ("pixels", "p256"), ("attributes", "rsa"), ("attributes", "p384")]


def fence(name: str) -> str:
    """The commands of the document."""
    found = re.search(rf"^```{re.escape(name)}\n(.*?)^```$", (ROOT / "docs" / "recovery.md").read_text(), re.M | re.S)
    assert found, f"the document has no `{name}`"
    return found[1]


@pytest.fixture(scope="module")
def sealer() -> pathlib.Path:
    """The example program, built where `cargo test` has built it already."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--example", "seal_files"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "debug" / "examples" / "seal_files"


@pytest.fixture(scope="module")
def escrow(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return vault.made_escrow(tmp_path_factory.mktemp("escrow") / "made")


@pytest.fixture(scope="module")
def safe(escrow: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What a hospital has in its safe: a ring key file, and private keys in PEM."""
    folder = tmp_path_factory.mktemp("safe")
    (folder / "ring-0003.key").write_text(f"dicomgate ring key 3\nkey: {'03' * 32}\ncheck: 0011223344556677\n")
    for kind in vault.ESCROW_KINDS:
        source, target = escrow / f"{kind}.key.der", folder / f"{kind}.pem"
        subprocess.run(["openssl", "pkey", "-inform", "DER", "-in", source, "-out", target], check=True, capture_output=True)
    return folder


def recover(folder: pathlib.Path, file: pathlib.Path, key: str, safe: pathlib.Path) -> subprocess.CompletedProcess:
    """Runs the commands of the document, and nothing else."""
    which, variables = ("sh ring", {"RING": safe / "ring-0003.key"}) if key == "ring" else ("sh escrow", {"ESCROW": safe / f"{key}.pem"})
    environment = os.environ | {"FILE": str(file)} | {name: str(value) for name, value in variables.items()}
    script = fence(which) + fence("sh open")
    opened = subprocess.run(["bash", "-eu", "-c", script], cwd=folder, env=environment, capture_output=True)
    if opened.returncode:
        return opened
    return subprocess.run([sys.executable, "-W", "ignore", "-c", fence("python merge")], cwd=folder, env=environment, capture_output=True)


def same(original: pydicom.Dataset, restored: pydicom.Dataset, place: str = "") -> list[str]:
    """Where they differ; group lengths, which are retired, aside."""
    differing = []
    for tag in sorted({*original.keys(), *restored.keys()}):
        if tag.element == 0:
            continue
        if tag not in original or tag not in restored:
            differing.append(f"{place}{tag}: {'missing' if tag in original else 'added'}")
        elif original[tag].VR == "SQ":
            mine, theirs = original[tag].value, restored[tag].value
            if len(mine) != len(theirs):
                differing.append(f"{place}{tag}: {len(theirs)} items, not {len(mine)}")
            for number, (one, other) in enumerate(zip(mine, theirs, strict=False)):
                differing += same(one, other, f"{place}{tag}[{number}].")
        elif original[tag].value != restored[tag].value and str(original[tag].value) != str(restored[tag].value):
            differing.append(f"{place}{tag}: another value")
    return differing


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    """The corpus under names of its own; with DICOMGATE_FULL all of it, else every fifth, shared out among the ways."""
    folder = tmp_path_factory.mktemp("originals")
    samples = [one for one in corpus.samples() if pydicom.misc.is_dicom(one.path)]
    step = 1 if os.environ.get("DICOMGATE_FULL") == "1" else 5
    return [pathlib.Path(shutil.copy(one.path, folder / f"{number:04}.dcm")) for number, one in enumerate(samples[::step])]


@pytest.mark.parametrize(("carrier", "key"), WAYS)
def test_everything_that_is_sealed_comes_back_by_hand(sealer, escrow, safe, originals, tmp_path, carrier, key):
    sealed = tmp_path / "sealed"
    sealed.mkdir()
    if os.environ.get("DICOMGATE_FULL") != "1":
        originals = originals[WAYS.index((carrier, key)) :: len(WAYS)]
    said = subprocess.run([sealer, carrier, sealed, *originals], env=os.environ | {"ESCROW": str(escrow)}, check=True, capture_output=True, text=True).stdout
    files = sorted(sealed.iterdir())
    assert len(files) >= len(originals) // 3, said
    wrong = []
    for file in files:
        folder = tmp_path / file.stem
        folder.mkdir()
        done = recover(folder, file, key, safe)
        if done.returncode:
            wrong.append(f"{file.name}: {done.stdout.decode()[-300:]}{done.stderr.decode()[-600:]}")
            continue
        original = next(one for one in originals if one.name == file.name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before, after = pydicom.dcmread(original), pydicom.dcmread(folder / "restored.dcm")
            if before.file_meta.TransferSyntaxUID != after.file_meta.TransferSyntaxUID:
                wrong.append(f"{file.name}: {after.file_meta.TransferSyntaxUID}")
            differing = same(before, after)
        if differing:
            wrong.append(f"{file.name}: {differing[:5]}")
    assert not wrong, "\n".join(wrong)


def test_a_flipped_byte_does_not_open_by_hand(sealer, escrow, safe, originals, tmp_path):
    sealed = tmp_path / "sealed"
    sealed.mkdir()
    subprocess.run([sealer, "pixels", sealed, *originals], env=os.environ | {"ESCROW": str(escrow)}, check=True, capture_output=True)
    file = max(sealed.iterdir(), key=lambda one: one.stat().st_size)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    done = recover(tmp_path, file, "ring", safe)
    assert done.returncode and b"does not open" in done.stdout
    assert not (tmp_path / "restored.dcm").exists() and not (tmp_path / "plain").exists()
