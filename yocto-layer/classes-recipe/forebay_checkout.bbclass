# Sources out of the checkout the layer lies in.
#
# A recipe that inherits this names its sources relative to the checkout's root:
#
#     SRC_URI = "file://LICENSE file://config"
#
# They are copied into UNPACKDIR with their paths, and bitbake hashes their contents: what is edited in the checkout is
# built anew, and where the checkout lies doesn't matter. The checkout itself is never written to.

# nooelint: oelint.vars.fileextrapaths
FILESEXTRAPATHS:prepend := "${FOREBAY_CHECKOUT}:"

LICENSE ?= "GPL-3.0-or-later"
LIC_FILES_CHKSUM ?= "file://LICENSE;md5=1ebbd3e34237af26da5dc08a4e440464"

PV = "${FOREBAY_VERSION}"
S = "${UNPACKDIR}"
