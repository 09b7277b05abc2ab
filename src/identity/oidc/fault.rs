//! What can be wrong with a token, in words for the record. What the caller wrote stands in them only where it is short
//! and printable, for nothing of it is proven.

use crate::identity::people::{Refused, Why};

/// Why a token does not show who somebody is (RFC 7519, RFC 8725).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenFault {
    #[error("the token is longer than `token` of [limits] allows ({0} bytes)")]
    Long(u64),
    #[error("the token is encrypted (five parts): only signed ones are read")]
    Encrypted,
    #[error("this is not a token: three parts of base64url with dots between them")]
    Shape,
    #[error("the head of the token is not JSON that says everything once")]
    Head,
    #[error("the claims of the token are not JSON that says everything once")]
    Claims,
    #[error("the token has no `alg`")]
    NoAlgorithm,
    #[error("the token says `alg` none: nobody has signed it")]
    Unsigned,
    #[error("the token says `alg` {0}: whoever can check that can make it too, so it proves nothing")]
    Symmetric(String),
    #[error("the token says `alg` {0}, which nobody here knows")]
    UnknownAlgorithm(String),
    #[error("the token says `alg` {0}, and `algorithms` of its provider does not list that")]
    UnlistedAlgorithm(&'static str),
    #[error("the token has critical extensions (`crit`): none is known here")]
    Critical,
    #[error("the token is compressed (`zip`)")]
    Compressed,
    #[error("the token holds another token or something else than claims (`cty`)")]
    Nested,
    #[error("the token is of another kind (`typ` {0}): only JWT and at+jwt say who somebody is")]
    Kind(String),
    #[error("the token brings its own key or says where to fetch one (`{0}`): only published keys count")]
    OwnKey(&'static str),
    #[error("`kid` of the token is not a short text")]
    KeyName,
    #[error("the token has no `iss`")]
    NoIssuer,
    #[error("the token is from {0}, and no [[users.oidc]] has that issuer")]
    Issuer(String),
    #[error("the provider publishes no key {0}")]
    UnknownKey(String),
    #[error("the provider publishes several keys as {0}")]
    AmbiguousKey(String),
    #[error("the token names no key, and the provider publishes none for {0}")]
    NoKey(&'static str),
    #[error("the token names no key, and several of the provider's fit")]
    SeveralKeys,
    #[error("the key {key} is not for `alg` {algorithm}")]
    OtherAlgorithm { key: String, algorithm: &'static str },
    #[error("the signature is not that of the key")]
    Signature,
    #[error("the token has no `aud`, or one that is not text")]
    NoAudience,
    #[error("the token is for somebody else: `aud` does not contain the `audience` of its provider")]
    Audience,
    #[error("the token has no `exp`: it would hold for ever")]
    NoExpiry,
    #[error("`{0}` of the token is not a point in time")]
    Time(&'static str),
    #[error("the token has expired: `exp` is {0} s ago, more than `skew` allows")]
    Expired(i64),
    #[error("the token does not hold yet: `nbf` is {0} s ahead, more than `skew` allows")]
    Early(i64),
    #[error("the token was issued in the future: `iat` is {0} s ahead, more than `skew` allows")]
    Future(i64),
    #[error("the token tells of an event (`events`), not who somebody is")]
    Event,
    #[error("the token has no claim `{0}`, so there is no user name")]
    NoName(String),
    #[error("the claim `{0}` is no user name: it must be a text of 1 to 256 printable characters")]
    Name(String),
    #[error(
        "the claim `{0}` does not hold roles: it must be a text, or a list of texts of 1 to 256 printable characters"
    )]
    Roles(String),
    #[error("the claim `{0}` holds more than {1} values")]
    Many(String, u32),
    #[error("the claim `{0}` holds a text that is longer than 1024 characters")]
    LongValue(String),
}

impl From<TokenFault> for Refused {
    fn from(fault: TokenFault) -> Self {
        Self::Denied(Why { words: fault.to_string().into(), tried: None })
    }
}

/// What the caller wrote, if it may stand in a sentence.
pub(super) fn shown(text: &str) -> String {
    let sound = |c: char| c.is_ascii_graphic() && c != '`';
    match !text.is_empty() && text.len() <= 128 && text.chars().all(sound) {
        true => format!("`{text}`"),
        false => "(a text that is long or not printable)".to_owned(),
    }
}
