# shellcheck shell=bash disable=SC2034,SC2016
# Raspberry Pi 3, 4, 400, CM4 and Zero 2 W. Sourced, never run.
# Not the Pi 5: Debian 13's kernel has no driver for its network (RP1), so it would start and nobody could reach it.

BOARD_WHAT="Raspberry Pi 3, 4, CM4 and Zero 2 W"
BOARD_CONSOLES='console=tty1 console=ttyS1,115200'
# All below 256 MB, which the smallest of them (512 MB shared with the screen) has, and clear of 128 MB, where QEMU's model of
# the firmware leaves the device tree.
BOARD_KERNEL_ADDRESS=0x00200000
BOARD_INITRD_ADDRESS=0x05000000
BOARD_UNPACK_ADDRESS=0x0a000000
# The firmware picks the device tree and fills in what it knows of the board.
BOARD_DEVICE_TREE='${fdt_addr}'
BOARD_UBOOT_PACKAGE=u-boot-rpi
BOARD_UBOOT=usr/lib/u-boot/rpi_arm64/u-boot.bin

# board_boot_files FOLDER KERNEL: firmware, U-Boot, device trees and the firmware's settings into FOLDER.
board_boot_files() {
    local folder=$1 kernel=$2 firmware=$FOREBAY_CACHE/image/raspi-firmware
    rm -rf "$firmware"
    # Its files only: installing it would run hooks for a mounted boot partition.
    unpack_package raspi-firmware "$firmware"
    find "$firmware/usr/lib/raspi-firmware" -maxdepth 1 -type f \
        \( -name bootcode.bin -o -name 'start*.elf' -o -name 'fixup*.dat' \) -exec cp {} "$folder/" \;
    find "$kernel/dtbs" \( -name 'bcm2837*.dtb' -o -name 'bcm2711*.dtb' \) -exec cp {} "$folder/" \;
    cp "$FOREBAY_CACHE/image/u-boot/$BOARD_UBOOT" "$folder/u-boot.bin"
    cat >"$folder/config.txt" <<'TEXT'
# Read by the Raspberry Pi's firmware before anything else.
arm_64bit=1
enable_uart=1
kernel=u-boot.bin
# Linux's own names of the device trees: bcm2837 for what the firmware would call bcm2710.
upstream_kernel=1
# The hardware watchdog belongs to systemd; the screen shows what the serial console shows.
disable_splash=1
hdmi_force_hotplug=1
TEXT
}
