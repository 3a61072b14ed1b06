//! What a site keeps in the folder of its bundle, besides the bundle.

use std::path::{Path, PathBuf};

use crate::closure::{BuildClosure, Closure};
use crate::project::{BuildContext, DockerfileSource, existing_dockerfile};

/// Where all that is generated for this site lies.
pub(crate) const SITE_FOLDER: &str = ".site";

/// In it: what ADD has fetched, and the copies of Dockerfiles that read it.
pub(crate) const FETCHED_ON_SITE: &str = "fetched";

/// Where a replay service keeps what it needs, as long as it stays.
pub(crate) const STAY_FOLDER: &str = ".stay";

/// Whether a replay service stays for this bundle.
fn stays_in(bundle: &Path) -> bool {
    bundle.join(STAY_FOLDER).is_dir()
}

/// Where the copies of Dockerfiles lie that fetch by ADD: service, build and file.
pub(crate) fn copied_dockerfiles<'a>(
    closure: &'a Closure,
    folder: &Path,
) -> Vec<(String, &'a BuildClosure, PathBuf)> {
    let names = closure.fetched_services().into_iter().enumerate();
    let place = |(number, name): (usize, String)| {
        let build = closure.service(&name)?.build.as_ref()?;
        let own = folder.join("dockerfiles").join(number.to_string());
        let original = original_dockerfile(build);
        let file = original.as_deref().and_then(Path::file_name);
        Some((name, build, own.join(file.unwrap_or("Dockerfile".as_ref()))))
    };
    names.filter_map(place).collect()
}

/// The services of which Compose builds from a copy that is not what their Dockerfile
/// would give now; none while a replay service stays, which follows them.
pub(crate) fn stale_copies(closure: &Closure, bundle: &Path) -> Vec<String> {
    if stays_in(bundle) {
        return Vec::new();
    }
    let folder = bundle.join(SITE_FOLDER).join(FETCHED_ON_SITE);
    let stale = |(name, build, path): (String, &BuildClosure, PathBuf)| {
        let text = std::fs::read_to_string(path).ok()?;
        (text != build.named_dockerfile).then_some(name)
    };
    let all = copied_dockerfiles(closure, &folder).into_iter();
    all.filter_map(stale).collect()
}

/// The file that a copy stands for; `None` for one within the Compose file.
pub(crate) fn original_dockerfile(build: &BuildClosure) -> Option<PathBuf> {
    match (&build.dockerfile, &build.context) {
        (DockerfileSource::File(path), BuildContext::Directory(_)) => {
            Some(existing_dockerfile(path).unwrap_or_else(|| path.clone()))
        }
        _ => None,
    }
}
