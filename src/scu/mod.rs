//! The gateway as a service class user of its own: associations that it opens for its own sake (PS3.7 annex D, 9.1).
//!
//! C-ECHO for `check`, the questionnaire of `archive probe`, reports of storage commitment that come late. It carries
//! nobody's messages and never decides: what passes between a peer and an archive is the proxy's.
