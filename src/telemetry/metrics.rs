//! The metrics that an administrator watches.

use crate::dicom::dimse::Operation;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use std::fmt::Write as _;

/// Everything that `/metrics` shows, apart from the head of the audit chain, which is written when asked for.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// Connections accepted, by listener.
    pub connections: IntCounterVec,
    /// Connections and associations refused, by cause.
    pub refused: IntCounterVec,
    /// User identities, by who vouched for them (or what was offered) and outcome.
    pub identities: IntCounterVec,
    /// 1 for each identity provider that answered when it was asked last, by issuer.
    pub identity_providers: IntGaugeVec,
    /// Associations that are open now.
    pub associations_open: IntGauge,
    /// Associations by how they ended.
    pub associations: IntCounterVec,
    /// Associations to each archive that are open now.
    pub archive_associations: IntGaugeVec,
    /// Failures to reach an archive.
    pub archive_failures: IntCounterVec,
    /// Failures to reach the destination of a delivery.
    pub destination_failures: IntCounterVec,
    /// Bytes of data sets forwarded to archives.
    pub bytes_in: IntCounter,
    /// Bytes of data sets forwarded to peers.
    pub bytes_out: IntCounter,
    /// Reloads, by outcome.
    pub reloads: IntCounterVec,
    /// Generation of the configuration in force.
    pub generation: IntGauge,
    /// 1 while what no rule permits is only recorded.
    pub observing: IntGauge,
    /// When certificates expire, seconds since 1970, by name.
    pub certificate_expiry: IntGaugeVec,
    /// 0 while nothing can be recorded, so that new work is refused.
    pub audit_writable: IntGauge,
    /// Storage commitment reports that wait for their requesters.
    pub commit_reports_waiting: IntGauge,
    /// Storage commitment reports, by what became of them.
    pub commit_reports: IntCounterVec,
    /// Peers and persons put in quarantine here, by what they tripped.
    pub quarantines: IntCounterVec,
    /// Peers and persons in quarantine now.
    pub quarantined: IntGauge,
    /// Uses of rules that break the glass, counted once for each association.
    pub emergencies: IntCounter,
    /// Objects of the vault that something is wrong with, by what it is.
    pub vault_alerts: IntCounterVec,
    /// Objects sealed and acknowledged, by archive.
    pub sealed: IntCounterVec,
    /// Bytes of their seals, by archive.
    pub sealed_bytes: IntCounterVec,
    /// Rows of the state that were not what a gateway wrote.
    pub bad_rows: IntCounter,
    permitted: Vec<IntCounter>,
    denied: Vec<IntCounter>,
    observed: Vec<IntCounter>,
}

impl Metrics {
    /// A registry with every metric at zero.
    ///
    /// # Errors
    /// A name registered twice, which a test would find.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let operations = counters(
            &registry,
            "dicomgate_operations_total",
            "Operations decided on, by operation and decision",
            &["operation", "decision"],
        )?;
        let of = |decision: &str| -> Vec<IntCounter> {
            Operation::ALL
                .iter()
                .map(|operation| operations.with_label_values(&[operation.as_str(), decision]))
                .collect()
        };
        let bytes = counters(
            &registry,
            "dicomgate_forwarded_bytes_total",
            "Bytes of data sets forwarded, by direction",
            &["to"],
        )?;
        Ok(Self {
            connections: counters(&registry, "dicomgate_connections_total", "Connections accepted", &["listener"])?,
            refused: counters(
                &registry,
                "dicomgate_refused_total",
                "Connections, associations and messages refused, by cause",
                &["cause"],
            )?,
            identities: counters(
                &registry,
                "dicomgate_identities_total",
                "User identities of associations, by source and outcome",
                &["source", "outcome"],
            )?,
            identity_providers: gauges(
                &registry,
                "dicomgate_identity_provider_up",
                "1 if an identity provider answered when it was asked last; its known keys go on when it does not",
                &["issuer"],
            )?,
            associations_open: gauge(&registry, "dicomgate_associations_open", "Associations open now")?,
            associations: counters(
                &registry,
                "dicomgate_associations_total",
                "Associations, by how they ended",
                &["end"],
            )?,
            archive_associations: gauges(
                &registry,
                "dicomgate_archive_associations_open",
                "Associations to an archive open now",
                &["archive"],
            )?,
            archive_failures: counters(
                &registry,
                "dicomgate_archive_failures_total",
                "Failures to open an association to an archive",
                &["archive"],
            )?,
            destination_failures: counters(
                &registry,
                "dicomgate_destination_failures_total",
                "Failures to open an association to the destination of a delivery",
                &["destination"],
            )?,
            bytes_in: bytes.with_label_values(&["archive"]),
            bytes_out: bytes.with_label_values(&["peer"]),
            reloads: counters(
                &registry,
                "dicomgate_reloads_total",
                "Reloads of the configuration, by outcome",
                &["outcome"],
            )?,
            generation: gauge(&registry, "dicomgate_generation", "Generation of the configuration in force")?,
            observing: gauge(
                &registry,
                "dicomgate_observing",
                "1 while what no rule permits is only recorded, not refused",
            )?,
            certificate_expiry: gauges(
                &registry,
                "dicomgate_certificate_expiry_seconds",
                "When a certificate expires, seconds since 1970",
                &["certificate"],
            )?,
            audit_writable: gauge(
                &registry,
                "dicomgate_audit_writable",
                "0 while nothing can be recorded and new work is refused",
            )?,
            commit_reports_waiting: gauge(
                &registry,
                "dicomgate_commit_reports_waiting",
                "Storage commitment reports that wait for their requesters",
            )?,
            commit_reports: counters(
                &registry,
                "dicomgate_commit_reports_total",
                "Storage commitment reports, by what became of them",
                &["outcome"],
            )?,
            quarantines: counters(
                &registry,
                "dicomgate_quarantines_total",
                "Peers and persons put in quarantine by this gateway, by what they tripped",
                &["why"],
            )?,
            quarantined: gauge(&registry, "dicomgate_quarantined", "Peers and persons in quarantine now")?,
            emergencies: counters(
                &registry,
                "dicomgate_emergencies_total",
                "Uses of rules that break the glass, counted once for each association",
                &[],
            )?
            .with_label_values::<&str>(&[]),
            vault_alerts: counters(
                &registry,
                "dicomgate_vault_alerts_total",
                "Objects of the vault that something is wrong with, by what it is",
                &["cause"],
            )?,
            sealed: counters(
                &registry,
                "dicomgate_sealed_total",
                "Objects that were sealed and that the archive acknowledged, by archive",
                &["archive"],
            )?,
            sealed_bytes: counters(
                &registry,
                "dicomgate_sealed_bytes_total",
                "Bytes of the seals of these objects, by archive",
                &["archive"],
            )?,
            bad_rows: counters(
                &registry,
                "dicomgate_state_bad_rows_total",
                "Rows of the state that were not what a gateway wrote, and counted as absent",
                &[],
            )?
            .with_label_values::<&str>(&[]),
            permitted: of("permit"),
            denied: of("deny"),
            observed: of("observed"),
            registry,
        })
    }

    /// Counts a permitted operation.
    pub fn permitted(&self, operation: Operation, observed: bool) {
        count(if observed { &self.observed } else { &self.permitted }, operation);
    }

    /// Counts a denied operation.
    pub fn denied(&self, operation: Operation) {
        count(&self.denied, operation);
    }

    /// The metrics as text, with the head of the audit chain at the end: who scrapes it is a witness of the chain.
    pub fn render(&self, head: Option<(u64, [u8; 32])>) -> String {
        let mut text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default();
        if let Some((sequence, hash)) = head {
            text.push_str("# HELP dicomgate_audit_head Sequence number of the newest audit record, and its hash\n");
            text.push_str("# TYPE dicomgate_audit_head gauge\ndicomgate_audit_head{sha256=\"");
            for byte in hash {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            let _ = writeln!(text, "\"}} {sequence}");
        }
        text
    }
}

fn count(counters: &[IntCounter], operation: Operation) {
    if let Some(index) = Operation::ALL.iter().position(|known| *known == operation)
        && let Some(counter) = counters.get(index)
    {
        counter.inc();
    }
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let metric = IntGauge::new(name, help)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_the_chain_is_among_the_metrics() {
        let metrics = Metrics::new().unwrap();
        metrics.permitted(Operation::Store, false);
        metrics.denied(Operation::Find);
        let text = metrics.render(Some((7, [0xab; 32])));
        assert!(text.contains(&format!("dicomgate_audit_head{{sha256=\"{}\"}} 7\n", "ab".repeat(32))));
        assert!(text.contains("dicomgate_operations_total{decision=\"permit\",operation=\"store\"} 1"));
        assert!(text.contains("dicomgate_operations_total{decision=\"deny\",operation=\"find\"} 1"));
    }
}
