"""What an archive delivers, and what becomes of it: who asked for it decides, instance by instance, and else it is refused."""

from __future__ import annotations

import dataclasses
import socket
import threading

import pytest

from support import gateway as under_test
from support import mover, peers, studies, verdict, ward, wire
from support.workstations import Wanted

STUDY, OTHER = studies.study(1), studies.study(2)
FIRST = STUDY[0]
WHOLE, SERIES = Wanted(FIRST.study), Wanted(FIRST.study, FIRST.series)
ALL = [*STUDY, *OTHER]


class Site:
    """An archive with habits, two workstations that may each move to themselves, and a gateway between them."""

    def __init__(self, house, habits: mover.Habits | None = None, *, kind: str = "wire", rules=None, archive=None, **how) -> None:
        self.house = house
        self.first, self.second = house.workstation(kind, "WS1"), house.workstation(kind, "WS2")
        inside = peers.free_port()
        self.archive = house.mover(inside, ALL, habits=habits)
        how.setdefault("policy", ward.policy([self.first, self.second], rules=rules))
        how.setdefault("limits", ward.QUICK)
        self.gateway = house.gateway(self.archive.port, archive_settings=archive, inside=inside, **how)

    def move(self, wanted: Wanted = WHOLE, *, by=None, to: str | None = None, message_id: int = 21):
        by = by or self.first
        return by.move(self.gateway.secure_port, wanted, to or by.title, called="PACS", message_id=message_id)

    def nothing_arrived(self) -> None:
        assert self.first.take() == [] and self.second.take() == []


def complete(moved, count: int = 5) -> None:
    assert moved.final is not None, moved
    assert (moved.final.status, moved.final.counters, moved.final.failures) == (0, (count, 0, 0), ()), moved


@pytest.fixture
def site(house):
    return lambda habits=None, **how: Site(house, habits, **how)


# --- who may move where ------------------------------------------------------------------------------------------


def test_a_requester_that_may_not_move_there(site):
    """Refused before the archive hears of it, with the words that say why."""
    here = site()
    with here.gateway.call(here.first.certificate) as connection:
        connection.associate(mover.MOVE, called="PACS", calling="WS1")
        mover.ask(connection, WHOLE, "WS2", message_id=5)
        answer = connection.answer()
        verdict.denied(here.gateway, answer, "WS2", operation="move")
        assert answer.number(wire.ANSWERED_ID) == 5
        mover.ask(connection, WHOLE, "NOBODY", message_id=6)
        verdict.denied(here.gateway, connection.answer(), "NOBODY", operation="move")
        connection.release()
    assert here.archive.asked == []
    here.nothing_arrived()


def test_a_destination_that_cannot_receive(house, certificates):
    """A peer without `address`: A801 with words, and the archive does not hear of it."""
    station = house.workstation("wire", "WS1")
    policy = ward.policy([station])
    del policy["peer"][0]["address"]
    inside = peers.free_port()
    archive = house.mover(inside, ALL)
    gateway = house.gateway(archive.port, policy=policy, inside=inside)
    moved = station.move(gateway.secure_port, WHOLE, "WS1", called="PACS")
    assert moved.final is not None and moved.final.status == 0xA801, moved
    assert "address" in moved.final.comment, moved.final
    assert archive.asked == []


def test_a_move_to_another_archive(house):
    """What goes from archive to archive does not pass here: the request does, and the counters are the archive's."""
    station = house.workstation("wire", "WS1")
    inside = peers.free_port()
    archive = house.mover(inside, [], habits=mover.Habits(claims=lambda *_: (0, 17, 0)))
    vna = house.scripted()
    policy = ward.policy([station], rules=[ward.moving("to the VNA", ["group:workstation"], ["VNA"])])
    gateway = house.gateway(
        archive.port, policy=policy, inside=inside, archives=[{"ae_title": "VNA", "address": f"127.0.0.1:{vna.port}"}]
    )  # fmt: skip
    moved = station.move(gateway.secure_port, WHOLE, "VNA", called="PACS")
    assert moved.final is not None and (moved.final.status, moved.final.counters) == (0, (17, 0, 0)), moved
    assert [asked.destination for asked in archive.asked] == ["VNA"]


def test_an_archive_as_destination_when_the_rule_says_self(site):
    here = site()
    moved = here.move(to="PACS")
    assert moved.final is not None and moved.final.status == verdict.NOT_AUTHORISED
    assert here.archive.asked == []


# --- what nobody asked for ---------------------------------------------------------------------------------------


def refused(outcomes) -> None:
    """No delivery was taken: the association, its contexts or each instance was refused."""
    assert outcomes and all(one.status in (None, verdict.NOT_AUTHORISED) for one in outcomes), outcomes


def each_denied(gateway, outcomes) -> None:
    """Every instance was refused with 0124H and an incident that `why` explains."""
    for one in outcomes:
        assert one.status == verdict.NOT_AUTHORISED, outcomes
        found = verdict.INCIDENT.match(one.comment)
        assert found, one
        verdict.explained(gateway, found[1], "PACS")


@pytest.mark.parametrize("originator", [None, ("WS1", 1), ("WS1", 21)], ids=str)
def test_a_delivery_that_nobody_asked_for(site, originator):
    """Neither before any move nor after one has ended and its grace is over."""
    here = site(limits=ward.QUICK | {"grant_grace": "0s"})
    refused(here.archive.deliver("WS1", STUDY, originator=originator))
    here.nothing_arrived()
    assert verdict.last_refusal(here.gateway)
    complete(here.move())
    assert len(here.first.take()) == 5
    refused(here.archive.deliver("WS1", OTHER, originator=originator))
    here.nothing_arrived()


@pytest.mark.parametrize("calls_as", ["STRANGER", "WS1", "PACS2"])
def test_a_caller_that_is_no_archive(site, calls_as):
    """Whoever calls at the inside listener must be an archive, even while a move is under way."""
    here = site()
    strange = here.house.mover(here.archive.inside, ALL, habits=mover.Habits(calls_as=calls_as))
    found = []
    here.archive.habits.before = lambda asked: found.extend(strange.deliver("WS1", STUDY, originator=(asked.calling, asked.message)))
    complete(here.move())
    assert all(one.status is None for one in found) and found, found
    assert "got 0300000000040001" in found[0].comment, found
    assert len(here.first.take()) == 5


def test_an_archive_that_calls_from_elsewhere(site):
    here = site(archive={"calls_from": ["192.0.2.0/24"]})
    moved = here.move()
    assert moved.final is not None and moved.final.status != 0 and moved.final.counters[0] == 0, moved
    here.nothing_arrived()


def test_routing_that_a_rule_permits(site):
    """Unasked deliveries pass to whom a rule names, and to nobody else."""
    routing = under_test.rule("priors for the first workstation", ["archive:PACS"], ["echo", "store"]) | {"to": ["WS1"]}
    here = site(rules=[routing])
    assert [one.status for one in here.archive.deliver("WS1", STUDY)] == [0] * 5
    assert ward.by_instance(here.first.take()) == {image.sop_instance: image.data_set for image in STUDY}
    refused(here.archive.deliver("WS2", STUDY))
    here.nothing_arrived()


FORGED = {
    "another message id": lambda asked: (asked.calling, asked.message % 65535 + 1),
    "another requester": lambda asked: ("WS2", asked.message),
    "nobody known": lambda asked: ("NOBODY", asked.message),
    "the archive itself": lambda asked: ("PACS", asked.message % 65535 + 1),
    "nothing": lambda _asked: None,
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_originator(site, case):
    """Every instance refused and recorded, the requester told that nothing arrived."""
    here = site(mover.Habits(originator=FORGED[case]))
    moved = here.move()
    each_denied(here.gateway, here.archive.outcomes)
    here.nothing_arrived()
    assert moved.final is not None and moved.final.status not in (0, 0xFF00), moved
    assert moved.final.counters[:2] == (0, 5), moved


def test_the_originator_of_another_destination(site):
    """Two moves under way; deliveries to one destination that name the other's move are refused."""
    here = site()
    both, crossed = threading.Barrier(2), []
    numbers: dict[str, int] = {}

    def before(asked: mover.Asked) -> None:
        numbers[asked.calling] = asked.message
        both.wait(30)
        if asked.calling == "WS1":
            crossed.extend(here.archive.deliver("WS1", STUDY, originator=("WS2", numbers["WS2"])))
        both.wait(30)

    here.archive.habits.before = before
    results: list = []
    threads = [threading.Thread(target=lambda one=one: results.append(here.move(by=one))) for one in (here.first, here.second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    each_denied(here.gateway, crossed)
    for moved in results:
        assert moved.final is not None and moved.final.counters[0] == 5, moved
    assert len(here.first.take()) == 5 and len(here.second.take()) == 5


OUTSIDE = {
    "another study": (WHOLE, OTHER[0], 5),
    "another series": (SERIES, STUDY[2], 2),
    "another image": (Wanted(FIRST.study, FIRST.series, FIRST.sop_instance), STUDY[1], 1),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_an_instance_outside_the_grant(site, case):
    """0124H to the archive, a record, and it never reaches the workstation; what was asked for does."""
    wanted, intruder, count = OUTSIDE[case]
    here = site(mover.Habits(more=[intruder]))
    moved = here.move(wanted)
    each_denied(here.gateway, [one for one in here.archive.outcomes if one.sop_instance == intruder.sop_instance])
    assert [one.status for one in here.archive.outcomes].count(0) == count
    got = ward.by_instance(here.first.take())
    assert intruder.sop_instance not in got and len(got) == count
    assert moved.final is not None and moved.final.counters[0] == count, moved


def test_a_data_set_of_another_study_under_the_right_instance(site):
    """The command names an instance of the study, the data set another's: it is no delivery of this move."""
    here = site(mover.Habits(more=[dataclasses.replace(OTHER[0], sop_instance=STUDY[0].sop_instance)]))
    here.move(SERIES)
    bodies = [one.data_set for one in here.first.take()]
    assert OTHER[0].data_set not in bodies and len(bodies) == 2


def test_a_rule_that_ends_between_request_and_delivery(site):
    """The gate is asked again for each delivery: what no rule permits any more is not delivered."""
    here = site()
    before = here.gateway.metric("dicomgate_generation")

    def withdraw(_asked: mover.Asked) -> None:
        rules = [under_test.rule("only echoes", ["group:workstation"], ["echo", "find"])]
        here.gateway.write_policy(ward.policy([here.first, here.second], rules=rules))
        wire.wait_for(lambda: here.gateway.metric("dicomgate_generation") > before, 20, "the reload")

    here.archive.habits.before = withdraw
    with here.gateway.call(here.first.certificate, timeout=60) as connection:
        connection.associate(mover.MOVE, calling="WS1")
        mover.ask(connection, WHOLE, "WS1")
        moved = mover.hear(connection)
    wire.wait_for(lambda: len(here.archive.outcomes) == 5, 20, "the deliveries")
    refused(here.archive.outcomes)
    assert moved.final is None or moved.final.status != 0, moved
    here.nothing_arrived()


# --- what requester, archive and destination are told -------------------------------------------------------------


def test_message_ids(site):
    """The archive sees an id that is free; deliveries and responses bear the requester's own."""
    here = site()
    asked, held = threading.Barrier(3), []

    def before(move: mover.Asked) -> None:
        held.append(move.message)
        asked.wait(30)

    here.archive.habits.before = before
    results: list = []
    threads = [threading.Thread(target=lambda: results.append(here.move(SERIES, message_id=9))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for moved in results:
        complete(moved, 2)
    assert len(set(held)) == 3, held
    assert {(one.originator, one.message) for one in here.first.take()} == {("WS1", 9)}


def test_cancel(house):
    """C-CANCEL bears the id that the archive knows, the answer the one that the requester knows."""
    station = house.workstation("wire", "WS1")
    seen: dict[str, int] = {}

    def script(own, connection, context, asked, _data):
        own.respond(connection, context, asked, 0xFF00)
        kind, body = connection.receive()
        assert kind == wire.P_DATA
        cancelled = wire.parse_command(body[6:])
        seen["field"] = int.from_bytes(cancelled[wire.FIELD], "little")
        seen["asked"] = int.from_bytes(asked[wire.MESSAGE_ID], "little")
        seen["cancelled"] = int.from_bytes(cancelled[wire.ANSWERED_ID], "little")
        own.respond(connection, context, asked, 0xFE00)
        return True

    archive = house.scripted(on_message=script)
    gateway = house.gateway(archive.port, policy=ward.policy([station]), inside=peers.free_port(), limits=ward.QUICK)
    with gateway.call(station.certificate, timeout=60) as connection:
        connection.associate(mover.MOVE, calling="WS1")
        mover.ask(connection, WHOLE, "WS1", message_id=77)
        assert connection.answer().status == 0xFF00
        connection.message(1, wire.command({wire.FIELD: wire.C_CANCEL, wire.ANSWERED_ID: 77, wire.DATA_SET_TYPE: wire.NO_DATA_SET}))
        moved = mover.hear(connection, 77)
        assert moved.final is not None and moved.final.status == 0xFE00, moved
        connection.release()
    assert seen["field"] == wire.C_CANCEL and seen["cancelled"] == seen["asked"]


def test_parallel_associations(site):
    here = site(mover.Habits(associations=3))
    complete(here.move())
    assert len(ward.by_instance(here.first.take())) == 5


@pytest.mark.parametrize("strict", [False, True], ids=["", "an archive that counts warnings as failures"])
@pytest.mark.parametrize(("status", "counted"), [(0xA700, (4, 1, 0)), (0x0122, (4, 1, 0)), (0xB000, (4, 0, 1))], ids=str)
def test_what_the_destination_answers(house, status, counted, strict):
    """Its status goes back to the archive; counters and failed list say what it answered, whatever the archive makes of it."""
    chosen = STUDY[1].sop_instance

    def script(own, connection, context, asked, _data):
        if asked[wire.SOP_INSTANCE].decode().rstrip("\0") == chosen:
            own.respond(connection, context, asked, status)
            return True
        return False

    station = house.workstation("wire", "WS1", on_message=script)
    inside = peers.free_port()
    archive = house.mover(inside, ALL, habits=mover.Habits(strict=strict))
    gateway = house.gateway(archive.port, policy=ward.policy([station]), inside=inside, limits=ward.QUICK)
    moved = station.move(gateway.secure_port, WHOLE, "WS1", called="PACS")
    assert {one.sop_instance: one.status for one in archive.outcomes}[chosen] == status
    assert moved.final is not None and moved.final.status == 0xB000, moved
    assert moved.final.counters == counted, moved
    assert moved.final.failures == ((chosen,) if counted[1] else ()), moved


def test_an_archive_that_counts_before_it_delivers(site):
    """Its final response comes first; the gateway's waits for the deliveries, with pending ones meanwhile."""
    go_on = threading.Event()
    here = site(mover.Habits(late=True, between=lambda number: number == 0 and go_on.wait(30)), limits=ward.QUICK | {"delivery_wait": "20s"})
    with here.gateway.call(here.first.certificate, timeout=60) as connection:
        connection.associate(mover.MOVE, calling="WS1")
        mover.ask(connection, WHOLE, "WS1", message_id=3)
        assert connection.answer().status == 0xFF00
        go_on.set()
        complete(mover.hear(connection, 3))
        connection.release()
    assert len(here.first.take()) == 5


def test_an_archive_that_counts_what_it_never_delivered(site):
    """It says 5 and delivered 3: the requester is told 3."""
    here = site(mover.Habits(claims=lambda _done, _failed: (0, 5, 0)), limits=ward.QUICK | {"delivery_wait": "2s"})
    here.archive.images = STUDY[:3]
    moved = here.move()
    assert moved.final is not None and moved.final.status != 0, moved
    assert moved.final.counters[:2] == (3, 2), moved
    assert len(here.first.take()) == 3


def test_an_archive_that_may_lag(site):
    """Its counters are its own and marked so; deliveries that follow are taken."""
    go_on = threading.Event()
    here = site(mover.Habits(late=True, between=lambda number: number == 0 and go_on.wait(30)), archive={"deliveries_may_lag": "1h"})
    moved = here.move()
    assert moved.final is not None and (moved.final.status, moved.final.counters) == (0, (5, 0, 0)), moved
    assert moved.final.comment, "nothing says that these are the archive's own counters"
    assert here.first.take() == []
    go_on.set()
    wire.wait_for(lambda: len(here.archive.outcomes) == 5, 20, "the late deliveries")
    assert [one.status for one in here.archive.outcomes] == [0] * 5
    assert len(ward.by_instance(here.first.take())) == 5


def test_deliveries_after_a_restart(site):
    """A grant that may lag outlives the gateway that gave it."""
    go_on = threading.Event()
    here = site(mover.Habits(late=True, between=lambda number: number == 0 and go_on.wait(30)), archive={"deliveries_may_lag": "1h"})
    assert here.move().final is not None
    here.gateway.kill()
    here.gateway.start()
    here.archive.habits.between = None
    asked = here.archive.asked[0]
    outcomes = here.archive.deliver("WS1", STUDY, originator=(asked.calling, asked.message))
    go_on.set()
    assert [one.status for one in outcomes] == [0] * 5, outcomes
    refused(here.archive.deliver("WS1", OTHER, originator=(asked.calling, asked.message)))
    assert set(ward.by_instance(here.first.take())) == {image.sop_instance for image in STUDY}


@pytest.mark.parametrize("correlate", ["destination", "serial"])
def test_no_originator_needed(site, correlate):
    """An archive that names no originator: by the requester's title, or one move at a time."""
    rules = [ward.moving("anywhere", ["group:workstation"], ["WS1", "WS2"])]
    here = site(mover.Habits(originator=lambda _: None), archive={"correlate": correlate}, rules=rules)
    results: dict[tuple[str, str], object] = {}
    pairs = [(here.first, "WS1"), (here.first, "WS2"), (here.second, "WS1"), (here.second, "WS2")]
    wanted = {("WS1", "WS1"): WHOLE, ("WS1", "WS2"): Wanted(OTHER[0].study), ("WS2", "WS1"): Wanted(OTHER[0].study), ("WS2", "WS2"): WHOLE}
    threads = [
        threading.Thread(target=lambda by=by, to=to: results.update({(by.title, to): here.move(wanted[by.title, to], by=by, to=to)}))
        for by, to in pairs
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key, moved in results.items():
        assert moved.final is not None and (moved.final.status, moved.final.counters) == (0, (5, 0, 0)), (key, moved)
    for station in (here.first, here.second):
        assert set(ward.by_instance(station.take())) == {image.sop_instance for image in ALL}
    if correlate == "destination":
        assert {(asked.calling, asked.destination) for asked in here.archive.asked} == {("WS1", "WS1"), ("WS2", "WS2")}


def test_an_inside_port_for_one_destination(site):
    """Whatever title the archive calls there: it is for that destination."""
    here = site(inside_settings={"destination": "WS1"})
    here.archive.habits.before = lambda asked: setattr(asked, "destination", "ANYTHING")
    complete(here.move())
    assert len(here.first.take()) == 5


def test_verification_at_the_inside_listener(site):
    """C-ECHO of an archive is answered by the gateway itself."""
    here = site()
    with wire.plain(("127.0.0.1", here.archive.inside)) as connection:
        connection.associate({1: (wire.VERIFICATION, [wire.IMPLICIT])}, called="WS1", calling="PACS")
        assert connection.echo() == 0
        connection.release()


# --- the way to the destination -----------------------------------------------------------------------------------


def test_a_destination_with_another_certificate(house):
    """Who answers at the address must be who the policy says; nothing is delivered to anybody else."""
    station, thief = house.workstation("wire", "WS1"), house.workstation("wire", "THIEF")
    policy = ward.policy([station])
    policy["peer"][0]["address"] = f"127.0.0.1:{thief.secure_port}"
    inside = peers.free_port()
    archive = house.mover(inside, ALL)
    gateway = house.gateway(archive.port, policy=policy, inside=inside, limits=ward.QUICK)
    moved = station.move(gateway.secure_port, WHOLE, "WS1", called="PACS")
    assert moved.final is not None and moved.final.status != 0 and moved.final.counters[0] == 0, moved
    assert thief.take() == [] and station.take() == []
    assert thief.inner.seen == [], "something was said to the wrong machine"


def test_a_destination_that_speaks_plain(house):
    """Never a silent downgrade: what the gateway says there is a TLS handshake and nothing else."""
    heard: list[bytes] = []
    station = house.workstation("wire", "WS1")
    policy = ward.policy([station])
    with socket.create_server(("127.0.0.1", 0)) as plain:
        policy["peer"][0]["address"] = f"127.0.0.1:{plain.getsockname()[1]}"

        def listen() -> None:
            while True:
                try:
                    caller, _ = plain.accept()
                except OSError:
                    return
                with caller:
                    caller.settimeout(5)
                    heard.append(caller.recv(65536))

        threading.Thread(target=listen, daemon=True).start()
        inside = peers.free_port()
        archive = house.mover(inside, ALL)
        gateway = house.gateway(archive.port, policy=policy, inside=inside, limits=ward.QUICK)
        moved = station.move(gateway.secure_port, WHOLE, "WS1", called="PACS")
    assert moved.final is not None and moved.final.status != 0 and moved.final.counters[0] == 0, moved
    assert heard and all(one[:1] in (b"\x16", b"") for one in heard), heard


def test_a_destination_without_tls(house):
    """`tls = "off"` says so, with a network; then it is plain."""
    station, old = house.workstation("wire", "WS1"), house.workstation("wire", "OLD")
    policy = ward.policy([station], rules=[ward.moving("to the old one", ["peer:WS1"], ["OLD"])])
    policy["peer"].append(under_test.peer("OLD", None, tls="off", network=["127.0.0.1/32"], address=f"127.0.0.1:{old.plain_port}"))
    inside = peers.free_port()
    archive = house.mover(inside, ALL)
    gateway = house.gateway(archive.port, policy=policy, inside=inside, limits=ward.QUICK)
    complete(station.move(gateway.secure_port, WHOLE, "OLD", called="PACS"))
    assert len(ward.by_instance(old.take())) == 5


def test_negotiation_is_the_destinations(house):
    """A class that the destination does not take: its context is refused to the archive, the rest arrives."""

    def answer(own, connection, body):
        own.accept(connection, body, {wire.SECONDARY_CAPTURE: 3})

    station = house.workstation("wire", "WS1", on_request=answer)
    inside = peers.free_port()
    archive = house.mover(inside, ALL)
    gateway = house.gateway(archive.port, policy=ward.policy([station]), inside=inside, limits=ward.QUICK)
    moved = station.move(gateway.secure_port, WHOLE, "WS1", called="PACS")
    assert sorted(one.comment for one in archive.outcomes) == ["", "", *["context refused"] * 3]
    assert moved.final is not None and moved.final.counters[:2] == (2, 3), moved
    assert len(station.take()) == 2
