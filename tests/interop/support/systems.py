"""Systems beside the archive: DCMTK's worklist server, and pynetdicom SCPs for procedure steps, print, notification, commitment."""

from __future__ import annotations

import dataclasses
import pathlib
import queue
import threading
from collections.abc import Iterable

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom import sop_class as classes

from support import wire
from support.peers import Program, free_port

MPPS = classes.ModalityPerformedProcedureStep
IAN = classes.InstanceAvailabilityNotification
PRINT = classes.BasicGrayscalePrintManagementMeta
COMMITMENT = classes.StorageCommitmentPushModel
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
SYNTAXES = [wire.IMPLICIT, wire.EXPLICIT]


# --- a worklist --------------------------------------------------------------------------------------------------


def step(number: int, station: str = "CT1") -> Dataset:
    """One scheduled procedure step, as a file of wlmscpfs holds it."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.AccessionNumber = f"A{number}"
    data.PatientName = f"Test^Worklist{number}"
    data.PatientID = f"W{number}"
    data.PatientBirthDate, data.PatientSex = "19700101", "O"
    data.StudyInstanceUID = f"1.2.826.0.1.3680043.9.9999.77.{number}"
    data.RequestedProcedureID = f"R{number}"
    data.RequestedProcedureDescription = "Chest"
    scheduled = Dataset()
    scheduled.Modality = "CT"
    scheduled.ScheduledStationAETitle = station
    scheduled.ScheduledProcedureStepStartDate = "20260102"
    scheduled.ScheduledProcedureStepStartTime = "101500"
    scheduled.ScheduledPerformingPhysicianName = "Doctor^Test"
    scheduled.ScheduledProcedureStepDescription = "Chest"
    scheduled.ScheduledProcedureStepID = f"S{number}"
    data.ScheduledProcedureStepSequence = [scheduled]
    return data


class Worklist(Program):
    """DCMTK's wlmscpfs: a folder for each called title."""

    def __init__(self, folder: pathlib.Path, title: str = "RIS", steps: Iterable[Dataset] = ()) -> None:
        place = folder / "worklists" / title
        place.mkdir(parents=True)
        (place / "lockfile").write_text("")
        for number, data in enumerate(steps):
            data.file_meta = FileMetaDataset()
            data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            data.file_meta.MediaStorageSOPClassUID = classes.ModalityWorklistInformationFind
            data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            data.save_as(place / f"{number}.wl", enforce_file_format=True)
        port = free_port()
        super().__init__(["wlmscpfs", "-v", "-dfp", str(folder / "worklists"), str(port)], folder, port)


# --- pynetdicom SCPs ---------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Happened:
    """One message, as the system took it."""

    what: str
    sop_class: str
    sop_instance: str
    data: str
    action: int | None = None
    calling: str = ""


def _json(data: Dataset | None) -> str:
    return data.to_json() if data is not None else ""


class System:
    """Takes N-CREATE, N-SET, N-ACTION, N-DELETE and N-GET of any class, C-STORE and C-ECHO, and keeps what it was told."""

    def __init__(self, title: str, sop_classes: Iterable[str]) -> None:
        self.title, self.port = title, free_port()
        self.happened: list[Happened] = []
        self.stored: list[str] = []
        self._entity = AE(title)
        self._entity.maximum_associations = 200
        self._entity.network_timeout = 120
        for sop_class in sop_classes:
            self._entity.add_supported_context(sop_class, SYNTAXES)
        self._entity.add_supported_context(wire.VERIFICATION)
        self._server = None
        self.start()

    def start(self) -> System:
        handlers = [
            (evt.EVT_N_CREATE, self._create), (evt.EVT_N_SET, self._set), (evt.EVT_N_ACTION, self._action),
            (evt.EVT_N_DELETE, self._delete), (evt.EVT_C_STORE, self._store), (evt.EVT_C_ECHO, lambda _: 0),
        ]  # fmt: skip
        self._server = self._entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def _note(self, event: evt.Event, what: str, data: Dataset | None, action: int | None = None) -> str:
        asked = event.request
        names = ("AffectedSOP", "RequestedSOP")
        sop_class = next(str(getattr(asked, f"{one}ClassUID")) for one in names if getattr(asked, f"{one}ClassUID", None))
        instance = next((str(getattr(asked, f"{one}InstanceUID")) for one in names if getattr(asked, f"{one}InstanceUID", None)), "")
        self.happened.append(Happened(what, sop_class, instance, _json(data), action, event.assoc.requestor.ae_title))
        return instance

    def _create(self, event: evt.Event) -> tuple[int, Dataset]:
        instance = self._note(event, "create", event.attribute_list)
        answer = Dataset()
        if not instance:
            answer.AffectedSOPInstanceUID = generate_uid()
        for name in ("PerformedProcedureStepStatus", "FilmDestination"):
            if name in event.attribute_list:
                setattr(answer, name, event.attribute_list[name].value)
        return 0, answer

    def _set(self, event: evt.Event) -> tuple[int, Dataset]:
        self._note(event, "set", event.modification_list)
        answer = Dataset()
        if "PerformedProcedureStepStatus" in event.modification_list:
            answer.PerformedProcedureStepStatus = event.modification_list.PerformedProcedureStepStatus
        return 0, answer

    def _action(self, event: evt.Event) -> tuple[int, Dataset | None]:
        self._note(event, "action", event.action_information, event.action_type)
        return 0, None

    def _delete(self, event: evt.Event) -> int:
        self._note(event, "delete", None)
        return 0

    def _store(self, event: evt.Event) -> int:
        self.stored.append(str(event.request.AffectedSOPInstanceUID))
        return 0


# --- storage commitment ------------------------------------------------------------------------------------------


def references(images: Iterable[tuple[str, str]], transaction: str | None = None) -> Dataset:
    """What an N-ACTION asks for, and most of what its report says: SOP class and instance of each."""
    data = Dataset()
    data.TransactionUID = transaction or generate_uid()
    data.ReferencedSOPSequence = []
    for sop_class, instance in images:
        one = Dataset()
        one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = sop_class, instance
        data.ReferencedSOPSequence.append(one)
    return data


class Committer(System):
    """An archive that commits; it reports when it is told to, on the same association or on a new one."""

    def __init__(self, title: str, inside: int) -> None:
        super().__init__(title, [COMMITMENT, wire.CT_IMAGE, wire.SECONDARY_CAPTURE])
        self.inside = inside
        self.asked: queue.Queue[tuple[Dataset, str, object]] = queue.Queue()

    def _action(self, event: evt.Event) -> tuple[int, Dataset | None]:
        self._note(event, "action", event.action_information, event.action_type)
        self.asked.put((event.action_information, event.assoc.requestor.ae_title, event.assoc))
        return 0, None

    def request(self, seconds: float = 20) -> tuple[Dataset, str, object]:
        """The next N-ACTION: its data set, the calling title that this archive saw, its association."""
        return self.asked.get(timeout=seconds)

    def report_same(self, association, report: Dataset, event_type: int = 1) -> int | None:
        """On the association of the N-ACTION; the status that came back."""
        status, _ = association.send_n_event_report(report, event_type, COMMITMENT, COMMITMENT_INSTANCE)
        return status.get("Status")

    def report_new(self, called: str, report: Dataset, event_type: int = 1, *, port: int | None = None) -> int | None:
        """On a new association with the gateway's inside listener, as SCP of the class; None: nobody took it."""
        entity = AE(self.title)
        entity.dimse_timeout = entity.acse_timeout = 30
        entity.add_requested_context(COMMITMENT, SYNTAXES)
        role = build_role(COMMITMENT, scp_role=True)
        association = entity.associate("127.0.0.1", port or self.inside, ae_title=called, ext_neg=[role])
        if not association.is_established:
            return None
        try:
            status, _ = association.send_n_event_report(report, event_type, COMMITMENT, COMMITMENT_INSTANCE)
            return status.get("Status")
        finally:
            if association.is_established:
                association.release()


@dataclasses.dataclass(frozen=True)
class Reported:
    """A report as the modality took it."""

    event_type: int
    transaction: str
    committed: tuple[str, ...]
    failed: tuple[tuple[str, int], ...]
    calling: str = ""
    own: bool = False
    """It came on the modality's own association."""


def _report(event: evt.Event, own: bool) -> Reported:
    said = event.event_information
    return Reported(
        event.event_type,
        str(said.TransactionUID),
        tuple(str(one.ReferencedSOPInstanceUID) for one in said.get("ReferencedSOPSequence", [])),
        tuple((str(one.ReferencedSOPInstanceUID), int(one.FailureReason)) for one in said.get("FailedSOPSequence", [])),
        event.assoc.requestor.ae_title,
        own,
    )


class Modality:
    """A pynetdicom modality over TLS: it asks for commitment, and takes reports on its own association or as a server."""

    def __init__(self, title: str, authority, certificate, *, listening: bool = True) -> None:
        self.title, self.authority, self.certificate = title, authority, certificate
        self.port = free_port()
        self.reports: list[Reported] = []
        self.answers: list[int] = []
        """Statuses to answer reports with, one after the other; then 0000."""
        self._lock = threading.Lock()
        self._server = None
        if listening:
            self.listen()

    def _take(self, event: evt.Event, own: bool) -> tuple[int, None]:
        with self._lock:
            status = self.answers.pop(0) if self.answers else 0
            if status == 0:
                self.reports.append(_report(event, own))
        return status, None

    def listen(self) -> Modality:
        entity = AE(self.title)
        entity.add_supported_context(COMMITMENT, SYNTAXES, scu_role=False, scp_role=True)
        entity.add_supported_context(wire.VERIFICATION)
        handlers = [(evt.EVT_N_EVENT_REPORT, self._take, [False]), (evt.EVT_C_ECHO, lambda _: 0)]
        context = self.authority.server(self.certificate)
        self._server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers, ssl_context=context)
        return self

    def associate(self, port: int, *sop_classes: str, called: str = "PACS"):
        entity = AE(self.title)
        entity.acse_timeout = entity.dimse_timeout = 60
        entity.network_timeout = 120
        for sop_class in sop_classes or (COMMITMENT,):
            entity.add_requested_context(sop_class, SYNTAXES)
        association = entity.associate(
            "127.0.0.1", port, ae_title=called, tls_args=(self.authority.client(self.certificate), "localhost"),
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._take, [True])],
        )  # fmt: skip
        assert association.is_established, "no association"
        return association

    def ask(self, association, wanted: Dataset) -> int | None:
        """N-ACTION; its status."""
        status, _ = association.send_n_action(wanted, 1, COMMITMENT, COMMITMENT_INSTANCE)
        return status.get("Status")

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None


