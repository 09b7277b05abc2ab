//! `pkcs11:` URIs (RFC 7512), as far as they name one key of one token.

use std::fmt;
use std::path::PathBuf;

/// Where the PIN of a token comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum PinSource {
    /// The first line of this file.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
    /// The URI says it.
    Value(String),
}

/// The PIN itself is never printed.
impl fmt::Debug for PinSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Environment(name) => write!(f, "Environment({name})"),
            Self::Value(_) => f.write_str("Value(...)"),
        }
    }
}

/// One key of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUri {
    /// The library that speaks to it.
    pub module: PathBuf,
    /// Label of the token.
    pub token: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Label of the key.
    pub object: Option<String>,
    /// CKA_ID of the key.
    pub id: Option<Vec<u8>>,
    /// Where its PIN comes from; `None`: it needs none.
    pub pin: Option<PinSource>,
}

/// What is wrong with such a URI. No message quotes a PIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriFault {
    /// It does not begin with `pkcs11:`.
    #[error("it does not begin with `pkcs11:`")]
    Scheme,
    /// An attribute stands there twice.
    #[error("`{0}` stands there twice")]
    Twice(&'static str),
    /// A part that names nothing.
    #[error("one of its parts has no name, or no `=`")]
    Part,
    /// Percent-encoding that is none.
    #[error("the value of `{0}` has a `%` that two hexadecimal digits do not follow, or is not UTF-8")]
    Percent(String),
    /// An attribute that this gateway does not go by.
    #[error("`{0}` is not something that this gateway goes by")]
    Unknown(String),
    /// No library is named.
    #[error("`module-path` is missing: the library that speaks to the token")]
    NoModule,
    /// Neither label nor serial number of the token.
    #[error("`token` is missing: the label of the token")]
    NoToken,
    /// Neither label nor id of the key.
    #[error("`object` is missing: the label of the key that wraps the ring")]
    NoObject,
    /// `pin-source` that is neither file nor environment.
    #[error("`pin-source` is `file:/PATH` or `env:NAME`")]
    PinSource,
    /// Two sources of the PIN.
    #[error("`pin-source` and `pin-value` say the same thing")]
    TwoPins,
}

impl UriFault {
    /// What to write instead.
    pub const fn hint(&self) -> &'static str {
        "write \"pkcs11:token=LABEL;object=KEY?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/dicomgate/pin\""
    }
}

impl TokenUri {
    /// Reads a URI.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(uri: &str) -> Result<Self, UriFault> {
        let rest = uri.strip_prefix("pkcs11:").ok_or(UriFault::Scheme)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parts = Parts::default();
        for part in path.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(UriFault::Part)?;
            match name {
                "token" => parts.token.set("token", text("token", value)?)?,
                "serial" => parts.serial.set("serial", text("serial", value)?)?,
                "object" => parts.object.set("object", text("object", value)?)?,
                "id" => parts.id.set("id", bytes("id", value)?)?,
                // They only narrow what token and object name already.
                "type"
                | "manufacturer"
                | "model"
                | "library-manufacturer"
                | "library-description"
                | "library-version"
                | "slot-manufacturer"
                | "slot-description" => {}
                _ => return Err(UriFault::Unknown(printable(name))),
            }
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(UriFault::Part)?;
            match name {
                "module-path" => parts.module.set("module-path", text("module-path", value)?)?,
                "pin-source" => parts.source.set("pin-source", text("pin-source", value)?)?,
                "pin-value" => parts.value.set("pin-value", text("pin-value", value)?)?,
                _ => return Err(UriFault::Unknown(printable(name))),
            }
        }
        let pin = match (parts.source.0, parts.value.0) {
            (Some(_), Some(_)) => return Err(UriFault::TwoPins),
            (None, Some(value)) => Some(PinSource::Value(value)),
            (Some(source), None) => Some(pin_source(&source)?),
            (None, None) => None,
        };
        if parts.token.0.is_none() && parts.serial.0.is_none() {
            return Err(UriFault::NoToken);
        }
        if parts.object.0.is_none() && parts.id.0.is_none() {
            return Err(UriFault::NoObject);
        }
        Ok(Self {
            module: PathBuf::from(parts.module.0.ok_or(UriFault::NoModule)?),
            token: parts.token.0,
            serial: parts.serial.0,
            object: parts.object.0,
            id: parts.id.0,
            pin,
        })
    }

    /// The key, for people: `key \`LABEL\` of token \`LABEL\``.
    pub fn words(&self) -> String {
        let or = |label: &Option<String>, other: Option<String>| label.clone().or(other).unwrap_or_default();
        let id = self.id.as_ref().map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        format!("key `{}` of token `{}`", or(&self.object, id), or(&self.token, self.serial.clone()))
    }
}

#[derive(Default)]
struct Parts {
    token: Once<String>,
    serial: Once<String>,
    object: Once<String>,
    id: Once<Vec<u8>>,
    module: Once<String>,
    source: Once<String>,
    value: Once<String>,
}

struct Once<T>(Option<T>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Once<T> {
    fn set(&mut self, name: &'static str, value: T) -> Result<(), UriFault> {
        match self.0.replace(value) {
            None => Ok(()),
            Some(_) => Err(UriFault::Twice(name)),
        }
    }
}

fn pin_source(source: &str) -> Result<PinSource, UriFault> {
    if let Some(name) = source.strip_prefix("env:").filter(|name| !name.is_empty()) {
        return Ok(PinSource::Environment(name.to_owned()));
    }
    let path = source.strip_prefix("file:").unwrap_or(source);
    // file:///PATH and file:/PATH are the same (RFC 8089).
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    match path.starts_with('/') {
        true => Ok(PinSource::File(PathBuf::from(path))),
        false => Err(UriFault::PinSource),
    }
}

fn text(name: &str, value: &str) -> Result<String, UriFault> {
    String::from_utf8(bytes(name, value)?).map_err(|_| UriFault::Percent(name.to_owned()))
}

/// Percent-decoding (RFC 3986 2.1).
fn bytes(name: &str, value: &str) -> Result<Vec<u8>, UriFault> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(UriFault::Percent(name.to_owned())) };
        decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    Ok(decoded)
}

fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::{PinSource, TokenUri, UriFault};
    use std::path::PathBuf;

    #[test]
    fn a_uri_names_module_token_key_and_where_the_pin_is() {
        let uri =
            "pkcs11:token=The%20Ring;object=wrap;type=secret-key?module-path=/usr/lib/x.so&pin-source=file:///etc/pin";
        let read = TokenUri::parse(uri).unwrap();
        assert_eq!(read.module, PathBuf::from("/usr/lib/x.so"));
        assert_eq!((read.token.as_deref(), read.object.as_deref()), (Some("The Ring"), Some("wrap")));
        assert_eq!(read.pin, Some(PinSource::File("/etc/pin".into())));
        assert_eq!(read.words(), "key `wrap` of token `The Ring`");
        let id = TokenUri::parse("pkcs11:serial=12;id=%01%a2?module-path=/x&pin-source=env:PIN").unwrap();
        assert_eq!((id.id, id.pin), (Some(vec![1, 0xa2]), Some(PinSource::Environment("PIN".into()))));
    }

    #[test]
    fn what_is_wrong_is_said_and_no_pin_is_quoted() {
        for (uri, fault) in [
            ("token=a", UriFault::Scheme),
            ("pkcs11:token=a;token=b", UriFault::Twice("token")),
            ("pkcs11:token", UriFault::Part),
            ("pkcs11:token=a%2;object=b?module-path=/x", UriFault::Percent("token".into())),
            ("pkcs11:token=a;object=b;slot-id=1?module-path=/x", UriFault::Unknown("slot-id".into())),
            ("pkcs11:token=a;object=b?module-name=x", UriFault::Unknown("module-name".into())),
            ("pkcs11:token=a;object=b", UriFault::NoModule),
            ("pkcs11:object=b?module-path=/x", UriFault::NoToken),
            ("pkcs11:token=a?module-path=/x", UriFault::NoObject),
            ("pkcs11:token=a;object=b?module-path=/x&pin-source=1234", UriFault::PinSource),
            ("pkcs11:token=a;object=b?module-path=/x&pin-source=file:/p&pin-value=1234", UriFault::TwoPins),
        ] {
            let found = TokenUri::parse(uri).unwrap_err();
            assert_eq!(found, fault, "{uri}");
            assert!(!found.to_string().contains("1234"));
        }
        let secret = TokenUri::parse("pkcs11:token=a;object=b?module-path=/x&pin-value=1234").unwrap();
        assert!(!format!("{secret:?}").contains("1234"));
    }
}
