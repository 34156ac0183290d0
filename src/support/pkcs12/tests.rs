use proptest::prelude::*;

use super::*;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/pkcs12").join(name)).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_way_of_writing_a_file_holds_the_same_identity() {
    let pem = String::from_utf8(file("client.pem")).unwrap();
    for (name, password, chain) in [
        ("aes-with-chain.pfx", "päss-word", 2),
        ("triple-des.pfx", "secret", 1),
        ("rc2-40.pfx", "secret", 1),
        ("rc2-128.pfx", "secret", 1),
        ("pbes2-triple-des.pfx", "secret", 1),
        ("plain.pfx", "secret", 1),
        ("no-mac.pfx", "secret", 1),
        ("no-password.pfx", "", 1),
    ] {
        let identity = read(&file(name), password).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(identity.chain.len(), chain, "{name}");
        assert_eq!(sha256(identity.key.expose()), "41f1f883d496653e654b52717cd260a40921414776533b7c65ab6571a4a51e5d", "{name}");
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &identity.chain[0]);
        assert!(pem.replace('\n', "").contains(&text), "{name}: the certificate that belongs to the key comes first");
    }
}

#[test]
fn what_cannot_be_used_is_told_apart() {
    let error = |name: &str, password: &str| read(&file(name), password).unwrap_err();
    assert_eq!(error("aes-with-chain.pfx", "another"), Pkcs12Error::Password);
    assert_eq!(error("triple-des.pfx", ""), Pkcs12Error::Password);
    assert_eq!(error("no-mac.pfx", "another"), Pkcs12Error::Password);
    assert_eq!(error("no-password.pfx", "secret"), Pkcs12Error::Password);
    assert_eq!(error("no-key.pfx", "secret"), Pkcs12Error::NoKey);
    assert_eq!(error("no-certificate.pfx", "secret"), Pkcs12Error::NoCertificate);
    assert_eq!(error("client.pem", "secret"), Pkcs12Error::Malformed);
    assert_eq!(read(&[], "").unwrap_err(), Pkcs12Error::Malformed);
}

proptest! {
    /// Without a MAC every byte of a file is looked at.
    #[test]
    fn broken_files_are_refused_without_harm(place in 0_usize..900, byte: u8, cut in 0_usize..1000) {
        let mut data = file("no-mac.pfx");
        if let Some(own) = data.get_mut(place) {
            *own = byte;
        }
        data.truncate(cut.max(place));
        let _ = read(&data, "secret");
    }
}
