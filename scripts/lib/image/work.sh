# shellcheck shell=bash
# How a build begins and ends: however it is ended, nothing of it goes on running, stays mounted or stays on the disk.
# Sourced after setup.sh, never run.

# What is only there while a build runs. What lies here when one begins was left by one that was killed.
IMAGE_WORK=$FOREBAY_CACHE/image/work
# mmdebstrap takes its root down when it is told to end: two seconds here, and a busy machine is given ten times that.
END_SECONDS=20

# run_build COMMAND...: runs it, one at a time in a checkout, as a group of processes of its own. Who ends this script ends them
# all; without that, those that take minutes would go on alone.
run_build() {
    local status=0
    mkdir -p "${IMAGE_WORK%/*}"
    # Whatever a killed build left running holds this too.
    exec 8>"${IMAGE_WORK%/*}/lock"
    flock --nonblock 8 || { say "another image is being made in this checkout: waiting for it"; flock 8; }
    clear_work
    mkdir "$IMAGE_WORK"
    # mmdebstrap without root works as other users, for whom a home is often closed: its folders stay in /tmp then.
    [ "$(id -u)" -ne 0 ] || export TMPDIR=$IMAGE_WORK
    trap 'end_build 129' HUP
    trap 'end_build 130' INT
    trap 'end_build 143' TERM
    set -m
    {
        set +m
        "$@"
    } </dev/null &
    set +m
    wait "$!" || status=$?
    trap - HUP INT TERM
    [ "$status" -eq 0 ] || end_group
    clear_work
    return "$status"
}

# end_build STATUS: ends the build and takes away what it was making, then ends the script.
end_build() {
    trap '' HUP INT TERM
    say "ending the build"
    end_group
    clear_work
    exit "$1"
}

# end_group: what was started last, and everything that it started, is gone.
end_group() {
    [ -n "${!:-}" ] || return 0
    kill -TERM -- "-$!" 2>/dev/null || return 0
    group_is_gone "$!" || kill -KILL -- "-$!" 2>/dev/null || return 0
    group_is_gone "$!" || die "the processes of group $! can't be ended"
}

# group_is_gone GROUP: waits END_SECONDS for it.
group_is_gone() {
    local tenth
    for ((tenth = 0; tenth < END_SECONDS * 10; tenth++)); do
        group_runs "$1" || return 0
        sleep 0.1
    done
    return 1
}

# group_runs GROUP: is one of its processes more than a name that nobody has asked after yet (state Z)? Where the first process
# of all is no init, those stay for ever.
group_runs() {
    # Behind the name: the state, the parent, the group. Those that end meanwhile can't be read.
    { cat /proc/[0-9]*/stat 2>/dev/null || true; } |
        awk -v group="$1" '{ sub(/^.*\) /, "") } $3 == group && $1 != "Z" { found = 1 } END { exit !found }'
}

# Never into a file system that is mounted there.
clear_work() {
    rm -rf --one-file-system "$IMAGE_WORK" || die "can't remove $IMAGE_WORK, which an ended build left: is something mounted in it?"
}

# in_own_mounts COMMAND...: what it mounts nobody else sees, and it is gone with the last of its processes, however that ends.
# Without root mmdebstrap does the same by itself; where even root may not, it can't mount anything either.
in_own_mounts() {
    if [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; then
        unshare --mount "$@"
    else
        "$@"
    fi
}
