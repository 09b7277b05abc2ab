"""Studies that were begun before the gateway: sealed objects beside old compressed ones of the same SOP class, which nobody sealed.

What the archive hands out of the old ones without the gateway comes through it as well; what is sealed comes in its own syntax;
everything else is counted as failed.
"""

from __future__ import annotations

import dataclasses
import warnings

import pydicom
import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from support import corpus, peers, sealed, vault, wire
from support.archives import ARCHIVES
from support.corpus import Sample
from support.workstations import Wanted

LOSSLESS = "1.2.840.10008.1.2.4.70"
STUDY = "1.2.826.0.1.3680043.9.9999.710"


def made(name: str, number: int) -> Sample:
    """An object of the corpus as one of the study."""
    found = next(one for one in corpus.samples() if one.path.name == name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(found.path)
        instance = f"{STUDY}.1.{number}"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = STUDY, f"{STUDY}.1", instance
        data.PatientID, data.PatientName, data.InstanceNumber = "P710", "Doe^Mixed", number
        raw = DicomBytesIO()
        raw.is_little_endian, raw.is_implicit_VR = True, False
        write_dataset(raw, data)
    return dataclasses.replace(found, sop_instance=instance, data_set=raw.getvalue())


OLD = [made("SC_rgb_jpeg_gdcm.dcm", 1), made("SC_rgb.dcm", 2)]
SEALED = [made("SC_rgb_jpeg_gdcm.dcm", 3), made("SC_rgb.dcm", 4)]
PAIRS = {(one.sop_class, one.transfer_syntax) for one in OLD}
assert len({sop_class for sop_class, _ in PAIRS}) == 1 and {syntax for _, syntax in PAIRS} == {LOSSLESS, wire.EXPLICIT}

# dcmqrscp, which looks at one context of a class alone, with native encodings first where it delivers, and last.
CASES = [*ARCHIVES, "DCMQR-compressed"]
# A delivery that is answered natively for what is sealed: the archive then sends nothing that is compressed (docs/opening.md).
LEFT = {("DCMQR-compressed", "C-MOVE"): {OLD[0].sop_instance}}


def got(connection: wire.Wire, title: str) -> sealed.Fetched:
    """The study by C-GET, in the syntaxes of its objects, the compressed one first."""
    contexts, roles = sealed.proposal(PAIRS)
    connection.associate(dict(sorted(contexts.items(), key=lambda one: one[1][1] != [LOSSLESS])), called=title, calling="WS1", extra=roles)
    found = sealed.get(connection, sealed.identifier(STUDY))
    if not found.aborted:
        connection.release()
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_study_that_was_begun_before_the_gateway(house, ct1, ws1, case):
    title, _, first = case.partition("-")
    station = house.workstation("wire", "WS1")
    inside = peers.free_port()
    known = {"WS1": inside, "WS1_D": station.plain_port}
    more = {"accepts": PAIRS, "compressed_first": bool(first)} if title == "DCMQR" else {}
    archive = house.archive(title, known, **more)
    straight = ("127.0.0.1", archive.port)
    gateway = house.gateway(
        archive.port, start=False, inside=inside, policy=vault.policy(title, receives=station.secure_port), vault=vault.settings(house.folder / "vault"),
        archive_settings=vault.ALWAYS | {"ae_title": title, "correlate": "serial" if title == "PYNET" else "originator"},
    )  # fmt: skip
    vault.ready(gateway)
    vault.probe(gateway, title, largest=0)
    for one in OLD:
        store(wire.plain(straight), one, title)
    before = {"C-GET": got(wire.plain(straight, timeout=60), title).objects}
    station.move(archive.port, Wanted(STUDY), "WS1_D", called=title, secure=False)
    before["C-MOVE"] = station.take()
    assert all(before.values()), before
    for one in SEALED:
        store(gateway.call(ct1), one, title)
    fetched = got(gateway.call(ws1, timeout=60), title)
    check(fetched.objects, before["C-GET"], set())
    assert (fetched.completed, fetched.failed) == (len(fetched.objects), 4 - len(fetched.objects)), fetched
    moved = station.move(gateway.secure_port, Wanted(STUDY), "WS1", called=title)
    took = station.take()
    check(took, before["C-MOVE"], LEFT.get((case, "C-MOVE"), set()))
    missing = {one.sop_instance for one in (*OLD, *SEALED)} - {one.sop_instance for one in took}
    assert moved.final is not None and moved.final.counters == (len(took), len(missing), 0) and set(moved.final.failures) == missing, moved


def check(came: list, before: list, left: set[str]) -> None:
    """What came through the gateway is what came without it, but for what is `left`, and what is sealed."""
    found = {one.sop_instance: one for one in came}
    assert len(found) == len(came), "something came twice"
    for one in SEALED:
        assert not sealed.not_as_sent(found[one.sop_instance], one), one
        assert found[one.sop_instance].transfer_syntax == one.transfer_syntax
    assert not left & found.keys()
    for one in before:
        if one.sop_instance not in left:
            assert not sealed.same(found[one.sop_instance], one), one


def store(connection: wire.Wire, one: Sample, title: str) -> None:
    connection.associate({1: (one.sop_class, [one.transfer_syntax])}, called=title)
    assert connection.store(1, one.sop_class, one.sop_instance, one.data_set).status == 0, one
    connection.release()
