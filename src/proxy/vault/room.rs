//! What a snapshot holds of the vault.

use crate::config;
use crate::dicom::{AeTitle, Uid};
use crate::keys;
use crate::state::Repeats;
use crate::vault::{Identity, KeyRing, PatientIdentity, SealContext, SealFault, Sealer};
use std::sync::Arc;

/// Keys and options of the vault as they are in force together with a configuration; swapped with the snapshot.
#[derive(Debug)]
pub struct VaultRoom {
    /// The key ring; never empty.
    pub ring: Arc<KeyRing>,
    /// The same ring, the escrow certificates and what else a seal is made with.
    pub context: Arc<SealContext>,
}

impl VaultRoom {
    /// Loads keys and certificates, and makes sure that seals can be made with them. It reads files, perhaps talks to a
    /// token, and blocks.
    ///
    /// # Errors
    /// Everything that is wrong with them, one sentence each.
    pub fn load(vault: &config::Vault) -> Result<Self, Vec<String>> {
        let (ring, escrow) =
            keys::load(vault).map_err(|fault| fault.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let (ring, random) = (Arc::new(ring), Arc::new(keys::System::default()));
        let context = SealContext { ring: Arc::clone(&ring), escrow: escrow.into(), random, segment: vault.segment };
        let context = Arc::new(context);
        seals(&context).map_err(|fault| vec![fault.to_string()])?;
        Ok(Self { ring, context })
    }

    /// What an archive does when an instance that it holds is stored again, as far as its probe found out.
    pub fn repeats(&self, _archive: &AeTitle) -> Repeats {
        Repeats::Unknown
    }
}

/// Whether a seal could be begun: certificates may be too many, or the same.
fn seals(context: &Arc<SealContext>) -> Result<(), SealFault> {
    let Ok(nobody) = Uid::new("1.2") else { return Ok(()) };
    let identity = Identity {
        sop_class: nobody,
        sop_instance: nobody,
        study: None,
        patient: PatientIdentity::default(),
        transfer_syntax: nobody,
    };
    Sealer::new(Arc::clone(context), &identity, b"").map(|_| ())
}
