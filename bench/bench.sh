#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the contenders in turn, round after round, and compares them; `bench/bench.sh --help` says how.
set -u

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
build=$top/build
rounds=7
seconds=0.3
idle_seconds=10
sizes=(16 64 256 1024 16384 65536)
# The first is what the others are compared with.
contenders=(raw raw_tuned shmq_single shmq_batch shmq_in_place shmq_fences pipe)
cpus=0,1
csv=''
realtime=0
scratch=''

print_help() {
    cat <<'END'
Usage: bench/bench.sh [OPTION...] [CONTENDER...]
One producer and one consumer process, pinned to two processors; every payload is written, read and checked. In each
round all contenders take their turn, so that whatever else the machine does meets all of them alike. The first
contender (raw) is the baseline: ratios are to its result of the same round.
Tables in Markdown on stdout; medians over the rounds.

  --rounds N       (7)
  --seconds S      how long one measurement is to take (0.3)
  --sizes LIST     bytes of a message (16,64,256,1024,16384,65536)
  --idle S         how long a waiting consumer is looked at; 0 for not at all (10)
  --cpus P,C       processors of producer and consumer (0,1)
  --csv FILE       every single measurement; - for stdout, instead of the tables
  --realtime       with a realtime priority (chrt -f 1), and a rest after each measurement: what else the machine
                   does is held up a little instead of disturbing. Needs root
  --build-dir DIR  where make put the programs (build)
END
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
    local option value named=()
    while (($#)); do
        option=$1
        shift
        case $option in
        -h | --help) print_help; exit 0 ;;
        --realtime) realtime=1; continue ;;
        --*=*) value=${option#*=} option=${option%%=*} ;;
        --*) (($#)) || usage_error "$option: needs a value"; value=$1; shift ;;
        -*) usage_error "$option: unknown option" ;;
        *) named+=("$option"); continue ;;
        esac
        take_option "$option" "$value"
    done
    ((!${#named[@]})) || contenders=("${named[@]}")
}

take_option() { # OPTION VALUE
    local number='^[0-9]+$'
    case $1 in
    --rounds) [[ $2 =~ $number && $2 -gt 0 ]] || usage_error "--rounds $2: not a number"; rounds=$2 ;;
    --seconds) [[ $2 =~ ^[0-9]*\.?[0-9]+$ ]] || usage_error "--seconds $2: not a number"; seconds=$2 ;;
    --idle) [[ $2 =~ $number ]] || usage_error "--idle $2: not a number"; idle_seconds=$2 ;;
    --sizes) [[ $2 =~ ^[0-9]+(,[0-9]+)*$ ]] || usage_error "--sizes $2: not a list of numbers"
        IFS=, read -r -a sizes <<<"$2" ;;
    --cpus) [[ $2 =~ ^[0-9]+,[0-9]+$ ]] || usage_error "--cpus $2: not two numbers"; cpus=$2 ;;
    --csv) csv=$2 ;;
    --build-dir) build=$2 ;;
    *) usage_error "$1: unknown option" ;;
    esac
}

check_programs() {
    local name
    for name in "${contenders[@]}" attach idle; do
        [[ -x $build/bench/$name ]] || die 1 "$build/bench/$name: is missing (run 'make bench')"
    done
    (($(nproc) > 1)) || die 1 "one processor only: there is nothing to measure"
}

run() { # COMMAND...
    if ((realtime)); then
        sleep "$seconds"
        chrt -f 1 "$@"
    else
        "$@"
    fi
}

# The whole matrix: lines of contender,bytes,... with the round in front.
measure() {
    local round size name line
    for ((round = 1; round <= rounds; round++)); do
        for size in "${sizes[@]}"; do
            for name in "${contenders[@]}"; do
                line=$(run "$build/bench/$name" --size "$size" --seconds "$seconds" --cpus "$cpus") ||
                    die 1 "$name: failed with messages of $size bytes"
                printf '%d,%s\n' "$round" "$line"
            done
        done
        printf 'bench.sh: round %d of %d done\n' "$round" "$rounds" >&2
    done
}

# Tables of rate and of ratio to the baseline, of the lines of measure.
tabulate() {
    awk -F, -v baseline="${contenders[0]}" '
        function median(list, n,   i, j, x) {
            for (i = 2; i <= n; i++) {
                x = list[i]
                for (j = i - 1; j > 0 && list[j] > x; j--) list[j + 1] = list[j]
                list[j + 1] = x
            }
            return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
        }
        function rate(x) { return x >= 1e6 ? sprintf("%.1f M", x / 1e6) : sprintf("%.1f k", x / 1e3) }
        function of(table, name, size,   i) {
            for (i = 1; i <= rounds; i++) list[i] = table[name, size, i]
            return median(list, rounds)
        }
        {
            if (!($2 in known)) { known[$2] = 1; names[++count] = $2 }
            if (!($3 in sized)) { sized[$3] = 1; sizes[++widths] = $3 }
            messages[$2, $3, $1] = $6; bytes[$2, $3, $1] = $7
            if ($1 > rounds) rounds = $1
            slept[$2] += $8 + $9; moved[$2] += $4
        }
        END {
            printf "Messages a second: median over %d rounds (least .. most), share of %s in the same rounds.\n\n", rounds, baseline
            printf "| bytes |"; for (n = 1; n <= count; n++) printf " %s |", names[n]
            printf "\n|---:|"; for (n = 1; n <= count; n++) printf "---:|"
            printf "\n"
            for (s = 1; s <= widths; s++) {
                printf "| %d |", sizes[s]
                for (n = 1; n <= count; n++) {
                    middle = of(messages, names[n], sizes[s]); least = list[1]; most = list[rounds]
                    for (i = 1; i <= rounds; i++)
                        share[names[n], sizes[s], i] = messages[names[n], sizes[s], i] / messages[baseline, sizes[s], i]
                    printf " %s (%s .. %s) %.0f %% |", rate(middle), rate(least), rate(most), of(share, names[n], sizes[s]) * 100
                }
                printf "\n"
            }
            printf "\nGigabytes a second of payload.\n\n| bytes |"
            for (n = 1; n <= count; n++) printf " %s |", names[n]
            printf "\n|---:|"; for (n = 1; n <= count; n++) printf "---:|"
            printf "\n"
            for (s = 1; s <= widths; s++) {
                printf "| %d |", sizes[s]
                for (n = 1; n <= count; n++) printf " %.2f |", of(bytes, names[n], sizes[s]) / 1e9
                printf "\n"
            }
            printf "\nSleeps a million messages, both sides, all sizes.\n\n|"
            for (n = 1; n <= count; n++) printf " %s |", names[n]
            printf "\n|"; for (n = 1; n <= count; n++) printf "---:|"
            printf "\n|"; for (n = 1; n <= count; n++) printf " %.1f |", slept[names[n]] / moved[names[n]] * 1e6
            printf "\n"
        }'
}

# Coming, going and waiting, as tables.
tabulate_rest() {
    printf '\nMicroseconds.\n\n'
    "$build/bench/attach" | markdown || die 1 "attach failed"
    ((idle_seconds)) || return 0
    printf '\nA consumer that waits on an empty queue.\n\n'
    "$build/bench/idle" "$idle_seconds" | markdown || die 1 "idle failed"
}

# CSV with column names to Markdown.
markdown() {
    awk -F, '{ n = NF; gsub(/,/, " | "); print "| " $0 " |" }
        NR == 1 { printf "|"; for (i = 1; i <= n; i++) printf "---|"; print "" }'
}

# shellcheck disable=SC2317 # by the trap
clean_up() {
    [[ ! $scratch ]] || rm -rf -- "$scratch"
}

main() {
    read_options "$@"
    check_programs
    set -o pipefail
    scratch=$(mktemp -d) || exit 1
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    measure >"$scratch/all" || exit
    {
        echo round,contender,bytes,messages,seconds,messages_per_s,bytes_per_s,producer_sleeps,consumer_sleeps
        cat "$scratch/all"
    } >"$scratch/csv"
    if [[ $csv == - ]]; then
        cat "$scratch/csv"
        return
    fi
    [[ ! $csv ]] || cp -- "$scratch/csv" "$csv" || exit 1
    tabulate <"$scratch/all" && tabulate_rest
}

main "$@"
