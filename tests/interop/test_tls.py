"""TLS as independent programs see it: versions, suites, groups, ALPN, resumption, pinned keys."""

from __future__ import annotations

import re
import ssl
import subprocess

import pytest

from conftest import STORE, usual_policy
from support import gateway as under_test
from support import tls, wire
from support.ca import Authority


@pytest.fixture(scope="module")
def site(shared_house):
    archive = shared_house.scripted()
    gateway = shared_house.gateway(archive.port)
    gateway.archive = archive
    return gateway


def s_client(gateway, certificate, *arguments: str) -> str:
    done = subprocess.run(
        [
            "openssl", "s_client", "-connect", f"127.0.0.1:{gateway.secure_port}", "-CAfile", str(gateway.authority.certificate),
            "-cert", str(certificate.certificate), "-key", str(certificate.key), "-verify_return_error", *arguments,
        ],
        input="", capture_output=True, text=True, errors="replace", timeout=30, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


SUITES_12 = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]
SUITES_13 = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]


@pytest.mark.parametrize("suite", SUITES_13)
def test_suites_of_1_3(site, ct1, suite):
    said = s_client(site, ct1, "-tls1_3", "-ciphersuites", suite)
    assert f"Cipher is {suite}" in said and "Verify return code: 0" in said, said[-1500:]


@pytest.mark.parametrize("suite", SUITES_12)
def test_suites_of_1_2(site, ct1, suite):
    said = s_client(site, ct1, "-tls1_2", "-cipher", suite)
    assert f"Cipher is {suite}" in said, said[-1500:]


@pytest.mark.parametrize(
    "arguments",
    [
        ("-tls1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384"), ("-tls1_2", "-cipher", "AES128-GCM-SHA256"),
        ("-tls1_2", "-cipher", "NULL:@SECLEVEL=0"), ("-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"),
    ],
    ids=lambda one: one[0] + one[2][:12],
)  # fmt: skip
def test_what_bcp_195_forbids_is_refused(site, ct1, arguments):
    said = s_client(site, ct1, *arguments)
    assert "Cipher is (NONE)" in said, said[-1500:]


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384", "X25519MLKEM768"])
def test_groups(site, ct1, group):
    """The hybrid group where this machine's openssl knows it; the gateway's own tests cover it everywhere."""
    if group == "X25519MLKEM768":
        known = subprocess.run(["openssl", "list", "-tls-groups"], capture_output=True, text=True, check=False).stdout
        if group not in known:
            said = s_client(site, ct1, "-tls1_3", "-groups", "X448:X25519")
            assert "Cipher is TLS_" in said, "a client that offers what the gateway lacks finds the common group"
            return
    said = s_client(site, ct1, "-tls1_3", "-groups", group)
    assert "Cipher is TLS_" in said, said[-1500:]


@pytest.mark.parametrize(("offer", "chosen"), [(None, None), (["dicom"], "dicom"), (["h2", "dicom"], "dicom")], ids=str)
def test_alpn(site, authority, ct1, offer, chosen):
    found = tls.handshake(site.secure, authority.client(ct1, alpn=offer), say=wire.associate_rq(STORE), stop=10)
    assert found.alpn == chosen
    assert found.plaintext[0] == wire.ASSOCIATE_AC


def test_alpn_without_dicom(site, authority, ct1):
    found = tls.handshake(site.secure, authority.client(ct1, alpn=["h2", "http/1.1"]), say=b"GET / HTTP/1.1\r\n\r\n")
    assert not found.finished and "no application protocol" in found.reason.lower().replace("_", " "), found.reason


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_resumption(site, authority, ct1, version):
    context = authority.client(ct1, newest=version, oldest=version)
    first = tls.handshake(site.secure, context, say=wire.associate_rq(STORE), stop=10)
    second = tls.handshake(site.secure, context, say=wire.associate_rq(STORE), session=first.session, stop=10)
    assert not first.resumed and second.resumed
    assert second.plaintext[0] == wire.ASSOCIATE_AC


def test_a_resumed_session_of_another_peer(site, authority, certificates):
    """The identity of a resumed session is that of the certificate that began it."""
    context = authority.client(certificates["ws1"], newest=ssl.TLSVersion.TLSv1_2)
    first = tls.handshake(site.secure, context, say=wire.associate_rq(STORE, calling="CT1"), stop=10)
    assert first.plaintext == wire.REJECT_UNKNOWN
    second = tls.handshake(site.secure, context, say=wire.associate_rq(STORE, calling="CT1"), session=first.session, stop=10)
    assert second.resumed and second.plaintext == wire.REJECT_UNKNOWN


def test_no_early_data(site, ct1):
    said = s_client(site, ct1, "-tls1_3")
    assert re.search(r"Max Early Data: 0", said) or "Max Early Data" not in said


def test_pinned_keys(house, authority):
    """A self-signed certificate is accepted where its key is pinned, and for that peer alone."""
    own, other = authority.self_signed("device"), authority.self_signed("intruder")
    archive = house.scripted()
    policy = usual_policy()
    policy["peer"] += [under_test.peer("US1", own.pin, groups=["modality"])]
    gateway = house.gateway(archive.port, policy=policy)
    with gateway.call(own) as connection:
        connection.associate(STORE, calling="US1")
        assert connection.echo() == 0
        connection.release()
    with gateway.call(own) as connection:
        connection.send(wire.associate_rq(STORE, calling="CT1"))
        assert connection.receive_raw() == wire.REJECT_UNKNOWN
    found = tls.handshake(gateway.secure, authority.client(other), say=wire.associate_rq(STORE, calling="US1"))
    assert found.plaintext == b""


def test_a_peer_with_a_ca_of_its_own(house, tmp_path, ct1):
    """`trust`: another CA vouches for this peer, and for nobody else."""
    partner = Authority(tmp_path / "partner", "Partner CA")
    theirs, forged = partner.issue("partner"), partner.issue("forged", "ct1.test")
    archive = house.scripted()
    policy = usual_policy()
    policy["peer"] += [under_test.peer("PART1", "partner.test", trust=partner.certificate, groups=["modality"])]
    gateway = house.gateway(archive.port, policy=policy)
    with gateway.call(None, context=trusting(gateway, theirs)) as connection:
        connection.associate(STORE, calling="PART1")
        assert connection.echo() == 0
        connection.release()
    with gateway.call(None, context=trusting(gateway, forged)) as connection:
        connection.send(wire.associate_rq(STORE, calling="CT1"))
        assert connection.receive_raw() == wire.REJECT_UNKNOWN


def trusting(gateway, certificate) -> ssl.SSLContext:
    return gateway.authority.client(certificate)


def test_dcmtk_over_tls(site, ct1):
    """An independent implementation of both, over the profile that it has."""
    done = subprocess.run(
        [
            "echoscu", "+tls", str(ct1.key), str(ct1.certificate), "+cf", str(site.authority.certificate), "-aet", "CT1", "-aec", "PACS",
            "localhost", str(site.secure_port),
        ],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
