SUMMARY = "Boot script that picks a slot, and its memory"
DESCRIPTION = "boot.scr and the slot environment, from the same script and board facts as the image of scripts/image."
SECTION = "bootloaders"

inherit forebay_checkout deploy nopackages

DEPENDS += "u-boot-tools-native"
PROVIDES += "u-boot-default-script"
SRC_URI = "\
    file://LICENSE \
    file://scripts/lib/image/boot.cmd \
    file://scripts/lib/image/board-${FOREBAY_BOARD}.sh \
"

# The script starts an arm64 kernel (booti).
COMPATIBLE_HOST = "aarch64.*-linux"
COMPATIBLE_MACHINE = "^(qemuarm64|rpi)$"
FOREBAY_BOARD = "unknown"
FOREBAY_BOARD:qemuarm64 = "qemu-arm64"
FOREBAY_BOARD:rpi = "rpi-arm64"

INHIBIT_DEFAULT_DEPS = "1"
PACKAGE_ARCH = "${MACHINE_ARCH}"

require conf/forebay-disk.inc

B = "${WORKDIR}/build"

do_configure[noexec] = "1"

do_compile() {
    # Where this board's memory is and who hands over its device tree.
    . ${S}/scripts/lib/image/board-${FOREBAY_BOARD}.sh
    # The console is the kernel's, whose names differ between Debian's and this one.
    sed -e "s|@CONSOLES@|console=tty1 console=${KERNEL_CONSOLE}|" \
        -e "s|@KERNEL_ADDRESS@|$BOARD_KERNEL_ADDRESS|" \
        -e "s|@INITRD_ADDRESS@|$BOARD_INITRD_ADDRESS|" \
        -e "s|@UNPACK_ADDRESS@|$BOARD_UNPACK_ADDRESS|" \
        -e "s|@DEVICE_TREE@|$BOARD_DEVICE_TREE|" \
        -e "s|@KERNEL_A_PART@|${FOREBAY_KERNEL_A_PART}|" \
        -e "s|@KERNEL_B_PART@|${FOREBAY_KERNEL_B_PART}|" \
        -e "s|@SLOT_ENV@|${FOREBAY_SLOT_ENV}|" \
        -e "s|@SLOT_ENV_BYTES@|${FOREBAY_SLOT_ENV_BYTES}|" \
        -e "s|@SLOT_TRIES@|${FOREBAY_SLOT_TRIES}|" \
        ${S}/scripts/lib/image/boot.cmd > boot.cmd
    if grep --line-number '@[A-Z_]*@' boot.cmd; then
        bbfatal "boot.cmd has a placeholder this recipe doesn't know"
    fi
    mkimage -A arm64 -T script -C none -n Forebay -d boot.cmd boot.scr
    printf 'BOOT_ORDER=A B\nBOOT_A_LEFT=%s\nBOOT_B_LEFT=%s\n' ${FOREBAY_SLOT_TRIES} ${FOREBAY_SLOT_TRIES} |
        mkenvimage -s ${FOREBAY_SLOT_ENV_BYTES} -o ${FOREBAY_SLOT_ENV} -
}

do_deploy() {
    install -m 0644 ${B}/boot.scr ${B}/${FOREBAY_SLOT_ENV} ${DEPLOYDIR}/
}
addtask deploy after do_compile before do_build
