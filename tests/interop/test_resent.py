"""Objects sent again to archives of three makers, where `resend = "compare"`: not stored twice, and never lost."""

from __future__ import annotations

import pytest

from support import corpus, sealed, sender, vault, wire
from test_vault import MAKERS, build

# Some of the corpus share an instance with another, in another transfer syntax.
DISTINCT = list({one.sop_instance: one for one in corpus.samples() if sealed.parents(one)[0]}.values())


def stores(gateway) -> list[dict]:
    return [one for one in gateway.records() if one["event"] == "operation" and one.get("operation") == "store"]


@pytest.fixture(scope="module", params=[(maker, carrier) for maker in MAKERS for carrier in ("pixels", "attributes")], ids="-".join)
def site(request, shared_house):
    maker, carrier = request.param
    archive = build(shared_house, maker)
    gateway = shared_house.gateway(
        archive.port,
        start=False,
        policy=vault.policy(),
        archive_settings=vault.ALWAYS | {"carrier": carrier, "resend": "compare"},
        vault=vault.settings(shared_house.folder / f"resent-{maker}-{carrier}"),
    )
    vault.prove(gateway)
    gateway.maker = maker
    return gateway


def test_what_is_sent_again_is_not_stored_again(site, ct1, ws1, full):
    """Each is told success twice, is stored once, and comes back as it was."""
    samples = DISTINCT if full else DISTINCT[::8]
    same = stored = 0
    for batch in sender.batches(samples):
        first = sender.send(lambda: site.call(ct1, timeout=20), batch)
        held = [one for one in batch if first[one.name].stored]
        before = len(stores(site))
        again = sender.send(lambda: site.call(ct1, timeout=20), held)
        assert all(outcome.stored for outcome in again.values()), again
        records = stores(site)[before:]
        assert len(records) == len(held)
        # Of some nothing is sealed, and they are stored as they always are.
        stored += sum(1 for one in records if one.get("sealed"))
        same += sum(1 for one in records if one.get("same"))
        got = sealed.fetch(lambda: site.call(ws1, timeout=20), held, called="PACS", calling="WS1")
        missing = [one.name for one in held if got[one.name] is None]
        assert not missing, missing
    assert stored > len(samples) // 3
    # Archives write some objects anew; those are stored again, which is right, and few.
    assert same >= stored * 9 // 10, (same, stored)
