"""Only what they may see: random small hospitals and rules, and what queries, moves and gets show of them to each person.

Who may see what is worked out by `support.hospital`, which shares nothing with the gateway.
"""

from __future__ import annotations

import random

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from support import gateway as under_test
from support import hospital, people, ward
from support.archives import ARCHIVES
from support.peers import free_port
from support.people import PATIENT_FIND, STUDY_FIND, STUDY_GET, STUDY_MOVE, Desk, Person
from support.wire import wait_for

pytestmark = pytest.mark.alone

ROLES = ("referrer", "researcher")
STAFF = [
    Person("anna", "correct horse", ("referrer",), {"physician": ["Müller^Anna", "SMITH^JOHN"]}),
    Person("taro", "battery staple", ("referrer", "researcher"), {"physician": ["山田^太郎"]}),
    Person("igor", "tr0ub4dor and 3", ("researcher",), {"physician": ["Ибрагимов^Игорь"]}),
    Person("star", "a wild card of its own", ROLES, {"physician": ["*"]}),
    Person("slash", "two values in one", ROLES, {"physician": ["Smith^John\\Müller^Anna"]}),
    Person("caret", "begins like another", ROLES, {"physician": ["Smith^*"]}),
]


class Site:
    """Three archives with a hospital each, one workstation, one gateway whose rules change."""

    def __init__(self, house) -> None:
        self.station = house.workstation("pynetdicom", "WS1")
        inside = free_port()
        self.studies = {}
        self.archives = {}
        for title in ARCHIVES:
            self.archives[title] = house.archive(title, {"WS1": inside})
            self.studies[title] = hospital.hospital(random.Random(title), title[:2])
            hospital.fill(self.archives[title].port, self.studies[title], title)
            # Rules can only go by what an archive says of a study; qrscp does not keep all of it.
            self.studies[title] = hospital.as_said(self.archives[title].port, self.studies[title], title)
        first, *others = [
            {"ae_title": title, "address": f"127.0.0.1:{archive.port}", "correlate": "serial" if title == "PYNET" else "originator"}
            for title, archive in self.archives.items()
        ]  # fmt: skip
        self.gateway = house.gateway(
            0, policy=self.policy([]), archive_settings=first, archives=others, inside=inside, limits=ward.QUICK, start=False, **people.local()
        )
        people.enrol(self.gateway, STAFF)
        self.gateway.start()

    def policy(self, rules: list[hospital.Rule]) -> dict[str, object]:
        entry = under_test.rule("people may ask whether it is there", ["role:referrer", "role:researcher"], ["echo"], to=list(ARCHIVES))
        peer = under_test.peer("WS1", "ws1.test", address=f"127.0.0.1:{self.station.secure_port}", groups=["workstation"])
        return {"peer": [peer], "rule": [entry, *(rule.table for rule in rules)]}

    def rule(self, rules: list[hospital.Rule]) -> None:
        before = self.gateway.metric("dicomgate_generation")
        self.gateway.write_policy(self.policy(rules))
        wait_for(lambda: self.gateway.metric("dicomgate_generation") > before, 20, "the new rules")

    def desk(self, person: Person, title: str) -> Desk:
        return Desk(self.gateway, "WS1", self.station.certificate, person, title)


@pytest.fixture(scope="module")
def site(shared_house):
    return Site(shared_house)


def shown(answer) -> dict[str, str]:
    return {key: str(answer.get(key, "") or "") for key in hospital.RETURNED}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("title", ARCHIVES)
def test_what_is_found_is_what_is_handed_out_is_what_the_rules_say(site, title, seed, full):
    for turn in range(5 if full else 1):
        dice = random.Random(f"{title} {seed} {turn}")
        everything = site.studies[title]
        rules = hospital.rules(dice, everything, ROLES, [title])
        site.rule(rules)
        for person in dice.sample(STAFF, 6 if full else 3):
            if not any(rule.role in person.roles for rule in rules):
                assert_shut(site, title, person)
                continue
            look_around(site, title, person, hospital.Sight.of(person, rules, everything), any(person_holds(rule, person) for rule in rules), dice)


def assert_shut(site: Site, title: str, person: Person) -> None:
    """Nothing but C-ECHO is left of what somebody proposes for whom there is no rule."""
    entity = AE("WS1")
    for model in (STUDY_FIND, PATIENT_FIND, STUDY_GET, STUDY_MOVE, Verification):
        entity.add_requested_context(model)
    tls = (site.gateway.authority.client(site.station.certificate), "localhost")
    association = entity.associate("127.0.0.1", site.gateway.secure_port, ae_title=title, tls_args=tls, ext_neg=people.identity(person))
    assert association.is_established, (title, person.name)
    assert [str(one.abstract_syntax) for one in association.accepted_contexts] == [str(Verification)], (title, person.name)
    association.release()


def person_holds(rule: hospital.Rule, person: Person) -> bool:
    """Whether a rule holds for somebody at all; of those for whom none does, every request is refused."""
    if rule.role not in person.roles:
        return False
    asks = any("{user.physician}" in str(part) for part in (rule.table.get("where"), rule.table.get("where_patient")))
    return not asks or not any(set("*?\\") & set(one) for one in person.attributes["physician"])


def look_around(site: Site, title: str, person: Person, sight: hospital.Sight, permitted: bool, dice: random.Random) -> None:
    everything = site.studies[title]
    told = (title, person.name, [one.uid for one in everything])
    with site.desk(person, title) as desk:
        status, answers = desk.find("STUDY", dict.fromkeys(hospital.RETURNED, ""))
        if not permitted:
            assert (status, answers) == (0x0124, []), told
            return
        assert status == 0, told
        found = {str(answer.StudyInstanceUID): shown(answer) for answer in answers}
        # qrscp answers once for each instance, also without a gateway before it.
        assert title == "PYNET" or len(found) == len(answers), told
        wanted = {uid: sight.row(study) for uid, study in sight.studies.items()}
        assert set(found) == set(wanted), told
        differing = {(uid, key): (found[uid][key], row[key]) for uid, row in wanted.items() for key in row if found[uid][key] != row[key]}
        assert not differing, (told, differing)
        # Asked by a key: nothing is found by what is hidden.
        one = dice.choice(everything)
        for key in ("AccessionNumber", "PatientID", "PatientBirthDate"):
            if not one.value(key):
                continue  # the archive does not know this attribute
            status, answers = desk.find("STUDY", {"StudyInstanceUID": "", key: one.value(key)})
            wanted = {
                uid for uid, study in sight.studies.items() if study.value(key) == one.value(key) and key not in sight.hidden[uid]
            }  # fmt: skip
            assert (status, {str(answer.StudyInstanceUID) for answer in answers}) == (0, wanted), (*told, key)
        status, answers = desk.find("PATIENT", {"PatientID": "", "PatientName": ""}, PATIENT_FIND)
        assert (status, sorted(str(answer.PatientID) for answer in answers)) == (0, sorted({study.patient for study in sight.studies.values()})), told
        for study in everything:
            visible = study.uid in sight.studies
            status, answers = desk.find("SERIES", {"StudyInstanceUID": study.uid, "SeriesInstanceUID": ""})
            assert (status, {str(answer.SeriesInstanceUID) for answer in answers}) == (0, set(study.instances) if visible else set()), (*told, study)
        asked = [study.uid for study in dice.sample(everything, min(6, len(everything)))]
        # qrscp refuses lists of UIDs, also without a gateway before it.
        for some in [asked] if title != "PYNET" else [[one] for one in asked]:
            wanted = {one for study in everything if study.uid in some and study.uid in sight.studies for one in study.all()}
            status, (completed, failed, _), got = desk.get("STUDY", {"StudyInstanceUID": some})
            assert got == wanted and (completed, failed) == (len(wanted), 0), (*told, status, some)
        for study in dice.sample(everything, 3):
            wanted = study.all() if study.uid in sight.studies else set()
            _, counted = desk.move("STUDY", {"StudyInstanceUID": study.uid}, "WS1")
            assert {one.sop_instance for one in site.station.take()} == wanted, (*told, study)
            assert counted == (len(wanted), 0, 0), (*told, study)


@pytest.mark.parametrize("title", ARCHIVES)
def test_hidden_is_answered_as_absent_is(site, title):
    """The same status, the same counters, the same comment: a study that is not shown, and one that does not exist."""
    everything = site.studies[title]
    hidden = everything[0]
    others = sorted({study.patient for study in everything} - {hidden.patient})
    table = {
        "name": "not that one", "who": ["role:referrer"], "to": [title], "may": ["find", "get", "move"], "destinations": ["self"],
        "where": {"PatientID": others},
    }  # fmt: skip
    site.rule([hospital.Rule(table, "referrer")])
    absent, series = f"{hospital.ROOT}.999.1", next(iter(hidden.instances))
    with site.desk(STAFF[0], title) as desk:
        for level, one, other in (
            ("STUDY", {"StudyInstanceUID": hidden.uid}, {"StudyInstanceUID": absent}),
            ("SERIES", {"StudyInstanceUID": hidden.uid, "SeriesInstanceUID": series}, {"StudyInstanceUID": absent, "SeriesInstanceUID": f"{absent}.1"}),
            (
                "IMAGE",
                {"StudyInstanceUID": hidden.uid, "SeriesInstanceUID": series, "SOPInstanceUID": hidden.instances[series][0]},
                {"StudyInstanceUID": absent, "SeriesInstanceUID": f"{absent}.1", "SOPInstanceUID": f"{absent}.1.1"},
            ),
        ):
            assert desk.find(level, one) == desk.find(level, other), level
            assert desk.get(level, one) == desk.get(level, other), level
            assert desk.move(level, one, "WS1") == desk.move(level, other, "WS1"), level
    assert site.station.take() == []
