//! The tables of docs/sealing.md are those of the code. `UPDATE_GOLDEN=1 cargo test --lib vault::family` writes them anew:
//! read the difference.

use super::*;
use std::fmt::Write as _;

fn pixels(family: &Family) -> String {
    let Pixels { depth, colour, movable, .. } = family.pixels;
    let bits = match depth {
        Depth::Original => "8 or 16 bit",
        Depth::OneOrMore => "1, 8 or 16 bit",
        Depth::Eight => "8 bit",
        Depth::Sixteen => "16 bit",
    };
    format!("{bits}, {}{}", if colour { "RGB" } else { "grey" }, if movable { ", one frame" } else { "" })
}

fn families() -> String {
    let mut page = String::from("| Family | Classes | Its pixels, sealed | |\n|---|---|---|---|\n");
    let images = |family: &Family| images::PLAIN.iter().chain(images::ENHANCED).any(|image| image == family);
    for family in all().chain([&images::OTHER]) {
        let classes: Vec<String> = sop_class::all()
            .filter(|class| family.has(class))
            .map(|class| {
                format!("{} `{}`", class.name.trim_end_matches(" Storage"), class.uid.strip_prefix(ROOT).unwrap())
            })
            .collect();
        let becomes = match family.fate {
            Fate::Sealed if images(family) || family == &images::OTHER => pixels(family),
            Fate::Sealed => "no image".to_owned(),
            Fate::Never => "**never sealed**".to_owned(),
            Fate::Unsealable => "**cannot be sealed**".to_owned(),
        };
        let classes = if classes.is_empty() { "whatever is not listed".to_owned() } else { classes.join(", ") };
        writeln!(page, "| {} | {classes} | {becomes} | {} |", family.name, family.remarks).unwrap();
    }
    page
}

fn attributes() -> String {
    let mut page = String::from("| Attribute | | Where | What becomes of it | Why |\n|---|---|---|---|---|\n");
    for tags::Rule { first, last, level, part, what, why } in tags::RULES {
        let tag = match (first, last) {
            (first, last) if first == last => first.to_string(),
            (Tag(first, 0), Tag(last, 0xffff)) if first == last => format!("({first:04X},xxxx)"),
            (Tag(first, 0), Tag(last, 0xffff)) => format!("({first:04X},xxxx) to ({last:04X},xxxx)"),
            (first, last) => format!("{first} to {last}"),
        };
        let level = match level {
            tags::Level::Any => "everywhere",
            tags::Level::Top => "top level",
            tags::Level::Nested => "in sequences",
        };
        let part = if *part == Part::Seal { "sealed" } else { "clear" };
        writeln!(page, "| {tag} | {what} | {level} | {part} | {} |", why.replace('\\', "\\\\")).unwrap();
    }
    page
}

#[test]
fn the_page_says_what_the_code_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sealing.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut wanted = page.clone();
    for (name, table) in [("families", families()), ("attributes", attributes())] {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
        let (before, rest) = wanted.split_once(&begin).expect("the page has a place for the table");
        let (_, after) = rest.split_once(&end).expect("the place has an end");
        wanted = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &wanted).unwrap();
    } else {
        assert!(page == wanted, "docs/sealing.md differs from the tables of the code");
    }
}

/// What one segment adds to what it holds, with these escrow certificates, in bytes.
fn growth(escrow: &[&str]) -> u64 {
    use crate::vault::{Identity, KeyId, KeyRing, PatientIdentity, RingKey, SealContext, Sealer, suite};
    #[derive(Debug)]
    struct Zeros;
    impl suite::Random for Zeros {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), suite::NoRandom> {
            buffer.fill(0);
            Ok(())
        }
    }
    let escrow = escrow.iter().map(|kind| crate::vault::escrow::tests::certificate(kind).0);
    let context = SealContext {
        ring: std::sync::Arc::new(KeyRing::new([RingKey { id: KeyId(1), key: suite::Key256::new(&[1; 32]) }])),
        escrow: escrow.map(|der| crate::vault::escrow::Escrow::from_der(&der).unwrap()).collect(),
        random: std::sync::Arc::new(Zeros),
        segment: 1 << 20,
    };
    let uid = |text: &str| Uid::new(text).unwrap();
    let identity = Identity {
        sop_class: uid("1.2.840.10008.5.1.4.1.1.2"),
        sop_instance: uid("1.2.826.0.1.3680043.8.498.72341234123412341234123412341234123412"),
        study: Some(uid("1.2.826.0.1.3680043.8.498.12341234123412341234123412341234123412")),
        patient: PatientIdentity::default(),
        transfer_syntax: uid("1.2.840.10008.1.2.1"),
    };
    let sealer = Sealer::new(std::sync::Arc::new(context), &identity, b"ISO_IR 100").unwrap();
    sealer.sealed_length(500_000) - 500_000
}

#[test]
fn the_page_says_how_much_a_segment_adds() {
    let page = include_str!("../../../../docs/sealing.md");
    for (escrow, words) in [
        (&[][..], "the ring alone"),
        (&["rsa"], "and one RSA certificate of 2,048 bits"),
        (&["p256"], "and one EC certificate on P-256"),
        (&["p384"], "and one EC certificate on P-384"),
        (&["rsa", "p384"], "and one of RSA 2,048 and one on P-384"),
    ] {
        let adds = growth(escrow);
        let row = page.lines().find(|line| line.starts_with(&format!("| {words} |"))).expect(words);
        let said: u64 = row.split('|').nth(2).unwrap().trim().replace(',', "").parse().unwrap();
        assert!(adds <= said && said < adds + 150, "{words}: {adds}, and the page says {said}");
    }
}
