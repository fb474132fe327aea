#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# --batch: one command for many messages; only the guilty ones of a batch that fails become dead letters.
# shellcheck disable=SC2016 # what is in single quotes is for the shells of --exec
. "$(dirname "$0")/../support/lib.sh"
export SCRATCH=$scratch

take() { # OPTION...: with short pauses between attempts
    timeout 60 "$consumer" -Q "$queue" --backoff 1ms:2ms "$@"
}

begin() {
    new_queue
    dead=$queue.dead
    rm -f "$scratch"/*.flag
    : >"$scratch/done"
    : >"$scratch/runs"
    : >"$scratch/run.log"
}

# Starts a consumer in the background; sets pid.
start() { # OPTION...
    "$consumer" -Q "$queue" --backoff 1ms:2ms "$@" >"$scratch/run.out" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

# Each execution adds a line for each of its messages: the message, the number of the batch's messages, the attempt.
run='messages=$(cat); echo "$messages" | sed "s/\$/ $SHMQ_BATCH $SHMQ_ATTEMPT/" >>"$SCRATCH/runs"'
finish='echo "$messages" >>"$SCRATCH/done"'

# The sizes of the batches that were run, in order.
sizes() {
    awk 'n == 0 { n = $2; print n } { n-- }' "$scratch/runs" | tr '\n' ' '
}

check_executions() { # NAME MOST: no message was executed more often
    check_equal "$1: no more executions than allowed" '' \
        "$(cut -d' ' -f1 "$scratch/runs" | sort | uniq -c | awk -v most="$2" '$1 > most')"
}

# ------------------------------------------------------------------ what a batch is

begin
seq 20 | put
check_status 'what is there: exit 0' 0 take --batch 6 --exec "$run; $finish"
check_equal 'what is there: is cut into batches' '6 6 6 2 ' "$(sizes)"
check_same 'what is there: in order' <(seq 20) "$scratch/done"
check_equal 'what is there: the attempt' 1 "$(cut -d' ' -f3 "$scratch/runs" | sort -u)"

begin
put --header 'Color: red' -- a b
put -- c
timeout 30 "$consumer" -q -Q "$queue" --batch 10 --exec 'echo "$SHMQ_ID $SHMQ_BATCH $SHMQ_REDELIVERED $SHMQ_HEADER_COLOR"; cat' >"$scratch/out"
check_match 'the environment is that of the first' '^[0-9a-f]+-0-[0-9]+ 3 0 red$' "$scratch/out"
put -- a
SHMQ_BATCH=7 take -q --exec 'echo "x$SHMQ_BATCH"' >"$scratch/out"
check_equal 'without --batch there is no SHMQ_BATCH' x "$(cat "$scratch/out")"

check_framing() { # NAME FORMAT OPTION...: what a batch of 'a' and 'b c' looks like
    local name=$1 format=$2
    begin
    put -- a 'b c' ''
    shift 2
    # shellcheck disable=SC2059 # it is a format
    printf "$format" >"$scratch/expected"
    take -q --batch 3 --exec 'cat >"$SCRATCH/out"' "$@"
    check_same "framing: $name" "$scratch/expected" "$scratch/out"
}
check_framing 'lines' 'a\nb c\n\n'
check_framing '-0' 'a\0b c\0\0' -0
check_framing '-D' 'a;b c;;' -D ';'
check_framing '--length-prefixed' '\0\0\0\1a\0\0\0\3b c\0\0\0\0' --length-prefixed
check_framing '--raw' 'ab c' --raw
check_framing '--prefix' '> a\n> b c\n> \n' --prefix '> '

begin
put -- a 'b c' d
take -q --batch 2 --batch-ids --exec 'echo "$SHMQ_ID"; cat' >"$scratch/out"
check_equal '--batch-ids: before each message' "$(sed -n 1p "$scratch/out")"$'\ta' "$(sed -n 2p "$scratch/out")"
check_equal '--batch-ids: a batch of one, too' "$(sed -n 4p "$scratch/out")"$'\td' "$(sed -n 5p "$scratch/out")"
check_equal '--batch-ids: they differ' 3 "$(sed '1d;4d' "$scratch/out" | cut -f1 | sort -u | wc -l)"
begin
put -- a
take -q --batch 2 --batch-ids --length-prefixed --exec 'echo "$SHMQ_ID"; cat' >"$scratch/out"
id=$(head -n 1 "$scratch/out")
check_equal '--batch-ids: within the frame' "$((${#id} + 2))" "$(tail -n +2 "$scratch/out" | head -c 4 | od -An -tu1 | awk '{ print $4 }')"

# More than a pipe holds, in messages long and short.
begin
awk 'BEGIN { srand(1); for (i = 0; i < 3000; i++) { n = i % 50 == 0 ? 20000 : rand() * 200; s = i; while (length(s) < n) s = s " " s; print s } }' >"$scratch/lines"
put --input "$scratch/lines"
check_status 'large: exit 0' 0 take -q --batch 4096 --exec 'cat >>"$SCRATCH/done"'
check_same 'large: comes whole' "$scratch/lines" "$scratch/done"
begin
put --input "$scratch/lines"
check_status 'a command that reads nothing: exit 0' 0 take -q --batch 4096 -- true
check 'a command that reads nothing: all is done' queue_has messages 0 "$queue"
begin
put -- a b
check_equal 'stdin is whole before the command starts' 4 "$(take -q --batch 2 --exec 'wc -c </dev/stdin')"
begin
put -- a b
check_equal 'without standard descriptors' 'a b ' \
    "$(take -q --batch 2 --exec 'tr "\n" " " >"$SCRATCH/out"' <&- >&- 2>&-; cat "$scratch/out")"

# ------------------------------------------------------------------ waiting for a batch

# Not before there are five: if it did not wait, the first three would be a batch.
begin
put --capacity 64K -- 1
start -q --follow --batch 5:10m --exec "$run; $finish"
check 'WAIT: the consumer is there' wait_until 20 queue_has consumers 1
put -- 2 3
put -- 4 5
check 'WAIT: five messages are a batch' wait_until 20 got_lines "$scratch/done" 5
check_equal 'WAIT: one batch' '5 ' "$(sizes)"
put -- 6 7
check 'WAIT: the next gathers' wait_until 20 queue_has messages 2
switches() {
    sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$pid/status"
}
before=$(switches)
read -rt 1 _ < <(sleep 2)
check_equal 'WAIT: looks rarely' few "$( (($(switches) - before < 150)) && echo few || echo "$(($(switches) - before)) times a second")"
began=$EPOCHREALTIME
kill -TERM "$pid"
end_status 'WAIT: SIGTERM ends it: exit 0' 0
check_equal 'WAIT: SIGTERM ends it at once' yes "$( (($(milliseconds_since "$began") < 2000)) && echo yes)"
check_equal 'WAIT: what has gathered was never taken' '2 0' \
    "$(take -q --batch 5:10m --exec 'cat >/dev/null; echo "$SHMQ_BATCH $SHMQ_REDELIVERED"')"

begin
start -q --follow --batch 100:200ms --exec "$run; $finish"
began=$EPOCHREALTIME
put -- 1 2 3
check 'WAIT passes: what is there is a batch' wait_until 20 got_lines "$scratch/done" 3
check_equal 'WAIT passes: not before' yes "$( (($(milliseconds_since "$began") >= 200)) && echo yes)"
kill "$pid"
end_status 'WAIT passes: exit 0' 0

begin
put -- 1 2 3
start -q --batch 100:10m --exec "$run; $finish"
end_status 'WAIT: ends when no more can come' 0
check_equal 'WAIT: ends when no more can come: a batch' '3 ' "$(sizes)"

begin
put -- 1 2 3
start -q --follow --batch 100:10m --exec "$run; $finish"
check 'WAIT: the consumer is there' wait_until 20 queue_has consumers 1
"$monitor" shutdown -q -- "$queue" 2>/dev/null
end_status 'WAIT: ends when the queue is shut down' 3
check_equal 'WAIT: ends when the queue is shut down: a batch' '3 ' "$(sizes)"

begin
put -- 1 2 3
start -q --follow --batch 5:10m --exec "$run; $finish"
check 'killed in WAIT: it is there' wait_until 20 queue_has consumers 1
kill_now "$pid"
check_equal 'killed in WAIT: nothing was taken' '3 0 1' \
    "$(take -q --batch 5 --exec 'cat >/dev/null; echo "$SHMQ_BATCH $SHMQ_REDELIVERED $SHMQ_ATTEMPT"')"

# A slow producer does not hold up a fast one.
begin
mkfifo "$scratch/fifo"
exec 6<>"$scratch/fifo"
"$producer" -q -Q "$queue" <"$scratch/fifo" &
slow=$!
echo slow >&6
check 'a full lane: the slow one is there' wait_until 20 queue_has messages 1
start -q --batch 10:10m --exec "$run; $finish"
seq 10 | put
check 'a full lane ends the wait for another' wait_until 20 got_lines "$scratch/done" 11
exec 6>&-
kill "$slow"
wait "$slow"
end_status 'a full lane: exit 0' 0

# ------------------------------------------------------------------ batches that fail

# Any that have 3 or 13 in them fail.
guilty="$run"'; ! echo "$messages" | grep -qx -e 3 -e 13 || exit 9;'" $finish"
begin
seq 20 | put
check_status 'two guilty ones: exit 6' 6 take --batch 7 --retries 2 --exec "$guilty"
check_same_lines 'two guilty ones: all others are done' <(seq 20 | grep -vx -e 3 -e 13) "$scratch/done"
check_executions 'two guilty ones' 3
check_equal 'two guilty ones: 6 messages once, 12 twice, 2 three times' '6 1, 12 2, 2 3, ' \
    "$(cut -d' ' -f1 "$scratch/runs" | sort | uniq -c | awk '{ n[$1]++ } END { for (i = 1; i < 9; i++) if (n[i]) printf "%d %d, ", n[i], i }')"
check_equal 'two guilty ones: alone, each begins with one attempt counted' 2 "$(awk '$2 == 1 && !seen[$1]++ { print $3 }' "$scratch/runs" | sort -u)"
check_match 'two guilty ones: is said' 'batch of 7 messages from [0-9a-f]+-0-[0-9]+ on: failed: exit status 9 .now one by one' "$scratch/err"
letters_with SHMQ_ATTEMPTS SHMQ_REASON >"$scratch/letters"
check_same_lines 'two guilty ones: their history' <(printf '%s 3 exit status 9\n' 3 13) "$scratch/letters"

begin
seq 6 | put
check_status '--retries 0: exit 6' 6 take -q --batch 3 --retries 0 --exec "$guilty"
check_equal '--retries 0: the batch is given up' '1 2 3 ' "$(letters | sort | tr '\n' ' ')"
check_executions '--retries 0' 1
check_same_lines '--retries 0: the others are done' <(seq 4 6) "$scratch/done"

begin
seq 6 | put
check_status '75: exit 0' 0 take --batch 3 --retries 0 --exec "$run"'; [ -e "$SCRATCH/later.flag" ] || { touch "$SCRATCH/later.flag"; exit 75; };'" $finish"
check_equal '75: as a batch again' '3 3 3 ' "$(sizes)"
check_equal '75: not counted' 1 "$(cut -d' ' -f3 "$scratch/runs" | sort -u)"
check_match '75: is said' 'batch of 3 messages .*: deferred: exit status 75' "$scratch/err"

begin
seq 6 | put
check_status '65: exit 6' 6 take -q --batch 6 --exec "$run"'; ! echo "$messages" | grep -qx 4 || exit 65;'" $finish"
check_equal '65: only the guilty' 4 "$(letters)"
check_equal '65: tried alone once' 2 "$(grep -c '^4 ' "$scratch/runs")"
check_same_lines '65: the others are done' <(seq 6 | grep -vx 4) "$scratch/done"

begin
seq 4 | put
check_status 'the timeout: exit 0' 0 take --batch 4 --exec-timeout 300ms --exec "$run"'; [ $SHMQ_BATCH = 1 ] || sleep 60;'" $finish"
check_same 'the timeout: one by one' <(seq 4) "$scratch/done"
check_match 'the timeout: is said' 'batch of 4 messages .*: failed: ended by --exec-timeout' "$scratch/err"

# The last message of a batch, tried alone, waits aside: the next batch goes on meanwhile.
begin
seq 8 | put
check_status 'put aside: exit 0' 0 take -q --batch 4 --exec "$run"'; ! echo "$messages" | grep -qx 4 || grep -qx 8 "$SCRATCH/done" || exit $([ $SHMQ_BATCH = 1 ] && echo 75 || echo 9);'" $finish"
check_same_lines 'put aside: all are done' <(seq 8) "$scratch/done"
check_equal 'put aside: the last is the last' 4 "$(tail -n 1 "$scratch/done")"

begin
seq 4 | put
check_status 'no dead letters: exit 1' 1 take --batch 4 --retries 1 --dead-letter none --exec "$run"'; ! echo "$messages" | grep -qx 2 || exit 9;'" $finish"
check_same 'no dead letters: those before it are done' <(echo 1) "$scratch/done"
check 'no dead letters: the others stay' queue_has messages 3 "$queue"
check_executions 'no dead letters' 2

# ------------------------------------------------------------------ ends in between

# SIGTERM in the second message alone: the rest goes back, and is still tried one by one.
begin
seq 4 | put
start -q --batch 4 --exec "$run"'; [ $SHMQ_BATCH = 1 ] || exit 9; if [ "$messages" = 2 ]; then touch "$SCRATCH/second.flag"; until [ -e "$SCRATCH/go.flag" ]; do sleep 0.02; done; fi;'" $finish"
check 'SIGTERM, one by one: the second runs' wait_until 20 test -e "$scratch/second.flag"
kill -TERM "$pid"
touch "$scratch/go.flag"
end_status 'SIGTERM, one by one: exit 0' 0
check_same 'SIGTERM, one by one: the command in hand is finished' <(seq 2) "$scratch/done"
check_status 'SIGTERM, one by one: the next: exit 0' 0 take -q --batch 4 --exec "$run; $finish"
check_same 'SIGTERM, one by one: the next: is not a batch again' <(printf '%s 1 2\n' 3 4) <(tail -n 2 "$scratch/runs")

# SIGTERM in the pause before a batch is tried again: the next gets the same batch.
begin
seq 4 | put
"$consumer" -Q "$queue" --backoff 60s --batch 4 --exec "$run; exit 75" 2>"$scratch/run.log" &
pid=$!
check 'SIGTERM, deferred: is said' wait_until 20 has_match 'deferred' "$scratch/run.log"
kill -TERM "$pid"
end_status 'SIGTERM, deferred: exit 0' 0
take -q --batch 4 --exec "$run; $finish"
check_equal 'SIGTERM, deferred: a batch again, not counted' '4 4 1' "$(sizes)$(tail -n 1 "$scratch/runs" | cut -d' ' -f3)"

begin
seq 10 | put
check_status '--count: exit 0' 0 take -q --batch 4 --count 6 --exec "$run; $finish"
check_equal '--count: the last batch is cut' '4 2 ' "$(sizes)"
check 'the rest stays' queue_has messages 4 "$queue"
check_status '--count: the rest: exit 0' 0 take -q --batch 4 --exec "$run; $finish"
check_equal '--count: the rest was not tried' 1 "$(cut -d' ' -f3 "$scratch/runs" | sort -u)"

# Starts consumers one after the other until one ends by itself; sets status.
consume_through_kills() { # OPTION...
    local i
    for ((i = 0; i < 50; i++)); do
        take -q "$@" 2>>"$scratch/run.log"
        status=$?
        ((status == 137)) || return
    done
} 2>/dev/null

begin
seq 20 | put
consume_through_kills --batch 8 --retries 3 --exec "$run"'; ! echo "$messages" | grep -qx 5 || { kill -9 $PPID; sleep 60; };'" $finish"
check_equal 'a message that kills its consumer: exit 6' 6 "$status"
check_equal 'a message that kills its consumer: runs' 4 "$(grep -c '^5 ' "$scratch/runs")"
check_executions 'a message that kills its consumer' 4
check_same_lines 'a message that kills its consumer: all others are done' <(seq 20 | grep -vx 5) <(sort -u "$scratch/done")
check_equal 'a message that kills its consumer: it alone is a dead letter' 5 "$(letters)"

# The consumer that --count ends leaves a batch that was tried; nobody runs it as a batch again.
begin
seq 8 | put
take -q --batch 8 --exec "$run; kill -9 \$PPID; sleep 60" 2>/dev/null
take -q --batch 8 --count 3 --exec "$run; $finish"
check_status '--count after a death: the rest: exit 0' 0 take -q --batch 8 --exec "$run; $finish"
check_equal '--count after a death: one by one to the end' '8 1 1 1 1 1 1 1 1 ' "$(sizes)"
check_equal '--count after a death: all with the attempt counted' 2 "$(sed 1,8d "$scratch/runs" | cut -d' ' -f3 | sort -u)"

# A batch that another leased larger is handed out in parts; all of it was tried.
begin
seq 8 | put
take -q --batch 8 --exec "$run; kill -9 \$PPID; sleep 60" 2>/dev/null
check_status 'a smaller N after a death: exit 0' 0 take -q --batch 3 --exec "$run; $finish"
check_equal 'a smaller N after a death: one by one to the end' '8 1 1 1 1 1 1 1 1 ' "$(sizes)"
check_equal 'a smaller N after a death: all with the attempt counted' 2 "$(sed 1,8d "$scratch/runs" | cut -d' ' -f3 | sort -u)"

# ------------------------------------------------------------------ --batch-whole

begin
seq 9 | put
check_status '--batch-whole: exit 6' 6 take --batch 3 --batch-whole --retries 2 --exec "$run"'; ! echo "$messages" | grep -qx 5 || exit 9;'" $finish"
check_equal '--batch-whole: is retried as it is' '3 3 3 3 3 ' "$(sizes)"
letters_with SHMQ_ATTEMPTS SHMQ_REASON >"$scratch/letters"
check_same_lines '--batch-whole: all of it is given up, with the attempts of the batch' \
    <(printf '%s 3 exit status 9\n' 4 5 6) "$scratch/letters"
check_match '--batch-whole: is said once' 'batch of 3 messages from .* failed 3 times: exit status 9 .moved' "$scratch/err"
check_equal '--batch-whole: is said once' 1 "$(grep -c 'failed 3 times' "$scratch/err")"

begin
seq 4 | put
check_status '--batch-whole, 65: exit 6' 6 take -q --batch 4 --batch-whole --exec "$run; exit 65"
check_equal '--batch-whole, 65: runs once' '4 ' "$(sizes)"
check_equal '--batch-whole, 65: all are given up' '1 2 3 4 ' "$(letters | sort | tr '\n' ' ')"

begin
seq 12 | put
check_status '--batch-whole, --rate: exit 0' 0 take -q --batch 6 --batch-whole --rate 50 --exec "$run"
check_equal '--batch-whole, --rate: nothing cuts the batches' '6 6 ' "$(sizes)"

begin
seq 12 | put
check_status '--batch-whole, --count: exit 0' 0 take -q --batch 6 --batch-whole --count 2 --exec "$run"
check_equal '--batch-whole, --count: ends after a whole batch' '6 ' "$(sizes)"

begin
seq 12 | put
consume_through_kills --batch 6 --batch-whole --retries 2 --exec "$run"'; ! echo "$messages" | grep -qx 5 || { kill -9 $PPID; sleep 60; };'" $finish"
check_equal '--batch-whole, killed: exit 6' 6 "$status"
check_equal '--batch-whole, killed: the same set again' '6 6 6 6 ' "$(sizes)"
check_executions '--batch-whole, killed' 3
check_equal '--batch-whole, killed: all of it is given up' '1 2 3 4 5 6 ' "$(letters | sort | tr '\n' ' ')"
check_same '--batch-whole, killed: the others are done' <(seq 7 12) "$scratch/done"

# Killed among the moves, while the dead-letter queue is full: the rest is given up as well, and not run again.
begin
seq 20 | put --capacity 8K --max-message 256
timeout 30 "$producer" -q -Q "$dead" --capacity 4K --max-message 2K -- first
start --batch 20 --batch-whole --retries 1 --exec "$run; exit 9"
check '--batch-whole, killed among the moves: it waits for room' wait_until 20 has_match 'waiting for room in dead-letter' "$scratch/run.log"
kill_now "$pid"
check '--batch-whole, killed among the moves: some are moved' eval '(($(queue_field "$queue" messages) < 20))'
"$consumer" -q -Q "$dead" --follow >"$scratch/letters" &
reader=$!
check_status '--batch-whole, killed among the moves: the next: exit 6' 6 take -q --batch 20 --batch-whole --retries 1 --exec "$run; $finish"
check '--batch-whole, killed among the moves: all are dead letters' wait_until 20 got_lines "$scratch/letters" 21
kill "$reader"
wait "$reader"
check_same_lines '--batch-whole, killed among the moves: once' <(echo first; seq 20) "$scratch/letters"
check_equal '--batch-whole, killed among the moves: nothing is run again' '20 20 ' "$(sizes)"

begin
seq 10 | put
check_status '--batch-whole, --count: exit 0' 0 take -q --batch 4 --batch-whole --count 6 --exec "$run; $finish"
check_equal '--batch-whole, --count: the last batch is whole' '4 4 ' "$(sizes)"
next_queue

# ------------------------------------------------------------------ killed at random

# Consumers come again until all is drained; others kill them. Statuses that are none of theirs go to a file.
keep_consuming() { # NUMBER OPTION...
    local number=$1
    shift
    until [[ -e $scratch/drained ]]; do
        "$consumer" -q -Q "$queue" "$@" </dev/null >/dev/null 2>>"$scratch/storm.err" &
        echo $! >"$scratch/storm.$number"
        wait $!
        case $? in 0 | 6 | 137) ;; *) echo "$?" >>"$scratch/statuses" ;; esac
        queue_has messages 0 "$queue" && touch "$scratch/drained"
    done
} 2>/dev/null

# The consumer's command, by its name, or the consumer.
victim() { # PID NAME
    local child children
    if ((RANDOM % 2)); then
        mapfile -t children < <(cat "/proc/$1"/task/*/children | tr ' ' '\n' | grep .)
        for child in "${children[@]}"; do
            [[ $(cat "/proc/$child/comm") == "$2" ]] && echo "$child" && return
        done
    fi
    echo "$1"
} 2>/dev/null

storm() { # NAME COMMAND SECONDS OPTION...: of three consumers; COMMAND is what the victim may be called
    local name=$1 command=$2 deadline=$((SECONDS + $3)) kills=0 keepers=() i
    shift 3
    rm -f "$scratch/drained" "$scratch/statuses"
    : >"$scratch/storm.err"
    for i in 1 2 3; do
        keep_consuming "$i" "$@" &
        keepers+=($!)
    done
    until [[ -e $scratch/drained ]] || ((SECONDS > deadline)); do
        random_pause 9
        kill -9 "$(victim "$(cat "$scratch/storm.$((RANDOM % 3 + 1))")" "$command")" 2>/dev/null && kills=$((kills + 1))
    done
    check "$name: all is drained" wait_until 100 test -e "$scratch/drained"
    wait "${keepers[@]}"
    echo "# $kills kills"
    check "$name: no consumer fails" test ! -e "$scratch/statuses"
} 2>/dev/null

begin
seq 2000 | put
storm 'killed at random' sh 40 --batch 20 --retries 6 --backoff 0:1ms \
    --exec "$run"'; ! echo "$messages" | grep -q 7$ || exit 9;'" $finish"
check_executions 'killed at random' 7
letters | sort >"$scratch/letters"
check_equal 'killed at random: no dead letter is there twice' '' "$(uniq -d "$scratch/letters")"
check_equal 'killed at random: each bad one is one' '' "$(seq 2000 | grep 7$ | sort | comm -23 - "$scratch/letters")"
check_equal 'killed at random: each other is done, or was killed too often' '' \
    "$(seq 2000 | grep -v 7$ | sort | comm -23 - <(sort -u "$scratch/done" "$scratch/letters"))"

begin
seq 2000 | put
storm '--jobs, killed at random' sh 40 --jobs 2 --batch 20 --retries 6 --backoff 0:1ms \
    --exec "$run"'; ! echo "$messages" | grep -q 77$ || exit 9;'" $finish"
check_executions '--jobs, killed at random' 7
letters | sort >"$scratch/letters"
check_equal '--jobs, killed at random: no dead letter is there twice' '' "$(uniq -d "$scratch/letters")"
check_equal '--jobs, killed at random: each bad one is one' '' "$(seq 2000 | grep 77$ | sort | comm -23 - "$scratch/letters")"
check_equal '--jobs, killed at random: each other is done, or was killed too often' '' \
    "$(seq 2000 | grep -v 77$ | sort | comm -23 - <(sort -u "$scratch/done" "$scratch/letters"))"

begin
seq 2000 | put
storm '--batch-whole, killed at random' sh 40 --batch 20 --batch-whole --retries 3 --backoff 0:1ms \
    --exec "$run"'; ! echo "$messages" | grep -q "[13579]..$" || exit 9;'" $finish"
check_executions '--batch-whole, killed at random' 4
letters | sort >"$scratch/letters"
check_equal '--batch-whole, killed at random: no dead letter is there twice' '' "$(uniq -d "$scratch/letters")"
check_equal '--batch-whole, killed at random: each is done or a dead letter' '' \
    "$(seq 2000 | sort | comm -23 - <(sort -u "$scratch/done" "$scratch/letters"))"
check_equal '--batch-whole, killed at random: a message is always in the same batch' '' \
    "$(awk 'n == 0 { n = $2; first = $1 } { n--; print $1, first, $2 }' "$scratch/runs" | sort -u | cut -d' ' -f1 | uniq -d | head)"

# ------------------------------------------------------------------ rows into a database

# Sets words to the options of README's consumer whose command is PROGRAM; with files and addresses of ours, and less
# at once, so that more is killed.
words=()
readme_words() { # PROGRAM BATCH SED-EXPRESSION...
    local program=$1 batch=$2 text
    shift 2
    text=$(sed -n '/build\/consumer .*--batch/,/[^\\]$/p' "$top/README.md" | awk -v program="-- $program " '
        { text = text $0 "\n" } !/\\$/ { if (index(text, program)) printf "%s", text; text = "" }' |
        sed -e 's/^ *build\/consumer -Q [a-z]* //' -e "s/--batch [^ ]*/--batch $batch/" "$@")
    eval "words=($text)"
}

if command -v sqlite3 >/dev/null; then
    begin
    sqlite3 "$scratch/rows.db" 'CREATE TABLE rows(id TEXT PRIMARY KEY, body TEXT)'
    seq 10000 | awk '{ print "row \"" $1 % 1500 }' | put # each several times: only the ids differ
    readme_words sqlite3 20:50ms -e "s|/tmp/shmq-demo|$scratch|"
    storm 'sqlite3' sqlite3 40 --retries 20 --backoff 0:1ms "${words[@]}"
    check 'sqlite3: no dead letters' test ! -e "/dev/shm/shmq.$dead"
    check_same 'sqlite3: no row is lost or doubled' <(seq 10000 | awk '{ print "row \"" $1 % 1500 }' | sort) \
        <(sqlite3 "$scratch/rows.db" 'SELECT body FROM rows' | sort)
else
    skip 'rows into a database' 'sqlite3 is missing'
fi

# ------------------------------------------------------------------ lines to an HTTP server

# It answers a POST when it has noted each line under its id, once. Every third answer is lost after that.
server='
use strict; use IO::Socket::INET;
my $server = IO::Socket::INET->new(Listen => 50, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die;
open(my $port, ">", "$ARGV[0].tmp") or die; print $port $server->sockport, "\n"; close($port); rename("$ARGV[0].tmp", $ARGV[0]);
open(my $log, ">", $ARGV[1]) or die; $log->autoflush(1);
my (%seen, $posts); $SIG{PIPE} = "IGNORE";
while (my $client = $server->accept) {
    my ($length, $got, $body) = (0, 0, "");
    while (defined(my $line = <$client>)) { $length = $1 if $line =~ /^content-length: *(\d+)/i; last if $line =~ /^\r?\n$/; }
    $got = read($client, $body, $length) if $length;
    next if $got != $length; # a client that died
    for my $line (split /\n/, $body) { my ($id, $text) = split /\t/, $line, 2; print $log "$text\n" unless $seen{$id}++; }
    print $client "HTTP/1.1 ", ++$posts % 3 ? "200 OK" : "503 Later", "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}'

if command -v curl >/dev/null && perl -MIO::Socket::INET -e 1 2>/dev/null; then
    begin
    perl -e "$server" "$scratch/port" "$scratch/posted" &
    server_pid=$!
    check 'curl: a server' wait_until 20 test -e "$scratch/port"
    seq 3000 | awk '{ print "line " $1 % 1500 }' | put
    readme_words curl 50:50ms -e "s|localhost:[0-9]*|127.0.0.1:$(cat "$scratch/port")|"
    storm 'curl' curl 40 --retries 50 --backoff 0:1ms "${words[@]}"
    check 'curl: no dead letters' test ! -e "/dev/shm/shmq.$dead"
    check_same_lines 'curl: no line is lost or doubled' <(seq 3000 | awk '{ print "line " $1 % 1500 }') "$scratch/posted"
    kill "$server_pid"
    wait "$server_pid" 2>/dev/null
else
    skip 'lines to an HTTP server' 'curl or perl is missing'
fi

# ------------------------------------------------------------------ under a supervisor

begin
seq 100 >"$scratch/hundred"
check_status 'run.sh: exit 0' 0 timeout 60 "$run_sh" -q -Q "$queue" -c 2 -0 --batch 10 --input <(tr '\n' '\0' <"$scratch/hundred") \
    --exec 'tr "\0" "\n" >>"$SCRATCH/done"'
check_same_lines 'run.sh: passes on framing and --batch' "$scratch/hundred" "$scratch/done"
begin
check_status 'run.sh: --batch-whole: exit 6' 6 timeout 60 "$run_sh" -q -Q "$queue" --batch 4 --batch-whole --retries 1 --backoff 1ms \
    --input "$scratch/hundred" --exec "$run"'; ! echo "$messages" | grep -qx 50 || exit 9;'" $finish"
check_executions 'run.sh: --batch-whole' 2
check_same_lines 'run.sh: --batch-whole: all are done or dead letters' "$scratch/hundred" <(cat "$scratch/done"; letters)

# ------------------------------------------------------------------ arguments that make no sense

bare() { # OPTION...
    timeout 10 "$consumer" "$@"
}
check_usage consumer bare '--batch 0: .*N or N:WAIT' -Q x --batch 0 -- true
check_usage consumer bare '--batch.*4097' -Q x --batch 4097 -- true
check_usage consumer bare '--batch.*5:' -Q x --batch 5: -- true
check_usage consumer bare '--batch.*:1s' -Q x --batch :1s -- true
check_usage consumer bare '--batch.*1:x' -Q x --batch 1:x -- true
check_usage consumer bare '--batch needs --exec or -- PROGRAM' -Q x --batch 5 --discard
check_usage consumer bare '--batch-whole needs --batch' -Q x --batch-whole -- true
check_usage consumer bare '--batch-ids needs --batch' -Q x --batch-ids -- true
check_usage consumer bare '\{\} cannot be combined with --batch' -Q x --batch 5 -- echo 'a{}b'
check_usage consumer bare '--prefetch cannot be combined with --batch' -Q x --batch 5 --prefetch 5 -- true
check_usage consumer bare '--work cannot be combined with --batch' -Q x --batch 5 --work 1s -- true
check_usage consumer bare '-0 .--null. cannot be combined with --exec' -Q x -0 --exec true

echo "$passed passed, $failed failed"
((failed == 0))
