# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with bench.sh
# Sourced by bench.sh: plots the summary with gnuplot. Axes begin at zero or are labelled as logarithmic; limits are
# dashed.

plot_folder=plots

# name|line style of gnuplot, in the order of the legend.
plot_styles='raw_tuned|lc rgb "#000000" lw 2 dt 2 pt 0
raw_in_place|lc rgb "#666666" lw 2 dt 4 pt 0
memcpy|lc rgb "#999999" lw 2 dt 3 pt 0
line|lc rgb "#000000" lw 2 dt 2 pt 0
raw|lc rgb "#000000" lw 2 dt 3 pt 0
shmq_batch|lc rgb "#08306b" lw 3 pt 7 ps 0.8
shmq_in_place|lc rgb "#2171b5" lw 3 pt 5 ps 0.8
shmq_single|lc rgb "#6baed6" lw 3 pt 9 ps 0.9
mpmc|lc rgb "#238b45" lw 1.5 pt 4 ps 0.7
boost|lc rgb "#e6550d" lw 1.5 pt 6 ps 0.7
libqb|lc rgb "#fdae6b" lw 1.5 pt 8 ps 0.7
zeromq|lc rgb "#a50f15" lw 1.5 pt 10 ps 0.7
nng|lc rgb "#fb6a4a" lw 1.5 pt 12 ps 0.7
semaphores|lc rgb "#756bb1" lw 1.5 pt 1 ps 0.7
pipe|lc rgb "#bcbd22" lw 1.5 pt 2 ps 0.7
seqpacket|lc rgb "#8c6d31" lw 1.5 pt 3 ps 0.7
posix_mq|lc rgb "#e377c2" lw 1.5 pt 11 ps 0.7
redis|lc rgb "#b15928" lw 1.5 pt 13 ps 0.7
python_multiprocessing|lc rgb "#17a2a2" lw 1.5 pt 14 ps 0.7
python_threads|lc rgb "#7fc9c9" lw 1.5 pt 15 ps 0.6'

plot_preamble="set encoding utf8
set grid lc rgb '#dddddd' lw 1
set border 3 lc rgb '#444444'
set tics nomirror
set key outside right top Left reverse samplen 2.5 spacing 1.15 font ',12'"

gnuplot_to() { # NAME SIZE SCRIPT
    gnuplot >"$scratch/gnuplot.log" 2>&1 <<END && return
set terminal svg size $2 font 'sans-serif,13' noenhanced background '#ffffff'
set output '$results/$plot_folder/$1.svg'
$plot_preamble
$3
END
    problem plots '' "$1" FAILED "gnuplot: $(grep -v '^ *^*$' "$scratch/gnuplot.log" | tail -n 1)"
}

# Fills the arrays `names` and `styles` with those of the list for which the file has lines, and `count`.
series_in() { # FILE NAME...
    local file=$1 name
    shift
    names=() styles=()
    for name; do
        grep -q "^$name " "$file" || continue
        names+=("$name")
        styles+=("$(field_of "$plot_styles" "$name" 2)")
    done
    count=${#names[@]}
}

# Prints the plot command for all series, with a line through the points of each, from a file of "name x y [...]".
plot_series() { # FILE USING
    local index text=''
    for ((index = 0; index < count; index++)); do
        text+="${text:+, \\
    }'< grep \"^${names[index]} \" $1' using $2 with linespoints ${styles[index]} title '$(title_of "${names[index]}")'"
    done
    printf 'plot %s\n' "$text"
}

# Prints lines "name parameter median min max".
points_of() { # LOAD METRIC
    awk -F, -v load="$1" -v metric="$2" '$1 == load && $4 == metric { print $2, $3, $6, $7, $8 }' "$results/summary.csv"
}

everybody() {
    cut -d '|' -f 1 <<<"$plot_styles"
}

plot_throughput() {
    local names styles count file=$scratch/throughput.dat order
    points_of throughput messages_per_s >"$file"
    [[ -s $file ]] || return 0
    mapfile -t order < <(everybody | grep -vx -e line)
    series_in "$file" "${order[@]}"
    gnuplot_to throughput 1000,640 "set logscale x 2
set logscale y
set xlabel 'bytes of a message (logarithmic)'
set ylabel 'messages a second (logarithmic)'
set title 'One producer, one consumer'
set format y '%.0s %c'
set xtics ('16' 16, '64' 64, '256' 256, '1 Ki' 1024, '4 Ki' 4096, '16 Ki' 16384, '64 Ki' 65536, '256 Ki' 262144)
set xtics add ('1 Mi' 1048576)
$(plot_series "$file" 2:3)"
}

# One row for each contender, the fastest on top, from the minimum to the maximum of the rounds.
plot_throughput_64() {
    local file=$scratch/throughput-64.dat name parameter middle least most rows=0 colour
    while read -r name parameter middle least most; do
        [[ $parameter == 64 ]] || continue
        colour=0x777777
        [[ $name != shmq_* ]] || colour=0x2171b5
        [[ $(title_of "$name") != *'(limit)' ]] || colour=0x000000
        printf '%s "%s" %s %s %s %d\n' "$((rows++))" "$(title_of "$name")" "$middle" "$least" "$most" "$colour"
    done < <(points_of throughput messages_per_s | sort -g -k 3) >"$file"
    ((rows)) || return 0
    gnuplot_to throughput-64 900,$((rows * 24 + 110)) "unset key
set logscale x
set xlabel 'messages of 64 bytes a second (logarithmic): median, least and most of the rounds'
set format x '%.0s %c'
set yrange [-0.7:$rows - 0.3]
set title 'One producer, one consumer, 64 bytes'
$(limit_line raw 3)
$(limit_line raw_tuned 2)
plot '$file' using 3:1:4:5:6:ytic(2) with xerrorbars pt 7 ps 0.8 lw 2 lc rgb variable"
}

# Draws a dashed horizontal line at the limit.
limit_line() { # NAME DASHES
    awk -v name="$1" -v dashes="$2" '$1 == name && $2 == 64 {
        printf "set arrow from %s, graph 0 to %s, graph 1 nohead dt %d lc rgb \"#000000\"\n", $3, $3, dashes
    }' "$scratch/throughput.dat"
}

# Percentiles: each nine has the same width.
plot_round_trip() { # PARAMETER TITLE
    local names styles count file=$scratch/round-trip-$1.dat order
    awk -F, -v parameter="$1" '$2 == parameter { print $1, -log(1 - $3) / log(10), $4 / 1e3 }' \
        "$results/percentiles.csv" >"$file"
    [[ -s $file ]] || return 0
    mapfile -t order < <(everybody | grep -vx -e raw_tuned -e raw_in_place -e memcpy)
    series_in "$file" "${order[@]}"
    gnuplot_to "round-trip-$1" 1000,620 "set logscale y
set xlabel 'share of round trips that took at most so long (each nine has the same width)'
set ylabel 'microseconds (logarithmic)'
set title '$2'
set xtics ('0' 0, '50 %%' 0.30103, '90 %%' 1, '99 %%' 2, '99.9 %%' 3, '99.99 %%' 4)
set format y '%g'
set xrange [0:4.05]
$(plot_series "$file" 2:3 | sed 's/ with linespoints / with linespoints pointinterval 3 /')"
}

plot_contention() {
    local names styles count file=$scratch/contention.dat order shape index=0 tics=''
    points_of contention messages_per_s >"$scratch/contention.points"
    [[ -s $scratch/contention.points ]] || return 0
    : >"$file"
    while read -r shape; do
        tics+="${tics:+, }'$shape' $index"
        awk -v shape="$shape" -v x=$((index++)) '$2 == shape { print $1, x, $3 }' "$scratch/contention.points" >>"$file"
    done < <(awk '!seen[$2]++ { print $2 }' "$scratch/contention.points")
    mapfile -t order < <(everybody)
    series_in "$file" "${order[@]}"
    gnuplot_to contention 1000,560 "set logscale y
set xlabel 'producers x consumers'
set ylabel 'messages a second (logarithmic)'
set format y '%.0s %c'
set title 'Messages of 64 bytes, several producers and consumers'
set xtics ($tics)
set xrange [-0.2:$index - 0.8]
$(plot_series "$file" 2:3)"
}

# Three panels of the same height; the cost axis begins at zero.
plot_scale() {
    local load file script='' title
    has_load lanes || return 0
    for load in lanes seats capacity; do
        file=$scratch/scale-$load.dat
        points_of "$load" messages_per_s | awk '{ print $1, $2, 1e9 / $3 }' >"$file"
        case $load in
        lanes) title='lanes, one busy (logarithmic)' ;;
        seats) title='seats (logarithmic)' ;;
        capacity) title='bytes of a lane (logarithmic)'
            script+="set format x '%.0b%B'
" ;;
        esac
        script+="set xlabel '$title'
$(panel "$file")
"
    done
    gnuplot_to scale 1000,420 "set multiplot layout 1,3 title 'Cost of a message of 64 bytes'
set logscale x 2
set yrange [0:$(highest "$scratch"/scale-*.dat)]
set xtics rotate by -45
set ylabel 'nanoseconds a message'
set key inside top right Left font ',10'
$script
unset multiplot"
}

# Prints an upper limit above the highest third column, with room for the legend; all panels use the same one.
highest() { # FILE...
    cat "$@" | awk '$3 > most { most = $3 } END { print most * 1.35 }'
}

panel() { # FILE
    local names styles count
    series_in "$1" raw_tuned shmq_batch shmq_single
    plot_series "$1" 2:3
}

plot_programs() {
    local file=$scratch/programs.dat name kind index=0 text='' offset=0 tics='' colours=(2171b5 777777 e6550d 756bb1)
    points_of programs bytes_per_s >"$scratch/programs.points"
    [[ -s $scratch/programs.points ]] || return 0
    : >"$file"
    while read -r kind; do
        tics+="${tics:+, }'$kind' $index"
        awk -v kind="$kind" -v x=$((index++)) '$2 == kind { print $1, x, $3 / 1e9, $4 / 1e9, $5 / 1e9 }' \
            "$scratch/programs.points" >>"$file"
    done < <(awk '!seen[$2]++ { print $2 }' "$scratch/programs.points")
    for name in shmq cat pv mbuffer; do
        grep -q "^$name " "$file" || continue
        text+="${text:+, \\
    }'< grep \"^$name \" $file' using (\$2 + 0.2 * $offset - 0.3):3:4:5:(0.18) with boxerrorbars \
    lc rgb '#${colours[offset]}' fs solid 0.8 title '$(title_of "$name")'"
        offset=$((offset + 1))
    done
    gnuplot_to programs 1000,480 "set yrange [0:*]
set xrange [-0.6:$index - 0.4]
set ylabel 'GB/s'
set title 'A file through a pipeline, to /dev/null'
set xtics ($tics)
plot $text"
}

plot_jobs() {
    local file=$scratch/jobs.dat name text='' number=0 colours=(2171b5 777777 e6550d 756bb1)
    points_of jobs jobs_per_s >"$file"
    [[ -s $file ]] || return 0
    for name in consumer xargs xargs_shell parallel; do
        grep -q "^$name " "$file" || continue
        text+="${text:+, \\
    }'< grep \"^$name \" $file' using 2:3:4:5 with yerrorlines \
    lc rgb '#${colours[number]}' lw 2 pt 7 ps 0.7 title '$(title_of "$name")'"
        number=$((number + 1))
    done
    gnuplot_to jobs 900,420 "set yrange [0:*]
set xrange [0:$(awk '$2 > most { most = $2 } END { print most + 0.5 }' "$file")]
set xlabel 'at a time'
set ylabel 'commands a second'
set title 'Running true'
plot $text"
}

draw_plots() {
    # Remove the plots of an earlier attempt.
    sed -i '/^plots,/d' "$results/problems.csv"
    if ! command -v gnuplot >/dev/null; then
        problem plots '' '' missing 'gnuplot is missing (Debian package gnuplot-nox)'
        return 0
    fi
    mkdir -p "$results/$plot_folder" || exit 1
    plot_throughput
    plot_throughput_64
    plot_round_trip busy 'Round trip of 64 bytes, one after the other'
    plot_round_trip pause 'Round trip of 64 bytes, 1 ms between two, so that both sides sleep'
    plot_contention
    plot_scale
    plot_programs
    plot_jobs
}
