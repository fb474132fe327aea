#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What goes on until it is told to end does end at SIGTERM, whenever that comes: in each kind of system call, from the
# program's start on, and at random moments; SHMQ_TEST_SIGNALS=5000 sets how many of those there are for each command.
. "$(dirname "$0")/../support/lib.sh"

signals=${SHMQ_TEST_SIGNALS:-40}
at_once=4
new_queue
one=$queue
put -- a b
new_queue
none=$queue
mkfifo "$scratch/silent"
exec 8<>"$scratch/silent"

# By name: the command, and the status with which it ends at SIGTERM if that is not 0.
declare -A commands=(
    [list]="'$monitor' list --watch 20ms"
    [show]="'$monitor' show --json --watch 20ms '$one'"
    [events]="'$monitor' events --follow '$one'"
    [wait]="'$monitor' wait --empty '$one'"
    [wait - absent]="'$monitor' wait '$none'"
    [producer]="'$producer' -Q '$none.in' --progress-interval 100ms"
    [consumer]="'$consumer' -Q '$none.out' --follow --progress-interval 100ms"
)
declare -A statuses=([wait]=1 [wait - absent]=1)
names=(list show events wait 'wait - absent' producer consumer)
if [[ -x $build/monitor-metrics ]]; then
    names+=(metrics)
    commands[metrics]="'$monitor' metrics --listen 127.0.0.1:0 '$one'"
fi
if [[ -x $build/monitor-top ]] && script --version >/dev/null 2>&1; then
    names+=(top)
    commands[top]="'$monitor' top '$one'"
fi

# Starts the command behind WORDS in the background; sets pid.
start() { # NAME LOG [WORD...]
    local command="${*:3} ${commands[$1]}" log=$2
    if [[ $1 == top ]]; then
        script -qec "exec $command" /dev/null <"$scratch/silent" >"$log" 2>&1 &
    else
        eval "exec $command" <"$scratch/silent" >"$log" 2>&1 &
    fi
    pid=$!
}

# Before a program has set up its handlers, the signal kills it.
ends_well() { # NAME STATUS
    (($2 == ${statuses[$1]:-0} || $2 == 143))
}

# Waits for the end of a process. Notes why it did not come, or came with another status.
end() { # NAME PID WHAT
    local status other
    if ! wait_until 20 has_ended "$2"; then
        for other in $(descendants "$2"); do
            why_alive "$other" >>"$scratch/bad"
            kill -KILL "$other"
        done
    fi
    wait "$2"
    status=$?
    ends_well "$1" "$status" || printf '%s: status %s\n' "$3" "$status" >>"$scratch/bad"
} 2>/dev/null

descendants() { # PID: and itself, last
    local child
    for child in $(pgrep -P "$1"); do
        descendants "$child"
    done
    printf '%s\n' "$1"
}

check_bad() { # NAME
    [[ ! -s $scratch/bad ]] && ok "$1" && return
    not_ok "$1" "$(head -n 60 "$scratch/bad")"
    : >"$scratch/bad"
}

# ------------------------------------------------------------------ in each kind of system call

# Starts the command under strace.
trace() { # NAME TRACE OPTION...
    start "$1" "$scratch/log" strace -f -qq -o "'$scratch/$2'" "${@:3}"
}

# The kinds of system calls of a command until its third wait.
calls_of() { # NAME
    trace "$1" trace -e inject=ppoll,futex,clock_nanosleep:signal=TERM:when=3
    end "$1" "$pid" 'the third wait'
    sed -En 's/^([0-9]+ +)?([a-z_0-9]+)\(.*/\2/p' "$scratch/trace" | grep -vE '^(execve|exit|exit_group|rt_sigreturn)$' | sort -u
}

# A call may not come this time, such as those that create a queue.
has_been_told() { # PID TRACE
    has_ended "$1" || grep -qs SIGTERM "$2"
}
tell() { # PID: of strace
    has_ended "$1" || kill -TERM "$(pgrep -P "$1")"
} 2>/dev/null

end_all() { # NAME; pids and calls are the caller's
    local i
    for i in "${!pids[@]}"; do
        wait_until 3 has_been_told "${pids[i]}" "$scratch/trace.$i" || wait_until 20 tell "${pids[i]}"
        end "$1" "${pids[i]}" "${calls[i]}"
        rm -f "$scratch/trace.$i" # or it would tell of the next one
    done
    pids=() calls=()
}

signal_in_calls() { # NAME
    local call pids=() calls=()
    for call in $(calls_of "$1"); do
        trace "$1" "trace.${#pids[@]}" -e "trace=$call" -e "inject=$call:signal=TERM:when=1"
        pids+=("$pid") calls+=("$call")
        ((${#pids[@]} < at_once)) || end_all "$1"
    done
    end_all "$1"
}

: >"$scratch/bad"
if can_trace; then
    for name in list events wait consumer; do
        signal_in_calls "$name"
        check_bad "$name: SIGTERM in each kind of system call"
    done
    # The monitor becomes another program behind this call.
    for name in metrics top; do
        [[ ${commands[$name]:-} ]] || continue
        trace "$name" trace -e trace=readlink -e inject=readlink:signal=TERM:when=1
        end "$name" "$pid" readlink
        check_bad "$name: SIGTERM before it becomes the program that is told"
    done
else
    skip 'SIGTERM in system calls' 'strace cannot trace here'
fi

# ------------------------------------------------------------------ at random moments

signal_at_random() { # NAME
    local i pids process
    for ((i = 0; i < signals; i += at_once)); do
        pids=()
        while ((${#pids[@]} < at_once)); do
            start "$1" "$scratch/log"
            pids+=("$pid")
        done
        random_pause 9
        for pid in "${pids[@]}"; do
            if [[ $1 == top ]]; then
                wait_until 20 tell "$pid"
            else
                kill -TERM "$pid"
            fi
        done
        for pid in "${pids[@]}"; do
            end "$1" "$pid" 'at random'
        done
    done
}

for name in "${names[@]}"; do
    signal_at_random "$name"
    check_bad "$name: SIGTERM at $signals random moments"
done
