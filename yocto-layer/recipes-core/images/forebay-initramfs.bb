SUMMARY = "Initramfs of the gateway"
DESCRIPTION = "Busybox and forebay-init; it lies beside the kernel on each slot's kernel partition."
LICENSE = "GPL-3.0-or-later"

inherit core-image

IMAGE_FSTYPES = "${INITRAMFS_FSTYPES}"
IMAGE_FEATURES = ""
IMAGE_LINGUAS = ""
IMAGE_NAME_SUFFIX ?= ""
PACKAGE_INSTALL = "forebay-init busybox base-passwd ${ROOTFS_BOOTSTRAP_INSTALL}"
# Not the kernel that would come along with its modules.
PACKAGE_EXCLUDE = "kernel-image-*"
IMAGE_ROOTFS_SIZE = "8192"
IMAGE_ROOTFS_EXTRA_SPACE = "0"
