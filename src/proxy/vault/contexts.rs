//! What systems are asked for beside the caller's contexts, so that sealed objects find a way: archives for contexts in
//! which they are stored and handed out, destinations for the encodings of what is sealed.

use crate::dicom::negotiation::extras::{ask_for_video, ask_natively, video_of};
use crate::dicom::negotiation::{Candidate, Roles, Wanted, candidates, is_native};
use crate::dicom::pdu::{AssociateRq, ProposedContext};
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use crate::dicom::{AeTitle, Uid, sop_class};
use crate::policy::{Open, Principal};
use crate::proxy::snapshot::Snapshot;
use crate::state::{State, StateFault};
use crate::vault::family::{Family, Treatment};

/// So many instances of a study are looked at for the encodings of what is sealed in it.
const INSTANCES: u32 = 256;
/// So many studies of what a move asks for.
const STUDIES: usize = 32;
/// So many encodings of one class a destination is asked for.
const SYNTAXES: usize = 8;

/// What an archive is to be asked for beside the caller's contexts.
#[derive(Debug, Default)]
pub struct Beside {
    /// Without it, objects of a class have no way: worth a second association.
    pub needed: Vec<Wanted>,
    /// Spares objects a change of their encoding: where there is room for it.
    pub welcome: Vec<Wanted>,
}

/// Asks an archive (its `ae_title`) for what sealing and opening need, as far as policy could want either of what this
/// principal does there. Nothing, where there is no vault. What it does not ask yet comes back, to be added.
///
/// Who only receives objects has its contexts asked for in native encodings, where it offers them.
pub fn ask_archive(snapshot: &Snapshot, principal: &Principal, archive: &str, proposed: &mut AssociateRq) -> Beside {
    if snapshot.vault.is_none() {
        return Beside::default();
    }
    let seals = snapshot.policy.may_seal(principal, archive);
    let opens = snapshot.policy.may_open(principal, archive) != Open::No;
    if !seals && !opens {
        return Beside::default();
    }
    // What is changed on its way takes its time, and its answers wait: one at a time, and both sides are told.
    proposed.user.async_window = None;
    let mut needed = wanted(proposed, seals, opens);
    if opens {
        let receives: Vec<Uid> = candidates(proposed).filter(receives_alone).map(class_of).collect();
        ask_for_video(proposed, |context| receives.contains(&context.abstract_syntax));
        ask_natively(proposed, |context| receives.contains(&context.abstract_syntax));
        let proof = AeTitle::new(archive).ok().and_then(|title| snapshot.vault.as_ref()?.proof(&title));
        if let Some(proof) = proof {
            needed.extend(compressed(proposed, |family| proof.compresses(Some(family))));
        }
    }
    Beside { needed, welcome: welcome(proposed, seals, opens) }
}

/// What an archive can be asked on one more association, so that it sends natively what it sealed natively: some take the
/// first context of a class that was accepted, whatever its syntax, and fail where what they hold is in another. Nothing,
/// where nothing is opened, or all that whoever asks receives is asked for natively alone already (`proposed`).
pub fn natively(snapshot: &Snapshot, principal: &Principal, archive: &str, proposed: &AssociateRq) -> Vec<Wanted> {
    if snapshot.vault.is_none() || snapshot.policy.may_open(principal, archive) == Open::No {
        return Vec::new();
    }
    each_natively(proposed)
}

fn each_natively(proposed: &AssociateRq) -> Vec<Wanted> {
    let received = || candidates(proposed).filter(|one| one.roles.scp && sop_class::is_storage(one.abstract_syntax));
    let otherwise =
        |one: Candidate<'_>| may_be_sealed(one.abstract_syntax) && !one.transfer_syntaxes.iter().all(is_native);
    if !received().any(otherwise) {
        return Vec::new();
    }
    let mut wanted: Vec<Wanted> = Vec::new();
    for Candidate { abstract_syntax: class, .. } in received() {
        if !wanted.iter().any(|known| known.abstract_syntax == *class) {
            let roles = Roles { scu: false, scp: true };
            wanted.push(Wanted { abstract_syntax: *class, transfer_syntaxes: natives(), roles });
        }
    }
    wanted
}

/// What an archive gives out compressed alone, whatever it was stored as, is asked for so.
fn compressed(proposed: &AssociateRq, of: impl Fn(&str) -> Vec<Uid>) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for Candidate { abstract_syntax: class, roles, .. } in candidates(proposed) {
        let Some(family) = Family::sealing(class).filter(|_| roles.scp) else { continue };
        if wanted.iter().any(|known| known.abstract_syntax == *class) {
            continue;
        }
        let offers = |syntax: &Uid| {
            let of_class = proposed.contexts.iter().filter(|context| context.abstract_syntax == *class);
            of_class.flat_map(|context| &context.transfer_syntaxes).any(|offered| offered == syntax)
        };
        let transfer_syntaxes: Vec<Uid> = of(family.name).into_iter().filter(|syntax| !offers(syntax)).collect();
        if !transfer_syntaxes.is_empty() {
            let roles = Roles { scu: false, scp: true };
            wanted.push(Wanted { abstract_syntax: *class, transfer_syntaxes, roles });
        }
    }
    wanted
}

fn class_of(candidate: Candidate<'_>) -> Uid {
    *candidate.abstract_syntax
}

fn receives_alone(candidate: &Candidate<'_>) -> bool {
    candidate.roles == Roles { scu: false, scp: true } && may_be_sealed(candidate.abstract_syntax)
}

/// Whether objects of a class may be sealed: a storage class, or one that nobody knows, that is not exempt.
pub fn may_be_sealed(class: &Uid) -> bool {
    let stores = sop_class::is_storage(class) || sop_class::find(class).is_none();
    stores && matches!(Family::of(class), Treatment::Sealed(_))
}

/// One context for each class for which the caller's own are no way for sealed objects.
fn wanted(proposed: &AssociateRq, seals: bool, opens: bool) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for Candidate { abstract_syntax: class, transfer_syntaxes, roles, .. } in candidates(proposed) {
        let roles = Roles { scu: roles.scu && seals, scp: roles.scp && opens };
        if roles.is_none() || !may_be_sealed(class) || wanted.iter().any(|known| known.abstract_syntax == *class) {
            continue;
        }
        let of_class = || proposed.contexts.iter().filter(|context| context.abstract_syntax == *class);
        let all_native = of_class().any(|context| context.transfer_syntaxes.iter().all(is_native));
        // Of who only receives, contexts are asked for natively where that is offered; but for the others of a class, which
        // may be the way for what was sealed, the archive may know no syntax.
        let asked_natively =
            |context: &ProposedContext| context.transfer_syntaxes.iter().any(is_native) && video_of(context).is_none();
        let natively = of_class().all(asked_natively) && receives_only(proposed, class);
        let roles = Roles { scu: roles.scu && !all_native, scp: roles.scp && !natively };
        if roles.is_none() {
            continue;
        }
        let offers = |name: &str| transfer_syntaxes.iter().any(|syntax| syntax.as_str() == name);
        let implicit_first = offers(IMPLICIT_VR_LITTLE_ENDIAN) && !offers(EXPLICIT_VR_LITTLE_ENDIAN);
        let mut syntaxes = natives();
        if implicit_first {
            syntaxes.reverse();
        }
        wanted.push(Wanted { abstract_syntax: *class, transfer_syntaxes: syntaxes, roles });
    }
    wanted
}

/// Each native encoding by itself, for classes that are offered in other ones as well.
///
/// Those others are all Explicit VR: an archive that may choose and takes Implicit VR forgets the VRs of what it is sent
/// sealed, private ones for good. And some do not look for the context that fits what they hold: they take the first of
/// its class, and fail, unless one has the very encoding.
fn welcome(proposed: &AssociateRq, seals: bool, opens: bool) -> Vec<Wanted> {
    let mut welcome: Vec<Wanted> = Vec::new();
    for (name, for_storing) in [(EXPLICIT_VR_LITTLE_ENDIAN, true), (IMPLICIT_VR_LITTLE_ENDIAN, false)] {
        let Ok(syntax) = Uid::new(name) else { continue };
        for Candidate { abstract_syntax: class, roles, .. } in candidates(proposed) {
            let roles = Roles { scu: roles.scu && seals && for_storing, scp: roles.scp && opens };
            let asked = |one: &Wanted| one.abstract_syntax == *class && one.transfer_syntaxes == [syntax];
            if roles.is_none() || !may_be_sealed(class) || welcome.iter().any(asked) {
                continue;
            }
            let of_class = || proposed.contexts.iter().filter(|context| context.abstract_syntax == *class);
            let all_native = of_class().all(|context| context.transfer_syntaxes.iter().all(is_native));
            if !all_native && !of_class().any(|context| context.transfer_syntaxes == [syntax]) {
                welcome.push(Wanted { abstract_syntax: *class, transfer_syntaxes: vec![syntax], roles });
            }
        }
    }
    welcome
}

fn receives_only(proposed: &AssociateRq, class: &Uid) -> bool {
    candidates(proposed).any(|candidate| candidate.abstract_syntax == class && receives_alone(&candidate))
}

/// Explicit and Implicit VR Little Endian.
pub fn natives() -> Vec<Uid> {
    [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN].iter().filter_map(|name| Uid::new(name).ok()).collect()
}

/// What the ledger knows to be sealed in these studies: SOP classes, and encodings of what is sealed of them.
///
/// # Errors
/// The ledger cannot be asked.
pub async fn sealed_in(state: &State, archive: AeTitle, studies: &[Uid]) -> Result<Vec<(Uid, Uid)>, StateFault> {
    let mut sealed: Vec<(Uid, Uid)> = Vec::new();
    for study in studies.iter().take(STUDIES) {
        for row in state.seals_of_study(archive, study, INSTANCES).await? {
            let pairs = row.seals.iter().map(|seal| (row.sop_class, seal.syntax));
            for pair in pairs {
                if !sealed.contains(&pair) {
                    sealed.push(pair);
                }
            }
        }
    }
    Ok(sealed)
}

/// What a destination is to be asked for beside an archive's contexts: of each class that is sent, the encodings of what is
/// `sealed` of it, and a native one.
///
/// Where something was sealed compressed, contexts in which the archive can send natively are native alone: it holds that
/// natively, and some archives send nothing in a context that is for another encoding.
pub fn ask_destination(proposed: &mut AssociateRq, sealed: &[(Uid, Uid)]) -> Vec<Wanted> {
    let compressed = |class: &Uid| sealed.iter().any(|(of, syntax)| of == class && !is_native(syntax));
    let sends: Vec<Uid> = candidates(proposed).filter(|one| one.roles.scu).map(class_of).collect();
    let natively = |class: &Uid| sends.contains(class) && may_be_sealed(class) && compressed(class);
    ask_natively(proposed, |context| natively(&context.abstract_syntax));
    inner(proposed, sealed)
}

/// `sealed`: SOP classes, and encodings of what is sealed of them.
fn inner(proposed: &AssociateRq, sealed: &[(Uid, Uid)]) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut seen: Vec<Uid> = Vec::new();
    for Candidate { abstract_syntax: class, roles, .. } in candidates(proposed) {
        if !roles.scu || !may_be_sealed(class) || seen.contains(class) {
            continue;
        }
        seen.push(*class);
        let offered = |all: &dyn Fn(&[Uid]) -> bool| {
            proposed.contexts.iter().any(|context| context.abstract_syntax == *class && all(&context.transfer_syntaxes))
        };
        let one =
            |syntaxes: Vec<Uid>| Wanted { abstract_syntax: *class, transfer_syntaxes: syntaxes, roles: Roles::DEFAULT };
        let of_class = sealed.iter().filter(|(other, _)| other == class).map(|(_, syntax)| *syntax);
        for syntax in of_class.take(SYNTAXES) {
            if !offered(&|all| all.iter().all(|other| *other == syntax)) {
                wanted.push(one(vec![syntax]));
            }
        }
        if !offered(&|all| all.iter().all(is_native)) {
            wanted.push(one(natives()));
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::negotiation::testing::request as rq;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
    const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
    const JPEG: &str = "1.2.840.10008.1.2.4.50";
    const IMPLICIT: &str = IMPLICIT_VR_LITTLE_ENDIAN;
    const EXPLICIT: &str = EXPLICIT_VR_LITTLE_ENDIAN;

    fn uid(text: &str) -> Uid {
        Uid::new(text).unwrap()
    }

    fn asks(wanted: &[Wanted]) -> Vec<(&str, Vec<&str>, bool, bool)> {
        wanted
            .iter()
            .map(|one| {
                let syntaxes = one.transfer_syntaxes.iter().map(Uid::as_str).collect();
                (one.abstract_syntax.as_str(), syntaxes, one.roles.scu, one.roles.scp)
            })
            .collect()
    }

    #[test]
    fn who_stores_gets_one_context_for_each_class_that_it_does_not_offer_natively() {
        let proposed = rq(&[(CT, &[JPEG]), (CT, &[JPEG, EXPLICIT]), (MR, &[IMPLICIT, EXPLICIT]), (FIND, &[JPEG])], &[]);
        assert_eq!(asks(&wanted(&proposed, true, true)), [(CT, vec![EXPLICIT, IMPLICIT], true, false)]);
        assert_eq!(asks(&wanted(&proposed, false, true)), []);
        let implicit = rq(&[(CT, &[IMPLICIT, JPEG])], &[]);
        assert_eq!(asks(&wanted(&implicit, true, false)), [(CT, vec![IMPLICIT, EXPLICIT], true, false)]);
    }

    #[test]
    fn a_class_that_is_offered_compressed_is_welcome_in_each_native_encoding_alone() {
        let stores =
            rq(&[(CT, &[JPEG]), (CT, &[EXPLICIT, IMPLICIT]), (MR, &[IMPLICIT]), (MR, &[EXPLICIT, IMPLICIT])], &[]);
        assert_eq!(asks(&welcome(&stores, true, true)), [(CT, vec![EXPLICIT], true, false)]);
        assert_eq!(asks(&welcome(&stores, false, true)), []);
        let there = rq(&[(CT, &[JPEG]), (CT, &[EXPLICIT])], &[(CT, true, true)]);
        assert_eq!(asks(&welcome(&there, true, true)), [(CT, vec![IMPLICIT], false, true)]);
        let receives = rq(&[(MR, &[JPEG]), (MR, &[IMPLICIT]), (FIND, &[JPEG])], &[(MR, false, true)]);
        assert_eq!(asks(&welcome(&receives, true, true)), [(MR, vec![EXPLICIT], false, true)]);
    }

    #[test]
    fn one_more_association_asks_for_what_is_received_natively_alone() {
        let receives = [(CT, false, true), (MR, false, true)];
        let proposed = rq(&[(CT, &[JPEG]), (CT, &[EXPLICIT]), (MR, &[IMPLICIT]), (FIND, &[IMPLICIT])], &receives);
        let natively = vec![EXPLICIT, IMPLICIT];
        let expected = [(CT, natively.clone(), false, true), (MR, natively, false, true)];
        assert_eq!(asks(&each_natively(&proposed)), expected);
        let stores = rq(&[(CT, &[JPEG]), (MR, &[IMPLICIT])], &[(MR, false, true)]);
        assert_eq!(asks(&each_natively(&stores)), [], "nothing is received but natively");
    }

    #[test]
    fn who_receives_gets_one_only_where_it_offers_nothing_native() {
        let receives = [(CT, false, true), (MR, false, true)];
        let proposed = rq(&[(CT, &[JPEG]), (MR, &[JPEG, EXPLICIT])], &receives);
        assert_eq!(asks(&wanted(&proposed, true, true)), [(CT, vec![EXPLICIT, IMPLICIT], false, true)]);
        // Who also stores goes on asking for what it stores.
        let both = rq(&[(CT, &[JPEG, EXPLICIT])], &[(CT, true, true)]);
        assert_eq!(asks(&wanted(&both, false, true)), [(CT, vec![EXPLICIT, IMPLICIT], false, true)]);
        assert_eq!(asks(&wanted(&both, true, true)), [(CT, vec![EXPLICIT, IMPLICIT], true, true)]);
    }

    #[test]
    fn a_destination_is_asked_for_what_is_sealed_and_for_a_native_encoding() {
        let proposed = rq(&[(CT, &[EXPLICIT, IMPLICIT]), (MR, &[JPEG]), (FIND, &[IMPLICIT])], &[]);
        let sealed = [(uid(CT), uid(JPEG)), (uid(MR), uid(JPEG)), (uid("1.2.3"), uid(JPEG))];
        let expected = [(CT, vec![JPEG], true, false), (MR, vec![EXPLICIT, IMPLICIT], true, false)];
        assert_eq!(asks(&inner(&proposed, &sealed)), expected);
    }

    #[test]
    fn where_something_was_sealed_compressed_deliveries_come_natively() {
        let mut proposed = rq(&[(CT, &[JPEG, IMPLICIT, EXPLICIT]), (CT, &[JPEG]), (MR, &[JPEG, EXPLICIT])], &[]);
        let sealed = [(uid(CT), uid(JPEG)), (uid(MR), uid(EXPLICIT))];
        let beside = ask_destination(&mut proposed, &sealed);
        let asked = |at: usize| proposed.contexts[at].transfer_syntaxes.iter().map(Uid::as_str).collect::<Vec<_>>();
        assert_eq!((asked(0), asked(1), asked(2)), (vec![EXPLICIT, IMPLICIT], vec![JPEG], vec![JPEG, EXPLICIT]));
        let natively = (MR, vec![EXPLICIT, IMPLICIT], true, false);
        assert_eq!(asks(&beside), [(MR, vec![EXPLICIT], true, false), natively]);
        let mut alone = rq(&[(CT, &[JPEG, EXPLICIT])], &[]);
        assert_eq!(asks(&ask_destination(&mut alone, &sealed)), [(CT, vec![JPEG], true, false)]);
    }
}
