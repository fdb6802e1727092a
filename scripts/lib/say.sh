# shellcheck shell=bash
# How the scripts talk: one line per step, on stderr, so that stdout stays free for results.
# Sourced, never run. Needs bash.

say() { printf '%s\n' "forebay: $*" >&2; }

# Something a person should read, but nothing is broken.
warn() { printf '%s\n' "forebay: note: $*" >&2; }

# Ends the script with one sentence.
die() {
    printf '%s\n' "forebay: $*" >&2
    exit 1
}

# Runs a command quietly; shows what it printed only if it failed.
#   quietly "installing nodejs" apt-get install -y nodejs
quietly() {
    local what=$1 log status=0
    shift
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        printf '%s\n' "forebay: $what failed (exit $status); its last lines:" >&2
        tail -n 20 "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

# True when version $1 is at least version $2 (dotted numbers).
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}
