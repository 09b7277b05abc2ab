//! `policy explain`: who somebody is to the policy, every rule that concerns it and what each matched or lacked, and
//! the verdict. It goes through all rules; the verdict comes from `decide`.

use super::compiled::{CompiledRule, Policy};
use super::decision::{Decision, DenialReason, Fact};
use super::evaluate::{Condition, Facts, Finding};
use super::model::{Asker, Effect};
use super::narrow::Narrowing;
use super::question::{Question, QuestionFault};
use super::request::{Request, Transport};
use super::rights::{Open, SEES};
use crate::dicom::dimse::Operation;
use serde::Serialize;
use std::net::IpAddr;

/// The answer to "why may it, why may it not".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The peer or archive that asks, as the question named it.
    pub peer: String,
    /// The address that it is taken to call from.
    pub from: IpAddr,
    /// What it wants; `None`: anything at all.
    pub wants: Option<Operation>,
    /// The archive; for an archive that sends, the receiver.
    pub to: String,
    /// Whether it is identified, in words.
    pub identity: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The rule that decided, if one did.
    pub rule: Option<String>,
    /// The verdict in words.
    pub because: String,
    /// What of the answers would be seen, one line for each permit; empty: all of it, or nothing.
    pub shows: Vec<String>,
    /// What is stored is sealed.
    pub seal: bool,
    /// What becomes of sealed objects; `None`: it is nothing that shows objects.
    pub open: Option<Open>,
    /// The rules whose `who` and `via` fit, in the order of the file; every rule if asked for.
    pub rules: Vec<RuleReport>,
    /// How many rules are for others and not listed.
    pub for_others: usize,
}

/// The verdict of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It passes; also while observing.
    Permit,
    /// It does not.
    Deny,
    /// It hangs on what a message brings.
    Depends,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// Its name.
    pub name: String,
    /// Its line in `policy.toml`, from 1.
    pub line: u32,
    /// Permit or deny.
    pub effect: Effect,
    /// Whether it applies.
    pub outcome: Outcome,
    /// What it matched or lacked, condition by condition. Conditions that it does not have are left out.
    pub conditions: Vec<ConditionReport>,
}

/// Whether a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything holds.
    Applies,
    /// Something is lacking.
    Lacks,
    /// It hangs on what a message brings.
    Depends,
}

/// What one condition says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConditionReport {
    /// Which condition.
    pub condition: Condition,
    /// Whether it stands in the way of the rule; a deny is not stopped by what cannot be told.
    pub stops: bool,
    /// What it says, in words.
    pub words: String,
}

impl Policy {
    /// Answers a question with every rule that concerns it; with `all`, with every rule.
    pub fn explain(&self, question: &Question, all: bool) -> Result<Explanation, QuestionFault> {
        let asked = self.ask(question)?;
        let mut explanation = Explanation {
            peer: match &question.asker {
                Asker::Peer(name) | Asker::Archive(name) => name.clone(),
            },
            from: asked.from,
            wants: question.wants,
            to: asked.to.to_owned(),
            identity: String::new(),
            verdict: Verdict::Deny,
            rule: None,
            because: String::new(),
            shows: Vec::new(),
            seal: false,
            open: None,
            rules: Vec::new(),
            for_others: 0,
        };
        let principal = match &asked.identity {
            Ok(principal) => principal,
            Err(fault) => {
                explanation.identity = fault.to_string();
                explanation.because = String::from("nobody unknown gets an answer, whatever the rules say");
                explanation.for_others = self.rules.len();
                return Ok(explanation);
            }
        };
        let name = &principal.name;
        let certified = matches!(principal.transport, Transport::Mutual { .. });
        explanation.identity = match (&question.asker, certified) {
            (Asker::Peer(_), true) => format!("peer `{name}`, if its certificate is the right one"),
            (Asker::Peer(_), false) => format!("peer `{name}`, by its address alone"),
            (Asker::Archive(_), true) => format!("archive `{name}`, if its certificate is asked for and the right one"),
            (Asker::Archive(_), false) => format!("archive `{name}`, by its title and address"),
        };
        let request = asked.request(principal);
        self.judge(&request, &mut explanation);
        if let Ok(facts) = self.facts(&request, request.operation.is_none()) {
            for (number, rule) in (0_u32..).zip(&self.rules) {
                if all || concerns(rule, &facts) {
                    explanation.rules.push(self.report(number, rule, &facts, &request));
                } else {
                    explanation.for_others += 1;
                }
            }
        }
        Ok(explanation)
    }

    fn judge(&self, request: &Request<'_>, explanation: &mut Explanation) {
        (explanation.verdict, explanation.rule, explanation.because) = match self.decide(request) {
            Decision::Permit(permission) => {
                let narrowing = permission.narrowing.as_deref();
                let permits = narrowing.map(Narrowing::permits).unwrap_or_default();
                explanation.seal = permission.seal;
                let seals = !self.rights.is_empty() || self.model.seal_all;
                let shows = seals && request.operation.is_some_and(|operation| SEES.contains(&operation));
                explanation.open = (shows || permission.open != Open::No).then_some(permission.open);
                explanation.shows = permits.iter().map(|permit| self.shown_by(&permit.rule)).collect();
                match permission.rule {
                    Some(rule) if request.operation.is_none() => {
                        let because = format!("rule `{rule}` could permit something there");
                        (Verdict::Permit, Some(rule.to_string()), because)
                    }
                    Some(rule) => {
                        let because = match permission.emergency {
                            Some(_) => format!("rule `{rule}` permits it in an emergency, with an alert"),
                            None => format!("rule `{rule}` permits it"),
                        };
                        (Verdict::Permit, Some(rule.to_string()), because)
                    }
                    None => {
                        let until = self.model.observe_until.map(|until| until.to_string()).unwrap_or_default();
                        let because =
                            format!("no rule permits it; it passes, recorded, because of `observe_until` {until}");
                        (Verdict::Permit, None, because)
                    }
                }
            }
            Decision::Deny(denial) => {
                let because = denial.reason.to_string();
                let rule = match denial.reason {
                    DenialReason::Rule(rule) => Some(rule.to_string()),
                    _ => None,
                };
                (Verdict::Deny, rule, because)
            }
            Decision::Need(Fact::Modality) => {
                (Verdict::Depends, None, String::from("it hangs on the object's modality"))
            }
            Decision::Need(Fact::Query) => (Verdict::Depends, None, String::from("it hangs on what the query asks")),
        };
    }

    fn report(&self, number: u32, rule: &CompiledRule, facts: &Facts<'_>, request: &Request<'_>) -> RuleReport {
        let mut outcome = Outcome::Applies;
        let mut conditions = Vec::new();
        for condition in Condition::ALL {
            let finding = rule.check_any(condition, facts, request.operation);
            let stops = match finding {
                Finding::Free => continue,
                Finding::Holds => false,
                Finding::Untold => rule.effect == Effect::Permit,
                Finding::Fails => true,
                Finding::Later => {
                    outcome = if outcome == Outcome::Applies { Outcome::Depends } else { outcome };
                    false
                }
            };
            outcome = if stops { Outcome::Lacks } else { outcome };
            let words = self.in_words(number, condition, finding, request);
            conditions.push(ConditionReport { condition, stops, words });
        }
        RuleReport { name: rule.name.to_string(), line: rule.line, effect: rule.effect, outcome, conditions }
    }
}

fn concerns(rule: &CompiledRule, facts: &Facts<'_>) -> bool {
    let fits = |condition| rule.check_any(condition, facts, None) != Finding::Fails;
    fits(Condition::Who) && fits(Condition::Via)
}
