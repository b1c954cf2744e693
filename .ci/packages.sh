# Sourced by the two commands of the README: installs the Debian packages that are missing.

# need_cargo: fails with a clear sentence where there is no Rust toolchain.
need_cargo() {
    command -v cargo >/dev/null 2>&1 && return
    echo "credwright needs a Rust toolchain: cargo was not found. Install one with rustup (https://rustup.rs), then run this again." >&2
    exit 2
}

# need_packages PACKAGE...: installs those that are not installed yet, and says so first. On another
# distribution nothing is installed; CREDWRIGHT_PACKAGES=present says that all of it is there.
need_packages() {
    [ "${CREDWRIGHT_PACKAGES:-}" != present ] || return 0
    missing=""
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "This is not Debian or Ubuntu. Install what corresponds to the packages$missing, then run this again with CREDWRIGHT_PACKAGES=present in front." >&2
        exit 2
    fi
    if [ "$(id -u)" -eq 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root="sudo"
    else
        echo "Debian packages are missing, and installing them takes root. Type this as root, then run this again: apt-get install -y$missing" >&2
        exit 2
    fi
    echo "Installing Debian packages:$missing" >&2
    # An older list of packages is tried first: it is nearly always good enough, and much faster.
    install_packages || { $as_root apt-get update >&2 && install_packages; } ||
        { echo "The packages could not be installed:$missing. See the lines above." >&2; exit 2; }
}

install_packages() {
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >&2
}
