SUMMARY = "First process of the box: finds the disk, mounts the slot's root, starts systemd"
DESCRIPTION = "The init of the initramfs, the same as in the image of scripts/image, with the modules it loads where \
the kernel has them as modules."
SECTION = "base"

inherit forebay_checkout

SRC_URI = "\
    file://LICENSE \
    file://scripts/lib/image/initramfs-init \
"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -m 0755 ${S}/scripts/lib/image/initramfs-init ${D}/init
    install -d ${D}/data ${D}/root
}

FILES:${PN} += "/init /data /root"
RDEPENDS:${PN} = "busybox"
# Recommended, not required: what is built into a kernel has no package.
RRECOMMENDS:${PN} = "\
    kernel-module-bcm2835-wdt \
    kernel-module-ext4 \
    kernel-module-mmc-block \
    kernel-module-nls-cp437 \
    kernel-module-nls-iso8859-1 \
    kernel-module-sdhci-iproc \
    kernel-module-squashfs \
    kernel-module-vfat \
    kernel-module-virtio-blk \
    kernel-module-virtio-mmio \
    kernel-module-virtio-pci \
"
