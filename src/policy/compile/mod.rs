//! From a model to a compiled policy, or to everything that is wrong with it.
//!
//! Three passes: who there is ([`names`]), what the rules say ([`rules`]), whether what they say can ever apply
//! ([`reach`]). Every pass goes on behind a fault.

mod faults;
mod names;
mod people;
mod reach;
mod rights;
mod rules;
mod trials;

use super::canary::Canaries;
use super::compiled::{Policy, PolicyIdentity};
use super::fault::PolicyFault;
use super::index::Index;
use super::model::PolicyModel;
use super::nearest::Nearby;
use faults::Faults;
use names::Names;
use std::hash::{Hash, Hasher};

impl Policy {
    /// Compiles a policy, or says everything that is wrong with it, in the order of the files.
    pub fn compile(model: PolicyModel) -> Result<Self, Vec<PolicyFault>> {
        let mut faults = Faults::default();
        let names = Names::of(&model, &mut faults);
        let (rules, values) = rules::compile(&model, &names, &mut faults);
        for (index, rule) in model.rules.iter().enumerate() {
            reach::check(index, rule, &names, &mut faults);
            people::check(index, rule, &mut faults);
            rights::check(index, rule, &model, &names, &mut faults);
        }
        people::check_canaries(&model, &mut faults);
        trials::check(&model, &names, &mut faults);
        faults.none_or_all()?;
        let index = Index::of(&rules, |subject| names.population(subject));
        let rights = Index::of_rights(&rules, |subject| names.population(subject));
        let nearby = Nearby::of(&rules);
        let identity = identity(&model);
        let certificates = names::certificates(&model);
        let canaries = Canaries::of(&model.canaries);
        let narrows =
            rules.iter().any(|rule| rule.narrows.is_some() || rule.levels.is_some() || rule.require_key.is_some());
        let Names { parties, names, titles, people, .. } = names;
        Ok(Self {
            model,
            parties,
            names,
            titles,
            certificates,
            values,
            rules,
            index,
            rights,
            nearby,
            people,
            canaries,
            narrows,
            identity,
        })
    }
}

/// Feeds what `Hash` walks over to SHA-256.
struct Digest(ring::digest::Context);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    /// Never asked: the digest is taken from the context.
    fn finish(&self) -> u64 {
        0
    }
}

fn identity(model: &PolicyModel) -> PolicyIdentity {
    let mut digest = Digest(ring::digest::Context::new(&ring::digest::SHA256));
    model.hash(&mut digest);
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.0.finish().as_ref()) {
        *to = *from;
    }
    PolicyIdentity(bytes)
}
