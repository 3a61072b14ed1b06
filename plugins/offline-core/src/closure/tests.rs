//! Projects with a catch, and what BuildKit would ask for.

use std::fmt::Write as _;

use super::*;
use crate::error::{Explain, Kind};
use crate::project::{Project, from_config};

struct Fixture {
    folder: tempfile::TempDir,
    services: String,
}

impl Fixture {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            services: String::new(),
        }
    }

    /// A service with a Dockerfile of its own; `extra` are more keys of `build`.
    fn build(mut self, name: &str, dockerfile: &str, extra: &str) -> Self {
        let context = self.folder.path().join(name);
        std::fs::create_dir_all(&context).unwrap();
        std::fs::write(context.join("Dockerfile"), dockerfile).unwrap();
        let separator = if extra.is_empty() { "" } else { "," };
        let context = context.display();
        self.service(
            name,
            &format!(r#""build": {{"context": "{context}", "dockerfile": "Dockerfile"{separator}{extra}}}"#),
        );
        self
    }

    fn service(&mut self, name: &str, keys: &str) {
        if !self.services.is_empty() {
            self.services.push(',');
        }
        write!(self.services, r#""{name}": {{{keys}}}"#).unwrap();
    }

    fn with(mut self, name: &str, keys: &str) -> Self {
        self.service(name, keys);
        self
    }

    fn project(&self) -> Project {
        let text = format!(r#"{{"name": "p", "services": {{{}}}}}"#, self.services);
        from_config(&text, &[self.folder.path().join("compose.yaml")]).unwrap()
    }

    fn resolve(&self, services: &[&str]) -> Result<Closure, Error> {
        let names: Vec<String> = services.iter().map(|s| (*s).to_owned()).collect();
        resolve(&self.project(), &names, &"linux/amd64".parse().unwrap())
    }

    fn images(&self) -> Vec<String> {
        self.resolve(&[])
            .unwrap()
            .images
            .iter()
            .map(|i| {
                let roles: Vec<&str> = i.roles.iter().map(|r| r.as_str()).collect();
                format!("{} {}", i.reference.familiar(), roles.join("+"))
            })
            .collect()
    }
}

fn one(dockerfile: &str, extra: &str) -> Fixture {
    Fixture::new().build("web", dockerfile, extra)
}

#[test]
fn only_reachable_stages_ask_for_images() {
    let file = "FROM alpine:1 AS a\nRUN x\nFROM node:1 AS unused\nFROM a AS t\nCOPY --from=busybox:1 /a /b\nRUN --mount=from=tools:1,target=/t y\nFROM golang:1\nCOPY --from=t / /\n";
    assert_eq!(
        one(file, r#""target": "T""#).images(),
        ["alpine:1 base", "busybox:1 copy-from", "tools:1 mount-from"]
    );
    assert_eq!(one(file, "").images().len(), 4);
}

#[test]
fn args_decide_the_base() {
    let file = "ARG A=1 B=slim\nARG V=${A}-${B}\nARG R\nFROM debian:$V AS x\nFROM ${R:-none:1}\nCOPY --from=x a b\n";
    assert_eq!(
        one(file, r#""args": {"R": "python:3", "A": "2"}"#).images(),
        ["debian:2-slim base", "python:3 base"]
    );
}

#[test]
fn names_shadow_images_and_the_last_before_wins() {
    let file = "FROM debian:1 AS debian\nFROM debian AS b\nFROM alpine:1 AS debian\nFROM debian\nCOPY --from=b x y\n";
    let closure = one(file, "").resolve(&[]).unwrap();
    let build = closure.services[0].build.as_ref().unwrap();
    assert_eq!(build.stage(1).unwrap().base, StageBase::Stage(0));
    assert_eq!(build.stage(3).unwrap().base, StageBase::Stage(2));
    assert_eq!(build.stages[3].name, "offline-stage-3");
}

#[test]
fn platforms_and_frontends() {
    let file = "# syntax=docker/dockerfile:1\nFROM --platform=$BUILDPLATFORM go:1 AS b\nFROM run:1\nCOPY --from=b x y\nCOPY --from=tool:1 x y\n";
    let fixture = Fixture::new()
        .build("web", file, "")
        .with("db", r#""image": "pg:1", "platform": "linux/arm64/v8""#);
    let mut project = fixture.project();
    project.services.retain_mut(|s| {
        s.platform = Some("linux/arm64".into());
        true
    });
    let closure = resolve(&project, &[], &"linux/amd64".parse().unwrap()).unwrap();
    let platforms: Vec<String> = closure
        .images
        .iter()
        .map(|i| format!("{} {}", i.reference.familiar(), i.platform))
        .collect();
    assert_eq!(
        platforms,
        [
            "docker/dockerfile:1 linux/amd64",
            "go:1 linux/amd64",
            "pg:1 linux/arm64",
            "run:1 linux/arm64",
            "tool:1 linux/arm64"
        ]
    );
    let syntax = one(file, r#""args": {"BUILDKIT_SYNTAX": "my/front:2"}"#);
    assert!(syntax.images().contains(&"my/front:2 frontend".to_owned()));
}

#[test]
fn what_siblings_build_is_not_fetched() {
    let fixture = Fixture::new()
        .build(
            "base",
            "FROM debian:1 AS a\nFROM a\nRUN x\n",
            r#""tags": ["me/base:2"]"#,
        )
        .build("app", "FROM p-base\nRUN y\n", "")
        .build("tag", "FROM alpine:1\nCOPY --from=me/base:2 a b\n", "")
        .build(
            "ctx",
            "FROM tools\nRUN z\n",
            r#""additional_contexts": {"tools:latest": "service:base"}"#,
        )
        .with("run", r#""image": "p-app""#);
    assert_eq!(fixture.images(), ["alpine:1 base", "debian:1 base"]);
    let closure = fixture.resolve(&["ctx"]).unwrap();
    let names: Vec<&str> = closure.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["base", "ctx"]);
    let waves = waves(&fixture.resolve(&[]).unwrap());
    let text: Vec<Vec<String>> = waves
        .iter()
        .map(|w| {
            w.iter()
                .map(|s| format!("{}{}", s.service, s.stage))
                .collect()
        })
        .collect();
    assert_eq!(
        text,
        [vec!["base0"], vec!["base1"], vec!["app0", "ctx0", "tag0"]]
    );
}

#[test]
fn a_service_named_like_its_own_base_takes_it_from_the_registry() {
    let mut fixture = Fixture::new().build("x", "FROM nginx\nRUN y\n", "");
    fixture.services = fixture
        .services
        .replace(r#""build""#, r#""image": "nginx", "build""#);
    assert_eq!(fixture.images(), ["nginx:latest base"]);
}

#[test]
fn contexts_take_the_place_of_names() {
    let hex = "a".repeat(64);
    let file = format!(
        "FROM debian@sha256:{hex} AS one\nFROM node:1 AS two\nRUN x\nFROM one\nCOPY --from=two a b\nCOPY --from=data a b\nCOPY --from=repo a b\n"
    );
    let contexts = format!(
        r#""additional_contexts": {{"debian@sha256:{hex}": "docker-image://debian:1", "TWO": "docker-image://alpine:1", "data": "/tmp", "repo": "https://x.org/y.git", "unused": "docker-image://no:1"}}"#
    );
    let fixture = one(&file, &contexts);
    assert_eq!(fixture.images(), ["alpine:1 context", "debian:1 context"]);
    let closure = fixture.resolve(&[]).unwrap();
    assert_eq!(closure.unbundled[0].kind, "git-context");
    let two = &closure.services[0].build.as_ref().unwrap().stages[1];
    assert!(two.runs.is_empty(), "a stage that is replaced does not run");
}

#[test]
fn triggers_run_in_the_child() {
    let same = "FROM a:1 AS p\nONBUILD COPY --from=b:1 x y\nFROM p\nRUN x\nFROM scratch AS t\n";
    assert_eq!(one(same, "").images(), [] as [&str; 0]);
    let fixture = Fixture::new()
        .build(
            "base",
            "FROM a:1\nONBUILD RUN --mount=from=m:1,target=/m apt-get update\n",
            "",
        )
        .build("child", "\nFROM p-base\n", "")
        .build("grandchild", "FROM p-child\n", "");
    let closure = fixture.resolve(&[]).unwrap();
    let stage = |name: &str| {
        &closure
            .service(name)
            .unwrap()
            .build
            .as_ref()
            .unwrap()
            .stages[0]
    };
    assert!(stage("base").runs.is_empty());
    assert_eq!(stage("child").runs[0].network_tool, Some("apt-get"));
    assert_eq!(stage("child").runs[0].line, 2);
    assert!(stage("grandchild").runs.is_empty(), "triggers fire once");
    assert_eq!(fixture.images(), ["a:1 base", "m:1 mount-from"]);
}

#[test]
fn what_is_no_image_is_named_with_its_line() {
    let file = "FROM a:1\nARG V=2\nADD --checksum=sha256:1 https://x.org/y-$V.tgz /a\nADD --exclude=d https://x.org/z.git#main /b\nADD c.tar github.com/local /d\n";
    let closure = one(file, "").resolve(&[]).unwrap();
    let found: Vec<(&str, &str, Option<u32>)> = closure
        .unbundled
        .iter()
        .map(|u| (u.kind, u.what.as_str(), u.line))
        .collect();
    assert_eq!(found, [("add-git", "https://x.org/z.git#main", Some(4))]);
    let fetched = &closure.fetched[0];
    assert_eq!(fetched.url, "https://x.org/y-2.tgz");
    assert_eq!((fetched.name.as_str(), fetched.line), ("y-2.tgz", Some(3)));
    let build = closure.services[0].build.as_ref().unwrap();
    let line = build.named_dockerfile.lines().nth(2);
    let expected = format!("COPY --from=docker-offline-fetched {} /a", fetched.path());
    assert_eq!(line, Some(expected.as_str()));
    let copies = &closure.services[0].build.as_ref().unwrap().stages[0].copies;
    assert_eq!(copies[0].sources, ["c.tar", "github.com/local"]);
}

#[test]
fn a_repository_that_add_names_is_fetched_and_copied_from() {
    let fixture = Fixture::new().build(
        "web",
        "FROM a:1\nADD https://x.org/z.git#main /b\nADD --keep-git-dir=true https://x.org/z.git#main /c\n",
        "",
    );
    let closure = fixture.resolve(&[]).unwrap();
    assert_eq!(closure.unbundled, []);
    let found: Vec<(u32, bool, bool)> = closure
        .fetched
        .iter()
        .map(|one| (one.line.unwrap(), one.git, one.keep_git_dir))
        .collect();
    assert!(found.contains(&(2, true, false)) && found.contains(&(3, true, true)));
    assert_ne!(closure.fetched[0].id, closure.fetched[1].id);
    let build = closure.services[0].build.as_ref().unwrap();
    for one in &closure.fetched {
        let line = format!("COPY --from=docker-offline-fetched {}/tree /", one.id);
        assert!(build.named_dockerfile.contains(&line), "{line}");
    }
}

#[test]
fn every_mistake_says_where() {
    let cases = [
        (
            "FROM a:1\nFROM name:$UNSET\n",
            "",
            Kind::ReferenceInvalid,
            ":2: FROM of service web",
        ),
        (
            "FROM $UNSET\n",
            "",
            Kind::DockerfileInvalid,
            "service web cannot be used",
        ),
        (
            "FROM a:1\nCOPY --from=B:c:d x y\n",
            "",
            Kind::ReferenceInvalid,
            ":2: COPY --from",
        ),
        (
            "FROM a:1 AS x\nCOPY --from=x a b\n",
            "",
            Kind::DockerfileInvalid,
            ":2: a cycle",
        ),
        (
            "FROM a:1\nCOPY --from=5 a b\n",
            "",
            Kind::DockerfileInvalid,
            "cannot be used",
        ),
        (
            "FROM a:1 AS x\n",
            r#""target": "y""#,
            Kind::DockerfileInvalid,
            "no stage y",
        ),
        (
            "FROM --platform=a/b/c/d a:1\n",
            "",
            Kind::DockerfileInvalid,
            ":1: \"a/b/c/d\"",
        ),
        (
            "# syntax=NO:\nFROM a:1\n",
            "",
            Kind::ReferenceInvalid,
            ":1: # syntax",
        ),
        (
            "FROM a:1\nBAD x\n",
            "",
            Kind::DockerfileInvalid,
            "cannot be used",
        ),
    ];
    for (file, extra, kind, words) in cases {
        let error = one(file, extra).resolve(&[]).unwrap_err();
        assert_eq!(error.kind(), kind, "{file}: {error}");
        assert!(error.to_string().contains(words), "{file}: {error}");
        assert!(error.hint().is_some(), "{file}");
    }
}

#[test]
fn missing_files_and_unknown_services() {
    let gone = Fixture::new().with("web", r#""build": {"context": "/nonexistent"}"#);
    assert_eq!(gone.resolve(&[]).unwrap_err().kind(), Kind::ContextMissing);
    let file = one("FROM a:1\n", r#""args": {}"#);
    std::fs::remove_file(file.folder.path().join("web/Dockerfile")).unwrap();
    assert_eq!(
        file.resolve(&[]).unwrap_err().kind(),
        Kind::DockerfileMissing
    );
    std::fs::write(file.folder.path().join("web/dockerfile"), "FROM a:1\n").unwrap();
    assert_eq!(file.images(), ["a:1 base"]);
    let error = file.resolve(&["nobody"]).unwrap_err();
    assert_eq!(error.kind(), Kind::UnknownService);
    assert_eq!(error.hint().unwrap(), "it has: web");
}

#[test]
fn services_built_upon_each_other_in_a_circle() {
    let fixture = Fixture::new()
        .build("a", "FROM p-b\n", "")
        .build("b", "FROM p-a\n", "");
    let error = fixture.resolve(&[]).unwrap_err().to_string();
    assert!(
        error.contains("service a needs service b needs service a"),
        "{error}"
    );
}

#[test]
fn an_inline_dockerfile_is_told_by_its_place_in_the_compose_file() {
    let mut fixture = Fixture::new();
    std::fs::write(
        fixture.folder.path().join("compose.yaml"),
        "services:\n  web:\n    build:\n      dockerfile_inline: |\n        FROM a:1\n        ADD --exclude=d https://x.org/y.git /y\n",
    )
    .unwrap();
    let context = fixture.folder.path().display().to_string();
    fixture.service(
        "web",
        &format!(
            r#""build": {{"context": "{context}", "dockerfile_inline": "FROM a:1\nADD --exclude=d https://x.org/y.git /y\n"}}"#
        ),
    );
    let closure = fixture.resolve(&[]).unwrap();
    assert_eq!(closure.unbundled[0].line, Some(6));
    assert!(closure.unbundled[0].file.ends_with("compose.yaml"));
}

#[test]
fn a_remote_context_is_named_and_left_alone() {
    let fixture = Fixture::new().with(
        "web",
        r#""build": {"context": "https://github.com/x/y.git#main"}"#,
    );
    let closure = fixture.resolve(&[]).unwrap();
    assert_eq!(closure.unbundled[0].kind, "git-context");
    assert!(
        closure.services[0]
            .build
            .as_ref()
            .unwrap()
            .stages
            .is_empty()
    );
}

#[test]
fn run_steps_are_described() {
    let file = "FROM a:1\nRUN --mount=type=cache,target=/c --mount=type=secret,id=s \\\n  pip install \\\n  x\nRUN <<EOF\ncurl y\nEOF\nCOPY --link a b\n";
    let closure = one(file, "").resolve(&[]).unwrap();
    let stage = &closure.services[0].build.as_ref().unwrap().stages[0];
    assert_eq!(stage.runs[0].mounts, ["cache", "secret"]);
    assert_eq!(stage.runs[0].command, "pip install x");
    assert_eq!(stage.runs[0].network_tool, Some("pip"));
    assert_eq!(stage.runs[1].network_tool, Some("curl"));
    assert_eq!(stage.runs[1].command, "<<EOF; curl y");
    assert_eq!(stage.copy_links, [8]);
}

#[test]
fn building_a_service_leaves_alone_what_it_only_runs_beside() {
    let fixture = Fixture::new()
        .build("database", "FROM redis:7\n", "")
        .build("base", "FROM debian:1\n", "")
        .with("mail", r#""image": "mail:1""#);
    let context = fixture.folder.path().join("base");
    let fixture = fixture.with(
        "api",
        &format!(
            r#""build": {{"context": "{}", "dockerfile_inline": "FROM p-base\nRUN x\n"}},
            "depends_on": {{"database": {{"condition": "service_healthy"}}, "mail": {{"condition": "service_started"}}}}"#,
            context.display()
        ),
    );
    let of = |services: &[String]| -> Vec<String> {
        let platform = "linux/amd64".parse().unwrap();
        let closure = resolve_to_build(&fixture.project(), services, &platform).unwrap();
        closure.services.into_iter().map(|s| s.name).collect()
    };
    assert_eq!(of(&["api".to_owned()]), ["api", "base", "mail"]);
    assert_eq!(of(&[]), ["api", "base", "database", "mail"]);
}
