#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Starts producers and consumers on one queue and supervises them; `scripts/run.sh --help` says how.

# Started as `sh scripts/run.sh`: by another shell, or by bash pretending to be one.
if [ -z "${BASH_VERSION:-}" ]; then exec bash -- "$0" "$@"; fi
set +o posix
set -u

top=$(readlink -f -- "${BASH_SOURCE[0]}") && top=$(cd -- "$(dirname -- "$top")/.." && pwd) || exit 1
self=${0##*/} # as it was called: through a link, perhaps
build=$(realpath -m -- "${SHMQ_BUILD_DIR:-$top/build}") || exit 1
scratch=''
# Descriptors that no child gets: the lock, our stdin, and our stderr (while the shell's own is silenced).
lock_fd='' stdin_fd='' stderr_fd=2

say() { ((quiet)) || complain "$@"; }
complain() { printf '%s: %s\n' "$self" "$*" >&"$stderr_fd"; }
detail() { [[ " ${shared_args[*]} " != *' --verbose '* ]] || complain "$@"; }

die() { # STATUS TEXT
    complain "$2"
    exit "$1"
}

. "$top/scripts/packages.sh"
. "$top/scripts/options.sh"
. "$top/scripts/queue.sh"
. "$top/scripts/note.sh"
. "$top/scripts/checks.sh"
. "$top/scripts/children.sh"
. "$top/scripts/restart.sh"
. "$top/scripts/supervise.sh"

print_version() {
    printf '%s (shmq) %s\n' "$self" "$(sed -n 's/^.define SHMQ_VERSION_STRING "\(.*\)"/\1/p' "$top/common/shmq.h")"
}

# A descriptor that is closed would be taken by the next file opened, which children would then write to.
open_standard_descriptors() {
    [[ -e /proc/self/fd/0 ]] || exec </dev/null
    [[ -e /proc/self/fd/2 ]] || exec 2>/dev/null
    [[ -e /proc/self/fd/1 ]] && return
    [[ $sink && $sink != stdout && ! ${given[echo]+set} ]] || die 1 "stdout: is closed, but messages go there"
    exec >/dev/null
}

check_system() {
    local missing tool
    ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)) ||
        die 1 "bash $BASH_VERSION is too old (5.1 or later is needed)"
    for tool in getopt flock setpriv setsid stdbuf sed xargs; do
        command -v "$tool" >/dev/null || missing+=" $tool"
    done
    [[ ! ${missing:-} ]] || die 1 "missing:$missing (install util-linux, coreutils, sed and findutils)"
}

# Builds the programs if they are not there.
build_programs() {
    local packages
    [[ -x $build/producer && -x $build/consumer && -x $build/monitor ]] && return
    mapfile -t packages < <(missing_packages make:make gcc:build-essential)
    [[ -z ${CC:-} ]] || mapfile -t packages < <(missing_packages make:make)
    can_build_in "$build" "$self" scripts/run.sh || exit 1
    install_packages "$self" "${packages[@]}" || exit 1
    say "building the programs (make)"
    # Two at the same time would tread on each other.
    flock "$build" make -s -C "$top" BUILD="${build#"$top"/}" -j"$(nproc)" all >&2 || die 1 "make failed, see above"
}

# What is asked for where nothing else was.
set_defaults() {
    if [[ $source == demonstration ]]; then
        [[ ${given[count]+set} ]] || take_option count 10
        [[ ${given[delay]+set} || ${given[rate]+set} ]] || take_option delay 100ms:500ms
        take_option random 1
        [[ ${given[echo]+set} || $sink == stdout ]] || take_option echo 'Produced: '
        if [[ ! $sink ]]; then
            [[ ${given[prefix]+set} ]] || take_option prefix 'Consumed: '
            [[ ${given[work]+set} ]] || take_option work 100ms:800ms
        fi
    fi
    [[ $sink != stdout || ! ${given[echo]+set} ]] || usage_error "--echo and --output -: both would write to stdout"
}

# How it went: sets messages_left and consumed, and says how many went through.
summarize() {
    local put seconds
    messages_left=0 consumed=1
    read_clock
    seconds=$((now_ms - started_all_ms))
    printf -v seconds '%d.%02d' $((seconds / 1000)) $((seconds % 1000 / 10))
    if ! read_stat; then
        say "nothing can be counted ($(monitor_reason)), after $seconds s, $restarts restarts"
        return
    fi
    messages_left=${stat[messages]}
    put=$((stat[put_messages] - put_before))
    consumed=$((put + left_before - messages_left))
    say "produced $put messages, consumed $consumed, in $seconds s, $restarts restarts"
}

finish() {
    if ((stop_signal)); then
        complain "cut short by a second signal: queue $queue is kept (the same command takes over)"
        exit $((128 + stop_signal))
    fi
    summarize
    tell_unread
    release_queue
    if ((failure_status)); then
        die "$failure_status" "failed: $failure_reason"
    elif ((messages_left > 0)); then
        die 1 "failed: stopped before all had arrived: $messages_left messages are left in queue $queue"
    elif ((idle_in_vain && consumed == 0)); then
        die 4 "failed: nothing came within --idle"
    fi
    exit 0
}

# shellcheck disable=SC2317 # by the trap
clean_up() {
    [[ $BASHPID == "$$" ]] || return # a child that was killed before it became what it was to be
    [[ ! $scratch ]] || rm -rf -- "$scratch"
    forget_note
    unlock_queue
}

set_traps() {
    trap clean_up EXIT
    # shellcheck disable=SC2173 # only so that the shell does not report what child_failed reports
    trap : KILL ABRT
    # That nobody reads what is said any more is no reason to leave the work undone. Children do not inherit it.
    trap : PIPE
    trap 'on_signal INT 2' INT
    trap 'on_signal TERM 15' TERM
    trap 'on_signal HUP 1' HUP
    trap 'signal_children "" USR1' USR1
}

main() {
    check_system
    read_options "$@"
    check_options "$@"
    open_standard_descriptors
    set_defaults
    check_files
    build_programs
    check_commands
    exec {stdin_fd}<&0 {stderr_fd}>&2
    set_traps
    # From here on what an earlier run has left is looked at; nothing is changed before all checks are passed.
    lock_queue
    look_at_queue
    look_at_note
    check_sizes
    check_sink_files
    prepare_queue
    start_all
    supervise
    finish_output
    finish
}

main "$@"
