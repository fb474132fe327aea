#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# consumer --mirror: each lane's file is byte for byte what was put into the lane, whatever is killed; and what is refused.
# time limit: 600 s
. "$(dirname "$0")/../support/lib.sh"

out=$scratch/mirrors
mirror=$out/%l

# A new queue, and no mirrors.
next_mirror() {
    next_queue
    rm -rf -- "$out"
    mkdir -- "$out"
}
new_queue

size_of() { # FILE
    stat -c %s -- "$1" 2>/dev/null || echo 0
}

# Lines of very different lengths, each with its number.
lines() { # COUNT
    awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) { s = i ":"; for (j = (i * 7919) % 211; j > 0; j--) s = s "x"; print s } }'
}

lines 20000 >"$scratch/lines"
head -c 1000000 /dev/urandom >"$scratch/random"
seq 3 >"$scratch/three"

# ------------------------------------------------------------------ one producer, four consumers

check_mirrored() { # NAME INPUT [PRODUCER-OPTION...]
    local name=$1 input=$2 i pids=() status=0
    shift 2
    next_mirror
    for i in 1 2 3 4; do
        take -q --mirror "$mirror" 2>"$scratch/consumer.$i.err" &
        pids+=($!)
    done
    put --input "$input" "$@" || not_ok "$name: the producer fails"
    for i in "${pids[@]}"; do
        wait "$i" || status=$?
    done
    check_equal "$name: the consumers' exit status" 0 "$status"
    check_same "$name: the same bytes" "$input" "$out/0"
    check_equal "$name: one file" 0 "$(ls "$out")"
}
check_mirrored 'lines' "$scratch/lines" --capacity 256K
head -c -1 "$scratch/lines" >"$scratch/cut"
check_mirrored 'no newline at the end' "$scratch/cut"
printf 'x' >"$scratch/cut"
check_mirrored 'one byte' "$scratch/cut"
printf '\n\n\n' >"$scratch/cut"
check_mirrored 'empty lines' "$scratch/cut"
: >"$scratch/empty"
check_mirrored 'no bytes at all' "$scratch/empty"
tr '\n' '\0' <"$scratch/lines" >"$scratch/input"
check_mirrored '-0' "$scratch/input" -0
check_mirrored '-D' "$scratch/lines" -D x
for size in 0 1 5 16383 16384 16385 70000 0 3 200000 65 0; do
    printf '%b' "$(printf '\\x%02x' 0 $((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)))"
    head -c "$size" "$scratch/random"
done >"$scratch/input"
check_mirrored '--length-prefixed' "$scratch/input" --length-prefixed
check_mirrored '--block' "$scratch/random" --block 777 --capacity 256K
check_mirrored 'large blocks' "$scratch/random" --block 64K --capacity 1M
check_mirrored '--whole' "$scratch/random" --whole
check_mirrored '--resume' "$scratch/lines" --resume
for option in '--prefetch 1' '--prefetch 4096' '--work 0'; do
    next_mirror
    # shellcheck disable=SC2086 # it is two words
    put --input "$scratch/three" && take -q --mirror "$mirror" $option
    check_same "$option" "$scratch/three" "$out/0"
done

# An input that is not a file leaves a stream, too.
next_mirror
put -- a '' $'b\nc'
put --capacity 8M <"$scratch/three"
check_status 'words, and what stdin brings next' 0 take --mirror "$mirror"
check_equal 'words, and what stdin brings next: one behind the other' $'a\n\nb\nc\n1\n2\n3\n.' "$(cat "$out/0" && echo .)"
check_match 'the messages are counted' '^consumer: consumed 6 messages' "$scratch/err"
check_equal 'nothing is on stdout' '' "$(cat "$scratch/out")"
put --input "$scratch/cut" --input "$scratch/three"
check_status 'more for the same lane' 0 take -q --mirror "$mirror"
check_equal 'more for the same lane: comes behind what is there' $'a\n\nb\nc\n1\n2\n3\n\n\n\n1\n2\n3\n.' \
    "$(cat "$out/0" && echo .)"
next_mirror
timeout 60 "$producer" -q -Q "$queue" --random --seed 5 --count 1000 --echo '' >"$scratch/echo"
take -q --mirror "$mirror"
check_same '--random' "$scratch/echo" "$out/0"

# Percent signs, a directory for each lane.
next_mirror
put --input "$scratch/three"
mkdir "$out/0"
check_status 'a directory for each lane' 0 take -q --mirror "$out/%l/a%%b%%%l"
check_same 'percent signs' "$scratch/three" "$out/0/a%b%0"

# ------------------------------------------------------------------ several lanes

part() { # I N: what --split I/N takes of the lines, according to a queue of its own
    local queue=$SHMQ_TEST_PREFIX.part
    put --input "$scratch/lines" --split "$1/$2"
    take -q
    "$monitor" remove -q --force "$queue"
}

# Every part is in a file, alone and whole; any part may have got any lane.
check_parts() { # NAME
    local i
    for i in 1 2 3; do
        sha256sum <"$scratch/part.$i"
    done | sort >"$scratch/expected.sums"
    for i in 0 1 2; do
        sha256sum <"$out/$i"
    done 2>&1 | sort >"$scratch/actual.sums"
    check_same "$1: three files, each exactly a part" "$scratch/expected.sums" "$scratch/actual.sums"
    check_equal "$1: no other file" '0 1 2 ' "$(find "$out" -type f -printf '%f\n' | sort | tr '\n' ' ')"
}
for i in 1 2 3; do
    part "$i" 3 >"$scratch/part.$i"
done
check_same 'the parts are the whole' "$scratch/lines" <(cat "$scratch"/part.[123])
next_mirror
for i in 1 2 3 4; do
    take -q --mirror "$mirror" --producers 3 &
done
for i in 1 2 3; do
    put --resume --capacity 64K --input "$scratch/lines" --split "$i/3" &
done
wait
check_parts '3 producers x 4 consumers'

# More lanes than a consumer may have open files.
next_mirror
for ((i = 0; i < 70; i++)); do
    echo "lane $i" >"$scratch/lane.$i"
    put --resume --lanes 70 --capacity 4K --input "$scratch/lane.$i"
done
(ulimit -n 30 && take -q --mirror "$mirror") 2>"$scratch/err"
check_equal 'more lanes than descriptors: exit 1' 1 $?
check_match 'more lanes than descriptors: is named' "^consumer: $out/[0-9]+: .*open files.*ulimit -n" "$scratch/err"
for ((i = 0; i < 70; i++)); do
    echo "lane $i again" >>"$scratch/lane.$i"
    put --resume --input "$scratch/lane.$i"
done
(ulimit -n 72 && take -q --prefetch 1 --mirror "$mirror") 2>"$scratch/err"
check_equal '70 lanes with 72 descriptors' 0 $?
for ((i = 0; i < 70; i++)); do
    cmp -s "$scratch/lane.$i" "$out/$i" || echo "$i differs"
done >"$scratch/differences"
check_equal '70 lanes: all files are right' '' "$(cat "$scratch/differences")"

# Without %l there is one file, for one lane.
next_mirror
put --resume --input "$scratch/three"
check_status 'no %l, one lane' 0 take -q --mirror "$out/only"
check_same 'no %l, one lane: its file' "$scratch/three" "$out/only"
put --resume --input "$scratch/lines"
check_status 'no %l, then a second lane: exit 1' 1 take --mirror "$out/only"
check_match 'no %l, then a second lane: is said' "^consumer: --mirror: .*lane 1 .*$out/only.*%l" "$scratch/err"
check 'no %l, then a second lane: nothing is acknowledged' queue_has messages 20000
check_same 'no %l, then a second lane: the file is as it was' "$scratch/three" "$out/only"
check_status 'no %l, then a second lane: with %l it goes on' 0 take -q --mirror "$mirror"
check_same 'no %l, then a second lane: and gets it all' "$scratch/lines" "$out/1"
next_mirror
put --resume --input "$scratch/three"
put --resume --input "$scratch/lines"
check_status 'no %l, two lanes: exit 1' 1 take --mirror "$out/only"
check 'no %l, two lanes: nothing is acknowledged' queue_has messages 20003
check_equal 'no %l, two lanes: no file is made' '' "$(ls "$out")"
next_mirror
put --resume --input "$scratch/three"
take -q --follow --mirror "$out/only" 2>"$scratch/follow.err" &
pid=$!
wait_until 30 cmp -s "$scratch/three" "$out/only"
put --resume --input "$scratch/lines"
end_status 'no %l, a second lane meanwhile: exit 1' 1 "$pid" "$scratch/follow.err"
check 'no %l, a second lane meanwhile: nothing is acknowledged' queue_has messages 20000
check_same 'no %l, a second lane meanwhile: the file is as it was' "$scratch/three" "$out/only"
next_mirror
put --resume --input "$scratch/empty"
put --resume --input "$scratch/three"
check_status 'no %l, another lane without messages' 0 take -q --mirror "$out/only"
check_same 'no %l, another lane without messages: no harm' "$scratch/three" "$out/only"
next_mirror
put --resume --input "$scratch/empty"
check_status 'no %l, no messages' 0 take -q --mirror "$out/only"
check_same 'no %l, no messages: an empty file' "$scratch/empty" "$out/only"

# Both names refer to the same file.
next_mirror
ln -s 0 "$out/1"
put --resume --input "$scratch/three"
put --resume --input "$scratch/lines"
check_status 'two lanes in one file: exit 1' 1 take --mirror "$mirror"
check_match 'two lanes in one file: is said' "^consumer: $out/[01]: .*another lane" "$scratch/err"

# ------------------------------------------------------------------ what is there before

cat "$scratch/lines" "$scratch/random" >"$scratch/longer"
next_mirror
cp "$scratch/longer" "$out/0"
put --input "$scratch/random" --block 100 --capacity 16M
take -q --count 100 --mirror "$mirror"
check_equal 'a longer file before: is not cut before all is there' "$(size_of "$scratch/longer")" "$(size_of "$out/0")"
inode=$(stat -c %i "$out/0")
check_status 'a longer file before' 0 take -q --mirror "$mirror"
check_same 'a longer file before: is replaced in the end' "$scratch/random" "$out/0"
check_equal 'a longer file before: in place' "$inode" "$(stat -c %i "$out/0")"
next_mirror
head -c 100 "$scratch/random" >"$out/0"
put --input "$scratch/lines" --capacity 16M
take -q --mirror "$mirror"
check_same 'a shorter file before' "$scratch/lines" "$out/0"
next_mirror
cp "$scratch/random" "$out/0"
put --input "$scratch/empty"
take -q --mirror "$mirror"
check_same 'a file before, and an empty stream' "$scratch/empty" "$out/0"
next_mirror
cp "$scratch/longer" "$out/0"
put --input "$scratch/random" --block 100 --capacity 16M
for i in 1 2 3 4; do
    take -q --prefetch 100 --mirror "$mirror" &
done
wait
check_same 'a longer file before, and four consumers' "$scratch/random" "$out/0"
next_mirror
cp "$scratch/lines" "$out/0"
put --input "$out/0" --capacity 16M
take -q --mirror "$mirror"
check_same 'an input that is its own mirror' "$scratch/lines" "$out/0"

# ------------------------------------------------------------------ files that cannot be

next_mirror
mkfifo "$scratch/fifo"
mkdir "$scratch/readonly"
: >"$scratch/file"
bad() { # NAME REGEX PATTERN [HOW...]
    local name=$1 regex=$2 pattern=$3
    shift 3
    check_status "$name: exit 1, at once" 1 timeout 10 "$@" "$consumer" -Q "$queue" --mirror "$pattern"
    check_match "$name: is named" "^consumer: $pattern: $regex" "$scratch/err"
}
# There is no queue yet, and the consumer does not wait for it.
bad 'a directory' '.*directory' "$scratch"
bad 'a fifo' '.*not a regular file' "$scratch/fifo"
bad 'a device' '.*not a regular file' /dev/null
bad 'a full disk that is a device' '.*not a regular file' /dev/full
bad 'no directory' '.*No such file' "$scratch/nowhere/file"
bad 'a file as a directory' '.*Not a directory' "$scratch/file/file"
bad 'a name that is too long' '.*too long' "$(printf '%05000d' 0)"
as_somebody=() # root may write to everything
((EUID)) || as_somebody=(setpriv --reuid 65534 --clear-groups)
chmod 755 "$scratch"
chmod 444 "$scratch/file"
chmod 555 "$scratch/readonly"
if "${as_somebody[@]}" test -x "$consumer" -a -r "$scratch/file" 2>/dev/null; then
    bad 'a file that may not be written' '.*Permission denied' "$scratch/file" "${as_somebody[@]}"
    bad 'a directory that may not be written' '.*Permission denied' "$scratch/readonly/file" "${as_somebody[@]}"
else
    skip 'a file that may not be written' 'nobody else can run the consumer here'
fi
check_equal 'none of them is made' '' "$(ls "$scratch/readonly")"
put --input "$scratch/three"
check_status 'a directory that is missing for a lane: exit 1' 1 take --mirror "$out/%l/file"
check_match 'a directory that is missing for a lane: is named' "^consumer: $out/0/file: .*No such file" "$scratch/err"
check 'nothing is lost' queue_has messages 3

next_mirror
put --input "$scratch/lines" --capacity 16M
(ulimit -f 100 && take -q --mirror "$mirror" 2>"$scratch/err")
check_equal 'a file that may not grow: exit 1' 1 $?
check_match 'a file that may not grow: is named' "^consumer: $out/0: .*too large" "$scratch/err"
check_status 'a file that may not grow: another consumer goes on' 0 take -q --mirror "$mirror"
check_same 'a file that may not grow: nothing is lost' "$scratch/lines" "$out/0"

# A file system that is full, and then grows.
full_disk() {
    mount -t tmpfs -o size=128k none "$out" || return 99
    take -q --mirror "$mirror" 2>"$scratch/err"
    (($? == 1)) || return 2
    mount -o remount,size=64m "$out" && take -q --mirror "$mirror" && cp "$out/0" "$scratch/back" || return 3
}
export -f full_disk take
export out mirror queue scratch consumer
next_mirror
put --input "$scratch/lines" --capacity 16M
unshare -m bash -c full_disk 2>/dev/null
case $? in
0)
    check_match 'no space left: is named' "^consumer: $out/0: .*No space left" "$scratch/err"
    check_same 'no space left: nothing is lost' "$scratch/lines" "$scratch/back"
    ;;
1 | 99) skip 'no space left' 'no file system can be mounted here' ;;
*) not_ok 'no space left: exit 1, then 0' "$scratch/err" ;;
esac

for how in moved removed replaced; do
    next_mirror
    put --input "$scratch/three"
    take -q --follow --mirror "$mirror" 2>"$scratch/follow.err" &
    pid=$!
    wait_until 30 cmp -s "$scratch/three" "$out/0" && wait_until 30 queue_has messages 0
    case $how in
    moved) mv "$out/0" "$out/elsewhere" ;;
    removed) rm "$out/0" ;;
    replaced) cp "$out/0" "$out/new" && mv "$out/new" "$out/0" ;;
    esac
    put -- more
    end_status "a file that is $how meanwhile: exit 1" 1 "$pid" "$scratch/follow.err"
    check_match "a file that is $how meanwhile: is said" "^consumer: $out/0: was removed, replaced" \
        "$scratch/follow.err"
    check "a file that is $how meanwhile: nothing is acknowledged" queue_has messages 1
done

# A message with a false offset. The offset to overwrite is that of the second message, 12346, in its last copy.
next_mirror
head -c 12345 /dev/zero | tr '\0' a >"$scratch/long"
put --capacity 64K --lanes 1 --seats 2 -- "$(cat "$scratch/long")" second
at=$(LC_ALL=C grep -obUaP '\x3a\x30\x00\x00\x00\x00\x00\x00' "/dev/shm/shmq.$queue" | tail -n 1 | cut -d : -f 1)
for offset in '\x3b\x30\x00' '\x3a\x30\xff' '\x39\x30\x00'; do
    printf '%b' "$offset" | dd of="/dev/shm/shmq.$queue" bs=1 seek="$at" conv=notrunc status=none
    check_status "a damaged offset $offset: exit 5" 5 take --mirror "$mirror"
    check_match "a damaged offset $offset: is said" '^consumer: queue .*damaged' "$scratch/err"
    check_equal "a damaged offset $offset: writes nothing" 0 "$(size_of "$out/0")"
done
for offset in '\x45\x33\x00' '\x3a\x30\xff'; do # wrong only for its place in the lane
    printf '%b' "$offset" | dd of="/dev/shm/shmq.$queue" bs=1 seek="$at" conv=notrunc status=none
    check_status "a damaged offset $offset of a message alone: exit 5" 5 take --prefetch 1 --mirror "$mirror"
    check_match "a damaged offset $offset of a message alone: is said" '^consumer: .*/0: message .* cannot be' "$scratch/err"
    check_equal "a damaged offset $offset of a message alone: writes no more" 12346 "$(size_of "$out/0")"
done
printf '\x3a\x30\x00' | dd of="/dev/shm/shmq.$queue" bs=1 seek="$at" conv=notrunc status=none
check_status 'an offset that was repaired' 0 take -q --mirror "$mirror"
check_same 'an offset that was repaired: all is there' <(cat "$scratch/long" && printf '\nsecond\n') "$out/0"

# ------------------------------------------------------------------ usage

next_mirror
for bad in '' - % %x a% %%% %l% %L; do
    check_usage consumer take '--mirror' --mirror "$bad"
done
check_usage consumer take '--mirror' --mirror
check_usage consumer take '--mirror.*twice' --mirror a --mirror b
check_usage consumer take '--mirror and --discard' --mirror a --discard
check_usage consumer take '--output and --mirror' --output a --mirror b
check_usage consumer take '--prefix.*--mirror' --mirror a --prefix x
check_usage consumer take '--null.*--mirror' --mirror a -0
check_usage consumer take '--delimiter.*--mirror' --mirror a -D x
check_usage consumer take '--length-prefixed.*--mirror' --mirror a --length-prefixed
check_usage consumer take '--raw.*--mirror' --mirror a --raw
check_usage consumer take '--retries' --mirror a --retries 1

# ------------------------------------------------------------------ stopped consumers

# Starts a consumer in the background; sets pid.
start() { # OPTION...
    "$consumer" -Q "$queue" --mirror "$mirror" "$@" 2>>"$scratch/run.log" </dev/null &
    pid=$!
}

next_mirror
: >"$scratch/run.log"
put --input "$scratch/three"
start --work 5s
stopped=$pid
wait_until 30 is_holding 1
kill -STOP "$stopped"
take -q --producers 2 --idle 500ms --mirror "$mirror"
check_same 'a stopped consumer: the others write around what it holds' <(head -c 2 /dev/zero && printf '2\n3\n') "$out/0"
check 'a stopped consumer: is not robbed' is_holding 1
kill -CONT "$stopped"
end_status 'a stopped consumer: goes on' 0 "$stopped" "$scratch/run.log"
check_same 'a stopped consumer: and completes the file' "$scratch/three" "$out/0"

# Its queue is removed and the next queue is mirrored to the same place, so what it still writes would be in the wrong file.
next_mirror
put --input "$scratch/three"
start --follow
stopped=$pid
wait_until 30 cmp -s "$scratch/three" "$out/0"
kill -STOP "$stopped"
"$monitor" remove -q --force "$queue"
put --input "$scratch/lines" --capacity 16M
check_status 'a stopped consumer of a queue that was removed: exit 1' 1 take --mirror "$mirror"
check_match 'a stopped consumer of a queue that was removed: is said' "^consumer: $out/0: .*queue.*removed" "$scratch/err"
check 'a stopped consumer of a queue that was removed: nothing is acknowledged' queue_has messages 20000
take -q --mirror "$mirror" &
other=$!
kill -CONT "$stopped"
end_status 'a consumer that sees that its queue was removed: exit 5' 5 "$stopped" "$scratch/run.log"
end_status 'and the next one goes on' 0 "$other" "$scratch/run.log"
check_same 'and the next one goes on: all is there' "$scratch/lines" "$out/0"

# ------------------------------------------------------------------ killed consumers

# Kills it at each system call, from the first that concerns the queue. What one consumer leaves, the next one takes.
traced() { # STRACE-OPTION...
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$scratch/trace" "$@" "$consumer" -q -Q "$queue" --prefetch 2 --mirror "$mirror"
} 2>/dev/null
if can_trace; then
    next_mirror
    seq 5 >"$scratch/five"
    put --lanes 1 --seats 2 --input "$scratch/five" && traced
    check_same 'traced' "$scratch/five" "$out/0"
    # Each call with its number among those of the same name.
    sed 's/^[0-9]* *//; s/(.*//' "$scratch/trace" | awk '{ print $1, ++n[$1] }' |
        tail -n +"$(grep -n "shmq.$queue" "$scratch/trace" | head -n 1 | cut -d : -f 1)" >"$scratch/calls"
    cp "$scratch/five" "$scratch/expected"
    killed=0
    while read -r call n; do
        put --input "$scratch/five"
        cat "$scratch/five" >>"$scratch/expected"
        traced -e "inject=$call:signal=KILL:when=$n"
        (($? == 137)) && killed=$((killed + 1))
    done <"$scratch/calls"
    check "killed at each system call: $killed times" test "$killed" -ge 40
    take -q --mirror "$mirror"
    check_same 'killed at each system call: all is there, once' "$scratch/expected" "$out/0"
    # What a call would have written is not acknowledged before it.
    for n in 1 2 3; do
        next_mirror
        put --input "$scratch/five"
        traced -e trace=pwritev -e "inject=pwritev:signal=KILL:when=$n"
        check "killed before write $n: what it would have written stays" queue_has messages $((5 - 2 * (n - 1)))
    done
    next_mirror
    put --input "$scratch/five"
    traced -e trace=pwritev -e 'inject=pwritev:error=EDQUOT:when=2' 2>"$scratch/err"
    check_equal 'a quota that is used up: exit 1' 1 $?
    check 'a quota that is used up: what was not written stays' queue_has messages 3
    check_same 'a quota that is used up: what was written is there' <(seq 2) "$out/0"
    put -- 6
    check 'a write that is interrupted: exit 0' traced -e trace=pwritev -e 'inject=pwritev:error=EINTR:when=1'
    check_same 'a write that is interrupted' <(seq 6) "$out/0"
else
    skip 'killed at each system call' 'strace cannot trace here'
fi

# Storms: in each round, producers put some messages, and meanwhile a consumer is killed; in every third round, the
# producers, too. Consumers take few messages at a time, so that they always have some in flight.
consumers=()
start_consumer() { # SLOT OPTION...
    start -v --follow "${@:2}"
    consumers[$1]=$pid
}

written() { # BYTES: the files have at least BYTES bytes
    (($(find "$out" -type f -printf '%s+')0 >= $1))
}

storm() { # ROUNDS MESSAGES-A-ROUND PARTS CONSUMER-OPTION...
    local rounds=$1 messages=$2 parts=$3 round part slot start producers
    shift 3
    : >"$scratch/run.log"
    for slot in 0 1 2 3; do
        start_consumer "$slot" "$@"
    done
    for ((round = 1; round <= rounds; round++)); do
        producers=()
        start=$(($(find "$out" -type f -printf '%s+')0))
        for ((part = 1; part <= parts; part++)); do
            "$producer" -q -Q "$queue" --capacity 64K --resume --input "$scratch/input" --split "$part/$parts" \
                --count $((round * messages)) 2>>"$scratch/producers.log" &
            producers+=($!)
        done
        wait_until 60 written $((start + 1 + RANDOM % (messages * parts))) || return
        slot=$((round % 4))
        kill_now "${consumers[slot]}"
        start_consumer "$slot" "$@"
        ((round % 3)) || kill -KILL "${producers[@]}" 2>/dev/null
        wait "${producers[@]}" 2>/dev/null
    done
    for ((part = 1; part <= parts; part++)); do
        put --resume --input "$scratch/input" --split "$part/$parts" || return
    done
    "$monitor" wait --empty --timeout 60s -- "$queue"
}

end_storm() { # NAME MESSAGES: the consumers end well; MESSAGES had to be delivered again
    local slot redelivered
    for slot in 0 1 2 3; do
        kill -TERM "${consumers[slot]}"
        end_status "$1: consumer $slot is well" 0 "${consumers[slot]}" "$scratch/run.log"
    done
    redelivered=$(grep -c 'is redelivered' "$scratch/run.log")
    check "$1: $redelivered messages came again" test "$redelivered" -ge "$2"
}

seq 100000 599999 >"$scratch/input"
printf 'the end' >>"$scratch/input"
next_mirror
check '100 consumers killed, and 33 producers' storm 100 5000 1 --prefetch 20 --work 0:200us
end_storm '100 consumers killed, and 33 producers' 25
check_same '100 consumers killed, and 33 producers: the same bytes' "$scratch/input" "$out/0"

head -n 150000 "$scratch/input" >"$scratch/lines"
cp "$scratch/lines" "$scratch/input"
for i in 1 2 3; do
    part "$i" 3 >"$scratch/part.$i"
done
next_mirror
check '3 producers, 40 consumers killed' storm 40 1250 3 --prefetch 3
end_storm '3 producers, 40 consumers killed' 1
check_parts '3 producers, 40 consumers killed'

next_mirror
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
