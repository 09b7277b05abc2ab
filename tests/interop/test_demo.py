"""The demonstration ends with 1 when a step goes wrong: on a disk that fills up in the middle of it, many do."""

import os
import subprocess

import pytest

from support.gateway import program


@pytest.fixture
def small_disk(tmp_path):
    """16 MiB: room for the phantom, not for the archive's copy of it and the records."""
    folder = tmp_path / "disk"
    folder.mkdir()
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*root, "mount", "-t", "tmpfs", "-o", "size=16m,mode=1777", "tmpfs", folder], check=True)
    yield folder
    subprocess.run([*root, "umount", folder], check=True)


def test_a_wrong_step_ends_with_one(small_disk):
    told = subprocess.run(
        [program(), "demo", "--once"], env={**os.environ, "TMPDIR": str(small_disk)}, capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 1, told.stdout
    assert "✗ C-STORE" in told.stdout and "steps did not do what they should" in told.stdout, told.stdout
