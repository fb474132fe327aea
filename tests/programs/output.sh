#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# Files and pipes that several consumers write to: what a killed one leaves is removed, what belongs to others stays, and
# the loss of acknowledged output is reported.
# shellcheck disable=SC2016 # what is in single quotes is for eval
. "$(dirname "$0")/../support/lib.sh"
export XDG_RUNTIME_DIR=$scratch

records=$build/tests/tool_records
preload=$scratch/preload_output.so
file=$scratch/file

# A new queue, and no file.
next_file() {
    next_queue
    rm -f -- "$file"
}
new_queue

# Runs a consumer with a fault in one of its writes; see preload_output.c.
faulty() { # FAULT OPTION...
    LD_PRELOAD=$preload OUTPUT_FAULT=$1 take -q "${@:2}"
} 2>"$scratch/faulty.err"

is_lost() {
    [[ $(queue_field "$queue" lost) == true ]]
}

has_bytes() { # FILE COUNT
    (($(stat -c %s "$1") >= $2))
} 2>/dev/null

is_stopped() { # PID
    grep -q '^State:.T' "/proc/$1/status"
}

start() { # OPTION...: in the background; sets pid. It inherits the caller's stdout.
    "$consumer" -Q "$queue" "$@" 2>"$scratch/run.log" </dev/null &
    pid=$!
}

# Checks that all records are there, each whole and once.
check_records() { # NAME FILE FRAMING COUNT MIN MAX
    check_equal "$1" '0 twice' "$("$records" check "${@:3}" <"$2")"
}

read -ra compiler <<<"${CC:-cc}"
check 'the faults can be built' "${compiler[@]}" -shared -fPIC -D_GNU_SOURCE -o "$preload" "$top/tests/support/preload_output.c" -ldl

# ------------------------------------------------------------------ what others wrote stays

seq -f 'message %g' 40 >"$scratch/forty"
next_file
put --rate 400 --input "$scratch/forty" &
rest --prefetch 1 -0 --output "$file" &
rest --prefetch 1 --output "$file"
wait
tr '\0' '\n' <"$file" >"$scratch/lines"
check_same_lines 'two consumers of two framings: each keeps what the other writes' "$scratch/forty" "$scratch/lines"

next_file
seq -f 'm%g;' 300 >"$scratch/messages"
put --rate 300 --input "$scratch/messages" &
rest --output "$file" &
for ((i = 0; i < 20; i++)); do
    printf 'begin-%d.' "$i" >>"$file"
    sleep 0.03 # the point of this test: a pause between the halves of a line
    printf 'end-%d.\n' "$i" >>"$file"
done
wait
check_equal 'another program appends half a line, then the rest: all of it stays' 40 \
    "$(grep -Eo '(begin|end)-[0-9]+\.' "$file" | sort -u | wc -l)"
check_equal 'another program appends half a line: the messages are all there' 300 "$(grep -Eo 'm[0-9]+;' "$file" | sort -u | wc -l)"

dead_holder() { # MESSAGE...: a killed consumer had leased the first and had written nothing
    next_file
    put -- "$@"
    start --work 60s
    wait_until 10 eval '[[ $(queue_field "$queue" consumers) == 1 ]] && "$monitor" show --json -- "$queue" | grep -Eq "\"leased\": [1-9]|\"holding\": true"'
    kill_now "$pid"
}
for how in --output '>>' '>'; do
    dead_holder abcdef second
    printf ab >"$file"
    case $how in
    --output) rest --output "$file" ;;
    '>>') rest >>"$file" ;;
    *) { printf ab && rest; } >"$file" ;;
    esac
    check_equal "what looks like the beginning of a message, $how: is the user's, and stays" $'ababcdef\nsecond' "$(cat "$file")"
done

# ------------------------------------------------------------------ file systems without record locks

no_locks() { # OPTION...
    LD_PRELOAD=$preload OUTPUT_NO_LOCKS=1 rest "$@"
}
next_file
"$records" make line 4000 10 60000 | put &
for i in 1 2 3; do
    no_locks --output "$file" &
done
no_locks --output "$file"
wait
check_records 'no record locks, four consumers: all lines, whole and once' "$file" line 4000 10 60000
next_file
printf 'old\n' >"$file"
put -- one two
OUTPUT_NO_LOCKS=1 faulty 2:1:kill --output "$file"
no_locks --output "$file"
check_equal 'no record locks: each message is one write, and nothing is taken back' $'old\none\ntone\ntwo' "$(cat "$file")"

# ------------------------------------------------------------------ what a dead consumer left is taken back

declare -A put_options=([length]=--length-prefixed [line]=--delimiter=\\n [null]=-0 [block]=--block=50000)
declare -A take_options=([length]=--length-prefixed [line]=--delimiter=\\n [null]=-0 [block]=--raw)

# A consumer is killed after it has written some bytes; another one goes on.
torn() { # FRAMING HOW FAULT
    local option=${take_options[$1]}
    next_file
    put "${put_options[$1]}" --input "$scratch/stream"
    printf old >"$file"
    case $2 in
    --output) faulty "$3" "$option" --output "$file"; rest "$option" --output "$file" ;;
    '>>') faulty "$3" "$option" >>"$file"; rest "$option" >>"$file" ;;
    *) { printf old; faulty "$3" "$option"; rest "$option"; } >"$file" ;;
    esac
}
for framing in length line null block; do
    "$records" make "$framing" 3 50000 50000 >"$scratch/stream"
    for how in --output '>>' '>'; do
        wrong=''
        for bytes in 0 1 4 5 20000 49999 50000 50001 50004 99999 110000 149999 150000 200000; do
            torn "$framing" "$how" "1:$bytes:kill"
            cmp -s "$file" <(printf old && cat "$scratch/stream") || wrong+=" $bytes"
        done
        check_equal "killed in a write, $framing, $how: once and whole, wherever it was cut" '' "$wrong"
    done
done
"$records" make line 1500 900 1000 >"$scratch/stream"
for fault in 1:100000:kill 2:1:kill 2:100000:kill 3:500:kill; do
    torn line --output "$fault"
    check_same "killed in a batch of several writes ($fault): once and whole" <(printf old && cat "$scratch/stream") "$file"
done

three() { # three messages; the writer was killed while it wrote the second
    next_file
    put -- first second third
    printf old >"$file"
}
three
faulty 1:9:kill -0 --output "$file"
rest --output "$file"
check_equal 'killed, the next one has another framing: it is taken back nevertheless' $'oldfirst\nsecond\nthird' "$(cat "$file")"
three
faulty 1:13:kill --prefix '> ' --output "$file"
rest --prefix '> ' --output "$file"
check_equal 'killed, with a prefix: is taken back' $'old> first\n> second\n> third' "$(cat "$file")"
three
faulty 1:9:kill --output "$file"
rest --count 1 --output "$file"
rest --count 1 --output "$file"
rest --output "$file"
check_equal 'killed, and others take one message each: once and whole' $'oldfirst\nsecond\nthird' "$(cat "$file")"
three
faulty 1:9:kill --output "$file"
faulty 1:8:kill --output "$file"
faulty 1:20:kill --prefetch 1 --output "$file"
rest --output "$file"
check_equal 'killed, and who takes over, too: once and whole' $'oldfirst\nsecond\nthird' "$(cat "$file")"

three
OUTPUT_KILL_UNLOCKED=1 faulty 0:0:go --output "$file"
rest --output "$file"
check_equal 'killed when it has let go of the file: all is acknowledged by then' $'oldfirst\nsecond\nthird' "$(cat "$file")"
three
faulty 1:19:kill --output "$file"
rest --discard
put -- fourth
rest --output "$file"
check_equal 'killed, all was written, and is acknowledged: stays' $'oldfirst\nsecond\nthird\nfourth' "$(cat "$file")"
check_equal 'killed, all was written, and is acknowledged: is nothing to tell' '' "$(cat "$scratch/rest.err")"

check_stays() { # NAME WRITTEN
    check_equal "$1: is left as it is" "$2" "$(cat "$file")"
    check_equal "$1: is said once" 1 "$(grep -c "$file: .*may have left part of a message at byte 3;" "$scratch/rest.err")"
}
three
faulty 1:9:kill --output "$file"
printf 'mine' >>"$file"
rest --prefetch 1 --output "$file"
check_stays 'killed, and others have written behind it' $'oldfirst\nsecminefirst\nsecond\nthird'
three
faulty 1:13:kill --prefix '> ' --output "$file"
rest --output "$file"
check_stays 'killed, with a prefix that the next one does not know' $'old> first\n> secfirst\nsecond\nthird'
three
faulty 1:9:kill --output "$file"
rest --discard
put -- fourth
rest --output "$file"
check_stays 'killed, and its messages went elsewhere' $'oldfirst\nsecfourth'
three
faulty 1:9:kill --output "$file"
: >"$file"
rest --output "$file"
check_equal 'killed, and the file was emptied: nothing is taken from what is new' $'first\nsecond\nthird' "$(cat "$file")"
three
faulty 1:9:kill --output "$file"
rest --output "$scratch/other"
check_equal 'killed, another file: nothing of it is taken' $'first\nsecond\nthird' "$(cat "$scratch/other")"

# ------------------------------------------------------------------ ends in order, and no room

three
faulty 1:8:term --output "$file"
check_equal 'SIGTERM in the middle of a message: exit 0' 0 $?
check_equal 'SIGTERM in the middle of a message: it is finished' $'oldfirst\nsecond' "$(cat "$file")"
rest --output "$file"
check_equal 'SIGTERM in the middle of a message: the next one goes on' $'oldfirst\nsecond\nthird' "$(cat "$file")"
for how in --output '>>' '>'; do
    three
    case $how in
    --output) faulty 1:8:full --output "$file" ;;
    '>>') faulty 1:8:full >>"$file" ;;
    *) { printf old; faulty 1:8:full; } >"$file" ;;
    esac
    check_equal "no room in the middle of a message, $how: exit 1" 1 $?
    check_equal "no room in the middle of a message, $how: what there is of it is taken back" $'oldfirst' "$(cat "$file")"
    rest --output "$file"
    check_equal "no room in the middle of a message, $how: the next one goes on" $'oldfirst\nsecond\nthird' "$(cat "$file")"
done
three
OUTPUT_COMMAND="printf mine >>$file" faulty 1:8:full --output "$file"
check_equal 'no room, and others have written behind it: stays' $'oldfirst\nsemine' "$(cat "$file")"
check_match 'no room, and others have written behind it: is said' "^consumer: $file: .*incomplete message remains at byte 9\$" "$scratch/faulty.err"
rest --output "$file"
check_equal 'no room, and others have written behind it: the next one goes on' $'oldfirst\nseminesecond\nthird' "$(cat "$file")"

# ------------------------------------------------------------------ killed at any moment

# Kills consumers that write to the file, one after another.
kill_through() { # KILLS OPTION...
    local kills=$1 pid
    shift
    for ((; kills > 0; kills--)); do
        "$consumer" -q -Q "$queue" "$@" --output "$file" 2>>"$scratch/killed.err" &
        pid=$!
        random_pause 4
        kill_now "$pid"
    done
}
mkfifo "$scratch/fifo"
for framing in length line null block; do
    next_file
    "$records" make "$framing" 500 65536 65536 | put "${put_options[$framing]/50000/65536}" &
    kill_through 15 "${take_options[$framing]}" &
    kill_through 15 "${take_options[$framing]}"
    rest "${take_options[$framing]}" --output "$file"
    wait
    check_records "killed at any moment, records of 64 KiB, $framing: whole, and once" "$file" "$framing" 500 65536 65536
done
next_file
"$records" make line 100000 20 60 | put &
kill_through 25 &
kill_through 25
rest --output "$file"
wait
check_records 'killed at any moment, lines: whole, and once' "$file" line 100000 20 60

run() { # ARGUMENT...: run.sh in the background; sets run_pid
    : >"$scratch/run.log"
    setsid "$run_sh" -Q "$queue" "$@" >"$scratch/out.log" 2>"$scratch/run.log" </dev/null &
    run_pid=$!
}
consumers_of_run() {
    pgrep -f "^$build/consumer --queue $queue " || :
}
next_file
"$records" make length 1500 65536 65536 >"$scratch/stream"
LD_PRELOAD=$preload OUTPUT_FAULT=5:70000:kill run -c 3 --max-restarts 1000 --restart-pause 1ms:1ms --prefetch 20 \
    --length-prefixed --input "$scratch/stream" --output "$file"
end_status 'run.sh, each consumer is killed in its fifth write: exit 0' 0 "$run_pid"
check_match 'run.sh, each consumer is killed in its fifth write: some were' 'SIGKILL' "$scratch/run.log"
check_records 'run.sh, each consumer is killed in its fifth write: records, whole and once' "$file" length 1500 65536 65536

# ------------------------------------------------------------------ a file that goes, or shrinks

damage() { # HOW FILE
    case $1 in
    removed) rm -- "$2" ;;
    renamed) mv -- "$2" "$2.elsewhere" ;;
    replaced) cp -- "$2" "$2.new" && mv -- "$2.new" "$2" ;;
    'cut short') truncate -s 1 -- "$2" ;;
    esac
}
begin() { # HOW: a consumer has written a message and waits; then the file is damaged
    next_file
    if [[ $how == '>>' ]]; then
        start --follow >>"$file"
    else
        start --follow --output "$file"
    fi
    put -- first
    wait_until 10 queue_has messages 0
    wait_until 10 is_waiting
}
for how in --output '>>'; do
    for what in removed renamed replaced 'cut short'; do
        [[ $how == '>>' && ($what == renamed || $what == replaced) ]] && continue
        begin
        damage "$what" "$file"
        put -- second
        end_status "$how: $what under way: exit 1" 1
        check_match "$how: $what under way: is said" "^consumer: ($file|stdout): was .* acknowledged are not redelivered" \
            "$scratch/run.log"
        check "$how: $what under way: nothing more is acknowledged" queue_has messages 1
        check "$how: $what under way: the queue keeps it in mind" is_lost
        begin
        damage "$what" "$file"
        kill -TERM "$pid"
        end_status "$how: $what before the end: exit 1" 1
    done
done
begin
damage removed "$file"
end_status 'a file removed while nothing comes: exit 1' 1
for what in removed 'cut short'; do
    next_file
    put -- first second third
    [[ $what == removed ]] && command="rm $file" || command="truncate -s 3 $file"
    OUTPUT_COMMAND=$command faulty 1:100:go --output "$file"
    check_equal "$what while it is written: exit 1" 1 $?
    check "$what while it is written: nothing is acknowledged" queue_has messages 3
done
next_file
start --follow --output "$file"
wait_until 10 test -e "$file"
rm "$file"
put -- first
end_status 'a file removed before anything is written: exit 1' 1
check 'a file removed before anything is written: nothing is lost' eval '! is_lost'
next_file
put -- first
exec 5<>"$file"
rm "$file"
check_status 'a stdout that never had a name: exit 0' 0 eval 'take -q >&5'
exec 5>&-
next_file
put -- first second
: >"$file"
take -q --count 1 --output "$file"
printf mine >>"$file"
check_status 'a file that others append to: exit 0' 0 take -q --output "$file"
check_equal 'a file that others append to: nothing is lost' $'first\nminesecond' "$(cat "$file")"

mkdir "$scratch/mirror"
next_file
start --follow --mirror "$scratch/mirror/%l"
put -- first
wait_until 10 queue_has messages 0
damage 'cut short' "$scratch/mirror/0"
put -- second
end_status '--mirror: cut short under way: exit 1' 1
check '--mirror: cut short under way: nothing more is acknowledged' queue_has messages 1
check '--mirror: cut short under way: the queue keeps it in mind' is_lost

seq 20000 >"$scratch/numbers"
for what in removed replaced 'cut short'; do
    next_file
    run --rate 10000 --input "$scratch/numbers" --output "$file"
    wait_until 20 has_bytes "$file" 20000
    damage "$what" "$file"
    end_status "run.sh: $what under way: exit 1, whatever restarts achieve" 1 "$run_pid"
    check_match "run.sh: $what under way: is said" '^run.sh: failed: .*no longer where' "$scratch/run.log"
done
next_file
run --rate 10000 --restart-pause 30s:30s --input "$scratch/numbers" --output "$file"
wait_until 20 has_bytes "$file" 20000
rm "$file"
wait_until 20 is_lost
kill_now "$run_pid"
wait_until 10 eval '[[ ! $(consumers_of_run) ]]'
run --take-over --input "$scratch/numbers" --output "$file"
end_status 'run.sh: it takes over a queue whose output was removed: exit 1' 1 "$run_pid"
check_match 'run.sh: it takes over a queue whose output was removed: is said' '^run.sh: failed: .*no longer where' "$scratch/run.log"

# ------------------------------------------------------------------ stopped writers of a pipe

has_locked() { # PID: it has the pipe, and its lock shows that
    grep -q "POSIX .*WRITE $1 " /proc/locks
}
in_write() { # PID: it has leased a message, and sleeps until the pipe has room
    [[ $(cat "/proc/$1/wchan") == *pipe* ]]
}
next_file
put -- stopped
exec 6<>"$scratch/fifo"
timeout 60 "$consumer" -q -Q "$queue.none" >&6 & # has the pipe, too, and waits for its queue
other=$!
wait_until 10 eval '[[ $(readlink "/proc/$(pgrep -P $other)/exe") == "$consumer" ]]'
wait_until 10 has_locked "$(pgrep -P $other)"
dd if=/dev/zero of=/dev/fd/6 bs=4096 oflag=nonblock conv=notrunc status=none 2>/dev/null
start >&6
stopped=$pid
wait_until 10 in_write "$stopped" || not_ok 'a consumer waits for room in a pipe' "$(cat "/proc/$stopped/wchan")"
kill -STOP "$stopped"
wait_until 10 is_stopped "$stopped"
dd if=/dev/fd/6 of=/dev/null iflag=nonblock bs=64K status=none 2>/dev/null
put -- short
timeout 10 "$consumer" -q -Q "$queue" --follow --idle 100ms >&6
check_equal 'a consumer stopped in a short write to a pipe holds up nobody with short messages' 0 $?
read -rt 5 line <&6
check_equal 'a consumer stopped in a short write: what another wrote is there' short "$line"
kill -CONT "$stopped"
read -rt 5 line <&6
check_equal 'a consumer stopped in a short write: what it writes later is whole' stopped "$line"
wait "$stopped"
kill -TERM "$other"
wait "$other"
exec 6>&-

next_file
"$records" make line 100000 100 500 | put &
for i in 1 2 3; do
    rest &
done | cat >"$file"
wait
check_records 'three consumers, short messages to one pipe at once: whole, and once' "$file" line 100000 100 500
# Short and long messages at once: each is whole.
next_file
"$records" make line 3000 100 9000 | put &
for i in 1 2 3; do
    rest --prefetch 3 &
done | cat >"$file"
wait
check_records 'three consumers, short and long messages to one pipe: whole, and once' "$file" line 3000 100 9000

# ------------------------------------------------------------------ order

head -c 100000 /dev/urandom >"$scratch/random"
warned() { # NAME STATUS OPTION...
    local name=$1 expected=$2
    shift 2
    next_file
    timeout 60 "$run_sh" -Q "$queue" "$@" >"$scratch/out" 2>"$scratch/err" || not_ok "$name: exit 0" "$scratch/err"
    grep -q '^run.sh: .*order' "$scratch/err"
    check_equal "$name" "$expected" $?
}
warned 'run.sh: --block and several consumers: the order is warned of' 0 -c 2 --block 1000 --input "$scratch/random" --output "$file"
warned 'run.sh: --raw and several consumers: the order is warned of' 0 -c 2 --raw --output "$file" -- a b
warned 'run.sh: --block and one consumer: no warning' 1 --block 1000 --input "$scratch/random" --output "$file"
warned 'run.sh: --block and a mirror: no warning' 1 -c 2 --block 1000 --input "$scratch/random" --mirror "$scratch/mirror/%l.random"
check_match 'consumer --help tells that several consumers of one file change the order' 'order' <("$consumer" --help)

next_file
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
