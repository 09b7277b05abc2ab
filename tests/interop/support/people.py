"""People before a gateway: accounts in a file, questions under a name and passcode, and what comes back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom import sop_class as classes
from pynetdicom.pdu_primitives import UserIdentityNegotiation

from support import wire
from support.gateway import Gateway, Verbatim

STUDY_FIND = classes.StudyRootQueryRetrieveInformationModelFind
PATIENT_FIND = classes.PatientRootQueryRetrieveInformationModelFind
STUDY_GET = classes.StudyRootQueryRetrieveInformationModelGet
STUDY_MOVE = classes.StudyRootQueryRetrieveInformationModelMove
PATIENT_MOVE = classes.PatientRootQueryRetrieveInformationModelMove
OBJECTS = (classes.SecondaryCaptureImageStorage, classes.CTImageStorage, classes.MRImageStorage)


@dataclasses.dataclass(frozen=True)
class Person:
    """A local account."""

    name: str
    passcode: str
    roles: tuple[str, ...] = ()
    attributes: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)


def local() -> dict[str, object]:
    """`[users]` with the file of [`enrol`]."""
    return {"users": {"local": Verbatim('{ file = "users.toml" }')}}


def enrol(gateway: Gateway, people: Iterable[Person]) -> None:
    """Adds accounts with the gateway's own command."""
    for person in people:
        more = [argument for role in person.roles for argument in ("--role", role)]
        more += [argument for key, values in person.attributes.items() for one in values for argument in ("--attribute", f"{key}={one}")]
        gateway.run_with(f"{person.passcode}\n", "user", "add", person.name, "--password-stdin", *more)


def identity(person: Person | None) -> list[UserIdentityNegotiation]:
    if person is None:
        return []
    item = UserIdentityNegotiation()
    item.user_identity_type = 2
    item.primary_field, item.secondary_field = person.name.encode(), person.passcode.encode()
    item.positive_response_requested = True
    return [item]


class Desk:
    """A workstation at which somebody sits."""

    def __init__(self, gateway: Gateway, title: str, certificate, person: Person | None, called: str = "PACS") -> None:
        self.gateway, self.title, self.certificate, self.person, self.called = gateway, title, certificate, person, called
        self.got: dict[str, bytes] = {}
        """Instances that came by C-GET."""

    def __enter__(self) -> Desk:
        entity = AE(self.title)
        entity.acse_timeout, entity.dimse_timeout, entity.network_timeout = 30, 120, 120
        for model in (STUDY_FIND, PATIENT_FIND, STUDY_GET, STUDY_MOVE, PATIENT_MOVE):
            entity.add_requested_context(model)
        roles = []
        for sop_class in OBJECTS:
            entity.add_requested_context(sop_class, [wire.EXPLICIT, wire.IMPLICIT])
            roles.append(build_role(sop_class, scp_role=True))
        tls = (self.gateway.authority.client(self.certificate), "localhost")
        self.association = entity.associate(
            "127.0.0.1", self.gateway.secure_port, ae_title=self.called, tls_args=tls,
            ext_neg=[*roles, *identity(self.person)], evt_handlers=[(evt.EVT_C_STORE, self._keep)],
        )  # fmt: skip
        assert self.association.is_established, f"{self.person and self.person.name}: not admitted"
        return self

    def __exit__(self, *_: object) -> None:
        if self.association.is_established:
            self.association.release()

    def _keep(self, event: evt.Event) -> int:
        self.got[str(event.request.AffectedSOPInstanceUID)] = event.request.DataSet.getvalue()
        return 0

    def find(self, level: str, keys: Mapping[str, object], model=STUDY_FIND) -> tuple[int, list[Dataset]]:
        """The final status and the answers."""
        answers, final = [], -1
        for status, found in self.association.send_c_find(identifier(level, keys), model):
            final = status.get("Status", -1)
            if final in (0xFF00, 0xFF01):
                answers.append(found)
        return final, answers

    def get(self, level: str, keys: Mapping[str, object]) -> tuple[int, tuple[int, int, int], set[str]]:
        """The final status, completed, failed and warning, and the instances that came."""
        self.got = {}
        last = Dataset()
        for status, _ in self.association.send_c_get(identifier(level, keys), STUDY_GET):
            last = status
        return last.get("Status", -1), counters(last), set(self.got)

    def move(self, level: str, keys: Mapping[str, object], destination: str, model=STUDY_MOVE) -> tuple[int, tuple[int, int, int]]:
        last = Dataset()
        for status, _ in self.association.send_c_move(identifier(level, keys), destination, model):
            last = status
        return last.get("Status", -1), counters(last)


def identifier(level: str, keys: Mapping[str, object]) -> Dataset:
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(data, name, value)
    return data


def counters(status: Dataset) -> tuple[int, int, int]:
    names = ("Completed", "Failed", "Warning")
    completed, failed, warning = (status.get(f"NumberOf{name}Suboperations") or 0 for name in names)
    return completed, failed, warning
