//! The tag that `--version` adds to what is built.

use std::collections::BTreeMap;

use super::Error;
use crate::closure::Closure;
use crate::error::Failure;
use crate::project::Project;
use crate::reference::{ImageReference, InvalidReference};

/// Fails before anything is built where the version is no tag, or would give one
/// name to two images.
pub(super) fn check(project: &Project, closure: &Closure, version: &str) -> Result<(), Failure> {
    let mut names: BTreeMap<String, (&str, &ImageReference)> = BTreeMap::new();
    for service in closure.services.iter().filter(|s| s.build.is_some()) {
        let image = project.service(&service.name);
        let Some(image) = image.and_then(|s| s.image.as_ref()) else {
            continue;
        };
        let tagged = versioned(image, version)?.familiar();
        // Services may share one image; then they share its tag too.
        let (first, other) = names
            .entry(tagged.clone())
            .or_insert((&service.name, image));
        if *other != image {
            return Err(Error::VersionTaken {
                name: tagged,
                services: [(*first).to_owned(), service.name.clone()],
            }
            .into());
        }
    }
    Ok(())
}

/// The image's name with the version in place of tag and digest.
pub(super) fn versioned(
    image: &ImageReference,
    version: &str,
) -> Result<ImageReference, InvalidReference> {
    ImageReference::parse(&format!(
        "{}/{}:{version}",
        image.registry(),
        image.repository()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closure;
    use crate::project::from_config;

    #[test]
    fn a_version_takes_the_place_of_tag_and_digest() {
        let digest = format!("@sha256:{}", "0".repeat(64));
        for image in ["shop/api:latest".into(), format!("shop/api:1{digest}")] {
            let image = ImageReference::parse(&image).unwrap();
            let tagged = versioned(&image, "v1.0.0").unwrap();
            assert_eq!(tagged.familiar(), "shop/api:v1.0.0");
        }
        let image = ImageReference::parse("localhost:5000/api").unwrap();
        let tagged = versioned(&image, "v1").unwrap();
        assert_eq!(tagged.familiar(), "localhost:5000/api:v1");
        for wrong in ["v 1", "", "-1", "a:b", "a/b", &"x".repeat(129)] {
            assert!(versioned(&image, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn one_name_for_two_images_is_refused_and_a_shared_image_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let checked = |second: &str| {
            let build =
                serde_json::json!({"context": folder.path(), "dockerfile_inline": "FROM debian\n"});
            let config = serde_json::json!({"name": "p", "services": {
                "api": {"image": "shop:api", "build": build},
                "web": {"image": second, "build": build},
                "db": {"image": "shop:db"},
            }});
            let file = folder.path().join("compose.yaml");
            let project = from_config(&config.to_string(), &[file]).unwrap();
            let platform = "linux/amd64".parse().unwrap();
            let closure = closure::resolve(&project, &[], &platform).unwrap();
            check(&project, &closure, "v1").map_err(|error| error.to_string())
        };
        assert_eq!(
            checked("shop:web").unwrap_err(),
            "this version would make shop:v1 the name of two images, those of services api and web"
        );
        assert!(checked("shop:api").is_ok());
        assert!(checked("web:api").is_ok());
    }
}
