#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Replays the corpus of each fuzzer, then a fixed number of random mutations of it: without a sanitizer, and under
# AddressSanitizer and UBSan. This needs no libFuzzer; scripts/fuzz.sh uses that to look for new inputs.
# time limit: 900 s
. "$(dirname "$0")/../support/lib.sh"

seed=1

# Prints the input that fails.
replay() { # WORD DIRECTORY FUZZER COUNT
    local name="$3$1: the corpus, and $4 inputs by chance"
    if timeout 300 "$2/tests/fuzz_$3" --keep "$scratch/input" --random "$seed" "$4" "$top/tests/fuzz/corpus/$3" \
        >"$scratch/fuzz.log" 2>&1; then
        ok "$name"
    else
        not_ok "$name" "status $?; the input, for base64 -d: $(base64 -w 0 "$scratch/input")" "$scratch/fuzz.log"
    fi
}

replay_all() { # WORD DIRECTORY
    replay "$1" "$2" queue 1500
    replay "$1" "$2" file 1500
    replay "$1" "$2" input 1500
    replay "$1" "$2" numbers 50000
    replay "$1" "$2" answer 50000
    replay "$1" "$2" producer_options 3000
    replay "$1" "$2" consumer_options 3000
    replay "$1" "$2" monitor_options 3000
    replay "$1" "$2" supervisor_options 3000
}

# scripts/test.sh may be building there.
make_sanitized() {
    local lock=()
    mkdir -p "$build/asan"
    ! command -v flock >/dev/null || lock=(flock "$build/asan")
    "${lock[@]}" make -s -C "$top" -j"$(nproc)" CC=gcc WERROR=1 BUILD="${build#"$top"/}" SANITIZE=address fuzzers >"$scratch/make.log" 2>&1
}

replay_all '' "$build"
# This build may be the sanitized one.
if [[ $build != */asan && $build != */tsan ]]; then
    if make_sanitized; then
        UBSAN_OPTIONS=print_stacktrace=1 replay_all ' (address)' "$build/asan"
    else
        not_ok 'the fuzzers are built with AddressSanitizer' "$scratch/make.log"
    fi
fi
