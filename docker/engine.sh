#!/usr/bin/env bash
# Sets up a Docker engine and a base image on a bare Debian machine that reaches its package mirror and no image
# registry. What is there already stays: an engine that answers, a base image. Run as root; run it again at will.
#
#   docker/engine.sh          engine and base image; the last line names the image
#   docker/engine.sh engine   the engine alone
#   docker/engine.sh base     the base image alone: Debian's own release with its Python, by debootstrap
#
# Where it starts dockerd itself, the log is /var/log/kaggle-relay-dockerd.log. Packages come from where apt takes them.
set -euo pipefail

readonly log=/var/log/kaggle-relay-dockerd.log
readonly patience_seconds=60
readonly packages=python3,python3-pip,python3-venv,ca-certificates

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

answers() { docker info >/dev/null 2>&1; }

install() {
    local wanted=() name
    for name in "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || wanted+=("$name")
    done
    [ ${#wanted[@]} -eq 0 ] && return
    say "Installing ${wanted[*]}."
    apt-get -qq update
    # Without systemd, as in a container, a package's service is not to be started by the package.
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "${wanted[@]}" >/dev/null
}

runs() { pgrep --exact --runstates D,R,S "$1" >/dev/null; }

# In a session of its own: it outlives this script and the terminal.
start() {
    say "Starting dockerd; its log: $log"
    rm -f /var/run/docker.pid
    setsid nohup "$(command -v dockerd)" --storage-driver overlay2 </dev/null >>"$log" 2>&1 &
}

engine() {
    if answers; then
        say "A Docker engine answers: $(docker version --format '{{.Server.Version}}')."
        return
    fi
    [ "$(id -u)" -eq 0 ] || fail "No Docker engine answers, and only root can start one: sudo docker/engine.sh"
    command -v apt-get >/dev/null ||
        fail "No Docker engine answers, and this system has no apt-get: install Docker, https://docs.docker.com/engine/install"
    # iptables: the rules of the bridge, which docker.io only recommends.
    install docker.io iptables procps
    hash -r
    local waited=0
    if [ -d /run/systemd/system ]; then systemctl start docker; fi
    until answers; do
        [ "$waited" -lt "$patience_seconds" ] || fail "dockerd does not answer after $patience_seconds s: see $log"
        # Asked each time: one that was just killed may still be about to end.
        [ -d /run/systemd/system ] || runs dockerd || start
        sleep 1
        waited=$((waited + 1))
    done
    say "Docker engine: $(docker version --format '{{.Server.Version}}')."
}

# Debian's release here, and where apt takes its packages from.
release() { . /etc/os-release && printf '%s' "${VERSION_CODENAME:?names no release}"; }

mirror() {
    apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
        while read -r codename component uri; do
            if [ "$codename $component" = "$1 main" ]; then
                printf '%s' "$uri"
                break
            fi
        done
}

base() {
    local codename tag folder uri
    codename=$(release)
    tag=kaggle-relay-base:$codename
    if docker image inspect "$tag" >/dev/null 2>&1; then
        say "The base image is there."
    else
        [ "$(id -u)" -eq 0 ] || fail "Only root can make the base image: sudo docker/engine.sh base"
        install debootstrap
        apt-get indextargets | grep -q . || apt-get -qq update
        uri=$(mirror "$codename")
        [ -n "$uri" ] || fail "apt has no source for Debian $codename: add one to /etc/apt, then run this again"
        say "Making $tag by debootstrap."
        folder=$(mktemp --directory --tmpdir=/var/tmp relay-base.XXXXXX)
        trap 'rm -rf "$folder"' EXIT
        debootstrap --variant=minbase --include="$packages" "$codename" "$folder" "$uri" >"$folder.log" 2>&1 ||
            fail "debootstrap failed: see $folder.log"
        rm -f "$folder.log"
        slim "$folder"
        tar --create --numeric-owner --directory "$folder" . |
            docker import --change 'CMD ["python3"]' --change 'ENV LANG=C.UTF-8' - "$tag" >/dev/null
        rm -rf "$folder"
        trap - EXIT
    fi
    printf '%s\n' "$tag"
}

# Takes out of a system's folder what no container needs: caches, documentation, and this machine's package sources.
slim() {
    rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/usr/share/doc/* "$1"/usr/share/man/* \
        "$1"/usr/share/locale/* "$1"/usr/share/info/* "$1"/etc/apt/sources.list "$1"/debootstrap
    # debootstrap copied the machine's own: the engine gives every container these.
    : >"$1/etc/resolv.conf"
    : >"$1/etc/hostname"
    find "$1" -name __pycache__ -type d -prune -exec rm -rf {} +
}

case "${1:-all}" in
    engine) engine ;;
    base) base ;;
    all) engine && base ;;
    *) fail "docker/engine.sh: $1 is no command; there are engine and base, and both without one" ;;
esac
