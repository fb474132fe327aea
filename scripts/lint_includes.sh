#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks the includes of the sources: fails on a dependency in the wrong direction and on a cycle. A header and its source
# count as one file. `make lint-includes` runs it.
set -u
export LC_ALL=C

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit 1

# Prints lines "FROM TO", without file name extensions: the project's own headers that each file includes.
list_arrows() {
    find common producer consumer monitor supervisor bench docs -name '*.[ch]' -exec grep -Ho '^#include "[^"]*"' {} + |
        sed 's/:#include "/ /; s/"$//; s/\.[ch] / /; s/\.h$//' | awk '$1 != $2' | sort -u
}

# The room of a file and the rooms whose headers it may include.
# shellcheck disable=SC2016 # it is awk's
readonly rules='
function room(file) {
    if (file ~ /^common\/[^\/]*$/) return "face"
    if (match(file, /^common\/[^\/]*/)) return substr(file, RSTART, RLENGTH)
    match(file, /^[^\/]*/)
    return substr(file, 1, RLENGTH)
}
BEGIN {
    may["common/core"] = " face "
    may["common/kernel"] = " face common/core "
    may["common/queue"] = " face common/core common/kernel "
    may["common/cli"] = " face "
    may["common/nats"] = " face common/cli "
    may["producer"] = may["consumer"] = may["monitor"] = may["supervisor"] = may["docs"] = " face common/cli "
    may["bench"] = " face common/cli common/core common/kernel common/queue "
}
{
    from = room($1)
    to = room($2)
    if ($1 !~ /^[a-z]+\/nats\// && $2 ~ /^[a-z]+\/nats\//) to = $2
    if ($2 ~ /^monitor\/(top|metrics)\// && substr($1, 1, 12) != substr($2, 1, 12)) to = $2
    if (from == to || index(may[from], " " to " ") > 0) next
    if ($1 ~ /^(consumer|producer)\/nats\// && to == "common/nats") next
    if (from == "docs" && $2 ~ /^([a-z]+\/option(_table|s)|monitor\/formats\/fields)$/) next
    if (from == "supervisor" && $2 ~ /^(producer|consumer)\/option_table$/) next
    print "lint: " $1 " includes " $2 ": " from " may not look into " to
    bad = 1
}
END { exit bad }'

arrows=$(list_arrows)
status=0
awk "$rules" <<<"$arrows" >&2 || status=1
# tsort names the files of each cycle, one per line.
if ! circles=$(tsort <<<"$arrows" 2>&1 >/dev/null); then
    sed 's|^tsort: -: input contains a loop:|lint: these files include each other:|; s|^tsort: |lint:   |' <<<"$circles" >&2
    status=1
fi
exit "$status"
