"""Storage commitment: reports on the same association, on a new one, after a restart, to a modality that was off."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import threading

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE

from support import gateway as under_test
from support import peers, systems, ward, wire

IMAGES = [(wire.CT_IMAGE, f"1.2.826.0.1.3680043.9.9999.900.{number}") for number in range(1, 4)]
NOT_AUTHORISED = 0x0124
FAILED_FOR_POLICY = 0x0112


class Site:
    """An archive that commits when it is told to, a modality, the gateway."""

    def __init__(self, house, *, report: str | None = None, address: bool = True, listening: bool = True, rules=None, **limits: str) -> None:
        self.house = house
        self.modality = house.keep(systems.Modality("CT1", house.authority, house.certificates["ct1"], listening=listening))
        inside = peers.free_port()
        self.archive = house.keep(systems.Committer("PACS", inside))
        more: dict[str, object] = {"address": f"127.0.0.1:{self.modality.port}"} if address else {}
        if report is not None:
            more["commit_report"] = report
        policy = {
            "peer": [under_test.peer("CT1", "ct1.test", **more), under_test.peer("CT2", "ct2.test")],
            "rule": rules or [under_test.rule("modalities", ["peer:CT1", "peer:CT2"], ["echo", "store", "commit"])],
        }
        self.gateway = house.gateway(self.archive.port, policy=policy, inside=inside, limits=ward.QUICK | limits)

    def ask(self, images=IMAGES, *, transaction: str | None = None, keep: bool = False):
        """An N-ACTION of the modality; what the archive saw of it: data set, calling title, association. Ours comes first, if kept."""
        association = self.modality.associate(self.gateway.secure_port)
        wanted = systems.references(images, transaction)
        assert self.modality.ask(association, wanted) == 0
        seen = self.archive.request()
        assert seen[0] == wanted, "what reached the archive is not what was sent"
        if not keep:
            association.release()
            return seen
        return (association, *seen)

    def reported(self, count: int = 1, seconds: float = 30) -> list[systems.Reported]:
        wire.wait_for(lambda: len(self.modality.reports) >= count, seconds, "the report")
        return self.modality.reports


def expected(wanted: Dataset, *, own: bool, calling: str) -> systems.Reported:
    committed = tuple(str(one.ReferencedSOPInstanceUID) for one in wanted.ReferencedSOPSequence)
    return systems.Reported(1, str(wanted.TransactionUID), committed, (), calling, own)


@pytest.fixture
def site(house):
    return lambda **how: Site(house, **how)


@pytest.mark.parametrize("report", ["same", "either"])
def test_on_the_same_association(site, report):
    """As the archive says it, on the association that asked; the archive gets the modality's own answer."""
    here = site(report=report, listening=False)
    own, wanted, calling, association = here.ask(keep=True)
    assert calling == "CT1"
    assert here.archive.report_same(association, wanted) == 0
    assert here.reported() == [expected(wanted, own=True, calling="CT1")]
    own.release()


@pytest.mark.parametrize("report", ["same", "either"])
def test_the_archive_calls_back_while_the_modality_waits(site, report):
    """The archive opens an association of its own; the modality, still there, hears it on the one it has."""
    here = site(report=report, listening=False, address=False)
    own, wanted, calling, _ = here.ask(keep=True)
    assert here.archive.report_new(calling, wanted) == 0
    assert here.reported() == [expected(wanted, own=True, calling="CT1")]
    own.release()


@pytest.mark.parametrize("report", [None, "new", "either"])
def test_on_a_new_association(site, report):
    """The modality has left: the gateway calls it at its address, over TLS, as SCP of the class."""
    here = site(report=report)
    wanted, calling, _ = here.ask()
    assert here.archive.report_new(calling, wanted) == 0
    assert here.reported() == [expected(wanted, own=False, calling="PACS")]
    records = here.gateway.records()
    assert any(record.get("operation") == "commit" for record in records)


def test_new_means_new(site):
    """With `new` it is called back though its association is open."""
    here = site(report="new")
    own, wanted, calling, association = here.ask(keep=True)
    assert here.archive.report_same(association, wanted) == 0
    assert here.reported() == [expected(wanted, own=False, calling="PACS")]
    own.release()


def test_after_a_restart(site):
    """Asked for, the gateway killed and started again, reported."""
    here = site()
    wanted, calling, _ = here.ask()
    here.gateway.kill()
    here.gateway.start()
    assert here.archive.report_new(calling, wanted) == 0
    assert here.reported() == [expected(wanted, own=False, calling="PACS")]


def test_a_modality_that_is_off(site):
    """The archive is answered once the report is kept; it survives a restart, and arrives when the modality is back, once."""
    here = site(listening=False)
    wanted, calling, _ = here.ask()
    assert here.archive.report_new(calling, wanted) == 0
    assert here.modality.reports == []
    here.gateway.kill()
    here.gateway.start()
    here.modality.listen()
    assert here.reported(seconds=60) == [expected(wanted, own=False, calling="PACS")]
    other, calling, _ = here.ask()
    assert here.archive.report_new(calling, other) == 0
    wire.wait_for(lambda: len(here.modality.reports) >= 2, 30, "the second report")
    assert here.modality.reports[1:] == [expected(other, own=False, calling="PACS")]


def movable_clock(gateway) -> pathlib.Path:
    """Starts the gateway anew with a clock that the file in the answer moves: `+3600s`, and an hour has passed."""
    [library] = pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    clock = gateway.folder / "clock"
    clock.write_text("+0s\n")
    gateway.stop()
    gateway.environment = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    gateway.start()
    return clock


def test_a_modality_that_is_off_for_an_hour(site):
    """The next try lies an hour ahead; the clock moves, and the report arrives."""
    here = site(listening=False, commit_retry="1h")
    door = here.house.keep(ShutDoor(here.modality.port))
    clock = movable_clock(here.gateway)
    wanted, calling, _ = here.ask()
    assert here.archive.report_new(calling, wanted) == 0
    wire.wait_for(lambda: door.callers >= 1, 30, "a first try")
    door.stop()
    here.modality.listen()
    assert here.modality.reports == []
    clock.write_text("+3660s\n")
    wire.wait_for(lambda: here.gateway.ready() and here.modality.reports, 60, "the report, an hour later")
    assert here.modality.reports == [expected(wanted, own=False, calling="PACS")]


class ShutDoor:
    """Where a modality that is off used to listen: counts who calls, and closes at once."""

    def __init__(self, port: int) -> None:
        self.callers = 0
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            caller.close()
            self.callers += 1

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def test_a_modality_that_says_no(site):
    """An answer that is no success is no delivery: it is offered again."""
    here = site()
    here.modality.answers = [0x0110, 0x0110]
    wanted, calling, _ = here.ask()
    here.archive.report_new(calling, wanted)
    assert here.reported(seconds=60) == [expected(wanted, own=False, calling="PACS")]
    assert here.modality.answers == []


def test_failures_pass(site):
    """What the archive could not commit, with its reasons."""
    here = site()
    wanted, calling, _ = here.ask()
    report = systems.references(IMAGES[:2], str(wanted.TransactionUID))
    lost = Dataset()
    lost.ReferencedSOPClassUID, lost.ReferencedSOPInstanceUID = IMAGES[2]
    lost.FailureReason = FAILED_FOR_POLICY
    report.FailedSOPSequence = [lost]
    assert here.archive.report_new(calling, report, 2) == 0
    assert here.reported() == [
        systems.Reported(2, str(wanted.TransactionUID), tuple(name for _, name in IMAGES[:2]), ((IMAGES[2][1], FAILED_FOR_POLICY),), "PACS", False)
    ]


def test_instances_that_the_peer_may_not_see(site):
    """The rule names one SOP class: what is of another comes back as failed (0112H), whatever the archive says."""
    rule = under_test.rule("only computed tomography", ["peer:CT1"], ["echo", "store", "commit"], sop_classes=[wire.CT_IMAGE])
    storage = under_test.rule("commitment itself", ["peer:CT1"], ["commit"], sop_classes=[systems.COMMITMENT])
    here = site(rules=[rule, storage])
    foreign = (wire.SECONDARY_CAPTURE, "1.2.826.0.1.3680043.9.9999.901.1")
    association = here.modality.associate(here.gateway.secure_port)
    wanted = systems.references([*IMAGES, foreign])
    assert here.modality.ask(association, wanted) == 0
    association.release()
    _, calling, _ = here.archive.request()
    assert here.archive.report_new(calling, wanted) == 0
    [report] = here.reported()
    assert report.event_type == 2
    assert report.committed == tuple(name for _, name in IMAGES)
    assert report.failed == ((foreign[1], FAILED_FOR_POLICY),)


def test_a_report_that_nobody_asked_for(site):
    here = site()
    wanted, calling, _ = here.ask()
    before = len(here.gateway.records())
    assert here.archive.report_new(calling, systems.references(IMAGES)) not in (0, None)
    assert here.archive.report_new("CT2", wanted) != 0
    assert len(here.gateway.records()) > before
    assert here.archive.report_new(calling, wanted) == 0
    assert here.reported() == [expected(wanted, own=False, calling="PACS")]


def test_a_report_of_another_system(house):
    """The transaction is known by the system that was asked: another one's report of it is refused."""
    here = Site(house)
    here.gateway.stop()
    other = house.keep(systems.Committer("VNA", here.gateway.inside_port))
    here.gateway.settings["archive"].append({"ae_title": "VNA", "address": f"127.0.0.1:{other.port}"})
    here.gateway.config.write_text(under_test.toml(here.gateway.settings))
    here.gateway.start()
    wanted, calling, _ = here.ask()
    assert other.report_new(calling, wanted) not in (0, None)
    assert here.modality.reports == []
    assert here.archive.report_new(calling, wanted) == 0
    assert here.reported() == [expected(wanted, own=False, calling="PACS")]


def test_two_modalities_with_one_transaction(house):
    """The same Transaction UID of two requesters: each gets its own."""
    here = Site(house)
    second = house.keep(systems.Modality("CT2", house.authority, house.certificates["ct2"]))
    policy = {
        "peer": [under_test.peer(one.title, f"{one.title.lower()}.test", address=f"127.0.0.1:{one.port}") for one in (here.modality, second)],
        "rule": [under_test.rule("modalities", ["peer:CT1", "peer:CT2"], ["store", "commit"])],
    }
    before = here.gateway.metric("dicomgate_generation")
    here.gateway.write_policy(policy)
    wire.wait_for(lambda: here.gateway.metric("dicomgate_generation") > before, 20, "the reload")
    transaction = generate_uid()
    first, _, _ = here.ask(IMAGES[:1], transaction=transaction)
    association = second.associate(here.gateway.secure_port)
    other = systems.references(IMAGES[1:], transaction)
    assert second.ask(association, other) == 0
    association.release()
    assert here.archive.request()[1] == "CT2"
    assert here.archive.report_new("CT2", other) == 0
    wire.wait_for(lambda: second.reports, 30, "the second one's report")
    assert here.modality.reports == []
    assert here.archive.report_new("CT1", first) == 0
    assert here.reported() == [expected(first, own=False, calling="PACS")]
    assert second.reports == [expected(other, own=False, calling="PACS")]


def test_ten_thousand_references(site):
    here = site()
    images = [(wire.CT_IMAGE, f"1.2.826.0.1.3680043.9.9999.902.{number}") for number in range(10_000)]
    wanted, calling, _ = here.ask(images)
    assert here.archive.report_new(calling, wanted) == 0
    assert here.reported() == [expected(wanted, own=False, calling="PACS")]


def test_a_stranger_at_the_inside_listener(site):
    """Nobody but the archive may report."""
    here = site()
    wanted, calling, _ = here.ask()
    entity = AE("STRANGER")
    entity.add_requested_context(systems.COMMITMENT)
    association = entity.associate("127.0.0.1", here.archive.inside, ae_title=calling)
    assert association.is_rejected
    assert here.modality.reports == []
