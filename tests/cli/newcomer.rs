//! The first steps of the documents, typed as they stand there.

use crate::house::{House, commands, free_ports, is_private};

/// Runs what a document shows; every line of it must work.
fn follow(house: &House, lines: &[String]) {
    for line in lines {
        let answer = house.types(line);
        assert_eq!(answer.code, 0, "{line}\n{}{}", answer.out, answer.err);
    }
}

/// Ports that no other gateway of this machine has.
fn own_ports(house: &House) {
    let [dicom, admin] = free_ports();
    house.edit("config/gateway.toml", "0.0.0.0:2762", &format!("127.0.0.1:{dicom}"));
    house.edit("config/gateway.toml", "# address = \"127.0.0.1:9464\"", &format!("address = \"127.0.0.1:{admin}\""));
}

#[test]
fn the_steps_of_the_readme_lead_to_a_gateway_that_runs() {
    let house = House::new();
    let lines = commands("README.md", "\n## In earnest", "\n## ", "dicomgate ");
    let (last, lines) = lines.split_last().unwrap();
    assert_eq!(last, "dicomgate run --config config/gateway.toml");
    follow(&house, lines);
    own_ports(&house);
    let running = house.start(1);
    assert_eq!(running.seed().len(), 64);
    let said = running.stop();
    assert!(!said.iter().any(|line| line.contains(" ERROR ")), "{said:?}");
    assert!(is_private(&house.path("state/audit")) && is_private(&house.path("state/audit-keys")));
    house.run(&["audit", "verify"]).ends(0);
    // The seed is shown once.
    let running = house.start(1);
    assert!(!running.said().iter().any(|line| line.contains("seed")), "{:?}", running.said());
    running.stop();
}

#[test]
fn the_steps_of_the_page_on_certificates_work() {
    let house = House::new();
    follow(&house, &commands("docs/certificates.md", "\n## With a CA of one's own", "**Renewing.**", "dicomgate "));
    house.run(&["check", "--offline"]).ends(0);
    for key in ["ca.key", "gateway.key", "ct1.key", "ws1.key"] {
        assert!(is_private(&house.path(&format!("certs/{key}"))), "{key}");
    }
    let shown = || house.run(&["certs", "show", "certs/ct1.crt", "--format", "json"]).ends(0).json();
    let before = shown();
    let renew = "certs issue --for ct1 --dns ct1.hospital.example";
    let words = |line: &'static str| line.split(' ').collect::<Vec<_>>();
    assert_ne!(house.run(&words(renew)).code, 0, "nothing is overwritten unasked");
    house.types("dicomgate certs issue --for ct1 --dns ct1.hospital.example --renew").ends(0);
    assert_ne!(before, shown());
    house.types("dicomgate certs revoke --for ct1 --reason key-compromise").ends(0);
    house.edit("config/gateway.toml", "# crl         = \"certs/ca.crl\"", "crl = \"certs/ca.crl\"");
    house.run(&["check", "--offline"]).ends(0);
    house.types("dicomgate certs revoke --refresh").ends(0);
    house.run(&["check", "--offline"]).ends(0);
}

#[test]
fn the_steps_beside_the_keys_work_and_the_script_does_the_same() {
    let house = House::new();
    follow(&house, &commands("certs/README.md", "or step by step:", "| File |", "dicomgate "));
    house.run(&["check", "--offline"]).ends(0);
    let other = House::new();
    other.types("sh ./certs/make-demo-keys").ends(0);
    other.run(&["check", "--offline"]).ends(0);
    for made in ["ca.crt", "gateway.key", "ct1.crt", "ws1.crt"] {
        assert!(other.path(&format!("certs/{made}")).exists(), "{made}");
    }
}
