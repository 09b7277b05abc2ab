"""The helpers themselves, without the gateway: what they send and record is what independent programs see."""

from __future__ import annotations

import pathlib
import subprocess

import pydicom
import pytest

from conftest import STORE
from support import corpus, forward, mover, peers, sender, studies, systems, ward, wire
from support.archives import ARCHIVES
from support.workstations import WORKSTATIONS, Wanted


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


@pytest.mark.parametrize("habits", [{}, {"associations": 3}, {"late": True}], ids=str)
def test_the_mover_delivers_what_was_asked_for(house, habits):
    """The archive with habits, straight to a workstation."""
    station = house.workstation("wire", "WS1")
    one, other = studies.study(1), studies.study(2)
    archive = house.mover(station.plain_port, [*one, *other], habits=mover.Habits(**habits))
    wanted = Wanted(one[0].study, one[0].series)
    moved = station.move(archive.port, wanted, "WS1", called="PACS", secure=False, message_id=9)
    assert moved.final is not None and (moved.final.status, moved.final.counters) == (0, (2, 0, 0)), moved
    wire.wait_for(lambda: len(archive.outcomes) == 2, 10, "the deliveries")
    got = station.take()
    assert ward.by_instance(got) == {image.sop_instance: image.data_set for image in one[:2]}
    assert {(delivery.originator, delivery.message, delivery.called) for delivery in got} == {("WS1", 9, "WS1")}


@pytest.mark.parametrize("title", ARCHIVES)
def test_an_archive_delivers_straight(house, title):
    """Each real archive to each real workstation, without the gateway: what the moves are compared with."""
    stations = [house.workstation(kind, f"WS{number}") for number, kind in enumerate(WORKSTATIONS, 1)]
    archive = house.archive(title, {one.title: one.plain_port for one in stations})
    images = studies.study(1)
    studies.fill(archive.port, images, called=title)
    for station in stations:
        moved = station.move(archive.port, Wanted(images[0].study), station.title, called=title, secure=False)
        assert moved.final is not None and (moved.final.status, moved.final.counters) == (0, (5, 0, 0)), moved
        assert set(ward.by_instance(station.take())) == {image.sop_instance for image in images}


def test_commitment_straight(house):
    """A modality over TLS and an archive that reports, with nothing but TLS between them."""
    inside = peers.free_port()
    archive = house.keep(systems.Committer("PACS", inside))
    modality = house.keep(systems.Modality("CT1", house.authority, house.certificates["ct1"]))
    house.keep(forward.Forward(archive.port, accept=house.authority.server(house.certificates["gateway"]), port=inside))
    there = house.keep(forward.Forward(modality.port, call=house.authority.client(house.certificate("peer-pacs"))))
    modality.certificate = house.certificate("peer-ct1")
    modality.stop()
    modality.listen()
    association = modality.associate(inside)
    wanted = systems.references([(wire.CT_IMAGE, "1.2.3"), (wire.CT_IMAGE, "1.2.4")])
    assert modality.ask(association, wanted) == 0
    seen, calling, own = archive.request()
    assert (seen, calling) == (wanted, "CT1")
    assert archive.report_same(own, wanted) == 0
    association.release()
    assert archive.report_new("CT1", wanted, port=there.port) == 0
    assert [(one.own, one.committed) for one in modality.reports] == [(True, ("1.2.3", "1.2.4")), (False, ("1.2.3", "1.2.4"))]
