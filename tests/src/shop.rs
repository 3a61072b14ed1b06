use crate::{Carried, Engine, Workspace};

/// A small project in which nothing is amiss: what the stories of diagnosis spoil.
/// `api` is built, with a step that a network tool runs; `db` is not.
#[derive(Debug)]
pub struct Shop;

const COMPOSE: &str = "name: shop
services:
  api:
    build:
      context: ./api
      args:
        MODE: ${MODE}
    image: shop-api:1
    container_name: shop-api
    env_file: api.env
    ports:
      - \"18080:80\"
    volumes:
      - ./api.conf:/etc/api.conf:ro
    command: httpd -f -p 80
    stop_grace_period: 1s
  db:
    image: alpine:3.20
    command: sleep 600
    stop_grace_period: 1s
";

const DOCKERFILE: &str = "FROM busybox:1.36
ARG MODE=slow
WORKDIR /app
COPY requirements.txt ./
RUN wget -q -O /list http://127.0.0.1:1/list || echo none > /list
COPY . .
RUN sh start.sh
";

impl Shop {
    /// The project.
    pub fn project() -> Workspace {
        let files = [
            ("compose.yaml", COMPOSE),
            (".env", "MODE=fast\n"),
            ("api.env", "LEVEL=info\n"),
            ("api.conf", "port=80\n"),
            ("api/Dockerfile", DOCKERFILE),
            ("api/.dockerignore", "Dockerfile\n"),
            ("api/requirements.txt", "one\n"),
            ("api/start.sh", "#!/bin/sh\necho started\n"),
            ("api/main.py", "print(1)\n"),
        ];
        Workspace::of_files("shop", &files)
    }

    /// Its export, made on an empty engine of a kind, without a recording: what a cache
    /// does not give is lost.
    pub fn carried(kind: &str) -> Carried {
        let carried = Carried::made_once("shop", kind, || {
            let connected = Engine::with_plugin(kind);
            Carried::export(&connected, Self::project(), &["--no-record"])
        });
        carried.copy()
    }

    /// A site of a kind where it was built from the bundle, so that diagnosis has
    /// nothing to find.
    pub fn on_site(carried: &Carried, kind: &str) -> (Engine, Workspace) {
        let (site, project) = carried.arrive(kind);
        site.offline(project.path(), ["build", "--bundle"])
            .arg(carried.archive())
            .succeeds();
        site.diagnose(project.path(), &[]).finds_nothing();
        (site, project)
    }
}
