//! Small policies and requests in few words.

use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Uid};
use crate::policy::model::{
    ArchiveName, Asker, CertificatePattern, Destination, Effect, Expectation, Hours, Peer, PolicyTest, Rule, Subject,
};
use crate::policy::{
    Anchor, CertificateFacts, Decision, DenialReason, Known, Moment, Policy, PolicyFault, PolicyModel, Principal,
    Request, Transport, User,
};
use std::sync::Arc;

pub const CT_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const MR_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.4";
pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
/// 2 January 2030, a Wednesday, 12:00 UTC.
pub const NOON: Moment = Moment { unix: 1_893_585_600, minute: 720, weekday: 2 };

pub fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

pub fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

pub fn ops(words: &str) -> Vec<Operation> {
    let find = |word| *Operation::ALL.iter().find(|operation| operation.as_str() == word).unwrap();
    words.split_whitespace().map(find).collect()
}

pub fn subject(text: &str) -> Subject {
    match text.split_once(':') {
        None => Subject::Anyone,
        Some(("peer", name)) => Subject::Peer(name.into()),
        Some(("group", name)) => Subject::Group(name.into()),
        Some(("role", name)) => Subject::Role(name.into()),
        Some(("user", name)) => Subject::User(name.into()),
        Some((_, name)) => Subject::Archive(name.into()),
    }
}

/// A peer called as its title, with a certificate of the same name, in 10.20.0.0/16.
pub fn peer(name: &str, groups: &str) -> Peer {
    Peer {
        name: name.into(),
        line: 1,
        ae_titles: vec![title(name)],
        certificate: Some(CertificatePattern::Dns(format!("{}.example", name.to_lowercase()).into())),
        networks: vec!["10.20.0.0/16".parse().unwrap()],
        groups: groups.split_whitespace().map(Arc::from).collect(),
        ..Peer::default()
    }
}

pub fn archive(name: &str, also: &[&str]) -> ArchiveName {
    let answers_to = [name].iter().chain(also).map(|name| title(name)).collect();
    ArchiveName { answers_to, ..ArchiveName::of(title(name)) }
}

/// A permit for PACS.
pub fn rule(name: &str, who: &str, may: &str) -> Rule {
    Rule {
        name: name.into(),
        line: 1,
        who: who.split_whitespace().map(subject).collect(),
        to: vec!["PACS".into()],
        may: ops(may),
        ..Rule::default()
    }
}

pub fn deny(name: &str, who: &str, may: &str) -> Rule {
    Rule { effect: Effect::Deny, ..rule(name, who, may) }
}

pub fn hours(from: &str, until: &str) -> Option<Hours> {
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
    };
    Some(Hours { from: minute(from), until: minute(until) })
}

pub fn to(names: &[&str]) -> Vec<Destination> {
    let one = |name: &&str| if *name == "self" { Destination::Own } else { Destination::Named((*name).into()) };
    names.iter().map(one).collect()
}

pub fn test(name: &str, peer: &str, wants: &str, expect: Expectation) -> PolicyTest {
    PolicyTest {
        name: name.to_owned(),
        line: 1,
        asker: Asker::Peer(peer.to_owned()),
        from: None,
        wants: ops(wants)[0],
        to: None,
        sop_class: None,
        modality: None,
        transfer_syntax: None,
        destination: None,
        person: None,
        level: None,
        keys: Vec::new(),
        at: None,
        expect,
        rule: None,
        seal: None,
        open: None,
    }
}

/// CT1 and CT2 (modality), WS1 (workstation), archives PACS (also PACS_QR) and RIS.
pub fn model(rules: Vec<Rule>) -> PolicyModel {
    PolicyModel {
        peers: vec![peer("CT1", "modality"), peer("CT2", "modality ward"), peer("WS1", "workstation")],
        archives: vec![archive("PACS", &["PACS_QR"]), archive("RIS", &[])],
        rules,
        ..PolicyModel::default()
    }
}

pub fn policy(rules: Vec<Rule>) -> Policy {
    Policy::compile(model(rules)).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub fn faults(model: PolicyModel) -> Vec<PolicyFault> {
    Policy::compile(model).err().unwrap_or_default()
}

pub fn principal(policy: &Policy, name: &str) -> Principal {
    let at = policy.model().peers.iter().position(|peer| &*peer.name == name).unwrap();
    let peer = &policy.model().peers[at];
    Principal {
        peer: u32::try_from(at).unwrap(),
        name: Arc::clone(&peer.name),
        calling: peer.ae_titles[0],
        from: "10.20.0.11".parse().unwrap(),
        transport: Transport::Mutual { spki: [0; 32] },
        user: None,
    }
}

/// A person with these roles.
pub fn user(name: &str, roles: &str) -> User {
    let roles = roles.split_whitespace().map(str::to_owned).collect();
    User { name: name.to_owned(), source: "local".to_owned(), roles, until: i64::MAX, ..User::default() }
}

pub fn request<'a>(principal: &'a Principal, wants: &str) -> Request<'a> {
    Request {
        principal,
        to: "PACS",
        operation: ops(wants).first().copied(),
        sop_class: None,
        transfer_syntax: None,
        destination: None,
        modality: Known::Absent,
        query: Known::Unread,
        at: NOON,
    }
}

/// A decision in one word and the rule that made it: `permit RULE`, `deny RULE`, `deny`, `need`, `observed`.
pub fn verdict(decision: &Decision) -> String {
    match decision {
        Decision::Permit(permission) if permission.observed => "observed".to_owned(),
        Decision::Permit(permission) => format!("permit {}", permission.rule.as_deref().unwrap()),
        Decision::Need(_) => "need".to_owned(),
        Decision::Deny(denial) => match &denial.reason {
            DenialReason::Rule(rule) => format!("deny {rule}"),
            DenialReason::NoRule { .. } => "deny".to_owned(),
            DenialReason::UnknownDestination(_) => "deny: destination".to_owned(),
            DenialReason::NotAsked(_) => "deny: not asked".to_owned(),
            DenialReason::Quarantine { .. } | DenialReason::EmergencyOver(_) | DenialReason::Budget(_) => {
                "deny: by the gate".to_owned()
            }
            DenialReason::Fault(_) => "deny: fault".to_owned(),
        },
    }
}

pub fn certificate(dns: &[&str]) -> CertificateFacts {
    CertificateFacts {
        dns: dns.iter().map(|name| Arc::from(*name)).collect(),
        common_name: None,
        spki: [7; 32],
        anchor: Anchor::ClientCa,
        subject: String::new(),
        serial: String::new(),
        not_after: i64::MAX,
    }
}
