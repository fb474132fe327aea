#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds what is missing, then becomes build/supervisor, which starts producers and consumers on one queue and supervises
# them; `scripts/run.sh --help` says how.
#
#   SHMQ_BUILD_DIR=DIR    where the programs are, or are built (build)

# Started as `sh scripts/run.sh`: by another shell, or by bash pretending to be one.
if [ -z "${BASH_VERSION:-}" ]; then
    command -v bash >/dev/null || { echo 'run.sh: bash is missing (install it, or start build/supervisor)' >&2; exit 1; }
    exec bash -- "$0" "$@"
fi
# Whatever the caller's shell was told: a failure here is reported, and not just the end.
set +o posix +o errexit +o pipefail
set -u

die() { # TEXT
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# Sets top to the folder that scripts/ is in. Without a process, unless this is a link.
find_top() {
    local self=${BASH_SOURCE[0]}
    [[ ! -L $self ]] || self=$(readlink -f -- "$self") || die "$self: the link leads nowhere"
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
    # Two at the same time would tread on each other.
    ! command -v flock >/dev/null || lock=(flock "$build")
    "${lock[@]}" make -s -C "$top" BUILD="$target" -j"$(nproc)" all >&2 || die "make failed, see above"
    is_built || die "$build: make has not built the programs there (see above)"
}

find_top
build=${SHMQ_BUILD_DIR:-$top/build}
is_built || build_programs "$@"
exec -a "$0" "$build/supervisor" "$@"
