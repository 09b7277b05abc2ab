//! The actions of PS3.8 tables 9-6 to 9-9, one function each, named as there. Each gives the next state and what to do.

use super::effects::{Action, Effects, Indication, Outgoing};
use super::states::{Sta1, Sta2, Sta3, Sta4, Sta5, Sta6, Sta7, Sta8, Sta9, Sta10, Sta11, Sta12, Sta13, State};
use super::{Env, Role};
use crate::dicom::pdu::{Abort, AssociateRj};

/// The next state and what to do on the way there.
pub(super) type Transition = (State, Effects);

fn effects(action: Action) -> Effects {
    Effects { action: Some(action), ..Effects::default() }
}

/// The state that waits for the peer to close, with ARTIM started anew.
fn sta13(env: &Env) -> State {
    State::Sta13(Sta13 { artim: env.artim_from_now() })
}

/// An event that table 9-10 leaves blank: nothing happens.
pub(super) fn not_possible(state: impl Into<State>) -> Transition {
    (state.into(), Effects::default())
}

/// AE-1: issue TRANSPORT CONNECT request. The driver dials.
pub(super) fn ae_1() -> Transition {
    (State::Sta4(Sta4), effects(Action::Ae1))
}

/// AE-2: send A-ASSOCIATE-RQ.
pub(super) fn ae_2() -> Transition {
    (State::Sta5(Sta5), Effects { send: Some(Outgoing::AssociateRq), ..effects(Action::Ae2) })
}

/// AE-3: issue A-ASSOCIATE confirmation (accept).
pub(super) fn ae_3() -> Transition {
    (State::Sta6(Sta6), Effects { indicate: Some(Indication::Accepted), ..effects(Action::Ae3) })
}

/// AE-4: issue A-ASSOCIATE confirmation (reject) and close.
pub(super) fn ae_4() -> Transition {
    let indicate = Some(Indication::Rejected);
    (State::Sta1(Sta1), Effects { indicate, close: true, ..effects(Action::Ae4) })
}

/// AE-5: transport connection response; start ARTIM.
pub(super) fn ae_5(env: &Env) -> Transition {
    (State::Sta2(Sta2 { artim: env.artim_from_now() }), effects(Action::Ae5))
}

/// AE-6: stop ARTIM; issue A-ASSOCIATE indication, or, where the provider itself cannot take the request, send
/// A-ASSOCIATE-RJ and start ARTIM.
pub(super) fn ae_6(unacceptable: Option<AssociateRj>, env: &Env) -> Transition {
    match unacceptable {
        None => (State::Sta3(Sta3), Effects { indicate: Some(Indication::Associate), ..effects(Action::Ae6) }),
        Some(rj) => (sta13(env), Effects { send: Some(Outgoing::AssociateRj(rj)), ..effects(Action::Ae6) }),
    }
}

/// AE-7: send A-ASSOCIATE-AC.
pub(super) fn ae_7() -> Transition {
    (State::Sta6(Sta6), Effects { send: Some(Outgoing::AssociateAc), ..effects(Action::Ae7) })
}

/// AE-8: send A-ASSOCIATE-RJ and start ARTIM.
pub(super) fn ae_8(rj: AssociateRj, env: &Env) -> Transition {
    (sta13(env), Effects { send: Some(Outgoing::AssociateRj(rj)), ..effects(Action::Ae8) })
}

/// DT-1: send P-DATA-TF.
pub(super) fn dt_1() -> Transition {
    (State::Sta6(Sta6), Effects { send: Some(Outgoing::PData), ..effects(Action::Dt1) })
}

/// DT-2: issue P-DATA indication.
pub(super) fn dt_2() -> Transition {
    (State::Sta6(Sta6), Effects { indicate: Some(Indication::Data), ..effects(Action::Dt2) })
}

/// AR-1: send A-RELEASE-RQ.
pub(super) fn ar_1() -> Transition {
    (State::Sta7(Sta7), Effects { send: Some(Outgoing::ReleaseRq), ..effects(Action::Ar1) })
}

/// AR-2: issue A-RELEASE indication.
pub(super) fn ar_2() -> Transition {
    let indicate = Some(Indication::Release { collision: false });
    (State::Sta8(Sta8), Effects { indicate, ..effects(Action::Ar2) })
}

/// AR-3: issue A-RELEASE confirmation and close.
pub(super) fn ar_3() -> Transition {
    let indicate = Some(Indication::Released);
    (State::Sta1(Sta1), Effects { indicate, close: true, ..effects(Action::Ar3) })
}

/// AR-4: send A-RELEASE-RP and start ARTIM.
pub(super) fn ar_4(env: &Env) -> Transition {
    (sta13(env), Effects { send: Some(Outgoing::ReleaseRp), ..effects(Action::Ar4) })
}

/// AR-5: stop ARTIM.
pub(super) fn ar_5() -> Transition {
    (State::Sta1(Sta1), effects(Action::Ar5))
}

/// AR-6: issue P-DATA indication.
pub(super) fn ar_6() -> Transition {
    (State::Sta7(Sta7), Effects { indicate: Some(Indication::Data), ..effects(Action::Ar6) })
}

/// AR-7: send P-DATA-TF.
pub(super) fn ar_7() -> Transition {
    (State::Sta8(Sta8), Effects { send: Some(Outgoing::PData), ..effects(Action::Ar7) })
}

/// AR-8: issue A-RELEASE indication (collision); the requestor's side goes to Sta9, the acceptor's to Sta10.
pub(super) fn ar_8(env: &Env) -> Transition {
    let next = match env.role {
        Role::Requestor => State::Sta9(Sta9),
        Role::Acceptor => State::Sta10(Sta10),
    };
    (next, Effects { indicate: Some(Indication::Release { collision: true }), ..effects(Action::Ar8) })
}

/// AR-9: send A-RELEASE-RP.
pub(super) fn ar_9() -> Transition {
    (State::Sta11(Sta11), Effects { send: Some(Outgoing::ReleaseRp), ..effects(Action::Ar9) })
}

/// AR-10: issue A-RELEASE confirmation.
pub(super) fn ar_10() -> Transition {
    (State::Sta12(Sta12), Effects { indicate: Some(Indication::Released), ..effects(Action::Ar10) })
}

/// AA-1: send A-ABORT and start (or restart) ARTIM. The local user's abort carries what the user says. The table also
/// takes this action in Sta2, where there is no user yet to abort in whose name: there the abort names the provider as
/// its source and the true reason, which source 0 could not carry.
pub(super) fn aa_1(abort: Abort, env: &Env) -> Transition {
    (sta13(env), Effects { send: Some(Outgoing::Abort(abort)), ..effects(Action::Aa1) })
}

/// AA-2: stop ARTIM and close.
pub(super) fn aa_2() -> Transition {
    (State::Sta1(Sta1), Effects { close: true, ..effects(Action::Aa2) })
}

/// AA-3: issue A-ABORT indication (a user's) or A-P-ABORT indication (a provider's), and close.
pub(super) fn aa_3(abort: Abort) -> Transition {
    let indicate = Some(match abort.source {
        Abort::SERVICE_USER => Indication::Abort,
        _ => Indication::ProviderAbort(abort.reason),
    });
    (State::Sta1(Sta1), Effects { indicate, close: true, ..effects(Action::Aa3) })
}

/// AA-4: issue A-P-ABORT indication. The transport is gone already.
pub(super) fn aa_4() -> Transition {
    let indicate = Some(Indication::ProviderAbort(Abort::NOT_SPECIFIED));
    (State::Sta1(Sta1), Effects { indicate, ..effects(Action::Aa4) })
}

/// AA-5: stop ARTIM.
pub(super) fn aa_5() -> Transition {
    (State::Sta1(Sta1), effects(Action::Aa5))
}

/// AA-6: ignore the PDU. ARTIM goes on as it was.
pub(super) fn aa_6(state: Sta13) -> Transition {
    (State::Sta13(state), effects(Action::Aa6))
}

/// AA-7: send A-ABORT. ARTIM goes on as it was: whoever keeps talking gains no time.
pub(super) fn aa_7(state: Sta13, abort: Abort) -> Transition {
    (State::Sta13(state), Effects { send: Some(Outgoing::Abort(abort)), ..effects(Action::Aa7) })
}

/// AA-8: send A-ABORT (provider), issue A-P-ABORT indication, start ARTIM.
pub(super) fn aa_8(abort: Abort, env: &Env) -> Transition {
    let indicate = Some(Indication::ProviderAbort(abort.reason));
    (sta13(env), Effects { send: Some(Outgoing::Abort(abort)), indicate, ..effects(Action::Aa8) })
}
