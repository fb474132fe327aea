# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: what can be known to fail is told before anything is begun or changed.

# As the library has them, for a queue that is made without these options.
readonly default_lanes=64 default_seats=64

# ------------------------------------------------------------------ inputs

# Reading what is written would never end.
check_not_written() { # INPUT
    local file=$1
    [[ $file == - ]] && file=/proc/self/fd/0
    [[ -f $file ]] || return 0
    [[ $sink != --output || ! $file -ef $output ]] || usage_error "--output $output: is the input, too"
    [[ $sink && $sink != stdout || ! $file -ef /proc/self/fd/1 ]] || usage_error "$1: is stdout, too, where messages go"
    return 0
}

# Files are looked at before anything is started: a mistyped name is the commonest mistake.
check_files() {
    local file
    for file in "${inputs[@]}"; do
        check_not_written "$file"
        [[ $file == - ]] && continue
        [[ -e $file ]] || die 1 "$file: cannot be read: no such file (check the name)"
        [[ ! -d $file ]] || die 1 "$file: cannot be read: is a directory (give the files in it)"
        [[ -r $file ]] || die 1 "$file: cannot be read: permission denied (check its mode)"
    done
}

# ------------------------------------------------------------------ options of the programs

# The program reads its whole command line before it prints its version.
check_command() { # NAME
    local line said status
    said=$("${command[@]}" 2>&1 >/dev/null </dev/null)
    status=$?
    ((status)) || return 0
    while IFS= read -r line; do
        printf '%s | %s\n' "$1" "$line" >&2
    done <<<"$said"
    exit "$status"
}

check_commands() {
    local command=()
    producer_command 1
    # First: behind "--" it would be a word.
    command=("${command[0]}" --version "${command[@]:1}")
    check_command producer.1
    consumer_command 1
    # Last, and behind --quiet: an option that lacks its argument takes that for it.
    command+=(--quiet --version)
    check_command consumer.1
}

# ------------------------------------------------------------------ lanes and seats

# Whether there is one for each.
check_enough() { # OPTION WANTED WHAT THERE
    (($2 > $4)) || return 0
    if [[ $found == work ]]; then
        usage_error "$1 $2: queue $queue was made with only $4 $3 (start fewer, or remove it and give --$3 $2)"
    fi
    usage_error "$1 $2: a queue has only $4 $3 (give --$3 $2)"
}

check_sizes() {
    local lanes=${given[lanes]:-$default_lanes} seats=${given[seats]:-$default_seats}
    [[ $found != work ]] || lanes=${stat[lanes]} seats=${stat[seats]}
    [[ " ${extra_producer_args[*]} ${extra_consumer_args[*]} " != *' --'@(lanes|seats)[\ =]* ]] || return 0
    check_enough -p "$producers" lanes "$((10#$lanes))"
    check_enough -c "$consumers" seats "$((10#$seats))"
}

# ------------------------------------------------------------------ where the messages go

# Sets mirror_file to the file of --mirror for a lane.
mirror_file() { # LANE
    local percent=$'\001'
    mirror_file=${given[mirror]//%%/$percent}
    mirror_file=${mirror_file//%l/$1}
    mirror_file=${mirror_file//$percent/%}
}

# OUT is there, with something in it. That is fine only for a command that goes on.
refuse_old() { # FILE OPTION ADVICE
    if ((was_complete)); then
        [[ $found == nothing ]] || monitor remove -- "$queue" || complain "queue $queue is kept: $(monitor_reason)"
        say "$1: all had arrived already, when an earlier run of this command was killed as it ended"
        exit 0
    elif [[ $found == work ]]; then
        usage_error "$2: $1 exists and is not empty, and queue $queue was not left by this very command ($3)"
    fi
    usage_error "$2: $1 exists and is not empty ($3)"
}

check_output() {
    [[ ! -d $output ]] || die 1 "$output: cannot be written: is a directory (give a file)"
    if [[ -f $output && -s $output ]] && ! ((append)) && ! { ((continuing)) && goes_on; }; then
        refuse_old "$output" "--output $output" "remove it, or give --append"
    fi
    [[ ! -e $output || -f $output ]] || return 0
    # It is made here, so that the note can tell it from another one of its name.
    { : >>"$output"; } 2>"$scratch/output" || die 1 "$output: cannot be written: $(reason_of_shell "$scratch/output")"
}

# What bash says, without where it says it.
reason_of_shell() { # FILE
    local line
    read -r line <"$1"
    printf '%s' "${line##*: }"
}

# The files of all lanes that there may be.
check_mirror_files() {
    local file lane
    for ((lane = 0; lane < ${given[lanes]:-default_lanes}; lane++)); do
        mirror_file "$lane"
        for file in "${inputs[@]}"; do
            [[ ! $file -ef $mirror_file ]] || usage_error "--mirror ${given[mirror]}: $mirror_file is an input, too"
        done
        # Those of a queue with work in it are its own, or each is cut to its length in the end.
        goes_on || [[ ! -s $mirror_file ]] ||
            refuse_old "$mirror_file" "--mirror ${given[mirror]}" "remove it: nothing can be appended to a mirror"
    done
}

check_mirror() {
    local directory second
    mirror_file 1
    second=$mirror_file
    mirror_file 0
    ((producers == 1)) || [[ $mirror_file != "$second" ]] ||
        usage_error "-p $producers: --mirror ${given[mirror]} is one file (each producer needs its own: put %l into it)"
    [[ $mirror_file == */* ]] && directory=${mirror_file%/*} || directory=.
    [[ ${given[mirror]} == *%l*/* || -d ${directory:-/} ]] ||
        die 1 "$mirror_file: cannot be written: ${directory:-/} is no directory"
    check_mirror_files
}

check_sink_files() {
    case $sink in
    --output) check_output ;;
    --mirror) check_mirror ;;
    esac
}
