//! Properties over random policies and requests.

use super::kit::{NOON, archive, hours, ops, peer, rule, subject, title, to, uid, user, verdict};
use super::naive;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Uid};
use crate::policy::model::{Effect, Hours, Rule};
use crate::policy::{Decision, Known, Moment, Open, Policy, PolicyModel, Principal, Request, Transport, User};
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{select, subsequence};
use std::sync::Arc;

const CLASSES: [&str; 4] = ["1.2.1", "1.2.2", "1.2.3", "1.2.4"];
const SYNTAXES: [&str; 3] = ["1.3.1", "1.3.2", "1.3.3"];
const MODALITIES: [&str; 3] = ["CT", "MR", "US"];
const NAMES: [&str; 5] = ["CT1", "CT2", "WS1", "WS2", "PACS"];

fn hospital(rules: Vec<Rule>, observe: bool) -> PolicyModel {
    let mut shared = peer("WS2", "workstation ward");
    shared.ae_titles.push(title("WS2_QR"));
    let peers = vec![peer("CT1", "modality"), peer("CT2", "modality ward"), peer("WS1", "workstation"), shared];
    let peers = peers.into_iter().map(|peer| crate::policy::model::Peer { vault_shared: true, ..peer }).collect();
    let rules =
        rules.into_iter().enumerate().map(|(at, rule)| Rule { name: format!("rule {at}").into(), ..rule }).collect();
    PolicyModel {
        peers,
        archives: vec![archive("PACS", &["PACS_QR"]), archive("RIS", &[])],
        rules,
        tests: Vec::new(),
        canaries: Vec::new(),
        observe_until: observe.then_some(jiff::Timestamp::MAX),
        seal_all: false,
    }
}

fn some<T: Clone + std::fmt::Debug + 'static>(all: Vec<T>, most: usize) -> impl Strategy<Value = Vec<T>> {
    prop_oneof![Just(Vec::new()), subsequence(all, 1..=most)]
}

fn texts<const N: usize>(all: [&str; N]) -> Vec<Uid> {
    all[..N - 1].iter().map(|text| uid(text)).collect()
}

fn spans() -> impl Strategy<Value = Option<Hours>> {
    let spans = vec![hours("07:00", "19:00"), hours("22:00", "06:00"), hours("00:00", "24:00")];
    prop_oneof![3 => Just(None), 1 => select(spans)]
}

/// A rule that compiles by itself.
fn rules() -> impl Strategy<Value = Rule> {
    let subjects =
        ["peer:CT1", "peer:WS1", "group:modality", "group:ward", "group:workstation", "anyone", "role:nurse"];
    let subjects =
        subjects.into_iter().chain(["archive:PACS", "role:referrer", "user:mueller"]).map(subject).collect::<Vec<_>>();
    let via = ["group:ward", "group:workstation", "peer:CT1"].map(subject).to_vec();
    let named = to(&["self", "WS1", "WS2_QR", "PACS", "CT1"]);
    let who_to_may = (
        subsequence(subjects, 1..=2),
        prop_oneof![3 => Just(Vec::new()), 1 => subsequence(via, 1..=2)],
        subsequence(vec!["PACS".into(), "RIS".into()], 1..=2),
        subsequence(ops("store find get move"), 1..=3),
        prop_oneof![3 => Just(Effect::Permit), 1 => Just(Effect::Deny)],
    );
    let modalities = MODALITIES[..2].iter().map(|text| (*text).into()).collect();
    let conditions = (
        some(texts(CLASSES), 3),
        some(texts(SYNTAXES), 2),
        some(modalities, 2),
        spans(),
        some((0..7).collect(), 7),
        some(named, 3),
    );
    let opens = prop_oneof![2 => Just(Open::No), 1 => Just(Open::Sealed), 1 => Just(Open::Opened)];
    let vault = (any::<bool>(), opens);
    let made = (who_to_may, conditions, vault).prop_map(|((who, via, to, may, effect), conditions, (seal, open))| {
        let (sop_classes, transfer_syntaxes, modalities, hours, days, destinations) = conditions;
        let rest = Rule { sop_classes, transfer_syntaxes, modalities, hours, days, destinations, ..rule("", "", "") };
        let permits = effect == Effect::Permit;
        let archive = who.iter().any(|who| matches!(who, crate::policy::model::Subject::Archive(_)));
        let seal = seal && permits && may.contains(&Operation::Store);
        let shows = |operation: &Operation| match operation {
            Operation::Store => archive,
            operation => [Operation::Find, Operation::Get, Operation::Move].contains(operation),
        };
        let open = if permits && may.iter().any(shows) { open } else { Open::No };
        Rule { who, via, to, may, effect, seal, open, ..rest }
    });
    made.prop_filter("compiles", |rule| Policy::compile(hospital(vec![rule.clone()], false)).is_ok())
}

#[derive(Debug, Clone)]
struct Asked {
    name: &'static str,
    user: Option<User>,
    to: &'static str,
    wants: &'static str,
    class: Option<Uid>,
    syntax: Option<Uid>,
    destination: Option<AeTitle>,
    modality: Known<&'static str>,
    at: Moment,
}

impl Asked {
    fn decide_with<T>(&self, decide: impl FnOnce(&Request<'_>) -> T) -> T {
        let principal = Principal {
            peer: u32::try_from(NAMES.iter().position(|name| *name == self.name).unwrap()).unwrap(),
            name: self.name.into(),
            calling: title(self.name),
            from: "10.20.0.11".parse().unwrap(),
            transport: Transport::Tls,
            user: self.user.clone().filter(|_| self.name != "PACS").map(Arc::new),
        };
        decide(&Request {
            principal: &principal,
            to: self.to,
            operation: Some(ops(self.wants)[0]),
            sop_class: self.class.as_ref(),
            transfer_syntax: self.syntax.as_ref(),
            destination: self.destination.as_ref(),
            modality: self.modality,
            query: Known::Unread,
            at: self.at,
        })
    }

    fn verdict(&self, policy: &Policy) -> String {
        self.decide_with(|request| verdict(&policy.decide(request)))
    }
}

fn requests() -> impl Strategy<Value = Asked> {
    let titles = ["CT1", "WS1", "WS2", "WS2_QR", "PACS_QR", "RIS"].map(title).to_vec();
    let modality =
        prop_oneof![Just(Known::Unread), Just(Known::Absent), select(MODALITIES.to_vec()).prop_map(Known::Is)];
    let moment = (0_u16..1440, 0_u8..7).prop_map(|(minute, weekday)| Moment { minute, weekday, ..NOON });
    let users = ["", "nurse", "referrer nurse", "student"].map(|roles| user("mueller", roles));
    let users = users.into_iter().chain([user("meier", ""), user("meier", "referrer")]).collect::<Vec<_>>();
    let made = (
        (select(NAMES.to_vec()), option::weighted(0.6, select(users))),
        select(vec!["PACS", "RIS"]),
        select(vec!["store", "find", "get", "move", "echo"]),
        option::of(select(CLASSES.to_vec()).prop_map(uid)),
        option::of(select(SYNTAXES.to_vec()).prop_map(uid)),
        option::of(select(titles)),
        modality,
        moment,
    );
    made.prop_map(|((name, user), to, wants, class, syntax, destination, modality, at)| Asked {
        name,
        user,
        to,
        wants,
        class,
        syntax,
        destination,
        modality,
        at,
    })
}

fn many_rules() -> impl Strategy<Value = Vec<Rule>> {
    proptest::collection::vec(rules(), 0..24)
}

fn compile(rules: &[Rule], observe: bool) -> Policy {
    Policy::compile(hospital(rules.to_vec(), observe)).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn passes(verdict: &str) -> bool {
    verdict.starts_with("permit") || verdict == "observed"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn the_compiled_policy_means_what_its_words_say(
        rules in many_rules(),
        asked in proptest::collection::vec(requests(), 40),
        observe in any::<bool>(),
    ) {
        let policy = compile(&rules, observe);
        let again = compile(&rules, observe);
        for asked in &asked {
            // Only peers are observed.
            let plain = asked.name == "PACS";
            let model = hospital(rules.clone(), observe && !plain);
            let expected = asked.decide_with(|request| naive::decide(&model, request));
            prop_assert_eq!(asked.verdict(&policy), expected.clone(), "{:?}", asked);
            prop_assert_eq!(asked.verdict(&again), expected, "deterministic");
            if let Decision::Permit(permission) = asked.decide_with(|request| policy.decide(request)) {
                let expected = asked.decide_with(|request| naive::vault(&model, request));
                prop_assert_eq!(Some((permission.seal, permission.open)), expected, "{:?}", asked);
            }
        }
    }

    #[test]
    fn one_more_deny_never_lets_anything_pass(
        rules in many_rules(), extra in rules(), at in any::<proptest::sample::Index>(), asked in requests(),
    ) {
        let before = asked.verdict(&compile(&rules, false));
        let mut more = rules;
        more.insert(at.index(more.len() + 1), Rule { effect: Effect::Deny, seal: false, open: Open::No, ..extra });
        let Ok(policy) = Policy::compile(hospital(more, false)) else { return Ok(()) };
        let after = asked.verdict(&policy);
        prop_assert!(!passes(&after) || passes(&before), "{before} became {after}");
        prop_assert!(!before.starts_with("deny") || after.starts_with("deny"), "{before} became {after}");
    }

    #[test]
    fn one_more_permit_never_takes_anything_away(
        rules in many_rules(), extra in rules(), at in any::<proptest::sample::Index>(), asked in requests(),
    ) {
        let before = asked.verdict(&compile(&rules, false));
        let mut more = rules;
        more.insert(at.index(more.len() + 1), Rule { effect: Effect::Permit, ..extra });
        let Ok(policy) = Policy::compile(hospital(more, false)) else { return Ok(()) };
        let after = asked.verdict(&policy);
        prop_assert!(!passes(&before) || passes(&after), "{before} became {after}");
        prop_assert!(before != "need" || !after.starts_with("deny"), "{before} became {after}");
    }

    #[test]
    fn permits_are_a_union(one in many_rules(), other in many_rules(), asked in requests()) {
        let permits = |rules: Vec<Rule>| rules.into_iter().filter(|rule| rule.effect == Effect::Permit).collect::<Vec<_>>();
        let (one, other) = (permits(one), permits(other));
        let both: Vec<_> = one.iter().chain(&other).cloned().collect();
        // What is not read yet may have to be, to know what becomes of sealed objects.
        let modality = if asked.modality == Known::Unread { Known::Absent } else { asked.modality };
        let asked = Asked { modality, ..asked };
        let either = passes(&asked.verdict(&compile(&one, false))) || passes(&asked.verdict(&compile(&other, false)));
        prop_assert_eq!(passes(&asked.verdict(&compile(&both, false))), either);
    }

    #[test]
    fn what_is_needed_settles_it(rules in many_rules(), asked in requests(), modality in select(MODALITIES.to_vec())) {
        let policy = compile(&rules, false);
        for modality in [Known::Absent, Known::Is(modality)] {
            let told = Asked { modality, ..asked.clone() };
            let unread = Asked { modality: Known::Unread, ..asked.clone() }.verdict(&policy);
            let after = told.verdict(&policy);
            prop_assert!(after != "need");
            prop_assert!(unread == "need" || passes(&unread) == passes(&after), "{unread} but {after}");
        }
    }

    #[test]
    fn a_context_stays_if_a_message_on_it_is_permitted(rules in many_rules(), asked in requests()) {
        let policy = compile(&rules, false);
        let (Some(class), Some(syntax)) = (asked.class, asked.syntax) else { return Ok(()) };
        let (possible, admitted) = asked.decide_with(|request| {
            let possible = policy.possible(request.principal, request.to, ops(asked.wants), &class, &[syntax], request.at);
            let any = Request { operation: None, sop_class: None, transfer_syntax: None, destination: None, ..*request };
            (possible, passes(&verdict(&policy.decide(&any))))
        });
        let verdict = asked.verdict(&policy);
        prop_assert!(possible || !(passes(&verdict) || verdict == "need"), "{verdict}");
        prop_assert!(admitted || !possible);
    }

    #[test]
    fn whoever_may_have_it_sealed_or_opened_is_told_so_beforehand(rules in many_rules(), asked in requests(), observe in any::<bool>()) {
        let policy = compile(&rules, observe);
        let (seal, open) = match asked.decide_with(|request| policy.decide(request)) {
            Decision::Permit(permission) => (permission.seal, permission.open),
            _ => return Ok(()),
        };
        asked.decide_with(|request| {
            prop_assert!(!seal || policy.may_seal(request.principal, request.to));
            if asked.wants != "store" {
                prop_assert!(open <= policy.may_open(request.principal, request.to));
            }
            Ok(())
        })?;
    }

    #[test]
    fn one_more_deny_never_takes_a_seal_away(rules in many_rules(), extra in rules(), asked in requests()) {
        let rights = |rules: &[Rule]| match asked.decide_with(|request| compile(rules, false).decide(request)) {
            Decision::Permit(permission) => Some((permission.seal, permission.open)),
            _ => None,
        };
        let before = rights(&rules);
        let mut more = rules.clone();
        more.push(Rule { effect: Effect::Deny, seal: false, open: Open::No, ..extra.clone() });
        if Policy::compile(hospital(more.clone(), false)).is_ok() {
            let after = rights(&more);
            prop_assert!(after.is_none() || after == before, "{before:?} {after:?}");
        }
        let mut more = rules;
        more.push(extra);
        if let (Some(before), Some(after)) = (before, rights(&more)) {
            prop_assert!(after.0 >= before.0 && after.1 >= before.1, "{before:?} {after:?}");
        }
    }

    #[test]
    fn nobody_unknown_is_permitted(rules in many_rules(), asked in requests(), observe in any::<bool>()) {
        let policy = compile(&rules, observe);
        let verdict = asked.decide_with(|request| {
            let stranger = Principal { peer: 17, name: "EVIL".into(), ..request.principal.clone() };
            verdict(&policy.decide(&Request { principal: &stranger, ..request.clone() }))
        });
        prop_assert_eq!(verdict, "deny: fault");
    }
}
