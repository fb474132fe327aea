#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Scripts and programs under locales that write 1,5 for 1.5, sort a before B, or have another lower case of I than i.
. "$(dirname "$0")/../support/lib.sh"

for name in de_DE tr_TR; do
    localedef -i "$name" -f UTF-8 "$scratch/$name.UTF-8" 2>/dev/null
    [[ ! -f $scratch/$name.UTF-8/LC_NUMERIC ]] || continue
    skip 'other locales' "$name cannot be made (install locales)"
    exit
done

# Runs a command with only this locale setting in its environment.
under() { # SETTING COMMAND...
    env -u LC_ALL -u LC_NUMERIC -u LC_COLLATE -u LC_CTYPE -u LANG -u LANGUAGE LOCPATH="$scratch" "$@"
}

# ------------------------------------------------------------------ what is compared with LC_ALL=C

cd "$top" || exit 1
seq 100 >"$scratch/numbers"
tree=$scratch/tree
mkdir -p "$tree"/{scripts,tests/{unit,programs,support},build/tests}
cp "$top/scripts/test.sh" "$top/scripts/packages.sh" "$tree/scripts/"
: >"$tree/tests/support/lib.sh"
: >"$tree/tests/unit/unit_one.c"
printf '#!/bin/sh\necho "ok - one"\n' >"$tree/build/tests/unit_one"
chmod +x "$tree/build/tests/unit_one"
# shellcheck disable=SC2016 # it is a script
echo '[ "$(printf %.1f 1,5)" = 1,5 ] && sleep 0.1 && echo "ok - quick"' >"$tree/tests/programs/quick.sh"
echo 'echo "ok - clean"' >"$tree/tests/programs/leftovers.sh"

helps() { # SETTING
    local program
    for program in "$producer" "$consumer" "$monitor" "$run_sh" "$top/scripts/test.sh" "$top/scripts/mutants.sh" \
        "$top/scripts/fuzz.sh" "$top/bench/bench.sh"; do
        under "$1" "$program" --help 2>&1 || echo "exit status $?: $program"
    done
}

# Numbers with units, in options and in messages: prints what is wrong, and the status.
said='[0-9]+ messages, [0-9]+ B in [0-9.]+ m?s \([0-9.]+( k)?/s, [0-9.]+ k?B/s\)'
decimals() { # SETTING
    new_queue
    under "$1" timeout 60 "$run_sh" -Q "$queue" -p 2 -c 2 --delay 0.5ms:1.5ms --work 0.1ms:0.5ms --restart-pause 0.1:0.5 \
        --grace 2.5s --capacity 64k --max-message 1K --tick 2.5ms --idle 5.5s --timeout 10.5 --input "$scratch/numbers" \
        --discard 2>&1 | grep -vE -e " \\| (producer: produced|consumer: consumed) $said$" -e '[0-9]\.[0-9][0-9] s, 0 restarts$'
    echo "${PIPESTATUS[0]}"
}

refusals() { # SETTING
    local option
    for option in --rate=1,5 --rate=I --delay=1,5ms --delay=1.5MS --timeout=1,5 --capacity=1,5M --on-full=FAIL \
        --INPUT=x --split=1,2; do
        under "$1" "$producer" "$option" 2>&1 </dev/null
        echo "$?"
    done
}

# Views of a queue with three messages.
views() { # SETTING
    local format
    new_queue
    under "$1" "$producer" -q -Q "$queue" --rate 1000.5 -- a b c
    for format in '' --json --prometheus; do
        # shellcheck disable=SC2086 # a word or none
        under "$1" "$monitor" show "$queue" $format 2>&1
    done | sed "s/$queue/QUEUE/; s/[0-9a-f]\{16\}/ID/; s/[0-9][0-9]*/0/g; s/  */ /g; s/--*/-/g"
    under "$1" "$consumer" -q -Q "$queue"
    under "$1" "$monitor" -q remove "$queue"
}

small_suite() { # SETTING
    under "$1" env -u SHMQ_BUILD_DIR SHMQ_NO_INSTALL=1 "$tree/scripts/test.sh" --inner 2>&1 |
        sed 's/[0-9]*\.[0-9] s$/SECONDS/'
}

installing() { # SETTING
    local root=$scratch/root
    DESTDIR=$root under "$1" sh "$top/scripts/install.sh" install /opt/record 644:README.md:/opt/i/I 755:Makefile:/opt/B 644:LICENSE:/opt/a \
        link:a:/opt/i/link 2>&1
    find "$root" -printf '%m %P %l\n' | LC_ALL=C sort
    DESTDIR=$root under "$1" sh "$top/scripts/install.sh" uninstall /opt/record 644:README.md:/opt/i/I 755:Makefile:/opt/B 644:LICENSE:/opt/a \
        link:a:/opt/i/link 2>&1
    [[ ! -d $root/opt ]] || echo 'something is left'
    rm -rf -- "$root"
}

checks() { # SETTING
    under "$1" "$top/scripts/lint_includes.sh" 2>&1
    under "$1" "$top/scripts/mutants.sh" --list --every 20 common/core 2>&1
}

# Tables and medians of planted numbers.
results=$scratch/results
mkdir -p "$results"
{
    echo load,round,contender,parameter,metric,value,line_ns
    for round in 1 2 3; do
        for contender in raw raw_tuned shmq_batch pipe; do
            echo "throughput,$round,$contender,64,messages_per_s,${#contender}.5${round}e+06,20.5"
            echo "round-trip,$round,$contender,busy,round_trip_ns,12${round}.${#contender},20.5"
        done
    done
} >"$results/results.csv"
: >"$results/problems.csv"
: >"$results/histograms.csv"
echo 'One measurement.' >"$results/mode"
echo 20.5 >"$results/best_line_ns"
echo '- A machine' >"$results/machine"

reports() { # SETTING
    under "$1" "$top/bench/bench.sh" --report-only --results "$results" 2>&1
    cat "$results/summary.csv" "$results/RESULTS.md"
}

# ------------------------------------------------------------------ under each

parts=(helps decimals refusals views small_suite installing checks reports)
for part in "${parts[@]}"; do
    "$part" LC_ALL=C >"$scratch/expected.$part"
    check "C: $part: there is something to compare" test -s "$scratch/expected.$part"
done
check_match 'C: a median has its point' '^throughput,raw,64,messages_per_s,3,3\.52e\+06,' "$scratch/expected.reports"
check_match 'C: what is refused' '^producer: --rate 1,5: ' "$scratch/expected.refusals"
check_equal 'C: a pipeline goes through' 0 "$(tail -n 1 "$scratch/expected.decimals")"
check_match 'test.sh has its shell tests run with a decimal comma' '^ok .* quick +1 passed' "$scratch/expected.small_suite"

# shellcheck disable=SC2016 # it is a script
shows='printf %.1f 1,5; x=I; echo " ${x,,}"'
check_equal 'LC_ALL=de_DE.UTF-8 is what it should be' '1,5 i' "$(under LC_ALL=de_DE.UTF-8 bash -c "$shows" 2>&1)"
check_equal 'LC_NUMERIC=de_DE.UTF-8 is what it should be' '1,5 i' "$(under LC_NUMERIC=de_DE.UTF-8 bash -c "$shows" 2>&1)"
check_equal 'LC_ALL=tr_TR.UTF-8 is what it should be' '1,5 ı' "$(under LC_ALL=tr_TR.UTF-8 bash -c "$shows" 2>&1)"
for setting in LC_ALL=de_DE.UTF-8 LC_NUMERIC=de_DE.UTF-8 LC_ALL=tr_TR.UTF-8; do
    for part in "${parts[@]}"; do
        "$part" "$setting" >"$scratch/actual" 2>&1
        check "$setting: $part: as under C" cmp "$scratch/expected.$part" "$scratch/actual" ||
            diff "$scratch/expected.$part" "$scratch/actual" | head -n 10 | sed 's/^/#   /'
    done
done
