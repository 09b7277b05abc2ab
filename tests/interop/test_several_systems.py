"""Worklist, procedure steps, print and notification as operations of their own, in one association with the archive if need be."""

from __future__ import annotations

import subprocess

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom import sop_class as classes

from support import gateway as under_test
from support import systems, wire

WORKLIST = classes.ModalityWorklistInformationFind
EVERYTHING = ["echo", "store", "worklist", "mpps", "print", "notify", "commit"]
INSTANCE = "1.2.826.0.1.3680043.9.9999.880"


def policy(may=EVERYTHING, to=("PACS", "RIS", "STEPS", "PRINTER")) -> dict:
    return {
        "peer": [under_test.peer("CT1", "ct1.test", groups=["modality"])],
        "rule": [under_test.rule("modalities", ["peer:CT1"], list(may)) | {"to": list(to)}],
    }


class Hospital:
    """Devices know one title, PACS; behind it are an archive, a worklist, a system for steps and notifications, a printer."""

    def __init__(self, house) -> None:
        self.house = house
        self.pacs = house.scripted()
        folder = house.folder / f"worklist{len(house._built)}"
        self.ris = house.keep(systems.Worklist(folder, steps=[systems.step(number) for number in range(1, 4)])).start()
        self.steps = house.keep(systems.System("STEPS", [systems.MPPS, systems.IAN]))
        self.printer = house.keep(systems.System("PRINTER", [systems.PRINT]))
        others = [("RIS", self.ris, ["worklist"]), ("STEPS", self.steps, ["mpps", "notify"]), ("PRINTER", self.printer, ["print"])]
        self.gateway = house.gateway(
            self.pacs.port,
            policy=policy(),
            archives=[
                {"ae_title": title, "address": f"127.0.0.1:{system.port}", "answers_to": [title, "PACS"], "for": operations}
                for title, system, operations in others
            ],
        )
        self.modality = house.keep(systems.Modality("CT1", house.authority, house.certificates["ct1"], listening=False))


@pytest.fixture(scope="module")
def hospital(shared_house):
    return Hospital(shared_house)


# --- worklist ----------------------------------------------------------------------------------------------------


def question() -> Dataset:
    wanted = Dataset()
    wanted.PatientName = wanted.PatientID = wanted.AccessionNumber = wanted.StudyInstanceUID = ""
    wanted.RequestedProcedureID = ""
    scheduled = Dataset()
    scheduled.Modality = "CT"
    scheduled.ScheduledStationAETitle = "CT1"
    scheduled.ScheduledProcedureStepStartDate = scheduled.ScheduledProcedureStepID = ""
    wanted.ScheduledProcedureStepSequence = [scheduled]
    return wanted


def ask_worklist(association) -> list[tuple[int, str]]:
    return sorted(
        (status.get("Status", -1), found.to_json() if found is not None else "") for status, found in association.send_c_find(question(), WORKLIST)
    )


def straight(hospital) -> list[tuple[int, str]]:
    entity = AE("CT1")
    entity.add_requested_context(WORKLIST, systems.SYNTAXES)
    association = entity.associate("127.0.0.1", hospital.ris.port, ae_title="RIS")
    assert association.is_established
    found = ask_worklist(association)
    association.release()
    return found


@pytest.mark.parametrize("called", ["PACS", "RIS"])
def test_worklist(hospital, called):
    """The answers of wlmscpfs, as they come without the gateway; whichever of its titles the device knows."""
    expected = straight(hospital)
    assert len(expected) == 4
    association = hospital.modality.associate(hospital.gateway.secure_port, WORKLIST, called=called)
    assert ask_worklist(association) == expected
    association.release()
    assert hospital.pacs.seen == [] or called == "PACS"


def test_worklist_findscu(hospital, tmp_path):
    certificate = hospital.modality.certificate
    answers = []
    for name, port, called, flags in (
        ("straight", hospital.ris.port, "RIS", []),
        ("through", hospital.gateway.secure_port, "PACS",
         ["+tls", str(certificate.key), str(certificate.certificate), "+cf", str(hospital.gateway.authority.certificate)]),
    ):  # fmt: skip
        folder = tmp_path / name
        folder.mkdir()
        done = subprocess.run(
            ["findscu", *flags, "-W", "-X", "-od", str(folder), "-aet", "CT1", "-aec", called, "-k", "PatientName", "-k", "PatientID",
             "-k", "(0040,0100)[0].Modality=CT", "localhost", str(port)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answers.append(sorted(dcmread(path, force=True).to_json() for path in folder.iterdir()))
    assert answers[0] == answers[1] and len(answers[0]) == 3


# --- procedure steps, print, notification --------------------------------------------------------------------------


def test_procedure_steps(hospital):
    """N-CREATE and N-SET, data sets and answers unchanged."""
    instance = generate_uid()
    begun, ended = Dataset(), Dataset()
    begun.PerformedProcedureStepStatus, begun.PatientName, begun.PerformedStationAETitle = "IN PROGRESS", "Test^Steps", "CT1"
    begun.PerformedProcedureStepID, begun.Modality = "P1", "CT"
    ended.PerformedProcedureStepStatus = "COMPLETED"
    association = hospital.modality.associate(hospital.gateway.secure_port, systems.MPPS)
    status, answer = association.send_n_create(begun, systems.MPPS, instance)
    assert status.Status == 0 and answer.PerformedProcedureStepStatus == "IN PROGRESS"
    status, answer = association.send_n_set(ended, systems.MPPS, instance)
    assert status.Status == 0 and answer.PerformedProcedureStepStatus == "COMPLETED"
    association.release()
    assert hospital.steps.happened[-2:] == [
        systems.Happened("create", systems.MPPS, instance, begun.to_json(), None, "CT1"),
        systems.Happened("set", systems.MPPS, instance, ended.to_json(), None, "CT1"),
    ]
    assert {"mpps"} <= {record.get("operation") for record in hospital.gateway.records()}


def test_notification(hospital):
    """Instance Availability Notification."""
    said = Dataset()
    said.StudyInstanceUID = "1.2.3.4"
    said.ReferencedPerformedProcedureStepSequence = []
    series = Dataset()
    series.SeriesInstanceUID = "1.2.3.4.5"
    one = Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = wire.CT_IMAGE, INSTANCE
    one.InstanceAvailability, one.RetrieveAETitle = "ONLINE", "PACS"
    series.ReferencedSOPSequence = [one]
    said.ReferencedSeriesSequence = [series]
    association = hospital.modality.associate(hospital.gateway.secure_port, systems.IAN)
    instance = generate_uid()
    status, _ = association.send_n_create(said, systems.IAN, instance)
    assert status.Status == 0
    association.release()
    assert hospital.steps.happened[-1] == systems.Happened("create", systems.IAN, instance, said.to_json(), None, "CT1")


def test_a_film(hospital):
    """Session, box, image, print, gone: every message of a film session, in order, with what was in it."""
    begin = len(hospital.printer.happened)
    association = hospital.modality.associate(hospital.gateway.secure_port, systems.PRINT)
    session, box, image = generate_uid(), generate_uid(), generate_uid()
    made = Dataset()
    made.NumberOfCopies, made.PrintPriority, made.MediumType, made.FilmDestination = "1", "MED", "BLUE FILM", "PROCESSOR"
    status, answer = association.send_n_create(made, classes.BasicFilmSession, session, meta_uid=systems.PRINT)
    assert status.Status == 0 and answer.FilmDestination == "PROCESSOR"
    film = Dataset()
    film.ImageDisplayFormat, film.FilmOrientation = "STANDARD\\1,1", "PORTRAIT"
    parent = Dataset()
    parent.ReferencedSOPClassUID, parent.ReferencedSOPInstanceUID = classes.BasicFilmSession, session
    film.ReferencedFilmSessionSequence = [parent]
    assert association.send_n_create(film, classes.BasicFilmBox, box, meta_uid=systems.PRINT)[0].Status == 0
    content = Dataset()
    content.ImageBoxPosition = 1
    pixels = Dataset()
    pixels.SamplesPerPixel, pixels.PhotometricInterpretation = 1, "MONOCHROME2"
    pixels.Rows = pixels.Columns = 64
    pixels.BitsAllocated = pixels.BitsStored = 8
    pixels.HighBit = 7
    pixels.PixelRepresentation = 0
    pixels.add_new(0x7FE00010, "OW", bytes(range(256)) * 16)
    content.BasicGrayscaleImageSequence = [pixels]
    assert association.send_n_set(content, classes.BasicGrayscaleImageBox, image, meta_uid=systems.PRINT)[0].Status == 0
    assert association.send_n_action(None, 1, classes.BasicFilmBox, box, meta_uid=systems.PRINT)[0].Status == 0
    assert association.send_n_delete(classes.BasicFilmBox, box, meta_uid=systems.PRINT).Status == 0
    assert association.send_n_delete(classes.BasicFilmSession, session, meta_uid=systems.PRINT).Status == 0
    association.release()
    happened = hospital.printer.happened[begin:]
    assert [(one.what, one.sop_class, one.sop_instance) for one in happened] == [
        ("create", classes.BasicFilmSession, session), ("create", classes.BasicFilmBox, box), ("set", classes.BasicGrayscaleImageBox, image),
        ("action", classes.BasicFilmBox, box), ("delete", classes.BasicFilmBox, box), ("delete", classes.BasicFilmSession, session),
    ]  # fmt: skip
    assert happened[0].data == made.to_json() and happened[2].data == content.to_json()


# --- one association, several systems --------------------------------------------------------------------------------


def test_one_association_for_four_systems(hospital):
    """Worklist, step begun, images, step ended, film: in turns on one association, each to the system that it is for."""
    begin = len(hospital.steps.happened)
    association = hospital.modality.associate(
        hospital.gateway.secure_port, wire.VERIFICATION, WORKLIST, systems.MPPS, wire.CT_IMAGE, systems.PRINT
    )  # fmt: skip
    assert len(association.accepted_contexts) == 5
    instance = generate_uid()
    begun, ended = Dataset(), Dataset()
    begun.PerformedProcedureStepStatus, ended.PerformedProcedureStepStatus = "IN PROGRESS", "COMPLETED"
    session = Dataset()
    session.NumberOfCopies = "1"
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID, image.PatientID, image.StudyInstanceUID = wire.CT_IMAGE, INSTANCE, "P1", "1.2.3"
    image.SeriesInstanceUID, image.Modality = "1.2.3.1", "CT"
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = wire.IMPLICIT
    for _ in range(3):
        assert len(ask_worklist(association)) == 4
        assert association.send_n_create(begun, systems.MPPS, instance)[0].Status == 0
        assert association.send_c_store(image).Status == 0
        assert association.send_c_echo().Status == 0
        assert association.send_n_set(ended, systems.MPPS, instance)[0].Status == 0
        assert association.send_n_create(session, classes.BasicFilmSession, generate_uid(), meta_uid=systems.PRINT)[0].Status == 0
    association.release()
    assert association.is_released and not association.is_aborted
    assert len(hospital.steps.happened) == begin + 6
    seen = wire.wait_for(lambda: next((one for one in hospital.pacs.seen if one.completed), None), 10, "the images")
    stores = [command for command in seen.commands if int.from_bytes(command[wire.FIELD], "little") == wire.C_STORE]
    assert len(stores) == 3
    proposed = {value[8:].split(b"\x40\0")[0].rstrip(b"\0") for kind, value in wire.items_of(seen.request[68:]) if kind == 0x20}
    assert not any(WORKLIST.encode() in one for one in proposed), "the archive was asked for the worklist"
    wire.wait_for(lambda: seen.end == "released", 10, "the release, at every system")


def test_a_system_that_is_away(house):
    """Only its contexts are lost: images go on, and the record says which system was not there."""
    hospital = Hospital(house)
    hospital.ris.stop()
    contexts = {1: (wire.VERIFICATION, [wire.IMPLICIT]), 3: (wire.CT_IMAGE, [wire.EXPLICIT]), 5: (WORKLIST, [wire.IMPLICIT]),
                7: (systems.MPPS, [wire.IMPLICIT])}  # fmt: skip
    with hospital.gateway.call(hospital.modality.certificate) as connection:
        accepted = connection.associate(contexts, calling="CT1")
        assert {key: result == 0 for key, (result, _) in accepted.contexts.items()} == {1: True, 3: True, 5: False, 7: True}
        assert connection.store(3, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
        connection.release()
    assert wire.image(INSTANCE) in hospital.pacs.completed()
    assert any("RIS" in str(record) for record in hospital.gateway.records())
    hospital.ris.start()
    association = hospital.modality.associate(hospital.gateway.secure_port, WORKLIST, wire.CT_IMAGE)
    assert len(ask_worklist(association)) == 4
    association.release()


def test_the_archive_away_and_the_worklist_there(house):
    hospital = Hospital(house)
    hospital.pacs.stop()
    with hospital.gateway.call(hospital.modality.certificate) as connection:
        accepted = connection.associate({1: (wire.CT_IMAGE, [wire.EXPLICIT]), 3: (WORKLIST, [wire.IMPLICIT])}, calling="CT1")
        assert accepted.contexts[1][0] != 0 and accepted.contexts[3][0] == 0
        connection.release()


def test_what_policy_takes_away_is_not_asked_for(house):
    """A device without a rule for the worklist: the system of the worklist is not even dialled."""
    hospital = Hospital(house)
    before = hospital.gateway.metric("dicomgate_generation")
    hospital.gateway.write_policy(policy(["echo", "store"], ["PACS"]))
    wire.wait_for(lambda: hospital.gateway.metric("dicomgate_generation") > before, 20, "the reload")
    with hospital.gateway.call(hospital.modality.certificate) as connection:
        accepted = connection.associate({1: (wire.CT_IMAGE, [wire.EXPLICIT]), 3: (WORKLIST, [wire.IMPLICIT])}, calling="CT1")
        assert {key: result for key, (result, _) in accepted.contexts.items()} == {1: 0, 3: 1}
        connection.release()
    assert "CT1" not in hospital.ris.output()


def test_a_system_that_rejects(house):
    """It answers, but not this caller: its contexts are lost, the others' are not."""
    raw = bytes((wire.ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, 1, 1, 3))
    pacs = house.scripted()
    ris = house.scripted(on_request=lambda _archive, connection, _body: connection.send(raw) or True)
    gateway = house.gateway(
        pacs.port, policy=policy(to=["PACS", "RIS"]),
        archives=[{"ae_title": "RIS", "address": f"127.0.0.1:{ris.port}", "answers_to": ["PACS"], "for": ["worklist"]}],
    )  # fmt: skip
    with gateway.call(house.certificates["ct1"]) as connection:
        accepted = connection.associate({1: (wire.CT_IMAGE, [wire.EXPLICIT]), 3: (WORKLIST, [wire.IMPLICIT])}, calling="CT1")
        assert accepted.contexts[1][0] == 0 and accepted.contexts[3][0] != 0
        assert connection.store(1, wire.CT_IMAGE, INSTANCE, wire.image(INSTANCE)).status == 0
        connection.release()
