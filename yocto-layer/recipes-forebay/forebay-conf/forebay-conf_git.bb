SUMMARY = "Site that comes with the gateway"
DESCRIPTION = "The demonstration site, in the YAML a site writes. A product replaces it: a bbappend with its own \
folder in SRC_URI and in FOREBAY_SITE."
SECTION = "net"

inherit forebay_checkout allarch

SRC_URI = "\
    file://LICENSE \
    file://config \
"

# The folder of *.yaml files to ship, below UNPACKDIR.
FOREBAY_SITE ?= "config"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${datadir}/forebay/site
    install -m 0644 ${S}/${FOREBAY_SITE}/*.yaml ${D}${datadir}/forebay/site/
}

FILES:${PN} += "${datadir}/forebay/site"
