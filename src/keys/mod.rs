//! Loading the key ring and the escrow certificates: files, environment, PKCS#11.
//!
//! It never invents a key unless asked to, never writes one that others may read, and says at start if a key that was
//! ever used is gone.
