# shellcheck shell=bash
# A Python for the peer tests, and the venv in .cache/peers with the packages our peers are made of.
# pymscada 0.2.8 starts on Python 3.12 and newer only. Where the machine has none (Debian 12), Debian 13's Python is
# unpacked into .cache/python, with its own libc, and nothing of the machine changes.
# Sourced by setup.sh, never run.

PEERS_OLDEST_PYTHON=3.12
# Debian's name for the release whose Python we borrow.
BORROW_SUITE=trixie
BORROW_PYTHON=python3.13
PEERS_VENV=$FOREBAY_CACHE/peers
# Where need_python_peers leaves the interpreter for others to use.
PEERS_PYTHON=$PEERS_VENV/bin/python

# True when $1 is a Python new enough for pymscada that can make a venv with pip in it.
python_is_good() {
    "$1" - "$PEERS_OLDEST_PYTHON" >/dev/null 2>&1 <<'PY'
import sys
need = tuple(int(part) for part in sys.argv[1].split("."))
import ctypes, ensurepip, sqlite3, ssl, venv
sys.exit(0 if sys.version_info[:2] >= need else 1)
PY
}

# Prints the newest good interpreter the machine already has: on the PATH, or among pyenv's.
find_python() {
    local name found
    for name in python3 python3.14 python3.13 python3.12; do
        found=$(command -v "$name" 2>/dev/null) || continue
        # pyenv's shims are scripts that only sometimes lead somewhere; running it is the one honest test.
        if python_is_good "$found"; then
            printf '%s\n' "$found"
            return 0
        fi
    done
    for found in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
        if [ -x "$found" ] && python_is_good "$found"; then
            printf '%s\n' "$found"
            return 0
        fi
    done
    return 1
}

# The mirrors this machine uses for its own release, one "URI component" a line.
own_mirrors() {
    local codename
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # Without --no-release-info apt names only what it has fetched lists of, which on a new machine is nothing.
    # shellcheck disable=SC2016
    apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' 2>/dev/null |
        awk -v own="$codename" '($2 == own || $2 ~ /^(old)*stable$/) && $3 == "main" { print $1, $3 }' | sort -u
}

# An apt that knows only BORROW_SUITE, keeps its state under $1 and believes nothing is installed, so that a
# download brings every dependency along, libc included.
borrow_apt() {
    local home=$1
    shift
    apt-get -q -y \
        -o "Dir::State=$home/state" -o Dir::State::status=/dev/null -o "Dir::Cache=$home/cache" \
        -o "Dir::Etc::sourcelist=$home/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        -o Acquire::Retries=3 -o APT::Sandbox::User= -o Debug::NoLocking=true \
        -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success= "$@"
}

# borrow_python: unpacks BORROW_PYTHON of BORROW_SUITE into .cache/python. Returns 1, having said why, if it can't.
borrow_python() {
    local final=$FOREBAY_CACHE/python home=$FOREBAY_CACHE/python.part keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    local python=usr/bin/$BORROW_PYTHON root signed='' deb uri component
    if [ -x "$final/root/$python" ] && python_starts "$final/root/$python"; then return 0; fi
    command -v apt-get >/dev/null 2>&1 || { warn "no apt here to borrow a newer Python with"; return 1; }
    rm -rf "$final" "$home"
    # Built where it will stay: the interpreter's own path is written into it.
    mkdir -p "$home"/{state/lists/partial,cache/archives/partial} "$final/root"
    root=$final/root
    [ -r "$keyring" ] && signed="[signed-by=$keyring] "
    own_mirrors | while read -r uri component; do
        printf 'deb %s%s %s %s\n' "$signed" "$uri" "$BORROW_SUITE" "$component"
    done >"$home/sources.list"
    if [ ! -s "$home/sources.list" ]; then
        warn "apt's own configuration names no mirror for main"
        rm -rf "$home"
        return 1
    fi
    say "borrowing Debian 13's $BORROW_PYTHON for the peer tests (into .cache/python, the machine's own stays as it is)"
    quietly "reading Debian 13's package lists" borrow_apt "$home" update || return 1
    quietly "downloading $BORROW_PYTHON" \
        borrow_apt "$home" install --download-only --no-install-recommends "$BORROW_PYTHON-venv" || return 1
    for deb in "$home"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$root" || return 1
    done
    bind_to_own_libc "$root" "$python" || { warn "the borrowed Python could not be bound to its own libc"; return 1; }
    rm -rf "$home"
    python_starts "$root/$python" || { warn "the borrowed Python does not start here"; return 1; }
}

# Makes the unpacked program $2 under $1 start with the libc that was unpacked beside it: the program moves aside and
# a script of its name hands it to its own loader. $0 goes along, so that Python still finds its venv and itself.
bind_to_own_libc() {
    local root=$1 program=$1/$2 loader libraries
    loader=$(find "$root/usr/lib" -name 'ld-linux*.so.*' -type f | head -n 1)
    libraries=$(dirname "$(find "$root/usr/lib" -name libc.so.6 | head -n 1)")
    [ -n "$loader" ] && [ -n "$libraries" ] || return 1
    mv "$program" "$program.real"
    cat >"$program" <<SH
#!/bin/sh
exec "$loader" --argv0 "\$0" --library-path "$libraries" "$program.real" "\$@"
SH
    chmod +x "$program"
}

python_starts() { "$1" -c 'import ctypes, multiprocessing, sqlite3, ssl, venv' >/dev/null 2>&1; }

# make_venv PYTHON: an empty venv with pip in PEERS_VENV.
make_venv() {
    local python=$1 wheels=$FOREBAY_CACHE/python/root/usr/share/python-wheels wheel
    rm -rf "$PEERS_VENV"
    case $python in
    "$FOREBAY_CACHE"/*)
        # Debian's ensurepip looks for its wheels in /usr/share, which is the machine's, not the borrowed one.
        quietly "making the peers' venv" "$python" -m venv --without-pip "$PEERS_VENV" || return 1
        wheel=$(find "$wheels" -name 'pip-*.whl' | head -n 1)
        quietly "putting pip into the peers' venv" "$PEERS_PYTHON" "$wheel/pip" install --no-index "$wheel"
        ;;
    *) quietly "making the peers' venv" "$python" -m venv "$PEERS_VENV" ;;
    esac
}

peers_pip() { "$PEERS_PYTHON" -m pip --disable-pip-version-check --no-input "$@"; }

# True when every module of pymscada imports: its package imports them all, so one says it for all.
pymscada_starts() { "$PEERS_PYTHON" -m pymscada bus --help >/dev/null 2>&1; }

# The last resort: on whatever Python there is, the newest pymscada that starts at all.
install_older_pymscada() {
    local version versions
    versions=$(peers_pip index versions pymscada 2>/dev/null | sed -n 's/^Available versions: //p' | tr -d ',')
    for version in $versions; do
        peers_pip install -q "pymscada==$version" pymscada-html pymodbus >/dev/null 2>&1 || continue
        pymscada_starts || continue
        warn "no Python $PEERS_OLDEST_PYTHON or newer to be had: the peers run pymscada $version, not" \
            "$(sed -n 's/^pymscada==//p' "$FOREBAY_ROOT/tests/peers/requirements.txt")"
        return 0
    done
    return 1
}

# need_python_peers: PEERS_PYTHON runs the peers: unmodified pymscada and pymodbus in .cache/peers.
need_python_peers() {
    local requirements=$FOREBAY_ROOT/tests/peers/requirements.txt stamp=$PEERS_VENV/.forebay want python
    want="$(sha256sum <"$requirements" | cut -d ' ' -f 1) $PEERS_VENV"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && python_starts "$PEERS_PYTHON"; then return 0; fi
    mkdir -p "$FOREBAY_CACHE"
    (
        # Two runs in one checkout: the second waits for the first's venv.
        flock 9
        if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && python_starts "$PEERS_PYTHON"; then exit 0; fi
        if ! python=$(choose_python); then
            die "no Python to be had for the peer tests; Debian's python3-venv (Debian 13 or newer) is enough"
        fi
        say "making the peers' venv with $("$python" --version)"
        make_venv "$python" || die "could not make the peers' venv with $python"
        if ! version_at_least "$("$python" -c 'import platform; print(platform.python_version())')" \
            "$PEERS_OLDEST_PYTHON"; then
            install_older_pymscada || die "no version of pymscada starts on $("$python" --version)"
        else
            quietly "installing the peers' packages" peers_pip install -q -r "$requirements" ||
                die "could not install tests/peers/requirements.txt"
            pymscada_starts || die "pymscada was installed but does not start"
        fi
        printf '%s\n' "$want" >"$stamp"
    ) 9>"$FOREBAY_CACHE/peers.lock"
}

# Prints the interpreter to build the venv with: the machine's own if new enough, a borrowed one, or an old one.
choose_python() {
    local python
    if [ -z "${FOREBAY_BORROW_PYTHON:-}" ]; then
        find_python && return 0
        # Debian 13: Python is new enough, but Debian keeps venv's half in a package of its own.
        if debian_python_is_new && can_be_root; then
            need_apt python3 python3-venv
            hash -r
            find_python && return 0
        fi
    fi
    if borrow_python; then
        printf '%s\n' "$FOREBAY_CACHE/python/root/usr/bin/$BORROW_PYTHON"
        return 0
    fi
    if can_be_root; then need_apt python3 python3-venv; fi
    python=$(command -v python3) || return 1
    printf '%s\n' "$python"
}

# True on the first Debian whose own python3 is new enough, and on later ones; false where it can't be told.
debian_python_is_new() {
    local id version
    id=$(sed -n 's/^ID=//p' /etc/os-release)
    version=$(sed -n 's/^VERSION_ID="\{0,1\}\([0-9]*\).*/\1/p' /etc/os-release)
    [ "$id" = debian ] && [ "${version:-99}" -ge 13 ]
}
