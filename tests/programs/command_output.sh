#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What commands print, and what is told of them: --grouped, --line-buffer, --ungroup, --tag, --results and --joblog.
# time limit: 300 s
. "$(dirname "$0")/../support/lib.sh"
export LC_ALL=C

readonly lines=200000
# Prints $lines lines that begin with its argument: more than 10 MB.
# shellcheck disable=SC2016 # the command's shell expands it
readonly printer='i=$1; exec seq -f "$i %.0f abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrs" 1 '$lines

put() { # MESSAGE...
    new_queue
    "$producer" -q -Q "$queue" -- "$@"
}

# Consumers at once, each with the same options.
consume_together() { # COUNT OPTION...
    local count=$1 i pids=()
    shift
    for ((i = 0; i < count; i++)); do
        "$consumer" -q -Q "$queue" "$@" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" || return
    done
}

# Lines "MESSAGE COUNT": how many lines in a row begin with a message's name.
blocks() { # FILE
    awk '$1 != last { if (NR > 1) print last, count; last = $1; count = 0 } { count++ } END { print last, count }' "$1"
}

broken_lines() { # FILE
    grep -Evc '^[1-8] [0-9]+ abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrs$' "$1"
}

messages_left() {
    queue_field "$queue" messages
}

remove_queue() {
    "$monitor" remove "$queue" --force >/dev/null 2>&1
}

# ------------------------------------------------------------------ what is printed

expected=$(for i in 1 2 3 4 5 6 7 8; do echo "$i $lines"; done)

for target in file pipe; do
    for mode in --grouped --line-buffer; do
        put 1 2 3 4 5 6 7 8
        if [[ $target == file ]]; then
            consume_together 4 "$mode" -- sh -c "$printer" sh '{}' >>"$scratch/printed"
        else
            consume_together 4 "$mode" -- sh -c "$printer" sh '{}' | cat >"$scratch/printed"
        fi
        check_equal "$mode, $target: no line of commands that run at once is broken" 0 "$(broken_lines "$scratch/printed")"
        check_equal "$mode, $target: every line is there" "$((8 * lines))" "$(wc -l <"$scratch/printed")"
        [[ $mode == --line-buffer ]] ||
            check_equal "$mode, $target: each command's output is in one piece" "$expected" "$(blocks "$scratch/printed" | sort)"
        rm -f "$scratch/printed"
        remove_queue
    done
done

for mode in '' --line-buffer; do
    for consumers in 1 2; do
        put 1 2 3 4 5 6 7 8
        # shellcheck disable=SC2086 # no argument, or one
        consume_together "$consumers" --jobs 4 $mode --joblog "$scratch/log" -- sh -c "$printer" sh '{}' >>"$scratch/printed"
        check_equal "$consumers consumer(s), --jobs 4 $mode: no line is broken" 0 "$(broken_lines "$scratch/printed")"
        check_equal "$consumers consumer(s), --jobs 4 $mode: every line is there" "$((8 * lines))" "$(wc -l <"$scratch/printed")"
        check_equal "$consumers consumer(s), --jobs 4 $mode: the log has each execution" "$(seq 8)" "$(tail -n +2 "$scratch/log" | cut -f 1)"
        [[ $mode ]] ||
            check_equal "$consumers consumer(s), --jobs 4: by default, output is grouped" "$expected" "$(blocks "$scratch/printed" | sort)"
        rm -f "$scratch/printed" "$scratch/log"
        remove_queue
    done
done

put 1 2 3
# shellcheck disable=SC2016
"$consumer" -q -Q "$queue" --grouped --exec 'read -r i; echo "out $i"; echo "err $i" >&2; echo "more $i"' >"$scratch/both" 2>&1
check_equal 'one file for stdout and stderr: stdout comes first, in the same turn' \
    $'out 1\nmore 1\nerr 1\nout 2\nmore 2\nerr 2\nout 3\nmore 3\nerr 3' "$(cat "$scratch/both")"
remove_queue

put 1
"$consumer" -q -Q "$queue" --group -- printf 'a\0b' >"$scratch/bytes" # GNU parallel's name
check_equal '--grouped changes no byte' '61 00 62' "$(od -An -tx1 "$scratch/bytes" | sed 's/^ *//')"
remove_queue

mkfifo "$scratch/go"
put 1
: >"$scratch/lines"
# shellcheck disable=SC2016
"$consumer" -q -Q "$queue" --line-buffer --exec 'echo one; printf tw; read -r x <'"$scratch/go"'; echo o; printf three' \
    >"$scratch/lines" &
pid=$!
check '--line-buffer: a whole line comes while the command runs' wait_until 10 grep -qx one "$scratch/lines"
check_equal '--line-buffer: a part of a line does not' one "$(cat "$scratch/lines")"
echo >"$scratch/go"
wait "$pid"
check_equal '--line-buffer: the last line ends' $'one\ntwo\nthree' "$(cat "$scratch/lines")"
remove_queue

new_queue
printf 'one\0two lines\nof text\0\1\0' | "$producer" -q -0 -Q "$queue"
"$consumer" -q -Q "$queue" --tag --exec 'printf "x\ny"; echo z >&2' >"$scratch/tagged" 2>"$scratch/tagged.err"
check_equal '--tag: each line begins with the first line of the message, or its id' \
    $'one\tx\none\ty\ntwo lines\tx\ntwo lines\ty\nID\tx\nID\ty' \
    "$(sed 's/^[0-9a-f]*-[0-9]*-[0-9]*\t/ID\t/' "$scratch/tagged")"
check_equal '--tag: on stderr, too' $'one\tz\ntwo lines\tz\nID\tz' "$(sed 's/^[0-9a-f]*-[0-9]*-[0-9]*\t/ID\t/' "$scratch/tagged.err")"
remove_queue

put 1
"$consumer" -q -Q "$queue" --tag --line-buffer --exec 'echo a; printf b' >"$scratch/tagged"
check_equal '--tag with --line-buffer' $'1\ta\n1\tb' "$(cat "$scratch/tagged")"
remove_queue

put 1
"$consumer" -q -Q "$queue" --line-buffer --exec 'echo a; head -c 3000000 /dev/zero | tr "\0" x; sleep 0.01; echo y; printf z' \
    >"$scratch/long"
check_equal '--line-buffer: a line longer than what memory keeps' '2 3000002 2' "$(awk '{ print length + 1 }' "$scratch/long" | tr '\n' ' ' | sed 's/ $//')"
remove_queue

put 1
begun=${EPOCHREALTIME//[!0-9]/}
"$consumer" -q -Q "$queue" --grouped --exec 'sleep 60 & echo "$!"' >"$scratch/background"
took=$((${EPOCHREALTIME//[!0-9]/} - begun))
check_equal 'a process that a command leaves behind does not hold up its output' 0 "$((took / 30000000))"
check 'what the command itself has printed is there' grep -Eq '^[0-9]+$' "$scratch/background"
kill "$(cat "$scratch/background")"
remove_queue

# Under the supervisor, several consumers do not mix what their commands print, whether asked to or not.
for mode in '' --line-buffer; do
    # shellcheck disable=SC2086 # no argument, or one
    "$run_sh" -q -Q "$SHMQ_TEST_PREFIX.run" -c 4 $mode --joblog "$scratch/run.log" --exec "i=\$(cat); set -- \$i; $printer" \
        -- 1 2 3 4 5 6 7 8 >"$scratch/printed" 2>"$scratch/err"
    check_equal "run.sh -c 4 $mode: no line is broken" 0 "$(broken_lines "$scratch/printed")"
    check_equal "run.sh -c 4 $mode: every line is there" "$((8 * lines))" "$(wc -l <"$scratch/printed")"
    check_equal "run.sh -c 4 $mode: the log has each execution" 8 "$(tail -n +2 "$scratch/run.log" | wc -l)"
    rm -f "$scratch/printed" "$scratch/run.log"
done

check_status 'run.sh --group: its short name, as for the consumer' 0 \
    "$run_sh" -q -Q "$SHMQ_TEST_PREFIX.run" --jobs 2 --group --exec cat -- a

# ------------------------------------------------------------------ what cannot be written

expect_kept() { # NAME MESSAGE-PATTERN
    check_match "$1: it says so" "$2" "$scratch/err"
    check_equal "$1: the message stays" 1 "$(messages_left)"
    remove_queue
}

put 1
# shellcheck disable=SC2016
check_status 'a full disk behind stdout' 1 sh -c '"$@" >/dev/full' sh "$consumer" -q -Q "$queue" --grouped -- echo hello
expect_kept 'a full disk behind stdout' 'stdout: cannot be written: No space left on device \(the message stays in the queue\)'

put 1
check_status 'a closed stdout' 1 sh -c '"$@" >&-' sh "$consumer" -q -Q "$queue" --line-buffer -- echo hello
expect_kept 'a closed stdout' 'stdout: cannot be written: '

put 1
{
    "$consumer" -q -Q "$queue" --grouped --exec "until [ -e '$scratch/closed' ]; do sleep 0.01; done; echo hello" 2>"$scratch/err"
    echo "$?" >"$scratch/status"
} | {
    exec <&-
    : >"$scratch/closed"
}
check_equal 'a reader that has ended' 1 "$(cat "$scratch/status")"
expect_kept 'a reader that has ended' 'stdout: its reader has ended \(the message stays in the queue\)'

# A reader that reads nothing: one block fills the pipe, and the other commands have ended, but have no turn.
put 1 2 3 4
mkfifo "$scratch/unread"
exec 9<>"$scratch/unread"
"$consumer" -q -Q "$queue" --jobs 4 --grace 200ms --joblog "$scratch/stopped" -- head -c 65536 /dev/zero >"$scratch/unread" &
pid=$!
check 'a reader that reads nothing: what the pipe took is acknowledged' wait_until 20 queue_has messages 3
kill -TERM "$pid"
check 'a reader that reads nothing does not hold up the end of a consumer' wait_until 20 has_ended "$pid"
wait "$pid"
check_equal 'a reader that reads nothing: exit 0' 0 "$?"
exec 9<&-
check_equal 'a reader that reads nothing: the other messages go back' 3 "$(messages_left)"
# shellcheck disable=SC2016
"$consumer" -q -Q "$queue" --exec 'echo "$SHMQ_ATTEMPT"' >"$scratch/attempts"
check_equal 'and no attempt is counted' $'1\n1\n1' "$(cat "$scratch/attempts")"
check_equal 'all four executions are in the log' 4 "$(tail -n +2 "$scratch/stopped" | wc -l)"
remove_queue

put 1
check_status 'no room for what is kept' 1 env TMPDIR="$scratch/nowhere" "$consumer" -q -Q "$queue" --grouped -- yes
expect_kept 'no room for what is kept, of a command that goes on for ever' \
    'nowhere: output cannot be kept there: No such file or directory \(the message stays in the queue\)'

put 1
: >"$scratch/limited"
# shellcheck disable=SC2016
check_status 'a limit of the file size' 1 bash -c 'ulimit -f 16; "${@:2}" >>"$1"' bash "$scratch/limited" \
    "$consumer" -q -Q "$queue" --grouped -- sh -c 'seq 100000'
check_equal 'a block that does not fit leaves nothing' 0 "$(stat -c %s "$scratch/limited")"
expect_kept 'a limit of the file size' 'stdout: cannot be written: File too large'

# A consumer is killed in the middle of its block, and the next one begins where that began.
put 1
echo before >"$scratch/killed"
partial=0
for ((round = 0; round < 40 && partial == 0; round++)); do
    "$consumer" -q -Q "$queue" --grouped --retries 100 -- sh -c "$printer" sh '{}' >>"$scratch/killed" &
    pid=$!
    until (($(stat -c %s "$scratch/killed") > 7)); do
        has_ended "$pid" && break
    done
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    [[ $(messages_left) == 1 ]] || put 1
    partial=$(($(stat -c %s "$scratch/killed") > 7 && $(grep -c ' abcdefghijklmnopqrs$' "$scratch/killed") < lines))
    ((partial)) || echo before >"$scratch/killed"
done
check_equal 'a consumer was killed in the middle of a block' 1 "$partial"
"$consumer" -q -Q "$queue" --grouped --retries 100 -- sh -c "$printer" sh '{}' >>"$scratch/killed"
check_equal 'the next consumer removes the half block' "before 1"$'\n'"1 $lines" "$(blocks "$scratch/killed")"
remove_queue

# ------------------------------------------------------------------ results

new_queue
"$producer" -q -Q "$queue" -- good bad
# shellcheck disable=SC2016
check_status '--results, with a job that fails' 6 "$consumer" -q -Q "$queue" --results "$scratch/results" --backoff 1ms --retries 2 \
    --exec 'm=$(cat); echo "$m $SHMQ_ATTEMPT"; echo oh >&2; test "$m" = good'
check_equal '--results prints, too' $'good 1\nbad 1\nbad 2\nbad 3' "$(cat "$scratch/out")"
check_equal 'one folder for each message' 2 "$(find "$scratch/results" -mindepth 1 -maxdepth 1 | wc -l)"
bad=$(dirname "$(grep -lx 'bad 3' "$scratch"/results/*/stdout)")
check_equal 'the latest attempt is what is stored' $'bad 3\noh\nExitval: 1\nSignal: 0\nAttempt: 3' \
    "$(cat "$bad/stdout" "$bad/stderr"; head -n 3 "$bad/status")"
check_equal 'the folder is named as peek names the message' "${bad##*/}" \
    "$("$monitor" peek "$queue.dead" | sed -n "s/^  Shmq-Id: //p")"
"$monitor" remove "$queue.dead" --force >/dev/null 2>&1
remove_queue

put 1
: >"$scratch/file"
check_status '--results with a file' 1 "$consumer" -q -Q "$queue" --results "$scratch/file" -- true
expect_kept '--results with a file' '--results .*/file: cannot be used: Not a directory'

# ------------------------------------------------------------------ the job log

new_queue
"$producer" -q -Q "$queue" -- 0 0 1 75 0
# shellcheck disable=SC2016
"$consumer" -q -Q "$queue" --in-order --retries 2 --backoff 1ms --joblog "$scratch/log" -- \
    sh -c 'echo >>"$1"; [ "$2" != 75 ] || [ "$SHMQ_REDELIVERED" = 1 ] || exit 75; exit $(($2 % 75))' sh "$scratch/runs" '{}' 2>/dev/null
check_equal 'a line for each execution' "$(wc -l <"$scratch/runs")" "$(($(wc -l <"$scratch/log") - 1))"
check_equal 'each line has its number' "$(seq "$(wc -l <"$scratch/runs")")" "$(tail -n +2 "$scratch/log" | cut -f 1)"
check_equal 'exit values' '0 0 1 1 1 75 0 0' "$(tail -n +2 "$scratch/log" | cut -f 7 | tr '\n' ' ' | sed 's/ $//')"
check_equal 'attempts' '1 1 1 2 3 1 1 1' "$(tail -n +2 "$scratch/log" | cut -f 10 | tr '\n' ' ' | sed 's/ $//')"
check_equal 'five messages' 5 "$(tail -n +2 "$scratch/log" | cut -f 11 | sort -u | wc -l)"
check_equal 'times have a point and three decimals' 0 "$(tail -n +2 "$scratch/log" | cut -f 3,4 |
    grep -Evc '^[0-9]+\.[0-9]{3}'$'\t'' *[0-9]+\.[0-9]{3}$')"
"$monitor" remove "$queue.dead" --force >/dev/null 2>&1
remove_queue

put 1
LC_ALL=${SHMQ_TEST_LOCALE:-de_DE.UTF-8} "$consumer" -q -Q "$queue" --joblog "$scratch/comma" -- true
check_match 'in a locale with a decimal comma, too' $'^1\t:\t[0-9]+\.[0-9]{3}\t +[0-9]+\.[0-9]{3}\t1\t0\t0\t0\ttrue\t1\t' "$scratch/comma"
remove_queue

new_queue
seq 400 | "$producer" -q -Q "$queue"
consume_together 4 --joblog "$scratch/shared" -- true
check_equal 'consumers that share a log lose no line' "$(seq 400)" "$(tail -n +2 "$scratch/shared" | cut -f 1)"
check_equal 'and each message is there once' 400 "$(tail -n +2 "$scratch/shared" | cut -f 11 | sort -u | wc -l)"
remove_queue

put $'a\tb\nc'
"$consumer" -q -Q "$queue" --joblog "$scratch/odd" -- echo 'it is' '{}' >/dev/null
check_equal 'a command in the log is one field of one line' $'echo \'it is\' $\'a\\tb\\nc\'' "$(tail -n 1 "$scratch/odd" | cut -f 9)"
remove_queue

put 1
"$consumer" -q -Q "$queue" --joblog "$scratch/timed" --exec-timeout 50ms --retries 0 \
    --exec 'trap "exit 0" TERM; sleep 5 & wait' 2>/dev/null
check_equal 'a command that its timeout ended is no success in the log' 124 "$(tail -n 1 "$scratch/timed" | cut -f 7)"
"$monitor" remove "$queue.dead" --force >/dev/null 2>&1
remove_queue

new_queue
{ printf 'a\0b\0' && head -c 200000 /dev/zero | tr '\0' x; } >"$scratch/unfit"
printf 'a\0b\n' | "$producer" -q -Q "$queue"
"$producer" -q -Q "$queue" --whole --input "$scratch/unfit"
tr -d '\0' <"$scratch/unfit" | "$producer" -q -Q "$queue"
check_status 'messages that cannot be an argument: exit 6' 6 "$consumer" -q -Q "$queue" --retries 0 --joblog "$scratch/unfit.log" \
    --results "$scratch/unfit.results" -- echo {}
check_equal 'a command that could not be started is no success in the log' '126 126 126' \
    "$(tail -n +2 "$scratch/unfit.log" | cut -f 7 | paste -sd ' ')"
check_equal 'nor in its results' 3 "$(cat "$scratch/unfit.results"/*/status | grep -c '^Exitval: 126$')"
"$monitor" remove "$queue.dead" --force >/dev/null 2>&1
remove_queue

put 1
echo 'Dear diary' >"$scratch/diary"
check_status '--joblog with another file' 1 "$consumer" -q -Q "$queue" --joblog "$scratch/diary" -- true
check_equal 'another file is left as it is' 'Dear diary' "$(cat "$scratch/diary")"
expect_kept '--joblog with another file' 'diary: is not a job log, and is left as it is'

put 1
# shellcheck disable=SC2016
check_status '--joblog that is also stdout' 1 bash -c '"${@:2}" --joblog "$1" -- true >>"$1"' bash "$scratch/mixed" \
    "$consumer" -q -Q "$queue"
expect_kept '--joblog that is also stdout' '--joblog .*/mixed: is also stdout or stderr'

put 1
check_status '--joblog that cannot be opened' 1 "$consumer" -q -Q "$queue" --joblog "$scratch/no/log" -- true
expect_kept '--joblog that cannot be opened' '--joblog .*/no/log: cannot be opened: No such file or directory'

put 1
check_status 'a full disk behind a new log' 1 "$consumer" -q -Q "$queue" --joblog /dev/full -- true
expect_kept 'a full disk behind a new log' '--joblog /dev/full: cannot be written: No space left on device .free some space'

put 1 2
check_status 'a full disk behind the log' 1 bash -c 'ulimit -f 1; "$@"' bash "$consumer" -q -Q "$queue" --joblog "$scratch/full" -- \
    echo "$(printf '%0500d' 0)" '{}'
check_equal 'the log has whole lines only' 0 "$(tail -n +2 "$scratch/full" | awk -F'\t' 'NF != 11' | wc -l)"
check_equal 'and no line of a message that stays' 1 "$(tail -n +2 "$scratch/full" | wc -l)"
expect_kept 'a full disk behind the log' '--joblog .*/full: cannot be written: '

if command -v parallel >/dev/null; then
    parallel --resume-failed --joblog "$scratch/log" echo ::: a b c d e f g h i >"$scratch/parallel" 2>"$scratch/parallel.err" </dev/null
    check_equal 'parallel --resume-failed reads the log' $'c\nd\ne\nf\ni' "$(sort "$scratch/parallel")"
else
    skip 'parallel --resume-failed reads the log' 'parallel is missing'
fi

# ------------------------------------------------------------------ wrong usage

check_usage() { # PATTERN OPTION...
    local pattern=$1
    shift
    check_status "$*: wrong usage" 2 "$consumer" -Q none "$@"
    check_match "$*: it says why" "$pattern" "$scratch/err"
}

check_usage '--grouped and --ungroup: only one of them can be given' --grouped --ungroup -- true
check_usage '--grouped and --ungroup: only one of them can be given' --group --ungroup -- true
check_usage '--line-buffer and --grouped: only one of them can be given' --line-buffer --grouped -- true
check_usage '--ungroup and --tag: output that is not kept cannot be tagged' --ungroup --tag -- true
check_usage '--ungroup and --results: output that is not kept cannot be stored' --results x --ungroup -- true
check_usage '--grouped needs --exec or -- PROGRAM' --grouped
check_usage '--tag needs --exec or -- PROGRAM' --tag --output x
check_usage '--joblog needs --exec or -- PROGRAM' --joblog x
check_usage '--results needs --exec or -- PROGRAM' --results x --pipe cat
