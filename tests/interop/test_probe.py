"""`archive probe` and `check` against real archives: what they find is what these archives do."""

from __future__ import annotations

import json
import pathlib
import ssl
import tomllib

import pytest
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification

from conftest import usual_policy
from support import gateway as under_test
from support.archives import Qrscp
from support.peers import free_port

PROBE = ["archive", "probe", "PACS", "--format", "json"]


@pytest.fixture(scope="module", params=["orthanc", "dcmqrscp", "qrscp"])
def site(request, shared_house):
    """A gateway that does not run, with an inside listener that the archive knows as WS1."""
    inside = free_port()
    if request.param == "orthanc":
        archive = shared_house.orthanc(modalities={"ws1": ["WS1", "127.0.0.1", inside]})
    elif request.param == "dcmqrscp":
        archive = shared_house.dcmqrscp(hosts={"ws1": ("WS1", "127.0.0.1", inside)})
    else:
        archive = shared_house.keep(Qrscp(shared_house.folder / "qrscp", {"WS1": inside}, "PACS")).start()
    gateway = shared_house.gateway(archive.port, start=False)
    listener = {"name": "inside", "address": f"127.0.0.1:{inside}", "tls": "off", "serves": "archive", "network": ["127.0.0.0/8"]}
    gateway.settings["listen"].append(listener)
    gateway.config.write_text(under_test.toml(gateway.settings))
    gateway.kind, gateway.archive = request.param, archive
    return gateway


@pytest.fixture(scope="module")
def answer(site) -> dict:
    return json.loads(site.run(*PROBE, "--store").stdout)


def files(site) -> list[bytes]:
    """What the archive holds."""
    if site.kind == "qrscp":
        return [path.read_bytes() for path in (site.archive.folder / "instances").rglob("*") if path.is_file()]
    return list(site.archive.files())


def known(found: dict):
    assert "known" in found, found
    return found["known"]


def test_a_probe_finds_what_the_archive_does(site, answer):
    report = answer["report"]
    assert known(report["echo"]) == "0000H"
    assert known(report["hello"])["max_pdu"] == {"orthanc": 16384, "dcmqrscp": 65536, "qrscp": 16382}[site.kind]
    assert known(report["get"]) == {"status": "0000H", "came": 4}
    for moved in (known(report["moved"]), known(report["moved_for_stranger"])):
        assert (moved["came"], moved["late"], moved["calls_as"], moved["from"]) == (4, 0, ["PACS"], ["127.0.0.1"]), moved
        # pynetdicom's names itself as the one who asked.
        asked = {"wrong": "PACS, with the right message"} if site.kind == "qrscp" else "right"
        assert known(moved["originator"]) == asked and known(moved["unchanged"]) is True
    keys = {(key["level"], key["name"]): key for key in known(report["keys"])}
    for level, name in (("PATIENT", "PatientID"), ("STUDY", "AccessionNumber"), ("SERIES", "Modality"), ("IMAGE", "SOPInstanceUID")):
        assert keys[level, name]["matched"] == {"known": True}, keys[level, name]
    # Each its own way.
    modalities = known(keys["STUDY", "ModalitiesInStudy"]["matched"])
    associations = known(report["associations"])
    if site.kind == "orthanc":
        assert modalities is True
        assert known(report["commitment"]) == {"status": "0000H", "report": "new"}
    else:
        assert modalities is False
        assert "unknown" in report["commitment"]
        # pynetdicom's takes ten, and counts the connection by which the test saw it come up as one of them for a while.
        assert associations["taken"] in ((16,) if site.kind == "dcmqrscp" else (9, 10)), associations
        assert "2/3/2" in associations["refused"]


def test_it_stored_what_it_says_and_nothing_else(site, answer):
    left = answer["report"]["left_behind"]
    assert "DICOMGATE-PROBE" in left
    held = files(site)
    assert len(held) == 4 and all(b"DICOMGATE-PROBE" in one for one in held)


def test_the_settings_that_it_prints_are_accepted_and_fit(site, answer):
    printed = tomllib.loads(answer["settings"])["archive"][0]
    assert printed["calls_as"] == ["PACS"]
    assert printed["correlate"] == ("destination" if site.kind == "qrscp" else "originator")
    site.settings["archive"] = [printed]
    site.config.write_text(under_test.toml(site.settings))
    site.run("check", "--offline")
    site.start()
    assert "probed on" not in site.output()
    # A gateway that listens where the probe would: it says so before it stores anything.
    taken = site.run(*PROBE, "--store", ok=False)
    assert taken.returncode == 1 and "is taken" in taken.stderr and "--listen" in taken.stderr
    site.stop()
    site.settings["archive"] = [printed | {"calls_as": ["OTHER"]}]
    site.config.write_text(under_test.toml(site.settings))
    site.start()
    assert "delivered as `PACS`, which is not in `calls_as`" in site.output()
    site.stop()


def test_without_leave_to_store_nothing_is_stored(site, answer):
    before = len(files(site))
    report = json.loads(site.run(*PROBE).stdout)["report"]
    assert "--store" in report["moved"]["unknown"] and report["left_behind"] is None
    assert len(files(site)) == before
    kept = json.loads((site.folder / "state" / "probe" / "PACS.json").read_text())
    assert kept["stored"] is True, "what knew more was written over"


def test_check_says_what_an_archive_tells_of_destinations(site):
    found = json.loads(site.run("check", "--format", "json", ok=False).stdout)["wiring"]
    about = [one for one in found if one["about"].startswith("archive PACS") and "destination" in one["words"]]
    assert len(about) == 1, found
    if site.kind == "qrscp":
        assert about[0]["fault"] is None and about[0]["words"] == "knows the destinations WS1"
    else:
        # Both look for the study first: to one that does not exist they say the same whatever the destination.
        assert about[0]["fault"]["severity"] == "warning" and "does not say whether it knows them" in about[0]["words"]
        assert "archive probe PACS --store" in about[0]["fault"]["hint"]


def workstation(certificate, authority) -> tuple[AE, int]:
    """A workstation that receives over TLS, as pynetdicom does it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    entity = AE("WS1")
    entity.supported_contexts = AllStoragePresentationContexts[:100]
    entity.add_supported_context(Verification)
    server = entity.start_server(("127.0.0.1", 0), block=False, ssl_context=context, evt_handlers=[(evt.EVT_C_ECHO, lambda _: 0)])
    return server, server.socket.getsockname()[1]


def wiring(gateway, port: int) -> tuple[int, list[dict]]:
    policy = usual_policy()
    for peer in policy["peer"]:
        if peer["ae_titles"] == ["WS1"]:
            peer["address"] = f"127.0.0.1:{port}"
    gateway.write_policy(policy)
    done = gateway.run("check", "--format", "json", ok=False)
    answer = json.loads(done.stdout)
    assert answer["accepted"], answer["faults"]
    return done.returncode, [one for one in answer["wiring"] if one["fault"] and one["fault"]["severity"] == "error"]


def test_check_dials_peers_over_tls_and_knows_the_right_one(house, certificates, authority):
    archive = house.dcmqrscp()
    gateway = house.gateway(archive.port, start=False)
    server, port = workstation(certificates["ws1"], authority)
    try:
        assert wiring(gateway, port) == (0, [])
    finally:
        server.shutdown()
    server, port = workstation(certificates["ct2"], authority)
    try:
        code, faults = wiring(gateway, port)
    finally:
        server.shutdown()
    assert code == 1 and len(faults) == 1, faults
    assert "ws1.test" in faults[0]["words"] and pathlib.Path(faults[0]["fault"]["file"]).name == "policy.toml"
    assert faults[0]["fault"]["line"] > 0
    # Nobody there, and an archive that is away: both are said at once.
    archive.stop()
    code, faults = wiring(gateway, port)
    assert code == 1 and len(faults) == 2, faults
    assert any("archive `PACS`" in fault["words"] for fault in faults)
