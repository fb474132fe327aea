#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 600 s
# Fresh checkouts: a read-only one, and one on a machine that lacks a tool.
. "$(dirname "$0")/../support/lib.sh"

# Copies the files of this checkout, without build products.
tree=$scratch/tree
mkdir "$tree"
(cd "$top" && find . -path ./build -prune -o -path ./.git -prune -o -type f -print0 | tar -c --null -T -) | tar -x -C "$tree"
run_sh=$tree/scripts/run.sh
test_sh=$tree/scripts/test.sh
unset SHMQ_BUILD_DIR

# Permission bits apply to root, too, once it has dropped that capability.
bound() { # COMMAND...
    if ((EUID == 0)); then
        setpriv --bounding-set=-dac_override,-dac_read_search "$@"
    else
        "$@"
    fi
}

# ------------------------------------------------------------------ not writable

chmod -R a-w "$tree"
cannot_write() { ! bound touch "$tree/file" 2>/dev/null; }
if cannot_write; then
    check_status 'not writable: make fails' 2 bound make -C "$tree"
    check_match 'not writable: make says what to do' '^make: build.*: cannot be written .*make BUILD=DIR' "$scratch/err"
    check_equal 'not writable: make says it once' 1 "$(grep -c 'BUILD=DIR' "$scratch/err")"
    check_status 'not writable: run.sh: exit 1' 1 bound "$run_sh" --count 1
    check_match 'not writable: run.sh says what to do' \
        "^run.sh: $tree/build: cannot be written .*SHMQ_BUILD_DIR=DIR scripts/run.sh" "$scratch/err"
    check_status 'not writable: test.sh: exit 1' 1 bound "$test_sh"
    check_match 'not writable: test.sh says what to do' \
        "^test.sh: $tree/build: cannot be written .*SHMQ_BUILD_DIR=DIR scripts/test.sh" "$scratch/err"

    new_queue
    cd "$scratch" || exit 1
    check_status 'SHMQ_BUILD_DIR: run.sh builds there, and runs' 0 \
        bound env SHMQ_BUILD_DIR=elsewhere "$run_sh" -Q "$queue" --delay 0 --work 0 --count 3
    check_equal 'SHMQ_BUILD_DIR: its messages arrive' 3 "$(grep -c Consumed "$scratch/out")"
    check 'SHMQ_BUILD_DIR: the programs are there' test -x "$scratch/elsewhere/producer"
    check_equal 'not writable: nothing was written' '' "$(find "$tree" -name build)"

    # A build folder in which another user has begun to build.
    chmod u+w "$tree"
    mkdir "$tree/build"
    chmod a-w "$tree/build" "$tree"
    check_status 'a build that is not writable: run.sh: exit 1' 1 bound "$run_sh" --count 1
    check_match 'a build that is not writable: run.sh says what to do' 'SHMQ_BUILD_DIR=DIR' "$scratch/err"
    check_status 'a build that is not writable: make fails' 2 bound make -C "$tree"
    check_match 'a build that is not writable: make says what to do' 'make BUILD=DIR' "$scratch/err"
else
    skip 'not writable' 'nothing keeps us from writing'
fi
chmod -R u+w "$tree"

# ------------------------------------------------------------------ something is missing

# A PATH with everything but the compiler.
mkdir "$scratch/bin"
for tool in /usr/bin/* /bin/*; do
    case ${tool##*/} in
    gcc | cc | clang) ;;
    *) ln -sf "$tool" "$scratch/bin/${tool##*/}" ;;
    esac
done
check_status 'no compiler, and nothing may be installed: exit 1' 1 env PATH="$scratch/bin" SHMQ_NO_INSTALL=1 "$run_sh" --count 1
check_match 'the line to run knows that the lists of packages may be missing' \
    'run: sudo apt-get update && sudo apt-get install -y build-essential\)' "$scratch/err"
check_status 'no compiler for the tests, and nothing may be installed: exit 1' 1 \
    env PATH="$scratch/bin" SHMQ_NO_INSTALL=1 "$test_sh"
check_match 'the line to run is the same' 'sudo apt-get update && sudo apt-get install -y .*build-essential' "$scratch/err"
