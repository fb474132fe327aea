#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What lint_errors.sh accepts and finds when it compares the codes that can leave each public function with its Return
# list.
. "$(dirname "$0")/../support/lib.sh"

lint=$top/scripts/lint_errors.sh
copy=$scratch/common

# ------------------------------------------------------------------ the library

began=$SECONDS
check_status 'the Return lists of the library are right' 0 "$lint"
check 'and it takes less than 10 s to see that' test $((SECONDS - began)) -lt 10

# Changes a fresh copy of the library (all files in one folder) with sed, and expects this complaint from the lint.
expect_complaint() { # NAME FILE SED-SCRIPT EXTENDED-REGEX
    rm -rf "$copy"
    mkdir "$copy"
    find "$top/common" -name cli -prune -o -name '*.[ch]' -exec cp -- {} "$copy" \;
    sed -i -e "$3" "$copy/$2"
    cmp -s -- "$copy/$2" "$(find "$top/common" -name cli -prune -o -name "$2" -print)" && {
        not_ok "$1" "nothing was planted: $3"
        return
    }
    check_status "$1" 1 "$lint" "$copy" && check_match "$1: and it says so" "$4" "$scratch/err"
}

# The body of a function begins with { at the margin.
in_body='/^{/ s|$|'
expect_complaint 'a new code deep in a helper' ring.c \
    "/^int ring_finish(/,/^{/ { $in_body if (seat == 77) return -EXDEV;| }" \
    'shmq_acknowledge: -EXDEV can occur, but is not in its Return list'
check_match 'it is found at another function that calls the helper' 'shmq_hold: -EXDEV can occur' "$scratch/err"
check_match 'a code that the head does not explain is found' 'shmq_hold: -EXDEV .* head of the header does not' "$scratch/err"
expect_complaint 'a new code in a variable' lane.c \
    "/^int lane_finish(/,/^{/ { $in_body int bad = 0; if (handle == NULL) bad = -EXDEV; if (bad != 0) return bad;| }" \
    'shmq_finish: -EXDEV can occur'
expect_complaint 'a code that is missing in a comment' shmq.h \
    's/-ENOTEMPTY [a-z ]*, //' 'shmq_remove: -ENOTEMPTY can occur, but is not in its Return list'
expect_complaint 'a code in a comment that cannot occur' shmq.h \
    's/-EINVAL without a reservation/-EUSERS, &/' 'shmq_commit: -EUSERS is in its Return list, but cannot occur'
expect_complaint 'a code that is no longer translated' lane.c \
    's/error != -EAGAIN && error != -EBUSY/error != -EBUSY/' 'shmq_open: -EAGAIN can occur'
expect_complaint 'a code that is no longer ours to take' ring.c \
    '/^static int reclaim(/,/^}/ s/error == -EAGAIN ? 0 : error/error/' 'shmq_acknowledge: -EAGAIN can occur'
expect_complaint 'other system errors, where nobody expects it' lane.c \
    "/^int lane_finish(/,/^{/ { $in_body if (errno == 77) return -errno;| }" "shmq_finish: 'other system errors' can occur"
expect_complaint 'a reference to the list of another function' shmq.h \
    's/-EINVAL without a reservation/as shmq_put; &/' 'shmq_commit: its Return list refers'
expect_complaint 'a comment that says nothing of what is returned' shmq.h \
    's/Return:   0; -EINVAL without/0; -EINVAL without/' 'shmq_commit: no comment of its own'
expect_complaint 'a positive code' ring.c \
    "/^int ring_finish(/,/^{/ { $in_body if (seat == 77) return EXDEV;| }" 'shmq_acknowledge: EXDEV \(positive\) can occur'
expect_complaint 'a code in a macro' handle.h '/^#define HANDLE_MAGIC/ s/$/\n#define REFUSED (-EXDEV)/' 'handle.h:.*macro'
expect_complaint 'a remark that something cannot occur, which could not anyway' lane.c \
    "/^int lane_finish(/,/^{/ { $in_body /* Cannot occur: -EXDEV (for fun). */| }" 'lane_finish: .*EXDEV.* could not anyway'

expect_complaint 'the list of a function that is not public' ring.h \
    's/\(Return: 0; -EAGAIN [a-z ]* full;\) -EOVERFLOW;/\1/' \
    'ring.h: ring_make_room: -EOVERFLOW can occur'
expect_complaint 'parts of a comment in another order' shmq.h \
    's/^ [*] Return:  0; -EINVAL [a-z]* none is held; -ECHILD./&\n * Context: any./' 'shmq_fail: .* not in the order'

expect_complaint 'a parameter of which the comment says nothing' shmq.h \
    '/^ [*] @attempts  receives/d' 'shmq_fail: its comment says nothing of @attempts'

expect_complaint 'a code without a text' error.c '/{ENOBUFS,/d' 'shmq.h: -ENOBUFS is explained, but has no text'

# ------------------------------------------------------------------ the language

# Functions of small libraries of their own, each with the codes that can leave it.
library=$scratch/library
expect_list() { # NAME EXPECTED BODY [DEFINITIONS]
    rm -rf "$library"
    mkdir "$library"
    printf '/* a code means the same everywhere */\n/* Return: */\nint shmq_f(struct shmq *handle);\n' >"$library/shmq.h"
    printf '%s\nint shmq_f(struct shmq *handle)\n{\n%s\n}\n' "${4-}" "$3" >"$library/f.c"
    check_equal "$1" "$2" "$("$lint" --list "$library" 2>/dev/null | sed 's/^shmq_f: *//' | tr ' ' '\n' | sort | xargs)"
}

g='static int g(struct shmq *handle) { if (handle) return -EPERM; return h() == 0 ? -EBUSY : 0; }'
expect_list 'a call brings what the function called returns' 'EBUSY EPERM' 'return g(handle);' "$g"
expect_list 'unless it is only asked' '' 'if (g(handle) != 0) return 0; (void)g(handle); return 0;' "$g"
expect_list 'a comparison takes away' 'EPERM' 'int e = g(handle); if (e == -EBUSY) e = 0; return e;' "$g"
expect_list 'also one the other way round' 'EBUSY' 'int e = g(handle); if (e != -EBUSY) return 0; return e;' "$g"
expect_list 'of two, either may hold' 'EBUSY EPERM' \
    'int e = g(handle); if (e == -EBUSY && handle) return 0; return e;' "$g"
expect_list 'of two, both must hold' '' 'int e = g(handle); if (e == -EBUSY || e == -EPERM) return 0; return e;' "$g"
expect_list 'a chosen value' 'EINTR EPERM' 'int e = g(handle); return e == -EBUSY ? -EINTR : e;' "$g"
expect_list 'a loop that ends only without it' 'EPERM' 'int e; while ((e = g(handle)) == -EBUSY) wait(); return e;' "$g"
expect_list 'a loop that is gone through at least once' 'EPERM' \
    'int e = -EIO; do { e = g(handle); } while (e == -EBUSY); return e;' "$g"
expect_list 'a loop that is left from within' 'EBUSY ENOENT' \
    'for (int i = 0; i < 3; i++) { int e = g(handle); if (e == -EPERM) continue; if (e != 0) return e; } return -ENOENT;' "$g"
expect_list 'a loop that goes round with what it found' 'EBUSY EPERM' \
    'int e = 0, last = 0; for (;;) { if (last) return last; last = e; e = g(handle); }' "$g"
expect_list 'a loop that is broken off' 'EBUSY' \
    'int e = 0; for (;;) { e = g(handle); if (e == -EBUSY) break; } return e;' "$g"
expect_list 'a goto' 'EBUSY EPERM' 'int e = g(handle); if (e != 0) goto out; return 0; out: clean(); return e;' "$g"
expect_list 'a switch' 'EIO EPERM' \
    'switch (g(handle)) { case 0: return 0; case 1: return -EPERM; default: break; } return -EIO;' "$g"
expect_list 'a field' 'EBUSY EPERM' 'struct s s = {.error = 0}; k(&s); return s.error;' \
    "$g static void k(struct s *s) { s->error = g(0); }"
expect_list 'through a pointer' 'EBUSY EPERM' 'int e = 0; k(&e); return e;' "$g static void k(int *e) { *e = g(0); }"
expect_list 'through a pointer to a function' 'EBUSY EPERM' 'return k(g);' \
    "$g static int k(int (*call)(struct shmq *)) { return call(0); }"
expect_list 'a parameter' 'EXDEV' 'return k(1, -EXDEV);' 'static int k(int a, int error) { return a ? error : 0; }'
expect_list 'other system errors' 'SYS' 'if (x()) return -errno; return 0;'
expect_list 'what a library returned, negated' 'EINTR SYS' 'int e = EINTR; if (handle) e = x(); return -e;'
expect_list 'other system errors, by name' 'EMFILE SYS' 'return -errno; /* System errors: -EMFILE. */'
expect_list 'what cannot occur, by a remark' 'EPERM' 'return g(handle); /* Cannot occur: -EBUSY (why). */' "$g"
expect_list 'words in comments and texts are none' '' '/* return -EIO; */ say("-EIO"); // -EIO
return 0;'
expect_list 'one of the same name in another file is another one' 'EIO' 'return local();' 'static int local(void) { return -EIO; }'
expect_list 'functions that call each other' 'EBUSY EPERM' 'return a(3);' \
    "$g int b(int n); int a(int n) { return n ? b(n - 1) : 0; } int b(int n) { return n ? a(n - 1) : g(0); }"
