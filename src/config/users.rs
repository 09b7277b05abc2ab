//! `[users]`: where people are known, as the rest of the house sees it.

use super::Account;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// `[users]`: typed, complete, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// Access ends then at the latest, counted from the association request.
    pub max_session: Duration,
    /// The moment after the request at which every refused identity is answered, whatever was wrong with it.
    pub answer_after: Duration,
    /// The scope of a token that asks for emergency access.
    pub emergency_scope: String,
    /// What the archive calls people: by user name, attribute; each with one or several values.
    pub attributes: Arc<Attributes>,
    /// `[[users.oidc]]`, in the order of the file; no issuer twice.
    pub oidc: Vec<OidcProvider>,
    /// `[users.local]`
    pub local: Option<LocalAccounts>,
    /// `[users.ldap]`
    pub ldap: Option<Ldap>,
}

/// The file that `attributes` names: user name -> attribute -> values.
pub type Attributes = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// `[[users.oidc]]`: an OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcProvider {
    /// Its issuer, exactly as tokens say it in `iss`.
    pub issuer: HttpsUrl,
    /// What tokens for this gateway say in `aud`.
    pub audience: String,
    /// The claim of the roles, step by step.
    pub roles: ClaimPath,
    /// The claim of the user's name; `None`: `preferred_username`, or `sub` where there is none.
    pub name: Option<ClaimPath>,
    /// Claims that rules may name as `{claim.x}`.
    pub claims: Vec<ClaimPath>,
    /// PEM certificates that vouch for the provider; `None`: those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// How far the provider's clock may be off.
    pub skew: Duration,
    /// Algorithms that tokens may be signed with; never empty.
    pub algorithms: Vec<TokenAlgorithm>,
    /// How long known keys go on when the provider is away.
    pub keys_for: Duration,
}

/// `[users.local]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAccounts {
    /// The file of the accounts; `dicomgate user add` makes it, so it may not be there yet.
    pub file: PathBuf,
    /// What stands in it; no name twice.
    pub accounts: Arc<[Account]>,
}

/// `[users.ldap]`: LDAP or Active Directory, over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ldap {
    /// Where it is, and how TLS begins.
    pub url: LdapUrl,
    /// Below what people are looked for.
    pub base: String,
    /// As whom the gateway looks for them.
    pub bind_dn: String,
    /// The file of its password.
    pub password_file: PathBuf,
    /// How a person is found: an LDAP filter in which `{user}` stands for the name, escaped.
    pub user_filter: String,
    /// Where a person's groups are.
    pub groups: LdapGroups,
    /// Distinguished name of a group -> roles of its members.
    pub roles: Vec<(String, Vec<String>)>,
    /// PEM certificates that vouch for it; `None`: those that this machine trusts.
    pub ca: Option<PathBuf>,
}

/// Where a person's groups are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LdapGroups {
    /// In this attribute of the person's entry (`memberOf`).
    Attribute(String),
    /// In entries that this filter finds; `{dn}` stands for the person's name in the directory and `{user}` for the name she
    /// gave, both escaped.
    Filter(String),
}

/// `ldaps://HOST[:PORT]` or, with StartTLS before anything else is said, `ldap://HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapUrl {
    /// Where it is; ports 636 and 389 unless stated.
    pub endpoint: super::Endpoint,
    /// TLS begins with StartTLS (RFC 4511 4.14) instead of at once.
    pub start_tls: bool,
}

/// A claim, step by step: `realm_access.roles` has two. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// Takes a name, or up to 8 names with dots between them.
    pub fn parse(text: &str) -> Option<Self> {
        let steps: Vec<String> = text.split('.').map(str::to_owned).collect();
        let sound = |step: &String| !step.is_empty() && step.trim() == step;
        (steps.len() <= 8 && steps.iter().all(sound)).then_some(Self(steps))
    }

    /// The names, outermost first.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// An algorithm that tokens may be signed with (RFC 7518 3.1, RFC 8037). There is none without a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub enum TokenAlgorithm {
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// ECDSA with P-384 and SHA-384.
    ES384,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// Ed25519.
    EdDSA,
}

impl TokenAlgorithm {
    /// All that can be listed.
    pub const ALL: [Self; 9] = [
        Self::ES256,
        Self::ES384,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::EdDSA,
    ];

    /// Those that count where nothing is listed.
    pub const DEFAULT: [Self; 5] = [Self::ES256, Self::ES384, Self::RS256, Self::PS256, Self::EdDSA];

    /// Its name in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl fmt::Display for TokenAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An `https://` URL without user and fragment: printable ASCII, at most 2000 characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpsUrl {
    text: String,
    endpoint: super::Endpoint,
    target: String,
}

impl HttpsUrl {
    /// Takes a URL, or says what is wrong with it and what to write.
    ///
    /// # Errors
    /// What is wrong, and a hint.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        const EXAMPLE: &str = "write \"https://login.hospital.example\"";
        let fault = |words: &str, hint: &str| Err((words.to_owned(), hint.to_owned()));
        if text.len() > 2000 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return fault("a URL has at most 2000 characters, all of them printable ASCII", EXAMPLE);
        }
        let Some(rest) = text.strip_prefix("https://") else {
            return fault(
                &format!("`{text}` does not begin with `https://`"),
                "what says who people are comes over TLS alone: \"https://login.hospital.example\"",
            );
        };
        if rest.contains(['#', '\\', '"', '<', '>', '`', '{', '}', '|', '^']) {
            return fault(&format!("`{text}` has characters that no URL has here"), EXAMPLE);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if host.contains('@') {
            return fault("a user or password stands in this URL", EXAMPLE);
        }
        let bare = host.strip_prefix('[').map_or(!host.contains(':'), |v6| v6.ends_with(']'));
        let with_port = if bare { format!("{host}:443") } else { host.to_owned() };
        let Ok(endpoint) = super::raw::address::endpoint(&with_port) else {
            return fault(&format!("`{host}` is not a host of a URL"), EXAMPLE);
        };
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { text: text.to_owned(), endpoint, target })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whom to dial: port 443 unless the URL names one.
    pub const fn endpoint(&self) -> &super::Endpoint {
        &self.endpoint
    }

    /// Path and query, as an HTTP request names them; begins with `/`.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether there is a query behind the path.
    pub fn has_query(&self) -> bool {
        self.target.contains('?')
    }

    /// Host and port as the `Host` of a request names them: the port only where the URL does.
    pub fn authority(&self) -> &str {
        let rest = self.text.strip_prefix("https://").unwrap_or_default();
        rest.split(['/', '?']).next().unwrap_or_default()
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
