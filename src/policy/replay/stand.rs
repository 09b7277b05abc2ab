//! What one policy says of a recorded operation.

use super::recorded::{Person, Recorded};
use crate::dicom::Tag;
use crate::dicom::dimse::Operation;
use crate::policy::compiled::Policy;
use crate::policy::decision::{Decision, DenialReason, Fact, Permission};
use crate::policy::model::Subject;
use crate::policy::narrow::Narrowing;
use crate::policy::request::{Known, Principal, Query, Request, Transport};
use crate::policy::rights::Open;
use crate::policy::user::User;
use crate::policy::value::{Given, Value};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What a policy says of a recorded operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// It permits it.
    Permits {
        /// The first rule, in the order of the file, that does; `None`: it observes.
        rule: Option<Arc<str>>,
        /// What of the answers could be seen; `None`: all of it.
        narrowing: Option<Arc<Narrowing>>,
        /// What is stored is sealed.
        seal: bool,
        /// What becomes of sealed objects.
        open: Open,
    },
    /// It refuses it, and why.
    Refuses(DenialReason),
    /// The peer would not be let in, and why.
    Strange(String),
    /// The record does not tell what the answer hangs on: this.
    Untold(&'static str),
}

const ROLES: &str = "the roles that the person had";
const ATTRIBUTES: &str = "what the person's source said of them";
const QUERY: &str = "what the query asked for";
const MODALITY: &str = "the object's modality";

/// A policy that is asked about the past.
#[derive(Debug)]
pub struct Judge<'p> {
    policy: &'p Policy,
    /// What rules ask of people: `user.physician`, `claim.clinic`.
    asked: Vec<String>,
    /// Every role that a rule names.
    roles: Vec<String>,
    /// Every attribute that a rule requires a key of.
    required: Vec<Tag>,
}

impl<'p> Judge<'p> {
    /// Looks once through the rules.
    pub fn new(policy: &'p Policy) -> Self {
        let rules = &policy.model.rules;
        let wanted = rules.iter().flat_map(|rule| rule.r#where.iter().chain(&rule.where_patient));
        let givens = wanted.flat_map(|wanted| wanted.any.iter().flat_map(Value::givens));
        let asked: BTreeSet<String> = givens
            .filter_map(|given| match given {
                Given::Person(name) => Some(name.to_string()),
                Given::AeTitle => None,
            })
            .collect();
        let named = rules.iter().flat_map(|rule| rule.who.iter().chain(&rule.via));
        let roles: BTreeSet<String> = named
            .filter_map(|subject| match subject {
                Subject::Role(role) => Some(role.to_string()),
                _ => None,
            })
            .collect();
        let required: BTreeSet<Tag> = rules.iter().flat_map(|rule| rule.require_key.iter().copied()).collect();
        Self {
            policy,
            asked: asked.into_iter().collect(),
            roles: roles.into_iter().collect(),
            required: required.into_iter().collect(),
        }
    }

    /// The policy.
    pub const fn policy(&self) -> &'p Policy {
        self.policy
    }

    /// What rules ask of people: `user.physician`, `claim.clinic`.
    pub fn asked_of_people(&self) -> &[String] {
        &self.asked
    }

    /// Decides a recorded operation. `observing`: what no rule permits passes. `known`: attributes and claims
    /// (`user.physician`) that the person certainly had, because a rule that asks for them permitted it then.
    pub fn stand(&self, recorded: &Recorded<'_>, observing: bool, known: &[String]) -> Stand {
        if let Some(words) = self.policy.strange(recorded) {
            return Stand::Strange(words);
        }
        match recorded.person {
            Person::Nobody => self.stand_as(recorded, None, observing),
            Person::Known { name, roles: Some(roles), emergency } => {
                let user = self.as_then(name, roles.to_vec(), emergency, known);
                self.by_attributes(recorded, user, observing)
            }
            Person::Known { name, roles: None, emergency } => {
                let none = self.by_attributes(recorded, self.as_then(name, Vec::new(), emergency, known), observing);
                let all =
                    self.by_attributes(recorded, self.as_then(name, self.roles.clone(), emergency, known), observing);
                if same(&none, &all) { none } else { Stand::Untold(ROLES) }
            }
        }
    }

    /// With the attributes that are known, and with all that a rule asks for: what differs hangs on them.
    fn by_attributes(&self, recorded: &Recorded<'_>, user: User, observing: bool) -> Stand {
        let mut whole = user.clone();
        fill(&mut whole, &self.asked);
        if whole == user {
            return self.stand_as(recorded, Some(user), observing);
        }
        let known = self.stand_as(recorded, Some(user), observing);
        let all = self.stand_as(recorded, Some(whole), observing);
        if same(&known, &all) { known } else { Stand::Untold(ATTRIBUTES) }
    }

    fn stand_as(&self, recorded: &Recorded<'_>, user: Option<User>, observing: bool) -> Stand {
        let (calling, from) = match recorded.caller {
            Some((calling, from)) => (Some(calling), from),
            None => (self.policy.peer(recorded.who).and_then(|peer| peer.ae_titles.first().copied()), UNKNOWN),
        };
        let archive = || self.policy.model.archives.iter().map(|archive| archive.ae_title).next();
        let Some(calling) = calling.or_else(archive) else {
            return Stand::Strange(format!("there is no peer `{}`", recorded.who));
        };
        let principal = Principal {
            peer: u32::MAX,
            name: Arc::from(recorded.who),
            calling,
            from,
            transport: Transport::Plain,
            user: user.map(Arc::new),
        };
        let request = Request {
            principal: &principal,
            to: recorded.to,
            operation: recorded.operation,
            sop_class: recorded.sop_class.as_ref(),
            transfer_syntax: recorded.transfer_syntax.as_ref(),
            destination: recorded.destination.as_ref(),
            modality: match (recorded.modality, recorded.operation) {
                (Some(modality), _) => Known::Is(modality),
                (None, Some(_)) => Known::Absent,
                (None, None) => Known::Unread,
            },
            query: Known::Unread,
            at: recorded.at,
        };
        let level = recorded.level;
        let with =
            |keys| self.decided(&Request { query: Known::Is(Query { level, keys }), ..request.clone() }, observing);
        match recorded.keys {
            Some(keys) => with(keys),
            // The level is told, and which keys were asked is not: it need not matter.
            None if level.is_some() || recorded.operation == Some(Operation::Worklist) => {
                let none = with(&[]);
                if self.required.is_empty() || same(&none, &with(&self.required)) { none } else { Stand::Untold(QUERY) }
            }
            None => self.decided(&request, observing),
        }
    }

    fn decided(&self, request: &Request<'_>, observing: bool) -> Stand {
        match self.policy.decide_as(request, observing) {
            Decision::Permit(Permission { rule, narrowing, seal, open, .. }) => {
                Stand::Permits { rule, narrowing, seal, open }
            }
            Decision::Deny(denial) => Stand::Refuses(denial.reason),
            Decision::Need(Fact::Query) => Stand::Untold(QUERY),
            Decision::Need(Fact::Modality) => Stand::Untold(MODALITY),
        }
    }

    fn as_then(&self, name: &str, mut roles: Vec<String>, emergency: bool, known: &[String]) -> User {
        roles.sort_unstable();
        let mut user = User { name: name.to_owned(), roles, emergency, until: i64::MAX, ..User::default() };
        fill(&mut user, known);
        user
    }
}

impl Policy {
    /// Why whoever called then would not be let in now. What its certificate showed is not recorded: [`Policy::knows_alike`].
    fn strange(&self, recorded: &Recorded<'_>) -> Option<String> {
        let who = recorded.who;
        let Some(&party) = self.names.get(who) else { return Some(format!("there is no peer `{who}`")) };
        if self.parties.get(party as usize).is_some_and(|party| party.archive) {
            return None;
        }
        let (title, from) = recorded.caller?;
        let peer = self.peer(who)?;
        if !peer.ae_titles.contains(&title) {
            return Some(format!("peer `{who}` does not have the title `{title}`"));
        }
        let near = peer.networks.is_empty() || peer.networks.iter().any(|network| network.contains(&from));
        (!near).then(|| format!("peer `{who}` may not call from {from}"))
    }

    /// Whether a peer is known by the same in both policies, as far as records do not tell it: certificate, CA, TLS.
    pub fn knows_alike(&self, other: &Self, who: &str) -> bool {
        match (self.peer(who), other.peer(who)) {
            (Some(a), Some(b)) => a.certificate == b.certificate && a.trust == b.trust && a.plain == b.plain,
            _ => true,
        }
    }
}

const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A value that stands for the one that a person had.
const SOME: &str = "some value";

fn fill(user: &mut User, names: &[String]) {
    for name in names {
        let value = || vec![SOME.to_owned()];
        match name.split_once('.') {
            Some(("user", attribute)) if attribute != "name" => {
                user.attributes.entry(attribute.to_owned()).or_insert_with(value);
            }
            Some(("claim", path)) => {
                user.claims.entry(path.to_owned()).or_insert_with(value);
            }
            _ => {}
        }
    }
}

/// Whether two answers come to the same.
fn same(a: &Stand, b: &Stand) -> bool {
    match (a, b) {
        (
            Stand::Permits { narrowing: a, seal: a_seals, open: a_opens, .. },
            Stand::Permits { narrowing: b, seal: b_seals, open: b_opens, .. },
        ) => a.is_some() == b.is_some() && a_seals == b_seals && a_opens == b_opens,
        (Stand::Refuses(_) | Stand::Strange(_), Stand::Refuses(_) | Stand::Strange(_)) => true,
        (Stand::Untold(_), Stand::Untold(_)) => true,
        _ => false,
    }
}

/// What was asked, for people: `store of CT Image Storage at PACS`.
pub fn words_of(recorded: &Recorded<'_>) -> String {
    let what = recorded.operation.map_or("an association", Operation::as_str);
    let class = recorded.sop_class.as_ref().map(|uid| match crate::dicom::sop_class::name(uid) {
        Some(name) => format!(" of {name}"),
        None => format!(" of {uid}"),
    });
    let class = class.unwrap_or_default();
    let modality = recorded.modality.map(|modality| format!(", modality {modality}")).unwrap_or_default();
    let destination = recorded.destination.map(|title| format!(", sent to {title}")).unwrap_or_default();
    let person = match recorded.person {
        Person::Known { name, .. } => format!(" by {name}"),
        Person::Nobody => String::new(),
    };
    format!("{what}{class}{modality} at {}{destination}{person}", recorded.to)
}
