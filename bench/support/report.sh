# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with bench.sh
# Sourced: results.csv as a summary, as tables and as a page.

# Which two the others of a load are compared with.
baselines='throughput:raw:raw_tuned room:raw:raw_tuned round-trip/busy:raw:line round-trip/pause:pipe:line
    contention:mpmc:boost programs:cat:pv jobs:xargs_shell:parallel'

summarise() {
    local name
    awk -f "$bench/support/summary.awk" -v baselines="$baselines" -v best_line_ns="$best_line_ns" \
        "$results/results.csv" >"$results/summary.csv" || exit 1
    awk -f "$bench/support/percentiles.awk" "$results/histograms.csv" >"$results/percentiles.csv" || exit 1
    while IFS='|' read -r name _; do
        printf '%s|%s\n' "$name" "$(title_of "$name")"
    done <<<"$contender_list"$'\n'"$program_list" >"$scratch/titles.txt"
}

has_load() { # LOAD
    grep -q "^$1," "$results/summary.csv"
}

table() { # LOAD METRIC SHOW UNIT CORNER
    printf '\n'
    awk -f "$bench/support/table.awk" -v load="$1" -v metric="$2" -v show="$3" -v unit="$4" -v corner="$5" \
        "$scratch/titles.txt" "$results/problems.csv" "$results/summary.csv"
    printf '\n'
}

plot_link() { # NAME TEXT
    [[ ! -f $results/$plot_folder/$1.svg ]] || printf '\n![%s](%s/%s.svg)\n' "$2" "$plot_folder" "$1"
}

heading() { # TEXT
    printf '\n## %s\n\n' "$1"
}

# ------------------------------------------------------------------ sections

report_throughput() {
    has_load throughput || return 0
    heading 'Throughput'
    printf 'One producer, one consumer, pinned to a processor each. Messages a second by bytes of a message: median\n'
    printf '(least .. most) of the rounds.\n'
    plot_link throughput 'Throughput by size of message'
    plot_link throughput-64 'Throughput with messages of 64 bytes'
    table throughput messages_per_s range rate 'messages/s'
    printf 'Share of the raw spinning ring, in the same rounds:\n'
    table throughput messages_per_s first share 'of raw'
    printf 'Share of the tuned raw ring, in the same rounds:\n'
    table throughput messages_per_s second share 'of the limit'
    printf 'Sleeps of both sides for a million messages:\n'
    table throughput sleeps_per_million median number 'sleeps'
}

report_round_trip() {
    has_load round-trip || return 0
    heading 'Round trip'
    printf '64 bytes to another process and back, in microseconds. Median of the rounds (least .. most); below, all\n'
    printf 'rounds together. With a pause of 1 ms before each message, both sides have fallen asleep.\n'
    plot_link round-trip-busy 'Round trip without pauses'
    plot_link round-trip-pause 'Round trip with pauses'
    table round-trip p50_ns range us 'p50, µs'
    printf 'As a multiple, in the same rounds: without pauses of the raw ring, with pauses of the pipe; and of one\n'
    printf 'cache line.\n'
    table round-trip p50_ns first share 'of raw, of the pipe'
    table round-trip p50_ns second share 'of a cache line'
    percentile_table busy 'Without pauses'
    percentile_table pause 'With pauses'
}

percentile_table() { # PARAMETER TITLE
    printf '\n%s, µs:\n\n| | p50 | p90 | p99 | p99.9 | p99.99 |\n|---|---:|---:|---:|---:|---:|\n' "$2"
    awk -v parameter="$1" '
        FILENAME ~ /titles/ {
            bar = index($0, "|")
            names[++count] = substr($0, 1, bar - 1)
            title[names[count]] = substr($0, bar + 1)
            next
        }
        { split($0, part, ",") }
        part[2] == parameter { there[part[1]] = 1; at[part[1], part[3]] = part[4] }
        function us(name, share) {
            if (!((name, share) in at)) return "–"
            x = at[name, share] / 1e3
            return x >= 99.95 ? sprintf("%.0f", x) : x >= 9.995 ? sprintf("%.1f", x) : sprintf("%.2f", x)
        }
        END {
            for (n = 1; n <= count; n++)
                if (names[n] in there)
                    print "| " title[names[n]] " | " us(names[n], "0.5") " | " us(names[n], "0.9") " | " \
                        us(names[n], "0.99") " | " us(names[n], "0.999") " | " us(names[n], "0.9999") " |"
        }' "$scratch/titles.txt" "$results/percentiles.csv"
}

report_contention() {
    has_load contention || return 0
    heading 'Contention'
    printf 'Messages of 64 bytes a second, by producers x consumers, placed by the system.\n'
    plot_link contention 'Contention'
    table contention messages_per_s range rate 'messages/s'
    printf 'Share of the spinning lock-free ring:\n'
    table contention messages_per_s first share 'of lock-free'
}

report_room() {
    has_load room || return 0
    heading 'Room for 8 messages'
    printf 'Messages of 512 bytes, of which 8 fill the ring, so that both sides wait for each other all the time.\n'
    table room messages_per_s range rate 'messages/s'
    table room messages_per_s first share 'of raw'
}

# A load of this project's alone: parameters downwards, metrics across.
own_table() { # LOAD CORNER METRIC=TITLE...
    local load=$1 corner=$2
    shift 2
    awk -F, -v load="$load" -v corner="$corner" -v wanted="$*" '
        BEGIN {
            count = split(wanted, list, " ")
            line = "| " corner " |"; rule = "|---|"
            for (i = 1; i <= count; i++) {
                split(list[i], pair, "="); metric[i] = pair[1]; gsub(/_/, " ", pair[2])
                line = line " " pair[2] " |"; rule = rule "---:|"
            }
            print "\n" line "\n" rule
        }
        function digits(x) {
            return x >= 99.95 ? sprintf("%.0f", x) : x >= 9.995 ? sprintf("%.1f", x) : sprintf("%.3g", x)
        }
        $1 == load {
            if (!($3 in seen)) { seen[$3] = 1; rows[++row_count] = $3 }
            value[$3, $4] = digits($6 + 0) ($7 == $8 ? "" : " (" digits($7 + 0) " .. " digits($8 + 0) ")")
        }
        END {
            for (r = 1; r <= row_count; r++) {
                line = "| " rows[r] " |"
                for (i = 1; i <= count; i++) line = line " " value[rows[r], metric[i]] " |"
                print line
            }
            print ""
        }' "$results/summary.csv"
}

report_own() {
    if has_load idle; then
        heading 'Idling'
        printf 'Consumers that wait on an empty queue with a live producer, all together, scaled to a minute; 60 s\n'
        printf 'of a processor would be 100 %% of it.\n'
        own_table idle consumers cpu_s_per_minute=CPU_seconds_a_minute wakeups_per_minute=wake-ups_a_minute \
            processor_percent=%_of_a_processor
    fi
    if has_load redelivery; then
        heading 'Death, coming and going'
        printf 'From the kill -9 of the consumer that holds a message until another has it, in milliseconds.\n'
        printf 'Under run.sh, until the command that it is handed to runs (with --backoff 1ms): two shells and date\n'
        printf 'are in it.\n'
        own_table redelivery 'the other one' median_ms=median min_ms=least max_ms=most
        printf 'Coming and going, in microseconds.\n'
        own_table attach '' median_us=median min_us=least max_us=most
    fi
}

report_scale() {
    has_load lanes || return 0
    heading 'Scale'
    printf 'Messages of 64 bytes a second. All lanes have a live producer, one of which is busy.\n'
    plot_link scale 'Cost of a message by lanes, seats and capacity'
    table lanes messages_per_s range rate lanes
    table seats messages_per_s range rate seats
    table capacity messages_per_s range rate 'bytes of a lane'
}

report_programs() {
    if has_load programs; then
        heading 'Programs'
        printf 'A file through each pipeline to /dev/null, in GB/s.\n'
        plot_link programs 'Pipelines'
        table programs bytes_per_s range bytes 'GB/s'
        printf 'Lines a second:\n'
        table programs lines_per_s range rate 'lines/s'
        printf 'Times cat | cat, and times pv | cat, in the same rounds:\n'
        table programs bytes_per_s first share 'of cat \| cat'
        table programs bytes_per_s second share 'of pv \| cat'
    fi
    if has_load jobs; then
        printf 'Commands a second, by how many at a time. consumer and parallel start each by way of a shell.\n'
        plot_link jobs 'Commands a second'
        table jobs jobs_per_s range rate 'commands/s'
    fi
}

report_problems() {
    heading 'What is not in it'
    if [[ ! -s $results/problems.csv ]]; then
        printf 'Nothing was left out, nothing failed.\n'
        return
    fi
    printf '| contender | load | what | why |\n|---|---|---|---|\n'
    awk -F, '
        {
            why = $0
            for (i = 0; i < 5; i++) sub(/^[^,]*,/, "", why)
            gsub(/"/, "", why)
            key = $3 SUBSEP $1 SUBSEP $5 SUBSEP why
            if (!(key in parameters)) keys[++count] = key
            if (index(parameters[key] " ", " " $4 " ") == 0) parameters[key] = parameters[key] " " $4
        }
        END {
            for (k = 1; k <= count; k++) {
                split(keys[k], part, SUBSEP)
                print "| " part[1] " | " part[2] parameters[keys[k]] " | " part[3] " | " part[4] " |"
            }
        }' "$results/problems.csv"
}

report_distance() {
    [[ $best_line_ns ]] || return 0
    awk -F, -v best="$best_line_ns" '
        NR > 1 && $7 > 0 { all++; if ($7 > 1.6 * best) apart++ }
        END {
            if (!apart) exit
            printf "\nAt %d of %d values, the host had the two processors farther apart than they can be, or other\n", apart, all
            print "work came between (a cache line took more than 1.6 times its best). They count only where there is no"
            print "other."
        }' "$results/results.csv"
}

write_report() {
    {
        printf '# What was measured\n\n'
        # shellcheck disable=SC2016 # it is Markdown
        printf 'By `make bench`, in rounds (%d of them) in each of which every contender takes its turn. Every\n' "$(rounds_done)"
        printf 'payload is written whole by the producer, read whole by the consumer, and checked: content, order,\n'
        printf 'number. Ratios are to other contenders in the same round. %s\n\n' "$(<"$results/mode")"
        cat "$results/machine"
        report_distance
        report_throughput
        report_round_trip
        report_contention
        report_room
        report_own
        report_scale
        report_programs
        report_problems
    } >"$results/RESULTS.md"
}

rounds_done() {
    awk -F, 'NR > 1 && $2 > most { most = $2 } END { print most + 0 }' "$results/results.csv"
}
