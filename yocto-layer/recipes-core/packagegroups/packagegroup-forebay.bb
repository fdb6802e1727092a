SUMMARY = "The gateway: daemons, page, site and what the root file system needs for them"
DESCRIPTION = "What forebay-image installs beside the system itself. A product that leaves a daemon out has its own."
LICENSE = "GPL-3.0-or-later"

inherit packagegroup

RDEPENDS:${PN} = "\
    forebay \
    forebay-bus \
    forebay-conf \
    forebay-history \
    forebay-initvalues \
    forebay-modbus \
    forebay-modbusserver \
    forebay-rootfs \
    forebay-web \
    forebay-www \
"
