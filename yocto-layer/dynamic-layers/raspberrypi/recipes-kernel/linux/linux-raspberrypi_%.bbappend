# Only for this distribution: the layer alone changes nobody's kernel.
FILESEXTRAPATHS:prepend:forebay := "${THISDIR}/../../../../recipes-kernel/linux/files:"
SRC_URI:append:forebay = " file://forebay.cfg"
