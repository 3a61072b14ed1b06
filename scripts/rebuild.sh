#!/usr/bin/env bash
# Rebuilds a running Compose project after edits, without a network: builds what changed, replaces
# only the containers whose image is not what it was, waits until they are healthy, and reports.
# Run it in the project's folder. What runs is not touched before everything is built; a container
# that does not become healthy is replaced by one of its old image.
#
# Usage: rebuild.sh [FLAG | SERVICE]...
#
#   FLAG     as docker offline build --help lists them, for example -f FILE, --bundle DIR, --classic
#
# REBUILD_TIMEOUT: the seconds that containers may take to become healthy (120)
#
# Exits with 0 where all that was rebuilt is healthy, with 1 where a container was put back, and
# otherwise as docker offline build did.
set -euo pipefail

usage() {
    sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
}
case ${1:-} in -h | --help) usage && exit ;; esac

# The plugin where docker finds it, the binary of the same purpose on PATH otherwise. For a plugin
# it does not have, docker prints its own help and exits with 0: the text decides.
offline() {
    if [[ $(docker offline --help 2>/dev/null) == *docker?offline* ]]; then
        set -- docker offline "$@"
    elif command -v "docker-offline-$1" >/dev/null; then
        set -- "docker-offline-$1" "${@:2}"
    else
        echo "error: neither 'docker offline' nor docker-offline-$1 can be found" >&2
        echo "hint: run install.sh from the folder the archive came in" >&2
        exit 127
    fi
    echo "$*" >&2
    "$@"
}

# fail CODE WHAT WHY NEXT
fail() {
    printf 'error: %s\ncaused by: %s\nhint: %s\n' "$2" "$3" "$4" >&2
    exit "$1"
}

# What Compose has to know of these words; all of them go to docker offline build as they are.
flags=() files=()
words=("$@")
while [ $# -gt 0 ]; do
    case $1 in
        -f | --file) files+=("${2:?$1 takes a file}") && shift ;;
        --file=*) files+=("${1#*=}") ;;
        --profile | --project-directory | -p | --project-name | --env-file)
            flags+=("$1" "${2:?$1 takes a value}") && shift
            ;;
        --profile=* | --project-directory=* | --project-name=* | --env-file=*) flags+=("$1") ;;
        --all-profiles) flags+=(--profile '*') ;;
    esac
    shift
done

# Once a file is named, Compose looks for none by itself.
first_of() {
    local file
    for file; do [ ! -f "$file" ] || { files+=("$file") && return; }; done
}
compose_files() {
    local named=${COMPOSE_FILE:-$(sed -n 's/^COMPOSE_FILE=//p' .env 2>/dev/null || true)}
    if [ ${#files[@]} = 0 ] && [ -n "$named" ]; then
        IFS=${COMPOSE_PATH_SEPARATOR:-:} read -ra files <<<"$named"
    elif [ ${#files[@]} = 0 ]; then
        first_of compose.yaml compose.yml docker-compose.yml docker-compose.yaml
        first_of compose.override.yml compose.override.yaml docker-compose.override.yml docker-compose.override.yaml
    fi
    [ ${#files[@]} -gt 0 ] || fail 2 "there is no Compose file in $PWD" "none was named" "cd to the project, or use -f FILE"
    # What docker offline build wrote because Compose must know it on this machine, unless
    # one of these files is that already.
    local told='^# Written by docker offline build'
    grep -qs "$told" "${files[@]}" || first_of "${CACHE_DIR:-$(dirname "${files[0]}")/build-cache}/.site/compose.offline.yaml"
}

# docker-compose 1 refuses a file with the project's name; docker offline build puts a copy
# without it beside that file.
old_compose=no
docker compose version >/dev/null 2>&1 || old_compose=yes
is_old() { [ $old_compose = yes ]; }
has_name() { grep -q '^name:' "$1"; }
copy_of() { echo "$(dirname "$1")/docker-compose.offline-v1.yml"; }

compose() {
    local file words=(docker compose)
    ! is_old || words=(docker-compose)
    for file in "${files[@]}"; do
        if is_old && has_name "$file" && [ -f "$(copy_of "$file")" ]; then file=$(copy_of "$file"); fi
        words+=(-f "$file")
    done
    "${words[@]}" ${flags[@]+"${flags[@]}"} "$@"
}

# A line for each container: service, the name of its image, the ID of the image it runs. None
# where there is no copy yet: nothing can have been started from that file.
containers() {
    local file
    for file in "${files[@]}"; do
        ! { is_old && has_name "$file" && [ ! -f "$(copy_of "$file")" ]; } || return 0
    done
    compose ps -q | xargs -r docker inspect \
        -f '{{index .Config.Labels "com.docker.compose.service"}} {{.Config.Image}} {{.Image}}'
}

# What an image holds. Its ID says less: on a containerd store every build makes a new one.
content() { docker image inspect -f '{{json .RootFS}} {{json .Config}}' "$1" 2>/dev/null || echo "no image $1"; }

# How a container is: "healthy", "running" where it has no health check, "finished", "not yet", or
# what is wrong. $2 is for how many seconds it has been looked at.
health() {
    local status code restarts health
    read -r status code restarts health <<<"$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1")"
    case $status:$health in
        exited:*) if [ "$code" = 0 ]; then echo finished; else echo "ended with exit code $code"; fi ;;
        *:unhealthy) echo unhealthy ;;
        *) if [ "$restarts" -ge 3 ]; then echo "starting again and again"
            elif [ "$status:$health" = running:healthy ]; then echo healthy
            elif [ "$status:$health" = running: ] && [ "$2" -ge 3 ]; then echo running
            else echo "not yet"; fi ;;
    esac
}
well() { [[ ${how[$1]} =~ ^(healthy|running|finished)$ ]]; }

# start SERVICE...: these and no others; Compose itself may wait for ever for one that crashes.
start() {
    local never=()
    is_old || never=(--pull never)
    compose up -d --no-build --no-deps ${never[@]+"${never[@]}"} "$@" >&2 &
    local pid=$! end=$((SECONDS + ${REBUILD_TIMEOUT:-120}))
    while kill -0 $pid 2>/dev/null; do
        [ $SECONDS -lt $end ] || kill $pid || true
        sleep 0.2
    done
    wait $pid || true
}

# settle SERVICE...: waits for their health, and leaves in how[SERVICE] what became of it.
declare -A how=()
settle() {
    local begun=$SECONDS service id waiting=1
    while [ $waiting = 1 ]; do
        waiting=0
        for service; do
            id=$(compose ps -aq "$service" | head -n 1)
            how[$service]=$([ -z "$id" ] || health "$id" $((SECONDS - begun)))
            [ "${how[$service]}" != "not yet" ] || waiting=1
        done
        [ $((SECONDS - begun)) -lt "${REBUILD_TIMEOUT:-120}" ] || return 0
        [ $waiting = 0 ] || sleep 0.5
    done
}

compose_files
before=$(containers)
# The old images keep a name, whatever becomes of their own.
keep=docker-offline.invalid/rebuild
kept=()
trap '[ ${#kept[@]} = 0 ] || docker rmi "${kept[@]}" >/dev/null 2>&1 || true' EXIT
while read -r service _ image; do
    [ -n "$service" ] || continue
    docker tag "$image" "$keep:$service" && kept+=("$keep:$service")
done <<<"$before"

code=0
offline build ${words[@]+"${words[@]}"} >&2 || code=$?
if [ $code != 0 ]; then
    fail $code "not everything could be rebuilt, and nothing was restarted" "docker offline build says why, above" \
        "what ran before is still running as it was; undo or mend the edit, and run $0 again"
fi

declare -A old=() name=() report=()
changed=()
while read -r service reference image; do
    [ -n "$service" ] || continue
    old[$service]=yes name[$service]=$reference
    if [ "$(content "$reference")" = "$(content "$image")" ]; then
        report[$service]="unchanged, not restarted"
    elif [[ " ${changed[*]-} " != *" $service "* ]]; then
        changed+=("$service")
    fi
done <<<"$before"
for service in $(compose config --services); do
    [ -n "${old[$service]-}" ] || changed+=("$service")
done

back=()
if [ ${#changed[@]} -gt 0 ]; then
    start "${changed[@]}"
    settle "${changed[@]}"
    for service in "${changed[@]}"; do
        if well "$service"; then
            report[$service]="${old[$service]:+rebuilt and re}started, ${how[$service]}"
        elif [ -n "${old[$service]-}" ]; then
            echo "--- the last words of $service" >&2
            compose logs --tail 20 "$service" >&2 || true
            docker tag "$keep:$service" "${name[$service]}"
            back+=("$service")
            report[$service]="${how[$service]} after the edit, put back on its old image"
        else
            report[$service]="not started: ${how[$service]:-no container}"
        fi
    done
fi
if [ ${#back[@]} -gt 0 ]; then
    start "${back[@]}"
    settle "${back[@]}"
    for service in "${back[@]}"; do report[$service]+=", which is ${how[$service]}"; done
fi

for service in "${!report[@]}"; do printf '%-24s %s\n' "$service" "${report[$service]}"; done | sort
[ ${#back[@]} = 0 ] || fail 1 "${back[*]}: the edit does not run" "the new container did not become healthy; its last words are above" \
    "the old image runs again; mend the edit, and run $0 again"
for service in ${changed[@]+"${changed[@]}"}; do
    well "$service" || fail 1 "$service does not run" "its container: ${how[$service]:-there is none}" "docker compose logs $service"
done
