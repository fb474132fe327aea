#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# producer --source-headers: each message says which file and offset, or which client, it comes from.
# shellcheck disable=SC2016 # what --exec runs expands its own variables
. "$(dirname "$0")/../support/lib.sh"

client=$build/tests/tool_client
cd "$scratch" || exit 1
new_queue

# Prints for each message in the queue its headers, then what it is.
shown() {
    take -q --grace 10ms --exec 'printf "%s %s [%s]\n" "$SHMQ_HEADER_SHMQ_FILE" "$SHMQ_HEADER_SHMQ_OFFSET" "$(tr "\0" @)"'
}

check_shown() { # NAME EXPECTED OPTION...
    local name=$1 expected=$2
    shift 2
    next_queue
    check "$name: exit 0" put --source-headers "$@"
    check_equal "$name" "$expected" "$(shown)"
}

printf 'a\n\nbcd\ne' >one
printf 'f\n' >two
check_shown 'lines of two files' $'one 0 [a]\none 2 []\none 3 [bcd]\none 7 [e]\ntwo 0 [f]' --input one --input two
check_shown 'stdin' $'- 0 [a]\n- 2 []\n- 3 [bcd]\n- 7 [e]' --input - <one
check_shown '--block' $'one 0 [a\n\nb]\none 4 [cd\ne]' --block 4 --input one
check_shown '--whole' $'one 0 [a\n\nbcd\ne]' --whole --input one
: >empty
check_shown '--whole, an empty file' 'empty 0 []' --whole --input empty
printf '\0\0\0\1a\0\0\0\0\0\0\0\2bc' >records
check_shown '--length-prefixed' $'records 0 [a]\nrecords 5 []\nrecords 9 [bc]' --length-prefixed --input records
check_shown '--split: the second part' $'one 3 [bcd]\none 7 [e]' --split 2/2 --input one
printf 'x\n' >$'new\nline\\ and \xc3\xa4'
check_shown 'a strange name is one line' 'new\x0aline\x5c and ä 0 [x]' --input $'new\nline\\ and \xc3\xa4'

# Large blocks and whole files are read into the queue itself otherwise.
head -c 200000 /dev/zero >zeros
next_queue
put --source-headers --block 64K --input zeros
check_equal 'large blocks' '0 65536 131072 196608' "$("$monitor" peek "$queue" 9 | sed -n 's/^  Shmq-Offset: //p' | xargs)"

# A stopped source goes on with the right offsets.
seq 1000 1999 >lines
next_queue
put --source-headers --resume --count 300 --input lines 2>/dev/null
put --source-headers --resume --count 310 --input lines 2>/dev/null
put --source-headers --resume --input lines
check_equal '--resume: nothing is doubled' 1000 "$(queue_field "$queue" messages)"
check_equal '--resume: the offsets go on' '0 1495 1500 4995' "$("$monitor" peek "$queue" 1000 | sed -n 's/^  Shmq-Offset: //p' | sed -n '1p;300p;301p;1000p' | xargs)"

next_queue
put --header 'Color: red' --source-headers --input two
check_equal '--header stands before' $'Color: red\nShmq-File: two\nShmq-Offset: 0' "$("$monitor" peek "$queue" 1 | sed -n 's/^  //p' | grep : | grep -v lane)"

# Headers count towards the largest message: 64 bytes here.
next_queue
printf '%01920d\n' 1 >fits
printf '%01921d\n' 1 >long
check 'the longest that fits: exit 0' put --max-message 2K --source-headers --input fits
check_status 'one byte more: exit 1' 1 put --source-headers --input long
check_match 'one byte more: is said' 'line 1 .* is longer than the queue.s largest message of 1920 bytes' "$scratch/err"
next_queue
check_status 'no room for headers: exit 1' 1 put --max-message 64 --source-headers --input fits
check_match 'no room for headers: is said' '--source-headers: .*longer than the queue.s largest message' "$scratch/err"

# They stay with a dead letter, and when it is run again.
next_queue
dead=$queue.dead
put --source-headers --input two
take -q --retries 0 --exec false 2>/dev/null
check_equal 'a dead letter has them' 'Shmq-File: two Shmq-Offset: 0' "$("$monitor" peek "$dead" 1 | grep -oE 'Shmq-(File|Offset): .*' | xargs)"
"$monitor" kick -q "$dead"
check_equal 'kicked, it has them' 'two 0 [f]' "$(shown)"
"$monitor" remove -q --force "$dead"

# ------------------------------------------------------------------ sockets

next_queue
"$producer" -v -Q "$queue" --source-headers --listen "unix:$scratch/s" --listen "unix-dgram:$scratch/d" 2>"$scratch/run.log" &
pid=$!
wait_until 30 has_match 'd: listening$' "$scratch/run.log"
echo 'by stream' | "$client" stream "$scratch/s" &
stream=$!
wait "$stream"
wait_until 30 queue_has messages 1
echo 'by datagram' | "$client" lines "$scratch/d" &
datagram=$!
wait "$datagram"
wait_until 30 queue_has messages 2
kill -TERM "$pid"
wait "$pid"
check_equal 'clients: their processes and users' "$stream $EUID [by stream]
$datagram $EUID [by datagram]" "$(take -q --grace 10ms --exec 'echo "$SHMQ_HEADER_SHMQ_PEER_PID $SHMQ_HEADER_SHMQ_PEER_UID [$(cat)]"')"

# ------------------------------------------------------------------ usage

check_usage producer put 'only for inputs' --source-headers --random
check_usage producer put 'only for inputs' --source-headers -- word
next_queue
