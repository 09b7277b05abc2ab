//! A changed policy that would refuse too much of what passes today waits for a person.

use crate::day::{day, ends, run};
use crate::support::world::{PEERS, RULES, Setup, World};

/// WS1 may find, scanners may do nothing any more.
const NARROW: &str =
    "[[rule]]\nname = \"workstations\"\nwho = [\"group:workstation\"]\nto = [\"PACS\"]\nmay = [\"find\"]\n";

fn guarded(above: &str) -> World {
    World::with(&Setup { policy: format!("confirm_above = {above}\nconfirm_replay = \"1d\""), ..Setup::default() })
}

#[test]
fn a_policy_that_refuses_too_much_waits_until_somebody_says_yes() {
    let world = guarded("3");
    day(&world, 5);
    let generation = || world.record("association-closed").number("generation");
    let before = generation();
    world.set_policy(PEERS, NARROW);
    let record = world.record("reload-refused");
    let words = record.list("faults").concat();
    assert!(words.contains("would refuse 12 of 13 operations"), "{words}");
    assert!(words.contains("6 from CT1, 6 from CT2") && words.contains("dicomgate policy apply --yes"), "{words}");
    assert_eq!(world.count("reloaded"), 0);
    // The old one goes on.
    ends(run(&world, &["policy", "explain", "--peer", "CT1", "--wants", "store"]), 1);
    day_of_one(&world);
    assert_eq!(generation(), before);

    let shown = ends(run(&world, &["policy", "apply"]), 1);
    assert!(shown.contains("12 of") || shown.contains("13 of") || shown.contains("14 of"), "{shown}");
    assert!(shown.contains("dicomgate policy apply --yes"), "{shown}");
    assert_eq!(world.count("reloaded"), 0, "showing takes nothing");
    ends(run(&world, &["policy", "apply", "--yes"]), 0);
    crate::support::wait_until("the gateway takes it", || world.count("reloaded") == 1);
    let already = || crate::day::out(&run(&world, &["policy", "apply"])).contains("runs this policy already");
    crate::support::wait_until("the copy of what runs is the new one", already);

    // A confirmation is for one change: going back and forth is asked again.
    world.set_policy(PEERS, RULES);
    assert_eq!(world.count("reloaded"), 2);
    let refused = world.count("reload-refused");
    world.set_policy(PEERS, NARROW);
    assert_eq!((world.count("reloaded"), world.count("reload-refused")), (2, refused + 1));
}

fn day_of_one(world: &World) {
    let (mut peer, mut link) = world.modality();
    peer.release();
    link.confirm_release();
    peer.released();
    let closed = world.count("association-closed");
    crate::support::wait_until("it is closed", || world.count("association-closed") >= closed);
}

#[test]
fn what_refuses_little_is_taken_and_without_the_key_everything_is() {
    let world = guarded("12");
    day(&world, 5);
    world.set_policy(PEERS, NARROW);
    assert_eq!((world.count("reloaded"), world.count("reload-refused")), (1, 0));
    let world = World::new();
    day(&world, 1);
    world.set_policy(PEERS, NARROW);
    assert_eq!((world.count("reloaded"), world.count("reload-refused")), (1, 0));
}
