#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the fuzzers with libFuzzer; see `scripts/fuzz.sh --help`.
set -u

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
all=(queue file input numbers answer producer_options consumer_options monitor_options supervisor_options)
seconds=600
build=$top/build
minimise=0
fuzzers=()

print_help() {
    cat <<END
Usage: scripts/fuzz.sh [-t SECONDS] [-b DIR] [--minimise] [FUZZER...]
Builds the fuzzers with libFuzzer (make fuzz) and runs them in turn, starting
from tests/fuzz/corpus. Writes findings to DIR/fuzz/found: inputs that reach new
code, and crash-*, timeout-* and leak-* for failures.

  -t SECONDS    run each for SECONDS (600)
  -b DIR        build in DIR (build)
  --minimise    afterwards, add inputs that reach new code to the corpus
  FUZZER...     run only these of:
$(printf '%s\n' "${all[*]}" | fold -s -w 60 | sed 's/^/                /')

FUZZ_TRACE=1 in the environment makes the fuzzer of queues trace its inputs.

Example:
  scripts/fuzz.sh -t 60 queue
      run the fuzzer of queues for a minute
END
}

fail() {
    printf "fuzz.sh: %s\nTry 'scripts/fuzz.sh --help'.\n" "$1" >&2
    exit 2
}

read_options() {
    while (($#)); do
        case $1 in
        -h | --help) print_help; exit 0 ;;
        -t) shift; seconds=${1-} ;;
        -b) shift; build=$(realpath -m -- "${1:?-b needs a directory}") ;;
        --minimise) minimise=1 ;;
        -*) fail "$1: unknown option" ;;
        *) [[ " ${all[*]} " == *" $1 "* ]] || fail "$1: no such fuzzer"; fuzzers+=("$1") ;;
        esac
        shift
    done
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "-t $seconds: not a number of seconds"
    ((${#fuzzers[@]})) || fuzzers=("${all[@]}")
}

run_fuzzer() { # FUZZER
    local program=$build/fuzz/asan/tests/fuzz_$1 found=$build/fuzz/found/$1 corpus=$top/tests/fuzz/corpus/$1
    mkdir -p -- "$found/inputs" || return 1
    printf 'fuzz.sh: %s for %s s; see %s\n' "$1" "$seconds" "$found/log"
    if ! "$program" -artifact_prefix="$found/" -max_total_time="$seconds" -timeout=60 -max_len=514 -len_control=0 \
        "$found/inputs" "$corpus" >"$found/log" 2>&1; then
        printf 'fuzz.sh: %s: failed:\n' "$1" >&2
        tail -n 40 -- "$found/log" >&2
        return 1
    fi
    ((!minimise)) || "$program" -merge=1 "$corpus" "$found/inputs" >>"$found/log" 2>&1
}

read_options "$@"
make -s -C "$top" BUILD="$build" fuzz || exit 1
status=0
for fuzzer in "${fuzzers[@]}"; do
    run_fuzzer "$fuzzer" || status=1
done
exit "$status"
