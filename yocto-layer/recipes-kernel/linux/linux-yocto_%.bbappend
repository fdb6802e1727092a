# Only for this distribution: the layer alone changes nobody's kernel.
FILESEXTRAPATHS:prepend:forebay-distro := "${THISDIR}/files:"
SRC_URI:append:forebay-distro = " file://forebay.cfg"
