"""What changes while associations live: policy, certificates, revocation, and the end."""

from __future__ import annotations

import shutil
import signal
import ssl
import time

import pytest

from conftest import STORE, usual_policy
from support import gateway as under_test
from support import tls, wire

INSTANCE = "1.2.826.0.1.3680043.9.9999.500"
FIND = {1: (wire.VERIFICATION, [wire.IMPLICIT]), 3: (wire.CT_IMAGE, [wire.EXPLICIT]), 5: (wire.STUDY_FIND, [wire.IMPLICIT])}


@pytest.fixture
def site(house):
    archive = house.scripted()
    gateway = house.gateway(archive.port)
    gateway.archive = archive
    return gateway


def reloaded(gateway, policy) -> None:
    """The new policy is in force."""
    before = gateway.metric("dicomgate_generation")
    gateway.write_policy(policy)
    wire.wait_for(lambda: gateway.metric("dicomgate_generation") > before, 20, "the reload of a changed file")


def accepts_find(gateway, certificate) -> bool:
    with gateway.call(certificate) as connection:
        accepted = connection.associate(FIND)
        connection.release()
        return accepted.contexts[5][0] == 0


def with_find() -> dict:
    policy = usual_policy()
    policy["rule"] += [under_test.rule("the CT may also ask", ["peer:CT1"], ["find"])]
    return policy


def test_a_new_rule_works_at_once(site, ct1):
    """And the association that runs meanwhile goes on, in the middle of an object even."""
    assert not accepts_find(site, ct1)
    with site.call(ct1) as connection:
        connection.associate(STORE)
        large = wire.image(INSTANCE, pixels=b"\1\2" * 2_000_000)
        whole = b"".join(wire.fragments(3, True, wire.store_rq(wire.CT_IMAGE, INSTANCE), 16384))
        whole += b"".join(wire.fragments(3, False, large, 16384))
        connection.send(whole[: len(whole) // 2])
        reloaded(site, with_find())
        connection.send(whole[len(whole) // 2 :])
        assert connection.answer().status == 0
        assert connection.echo() == 0
        assert accepts_find(site, ct1)
        connection.release()
    assert large in site.archive.completed()


BAD = {
    "no TOML": "[[peer",
    "an unknown key": under_test.toml(usual_policy()) + "\n[[rule]]\nname = \"x\"\nwho = [\"peer:CT1\"]\nto = [\"PACS\"]\nmay = [\"echo\"]\nwhom = []\n",
    "an unknown peer in a rule": under_test.toml(usual_policy()).replace("group:modality", "group:modalitty"),
    "a test that fails": under_test.toml(
        with_find() | {"test": [{"name": "strangers", "peer": "CT1", "from": "127.0.0.1", "wants": "find", "expect": "deny"}]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_policy_is_refused(site, ct1, case):
    """The old one goes on, and the refusal is said: record, metric, log."""
    good = site.policy_file.read_text()
    before = site.metric("dicomgate_generation")
    site.write_policy(BAD[case])
    refusal = wire.wait_for(
        lambda: next((record for record in site.records() if record["event"] == "reload-refused"), None), 20, "the record of a refused reload"
    )
    assert refusal["faults"]
    assert site.metric("dicomgate_generation") == before
    with site.call(ct1) as connection:
        connection.associate(STORE)
        assert connection.echo() == 0
        connection.release()
    assert not accepts_find(site, ct1)
    assert site.run("check", ok=False).returncode == 64
    site.write_policy(good)


def test_a_permit_that_is_taken_away_ends_what_lives_on_it(site, ct1):
    policy = usual_policy()
    policy["rule"] = policy["rule"][1:]
    idle = site.call(ct1)
    idle.associate(STORE)
    assert idle.echo() == 0
    seen = site.archive.seen[-1]
    reloaded(site, policy)
    idle.sock.settimeout(10)
    kind, body = idle.receive()
    assert kind == wire.ABORT, wire.pdu(kind, body).hex()
    wire.wait_for(lambda: seen.end == "aborted", 10, "the end of the archive's association")
    record = wire.wait_for(
        lambda: next((record for record in site.records() if record["event"] == "policy-ended"), None), 5, "a record of it"
    )
    assert record["peer"] == "CT1"
    assert site.why(record["incident"])
    with site.call(ct1) as connection:
        connection.send(wire.associate_rq(STORE))
        assert connection.receive_raw() == wire.REJECT_UNKNOWN


def test_a_message_under_way_is_finished_first(site, ct1):
    """Between messages, not within one: the object that has begun to pass is answered."""
    policy = usual_policy()
    policy["rule"] = policy["rule"][1:]
    with site.call(ct1) as connection:
        connection.associate(STORE)
        data = wire.image(INSTANCE, pixels=b"\1\2" * 1_000_000)
        whole = b"".join(wire.fragments(3, True, wire.store_rq(wire.CT_IMAGE, INSTANCE), 16384))
        whole += b"".join(wire.fragments(3, False, data, 16384))
        connection.send(whole[: len(whole) // 2])
        wire.wait_for(lambda: len(site.archive.seen[-1].partial) > 100_000, 10, "half an object at the archive")
        reloaded(site, policy)
        connection.send(whole[len(whole) // 2 :])
        assert connection.answer().status == 0
        kind, _ = connection.receive()
        assert kind == wire.ABORT
    assert site.archive.completed() == [data]


def test_a_revoked_certificate_interrupts(house, authority):
    revoked = authority.issue("revoked-live", "ct1.test")
    archive = house.scripted()
    gateway = house.gateway(archive.port, crl=True)
    with gateway.call(revoked) as connection:
        connection.associate(STORE)
        assert connection.echo() == 0
        authority.revoke(revoked)
        connection.sock.settimeout(25)
        kind, _ = connection.receive()
        assert kind == wire.ABORT
    found = tls.handshake(gateway.secure, authority.client(revoked), say=wire.associate_rq(STORE))
    assert found.plaintext == b""


def test_certificates_are_exchanged_without_a_restart(house, authority, certificates, ct1, tmp_path):
    """A renewed certificate of the gateway is shown to the next caller; who is connected stays."""
    archive = house.scripted()
    own = tmp_path / "own"
    own.mkdir()
    certificate, key = own / "gateway.crt", own / "gateway.key"
    shutil.copy(certificates["gateway"].certificate, certificate)
    shutil.copy(certificates["gateway"].key, key)
    house.certificates = certificates | {"gateway": type(certificates["gateway"])(certificate, key)}
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        old = connection.sock.getpeercert(binary_form=True)
        renewed = authority.issue("gateway", "gateway.test")
        before = gateway.metric("dicomgate_generation")
        shutil.copy(renewed.key, key)
        shutil.copy(renewed.certificate, certificate)
        gateway.signal(signal.SIGHUP)
        wire.wait_for(lambda: gateway.metric("dicomgate_generation") > before, 20, "the reload")
        with gateway.call(ct1) as other:
            shown = other.sock.getpeercert(binary_form=True)
        assert shown != old
        assert shown == ssl.PEM_cert_to_DER_cert(renewed.certificate.read_text())
        assert connection.echo() == 0
        connection.release()


def test_drain(site, ct1):
    """SIGTERM: what lives may finish, nothing new begins, and the process ends by itself."""
    connection = site.call(ct1)
    connection.associate(STORE)
    site.signal(signal.SIGTERM)
    wire.wait_for(lambda: not new_association(site, ct1), 10, "the refusal of new work")
    assert site.process.poll() is None
    assert not site.ready()
    begin = time.monotonic()
    try:
        assert connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
        connection.release()
    except AssertionError as fault:  # between messages a drain may end the association; never in silence
        assert "07000000" in str(fault)
    assert site.process.wait(20) == 0
    assert time.monotonic() - begin < 20
    site.run("audit", "verify")
    assert site.records()[-1]["event"] in ("stopped", "checkpoint")


def new_association(gateway, certificate) -> bool:
    try:
        with gateway.call(certificate, timeout=5) as connection:
            connection.send(wire.associate_rq(STORE))
            kind, _ = connection.receive()
            return kind == wire.ASSOCIATE_AC
    except (OSError, wire.Closed):
        return False


def test_an_end_without_waiting(house, ct1):
    """With `drain = "0s"` associations are aborted, both legs, and the log is closed in good order."""
    archive = house.scripted()
    gateway = house.gateway(archive.port, limits={"drain": "0s"})
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        gateway.signal(signal.SIGTERM)
        kind, _ = connection.receive()
        assert kind == wire.ABORT
    assert gateway.process.wait(10) == 0
    assert archive.finished().end == "aborted"
    gateway.run("audit", "verify")
