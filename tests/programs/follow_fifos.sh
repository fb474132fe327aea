#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# producer --follow with FIFOs: writers come and go, the FIFO is made anew, and files are followed beside it.
. "$(dirname "$0")/../support/lib.sh"

fifo=$scratch/fifo
new_queue

follow() { # OPTION...
    : >"$scratch/run.log"
    env --default-signal=INT "$producer" -v -Q "$queue" --follow "$@" 2>"$scratch/run.log" &
    pid=$!
    wait_until 30 queue_has producers 1 || not_ok 'follows' "$scratch/run.log"
}

has_put() { # COUNT
    wait_until 30 holds_at_least "$1"
}

stop() { # NAME [STATUS]
    kill -TERM "$pid"
    end_status "$1: it stops" "${2-0}"
}

is_open_for() { # PID PATH
    readlink "/proc/$1/fd/"* | grep -qxF "$2"
}

# In a form that shows where each message begins and ends.
bracketed() {
    rest --prefix '<' -D '>'
}

# How often it was woken, and what processor time it has used: a busy loop is never woken.
activity() {
    sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$pid/status"
    cut -d ' ' -f 14,15 "/proc/$pid/stat"
}

is_idle() {
    local before
    before=$(activity)
    sleep 0.3
    [[ $(activity) == "$before" ]]
}

anew() {
    next_queue
    rm -rf -- "$scratch/fifo"*
    mkfifo "$fifo"
}

# ------------------------------------------------------------------ writers

anew
follow --input "$fifo"
for ((i = 1; i <= 20; i++)); do
    printf 'a %d\nb %d\n' "$i" "$i" >"$fifo"
    has_put $((2 * i)) || break
done
check 'between writers, nothing wakes it' wait_until 10 is_idle
printf 'unfinished' >"$fifo"
has_put 41
printf 'next\n' >"$fifo"
has_put 42
stop 'writers that come and go'
rest >"$scratch/got"
{
    for ((i = 1; i <= 20; i++)); do
        printf 'a %d\nb %d\n' "$i" "$i"
    done
    printf 'unfinished\nnext\n'
} >"$scratch/expected"
check_same 'writers that come and go: each line, and what one left without its end' "$scratch/expected" "$scratch/got"

# Many writers at random: each writes whole lines at once, so that none is cut.
anew
follow --input "$fifo"
for ((i = 0; i < 8; i++)); do
    (for ((k = 0; k < 100; k++)); do echo "$i $k" >"$fifo"; done) &
    writers[i]=$!
done
wait "${writers[@]}"
has_put 800
stop 'many writers'
rest >"$scratch/got"
check_equal 'many writers: nothing is lost or broken' 800 "$(sort -u "$scratch/got" | grep -cE '^[0-7] [0-9]{1,2}$')"
check_equal 'many writers: each in its order' '' "$(awk '$2 != next_of[$1]++' "$scratch/got" | head -n 3)"

anew
follow --input "$fifo" --partial 50ms
exec 7>"$fifo"
printf 'stands' >&7
check '--partial puts what stands' has_put 1
printf ' still\n' >&7
has_put 2
exec 7>&-
stop '--partial'
check_equal '--partial: two messages' '<stands>< still>' "$(bracketed)"

# A writer that has just come must never find the FIFO without a reader.
if can_trace; then
    anew
    follow --input "$fifo"
    wait_until 30 is_open_for "$pid" "$fifo" # or the trace would begin with its first open
    strace -f -qq -e signal=none -e trace=openat,close -P "$fifo" -o "$scratch/trace" -p "$pid" &
    tracer=$!
    wait_until 30 grep -q '^TracerPid:.*[1-9]' "/proc/$pid/status"
    echo a >"$fifo"
    has_put 1
    wait_until 30 grep -q 'close(' "$scratch/trace"
    kill_now "$pid"
    wait "$tracer"
    check_equal 'opened again: before the old descriptor is closed' 'openat close' \
        "$(sed -E 's/^[0-9]+ +([a-z]+)\(.*/\1/' "$scratch/trace" | xargs)"
fi

# ------------------------------------------------------------------ the FIFO itself

anew
rm "$fifo"
follow --input "$fifo"
check 'not there yet: is said' wait_until 30 has_match 'waiting for it' "$scratch/run.log"
mkfifo "$fifo"
echo first >"$fifo"
check 'not there yet: then it is followed' has_put 1
rm "$fifo"
mkfifo "$fifo"
echo second >"$fifo"
check 'made anew: is followed' has_put 2
exec 7>"$fifo"
mv "$fifo" "$fifo.old"
mkfifo "$fifo"
echo third >"$fifo"
check 'renamed, and another: the other is followed' has_put 3
echo late >&7
check 'renamed, and another: its writer is still heard' has_put 4
exec 7>&-
wait_until 30 has_match 'its last writer has gone: left' "$scratch/run.log"
stop 'made anew'
check_equal 'made anew: all is there' $'first\nlate\nsecond\nthird' "$(rest | sort)"

anew
echo a >"$fifo.1"
follow --input "$scratch/fifo*"
echo b >>"$fifo.1"
has_put 2
# shellcheck disable=SC2016 # expanded by the other shell
check_status 'a pattern takes no FIFO: a writer finds no reader' 124 timeout 1 sh -c 'echo x >"$1"' sh "$fifo"
stop 'a pattern'
check_equal 'a pattern takes files' '<a><b>' "$(bracketed)"

anew
mkfifo "$fifo.2"
echo old >"$fifo.log"
follow --source-headers --resume --input "$fifo" --input "$fifo.2" --input "$fifo.log"
has_put 1
echo one >"$fifo"
has_put 2
printf 'two\nthree\n' >"$fifo.2"
has_put 4
echo new >>"$fifo.log"
has_put 5
stop 'FIFOs and files'
# shellcheck disable=SC2016
check_equal 'FIFOs and files: each message and where it is from' "fifo.log 0 old
fifo 0 one
fifo.2 0 two
fifo.2 4 three
fifo.log 4 new" "$(rest --exec 'echo "${SHMQ_HEADER_SHMQ_FILE##*/} $SHMQ_HEADER_SHMQ_OFFSET $(cat)"')"
echo resumed >>"$fifo.log"
follow --source-headers --resume --input "$fifo" --input "$fifo.2" --input "$fifo.log"
echo four >"$fifo"
has_put 2
stop 'FIFOs and files, resumed'
check_equal 'FIFOs and files, resumed: what is new' '<four><resumed>' "$(bracketed | tr '>' '\n' | sort | tr '\n' '>' | sed 's/^>//')"

# ------------------------------------------------------------------ ends

anew
exec 7<>"$fifo" # holds what is in it while nobody follows
follow --input "$fifo"
seq 100 >&7
has_put 100
kill_now "$pid"
seq 101 200 >&7
follow --input "$fifo"
has_put 200
stop 'killed and started again'
rest >"$scratch/got"
check_same 'killed and started again: each line once' <(seq 200) "$scratch/got"

next_queue
follow --input "$fifo"
seq 10 >&7
has_put 10
stop 'stopped'
seq 11 20 >&7
follow --input "$fifo"
has_put 20
printf half >&7
wait_until 30 is_idle
stop 'in the middle of a line' 1
exec 7>&-
check_match 'in the middle of a line: is said' 'fifo: 4 bytes were read but could not be put before the signal' "$scratch/run.log"
rest >"$scratch/got"
check_same 'stopped and started again: each line once' <(seq 20) "$scratch/got"

anew
seq 400000 >"$scratch/lines"
follow --input "$fifo" --capacity 64K
cat "$scratch/lines" >"$fifo" &
writer=$!
check 'a full queue: it waits' wait_until 30 is_blocked
check 'a full queue: so does the writer' kill -0 "$writer"
timeout 100 "$consumer" -q -Q "$queue" >"$scratch/got" &
taker=$!
wait "$writer"
wait_until 60 got_lines "$scratch/got" 400000
stop 'a full queue'
wait "$taker"
check_same 'a full queue: nothing is lost' "$scratch/lines" "$scratch/got"

anew
follow --input "$fifo" --max-message 1K
printf '%01025d\nshort\n' 1 >"$fifo"
has_put 1
stop 'a line that is too long'
check_match 'a line that is too long: is told' 'a message is longer than .* and is refused' "$scratch/run.log"
check_equal 'a line that is too long: the next one is put' short "$(rest)"

next_queue
check_status 'a device: exit 1' 1 timeout 20 "$producer" -Q "$queue" --follow --input /dev/null
check_match 'a device: is said' 'neither a regular file nor a FIFO' "$scratch/err"
