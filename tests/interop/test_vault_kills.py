"""Gateway or archive killed in the middle of sealing and of opening: nothing acknowledged is lost, the rest is named (`It must show` 5).

Where it is killed is drawn by bytes: so many of them have gone to the gateway, or have come from it. Points behind the
last byte are moments in which the answer is on its way.
"""

from __future__ import annotations

import dataclasses
import json
import random
import select
import ssl
import struct

import pytest

from conftest import FULL
from support import sealed, vault, wire

SEED = 20260722
KILLS = 200 if FULL else 12
CLASS = wire.SECONDARY_CAPTURE
STUDY = "1.2.826.0.1.3680043.9.9999.910"
SIDE = 600
PIXELS = SIDE * SIDE * 2


@dataclasses.dataclass
class Sent:
    """One object: what it is, and whether a store of it was ever answered with success."""

    instance: str
    data_set: bytes = dataclasses.field(repr=False)
    acknowledged: bool = False


def made(number: int, drawn: random.Random) -> Sent:
    instance = f"{STUDY}.1.{number}"
    extra = b"".join(
        wire.explicit(tag, vr, value)
        for tag, vr, value in (
            (0x00280002, "US", struct.pack("<H", 1)), (0x00280004, "CS", wire.text("MONOCHROME2")),
            (0x00280010, "US", struct.pack("<H", SIDE)), (0x00280011, "US", struct.pack("<H", SIDE)),
            (0x00280100, "US", struct.pack("<H", 16)), (0x00280101, "US", struct.pack("<H", 16)),
            (0x00280102, "US", struct.pack("<H", 15)), (0x00280103, "US", struct.pack("<H", 0)),
        )
    )  # fmt: skip
    return Sent(instance, wire.image(instance, sop_class=CLASS, study=STUDY, pixels=drawn.randbytes(PIXELS), modality="OT", extra=extra))


class Point:
    """Kills once, when so many bytes have gone."""

    def __init__(self, at: int, kill) -> None:
        self.left, self._kill = at, kill

    def after(self, count: int) -> None:
        self.left -= count
        if self.left <= 0:
            self.now()

    def now(self) -> None:
        if self._kill is not None:
            self._kill()
            self._kill = None


# How an association may end whose other side is killed. Anything else that is not as it should be is a fault.
LOST = (wire.Closed, wire.Ended, ConnectionError, ssl.SSLError)


def store(connection: wire.Wire, one: Sent, point: Point | None = None) -> bool:
    """Whether it was answered with success."""
    try:
        connection.associate({1: (CLASS, [wire.EXPLICIT])})
        pieces = [*wire.fragments(1, True, wire.store_rq(CLASS, one.instance), 16384), *wire.fragments(1, False, one.data_set, 16384)]
        for piece in pieces:
            connection.send(piece)
            if point is not None:
                point.after(len(piece))
        if point is not None:
            # Behind the last byte, thousands of bytes stand for milliseconds; whatever comes meanwhile is an answer.
            select.select([connection.sock], [], [], max(point.left, 0) / 1_000_000)
            point.now()
        return connection.answer().status == 0
    except LOST:
        return False
    finally:
        connection.close()


def get(connection: wire.Wire, one: Sent, point: Point | None = None) -> bytes | None:
    """The object if it was completed."""
    contexts, roles = sealed.proposal([(CLASS, wire.EXPLICIT)])
    whole, asked = bytearray(), None
    try:
        connection.associate(contexts, calling="WS1", extra=roles)
        connection.message(1, wire.query_rq(wire.C_GET, sealed.STUDY_ROOT_GET), sealed.identifier(STUDY, STUDY + ".1", one.instance))
        while True:
            kind, body = connection.receive()
            wire.expect(wire.P_DATA, kind, body)
            for _, control, value in wire.values_of(body):
                if control & 1:
                    asked = wire.parse_command(bytes(value))
                    if asked[wire.FIELD] == struct.pack("<H", wire.C_GET | 0x8000):
                        return None
                    assert asked[wire.FIELD] == struct.pack("<H", wire.C_STORE)
                    continue
                whole += value
                if control & 2:
                    return bytes(whole)
            if point is not None:
                point.after(len(body))
    except LOST:
        return None
    finally:
        connection.close()


@pytest.fixture(scope="module")
def site(shared_house):
    # Not dcmqrscp: it writes over the file of what it holds, so that any store of it again that breaks off loses it.
    archive = shared_house.orthanc()
    gateway = shared_house.gateway(
        archive.port, start=False, policy=vault.policy(), archive_settings=vault.ALWAYS,
        vault=vault.settings(shared_house.folder / "vault", segment="64KiB", hold="64KiB"),
    )  # fmt: skip
    vault.ready(gateway)
    vault.probe(gateway, largest=0)
    gateway.archive = archive
    return gateway


def test_killed_at_any_point_nothing_acknowledged_is_lost(site, ct1, ws1):
    drawn = random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")
    everything: list[Sent] = []
    killed = {"gateway": site, "archive": site.archive}
    for number in range(KILLS):
        victim = killed["gateway" if number % 2 == 0 else "archive"]
        if number % 4 == 0:
            # One that nobody disturbs.
            everything.append(made(KILLS + number, drawn))
            everything[-1].acknowledged = store(site.call(ct1), everything[-1])
            assert everything[-1].acknowledged
        safe = [one for one in everything if one.acknowledged]
        opening = bool(safe) and number % 5 in (1, 4)
        # A third of what is stored was stored before.
        again = bool(safe) and number % 3 == 0
        one = drawn.choice(safe) if opening or again else made(number, drawn)
        point = Point(drawn.randrange(1, PIXELS * 3 // 2), victim.kill)
        if opening:
            came = get(site.call(ws1), one, point)
            assert came is None or came == one.data_set, f"kill {number}: {one.instance} was completed, and is another object"
        else:
            everything += [] if again else [one]
            one.acknowledged |= store(site.call(ct1), one, point)
        point.now()
        victim.start()
        # The object itself, if it is safe, and another one.
        for sample in {each.instance: each for each in (one, drawn.choice(safe or [one])) if each.acknowledged}.values():
            assert get(site.call(ws1), sample) == sample.data_set, f"kill {number}: {sample.instance} is lost"
    for one in everything:
        if one.acknowledged:
            assert get(site.call(ws1), one) == one.data_set, f"{one.instance} is lost"
    # What nobody was told of, and the archive holds: named as in doubt, or by the record of a store that it did answer.
    unsure = [one for one in everything if not one.acknowledged]
    held = {one.instance for one in unsure if get(wire.plain(("127.0.0.1", site.archive.port)), one) is not None}
    status = json.loads(site.run("vault", "status", "--in-doubt", "--format", "json", ok=False).stdout)
    doubtful = set(status["archives"][0]["in_doubt"])
    operations = [record for record in site.records() if record["event"] == "operation" and record.get("operation") == "store"]
    answered = {record.get("instance") for record in operations if record.get("status") == "0000H"}
    print(f"{len(everything)} objects, {len(unsure)} not acknowledged, {len(held)} of them held, {len(doubtful)} in doubt")
    assert held <= doubtful | answered, held - doubtful - answered
    # A store that succeeds settles it.
    for one in unsure[:5]:
        assert store(site.call(ct1), one)
        assert get(site.call(ws1), one) == one.data_set
    settled = json.loads(site.run("vault", "status", "--in-doubt", "--format", "json", ok=False).stdout)
    assert not {one.instance for one in unsure[:5]} & set(settled["archives"][0]["in_doubt"])
    site.run("audit", "verify")
