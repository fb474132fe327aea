#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the programs if necessary, then executes build/supervisor, which starts and supervises producers and consumers
# on one queue; see `scripts/run.sh --help`.
#
#   SHMQ_BUILD_DIR=DIR    folder of the programs (default build)

# Started as `sh scripts/run.sh`: by another shell, or by bash in POSIX mode.
if [ -z "${BASH_VERSION:-}" ]; then
    command -v bash >/dev/null || { echo 'run.sh: bash is missing (install it, or start build/supervisor)' >&2; exit 1; }
    exec bash -- "$0" "$@"
fi
# Overrides options inherited through SHELLOPTS, so that every failure is reported.
set +o posix +o errexit +o pipefail
set -u

die() { # TEXT
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# Sets top to the folder that contains scripts/. Starts no process unless this script is a link.
find_top() {
    local self=${BASH_SOURCE[0]}
    [[ ! -L $self ]] || self=$(readlink -f -- "$self") || die "$self: broken link"
    [[ $self == */* ]] && top=${self%/*} || top=.
    [[ $top == */* ]] && top=${top%/*} || top=$top/..
    [[ -d $top/scripts ]] || top=$top/.. # called as ./run.sh
    top=${top:-/}
}

is_built() {
    [[ -x $build/producer && -x $build/consumer && -x $build/supervisor ]]
}

build_programs() {
    local self=${0##*/} packages lock=() target=$build
    # shellcheck source=scripts/packages.sh
    . "$top/scripts/packages.sh"
    [[ $build != *[[:space:]]* ]] || die "$build: make cannot build in a folder with a blank in its name (set SHMQ_BUILD_DIR)"
    mapfile -t packages < <(missing_packages make:make gcc:build-essential)
    [[ -z ${CC:-} ]] || mapfile -t packages < <(missing_packages make:make)
    can_build_in "$build" "$self" scripts/run.sh || exit 1
    install_packages "$self" "${packages[@]}" || exit 1
    [[ " $* " == *' --quiet '* || " $* " == *' -q '* ]] || printf '%s: building the programs (make)\n' "$self" >&2
    [[ $build == "$top/build" ]] && target=build || target=$(realpath -- "$build") || exit 1
    # The lock keeps two builds from interfering.
    ! command -v flock >/dev/null || lock=(flock "$build")
    "${lock[@]}" make -s -C "$top" BUILD="$target" -j"$(nproc)" all >&2 || die "make failed (see above)"
    is_built || die "$build: make did not build the programs there (see above)"
}

find_top
build=${SHMQ_BUILD_DIR:-$top/build}
is_built || build_programs "$@"
exec -a "$0" "$build/supervisor" "$@"
