"""An archive, or somebody who reached its disks, hands out something else than what was sealed (`It must show` 3)."""

from __future__ import annotations

import random
import struct

import pytest

from support import keeper, sealed, vault, wire

CLASS = "1.2.840.10008.5.1.4.1.1.7"
STUDY = "1.2.826.0.1.3680043.9.9999.500"
MAGIC = b"DGSEAL1\n"
PIXELS = random.Random(5).randbytes(400_000)


def image(number: int, pixels: bytes = PIXELS) -> tuple[str, bytes]:
    """A secondary capture of 16 bits."""
    instance = f"{STUDY}.1.{number}"
    rows = len(pixels) // 1000
    attributes = (
        (0x00080016, "UI", wire.ui(CLASS)), (0x00080018, "UI", wire.ui(instance)), (0x00080060, "CS", b"OT"),
        (0x00100010, "PN", wire.text("Doe^Jane")), (0x00100020, "LO", wire.text("P500")),
        (0x0020000D, "UI", wire.ui(STUDY)), (0x0020000E, "UI", wire.ui(STUDY + ".1")), (0x00200013, "IS", wire.text(str(number))),
        (0x00280002, "US", struct.pack("<H", 1)), (0x00280004, "CS", wire.text("MONOCHROME2")),
        (0x00280010, "US", struct.pack("<H", rows)), (0x00280011, "US", struct.pack("<H", 500)),
        (0x00280100, "US", struct.pack("<H", 16)), (0x00280101, "US", struct.pack("<H", 16)),
        (0x00280102, "US", struct.pack("<H", 15)), (0x00280103, "US", struct.pack("<H", 0)),
        (0x7FE00010, "OW", pixels),
    )  # fmt: skip
    return instance, b"".join(wire.explicit(*one) for one in attributes)


@pytest.fixture(scope="module")
def site(shared_house):
    """A gateway that seals in small segments, so that an object has several, in front of an archive that a test can bend."""
    archive = shared_house.keep(keeper.Keeper(shared_house.folder / "kept"))
    folder = shared_house.folder / "vault"
    gateway = shared_house.gateway(
        archive.port, start=False, policy=vault.policy(), archive_settings=vault.ALWAYS,
        vault=vault.settings(folder, segment="64KiB"),
    )  # fmt: skip
    vault.prove(gateway)
    gateway.archive = archive
    return gateway


def store(site, certificate, number: int, data: bytes | None = None) -> tuple[str, bytes]:
    instance, raw = image(number) if data is None else (f"{STUDY}.1.{number}", data)
    connection = site.call(certificate)
    connection.associate({1: (CLASS, [wire.EXPLICIT])})
    assert connection.store(1, CLASS, instance, raw).status == 0
    connection.release()
    return instance, raw


def ask(site, certificate, instance: str, calling: str = "WS1") -> sealed.Fetched:
    connection = site.call(certificate)
    contexts, roles = sealed.proposal([(CLASS, wire.EXPLICIT)])
    connection.associate(contexts, calling=calling, extra=roles)
    got = sealed.get(connection, sealed.identifier(STUDY, STUDY + ".1", instance))
    if not got.aborted:
        connection.release()
    return got


def segments(data: bytes) -> tuple[int, list[bytes]]:
    """Where the first segment begins, and every segment (DER)."""
    at = data.index(MAGIC) + 16
    total = int.from_bytes(data[at - 8 : at], "little")
    found, end, begin = [], at + total, at
    while at < end:
        assert data[at] == 0x30
        size = data[at + 1] & 0x7F
        length = int.from_bytes(data[at + 2 : at + 2 + size], "big")
        found.append(data[at : at + 2 + size + length])
        at += 2 + size + length
    return begin, found


def put(data: bytes, parts: list[bytes]) -> bytes:
    """The object with these segments instead of its own, its length said as it then is."""
    begin, old = segments(data)
    end = begin + sum(map(len, old))
    fresh = b"".join(parts)
    room = len(data) - begin
    assert len(fresh) <= room
    return data[: begin - 8] + struct.pack("<Q", len(fresh)) + fresh + bytes(room - len(fresh)) if end <= len(data) else data


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes((data[at] ^ (1 << bit),)) + data[at + 1 :]


def refused(site, certificate, instance: str, alerts: float) -> None:
    """Nothing of it arrived, the requester was told, and the gateway said so aloud."""
    got = ask(site, certificate, instance)
    assert got.objects == [], "an object was completed"
    assert got.aborted or (got.status != 0 and got.failed == 1), got
    assert site.metric("dicomgate_vault_alerts_total") > alerts


def test_what_was_sealed_comes_back(site, ct1, ws1):
    instance, raw = store(site, ct1, 1)
    kept = site.archive.bytes_of(instance)
    assert PIXELS[1000:1064] not in kept
    assert len(segments(kept)[1]) > 4
    got = ask(site, ws1, instance)
    assert (got.status, got.completed, got.failed) == (0, 1, 0)
    assert got.objects[0].data_set == raw


def test_who_may_not_open_gets_a_refusal_and_never_the_banner(site, ct1, certificates):
    instance, _ = store(site, ct1, 2)
    got = ask(site, certificates["ct2"], instance, calling="CT2")
    assert got.objects == []
    assert (got.status != 0, got.completed, got.failed) == (True, 0, 1)


def bend(site, change) -> None:
    site.archive.hand_out = lambda _, data: change(data)


@pytest.fixture(autouse=True)
def straight(site):
    site.archive.hand_out = None
    yield
    site.archive.hand_out = None


def test_every_flipped_bit_of_a_sample_is_noticed(site, ct1, ws1, full):
    """Anywhere in the seal: heads, recipients, ciphertext, tags."""
    instance, _ = store(site, ct1, 3)
    begin, parts = segments(site.archive.bytes_of(instance))
    end = begin + sum(map(len, parts))
    dice = random.Random(11)
    heads = [begin + sum(map(len, parts[:number])) + at for number in range(len(parts)) for at in range(0, 600, 7)]
    places = dice.sample(heads, min(len(heads), 600 if full else 60)) + [dice.randrange(begin, end) for _ in range(400 if full else 40)]
    for at in places:
        bit = dice.randrange(8)
        bend(site, lambda data, at=at, bit=bit: flipped(data, at, bit))
        refused(site, ws1, instance, site.metric("dicomgate_vault_alerts_total"))
    bend(site, lambda data: data)
    assert ask(site, ws1, instance).completed == 1


BENT = {
    "the last segment is gone": lambda parts: parts[:-1],
    "the first segment is gone": lambda parts: parts[1:],
    "one in the middle is gone": lambda parts: parts[:2] + parts[3:],
    "two change places": lambda parts: [parts[0], parts[2], parts[1], *parts[3:]],
    "one comes twice": lambda parts: [*parts[:2], parts[1], *parts[3:]],
    "all are gone": lambda parts: [],
    "the last is cut": lambda parts: [*parts[:-1], parts[-1][:-20]],
}


@pytest.mark.parametrize("how", BENT)
def test_segments_that_are_not_as_they_were(site, ct1, ws1, how):
    instance, _ = store(site, ct1, 4)
    bend(site, lambda data: put(data, BENT[how](segments(data)[1])))
    refused(site, ws1, instance, site.metric("dicomgate_vault_alerts_total"))


def test_segments_of_another_object(site, ct1, ws1):
    one, _ = store(site, ct1, 5)
    other, _ = store(site, ct1, 6)
    foreign = segments(site.archive.bytes_of(other))[1]
    for change in (lambda parts: foreign, lambda parts: [parts[0], foreign[1], *parts[2:]]):
        bend(site, lambda data, change=change: put(data, change(segments(data)[1])))
        refused(site, ws1, one, site.metric("dicomgate_vault_alerts_total"))


def test_an_older_seal_that_is_put_back(site, ct1, ws1):
    """Both were acknowledged; the probe showed that this archive replaces, so only the newer one counts."""
    instance, _ = store(site, ct1, 7)
    older = site.archive.bytes_of(instance)
    _, fresh = store(site, ct1, 7, image(7, PIXELS[::-1])[1])
    got = ask(site, ws1, instance)
    assert got.objects[0].data_set == fresh
    bend(site, lambda _: older)
    refused(site, ws1, instance, site.metric("dicomgate_vault_alerts_total"))


def test_a_forgery_without_a_seal(site, ct1, ws1):
    instance, raw = store(site, ct1, 8)
    bend(site, lambda _: raw)
    refused(site, ws1, instance, site.metric("dicomgate_vault_alerts_total"))


def test_an_object_that_is_cut_off(site, ct1, ws1):
    instance, _ = store(site, ct1, 9)
    for length in (-1000, -200_000, 600):
        bend(site, lambda data, length=length: data[:length])
        got = ask(site, ws1, instance)
        assert got.objects == []
        assert got.aborted or got.failed == 1


def test_the_gateway_goes_on(site, ct1, ws1):
    """After all of this, and `audit verify` holds."""
    instance, raw = store(site, ct1, 10)
    assert ask(site, ws1, instance).objects[0].data_set == raw
    site.run("audit", "verify")
    assert {"vault-alert"} <= {record["event"] for record in site.records()}
