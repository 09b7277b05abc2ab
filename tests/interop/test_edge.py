"""A device without TLS behind two gateways: what it stores arrives, what is delivered to it comes back, and between them is only TLS."""

from __future__ import annotations

import re
import subprocess

import pydicom
import pytest

from support import chain, verdict
from support.tap import write_capture

INCIDENT = re.compile(r"denied, incident ([0-9A-Z]{4}-[0-9A-Z]{4})")
THERE, BACK = 2762, 2763


@pytest.fixture
def links(house, tmp_path):
    return lambda **how: chain.Chain(house, tmp_path, **how)


def same(found: list[pydicom.Dataset], files) -> None:
    """The very data sets: DCMTK and Orthanc write files of their own around them."""
    sent = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, files)}
    assert {one.SOPInstanceUID for one in found} == set(sent)
    for one in found:
        assert one == sent[one.SOPInstanceUID]


def tshark(capture, *arguments: str) -> str:
    decode = [part for port in (THERE, BACK) for part in ("-d", f"tcp.port=={port},tls")]
    done = subprocess.run(
        ["tshark", "-r", str(capture), *decode, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def nothing_in_clear(links: chain.Chain, capture) -> None:
    packets = [links.there.packets(THERE), links.back.packets(BACK)]
    assert all(packets), "one of the ways between the gateways was not used"
    write_capture(capture, packets[0] + packets[1])
    # Every frame that carries something is TLS, and of the application's bytes nothing else is seen.
    loaded = tshark(capture, "-Y", "tcp.len > 0", "-T", "fields", "-e", "frame.protocols").splitlines()
    assert loaded and all("tls" in one.split(":") for one in loaded), set(loaded)
    for port in (THERE, BACK):
        assert tshark(capture, "-Y", f"tcp.port == {port} and tls.record.opaque_type == 23"), f"no application data at {port}"
    assert tshark(capture, "-Y", "dicom or _ws.malformed") == ""
    # Certificates are sealed too with TLS 1.3: no title, no name, no pixel, not even the edge's own name.
    heard, cable = b"".join(packets[0] + packets[1]), b"".join(links.cable.packets(104))
    secrets = (chain.PATIENT, chain.PATIENT_ID, "NOTHING-IN-CLEAR", "CT1", "PACS", "1.2.840.10008", chain.STUDY)
    for secret in secrets:
        assert secret.encode() in cable, f"`{secret}` is not found where it is in clear, so not finding it says nothing"
        assert secret.encode() not in heard, f"`{secret}` passed in clear"
    assert b"edge-ct1" not in heard
    sums = tshark(capture, "-Y", 'frame contains "SECRET" or frame contains "1.2.840"')
    assert sums == "", sums


def test_there_and_back_with_nothing_in_clear_between(links, tmp_path):
    built = links()
    files = chain.images(tmp_path)
    built.store(*files)
    same([pydicom.dcmread(pydicom.filebase.DicomBytesIO(one)) for one in built.archive.files()], files)
    built.move()
    same(built.arrived(len(files)), files)
    nothing_in_clear(built, tmp_path / "between.pcap")
    # The counters are what both gateways saw delivered.
    for gateway in (built.main, built.edge):
        moves = [record for record in gateway.records() if record.get("operation") == "move" and record["event"] == "operation"]
        assert [(one["status"], one["completed"]) for one in moves if "completed" in one] == [("0000H", len(files))], moves
    # Each finds its wiring in order: the other gateway, and what lies behind it.
    assert "CT1" in built.main.run("check").stdout
    assert "knows the destinations CT1" in built.edge.run("check").stdout


def test_what_is_routed_to_the_device_comes_through_both(links, tmp_path):
    built = links()
    files = chain.images(tmp_path, 1)
    built.store(*files)
    built.route()
    same(built.arrived(1), files)


def test_a_refusal_is_found_at_both_gateways_by_what_the_device_shows(links, tmp_path):
    deny = {"name": "no CT today", "who": ["peer:CT1"], "to": ["PACS"], "may": ["store"], "modalities": ["CT"], "effect": "deny"}
    built = links(later=[deny])
    said = built.store("-d", *chain.images(tmp_path, 1), ok=False)
    assert built.archive.instances() == []
    found = INCIDENT.search(said)
    assert found, said
    verdict.explained(built.main, found[1], "no CT today", "edge-ct1", "a gateway before this one")
    verdict.explained(built.edge, found[1], "refused", "a gateway itself")
    opened = [record for record in built.edge.records() if record["event"] == "association-opened"]
    assert len(opened) == 1
    verdict.explained(built.main, opened[0]["incident"], "no CT today")
    verdict.explained(built.edge, opened[0]["incident"], "association admitted")
