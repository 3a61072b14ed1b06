use super::*;
use crate::closure::Closure;
use crate::dockerfile;
use crate::project::{Project, from_config};

struct Case {
    project: Project,
    closure: Closure,
}

fn case(dockerfile: &str, keys: &str) -> Case {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    let context = folder.path().display();
    let config = format!(
        r#"{{"name": "p", "services": {{"base": {{"image": "me/base", "build": {{"context": "{context}", "dockerfile_inline": "FROM a"}}}}, "s": {{"build": {{"context": "{context}"{keys}}}}}}}}}"#
    );
    let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let closure = crate::closure::resolve(&project, &["s".into()], &platform).unwrap();
    Case { project, closure }
}

impl Case {
    fn build(&self) -> &BuildClosure {
        let service = self.closure.service("s").unwrap();
        service.build.as_ref().unwrap()
    }

    fn file(&self) -> Dockerfile {
        let build = self.build();
        dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path).unwrap()
    }

    fn flags(&self) -> Vec<String> {
        let source = self.project.service("s").and_then(|s| s.build.as_ref());
        let flags = key_flags(self.build(), source.unwrap(), &self.file(), "linux/amd64");
        let flags = flags.into_iter();
        flags.map(|f| f.into_string().unwrap()).collect()
    }

    fn copy(&self, substitutes: &Substitutes) -> String {
        rewritten(self.build(), &self.file(), substitutes)
    }
}

#[test]
fn what_the_compose_file_says_is_given() {
    let case = case(
        "FROM a\nRUN x\nFROM b AS run\nCOPY --from=0 /x /y\n",
        r#", "target": "run", "args": {"A": "1 2", "B": null}, "network": "host", "extra_hosts": ["h=1.2.3.4"], "shm_size": "64", "ulimits": {"nofile": {"soft": 5, "hard": 9}}, "labels": {"l": "v"}"#,
    );
    assert_eq!(
        case.flags(),
        [
            "--build-arg",
            "A=1 2",
            "--network",
            "host",
            "--add-host",
            "h:1.2.3.4",
            "--shm-size",
            "64",
            "--ulimit",
            "nofile=5:9"
        ]
    );
}

#[test]
fn stages_that_are_not_needed_are_emptied_and_lines_stay() {
    let case = case(
        "FROM a AS no\nRUN --mount=type=cache,target=/x y\n\nFROM b AS t\nRUN z\nFROM c AS later\nCOPY --link x y\n",
        r#", "target": "t""#,
    );
    assert_eq!(
        case.copy(&Substitutes::default()),
        "FROM scratch AS no\n\n\nFROM b AS t\nRUN z\n"
    );
}

#[test]
fn platforms_by_variable_are_written_out() {
    let case = case(
        "ARG V=1\nFROM --platform=$BUILDPLATFORM \\\n  a:${V} AS x\nARG TARGETARCH\nARG TARGETOS=o\nRUN z\nFROM x\n",
        "",
    );
    assert_eq!(case.flags(), ["--build-arg", "TARGETARCH=amd64"]);
    assert_eq!(
        case.copy(&Substitutes::default()),
        "ARG V=1\nFROM a:1 AS x\n\nARG TARGETARCH\nARG TARGETOS=o\nRUN z\nFROM x AS offline-stage-1\n"
    );
}

#[test]
fn siblings_and_pins_are_named_otherwise() {
    let digest = "sha256:7cda3fe4c1f2f5f55d8e74f54e7081a7d160317141d554ab57ce5331e7e5c0ca";
    let case = case(
        &format!(
            "FROM me/base AS x\nFROM b:1@{digest}\nCOPY --from=me/base \\\n /x /y\nCOPY --from=x /x /z\n"
        ),
        "",
    );
    let substitutes = Substitutes {
        services: [("base".to_owned(), "sha256:1".to_owned())].into(),
        references: [
            ("docker.io/me/base:latest".to_owned(), "sha256:1".to_owned()),
            (format!("docker.io/library/b:1@{digest}"), "b:1".to_owned()),
        ]
        .into(),
    };
    assert_eq!(
        case.copy(&substitutes),
        "FROM sha256:1 AS x\nFROM b:1 AS offline-stage-1\nCOPY --from=sha256:1 \\\n /x /y\nCOPY --from=x /x /z\n"
    );
}

#[test]
fn an_inline_file_is_copied() {
    let case = case("", r#", "dockerfile_inline": "FROM a\nRUN b\n""#);
    assert_eq!(
        case.copy(&Substitutes::default()),
        "FROM a AS offline-stage-0\nRUN b\n"
    );
}
