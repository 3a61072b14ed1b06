//! Manifests and indexes, as a registry serves them.

use reqwest::Method;
use reqwest::header::HeaderName;

use super::connection::{Ask, Connection, chain};
use super::endpoint::Endpoint;
use super::fetch::Fetch;
use super::retry::Failed;
use crate::layout::{Descriptor, Digest, media_type};

const MANIFEST_LIMIT: usize = 8 << 20;
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Fetch<'_> {
    /// What the reference names, in the layout.
    pub(super) fn root(
        &self,
        connection: &Connection,
        attempts: u32,
        new_bytes: &mut u64,
    ) -> Result<Descriptor, Failed> {
        let endpoint = &connection.endpoint;
        let pin: Option<Digest> = match self.reference.digest() {
            Some(text) => Some(text.parse()?),
            None => None,
        };
        let known = match pin {
            Some(pin) => Some(pin),
            None => self.head(connection, attempts)?,
        };
        if let Some(digest) = known.filter(|d| self.layout.has_blob(d, None))
            && let Ok(bytes) = self.layout.read_blob(&digest)
        {
            return self.describe(endpoint, &bytes, None);
        }
        let object = known.map_or_else(
            || self.reference.tag().unwrap_or("latest").to_owned(),
            |digest| digest.to_string(),
        );
        let (bytes, content_type) = self.manifest_bytes(connection, attempts, &object)?;
        let descriptor = self.describe(endpoint, &bytes, content_type)?;
        *new_bytes += self.keep(endpoint, &bytes, known.as_ref())?;
        Ok(descriptor)
    }

    pub(super) fn head(
        &self,
        connection: &Connection,
        attempts: u32,
    ) -> Result<Option<Digest>, Failed> {
        let tag = self.reference.tag().unwrap_or("latest");
        let name = self.reference.digest().unwrap_or(tag);
        let response = self.ask(connection, attempts, Method::HEAD, name, async |response| {
            Ok(response
                .headers()
                .get(CONTENT_DIGEST)
                .and_then(|value| value.to_str().ok()?.parse().ok()))
        });
        match response {
            // Some registries do not take HEAD; the tag's manifest is read then.
            Err(Failed::Denied(words)) if words.starts_with("405") => Ok(None),
            other => other,
        }
    }

    pub(super) fn manifest_bytes(
        &self,
        connection: &Connection,
        attempts: u32,
        object: &str,
    ) -> Result<(Vec<u8>, Option<String>), Failed> {
        self.ask(
            connection,
            attempts,
            Method::GET,
            object,
            async |mut response| {
                let content_type = response
                    .headers()
                    .get(reqwest::header::CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok())
                    .map(|text| text.split(';').next().unwrap_or(text).trim().to_owned());
                let mut bytes = Vec::new();
                loop {
                    match response.chunk().await {
                        Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                        Ok(None) => return Ok((bytes, content_type)),
                        Err(error) => return Err(Failed::passing(chain(&error))),
                    }
                    if bytes.len() > MANIFEST_LIMIT {
                        return Err(self.unusable(
                            &connection.endpoint,
                            format!("its manifest has more than {MANIFEST_LIMIT} bytes"),
                        ));
                    }
                }
            },
        )
    }

    fn ask<T>(
        &self,
        connection: &Connection,
        attempts: u32,
        method: Method,
        object: &str,
        read: impl AsyncFn(reqwest::Response) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let accept = [
            media_type::OCI_INDEX,
            media_type::DOCKER_LIST,
            media_type::OCI_MANIFEST,
            media_type::DOCKER_MANIFEST,
        ]
        .join(", ");
        let ask = Ask {
            method,
            repository: self.reference.repository(),
            kind: "manifests",
            object,
            accept: Some(&accept),
            from: 0,
        };
        let mut retry = self.retry(attempts);
        self.registry.runtime.block_on(async {
            loop {
                let outcome = match connection.send(&ask).await {
                    Ok(response) => read(response).await,
                    Err(failed) => Err(failed),
                };
                match outcome {
                    Ok(value) => return Ok(value),
                    Err(failed) => retry.next(failed).await?,
                }
            }
        })
    }

    /// Writes a manifest as it was served, if its bytes are the expected ones.
    pub(super) fn keep(
        &self,
        endpoint: &Endpoint,
        bytes: &[u8],
        expected: Option<&Digest>,
    ) -> Result<u64, Failed> {
        let actual = Digest::of(bytes);
        if let Some(expected) = expected.filter(|e| **e != actual) {
            return Err(self.unusable(
                endpoint,
                format!("asked for the manifest {expected}, it serves {actual}"),
            ));
        }
        let written = self.layout.write_blob(bytes)?;
        Ok(if written.new { written.size } else { 0 })
    }

    /// Finds out whether a document is an index or a manifest.
    fn describe(
        &self,
        endpoint: &Endpoint,
        bytes: &[u8],
        content_type: Option<String>,
    ) -> Result<Descriptor, Failed> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            media_type: Option<String>,
            manifests: Option<serde::de::IgnoredAny>,
            config: Option<serde::de::IgnoredAny>,
        }
        let kind: Kind = serde_json::from_slice(bytes)
            .map_err(|e| self.unusable(endpoint, format!("its manifest cannot be read ({e})")))?;
        // OCI documents may leave their own media type out; then their form says
        // what they are, and the header which dialect it is.
        let media_type = match (kind.media_type.clone().or(content_type), &kind) {
            (Some(text), _) if media_type::is_index(&text) || media_type::is_manifest(&text) => {
                text
            }
            (
                None | Some(_),
                Kind {
                    manifests: Some(_), ..
                },
            ) => media_type::OCI_INDEX.into(),
            (
                None | Some(_),
                Kind {
                    config: Some(_), ..
                },
            ) => media_type::OCI_MANIFEST.into(),
            (other, _) => {
                return Err(self.unusable(
                    endpoint,
                    format!("{} is no image", other.unwrap_or_else(|| "this".into())),
                ));
            }
        };
        Ok(Descriptor::new(
            media_type,
            Digest::of(bytes),
            bytes.len() as u64,
        ))
    }
}
