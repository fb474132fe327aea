# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: the queue as a whole, and the lock that lets one run.sh supervise it.

queue_exists() {
    [[ -e /dev/shm/shmq.$queue ]]
}

# Reads what monitor says about the queue into the array stat; returns its status.
declare -A stat=()
read_stat() {
    local text key value status
    text=$("$build/monitor" show --json -- "$queue" 2>"$scratch/monitor")
    status=$?
    text=$(tr '{,' '\n' <<<"$text" | sed -n 's/^ *"\([a-z_]*\)" *: *\([0-9][0-9]*\).*/\1 \2/p')
    stat=()
    while IFS=' ' read -r key value; do
        # The queue's own come before those of its lanes and seats.
        [[ ! $key || ${stat[$key]+set} ]] || stat[$key]=$value
    done <<<"$text"
    return "$status"
}

# Takes the lock of this queue: the kernel lets it go however run.sh ends, and no child inherits it.
lock_queue() {
    local directory=${XDG_RUNTIME_DIR:-/tmp}/shmq-$EUID pid
    mkdir -m 700 -- "$directory" 2>/dev/null
    [[ -d $directory && ! -L $directory && -O $directory ]] ||
        die 1 "$directory: cannot be used for locks: not a directory of yours (remove it, or set XDG_RUNTIME_DIR)"
    lock_file=$directory/run.$queue.lock
    while :; do
        exec {lock_fd}<>"$lock_file" || die 1 "$lock_file: cannot be opened (see above)"
        if ! flock --nonblock "$lock_fd"; then
            read -r pid <"$lock_file"
            die 1 "another run.sh supervises queue $queue (pid ${pid:-unknown}) (wait for it, or use another -Q NAME)"
        fi
        # Its last owner may have removed it between our open and our lock.
        [[ /proc/self/fd/$lock_fd -ef $lock_file ]] && break
        exec {lock_fd}>&-
    done
    printf '%s\n' "$$" >"$lock_file"
}

unlock_queue() {
    [[ ${lock_fd:-} ]] || return
    rm -f -- "$lock_file"
    exec {lock_fd}>&-
    lock_fd=
}

# Looks what an earlier run left. A queue that is drained, finished and left by all would end the new consumers
# early: it is removed. Any other is taken over. Sets taken_over, and what the summary
# counts from.
prepare_queue() {
    taken_over=0 put_before=0 left_before=0
    queue_exists || return 0
    read_stat || die $? "queue cannot be used: $(monitor_reason)"
    if ((stat[messages] == 0 && stat[producers] == 0 && stat[consumers] == 0 && stat[unfinished] == 0)); then
        "$build/monitor" remove -- "$queue" {lock_fd}>&- 2>"$scratch/monitor" ||
            die 1 "queue $queue: an earlier, finished one cannot be removed: $(monitor_reason)"
        return 0
    fi
    taken_over=1 put_before=${stat[put_messages]} left_before=${stat[messages]}
    say "taking over queue $queue: ${stat[messages]} messages, ${stat[unfinished]} unfinished lanes," \
        "${stat[producers]} producers and ${stat[consumers]} consumers of others"
}

monitor_reason() {
    local line
    read -r line <"$scratch/monitor"
    printf '%s' "${line#monitor: }"
}

# Removes the queue if nobody needs it any more; says why if not.
release_queue() {
    queue_exists || return 0
    if ((keep)); then
        say "queue $queue is kept (build/monitor remove $queue removes it)"
    elif ((messages_left > 0)); then
        say "queue $queue is kept, with $messages_left messages (run again to take over)"
    elif ! "$build/monitor" remove -- "$queue" {lock_fd}>&- 2>"$scratch/monitor"; then
        say "queue $queue is kept: $(monitor_reason)"
    fi
}
