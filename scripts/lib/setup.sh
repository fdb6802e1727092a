# shellcheck shell=bash
# What the scripts need from the machine, each thing by its own function. A function returns at once when the
# thing is there; otherwise it says in one line what is missing and gets it, or says plainly how a person can.
# Sourced after say.sh with FOREBAY_ROOT set to the checkout:
#
#   FOREBAY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
#   . "$FOREBAY_ROOT/scripts/lib/say.sh"
#   . "$FOREBAY_ROOT/scripts/lib/setup.sh"
#   need_rust; need_build_tools; need_web
#
# Everything fetched for this checkout alone lands in .cache/ (git-ignored); removing that folder undoes it.

: "${FOREBAY_ROOT:?set FOREBAY_ROOT to the checkout before sourcing setup.sh}"
FOREBAY_CACHE=$FOREBAY_ROOT/.cache
# shellcheck source=scripts/lib/python.sh
. "$FOREBAY_ROOT/scripts/lib/python.sh"

# The oldest Rust we build with (the one Debian 13 ships), and the oldest Node (the one Debian 12 ships).
RUST_OLDEST=1.85
NODE_OLDEST=18

# --- Rust ----------------------------------------------------------------------------------------------------

# A compiler is the one thing we don't install by ourselves: people have opinions about it.
need_rust() {
    local found
    # rustup's folder is often missing from the PATH of a non-interactive shell.
    if ! command -v cargo >/dev/null 2>&1 && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH=$HOME/.cargo/bin:$PATH
        export PATH
    fi
    if ! command -v cargo >/dev/null 2>&1; then
        die "Rust is missing (need $RUST_OLDEST or newer). On Debian 13: 'apt install rustc cargo'." \
            "Elsewhere: rustup. On Debian 12 the packages rustc-web and cargo-web also do."
    fi
    found=$(cargo --version | sed -n 's/^cargo \([0-9][0-9.]*\).*/\1/p')
    if ! version_at_least "${found:-0}" "$RUST_OLDEST"; then
        die "Rust $found is too old, $RUST_OLDEST is the oldest supported. Debian 13's 'rustc cargo' or" \
            "'rustup update stable' give a newer one."
    fi
}

# The C compiler SQLite is built with, and libsystemd's headers for the journal and sd_notify.
need_build_tools() { need_apt gcc libc6-dev pkg-config libsystemd-dev; }

# --- Debian packages -----------------------------------------------------------------------------------------

# Runs a command as root: as we are, or through sudo when it doesn't have to ask.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

can_be_root() {
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1; }
}

apt_installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# Five minutes: another apt (unattended-upgrades at first boot) may hold the lock that long.
apt_quiet() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q -y "$@"; }

APT_UPDATED=

# need_apt PACKAGE...: makes sure that Debian packages are installed.
need_apt() {
    local missing=() package
    command -v dpkg-query >/dev/null 2>&1 ||
        die "this is not a Debian-like system; please install by hand what Debian calls: $*"
    for package in "$@"; do
        apt_installed "$package" || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    can_be_root ||
        die "missing Debian packages, and neither root nor password-less sudo here. Run: apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    if [ -z "$APT_UPDATED" ]; then
        # A failed update is often one unreachable third-party source; what we need may still be there.
        quietly "apt-get update" apt_quiet update || warn "going on with the package lists there are"
        APT_UPDATED=yes
    fi
    quietly "apt-get install ${missing[*]}" apt_quiet install --no-install-recommends "${missing[@]}" ||
        die "could not install ${missing[*]}"
}

# Modbus by others: libmodbus, whose programs the tests build with the C compiler, mbpoll, socat's serial cable, and Wireshark's
# dissectors.
need_modbus_peers() { need_apt gcc libc6-dev linux-libc-dev pkg-config libmodbus-dev mbpoll socat tshark; }

# --- Node, the page, the browser -----------------------------------------------------------------------------

# Prints nothing where there is no Node.
node_major() { { node --version 2>/dev/null || true; } | sed -n 's/^v\([0-9]*\).*/\1/p'; }

need_node() {
    local major
    major=$(node_major)
    if [ "${major:-0}" -ge "$NODE_OLDEST" ] && command -v npm >/dev/null 2>&1; then return 0; fi
    if [ -n "$major" ] && [ "$major" -lt "$NODE_OLDEST" ]; then
        die "Node $major at $(command -v node) is too old, $NODE_OLDEST is the oldest supported"
    fi
    need_apt nodejs npm
    hash -r
    major=$(node_major)
    [ "${major:-0}" -ge "$NODE_OLDEST" ] || die "Debian's Node ${major:-?} is too old, $NODE_OLDEST is needed"
}

# One line that changes whenever something the page is built from changes.
web_inputs_hash() {
    (
        cd "$FOREBAY_ROOT/web" || exit 1
        find . \( -name node_modules -o -name dist \) -prune -o -type f -print0 | LC_ALL=C sort -z |
            xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
    )
}

# The packages of web/package-lock.json, exactly those; again only when the lock changed.
need_npm_packages() {
    local web=$FOREBAY_ROOT/web stamp want
    [ -f "$web/package-lock.json" ] || die "web/package-lock.json is missing: this checkout has no page to build"
    need_node
    stamp=$web/node_modules/.forebay-lock
    want=$(sha256sum <"$web/package-lock.json" | cut -d ' ' -f 1)
    [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || return 0
    say "fetching the page's npm packages"
    (cd "$web" && quietly "npm ci" npm ci --no-audit --no-fund --loglevel=error) || die "npm ci in web/ failed"
    printf '%s\n' "$want" >"$stamp"
}

# web/dist, built; again only when its inputs changed. The old page is there until the new one takes its place.
need_web() {
    local web=$FOREBAY_ROOT/web stamp want
    [ -f "$web/package.json" ] || die "web/package.json is missing: this checkout has no page to build"
    stamp=$FOREBAY_CACHE/web.stamp
    want=$(web_inputs_hash)
    if [ -f "$web/dist/manifest.json" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then return 0; fi
    need_npm_packages
    say "building the page"
    (cd "$web" && quietly "npm run build" npm run build) || die "building the page failed"
    mkdir -p "$FOREBAY_CACHE"
    printf '%s\n' "$want" >"$stamp"
}

# A Chromium for the browser tests; CHROMIUM names its path. The font is for machines that have none at all.
need_chromium() {
    local name
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [ -n "$name" ] || continue
        if CHROMIUM=$(command -v "$name" 2>/dev/null); then
            export CHROMIUM
            return 0
        fi
    done
    need_apt chromium fonts-dejavu-core
    CHROMIUM=$(command -v chromium) || die "Debian's chromium package brought no 'chromium'"
    export CHROMIUM
}
