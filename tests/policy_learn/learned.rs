//! Learning from a day, and holding policies against it.

use crate::day::{DENY, FIND, day, ends, hospital, learn, out, peers, run};
use crate::support::words::{CT, INSTANCE, VERIFICATION, echo, object, rq, store, success};
use serde_json::Value;

const MR: &str = "1.2.840.10008.5.1.4.1.1.4";

#[test]
fn a_learned_policy_replays_its_day_and_refuses_whom_it_never_saw() {
    let world = hospital();
    day(&world, 3);
    // A stranger knocks, too.
    let mut stranger = world.plain();
    stranger.request(&rq("STRANGER", &[FIND]));
    crate::support::wait_until("the stranger is refused", || world.count("association-refused") == 1);
    let text = learn(&world);
    assert!(!text.contains("STRANGER"), "{text}");
    assert!(text.contains("scanners do not read"), "denies stay: {text}");
    assert!(text.contains("SEEN ONCE") && text.contains("find"), "{text}");
    assert!(text.contains("proven up to record"), "{text}");
    let both = text.matches("who = [\"peer:CT1\", \"peer:CT2\"]").count();
    assert_eq!(both, 2, "one rule for what both scanners store, and one for their verifications: {text}");

    let shown = ends(run(&world, &["policy", "diff", "policy.toml", "learned.toml", "--replay", "1d"]), 0);
    assert!(shown.contains("would refuse none of 9 operations that were permitted"), "{shown}");
    let json = run(&world, &["policy", "diff", "policy.toml", "learned.toml", "--replay", "1d", "--format", "json"]);
    let json: Value = serde_json::from_str(&ends(json, 0)).unwrap();
    let change = &json["replay"]["change"];
    assert_eq!((&change["observed"], &change["refused"]), (&9.into(), &0.into()), "{change}");
    assert_eq!(change["covered"]["count"], 9, "{change}");

    // It passes its own checks and tests where it is used, and the day goes on without a refusal.
    std::fs::copy(world.dir.path().join("learned.toml"), world.dir.path().join("policy.toml")).unwrap();
    let gateway = world.dir.path().join("gateway.toml");
    let enforcing = std::fs::read_to_string(&gateway).unwrap();
    let enforcing: String =
        enforcing.lines().filter(|line| !line.starts_with("observe_until")).map(|line| format!("{line}\n")).collect();
    std::fs::write(&gateway, enforcing).unwrap();
    let tested = ends(run(&world, &["policy", "test"]), 0);
    assert!(tested.contains("a stranger gets nothing"), "{tested}");
    ends(run(&world, &["check", "--offline"]), 0);
    world.reload();
    let refused = world.count("denied");
    let (mut peer, mut link) = world.associate(world.plain(), &rq("CT1", &[VERIFICATION, CT]));
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    peer.say(3, &store(2), Some(&object(CT, INSTANCE, 100)));
    let asked = link.message();
    link.say(3, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(world.count("denied"), refused);
    let mut stranger = world.plain();
    stranger.request(&rq("STRANGER", &[FIND]));
    crate::support::wait_until("the stranger is refused again", || world.count("association-refused") == 2);
    // What CT1 never did is refused: another class, and another operation.
    let shown =
        run(&world, &["policy", "explain", "--peer", "CT1", "--wants", "store", "--sop-class", MR, "--modality", "MR"]);
    ends(shown, 1);
    ends(run(&world, &["policy", "explain", "--peer", "WS1", "--wants", "store"]), 1);
    ends(run(&world, &["policy", "explain", "--peer", "CT3", "--wants", "echo"]), 1);
}

#[test]
fn learning_twice_gives_the_same_and_nothing_is_learned_from_refusals() {
    let world = hospital();
    day(&world, 1);
    // A workstation does what is denied, and is refused although the policy observes.
    let (mut peer, _link) = world.associate(world.plain(), &rq("WS1", &[CT]));
    peer.say(1, &store(1), Some(&object(CT, INSTANCE, 100)));
    assert_eq!(peer.message().status(), 0x0124);
    let one = learn(&world);
    let two = learn(&world);
    assert_eq!(one, two);
    assert!(one.contains("Not learned from: 1 operation: it was refused"), "{one}");
    let rules: toml::Table = one.parse().unwrap();
    for rule in rules["rule"].as_array().unwrap() {
        let may: Vec<&str> = rule["may"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
        let who: Vec<&str> = rule["who"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
        let deny = rule.get("effect").and_then(toml::Value::as_str) == Some("deny");
        assert!(deny || !may.contains(&"store") || who == ["peer:CT1", "peer:CT2"], "{rule}");
    }
}

#[test]
fn a_policy_that_would_lock_a_scanner_out_says_so_with_its_number() {
    let world = hospital();
    day(&world, 20);
    let text = learn(&world);
    let file = |name: &str, text: &str| std::fs::write(world.dir.path().join(name), text).unwrap();
    // CT2 is taken out of what scanners may do.
    let locked = text.replace("\"peer:CT1\", \"peer:CT2\"", "\"peer:CT1\"");
    assert_ne!(text, locked);
    let locked: String = locked.split("\n[[test]]").next().unwrap().to_owned();
    file("locked.toml", &locked);
    let shown = ends(run(&world, &["policy", "diff", "learned.toml", "locked.toml", "--replay", "30d"]), 1);
    assert!(shown.contains("would refuse 21 of 43 operations that were permitted: 21 from CT2"), "{shown}");
    assert!(shown.contains("- rule") || shown.contains("~ rule"), "{shown}");
    assert!(shown.contains("first ") && shown.contains("CT Image Storage"), "{shown}");
    // The other way round nothing is refused.
    let back = ends(run(&world, &["policy", "diff", "locked.toml", "learned.toml", "--replay", "30d"]), 0);
    assert!(back.contains("would refuse none"), "{back}");
    // A peer whose network changes is locked out by that.
    let moved = text.replacen("network = [\"127.0.0.1/32\"]", "network = [\"10.0.0.0/8\"]", 1);
    file("moved.toml", moved.split("\n[[test]]").next().unwrap());
    let shown = ends(run(&world, &["policy", "diff", "learned.toml", "moved.toml", "--replay", "30d"]), 1);
    assert!(shown.contains("21 from CT1") && shown.contains("may not call from 127.0.0.1"), "{shown}");
    // Without a replay it is only compared.
    let compared = run(&world, &["policy", "diff", "learned.toml", "locked.toml"]);
    assert!(!out(&compared).contains("would refuse"));
    ends(compared, 0);
    let faulty = format!("{}{DENY}[[rule]]\nname = 7\n", peers());
    file("faulty.toml", &faulty);
    ends(run(&world, &["policy", "diff", "learned.toml", "faulty.toml"]), 64);
}
