//! The one choice of TLS algorithms: PS3.15 B.12, which is BCP 195 (RFC 8996, RFC 9325).

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use std::sync::{Arc, LazyLock};

/// TLS 1.3 first, TLS 1.2 for devices that know no better; nothing older (RFC 8996).
pub static VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// The ALPN identifier of DICOM in the IANA registry.
pub const ALPN_DICOM: &[u8] = b"dicom";

/// AES-256-GCM first: with AES instructions it costs about what AES-128 costs, and one strength holds everywhere.
/// ChaCha20-Poly1305 is for callers that offer nothing else; the CBC, CCM and DHE suites of older DICOM profiles are not
/// there.
macro_rules! suites {
    ($library:ident) => {{
        use rustls::crypto::$library::cipher_suite;
        vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ]
    }};
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider {
        cipher_suites: if ring_is_faster() { suites!(ring) } else { suites!(aws_lc_rs) },
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1],
        ..aws_lc_rs::default_provider()
    })
});

/// Whether AES-GCM of ring takes less time here than that of AWS-LC: both know the wide AES instructions of AVX-512, and ring
/// those of AVX2 too (docs/decisions/020-tls-choices.md).
fn ring_is_faster() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let wide = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
        has!("avx2") && has!("vaes") && has!("vpclmulqdq") && !wide
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The cryptography of every connection: one provider, shared.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}
