//! Certificates in the form that every Java reads: a JKS key store.
//!
//! The form is that of `sun.security.provider.JavaKeyStore` (`engineStore`):
//! numbers big-endian, texts with a length of 16 bits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Java's customary password, which protects nothing here: everything in the
/// store is public. With a password Java compares the digest at the end.
pub(super) const PASSWORD: &str = "changeit";

const MAGIC: u32 = 0xFEED_FEED;
const VERSION: u32 = 2;
const TRUSTED_CERTIFICATE: u32 = 2;

/// A store that trusts every certificate of a PEM text. What is no certificate
/// is left out.
pub(super) fn of_pem(pem: &str) -> Vec<u8> {
    let certificates = certificates(pem);
    let mut store = Vec::new();
    let number = |store: &mut Vec<u8>, value: u32| store.extend(value.to_be_bytes());
    number(&mut store, MAGIC);
    number(&mut store, VERSION);
    number(
        &mut store,
        u32::try_from(certificates.len()).unwrap_or(u32::MAX),
    );
    for (position, certificate) in certificates.iter().enumerate() {
        number(&mut store, TRUSTED_CERTIFICATE);
        text(&mut store, &format!("docker-offline-{position}"));
        // Time of creation; nothing looks at it.
        store.extend(0_u64.to_be_bytes());
        text(&mut store, "X.509");
        number(
            &mut store,
            u32::try_from(certificate.len()).unwrap_or(u32::MAX),
        );
        store.extend(certificate);
    }
    let mut keyed: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    keyed.extend(b"Mighty Aphrodite");
    keyed.extend(&store);
    store.extend(sha1(&keyed));
    store
}

fn text(store: &mut Vec<u8>, value: &str) {
    store.extend(u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
    store.extend(value.as_bytes());
}

fn certificates(pem: &str) -> Vec<Vec<u8>> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = blocks.filter_map(|rest| rest.split("-----END").next());
    bodies
        .filter_map(|body| {
            let body: String = body.split_whitespace().collect();
            STANDARD.decode(body).ok()
        })
        .collect()
}

/// What the format prescribes; it guards nothing here.
fn sha1(bytes: &[u8]) -> [u8; 20] {
    use sha1::Digest as _;
    sha1::Sha1::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_one_entry_for_each_certificate() {
        let pem = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\nand\n-----BEGIN CERTIFICATE-----\r\nBAU=\r\n-----END CERTIFICATE-----\n";
        let store = of_pem(pem);
        assert_eq!(
            store[..12],
            hex::decode("feedfeed0000000200000002").unwrap()
        );
        assert!(store.windows(7).any(|w| w == [0, 0, 0, 3, 1, 2, 3]));
        assert!(store.windows(6).any(|w| w == [0, 0, 0, 2, 4, 5]));
        assert_eq!(of_pem("nothing").len(), 12 + 20);
    }
}
