//! The ring from an environment variable: `1:KEY,2:KEY`, each in 64 hexadecimal digits or base64.

use super::fault::Problem;
use super::file;
use crate::vault::KeyId;
use crate::vault::suite::Key256;

/// Reads the value of a variable.
pub(super) fn parse(name: &str, value: Option<&str>) -> Result<Vec<(KeyId, Key256)>, Problem> {
    let fault = |words| Problem::Environment(name.to_owned(), words);
    let value = value.ok_or_else(|| fault("is not set: it holds the ring as `1:KEY,2:KEY`"))?;
    let mut keys: Vec<(KeyId, Key256)> = Vec::new();
    for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (id, key) = part.split_once(':').ok_or_else(|| fault("is not of the form `1:KEY,2:KEY`"))?;
        let id = id.trim().parse().ok().filter(|id| *id > 0).map(KeyId);
        let id = id.ok_or_else(|| fault("names a key by something that is no number"))?;
        let key = file::key(key.trim())
            .ok_or_else(|| fault("holds a key that is not 256 bits in hexadecimal digits or base64"))?;
        if keys.iter().any(|(known, _)| *known == id) {
            return Err(fault("holds one number twice"));
        }
        keys.push((id, key));
    }
    Ok(keys)
}
