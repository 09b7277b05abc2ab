"""Moves in which something dies: the requester never hears of a success that is none, and a second try works."""

from __future__ import annotations

import threading

import pytest

from support import mover, peers, studies, ward, wire
from support.archives import ARCHIVES
from support.workstations import Moved, Wanted

pytestmark = pytest.mark.alone

STUDY = studies.study(5, (6, 6))
OTHER = studies.study(6)
LONG = studies.study(8, (120,))
WHOLE = Wanted(STUDY[0].study)
COUNT = len(STUDY)


class At:
    """Calls something once, when the given delivery comes."""

    def __init__(self, number: int, act) -> None:
        self.number, self.act, self.count = number, act, 0
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> int:
        with self._lock:
            self.count += 1
            now = self.count == self.number
        if now:
            self.act()
        return 0


def never_a_success(moved: Moved) -> None:
    """An abort or a lost connection; no final response, let alone a good one."""
    assert moved.final is None, moved
    assert moved.why, "the requester learnt nothing"


def honest(moved: Moved, arrived: int) -> None:
    """No success, and no more counted than arrived; who is not counted is listed or counted as failed."""
    if moved.final is None:
        assert moved.why
        return
    assert moved.final.status not in (0, 0xFF00), moved
    assert moved.final.counters[0] <= arrived, (moved, arrived)


class Scene:
    """A real archive or the one with habits, a pynetdicom workstation, and the gateway between them."""

    def __init__(self, house, title: str, third: str = "wire", **how: object) -> None:
        """`third`: the kind of the workstation WS3; anybody may move to any of the three."""
        self.station, self.second = house.workstation("pynetdicom", "WS1"), house.workstation("wire", "WS2")
        self.third = house.workstation(third, "WS3", **how)
        self.title, inside = title, peers.free_port()
        images = [*STUDY, *OTHER, *LONG]
        stations = [self.station, self.second, self.third]
        names = [one.title for one in stations]
        if title == "MOVER":
            self.archive = house.mover(inside, images, title=title)
        else:
            self.archive = house.archive(title, {name: inside for name in names})
            studies.fill(self.archive.port, images, called=title)
        own = {"ae_title": title, "correlate": "serial" if title == "PYNET" else "originator"}
        policy = ward.policy(stations, [title], [ward.moving("move anywhere", ["group:workstation"], names, [title])])
        self.gateway = house.gateway(self.archive.port, policy=policy, archive_settings=own, inside=inside, limits=ward.QUICK)

    def move(self) -> Moved:
        return self.station.move(self.gateway.secure_port, WHOLE, "WS1", called=self.title)

    def works(self) -> None:
        """Everything is as if nothing had happened; only what had been answered meanwhile may still arrive."""
        self.station.take()
        moved = self.move()
        assert moved.final is not None and (moved.final.status, moved.final.counters) == (0, (COUNT, 0, 0)), moved
        assert {one.sop_instance for one in self.station.take()} == {image.sop_instance for image in STUDY}


@pytest.mark.parametrize("title", ["MOVER", *ARCHIVES])
def test_the_gateway_killed_in_the_middle(house, title):
    scene = Scene(house, title)
    scene.station.answer = At(4, lambda: scene.gateway.kill())
    never_a_success(scene.move())
    scene.station.answer = None
    if title == "DCMQR":  # it tries on for a while; its next move must not meet the rest of the last
        scene.archive.kill()
        scene.archive.start()
    scene.gateway.start()
    scene.works()
    scene.gateway.run("audit", "verify")


@pytest.mark.parametrize("title", ["MOVER", *ARCHIVES])
def test_the_archive_killed_in_the_middle(house, title):
    """Another requester's association with the gateway goes on; with the archive back a second try works."""
    scene = Scene(house, title)
    act = scene.archive.die if title == "MOVER" else scene.archive.kill
    scene.station.answer = At(4, act)
    moved = scene.move()
    honest(moved, len(scene.station.seen))
    scene.station.answer = None
    if title == "MOVER":
        return
    scene.archive.start()
    scene.works()


def test_the_destination_killed_in_the_middle(house):
    """Its sub-operations fail and are listed; a move to another destination, at the same time, does not notice."""
    scene, answered = None, 0

    def fall(*_: object) -> bool:
        nonlocal answered
        if answered == 3:
            scene.third.die()
            return True
        answered += 1
        return False

    scene = Scene(house, "MOVER", on_message=fall)
    both = threading.Barrier(2)
    scene.archive.habits.before = lambda _asked: both.wait(30)
    results: dict[str, Moved] = {}

    def run(station, wanted) -> None:
        results[station.title] = station.move(scene.gateway.secure_port, wanted, station.title, called="MOVER")

    threads = [
        threading.Thread(target=run, args=(scene.third, WHOLE)),
        threading.Thread(target=run, args=(scene.second, Wanted(OTHER[0].study))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    dead, alive = results["WS3"].final, results["WS2"].final
    assert alive is not None and (alive.status, alive.counters) == (0, (5, 0, 0)), results
    assert dead is not None and dead.status in (0xB000, 0xA702), results
    acknowledged = {one.sop_instance for one in scene.archive.outcomes if one.status == 0} - {image.sop_instance for image in OTHER}
    assert dead.counters == (3, COUNT - 3, 0) and len(acknowledged) == 3, results
    assert set(dead.failures) == {image.sop_instance for image in STUDY} - acknowledged
    assert len(scene.second.take()) == 5


@pytest.mark.parametrize("title", ARCHIVES)
def test_a_real_destination_killed_in_the_middle(house, title):
    """dcmjs-dimse dies while a real archive delivers to it."""
    scene = Scene(house, title, "dcmjs")
    results: list[Moved] = []
    wanted = Wanted(LONG[0].study)
    thread = threading.Thread(target=lambda: results.append(scene.station.move(scene.gateway.secure_port, wanted, "WS3", called=title)))
    thread.start()
    wire.wait_for(lambda: scene.third.arrived() >= 1 or results, 30, "the first delivery")
    scene.third.die()
    thread.join(90)
    assert results, "no answer"
    arrived = {one.sop_instance for one in scene.third.take()}
    assert 0 < len(arrived) < len(LONG), "it died too late to be of interest"
    honest(results[0], len(arrived))
    final = results[0].final
    if final is not None:  # the last one may have arrived without an answer
        assert len(arrived) - 1 <= final.counters[0] <= len(arrived), (final, arrived)
        assert len(final.failures) == final.counters[1] > 0, final
        assert len(arrived & set(final.failures)) <= 1, (final, arrived)
    scene.works()


def test_a_destination_that_is_away(house):
    """A801 or every sub-operation failed, soon, and not the archive's fault."""
    scene = Scene(house, "MOVER")
    scene.second.die()
    moved = scene.second.move(scene.gateway.secure_port, WHOLE, "WS2", called="MOVER")
    assert moved.final is not None and moved.final.status not in (0, 0xFF00), moved
    assert moved.final.counters[0] == 0, moved
    scene.works()


def test_a_requester_that_vanishes(house):
    """The archive learns that nobody waits any more, nothing stays open, and the next move works."""
    scene = Scene(house, "MOVER")
    base = scene.gateway.descriptors()
    held, go_on = threading.Event(), threading.Event()

    def before(_asked) -> None:
        held.set()
        go_on.wait(30)

    scene.archive.habits.before = before
    connection = scene.gateway.call(scene.second.certificate)
    connection.associate(mover.MOVE, called="MOVER", calling="WS2")
    mover.ask(connection, WHOLE, "WS2")
    assert held.wait(20)
    connection.reset()
    go_on.set()
    scene.archive.habits.before = None
    wire.wait_for(lambda: scene.gateway.descriptors() <= base + 2, 20, "all descriptors back")
    scene.works()


def test_three_hundred_at_once(house):
    """More moves under way than a byte can number: each image arrives once, for the move that asked for it."""
    many = 300
    images = studies.study(7, (many,))
    station = house.workstation("wire", "WS1")
    inside, all_asked = peers.free_port(), threading.Barrier(many)
    archive = house.mover(inside, images, habits=mover.Habits(before=lambda _asked: all_asked.wait(120)))
    limits = ward.QUICK | {"associations_per_peer": 1000, "associations": 2000, "connections_per_address": 2000, "association_answer": "60s"}
    gateway = house.gateway(archive.port, policy=ward.policy([station]), inside=inside, limits=limits)
    results: dict[int, Moved] = {}

    def run(number: int) -> None:
        image = images[number]
        wanted = Wanted(image.study, image.series, image.sop_instance)
        results[number] = station.move(gateway.secure_port, wanted, "WS1", called="PACS", message_id=number + 1)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    wrong = {number: moved for number, moved in results.items() if moved.final is None or moved.final.counters != (1, 0, 0) or moved.final.status}
    assert len(results) == many and not wrong, (len(results), dict(list(wrong.items())[:3]))
    assert len({(asked.calling, asked.message) for asked in archive.asked}) == many
    got = station.take()
    assert {(one.sop_instance, one.message) for one in got} == {(image.sop_instance, at) for at, image in enumerate(images, 1)}
    assert len(got) == many
