SUMMARY = "The gateway's image with tools, for the bench"
DESCRIPTION = "forebay-image with what a person debugs with. Anybody at the serial console is root: never on a box that \
leaves the bench."

require forebay-image.inc

IMAGE_INSTALL += "packagegroup-forebay-bench"
# Open on purpose.
# nooelint: oelint.var.badimagefeature.allow-empty-password oelint.var.badimagefeature.allow-root-login oelint.var.badimagefeature.empty-root-password oelint.var.badimagefeature.serial-autologin-root
IMAGE_FEATURES += "allow-empty-password allow-root-login empty-root-password serial-autologin-root"

# The overlay masks every login; this image has one on the serial console.
forebay_let_in() {
    rm -f ${IMAGE_ROOTFS}${sysconfdir}/systemd/system/getty.target \
        ${IMAGE_ROOTFS}${sysconfdir}/systemd/system-generators/systemd-getty-generator
}
ROOTFS_POSTPROCESS_COMMAND:append = " forebay_let_in"
