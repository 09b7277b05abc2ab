//! `[users]` of `gateway.toml` as written.

use super::table::wrong_type;
use super::words::{Word, choice, text};
use super::{Field, List, Read, raw_table};
use crate::config::fault::Report;
use crate::config::settings::Endpoint;
use crate::config::units::Span;
use crate::config::users::{ClaimPath, HttpsUrl, LdapUrl, TokenAlgorithm};
use schemars::{Schema, SchemaGenerator, json_schema};
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

raw_table! {
    /// Where people are known: tokens of a provider, accounts of the gateway's own, a directory.
    pub struct RawUsers in "[users]" {
        /// Access ends then at the latest: from 1s to 7d. Default 8h.
        pub max_session: Span,
        /// When every refused identity is answered, counted from the request: from 100ms to 30s, less than `association_answer`. Default 1s.
        pub answer_after: Span,
        /// The scope of a token that asks for emergency access. Default break-glass.
        pub emergency_scope: Word,
        /// TOML file: what the archive calls people, a table for each user name.
        pub attributes: PathBuf,
        /// OpenID Connect providers.
        pub oidc: List<RawOidc>,
        /// Accounts of the gateway's own.
        pub local: RawLocal,
        /// LDAP or Active Directory.
        pub ldap: RawLdap,
    }
}

raw_table! {
    /// An OpenID Connect provider.
    pub struct RawOidc in "[[users.oidc]]" {
        /// Its issuer, exactly as tokens say it: an https URL.
        pub issuer!("\"https://login.hospital.example\""): HttpsUrl,
        /// What tokens for this gateway say in `aud`.
        pub audience!("\"dicomgate\""): String,
        /// The claim of the roles: a name, or a path with dots such as realm_access.roles. Default roles.
        pub roles: ClaimPath,
        /// The claim of the user's name. Default preferred_username, or sub where there is none.
        pub name: ClaimPath,
        /// Claims that rules may name as {claim.x}; at most 64.
        pub claims: List<ClaimPath>,
        /// PEM file: the CAs that vouch for the provider. Default: those that this machine trusts.
        pub ca: PathBuf,
        /// How far the provider's clock may be off: up to 5m. Default 60s.
        pub skew: Span,
        /// Algorithms that tokens may be signed with. Default ES256, ES384, RS256, PS256, EdDSA.
        pub algorithms: List<TokenAlgorithm>,
        /// How long known keys go on when the provider is away: up to 7d. Default 24h.
        pub keys_for: Span,
    }
}

raw_table! {
    /// Accounts of the gateway's own.
    pub struct RawLocal in "[users.local]" {
        /// The file of the accounts; `dicomgate user add` makes it.
        pub file!("\"config/users.toml\""): PathBuf,
    }
}

raw_table! {
    /// LDAP or Active Directory.
    pub struct RawLdap in "[users.ldap]" {
        /// Where it is: ldaps://HOST[:PORT], or ldap://HOST[:PORT] with StartTLS.
        pub url!("\"ldaps://dc1.hospital.example\""): LdapUrl,
        /// Below what people are looked for.
        pub base!("\"ou=people,dc=hospital,dc=example\""): String,
        /// As whom the gateway looks for them.
        pub bind_dn!("\"cn=dicomgate,ou=services,dc=hospital,dc=example\""): String,
        /// The file of its password. Nobody but the gateway's user may read it.
        pub password_file!("\"config/ldap.password\""): PathBuf,
        /// How a person is found; {user} stands for the name. Default (uid={user}).
        pub user_filter: String,
        /// The attribute of the person's entry that names groups. Default memberOf.
        pub group_attribute: String,
        /// How the person's groups are found instead; {dn} and {user} stand for the person.
        pub group_filter: String,
        /// Distinguished name of a group = "role", or a list of roles.
        pub roles!("{ \"cn=radiology,ou=groups,dc=hospital,dc=example\" = \"radiologist\" }"): RoleTable,
        /// PEM file: the CAs that vouch for it. Default: those that this machine trusts.
        pub ca: PathBuf,
    }
}

/// Groups and the roles of their members.
#[derive(Debug, Clone, Default)]
pub struct RoleTable(pub Vec<(Spanned<String>, List<Word>)>);

impl Read for RoleTable {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong_type(key, "a table", value, report)
                .hint("write [users.ldap.roles] and below it \"cn=radiology,...\" = \"radiologist\"");
            return None;
        };
        let mut groups = Vec::with_capacity(table.len());
        for (group, roles) in table {
            let name = Spanned::new(group.span(), group.get_ref().as_ref().to_owned());
            let roles = match roles.get_ref() {
                DeValue::Array(_) => Field::<List<Word>>::read("roles", roles, report).cloned(),
                _ => {
                    Word::read(group.get_ref(), roles, report).map(|role| List(vec![Spanned::new(roles.span(), role)]))
                }
            };
            groups.extend(roles.map(|roles| (name, roles)));
        }
        Some(Self(groups))
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let role = Word::schema(generator);
        json_schema!({ "type": "object", "additionalProperties": {
            "anyOf": [role, { "type": "array", "items": role }],
        } })
    }
}

impl Read for HttpsUrl {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "a URL such as \"https://login.hospital.example\"", value, report)?;
        match Self::parse(text) {
            Ok(url) => Some(url),
            Err((message, hint)) => {
                report.error(value.span(), message).hint(hint);
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^https://" })
    }
}

impl Read for LdapUrl {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        const EXAMPLE: &str = "write \"ldaps://dc1.hospital.example\", or \"ldap://...\" where StartTLS is spoken";
        let text = text(key, "a URL such as \"ldaps://dc1.hospital.example\"", value, report)?;
        let (rest, port, start_tls) = match (text.strip_prefix("ldaps://"), text.strip_prefix("ldap://")) {
            (Some(rest), _) => (rest, 636, false),
            (None, Some(rest)) => (rest, 389, true),
            (None, None) => {
                report.error(value.span(), format!("`{text}` is not the URL of a directory")).hint(EXAMPLE);
                return None;
            }
        };
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let bare = host.strip_prefix('[').map_or(!host.contains(':'), |v6| v6.ends_with(']'));
        let with_port = if bare { format!("{host}:{port}") } else { host.to_owned() };
        let endpoint: Option<Endpoint> = super::address::endpoint(&with_port).ok();
        if endpoint.is_none() {
            report.error(value.span(), format!("`{text}` is not `ldaps://HOST` or `ldaps://HOST:PORT`")).hint(EXAMPLE);
        }
        Some(Self { endpoint: endpoint?, start_tls })
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ldaps?://" })
    }
}

impl Read for ClaimPath {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "the name of a claim", value, report)?;
        let path = Self::parse(text);
        if path.is_none() {
            report
                .error(value.span(), format!("`{text}` is not the path of a claim"))
                .hint("write its name, or up to 8 names with dots between them: \"realm_access.roles\"");
        }
        path
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 512 })
    }
}

impl Read for TokenAlgorithm {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let word = value.get_ref().as_str().unwrap_or_default();
        if word.eq_ignore_ascii_case("none") || word.starts_with("HS") {
            let why = if word.starts_with("HS") {
                "whoever can check such a token can make one"
            } else {
                "anybody can make such a token"
            };
            report
                .error(value.span(), format!("`{word}` is never accepted: {why}"))
                .hint("let the provider sign with ES256");
            return None;
        }
        let all = Self::ALL.map(|algorithm| (algorithm.as_str(), algorithm));
        choice(key, &all, &[], value, report)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": Self::ALL.map(Self::as_str) })
    }
}
