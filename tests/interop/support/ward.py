"""A gateway with archives behind it and workstations in front of it, each known to the other side through the gateway alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from support import gateway as under_test
from support.workstations import Delivery, Workstation

QUICK = {"move_pending": "1s", "delivery_wait": "5s", "grant_grace": "5s", "commit_retry": "1s"}


def policy(stations: Iterable[Workstation], archives: Sequence[str] = ("PACS",), rules: list[dict] | None = None) -> dict[str, object]:
    """Every workstation with its certificate and address; by default each moves to itself."""
    return {
        "peer": [
            under_test.peer(one.title, f"{one.title.lower()}.test", address=f"127.0.0.1:{one.secure_port}", groups=["workstation"])
            for one in stations
        ],
        "rule": rules if rules is not None else [moving("workstations move to themselves", ["group:workstation"], ["self"], archives)],
    }  # fmt: skip


def moving(name: str, who: list[str], destinations: list[str], archives: Sequence[str] = ("PACS",)) -> dict[str, object]:
    return under_test.rule(name, who, ["echo", "find", "move"], destinations=destinations) | {"to": list(archives)}


def by_instance(deliveries: Iterable[Delivery]) -> dict[str, bytes]:
    """Data sets by instance; an instance that came twice is a fault."""
    found: dict[str, bytes] = {}
    for one in deliveries:
        assert one.sop_instance not in found, f"{one.sop_instance} came twice"
        found[one.sop_instance] = one.data_set
    return found
