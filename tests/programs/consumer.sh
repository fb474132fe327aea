#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The consumer: every sink, framing and option, signals, and what happens to messages when something fails.
# shellcheck disable=SC2016 # what is in single quotes is for the shells of --exec and --pipe
. "$(dirname "$0")/../support/lib.sh"

new_queue

# Makes a new queue with the lines of a file.
fill_queue() { # FILE OPTION...
    next_queue
    put --input "$@"
}

# Starts a consumer in the background, with SIGINT at its default; sets pid. It inherits the caller's stdout.
start() { # OPTION...
    : >"$scratch/run.log"
    env --default-signal=INT "$consumer" -Q "$queue" "$@" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

has_lines() { # FILE COUNT
    (($(wc -l <"$1") >= $2))
} 2>/dev/null

# Waits for all background jobs, except those checked at the end.
slow=''

# A message may be in two outputs only if a consumer died.
check_all_there() { # NAME INPUT OUTPUT...
    local name=$1 input=$2
    shift 2
    check_equal "$name" "$(LC_ALL=C sort -u "$input" | sha256sum)" "$(cat "$@" | LC_ALL=C sort -u | sha256sum)"
}

seq 1000 >"$scratch/thousand"
seq 100000 >"$scratch/numbers"
seq 3 >"$scratch/three"
head -c 1000000 /dev/urandom >"$scratch/random"
export SCRATCH=$scratch

# Checked at the end, because it takes some time.
slow_queue=$queue.progress
"$consumer" -Q "$slow_queue" --follow --progress >"$scratch/progress.out" 2>"$scratch/progress.log" &
slow=$!
put -Q "$slow_queue" -- a

# ------------------------------------------------------------------ stdout

check_output() { # NAME EXPECTED OPTION...
    local name=$1 expected=$2
    shift 2
    next_queue
    put -- a '' $'b\nc'
    take -q "$@" >"$scratch/out" 2>"$scratch/err" || not_ok "$name: status $?" "$scratch/err"
    check_equal "$name" "$expected" "$(tr '\0' '@' <"$scratch/out" && echo .)"
}
check_output 'lines' $'a\n\nb\nc\n.'
check_output '--output - is stdout' $'a\n\nb\nc\n.' --output -
check_output '-0' $'a@@b\nc@.' -0
check_output '--null' $'a@@b\nc@.' --null
check_output '-D' $'a;;b\nc;.' -D ';'
check_output '-D with an escape' $'a\t\tb\nc\t.' -D '\t'
check_output '--delimiter \x41' $'aAAb\ncA.' --delimiter '\x41'
check_output '--raw' $'ab\nc.' --raw
check_output '--prefix' $'got: a\ngot: \ngot: b\nc\n.' --prefix 'got: '
check_output '--prefix and -0' $'>a@>@>b\nc@.' --prefix '>' -0
check_output '--prefix and --raw' $'>a>>b\nc.' --prefix '>' --raw
check_output '--length-prefixed' $'@@@\1a@@@@@@@\3b\nc.' --length-prefixed
check_output 'any prefetch' $'a\n\nb\nc\n.' --prefetch 1
check_output 'as much as may be prefetched' $'a\n\nb\nc\n.' --prefetch 4096
next_queue
put -- a b
check_status 'a plain run' 0 take
check_equal 'a plain run says one line' 1 "$(wc -l <"$scratch/err")"
check_match 'a plain run says how many' '^consumer: consumed 2 messages, 2 B ' "$scratch/err"
check_status 'once more' 0 take -q
check_equal '--quiet says nothing' '' "$(cat "$scratch/err" "$scratch/out")"

# Messages that are copied, and messages that are written in place.
next_queue
for size in 0 1 5 16383 16384 16385 70000 0 3 200000 65; do
    printf '%b' "$(printf '\\x%02x' 0 $((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)))"
    head -c "$size" "$scratch/random"
done >"$scratch/records"
put --length-prefixed --input "$scratch/records"
rest --length-prefixed >"$scratch/back"
check_same 'messages of all sizes' "$scratch/records" "$scratch/back"
put --block 10000 --input "$scratch/random"
rest --raw | cat >"$scratch/back"
check_same 'messages of all sizes, through a pipe' "$scratch/random" "$scratch/back"

# ------------------------------------------------------------------ --output, --discard

echo old >"$scratch/file"
fill_queue "$scratch/three"
check_status '--output' 0 take --output "$scratch/file"
check_equal '--output appends' $'old\n1\n2\n3' "$(cat "$scratch/file")"
check_equal '--output leaves stdout alone' '' "$(cat "$scratch/out")"
printf 'no end' >"$scratch/file"
put -- a
rest --output "$scratch/file"
check_equal '--output to a file whose last line has no end: nothing is added to it' 'no enda' "$(cat "$scratch/file")"
fill_queue "$scratch/three"
check_status '--output into no directory: exit 1' 1 take --output "$scratch/nowhere/file"
check_match 'is named' "^consumer: $scratch/nowhere/file: .*No such file" "$scratch/err"
check_status '--output onto a directory: exit 1' 1 take --output "$scratch"
check_match 'is named' "^consumer: $scratch: .*directory" "$scratch/err"
check_status '--output to a full disk: exit 1' 1 take --output /dev/full
check_match 'is named' '^consumer: /dev/full: .*No space left' "$scratch/err"
check_equal 'nothing is lost' "$(seq 3)" "$(rest)"
fill_queue "$scratch/numbers" --capacity 16M
(ulimit -f 100 && take -q --output "$scratch/limited" 2>"$scratch/err")
check_equal '--output to a file that may not grow: exit 1' 1 $?
check_match 'is named' "^consumer: $scratch/limited: .*too large" "$scratch/err"
rest >"$scratch/back"
cat "$scratch/limited" "$scratch/back" >"$scratch/joined"
check_same 'nothing is lost, nothing is there twice' "$scratch/numbers" "$scratch/joined"

# Lines of very different lengths, so that mixing would show.
awk 'BEGIN { for (i = 1; i <= 3000; i++) { s = i ":"; for (j = (i * 7919) % 1500; j > 0; j--) s = s "x"; print s "." } }' \
    >"$scratch/lengths"
fill_queue "$scratch/lengths" --capacity 16M
for i in 1 2 3; do
    rest --prefetch 50 --output "$scratch/shared" &
done
wait_for_others "$slow"
check_same_lines 'three consumers append to one file: whole lines' "$scratch/lengths" "$scratch/shared"
fill_queue "$scratch/lengths" --capacity 16M
for i in 1 2 3; do
    rest --prefetch 50 &
done >"$scratch/shared"
wait_for_others "$slow"
check_same_lines 'three consumers share a stdout: whole lines' "$scratch/lengths" "$scratch/shared"
fill_queue "$scratch/lengths" --capacity 16M
for i in 1 2 3; do
    rest --prefetch 50 &
done | cat >"$scratch/shared"
check_same_lines 'three consumers share a pipe: whole lines' "$scratch/lengths" "$scratch/shared"

fill_queue "$scratch/thousand"
check_status '--discard' 0 take --discard
check_equal '--discard writes nothing' '' "$(cat "$scratch/out")"
check_match '--discard counts' '^consumer: consumed 1000 messages' "$scratch/err"
check '--discard leaves nothing' queue_has messages 0

# ------------------------------------------------------------------ a stdout that does not work

check_kept() { # NAME STATUS REGEX
    check_equal "$1: exit 1" 1 "$2"
    check_match "$1: is said" "^consumer: stdout: .*$3" "$scratch/err"
    check_same "$1: nothing is lost" "$scratch/numbers" <(rest)
}
fill_queue "$scratch/numbers" --capacity 16M
take >&- 2>"$scratch/err"
check_kept 'closed stdout' $? 'Bad file'
fill_queue "$scratch/numbers" --capacity 16M
take >/dev/full 2>"$scratch/err"
check_kept 'stdout on a full disk' $? 'No space left'
fill_queue "$scratch/numbers" --capacity 16M
mkfifo "$scratch/fifo"
exec 8<>"$scratch/fifo"
exec 7>"$scratch/fifo" 8<&-
take >&7 2>"$scratch/err"
check_kept 'stdout without a reader' $? 'reader'
exec 7>&-

fill_queue "$scratch/numbers" --capacity 16M
take 2>"$scratch/err" | head -n 1 >"$scratch/out"
status=${PIPESTATUS[0]}
written=$(sed -n 's/^consumer: consumed \([0-9]*\) .*/\1/p' "$scratch/err")
check_equal '| head -n 1: exit 1' 1 "$status"
check_equal '| head -n 1: the first line' 1 "$(cat "$scratch/out")"
check_same "| head -n 1: what was not written is there for a second one" <(seq $((written + 1)) 100000) <(rest)
fill_queue "$scratch/three"
take -q --follow 2>"$scratch/err" | head -n 1 >"$scratch/out"
check_equal 'a reader that goes while nothing comes ends it, too' 1 "${PIPESTATUS[0]}"
next_queue
put -- a b
take -q 2>&- >"$scratch/out"
check_equal 'a closed stderr does no harm' $'a\nb' "$(cat "$scratch/out")"
put -- a b
take -q 2>&- <&- >"$scratch/out"
check_equal 'nor does a closed stdin' $'a\nb' "$(cat "$scratch/out")"

# ------------------------------------------------------------------ --pipe

fill_queue "$scratch/thousand"
check_status '--pipe' 0 take --pipe 'sort -rn >"$SCRATCH/sorted"; echo "$SHMQ_QUEUE" >"$SCRATCH/name"'
check_same '--pipe gives it all, and waits for the command' <(seq 1000 -1 1) "$scratch/sorted"
check_equal '--pipe tells the queue' "$queue" "$(cat "$scratch/name")"
put -- a $'b\nc'
check_equal '--pipe with framing' $'>a@>b\nc@' "$(rest --pipe 'tr "\0" @' -0 --prefix '>')"
fill_queue "$scratch/numbers" --capacity 16M
check_status '--pipe: the command ends early: exit 1' 1 take --pipe 'head -n 1 >"$SCRATCH/first"'
check_match '--pipe: the command ends early: is said' '^consumer: --pipe: .*exit status 0' "$scratch/err"
written=$(sed -n 's/^consumer: consumed \([0-9]*\) .*/\1/p' "$scratch/err")
check_same '--pipe: what was not written is there for a second one' <(seq $((written + 1)) 100000) <(rest)
fill_queue "$scratch/three"
check_status '--pipe: the command fails: exit 1' 1 take --pipe 'cat >/dev/null; exit 3'
check_match '--pipe: the command fails: is said' '^consumer: --pipe: .*exit status 3' "$scratch/err"
fill_queue "$scratch/three"
check_status '--pipe: the command is killed: exit 1' 1 take --pipe 'cat >/dev/null; kill -9 $$'
check_match '--pipe: the command is killed: is said' '^consumer: --pipe: .*signal 9' "$scratch/err"
fill_queue "$scratch/three"
check_status '--pipe: no such command: exit 1' 1 take --pipe 'exec no-such-command'
check_match '--pipe: no such command: is said' '^consumer: --pipe: .*exit status 127' "$scratch/err"

# Nothing is acknowledged for a command that reads nothing. During the pause, a wrong acknowledgement could happen.
check_unread() { # NAME REGEX COMMAND
    fill_queue "$scratch/three"
    check_status "--pipe: $1: exit 1" 1 take --pipe "$3"
    check_match "--pipe: $1: is said" "^consumer: --pipe: the command has read nothing: $2" "$scratch/err"
    check_match "--pipe: $1: nothing is acknowledged" '^consumer: consumed 0 messages' "$scratch/err"
    check_equal "--pipe: $1: all is there for the next one" "$(seq 3)" "$(rest)"
}
check_unread 'a command that is not found in the end' 'exit status 127' 'sleep 0.2; exec no-such-command'
check_unread 'one that is set up before' 'exit status 127' 'x=$(sleep 0.2) no-such-command'
check_unread 'one that cannot be executed' 'exit status 126' 'sleep 0.2 && exec "$SCRATCH/three"'
check_unread 'one that ends without reading' 'exit status 0' 'sleep 0.2'
check_unread 'one that closes its stdin' 'it has closed its stdin' 'sleep 0.2; exec sleep 3 <&-'
fill_queue "$scratch/numbers" --capacity 16M
check_status '--pipe: more than a pipe holds, and nothing is read: exit 1' 1 take --pipe 'sleep 0.2; exit 127'
check_equal '--pipe: more than a pipe holds, and nothing is read: all is there' 100000 "$(queue_field "$queue" messages)"
fill_queue "$scratch/three"
check_status '--pipe: a command that takes its time to begin' 0 take --pipe 'sleep 0.2; cat >"$SCRATCH/late"'
check_same '--pipe: a command that takes its time to begin: has all, once' "$scratch/three" "$scratch/late"
fill_queue "$scratch/three"
rm -f "$scratch/go"
start --pipe 'until [ -e "$SCRATCH/go" ]; do sleep 0.02; done; cat >"$SCRATCH/late"'
check '--pipe: until the command reads, nothing is acknowledged' wait_until 10 is_holding 3
kill -TERM "$pid"
: >"$scratch/go"
end_status '--pipe: SIGTERM before the command reads: exit 0' 0
check_same '--pipe: SIGTERM before the command reads: it has all' "$scratch/three" "$scratch/late"
check '--pipe: SIGTERM before the command reads: nothing is left' queue_has messages 0
rm -f "$scratch/go"

# A command that a shell would not find is reported before the consumer attaches or takes anything.
mkdir "$scratch/bin"
printf '#!/bin/sh\ncat\n' >"$scratch/bin/my-cat"
cp "$scratch/bin/my-cat" "$scratch/bin/not-executable"
chmod +x "$scratch/bin/my-cat"
for sink in --pipe --exec; do
    next_queue
    for command in awkk '  awkk' 'awkk 1' 'awkk|sort' 'awkk>&2' 'awkk;cat' $'awkk\ncat' ./awkk "$scratch/bin/awkk" \
        "$scratch/awkk/cat"; do
        check_status "$sink ${command@Q}: exit 2" 2 timeout 10 "$consumer" -Q "$queue" "$sink" "$command"
        check_match "$sink ${command@Q}: is named" "^consumer: $sink: [^ ]*awkk[^ ]*: command not found" "$scratch/err"
    done
    for command in "$scratch" "$scratch/bin/not-executable"; do
        check_status "$sink, what cannot be executed: exit 2" 2 timeout 10 "$consumer" -Q "$queue" "$sink" "$command"
        check_match "$sink, what cannot be executed: is named" "^consumer: $sink: $command: cannot be executed" "$scratch/err"
    done
    check_equal "$sink: what is only in another PATH: exit 2" 2 \
        "$(take $sink my-cat >"$scratch/out" 2>&1; echo $?)"
    for command in cat 'cat;' 'command cat' 'exec cat' 'if cat; then :; fi' '{ cat; }' '(cat)' 'x=1 cat' '"cat"' \
        'my_own () { cat; }; my_own' 'my_own() { cat; }; my_own' 'c\at' '$(echo cat)' '2>/dev/null cat' my-cat \
        "$scratch/bin/my-cat" 'test 1 = 1 && cat' '# comment'$'\n''cat' $'\n cat'; do
        put -- a
        check_equal "$sink ${command@Q} is run" a "$(PATH=$scratch/bin:$PATH rest $sink "$command")"
    done
    (cd "$scratch/bin" && put -- a && rest $sink ./my-cat >"$scratch/out")
    check_equal "$sink: a path that begins here" a "$(tr -d '\n' <"$scratch/out")"
done

# ------------------------------------------------------------------ --exec

# Each run of the command writes its environment as a line.
record='echo "$SHMQ_ATTEMPT $SHMQ_REDELIVERED $SHMQ_ID" >>"$SCRATCH/runs"'
runs() { # FIELD...: of all runs, in one line
    cut -d ' ' -f "$1" "$scratch/runs" | tr '\n' ' ' | sed 's/ $//'
}
forget() {
    : >"$scratch/runs"
}

fill_queue "$scratch/three"
check_equal '--exec: a command a message' '[1][2][3]' "$(rest --exec 'printf "[%s]" "$(cat)"')"
put -- $'a\n\nb\n'
rest --exec 'cat >"$SCRATCH/out"'
check_same '--exec: nothing is added to the message' <(printf 'a\n\nb\n') "$scratch/out"
next_queue
put --whole --input "$scratch/random"
rest --exec 'cat >"$SCRATCH/out"'
check_same '--exec: a big, binary message' "$scratch/random" "$scratch/out"
put --whole --input "$scratch/random"
check_status '--exec: a command that does not read' 0 take --exec true
check_status '--exec: an empty queue' 0 take --exec 'echo never'
put -- ''
check_equal '--exec: an empty message' 0 "$(rest --exec 'wc -c')"
next_queue
forget
put -- a b
check_status '--exec: its environment' 0 take --exec 'echo "$SHMQ_QUEUE $SHMQ_ATTEMPT $SHMQ_REDELIVERED $SHMQ_LANE $SHMQ_ID"'
check_match '--exec: its environment' "^$queue 1 0 0 [^ ]+\$" "$scratch/out"
check_equal '--exec: ids are different' 2 "$(sort -u "$scratch/out" | wc -l)"
put --header 'Color:  dark red ' --header 'x-y: 1' --header 'X_Y: 2' --header 'Empty:' -- a
put -- b
export SHMQ_HEADER_COLOR=inherited SHMQ_HEADER_OTHER=inherited
check_equal '--exec: headers in its environment' '[dark red][1][][-][-][-][-][-]' \
    "$(rest --exec 'printf "[%s]" "${SHMQ_HEADER_COLOR--}" "${SHMQ_HEADER_X_Y--}" "${SHMQ_HEADER_EMPTY--}" "${SHMQ_HEADER_OTHER--}"')"
unset SHMQ_HEADER_COLOR SHMQ_HEADER_OTHER

forget
put -- a
check_status '--exec: failing three times, then success' 0 take --backoff 1ms:2ms \
    --exec "$record"'; [ "$SHMQ_ATTEMPT" = 4 ]'
check_equal '--exec: attempts are counted' '1 2 3 4' "$(runs 1)"
check_equal '--exec: the later ones are redelivered' '0 1 1 1' "$(runs 2)"
check_equal '--exec: the id stays' 1 "$(cut -d ' ' -f 3 "$scratch/runs" | sort -u | wc -l)"
check_equal '--exec: each failure is said' 3 "$(grep -c '^consumer: --exec: .*exit status 1' "$scratch/err")"
check '--exec: then it is done' queue_has messages 0

forget
put -- a b
check_status '--exec: retries used up: exit 1' 1 take --in-order --dead-letter none --retries 2 --backoff 1ms --exec "$record; exit 9"
check_equal '--exec: so many attempts' '1 2 3' "$(runs 1)"
check_match '--exec: giving up is said' '^consumer: --exec: .*failed 3 times.*exit status 9' "$scratch/err"
check '--exec: the message stays' queue_has messages 2
forget
check_equal '--exec: and can be taken later' 'ab' "$(rest --exec "$record; cat")"
check_equal '--exec: failures before are remembered' '4 1' "$(runs 1)"
check_equal '--exec: as is that it was handed out' '1 0' "$(runs 2)"

forget
put -- a
check_status '--exec: --retries 0' 1 take --dead-letter none --retries 0 --exec "$record; exit 1"
check_equal '--exec: is one attempt' '1' "$(runs 1)"
rest --discard
forget
put -- a
check_status '--exec: 65 gives up at once' 1 take --dead-letter none --exec "$record; exit 65"
check_equal '--exec: after one attempt' '1' "$(runs 1)"
check '--exec: and keeps the message' queue_has messages 1
rest --discard
forget
put -- a
check_status '--exec: 75 puts off' 0 take --retries 0 --backoff 1ms:2ms \
    --exec "$record"'; [ "$(wc -l <"$SCRATCH/runs")" -gt 5 ] || exit 75'
check_equal '--exec: without counting an attempt' '1 1 1 1 1 1' "$(runs 1)"
check_match '--exec: and says so' '^consumer: --exec: .*deferred' "$scratch/err"
put -- a
check_status '--exec: killed by a signal is a failed attempt' 1 take --dead-letter none --retries 1 --backoff 1ms --exec 'kill -9 $$'
check_match '--exec: the signal is named' '^consumer: --exec: .*failed 2 times.*signal 9' "$scratch/err"
rest --discard
put -- a
check_status '--exec: no such command' 1 take --dead-letter none --retries 0 --exec 'exec no-such-command 2>/dev/null'
check_match '--exec: no such command is said' 'exit status 127' "$scratch/err"
rest --discard
put -- a
started=$EPOCHREALTIME
take --dead-letter none -q --backoff 50ms:10s --retries 3 --exec 'exit 1' 2>/dev/null
took=$(milliseconds_since "$started")
check '--exec: the pause grows: 50, 100 and 200 ms' test "$took" -ge 350
rest --discard
put -- a
started=$EPOCHREALTIME
take --dead-letter none -q --backoff 50ms:60ms --retries 3 --exec 'exit 1' 2>/dev/null
took=$(milliseconds_since "$started")
check '--exec: up to the largest' test "$took" -ge 170 -a "$took" -lt 20000
rest --discard

command_has_ended() {
    [[ -s $scratch/command ]] && has_ended "$(cat "$scratch/command")"
}
put -- a
rm -f "$scratch/command"
check_status '--exec-timeout: exit 1' 1 take --dead-letter none --retries 0 --exec-timeout 200ms --exec 'sleep 300 & echo $! >"$SCRATCH/command"; wait'
check_match '--exec-timeout: is said' '^consumer: --exec: .*--exec-timeout' "$scratch/err"
check '--exec-timeout: ends what the command has started' wait_until 5 command_has_ended
check_status '--exec-timeout: a command that ignores SIGTERM' 1 take --dead-letter none --retries 0 --exec-timeout 200ms \
    --exec 'trap "" TERM; echo $$ >"$SCRATCH/command"; while :; do sleep 0.1; done'
check '--exec-timeout: is killed' wait_until 5 command_has_ended
check_status '--exec-timeout: not for those that are quick' 0 take --exec-timeout 60s --exec true

next_queue
forget
put -- a
rm -f "$scratch/command"
start --exec "$record"'; sleep 300 & echo $! >"$SCRATCH/command"; wait'
wait_until 10 test -s "$scratch/command"
kill_now "$pid"
check 'a killed consumer: its command ends with it' wait_until 5 command_has_ended
check_equal 'a killed consumer: its message comes again' a "$(rest --exec "$record; cat")"
check_equal 'a killed consumer: which is told' '0 1' "$(runs 2)"
check_equal 'a killed consumer: and counts as an attempt' '1 2' "$(runs 1)"
check_equal 'a killed consumer: the id is the same' 1 "$(cut -d ' ' -f 3 "$scratch/runs" | sort -u | wc -l)"

fill_queue "$scratch/three"
wait_for_go='until [ -e "$SCRATCH/go" ]; do sleep 0.02; done; cat; echo'
start --exec "echo begun >&2; $wait_for_go" >"$scratch/out"
wait_until 10 grep -q begun "$scratch/run.log"
kill -TERM "$pid"
: >"$scratch/go"
end_status 'SIGTERM during a command: exit 0' 0
check_equal 'SIGTERM during a command: which is completed' 1 "$(cat "$scratch/out")"
check_match 'SIGTERM during a command: the count' '^consumer: consumed 1 message' "$scratch/run.log"
check_equal 'SIGTERM during a command: the rest stays' $'2\n3' "$(rest)"
# timeout(1) signals its child, and then the whole group.
for signal in TERM INT; do
    for _ in {1..20}; do
        fill_queue "$scratch/three"
        rm -f "$scratch/go"
        start --exec "echo begun >&2; $wait_for_go" >"$scratch/out"
        wait_until 10 grep -q begun "$scratch/run.log"
        signal_twice $signal "$pid" && break
        kill_now "$pid"
    done
    : >"$scratch/go"
    end_status "SIG$signal twice within microseconds: is one request, exit 0" 0
    check_equal "SIG$signal twice within microseconds: the command is completed" 1 "$(cat "$scratch/out")"
done
next_queue
put -- a
rm -f "$scratch/command"
start --exec 'echo $$ >"$SCRATCH/command"; exec sleep 300'
wait_until 10 test -s "$scratch/command"
kill -INT "$pid"
kill -TERM "$pid"
end_status 'a second signal during a command: 128+n' 143
check 'a second signal during a command: ends it' wait_until 5 command_has_ended
forget
start --exec "$record; exit 1" --backoff 60s --in-order
wait_until 10 grep -q failed "$scratch/run.log"
kill -TERM "$pid"
end_status 'SIGTERM during the pause: exit 0' 0
check_equal 'SIGTERM during the pause: the message stays' a "$(rest)"
seq 40 >"$scratch/forty"
fill_queue "$scratch/forty"
for i in 1 2 3 4; do
    rest --exec 'cat >>"$SCRATCH/worker.'$i'"; echo >>"$SCRATCH/worker.'$i'"; sleep 0.01' &
done
wait_for_others "$slow"
check_same_lines 'four workers: each message once' "$scratch/forty" <(cat "$scratch"/worker.*)
check_equal 'four workers: all had some' 4 "$(find "$scratch" -name 'worker.*' | wc -l)"

# ------------------------------------------------------------------ flow

fill_queue "$scratch/thousand"
check_equal '--count is exact' "$(seq 3)" "$(rest --count 3)"
check_equal '--count keeps the rest' 997 "$(queue_field "$queue" messages)"
check_equal '--count with a prefetch that does not divide it' "$(seq 4 13)" "$(rest --count 10 --prefetch 3)"
check_equal '--count 1' 14 "$(rest --count 1 --prefetch 4096)"
check_equal '--count with --exec' "$(seq 15 17)" "$(rest --count 3 --prefetch 2 --exec 'cat; echo')"
check_equal '--count 0 is no limit' "$(seq 18 1000)" "$(rest --count 0)"
check_status '--count 0 of an ended stream' 0 take --count 0
next_queue
put -- a b c
check_short() { # NAME STATUS REGEX OPTION...: of three messages; nothing is lost, and the message names both numbers
    local name=$1 status=$2 regex=$3
    shift 3
    check_status "$name: exit $status" "$status" take "$@"
    check_match "$name: says how many of how many" "^consumer: queue '$queue': $regex" "$scratch/err"
}
check_short '--count of more than ever comes' 3 'all producers have finished; 3 of 5 messages delivered' --count 5
check_equal '--count of more than ever comes: what came is delivered' $'a\nb\nc' "$(cat "$scratch/out")"
check_short '--count of an ended stream' 3 'all producers have finished; 0 of 1 message delivered' --count 1
check_equal '--count of more than ever comes: -q hides no error' 1 "$(rest --count 5 >"$scratch/out"; take -q --count 5 2>&1 | wc -l)"
put -- a b c
check_short '--idle before --count' 4 'no message for 100 ms; 3 of 5 messages delivered' --follow --count 5 --idle 100ms
check_equal '--idle before --count: what came is delivered' $'a\nb\nc' "$(cat "$scratch/out")"
put -- a b c
check_status '--count that came, with --idle: exit 0' 0 take --follow --count 3 --idle 10s
put -- a b
check_status '--count with an --exec that gives up: exit 1' 1 take --dead-letter none --count 2 --retries 0 --exec 'exit 1'
rest --discard
put -- a b c
start --follow --count 5 >"$scratch/out"
wait_until 10 is_waiting
kill -TERM "$pid"
end_status '--count, cut short by a signal: exit 0' 0
next_queue
put -- a b c d e
started=$EPOCHREALTIME
rest --work 30ms >"$scratch/out"
took=$(milliseconds_since "$started")
check '--work takes its time' test "$took" -ge 150
check_equal '--work loses nothing' 'a b c d e ' "$(tr '\n' ' ' <"$scratch/out")"
put -- a b c d e
started=$EPOCHREALTIME
rest --work 10ms:20ms --discard
took=$(milliseconds_since "$started")
check '--work MIN:MAX takes at least MIN' test "$took" -ge 50
fill_queue "$scratch/thousand"
start --prefetch 5 --work 60s
check '--prefetch: so many are taken at a time' wait_until 10 is_holding 5
kill_now "$pid"
fill_queue "$scratch/thousand"
start --work 60s
check 'with --work, the default is one' wait_until 10 is_holding 1
kill_now "$pid"

# One message takes for ever; a hundred times the queue's capacity follows it.
next_queue
rm -f "$scratch/go" # left by an earlier test
put --capacity 64K --max-message 1K -- slow
start --exec 'cat >/dev/null; echo begun >"$SCRATCH/begun"; until [ -e "$SCRATCH/go" ]; do sleep 0.05; done' --count 1
wait_until 10 test -s "$scratch/begun"
seq 100000 >"$scratch/many"
put --input "$scratch/many" &
putting=$!
take -q --count 100000 >"$scratch/back"
check_same 'slow work does not pin the queue' "$scratch/many" "$scratch/back"
check 'slow work does not pin the queue: it is still at work' kill -0 "$pid"
wait "$putting"
check_equal 'slow work does not pin the queue: all were put' 0 $?
: >"$scratch/go"
end_status 'slow work is done in the end' 0
check 'slow work is done in the end: nothing is left' queue_has messages 0

seq 100 >"$scratch/hundred"
fill_queue "$scratch/hundred"
rest --work 5ms >"$scratch/one" &
rest --work 5ms >"$scratch/two"
wait_for_others "$slow"
check 'two share: the first gets some' test -s "$scratch/one"
check 'two share: the second gets some' test -s "$scratch/two"
check_same_lines 'two share: each message once' "$scratch/hundred" <(cat "$scratch/one" "$scratch/two")

next_queue
start >"$scratch/out"
check 'started first, it says what it waits for' wait_until 10 grep -q 'waiting for queue' "$scratch/run.log"
check 'started first, it makes no queue' no_queue
put --input "$scratch/three"
end_status 'started first, it waits for the queue' 0
check_equal 'started first, it gets all' "$(seq 3)" "$(cat "$scratch/out")"
next_queue
start -v
wait_until 10 grep -q 'waiting for queue' "$scratch/run.log"
kill -TERM "$pid"
end_status 'SIGTERM while there is no queue: exit 0' 0

fill_queue "$scratch/three"
start --follow >"$scratch/out"
wait_until 10 has_lines "$scratch/out" 3
wait_until 10 is_waiting
put -- more
check '--follow: does not end with its producers' wait_until 10 grep -qx more "$scratch/out"
kill -INT "$pid"
end_status '--follow: SIGINT ends it, with 0' 0
check_match '--follow: and the count' '^consumer: consumed 4 messages' "$scratch/run.log"

put -- a
started=$EPOCHREALTIME
check_status '--idle ends it, with 0' 0 take --follow --idle 300ms
took=$(milliseconds_since "$started")
check '--idle is waited for' test "$took" -ge 300
check_equal '--idle: all that is there is taken' a "$(cat "$scratch/out")"
next_queue
"$producer" -q -Q "$queue" --delay 60s -- a b &
writer=$!
check_status '--idle does not mind producers that live' 0 take --idle 500ms
check_equal '--idle: what they have put is taken' a "$(cat "$scratch/out")"
next_queue
check_status '--idle while there is no queue: exit 4' 4 take --idle 100ms
check_match '--idle while there is no queue: is said' "^consumer: queue '$queue': no message for 100 ms" "$scratch/err"
put --
check_status '--idle 0, and nothing is there: exit 4' 4 take --follow --idle 0
check_match '--idle 0: the time is 0 s' ': no message for 0 s \(see --idle\)' "$scratch/err"
check_status '--idle, and nothing came: exit 4' 4 take --follow --idle 100ms
check_match '--idle, and nothing came: is said' "^consumer: queue '$queue': no message for 100 ms" "$scratch/err"
"$monitor" pause -q "$queue"
put -- a b
check_status '--idle, and the queue is paused: exit 4' 4 take --idle 100ms
check_match '--idle, and the queue is paused: names the pause' \
    "^consumer: queue '$queue': no message for 100 ms, because it is paused \(see 'monitor resume $queue'\)$" "$scratch/err"
check_short '--idle before --count, paused' 4 'no message for 100 ms, because it is paused; 0 of 1 message delivered' --count 1 --idle 100ms
"$monitor" resume -q "$queue"
check_status '--idle, paused meanwhile: exit 0' 0 take --follow --idle 100ms --exec "cat; '$monitor' pause -q $queue"
check_match '--idle, paused meanwhile: names the pause' 'consumed 1 message,.* idle, because the queue is paused$' "$scratch/err"
"$monitor" resume -q "$queue"
check_equal '--idle, and the queue is paused: nothing is lost' b "$(rest)"
start --follow --idle 60s
wait_until 10 is_waiting
kill -TERM "$pid"
end_status '--idle, and a signal before anything came: exit 0' 0
put --
check_status 'a stream of nothing: exit 0' 0 take
kill_now "$writer"

next_queue
start --producers 2 >"$scratch/out"
put -- a
wait_until 10 has_lines "$scratch/out" 1
wait_until 10 is_waiting
put -- b
end_status '--producers: waits for as many' 0
check_equal '--producers: and gets what all have put' $'a\nb' "$(cat "$scratch/out")"

# ------------------------------------------------------------------ producers that die

dead_producer() { # puts "a" and dies
    next_queue
    "$producer" -q -Q "$queue" --delay 60s -- a b &
    wait_until 10 queue_has messages 1
    kill_now $!
}
dead_producer
started=$EPOCHREALTIME
check_status 'a dead producer: exit 3' 3 take --grace 300ms
took=$(milliseconds_since "$started")
check 'a dead producer: after the grace' test "$took" -ge 300
check_equal 'a dead producer: all is delivered' a "$(cat "$scratch/out")"
check_match 'a dead producer: is said' '^consumer: .*producer died.*1 message' "$scratch/err"
check_status 'a dead producer: for the next consumer, too' 3 take --grace 0
next_queue
"$producer" -q -Q "$queue" --resume --rate 500 --input "$scratch/thousand" &
writer=$!
start --grace 30s >"$scratch/out"
wait_until 10 has_lines "$scratch/out" 10
kill_now "$writer"
wait_until 10 is_waiting
put --resume --input "$scratch/thousand"
end_status 'a producer that is started again within the grace: exit 0' 0
check_same 'a producer that is started again: the whole stream' "$scratch/thousand" "$scratch/out"

# ------------------------------------------------------------------ the queue ends

fill_queue "$scratch/three"
start --follow >"$scratch/out"
wait_until 10 has_lines "$scratch/out" 3
"$monitor" shutdown -q "$queue"
end_status 'shut down while it waits: exit 3' 3
check_match 'shut down while it waits: is said' '^consumer: .*shut down.*3 messages' "$scratch/run.log"
next_queue
"$producer" -q -Q "$queue" --delay 60s -- a b &
writer=$!
wait_until 10 queue_has messages 1
"$monitor" shutdown -q "$queue"
check_short 'shut down before' 3 'was shut down; 1 of 5 messages' --count 5
check_equal 'shut down before: what was there is delivered' a "$(cat "$scratch/out")"
kill_now "$writer"
fill_queue "$scratch/three"
"$monitor" shutdown -q --now "$queue"
check_status 'shut down now: exit 3' 3 take
check_equal 'shut down now: nothing is delivered' '' "$(cat "$scratch/out")"
fill_queue "$scratch/three"
start --follow >"$scratch/out"
wait_until 10 is_waiting
"$monitor" remove -q --force "$queue"
end_status 'removed while it waits: exit 5' 5
check_match 'removed while it waits: is said' '^consumer: .*removed' "$scratch/run.log"
next_queue
head -c 100000 "$scratch/random" >"/dev/shm/shmq.$queue"
check_status 'an object that is no queue: exit 5' 5 take
check_match 'an object that is no queue: is said' "^consumer: queue '$queue': ." "$scratch/err"
fill_queue "$scratch/three" --capacity 64K --seats 1
check_difference() { # OPTION WANTED PRESENT
    check_status "another $1: exit 5" 5 take "$1" "$2"
    check_match "another $1: both are said" \
        "^consumer: queue '$queue': exists with ${1#--} $3, not $2 \\(drop $1, or remove the queue" "$scratch/err"
}
check_difference --capacity 128K 64K
check_difference --seats 2 1
check_difference --lanes 3 '[0-9]+'
check_difference --max-message 1K 16K
check_status 'the same capacity, before it is rounded up' 0 take -v --capacity 40K --count 1
check_match 'the same capacity, before it is rounded up: that is said' '^consumer: --capacity 40K: rounded up to 64K' "$scratch/err"
fill_queue "$scratch/three" --capacity 64K --seats 1
start --work 60s
wait_until 10 is_holding 1
check_status 'all seats taken: exit 1' 1 take
check_match 'all seats taken: is said' '^consumer: .*seats' "$scratch/err"
kill_now "$pid"
check_equal 'a dead one leaves its seat' "$(seq 3)" "$(rest)"

# ------------------------------------------------------------------ signals in the middle

for signal in INT TERM; do
    next_queue
    put --rate 150000 --input "$scratch/numbers" &
    wait_until 10 test -e "/dev/shm/shmq.$queue"
    start >"$scratch/one"
    wait_until 10 has_lines "$scratch/one" 20000
    kill -"$signal" "$pid"
    end_status "SIG$signal in the middle: exit 0" 0
    check_match "SIG$signal in the middle: the count is what was written" \
        "^consumer: consumed $(wc -l <"$scratch/one") messages" "$scratch/run.log"
    rest >"$scratch/two"
    cat "$scratch/one" "$scratch/two" >"$scratch/joined"
    check_same "SIG$signal in the middle: the next one goes on" "$scratch/numbers" "$scratch/joined"
    wait_for_others "$slow"
done
fill_queue "$scratch/numbers" --capacity 16M
rm -f "$scratch/one"
start --pipe 'cat >"$SCRATCH/one"' --work 1ms
wait_until 10 has_lines "$scratch/one" 10
kill -TERM "$pid"
end_status 'SIGTERM with --pipe: exit 0' 0
rest >"$scratch/two"
cat "$scratch/one" "$scratch/two" >"$scratch/joined"
check_same 'SIGTERM with --pipe: the next one goes on' "$scratch/numbers" "$scratch/joined"

# The signal arrives between the look at the flag and a sleep of two seconds or more; a consumer sleeps that long beside
# another one when nothing has happened for a while.
cat >"$scratch/late.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef int sleeper(sem_t *semaphore, clockid_t clock, const struct timespec *until);

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    static int raised;
    struct timespec now;
    sleeper *sleep = (sleeper *)dlsym(RTLD_NEXT, "sem_clockwait");
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (raised || until->tv_sec - now.tv_sec <= 2)
        return sleep(semaphore, clock, until);
    raised = 1;
    raise(SIGTERM);
    const int result = sleep(semaphore, clock, until);
    const int error = errno;
    FILE *told = fopen(getenv("LATE_TELLS"), "w");
    fputs(result == 0 ? "woken" : "slept through", told);
    fclose(told);
    errno = error;
    return result;
}
END
if [[ $build != */asan && $build != */tsan ]] && gcc -shared -fPIC -o "$scratch/late.so" "$scratch/late.c" 2>"$scratch/err"; then
    next_queue
    put -- one
    start --follow >"$scratch/watch"
    watch=$pid
    wait_until 10 has_lines "$scratch/watch" 1
    LATE_TELLS=$scratch/late LD_PRELOAD=$scratch/late.so timeout 30 "$consumer" -Q "$queue" --follow >/dev/null 2>"$scratch/err"
    check_equal 'SIGTERM just before a long sleep: exit 0' 0 $?
    check_equal 'SIGTERM just before a long sleep: it does not sleep' woken "$(cat "$scratch/late" 2>&1)"
    kill -TERM "$watch"
    wait "$watch"
else
    skip 'SIGTERM just before a long sleep' 'no shared object can be preloaded here'
fi

# A message too large for the pipe keeps the consumer from ending at the first signal.
pipe_is_full() {
    ! printf x | dd of="$scratch/fifo" oflag=nonblock conv=notrunc status=none
} 2>/dev/null
for signal in INT:130 TERM:143; do
    next_queue
    put --whole --input "$scratch/random"
    exec 6<>"$scratch/fifo"
    start >&6
    wait_until 10 is_holding 1
    wait_until 10 pipe_is_full
    kill -"${signal%:*}" "$pid"
    wait_until 10 no_signal_pending "$pid"
    sleep 0.15 # two signals in less time count as one request
    kill -"${signal%:*}" "$pid"
    end_status "a second SIG${signal%:*} stops it at once" "${signal#*:}"
    exec 6>&-
    rest --raw >"$scratch/back"
    check_same "a second SIG${signal%:*}: nothing is lost" "$scratch/random" "$scratch/back"
done
fill_queue "$scratch/three"
exec 6<>"$scratch/fifo"
dd if=/dev/zero of=/dev/fd/6 bs=4096 oflag=nonblock conv=notrunc status=none 2>/dev/null
start >&6
wait_until 10 is_holding 3
kill -TERM "$pid"
end_status 'SIGTERM while a pipe takes nothing: exit 0' 0
exec 6>&-
check_equal 'SIGTERM while a pipe takes nothing: nothing is lost' "$(seq 3)" "$(rest)"

next_queue
put -- a
start --follow >"$scratch/out"
wait_until 10 has_lines "$scratch/out" 1
kill -USR1 "$pid"
check 'SIGUSR1 prints the statistics' wait_until 10 grep -q '^consumer: consumed 1 message' "$scratch/run.log"
kill -TERM "$pid"
end_status 'SIGUSR1 does not end it' 0

# Kills at any moment: nothing is lost, and no line is broken.
kill_through() { # KILLS OPTION...
    local kills=$1 pid
    shift
    for ((; kills > 0; kills--)); do
        "$consumer" -q -Q "$queue" "$@" &
        pid=$!
        random_pause 6
        kill_now "$pid"
    done
}
next_queue
put --rate 100000 --input "$scratch/numbers" &
kill_through 8 --output "$scratch/killed"
kill_through 8 --output "$scratch/killed" &
kill_through 8 --output "$scratch/killed"
rest --output "$scratch/killed"
check_equal 'killed at any moment, --output: the last one completes it' 0 $?
wait_for_others "$slow"
check_all_there 'killed at any moment, --output: all lines, and no other' "$scratch/numbers" "$scratch/killed"
# stdout that consumers append to, and stdout that they share.
for how in '>>' '>'; do
    next_queue
    put --rate 100000 --input "$scratch/numbers" &
    rm -f "$scratch/killed"
    if [[ $how == '>>' ]]; then
        kill_through 16 >>"$scratch/killed"
        rest >>"$scratch/killed"
    else
        {
            kill_through 16
            rest
        } >"$scratch/killed"
    fi
    wait_for_others "$slow"
    check_all_there "killed at any moment, $how: all lines, and no other" "$scratch/numbers" "$scratch/killed"
done
fill_queue "$scratch/hundred"
append='line=$(cat); echo "$line" >>"$SCRATCH/done"'
kill_through 8 --prefetch 4 --exec "$append"
rest --exec "$append"
check_all_there 'killed at any moment, --exec: all are done' "$scratch/hundred" "$scratch/done"

# ------------------------------------------------------------------ usage

next_queue
for bad in '--count x' '--count -1' '--count 99999999999999999999' '--prefetch 0' '--prefetch 4097' '--prefetch x' \
    '--idle x' '--idle -1' '--idle 1:2' '--grace x' '--grace -1' '--work x' '--work 2:1' '--work 1:' '--producers 0' \
    '--producers x' '--producers 99999999999' '--delimiter ab' '--delimiter \q' '--capacity x' '--capacity 0' \
    '--max-message x' '--lanes 0' '--seats 1025' '--mode 888' '--group no-such-group' '--tick 0'; do
    # shellcheck disable=SC2086 # it is two words
    check_usage consumer take "${bad% *} " $bad
done
for bad in '--retries x' '--retries -1' '--backoff x' '--backoff 2:1' '--exec-timeout x' '--exec-timeout 0'; do
    # shellcheck disable=SC2086 # it is two words
    check_usage consumer take "${bad% *} " --exec true $bad
done
for option in --output --mirror --exec --pipe --delimiter --prefix --count --prefetch --idle --grace --work --producers --retries \
    --backoff --exec-timeout --dead-letter --queue; do
    check_usage consumer take "${option#--}" "$option"
    [[ $option == --prefix ]] || check_usage consumer take "$option" "$option" ''
done
check_usage consumer take '--bogus' --bogus
check_usage consumer take "'x'" -x
check_usage consumer take '--discard' --discard=5
check_usage consumer take '--exec and --pipe' --exec true --pipe cat
check_usage consumer take '--output and --discard' --output x --discard
check_usage consumer take '--output' --output a --output b
check_usage consumer take '-0 \(--null\) and --raw' -0 --raw
check_usage consumer take '--null and --raw' --null --raw
check_usage consumer take '--length-prefixed and -D \(--delimiter\)' --length-prefixed -D x
check_usage consumer take "queue 'a/b': not a valid name" --queue a/b
check_usage consumer take '--raw.*--exec' --exec true --raw
check_usage consumer take '--prefix.*--exec' --exec true --prefix x
check_usage consumer take '-0 \(--null\) cannot be combined with --discard' --discard -0
check_usage consumer take '--exec '"''"': is empty \(give a command\)' --exec ''
check_usage consumer take '--pipe '"''"': is empty \(give a command\)' --pipe ''
check_usage consumer take '--output '"''"': is empty \(give the name of a file\)' --output ''
check_usage consumer take '-D \(--delimiter\) '"''"': not valid \(one byte' -D ''
check_usage consumer take '--prefix.*--length-prefixed' --length-prefixed --prefix x
check_usage consumer take '--retries' --retries 3
check_usage consumer take '--backoff' --backoff 1s --pipe cat
check_usage consumer take '--exec-timeout' --exec-timeout 1s
check_usage consumer take 'file: .*option' "$scratch/file"
check_match 'and where to find help' "^Try 'consumer --help'" "$scratch/err"
check_usage consumer take 'a: ' -- a
check 'no usage error makes a queue' no_queue
for option in -h --help; do
    check_status "$option" 0 "$consumer" $option
    check_match "$option is on stdout" '^Usage: consumer' "$scratch/out"
    check_equal "$option says nothing on stderr" '' "$(cat "$scratch/err")"
done
for option in --queue --verbose --quiet --help --version --capacity --max-message --lanes --seats --mode --group --output \
    --mirror --exec --pipe --discard --delimiter --null --length-prefixed --raw --prefix --retries --backoff --exec-timeout --dead-letter --work \
    --count --prefetch --follow --idle --grace --producers --progress --progress-interval; do
    check_match "--help tells of $option" "(^|[ ,])$option( |,|\$)" "$scratch/out"
done
for option in -V --version; do
    check_status "$option" 0 "$consumer" $option
    check_match "$option is on stdout" '^consumer .*[0-9]+\.[0-9]+' "$scratch/out"
done
check '--progress on a file: whole lines at an interval' \
    wait_until 20 grep -Eq '^consumer: 1 in \(.*/s\), 1 out \(.*/s\), .* full' "$scratch/progress.log"
check '--progress on a file has no control characters' eval "! grep -q \$'[\r\033]' '$scratch/progress.log'"
kill -TERM "$slow"
wait "$slow"
"$monitor" remove -q --force "$slow_queue"
next_queue
put -- a b c
check_status 'long options, all at once' 0 take --verbose --capacity 8M --max-message 2M --lanes 64 --seats 64 --mode 600 \
    --output - --delimiter ';' --prefix '<' --work 1ms:2ms --count 2 --prefetch 2 --follow --idle 10s --grace 1s \
    --producers 1 --progress --quiet
check_equal 'long options: what goes in comes out' '<a;<b;' "$(cat "$scratch/out")"
check_status 'long options of --exec' 0 take --exec 'cat' --retries 1 --backoff 1ms:1s --exec-timeout 1m
check_equal 'long options of --exec: what goes in comes out' 'c' "$(cat "$scratch/out")"

next_queue
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
