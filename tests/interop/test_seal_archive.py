"""What archives hold already is sealed in its place, and nothing of it is lost, whenever the round ends (`It must show` 5)."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
from collections.abc import Callable

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import _config

from support import archives, corpus, gateway as under_test, habits, sealed, sender, vault, wire

SEAL = ("vault", "seal-archive", "PACS", "--rate", "100000", "--format", "json")
CT = "1.2.840.10008.5.1.4.1.1.2"
NEVER = "1.2.840.10008.5.1.4.1.1.88.11"
FEW = (CT, NEVER, "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.9.1.1")


def gateway(house, port: int):
    built = house.gateway(
        port, start=False, policy=vault.policy(), archive_settings=vault.ALWAYS, vault=vault.settings(house.folder / "vault")
    )
    built.run("vault", "new-key")
    return built


def probe(gate) -> dict:
    """What it found."""
    done = gate.run("vault", "probe", "PACS", "--age", "0", "--largest", "0", "--format", "json", seconds=300)
    return json.loads(done.stdout)["result"]


class Night:
    """An archive, and a gateway that runs in front of it and has proven it."""

    def __init__(self, house) -> None:
        self.archive = house.keep(habits.Habits(classes=FEW))
        self.gate = gateway(house, self.archive.port)
        assert probe(self.gate)["repeats"] == "replaced"
        self.gate.start()
        # What the probe left there is sealed already: it is looked at once.
        self.gate.run(*SEAL)

    def hold(self, count: int) -> list[Dataset]:
        """So many more slices, and a report, are in the archive."""
        made = slices(count)
        for one in made:
            self.archive.put(one, ExplicitVRLittleEndian)
        return made[:-1]

    def seal(self, *arguments: str) -> dict:
        done = self.gate.run(*SEAL, *arguments, ok=False, seconds=300)
        answer = tally(done)
        assert (done.returncode == 0) == (answer["stopped"] is None and not (answer["failures"] or answer["restored"] or answer["kept"])), done
        return answer

    def told(self, answer: dict, event: str) -> list[dict]:
        """The records of a round, once all of it is recorded."""
        mine = lambda: [one for one in self.gate.records() if one.get("round") == answer["round"]]  # noqa: E731
        wire.wait_for(lambda: any(one["event"] == "seal-archive-ended" for one in mine()), 20, "the end of the round in the audit log")
        return [one for one in mine() if one["event"] == f"seal-archive-{event}"]


@pytest.fixture(scope="module")
def night(shared_house):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
        yield Night(shared_house)


def slices(count: int) -> list[Dataset]:
    """A study of CT slices, each with pixels of its own, and a report."""
    study, series, drawn = generate_uid(), generate_uid(), random.Random(7)
    made = []
    for number in range(count):
        one = Dataset()
        one.SOPClassUID, one.SOPInstanceUID = CT, generate_uid()
        one.PatientName, one.PatientID, one.Modality = "Kept^Whole", "P-7", "CT"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.InstanceNumber = study, series, number + 1
        one.StudyDate, one.StudyTime, one.AccessionNumber = "20240102", "120000", "A-7"
        one.Rows = one.Columns = 128
        one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = 1, "MONOCHROME2", 0
        one.BitsAllocated, one.BitsStored, one.HighBit = 16, 16, 15
        one.PixelData = drawn.randbytes(128 * 128 * 2)
        made.append(one)
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID = NEVER, generate_uid()
    report.PatientName, report.PatientID, report.Modality = "Kept^Whole", "P-7", "SR"
    report.StudyInstanceUID, report.SeriesInstanceUID, report.StudyDate = study, generate_uid(), "20240102"
    report.AccessionNumber = "A-7"
    return [*made, report]


def tally(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def own(archive: habits.Habits, wanted: list[Dataset]) -> list[habits.Held]:
    return [archive.held[one.SOPInstanceUID] for one in wanted]


def in_clear(archive: habits.Habits, wanted: list[Dataset]) -> list[str]:
    """The instances whose pixels are still readable there."""
    held = zip(own(archive, wanted), wanted, strict=True)
    return [str(now.data.SOPInstanceUID) for now, was in held if "PixelData" in was and was.PixelData[:64] in now.data.PixelData]


def opened(gateway, archive: habits.Habits, wanted: list[Dataset], folder) -> None:
    """Each opens by `vault open`, and is what it was."""
    out = folder / "opened"
    out.mkdir(exist_ok=True)
    for one in wanted:
        now = archive.held[one.SOPInstanceUID]
        path = folder / f"{one.SOPInstanceUID}.dcm"
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
        meta.TransferSyntaxUID = now.syntax
        pydicom.dcmwrite(path, pydicom.FileDataset(str(path), now.data, file_meta=meta), enforce_file_format=True)
        gateway.run("vault", "open", str(path), "--out", str(out))
        back = [pydicom.dcmread(found) for found in out.iterdir()]
        assert len(back) == 1
        next(out.iterdir()).unlink()
        assert back[0].PixelData == one.PixelData and back[0].Rows == one.Rows, one.SOPInstanceUID


def test_nothing_without_a_proof(house):
    gate = gateway(house, under_test.free_port())
    refused = gate.run(*SEAL, ok=False)
    assert refused.returncode == 1 and "nothing is proven of it" in refused.stderr


def test_a_study_is_sealed_in_its_place_once(night, tmp_path):
    wanted = night.hold(6)
    before = [one.PixelData for one in wanted]
    answer = night.seal("--by", "the night shift")
    assert answer["sealed"] == 6 and answer["never"] == {"Structured reports, content assessment": 1}, answer
    assert in_clear(night.archive, wanted) == [] and before == [one.PixelData for one in wanted]
    # All of it is in the audit log of the gateway that runs.
    done = {one["instance"]: one for one in night.told(answer, "sealed")}
    assert set(done) == {str(one.SOPInstanceUID) for one in wanted}
    assert all(len(one["seal"]) == 32 and one["bytes"] > 32768 and one["study"] == wanted[0].StudyInstanceUID for one in done.values())
    (left,) = night.told(answer, "left")
    assert left["sop_class"] == NEVER and "never sealed" in left["words"]
    (begun,), (ended,) = night.told(answer, "begun"), night.told(answer, "ended")
    assert begun["by"] == ended["by"] == "the night shift"
    assert (ended["sealed"], ended["never"], ended["failed"]) == (6, 1, 0)
    # The report stays, and the status speaks of it.
    report = json.loads((night.gate.folder / "state" / "vault" / "seal-archive-PACS.json").read_text())
    assert report["ended"] and report["objects"]["sealed"] == 6 and report["studies_done"] == report["studies"]
    status = json.loads(night.gate.run("vault", "status", "--format", "json", ok=False).stdout)["archives"][0]
    assert status["seal_archive"] == report and not status["seal_archive_running"]
    said = night.gate.run("vault", "status", ok=False).stdout
    assert f"{report['studies']} of {report['studies']} studies done; the last round, by the night shift, ended 0 hours ago: 6 sealed" in said
    # Again: nothing is left to be done, and nothing is done twice.
    answer = night.seal()
    assert answer["studies_done_before"] == report["studies"] and answer["already"] == answer["sealed"] == 0, answer
    answer = night.seal("--again")
    assert answer["sealed"] == 0 and answer["already"] >= 6, answer
    opened(night.gate, night.archive, wanted, tmp_path)
    assert night.gate.run("audit", "verify").returncode == 0


def idle(*_: object) -> None:
    """Nothing is to be done about it."""


def started(night) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(under_test.program()), *SEAL, "--config", str(night.gate.config)],
        cwd=night.gate.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def nothing_is_lost(night, wanted: list[Dataset], folder) -> None:
    """A last round in peace: all is sealed, all of it opens, and nothing waits."""
    answer = night.seal()
    assert answer["failures"] == 0 and answer["stopped"] is None and not answer["kept"], answer
    assert in_clear(night.archive, wanted) == []
    assert not list((night.gate.folder / "state" / "vault").glob("held-*/*"))
    assert not list((night.gate.folder / "state" / "vault").glob("aside-*/*"))
    opened(night.gate, night.archive, wanted, folder)


class Moment:
    """Does something once: when it was called so often."""

    def __init__(self, left: int, do: Callable[[], object]) -> None:
        self.left, self.do = left, do
        self.over = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._lock:
            self.left -= 1
            if self.left == 0:
                self.do()
                self.over.set()


def test_killed_at_any_point_it_goes_on_and_nothing_is_lost(night, full, tmp_path):
    drawn = random.Random(11)
    wanted = night.hold(8)
    pdus = Moment(0, idle)
    night.archive.talking = pdus
    night.seal()
    rounds = 200 if full else 12
    killed = under_way = 0
    held = night.gate.folder / "state" / "vault" / "held-PACS"
    for number in range(rounds):
        if not in_clear(night.archive, wanted):
            wanted += night.hold(8)
        left = len(in_clear(night.archive, wanted))
        # One in four at any PDU that a round of eight objects has, one when the archive has given out an object, two when it is about to keep
        # one: the command works on, or it does not know yet that it is kept.
        what, most = [("talking", -pdus.left), ("given", left), ("taking", left), ("taking", left)][number % 4]
        begun = threading.Event()
        process: subprocess.Popen[str] | None = None

        def kill(begun: threading.Event = begun) -> None:
            assert begun.wait(20)
            assert process is not None
            process.send_signal(signal.SIGKILL)

        setattr(night.archive, what, Moment(drawn.randint(1, most), kill))
        process = started(night)
        begun.set()
        process.communicate(timeout=120)
        killed += process.returncode == -signal.SIGKILL
        night.archive.given = night.archive.taking = night.archive.talking = idle
        under_way += len(list(held.glob("*.json")))
        # At every moment the archive holds each of them, as it was or sealed.
        for now, was in zip(own(night.archive, wanted), wanted, strict=True):
            assert "PixelData" in now.data, was.SOPInstanceUID
    # All but those that had fewer objects left, and so fewer PDUs.
    assert killed >= rounds * 3 // 4 and under_way >= rounds // 2, (killed, under_way)
    print(f"{killed} killed, {under_way} objects on their way then, {len(wanted)} images")
    nothing_is_lost(night, wanted, tmp_path)


def test_the_archive_is_restarted_meanwhile_and_nothing_is_lost(night, full, tmp_path):
    """It ends in the middle of whatever it does; the round waits for it, or goes on with the next start."""
    drawn = random.Random(13)
    wanted: list[Dataset] = []
    for _ in range(50 if full else 3):
        wanted += night.hold(4)
        # Behind the questions what there is, before or after some object is there.
        night.archive.talking = ends = Moment(drawn.randint(20, 60), idle)
        process = started(night)
        assert ends.over.wait(20)
        night.archive.crash()
        night.archive.talking = idle
        night.archive.start()
        said, complaint = process.communicate(timeout=120)
        assert json.loads(said)["stopped"] is None, complaint
    nothing_is_lost(night, wanted, tmp_path)


def test_of_two_rounds_at_once_one_is_refused(night):
    wanted = night.hold(3)
    held = threading.Event()
    asked = threading.Event()

    def wait(_: Dataset) -> None:
        asked.set()
        assert held.wait(60)

    night.archive.given = wait
    try:
        first = started(night)
        assert asked.wait(20)
        status = json.loads(night.gate.run("vault", "status", "--format", "json", ok=False).stdout)["archives"][0]
        assert status["seal_archive_running"]
        other = night.gate.run(*SEAL, ok=False)
        assert other.returncode == 1 and "another `vault seal-archive` is at work" in other.stderr, other.stderr
    finally:
        night.archive.given = idle
        held.set()
    said, complaint = first.communicate(timeout=60)
    assert json.loads(said)["sealed"] == 3, complaint
    assert in_clear(night.archive, wanted) == []


def test_what_is_corrected_meanwhile_is_not_overwritten(night, tmp_path):
    """Somebody corrects a patient's name between retrieving and storing: the correction stays, and the next round seals."""
    wanted = night.hold(2)

    def correct(_: Dataset) -> None:
        for one in wanted:
            night.archive.held[one.SOPInstanceUID].data.PatientName = "Put^Right"

    night.archive.given = correct
    answer = night.seal()
    night.archive.given = idle
    assert answer["sealed"] == 0 and answer["failures"] == 2, answer
    assert "corrected meanwhile" in answer["failed"][0]["why"]
    assert len(in_clear(night.archive, wanted)) == 2
    assert night.seal()["sealed"] == 2
    assert {str(one.data.PatientName) for one in own(night.archive, wanted)} == {"Put^Right"}
    opened(night.gate, night.archive, wanted, tmp_path)


def test_an_archive_that_begins_to_lose_pixels_is_stopped_and_loses_none(night, tmp_path):
    """Its probe was good; now it spoils what is large and new. Each original comes back, and after three the round stops."""
    wanted = night.hold(6)
    before = {str(one.SOPInstanceUID): one.PixelData for one in wanted}
    alerts = night.gate.metric("dicomgate_vault_alerts_total", cause="not-kept")
    night.archive.change = lambda data: habits.lose(data) if b"DGSEAL1" in data.get("PixelData", b"") else None
    answer = night.seal()
    night.archive.change = None
    assert len(answer["restored"]) == 3 and "did not keep 3 objects" in answer["stopped"], answer
    for one in own(night.archive, wanted):
        assert one.data.PixelData == before[str(one.data.SOPInstanceUID)]
    assert all("incident" in one for one in night.told(answer, "restored"))
    assert night.gate.metric("dicomgate_vault_alerts_total", cause="not-kept") == alerts + 3
    assert "did not keep" in night.told(answer, "ended")[0]["words"]
    nothing_is_lost(night, wanted, tmp_path)


def test_an_archive_without_room_ends_the_round(night, tmp_path):
    wanted = night.hold(3)
    night.archive.repeat = lambda _old, _new: (0xA700, False)
    answer = night.seal()
    night.archive.repeat = None
    assert answer["sealed"] == 0 and "no room" in answer["stopped"], answer
    assert len(in_clear(night.archive, wanted)) == 3
    nothing_is_lost(night, wanted, tmp_path)


def test_what_is_told_while_no_gateway_runs_is_recorded_when_one_starts(night):
    wanted = night.hold(2)
    night.gate.stop()
    answer = night.seal()
    assert answer["sealed"] == 2 and answer["records_waiting"] >= 4, answer
    night.gate.start()
    assert {one["instance"] for one in night.told(answer, "sealed")} == {str(one.SOPInstanceUID) for one in wanted}


def test_the_ledger_can_be_rebuilt(night):
    night.gate.stop()
    for file in (night.gate.folder / "state").glob("state.db*"):
        file.unlink()
    # Whoever asks what there is and then waits is hung up on.
    night.archive.given = lambda _: night.archive.hang_up_on_questions()
    again = json.loads(night.gate.run("vault", "reindex", "PACS", "--format", "json").stdout)
    night.archive.given = idle
    assert again["added"] >= 6 and not again["failed"] and not again["differ"], again
    known = json.loads(night.gate.run("vault", "reindex", "PACS", "--format", "json").stdout)
    assert known["known"] == again["added"] and known["added"] == 0, known


@pytest.mark.parametrize("maker", ["ORTHANC", "DCMQR", "PYNET"])
def test_archives_of_three_makers(house, ws1, maker, full):
    """Where the archive replaces, what it holds is sealed and comes back as it was; where not, it says so and leaves it."""
    if not full and maker != "DCMQR":
        pytest.skip("this one takes all classes, and the full run proves them all")
    samples = [one for one in corpus.samples() if sealed.parents(one)[0]]
    if maker == "DCMQR":
        archive = house.dcmqrscp(accepts=[(one.sop_class, one.transfer_syntax) for one in samples], title="PACS")
    elif maker == "ORTHANC":
        archive = house.orthanc()
    else:
        archive = house.keep(archives.Qrscp(house.folder / "pynet", {}, "PACS")).start()
    gate = gateway(house, archive.port)
    batch = [one for one in sender.batches(samples)[0] if len(one.data_set) < 400_000][:24]
    sent = sender.send(lambda: wire.plain(("127.0.0.1", archive.port), timeout=20), batch)
    held = [one for one in batch if sent[one.name].stored]
    plain = sealed.fetch(lambda: wire.plain(("127.0.0.1", archive.port), timeout=20), held, called="PACS", calling="WS1")
    repeats = probe(gate)["repeats"]
    done = gate.run(*SEAL, ok=False)
    if repeats != "replaced":
        assert done.returncode == 1 and "nothing is sealed in archive `PACS`" in done.stderr, done.stderr
        return
    answer = tally(done)
    assert answer["sealed"] > 0 and not answer["restored"] and answer["stopped"] is None, answer
    assert answer["class_unknown"] == 0 and not answer["failed"], answer["failed"]
    gate.start()
    back = sealed.fetch(lambda: gate.call(ws1, timeout=20), held, called="PACS", calling="WS1")
    for one in held:
        if plain[one.name] is None:
            continue
        assert back[one.name] is not None, one.name
        assert sealed.same(back[one.name], plain[one.name]) == "", one.name
