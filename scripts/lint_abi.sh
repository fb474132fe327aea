#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compares the binary interface (functions, sizes and offsets of the public structs, values of enumerators, the soname)
# with the one recorded in shmq.abi. `make lint` runs it.
#
#   lint_abi.sh [--write] [DIR]
#
#   --write  record the present interface
#   DIR      folder of shmq.h, shmq.map and shmq.abi; default common/ of this checkout
#
# Exit status: 0 they are equal; 1 they differ.
set -u
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) || exit 1
write=0
if [[ ${1-} == --write ]]; then
    write=1
    shift
fi
sources=${1-$here/../common}
work=$(mktemp -d) || exit 1
trap 'rm -rf -- "$work"' EXIT
compiler=${CC:-cc}

fail() {
    printf 'lint: %s\n' "$*" >&2
    exit 1
}

# Prints the declarations without comments, one per line.
declarations() {
    $compiler -std=c17 -E -P -x c -include "$sources/shmq.h" /dev/null 2>"$work/errors" |
        tr '\n' ' ' | sed 's/  */ /g; s/[;{}]/&\n/g' | sed 's/^ //; s/( /(/g; s/ )/)/g'
}

functions() {
    sed -n 's/^\([a-z].*[ *]shmq_[a-z0-9_]*(.*);$\)/function \1/p' "$work/declarations" | grep -v '^function typedef' | LC_ALL=C sort
    grep '^typedef .*shmq_' "$work/declarations"
}

# Prints a program that prints the sizes of the structs, the offsets of their fields and the values of the enumerators.
program() {
    awk '
        BEGIN { print "#include <stdio.h>\n#include \"shmq.h\"\nint main(void)\n{" }
        /^struct shmq_[a-z_]* \{$/ {
            struct = $2
            printf "printf(\"struct %s %%zu\\n\", sizeof(struct %s));\n", struct, struct
            next
        }
        /^enum shmq_[a-z_]* \{$/ { values = 1; next }
        values {
            sub(/\}.*/, "")
            count = split($0, names, ",")
            for (i = 1; i <= count; i++) {
                sub(/=.*/, "", names[i])
                gsub(/ /, "", names[i])
                if (names[i] != "")
                    printf "printf(\"enumerator %s %%d\\n\", (int)%s);\n", names[i], names[i]
            }
            values = 0
            next
        }
        /^\}/ { struct = "" }
        struct != "" {
            type = $0
            sub(/;$/, "", type)
            name = type
            sub(/\[.*/, "", name)
            sub(/.*[ *]/, "", name)
            printf "printf(\"field %s.%s %%zu %%zu  %s\\n\", offsetof(struct %s, %s), sizeof(((struct %s *)0)->%s));\n",
                struct, name, type, struct, name, struct, name
        }
        END { print "return 0;\n}" }' "$work/declarations"
}

# Sizes and limits, which callers also compile in.
constants() {
    sed -n 's/^#define \(SHMQ_[A-Z_]*\)  *\([^/]*[^ /]\).*/\1 \2/p' "$sources/shmq.h" |
        grep -v -e '_INIT ' -e '^SHMQ_VERSION_STRING ' -e '^SHMQ_OPTIONS_DEFAULTS ' | LC_ALL=C sort | sed 's/^/constant /'
}

declarations >"$work/declarations"
grep -q '^struct shmq_options {$' "$work/declarations" || fail "$sources/shmq.h: cannot be read by $compiler: $(head -n 3 "$work/errors")"
program >"$work/program.c"
$compiler -std=c17 -I "$sources" -o "$work/program" "$work/program.c" 2>"$work/errors" ||
    fail "$sources/shmq.h: cannot determine the layout of the structs: $(head -n 3 "$work/errors")"
{
    echo '# What callers of shmq have compiled in. Written by scripts/lint_abi.sh --write; CONTRIBUTING.md says what may change.'
    sed -n 's/^\(SHMQ_[0-9]*\) {.*/version \1/p' "$sources/shmq.map"
    functions
    "$work/program"
    constants
} >"$work/now"

if ((write)); then
    cp -- "$work/now" "$sources/shmq.abi" || exit 1
    exit 0
fi
[[ -f $sources/shmq.abi ]] || fail "$sources/shmq.abi: missing"
diff -u --label "shmq.abi, as recorded" --label "shmq.h and shmq.map, as they are" "$sources/shmq.abi" "$work/now" >&2 && exit 0
echo "lint: the binary interface has changed (if intended, see CONTRIBUTING.md, then run scripts/lint_abi.sh --write)" >&2
exit 1
