//! `[gateway]`, `[tls]`, `[admin]`, `[audit]` and `[policy]`.

use super::{Ground, Kind, database};
use crate::config::fault::Report;
use crate::config::raw::Field;
use crate::config::raw::gateway::{RawGatewayFile, RawPolicy};
use crate::config::raw::words::Date;
use crate::config::settings::{Admin, Audit, Confirm, Gateway, ListenerTls, Tls};
use crate::config::units::{Size, Span};
use jiff::{SignedDuration, Timestamp, Zoned};
use std::net::SocketAddr;
use std::time::Duration;

/// The longest time that a policy may only observe.
const OBSERVE_DAYS: i64 = 30;

pub(super) fn gateway(
    raw: &RawGatewayFile,
    database_file: Option<&str>,
    ground: &mut Ground<'_>,
    report: &mut Report<'_>,
) -> Option<Gateway> {
    let raw = raw.gateway.get()?;
    let state = ground.path(&raw.state, Kind::Folder, report);
    let database = database::validate(raw, database_file, ground, report);
    Some(Gateway { name: raw.name.get()?.0.as_str().into(), state: state?, database })
}

pub(super) fn tls(raw: &RawGatewayFile, ground: &mut Ground<'_>, report: &mut Report<'_>) -> Option<Tls> {
    let Some(tls) = raw.tls.get() else {
        let speaks = raw.listen.items().iter().find(|listen| tls_of(listen.get_ref().tls.get()) != ListenerTls::Off);
        if let (true, Some(listen)) = (raw.tls.is_absent(), speaks) {
            report
                .error(listen.get_ref().here.clone(), "this listener speaks TLS, and there is no `[tls]`")
                .hint("add [tls] with certificate, private_key and client_ca");
        }
        return None;
    };
    let certificate = ground.path(&tls.certificate, Kind::File, report);
    let private_key = ground.path(&tls.private_key, Kind::Key, report);
    let client_ca = ground.path(&tls.client_ca, Kind::File, report);
    let crl = ground.path(&tls.crl, Kind::File, report);
    if tls.crl.is_absent() {
        for (key, at) in [
            ("crl_check", tls.crl_check.spanned().map(toml::Spanned::span)),
            ("crl_expired", tls.crl_expired.spanned().map(toml::Spanned::span)),
        ] {
            if let Some(at) = at {
                report
                    .error(at, format!("`{key}` says how `crl` is used, and there is no `crl`"))
                    .hint("name the revocation list: crl = \"certs/ca.crl\"");
            }
        }
    }
    Some(Tls {
        certificate: certificate?,
        private_key: private_key?,
        client_ca,
        crl,
        crl_check: tls.crl_check.cloned().unwrap_or_default(),
        crl_expired: tls.crl_expired.cloned().unwrap_or_default(),
    })
}

fn tls_of(tls: Option<&ListenerTls>) -> ListenerTls {
    tls.copied().unwrap_or_default()
}

pub(super) fn admin(raw: &RawGatewayFile, report: &mut Report<'_>) -> Admin {
    let given = raw.admin.get().and_then(|admin| admin.address.spanned());
    let Some(given) = given else {
        return Admin { address: Some(SocketAddr::from(([127, 0, 0, 1], 9464))) };
    };
    let address = given.get_ref().0;
    if let Some(off) = address.filter(|address| !address.ip().is_loopback()) {
        report
            .warning(given.span(), format!("everybody who reaches `{off}` can read the gateway's metrics"))
            .hint("write \"127.0.0.1:9464\" unless a firewall stands before it");
    }
    Admin { address }
}

pub(super) fn audit(raw: &RawGatewayFile, report: &mut Report<'_>) -> Audit {
    let raw = raw.audit.get();
    let default = Size(64 << 20);
    let file_size = raw.map(|audit| audit.file_size.clone()).unwrap_or_default();
    if let Field::Given(size) = &file_size
        && !(Size(1 << 20)..=Size(16 << 30)).contains(size.get_ref())
    {
        report
            .error(size.span(), "`file_size` must be between 1MiB and 16GiB")
            .hint("write a value between them, or leave it out: the default is 64MiB");
    }
    Audit {
        sync: raw.and_then(|audit| audit.sync.cloned()).unwrap_or_default(),
        file_size: file_size.cloned().unwrap_or(default).0,
    }
}

/// How far back operations are looked at, and how long that may take, by default.
const CONFIRM_REPLAY: Duration = Duration::from_secs(7 * 86_400);
const CONFIRM_WITHIN: Duration = Duration::from_secs(60);

/// When a changed policy waits for confirmation.
pub(super) fn confirm(raw: &RawGatewayFile, report: &mut Report<'_>) -> Confirm {
    let none = RawPolicy::default();
    let policy = raw.policy.get().unwrap_or(&none);
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let mut span = |key: &str, field: &Field<Span>, from: Duration, to: Duration, default: Duration| {
        let Some(given) = field.spanned() else { return default };
        if !(from..=to).contains(&given.get_ref().0) {
            report
                .error(given.span(), format!("`{key}` must be between {} and {}", Span(from), Span(to)))
                .hint(format!("write a value between them, or leave it out: the default is {}", Span(default)));
        }
        given.get_ref().0
    };
    let replay = span("confirm_replay", &policy.confirm_replay, hours(1), hours(90 * 24), CONFIRM_REPLAY);
    let (second, minutes) = (Duration::from_secs(1), Duration::from_secs(600));
    let within = span("confirm_within", &policy.confirm_within, second, minutes, CONFIRM_WITHIN);
    for (key, at) in [
        ("confirm_replay", policy.confirm_replay.spanned().map(toml::Spanned::span)),
        ("confirm_within", policy.confirm_within.spanned().map(toml::Spanned::span)),
    ] {
        if let (Some(at), true) = (at, policy.confirm_above.is_absent()) {
            report
                .error(at, format!("`{key}` says how `confirm_above` is looked after, and there is no `confirm_above`"))
                .hint("write confirm_above = 0 to confirm every policy that would refuse what passes today");
        }
    }
    Confirm { above: policy.confirm_above.get().map(|count| count.0), replay, within }
}

/// When observing ends: ahead of now, and at most 30 days. A date that has passed means nothing any more.
pub(super) fn observe_until(raw: &RawGatewayFile, now: &Zoned, report: &mut Report<'_>) -> Option<Timestamp> {
    let given = raw.policy.get()?.observe_until.spanned()?;
    let zone = now.time_zone();
    let until = match *given.get_ref() {
        Date::Day(day) => zone.to_timestamp(day.into()).ok(),
        Date::Local(local) => zone.to_timestamp(local).ok(),
        Date::Moment(moment) => Some(moment),
    };
    let latest = now.timestamp().checked_add(SignedDuration::from_hours(OBSERVE_DAYS * 24)).ok();
    let written = report.text().get(given.span()).unwrap_or_default();
    if until.is_none_or(|until| until <= now.timestamp()) {
        // No error: a gateway that was left alone over the date must come up again after a power cut, refusing.
        report
            .warning(given.span(), format!("`observe_until` lies in the past: `{written}`"))
            .hint("take it out: what no rule permits is refused");
        return None;
    }
    if until > latest {
        let day = latest.map(|latest| latest.to_zoned(zone.clone()).date().to_string()).unwrap_or_default();
        report
            .error(given.span(), format!("`observe_until` lies more than {OBSERVE_DAYS} days ahead: `{written}`"))
            .hint(format!("write {day} or earlier, and extend it when it is due"));
    }
    until
}
