//! `[users]` and the file that its `attributes` names.

use super::{Ground, Kind, repeated};
use crate::config::fault::Report;
use crate::config::raw::gateway::RawGatewayFile;
use crate::config::raw::users::{RawLdap, RawOidc, RawUsers};
use crate::config::raw::{Field, Located, Read, parse};
use crate::config::raw::{List, words::Word};
use crate::config::units::Span;
use crate::config::users::{
    Attributes, ClaimPath, Ldap, LdapGroups, LocalAccounts, OidcProvider, TokenAlgorithm, Users,
};
use crate::config::{Account, Limits};
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

/// The most claims that are kept of a token.
const CLAIMS: usize = 64;
/// The most providers: every one is asked for its keys in the background.
const PROVIDERS: usize = 16;

pub(super) fn validate(
    raw: &RawGatewayFile,
    limits: &Limits,
    attributes: Option<&mut Report<'_>>,
    accounts: Vec<Account>,
    ground: &mut Ground<'_>,
    report: &mut Report<'_>,
) -> Option<Users> {
    let raw = raw.users.get()?;
    let between = |key, field: &Field<Span>, low, high, default, report: &mut Report<'_>| {
        bounded(key, field, (low, high, default), report)
    };
    let max_session = between("max_session", &raw.max_session, "1s", "7d", "8h", report);
    let answer_after = between("answer_after", &raw.answer_after, "100ms", "30s", "1s", report);
    if answer_after >= limits.association_answer {
        let answer = Span(limits.association_answer);
        report
            .error(
                raw.span_of("answer_after"),
                format!("`answer_after` must be less than `association_answer` ({answer})"),
            )
            .hint("refused identities are answered at that moment, and nothing is answered later than the limit");
    }
    let emergency_scope = raw.emergency_scope.get().map_or("break-glass", |word| &word.0).to_owned();
    if emergency_scope.contains(char::is_whitespace) {
        report
            .error(
                raw.span_of("emergency_scope"),
                format!("`{emergency_scope}` cannot be a scope: scopes have no spaces"),
            )
            .hint("write one word: \"break-glass\"");
    }
    ground.path(&raw.attributes, Kind::Own, report);
    let attributes = attributes.map(|report| read_attributes(limits, report)).unwrap_or_default();
    let oidc = raw.oidc.items().iter().map(|raw| provider(raw.get_ref(), ground, report)).collect::<Vec<_>>();
    providers_differ(raw, report);
    let local = raw.local.get().map(|local| ground.path(&local.file, Kind::Accounts, report));
    let ldap = raw.ldap.get().map(|raw| directory(raw, limits, ground, report));
    if raw.oidc.is_absent() && raw.local.is_absent() && raw.ldap.is_absent() {
        report
            .warning(raw.here.clone(), "`[users]` names no source: only peers with `username_only` can name a user")
            .hint("add [[users.oidc]], [users.local] or [users.ldap]");
    }
    Some(Users {
        max_session,
        answer_after,
        emergency_scope,
        attributes: Arc::new(attributes),
        oidc: oidc.into_iter().collect::<Option<_>>()?,
        local: match local {
            Some(file) => Some(LocalAccounts { file: file?, accounts: accounts.into() }),
            None => None,
        },
        ldap: match ldap {
            Some(ldap) => Some(ldap?),
            None => None,
        },
    })
}

/// A time within bounds.
fn bounded(
    key: &str,
    field: &Field<Span>,
    (low, high, default): (&str, &str, &str),
    report: &mut Report<'_>,
) -> Duration {
    let known = |text| Span::parse(text).unwrap_or_default();
    let Some(given) = field.spanned() else { return known(default).0 };
    if *given.get_ref() < known(low) || *given.get_ref() > known(high) {
        report
            .error(given.span(), format!("`{key}` must be between {low} and {high}"))
            .hint(format!("write a value between them, or leave it out: the default is {default}"));
    }
    given.get_ref().0
}

fn provider(raw: &RawOidc, ground: &mut Ground<'_>, report: &mut Report<'_>) -> Option<OidcProvider> {
    if let Some(issuer) = raw.issuer.spanned()
        && issuer.get_ref().has_query()
    {
        report.error(issuer.span(), "an issuer has no query").hint("write it exactly as tokens say it in `iss`");
    }
    unlike(&raw.claims, "claim", report);
    if raw.claims.items().len() > CLAIMS {
        report
            .error(raw.span_of("claims"), format!("at most {CLAIMS} claims are kept"))
            .hint("name those that rules use");
    }
    unlike(&raw.algorithms, "algorithm", report);
    if raw.algorithms.get().is_some_and(|list| list.0.is_empty()) && !report.has_error_in(&raw.span_of("algorithms")) {
        report
            .error(raw.span_of("algorithms"), "without an algorithm no token is accepted")
            .hint("write algorithms = [\"ES256\"], or leave it out");
    }
    let ca = ground.path(&raw.ca, Kind::File, report);
    let skew = bounded("skew", &raw.skew, ("0s", "5m", "60s"), report);
    let keys_for = bounded("keys_for", &raw.keys_for, ("0s", "7d", "24h"), report);
    let algorithms =
        if raw.algorithms.is_absent() { TokenAlgorithm::DEFAULT.to_vec() } else { raw.algorithms.values() };
    Some(OidcProvider {
        issuer: raw.issuer.cloned()?,
        audience: raw.audience.cloned()?,
        roles: if raw.roles.is_absent() { ClaimPath::parse("roles")? } else { raw.roles.cloned()? },
        name: raw.name.cloned(),
        claims: raw.claims.values(),
        ca,
        skew,
        algorithms,
        keys_for,
    })
}

/// Reports what a list says twice.
fn unlike<T: Clone + PartialEq + std::fmt::Display>(list: &Field<List<T>>, what: &str, report: &mut Report<'_>) {
    repeated(what, list.items(), report);
}

/// A token belongs to the one provider that its `iss` names.
fn providers_differ(raw: &RawUsers, report: &mut Report<'_>) {
    let all = raw.oidc.items();
    let issuers: Vec<_> = all.iter().filter_map(|raw| raw.get_ref().issuer.spanned().cloned()).collect();
    repeated("issuer", &issuers, report);
    if all.len() > PROVIDERS {
        report.error(raw.span_of("oidc"), format!("there are at most {PROVIDERS} providers"));
    }
}

fn directory(raw: &RawLdap, limits: &Limits, ground: &mut Ground<'_>, report: &mut Report<'_>) -> Option<Ldap> {
    let password_file = ground.path(&raw.password_file, Kind::Password, report);
    let ca = ground.path(&raw.ca, Kind::File, report);
    let user_filter = raw.user_filter.cloned().unwrap_or_else(|| "(uid={user})".to_owned());
    filter("user_filter", &user_filter, &["{user}"], raw, report);
    let groups = match (raw.group_filter.cloned(), raw.group_attribute.cloned()) {
        (Some(filter_text), attribute) => {
            if attribute.is_some() {
                report
                    .error(raw.span_of("group_filter"), "`group_attribute` and `group_filter` say the same thing")
                    .hint("take one out");
            }
            filter("group_filter", &filter_text, &["{dn}", "{user}"], raw, report);
            LdapGroups::Filter(filter_text)
        }
        (None, attribute) => {
            let attribute = attribute.unwrap_or_else(|| "memberOf".to_owned());
            if !attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b';' | b'.')) {
                report
                    .error(raw.span_of("group_attribute"), format!("`{attribute}` is not the name of an attribute"))
                    .hint("write its name: \"memberOf\"");
            }
            LdapGroups::Attribute(attribute)
        }
    };
    let roles: Vec<(String, Vec<String>)> = raw.roles.get().map_or_else(Vec::new, |table| {
        let roles = |list: &List<Word>| list.0.iter().map(|role| role.get_ref().0.clone()).collect();
        table.0.iter().map(|(group, list)| (group.get_ref().clone(), roles(list))).collect()
    });
    if raw.roles.get().is_some_and(|table| table.0.is_empty()) {
        report
            .error(raw.span_of("roles"), "without a group nobody has a role")
            .hint("write \"cn=radiology,ou=groups,dc=hospital,dc=example\" = \"radiologist\"");
    }
    for (group, _) in raw.roles.get().map_or(&[][..], |table| &table.0) {
        if !group.get_ref().contains('=') {
            report
                .error(group.span(), format!("`{}` is not a distinguished name", group.get_ref()))
                .hint("write the whole name: \"cn=radiology,ou=groups,dc=hospital,dc=example\"");
        }
    }
    let most = usize::try_from(limits.user_roles).unwrap_or(usize::MAX);
    if roles.iter().any(|(_, roles)| roles.len() > most) {
        report.error(raw.span_of("roles"), "a group has more roles than `user_roles` of `[limits]` allows");
    }
    Some(Ldap {
        url: raw.url.cloned()?,
        base: raw.base.cloned()?,
        bind_dn: raw.bind_dn.cloned()?,
        password_file: password_file?,
        user_filter,
        groups,
        roles,
        ca,
    })
}

/// A filter is whole, and the person stands in it.
fn filter(key: &str, text: &str, places: &[&str], raw: &RawLdap, report: &mut Report<'_>) {
    let at = raw.span_of(key);
    let open = text.matches('(').count();
    if !text.starts_with('(') || !text.ends_with(')') || open != text.matches(')').count() {
        report.error(at, format!("`{text}` is not an LDAP filter")).hint("write it in brackets: \"(uid={user})\"");
    } else if !places.iter().any(|place| text.contains(place)) {
        let places = places.join(" or ");
        report
            .error(at, format!("`{key}` finds the same entry for everybody"))
            .hint(format!("{places} stands for the person: \"(uid={{user}})\""));
    }
}

/// The file that `attributes` names: a table for each user name, a text or a list of texts for each attribute.
fn read_attributes(limits: &Limits, report: &mut Report<'_>) -> Attributes {
    let most = usize::try_from(limits.user_values).unwrap_or(usize::MAX);
    let table = parse(report.text(), report);
    let mut all = Attributes::new();
    for (user, value) in table.get_ref() {
        let name = user.get_ref().as_ref();
        if name.is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control) {
            report.error(user.span(), "a user name has 1 to 256 characters without control characters");
        }
        let Some(own) = value.get_ref().as_table() else {
            report
                .error(user.span(), format!("`{name}` must be a table: who is called what"))
                .hint(format!("write [{name}] and below it physician = [\"Müller^Anna\"]"));
            continue;
        };
        let mut attributes = std::collections::BTreeMap::new();
        for (attribute, value) in own {
            let word = attribute.get_ref().as_ref();
            if value.get_ref().is_table() {
                report
                    .error(attribute.span(), format!("`{word}` below `{name}` is a table, and an attribute has values"))
                    .hint(format!("a user name with dots stands in quotes: [\"{name}.{word}\"]"));
                continue;
            }
            let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if word.is_empty() || word.len() > 64 || !word.chars().all(sound) || word == "name" {
                report
                    .error(attribute.span(), format!("`{word}` cannot be an attribute"))
                    .hint("write at most 64 letters, digits, `-` or `_`; {user.name} is the user name itself");
                continue;
            }
            let values = match value.get_ref().as_array() {
                Some(_) => List::<String>::read(word, value, report)
                    .map(|list| list.0.into_iter().map(Spanned::into_inner).collect::<Vec<_>>()),
                None => String::read(word, value, report).map(|one| vec![one]),
            };
            let Some(values) = values else { continue };
            if values.len() > most {
                let message =
                    format!("`{word}` has {} values, and `user_values` of `[limits]` is {most}", values.len());
                report.error(value.span(), message).hint("raise the limit, or name fewer");
            }
            if let Some(wild) = values.iter().find(|value| value.contains(['*', '?', '\\'])) {
                report
                    .warning(
                        value.span(),
                        format!("`{wild}` has `*`, `?` or `\\`: no rule with {{user.{word}}} holds for `{name}`"),
                    )
                    .hint("write the values as they are: nothing in them matches more than itself");
            }
            attributes.insert(word.to_owned(), values);
        }
        all.insert(name.to_owned(), attributes);
    }
    all
}
