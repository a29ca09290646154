# shellcheck shell=bash
# Sourced by the scripts beside it and by .ci/run: finds the checkout, and sees that what the build needs is there.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# A library counts as there when pkg-config finds it, wherever it came from.
has_library() {
    if command -v pkg-config >/dev/null; then
        pkg-config --exists "$1"
    else
        dpkg-query --show --showformat '${Status}' "$2" 2>/dev/null | grep -q '^install ok installed$'
    fi
}

# Prints the Debian package that brings a command, unless the command is there.
want_command() { command -v "$1" >/dev/null || echo "$2"; }
want_library() { has_library "$1" "$2" || echo "$2"; }
# Debian keeps a database server's programs off the PATH.
want_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || want_command postgres postgresql; }

# Installs Debian packages when run as root; otherwise says how and ends.
install_packages() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "this needs what Debian has in its packages: $*. Install the same by your system's own means."
    if [ "$(id -u)" -ne 0 ]; then
        echo "Some Debian packages are missing. Install them with" >&2
        echo >&2
        echo "    sudo apt-get update && sudo apt-get install --yes --no-install-recommends $*" >&2
        echo >&2
        fail "packages are missing: see above"
    fi
    echo "installing $*" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq --yes --no-install-recommends "$@"; } >&2 ||
        fail "apt-get could not install $*"
}

check_swift() {
    command -v swift >/dev/null ||
        fail "there is no swift on the PATH: install a toolchain of Swift 6.2 or later (https://www.swift.org/install)"
    local version
    version=$(swift --version 2>&1 | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
    [ "$(printf '%s\n' 6.2 "${version:-0}" | sort -V | head -n 1)" = 6.2 ] ||
        fail "Swift ${version:-of an unknown version} is too old: 6.2 or later is needed"
}

# For a release: the Swift runtime goes into the program, where the toolchain has it for that. The program is some percent
# faster then, starts in half the time, and runs on machines without Swift.
release_flags() {
    local runtime
    runtime=$(swift -print-target-info | sed -nE 's/.*"runtimeResourcePath": *"([^"]*)".*/\1/p')
    echo --configuration release
    if [ -d "${runtime}_static/linux" ]; then echo --static-swift-stdlib; fi
}

# What every build needs; further packages are given as arguments.
set_up() {
    check_swift
    # shellcheck disable=SC2046
    install_packages $(
        want_command git git
        want_command pkg-config pkg-config
        want_library rdkafka librdkafka-dev
        want_library jemalloc libjemalloc-dev
        want_library libpq libpq-dev
    ) "$@"
}
