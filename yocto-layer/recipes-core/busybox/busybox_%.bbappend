# Only for this distribution: the layer alone changes nobody's busybox.
FILESEXTRAPATHS:prepend:forebay := "${THISDIR}/files:"
SRC_URI:append:forebay = " file://forebay-busybox.cfg"
