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
everything=0 # 1: no NAME was given, and not --inner
target=''    # the folder of the programs, as make is told it
jobs=$(nproc)
at_once=$((jobs > 1 ? 2 : 1)) # test files
counting=0                    # 1: number the tests without running them
alone=0                       # 1: those are run that can bear no others beside them
skipping=0                    # 1: the build that they need has failed
address=1 thread=1            # 0: the build has failed
total=0 begun=0 reported=0    # numbers of tests, which count from 1
labels=()                     # by number
builds=()                     # by number, of those that are builds: the folder, and arguments for make
running=()                    # by number: since when, in milliseconds
over=()                       # by number, once it has ended: the exit status
failed_tests=()               # by number: label
passed=0 failed=0
ends=''                       # a pipe; see open_ends
builder=''                    # the process that builds early
terminal=0                    # 1: stdout is a terminal that can redraw a line
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

Two test files run at a time, on one processor one. Their reports come in order.

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
    everything=$((!inner && ${#patterns[@]} == 0))
    target=${build#"$top"/}
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
    ((everything)) || return
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
    mapfile -t packages < <(PATH=$PATH:/usr/sbin:/sbin missing_packages nats-server:nats-server ip:iproute2 tmux:tmux \
        prometheus:prometheus chromium:chromium bpftrace:bpftrace)
    [[ -f /usr/include/nats/nats.h ]] || pkg-config --exists libnats 2>/dev/null || packages+=(libnats-dev)
    [[ -f /usr/include/microhttpd.h ]] || pkg-config --exists libmicrohttpd 2>/dev/null || packages+=(libmicrohttpd-dev)
    echo '#include <sys/sdt.h>' | cc -E - >/dev/null 2>&1 || packages+=(systemtap-sdt-dev)
    [[ -f /usr/include/curses.h ]] || pkg-config --exists ncursesw 2>/dev/null || packages+=(libncurses-dev)
    install_packages test.sh "${packages[@]}" || printf 'test.sh: without %s, some tests are skipped\n' "${packages[*]}" >&2
}

# ------------------------------------------------------------------ counting

milliseconds() {
    printf '%d' $((${EPOCHREALTIME//[!0-9]/} / 1000))
}

# Counts a test; returns 1 if it is not to be run. Numbers are given before anything runs, in the order of the reports.
begin() { # LABEL
    begun=$((begun + 1))
    if ((counting)); then
        total=$begun
        labels[begun]=$1
        return 1
    fi
    ((!skipping)) && return
    over[begun]=skipped
    return 1
}

look_for_terminal() {
    [[ -t 1 && ${TERM:-dumb} != dumb ]] && terminal=1
}

show_running() {
    local number text='' now
    now=$(milliseconds)
    for number in "${!running[@]}"; do
        text+="${text:+, }${labels[number]}  $(((now - running[number]) / 1000)) s"
    done
    printf '\r        %3d of %d  %s\e[K' "$begun" "$total" "$text"
}

# Writes one line for a test, and its output if something failed. Counts the lines "ok" and "not ok" of its log.
report() { # NUMBER STATUS MILLISECONDS
    local label=${labels[$1]} log=$scratch/$1/log good bad seconds
    good=$(grep -c '^ok\b' "$log")
    bad=$(grep -c '^not ok\b' "$log")
    printf -v seconds '%d.%d' $(($3 / 1000)) $(($3 % 1000 / 100))
    if (($2 != 0 && bad == 0)); then
        bad=1
        printf 'not ok - %s ended with status %d%s\n' "$label" "$2" "$( (($2 == 124 || $2 == 137)) && echo ' (out of time)')" >>"$log"
    elif ((good + bad == 0)); then
        bad=1
        printf 'not ok - %s tested nothing\n' "$label" >>"$log"
    fi
    passed=$((passed + good)) failed=$((failed + bad))
    if ((bad)); then
        failed_tests[$1]=$label
        printf 'FAILED  %3d of %d  %-40s %4d passed, %d failed, %s s\n' "$1" "$total" "$label" "$good" "$bad" "$seconds"
        grep -v '^ok\b' "$log" | tail -n 200 | sed 's/^/    | /'
    else
        printf 'ok      %3d of %d  %-40s %4d passed, %s s\n' "$1" "$total" "$label" "$good" "$seconds"
        sed -n 's/^ok - \(.*\) # SKIP /    skipped: \1: /p' "$log"
    fi >"$scratch/$1/report"
}

# Prints the reports that are complete, in the order of the numbers.
print_reports() {
    ((!terminal)) || printf '\r\e[K'
    while [[ ${over[reported + 1]:-} ]]; do
        reported=$((reported + 1))
        [[ ! -f $scratch/$reported/report ]] || cat "$scratch/$reported/report"
        rm -rf -- "${scratch:?}/$reported"
    done
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

# ------------------------------------------------------------------ running, several at a time

# Opens the pipe through which everything that was started tells its end.
open_ends() {
    mkfifo "$scratch/ends" && exec {ends}<>"$scratch/ends" && rm -- "$scratch/ends"
}

# In the background: runs the command, then tells its end. No test has the pipe open.
run_and_tell() { # NUMBER COMMAND...
    local number=$1 started status
    shift
    started=$(milliseconds)
    "$@" >"$scratch/$number/log" 2>&1 </dev/null {ends}>&- &
    printf '%d' $! >"$scratch/$number/pid"
    wait $!
    status=$?
    printf '%d %d %d\n' "$number" "$status" $(($(milliseconds) - started)) >&"$ends"
} 2>/dev/null

# The names of one test file's queues must not begin like another's.
prefix_of() { # NUMBER
    printf 'test.%d.%d.%s' $$ "$1" "${labels[$1]//[!A-Za-z0-9._-]/.}"
}

# Waits for the end of one that runs, and makes its report. On a terminal, shows meanwhile what is running.
await_end() {
    local number status took folder line='' part
    until IFS='' read -r -t 1 -u "$ends" part; do # may be out of time amid a line
        line+=$part
        ((!terminal)) || show_running
    done
    read -r number status took <<<"$line$part"
    folder=$scratch/$number
    unset "running[$number]"
    [[ ! -f $folder/tap ]] || cat "$folder/tap" >>"$folder/log"
    ((status == 0)) && [[ ${builds[number]:-} ]] && printf 'ok - %s\n' "${labels[number]}" >>"$folder/log"
    [[ ${builds[number]:-} ]] || report_leftovers "$(prefix_of "$number")" "$folder/log"
    report "$number" "$status" "$took"
    over[number]=$status
    print_reports
}

await_room() { # PLACES
    while ((${#running[@]} > $1)); do
        await_end
    done
}

# Runs one test file with its own prefix, folder and time limit, beside others.
run_file() { # LABEL SECONDS COMMAND...
    local limit=$2 folder
    begin "$1" || return 0
    shift 2
    await_room $((alone ? 0 : at_once - 1))
    folder=$scratch/$begun
    mkdir -p "$folder/tmp" || exit 1
    running[begun]=$(milliseconds)
    TMPDIR=$folder/tmp SHMQ_TEST_PREFIX=$(prefix_of "$begun") SHMQ_BUILD_DIR=$build SHMQ_TEST_BEFORE=$scratch/before \
        CK_TAP_LOG_FILE_NAME=$folder/tap CK_VERBOSITY=silent \
        run_and_tell "$begun" env --default-signal=INT,QUIT timeout --kill-after=10 "$limit" "$@" &
}

# ------------------------------------------------------------------ building

# Runs make, and flock, which keeps it from interfering with a test that builds there, too.
build_number() { # NUMBER
    local folder arguments lock=()
    mkdir -p "$scratch/$1"
    read -ra arguments <<<"${builds[$1]}"
    folder=${arguments[0]}
    mkdir -p "$folder" && command -v flock >/dev/null && lock=(flock "$folder")
    run_and_tell "$1" "${lock[@]}" make -s -j"$jobs" WERROR=1 "${arguments[@]:1}"
}

# Builds one after the other with what the tests leave of the processors, most of which only wait.
build_early() { # NUMBER...
    local number
    renice -n 5 $BASHPID >/dev/null
    for number; do
        build_number "$number"
    done
}

# Begins all builds but the first.
start_builds() {
    local numbers=("${!builds[@]}")
    ((at_once > 1)) || return 0
    build_early "${numbers[@]:1}" &
    builder=$!
}

# Runs make as a test, and waits for its end.
run_make() { # LABEL FOLDER ARGUMENT...
    local number
    begin "$1" || { builds[begun]=${*:2}; return 0; }
    number=$begun
    [[ $builder ]] || build_number "$number" &
    [[ ${over[number]:-} ]] || running[number]=$(milliseconds)
    until [[ ${over[number]:-} ]]; do
        await_end
    done
    ((over[number] == 0))
}

# ------------------------------------------------------------------ what is run

# Reads the time limit from the test file.
time_limit() { # FILE
    local seconds
    seconds=$(sed -n 's/^\(#\| \*\|\/\*\) time limit: \([0-9][0-9]*\) s.*/\2/p' "$1" | head -n 1)
    printf '%s' "${seconds:-300}"
}

# Whether a test file was selected and its turn has come: files that cannot bear others beside them say so, and come last.
has_turn() { # FILE
    local marked=0
    wanted "$1" || return
    grep -Eq '^(#| \*|/\*) test: alone' "$1" && marked=1
    ((marked == alone))
}

run_unit_tests() { # WORD FILE-PATTERN TIME-FACTOR DIRECTORY [WRAPPER...]
    local word=$1 pattern=$2 factor=$3 directory=$4 file name
    shift 4
    for file in "${unit_tests[@]}"; do
        name=$(basename "$file" .c)
        # shellcheck disable=SC2053 # it is a pattern
        [[ $name == $pattern ]] || continue
        has_turn "$file" || continue
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
        has_turn "$file" || continue
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
        has_turn "$file" || continue
        choose_locale
        run_file "$name$word" $(($(time_limit "$file") * 3)) "$@" "${in_locale[@]}" env SHMQ_BUILD_DIR="$directory" bash "$file"
    done
}

run_sanitizers() {
    local unshuffled=()
    # Older ThreadSanitizers do not support the address randomisation of newer kernels.
    setarch -R true 2>/dev/null && unshuffled=(setarch -R)
    ((alone)) || run_make 'build with AddressSanitizer and UBSan' "$build/asan" CC=gcc BUILD="$target" SANITIZE=address tests || address=0
    skipping=$((!address))
    UBSAN_OPTIONS=print_stacktrace=1 run_unit_tests ' (address)' '*' 3 "$build/asan"
    run_jobs_tests ' (address)' "$build/asan"
    skipping=0
    ((alone)) || run_make 'build with ThreadSanitizer' "$build/tsan" CC=gcc BUILD="$target" SANITIZE=thread thread-tests || thread=0
    skipping=$((!thread))
    TSAN_OPTIONS=halt_on_error=1 run_unit_tests ' (thread)' '*_threads' 5 "$build/tsan" "${unshuffled[@]}"
    TSAN_OPTIONS=halt_on_error=1 run_jobs_tests ' (thread)' "$build/tsan" "${unshuffled[@]}"
    skipping=0
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

run_tests() {
    run_unit_tests '' '*' 1 "$build"
    run_shell_tests
    ((everything)) || return
    run_sanitizers
    ((alone)) || run_make 'build with clang' "$build/clang" CC=clang BUILD="$target/clang" tests benches
}

# Everything, or the selected part of it; the file that looks for leftovers runs after all others.
run_all() {
    begun=0
    if ((!inner)); then
        run_make 'build with gcc' "$build" CC=gcc BUILD="$target" tests benches || return
    fi
    ((counting || !everything)) || start_builds
    alone=0
    run_tests
    alone=1
    run_tests
    wanted "$last_test" && run_file leftovers 60 bash "$last_test"
    await_room 0
}

clean_up() {
    local number tries
    [[ $BASHPID == "$$" ]] || exit # what runs in the background has this trap, too, until it is told otherwise
    [[ ! $builder ]] || kill -TERM "$builder"
    for number in "${!running[@]}"; do
        for ((tries = 0; tries < 100; tries++)); do # it may only just have been begun
            [[ ! -s $scratch/$number/pid ]] || break
            sleep 0.02
        done
    done
    for number in "$scratch"/[0-9]*/pid; do
        kill -TERM "$(<"$number")"
    done
    [[ ! $scratch ]] || rm -rf -- "$scratch"
} 2>/dev/null

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
    open_ends || exit 1
    counting=1
    run_all
    counting=0
    run_all
    ((${#failed_tests[@]} == 0)) || printf 'failed: %s\n' "${failed_tests[@]}"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0 && passed > 0))
}

main "$@"
