//! Files that cannot be used: each fault names the file and says what to do.

use crate::world::{Odd, World, now};
use dicomgate::pki::{PkiFault, TlsFiles, TlsMaterial, Warning};

fn faults(files: &TlsFiles) -> String {
    let faults = TlsMaterial::load(files, now()).unwrap_err();
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

#[test]
fn all_faults_are_told_at_once() {
    let world = World::new();
    let files = TlsFiles {
        certificate: world.path("ct1.crt"),
        client_ca: Some(world.path("ct1.crt")),
        crl: Some(world.path("gone.crl")),
        ..world.files()
    };
    let told = faults(&files);
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(told.contains("gateway.key` does not belong to the first certificate in"), "{told}");
    assert!(told.contains("`CN=ct1` is not a CA") && told.contains("sha256:"), "{told}");
    assert!(told.contains("gone.crl` cannot be read: there is no such file"), "{told}");
}

#[test]
fn what_is_no_certificate_key_or_list_is_named() {
    let world = World::new();
    let text = world.write("text.pem", "hello\n");
    for (files, wanted) in [
        (TlsFiles { certificate: text.clone(), ..world.files() }, "no usable certificate"),
        (TlsFiles { private_key: text.clone(), ..world.files() }, "no usable private key"),
        (TlsFiles { client_ca: Some(text.clone()), ..world.files() }, "no usable certificate"),
        (TlsFiles { crl: Some(text.clone()), ..world.files() }, "no usable revocation list"),
        (TlsFiles { certificate: world.path("gateway.key"), ..world.files() }, "no usable certificate"),
    ] {
        assert!(faults(&files).contains(wanted), "{}", faults(&files));
    }
    world.openssl("pkey -in gateway.key -aes256 -passout pass:x -out locked.key");
    let locked = faults(&TlsFiles { private_key: world.path("locked.key"), ..world.files() });
    assert!(locked.contains("it is encrypted"), "{locked}");
}

#[test]
fn a_chain_goes_from_the_leaf_upwards() {
    let world = World::new();
    world.write("right.crt", &(world.read("gateway.crt") + &world.read("ca.crt")));
    world.write("wrong.crt", &(world.read("gateway.crt") + &world.read("ct1.crt")));
    let with = |file: &str| TlsMaterial::load(&TlsFiles { certificate: world.path(file), ..world.files() }, now());
    assert_eq!(with("right.crt").unwrap().identity.cert.len(), 2);
    assert!(matches!(with("wrong.crt").unwrap_err()[..], [PkiFault::ChainOrder { position: 2, .. }]));
}

#[cfg(unix)]
#[test]
fn open_keys_and_near_ends_are_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let mode = |file: &str| std::fs::metadata(world.path(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("ca.key"), mode("gateway.key"), mode("gateway.crt")), (0o600, 0o600, 0o644));
    assert_eq!(TlsMaterial::load(&world.files(), now()).unwrap().warnings, []);
    world.odd("near", Some("ca"), &Odd::new());
    std::fs::set_permissions(world.path("near.key"), PermissionsExt::from_mode(0o640)).unwrap();
    let (certificate, private_key) = (world.path("near.crt"), world.path("near.key"));
    let files = TlsFiles { certificate, private_key: private_key.clone(), ..world.files() };
    let warnings = TlsMaterial::load(&files, now()).unwrap().warnings;
    assert!(matches!(&warnings[..], [Warning::ExposedKey(file), Warning::Ends { .. }] if *file == private_key));
}
