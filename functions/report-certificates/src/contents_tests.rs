//! Files as they are found, made by `fixtures/make.sh` with OpenSSL.

use std::path::Path;

use super::*;

fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("fixtures/{name}: {error}; run fixtures/make.sh"))
}

/// What is in a file: names, then problems.
fn told(name: &str, password: Option<&str>) -> String {
    let contents = read(&bytes(name), password);
    let names = contents
        .certificates
        .iter()
        .map(|known| known.name().to_owned());
    let problems = contents
        .problems
        .iter()
        .map(|problem| format!("! {problem}"));
    names.chain(problems).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_certificate_of_a_bundle_is_read_in_its_order() {
    assert_eq!(
        told("bundle.pem", None),
        "www.example.test\nExample Intermediate\nExample Root"
    );
}

#[test]
fn der_and_openssl_s_trusted_certificates_are_the_same_as_pem() {
    let pem = read(&bytes("server.pem"), None);
    assert_eq!(read(&bytes("server.der"), None), pem);
    // A trusted certificate has more behind it, which is not part of who it is.
    assert_eq!(
        read(&bytes("trusted.pem"), None),
        read(&bytes("root.pem"), None)
    );
}

#[test]
fn pkcs12_is_read_in_each_of_its_ciphers() {
    assert_eq!(
        told("aes.p12", Some("secret")),
        "www.example.test\nExample Intermediate"
    );
    assert_eq!(told("3des.p12", Some("secret")), "www.example.test");
    assert_eq!(told("plain.p12", Some("secret")), "www.example.test");
    assert_eq!(told("no-password.p12", None), "Example Root");
}

#[test]
fn pkcs12_without_its_password_says_what_to_do() {
    let told_without = told("aes.p12", None);
    assert!(
        told_without.starts_with(
            "! it is a PKCS#12 file that needs a password; give its password: `file_passwords"
        ),
        "{told_without}"
    );
    let told_wrong = told("aes.p12", Some("wrong"));
    assert!(
        told_wrong.starts_with("! it is a PKCS#12 file that its configured password does not open"),
        "{told_wrong}"
    );
}

#[test]
fn what_is_no_certificate_is_told_and_spoils_no_other() {
    assert_eq!(read(b"", None).problems, ["it is empty"]);
    assert_eq!(
        read(b"hello", None).problems,
        ["it is neither PEM nor DER nor PKCS#12"]
    );
    assert_eq!(
        read(&[0xfe, 0xed, 0xfe, 0xed, 0, 0], None).problems.len(),
        1
    );
    assert!(told("server.p7b", None).contains("PKCS#7"));
    let server = String::from_utf8(bytes("server.pem")).expect("PEM is text");
    let broken = format!(
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n{server}-----BEGIN CERTIFICATE-----\nMIIB"
    );
    let contents = read(broken.as_bytes(), None);
    assert_eq!(contents.certificates.len(), 1);
    assert_eq!(contents.problems.len(), 2, "{:?}", contents.problems);
}

#[test]
fn a_private_key_is_no_problem_and_no_certificate() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
    assert_eq!(read(key.as_bytes(), None), Contents::default());
}

#[test]
fn no_cut_of_a_file_is_read_as_a_whole_and_no_bent_one_panics() {
    for name in ["server.der", "aes.p12", "plain.p12"] {
        let whole = bytes(name);
        for length in (0..whole.len()).step_by(7) {
            let contents = read(&whole[..length], Some("secret"));
            assert!(contents.certificates.is_empty(), "{name} cut to {length}");
            assert_eq!(contents.problems.len(), 1, "{name} cut to {length}");
        }
        for at in (0..whole.len()).step_by(11) {
            let mut bent = whole.clone();
            bent[at] ^= 0x55;
            // Whatever comes of it, it is a certificate or a problem.
            let contents = read(&bent, Some("secret"));
            assert!(
                contents != Contents::default() || name == "plain.p12",
                "{name} bent at {at}"
            );
        }
    }
}

#[test]
fn keys_and_signatures_are_judged_by_their_strength() {
    let one = |name: &str| {
        let contents = read(&bytes(name), None);
        let known = contents
            .certificates
            .first()
            .unwrap_or_else(|| panic!("{name}: {:?}", contents.problems));
        (
            known.key.clone(),
            known.weak_key.is_some(),
            known.signature.clone(),
            known.weak_signature,
        )
    };
    for (name, key, is_weak, signature, hash) in [
        ("server.pem", "EC P-256", false, "ecdsa-with-SHA256", None),
        ("rsa-1024.pem", "RSA 1024", true, "ecdsa-with-SHA256", None),
        ("rsa-3072.pem", "RSA 3072", false, "ecdsa-with-SHA256", None),
        (
            "sha1.pem",
            "RSA 2048",
            false,
            "ecdsa-with-SHA1",
            Some("SHA-1"),
        ),
        ("p-192.pem", "EC P-192", true, "ecdsa-with-SHA256", None),
        ("ed25519.pem", "Ed25519", false, "ecdsa-with-SHA256", None),
        ("pss.pem", "RSA-PSS 2048", false, "ecdsa-with-SHA256", None),
        (
            "self-signed.pem",
            "RSA 2048",
            false,
            "sha1WithRSAEncryption",
            Some("SHA-1"),
        ),
    ] {
        assert_eq!(
            one(name),
            (key.to_owned(), is_weak, signature.to_owned(), hash),
            "{name}"
        );
    }
}

#[test]
fn a_certificate_is_read_to_its_last_fact() {
    let contents = read(&bytes("server.pem"), None);
    let known = &contents.certificates[0];
    assert_eq!(known.dns_names, ["www.example.test", "*.api.example.test"]);
    assert_eq!(known.ip_addresses.len(), 2);
    assert_eq!(known.not_after.to_rfc3339(), "2025-12-31T23:59:59+00:00");
    assert!(
        known.is_for("192.0.2.1")
            && known.is_for("2001:db8::1")
            && known.is_for("x.api.example.test")
    );
    assert!(!known.is_for("192.0.2.2") && !known.is_for("api.example.test"));
    assert!(!known.is_ca && !known.is_self_signed);
    let forever = read(&bytes("year-9999.pem"), None);
    assert_eq!(
        forever.certificates[0].not_after.to_rfc3339(),
        "9999-12-31T23:59:59+00:00"
    );
    let root = read(&bytes("root.pem"), None);
    assert!(root.certificates[0].is_ca && root.certificates[0].is_self_signed);
}
