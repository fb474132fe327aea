#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the contenders in turn, in several rounds, and compares them; see `bench/bench.sh --help`.
set -u
# Numbers must have a decimal point, in the results and for awk, whatever the caller's locale.
export LC_ALL=C

bench=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) || exit 1
top=${bench%/*}
. "$bench/support/contenders.sh"
. "$bench/support/measure.sh"
. "$bench/support/programs.sh"
. "$bench/support/machine.sh"
. "$bench/support/report.sh"
. "$bench/support/plots.sh"

build=$top/build
results=''
rounds=5
budget=0
seconds=0.3
round_trip_seconds=1
pause_seconds=2.5
sizes=(16 64 256 1024 16384 65536 1048576)
shapes=(1x2 2x1 2x2 4x4 8x8)
idle_consumers=(1 16 64)
idle_seconds=10
deaths=20
supervised_deaths=5
attaches=50
scale_lanes=(1 2 4 8 16 32 64)
scale_seats=(1 16 64 256 1024)
scale_capacities=(65536 262144 1048576 8388608 67108864 268435456 1073741824)
program_bytes=$((256 << 20))
job_count=1600
job_processes=(1 2 4 8)
printed_bytes=10000000
bridge_count=200000
forwarded=1000000
all_loads=(throughput round-trip contention room idle redelivery scale programs jobs output forward bridge)
loads=("${all_loads[@]}")
contenders=()
present=()
cpus=0,1
realtime=0
quick=0
publish=0
report_only=0
scratch=''
round=0

print_help() {
    cat <<'END'
Usage: bench/bench.sh [OPTION...] [CONTENDER...]
Passes messages from producers to consumers, through this project's queue and
through others. Every payload is written whole, read whole and checked. In each
round, all contenders take their turn, so that other work on the machine affects
all of them alike; ratios compare contenders of the same round. A missing
contender is named; one that loses or damages a message is shown as FAILED, and
the exit status is 1. Writes results.csv (every value), summary.csv (medians,
minima, maxima, ratios), RESULTS.md and plots/*.svg to the results folder.

  --quick          run all loads, smaller: less than two minutes
  --loads LIST     run only these of throughput,round-trip,contention,room,idle,
                   redelivery,scale,programs,jobs,output,forward,
                   bridge (all)
  --rounds N       run N rounds (5)
  --budget S       start no round that would probably end after S seconds (none)
  --seconds S      length of one measurement of throughput (0.3)
  --sizes LIST     bytes per message (16,64,256,1024,16384,65536,1048576)
  --cpus P,C       processors of producer and consumer (0,1)
  --realtime       use a realtime priority (chrt -f 10), and rest before each
                   measurement: for a machine with other work, which it slows
                   down a little. Needs root. Not used for contenders with
                   threads of their own, nor for contention
  --results DIR    write results to DIR (BUILD-DIR/bench-results)
  --report-only    measure nothing; make tables and plots of existing results
  --publish        then copy RESULTS.md and the plots into bench/
  --build-dir DIR  folder of the programs (build)

Examples:
  bench/bench.sh --quick
  bench/bench.sh --loads throughput --sizes 64 --rounds 3 shmq_single pipe

Contenders:
END
    all_contenders | sed 's/^/  /'
}

die() { # STATUS TEXT
    printf 'bench.sh: %s\n' "$2" >&2
    exit "$1"
}

usage_error() {
    printf "bench.sh: %s\nTry 'bench/bench.sh --help'.\n" "$1" >&2
    exit 2
}

# --option VALUE and --option=VALUE
read_options() {
    local option value
    while (($#)); do
        option=$1
        shift
        case $option in
        -h | --help) print_help; exit 0 ;;
        --realtime) realtime=1; continue ;;
        --quick) be_quick; continue ;;
        --publish) publish=1; continue ;;
        --report-only) report_only=1; continue ;;
        --*=*) value=${option#*=} option=${option%%=*} ;;
        --*) (($#)) || usage_error "$option: needs a value"; value=$1; shift ;;
        -*) usage_error "$option: unknown option" ;;
        *) all_contenders | grep -qxF -e "$option" || usage_error "$option: no such contender"
            contenders+=("$option"); continue ;;
        esac
        take_option "$option" "$value"
    done
    ((${#contenders[@]})) || mapfile -t contenders < <(all_contenders)
    [[ $results ]] || results=$build/bench-results
}

take_option() { # OPTION VALUE
    local number='^[0-9]+$' load
    case $1 in
    --rounds) [[ $2 =~ $number && $2 -gt 0 ]] || usage_error "--rounds $2: not a number"; rounds=$2 ;;
    --budget) [[ $2 =~ $number ]] || usage_error "--budget $2: not a number"; budget=$2 ;;
    --seconds) [[ $2 =~ ^[0-9]*\.?[0-9]+$ ]] || usage_error "--seconds $2: not a number"; seconds=$2 ;;
    --sizes) [[ $2 =~ ^[0-9]+(,[0-9]+)*$ ]] || usage_error "--sizes $2: not a list of numbers"
        IFS=, read -r -a sizes <<<"$2" ;;
    --loads) IFS=, read -r -a loads <<<"$2"
        for load in "${loads[@]}"; do
            [[ " ${all_loads[*]} " == *" $load "* ]] || usage_error "--loads $load: no such load"
        done ;;
    --cpus) [[ $2 =~ ^[0-9]+,[0-9]+$ ]] || usage_error "--cpus $2: not two numbers"; cpus=$2 ;;
    --results) results=$2 ;;
    --build-dir) build=$2 ;;
    *) usage_error "$1: unknown option" ;;
    esac
}

be_quick() {
    quick=1
    rounds=3
    budget=105
    seconds=0.04
    round_trip_seconds=0.1
    pause_seconds=0.15
    sizes=(64 1024 65536)
    shapes=(2x2 8x8)
    idle_consumers=(1 64)
    idle_seconds=2
    deaths=5
    supervised_deaths=1
    attaches=20
    scale_lanes=(1 64)
    scale_seats=(64 1024)
    scale_capacities=(65536 8388608 67108864)
    program_bytes=$((16 << 20))
    job_count=200
    job_processes=(2)
    printed_bytes=2000000
    bridge_count=20000
    forwarded=200000
    tries=2
}

find_contenders() {
    local name why
    for name in "${contenders[@]}"; do
        why=$(why_missing "$name")
        if [[ $why ]]; then
            problem all "$name" '' missing "$why"
        else
            present+=("$name")
        fi
    done
    ((${#present[@]})) || die 1 "no contender is there (run 'make benches')"
}

check_programs() {
    local name
    for name in bench/attach bench/idle bench/redelivery producer consumer monitor; do
        [[ -x $build/$name ]] || die 1 "$build/$name: is missing (run 'make all benches')"
    done
    (($(nproc) > 1)) || cpus=0,0
    ((!realtime)) || chrt -f 10 true 2>/dev/null || die 1 '--realtime: a realtime priority is refused (run as root)'
}

start_results() {
    mkdir -p "$results" || die 1 "$results: cannot be made"
    echo load,round,contender,parameter,metric,value,line_ns >"$results/results.csv"
    : >"$results/problems.csv"
    : >"$results/histograms.csv"
    rm -rf -- "${results:?}/$plot_folder"
}

measure_rounds() {
    local load start took spent=$SECONDS
    for ((round = 1; round <= rounds; round++)); do
        start=$SECONDS
        for load in "${loads[@]}"; do
            "round_of_${load//-/_}"
        done
        took=$((SECONDS - start))
        printf 'bench.sh: round %d of %d done in %d s\n' "$round" "$rounds" "$took" >&2
        ((!budget || SECONDS - spent + took + took / 4 < budget)) || break
    done
}

# Records what a later report needs to know.
note_circumstances() {
    local text
    printf -v text 'Each measurement of throughput takes %s s.' "$seconds"
    ((!quick)) || text+=' **This was a quick run, for a first look only.**'
    ((!realtime)) || text+=' All ran with a realtime priority (except contention, ZeroMQ, nng, Redis and Python), because'
    ((!realtime)) || text+=' other work was running on the machine.'
    printf '%s\n' "$text" >"$results/mode"
    printf '%s\n' "$best_line_ns" >"$results/best_line_ns"
    describe_machine >"$results/machine"
}

publish_results() {
    local failed="publishing into $bench failed"
    [[ -d $results/$plot_folder ]] || die 1 "$failed: there are no plots (install gnuplot-nox)"
    mkdir -p "$bench/$plot_folder" || die 1 "$failed"
    cp -- "$results/RESULTS.md" "$bench/RESULTS.md" || die 1 "$failed"
    cp -- "$results/summary.csv" "$bench/results.csv" || die 1 "$failed"
    cp -- "$results/$plot_folder/"*.svg "$bench/$plot_folder/" || die 1 "$failed"
    printf 'bench.sh: published in %s\n' "$bench/RESULTS.md" >&2
}

# shellcheck disable=SC2317 # by the trap
clean_up() {
    local pid number
    for pid in $(jobs -p); do
        kill -TERM "$pid" 2>/dev/null
    done
    wait
    for number in death $(seq "$queue_count"); do
        "$build/monitor" remove --force "bench.$$.$number" >/dev/null 2>&1
    done
    [[ ! $scratch ]] || rm -rf -- "$scratch"
}

main() {
    read_options "$@"
    scratch=$(mktemp -d) || exit 1
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if ((!report_only)); then
        check_programs
        start_results
        find_contenders
        find_best_line
        measure_rounds
        note_circumstances
    fi
    [[ -s $results/results.csv ]] || die 1 "$results/results.csv: is missing (run without --report-only)"
    read -r best_line_ns <"$results/best_line_ns"
    summarise
    draw_plots
    write_report
    printf 'bench.sh: results are in %s\n' "$results/RESULTS.md" >&2
    ((!publish)) || publish_results
    if grep -q '^[^,]*,[^,]*,[^,]*,[^,]*,FAILED,' "$results/problems.csv"; then
        die 1 "something FAILED: see the end of $results/RESULTS.md"
    fi
}

main "$@"
