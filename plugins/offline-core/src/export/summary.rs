use std::path::PathBuf;
use std::time::Duration;

/// What an export did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Summary {
    /// The project.
    pub project: String,
    /// The services whose builds are carried.
    pub services: Vec<String>,
    /// Services that no active profile enables, and that are not carried.
    pub hidden: Vec<String>,
    /// How many images from registries are carried.
    pub images: usize,
    /// How many stages are carried.
    pub stages: usize,
    /// The bundle folder.
    pub bundle: PathBuf,
    /// Its size in bytes.
    pub bundle_bytes: u64,
    /// How many bytes of blobs are new since the last export into it.
    pub new_bytes: u64,
    /// Bytes of blobs that nothing needed any more and that were removed.
    pub removed_bytes: u64,
    /// The archive, if one was written.
    pub archive: Option<PathBuf>,
    /// Its size in bytes.
    pub archive_bytes: Option<u64>,
    /// Files that lie beside the archive so that the site can bootstrap.
    pub beside: Vec<PathBuf>,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
