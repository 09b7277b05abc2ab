//! Archives that call: who they are, what they may open, and where it goes. Deliveries that somebody asked for are in
//! `asked.rs`; here is what the gateway answers itself, and what a rule lets an archive send of its own accord.

use crate::support::conn::{Archive, Conn};
use crate::support::words::{
    COMMIT, CT, EXPLICIT, IMPLICIT, INSTANCE, MR, VERIFICATION, ac, echo, object, rq, store, success, title, uid,
};
use crate::support::world::{Setup, World};
use dicomgate::dicom::pdu::{
    AnsweredContext, AssociateAc, AssociateRj, AssociateRq, ContextResult, Pdu, RawTitle, Role,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use std::sync::Arc;

const ROUTING: &str = r#"
[[rule]]
name = "routing"
who = ["archive:PACS"]
to = ["WS1", "CT3"]
may = ["store"]
"#;

/// What comes of an archive's association.
pub struct Inside {
    pub world: World,
    /// Where the destination listens.
    pub destination: Archive,
}

/// A gateway with an inside listener. WS1 receives in clear, CT3 over TLS, both at the same port; CT1 does not receive.
pub fn inside(listener: &str, archive: &str, rules: &str) -> Inside {
    let destination = Archive::new();
    let port = destination.port();
    let peers = format!(
        "[[peer]]\nae_titles = [\"CT1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\n\
         [[peer]]\nae_titles = [\"WS1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\naddress = \"127.0.0.1:{port}\"\n\
         [[peer]]\nae_titles = [\"CT3\"]\ncertificate = \"ct3.hospital.example\"\naddress = \"127.0.0.1:{port}\"\n"
    );
    let archive = format!(
        "calls_as = [\"PACS\", \"PACS_OUT\"]\nanswers_to = [\"MAIN\", \"PACS\"]\n{archive}\n[[listen]]\nname = \"inside\"\n\
         address = \"127.0.0.1:0\"\ntls = \"off\"\nserves = \"archive\"\nnetwork = [\"127.0.0.0/8\"]\n{listener}\n"
    );
    let setup = Setup { archive, peers, rules: rules.into(), ..Setup::default() };
    Inside { world: World::with(&setup), destination }
}

/// What an archive proposes to a title.
pub fn asks(calling: &str, called: &str, classes: &[&str]) -> AssociateRq {
    AssociateRq { called: title(called), ..rq(calling, classes) }
}

impl Inside {
    fn dial(&self) -> Conn {
        Conn::dial(self.world.address("inside"))
    }

    pub fn ask(&self, rq: &AssociateRq) -> Conn {
        let mut link = self.dial();
        link.request(rq);
        link
    }

    pub fn rejected(&self, rq: &AssociateRq, rj: (u8, u8, u8), cause: &str, words: &str) {
        let before = self.world.count("association-refused");
        let mut link = self.ask(rq);
        let (result, source, reason) = rj;
        assert_eq!(link.control(), Pdu::AssociateRj(AssociateRj { result, source, reason }));
        assert_eq!(self.world.count("association-refused"), before + 1);
        let record = self.world.record("association-refused");
        assert_eq!(record.text("cause"), Some(cause), "{record:?}");
        assert!(record.text("words").unwrap().contains(words), "{record:?}");
        assert!(record.text("incident").is_some());
    }

    /// The destination accepts what it is asked, changed at will.
    pub fn accepts(&self, change: impl FnOnce(&mut AssociateAc)) -> (Conn, AssociateRq) {
        answer(self.destination.accept(), change)
    }

    /// The destination's end, over TLS, with the certificate of that name.
    pub fn tls(&self, name: &str) -> Conn {
        let file = |file: String| self.world.dir.path().join("certs").join(file);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("ca.crt".into())).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let chain = vec![CertificateDer::from_pem_file(file(format!("{name}.crt"))).unwrap()];
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(file(format!("{name}.key"))).unwrap())
            .unwrap();
        self.destination.accept().with_server_tls(ServerConnection::new(Arc::new(config)).unwrap())
    }
}

pub fn answer(mut link: Conn, change: impl FnOnce(&mut AssociateAc)) -> (Conn, AssociateRq) {
    let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
    let mut answer = ac(&asked);
    change(&mut answer);
    link.send(answer.encode());
    (link, *asked)
}

pub fn results(ac: &AssociateAc) -> Vec<(u8, u8)> {
    ac.contexts.iter().map(|context| (context.id, context.result.byte())).collect()
}

#[test]
fn strangers_and_unknown_titles_are_told_so_and_recorded() {
    let inside = inside("", "", ROUTING);
    inside.rejected(&asks("NOBODY", "WS1", &[CT]), (1, 1, 3), "identity", "no archive calls with this title");
    // A peer is no archive, and an archive's address is no matter to peers' listeners.
    inside.rejected(&asks("CT1", "WS1", &[CT]), (1, 1, 3), "identity", "no archive");
    let nameless = AssociateRq { calling: RawTitle([b' '; 16]), ..asks("PACS", "WS1", &[CT]) };
    inside.rejected(&nameless, (1, 1, 3), "identity", "no AE title");
    inside.rejected(&asks("PACS", "NOWHERE", &[CT]), (1, 1, 7), "identity", "NOWHERE");
    // Known, but it does not receive.
    inside.rejected(&asks("PACS", "CT1", &[CT]), (1, 1, 7), "identity", "`address`");
    inside.rejected(&asks("PACS", "NOWHERE", &[VERIFICATION]), (1, 1, 7), "identity", "NOWHERE");
    inside.destination.was_not_dialled();
}

#[test]
fn an_archive_calls_from_where_it_may() {
    let inside = inside("", "calls_from = [\"127.0.0.2/32\"]", ROUTING);
    inside.rejected(&asks("PACS", "WS1", &[CT]), (1, 1, 3), "identity", "may not call from this address");
}

#[test]
fn what_nobody_asked_for_and_no_rule_lets_pass_is_refused() {
    let inside = inside("", "", "");
    inside.rejected(&asks("PACS", "WS1", &[CT, MR]), (1, 1, 1), "policy", "a delivery nobody asked for");
    // An echo beside it makes it no better.
    inside.rejected(&asks("PACS", "WS1", &[VERIFICATION, CT]), (1, 1, 1), "policy", "a delivery nobody asked for");
    inside.destination.was_not_dialled();
}

#[test]
fn an_echo_is_answered_here_and_nobody_is_dialled() {
    let inside = inside("", "", "");
    for called in ["WS1", "CT1", "PACS"] {
        let mut link = inside.ask(&asks("PACS_OUT", called, &[VERIFICATION]));
        let answer = link.accepted();
        assert_eq!((results(&answer), answer.called), (vec![(1, 0)], title(called)));
        assert_eq!(answer.contexts[0].transfer_syntax, Some(uid(EXPLICIT)));
        link.say(1, &echo(7), None);
        assert_eq!(link.message().status(), 0);
        link.release();
        link.released();
    }
    inside.destination.was_not_dialled();
    assert_eq!(inside.world.record("association-opened").text("peer"), Some("PACS"));
    assert_eq!(inside.world.ended(), "released");
}

#[test]
fn whoever_reports_is_given_the_role_it_asks_for() {
    let inside = inside("", "", "");
    let mut asked = asks("PACS", "CT1", &[COMMIT, CT, VERIFICATION]);
    asked.user.roles = vec![Role { sop_class: uid(COMMIT), scu: false, scp: true }];
    asked.contexts[0].transfer_syntaxes = vec![uid("1.2.840.10008.1.2.2"), uid(IMPLICIT), uid(EXPLICIT)];
    asked.contexts[2].transfer_syntaxes = vec![uid("1.2.840.10008.1.2.2")];
    let mut link = inside.ask(&asked);
    let answer = link.accepted();
    // A report waits for nobody: what else was proposed, to a peer that does not receive, is refused.
    assert_eq!(results(&answer), [(1, 0), (3, 1), (5, 4)]);
    assert_eq!(answer.contexts[0].transfer_syntax, Some(uid(IMPLICIT)));
    assert_eq!(answer.user.roles, asked.user.roles);
    assert_eq!(inside.world.record("association-opened").list("removed").len(), 1);
    inside.destination.was_not_dialled();
}

#[test]
fn what_a_rule_lets_pass_goes_to_the_destination_that_is_mirrored() {
    let inside = inside("", "", ROUTING);
    let mut asked = asks("PACS_OUT", "WS1", &[VERIFICATION, CT, MR, crate::support::words::FIND]);
    asked.user.max_length = 30_000;
    asked.contexts[1].transfer_syntaxes = vec![uid(IMPLICIT), uid(EXPLICIT)];
    let mut link = inside.ask(&asked);
    let (mut workstation, seen) = inside.accepts(|ac| {
        ac.user.max_length = 20_000;
        ac.contexts[0].transfer_syntax = Some(uid(EXPLICIT));
        ac.contexts[1] =
            AnsweredContext { id: 5, result: ContextResult::AbstractSyntaxNotSupported, transfer_syntax: None };
    });
    // By the name under which peers know the archive; its software is nobody's business in clear.
    assert_eq!((seen.called, seen.calling), (title("WS1"), title("MAIN")));
    assert_ne!(seen.user.implementation_class, asked.user.implementation_class);
    assert_eq!(seen.user.max_length, 30_000);
    assert_eq!(seen.contexts, asked.contexts[1..3]);
    let answer = link.accepted();
    assert_eq!(results(&answer), [(1, 0), (3, 0), (5, 3), (7, 1)]);
    assert_eq!((answer.contexts[1].transfer_syntax, answer.user.max_length), (Some(uid(EXPLICIT)), 20_000));
    assert_eq!(answer.user.implementation_class, Some(uid("1.9.9")));
    let sent = link.say(3, &store(1), Some(&object(CT, INSTANCE, 10_000)));
    let got = workstation.message();
    assert!(got.bytes == sent);
    workstation.say(3, &success(&got.command), None);
    assert_eq!(link.message().status(), 0);
    link.say(1, &echo(2), None);
    assert_eq!(link.message().status(), 0);
    link.release();
    workstation.confirm_release();
    link.released();
    let opened = inside.world.record("association-opened");
    assert_eq!((opened.text("peer"), opened.text("to")), (Some("PACS"), Some("WS1")));
}

#[test]
fn a_port_may_be_for_one_destination_whatever_is_called() {
    let inside = inside("destination = \"WS1\"", "", ROUTING);
    let mut link = inside.ask(&asks("PACS", "ANYTHING", &[CT]));
    let (_workstation, seen) = inside.accepts(|_| ());
    assert_eq!(seen.called, title("WS1"));
    assert_eq!(link.accepted().called, title("ANYTHING"));
}

#[test]
fn another_archive_may_be_the_destination() {
    let vna = Archive::new();
    let other =
        format!("[[archive]]\nae_title = \"VNA\"\naddress = \"127.0.0.1:{}\"\nmax_associations = 1", vna.port());
    let inside = inside("", &other, &ROUTING.replace("CT3", "VNA"));
    let mut link = inside.ask(&asks("PACS_OUT", "VNA", &[CT]));
    let (_vna, seen) = answer(vna.accept(), |_| ());
    assert_eq!((seen.called, seen.calling), (title("VNA"), title("PACS_OUT")));
    link.accepted();
    inside.rejected(&asks("PACS", "VNA", &[CT]), (2, 3, 2), "archive-full", "max_associations");
}

#[test]
fn a_dead_destination_fails_what_is_for_it_and_nothing_else() {
    let Inside { world, destination } = inside("", "", ROUTING);
    let port = destination.port();
    drop(destination);
    let inside = Inside { world, destination: Archive::new() };
    let away = |inside: &Inside| {
        inside.rejected(&asks("PACS", "WS1", &[CT]), (2, 3, 1), "destination-away", "the destination");
    };
    away(&inside);
    assert_eq!(inside.world.ended(), "archive-refused");
    // A report is taken all the same.
    let mut asked = asks("PACS", "WS1", &[CT, COMMIT]);
    asked.user.roles = vec![Role { sop_class: uid(COMMIT), scu: false, scp: true }];
    let mut link = inside.ask(&asked);
    assert_eq!(results(&link.accepted()), [(1, 2), (3, 0)]);
    assert_eq!(inside.world.record("system-missed").text("to"), Some("WS1"));
    assert_ne!(port, inside.destination.port());
}

#[test]
fn the_destinations_own_rejection_goes_back() {
    let inside = inside("", "", ROUTING);
    let mut link = inside.ask(&asks("PACS", "WS1", &[CT]));
    let mut workstation = inside.destination.accept();
    workstation.control();
    workstation.send(AssociateRj { result: 2, source: 3, reason: 2 }.encode());
    assert_eq!(link.pdu(), [3, 0, 0, 0, 0, 4, 0, 2, 3, 2]);
    assert_eq!(inside.world.record("association-refused").text("cause"), Some("destination-away"));
}

#[test]
fn an_archive_has_a_limit_of_its_own() {
    let inside = inside("", "", "");
    let policy = std::fs::read_to_string(inside.world.dir.path().join("gateway.toml")).unwrap();
    let limited = policy.replace("[limits]", "[limits]\nassociations = 1\nassociations_per_peer = 1");
    std::fs::write(inside.world.dir.path().join("gateway.toml"), limited).unwrap();
    inside.world.reload();
    let mut first = inside.ask(&asks("PACS", "WS1", &[VERIFICATION]));
    first.accepted();
    inside.rejected(&asks("PACS", "WS1", &[VERIFICATION]), (2, 3, 2), "limit", "associations_per_peer");
    first.release();
    first.released();
    inside.ask(&asks("PACS", "WS1", &[VERIFICATION])).accepted();
}

#[test]
fn a_peer_is_delivered_to_over_tls_and_known_by_its_certificate() {
    let inside = inside("", "", ROUTING);
    let mut link = inside.ask(&asks("PACS", "CT3", &[CT]));
    let (mut receiver, seen) = answer(inside.tls("ct3"), |_| ());
    assert_eq!((seen.called, seen.user.implementation_class), (title("CT3"), Some(uid("1.2.3"))));
    link.accepted();
    link.say(1, &store(1), Some(&object(CT, INSTANCE, 1000)));
    let got = receiver.message();
    receiver.say(1, &success(&got.command), None);
    assert_eq!(link.message().status(), 0);
}

#[test]
fn somebody_elses_certificate_or_none_is_not_delivered_to() {
    let inside = inside("", "", ROUTING);
    let mut link = inside.ask(&asks("PACS", "CT3", &[CT]));
    assert!(inside.tls("archive").is_broken_off(), "an impostor got as far as a request");
    assert_eq!(link.pdu(), [3, 0, 0, 0, 0, 4, 0, 2, 3, 1]);
    // A device that answers in clear is not talked to in clear.
    let mut link = inside.ask(&asks("PACS", "CT3", &[CT]));
    let mut plain = inside.destination.accept();
    plain.read_up_to(1);
    assert_eq!(plain.received[0], 0x16, "a TLS hello and no DICOM");
    plain.reset();
    assert_eq!(link.pdu(), [3, 0, 0, 0, 0, 4, 0, 2, 3, 1]);
    assert_eq!(inside.world.record("association-refused").text("cause"), Some("destination-away"));
}
