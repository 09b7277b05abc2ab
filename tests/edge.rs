//! A chain of gateways: a device that speaks plain DICOM, the gateway that `dicomgate edge new` makes for it, the main
//! gateway, and an archive. Everything over real sockets; the small gateway runs on what the command wrote, untouched.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

#[path = "edge/back.rs"]
mod back;
#[path = "edge/chain.rs"]
mod chain;
#[path = "edge/incidents.rs"]
mod incidents;
