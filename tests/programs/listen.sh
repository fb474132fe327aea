#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# producer --listen: what clients of sockets send, how they are held up, and how the sockets' files come and go.
. "$(dirname "$0")/../support/lib.sh"

client=$build/tests/tool_client
socket=$scratch/s
datagrams=$scratch/d
new_queue

# Starts a producer that listens, and waits until it does; sets pid.
listen() { # OPTION...
    : >"$scratch/run.log"
    env --default-signal=INT "$producer" -v -Q "$queue" "$@" 2>"$scratch/run.log" &
    pid=$!
    wait_until 30 is_listening || not_ok 'listens' "$scratch/run.log"
}

is_listening() {
    has_match ': listening$' "$scratch/run.log" || has_ended "$pid"
}

send() { # FORMAT [MODE [PATH]]
    # shellcheck disable=SC2059 # a format it is
    printf "$1" | timeout 60 "$client" "${2-stream}" "${3-$socket}"
}

stop() { # NAME [STATUS]
    kill -TERM "$pid"
    end_status "$1" "${2-0}"
}

# In a form that shows where each message begins and ends.
bracketed() {
    rest --prefix '<' -D '>' | tr '\0' '@'
}

# ------------------------------------------------------------------ usage

usage() { # REGEX OPTION...
    check_usage producer put "$@"
}
put() {
    timeout 30 "$producer" -Q "$queue" "$@"
}
usage 'not an address' --listen "$socket"
usage 'not an address' --listen unix:
usage 'not an address' --listen tcp:80
usage 'longer than a socket' --listen "unix:$(printf '%0108d' 0)"
usage 'given twice' --listen "unix:$socket" --listen "unix-dgram:$socket"
usage 'only one source' --listen "unix:$socket" --input /dev/null
usage 'only one source' --listen "unix:$socket" -- word
usage 'only one source' --listen "unix:$socket" --random
usage 'needs --input' --listen "unix:$socket" --resume
usage 'needs --listen' --listen-mode 0600
usage 'not a mode' --listen "unix:$socket" --listen-mode 8
usage 'not a mode' --listen "unix:$socket" --listen-mode 01000

# ------------------------------------------------------------------ framing

check_stream() { # NAME EXPECTED FORMAT OPTION...
    local name=$1 expected=$2 format=$3
    shift 3
    next_queue
    listen --listen "unix:$socket" "$@"
    send "$format"
    stop "$name: exit 0"
    check_equal "$name" "$expected" "$(bracketed)"
}
check_stream 'lines, the last without its end' '<a><><b c><d>' 'a\n\nb c\nd'
check_stream 'a client that sends nothing' '' ''
check_stream '-0' '<a><b>' 'a\0b' -0
check_stream '--length-prefixed' '<a><><bc>' '\0\0\0\1a\0\0\0\0\0\0\0\2bc' --length-prefixed
check_stream '--length-prefixed, cut short: the rest' '<a>' '\0\0\0\1a\0\0\0\5bc' --length-prefixed
check_match '--length-prefixed, cut short: is told' 'process [0-9]+: the last record is cut short' "$scratch/run.log"
check_stream '--block' '<abc><de>' 'abcde' --block 3
check_stream '--whole' $'<a\nb\n>' 'a\nb\n' --whole

next_queue
listen --listen "unix:$socket" --max-message 1K
send "$(printf '%01024d' 1)\n$(printf '%01025d' 2)\n$(printf '%0200000d' 3)\nshort\n"
send "$(printf '%01025d' 4)"
send 'other\n'
stop 'messages that are too long: exit 0'
check_equal 'messages that are too long: all others are put' "$(printf '%01024d' 1) short other" "$(rest | xargs)"
check_match 'messages that are too long: are told' 'a message is longer than .* of 1 KiB.*refused' "$scratch/run.log"
check_match 'messages that are too long: are counted' '3 refused so far' "$scratch/run.log"
check_equal 'messages that are too long: the queue counts them' 3 "$(queue_field "$queue" too_long)"

next_queue
listen --listen "unix:$socket" --max-message 1K --length-prefixed
send "\000\000\020\000$(printf '%04096d' 1)\0\0\0\1a"
stop 'a record that is too long: exit 0'
check_equal 'a record that is too long: the next one is put' '<a>' "$(bracketed)"

# Lines of all sizes, so that messages begin and end anywhere in what is read at once.
next_queue
awk 'BEGIN {
    srand(1)
    for (zeros = "0"; length(zeros) < 2000000; )
        zeros = zeros zeros
    for (i = 0; i < 300; i++)
        print substr(zeros, 1, int(exp(rand() * 12))) i
    print substr(zeros, 1, 1999998) 1
    print "2end"
}' >"$scratch/lines"
check_equal 'long messages: there are so many' 302 "$(wc -l <"$scratch/lines")"
listen --listen "unix:$socket"
timeout 100 "$client" stream "$socket" <"$scratch/lines"
stop 'long messages: exit 0'
rest >"$scratch/got"
check_same 'long messages: nothing is lost' "$scratch/lines" "$scratch/got"

# ------------------------------------------------------------------ datagrams

next_queue
listen --listen "unix-dgram:$datagrams" --listen "unix:$socket" --max-message 64K
send 'a\n\nb c\n' lines "$datagrams"
head -c 65536 /dev/zero | timeout 60 "$client" whole "$datagrams"
head -c 65537 /dev/zero | timeout 60 "$client" whole "$datagrams"
send 'two\nlines\n' whole "$datagrams"
send 'stream\n'
stop 'datagrams: exit 0'
check_match 'a datagram that is too long: is told' 'a datagram of process [0-9]+ has 65537 bytes.*refused' "$scratch/run.log"
rest --length-prefixed >"$scratch/got"
{
    printf '\0\0\0\1a\0\0\0\0\0\0\0\3b c\0\1\0\0'
    head -c 65536 /dev/zero
    printf '\0\0\0\012two\nlines\n\0\0\0\6stream'
} >"$scratch/expected"
check_same 'datagrams: each is a message, an empty one too; the longest that fits' "$scratch/expected" "$scratch/got"

if type logger >/dev/null 2>&1; then
    next_queue
    listen --listen "unix-dgram:$datagrams" --listen "unix:$socket"
    logger --socket "$datagrams" -t test 'by datagram'
    logger --socket "$socket" -t test 'by stream'
    stop 'logger: exit 0'
    check_equal 'logger: both kinds' 'by datagram by stream' "$(rest | sed 's/.*test: //' | sort | xargs)"
fi

# ------------------------------------------------------------------ at once

# How long a line takes from the client to the consumer, at best, in milliseconds.
next_queue
listen --listen "unix:$socket"
mkfifo "$scratch/to" "$scratch/from"
"$client" stream "$socket" <"$scratch/to" &
"$consumer" -q -Q "$queue" >"$scratch/from" &
exec 7>"$scratch/to" 8<"$scratch/from"
best=1000000
for ((i = 0; i < 20; i++)); do
    begun=$EPOCHREALTIME
    echo "$i" >&7
    read -rt 10 got <&8
    [[ $got == "$i" ]] || break
    took=$(milliseconds_since "$begun")
    ((took < best)) && best=$took
done
check 'a trickle: each line comes' test "$i" -eq 20
check 'a trickle: at once' test "$best" -lt 50
exec 7>&-
stop 'a trickle: exit 0'
exec 8<&-
wait

next_queue
listen --listen "unix:$socket"
check '50 clients: all send' timeout 100 "$client" storm "$socket" 50 1000
stop '50 clients: exit 0'
rest >"$scratch/got"
for ((i = 0; i < 50; i++)); do
    seq -f "$i %g" 0 999
done >"$scratch/expected"
check_same_lines '50 clients: nothing is lost or broken' "$scratch/expected" "$scratch/got"
check_equal '50 clients: each in its order' '' "$(awk '$2 != next_of[$1]++' "$scratch/got" | head -n 3)"

next_queue
: >"$scratch/run.log"
(ulimit -n 20 && exec "$producer" -v -Q "$queue" --listen "unix:$socket") 2>"$scratch/run.log" &
pid=$!
wait_until 30 is_listening
check 'more clients than descriptors: all send' timeout 100 "$client" storm "$socket" 60 100
check 'more clients than descriptors: is told' wait_until 10 has_match 'no more than [0-9]+ connections.*ulimit' "$scratch/run.log"
stop 'more clients than descriptors: exit 0'
check_equal 'more clients than descriptors: all arrives' 6000 "$(rest | wc -l)"

next_queue
listen --listen "unix:$socket"
yes | timeout 100 "$client" stream "$socket" 2>/dev/null &
flood=$!
timeout 100 "$consumer" -q -Q "$queue" >"$scratch/from" 2>/dev/null &
wait_until 30 holds_at_least 1
exec 8<"$scratch/from"
send 'single\n'
check 'a flood: another client is heard' timeout 60 grep -qm 1 single <&8
exec 8<&-
kill "$flood"
kill -KILL "$pid"
wait 2>/dev/null

# ------------------------------------------------------------------ a full queue

next_queue
seq 100000 >"$scratch/lines"
listen --listen "unix:$socket" --capacity 64K
timeout 100 "$client" stream "$socket" <"$scratch/lines" &
sender=$!
check 'a full queue: the producer waits' wait_until 30 is_blocked
check 'a full queue: the client waits' kill -0 "$sender"
timeout 100 "$consumer" -q -Q "$queue" >"$scratch/got" &
taker=$!
wait "$sender"
check_equal 'a full queue: the client ends well' 0 $?
stop 'a full queue: exit 0'
wait "$taker"
check_same 'a full queue: nothing is lost' "$scratch/lines" "$scratch/got"

next_queue
listen --listen "unix:$socket" --capacity 64K
timeout 100 "$client" stream "$socket" <"$scratch/lines" 2>/dev/null &
sender=$!
wait_until 30 is_blocked
stop 'a full queue, and SIGTERM: exit 1' 1
check_match 'a full queue, and SIGTERM: how much' '[1-9][0-9]* bytes and 0 datagrams were received but could not be put before the signal' "$scratch/run.log"
wait "$sender"
check_equal 'a full queue, and SIGTERM: the client learns it' 1 $?
rest >"$scratch/got"
check_same 'a full queue, and SIGTERM: the first lines are there' <(head -n "$(wc -l <"$scratch/got")" "$scratch/lines") "$scratch/got"

# ------------------------------------------------------------------ the end

# The producer is stopped while clients send, so that all that they send waits in the kernel.
next_queue
listen --listen "unix:$socket" --listen "unix-dgram:$datagrams"
kill -STOP "$pid"
mkfifo "$scratch/held"
printf 'whole\nhalf' | "$client" hold "$socket" >"$scratch/held" &
holder=$!
read -rt 30 _ <"$scratch/held"
send 'ended\nlast'
send 'datagram\n' lines "$datagrams"
kill -TERM "$pid"
kill -CONT "$pid"
end_status 'SIGTERM: exit 0' 0
kill "$holder"
wait "$holder" 2>/dev/null
check_equal 'SIGTERM: all that was received is put' 'datagram ended last whole' "$(rest | sort | xargs)"
check_match 'SIGTERM: an unfinished message is told' '1 client was in the middle of a message.*: 4 bytes' "$scratch/run.log"
check 'SIGTERM: the files of the sockets are removed' test ! -e "$socket" -a ! -e "$datagrams"

next_queue
listen --listen "unix:$socket"
rm "$socket"
echo mine >"$socket"
stop 'a file that took the place of the socket: exit 0'
check_equal 'a file that took the place of the socket: stays' mine "$(cat "$socket")"
rm "$socket"

next_queue
listen --listen "unix:$socket" --count 3
send 'a\nb\nc\nd\n'
end_status '--count: exit 0' 0
check_equal '--count: so many' 'a b c' "$(rest | xargs)"

# ------------------------------------------------------------------ what is there already

next_queue
listen --listen "unix:$socket"
kill_now "$pid"
check 'killed: its file stays' test -S "$socket"
listen --listen "unix:$socket" --listen "unix-dgram:$datagrams"
send 'again\n'
kill -STOP "$pid"
listening=$queue
new_queue
check_status 'another listens: exit 1' 1 put --listen "unix:$socket"
check_match 'another listens: is said' 'another process listens there' "$scratch/err"
check_status 'another listens for datagrams: exit 1' 1 put --listen "unix-dgram:$datagrams"
check_status 'another listens, for the other kind: exit 1' 1 put --listen "unix:$datagrams"
check 'another listens: no queue is left' no_queue
kill -CONT "$pid"
queue=$listening
stop 'another listens: it does not mind'
check_equal 'killed, and started again: works' again "$(rest)"

next_queue
listen --listen "unix-dgram:$datagrams"
kill_now "$pid"
listen --listen "unix:$datagrams"
send 'stream\n' stream "$datagrams"
stop 'a dead listener for datagrams: exit 0'
check_equal 'a dead listener for datagrams: is replaced' stream "$(rest)"

next_queue
echo text >"$scratch/file"
check_status 'a file of that name: exit 1' 1 put --listen "unix:$scratch/file"
check_match 'a file of that name: is said' 'a file of that name that is not a socket' "$scratch/err"
check_equal 'a file of that name: stays' text "$(cat "$scratch/file")"
ln -s "$scratch/nowhere" "$scratch/link"
check_status 'a dangling link: exit 1' 1 put --listen "unix:$scratch/link"
check_status 'no such folder: exit 1' 1 put --listen "unix:$scratch/none/s"
check_match 'no such folder: is said' 'No such file or directory \(make its folder first\)' "$scratch/err"
check 'nowhere to listen: no queue is left' no_queue

if ((EUID == 0)) && type setpriv >/dev/null 2>&1; then
    mkdir -m 0755 "$scratch/closed"
    chmod 0755 "$scratch"
    check_status 'a folder of another user: exit 1' 1 \
        setpriv --reuid 65534 --clear-groups "$producer" -Q "$queue" --listen "unix:$scratch/closed/s"
    check_match 'a folder of another user: is said' 'Permission denied \(its folder has to be writable\)' "$scratch/err"
fi

next_queue
: >"$scratch/run.log"
(umask 027 && exec "$producer" -v -Q "$queue" --listen "unix:$socket") 2>"$scratch/run.log" &
pid=$!
wait_until 30 is_listening
check_equal 'permissions: as the umask says' 750 "$(stat -c %a "$socket")"
stop 'permissions: exit 0'
next_queue
listen --listen "unix:$socket" --listen "unix-dgram:$datagrams" --listen-mode 0622
check_equal 'permissions: --listen-mode' '622 622' "$(stat -c %a "$socket" "$datagrams" | xargs)"
stop 'permissions: --listen-mode: exit 0'

# Many who start at once: one listens, the others learn that.
next_queue
listen --listen "unix:$socket"
kill_now "$pid"
for ((i = 0; i < 8; i++)); do
    "$producer" -v -Q "$queue" --listen "unix:$socket" 2>"$scratch/start.$i.log" &
    starters[i]=$!
done
seven_have_ended() {
    local ended=0 process
    for process in "${starters[@]}"; do
        has_ended "$process" && ended=$((ended + 1))
    done
    ((ended == 7))
}
check 'eight start at once: one listens' wait_until 60 seven_have_ended
check_equal 'eight start at once: the others say why' 7 "$(cat "$scratch"/start.*.log | grep -c 'another process listens')"
check 'eight start at once: it can be reached' send 'a\n'
kill -TERM "${starters[@]}" 2>/dev/null
wait
check_equal 'eight start at once: what is sent arrives' a "$(rest)"

# Two of them that have both found the file stale: the later one must not remove the socket that the other has made.
if can_trace; then
    next_queue
    listen --listen "unix:$socket"
    kill_now "$pid"
    for i in 0 1; do
        strace -f -qq -e trace=unlink,unlinkat -e inject=unlink,unlinkat:delay_enter=300000 -o "$scratch/trace.$i" \
            "$producer" -v -Q "$queue" --listen "unix:$socket" 2>"$scratch/start.$i.log" &
        tracers[i]=$!
    done
    one_says_why() {
        (($(cat "$scratch"/start.[01].log | grep -c 'another process listens') == 1))
    }
    check 'two find it stale: one listens, the other says why' wait_until 30 one_says_why
    wait_until 30 grep -q ': listening$' "$scratch"/start.[01].log
    check 'two find it stale: it can be reached' send 'a\n'
    wait_until 30 queue_has messages 1
    pkill -TERM -P "${tracers[0]}"
    pkill -TERM -P "${tracers[1]}"
    wait
    check_equal 'two find it stale: what is sent arrives' a "$(rest)"
fi
next_queue
