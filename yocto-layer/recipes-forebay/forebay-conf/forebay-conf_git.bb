SUMMARY = "Site and devices that come with the gateway"
DESCRIPTION = "The demonstration site, in the YAML a site writes. A product replaces it: a bbappend with its own \
folder in SRC_URI and in FOREBAY_SITE. And the register maps of devices, which every site may use by their names."
SECTION = "net"

inherit forebay_checkout allarch

SRC_URI = "\
    file://LICENSE \
    file://config \
"

# The folder of *.yaml files to ship, below UNPACKDIR. A folder devices in it comes along.
FOREBAY_SITE ?= "config"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${datadir}/forebay/site
    install -m 0644 ${S}/${FOREBAY_SITE}/*.yaml ${D}${datadir}/forebay/site/
    install -d ${D}${datadir}/forebay/devices
    install -m 0644 ${S}/config/devices/*.yaml ${D}${datadir}/forebay/devices/
    if [ "${FOREBAY_SITE}" != config ] && [ -d ${S}/${FOREBAY_SITE}/devices ]; then
        install -d ${D}${datadir}/forebay/site/devices
        install -m 0644 ${S}/${FOREBAY_SITE}/devices/*.yaml ${D}${datadir}/forebay/site/devices/
    fi
}

FILES:${PN} += "${datadir}/forebay/site ${datadir}/forebay/devices"
