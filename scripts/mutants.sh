#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Mutation testing: plants small faults and checks whether the tests notice them; see `scripts/mutants.sh --help`.
# mutants.awk has the kinds of faults.
set -u
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) || exit 1
top=${here%/*}
export LC_ALL=C # offsets are bytes
unset MAKEFLAGS MFLAGS MAKELEVEL

every=1 jobs=1 longest=20 rule='' tests='' listing=0
wanted=()
product=() # folders
work='' isolated=0

print_help() {
    cat <<'END'
Usage: scripts/mutants.sh [OPTION...] [FILE|FOLDER|FUNCTION|FILE:LINE]...
Plants small faults in product code, one at a time, in a copy of the tree. Runs
the tests that link or start the changed code until one fails, and lists the
faults that no test noticed.

  --every N     plant only every N-th fault (1)
  --rule TEXT   plant only faults of rules whose name contains TEXT, such as
                'store'
  --list        list the faults without planting any
  --jobs N      use N copies of the tree in parallel (1)
  --longest S   leave out tests that take longer than S seconds (20)
  --tests TEXT  run only tests whose name contains TEXT
  --help        print this help

Without a name: all of common/, producer/, consumer/, monitor/ and supervisor/.
Faults that do not compile or that change no object file are not counted. A
test that fails only once of twice has not noticed the fault. As root, each test
runs in a PID namespace of its own with its own /dev/shm, and can write only to
/tmp.

Examples:
  scripts/mutants.sh --every 10 common
  scripts/mutants.sh shmq_put
  make mutants MUTANTS='consumer/file_end.c:40 message_of' EVERY=2
END
}

fail() { # STATUS TEXT
    printf 'mutants: %s\n' "$2" >&2
    exit "$1"
}

number() { # OPTION VALUE
    [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || fail 2 "$1 $2: not a number from 1 on"
    printf '%s' "$2"
}

read_options() {
    while (($#)); do
        case $1 in
        --every) every=$(number "$1" "${2-}") || exit; shift ;;
        --jobs) jobs=$(number "$1" "${2-}") || exit; shift ;;
        --longest) longest=$(number "$1" "${2-}") || exit; shift ;;
        --rule) rule=${2-}; shift ;;
        --tests) tests=${2-}; shift ;;
        --list) listing=1 ;;
        -h | --help) print_help; exit 0 ;;
        -*) fail 2 "$1: unknown option (see scripts/mutants.sh --help)" ;;
        *) wanted+=("${1#./}") ;;
        esac
        shift
    done
}

# ------------------------------------------------------------------ faults

product_sources() { # FOLDER...
    find "$@" -name '*.[ch]' | sort
}

# The faults of one name, as mutants.awk lists them.
faults_of() { # NAME
    local sources file=${1%:*} line=''
    [[ $1 == *:* ]] && line=${1##*:}
    if [[ -e $file ]]; then
        mapfile -t sources < <(product_sources "$file")
        awk -f "$here/mutants.awk" "${sources[@]}" | awk -F '\t' -v line="$line" 'line == "" || $2 == line'
    else
        mapfile -t sources < <(product_sources "${product[@]}")
        awk -f "$here/mutants.awk" "${sources[@]}" | awk -F '\t' -v name="$1" '$3 == name'
    fi
}

list_faults() {
    local name
    ((${#wanted[@]})) || wanted=("${product[@]}")
    for name in "${wanted[@]}"; do
        faults_of "$name" >"$work/of_name"
        [[ -s $work/of_name ]] || fail 2 "$name: no such file, folder or function, or nothing to plant there"
        cat "$work/of_name"
    done | awk -F '\t' -v rule="$rule" -v every="$every" 'index($4, rule) && seen++ % every == 0'
    [[ ${PIPESTATUS[0]} -eq 0 ]]
}

# ------------------------------------------------------------------ copies

# -g0, so that moved lines do not change the object file.
build() { # TREE TARGET...
    local tree=$1
    shift
    timeout 300 make -s -C "$tree" BUILD=build CFLAGS="${CFLAGS:--O2 -g0}" "$@" >"$tree/make.log" 2>&1
}

make_copies() {
    local k
    mkdir "$work/0" && tar -C "$top" --exclude=./build --exclude=./.git -cf - . | tar -C "$work/0" -xf - || exit 1
    printf 'mutants: building a copy ...\n' >&2
    build "$work/0" unit-tests -j"$(nproc)" || {
        cat "$work/0/make.log" >&2
        fail 1 'the tree does not build as it is'
    }
    for ((k = 1; k < jobs; k++)); do
        cp -a -- "$work/0" "$work/$k" || exit 1
    done
}

# ------------------------------------------------------------------ running one test

# Sets runner to a command prefix that isolates a test; killing it ends everything that the test has started.
# Without it, a fault could signal foreign processes or remove foreign files.
set_runner() { # FOLDER
    # shellcheck disable=SC2016 # the inner shell's
    runner=(unshare --mount --pid --fork --kill-child=KILL --mount-proc bash -c '
        mount -t tmpfs -o mode=1777 tmpfs /dev/shm && mount --bind /tmp /tmp && mount --bind "$1" "$1" &&
            mount -o remount,bind,ro / || exit 125
        cd "$2" || exit 125
        shift 2
        "$@"
        exit $?' isolate "$work" "$1")
}

can_isolate() {
    local runner
    set_runner /
    "${runner[@]}" true >/dev/null 2>&1
}

# Kills and removes what a test left behind that was not isolated.
sweep() { # PREFIX
    local left
    grep -lzxF "SHMQ_TEST_PREFIX=$1" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|' |
        while read -r left; do
            kill -KILL "$left" 2>/dev/null
        done
    rm -f -- /dev/shm/shmq."$1"* /dev/shm/sem.shmq."$1"*
}

has_failed() { # SCRATCH
    grep -qs '^not ok' "$1/log" "$1/tap"
}

test_pid=''
end_test() {
    [[ ! $test_pid ]] || kill -TERM "$test_pid" 2>/dev/null
}

# Runs a test of a tree until it ends or its first failure. Returns 0: passed; 1: failed; 124: took too long.
run_test() { # TREE TEST SECONDS
    local tree=$1 prefix=test.$BASHPID.mutant command=("./$2") status pid runner=()
    local scratch=$tree.scratch
    [[ $2 == *.sh ]] && command=(bash "./$2")
    ((isolated)) && set_runner "$tree"
    until rm -rf -- "$scratch" 2>/dev/null; do
        sleep 0.05 # killed processes are still ending
    done
    mkdir -p -- "$scratch/tmp" || exit 1
    (
        ulimit -c 0
        cd -- "$tree" || exit 1
        export TMPDIR=$scratch/tmp SHMQ_TEST_PREFIX=$prefix SHMQ_BUILD_DIR=$tree/build
        export CK_TAP_LOG_FILE_NAME=$scratch/tap CK_VERBOSITY=silent
        trap 'kill -KILL "$pid" 2>/dev/null' TERM
        "${runner[@]}" env --default-signal=INT,QUIT timeout --kill-after=5 "$3" "${command[@]}" \
            >"$scratch/log" 2>&1 </dev/null 3<&- &
        pid=$!
        wait "$pid"
    ) &
    test_pid=$!
    while kill -0 "$test_pid" 2>/dev/null; do
        if has_failed "$scratch"; then
            kill -TERM "$test_pid" 2>/dev/null
            break
        fi
        sleep 0.05
    done
    wait "$test_pid" 2>/dev/null
    status=$?
    test_pid=''
    ((isolated)) || sweep "$prefix"
    has_failed "$scratch" && return 1
    ((status == 124 || status == 137)) && return 124
    ((status == 0))
}

# ------------------------------------------------------------------ selecting tests

# Lists the test programs that use Check.
unit_tests() {
    local file
    find build/tests -type f -perm -u+x | while read -r file; do
        nm "$file" 2>/dev/null | grep -q ' [TU] srunner_create' && printf '%s\n' "$file"
    done
}

# Lists the shell tests that start a program, directly or through the supervisor, and that do not build anything.
shell_tests() { # PROGRAM
    grep -rl --include='*.sh' '^\. .*/lib\.sh"' tests | xargs grep -lE "[\$/{\"](run_sh|supervisor|$1)\\b" |
        xargs grep -LE '\bmake -|mutants\.sh'
}

# Whether a program was linked with one of the objects, judged by their first symbols (except main, which all have).
links() { # PROGRAM OBJECT...
    local program=$1 symbols
    shift
    symbols=$(nm -A --defined-only --extern-only "$@" 2>/dev/null | sed 's/:.* / /' | awk '$2 != "main" && !seen[$1]++ { print $2 }')
    [[ $symbols ]] && nm --defined-only --extern-only "$program" | sed 's/.* //' | grep -qxF -- "$symbols"
}

# Objects of the product that are made from a file.
objects_of() { # FILE
    find build/obj -name '*.d' -not -path '*/hooked/*' -exec grep -lE "(^| )${1//./\\.}( |:|\$)" {} + | sed 's/d$/o/' | sort
}

# Lists the unit tests that link a file; for a file outside the library, also the shell tests of the programs.
tests_of() { # FILE
    local objects program
    mapfile -t objects < <(objects_of "$1")
    while read -r program; do
        links "$program" "${objects[@]}" && printf '%s\n' "$program"
    done <"$work/unit_tests"
    ar t build/libshmq.a | grep -qxF "$(basename "$1" .c).o" && [[ $1 != */cli/* ]] && return
    for program in producer consumer monitor supervisor; do
        [[ -x build/$program ]] && { [[ $1 == "$program/main.c" ]] || links "build/$program" "${objects[@]}"; } &&
            shell_tests "$program"
    done | sort -u
}

# Runs every test that may be needed once and records its time in lines "milliseconds test".
time_tests() {
    local file test began
    cd -- "$work/0" || exit 1
    unit_tests >"$work/unit_tests"
    mkdir "$work/tests"
    cut -f 1 "$work/faults" | sort -u | while read -r file; do
        tests_of "$file" >"$work/tests/${file//\//,}"
    done
    sort -u "$work"/tests/* | grep -F -- "$tests" >"$work/all_tests"
    printf 'mutants: timing %d tests ...\n' "$(wc -l <"$work/all_tests")" >&2
    while read -r test; do
        began=${EPOCHREALTIME/./}
        if run_test "$work/0" "$test" "$longest"; then
            printf '%d %s\n' $(((${EPOCHREALTIME/./} - began) / 1000)) "$test"
        else
            printf 'mutants: %s is left out: it fails, or takes more than %d s, without a fault\n' "$test" "$longest" >&2
        fi
    done <"$work/all_tests" | sort -n >"$work/times"
    [[ -s $work/times ]] || fail 1 'no test is left'
}

# ------------------------------------------------------------------ one fault

plant() { # SOURCE OFFSET LENGTH TEXT
    local content
    content=$(cat -- "$1" && printf x)
    content=${content%x}
    printf '%s%s%s' "${content:0:$2}" "${4//$'\001'/$'\n'}" "${content:$2+$3}" >"$1"
}

# Prints the source lines around a byte range as one line.
lines_around() { # SOURCE OFFSET LENGTH
    local content first last
    content=$(cat -- "$1")
    first=${content:0:$2}
    last=${content:$2+$3}
    tr -s '\n ' '  ' <<<"${first##*$'\n'}${content:$2:$3}${last%%$'\n'*}" | cut -c 1-160
}

# Compiles what depends on a file. Returns 0 if an object has changed; otherwise sets verdict.
compile() { # TREE FILE OBJECT...
    local tree=$1 object
    shift 2
    if ! build "$tree" "$@"; then
        verdict='does not compile'
        return 1
    fi
    verdict='same code'
    for object; do
        cmp -s -- "$tree/$object" "$tree.kept/$object" || return 0
    done
    return 1
}

declare -A noticed=() # for a file, the test that noticed its last fault

# Lists the tests of a file, as recorded by time_tests: first the one that noticed the last fault, then the fastest.
tests_in_order() { # FILE
    awk -v tests="$work/tests/${1//\//,}" -v first="${noticed[$1]-}" '
        BEGIN { while ((getline test <tests) > 0) wanted[test] = 1 }
        !($2 in wanted) { next }
        $2 == first { print; next }
        { later = later $0 "\n" }
        END { printf "%s", later }' "$work/times"
}

# Runs the tests. Sets verdict and witness.
try_tests() { # TREE FILE
    local milliseconds test status limit
    verdict='not found' witness=''
    while read -r milliseconds test; do
        if [[ $test == *.sh ]]; then
            build "$1" all
        else
            build "$1" "$test"
        fi || fail 1 "$test cannot be built (see $(tail -n 1 "$1/make.log"))"
        limit=$((milliseconds * 4 / 1000 + 10))
        run_test "$1" "$test" "$limit"
        status=$?
        if ((status == 1)) && run_test "$1" "$test" "$limit"; then
            witness="$test failed once of twice"
            continue
        fi
        ((status == 0)) && continue
        verdict=found
        witness=$test
        noticed[$2]=$test
        ((status == 124)) && witness+=', out of time'
        break
    done < <(tests_in_order "$2")
}

# Plants one fault and removes it again. Restored objects get a new time, so that programs linked with the fault are
# relinked.
try_fault() { # TREE FILE LINE FUNCTION RULE OFFSET LENGTH TEXT
    local tree=$1 file=$2 objects object before after
    mapfile -t objects < <(cd -- "$tree" && objects_of "$file")
    cp -p -- "$tree/$file" "$tree.source"
    rm -rf -- "$tree.kept"
    mkdir -- "$tree.kept"
    (cd -- "$tree" && cp -p --parents -t "$tree.kept" -- "${objects[@]}") || exit 1
    before=$(lines_around "$tree/$file" "$6" "$7")
    plant "$tree/$file" "$6" "$7" "$8"
    after=$(lines_around "$tree/$file" "$6" "${#8}")
    witness=''
    compile "$tree" "$file" "${objects[@]}" && try_tests "$tree" "$file"
    cp -p -- "$tree.source" "$tree/$file"
    for object in "${objects[@]}"; do
        cp -- "$tree.kept/$object" "$tree/$object"
    done
    printf '%s\t%s:%s\t%s\t%s\t%s\t%s\t%s\n' "$verdict" "$file" "$3" "$4" "$5" "$before" "$after" "$witness" >>"$tree.results"
    printf '%-17s %3d of %d  %s:%s %s: %s%s\n' "$verdict" "$place" "$total" "$file" "$3" "$4" "$5" "${witness:+ ($witness)}"
}

# Runs one of the jobs: every N-th fault, for N jobs.
work_off() { # NUMBER
    local file line function rule offset length text place=0 total
    trap 'end_test; exit 143' TERM
    total=$(wc -l <"$work/faults")
    while IFS=$'\t' read -r -u 3 file line function rule offset length text; do
        ((place++ % jobs == $1)) && try_fault "$work/$1" "$file" "$line" "$function" "$rule" "$offset" "$length" "$text"
    done 3<"$work/faults"
    return 0
}

# ------------------------------------------------------------------ summary and main

summarize() {
    cat "$work"/*.results | sort -t "$(printf '\t')" -k 2,2V | awk -F '\t' '
        { count[$1]++ }
        $1 == "not found" {
            printf "\nnot found  %s %s: %s%s\n  - %s\n  + %s\n", $2, $3, $4, $7 == "" ? "" : " (" $7 ")", $5, $6
        }
        END {
            planted = count["found"] + count["not found"]
            printf "\nplanted %d, found %d, not found %d: %d of 100 found\n", planted, count["found"], count["not found"],
                planted ? count["found"] * 100 / planted : 0
            printf "not counted: %d do not compile, %d are the same code\n", count["does not compile"], count["same code"]
        }'
}

pids=()
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
    local pid
    [[ $BASHPID == "$$" ]] || exit # a child that is ended before its exec has this trap, too
    for pid in "${pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null
    done
    end_test
    wait 2>/dev/null
    [[ ! $work ]] || rm -rf -- "$work"
}

main() {
    local k
    read_options "$@"
    cd -- "$top" || exit 1
    work=$(mktemp -d) && work=$(readlink -f -- "$work") || exit 1
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    for k in common producer consumer monitor supervisor; do
        [[ -d $k ]] && product+=("$k")
    done
    list_faults >"$work/faults" || exit 2
    [[ -s $work/faults ]] || fail 2 "$rule: no such rule, or nothing to plant by it"
    if ((listing)); then
        cut -f 1-4 "$work/faults" | awk -F '\t' '{ printf "%s:%s %s: %s\n", $1, $2, $3, $4 }'
        exit 0
    fi
    can_isolate && isolated=1
    ((isolated)) || printf 'mutants: not root: the tests share process numbers and /dev/shm with everything else\n' >&2
    make_copies
    time_tests
    printf 'mutants: planting %d faults ...\n' "$(wc -l <"$work/faults")" >&2
    for ((k = 0; k < jobs; k++)); do
        work_off "$k" &
        pids+=($!)
    done
    wait "${pids[@]}"
    pids=()
    summarize
}

main "$@"
