"""Who is refused, with which bytes, and that it is recorded and explained (issue: `It must show` 3)."""

from __future__ import annotations

import signal
import ssl

import pytest

from conftest import STORE, usual_policy
from support import gateway as under_test
from support import tls, verdict, wire

INSTANCE = "1.2.826.0.1.3680043.9.9999.100"


@pytest.fixture
def site(house, certificates):
    """A gateway with its archive; the policy knows one peer at another address, and one with a certificate of its own."""
    archive = house.scripted()
    policy = usual_policy()
    policy["peer"] += [under_test.peer("FAR1", "unknown.test", network=["192.0.2.0/24"])]
    policy["rule"] += [under_test.rule("far away", ["peer:FAR1", "peer:CT2"], ["echo", "store"])]
    gateway = house.gateway(archive.port, policy=policy, plain=True)
    gateway.archive = archive
    return gateway


def request(contexts=STORE, **how) -> bytes:
    return wire.associate_rq(contexts, **how)


def rejected(gateway, certificate, raw: bytes, **how) -> bytes:
    """The one PDU that answers a request."""
    with gateway.call(certificate, **how) as connection:
        connection.send(raw)
        return connection.receive_raw()


def untouched(gateway) -> None:
    assert gateway.archive.seen == [], "the archive heard of it"


# --- TLS ---------------------------------------------------------------------------------------------------------

CERTIFICATES = [
    # who, alert in TLS 1.3, alert in TLS 1.2 (sent before encryption, so these are the very bytes), word in `why`
    (None, "TLSV13_ALERT_CERTIFICATE_REQUIRED", tls.CERTIFICATE_REQUIRED, "certificate"),
    ("expired", "SSLV3_ALERT_CERTIFICATE_EXPIRED", tls.CERTIFICATE_EXPIRED, "expired"),
    ("early", "SSLV3_ALERT_CERTIFICATE_EXPIRED", tls.CERTIFICATE_EXPIRED, "not valid before 2099"),
    ("foreign", "TLSV1_ALERT_UNKNOWN_CA", tls.UNKNOWN_CA, "issue"),
    ("selfmade", "SSLV3_ALERT_CERTIFICATE_UNKNOWN", tls.CERTIFICATE_UNKNOWN, "certificate"),
]


@pytest.mark.parametrize(("who", "reason", "alert", "word"), CERTIFICATES, ids=[str(case[0]) for case in CERTIFICATES])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_certificates_that_nobody_vouches_for(site, authority, certificates, who, reason, alert, word, version):
    context = authority.client(certificates[who] if who else None, newest=version, oldest=version)
    found = tls.handshake(site.secure, context, say=request())
    assert found.plaintext == b""
    if version == ssl.TLSVersion.TLSv1_2:
        assert not found.finished
        assert found.raw.endswith(tls.plain_alert(alert)), found.raw[-16:].hex()
    else:
        assert found.reason == reason
    record = verdict.last_refusal(site, event="connection-refused", cause="tls")
    assert record["from"].startswith("127.0.0.1")
    verdict.explained(site, record["incident"], word)
    assert record["incident"] in site.why("--from", "127.0.0.1")
    untouched(site)


def test_a_revoked_certificate(house, tmp_path, authority, certificates):
    """Refused on a full handshake and on a session that was begun before."""
    revoked = authority.issue("revoked", "ct1.test")
    archive = house.scripted()
    gateway = house.gateway(archive.port, crl=True)
    context = authority.client(revoked, newest=ssl.TLSVersion.TLSv1_2)
    modern = authority.client(revoked, oldest=ssl.TLSVersion.TLSv1_3)
    echo = request({1: (wire.VERIFICATION, [wire.IMPLICIT])})
    before = tls.handshake(gateway.secure, context, say=echo, stop=10)
    assert before.finished and before.plaintext[0] == wire.ASSOCIATE_AC
    before13 = tls.handshake(gateway.secure, modern, say=echo, stop=10)
    assert before13.plaintext[0] == wire.ASSOCIATE_AC and before13.session is not None
    again = tls.handshake(gateway.secure, context, say=echo, session=before.session, stop=10)
    assert again.resumed, "sessions are not resumed: the test below would prove nothing"
    again13 = tls.handshake(gateway.secure, modern, say=echo, session=before13.session, stop=10)
    assert again13.resumed

    authority.revoke(revoked)
    generation = gateway.metric("dicomgate_generation")
    gateway.signal(signal.SIGHUP)
    wire.wait_for(lambda: gateway.metric("dicomgate_generation") > generation, 10, "the reload")
    seen = len(archive.seen)

    full = tls.handshake(gateway.secure, authority.client(revoked, newest=ssl.TLSVersion.TLSv1_2), say=echo)
    assert full.raw.endswith(tls.plain_alert(tls.CERTIFICATE_REVOKED)), full.raw[-16:].hex()
    record = verdict.last_refusal(gateway, event="connection-refused")
    verdict.explained(gateway, record["incident"], "revoked")
    for ctx, session in ((context, again.session), (modern, again13.session), (modern, None)):
        found = tls.handshake(gateway.secure, ctx, say=echo, session=session)
        assert found.plaintext == b"" and "REVOKED" in found.reason, found
    assert len(archive.seen) == seen, "the archive heard of it"


# --- associations ------------------------------------------------------------------------------------------------

ASSOCIATIONS = {
    "unknown calling title": ("ct1", {"calling": "NOBODY"}, {}),
    "wrong title for the certificate": ("ct1", {"calling": "CT2"}, {}),
    "certificate of another peer": ("ws1", {"calling": "CT1"}, {}),
    "certificate that no peer has": ("unknown", {"calling": "CT1"}, {}),
    "unknown called title": ("ct1", {"called": "NOWHERE"}, {}),
    "called title of a peer": ("ct1", {"called": "WS1"}, {}),
    "right certificate from the wrong network": ("unknown", {"calling": "FAR1"}, {}),
    "plain peer over TLS": ("ct1", {"calling": "OLD1"}, {}),
    "user name": ("ct1", {"extra": wire.identity(1, b"alice")}, {}),
    "user name and passcode": ("ct1", {"extra": wire.identity(2, b"alice", b"secret", answer=True)}, {}),
    "kerberos ticket": ("ct1", {"extra": wire.identity(3, b"\x60\x82")}, {}),
    "SAML": ("ct1", {"extra": wire.identity(4, b"<Assertion/>")}, {}),
    "token": ("ct1", {"extra": wire.identity(5, b"e30.e30.", answer=True)}, {}),
    "no rule for the peer and archive": ("lb", {"calling": "LB1"}, {}),
}


@pytest.mark.parametrize("case", ASSOCIATIONS)
def test_associations_that_are_rejected(site, certificates, case):
    who, how, dialled = ASSOCIATIONS[case]
    assert rejected(site, certificates[who], request(**how), **dialled) == wire.REJECT_UNKNOWN
    record = verdict.last_refusal(site, event="association-refused")
    assert record["from"].startswith("127.0.0.1")
    verdict.explained(site, record["incident"], how.get("calling", "CT1"))
    assert "secret" not in site.output() + str(site.records())
    untouched(site)


def test_an_address_outside_the_network_of_a_peer(site, certificates):
    assert rejected(site, certificates["ct1"], request(calling="CT1"), source="127.0.0.1")[0] == wire.ASSOCIATE_AC
    site.archive.finished()
    with wire.plain(site.plain, source="127.0.0.2") as connection:
        connection.send(request(calling="OLD1"))
        assert connection.receive_raw() == wire.REJECT_UNKNOWN
    record = verdict.last_refusal(site, event="association-refused", cause="identity", calling="OLD1")
    assert record["from"].startswith("127.0.0.2")
    verdict.explained(site, record["incident"], "127.0.0.2")
    assert record["incident"] in site.why("--from", "127.0.0.2")


def test_a_tls_peer_on_the_plain_listener(site):
    with wire.plain(site.plain) as connection:
        connection.send(request(calling="CT1"))
        assert connection.receive_raw() == wire.REJECT_UNKNOWN
    verdict.last_refusal(site, event="association-refused", calling="CT1")
    untouched(site)


def test_a_plain_device_is_served_where_it_belongs(site):
    with wire.plain(site.plain, source="127.0.0.1") as connection:
        connection.associate(STORE, calling="OLD1")
        assert connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
        connection.release()
    assert site.archive.completed() == [wire.image(INSTANCE)]


def test_a_sop_class_that_no_rule_permits(site, ct1):
    """The context is answered 1 (user-rejection), and the archive is not even asked for it."""
    with site.call(ct1) as connection:
        contexts = STORE | {5: (wire.STUDY_FIND, [wire.IMPLICIT]), 7: (wire.STUDY_MOVE, [wire.IMPLICIT])}
        accepted = connection.associate(contexts)
        assert {key: result for key, (result, _) in accepted.contexts.items()} == {1: 0, 3: 0, 5: 1, 7: 1}
        connection.release()
    proposed = [value[0] for kind, value in wire.items_of(site.archive.finished().request[68:]) if kind == 0x20]
    assert proposed == [1, 3]
    removed = next(record["removed"] for record in site.records() if record["event"] == "association-opened")
    assert len(removed) == 2 and "FIND" in removed[0] and "MOVE" in removed[1], removed
    assert "find" in site.why("--peer", "CT1", "--last", "10m").lower()


def test_storage_context_without_a_right_to_store(site, ws1):
    with site.call(ws1) as connection:
        accepted = connection.associate(STORE, calling="WS1")
        assert {key: result for key, (result, _) in accepted.contexts.items()} == {1: 0, 3: 1}


# --- operations --------------------------------------------------------------------------------------------------


def test_a_destination_that_no_rule_permits(site, ws1):
    with site.call(ws1) as connection:
        connection.associate({1: (wire.STUDY_MOVE, [wire.IMPLICIT])}, calling="WS1")
        identifier = wire.implicit(0x00080052, b"STUDY ") + wire.implicit(0x0020000D, wire.ui("1.2.3"))
        for destination in ("CT1", "NOBODY"):
            answer = connection.ask(1, wire.query_rq(wire.C_MOVE, wire.STUDY_MOVE, 7, destination), identifier)
            record = verdict.denied(site, answer, destination, event="denied", operation="move")
            assert record["destination"] == destination
            assert answer.number(wire.ANSWERED_ID) == 7 and answer.number(wire.FIELD) == 0x8021
        own = connection.ask(1, wire.query_rq(wire.C_MOVE, wire.STUDY_MOVE, 8, "WS1"), identifier)
        assert own.status == 0
        connection.release()
    seen = site.archive.finished()
    assert [command[wire.DESTINATION].strip() for command in seen.commands] == [b"WS1"]


def key_object(title: str, instance: str) -> bytes:
    """A Key Object document with a title (PS3.3 A.35.4, CID 7010)."""
    code = wire.explicit(0x00080100, "SH", wire.text(title)) + wire.explicit(0x00080102, "SH", b"DCM ")
    code += wire.explicit(0x00080104, "LO", b"x ")
    item = b"\xfe\xff\x00\xe0" + len(code).to_bytes(4, "little") + code
    return b"".join(
        (
            wire.explicit(0x00080016, "UI", wire.ui(wire.KEY_OBJECT)),
            wire.explicit(0x00080018, "UI", wire.ui(instance)),
            wire.explicit(0x00080060, "CS", b"KO"),
            wire.explicit(0x00100010, "PN", b"Test^Wire "),
            wire.explicit(0x00100020, "LO", b"P1"),
            wire.explicit(0x0020000D, "UI", wire.ui("1.2.826.0.1.3680043.9.9999.10")),
            wire.explicit(0x0020000E, "UI", wire.ui("1.2.826.0.1.3680043.9.9999.10.2")),
            wire.explicit(0x0040A040, "CS", b"CONTAINER "),
            wire.explicit(0x0040A043, "SQ", item),
        )
    )


def test_rejection_notes(site, ct1):
    """Who may store may not delete by storing; any other Key Object passes."""
    with site.call(ct1) as connection:
        connection.associate({1: (wire.KEY_OBJECT, [wire.EXPLICIT])})
        for number, title in enumerate(("113001", "113037", "113038", "113039")):
            instance = f"{INSTANCE}.{number}"
            answer = connection.store(1, wire.KEY_OBJECT, instance, key_object(title, instance))
            record = verdict.denied(site, answer, "reject", event="denied", operation="reject")
            assert record["instance"] == instance
        allowed = key_object("113000", INSTANCE)
        assert connection.store(1, wire.KEY_OBJECT, INSTANCE, allowed).status == 0
        connection.release()
    seen = site.archive.finished()
    assert seen.completed == [allowed] and len(seen.commands) == 1


def test_conditions_on_modality(house, ct1):
    archive = house.scripted()
    policy = usual_policy()
    policy["rule"] = [
        under_test.rule("modalities live", ["group:modality"], ["echo"]),
        under_test.rule("CTs store CT", ["group:modality"], ["store"], modalities=["CT", "KO"]),
    ]
    gateway = house.gateway(archive.port, policy=policy)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        refused = wire.image(INSTANCE, modality="MR", pixels=b"\1\2" * 400_000)
        verdict.denied(gateway, connection.store(3, wire.CT_IMAGE, INSTANCE, refused), "MR", event="denied", operation="store")
        assert connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
        connection.release()
    assert archive.finished().completed == [wire.image(INSTANCE)]


def test_an_operation_on_a_class_of_which_nothing_is_known(site, ct1):
    """A private class may store; another command on it is `other`, which no rule permits."""
    private = "1.2.826.0.1.3680043.9.9999.77"
    with site.call(ct1) as connection:
        assert connection.associate({1: (private, [wire.EXPLICIT])}).contexts[1][0] == 0
        asked = {wire.REQUESTED_SOP_CLASS: private, wire.FIELD: wire.N_ACTION, wire.MESSAGE_ID: 3}
        asked |= {wire.DATA_SET_TYPE: wire.NO_DATA_SET, wire.REQUESTED_SOP_INSTANCE: INSTANCE, wire.ACTION_TYPE: 1}
        answer = connection.ask(1, wire.command(asked))
        verdict.denied(site, answer, "other", event="denied", operation="other")
        assert answer.number(wire.FIELD) == 0x8130
        assert connection.store(1, private, INSTANCE, wire.image(INSTANCE, sop_class=private)).status == 0
        connection.release()
    assert len(site.archive.finished().commands) == 1


def test_a_query_of_another_class_than_negotiated(house, ct1):
    """Who may ask for a worklist does not search the archive by naming another class in the command."""
    archive = house.scripted()
    policy = usual_policy()
    policy["rule"] = [under_test.rule("modalities ask for their worklist", ["group:modality"], ["worklist"])]
    gateway = house.gateway(archive.port, policy=policy)
    with gateway.call(ct1) as connection:
        assert connection.associate({1: (wire.WORKLIST_FIND, [wire.IMPLICIT])}).contexts[1][0] == 0
        connection.message(1, wire.query_rq(wire.C_FIND, wire.STUDY_FIND), wire.implicit(0x00080052, b"STUDY "))
        kind, _ = connection.receive()
        assert kind == wire.ABORT
    record = verdict.last_refusal(gateway, event="mismatch", operation="worklist")
    verdict.explained(gateway, record["incident"], "SOP Class UID")
    assert archive.finished().commands == []


# --- what a data set says otherwise than its command ---------------------------------------------------------------

OTHER = "1.2.826.0.1.3680043.9.9999.666"
SMUGGLED = {
    "another instance": wire.image(OTHER),
    "another class": wire.image(INSTANCE, sop_class=wire.SECONDARY_CAPTURE),
    "a second instance": wire.image(INSTANCE, extra=wire.explicit(0x00080018, "UI", wire.ui(OTHER))),
    "the instance twice": wire.explicit(0x00080018, "UI", wire.ui(OTHER)) + wire.image(INSTANCE),
    "a second patient": wire.image(INSTANCE, extra=wire.explicit(0x00100020, "LO", b"P2")),
    "a second patient at the end": wire.image(INSTANCE) + wire.explicit(0x00100020, "LO", b"P2"),
    "a second study": wire.image(INSTANCE, extra=wire.explicit(0x0020000D, "UI", wire.ui(OTHER))),
    "a file meta group": wire.explicit(0x00020010, "UI", wire.ui(wire.IMPLICIT)) + wire.image(INSTANCE),
    "a command group": wire.explicit(0x00001000, "UI", wire.ui(OTHER)) + wire.image(INSTANCE),
    "a file meta group at the end": wire.image(INSTANCE) + wire.explicit(0x00020003, "UI", wire.ui(OTHER)),
    "an element that ends behind the data set": wire.image(INSTANCE)[:-4],
    "a header cut short": wire.image(INSTANCE) + b"\xfc\xff\xfc",
    "no instance": wire.image(INSTANCE).replace(wire.explicit(0x00080018, "UI", wire.ui(INSTANCE)), b""),
    "no data set at all": b"",
}


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("case", SMUGGLED)
def test_what_policy_did_not_see_is_not_stored(site, ct1, case, size):
    """The archive completes nothing; the sender never hears of success; there is a record."""
    raw = SMUGGLED[case]
    if size == "large":  # larger than anything the gateway may hold back: the archive has seen the beginning
        raw = raw.replace(wire.explicit(0x7FE00010, "OW", b"\1\0" * 8), wire.explicit(0x7FE00010, "OW", b"\1\0" * 2_000_000))
    status, ended = None, b""
    with site.call(ct1) as connection:
        connection.associate(STORE)
        try:
            connection.message(3, wire.store_rq(wire.CT_IMAGE, INSTANCE), raw)
            status = connection.answer().status
        except AssertionError as fault:
            ended = bytes.fromhex(str(fault).rsplit(" ", 1)[-1])
        except (wire.Closed, ConnectionError) as fault:
            ended = str(fault).encode()
    assert status is None or status in (verdict.NOT_AUTHORISED, *range(0xA900, 0xAA00), *range(0xC000, 0xD000)), f"{status:04X}"
    assert status is not None or ended[:1] == bytes((wire.ABORT,)), ended
    refused = verdict.last_refusal(site)
    assert refused["event"] in ("mismatch", "malformed", "denied"), refused
    verdict.explained(site, refused["incident"])
    if site.archive.seen:
        seen = site.archive.finished()
        assert seen.completed == []
        # an A-ABORT has no place inside a PDU that has begun to pass: then the connection ends within it
        assert seen.end in ("aborted", "released") or seen.end.startswith("closed after 04"), seen.end
        assert not seen.partial or seen.end != "released"
