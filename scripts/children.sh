# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: starting producers and consumers, and what becomes of their output.

declare -A pid_of=()   # name -> pid, of those that run
declare -A name_of=()  # pid -> name
declare -A pid_of_last=() # name -> pid, also of those that have ended
prefixers=()           # pids of the processes that put names before lines
readonly colours=(32 36 33 35 34 92 96 93 95 94)

# In a child, before it becomes what it is to be.
close_own_descriptors() {
    exec {lock_fd}>&- {stdin_fd}<&- {stderr_fd}>&-
}

# Sets label to what stands before what a child says on DESCRIPTOR.
set_label() { # NAME DESCRIPTOR
    local number=${1#*.}
    label="$1 | "
    if [[ -t $2 && -z ${NO_COLOR:-} ]]; then
        [[ $1 == consumer.* ]] && ((number += 5))
        label=$'\e'"[${colours[number % ${#colours[@]}]}m$1 |"$'\e[0m '
    fi
}

# Copies lines to our stderr, each behind a name. It ends when the last writer has gone, not by a signal.
prefix_lines() { # NAME
    local label
    trap '' INT TERM HUP
    set_label "$1" "$stderr_fd"
    exec >&"$stderr_fd"
    close_own_descriptors
    LC_ALL=C exec stdbuf -oL sed "s/^/$label/"
}

# Sets prefixed to a descriptor whose lines appear on our stderr behind NAME.
open_prefixed() { # NAME
    exec {prefixed}> >(prefix_lines "$1")
    prefixers+=("$!")
}

# Whether messages on stdout have a name before them. There, the children write themselves: what could not be written is
# not acknowledged.
is_labelled() {
    [[ ! $sink && " ${framing_args[*]} ${extra_consumer_args[*]} " != *' --'@(raw|length-prefixed)\ * ]]
}

# Sets command to what the child runs.
producer_command() { # NUMBER
    local file label=
    command=("$build/producer" --queue "$queue" "${shared_args[@]}" "${producer_args[@]}")
    [[ $sink == stdout ]] || set_label "producer.$1" 1
    [[ ! ${given[echo]+set} ]] || command+=(--echo "$label${given[echo]}")
    for file in "${inputs[@]}"; do
        command+=(--input "$file")
    done
    ((resumable)) && command+=(--resume)
    ((producers > 1 && ${#inputs[@]} > 0)) && command+=(--split "$1/$producers")
    command+=("${extra_producer_args[@]}")
    ((words_given)) && command+=(-- "${words[@]}")
    return 0
}

consumer_command() { # NUMBER
    local label=
    command=("$build/consumer" --queue "$queue" --producers "$producers" "${shared_args[@]}" "${consumer_args[@]}")
    [[ $sink == --output ]] && command+=(--output "$output")
    # The other sinks have no framing.
    [[ $sink == --output || $sink == --pipe || $sink == stdout || -z $sink ]] && command+=("${framing_args[@]}")
    is_labelled && set_label "consumer.$1" 1
    [[ ! $label && ! ${given[prefix]+set} ]] || command+=(--prefix "$label${given[prefix]:-}")
    command+=("${extra_consumer_args[@]}")
}

# Becomes the child, in a session of its own: a Ctrl-C in the terminal is for run.sh alone, and it still may read the
# terminal. It dies with run.sh, also if that has gone before it could ask for this.
become_child() { # STDIN STDERR
    # shellcheck disable=SC2016 # expanded by that shell
    local unless_orphan='[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'
    exec <&"$1" 2>&"$2" || exit 1
    exec {null}<&- {prefixed}>&-
    close_own_descriptors
    exec setsid env --default-signal=INT,QUIT setpriv --pdeathsig KILL sh -c "$unless_orphan" sh "$$" "${command[@]}"
}

start_child() { # NAME
    local name=$1 prefixed null command=() input
    open_prefixed "$name"
    exec {null}</dev/null
    input=$null
    if [[ $name == producer.* ]]; then
        producer_command "${name#*.}"
        [[ $source == stream ]] && input=$stdin_fd
    else
        consumer_command "${name#*.}"
    fi
    (become_child "$input" "$prefixed") &
    pid_of[$name]=$! pid_of_last[$name]=$! name_of[$!]=$name
    exec {prefixed}>&- {null}<&-
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
