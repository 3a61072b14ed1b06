//! A PKCS#12 file that Java reads as a trust store.
//!
//! Nothing in it is secret, so nothing is encrypted and there is no MAC: one
//! `SafeContents` of plain `Data` (RFC 7292, 4.1) with one certificate bag. Java
//! takes a certificate without a key as trusted only if its bag carries Oracle's
//! attribute for trusted key usage (JDK 8 and later, `sun.security.pkcs12.PKCS12KeyStore`);
//! encryption and MAC are optional there, so any password or none opens it.

use yasna::DERWriter;
use yasna::models::ObjectIdentifier;

/// PKCS#7 data.
const DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 1];
/// A bag with a certificate.
const CERT_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 3];
/// An X.509 certificate within such a bag.
const X509: &[u64] = &[1, 2, 840, 113_549, 1, 9, 22, 1];
/// The alias.
const FRIENDLY_NAME: &[u64] = &[1, 2, 840, 113_549, 1, 9, 20];
/// Oracle's attribute; its value says for which purposes.
const TRUSTED_KEY_USAGE: &[u64] = &[2, 16, 840, 1, 113_894, 746_875, 1, 1];
/// Any purpose (RFC 5280, 4.2.1.12).
const ANY_USAGE: &[u64] = &[2, 5, 29, 37, 0];

/// The file's bytes, for one certificate (DER).
pub(crate) fn pkcs12(certificate: &[u8]) -> Vec<u8> {
    let bags = yasna::construct_der(|w| {
        w.write_sequence(|w| {
            w.next().write_sequence(|w| {
                oid(w.next(), CERT_BAG);
                tagged(w.next(), |w| {
                    w.write_sequence(|w| {
                        oid(w.next(), X509);
                        tagged(w.next(), |w| w.write_bytes(certificate));
                    });
                });
                w.next().write_set_of(|w| {
                    attribute(w.next(), FRIENDLY_NAME, |w| {
                        w.write_bmp_string("docker-offline");
                    });
                    attribute(w.next(), TRUSTED_KEY_USAGE, |w| oid(w, ANY_USAGE));
                });
            });
        });
    });
    let safes = yasna::construct_der(|w| {
        w.write_sequence(|w| data(w.next(), &bags));
    });
    yasna::construct_der(|w| {
        w.write_sequence(|w| {
            w.next().write_u8(3);
            data(w.next(), &safes);
        });
    })
}

/// A `ContentInfo` of plain data.
fn data(w: DERWriter<'_>, bytes: &[u8]) {
    w.write_sequence(|w| {
        oid(w.next(), DATA);
        tagged(w.next(), |w| w.write_bytes(bytes));
    });
}

fn attribute(w: DERWriter<'_>, name: &[u64], value: impl FnOnce(DERWriter<'_>)) {
    w.write_sequence(|w| {
        oid(w.next(), name);
        w.next().write_set(|w| value(w.next()));
    });
}

fn tagged(w: DERWriter<'_>, inner: impl FnOnce(DERWriter<'_>)) {
    w.write_tagged(yasna::Tag::context(0), inner);
}

fn oid(w: DERWriter<'_>, numbers: &[u64]) {
    w.write_oid(&ObjectIdentifier::from_slice(numbers));
}
