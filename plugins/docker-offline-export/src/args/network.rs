//! Flags that say how the network is reached, checked before anything is done.

use std::path::PathBuf;

/// A proxy's address.
pub(super) fn proxy(text: &str) -> Result<String, String> {
    let rest = ["http://", "https://", "socks5://", "socks5h://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(host) if !host.trim_matches('/').is_empty() => Ok(text.to_owned()),
        _ => Err("a proxy is given as http://HOST:PORT, with user and password where it wants them: http://USER:PASSWORD@HOST:PORT".into()),
    }
}

/// A file with a certificate in it.
pub(super) fn ca_file(text: &str) -> Result<PathBuf, String> {
    let bytes = std::fs::read(text).map_err(|error| format!("it cannot be read: {error}"))?;
    let marker = b"-----BEGIN CERTIFICATE-----";
    if !bytes.windows(marker.len()).any(|window| window == marker) {
        return Err("it holds no certificate in PEM form; turn DER into PEM with: openssl x509 -inform der -in FILE -out FILE.pem".into());
    }
    Ok(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_proxy_or_certificate_is_refused() {
        assert!(proxy("http://proxy:3128").is_ok());
        assert!(proxy("proxy:3128").is_err());
        assert!(proxy("http://").is_err());
        assert!(ca_file("/nonexistent").is_err());
        assert!(ca_file("/proc/self/status").unwrap_err().contains("PEM"));
    }
}
