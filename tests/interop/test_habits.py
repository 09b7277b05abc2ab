"""Archives with habits: the probe says what works with them, or that nothing does (`It must show` 4)."""

from __future__ import annotations

import json

import pytest

from support import habits, vault

PROBE = ("vault", "probe", "PACS", "--age", "0", "--largest", "1048576", "--format", "json")


def site(house, **habit: object):
    archive = house.keep(habits.Habits(**habit))  # type: ignore[arg-type]
    gateway = house.gateway(
        archive.port, start=False, policy=vault.policy(), archive_settings=vault.ALWAYS, vault=vault.settings(house.folder / "vault")
    )  # fmt: skip
    gateway.run("vault", "new-key")
    return gateway, archive


def probe(gateway) -> dict:
    done = gateway.run(*PROBE, ok=False)
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    assert (done.returncode == 0) == answer["works"], (done.returncode, answer["works"])
    return answer


def fates(answer: dict, carrier: str) -> list[object]:
    trials = [one for one in answer["result"]["trials"] if one["carrier"] == carrier and one["get"] != "nottaken"]
    assert len(trials) > 20, trials
    return [one["get"] for one in trials]


def kinds(found: list[object]) -> set[str]:
    return {one if isinstance(one, str) else next(iter(one)) for one in found}


def test_one_without_habits_proves_both_carriers(house):
    gateway, _ = site(house)
    answer = probe(gateway)
    assert kinds(fates(answer, "pixels")) == {"whole"} and kinds(fates(answer, "attributes")) == {"whole"}
    result = answer["result"]
    assert (result["repeats"], result["mints"], result["coerces"], result["reads_back"]) == ("replaced", False, [], True)
    assert result["largest"] > 1048576
    text = gateway.run("vault", "probe", "PACS", "--age", "0", "--largest", "0").stdout
    for line in ('carrier = "pixels"', 'verify_after_store = "all"', "DICOMGATE^PROBE"):
        assert line in text, text


def test_one_that_drops_group_0400_leaves_the_pixels(house):
    gateway, _ = site(house, change=habits.drop_group_0400)
    answer = probe(gateway)
    assert kinds(fates(answer, "pixels")) == {"whole"}
    assert kinds(fates(answer, "attributes")) == {"dropped"}


def test_one_that_recompresses_losslessly_is_told_apart(house):
    gateway, _ = site(house, recompress=True)
    found = kinds(fates(probe(gateway), "pixels"))
    assert found <= {"whole", "recompressed"} and "recompressed" in found, found


def test_with_one_that_loses_pixels_nothing_works(house):
    gateway, _ = site(house, change=habits.lose)
    answer = probe(gateway)
    assert kinds(fates(answer, "pixels")) == {"lossy"}
    text = gateway.run("vault", "probe", "PACS", "--age", "0", "--largest", "0", ok=False).stdout
    assert "compressed with loss" in text, text


@pytest.mark.parametrize(("change", "named"), [(habits.coerce, "PatientName"), (habits.merge, "StudyInstanceUID")], ids=["coerces", "merges"])
def test_daily_corrections_do_not_make_anything_unopenable(house, change, named):
    gateway, _ = site(house, change=change)
    answer = probe(gateway)
    assert answer["works"] and kinds(fates(answer, "pixels")) == {"whole"}
    assert named in answer["result"]["coerces"], answer["result"]["coerces"]


def test_one_that_mints_instances_is_found_out(house):
    gateway, _ = site(house, change=habits.mint)
    answer = probe(gateway)
    assert answer["works"] and answer["result"]["mints"]
    text = gateway.run("vault", "probe", "PACS", "--age", "0", "--largest", "0").stdout
    assert 'rewrites = ["sop"]' in text, text


@pytest.mark.parametrize(
    ("repeat", "found", "warned"),
    [(habits.refuse, "refused", True), (habits.compare, "compared", True), (habits.keep, "kept", False)],
    ids=["refuses", "compares", "keeps"],
)
def test_what_it_does_with_repeats_is_found_out(house, repeat, found, warned):
    gateway, _ = site(house, repeat=repeat)
    answer = probe(gateway)
    assert answer["works"] and answer["result"]["repeats"] == found
    text = gateway.run("vault", "probe", "PACS", "--age", "0", "--largest", "0").stdout
    assert ("an image that is sent again" in text) == warned, text
    # And what it holds already is left alone.
    refused = gateway.run("vault", "seal-archive", "PACS", ok=False)
    assert refused.returncode == 1 and "nothing is sealed in archive `PACS`" in refused.stderr, refused.stderr


def test_with_one_that_forgets_nothing_works(house):
    gateway, _ = site(house, forget=True)
    answer = probe(gateway)
    assert not answer["works"] and not answer["result"]["reads_back"]
    assert kinds(fates(answer, "pixels")) == {"missing"}
