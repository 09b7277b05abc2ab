"""Sends samples as they are, and says for each what became of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from support import wire
from support.corpus import Sample


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a sender learnt: the context's result, a status, or that the association ended without an answer."""

    context: int = 0
    status: int | None = None
    comment: str = ""
    abort: bytes = b""

    @property
    def stored(self) -> bool:
        return self.context == 0 and self.status == 0

    @property
    def answered(self) -> bool:
        """The same for peers that give up differently: aborts and closed connections are one."""
        return self.context != 0 or self.status is not None


def batches(samples: Iterable[Sample]) -> list[list[Sample]]:
    """The samples in groups without two of one instance, so that no archive overwrites one by another."""
    groups: list[dict[str, Sample]] = []
    for sample in samples:
        group = next((one for one in groups if sample.sop_instance not in one), None)
        if group is None:
            group = {}
            groups.append(group)
        group[sample.sop_instance] = sample
    return [list(group.values()) for group in groups]


def store(connection: wire.Wire, context: int, sample: Sample, message_id: int) -> Outcome:
    try:
        answer = connection.store(context, sample.sop_class, sample.sop_instance, sample.data_set, message_id)
    except wire.Closed:
        return Outcome()
    except TimeoutError:
        return Outcome()
    except (BrokenPipeError, ConnectionResetError):
        return Outcome()
    except AssertionError as fault:
        text = str(fault)
        return Outcome(abort=bytes.fromhex(text.rsplit(" ", 1)[-1]) if "expected P-DATA" in text else b"")
    return Outcome(status=answer.status, comment=answer.comment)


def send(
    connect: Callable[[], wire.Wire], samples: Sequence[Sample], *, called: str = "PACS", calling: str = "CT1"
) -> dict[str, Outcome]:
    """Stores each sample, over as few associations as the peer allows; the outcome by the sample's name."""
    contexts: dict[tuple[str, str], int] = {}
    for sample in samples:
        contexts.setdefault((sample.sop_class, sample.transfer_syntax), 2 * len(contexts) + 1)
    assert len(contexts) <= 128, "more contexts than one association holds"
    proposal = {number: (sop_class, [syntax]) for (sop_class, syntax), number in contexts.items()}
    found: dict[str, Outcome] = {}
    connection: wire.Wire | None = None
    for number, sample in enumerate(samples):
        if connection is None:
            connection = connect()
            connection.associate(proposal, called=called, calling=calling)
        context = contexts[sample.sop_class, sample.transfer_syntax]
        result = connection.accepted.contexts[context][0]
        if result:
            found[sample.name] = Outcome(context=result)
            continue
        found[sample.name] = store(connection, context, sample, number % 60000 + 1)
        if not found[sample.name].answered:
            connection.close()
            connection = None
    if connection is not None:
        connection.release()
    return found
