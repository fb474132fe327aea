# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: its options, and which child each belongs to.

# Long options handed on as they are; a colon takes an argument, as in getopt(1).
readonly producer_options=(count: rate: delay: seed: echo: on-full: timeout: priority: random)
readonly consumer_options=(prefix: mirror: exec: pipe: discard work: prefetch: idle: follow retries: backoff:
    exec-timeout:)
readonly shared_options=(capacity: max-message: lanes: seats: mode: group: tick: progress)
readonly own_options=(help version verbose quiet producers: consumers: queue: input: output: append null delimiter:
    length-prefixed raw block: whole resume restart: max-restarts: restart-pause: grace: keep producer-args: consumer-args:)

producers=1 consumers=1
queue=${SHMQ_QUEUE:-default}
inputs=() words=() words_given=0
output=
append=0 keep=0 quiet=0 resumable=0 sizeless=0
restart=on-failure max_restarts=5
restart_pause_min_ms=100 restart_pause_max_ms=5000
grace=10s grace_ms=10000
producer_args=() consumer_args=() framing_args=() shared_args=()
extra_producer_args=() extra_consumer_args=()
declare -A given=() # options handed on, by name, with their argument

usage_error() {
    printf "%s: %s\nTry '%s --help'.\n" "$self" "$1" "$0" >&2
    exit 2
}

print_help() {
    printf 'Usage: %s ' "$0"
    cat <<'END'
[-p N] [-c N] [-Q NAME] [OPTION...] [-- WORD...]
Starts producers and consumers on a queue, supervises them, and removes the queue when all has arrived.
Without a source it is a demonstration: each producer sends 10 random integers with random pauses ("Produced: n"),
the consumers work on each for a while ("Consumed: n"). With --count 0 it goes on until Ctrl-C.

  -p, --producers N     producers (1)
  -c, --consumers N     consumers (1)
  -Q, --queue NAME      the queue ($SHMQ_QUEUE, else "default")
      --producer-args ARGS, --consumer-args ARGS
                        more options for them, split into words as a shell does by blanks, quotes and backslashes;
                        nothing is expanded
Source, for the producers:
      --input FILE      repeatable; "-" is stdin; with -p N each producer reads its part of the files
      --random          integers 1..100, from each producer; without --count for ever
      WORD...           one message each
      --count N (of each producer) --rate N --delay MIN[:MAX] --seed N --echo PREFIX --on-full HOW
      --timeout DURATION --priority 0..7
Framing, for both:
  -D, --delimiter CHAR  -0, --null  --length-prefixed
      --block SIZE, --whole  the consumers then write the messages alone (--raw)
Sink, for the consumers:
      --output FILE     must be new or empty, unless --append is given, or this very command was killed and goes on
      --output -        stdout is left to the data; without a sink, each message there has its consumer's name before
                        it, as what --echo prints has its producer's
      --mirror PATTERN  a file for each lane, as each producer has one; %l in PATTERN is the lane's number
      --exec COMMAND --pipe COMMAND  what they print on stdout appears there as it is
      --discard --prefix TEXT --raw
      --work DURATION[:MAX] --prefetch N --idle DURATION --follow --retries N --backoff MIN:MAX
      --exec-timeout DURATION
Queue, heeded by whoever creates it:
      --capacity SIZE --max-message SIZE --lanes N --seats N --mode OCTAL --group NAME --tick DURATION
Supervision:
      --restart on-failure|never  what to do with a child that fails or is killed (on-failure). Producers of regular
                        files go on where they were; those of stdin, of files that do not know their size (as
                        in /proc), of words, and of a counted --random cannot
                        know where, so that their death is a failure. So is a status other than 0 where another try
                        is of no use: one of the consumers of stdout, of --exec (which has --retries) or of --pipe (whose
                        command may have lost what it was given), any third one in a row without anything done
                        meanwhile, and one of a consumer when nothing is left to be done
      --restart-pause MIN:MAX  how long to wait before that: longer each time in a minute (100ms:5s);
                        who was killed for the first time in it is started at once
      --max-restarts N  of a child in a minute, then give up (5)
      --grace DURATION  after Ctrl-C or TERM: how long producers may take to end, and consumers to drain (10s)
      --keep            keep the queue, also when it is drained: after Ctrl-C the same command goes on with the files
      --progress  -v, --verbose  -q, --quiet  -h, --help  -V, --version

A queue of that name that others have left is taken over, with what is in it: give another -Q where that is not meant.
After the first Ctrl-C or TERM all that was read is delivered, and the status is 0; that there was more is told. A script
that starts run.sh with & has to send TERM: there, INT is ignored. If run.sh itself is killed its children die with it
and the queue stays: the same command takes over.

The programs are built if they are not there: in build/, or where SHMQ_BUILD_DIR says.

Exit status: 0 every message that was read arrived; 1 failed, or messages are left in the queue; 2 usage; else that of
the first child that failed for good: 3 shut down or a producer died, 4 timed out or full, or --idle passed and nothing
at all had come, 5 queue damaged or removed or
of other sizes, 128+N killed by signal N; 128+N also if a second signal N cut run.sh short. SIGUSR1 has all children
print their statistics.
END
}

# is_one_of WORD LIST...: whether an option is in one of the lists above; sets takes_argument.
is_one_of() {
    local option=$1 entry
    shift
    for entry; do
        [[ ${entry%:} == "$option" ]] || continue
        [[ $entry == *: ]] && takes_argument=1 || takes_argument=0
        return 0
    done
    return 1
}

# number_option OPTION VALUE MIN MAX
number_option() {
    if [[ ! $2 =~ ^[0-9]{1,9}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then
        usage_error "$1 $2: not a number from $3 to $4"
    fi
}

# parse_duration OPTION TEXT: sets duration_ms from text such as 500ms, 1.5, 10s, 2m, 1h.
parse_duration() {
    local scale fraction
    [[ $2 =~ ^([0-9]{1,7})(\.([0-9]{1,3}))?(ms|s|m|h|)$ ]] || usage_error "$1 $2: not a duration (such as 500ms, 10s, 2m)"
    fraction=${BASH_REMATCH[3]}000
    case ${BASH_REMATCH[4]} in
    ms) scale=1 ;;
    m) scale=60000 ;;
    h) scale=3600000 ;;
    *) scale=1000 ;;
    esac
    duration_ms=$(((10#${BASH_REMATCH[1]} * 1000 + 10#${fraction:0:3}) * scale / 1000))
}

parse_restart_pause() { # MIN:MAX
    [[ $1 == *:* ]] || usage_error "--restart-pause $1: not MIN:MAX (such as 100ms:5s)"
    parse_duration --restart-pause "${1%%:*}"
    restart_pause_min_ms=$duration_ms
    parse_duration --restart-pause "${1#*:}"
    restart_pause_max_ms=$duration_ms
    ((restart_pause_min_ms <= restart_pause_max_ms)) || usage_error "--restart-pause $1: MIN is more than MAX"
}

# split_words ARRAY OPTION TEXT: as a shell splits, but nothing is expanded.
split_words() {
    local -n split_into=$1
    [[ $3 == *[![:space:]]* ]] || return 0
    # Its end says whether the quotes were balanced; mapfile alone would not tell.
    printf '%s' "$3" | xargs true 2>/dev/null || usage_error "$2 $3: a quote is not closed"
    mapfile -d '' -t -O "${#split_into[@]}" split_into < <(printf '%s' "$3" | xargs printf '%s\0')
}

take_own_option() {
    case $1 in
    help) print_help || exit 1; exit 0 ;;
    version) print_version || exit 1; exit 0 ;;
    verbose) quiet=0 shared_args+=(--verbose) ;;
    quiet) quiet=1 shared_args+=(--quiet) ;;
    producers) number_option --producers "$2" 1 1024; producers=$((10#$2)) ;;
    consumers) number_option --consumers "$2" 1 1024; consumers=$((10#$2)) ;;
    queue) queue=$2 ;;
    input) inputs+=("$2"); [[ $2 ]] || usage_error "--input: empty (give a file, or - for stdin)" ;;
    output)
        [[ $2 ]] || usage_error "--output: empty (give a file, or - for stdout)"
        [[ ! $output ]] || usage_error "--output $2: given twice (all consumers write to the same)"
        output=$2
        ;;
    append) append=1 ;;
    keep) keep=1 ;;
    resume) ;; # producers of files always do
    restart) restart=$2 ;;
    max-restarts) number_option --max-restarts "$2" 0 1000000; max_restarts=$((10#$2)) ;;
    restart-pause) parse_restart_pause "$2" ;;
    grace) parse_duration --grace "$2"; grace=$2 grace_ms=$duration_ms ;;
    producer-args) split_words extra_producer_args --producer-args "$2" ;;
    consumer-args) split_words extra_consumer_args --consumer-args "$2" ;;
    null | length-prefixed) producer_args+=("--$1") framing_args+=("--$1") given[$1]=1 ;;
    delimiter) producer_args+=("--$1" "$2") framing_args+=("--$1" "$2") ;;
    block) producer_args+=("--$1" "$2") framing_args+=(--raw) ;;
    whole) producer_args+=("--$1") framing_args+=(--raw) given[$1]=1 ;;
    raw) given[raw]=1 ;;
    esac
}

# take_option NAME ARGUMENT: the argument is ignored by those that take none.
take_option() {
    local text=("--$1")
    if is_one_of "$1" "${own_options[@]}"; then
        take_own_option "$@"
        return
    fi
    given[$1]=$2
    # Each child has its own, with its name in it.
    [[ $1 != echo && $1 != prefix ]] || return 0
    if is_one_of "$1" "${shared_options[@]}"; then
        ((takes_argument)) && text+=("$2")
        shared_args+=("${text[@]}")
    elif is_one_of "$1" "${consumer_options[@]}"; then
        ((takes_argument)) && text+=("$2")
        consumer_args+=("${text[@]}")
    else
        is_one_of "$1" "${producer_options[@]}"
        ((takes_argument)) && text+=("$2")
        producer_args+=("${text[@]}")
    fi
}

# Reads the command line into the variables above.
read_options() {
    local all=("${own_options[@]}" "${producer_options[@]}" "${consumer_options[@]}" "${shared_options[@]}")
    local -A letters=([-p]=producers [-c]=consumers [-Q]=queue [-0]=null [-D]=delimiter [-h]=help [-V]=version
        [-v]=verbose [-q]=quiet)
    local parsed name list takes_argument
    list=$(IFS=,; printf '%s' "${all[*]}")
    parsed=$(getopt -n "$self" -o '+p:c:Q:0D:hVvq' -l "$list" -- "$@") || usage_error "bad options, see above"
    eval "set -- $parsed"
    while [[ $1 != -- ]]; do
        name=${letters[$1]:-${1#--}}
        is_one_of "$name" "${all[@]}"
        if ((takes_argument)); then
            take_option "$name" "$2"
            shift
        else
            take_option "$name" 1
        fi
        shift
    done
    shift
    words=("$@")
}

# Words are messages only behind "--": anywhere else they are more likely a mistake.
check_words() {
    local before=$(($# - ${#words[@]}))
    # A list that came out empty is no wish for the demonstration.
    [[ $# -gt 0 && ${!#} == -- ]] && words_given=1
    ((${#words[@]} == 0)) && return
    words_given=1
    [[ $before -gt 0 && ${!before} == -- ]] ||
        usage_error "${words[0]}: unexpected argument (words to be sent go behind --)"
}

# Whether a file says that it is empty, and is not, as those of /proc: how far it was read cannot be known.
is_sizeless() { # FILE
    local bytes
    [[ -f $1 && ! -s $1 && -r $1 ]] || return
    bytes=$(dd if="$1" iflag=nonblock bs=1 count=1 status=none 2>/dev/null | wc -c)
    ((bytes > 0)) && [[ ! -s $1 ]]
}

# What kind of source: sets source to files, stream, words, random or demonstration.
check_source() {
    local file option sources=0
    ((${#inputs[@]})) && ((sources += 1)) && source=files
    ((words_given)) && ((sources += 1)) && source=words
    [[ ${given[random]:-} ]] && ((sources += 1)) && source=random
    ((sources)) || source=demonstration
    ((sources < 2)) || usage_error "--input, --random and words: only one source can be given"
    for file in "${inputs[@]}"; do
        [[ $file == - || ! -e $file || -f $file ]] || source=stream
        [[ $file != - ]] || source=stream
        ! is_sizeless "$file" || sizeless=1
    done
    if ((producers > 1)); then
        [[ $source != stream ]] || usage_error "-p $producers: stdin, a pipe or a device cannot be split among producers (use -p 1)"
        [[ $source != words ]] || usage_error "-p $producers: words cannot be split among producers (use -p 1)"
        for option in whole length-prefixed; do
            [[ ! ${given[$option]:-} || ! $source == files ]] ||
                usage_error "-p $producers: --$option cannot be split among producers (use -p 1)"
        done
    fi
}

# Where the messages go: sets sink to the option's name, to stdout for --output -, or to nothing.
check_sink() {
    local name sinks=()
    [[ $output ]] && sinks+=(--output)
    for name in mirror exec pipe discard; do
        [[ ${given[$name]+set} ]] && sinks+=("--$name")
    done
    ((${#sinks[@]} < 2)) || usage_error "${sinks[*]}: only one sink can be given"
    sink=${sinks[0]:-}
    [[ $output != - ]] || sink=stdout
}

# Children that look elsewhere would wait for ever.
check_same_queue() {
    local argument
    for argument in "${extra_producer_args[@]}" "${extra_consumer_args[@]}"; do
        [[ $argument != -Q* && $argument != --queue && $argument != --queue=* ]] ||
            usage_error "$argument: is for run.sh itself (all its children use one queue)"
    done
}

# check_options ARGUMENT...: those of the command line.
check_options() {
    check_words "$@"
    [[ $queue =~ ^[A-Za-z0-9._-]{1,200}$ ]] ||
        usage_error "--queue $queue: not a queue's name (1 to 200 letters, digits, '.', '_', '-')"
    [[ $restart == on-failure || $restart == never ]] || usage_error "--restart $restart: not on-failure or never"
    check_source
    check_sink
    check_same_queue
    # Where it stood could not be told from what was dropped.
    [[ $source != files || ${given[on-full]:-} == drop ]] || ((sizeless)) || resumable=1
    [[ ! ${given[raw]:-} ]] || framing_args=(--raw)
}
