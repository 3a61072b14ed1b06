//! The throw-away certificate authority that the build's tools trust for one run.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Error;
use crate::log::lock;

/// The subject of every authority; its key tells one from another.
const NAME: &str = "docker-offline network replay (throw-away)";
/// From the first day that a machine without a clock starts with, to long after all
/// that was carried is of use: no clock of a site or of one of its steps is wrong for
/// these. No tool of a build minds how long a server's certificate lasts; browsers and
/// the systems of phones do. Years from 2050 on are written in another form (RFC 5280,
/// 4.1.2.5), which all read.
const YEARS: (i32, i32) = (1970, 2120);
/// Certificates at hand at once; a build asks some dozen hosts.
const MOST_LEAVES: usize = 2_000;

/// A certificate authority that lives as long as one recording or replay.
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
    leaf_key: KeyPair,
    leaves: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A fresh authority, valid under any clock.
    pub fn new() -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(|e| failed(&e))?;
        let params = params();
        let certificate_pem = params.self_signed(&key).map_err(|e| failed(&e))?.pem();
        Self::made(certificate_pem, key)
    }

    /// One that was kept by [`Self::certificate_pem`] and [`Self::key_pem`].
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, Error> {
        CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|e| failed(&e))?;
        let key = KeyPair::from_pem(key).map_err(|e| failed(&e))?;
        Self::made(certificate.to_owned(), key)
    }

    fn made(certificate_pem: String, key: KeyPair) -> Result<Self, Error> {
        Ok(Self {
            certificate_pem,
            // Only names and key identifiers matter here, and both are constant.
            issuer: Issuer::new(params(), key),
            leaf_key: KeyPair::generate().map_err(|e| failed(&e))?,
            leaves: Mutex::default(),
        })
    }

    /// What tools are told to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key; for a replay that stays, never for a bundle.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A trust store for Java (PKCS#12) that holds only this authority; it needs
    /// no password.
    pub fn trust_store(&self) -> Result<Vec<u8>, Error> {
        let der = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes());
        Ok(crate::trust_store::pkcs12(&der.map_err(|e| failed(&e))?))
    }

    /// What a TLS server needs to be taken for this host.
    pub(crate) fn server(&self, host: &str) -> Result<Arc<ServerConfig>, Error> {
        if let Some(config) = lock(&self.leaves).get(host) {
            return Ok(config.clone());
        }
        let config = Arc::new(self.server_config(host)?);
        let mut leaves = lock(&self.leaves);
        if leaves.len() >= MOST_LEAVES {
            leaves.clear();
        }
        leaves.insert(host.to_owned(), config.clone());
        Ok(config)
    }

    fn server_config(&self, host: &str) -> Result<ServerConfig, Error> {
        let mut leaf = CertificateParams::default();
        leaf.not_before = date_time_ymd(YEARS.0, 1, 1);
        leaf.not_after = date_time_ymd(YEARS.1, 1, 1);
        leaf.distinguished_name = DistinguishedName::new();
        // X.520 allows a common name 64 characters, and names need not be there.
        if host.len() <= 64 {
            leaf.distinguished_name.push(DnType::CommonName, host);
        }
        let name = |name: &str| Ia5String::try_from(name).map(SanType::DnsName);
        leaf.subject_alt_names = match host.parse::<IpAddr>() {
            // npm (11, seen with node 20) compares the certificate of an IP address
            // behind a proxy with this name.
            Ok(ip) => vec![
                SanType::IpAddress(ip),
                name("localhost").map_err(|e| failed(&e))?,
            ],
            Err(_) => vec![name(host).map_err(|e| failed(&e))?],
        };
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let certificate = leaf
            .signed_by(&self.leaf_key, &self.issuer)
            .map_err(|e| failed(&e))?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|b| {
                b.with_no_client_auth()
                    .with_single_cert(vec![certificate.into()], key)
            })
            .map_err(|e| failed(&e))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(YEARS.0, 1, 1);
    params.not_after = date_time_ymd(YEARS.1, 1, 1);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Python 3.13 checks chains strictly and wants the identifiers (RFC 5280, 4.2.1.1).
    params.use_authority_key_identifier_extension = true;
    params
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Authority {
        message: error.to_string(),
    }
}
