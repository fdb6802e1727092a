# shellcheck shell=bash
# A site that goes onto a box is checked on this machine first. Sourced after setup.sh, never run.

# need_good_site DIR OUTCOME [ENVIRONMENT]: ends with a sentence unless DIR is a site without mistakes; OUTCOME says what was not
# done. ENVIRONMENT is a file with a NAME=VALUE a line: what the site's ${NAME}s stand for on the box.
need_good_site() {
    local site=$1 outcome=$2 environment=${3:-}
    [ -d "$site" ] || die "the site $site is no folder; $outcome"
    [ -z "$environment" ] || [ -r "$environment" ] || die "$environment isn't there; $outcome"
    need_rust
    need_build_tools
    (cd "$FOREBAY_ROOT" && cargo build --quiet --locked -p forebay-box) >&2 || die "the program that checks sites doesn't build; $outcome"
    check_with_environment "${CARGO_TARGET_DIR:-$FOREBAY_ROOT/target}/debug/forebay" "$site" "$environment" >&2 ||
        die "the site in $site has mistakes; $outcome"
}

# check_with_environment FOREBAY SITE [ENVIRONMENT]: the names are the check's alone, and without those that would change a
# program instead of the site; the box's first-boot leaves out the same.
check_with_environment() (
    while read -r line || [ -n "$line" ]; do
        case $line in
        LD_* | PATH=* | SITE_ARGUMENTS=* | FOREBAY_RUNTIME=* | FOREBAY_STATE=* | FOREBAY_WEB=* | FOREBAY_DEVICES=*) ;;
        *) if [[ $line =~ ^[A-Z][A-Z0-9_]*= ]]; then export "${line%$'\r'}"; fi ;;
        esac
    done <"${3:-/dev/null}"
    exec "$1" check "$2"
)
