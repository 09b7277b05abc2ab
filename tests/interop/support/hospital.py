"""Small random hospitals, random rules, and who may see what by a reading of the rules that shares nothing with the gateway's."""

from __future__ import annotations

import dataclasses
import datetime
import random
from collections.abc import Callable, Mapping, Sequence

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom import sop_class as classes

from support.people import STUDY_FIND, Person, identifier

ROOT = "1.2.826.0.1.3680043.9.9999.7"
PHYSICIANS = ("Müller^Anna", "Smith^John", "Yamada^Tarou=山田^太郎", "Ибрагимов^Игорь", "Nobody^Else")
HIDDEN = ("PatientBirthDate", "AccessionNumber", "StudyDescription", "ReferringPhysicianName")
RETURNED = ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", *HIDDEN)


@dataclasses.dataclass(frozen=True)
class Study:
    uid: str
    patient: str
    name: str
    birth: str
    date: str
    accession: str
    description: str
    physician: str
    instances: Mapping[str, Sequence[str]]
    """Instances by series."""

    def value(self, keyword: str) -> str:
        return {
            "StudyInstanceUID": self.uid, "PatientID": self.patient, "PatientName": self.name, "PatientBirthDate": self.birth, "StudyDate": self.date,
            "AccessionNumber": self.accession, "StudyDescription": self.description, "ReferringPhysicianName": self.physician,
        }[keyword]  # fmt: skip

    def all(self) -> set[str]:
        return {one for series in self.instances.values() for one in series}


def hospital(dice: random.Random, prefix: str) -> list[Study]:
    """Some patients with one to four studies each."""
    found = []
    for number in range(1, 7):
        for at in range(dice.randint(1, 4)):
            uid = f"{ROOT}.{ord(prefix[0])}.{number}.{at + 1}"
            series = {f"{uid}.{one}": [f"{uid}.{one}.{image}" for image in range(1, dice.randint(2, 3))] for one in range(1, dice.randint(2, 3))}
            found.append(
                Study(
                    uid, f"{prefix}-{number}", f"Doe{number}^Jane", f"19{50 + number}0203", f"2024{dice.randint(1, 12):02}{dice.randint(1, 28):02}",
                    f"{prefix}A{number}{at}", f"Thorax {number}{at}", dice.choice(PHYSICIANS), series,
                )  # fmt: skip
            )
    return found


def fill(port: int, studies: Sequence[Study], called: str) -> None:
    store(port, [object_of(study, series, one) for study in studies for series, instances in study.instances.items() for one in instances], called)


def store(port: int, objects: Sequence[Dataset], called: str) -> None:
    entity = AE("CT1")
    entity.add_requested_context(classes.SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    assert association.is_established
    for one in objects:
        status = association.send_c_store(one)
        assert status.get("Status") == 0, status
    association.release()


def as_said(port: int, studies: Sequence[Study], called: str) -> list[Study]:
    """The studies with what the archive answers about them, asked without a gateway."""
    entity = AE("WS1")
    entity.add_requested_context(STUDY_FIND)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    answers = {}
    for _, one in association.send_c_find(identifier("STUDY", dict.fromkeys(RETURNED, "")), STUDY_FIND):
        if one is not None:
            answers[str(one.StudyInstanceUID)] = one
    association.release()
    fields = {
        "PatientName": "name", "PatientBirthDate": "birth", "StudyDate": "date", "AccessionNumber": "accession",
        "StudyDescription": "description", "ReferringPhysicianName": "physician",
    }  # fmt: skip
    found = []
    for study in studies:
        said = answers[study.uid]
        assert str(said.PatientID) == study.patient
        found.append(dataclasses.replace(study, **{field: str(said.get(keyword, "") or "") for keyword, field in fields.items()}))
    return found


def object_of(study: Study, series: str, instance: str) -> Dataset:
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = classes.SecondaryCaptureImageStorage, instance
    data.StudyInstanceUID, data.SeriesInstanceUID = study.uid, series
    for keyword in RETURNED[1:]:
        setattr(data, keyword, study.value(keyword))
    data.Modality, data.SeriesNumber, data.InstanceNumber, data.StudyID = "OT", "1", instance.rsplit(".", 1)[1], "1"
    data.StudyTime = "101112"
    data.Rows = data.Columns = 2
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation, data.PixelData = 7, 0, b"\1\2\3\4"
    data["PixelData"].VR = "OB"
    data.ConversionType = "WSD"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


# --- rules, and what they mean ---

Fits = Callable[[Person, Study], bool]


@dataclasses.dataclass
class Rule:
    """One rule as the file says it, and as we read it."""

    table: dict[str, object]
    role: str
    where: Sequence[Fits] = ()
    where_patient: Sequence[Fits] = ()
    hides: frozenset[str] = frozenset()

    def shows(self, person: Person, study: Study, everything: Sequence[Study]) -> bool:
        if self.role not in person.roles or not all(fits(person, study) for fits in self.where):
            return False
        siblings = [one for one in everything if one.patient == study.patient]
        return not self.where_patient or any(all(fits(person, one) for fits in self.where_patient) for one in siblings)


def _physician(person: Person, study: Study) -> bool:
    def plain(name: str) -> list[str]:
        return [group.rstrip("^").casefold() for group in name.split("=")]

    mine = person.attributes.get("physician", ())
    if any(set("*?\\") & set(one) for one in mine) or not mine:
        return False
    # A name of one group is meant in whatever script it is written.
    return any(
        plain(one) == plain(study.physician) or len(plain(one)) == 1 and plain(one)[0] in plain(study.physician) for one in mine
    )  # fmt: skip


def conditions(dice: random.Random, studies: Sequence[Study]) -> tuple[dict[str, object], list[Fits]]:
    """One or two conditions of `where`, as TOML and as functions."""
    patients = dice.sample(sorted({one.patient for one in studies}), 2)
    month = dice.randint(3, 9)
    since = datetime.date(2024, month, 1)
    digit = dice.choice("123456")
    known: list[tuple[str, object, Fits]] = [
        ("ReferringPhysicianName", "{user.physician}", _physician),
        ("PatientID", patients, lambda _, study: study.patient in patients),
        ("PatientID", f"*-{digit}", lambda _, study: study.patient.endswith(f"-{digit}")),
        ("StudyDate", f">={since.isoformat()}", lambda _, study: study.date >= since.strftime("%Y%m%d")),
        ("AccessionNumber", f"*A{digit}?", lambda _, study: study.accession[-3:-1] == f"A{digit}"),
    ]  # fmt: skip
    chosen = dice.sample(known, dice.randint(1, 2))
    if len({key for key, _, _ in chosen}) < len(chosen):
        chosen = chosen[:1]
    return {key: value for key, value, _ in chosen}, [fits for _, _, fits in chosen]


def rules(dice: random.Random, studies: Sequence[Study], roles: Sequence[str], archives: Sequence[str]) -> list[Rule]:
    found = []
    for number in range(dice.randint(2, 4)):
        role = dice.choice(roles)
        table: dict[str, object] = {
            "name": f"rule {number}", "who": [f"role:{role}"], "via": ["group:workstation"], "to": list(archives),
            "may": ["find", "get", "move"], "destinations": ["self"],
        }  # fmt: skip
        rule = Rule(table, role)
        kind = dice.randint(0, 2)
        if kind != 1:
            table["where"], rule.where = conditions(dice, studies)
        if kind != 0:
            table["where_patient"], rule.where_patient = conditions(dice, studies)
        if dice.random() < 0.5:
            hides = dice.sample(HIDDEN, dice.randint(1, 2))
            table["hide"], rule.hides = hides, frozenset(hides)
        found.append(rule)
    return found


@dataclasses.dataclass
class Sight:
    """What one person sees of a hospital."""

    studies: dict[str, Study]
    hidden: dict[str, frozenset[str]]

    @classmethod
    def of(cls, person: Person, rules: Sequence[Rule], everything: Sequence[Study]) -> Sight:
        studies, hidden = {}, {}
        for study in everything:
            showing = [rule for rule in rules if rule.shows(person, study, everything)]
            if showing:
                studies[study.uid] = study
                hidden[study.uid] = frozenset.intersection(*(rule.hides for rule in showing))
        return cls(studies, hidden)

    def row(self, study: Study) -> dict[str, str]:
        return {key: "" if key in self.hidden[study.uid] else study.value(key) for key in RETURNED}
