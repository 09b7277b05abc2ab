"""Archives and senders that die, and archives that are full or away: never a success that is none."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest

from conftest import STORE
from support import peers, wire

INSTANCE = "1.2.826.0.1.3680043.9.9999.400"
LARGE = wire.image(INSTANCE, pixels=b"\3\1" * 3_000_000)


def outcome(connection: wire.Wire, data_set: bytes = LARGE) -> tuple[int | None, bytes]:
    """The status of a store, or the bytes that ended the association instead."""
    try:
        connection.message(3, wire.store_rq(wire.CT_IMAGE, INSTANCE), data_set)
    except OSError:
        pass
    try:
        return connection.answer().status, b""
    except AssertionError as fault:
        return None, bytes.fromhex(str(fault).rsplit(" ", 1)[-1])
    except (wire.Closed, OSError):
        return None, b""


def after(count: int, act):
    """A script that acts once so many bytes of a data set have come."""

    def script(_archive, connection, seen):
        if len(seen.partial) >= count:
            return act(connection)
        return None

    return script


def vanish(connection: wire.Wire) -> bool:
    connection.reset()
    return True


def close(connection: wire.Wire) -> bool:
    connection.close()
    return True


def say_abort(connection: wire.Wire) -> bool:
    connection.send(wire.abort(2, 0))
    return True


@pytest.mark.parametrize("way", [vanish, close, say_abort], ids=["reset", "closed", "aborted"])
@pytest.mark.parametrize("count", [1, 1_000_000, 5_900_000])
def test_an_archive_that_dies_in_a_store(house, ct1, way, count):
    archive = house.scripted(on_data=after(count, way))
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        status, ended = outcome(connection)
    assert status != 0
    assert status is not None or ended[:1] in (b"", bytes((wire.ABORT,))), ended
    assert ended or status is not None, "the sender learnt nothing"
    gateway.run("audit", "verify")


@pytest.mark.parametrize("way", [vanish, close, say_abort], ids=["reset", "closed", "aborted"])
def test_an_archive_that_dies_before_its_answer(house, ct1, way):
    archive = house.scripted(on_message=lambda _archive, connection, *_: way(connection))
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        status, _ = outcome(connection, wire.image(INSTANCE))
    assert status != 0


def test_an_archive_that_never_answers(house, ct1):
    waits = threading.Event()
    archive = house.scripted(on_message=lambda *_: waits.wait(60) or True)
    gateway = house.gateway(archive.port, archive_settings={"response_timeout": "2s"})
    begin = time.monotonic()
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        status, ended = outcome(connection, wire.image(INSTANCE))
    waits.set()
    assert status != 0
    assert time.monotonic() - begin < 10
    assert status is not None or ended[:1] == bytes((wire.ABORT,))


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC000, 0x0122, 0x0110, 0xB000, 0xB007])
def test_statuses_pass_unchanged(house, ct1, status):
    archive = house.scripted(
        on_message=lambda own, connection, context, asked, _data: own.respond(connection, context, asked, status) or True
    )
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        assert outcome(connection, wire.image(INSTANCE))[0] == status
        assert outcome(connection, wire.image(INSTANCE))[0] == status
        connection.release()


@pytest.mark.parametrize("way", ["reset", "closed", "aborted"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_sender_that_dies_in_a_store(house, ct1, way, share):
    """The archive never completes the object, and learns at once that nothing more comes."""
    archive = house.scripted()
    gateway = house.gateway(archive.port)
    connection = gateway.call(ct1)
    connection.associate(STORE)
    whole = b"".join(wire.fragments(3, True, wire.store_rq(wire.CT_IMAGE, INSTANCE), 16384))
    whole += b"".join(wire.fragments(3, False, LARGE, 16384))
    connection.send(whole[: boundary(whole, int(len(whole) * share)) if way == "aborted" else int(len(whole) * share)])
    if way == "reset":
        connection.reset()
    elif way == "closed":
        connection.close()
    else:
        connection.send(wire.abort(0, 0))
    seen = archive.finished(20)
    assert seen.completed == []
    assert seen.end == "aborted" or seen.end.startswith("closed"), seen.end
    gateway.run("audit", "verify")


def boundary(pdus: bytes, before: int) -> int:
    """The last end of a PDU that lies not behind `before`; an A-ABORT has its place there only."""
    at = 0
    while at + 6 + int.from_bytes(pdus[at + 2 : at + 6], "big") <= before:
        at += 6 + int.from_bytes(pdus[at + 2 : at + 6], "big")
    return at


def test_an_archive_that_is_away(house, ct1):
    port = peers.free_port()
    gateway = house.gateway(port)
    begin = time.monotonic()
    with gateway.call(ct1) as connection:
        connection.send(wire.associate_rq(STORE))
        assert connection.receive_raw() == wire.REJECT_AWAY
    assert time.monotonic() - begin < 10
    archive = house.scripted(port=port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        connection.release()
    assert archive.finished().end == "released"


def test_an_archive_that_does_not_accept_connections(house, ct1):
    """A host that drops packets: no answer to TCP, or none to the request."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        gateway = house.gateway(silent.getsockname()[1])
        begin = time.monotonic()
        with gateway.call(ct1) as connection:
            connection.send(wire.associate_rq(STORE))
            assert connection.receive_raw() == wire.REJECT_AWAY
        assert time.monotonic() - begin < 12


def test_an_archive_that_is_full(house, ct1):
    archive = house.scripted()
    gateway = house.gateway(archive.port, archive_settings={"max_associations": 2})
    held = [gateway.call(ct1) for _ in range(2)]
    for connection in held:
        connection.associate(STORE)
    begin = time.monotonic()
    with gateway.call(ct1) as connection:
        connection.send(wire.associate_rq(STORE))
        assert connection.receive_raw() == wire.REJECT_BUSY
    assert time.monotonic() - begin < 12
    held.pop().release()
    wire.wait_for(lambda: associates(gateway, ct1), 10, "room at the archive")
    held.pop().release()


def associates(gateway, certificate) -> bool:
    with gateway.call(certificate) as connection:
        connection.send(wire.associate_rq(STORE))
        kind, _ = connection.receive()
        if kind == wire.ASSOCIATE_AC:
            connection.release()
        return kind == wire.ASSOCIATE_AC


def test_room_kept_for_storing(house, ct1, ws1):
    archive = house.scripted()
    gateway = house.gateway(archive.port, archive_settings={"max_associations": 2, "reserved_for_store": 1})
    find = {1: (wire.STUDY_FIND, [wire.IMPLICIT])}
    reader = gateway.call(ws1)
    reader.associate(find, calling="WS1")
    with gateway.call(ws1) as connection:
        connection.send(wire.associate_rq(find, calling="WS1"))
        assert connection.receive_raw() == wire.REJECT_BUSY
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        assert connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
        connection.release()
    reader.release()


@pytest.mark.parametrize(("reject", "answer"), [((1, 1, 1), None), ((2, 3, 1), wire.REJECT_AWAY), ((2, 3, 2), wire.REJECT_BUSY), ((1, 1, 7), None)], ids=str)
def test_an_archive_that_rejects(house, ct1, reject, answer):
    raw = bytes((wire.ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, *reject))
    archive = house.scripted(on_request=lambda _archive, connection, _body: connection.send(raw) or True)
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.send(wire.associate_rq(STORE))
        got = connection.receive_raw()
    assert got[:1] == bytes((wire.ASSOCIATE_RJ,)) and len(got) == 10, got.hex()
    assert answer is None or got == answer, got.hex()


def test_the_answer_of_the_archive_is_mirrored(house, ct1):
    """Same ids, its results, its transfer syntax; what policy took away is 1."""
    answers = {wire.CT_IMAGE: 3, wire.SECONDARY_CAPTURE: 4}

    def answer(archive, connection, body):
        archive.accept(connection, body, answers)

    archive = house.scripted(on_request=answer)
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        accepted = connection.associate(
            {
                1: (wire.VERIFICATION, [wire.EXPLICIT, wire.IMPLICIT]), 5: (wire.CT_IMAGE, [wire.EXPLICIT]),
                9: (wire.SECONDARY_CAPTURE, ["1.2.840.10008.1.2.4.90"]), 255: (wire.STUDY_FIND, [wire.IMPLICIT]),
            }
        )  # fmt: skip
        assert {key: result for key, (result, _) in accepted.contexts.items()} == {1: 0, 5: 3, 9: 4, 255: 1}
        assert accepted.contexts[1] == (0, wire.EXPLICIT)
        assert 4096 <= accepted.max_length <= 65536
        connection.release()


def test_what_reaches_the_archive(house, ct1):
    """Titles stay, 58H never, the peer's own implementation and the roles do."""
    archive = house.scripted()
    gateway = house.gateway(archive.port)
    extra = wire.role(wire.CT_IMAGE, True, False)
    with gateway.call(ct1) as connection:
        connection.associate(STORE, extra=extra)
        connection.release()
    request = archive.finished().request
    assert request[4:20] == b"PACS            " and request[20:36] == b"CT1             "
    user = dict(wire.items_of(next(value for kind, value in wire.items_of(request[68:]) if kind == 0x50)))
    assert user[0x52] == b"1.2.826.0.1.3680043.9.9999.1" and user[0x55] == b"WIRE"
    assert user[0x54] == extra[4:]
    assert 0x58 not in user and 0x51 in user


def test_a_slow_archive_slows_the_sender(house, ct1):
    """Nothing queues: while the archive does not read, the gateway's memory stays where it was."""
    go_on = threading.Event()
    archive = house.scripted(on_data=lambda *_: go_on.wait(30) and None)
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        before = gateway.resident()
        sent = threading.Event()
        data = wire.image(INSTANCE, pixels=b"\1\2" * 40_000_000)

        def send() -> None:
            connection.message(3, wire.store_rq(wire.CT_IMAGE, INSTANCE), data)
            sent.set()

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        assert not sent.wait(3), "80 MB went somewhere, though nobody read them"
        assert gateway.resident() - before < 24 << 20
        go_on.set()
        assert sent.wait(60)
        assert connection.answer().status == 0
        connection.release()
    assert archive.completed() == [data]


def test_release_while_the_archive_releases(house, ct1):
    """A release collision, seen from both sides."""

    def script(own, connection, context, asked, _data):
        own.respond(connection, context, asked, 0)
        connection.send(wire.RELEASE_REQUEST)
        return True

    archive = house.scripted(on_message=script)
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate({1: (wire.VERIFICATION, [wire.IMPLICIT])})
        connection.message(1, wire.echo_rq())
        assert connection.answer().status == 0
        connection.send(wire.RELEASE_REQUEST)
        kinds = []
        try:
            for _ in range(2):
                kind, _ = connection.receive()
                kinds.append(kind)
                if kind == wire.RELEASE_RQ:
                    connection.send(wire.RELEASE_RESPONSE)
        except wire.Closed:
            pass
        assert wire.RELEASE_RP in kinds or wire.ABORT in kinds, kinds


def test_a_reset_does_not_hang_the_gateway(house, ct1):
    """Half-open connections on either side are cleaned up: no descriptor stays."""
    archive = house.scripted()
    gateway = house.gateway(archive.port)
    base = gateway.descriptors()
    for _ in range(30):
        connection = gateway.call(ct1)
        connection.associate(STORE)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.reset()
    wire.wait_for(lambda: gateway.descriptors() <= base + 2, 15, "all descriptors back")
