//! When access ends: between two messages, never within one.

use crate::house::{house, let_in};
use crate::support::words::{echo, success};

#[test]
fn an_idle_association_ends_with_the_session() {
    let world = house("max_session = \"1s\"");
    let (mut peer, mut link) = let_in(&world);
    assert_eq!(peer.aborted(), (2, 0));
    link.aborted();
    let record = world.record("session-over");
    assert_eq!(record.text("user"), Some("müller"));
    assert!(record.text("incident").is_some());
    assert_eq!(world.ended(), "session-over");
}

#[test]
fn what_is_under_way_when_the_session_ends_is_answered_first() {
    let world = house("max_session = \"3s\"");
    let (mut peer, mut link) = let_in(&world);
    peer.say(1, &echo(7), None);
    let asked = link.message();
    // An association that is idle says when the session is over for the other one, which began before.
    let (mut clock, _clock_link) = let_in(&world);
    clock.aborted();
    peer.stays_silent();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(peer.aborted(), (2, 0));
}
