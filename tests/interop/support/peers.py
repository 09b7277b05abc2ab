"""The systems behind and in front of the gateway: a recording SCP, a scripted archive, Orthanc, dcmqrscp."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, _config, evt
from pynetdicom.presentation import AllStoragePresentationContexts

from support import wire

_config.UNRESTRICTED_STORAGE_SERVICE = True


# Below what the system gives to outgoing connections (32768 and up), so that none of them can take a port between its
# choice and its use; tests that run side by side (pytest-xdist) each have a part of their own.
_WORKER = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", ""))) or 0)
_PORTS = itertools.cycle(range(12_000 + 5_000 * (_WORKER % 4), 17_000 + 5_000 * (_WORKER % 4)))


def free_port() -> int:
    """A port that nobody listens on, and that was not given out lately."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


# --- a program as a peer -----------------------------------------------------------------------------------------


@dataclasses.dataclass
class Program:
    """A peer that runs as a program of its own, with its output in a file."""

    arguments: list[str]
    folder: pathlib.Path
    port: int
    environment: dict[str, str] | None = None
    process: subprocess.Popen | None = None

    def start(self, seconds: float = 60) -> Program:
        with (self.folder / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )
        wire.wait_for(self._up, seconds, f"{self.arguments[0]} on port {self.port}")
        return self

    def _up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.arguments[0]} ended:\n{self.output()[-2000:]}"
        return listens(self.port)

    def output(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")

    def kill(self) -> None:
        """As a power cut does: with every process that it has forked."""
        assert self.process is not None
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Orthanc(Program):
    """Orthanc as most hospitals run it: asked by title and port, answering whoever asks."""

    def __init__(self, folder: pathlib.Path, modalities: dict[str, list] | None = None, title: str = "PACS") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port, self.http = free_port(), free_port()
        settings = {
            "Name": "archive",
            "StorageDirectory": str(folder / "store"),
            "IndexDirectory": str(folder / "store"),
            "DicomAet": title,
            "DicomCheckCalledAet": False,
            "DicomPort": port,
            "HttpPort": self.http,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "UnknownSopClassAccepted": True,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "OverwriteInstances": True,
            # What it answers in; as it comes it is Latin-1, which loses the names of half the world
            "DefaultEncoding": "Utf8",
            "DicomModalities": modalities or {},
            "Plugins": [],
        }
        (folder / "orthanc.json").write_text(json.dumps(settings, indent=1))
        super().__init__(["Orthanc", str(folder / "orthanc.json")], folder, port)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=60) as answer:
            return answer.read()

    def preview(self, sop_instance: str) -> tuple[int, bytes]:
        """What its own viewer shows of an instance, grey: columns, and a byte for each pixel."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.http}/tools/lookup", data=sop_instance.encode())
        with urllib.request.urlopen(asked, timeout=60) as answer:
            one = next(found["ID"] for found in json.loads(answer.read()) if found["Type"] == "Instance")
        asked = urllib.request.Request(f"http://127.0.0.1:{self.http}/instances/{one}/preview", headers={"Accept": "image/x-portable-arbitrarymap"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            head, _, pixels = answer.read().partition(b"ENDHDR\n")
        said = dict(line.split(b" ", 1) for line in head.splitlines() if b" " in line)
        assert said[b"DEPTH"] == b"1", said
        return int(said[b"WIDTH"]), pixels

    def instances(self) -> list[str]:
        return json.loads(self.get("/instances"))

    def files(self) -> Iterator[bytes]:
        """Every file as Orthanc hands it out."""
        for one in self.instances():
            yield self.get(f"/instances/{one}/file")

    def clear(self) -> None:
        for patient in json.loads(self.get("/patients")):
            request = urllib.request.Request(f"http://127.0.0.1:{self.http}/patients/{patient}", method="DELETE")
            urllib.request.urlopen(request, timeout=60).close()


class Dcmqrscp(Program):
    """DCMTK's query/retrieve archive."""

    def __init__(
        self,
        folder: pathlib.Path,
        hosts: dict[str, tuple[str, str, int]] | None = None,
        accepts: Iterable[tuple[str, str]] = (),
        title: str = "PACS",
        compressed_first: bool = False,
    ) -> None:
        """`accepts`: SOP classes and transfer syntaxes beyond the uncompressed ones that it takes by itself. It proposes them where it
        delivers, behind those or `compressed_first`."""
        self.store = folder / title
        self.store.mkdir(parents=True, exist_ok=True)
        port = free_port()
        table = "".join(f"{key} = ({title}, {host}, {at})\n" for key, (title, host, at) in (hosts or {}).items())
        (folder / "dcmqrscp.cfg").write_text(
            f"NetworkTCPPort = {port}\nMaxPDUSize = 65536\nMaxAssociations = 16\n"
            f"HostTable BEGIN\n{table}HostTable END\nVendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{title} {self.store} RW (5000, 2048mb) ANY\nAETable END\n"
        )
        arguments = ["dcmqrscp", "-c", str(folder / "dcmqrscp.cfg"), "-dhl"]
        if accepts:
            (folder / "accept.cfg").write_text(self._profile(accepts))
            arguments += ["-xf", str(folder / "accept.cfg"), "All", "Compressed" if compressed_first else "All"]
        super().__init__(arguments, folder, port)

    @staticmethod
    def _profile(accepts: Iterable[tuple[str, str]]) -> str:
        """Profiles with the uncompressed syntaxes of every class as well, these or the others first, and both roles: without them it
        hands out nothing by C-GET."""
        classes = (wire.VERIFICATION, wire.STUDY_FIND, wire.STUDY_GET, wire.STUDY_MOVE, wire.PATIENT_FIND)
        native = [wire.EXPLICIT, wire.IMPLICIT]
        others: dict[str, list[str]] = {sop_class: [] for sop_class in classes}
        for sop_class, syntax in sorted(set(accepts)):
            others.setdefault(sop_class, []).extend([syntax] if syntax not in native else [])
        lists, contexts, profiles = "[[TransferSyntaxes]]\n", "[[PresentationContexts]]\n", "[[Profiles]]\n"
        roles = "[[SCPSCURoleSelection]]\n[All]\n" + "".join(f"Role{number} = {one}\\BOTH\n" for number, one in enumerate(others, 1))
        for profile in ("All", "Compressed"):
            contexts += f"[{profile}]\n"
            profiles += f"[{profile}]\nPresentationContexts = {profile}\nSCPSCURoleSelection = All\n"
            for number, (sop_class, other) in enumerate(others.items(), 1):
                found = native + other if profile == "All" else other + native
                lists += f"[{profile}{number}]\n" + "".join(f"TransferSyntax{at} = {one}\n" for at, one in enumerate(found, 1))
                contexts += f"PresentationContext{number} = {sop_class}\\{profile}{number}\n"
        return f"{lists}{contexts}{roles}{profiles}"

    def files(self) -> Iterator[bytes]:
        for path in sorted(self.store.iterdir()):
            if path.name != "index.dat" and path.is_file():
                yield path.read_bytes()

    def clear(self) -> None:
        """Empties the archive; only while no association is open."""
        for path in self.store.iterdir():
            path.unlink()


# --- a recording SCP, pynetdicom's -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Received:
    """One stored object as it arrived."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    data_set: bytes = dataclasses.field(repr=False)


class Recorder:
    """Keeps the bytes of every data set that a C-STORE brings, as they came off the wire; accepts everything."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        """`more`: SOP classes beyond those that pynetdicom counts as storage."""
        self.received: list[Received] = []
        entity = AE(ae_title="PACS")
        entity.maximum_pdu_size = 131072
        entity.maximum_associations = 50
        entity.network_timeout = None
        known = [context.abstract_syntax for context in AllStoragePresentationContexts]
        for sop_class in {*known, *more, wire.VERIFICATION}:
            entity.add_supported_context(sop_class, ALL_TRANSFER_SYNTAXES)
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_ECHO, lambda _: 0)]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self._server.server_address[1]

    def _store(self, event: evt.Event) -> int:
        asked = event.request
        self.received.append(
            Received(
                str(asked.AffectedSOPClassUID),
                str(asked.AffectedSOPInstanceUID),
                str(event.context.transfer_syntax),
                asked.DataSet.getvalue(),
            )
        )
        return 0

    def take(self) -> list[Received]:
        """What has arrived since the last call."""
        found, self.received = self.received, []
        return found

    def stop(self) -> None:
        self._server.shutdown()


# --- an archive that follows a script ----------------------------------------------------------------------------


@dataclasses.dataclass
class Seen:
    """What one association brought to the scripted archive, up to its end."""

    request: bytes = b""
    commands: list[dict[int, bytes]] = dataclasses.field(default_factory=list)
    syntaxes: list[str] = dataclasses.field(default_factory=list)
    """The transfer syntax of each command's context."""
    data: list[bytes] = dataclasses.field(default_factory=list)
    completed: list[bytes] = dataclasses.field(default_factory=list)
    partial: bytearray = dataclasses.field(default_factory=bytearray)
    end: str = ""
    abort: bytes = b""


Respond = Callable[["Scripted", "wire.Wire", int, dict[int, bytes], bytes | None], bool | None]


class Scripted:
    """An archive in a few lines: it accepts, keeps what it sees, answers 0000 - unless a script says otherwise.

    `on_request(archive, connection, body)` may answer an A-ASSOCIATE-RQ itself (return True to end the association);
    `on_data(archive, connection, seen)` is called for every data fragment (return True to vanish);
    `on_message(archive, connection, context, command, data set)` may answer a message itself (return True if it did).
    """

    def __init__(
        self,
        *,
        on_request: Callable[[Scripted, wire.Wire, bytes], bool | None] | None = None,
        on_data: Callable[[Scripted, wire.Wire, Seen], bool | None] | None = None,
        on_message: Respond | None = None,
        max_length: int = 65536,
        port: int = 0,
    ) -> None:
        self.on_request, self.on_data, self.on_message = on_request, on_data, on_message
        self.max_length = max_length
        self.prefers = ""
        """The transfer syntax that it takes where it may choose; otherwise the first."""
        self.seen: list[Seen] = []
        self.ended: queue.Queue[Seen] = queue.Queue()
        self._socket = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._socket.getsockname()[1]
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self._open:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def stop(self) -> None:
        self._open = False
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def finished(self, seconds: float = 20) -> Seen:
        """The next association that has ended."""
        return self.ended.get(timeout=seconds)

    def completed(self) -> list[bytes]:
        return [one for seen in self.seen for one in seen.completed]

    def accept(self, connection: wire.Wire, body: bytes, answers: dict[str, int] | None = None) -> None:
        """An A-ASSOCIATE-AC: every context with its first transfer syntax, or the result that `answers` names."""
        out = b""
        roles = b""
        for kind, value in wire.items_of(body[68:]):
            if kind == 0x20:
                subs = list(wire.items_of(value[4:]))
                abstract = next(one for sub, one in subs if sub == 0x30).rstrip(b"\0").decode()
                offered = [one for sub, one in subs if sub == 0x40]
                transfer = next((one for one in offered if one.rstrip(b"\0").decode() == self.prefers), offered[0])
                result = (answers or {}).get(abstract, 0)
                connection.accepted.contexts[value[0]] = (result, transfer.rstrip(b"\0").decode())
                out += wire.item(0x21, bytes((value[0], 0, result, 0)) + wire.item(0x40, transfer))
            elif kind == 0x50:
                roles = b"".join(wire.item(sub, one) for sub, one in wire.items_of(value) if sub == 0x54)
        head = body[:68]
        user = wire.user_items(self.max_length, roles)
        connection.send(wire.pdu(wire.ASSOCIATE_AC, head + wire.item(0x10, wire.APPLICATION_CONTEXT.encode()) + out + user))

    def respond(self, connection: wire.Wire, context: int, asked: dict[int, bytes], status: int, data: bytes | None = None) -> None:
        """The answer to a command, with a status."""
        field = int.from_bytes(asked[wire.FIELD], "little")
        elements: dict[int, int | str | bytes] = {
            wire.FIELD: field | 0x8000,
            wire.ANSWERED_ID: asked[wire.MESSAGE_ID],
            wire.DATA_SET_TYPE: wire.NO_DATA_SET if data is None else 0,
            wire.STATUS: status,
        }
        for tag in (wire.SOP_CLASS, wire.SOP_INSTANCE):
            if tag in asked:
                elements[tag] = asked[tag]
        connection.message(context, wire.command(elements), data, limit=16384)

    def _serve(self, sock: socket.socket) -> None:
        seen = Seen()
        self.seen.append(seen)
        connection = wire.Wire(sock)
        sock.settimeout(120)
        try:
            self._talk(connection, seen)
        except wire.Closed as fault:
            seen.end = seen.end or str(fault)
        except Exception as fault:  # noqa: BLE001 - a broken script is shown by the test that waits for it
            seen.end = seen.end or f"fault: {fault!r}"
        finally:
            with contextlib.suppress(OSError):
                connection.close()
            self.ended.put(seen)

    def _talk(self, connection: wire.Wire, seen: Seen) -> None:
        kind, body = connection.receive()
        if kind != wire.ASSOCIATE_RQ:
            seen.end = f"no request but type {kind}"
            return
        seen.request = body
        if self.on_request is not None:
            if self.on_request(self, connection, body):
                seen.end = "script"
                return
        else:
            self.accept(connection, body)
        command_set, asked = bytearray(), None
        while True:
            kind, body = connection.receive()
            if kind == wire.RELEASE_RQ:
                connection.send(wire.RELEASE_RESPONSE)
                seen.end = "released"
                return
            if kind == wire.ABORT:
                seen.end, seen.abort = "aborted", wire.pdu(kind, body)
                return
            assert kind == wire.P_DATA, f"unexpected PDU type {kind}"
            at = 0
            while at < len(body):
                length = int.from_bytes(body[at : at + 4], "big")
                context, control = body[at + 4], body[at + 5]
                value = body[at + 6 : at + 4 + length]
                at += 4 + length
                if control & 1:
                    command_set += value
                    if not control & 2:
                        continue
                    asked = wire.parse_command(bytes(command_set))
                    command_set.clear()
                    seen.commands.append(asked)
                    seen.syntaxes.append(connection.accepted.contexts.get(context, (0, ""))[1])
                    if int.from_bytes(asked[wire.DATA_SET_TYPE], "little") == wire.NO_DATA_SET:
                        self._answer(connection, context, asked, None)
                    continue
                seen.partial += value
                if self.on_data is not None and self.on_data(self, connection, seen):
                    seen.end = "script"
                    return
                if control & 2:
                    data_set = bytes(seen.partial)
                    seen.partial.clear()
                    seen.completed.append(data_set)
                    assert asked is not None
                    self._answer(connection, context, asked, data_set)

    def _answer(self, connection: wire.Wire, context: int, asked: dict[int, bytes], data_set: bytes | None) -> None:
        if int.from_bytes(asked[wire.FIELD], "little") == wire.C_CANCEL:
            return
        if self.on_message is not None and self.on_message(self, connection, context, asked, data_set):
            return
        self.respond(connection, context, asked, 0)
