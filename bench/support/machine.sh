# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with bench.sh
# Sourced by bench.sh: describes the machine and the software versions, without names of hosts, users or folders.

version_of() { # PACKAGE
    dpkg-query -W -f '${Version}' "$1" 2>/dev/null
}

# Prints the first command that is installed.
versions() { # TITLE=PACKAGE...
    local pair found=''
    for pair; do
        local version
        version=$(version_of "${pair#*=}") && [[ $version ]] && found+=${found:+, }"${pair%%=*} $version"
    done
    printf '%s' "$found"
}

cache_sizes() {
    local index
    for index in /sys/devices/system/cpu/cpu0/cache/index*; do
        [[ -r $index/size && $(<"$index/type") != Instruction ]] || continue
        printf 'L%s %s, ' "$(<"$index/level")" "$(<"$index/size")"
    done | sed 's/, $//'
}

virtual() {
    grep -q '^flags.*\bhypervisor\b' /proc/cpuinfo 2>/dev/null && printf ', in a virtual machine'
}

describe_machine() {
    local model system=''
    model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
    [[ ! -r /etc/os-release ]] || system=$(sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release)
    printf -- '- Processor: %s, %d processors%s; caches of one: %s\n' "${model:-$(uname -m)}" "$(nproc)" "$(virtual)" \
        "$(cache_sizes)"
    printf -- '- Memory: %d GiB\n' "$(awk '/^MemTotal/ { printf "%d", $2 / 1048576 + 0.5 }' /proc/meminfo)"
    printf -- '- System: %s, Linux %s, glibc %s\n' "$system" "$(uname -r)" "$(getconf GNU_LIBC_VERSION | sed 's/.* //')"
    printf -- '- Compiler: %s\n' "$(${CC:-cc} --version | head -n 1)"
    printf -- '- Others: %s\n' "$(versions ZeroMQ=libzmq5 nng=libnng1 Boost=libboost-dev libqb=libqb100 \
        Redis=redis-server hiredis=libhiredis0.14 Python=python3 pv=pv mbuffer=mbuffer findutils=findutils 'GNU parallel=parallel')"
    [[ ! $best_line_ns ]] ||
        printf -- '- One cache line from one processor to the other and back: %s ns\n' "$best_line_ns"
}
