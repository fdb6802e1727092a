#!/usr/bin/env bash
# A build that is ended leaves no process, no mount and no folder behind, whether it is asked to end or killed. Instead of a whole
# image it makes a folder, mounts something there as mmdebstrap does, and would sit there for an hour. Needs root.
set -euo pipefail
FOREBAY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/say.sh
. "$FOREBAY_ROOT/scripts/lib/say.sh"
# shellcheck source=scripts/lib/setup.sh
. "$FOREBAY_ROOT/scripts/lib/setup.sh"
# shellcheck source=scripts/lib/image/work.sh
. "$FOREBAY_ROOT/scripts/lib/image/work.sh"

folder=$(mktemp -d)
IMAGE_WORK=$folder/work
script=
leave() {
    [ -z "$script" ] || kill -KILL "$script" "$(cat "$folder/mounted")" 2>/dev/null || true
    rm -rf --one-file-system "$folder"
}
trap leave EXIT

# In a container that may not mount, neither does mmdebstrap: the rest is tried there.
may_mount=no
mkdir "$folder/try"
if unshare --mount mount -t proc proc "$folder/try" 2>/dev/null; then may_mount=yes; else say "nothing may be mounted here: tried without"; fi

in_the_build() {
    mkdir "$TMPDIR/root"
    if [ "$may_mount" = yes ]; then
        mount -t proc proc "$TMPDIR/root"
        grep --quiet " $TMPDIR/root " /proc/self/mounts
    fi
    echo "$$" >"$folder/mounted"
    exec sleep 3600
}
build() {
    export -f in_the_build
    export folder may_mount
    in_own_mounts bash -euc in_the_build
}

# until_true WHAT COMMAND...: a minute is long even on a busy machine.
until_true() {
    local what=$1 tenth
    shift
    for ((tenth = 0; tenth < 600; tenth++)); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    die "$what: not within a minute"
}

group_of() { cut -d ' ' -f 5 "/proc/$1/stat"; }

# begin_build: starts one and waits until it has mounted; `script` and `group` are its processes.
begin_build() {
    rm -f "$folder/mounted"
    (trap - EXIT && run_build build) &
    script=$!
    until_true "the build mounts" test -s "$folder/mounted"
    [ "$(group_of "$(cat "$folder/mounted")")" != "$(group_of $$)" ] || die "the build is no group of its own"
    group=$(group_of "$(cat "$folder/mounted")")
}

nothing_runs() { ! group_runs "$group"; }
no_mounts() { ! grep --quiet "$folder" /proc/self/mounts; }

for signal in TERM HUP; do
    begin_build
    no_mounts || die "what a build mounts is seen outside of it"
    kill "-$signal" "$script"
    status=0
    wait "$script" || status=$?
    [ "$status" -gt 128 ] || die "ended by SIG$signal, it says $status"
    nothing_runs || die "ended by SIG$signal, it runs on"
    no_mounts || die "ended by SIG$signal, it leaves mounts"
    [ ! -e "$IMAGE_WORK" ] || die "ended by SIG$signal, it leaves its folder"
done

begin_build
kill -KILL "$script" && kill -KILL -- "-$group"
wait "$script" 2>/dev/null || true
until_true "the killed are gone" nothing_runs
no_mounts || die "killed, it leaves mounts"
[ -d "$IMAGE_WORK/root" ] || die "killed, it had no folder: nothing was tried"
touch "$IMAGE_WORK/root/left"
empty() { [ "$(ls -A "$IMAGE_WORK")" = '' ]; }
run_build empty || die "the next build finds what a killed one left"
[ ! -e "$IMAGE_WORK" ] || die "a build that is done leaves its folder"
say "an ended build leaves nothing behind"
