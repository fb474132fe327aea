#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Queues, files and options that a consumer of jobs cannot work with: a clear message, the documented status, before
# anything is run, and nothing is lost.
. "$(dirname "$0")/../support/lib.sh"
export SCRATCH=$scratch

begin() {
    new_queue
    dead=$queue.dead
    : >"$scratch/runs"
    "$producer" -q -Q "$queue" -- a b
}

# A consumer must refuse to begin. So must a supervisor, with the same message and without a restart.
# shellcheck disable=SC2016 # for the command's shell
run='cat >>"$SCRATCH/runs"'
check_refused() { # NAME STATUS REGEX OPTION...
    local name=$1 status=$2 regex=$3
    shift 3
    check_status "$name: exit $status" "$status" timeout 20 "$consumer" -Q "$queue" --exec "$run" "$@"
    check_match "$name: says why" "^consumer: $regex" "$scratch/err"
    check_status "$name: run.sh: exit $status" "$status" timeout 60 "$run_sh" -Q "$queue" --take-over --exec "$run" "$@" -- c
    check_match "$name: run.sh: says why" "consumer: $regex" "$scratch/err"
    check_equal "$name: run.sh: no restart" 0 "$(grep -c 'restarting' "$scratch/err")"
    check_equal "$name: nothing is run" '' "$(cat "$scratch/runs")"
    check "$name: nothing is lost" holds_at_least 2
}

# ------------------------------------------------------------------ dead-letter queues

begin
check_refused 'the same queue' 2 "--dead-letter $queue: is the queue itself \(give another queue, or none\)" --dead-letter "$queue"
check_refused 'a name that is none' 2 "--dead-letter a/b: not valid \(a queue's name: " --dead-letter a/b
"$producer" -q -Q "$dead" --max-message 1K -- x
check_refused 'of smaller messages' 5 "--dead-letter: queue '$dead': its largest message of 1K is less than the .*remove it"
"$monitor" remove -q --force "$dead"
mkfifo "/dev/shm/shmq.$dead"
check_refused 'a FIFO' 1 "--dead-letter: queue '$dead': it is not a plain file \(give another"
rm "/dev/shm/shmq.$dead"
mkdir "/dev/shm/shmq.$dead"
check_refused 'a directory' 1 "--dead-letter: queue '$dead': it is not a plain file \(give another"
rmdir "/dev/shm/shmq.$dead"
"$producer" -q -Q "$dead" --max-message 3M --mode 0666 -- x 2>/dev/null || "$producer" -q -Q "$dead" --max-message 3M -- x
chmod 0666 "/dev/shm/shmq.$dead"
check_refused 'one that anybody may write' 1 "--dead-letter: queue '$dead': anybody may write it \(give another"
chmod 0600 "/dev/shm/shmq.$dead"
"$monitor" shutdown -q "$dead"
check_refused 'one that is shut down' 1 "--dead-letter: queue '$dead': .*shut down .*give another"

as_other() { # COMMAND...: as a user without rights here
    setpriv --reuid=54321 --regid=54321 --clear-groups -- "$@"
}
# A queue of another user, with dead letters in one of this user.
check_other() { # MODE REGEX
    local name="another user's, mode $1"
    new_queue
    dead=$queue.dead
    as_other "$producer" -q -Q "$queue" -- a b
    "$producer" -q -Q "$dead" --max-message 3M --mode "$1" -- x
    check_status "$name: exit 1" 1 as_other timeout 20 "$consumer" -Q "$queue" --exec true
    check_match "$name: says why" "^consumer: --dead-letter: queue '$dead': $2.*give another" "$scratch/err"
    check "$name: nothing is lost" queue_has messages 2
    "$monitor" remove -q --force "$dead"
}
if ((EUID == 0)) && as_other "$monitor" --version >/dev/null 2>&1; then
    check_other 0600 'belongs to root'
    check_other 0644 'belongs to root'
else
    skip "another user's" 'needs root, setpriv, and a build that others may run'
fi
