"""Budgets and canaries: a dump stops, and an ordinary day does not."""

from __future__ import annotations

import pytest

from support import gateway as under_test
from support import people
from support.people import Desk, Person
from support.register import Entry, Register, entry

pytestmark = pytest.mark.alone

READER = Person("reader", "a permitted reader", ("radiologist",))
SECOND = Person("second", "another permitted reader", ("radiologist",))
PATIENTS = 10_000
LIST = {"StudyInstanceUID": "", "PatientID": "", "PatientName": "", "StudyDate": ""}


def hospital(house, entries: list[Entry], *, canary: Entry | None = None, **more: object):
    archive = house.keep(Register(entries))
    policy: dict[str, object] = {
        "peer": [under_test.peer("WS1", "ws1.test", groups=["workstation"])],
        "rule": [
            under_test.rule("radiologists read", ["role:radiologist"], ["echo", "find", "get"], via=["group:workstation"], **more),
            under_test.rule("workstations ask whether it is there", ["group:workstation"], ["echo"]),
        ],
    }  # fmt: skip
    if canary is not None:
        policy["canary"] = [{"name": "nobody", "patient_id": canary.patient}]
    gateway = house.gateway(archive.port, policy=policy, start=False, **people.local())
    people.enrol(gateway, [READER, SECOND])
    return archive, gateway.start()


def desk(house, gateway, person: Person | None) -> Desk:
    return Desk(gateway, "WS1", house.certificates["ws1"], person)


def is_admitted(house, gateway, person: Person) -> bool:
    try:
        with desk(house, gateway, person):
            return True
    except AssertionError:
        return False


def test_a_dump_stops_at_the_budget(house):
    """Not one study beyond it, an alert, and nothing more for the reader until somebody releases them."""
    archive, gateway = hospital(house, [entry(number) for number in range(PATIENTS)], budget="600 studies/hour")
    with desk(house, gateway, READER) as asking:
        status, answers = asking.find("STUDY", LIST | {"PatientName": "*"})
        assert len({answer.StudyInstanceUID for answer in answers}) == len(answers) <= 600
        assert status != 0
    assert len(answers) >= 500, "what is within the budget is seen"
    listed = gateway.run("quarantine", "list").stdout
    assert "user:reader" in listed
    assert not is_admitted(house, gateway, READER)
    # Another person at the same workstation goes on.
    with desk(house, gateway, SECOND) as asking:
        status, answers = asking.find("STUDY", LIST | {"PatientID": "R000007"})
        assert (status, len(answers)) == (0, 1)
    assert gateway.metric("dicomgate_quarantined") == 1
    gateway.run("quarantine", "release", "user:reader", "--by", "nurse")
    under_test.wire.wait_for(lambda: is_admitted(house, gateway, READER), 20, "the release")


def test_asked_one_by_one_it_stops_there_too(house):
    _, gateway = hospital(house, [entry(number) for number in range(100)], budget="30 studies/hour", on_budget="refuse")
    seen = set()
    with desk(house, gateway, READER) as asking:
        for number in range(60):
            status, answers = asking.find("STUDY", LIST | {"PatientID": f"R{number:06}"})
            seen |= {answer.StudyInstanceUID for answer in answers}
            assert (status == 0) == (number < 30), (number, hex(status))
        # What was seen is seen again without cost.
        status, answers = asking.find("STUDY", LIST | {"PatientID": "R000003"})
        assert (status, len(answers)) == (0, 1)
    assert len(seen) == 30
    assert "user:reader" not in gateway.run("quarantine", "list", "--all").stdout
    assert gateway.metric("dicomgate_quarantined") == 0


@pytest.mark.parametrize("how", ["in a dump", "by name", "at series level"])
def test_a_canary_stops_it_at_once(house, how):
    canary = entry(424242)
    entries = [entry(number) for number in range(2000)]
    entries.insert(5, canary)
    _, gateway = hospital(house, entries, canary=canary)
    with desk(house, gateway, READER) as asking:
        if how == "in a dump":
            _, answers = asking.find("STUDY", LIST | {"PatientName": "*"})
        elif how == "by name":
            _, answers = asking.find("STUDY", LIST | {"PatientID": canary.patient})
        else:
            _, answers = asking.find("STUDY", LIST | {"StudyInstanceUID": canary.study})
        assert len(answers) <= 5 and all(answer.PatientID != canary.patient for answer in answers)
    under_test.wire.wait_for(lambda: "user:reader" in gateway.run("quarantine", "list").stdout, 20, "the quarantine")
    assert not is_admitted(house, gateway, READER)
    assert gateway.run("audit", "verify").returncode == 0


def test_a_screening_day_does_not_trip(house):
    """Two readers, 120 studies with four priors each; lists refreshed every few studies, every study opened by both."""
    today = [entry(number, 0, "20261121") for number in range(120)]
    priors = [entry(number, prior, f"20{25 - prior}0601") for number in range(120) for prior in range(1, 5)]
    canary = entry(999_999, 0, "19000101")
    _, gateway = hospital(house, [*today, *priors, canary], canary=canary, budget="700 studies/day")
    shown: dict[str, set[str]] = {}
    for reader in (READER, SECOND):
        seen = shown[reader.name] = set()
        with desk(house, gateway, reader) as asking:
            for number, study in enumerate(today):
                if number % 10 == 0:
                    status, answers = asking.find("STUDY", LIST | {"StudyDate": "20261121"})
                    assert (status, len(answers)) == (0, 120)
                    seen |= {answer.StudyInstanceUID for answer in answers}
                status, answers = asking.find("STUDY", LIST | {"PatientID": study.patient})
                assert (status, len(answers)) == (0, 5), study
                seen |= {answer.StudyInstanceUID for answer in answers}
                for one in answers:
                    status, series = asking.find("SERIES", {"StudyInstanceUID": one.StudyInstanceUID, "SeriesInstanceUID": ""})
                    assert (status, len(series)) == (0, 1)
    assert [len(seen) for seen in shown.values()] == [600, 600]
    assert gateway.metric("dicomgate_quarantined") == 0
