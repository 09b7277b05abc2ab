//! Who asks, and for what: the question that both fronts put to the gate.

use super::user::User;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Tag, Uid};
use std::net::IpAddr;
use std::sync::Arc;

/// Who is calling, after `identity` has tied certificate, address and title together.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Index of the peer in the compiled policy that identified it; archives, for what they send unasked, count on
    /// behind the peers. A newer policy looks the name up again.
    pub peer: u32,
    /// The peer's name.
    pub name: Arc<str>,
    /// The title it called with.
    pub calling: AeTitle,
    /// Its address, the PROXY header already undone.
    pub from: IpAddr,
    /// How it came.
    pub transport: Transport,
    /// The person who calls from there, once a source of people has vouched for them.
    pub user: Option<Arc<User>>,
}

/// How a caller's bytes came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// No TLS.
    Plain,
    /// TLS, the server alone showed a certificate.
    Tls,
    /// TLS with a client certificate; SHA-256 of its SubjectPublicKeyInfo.
    Mutual {
        /// SHA-256 of the certificate's SubjectPublicKeyInfo.
        spki: [u8; 32],
    },
}

/// One question to the policy. Borrowed: asking allocates nothing.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// The archive asked, by its `ae_title`; for what an archive sends unasked, the peer or archive that it goes to.
    pub to: &'a str,
    /// What is wanted; `None` asks whether any operation at all is permitted there (admission of an association).
    pub operation: Option<Operation>,
    /// SOP class of the presentation context or object.
    pub sop_class: Option<&'a Uid>,
    /// Transfer syntax of the presentation context.
    pub transfer_syntax: Option<&'a Uid>,
    /// Move destination of a retrieve.
    pub destination: Option<&'a AeTitle>,
    /// Modality of the object, once it is known; asking before that may be answered `Need(Fact::Modality)`.
    pub modality: Known<&'a str>,
    /// What a query or retrieve asks for, once it has been read; asking before that may be answered `Need(Fact::Query)`.
    pub query: Known<Query<'a>>,
    /// The moment of the request.
    pub at: Moment,
}

/// What of a query or retrieve rules speak of (`levels`, `require_key`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// (0008,0052); `None` for a worklist, which has none.
    pub level: Option<Level>,
    /// Top-level attributes that it asks a value of; a key of wild cards alone asks nothing.
    pub keys: &'a [Tag],
}

/// A fact about the object that may not have been read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Known<T> {
    /// Not looked at yet.
    #[default]
    Unread,
    /// Looked at: the object does not say.
    Absent,
    /// Looked at.
    Is(T),
}

/// The time of a request: the instant, and what local clocks show then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970-01-01 UTC.
    pub unix: i64,
    /// Minute of the local day, 0 to 1439.
    pub minute: u16,
    /// Local day of the week, Monday is 0.
    pub weekday: u8,
}

impl Moment {
    /// A moment as a clock in its time zone shows it.
    pub fn of(zoned: &jiff::Zoned) -> Self {
        Self { unix: zoned.timestamp().as_second(), ..Self::of_local(zoned.datetime()) }
    }

    /// The local day. The instant alone does not tell it; with the day of the week it is one of three.
    pub fn date(&self) -> jiff::civil::Date {
        let instant = jiff::Timestamp::from_second(self.unix).unwrap_or_default();
        let utc = instant.to_zoned(jiff::tz::TimeZone::UTC).date();
        let shows = |date: &jiff::civil::Date| date.weekday().to_monday_zero_offset().unsigned_abs() == self.weekday;
        let around = [Ok(utc), utc.tomorrow(), utc.yesterday()];
        around.into_iter().flatten().find(shows).unwrap_or(utc)
    }

    /// A local date and time, taken for UTC where the instant matters.
    pub fn of_local(local: jiff::civil::DateTime) -> Self {
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let weekday = local.weekday().to_monday_zero_offset().unsigned_abs();
        let unix = local.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second());
        Self { unix, minute, weekday }
    }
}
