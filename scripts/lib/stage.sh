# shellcheck shell=bash
# Stages of a long script: each is a function `stage_NAME`; how long each took is printed at the end.

STAGES_DONE=()

# After this many minutes a stage that has a short form runs that one, and says so: the whole must stay well under
# the 80 minutes after which it is cut.
LONG_FORM_MINUTES=52

# time_is_short [MINUTES]: whether the stage that begins now has to be brief, this long after the start.
time_is_short() { [ "$SECONDS" -gt $((${1:-$LONG_FORM_MINUTES} * 60)) ]; }

# run_stage NAME: runs it and notes its time; a failing stage ends the script and says its name.
run_stage() {
    local name=$1 started=$SECONDS
    say "== $name"
    trap 'say "stage '"$name"' failed after $((SECONDS - '"$started"')) s"; print_stages' EXIT
    "stage_$name"
    trap - EXIT
    STAGES_DONE+=("$name $((SECONDS - started))")
}

# Minutes per stage, and all together.
print_stages() {
    local entry
    for entry in ${STAGES_DONE[@]+"${STAGES_DONE[@]}"}; do
        printf '%-8s %5.1f min\n' "${entry% *}" "$(awk "BEGIN { print ${entry#* } / 60 }")"
    done
    printf '%-8s %5.1f min\n' all "$(awk "BEGIN { print $SECONDS / 60 }")"
}
