//! `[vault]`, and what rules say of it.

use super::{Ground, Kind, repeated};
use crate::config::fault::Report;
use crate::config::raw::Field;
use crate::config::raw::gateway::{RawArchive, RawGatewayFile};
use crate::config::raw::policy::RawRule;
use crate::config::raw::vault::{KeysWord, RawVault, RewritesWord};
use crate::config::raw::words::Date;
use crate::config::units::{Count, Size, Span};
use crate::config::vault::{ArchiveVault, CommitTrust, KeySource, Resend, SealWhat, Unproven, Vault, Verify};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::Open;
use crate::policy::model::{Effect, PolicyModel};
use jiff::{Timestamp, Zoned};
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// What changes with every key that is made: a running gateway then loads the ring anew.
const MANIFEST: &str = "manifest.json";
/// What `all_readers_pass_the_gateway` means, for who has to find out whether it is so.
const READERS: &str = "only banners would be seen by viewers that ask the archive itself, by its own web pages and links, on CDs that \
                       it burns, on film that it prints and by what it forwards past the gateway; when all of these go through the \
                       gateway, write all_readers_pass_the_gateway = true";

pub(super) fn validate(
    raw: &RawGatewayFile,
    now: &Zoned,
    ground: &mut Ground<'_>,
    report: &mut Report<'_>,
) -> Option<Vault> {
    let vault = raw.vault.get()?;
    let keys = keys(raw, vault, ground, report);
    let escrow = escrow(vault, ground, report);
    repeated("exemption", vault.private_exempt.items(), report);
    let mut bounds = Bounds { report };
    let segment = bounds.size("segment", &vault.segment, ("64KiB", "1MiB", "8MiB"));
    let hold = bounds.size("hold", &vault.hold, ("64KiB", "1MiB", "64MiB"));
    let attributes_max = bounds.size("attributes_max", &vault.attributes_max, ("64KiB", "4MiB", "64MiB"));
    let private_max = bounds.size("private_max", &vault.private_max, ("0B", "1KiB", "64KiB"));
    let verify_sample = bounds.count("verify_sample", &vault.verify_sample, (1, 100, 1_000_000));
    let probe_age = bounds.span("probe_age", &vault.probe_age, ("0s", "1m", "7d"));
    let probe_every = bounds.span("probe_every", &vault.probe_every, ("1h", "30d", "365d"));
    let decode_memory = bounds.size("decode_memory", &vault.decode_memory, ("64MiB", "1GiB", "64GiB"));
    let decode_time = bounds.span("decode_time", &vault.decode_time, ("1s", "30s", "10m"));
    let decode_wait = bounds.span("decode_wait", &vault.decode_wait, ("1s", "30s", "10m"));
    let decode_workers = bounds.count("decode_workers", &vault.decode_workers, (0, 2, 64));
    let (keys, key_folder) = keys?;
    let since = sealed_since(vault, now, report);
    Some(Vault {
        seal: vault.seal.cloned().unwrap_or_default(),
        keys,
        key_folder,
        escrow,
        segment: u32::try_from(segment).unwrap_or(u32::MAX),
        hold,
        carrier: vault.carrier.cloned().unwrap_or_default(),
        attributes_max,
        private_max: u32::try_from(private_max).unwrap_or(u32::MAX),
        private_exempt: vault.private_exempt.values().into_iter().map(|exempt| exempt.0).collect(),
        unsealable: vault.unsealable.cloned().unwrap_or_default(),
        unproven: vault.unproven.cloned().unwrap_or_default(),
        open: vault.open.cloned().unwrap_or_default(),
        identity_drift: vault.identity_drift.cloned().unwrap_or_default(),
        sealed_since: since,
        commit_trust: vault.commit_trust.cloned().unwrap_or_default(),
        verify_sample,
        probe_age,
        probe_every,
        decode_memory,
        decode_time,
        decode_wait,
        decode_workers,
    })
}

/// Values between bounds: least, default, greatest.
struct Bounds<'r, 't> {
    report: &'r mut Report<'t>,
}

impl Bounds<'_, '_> {
    fn size(&mut self, key: &str, field: &Field<Size>, (low, default, high): (&str, &str, &str)) -> u64 {
        let Some(given) = field.spanned() else { return Size::known(default).0 };
        if !(Size::known(low)..=Size::known(high)).contains(given.get_ref()) {
            self.outside(key, given, (low, default, high));
        }
        given.get_ref().0
    }

    fn span(&mut self, key: &str, field: &Field<Span>, (low, default, high): (&str, &str, &str)) -> Duration {
        let Some(given) = field.spanned() else { return Span::known(default).0 };
        if !(Span::known(low)..=Span::known(high)).contains(given.get_ref()) {
            self.outside(key, given, (low, default, high));
        }
        given.get_ref().0
    }

    fn count(&mut self, key: &str, field: &Field<Count>, (low, default, high): (u64, u64, u64)) -> u32 {
        let Some(given) = field.spanned() else { return Count(default).into() };
        if !(low..=high).contains(&given.get_ref().0) {
            let words = [low, default, high].map(|bound| bound.to_string());
            let [low, default, high] = [&words[0], &words[1], &words[2]];
            self.outside(key, given, (low, default, high));
        }
        (*given.get_ref()).into()
    }

    fn outside<T>(&mut self, key: &str, given: &Spanned<T>, (low, default, high): (&str, &str, &str)) {
        self.report
            .error(given.span(), format!("`{key}` must be between {low} and {high}"))
            .hint(format!("write a value between them, or leave it out: the default is {default}"));
    }
}

fn keys(
    raw: &RawGatewayFile,
    vault: &RawVault,
    ground: &mut Ground<'_>,
    report: &mut Report<'_>,
) -> Option<(KeySource, PathBuf)> {
    let word = vault.keys.spanned()?;
    let place = report.place(word.span());
    let named = |path: PathBuf, kind: Kind| super::Named { path, kind, place: place.clone() };
    if let KeysWord::Folder(folder) = word.get_ref() {
        if let Some(both) = vault.key_folder.spanned() {
            report.error(both.span(), "`keys` names the folder of the keys already").hint("take `key_folder` out");
        }
        let folder = ground.root.join(folder);
        ground.named.push(named(folder.clone(), Kind::Folder));
        ground.named.push(named(folder.join(MANIFEST), Kind::Told));
        return Some((KeySource::Folder, folder));
    }
    let folder = match vault.key_folder.is_absent() {
        true => raw.gateway.get()?.state.get().map(|state| ground.root.join(state).join("keys"))?,
        false => ground.path(&vault.key_folder, Kind::Folder, report)?,
    };
    ground.named.push(named(folder.join(MANIFEST), Kind::Told));
    let source = match word.get_ref() {
        KeysWord::Environment(name) => KeySource::Environment(name.clone()),
        KeysWord::Token(uri) => {
            use crate::config::pkcs11::PinSource;
            ground.named.push(named(uri.module.clone(), Kind::Module));
            match &uri.pin {
                Some(PinSource::File(path)) => ground.named.push(named(path.clone(), Kind::Password)),
                Some(PinSource::Value(_)) => {
                    report
                        .warning(
                            word.span(),
                            "the PIN of a token stands in this file, which is read and copied more often",
                        )
                        .hint("write it into a file of its own, mode 600, and pin-source=file:/PATH");
                }
                Some(PinSource::Environment(_)) | None => {}
            }
            KeySource::Token(uri.clone())
        }
        KeysWord::Folder(_) => KeySource::Folder,
    };
    Some((source, folder))
}

fn escrow(vault: &RawVault, ground: &mut Ground<'_>, report: &mut Report<'_>) -> Vec<PathBuf> {
    if let Some(list) = vault.escrow.spanned()
        && list.get_ref().0.is_empty()
    {
        report
            .warning(
                list.span(),
                "without escrow, whoever loses the keys of the ring loses every sealed image, for ever",
            )
            .hint("`dicomgate vault new-key --make-escrow DIR` makes a pair; its private key goes into a safe");
    }
    let items = vault.escrow.items();
    let mut paths = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        if items.iter().take(at).any(|earlier| earlier.get_ref() == item.get_ref()) {
            let message = format!("certificate `{}` stands here twice", item.get_ref().display());
            report.error(item.span(), message).hint("take one out");
            continue;
        }
        let path = ground.root.join(item.get_ref());
        ground.named.push(super::Named { path: path.clone(), kind: Kind::Escrow, place: report.place(item.span()) });
        paths.push(path);
    }
    paths
}

fn sealed_since(vault: &RawVault, now: &Zoned, report: &mut Report<'_>) -> Option<Timestamp> {
    let zone = now.time_zone();
    let given = vault.sealed_since.spanned()?;
    let since = match *given.get_ref() {
        Date::Day(day) => zone.to_timestamp(day.into()).ok(),
        Date::Local(local) => zone.to_timestamp(local).ok(),
        Date::Moment(moment) => Some(moment),
    };
    if since.is_some_and(|since| since > now.timestamp()) {
        report
            .warning(
                given.span(),
                "`sealed_since` is in the future: until then no image is refused for not being sealed",
            )
            .hint("write the day since when all that is stored is sealed");
    }
    since
}

/// What of an archive belongs to the vault.
pub(super) fn archive(archive: &RawArchive, raw: &RawGatewayFile, report: &mut Report<'_>) -> ArchiveVault {
    repeated("word", archive.rewrites.items(), report);
    if raw.vault.is_absent() {
        for (key, at) in [
            ("carrier", archive.carrier.spanned().map(Spanned::span)),
            ("verify_after_store", archive.verify_after_store.spanned().map(Spanned::span)),
            ("resend", archive.resend.spanned().map(Spanned::span)),
            ("rewrites", archive.rewrites.spanned().map(Spanned::span)),
            ("seal_rate", archive.seal_rate.spanned().map(Spanned::span)),
        ] {
            if let Some(at) = at {
                report
                    .error(at, format!("`{key}` belongs to the vault, and there is no [vault]"))
                    .hint("take it out, or add [vault] with keys and escrow");
            }
        }
    }
    finds_again(archive, raw, report);
    let rate = u64::from(ArchiveVault::SEAL_RATE);
    let seal_rate = Bounds { report }.count("seal_rate", &archive.seal_rate, (1, rate, 1_000_000));
    let default = raw.vault.get().and_then(|vault| vault.carrier.cloned()).unwrap_or_default();
    ArchiveVault {
        carrier: archive.carrier.cloned().unwrap_or(default),
        verify: archive.verify_after_store.cloned().unwrap_or_default(),
        resend: archive.resend.cloned().unwrap_or_default(),
        rewrites_sop: archive.rewrites.values().contains(&RewritesWord::Sop),
        all_readers_pass: archive.all_readers.cloned().unwrap_or_default(),
        seal_rate,
    }
}

/// What an archive gives UIDs of its own cannot be asked for: nothing there is read back.
fn finds_again(archive: &RawArchive, raw: &RawGatewayFile, report: &mut Report<'_>) {
    let (Some(rewrites), true) = (archive.rewrites.spanned(), archive.rewrites.values().contains(&RewritesWord::Sop))
    else {
        return;
    };
    let words = |key: &str| {
        format!(
            "`{key}` reads back what was stored, and `rewrites` says that the archive gives it another instance UID"
        )
    };
    if let Some(verify) = archive.verify_after_store.spanned().filter(|verify| *verify.get_ref() != Verify::None) {
        report.error(verify.span(), words("verify_after_store")).hint("take it out");
    }
    if let Some(resend) = archive.resend.spanned().filter(|resend| *resend.get_ref() == Resend::Compare) {
        report.error(resend.span(), words("resend")).hint("take it out");
    }
    let Some(vault) = raw.vault.get() else { return };
    if vault.commit_trust.cloned().unwrap_or_default() == CommitTrust::Verified {
        report
            .error(
                rewrites.span(),
                "storage commitment of sealed objects cannot be verified at an archive that gives instances other UIDs",
            )
            .hint("write commit_trust = \"probe\" in [vault]: the archives' word is then told");
    }
}

/// A rule that seals or opens needs a vault.
pub(super) fn rule(rule: &RawRule, gateway: &RawGatewayFile, report: &mut Report<'_>) {
    if !gateway.vault.is_absent() {
        return;
    }
    if let Some(seal) = rule.seal.spanned().filter(|seal| *seal.get_ref()) {
        report
            .error(seal.span(), "nothing can be sealed: gateway.toml has no [vault]")
            .hint("add [vault] with keys and escrow to gateway.toml, or take `seal` out");
    }
    if let Some(open) = rule.open.spanned().filter(|open| open.get_ref().0 != Open::No) {
        report
            .warning(open.span(), "nothing can be opened: gateway.toml has no [vault]")
            .hint("add [vault] with keys and escrow to gateway.toml, or take `open` out");
    }
}

/// Sealing for an archive means that nobody sees anything there any more but through the gateway: somebody must have said
/// that this is so.
pub(super) fn readers(gateway: &RawGatewayFile, model: &PolicyModel, report: &mut Report<'_>) {
    let Some(vault) = gateway.vault.get() else { return };
    let all = vault.seal.get() == Some(&SealWhat::All);
    for archive in gateway.archive.items().iter().map(Spanned::get_ref) {
        let Some(title) = archive.ae_title.get() else { continue };
        let seals = |rule: &&crate::policy::model::Rule| {
            rule.effect == Effect::Permit
                && rule.may.contains(&Operation::Store)
                && (all || rule.seal)
                && rule.to.iter().any(|to| **to == *title.as_str())
        };
        let Some(rule) = model.rules.iter().find(seals) else { continue };
        if archive.all_readers.get() == Some(&true) || matches!(archive.all_readers, Field::Faulty) {
            continue;
        }
        let at = archive.all_readers.spanned().map_or(archive.here.clone(), Spanned::span);
        let message = format!(
            "rule `{}` has objects sealed for archive `{title}`, and nobody has said that all who read from it come through the gateway",
            rule.name
        );
        report.error(at, message).hint(READERS);
    }
}

/// With `sealed_since` what is young and not sealed is refused when it is retrieved: then nothing may be stored in clear.
pub(super) fn since(gateway: &RawGatewayFile, model: &PolicyModel, report: &mut Report<'_>) {
    let Some(vault) = gateway.vault.get() else { return };
    let Some(since) = vault.sealed_since.spanned() else { return };
    if vault.unproven.get() == Some(&Unproven::Pass) {
        let message = "what is stored in clear because of `unproven = \"pass\"` is refused when it is retrieved: `sealed_since` says that all of it is sealed";
        report.warning(since.span(), message).hint("take one of the two out");
    }
    let archives: Vec<&str> = gateway
        .archive
        .items()
        .iter()
        .filter_map(|archive| archive.get_ref().ae_title.get().map(AeTitle::as_str))
        .collect();
    let in_clear = |rule: &&crate::policy::model::Rule| {
        rule.effect == Effect::Permit
            && rule.may.contains(&Operation::Store)
            && !rule.seal
            && rule.to.iter().any(|to| archives.contains(&&**to))
    };
    if vault.seal.get() != Some(&SealWhat::All)
        && let Some(rule) = model.rules.iter().find(in_clear)
    {
        let message = format!(
            "images that rule `{}` has stored in clear are refused when they are retrieved: `sealed_since` says that all are sealed",
            rule.name
        );
        report
            .warning(since.span(), message)
            .hint("write seal = true there, seal = \"all\" in [vault], or take `sealed_since` out");
    }
}
