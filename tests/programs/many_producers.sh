#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Producers that start together, each with a part of one file. SHMQ_MANY_PRODUCERS=N starts N, 1024 at most (200).
. "$(dirname "$0")/../support/lib.sh"
supervisor=$build/supervisor
count=${SHMQ_MANY_PRODUCERS:-200}

new_queue
seq $((count * 20)) >"$scratch/input"
# Each is there until all have come: the last one takes seconds.
check_status "$count producers: exit 0" 0 timeout 280 "$supervisor" -Q "$queue" -p "$count" --lanes "$count" --capacity 1M \
    --input "$scratch/input" --rate 5 --output "$scratch/output"
check_equal "$count producers: none is restarted" 0 "$(grep -c restarting "$scratch/err")"
check_match "$count producers: no restart is counted" ', 0 restarts$' "$scratch/err"
check_same_lines "$count producers: all is there, once" "$scratch/input" "$scratch/output"
