"""Sealed into archives of three makers, and opened again (`It must show` 1)."""

from __future__ import annotations

import pytest

from support import corpus, sealed, sender, vault, wire

SAMPLES = [one for one in corpus.samples() if sealed.parents(one)[0]]
MAKERS = ("ORTHANC", "DCMQR", "PYNET")


def build(house, maker: str):
    """An archive of a maker; dcmqrscp takes compressed objects only if it is told to."""
    if maker == "DCMQR":
        return house.dcmqrscp(accepts=[(one.sop_class, one.transfer_syntax) for one in corpus.samples()], title="PACS")
    if maker == "ORTHANC":
        return house.orthanc()
    from support import archives

    return house.keep(archives.Qrscp(house.folder / f"pynet{len(house._built)}", {}, "PACS")).start()


@pytest.fixture(scope="module", params=[(maker, carrier) for maker in MAKERS for carrier in ("pixels", "attributes")], ids="-".join)
def site(request, shared_house):
    maker, carrier = request.param
    plain, archive = build(shared_house, maker), build(shared_house, maker)
    gateway = shared_house.gateway(
        archive.port,
        start=False,
        policy=vault.policy(),
        archive_settings=vault.ALWAYS | {"carrier": carrier},
        vault=vault.settings(shared_house.folder / f"vault-{maker}-{carrier}"),
    )
    gateway.said = vault.prove(gateway)
    gateway.direct, gateway.archive, gateway.maker = plain, archive, maker
    return gateway


def test_the_corpus_comes_back_as_the_archive_would_have_given_it(site, ct1, ws1):
    """Every object of the corpus, each sent twice: what the archive hands out unsealed is what comes back."""
    compared = 0
    for batch in sender.batches(SAMPLES):
        straight = sender.send(lambda: wire.plain(("127.0.0.1", site.direct.port), timeout=20), batch)
        held = [one for one in batch if straight[one.name].stored]
        wanted = sealed.fetch(lambda: wire.plain(("127.0.0.1", site.direct.port), timeout=20), held, called="PACS", calling="WS1")
        for _ in range(2):
            through = sender.send(lambda: site.call(ct1, timeout=20), held)
            refused = {name: outcome for name, outcome in through.items() if not outcome.stored}
            assert not refused, refused
        got = sealed.fetch(lambda: site.call(ws1, timeout=20), held, called="PACS", calling="WS1")
        for one in held:
            if wanted[one.name] is None:
                continue
            assert got[one.name] is not None, f"{one.name} did not come back"
            assert sealed.same(got[one.name], wanted[one.name]) == "", one.name
            compared += 1
    assert compared > 150
