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
