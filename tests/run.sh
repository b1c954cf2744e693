#!/bin/sh
# Installs what the tests need, and runs all of them.
#
# Installs: gcc, the C library's headers, make, OpenSSL, faketime, PostgreSQL (the tests start their
# own on loopback) and Python 3 with venv; and into target/python the OAuth clients named in
# tests/python/requirements.txt.
set -eu
cd "$(dirname "$0")/.."
. .ci/packages.sh

need_cargo
need_packages gcc libc6-dev make openssl faketime postgresql python3 python3-venv

python=target/python
if ! cmp -s tests/python/requirements.txt "$python/installed.txt"; then
    echo "Installing OAuth clients into $python" >&2
    rm -rf "$python"
    /usr/bin/python3 -m venv "$python"
    "$python/bin/pip" install --quiet --disable-pip-version-check -r tests/python/requirements.txt
    cp tests/python/requirements.txt "$python/installed.txt"
fi

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
# The tests of whole processes run this.
cargo build --package credwright --locked --quiet
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked --no-fail-fast
else
    cargo test --workspace --locked --lib --bins --tests --no-fail-fast
fi
cargo test --workspace --locked --doc
