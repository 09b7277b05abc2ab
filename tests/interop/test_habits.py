"""Archives with habits: the probe says what works with them, or that nothing does; what would be lost is not sealed, and daily
corrections make nothing unopenable (`It must show` 4)."""

from __future__ import annotations

import json

import pytest
from pydicom.uid import JPEGLSLossless, RLELossless
from pynetdicom import _config

from support import habits, sealed, vault, wire
from support.slices import CT, PIXELS, STUDY, get, image, store

ENHANCED, ULTRASOUND = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.6.1"
COLOUR, ECG, PDF = "1.2.840.10008.5.1.4.1.1.7.4", "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.840.10008.5.1.4.1.1.104.1"
FEW = (CT, ENHANCED, ULTRASOUND, COLOUR, ECG, PDF)
"""Grey and colour, frames and none, pixels and none: what a habit does it does to each family."""
LOSSLESS = [RLELossless, JPEGLSLossless]
PROBE = ("vault", "probe", "PACS", "--age", "0", "--largest", "1048576")


class Site:
    """A gateway that seals, in front of an archive with a habit."""

    def __init__(self, house, *, classes=FEW, archive_settings=None, more=None, **habit: object) -> None:
        self.archive = house.keep(habits.Habits(classes=classes, **habit))  # type: ignore[arg-type]
        self.gateway = house.gateway(
            self.archive.port, start=False, policy=vault.policy(),
            archive_settings=vault.ALWAYS | (archive_settings or {}), vault=vault.settings(house.folder / "vault", **(more or {})),
        )  # fmt: skip
        self.gateway.run("vault", "new-key")

    def probe(self) -> tuple[dict, str]:
        """What it found, and what it says to people."""
        done = self.gateway.run(*PROBE, ok=False, seconds=300)
        assert done.returncode in (0, 1), done.stderr
        found = json.loads((self.gateway.folder / "state" / "vault" / "probe-PACS.json").read_text())["result"]
        return found | {"works": done.returncode == 0}, done.stdout


@pytest.fixture
def site(house, full, monkeypatch):
    """Builds one; with all classes in the full run."""
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", full)
    return lambda **how: Site(house, classes=None if full else FEW, **how)


def fates(found: dict, carrier: str) -> set[str]:
    trials = [one["get"] for one in found["trials"] if one["carrier"] == carrier and one["get"] != "nottaken"]
    assert len(trials) > 5, trials
    return {one if isinstance(one, str) else next(iter(one)) for one in trials}


def test_one_without_habits_proves_both_carriers(site):
    found, said = site().probe()
    assert fates(found, "pixels") == {"whole"} and fates(found, "attributes") == {"whole"}
    assert (found["repeats"], found["mints"], found["coerces"], found["reads_back"]) == ("replaced", False, [], True)
    assert found["works"] and found["largest"] > 1048576
    for line in ('carrier = "pixels"', 'verify_after_store = "all"', "DICOMGATE^PROBE"):
        assert line in said, said


def test_one_that_drops_group_0400_leaves_the_pixels(site):
    found, _ = site(change=habits.drop_group_0400).probe()
    assert fates(found, "pixels") == {"whole"}
    assert fates(found, "attributes") == {"dropped"}


@pytest.mark.parametrize("syntax", LOSSLESS, ids=["RLE", "JPEG-LS"])
def test_one_that_recompresses_losslessly_is_told_apart(site, syntax):
    found, _ = site(recompress=syntax).probe()
    pixels = fates(found, "pixels")
    assert pixels <= {"whole", "recompressed"} and "recompressed" in pixels, pixels


@pytest.mark.parametrize("syntax", LOSSLESS, ids=["RLE", "JPEG-LS"])
def test_what_one_has_recompressed_is_read_back_and_sealed_in_its_place(site, ct1, ws1, syntax):
    """It gives nothing out but what it has compressed: that is asked for, decoded and opened before a sender is told."""
    here = site(recompress=syntax, archive_settings={"verify_after_store": "all"})
    found, said = here.probe()
    assert found["reads_back"] and found["repeats"] == "replaced", said
    old, original = image(7)
    data = sealed.read(original, wire.EXPLICIT)
    here.archive.put(data, wire.EXPLICIT)
    done = here.gateway.run("vault", "seal-archive", "PACS", "--rate", "1000000", "--format", "json", seconds=120)
    assert here.archive.held[old].syntax == syntax and json.loads(done.stdout)["sealed"] == 1, done.stdout
    here.gateway.start()
    new, raw = image(1)
    assert store(here.gateway, ct1, new, raw).status == 0
    assert here.archive.held[new].syntax == syntax
    for instance in (old, new):
        got = get(here.gateway, ws1, instance)
        assert sealed.read(got.objects[0].data_set, wire.EXPLICIT).PixelData == PIXELS, got
    assert not [one for one in here.gateway.records() if one["event"] == "vault-alert"]


def test_with_one_that_loses_pixels_nothing_is_sealed(site, ct1):
    """What the probe says holds for a gateway that runs: what policy seals is refused, and `check` says so."""
    here = site(change=habits.lose)
    found, said = here.probe()
    assert fates(found, "pixels") == {"lossy"}
    assert "compressed with loss" in said, said
    here.gateway.start()
    refused(here, ct1)
    checked = here.gateway.run("check", ok=False)
    assert "not everything comes back from archive `PACS`" in checked.stdout + checked.stderr
    # Nor is what it holds.
    done = here.gateway.run("vault", "seal-archive", "PACS", "--rate", "100000", ok=False)
    assert done.returncode == 1, done.stdout


def test_without_a_result_nothing_is_sealed(site, ct1):
    here = site()
    here.gateway.start()
    refused(here, ct1)
    checked = here.gateway.run("check", ok=False)
    assert "before a probe has proven that it comes back" in checked.stdout + checked.stderr


def test_without_a_result_it_passes_in_clear_where_that_is_said(site, ct1):
    here = site(more={"unproven": "pass"})
    here.gateway.start()
    instance, raw = image(1)
    assert store(here.gateway, ct1, instance, raw).status == 0
    assert here.archive.held[instance].data.PixelData == PIXELS
    (record,) = [one for one in here.gateway.records() if one.get("operation") == "store"]
    assert (record["sealed"], record["in_clear"]) == (False, "unproven"), record
    checked = here.gateway.run("check", ok=False)
    assert "is stored in clear" in checked.stdout + checked.stderr


@pytest.mark.parametrize(("change", "named"), [(habits.coerce, "PatientName"), (habits.merge, "StudyInstanceUID")], ids=["coerces", "merges"])
def test_what_it_corrects_as_it_stores_is_named(site, change, named):
    found, _ = site(change=change).probe()
    assert found["works"] and fates(found, "pixels") == {"whole"}
    assert named in found["coerces"], found["coerces"]


@pytest.mark.parametrize(
    ("repeat", "named", "warned"),
    [(habits.refuse, "refused", True), (habits.compare, "compared", True), (habits.keep, "kept", False)],
    ids=["refuses", "compares", "keeps"],
)
def test_what_it_does_with_repeats_is_found_out(site, repeat, named, warned):
    here = site(repeat=repeat)
    found, said = here.probe()
    assert found["works"] and found["repeats"] == named
    assert ("an image that is sent again" in said) == warned, said
    # And what it holds already is left alone.
    done = here.gateway.run("vault", "seal-archive", "PACS", ok=False)
    assert done.returncode == 1 and "nothing is sealed in archive `PACS`" in done.stderr, done.stderr


@pytest.mark.parametrize("habit", [{"closes_after": 1}, {"closes_after": 3}, {"single": True}], ids=["each", "third", "single"])
def test_how_it_keeps_its_associations_says_nothing_about_what_it_keeps(site, habit):
    found, said = site(**habit).probe()
    assert found["works"] and fates(found, "pixels") == fates(found, "attributes") == {"whole"}, said
    assert found["repeats"] == "replaced"


def test_one_that_indexes_late_is_waited_for(site, ct1):
    here = site(late=1, archive_settings={"verify_after_store": "all"})
    found, said = here.probe()
    assert found["works"] and "after" in found["late"], found
    assert 'verify_after_store = "all"' in said and "after it has acknowledged it" in said, said
    here.gateway.start()
    instance, raw = image(1)
    assert store(here.gateway, ct1, instance, raw).status == 0
    assert not [one for one in here.gateway.records() if one["event"] == "vault-alert"]


def test_where_nothing_is_found_again_it_is_not_advised(site):
    here = site(change=habits.merge, archive_settings={"verify_after_store": "all"})
    _, said = here.probe()
    assert 'verify_after_store = "none"' in said and "no store can be read back" in said, said
    checked = here.gateway.run("check", ok=False)
    assert "cannot be read back as it was stored" in checked.stdout + checked.stderr


def test_with_one_that_forgets_nothing_works(site):
    found, _ = site(forget=True).probe()
    assert not found["works"] and not found["reads_back"]
    assert fates(found, "pixels") == {"missing"}


# --- through a gateway that runs --------------------------------------------------------------------------------

def refused(here: Site, certificate) -> None:
    """Policy seals it, and it cannot be: the device is told, and nothing of it is kept in clear."""
    instance, raw = image(1)
    said = store(here.gateway, certificate, instance, raw)
    assert said.status not in (0, None) and said.status & 0xF000 != 0xB000, said
    assert instance not in here.archive.held
    (record,) = [one for one in here.gateway.records() if one["event"] == "not-sealed"]
    assert record["instance"] == instance and "incident" in record


def proven(here: Site) -> Site:
    found, _ = here.probe()
    assert found["works"]
    here.gateway.start()
    return here


def corrected(here: Site, instance: str) -> str:
    """What people do every day: the patient's name and number, the order, and the study that it belongs to."""
    data = here.archive.held[instance].data
    data.PatientName, data.PatientID, data.AccessionNumber = "Roe^Jane", "P511", "A-511"
    data.StudyInstanceUID = other = STUDY + ".77"
    return other


def drift(here: Site, instance: str) -> set[str]:
    (record,) = [one for one in here.gateway.records() if one.get("instance") == instance and one.get("opened")]
    return set(record["drift"])


def test_daily_corrections_do_not_make_images_unopenable(site, ct1, ws1):
    here = proven(site())
    instance, raw = image(1)
    assert store(here.gateway, ct1, instance, raw).status == 0
    assert PIXELS[:64] not in here.archive.held[instance].data.PixelData
    study = corrected(here, instance)
    got = get(here.gateway, ws1, instance, study)
    assert (got.status, got.completed) == (0, 1), got
    opened = sealed.read(got.objects[0].data_set, wire.EXPLICIT)
    assert opened.PixelData == PIXELS
    # What the archive corrected stays.
    assert (str(opened.PatientName), opened.PatientID, opened.AccessionNumber) == ("Roe^Jane", "P511", "A-511")
    assert opened.StudyInstanceUID == study
    assert drift(here, instance) == {"StudyInstanceUID", "PatientID", "PatientName", "AccessionNumber"}


def test_corrections_are_refused_where_that_is_said(site, ct1, ws1):
    here = proven(site(more={"identity_drift": "refuse"}))
    kept, changed = image(1), image(2)
    for instance, raw in (kept, changed):
        assert store(here.gateway, ct1, instance, raw).status == 0
    study = corrected(here, changed[0])
    assert get(here.gateway, ws1, kept[0]).completed == 1
    got = get(here.gateway, ws1, changed[0], study)
    assert got.objects == [] and got.status != 0, got
    (alert,) = [one for one in here.gateway.records() if one["event"] == "vault-alert"]
    assert (alert["cause"], alert["instance"]) == ("drift", changed[0])


@pytest.mark.parametrize("said", [True, False], ids=["said", "unsaid"])
def test_one_that_mints_instances_is_found_out(site, ct1, ws1, said):
    """With `rewrites = ["sop"]` its objects open; without they are somebody else's seal."""
    settings = {"archive_settings": {"rewrites": ["sop"]}, "more": {"commit_trust": "probe"}} if said else {}
    here = site(change=habits.mint, **settings)
    found, text = here.probe()
    assert found["works"] and found["mints"] and 'rewrites = ["sop"]' in text, text
    here.gateway.start()
    instance, raw = image(1)
    assert store(here.gateway, ct1, instance, raw).status == 0
    (minted,) = [uid for uid, one in here.archive.held.items() if one.data.StudyInstanceUID == STUDY]
    assert minted != instance
    got = get(here.gateway, ws1, minted)
    if said:
        assert (got.status, got.completed) == (0, 1), got
        opened = sealed.read(got.objects[0].data_set, wire.EXPLICIT)
        assert (opened.SOPInstanceUID, opened.PixelData) == (minted, PIXELS)
        assert "SOPInstanceUID" in drift(here, minted)
    else:
        assert got.objects == [] and got.status != 0, got
        (alert,) = [one for one in here.gateway.records() if one["event"] == "vault-alert"]
        assert (alert["cause"], alert["instance"]) == ("swapped", minted)
