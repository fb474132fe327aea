# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: starting producers and consumers, and what becomes of their output.

declare -A pid_of=()   # name -> pid, of those that run
declare -A name_of=()  # pid -> name
prefixers=()           # pids of the processes that put names before lines
readonly colours=(32 36 33 35 34 92 96 93 95 94)

# In a child, before it becomes what it is to be.
close_own_descriptors() {
    exec {lock_fd}>&- {stdin_fd}<&- {stderr_fd}>&-
}

# Copies lines to a descriptor, each behind a name. It ends when the last writer has gone, not by a signal.
prefix_lines() { # NAME DESCRIPTOR
    local before="$1 | " number=${1#*.}
    trap '' INT TERM HUP
    if [[ -t $2 && -z ${NO_COLOR:-} ]]; then
        [[ $1 == consumer.* ]] && ((number += 5))
        before=$'\e'"[${colours[number % ${#colours[@]}]}m$1 |"$'\e[0m '
    fi
    exec >&"$2"
    close_own_descriptors
    LC_ALL=C exec stdbuf -oL sed "s/^/$before/"
}

# Sets prefixed to a descriptor whose lines appear on DESCRIPTOR behind NAME.
open_prefixed() { # NAME DESCRIPTOR
    exec {prefixed}> >(prefix_lines "$1" "$2")
    prefixers+=("$!")
}

# Sets command to what the child runs.
producer_command() { # NUMBER
    local file
    command=("$build/producer" --queue "$queue" "${shared_args[@]}" "${producer_args[@]}")
    for file in "${inputs[@]}"; do
        command+=(--input "$file")
    done
    ((resumable)) && command+=(--resume)
    ((producers > 1 && ${#inputs[@]} > 0)) && command+=(--split "$1/$producers")
    command+=("${extra_producer_args[@]}")
    ((words_given)) && command+=(-- "${words[@]}")
    return 0
}

consumer_command() {
    command=("$build/consumer" --queue "$queue" --producers "$producers" "${shared_args[@]}" "${consumer_args[@]}")
    [[ $output && $output != - ]] && command+=(--output "$output")
    # The other sinks have no framing.
    [[ $sink == --output || $sink == --pipe || $sink == stdout || -z $sink ]] && command+=("${framing_args[@]}")
    command+=("${extra_consumer_args[@]}")
}

# Becomes the child, in a session of its own: a Ctrl-C in the terminal is for run.sh alone, and it still may read the
# terminal. It dies with run.sh, also if that has gone before it could ask for this.
become_child() { # STDIN STDOUT STDERR
    # shellcheck disable=SC2016 # expanded by that shell
    local unless_orphan='[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'
    exec <&"$1" >&"$2" 2>&"$3" || exit 1
    exec {null}<&- {out}>&- {err}>&-
    close_own_descriptors
    exec setsid env --default-signal=INT,QUIT setpriv --pdeathsig KILL sh -c "$unless_orphan" sh "$$" "${command[@]}"
}

start_child() { # NAME
    local name=$1 out err prefixed null command=() input
    open_prefixed "$name" "$stderr_fd"
    err=$prefixed
    if [[ $sink == stdout ]]; then
        exec {out}>&1
    else
        open_prefixed "$name" 1
        out=$prefixed
    fi
    exec {null}</dev/null
    input=$null
    if [[ $name == producer.* ]]; then
        producer_command "${name#*.}"
        [[ $source == stream ]] && input=$stdin_fd
    else
        consumer_command
    fi
    (become_child "$input" "$out" "$err") &
    pid_of[$name]=$! name_of[$!]=$name
    exec {out}>&- {err}>&- {null}<&-
    detail "$name started (pid ${pid_of[$name]}): ${command[*]}"
}

# Sends a signal to the running children of a role ("producer", "consumer" or "" for all).
signal_children() { # ROLE SIGNAL
    local name
    for name in "${!pid_of[@]}"; do
        [[ $name == "$1"* ]] || continue
        # What a command of --exec has started is in the child's group, unless it left it.
        if [[ $2 == KILL ]]; then
            kill -KILL -- "-${pid_of[$name]}" 2>/dev/null
        fi
        kill -s "$2" -- "${pid_of[$name]}" 2>/dev/null
    done
}

# How many children of a role run.
running() { # ROLE
    local name
    count=0
    for name in "${!pid_of[@]}"; do
        [[ $name == "$1"* ]] && ((count += 1))
    done
    ((count > 0))
}

# Sets timer_pid to a sleep that ends with run.sh. It is ended by KILL: a TERM might reach it while it still is a copy
# of this shell, with its traps.
start_timer() { # SECONDS
    (close_own_descriptors && exec setpriv --pdeathsig KILL sleep "$1") &
    timer_pid=$!
}

# Lets the last lines through; a grandchild that still holds a pipe is not waited for.
finish_output() {
    local watchdog
    ((${#prefixers[@]})) || return
    # shellcheck disable=SC2016 # expanded by that shell
    (close_own_descriptors && exec setsid setpriv --pdeathsig KILL sh -c 'sleep 2; kill -KILL "$@"' sh "${prefixers[@]}") &
    watchdog=$!
    wait "${prefixers[@]}"
    kill -KILL -- "-$watchdog" || kill -KILL "$watchdog"
} 2>/dev/null # by now most have gone

forget_ended_prefixers() {
    local pid left=()
    for pid in "${prefixers[@]}"; do
        [[ -d /proc/$pid ]] && left+=("$pid")
    done
    prefixers=("${left[@]}")
}
