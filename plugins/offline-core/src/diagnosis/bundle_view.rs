use std::path::Path;

use crate::error::Failure;

/// What diagnosis asks of a bundle.
pub trait BundleView {
    /// The bundle's folder or archive.
    fn place(&self) -> &Path;

    /// The platform that it was exported for, such as `linux/amd64`; `None`
    /// where the bundle does not say.
    fn platform(&self) -> Option<String>;

    /// The images that must be in the engine before a build, normalised:
    /// everything but stage images.
    fn images(&self) -> Vec<String>;

    /// Reads every byte and compares it with its digest.
    fn verify(&self) -> Result<(), Failure>;
}
