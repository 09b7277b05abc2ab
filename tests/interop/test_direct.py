"""The helpers themselves, without the gateway: what they send and record is what independent programs see."""

from __future__ import annotations

import pathlib
import subprocess

import pydicom
import pytest

from conftest import STORE
from support import corpus, peers, sender, wire


def test_the_corpus_is_there():
    """A package that lost its files must not let the tests pass on nothing."""
    samples = corpus.samples()
    assert len(samples) >= 240
    assert {sample.transfer_syntax for sample in samples} >= {
        "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90",
    }  # fmt: skip
    assert sum(sample.path.parent.name == "charset_files" for sample in samples) >= 15


def test_recorders_keep_the_very_bytes(house):
    samples = corpus.samples()[::7]
    recorder, scripted = house.recorder(), house.scripted()
    for archive in (recorder, scripted):
        outcomes = sender.send(lambda port=archive.port: wire.plain(("127.0.0.1", port)), samples)
        assert all(outcome.stored for outcome in outcomes.values()), outcomes
    assert [one.data_set for one in recorder.take()] == [sample.data_set for sample in samples]
    assert scripted.completed() == [sample.data_set for sample in samples]


def test_images_are_data_sets(tmp_path: pathlib.Path):
    raw = wire.image("1.2.3.4")
    found = pydicom.dcmread(pydicom.filebase.DicomBytesIO(raw), force=True)
    assert found.SOPInstanceUID == "1.2.3.4"
    assert found.Modality == "CT"
    assert found.PixelData == b"\1\0" * 8


def test_dcmtk_talks_to_the_scripted_archive(house):
    archive = house.scripted()
    for tool in ("echoscu", "storescu"):
        files = [str(next(one.path for one in corpus.samples() if one.path.name == "CT_small.dcm"))] if tool == "storescu" else []
        subprocess.run([tool, "-aec", "PACS", "127.0.0.1", str(archive.port), *files], check=True, timeout=30)
    assert len(archive.completed()) == 1


@pytest.mark.parametrize("build", [peers.Orthanc, peers.Dcmqrscp], ids=["orthanc", "dcmqrscp"])
def test_archives_store_and_find(house, build):
    archive = house.keep(build(house.folder / "archive")).start()
    with wire.plain(("127.0.0.1", archive.port)) as connection:
        connection.associate(STORE | {5: (wire.STUDY_FIND, [wire.EXPLICIT])})
        assert connection.echo() == 0
        assert connection.store(3, wire.CT_IMAGE, "1.2.826.0.1.3680043.9.9999.7", wire.image("1.2.826.0.1.3680043.9.9999.7")).status == 0
        key = wire.explicit(0x00080052, "CS", b"STUDY ") + wire.explicit(0x0020000D, "UI", b"")
        found, last = connection.query(5, wire.STUDY_FIND, key)
        assert last.status == 0
        assert len(found) == 1
        assert b"1.2.826.0.1.3680043.9.9999.10" in found[0]
        connection.release()
    assert len(list(archive.files())) == 1


def test_refused_certificates_are_what_they_claim(authority, certificates):
    from support.ca import openssl

    def verify(name: str) -> str:
        done = subprocess.run(
            ["openssl", "verify", "-crl_check", "-CRLfile", authority.crl, "-CAfile", authority.certificate, certificates[name].certificate],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert "OK" in verify("ct1")
    assert "certificate has expired" in verify("expired")
    assert "certificate is not yet valid" in verify("early")
    assert "unable to get local issuer" in verify("foreign")
    assert "self-signed" in verify("selfmade")
    assert openssl(authority.folder, "crl", "-in", "ca.crl", "-noout", "-text")
