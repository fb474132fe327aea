#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Started by bench.sh for each round of the load "bridge": starts NATS servers, and measures how long the bridges take for
# COUNT messages of BYTES, and how long the client library's own loops take. Prints lines of
# "LOAD CONTENDER RATE", or of "LOAD CONTENDER FAILED REASON".
#
#   bridge.sh SERVERS COUNT BYTES ROUND
. "$(dirname "$0")/../../tests/support/lib.sh"
. "$(dirname "$0")/../../tests/support/nats.sh"

servers=$1 count=$2 bytes=$3 round=$4
capacity=512M # of the queue that is full before the bridge out starts

# Runs a command and prints its rate. It has to leave COUNT messages where COMMAND says how many there are.
measure() { # LOAD CONTENDER COUNT-COMMAND COMMAND...
    local label="$1 $2" counted=$3 begun=${EPOCHREALTIME//[!0-9]/} took
    shift 3
    if ! timeout 120 "$@" >"$scratch/said" 2>&1; then
        printf '%s FAILED %s\n' "$label" "$(tail -n 1 "$scratch/said")"
        return
    fi
    took=$((${EPOCHREALTIME//[!0-9]/} - begun))
    if ! wait_until 10 "$counted"; then
        printf '%s FAILED not all messages arrived\n' "$label"
        return
    fi
    printf '%s %d\n' "$label" $((count * 1000000 / took))
}

is_stored() {
    nats_count_is "$stream" "$count"
}

is_put() {
    queue_has put_messages "$count"
}

is_heard() {
    [[ $("$tool_nats" unacked bridged own) == 0 ]]
}

new_stream() { # NAME
    stream=$1
    "$tool_nats" make "$stream" "$stream.>" "$servers"
}

measure_own_out() {
    new_stream own
    measure bridge-out nats_out is_stored "$build/bench/nats_out" "$NATS_URL" own.0 "$count" "$bytes"
}

measure_bridge_out() {
    new_stream bridged
    new_queue
    awk -v count="$count" -v bytes="$bytes" 'BEGIN {
        for (text = ""; length(text) < bytes; ) text = text "abcdefghijklmnopqrstuvwxyz"
        for (text = substr(text, 1, bytes); count > 0; count--) print text
    }' | "$producer" -q -Q "$queue" --capacity "$capacity"
    measure bridge-out bridge_out is_stored "$consumer" -q -Q "$queue" --to "$NATS_URL" --stream bridged \
        --subject 'bridged.{lane}' --allow-lossy
    "$monitor" remove -q --force "$queue"
}

# Both read what the bridge out has published.
measure_own_in() {
    "$tool_nats" durable bridged own
    measure bridge-in nats_in is_heard "$build/bench/nats_in" "$NATS_URL" bridged own "$count"
}

measure_bridge_in() {
    new_queue
    "$tool_nats" durable bridged bridge
    "$consumer" -q -Q "$queue" --follow --discard &
    measure bridge-in bridge_in is_put "$producer" -q -Q "$queue" --from "$NATS_URL" --stream bridged --durable bridge \
        --resume --count "$count" --allow-lossy
    kill -TERM $!
    wait $!
    "$monitor" remove -q --force "$queue"
}

nats_start "$servers" || { printf 'bridge-out bridge_out FAILED the servers do not start\n'; exit 1; }
# Who is first may find another machine than who is last.
if ((round % 2)); then
    measure_own_out && measure_bridge_out && measure_own_in && measure_bridge_in
else
    measure_bridge_out && measure_own_out && measure_bridge_in && measure_own_in
fi
