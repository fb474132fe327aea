#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/test.sh itself, in a small tree with its own tests.
# shellcheck disable=SC2016 # what is in single quotes are scripts
. "$(dirname "$0")/../support/lib.sh"

tree=$scratch/tree
mkdir -p "$tree/scripts" "$tree/tests"/{unit,crash,programs,support} "$tree/build"/{,asan/,tsan/}tests
cp "$top/scripts/test.sh" "$top/scripts/packages.sh" "$tree/scripts/"
: >"$tree/tests/support/lib.sh"
printf 'tests:\nthread-tests:\nbenches:\n' >"$tree/Makefile"
: >"$tree/tests/unit/unit_one.c"
: >"$tree/tests/crash/unit_threads.c"
for program in "$tree"/build/{,asan/,tsan/}tests/unit_{one,threads}; do
    printf '#!/bin/sh\necho "ok - %s"\n' "${program##*/}" >"$program"
    chmod +x "$program"
done
echo 'echo "ok - quick"' >"$tree/tests/programs/quick.sh"
echo 'for i in 1 2 3 4 5 6 7 8 9; do echo "ok - $i"; sleep "${pause:-0}"; done' >"$tree/tests/crash/slow.sh"
echo 'echo "ok - clean"' >"$tree/tests/programs/leftovers.sh"

# Nothing that a full run would install is needed here; how many processors there are is $processors.
mkdir "$scratch/bin"
printf '#!/bin/sh\necho "${processors:-2}"\n' >"$scratch/bin/nproc"
chmod +x "$scratch/bin/nproc"
for tool in gcc g++ pkg-config clang spin strace ps; do
    printf '#!/bin/sh\n' >"$scratch/bin/$tool"
    chmod +x "$scratch/bin/$tool"
done

run_tests() { # ARGUMENT...
    env -u SHMQ_BUILD_DIR PATH="$scratch/bin:$PATH" SHMQ_NO_INSTALL=1 SHMQ_TEST_LOCALE="${locale:-C}" "$tree/scripts/test.sh" "$@"
}

# What ran, without the times.
summary() {
    sed -n 's/^\(ok\|FAILED\)  *\([0-9]* of [0-9]*\) *\(.*[^ ]\)  *\([0-9]* passed\).*/\1 \2 \3: \4/p' "$scratch/out"
}

check_status 'some files: exit 0' 0 run_tests --inner quick unit_
check_equal 'some files: n of N' 'ok 1 of 3 unit_one: 1 passed
ok 2 of 3 unit_threads: 1 passed
ok 3 of 3 quick: 1 passed' "$(summary)"
check_equal 'some files: the last line' '3 passed, 0 failed' "$(tail -n 1 "$scratch/out")"
check_equal 'some files: nothing is said of the whole' '' "$(grep minutes "$scratch/out" "$scratch/err")"
check_equal 'not on a terminal: whole lines only' '' "$(tr -dc '\r\033' <"$scratch/out")"

check_status 'a folder: exit 0' 0 run_tests --inner crash/
check_equal 'a folder: what is in it' 'ok 1 of 2 unit_threads: 1 passed
ok 2 of 2 slow: 9 passed' "$(summary)"
check_status 'a name that is none: exit 2' 2 run_tests --inner nonsense
check_status 'a folder that is none: exit 2' 2 run_tests --inner cra/
check_status 'what support/ has is no test: exit 2' 2 run_tests --inner support/

# Everything that a full run does, without installing.
check_status 'everything: exit 0' 0 run_tests
check_match 'everything: says first how long it takes, and what room' '^.*minutes.*GB' <(head -n 1 "$scratch/out")
check_equal 'everything: n of N' 'ok 1 of 12 build with gcc: 1 passed
ok 2 of 12 unit_one: 1 passed
ok 3 of 12 unit_threads: 1 passed
ok 4 of 12 quick: 1 passed
ok 5 of 12 slow: 9 passed
ok 6 of 12 build with AddressSanitizer and UBSan: 1 passed
ok 7 of 12 unit_one (address): 1 passed
ok 8 of 12 unit_threads (address): 1 passed
ok 9 of 12 build with ThreadSanitizer: 1 passed
ok 10 of 12 unit_threads (thread): 1 passed
ok 11 of 12 build with clang: 1 passed
ok 12 of 12 leftovers: 1 passed' "$(summary)"
check_equal 'everything: the last line' '20 passed, 0 failed' "$(tail -n 1 "$scratch/out")"

# A build that fails: what needs it is not run.
printf '.PHONY: tests\ntests:\n\t@[ "$(SANITIZE)" != address ]\nthread-tests:\nbenches:\n' >"$tree/Makefile"
check_status 'a build fails: exit 1' 1 run_tests
check_match 'a build fails: is said' '^FAILED +6 of 12 +build with AddressSanitizer and UBSan +0 passed, 1 failed' "$scratch/out"
check_equal 'a build fails: what does not need it is run' 'ok 5 of 12 slow: 9 passed
FAILED 6 of 12 build with AddressSanitizer and UBSan: 0 passed
ok 9 of 12 build with ThreadSanitizer: 1 passed
ok 10 of 12 unit_threads (thread): 1 passed
ok 11 of 12 build with clang: 1 passed
ok 12 of 12 leftovers: 1 passed' "$(summary | tail -n +5)"
check_equal 'a build fails: the last line' '17 passed, 1 failed' "$(tail -n 1 "$scratch/out")"

echo 'echo "not ok - quick"' >"$tree/tests/programs/quick.sh"
check_status 'one fails: exit 1' 1 run_tests --inner quick
check_match 'one fails: n of N' '^FAILED +1 of 1 +quick +0 passed, 1 failed' "$scratch/out"
check_equal 'one fails: the last line' '0 passed, 1 failed' "$(tail -n 1 "$scratch/out")"

printf '%s\n' 'echo "ok - quick # SKIP ${LC_ALL-nothing} is set"' >"$tree/tests/programs/quick.sh"
locale=xx_YY.UTF-8 LC_ALL=C check_status 'no such locale: the tests run all the same' 0 run_tests --inner quick
check_match 'no such locale: in that of the caller; what is skipped is said' 'skipped: quick: C is set$' "$scratch/out"
check_equal 'what is skipped has passed' '1 passed, 0 failed' "$(tail -n 1 "$scratch/out")"
localedef -i de_DE -f UTF-8 "$scratch/de_DE.UTF-8" 2>/dev/null
if [[ -f $scratch/de_DE.UTF-8/LC_NUMERIC ]]; then
    locale=de_DE.UTF-8 check_status 'another locale' 0 run_tests --inner quick
    check_match 'another locale: the shell tests have it' 'skipped: quick: de_DE.UTF-8 is set$' "$scratch/out"
else
    skip 'another locale' 'it cannot be made (install locales)'
fi

# ------------------------------------------------------------------ two at a time

export meeting=$scratch/meeting
# A file of these that runs has its name in $meeting; $count says how many others there were at most.
cat >"$tree/tests/support/lib.sh" <<'END'
name=$(basename "$0" .sh)
: >"$meeting/$name.runs"
together() { # NAME: waits until it has been started
    for _ in {1..500}; do
        [[ -e $meeting/$1.was ]] && return
        sleep 0.02
    done
    return 1
}
others() {
    find "$meeting" -name '*.runs' ! -name "$name.runs" | wc -l
}
: >"$meeting/$name.was"
trap 'rm -f "$meeting/$name.runs"; : >"$meeting/$name.ended"' EXIT
END
write_test() { # NAME LINE...
    printf '%s\n' '. "$(dirname "$0")/../support/lib.sh"' "${@:2}" >"$tree/tests/programs/$1.sh"
}
meet() { # STATUS NAME...
    rm -rf "$meeting" && mkdir "$meeting"
    check_status "two at a time: ${*:2}: exit $1" "$1" run_tests --inner "${@:2}"
}
# The first ends after the second, and both after a third has begun.
write_test meet_a 'together meet_c && echo "ok - a"'
write_test meet_b 'together meet_a && echo "ok - b" && echo "not ok - b" && echo "# of b"'
write_test meet_c 'echo "ok - c"'
meet 1 meet_
check_equal 'two at a time: reported in order' 'ok 1 of 3 meet_a: 1 passed
FAILED 2 of 3 meet_b: 1 passed
ok 3 of 3 meet_c: 1 passed' "$(summary)"
check_equal 'two at a time: each with its own output' '    | not ok - b
    | # of b
ok 3' "$(sed -n '/^ /,/^ok/p' "$scratch/out" | sed 's/^ok *3 .*/ok 3/')"
check_equal 'two at a time: the last lines' $'failed: meet_b\n3 passed, 1 failed' "$(tail -n 2 "$scratch/out")"

write_test meet_a 'echo "ok - $(others)"; [ "$(others)" = 0 ]'
write_test meet_b 'echo "ok - $(others)"; [ "$(others)" = 0 ]'
processors=1 meet 0 meet_a meet_b

# The names of one file are not the beginning of another's.
write_test meet_a 'together meet_a_b && echo "ok - a"'
write_test meet_a_b 'object=/dev/shm/shmq.$SHMQ_TEST_PREFIX.x; : >"$object"' \
    'until [ -e "$meeting/meet_a.ended" ]; do sleep 0.02; done; sleep 0.3; [ -e "$object" ] && echo "ok - b"; rm "$object"'
meet 0 meet_a

rm "$tree/tests/programs/meet_a_b.sh"
write_test meet_a '# test: alone (because)' 'sleep 0.2; echo "ok - a"; [ "$(others)" = 0 ]'
write_test meet_b 'echo "ok - b"; ! [ -e "$meeting/meet_a.was" ]'
write_test meet_c 'echo "ok - c"; ! [ -e "$meeting/meet_a.was" ]'
meet 0 meet_a meet_b meet_c
check_equal 'what has to be alone comes last' 'ok 1 of 3 meet_b: 1 passed
ok 2 of 3 meet_c: 1 passed
ok 3 of 3 meet_a: 1 passed' "$(summary)"
rm "$tree/tests/programs/"meet_*

write_test endless_a 'sleep 60 & wait'
write_test endless_b 'sleep 60 & wait'
rm -rf "$meeting" && mkdir "$meeting"
env -u SHMQ_BUILD_DIR PATH="$scratch/bin:$PATH" SHMQ_TEST_LOCALE=C "$tree/scripts/test.sh" --inner endless >"$scratch/out" 2>&1 &
pid=$!
check 'a signal: both run' wait_until 20 eval '(($(find "$meeting" -name "*.runs" | wc -l) == 2))'
kill -TERM "$pid"
end_status 'a signal: exit 143' 143
check 'a signal: both end' wait_until 20 eval '(($(find "$meeting" -name "*.ended" | wc -l) == 2))'
rm "$tree/tests/programs/"endless_*
: >"$tree/tests/support/lib.sh"

# ------------------------------------------------------------------ elsewhere

mkdir -p "$scratch/elsewhere/tests"
printf '#!/bin/sh\necho "ok - a"\necho "ok - b"\n' >"$scratch/elsewhere/tests/unit_one"
chmod +x "$scratch/elsewhere/tests/unit_one"
for how in 'env SHMQ_BUILD_DIR=elsewhere' 'run_tests --build-dir elsewhere'; do
    # shellcheck disable=SC2086 # several words
    (cd "$scratch" && case $how in env*) $how "$tree/scripts/test.sh" --inner unit_one ;; *) $how --inner unit_one ;; esac) \
        >"$scratch/out" 2>&1
    check_equal "the programs of another folder: $how" '2 passed, 0 failed' "$(tail -n 1 "$scratch/out")"
done

if command -v script >/dev/null; then
    export pause=0.3
    TERM=xterm script -qec "env -u SHMQ_BUILD_DIR $tree/scripts/test.sh --inner slow" /dev/null </dev/null >"$scratch/typed" 2>&1
    tr '\r' '\n' <"$scratch/typed" >"$scratch/lines"
    check_match 'on a terminal: what runs, and for how long' '^.*1 of 1 +slow +1 s' "$scratch/lines"
    check_match 'on a terminal: goes on counting' '^.*1 of 1 +slow +2 s' "$scratch/lines"
    check_match 'on a terminal: then the line of the result' '^(.*K)?ok +1 of 1 +slow +9 passed' "$scratch/lines"
    check_match 'on a terminal: the last line' '^9 passed, 0 failed$' <(sed '/^$/d' "$scratch/lines" | tail -n 1)
    pause=0.15
    TERM=dumb script -qec "env -u SHMQ_BUILD_DIR $tree/scripts/test.sh --inner slow" /dev/null </dev/null >"$scratch/typed" 2>&1
    check_equal 'on a terminal that cannot redraw: whole lines only' '' "$(tr -dc '\033' <"$scratch/typed")"
else
    skip 'on a terminal' 'there is no script(1)'
fi
