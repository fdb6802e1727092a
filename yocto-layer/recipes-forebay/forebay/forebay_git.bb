SUMMARY = "Daemons of the gateway: one binary, a package for each of them"
DESCRIPTION = "Polls field devices over Modbus, passes values on a bus that pymscada's scripts know, keeps their \
history on flash and serves a page for phones."
SECTION = "net"

inherit forebay_checkout cargo pkgconfig systemd features_check

REQUIRED_DISTRO_FEATURES = "systemd"
DEPENDS += "systemd"

require ${BPN}-crates.inc
# The workspace as cargo wants to see it: all its members' manifests, although only the binary is built.
SRC_URI += "\
    file://LICENSE \
    file://Cargo.toml \
    file://Cargo.lock \
    file://gateway \
    file://tests/Cargo.toml \
    file://tests/lib.rs \
    file://tests/bench/Cargo.toml \
    file://tests/bench/src \
    file://rootfs-overlay/usr/lib/systemd/system/forebay-bus.service \
    file://rootfs-overlay/usr/lib/systemd/system/forebay-history.service \
    file://rootfs-overlay/usr/lib/systemd/system/forebay-initvalues.service \
    file://rootfs-overlay/usr/lib/systemd/system/forebay-modbus.service \
    file://rootfs-overlay/usr/lib/systemd/system/forebay-modbusserver.service \
    file://rootfs-overlay/usr/lib/systemd/system/forebay-www.service \
"

# A product leaves out of the binary what it doesn't ship. It doesn't install that daemon's package then: a name for
# something the binary hasn't got, which says so when it is started.
PACKAGECONFIG ??= "bus history modbus www"
PACKAGECONFIG[bus] = "--features bus"
PACKAGECONFIG[history] = "--features history"
PACKAGECONFIG[modbus] = "--features modbus"
PACKAGECONFIG[www] = "--features www"

CARGO_BUILD_FLAGS += "--package forebay-box --no-default-features"
# Stripping is do_package's: it keeps the symbols in ${PN}-dbg.
export CARGO_PROFILE_RELEASE_STRIP = "false"

do_install() {
    install -D -m 0755 ${B}/target/${CARGO_TARGET_SUBDIR}/forebay ${D}${bindir}/forebay
    for daemon in bus history initvalues modbus modbusserver www; do
        ln -s forebay ${D}${bindir}/forebay-$daemon
        install -D -m 0644 ${S}/rootfs-overlay/usr/lib/systemd/system/forebay-$daemon.service \
            ${D}${systemd_system_unitdir}/forebay-$daemon.service
    done
}

# The binary with its commands is ${PN}; a daemon is a name for it and a unit.
PACKAGE_BEFORE_PN = "${PN}-bus ${PN}-history ${PN}-initvalues ${PN}-modbus ${PN}-modbusserver ${PN}-www"
SYSTEMD_PACKAGES = "${PACKAGE_BEFORE_PN}"

# nooelint: oelint.var.order.SUMMARY
SUMMARY:${PN}-bus = "Daemon of the gateway: the switchboard between all others"
SUMMARY:${PN}-history = "Daemon of the gateway: keeps what changed, in SQLite"
SUMMARY:${PN}-initvalues = "Daemon of the gateway: gives tags that nobody owns their first value"
SUMMARY:${PN}-modbus = "Daemon of the gateway: polls and writes field devices"
SUMMARY:${PN}-modbusserver = "Daemon of the gateway: tags for other Modbus masters and panels"
SUMMARY:${PN}-www = "Daemon of the gateway: serves the page"

FILES:${PN}-bus += "${bindir}/forebay-bus"
FILES:${PN}-history += "${bindir}/forebay-history"
FILES:${PN}-initvalues += "${bindir}/forebay-initvalues"
FILES:${PN}-modbus += "${bindir}/forebay-modbus"
FILES:${PN}-modbusserver += "${bindir}/forebay-modbusserver"
FILES:${PN}-www += "${bindir}/forebay-www"

RDEPENDS:${PN}-bus = "${PN}"
RDEPENDS:${PN}-history = "${PN}"
RDEPENDS:${PN}-initvalues = "${PN}"
RDEPENDS:${PN}-modbus = "${PN}"
RDEPENDS:${PN}-modbusserver = "${PN}"
RDEPENDS:${PN}-www = "${PN}"

# The units follow their SYSTEMD_SERVICE into the packages.
SYSTEMD_SERVICE:${PN}-bus = "forebay-bus.service"
SYSTEMD_SERVICE:${PN}-history = "forebay-history.service"
SYSTEMD_SERVICE:${PN}-initvalues = "forebay-initvalues.service"
SYSTEMD_SERVICE:${PN}-modbus = "forebay-modbus.service"
SYSTEMD_SERVICE:${PN}-modbusserver = "forebay-modbusserver.service"
SYSTEMD_SERVICE:${PN}-www = "forebay-www.service"
