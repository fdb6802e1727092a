# shellcheck shell=bash
# Debian's part of the root: packages unpacked and set up, as one tar in the cache. Sourced, never run.

# need_binfmt: programs of the image's architecture run here, for the packages' set-up scripts.
need_binfmt() {
    local registry=/proc/sys/fs/binfmt_misc entry=qemu-aarch64
    [ "$(dpkg --print-architecture)" != "$IMAGE_ARCH" ] || return 0
    if [ -e "$registry/$entry" ]; then return 0; fi
    can_be_root || die "arm64 programs don't run here (binfmt_misc); as root: apt-get install qemu-user-static binfmt-support"
    [ -e "$registry/register" ] || as_root mount -t binfmt_misc none "$registry" || true
    # F: the interpreter is opened now, so that it is there inside other roots too. P O C: as Debian's package registers it.
    # shellcheck disable=SC2016
    as_root sh -c 'printf "%s" "$1" >"$2"' sh \
        ":$entry:M::\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:/usr/bin/qemu-aarch64-static:FPOC" \
        "$registry/register" || die "could not register qemu-aarch64-static with binfmt_misc"
}

# base_tar: the path of the base's tar, whose name changes with what goes into it.
base_tar() {
    local hash
    hash=$(printf '%s\n' "$IMAGE_SUITE" "$IMAGE_ARCH" "${BASE_PACKAGES[@]}" | sha256sum | cut -c 1-16)
    printf '%s\n' "$FOREBAY_CACHE/image/base-$hash.tar"
}

# need_base: base_tar is there. Three minutes the first time; others of other lists are removed.
need_base() {
    local tar fresh=$IMAGE_WORK/base.tar sources=$IMAGE_APT/sources.list started=$SECONDS
    tar=$(base_tar)
    [ ! -s "$tar" ] || return 0
    need_binfmt
    say "base: Debian's packages for $IMAGE_ARCH (three minutes, kept in .cache/image)"
    rm -f "$FOREBAY_CACHE"/image/base-*.tar
    SOURCE_DATE_EPOCH=$IMAGE_EPOCH quietly "making the base" in_own_mounts mmdebstrap --variant=minbase --architectures="$IMAGE_ARCH" \
        --include="$(IFS=,; printf '%s' "${BASE_PACKAGES[*]}")" \
        --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        "$IMAGE_SUITE" "$fresh" --format=tar "$sources" || die "no base: is there a network for packages?"
    mv "$fresh" "$tar"
    say "base: $(mib "$tar") MiB in $((SECONDS - started)) s"
}

# in_root COMMAND...: as root, or as what looks like root to the files it makes.
in_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        mmdebstrap --unshare-helper "$@"
    fi
}

mib() { echo $((($(stat --format %s "$1") + 1048575) / 1048576)); }
