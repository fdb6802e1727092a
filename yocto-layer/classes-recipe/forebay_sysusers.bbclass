# Users and groups of the overlay's sysusers.d file, made when the image is.
#
# systemd-sysusers would make them at boot, but the root is read-only. Their one description stays the file
# rootfs-overlay/usr/lib/sysusers.d/forebay.conf; this class reads its `g NAME GID` and `u NAME UID[:GROUP] "COMMENT"`
# lines and turns them into what useradd.bbclass asks for. They are made by the package ${PN}.

inherit useradd

FOREBAY_SYSUSERS ?= "${FOREBAY_CHECKOUT}/rootfs-overlay/usr/lib/sysusers.d/forebay.conf"
FOREBAY_SYSUSERS[vardepvalue] = ""

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "${@forebay_sysusers(d, 'g')}"
USERADD_PARAM:${PN} = "${@forebay_sysusers(d, 'u')}"

def forebay_sysusers(d, kind):
    import shlex
    path = d.getVar('FOREBAY_SYSUSERS')
    bb.parse.mark_dependency(d, path)
    calls = []
    with open(path) as lines:
        for line in lines:
            words = shlex.split(line, comments=True)
            if not words or words[0] != kind:
                continue
            name, number = words[1], words[2]
            if kind == 'g':
                calls.append('--system --gid %s %s' % (number, name))
                continue
            user, _, group = number.partition(':')
            comment = words[3] if len(words) > 3 and words[3] != '-' else name
            primary = '--gid %s' % group if group else '--user-group'
            calls.append("--system --uid %s %s --no-create-home --home-dir / --shell %s/nologin --comment '%s' %s"
                         % (user, primary, d.getVar('sbindir'), comment, name))
    if not calls:
        bb.fatal('%s has no %s line' % (path, kind))
    return '; '.join(calls)
