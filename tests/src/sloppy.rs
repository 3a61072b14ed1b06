use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::shared::in_run;
use crate::{Carried, Engine, Workspace, contents, on_machine, repository, say};

/// `compose-examples/sloppy`, carried with the network of its builds.
#[derive(Debug)]
pub struct Sloppy {
    /// What was carried.
    pub carried: Carried,
    /// What the images of [`COMPARED`] hold when an engine with a network builds the
    /// edited sources, by service.
    pub ordinary: BTreeMap<String, String>,
}

/// An edit before a service's network step, and what the service prints with it.
#[derive(Debug, Clone, Copy)]
pub struct SloppyEdit {
    /// The service.
    pub service: &'static str,
    /// The edited file; [`SloppyEdit::before`] stands in it.
    pub file: &'static str,
    /// What is printed behind the service's own words.
    pub prints: &'static str,
    /// How many steps run with the recorded network when this alone is edited.
    pub replayed: u64,
}

const fn edit(
    service: &'static str,
    file: &'static str,
    prints: &'static str,
    replayed: u64,
) -> SloppyEdit {
    SloppyEdit {
        service,
        file,
        prints,
        replayed,
    }
}

/// The services that no other one is built upon.
pub const SLOPPY_EDITS: [SloppyEdit; 10] = [
    edit("fetch", "fetch/show.sh", ": 1000 words, a note from git", 3),
    edit("corpus", "corpus/main.py", ": 4 stop words", 1),
    edit("probe", "probe/probe.sh", ": 1000 words", 1),
    edit("api", "api/main.py", " idna 3.7 jq", 1),
    edit("worker", "worker/main.py", ": idna 3.6", 1),
    edit("site", "site/src/page.txt", " &amp; only", 1),
    edit("panel", "panel/panel.cjs", ": a number", 1),
    edit(
        "ledger",
        "ledger/src/main/java/example/Ledger.java",
        ": hello from a library",
        1,
    ),
    edit("gateway", "gateway/main.go", ": hello from a module", 1),
    edit("crate", "crate/src/main.rs", ": 42", 1),
];

/// The service that others are built upon.
pub const SLOPPY_BASE: SloppyEdit = edit("base", "base/motd", "", 1);

/// Services whose images are the same wherever they are built.
pub const COMPARED: [&str; 5] = ["api", "panel", "ledger", "crate", "base"];

impl SloppyEdit {
    /// What the file says and the service prints before the edit.
    pub fn before(&self) -> String {
        format!("{} one", self.service)
    }

    /// What they say after it.
    pub fn after(&self) -> String {
        format!("{} two", self.service)
    }

    /// Makes the edit.
    pub fn make(&self, project: &Workspace) {
        project.edit(self.file, &self.before(), &self.after());
    }

    /// Undoes it.
    pub fn undo(&self, project: &Workspace) {
        project.edit(self.file, &self.after(), &self.before());
    }
}

impl Sloppy {
    /// Exported on an empty engine of a kind, once in a run. The server that five of the
    /// services fetch from is gone afterwards.
    pub fn carried(kind: &str) -> Arc<Self> {
        static MADE: Mutex<BTreeMap<String, Arc<Sloppy>>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let sloppy = made
            .entry(kind.to_owned())
            .or_insert_with(|| Arc::new(Self::shared_or_exported(kind)));
        Arc::clone(sloppy)
    }

    fn shared_or_exported(kind: &str) -> Self {
        let shared = in_run(&format!("sloppy {kind}"), |folder| {
            let new = Self::export(kind);
            let ordinary = serde_json::to_vec(&new.ordinary).unwrap();
            fs::write(folder.join("ordinary.json"), ordinary).unwrap();
            new.carried.move_to(folder);
        });
        let Some(folder) = shared else {
            return Self::export(kind);
        };
        let ordinary = fs::read(folder.join("ordinary.json")).unwrap();
        Self {
            carried: Carried::kept(&folder),
            ordinary: serde_json::from_slice(&ordinary).unwrap(),
        }
    }

    fn export(kind: &str) -> Self {
        let connected = Engine::with_plugin(kind);
        let origin = Server::start();
        let project = Workspace::of_example("sloppy");
        let environment = format!("ORIGIN={}\nORIGIN_PLAIN={}\n", origin.https, origin.http);
        project.write(".env", environment);
        project.write("base/certs/company.pem", fs::read(&origin.ca).unwrap());
        let authority = project.join("base/certs/company.pem");
        let flags = ["--ca-file", authority.to_str().unwrap()];
        let carried = Carried::export(&connected, project, &flags);

        say("what an ordinary build of the edited sources makes");
        let edited = Workspace::copy_of(carried.project.path(), "ordinary");
        let build = |services: &[&str]| {
            let build = connected.docker(edited.path(), ["compose", "build", "-q"]);
            build.args(services).within(900).succeeds();
            let contents = |service: &&str| {
                let image = format!("sloppy-{service}:dev");
                ((*service).to_owned(), contents(&connected, &image))
            };
            services.iter().map(contents).collect::<Vec<_>>()
        };
        for edit in &SLOPPY_EDITS {
            edit.make(&edited);
        }
        let mut ordinary: BTreeMap<String, String> =
            build(&COMPARED[..COMPARED.len() - 1]).into_iter().collect();
        SLOPPY_BASE.make(&edited);
        ordinary.extend(build(&["base"]));
        Self { carried, ordinary }
    }
}

/// `tests/lab/origin` on this machine; ends with the value, and with the process.
struct Server {
    child: Child,
    https: String,
    http: String,
    ca: String,
    _folder: Workspace,
}

impl Server {
    fn start() -> Self {
        let folder = Workspace::empty("origin");
        let addresses = on_machine("hostname").arg("-I").quietly().succeeds().stdout;
        let address = addresses.split_whitespace().next().expect("an address");
        // It ends when nobody holds the other end of its standard input.
        let mut child = Command::new("sh")
            .args(["-c", "\"$@\" & cat; kill $!", "origin"])
            .arg(repository().join("tests/lab/origin"))
            .arg(folder.path())
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the origin can be started");
        let mut line = String::new();
        let mut printed = BufReader::new(child.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let told: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        say(format!("a server at {}", word("https")));
        Self {
            https: word("https"),
            http: word("http"),
            ca: word("ca"),
            child,
            _folder: folder,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
