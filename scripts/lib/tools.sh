# shellcheck shell=bash
# Tools that only the tests need. Sourced after setup.sh.

# cargo-deny, from the path or built into .cache/tools. Its absence is said, not hidden: it needs a newer Rust than we do.
need_cargo_deny() {
    export PATH=$FOREBAY_CACHE/tools/bin:$PATH
    command -v cargo-deny >/dev/null 2>&1 && return 0
    say "building cargo-deny (about four minutes, once)"
    quietly "building cargo-deny" cargo install --debug --locked --root "$FOREBAY_CACHE/tools" \
        --target-dir "$FOREBAY_CACHE/tools/build" cargo-deny@0.20.2 ||
        warn "cargo-deny could not be built with $(rustc --version)"
    rm -rf "$FOREBAY_CACHE/tools/build"
}

# A compiler of the oldest supported release, in OLDEST_RUSTC: Debian 13's rustc, or Debian 12's rustc-web of that version.
need_oldest_rust() {
    local version
    OLDEST_RUSTC=/usr/bin/rustc
    is_oldest_rustc && return 0
    need_apt ca-certificates
    version=$(apt-cache madison rustc-web 2>/dev/null | awk -v want="$RUST_OLDEST" 'index($3, want ".") == 1 { print $3; exit }')
    if [ -z "$version" ]; then
        quietly "apt-get update" apt_quiet update || warn "going on with the package lists there are"
        version=$(apt-cache madison rustc-web 2>/dev/null | awk -v want="$RUST_OLDEST" 'index($3, want ".") == 1 { print $3; exit }')
    fi
    if [ -n "$version" ]; then
        say "installing rustc-web $version"
        quietly "installing rustc-web" apt_quiet install --no-install-recommends --allow-downgrades \
            "rustc-web=$version" "libstd-rust-web-dev=$version" || true
    else
        need_apt rustc
    fi
    is_oldest_rustc || die "no Rust $RUST_OLDEST to be had from this machine's packages; $OLDEST_RUSTC is not it"
}

is_oldest_rustc() {
    [ -x "$OLDEST_RUSTC" ] && "$OLDEST_RUSTC" --version | grep -q "^rustc $RUST_OLDEST\\."
}

# What drives the browser: playwright-core for Debian's own Chromium.
need_browser_packages() {
    local folder=$FOREBAY_ROOT/tests/browser stamp want
    [ -f "$folder/package-lock.json" ] || die "tests/browser/package-lock.json is missing"
    need_node
    stamp=$folder/node_modules/.forebay-lock
    want=$(sha256sum <"$folder/package-lock.json" | cut -d ' ' -f 1)
    [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || return 0
    say "fetching the browser test's npm packages"
    (cd "$folder" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 quietly "npm ci" npm ci --no-audit --no-fund --loglevel=error) ||
        die "npm ci in tests/browser failed"
    printf '%s\n' "$want" >"$stamp"
}
