# shellcheck shell=bash
# Kernel, modules and initramfs, taken out of Debian's packages on this machine. Sourced, never run.

# make_kernel FOLDER: FOLDER/Image.gz, FOLDER/initrd.img, FOLDER/dtbs/ and the root's FOLDER/modules/lib/modules/VERSION.
# Made again only when the package or what is picked of it changes.
make_kernel() {
    local out=$1 package stamp want version source
    package=$(kernel_package)
    [ -n "$package" ] || die "$KERNEL_PACKAGE names no kernel"
    stamp=$out/stamp
    want=$(printf '%s\n' "$package=$(package_version "$package")" "busybox=$(package_version busybox-static)" \
        "e2fsck=$(package_version e2fsck-static)" \
        "${INITRAMFS_MODULES[*]}" "${ROOT_MODULES[*]}" \
        "$(sha256sum <"$IMAGE_LIB/initramfs-init")" "$(sha256sum <"$IMAGE_LIB/kernel.sh")" | sha256sum)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then return 0; fi
    say "kernel: $package"
    rm -rf "$out" && mkdir -p "$out"
    source=$out/unpacked
    unpack_package "$package" "$source"
    version=${package#linux-image-}
    # Debian's trees differ in whether modules lie below /lib or /usr/lib.
    [ -d "$source/usr/lib/modules" ] || { mkdir -p "$source/usr/lib" && mv "$source/lib/modules" "$source/usr/lib/"; }
    rm -rf "${source:?}/lib"
    ln -s usr/lib "$source/lib"
    depmod --basedir "$source" "$version"
    pick_modules "$source" "$version" "$out/modules" "${INITRAMFS_MODULES[@]}" "${ROOT_MODULES[@]}"
    make_initramfs "$source" "$version" "$out"
    # U-Boot reads and unpacks 12 MB faster than it reads 36.
    gzip --best --no-name --stdout "$source/boot/vmlinuz-$version" >"$out/Image.gz"
    mkdir -p "$out/dtbs"
    find "$source/usr/lib/$package/broadcom" -name 'bcm2[78]*.dtb' -exec cp {} "$out/dtbs/" \;
    printf '%s\n' "$version" >"$out/version"
    rm -rf "$source"
    printf '%s\n' "$want" >"$stamp"
}

# pick_modules SOURCE VERSION TARGET NAME...: these modules, what they need, and an index, unpacked: the squashfs and the
# initramfs compress better than each file for itself, and busybox need not know xz.
pick_modules() {
    local source=$1 version=$2 target=$3 name file relative
    shift 3
    mkdir -p "$target/lib/modules/$version"
    for name in "$@"; do
        # modprobe knows soft dependencies too, such as ext4's crc32c, which modules.dep doesn't.
        if ! modprobe --dirname "$source" --set-version "$version" --show-depends "$name" >"$target/needs" 2>/dev/null; then
            warn "this kernel has no module $name"
            continue
        fi
        sed -n 's/^insmod \([^ ]*\).*/\1/p' "$target/needs" | while read -r file; do
            relative=${file##*"/lib/modules/$version/"}
            [ ! -e "$target/lib/modules/$version/${relative%.xz}" ] || continue
            mkdir -p "$target/lib/modules/$version/${relative%/*}"
            case $file in
            *.xz) xz --decompress --stdout "$file" >"$target/lib/modules/$version/${relative%.xz}" ;;
            *) cp "$file" "$target/lib/modules/$version/$relative" ;;
            esac
        done
    done
    rm -f "$target/needs"
    cp "$source/usr/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$target/lib/modules/$version/"
    depmod --basedir "$target" "$version" 2>/dev/null
}

# make_initramfs SOURCE VERSION FOLDER: FOLDER/initrd.img with busybox, our init and the modules it loads.
make_initramfs() {
    local source=$1 version=$2 out=$3 tree=$3/initramfs
    rm -rf "$tree" && mkdir -p "$tree"/{bin,proc,sys,dev,run,root}
    # Where the kernel looks for modprobe when it wants a module by itself: ext4 its checksums.
    ln -s bin "$tree/sbin"
    unpack_package busybox-static "$out/busybox"
    unpack_package e2fsck-static "$out/busybox"
    cp "$out/busybox/usr/bin/busybox" "$tree/bin/busybox"
    cp "$(find "$out/busybox" -name e2fsck.static -type f)" "$tree/bin/e2fsck"
    cp "$IMAGE_LIB/initramfs-init" "$tree/init"
    chmod 755 "$tree/init" "$tree"/bin/*
    pick_modules "$source" "$version" "$tree" "${INITRAMFS_MODULES[@]}"
    find "$tree" -exec touch --no-dereference --date "@$IMAGE_EPOCH" {} +
    (cd "$tree" && find . -print0 | LC_ALL=C sort --zero-terminated |
        cpio --null --create --format newc --quiet --owner 0:0 --reproducible) | zstd --quiet -15 -T2 >"$out/initrd.img"
    rm -rf "$tree" "$out/busybox"
}
