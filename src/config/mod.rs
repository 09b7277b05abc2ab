//! From two files to settings: read, validate (all faults of both files at once), hand out typed values; notice changes.
//!
//! Three steps. `raw` reads a file's tables into fields that remember where they stood, and goes on behind every
//! fault; `validated` is a pure function over what was read; [`Settings`] is what the rest of the house sees. Then
//! `files` looks at what the settings name on disk.
//!
//! It never binds a port, opens a connection or keeps a key in memory.

pub mod accounts;
mod fault;
mod files;
pub mod kept;
pub mod limits;
mod load;
pub mod pkcs11;
mod raw;
mod schema;
pub mod settings;
pub mod units;
pub mod users;
mod validated;
pub mod vault;
mod watch;
pub mod who;

pub use accounts::{Account, PasswordHash};
pub use fault::{Fault, Faults, Severity};
pub use limits::Limits;
pub use load::{
    DEFAULT_PATH, PolicyFiles, accounts_of, accounts_path, load, load_accounts, load_at, load_text, load_untested,
    load_with, state_folder,
};
pub use schema::schemas;
pub use settings::{
    Admin, Archive, ArchiveTls, Audit, Calling, Confirm, Correlate, CrlCheck, CrlExpired, Database, DatabaseUrl,
    Endpoint, Gateway, Listener, ListenerTls, PolicyTexts, Serves, Settings, Source, Sync, Tls,
};
pub use users::Users;
pub use vault::{ArchiveVault, KeySource, Vault};
pub use watch::Watch;
