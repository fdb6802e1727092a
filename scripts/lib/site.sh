# shellcheck shell=bash
# A site that goes onto a box is checked on this machine first. Sourced after setup.sh, never run.

# need_good_site DIR OUTCOME [ENVIRONMENT]: ends with a sentence unless DIR is a site without mistakes; OUTCOME says what was not
# done. ENVIRONMENT is a file with a NAME=VALUE a line: what the site's ${NAME}s stand for on the box.
need_good_site() {
    local site=$1 outcome=$2 environment=${3:-} line
    [ -d "$site" ] || die "the site $site is no folder; $outcome"
    if [ -n "$environment" ]; then
        [ -r "$environment" ] || die "$environment isn't there; $outcome"
        while read -r line; do
            if [[ $line =~ ^[A-Z][A-Z0-9_]*= ]]; then export "${line%$'\r'}"; fi
        done <"$environment"
    fi
    need_rust
    need_build_tools
    (cd "$FOREBAY_ROOT" && cargo build --quiet --locked -p forebay-box) >&2 || die "the program that checks sites doesn't build; $outcome"
    "${CARGO_TARGET_DIR:-$FOREBAY_ROOT/target}/debug/forebay" check "$site" >&2 ||
        die "the site in $site has mistakes; $outcome"
}
