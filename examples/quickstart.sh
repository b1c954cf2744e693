#!/bin/sh
# Builds credwright and does the main job once, on the sandbox tenant: moves the connector
# `default` from its service account to an application identity.
#
# Installs gcc, the C library's headers and make where they are missing. Everything that the program
# keeps goes to $CREDWRIGHT_HOME where that is set, else to your own state folder.
set -eu
cd "$(dirname "$0")/.."
. .ci/packages.sh

need_cargo
need_packages gcc libc6-dev make
[ -x target/release/credwright ] || echo "Building target/release/credwright: some minutes, the first time" >&2
cargo build --release --locked --package credwright --target-dir target
exec target/release/credwright run onboard --yes
