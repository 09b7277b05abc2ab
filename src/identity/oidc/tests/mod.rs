//! Tokens and providers, good and bad.
