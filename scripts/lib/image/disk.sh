# shellcheck shell=bash
# From parts to a disk: file systems made of folders and put in their places, without root and without mounting anything.
# Sourced after facts.sh, never run.
# shellcheck disable=SC2153

# make_boot FOLDER KERNEL [CLAIM] [SITE] [ENVIRONMENT]: what lies on the boot partition.
make_boot() {
    local folder=$1 kernel=$2 claim=${3:-} site=${4:-} environment=${5:-}
    rm -rf "$folder" && mkdir -p "$folder"
    sed -e "s|@SLOT_ENV@|$SLOT_ENV|g; s|@SLOT_ENV_BYTES@|$SLOT_ENV_BYTES|g; s|@SLOT_TRIES@|$SLOT_TRIES|g" \
        -e "s|@KERNEL_A_PART@|$KERNEL_A_PART|g; s|@KERNEL_B_PART@|$KERNEL_B_PART|g" \
        -e "s|@KERNEL_ADDRESS@|$BOARD_KERNEL_ADDRESS|g; s|@INITRD_ADDRESS@|$BOARD_INITRD_ADDRESS|g" \
        -e "s|@UNPACK_ADDRESS@|$BOARD_UNPACK_ADDRESS|g; s|@CONSOLES@|$BOARD_CONSOLES|g" \
        -e "s|@DEVICE_TREE@|$BOARD_DEVICE_TREE|g" "$IMAGE_LIB/boot.cmd" >"$folder/boot.cmd"
    mkimage -A arm64 -T script -C none -d "$folder/boot.cmd" "$folder/boot.scr" >/dev/null
    rm "$folder/boot.cmd"
    printf '%s\n' 'BOOT_ORDER=A B' "BOOT_A_LEFT=$SLOT_TRIES" "BOOT_B_LEFT=$SLOT_TRIES" |
        mkenvimage -s "$SLOT_ENV_BYTES" -o "$folder/$SLOT_ENV" -
    board_boot_files "$folder" "$kernel"
    [ -z "$claim" ] || printf '%s\n' "$claim" >"$folder/claim.txt"
    [ -z "$site" ] || cp --recursive --dereference "$site" "$folder/site"
    [ -z "$environment" ] || cp "$environment" "$folder/environment.txt"
}

# make_kernel_part FILE KERNEL: an ext4 without what U-Boot doesn't read.
make_kernel_part() {
    local file=$1 kernel=$2 folder=$1.in
    rm -rf "$folder" "$file" && mkdir "$folder"
    cp "$kernel/Image.gz" "$kernel/initrd.img" "$folder/"
    mkfs.ext4 -q -b 1024 -O ^has_journal,^metadata_csum,^64bit,^orphan_file,^metadata_csum_seed -L kernel \
        -d "$folder" "$file" $((KERNEL_MIB - 1))M 2>/dev/null ||
        mkfs.ext4 -q -b 1024 -O ^has_journal,^metadata_csum,^64bit -L kernel -d "$folder" "$file" $((KERNEL_MIB - 1))M
    rm -rf "$folder"
}

# make_disk FILE WORK: WORK/boot, WORK/kernel.img and WORK/root.squashfs become the disk. Both slots hold the same: a card
# that went bad in one place still has a whole slot.
make_disk() {
    local file=$1 work=$2 part=$2/part.img end
    [ "$(mib "$work/root.squashfs")" -le "$ROOT_MIB" ] ||
        die "the root has $(mib "$work/root.squashfs") MiB, its partition $ROOT_MIB"
    lay_out
    end=$((DATA_START + DATA_MIB))
    rm -f "$file" && truncate --size "${end}M" "$file"
    partition_table | sfdisk --quiet --wipe never "$file" || die "could not write the partition table"

    rm -f "$part" && truncate --size "${BOOT_MIB}M" "$part"
    mkfs.vfat -F 32 -n BOOT -i "${DISK_SIGNATURE#0x}" "$part" >/dev/null
    (cd "$work/boot" && mcopy -s -i "$part" -- * ::)
    put "$part" "$file" "$BOOT_START"
    put "$work/kernel.img" "$file" "$KERNEL_A_START"
    put "$work/kernel.img" "$file" "$KERNEL_B_START"
    put "$work/root.squashfs" "$file" "$ROOT_A_START"
    put "$work/root.squashfs" "$file" "$ROOT_B_START"
    rm -f "$part" && truncate --size "${DATA_MIB}M" "$part"
    # The last hundredth is the daemons' alone (group 810, forebay): who fills it otherwise doesn't keep the history from starting.
    mkfs.ext4 -q -L data -m 1 "$part"
    tune2fs -g 810 "$part" >/dev/null
    put "$part" "$file" "$DATA_START"
    rm -f "$part"
}

# Where each partition starts, in MiB. A logical one leaves a MiB before itself for its entry in the table.
lay_out() {
    BOOT_START=1
    EXTENDED_START=$((BOOT_START + BOOT_MIB))
    KERNEL_A_START=$((EXTENDED_START + 1))
    KERNEL_B_START=$((KERNEL_A_START + KERNEL_MIB + 1))
    ROOT_A_START=$((KERNEL_B_START + KERNEL_MIB + 1))
    ROOT_B_START=$((ROOT_A_START + ROOT_MIB + 1))
    DATA_START=$((ROOT_B_START + ROOT_MIB))
}

partition_table() {
    printf 'label: dos\nlabel-id: %s\n' "$DISK_SIGNATURE"
    printf '%s: start=%sMiB, size=%sMiB, type=%s\n' \
        "$BOOT_PART" "$BOOT_START" "$BOOT_MIB" 'c, bootable' \
        2 "$EXTENDED_START" $((DATA_START - EXTENDED_START)) f \
        "$DATA_PART" "$DATA_START" "$DATA_MIB" 83 \
        "$KERNEL_A_PART" "$KERNEL_A_START" "$KERNEL_MIB" 83 \
        "$KERNEL_B_PART" "$KERNEL_B_START" "$KERNEL_MIB" 83 \
        "$ROOT_A_PART" "$ROOT_A_START" "$ROOT_MIB" 83 \
        "$ROOT_B_PART" "$ROOT_B_START" "$ROOT_MIB" 83
}

# put PART DISK MIB: PART's bytes into DISK at that place; holes stay holes.
put() { dd if="$1" of="$2" bs=1M seek="$3" conv=notrunc,sparse status=none; }
