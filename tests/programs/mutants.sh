#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# scripts/mutants.sh, on a tiny tree with a gap in its tests; and which faults it finds to plant in the library.
. "$(dirname "$0")/../support/lib.sh"

tiny=$scratch/tiny
mkdir -p "$tiny/scripts" "$tiny/common" "$tiny/consumer" "$tiny/tests"/{unit,programs,support}
cp -- "$top"/scripts/mutants.* "$tiny/scripts/"

cat >"$tiny/Makefile" <<'END'
unit-tests: all build/tests/unit_tiny
all: build/libshmq.a build/consumer
build/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
build/libshmq.a: build/obj/common/tiny.o
	$(AR) rcs $@ $^
build/consumer: build/obj/consumer/main.o build/libshmq.a
	$(CC) -o $@ $^
build/tests/unit_tiny: build/obj/tests/unit/unit_tiny.o build/libshmq.a
	@mkdir -p $(@D)
	$(CC) -o $@ $^
END

cat >"$tiny/common/tiny.c" <<'END'
/* if (1 < 2) this is a comment */
#define SEVEN 7
int tested(int number);
int forgotten(int number);
int endless(int number);
int unseen(int number);
int twice(int number);

int tested(int number)
{
    return number + 41;
}

int forgotten(int number)
{
    return number < 40;
}

int endless(int number)
{
    volatile int left = number;
    while (left != 0)
        left--;
    return left;
}

int unseen(int number)
{
    (void)(number + 5);
    return number;
}

int twice(int number)
{
    switch (number < 3 ? number : 3) {
    case 1:
        return number;
    case 2:
        return SEVEN;
    }
    return number;
}

int hinted(const int *number);
int hinted(const int *number)
{
    if (*number > 3)
        __builtin_prefetch(number + 16);
    return __builtin_expect(*number, 0);
}
END

cat >"$tiny/tests/unit/unit_tiny.c" <<'END'
int tested(int number);
int forgotten(int number);
int endless(int number);
int unseen(int number);
int twice(int number);
void srunner_create(void);

void srunner_create(void) /* that of Check */
{
}

int main(void)
{
    return !(tested(1) == 42 && forgotten(2) == 1 && endless(3) == 0 && unseen(4) == 4 && twice(1) == 1);
}
END

cat >"$tiny/consumer/main.c" <<'END'
#include <stdio.h>

int main(void)
{
    printf("%d\n", 42 > 41);
    fflush(stdout);
    return 0;
}
END

# This test notices a changed status always, a changed output only once, and whether it runs as without the tool.
cat >"$tiny/tests/programs/consumer.sh" <<'END'
. "${0%/*}/../support/lib.sh"
[ ! -e /proc/self/fd/3 ] || echo 'not ok - somebody else'"'"'s descriptor'
[ "$(trap)" = '' ] || echo 'not ok - ignored signals'
output=$("$SHMQ_BUILD_DIR/consumer") || echo 'not ok - status'
[ "$output" = 1 ] || ! mkdir "$SHMQ_BUILD_DIR/noticed" 2>/dev/null || echo 'not ok - output'
END
: >"$tiny/tests/support/lib.sh"

before=$(cd "$tiny" && find . -type f -exec cksum {} + | sort)
mkdir "$scratch/tmp"
began=$SECONDS
check_status 'the tool runs through' 0 env TMPDIR="$scratch/tmp" "$tiny/scripts/mutants.sh"
cp -- "$scratch/out" "$scratch/mutants.log"
log=$scratch/mutants.log
check_match 'a fault that a test notices is found' \
    '^found +[0-9]+ of [0-9]+ +common/tiny\.c:11 tested: constant off by one \(build/tests/unit_tiny\)' "$log"
check_match 'a return value changed is found' '^found +[0-9]+ of [0-9]+ +common/tiny\.c:11 tested: return value changed' "$log"
check_match 'a fault that no test notices is not' '^not found +[0-9]+ of [0-9]+ +common/tiny\.c:16 forgotten: comparison turned$' "$log"
check_match 'what it was is told' '^ +- +return number < 40; *$' "$log"
check_match 'and what became of it' '^ +\+ +return number <= 40; *$' "$log"
check_match 'a fault that hangs is found' '^found +[0-9]+ of [0-9]+ +common/tiny\.c:23 endless: store left out' "$log"
check_match 'what is the same code is told apart' '^same code +[0-9]+ of [0-9]+ +common/tiny\.c:29 unseen: constant off by one' "$log"
check_match 'so is what does not compile' '^does not compile +[0-9]+ of [0-9]+ +common/tiny\.c:36 twice: constant off by one' "$log"
check_match 'the program is looked at by its shell test' \
    '^found +[0-9]+ of [0-9]+ +consumer/main\.c:7 main: constant off by one \(tests/programs/consumer\.sh\)' "$log"
check_match 'a test that notices only once has not noticed' \
    'consumer/main\.c:5 main: .*tests/programs/consumer\.sh failed once of twice' "$log"
check_equal 'comments and directives are left alone' '' "$(grep -E 'tiny\.c:[12] ' "$log")"

found=$(grep -c '^found       ' "$log") missed=$(grep -c '^not found     ' "$log") # without the list at the end
check_match 'the summary counts them' \
    "^planted $((found + missed)), found $found, not found $missed: $((found * 100 / (found + missed))) of 100 found" "$log"
check_equal 'the tree is what it was' "$before" "$(cd "$tiny" && find . -type f -exec cksum {} + | sort)"
check_equal 'no copy is left' '' "$(ls -A "$scratch/tmp")"
check 'all that in less than 60 s' test $((SECONDS - began)) -lt 60

# ------------------------------------------------------------------ ended under way

# The environment identifies the processes that the tool started.
none_is_left() {
    [[ ! $(ls -A "$scratch/tmp") ]] && ! grep -qszxF "TOOL=$SHMQ_TEST_PREFIX" /proc/[0-9]*/environ
}
run_tool() { TOOL=$SHMQ_TEST_PREFIX TMPDIR=$scratch/tmp exec "$tiny/scripts/mutants.sh" --rule constant consumer; }

cat >"$tiny/tests/programs/consumer.sh" <<'END'
. "${0%/*}/../support/lib.sh"
[ "$("$SHMQ_BUILD_DIR/consumer")" = 1 ] || { echo 'not ok - output' && sleep 300; }
END
(run_tool) >"$scratch/mutants.log" 2>&1
check 'a test that has failed is ended' wait_until 5 none_is_left

cat >"$tiny/tests/programs/consumer.sh" <<'END'
. "${0%/*}/../support/lib.sh"
[ "$("$SHMQ_BUILD_DIR/consumer")" = 1 ] || { : >"$SHMQ_BUILD_DIR/hangs" && sleep 300; }
END
run_tool >"$scratch/mutants.log" 2>&1 &
tool=$!
hangs() { compgen -G "$scratch/tmp/*/0/build/hangs" >/dev/null; }
check 'a test hangs' wait_until 30 hangs
kill -TERM "$tool"
wait "$tool"
check_equal 'the tool can be ended' 143 $?
check 'it leaves no process and no copy' wait_until 5 none_is_left

# ------------------------------------------------------------------ what is asked for

list() { "$tiny/scripts/mutants.sh" --list "$@"; }
check_equal 'a function can be named' 'common/tiny.c:16 forgotten' "$(list forgotten | cut -d: -f1,2 | sort -u)"
check_equal 'a line can be named' 'common/tiny.c:11' "$(list common/tiny.c:11 | cut -d' ' -f1 | sort -u)"
check_equal 'so can a rule' 'common/tiny.c:23 endless: store left out' "$(list --rule store common/tiny.c)"
check_equal 'hints are left alone' 'common/tiny.c:49 hinted: return value changed' "$(list hinted)"
check_equal 'of two that are equal it makes no difference which is taken' '' "$(list --rule turned twice 2>&1 | grep -v "no such rule")"
check_equal 'a sample takes every third' "$(list common | awk 'NR % 3 == 1')" "$(list --every 3 common)"
check_status 'only some tests are run' 0 env TMPDIR="$scratch/tmp" "$tiny/scripts/mutants.sh" --tests unit_ --rule constant tested
check_match 'and timed' '^mutants: timing 1 tests' "$scratch/err"
check_status 'no test is no success' 1 env TMPDIR="$scratch/tmp" "$tiny/scripts/mutants.sh" --tests none tested
check_status 'a name that is none is refused' 2 list nonsense
check_status 'so is a number that is none' 2 list --every 0

# ------------------------------------------------------------------ the product

"$top/scripts/mutants.sh" --list >"$scratch/all.log" 2>&1
for rule in 'comparison turned' 'condition negated' 'condition changed' 'constant off by one' 'return value changed' \
    'store left out' 'fence left out' 'call left out'; do
    check_match "the library has places for: $rule" "^common/.*: $rule$" "$scratch/all.log"
done
for folder in common producer consumer monitor supervisor; do
    check_match "there are faults to plant in $folder" "^$folder/" "$scratch/all.log"
done
check_match 'functions are known by name' '^common/[a-z/]*put\.c:[0-9]+ shmq_put: ' "$scratch/all.log"
