# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # used by those who source it
#
# Sourced first by every shell test. A test calls `ok NAME` or `not_ok NAME` for each thing that it checks. However it
# exits, its processes are ended and its files removed. A file has 300 s, or what a line such as "# time limit: 600 s" in
# it says.
#
#   . "$(dirname "$0")/../support/lib.sh"
#   new_queue
#   check 'what goes in comes out' eval 'echo a | "$producer" -Q "$queue" && [ "$("$consumer" -Q "$queue")" = a ]'

set -u

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
build=${SHMQ_BUILD_DIR:-$top/build}
producer=$build/producer
consumer=$build/consumer
monitor=$build/monitor
run_sh=$top/scripts/run.sh
test_name=$(basename -- "$0" .sh)

# Everything of this test has the prefix: its queues in their names, its processes in their environment.
export SHMQ_TEST_PREFIX=${SHMQ_TEST_PREFIX:-test.$$.$test_name}
export SHMQ_BUILD_DIR=$build NO_COLOR=1
# As on a machine that builds on its own account: this shell leaves nothing of itself to what it starts (unlike bash, which
# becomes the last command of -c), and a terminal of script(1) or tmux is the same whoever looks on.
export SHELL=/bin/sh TERM=xterm
unset SHMQ_QUEUE
scratch=$(mktemp -d) || exit 1
passed=0 failed=0 queues=0
at_exit=() # further commands for the end of the test, however it ends

ok() { # NAME
    passed=$((passed + 1))
    printf 'ok - %s\n' "$1"
}

# Further arguments and files named *.log or *.err say why.
not_ok() { # NAME [WHY...]
    failed=$((failed + 1))
    printf 'not ok - %s\n' "$1"
    shift
    local why
    for why; do
        if [[ $why == "$scratch"/* && -f $why ]]; then
            tail -n 20 -- "$why" | sed "s|^|#   ${why##*/}: |"
        else
            printf '%s\n' "$why" | sed 's/^/#   /'
        fi
    done
}

skip() { # NAME WHY
    passed=$((passed + 1))
    printf 'ok - %s # SKIP %s\n' "$1" "$2"
}

# The command must succeed.
check() { # NAME COMMAND...
    local name=$1 status
    shift
    "$@" && ok "$name" && return
    status=$?
    not_ok "$name" "status $status: $*"
    return 1
}

# The command must end with STATUS; its output goes to $scratch/out and $scratch/err.
check_status() { # NAME STATUS COMMAND...
    local name=$1 expected=$2 status
    shift 2
    "$@" >"$scratch/out" 2>"$scratch/err"
    status=$?
    ((status == expected)) && ok "$name" && return
    not_ok "$name" "status $status instead of $expected: $*" "$scratch/err"
    return 1
}

check_equal() { # NAME EXPECTED ACTUAL
    [[ $2 == "$3" ]] && ok "$1" && return
    not_ok "$1" "expected: $2" "actual:   $3"
    return 1
}

# Files must have the same content.
check_same() { # NAME EXPECTED ACTUAL
    local difference
    difference=$(cmp -- "$2" "$3" 2>&1) && ok "$1" && return
    not_ok "$1" "$difference" "$(wc -lc -- "$2" "$3" 2>&1)"
    return 1
}

# Files must have the same lines, each as often, in any order.
check_same_lines() { # NAME EXPECTED ACTUAL
    local difference
    difference=$(cmp <(LC_ALL=C sort -- "$2") <(LC_ALL=C sort -- "$3") 2>&1) && ok "$1" && return
    not_ok "$1" "$difference" "$(wc -lc -- "$2" "$3" 2>&1)"
    return 1
}

check_match() { # NAME EXTENDED-REGEX FILE
    grep -Eq -- "$2" "$3" && ok "$1" && return
    not_ok "$1" "nothing matches $2" "$3"
    return 1
}

# Waits until the command succeeds. Returns 1 if it does not within SECONDS. A pause in which nothing ran here, because the
# machine stood still or its clock was set, counts as no more than a second.
wait_until() { # SECONDS COMMAND...
    local left=$(($1 * 1000000)) before=${EPOCHREALTIME//[!0-9]/} now
    shift
    until "$@"; do
        now=${EPOCHREALTIME//[!0-9]/}
        left=$((left - (now - before > 1000000 ? 1000000 : now > before ? now - before : 0)))
        before=$now
        ((left > 0)) || return 1
        sleep 0.02
    done
}

# For wait_until: a process has ended, or is a zombie.
has_ended() { # PID
    local key state
    while read -r key state _; do
        [[ $key != State: ]] || break
        state=''
    done <"/proc/$1/status"
    [[ -z ${state:-} || $state == Z ]]
} 2>/dev/null

no_signal_pending() { # PID: all signals sent to it have been delivered
    local key mask
    while read -r key mask _; do
        [[ $key != @(ShdPnd|SigPnd): || $mask == *([0]) ]] || return 1
    done <"/proc/$1/status"
} 2>/dev/null

# For wait_until: a process is not, or no more, a copy of this shell that still has the traps of this shell.
is_itself() { # PID
    local key mask ours theirs
    [[ /proc/$1/exe -ef /proc/$$/exe ]] || return 0
    mapfile -td '' ours <"/proc/$$/cmdline"
    mapfile -td '' theirs <"/proc/$1/cmdline"
    [[ ${ours[*]} == "${theirs[*]}" ]] || return 0
    while read -r key mask; do
        [[ $key != SigCgt: ]] || break
    done <"/proc/$1/status"
    ((!(0x$mask & 1 << 14))) # SIGTERM
} 2>/dev/null

# As the builtin. But what has just been started in the background is a copy of this shell for a moment, in which SIGTERM
# and SIGINT are taken for a trap that is then forgotten: they are sent when it is the program.
kill() { # [-SIGNAL] PID...
    local process
    for process in "${@:2}"; do
        [[ $1 == -@(KILL|STOP|CONT|0) || $process != +([0-9]) ]] || wait_until 5 is_itself "$process"
    done
    builtin kill "$@"
}

# Sends a signal, and a second one once the first was delivered, as fast as timeout(1) does. Returns 1 if that took so long
# on a busy machine that it may count as two requests.
signal_twice() { # SIGNAL PID
    local begun=${EPOCHREALTIME/./}
    kill -"$1" "$2"
    until no_signal_pending "$2" || ((${EPOCHREALTIME/./} - begun > 80000)); do :; done
    kill -"$1" "$2"
    ((${EPOCHREALTIME/./} - begun < 80000))
} 2>/dev/null

# Sets queue to an unused name.
new_queue() {
    queues=$((queues + 1))
    queue=$SHMQ_TEST_PREFIX.$queues
}

# Sets field to a field of `monitor show --json`, of the queue itself; to nothing, if there is no such queue or field.
find_field() { # QUEUE FIELD
    field=$("$monitor" show --json -- "$1" 2>/dev/null)
    [[ $field =~ \"$2\"\ *:\ *\"?([^\",}$'\n']*) ]] && field=${BASH_REMATCH[1]} || field=''
}

queue_field() { # QUEUE FIELD
    local field
    find_field "$1" "$2"
    [[ ! $field ]] || printf '%s\n' "$field"
}

# For wait_until: a field of a queue has a value.
queue_has() { # FIELD VALUE [QUEUE]
    local field
    find_field "${3-$queue}" "$1"
    [[ $field == "$2" ]]
}

holds_at_least() { # COUNT
    local messages
    messages=$(queue_field "$queue" messages)
    ((${messages:-0} >= $1))
}

queue_shows() { # EXTENDED-REGEX: in a line of `monitor show --json`
    "$monitor" show --json -- "$queue" 2>/dev/null | grep -Eq -- "$1"
}

is_waiting() { # a consumer, for a message
    queue_shows '"waiting": true'
}

is_blocked() { # a producer, for room
    queue_shows '"blocked": true'
}

is_holding() { # COUNT: a consumer has leased so many messages
    queue_shows "\"leased\": $1, \"attempts\""
}

no_queue() {
    [[ ! -e /dev/shm/shmq.$queue ]]
}

got_lines() { # FILE COUNT
    (($(wc -l <"$1") >= $2))
} 2>/dev/null

# ------------------------------------------------------------------ what most tests of programs do

next_queue() {
    "$monitor" remove -q --force -- "$queue" 2>/dev/null
    new_queue
}

put() { # OPTION...
    timeout 60 "$producer" -q -Q "$queue" "$@"
}

take() { # OPTION...
    timeout 60 "$consumer" -Q "$queue" "$@"
}

# What is left in the queue, even if the producers before failed.
rest() { # OPTION...
    take -q --grace 10ms "$@" 2>"$scratch/rest.err"
}

# Arguments that make no sense: COMMAND, which starts PROGRAM, says so.
check_usage() { # PROGRAM COMMAND EXTENDED-REGEX ARGUMENT...
    local program=$1 command=$2 regex=$3
    shift 3
    check_status "usage: $*" 2 "$command" "$@" </dev/null
    check_match "usage: $*: is named" "^$program: .*$regex" "$scratch/err"
    check_match "usage: $*: and where to find help" "^Try '$program --help'" "$scratch/err"
    check_equal "usage: $*: stdout is for data" '' "$(head -c 100 "$scratch/out" | tr '\0' '@')"
}

# What keeps a process from ending, as far as the kernel tells: whether it is stopped or traced, waits or runs, and for
# what, and which signals it has not taken.
why_alive() { # PID
    local file
    grep -E '^(Name|State|TracerPid|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|voluntary_ctxt_switches):' "/proc/$1/status"
    for file in syscall wchan stack; do
        sed "s/^/$file: /" "/proc/$1/$file" && echo
    done
    ps -o pid,ppid,pgid,stat,etimes,time,args -p "$1"
    if command -v gdb >/dev/null; then timeout 20 gdb -batch -p "$1" -ex 'thread apply all backtrace'; fi
} 2>/dev/null </dev/null

# The process $pid, or another, has to end with that status.
end_status() { # NAME STATUS [PID [LOG]]
    local process=${3-$pid} status why=''
    if ! wait_until 120 has_ended "$process"; then
        why=$(why_alive "$process")
        kill -KILL "$process"
    fi
    wait "$process" 2>/dev/null
    status=$?
    ((status == $2)) && ok "$1" && return
    not_ok "$1" "status $status instead of $2" "${why:+it did not end within 120 s:$'\n'$why}" "${4-$scratch/run.log}"
    return 1
}

kill_now() { # PID
    kill -KILL "$1"
    wait "$1"
} 2>/dev/null

# Waits for all that this shell has started, but for PID.
wait_for_others() { # PID
    local job
    for job in $(jobs -p); do
        [[ $job == "$1" ]] || wait "$job"
    done
}

milliseconds_since() { # EPOCHREALTIME
    printf '%d' $(((${EPOCHREALTIME//[!0-9]/} - ${1//[!0-9]/}) / 1000))
}

has_match() { # REGEX FILE
    grep -Eq -- "$1" "$2"
}

# Prints the payloads of the dead letters in queue $dead, a line each, and takes them out.
letters() {
    timeout 30 "$consumer" -q -Q "${dead:?}" --idle 100ms
}

# Prints headers of each dead letter after its payload, and takes them out.
letters_with() { # HEADER...
    local format='' name
    for name; do
        format+=" \$SHMQ_HEADER_$name"
    done
    timeout 60 "$consumer" -q -Q "${dead:?}" --idle 100ms --exec "echo \"\$(cat)$format\""
}

# Up to ten times TENS milliseconds, for kills at random moments: there is no condition to wait for.
random_pause() { # TENS
    [[ -p $scratch/never ]] || mkfifo "$scratch/never"
    read -rt "0.0$((RANDOM % $1))$((RANDOM % 10))" _ <>"$scratch/never"
}

can_trace() {
    strace -f -qq -o /dev/null true
} 2>/dev/null

# ------------------------------------------------------------------ processes and objects left

# Prints the pids of the processes that this test has started (not of what runs it), whatever their names and parents.
test_processes() {
    local directory pid
    for directory in /proc/[0-9]*; do
        pid=${directory#/proc/}
        [[ $pid != "$$" && $pid != "$BASHPID" && $pid != "$PPID" ]] || continue
        grep -qzxF "SHMQ_TEST_PREFIX=$SHMQ_TEST_PREFIX" "$directory/environ" 2>/dev/null && printf '%s\n' "$pid"
    done
}

remove_queues() {
    local object name
    for object in /dev/shm/shmq."$SHMQ_TEST_PREFIX"*; do
        [[ -e $object ]] || continue
        name=${object#/dev/shm/shmq.}
        [[ -x $monitor ]] && timeout 5 "$monitor" remove --force -- "$name" >/dev/null 2>&1
    done
    rm -f -- /dev/shm/shmq."$SHMQ_TEST_PREFIX"* /dev/shm/sem.shmq."$SHMQ_TEST_PREFIX"*
}

clean_up() {
    local status=$? pid command
    [[ $BASHPID == "$$" ]] || exit # a child killed before its exec has this trap, too
    trap '' INT TERM
    for command in "${at_exit[@]}"; do
        eval "$command"
    done
    for pid in $(jobs -p); do
        kill -KILL "$pid" 2>/dev/null
    done
    wait 2>/dev/null
    remove_queues
    rm -rf -- "$scratch"
    ((failed == 0)) || exit 1
    exit "$status"
} 2>/dev/null
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
