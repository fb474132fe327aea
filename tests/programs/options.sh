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
check_status 'options before the verb, between and after' 4 "$monitor" --quiet wait -Q no-such.queue --timeout 1ms no-such.queue.2

# ------------------------------------------------------------------ an option is written down in one place

copy=$scratch/copy
mkdir "$copy"
cp -a "$top"/{Makefile,common,producer,consumer,monitor,supervisor,docs,scripts} "$copy"
mkdir "$copy/build"
cp -a "$build"/{obj,libshmq.a} "$copy/build" # unchanged objects need not be built again

# Inserts an entry before the first one called NAME.
plant() { # FILE NAME ENTRY
    awk -v name="{.name = \"$2\"" -v entry="    $3," 'index($0, name) && !done++ { print entry } { print }' "$top/$1" >"$copy/$1"
    ! cmp -s "$top/$1" "$copy/$1" || not_ok "planting an option in $1"
}
plant producer/option_table.c rate '{.name = "planted-one", .kind = OPTION_IS_CHOICE, AT(on_full), .argument = "THIS", .choices = "ying yang", .help = "said once"}'
plant consumer/option_table.c raw '{.name = "planted-two", .code = CONSUMER_RAW, .help = "said once"}'
plant monitor/option_table.c force '{.name = "planted-three", .kind = OPTION_IS_FLAG, AT(force), .help = "said once"}'
plant common/cli/option_common.c verbose '{.name = "planted-four", .code = CODE_VERBOSE, .help = "said once"}'
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
