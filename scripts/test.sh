#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the tests; `scripts/test.sh --help` says which.

if [ -z "${BASH_VERSION:-}" ]; then exec bash -- "$0" "$@"; fi # started as `sh scripts/test.sh`
set +o posix
set -u

top=$(readlink -f -- "${BASH_SOURCE[0]}") && top=$(cd -- "$(dirname -- "$top")/.." && pwd) || exit 1
build=$(realpath -m -- "${SHMQ_BUILD_DIR:-$top/build}") || exit 1
called_in=$PWD
cd -- "$top" || exit 1
# Set by a make that called this script; must not reach those that the tests call.
unset MAKEFLAGS MFLAGS MAKELEVEL
. "$top/scripts/packages.sh"

inner=0
patterns=()
passed=0 failed=0
failures=()
jobs=$(nproc)
counting=0 # 1: count the tests without running them
total=0 begun=0
terminal=0 # 1: stdout is a terminal that can redraw a line
scratch=''
locale=${SHMQ_TEST_LOCALE:-de_DE.UTF-8}

print_help() {
    cat <<'END'
Usage: scripts/test.sh [--inner] [--build-dir DIR] [NAME...]
Installs what the tests need (through apt, as root), builds, and runs all tests:
unit tests, shell tests, the unit tests under AddressSanitizer and UBSan, those
with threads under ThreadSanitizer, a build with clang, and a check for
leftovers. Takes about 20 minutes and 1 GB of disk. The last line is "N passed,
M failed"; the exit status is 0 if all passed.

Shell tests run under a locale with a decimal comma, $SHMQ_TEST_LOCALE or
de_DE.UTF-8, which is generated in a temporary folder.

  NAME...          run only tests whose file name contains a NAME, with gcc
                   only; a NAME that ends in / is a folder of tests/
  --inner          install and build nothing and use no sanitizer, as `make
                   test` does
  --build-dir DIR  folder of the programs ($SHMQ_BUILD_DIR, else build)

Examples:
  scripts/test.sh
      run everything
  scripts/test.sh ring consumer
      run the tests whose file name contains "ring" or "consumer"
  scripts/test.sh --inner unit/
      run the unit tests that are built
END
}

read_options() {
    while (($#)); do
        case $1 in
        -h | --help) print_help; exit 0 ;;
        --inner) inner=1 ;;
        --build-dir) shift; build=$(cd -- "$called_in" && realpath -m -- "${1:?--build-dir needs a directory}") || exit 1 ;;
        -*) printf "test.sh: %s: unknown option\nTry 'scripts/test.sh --help'.\n" "$1" >&2; exit 2 ;;
        *) patterns+=("$1") ;;
        esac
        shift
    done
}

# Whether a test file was selected, by a part of its name or by its folder.
wanted() { # FILE
    local pattern
    ((${#patterns[@]})) || return 0
    for pattern in "${patterns[@]}"; do
        if [[ $pattern == */ ]]; then
            [[ $1 == tests/"${pattern#tests/}"* ]] && return
        elif [[ ${1##*/} == *"${pattern##*/}"* ]]; then
            return
        fi
    done
    return 1
}

# Sets the lists of test files, sorted by name across folders. last_test runs after all others and checks for leftovers.
find_tests() {
    last_test=tests/programs/leftovers.sh
    mapfile -t unit_tests < <(printf '%s\n' tests/*/unit_*.c | LC_ALL=C sort -t / -k 3)
    mapfile -t shell_tests < <(printf '%s\n' tests/*/*.sh | grep -vx -e "$last_test" -e 'tests/support/.*' |
        LC_ALL=C sort -t / -k 3)
}

# Fails for a mistyped name, instead of passing without any test.
check_names() {
    local file
    for file in "${unit_tests[@]}" "${shell_tests[@]}" "$last_test"; do
        wanted "$file" && return
    done
    printf "test.sh: %s: no file in tests/ has such a name (see 'ls tests/*')\n" "${patterns[*]}" >&2
    exit 2
}

# Announces the time and disk space needed, as measured on two processors.
announce() {
    ((!inner && ${#patterns[@]} == 0)) || return
    printf 'all tests: about 20 minutes and 1 GB of disk (200 MB in %s, up to 350 MB in %s, the rest packages that are missing)\n' \
        "$build" "${TMPDIR:-/tmp}"
}

install_needed() {
    local packages
    mapfile -t packages < <(missing_packages make:make gcc:build-essential g++:build-essential pkg-config:pkg-config \
        clang:clang spin:spin strace:strace ps:procps mandoc:mandoc sqlite3:sqlite3 curl:curl)
    may_install && [[ $locale != C && ! -f /usr/share/i18n/locales/${locale%.*} ]] && packages+=(locales)
    [[ -f /usr/include/check.h ]] || pkg-config --exists check 2>/dev/null || packages+=(check)
    install_packages test.sh "${packages[@]}" || exit 1
    install_wanted
}

# Without these, the tests that need them are skipped.
install_wanted() {
    local packages
    mapfile -t packages < <(PATH=$PATH:/usr/sbin:/sbin missing_packages nats-server:nats-server ip:iproute2)
    [[ -f /usr/include/nats/nats.h ]] || pkg-config --exists libnats 2>/dev/null || packages+=(libnats-dev)
    install_packages test.sh "${packages[@]}" || printf 'test.sh: without %s, some tests are skipped\n' "${packages[*]}" >&2
}

# ------------------------------------------------------------------ counting

milliseconds() {
    printf '%d' $((${EPOCHREALTIME//[!0-9]/} / 1000))
}

# Counts a test; returns 1 if it is not to be run.
begin() {
    if ((counting)); then
        total=$((total + 1))
        return 1
    fi
    begun=$((begun + 1))
}

look_for_terminal() {
    [[ -t 1 && ${TERM:-dumb} != dumb ]] && terminal=1
}

show_running() { # LABEL STARTED-MS
    printf '\r        %3d of %d  %s  %d s\e[K' "$begun" "$total" "$1" $((($(milliseconds) - $2) / 1000))
}

# Waits for the process test_pid and sets status to its exit status. On a terminal, shows how long it has been running.
await_test() { # LABEL STARTED-MS
    local ended timer
    while ((terminal)); do
        show_running "$1" "$2"
        sleep 1 &
        timer=$!
        wait -n -p ended "$test_pid" "$timer"
        status=$?
        [[ $ended == "$timer" ]] && continue
        kill "$timer"
        wait "$timer"
        printf '\r\e[K'
        break
    done 2>/dev/null
    if ((!terminal)); then
        wait "$test_pid"
        status=$?
    fi
    test_pid=''
}

# Prints one line for a test file, and its output if something failed. Counts the lines "ok" and "not ok" of the log.
report() { # LABEL STATUS STARTED-MS LOG
    local good bad seconds
    good=$(grep -c '^ok\b' "$4")
    bad=$(grep -c '^not ok\b' "$4")
    printf -v seconds '%d.%d' $((($(milliseconds) - $3) / 1000)) $((($(milliseconds) - $3) % 1000 / 100))
    if (($2 != 0 && bad == 0)); then
        bad=1
        printf 'not ok - %s ended with status %d%s\n' "$1" "$2" "$( (($2 == 124 || $2 == 137)) && echo ' (out of time)')" >>"$4"
    elif ((good + bad == 0)); then
        bad=1
        printf 'not ok - %s tested nothing\n' "$1" >>"$4"
    fi
    passed=$((passed + good)) failed=$((failed + bad))
    if ((bad)); then
        failures+=("$1")
        printf 'FAILED  %3d of %d  %-40s %4d passed, %d failed, %s s\n' "$begun" "$total" "$1" "$good" "$bad" "$seconds"
        grep -v '^ok\b' "$4" | tail -n 200 | sed 's/^/    | /'
    else
        printf 'ok      %3d of %d  %-40s %4d passed, %s s\n' "$begun" "$total" "$1" "$good" "$seconds"
        sed -n 's/^ok - \(.*\) # SKIP /    skipped: \1: /p' "$4"
    fi
}

# Kills and removes what the test file left behind, and counts it as failures.
report_leftovers() { # PREFIX LOG
    local pid object
    for pid in $(processes_of "$1"); do
        printf 'not ok - leaves a process behind: %s\n' "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" >>"$2"
        kill -KILL "$pid" 2>/dev/null
    done
    for object in /dev/shm/shmq."$1"* /dev/shm/sem.shmq."$1"*; do
        [[ -e $object ]] || continue
        printf 'not ok - leaves %s behind\n' "$object" >>"$2"
        rm -f -- "$object"
    done
}

# Lists the processes of a test file; gives those that are about to end a moment.
processes_of() { # PREFIX
    local tries found=''
    for ((tries = 0; tries < 10; tries++)); do
        found=$(grep -lzxF "SHMQ_TEST_PREFIX=$1" /proc/[0-9]*/environ 2>/dev/null | sed 's|/proc/\([0-9]*\)/.*|\1|')
        [[ $found ]] || return
        sleep 0.1
    done
    printf '%s\n' "$found"
}

# ------------------------------------------------------------------ running

# Runs one test file with its own prefix, folder and time limit.
run_file() { # LABEL SECONDS COMMAND...
    local label=$1 limit=$2 prefix log status started
    shift 2
    begin || return 0
    prefix=test.$$.${label//[!A-Za-z0-9._-]/.}
    log=$scratch/log
    mkdir "$scratch/tmp" || exit 1
    : >"$log"
    started=$(milliseconds)
    TMPDIR=$scratch/tmp SHMQ_TEST_PREFIX=$prefix SHMQ_BUILD_DIR=$build SHMQ_TEST_BEFORE=$scratch/before \
        CK_TAP_LOG_FILE_NAME=$scratch/tap CK_VERBOSITY=silent \
        env --default-signal=INT,QUIT timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null &
    test_pid=$!
    await_test "$label" "$started"
    if [[ -f $scratch/tap ]]; then
        cat "$scratch/tap" >>"$log"
        rm -f -- "$scratch/tap"
    fi
    report_leftovers "$prefix" "$log"
    report "$label" "$status" "$started" "$log"
    rm -rf -- "$scratch/tmp"
}

# Reads the time limit from the test file.
time_limit() { # FILE
    local seconds
    seconds=$(sed -n 's/^\(#\| \*\|\/\*\) time limit: \([0-9][0-9]*\) s.*/\2/p' "$1" | head -n 1)
    printf '%s' "${seconds:-300}"
}

# Runs make as a test.
run_make() { # LABEL ARGUMENT...
    local label=$1 started status
    shift
    begin || return 0
    started=$(milliseconds)
    make -s -j"$jobs" WERROR=1 "$@" >"$scratch/log" 2>&1 &
    test_pid=$!
    await_test "$label" "$started"
    if ((status == 0)); then
        printf 'ok - %s\n' "$label" >>"$scratch/log"
        report "$label" 0 "$started" "$scratch/log"
    else
        report "$label" 1 "$started" "$scratch/log"
        return 1
    fi
}

run_unit_tests() { # WORD FILE-PATTERN TIME-FACTOR DIRECTORY [WRAPPER...]
    local word=$1 pattern=$2 factor=$3 directory=$4 file name
    shift 4
    for file in "${unit_tests[@]}"; do
        name=$(basename "$file" .c)
        # shellcheck disable=SC2053 # it is a pattern
        [[ $name == $pattern ]] || continue
        wanted "$file" || continue
        CK_TIMEOUT_MULTIPLIER=$factor run_file "$name$word" $(($(time_limit "$file") * factor)) "$@" "$directory/tests/$name"
    done
}

# Sets in_locale to a command prefix that sets a locale with a decimal comma: with it, bash, awk and flock reject numbers
# such as 0.5, and $EPOCHREALTIME has a comma. Only shell tests use it, since they start every script and program.
choose_locale() {
    local folder=$scratch/locale
    in_locale=()
    [[ $locale != C ]] || return 0
    [[ -d $folder ]] || { mkdir "$folder" && localedef -i "${locale%.*}" -f "${locale##*.}" "$folder/$locale" 2>/dev/null; }
    [[ ! -f $folder/$locale/LC_NUMERIC ]] || in_locale=(env LOCPATH="$folder" LC_ALL="$locale")
}

run_shell_tests() {
    local file name in_locale
    for file in "${shell_tests[@]}"; do
        name=$(basename "$file" .sh)
        wanted "$file" || continue
        choose_locale
        run_file "$name" "$(time_limit "$file")" "${in_locale[@]}" bash "$file"
    done
}

# Runs the shell tests of programs with threads with the programs of another build.
run_jobs_tests() { # WORD DIRECTORY [WRAPPER...]
    local word=$1 directory=$2 file name in_locale
    shift 2
    for file in "${shell_tests[@]}"; do
        name=$(basename "$file" .sh)
        [[ $name == jobs* ]] || continue
        choose_locale
        run_file "$name$word" $(($(time_limit "$file") * 3)) "$@" "${in_locale[@]}" env SHMQ_BUILD_DIR="$directory" bash "$file"
    done
}

run_sanitizers() {
    local unshuffled=()
    # Older ThreadSanitizers do not support the address randomisation of newer kernels.
    setarch -R true 2>/dev/null && unshuffled=(setarch -R)
    if run_make 'build with AddressSanitizer and UBSan' CC=gcc BUILD="${build#"$top"/}" SANITIZE=address tests; then
        UBSAN_OPTIONS=print_stacktrace=1 run_unit_tests ' (address)' '*' 3 "$build/asan"
        run_jobs_tests ' (address)' "$build/asan"
    fi
    if run_make 'build with ThreadSanitizer' CC=gcc BUILD="${build#"$top"/}" SANITIZE=thread tests; then
        TSAN_OPTIONS=halt_on_error=1 run_unit_tests ' (thread)' '*threads*' 5 "$build/tsan" "${unshuffled[@]}"
        TSAN_OPTIONS=halt_on_error=1 run_jobs_tests ' (thread)' "$build/tsan" "${unshuffled[@]}"
    fi
}

# Records what exists now, so that only later additions count as leftovers.
remember_before() {
    local directory program
    {
        find /dev/shm -maxdepth 1 \( -name 'shmq.*' -o -name 'sem.shmq.*' \)
        for directory in /proc/[0-9]*; do
            program=$(readlink "$directory/exe" 2>/dev/null) || continue
            [[ $program == "$build"/* ]] && printf '%s %s\n' "${directory#/proc/}" "$program"
        done
    } | LC_ALL=C sort >"$scratch/before"
}

run_everything() {
    if ((!inner)); then
        run_make 'build with gcc' CC=gcc BUILD="${build#"$top"/}" tests benches || return
    fi
    run_unit_tests '' '*' 1 "$build"
    run_shell_tests
    if ((!inner && ${#patterns[@]} == 0)); then
        run_sanitizers
        run_make 'build with clang' CC=clang BUILD="${build#"$top"/}/clang" tests benches
    fi
    wanted "$last_test" && run_file leftovers 60 bash "$last_test"
}

test_pid=''
clean_up() {
    [[ ! $test_pid ]] || kill -TERM "$test_pid" 2>/dev/null
    [[ ! $scratch ]] || rm -rf -- "$scratch"
}

main() {
    read_options "$@"
    find_tests
    check_names
    ((inner)) || can_build_in "$build" test.sh scripts/test.sh || exit 1
    announce
    ((inner)) || install_needed
    scratch=$(mktemp -d) || exit 1
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    look_for_terminal
    remember_before
    counting=1
    run_everything
    counting=0
    run_everything
    ((${#failures[@]} == 0)) || printf 'failed: %s\n' "${failures[@]}"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0 && passed > 0))
}

main "$@"
