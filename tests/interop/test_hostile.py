"""Hostile bytes are refused within limits, and nobody else notices (`It must show` 4)."""

from __future__ import annotations

import random
import struct
import threading
import time

import pytest

from conftest import STORE
from support import load, wire

pytestmark = pytest.mark.alone

INSTANCE = "1.2.826.0.1.3680043.9.9999.200"
LIMITS = {"artim": "2s", "pdu_completion": "2s", "tls_handshake": "2s", "idle": "3s", "association_answer": "5s"}


@pytest.fixture(scope="module")
def site(shared_house):
    archive = shared_house.scripted()
    gateway = shared_house.gateway(archive.port, plain=True, limits=LIMITS)
    gateway.archive = archive
    return gateway


class Neighbour:
    """A well-behaved association that stores all the while; any fault of it fails the test."""

    def __init__(self, gateway, certificate) -> None:
        self.stored, self.slowest, self.fault = 0, 0.0, None
        self._stop = threading.Event()
        self._connection = gateway.call(certificate)
        self._connection.associate(STORE)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                begin = time.monotonic()
                answer = self._connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE))
                assert answer.status == 0
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.stored += 1
                self._stop.wait(0.01)
            self._connection.release()
        except Exception as fault:  # noqa: BLE001 - shown when the test ends
            self.fault = fault

    def finish(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert self.fault is None, f"a well-behaved association noticed: {self.fault!r}"
        assert self.stored > 0
        assert self.slowest < 5, f"a store took {self.slowest:.1f} s"


@pytest.fixture
def neighbour(site, ct1):
    built = Neighbour(site, ct1)
    yield built
    built.finish()


def caller(site, ct1, kind: str):
    return site.call(ct1) if kind == "tls" else wire.plain(site.plain)


def calling(kind: str) -> str:
    return "CT1" if kind == "tls" else "OLD1"


# --- before an association ---------------------------------------------------------------------------------------


def items(*, application=True, contexts=True, user=True) -> bytes:
    body = wire.item(0x10, wire.APPLICATION_CONTEXT.encode()) if application else b""
    body += wire.context(1, wire.VERIFICATION, [wire.IMPLICIT]) if contexts else b""
    return body + (wire.user_items() if user else b"")


def request(body: bytes, *, who="CT1", called: bytes | str = "PACS", version=1, length=None) -> bytes:
    head = struct.pack(">HH", version, 0) + wire.title(called) + wire.title(who) + bytes(32)
    return wire.pdu(wire.ASSOCIATE_RQ, head + body, length)


ECHO = wire.context(1, wire.VERIFICATION, [wire.IMPLICIT])
REQUESTS = {
    # what is sent, built for a calling title; the answer is an abort, a rejection, or a closed connection
    "nothing known": lambda who: bytes((0x55, 0, 0, 0, 0, 4, 1, 2, 3, 4)),
    "PDU type 0": lambda who: bytes((0, 0, 0, 0, 0, 4, 1, 2, 3, 4)),
    "PDU type 8": lambda who: bytes((8, 0, 0, 0, 0, 4, 1, 2, 3, 4)),
    "P-DATA first": lambda who: wire.pdu(wire.P_DATA, wire.pdv(1, 3, wire.echo_rq())),
    "AC first": lambda who: wire.pdu(wire.ASSOCIATE_AC, request(items(), who=who)[6:]),
    "release first": lambda who: wire.RELEASE_REQUEST,
    "20 bytes that announce 4 GiB": lambda who: wire.pdu(wire.ASSOCIATE_RQ, bytes(14), length=0xFFFFFFFF),
    "20 bytes of P-DATA that announce 4 GiB": lambda who: wire.pdu(wire.P_DATA, bytes(14), length=0xFFFFFFFF),
    "an HTTP request": lambda who: b"GET /dicom-web/studies HTTP/1.1\r\nHost: pacs\r\n\r\n",
    "shorter than its fixed part": lambda who: wire.pdu(wire.ASSOCIATE_RQ, bytes(20)),
    "no items": lambda who: request(b"", who=who),
    "no application context": lambda who: request(items(application=False), who=who),
    "no presentation context": lambda who: request(items(contexts=False), who=who),
    "no user information": lambda who: request(items(user=False), who=who),
    "no maximum length": lambda who: request(wire.item(0x10, wire.APPLICATION_CONTEXT.encode()) + ECHO + wire.item(0x50, wire.item(0x52, b"1.2.3")), who=who),
    "two application contexts": lambda who: request(items() + wire.item(0x10, wire.APPLICATION_CONTEXT.encode()), who=who),
    "two user informations": lambda who: request(items() + wire.user_items(), who=who),
    "two maximum lengths": lambda who: request(items(user=False) + wire.user_items(extra=wire.item(0x51, bytes(4))), who=who),
    "an even context id": lambda who: request(items() + wire.context(2, wire.VERIFICATION, [wire.IMPLICIT]), who=who),
    "a context id twice": lambda who: request(items() + ECHO, who=who),
    "context id 0": lambda who: request(items() + wire.context(0, wire.VERIFICATION, [wire.IMPLICIT]), who=who),
    "a context without transfer syntax": lambda who: request(items() + wire.context(3, wire.VERIFICATION, []), who=who),
    "a context without abstract syntax": lambda who: request(items() + wire.item(0x20, bytes((3, 0, 0, 0)) + wire.item(0x40, wire.IMPLICIT.encode())), who=who),
    "a context of two bytes": lambda who: request(items() + wire.item(0x20, b"\3\0"), who=who),
    "an item longer than the PDU": lambda who: request(items() + wire.item(0x20, ECHO[4:], length=0xFFF0), who=who),
    "a sub-item longer than its item": lambda who: request(items(user=False) + wire.item(0x50, wire.item(0x51, bytes(4), length=400)), who=who),
    "a maximum length of three bytes": lambda who: request(items(user=False) + wire.item(0x50, wire.item(0x51, bytes(3))), who=who),
    "half an item header": lambda who: request(items() + b"\x20\x00", who=who),
    "an abstract syntax that is no UID": lambda who: request(items() + wire.context(3, "../../etc/passwd", [wire.IMPLICIT]), who=who),
    "an abstract syntax of 65 characters": lambda who: request(items() + wire.context(3, "1." + "2" * 63, [wire.IMPLICIT]), who=who),
    "a role selection that lies about its UID": lambda who: request(items(user=False) + wire.user_items(extra=wire.item(0x54, b"\xff\xff1.2\1\1")), who=who),
    "a user identity that lies about its length": lambda who: request(items(user=False) + wire.user_items(extra=wire.item(0x58, b"\1\0\xff\xffx")), who=who),
    "protocol version 0": lambda who: request(items(), who=who, version=0),
    "protocol version 2": lambda who: request(items(), who=who, version=2),
    "another application context": lambda who: wire.associate_rq({1: (wire.VERIFICATION, [wire.IMPLICIT])}, calling=who, application="1.2.3"),
    "an empty called title": lambda who: request(items(), who=who, called=b" " * 16),
    "a called title of NULs": lambda who: request(items(), who=who, called=b"\0" * 16),
    "a called title with a backslash": lambda who: request(items(), who=who, called=b"PACS\\X"),
    "a calling title with an escape": lambda who: request(items(), who="\x1b[31mCT1"),
    "an association PDU of 2 MiB": lambda who: request(items() + wire.item(0x60, bytes(60000)) * 35, who=who),
    "129 contexts": lambda who: request(items(contexts=False) + b"".join(wire.context(n % 256, wire.VERIFICATION, [wire.IMPLICIT]) for n in range(1, 259, 2)), who=who),
}  # fmt: skip

EXACT = {
    "nothing known": wire.abort(2, 1),
    "PDU type 8": wire.abort(2, 1),
    "P-DATA first": wire.abort(2, 2),
    "AC first": wire.abort(2, 2),
    "release first": wire.abort(2, 2),
    "protocol version 0": bytes.fromhex("03 00 00000004 00 01 02 02"),
    "protocol version 2": bytes.fromhex("03 00 00000004 00 01 02 02"),
    "another application context": bytes.fromhex("03 00 00000004 00 01 01 02"),
}


@pytest.mark.parametrize("kind", ["tls", "plain"])
@pytest.mark.parametrize("case", REQUESTS)
def test_malformed_requests(site, ct1, neighbour, kind, case):
    seen = len(site.archive.seen)
    with caller(site, ct1, kind) as connection:
        try:
            connection.send(REQUESTS[case](calling(kind)))
        except OSError:
            pass
        connection.sock.settimeout(10)
        answer = connection.until_closed(10)
    if case in EXACT:
        assert answer == EXACT[case], answer.hex()
    elif answer:
        assert answer[0] in (wire.ABORT, wire.ASSOCIATE_RJ) and len(answer) == 10, answer[:64].hex()
    assert len(site.archive.seen) == seen, "the archive heard of it"


@pytest.mark.parametrize("kind", ["tls", "plain"])
def test_a_second_request(site, ct1, neighbour, kind):
    with caller(site, ct1, kind) as connection:
        connection.associate(STORE, calling=calling(kind))
        connection.send(request(items(), who=calling(kind)))
        assert connection.receive_raw() == wire.abort(2, 2)


# --- inside an association ---------------------------------------------------------------------------------------

ECHO_COMMAND = wire.echo_rq()
MESSAGES = {
    # what is sent after the association stands, and the one acceptable answer if there is only one
    "an unknown PDU": (bytes((9, 0, 0, 0, 0, 4, 0, 0, 0, 0)), wire.abort(2, 1)),
    "an A-ASSOCIATE-AC": (wire.pdu(wire.ASSOCIATE_AC, request(items())[6:]), wire.abort(2, 2)),
    "an A-RELEASE-RP": (wire.RELEASE_RESPONSE, wire.abort(2, 2)),
    "a P-DATA above what was announced": (wire.pdu(wire.P_DATA, bytes(14), length=0x7FFFFFFF), wire.abort(2, 6)),
    "a context that was not accepted": (wire.pdu(wire.P_DATA, wire.pdv(9, 3, ECHO_COMMAND)), wire.abort(2, 6)),
    "a PDV of length 0": (wire.pdu(wire.P_DATA, struct.pack(">L", 0)), None),
    "a PDV of length 1": (wire.pdu(wire.P_DATA, struct.pack(">LB", 1, 1)), None),
    "a PDV longer than its PDU": (wire.pdu(wire.P_DATA, wire.pdv(1, 3, ECHO_COMMAND, length=4000)), None),
    "a P-DATA without PDV": (wire.pdu(wire.P_DATA, b""), None),
    "half a PDV header": (wire.pdu(wire.P_DATA, b"\0\0"), None),
    "a data set without a command": (wire.pdu(wire.P_DATA, wire.pdv(3, 2, wire.image(INSTANCE))), None),
    "a command that is not finished before its data": (
        wire.pdu(wire.P_DATA, wire.pdv(3, 1, wire.store_rq(wire.CT_IMAGE, INSTANCE)[:40]) + wire.pdv(3, 2, b"")), None,
    ),
    "a data set in another context": (
        wire.pdu(wire.P_DATA, wire.pdv(3, 3, wire.store_rq(wire.CT_IMAGE, INSTANCE))) + wire.pdu(wire.P_DATA, wire.pdv(1, 2, wire.image(INSTANCE))), None,
    ),
    "a command inside a data set": (
        wire.pdu(wire.P_DATA, wire.pdv(3, 3, wire.store_rq(wire.CT_IMAGE, INSTANCE)))
        + wire.pdu(wire.P_DATA, wire.pdv(3, 0, wire.image(INSTANCE)[:40]) + wire.pdv(3, 3, ECHO_COMMAND)), None,
    ),
    "a command of 70 KiB": (
        b"".join(wire.fragments(1, True, wire.command({wire.SOP_CLASS: wire.VERIFICATION, wire.FIELD: wire.C_ECHO, wire.MESSAGE_ID: 1, wire.DATA_SET_TYPE: 0x0101, 0x00000902: b"x" * 70000}), 16384)), None,
    ),
    "a command set of garbage": (wire.pdu(wire.P_DATA, wire.pdv(1, 3, b"\xff" * 64)), None),
    "a command without a field": (wire.pdu(wire.P_DATA, wire.pdv(1, 3, wire.command({wire.SOP_CLASS: wire.VERIFICATION, wire.MESSAGE_ID: 1, wire.DATA_SET_TYPE: 0x0101}))), None),
    "a command element twice": (
        wire.pdu(wire.P_DATA, wire.pdv(1, 3, ECHO_COMMAND[:12] + wire.implicit(wire.SOP_CLASS, wire.ui(wire.CT_IMAGE)) + ECHO_COMMAND[12:])), None,
    ),
    "an empty command set": (wire.pdu(wire.P_DATA, wire.pdv(1, 3, b"")), None),
    "a response that nobody asked for": (
        wire.pdu(wire.P_DATA, wire.pdv(1, 3, wire.command({wire.SOP_CLASS: wire.VERIFICATION, wire.FIELD: 0x8030, wire.ANSWERED_ID: 1, wire.DATA_SET_TYPE: 0x0101, wire.STATUS: 0}))), None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["tls", "plain"])
@pytest.mark.parametrize("case", MESSAGES)
def test_malformed_messages(site, ct1, neighbour, kind, case):
    raw, exact = MESSAGES[case]
    stored = len(site.archive.completed())
    with caller(site, ct1, kind) as connection:
        connection.associate(STORE, calling=calling(kind))
        mine = site.archive.seen[-1]
        connection.send(raw)
        connection.sock.settimeout(10)
        answer = connection.until_closed(10)
    assert answer[:1] == bytes((wire.ABORT,)) and len(answer) == 10, answer[:64].hex()
    if exact is not None:
        assert answer == exact, answer.hex()
    assert stored <= len(site.archive.completed())
    wire.wait_for(lambda: mine.end, 10, "the end of the archive's association")
    assert mine.completed == []


def nested(depth: int, *, defined: bool = False) -> bytes:
    """Sequences in sequences (0040A730), never closed."""
    head = wire.explicit(0x0040A730, "SQ", b"", length=0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    if defined:
        head = wire.explicit(0x0040A730, "SQ", b"", length=0x7FFFFFF0) + b"\xfe\xff\x00\xe0\xf0\xff\xff\x7e"
    return wire.image(INSTANCE).split(b"\xe0\x7f")[0] + head * depth


DATA_SETS = {
    "100,000 nested sequences": nested(100_000),
    "100,000 nested sequences of stated length": nested(100_000, defined=True),
    "an element of 4 GiB": wire.image(INSTANCE) + wire.explicit(0xFFFCFFFC, "OB", b"x" * 100, length=0xFFFFFFF0),
    "random bytes": random.Random(7).randbytes(300_000),
    "zeros": bytes(300_000),
    "items without a sequence": wire.image(INSTANCE) + b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 1000,
}


@pytest.mark.parametrize("case", DATA_SETS)
def test_hostile_data_sets(site, ct1, neighbour, case):
    before = site.resident()
    with site.call(ct1) as connection:
        connection.associate(STORE)
        mine = site.archive.seen[-1]
        try:
            connection.message(3, wire.store_rq(wire.CT_IMAGE, INSTANCE), DATA_SETS[case])
            answer = connection.answer()
            assert answer.status != 0
        except (AssertionError, wire.Closed, ConnectionError) as fault:
            assert "answer" not in str(fault)
    wire.wait_for(lambda: mine.end, 10, "the end of the archive's association")
    assert mine.completed == []
    assert site.resident() - before < 32 << 20


def test_a_data_set_without_end(site, ct1, neighbour):
    """Endless PDVs: what is buffered stays bounded however long it goes on."""
    with site.call(ct1) as connection:
        connection.associate(STORE)
        head = wire.image(INSTANCE)[:-28] + wire.explicit(0x7FE00010, "OW", b"", length=0xFFFFFF00)
        connection.send(b"".join(wire.fragments(3, True, wire.store_rq(wire.CT_IMAGE, INSTANCE), 16384)))
        connection.send(wire.pdu(wire.P_DATA, wire.pdv(3, 0, head)))
        piece = wire.pdu(wire.P_DATA, wire.pdv(3, 0, bytes(32000)))
        before, most = site.resident(), 0
        for number in range(3000):  # 96 MB
            connection.send(piece)
            if number % 200 == 0:
                most = max(most, site.resident())
        assert most - before < 16 << 20, f"{(most - before) >> 20} MiB more"
        connection.reset()


def test_endless_empty_pdvs(site, ct1, neighbour):
    """PDVs that never bring the command to an end."""
    with site.call(ct1) as connection:
        connection.associate(STORE)
        piece = wire.pdu(wire.P_DATA, wire.pdv(1, 1, b"") * 500)
        connection.sock.settimeout(10)
        before = site.resident()
        try:
            for _ in range(2000):
                connection.send(piece)
        except (OSError, wire.Closed):
            pass
        assert site.resident() - before < 16 << 20


# --- slowness ----------------------------------------------------------------------------------------------------


def drip(connection: wire.Wire, raw: bytes, seconds: float) -> float:
    """One byte every 0.2 s until the other side has had enough; how long that took."""
    begin = time.monotonic()
    connection.sock.settimeout(0.2)
    for at in range(len(raw)):
        if time.monotonic() - begin > seconds:
            break
        try:
            connection.send(raw[at : at + 1])
            if connection.sock.recv(4096) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begin


@pytest.mark.parametrize("kind", ["tls", "plain"])
def test_a_slow_request(site, ct1, neighbour, kind):
    with caller(site, ct1, kind) as connection:
        assert drip(connection, request(items(), who=calling(kind)), 15) < 6


def test_a_slow_handshake(site, neighbour):
    with wire.plain(site.secure) as connection:
        assert drip(connection, b"\x16\x03\x01\x02\x00" + bytes(512), 15) < 6


def test_nothing_at_all(site, ct1, neighbour):
    for kind in ("tls", "plain", "silent"):
        with wire.plain(site.secure) if kind == "silent" else caller(site, ct1, kind) as connection:
            begin = time.monotonic()
            connection.sock.settimeout(15)
            connection.until_closed()
            assert time.monotonic() - begin < 6, kind


def test_a_slow_pdu(site, ct1, neighbour):
    with site.call(ct1) as connection:
        connection.associate(STORE)
        assert drip(connection, wire.pdu(wire.P_DATA, wire.pdv(1, 3, wire.echo_rq())), 15) < 6


def test_an_idle_association(site, ct1, neighbour):
    with site.call(ct1) as connection:
        connection.associate(STORE)
        begin = time.monotonic()
        connection.sock.settimeout(15)
        answer = connection.until_closed()
        assert time.monotonic() - begin < 8
        assert answer[:1] == bytes((wire.ABORT,))


def test_who_does_not_read(site, ct1, neighbour):
    """A caller that sends echoes and never reads an answer is bounded by TCP, not by memory."""
    with site.call(ct1) as connection:
        connection.associate(STORE)
        before = site.resident()
        piece = wire.pdu(wire.P_DATA, wire.pdv(1, 3, wire.echo_rq())) * 2000
        connection.sock.settimeout(2)
        try:
            for _ in range(100):
                connection.send(piece)
        except OSError:
            pass
        assert site.resident() - before < 16 << 20
        connection.reset()


# --- many --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "tls", "strangers"])
def test_memory_is_flat_over_hostile_connections(house, authority, certificates, ct1, full, kind):
    """After a first round has warmed everything, further rounds cost nothing that stays."""
    archive = house.scripted()
    gateway = house.gateway(archive.port, plain=True, limits=LIMITS)
    neighbour = Neighbour(gateway, ct1)
    count = {"plain": (4000, 60_000), "tls": (1000, 25_000), "strangers": (1000, 15_000)}[kind][full]
    address = gateway.plain if kind == "plain" else gateway.secure
    context = {"plain": None, "tls": authority.client(ct1), "strangers": authority.client(certificates["selfmade"])}[kind]
    load.storm(address, count // 2, context=context, seed=1)
    quiet(gateway)
    first = gateway.resident()
    assert load.storm(address, count, context=context, seed=2) == count // 8 * 8
    quiet(gateway)
    last = gateway.resident()
    neighbour.finish()
    allowed = 4 << 20
    assert last - first < allowed, f"{first >> 10} KiB, then {last >> 10} KiB after {count} connections"
    assert gateway.ready()
    gateway.run("audit", "verify")


def quiet(gateway) -> None:
    """Until the connections of a storm are gone: the listeners, the neighbour's two legs and the logs remain."""
    wire.wait_for(lambda: gateway.descriptors() < 60, 40, "the end of all hostile connections")
