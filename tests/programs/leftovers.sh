#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs last: nothing that the tests made in shared memory, or started, is left.
. "$(dirname "$0")/../support/lib.sh"

# What was there before the tests; scripts/test.sh wrote it down.
before=${SHMQ_TEST_BEFORE:-/dev/null}

left_objects() {
    find /dev/shm -maxdepth 1 \( -name 'shmq.*' -o -name 'sem.shmq.*' \) | LC_ALL=C sort | LC_ALL=C comm -13 "$before" -
}

# Programs of this build that still run, whatever started them.
left_processes() {
    local directory program
    for directory in /proc/[0-9]*; do
        program=$(readlink "$directory/exe" 2>/dev/null) || continue
        [[ $program == "$build"/* ]] && printf '%s %s\n' "${directory#/proc/}" "$program"
    done | LC_ALL=C sort | LC_ALL=C comm -13 "$before" -
}

objects=$(left_objects)
processes=$(left_processes)
check_equal 'nothing is left in /dev/shm' '' "$objects"
check_equal 'no program of the build is left running' '' "$processes"
