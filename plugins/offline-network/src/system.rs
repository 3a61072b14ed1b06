//! The authorities that this machine trusts, for a recorder that runs elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// All of them in PEM form, as the recorder itself would find them here
/// (`SSL_CERT_FILE` is honoured).
pub fn system_certificates() -> String {
    let found = rustls_native_certs::load_native_certs();
    found.certs.iter().map(|one| pem(one)).collect()
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem += line;
        pem.push('\n');
        rest = more;
    }
    pem + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::Authority;

    #[test]
    fn what_is_written_is_what_was_read() {
        let authority = Authority::new().unwrap();
        let der = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes());
        let der = der.unwrap();
        let again = CertificateDer::from_pem_slice(pem(&der).as_bytes()).unwrap();
        assert_eq!(again, der);
    }
}
