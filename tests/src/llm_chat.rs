use std::path::Path;

use crate::{Engine, Workspace};

/// The edits that people make in `compose-examples/llm-chat`, and how each of
/// them is seen from outside.
#[derive(Debug)]
pub struct LlmChat<'a> {
    site: &'a Engine,
    project: &'a Workspace,
}

impl<'a> LlmChat<'a> {
    /// The project on a site.
    pub fn on(site: &'a Engine, project: &'a Workspace) -> Self {
        Self { site, project }
    }

    fn folder(&self) -> &Path {
        self.project.path()
    }

    /// One backend and one front-end source file are edited, and plain Compose
    /// brings both to life: nothing runs again but the front end's own build.
    pub fn edit_both_and_see(&self, mark: &str) {
        self.project
            .write("backend/app/version.py", format!("VERSION = \"{mark}\"\n"));
        let main = self.project.read("frontend/src/main.js");
        let old = main
            .split("GREETING = \"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        self.project.write(
            "frontend/src/main.js",
            main.replacen(old, &format!("Hello {mark}"), 1),
        );

        let log = self.site.compose_up(self.folder());
        log.assert_only_ran(&["npm run build"]);
        log.assert_cached("apt-get");
        log.assert_cached("pip install");
        log.assert_cached("npm ci");
        self.see(mark);
    }

    /// The back end answers with its version.
    pub fn answers_with(&self, version: &str) {
        self.site.answers(
            "http://127.0.0.1:8000/api/version",
            &format!("\"{version}\""),
        );
    }

    /// Both edits answer over HTTP from the running containers.
    pub fn see(&self, mark: &str) {
        self.answers_with(mark);
        self.site
            .answers("http://127.0.0.1:8080/api/version", &format!("\"{mark}\""));
        self.site
            .answers("http://127.0.0.1:8080/main.js", &format!("Hello {mark}"));
    }

    /// `prompts.json` is copied after apt and pip, before the last builder steps:
    /// plain `docker compose build` goes on from there, and apt stays cached.
    pub fn edit_builder_neighbour_and_see(&self, mark: &str) {
        self.project.write(
            "backend/prompts.json",
            format!("{{\n  \"greeting\": \"{mark}\"\n}}\n"),
        );
        let (ran, log) = self.site.compose_build(self.folder(), &[]);
        assert!(ran.ok(), "{ran}");
        log.assert_only_ran(&["jq -c", "compileall"]);
        assert_eq!(
            log.outcomes_of("apt-get").len(),
            2,
            "both apt steps are in the log: {log}"
        );
        log.assert_cached("apt-get");
        log.assert_cached("pip install");
        self.site.compose_up(self.folder()).assert_only_ran(&[]);
        self.site.answers("http://127.0.0.1:8000/api/prompts", mark);
    }

    /// A line before `apt-get` cannot be built without a network. It fails, and
    /// once it is undone everything hits again.
    pub fn fail_before_apt_and_undo(&self) {
        let before = self.project.edit(
            "backend/Dockerfile",
            "WORKDIR /build\n",
            "ENV EDITED=1\nWORKDIR /build\n",
        );
        let (ran, log) = self.site.compose_build(self.folder(), &[]);
        assert!(!ran.ok(), "apt-get has no network here: {ran}");
        assert!(!log.outcomes_of("apt-get").is_empty(), "{ran}");
        self.project.write("backend/Dockerfile", before);
        let (ran, log) = self.site.compose_build(self.folder(), &[]);
        assert!(ran.ok(), "after the undo: {ran}");
        log.assert_only_ran(&[]);
    }
}
