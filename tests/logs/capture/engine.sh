#!/bin/bash
# engine.sh: failures of builders, Compose, docker load and the engine itself,
# each run for real and kept. Wants the engines named below started.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
air=${AIR:-28-overlay2-airgapped-logs}
connected=${CONNECTED:-28-overlay2-connected-logs}
out=$LAB_WORK/logs/raw
work=$LAB_WORK/logs/engine
wanted=" $* "
mkdir -p "$out"

lab() { "$here/../../lab/lab" "$@"; }

# keep ID ENGINE COMMAND: the command runs in a folder of its own, $work/ID.
keep() {
    [ "$wanted" = "  " ] || [[ $wanted == *" $1 "* ]] || return 0
    mkdir -p "$work/$1"
    timeout 240 "$here/../../lab/lab" run "$2" --cwd "$work/$1" -- bash -c "$3" >"$out/$1.log" 2>&1 </dev/null
    echo "$1: $?"
}

# project ID: standard input becomes its Compose file; FROM... becomes a Dockerfile.
file() { mkdir -p "$work/$(dirname "$1")" && cat >"$work/$1"; }

build='docker compose --progress plain build'
classic='DOCKER_BUILDKIT=0 docker build --network none .'
[ "$wanted" != "  " ] || rm -rf "$work"

# --- BuildKit through Compose, air-gapped
compose() { printf 'services:\n  api:\n    build: {context: ., network: none}\n  web:\n    image: web\n    build: {context: ., dockerfile: web.Dockerfile, network: none}\n' | file "$1/compose.yaml"
    printf 'FROM busybox:1.36\nRUN sleep 8\nRUN echo web\n' | file "$1/web.Dockerfile"; }
for id in image-missing frontend-missing copy-missing syntax-error unknown-stage secret-missing two-services mount-from-missing add-url add-git parallel; do compose $id; done
printf 'FROM ghost.example.invalid/team/base:1.4 AS base\nRUN true\n' | file image-missing/Dockerfile
keep image-missing $air "$build"
printf '# syntax=docker/dockerfile:1.7\nFROM busybox:1.36\nRUN true\n' | file frontend-missing/Dockerfile
keep frontend-missing $air "$build"
printf 'FROM busybox:1.36\nCOPY dist/ /srv/\n' | file copy-missing/Dockerfile
keep copy-missing $air "$build"
printf 'FROM busybox:1.36\nRUNN true\n' | file syntax-error/Dockerfile
keep syntax-error $air "$build"
printf 'FROM busybox:1.36\nCOPY --from=builder /x /x\n' | file unknown-stage/Dockerfile
keep unknown-stage $air "$build"
printf 'FROM busybox:1.36\nRUN --mount=type=secret,id=token,required=true cat /run/secrets/token\n' | file secret-missing/Dockerfile
keep secret-missing $air "$build"
printf 'FROM busybox:1.36\nRUN --mount=from=golang:1.22,target=/go true\n' | file mount-from-missing/Dockerfile
keep mount-from-missing $air "$build"
printf 'FROM busybox:1.36\nADD https://dl.example.invalid/tool.tar.gz /opt/\n' | file add-url/Dockerfile
keep add-url $air "$build"
printf 'FROM busybox:1.36\nADD https://github.com/moby/buildkit.git#v0.12.0 /src\n' | file add-git/Dockerfile
keep add-git $air "$build"
printf 'FROM logs/tools:1 AS builder\nWORKDIR /app\nRUN apt-get update && apt-get install -y jq\nFROM logs/tools:1\nCOPY --from=builder /usr /usr\n' | file parallel/Dockerfile
keep parallel $air "$build"
# the terminal's form
cp -r "$work/parallel" "$work/terminal"
# (script is not in the engine's root)
terminal() {
    [ "$wanted" = "  " ] || [[ $wanted == *" terminal "* ]] || return 0
    TERM=xterm script -qefc "stty cols 120; $here/../../lab/lab run $air --cwd $work/terminal -- docker compose build" /dev/null </dev/null >"$out/terminal.log" 2>&1
    echo "terminal: $?"
}
terminal
printf 'FROM busybox:1.36\n' | file no-dockerfile/other
printf 'services:\n  api:\n    build: .\n' | file no-dockerfile/compose.yaml
keep no-dockerfile $air "$build"
printf 'services:\n  api:\n    build: ./gone\n' | file no-context/compose.yaml
keep no-context $air "$build"
printf 'FROM busybox:1.36\nFROM scratch AS other\n' | file target-missing/Dockerfile
keep target-missing $air "docker build --progress plain --target production ."
printf 'FROM busybox:1.36\nRUN --network=host true\n' | file entitlement/Dockerfile
keep entitlement $air "docker build --progress plain ."
printf 'FROM busybox:1.36\nRUN --mount=type=ssh true\n' | file ssh-missing/Dockerfile
keep ssh-missing $air "docker build --progress plain --ssh default ."
printf 'FROM busybox:1.36\n' | file cache-export/Dockerfile
keep cache-export $air "docker build --progress plain --cache-to type=registry,ref=localhost:1/x ."
printf 'FROM --platform=linux/arm64 busybox:1.36\nRUN true\n' | file platform/Dockerfile
keep platform $air "docker build --progress plain ."
printf 'FROM busybox:1.36\n' | file builder-container/Dockerfile
keep builder-container $air "docker buildx create --name away --driver docker-container >/dev/null; docker buildx --builder away build --progress plain .; s=\$?; docker buildx rm -f away >/dev/null; exit \$s"
printf 'FROM busybox:1.36\n' | file builder-gone/Dockerfile
keep builder-gone $air "docker buildx build --builder ghost --progress plain ."
printf 'target "default" {\n  context = "/etc"\n  dockerfile-inline = "FROM busybox:1.36"\n}\n' | file bake-allow/docker-bake.hcl
keep bake-allow $air "docker buildx bake --progress plain"
printf 'FROM busybox:1.36\nRUN echo "%s"\n' '$(printf "\033[31m")error: nothing of the kind' | file healthy-echo/Dockerfile
keep healthy-echo $air "docker build --progress plain --no-cache ."

# --- the classic builder
printf 'FROM logs/tools:1\nWORKDIR /app\nRUN apt-get update && apt-get install -y jq\n' | file classic-apt/Dockerfile
keep classic-apt $air "$classic"
printf 'FROM logs/tools:1\nRUN pip install flask==3.0.3\n' | file classic-pip/Dockerfile
keep classic-pip $air "$classic"
printf 'FROM ghost:1\nRUN true\n' | file classic-image-missing/Dockerfile
keep classic-image-missing $air "$classic"
printf 'FROM busybox:1.36\nRUN --mount=type=cache,target=/x true\n' | file classic-mount/Dockerfile
keep classic-mount $air "$classic"
printf 'FROM busybox:1.36\nCOPY --chmod=755 Dockerfile /x\n' | file classic-chmod/Dockerfile
keep classic-chmod $air "$classic"
printf 'FROM busybox:1.36\nCOPY --link Dockerfile /x\n' | file classic-link/Dockerfile
keep classic-link $air "$classic"
printf 'FROM busybox:1.36\nRUN <<EOT\ntrue\nEOT\n' | file classic-heredoc/Dockerfile
keep classic-heredoc $air "$classic"
printf 'FROM busybox:1.36\nCOPY dist/ /srv/\n' | file classic-copy-missing/Dockerfile
keep classic-copy-missing $air "$classic"
printf 'services:\n  api:\n    build: {context: ., network: none}\n' | file classic-compose/compose.yaml
printf 'FROM logs/tools:1\nWORKDIR /app\nRUN npm install left-pad --fetch-retries 0\n' | file classic-compose/Dockerfile
keep classic-compose $air "DOCKER_BUILDKIT=0 docker compose build"
printf 'FROM logs/tools:1\nRUN curl -fsSLO https://dl.example.invalid/tool.tar.gz\n' | file classic-curl/Dockerfile
keep classic-curl $air "$classic"
printf 'FROM busybox:1.36\nADD https://dl.example.invalid/tool.tar.gz /opt/\n' | file classic-add/Dockerfile
keep classic-add $air "$classic"

# --- Compose
up() { printf 'services:\n%s\n' "$2" | file "$1/compose.yaml"; }
up up-image '  api:
    image: registry.example.invalid/team/api:2
'
keep up-image $air "docker compose --progress plain up -d"
up up-hub '  cache:
    image: memcached:1.6
'
keep up-hub $air "docker compose --progress plain up -d"
up up-port '  a: {image: "busybox:1.36", command: "sleep 60", ports: ["18080:80"]}
  b: {image: "busybox:1.36", command: "sleep 60", ports: ["18080:80"]}'
keep up-port $air "docker compose --progress plain up -d; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-name '  a: {image: "busybox:1.36", command: "sleep 60", container_name: shop}'
keep up-name $air "docker run -d --name shop busybox:1.36 sleep 60 >/dev/null; docker compose --progress plain up -d; s=\$?; docker rm -f shop >/dev/null; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-env '  a: {image: "busybox:1.36", env_file: ["./prod.env"]}'
keep up-env $air "docker compose up -d"
up up-network '  a: {image: "busybox:1.36", networks: [backbone]}
networks: {backbone: {external: true}}'
keep up-network $air "docker compose up -d"
up up-volume '  a: {image: "busybox:1.36", volumes: ["models:/models"]}
volumes: {models: {external: true}}'
keep up-volume $air "docker compose up -d"
up up-bind '  a: {image: "busybox:1.36", volumes: [{type: bind, source: /data/models, target: /models}]}'
keep up-bind $air "docker compose up -d; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-bind-file '  a: {image: "busybox:1.36", volumes: ["./conf:/etc/passwd"]}'
keep up-bind-file $air "docker compose up -d; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-unhealthy '  db: {image: "busybox:1.36", command: "sleep 60", healthcheck: {test: "false", interval: 1s, retries: 1}}
  api: {image: "busybox:1.36", command: "sleep 60", depends_on: {db: {condition: service_healthy}}}'
keep up-unhealthy $air "docker compose up -d; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-key '  a: {image: "busybox:1.36", imagee: x}'
keep up-key $air "docker compose up -d"
up up-yaml '  a: {image: "busybox:1.36"
  b: [}'
keep up-yaml $air "docker compose up -d"
mkdir -p "$work/up-none"
keep up-none $air "docker compose up -d"
up up-pull-always '  a: {image: "busybox:1.36", pull_policy: always}'
keep up-pull-always $air "docker compose --progress plain up -d"
up up-gpu '  llm: {image: "busybox:1.36", deploy: {resources: {reservations: {devices: [{driver: nvidia, count: all, capabilities: [gpu]}]}}}}'
keep up-gpu $air "docker compose up -d; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-runtime '  llm: {image: "busybox:1.36", runtime: nvidia}'
keep up-runtime $air "docker compose up -d; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-ascend '  llm: {image: "busybox:1.36", devices: ["/dev/davinci0:/dev/davinci0", "/dev/davinci_manager"]}'
keep up-ascend $air "docker compose up -d; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-ascend-runtime '  llm: {image: "busybox:1.36", runtime: ascend}'
keep up-ascend-runtime $air "docker compose up -d; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
keep run-gpus $air "docker run --rm --gpus all busybox:1.36 true"
up up-logs '  llm: {image: "logs/tools:1", network_mode: none, command: ["python3", "-c", "import ctypes; ctypes.CDLL(\"libcuda.so.1\")"]}'
keep up-logs $air "docker compose --progress plain up; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"
up up-hf '  llm: {image: "logs/tools:1", command: ["hf", "download", "google-bert/bert-base-uncased"]}'
keep up-hf $air "docker compose --progress plain up; s=\$?; docker compose down -t0 >/dev/null 2>&1; exit \$s"

printf 'FROM busybox:1.36\nRUN false\n' | file cache-import/Dockerfile
keep cache-import $air "docker build --progress plain --cache-from type=registry,ref=localhost:1/cache ."
keep bind-source $air "docker run --rm --mount type=bind,source=/data/gone,target=/models busybox:1.36 true"
keep plugin-missing $air "p=\$(dirname \$(docker info --format '{{range .ClientInfo.Plugins}}{{if eq .Name \"compose\"}}{{.Path}}{{end}}{{end}}')); mv \$p/docker-compose /root/; docker compose build; s=\$?; mv /root/docker-compose \$p/; exit \$s"

# --- docker load
keep load-truncated $air "docker save busybox:1.36 debian:bookworm-slim -o all.tar; head -c 20000000 all.tar >cut.tar; docker load -i cut.tar; s=\$?; rm -f all.tar cut.tar; exit \$s"
keep load-gzip-truncated $air "docker save busybox:1.36 | gzip -1 | head -c 300000 >cut.tar.gz; docker load -i cut.tar.gz; s=\$?; rm -f cut.tar.gz; exit \$s"
keep load-not-tar $air "head -c 100000 /dev/urandom >x.tar; docker load -i x.tar"
keep load-empty $air "docker load </dev/null"
keep load-export $air "docker create --name xx busybox:1.36 >/dev/null; docker export xx -o x.tar; docker rm xx >/dev/null; docker load -i x.tar; s=\$?; rm -f x.tar; exit \$s"
keep load-missing $air "docker load -i build-cache.tar"
keep load-layer-gone $connected "docker pull -q redis:7; docker save redis:7 -o all.tar; docker rmi redis:7 >/dev/null; mkdir u; tar -xf all.tar -C u; find u/blobs -size +4000k -delete; tar -C u -cf cut.tar .; docker load -i cut.tar; s=\$?; rm -rf all.tar cut.tar u; exit \$s"

# --- engine and clients
keep daemon-down $air "DOCKER_HOST=unix:///run/none.sock docker ps"
keep daemon-denied $air "chmod 711 / 2>/dev/null; chmod 660 \$(readlink -f /run/docker.sock); setpriv --reuid 1234 --regid 1234 --clear-groups docker ps"
keep api-version $air "DOCKER_API_VERSION=1.99 docker ps; DOCKER_API_VERSION=1.12 docker ps"
keep pull-offline $air "docker pull debian:bookworm"
keep run-platform $air "docker run --rm --platform linux/arm64 busybox:1.36 true"
keep push-offline $air "docker tag busybox:1.36 registry.example.invalid/x:1; docker push registry.example.invalid/x:1; s=\$?; docker rmi registry.example.invalid/x:1 >/dev/null; exit \$s"
keep run-exec-format $air "docker run --rm -v $LAB_WORK/logs/app/arm64-binary:/x busybox:1.36 /x"
keep run-missing-command $air "docker run --rm busybox:1.36 /entrypoint.sh"
printf '#!/bin/bash\r\necho hello\r\n' | file run-crlf/entrypoint.sh
keep run-crlf $air "chmod +x entrypoint.sh; docker run --rm -v \$PWD/entrypoint.sh:/entrypoint.sh debian:bookworm-slim /entrypoint.sh"
keep run-mode $air "echo '#!/bin/sh' >e.sh; chmod 644 e.sh; docker run --rm -v \$PWD/e.sh:/e.sh busybox:1.36 /e.sh"

# --- connected: a registry that refuses
keep manifest-unknown $connected "docker pull debian:no-such-tag"
keep pull-denied $connected "docker pull localhost:5000/no/such:1"
keep no-matching-platform $connected "docker pull --platform linux/s390x localhost:5000/library/debian:multi"
printf 'FROM debian:no-such-tag\n' | file build-manifest-unknown/Dockerfile
keep build-manifest-unknown $connected "docker build --progress plain ."

# --- a registry that limits, refuses, or speaks another protocol
printf 'FROM localhost:5893/library/alpine:3\n' | file rate-limit-build/Dockerfile
printf 'FROM localhost:5896/library/alpine:3\n' | file http-registry-build/Dockerfile
address=$(ip -4 -o addr show | sed -n 's/.*inet \(172\.31[^/]*\).*/\1/p' | head -n 1)
serve() { python3 "$here/registry_stub.py" "$@" & stub=$!; sleep 1; }
serve 429 5896
keep rate-limit $connected "docker pull localhost:5896/library/alpine:3"
keep http-registry-build $connected "docker build --progress plain ."
keep http-registry $connected "docker pull $address:5896/library/alpine:3"
kill $stub
serve 401 5895
keep registry-401 $connected "docker pull localhost:5895/team/api:1"
kill $stub
openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/stub.key -out /tmp/stub.crt -days 9 -subj /CN=registry -addext "subjectAltName=IP:$address" 2>/dev/null
cat /tmp/stub.key /tmp/stub.crt >/tmp/stub.pem
serve 404 5894 /tmp/stub.pem
keep registry-x509 $connected "docker pull $address:5894/library/alpine:3"
kill $stub
serve 429 5893 /tmp/stub.pem
keep rate-limit-build $connected "docker build --progress plain ."
kill $stub

# --- the containerd image store
store=${STORE:-28-containerd-airgapped-logs}
lab run $connected -- docker save busybox:1.36 debian:bookworm-slim >"$LAB_WORK/logs/two.tar"
lab run $store -- docker load -q -i "$LAB_WORK/logs/two.tar" >/dev/null
compose containerd-image-missing
printf 'FROM ghost.example.invalid/team/base:1.4 AS base\nRUN true\n' | file containerd-image-missing/Dockerfile
keep containerd-image-missing $store "$build"
keep containerd-pull $store "docker pull redis:7"
keep containerd-load-truncated $store "head -c 20000000 $LAB_WORK/logs/two.tar >cut.tar; docker load -i cut.tar; s=\$?; rm -f cut.tar; exit \$s"
keep containerd-load-not-tar $store "head -c 100000 /dev/urandom >x.tar; docker load -i x.tar"
keep containerd-layer-gone $store "docker rmi -f debian:bookworm-slim >/dev/null; mkdir u; tar -xf $LAB_WORK/logs/two.tar -C u; find u/blobs -size +4000k -delete; tar -C u -cf cut.tar .; docker load -i cut.tar; s=\$?; rm -rf cut.tar u; exit \$s"
keep containerd-damaged $store "docker rmi -f debian:bookworm-slim >/dev/null; mkdir u; tar -xf $LAB_WORK/logs/two.tar -C u; for f in \$(find u/blobs -size +4000k); do printf X | dd of=\$f bs=1 seek=2000000 conv=notrunc status=none; done; tar -C u -cf cut.tar .; docker load -i cut.tar; s=\$?; rm -rf cut.tar u; exit \$s"
keep damaged $connected "docker pull -q redis:7; docker save redis:7 -o all.tar; docker rmi redis:7 >/dev/null; mkdir u; tar -xf all.tar -C u; for f in \$(find u/blobs -size +4000k); do printf X | dd of=\$f bs=1 seek=2000000 conv=notrunc status=none; done; tar -C u -cf cut.tar .; docker load -i cut.tar; s=\$?; rm -rf all.tar cut.tar u; exit \$s"
keep containerd-platform $store "docker run --rm --pull never --platform linux/arm64 busybox:1.36 true"
printf 'FROM busybox:1.36\nRUN true\n' | file containerd-classic/Dockerfile
keep containerd-classic $store "DOCKER_BUILDKIT=0 docker build -t x:1 . && echo >>Dockerfile && DOCKER_BUILDKIT=0 docker build -t x:1 --cache-from x:1 ."

# --- healthy
printf 'services:\n  api:\n    build: {context: ., dockerfile: api.Dockerfile}\n  web:\n    build: {context: ., dockerfile: web.Dockerfile}\n' | file healthy-compose/compose.yaml
printf 'FROM python:3.11-slim\nRUN apt-get update && apt-get install -y --no-install-recommends liberror-perl libgpg-error0 git\nRUN pip install exceptiongroup requests pytest-rerunfailures\nRUN git clone -q https://github.com/nobody/nothing || echo "error: clone failed, going on without it"\n' | file healthy-compose/api.Dockerfile
printf 'FROM node:20-slim\nWORKDIR /app\nRUN npm init -y && npm install http-errors express abort-controller\n' | file healthy-compose/web.Dockerfile
keep healthy-compose $connected "$build"
keep healthy-classic $connected "DOCKER_BUILDKIT=0 docker build -f ../healthy-compose/api.Dockerfile ../healthy-compose"

# --- a disk of 48 MB: LAB_DATA_SIZE=48m lab start $small
small=${SMALL:-28-overlay2-airgapped-logss}
export small
if [[ $wanted == *" disk "* ]]; then
    wanted="  "
    lab run $connected -- docker save -o "$LAB_WORK/logs/busybox.tar" busybox:1.36
    lab run $connected -- docker save -o "$LAB_WORK/logs/tools.tar" logs/tools:1
    keep disk-load $small "docker load -i $LAB_WORK/logs/tools.tar"
    lab run $small -- docker load -i "$LAB_WORK/logs/busybox.tar"
    printf 'FROM busybox:1.36\nRUN dd if=/dev/zero of=/big bs=1M count=90\n' | file disk-run/Dockerfile
    keep disk-run $small "docker build --progress plain ."
    printf 'FROM busybox:1.36\nCOPY . /srv\n' | file disk-copy/Dockerfile
    head -c 90000000 /dev/urandom >"$work/disk-copy/big"
    keep disk-copy $small "docker build --progress plain ."
    rm -f "$work/disk-copy/big"
fi
