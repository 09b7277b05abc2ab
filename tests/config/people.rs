//! Rules about people, and what narrows: each fault with its words, and what comes out where there is none.

use super::{GATEWAY, House, POLICY, golden};
use dicomgate::dicom::Tag;
use dicomgate::policy::model::{Blown, Budget, Unit};

const USERS: &str = "[users.local]\nfile = \"users.toml\"\n";

/// A rule for referrers with further keys.
fn referrers(keys: &str) -> String {
    format!(
        "{POLICY}[[rule]]\nname = \"referrers\"\nwho = [\"role:referrer\"]\nvia = [\"group:modality\"]\nto = [\"PACS\"]\n{keys}\n"
    )
}

fn house(policy: &str) -> House {
    let house = House::new(&format!("{GATEWAY}{USERS}"), policy);
    house.write("users.toml", "");
    house.mode("users.toml", 0o600);
    house
}

#[test]
fn what_cannot_narrow_is_said_in_these_words() {
    let find = |keys: &str| referrers(&format!("may = [\"find\"]\n{keys}"));
    let peer = |keys: &str| format!("{POLICY}[[peer]]\nae_titles = [\"WS1\"]\n{keys}\n");
    let cases = [
        ("attribute", find("where = { RefferingPhysicianName = \"X\" }\nhide = [\"PatientBirtDate\", \"0010,0040\"]")),
        ("attribute-case", find("require_key = [\"patientid\"]")),
        ("series-attribute", find("where = { Modality = \"CT\", SOPClassUID = \"1.2\", StationName = \"A\" }")),
        ("series-sequence", find("where = { \"RequestAttributesSequence.RequestedProcedureID\" = \"A\" }")),
        ("no-sequence", find("where = { \"PatientName.PatientID\" = \"A\", ProcedureCodeSequence = \"A\" }")),
        ("private", find("where = { \"(0009,1001)\" = \"A\" }\nhide = [\"(0009,1001)\"]")),
        (
            "values",
            find("where = { PatientID = [], AccessionNumber = 7, StudyID = \"A\\\\B\", StudyDescription = \"*\" }"),
        ),
        (
            "dates",
            find("where = { StudyDate = [\">=90d\", \"<=+7\", \">=2024-02-30\", \">=+7d <=-7d\", \"yesterday\"] }"),
        ),
        (
            "braces",
            find("where = { PatientID = [\"{user}\", \"{usr.x}\", \"{user.x\", \"{claim.}\", \"{peer.name}\"] }"),
        ),
        ("nothing", find("where = {}")),
        ("no-table", find("where = \"PatientID = 1\"")),
        (
            "hide-unique",
            find("hide = [\"PatientID\", \"StudyInstanceUID\", \"SOPClassUID\", \"SpecificCharacterSet\"]"),
        ),
        ("hide-path", find("hide = [\"RequestAttributesSequence.AccessionNumber\"]")),
        ("hide-nothing", find("hide_in_objects = true")),
        ("levels", find("levels = [\"study\", \"INSTANCE\"]")),
        ("budget", find("budget = \"100 images/hour\"")),
        ("budget-window", find("budget = \"100 studies/60d\"\non_budget = \"block\"")),
        ("on-budget-alone", find("on_budget = \"refuse\"")),
        ("limit", find("max_results = 0\nlimit_status = \"FF00\"")),
        ("limit-alone", find("limit_status = \"A7\"")),
        ("break-glass", find("break_glass = \"3d\"")),
        ("store-beside", referrers("may = [\"find\", \"store\"]\nwhere = { PatientID = \"1\" }")),
        (
            "no-reading",
            referrers("may = [\"echo\", \"store\"]\nbudget = \"1 study/day\"\nrequire_key = [\"PatientID\"]"),
        ),
        ("worklist", referrers("may = [\"worklist\"]\nwhere_patient = { PatientID = \"1\" }\nlevels = [\"STUDY\"]")),
        ("deny", find("effect = \"deny\"\nwhere = { PatientID = \"1\" }\nlevels = [\"STUDY\"]")),
        (
            "devices",
            POLICY.replace(
                "may  = [\"echo\", \"store\"]",
                "may = [\"find\"]\nbreak_glass = true\nwhere = { PatientID = \"{user.x}\" }",
            ),
        ),
        ("emergency-title", peer("certificate = \"ws1.example\"\nemergency_titles = [\"CT1\", \"WS1\"]")),
        (
            "emergency-uncertified",
            peer(
                "certificate = \"any\"\nnetwork = [\"10.1.0.0/16\"]\nemergency_titles = [\"E\"]\nusername_only = true",
            ),
        ),
        (
            "canary",
            format!(
                "{POLICY}[[canary]]\nname = \"a\"\n[[canary]]\nname = \"a\"\npatient_id = \"X*\"\nstudy = \"1.a\"\n"
            ),
        ),
        (
            "test",
            format!(
                "{POLICY}[[test]]\nname = \"t\"\narchive = \"PACS\"\nto = \"CT1\"\nwants = \"store\"\nroles = [\"x\"]\nkeys = [\"PatientsID\"]\nexpect = \"deny\"\n"
            ),
        ),
    ];
    let mut all = String::new();
    for (name, policy) in cases {
        let words = house(&policy).words();
        assert_ne!(words, "\n", "{name} is taken without a word");
        all.push_str(&format!("== {name}\n{words}\n"));
    }
    let unknown = House::new(GATEWAY, &find("")).words();
    all.push_str(&format!("== nobody-known\n{unknown}\n"));
    golden("people.txt", &all);
}

#[test]
fn what_is_written_is_what_comes_out() {
    let policy = referrers(
        "may = [\"find\", \"get\"]
where = { ReferringPhysicianName = \"{user.physician}\", \"0008,0020\" = [\">=-90d\", \"2020-01-01\"], ProcedureCodeSequence.CodeValue = \"A?\" }
where_patient = { InstitutionName = \"{claim.a.b}-*\" }
hide = [\"PatientAddress\", \"(0010,0030)\", \"(0009,1001)\"]
hide_in_objects = true
require_key = [\"PatientID\", \"AccessionNumber\"]
levels = [\"STUDY\", \"SERIES\"]
max_results = 200
limit_status = \"C001\"
budget = \"20 patients / 8h\"
on_budget = \"refuse\"
break_glass = \"30m\"
[[canary]]
name = \"nobody\"
patient_id = \"NOBODY-1\"
study = \"2.25.1\"
[[test]]
name = \"referrers ask by patient\"
peer = \"CT1\"
user = \"meier\"
roles = [\"referrer\"]
attributes = { physician = \"MEIER^ANNA\", claim.a.b = [\"N\", \"S\"] }
emergency = true
level = \"STUDY\"
keys = [\"PatientID\"]
wants = \"find\"
expect = \"permit\"
rule = \"referrers\"
[[test]]
name = \"referrers do not ask without\"
peer = \"CT1\"
roles = [\"referrer\"]
attributes = { physician = \"MEIER^ANNA\", \"claim.a.b\" = \"N\" }
emergency = true
level = \"STUDY\"
wants = \"find\"
expect = \"deny\"
[[test]]
name = \"nor by names with wild cards\"
peer = \"CT1\"
roles = [\"referrer\"]
attributes = { physician = \"M*\", \"claim.a.b\" = \"N\" }
emergency = true
level = \"STUDY\"
keys = [\"PatientID\"]
wants = \"find\"
expect = \"deny\"",
    );
    let house = house(&policy);
    let settings = house.load().unwrap();
    assert!(settings.source.warnings.is_empty(), "{:?}", settings.source.warnings);
    let rule = &settings.policy.rules[1];
    let told: Vec<(String, Vec<String>)> = rule
        .r#where
        .iter()
        .map(|wanted| (wanted.attribute.to_string(), wanted.any.iter().map(ToString::to_string).collect()))
        .collect();
    let told: Vec<(&str, Vec<&str>)> =
        told.iter().map(|(name, any)| (name.as_str(), any.iter().map(String::as_str).collect())).collect();
    assert_eq!(
        told,
        [
            ("0008,0020", vec![">=-90d", "20200101"]),
            ("ProcedureCodeSequence.CodeValue", vec!["A?"]),
            ("ReferringPhysicianName", vec!["{user.physician}"]),
        ]
    );
    assert_eq!(rule.r#where[1].attribute.path, [Tag(0x0008, 0x1032), Tag(0x0008, 0x0100)]);
    assert_eq!(rule.where_patient[0].any[0].to_string(), "{claim.a.b}-*");
    assert_eq!(rule.hide, [Tag(0x0010, 0x1040), Tag(0x0010, 0x0030), Tag(0x0009, 0x1001)]);
    assert_eq!(rule.budget, Some(Budget { most: 20, unit: Unit::Patients, window: 28_800, blown: Blown::Refuse }));
    assert_eq!((rule.max_results, rule.limit_status, rule.break_glass), (Some(200), Some(0xc001), Some(1_800)));
    let canary = &settings.policy.canaries[0];
    assert_eq!((canary.patient_id.as_deref(), canary.study.unwrap().as_str()), (Some("NOBODY-1"), "2.25.1"));
}

/// The sample, every comment about people taken for real.
#[test]
fn what_the_sample_shows_about_people_is_accepted() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = std::fs::read_to_string(samples.join("policy.toml")).unwrap();
    let (before, behind) = text.split_once("# People need").unwrap();
    let (people, behind) = behind.split_once("# What PACS sends by itself").unwrap();
    let people: Vec<&str> = people.lines().skip(1).map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
    let people = people.join("\n").replace("A patient who exists", "# A patient who exists");
    let house = house(&format!("{before}\n{people}\n# {behind}"));
    let settings = house.load().unwrap();
    assert!(settings.source.warnings.is_empty(), "{:?}", settings.source.warnings);
    let policy = &settings.policy;
    assert_eq!((policy.rules.len(), policy.canaries.len(), policy.tests.len()), (5, 1, 9));
}
