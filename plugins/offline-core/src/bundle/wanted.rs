use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{EntryKind, Error};
use crate::layout::{self, Digest};

/// The format of a request file that this version writes, and the newest it reads.
pub const WANTED_FORMAT: u32 = 1;

/// The largest file of a context whose content a request file holds, in bytes.
pub const WANTED_FILE_LIMIT: u64 = 1 << 20;

/// The most that it holds of all files, in bytes.
pub const WANTED_LIMIT: u64 = 16 << 20;

/// The largest request file that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// What a build on site asked for and the bundle's recording does not hold, and what
/// the connected side needs to ask for it: `docker offline build --wanted` writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Wanted {
    /// See [`WANTED_FORMAT`].
    pub format: u32,
    /// The version of docker-offline that wrote it.
    pub tool_version: String,
    /// When (RFC 3339, UTC).
    pub created: String,
    /// The Compose project's name.
    pub project: String,
    /// The platform of the site.
    pub platform: String,
    /// The bundle that lacks it.
    pub bundle: WantedBundle,
    /// What was asked for, in the order of asking.
    pub requests: Vec<WantedRequest>,
    /// What the services of these requests are built from here.
    pub services: Vec<WantedService>,
}

/// Which bundle it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WantedBundle {
    /// When it was exported.
    pub created: String,
    /// The version that exported it.
    pub tool_version: String,
}

/// One request that had no answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WantedRequest {
    /// The service whose build asked.
    pub service: String,
    /// The file of the step that asked, relative to the project where it lies in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The method.
    pub method: String,
    /// The URL, without credentials.
    pub url: String,
    /// What the client said it accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// Why there was no answer.
    pub why: String,
}

/// What a service is built from on site, as far as it differs from the export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WantedService {
    /// Its name.
    pub name: String,
    /// Its Dockerfile.
    pub dockerfile: WantedDockerfile,
    /// The build context, relative to the project; `None` where it lies elsewhere.
    pub context: Option<String>,
    /// What differs.
    pub files: Vec<WantedFile>,
    /// What differs and is too large to be here.
    pub omitted: Vec<OmittedFile>,
}

/// A Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WantedDockerfile {
    /// Relative to the project; `None` where the Compose file holds it, or it lies
    /// elsewhere.
    pub path: Option<String>,
    /// What it says.
    pub text: String,
}

/// One path of a build context that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WantedFile {
    /// Below the context, with slashes.
    pub path: String,
    /// What it is; `None` where it is gone.
    #[serde(default)]
    pub kind: Option<EntryKind>,
    /// Permission bits.
    #[serde(default)]
    pub mode: u32,
    /// Size in bytes of a regular file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Digest of a regular file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// The content where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The content where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// The target of a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A file whose content is not in the request file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OmittedFile {
    /// Below the context, with slashes.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Option<Digest>,
    /// Why.
    pub why: String,
}

impl Wanted {
    /// Reads a request file. It is as hostile as anything that is carried: its size is
    /// bounded, and paths are relative and stay below their folder.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let malformed = |why: String| Error::WantedMalformed {
            path: path.to_owned(),
            why,
        };
        let size = match std::fs::metadata(path) {
            Ok(found) if found.is_file() => found.len(),
            Ok(_) => return Err(malformed("it is no file".into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(malformed("there is no such file".into()));
            }
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        if size > LARGEST {
            return Err(malformed(format!(
                "it has {size} bytes; {LARGEST} are the most"
            )));
        }
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let read: Self = serde_json::from_slice(&bytes).map_err(|e| malformed(e.to_string()))?;
        if read.format == 0 {
            return Err(malformed("it names no format".into()));
        }
        if read.format > WANTED_FORMAT {
            return Err(malformed(format!(
                "it has format {}, written by docker-offline {}; this version knows up to {WANTED_FORMAT}",
                read.format,
                read.tool_version.chars().take(64).collect::<String>()
            )));
        }
        if let Some(bad) = read.paths().find(|p| !stays_below(p)) {
            return Err(malformed(format!(
                "the path {:?} is not a relative one that stays in its folder",
                bad.chars().take(200).collect::<String>()
            )));
        }
        Ok(read)
    }

    fn paths(&self) -> impl Iterator<Item = &String> {
        self.services.iter().flat_map(|service| {
            let own = [&service.dockerfile.path, &service.context];
            let files = service.files.iter().map(|f| &f.path);
            let omitted = service.omitted.iter().map(|f| &f.path);
            own.into_iter().flatten().chain(files).chain(omitted)
        })
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let malformed = |source: serde_json::Error| Error::WantedMalformed {
            path: path.to_owned(),
            why: source.to_string(),
        };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(malformed)?;
        bytes.push(b'\n');
        Ok(layout::replace_file(path, &bytes)?)
    }
}

/// Relative, with no empty part, none of `.` and `..` and no NUL; `.` alone is the
/// folder itself.
fn stays_below(path: &str) -> bool {
    path == "."
        || (!path.contains('\0')
            && path
                .split('/')
                .all(|part| !part.is_empty() && part != "." && part != ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_hostile_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wanted.json");
        let mut wanted = Wanted {
            format: WANTED_FORMAT,
            project: "p".into(),
            services: vec![WantedService {
                name: "api".into(),
                context: Some(".".into()),
                files: vec![WantedFile {
                    path: "a/b".into(),
                    kind: Some(EntryKind::File),
                    mode: 0o644,
                    size: Some(1),
                    sha256: Some(Digest::of(b"x")),
                    text: Some("x".into()),
                    base64: None,
                    link: None,
                }],
                ..WantedService::default()
            }],
            ..Wanted::default()
        };
        wanted.write(&path).unwrap();
        assert_eq!(Wanted::read(&path).unwrap(), wanted);
        for bad in ["../x", "/etc/passwd", "a//b", "a/./b", "", "a/.."] {
            wanted.services[0].files[0].path = bad.into();
            wanted.write(&path).unwrap();
            assert!(Wanted::read(&path).is_err(), "{bad}");
        }
        wanted.services.clear();
        wanted.format = WANTED_FORMAT + 1;
        wanted.write(&path).unwrap();
        assert!(Wanted::read(&path).is_err());
        std::fs::write(&path, "{}").unwrap();
        assert!(Wanted::read(&path).is_err());
    }
}
