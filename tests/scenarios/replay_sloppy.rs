//! `compose-examples/sloppy`: every service copies its sources before it fetches what
//! it needs. Each is edited on site and rebuilt from the recorded network.

use std::collections::BTreeMap;

use docker_offline_tests::{
    COMPARED, Engine, Pair, Ran, SLOPPY_BASE, SLOPPY_EDITS, Sloppy, Workspace, assert_same,
    contents, no_way_out, on_each, pairs, say,
};

/// How many steps ran with the recorded network, by service; 0 where others ran alone.
type Steps = BTreeMap<String, u64>;

#[test]
fn every_service_is_edited_before_its_network_step_on_every_site() {
    on_each(pairs(), 1, |pair| {
        let sloppy = Sloppy::carried(&pair.connected());
        Site::arrive(&sloppy, pair).all(pair);
    });
}

struct Site<'a> {
    sloppy: &'a Sloppy,
    engine: Engine,
    project: Workspace,
}

impl<'a> Site<'a> {
    fn arrive(sloppy: &'a Sloppy, pair: Pair) -> Self {
        let (engine, project) = sloppy.carried.arrive(&pair.airgapped());
        Self {
            sloppy,
            engine,
            project,
        }
    }

    fn build(&self, flags: &[&str]) -> (Ran, Steps) {
        let flags = [&["--format", "json"], flags].concat();
        let build = self.engine.offline(self.project.path(), ["build"]);
        let ran = build.args(flags).within(1200).succeeds();
        ran.assert_no_panic();
        let summary = ran.json();
        let services = summary["services"].as_array().unwrap().iter();
        let number = |service: &serde_json::Value, name: &str| service[name].as_u64().unwrap();
        let ran_any = services.filter(|s| number(s, "ran") > 0);
        let steps = ran_any
            .map(|s| {
                let name = s["service"].as_str().unwrap().to_owned();
                (name, number(s, "replayed"))
            })
            .collect();
        (ran, steps)
    }

    fn all(&self, pair: Pair) {
        self.unedited(pair);
        say("each service but the base is edited");
        for edit in &SLOPPY_EDITS {
            edit.make(&self.project);
        }
        let (ran, steps) = self.build(&[]);
        let expected = SLOPPY_EDITS.map(|e| (e.service.to_owned(), e.replayed));
        assert_eq!(steps, Steps::from(expected), "{ran}");
        assert!(ran.stdout.contains("up -d --no-build"), "{ran}");
        self.as_an_ordinary_build_makes(&COMPARED[..COMPARED.len() - 1]);
        self.shows_the_edits(&SLOPPY_BASE.before());
        self.all_from_the_cache();

        say("the base is edited, and what is built upon it runs as a whole");
        SLOPPY_BASE.make(&self.project);
        let (ran, steps) = self.build(&[]);
        // The compilers of gateway and crate are not upon it, but gateway copies a file from it.
        let expected = [
            ("base", 1),
            ("fetch", 3),
            ("corpus", 1),
            ("ledger", 3),
            ("gateway", 1),
        ];
        let expected = expected.map(|(service, steps)| (service.to_owned(), steps));
        assert_eq!(steps, Steps::from(expected), "{ran}");
        self.as_an_ordinary_build_makes(&["base"]);
        self.shows_the_edits(&SLOPPY_BASE.after());
        self.all_from_the_cache();

        no_way_out(&self.engine);
    }

    /// Nothing runs but what has another key on another generation of engines.
    fn unedited(&self, pair: Pair) {
        let archive = self.sloppy.carried.archive();
        let (ran, steps) = self.build(&["--bundle", archive.to_str().unwrap()]);
        let with_mounts = ["worker", "panel"].map(|s| (s.to_owned(), 1));
        let expected = if pair.same_generation() {
            Steps::new()
        } else {
            Steps::from(with_mounts)
        };
        assert_eq!(steps, expected, "{ran}");
        let network = &ran.json()["network"];
        assert_eq!(network.is_null(), expected.is_empty(), "{ran}");
        for service in expected.keys() {
            let words = format!("{service}/Dockerfile");
            let said = ran
                .stderr
                .lines()
                .find(|l| l.contains("answered from the recorded network") && l.contains(&words));
            assert!(said.is_some(), "{service}: {ran}");
        }
    }

    fn all_from_the_cache(&self) {
        say("the same again");
        let (ran, steps) = self.build(&[]);
        assert_eq!(steps, Steps::new(), "{ran}");
        assert_eq!(
            ran.json()["network"]["requests"].as_u64().unwrap_or(0),
            0,
            "{ran}"
        );
    }

    /// What the built services print, after `docker compose up --no-build`.
    fn shows_the_edits(&self, base: &str) {
        let compose = |args: &[&str]| {
            self.engine
                .docker(self.project.path(), ["compose"])
                .args(args)
        };
        compose(&["up", "-d", "--no-build"]).succeeds();
        self.engine
            .answers("http://127.0.0.1:8070/", "site two &amp; only");
        let printing = SLOPPY_EDITS.iter().filter(|e| e.service != "site");
        let mut wanted: Vec<String> = printing
            .map(|e| format!("{}{}", e.after(), e.prints))
            .collect();
        wanted.push(base.to_owned());
        self.engine.prints(self.project.path(), wanted);
        compose(&["down", "-t", "1"]).quietly().succeeds();
    }

    /// No authority, no proxy, no mount point, no file of the system's trust but as an
    /// engine with a network makes it.
    fn as_an_ordinary_build_makes(&self, services: &[&str]) {
        for service in services {
            let image = format!("sloppy-{service}:dev");
            let here = contents(&self.engine, &image);
            assert_same(&image, &here, &self.sloppy.ordinary[*service]);
            assert!(!here.contains("docker-offline"), "{image}: {here}");
            let env = here.lines().find(|l| l.starts_with("Env "));
            let env = env.unwrap().to_lowercase();
            assert!(!env.contains("_proxy"), "{image}: {env}");
            let args = [
                "image",
                "history",
                "--no-trunc",
                "--format",
                "{{.CreatedBy}}",
                &image,
            ];
            let history = self.engine.run("docker").args(args).quietly().succeeds();
            let lower = history.stdout.to_lowercase();
            for words in ["http_proxy", "https_proxy", "172.17."] {
                assert!(
                    !lower.contains(words),
                    "{words} in the history of {image}: {history}"
                );
            }
        }
    }
}
