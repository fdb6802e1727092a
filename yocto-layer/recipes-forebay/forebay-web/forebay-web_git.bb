SUMMARY = "Page of the gateway"
DESCRIPTION = "The folder that www serves. It is built beforehand with scripts/web, which needs Node; nothing of that \
is built here. A build that doesn't belong to the sources of the checkout is refused."
SECTION = "net"

inherit forebay_checkout allarch

SRC_URI = "file://LICENSE"

FOREBAY_WEB = "${FOREBAY_CHECKOUT}/web"
FOREBAY_WEB[vardepvalue] = ""

# The page's sources and the manifest of its build: what do_install depends on beside its own text.
do_install[file-checksums] += "${@forebay_web_files(d)}"

def forebay_web_files(d):
    web = d.getVar('FOREBAY_WEB')
    bb.parse.mark_dependency(d, web)
    built = os.path.join(web, 'dist', 'manifest.json')
    inputs = [os.path.join(web, name) for name in os.listdir(web) if name not in ('dist', 'node_modules')]
    return ' '.join('%s:%s' % (path, os.path.exists(path)) for path in sorted(inputs) + [built])

# The same line as web_inputs_hash in scripts/lib/setup.sh prints; scripts/check-layer compares the two.
def forebay_web_hash(web):
    import hashlib
    paths = []
    for folder, folders, files in os.walk(web):
        folders[:] = [name for name in folders if name not in ('dist', 'node_modules')]
        paths += [os.path.join(folder, name) for name in files if os.path.isfile(os.path.join(folder, name))]
    lines = b''
    for path in sorted(os.fsencode(os.path.relpath(path, web)) for path in paths):
        with open(os.path.join(os.fsencode(web), path), 'rb') as source:
            lines += hashlib.sha256(source.read()).hexdigest().encode() + b'  ./' + path + b'\n'
    return hashlib.sha256(lines).hexdigest()

# Why the build in web/dist is not to be shipped, or nothing.
def forebay_web_refusal(web):
    dist = os.path.join(web, 'dist')
    if not os.path.exists(os.path.join(dist, 'manifest.json')):
        return 'the page is not built: run scripts/web in the checkout'
    stamp = os.path.join(dist, 'inputs.sha256')
    if not os.path.exists(stamp):
        return 'web/dist does not say what it was built from: run scripts/web in the checkout'
    with open(stamp) as line:
        if line.read().strip() != forebay_web_hash(web):
            return 'web/dist was built from other sources than those in web/: run scripts/web in the checkout'
    return ''

do_configure[noexec] = "1"
do_compile[noexec] = "1"

python do_install() {
    import json, shutil
    web = d.getVar('FOREBAY_WEB')
    refusal = forebay_web_refusal(web)
    if refusal:
        bb.fatal(refusal)
    dist = os.path.join(web, 'dist')
    with open(os.path.join(dist, 'manifest.json')) as manifest:
        names = sorted(json.load(manifest)['files'])
    # Nothing but what the manifest names and vouches for.
    target = os.path.join(d.getVar('D') + d.getVar('datadir'), 'forebay', 'web')
    for name in names + ['manifest.json']:
        path = os.path.join(target, name)
        bb.utils.mkdirhier(os.path.dirname(path))
        shutil.copyfile(os.path.join(dist, name), path)
        os.chmod(path, 0o644)
}

FILES:${PN} += "${datadir}/forebay/web"
