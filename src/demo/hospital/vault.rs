//! The vault of the demonstration: its keys, made by the commands that make them, and the configuration that switches it on.

use super::{Hospital, wiring};
use crate::demo::command::Words;
use std::fs;
use std::path::PathBuf;

impl Hospital {
    /// The folder that stands for a safe on other premises: the private key of escrow lies there, and nothing else.
    pub fn safe(&self) -> PathBuf {
        self.folder.path().join("safe")
    }

    /// The private key of escrow.
    pub fn escrow_key(&self) -> PathBuf {
        self.safe().join("escrow.key")
    }

    /// Makes a pair for escrow and the first key of the ring; the commands that did it. The gateway does not know of them yet.
    ///
    /// # Errors
    /// A command that fails, or a file that cannot be written.
    pub async fn make_keys(&self) -> Result<[Words; 2], String> {
        let safe = self.folder.subfolder("safe").map_err(|fault| format!("the safe: {fault}"))?;
        let pair = Words::new(&["vault", "new-key", "--make-escrow"]).and(&safe);
        pair.done().await?;
        // The certificate goes to the gateway; the private key never does.
        let moved = fs::rename(safe.join("escrow.crt"), self.certificate("escrow.crt"));
        moved.map_err(|fault| format!("the escrow certificate: {fault}"))?;
        // Not in the place of the one in force: a gateway that runs looks at that every second.
        let next = self.next_configuration();
        let text = wiring::gateway(self.target.address.port(), self.archive.address(), true);
        fs::write(&next, text).map_err(|fault| format!("{}: {fault}", next.display()))?;
        let key = Words::new(&["vault", "new-key", "--config"]).and(&next);
        key.done().await?;
        Ok([pair, key])
    }

    /// Puts the configuration with the vault in force.
    ///
    /// # Errors
    /// Files that cannot be written, or a configuration that is refused.
    pub async fn switch_vault_on(&self) -> Result<(), String> {
        let policy = self.configuration().with_file_name("policy.toml");
        fs::write(&policy, wiring::policy(true)).map_err(|fault| format!("{}: {fault}", policy.display()))?;
        let configuration = self.configuration();
        let next = self.next_configuration();
        fs::rename(&next, &configuration).map_err(|fault| format!("{}: {fault}", next.display()))?;
        crate::config::load(&configuration).map_err(|faults| faults.to_string())?;
        self.gateway.reload().await;
        Ok(())
    }

    fn next_configuration(&self) -> PathBuf {
        self.configuration().with_file_name("gateway.next.toml")
    }
}
