//! The permit that came nearest to a denied request, and what it lacked. Only denials look for it, and a flood of
//! them costs little: each look-up considers a bounded number of rules, however many the file has.

use super::compiled::{CompiledRule, Policy};
use super::evaluate::{Condition, Facts, Finding, Told};
use super::model::Effect;
use super::request::{Known, Request};
use crate::dicom::dimse::Operation;
use std::collections::HashMap;
use std::sync::Arc;

/// Rules kept for one question, the first of the file.
const KEPT: usize = 8;
/// Rules considered for one denial.
const CONSIDERED: usize = 128;
/// A rule that lacks more than this did not come near.
const NEAR: usize = 2;

/// A few rules for each question that a denial asks.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    asked: HashMap<Question, Vec<u32>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    /// Permits for this subject.
    For(u32),
    /// Permits of this operation there, for others.
    Elsewhere(u32, Operation),
}

impl Nearby {
    pub fn of(rules: &[CompiledRule]) -> Self {
        let mut nearby = Self::default();
        for (number, rule) in (0_u32..).zip(rules).filter(|(_, rule)| rule.effect == Effect::Permit) {
            for &subject in rule.who.iter().chain(&rule.people) {
                nearby.keep(Question::For(subject), number);
            }
            for &to in &rule.to {
                for &operation in &rule.may {
                    nearby.keep(Question::Elsewhere(to, operation), number);
                }
            }
        }
        nearby
    }

    fn keep(&mut self, question: Question, rule: u32) {
        let kept = self.asked.entry(question).or_default();
        if kept.len() < KEPT && !kept.contains(&rule) {
            kept.push(rule);
        }
    }

    fn rules(&self, facts: &Facts<'_>, operation: Option<Operation>) -> impl Iterator<Item = u32> {
        let person = facts.person.as_deref().unwrap_or_default();
        let theirs = facts.party.subjects.iter().chain(person).map(|&subject| Question::For(subject));
        let elsewhere = operation.map(|operation| Question::Elsewhere(facts.to, operation));
        let questions = theirs.chain(elsewhere);
        questions.flat_map(|question| self.asked.get(&question).into_iter().flatten().copied())
    }
}

impl Policy {
    /// The permit that came nearest, and what it lacked in words.
    pub(super) fn nearest(&self, request: &Request<'_>, facts: &Facts<'_>) -> Option<(Arc<str>, String)> {
        let mut nearest: Option<(usize, u32, &CompiledRule)> = None;
        // Asked as if nothing were known, the index gives whatever permits this operation to them there.
        let (sop_class, transfer_syntax) = (Told::Later, Told::Later);
        let (destination, modality) = (Told::Later, Told::Later);
        let query = Known::Unread;
        let unknown = Facts { sop_class, transfer_syntax, destination, modality, query, ..facts.clone() };
        let closest = request.operation.into_iter().flat_map(|operation| {
            self.index.rules(&unknown, operation, Effect::Permit).flatten().copied().take(CONSIDERED)
        });
        for number in closest.chain(self.nearby.rules(facts, request.operation)).take(CONSIDERED) {
            let Some(rule) = self.rule(number) else { continue };
            let lacks = lacking(rule, facts, request.operation).count();
            if lacks <= NEAR && nearest.is_none_or(|(least, ..)| lacks < least) {
                nearest = Some((lacks, number, rule));
            }
        }
        let (_, number, rule) = nearest?;
        let lacked: Vec<String> = lacking(rule, facts, request.operation)
            .map(|condition| {
                self.in_words(number, condition, rule.check_any(condition, facts, request.operation), request)
            })
            .collect();
        Some((Arc::clone(&rule.name), lacked.join("; ")))
    }
}

/// What a permit lacks. Without an operation (admission) what it permits is not asked.
fn lacking(rule: &CompiledRule, facts: &Facts<'_>, operation: Option<Operation>) -> impl Iterator<Item = Condition> {
    Condition::ALL.into_iter().filter(move |&condition| {
        matches!(rule.check_any(condition, facts, operation), Finding::Fails | Finding::Untold)
    })
}
