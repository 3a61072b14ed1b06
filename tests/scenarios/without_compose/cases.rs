//! Small projects, each with one thing that a reader can get wrong.

/// Files by path; the flags, in the words of the command line.
pub type Case = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

/// Projects that Compose reads.
pub const READ: &[Case] = &[
    (
        "interpolation",
        &[],
        &[
            (
                "compose.yaml",
                "services:\n  a:\n    image: r/${NAME:-n}:${TAG}\n    build:\n      context: ${DIR-.}\n      args:\n        DOLLAR: 100$$ $5\n        EMPTY: ${NONE}\n        SET: ${TAG:+yes}${NONE+no}\n        NESTED: ${NONE:-${TAG}-${NONE:-z}}\n        QUOTED: '{\"a\": \"${TAG:?must}\"}'\n        INHERITED:\n        NOWHERE:\n      labels: [\"l=${TAG}\", k]\n",
            ),
            (
                ".env",
                "# x\nTAG=\"1.2\"\nexport INHERITED=from-env # c\nUNUSED=${TAG}\n",
            ),
        ],
    ),
    (
        "env files",
        &["--env-file", "one.env", "--env-file", "two.env"],
        &[
            (
                "compose.yaml",
                "name: ${PROJECT:-none}\nservices:\n  a:\n    image: i:${A}-${B}-${C:-c}\n",
            ),
            (".env", "C=never\n"),
            ("one.env", "A=1\nB=1\n"),
            ("two.env", "B='2'\nPROJECT=named_in-env\n"),
        ],
    ),
    (
        "merge keys",
        &[],
        &[(
            "compose.yaml",
            "x-base: &base\n  image: base:1\n  depends_on: [db]\nx-more: &more\n  <<: *base\n  platform: linux/amd64\nservices:\n  db: {image: \"db:1\"}\n  a:\n    <<: *more\n    image: a:2\n  b:\n    <<: [*more, {pull_policy: never}]\n    build: &build\n      context: b\n      args: &args {X: 1, Y: two}\n  c:\n    build:\n      <<: *build\n      args:\n        <<: *args\n        X: 3.10\n",
        )],
    ),
    (
        "default override",
        &[],
        &[
            (
                "compose.yaml",
                "services:\n  a:\n    build: ./a\n    image: a:1\n    depends_on: [b]\n    env_file: a.env\n  b:\n    image: b:1\n    build:\n      context: b\n      args: [\"X=1\", \"Y=2\"]\n      tags: [t:1]\n      cache_from: [c:1]\n      extra_hosts: [\"h=1.1.1.1\"]\n",
            ),
            (
                "compose.override.yaml",
                "services:\n  a:\n    build:\n      target: dev\n      args:\n        Z: 9\n    depends_on:\n      c: {condition: service_healthy}\n  b:\n    image: b:2\n    build:\n      dockerfile: Other\n      args:\n        Y: 3\n        N:\n      tags: [t:2, t:1]\n      cache_from: [c:2]\n      extra_hosts:\n        h: 2.2.2.2\n        k: \"[::1]\"\n  c:\n    image: c\n",
            ),
            ("a.env", "A=1\n"),
        ],
    ),
    (
        "several files",
        &["-f", "one.yaml", "-f", "sub/two.yaml", "-p", "given"],
        &[
            (
                "one.yaml",
                "services:\n  a:\n    build: .\n    profiles: [x]\n  gone:\n    image: g:1\n    build: ./g\n",
            ),
            (
                "sub/two.yaml",
                "services:\n  a:\n    build:\n      context: ./from-two\n    profiles: [y, x]\n  gone:\n    build: !reset null\n",
            ),
        ],
    ),
    (
        "profiles",
        &["--profile", "debug"],
        &[(
            "compose.yaml",
            "services:\n  always: {image: \"a:1\"}\n  debug: {image: \"d:1\", profiles: [debug, more]}\n  other: {image: \"o:1\", profiles: [other]}\n  needs:\n    image: n:1\n    depends_on:\n      other: {condition: service_started, required: false}\n",
        )],
    ),
    (
        "profiles of the environment",
        &[],
        &[
            (
                "compose.yaml",
                "services:\n  always: {image: \"a:1\"}\n  debug: {image: \"d:1\", profiles: [debug]}\n  other: {image: \"o:1\", profiles: [other]}\n",
            ),
            (
                ".env",
                "COMPOSE_PROFILES=debug, x\nCOMPOSE_PROJECT_NAME=by_variable\n",
            ),
        ],
    ),
    (
        "extends",
        &[],
        &[
            (
                "compose.yaml",
                "services:\n  base:\n    build:\n      context: ./base\n      args: {A: 1, B: 2}\n    image: base:1\n  child:\n    extends: base\n    build:\n      args: {B: 3}\n    image: child:1\n  grandchild:\n    extends: {service: child}\n    image: grandchild:1\n  other:\n    extends:\n      file: lib/common.yaml\n      service: worker\n    platform: linux/amd64\n",
            ),
            (
                "lib/common.yaml",
                "services:\n  root:\n    build:\n      context: ./rooted\n      additional_contexts:\n        data: ../data\n        img: docker-image://alpine:3\n    env_file: common.env\n  worker:\n    extends:\n      service: root\n    build:\n      dockerfile: W\n    image: worker:${TAG:-9}\n",
            ),
            ("lib/common.env", "A=1\n"),
        ],
    ),
    (
        "include",
        &[],
        &[
            (
                "compose.yaml",
                "include:\n  - parts/db/compose.yaml\n  - path: [parts/web/compose.yaml, parts/web/over.yaml]\n    project_directory: parts\n    env_file: parts/web.env\nservices:\n  a:\n    image: a:1\n    depends_on: [db, web]\n",
            ),
            (
                "parts/db/compose.yaml",
                "services:\n  db:\n    image: db:${DB_TAG}\n    build: .\nsecrets:\n  token: {file: ./token}\n",
            ),
            ("parts/db/.env", "DB_TAG=5\n"),
            (
                "parts/web/compose.yaml",
                "services:\n  web:\n    build:\n      context: ./web\n      secrets: [web]\n    image: web:${TAG}\nsecrets:\n  web: {file: ./web-token}\n",
            ),
            (
                "parts/web/over.yaml",
                "services:\n  web:\n    image: web:over-${TAG}\n",
            ),
            ("parts/web.env", "TAG=7\n"),
        ],
    ),
    (
        "every key of a build",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    image: me/a\n    pull_policy: if_not_present\n    platform: linux/amd64\n    build:\n      context: ./a\n      dockerfile: ../Dockerfile.a\n      target: run\n      network: host\n      shm_size: 1.5gb\n      no_cache: true\n      pull: false\n      privileged: true\n      platforms: [linux/amd64, linux/arm64]\n      entitlements: [network.host]\n      isolation: default\n      labels: {a: 1, b: two, c: null}\n      tags: [me/a:x, me/a:y]\n      cache_from: [me/a]\n      cache_to: [\"type=inline\"]\n      extra_hosts: [\"h:1.2.3.4\", \"h=1.2.3.5\", \"v6:::1\"]\n      ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}\n      additional_contexts: [\"b=service:b\", \"d=./d\", \"g=https://x.org/y.git\"]\n      secrets: [t, {source: e, target: k}]\n  b: {build: .}\n  c:\n    build:\n      dockerfile_inline: |\n        FROM alpine\n        RUN echo $$HOME ${X:-x}\nsecrets:\n  t: {file: ./t}\n  e: {environment: TOKEN}\n",
        )],
    ),
    (
        "ssh",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    build:\n      context: .\n      ssh: [default, key=./k.pem]\n",
        )],
    ),
    (
        "remote contexts and numbers",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a: {build: \"https://github.com/o/r.git#main:sub\"}\n  b:\n    build:\n      context: git@github.com:o/r.git\n      args: {ONE: 1.0, BIG: 1234567.0, SMALL: 0.00001, HEX: 0x10, YES: yes, T: true, N: -5, E: \"\"}\n  c:\n    build: {args: {X: 1}}\n    volumes:\n      - {type: image, source: \"vol:1\", target: /v}\n      - ./x:/x\n",
        )],
    ),
    (
        "ties between services",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a: {image: \"a:1\", network_mode: \"service:b\"}\n  b: {image: \"b:1\", links: [\"c:alias\"]}\n  c: {image: \"c:1\", volumes_from: [\"d:ro\"]}\n  d: {image: \"d:1\"}\n",
        )],
    ),
    (
        "several documents and a name",
        &[],
        &[(
            "compose.yaml",
            "name: My_App.2\nservices:\n  a:\n    image: a:1\n---\nservices:\n  a:\n    build: .\n  \"1\": {image: \"${COMPOSE_PROJECT_NAME}:1\"}\n",
        )],
    ),
    (
        "found by its other name",
        &[],
        &[
            (
                "docker-compose.yml",
                "version: '3.8'\nservices:\n  a:\n    build: .\n",
            ),
            (
                "docker-compose.override.yml",
                "services:\n  a:\n    image: over:1\n",
            ),
        ],
    ),
];

/// Projects that Compose refuses.
pub const REFUSED: &[Case] = &[
    (
        "unset required variable",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    image: a:${TAG:?say which}\n",
        )],
    ),
    (
        "bad interpolation",
        &[],
        &[("compose.yaml", "services:\n  a:\n    image: a:${TAG\n")],
    ),
    (
        "broken yaml",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    image: a:1\n   ports: [\n",
        )],
    ),
    (
        "no service defined twice",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a: {image: \"a:1\"}\n  a: {image: \"a:2\"}\n",
        )],
    ),
    (
        "nothing to run",
        &[],
        &[("compose.yaml", "services:\n  a:\n    command: x\n")],
    ),
    (
        "unknown dependency",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    image: a:1\n    depends_on: [nobody]\n",
        )],
    ),
    (
        "dependency on a hidden service",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a: {image: \"a:1\", depends_on: [b]}\n  b: {image: \"b:1\", profiles: [x]}\n",
        )],
    ),
    (
        "circle",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a: {image: \"a:1\", depends_on: [b]}\n  b: {image: \"b:1\", depends_on: [a]}\n",
        )],
    ),
    (
        "missing env_file",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    image: a:1\n    env_file: no.env\n",
        )],
    ),
    (
        "missing --env-file",
        &["--env-file", "no.env"],
        &[("compose.yaml", "services:\n  a: {image: \"a:1\"}\n")],
    ),
    (
        "missing include",
        &[],
        &[(
            "compose.yaml",
            "include: [no.yaml]\nservices:\n  a: {image: \"a:1\"}\n",
        )],
    ),
    (
        "missing extended service",
        &[],
        &[("compose.yaml", "services:\n  a:\n    extends: nobody\n")],
    ),
    (
        "missing extended file",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    extends: {file: no.yaml, service: x}\n",
        )],
    ),
    (
        "bad image",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    image: \"a:${NONE}\"\n",
        )],
    ),
    (
        "unknown context service",
        &[],
        &[(
            "compose.yaml",
            "services:\n  a:\n    build:\n      context: .\n      additional_contexts: {b: \"service:b\"}\n",
        )],
    ),
    (
        "bad project name",
        &["-p", "Bad Name"],
        &[("compose.yaml", "services:\n  a: {image: \"a:1\"}\n")],
    ),
    ("empty file", &[], &[("compose.yaml", "")]),
    ("a list", &[], &[("compose.yaml", "- a\n")]),
    (
        "services as a list",
        &[],
        &[("compose.yaml", "services:\n  - a\n")],
    ),
    (
        "no Compose file at all",
        &[],
        &[("compose.yaml", "on: push\njobs: {}\n")],
    ),
];
