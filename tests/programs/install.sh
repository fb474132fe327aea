#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The view of another project: what `make install` installs is enough to compile and run against, in C and in C++.
. "$(dirname "$0")/../support/lib.sh"

cat >"$scratch/user.c" <<'END'
#include <shmq.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments)
{
    struct shmq_options options = SHMQ_OPTIONS_INIT;
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
flags() { # FLAG...: asks pkg-config as another project's build would
    PKG_CONFIG_PATH=$library/pkgconfig pkg-config --define-variable=prefix="$root/opt/shmq" \
        --define-variable=libdir="$library" --define-variable=includedir="$root/opt/shmq/include" "$@" shmq
}

compile_and_run() { # NAME COMPILER SOURCE FLAG...
    local name=$1 compiler=$2 source=$3
    shift 3
    new_queue
    "$compiler" -Wall -Wextra -Werror -o "$scratch/user" "$scratch/$source" "$@" \
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
check_equal 'the library has no thread-local storage, which each thread of its users would pay for' '' \
    "$(LC_ALL=C readelf -lW "$library/libshmq.so" | grep -w TLS)"

# ------------------------------------------------------------------ what the programs call themselves

bin=$root/opt/shmq/bin
check_names() { # PATH NAME WRONG-OPTION...: of a program
    local path=$1 name=$2
    shift 2
    check_status "$name --help" 0 "$path" --help
    check_match "$name --help: its usage" "^Usage: $name " "$scratch/out"
    check_status "$name --version" 0 "$path" --version "$@"
    check_match "$name --version: its name" "^$name \(shmq\) " "$scratch/out"
    check_status "$name, wrong usage" 2 "$path" --bogus
    check_equal "$name, wrong usage: each line has its name" 2 \
        "$(grep -c -e "^$name: " -e "^Try '$name --help'" "$scratch/err")"
}
for name in producer consumer monitor; do
    verb=()
    [[ $name != monitor ]] || verb=(list)
    check_names "$bin/shmq-$name" "shmq-$name" "${verb[@]}"
    ln -s "$bin/shmq-$name" "$scratch/my-$name-link"
    check_names "$scratch/my-$name-link" "my-$name-link" "${verb[@]}"
    check_names "$build/$name" "$name" "${verb[@]}"
done
PATH=$bin:$PATH check_names shmq-producer shmq-producer
check_names "$bin/shmq-run" shmq-run
check_names "$build/supervisor" supervisor
ln -s "$bin/shmq-run" "$scratch/my-run-link"
for name in "$bin/shmq-run" "$scratch/my-run-link"; do
    new_queue
    check_status "${name##*/} finds the others" 0 "$name" -Q "$queue" --count 1 --delay 0 --work 0
    check_match "${name##*/}: has a summary" "^${name##*/}: produced 1 message, consumed 1" "$scratch/err"
done
cp "$bin/shmq-run" "$scratch/alone-run"
check_status 'without the others beside it: exit 1' 1 "$scratch/alone-run" -Q "$queue" --count 1
check_match 'without the others beside it: says so' 'alone-run: producer: cannot be found beside' "$scratch/err"
ln -s "$run_sh" "$scratch/queue-run"
check_status 'run.sh through a link: wrong usage' 2 "$scratch/queue-run" --bogus
check_equal 'run.sh through a link: each line has its name' 2 \
    "$(grep -c -e '^queue-run: ' -e "^Try 'queue-run --help'" "$scratch/err")"
check_status 'run.sh through a link: help' 0 "$scratch/queue-run" --help
check_match 'run.sh through a link: its usage' "^Usage: queue-run " "$scratch/out"
check_equal 'the help of an installed program: the others have their names' '' \
    "$(for name in producer consumer monitor run; do "$bin/shmq-$name" --help; done | grep -E "'(producer|consumer|monitor) ")"
check_equal 'no message names another program without the prefix' '' \
    "$(cd "$top" && grep -nE "[\" (]'(producer|consumer|monitor) " producer/*.c consumer/*.c monitor/*.c supervisor/*.c common/cli/*.c)"

# A program calls itself by the name that it was called with.
check_called() { # NAME EXPECTED
    (exec -a "$1" "$bin/shmq-monitor" --bogus) 2>"$scratch/err"
    check_equal "called '${1:0:10}': exit 2" 2 $?
    check_match "called '${1:0:10}': says so" "^$2: unrec" "$scratch/err"
}
check_called '' monitor
check_called / monitor
check_called $'a\e[2Jb' 'a[?][[]2Jb'
check_called "$(printf '%05000d' 0)" '0{63}'

# Messages that refer to another program of shmq name what the user has to type.
new_queue
check_status 'a message of a producer' 0 "$bin/shmq-producer" -Q "$queue" -- a
check_match 'a message of a producer: its name' '^shmq-producer: produced 1 message' "$scratch/err"
head -c 5000 /dev/zero | tr '\0' x >"/dev/shm/shmq.$queue"
check_status 'a damaged queue' 5 "$scratch/my-consumer-link" -Q "$queue"
check_match 'a damaged queue: the monitor has its name' "^my-consumer-link: .*see 'shmq-monitor check'" "$scratch/err"
if [[ -x $build/consumer-nats ]]; then
    check 'the bridge to NATS is installed' test -x "$root/opt/shmq/libexec/shmq/shmq-consumer-nats"
    to=(--to 127.0.0.1:9 --stream S --subject a)
    check_status 'the bridge is found from a link, too' 5 "$scratch/my-consumer-link" -Q "$queue" "${to[@]}"
    check_match 'the bridge: the monitor has its name' "^my-consumer-link: .*see 'shmq-monitor check'" "$scratch/err"
else
    skip 'the bridge to NATS' 'built without libnats (apt-get install libnats-dev)'
fi
if [[ -x $build/monitor-top ]]; then
    ln -s "$bin/shmq-monitor" "$scratch/my-monitor-link"
    check_status 'top is installed, and found from a link' 1 "$scratch/my-monitor-link" top </dev/null
    check_match 'top: the monitor has its name' "^my-monitor-link: top: .*'shmq-monitor list" "$scratch/err"
else
    skip 'top is installed' 'built without ncurses (apt-get install libncurses-dev)'
fi
check_status 'a damaged queue, in build/' 5 "$consumer" -Q "$queue"
check_match 'a damaged queue, in build/: the monitor has its name' "^consumer: .*see 'monitor check'" "$scratch/err"
rm -f "/dev/shm/shmq.$queue"
check_status 'no such queue' 1 "$bin/shmq-monitor" check "$queue"
check_match 'no such queue: the monitor has its name' "see 'shmq-monitor list'" "$scratch/err"

# ------------------------------------------------------------------ manual pages and completion

share=$root/opt/shmq/share
for page in man1/shmq-{producer,consumer,monitor,run}.1 man3/shmq.3 man7/shmq.7; do
    check "there is $page" test -s "$share/man/$page"
    if command -v mandoc >/dev/null; then
        # The pages that it refers to need not be installed on this machine.
        check_equal "$page: mandoc has nothing to say" '' \
            "$(mandoc -T lint "$share/man/$page" 2>&1 | grep -v 'referenced manual not found')"
    else
        skip "$page: mandoc has nothing to say" 'mandoc is missing (apt-get install mandoc)'
    fi
done
check_equal 'no field that is true or false is described by a number' '' \
    "$(grep -A 1 'Pq true or false' "$share/man/man1/shmq-monitor.1" | grep '^1 ')"
check_equal 'each public function is in shmq.3' '' \
    "$(sed -n 's/^ *\(shmq_[a-z0-9_]*\);.*/\1/p' "$top/common/shmq.map" | while read -r name; do
        grep -q "^.Ss $name()" "$share/man/man3/shmq.3" || echo "$name"
    done)"

new_queue
"$producer" -q -Q "$queue" -- a
complete_bash() { # WORD...: prints what bash would offer for the last word
    bash -c '
        . "$1"
        COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
        "$(complete -p "$2" | sed "s/.*-F \([^ ]*\).*/\1/")"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$share/bash-completion/completions/$1" "$@" 2>&1
}
: >"$scratch/a file"
check_equal 'bash: names of options' '--on-full' "$(complete_bash shmq-producer --on)"
check_equal 'bash: choices' $'block\nfail\ndrop' "$(complete_bash shmq-producer --on-full '')"
check_equal 'bash: choices behind =' 'drop' "$(complete_bash shmq-producer --on-full = dr)"
check_equal 'bash: queues' "$queue" "$(complete_bash shmq-consumer -Q "${queue:0:${#queue}-1}" | grep -xF "$queue")"
check_equal 'bash: files' "$scratch/a file" "$(complete_bash shmq-run --input "$scratch/a ")"
check_equal 'bash: verbs' $'show\nshutdown' "$(complete_bash shmq-monitor sh)"
check_equal 'bash: the queue of a verb' "$queue" "$(complete_bash shmq-monitor show "$queue")"
odd="/dev/shm/shmq.$queue.\$(touch planted)"
: >"$odd"
check_equal 'bash: what somebody else put beside the queues is neither offered nor run' '' \
    "$(cd "$scratch" && complete_bash shmq-consumer -Q "$queue."; find "$scratch" -name planted)"
rm -f -- "$odd"
for name in producer consumer monitor run; do
    check "bash takes the completion of $name" bash -n "$share/bash-completion/completions/shmq-$name"
    if command -v zsh >/dev/null; then
        check "zsh takes the completion of $name" zsh -n "$share/zsh/site-functions/_shmq-$name"
    else
        skip "zsh takes the completion of $name" 'zsh is missing'
    fi
    if command -v fish >/dev/null; then
        check "fish takes the completion of $name" fish --no-execute "$share/fish/vendor_completions.d/shmq-$name.fish"
    else
        skip "fish takes the completion of $name" 'fish is missing'
    fi
done
if command -v fish >/dev/null; then
    complete_fish() { # PROGRAM LINE
        HOME=$scratch fish --no-config -c "source $share/fish/vendor_completions.d/$1.fish; complete -C '$1 $2'" 2>&1 | cut -f 1
    }
    check_equal 'fish: choices' $'block\ndrop\nfail' "$(complete_fish shmq-producer '--on-full ' | sort)"
    check_equal 'fish: verbs' $'show\nshutdown' "$(complete_fish shmq-monitor sh | sort)"
fi

# ------------------------------------------------------------------ uninstall

check_status 'make install over an earlier one' 0 make_quietly install
mkdir -p "$root/opt/shmq/share/doc" && : >"$root/opt/shmq/bin/another"
check_status 'make uninstall' 0 make_quietly uninstall
check_equal 'what others put there is left, and nothing else' "opt opt/shmq opt/shmq/bin opt/shmq/bin/another opt/shmq/share opt/shmq/share/doc " \
    "$(cd "$root" && find . -mindepth 1 -printf '%P\n' | sort | tr '\n' ' ')"
rm -rf -- "$root"
check_status 'make install, where there is nothing' 0 make_quietly install
check_status 'make uninstall, once more' 0 make_quietly uninstall
check 'nothing is left, not even a folder' test ! -e "$root"
mkdir -p "$root/opt/shmq/include"
check_status 'make install, beside an empty folder' 0 make_quietly install
check_status 'make uninstall, beside an empty folder' 0 make_quietly uninstall
check_equal 'an empty folder that was there before stays' 'opt opt/shmq opt/shmq/include ' \
    "$(cd "$root" && find . -mindepth 1 -printf '%P\n' | sort | tr '\n' ' ')"
