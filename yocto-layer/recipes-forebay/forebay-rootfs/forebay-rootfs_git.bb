SUMMARY = "Everything of the gateway's root file system that is not a program"
DESCRIPTION = "rootfs-overlay as it is: units, presets, users, mounts, first boot. The daemons' own units come with \
the daemons. What lies in /etc there, where other packages have files too, is put down in /usr/share/forebay/etc and \
laid over the image's /etc by forebay-image."
SECTION = "base"

inherit forebay_checkout forebay_sysusers allarch features_check

REQUIRED_DISTRO_FEATURES = "systemd usrmerge"

SRC_URI = "file://LICENSE ${@forebay_overlay_files(d)}"

# The files one by one, because links that point nowhere on the build machine can't be fetched: these are made anew.
def forebay_overlay_files(d):
    return ' '.join('file://rootfs-overlay/' + path for path, target in forebay_overlay(d) if target is None)

def forebay_overlay_links(d):
    return ' '.join('%s:%s' % (path, target) for path, target in forebay_overlay(d) if target is not None)

def forebay_overlay(d):
    root = os.path.join(d.getVar('FOREBAY_CHECKOUT'), 'rootfs-overlay')
    found = []
    for folder, folders, names in os.walk(root):
        # Parsed again when something comes or goes.
        bb.parse.mark_dependency(d, folder)
        for path in [os.path.join(folder, name) for name in folders + names]:
            if os.path.islink(path):
                found.append((os.path.relpath(path, root), os.readlink(path)))
            elif os.path.isfile(path):
                found.append((os.path.relpath(path, root), None))
    return sorted(found)

FOREBAY_OVERLAY_LINKS = "${@forebay_overlay_links(d)}"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    # Git keeps no empty folders; .empty holds their place.
    tar --create --directory ${S}/rootfs-overlay --exclude .empty . |
        tar --extract --directory ${D} --no-same-owner --preserve-permissions
    for link in ${FOREBAY_OVERLAY_LINKS}; do
        install -d "$(dirname "${D}/${link%%:*}")"
        ln -s "${link#*:}" "${D}/${link%%:*}"
    done
    for unit in bus history initvalues modbus modbusserver www; do
        rm ${D}${systemd_system_unitdir}/forebay-$unit.service
    done
    if [ -d ${D}${sysconfdir} ]; then
        install -d ${D}${datadir}/forebay
        mv ${D}${sysconfdir} ${D}${datadir}/forebay/etc
    fi
    chown -R root:root ${D}
}

FILES:${PN} += "/"

# What the scripts in /usr/libexec/forebay call.
RDEPENDS:${PN} = "\
    bash \
    coreutils \
    e2fsprogs-e2fsck \
    grep \
    libubootenv-bin \
    sed \
    tzdata \
    util-linux-mount \
    util-linux-mountpoint \
    util-linux-partx \
    util-linux-sfdisk \
"
