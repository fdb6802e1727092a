# shellcheck shell=bash disable=SC2034
# The facts of the image: names, sizes and packages, each in this one place. Sourced, never run.

# Debian's release the image is made of. 13 because its systemd (257) restarts with back-off for ever (RestartSteps=,
# since 254), which Debian 12's does not.
IMAGE_SUITE=trixie
IMAGE_ARCH=arm64
IMAGE_BOARDS=(qemu-arm64 rpi-arm64)

# The disk: an MBR, because the boot ROM of the Raspberry Pi 3 reads nothing newer. MBR signature: the initramfs knows
# the disk by it. Data is the last partition and a primary one, so that growing it touches one entry of the table.
DISK_SIGNATURE=0x46424159
BOOT_MIB=64
KERNEL_MIB=48
ROOT_MIB=192
# As it is on the image; first boot grows it to the end of the card.
DATA_MIB=64
BOOT_PART=1
KERNEL_A_PART=5
KERNEL_B_PART=6
ROOT_A_PART=7
ROOT_B_PART=8
DATA_PART=3
# A card must hold the image and leave the history some room.
CARD_MIB_MIN=1024

# The boot script's memory, a file on the boot partition. Not uboot.env: U-Boot of the Raspberry Pi takes a file of that
# name for its whole environment and loses its own boot command.
SLOT_ENV=forebay.env
SLOT_ENV_BYTES=0x4000
SLOT_TRIES=3

# Every file's time in the image; the root's squashfs is the same bytes from the same inputs.
IMAGE_EPOCH=1700000000

# What the root is made of, with what these depend on.
BASE_PACKAGES=(
    systemd systemd-sysv udev dbus libsystemd0 kmod
    systemd-resolved     # names, and <host>.local for phones
    systemd-timesyncd
    libubootenv-tool     # fw_setenv: how a slot is marked good
    fdisk                # data: grown once
    tzdata util-linux
)
# Needed to make the root, not to run it: their files are taken out again. Fewer programs, fewer holes.
BASE_DROPPED=(apt libapt-pkg7.0 debian-archive-keyring sqv passwd login login.defs perl-base debconf dpkg)

# The kernel isn't installed in the root, whose package would bring Debian's initramfs tools along: its modules are
# picked here, with what they depend on.
KERNEL_PACKAGE=linux-image-arm64
# For the initramfs: finding the disk and mounting the root. busybox and e2fsck come from their static packages.
INITRAMFS_MODULES=(
    virtio_pci virtio_mmio virtio_blk squashfs ext4 crc32c_generic vfat nls_cp437 nls_ascii nls_iso8859-1 nls_utf8
    sdhci-iproc sdhci-pltfm bcm2835 mmc_block bcm2835_wdt
    qemu_fw_cfg          # systemd reads its credentials in a virtual machine: how tests get in without a way in for others
)
# For the root: networks, serial adapters, watchdogs, clocks.
ROOT_MODULES=(
    virtio_net virtio_rng virtio_console qemu_fw_cfg i6300esb gpio-pl061 rtc-pl031
    smsc95xx lan78xx r8152 asix ax88179_178a cdc_ether genet brcmfmac brcmfmac-wcc mdio-bcm-unimac broadcom microchip
    bcm2835-rng iproc-rng200 raspberrypi-cpufreq bcm2835_thermal bcm2711_thermal vc4
    xhci-pci xhci-plat-hcd pcie-brcmstb reset-raspberrypi dwc2 usb-storage uas sd_mod
    usbserial ftdi_sio pl2303 cp210x ch341 cdc_acm
    i2c-bcm2835 i2c-dev spi-bcm2835 rtc-pcf85063 rtc-ds1307 rtc-pcf8523
    autofs4 tun nf_tables nft_ct nft_reject_inet dm-mod dm-verity loop nbd
)
