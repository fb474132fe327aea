#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Input files that change: rewritten, grown, truncated, or without a size.
. "$(dirname "$0")/../support/lib.sh"

put() { # OPTION...
    timeout 30 "$producer" -Q "$queue" "$@"
}

new_queue

state() { # prints the queue's messages, bytes put so far, finished and unfinished streams
    echo "$(queue_field "$queue" messages) $(queue_field "$queue" put_bytes)" \
        "$(queue_field "$queue" finished) $(queue_field "$queue" unfinished)"
}

# Starts a producer and kills it when the queue is full: it has put an unknown part of its input. Sets sent to the bytes
# in the queue.
begin() { # OPTION...
    next_queue
    "$producer" -q -Q "$queue" --capacity 64K --resume "$@" 2>"$scratch/begin.err" &
    local pid=$!
    wait_until 10 is_blocked || not_ok "begin $*: the queue fills up" "$scratch/begin.err"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    sent=$(queue_field "$queue" put_bytes)
}

# A refused file: nothing is put, and the queue stays as it was.
check_refused() { # NAME REGEX OPTION...
    local name=$1 regex=$2 before
    shift 2
    before=$(state)
    check_status "$name: exit 1" 1 put --resume "$@"
    check_match "$name: says why" "^producer: $regex" "$scratch/err"
    check_equal "$name: the queue is as it was" "$before" "$(state)"
}

# Sends the rest, once the file is again what it was.
check_rest() { # NAME EXPECTED OPTION...
    local name=$1 expected=$2
    shift 2
    put -q --resume "$@" 2>"$scratch/err" &
    rm -f -- "$scratch/back"
    rest --grace 20s --mirror "$scratch/back"
    check_equal "$name: the consumer's exit status" 0 $?
    wait "$!"
    check_equal "$name: the producer's exit status" 0 $?
    check_same "$name" "$expected" "$scratch/back"
}

replace() { # FILE OFFSET TEXT: in place
    printf '%s' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

file=$scratch/file
# Lines of one length, so that bytes can be replaced without moving a line's end.
seq -f 'line %08g of the source' 1 20000 >"$scratch/source"
seq -f 'text %08g of the others' 1 20000 >"$scratch/others"
seq -f 'more %08g of the others' 1 30000 >"$scratch/longer"
size=$(wc -c <"$scratch/source")

# ------------------------------------------------------------------ not the file that it was

cp "$scratch/source" "$file"
begin --input "$file"
cat "$scratch/others" >"$file"
check_refused 'rewritten in place' "$file: is not the file that was being sent: .*changed.*remove the queue" --input "$file"
cat "$scratch/longer" >"$file"
check_refused 'rewritten, and longer' "$file: is not the file that was being sent: .*changed" --input "$file"
(head -c 4096 "$scratch/source" && tail -c +4097 "$scratch/others") >"$scratch/half"
cat "$scratch/half" >"$file"
check_refused 'rewritten behind its first 4096 bytes' "$file: is not .*: its bytes before byte [0-9]+ have changed" --input "$file"
head -c "$((sent - 50))" "$scratch/source" >"$file"
check_refused 'cut off before what was sent' "$file: is not .*: it has become shorter, $((sent - 50)) bytes" --input "$file"
head -c "$((sent + 50))" "$scratch/source" >"$file"
check_refused 'cut off behind what was sent' "$file: is not .*: it has become shorter" --input "$file"
cat "$scratch/source" >"$file"
replace "$file" 5 X
check_refused 'one byte at its beginning' "$file: is not .*: its first bytes have changed" --input "$file"
cat "$scratch/source" >"$file"
replace "$file" $((sent - 20)) X
check_refused 'one byte before what is to come' "$file: is not .*: its bytes before byte $sent have changed" --input "$file"
cat "$scratch/source" >"$file"
replace "$file" $((size - 20)) X
cp "$file" "$scratch/expected"
check_rest 'a byte that nobody has read yet may change' "$scratch/expected" --input "$file"

# Another file with the same inode, as file systems often reuse it.
cp "$scratch/source" "$file"
begin --input "$file"
inode=$(stat -c %i "$file")
for try in {1..50}; do
    rm -f -- "$file"
    cp "$scratch/others" "$file"
    [[ $(stat -c %i "$file") != "$inode" ]] || break
    mv "$file" "$file.$try"
done
if [[ $(stat -c %i "$file" 2>/dev/null) == "$inode" ]]; then
    check_refused 'deleted, and made anew with its inode' "$file: is not the file that was being sent" --input "$file"
else
    skip 'deleted, and made anew with its inode' 'this file system gives another one'
fi
rm -f -- "$file" "$file".*

# A source that was sent to its end stays so.
next_queue
cp "$scratch/source" "$file"
put -q --resume --input "$file"
cat "$scratch/longer" >"$file"
check_refused 'a finished file, rewritten' "$file: is not the file that was being sent" --input "$file"
check_equal 'a finished file, rewritten: the stream is still finished' "0 0" \
    "$(rest --discard; echo $?) $(queue_field "$queue" unfinished)"

# ------------------------------------------------------------------ every framing

check_framing() { # NAME OPTION...
    local name=$1
    shift
    cp "$scratch/source" "$file"
    begin --input "$file" "$@"
    cat "$scratch/half" >"$file"
    check_refused "$name, rewritten" "$file: is not the file that was being sent" --input "$file" "$@"
    cat "$scratch/source" >"$file"
    check_rest "$name, as it was" "$scratch/source" --input "$file" "$@"
}
check_framing 'blocks' --block 1000
check_framing 'large blocks' --block 64K --max-message 64K
check_framing 'another delimiter' -D ' '
check_framing 'a count' --count 50000

records() { # FILE: prints each of its lines as a record
    LC_ALL=C awk '{ printf "%c%c%c%c%s", 0, 0, 0, length($0), $0 }' "$1"
}
if [[ $(records <(echo ab) | od -An -tx1 | tr -d ' ') == 000000026162 ]]; then
    records "$scratch/source" >"$scratch/records"
    (head -c 8200 "$scratch/records" && records "$scratch/others" | tail -c +8201) >"$scratch/half.records"
    cp "$scratch/records" "$file"
    begin --length-prefixed --input "$file"
    cat "$scratch/half.records" >"$file"
    check_refused 'records, rewritten' "$file: is not the file" --length-prefixed --input "$file"
    cat "$scratch/records" >"$file"
    put -q --resume --length-prefixed --input "$file" &
    rest --grace 20s --length-prefixed >"$scratch/back"
    check_same 'records, as they were' "$scratch/records" "$scratch/back"
    wait "$!"
else
    skip 'records, rewritten' 'awk does not write NUL'
fi

# Each file is one message: none of them may change.
for number in 1 2 3; do
    head -c 30000 "$scratch/source" | tail -c 10000 >"$scratch/whole.$number"
done
whole=(--whole --input "$scratch/whole.1" --input "$scratch/whole.2" --input "$scratch/whole.3")
next_queue
"$producer" -q -Q "$queue" --resume --capacity 16K --max-message 16K "${whole[@]}" &
pid=$!
wait_until 10 is_blocked
kill -KILL "$pid"
wait "$pid" 2>/dev/null
echo more >>"$scratch/whole.3"
check_refused '--whole, a file that has grown' 'one of the 3 inputs is not the file.*: its size has changed' "${whole[@]}"
head -c 10000 "$scratch/others" >"$scratch/whole.3"
check_refused '--whole, a file rewritten' 'one of the 3 inputs is not the file.*: its first bytes' "${whole[@]}"
head -c 30000 "$scratch/source" | tail -c 10000 >"$scratch/whole.3"
cat "$scratch"/whole.[123] >"$scratch/expected"
check_rest '--whole, as they were' "$scratch/expected" "${whole[@]}"

# ------------------------------------------------------------------ several inputs

cp "$scratch/source" "$file"
cp "$scratch/others" "$file.2"
begin --input "$file" --input "$file.2"
echo more >>"$file"
check_refused 'an input that is not the last has grown' 'one of the 2 inputs is not .*: its size has changed' \
    --input "$file" --input "$file.2"
cat "$scratch/half" >"$file"
check_refused 'an input that is not the last, rewritten' "$file: is not .*: its bytes before byte" \
    --input "$file" --input "$file.2"
cat "$scratch/source" >"$file"
replace "$file.2" 7 X
check_refused 'the input that is not begun yet, rewritten' 'one of the 2 inputs is not .*: its first bytes' \
    --input "$file" --input "$file.2"
cat "$scratch/others" >"$file.2"
echo more >>"$file.2"
cat "$file" "$file.2" >"$scratch/expected"
check_rest 'the last input has grown' "$scratch/expected" --input "$file" --input "$file.2"

# ------------------------------------------------------------------ grown

next_queue
: >"$file"
put -q --resume --input "$file"
printf 'a\nb\n' >"$file"
put -q --resume --input "$file"
check_equal 'an empty file that gets content' 'a b' "$(rest | tr '\n' ' ' | sed 's/ $//')"
printf 'c\nd' >>"$file"
put -q --resume --input "$file"
check_status 'a last line without an end is sent' 0 put -q --resume --input "$file"
check_equal 'a last line without an end is sent, once' 'c d' "$(rest | tr '\n' ' ' | sed 's/ $//')"
printf 'e\nf\n' >>"$file"
check_refused 'the last line that was sent has grown' "$file: is not .*: no message begins at byte 7" --input "$file"
next_queue
printf 12345 >"$file"
put -q --resume --block 4 --input "$file"
printf 678 >>"$file"
check_refused 'the last block that was sent has grown' "$file: is not .*: no message begins at byte 5" --block 4 --input "$file"

# ------------------------------------------------------------------ parts of a file that grows

sorted() {
    LC_ALL=C sort
}

seq -f 'more %g' 1 300 >"$scratch/more"
check_growing() { # NAME PARTS ORDER LATER OPTION...: LATER additions come after the last part
    local name=$1 parts=$2 order=$3 later=$4 part status=0
    shift 4
    next_queue
    head -n 1000 "$scratch/source" >"$file"
    printf 'the last line has no end yet' >>"$file"
    : >"$scratch/growing.err"
    for part in $order; do
        put --split "$part/$parts" --input "$file" "$@" 2>>"$scratch/growing.err" || status=1
        printf ', but now\n' >>"$file"
        cat "$scratch/more" >>"$file"
    done
    check_equal "$name: all end with 0" 0 "$status"
    rest >"$scratch/back"
    head -c "-$((($(wc -c <"$scratch/more") + 10) * later))" "$file" >"$scratch/expected"
    check_same_lines "$name: no line is missing or doubled" "$scratch/expected" "$scratch/back"
}
check_growing 'two parts, growing' 2 '1 2' 1
check_growing 'two parts, growing, to go on' 2 '1 2' 1 --resume
check_growing 'three parts, growing' 3 '2 1 3' 1
check_growing 'three parts, growing, in one lane' 3 '1 2 3' 1 --lanes 1
check_match 'the growth is said' "^producer: $file: has grown from [0-9]+ to [0-9]+ bytes" "$scratch/growing.err"
check_equal 'the growth is said once' 1 "$(grep -c 'has grown' "$scratch/growing.err")"

# The last part came first: no part sends what is appended later, but nothing else moves.
next_queue
head -n 1000 "$scratch/source" >"$file"
cp "$file" "$scratch/expected"
put -q --split 2/2 --input "$file"
cat "$scratch/more" >>"$file"
put -q --split 1/2 --input "$file"
rest >"$scratch/back"
check_same_lines 'the last part first' "$scratch/expected" "$scratch/back"

# Blocks: the last one is short until it has grown.
next_queue
head -c 10500 "$scratch/source" >"$file"
put -q --split 1/2 --block 1000 --input "$file"
tail -c +10501 "$scratch/source" | head -c 5200 >>"$file"
put -q --split 2/2 --block 1000 --input "$file"
rest --raw >"$scratch/back"
check_same 'parts of blocks, growing' "$file" "$scratch/back"

# Both parts are killed, the file grows, and both are taken up again.
cp "$scratch/source" "$file"
next_queue
for part in 1 2; do
    "$producer" -q -Q "$queue" --capacity 64K --resume --split "$part/2" --input "$file" &
    pid=$!
    wait_until 10 is_blocked
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
done
cat "$scratch/more" >>"$file"
for part in 1 2; do
    put --resume --split "$part/2" --input "$file" 2>"$scratch/err.$part" &
done
rest --producers 2 --grace 20s >"$scratch/back"
check_equal 'parts killed, and grown: the consumer'\''s exit status' 0 $?
wait
check_same_lines 'parts killed, and grown: each line once' "$file" "$scratch/back"
check_match 'parts killed, and grown: is said' "^producer: $file: has grown from $size to" "$scratch/err.2"
check_equal 'parts killed, and grown: no lane is abandoned' '2 0' \
    "$(queue_field "$queue" finished) $(queue_field "$queue" unfinished)"

# A part of another file than the other parts.
next_queue
cp "$scratch/source" "$file"
put -q --capacity 2M --split 1/2 --input "$file"
head -n 100 "$scratch/source" >"$file"
before=$(state)
check_status 'cut off between the starts of two parts: exit 1' 1 put --split 2/2 --input "$file"
check_match 'cut off between the starts of two parts: says why' "^producer: $file: .*it has become shorter" "$scratch/err"
check_equal 'cut off between the starts of two parts: the queue is as it was' "$before" "$(state)"
cat "$scratch/others" >"$file"
check_status 'rewritten between the starts of two parts: exit 1' 1 put --split 2/2 --input "$file"
check_status 'rewritten between the starts of two parts, to go on: exit 1' 1 put --resume --split 2/2 --input "$file"
check_equal 'rewritten between the starts of two parts: the queue is as it was' "$before" "$(state)"

# All parts were there, so the next ones begin anew, with the file as it is now.
for content in source others longer; do
    cat "$scratch/$content" >"$file"
    [[ $content == source ]] && next_queue
    put -q --capacity 4M --split 1/2 --input "$file"
    put -q --split 2/2 --input "$file"
    rest >"$scratch/back"
    check_same_lines "one file again and again: $content" "$file" "$scratch/back"
done
head -n 100 "$scratch/source" >"$file"
put -q --split 2/2 --input "$file"
put -q --split 1/2 --input "$file"
rest >"$scratch/back"
check_same_lines 'one file again and again: shorter' "$file" "$scratch/back"

# ------------------------------------------------------------------ cut short while it is read

seq -f 'line %08g of a file that is cut short' 1 200000 >"$scratch/large"
check_cut() { # NAME OPTION...
    local name=$1 pid
    shift
    cp "$scratch/large" "$file"
    next_queue
    "$producer" -q -Q "$queue" --capacity 64K --input "$file" "$@" 2>"$scratch/cut.err" &
    pid=$!
    wait_until 10 is_blocked
    truncate -s 1M "$file"
    rest --discard --grace 20s &
    wait "$pid"
    check_equal "$name, cut short while it is read: exit 1" 1 $?
    check_match "$name, cut short while it is read: says so" \
        "^producer: $file: has become shorter while it was read: .*byte 1048576 instead of" "$scratch/cut.err"
    check_equal "$name, cut short while it is read: the stream is unfinished" '0 1' \
        "$(queue_field "$queue" finished) $(queue_field "$queue" unfinished)"
    kill "$!"
    wait "$!"
}
check_cut 'a file that can be resumed' --resume
check_cut 'a part' --split 1/2
check_cut 'blocks' --resume --block 1000
check_cut 'large blocks' --resume --block 64K --max-message 64K

# ------------------------------------------------------------------ files that claim no size

file=/proc/filesystems
if [[ -f $file && ! -s $file && $(head -c 1 "$file" | wc -c) == 1 ]]; then
    next_queue
    check_status 'a part of a file of /proc' 0 put --split 1/2 --input "$file"
    check_match 'a part of a file of /proc: is all of it, and says so' "^producer: $file: .*part 1 reads all" "$scratch/err"
    check_status 'the other part' 0 put --split 2/2 --input "$file"
    check_match 'the other part: is nothing, and says so' "^producer: $file: .*the others nothing" "$scratch/err"
    rest >"$scratch/back"
    cat "$file" >"$scratch/expected"
    check_same 'a file of /proc in two parts: all of it, once' "$scratch/expected" "$scratch/back"
    next_queue
    check_status 'a file of /proc, to go on: exit 1' 1 put --resume --input "$file"
    check_match 'a file of /proc, to go on: says why' "^producer: $file: has no reliable size.*without --resume" "$scratch/err"
    check 'a file of /proc, to go on: no queue is left behind' test ! -e "/dev/shm/shmq.$queue"
    put -q --input "$file"
    rest >"$scratch/back"
    check_same 'a file of /proc alone' "$scratch/expected" "$scratch/back"
else
    skip 'a part of a file of /proc' "$file is none"
fi
# A file that claims more than it has.
for file in /sys/kernel/mm/transparent_hugepage/enabled /sys/kernel/notes /sys/kernel/profiling /sys/kernel/uevent_seqnum; do
    [[ -f $file && -r $file && $(stat -c %s "$file") -gt $(wc -c <"$file") ]] && break
    file=
done
if [[ $file ]]; then
    cat "$file" >"$scratch/expected"
    next_queue
    check_status 'a part of a file that has less than it claims' 0 put --split 1/2 --input "$file"
    check_match 'a part of a file that has less than it claims: is all of it, and says so' \
        "^producer: $file: has no reliable size: part 1 reads all" "$scratch/err"
    check_status 'the other part of a file that has less than it claims' 0 put --split 2/2 --input "$file"
    rest >"$scratch/back"
    check_same 'a file that has less than it claims in two parts: all of it, once' "$scratch/expected" "$scratch/back"
    next_queue
    check_status 'a file that has less than it claims, to go on: exit 1' 1 put --resume --input "$file"
    check_match 'a file that has less than it claims, to go on: says why' "^producer: $file: has no reliable size" "$scratch/err"
    put -q --input "$file"
    rest >"$scratch/back"
    check_same 'a file that has less than it claims, as a whole' "$scratch/expected" "$scratch/back"
else
    skip 'a file that has less than it claims' 'there is none'
fi

if python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$scratch/socket" 2>/dev/null; then
    next_queue
    check_status 'a socket: exit 1' 1 put --input "$scratch/socket"
    check_match 'a socket: is said' "^producer: $scratch/socket: cannot be read: is a socket" "$scratch/err"
    check 'a socket: no queue is left behind' test ! -e "/dev/shm/shmq.$queue"
else
    skip 'a socket: exit 1' 'python3 is missing'
fi

# ------------------------------------------------------------------ files in which there is much to look for

has_read() { # PID BYTES
    local bytes
    bytes=$(sed -n 's/^rchar: //p' "/proc/$1/io" 2>/dev/null)
    ((bytes > $2))
}

# Reading the holes takes minutes; nothing of them is put.
check_ends_at_once() { # NAME STATUS: of part 2 of $file
    local pid status
    next_queue
    "$producer" -q -Q "$queue" --split 2/2 --input "$file" 2>"$scratch/err" &
    pid=$!
    check "$1: is at it" wait_until 20 has_read "$pid" 100000000
    kill -TERM "$pid"
    if ! wait_until 5 has_ended "$pid"; then
        not_ok "$1" 'it has not ended 5 s after SIGTERM'
        kill -KILL "$pid"
        wait "$pid" 2>/dev/null
        return
    fi
    wait "$pid"
    status=$?
    check_equal "$1" "$2" "$status"
}
file=$scratch/holes
if truncate -s 400G "$file" 2>/dev/null; then
    check_ends_at_once 'a part that looks for its beginning ends at once' 0
    # Part 2 begins after the first of these; a line that is too long there is reported with its number.
    printf '\n' | dd of="$file" bs=1 seek=200G conv=notrunc status=none
    printf '\n' | dd of="$file" bs=1 seek=$((400 * 1024 * 1024 * 1024 - 1)) conv=notrunc status=none
    check_ends_at_once 'a part that counts the lines before one that is too long ends at once' 1
    check_match 'a part that counts the lines: says where' 'holes: the line at byte 214748364801 is longer' "$scratch/err"
    rm -f -- "$file"
else
    skip 'a part that looks for its beginning ends at once' 'no room for a file of 400 GB of holes'
fi

check_match '--help says what ends a FIFO' 'last writer' <("$producer" --help)
