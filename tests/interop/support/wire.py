"""DICOM on the wire, byte by byte: PDUs (PS3.8 9.3), command sets (PS3.7 6.3) and small data sets (PS3.5 7).

Everything here may also build what the standard forbids: a test says which bytes it sends, nothing corrects them.
No DICOM library is used, so that a test's own mistakes do not hide behind the mistakes of a library.
"""

from __future__ import annotations

import dataclasses
import socket
import ssl
import struct
import time
from collections.abc import Iterable, Iterator

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
MPPS = "1.2.840.10008.3.1.2.3.3"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"

REJECT_UNKNOWN = bytes.fromhex("03 00 00000004 00 01 01 01")
REJECT_BUSY = bytes.fromhex("03 00 00000004 00 02 03 02")
REJECT_AWAY = bytes.fromhex("03 00 00000004 00 02 03 01")
RELEASE_REQUEST = bytes.fromhex("05 00 00000004 00000000")
RELEASE_RESPONSE = bytes.fromhex("06 00 00000004 00000000")


def abort(source: int, reason: int) -> bytes:
    """An A-ABORT PDU, for sending and for comparing."""
    return bytes((ABORT, 0, 0, 0, 0, 4, 0, 0, source, reason))


class Closed(Exception):
    """The other side closed the connection where a PDU was expected."""


class Ended(AssertionError):
    """The other side ended or rejected the association, with a PDU that says so, where another one was expected."""


# --- PDUs out ----------------------------------------------------------------------------------------------------


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """A PDU; `length` lies about the body's length."""
    return struct.pack(">BBL", kind, 0, len(body) if length is None else length) + body


def item(kind: int, body: bytes, length: int | None = None) -> bytes:
    """An item or sub-item of an association PDU."""
    return struct.pack(">BBH", kind, 0, len(body) if length is None else length) + body


def uid(value: str | bytes) -> bytes:
    return value.encode("ascii") if isinstance(value, str) else value


def title(value: str | bytes) -> bytes:
    return uid(value).ljust(16)[:16]


def context(context_id: int, abstract: str | bytes, transfers: Iterable[str | bytes]) -> bytes:
    """A proposed presentation context (20H)."""
    body = bytes((context_id, 0, 0, 0)) + item(0x30, uid(abstract))
    return item(0x20, body + b"".join(item(0x40, uid(one)) for one in transfers))


def role(sop_class: str, scu: bool, scp: bool) -> bytes:
    """An SCP/SCU role selection (54H)."""
    raw = uid(sop_class)
    return item(0x54, struct.pack(">H", len(raw)) + raw + bytes((scu, scp)))


def identity(kind: int, primary: bytes, secondary: bytes = b"", answer: bool = False) -> bytes:
    """A user identity (58H, PS3.7 D.3.3.7)."""
    body = bytes((kind, answer)) + struct.pack(">H", len(primary)) + primary
    return item(0x58, body + struct.pack(">H", len(secondary)) + secondary)


def user_items(max_length: int = 65536, extra: bytes = b"") -> bytes:
    body = item(0x51, struct.pack(">L", max_length))
    body += item(0x52, b"1.2.826.0.1.3680043.9.9999.1") + item(0x55, b"WIRE")
    return item(0x50, body + extra)


Proposal = dict[int, tuple[str, list[str]]]


def associate_rq(
    contexts: Proposal | bytes,
    *,
    called: str | bytes = "PACS",
    calling: str | bytes = "CT1",
    version: int = 1,
    application: str | bytes | None = APPLICATION_CONTEXT,
    user: bytes | None = None,
    max_length: int = 65536,
    extra: bytes = b"",
    tail: bytes = b"",
    length: int | None = None,
) -> bytes:
    """An A-ASSOCIATE-RQ. `extra` goes into the user information, `tail` behind all items."""
    body = struct.pack(">HH", version, 0) + title(called) + title(calling) + bytes(32)
    if application is not None:
        body += item(0x10, uid(application))
    if isinstance(contexts, bytes):
        body += contexts
    else:
        body += b"".join(context(key, *value) for key, value in contexts.items())
    body += user_items(max_length, extra) if user is None else user
    return pdu(ASSOCIATE_RQ, body + tail, length)


def pdv(context_id: int, control: int, body: bytes, length: int | None = None) -> bytes:
    """One presentation data value; `control` bit 0 is command, bit 1 is last."""
    return struct.pack(">LBB", len(body) + 2 if length is None else length, context_id, control) + body


def fragments(context_id: int, command: bool, body: bytes, limit: int) -> Iterator[bytes]:
    """P-DATA PDUs that carry a command or a data set, none longer than `limit` (0: one single PDU)."""
    room = (limit or len(body) + 6) - 6
    room -= room % 2
    kind = 1 if command else 0
    for start in range(0, max(len(body), 1), room):
        piece = body[start : start + room]
        last = start + room >= len(body)
        yield pdu(P_DATA, pdv(context_id, kind | (2 if last else 0), piece))


# --- command sets and data sets ----------------------------------------------------------------------------------

GROUP_LENGTH, SOP_CLASS, REQUESTED_SOP_CLASS, FIELD, MESSAGE_ID, ANSWERED_ID = (
    0x00000000,
    0x00000002,
    0x00000003,
    0x00000100,
    0x00000110,
    0x00000120,
)
DESTINATION, PRIORITY, DATA_SET_TYPE, STATUS, COMMENT = 0x00000600, 0x00000700, 0x00000800, 0x00000900, 0x00000902
SOP_INSTANCE, REQUESTED_SOP_INSTANCE, ACTION_TYPE = 0x00001000, 0x00001001, 0x00001008
_UIDS = {SOP_CLASS, REQUESTED_SOP_CLASS, SOP_INSTANCE, REQUESTED_SOP_INSTANCE}
NO_DATA_SET = 0x0101

C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO, C_CANCEL = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0FFF
N_EVENT, N_GET, N_SET, N_ACTION, N_CREATE, N_DELETE = 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    """An element in implicit VR little endian."""
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


_LONG = {"OB", "OW", "OD", "OF", "OL", "OV", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}


def explicit(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """An element in explicit VR little endian."""
    size = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode("ascii")
    return head + (struct.pack("<HL", 0, size) if vr in _LONG else struct.pack("<H", size)) + value


def text(value: str, pad: bytes = b" ") -> bytes:
    """A text value, padded to even length."""
    raw = value.encode("ascii")
    return raw + pad * (len(raw) % 2)


def ui(value: str) -> bytes:
    return text(value, b"\0")


def command(elements: dict[int, int | str | bytes], *, group_length: bool = True) -> bytes:
    """A command set: numbers become US, text a padded value of its kind; in ascending order."""
    body = b""
    for tag, value in sorted(elements.items()):
        if isinstance(value, int):
            raw = struct.pack("<H", value)
        elif isinstance(value, str):
            raw = ui(value) if tag in _UIDS else text(value)
        else:
            raw = value
        body += implicit(tag, raw)
    return implicit(GROUP_LENGTH, struct.pack("<L", len(body))) + body if group_length else body


def parse_command(raw: bytes) -> dict[int, bytes]:
    """A command set's elements, values as they came."""
    found, at = {}, 0
    while at < len(raw):
        group, element, length = struct.unpack_from("<HHL", raw, at)
        found[group << 16 | element] = raw[at + 8 : at + 8 + length]
        at += 8 + length
    assert at == len(raw), "command set ends inside an element"
    return found


def store_rq(sop_class: str, sop_instance: str, message_id: int = 1, **more: int | str) -> bytes:
    elements: dict[int, int | str | bytes] = {
        SOP_CLASS: sop_class,
        FIELD: C_STORE,
        MESSAGE_ID: message_id,
        PRIORITY: 0,
        DATA_SET_TYPE: 0,
        SOP_INSTANCE: sop_instance,
    }
    return command(elements | more)


def echo_rq(message_id: int = 1) -> bytes:
    return command({SOP_CLASS: VERIFICATION, FIELD: C_ECHO, MESSAGE_ID: message_id, DATA_SET_TYPE: NO_DATA_SET})


def query_rq(field: int, sop_class: str, message_id: int = 1, destination: str | None = None) -> bytes:
    elements: dict[int, int | str | bytes] = {
        SOP_CLASS: sop_class,
        FIELD: field,
        MESSAGE_ID: message_id,
        PRIORITY: 0,
        DATA_SET_TYPE: 0,
    }
    if destination is not None:
        elements[DESTINATION] = text(destination)
    return command(elements)


def image(
    sop_instance: str,
    *,
    sop_class: str = CT_IMAGE,
    patient: str = "P1",
    study: str = "1.2.826.0.1.3680043.9.9999.10",
    pixels: bytes = b"\1\0" * 8,
    modality: str = "CT",
    extra: bytes = b"",
) -> bytes:
    """A small image, explicit VR little endian; `extra` lies before the pixel data."""
    return b"".join(
        (
            explicit(0x00080016, "UI", ui(sop_class)),
            explicit(0x00080018, "UI", ui(sop_instance)),
            explicit(0x00080060, "CS", text(modality)),
            explicit(0x00100010, "PN", text("Test^Wire")),
            explicit(0x00100020, "LO", text(patient)),
            explicit(0x0020000D, "UI", ui(study)),
            explicit(0x0020000E, "UI", ui(study + ".1")),
            explicit(0x00200013, "IS", text("1")),
            extra,
            explicit(0x7FE00010, "OW", pixels),
        )
    )


# --- reading -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Accepted:
    """What an A-ASSOCIATE-AC says."""

    contexts: dict[int, tuple[int, str]]
    max_length: int
    items: dict[int, list[bytes]]


def items_of(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        kind, _, length = struct.unpack_from(">BBH", body, at)
        assert at + 4 + length <= len(body), "item longer than what holds it"
        yield kind, body[at + 4 : at + 4 + length]
        at += 4 + length


def values_of(body: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """The presentation data values of a P-DATA-TF: context, control header, and the fragment without a copy of it."""
    at = 0
    while at < len(body):
        length, context, control = struct.unpack_from(">LBB", body, at)
        assert at + 4 + length <= len(body), "value longer than what holds it"
        yield context, control, memoryview(body)[at + 6 : at + 4 + length]
        at += 4 + length


def parse_ac(body: bytes) -> Accepted:
    contexts, found, max_length = {}, {}, 0
    for kind, value in items_of(body[68:]):
        if kind == 0x21:
            syntaxes = [one for sub, one in items_of(value[4:]) if sub == 0x40]
            contexts[value[0]] = (value[2], syntaxes[0].rstrip(b"\0").decode() if syntaxes else "")
        elif kind == 0x50:
            for sub, one in items_of(value):
                found.setdefault(sub, []).append(one)
    if 0x51 in found:
        max_length = struct.unpack(">L", found[0x51][0])[0]
    return Accepted(contexts, max_length, found)


@dataclasses.dataclass
class Answer:
    """A DIMSE message as it came."""

    context: int
    command: dict[int, bytes]
    data_set: bytes | None

    def number(self, tag: int) -> int | None:
        raw = self.command.get(tag)
        return None if raw is None else int.from_bytes(raw, "little")

    @property
    def status(self) -> int | None:
        return self.number(STATUS)

    @property
    def comment(self) -> str:
        return self.command.get(COMMENT, b"").decode("ascii").rstrip(" \0")


def expect(wanted: int, kind: int, body: bytes) -> None:
    """A PDU of this type."""
    name = {ASSOCIATE_AC: "an A-ASSOCIATE-AC", P_DATA: "P-DATA", RELEASE_RP: "an A-RELEASE-RP"}[wanted]
    words = f"expected {name}, got {pdu(kind, body)[:32].hex()}"
    if kind != wanted and kind in (ABORT, ASSOCIATE_RJ):
        raise Ended(words)
    assert kind == wanted, words


class Wire:
    """A connection that speaks PDUs. The first PDU that is not expected is kept in the exception's text."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.accepted = Accepted({}, 0, {})
        self._buffer = bytearray()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Vanishes as a cut cable does: no A-ABORT, no close_notify, a TCP reset."""
        raw = self.sock
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(raw, ssl.SSLSocket):
            handle = raw.detach()
            socket.socket(fileno=handle).close()
        else:
            raw.close()

    def send(self, raw: bytes) -> None:
        self.sock.sendall(raw)

    def _fill(self, wanted: int) -> None:
        while len(self._buffer) < wanted:
            try:
                more = self.sock.recv(262144)
            except (ConnectionError, ssl.SSLError) as fault:
                raise Closed(str(fault)) from fault
            if not more:
                raise Closed(f"closed after {bytes(self._buffer)[:64].hex()}")
            self._buffer += more

    def receive(self) -> tuple[int, bytes]:
        """The next PDU: its type and body."""
        self._fill(6)
        kind, _, length = struct.unpack_from(">BBL", self._buffer)
        self._fill(6 + length)
        body = bytes(self._buffer[6 : 6 + length])
        del self._buffer[: 6 + length]
        return kind, body

    def receive_raw(self) -> bytes:
        """The next PDU with its header, for tests that state exact bytes."""
        kind, body = self.receive()
        return pdu(kind, body)

    def until_closed(self, enough: int = 1 << 30) -> bytes:
        """What still comes until the other side closes, or until it is enough."""
        raw = bytes(self._buffer)
        self._buffer.clear()
        while len(raw) < enough:
            try:
                more = self.sock.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return raw
            if not more:
                break
            raw += more
        return raw

    # --- an association ---

    def associate(self, contexts: Proposal, **how: object) -> Accepted:
        self.send(associate_rq(contexts, **how))  # type: ignore[arg-type]
        kind, body = self.receive()
        expect(ASSOCIATE_AC, kind, body)
        self.accepted = parse_ac(body)
        return self.accepted

    def context_for(self, sop_class: str, contexts: Proposal) -> int:
        return next(key for key, (name, _) in contexts.items() if name == sop_class and self.accepted.contexts[key][0] == 0)

    def message(self, context_id: int, command_set: bytes, data_set: bytes | None = None, limit: int | None = None) -> None:
        """Sends one DIMSE message in fragments that fit."""
        room = self.accepted.max_length if limit is None else limit
        room = min(room or 1 << 20, 1 << 20)
        out = bytearray()
        for piece in fragments(context_id, True, command_set, room):
            out += piece
        if data_set is not None:
            for piece in fragments(context_id, False, data_set, room):
                out += piece
                if len(out) > 1 << 20:
                    self.send(bytes(out))
                    out.clear()
        self.send(bytes(out))

    def answer(self) -> Answer:
        """The next DIMSE message. Fails on any PDU but P-DATA."""
        command_set, data_set = bytearray(), bytearray()
        got_command = got_data = False
        context_id = 0
        while True:
            kind, body = self.receive()
            expect(P_DATA, kind, body)
            for context_id, control, value in values_of(body):
                (command_set if control & 1 else data_set).extend(value)
                if control & 2:
                    got_command, got_data = got_command or bool(control & 1), got_data or not control & 1
            if got_command:
                parsed = parse_command(bytes(command_set))
                bare = parsed[DATA_SET_TYPE] == struct.pack("<H", NO_DATA_SET)
                if bare or got_data:
                    return Answer(context_id, parsed, None if bare else bytes(data_set))

    def ask(self, context_id: int, command_set: bytes, data_set: bytes | None = None) -> Answer:
        self.message(context_id, command_set, data_set)
        return self.answer()

    def echo(self, context_id: int = 1, message_id: int = 1) -> int | None:
        return self.ask(context_id, echo_rq(message_id)).status

    def store(self, context_id: int, sop_class: str, sop_instance: str, data_set: bytes, message_id: int = 1) -> Answer:
        return self.ask(context_id, store_rq(sop_class, sop_instance, message_id), data_set)

    def query(self, context_id: int, sop_class: str, identifier: bytes) -> tuple[list[bytes], Answer]:
        """C-FIND: the pending identifiers, and the final answer."""
        self.message(context_id, query_rq(C_FIND, sop_class), identifier)
        found = []
        while True:
            reply = self.answer()
            if reply.status not in (0xFF00, 0xFF01):
                return found, reply
            found.append(reply.data_set or b"")

    def release(self) -> None:
        self.send(RELEASE_REQUEST)
        kind, body = self.receive()
        expect(RELEASE_RP, kind, body)
        self.close()


def dial(address: tuple[str, int], *, source: str | None = None, timeout: float = 30) -> socket.socket:
    """A TCP connection, from a loopback address of one's choice."""
    bound = None if source is None else (source, 0)
    sock = socket.create_connection(address, timeout=timeout, source_address=bound)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def plain(address: tuple[str, int], **how: object) -> Wire:
    return Wire(dial(address, **how))  # type: ignore[arg-type]


def secure(
    address: tuple[str, int],
    context_: ssl.SSLContext,
    *,
    name: str = "localhost",
    session: ssl.SSLSession | None = None,
    before: bytes = b"",
    **how: object,
) -> Wire:
    """TLS with the certificates of `context_`; `before` goes ahead of the handshake (a PROXY header)."""
    sock = dial(address, **how)  # type: ignore[arg-type]
    try:
        if before:
            sock.sendall(before)
        return Wire(context_.wrap_socket(sock, server_hostname=name, session=session))
    except BaseException:
        sock.close()
        raise


def wait_for(condition, seconds: float = 20, what: str = "condition"):
    """Asks again and again until the answer is true; the answer is returned."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
