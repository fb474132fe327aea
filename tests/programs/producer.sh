#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The producer: every source, framing and option, its error messages, and its signals.
. "$(dirname "$0")/../support/lib.sh"

put() { # OPTION...
    timeout 30 "$producer" -Q "$queue" "$@"
}

# The same, in a form that shows where each message begins and ends, and that a shell variable can hold.
bracketed() {
    rest --prefix '<' -D '>' | tr '\0' '@'
}

new_queue

no_queue_left() {
    [[ ! -e /dev/shm/shmq.$queue ]]
}

# Starts a producer in the background, with SIGINT at its default; sets pid. It inherits the caller's stdin.
start() { # OPTION...
    : >"$scratch/run.log"
    env --default-signal=INT "$producer" -Q "$queue" "$@" <&0 2>"$scratch/run.log" &
    pid=$!
}

holds_at_least() { # COUNT: at least COUNT messages are in the queue
    local messages
    messages=$(queue_field "$queue" messages)
    ((${messages:-0} >= $1))
}

# Waits for all background jobs, except those checked at the end.
slow=''

seq 1000 >"$scratch/thousand"

# Checked at the end, because it takes some time.
slow_queue=$queue.progress
"$producer" -Q "$slow_queue" --random --rate 100 --progress 2>"$scratch/progress.log" &
slow=$!

# ------------------------------------------------------------------ framings

check_messages() { # NAME EXPECTED INPUT-FORMAT OPTION...
    local name=$1 expected=$2 input=$3
    shift 3
    next_queue
    # shellcheck disable=SC2059 # a format it is
    if printf "$input" | put "$@" 2>"$scratch/err"; then
        check_equal "$name" "$expected" "$(bracketed)"
    else
        not_ok "$name" "status ${PIPESTATUS[1]}: $*" "$scratch/err"
    fi
}
check_messages 'lines' '<a><b>' 'a\nb\n'
check_messages 'a last line without its end' '<a><b>' 'a\nb'
check_messages 'empty lines' '<><a><><>' '\na\n\n\n'
check_messages 'one empty line' '<>' '\n'
check_messages 'no input, no message' '' ''
check_messages 'carriage returns are kept' $'<a\r><\r><b\r>' 'a\r\n\r\nb\r'
check_messages 'blanks are kept' $'< a ><\t>' ' a \n\t\n'
check_messages 'NUL does not end a line' '<a@b><@><>' 'a\0b\n\0\n\n'
check_messages '-D' $'<a><b\n><c>' 'a,b\n,c' -D ,
check_messages '--delimiter, and a newline at the end is a message' $'<a><\n>' 'a;\n' --delimiter ';'
check_messages '-D \t' $'<a><b\n>' 'a\tb\n' -D '\t'
check_messages '-D \r' $'<a><\nb>' 'a\r\nb' -D '\r'
check_messages '-D \n' '<a><b>' 'a\nb' -D '\n'
check_messages '-D, a backslash' '<a><b>' 'a\\b' -D \\
check_messages '-D, two backslashes' '<a><b>' 'a\\b' -D \\\\
check_messages '-D \x41' '<a><b>' 'aAb' -D '\x41'
check_messages '-D \xfF' '<a><b>' 'a\377b' -D '\xfF'
check_messages '-D -' '<a><b>' 'a-b' -D -
check_messages '-0' $'<a\n><><b>' 'a\n\0\0b\0' -0
check_messages '--null' '<a><b>' 'a\0b' --null
check_messages '-D \0' '<a><b>' 'a\0b' -D '\0'
check_messages '--length-prefixed' $'<a><><b\n>' '\0\0\0\1a\0\0\0\0\0\0\0\2b\n' --length-prefixed
check_messages '--length-prefixed of nothing' '' '' --length-prefixed
check_messages '--block, the last one short' '<abcd><efgh><ij>' 'abcdefghij' --block 4
check_messages '--block that fits' '<abcde><fghij>' 'abcdefghij' --block 5
check_messages '--block 1' $'<a><\n><b>' 'a\nb' --block 1
check_messages '--block larger than the input' '<abc>' 'abc' --block 1K
check_messages '--block of nothing' '' '' --block 4
check_messages '--whole stdin' $'<a\nb\n>' 'a\nb\n' --whole
check_messages '--whole of nothing is an empty message' '<>' '' --whole

# Any byte is allowed, in every framing.
head -c 300000 /dev/urandom >"$scratch/random"
check_binary() { # NAME DELIMITER
    next_queue
    (cat "$scratch/random" && printf '%b' "$2") >"$scratch/in"
    put -q -D "$2" <"$scratch/in"
    rest -D "$2" >"$scratch/back"
    check_same "$1" "$scratch/in" "$scratch/back"
}
check_binary 'binary lines' '\n'
check_binary 'binary, NUL between' '\0'
check_binary 'binary, \xff between' '\xff'
next_queue
put -q --block 64K --input "$scratch/random"
check_equal 'blocks filled in place: their number' 5 "$(queue_field "$queue" messages)"
rest --raw >"$scratch/back"
check_same 'blocks filled in place: their content' "$scratch/random" "$scratch/back"
next_queue
dd bs=777 status=none <"$scratch/random" | dd obs=1000 status=none | put -q --block 100000
check_equal 'blocks do not depend on how a pipe was written' 3 "$(queue_field "$queue" messages)"
rest --raw >"$scratch/back"
check_same 'blocks from a pipe: their content' "$scratch/random" "$scratch/back"
next_queue
for size in 0 1 63 64 65 300 70000; do
    printf '%b' "$(printf '\\x%02x' $((size >> 24)) $((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)))"
    head -c "$size" "$scratch/random"
done >"$scratch/in"
put -q --length-prefixed <"$scratch/in"
rest --length-prefixed >"$scratch/back"
check_same 'length-prefixed there and back' "$scratch/in" "$scratch/back"

# The error names what is wrong; what came before it is in the queue.
check_bad_input() { # NAME EXPECTED REGEX INPUT-FORMAT OPTION...
    local name=$1 expected=$2 regex=$3
    # shellcheck disable=SC2059 # a format it is
    printf "$4" >"$scratch/in"
    shift 4
    next_queue
    check_status "$name: exit 1" 1 put "$@" <"$scratch/in"
    check_match "$name: the error names it" "^producer: .*$regex" "$scratch/err"
    check_equal "$name: what was before it arrives" "$expected" "$(bracketed)"
}
check_bad_input 'length cut short' '<a>' 'record 2 ' '\0\0\0\1a\0\0' --length-prefixed
check_bad_input 'record cut short' '<a><>' 'record 3 ' '\0\0\0\1a\0\0\0\0\0\0\0\5abc' --length-prefixed
check_bad_input 'record too long' '<a>' 'record 2 .*1000 bytes' '\0\0\0\1a\0\0\3\351' --length-prefixed --max-message 1000
check_bad_input 'length without sense' '<a>' 'record 2 ' '\0\0\0\1a\377\377\377\377b' --length-prefixed
check_bad_input 'line one byte too long' $'<a><1234>' 'line 3 .*4 bytes' 'a\n1234\n12345\nb\n' --max-message 4
check_bad_input 'last line one byte too long' '<1234>' 'line 2 .*4 bytes' '1234\n12345' --max-message 4
check_bad_input 'message one byte too long' '<1234>' 'message 2 .*4 bytes' '1234,12345,' -D , --max-message 4
check_bad_input 'whole input one byte too long' '' 'standard input.*4 bytes' '12345' --whole --max-message 4
check_messages 'exactly the longest message' '<1234><1234>' '1234\n1234' --max-message 4
check_messages 'exactly the longest record' '<1234>' '\0\0\0\0041234' --length-prefixed --max-message 4
check_messages 'exactly the longest whole' '<1234>' '1234' --whole --max-message 4
next_queue
check_status 'a line without end is given up early' 1 put --max-message 1000 < <(tr '\0' x </dev/zero 2>/dev/null)

# ------------------------------------------------------------------ inputs

printf '1\n2' >"$scratch/no end"
printf '3\n' >"$scratch/-dash"
: >"$scratch/nothing"
next_queue
printf 's\n' | put -q --input "$scratch/no end" --input "$scratch/nothing" --input - --input "$scratch/-dash"
check_equal 'inputs one after the other, each with lines of its own' '<1><2><s><3>' "$(bracketed)"
next_queue
(cd "$scratch" && put -q --input=-dash)
check_equal 'a file whose name looks like an option' '<3>' "$(bracketed)"
next_queue
printf 's\n' | put -q --input - --input -
check_equal 'stdin twice is empty the second time' '<s>' "$(bracketed)"
next_queue
put -q --whole --input "$scratch/no end" --input "$scratch/nothing" --input "$scratch/-dash" --input /dev/null
check_equal '--whole: a message a file, also of an empty one' $'<1\n2><><3\n><>' "$(bracketed)"
next_queue
put -q --whole --input /proc/sys/kernel/ostype
check_equal '--whole of a file that does not know its size' '<Linux
>' "$(bracketed)"
next_queue
head -c 1001 /dev/zero >"$scratch/large"
check_status '--whole of a file too long: exit 1' 1 \
    put --max-message 1000 --whole --input "$scratch/-dash" --input "$scratch/large" --input "$scratch/no end"
check_match '--whole of a file too long: names file and limit' "$scratch/large.*1000 bytes" "$scratch/err"
check_equal '--whole of a file too long: those before are there' $'<3\n>' "$(bracketed)"
next_queue
mkfifo "$scratch/fifo"
printf 'through\na fifo' >"$scratch/fifo" &
put -q --input "$scratch/fifo"
check_equal 'a fifo' '<through><a fifo>' "$(bracketed)"

# Nothing is created or put before all inputs can be opened.
check_no_input() { # NAME REGEX OPTION...
    local name=$1 regex=$2
    shift 2
    next_queue
    check_status "$name: exit 1" 1 put "$@"
    check_match "$name: is named" "^producer: $regex" "$scratch/err"
    check "$name: no queue is left behind" no_queue_left
}
check_no_input 'missing file' "$scratch/nowhere: .*No such file" --input "$scratch/nowhere"
check_no_input 'second file missing' "$scratch/nowhere: " --input "$scratch/-dash" --input "$scratch/nowhere"
check_no_input 'directory' "$scratch: .*directory" --input "$scratch"
check_no_input 'directory as stdin' 'standard input: .*directory' <"$scratch"
check_no_input 'fifo that is to be split' "$scratch/fifo: .*--split" --split 1/2 --input "$scratch/fifo"
check_no_input 'fifo that is to be resumed' "$scratch/fifo: .*--resume" --resume --input "$scratch/fifo"
check_no_input 'closed stdin' 'standard input: ' <&-
check_no_input 'closed stdin as --input' 'standard input: ' --input "$scratch/-dash" --input - <&-

# ------------------------------------------------------------------ words, random

check_words() { # NAME EXPECTED OPTION...
    local name=$1 expected=$2
    shift 2
    next_queue
    check_status "$name: exit 0" 0 put "$@"
    check_equal "$name" "$expected" "$(bracketed)"
}
check_words 'words' $'<a><b c><><d\ne><--count><-->' -- a 'b c' '' $'d\ne' --count --
check_words 'no words' '' --
check_words 'some of the words' '<a><b>' --count 2 -- a b c
next_queue
check_status 'a word too long' 1 put --max-message 4 -- 1234 12345
check_match 'a word too long is named' '^producer: word 2.* 4 bytes' "$scratch/err"
check_equal 'the word before arrives' '<1234>' "$(bracketed)"

next_queue
random() { # OPTION...
    put -q --random "$@"
    rest
}
first=$(random --count 500 --seed 7)
check_equal 'as many integers as asked for' 500 "$(wc -l <<<"$first")"
check_equal 'the same seed, the same integers' "$first" "$(random --count 500 --seed 7)"
check 'another seed, others' test "$first" != "$(random --count 500 --seed 8)"
check 'no seed, others each time' test "$(random --count 500)" != "$(random --count 500)"
check_equal '--delay takes nothing from the seed' "$(head -n 20 <<<"$first")" "$(random --count 20 --seed 7 --delay 0:1ms)"
check_equal 'integers from 1 to 100, all of them' "$(seq 100)" "$(random --count 20000 --seed 1 | sort -nu)"

# ------------------------------------------------------------------ --split

printf '\n' >"$scratch/odd.1"
printf 'a' >"$scratch/odd.2"
: >"$scratch/odd.3"
(tr '\0' x </dev/zero 2>/dev/null | head -c 200000) >"$scratch/odd.4"
(printf 'a\n' && cat "$scratch/odd.4" && printf '\nb') >"$scratch/odd.5"
printf 'a\nbb\n' >"$scratch/odd.6"
(printf '\n\n\n\n\n\n\n\n\n\n\n' && seq 100 && printf '\n\n\nx') >"$scratch/odd.7"
(seq 5000 | sed 's/$/\r/') >"$scratch/odd.8"

# With a single lane, the parts come out in the order in which they went in.
check_split() { # NAME FILE PARTS OPTION...: $scratch/expected has the expected output
    local name=$1 file=$2 parts=$3 part
    shift 3
    for ((part = 1; part <= parts; part++)); do
        put -q --split "$part/$parts" --input "$file" "$@"
    done
    rest --length-prefixed >"$scratch/joined"
    check_same "$name" "$scratch/expected" "$scratch/joined"
}
expect_of() { # FILE OPTION...
    next_queue
    put -q --lanes 1 --input "$@" && rest --length-prefixed >"$scratch/expected"
}
for shape in 1 2 3 4 5 6 7 8; do
    expect_of "$scratch/odd.$shape"
    for parts in 1 2 3 4 5 6 7; do
        check_split "--split, $parts parts of shape $shape" "$scratch/odd.$shape" "$parts"
    done
done
expect_of "$scratch/random" -0
check_split '--split by NUL' "$scratch/random" 5 -0
expect_of "$scratch/random" --block 1000
check_split '--split of blocks' "$scratch/random" 7 --block 1000
expect_of "$scratch/random" --block 64K
check_split '--split of blocks, more parts than blocks' "$scratch/random" 7 --block 64K

next_queue
seq 300000 >"$scratch/numbers"
for part in 1 2 3; do
    put -q --split "$part/3" --input "$scratch/numbers" --input "$scratch/odd.7" &
done
rest --producers 3 >"$scratch/back"
wait_for_others "$slow"
cat "$scratch/numbers" "$scratch/odd.7" <(echo) >"$scratch/expected"
check_same_lines 'three producers at once share two files' "$scratch/expected" "$scratch/back"

# ------------------------------------------------------------------ flow

check_messages '--count' '<a><b>' 'a\nb\nc\n' --count 2
check_messages '--count 0 is no limit' '<a><b><c>' 'a\nb\nc\n' --count 0
check_messages '--count above what there is' '<a><b>' 'a\nb\n' --count 3
check_messages '--count of blocks' '<ab><cd>' 'abcdef' --block 2 --count 2
next_queue
rest=$(put -q --count 2 < <(printf '') && { put -q --count 2 && cat; } <"$scratch/thousand")
check_equal '--count leaves the rest of a file to the next reader' "$(seq 3 1000)" "$rest"
next_queue
{ read -r _ && put -q; } <"$scratch/-dash"
{ read -r _ && put -q --count 2; } <"$scratch/thousand"
check_equal 'a file on stdin is read from where it stands' '<2><3>' "$(bracketed)"

next_queue
started=$EPOCHREALTIME
put -q --rate 100 --count 31 --random
took=$(milliseconds_since "$started")
check '--rate is not exceeded' test "$took" -ge 290
next_queue
started=$EPOCHREALTIME
put -q --rate 2.5 -- a b
took=$(milliseconds_since "$started")
check '--rate may be broken' test "$took" -ge 390
next_queue
started=$EPOCHREALTIME
put -q --delay 20ms --count 11 --input "$scratch/thousand"
took=$(milliseconds_since "$started")
check '--delay is kept' test "$took" -ge 200
check_equal '--delay loses nothing' "$(seq 11)" "$(rest)"
next_queue
started=$EPOCHREALTIME
put -q --delay 10ms:30ms --count 11 --random
took=$(milliseconds_since "$started")
check '--delay MIN:MAX is at least MIN' test "$took" -ge 100

# ------------------------------------------------------------------ --echo

next_queue
printf 'a\n\nb' | put --echo 'sent: ' >"$scratch/out" 2>"$scratch/err"
check_equal '--echo prints each message' $'sent: a\nsent: \nsent: b' "$(cat "$scratch/out")"
check_match 'and nothing else' '^producer: produced 3 messages' "$scratch/err"
next_queue
check_equal '--echo and --quiet' $'x1\nx2' "$(put -q --echo x -- 1 2)"
next_queue
put -q --echo '' --input "$scratch/random" >"$scratch/out"
rest >"$scratch/back"
check_same '--echo of any bytes' "$scratch/back" "$scratch/out"
next_queue
put -q --capacity 4K --on-full fail --echo '' --input "$scratch/thousand" >"$scratch/out" 2>"$scratch/err"
check_equal '--echo only what is in the queue' "$(rest)" "$(cat "$scratch/out")"
next_queue
exec 5<>"$scratch/fifo"
start --echo 'sent: ' <"$scratch/fifo" >"$scratch/out"
echo one >&5
check '--echo is seen while the producer waits for more' wait_until 10 grep -qx 'sent: one' "$scratch/out"
kill -TERM "$pid"
end_status 'SIGTERM while it waits for a line: exit 0' 0
check_match 'and it says how many' 'produced 1 message' "$scratch/run.log"

check_echo_error() { # NAME REGEX
    check_equal "$1: exit 1" 1 "$status"
    check_match "$1: the error says so" "^producer: standard output: .*$2" "$scratch/err"
}
next_queue
put --echo x -- a >&- 2>"$scratch/err"
status=$?
check_echo_error '--echo on a closed stdout' 'not open'
check '--echo on a closed stdout: nothing is begun' no_queue_left
next_queue
put --echo x -- a >/dev/full 2>"$scratch/err"
status=$?
check_echo_error '--echo on a full disk' 'No space left'
check 'which is not that of the queue' eval "! grep -q /dev/shm '$scratch/err'"
next_queue
put --random --echo '' 2>"$scratch/err" | head -n 1 >/dev/null
status=${PIPESTATUS[0]}
check_echo_error '--echo to a reader that has gone' 'Broken pipe'
next_queue
put -- a b >&- 2>&-
check_equal 'closed stdout and stderr do no harm' 0 $?
check_equal 'the queue is not written on by mistake' '<a><b>' "$(bracketed)"

# ------------------------------------------------------------------ --on-full

check_full() { # NAME STATUS REGEX OPTION...
    local name=$1 status=$2 regex=$3
    shift 3
    next_queue
    check_status "$name: exit $status" "$status" put --capacity 4K --input "$scratch/thousand" "$@"
    check_match "$name: is said" "^producer: .*$regex" "$scratch/err"
    kept=$(queue_field "$queue" messages)
    check_match "$name: the count is what is in the queue" "^producer: produced $kept messages" "$scratch/err"
    check "$name: some were put" test "$kept" -gt 10 -a "$kept" -lt 1000
    counted="$(queue_field "$queue" dropped) $(queue_field "$queue" refused)"
    check_equal "$name: they are the first ones" "$(seq "$kept")" "$(rest)"
}
check_full '--on-full fail' 4 'full' --on-full fail
check_full '--on-full drop' 0 ', [0-9]+ dropped' --on-full drop
check_match '--on-full drop: put and dropped are all' "produced $kept messages.*, $((1000 - kept)) dropped" "$scratch/err"
check_equal '--on-full drop: the queue counts them' "$((1000 - kept)) $((1000 - kept))" "$counted"
check_full '--timeout' 4 'no room for 50 ms' --timeout 50ms
check_equal '--timeout: the queue counts one refusal' '0 1' "$counted"
check_full '--timeout of several slices' 4 'no room for 500 ms' --timeout 500ms
check_equal '--timeout of several slices: the queue counts one refusal' '0 1' "$counted"
check_full '--timeout 0' 4 'no room' --timeout 0
check_full '--on-full block, --timeout' 4 'no room' --on-full block --timeout 0.01s
next_queue
started=$EPOCHREALTIME
put -q --capacity 4K --timeout 300ms --input "$scratch/thousand" 2>/dev/null
took=$(milliseconds_since "$started")
check '--timeout is waited for' test "$took" -ge 300
next_queue
check_status '--on-full drop, quietly' 0 put -q --capacity 4K --on-full drop --input "$scratch/thousand"
check_match 'a loss is said all the same' '^producer: [0-9]+ dropped' "$scratch/err"

next_queue
start --capacity 4K --input "$scratch/thousand"
check 'by default, it waits when the queue is full' wait_until 10 is_blocked
rest >"$scratch/back"
end_status 'and goes on when there is room' 0
check_same 'nothing is lost' "$scratch/thousand" "$scratch/back"

# ------------------------------------------------------------------ --priority

next_queue
for priority in 7 6 5 4 3 2 1 0; do
    put -q --priority "$priority" -- "$priority"
done
put -q -- default
check_equal '--priority: lower is served first' '<0><1><2><3><4><default><5><6><7>' "$(rest --prefetch 1 --prefix '<' -D '>')"
next_queue
put -q --priority 7 -- late1 late2 late3
put -q --priority 0 -- soon1 soon2
check_equal '--priority: in turn within one' 'soon1 soon2 late1 late2 late3 ' "$(rest --prefetch 1 -D ' ')"

# ------------------------------------------------------------------ --resume

# Killed while it is blocked, so the test knows what it has put.
next_queue
blocked_count() {
    start --resume --capacity 4K "$@"
    wait_until 10 is_blocked
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    queue_field "$queue" messages
}
: >"$scratch/back"
for _ in 1 2 3; do
    kept=$(blocked_count --input "$scratch/thousand" 2>/dev/null)
    rest --count "$kept" >>"$scratch/back"
done
check_equal '--resume goes on after what was put, three times' "$(seq $((3 * kept)))" "$(cat "$scratch/back")"
check_equal '--resume with --count counts those of earlier runs' "$(seq $((3 * kept + 1)) $((3 * kept + 10)))" \
    "$(put -q --resume --count $((3 * kept + 10)) --input "$scratch/thousand" && rest)"

next_queue
seq 5 >"$scratch/grows"
put -q --resume --input "$scratch/grows"
put -q --resume --input "$scratch/grows"
check_equal '--resume of what is complete puts nothing' "$(seq 5)" "$(rest)"
seq 6 8 >>"$scratch/grows"
put -q --resume --input "$scratch/grows"
check_equal '--resume of a file that has grown puts what is new' "$(seq 6 8)" "$(rest)"
put -q --resume -0 --input "$scratch/grows"
check_equal '--resume with another framing is another source' "<$(seq 8)
>" "$(bracketed)"
put -q --input "$scratch/grows"
check_equal 'without --resume, all of it' "$(seq 8)" "$(rest)"
seq 2 >"$scratch/grows"
check_status '--resume of a file that has shrunk: exit 1' 1 put --resume --input "$scratch/grows"
check_match 'and says so' '^producer: .*grows: is not .*: it has become shorter' "$scratch/err"


# Kills it at any moment, again and again, and then lets it complete.
resume_through() { # KILLS OPTION...
    local kills=$1 pid
    shift
    for ((; kills > 0; kills--)); do
        "$producer" -q -Q "$queue" --resume "$@" &
        pid=$!
        random_pause 6
        kill -KILL "$pid"
        wait "$pid"
    done 2>/dev/null
    put -q --resume "$@" 2>>"$scratch/resume.err"
}

check_resume() { # NAME
    next_queue
    rest --grace 30s >"$scratch/back" &
    local reader=$!
    resume_through 15 "${@:2}" || not_ok "$1: completes" "$scratch/resume.err"
    wait "$reader"
    check_equal "$1: the consumer's exit status" 0 $?
    check_same "$1: the whole stream exactly once" "$scratch/expected" "$scratch/back"
}
cp "$scratch/numbers" "$scratch/expected"
check_resume 'killed at any moment' --rate 1000000 --input "$scratch/numbers"
check_resume 'killed at any moment, small queue' --capacity 64K --input "$scratch/numbers"
cat "$scratch/thousand" "$scratch/odd.5" <(echo) "$scratch/numbers" "$scratch/no end" <(echo) >"$scratch/expected"
check_resume 'killed at any moment, several inputs' --input "$scratch/thousand" --input "$scratch/odd.5" \
    --input "$scratch/nothing" --input "$scratch/numbers" --input "$scratch/no end"

next_queue
for part in 1 2 3; do
    resume_through 10 --rate 1000000 --split "$part/3" --input "$scratch/numbers" &
done
rest --producers 3 --grace 30s >"$scratch/back"
check_equal 'parts killed at any moment, in parallel: exit 0' 0 $?
wait_for_others "$slow"
check_same_lines 'parts killed at any moment, in parallel: each line once' "$scratch/numbers" "$scratch/back"

# ------------------------------------------------------------------ signals

for signal in INT TERM; do
    next_queue
    start --random --rate 10000
    wait_until 10 holds_at_least 20
    kill -"$signal" "$pid"
    end_status "SIG$signal: exit 0" 0
    kept=$(queue_field "$queue" messages)
    check_match "SIG$signal: the count is what is in the queue" "^producer: produced $kept messages" "$scratch/run.log"
    check_equal "SIG$signal: it has finished, for its consumers" 1 "$(queue_field "$queue" finished)"

    next_queue
    start --random --delay 60s
    wait_until 10 holds_at_least 1
    kill -"$signal" "$pid"
    end_status "SIG$signal during a pause: exit 0" 0

    next_queue
    start --random --capacity 4K
    wait_until 10 is_blocked
    kill -"$signal" "$pid"
    end_status "SIG$signal while it is blocked: exit 0" 0
    kept=$(queue_field "$queue" messages)
    check_match "SIG$signal while it is blocked: the count" "^producer: produced $kept messages" "$scratch/run.log"
done

# With --resume, an end before the end of the input does not end the stream.
next_queue
for signal in INT TERM; do
    start --resume --capacity 4K --input "$scratch/thousand"
    wait_until 10 is_blocked
    kill -"$signal" "$pid"
    end_status "SIG$signal before the end of what can be resumed: exit 0" 0
    kept=$(queue_field "$queue" messages)
    check_match "SIG$signal before the end: how far it came is said" \
        "^producer: stopped by a signal after [0-9]+ of $(wc -c <"$scratch/thousand") bytes" "$scratch/run.log"
    check_equal "SIG$signal before the end: the stream is not finished" '0 1' \
        "$(queue_field "$queue" finished) $(queue_field "$queue" unfinished)"
    rest >>"$scratch/resumed"
    check_equal "SIG$signal before the end: the consumer has all of it, and says 3" "$kept 3" \
        "$(wc -l <"$scratch/resumed") $(timeout 30 "$consumer" -q -Q "$queue" --grace 10ms 2>/dev/null; echo $?)"
    : >"$scratch/resumed"
done
next_queue
: >"$scratch/resumed"
start --resume --rate 2000 --input "$scratch/thousand"
wait_until 10 holds_at_least 100
kill -TERM "$pid"
end_status 'SIGTERM, to go on later: exit 0' 0
rest >"$scratch/resumed"
put -q --resume --input "$scratch/thousand"
check_equal 'the same command goes on: exit 0 of the consumer' 0 "$(rest >>"$scratch/resumed"; echo $?)"
check_same 'the same command goes on: exactly there' "$scratch/thousand" "$scratch/resumed"
next_queue
start --rate 100 --input "$scratch/thousand"
wait_until 10 holds_at_least 1
kill -TERM "$pid"
end_status 'SIGTERM in the middle of a file, without --resume: exit 0' 0
check_match 'SIGTERM in the middle of a file: the summary says so' 'produced [0-9]+ message.*, stopped by a signal' "$scratch/run.log"
next_queue
start --resume --input "$scratch/thousand" --count 10 --rate 100
wait_until 10 holds_at_least 5
end_status 'what can be resumed, and is done: exit 0' 0
check_equal 'what can be resumed, and is done, is finished' 1 "$(queue_field "$queue" finished)"
next_queue
start --resume --rate 100 --input "$scratch/thousand"
wait_until 10 holds_at_least 1
"$monitor" remove -q --force "$queue"
kill -TERM "$pid"
end_status 'SIGTERM before the end, when the queue has gone: exit 5' 5

# Makes a dead producer's unfinished stream.
leave_dead() { # OPTION...
    next_queue
    start "$@" --rate 100 --input "$scratch/thousand"
    wait_until 10 holds_at_least 1
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    rest --discard
    check_equal "a dead producer, $*: consumers say 3" 3 $?
}
leave_dead --priority 4
dead=$pid
timeout 60 "$producer" -Q "$queue" -- 2>"$scratch/err"
rest --discard
check_equal 'any other producer finishes what was left' 0 $?
check_match 'any other producer finishes what was left: and says so' \
    "^producer: queue '$queue': takes the lane of a producer \(pid $dead\) that died before the end of its stream" "$scratch/err"
timeout 60 "$producer" -Q "$queue" -- 2>"$scratch/err"
check_equal 'the next one: takes nobody'\''s lane' '' "$(grep 'takes the lane' "$scratch/err")"
leave_dead --resume
put -q --
rest --discard
check_equal 'but not what waits for --resume' 3 $?
put -q --resume --input "$scratch/thousand"
rest --discard
check_equal 'which the same command does' 0 $?

next_queue
start --capacity 4K < <(cat "$scratch/thousand")
wait_until 10 is_blocked
kill -TERM "$pid"
wait "$pid"
status=$?
kept=$(queue_field "$queue" messages)
check 'SIGTERM: exit 0 means that all that it read is in the queue' test "$status" -ne 0 -o "$kept" -eq 1000
next_queue
start --capacity 4K < <(cat "$scratch/thousand")
wait_until 10 is_blocked
kill -TERM "$pid"
rest >"$scratch/back"
end_status 'SIGTERM while it is blocked, and then there is room: exit 0' 0
check_same 'what it had read from a pipe is put' "$scratch/thousand" "$scratch/back"

# Words that a signal cuts off are gone, as what was read from a pipe is.
next_queue
put -q --lanes 1 --capacity 4K --on-full drop --input "$scratch/thousand" 2>/dev/null
start -- x y
wait_until 10 is_blocked
kill -TERM "$pid"
end_status 'SIGTERM while words wait for room: exit 1' 1
check_match 'SIGTERM while words wait for room: how many' '^producer: 2 of 2 words could not be put before the signal \(the queue was full' "$scratch/run.log"
next_queue
start --delay 60s -- x y
wait_until 10 holds_at_least 1
kill -TERM "$pid"
end_status 'SIGTERM between two words: exit 0' 0
check_match 'SIGTERM between two words: the summary says so' '^producer: produced 1 message, .*, stopped by a signal$' "$scratch/run.log"

# timeout(1) signals its child, and then the whole group.
for _ in {1..20}; do
    next_queue
    start --capacity 4K < <(cat "$scratch/thousand")
    wait_until 10 is_blocked
    signal_twice TERM "$pid" && break
    kill_now "$pid"
done
rest >"$scratch/back"
end_status 'SIGTERM twice within microseconds: is one request, exit 0' 0
check_same 'SIGTERM twice within microseconds: what it had read is put' "$scratch/thousand" "$scratch/back"

# A full pipe keeps the producer from ending at the first signal.
fill_pipe() { # DESCRIPTOR
    dd if=/dev/zero of="/dev/fd/$1" bs=4096 oflag=nonblock conv=notrunc status=none 2>/dev/null
}
mkfifo "$scratch/fifo.full"
exec 6<>"$scratch/fifo.full"
fill_pipe 6
for signal in INT:130 TERM:143; do
    next_queue
    start --random --count 1 --echo '' >&6
    wait_until 10 holds_at_least 1
    kill -"${signal%:*}" "$pid"
    wait_until 10 no_signal_pending "$pid"
    sleep 0.15 # two signals in less time count as one request
    kill -"${signal%:*}" "$pid"
    end_status "a second SIG${signal%:*} stops it at once" "${signal#*:}"
done
exec 6>&-

next_queue
start --random --delay 60s
wait_until 10 holds_at_least 1
kill -USR1 "$pid"
check 'SIGUSR1 prints the statistics' wait_until 10 grep -q '^producer: produced 1 message' "$scratch/run.log"
kill -USR1 "$pid"
kill -TERM "$pid"
end_status 'SIGUSR1 does not end it' 0

# ------------------------------------------------------------------ attaching

# How much of the queue a producer has mapped after it has put its first message.
mapped_parts() { # MESSAGES-BEFORE
    start --random --delay 60s
    wait_until 10 holds_at_least $(($1 + 1))
    grep -c -F "/dev/shm/shmq.$queue" "/proc/$pid/maps"
    kill -TERM "$pid"
    wait "$pid"
}
next_queue
fresh=$(mapped_parts 0)
next_queue
for priority in 0 1 2; do # each has its own lane, because the others' messages have another priority
    put -q --priority $priority -- a b c
done
check_equal 'attaching looks at no lane but its own' "$fresh" "$(mapped_parts 9)"

# ------------------------------------------------------------------ the queue ends

next_queue
put -q -- a
"$monitor" shutdown -q "$queue"
check_status 'a queue that is shut down: exit 3' 3 put -- b
check_match 'and says so' '^producer: .*shut down' "$scratch/err"
check_equal 'what was in it is delivered' '<a>' "$(bracketed)"

check_end() { # NAME STATUS REGEX VERB...
    local name=$1 status=$2 regex=$3
    shift 3
    next_queue
    start --random --rate 1000
    wait_until 10 holds_at_least 5
    "$monitor" -q "$@" -- "$queue"
    end_status "$name: exit $status" "$status"
    check_match "$name: is said" "^producer: .*$regex" "$scratch/run.log"
    next_queue
    start --random --capacity 4K
    wait_until 10 is_blocked
    "$monitor" -q "$@" -- "$queue"
    end_status "$name while it is blocked: exit $status" "$status"
    next_queue
    start <&5
    wait_until 10 test -e "/dev/shm/shmq.$queue"
    wait_until 10 queue_has producers 1
    "$monitor" -q "$@" -- "$queue"
    echo line >&5
    end_status "$name while it waits for input: exit $status" "$status"
}
check_end 'shut down' 3 'shut down' shutdown
check_end 'shut down now' 3 'shut down' shutdown --now
check_end 'removed' 5 'removed' remove --force
next_queue
head -c 5000 "$scratch/random" >"/dev/shm/shmq.$queue"
check_status 'an object that is no queue: exit 5' 5 put -- a
check_match 'and says so' '^producer: .*' "$scratch/err"
rm -f "/dev/shm/shmq.$queue"

# ------------------------------------------------------------------ creating options

next_queue
(umask 077 && put -q --capacity 100K --max-message 1000 --lanes 3 --seats 5 --mode 0640 --group 54321 --tick 20ms -- a)
check_equal 'capacity is rounded up' 131072 "$(queue_field "$queue" capacity_bytes)"
check_equal 'max-message' 1000 "$(queue_field "$queue" max_message_bytes)"
check_equal 'lanes' 3 "$(queue_field "$queue" lanes)"
check_equal 'seats' 5 "$(queue_field "$queue" seats)"
check_equal 'tick' 20000000 "$(queue_field "$queue" tick_ns)"
check_equal 'consumers keep times' true "$(queue_field "$queue" has_latency)"
check_equal 'mode and group' '640 54321' "$(stat -c '%a %g' "/dev/shm/shmq.$queue")"
check_status 'the same options again' 0 put --capacity 128K --max-message 1000 --lanes 3 --seats 5 --mode 0640 -- b
check_status 'none of them' 0 put -- c
check_status '--no-latency is for new queues' 0 put --no-latency -- c
check_equal '--no-latency is for new queues: nothing changes' true "$(queue_field "$queue" has_latency)"
check_difference() { # OPTION WANTED PRESENT [WORDS]
    check_status "another $1: exit 5" 5 put "$1" "$2" -- d
    check_match "another $1: both are said" \
        "^producer: queue '$queue': exists with ${1#--} $3, not ${4:-$2} \\(drop $1, or remove the queue and start anew" "$scratch/err"
}
check_difference --capacity 256K 128K
check_difference --capacity 300000 128K '512K \(300000 rounded up\)'
check_difference --max-message 1001 1000
check_difference --lanes 4 3
check_difference --seats 6 5
check_difference --mode 0600 0640
check_difference --group 0 54321 "$(getent group 0 | cut -d : -f 1)"
check_difference --tick 50ms 20ms
check_difference --tick 1.5ms 20ms
check_status 'several differences: exit 5' 5 put --capacity 4K --lanes 1 --seats 5 --tick 1s -- d
check_match 'several differences: all are said, and no other' \
    ": exists with capacity 128K, not 4K; lanes 3, not 1; tick 20ms, not 1s \\(drop --capacity and --lanes and --tick," \
    "$scratch/err"
check_status 'another capacity, rounded up' 0 put -v --capacity 100K -- d
check_match 'another capacity, rounded up: is said' '^producer: --capacity 100K: rounded up to 128K' "$scratch/err"
check_status 'another capacity, without -v' 0 put --capacity 100K -- d
check_equal 'another capacity, without -v: is not said' 0 "$(grep -c rounded "$scratch/err")"
check_status '--block larger than the messages of a queue: exit 1' 1 put --block 1001 </dev/null
check_match 'says so' '^producer: --block 1001: larger than .* of 1000 \(create the queue with --max-message 1001 or more' "$scratch/err"
next_queue
put -q --no-latency -- a
check_equal '--no-latency' false "$(queue_field "$queue" has_latency)"
next_queue
put -q --capacity 16M --max-message 10M -- a
check_status 'a largest message that is above the default capacity, but not above the real one' 0 put --max-message 10M -- b
next_queue
put -q -- a
check_equal 'defaults' '8388608 2097152 64 64 0600' "$(for field in capacity_bytes max_message_bytes lanes seats mode; do
    queue_field "$queue" "$field"
done | tr '\n' ' ' | sed 's/ $//')"

next_queue
start --lanes 1 --random --delay 60s
wait_until 10 holds_at_least 1
owner=$pid
check_status 'all lanes taken, --timeout: exit 4' 4 put --timeout 200ms -- a
check_match 'all lanes taken, --timeout: says by whom, and what to do' \
    "^producer: queue '$queue': no free lane for 200 ms: .*in use by a living producer .*--lanes" "$scratch/err"
check_status 'all lanes taken, --timeout 0: exit 4' 4 put --timeout 0 -- a
for how in fail drop; do
    check_status "all lanes taken, --on-full $how: exit 4" 4 put --on-full $how -- a
    check_match "all lanes taken, --on-full $how: is said" 'no free lane: .*living' "$scratch/err"
done
start -- waited
wait_until 10 grep -q 'waiting for a lane' "$scratch/run.log"
check_match 'all lanes taken: after a second, says what it waits for' \
    "^producer: queue '$queue': waiting for a lane: .*in use by a living producer" "$scratch/run.log"
kill -USR1 "$pid"
check 'waiting for a lane: SIGUSR1 is answered' wait_until 10 grep -q 'produced 0 messages' "$scratch/run.log"
kill -KILL "$owner"
freed=${EPOCHREALTIME//[!0-9]/}
wait "$owner" 2>/dev/null
end_status 'the lane of a producer that dies is taken by one that waits' 0
took=$(((${EPOCHREALTIME//[!0-9]/} - freed) / 1000))
check 'soon' test "$took" -lt 1000
check_equal 'and it is said once what is waited for' 1 "$(grep -c waiting "$scratch/run.log")"
rest --raw >"$scratch/out"
check_match 'what waited is delivered' 'waited$' "$scratch/out"

next_queue
start --lanes 1 --random --delay 60s
owner=$pid
wait_until 10 holds_at_least 1
start -- a
wait_until 10 grep -q waiting "$scratch/run.log"
kill -TERM "$pid"
end_status 'SIGTERM while words wait for a lane: exit 1' 1
check_match 'SIGTERM while words wait for a lane: how many' '^producer: 1 of 1 word could not be put before the signal \(it still had no lane' \
    "$scratch/run.log"
start </dev/null
wait_until 10 grep -q waiting "$scratch/run.log"
kill -TERM "$pid"
end_status 'SIGTERM while it waits for a lane: exit 0' 0
check_match 'SIGTERM while it waits for a lane: nothing was sent, which is said' 'produced 0 messages' "$scratch/run.log"
start -- a
wait_until 10 grep -q waiting "$scratch/run.log"
"$monitor" shutdown -q "$queue"
end_status 'a queue shut down while it waits for a lane: exit 3' 3
next_queue
kill -KILL "$owner"
wait "$owner" 2>/dev/null
start --lanes 1 --random --delay 60s
owner=$pid
wait_until 10 holds_at_least 1
start -- new
wait_until 10 grep -q waiting "$scratch/run.log"
"$monitor" remove -q --force "$queue"
end_status 'a queue removed while it waits for a lane: it makes a new one' 0
check_equal 'a queue removed while it waits for a lane: with what it sends in it' new "$(rest)"
kill -KILL "$owner"
wait "$owner" 2>/dev/null

# Lanes that are kept for their sources are different: there is no living producer to wait for.
next_queue
start --lanes 1 --resume --rate 100 --input "$scratch/thousand"
wait_until 10 holds_at_least 1
kill -KILL "$pid"
wait "$pid" 2>/dev/null
check_status 'the lane waits for its source: exit 4' 4 put --timeout 200ms -- a
check_match 'the lane waits for its source: says so, and what to do' \
    "no free lane .*0 of 1 in use by living producers, 1 reserved for unfinished sources .*--resume.*'monitor finish $queue'" "$scratch/err"
start -- a
wait_until 10 grep -q waiting "$scratch/run.log"
check_match 'the lane waits for its source: is said while it waits, too' 'reserved for unfinished sources' "$scratch/run.log"
"$monitor" finish -q "$queue"
end_status 'the lane waits for its source: given up, it is taken' 0
rest --discard
check_equal 'the lane waits for its source: given up, the stream has an end' 0 $?

next_queue
for ((i = 1; i <= 12; i++)); do
    put -q -- "$i" &
    makers[i]=$!
done
failures=0
for ((i = 1; i <= 12; i++)); do
    wait "${makers[i]}" || failures=$((failures + 1))
done
check_equal 'twelve that make the same queue at once' 0 $failures
check_equal 'all their messages are there' "$(seq 12)" "$(rest | sort -n)"

# ------------------------------------------------------------------ usage

next_queue
for bad in '--count x' '--count -1' '--count 1.5' '--count 99999999999999999999' '--rate 0' '--rate x' '--rate -1' \
    '--delay x' '--delay 2:1' '--delay 1:' '--delay :1' '--delay 1d' '--delay 9999999999h' '--seed x' '--seed -1' \
    '--timeout x' '--timeout -1' '--timeout 1:2' '--block 0' '--block x' '--block 1T' '--block 1KK' '--block 1.5K' \
    '--block -1' '--on-full maybe' '--on-full Block' '--priority 8' '--priority -1' '--priority x' '--split 0/3' \
    '--split 4/3' '--split 3' '--split x/y' '--split 1/0' '--split /' '--split 1/2/3' '--delimiter ab' \
    '--delimiter \q' '--delimiter \x1' '--delimiter \xgg' '--delimiter é' '--capacity 0' '--capacity x' \
    '--capacity -5' '--capacity 8MB' '--capacity 65G' '--capacity 99999999999999999999' '--max-message 0' \
    '--max-message x' '--lanes 0' '--lanes 1025' '--lanes x' '--seats 0' '--seats 1025' '--mode 999' '--mode x' \
    '--mode 0400' '--mode 0666' '--mode 0700' '--mode 01600' '--group no-such-group' '--tick 0' '--tick 1us' '--tick 1h'; do
    # shellcheck disable=SC2086 # it is two words
    check_usage producer put "${bad% *} " $bad
done
for option in --count --rate --delay --timeout --block --split --delimiter --capacity --max-message --lanes --seats \
    --mode --group --tick --priority --seed --on-full --input --queue; do
    check_usage producer put "$option" "$option" ''
    check_usage producer put "${option#--}" "$option"
done
check_usage producer put 'queue' -Q 'with blank'
check_usage producer put 'queue.*200' -Q "$(printf '%0201d' 0)"
check_usage producer put "queue 'a/b': not a valid name" -Q 'a/b'
check_usage producer put "queue 'a[*]': not a valid name" --queue 'a*'
SHMQ_QUEUE=a/b check_status 'a bad SHMQ_QUEUE' 2 "$producer" -- a
check_usage producer put '--bogus' --bogus
check_usage producer put "'x'" -x
check_usage producer put '--random' --random=5
check_usage producer put '--input and --random' --input "$scratch/thousand" --random
check_usage producer put '--input and words' --input "$scratch/thousand" -- a
check_usage producer put '--random and words' --random -- a
check_usage producer put '-0 \(--null\) and --block: only one' -0 --block 4
check_usage producer put '--block and --null: only one' --block 4 --null
check_usage producer put '-D \(--delimiter\) ab: not one byte' -D ab
check_usage producer put '--whole.*--length-prefixed|--length-prefixed.*--whole' --length-prefixed --whole
check_usage producer put '--rate and --delay' --rate 1 --delay 1
check_usage producer put '--rate and --delay' --version --rate 1 --delay 1
check_usage producer put '--timeout' --timeout 1s --on-full drop
check_usage producer put '--split.*--length-prefixed' --split 1/2 --length-prefixed --input "$scratch/thousand"
check_usage producer put '--split.*--whole' --split 1/2 --whole --input "$scratch/thousand"
check_usage producer put '--split' --split 1/2
check_usage producer put '--split.*standard input|standard input.*--split' --split 1/2 --input -
check_usage producer put '--resume' --resume
check_usage producer put '--resume' --resume --input -
check_usage producer put '--resume' --resume --random
check_usage producer put '--resume' --resume --on-full drop --input "$scratch/thousand"
check_usage producer put '--block' --random --block 4
check_usage producer put '--block 2K: larger than --max-message 1K' --block 2K --max-message 1K
check_usage producer put '--max-message' --max-message 16M --capacity 8M -- a
check_usage producer put 'thousand: .*--input' "$scratch/thousand"
check_usage producer put 'word: .*--' --count 3 word
check_match 'and where to find help' "^Try 'producer --help'" "$scratch/err"
check 'no usage error makes a queue' no_queue_left
put --max-message 16M -- a 2>"$scratch/err" && not_ok '--max-message above the default capacity'
check_match '--max-message above the default capacity is named' 'max-message' "$scratch/err"

next_queue
queue=$queue.$(printf "%0$((200 - ${#queue} - 1))d" 0)
check_words 'a name of 200 characters' '<a>' -- a
next_queue
check_equal 'SHMQ_QUEUE is heeded' '<a>' "$(SHMQ_QUEUE=$queue "$producer" -q -- a && bracketed)"
SHMQ_QUEUE=$queue.other put -q -- b
check_equal '-Q is stronger' '<b>' "$(bracketed)"

for option in -h --help; do
    check_status "$option" 0 "$producer" $option
    check_match "$option is on stdout" '^Usage: producer' "$scratch/out"
    check_equal "$option says nothing on stderr" '' "$(cat "$scratch/err")"
done
for option in --queue --verbose --quiet --help --version --capacity --max-message --lanes --seats --mode --group --input \
    --random --delimiter --null --length-prefixed --block --whole --split --count --rate --delay --seed --echo --on-full \
    --timeout --priority --resume --progress --progress-interval; do
    check_match "--help tells of $option" "(^|[ ,])$option( |\$)" "$scratch/out"
done
for option in -V --version; do
    check_status "$option" 0 "$producer" $option
    check_match "$option is on stdout" '^producer .*[0-9]+\.[0-9]+' "$scratch/out"
done
"$producer" --help >/dev/full 2>"$scratch/err"
check_equal '--help that cannot be written: exit 1' 1 $?
check_match 'and says so' '^producer: standard output' "$scratch/err"

next_queue
check_status '--quiet' 0 put --quiet -- a
check_equal '--quiet says nothing' '' "$(cat "$scratch/err" "$scratch/out")"
check_status '--verbose' 0 put --verbose -- a
check_match '--verbose says more' 'attached' "$scratch/err"
check_status 'a plain run' 0 put -- a b
check_equal 'a plain run says one line' 1 "$(wc -l <"$scratch/err")"
check_match 'a plain run says how many' '^producer: produced 2 messages, 2 B ' "$scratch/err"
next_queue
check_status 'long options, all at once' 0 put --verbose --capacity 64K --max-message 1K --lanes 2 --seats 2 --mode 600 \
    --group 0 --tick 10ms --input "$scratch/thousand" --delimiter '\n' --split 1/1 --count 3 --rate 1000 --seed 1 \
    --echo '' --on-full block --timeout 1.5s --priority 0 --progress --quiet
check_equal 'long options: what goes in comes out' '<1><2><3>' "$(bracketed)"
check '--progress on a file: whole lines at an interval' \
    wait_until 20 grep -Eq '^producer: .* in \(.*/s\), .* out \(.*/s\), .* full' "$scratch/progress.log"
kill -TERM "$slow"
wait "$slow"
"$monitor" remove -q --force "$slow_queue"
check 'progress on a file has no control characters' eval "! grep -q \$'[\r\033]' '$scratch/progress.log'"
if script --version >/dev/null 2>&1; then
    next_queue
    script -qec "'$producer' -Q '$queue' --random --progress --rate 20 --count 12" /dev/null </dev/null >"$scratch/out"
    check_match 'progress on a terminal is one line that changes' $'\r'"(producer: )?[0-9]+ in \(.*/s" "$scratch/out"
else
    skip 'progress on a terminal is one line that changes' 'script is missing'
fi

# ------------------------------------------------------------------ headers
next_queue
check_status '--header: exit 0' 0 "$producer" -q -Q "$queue" --header 'Color: red' --header 'x-y:  two words ' -- a '' b
head -c 100000 /dev/zero >"$scratch/headed"
check_status '--header: from a file, at once' 0 "$producer" -q -Q "$queue" --header 'Color: blue' --whole --input "$scratch/headed"
# shellcheck disable=SC2016 # expanded by the command's shell
"$consumer" -q -Q "$queue" --exec 'printf "%s|%s|%s\n" "$(wc -c)" "$SHMQ_HEADER_COLOR" "$SHMQ_HEADER_X_Y"' >"$scratch/out"
check_equal '--header: with every message' $'1|red|two words\n0|red|two words\n1|red|two words\n100000|blue|' "$(cat "$scratch/out")"
for header in '' x ': x' 'a b: c' $'a: b\nc: d' $'a: b\r' 'Shmq-Id: 1' 'shmq-x: 1'; do
    check_status "--header ${header@Q}: exit 2" 2 "$producer" -Q "$queue" --header "$header" -- a
    check_match "--header ${header@Q}: says why" '\(.*\)$' "$scratch/err"
done
next_queue
check_status '--header: longer than a message' 1 "$producer" -q -Q "$queue" --max-message 100 --header "a: $(printf '%0100d' 0)" -- x
check_match '--header: longer than a message: says so' "--header: longer than the queue's largest message of 100 B" "$scratch/err"
check_status '--header: all that is left is used' 0 "$producer" -q -Q "$queue" --header 'a: b' --header 'c: d' -- "$(printf '%036d' 0)"
check_status '--header: and no more' 1 "$producer" -q -Q "$queue" --header 'a: b' -- "$(printf '%037d' 0)"
check_status '--header: too long in all' 2 "$producer" -q -Q "$queue" --header "a: $(printf '%040000d' 0)" --header "b: $(printf '%040000d' 0)" -- x

next_queue
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
