//! Whom a probe asks, by which title, and where it hears what comes back.

use crate::config::Archive;
use crate::dicom::{AeTitle, Uid};
use crate::scu::{Accepted, Answerer, Ask, Link, LinkFault, Target};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection, and then each answer, may take.
pub const STEP: Duration = Duration::from_secs(10);

/// What every question needs.
#[derive(Debug)]
pub struct Ground<'a> {
    pub archive: &'a Archive,
    pub address: String,
    pub tls: Option<Arc<ClientConfig>>,
    /// The title that the archive sees.
    pub calling: AeTitle,
    /// The titles that deliveries go to; the whole study to the first.
    pub destinations: Vec<AeTitle>,
    /// Where they come, or why nothing is heard of them.
    pub ear: Result<Answerer, String>,
}

impl Ground<'_> {
    /// The archive, called by this title.
    pub fn target(&self, calling: AeTitle) -> Target<'_> {
        Target {
            address: &self.address,
            bind: self.archive.bind_address,
            within: &[],
            tls: self.tls.clone(),
            calling,
            called: self.archive.ae_title,
            connect: STEP,
            answer: STEP,
        }
    }

    /// An association for these classes in plain little endian.
    pub async fn open(&self, calling: AeTitle, classes: &[&str]) -> Result<Link, LinkFault> {
        Link::open(&self.target(calling), &asks(classes)).await
    }
}

/// These classes in plain little endian.
pub fn asks(classes: &[&str]) -> Vec<Ask> {
    classes.iter().filter_map(|class| Uid::new(class).ok()).map(Ask::plain).collect()
}

/// The first context that was accepted of these classes.
pub fn accepted(link: &Link, classes: &[&str]) -> Option<Accepted> {
    link.all_accepted().find(|accepted| classes.contains(&accepted.class.as_str()))
}
