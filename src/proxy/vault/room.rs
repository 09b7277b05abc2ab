//! What a snapshot holds of the vault.

use super::decode::{Decoder, DecoderSettings};
use super::proofs::Proofs;
use super::prove::{Carried, ProbeResult};
use crate::config::vault::Unproven;
use crate::config::{self, Settings};
use crate::dicom::{AeTitle, Uid};
use crate::keys::{self, KeysFault, Manifest};
use crate::state::Repeats;
use crate::transform::seal::{Already, Begun, SealOptions};
use crate::vault::carrier::Carrier;
use crate::vault::family::{Exempt, Family, FamilyOptions};
use crate::vault::{Identity, KeyId, KeyRing, PatientIdentity, SealContext, SealFault, Sealer};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Keys and options of the vault as they are in force together with a configuration; swapped with the snapshot.
#[derive(Debug)]
pub struct VaultRoom {
    /// The key ring; never empty.
    pub ring: Arc<KeyRing>,
    /// What the ring was held against.
    manifest: Manifest,
    /// Keys of this ring that have ended since, by the manifest that lies there now.
    ended: Mutex<BTreeSet<KeyId>>,
    /// The same ring, the escrow certificates and what else a seal is made with.
    pub context: Arc<SealContext>,
    /// How objects are sealed.
    options: Arc<SealOptions>,
    /// The same, where what is sealed already passes.
    between_vaults: Arc<SealOptions>,
    /// What is proven, for as long as the gateway runs.
    pub proofs: Arc<Proofs>,
    /// Decodes for who takes nothing compressed, and what an archive has compressed.
    pub decoder: Decoder,
}

/// What becomes of an object that must be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seals {
    /// It is sealed, and the seal stands there.
    Yes(Carrier),
    /// Nothing is proven of its archive, and such objects pass; why.
    Unproven(String),
    /// It is refused; why.
    No(String),
}

impl VaultRoom {
    /// Loads keys and certificates, and makes sure that seals can be made with them. It reads files, perhaps talks to a
    /// token, and blocks.
    ///
    /// # Errors
    /// Everything that is wrong with them, one sentence each.
    pub fn load(vault: &config::Vault, settings: &Settings) -> Result<Self, Vec<String>> {
        Self::load_after(None, vault, settings)
    }

    /// The same, after another one and its settings. Where the manifest has not changed the ring goes on as it is: a token
    /// that is away, or a file that cannot be read just now, must not keep a policy from being taken.
    ///
    /// # Errors
    /// Everything that is wrong with them, one sentence each.
    pub fn load_after(
        before: Option<(&Self, &config::Vault)>,
        vault: &config::Vault,
        settings: &Settings,
    ) -> Result<Self, Vec<String>> {
        let words = |fault: &KeysFault| fault.0.iter().map(ToString::to_string).collect::<Vec<_>>();
        let proofs = before.map(|(room, _)| Arc::clone(&room.proofs));
        let proofs = proofs.filter(|proofs| proofs.are_of(&settings.gateway.state));
        proofs.iter().for_each(|proofs| proofs.look_again());
        let same = |old: &config::Vault| old.keys == vault.keys && old.key_folder == vault.key_folder;
        let workers = before.map(|(room, _)| &room.decoder);
        let before = before.filter(|(_, old)| same(old)).map(|(room, _)| room);
        let ring = match before {
            Some(room) if Manifest::read(&vault.key_folder).is_ok_and(|now| now.as_ref() == Some(&room.manifest)) => {
                Ok((Arc::clone(&room.ring), room.manifest.clone()))
            }
            _ => keys::load_ring(vault).map(|(ring, manifest)| (Arc::new(ring), manifest)),
        };
        let ((ring, manifest), escrow) = match (ring, keys::load_escrow(vault)) {
            (Ok(ring), Ok(escrow)) => (ring, escrow),
            (ring, escrow) => return Err([ring.err(), escrow.err()].iter().flatten().flat_map(words).collect()),
        };
        // An old copy of the folder, put there while the gateway runs.
        let known = before.iter().flat_map(|room| &room.manifest.keys).map(|entry| entry.id);
        let strangers = manifest.lacks(known);
        if !strangers.is_empty() {
            return Err(words(&KeysFault(strangers)));
        }
        let random = Arc::new(keys::System::default());
        let context = SealContext { ring: Arc::clone(&ring), escrow: escrow.into(), random, segment: vault.segment };
        let context = Arc::new(context);
        seals(&context).map_err(|fault| vec![fault.to_string()])?;
        let options = options(vault, settings);
        let between_vaults = Arc::new(SealOptions { already: Already::Pass, ..options.clone() });
        let proofs = proofs.unwrap_or_else(|| Arc::new(Proofs::new(&settings.gateway.state)));
        // The same workers, and never more of them than are allowed, whatever snapshot they work for.
        let wanted = DecoderSettings::of(vault);
        let decoder = match workers.filter(|decoder| *decoder.settings() == wanted) {
            Some(decoder) => decoder.clone(),
            None => Decoder::new(wanted),
        };
        let (ended, options) = (Mutex::default(), Arc::new(options));
        Ok(Self { ring, manifest, ended, context, options, between_vaults, proofs, decoder })
    }

    /// Looks which keys have ended by now: also where a reload is refused, perhaps for another reason, nothing is to be sealed
    /// with them any more. It reads a file, and blocks.
    pub fn look_for_ends(&self, vault: &config::Vault) {
        let Ok(Some(now)) = Manifest::read(&vault.key_folder) else { return };
        // One that was found again is in the ring although it had ended.
        let known = |id: KeyId| self.manifest.get(id).is_some_and(|entry| entry.end.is_some());
        let ended = now.keys.iter().filter(|entry| entry.end.is_some() && !known(entry.id)).map(|entry| entry.id);
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).extend(ended);
    }

    /// Whether what was sealed with a key opens, as far as is known now: otherwise nobody is told that it was stored.
    ///
    /// # Errors
    /// It is gone; in words for a log line and a comment.
    pub fn holds(&self, id: KeyId) -> Result<(), String> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
        if !ended && self.ring.get(id).is_some() {
            return Ok(());
        }
        Err(format!("key {id}, which it is sealed with, is destroyed or lost: send it again"))
    }

    /// The manifest that goes with the ring.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How objects are sealed. `between_vaults`: whoever sends them may have them sealed, and then they pass.
    pub const fn options(&self, between_vaults: bool) -> &Arc<SealOptions> {
        if between_vaults { &self.between_vaults } else { &self.options }
    }

    /// What is proven of an archive; `None`: nothing that counts.
    pub fn proof(&self, archive: &AeTitle) -> Option<Arc<ProbeResult>> {
        self.proofs.of(archive).ok().flatten()
    }

    /// What an archive does when an instance that it holds is stored again, as far as its probe found out.
    pub fn repeats(&self, archive: &AeTitle) -> Repeats {
        self.proof(archive).map_or(Repeats::Unknown, |proof| proof.repeats)
    }

    /// Whether objects of a family are sealed for an archive, and where the seal stands. `image`: they have pixels.
    pub fn seals(&self, vault: &config::Vault, archive: &config::Archive, family: &Family) -> Seals {
        let carrier = match archive.vault.carrier {
            config::vault::Carrier::Pixels => Carrier::Pixels,
            config::vault::Carrier::Attributes => Carrier::Attributes,
        };
        match self.proven(archive, family, carrier) {
            Ok(()) => Seals::Yes(carrier),
            Err(words) if vault.unproven == Unproven::Pass => Seals::Unproven(words),
            Err(words) => Seals::No(words),
        }
    }

    fn proven(&self, archive: &config::Archive, family: &Family, carrier: Carrier) -> Result<(), String> {
        let title = &archive.ae_title;
        if !archive.vault.all_readers_pass {
            return Err(format!("nobody has said `all_readers_pass_the_gateway = true` of {title}"));
        }
        let Some(proof) = self.proofs.of(title)? else {
            return Err(format!("nothing is proven of {title}: run `dicomgate vault probe {title}`"));
        };
        if !proof.is_of(&archive.address.to_string()) {
            return Err(format!(
                "what is proven of {title} was proven of another address: run `dicomgate vault probe`"
            ));
        }
        // What has no pixels is carried by attributes, whatever the archive's carrier.
        match carrier {
            Carrier::Pixels if !proof.tried(family.name, Carried::Pixels) => {
                proof.proves(family.name, Carried::Attributes)
            }
            Carrier::Pixels => proof.proves(family.name, Carried::Pixels),
            Carrier::Attributes => proof.proves(family.name, Carried::Attributes),
        }
    }

    /// Whether every carrier is proven by which what has begun may travel, now that it is known what it is.
    ///
    /// # Errors
    /// Why not, in words for a log line and a comment.
    pub fn carries(&self, archive: &config::Archive, family: &Family, begun: &Begun) -> Result<(), String> {
        let title = &archive.ae_title;
        let Some(proof) = self.proofs.of(title)? else { return Err(format!("nothing is proven of {title}")) };
        let attributes = archive.vault.carrier == config::vault::Carrier::Attributes;
        let (by_pixels, by_attributes) = match begun.carrier {
            Some(Carrier::Pixels) => (true, false),
            Some(Carrier::Attributes) => (false, true),
            // Too long a seal beside an image travels as pixels.
            None => (begun.frames > 0, begun.frames == 0 || attributes),
        };
        let proves = |asked: bool, carrier| if asked { proof.proves(family.name, carrier) } else { Ok(()) };
        proves(by_pixels, Carried::Pixels).and(proves(by_attributes, Carried::Attributes))
    }
}

fn options(vault: &config::Vault, settings: &Settings) -> SealOptions {
    let limits = &settings.limits;
    let exempt =
        |exempt: &config::vault::PrivateExempt| Exempt { creator: exempt.creator.clone(), element: exempt.element };
    SealOptions {
        attributes_max: vault.attributes_max,
        hold: vault.hold,
        header: u32::try_from(limits.seal_header).unwrap_or(u32::MAX),
        depth: u16::try_from(limits.data_set_depth).unwrap_or(u16::MAX),
        already: Already::Refuse,
        family: Arc::new(FamilyOptions {
            private_max: vault.private_max,
            exempt: vault.private_exempt.iter().map(exempt).collect(),
        }),
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
