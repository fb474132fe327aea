#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The programs' option tables and what is derived from them: --help, and what a program with verbs accepts and refuses.
. "$(dirname "$0")/../support/lib.sh"

for name in producer consumer monitor supervisor; do
    check_status "$name --help" 0 "$build/$name" --help
    check_equal "$name --help fits a terminal of 80 columns" '' "$(awk 'length > 80' "$scratch/out")"
    check_equal "$name --help ends with three examples" 3 "$(sed '1,/^Examples:$/d' "$scratch/out" | grep -cE "^  (.*\| )?$name ")"
    check "$name --help has sections" test "$(grep -c '^[A-Z].*:$' "$scratch/out")" -ge 3
done

# ------------------------------------------------------------------ verbs

check_status 'an option of another verb: exit 2' 2 "$monitor" list --force
check_match 'an option of another verb: is named' '^monitor: list: takes no --force$' "$scratch/err"
check_status 'options before the verb, between and after' 4 "$monitor" --quiet wait -Q no-such.queue --timeout 1ms no-such.queue

# ------------------------------------------------------------------ a bad value is refused by the option's name

# Options whose argument is a number, a size, a time, a mode or one of several words, as their help names it.
judged_options() { # PROGRAM
    "$build/$1" --help | sed -n 's/^  \(-., \|    \)\(--[a-z-]*\) \(\[\?[A-Z].*\)/\2 \3/p' |
        awk '$2 ~ /^\[?(N|SIZE|DURATION|OCTAL|HOW|KEY|MIN|CONDITION)([^A-Z]|$)/ { print $1 }'
}
for name in producer consumer monitor; do
    judged_options $name >"$scratch/options"
    check "$name has such options" test "$(wc -l <"$scratch/options")" -ge 5
    bad=''
    while read -r option; do
        for value in '' -1 x 99999999999999999999x; do
            "$build/$name" "$option=$value" -V >"$scratch/out" 2>"$scratch/err" </dev/null
            [[ $? -eq 2 && $(head -n 1 "$scratch/err") =~ ^$name:\ $option\ .*:\ .*\(.*\)$ ]] || bad+=" $option='$value'"
        done
    done <"$scratch/options"
    check_equal "$name: a bad value: exit 2, the option, why, and what is allowed" '' "$bad"
done

# ------------------------------------------------------------------ an option is written down in one place

copy=$scratch/copy
mkdir "$copy"
cp -a "$top"/{Makefile,common,producer,consumer,monitor,supervisor,docs,scripts} "$copy"
mkdir "$copy/build"
cp -a "$build"/{obj,libshmq.a} "$copy/build" # unchanged objects need not be built again

# Inserts a line before the first one with TEXT.
plant_line() { # FILE TEXT LINE
    awk -v text="$2" -v line="$3" 'index($0, text) && !done++ { print line } { print }' "$copy/$1" >"$scratch/planted"
    ! cmp -s "$scratch/planted" "$copy/$1" || not_ok "planting '$3' in $1"
    cp "$scratch/planted" "$copy/$1"
}
# Inserts an entry before the first one called NAME.
plant() { # FILE NAME ENTRY
    plant_line "$1" "{.name = \"$2\"" "    $3,"
}
plant producer/option_table.c rate '{.name = "planted-one", .kind = OPTION_IS_CHOICE, AT(on_full), .argument = "THIS", .choices = "ying yang", .help = "said once"}'
plant consumer/option_table.c raw '{.name = "planted-two", .code = CONSUMER_RAW, .help = "said once"}'
plant monitor/option_table.c force '{.name = "planted-three", .kind = OPTION_IS_FLAG, AT(force), .help = "said once"}'
plant common/cli/option_common.c verbose '{.name = "planted-four", .code = CODE_VERBOSE, .help = "said once"}'
plant common/cli/option_common.c verbose '{.name = "planted-five", .code = CODE_TICK, .argument = "DURATION", .incidental = true, .help = "said once"}'
plant common/cli/option_common.c verbose '{.name = "planted-six", .kind = OPTION_IS_TEXT, AT(queue), .argument = "NAME", .help = "said once"}'
# A sink: its kind, its option, and what opens it.
plant consumer/option_table.c discard '{.name = "planted-sink", .code = SINK_PLANTED, .argument = "FILE", .help = "said once"}'
plant_line consumer/options.h 'SINK_DISCARD,' '    SINK_PLANTED,'
plant_line consumer/sinks/sink.c 'case SINK_DISCARD:' '    case SINK_PLANTED:'
# A verb: its place in the list, its description, and its file.
# shellcheck disable=SC1003 # the backslash ends a line of a macro
plant_line monitor/options.h 'VERB(LIST, list)' '    VERB(PLANTED, planted) \\'
plant_line monitor/option_table.c '{"list", VERB_LIST' '    {"planted", VERB_PLANTED, NULL, "said once"},'
cat >"$copy/monitor/verbs/planted.c" <<'END'
#include "monitor/verbs/verbs.h"

int verb_planted(const struct options *options)
{
    return options->verb == VERB_PLANTED ? EXIT_TIMEOUT : EXIT_FAILED;
}
END
check_status 'options planted in tables: it builds' 0 make -s -C "$copy" -j2 all man completion

# Prints where an option appears: --help, the manual page, bash, zsh and fish.
places() { # OPTION BUILT INSTALLED
    local built=$copy/build
    "$built/$2" --help | grep -qE -- "--$1( |\$)" && echo help
    grep -qE "^\.It .*Fl -$1( |\$)" "$built/man/$3.1" && echo man
    grep -qE -- "--$1( |\$)" "$built/completion/bash/$3" && echo bash
    grep -qE -- "--$1=?\\[" "$built/completion/zsh/$3" && echo zsh
    grep -qE -- "-l $1( |\$)" "$built/completion/fish/$3" && echo fish
}
check_everywhere() { # OPTION BUILT
    check_equal "an option planted in one table: $2 has --$1 everywhere" 'help man bash zsh fish' \
        "$(places "$1" "$2" "shmq-${2/supervisor/run}" | xargs)"
}
check_everywhere planted-one producer
check_everywhere planted-one supervisor
check_everywhere planted-two consumer
check_everywhere planted-two supervisor
check_everywhere planted-three monitor
for name in producer consumer monitor supervisor; do
    check_everywhere planted-four "$name"
done
check_equal 'what does not belong to a program is not there' '' "$(places planted-three producer shmq-producer)"
check_match 'its choices are completed' "block fail drop|ying yang" "$copy/build/completion/bash/shmq-producer"
check_status 'it is taken' 0 "$copy/build/producer" --planted-one yang --version
check_status 'its argument is checked' 2 "$copy/build/producer" --planted-one yong --version
new_queue
check_status 'a supervisor hands it on' 0 "$copy/build/supervisor" -Q "$queue" --planted-one ying --planted-two --output - -- a b
check_equal 'and it means what it is to mean' ab "$(cat "$scratch/out")"

# ------------------------------------------------------------------ a common option reaches the children

# The command prints the command line of its consumer.
new_queue
# shellcheck disable=SC2016 # for the command's shell
check_status 'a common option: a supervisor takes it' 0 "$copy/build/supervisor" -v -Q "$queue" --planted-five 10ms \
    --exec 'tr "\0" " " <"/proc/$PPID/cmdline"' -- a
check_match 'a common option: and passes it on as it was given' " --queue $queue --supervised --verbose --planted-five 10ms " "$scratch/out"
check_equal 'a common option: --queue is passed once' 1 "$(grep -o -- ' --queue ' "$scratch/out" | wc -l)"
new_queue
# shellcheck disable=SC2016
check_status 'a common option that is stored: a supervisor uses it' 0 "$copy/build/supervisor" --planted-six "$queue" \
    --exec 'tr "\0" " " <"/proc/$PPID/cmdline"' -- a
check_match 'a common option that is stored: and passes it on' " --queue $queue .*--planted-six $queue " "$scratch/out"

# What a killed command left is continued by the same command only.
new_queue
seq 3 >"$scratch/lines"
"$copy/build/supervisor" -Q "$queue" --input "$scratch/lines" --exec 'sleep 100' >"$scratch/left" 2>&1 &
pid=$!
holds_messages() { "$monitor" show "$queue" --json 2>/dev/null | grep -q '"messages": *3'; }
wait_until 20 holds_messages || not_ok 'a run to be continued' "$scratch/left"
{ kill -KILL "$pid" && wait "$pid"; } 2>/dev/null
check_status 'another option: the command is another' 1 "$copy/build/supervisor" -Q "$queue" --input "$scratch/lines" --exec true \
    --consumer-args '--count=9'
check_status 'an incidental option: the command is still the same' 0 "$copy/build/supervisor" -Q "$queue" --input "$scratch/lines" \
    --exec true --consumer-args '--planted-five=50ms'

# ------------------------------------------------------------------ a sink and a verb are known to all

new_queue
check_status 'a sink that a supervisor does not know: gets neither label nor framing' 0 "$copy/build/supervisor" -Q "$queue" \
    --planted-sink file -0 -- a b
check_equal 'a sink that a supervisor does not know: has the messages' '' "$(cat "$scratch/out")"
check_status 'a sink that a supervisor does not know: is one of several' 2 "$copy/build/supervisor" -Q "$queue" \
    --planted-sink file --discard -- a b
check_match 'a sink that a supervisor does not know: both are named' 'one sink' "$scratch/err"
check_status 'a planted verb runs' 4 "$copy/build/monitor" planted
rm "$copy/monitor/verbs/planted.c"
check_status 'a verb without a function does not build' 2 make -s -C "$copy" all
