"""An archive that answers C-MOVE byte by byte, with the habits of real ones and of forgers; and moves asked for byte by byte.

What it delivers, it delivers to the gateway's inside listener, under the title that it was told.
"""

from __future__ import annotations

import contextlib
import dataclasses
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from support import wire
from support.forward import Forward
from support.peers import Scripted
from support.studies import Image
from support.workstations import Counted, Delivery, Moved, Wanted, Workstation

ORIGINATOR, ORIGINATOR_MESSAGE = 0x00001030, 0x00001031
REMAINING, COMPLETED, FAILED, WARNING = 0x00001020, 0x00001021, 0x00001022, 0x00001023
FAILED_LIST = 0x00080058
PENDING = (0xFF00, 0xFF01)


@dataclasses.dataclass
class Asked:
    """A C-MOVE as the archive saw it."""

    calling: str
    message: int
    destination: str
    identifier: dict[int, bytes]

    def text(self, tag: int) -> list[str]:
        raw = self.identifier.get(tag, b"").decode("ascii").strip(" \0")
        return raw.split("\\") if raw else []

    def wants(self, image: Image) -> bool:
        pairs = ((0x0020000D, image.study), (0x0020000E, image.series), (0x00080018, image.sop_instance))
        return all(not self.text(tag) or value in self.text(tag) for tag, value in pairs)


@dataclasses.dataclass
class Outcome:
    """What became of one delivery; no status: the association was refused or lost."""

    sop_instance: str
    status: int | None
    comment: str = ""


@dataclasses.dataclass
class Habits:
    """How this archive behaves. What is left alone is what a good one does."""

    associations: int = 1
    """Parallel associations of one move."""
    originator: Callable[[Asked], tuple[str, int] | None] = lambda asked: (asked.calling, asked.message)
    """What deliveries name as originator; None: nothing."""
    more: Sequence[Image] = ()
    """Delivered beside what was asked for."""
    before: Callable[[Asked], None] | None = None
    """Called when a move was asked for, before anything is delivered."""
    between: Callable[[int], None] | None = None
    """Called before each delivery with its number, from 0."""
    strict: bool = False
    """A warning of the destination counts as a failure."""
    late: bool = False
    """The final response goes first, deliveries follow."""
    claims: Callable[[int, int], tuple[int, int, int]] | None = None
    """What it says as (status, completed, failed), given what was delivered and what failed."""
    calls_as: str = ""
    """The calling title of its deliveries, if it is not its own."""


class Mover(Scripted):
    """Knows some images, and delivers those that a C-MOVE asks for. `asked` and `outcomes` are what happened."""

    def __init__(self, inside: int, images: Sequence[Image], *, title: str = "PACS", habits: Habits | None = None) -> None:
        self.inside, self.images, self.title = inside, list(images), title
        self.habits = habits or Habits()
        self.asked: list[Asked] = []
        self.outcomes: list[Outcome] = []
        self._callers: dict[int, str] = {}
        self._live: set[wire.Wire] = set()
        super().__init__(on_request=self._accepted, on_message=self._moved)

    def _accepted(self, _own: Scripted, connection: wire.Wire, body: bytes) -> None:
        self._callers[id(connection)] = body[20:36].decode("ascii").strip()
        self._live.add(connection)
        self.accept(connection, body)

    def die(self) -> None:
        """As a machine that loses its power: nothing listens, every connection is cut."""
        self.stop()
        for connection in list(self._live):
            connection.reset()

    def _moved(self, _own: Scripted, connection: wire.Wire, context: int, asked: dict[int, bytes], data: bytes | None) -> bool:
        if int.from_bytes(asked[wire.FIELD], "little") != wire.C_MOVE:
            return False
        move = Asked(
            self._callers[id(connection)],
            int.from_bytes(asked[wire.MESSAGE_ID], "little"),
            asked[wire.DESTINATION].decode("ascii").strip(" \0"),
            wire.parse_command(data or b""),
        )
        self.asked.append(move)
        if self.habits.before is not None:
            self.habits.before(move)
        wanted = [image for image in self.images if move.wants(image)]
        sent = [*wanted, *self.habits.more]
        if self.habits.late:
            self._final(connection, context, asked, len(wanted), [])
            threading.Thread(target=self._deliver_all, args=(move, sent), daemon=True).start()
            return True
        outcomes = self._deliver_all(move, sent)
        warned = [one for one in outcomes if (one.status or 0) & 0xF000 == 0xB000 and not self.habits.strict]
        failed = [one for one in outcomes if one.status != 0 and one not in warned]
        self._final(connection, context, asked, len(outcomes) - len(failed) - len(warned), failed, len(warned))
        return True

    def _final(
        self, connection: wire.Wire, context: int, asked: dict[int, bytes], done: int, failed: list[Outcome], warned: int = 0
    ) -> None:
        status = 0 if not failed and not warned else 0xB000 if done or warned else 0xA702
        completed, failures = done, len(failed)
        if self.habits.claims is not None:
            status, completed, failures = self.habits.claims(done, len(failed))
        listed = wire.implicit(FAILED_LIST, wire.ui("\\".join(one.sop_instance for one in failed))) if failures and failed else None
        elements: dict[int, int | str | bytes] = {
            wire.SOP_CLASS: asked[wire.SOP_CLASS], wire.FIELD: wire.C_MOVE | 0x8000, wire.ANSWERED_ID: asked[wire.MESSAGE_ID],
            wire.DATA_SET_TYPE: wire.NO_DATA_SET if listed is None else 0, wire.STATUS: status,
            COMPLETED: completed, FAILED: failures, WARNING: warned,
        }  # fmt: skip
        connection.message(context, wire.command(elements), listed, limit=16384)

    def _deliver_all(self, move: Asked, images: list[Image]) -> list[Outcome]:
        originator = self.habits.originator(move)
        found: list[Outcome] = []
        shares = [images[start :: self.habits.associations] for start in range(self.habits.associations)]
        workers = [
            threading.Thread(target=lambda share=share: found.extend(self.deliver(move.destination, share, originator=originator)))
            for share in shares
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return found

    def deliver(
        self, called: str, images: Sequence[Image], *, originator: tuple[str, int] | None = None, inside: int | None = None
    ) -> list[Outcome]:
        """Stores images at the inside listener, on one association; what became of each."""
        found = self._deliver(called, list(images), originator, self.inside if inside is None else inside)
        self.outcomes += found
        return found

    def _deliver(self, called: str, images: list[Image], originator: tuple[str, int] | None, port: int) -> list[Outcome]:
        contexts: dict[tuple[str, str], int] = {}
        for image in images:
            contexts.setdefault((image.sop_class, image.transfer_syntax), 2 * len(contexts) + 1)
        found: list[Outcome] = []
        more: dict[int, int | str] = {} if originator is None else {ORIGINATOR: originator[0], ORIGINATOR_MESSAGE: originator[1]}
        try:
            with wire.plain(("127.0.0.1", port), timeout=60) as connection:
                self._live.add(connection)
                proposal = {number: (name, [syntax]) for (name, syntax), number in contexts.items()}
                connection.associate(proposal, called=called, calling=self.habits.calls_as or self.title)
                for number, image in enumerate(images, 1):
                    if self.habits.between is not None:
                        self.habits.between(number - 1)
                    context = contexts[image.sop_class, image.transfer_syntax]
                    if connection.accepted.contexts[context][0]:
                        found.append(Outcome(image.sop_instance, None, "context refused"))
                        continue
                    raw = wire.command(store_with(image, number, more))
                    answer = connection.ask(context, raw, image.data_set)
                    found.append(Outcome(image.sop_instance, answer.status, answer.comment))
                connection.release()
        except (AssertionError, OSError, wire.Closed) as fault:
            found += [Outcome(image.sop_instance, None, str(fault)) for image in images[len(found) :]]
        return found


class Stored(Protocol):
    """What of an object a C-STORE-RQ names."""

    sop_class: str
    sop_instance: str


def store_with(image: Stored, number: int, more: dict[int, int | str]) -> dict[int, int | str | bytes]:
    return {
        wire.SOP_CLASS: image.sop_class, wire.FIELD: wire.C_STORE, wire.MESSAGE_ID: number, wire.PRIORITY: 0,
        wire.DATA_SET_TYPE: 0, wire.SOP_INSTANCE: image.sop_instance,
    } | more  # fmt: skip


# --- the other ends ----------------------------------------------------------------------------------------------

MOVE: wire.Proposal = {1: (wire.STUDY_MOVE, [wire.IMPLICIT])}


def ask(connection: wire.Wire, wanted: Wanted, destination: str, *, message_id: int = 1, context: int = 1) -> None:
    """Sends a C-MOVE over an open association."""
    tags = {0x0020000D: wanted.study, 0x0020000E: wanted.series, 0x00080018: wanted.image}
    keys = {tag: wire.ui(value) for tag, value in tags.items() if value} | {0x00080052: wire.text(wanted.level)}
    identifier = b"".join(wire.implicit(tag, value) for tag, value in sorted(keys.items()))
    connection.message(context, wire.query_rq(wire.C_MOVE, wire.STUDY_MOVE, message_id, destination), identifier)


def hear(connection: wire.Wire, message_id: int | None = None) -> Moved:
    """Every response up to the final one, or up to where the association breaks off."""
    answers: list[Counted] = []
    while True:
        try:
            answer = connection.answer()
        except (AssertionError, wire.Closed, OSError) as fault:
            return Moved(answers, str(fault) or "lost")
        listed = b"" if answer.data_set is None else wire.parse_command(answer.data_set).get(FAILED_LIST, b"")
        failures = tuple(one for one in listed.decode("ascii").strip(" \0").split("\\") if one)
        answers.append(
            Counted(
                answer.status or 0, answer.number(REMAINING), answer.number(COMPLETED), answer.number(FAILED), answer.number(WARNING),
                failures, answer.comment,
            )
        )  # fmt: skip
        assert answer.number(wire.FIELD) == wire.C_MOVE | 0x8000
        assert answer.number(wire.ANSWERED_ID) == message_id or message_id is None, "a response to another message"
        if answer.status not in PENDING:
            return Moved(answers)


class Receiver(Workstation):
    """Receives byte by byte over TLS, and keeps what every association brought; it asks for moves over a connection of its own."""

    def __init__(self, *where: object, on_message=None, on_data=None, on_request=None) -> None:
        super().__init__(*where)  # type: ignore[arg-type]
        self.inner = Scripted(on_message=on_message, on_data=on_data, on_request=on_request, port=self.plain_port)
        self.front = Forward(self.inner.port, accept=self.authority.server(self.certificate), port=self.secure_port)
        self._taken = 0

    def take(self) -> list[Delivery]:
        """What was stored, since the last call. Whole associations only: call it when nothing is under way."""
        found: list[Delivery] = []
        for seen in list(self.inner.seen):
            called, calling = (seen.request[at : at + 16].decode("ascii", "replace").strip() for at in (4, 20))
            said = zip(seen.commands, seen.syntaxes, strict=False)
            stores = [one for one in said if one[0][wire.FIELD] == struct.pack("<H", wire.C_STORE)]
            for (command, syntax), data in zip(stores, seen.completed, strict=False):
                message = command.get(ORIGINATOR_MESSAGE)
                found.append(
                    Delivery(
                        command[wire.SOP_CLASS].decode().rstrip("\0"), command[wire.SOP_INSTANCE].decode().rstrip("\0"), data, syntax,
                        command[ORIGINATOR].decode().strip() if ORIGINATOR in command else None,
                        int.from_bytes(message, "little") if message is not None else None, calling, called,
                    )
                )  # fmt: skip
        fresh = found[self._taken :]
        self._taken = len(found)
        return fresh

    def move(self, port: int, wanted: Wanted, destination: str, *, called: str, secure: bool = True, message_id: int = 1) -> Moved:
        address = ("127.0.0.1", port)
        call = (lambda: wire.secure(address, self.authority.client(self.certificate), timeout=120)) if secure else (lambda: wire.plain(address))
        with call() as connection:
            connection.associate(MOVE, called=called, calling=self.title)
            ask(connection, wanted, destination, message_id=message_id)
            moved = hear(connection, message_id)
            if moved.final is not None:
                with contextlib.suppress(AssertionError, OSError, wire.Closed):  # what ends now ends as it likes: the answer is there
                    connection.release()
            return moved

    def die(self) -> None:
        """As a machine that loses its power."""
        self.inner.stop()
        self.front.stop()

    def stop(self) -> None:
        self.die()
