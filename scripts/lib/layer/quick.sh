# shellcheck shell=bash
# What can be said about the layer without other layers: a minute at most, and only two packages of Python to fetch.
# Sourced after say.sh and setup.sh, never run.

LAYER=$FOREBAY_ROOT/yocto-layer
# Both in these versions because each release of oelint-adv knows new rules.
LAYER_TOOLS=(oelint-adv==9.11.2 kas==5.5)
LAYER_VENV=$FOREBAY_CACHE/layer/.venv

# oelint-adv's rules that don't hold here:
#   homepageping, HOMEPAGE   the project has no address to name or to ask
#   mispell.unknown          it knows openembedded-core's variables, not FOREBAY_…
#   outofcontext             it wants FILESEXTRAPATHS in bbappends only; forebay_checkout says why it is in a class
LAYER_LINT_WITHOUT=(
    oelint.vars.homepageping oelint.var.mandatoryvar.HOMEPAGE oelint.vars.mispell.unknown oelint.vars.outofcontext
)

# need_layer_tools: oelint-adv and kas in an environment of their own.
need_layer_tools() {
    local stamp=$LAYER_VENV/.forebay-tools want
    want="${LAYER_TOOLS[*]}"
    [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || return 0
    need_apt python3 python3-venv
    say "fetching oelint-adv and kas"
    rm -rf "$LAYER_VENV"
    mkdir -p "${LAYER_VENV%/*}"
    python3 -m venv "$LAYER_VENV" || die "python3 can't make a virtual environment"
    quietly "pip install $want" "$LAYER_VENV/bin/pip" install --quiet --disable-pip-version-check "${LAYER_TOOLS[@]}" ||
        die "could not install $want"
    printf '%s\n' "$want" >"$stamp"
}

# check_layer_lists: what the layer says twice, it says alike.
check_layer_lists() {
    local version name value fact
    python3 "$FOREBAY_ROOT/scripts/layer-crates" --check || return 1
    version=$(sed -n '/^\[workspace.package\]/,/^\[workspace.dep/s/^version = "\(.*\)"/\1/p' "$FOREBAY_ROOT/Cargo.toml")
    grep -qFx "FOREBAY_VERSION = \"$version\"" "$LAYER/conf/layer.conf" ||
        { say "conf/layer.conf: FOREBAY_VERSION is not Cargo.toml's $version"; return 1; }
    grep -q "md5=$(md5sum <"$FOREBAY_ROOT/LICENSE" | cut -d ' ' -f 1)\"" "$LAYER/classes-recipe/forebay_checkout.bbclass" ||
        { say "forebay_checkout.bbclass: LIC_FILES_CHKSUM is not LICENSE's"; return 1; }
    while read -r name value; do
        # shellcheck disable=SC2016
        fact=$(bash -c '. "$1"; printf %s "${!2}"' - "$FOREBAY_ROOT/scripts/lib/image/facts.sh" "$name")
        [ "$value" = "$fact" ] ||
            { say "conf/forebay-disk.inc: FOREBAY_$name is '$value', in scripts/lib/image/facts.sh it is '$fact'"; return 1; }
    done < <(sed -n 's/^FOREBAY_\([A-Z_]*\) ?= "\(.*\)"/\1 \2/p' "$LAYER/conf/forebay-disk.inc")
}

# check_layer_units: the units of the overlay that start the binary are packaged with it, but for the site's check, which
# belongs to the root file system.
check_layer_units() {
    local recipe=$LAYER/recipes-forebay/forebay/forebay_git.bb packaged shipped
    shipped=$(cd "$FOREBAY_ROOT/rootfs-overlay/usr/lib/systemd/system" &&
        grep -l '^ExecStart=/usr/bin/forebay' forebay-*.service | grep -vx forebay-site.service | LC_ALL=C sort)
    packaged=$(sed -n 's/^SYSTEMD_SERVICE:.* = "\(.*\)"/\1/p' "$recipe" | LC_ALL=C sort)
    [ "$shipped" = "$packaged" ] || {
        say "forebay_git.bb packages ${packaged//$'\n'/ }; of rootfs-overlay's units ${shipped//$'\n'/ } start the binary"
        return 1
    }
}

# check_layer_sources: every file and folder the recipes take out of the checkout is there, and those of the daemon set are
# a workspace to cargo, which wants the manifest and the targets of all members.
check_layer_sources() {
    local recipe=$LAYER/recipes-forebay/forebay/forebay_git.bb copy path missing=
    while read -r path; do
        [ -e "$FOREBAY_ROOT/${path//\$\{FOREBAY_BOARD\}/qemu-arm64}" ] || { say "a recipe takes $path, which is not there"; missing=$path; }
    done < <(grep -rhoE 'file://[^ "'"'"']+' "$LAYER"/recipes-forebay "$LAYER"/recipes-bsp --include '*.bb' | sed 's|^file://||')
    [ -z "$missing" ] || return 1
    need_rust
    copy=$(mktemp -d)
    # shellcheck disable=SC2046
    cp --recursive --parents $(grep -oE 'file://[^ "]+' "$recipe" | sed 's|^file://||') "$copy"
    cargo metadata --frozen --no-deps --format-version 1 --manifest-path "$copy/Cargo.toml" >"$copy/out" 2>&1 ||
        { cat "$copy/out" >&2; rm -rf "$copy"; say "forebay_git.bb takes less than cargo needs"; return 1; }
    rm -rf "$copy"
}

# check_layer_web: the recipe's idea of the page's sources is that of scripts/web, and it takes what scripts/web built and
# nothing older.
check_layer_web() {
    local ours theirs web
    ours=$(web_inputs_hash)
    theirs=$(web_recipe forebay_web_hash "$FOREBAY_ROOT/web")
    [ "$ours" = "$theirs" ] || { say "forebay-web hashes the page's sources as $theirs, scripts/web as $ours"; return 1; }
    web=$(mktemp -d)
    mkdir "$web/src" "$web/dist" && printf 'one' >"$web/src/page.ts"
    web_refused "$web" 'is not built' || return 1
    printf '{"files": {}}' >"$web/dist/manifest.json"
    web_refused "$web" 'does not say' || return 1
    web_recipe forebay_web_hash "$web" >"$web/dist/inputs.sha256"
    web_refused "$web" '' || return 1
    printf 'two' >"$web/src/page.ts"
    web_refused "$web" 'from other sources' || return 1
    rm -rf "$web"
}

web_recipe() {
    python3 "$FOREBAY_ROOT/scripts/lib/layer/recipe_function.py" \
        "$LAYER/recipes-forebay/forebay-web/forebay-web_git.bb" "$@"
}

# web_refused FOLDER WORDS: the recipe refuses this build in such words; with none, it takes it.
web_refused() {
    local said
    said=$(web_recipe forebay_web_refusal "$1")
    if [ -n "$2" ] && [[ $said == *"$2"* ]]; then return 0; fi
    if [ -z "$2$said" ]; then return 0; fi
    say "forebay-web should say '$2' of this build, but says '$said'"
    return 1
}

# check_layer_recipes: oelint-adv has nothing to say.
check_layer_recipes() {
    local recipes rule options=()
    mapfile -t recipes < <(find "$LAYER" \( -name '*.bb' -o -name '*.bbappend' \) | LC_ALL=C sort)
    for rule in "${LAYER_LINT_WITHOUT[@]}"; do options+=(--suppress "$rule"); done
    "$LAYER_VENV/bin/oelint-adv" --release wrynose --quiet --relpaths --hide info "${options[@]}" "${recipes[@]}" >&2
}

# check_layer_kas: kas reads every machine's file, and each layer it would fetch is locked to a commit.
check_layer_kas() {
    local work file failed=
    work=$(mktemp -d)
    for file in "$LAYER"/kas/machine-*.yml; do
        layer_kas_dump "$file" "$work" >"$work/dump.json" &&
            python3 "$FOREBAY_ROOT/scripts/lib/layer/locked.py" "$(basename "$file" .yml)" <"$work/dump.json" || failed=$file
    done
    rm -rf "$work"
    [ -z "$failed" ]
}

# layer_kas_dump FILE FOLDER: what kas makes of it, as JSON, with FOLDER in the place of layers that are not here.
layer_kas_dump() {
    local file=$1 folder=$2 parts=("$LAYER/kas/common.yml") here=$FOREBAY_CACHE/layer/not-fetched.yml
    if grep -q raspberrypi.yml "$file"; then parts+=("$LAYER/kas/raspberrypi.yml"); fi
    {
        printf 'header:\n  version: 14\nrepos:\n'
        sed -n 's/^  \([a-z-]*\):$/\1/p' "${parts[@]}" | grep -vx forebay | while read -r repo; do
            printf '  %s:\n    url: null\n    branch: null\n    path: %s\n' "$repo" "$folder"
        done
    } >"$here"
    # kas takes all its files from one repository, which .cache lies in.
    (cd "$FOREBAY_ROOT" && KAS_WORK_DIR=$folder "$LAYER_VENV/bin/kas" --log-level warning dump --format json \
        "yocto-layer/kas/${file##*/}:${here#"$FOREBAY_ROOT/"}")
}
