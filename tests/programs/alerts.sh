#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The alert rules and the dashboard in docs/, evaluated by a Prometheus that scrapes the monitor: each rule fires in its
# situation and in no other, and each panel has data.
. "$(dirname "$0")/../support/lib.sh"

rules=$top/docs/prometheus-alerts.yml
dashboard=$top/docs/grafana-dashboard.json
tool_bridge=$build/tests/tool_bridge
PATH=$PATH:/usr/sbin:/sbin

if ! command -v prometheus >/dev/null; then
    skip "$test_name" 'prometheus is missing (apt-get install prometheus)'
    exit 0
elif [[ ! -x $build/monitor-metrics ]]; then
    skip "$test_name" 'built without libmicrohttpd (apt-get install libmicrohttpd-dev)'
    exit 0
fi

check 'the rules are valid' promtool check rules "$rules" >"$scratch/promtool.log" 2>&1
check_match 'all rules were read' "SUCCESS: $(grep -c ' alert: ' "$rules") rules" "$scratch/promtool.log"
queue=$SHMQ_TEST_PREFIX.lint put -- a
"$monitor" show --prometheus "$SHMQ_TEST_PREFIX.lint" >"$scratch/metrics.txt"
check_equal 'metrics are valid' '' "$(promtool check metrics <"$scratch/metrics.txt" 2>&1)"

# ------------------------------------------------------------------ each situation is a queue

good=$SHMQ_TEST_PREFIX.good full=$SHMQ_TEST_PREFIX.full stopped=$SHMQ_TEST_PREFIX.stopped died=$SHMQ_TEST_PREFIX.died
damaged=$SHMQ_TEST_PREFIX.damaged lost=$SHMQ_TEST_PREFIX.lost paused=$SHMQ_TEST_PREFIX.paused jobs=$SHMQ_TEST_PREFIX.jobs
dropping=$SHMQ_TEST_PREFIX.dropping dying=$SHMQ_TEST_PREFIX.dying bridge=$SHMQ_TEST_PREFIX.bridge
queues_of_test=("$good" "$full" "$stopped" "$died" "$damaged" "$lost" "$paused" "$jobs" "$jobs.dead" "$dropping" "$dying" "$bridge")

begin() { # COMMAND...: in the background, without output
    "$@" >/dev/null 2>"$scratch/background.err" &
    pid=$!
}

set_up() {
    begin "$producer" -q -Q "$good" --rate 100 --random
    begin "$consumer" -q -Q "$good" --follow --discard
    begin "$producer" -q -Q "$full" --capacity 64K --random
    queue=$stopped put -- a b
    begin "$producer" -q -Q "$stopped" --delay 60s -- a b
    stopped_producer=$pid
    begin "$consumer" -q -Q "$stopped" --prefetch 1 --exec 'sleep 60'
    stopped_consumer=$pid
    begin "$producer" -q -Q "$died" --delay 60s -- a b
    wait_until 10 queue_has put_messages 1 "$died"
    kill_now $pid
    queue=$damaged put -- a
    queue=$lost put -- a
    "$build/tests/tool_report_loss" "$lost"
    queue=$paused put -- a
    "$monitor" pause -q "$paused"
    queue=$jobs put -- a
    queue=$dropping put --capacity 64K -- a
    queue=$dying put --capacity 64K -- a b c
    queue=$bridge put -- a
    coproc BRIDGE { exec "$tool_bridge" "$bridge"; }
    read -r _ <&"${BRIDGE[0]}"
    wait_until 20 is_working "$stopped"
    kill -STOP "$stopped_producer" "$stopped_consumer"
    truncate -s 4096 "/dev/shm/shmq.$damaged"
}

is_working() { # QUEUE: a consumer has a message
    "$monitor" show --json -- "$1" | grep -Eq '"leased": [1-9][0-9]*, "attempts"'
}

# What counters count has to happen between two scrapes.
count_on() {
    "$consumer" -q -Q "$jobs" --retries 0 --exec false 2>/dev/null
    seq 20000 | queue=$dropping put --on-full drop 2>/dev/null
    begin "$consumer" -q -Q "$dying" --exec 'sleep 60'
    wait_until 20 is_working "$dying"
    kill_now $pid
    begin "$consumer" -q -Q "$dying" --follow --exec true # which finds the death
    echo refuse >&"${BRIDGE[1]}"
}

# ------------------------------------------------------------------ Prometheus

# An address of 127.0.0.0/8 that is made of this process's number, so that two tests never meet.
host=127.$(($$ >> 16 & 127 | 128)).$(($$ >> 8 & 255)).$(($$ & 255 | 1))

start_prometheus() { # ADDRESS of the monitor
    # Thresholds and times that a test can wait for.
    sed -E 's/^( *for:).*/\1 0s/; s/> (300|1800)( |$)/> 1\2/; s/> 3$/> 0/; s/< 0\.1$/< 2/' "$rules" >"$scratch/rules.yml"
    cat >"$scratch/prometheus.yml" <<EOF
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}
rule_files: [$scratch/rules.yml]
scrape_configs:
  - job_name: shmq
    static_configs: [{targets: ['$1', '127.0.0.1:1']}]
EOF
    prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/tsdb" --log.level=warn \
        --web.listen-address="$host:9090" >"$scratch/prometheus.log" 2>&1 &
    prometheus=$!
}

query() { # EXPRESSION
    curl -sS --max-time 10 --data-urlencode "query=$1" "http://$host:9090/api/v1/query" 2>&1
}

has_data() { # EXPRESSION
    [[ $(query "$1") == '{"status":"success"'*'"value"'* ]]
}

# Prints "ALERT QUEUE" of those that fire.
firing() {
    curl -sS --max-time 10 "http://$host:9090/api/v1/alerts" | tr '{' '\n' |
        sed -n 's/^"alertname":"\([^"]*\)".*"queue":"\([^"]*\)".*/\1 \2/p; /"queue"/!s/^"alertname":"\([^"]*\)".*/\1/p' | sort -u
}

fires() { # ALERT [QUEUE]
    grep -qxF -- "$*" <<<"$(firing)"
}

is_dead_letter_there() {
    queue_has messages 1 "$jobs.dead"
}

set_up
"$monitor" metrics --listen 127.0.0.1:0 "${queues_of_test[@]}" 2>"$scratch/serve.err" &
server=$!
wait_until 20 grep -q 'listening on' "$scratch/serve.err"
start_prometheus "$(sed -n 's|.*http://\(.*\)/$|\1|p' "$scratch/serve.err")"
if ! check 'Prometheus scrapes the monitor' wait_until 30 has_data "shmq_messages{queue=\"$bridge\"}"; then
    cat "$scratch/prometheus.log"
    exit 1
fi
count_on

for pair in "ShmqQueueFull $full" "ShmqQueueFilling $full" "ShmqOldestMessageTooOld $full" "ShmqNoConsumer $full" \
    "ShmqConsumerStopped $stopped" "ShmqProducerStopped $stopped" "ShmqHeldUp $stopped" "ShmqUnfinished $died" \
    "ShmqDeadLetters $jobs" "ShmqDeadLettersWait $jobs.dead" "ShmqDropped $dropping" "ShmqDying $dying" \
    "ShmqUnreadable $damaged" "ShmqDataLost $lost" "ShmqPaused $paused" "ShmqBridgeNotConnected $bridge" \
    "ShmqBridgeRefused $bridge" ShmqSharedMemoryNearlyFull ShmqMonitorDown; do
    # shellcheck disable=SC2086 # it is two words
    check "fires: ${pair%% *}" wait_until 20 fires $pair || firing | sed 's/^/#   fires: /'
    tested+="${pair%% *} "
done
while read -r alert; do
    [[ " $tested" == *" $alert "* ]] || not_ok "fires: $alert" 'this test does not make its situation'
done < <(sed -n 's/^ *- alert: //p' "$rules")
is_annotated() { # TEXT
    curl -sS --max-time 10 "http://$host:9090/api/v1/alerts" | grep -qE -- "$1"
}
check 'one producer is in the singular' is_annotated "\"1 producer of queue $died on "
check 'one message is in the singular' is_annotated "\"1 message waits in queue $died on "
check 'several are in the plural' is_annotated "\"[0-9]{2,} messages wait in queue $full on "
check_equal 'all is well with a queue that works' '' "$(firing | grep -F " $good")"
check_equal 'only those that are stopped' "ShmqConsumerStopped $stopped" "$(firing | grep ShmqConsumerStopped)"
check_equal 'only those that are damaged' "ShmqUnreadable $damaged" "$(firing | grep ShmqUnreadable)"
check_equal 'a broken rule would be seen' '' "$(curl -sS "http://$host:9090/api/v1/rules" | grep -o '"health":"err"')"
echo connect >&"${BRIDGE[1]}"
is_calm() { ! fires ShmqBridgeNotConnected "$bridge"; }
check 'fires no more: the bridge is connected' wait_until 20 is_calm

# ------------------------------------------------------------------ the dashboard

panels() { # prints their expressions
    # shellcheck disable=SC2016 # they are the dashboard's variables
    sed -n 's/^ *"expr": "\(.*\)",\{0,1\}$/\1/p' "$dashboard" |
        sed 's/\\"/"/g; s/\$instance\|\$queue/.*/g; s/\$__rate_interval/10s/g'
}

count=0
while IFS= read -r expression; do
    count=$((count + 1))
    [[ $expression != *'_lane_bridge_'* ]] || continue # there is none here
    check "a panel has data: $expression" wait_until 10 has_data "$expression" || query "$expression" | head -c 300
done < <(panels)
check 'there are panels' test "$count" -gt 20

kill -TERM $server $prometheus
end_status 'the monitor ends with 0' 0 $server "$scratch/serve.err"
end_status 'Prometheus ends with 0' 0 $prometheus "$scratch/prometheus.log"
kill -KILL "$stopped_producer" "$stopped_consumer"
