# shellcheck shell=bash
# The layer beside other layers: bitbake parses it, plans the image, and yocto-check-layer judges it. Nothing is fetched
# or built. Sourced after quick.sh, never run.

# What bitbake calls on the build machine before it can say anything, by Debian's names.
LAYER_HOST_PACKAGES=(chrpath diffstat gawk lz4 zstd locales wget cpio rpcsvc-proto file gcc g++ make patch git python3)
LAYER_FOLDERS=

# need_layers: the folders are there, bitbake would run here, and LAYER_BUILD is a folder to do it in.
need_layers() {
    local name
    [ -z "$LAYER_FOLDERS" ] || return 0
    for name in BITBAKE:bin/bitbake OE_CORE:meta/conf/layer.conf META_OE:meta-oe/conf/layer.conf; do
        layer_has "${name%%:*}" "${name#*:}"
    done
    LAYER_FOLDERS="$OE_CORE/meta $META_OE/meta-oe"
    if [ -n "${META_RPI:-}" ]; then
        layer_has META_RPI conf/layer.conf
        LAYER_FOLDERS+=" $META_RPI"
    fi
    [ "$(id -u)" -ne 0 ] || die "bitbake refuses to run as root: be somebody else for this"
    locale -a 2>/dev/null | grep -qix 'en_US.utf-\?8' || die "bitbake needs the locale en_US.UTF-8"
    for name in "${LAYER_HOST_PACKAGES[@]}"; do
        apt_installed "$name" || die "bitbake needs Debian's packages ${LAYER_HOST_PACKAGES[*]}; $name is missing"
    done
    export LC_ALL=en_US.UTF-8 BITBAKEDIR=$BITBAKE
    if [ -z "${LAYER_BUILD:-}" ]; then
        LAYER_BUILD=$(mktemp -d)
        # shellcheck disable=SC2064
        trap "rm -rf '$LAYER_BUILD'" EXIT
    fi
}

# layer_has VARIABLE FILE: the variable names a folder with that file.
layer_has() {
    local folder=${!1:-}
    [ -n "$folder" ] || die "$1 names no folder; scripts/check-layer --help says which it should, --quick does without"
    [ -f "$folder/$2" ] || die "$1=$folder has no $2"
}

# in_build NAME LAYERS COMMAND...: runs it in the build folder NAME with these layers.
# uninative, a C library for the build machine, is fetched when bitbake starts: it is left out.
in_build() {
    local folder=$LAYER_BUILD/$1 layers=$2 threads=${LAYER_THREADS:-$(nproc)}
    shift 2
    mkdir -p "$folder/conf"
    # shellcheck disable=SC2016
    printf 'BBPATH = "${TOPDIR}"\nBBFILES ?= ""\nBBLAYERS ?= "%s"\n' "$layers" >"$folder/conf/bblayers.conf"
    cat >"$folder/conf/local.conf" <<CONF
MACHINE ??= "qemuarm64"
INHERIT_DISTRO:remove = "uninative"
BB_NUMBER_PARSE_THREADS = "$threads"
BB_NUMBER_THREADS = "$threads"
BB_NO_NETWORK = "1"
CONF
    (
        set +u
        cd "$OE_CORE" || exit
        # shellcheck source=/dev/null
        . ./oe-init-build-env "$folder" >/dev/null
        set -u
        "$@"
    ) >&2
}

# layer_parse: every recipe of all layers, for each kind of machine, without a warning about ours.
layer_parse() {
    local machine
    for machine in $(layer_machines); do
        say "bitbake -p for $machine"
        DISTRO=forebay MACHINE=$machine in_build all "$LAYER_FOLDERS $LAYER" bitbake -p
    done
}

# layer_dry: the image's whole plan.
layer_dry() {
    local machine
    for machine in $(layer_machines); do
        say "bitbake -n forebay-image forebay-image-dev for $machine"
        DISTRO=forebay MACHINE=$machine in_build all "$LAYER_FOLDERS $LAYER" bitbake -n forebay-image forebay-image-dev
    done
}

layer_machines() {
    echo qemuarm64
    [ -z "${META_RPI:-}" ] || echo raspberrypi4-64 raspberrypi3-64
}

# layer_check: the project's own checker. It adds the layer itself, wants it absent before, and ends with 0 when it
# didn't get to check anything: so its verdict is looked for. openembedded-core alone keeps it to ten minutes.
layer_check() {
    local log=$LAYER_BUILD/yocto-check-layer.log
    say "yocto-check-layer"
    in_build check "$OE_CORE/meta" "$OE_CORE/scripts/yocto-check-layer" --output-log "$log" "$LAYER" || true
    [ -f "$log" ] || die "yocto-check-layer said nothing"
    grep -qx 'INFO: yocto-layer \.\.\. PASS' "$log" || die "yocto-check-layer does not pass the layer; see above"
}
