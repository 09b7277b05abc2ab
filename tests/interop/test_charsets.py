"""Names in every script: pydicom's character-set files in Orthanc, found by exactly those who may see them."""

from __future__ import annotations

import pathlib

import pydicom
import pytest
from pydicom.data import get_charset_files
from pydicom.dataset import Dataset
from pynetdicom import AE

from support import gateway as under_test
from support import hospital, people
from support.people import Desk, Person

FILES = {pathlib.Path(one).stem: pydicom.dcmread(one) for one in get_charset_files("*.dcm")}
NAMES = sorted(name for name, said in FILES.items() if "PatientName" in said)


def source(name: str) -> Dataset:
    return FILES[name]


def study(number: int, name: str) -> Dataset:
    """A secondary capture with that file's character set and patient's name, in its own bytes."""
    said = source(name)
    plain = hospital.Study(f"{hospital.ROOT}.77.{number}", f"C{number}", "x", "19500101", "20240101", f"C{number}", "", "", {})
    data = hospital.object_of(plain, f"{plain.uid}.1", f"{plain.uid}.1.1")
    data.SpecificCharacterSet = said.SpecificCharacterSet
    data.PatientName = said.PatientName
    data.ReferringPhysicianName = said.PatientName
    return data


@pytest.fixture(scope="module")
def site(shared_house):
    archive = shared_house.orthanc()
    hospital.store(archive.port, [study(number, name) for number, name in enumerate(NAMES)], "ORTHANC")
    people_of = {name: Person(f"person-{name}", f"passcode of {name}", ("reader",), {"patient": [str(source(name).PatientName)]}) for name in NAMES}
    policy = {
        "peer": [under_test.peer("WS1", "ws1.test", groups=["workstation"])],
        "rule": [
            under_test.rule("their own", ["role:reader"], ["echo", "find", "get"], where={"PatientName": "{user.patient}"}),
        ],
    }  # fmt: skip
    gateway = shared_house.gateway(archive.port, policy=policy, start=False, **people.local())
    people.enrol(gateway, people_of.values())
    gateway.people = people_of
    gateway.said = said(archive.port)
    return gateway.start()


def said(port: int) -> dict[str, str]:
    """What Orthanc itself makes of each name: it loses some that mix more sets than two."""
    entity = AE("WS1")
    entity.add_requested_context(people.STUDY_FIND)
    association = entity.associate("127.0.0.1", port, ae_title="ORTHANC")
    found = {}
    for _, one in association.send_c_find(people.identifier("STUDY", {"StudyInstanceUID": "", "PatientName": ""}), people.STUDY_FIND):
        if one is not None:
            found[NAMES[int(str(one.StudyInstanceUID).rsplit(".", 1)[1])]] = str(one.PatientName)
    association.release()
    right = [name for name in NAMES if found[name] == str(source(name).PatientName)]
    assert len(right) >= len(NAMES) - 2, found
    return found


def of_one_name(site, name: str) -> set[str]:
    """Studies whose patient bears this file's name, as the archive says it: some files share one."""

    def groups(one: str) -> set[str]:
        return {part.casefold() for part in site.said[one].split("=") if part}

    mine = str(source(name).PatientName)
    same = {one for one in NAMES if site.said[one].casefold() == mine.casefold()}
    if "=" not in mine:
        same |= {one for one in NAMES if mine.casefold() in groups(one)}
    return {f"{hospital.ROOT}.77.{NAMES.index(one)}" for one in same}


@pytest.mark.parametrize("name", NAMES)
def test_by_the_rule_and_by_the_question(site, certificates, name):
    with Desk(site, "WS1", certificates["ws1"], site.people[name]) as desk:
        status, answers = desk.find("STUDY", {"StudyInstanceUID": "", "PatientName": ""})
        assert (status, {str(one.StudyInstanceUID) for one in answers}) == (0, of_one_name(site, name))
        number = NAMES.index(name)
        status, answers = desk.find("STUDY", {"StudyInstanceUID": f"{hospital.ROOT}.77.{number}", "ReferringPhysicianName": ""})
        mine = [site.said[name]] if f"{hospital.ROOT}.77.{number}" in of_one_name(site, name) else []
        assert (status, [str(one.ReferringPhysicianName) for one in answers]) == (0, mine)
        _, counted, got = desk.get("STUDY", {"StudyInstanceUID": [f"{hospital.ROOT}.77.{at}" for at in range(len(NAMES))]})
        assert {one.rsplit(".", 2)[0] for one in got} == of_one_name(site, name) and counted[1] == 0
