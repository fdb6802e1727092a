# shellcheck shell=bash
# Debian packages of the image's release and architecture, without touching this machine's own. Sourced, never run.

# What image_sources wrote, and the home of the apt that knows nothing else.
IMAGE_APT=$FOREBAY_CACHE/image/apt
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# image_sources [MIRROR]: the sources of the image's release, one "deb …" a line: the hosts of this machine's own apt
# configuration with the release replaced, or MIRROR.
image_sources() {
    local mirror=${1:-} codename signed='' uri release
    local components='main non-free-firmware'
    [ -r "$KEYRING" ] && signed="[signed-by=$KEYRING] "
    if [ -n "$mirror" ]; then
        printf 'deb %s%s %s %s\n' "$signed" "$mirror" "$IMAGE_SUITE" "$components"
        return
    fi
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # Without --no-release-info apt names only what it has fetched lists of, which on a new machine is nothing.
    # shellcheck disable=SC2016
    apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' 2>/dev/null |
        awk -v own="$codename" -v suite="$IMAGE_SUITE" '
            $3 == "main" && ($2 == own || $2 == own "-updates" || $2 == own "-security") {
                sub(own, suite, $2); print $1, $2
            }' | sort -u |
        while read -r uri release; do
            printf 'deb %s%s %s %s\n' "$signed" "$uri" "$release" "$components"
        done
}

# image_apt WORD...: an apt-get of the image's release and architecture that believes nothing is installed.
image_apt() {
    apt-get -q -y -c "$IMAGE_APT/apt.conf" "$@"
}

# need_image_apt [MIRROR]: IMAGE_APT is there with fresh package lists (at most a day old).
need_image_apt() {
    local sources stamp=$IMAGE_APT/updated
    sources=$(image_sources "${1:-}")
    [ -n "$sources" ] || die "apt's own configuration names no Debian mirror here; give one with --mirror"
    mkdir -p "$IMAGE_APT"/{state/lists/partial,cache/archives/partial,trusted}
    cat >"$IMAGE_APT/apt.conf" <<CONF
Dir::State "$IMAGE_APT/state";
Dir::State::status "/dev/null";
Dir::Cache "$IMAGE_APT/cache";
Dir::Etc::sourcelist "$IMAGE_APT/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "$IMAGE_ARCH";
APT::Architectures { "$IMAGE_ARCH"; };
APT::Sandbox::User "";
APT::Update::Post-Invoke { };
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
CONF
    if [ "$(cat "$IMAGE_APT/sources.list" 2>/dev/null)" = "$sources" ] &&
        [ -n "$(find "$stamp" -mtime -1 2>/dev/null)" ]; then return 0; fi
    printf '%s\n' "$sources" >"$IMAGE_APT/sources.list"
    rm -f "$stamp"
    if ! quietly "reading $IMAGE_SUITE's package lists" image_apt update; then
        # What was fetched before goes on being enough, if there is any.
        image_apt_knows "$KERNEL_PACKAGE" || die "no network for packages, and none of $IMAGE_SUITE were fetched before"
        warn "no network for packages: going on with the lists fetched before"
        return 0
    fi
    : >"$stamp"
}

image_apt_knows() { [ -n "$(package_version "$1")" ]; }

# package_version PACKAGE: the version the image would get.
package_version() {
    apt-cache -c "$IMAGE_APT/apt.conf" policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -vFx '(none)' || true
}

# fetch_package PACKAGE: prints the path of its .deb in the cache.
fetch_package() {
    local name=$1 version file
    version=$(package_version "$name")
    [ -n "$version" ] || die "$IMAGE_SUITE has no package $name for $IMAGE_ARCH"
    file=$(find "$IMAGE_APT/cache/archives" -maxdepth 1 -name "${name}_${version//:/%3a}_*.deb" | head -n 1)
    if [ -z "$file" ]; then
        (cd "$IMAGE_APT/cache/archives" && quietly "downloading $name" image_apt download "$name=$version") ||
            die "could not download $name $version"
        file=$(find "$IMAGE_APT/cache/archives" -maxdepth 1 -name "${name}_${version//:/%3a}_*.deb" | head -n 1)
    fi
    printf '%s\n' "$file"
}

# unpack_package PACKAGE FOLDER [PATH...]: its files below FOLDER, without running anything of it.
# Not dpkg -x, which would put a folder where a merged-/usr root has the link /lib.
unpack_package() {
    local name=$1 folder=$2 file
    shift 2
    file=$(fetch_package "$name")
    mkdir -p "$folder"
    dpkg-deb --fsys-tarfile "$file" | tar --extract --keep-directory-symlink --directory "$folder" "$@"
}

# kernel_package: the package KERNEL_PACKAGE stands for today.
kernel_package() {
    apt-cache -c "$IMAGE_APT/apt.conf" depends --no-recommends --no-suggests "$KERNEL_PACKAGE" |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}
