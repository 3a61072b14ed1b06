//! The shape that scripts rely on.

use std::path::PathBuf;

use super::*;
use crate::closure::{Closure, FetchedSource, NeededImage, Role, ServiceClosure, Unbundled};
use crate::project::HiddenService;
use crate::reference::ImageReference;

fn closure() -> Closure {
    Closure {
        services: vec![ServiceClosure {
            name: "db".into(),
            image: "docker.io/library/postgres:16".into(),
            build: None,
        }],
        images: vec![NeededImage {
            reference: ImageReference::parse("postgres:16").unwrap(),
            platform: "linux/amd64".into(),
            roles: [Role::Service, Role::CopyFrom].into(),
            services: ["db".to_owned()].into(),
        }],
        fetched: vec![FetchedSource {
            id: "1a".into(),
            url: "https://me:secret@x.org/z.tgz".into(),
            name: "z.tgz".into(),
            git: false,
            keep_git_dir: false,
            unpack: false,
            chown: false,
            checksum: None,
            service: "web".into(),
            file: "/p/Dockerfile".into(),
            line: Some(4),
            written: String::new(),
        }],
        unbundled: vec![Unbundled {
            kind: "add-url",
            what: "https://x.org/y".into(),
            service: "web".into(),
            file: PathBuf::from("/p/Dockerfile"),
            line: Some(3),
        }],
        contexts: Vec::new(),
        hidden: vec![HiddenService {
            name: "debug".into(),
            profiles: vec!["dev".into()],
        }],
    }
}

#[test]
fn json_has_the_documented_keys() {
    assert_eq!(
        export_json(&closure(), &[], &[], true),
        serde_json::json!({
            "services": [{"name": "db", "image": "docker.io/library/postgres:16", "build": null}],
            "images": [{
                "ref": "docker.io/library/postgres:16", "platform": "linux/amd64",
                "roles": ["copy-from", "service"], "services": ["db"],
            }],
            "fetched": [{
                "what": "https://x.org/z.tgz", "name": "z.tgz", "service": "web",
                "file": "/p/Dockerfile", "line": 4,
            }],
            "contexts": [],
            "unbundled": [{
                "kind": "add-url", "what": "https://x.org/y", "service": "web",
                "file": "/p/Dockerfile", "line": 3,
            }],
            "carried": [],
            "packages": [],
            "finished": [],
            "hidden": [{"name": "debug", "profiles": ["dev"]}],
        })
    );
}

#[test]
fn text_is_a_table() {
    assert_eq!(
        export_text(&closure(), &[], &[], true),
        "\
Images to carry:
  docker.io/library/postgres:16  linux/amd64  copy-from, service  db

Services:
  db  docker.io/library/postgres:16  from its registry

Left out, as no active profile enables them (add --profile P or --all-profiles):
  debug  profile dev

Fetched for ADD at the export, and carried:
  /p/Dockerfile:4  https://x.org/z.tgz  web

Not images, so fetched again by any build that must repeat the step:
  /p/Dockerfile:3  add-url  https://x.org/y  web
"
    );
}
