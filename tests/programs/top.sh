#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# monitor top, the full screen.
. "$(dirname "$0")/../support/lib.sh"

# ------------------------------------------------------------------ where it cannot run

mkdir -p "$scratch/alone"
cp "$monitor" "$scratch/alone/monitor"
check_status 'no monitor-top: exit 1' 1 "$scratch/alone/monitor" top
check_match 'no monitor-top: says how to get it' \
    '^monitor: top: .*/monitor-top is missing.*apt-get install libncurses-dev.*make' "$scratch/err"

if [[ ! -x $build/monitor-top ]]; then
    skip "$test_name" 'built without ncurses (apt-get install libncurses-dev, make)'
    exit 0
fi

((failed == 0))
