# shellcheck shell=bash
# The oldest supported compiler, and what it takes to build for the two ARM targets without docker: Debian's rustc and
# its target std, Debian's cross gcc, libsystemd of the target. Nothing of it is needed for the machine's own builds.
# Sourced after setup.sh, never run. Sets CROSS_DEB, CROSS_GNU, CROSS_QEMU and OLDEST_RUSTC for those who source it.
#
#   need_cross aarch64-unknown-linux-gnu
#   cross_cargo build --release -p forebay-box --target aarch64-unknown-linux-gnu

CROSS_TARGETS=(aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf)
# A folder of its own: another compiler in the common one would have everything built anew at each change of hands.
CROSS_OUT=$FOREBAY_CACHE/cross
# Debian's rustc has no toolchains to choose from, and rustup's may come first in the PATH: it is always named in full.
OLDEST_RUSTC=/usr/bin/rustc

# cross_facts TARGET: what Debian (CROSS_DEB), binutils (CROSS_GNU) and QEMU (CROSS_QEMU) call it.
cross_facts() {
    case $1 in
    aarch64-unknown-linux-gnu) CROSS_DEB=arm64 CROSS_GNU=aarch64-linux-gnu CROSS_QEMU=qemu-aarch64-static ;;
    armv7-unknown-linux-gnueabihf) CROSS_DEB=armhf CROSS_GNU=arm-linux-gnueabihf CROSS_QEMU=qemu-arm-static ;;
    *) die "'$1' is not a target we build for; these are: ${CROSS_TARGETS[*]}" ;;
    esac
}

# --- packages ------------------------------------------------------------------------------------------------

is_oldest_rustc() {
    [ -x "$OLDEST_RUSTC" ] && "$OLDEST_RUSTC" --version | grep -q "^rustc $RUST_OLDEST\\."
}

has_std() { compgen -G "/usr/lib/rustlib/$1/lib/libstd-*.rlib" >/dev/null; }

# oldest_rust_packages [ARCH]: prints "COMPILER STD VERSION", the packages of RUST_OLDEST in the newest version that there is
# for this machine and, if named, for ARCH: rustc on Debian 13, rustc-web on Debian 12.
oldest_rust_packages() {
    local names="rustc rustc-web"
    [ -z "${1:-}" ] || names="$names libstd-rust-dev:$1 libstd-rust-web-dev:$1"
    # shellcheck disable=SC2086
    apt-cache madison $names 2>/dev/null | awk -v want="$RUST_OLDEST." -v arch="${1:-}" '
        index($3, want) != 1 { next }
        $1 ~ /^rustc/ { order[++count] = $1 " " ($1 == "rustc" ? "libstd-rust-dev" : "libstd-rust-web-dev") " " $3; next }
        { offered[$1 " " $3] }
        END {
            for (i = 1; i <= count; i++) {
                split(order[i], part, " ")
                if (arch == "" || ((part[2] ":" arch " " part[3]) in offered)) { print order[i]; exit }
            }
        }'
}

# need_oldest_rust: OLDEST_RUSTC is a compiler of the oldest supported release, for this machine.
need_oldest_rust() {
    local packages
    is_oldest_rustc && return 0
    can_be_root || die "Rust $RUST_OLDEST isn't at $OLDEST_RUSTC, and neither root nor password-less sudo is here"
    packages=$(oldest_rust_packages)
    if [ -z "$packages" ]; then
        quietly "apt-get update" apt_quiet update || warn "going on with the package lists there are"
        packages=$(oldest_rust_packages)
    fi
    [ -n "$packages" ] || die "this machine's packages have no Rust $RUST_OLDEST (Debian 12 and 13 do)"
    install_agreeing "$packages"
    is_oldest_rustc || die "$OLDEST_RUSTC is $("$OLDEST_RUSTC" --version), not $RUST_OLDEST"
}

# need_cross TARGET: everything to build for it and to run what was built. Returns at once when it is all there.
need_cross() {
    local target=$1 packages
    need_rust
    cross_facts "$target"
    if cross_is_there "$target"; then return 0; fi
    can_be_root || die "building for $target needs packages: run this once as root, or with password-less sudo"
    if ! dpkg --print-foreign-architectures | grep -qx "$CROSS_DEB"; then
        say "telling dpkg about $CROSS_DEB"
        as_root dpkg --add-architecture "$CROSS_DEB"
        quietly "apt-get update" apt_quiet update || warn "going on with the package lists there are"
    fi
    packages=$(oldest_rust_packages "$CROSS_DEB")
    if [ -z "$packages" ] || ! apt-cache show "libsystemd-dev:$CROSS_DEB" >/dev/null 2>&1; then
        quietly "apt-get update" apt_quiet update || warn "going on with the package lists there are"
        packages=$(oldest_rust_packages "$CROSS_DEB")
    fi
    [ -n "$packages" ] ||
        die "this machine's packages have no Rust $RUST_OLDEST for both itself and $CROSS_DEB (Debian 12 and 13 do)"
    install_agreeing "$packages" "$CROSS_DEB" libsystemd-dev "libsystemd-dev:$CROSS_DEB" pkg-config \
        "gcc-$CROSS_GNU" "libc6-dev-$CROSS_DEB-cross" qemu-user-static
    cross_is_there "$target" || die "everything was installed and yet something to build for $target is missing"
}

cross_is_there() {
    is_oldest_rustc && has_std "$1" && has_std "$(uname -m)-unknown-linux-gnu" &&
        command -v "$CROSS_GNU-gcc" pkg-config "$CROSS_QEMU" >/dev/null &&
        [ -f "/usr/lib/$CROSS_GNU/pkgconfig/libsystemd.pc" ]
}

# install_agreeing "COMPILER STD VERSION" [ARCH PACKAGE...]: the compiler in that version with its std for this machine
# and for ARCH, and further packages.
# Debian lets two architectures have the same library only in the same version, but the versions on offer can differ:
# a security update is there for one architecture first, or for one only. So each library that would come along is held
# to the newest version that all architectures have, for this one installation.
install_agreeing() {
    local compiler std version arch=${2:-} preferences wanted
    read -r compiler std version <<<"$1"
    shift "$(($# > 1 ? 2 : 1))"
    wanted=("$compiler=$version" "$std=$version" "$@")
    [ -z "$arch" ] || wanted+=("$std:$arch=$version")
    preferences=$(mktemp)
    # apt reads it as a user of its own
    chmod 644 "$preferences"
    if [ -n "$arch" ]; then
        agreeing_versions "$arch" "libsystemd-dev:$arch" "$std:$arch" | with_siblings | while read -r name common; do
            printf 'Package: %s\nPin: version %s\nPin-Priority: 1001\n\n' "$name" "$common"
        done >"$preferences"
    fi
    say "installing ${wanted[*]}"
    quietly "installing ${wanted[*]}" apt_quiet -o "Dir::Etc::preferences=$preferences" \
        install --no-install-recommends --allow-downgrades "${wanted[@]}" || {
        rm -f "$preferences"
        die "could not install what building for ${arch:-this machine} with Rust $RUST_OLDEST takes"
    }
    rm -f "$preferences"
}

# agreeing_versions ARCH PACKAGE:ARCH...: for each Multi-Arch:same package these bring along, "NAME[:ARCH] VERSION" with
# the newest version that this machine's architecture and all foreign ones of ours offer.
agreeing_versions() {
    local arches closure
    arches=$( (echo "$1"; dpkg --print-foreign-architectures | grep -xE 'arm64|armhf') | sort -u | tr '\n' ' ')
    shift
    closure=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$@" | sed -n 's/^\([a-z0-9][a-z0-9.+-]*\):.*/\1/p' | sort -u)
    # shellcheck disable=SC2086
    closure=$(apt-cache show --no-all-versions $closure 2>/dev/null |
        awk '$1 == "Package:" { name = $2 } /^Multi-Arch: same/ { print name }' | sort -u)
    # shellcheck disable=SC2046,SC2086
    apt-cache madison $closure $(for arch in $arches; do printf "%s:$arch " $closure; done) | awk -v arches="$arches" '
        # newest first, as apt keeps them
        { offered[$1] = offered[$1] " " $3 " "; if ($1 !~ /:/ && !($1 in seen)) { seen[$1]; names[++count] = $1 } }
        END {
            foreign = split(arches, arch, " ")
            for (i = 1; i <= count; i++) {
                name = names[i]; spellings = name; common = ""
                versions = split(offered[name], version, " ")
                for (v = 1; v <= versions && common == ""; v++) {
                    common = version[v]
                    for (a = 1; a <= foreign; a++)
                        if (((name ":" arch[a]) in offered) && !index(offered[name ":" arch[a]], " " common " ")) common = ""
                }
                if (common == "") continue
                print name, common
                for (a = 1; a <= foreign; a++) print name ":" arch[a], common
            }
        }'
}

# Adds to "NAME VERSION" lines what is installed from the same source: xz-utils goes where liblzma5 goes.
with_siblings() {
    awk '
        NR == FNR { version[$1] = $2; source[$1] = $3; installed[++count] = $1; next }
        { print; pinned[$1]; if (($1 in version) && version[$1] != $2) moved[source[$1] " " version[$1]] = $2 }
        END {
            for (i = 1; i <= count; i++) {
                name = installed[i]; key = source[name] " " version[name]
                if (!(name in pinned) && (key in moved)) print name, moved[key]
            }
        }' <(dpkg-query -W -f '${Package} ${Version} ${source:Package} ${Architecture}\n' |
        awk -v own="$(dpkg --print-architecture)" '$4 == own || $4 == "all"') -
}

# --- building ------------------------------------------------------------------------------------------------

# cross_cargo ARGUMENT...: cargo with Debian's compiler and the tools of both targets; `run` and `test` go through QEMU.
# In a shell of its own, so that the facts of the caller's target stay as they are.
cross_cargo() (
    local target upper lower environment=()
    for target in "${CROSS_TARGETS[@]}"; do
        cross_facts "$target"
        lower=${target//-/_}
        upper=${lower^^}
        environment+=(
            "CARGO_TARGET_${upper}_LINKER=$CROSS_GNU-gcc"
            "CARGO_TARGET_${upper}_RUNNER=$CROSS_QEMU"
            "CC_$lower=$CROSS_GNU-gcc"
            "AR_$lower=$CROSS_GNU-ar"
            "PKG_CONFIG_LIBDIR_$lower=/usr/lib/$CROSS_GNU/pkgconfig:/usr/share/pkgconfig"
        )
    done
    env "${environment[@]}" RUSTC="$OLDEST_RUSTC" RUSTDOC=/usr/bin/rustdoc PKG_CONFIG_ALLOW_CROSS=1 \
        CARGO_TARGET_DIR="$CROSS_OUT" cargo "$@"
)

# cross_wrapper TARGET PROGRAM: prints the path of a script that runs the program under QEMU; with it a test needs
# neither binfmt_misc nor root.
cross_wrapper() (
    local folder=$CROSS_OUT/$1/run name
    cross_facts "$1"
    name=$(basename "$2")
    mkdir -p "$folder"
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$CROSS_QEMU" "$2" >"$folder/$name"
    chmod +x "$folder/$name"
    printf '%s\n' "$folder/$name"
)
