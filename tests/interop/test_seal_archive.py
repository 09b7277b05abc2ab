"""What archives hold already is sealed in its place, and nothing of it is lost, whenever the round ends (`It must show` 5)."""

from __future__ import annotations

import json
import random
import signal
import subprocess

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from support import archives, corpus, gateway as under_test, habits, sealed, sender, vault, wire

PROBE = ("vault", "probe", "PACS", "--age", "0", "--largest", "0", "--format", "json")
SEAL = ("vault", "seal-archive", "PACS", "--rate", "100000", "--format", "json")
CT = "1.2.840.10008.5.1.4.1.1.2"
NEVER = "1.2.840.10008.5.1.4.1.1.88.11"


def gateway(house, port: int):
    built = house.gateway(
        port, start=False, policy=vault.policy(), archive_settings=vault.ALWAYS, vault=vault.settings(house.folder / "vault")
    )
    built.run("vault", "new-key")
    return built


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


def test_a_study_is_sealed_in_its_place_once(house, tmp_path):
    archive = house.keep(habits.Habits())
    gate = gateway(house, archive.port)
    wanted = slices(6)
    for one in wanted:
        archive.put(one, ExplicitVRLittleEndian)
    # Nothing without a proof.
    refused = gate.run(*SEAL, ok=False)
    assert refused.returncode == 1 and "nothing is proven of it" in refused.stderr
    gate.run(*PROBE)
    before = [one.PixelData for one in wanted[:-1]]
    answer = tally(gate.run(*SEAL))
    assert answer["sealed"] == 6 and answer["failures"] == 0 and answer["stopped"] is None, answer
    assert answer["never"] == {"Structured reports, content assessment": 1}
    assert in_clear(archive, wanted) == [] and before == [one.PixelData for one in wanted[:-1]]
    # What it holds of the probe is sealed as well.
    answer = tally(gate.run(*SEAL, "--again"))
    assert answer["sealed"] == 0 and answer["already"] >= 6, answer
    answer = tally(gate.run(*SEAL))
    assert answer["studies_done_before"] >= 1 and answer["already"] == 0, answer
    opened(gate, archive, wanted[:-1], tmp_path)
    # The ledger can be rebuilt from it.
    (gate.folder / "state" / "state.db").unlink()
    again = json.loads(gate.run("vault", "reindex", "PACS", "--format", "json").stdout)
    assert again["added"] >= 6 and not again["failed"] and not again["differ"], again
    known = json.loads(gate.run("vault", "reindex", "PACS", "--format", "json").stdout)
    assert known["known"] == again["added"] and known["added"] == 0, known


def test_killed_at_any_point_it_goes_on_and_nothing_is_lost(house, full, tmp_path):
    archive = house.keep(habits.Habits())
    gate = gateway(house, archive.port)
    gate.run(*PROBE)
    drawn = random.Random(11)
    kills = 200 if full else 12
    wanted: list[Dataset] = []
    doubtful = 0
    for killed in range(kills):
        if killed % 10 == 0:
            fresh = slices(8)
            wanted += fresh[:-1]
            for one in fresh:
                archive.put(one, ExplicitVRLittleEndian)
        process = subprocess.Popen(
            [str(under_test.program()), *SEAL, "--config", str(gate.config)],
            cwd=gate.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=drawn.uniform(0.02, 1.2))
            doubtful += len(json.loads(said)["in_doubt"]) if said else 0
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        # At every moment the archive holds each of them, as it was or sealed.
        for now, was in zip(own(archive, wanted), wanted, strict=True):
            assert "PixelData" in now.data, was.SOPInstanceUID
    answer = tally(gate.run(*SEAL))
    assert answer["failures"] == 0 and answer["stopped"] is None, answer
    assert in_clear(archive, wanted) == []
    assert not list((gate.folder / "state" / "vault").glob("held-*/*.dcm"))
    opened(gate, archive, wanted, tmp_path)


@pytest.mark.parametrize("maker", ["ORTHANC", "DCMQR", "PYNET"])
def test_archives_of_three_makers(house, ws1, maker):
    """Where the archive replaces, what it holds is sealed and comes back as it was; where not, it says so and leaves it."""
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
    repeats = json.loads(gate.run(*PROBE).stdout)["result"]["repeats"]
    done = gate.run(*SEAL, ok=False)
    if repeats != "replaced":
        assert done.returncode == 1 and "nothing is sealed in archive `PACS`" in done.stderr, done.stderr
        return
    answer = tally(done)
    assert answer["sealed"] > 0 and not answer["restored"] and answer["stopped"] is None, answer
    gate.start()
    back = sealed.fetch(lambda: gate.call(ws1, timeout=20), held, called="PACS", calling="WS1")
    for one in held:
        if plain[one.name] is None:
            continue
        assert back[one.name] is not None, one.name
        assert sealed.same(back[one.name], plain[one.name]) == "", one.name
