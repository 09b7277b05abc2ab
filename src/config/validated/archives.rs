//! `[[archive]]`.

use super::{Ground, Kind, inside, repeated, vault};
use crate::config::Limits;
use crate::config::fault::Report;
use crate::config::raw::Field;
use crate::config::raw::gateway::{RawArchive, RawGatewayFile};
use crate::config::settings::{Archive, ArchiveTls};
use crate::config::units::Span;
use crate::config::vault::{ArchiveVault, Resend, Verify};
use crate::dicom::AeTitle;
use crate::policy::model::{ArchiveName, CertificatePattern};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use toml::Spanned;

pub(super) fn validate(
    raw: &RawGatewayFile,
    limits: &Limits,
    ground: &mut Ground<'_>,
    report: &mut Report<'_>,
) -> Vec<Archive> {
    if let Some(list) = raw.archive.spanned()
        && list.get_ref().0.is_empty()
    {
        report.error(list.span(), "there is no archive").hint("add a table [[archive]]");
    }
    let mut archives = Vec::new();
    for (at, archive) in raw.archive.items().iter().map(Spanned::get_ref).enumerate() {
        repeated("title", archive.answers_to.items(), report);
        repeated("title", archive.calls_as.items(), report);
        repeated("network", archive.calls_from.items(), report);
        repeated("operation", archive.operations.items(), report);
        for other in raw.archive.items().iter().take(at) {
            shared_titles(archive, other.get_ref(), report);
        }
        own_listener(archive, raw, report);
        pool(archive, report);
        way(archive, raw, report);
        let vault = vault::archive(archive, raw, report);
        archives.extend(settings(archive, limits, vault, ground, report));
    }
    archives
}

/// The called titles that reach an archive, with the places that say so.
fn titles(archive: &RawArchive) -> Vec<Spanned<AeTitle>> {
    match archive.answers_to.is_absent() {
        true => archive.ae_title.spanned().cloned().into_iter().collect(),
        false => archive.answers_to.items().to_vec(),
    }
}

/// Two archives may share a called title only where `for` says which operation goes where.
fn shared_titles(archive: &RawArchive, other: &RawArchive, report: &mut Report<'_>) {
    let (mine, others) = (archive.operations.values(), other.operations.values());
    let told_apart = (!mine.is_empty() || !others.is_empty()) && !mine.iter().any(|op| others.contains(op));
    let name = other.ae_title.get().map(AeTitle::to_string).unwrap_or_default();
    if told_apart || archive.ae_title.get().is_some_and(|title| title.as_str() == name) {
        return; // the same `ae_title` twice is a fault of its own, found by the policy
    }
    let shared = titles(archive).into_iter().find(|title| titles(other).iter().any(|o| o.get_ref() == title.get_ref()));
    if let Some(title) = shared {
        let message =
            format!("`{}` also reaches archive `{name}`, and `for` does not tell them apart", title.get_ref());
        report.error(title.span(), message).hint("take it out of one, or write for = [\"worklist\"] at one of them");
    }
}

/// An archive that is this gateway would be called for ever.
fn own_listener(archive: &RawArchive, raw: &RawGatewayFile, report: &mut Report<'_>) {
    let Some(address) = archive.address.spanned() else { return };
    let Ok(ip) = address.get_ref().host.parse::<IpAddr>() else { return };
    let address_of = SocketAddr::new(ip, address.get_ref().port);
    for listen in raw.listen.items().iter().map(Spanned::get_ref) {
        let own = listen.address.get().is_some_and(|own| {
            own.port() == address_of.port() && (own.ip() == ip || (own.ip().is_unspecified() && ip.is_loopback()))
        });
        if own {
            let name = listen.name.get().map(|name| name.0.as_str()).unwrap_or_default();
            report
                .error(address.span(), format!("`{}` is this gateway's own listener `{name}`", address.get_ref()))
                .hint("write the address of the archive itself");
        }
    }
}

fn pool(archive: &RawArchive, report: &mut Report<'_>) {
    let most = archive.max_associations.spanned();
    if let Some(most) = most.filter(|most| !(1..=100_000).contains(&most.get_ref().0)) {
        report.error(most.span(), "`max_associations` must be between 1 and 100000");
        return;
    }
    let verifies = archive.verify_after_store.get().is_some_and(|verify| *verify != Verify::None);
    let reads_back = verifies || archive.resend.get() == Some(&Resend::Compare);
    if let Some(most) = most.filter(|most| reads_back && most.get_ref().0 == 1) {
        report
            .error(most.span(), "reading back what was stored takes an association beside the one that stores")
            .hint("write max_associations = 2, or take `verify_after_store` and `resend` out");
        return;
    }
    let Some(reserved) = archive.reserved_for_store.spanned().filter(|reserved| reserved.get_ref().0 > 0) else {
        return;
    };
    match most {
        None if archive.max_associations.is_absent() => {
            report
                .error(reserved.span(), "`reserved_for_store` is a part of `max_associations`, which is missing")
                .hint("write max_associations = 20, or what the archive can bear");
        }
        Some(most) if most.get_ref().0.saturating_sub(u64::from(reads_back)) <= reserved.get_ref().0 => {
            report.error(reserved.span(), "`reserved_for_store` leaves nothing of `max_associations` for others").hint(
                match reads_back {
                    true => {
                        format!("write less than {}: one is kept for reading back", most.get_ref().0 - 1)
                    }
                    false => format!("write less than {}", most.get_ref().0),
                },
            );
        }
        _ => {}
    }
}

fn way(archive: &RawArchive, raw: &RawGatewayFile, report: &mut Report<'_>) {
    within("connect_timeout", &archive.connect_timeout, ("100ms", "60s"), report);
    within("response_timeout", &archive.response_timeout, ("1s", "24h"), report);
    within("deliveries_may_lag", &archive.deliveries_may_lag, ("1m", "48h"), report);
    match archive.tls.spanned() {
        Some(tls) if *tls.get_ref() == ArchiveTls::Mutual => {
            if raw.tls.is_absent() {
                report
                    .error(tls.span(), "the way to this archive is TLS, and there is no `[tls]`")
                    .hint("add [tls] with certificate and private_key");
            } else if archive.trust.is_absent() && raw.tls.get().is_some_and(|tls| tls.client_ca.is_absent()) {
                report
                    .error(tls.span(), "nothing says who vouches for this archive's certificate")
                    .hint("write trust = \"certs/archive-ca.crt\"");
            }
        }
        // It shows its certificate there when it calls back.
        _ if inside::asks_for_certificates(raw) => {}
        _ => {
            for (key, at) in [
                ("certificate", archive.certificate.spanned().map(Spanned::span)),
                ("trust", archive.trust.spanned().map(Spanned::span)),
            ] {
                if let Some(at) = at {
                    report
                        .error(at, format!("`{key}` means nothing without TLS to the archive"))
                        .hint("write tls = \"mutual\", or take it out");
                }
            }
        }
    }
}

fn within(key: &str, field: &Field<Span>, (low, high): (&str, &str), report: &mut Report<'_>) {
    if let Field::Given(span) = field
        && !(Span::known(low)..=Span::known(high)).contains(span.get_ref())
    {
        report.error(span.span(), format!("`{key}` must be between {low} and {high}"));
    }
}

/// The archive as the policy knows it.
pub(super) fn name_of(ae_title: AeTitle, archive: &RawArchive) -> ArchiveName {
    let or_own = |titles: Vec<AeTitle>| if titles.is_empty() { vec![ae_title] } else { titles };
    let host = || match archive.tls.get() {
        Some(ArchiveTls::Mutual) => archive.address.get().and_then(|address| dns(&address.host)),
        Some(ArchiveTls::Off) | None => None,
    };
    ArchiveName {
        answers_to: or_own(archive.answers_to.values()),
        calls_as: or_own(archive.calls_as.values()),
        calls_from: archive.calls_from.values(),
        certificate: archive.certificate.cloned().or_else(host),
        trust: archive.trust.get().map(|_| format!("archive:{ae_title}")),
        ..ArchiveName::of(ae_title)
    }
}

/// What the certificate of a host shows by default; nothing for an address.
fn dns(host: &str) -> Option<CertificatePattern> {
    host.parse::<IpAddr>().is_err().then(|| CertificatePattern::Dns(host.to_ascii_lowercase().into()))
}

fn settings(
    archive: &RawArchive,
    limits: &Limits,
    vault: ArchiveVault,
    ground: &mut Ground<'_>,
    report: &Report<'_>,
) -> Option<Archive> {
    let trust = ground.path(&archive.trust, Kind::File, report);
    let ae_title = archive.ae_title.cloned()?;
    let or_own = |titles: Vec<AeTitle>| if titles.is_empty() { vec![ae_title] } else { titles };
    Some(Archive {
        ae_title,
        address: archive.address.cloned()?,
        answers_to: or_own(archive.answers_to.values()),
        calls_as: or_own(archive.calls_as.values()),
        calling: archive.calling.get().map(|calling| calling.0).unwrap_or_default(),
        operations: archive.operations.values(),
        max_associations: archive.max_associations.cloned().map(u32::from),
        reserved_for_store: archive.reserved_for_store.cloned().map(u32::from).unwrap_or_default(),
        connect_timeout: archive.connect_timeout.get().map_or(Duration::from_secs(5), |span| span.0),
        response_timeout: archive.response_timeout.get().map_or(limits.dimse, |span| span.0),
        bind_address: archive.bind_address.cloned(),
        tls: archive.tls.cloned().unwrap_or_default(),
        certificate: archive.certificate.cloned(),
        trust,
        correlate: archive.correlate.cloned().unwrap_or_default(),
        deliveries_may_lag: archive.deliveries_may_lag.get().map(|span| span.0),
        calls_from: archive.calls_from.values(),
        gateway: archive.gateway.cloned().unwrap_or_default(),
        vault,
    })
}
