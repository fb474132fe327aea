#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The consumer's -- PROGRAM [ARG...], and where --exec needs no shell.
# shellcheck disable=SC2016 # what is in single quotes is for the shells that the consumer starts
. "$(dirname "$0")/../support/lib.sh"

new_queue
export SCRATCH=$scratch

# ------------------------------------------------------------------ a program and its input

put -- a '' $'b\nc'
check_status 'a program: exit 0' 0 take -- sh -c 'cat; echo .'
check_equal 'a program: each message is on its stdin' $'a.\n.\nb\nc.' "$(cat "$scratch/out")"
put -- a b
check_status 'arguments are passed as they are' 0 take -- printf '%s,' '$HOME' '*' 'a  b' '' --count -h
check_equal 'arguments are passed as they are: once a message' '$HOME,*,a  b,,--count,-h,$HOME,*,a  b,,--count,-h,' "$(cat "$scratch/out")"
put -- a
check_status 'its environment' 0 take -- sh -c 'echo "$SHMQ_QUEUE $SHMQ_ATTEMPT $SHMQ_REDELIVERED $SHMQ_LANE $SHMQ_ID"'
check_match 'its environment' "^$queue 1 0 0 [^ ]+\$" "$scratch/out"
head -c 1000000 /dev/urandom >"$scratch/random"
put --whole --input "$scratch/random"
check_status 'a big, binary message' 0 take -- cat
check_same 'a big, binary message: is the same on its stdin' "$scratch/random" "$scratch/out"

# ------------------------------------------------------------------ {}

# Nothing of it may be seen by a shell.
hostile=$'$(touch broken) `touch broken`; touch broken "\'\\ \n* {} -rf'
cd "$scratch" || exit
put -- a '' "$hostile"
check_status '{} is the message' 0 take -- printf '<%s>' {} 'x{}y{}'
check_equal '{} is the message, byte for byte' "<a><xaya><><xy><$hostile><x${hostile}y$hostile>" "$(cat "$scratch/out")"
put -- "$hostile"
check_status '{} as an argument of a shell' 0 take -- sh -c 'printf "%s" "$1"' sh {}
check_equal '{} as an argument of a shell is not read by it' "$hostile" "$(cat "$scratch/out")"
put -- "$hostile"
check_equal '{} in --exec is not replaced' '{}' "$(rest --exec 'echo {}')"
check 'no message was executed' test ! -e "$scratch/broken"
put -- a
check_equal 'with {}, stdin is /dev/null' '/dev/null' "$(rest -- sh -c 'readlink /proc/self/fd/0' {})"
put -- a
check_status 'with {}, there is no other input' 0 take -- sh -c 'wc -c' {}
check_equal 'with {}, there is no other input' 0 "$(cat "$scratch/out")"

printf 'a\0b\n' | put
check_status 'a NUL byte and {}: exit 1' 1 take --dead-letter none --retries 1 --backoff 1ms -- echo {}
check_match 'a NUL byte and {}: is retried' '^consumer: .*: failed: it has a NUL byte' "$scratch/err"
check_match 'a NUL byte and {}: says what to do' 'failed 2 times: it has a NUL byte and cannot be an argument .*stdin' "$scratch/err"
check_equal 'a NUL byte and {}: nothing was run' '' "$(cat "$scratch/out")"
check 'a NUL byte and {}: the message stays' queue_has messages 1
check_equal 'a NUL byte and stdin' 'a@b' "$(rest -- tr '\0' '@')"
next_queue
head -c 131072 /dev/zero | tr '\0' x | put --whole
check_status 'too long for {}: exit 1' 1 take --dead-letter none --retries 0 -- echo {}
check_match 'too long for {}: says what to do' 'failed 1 time: it is too long for an argument .*stdin' "$scratch/err"
check 'too long for {}: the message stays' queue_has messages 1
check_equal 'too long for {}, and stdin' 131072 "$(rest -- wc -c)"
head -c 131071 /dev/zero | tr '\0' x | put --whole
check_equal 'as long as an argument may be' 131072 "$(rest -- echo {} | wc -c)"

# ------------------------------------------------------------------ what becomes of it

next_queue
printf '#!/bin/sh\necho "$SHMQ_ATTEMPT" >>"$SCRATCH/runs"\nexit "$1"\n' >"$scratch/fail"
chmod +x "$scratch/fail"
put -- 9
check_status 'a failing program: exit 1' 1 take --dead-letter none --retries 2 --backoff 1ms -- "$scratch/fail" {}
check_equal 'a failing program: is retried' $'1\n2\n3' "$(cat "$scratch/runs")"
check_match 'a failing program: it and its status are named' '^consumer: .*/fail: message .* failed 3 times: exit status 9' "$scratch/err"
next_queue
: >"$scratch/runs"
put -- 65
check_status 'a program that gives up: exit 1' 1 take --dead-letter none --backoff 1ms -- "$scratch/fail" {}
check_equal 'a program that gives up: is not retried' 1 "$(cat "$scratch/runs")"

# The first run makes it impossible to run it again.
vanish() { # NAME STATUS WHAT COMMAND...
    local name=$1 status=$2 what=$3
    shift 3
    printf '#!/bin/sh\n%s "$0"\nexit 1\n' "$what" >"$scratch/once"
    chmod +x "$scratch/once"
    next_queue
    put -- a
    check_status "$name: exit 1" 1 take --dead-letter none --retries 1 --backoff 1ms "$@"
    check_match "$name: exit status $status" "failed 2 times: exit status $status " "$scratch/err"
}
vanish 'a program that is gone' 127 rm -- "$scratch/once"
vanish 'a program that is no longer executable' 126 'chmod -x' -- "$scratch/once"
vanish '--exec, a program that is gone' 127 rm --exec "$scratch/once"
vanish '--exec, a program that is no longer executable' 126 'chmod -x' --exec "$scratch/once"
vanish '--exec with a shell, a program that is gone' 127 rm --exec "$scratch/once;"
vanish '--exec with a shell, a program that is no longer executable' 126 'chmod -x' --exec "$scratch/once;"

command_has_ended() {
    ! kill -0 "$(cat "$scratch/sleeper")"
} 2>/dev/null
next_queue
put -- a
"$consumer" -Q "$queue" -- sh -c 'sleep 300 & echo $! >"$SCRATCH/sleeper"; wait' {} 2>/dev/null &
pid=$!
wait_until 10 test -s "$scratch/sleeper"
kill_now "$pid"
check 'a killed consumer: its program ends, and all that it has started' wait_until 5 command_has_ended
rm -f "$scratch/sleeper"
next_queue
put -- a
check_status 'a program that takes too long: exit 1' 1 take --dead-letter none --retries 0 --exec-timeout 200ms -- sh -c 'sleep 300 & echo $! >"$SCRATCH/sleeper"; wait'
check_match 'a program that takes too long: is ended' 'ended by --exec-timeout' "$scratch/err"
check 'a program that takes too long: with all that it has started' wait_until 5 command_has_ended

# ------------------------------------------------------------------ --exec without a shell

# The parent of what runs is the consumer, or a shell in between.
printf '#!/bin/sh\ncat "/proc/$PPID/comm"\necho "$*"\ncat\n' >"$scratch/parent"
chmod +x "$scratch/parent"
mkdir "$scratch/bin"
printf '#!/bin/sh\nexec "$SCRATCH/parent" "$@"\n' >"$scratch/bin/in-path"
chmod +x "$scratch/bin/in-path"
PATH=$scratch/bin:$PATH
next_queue
for command in "$scratch/parent a=b  -c" ./parent $'in-path \ta:b '; do
    put -- message
    rest --exec "$command" >"$scratch/out"
    check_equal "--exec ${command@Q}: no shell" consumer "$(head -n 1 "$scratch/out")"
    read -ra words <<<"$command"
    check_equal "--exec ${command@Q}: its words" "${words[*]:1}" "$(sed -n 2p "$scratch/out")"
    check_equal "--exec ${command@Q}: its input" message "$(tail -n 1 "$scratch/out")"
done
for command in './parent "a"; :' './parent $HOME; :' ':; ./parent; :' $'./parent x\n:'; do
    put -- message
    rest --exec "$command" >"$scratch/out"
    check_equal "--exec ${command@Q}: a shell" sh "$(head -n 1 "$scratch/out")"
done
for command in exit ':' 'cd /' 'export x' 'umask 77' 'x=1' 'true' 'test x' '[ x ]' 'if true; then :; fi'; do
    put -- 'a '
    check_status "--exec ${command@Q} is what it is to a shell" 0 take --exec "$command"
done
put -- a
check_status '--exec false: exit 1' 1 take --dead-letter none --retries 0 --exec false
check_match '--exec false' 'failed 1 time: exit status 1 ' "$scratch/err"

# ------------------------------------------------------------------ usage

next_queue
check_usage consumer take '--: no program follows' --
check_usage consumer take '--: no program follows' -- ''
check_usage consumer take 'cat: unexpected argument .*-- before a program' cat
check_usage consumer take '-- PROGRAM: no-such-program: command not found' -- no-such-program
check_usage consumer take '-- PROGRAM: cd: command not found' -- cd /
check_usage consumer take '-- PROGRAM: /.*: cannot be executed' -- "$scratch"
check_usage consumer take '-- \{\}: \{\} cannot be in a program' -- {} a
check_usage consumer take '--exec and -- PROGRAM: only one sink' --exec cat -- cat
check_usage consumer take '--raw cannot be combined with -- PROGRAM' --raw -- cat
check 'no usage error makes a queue' no_queue
"$consumer" --help >"$scratch/out"
check_match '--help tells of it' '^Usage: consumer \[OPTION\.\.\.\] \[-- PROGRAM \[ARG\.\.\.\]\]$' "$scratch/out"

next_queue
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
