use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::{Engine, Workspace, on_machine, say};

/// A server of git repositories on the machine, which the builder of a connected engine
/// reaches. It goes with this value.
#[derive(Debug)]
pub struct GitServer {
    /// Its address, without a slash at the end.
    pub url: String,
    folder: Workspace,
    server: Child,
}

impl GitServer {
    /// Starts one without repositories.
    pub fn start(engine: &Engine) -> Self {
        let folder = Workspace::empty("git");
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let found = Command::new("git").arg("--exec-path").output().unwrap();
        let programs = String::from_utf8(found.stdout).unwrap();
        let server = Command::new(PathBuf::from(programs.trim()).join("git-daemon"))
            .arg(format!("--base-path={}", folder.path().display()))
            .args(["--export-all", "--reuseaddr"])
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(50));
        }
        let url = format!("git://{}:{port}", engine.gateway());
        say(format!("a git server at {url}"));
        Self {
            url,
            folder,
            server,
        }
    }

    /// Commits these files to the branch `main` of a repository, which is made where there
    /// is none, and gives the commit. A text `-> PATH` makes a link, one that begins with `#!`
    /// a program.
    pub fn commit(&self, name: &str, files: &[(&str, &str)]) -> String {
        let tree = self.folder.join(format!("{name}.tree"));
        let bare = self.folder.join(format!("{name}.git"));
        if !tree.exists() {
            git(&["init", "-q", "-b", "main", &tree.display().to_string()]);
        }
        for (path, text) in files {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => symlink(target, &path).unwrap(),
                None => fs::write(&path, text).unwrap(),
            }
            if text.starts_with("#!") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        let at = tree.display().to_string();
        git(&["-C", &at, "add", "-A"]);
        git(&["-C", &at, "commit", "-q", "-m", "a change"]);
        git(&[
            "init",
            "-q",
            "--bare",
            "-b",
            "main",
            &bare.display().to_string(),
        ]);
        git(&["-C", &at, "push", "-q", &bare.display().to_string(), "main"]);
        git(&["-C", &at, "rev-parse", "HEAD"])
    }

    /// Has a repository as a submodule of another one, in the next commit of that.
    pub fn submodule(&self, name: &str, other: &str, path: &str) {
        let tree = self.folder.join(format!("{name}.tree"));
        let url = format!("{}/{other}.git", self.url);
        let at = tree.display().to_string();
        git(&["-C", &at, "submodule", "--quiet", "add", &url, path]);
    }

    /// Names the commit that a repository's `main` has now.
    pub fn tag(&self, name: &str, tag: &str) {
        let bare = self
            .folder
            .join(format!("{name}.git"))
            .display()
            .to_string();
        git(&["-C", &bare, "tag", "-a", "-m", "a tag", tag, "main"]);
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn git(words: &[&str]) -> String {
    let ran = on_machine("git")
        .args(["-c", "user.name=lab", "-c", "user.email=lab@example.org"])
        .args(words);
    ran.quietly().succeeds().stdout.trim().to_owned()
}
