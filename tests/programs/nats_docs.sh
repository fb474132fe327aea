#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# time limit: 120 s
# Follows docs/NATS.md on this machine: three servers with the page's configuration, its units, and every block of
# commands in turn, with addresses, files and queues of this test's own. What only makes sense on a machine of one's own
# is stood in for: sudo, apt-get, make, adduser; systemctl starts what the units say.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/nats.sh"

nats_needed || exit 0

export root=$scratch/root units=$scratch/units server=1
bin=$scratch/bin
mkdir -p "$scratch/blocks" "$root/etc/systemd/system" "$root/var/lib" "$units" "$bin"
cd "$scratch" || exit 1

# ------------------------------------------------------------------ what stands in for a machine of one's own

stand_in() { # NAME, the text on stdin
    { printf '#!/usr/bin/env bash\n'; cat; } >"$bin/$1"
    chmod +x "$bin/$1"
}

stand_in sudo <<'END'
[[ $1 != -u ]] || shift 2
exec "$@"
END
stand_in apt-get <<<'exit 0'
stand_in make <<<'exit 0'
stand_in adduser <<<'exit 0'
# The users may not be there.
stand_in install <<'END'
args=()
while (($#)); do
    case $1 in
    -o | -g) shift ;;
    *) args+=("$1") ;;
    esac
    shift
done
exec /usr/bin/install "${args[@]}"
END
stand_in systemctl <<'END'
unit=${*: -1}
file=$units/$unit
[[ $unit != nats-server ]] || file+=.$server
text=$root/etc/systemd/system/$unit.service
start() {
    local command="nats-server -c $root/etc/nats-server.$server.conf" environment NATS_SERVERS NATS_OPTIONS
    if [[ $unit != nats-server ]]; then
        command=$(sed -n '/^ExecStart=/,/[^\\]$/p' "$text" | sed 's/^ExecStart=//; s/\\$//' | tr '\n' ' ')
        environment=$(sed -n 's/^EnvironmentFile=//p' "$text")
        . "$environment"
        command=${command//'${NATS_SERVERS}'/$NATS_SERVERS}
        command=${command//'$NATS_OPTIONS'/$NATS_OPTIONS}
    fi
    set -f
    keep_running >/dev/null 2>&1 </dev/null &
    until [[ -s $file.pid ]]; do sleep 0.01; done
}
# As Restart=on-failure, RestartSec=2 and RestartPreventExitStatus=2 in the units say.
keep_running() {
    local status
    echo $BASHPID >"$file.keeper"
    trap 'kill $! 2>/dev/null; exit' TERM
    while :; do
        # shellcheck disable=SC2086 # words
        setsid $command >>"$file.log" 2>&1 </dev/null &
        echo $! >"$file.pid"
        wait $!
        status=$?
        ((status != 0 && status != 2 && status < 128)) && [[ -s $file.pid ]] || return 0
        sleep 2 &
        wait $!
        [[ -s $file.pid ]] || return 0
    done
}
stop() {
    [[ -s $file.pid ]] || return 0
    kill -TERM "$(<"$file.pid")" 2>/dev/null
    tail --pid="$(<"$file.pid")" -f /dev/null
    rm -f "$file.pid"
}
case $1 in
daemon-reload) ;;
enable) [[ $2 != --now ]] || start ;;
restart) stop; start ;;
start | stop) "$1" ;;
is-active) kill -0 "$(<"$file.pid")" && echo active ;;
kill) kill -"$3" "$(<"$file.pid")" ;;
*) echo "systemctl $*: not known here" >&2; exit 1 ;;
esac
END
stand_in journalctl <<'END'
while (($#)); do
    case $1 in
    -u) log=$units/$2.log; [[ $2 != nats-server ]] || log=$units/$2.$server.log; shift ;;
    -n) lines=$2; shift ;;
    esac
    shift
done
tail -n "${lines:-100}" "$log"
END
for name in producer consumer monitor; do
    ln -s "$build/$name" "$bin/shmq-$name"
done
PATH=$bin:$PATH

# Ends the servers and the bridges, which are not children of this shell.
docs_clean_up() {
    local status=$? pid
    if [[ $BASHPID == "$$" ]]; then
        for pid in $(test_processes); do
            kill -KILL "$pid" 2>/dev/null
        done
    fi
    (exit "$status")
    nats_clean_up
}
trap docs_clean_up EXIT

# ------------------------------------------------------------------ the page, with names of this test's own

own_names() {
    local i texts=()
    for i in 1 2 3; do
        texts+=(-e "s|n$i\.example|$(nats_address "$i")|g")
    done
    ((server == 1)) || texts=(-e "s|/n1(\.example\.[ck])|/n$server\1|; s|^server_name: n1|server_name: n$server|; s|^(host: \")n1|\1n$server|; s|^(  listen: \")n1|\1n$server|" "${texts[@]}")
    sed -E "${texts[@]}" -e "s|127\.0\.0\.1:8222|$(nats_address "$server"):$((nats_port + 2))|g" \
        -e "s|(127\.[0-9.]+):4222|\1:$nats_port|g; s|(127\.[0-9.]+):6222|\1:$((nats_port + 1))|g" \
        -e "s|^port: 4222|port: $nats_port|; s|/etc/nats-server.conf|$root/etc/nats-server.$server.conf|g" \
        -e "s|/etc/systemd|$root/etc/systemd|g; s|/etc/shmq|$root/etc/shmq|g; s|/var/lib/nats|$root/var/lib/nats.$server|g" \
        -e "s#/dev/tcp/(127[0-9.]+)/4222#/dev/tcp/\1/$nats_port#" -e "s|/usr/local/bin/|$bin/|g" \
        -e "s|'subjectAltName=DNS:%s.n' \"(.name)\"|\"subjectAltName=\$([[ \1 == 127.* ]] \&\& echo IP \|\| echo DNS):\1\"|" -e "s#(--queue|monitor [a-z]+) (log|copy)#\1 $SHMQ_TEST_PREFIX.\2#g"
}

# One file for each block, with its number and kind in its name, and in a .path beside it the last path before it.
awk -v folder="$scratch/blocks" '
    match($0, /`\/etc\/[^`]*`/) { path = substr($0, RSTART + 1, RLENGTH - 2) }
    /^```[a-z]+$/ { file = sprintf("%s/%02d.%s", folder, ++count, substr($0, 4)); print path > (file ".path"); next }
    /^```$/ { file = "" }
    file != "" { print > file }' "$top/docs/NATS.md"

run_commands() { # FILE
    local name
    name="block ${1##*/}: $(grep -v '^#' "$1" | head -n 1 | cut -c 1-60), on host $server"
    if own_names <"$1" >"$scratch/commands" && timeout 30 bash -e -o pipefail "$scratch/commands" >"$scratch/out.log" 2>&1; then
        ok "$name"
    else
        not_ok "$name" "$scratch/out.log"
        tail -n 5 "$units"/shmq-*.log 2>/dev/null | sed 's/^/#   /'
    fi
}

write_file() { # FILE
    local path
    path=$(own_names <"$1.path")
    mkdir -p "$(dirname "$path")"
    if grep -q '^authorization' "$1"; then
        own_names <"$1" >>"$path"
    else
        own_names <"$1" >"$path"
    fi
    [[ $path == *.service ]] || return 0
    if command -v systemd-analyze >/dev/null; then
        check "${path##*/} is a unit that systemd takes" systemd_takes "$path"
    else
        skip "${path##*/} is a unit that systemd takes" 'systemd is missing'
    fi
}

# It warns with status 0.
systemd_takes() { # UNIT
    local said
    said=$(systemd-analyze verify --man=no "$1" 2>&1) && ! grep -F "$(basename "$1")" <<<"$said"
}

# Blocks about /etc/nats-server.conf are for each of the servers.
follow_page() {
    local file
    for file in "$scratch"/blocks/*; do
        [[ $file != *.path ]] || continue
        for server in 1 2 3; do
            case $file in
            *.sh)
                ((server == 1)) || grep -q nats-server "$file" || continue
                run_commands "$file" ;;
            *)
                ((server == 1)) || grep -q nats-server "$file.path" || continue
                write_file "$file" ;;
            esac
        done
        server=1
    done
}

# What the page quotes as a message must be in the sources. An ellipsis stands for what varies.
check_quotes() {
    local quote part missing=''
    cat "$top"/common/nats/*.c "$top"/common/cli/sibling_program.c "$top"/{consumer,producer}/nats/*.c |
        tr '\n' ' ' | sed -E 's/"[ ]*"//g' >"$scratch/sources"
    while read -r quote; do
        while read -r part; do
            ((${#part} < 8)) || grep -qF -- "$part" "$scratch/sources" || missing+="$part"$'\n'
        done <<<"${quote//…/$'\n'}"
    done < <(awk -F '`' '/^## / { on = /When something/ } on && /^\| `/ { print $2 }' "$top/docs/NATS.md")
    check_equal 'the messages that the page quotes are those of the programs' '' "$missing"
}

check_quotes
nats_port=$((10000 + $$ % 7000 * 3))
follow_page
for keeper in "$units"/*.keeper; do
    kill -TERM "$(<"$keeper")" 2>/dev/null && tail --pid="$(<"$keeper")" -f /dev/null
done
true # the last one may have ended
