"""Sealed compressed, and fetched by who takes nothing compressed: the gateway decodes, as pydicom decodes the same file."""

from __future__ import annotations

import dataclasses
import io

import pydicom
import pytest
from pydicom.uid import JPEGLSLossless, RLELossless
from pynetdicom import _config

from support import corpus, decoded, habits, peers, sealed, sender, vault, wire
from support import gateway as under_test
from support.workstations import Wanted

FILES = {name: dataset for name, (_, dataset) in decoded.compressed().items()}


def rounds() -> list[dict[str, corpus.Sample]]:
    """The same files as they are stored; those that share an instance one after the other."""
    by_path = {one.path: one for one in corpus.samples() if sealed.parents(one)[0]}
    found: list[dict[str, corpus.Sample]] = []
    for name, (path, _) in decoded.compressed().items():
        if path not in by_path:
            continue
        sample = by_path[path]
        free = [one for one in found if all(other.sop_instance != sample.sop_instance for other in one.values())]
        if not free:
            found.append({})
        (free or found[-1:])[0][name] = sample
    return found


ROUNDS = rounds()

# What one of the workstations takes, and nothing else.
COMPRESSED = [(wire.SECONDARY_CAPTURE, "1.2.840.10008.1.2.4.50"), (wire.CT_IMAGE, "1.2.840.10008.1.2.4.90")]


class Site:
    """Orthanc behind a gateway that seals. All workstations have images opened: WS1's storescp takes native ones alone, WS2 all, WS3
    nothing that is native."""

    def __init__(self, house) -> None:
        self.station = house.workstation("storescp", "WS1")
        taken = {(one.sop_class, one.transfer_syntax) for samples in ROUNDS for one in samples.values()}
        self.takes_all = house.workstation("pynetdicom", "WS2", also=taken)
        self.takes_compressed = house.workstation("pynetdicom", "WS3", only=COMPRESSED)
        inside = peers.free_port()
        others = {"WS2": self.takes_all, "WS3": self.takes_compressed}
        self.archive = house.orthanc(modalities={title: [title, "127.0.0.1", inside] for title in ("WS1", *others)})
        policy = vault.policy(receives=self.station.secure_port)
        for title, other in others.items():
            peer = under_test.peer(title, f"{title.lower()}.test", groups=["workstation"], address=f"127.0.0.1:{other.secure_port}")
            policy["peer"].append(peer)  # type: ignore[attr-defined]
        self.gateway = house.gateway(
            self.archive.port, start=False, policy=policy, archive_settings=vault.ALWAYS, inside=inside, vault=vault.settings(house.folder / "vault-decoded")
        )
        vault.prove(self.gateway)


@pytest.fixture(scope="module")
def site(shared_house):
    return Site(shared_house)


def store(gateway, certificate, samples: dict[str, corpus.Sample]) -> dict[str, corpus.Sample]:
    """The samples that were stored: some are damaged so that nobody takes them."""
    outcomes = {}
    for batch in sender.batches(samples.values()):
        outcomes |= sender.send(lambda: gateway.call(certificate, timeout=20), batch)
    return {name: one for name, one in samples.items() if outcomes[one.name].stored}


def check(name: str, data: pydicom.Dataset) -> None:
    original = FILES[name]
    assert data.SOPInstanceUID == original.SOPInstanceUID and data.SOPClassUID == original.SOPClassUID
    assert (data.Rows, data.Columns, data.get("NumberOfFrames", 1)) == (original.Rows, original.Columns, original.get("NumberOfFrames", 1))
    assert "ExtendedOffsetTable" not in data
    if data.SamplesPerPixel > 1:
        assert data.PlanarConfiguration == 0
    if original.file_meta.TransferSyntaxUID in decoded.LOSSY:
        assert data.LossyImageCompression == "01"
    decoded.compare(original, data.PhotometricInterpretation, data.PixelData)


def test_who_gets_native_images_gets_them_decoded(site, ct1, ws1):
    compared = 0
    for number, samples in enumerate(ROUNDS):
        stored = store(site.gateway, ct1, samples)
        got = sealed.fetch(lambda: site.gateway.call(ws1, timeout=60), stored.values(), called="PACS", calling="WS1", alone=True)
        for name, sample in stored.items():
            found = got[sample.name]
            if name in decoded.REFUSED:
                assert found is None, name
                continue
            assert found is not None, name
            assert found.transfer_syntax == wire.EXPLICIT
            check(name, sealed.read(found.data_set, wire.EXPLICIT))
            compared += 1
        if number == 0:
            delivered(site, stored)
    assert compared > 25


def delivered(site, stored: dict[str, corpus.Sample], least: int = 16) -> None:
    """The same by C-MOVE to who takes nothing compressed."""
    compared = 0
    for name, sample in stored.items():
        study, series = sealed.parents(sample)
        moved = site.station.move(site.gateway.secure[1], Wanted(study, series, sample.sop_instance), "WS1", called="PACS")
        took = site.station.take()
        assert moved.final is not None, (name, moved)
        if name in decoded.REFUSED:
            assert not took and moved.final.counters[1] == 1 and moved.final.failures == (sample.sop_instance,), (name, moved)
            continue
        assert [one.sop_instance for one in took] == [sample.sop_instance], (name, moved)
        check(name, sealed.read(took[0].data_set, took[0].transfer_syntax))
        compared += 1
    assert compared >= least


def test_what_is_not_decoded_is_counted_and_said(site, ct1, ws1):
    every = {name: one for samples in ROUNDS for name, one in samples.items()}
    # It says that it is JPEG 2000 part 2: of that nobody looks at a byte.
    sample = sealed.remade(every["MR_small_RLE"], SOPInstanceUID="1.2.826.0.1.3680043.9.9999.741")
    sample = dataclasses.replace(sample, transfer_syntax="1.2.840.10008.1.2.4.92")
    assert store(site.gateway, ct1, {"part 2": sample})
    study, series = sealed.parents(sample)
    connection = site.gateway.call(ws1, timeout=20)
    contexts, roles = sealed.proposal([(sample.sop_class, wire.EXPLICIT)])
    connection.associate(contexts, called="PACS", calling="WS1", extra=roles)
    answer = sealed.get(connection, sealed.identifier(study, series, sample.sop_instance))
    assert (answer.objects, answer.completed, answer.failed) == ([], 0, 1), answer
    connection.release()
    said = [one for one in site.gateway.records() if one["event"] == "not-opened" and one.get("instance") == sample.sop_instance]
    assert said and "there is no decoder for JPEG 2000 part 2" in said[-1]["words"], said


def test_a_destination_is_asked_for_what_nobody_knew_of_before_anything_is_decoded(site, ct1):
    # One of each syntax, of different instances.
    chosen = dict({one.transfer_syntax: (name, one) for name, one in ROUNDS[0].items()}.values())
    stored = store(site.gateway, ct1, chosen)
    assert len(stored) > 4
    # A ledger that is lost: nobody knows in which syntaxes they were sealed.
    site.gateway.stop()
    for file in (site.gateway.folder / "state").glob("state.db*"):
        file.unlink()
    site.gateway.start()
    for name, sample in stored.items():
        study, series = sealed.parents(sample)
        before = len(site.takes_all.asked)
        moved = site.takes_all.move(site.gateway.secure[1], Wanted(study, series, sample.sop_instance), "WS2", called="PACS")
        assert moved.final is not None and moved.final.counters == (1, 0, 0), (name, moved)
        first, further = site.takes_all.asked[before:]
        assert sample.transfer_syntax not in {syntax for _, syntaxes in first for syntax in syntaxes}, (name, first)
        assert further == [(sample.sop_class, [sample.transfer_syntax])], (name, further)
        (took,) = site.takes_all.take()
        assert (took.transfer_syntax, took.originator, took.message) == (sample.transfer_syntax, "WS2", 1), (name, took)
        assert FILES[name].PixelData == sealed.read(took.data_set, took.transfer_syntax).PixelData, name
    # Who refuses it has it decoded, as before, or hears that it is not.
    delivered(site, stored, least=3)
    records = [one for one in site.gateway.records() if one["event"] == "operation" and one.get("delivered_to") == "WS2"]
    assert [(one["instance"], one["opened"], one["status"]) for one in records] == [(one.sop_instance, True, "0000H") for one in stored.values()]


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless], ids=["RLE", "JPEG-LS"])
def test_one_that_recompresses_losslessly_is_sealed_for_and_opened(house, ct1, ws1, syntax):
    archive = house.keep(habits.Habits(recompress=syntax))
    gateway = house.gateway(
        archive.port, start=False, policy=vault.policy(), archive_settings=vault.ALWAYS, vault=vault.settings(house.folder / "vault-recompressed")
    )
    vault.prove(gateway)
    # An image of its own, and one that was compressed when it was sealed.
    wanted = [one for one in corpus.samples() if one.path.stem in ("CT_small", "MR_small_RLE")]
    assert len(wanted) == 2
    outcomes = sender.send(lambda: gateway.call(ct1, timeout=20), wanted)
    assert all(one.stored for one in outcomes.values()), outcomes
    assert {one.syntax for one in archive.held.values() if one.data.SOPInstanceUID in {each.sop_instance for each in wanted}} == {syntax}
    got = sealed.fetch(lambda: gateway.call(ws1, timeout=20), wanted, called="PACS", calling="WS1")
    for one in wanted:
        assert got[one.name] is not None, one.name
        data = sealed.read(got[one.name].data_set, one.transfer_syntax)
        original = pydicom.dcmread(io.BytesIO(one.path.read_bytes()))
        assert data.PixelData == original.PixelData
    native = sealed.fetch(lambda: gateway.call(ws1, timeout=20), wanted, called="PACS", calling="WS1", alone=True)
    assert all(native[one.name] is not None for one in wanted)
    check("MR_small_RLE", sealed.read(native[next(one.name for one in wanted if one.path.stem == "MR_small_RLE")].data_set, wire.EXPLICIT))



def test_who_takes_nothing_but_compressed_images_gets_those_that_are_so(site, ct1, ws1, monkeypatch):
    # Otherwise pynetdicom takes whatever is stored.
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    every = {name: one for samples in ROUNDS for name, one in samples.items()}
    every["CT_small"] = next(one for one in corpus.samples() if one.path.name == "CT_small.dcm")
    taken, refused = ("SC_rgb_jpeg_dcmtk", "J2K_pixelrep_mismatch"), ("SC_rgb_jpeg_gdcm", "693_J2KI", "CT_small")
    stored = store(site.gateway, ct1, {name: every[name] for name in (*taken, *refused)})
    assert len(stored) == 5
    station = site.takes_compressed
    for name, sample in stored.items():
        study, series = sealed.parents(sample)
        moved = station.move(site.gateway.secure_port, Wanted(study, series, sample.sop_instance), "WS3", called="PACS")
        took = station.take()
        assert moved.final is not None, (name, moved)
        if name in taken:
            assert moved.final.counters == (1, 0, 0), (name, moved)
            (one,) = took
            assert (one.sop_instance, one.transfer_syntax) == (sample.sop_instance, sample.transfer_syntax), (name, one)
            assert not sealed.not_as_sent(sealed.Got(one.sop_class, one.sop_instance, one.transfer_syntax, one.data_set), sample), name
            continue
        assert not took and moved.final.counters == (0, 1, 0) and moved.final.failures == (sample.sop_instance,), (name, moved)
        said = [one["words"] for one in site.gateway.records() if one["event"] == "not-opened" and one.get("instance") == sample.sop_instance]
        assert said and said[-1].startswith("it was sealed in ") and "takes neither that nor anything that it could be written in" in said[-1], (name, said)
    # What it does not take is there for who does.
    got = sealed.fetch(lambda: site.gateway.call(ws1, timeout=20), [stored[name] for name in refused], called="PACS", calling="WS1")
    for name in refused:
        found = got[stored[name].name]
        assert found is not None and not sealed.not_as_sent(found, stored[name]), name


def test_an_object_of_a_private_class_comes_out_of_an_archive_that_says_nothing_of_roles(site, ct1, ws1):
    small = next(one for one in corpus.samples() if one.path.name == "CT_small.dcm")
    sample = sealed.remade(small, SOPClassUID="1.2.826.0.1.3680043.9.9999.730", SOPInstanceUID="1.2.826.0.1.3680043.9.9999.731")
    assert store(site.gateway, ct1, {"private": sample})
    straight = sealed.fetch(lambda: wire.plain(("127.0.0.1", site.archive.port)), [sample], called="PACS", calling="WS1")
    got = sealed.fetch(lambda: site.gateway.call(ws1, timeout=20), [sample], called="PACS", calling="WS1")
    assert straight[sample.name] is not None, "Orthanc sends it on a context for which it confirmed no role"
    assert got[sample.name] is not None
    assert not sealed.not_as_sent(got[sample.name], sample)
