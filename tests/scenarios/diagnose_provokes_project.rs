//! Each rule about the project, provoked by an edit of a project on a site where
//! nothing was found before; a rule that belongs to the export is seen there, too.

use std::fs;

use docker_offline_tests::{Engine, Shop, Workspace};

/// A file, what is put in the place of what, the rule, its severity, and words.
type Edit = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const EDITS: &[Edit] = &[
    (
        "compose.yaml",
        "services:",
        "sevrices:",
        "project",
        "error",
        &["sevrices"],
    ),
    (
        "api/Dockerfile",
        "COPY . .",
        "COPY . .\nCOPPY . /x",
        "project",
        "error",
        &["api/Dockerfile"],
    ),
    (
        "compose.yaml",
        "env_file: api.env",
        "env_file: [api.env, secret.env]",
        "env-file",
        "warning",
        &["compose.yaml:", "secret.env"],
    ),
    (
        ".env",
        "MODE=fast\n",
        "",
        "unset-variable",
        "warning",
        &["MODE"],
    ),
    (
        "api/Dockerfile",
        "COPY requirements.txt ./",
        "COPY . ./",
        "copy-before-install",
        "warning",
        &["api/Dockerfile:4", "wget at api/Dockerfile:5"],
    ),
    (
        "api/requirements.txt",
        "one",
        "two",
        "network-step",
        "error",
        &["wget at api/Dockerfile:5", "requirements.txt"],
    ),
    (
        "api/Dockerfile",
        "COPY . .",
        "ADD https://files.example/x /x\nCOPY . .",
        "remote-source",
        "error",
        &["api/Dockerfile:6", "https://files.example/x"],
    ),
    (
        "compose.yaml",
        "context: ./api",
        "context: https://git.example/api.git",
        "remote-source",
        "error",
        &["https://git.example/api.git"],
    ),
    (
        "compose.yaml",
        "    command: sleep 600\n",
        "    command: sh -c \"apk add curl && sleep 600\"\n",
        "asks-at-start",
        "warning",
        &["db", "apk add curl"],
    ),
    (
        "compose.yaml",
        "    command: sleep 600\n",
        "    command: sleep 600\n    x-offline: {models: [{huggingface: team/small, target: ./hf}]}\n",
        "hub-offline",
        "warning",
        &["db", "team/small"],
    ),
    (
        "compose.yaml",
        "      context: ./api\n",
        "      context: ./api\n      no_cache: true\n",
        "no-cache",
        "error",
        &["api", "no_cache: true", "wget"],
    ),
    (
        "compose.yaml",
        "    image: alpine:3.20\n",
        "    image: alpine:3.20\n    pull_policy: always\n",
        "pulls-always",
        "warning",
        &["db", "pull_policy: always"],
    ),
    (
        "compose.yaml",
        "      context: ./api\n",
        "      context: ./api\n      pull: true\n",
        "pulls-always",
        "warning",
        &["api", "build.pull: true"],
    ),
    (
        "compose.yaml",
        "image: alpine:3.20",
        "image: alpine",
        "floating-tag",
        "warning",
        &["compose.yaml:", "alpine"],
    ),
    (
        "api/Dockerfile",
        "FROM busybox:1.36",
        "FROM busybox",
        "floating-tag",
        "warning",
        &["api/Dockerfile:1", "busybox"],
    ),
    (
        "api/start.sh",
        "#!/bin/sh\n",
        "#!/bin/sh\r\n",
        "crlf-script",
        "warning",
        &["api/start.sh", "Windows line ends"],
    ),
    (
        "compose.yaml",
        "./api.conf:",
        "/srv/nosuch/api.conf:",
        "bind-mount",
        "warning",
        &["compose.yaml:", "/srv/nosuch/api.conf"],
    ),
    (
        "compose.yaml",
        "./api.conf:",
        "./other.conf:",
        "bind-mount",
        "warning",
        &["other.conf"],
    ),
];

#[test]
fn edits_of_compose_files_and_dockerfiles() {
    let carried = Shop::carried("28-overlay2-connected");
    let (site, project) = Shop::on_site(&carried, "28-overlay2-airgapped");
    let folder = project.path();
    let found = site.diagnose(folder, &[]);
    found.finds("project", "ok", &["shop", "2 services"]);
    found.finds(
        "network-step",
        "ok",
        &[
            "wget at api/Dockerfile:5",
            "held",
            "requirements.txt",
            "lines 1 to 5",
        ],
    );
    for (file, from, to, id, severity, words) in EDITS {
        println!("  {id}: {to:?} in {file}");
        let before = project.edit(file, from, to);
        site.diagnose(folder, &[]).finds(id, severity, words);
        project.write(file, before);
        site.diagnose(folder, &[]).is_silent_on(&[id]);
    }
    what_lies_in_the_context(&site, &project);
    no_compose_file(&site);
    what_the_machine_has_taken(&site, &project);
}

fn what_lies_in_the_context(site: &Engine, project: &Workspace) {
    let folder = project.path();
    project.write("api/node_modules/left/pad.js", "x".repeat(3 << 20));
    let found = site.diagnose(folder, &[]);
    found.finds(
        "dockerignore",
        "warning",
        &["api/.dockerignore", "node_modules", "3 MiB"],
    );
    project.edit(
        "api/.dockerignore",
        "Dockerfile\n",
        "Dockerfile\nnode_modules\n",
    );
    site.diagnose(folder, &[]).is_silent_on(&["dockerignore"]);
    fs::remove_file(project.join("api/.dockerignore")).unwrap();
    let found = site.diagnose(folder, &[]);
    found.finds("dockerignore", "warning", &["no .dockerignore", "3 MiB"]);
    fs::remove_dir_all(project.join("api/node_modules")).unwrap();
    project.write("api/.dockerignore", "Dockerfile\n");

    let model = fs::File::create(project.join("api/model.bin")).unwrap();
    model.set_len(501 << 20).unwrap();
    let found = site.diagnose(folder, &[]);
    found.finds("context-size", "warning", &["501 MiB", "model.bin"]);
    fs::remove_file(project.join("api/model.bin")).unwrap();
    site.diagnose(folder, &[]).finds_nothing();
}

fn no_compose_file(site: &Engine) {
    let elsewhere = Workspace::empty("elsewhere");
    let found = site.diagnose(elsewhere.path(), &[]);
    found.finds("project", "note", &["no Compose file"]);
}

fn what_the_machine_has_taken(site: &Engine, project: &Workspace) {
    let folder = project.path();
    site.shell("docker run -d --name shop-api alpine:3.20 sleep 600");
    let found = site.diagnose(folder, &[]);
    found.finds_only(
        "container-name",
        "error",
        &["compose.yaml:", "shop-api", "there already"],
    );
    let up = site.docker(folder, ["compose", "up", "-d"]).run();
    assert!(!up.ok(), "what was said does not work: {up}");
    site.shell("docker rm -f shop-api; docker compose -p shop down -t 1");

    site.shell("docker run -d --name web -p 18080:80 alpine:3.20 httpd -f -p 80");
    let found = site.diagnose(folder, &[]);
    found.finds_only(
        "port-in-use",
        "error",
        &["compose.yaml:", "18080/tcp", "the container web"],
    );
    site.shell("docker rm -f web");
    site.diagnose(folder, &[]).finds_nothing();
    let mut listener = site
        .run("docker")
        .args([
            "run",
            "--rm",
            "--network",
            "host",
            "--name",
            "host",
            "alpine:3.20",
        ])
        .args(["sh", "-c", "echo listens; exec httpd -f -p 18080"])
        .quietly()
        .start();
    assert!(listener.wait_for("listens"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    let found = site.diagnose(folder, &[]);
    found.finds_only(
        "port-in-use",
        "error",
        &["18080/tcp", "a program of this machine"],
    );
    site.shell("docker rm -f host");
    listener.finish();

    // What this project itself has taken is in order.
    site.docker(folder, ["compose", "up", "-d"]).succeeds();
    site.answers("http://127.0.0.1:18080/", "");
    site.diagnose(folder, &[]).finds_nothing();
}
