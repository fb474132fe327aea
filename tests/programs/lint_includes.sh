#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `make lint` finds includes that run back, and circles: this plants some in a copy of the sources.
. "$(dirname "$0")/../support/lib.sh"

copy=$scratch/copy
mkdir -p "$copy"
(cd "$top" && cp -r --parents scripts common producer consumer monitor supervisor bench docs "$copy")

check_status 'the sources as they are' 0 "$copy/scripts/lint_includes.sh"

# Adds an include to a file of the copy, and expects the complaint.
check_planted() { # NAME FILE HEADER COMPLAINT
    local kept=$scratch/kept
    cp "$copy/$2" "$kept"
    printf '#include "%s"\n' "$3" >>"$copy/$2"
    check_status "$1: fails" 1 "$copy/scripts/lint_includes.sh"
    check_match "$1: is named" "$4" "$scratch/err"
    cp "$kept" "$copy/$2"
}

check_planted 'the algorithm looks at the kernel' common/core/ring.c common/kernel/clock.h \
    'common/core/ring includes common/kernel/clock: common/core may not look into common/kernel'
check_planted 'the kernel looks at a handle' common/kernel/doorbell.h common/queue/handle.h \
    'common/kernel/doorbell includes common/queue/handle'
check_planted 'the library looks at what programs share' common/queue/put.c common/cli/say.h 'put includes common/cli/say'
check_planted 'a program looks into the library' producer/main.c common/queue/handle.h 'producer/main includes common/queue/handle'
check_planted 'a program looks into another' monitor/main.c consumer/options.h 'monitor/main includes consumer/options'
check_planted 'the monitor looks into top' monitor/main.c monitor/top/model.h 'monitor may not look into monitor/top'
check_planted 'two files around a corner' common/core/layout.h common/core/ring.h 'these files include each other'
check_status 'all planted ones taken out again' 0 "$copy/scripts/lint_includes.sh"

((failed == 0))
