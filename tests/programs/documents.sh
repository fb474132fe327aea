#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The documents and the models name files and functions of the code: all of these exist, whatever was renamed.
. "$(dirname "$0")/../support/lib.sh"
cd "$top" || exit 1

documents=(README.md CONTRIBUTING.md docs/DESIGN.md docs/QUEUE.md docs/NATS.md docs/MONITORING.md)
models=(tests/model/*.pml)
mapfile -t sources < <(find common producer consumer monitor supervisor docs scripts tests bench -type f | LC_ALL=C sort)
printf '%s\n' "${sources[@]}" >"$scratch/sources"
find common consumer producer monitor supervisor -name '*.[ch]' -exec cat {} + >"$scratch/code"

# Files of C, shell, awk and lists between backquotes; a document may leave out the first folders.
named_files() { # DOCUMENT
    # shellcheck disable=SC2016 # they are the document's
    grep -oE '`[A-Za-z0-9_./-]+\.(c|h|sh|awk|map|abi)`' "$1" | tr -d '`' | LC_ALL=C sort -u
}

# Functions of the library that a document names by their public prefix.
named_functions() { # DOCUMENT
    grep -oE '\bshmq_[a-z][a-z_]*[a-z]' "$1" | LC_ALL=C sort -u
}

# Functions in the list at the head of a model.
followed_functions() { # MODEL
    sed -n '/It follows these functions/,/^ \*\/$/p' "$1" | sed '/PRODUCERS,\|LANES,\|CELLS,/,$d' |
        grep -oE '\b[a-z]+_[a-z_]*[a-z]\b' | grep -v '^unit_' | LC_ALL=C sort -u
}

# Identifiers between backquotes: fields, functions, macros, metrics, tests.
named_words() { # DOCUMENT
    # shellcheck disable=SC2016 # the quotes are the document's
    grep -oE '`[^`]+`' "$1" | grep -oE '\b[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]+\b' | LC_ALL=C sort -u
}
# All identifiers of the tree, its tests' names among them, and those of others that the documents name: Python's, those
# of NATS, and the node exporter's.
grep -v "\.md$" "$scratch/sources" | xargs cat Makefile "$scratch/sources" |
    grep -aoE "\b[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]+\b" >"$scratch/words"
printf '%s\n' is_shutdown ack_floor stream_seq node_textfile_mtime_seconds >>"$scratch/words"
LC_ALL=C sort -u -o "$scratch/words" "$scratch/words"

# Options between backquotes: of a program, or of a script.
named_options() { # DOCUMENT
    # shellcheck disable=SC2016 # the quotes are the document's
    grep -oE '`[^`]+`' "$1" | grep -oE -- '[ `]--[a-z][a-z-]*[a-z]' | sed 's/^.--//' | LC_ALL=C sort -u
}
{
    sed -n 's/.*\.name = "\([a-z-]*\)".*/\1/p' ./*/option_table.c common/cli/*.[ch]
    grep -ohE -- '--[a-z][a-z-]*[a-z]' scripts/*.sh bench/*.sh | cut -c 3-
    printf '%s\n' shm-size foreground # of Docker and timeout
} | LC_ALL=C sort -u >"$scratch/options"

for document in "${documents[@]}"; do
    missing=''
    while IFS= read -r file; do
        grep -qE "(^|/)${file//./\\.}$" "$scratch/sources" || missing+=" $file"
    done < <(named_files "$document")
    check_equal "$document: the files that it names exist" '' "$missing"
    missing=''
    while IFS= read -r name; do
        grep -qwh -- "$name" common/shmq.h monitor/formats/prometheus.c || missing+=" $name"
    done < <(named_functions "$document")
    check_equal "$document: the functions that it names exist" '' "$missing"
    check_equal "$document: the identifiers that it names exist" '' \
        "$(named_words "$document" | LC_ALL=C comm -23 - "$scratch/words" | xargs)"
    check_equal "$document: the options that it names exist" '' \
        "$(named_options "$document" | LC_ALL=C comm -23 - "$scratch/options" | xargs)"
done

for model in "${models[@]}"; do
    missing=''
    count=0
    while IFS= read -r name; do
        count=$((count + 1))
        grep -qw -- "$name" "$scratch/code" || missing+=" $name"
    done < <(followed_functions "$model")
    check_equal "$model: the functions that it follows exist" '' "$missing"
    check "$model: names several" test "$count" -ge 10
done
