//! Sealed objects opened with grep, coreutils and openssl alone, by the commands that `docs/recovery.md` shows, as they stand
//! there.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something is not as it must be")]

#[path = "vault/ground.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod ground;

use dicomgate::dicom::dataset::part10::Part10;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{Tag, Uid};
use dicomgate::transform::flow::{Flow, Line};
use dicomgate::transform::seal::{Outcome, Seal, SealOptions, SealOrder};
use dicomgate::vault::Unlock;
use dicomgate::vault::carrier::Carrier;
use dicomgate::vault::family::Family;
use dicomgate::vault::family::tags::RULES;
use dicomgate::vault::offline::SealedFile;
use ground::{Fixed, INSTANCE, context, data, payload, private, ring};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// The commands in the fence of this name.
fn fence(name: &str) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recovery.md")).unwrap();
    let (_, text) = text.split_once(&format!("\n```{name}\n")).unwrap();
    text.split_once("\n```\n").unwrap().0.to_owned()
}

/// A tomogram with so many bytes of pixels.
fn original(rows: u16) -> Vec<u8> {
    original_of("4711", rows)
}

fn original_of(patient: &str, rows: u16) -> Vec<u8> {
    let uid = |text: &str| Uid::new(text).unwrap();
    DataSet::new()
        .with_uid(Tag(0x0008, 0x0016), &uid(CT))
        .with_uid(Tag(0x0008, 0x0018), &uid(INSTANCE))
        .with(Tag(0x0010, 0x0010), b"PN", "Doe^Jane")
        .with(Tag(0x0010, 0x0020), b"LO", patient)
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3"))
        .with_u16(Tag(0x0028, 0x0002), 1)
        .with(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
        .with_u16(Tag(0x0028, 0x0010), rows)
        .with_u16(Tag(0x0028, 0x0011), 256)
        .with_u16(Tag(0x0028, 0x0100), 16)
        .with_u16(Tag(0x0028, 0x0101), 12)
        .with_u16(Tag(0x0028, 0x0102), 11)
        .with_u16(Tag(0x0028, 0x0103), 0)
        .with(Tag(0x7fe0, 0x0010), b"OW", payload(usize::from(rows) * 512))
        .encode(Encoding::ExplicitLe)
}

fn sealed(original: &[u8], carrier: Carrier) -> Vec<u8> {
    let uid = |text: &str| Uid::new(text).unwrap();
    let order = SealOrder {
        context: context(&["rsa", "p256", "p384"], Fixed::from(5)),
        sop_class: uid(CT),
        sop_instance: uid(INSTANCE),
        from: uid(EXPLICIT),
        to: Encoding::ExplicitLe,
        carrier,
        options: Arc::new(SealOptions::default()),
        whole: false,
    };
    let (mut seal, mut flow) = (Seal::new(order).unwrap(), Flow::default());
    seal.push(original, &mut flow).unwrap();
    assert!(matches!(seal.finish(&mut flow), Ok(Outcome::Sealed(_))));
    let out = Line::default().take(&mut flow).concat();
    let (sop_class, sop_instance, transfer_syntax) = (uid(CT), uid(INSTANCE), uid(EXPLICIT));
    Part10 { sop_class, sop_instance, transfer_syntax, data_set: &out }.join(&uid("1.2.3"))
}

struct Safe(tempfile::TempDir);

impl Safe {
    /// A ring key file as `vault new-key` writes it, and the escrow keys in PEM.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = format!("dicomgate ring key 3\n# for people\nkey: {}\ncheck: 0011223344556677\n", "03".repeat(32));
        std::fs::write(folder.path().join("ring-0003.key"), key).unwrap();
        for kind in ["rsa", "p256", "p384"] {
            let output = Command::new("openssl")
                .args(["pkey", "-inform", "DER", "-in"])
                .arg(data(&format!("{kind}.key.der")))
                .arg("-out")
                .arg(folder.path().join(format!("{kind}.pem")))
                .output()
                .unwrap();
            assert!(output.status.success());
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The same key, as it may be written as well.
    fn in_base64(&self) {
        let key = "dicomgate ring key 3\nkey: AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\ncheck: 0011223344556677\n";
        std::fs::write(self.path().join("ring-0003.key"), key).unwrap();
    }

    fn run(&self, key: &str, file: &[u8]) -> Output {
        std::fs::write(self.path().join("sealed.dcm"), file).unwrap();
        let (fence_of_key, variable, value) = match key {
            "ring" => ("sh ring", "RING", "ring-0003.key".to_owned()),
            kind => ("sh escrow", "ESCROW", format!("{kind}.pem")),
        };
        let script = format!("{}\n{}", fence(fence_of_key), fence("sh open"));
        Command::new("bash")
            .args(["-eu", "-c", &script])
            .current_dir(self.path())
            .env("FILE", "sealed.dcm")
            .env(variable, value)
            .output()
            .unwrap()
    }

    fn payload(&self) -> Vec<u8> {
        std::fs::read(self.path().join("payload")).unwrap()
    }
}

#[test]
fn every_carrier_opens_with_every_key_by_the_commands_of_the_document() {
    let safe = Safe::new();
    // Held and of one segment; held and of several; streamed, with room behind the last segment.
    for (rows, carrier) in
        [(16, Carrier::Pixels), (600, Carrier::Pixels), (3000, Carrier::Pixels), (300, Carrier::Attributes)]
    {
        let original = original(rows);
        let file = sealed(&original, carrier);
        assert_eq!(SealedFile::find(&file).unwrap().unwrap().carrier, carrier);
        let mut expected = Vec::new();
        let found = SealedFile::find(&file).unwrap().unwrap();
        found.open(Unlock::Ring(ring()), |part| expected.extend_from_slice(&part)).unwrap();
        // Everything from Rows to the last pixel is sealed, and stands there as it stood.
        assert!(original.ends_with(&expected[expected.len() - usize::from(rows) * 512..]));
        for key in ["ring", "rsa", "p256", "p384"] {
            let output = safe.run(key, &file);
            let said = String::from_utf8(output.stdout).unwrap();
            let complained = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{rows} {carrier:?} {key}: {said}{complained}");
            assert!(said.contains(&format!("sop-instance: {INSTANCE}\n")), "{said}");
            assert!(said.contains("transfer-syntax: 1.2.840.10008.1.2.1\n"), "{said}");
            assert!(key != "ring" || said.starts_with("dicomgate ring 0003\n"), "{said}");
            assert!(safe.payload() == expected, "{rows} {carrier:?} {key}");
        }
    }
}

#[test]
fn a_ring_key_in_base64_opens_by_hand_as_well() {
    let safe = Safe::new();
    safe.in_base64();
    let output = safe.run("ring", &sealed(&original(16), Carrier::Pixels));
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn what_was_tampered_with_does_not_open_by_hand_either() {
    let safe = Safe::new();
    let file = sealed(&original(600), Carrier::Pixels);
    let segments: Vec<Vec<u8>> =
        SealedFile::find(&file).unwrap().unwrap().segments.iter().map(|segment| segment.to_vec()).collect();
    assert!(segments.len() > 3);
    let at = |segment: usize| {
        let place = file.windows(64).position(|window| window == &segments[segment][..64]).unwrap();
        place..place + segments[segment].len()
    };
    let mut flipped = file.clone();
    flipped[at(1).start + 5000] ^= 1;
    let mut missing = file.clone();
    missing.drain(at(1));
    let mut cut = file.clone();
    cut.drain(at(segments.len() - 1).start..);
    for (forged, words) in [(flipped, "does not open"), (missing, "is missing"), (cut, "the last segment is missing")] {
        for key in ["ring", "p256"] {
            let output = safe.run(key, &forged);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(!output.status.success() && said.contains(words), "{key}: {words}: {said}");
        }
    }
}

/// Both ways look at the same bytes.
#[test]
fn the_recovery_steps_without_a_shell_find_the_same() {
    let original = original(600);
    let file = sealed(&original, Carrier::Pixels);
    let found = SealedFile::find(&file).unwrap().unwrap();
    let mut parts = Vec::new();
    for unlock in [Unlock::Ring(ring()), Unlock::Escrow(private("p384"))] {
        let mut payload = Vec::new();
        let proven = matches!(unlock, Unlock::Ring(_));
        let opened = found.open(unlock, |part| payload.extend_from_slice(&part)).unwrap();
        assert_eq!((opened.origin_proven, opened.payload), (proven, payload.len() as u64));
        assert_eq!(opened.header.sop_instance.as_str(), INSTANCE);
        parts.push(payload);
    }
    assert_eq!(parts[0], parts[1]);
    let plain = Part10::split(&file).unwrap();
    let plain = Part10 { data_set: &original, ..plain }.join(&Uid::new("1.2.3").unwrap());
    assert!(SealedFile::find(&plain).unwrap().is_none());
    let other = Part10 { sop_instance: Uid::new("1.2.3.9").unwrap(), ..found.file }.join(&Uid::new("1.2.3").unwrap());
    let other = SealedFile::find(&other).unwrap().unwrap().open(Unlock::Ring(ring()), drop);
    assert!(other.unwrap_err().to_string().contains(INSTANCE));
}

/// What the document takes away before it merges is what sealing puts there, and what only the archive can have added.
#[test]
fn the_document_names_what_comes_from_the_seal_alone() {
    let python = fence("python merge");
    let (_, list) = python.split_once("SEALED = \"\"\"").unwrap();
    let ranges = list.split_once("\"\"\"").unwrap().0.split_whitespace().map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text| u32::from_str_radix(text, 16).unwrap();
        number(first)..=number(last)
    });
    let ranges: Vec<std::ops::RangeInclusive<u32>> = ranges.collect();
    // Both sides of every border, and all of the groups in which most of them are.
    let number = |tag: Tag| u32::from(tag.0) << 16 | u32::from(tag.1);
    let rules = RULES.iter().map(|rule| number(rule.first)..=number(rule.last));
    let borders = ranges.iter().cloned().chain(rules).flat_map(|range| {
        let (first, last) = range.into_inner();
        [first - 1, first, last, last.saturating_add(1)]
    });
    for number in borders.chain(0x0028_0001..=0x0028_ffff).chain(0x7fe0_0001..=0x7fe0_ffff) {
        let tag = Tag((number >> 16) as u16, number as u16);
        if !tag.is_private() && tag.1 != 0 {
            let named = ranges.iter().any(|range| range.contains(&number));
            assert_eq!(named, Family::is_always_sealed(tag, false) || Family::is_replacement(tag), "{tag}");
        }
    }
}

fn dicomgate(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dicomgate")).current_dir(folder).args(arguments).output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn the_command_restores_what_was_sealed_and_says_whether_that_proves_an_origin() {
    let safe = Safe::new();
    let folder = safe.path();
    for name in ["keys", "out"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    let original = original(3000);
    std::fs::write(folder.join("sealed.dcm"), sealed(&original, Carrier::Pixels)).unwrap();
    let whole = |name: &str| Part10::split(&std::fs::read(folder.join(name)).unwrap()).unwrap().data_set.to_vec();
    for (kind, words) in [("rsa", "RSA"), ("p256", "EC"), ("p384", "EC")] {
        let key = format!("{kind}.pem");
        let (code, said) = dicomgate(folder, &["vault", "open", "--escrow-key", &key, "--out", "out", "sealed.dcm"]);
        assert_eq!(code, 0, "{words}: {said}");
        assert!(said.contains("proves no origin"), "{said}");
        let restored = format!("out/{INSTANCE}.dcm");
        assert!(whole(&restored) == original, "{kind}");
        // Nothing is overwritten, and nothing else stays there.
        let again = dicomgate(folder, &["vault", "open", "--escrow-key", &key, "--out", "out", "sealed.dcm"]);
        assert_eq!(again.0, 1, "{}", again.1);
        std::fs::remove_file(folder.join(restored)).unwrap();
        assert_eq!(std::fs::read_dir(folder.join("out")).unwrap().count(), 0);
    }
    let key = dicomgate::keys::CheckValue::of(&dicomgate::vault::suite::Key256::new(&[3; 32]));
    let text = format!("dicomgate ring key 3\nkey: {}\ncheck: {key}\n", "03".repeat(32));
    let file = folder.join("keys/ring-0003.key");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (code, said) = dicomgate(folder, &["vault", "open", "--keys", "keys", "--format", "json", "sealed.dcm"]);
    assert_eq!(code, 0, "{said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&said["origin_proven"], &said["key"], &said["sop_instance"]),
        (&true.into(), &3.into(), &INSTANCE.into())
    );
}

#[test]
fn the_command_leaves_nothing_of_what_does_not_open() {
    let safe = Safe::new();
    let folder = safe.path();
    std::fs::create_dir(folder.join("out")).unwrap();
    let original = original(3000);
    let file = sealed(&original, Carrier::Pixels);
    let middle = file.len() / 2;
    let mut flipped = file.clone();
    flipped[middle] ^= 1;
    std::fs::write(folder.join("flipped.dcm"), flipped).unwrap();
    std::fs::write(folder.join("cut.dcm"), &file[..middle]).unwrap();
    std::fs::write(folder.join("text.dcm"), "no DICOM file").unwrap();
    let plain = Part10 { data_set: &original, ..Part10::split(&file).unwrap() }.join(&Uid::new("1.2.3").unwrap());
    std::fs::write(folder.join("plain.dcm"), plain).unwrap();
    for (name, words) in [
        ("flipped.dcm", "was changed after it was sealed"),
        ("cut.dcm", "NOT OPENED"),
        ("text.dcm", "not a DICOM file"),
        ("plain.dcm", "is not sealed"),
        ("absent.dcm", "cannot be read"),
    ] {
        let (code, said) = dicomgate(folder, &["vault", "open", "--escrow-key", "rsa.pem", "--out", "out", name]);
        assert!(code == 1 && said.contains(words), "{name}: {code} {said}");
        assert_eq!(std::fs::read_dir(folder.join("out")).unwrap().count(), 0, "{name}");
    }
    let (code, said) = dicomgate(folder, &["vault", "open", "--escrow-key", "text.dcm", "plain.dcm"]);
    assert!(code == 2 && said.contains("openssl pkcs8"), "{code} {said}");
}

#[test]
fn what_an_archive_gave_another_uid_opens_when_somebody_says_so() {
    let safe = Safe::new();
    let folder = safe.path();
    std::fs::create_dir(folder.join("archive")).unwrap();
    let mut file = sealed(&original(16), Carrier::Pixels);
    let (instance, minted) = (INSTANCE.as_bytes(), "9".repeat(INSTANCE.len()));
    let places: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(instance)).collect();
    assert!(places.len() > 1, "it stands before the data set and in it");
    for at in places {
        file[at..at + minted.len()].copy_from_slice(minted.as_bytes());
    }
    std::fs::write(folder.join("archive/minted.dcm"), &file).unwrap();
    let open = ["vault", "open", "--escrow-key", "p256.pem", "archive/minted.dcm"];
    let (code, said) = dicomgate(folder, &open);
    assert!(code == 1 && said.contains("NOT OPENED") && said.contains("--minted opens it"), "{code} {said}");
    let (code, said) = dicomgate(folder, &[&open[..], &["--minted"]].concat());
    assert!(code == 0 && said.contains(&format!("sealed as SOP instance {INSTANCE}")), "{code} {said}");
    for (to, more, opens) in [("plainly", None, false), ("minted", Some("--minted"), true)] {
        let pick = ["vault", "drill", "--from", "archive", "--to", to];
        let (code, said) = dicomgate(folder, &pick.into_iter().chain(more).collect::<Vec<_>>());
        assert_eq!(code, 0, "{said}");
        let (code, said) = dicomgate(folder, &["vault", "drill", "--open", to, "--escrow-key", "p256.pem"]);
        assert!(code == i32::from(!opens) && said.contains(&format!("{} of 1 opened", i32::from(opens))), "{said}");
    }
}

#[test]
fn a_drill_picks_opens_and_signs() {
    let safe = Safe::new();
    let folder = safe.path();
    std::fs::create_dir_all(folder.join("archive/deep")).unwrap();
    for (number, rows) in [16, 300, 600].into_iter().enumerate() {
        let file = sealed(&original(rows), [Carrier::Pixels, Carrier::Attributes][number % 2]);
        std::fs::write(folder.join(format!("archive/deep/{number}")), file).unwrap();
    }
    std::fs::write(folder.join("archive/index.db"), "no DICOM file").unwrap();
    let probe = sealed(&original_of("DICOMGATE-PROBE", 16), Carrier::Pixels);
    std::fs::write(folder.join("archive/probe.dcm"), &probe).unwrap();
    std::fs::create_dir(folder.join("probed")).unwrap();
    std::fs::write(folder.join("probed/probe.dcm"), probe).unwrap();
    std::fs::create_dir(folder.join("empty")).unwrap();
    for from in ["empty", "absent", "probed"] {
        let (code, said) = dicomgate(folder, &["vault", "drill", "--from", from, "--to", "picked"]);
        assert!(code != 0 && !said.contains("next,"), "{from}: {said}");
        assert!(!folder.join("picked").exists(), "{from}");
    }
    let (code, said) = dicomgate(folder, &["vault", "drill", "--from", "archive", "--to", "empty"]);
    assert!(code == 2 && said.contains("there already"), "{code} {said}");
    let (code, said) = dicomgate(folder, &["vault", "drill", "--from", "archive", "--to", "picked", "--count", "3"]);
    assert_eq!(code, 0, "{said}");
    let picked = |name: &str| folder.join("picked").join(name);
    assert!(picked("0003.dcm").exists() && !picked("0004.dcm").exists());
    let open = ["vault", "drill", "--open", "picked", "--escrow-key", "p256.pem"];
    let (code, said) = dicomgate(folder, &open);
    assert!(code == 0 && said.contains("3 of 3 opened"), "{code} {said}");
    let signed: serde_json::Value = serde_json::from_slice(&std::fs::read(picked("result.json")).unwrap()).unwrap();
    let found: serde_json::Value = serde_json::from_str(signed["result"].as_str().unwrap()).unwrap();
    assert_eq!(found["objects"][0]["inside"]["sop_instance"], INSTANCE);
    assert!(!signed["result"].as_str().unwrap().contains("Doe"));
    // What is exchanged on the way shows.
    let mut other = std::fs::read(picked("0001.dcm")).unwrap();
    let last = other.len() - 1;
    other[last] ^= 1;
    std::fs::write(picked("0001.dcm"), other).unwrap();
    let (code, said) = dicomgate(folder, &open);
    assert!(code == 1 && said.contains("2 of 3 opened") && said.contains("not the file that was picked"), "{said}");
    assert!(said.contains("proves nothing") && !said.contains("next,"), "{said}");
    // Where the pick fills the disk, nothing of it is left behind.
    let full = ["-c", "ulimit -f 1; trap '' XFSZ; exec \"$0\" vault drill --from archive --to filled"];
    let full = std::process::Command::new("bash")
        .args(full)
        .arg(env!("CARGO_BIN_EXE_dicomgate"))
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(full.status.code(), Some(2), "{full:?}");
    assert!(!folder.join("filled").exists(), "{full:?}");
    assert_eq!(dicomgate(folder, &["vault", "drill"]).0, 2);
    assert_eq!(dicomgate(folder, &["vault", "drill", "--from", "archive"]).0, 2);
    assert_eq!(dicomgate(folder, &["vault", "drill", "--from", "a", "--to", "b", "--result", "c"]).0, 2);
}
