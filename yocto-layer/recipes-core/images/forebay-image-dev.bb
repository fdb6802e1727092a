SUMMARY = "The gateway's image with tools, for the bench"
DESCRIPTION = "forebay-image with what a person debugs with. Anybody at the serial console is root: never on a box that \
leaves the bench."

require forebay-image.inc

IMAGE_INSTALL += "packagegroup-forebay-dev"
# Open on purpose.
# nooelint: oelint.var.badimagefeature.allow-empty-password oelint.var.badimagefeature.allow-root-login oelint.var.badimagefeature.empty-root-password oelint.var.badimagefeature.serial-autologin-root
IMAGE_FEATURES += "allow-empty-password allow-root-login empty-root-password serial-autologin-root"
