"""Workstations of three makers: each asks for moves and receives, over TLS, or plain for what a move gives without the gateway.

DCMTK's movescu (which receives itself, or beside a storescp), pynetdicom, and dcmjs-dimse in a process of its own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import queue
import re
import subprocess
import threading
from collections.abc import Callable, Iterable

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom import sop_class as classes
from pynetdicom.presentation import build_context

from support import wire
from support.ca import Authority, Certificate
from support.forward import Forward
from support.peers import Program, free_port

FINAL_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Delivery:
    """An object as it arrived. Who asked for it, and what the association was called, where the program says so."""

    sop_class: str
    sop_instance: str
    data_set: bytes = dataclasses.field(repr=False)
    transfer_syntax: str = ""
    originator: str | None = None
    message: int | None = None
    calling: str | None = None
    called: str | None = None


@dataclasses.dataclass(frozen=True)
class Counted:
    """One C-MOVE response."""

    status: int
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    failures: tuple[str, ...] = ()
    comment: str = ""

    @property
    def counters(self) -> tuple[int, int, int]:
        """Completed, failed, warning; what is left out counts nothing."""
        return (self.completed or 0, self.failed or 0, self.warning or 0)


@dataclasses.dataclass
class Moved:
    """Every response of one C-MOVE, and why there is no final one."""

    answers: list[Counted]
    why: str = ""

    @property
    def final(self) -> Counted | None:
        last = self.answers[-1] if self.answers else None
        return last if last is not None and last.status not in (0xFF00, 0xFF01) else None


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a C-MOVE asks for, at the level that is named last."""

    study: str
    series: str = ""
    image: str = ""

    @property
    def level(self) -> str:
        return "IMAGE" if self.image else "SERIES" if self.series else "STUDY"

    def keys(self) -> dict[str, str]:
        named = {"StudyInstanceUID": self.study, "SeriesInstanceUID": self.series, "SOPInstanceUID": self.image}
        return {"QueryRetrieveLevel": self.level} | {key: value for key, value in named.items() if value}


class Workstation:
    """A title, a certificate, a plain and a secure port. `move` waits for the final response."""

    def __init__(self, folder: pathlib.Path, title: str, authority: Authority, certificate: Certificate) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.title, self.authority, self.certificate = folder, title, authority, certificate
        self.plain_port, self.secure_port = free_port(), free_port()

    def move(self, port: int, wanted: Wanted, destination: str, *, called: str, secure: bool = True, message_id: int = 1) -> Moved:
        raise NotImplementedError

    def take(self) -> list[Delivery]:
        """What has arrived since the last call."""
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError


# --- pynetdicom --------------------------------------------------------------------------------------------------

SYNTAXES = [wire.EXPLICIT, wire.IMPLICIT]
STORED = (wire.CT_IMAGE, wire.SECONDARY_CAPTURE, str(classes.MRImageStorage), str(classes.RTPlanStorage))


class Pynetdicom(Workstation):
    """In this process. `answer` may say another status than 0000 for a delivery; `seen` are all of them, in order.

    `also`: SOP classes and transfer syntaxes that it takes beside the usual ones; `only`: in their place; `asked`: what each
    association asked for, by class.
    """

    def __init__(
        self, *where: object, answer: Callable[[Delivery], int] | None = None,
        also: Iterable[tuple[str, str]] = (), only: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(*where)  # type: ignore[arg-type]
        self.answer = answer
        self.seen: list[Delivery] = []
        self.asked: list[list[tuple[str, list[str]]]] = []
        self._taken = 0
        self._servers = []
        for port, context in ((self.plain_port, None), (self.secure_port, self.authority.server(self.certificate))):
            entity = self._entity()
            for sop_class in () if only else STORED:
                entity.add_supported_context(sop_class, SYNTAXES)
            for sop_class, syntax in only:
                entity.add_supported_context(sop_class, syntax)
            for sop_class, syntax in also:
                entity.add_supported_context(sop_class, [*SYNTAXES, syntax])
            entity.add_supported_context(wire.VERIFICATION)
            handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_ECHO, lambda _: 0), (evt.EVT_REQUESTED, self._requested)]
            self._servers.append(entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers, ssl_context=context))

    def _entity(self) -> AE:
        entity = AE(self.title)
        entity.maximum_associations = 1000
        entity.acse_timeout, entity.dimse_timeout, entity.network_timeout = 30, FINAL_SECONDS, FINAL_SECONDS
        return entity

    def _requested(self, event: evt.Event) -> None:
        contexts = event.assoc.requestor.requested_contexts
        self.asked.append([(str(one.abstract_syntax), [str(syntax) for syntax in one.transfer_syntax]) for one in contexts])

    def _store(self, event: evt.Event) -> int:
        asked = event.request
        own = Delivery(
            str(asked.AffectedSOPClassUID), str(asked.AffectedSOPInstanceUID), asked.DataSet.getvalue(), str(event.context.transfer_syntax),
            asked.MoveOriginatorApplicationEntityTitle, asked.MoveOriginatorMessageID,
            event.assoc.requestor.ae_title, event.assoc.requestor.primitive.called_ae_title,
        )  # fmt: skip
        status = self.answer(own) if self.answer is not None else 0
        if status in (0, 0xB000):
            self.seen.append(own)
        return status

    def take(self) -> list[Delivery]:
        found = self.seen[self._taken :]
        self._taken += len(found)
        return found

    def move(self, port: int, wanted: Wanted, destination: str, *, called: str, secure: bool = True, message_id: int = 1) -> Moved:
        entity = self._entity()
        model = classes.StudyRootQueryRetrieveInformationModelMove
        entity.requested_contexts = [build_context(model)]
        tls = (self.authority.client(self.certificate), "localhost") if secure else None
        association = entity.associate("127.0.0.1", port, ae_title=called, tls_args=tls)
        if not association.is_established:
            return Moved([], "rejected" if association.is_rejected else "no association")
        data = Dataset()
        for key, value in wanted.keys().items():
            setattr(data, key, value)
        answers = []
        for status, identifier in association.send_c_move(data, destination, model, msg_id=message_id):
            if "Status" not in status:
                return Moved(answers, "lost")
            failures = identifier.get("FailedSOPInstanceUIDList") if identifier is not None else None
            answers.append(
                Counted(
                    status.Status, status.get("NumberOfRemainingSuboperations"), status.get("NumberOfCompletedSuboperations"),
                    status.get("NumberOfFailedSuboperations"), status.get("NumberOfWarningSuboperations"),
                    _listed(failures), status.get("ErrorComment", ""),
                )
            )  # fmt: skip
        association.release()
        return Moved(answers)

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()


def _listed(value: object) -> tuple[str, ...]:
    if not value:
        return ()
    return (str(value),) if isinstance(value, str) else tuple(str(one) for one in value)  # type: ignore[union-attr]


# --- DCMTK -------------------------------------------------------------------------------------------------------


class Movescu(Workstation):
    """movescu asks, and receives itself. It knows no TLS, so a forwarder stands on either side of it."""

    def __init__(self, *where: object) -> None:
        super().__init__(*where)  # type: ignore[arg-type]
        self._front = Forward(self.plain_port, accept=self.authority.server(self.certificate), port=self.secure_port)
        self._incoming = self.folder / "in"
        self._incoming.mkdir()

    def _receiving(self) -> list[str]:
        # with +B it writes into its working directory whatever -od says
        return ["+P", str(self.plain_port), "+B", "-od", str(self._incoming)]

    def take(self) -> list[Delivery]:
        found = [from_file(path) for path in sorted(self._incoming.iterdir())]
        for path in self._incoming.iterdir():
            path.unlink()
        return found

    def move(self, port: int, wanted: Wanted, destination: str, *, called: str, secure: bool = True, message_id: int = 1) -> Moved:
        there = Forward(port, call=self.authority.client(self.certificate)) if secure else None
        keys = [argument for key, value in wanted.keys().items() for argument in ("-k", f"{key}={value}")]
        try:
            done = subprocess.run(
                ["movescu", "-d", "-S", "-aet", self.title, "-aec", called, "-aem", destination, "-td", str(FINAL_SECONDS), "-dhl",
                 *self._receiving(), *keys, "127.0.0.1", str(there.port if there else port)],
                cwd=self._incoming, capture_output=True, text=True, errors="replace", timeout=FINAL_SECONDS + 30, check=False,
            )  # fmt: skip
        finally:
            if there is not None:
                there.stop()
        return Moved(move_responses(done.stdout + done.stderr), done.stderr[-2000:])

    def stop(self) -> None:
        self._front.stop()


class Storescp(Movescu):
    """movescu asks; two storescp receive, a plain one and one that speaks TLS itself."""

    def __init__(self, *where: object) -> None:
        Workstation.__init__(self, *where)  # type: ignore[arg-type]
        self._incoming = self.folder / "in"
        self._incoming.mkdir()
        usual = ["storescp", "-aet", self.title, "--fork", "-dhl", "+B", "+uf", "-od", str(self._incoming)]
        tls = ["+tls", str(self.certificate.key), str(self.certificate.certificate), "+cf", str(self.authority.certificate)]
        self._receivers = [
            Program([*usual, str(self.plain_port)], self.folder, self.plain_port),
            Program([*usual, *tls, str(self.secure_port)], self.folder, self.secure_port),
        ]
        for receiver in self._receivers:
            receiver.start()

    def _receiving(self) -> list[str]:
        return []

    def stop(self) -> None:
        for receiver in self._receivers:
            receiver.stop()


def from_file(path: pathlib.Path) -> Delivery:
    """What DCMTK wrote bit-preserving: the data set is what lies behind the file meta group."""
    raw = path.read_bytes()
    meta = pydicom.filereader.read_file_meta_info(path)
    begin = 132 + 12 + int.from_bytes(raw[140:144], "little")
    return Delivery(str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID), raw[begin:], str(meta.TransferSyntaxUID))


def move_responses(said: str) -> list[Counted]:
    """The C-MOVE responses in what movescu logs with `-d`."""
    found = []
    for block in re.split(r"INCOMING DIMSE MESSAGE", said)[1:]:
        head = block.split("END DIMSE MESSAGE")[0]
        if not re.search(r"Message Type\s+: C-MOVE RSP", head):
            continue

        def number(name: str, text: str = head) -> int | None:
            value = re.search(rf"{name}\s+: (\d+)", text)
            return int(value[1]) if value else None

        status = re.search(r"DIMSE Status\s+: 0x([0-9a-fA-F]{4})", head)
        assert status, head
        comment = re.search(r"\(0000,0902\) LO \[(.*?)\]", head)
        failures = re.search(r"\(0008,0058\) UI \[(.*?)\]", block)
        found.append(
            Counted(
                int(status[1], 16), number("Remaining Suboperations"), number("Completed Suboperations"), number("Failed Suboperations"),
                number("Warning Suboperations"), tuple(failures[1].split("\\")) if failures else (), comment[1].strip() if comment else "",
            )
        )  # fmt: skip
    return found


# --- dcmjs-dimse -------------------------------------------------------------------------------------------------


def node_modules() -> pathlib.Path:
    """Where `tests/run` installed the packages of `node/package-lock.json`."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    found = cache / "dicomgate-tests" / "node"
    assert (found / "node_modules" / "dcmjs-dimse").is_dir(), f"no dcmjs-dimse in {found}: run tests/run once"
    return found


class Dcmjs(Workstation):
    """`node/workstation.js` in a process of its own; orders and answers are lines of JSON."""

    def __init__(self, *where: object) -> None:
        super().__init__(*where)  # type: ignore[arg-type]
        own = {
            "title": self.title, "folder": str(self.folder), "plain": self.plain_port, "secure": self.secure_port,
            "key": str(self.certificate.key), "cert": str(self.certificate.certificate), "ca": str(self.authority.certificate),
            "modules": str(node_modules()),
        }  # fmt: skip
        script = pathlib.Path(__file__).resolve().parent.parent / "node" / "workstation.js"
        self._errors = (self.folder / "errors.log").open("wb")
        self._process = subprocess.Popen(
            ["node", str(script), json.dumps(own)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self._arrived: queue.Queue[dict] = queue.Queue()
        self._ended: dict[int, queue.Queue[dict]] = {}
        self._orders = 0
        self._ready = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._ready.wait(60), f"no dcmjs-dimse: {(self.folder / 'errors.log').read_text()[-2000:]}"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if said["happened"] == "ready":
                self._ready.set()
            elif said["happened"] == "stored":
                self._arrived.put(said)
            elif said["happened"] == "moved":
                self._ended[said["order"]].put(said)

    def take(self) -> list[Delivery]:
        found = []
        while not self._arrived.empty():
            said = self._arrived.get()
            raw = pathlib.Path(said["file"]).read_bytes()
            found.append(
                Delivery(
                    said["sop_class"], said["sop_instance"], raw, said["syntax"],
                    said["originator"].strip(), said.get("message"), said["calling"], said["called"],
                )
            )  # fmt: skip
        return found

    def move(self, port: int, wanted: Wanted, destination: str, *, called: str, secure: bool = True, message_id: int = 1) -> Moved:
        self._orders += 1
        order, ended = self._orders, queue.Queue[dict]()
        self._ended[order] = ended
        assert self._process.stdin is not None
        asked = {"order": order, "port": port, "destination": destination, "called": called, "secure": secure}
        self._process.stdin.write(json.dumps(asked | {"study": wanted.study, "series": wanted.series, "image": wanted.image}) + "\n")
        self._process.stdin.flush()
        said = ended.get(timeout=FINAL_SECONDS + 30)
        answers = [
            Counted(
                one["status"], one.get("remaining"), one.get("completed"), one.get("failed"), one.get("warning"), tuple(one["failures"]), one["comment"]
            )
            for one in said["answers"]
        ]  # fmt: skip
        return Moved(answers, said["ended"])

    def arrived(self) -> int:
        """How many objects wait to be taken."""
        return self._arrived.qsize()

    def die(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._errors.close()


WORKSTATIONS: dict[str, type[Workstation]] = {"movescu": Movescu, "storescp": Storescp, "pynetdicom": Pynetdicom, "dcmjs": Dcmjs}
