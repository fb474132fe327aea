#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 300 s
# build/supervisor: what it takes over and refuses, its children's stderr, signals, and systems that lack something.
# run_sh.sh tests pipelines from the outside.
. "$(dirname "$0")/../support/lib.sh"
supervisor=$build/supervisor

start() { # ARGUMENT...: in the background, in a process group of its own; sets pid
    : >"$scratch/run.log"
    setsid env --default-signal=INT,QUIT "$supervisor" -Q "$queue" "$@" >"$scratch/out.log" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

try() { # ARGUMENT...
    timeout 60 "$supervisor" -Q "$queue" "$@"
}

children() { # [PROGRAM]
    local child name list=''
    read -r list 2>/dev/null <"/proc/$pid/task/$pid/children"
    for child in $list; do
        name=''
        read -r name 2>/dev/null <"/proc/$child/comm"
        [[ ${1:-$name} == "$name" ]] && printf '%s\n' "$child"
    done
}

state_of() { # PID
    sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null
}

attached() { # PRODUCERS CONSUMERS
    [[ $(queue_field "$queue" producers) == "$1" && $(queue_field "$queue" consumers) == "$2" ]]
}

milliseconds() {
    echo $((${EPOCHREALTIME//[!0-9]/} / 1000))
}

has_gone() { # PATTERN
    ! pgrep -f -- "$1" >/dev/null
}

kill_supervisor() {
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    wait_until 5 has_gone "$build/(producer|consumer) --queue $queue "
}

# ------------------------------------------------------------------ what is left in a queue

new_queue
"$producer" -q -Q "$queue" -- old1 old2
check_status 'messages of another: refused' 1 try -q --output - -- new
check_match 'messages of another: how many, and what to do, even with -q' \
    "queue $queue: holds 2 messages that .* --take-over" "$scratch/err"
check_equal 'messages of another: nothing is delivered' '' "$(cat "$scratch/out")"
check_equal 'messages of another: they stay' 2 "$(queue_field "$queue" messages)"
check_status 'messages of another: --take-over' 0 try --take-over --output - -- new
check_equal 'messages of another: then they are delivered' $'new\nold1\nold2' "$(sort "$scratch/out")"

# One of each has no plural.
new_queue
"$producer" -q -Q "$queue" -- one
"$consumer" -q -Q "$queue" --follow >"$scratch/out" &
other=$!
wait_until 20 attached 0 1
kill -STOP "$other"
"$producer" -q -Q "$queue" -- two
check_status 'one message of another: refused' 1 try --discard -- new
check_match 'one message of another: is one' 'holds 1 message that' "$scratch/err"
check_status 'one message, one consumer of others: taken over' 0 try --take-over --discard -- new
check_match 'one message, one consumer of others: are one each' \
    'taking over queue [^ ]*: 1 message, 0 unfinished lanes; others attached: 0 producers, 1 consumer$' "$scratch/err"
kill -KILL "$other"
wait "$other" 2>/dev/null
"$monitor" -q remove --force "$queue" 2>/dev/null

new_queue
"$producer" -q -Q "$queue" -- a
"$consumer" -q -Q "$queue" --discard
check_status 'a queue of another without messages is no obstacle' 0 try --discard -- b

# A killed run of words.
new_queue
start --output "$scratch/words" --delay 50ms -- 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
wait_until 20 got_lines "$scratch/words" 2
kill_supervisor
check_status 'words, killed, repeated: refused' 1 try --output "$scratch/words" --delay 50ms -- 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
check_match 'words, killed, repeated: why' 'stopped after sending [0-9]+ messages.* would arrive twice .*--take-over' "$scratch/err"
check_status 'words, killed, repeated with --take-over' 0 try --take-over --output "$scratch/words" -- 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
check_match 'words, killed, repeated with --take-over: is told' 'what was sent is sent again' "$scratch/err"
check_equal 'words, killed, repeated with --take-over: all is there' "$(seq 16)" "$(sort -nu "$scratch/words")"

# A producer that is not restarted: only the queue knows how far it came.
seq 2000 >"$scratch/source"
slow_files() { # COMMAND...: with the arguments of one command
    "$@" -q --restart never --rate 2000 --consumer-args '--grace 1s' --input "$scratch/source" --pipe "cat >>'$scratch/piped'"
}
new_queue
slow_files start
wait_until 10 got_lines "$scratch/piped" 100
kill -KILL "$(children producer)"
end_status 'a producer is killed for good: its status' 137
check_match 'a producer is killed for good: the queue is kept, and why' \
    "queue $queue is kept, because it records how much of the input was sent" "$scratch/run.log"
check_status 'another command: what is unfinished is not its own' 1 try -q --input "$scratch/source" --discard
check_match 'another command: what to do' 'another command was stopped after sending a part .* --take-over' "$scratch/err"
check_status 'the same command goes on there' 0 slow_files try
check_equal 'the same command goes on there: all of it, once' "$(seq 2000)" "$(sort -n "$scratch/piped")"
check 'the same command goes on there: then the queue is removed' test ! -e "/dev/shm/shmq.$queue"

# However it is written, the same command is the same.
half_done() { # EXTRA...: leaves a queue of a run that was stopped half-way
    new_queue
    rm -f "$scratch/half"
    start -q --keep --rate 2000 --input "$scratch/source" --output "$scratch/half" "$@"
    wait_until 20 got_lines "$scratch/half" 100
    kill -TERM "$pid"
    wait "$pid" 2>/dev/null
}
half_done --producer-args "-D '\n' --rate 2000" --consumer-args '--grace 1s -D "\n"'
check_status 'the same options, written in another way: go on' 0 try -q --input "$scratch/source" --output "$scratch/half" \
    --producer-args '   "--delimiter=\n"' --consumer-args "'--delim'   '\n'  -v"
check_same 'the same options, written in another way: exactly there' "$scratch/source" "$scratch/half"
for different in '--producer-args -0' '--consumer-args -0' '--producer-args --whole'; do
    half_done
    # shellcheck disable=SC2086 # it is two words
    check_status "other options, $different: are another command" 2 try -q --input "$scratch/source" --output "$scratch/half" $different
    "$monitor" -q remove --force "$queue"
done

# The same for stdin.
new_queue
setsid "$supervisor" -Q "$queue" --input - --discard --rate 20 >"$scratch/out.log" 2>"$scratch/run.log" < <(seq 1000) &
pid=$!
wait_until 20 attached 1 1
kill_supervisor
check_status 'stdin, killed, repeated: refused' 1 try --input - --discard </dev/null
check_match 'stdin, killed, repeated: why' 'would arrive twice' "$scratch/err"
"$monitor" -q remove --force "$queue"

# The lock belongs to the queue, whatever the environment.
new_queue
start --random --rate 50 --discard
wait_until 20 attached 1 1
mkdir "$scratch/one" "$scratch/other"
for directory in "$scratch/one" "$scratch/other" ''; do
    XDG_RUNTIME_DIR=$directory check_status "a second supervisor, XDG_RUNTIME_DIR=${directory##*/}: refused" 1 \
        try --random --count 1 --discard
done
check_match 'a second supervisor: names the first' "another supervisor supervises queue $queue \(pid $pid\)" "$scratch/err"
check_equal 'a second supervisor: the first has its two children and nothing else' 2 "$(children | wc -l)"
kill -TERM "$pid"
end_status 'a second supervisor: the first is not disturbed' 0

# The second has seen no queue and an empty output, and is stopped there until the first has come and gone.
is_stopped() {
    stopped=$(pgrep -P "$pid") && grep -q 'stopped by SIGSTOP' "$scratch/trace"
} 2>/dev/null
seq 100 >"$scratch/hundred"
if strace -qq -o /dev/null true 2>/dev/null; then
    new_queue
    strace -qq -o "$scratch/trace" -P "$scratch/shared" -e trace=openat -e inject=openat:signal=STOP:when=1 \
        "$supervisor" -q -Q "$queue" --input "$scratch/hundred" --output "$scratch/shared" 2>"$scratch/run.log" &
    pid=$!
    check 'one that came and went: the other has looked before' wait_until 20 is_stopped
    check_status 'one that came and went: writes its output' 0 try -q --input "$scratch/hundred" --output "$scratch/shared"
    kill -CONT "$stopped"
    end_status 'one that came and went: the other does not write it again' 2
    check_match 'one that came and went: the other says why' 'exists and is not empty' "$scratch/run.log"
    check_same 'one that came and went: the output is as it left it' "$scratch/hundred" "$scratch/shared"
    check 'one that came and went: no queue is left' test ! -e "/dev/shm/shmq.$queue"
else
    skip 'one that came and went' 'strace cannot trace here'
fi

# ------------------------------------------------------------------ options

new_queue
seq 100 >"$scratch/hundred"
for lanes in 010 09; do
    new_queue
    check_status "--lanes $lanes --mirror" 0 try --lanes $lanes --keep --input "$scratch/hundred" --mirror "$scratch/m$lanes.%l"
    check_equal "--lanes $lanes is decimal" $((10#$lanes)) "$(queue_field "$queue" lanes)"
done
new_queue
: >"$scratch/n.9"
echo old >"$scratch/n.9"
check_status 'the file of the tenth lane is looked at' 2 try --lanes 010 --input "$scratch/hundred" --mirror "$scratch/n.%l"
new_queue
check_status 'creating options among --producer-args' 0 try --producer-args '--capacity 64K --lanes=3' --keep --discard -- a
check_equal 'creating options among --producer-args: are heeded' '65536 3' "$(queue_field "$queue" capacity_bytes) $(queue_field "$queue" lanes)"
"$producer" -q -Q "$queue" -- left
check_status 'other sizes than the queue has: exit 5' 5 try --capacity 128K --take-over --input "$scratch/hundred" --discard
check_match 'other sizes than the queue has: says which' "queue $queue: .*128" "$scratch/err"
"$supervisor" --help >"$scratch/out"
check_equal 'the help is 80 columns wide' '' "$(awk 'length > 80' "$scratch/out")"
check_equal 'the help ends with three examples' 3 "$(sed '1,/^Examples:/d' "$scratch/out" | grep -c '^  supervisor ')"

# It passes on its children's options, except those that it sets itself or that make no sense there.
for name in producer consumer; do
    "$build/$name" --help | grep -oE '^ *(-., )?--[a-z-]+' | grep -oE '[-]-[a-z-]+$' | sort -u >"$scratch/options"
    check "$name has options" test "$(wc -l <"$scratch/options")" -ge 20
    check_equal "each option of a $name is known" '' "$(grep -vxFf <(grep -oE '[-]-[a-z-]+' "$scratch/out") "$scratch/options" |
        grep -vxE -e '--(split|resume|count|grace|producers|supervised)')"
done

# ------------------------------------------------------------------ what children say

new_queue
mkfifo "$scratch/stderr" && exec {unread}<>"$scratch/stderr"
command="seq 60000 >&2; : >'$scratch/said'; until [ -e '$scratch/reading' ]; do sleep 0.02; done; echo end >&2"
timeout 60 "$supervisor" -Q "$queue" --exec "$command" -- a >"$scratch/out" 2>"$scratch/stderr" &
pid=$!
check 'stderr that nobody reads does not block a child' wait_until 30 test -e "$scratch/said"
cat "$scratch/stderr" >"$scratch/relayed" &
reader=$!
wait_until 20 grep -q 'lines dropped' "$scratch/relayed" # reported once there is room
: >"$scratch/reading"
end_status 'stderr that nobody reads: exit 0' 0
wait_until 10 grep -q 'produced 1 message, consumed 1' "$scratch/relayed"
kill "$reader"
wait "$reader" 2>/dev/null
check_match 'lines that were dropped are counted' '^consumer.1 \| \([0-9]+ lines dropped: nobody read them in time\)$' "$scratch/relayed"
check_equal 'all lines are whole, and have a name' '' \
    "$(grep -vE '^(consumer.1 \| ([0-9]+|end|\(.*\)|consumer: consumed.*)|producer.1 \| producer: produced.*|supervisor: produced.*)$' "$scratch/relayed")"
check_match 'and it goes on after that' '^consumer.1 \| end$' "$scratch/relayed"
kept=$(grep -cE '^consumer.1 \| [0-9]+$' "$scratch/relayed")
dropped=$(sed -n 's/^consumer.1 | (\([0-9]*\) lines\{0,1\} dropped.*/\1/p' "$scratch/relayed" | awk '{ n += $1 } END { print n }')
check_equal 'none is missing that is not counted' 60000 $((kept + dropped))

new_queue
check_status 'stderr that nobody ever reads' 0 timeout 60 "$supervisor" -Q "$queue" --exec 'seq 100000 >&2' -- a 2>"$scratch/stderr"
exec {unread}<&-

new_queue
check_status 'a last line without an end' 0 try -q --exec 'printf "no end" >&2' -- a
check_equal 'a last line without an end: has one' 'consumer.1 | no end' "$(cat "$scratch/err")"
before=$(milliseconds)
new_queue
check_status 'a command that leaves something running' 0 try -q --exec 'sleep 3 & :' -- a
check 'a command that leaves something running: is not waited for' test $(($(milliseconds) - before)) -lt 1500

# ------------------------------------------------------------------ while nothing happens

new_queue
start --consumer-args --follow --input "$scratch/hundred" --discard
wait_until 20 grep -q 'produced 100' "$scratch/run.log"
wait_until 20 grep -q 'consumer.1 .*waiting for' "$scratch/run.log" # said once
switches() {
    sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$pid/status"
}
is_idle() {
    local one
    one=$(switches)
    sleep 0.3
    [[ $(switches) == "$one" && $(state_of "$pid") == S ]]
}
wait_until 10 is_idle
before=$(switches)
sleep 2.5
check_equal 'while nothing happens it is not woken' "$before" "$(switches)"
check_equal 'it has no process but its children' 1 "$(children | wc -l)"
check_equal 'it has no thread' 1 "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)"
kill -HUP "$pid"
end_status 'SIGHUP: drains and says 0' 0
check_match 'SIGHUP: is said' 'SIGHUP: stopping' "$scratch/run.log"

# One request that comes twice, and two requests.
for _ in {1..20}; do
    new_queue
    start --count 0 --delay 1ms --work 1ms
    wait_until 20 got_lines "$scratch/out.log" 5
    signal_twice TERM "$pid" && break
    kill_supervisor
done
end_status 'SIGTERM twice within microseconds: is one request' 0
new_queue
start --count 0 --delay 1ms --work 60s
wait_until 20 attached 1 1
kill -TERM "$pid"
wait_until 10 grep -q 'SIGTERM: stopping' "$scratch/run.log"
sleep 0.15 # two signals in less time count as one request
kill -TERM "$pid"
end_status 'SIGTERM again after 150 ms: now' 143
# A producer that waits for room goes on waiting for a second after the first signal.
new_queue
seq 100000 >"$scratch/many"
start --input <(cat "$scratch/many") --capacity 4K --work 60s --grace 10ms
is_full() {
    "$monitor" show -- "$queue" | grep -qE '^ *0 blocked'
} 2>/dev/null
wait_until 20 is_full
blocked=$(children producer)
before=$(milliseconds)
kill -TERM "$pid"
wait_until 5 has_ended "$blocked"
took=$(($(milliseconds) - before))
check "a --grace shorter than that: insisting is no repetition ($took ms)" test "$took" -lt 900
wait "$pid"

# ------------------------------------------------------------------ stopped and continued

new_queue
start --random --rate 100 --discard
wait_until 20 attached 1 1
kill -STOP "$pid"
first=$(children consumer)
kill -KILL "$first"
wait_until 5 has_ended "$first"
kill -CONT "$pid"
another() {
    local now
    now=$(children consumer)
    [[ $now && $now != "$first" ]]
}
check 'a child that died while it was stopped is started again' wait_until 10 another
kill -TSTP "$pid"
all_are() { # STATES
    local one
    for one in "$pid" $(children); do
        [[ $(state_of "$one") == ["$1"] ]] || return 1
    done
}
check 'SIGTSTP stops it, and its children' wait_until 10 all_are T
kill -CONT "$pid"
check 'SIGCONT continues all of them' wait_until 10 all_are RSD
kill -TERM "$pid"
end_status 'stopped and continued: 0' 0

# ------------------------------------------------------------------ what is lost

new_queue
start --rate 100 --input "$scratch/hundred" --mirror "$scratch/lost.%l"
wait_until 20 test -s "$scratch/lost.0"
"$build/tests/tool_report_loss" "$queue"
kill -KILL "$(children consumer)"
end_status 'what is lost under way is a failure, whatever comes after' 1
check_match 'what is lost under way: the consumer was started again' 'restarting it' "$scratch/run.log"
check_match 'what is lost under way: is said' 'failed: messages that were acknowledged are no longer' "$scratch/run.log"

# ------------------------------------------------------------------ --progress

if script --version >/dev/null 2>&1; then
    new_queue
    script -qec "stty cols 60; '$supervisor' -Q '$queue' --progress --rate 1000 --count 1500 --random --discard" /dev/null \
        >"$scratch/out" </dev/null
    tr '\r' '\n' <"$scratch/out" | sed 's/\x1b\[K//g' >"$scratch/lines"
    check_match '--progress: counts and rates' '^[0-9.]+( k)? in \([0-9.]+' "$scratch/lines"
    check_equal '--progress: no wider than the terminal' '' "$(grep ' in (' "$scratch/lines" | awk 'length >= 60')"
    check '--progress: is redrawn' test "$(grep -c ' in (' "$scratch/lines")" -ge 3
    check_equal '--progress: in one line' '' "$(grep -a ' in (.* in (' "$scratch/lines")"
    new_queue
    script -qec "TERM=dumb '$supervisor' -Q '$queue' --progress --rate 1000 --count 1500 --random --discard" /dev/null \
        >"$scratch/out" </dev/null
    check_equal '--progress: TERM=dumb has no control characters' '' "$(tr -d '\r' <"$scratch/out" | LC_ALL=C grep -a $'\e')"
else
    skip '--progress on a terminal' 'script is missing'
fi
new_queue
check_status '--progress: elsewhere' 0 try --progress --rate 20 --count 210 --random --discard
check_equal '--progress: elsewhere a line every ten seconds' 1 "$(grep -c '^supervisor: .* in (.* out (.* full' "$scratch/err")"

# ------------------------------------------------------------------ odd systems

new_queue
for locale in C de_DE.UTF-8; do
    [[ $locale == C ]] || localedef -i de_DE -f UTF-8 "$scratch/$locale" 2>/dev/null || { skip "$locale" 'localedef is missing'; continue; }
    new_queue
    check_status "$locale: exit 0" 0 env LOCPATH="$scratch" LC_ALL="$locale" timeout 60 "$run_sh" -Q "$queue" --count 2 --delay 1.5ms --work 1ms
    check_equal "$locale: nothing else is said" 3 "$(grep -cE '^(producer.1 \||consumer.1 \||run.sh: produced)' "$scratch/err")"
    check_equal "$locale: and no complaint" '' "$(grep -vE '^(producer.1 \||consumer.1 \||run.sh: produced)' "$scratch/err")"
    check_match "$locale: the summary" 'produced 2 messages, consumed 2, in [0-9]+\.[0-9][0-9] s' "$scratch/err"
done
new_queue
check_status 'bash -e' 0 bash -e "$run_sh" -Q "$queue" --discard -- a
check_status 'SHELLOPTS=errexit' 2 env SHELLOPTS=errexit "$run_sh" -Q "$queue" --bogus
check_match 'SHELLOPTS=errexit: says why' bogus "$scratch/err"
limited() { # DESCRIPTORS ARGUMENT...
    # Without descriptors that the caller of the tests left open.
    (exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- && ulimit -n "$1" && shift && exec "$run_sh" -Q "$queue" "$@")
}
new_queue
check_status 'ulimit -n 12' 0 limited 12 -c 2 --discard -- a b
new_queue
check_status 'ulimit -n 12, too many children' 1 limited 12 -c 8 --discard -- a b
check_match 'ulimit -n 12, too many children: what to do' 'cannot be started: Too many open files .*ulimit -n' "$scratch/err"
check 'ulimit -n 12, too many children: nobody is left' wait_until 10 has_gone "$build/(producer|consumer) --queue $queue "
ln -s "$build" "$scratch/a blank"
new_queue
SHMQ_BUILD_DIR="$scratch/a blank" check_status 'a build folder with a blank' 0 "$run_sh" -Q "$queue" --discard -- a
SHMQ_BUILD_DIR="$scratch/no such" check_status 'one that is not there' 1 "$run_sh" -Q "$queue" --discard -- a
check_match 'one that is not there: says so' 'a blank in its name' "$scratch/err"
check_equal 'run.sh is short' 0 "$(($(wc -l <"$run_sh") > 80))"

# What no restart can mend is tried once.
if unshare --mount true 2>/dev/null; then
    # The queue has room, its lane has not.
    new_queue
    # shellcheck disable=SC2016 # expanded by that shell
    check_status 'no room in /dev/shm: exit 1' 1 unshare --mount sh -c 'mount -t tmpfs -o size=2m none /dev/shm && exec "$@"' sh \
        timeout 60 "$supervisor" -Q "$queue" --input "$scratch/hundred" --discard
    check_equal 'no room in /dev/shm: is said once' 1 "$(grep -c 'no room in /dev/shm' "$scratch/err")"
    check_match 'no room in /dev/shm: no second attempt' 'producer.1 .* not restarted: it would fail again' "$scratch/err"
fi
new_queue
check_status 'what a program that is supervised may tell: exit 78' 78 "$producer" --supervised -Q "$queue" --input "$scratch/nowhere"
check_status 'what a consumer that is supervised may tell: exit 78' 78 "$consumer" --supervised -Q "$queue" --output "$scratch/no/where"
check_status 'by itself: exit 1' 1 "$producer" -Q "$queue" --input "$scratch/nowhere"

if unshare --mount true 2>/dev/null; then
    new_queue
    # shellcheck disable=SC2016 # expanded by that shell
    check_status 'without /proc' 0 unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$@"' sh \
        timeout 60 "$run_sh" -Q "$queue" -p 2 -c 2 --input "$scratch/hundred" --output "$scratch/no-proc"
    check_same_lines 'without /proc: all arrives' "$scratch/hundred" "$scratch/no-proc"
else
    skip 'without /proc' 'unshare is not permitted'
fi
if unshare --pid --fork --mount-proc true 2>/dev/null; then
    new_queue
    unshare --pid --fork --mount-proc --kill-child "$supervisor" -Q "$queue" --follow \
        --exec '(sleep 0.2 & exec true) & exec true' -- a b c >"$scratch/out.log" 2>"$scratch/run.log" &
    pid=$!
    wait_until 20 grep -q 'produced 3' "$scratch/run.log"
    one=$(pgrep -P "$pid")
    no_orphans() {
        local child
        for child in $(<"/proc/$one/task/$one/children"); do
            [[ $(<"/proc/$child/comm") == consumer ]] || return 1
        done
    }
    check 'as process 1 it reaps the orphans of commands' wait_until 10 no_orphans
    kill -TERM "$one"
    end_status 'as process 1' 0
else
    skip 'as process 1' 'unshare is not permitted'
fi

# ------------------------------------------------------------------ --jobs

new_queue
mkdir "$scratch/jobs"
seq 300 >"$scratch/jobs.in"
# shellcheck disable=SC2016 # for the shell that the consumer starts
check_status '--jobs is passed on: exit 0' 0 env DONE="$scratch/jobs" timeout 60 "$run_sh" -Q "$queue" -c 2 --jobs 3 \
    --input "$scratch/jobs.in" --exec 'cat >"$DONE/$SHMQ_ID"; echo >>"$DONE/$SHMQ_ID"'
check_same_lines '--jobs is passed on: each is done once' "$scratch/jobs.in" <(cat "$scratch/jobs"/*)
check_match '--jobs is passed on: all are counted' 'produced 300 messages, consumed 300, .* 0 restarts' "$scratch/err"
check_status 'more jobs than seats: exit 2' 2 timeout 60 "$run_sh" -Q "$queue" -c 30 --jobs 3 --input "$scratch/jobs.in" --exec true
check_match 'more jobs than seats: says what to do' 'c 30 --jobs 3: .*give --seats 90' "$scratch/err"
check_status 'jobs that are not valid: exit 2' 2 timeout 60 "$run_sh" -Q "$queue" --jobs 0 --input "$scratch/jobs.in" --exec true
