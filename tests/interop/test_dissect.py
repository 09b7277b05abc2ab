"""Wireshark reads what the gateway says on both of its legs, and finds nothing malformed."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from conftest import STORE, usual_policy
from support import gateway as under_test
from support import wire
from support.tap import Tap, write_capture

INSTANCE = "1.2.826.0.1.3680043.9.9999.600"


OUTSIDE, INSIDE = 104, 11112


class Capture:
    """What tshark reads out of both legs."""

    def __init__(self, file: pathlib.Path, outside: Tap, inside: Tap) -> None:
        self._file = file
        write_capture(file, outside.packets(OUTSIDE) + inside.packets(INSIDE))

    def read(self, *arguments: str) -> str:
        decode = [part for port in (OUTSIDE, INSIDE) for part in ("-d", f"tcp.port=={port},dicom")]
        done = subprocess.run(
            ["tshark", "-r", str(self._file), *decode, "-o", "tcp.desegment_tcp_streams:TRUE", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def capture(house, tmp_path):
    """A whole conversation over the plain listener, a rejection and an abort, with a tap on each leg."""
    archive = house.scripted()
    inside = house.keep(Tap(archive.port))
    policy = usual_policy()
    policy["rule"] += [under_test.rule("the old one asks", ["peer:OLD1"], ["find"])]
    gateway = house.gateway(inside.port, policy=policy, plain=True)
    outside = house.keep(Tap(gateway.plain_port))
    address = ("127.0.0.1", outside.port)
    with wire.plain(address) as connection:
        contexts = STORE | {5: (wire.STUDY_FIND, [wire.EXPLICIT]), 7: (wire.STUDY_MOVE, [wire.IMPLICIT])}
        connection.associate(contexts, calling="OLD1", extra=wire.role(wire.CT_IMAGE, True, False))
        assert connection.echo() == 0
        large = wire.image(INSTANCE, pixels=b"\1\2" * 200_000)
        assert connection.store(3, wire.CT_IMAGE, INSTANCE, large).status == 0
        key = wire.explicit(0x00080052, "CS", b"STUDY ") + wire.explicit(0x0020000D, "UI", b"")
        connection.query(5, wire.STUDY_FIND, key)
        connection.release()
    assert archive.finished().end == "released"
    with wire.plain(address) as connection:
        connection.send(wire.associate_rq(STORE, calling="NOBODY"))
        assert connection.receive_raw() == wire.REJECT_UNKNOWN
    with wire.plain(address) as connection:
        connection.associate(STORE, calling="OLD1")
        connection.send(wire.pdu(wire.P_DATA, wire.pdv(77, 3, wire.echo_rq())))
        assert connection.receive_raw()[0] == wire.ABORT
    assert archive.finished().end == "aborted"
    return Capture(tmp_path / "legs.pcap", outside, inside)


FROM_GATEWAY = f"(tcp.srcport == {OUTSIDE} or tcp.dstport == {INSIDE})"


def test_nothing_is_malformed(capture):
    assert capture.read("-Y", f"{FROM_GATEWAY} and dicom"), "nothing was dissected"
    faults = capture.read("-Y", f"{FROM_GATEWAY} and (_ws.malformed or _ws.expert.severity == error)")
    assert faults == "", faults


def test_every_kind_of_pdu_is_seen_on_both_legs(capture):
    def kinds(filter_: str) -> set[int]:
        out = capture.read("-Y", f"{filter_} and dicom", "-T", "fields", "-e", "dicom.pdu.type")
        return {int(one, 0) for line in out.split() for one in line.split(",") if one}

    assert kinds(f"tcp.srcport == {OUTSIDE}") >= {2, 3, 4, 6, 7}
    assert kinds(f"tcp.dstport == {INSIDE}") >= {1, 4, 5, 7}


def test_titles_on_the_inner_leg(capture):
    out = capture.read(
        "-Y", f"tcp.dstport == {INSIDE} and dicom.pdu.type == 1", "-T", "fields", "-e", "dicom.assoc.ae.calling", "-e", "dicom.assoc.ae.called",
    )  # fmt: skip
    assert out.split("\n")[0].split() == ["OLD1", "PACS"]
