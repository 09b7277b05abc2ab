"""Every service that runs on one association passes as it is: N-services, C-CANCEL, several archives, large objects."""

from __future__ import annotations

import datetime
import pathlib
import re
import threading

import pytest

from conftest import STORE, usual_policy
from support import gateway as under_test
from support import verdict, wire

INSTANCE = "1.2.826.0.1.3680043.9.9999.700"
COMMITMENT, COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
PRINT = "1.2.840.10008.5.1.1.9"


def allowing(*operations: str, who: str = "CT1") -> dict:
    policy = usual_policy()
    policy["rule"] = [under_test.rule("all of these", [f"peer:{who}"], list(operations))]
    return policy


def normalised(field: int, sop_class: str, instance: str, message_id: int, data: bool, more: dict) -> bytes:
    """An N-service request: created objects are `affected`, existing ones `requested`."""
    fresh = field == wire.N_CREATE
    elements = {
        wire.SOP_CLASS if fresh else wire.REQUESTED_SOP_CLASS: sop_class,
        wire.SOP_INSTANCE if fresh else wire.REQUESTED_SOP_INSTANCE: instance,
        wire.FIELD: field,
        wire.MESSAGE_ID: message_id,
        wire.DATA_SET_TYPE: 0 if data else wire.NO_DATA_SET,
    }
    return wire.command(elements | more)


SERVICES = {
    "MPPS begins": ("mpps", wire.MPPS, wire.N_CREATE, INSTANCE, True, {}),
    "MPPS ends": ("mpps", wire.MPPS, wire.N_SET, INSTANCE, True, {}),
    "commitment is asked for": ("commit", COMMITMENT, wire.N_ACTION, COMMITMENT_INSTANCE, True, {wire.ACTION_TYPE: 1}),
    "a film is made": ("print", PRINT, wire.N_CREATE, INSTANCE, True, {}),
    "a film is thrown away": ("print", PRINT, wire.N_DELETE, INSTANCE, False, {}),
}


@pytest.mark.parametrize("case", SERVICES)
def test_n_services(house, ct1, case):
    operation, sop_class, field, instance, data, more = SERVICES[case]
    attributes = wire.implicit(0x00400252, b"IN PROGRESS ") if data else None
    answer_data = wire.implicit(0x00400253, b"17") if field != wire.N_DELETE else None

    def script(own, connection, context, asked, _data):
        own.respond(connection, context, asked, 0x0107, answer_data)
        return True

    archive = house.scripted(on_message=script)
    gateway = house.gateway(archive.port, policy=allowing(operation))
    with gateway.call(ct1) as connection:
        assert connection.associate({1: (sop_class, [wire.IMPLICIT])}).contexts[1][0] == 0
        raw = normalised(field, sop_class, instance, 9, data, more)
        answer = connection.ask(1, raw, attributes)
        assert (answer.status, answer.data_set, answer.number(wire.ANSWERED_ID)) == (0x0107, answer_data, 9)
        connection.release()
    seen = archive.finished()
    assert seen.commands == [wire.parse_command(raw)]
    assert seen.completed == ([attributes] if data else [])
    assert any(record.get("operation") == operation for record in gateway.records())


@pytest.mark.parametrize("case", SERVICES)
def test_n_services_without_a_rule(house, ct1, case):
    _, sop_class, *_ = SERVICES[case]
    archive = house.scripted()
    gateway = house.gateway(archive.port, policy=allowing("echo"))
    with gateway.call(ct1) as connection:
        contexts = {1: (wire.VERIFICATION, [wire.IMPLICIT]), 3: (sop_class, [wire.IMPLICIT])}
        assert connection.associate(contexts).contexts[3][0] == 1


def test_a_command_of_another_class_than_its_context(house, ct1):
    """What was negotiated decides: a worklist context is no way to search the archive."""
    archive = house.scripted()
    gateway = house.gateway(archive.port, policy=allowing("worklist"))
    with gateway.call(ct1) as connection:
        connection.associate({1: (wire.WORKLIST_FIND, [wire.IMPLICIT])})
        mine = archive.seen[-1]
        connection.message(1, wire.query_rq(wire.C_FIND, wire.STUDY_FIND), wire.implicit(0x00080052, b"STUDY "))
        try:
            assert connection.answer().status != 0
        except (AssertionError, wire.Closed) as fault:
            assert "07000000" in str(fault)
    wire.wait_for(lambda: mine.end, 10, "the end of the archive's association")
    assert mine.commands == []
    assert verdict.last_refusal(gateway)["event"] in ("denied", "malformed", "mismatch")


def test_cancel(house, ct1):
    """C-CANCEL reaches the archive while answers still come; its last word comes back."""
    cancelled = threading.Event()

    def script(own, connection, context, asked, _data):
        for _ in range(3):
            own.respond(connection, context, asked, 0xFF00, wire.implicit(0x0020000D, wire.ui("1.2.3")))
        kind, body = connection.receive()
        assert kind == wire.P_DATA
        parsed = wire.parse_command(body[6:])
        if int.from_bytes(parsed[wire.FIELD], "little") == wire.C_CANCEL and parsed[wire.ANSWERED_ID] == asked[wire.MESSAGE_ID]:
            cancelled.set()
        own.respond(connection, context, asked, 0xFE00)
        return True

    archive = house.scripted(on_message=script)
    gateway = house.gateway(archive.port, policy=allowing("find"))
    with gateway.call(ct1) as connection:
        connection.associate({1: (wire.STUDY_FIND, [wire.IMPLICIT])})
        connection.message(1, wire.query_rq(wire.C_FIND, wire.STUDY_FIND, 21), wire.implicit(0x00080052, b"STUDY "))
        assert [connection.answer().status for _ in range(3)] == [0xFF00] * 3
        connection.message(1, wire.command({wire.FIELD: wire.C_CANCEL, wire.ANSWERED_ID: 21, wire.DATA_SET_TYPE: wire.NO_DATA_SET}))
        assert connection.answer().status == 0xFE00
        connection.release()
    assert cancelled.is_set()


def test_several_archives_by_called_title(house, ct1):
    first, second = house.scripted(), house.scripted()
    policy = allowing("echo", "store")
    policy["rule"][0]["to"] = ["PACS", "VNA"]
    gateway = house.gateway(
        first.port, policy=policy, archives=[{"ae_title": "VNA", "address": f"127.0.0.1:{second.port}", "answers_to": ["VNA", "VNA_STORE"]}]
    )
    for called, archive in (("PACS", first), ("VNA", second), ("VNA_STORE", second)):
        with gateway.call(ct1) as connection:
            connection.associate(STORE, called=called)
            assert connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
            connection.release()
        assert archive.finished().completed == [wire.image(INSTANCE)]
    assert len(first.seen) == 1 and len(second.seen) == 2


def test_an_archive_for_some_operations(house, ct1):
    """`for`: the worklist lives in the RIS, though devices know one title; the first archive gets the rest."""
    pacs, ris = house.scripted(), house.scripted()
    policy = allowing("echo", "store", "worklist")
    policy["rule"][0]["to"] = ["PACS", "RIS"]
    gateway = house.gateway(
        pacs.port,
        policy=policy,
        archives=[{"ae_title": "RIS", "address": f"127.0.0.1:{ris.port}", "answers_to": ["RIS", "PACS"], "for": ["worklist"]}],
    )
    with gateway.call(ct1) as connection:
        assert connection.associate({1: (wire.WORKLIST_FIND, [wire.IMPLICIT])}).contexts[1][0] == 0
        _, last = connection.query(1, wire.WORKLIST_FIND, wire.implicit(0x00100010, b""))
        assert last.status == 0
        connection.release()
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        assert connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
        connection.release()
    assert len(ris.finished().commands) == 1 and len(pacs.finished().completed) == 1


def test_the_title_that_the_archive_sees(house, ct1):
    archive = house.scripted()
    gateway = house.gateway(archive.port, archive_settings={"calling": "GATE"})
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        connection.release()
    assert archive.finished().request[20:36] == b"GATE            "


def test_a_large_object_needs_little_memory(house, ct1, full):
    """Half a gigabyte passes in under 64 MiB."""
    size = (500 if full else 200) << 20
    got = 0

    def count(_archive, _connection, seen):
        nonlocal got
        got += len(seen.partial)
        seen.partial.clear()

    archive = house.scripted(on_data=count)
    gateway = house.gateway(archive.port)
    head = wire.image(INSTANCE)[:-28] + wire.explicit(0x7FE00010, "OW", b"", length=size)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        connection.send(b"".join(wire.fragments(3, True, wire.store_rq(wire.CT_IMAGE, INSTANCE), 16384)))
        connection.send(wire.pdu(wire.P_DATA, wire.pdv(3, 0, head)))
        piece = wire.pdu(wire.P_DATA, wire.pdv(3, 0, bytes(32768))) * 32
        for _ in range(size // (1 << 20)):
            connection.send(piece)
        connection.send(wire.pdu(wire.P_DATA, wire.pdv(3, 2, b"")))
        assert connection.answer().status == 0
        connection.release()
    assert got == size + len(head)
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{gateway.pid}/status").read_text())[1])
    assert peak < 64 << 10, f"{peak} KiB at its peak"


def test_limits_on_associations(house, ct1):
    archive = house.scripted()
    gateway = house.gateway(archive.port, limits={"associations_per_peer": 3})
    held = [gateway.call(ct1) for _ in range(3)]
    for connection in held:
        connection.associate(STORE)
    with gateway.call(ct1) as connection:
        connection.send(wire.associate_rq(STORE))
        assert connection.receive_raw() == wire.REJECT_BUSY
    for connection in held:
        assert connection.echo() == 0
        connection.release()


def test_observing_relaxes_one_thing(house, certificates):
    """While `observe_until` lies ahead a known peer does what no rule permits; nothing else is relaxed, and it is said."""
    archive = house.scripted()
    policy = usual_policy()
    policy["rule"] = [
        under_test.rule("only echoes", ["peer:CT1"], ["echo"]),
        under_test.rule("never", ["peer:CT1"], ["move"], effect="deny"),
    ]
    gateway = house.gateway(archive.port, policy=policy, start=False)
    until = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=10)
    gateway.settings["policy"]["observe_until"] = under_test.Verbatim(until.isoformat())
    gateway.config.write_text(under_test.toml(gateway.settings))
    gateway.start()
    contexts = STORE | {5: (wire.STUDY_MOVE, [wire.IMPLICIT])}
    with gateway.call(certificates["ct1"]) as connection:
        accepted = connection.associate(contexts)
        assert {key: result for key, (result, _) in accepted.contexts.items()} == {1: 0, 3: 0, 5: 1}
        assert connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
        connection.release()
    assert archive.finished().completed == [wire.image(INSTANCE)]
    for certificate, how in (("ct1", {"calling": "CT2"}), ("unknown", {"calling": "CT1"}), ("ct1", {"called": "NOWHERE"})):
        with gateway.call(certificates[certificate]) as connection:
            connection.send(wire.associate_rq(STORE, **how))
            assert connection.receive_raw() == wire.REJECT_UNKNOWN
    assert gateway.metric("dicomgate_observing") == 1
    assert "observ" in gateway.http("/ready")[1].lower()
    assert any("observ" in str(record).lower() for record in gateway.records() if record.get("operation") == "store")
