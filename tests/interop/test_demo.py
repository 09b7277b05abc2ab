"""The demonstration: it ends with 1 when a step goes wrong, here on disks that fill up in the middle of it; and what it says of
the vault is so, looked at with other eyes."""

import os
import pathlib
import re
import subprocess
import zlib

import pytest

from support import corpus, residue
from support.banner import is_banner
from support.gateway import program


def tour(place: pathlib.Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The demonstration, with its folder in this one."""
    env = {**os.environ, "TMPDIR": str(place)}
    return subprocess.run([program(), "demo", "--once", *more], env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def small_disk(tmp_path, request):
    """So many MiB, and no more."""
    folder = tmp_path / "disk"
    folder.mkdir()
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*root, "mount", "-t", "tmpfs", "-o", f"size={request.param}m,mode=1777", "tmpfs", folder], check=True)
    yield folder
    subprocess.run([*root, "umount", folder], check=True)


# Room for the phantom, not for the archive's copy of it and the records; room for both, not for what the probe stores.
@pytest.mark.parametrize(("small_disk", "step"), [(16, "✗ C-STORE"), (30, "✗ `dicomgate vault probe")], indirect=["small_disk"])
def test_a_wrong_step_ends_with_one(small_disk, step):
    told = tour(small_disk)
    assert told.returncode == 1, told.stdout
    assert step in told.stdout and "steps did not do what they should" in told.stdout, told.stdout


def picture(path: pathlib.Path) -> tuple[int, bytes]:
    """Columns and pixels of a grey PNG of eight bits, without interlace, whatever its filters (ISO/IEC 15948 9)."""
    png, packed, at = path.read_bytes(), b"", 8
    columns = int.from_bytes(png[16:20])
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        packed += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    raw, above, pixels = zlib.decompress(packed), bytes(columns), b""
    for at in range(0, len(raw), columns + 1):
        row = bytearray(raw[at + 1 : at + 1 + columns])
        for x in range(columns):
            left, corner = (row[x - 1], above[x - 1]) if x else (0, 0)
            nearest = min((left, above[x], corner), key=lambda value: abs(left + above[x] - corner - value))
            row[x] = (row[x] + (0, left, above[x], (left + above[x]) // 2, nearest)[raw[at]]) & 0xFF
        above, pixels = bytes(row), pixels + bytes(row)
    return columns, pixels


def test_what_it_says_of_the_vault_is_so(tmp_path, full):
    told = tour(tmp_path, "--keep")
    assert told.returncode == 0, told.stdout
    [folder] = tmp_path.iterdir()
    sent = [corpus.read(path) for path in sorted((folder / "study").iterdir())]
    clear, archive = (residue.Searched(residue.files(folder / name)) for name in ("study", "archive"))
    for sample in sent[:: 1 if full else 6]:
        value = residue.values(sample)["(7fe0,0010)"]
        assert clear.find(value), "what is looked for can be found"
        assert archive.find(value) is None, f"{sample.name} lies in the archive in clear"
    restored = {corpus.read(path).sop_instance: corpus.read(path).data_set for path in (folder / "restored").iterdir()}
    assert restored == {sample.sop_instance: sample.data_set for sample in sent}
    assert is_banner(*picture(folder / "pictures" / "as-archived.png"))
    assert not is_banner(*picture(folder / "pictures" / "as-sent.png"))
    # The archive holds nothing else: the probe's objects are gone, those of the other chapters are sealed too.
    assert len(list((folder / "archive").iterdir())) == len(sent) + 2
    assert sorted(path.name for path in folder.rglob("escrow*")) == ["escrow.crt", "escrow.key"], "and nowhere else"
    [incident] = re.findall(r"a sealed object was not opened +incident (\S+)", told.stdout)
    why = subprocess.run([program(), "why", incident, "--state", folder / "state"], capture_output=True, text=True, check=True)
    assert "DESK1" in why.stdout and "it is sealed" in why.stdout, why.stdout
