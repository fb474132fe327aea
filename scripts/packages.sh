# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by other scripts: checks and installs what a build needs.

# Prints the packages of those "command:package" pairs whose command is missing.
missing_packages() {
    local pair
    for pair; do
        command -v "${pair%%:*}" >/dev/null || printf '%s\n' "${pair#*:}"
    done | sort -u
}

may_install() {
    [[ ${EUID:-1} -eq 0 && -z ${SHMQ_NO_INSTALL:-} ]] && command -v apt-get >/dev/null
}

# Runs apt-get; shows its output only if it fails.
quiet_apt() {
    local said
    said=$(DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" 2>&1 </dev/null) && return
    printf '%s\n' "$said" >&2
    return 1
}

# Creates FOLDER if it is missing and checks that it is writable; otherwise reports what to do.
can_build_in() { # FOLDER PROGRAM COMMAND
    mkdir -p -- "$1" 2>/dev/null && [[ -d $1 && -w $1 && -x $1 ]] && return
    printf '%s: %s: cannot be written (to build in another folder: SHMQ_BUILD_DIR=DIR %s)\n' "$2" "$1" "$3" >&2
    return 1
}

# Installs the packages, or prints on stderr the command to run. Returns 1 if they are not installed.
# install_packages PROGRAM PACKAGE...
install_packages() {
    local program=$1
    shift
    (($#)) || return 0
    if ! may_install; then
        printf '%s: missing: %s (run: sudo apt-get update && sudo apt-get install -y %s)\n' "$program" "$*" "$*" >&2
        return 1
    fi
    printf '%s: installing %s\n' "$program" "$*" >&2
    quiet_apt install -y --no-install-recommends "$@" 2>/dev/null && return
    quiet_apt update && quiet_apt install -y --no-install-recommends "$@" && return
    printf '%s: apt-get could not install %s (install them by hand and start again)\n' "$program" "$*" >&2
    return 1
}
