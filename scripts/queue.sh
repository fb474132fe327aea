# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: the queue as a whole, and the lock that lets one run.sh supervise it.

directory=      # of our own files: lock, note, scratch
locked=0
found=nothing   # what an earlier run left: nothing, a finished queue (drained, and left by all), or a queue with work
taken_over=0
put_before=0 left_before=0 # what the summary counts from

queue_exists() {
    [[ -e /dev/shm/shmq.$queue ]]
}

# Runs a command out of reach of a Ctrl-C, which is for us alone: its answer must not be taken for a failure. It can be
# hit before it is in a session of its own; then it has done nothing yet.
undisturbed() { # COMMAND...
    local tries status
    for tries in 1 2 3; do
        setsid --wait "$@" {lock_fd}>&-
        status=$?
        ((status > 128)) || break
    done
    return "$status"
}

# Runs the monitor; what it complains of is for monitor_reason.
monitor() {
    undisturbed "$build/monitor" "$@" 2>"$scratch/monitor"
}

monitor_reason() {
    local line=
    read -r line <"$scratch/monitor"
    printf '%s' "${line#monitor: }"
}

# Reads what monitor says about the queue into the array stat; returns its status.
declare -A stat=()
read_stat() {
    local line='' status
    local -r field='"([a-z_]+)": "?([^",]*)"?,(.*)'
    monitor show --json -- "$queue" >"$scratch/stat"
    status=$?
    stat=()
    # The queue's own are in the first line, those of its lanes and seats in the others.
    IFS= read -r line <"$scratch/stat"
    while [[ $line =~ $field ]]; do
        stat[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
        line=${BASH_REMATCH[3]}
    done
    return "$status"
}

# Looks for the lane whose last owner was PID: sets lane_finished, and lane_messages to what was ever put into it. One
# that is not found has a new owner, and was finished.
read_lane() { # PID
    local line
    lane_finished=1 lane_messages=
    monitor show --json -- "$queue" >"$scratch/stat"
    while IFS= read -r line; do
        [[ $line == *'{"lane": '*"\"pid\": $1,"* ]] || continue
        [[ $line == *'"finished": true,'* ]] || lane_finished=0
        [[ $line =~ '"put_messages": '([0-9]+) ]] && lane_messages=${BASH_REMATCH[1]}
        break
    done <"$scratch/stat"
    return 0
}

# ------------------------------------------------------------------ the lock

# Whether PID has ended, perhaps without anybody having noticed yet.
has_gone() { # PID
    local state
    state=$(sed -n 's/^State:\t//p' "/proc/${1:-none}/status" 2>/dev/null)
    [[ ! $state || $state == Z* ]]
}

# Waits for those that a killed run.sh was just starting, which hold its lock for a moment.
wait_for_lock() {
    local pid=
    flock --timeout 0.5 "$lock_fd" && return
    read -r pid <"$lock_file"
    has_gone "$pid" && flock --timeout 10 "$lock_fd" && return
    die 1 "another run.sh supervises queue $queue (pid ${pid:-unknown}) (wait for it, or use another -Q NAME)"
}

# Takes the lock of this queue: the kernel lets it go however run.sh ends, and no child inherits it.
lock_queue() {
    directory=${XDG_RUNTIME_DIR:-/tmp}/shmq-$EUID
    mkdir -m 700 -- "$directory" 2>/dev/null
    [[ -d $directory && ! -L $directory && -O $directory ]] ||
        die 1 "$directory: cannot be used for locks: not a directory of yours (remove it, or set XDG_RUNTIME_DIR)"
    lock_file=$directory/run.$queue.lock
    while :; do
        { exec {lock_fd}<>"$lock_file"; } 2>/dev/null ||
            die 1 "$lock_file: cannot be opened for writing (remove it, or set XDG_RUNTIME_DIR)"
        wait_for_lock
        # Its last owner may have removed it between our open and our lock.
        [[ /proc/self/fd/$lock_fd -ef $lock_file ]] && break
        exec {lock_fd}>&-
    done
    locked=1
    printf '%s\n' "$$" >"$lock_file"
    scratch=$directory/run.$queue.scratch
    mkdir -p -- "$scratch" || die 1 "$scratch: cannot be made (see above)"
}

unlock_queue() {
    ((locked)) || return
    rm -f -- "$lock_file"
    exec {lock_fd}>&-
    locked=0
}

# ------------------------------------------------------------------ what an earlier run left

# Producers and consumers would refuse to use it; only looking at it is open to everybody.
check_access() {
    local object=/dev/shm/shmq.$queue
    [[ -w $object ]] || die 1 "queue $queue: permission denied (another user's? use another -Q NAME)"
    [[ -O $object || ${stat[owner]} == 0 || " $(id -G) " == *" ${stat[group]} "* ]] ||
        die 1 "queue $queue: belongs to another user (use another -Q NAME)"
}

# Changes nothing; sets found.
look_at_queue() {
    local status
    queue_exists || return 0
    read_stat
    status=$?
    # Whoever was making, or removing, it has died; the first producer completes it.
    ((status != 1)) || ! grep -q 'no such queue' "$scratch/monitor" || return 0
    ((status == 0)) || die "$status" "queue cannot be used: $(monitor_reason)"
    check_access
    found=work
    ((stat[messages] == 0 && stat[producers] == 0 && stat[consumers] == 0 && stat[unfinished] == 0)) && found=finished
    return 0
}

# Whether the new run goes on in the queue. One that is finished would end the new consumers at once; but where this
# very command was killed as it ended, that is as it should be: nothing is left to be done.
goes_on() {
    [[ $found == work ]] || [[ $found == finished && $continuing == 1 && $resumable == 1 ]]
}

# Makes way for the new run: a queue that is not taken over is removed.
prepare_queue() {
    if goes_on; then
        taken_over=1 put_before=${stat[put_messages]} left_before=${stat[messages]}
        say "taking over queue $queue: ${stat[messages]} messages, ${stat[unfinished]} unfinished lanes," \
            "${stat[producers]} producers and ${stat[consumers]} consumers of others"
    elif [[ $found == finished ]]; then
        monitor remove -- "$queue" ||
            die 1 "queue $queue: an earlier, finished one cannot be removed: $(monitor_reason)"
    fi
    note_command
}

# ------------------------------------------------------------------ what is left in the end

# Removes the queue if nobody needs it any more; says why if not.
release_queue() {
    local advice
    queue_exists || return 0
    if ((messages_left > 0)); then
        advice='run again to take over'
        # Of other sources, nobody knows what of them is there already.
        ((resumable)) || is_endless ||
            advice="build/consumer -Q $queue takes them, with the same sink; run again, this would send its messages again"
        complain "queue $queue is kept, with $messages_left messages ($advice)"
    elif ((keep)); then
        say "queue $queue is kept (build/monitor remove $queue removes it)"
        ((failure_status || ${#unread[@]})) || finish_note kept
    else
        ((failure_status || ${#unread[@]})) || finish_note removed
        monitor remove -- "$queue" || complain "queue $queue is kept: $(monitor_reason)"
    fi
}
