//! `[limits]`: every buffer, list, depth, wait and queue has one, with a name, a default and bounds.

use super::fault::Report;
use super::raw::{Field, raw_table};
use super::units::{Count, Size, Span};
use std::time::Duration;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident : $unit:ident -> $type:ty = $default:literal in $low:literal ..= $high:literal;)+) => {
        /// Every limit of the gateway. Sizes are bytes.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ #[doc = concat!("\n\nDefault ", $default, ", from ", $low, " to ", $high, ".")] pub $name: $type,)+
        }

        raw_table! {
            /// How much, how many, how deep, how long. Every limit has a default.
            pub struct RawLimits in "[limits]" {
                $($(#[doc = $doc])+ #[doc = concat!("Default ", $default, ", from ", $low, " to ", $high, ".")] pub $name: $unit,)+
            }
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $unit::known($default).into(),)+ }
            }
        }

        impl Limits {
            /// Name, default, least and greatest value of every limit, as the documentation shows them.
            pub const ALL: &'static [(&'static str, &'static str, &'static str, &'static str)] =
                &[$((stringify!($name), $default, $low, $high),)+];

            /// Takes what the file says and the defaults for the rest.
            pub(super) fn validated(raw: &RawLimits, report: &mut Report<'_>) -> Self {
                let mut limits = Self::default();
                $(if let Field::Given(value) = &raw.$name {
                    if (*value.get_ref() < $unit::known($low)) || (*value.get_ref() > $unit::known($high)) {
                        report.error(
                            value.span(),
                            concat!("`", stringify!($name), "` must be between ", $low, " and ", $high),
                        ).hint(concat!("write a value between them, or leave it out: the default is ", $default));
                    }
                    limits.$name = (*value.get_ref()).into();
                })+
                limits
            }
        }
    };
}

limits! {
    /// Associations open at once, all peers together; further ones are answered 2/3/2 (local limit exceeded).
    associations: Count -> u32 = "1000" in "1" ..= "1000000";
    /// Associations open at once of one peer; further ones are answered 2/3/2.
    associations_per_peer: Count -> u32 = "100" in "1" ..= "1000000";
    /// Connections of one address whose caller is not identified yet; further ones are closed.
    connections_per_address: Count -> u32 = "256" in "1" ..= "1000000";
    /// Connections whose caller is not identified yet, all addresses together; further ones are closed.
    unidentified: Count -> u32 = "1024" in "1" ..= "1000000";
    /// From accepting a connection to the end of the PROXY header.
    proxy_header: Span -> Duration = "5s" in "100ms" ..= "60s";
    /// From the first byte to the end of the TLS handshake.
    tls_handshake: Span -> Duration = "10s" in "1s" ..= "120s";
    /// TLS sessions kept for resumption; 0 turns it off.
    tls_sessions: Count -> u32 = "4096" in "0" ..= "1000000";
    /// How long a TLS session may be resumed.
    tls_session_age: Span -> Duration = "1h" in "1s" ..= "1h";
    /// ARTIM (PS3.8 9.1.5): wait for an association request, and for the caller to close.
    artim: Span -> Duration = "30s" in "1s" ..= "10m";
    /// From an association request to its answer, dialling the archive included.
    association_answer: Span -> Duration = "10s" in "1s" ..= "120s";
    /// An association without a message.
    idle: Span -> Duration = "60m" in "1s" ..= "24h";
    /// A response that does not come, unless the archive has its own `response_timeout`.
    dimse: Span -> Duration = "10m" in "1s" ..= "24h";
    /// From the first to the last byte of one PDU, and between two PDUs of one message.
    pdu_completion: Span -> Duration = "60s" in "1s" ..= "60m";
    /// How long associations may go on after SIGTERM.
    drain: Span -> Duration = "10m" in "0s" ..= "24h";
    /// Bytes of a refused data set that are read and dropped before the association is aborted.
    refused_drain: Size -> u64 = "64MiB" in "0B" ..= "64GiB";
    /// How long a refused data set is read and dropped before the association is aborted.
    refused_drain_time: Span -> Duration = "30s" in "0s" ..= "10m";
    /// The greatest P-DATA PDU that the gateway announces (PS3.8 D.1).
    pdu_length: Size -> u64 = "128KiB" in "4KiB" ..= "4MiB";
    /// The greatest association PDU that is read.
    association_pdu: Size -> u64 = "1MiB" in "16KiB" ..= "4MiB";
    /// The greatest command set.
    command: Size -> u64 = "64KiB" in "1KiB" ..= "64KiB";
    /// Nested sequences in a data set.
    data_set_depth: Count -> u32 = "64" in "1" ..= "1024";
    /// Elements in a data set, nested ones included.
    data_set_elements: Count -> u64 = "10000000" in "1000" ..= "1000000000";
    /// How many times longer a deflated data set may become.
    deflate_ratio: Count -> u32 = "200" in "10" ..= "1100";
    /// Leading bytes of a data set that are held back until the decision.
    inspect: Size -> u64 = "1MiB" in "4KiB" ..= "16MiB";
    /// Size of one read buffer; one is taken while a connection has something to read.
    buffer: Size -> u64 = "64KiB" in "8KiB" ..= "1MiB";
    /// Read buffers kept for reuse.
    buffers: Count -> u32 = "256" in "0" ..= "65536";
    /// Associations and operations under way, each with room kept for its closing audit record; further ones are refused with a transient code.
    audit_rooms: Count -> u32 = "65536" in "64" ..= "4000000";
    /// Refusals of unknown callers that get a record and a log line of their own, a second; further ones are counted in one record a second.
    refusals_recorded: Count -> u32 = "50" in "1" ..= "100000";
    /// How many of these may come at once.
    refusals_burst: Count -> u32 = "200" in "1" ..= "100000";
    /// Addresses told apart in such a record; further ones are counted by listener and cause alone.
    refusals_addresses: Count -> u32 = "256" in "16" ..= "4096";
    /// How often a requester hears "pending" while deliveries of its move are waited for.
    move_pending: Span -> Duration = "5s" in "1s" ..= "60s";
    /// How long the final response of a move waits for the next delivery that the archive has counted.
    delivery_wait: Span -> Duration = "30s" in "1s" ..= "60m";
    /// How long deliveries may still come after the final response of a move.
    grant_grace: Span -> Duration = "60s" in "0s" ..= "60m";
    /// Instances of one move whose deliveries are told apart; those beyond are counted by the archive alone.
    move_instances: Count -> u32 = "100000" in "1000" ..= "10000000";
    /// What moves under way, and those that are over and not forgotten, may ask for together: lists of UIDs can be long.
    move_scopes: Size -> u64 = "256MiB" in "1MiB" ..= "16GiB";
    /// The greatest report of storage commitment, or identifier of a C-MOVE whose deliveries the gateway carries.
    commit_report_size: Size -> u64 = "16MiB" in "64KiB" ..= "64MiB";
    /// Answers that one lookup at an archive may have; where there are more, what it was for is refused with a transient status.
    lookup_answers: Count -> u32 = "10000" in "10" ..= "1000000";
    /// Patients that `where_patient` lets somebody see; where there are more, a list that depends on it is refused with a transient status.
    narrow_patients: Count -> u32 = "10000" in "10" ..= "1000000";
    /// The greatest answer to a query of which only part may be seen.
    narrow_answer: Size -> u64 = "256KiB" in "16KiB" ..= "16MiB";
    /// Sequences and items of defined length are held so far while `hide_in_objects` looks into them; longer ones go on with undefined length, and objects with longer ones that do not say what they are (UN) are refused.
    hide_held: Size -> u64 = "64KiB" in "4KiB" ..= "16MiB";
    /// Answers that may be seen and are held back until their budgets have been asked; then the archive waits.
    narrow_batch: Count -> u32 = "64" in "1" ..= "4096";
    /// Studies that the gateway remembers from lookups, those that are not there included; 0 turns it off.
    study_cache: Count -> u32 = "10000" in "0" ..= "1000000";
    /// How long it remembers a study; until then it may show what an archive has changed since.
    study_cache_age: Span -> Duration = "60s" in "0s" ..= "1h";
    /// How long commitments and undelivered reports are kept.
    commit_keep: Span -> Duration = "30d" in "1h" ..= "365d";
    /// When a report that could not be delivered is tried again; doubled after each failure, up to one hour.
    commit_retry: Span -> Duration = "1m" in "1s" ..= "1h";
    /// How long the state may take to answer.
    state_answer: Span -> Duration = "5s" in "100ms" ..= "60s";
    /// Undelivered commitment reports that are kept; further ones are refused with a transient status.
    commit_reports: Count -> u32 = "100000" in "100" ..= "10000000";
    /// The greatest token that a caller may show.
    token: Size -> u64 = "16KiB" in "1KiB" ..= "64KiB";
    /// Roles of one person; who has more is refused.
    user_roles: Count -> u32 = "256" in "1" ..= "4096";
    /// Values of one claim or attribute of a person; who has more is refused.
    user_values: Count -> u32 = "64" in "1" ..= "1024";
    /// The greatest answer of an identity provider.
    provider_answer: Size -> u64 = "1MiB" in "16KiB" ..= "16MiB";
    /// How long an identity provider or directory may take to answer, connecting included.
    provider_wait: Span -> Duration = "5s" in "100ms" ..= "60s";
    /// Keys of one identity provider; those beyond are not taken.
    provider_keys: Count -> u32 = "64" in "1" ..= "1024";
    /// Wrong passcodes of one name in a row that lock it, whether or not there is such an account.
    lockout_failures: Count -> u32 = "5" in "1" ..= "1000";
    /// How long a name is locked the first time; doubled after each further wrong passcode.
    lockout_first: Span -> Duration = "30s" in "1s" ..= "1h";
    /// How long a name is locked at most.
    lockout_longest: Span -> Duration = "15m" in "1s" ..= "24h";
    /// Names whose wrong passcodes are counted apart; of more, those that were tried least are forgotten.
    lockout_names: Count -> u32 = "100000" in "100" ..= "10000000";
    /// Passcodes of local accounts that are checked at once; each check takes a processor and 19 MiB or more. Taken at start.
    password_checks: Count -> u32 = "2" in "1" ..= "1024";
    /// Passcodes of local accounts that wait to be checked; further ones are answered with a transient code. Taken at start.
    password_checks_waiting: Count -> u32 = "64" in "0" ..= "65536";
    /// User identities that are being checked at once; further ones are answered with a transient code. Taken at start.
    identity_checks: Count -> u32 = "256" in "1" ..= "65536";
    /// Connections to the directory at once; further people wait.
    ldap_connections: Count -> u32 = "8" in "1" ..= "1024";
    /// The greatest answer of the directory to one person's login, all of it together.
    ldap_answer: Size -> u64 = "1MiB" in "16KiB" ..= "64MiB";
    /// What of an object stands before its first bulk value and is held back while it is sealed; longer ones are refused.
    seal_header: Size -> u64 = "32MiB" in "64KiB" ..= "1GiB";
    /// Sealed objects whose Pixel Data is not longer are verified whole before their first byte goes out.
    open_whole: Size -> u64 = "64MiB" in "0B" ..= "64GiB";
    /// Images that have at most so many bytes of pixels when they are decoded for their receiver are decoded whole before their first byte goes out.
    decode_whole: Size -> u64 = "512MiB" in "0B" ..= "64GiB";
    /// How many more associations one association of an archive may open with its destination, for objects that fit nothing which that has accepted; 0: none.
    further_associations: Count -> u32 = "8" in "0" ..= "64";
    /// What the spool keeps of one object in memory; the rest lies on disk, encrypted.
    spool_memory: Size -> u64 = "8MiB" in "64KiB" ..= "1GiB";
    /// What the spool keeps of all objects in memory; then everything lies on disk.
    spool_memory_all: Size -> u64 = "256MiB" in "64KiB" ..= "64GiB";
    /// What the spool may keep on disk; then what would need more is refused.
    spool_disk: Size -> u64 = "16GiB" in "1MiB" ..= "65536GiB";
    /// Connections to the admin address.
    admin_connections: Count -> u32 = "64" in "1" ..= "10000";
}
