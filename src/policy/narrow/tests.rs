//! What narrowings show, hide and send, against a model that says it a second time and as plainly as possible.

use super::{Narrowing, Shown};
use crate::dicom::Tag;
use crate::dicom::matching::Attributes;
use crate::policy::attribute::{Attribute, tag};
use crate::policy::model::{Blown, Budget, Rule, Unit};
use crate::policy::tests::kit::{NOON, policy, principal, request, rule, subject, user};
use crate::policy::value::{Value, Wanted};
use crate::policy::{Decision, Principal, User};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{select, subsequence};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An answer: values by keyword, items by the keyword of their sequence.
#[derive(Debug, Clone, Default)]
struct Answer(BTreeMap<Tag, String>, BTreeMap<Tag, Vec<Answer>>);

impl Attributes for Answer {
    fn text(&self, tag: Tag) -> Option<Cow<'_, str>> {
        self.0.get(&tag).map(|text| Cow::Borrowed(text.as_str()))
    }
    fn some_item(&self, tag: Tag, fits: &mut dyn FnMut(&dyn Attributes) -> bool) -> bool {
        self.1.get(&tag).into_iter().flatten().any(|item| fits(item))
    }
}

fn answer(values: &[(&str, &str)]) -> Answer {
    let values = values.iter().map(|(name, value)| (tag(name).unwrap(), (*value).to_owned()));
    Answer(values.collect(), BTreeMap::new())
}

fn wanted(name: &str, values: &[&str]) -> Wanted {
    let attribute = Attribute::parse(name).unwrap();
    let any = values.iter().map(|value| Value::parse(attribute.vr, value).unwrap()).collect();
    Wanted { attribute, any }
}

fn find(name: &str, all: &[(&str, &[&str])]) -> Rule {
    let r#where = all.iter().map(|(name, values)| wanted(name, values)).collect();
    Rule { r#where, ..rule(name, "role:reader peer:WS1", "find get") }
}

/// What these rules permit a person; `Err` holds the words of a denial.
fn narrowing(rules: Vec<Rule>, user: Option<User>) -> Result<Option<Arc<Narrowing>>, String> {
    let policy = policy(rules);
    let principal = Principal { user: user.map(Arc::new), ..principal(&policy, "WS1") };
    match policy.decide(&request(&principal, "find")) {
        Decision::Permit(permission) => Ok(permission.narrowing),
        Decision::Deny(denial) => Err(denial.reason.to_string()),
        Decision::Need(fact) => Err(format!("{fact:?}")),
    }
}

fn shown(rules: Vec<Rule>, answer: &Answer) -> bool {
    let narrowing = narrowing(rules, None).unwrap().unwrap();
    !narrowing.shows(answer, Shown::NOTHING).is_nothing()
}

fn reader(attributes: &[(&str, &[&str])]) -> User {
    let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    let attributes = attributes.iter().map(|(name, all)| ((*name).to_owned(), values(all))).collect();
    User { attributes, ..user("anna", "reader") }
}

#[test]
fn all_attributes_must_fit_and_any_value_of_each() {
    let rules = || vec![find("r", &[("StudyDescription", &["CT*", "MR*"]), ("PatientID", &["7"])])];
    assert!(shown(rules(), &answer(&[("StudyDescription", "MR head"), ("PatientID", "7 ")])));
    assert!(!shown(rules(), &answer(&[("StudyDescription", "US"), ("PatientID", "7")])));
    assert!(!shown(rules(), &answer(&[("StudyDescription", "MR head")])), "what is not said does not fit");
    assert!(!shown(rules(), &answer(&[("StudyDescription", "MR head"), ("PatientID", "77")])));
}

#[test]
fn one_and_the_same_item_must_fit() {
    let step = |modality, station| answer(&[("Modality", modality), ("ScheduledStationAETitle", station)]);
    let worklist = |items: Vec<Answer>| {
        Answer(BTreeMap::new(), BTreeMap::from([(tag("ScheduledProcedureStepSequence").unwrap(), items)]))
    };
    let rules = || {
        vec![find(
            "r",
            &[
                ("ScheduledProcedureStepSequence.Modality", &["CT"]),
                ("ScheduledProcedureStepSequence.ScheduledStationAETitle", &["{peer.ae_title}"]),
            ],
        )]
    };
    assert!(shown(rules(), &worklist(vec![step("MR", "X"), step("CT", "WS1")])));
    assert!(!shown(rules(), &worklist(vec![step("CT", "X"), step("MR", "WS1")])));
    assert!(!shown(rules(), &worklist(vec![])));
}

#[test]
fn dates_count_from_the_local_day() {
    // NOON is 2 January 2030.
    let rules = || vec![find("r", &[("StudyDate", &[">=-2d <=+0d", "2029-01-01"])])];
    for (date, fits) in [
        ("20291230", false),
        ("20291231", true),
        ("20300102", true),
        ("20300103", false),
        ("20290101", true),
        ("", false),
    ] {
        assert_eq!(shown(rules(), &answer(&[("StudyDate", date)])), fits, "{date}");
    }
}

#[test]
fn the_day_is_that_of_the_local_clock() {
    let at = |text: &str| {
        let zoned: jiff::Zoned = text.parse().unwrap();
        (crate::policy::Moment::of(&zoned).date(), zoned.date())
    };
    for text in [
        "2026-11-22T00:30:00+13:00[Pacific/Auckland]",
        "2026-11-21T23:30:00-08:00[America/Los_Angeles]",
        "2026-11-22T12:00:00+00:00[UTC]",
        "2026-01-01T00:00:00+14:00[Pacific/Kiritimati]",
    ] {
        let (found, expected) = at(text);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn values_from_outside_mean_themselves() {
    let rules = |value: &str| vec![find("mine", &[("ReferringPhysicianName", &[value])])];
    let answers = ["MEIER^ANNA", "Meier^Anna=マイヤー", "MEIER^BERTA", "*", "A\\B", "X^Y", ""]
        .map(|name| answer(&[("ReferringPhysicianName", name)]));
    let sees = |rules: Vec<Rule>, user: User| match narrowing(rules, Some(user)) {
        Ok(Some(narrowing)) => {
            let places = (0..answers.len()).filter(|&at| !narrowing.shows(&answers[at], Shown::NOTHING).is_nothing());
            places.collect::<Vec<_>>()
        }
        Ok(None) => panic!("everything"),
        Err(words) => {
            assert!(words.contains("`mine`"), "{words}");
            Vec::new()
        }
    };
    let physician = |values: &[&str]| reader(&[("physician", values)]);
    assert_eq!(sees(rules("{user.physician}"), physician(&["meier^anna"])), [0, 1]);
    assert_eq!(sees(rules("{user.physician}"), physician(&["MEIER^ANNA", "MEIER^BERTA"])), [0, 1, 2]);
    for odd in ["*", "M?IER^ANNA", "A\\B", "X^*", "", " ", "^", "=", "^=^ ", "MEIER\u{7}", "\u{0}"] {
        assert_eq!(sees(rules("{user.physician}"), physician(&[odd])), [0; 0], "{odd:?}");
        assert_eq!(
            sees(rules("{user.physician}"), physician(&["MEIER^ANNA", odd])),
            [0; 0],
            "{odd:?} beside a good one"
        );
    }
    assert_eq!(sees(rules("{user.physician}"), physician(&[])), [0; 0]);
    assert_eq!(sees(rules("{user.other}"), physician(&["MEIER^ANNA"])), [0; 0]);
    assert_eq!(sees(rules("{user.physician}^*"), physician(&["MEIER"])), [0, 1, 2], "the administrator's own star");
    for name in ["*", "A\\B", "X^*"] {
        assert_eq!(sees(rules("{user.name}"), User { name: name.to_owned(), ..user("", "reader") }), [0; 0]);
    }
}

#[test]
fn outside_names_and_times_delimiters_mean_something_too() {
    let holds = |attribute: &str, value: &str| {
        let rules = vec![find("mine", &[(attribute, &["{user.x}"])])];
        narrowing(rules, Some(reader(&[("x", &[value])]))).is_ok()
    };
    assert!(holds("InstitutionName", "Clinic North-West"));
    assert!(!holds("InstitutionName", "A^B") && !holds("InstitutionName", "A=B"));
    assert!(holds("ReferringPhysicianName", "A^B=C"));
    assert!(holds("StudyDate", "20240101") && !holds("StudyDate", "20240101-") && !holds("StudyDate", "-"));
    assert!(holds("StudyInstanceUID", "1.2.3") && !holds("StudyInstanceUID", "1.2\\1.3"));
    assert!(holds("PatientID", "{user.x}"), "braces in a value are no template");
}

#[test]
fn the_denial_names_the_rule_and_the_braces_and_never_the_value() {
    let rules = vec![find("mine", &[("ReferringPhysicianName", &["{user.physician}"])])];
    let words = narrowing(rules, Some(reader(&[("physician", &["SECRET*"])]))).unwrap_err();
    assert!(words.contains("`mine`") && words.contains("`{user.physician}`") && !words.contains("SECRET"), "{words}");
}

#[test]
fn a_permit_that_shows_everything_wins() {
    let mine = || find("mine", &[("PatientID", &["7"])]);
    let all = rule("all", "role:reader peer:WS1", "find");
    assert!(narrowing(vec![mine()], None).unwrap().is_some());
    assert_eq!(narrowing(vec![mine(), all.clone()], None), Ok(None));
    assert_eq!(narrowing(vec![all, mine()], Some(reader(&[]))), Ok(None));
}

#[test]
fn at_most_sixty_four_permits_are_united() {
    let rules = (0..70).map(|at| find(&format!("r{at:02}"), &[("PatientID", &[&at.to_string()])])).collect();
    let narrowing = narrowing(rules, None).unwrap().unwrap();
    let names: Vec<&str> = narrowing.permits().iter().map(|permit| &*permit.rule).collect();
    assert_eq!((names.len(), names[0], names[63]), (64, "r00", "r63"));
    let shows = |id: &str| narrowing.shows(&answer(&[("PatientID", id)]), Shown::NOTHING);
    assert!(shows("63").has(63) && shows("64").is_nothing());
}

#[test]
fn limits_budgets_and_hidden_attributes_of_several_permits() {
    let hide = |names: &[&str]| names.iter().map(|name| tag(name).unwrap()).collect::<Vec<_>>();
    let budget = Some(Budget { most: 3, unit: Unit::Patients, window: 60, blown: Blown::Refuse });
    let one = Rule {
        hide: hide(&["PatientBirthDate", "PatientAddress"]),
        hide_in_objects: true,
        max_results: Some(5),
        ..find("one", &[("PatientID", &["1*"])])
    };
    let two = Rule {
        hide: hide(&["PatientAddress", "PatientSex"]),
        max_results: Some(9),
        limit_status: Some(0xc001),
        budget,
        ..find("two", &[("PatientID", &["?2"])])
    };
    let open = || narrowing(vec![one.clone(), two.clone()], None).unwrap().unwrap();
    let narrowing = open();
    let shows = |id: &str| narrowing.shows(&answer(&[("PatientID", id)]), Shown::NOTHING);
    let [birth, address, sex] = ["PatientBirthDate", "PatientAddress", "PatientSex"].map(|name| tag(name).unwrap());
    let hides = |id: &str| [birth, address, sex].map(|tag| narrowing.hides(shows(id), tag));
    assert_eq!(hides("11"), [true, true, false]);
    assert_eq!(hides("22"), [false, true, true]);
    assert_eq!(hides("12"), [false, true, false], "only what both hide");
    assert_eq!(hides("33"), [true; 3], "nobody shows it");
    assert_eq!(narrowing.hidden_in_objects(shows("11")), [birth, address]);
    assert!(narrowing.hidden_in_objects(shows("12")).is_empty() && narrowing.hidden_in_objects(shows("22")).is_empty());
    assert_eq!(narrowing.max_results(), Some((9, 0xc001)));
    assert_eq!(narrowing.permits()[1].budget, budget);
    assert_eq!(narrowing.wanted(), [tag("PatientID").unwrap()]);
    let unlimited = Rule { max_results: None, limit_status: None, ..two.clone() };
    let more = super::tests::narrowing(vec![one.clone(), unlimited], None).unwrap().unwrap();
    assert_eq!(more.max_results(), None);
    assert_eq!(open(), open(), "caches compare narrowings");
}

#[test]
fn what_a_budget_cannot_count_its_permit_does_not_show() {
    let counted = |name: &str, unit| Rule {
        budget: Some(Budget { most: 3, unit, window: 60, blown: Blown::Refuse }),
        ..find(name, &[("StudyDescription", &["CT*"])])
    };
    let rules = vec![counted("patients", Unit::Patients), counted("studies", Unit::Studies)];
    let narrowing = narrowing(rules, None).unwrap().unwrap();
    let places = |more: &[(&str, &str)]| {
        let shown = narrowing.shows(&answer(&[&[("StudyDescription", "CT")], more].concat()), Shown::NOTHING);
        shown.places().collect::<Vec<_>>()
    };
    assert_eq!(places(&[("PatientID", "7"), ("StudyInstanceUID", "1.2")]), [0, 1]);
    assert_eq!(places(&[("PatientID", " "), ("StudyInstanceUID", "1.2")]), [1]);
    assert_eq!(places(&[("PatientID", "7")]), [0]);
    assert!(places(&[]).is_empty());
    let free = super::tests::narrowing(vec![find("free", &[("StudyDescription", &["CT*"])])], None).unwrap().unwrap();
    assert!(free.shows(&answer(&[("StudyDescription", "CT")]), Shown::NOTHING) == free.all(), "nobody counts it");
}

#[test]
fn names_times_and_lists_are_only_checked() {
    let sent = |all: &[(&str, &[&str])]| -> Vec<(String, String)> {
        let narrowing = narrowing(vec![find("r", all)], None).unwrap().unwrap();
        narrowing.sent().into_iter().map(|key| (crate::policy::attribute::keyword(key.tag), key.text)).collect()
    };
    let key = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    assert_eq!(sent(&[("PatientID", &["7*"])]), key("PatientID", "7*"));
    assert_eq!(sent(&[("StudyDescription", &["M?ller – Süd"])]), key("StudyDescription", "M*ller * S*d"));
    assert_eq!(sent(&[("StudyDate", &[">=-1d"])]), key("StudyDate", "20300101-"));
    assert_eq!(sent(&[("StudyInstanceUID", &["1.2.3"])]), key("StudyInstanceUID", "1.2.3"));
    for only_checked in [
        ("ReferringPhysicianName", "MEIER^ANNA"),
        ("PatientName", "1"),
        ("StudyTime", "10-12"),
        ("ModalitiesInStudy", "CT"),
        ("PatientAge", "030Y"),
        ("InstitutionName", "??"),
        ("InstitutionName", "\"\""),
        ("ScheduledProcedureStepSequence.Modality", "CT"),
    ] {
        assert!(sent(&[(only_checked.0, &[only_checked.1])]).is_empty(), "{only_checked:?}");
    }
    assert!(sent(&[("PatientID", &["7", "8"])]).is_empty());
}

#[test]
fn of_a_patient_some_study_must_fit() {
    let nine = |name: &str| Rule { where_patient: vec![wanted("StudyDescription", &["CT*"])], ..find(name, &[]) };
    let own = find("own", &[("PatientID", &["1"])]);
    let narrowing = narrowing(vec![nine("patients"), own], None).unwrap().unwrap();
    let ct = narrowing.fits_patient(&answer(&[("StudyDescription", "CT head")]));
    let mr = narrowing.fits_patient(&answer(&[("StudyDescription", "MR head")]));
    assert_eq!((ct, mr), (Shown::of(0).or(Shown::of(1)), Shown::of(1)));
    assert_eq!(narrowing.without_patient(), Shown::of(1));
    let other = answer(&[("PatientID", "2"), ("StudyDescription", "MR head")]);
    assert_eq!(narrowing.shows(&other, mr.or(ct)), Shown::of(0));
    assert!(narrowing.shows(&other, mr).is_nothing());
    assert_eq!(narrowing.shows(&answer(&[("PatientID", "1")]), Shown::NOTHING), Shown::of(1));
    assert_eq!(narrowing.wanted_of_patient(), [tag("StudyDescription").unwrap()]);
    assert_eq!(narrowing.wanted(), [tag("PatientID").unwrap()]);
    assert_eq!(narrowing.sent(), [], "the one says nothing of its studies");
    assert_eq!(narrowing.sent_of_patient()[0].text, "CT*");
}

// --- the plain model ---

/// A rule as plain data: keyword, values, whether by patient; hidden keywords.
#[derive(Debug, Clone)]
struct Plain {
    all: Vec<(&'static str, Vec<&'static str>)>,
    patient: Vec<(&'static str, Vec<&'static str>)>,
    hide: Vec<&'static str>,
}

const TEXTS: [&str; 12] = ["A", "a", "B", "AB", "A*", "?B", "*b", "Ä", "Ä*", "A B", "", "Aé"];
const NAMES: [&str; 9] = ["Ann^A", "ANN^A", "ann", "Bo", "BO=Ann", "A*", "*^A", "Ännchen^A", "änn*"];
const DATES: [&str; 5] = ["20240101", "20240102", "20240101-20240201", "-20240101", "20240102-"];

fn plain_values(name: &str) -> Vec<&'static str> {
    match name {
        "ReferringPhysicianName" => NAMES.to_vec(),
        "StudyDate" => DATES.to_vec(),
        _ => TEXTS.to_vec(),
    }
}

const ATTRIBUTES: [&str; 4] = ["PatientID", "StudyDescription", "ReferringPhysicianName", "StudyDate"];

fn conditions() -> impl Strategy<Value = Vec<(&'static str, Vec<&'static str>)>> {
    let one = |name: &'static str| {
        let sound = |value: &&str| !value.is_empty();
        let values: Vec<&str> = plain_values(name).into_iter().filter(sound).collect();
        prop_oneof![2 => Just(None), 1 => subsequence(values, 1..=3).prop_map(move |any| Some((name, any)))]
    };
    (one(ATTRIBUTES[0]), one(ATTRIBUTES[1]), one(ATTRIBUTES[2]), one(ATTRIBUTES[3]))
        .prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect())
}

fn plain_rules() -> impl Strategy<Value = Vec<Plain>> {
    let one = (
        conditions(),
        prop_oneof![2 => Just(Vec::new()), 1 => conditions()],
        subsequence(ATTRIBUTES[1..].to_vec(), 0..=2),
    );
    let one = one.prop_map(|(all, patient, hide)| Plain { all, patient, hide });
    let narrows = |plain: &Plain| !plain.all.is_empty() || !plain.patient.is_empty() || !plain.hide.is_empty();
    vec(one.prop_filter("narrows", narrows), 1..5)
}

/// Values as an archive holds them: no wild cards meant, though a star may stand there.
fn study() -> impl Strategy<Value = Answer> {
    let dates = vec!["20231231", "20240101", "20240102", "20240301", ""];
    (select(vec!["1", "2"]), select(TEXTS.to_vec()), select(NAMES.to_vec()), select(dates), any::<bool>()).prop_map(
        |(patient, text, name, date, padded)| {
            let pad = if padded { " " } else { "" };
            let text = format!("{text}{pad}");
            answer(&[
                ("PatientID", if padded { text.trim() } else { patient }),
                ("StudyDescription", &text),
                ("ReferringPhysicianName", name),
                ("StudyDate", date),
            ])
        },
    )
}

/// Wild cards by recursion.
fn glob(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|at| glob(rest, &text[at..])),
        Some(('?', rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((c, rest)) => text.first() == Some(c) && glob(rest, &text[1..]),
    }
}

fn globs(pattern: &str, text: &str) -> bool {
    glob(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
}

/// One key against one value, by what C.2.2.2 says of the attribute.
fn plain_fits(name: &str, key: &str, value: &str) -> bool {
    let value = value.trim();
    if value.is_empty() {
        return false;
    }
    match name {
        "ReferringPhysicianName" => {
            let key = key.to_lowercase();
            if key.contains('=') {
                let value = value.to_lowercase();
                return key
                    .split('=')
                    .enumerate()
                    .all(|(at, part)| value.split('=').nth(at).is_some_and(|own| globs(part, own)));
            }
            value.to_lowercase().split('=').any(|group| globs(&key, group))
        }
        "StudyDate" => match key.split_once('-') {
            Some((from, until)) => (from.is_empty() || from <= value) && (until.is_empty() || value <= until),
            None => key == value,
        },
        _ => globs(key, value),
    }
}

fn plain_all(all: &[(&str, Vec<&str>)], answer: &Answer) -> bool {
    all.iter().all(|(name, any)| {
        let value = answer.text(tag(name).unwrap()).unwrap_or_default();
        any.iter().any(|key| plain_fits(name, key, &value))
    })
}

fn compiled(plain: &[Plain]) -> Arc<Narrowing> {
    let many = |all: &[(&'static str, Vec<&'static str>)]| -> Vec<Wanted> {
        all.iter().map(|(name, any)| wanted(name, any)).collect()
    };
    let rules = plain.iter().enumerate().map(|(at, plain)| Rule {
        r#where: many(&plain.all),
        where_patient: many(&plain.patient),
        hide: plain.hide.iter().map(|name| tag(name).unwrap()).collect(),
        ..find(&format!("r{at}"), &[])
    });
    narrowing(rules.collect(), None).unwrap().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn shown_and_hidden_is_what_the_words_say(plain in plain_rules(), studies in vec(study(), 1..12)) {
        let narrowing = compiled(&plain);
        let patient_of = |study: &Answer| study.0[&tag("PatientID").unwrap()].clone();
        for study in &studies {
            let same = studies.iter().filter(|other| patient_of(other) == patient_of(study));
            let patient = same.clone().fold(Shown::NOTHING, |shown, other| shown.or(narrowing.fits_patient(other)));
            let shown = narrowing.shows(study, patient);
            let expected: Vec<usize> = plain.iter().enumerate().filter(|(_, plain)| {
                plain_all(&plain.all, study)
                    && (plain.patient.is_empty() || same.clone().any(|other| plain_all(&plain.patient, other)))
            }).map(|(at, _)| at).collect();
            prop_assert_eq!(shown.places().collect::<Vec<_>>(), expected.clone(), "{:?}", study);
            for name in ATTRIBUTES {
                let hidden = expected.iter().all(|&at| plain[at].hide.contains(&name));
                prop_assert_eq!(narrowing.hides(shown, tag(name).unwrap()), hidden);
            }
        }
    }

    /// An archive that compares with case, byte for byte after decoding, leaves out nothing that would be shown.
    #[test]
    fn what_is_sent_leaves_out_nothing_that_is_shown(plain in plain_rules(), studies in vec(study(), 1..12)) {
        let narrowing = compiled(&plain);
        let fits = |study: &Answer, key: &super::SentKey| {
            let name = crate::policy::attribute::keyword(key.tag);
            let value = study.text(key.tag).unwrap_or_default().into_owned();
            prop_assert!(name != "ReferringPhysicianName", "names are never sent");
            prop_assert!(key.text.is_ascii() && !key.text.contains(['?', '\\']), "{}", key.text);
            prop_assert!(plain_fits(&name, &key.text, &value), "{:?} leaves out {:?}", key, study);
            Ok(())
        };
        for study in &studies {
            if !narrowing.shows(study, narrowing.fits_patient(study)).is_nothing() {
                for key in narrowing.sent() {
                    fits(study, &key)?;
                }
            }
            if !narrowing.fits_patient(study).and(narrowing.without_patient()).eq(&narrowing.fits_patient(study)) {
                for key in narrowing.sent_of_patient() {
                    fits(study, &key)?;
                }
            }
        }
    }

    #[test]
    fn a_value_from_outside_shows_at_most_what_is_its_own(value in "[ A-Ca-c*?^=\\\\-]{0,6}", other in "[A-Ca-c^=-]{0,6}") {
        for attribute in ["StudyDescription", "ReferringPhysicianName"] {
            let rules = vec![find("mine", &[(attribute, &["{user.x}"])])];
            let Ok(Some(narrowing)) = narrowing(rules, Some(reader(&[("x", &[&value])]))) else { continue };
            let own = |text: &str| match attribute {
                "StudyDescription" => vec![text.trim().to_owned()],
                // Any group that a single-group value equals, without case and trailing delimiters.
                _ => text.to_lowercase().split('=').map(|group| group.split('^').map(str::trim).collect::<Vec<_>>().join("^").trim_end_matches('^').to_owned()).collect(),
            };
            let answer = answer(&[(attribute, &other)]);
            if !narrowing.shows(&answer, Shown::NOTHING).is_nothing() {
                let (mine, theirs) = (own(&value), own(&other));
                prop_assert!(mine.iter().any(|group| !group.is_empty() && theirs.contains(group)), "{value:?} sees {other:?}");
            }
        }
    }
}

#[test]
fn a_permit_of_devices_narrows_too_and_no_one_is_let_through_by_a_role_that_is_not_theirs() {
    let rules = vec![Rule { who: vec![subject("role:reader")], ..find("mine", &[("PatientID", &["7"])]) }];
    let words = narrowing(rules, Some(user("anna", "clerk"))).unwrap_err();
    assert!(words.contains("names neither the person nor a role of theirs"), "{words}");
    assert_eq!(NOON.date().to_string(), "2030-01-02");
}
