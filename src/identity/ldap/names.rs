//! Distinguished names and filters, as far as a login compares and fills them.

/// A distinguished name as it is compared: without case, and without the spaces that mean nothing (RFC 4514, RFC 4518
/// as far as names of groups need it).
pub(super) fn normal(dn: &str) -> String {
    let mut parts = Vec::new();
    let (mut part, mut escaped) = (String::new(), false);
    for c in dn.chars() {
        match c {
            ',' | '+' | '=' if !escaped => {
                parts.push(part.trim().to_lowercase());
                parts.push(c.to_string());
                part.clear();
            }
            _ => part.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(part.trim().to_lowercase());
    parts.concat()
}

/// Where groups are looked for: below the domain that a base lies in (its last `dc=` parts), for they seldom lie among the
/// people; below the base itself where it names no domain.
pub(super) fn domain(base: &str) -> &str {
    let mut domain = base;
    let mut rest = base;
    let is_dc = |part: &str| part.trim_start().get(..3).is_some_and(|start| start.eq_ignore_ascii_case("dc="));
    while !is_dc(rest) {
        match rest.split_once(',') {
            Some((_, behind)) => rest = behind,
            None => return base,
        }
        domain = rest;
    }
    // A domain of which only the beginning is one is none.
    if domain.split(',').all(is_dc) { domain.trim() } else { base }
}

/// What a filter compares with the name, in its order: attribute and pattern, `uid` and `{user}` of
/// `(&(objectClass=person)(uid={user}))`. Only whole values: what a filter matches in part or by other rules does not say
/// who somebody is.
pub(super) fn compared(filter: &str) -> Vec<(&str, &str)> {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';');
    let pair = |item| {
        let (name, pattern) = str::split_once(item, '=')?;
        let name = name.trim();
        let whole = pattern.contains("{user}") && !pattern.contains(['*', '\\']);
        (whole && !name.is_empty() && name.chars().all(sound)).then_some((name, pattern))
    };
    filter.split(['(', ')']).filter_map(pair).collect()
}

/// Whether one of these values is what the name makes of a pattern, but for case. A directory finds more: names without
/// accents, in wide letters, with characters that nobody sees. Each of these would have guesses of its own.
pub(super) fn spells(values: &[String], pattern: &str, given: &str) -> bool {
    let meant = pattern.replace("{user}", given.trim()).to_lowercase();
    values.iter().any(|value| value.to_lowercase() == meant)
}

/// The name as the directory writes it: whoever logs in as `MUELLER` is the `mueller` of the rules. `None`: the entry
/// does not say one.
pub(super) fn canonical<'v>(values: &'v [String], given: &str) -> Option<&'v str> {
    let folded = given.trim().to_lowercase();
    let same = values.iter().find(|value| value.to_lowercase() == folded);
    match values {
        [only] => Some(same.unwrap_or(only).as_str()),
        _ => same.map(String::as_str),
    }
}

/// A filter with the person put in: what she typed is never a part of its grammar (RFC 4515 3).
pub(super) fn filled(filter: &str, name: &str, dn: &str) -> String {
    // In one pass: what is put in may look like a place itself.
    let mut out = String::with_capacity(filter.len() + name.len() + dn.len());
    let mut rest = filter;
    while let Some(at) = rest.find('{') {
        let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        if let Some(after) = behind.strip_prefix("{user}") {
            out.push_str(&escaped(name));
            rest = after;
        } else if let Some(after) = behind.strip_prefix("{dn}") {
            out.push_str(&escaped(dn));
            rest = after;
        } else {
            out.push('{');
            rest = behind.strip_prefix('{').unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

/// RFC 4515 3, and everything that is not a letter or digit of ASCII besides: there is nothing to gain by less.
fn escaped(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'@' | b',' | b'=' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("\\{byte:02x}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_whatever_their_case_and_spaces() {
        let one = normal("CN=Radiology, OU=Groups,DC=hospital , DC=example");
        assert_eq!(one, normal("cn=radiology,ou=groups,dc=hospital,dc=example"));
        assert_ne!(one, normal("cn=radiology2,ou=groups,dc=hospital,dc=example"));
        assert_ne!(normal("cn=a\\, b"), normal("cn=a,b"), "an escaped comma is none");
    }

    #[test]
    fn groups_are_looked_for_in_the_whole_domain() {
        assert_eq!(domain("ou=people, dc=hospital,DC=example"), "dc=hospital,DC=example");
        assert_eq!(domain("dc=hospital,dc=example"), "dc=hospital,dc=example");
        assert_eq!(domain("ou=people,o=hospital"), "ou=people,o=hospital");
        assert_eq!(domain("dc=a,o=hospital"), "dc=a,o=hospital");
        assert_eq!(domain(""), "");
    }

    #[test]
    fn what_somebody_types_is_no_grammar() {
        assert_eq!(filled("(uid={user})", "*)(uid=*", "x"), "(uid=\\2a\\29\\28uid=\\2a)");
        assert_eq!(filled("(uid={user})", "m\\u\0ü", "x"), "(uid=m\\5cu\\00\\c3\\bc)");
        assert_eq!(filled("(&(member={dn})(x={user}))", "{dn}", "cn=a,b=c"), "(&(member=cn=a,b=c)(x=\\7bdn\\7d))");
        assert_eq!(filled("({x={user}", "a", "b"), "({x=a");
    }

    #[test]
    fn the_name_is_the_directorys() {
        let mail = ("mail", "{user}@hospital.example");
        assert_eq!(compared("(&(objectClass=person)(uid={user}))"), [("uid", "{user}")]);
        assert_eq!(compared("(|(uid={user})(mail={user}@hospital.example))"), [("uid", "{user}"), mail]);
        for vague in ["(uid~={user})", "(uid=*{user})", "(uid:caseExactMatch:={user})", "(&(member={dn}))"] {
            assert_eq!(compared(vague), [], "{vague}");
        }
        let values = ["mueller".to_owned(), "hans".to_owned()];
        assert_eq!(canonical(&values, "MUELLER"), Some("mueller"));
        assert_eq!(canonical(&values, "meier"), None);
        assert_eq!(canonical(&values[..1], "meier@hospital.example"), Some("mueller"));
        assert_eq!(canonical(&[], "mueller"), None);
    }

    #[test]
    fn a_name_is_typed_as_the_directory_writes_it_but_for_case() {
        let values = ["mueller".to_owned(), "Zoë".to_owned()];
        for same in ["mueller", "MUELLER", " mueller ", "zoë", "ZOË"] {
            assert!(spells(&values, "{user}", same), "{same}");
        }
        // All of these a directory finds, and each would be counted by itself (RFC 4518 2.2 and 2.3).
        for other in ["mue\u{ad}ller", "mue\u{200b}ller", "ｍueller", "müller", "zoe", "mueller*", ""] {
            assert!(!spells(&values, "{user}", other), "{other}");
        }
        assert!(spells(&["m@hospital.example".to_owned()], "{user}@Hospital.example", "M"));
        assert!(!spells(&["m@hospital.example".to_owned()], "{user}@Hospital.example", "m@hospital.example"));
    }
}
