# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with bench.sh
# Sourced by bench.sh: turns results.csv into a summary, tables and a page.

# The two contenders of each load that the others are compared with.
baselines='throughput:raw:raw_tuned room:raw:raw_tuned round-trip/busy:raw:line round-trip/pause:pipe:line
    contention:mpmc:boost programs:cat:pv jobs:xargs_shell:parallel output:ungroup:parallel_group forward:read:forward
    bridge-out:nats_out: bridge-in:nats_in:'

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
    printf 'One producer and one consumer, each pinned to its own processor. Messages per second, by bytes per message:\n'
    printf 'median (minimum .. maximum) of the rounds.\n'
    plot_link throughput 'Throughput by size of message'
    plot_link throughput-64 'Throughput with messages of 64 bytes'
    table throughput messages_per_s range rate 'messages/s'
    printf 'As a fraction of the raw spinning ring, in the same rounds:\n'
    table throughput messages_per_s first share 'of raw'
    printf 'As a fraction of the tuned raw ring, in the same rounds:\n'
    table throughput messages_per_s second share 'of the limit'
    printf 'Sleeps of both sides per million messages:\n'
    table throughput sleeps_per_million median number 'sleeps'
}

report_round_trip() {
    has_load round-trip || return 0
    heading 'Round trip'
    printf '64 bytes to another process and back, in microseconds. This table has the median (minimum .. maximum) of the\n'
    printf 'rounds; the percentiles further down are of all rounds together. "Busy" is without pauses; with "pause", 1 ms\n'
    printf 'before each message, both sides have fallen asleep.\n'
    plot_link round-trip-busy 'Round trip without pauses'
    plot_link round-trip-pause 'Round trip with pauses'
    table round-trip p50_ns range us 'p50, µs'
    printf 'As a multiple, in the same rounds: busy, of the raw ring; with pauses, of the pipe; and then of one cache\n'
    printf 'line.\n'
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
    printf 'Messages of 64 bytes per second, by producers x consumers. The scheduler places the processes.\n'
    plot_link contention 'Contention'
    table contention messages_per_s range rate 'messages/s'
    printf 'As a fraction of the spinning lock-free ring, in the same rounds:\n'
    table contention messages_per_s first share 'of lock-free'
}

report_room() {
    has_load room || return 0
    heading 'Room for 8 messages'
    printf 'Messages of 512 bytes. Eight of them fill the ring, so each side keeps waiting for the other.\n'
    table room messages_per_s range rate 'messages/s'
    table room messages_per_s first share 'of raw'
}

# A load that only this project has: one row per parameter, one column per metric.
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
        printf 'Consumers that wait on an empty queue with a live producer. The figures are for all of them together,\n'
        printf 'scaled to a minute; 60 s would be 100 %% of a processor.\n'
        own_table idle consumers cpu_s_per_minute=CPU_seconds_per_minute wakeups_per_minute=wake-ups_per_minute \
            processor_percent=%_of_a_processor
    fi
    if has_load redelivery; then
        heading 'Death, attach and detach'
        printf 'Time from the kill -9 of the consumer that leases a message until another consumer has it, in milliseconds.\n'
        printf 'Under run.sh, until the command for the message runs (with --backoff 1ms); this includes two shells and\n'
        printf 'date.\n'
        own_table redelivery 'the other consumer' median_ms=median min_ms=minimum max_ms=maximum
        printf 'Attach and detach, in microseconds:\n'
        own_table attach '' median_us=median min_us=minimum max_us=maximum
    fi
}

report_scale() {
    has_load lanes || return 0
    heading 'Scale'
    printf 'Messages of 64 bytes per second. Each lane has a live producer, and one of the producers is busy.\n'
    plot_link scale 'Cost of a message by lanes, seats and capacity'
    table lanes messages_per_s range rate lanes
    table seats messages_per_s range rate seats
    table capacity messages_per_s range rate 'bytes per lane'
}

report_programs() {
    if has_load programs; then
        heading 'Programs'
        printf 'Each pipeline passes a file to /dev/null. In GB/s:\n'
        plot_link programs 'Pipelines'
        table programs bytes_per_s range bytes 'GB/s'
        printf 'Lines per second:\n'
        table programs lines_per_s range rate 'lines/s'
        printf 'As a multiple of cat | cat, and of pv | cat, in the same rounds:\n'
        table programs bytes_per_s first share 'of cat \| cat'
        table programs bytes_per_s second share 'of pv \| cat'
    fi
    if has_load jobs; then
        printf 'Commands per second, by how many run at a time. consumer and parallel start each command through a shell.\n'
        plot_link jobs 'Commands per second'
        table jobs jobs_per_s range rate 'commands/s'
    fi
    if has_load output; then
        printf 'What 8 commands print, 4 at a time, into one file, by the bytes that each prints. In GB/s, as a fraction of the\n'
        printf 'rate of --ungroup in the same rounds, and how many lines were broken:\n'
        table output bytes_per_s range bytes 'GB/s'
        table output bytes_per_s first share 'of --ungroup'
        table output broken_lines median number 'broken lines'
    fi
    if has_load forward; then
        printf 'Messages that wait in a queue are read to /dev/null, or forwarded to one queue or two, each with a reader that\n'
        printf 'discards them. Messages per second, by bytes per message, and as a fraction of reading in the same rounds:\n'
        table forward messages_per_s range rate 'messages/s'
        table forward messages_per_s first share 'of reading'
    fi
}

report_bridge() {
    has_load bridge-out || return 0
    heading 'Bridges to NATS JetStream'
    printf 'Messages per second, by bytes per message x servers, each of which keeps a replica in files, all on this machine:\n'
    printf 'out of a queue into a stream, and out of a stream into a queue. The whole run of a program counts. The client\n'
    printf "library's own loops have nowhere to take messages from or to put them, and send nothing again.\n"
    table bridge-out messages_per_s range rate 'messages/s, out'
    table bridge-out messages_per_s first share 'of the library alone'
    table bridge-in messages_per_s range rate 'messages/s, in'
    table bridge-in messages_per_s first share 'of the library alone'
}

report_problems() {
    heading 'What is missing'
    if [[ ! -s $results/problems.csv ]]; then
        printf 'Nothing was left out, and nothing failed.\n'
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
            printf "\nFor %d of %d values, a cache line took more than 1.6 times its best time from one processor to the\n", apart, all
            print "other: the host had placed the two processors farther apart, or other work interfered. These values count"
            print "only where there is no other."
        }' "$results/results.csv"
}

write_report() {
    {
        printf '# Results\n\n'
        # shellcheck disable=SC2016 # it is Markdown
        printf '`make bench` measured these in %d rounds; in each round, every contender takes its turn. The producer\n' "$(rounds_done)"
        printf 'writes every payload whole; the consumer reads it whole and checks content, order and number. Ratios compare\n'
        printf 'contenders of the same round. %s\n\n' "$(<"$results/mode")"
        cat "$results/machine"
        report_distance
        report_throughput
        report_round_trip
        report_contention
        report_room
        report_own
        report_scale
        report_programs
        report_bridge
        report_problems
    } >"$results/RESULTS.md"
}

rounds_done() {
    awk -F, 'NR > 1 && $2 > most { most = $2 } END { print most + 0 }' "$results/results.csv"
}
