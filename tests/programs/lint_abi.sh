#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What lint_abi.sh finds when it compares what callers have compiled in with common/shmq.abi.
. "$(dirname "$0")/../support/lib.sh"

lint=$top/scripts/lint_abi.sh
copy=$scratch/common

check_status 'the binary interface is as written down' 0 "$lint"
check_status 'make lint-abi says so' 0 make -s -C "$top" lint-abi

# Changes a fresh copy with sed, and expects the lint to show a line of the difference.
expect_difference() { # NAME FILE SED-SCRIPT EXTENDED-REGEX
    rm -rf "$copy"
    mkdir "$copy"
    cp "$top"/common/shmq.{h,map,abi} "$copy"
    sed -i -e "$3" "$copy/$2"
    cmp -s -- "$copy/$2" "$top/common/$2" && {
        not_ok "$1" "nothing was planted: $3"
        return
    }
    check_status "$1" 1 "$lint" "$copy" && check_match "$1: and it says where" "$4" "$scratch/err"
}

expect_difference 'a field in the middle' shmq.h '/^struct shmq_stat {/,/^}/ s/^    uint32_t lanes;/    uint32_t more;\n&/' \
    '^[+]field shmq_stat[.]lanes 36 4'
expect_difference 'a field at the end' shmq.h '/^struct shmq_info {/,/^}/ s/^}/    uint64_t more;\n}/' '^[+]struct shmq_info 96'
expect_difference 'a field in the padding at the end' shmq.h '/^struct shmq_run {/,/^}/ s/^}/    bool more;\n}/' \
    '^[+]field shmq_run[.]more 33 1'
expect_difference 'a field of another type and the same size' shmq.h \
    '/^struct shmq_options {/,/^}/ s/int64_t tick_ns/uint64_t tick_ns/' '^[+]field shmq_options[.]tick_ns 40 8  uint64_t'
expect_difference 'two fields that changed places' shmq.h \
    '/^struct shmq_lane_stat {/,/^}/ { s/bool alive;/bool alive_;/; s/bool used;/bool alive;/; s/bool alive_;/bool used;/ }' \
    '^[+]field shmq_lane_stat[.]alive 16 1'
expect_difference 'a longer array' shmq.h '/^struct shmq_seat_stat {/,/^}/ s/program\[16\]/program[24]/' \
    '^[+]field shmq_seat_stat[.]program 20 24'
expect_difference 'an enumerator in the middle' shmq.h 's/^    SHMQ_OBSERVER,/    SHMQ_JUDGE,\n&/' '^[+]enumerator SHMQ_OBSERVER 4'
expect_difference 'another parameter' shmq.h 's/^int shmq_join(struct shmq \*handle, int64_t/int shmq_join(struct shmq *handle, int32_t/' \
    '^[+]function int shmq_join.*int32_t'
expect_difference 'a function that is gone' shmq.h '/^int shmq_join(/d' '^-function int shmq_join'
expect_difference 'a constant' shmq.h 's/^#define SHMQ_ID_SIZE 48/#define SHMQ_ID_SIZE 64/' '^[+]constant SHMQ_ID_SIZE 64'
expect_difference 'another version of the symbols' shmq.map 's/^SHMQ_[0-9]* {/SHMQ_77 {/' '^[+]version SHMQ_77'
expect_difference 'nothing written down' shmq.abi '/./d' '^[+]version'
expect_difference 'a header that is none' shmq.h '/^struct shmq_seat_stat {/,/^}/ s/uint32_t seat;/uint32_t;;/' '.'

rm -rf "$copy"
mkdir "$copy"
cp "$top"/common/shmq.{h,map,abi} "$copy"
sed -i '/^struct shmq_info {/,/^}/ s/^}/    uint64_t more;\n}/' "$copy/shmq.h"
check_status 'a change that is meant' 0 "$lint" --write "$copy"
check_status 'a change that is meant: is written down' 0 "$lint" "$copy"
