//! A changed file or SIGHUP: the new configuration is read, validated and tested; only a whole one replaces the old.

use super::clock;
use super::guard;
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::audit::event::Cause;
use crate::audit::vault::VaultCause;
use crate::config::{self, Listener, Watch, kept};
use crate::gate::Tripwire;
use crate::vault::escrow::Escrow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Looks at the files of the configuration until told to stop.
pub(super) async fn watch(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut files = Watch::new(shared.snapshot().settings.source.files.clone());
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        // A policy that waits is taken once a person has said so; its files have not changed since.
        let said = shared
            .held()
            .is_some_and(|held| kept::is_confirmed(&shared.snapshot().settings.gateway.state, &held.digest));
        if (files.changed() || said) && reload(&shared).await {
            files.follow(shared.snapshot().settings.source.files.clone());
        }
    }
}

/// Reads everything again. Whether the new configuration is in force now.
pub(super) async fn reload(shared: &Arc<Shared>) -> bool {
    // One at a time: of two at once (SIGHUP and a changed file) the one that read older files could come last, and both
    // would have the same number, by which associations know whether to ask again.
    let _turn = shared.reloading.lock().await;
    let before = shared.snapshot();
    let generation = before.generation + 1;
    let path = before.settings.source.gateway.clone();
    let old = Arc::clone(&before);
    // If nobody waits for it any more (the gateway stops), it need not be finished.
    let stop = Stop(Arc::default());
    let stopped = Arc::clone(&stop.0);
    // Reading files, compiling ten thousand rules and looking at a week of records take a while; associations go on
    // meanwhile.
    let built = tokio::task::spawn_blocking(move || {
        // Whatever becomes of the reload.
        if let (Some(room), Some(vault)) = (&old.vault, &old.settings.vault) {
            room.look_for_ends(vault);
        }
        let (snapshot, relisten) = build(&path, generation, &old)?;
        match guard::look(&old, &snapshot, &stopped) {
            Ok(()) => Ok((snapshot, relisten)),
            Err(held) => Err(Wrong { faults: vec![held.words.clone()], held: Some(held) }),
        }
    })
    .await;
    let outcome = match built {
        Ok(built) => built,
        Err(_) => {
            Err(vec!["reading the configuration failed in an unforeseen way; the old one goes on".to_owned()].into())
        }
    };
    match outcome {
        Ok((snapshot, relisten)) => {
            let changes = changes(&before, &snapshot, relisten);
            if shared.gate.reloaded(generation, &changes).is_err() {
                tracing::error!("a reload could not be recorded, so the old configuration goes on");
                shared.metrics.reloads.with_label_values(&["unrecorded"]).inc();
                return false;
            }
            tracing::info!(generation, ?changes, "configuration reloaded");
            shared.metrics.reloads.with_label_values(&["accepted"]).inc();
            shared.replace(snapshot);
            // Of providers that are no longer there nothing is shown.
            shared.metrics.identity_providers.reset();
            shared.hold(None);
            keep(shared);
            show(shared);
            true
        }
        Err(Wrong { faults, held }) => {
            shared.hold(held);
            for fault in &faults {
                tracing::error!("reload refused: {fault}");
            }
            shared.metrics.reloads.with_label_values(&["refused"]).inc();
            if shared.gate.reload_refused(before.generation, &faults).is_err() {
                tracing::error!("a refused reload could not be recorded");
            }
            false
        }
    }
}

/// Why a configuration is not taken, and the policy that waits, if that is why.
struct Wrong {
    faults: Vec<String>,
    held: Option<guard::Held>,
}

impl From<Vec<String>> for Wrong {
    fn from(faults: Vec<String>) -> Self {
        Self { faults, held: None }
    }
}

/// Tells the thread that works on a reload that nobody waits for it any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Keeps a copy of the policy in force in the state folder; a confirmation of it has served.
pub(super) fn keep(shared: &Shared) {
    let snapshot = shared.snapshot();
    let (state, texts) = (&snapshot.settings.gateway.state, &snapshot.settings.source.texts);
    let confirmed = kept::is_confirmed(state, &texts.digest());
    let kept = kept::keep(state, texts).and_then(|()| if confirmed { kept::used(state) } else { Ok(()) });
    if let Err(fault) = kept {
        tracing::warn!(%fault, "the state folder has no copy of the policy in force");
    }
}

/// The next snapshot, for the listeners that are open, and whether the file now wants others.
fn build(path: &Path, generation: u64, before: &Snapshot) -> Result<(Snapshot, bool), Vec<String>> {
    let open: Vec<Listener> = before.settings.listeners.clone();
    let peers = before.settings.policy.peers.len();
    let mut settings =
        config::load(path).map_err(|faults| faults.to_string().lines().map(str::to_owned).collect::<Vec<_>>())?;
    // An editor that is killed in mid write leaves an empty file, which would otherwise shut everybody out.
    if settings.policy.peers.is_empty() && peers > 0 {
        return Err(vec![format!(
            "`{}` names no peer any more: is the file whole? the old policy goes on",
            settings.source.policy.display()
        )]);
    }
    let relisten = settings.listeners != open;
    settings.listeners = open;
    Ok((Snapshot::build_after(Some(before), settings, generation, clock::unix())?, relisten))
}

fn changes(before: &Snapshot, after: &Snapshot, relisten: bool) -> Vec<String> {
    let (old, new) = (&before.settings, &after.settings);
    let mut changes = vec![format!("{} peers, {} rules", new.policy.peers.len(), new.policy.rules.len())];
    if relisten {
        changes.push("listeners are opened at start only: restart for them".to_owned());
    }
    if old.gateway.state != new.gateway.state || old.gateway.name != new.gateway.name {
        changes.push("name and state folder are taken at start only: restart for `[gateway]`".to_owned());
    }
    if old.admin != new.admin || old.limits.admin_connections != new.limits.admin_connections {
        changes.push("the admin address is opened at start only: restart for `[admin]`".to_owned());
    }
    if old.audit != new.audit || old.limits.audit_rooms != new.limits.audit_rooms {
        changes.push("the audit log is opened at start only: restart for `[audit]` and `audit_rooms`".to_owned());
    }
    let keys = |snapshot: &Snapshot| {
        let ring = snapshot.vault.iter().map(|room| &room.ring);
        let ids: Vec<String> = ring.clone().flat_map(|ring| ring.ids()).map(|id| id.to_string()).collect();
        (ids, ring.clone().find_map(|ring| ring.newest()).map(|key| key.id))
    };
    let (known, now) = (sealing(before), sealing(after));
    if known != now {
        changes.push(format!("sealed by {} instead of {}", listed(&now), listed(&known)));
    }
    let (known, now) = (escrow(before), escrow(after));
    if known != now {
        changes.push(format!("escrow of what is sealed: {} instead of {}", listed(&now), listed(&known)));
    }
    let (old, new) = (keys(before), keys(after));
    if old != new {
        let newest = new.1.map(|newest| format!("; new objects are sealed with key {newest}")).unwrap_or_default();
        changes.push(format!("keys of the vault: {} instead of {}{newest}", listed(&new.0), listed(&old.0)));
    }
    changes
}

/// What has objects sealed: the rules by their names, or all of them.
fn sealing(snapshot: &Snapshot) -> Vec<String> {
    let policy = &snapshot.settings.policy;
    if policy.seal_all {
        return vec!["all rules that store".to_owned()];
    }
    let seals = policy.rules.iter().filter(|rule| rule.seal);
    seals.map(|rule| format!("rule `{}`", rule.name)).collect()
}

/// The escrow certificates, each with the beginning of its fingerprint.
fn escrow(snapshot: &Snapshot) -> Vec<String> {
    let all = snapshot.vault.iter().flat_map(|room| room.context.escrow.iter());
    let one = |escrow: &Escrow| {
        let fingerprint: String = escrow.fingerprint().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{} ({fingerprint})", escrow.describe())
    };
    all.map(one).collect()
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// Shows in the metrics what is in force.
pub(super) fn show(shared: &Shared) {
    let snapshot = shared.snapshot();
    let metrics = &shared.metrics;
    metrics.generation.set(i64::try_from(snapshot.generation).unwrap_or(i64::MAX));
    metrics.observing.set(i64::from(snapshot.policy.observes(clock::moment())));
    for archive in &snapshot.archives {
        // A counter that appears only with its first failure hides that one from whoever looks for increases.
        metrics.archive_failures.with_label_values(&[archive.settings.ae_title.as_str()]);
        metrics.archive_associations.with_label_values(&[archive.settings.ae_title.as_str()]);
        if snapshot.vault.is_some() {
            metrics.sealed.with_label_values(&[archive.settings.ae_title.as_str()]);
            metrics.sealed_bytes.with_label_values(&[archive.settings.ae_title.as_str()]);
        }
    }
    for (issuer, up) in snapshot.people.iter().flat_map(|people| people.providers()) {
        metrics.identity_providers.with_label_values(&[issuer]).set(i64::from(up));
    }
    for cause in Cause::ALL {
        metrics.refused.with_label_values(&[cause.as_str()]);
    }
    metrics.quarantined.set(i64::try_from(shared.gate.quarantine().len()).unwrap_or(i64::MAX));
    for wire in Tripwire::ALL {
        metrics.quarantines.with_label_values(&[wire]);
    }
    for cause in VaultCause::ALL {
        metrics.vault_alerts.with_label_values(&[cause.as_str()]);
    }
    for outcome in ["accepted", "refused", "unrecorded"] {
        metrics.reloads.with_label_values(&[outcome]);
    }
    if let Some(material) = &snapshot.material {
        metrics.certificate_expiry.with_label_values(&["gateway"]).set(material.status.not_after);
    }
}
