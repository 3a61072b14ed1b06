#!/bin/sh
# Installs docker-offline from the folder this script lies in: the folder that was carried
# over, or what `make install` has built. It needs no network and no engine.
set -eu

usage() {
    cat <<'EOF'
Usage: install.sh [--user|--system] [--prefix DIR] [--from DIR] [--source DIR]
       install.sh [--user|--system] [--prefix DIR] --uninstall

Installs the Docker CLI plugin docker-offline, and docker-offline-export,
docker-offline-build and docker-offline-diagnose as commands. From a bundle of
docker offline export --with-tools it also installs the buildx and Compose
plugins where Docker's CLI has none; it replaces neither.

  --user        for the calling user (the default, unless root):
                ${DOCKER_CONFIG:-~/.docker}/cli-plugins and ~/.local/bin
  --system      for everyone (the default for root):
                /usr/local/lib/docker/cli-plugins and /usr/local/bin
  --prefix DIR  the commands go into DIR/bin (also: PREFIX=DIR); the plugin
                stays where Docker looks for it
  --from DIR    take the binaries from DIR
  --source DIR  then unpack the project's folder, which docker offline export
                --with-source has carried, into DIR: one that does not exist or
                is empty. Where it is carried and this is not said, a terminal
                is asked for it, and nothing else
  --uninstall   remove what an installation put there
  --help        this text

DESTDIR is put before every path that is written, for packagers.
EOF
}

# fail WHAT WHY NEXT
fail() {
    printf 'error: %s\ncaused by: %s\nhint: %s\n' "$1" "$2" "$3" >&2
    exit 1
}

say() {
    printf '%s\n' "$*" >&2
}

needs_value() {
    [ $# -ge 2 ] && [ -n "$2" ] ||
        fail "$1 was given without a value" "it takes a folder" "write $1 DIR; install.sh --help lists the options"
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
from=
scope=
action=install
source_dir=
prefix=${PREFIX:-}
while [ $# -gt 0 ]; do
    case $1 in
        --user) scope=user ;;
        --system) scope=system ;;
        --prefix) needs_value "$@"; prefix=$2; shift ;;
        --prefix=*) prefix=${1#*=}; needs_value --prefix "$prefix" ;;
        --from) needs_value "$@"; from=$2; shift ;;
        --from=*) from=${1#*=}; needs_value --from "$from" ;;
        --source) needs_value "$@"; source_dir=$2; shift ;;
        --source=*) source_dir=${1#*=}; needs_value --source "$source_dir" ;;
        --uninstall) action=uninstall ;;
        -h | --help) usage; exit 0 ;;
        *) fail "unknown option $1" "install.sh does not know it" "install.sh --help lists the options" ;;
    esac
    shift
done

plugin=docker-offline
commands='docker-offline-export docker-offline-build docker-offline-diagnose'

if [ -z "$scope" ]; then
    if [ "$(id -u)" -eq 0 ]; then scope=system; else scope=user; fi
fi
if [ "$scope" = system ]; then
    prefix=${prefix:-/usr/local}
    # Docker's CLI looks into these, and their libexec twins, whatever the prefix is.
    if [ "$prefix" = /usr ]; then
        plugin_dir=/usr/lib/docker/cli-plugins
    else
        plugin_dir=/usr/local/lib/docker/cli-plugins
    fi
else
    [ -n "${HOME:-}" ] ||
        fail "cannot tell where to install for this user" "HOME is not set" "set HOME, or use --system"
    prefix=${prefix:-$HOME/.local}
    plugin_dir=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
fi
for folder in "$prefix" "$plugin_dir"; do
    case $folder in
        /*) ;;
        *) fail "$folder is a relative path" "an installation has to stay where it was put" "give an absolute path" ;;
    esac
done
bin_dir=$prefix/bin
destdir=${DESTDIR:-}
if [ -n "$source_dir" ] && { [ -n "$destdir" ] || [ "$action" = uninstall ]; }; then
    fail "--source is for an installation on this machine" "--uninstall or DESTDIR was given too" \
        "run install.sh once more with --source alone"
fi

if [ "$action" = uninstall ]; then
    removed=
    remove() {
        [ -e "$1" ] || [ -L "$1" ] || return 0
        rm -f -- "$1" 2>/dev/null || fail "cannot remove $1" "this user may not write in its folder" \
            "run it as the user who installed it, or as root"
        say "removed $1"
        removed=yes
    }
    remove "$destdir$plugin_dir/$plugin"
    for name in $commands; do
        remove "$destdir$bin_dir/$name"
    done
    [ -n "$removed" ] || say "nothing to remove in $destdir$plugin_dir and $destdir$bin_dir"
    exit 0
fi

# ---- what will be installed: there, unaltered, for this processor

from=${from:-$here}
[ -d "$from" ] || fail "there is no folder $from" "--from names it" "give the folder that holds docker-offline"
from=$(CDPATH='' cd -- "$from" && pwd)
listed() {
    awk -v name="$1" '{ file = substr($0, 67); sub(/^\.\//, "", file) } file == name { print $1 "  " name; exit }' "$from/SHA256SUMS"
}

there=
absent=
for name in $plugin $commands; do
    if [ -f "$from/$name" ]; then
        there="$there $name"
    elif [ "$name" = "$plugin" ] || { [ -f "$from/SHA256SUMS" ] && [ -n "$(listed "$name")" ]; }; then
        fail "$from/$name is missing" \
            "the installer takes the binaries from the folder it lies in, or from --from DIR" \
            "carry the whole folder that the export wrote, or name the folder with --from"
    else
        absent="$absent $name"
    fi
done
# Who exports with the plugin alone carries the plugin alone.
[ -z "$absent" ] || say "note:$absent: not in $from, not installed; docker offline does all that they do"

if [ -f "$from/SHA256SUMS" ]; then
    sums=
    for name in $there; do
        line=$(listed "$name")
        [ -n "$line" ] || fail "SHA256SUMS has no line for $name" "a file without a checksum may be anybody's" \
            "carry the folder again, or remove SHA256SUMS if these binaries are your own build"
        sums="$sums$line
"
    done
    command -v sha256sum >/dev/null 2>&1 ||
        fail "the binaries cannot be checked" "sha256sum is not installed" "install coreutils or busybox"
    answer=$(cd "$from" && printf '%s' "$sums" | sha256sum -c - 2>/dev/null) || fail "a binary is not what SHA256SUMS says" \
        "$(printf '%s\n' "$answer" | grep -v ': OK$' | tr '\n' ' ')" \
        "it was altered or cut off on the way: carry the folder again; nothing was installed"
fi

# One spelling for both sides: the kernel's, which uname prints.
machine_name() {
    case $1 in
        *x86_64* | *amd64*) echo x86_64 ;;
        *aarch64* | *arm64*) echo aarch64 ;;
        *ppc64le*) echo ppc64le ;;
        *s390x*) echo s390x ;;
        *riscv64*) echo riscv64 ;;
        *armv7* | *arm/v7*) echo armv7l ;;
        *) echo "$1" ;;
    esac
}

binary_machine() {
    if [ -f "$from/bootstrap-platform" ]; then
        declared=$(sed -n 's/^PLATFORM[=: ]*//p' "$from/bootstrap-platform" | head -n 1)
        if [ -n "$declared" ]; then
            machine_name "$declared"
            return
        fi
    fi
    # ELF header: e_machine, two bytes at offset 18; the low one comes first but on s390x.
    set -- $(od -An -tu1 -j18 -N2 "$from/$plugin")
    case ${1:-0}.${2:-0} in
        62.0) echo x86_64 ;;
        183.0) echo aarch64 ;;
        21.0) echo ppc64le ;;
        0.22) echo s390x ;;
        243.0) echo riscv64 ;;
        40.0) echo armv7l ;;
        *) echo unknown ;;
    esac
}

host=$(machine_name "$(uname -m)")
built_for=$(binary_machine)
# A packager with DESTDIR may well package for another machine.
if [ -z "$destdir" ] && [ "$built_for" != "$host" ]; then
    fail "these binaries do not run here" "they are for $built_for and this machine is $host" \
        "export again on a $host machine, or build docker-offline for $host and use --from"
fi

# ---- the bundle, which lies beside this script

newest=
for archive in "$here"/build-cache*.tar* "$here"/*.tar "$here"/*.tar.gz "$here"/*.tar.zst "$here"/*.tar*.001; do
    [ -f "$archive" ] || continue
    # What only adds to a bundle is no bundle.
    case ${archive##*/} in *-add-*) continue ;; esac
    # Any other name comes after the usual one.
    case ${newest##*/}/${archive##*/} in build-cache*/build-cache* | /*) ;; build-cache*/*) continue ;; esac
    if [ -z "$newest" ] || [ "$archive" -nt "$newest" ]; then newest=$archive; fi
done
if [ -n "$source_dir" ] && [ -z "$newest" ]; then
    fail "there is no source to unpack" "no archive lies in $here" \
        "run the install.sh that lies beside the archive; nothing was installed"
fi

# ---- put it there: beside first, then renamed, so that a running command keeps its file

unfinished=
trap '[ -z "$unfinished" ] || rm -f -- "$unfinished"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

place() {
    mkdir -p -- "$destdir$2" 2>/dev/null || fail "cannot create $destdir$2" "this user may not write there" \
        "run it as root, use --user, or choose another folder with --prefix"
    unfinished=$destdir$2/.$1.$$
    if ! { cp -- "$from/$1" "$unfinished" && chmod 755 "$unfinished"; } 2>/dev/null; then
        fail "cannot write $destdir$2/$1" "the folder cannot be written, or the disk is full" \
            "run it as root, use --user, or choose another folder with --prefix"
    fi
    # It can be for this processor and still not start: a file system mounted noexec, for one.
    # The plugin's handshake needs no engine.
    if [ "$1" = "$plugin" ] && [ -z "$destdir" ] && ! "$unfinished" docker-cli-plugin-metadata >/dev/null 2>&1; then
        fail "$plugin does not start from $2" "the file system may be mounted noexec, or the file is damaged" \
            "choose another folder (--system, or DOCKER_CONFIG), or carry the folder again; what was there is unchanged"
    fi
    mv -f -- "$unfinished" "$destdir$2/$1" ||
        fail "cannot replace $destdir$2/$1" "something of that name cannot be overwritten" "move it away and run the installer again"
    unfinished=
    say "installed $destdir$2/$1"
}

for name in $there; do
    if [ "$name" = "$plugin" ]; then place "$name" "$plugin_dir"; else place "$name" "$bin_dir"; fi
done
[ -z "$destdir" ] || exit 0

# ---- what the user has to know

if ! command -v docker >/dev/null 2>&1; then
    say "note: there is no docker command on PATH; the plugin answers once Docker's CLI is installed"
fi
case :${PATH:-}: in
    *:"$bin_dir":*) ;;
    *)
        say "note: $bin_dir is not on PATH; docker offline works without it, the separate commands do not:"
        say "      export PATH=\"$bin_dir:\$PATH\""
        ;;
esac

# quoted TEXT: as a shell takes it
quoted() {
    case $1 in
        *[!A-Za-z0-9_./+-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s' "$1" ;;
    esac
}

# ---- what the bundle carries for a machine that has nothing yet

carried=
if [ -n "$newest" ]; then
    carried=$("$plugin_dir/$plugin" build --list-carried --bundle "$newest" --progress quiet 2>/dev/null) || carried=
fi
case "
$carried" in
    *"
tools "*)
        tools=$("$plugin_dir/$plugin" build --install-tools "$plugin_dir" --bundle "$newest") || exit $?
        say "$tools"
        ;;
esac
case "
$carried" in
    *"
source "*)
        # Only a person can be asked; scripts say --source.
        if [ -z "$source_dir" ] && [ -t 0 ] && [ -t 2 ]; then
            say ""
            printf 'The bundle carries the source of the project. Unpack it into (a folder; nothing: not now): ' >&2
            IFS= read -r source_dir || source_dir=
            case $source_dir in '~/'*) source_dir=${HOME:-}/${source_dir#??} ;; esac
        fi
        if [ -z "$source_dir" ]; then
            say "note: the bundle carries the source of the project; to unpack it: ./${0##*/} --source DIR"
        fi
        ;;
esac
if [ -n "$source_dir" ]; then
    exec "$plugin_dir/$plugin" build --unpack-source "$source_dir" --bundle "$newest"
fi

say ""
if [ -n "$newest" ]; then
    say "Next, in the project's folder:"
    # stdout is the result: the command to type, quoted for a shell where it has to be.
    case $newest in
        *[!A-Za-z0-9_./+-]*) printf "docker offline build --bundle '%s'\n" "$(printf '%s' "$newest" | sed "s/'/'\\\\''/g")" ;;
        *) printf 'docker offline build --bundle %s\n' "$newest" ;;
    esac
else
    say "Next, in the project's folder on the connected machine:"
    printf 'docker offline export\n'
fi
