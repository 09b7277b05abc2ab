"""What the gateway said about a refusal: on the wire, in the records, in words."""

from __future__ import annotations

import re

from support import wire
from support.gateway import Gateway

INCIDENT = re.compile(r"^denied, incident ([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})$")
NOT_AUTHORISED = 0x0124


def last_refusal(gateway: Gateway, **expected: object) -> dict:
    """The newest record of a refusal; every given field must be as expected."""

    def found() -> dict | None:
        refusals = [record for record in gateway.records() if record.get("incident")]
        return refusals[-1] if refusals and all(refusals[-1].get(key) == value for key, value in expected.items()) else None

    try:
        return wire.wait_for(found, 5, f"a record with {expected}")
    except AssertionError:
        raise AssertionError(f"no record with {expected}; the last are {gateway.records()[-3:]}") from None


def explained(gateway: Gateway, incident: str, *words: str) -> str:
    """What `why` says of an incident; every word must be in it."""
    said = gateway.why(incident)
    for word in words:
        assert word.lower() in said.lower(), f"`why {incident}` does not say `{word}`:\n{said}"
    return said


def denied(gateway: Gateway, answer: wire.Answer, *words: str, **expected: object) -> dict:
    """An answer that denies an operation: its bytes, its record, its explanation."""
    assert answer.status == NOT_AUTHORISED, f"status {answer.status:04X} {answer.comment}"
    found = INCIDENT.match(answer.comment)
    assert found, f"comment `{answer.comment}`"
    assert answer.data_set is None
    record = last_refusal(gateway, incident=found[1], **expected)
    explained(gateway, found[1], *words)
    return record
