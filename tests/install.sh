#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Another project's view: what `make install` puts somewhere is enough to compile and run against, in C and in C++.
. "$(dirname "$0")/lib.sh"

cat >"$scratch/user.c" <<'END'
#include <shmq.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments)
{
    struct shmq_options options = {};
    struct shmq *producer = NULL, *consumer = NULL;
    char text[16] = "";
    size_t length = 0;

    options.create = true;
    if (count != 2 || shmq_open(&producer, arguments[1], SHMQ_PRODUCER, &options) != 0 ||
        shmq_open(&consumer, arguments[1], SHMQ_CONSUMER, NULL) != 0 ||
        shmq_put(producer, "hello", 6, SHMQ_FOREVER) != 0 ||
        shmq_get(consumer, text, sizeof(text), &length, SHMQ_FOREVER) != 0 || shmq_close(producer) != 0 ||
        shmq_close(consumer) != 0 || shmq_remove(arguments[1], false) != 0)
        return 1;
    return puts(text) < 0 || length != 6 || strcmp(shmq_version(), SHMQ_VERSION_STRING) != 0;
}
END
cp "$scratch/user.c" "$scratch/user.cc"

root=$scratch/root
make_quietly() {
    make -s -C "$top" BUILD="$scratch/build" DESTDIR="$root" PREFIX=/opt/shmq "$@" >"$scratch/make.log" 2>&1
}
check_status 'make install' 0 make_quietly -j2 install
library=$root/opt/shmq/lib
flags() { # FLAG...: as another project's build would ask
    PKG_CONFIG_PATH=$library/pkgconfig pkg-config --define-variable=prefix="$root/opt/shmq" \
        --define-variable=libdir="$library" --define-variable=includedir="$root/opt/shmq/include" "$@" shmq
}

compile_and_run() { # NAME COMPILER SOURCE FLAG...
    local name=$1 compiler=$2 source=$3
    shift 3
    new_queue
    "$compiler" -Wall -Wextra -Werror -Wno-missing-field-initializers -o "$scratch/user" "$scratch/$source" "$@" \
        >"$scratch/compile.log" 2>&1 || { not_ok "$name" "$scratch/compile.log"; return; }
    check_equal "$name" hello "$(LD_LIBRARY_PATH=$library "$scratch/user" "$queue" 2>&1)"
}
mapfile -t shared < <(flags --cflags --libs | xargs -n 1)
compile_and_run 'C, shared library' gcc user.c "${shared[@]}"
compile_and_run 'C++, shared library' g++ user.cc "${shared[@]}"
compile_and_run 'C, static library' gcc user.c -I "$root/opt/shmq/include" "$library/libshmq.a" -pthread

check_equal 'the pkg-config file has the version' "$("$producer" --version | grep -o '[0-9][0-9.]*[0-9]' | head -n 1)" \
    "$(flags --modversion)"
check_equal 'nothing is exported but shmq_ functions' '' \
    "$(nm -D --defined-only "$library/libshmq.so" | awk '$2 != "A" { print $3 }' | grep -v '^shmq_')"
check_status 'an installed program runs' 0 "$root/opt/shmq/bin/shmq-producer" --help
check_status 'make uninstall' 0 make_quietly uninstall
check_equal 'nothing is left' '' "$(find "$root" ! -type d)"
