#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# --pipe COMMAND --pipe-ack: one long-lived command that answers each message.
# shellcheck disable=SC2016 # what is in single quotes is for the commands of --pipe
. "$(dirname "$0")/../support/lib.sh"
export SCRATCH=$scratch

# A queue of its own for each test, and files for what its commands do.
begin() {
    new_queue
    dead=$queue.dead
    : >"$scratch/done"
    : >"$scratch/runs"
    rm -f "$scratch/pid"
}

# A command that does $2 with each $message, then answers ok. $1 is done before, by each command.
worker() { # BEFORE EACH
    printf 'echo $$ >>"$SCRATCH/pid"; %s\nwhile IFS= read -r message; do echo "$message" >>"$SCRATCH/runs"\n%s\necho "$message" >>"$SCRATCH/done"; echo ok; done' "$1" "$2"
}

deliver() { # COMMAND OPTION...: with short pauses between attempts
    local command=$1
    shift
    timeout 60 "$consumer" -Q "$queue" --pipe "$command" --pipe-ack --backoff 1ms:2ms "$@"
}

# Starts a consumer in the background; sets pid.
start() { # COMMAND OPTION...
    local command=$1
    shift
    "$consumer" -Q "$queue" --pipe "$command" --pipe-ack --backoff 1ms:2ms "$@" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

executions() { # MESSAGE: how often it was given to a command
    grep -cxF -- "$1" "$scratch/runs"
}

# ------------------------------------------------------------------ answers

begin
seq 1000 >"$scratch/in"
put --input "$scratch/in"
check_status 'ok: exit 0' 0 deliver "$(worker '' '')"
check_same 'ok: each message once, in order' "$scratch/in" "$scratch/done"
check_equal 'ok: by one command' 1 "$(wc -l <"$scratch/pid")"
check 'ok: the queue is empty' queue_has messages 0
check_match 'ok: they are counted' 'consumed 1000 messages' "$scratch/err"
check_equal 'ok: stdout of the consumer is not touched' '' "$(cat "$scratch/out")"

begin
put -- a b c
check_status 'retry: exit 0' 0 deliver "$(worker '' '[ $message = b ] && [ $(grep -cx b "$SCRATCH/runs") -lt 3 ] && { echo retry not yet; continue; }')"
check_equal 'retry: it is given again, the others are not' $'a\nb\nc\nb\nb' "$(cat "$scratch/runs")"
check_match 'retry: the reason is said' '^consumer: --pipe-ack: message [^ ]+-0-[0-9]+: failed: not yet$' "$scratch/err"
check 'retry: the queue is empty' queue_has messages 0

begin
put -- a b c
check_status 'retry for ever: exit 6' 6 deliver "$(worker '' '[ $message = b ] && { echo retry; continue; }')" --retries 2
check_equal 'retry for ever: retries + 1 times' 3 "$(executions b)"
check_equal 'retry for ever: the others are done' $'a\nc' "$(cat "$scratch/done")"
check_equal 'retry for ever: a dead letter' 'b 3 it was answered with retry' "$(letters_with SHMQ_ATTEMPTS SHMQ_REASON)"

begin
put -- a b c d
check_status 'dead: exit 6' 6 deliver "$(worker '' 'case $message in b) echo dead no such row; continue;; d) printf "dead\r\n"; continue;; esac')"
check_equal 'dead: at once' 1 "$(executions b)"
check_equal 'dead: the others are done' $'a\nc' "$(cat "$scratch/done")"
check_equal 'dead: dead letters with the reason' $'b 1 no such row\nd 1 it was answered with dead' "$(letters_with SHMQ_ATTEMPTS SHMQ_REASON)"

begin
put -- a b
check_status 'dead, --dead-letter none: exit 1' 1 deliver "$(worker '' '[ $message = a ] && { echo dead bad; continue; }')" --dead-letter none
check_match 'dead, --dead-letter none: is said' 'failed 1 time: bad \(it stays in the queue' "$scratch/err"
check 'dead, --dead-letter none: both stay' queue_has messages 2

begin
put -- a b
check_status 'CR, reasons, no newline at the end: exit 0' 0 deliver 'read -r a; printf "ok\r\n"; read -r b; printf "ok done"'
check 'CR, reasons, no newline at the end: the queue is empty' queue_has messages 0

# The consumer writes much while the command writes much, so that both pipes are full.
begin
for _ in {1..40}; do
    head -c 150000 /dev/zero | tr '\0' x | put --whole
done
check_status 'both pipes full: exit 0' 0 deliver 'reason=$(printf %60000s x); while read -r message; do echo "ok $reason"; done'
check 'both pipes full: the queue is empty' queue_has messages 0

begin
printf 'a\nb' | put --whole
put -- c
check_status 'a message with the delimiter: exit 6' 6 deliver "$(worker '' '')"
check_equal 'a message with the delimiter: is given to no command' c "$(cat "$scratch/runs")"
check_match 'a message with the delimiter: a dead letter with the reason' '^b 1 it contains the delimiter' <(letters_with SHMQ_ATTEMPTS SHMQ_REASON)
begin
printf 'a\nb' | put --whole
check_status 'a message with newlines, --null: exit 0' 0 deliver 'bash -c '\''IFS= read -r -d "" message; printf %s "$message" >"$SCRATCH/done"; echo ok'\' --null
check_equal 'a message with newlines, --null: is whole' $'a\nb' "$(cat "$scratch/done")"

begin
put -- a b c
check_status 'a retry waits aside: exit 0' 0 deliver "$(worker '' '[ $message = a ] && [ $(grep -cx a "$SCRATCH/runs") = 1 ] && { echo retry; continue; }')" --prefetch 1 --backoff 300ms
check_equal 'a retry waits aside: the others go on' $'b\nc\na' "$(cat "$scratch/done")"
begin
put -- a b c
check_status 'a retry, --in-order: exit 0' 0 deliver "$(worker '' '[ $message = a ] && [ $(grep -cx a "$SCRATCH/runs") = 1 ] && { echo retry; continue; }')" --prefetch 1 --in-order
check_equal 'a retry, --in-order: the others wait' $'a\nb\nc' "$(cat "$scratch/done")"

# ------------------------------------------------------------------ what is no answer

check_refused() { # NAME COMMAND REGEX
    begin
    put -- a b c
    check_status "$1: exit 1" 1 deliver "$2"
    check_match "$1: is said" "$3" "$scratch/err"
    check "$1: what has no answer stays" queue_has messages 2
    check_equal "$1: no attempt is counted" '1 b,1 c,' "$(rest --exec 'echo $SHMQ_ATTEMPT $(cat),' | tr -d '\n')"
    check "$1: the command has ended" wait_until 5 eval '! kill -0 "$(cat "$scratch/pid")" 2>/dev/null'
}
check_refused 'another word' 'echo $$ >"$SCRATCH/pid"; read -r a; echo ok; read -r b; echo done; sleep 100' "gave an unknown answer: 'done' .*2 messages"
check_refused 'an empty line' 'echo $$ >"$SCRATCH/pid"; read -r a; echo ok; read -r b; echo; sleep 100' "gave an unknown answer: ''"
check_refused 'another word, in the same write' 'echo $$ >"$SCRATCH/pid"; read -r a; read -r b; printf "ok\nno\n"; sleep 100' "gave an unknown answer: 'no' .*2 messages"
check_refused '1 MB without a newline' 'echo $$ >"$SCRATCH/pid"; read -r a; echo ok; head -c 1000000 /dev/zero | tr "\0" x; sleep 100' 'gave an answer without an end'
begin
put -- a b
check_status 'too many answers: exit 1' 1 deliver 'read -r a; echo ok; echo ok; echo ok; sleep 100' --prefetch 1
check_match 'too many answers: is said' "answered more often than it was given messages: 'ok'" "$scratch/err"
begin
put -- a
rm -f "$scratch/gate"
start 'read -r a; echo ok; while [ ! -e "$SCRATCH/gate" ]; do sleep 0.02; done; echo ok; sleep 100' --follow
wait_until 10 queue_has messages 0
touch "$scratch/gate"
end_status 'an answer to nothing: exit 1' 1
check_match 'an answer to nothing: is said' 'answered more often than it was given messages' "$scratch/run.log"

# ------------------------------------------------------------------ a command that dies

begin
seq 100 | put
put -- poison
seq 101 200 | put
check_status 'a poison message: exit 6' 6 deliver "$(worker '' '[ $message = poison ] && kill -9 $$')" --retries 3
check_equal 'a poison message: retries + 1 executions' 4 "$(executions poison)"
check_same_lines 'a poison message: the others are done, each once' <(seq 200) "$scratch/done"
check_equal 'a poison message: those that were in flight were given again, one at a time' 204 "$(wc -l <"$scratch/runs")"
check_equal 'a poison message: a dead letter' 'poison 4 the command ended without an answer: killed by signal 9 (Killed)' "$(letters_with SHMQ_ATTEMPTS SHMQ_REASON)"

# It dies with what it has read and not answered: only the oldest is suspected, and then each is tried alone.
begin
put -- a b c d e f
check_status 'a command that reads ahead: exit 6' 6 deliver 'while read -r first; do echo "$first" >>"$SCRATCH/runs"; rest=; while read -rt 0.1 next; do rest="$rest $next"; echo $next >>"$SCRATCH/runs"; done
for i in $first $rest; do [ $i = d ] && exit 3; done; for i in $first $rest; do echo $i >>"$SCRATCH/done"; echo ok; done; done' --retries 3 2>/dev/null
check_same_lines 'a command that reads ahead: the others are done' <(printf '%s\n' a b c e f) "$scratch/done"
check_equal 'a command that reads ahead: the guilty one is a dead letter' 'd 4' "$(letters_with SHMQ_ATTEMPTS)"

begin
put -- a b c
check_status 'a command that ends at once: exit 6' 6 deliver 'echo x >>"$SCRATCH/runs"; exit 3' --retries 2
check_equal 'a command that ends at once: is started retries + 1 times a message' 9 "$(wc -l <"$scratch/runs")"
check_equal 'a command that ends at once: all are dead letters' $'a 3\nb 3\nc 3' "$(letters_with SHMQ_ATTEMPTS)"
begin
put -- a b c
check_status 'a command that ends at once, --dead-letter none: exit 1' 1 deliver 'exit 3' --retries 2 --dead-letter none
check_match 'a command that ends at once, --dead-letter none: is said' 'failed 3 times: the command ended without an answer: exit status 3' "$scratch/err"
check 'a command that ends at once, --dead-letter none: all stay' queue_has messages 3

begin
seq 20 | put
check_status 'a command that answers one message and ends: exit 0' 0 deliver 'read -r a; echo "$a" >>"$SCRATCH/done"; echo ok' --prefetch 1
check_same 'a command that answers one message and ends: each once' <(seq 20) "$scratch/done"
check_equal 'a command that answers one message and ends: no message has failed' '' "$(grep -c failed "$scratch/err" | grep -vx 0)"

begin
put -- a b
check_status 'a command that closes its stdout: exit 6' 6 deliver 'read -r a; echo "$a" >>"$SCRATCH/runs"; exec >&-; read -r b' --retries 0
check_equal 'a command that closes its stdout: dead letters' $'a 1 the command ended without an answer: exit status 0\nb 1 the command closed its stdout and did not end' "$(letters_with SHMQ_ATTEMPTS SHMQ_REASON)"

begin
put -- a b c
check_status 'a command that closes its stdin: exit 0' 0 deliver 'read -r a; echo "$a" >>"$SCRATCH/done"; exec <&-; echo ok; exit 0' --prefetch 1
check_same 'a command that closes its stdin: each once' <(printf '%s\n' a b c) "$scratch/done"

begin
put -- a hang b
check_status '--exec-timeout: exit 6' 6 deliver "$(worker '' '[ $message = hang ] && sleep 100')" --retries 1 --exec-timeout 300ms
check_same_lines '--exec-timeout: the others are done' <(printf '%s\n' a b) "$scratch/done"
check_equal '--exec-timeout: a dead letter' 'hang 2 ended by --exec-timeout' "$(letters_with SHMQ_ATTEMPTS SHMQ_REASON)"

begin
put -- a
check_status 'the command fails at its end: exit 1' 1 deliver 'read -r a; echo ok; read -r b; exit 7'
check_match 'the command fails at its end: is said' 'the command failed at its end: exit status 7 \(nothing is lost' "$scratch/err"
check 'the command fails at its end: what it answered is done' queue_has messages 0

begin
put -- a
check_status 'stderr passes through: exit 0' 0 deliver 'read -r a; echo "a note" >&2; echo ok'
check_match 'stderr passes through' '^a note$' "$scratch/err"

begin
put -- a
start 'cat >/dev/null' --exec-timeout 3s --retries 0
end_status 'a command that does not answer: exit 6' 6
check_match 'a command that does not answer: what may be wrong is said' 'waiting for the command to answer .*buffer' "$scratch/run.log"

# ------------------------------------------------------------------ a consumer that dies or is stopped

# The command answers two messages and then waits for a file.
gated='n=0; while read -r message; do n=$((n + 1)); [ $n -le 2 ] || [ -e "$SCRATCH/gate" ] || { echo "$message" >"$SCRATCH/waits"; while [ ! -e "$SCRATCH/gate" ]; do sleep 0.02; done; }
echo "$message" >>"$SCRATCH/done"; echo ok; done'
begin_gated() { # OPTION...
    begin
    rm -f "$scratch/gate" "$scratch/waits"
    put -- a b c d e
    start "echo \$\$ >\"\$SCRATCH/pid\"; $gated" "$@"
    wait_until 10 test -s "$scratch/waits"
    wait_until 10 queue_has messages 3
}

begin_gated
kill_now "$pid"
check 'a killed consumer: its command is ended' wait_until 5 eval '! kill -0 "$(cat "$scratch/pid")" 2>/dev/null'
check_equal 'a killed consumer: the next one gets what has no answer; the oldest has failed once' '2 c,1 d,1 e,' "$(rest --exec 'echo $SHMQ_ATTEMPT $(cat),' | tr -d '\n')"
check_equal 'a killed consumer: what was answered was done once' $'a\nb' "$(cat "$scratch/done")"

begin_gated --prefetch 4
kill -TERM "$pid"
wait_until 10 no_signal_pending "$pid"
touch "$scratch/gate"
end_status 'SIGTERM: exit 0' 0
check_same 'SIGTERM: what was given is answered' <(printf '%s\n' a b c d) "$scratch/done"
check_equal 'SIGTERM: no more is given' '1 e' "$(rest --exec 'echo $SHMQ_ATTEMPT $(cat)')"

begin_gated --grace 300ms
kill -TERM "$pid"
end_status 'SIGTERM, no answer within --grace: exit 0' 0
check_match 'SIGTERM, no answer within --grace: is said' 'had not ended within --grace' "$scratch/run.log"
check_match 'SIGTERM, no answer within --grace: counts commands, not messages' '^consumer: 1 command was ended after --grace 300ms' "$scratch/run.log"
check_equal 'SIGTERM, no answer within --grace: no attempt is counted' '1 c,1 d,1 e,' "$(rest --exec 'echo $SHMQ_ATTEMPT $(cat),' | tr -d '\n')"

# Time passes while the consumer is stopped; it must read the answers before it looks at the clock.
begin_gated --exec-timeout 2s --kill-after 1ms
kill -STOP "$pid"
touch "$scratch/gate"
wait_until 10 got_lines "$scratch/done" 5
sleep 2.1
kill -CONT "$pid"
end_status 'a consumer that was stopped: exit 0' 0
check_equal 'a consumer that was stopped: does not blame its command' $'a\nb\nc\nd\ne' "$(cat "$scratch/done")"

begin
put -- a
start 'read -r a; echo retry' --backoff 100s --in-order
wait_until 10 grep -q failed "$scratch/run.log"
kill -TERM "$pid"
end_status 'SIGTERM in the pause before a retry: exit 0 at once' 0
check_equal 'SIGTERM in the pause before a retry: the message is back, one attempt failed' '2 a' "$(rest --exec 'echo $SHMQ_ATTEMPT $(cat)')"

# ------------------------------------------------------------------ a database

# The client is the command itself, so that its death is noticed at once. It ends at the first error.
cat >"$scratch/insert" <<'END'
#!/bin/bash
echo $$ >"$SCRATCH/pid"
exec stdbuf -oL sqlite3 -bail -cmd '.timeout 20000' -cmd 'PRAGMA synchronous = NORMAL' "$SCRATCH/rows.db" \
    < <(sed -u "s/'/''/g; s/.*/INSERT INTO rows VALUES('&') ON CONFLICT DO NOTHING; SELECT 'ok';/")
END
chmod +x "$scratch/insert"
make_table() {
    rm -f "$scratch/rows.db"
    sqlite3 "$scratch/rows.db" "PRAGMA journal_mode = WAL; CREATE TABLE rows(text TEXT PRIMARY KEY CHECK(text <> 'bad'))"
} >/dev/null
rows_inserted() { # COUNT
    (($(sqlite3 "$scratch/rows.db" '.timeout 20000' 'SELECT count(*) FROM rows') >= $1))
}
if command -v sqlite3 >/dev/null && command -v stdbuf >/dev/null; then
    begin
    make_table
    printf '%s\n' "it's" 'a & b' '"quoted" \ row' bad 'the last' >"$scratch/in"
    put --input "$scratch/in"
    check_status 'sqlite3: exit 6' 6 deliver "$scratch/insert" --retries 1
    check_same_lines 'sqlite3: all good rows' <(grep -vx bad "$scratch/in") <(sqlite3 "$scratch/rows.db" 'SELECT text FROM rows')
    check_equal 'sqlite3: the bad row is a dead letter' 'bad 2' "$(letters_with SHMQ_ATTEMPTS)"

    # Each kill hits a client or a consumer between two rows, or in one.
    begin
    make_table
    seq -f 'row %g' 20000 >"$scratch/in"
    put --input "$scratch/in"
    kills=0
    while ! rows_inserted 20000 && ((kills < 200)); do
        start "$scratch/insert" --retries 1000
        random_pause 10
        ((kills % 2)) && kill -KILL "$(cat "$scratch/pid")" 2>/dev/null
        random_pause 10
        kill_now "$pid"
        kills=$((kills + 1))
    done
    check "sqlite3, kills: some, amid the work ($kills)" test "$kills" -ge 5
    check_status 'sqlite3, kills: the rest: exit 0' 0 deliver "$scratch/insert" --retries 1000
    check_same_lines 'sqlite3, kills: each row is there, once' "$scratch/in" <(sqlite3 "$scratch/rows.db" 'SELECT text FROM rows')
    check 'sqlite3, kills: the queue is empty' queue_has messages 0
else
    skip 'sqlite3' 'there is no sqlite3 or stdbuf'
fi

# ------------------------------------------------------------------ with the supervisor, and wrong usage

begin
seq 500 >"$scratch/in"
check_status 'run.sh: exit 6' 6 "$run_sh" -q -Q "$queue" -c 2 --input "$scratch/in" --backoff 1ms --pipe "$(worker '' '[ $message = 77 ] && { echo dead bad; continue; }')" --pipe-ack
check_match 'run.sh: dead letters are reported' "^[^:]*: 1 message was given up and moved to queue $dead" "$scratch/err"
check_same_lines 'run.sh: the others are done' <(seq 500 | grep -vx 77) "$scratch/done"

new_queue
check_usage consumer "$consumer" 'needs --pipe COMMAND' --pipe-ack
check_usage consumer "$consumer" 'needs --pipe COMMAND' --pipe-ack --exec cat
check_usage consumer "$consumer" 'needs --exec, -- PROGRAM or --pipe-ack' --pipe cat --retries 3
check_usage consumer "$consumer" '--grouped needs --exec or -- PROGRAM' --pipe cat --pipe-ack --grouped
check_usage consumer "$consumer" 'command not found' --pipe "$scratch/missing" --pipe-ack
