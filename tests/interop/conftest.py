"""Fixtures: an authority, its certificates, peers, and a gateway for each test that asks for one."""

from __future__ import annotations

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support import gateway as under_test  # noqa: E402
from support import archives, corpus, mover, peers, wire, workstations  # noqa: E402
from support.ca import FUTURE, PAST, RECENT, SOON, Authority, Certificate  # noqa: E402

FULL = os.environ.get("DICOMGATE_FULL") == "1"


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the full counts are asked for (`tests/run --full`)."""
    return FULL


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "ca")


@pytest.fixture(scope="session")
def certificates(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    """Certificates by name: of the gateway, of devices, and of every kind that must be refused."""
    foreign = Authority(tmp_path_factory.mktemp("foreign") / "ca", "Foreign CA")
    return {
        "gateway": authority.issue("gateway", "gateway.test"),
        "ct1": authority.issue("ct1"),
        "ct2": authority.issue("ct2"),
        "ws1": authority.issue("ws1"),
        "lb": authority.issue("lb"),
        "unknown": authority.issue("unknown"),
        "expired": authority.issue("expired", "ct1.test", start=PAST, end=RECENT),
        "early": authority.issue("early", "ct1.test", start=SOON, end=FUTURE),
        "foreign": foreign.issue("foreign", "ct1.test"),
        "selfmade": authority.self_signed("selfmade"),
    }


class House:
    """What a test builds: gateways and peers, stopped in reverse order when it ends."""

    def __init__(self, folder: pathlib.Path, authority: Authority, certificates: dict[str, Certificate]) -> None:
        self.folder, self.authority, self.certificates = folder, authority, certificates
        self._built: list = []

    def scripted(self, **how: object) -> peers.Scripted:
        return self.keep(peers.Scripted(**how))  # type: ignore[arg-type]

    def recorder(self) -> peers.Recorder:
        return self.keep(peers.Recorder(sample.sop_class for sample in corpus.samples()))

    def orthanc(self, **how: object) -> peers.Orthanc:
        return self.keep(peers.Orthanc(self.folder / f"orthanc{len(self._built)}", **how)).start()

    def dcmqrscp(self, **how: object) -> peers.Dcmqrscp:
        return self.keep(peers.Dcmqrscp(self.folder / f"dcmqrscp{len(self._built)}", **how)).start()

    def gateway(self, archive: int, *, start: bool = True, **how: object) -> under_test.Gateway:
        how.setdefault("policy", usual_policy())
        folder = self.folder / f"gateway{len(self._built)}"
        built = under_test.Gateway(folder, self.authority, self.certificates["gateway"], archive, **how)  # type: ignore[arg-type]
        self.keep(built)
        return built.start() if start else built

    def archive(self, title: str, destinations: dict[str, int], **how: object) -> peers.Program:
        """Orthanc, dcmqrscp or pynetdicom's qrscp, by title; it knows the destinations at ports of this machine."""
        return self.keep(archives.build(title, self.folder / f"{title.lower()}{len(self._built)}", destinations, **how)).start()  # type: ignore[arg-type]

    def certificate(self, title: str) -> Certificate:
        """The certificate of a device, `TITLE.test` in small letters: made when it is first asked for."""
        name = title.lower()
        if name not in self.certificates:
            self.certificates[name] = self.authority.issue(name)
        return self.certificates[name]

    def workstation(self, kind: str, title: str, **how: object):
        """A workstation of a maker: `movescu`, `storescp`, `pynetdicom`, `dcmjs`; or `wire`, byte by byte."""
        folder = self.folder / f"{title.lower()}{len(self._built)}"
        maker = mover.Receiver if kind == "wire" else workstations.WORKSTATIONS[kind]
        return self.keep(maker(folder, title, self.authority, self.certificate(title), **how))

    def mover(self, inside: int, images: list, **how: object) -> mover.Mover:
        return self.keep(mover.Mover(inside, images, **how))  # type: ignore[arg-type]

    def keep(self, built):
        self._built.append(built)
        return built

    def close(self) -> None:
        for built in reversed(self._built):
            built.stop()


def usual_policy(**more: object) -> dict[str, object]:
    """A CT that stores, a workstation that reads, a plain device; nobody else."""
    return {
        "peer": [
            under_test.peer("CT1", "ct1.test", groups=["modality"]),
            under_test.peer("CT2", "ct2.test"),
            under_test.peer("WS1", "ws1.test", address="127.0.0.1:11119", groups=["workstation"]),
            under_test.peer("OLD1", None, tls="off", network=["127.0.0.1/32"]),
        ],
        "rule": [
            under_test.rule("modalities store", ["group:modality", "peer:OLD1"], ["echo", "store"]),
            under_test.rule("workstations read", ["group:workstation"], ["echo", "find", "get", "move"], destinations=["self"]),
        ],
    } | more  # fmt: skip


@pytest.fixture
def house(tmp_path: pathlib.Path, authority: Authority, certificates: dict[str, Certificate]):
    built = House(tmp_path, authority, certificates)
    yield built
    built.close()


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory, authority: Authority, certificates: dict[str, Certificate]):
    """A house for a whole file of tests, where starting peers for each would take long."""
    built = House(tmp_path_factory.mktemp("house"), authority, certificates)
    yield built
    built.close()


@pytest.fixture
def ct1(certificates: dict[str, Certificate]) -> Certificate:
    return certificates["ct1"]


@pytest.fixture
def ws1(certificates: dict[str, Certificate]) -> Certificate:
    return certificates["ws1"]


STORE: wire.Proposal = {1: (wire.VERIFICATION, [wire.IMPLICIT]), 3: (wire.CT_IMAGE, [wire.EXPLICIT])}
