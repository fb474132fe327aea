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

# ------------------------------------------------------------------ a paused queue that is removed

check_paused() { # OPTION...
    local name="a paused queue, $*"
    begin
    "$monitor" pause -q "$queue"
    check_status "$name: --idle: exit 4" 4 timeout 20 "$consumer" -Q "$queue" --idle 20ms "$@"
    check_match "$name: --idle names the pause" "^consumer: queue '$queue': no message for 20 ms, because it is paused \(see " "$scratch/err"
    check_equal "$name: once" 1 "$(grep -c 'because it is paused' "$scratch/err")"
    timeout 20 "$consumer" -Q "$queue" "$@" 2>"$scratch/paused.err" &
    pid=$!
    check "$name: it waits" wait_until 20 queue_shows '"waiting": *true'
    check_status "$name: removed only by force: exit 1" 1 "$monitor" remove "$queue"
    check "$name: nothing is lost" queue_has messages 2
    "$monitor" remove -q --force "$queue"
    wait "$pid"
    check_equal "$name: removed: exit 5" 5 $?
    check_match "$name: removed: is said" "^consumer: queue '$queue': the queue was removed" "$scratch/paused.err"
    check_equal "$name: nothing is run" '' "$(cat "$scratch/runs")"
}
check_paused --exec "$run"
check_paused --jobs 3 --exec "$run"
check_paused --pipe-ack --pipe "$run"

# ------------------------------------------------------------------ files

begin
check_refused 'a job log in no folder' 1 "--joblog $scratch/no/log: cannot be opened: .* \(give a file" --joblog "$scratch/no/log"
check_refused 'a job log that is a folder' 1 "--joblog $scratch: cannot be opened: .* \(give a file" --joblog "$scratch"
check_refused 'a job log on stdout' 2 '--joblog -: not valid \(the name of a file; ' --joblog -
check_refused 'a job log without a name' 2 "--joblog '': is empty \(give FILE\)" --joblog ''
echo 'something else' >"$scratch/text"
check_refused 'a job log that is none' 1 "--joblog $scratch/text: is not a job log, and is left as it is" --joblog "$scratch/text"
check_equal 'a job log that is none: is left as it is' 'something else' "$(cat "$scratch/text")"
check_refused 'results in a file' 1 "--results $scratch/text: cannot be used: .* \(give a folder" --results "$scratch/text"
check_refused 'results without a name' 2 "--results '': is empty \(give DIR\)" --results ''
if ((EUID == 0)) && as_other "$monitor" --version >/dev/null 2>&1; then
    new_queue
    as_other "$producer" -q -Q "$queue" -- a b
    : >"$scratch/log"
    chmod 711 "$scratch"
    check_status "another user's job log: exit 1" 1 as_other timeout 20 "$consumer" -Q "$queue" --exec true --joblog "$scratch/log"
    check_match "another user's job log: says why" "^consumer: --joblog $scratch/log: cannot be opened: " "$scratch/err"
    check "another user's job log: nothing is lost" queue_has messages 2
else
    skip "another user's job log" 'needs root, setpriv, and a build that others may run'
fi

# ------------------------------------------------------------------ options that do not go together

# Each is refused before anything is looked for, by a consumer and, before anything is started, by a supervisor.
new_queue
check_usage() { # REGEX OPTION...
    local regex=$1
    shift
    check_status "$*: exit 2" 2 timeout 20 "$consumer" -Q "$queue" --idle 0 "$@"
    check_match "$*: says why" "^consumer: $regex" "$scratch/err"
    check_match "$*: names the help" "^Try 'consumer --help'" "$scratch/err"
}
needs_one_of() { # SINKS OPTION...
    local sinks=$1 option
    shift
    for option; do
        # shellcheck disable=SC2086 # it is two words
        {
            check_usage "${option% *} needs $sinks\$" $option
            check_usage "${option% *} needs $sinks, not --discard\$" $option --discard
            check_usage "${option% *} needs $sinks, not --pipe\$" $option --pipe cat
        }
    done
}
needs_one_of '--exec, -- PROGRAM or --pipe-ack' '--retries 1' '--backoff 1s' '--aside 2' --in-order \
    '--exec-timeout 1s' '--kill-after 1s'
needs_one_of '--exec, -- PROGRAM, --pipe-ack, --forward or --to' '--max-failures 1' '--dead-letter x'
for option in --grouped --line-buffer --ungroup --tag "--results $scratch/r" "--joblog $scratch/j" '--jobs 2' '--batch 2'; do
    # shellcheck disable=SC2086 # it is two words
    {
        check_usage "${option% *} needs --exec or -- PROGRAM\$" $option
        check_usage "${option% *} needs --exec or -- PROGRAM, not --output\$" $option --output "$scratch/o"
        check_usage "${option% *} needs --exec or -- PROGRAM, not --pipe-ack\$" $option --pipe cat --pipe-ack
    }
done
check_usage '--pipe-ack needs --pipe COMMAND$' --pipe-ack
check_usage '--pipe-ack needs --pipe COMMAND, not --exec$' --pipe-ack --exec true
check_usage '--pipe-ack needs --pipe COMMAND, not -- PROGRAM$' --pipe-ack -- true
check_usage '--raw and --pipe-ack: .* \(leave out --raw\)' --pipe cat --pipe-ack --raw
check_usage '--grouped and --ungroup: only one' --exec true --grouped --ungroup
check_usage '--line-buffer and --grouped: only one' --exec true --line-buffer --grouped
check_usage '--in-order and --aside: only one' --exec true --in-order --aside 2
check_usage '--in-order and --jobs 2: .*\(give --aside 0 ' --exec true --in-order --jobs 2
check_usage '--jobs 0: not valid \(a whole number from 1 ' --exec true --jobs 0
check_usage '--jobs 1025: not valid' --exec true --jobs 1025
check_usage '--batch-whole needs --batch$' --exec true --batch-whole
check_usage '--batch-ids needs --batch$' --exec true --batch-ids
check_usage '--batch 0: not valid \(N or N:WAIT' --exec true --batch 0
check_usage '--prefetch cannot be combined with --batch \(' --exec true --batch 2 --prefetch 2
check_usage '--work cannot be combined with --batch \(leave out one\)' --exec true --batch 2 --work 1s
check_usage '--raw and --batch-ids: .* \(leave out --raw\)' --exec true --batch 2 --batch-ids --raw
check_usage '\{\} cannot be combined with --batch \(the messages come on stdin\)' --batch 2 -- echo '{}'
check_usage '--rate 0: not a rate' --exec true --rate 0
check_usage '--rate x: not a rate' --exec true --rate x
check_usage '--aside 9999: not valid' --exec true --aside 9999
check_usage '--ungroup and --tag: .* \(leave out --ungroup\)' --exec true --tag --ungroup
check_usage '--ungroup and --results: .* \(leave out --ungroup\)' --exec true --results "$scratch/r" --ungroup
check_usage '--max-failures: there is no dead-letter queue, .*\(give a --dead-letter QUEUE\)' --exec true --max-failures 1 --dead-letter none
check_usage '--max-failures 0: not valid' --exec true --max-failures 0
check_usage '--exec-timeout 0: not valid' --exec true --exec-timeout 0
check_usage '-0 \(--null\) cannot be combined with --exec' --exec true -0
check_usage '--prefix cannot be combined with -- PROGRAM' --prefix x -- true
check_equal 'nothing of all this was made' '' "$(find "$scratch" -name r -o -name j -o -name o)"
