//! Exit codes, and answers that scripts read.

use crate::house::{House, free_ports};

#[test]
fn wrong_usage_is_two() {
    let house = House::new();
    house.certify();
    for arguments in [
        &[][..],
        &["sing"],
        &["check", "--colour"],
        &["why"],
        &["why", "7K3F-9QXU"],
        &["why", "--from", "nowhere"],
        &["audit"],
        &["audit", "verify", "--seed", "ab"],
        &["audit", "verify", "--anchor", "7"],
        &["commit"],
        &["certs"],
        &["certs", "issue"],
        &["policy", "explain"],
        &["policy", "explain", "--peer", "CT1", "--wants", "dance"],
        &["archive"],
        &["archive", "probe"],
        &["archive", "probe", "NOT\\A\\TITLE"],
        &["archive", "probe", "PACS2"],
        &["archive", "probe", "PACS", "--listen", "11112"],
    ] {
        let answer = house.run(arguments).ends(2);
        assert!(answer.out.is_empty() && !answer.err.is_empty(), "{arguments:?}: {}", answer.out);
    }
    for arguments in [["--help"], ["--version"]] {
        assert!(house.run(&arguments).ends(0).out.contains("dicomgate") || arguments == ["--help"]);
    }
}

#[test]
fn a_configuration_that_is_refused_is_sixty_four_for_every_command_that_reads_it() {
    let house = House::new();
    house.certify();
    house.edit("config/gateway.toml", "name  = \"gate-1\"", "nome  = \"gate-1\"");
    for arguments in [
        &["check"][..],
        &["run"],
        &["check", "--offline"],
        &["policy", "test"],
        &["policy", "explain", "--peer", "CT1", "--wants", "store"],
    ] {
        let answer = house.run(arguments).ends(64);
        let said = answer.out + &answer.err;
        assert!(said.contains("nome") && said.contains("did you mean `name`"), "{arguments:?}: {said}");
        assert!(said.contains("config/gateway.toml"), "{arguments:?} reads another file: {said}");
    }
    // The log is asked just when something is wrong: these need no more of the file than where the log lies.
    for arguments in [&["audit", "verify"][..], &["audit", "show"], &["why", "--peer", "CT1"]] {
        let answer = house.run(arguments).ends(1);
        assert!(answer.err.contains("no gateway has kept an audit log"), "{arguments:?}: {}", answer.err);
    }
    let json = house.run(&["check", "--format", "json"]).ends(64).json();
    assert_eq!(json["accepted"], false);
    assert!(!json["faults"].as_array().unwrap().is_empty());
    let elsewhere = House::new();
    std::fs::remove_file(elsewhere.path("config/gateway.toml")).unwrap();
    assert!(elsewhere.run(&["check"]).ends(64).out.contains("config/gateway.toml"));
    assert!(elsewhere.run(&["archive", "probe", "PACS"]).ends(64).err.contains("config/gateway.toml"));
}

#[test]
fn an_archive_that_is_not_there_is_one() {
    let house = House::new();
    house.certify();
    let [dead, _] = free_ports();
    house.edit("config/gateway.toml", "127.0.0.1:4242", &format!("127.0.0.1:{dead}"));
    for address in ["10.30.0.21:11112", "10.40.0.7:11112"] {
        house.edit("config/policy.toml", address, &format!("127.0.0.1:{dead}"));
    }
    let checked = house.run(&["check"]).ends(1);
    assert!(checked.out.contains("archive `PACS`") && checked.out.contains("peer `WS1`"), "{}", checked.out);
    assert!(checked.out.contains("config/policy.toml:25:1: peer `WS1`"), "{}", checked.out);
    let json = house.run(&["check", "--format", "json"]).ends(1).json();
    assert_eq!((&json["accepted"], json["wiring"].as_array().unwrap().len()), (&true.into(), 3));
    let probed = house.run(&["archive", "probe", "PACS", "--store"]).ends(1);
    assert!(probed.err.contains("cannot be reached") && probed.out.is_empty(), "{}", probed.err);
    assert!(!house.path("state/probe").exists());
}

#[test]
fn check_finds_what_lacks_on_disk_and_accepts_the_samples() {
    let house = House::new();
    let lacking = house.run(&["check", "--offline"]).ends(64);
    assert!(lacking.out.contains("certs/gateway.crt"), "{}", lacking.out);
    house.certify();
    let fine = house.run(&["check", "--offline"]).ends(0);
    assert!(fine.out.contains("the configuration is fine") && fine.err.is_empty(), "{}{}", fine.out, fine.err);
    let json = house.run(&["check", "--offline", "--format", "json"]).ends(0).json();
    assert_eq!((&json["accepted"], json["faults"].as_array().unwrap().len()), (&true.into(), 0));
    // A key of somebody else is found, not only one that is not there.
    std::fs::copy(house.path("certs/ca.key"), house.path("certs/gateway.key")).unwrap();
    house.run(&["check", "--offline"]).ends(64);
}

#[test]
fn a_peers_own_authority_is_looked_for_where_the_configuration_lies() {
    let house = House::new();
    house.certify();
    house.edit(
        "config/policy.toml",
        "certificate = \"ct1.hospital.example\"",
        "trust = \"certs/ca.crt\"\ncertificate = \"ct1.hospital.example\"",
    );
    let config = house.path("config/gateway.toml");
    house.run(&["check", "--offline"]).ends(0);
    // From anywhere.
    let elsewhere = House::new();
    elsewhere.run(&["check", "--offline", "--config", config.to_str().unwrap()]).ends(0);
    std::fs::remove_file(house.path("certs/ca.crt")).unwrap();
    elsewhere.run(&["check", "--offline", "--config", config.to_str().unwrap()]).ends(64);
}

#[test]
fn the_policy_answers_for_people_and_scripts() {
    let house = House::new();
    house.certify();
    assert!(house.run(&["policy", "test"]).ends(0).out.contains("7 passed, 0 failed"));
    let json = house.run(&["policy", "test", "--format", "json"]).ends(0).json();
    assert_eq!((&json["passed"], json["tests"].as_array().unwrap().len()), (&true.into(), 7));
    let explain = |wants, format| {
        let from = ["policy", "explain", "--peer", "CT1", "--from", "10.20.0.11"];
        house.run(&[&from[..], &["--wants", wants, "--format", format]].concat())
    };
    assert!(explain("find", "text").ends(1).out.contains("DENY"));
    explain("find", "json").ends(1).json();
    let permitted = house.run(&["policy", "explain", "--peer", "WS1", "--from", "10.30.0.21", "--wants", "find"]);
    assert!(permitted.ends(0).out.contains("PERMIT"));
    let operations = house.run(&["policy", "operations"]).ends(0).out;
    for operation in ["echo", "store", "worklist", "mpps", "commit", "other"] {
        assert!(operations.lines().any(|line| line == operation), "{operation} is missing");
    }
    assert_eq!(house.run(&["policy", "operations", "--format", "json"]).ends(0).json().as_array().unwrap().len(), 13);
    house.edit(
        "config/policy.toml",
        "wants  = \"store\"\nexpect = \"permit\"",
        "wants  = \"store\"\nexpect = \"deny\"",
    );
    let failed = house.run(&["policy", "test"]).ends(1);
    assert!(failed.out.contains("FAILED  the CT stores"), "{}", failed.out);
    house.run(&["check"]).ends(64);
    house.run(&["run"]).ends(64);
}

#[test]
fn certificates_are_shown() {
    let house = House::new();
    house.certify();
    let shown = house.run(&["certs", "show", "certs/gateway.crt"]).ends(0).out;
    assert!(shown.contains("certificate = \"localhost\"") && shown.contains("sha256:"), "{shown}");
    house.run(&["certs", "show", "certs/gateway.crt", "--format", "json"]).ends(0).json();
    assert_ne!(house.run(&["certs", "show", "config/gateway.toml"]).code, 0);
    assert_ne!(house.run(&["certs", "show", "nowhere.crt"]).code, 0);
}

#[test]
fn a_gateway_that_never_ran_has_no_log_and_the_commands_say_so() {
    let house = House::new();
    house.certify();
    for arguments in [&["audit", "verify"][..], &["audit", "show"], &["why", "--peer", "CT1"]] {
        let answer = house.run(arguments).ends(1);
        assert!(answer.err.contains("no gateway has kept an audit log in `state` yet"), "{}", answer.err);
    }
    house.run(&["audit", "verify", "--state", "elsewhere"]).ends(1);
}
