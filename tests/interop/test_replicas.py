"""Two gateways, one PostgreSQL, HAProxy with PROXY protocol in front of both: to archive and devices they are one."""

from __future__ import annotations

import secrets
import threading

import pytest

from support import gateway as under_test
from support import mover, peers, replicas, studies, ward, wire
from support.workstations import Moved, Wanted

pytestmark = pytest.mark.alone

STUDY, OTHER = studies.study(1), studies.study(2)
WHOLE = Wanted(STUDY[0].study)
STORE: wire.Proposal = {1: (wire.VERIFICATION, [wire.IMPLICIT]), 3: (wire.CT_IMAGE, [wire.EXPLICIT])}
LIMITS = ward.QUICK | {"grant_grace": "1s", "associations_per_peer": 500, "associations": 1000}


@pytest.fixture(scope="module")
def database(authority):
    built = replicas.Postgres(authority)
    yield built
    built.stop()


class Pair:
    """The gateways `a` and `b`; frontends `outside` and `inside` over both, `a_inside` ... over one."""

    def __init__(self, house, database, **archive: object) -> None:
        self.house, self.database = house, database
        database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION gate", "dicomgate")
        self.first, self.second = house.workstation("wire", "WS1"), house.workstation("wire", "WS2")
        self.archive = house.mover(0, [*STUDY, *OTHER])
        key = house.folder / f"state{len(house._built)}.key"
        key.write_text(secrets.token_hex(32) + "\n")
        key.chmod(0o600)
        policy = ward.policy([self.first, self.second])
        policy["peer"].append(under_test.peer("CT1", "ct1.test"))
        policy["rule"].append(under_test.rule("modalities store", ["peer:CT1"], ["echo", "store"]))
        shared = {"database": database.url, "database_ca": database.authority.certificate, "state_key": key}
        listeners = [peers.free_port() for _ in range(2)]
        balancers = ["127.0.0.1/32"]
        self.a, self.b = (
            house.gateway(
                self.archive.port, policy=policy, archive_settings=archive, inside=inside, balancers=balancers, limits=LIMITS,
                inside_settings={"proxy_protocol": balancers}, gateway_settings={"name": name} | shared,
            )
            for name, inside in zip(("gate-a", "gate-b"), listeners, strict=True)
        )  # fmt: skip
        outside = {"a_outside": [self.a], "b_outside": [self.b], "outside": [self.a, self.b]}
        within = {"a_inside": [self.a], "b_inside": [self.b], "inside": [self.a, self.b]}
        ways = {name: [(one.secure_port, one.admin_port) for one in behind] for name, behind in outside.items()}
        ways |= {name: [(one.inside_port, one.admin_port) for one in behind] for name, behind in within.items()}
        self.balancer = house.keep(replicas.Haproxy(house.folder / f"haproxy{len(house._built)}", ways)).start()
        self.archive.inside = self.at("inside")

    def at(self, frontend: str) -> int:
        return self.balancer.ports[frontend]

    def move(self, station, frontend: str = "outside", wanted: Wanted = WHOLE, message_id: int = 1) -> Moved:
        return station.move(self.at(frontend), wanted, station.title, called="PACS", message_id=message_id)

    def call(self, certificate, frontend: str = "outside") -> wire.Wire:
        return wire.secure(("127.0.0.1", self.at(frontend)), self.a.authority.client(certificate), timeout=120)


@pytest.fixture
def pair(house, database):
    return lambda **archive: Pair(house, database, **archive)


def complete(moved: Moved, count: int = 5) -> None:
    assert moved.final is not None and (moved.final.status, moved.final.counters) == (0, (count, 0, 0)), moved


@pytest.mark.parametrize("correlate", ["originator", "destination", "serial"])
@pytest.mark.parametrize(("asked", "delivered"), [("a_outside", "b_inside"), ("b_outside", "a_inside")], ids=["a-b", "b-a"])
def test_asked_here_and_delivered_there(pair, correlate, asked, delivered):
    """A move of one gateway, all its deliveries at the other: complete, and counted by the one that was asked."""
    both = pair(correlate=correlate)
    both.archive.inside = both.at(delivered)
    if correlate != "originator":
        both.archive.habits.originator = lambda _asked: None
    for message in (5, 6):
        complete(both.move(both.first, asked, message_id=message))
        got = both.first.take()
        assert ward.by_instance(got) == {image.sop_instance: image.data_set for image in STUDY}
        if correlate == "originator":
            assert {(one.originator, one.message) for one in got} == {("WS1", message)}


@pytest.mark.parametrize("status", [0xC000, 0xFE00], ids=["failed", "cancelled"])
def test_ended_early_and_delivered_there(pair, status):
    """The archive ends a move as failed or cancelled after all: what the other gateway delivered is not told as lost."""
    both = pair()
    both.archive.inside = both.at("b_inside")
    both.archive.habits.claims = lambda delivered, failed: (status, delivered, failed)
    moved = both.move(both.first, "a_outside")
    assert (moved.final.status, moved.final.counters, moved.final.failures) == (status, (5, 0, 0), ()), moved
    assert len(both.first.take()) == 5


def test_freely_over_both(pair):
    """Forty moves at once over both, their deliveries over both in parallel associations: nobody gets another's."""
    both = pair()
    both.archive.habits.associations = 2
    all_asked = threading.Barrier(40)
    both.archive.habits.before = lambda _asked: all_asked.wait(60)
    results: dict[tuple[str, int], Moved] = {}

    def run(station, message: int) -> None:
        results[station.title, message] = both.move(station, wanted=Wanted((STUDY if message % 2 else OTHER)[0].study), message_id=message)

    threads = [threading.Thread(target=run, args=(station, message)) for station in (both.first, both.second) for message in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for moved in results.values():
        complete(moved)
    assert len({(asked.calling, asked.message) for asked in both.archive.asked}) == 40
    for station in (both.first, both.second):
        expected = {(image.sop_instance, message) for message in range(1, 21) for image in (STUDY if message % 2 else OTHER)}
        got = station.take()
        assert {(one.sop_instance, one.message) for one in got} == expected and len(got) == 100
        assert {one.originator for one in got} == {station.title}
    assert all(any(record["event"] == "association-opened" for record in one.records()) for one in (both.a, both.b))


def test_one_is_stopped(pair, certificates):
    """SIGTERM to one while 20 associations run over it and 20 over the other, half of them moves: none fails, new ones go to the other, it ends by itself."""
    both = pair()
    go_on, asked = threading.Event(), threading.Semaphore(0)

    def before(_asked: mover.Asked) -> None:
        asked.release()
        go_on.wait(60)

    both.archive.habits.before = before
    results: list[Moved] = []
    stations = [both.first, both.second] * 10
    movers = [
        threading.Thread(target=lambda one=one, at=at: results.append(both.move(one, message_id=at))) for at, one in enumerate(stations, 1)
    ]  # fmt: skip
    for thread in movers:
        thread.start()
    for _ in movers:
        assert asked.acquire(timeout=60), "not every move reached the archive"
    stores = []
    for number in range(20):
        connection, instance = both.call(certificates["ct1"]), f"1.2.826.0.1.3680043.9.9999.990.{number}"
        connection.associate(STORE)
        whole = b"".join(wire.fragments(3, True, wire.store_rq(wire.CT_IMAGE, instance), 16384))
        whole += b"".join(wire.fragments(3, False, wire.image(instance, pixels=b"\1\2" * 100_000), 16384))
        connection.send(whole[: len(whole) // 2])
        stores.append((connection, whole[len(whole) // 2 :]))
    wire.wait_for(lambda: sum(bool(seen.partial) for seen in both.archive.seen) == 20, 20, "twenty images under way")
    assert both.a.metric("dicomgate_associations_open") >= 20
    both.a.process.terminate()
    wire.wait_for(lambda: not both.a.ready(), 20, "the gateway that is stopped says so")
    wire.wait_for(lambda: goes_on(both, certificates["ct1"]), 20, "a new association goes to the other")
    go_on.set()
    for connection, rest in stores:
        connection.send(rest)
        assert connection.answer().status == 0
        connection.close()
    for thread in movers:
        thread.join(90)
    assert len(results) == 20, "a move did not end"
    for moved in results:
        complete(moved)
    assert len(both.first.take()) == len(both.second.take()) == 50
    assert both.a.process.wait(60) == 0
    both.archive.habits.before = None
    complete(both.move(both.first))


@pytest.mark.parametrize("correlate", ["originator", "serial"])
def test_a_grant_that_has_ended_at_the_other(pair, correlate):
    """The one that was asked has ended the move, its grace is over: the one that delivered for it delivers no more."""
    both = pair(correlate=correlate)
    both.archive.inside = both.at("b_inside")
    if correlate == "serial":
        both.archive.habits.originator = lambda _asked: None
    complete(both.move(both.first, "a_outside"))
    assert len(both.first.take()) == 5
    gone = "SELECT count(*) FROM dicomgate_grant WHERE expires >= extract(epoch FROM now())::bigint - 1"
    wire.wait_for(lambda: both.database.sql(gone, "dicomgate") == "0", 20, "the end of the grace")
    asked = both.archive.asked[0]
    outcomes = both.archive.deliver("WS1", STUDY, originator=both.archive.habits.originator(asked))
    assert all(one.status in (None, 0x0124) for one in outcomes), outcomes
    assert both.first.take() == []


def test_a_message_id_used_again(pair):
    """The only free message id is that of a move that has ended: what comes under it is the new move's, at either gateway."""
    both = pair()
    both.archive.inside = both.at("b_inside")
    complete(both.move(both.first, "a_outside"))
    assert set(ward.by_instance(both.first.take())) == {image.sop_instance for image in STUDY}
    used = both.archive.asked[0].message
    gone = "SELECT count(*) FROM dicomgate_grant WHERE expires >= extract(epoch FROM now())::bigint - 1"
    wire.wait_for(lambda: both.database.sql(gone, "dicomgate") == "0", 20, "the end of the grace")
    both.database.sql(
        "INSERT INTO dicomgate_grant SELECT decode(lpad(to_hex(number), 32, '0'), 'hex'), 'PACS', 'WS1', number, 0, 'WS1', 'WS1', 'WS1', 'WS1', 1,"
        " '1.2', '1.2', ''::bytea, '', 0, 0, extract(epoch FROM now())::bigint + 86400, ''::bytea"
        f" FROM generate_series(0, 65535) AS number WHERE number <> {used}",
        "dicomgate",
    )
    moved = both.move(both.first, "a_outside", Wanted(OTHER[0].study))
    assert [asked.message for asked in both.archive.asked] == [used, used]
    complete(moved)
    assert set(ward.by_instance(both.first.take())) == {image.sop_instance for image in OTHER}


def goes_on(both: Pair, certificate) -> bool:
    with both.call(certificate) as connection:
        connection.associate(STORE)
        good = connection.echo() == 0
        connection.release()
        return good


TAMPERED = {
    "another destination": "UPDATE dicomgate_grant SET destination = 'WS2'",
    "another requester": "UPDATE dicomgate_grant SET requester = 'WS2', requester_title = 'WS2'",
    "another scope": "UPDATE dicomgate_grant SET scope = scope || '\\x00'::bytea",
    "a longer life": "UPDATE dicomgate_grant SET expires = expires + 100000",
    "another key": "UPDATE dicomgate_grant SET id = decode(repeat('ab', 16), 'hex')",
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_tampered_grant(pair, case):
    """Whoever owns the database changes a row: it is as if it were not there, and the gateway raises the alarm."""
    both = pair()
    both.archive.inside = both.at("b_inside")
    before = alarms(both.b)

    def tamper(_asked: mover.Asked) -> None:
        both.database.sql(TAMPERED[case], "dicomgate")

    both.archive.habits.before = tamper
    moved = both.move(both.first, "a_outside")
    assert moved.final is None or (moved.final.status != 0 and moved.final.counters[0] == 0), moved
    assert all(one.status in (None, 0x0124) for one in both.archive.outcomes), both.archive.outcomes
    assert both.first.take() == [] and both.second.take() == []
    assert alarms(both.b) > before
    assert "dicomgate_grant" in both.b.output(), both.b.output()[-2000:]
    both.archive.habits.before = None
    complete(both.move(both.first, "a_outside"))


def alarms(gateway) -> float:
    """What the metric of rows that are not to be trusted says."""
    return gateway.metric("dicomgate_state_bad_rows_total")


def test_a_grant_that_somebody_wrote(pair):
    """A row made up from another one, for a message id of the forger's choice: absent."""
    both = pair()
    both.archive.inside = both.at("b_inside")
    both.archive.habits.originator = lambda asked: (asked.calling, asked.message % 65535 + 1)

    def forge(_asked: mover.Asked) -> None:
        columns = "archive, title, nth, told, destination, requester, requester_title, requester_message, class, syntax, scope, association, lags, made, expires, mac"
        both.database.sql(
            f"INSERT INTO dicomgate_grant (id, message, {columns}) SELECT decode(repeat('cd', 16), 'hex'), message % 65535 + 1, {columns} FROM dicomgate_grant",
            "dicomgate",
        )

    both.archive.habits.before = forge
    moved = both.move(both.first, "a_outside")
    assert moved.final is None or moved.final.counters[0] == 0, moved
    assert both.first.take() == []
    assert alarms(both.b) > 0


def test_without_the_database(pair, certificates):
    """What needs it gets a transient status, the rest goes on; when it is back, so are moves."""
    both = pair()
    complete(both.move(both.first))
    both.first.take()
    both.database.halt()
    try:
        with both.call(certificates["ct1"]) as connection:
            connection.associate(STORE)
            assert connection.store(3, wire.CT_IMAGE, "1.2.3.4", wire.image("1.2.3.4")).status == 0
            connection.release()
        before = len(both.archive.asked)
        moved = both.move(both.first)
        assert moved.final is not None and moved.final.status & 0xF000 in (0xA000, 0xC000), moved
        assert len(both.archive.asked) == before, "the archive was asked for what nobody can correlate"
        assert both.first.take() == []
    finally:
        both.database.start()

    def again() -> bool:
        moved = both.move(both.first)
        return moved.final is not None and moved.final.status == 0

    wire.wait_for(again, 30, "a move, with the database back")


def test_another_key(pair):
    """A gateway with another key of the state sees no grant of the others: it delivers nothing that it cannot verify."""
    both = pair()
    key = both.house.folder / "another.key"
    key.write_text(secrets.token_hex(32) + "\n")
    key.chmod(0o600)
    both.b.stop()
    both.b.settings["gateway"]["state_key"] = key
    both.b.config.write_text(under_test.toml(both.b.settings))
    both.b.start()
    both.archive.inside = both.at("b_inside")
    moved = both.move(both.first, "a_outside")
    assert moved.final is None or moved.final.counters[0] == 0, moved
    assert both.first.take() == []
