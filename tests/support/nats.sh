# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# Sourced after lib.sh by tests that need NATS servers with JetStream. However the test exits, its servers are ended and
# their files removed.
#
#   nats_needed || exit 0          # skips the file where the server or the client library is missing
#   nats_start 3                   # or 1, the default; sets NATS_URL
#   "$tool_nats" make S 'S.>' 3
#   nats_kill 1                    # nats_restart 1, nats_stop 1, nats_cont 1
#
# Servers are counted from 1 and called n1, n2, n3. All servers of a test listen at one port, each at an address of its
# own of 127.0.0.0/8 that is made of this process's number, so that two tests never meet.

PATH=$PATH:/usr/sbin:/sbin # where the server is, for users other than root
tool_nats=$build/tests/tool_nats
nats_folder=$scratch/nats
nats_count=0      # servers
nats_port=0       # for clients; the next is for routes between servers, and one more for monitoring
nats_pids=()      # nats_pids[I]
nats_runner=()    # words before the command of a server, such as those that enter a network namespace
nats_addresses='' # first three bytes of the servers' addresses, and a dot, if they are not to be on loopback
nats_user=''      # USER:PASSWORD@ of $NATS_URL, where the configuration asks for it

# Skips the test file if servers or the programs that speak to them are missing here.
nats_needed() {
    if ! command -v nats-server >/dev/null; then
        skip "$test_name" 'nats-server is missing (apt-get install nats-server)'
    elif [[ ! -x $tool_nats ]]; then
        skip "$test_name" 'built without libnats (apt-get install libnats-dev, make tests)'
    else
        return 0
    fi
    return 1
}

# tool_nats, from where the servers are.
nats_ask() { # COMMAND...
    "${nats_runner[@]}" "$tool_nats" "$@"
}

nats_address() { # I
    local number=$(($$ << 2 | $1 - 1))
    if [[ $nats_addresses ]]; then
        printf '%s%d' "$nats_addresses" "$1"
    else
        printf '127.%d.%d.%d' $((number >> 16 & 255)) $((number >> 8 & 255)) $((number & 255))
    fi
}

# Prints the URLs of all servers, separated by commas.
nats_url() {
    local i urls=''
    for ((i = 1; i <= nats_count; i++)); do
        urls+=,nats://$nats_user$(nats_address "$i"):$nats_port
    done
    printf '%s' "${urls#,}"
}

nats_pid() { # I
    printf '%s' "${nats_pids[$1]:-}"
}

nats_log() { # I
    printf '%s' "$nats_folder/n$1.log"
}

nats_write_configuration() { # I CONFIGURATION
    local i routes=''
    for ((i = 1; i <= nats_count; i++)); do
        routes+=", \"nats-route://$(nats_address "$i"):$((nats_port + 1))\""
    done
    {
        printf 'server_name: n%d\nhost: "%s"\nport: %d\nhttp: "%s:%d"\n' "$1" "$(nats_address "$1")" "$nats_port" \
            "$(nats_address "$1")" $((nats_port + 2))
        printf 'jetstream { store_dir: "%s/n%d", max_memory_store: 256MB, max_file_store: 4GB }\n' "$nats_folder" "$1"
        ((nats_count == 1)) || printf 'cluster { name: c, listen: "%s:%d", no_advertise: true, routes: [%s] }\n' \
            "$(nats_address "$1")" $((nats_port + 1)) "${routes#, }"
        printf '%s\n' "$2"
    } >"$nats_folder/n$1.conf"
}

# Starts server I with the configuration that it has.
nats_launch() { # I
    local log
    log=$(nats_log "$1")
    printf '=== started\n' >>"$log"
    (
        trap - EXIT INT TERM
        exec "${nats_runner[@]}" nats-server -c "$nats_folder/n$1.conf"
    ) >>"$log" 2>&1 </dev/null &
    nats_pids[$1]=$!
}

# For wait_until: the server that was started last under this number listens, or has ended.
nats_has_begun() { # I
    sed -n '/^=== started/h; //!H; ${ x; p; }' "$(nats_log "$1")" | grep -Eq 'Listening for client|address already in use' ||
        has_ended "${nats_pids[$1]}"
}

# Starts so many servers, in a new folder. CONFIGURATION is further text for each one's file. Returns 1 if they do not
# come up.
nats_start() { # [1 | 3 [CONFIGURATION]]
    local i tries
    nats_stop_all
    nats_count=${1:-1}
    for ((tries = 0; tries < 20; tries++)); do
        nats_port=$((10000 + ($$ + tries * 97) % 7000 * 3))
        rm -rf -- "$nats_folder" && mkdir "$nats_folder" || return
        for ((i = 1; i <= nats_count; i++)); do
            nats_write_configuration "$i" "${2:-}"
            nats_launch "$i"
        done
        for ((i = 1; i <= nats_count; i++)); do
            wait_until 30 nats_has_begun "$i"
        done
        grep -q 'address already in use' "$nats_folder"/*.log || break
        nats_kill_all
    done
    NATS_URL=$(nats_url)
    export NATS_URL
    nats_wait_ready
}

# For wait_until: JetStream can make a stream with a replica on each server, or a server has ended.
nats_is_ready() {
    local i
    for ((i = 1; i <= nats_count; i++)); do
        ! has_ended "${nats_pids[i]}" || return 0
    done
    nats_ask ready "$nats_count" 2>/dev/null
}

# Waits until JetStream can make a stream with a replica on each server.
nats_wait_ready() {
    wait_until 60 nats_is_ready && nats_ask ready "$nats_count" && return
    tail -n 20 "$nats_folder"/*.log | sed 's/^/# /'
    return 1
}

nats_kill() { # I [SIGNAL]
    kill -"${2:-KILL}" "${nats_pids[$1]}"
    kill -CONT "${nats_pids[$1]}"
    wait "${nats_pids[$1]}"
    nats_pids[$1]=''
} 2>/dev/null

# With the files that it had.
nats_restart() { # I
    [[ ! ${nats_pids[$1]:-} ]] || nats_kill "$1"
    nats_launch "$1"
    wait_until 30 nats_has_begun "$1"
}

nats_stop() { # I
    kill -STOP "${nats_pids[$1]}"
}

nats_cont() { # I
    kill -CONT "${nats_pids[$1]}"
}

# Prints the number of the server that leads STREAM; nothing if none does.
nats_leader() { # STREAM
    local name
    if ((nats_count == 1)); then
        nats_ask count "$1" >/dev/null 2>&1 && printf 1
        return
    fi
    name=$(nats_ask leader "$1" 2>/dev/null)
    printf '%s' "${name#n}"
}

nats_has_leader() { # STREAM
    [[ $(nats_leader "$1") ]]
}

nats_count_is() { # STREAM COUNT
    [[ $(nats_ask count "$1" 2>/dev/null) == "$2" ]]
}

# How many messages server I itself has of the stream, of which it may be behind.
nats_count_of() { # I STREAM
    # shellcheck disable=SC2016 # for the other shell
    "${nats_runner[@]}" bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET /jsz?streams=true HTTP/1.0\r\n\r\n" >&3 && cat <&3' \
        "$(nats_address "$1")" $((nats_port + 2)) 2>/dev/null |
        awk -v name="\"name\": \"$2\"," 'index($0, name) { on = 1 } on && /"messages":/ { gsub(/[^0-9]/, ""); print; exit }'
}

# For wait_until.
nats_has_messages() { # I STREAM COUNT
    (($(nats_count_of "$1" "$2") >= $3))
} 2>/dev/null

nats_kill_all() {
    local i
    for i in "${!nats_pids[@]}"; do
        [[ ! ${nats_pids[i]} ]] || kill -KILL "${nats_pids[i]}" 2>/dev/null
    done
    for i in "${!nats_pids[@]}"; do
        [[ ! ${nats_pids[i]} ]] || wait "${nats_pids[i]}" 2>/dev/null
        nats_pids[i]=''
    done
} 2>/dev/null

nats_stop_all() {
    nats_kill_all
    nats_pids=() nats_count=0
    rm -rf -- "$nats_folder"
}

nats_clean_up() {
    local status=$?
    [[ $BASHPID != "$$" ]] || nats_stop_all
    (exit "$status")
    clean_up
}
trap nats_clean_up EXIT
