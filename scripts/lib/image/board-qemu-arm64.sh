# shellcheck shell=bash disable=SC2034,SC2016
# QEMU's virt machine: what continuous integration boots. Sourced, never run.

BOARD_WHAT="QEMU's arm64 virt machine"
BOARD_CONSOLES='console=tty1 console=ttyAMA0,115200'
# RAM begins at 0x40000000; 38 MB of kernel, then the initramfs, then room for unpacking.
BOARD_KERNEL_ADDRESS=0x40400000
BOARD_INITRD_ADDRESS=0x44000000
BOARD_UNPACK_ADDRESS=0x48000000
# QEMU hands its device tree to U-Boot, and U-Boot to the kernel.
BOARD_DEVICE_TREE='${fdtcontroladdr}'
BOARD_UBOOT_PACKAGE=u-boot-qemu
BOARD_UBOOT=usr/lib/u-boot/qemu_arm64/u-boot.bin

# board_boot_files FOLDER KERNEL: what else lies on the boot partition. U-Boot is QEMU's -bios here.
board_boot_files() { :; }
