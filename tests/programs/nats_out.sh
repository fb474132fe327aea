#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# consumer --to: what is put into a queue is in the stream exactly once and in order, whatever fails; and what is refused.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/nats.sh"

out=$scratch/out.log

# ------------------------------------------------------------------ without a server

new_queue
servers=127.0.0.1:9
subject='S.{lane}'
to() { # OPTION...
    timeout 60 "$consumer" -Q "$queue" --to "$servers" --stream S --subject "$subject" "$@"
}
start() { # OPTION...
    "$consumer" -Q "$queue" --follow --to "$servers" --stream S --subject "$subject" "$@" 2>"$out" &
    pid=$!
}
check_usage consumer "$consumer" '--to needs --stream' --to localhost --subject a
check_usage consumer "$consumer" '--to needs --subject' --to localhost --stream S
check_usage consumer "$consumer" '--stream needs --to' --stream S
check_usage consumer "$consumer" '--creds needs --to' --creds x --exec cat
check_usage consumer "$consumer" '--window needs --to' --window 5
check_usage consumer "$consumer" 'names no server' --to a,,b --stream S --subject a
check_usage consumer "$consumer" 'unknown scheme' --to http://a --stream S --subject a
for wrong in a:b a:0 a:65536 nats://u:p@a:4222x '[::1]:99999' ::1; do
    check_usage consumer "$consumer" 'has a port that is not a number' --to "$wrong" --stream S --subject a
done
check_usage consumer "$consumer" '--stream S.T: not a name' --to a --stream S.T --subject a
for wrong in 'a..b' '.a' 'a.' 'a b' 'a.*' 'a.>' 'a"b' 'a.{lanes}' 'a.{lane' 'a.lane}'; do
    check_usage consumer "$consumer" '--subject' --to a --stream S --subject "$wrong"
done
check_usage consumer "$consumer" 'only one of them' --to a --stream S --subject a --creds x --nkey y
check_usage consumer "$consumer" '--tls-cert needs --tls-key' --to a --stream S --subject a --tls-cert x
check_usage consumer "$consumer" '--replicas needs --make-stream' --to a --stream S --subject a --replicas 3
check_usage consumer "$consumer" '--jobs needs' --to a --stream S --subject a --jobs 2
check_usage consumer "$consumer" '--window' --to a --stream S --subject a --prefetch 2
check_usage consumer "$consumer" 'only one sink' --to a --stream S --subject a --discard

# The program without the bridge beside it.
mkdir -p "$scratch/alone/bin" "$scratch/alone/libexec/shmq"
cp "$consumer" "$scratch/alone/bin/shmq-consumer"
check_status 'no consumer-nats: exit 1' 1 "$scratch/alone/bin/shmq-consumer" --to a --stream S --subject a
check_match 'no consumer-nats: says how to get it' \
    '^shmq-consumer: --to: .*shmq-consumer-nats is missing.*apt-get install libnats-dev.*make' "$scratch/err"

nats_needed || exit 0

cp "$build/consumer-nats" "$scratch/alone/libexec/shmq/shmq-consumer-nats"
put -- a b c
check_status 'it is found in ../libexec/shmq; no server, --give-up: exit 4' 4 \
    timeout 60 "$scratch/alone/bin/shmq-consumer" -Q "$queue" --to 'user:secret@127.0.0.1:9' --stream S --subject a --give-up 1500ms
check_match 'no server: the wait is told' '^shmq-consumer: waiting for NATS at 127.0.0.1:9: ' "$scratch/err"
check_match 'no server: the end is told' '^shmq-consumer: --to 127.0.0.1:9: no progress for 1500ms: .*--give-up' "$scratch/err"
check_match 'no server: the totals end with it' 'consumed 0 messages.*, no connection$' "$scratch/err"
check_equal 'no server: no place in the code is told' 0 "$(grep -c '\.c:[0-9]' "$scratch/err")"
check_equal 'no server: passwords are not told' 0 "$(grep -c secret "$scratch/err")"
check 'no server: the messages stay' queue_has messages 3
start
check 'no server: it waits' wait_until 30 has_match 'waiting for NATS' "$out"
kill -USR1 "$pid"
check 'no server: SIGUSR1 tells it' wait_until 30 has_match 'consumed 0 messages.*, no connection' "$out"
kill -TERM "$pid"
end_status 'no server: TERM: exit 0' 0 "$pid" "$out"
check 'no server, TERM: the messages stay' queue_has messages 3
check_status '--creds that is not there: exit 1' 1 to --creds "$scratch/nothing"
check_match '--creds that is not there: says so' '--creds .*/nothing: cannot be read: No such file' "$scratch/err"
printf 'x\n' >"$scratch/seed"
check_status '--nkey without a seed: exit 1' 1 to --nkey "$scratch/seed"

# ------------------------------------------------------------------ what the stream has

# Prints the payloads in the stream, a line each.
stored() { # [STREAM]
    nats_ask fetch "${1:-S}" | cut -f 2
}

# What the stream has must be the lines 1 to COUNT, in order.
check_stored() { # NAME COUNT [STREAM]
    stored "${3:-S}" >"$scratch/stored"
    check_same "$1" <(seq "$2") "$scratch/stored"
}

with() { # SERVERS SUBJECT COMMAND...
    local servers=$1 subject=$2
    shift 2
    "$@"
}

# The stream is new, and the queue has the lines 1 to COUNT.
fresh() { # COUNT [MEMBERS]
    nats_ask remove S 2>/dev/null
    nats_ask make S 'S.>' 1 "${2:-}"
    next_queue
    ((!$1)) || seq "$1" | put
}

nats_user='a:a@'
nats_start 1 'accounts { A { jetstream: enabled, users: [
    { user: a, password: a },
    { nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4 },
    { user: c, password: c, permissions { publish { deny: "*.API.STREAM.MSG.GET.>" } } },
    { user: b, password: b, permissions { publish { deny: "S.>" } } } ] } }
max_payload: 4096' || { not_ok 'a server starts'; exit; }
servers=$NATS_URL
address=$(nats_address 1):$nats_port

new_queue
fresh 0
put --header 'Colour: dark blue' --header 'Nats-Rollup: all' -- 1 2
mkfifo "$scratch/open"
"$producer" -q -Q "$queue" --input "$scratch/open" &
exec 8>"$scratch/open"
wait_until 30 queue_has producers 1
put -- 1 2 3
exec 8>&-
wait "$!"
check_status 'messages of several lanes' 0 to --order strict
nats_ask fetch S >"$scratch/fetched"
check_equal 'each lane has its subject' '1,2 1,2,3' "$(for lane in 0 1; do
    grep " S.$lane " "$scratch/fetched" | cut -f 2 | paste -sd ,
done | paste -sd ' ')"
check_equal 'the id is that of the queue' 5 "$(cut -f 1 "$scratch/fetched" | grep -Ec "^[0-9]+ S\.([0-9]) [0-9a-f]{16}-[0-9]-[0-9]+$")"
headers=$(nats_ask request "\$JS.API.STREAM.MSG.GET.S" '{"seq":1}' | sed 's/.*"hdrs": *"\([^"]*\)".*/\1/' | base64 -d)
check_equal 'a header goes along' 'Colour: dark blue' "$(grep Colour <<<"$headers" | tr -d '\r')"
check_equal 'a header that is an order to the server does not' '' "$(grep Rollup <<<"$headers")"
check_match 'the counters are told at the end' '5 published, 5 acknowledged, ack after ' "$scratch/err"
check_match 'one replica is told' '^consumer: --stream S: has one replica' "$scratch/err"

# ------------------------------------------------------------------ what is refused

refuse() { # NAME MEMBERS REGEX
    fresh 3 "$2"
    check_status "$1: exit 2" 2 to
    check_match "$1: says why, and names the option" "^consumer: --stream S: can lose messages silently: .*$3.*--allow-lossy" "$scratch/err"
    check "$1: the messages stay" queue_has messages 3
    check_status "$1: --allow-lossy" 0 to --allow-lossy
    check_match "$1: --allow-lossy: it is told" 'can lose messages silently' "$scratch/err"
    check_stored "$1: --allow-lossy: they are stored" 3
}
refuse 'memory' '"storage":"memory"' 'memory'
refuse 'max_age' '"max_age":3600000000000' max_age
refuse 'discard old with a limit' '"discard":"old","max_msgs":1000' discard
refuse 'a limit of a subject' '"max_msgs_per_subject":1000' max_msgs_per_subject

fresh 3
nats_ask remove S
check_status 'no such stream: exit 1' 1 to
check_match 'no such stream: says what to do' '^consumer: --stream S: there is no such stream .*--make-stream' "$scratch/err"
check_status '--make-stream' 0 to --make-stream
check_stored '--make-stream: it has the messages' 3
check_match '--make-stream: in files, discards nothing' '"discard": *"new"' <(nats_ask request "\$JS.API.STREAM.INFO.S")
fresh 3
check_status 'a subject of no stream: exit 1' 1 with "$servers" 'other.{lane}' to
check_match 'a subject of no stream: says so' "--stream S: .*subject 'other\.\*'" "$scratch/err"
nats_ask make T 'T.>' 1
check_status 'a subject of another stream: exit 1' 1 with "$servers" 'T.{lane}' to
nats_ask remove T
check 'a subject of another stream: the messages stay' queue_has messages 3

check_status 'a wrong password: exit 1' 1 with "a:x@$address" 'S.{lane}' to
check_match 'a wrong password: says so' 'Authorization Violation.*--creds' "$scratch/err"
printf 'SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n' >"$scratch/seed"
check_status '--nkey' 0 with "$address" 'S.{lane}' to --nkey "$scratch/seed"
check_stored '--nkey: the messages are stored' 3
sed -i 's/SSL3/SSL4/' "$scratch/seed"
check_status '--nkey, damaged: exit 1' 1 with "$address" 'S.{lane}' to --nkey "$scratch/seed"
check_match '--nkey, damaged: says so' '--nkey .*/seed: its seed is damaged' "$scratch/err"
fresh 3
check_status 'a forbidden subject: exit 1' 1 with "b:b@$address" 'S.{lane}' to
check_match 'a forbidden subject: says so' 'Permissions Violation for Publish to "S.0"' "$scratch/err"
check_status 'look-ups are forbidden: exit 1' 1 with "c:c@$address" 'S.{lane}' to
check_match 'look-ups are forbidden: says so' 'Permissions Violation for Publish to ".JS.API.STREAM.MSG.GET' "$scratch/err"
check 'what is forbidden stays' queue_has messages 3
check_status 'a server without TLS: exit 1' 1 to --tls
check_match 'a server without TLS: says so' 'speaks no TLS' "$scratch/err"

# ------------------------------------------------------------------ messages that the server does not take

long=$(printf '%5000s' x)
fresh 0
put -- 1 2 "$long" 3 "$long" 4
check_status 'too long for the server: exit 6' 6 to
check_stored 'too long: the others are stored' 4
dead=$queue.dead
check_match 'too long: the reason' "than the 4096 that the server takes" "$scratch/err"
check_equal 'too long: they are dead letters' 2 "$(letters | grep -c 'x$')"
fresh 0 '"max_msg_size":300'
put -- 1 "$(printf '%400s' x)" 2
check_status 'too long for the stream: exit 6' 6 to
check_stored 'too long for the stream: the others are stored' 2
fresh 0
put -- 1 "$long" 2
check_status 'too long, --dead-letter none: exit 1' 1 to --dead-letter none
check_match 'too long, --dead-letter none: says why' 'stays in the queue' "$scratch/err"
check 'too long, --dead-letter none: it stays' queue_has messages 2

# ------------------------------------------------------------------ what passes

all_stored() { # COUNT
    nats_count_is S "$1"
}
stores_more_than() { # COUNT
    (($(nats_ask count S 2>/dev/null || echo 0) > $1))
}
finish() { # NAME
    kill -TERM "$pid"
    end_status "$1: TERM: exit 0" 0 "$pid" "$out"
}

# Full, and freed again.
fresh 2000 '"max_msgs":500'
start --progress
check 'full stream: the wait is told' wait_until 60 has_match 'waiting for NATS at .*takes no message: maximum messages exceeded \(10077\)' "$out"
check 'full stream: it has what it takes' all_stored 500
nats_ask update S 'S.>' 1 '"max_msgs":5000'
check 'full stream: freed, it gets the rest' wait_until 60 all_stored 2000
kill -USR1 "$pid"
check 'full stream: observers see the refusals' wait_until 30 queue_has bridge_refusal 10077
check 'full stream: SIGUSR1 prints the refusals' wait_until 30 has_match 'consumed 2000 .* resent, .* refused \(10077\), ' "$out"
check_stored 'full stream: each once, in order' 2000
finish 'full stream'

# A full stream, and no more patience.
fresh 20 '"max_msgs":5'
check_status 'full stream, --give-up: exit 4' 4 to --give-up 1s
check_match 'full stream, --give-up: says why' 'no progress for 1s: .*maximum messages exceeded' "$scratch/err"
check 'full stream, --give-up: the rest stays' queue_has messages 15

# The broker stopped for longer than a ping takes, with messages on their way.
fresh 0
start --ack-timeout 2s
"$producer" -q -Q "$queue" --rate 2000 --input <(seq 12000) &
writer=$!
check 'stopped server: some are stored' wait_until 30 stores_more_than 500
nats_stop 1
check 'stopped server: the wait is told' wait_until 30 has_match 'waiting for NATS' "$out"
nats_cont 1
wait "$writer"
check 'stopped server: all are stored' wait_until 60 all_stored 12000
check_stored 'stopped server: each once, in order' 12000
finish 'stopped server'

# Killed and started again, both of them, at any moment.
fresh 0
"$producer" -q -Q "$queue" --rate 3000 --input <(seq 12000) &
writer=$!
for ((i = 1; i <= 6; i++)); do
    start
    wait_until 30 stores_more_than $((i * 1200))
    random_pause 10
    ((i % 3)) || nats_restart 1
    kill_now "$pid"
done
wait "$writer"
start
check 'killed: all are stored' wait_until 60 all_stored 12000
check_stored 'killed: each once, in order' 12000
finish 'killed'

# Killed, and started again when the server knows the ids no more; with a subject for all lanes, too.
for one in 'S.{lane}' S.all; do
    subject=$one
    fresh 5000 '"duplicate_window":200000000'
    start --window 1000
    wait_until 30 stores_more_than 1
    kill_now "$pid"
    sleep 0.5 # it is time itself that has to pass
    start --window 1000
    check "away for long, $subject: all are stored" wait_until 60 all_stored 5000
    check_stored "away for long, $subject: each once, in order" 5000
    finish "away for long, $subject"
done
subject='S.{lane}'

# ------------------------------------------------------------------ acknowledgements that are lost

through_proxy() { # LOSE-EVERY CUT-EVERY LAST OPTION...
    exec 7> >(exec "$build/tests/tool_nats_proxy" "$(nats_address 1)" "$nats_port" "${@:1:3}" >"$scratch/port")
    wait_until 30 test -s "$scratch/port"
    with "a:a@127.0.0.1:$(<"$scratch/port")" 'S.{lane}' start --ack-timeout 500ms "${@:4}"
}
end_proxy() {
    exec 7>&-
    rm -f "$scratch/port"
}
fresh 3000
through_proxy 97 0 600
check 'lost answers: all are stored' wait_until 60 queue_has messages 0
check_stored 'lost answers: each once, in order' 3000
finish 'lost answers'
end_proxy
check_match 'lost answers: counted' ' there already, ' "$out"

fresh 3000
through_proxy 0 211 2000
check 'cut connections: all are stored' wait_until 60 queue_has messages 0
check_stored 'cut connections: each once, in order' 3000
finish 'cut connections'
end_proxy
check_match 'cut connections: counted' ' reconnected, ' "$out"

# Stopped while the answers are out: what was not acknowledged stays, and is not stored twice.
fresh 100
through_proxy 1 0 0
check 'no answers: they are sent' wait_until 30 all_stored 1
kill -TERM "$pid"
end_status 'no answers: TERM: exit 0' 0 "$pid" "$out"
check 'no answers: TERM: the messages stay' queue_has messages 100
end_proxy
check_status 'no answers: later' 0 to
check_stored 'no answers: later: each once' 100

# ------------------------------------------------------------------ others that write to the stream

fresh 3000
start --window 100
for ((i = 0; i < 20; i++)); do
    printf 'x\n' | sed "s/x/other $i/" | nats_ask publish "S.other$i" >/dev/null 2>&1
done
check 'another writer: all are stored' wait_until 60 queue_has messages 0
stored | grep -v other >"$scratch/stored"
check_same 'another writer: each once, in order' <(seq 3000) "$scratch/stored"
finish 'another writer'

fresh 3000
check_status '--order none' 0 to --order none
stored | sort -n >"$scratch/stored"
check_same '--order none: each once' <(seq 3000) "$scratch/stored"

((failed == 0))
