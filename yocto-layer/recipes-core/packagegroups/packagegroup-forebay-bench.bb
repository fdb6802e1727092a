SUMMARY = "Tools for a person at the bench"
DESCRIPTION = "What forebay-image-dev has beside forebay-image: looking at processes, networks and USB."
LICENSE = "GPL-3.0-or-later"

inherit packagegroup

RDEPENDS:${PN} = "\
    ethtool \
    gdbserver \
    iproute2 \
    kmod \
    less \
    procps \
    strace \
    usbutils \
"
