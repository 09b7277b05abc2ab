"""PROXY protocol, versions 1 and 2, from a listed balancer: the caller's own address decides."""

from __future__ import annotations

import socket
import struct

import pytest

from conftest import STORE, usual_policy
from support import gateway as under_test
from support import verdict, wire

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source: str, family: str = "TCP4") -> bytes:
    return f"PROXY {family} {source} 127.0.0.1 40000 2762\r\n".encode()


def v2(source: str, command: int = 1) -> bytes:
    if ":" in source:
        body = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "::1") + struct.pack(">HH", 40000, 2762)
        return SIGNATURE + bytes((0x20 | command, 0x21)) + struct.pack(">H", len(body)) + body
    body = socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 40000, 2762)
    return SIGNATURE + bytes((0x20 | command, 0x11)) + struct.pack(">H", len(body)) + body


@pytest.fixture(scope="module")
def site(shared_house):
    archive = shared_house.scripted()
    policy = usual_policy()
    policy["peer"] = [under_test.peer("CT1", "ct1.test", network=["10.20.0.0/16", "2001:db8::/32"], groups=["modality"])]
    policy["rule"] = policy["rule"][:1]
    policy["rule"][0]["who"] = ["group:modality"]
    gateway = shared_house.gateway(archive.port, policy=policy, balancers=["127.0.0.1/32"])
    gateway.archive = archive
    return gateway


@pytest.mark.parametrize("header", [v1("10.20.1.2"), v2("10.20.1.2"), v2("2001:db8::7")], ids=["v1", "v2", "v2-ipv6"])
def test_the_address_behind_the_balancer(site, ct1, header):
    with site.call(ct1, before=header) as connection:
        connection.associate(STORE)
        assert connection.echo() == 0
        connection.release()
    opened = [record for record in site.records() if record["event"] == "association-opened"][-1]
    assert "10.20.1.2" in opened["from"] or "2001:db8::7" in opened["from"]


@pytest.mark.parametrize("header", [v1("10.99.1.2"), v2("10.99.1.2")], ids=["v1", "v2"])
def test_a_wrong_network_behind_the_balancer(site, ct1, header):
    seen = len(site.archive.seen)
    with site.call(ct1, before=header) as connection:
        connection.send(wire.associate_rq(STORE))
        assert connection.receive_raw() == wire.REJECT_UNKNOWN
    record = verdict.last_refusal(site, event="association-refused")
    assert record["from"].startswith("10.99.1.2")
    assert record["incident"] in site.why("--from", "10.99.1.2")
    assert len(site.archive.seen) == seen


BROKEN = {
    "no header": b"",
    "a header without end": b"PROXY TCP4 10.20.1.2 127.0.0.1 1 1" + b" " * 200,
    "half a header": v1("10.20.1.2")[:20],
    "nonsense": b"PROXY NONSENSE\r\n",
    "an address that is none": v1("10.20.1.999"),
    "a version that is none": SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),
    "a length that lies": SIGNATURE + b"\x21\x11\x00\x04" + bytes(4),
    "a length of 64 KiB": SIGNATURE + b"\x21\x11\xff\xff" + bytes(70000),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_headers(site, ct1, case):
    """No header means no caller: the connection is closed, nothing is answered."""
    seen = len(site.archive.seen)
    with pytest.raises((OSError, wire.Closed)):
        with site.call(ct1, before=BROKEN[case], timeout=10) as connection:
            connection.associate(STORE)
    assert len(site.archive.seen) == seen
    record = verdict.last_refusal(site, event="connection-refused")
    assert record["cause"] in ("proxy-header", "limit"), record


def test_a_header_from_somebody_else(site, ct1):
    """Only the listed balancer may say where a caller comes from."""
    with pytest.raises((OSError, wire.Closed)):
        with site.call(ct1, before=v1("10.20.1.2"), source="127.0.0.2", timeout=10) as connection:
            connection.associate(STORE)
    verdict.last_refusal(site, event="connection-refused", cause="proxy-header")


def test_a_header_where_none_is_expected(house, ct1):
    """A listener without balancers does not believe headers."""
    archive = house.scripted()
    gateway = house.gateway(archive.port)
    with pytest.raises((OSError, wire.Closed)):
        with gateway.call(ct1, before=v1("10.20.1.2"), timeout=15) as connection:
            connection.associate(STORE)
    assert archive.seen == []
