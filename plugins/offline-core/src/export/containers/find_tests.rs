use super::*;
use crate::closure;
use crate::project::from_config;

const PROJECT: &str = r#"{"name": "shop", "services": {
    "db": {"image": "postgres:16", "volumes": [{"type": "volume", "source": "data", "target": "/d"}]},
    "box": {"image": "vendor/box:1", "container_name": "the-box"},
    "api": {"image": "shop/api:1", "build": {"context": "/tmp", "dockerfile_inline": "FROM alpine:3"}}},
    "volumes": {"data": {"name": "shop_data"}}}"#;

fn inspected(name: &str, image: &str, labels: &str) -> Inspected {
    let text = format!(
        r#"{{"Name": "/{name}", "State": {{"Status": "running"}}, "SizeRw": 5, "SizeRootFs": 7,
            "Config": {{"Image": "{image}", "Labels": {labels}}}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn project() -> Project {
    from_config(PROJECT, &["/none/compose.yaml".into()]).unwrap()
}

fn of(found: &Inspected, image: Option<&str>) -> Result<String, String> {
    let wanted = OfflineContainer {
        name: "it".into(),
        image: image.map(|i| ImageReference::parse(i).unwrap()),
        service: None,
        location: None,
    };
    let found = super::image(&project(), &wanted, found);
    found.map(|i| i.familiar()).map_err(|e| e.to_string())
}

#[test]
fn a_container_becomes_the_image_of_its_service() {
    let labels = r#"{"com.docker.compose.project": "shop", "com.docker.compose.service": "db"}"#;
    assert_eq!(
        of(&inspected("x", "a", labels), None).unwrap(),
        "postgres:16"
    );
    let others = labels.replace("shop", "other");
    assert!(of(&inspected("x", "a", &others), None).is_err());
    let of_name = inspected("the-box", "sha256:12", "null");
    assert_eq!(of(&of_name, None).unwrap(), "vendor/box:1");
    let of_image = inspected("x", "docker.io/library/postgres:16", "{}");
    assert_eq!(of(&of_image, None).unwrap(), "postgres:16");
    assert_eq!(of(&of_image, Some("own:2")).unwrap(), "own:2");
    let error = of(&inspected("x", "busybox", "{}"), None).unwrap_err();
    assert!(
        error.contains("container it, or its image busybox"),
        "{error}"
    );
}

#[test]
fn an_image_that_builds_make_or_need_is_not_taken() {
    let project = project();
    let platform = "linux/amd64".parse().unwrap();
    let closure = closure::resolve(&project, &[], &platform).unwrap();
    let check = |image: &str| {
        let image = ImageReference::parse(image).unwrap();
        super::check(&project, &closure, &image, "it", None).map_err(|e| e.to_string())
    };
    assert!(
        check("shop/api:1")
            .unwrap_err()
            .contains("builds that image for service api")
    );
    assert!(check("alpine:3").unwrap_err().contains("base of api"));
    assert_eq!(check("postgres:16"), Ok(()));
    assert_eq!(check("own:2"), Ok(()));
}

#[test]
fn what_is_mounted_is_said_with_the_lines_that_carry_it() {
    let mount = |kind: &str, name: &str, source: &str| Mount {
        kind: kind.into(),
        name: name.into(),
        source: source.into(),
        destination: "/at".into(),
    };
    let mounts = [
        mount(
            "volume",
            "shop_data",
            "/var/lib/docker/volumes/shop_data/_data",
        ),
        mount("volume", &"0f".repeat(32), ""),
        mount("volume", "foreign", ""),
        mount("bind", "", "/etc/vendor"),
        mount("tmpfs", "", ""),
    ];
    let left = left(&project(), "it", &mounts);
    let words = [
        "volumes: [data]",
        "without a name at /at",
        "external: true, name: foreign",
        "files: [{path: /etc/vendor}]",
    ];
    assert_eq!(left.len(), words.len());
    for (said, words) in left.iter().zip(words) {
        assert!(
            said.contains(words) && said.starts_with("the container it mounts"),
            "{said}"
        );
    }
}
