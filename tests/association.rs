//! The state machine of PS3.8 9.2, cell by cell: table 9-10 against [`Association`], both roles.

#[cfg(test)]
mod table {
    use dicomgate::dicom::association::{Association, Effects, Event, Indication, Outgoing, Role, StateName};
    use dicomgate::dicom::pdu::{Abort, AssociateRj};
    use std::time::{Duration, Instant};

    const ARTIM: Duration = Duration::from_secs(30);
    const REFUSED: AssociateRj = AssociateRj { result: 1, source: 1, reason: 7 };
    const OLD: AssociateRj = AssociateRj { result: 1, source: 2, reason: 2 };
    const INVALID: Abort = Abort { source: 2, reason: 6 };

    /// Table 9-10, one row an event, one column a state, as the standard prints it.
    const TABLE: &str = "
               Sta1 Sta2 Sta3 Sta4 Sta5 Sta6 Sta7 Sta8 Sta9 Sta10 Sta11 Sta12 Sta13
        Evt1   AE-1 .    .    .    .    .    .    .    .    .     .     .     .
        Evt2   .    .    .    AE-2 .    .    .    .    .    .     .     .     .
        Evt3   .    AA-1 AA-8 .    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
        Evt4   .    AA-1 AA-8 .    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
        Evt5   AE-5 .    .    .    .    .    .    .    .    .     .     .     .
        Evt6   .    AE-6 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-7
        Evt7   .    .    AE-7 .    .    .    .    .    .    .     .     .     .
        Evt8   .    .    AE-8 .    .    .    .    .    .    .     .     .     .
        Evt9   .    .    .    .    .    DT-1 .    AR-7 .    .     .     .     .
        Evt10  .    AA-1 AA-8 .    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
        Evt11  .    .    .    .    .    AR-1 .    .    .    .     .     .     .
        Evt12  .    AA-1 AA-8 .    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
        Evt13  .    AA-1 AA-8 .    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3  AA-8  AA-6
        Evt14  .    .    .    .    .    .    .    AR-4 AR-9 .     .     AR-4  .
        Evt15  .    .    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1  AA-1  .
        Evt16  .    AA-2 AA-3 .    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3  AA-3  AA-2
        Evt17  .    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4  AA-4  AR-5
        Evt18  .    AA-2 .    .    .    .    .    .    .    .     .     .     AA-2
        Evt19  .    AA-1 AA-8 .    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-7";

    const STATES: [StateName; 13] = [
        StateName::Sta1,
        StateName::Sta2,
        StateName::Sta3,
        StateName::Sta4,
        StateName::Sta5,
        StateName::Sta6,
        StateName::Sta7,
        StateName::Sta8,
        StateName::Sta9,
        StateName::Sta10,
        StateName::Sta11,
        StateName::Sta12,
        StateName::Sta13,
    ];

    fn event(number: usize) -> Event {
        match number {
            1 => Event::Evt1,
            2 => Event::Evt2,
            3 => Event::Evt3,
            4 => Event::Evt4,
            5 => Event::Evt5,
            6 => Event::Evt6(None),
            7 => Event::Evt7,
            8 => Event::Evt8(REFUSED),
            9 => Event::Evt9,
            10 => Event::Evt10,
            11 => Event::Evt11,
            12 => Event::Evt12,
            13 => Event::Evt13,
            14 => Event::Evt14,
            15 => Event::Evt15(Abort::user()),
            16 => Event::Evt16(Abort::user()),
            17 => Event::Evt17,
            18 => Event::Evt18,
            19 => Event::Evt19(INVALID),
            _ => panic!("there are 19 events"),
        }
    }

    /// Ways from idle into a state. A collision's states differ by role.
    fn way(state: StateName, role: Role) -> Option<&'static [usize]> {
        use Role::{Acceptor, Requestor};
        Some(match (state, role) {
            (StateName::Sta1, _) => &[],
            (StateName::Sta2, Acceptor) => &[5],
            (StateName::Sta3, Acceptor) => &[5, 6],
            (StateName::Sta4, Requestor) => &[1],
            (StateName::Sta5, Requestor) => &[1, 2],
            (StateName::Sta6, Acceptor) => &[5, 6, 7],
            (StateName::Sta6, Requestor) => &[1, 2, 3],
            (StateName::Sta7, Acceptor) => &[5, 6, 7, 11],
            (StateName::Sta7, Requestor) => &[1, 2, 3, 11],
            (StateName::Sta8, Acceptor) => &[5, 6, 7, 12],
            (StateName::Sta8, Requestor) => &[1, 2, 3, 12],
            (StateName::Sta9, Requestor) => &[1, 2, 3, 11, 12],
            (StateName::Sta10, Acceptor) => &[5, 6, 7, 11, 12],
            (StateName::Sta11, Requestor) => &[1, 2, 3, 11, 12, 14],
            (StateName::Sta12, Acceptor) => &[5, 6, 7, 11, 12, 13],
            (StateName::Sta13, Acceptor) => &[5, 6, 8],
            (StateName::Sta13, Requestor) => &[1, 2, 3, 15],
            _ => return None,
        })
    }

    fn stand(role: Role, way: &[usize], now: Instant) -> Association {
        let mut association = match role {
            Role::Acceptor => Association::acceptor(ARTIM),
            Role::Requestor => Association::requestor(ARTIM),
        };
        for &number in way {
            let effects = association.on(event(number), now);
            assert!(effects.action.is_some(), "Evt{number} on the way");
        }
        association
    }

    #[derive(Debug, PartialEq)]
    enum Timer {
        Started,
        Stopped,
        AsBefore,
    }

    /// Tables 9-6 to 9-9: next state, what is sent, the timer, what is told, whether the transport is closed.
    fn action(
        name: &str,
        role: Role,
        number: usize,
        before: StateName,
    ) -> (StateName, Option<Outgoing>, Timer, Option<Indication>, bool) {
        use StateName::{Sta1, Sta2, Sta3, Sta4, Sta5, Sta6, Sta7, Sta8, Sta9, Sta10, Sta11, Sta12, Sta13};
        use Timer::{AsBefore, Started, Stopped};
        // What the peer is told: what was wrong with its PDU, or that it was not expected.
        let provider = if number == 19 { INVALID } else { Abort { source: 2, reason: 2 } };
        let user_abort = if number == 15 { Abort::user() } else { provider };
        let release = |collision| Some(Indication::Release { collision });
        match name {
            "AE-1" => (Sta4, None, Stopped, None, false),
            "AE-2" => (Sta5, Some(Outgoing::AssociateRq), Stopped, None, false),
            "AE-3" => (Sta6, None, Stopped, Some(Indication::Accepted), false),
            "AE-4" => (Sta1, None, Stopped, Some(Indication::Rejected), true),
            "AE-5" => (Sta2, None, Started, None, false),
            "AE-6" => (Sta3, None, Stopped, Some(Indication::Associate), false),
            "AE-7" => (Sta6, Some(Outgoing::AssociateAc), Stopped, None, false),
            "AE-8" => (Sta13, Some(Outgoing::AssociateRj(REFUSED)), Started, None, false),
            "DT-1" => (Sta6, Some(Outgoing::PData), Stopped, None, false),
            "DT-2" => (Sta6, None, Stopped, Some(Indication::Data), false),
            "AR-1" => (Sta7, Some(Outgoing::ReleaseRq), Stopped, None, false),
            "AR-2" => (Sta8, None, Stopped, release(false), false),
            "AR-3" => (Sta1, None, Stopped, Some(Indication::Released), true),
            "AR-4" => (Sta13, Some(Outgoing::ReleaseRp), Started, None, false),
            "AR-5" => (Sta1, None, Stopped, None, false),
            "AR-6" => (Sta7, None, Stopped, Some(Indication::Data), false),
            "AR-7" => (Sta8, Some(Outgoing::PData), Stopped, None, false),
            "AR-8" if role == Role::Requestor => (Sta9, None, Stopped, release(true), false),
            "AR-8" => (Sta10, None, Stopped, release(true), false),
            "AR-9" => (Sta11, Some(Outgoing::ReleaseRp), Stopped, None, false),
            "AR-10" => (Sta12, None, Stopped, Some(Indication::Released), false),
            "AA-1" => (Sta13, Some(Outgoing::Abort(user_abort)), Started, None, false),
            "AA-2" => (Sta1, None, Stopped, None, true),
            "AA-3" => (Sta1, None, Stopped, Some(Indication::Abort), true),
            "AA-4" => (Sta1, None, Stopped, Some(Indication::ProviderAbort(0)), false),
            "AA-5" => (Sta1, None, Stopped, None, false),
            "AA-6" => (Sta13, None, AsBefore, None, false),
            "AA-7" => (Sta13, Some(Outgoing::Abort(provider)), AsBefore, None, false),
            "AA-8" => {
                let told = Some(Indication::ProviderAbort(provider.reason));
                (Sta13, Some(Outgoing::Abort(provider)), Started, told, false)
            }
            "." => (before, None, AsBefore, None, false),
            other => panic!("no action {other}"),
        }
    }

    #[test]
    fn every_cell_of_table_9_10() {
        let start = Instant::now();
        let later = start + Duration::from_secs(7);
        let rows: Vec<Vec<&str>> =
            TABLE.lines().map(|line| line.split_whitespace().collect()).filter(|row: &Vec<_>| row.len() > 12).collect();
        assert_eq!(rows.len(), 1 + 19);
        let mut cells = 0;
        for row in &rows[1..] {
            let number: usize = row[0].strip_prefix("Evt").unwrap().parse().unwrap();
            for (column, &before) in STATES.iter().enumerate() {
                let expected = row[column + 1];
                let mut roles = 0;
                for role in [Role::Acceptor, Role::Requestor] {
                    let Some(way) = way(before, role) else { continue };
                    roles += 1;
                    let place = format!("Evt{number} in {before:?} as {role:?}");
                    let mut machine = stand(role, way, start);
                    assert_eq!(machine.state(), before, "{place}");
                    let running = machine.deadline();
                    assert_eq!(
                        running.is_some(),
                        matches!(before, StateName::Sta2 | StateName::Sta13),
                        "ARTIM before {place}"
                    );

                    let effects = machine.on(event(number), later);

                    let (next, send, timer, indicate, close) = action(expected, role, number, before);
                    assert_eq!(effects.action.map_or(".", |action| action.name()), expected, "{place}");
                    let Effects { send: sent, indicate: told, close: closed, .. } = effects;
                    assert_eq!((sent, told, closed), (send, indicate, close), "{place}");
                    assert_eq!(machine.state(), next, "{place}");
                    let deadline = match timer {
                        Timer::Started => Some(later + ARTIM),
                        Timer::Stopped => None,
                        Timer::AsBefore => running,
                    };
                    assert_eq!(machine.deadline(), deadline, "{place}");
                }
                assert!(roles > 0, "{before:?} cannot be reached");
                cells += 1;
            }
        }
        assert_eq!(cells, 19 * 13);
    }

    #[test]
    fn the_bytes_of_what_the_machine_itself_sends() {
        let bytes = |outgoing: Outgoing| outgoing.bytes();
        assert_eq!(bytes(Outgoing::ReleaseRq), Some([5, 0, 0, 0, 0, 4, 0, 0, 0, 0]));
        assert_eq!(bytes(Outgoing::ReleaseRp), Some([6, 0, 0, 0, 0, 4, 0, 0, 0, 0]));
        assert_eq!(bytes(Outgoing::AssociateRj(REFUSED)), Some([3, 0, 0, 0, 0, 4, 0, 1, 1, 7]));
        assert_eq!(bytes(Outgoing::Abort(INVALID)), Some([7, 0, 0, 0, 0, 4, 0, 0, 2, 6]));
        assert_eq!(bytes(Outgoing::Abort(Abort::user())), Some([7, 0, 0, 0, 0, 4, 0, 0, 0, 0]));
        assert_eq!(bytes(Outgoing::AssociateRq), None);
    }

    #[test]
    fn a_request_of_another_protocol_version_is_rejected_by_the_provider() {
        let now = Instant::now();
        let mut machine = stand(Role::Acceptor, &[5], now);
        let effects = machine.on(Event::Evt6(Some(OLD)), now);
        assert_eq!(effects.send.and_then(Outgoing::bytes), Some([3, 0, 0, 0, 0, 4, 0, 1, 2, 2]));
        assert_eq!((effects.indicate, machine.state()), (None, StateName::Sta13));
        assert_eq!(machine.deadline(), Some(now + ARTIM));
    }

    #[test]
    fn an_abort_of_the_peers_provider_is_told_as_such() {
        let now = Instant::now();
        let mut machine = stand(Role::Acceptor, &[5, 6, 7], now);
        let effects = machine.on(Event::Evt16(INVALID), now);
        assert_eq!(effects.indicate, Some(Indication::ProviderAbort(6)));
        assert!(effects.close);
    }

    #[test]
    fn p_data_in_the_data_transfer_state_is_taken_at_once() {
        let now = Instant::now();
        assert_eq!(stand(Role::Acceptor, &[5, 6, 7], now).on_pdata(now), None);
        // Release asked for, data still under way.
        let late = stand(Role::Acceptor, &[5, 6, 7, 11], now).on_pdata(now).unwrap();
        assert_eq!((late.indicate, late.send), (Some(Indication::Data), None));
        // Before there is an association.
        let early = stand(Role::Acceptor, &[5], now).on_pdata(now).unwrap();
        assert_eq!(early.send.and_then(Outgoing::bytes), Some([7, 0, 0, 0, 0, 4, 0, 0, 2, 2]));
    }

    #[test]
    fn data_may_be_sent_in_two_states_only() {
        let now = Instant::now();
        for role in [Role::Acceptor, Role::Requestor] {
            for state in STATES {
                let Some(way) = way(state, role) else { continue };
                let allowed = matches!(state, StateName::Sta6 | StateName::Sta8);
                assert_eq!(stand(role, way, now).may_send_pdata(), allowed, "{state:?}");
            }
        }
    }

    /// Both sides ask at once and answer each other: both end without an abort.
    #[test]
    fn a_release_collision_ends_in_peace_on_both_sides() {
        let now = Instant::now();
        let mut requestor = stand(Role::Requestor, &[1, 2, 3], now);
        let mut acceptor = stand(Role::Acceptor, &[5, 6, 7], now);
        assert_eq!(requestor.on(Event::Evt11, now).send, Some(Outgoing::ReleaseRq));
        assert_eq!(acceptor.on(Event::Evt11, now).send, Some(Outgoing::ReleaseRq));
        let both = Some(Indication::Release { collision: true });
        assert_eq!(requestor.on(Event::Evt12, now).indicate, both);
        assert_eq!(acceptor.on(Event::Evt12, now).indicate, both);
        assert_eq!(requestor.on(Event::Evt14, now).send, Some(Outgoing::ReleaseRp));
        assert_eq!(acceptor.on(Event::Evt13, now).indicate, Some(Indication::Released));
        assert_eq!(acceptor.on(Event::Evt14, now).send, Some(Outgoing::ReleaseRp));
        let end = requestor.on(Event::Evt13, now);
        assert_eq!((end.indicate, end.close), (Some(Indication::Released), true));
        acceptor.on(Event::Evt17, now);
        assert_eq!((requestor.state(), acceptor.state()), (StateName::Sta1, StateName::Sta1));
        assert_eq!((requestor.deadline(), acceptor.deadline()), (None, None));
    }
}
