"""A chain of gateways over real programs: a device without TLS, the gateway that `edge new` makes for it, the main one, Orthanc.

The cable between device and edge is tapped, and both ways between the gateways.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import urllib.request

import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from support import gateway as under_test
from support import wire
from support.ca import Certificate
from support.peers import Program, free_port
from support.tap import Tap

PATIENT, PATIENT_ID = "SECRET^CHAIN", "SECRET-ID-4711"
PIXELS = b"NOTHING-IN-CLEAR" * 2048
STUDY = "1.2.826.0.1.3680043.9.9999.700"


def command(*arguments: object, folder: pathlib.Path) -> str:
    """Runs a command of the program under test; what it prints."""
    done = subprocess.run(
        [str(under_test.program()), *map(str, arguments)],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"dicomgate {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Trusted:
    """The CA that `certs new-ca` made, as far as a gateway's configuration names it."""

    certificate: pathlib.Path


class Edge(under_test.Gateway):
    """The small gateway, in the folder that `edge new` made; only the port of its admin page is added."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.config, self.policy_file = folder, folder / "gateway.toml", folder / "policy.toml"
        self.admin_port, self.process, self.restore_signals, self.environment = free_port(), None, True, {}
        with self.config.open("a") as file:
            file.write(f'\n[admin]\naddress = "127.0.0.1:{self.admin_port}"\n')


class Chain:
    """Everything, up and running. `later`: rules that the main gateway gets once the edge is made."""

    def __init__(self, house, folder: pathlib.Path, *, later: list[dict[str, object]] | None = None) -> None:
        self.folder = folder
        self.inside, self.device_port, delivery = free_port(), free_port(), free_port()
        self.plain_port = free_port()
        self.archive = house.orthanc(modalities={"CT1": ["CT1", "127.0.0.1", self.inside]})
        self.main = self._main_gateway(house)
        self.there, self.back = house.keep(Tap(self.main.secure_port)), house.keep(Tap(delivery))
        said = command(
            "edge", "new", "--config", self.main.config, "--peer", "CT1", "--out", folder / "edge",
            "--gateway", f"127.0.0.1:{self.there.port}", "--listen", f"127.0.0.1:{self.plain_port}",
            "--deliver", f"127.0.0.1:{delivery}", "--format", "json", folder=folder,
        )  # fmt: skip
        change = json.loads(said)["change"].replace(f":{delivery}\"", f":{self.back.port}\"")
        self.main.write_policy(change + "\n" + under_test.toml({"rule": self._rules() + (later or [])}))
        self.main.start()
        self.edge = house.keep(Edge(folder / "edge")).start()
        self.cable = house.keep(Tap(self.plain_port))
        self.received = folder / "received"
        self.received.mkdir()
        receiver = ["storescp", "-aet", "CT1", "+xa", "-od", str(self.received), str(self.device_port)]
        self.receiver = house.keep(Program(receiver, self.received.parent, self.device_port)).start()

    def _rules(self) -> list[dict[str, object]]:
        may = ["echo", "store", "find", "move"]
        return [
            under_test.rule("the CT", ["peer:CT1"], may, destinations=["self"]),
            {"name": "routing", "who": ["archive:PACS"], "to": ["CT1"], "may": ["store"]},
        ]

    def _main_gateway(self, house) -> under_test.Gateway:
        certs = self.folder / "certs"
        command("certs", "new-ca", "--dir", certs, folder=self.folder)
        command("certs", "issue", "--dir", certs, "--for", "gateway", "--dns", "gate.test", "--server", folder=self.folder)
        own = Certificate(certs / "gateway.crt", certs / "gateway.key")
        device = under_test.peer("CT1", None, tls="off", address=f"127.0.0.1:{self.device_port}")
        policy = {"peer": [device], "rule": self._rules()}
        trusted = Trusted(certs / "ca.crt")
        built = under_test.Gateway(self.folder / "main", trusted, own, self.archive.port, policy=policy, inside=self.inside)  # type: ignore[arg-type]
        return house.keep(built)

    # --- the device ---

    def device(self, program: str, *arguments: object, ok: bool = True) -> str:
        """A program of DCMTK as the device, which speaks no TLS; what it says."""
        done = subprocess.run(
            [program, "-v", *map(str, arguments)],
            cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if ok:
            assert done.returncode == 0, f"{program}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def store(self, *files: pathlib.Path, ok: bool = True) -> str:
        return self.device("storescu", "-aet", "CT1", "-aec", "PACS", "127.0.0.1", self.cable.port, *files, ok=ok)

    def move(self) -> str:
        keys = ["-k", "0008,0052=STUDY", "-k", f"0020,000D={STUDY}"]
        return self.device("movescu", "-S", "-aet", "CT1", "-aem", "CT1", "-aec", "PACS", *keys, "127.0.0.1", self.cable.port)

    def route(self) -> None:
        """Orthanc sends the device everything that it holds, of its own accord."""
        address = f"http://127.0.0.1:{self.archive.http}/modalities/CT1/store"
        request = urllib.request.Request(address, json.dumps(self.archive.instances()).encode(), method="POST")
        urllib.request.urlopen(request, timeout=60).close()

    def arrived(self, count: int) -> list[FileDataset]:
        """What the device has received, once there are so many."""
        wire.wait_for(lambda: len(list(self.received.iterdir())) >= count, 20, f"{count} objects at the device")
        return [pydicom.dcmread(path) for path in sorted(self.received.iterdir())]


def images(folder: pathlib.Path, count: int = 3) -> list[pathlib.Path]:
    """Files of one study, with a name and pixels that are easily found again in a capture."""
    files = []
    for number in range(1, count + 1):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = wire.CT_IMAGE, ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = f"{STUDY}.1.{number}"
        image = FileDataset(str(folder), {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID, image.Modality = STUDY, f"{STUDY}.1", "CT"
        image.PatientName, image.PatientID, image.InstanceNumber = PATIENT, PATIENT_ID, number
        image.Rows = image.Columns = 128
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelData = 15, PIXELS
        path = folder / f"image{number}.dcm"
        image.save_as(path)
        files.append(path)
    return files
