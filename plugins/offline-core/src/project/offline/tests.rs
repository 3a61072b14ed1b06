use std::path::{Path, PathBuf};

use super::super::{Error, Project, ProjectOptions, read_without_compose};
use super::downloads::DOWNLOAD_KEYS;
use super::git::GIT_KEYS;
use super::models::{HUB_KEYS, MODEL_KEYS};
use super::{CONTAINER_KEYS, FILE_KEYS, IMAGE_KEYS, KEYS, MountSource, PackageTool, VOLUME_KEYS};
use crate::error::{Explain as _, Kind};

/// A project in a folder of its own, below another one.
pub(super) struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    pub(super) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("p")).unwrap();
        std::fs::write(folder.path().join("p/compose.yaml"), text).unwrap();
        Self { folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("p")
    }

    pub(super) fn read(&self) -> Result<Project, Error> {
        read_without_compose(&ProjectOptions {
            files: vec![self.path().join("compose.yaml")],
            ..ProjectOptions::default()
        })
    }
}

const GOOD: &str = "name: shop
x-offline:
  files:
    - ./drivers
    - path: ../certs
      target: /etc/certs/
    - {path: /opt/models}
  images: [redis, {name: quay.io/a/b:1}]
  containers:
    - {name: box, image: vendor/box:1}
  volumes: [data]
services:
  db:
    image: a
    volumes:
      - data:/d
      - ../certs:/c
    x-offline:
      files:
        - path: ./seed.sql
          target: ./init/seed.sql
      volumes:
        - {name: data, pause: true}
volumes:
  data: {}
";

#[test]
fn what_is_declared_is_read_with_its_lines() {
    let written = Written::new(GOOD);
    let offline = written.read().unwrap().offline;
    let files: Vec<_> = offline
        .files
        .iter()
        .map(|f| {
            let line = f.location.as_ref().and_then(|l| l.line).unwrap();
            (
                f.source.clone(),
                f.target.as_str(),
                f.service.as_deref(),
                line,
            )
        })
        .collect();
    let here = written.path();
    assert_eq!(
        files,
        [
            (here.join("drivers"), "drivers", None, 4),
            (written.folder.path().join("certs"), "/etc/certs", None, 5),
            (PathBuf::from("/opt/models"), "/opt/models", None, 7),
            (here.join("seed.sql"), "init/seed.sql", Some("db"), 20),
        ]
    );
    let volumes: Vec<_> = offline
        .volumes
        .iter()
        .map(|v| (v.volume.name.as_str(), v.pause, v.service.as_deref()))
        .collect();
    assert_eq!(
        volumes,
        [("shop_data", false, None), ("shop_data", true, Some("db"))]
    );
    let lines: Vec<_> = offline
        .mounts
        .iter()
        .map(|m| m.location.as_ref().and_then(|l| l.line))
        .collect();
    assert_eq!(lines, [Some(16), Some(17)]);
    let images = offline.images.iter().map(|i| i.reference.to_string());
    assert_eq!(
        images.collect::<Vec<_>>(),
        ["docker.io/library/redis:latest", "quay.io/a/b:1"]
    );
    let lines = offline.images.iter().map(|i| i.location.as_ref()?.line);
    assert_eq!(lines.collect::<Vec<_>>(), [Some(8), Some(8)]);
    let container = &offline.containers[0];
    let image = container.image.as_ref().map(ToString::to_string);
    let line = container.location.as_ref().and_then(|l| l.line);
    assert_eq!((container.name.as_str(), line), ("box", Some(10)));
    assert_eq!(image.as_deref(), Some("docker.io/vendor/box:1"));
    assert!(matches!(&offline.mounts[0].source, MountSource::Volume(v) if v.key == "data"));
}

#[test]
fn what_cannot_be_read_is_said_by_file_and_line() {
    for (bad, line, words) in [
        ("x-offline: [a]", 1, "has to be a mapping"),
        ("x-offline:\n  file: []", 2, "unknown key `file`"),
        ("x-offline:\n  files: ./a", 2, "`files` has to be a list"),
        ("x-offline:\n  files:\n  - to: a", 3, "unknown key `to`"),
        ("x-offline:\n  files:\n  - target: a", 2, "names no `path`"),
        ("x-offline:\n  files:\n  - [a]", 2, "each entry of `files`"),
        (
            "x-offline:\n  files:\n    # ../x\n    - ../x",
            4,
            "needs a `target`",
        ),
        (
            "x-offline:\n  files: [.]",
            2,
            "cannot be carried as a whole",
        ),
        (
            "x-offline:\n  files:\n    - path: a\n      target: b/../../c",
            4,
            "contains `..`",
        ),
        (
            "x-offline:\n  files:\n    - path: a\n      target: /",
            4,
            "no place of its own",
        ),
        (
            "x-offline:\n  files:\n    - {path: a, target: c}\n    - {path: b, target: c}",
            4,
            "is the target of",
        ),
        (
            "x-offline:\n  images:\n    - Redis:7",
            3,
            "Redis:7 is no image",
        ),
        (
            "x-offline:\n  containers:\n    - image: a",
            2,
            "names no `name`",
        ),
        (
            "x-offline:\n  volumes:\n    - nothing",
            3,
            "no volume nothing",
        ),
        (
            "x-offline:\n  volumes:\n    - name: data\n      pause: maybe",
            4,
            "true or false",
        ),
    ] {
        is_said(bad, line, words);
    }
}

/// That this is refused by its place: its last line, or, of an entry without a name, the
/// second one, where its key is.
pub(super) fn is_refused(bad: &str, words: &str) {
    let nameless = words.starts_with("names no") || words.starts_with("is a mapping");
    let line = if nameless { 2 } else { bad.lines().count() };
    is_said(bad, line, words);
}

fn is_said(bad: &str, line: usize, words: &str) {
    let services = "services:\n  db:\n    image: a\n    volumes: [\"data:/d\"]\nvolumes: {data: }";
    let written = Written::new(&format!("{bad}\n{services}\n"));
    let error = written.read().unwrap_err();
    assert_eq!(error.kind(), Kind::ComposeInvalid);
    let text = error.to_string();
    let place = format!("compose.yaml:{line}: ");
    assert!(
        text.contains(&place) && text.contains(words),
        "{bad}: {text}"
    );
    assert!(error.hint().is_some());
}

#[test]
fn the_schema_knows_the_same_keys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/x-offline.schema.json");
    let schema: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let keys = |at: &str| -> Vec<String> {
        let map = schema.pointer(at).and_then(|v| v.as_object()).unwrap();
        map.keys().cloned().collect()
    };
    assert_eq!(keys("/properties"), KEYS);
    assert_eq!(keys("/$defs/files/oneOf/1/properties"), FILE_KEYS);
    assert_eq!(keys("/$defs/container/oneOf/1/properties"), {
        let mut all = CONTAINER_KEYS;
        all.sort_unstable();
        all
    });
    assert_eq!(keys("/$defs/image/oneOf/1/properties"), IMAGE_KEYS);
    assert_eq!(keys("/$defs/volume/oneOf/1/properties"), VOLUME_KEYS);
    let tools = PackageTool::ALL.map(PackageTool::name);
    assert_eq!(keys("/$defs/packages/properties"), tools);
    let mut of_models = MODEL_KEYS;
    of_models.sort_unstable();
    assert_eq!(keys("/$defs/models/properties"), of_models);
    let mut of_hub = HUB_KEYS;
    of_hub.sort_unstable();
    assert_eq!(keys("/$defs/hubModel/oneOf/1/properties"), of_hub);
    let mut of_git = GIT_KEYS;
    of_git.sort_unstable();
    assert_eq!(keys("/$defs/git/oneOf/1/properties"), of_git);
    let mut of_download = DOWNLOAD_KEYS;
    of_download.sort_unstable();
    assert_eq!(keys("/$defs/download/oneOf/1/properties"), of_download);
    for at in [
        "",
        "/$defs/download/oneOf/1",
        "/$defs/files/oneOf/1",
        "/$defs/git/oneOf/1",
        "/$defs/container/oneOf/1",
        "/$defs/image/oneOf/1",
        "/$defs/models",
        "/$defs/packages",
        "/$defs/hubModel/oneOf/1",
        "/$defs/volume/oneOf/1",
    ] {
        let closed = schema.pointer(&format!("{at}/additionalProperties"));
        assert_eq!(closed, Some(&serde_json::Value::Bool(false)), "{at}");
    }
}
