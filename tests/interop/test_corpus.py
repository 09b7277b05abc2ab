"""Real input: every data set of pydicom and pydicom-data, through the gateway and directly (`It must show` 2)."""

from __future__ import annotations

import collections
import io
import pathlib

import pytest
from pydicom.filereader import _read_file_meta_info, read_preamble

from conftest import usual_policy
from support import corpus, gateway as under_test, sender, wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = corpus.samples()
LISTED = (ROOT / "docs" / "tolerances.md").read_text()


@pytest.fixture(scope="module")
def site(shared_house):
    """One gateway in front of three archives, with a tolerant peer and a strict one."""
    recorder = shared_house.recorder()
    orthanc = shared_house.orthanc()
    qrscp = shared_house.dcmqrscp(accepts=[(one.sop_class, one.transfer_syntax) for one in SAMPLES], title="QRSCP")
    policy = usual_policy()
    policy["peer"][0]["tolerate"] = corpus.TOLERANCES
    policy["rule"] = [
        under_test.rule("all", ["peer:CT1", "peer:CT2"], ["echo", "store", "find", "get", "other"], to=["PACS", "ORTHANC", "QRSCP"])
    ]
    gateway = shared_house.gateway(
        recorder.port,
        policy=policy,
        archives=[
            {"ae_title": "ORTHANC", "address": f"127.0.0.1:{orthanc.port}"},
            {"ae_title": "QRSCP", "address": f"127.0.0.1:{qrscp.port}"},
        ],
    )
    gateway.recorder, gateway.orthanc, gateway.qrscp = recorder, orthanc, qrscp
    return gateway


def direct(port: int):
    return lambda: wire.plain(("127.0.0.1", port), timeout=4)


def through(gateway, certificate):
    return lambda: gateway.call(certificate, timeout=8)


def file_data(raw: bytes) -> bytes:
    """What of a file lies behind its meta group."""
    source = io.BytesIO(raw)
    read_preamble(source, force=True)
    _read_file_meta_info(source)
    return raw[source.tell() :]


def broken(outcomes: dict[str, sender.Outcome]) -> set[str]:
    return {name for name, outcome in outcomes.items() if not outcome.answered}


def test_the_recorder_receives_the_very_bytes(site, ct1):
    """Byte-identical to what it records directly, which is what was sent."""
    straight = sender.send(direct(site.recorder.port), SAMPLES)
    assert all(outcome.stored for outcome in straight.values())
    recorded = site.recorder.take()
    assert [one.data_set for one in recorded] == [sample.data_set for sample in SAMPLES]
    outcomes = sender.send(through(site, ct1), SAMPLES)
    refused = {name: outcome for name, outcome in outcomes.items() if not outcome.stored}
    assert refused.keys() == corpus.HOPELESS.keys(), refused
    wanted = [one for one, sample in zip(recorded, SAMPLES, strict=True) if sample.name not in corpus.HOPELESS]
    got = site.recorder.take()
    assert len(got) == len(wanted)
    for one, other, sample in zip(got, wanted, (s for s in SAMPLES if s.name not in corpus.HOPELESS), strict=True):
        assert one == other, sample.name


def test_what_strictness_refuses_is_listed(site, certificates):
    """`docs/tolerances.md` names every sample that a strict peer could not store, and the tolerance that lets it pass."""
    outcomes = sender.send(through(site, certificates["ct2"]), SAMPLES, calling="CT2")
    site.recorder.take()
    refused = {name for name, outcome in outcomes.items() if not outcome.stored}
    assert refused >= corpus.HOPELESS.keys()
    missing = sorted(name for name in refused if pathlib.PurePath(name).name not in LISTED)
    assert not missing, f"refused, but not listed: {missing}"
    for name in refused:
        line = next(line for line in LISTED.splitlines() if pathlib.PurePath(name).name in line)
        named = any(f"`{tolerance}`" in line.rsplit("|", 2)[1] for tolerance in corpus.TOLERANCES)
        assert named == (name not in corpus.HOPELESS), line


def stored_files(archive) -> collections.Counter:
    return collections.Counter(file_data(raw) for raw in archive.files())


@pytest.mark.parametrize("name", ["orthanc", "qrscp"])
def test_archives_hold_the_same_files(site, ct1, name):
    """Their files equal those of a direct send, file meta and receive times aside; so do their refusals."""
    archive, called = (site.orthanc, "ORTHANC") if name == "orthanc" else (site.qrscp, "QRSCP")
    answered = stored = 0
    for batch in sender.batches(sample for sample in SAMPLES if sample.name not in corpus.HOPELESS):
        straight = sender.send(direct(archive.port), batch, called=called)
        files = stored_files(archive)
        archive.clear()
        outcomes = sender.send(through(site, ct1), batch, called=called)
        for sample in batch:
            one, other = straight[sample.name], outcomes[sample.name]
            assert (one.context, one.status) == (other.context, other.status), sample.name
        assert stored_files(archive) == files
        archive.clear()
        answered += len(batch) - len(broken(straight))
        stored += files.total()
    assert answered >= 230, "the archive gave up on more than is known"
    assert stored >= 215


def test_hopeless_samples_never_succeed(site, ct1):
    """Nothing of them is completed at an archive, whichever it is."""
    hopeless = [sample for sample in SAMPLES if sample.name in corpus.HOPELESS]
    assert len(hopeless) == len(corpus.HOPELESS)
    for called, archive in (("ORTHANC", site.orthanc), ("QRSCP", site.qrscp)):
        archive.clear()
        site.recorder.take()
        outcomes = sender.send(through(site, ct1), hopeless, called=called)
        assert not any(outcome.stored for outcome in outcomes.values())
        assert list(archive.files()) == []
    assert site.recorder.take() == []
