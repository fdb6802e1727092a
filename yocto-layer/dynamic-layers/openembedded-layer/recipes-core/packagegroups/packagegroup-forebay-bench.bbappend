# A terminal for serial lines, which openembedded-core doesn't have.
RDEPENDS:${PN}:append = " picocom"
