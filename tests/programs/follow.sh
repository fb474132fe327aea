#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016
# producer --follow: files that grow, are renamed, truncated, copied and removed, while it runs and while it does not.
. "$(dirname "$0")/../support/lib.sh"

logs=$scratch/logs
out=$scratch/out
preload=
new_queue
read -ra compiler <<<"${CC:-cc}"

# A new queue, an empty folder, and a consumer that collects all messages in $out, a line each.
begin() {
    [[ -n ${reader-} ]] && kill_now "$reader"
    next_queue
    rm -rf -- "$logs"
    mkdir -p "$logs"
    : >"$out"
    "$producer" -q -Q "$queue" </dev/null
    "$consumer" -q -Q "$queue" --follow >"$out" 2>"$scratch/consumer.err" &
    reader=$!
}

# Starts a follower, $pid; its messages go to follow.log.
follow() { # OPTION...
    : >"$scratch/follow.log" # before the follower does so
    LD_PRELOAD=$preload "$producer" -v -Q "$queue" --follow "$@" 2>"$scratch/follow.log" &
    pid=$!
}

follows() { # COUNT: so many files were found
    (($(grep -c 'following it from' "$scratch/follow.log") >= $1))
}

ready() { # COUNT
    wait_until 30 follows "$1" || not_ok "follows $1 files" "$scratch/follow.log"
}

stop() {
    kill -TERM "$pid"
    end_status "$1: it stops" 0 "$pid" "$scratch/follow.log"
}

kill_follower() {
    kill_now "$pid"
}

has_lines() { # COUNT
    got_lines "$out" "$1"
}

# The messages so far, in their order, after waiting for so many.
expect() { # NAME LINE...
    local name=$1
    shift
    wait_until 30 has_lines $# || :
    check_equal "$name" "$(printf '%s\n' "$@")" "$(cat "$out")" || sed 's/^/#   /' "$scratch/follow.log"
}

# So many numbers in their order, each once.
expect_numbers() { # NAME COUNT
    local difference
    wait_until 60 has_lines "$2" || :
    difference=$(diff <(seq "$2") "$out" | head -n 20)
    [[ -z $difference ]] && ok "$1" && return
    not_ok "$1" "$difference" "$scratch/follow.log"
    return 1
}

told() { # REGEX
    grep -Eq -- "$1" "$scratch/follow.log"
}

expect_told() { # NAME REGEX
    wait_until 30 told "$2" || :
    check_match "$1" "$2" "$scratch/follow.log"
}

# ------------------------------------------------------------------ growth

begin
printf 'one\ntwo\n' >"$logs/app.log"
follow --input "$logs/app.log"
expect 'what is there is put' one two
printf 'three\nfo' >>"$logs/app.log"
expect 'what is added is put, a line when it is complete' one two three
printf 'ur\n' >>"$logs/app.log"
expect 'a line that was completed is put whole' one two three four
stop 'growth'
check_match 'the signal is told' 'stopped by a signal' "$scratch/follow.log"

# The median, as the machine may be busy.
latency() {
    local i line times=() begun
    exec {lines}< <(exec "$consumer" -q -Q "$queue" --follow)
    for ((i = 0; i < 21; i++)); do
        begun=$EPOCHREALTIME
        echo "$i" >>"$logs/app.log"
        read -r -t 10 -u "$lines" line && [[ $line == "$i" ]] || return 1
        times+=("$(milliseconds_since "$begun")")
    done
    mapfile -t times < <(printf '%s\n' "${times[@]}" | sort -n)
    exec {lines}<&-
    printf '# a line takes %s ms\n' "${times[10]}"
    ((times[10] < 50))
}

begin
kill_now "$reader"
reader=
: >"$logs/app.log"
follow --input "$logs/app.log"
ready 1
check 'a line is put within 50 ms' latency
cpu() { # clock ticks that the follower has used
    local fields
    read -ra fields <"/proc/$pid/stat"
    echo $((fields[13] + fields[14]))
}
before=$(cpu)
sleep 1
after=$(cpu)
check 'and idle it uses no time' test $((after - before)) -le 1
stop 'latency'
wait_for_others none 2>/dev/null

begin
follow --input "$logs/late.log"
expect_told 'a file that is missing is waited for' 'late.log: No such file or directory; waiting'
echo one >"$logs/late.log"
expect 'and begun when it appears' one
stop 'late'

begin
echo a >"$logs/a.log"
follow --input "$logs/*.log" --input "$logs/other"
expect 'a pattern finds what is there' a
echo b >"$logs/b.log"
expect 'and what is new' a b
echo c >"$logs/other"
echo no >"$logs/b.txt"
expect 'beside a name' a b c
mkdir "$logs/d.log"
echo d >"$logs/.log"
echo d >>"$logs/a.log"
expect 'folders and hidden files do not match' a b c d
stop 'pattern'

begin
mkdir -p "$logs/x"
echo a >"$logs/x/app.log"
follow --input "$logs/*/app.log"
expect 'a pattern may have folders' a
mkdir "$logs/y"
echo b >"$logs/y/app.log"
expect 'new ones are found' a b
rm -r "$logs/x"
mkdir "$logs/x"
echo c >"$logs/x/app.log"
expect 'a folder that was removed and made again is found' a b c
stop 'folders'

begin
printf 'old\nolder' >"$logs/app.log"
follow --from-end --input "$logs/*.log"
ready 1
printf '\nnew\n' >>"$logs/app.log"
echo whole >"$logs/b.log"
expect 'from the end, of those that were there' '' new whole
stop 'from the end'

begin
follow --partial 100ms --input "$logs/app.log"
printf 'half' >"$logs/app.log"
expect 'what stands without a delimiter is put after a while' half
printf ' of it\n' >>"$logs/app.log"
expect 'and the rest is another message' half ' of it'
stop 'partial'

begin
printf 'abcdefg' >"$logs/app.log"
follow --block 3 --input "$logs/app.log"
expect 'blocks are put when they are whole' abc def
printf 'hi' >>"$logs/app.log"
expect 'and the next when it is' abc def ghi
stop 'blocks'

begin
printf '\0\0\0\3one\0\0\0\3tw' >"$logs/app.log"
follow --length-prefixed --input "$logs/app.log"
expect 'records are put when they are whole' one
printf 'o' >>"$logs/app.log"
expect 'and the next when it is complete' one two
stop 'records'

begin
follow --header 'From: here' --count 3 --input "$logs/app.log"
printf 'a\nb\nc\nd\n' >"$logs/app.log"
end_status 'a count ends it' 0 "$pid" "$scratch/follow.log"
expect 'after so many' a b c

begin
kill_now "$reader"
reader=
printf 'a\nbc\n' >"$logs/app.log"
follow --source-headers --rotate-wait 20s --input "$logs/app.log"
ready 1
mv "$logs/app.log" "$logs/app.log.1"
printf 'd\n' >>"$logs/app.log.1"
wait_until 30 holds_at_least 3
stop 'source headers'
"$consumer" -q -Q "$queue" --exec 'echo "$(cat) $SHMQ_HEADER_SHMQ_FILE $SHMQ_HEADER_SHMQ_OFFSET"' >"$out" 2>"$scratch/consumer.err"
check_equal 'messages tell their file and offset' "a $logs/app.log 0
bc $logs/app.log 2
d $logs/app.log 5" "$(cat "$out")"

# ------------------------------------------------------------------ rotation while it runs

begin
echo one >"$logs/app.log"
follow --rotate-wait 2s --input "$logs/app.log"
expect 'before a rotation' one
mv "$logs/app.log" "$logs/app.log.1"
echo late >>"$logs/app.log.1"
expect 'a renamed file is read on' one late
echo two >"$logs/app.log"
expect 'and the new one begun' one late two
expect_told 'the renamed one is left when it has been quiet' 'app.log: left after byte 9'
echo three >>"$logs/app.log"
expect 'the new one is followed' one late two three
stop 'rename'

begin
echo one >"$logs/app.log"
follow --rotate-wait 2s --input "$logs/app.log"
expect 'before a removal' one
exec {writer}>>"$logs/app.log"
rm "$logs/app.log"
echo late >&"$writer"
printf 'rest' >&"$writer"
exec {writer}>&-
expect 'a removed file is read to its end, and what stands there is put' one late rest
echo new >"$logs/app.log"
expect 'the next one is begun' one late rest new
stop 'removal'

begin
printf 'one\ntwo\nhalf' >"$logs/app.log"
follow --input "$logs/app.log"
expect 'before a truncation' one two
sleep 0.2
: >"$logs/app.log"
expect_told 'what was cut off is counted and told' 'app.log: was truncated before 4 bytes of it could be read: they are lost'
echo three >>"$logs/app.log"
expect 'a truncated file is begun anew, and nothing is glued' one two three
printf 'a line that is longer than all before\n' >"$logs/app.log"
expect 'also where it is longer at once' one two three 'a line that is longer than all before'
kill -USR1 "$pid"
expect_told 'the loss is in the statistics' '4 bytes lost$'
stop 'truncation'
check_match 'and in the totals' '4 bytes lost, stopped by a signal' "$scratch/follow.log"

# The writer has no O_APPEND: it goes on at its old place, behind a hole.
begin
exec {writer}>"$logs/app.log"
echo one >&"$writer"
follow --input "$logs/app.log"
expect 'before a truncation under a writer' one
: >"$logs/app.log"
echo two >&"$writer"
expect 'the hole that it leaves is no content' one two
exec {writer}>&-
stop 'hole'

begin
echo a1 >"$logs/a"
echo b1 >"$logs/b"
ln -s a "$logs/current"
follow --rotate-wait 20s --input "$logs/current"
expect 'a link is followed' a1
ln -sfn b "$logs/current"
expect 'to where it leads now' a1 b1
echo a2 >>"$logs/a"
expect 'and what is added to the former file is read for a while' a1 b1 a2
stop 'link'

begin
for i in 1 2 3; do seq "$i" 10 30000 >"$logs/$i.log"; done
follow --input "$logs/*.log"
wait_until 30 has_lines 9000
check_equal 'each file keeps its order' "$(for i in 1 2 3; do seq "$i" 10 30000; done)" \
    "$(for i in 1 2 3; do grep "$i\$" "$out"; done)"
stop 'several'

# ------------------------------------------------------------------ rotation while it is down

begin
printf 'one\n' >"$logs/app.log"
follow --resume --input "$logs/app.log"
expect 'first run' one
kill_follower
printf 'two\n' >>"$logs/app.log"
mv "$logs/app.log" "$logs/app.log.1"
printf 'three\n' >"$logs/app.log"
follow --resume --input "$logs/app.log"
expect 'a file renamed meanwhile is finished, then the new one begun' one two three
kill_follower
printf 'four\n' >>"$logs/app.log"
mv "$logs/app.log.1" "$logs/app.log.3"
mv "$logs/app.log" "$logs/app.log.2"
printf 'five\n' >"$logs/app.log.1"
printf 'six\n' >"$logs/app.log"
follow --resume --input "$logs/app.log"
expect 'one that nobody saw begin is read in between' one two three four five six
stop 'rotation while it was down'
check_match 'and the stream is left unfinished' 'the same command continues there' "$scratch/follow.log"

begin
printf 'one\nha' >"$logs/app.log"
follow --resume --input "$logs/app.log"
expect 'before a kill' one
kill_follower
printf 'other\nlonger than before\n' >"$logs/app.log"
follow --resume --input "$logs/app.log"
expect 'a file that was cut and has grown again is known by its content' one other 'longer than before'
expect_told 'and what was cut off is told' 'was truncated before'
kill_follower
rm "$logs/app.log"
printf 'new\n' >"$logs/app.log"
follow --resume --input "$logs/app.log"
expect 'one that is gone is told, and the new one begun' one other 'longer than before' new
kill_follower
stop_at=$(stat -c %i "$logs/app.log")
rm "$logs/app.log"
for ((i = 0; i < 50; i++)); do
    echo reused >"$logs/$i.tmp"
    [[ $(stat -c %i "$logs/$i.tmp") == "$stop_at" ]] && mv "$logs/$i.tmp" "$logs/app.log" && break
done
[[ -e $logs/app.log ]] || { skip 'inode reuse' 'this file system does not' && echo reused >"$logs/app.log"; }
follow --resume --input "$logs/app.log"
expect 'an inode that is used again is another file' one other 'longer than before' new reused
stop 'down'

begin
printf 'one\n' >"$logs/app.log"
follow --resume --input "$logs/app.log"
expect 'before a copy' one
kill_follower
printf 'two\n' >>"$logs/app.log"
cp "$logs/app.log" "$logs/app.log.1"
printf 'three\n' >"$logs/app.log"
follow --resume --input "$logs/app.log"
expect 'what was truncated after a copy is read from the copy' one two three
check_equal 'so nothing is lost' '' "$(grep lost "$scratch/follow.log")"
stop 'copy'

begin
printf 'one\n' >"$logs/app.log"
follow --resume --input "$logs/app.log*"
expect 'before a copy that matches' one
for i in 2 3 4; do
    [[ -e $logs/app.log.1 ]] && mv "$logs/app.log.1" "$logs/app.log.$((i - 1))"
    cp "$logs/app.log" "$logs/app.log.1"
    ((i == 3)) && kill_follower
    : >"$logs/app.log"
    ((i == 3)) && follow --resume --input "$logs/app.log*"
    echo "$i" >>"$logs/app.log"
    wait_until 30 has_lines "$i"
done
echo end >>"$logs/app.log"
expect 'a copy that matches the pattern is not put again' one 2 3 4 end
stop 'matching copies'

begin
printf 'old\n' >"$logs/app.log"
follow --resume --from-end --input "$logs/*.log"
ready 1
kill_follower
printf 'one\n' >>"$logs/app.log"
printf 'two\n' >"$logs/b.log"
follow --resume --from-end --input "$logs/*.log"
wait_until 30 has_lines 2
check_equal 'only a first run begins at the end' 'one two' "$(sort "$out" | tr '\n' ' ' | sed 's/ $//')"
stop 'first run'

begin
seq 100 >"$logs/app.log"
follow --resume --count 120 --input "$logs/app.log"
wait_until 30 has_lines 100
kill_follower
seq 101 200 >>"$logs/app.log"
follow --resume --count 120 --input "$logs/app.log"
end_status 'a count includes earlier runs' 0 "$pid" "$scratch/follow.log"
expect_numbers 'and no more' 120

# ------------------------------------------------------------------ kills at random moments, with rotations

rotate() {
    local i
    for ((i = 20; i > 1; i--)); do
        [[ -e $logs/app.log.$((i - 1)) ]] && mv "$logs/app.log.$((i - 1))" "$logs/app.log.$i"
    done
}

writer() { # ROTATION COUNT
    local i
    for ((i = 1; i <= $2; i++)); do
        echo "$i" >>"$logs/app.log"
        ((i % 100 != 0)) && continue
        rotate
        case $1 in
        rename)
            mv "$logs/app.log" "$logs/app.log.1"
            sleep 0.1
            ;;
        copy)
            cp "$logs/app.log" "$logs/app.log.1"
            : >"$logs/app.log"
            sleep 0.1
            ;;
        esac
    done
    : >"$scratch/written"
}

has_written() {
    [[ -e $scratch/written ]]
}

for rotation in rename copy; do
    begin
    rm -f "$scratch/written"
    : >"$logs/app.log"
    follow --resume --input "$logs/app.log"
    ready 1
    kill_follower
    writer "$rotation" 2000 &
    kills=0
    until has_written; do
        follow --resume --input "$logs/app.log"
        wait_until 30 told attached
        random_pause 10
        kill_follower
        kills=$((kills + 1))
    done
    follow --resume --input "$logs/app.log"
    expect_numbers "$rotation: 0 lost, 0 doubled, in order, through $kills kills" 2000
    stop "$rotation"
done

# ------------------------------------------------------------------ a full queue

begin
kill_now "$reader"
reader=
"$monitor" remove -q --force -- "$queue"
seq 1000 >"$logs/app.log"
follow --capacity 4K --resume --input "$logs/app.log"
wait_until 30 is_blocked || not_ok 'the queue is full' "$scratch/follow.log"
for ((i = 1; i <= 5; i++)); do
    mv "$logs/app.log" "$logs/app.log.$i"
    seq $((i * 1000 + 1)) $((i * 1000 + 1000)) >"$logs/app.log"
    wait_until 30 follows $((i + 1)) || not_ok "rotation $i is noticed while the queue is full" "$scratch/follow.log"
    rm "$logs/app.log.$i"
done
"$consumer" -q -Q "$queue" --follow >"$out" &
reader=$!
expect_numbers 'files that are removed while the queue is full are kept open' 6000
stop 'full'

# ------------------------------------------------------------------ where there are no notices

"${compiler[@]}" -shared -fPIC -o "$scratch/no_inotify.so" "$top/tests/support/preload_no_inotify.c"
begin
preload=$scratch/no_inotify.so
echo one >"$logs/app.log"
follow --input "$logs/app.log*"
expect_told 'no notices: it is told' 'looking every second'
expect 'no notices: what is there' one
echo two >>"$logs/app.log"
expect 'no notices: what is added' one two
mv "$logs/app.log" "$logs/app.log.1"
echo three >>"$logs/app.log.1"
echo four >"$logs/app.log"
expect 'no notices: what is renamed' one two three four
: >"$logs/app.log"
sleep 0.1
echo five >>"$logs/app.log"
expect 'no notices: what is truncated' one two three four five
stop 'no notices'
preload=

# ------------------------------------------------------------------ errors

begin
echo a >"$logs/a.log"
ln -s loop.log "$logs/loop.log"
echo b >"$logs/b.log"
follow --input "$logs/a.log" --input "$logs/loop.log" --input "$logs/b.log"
expect 'a file that cannot be opened does not hinder others' a b
expect_told 'it is told' 'loop.log: cannot be examined: Too many levels of symbolic links \(trying again\)'
rm "$logs/loop.log"
echo c >"$logs/loop.log"
expect 'and tried again' a b c
stop 'errors'

if ((EUID == 0)) && command -v setpriv >/dev/null; then
    begin
    echo a >"$logs/a.log"
    echo b >"$logs/b.log"
    chmod 0 "$logs/a.log"
    mkdir -m 0 "$logs/closed"
    setpriv --bounding-set=-dac_override,-dac_read_search "$producer" -v -Q "$queue" --follow \
        --input "$logs/*.log" --input "$logs/closed/*.log" 2>"$scratch/follow.log" &
    pid=$!
    expect_told 'permission denied is told' 'a.log: cannot be opened: Permission denied \(trying again\)'
    expect_told 'also of a folder' 'closed: cannot be read: Permission denied \(trying again\)'
    expect 'others are followed' b
    chmod 644 "$logs/a.log"
    expect 'and it is tried again' b a
    stop 'permission'
else
    skip 'permission denied' 'not root'
fi

begin
head -c 5000 /dev/zero | tr '\0' x >"$logs/app.log"
printf '\n' >>"$logs/app.log"
next_queue
follow --capacity 4K --input "$logs/app.log"
end_status 'a line that is too long ends it' 1 "$pid" "$scratch/follow.log"
check_match 'and its position is told' 'app.log: line 1 \(byte 0\) is longer' "$scratch/follow.log"

check_status 'a folder is refused' 1 put --follow --input "$logs"
check_match 'and it is said what to give' "is a directory \(give the files in it, as '.*/\*.log'\)" "$scratch/err"

# The kernel does not tell that a folder was removed while a file that was in it is open.
begin
mkdir "$logs/inner"
echo a >"$logs/inner/app.log"
follow --rotate-wait 1m --input "$logs/inner/app.log"
ready 1
expect 'a file in a folder' a
rm -r "$logs/inner"
wait_until 30 told 'was renamed or removed'
mkdir "$logs/inner"
echo b >"$logs/inner/app.log"
check 'a folder that is removed and made again is found before the next rare look' wait_until 6 has_lines 2
expect 'with its file' a b
stop 'removed folder'

# A pattern that matches nothing is perhaps mistyped.
next_queue
echo a >"$logs/app.log"
follow --resume --input "$logs/*.none" --input "$logs/*.log"
ready 1
check_match 'a pattern that matches no file yet is told' 'none: matches no file yet; waiting for one' \
    "$scratch/follow.log"
check_equal 'one that matches is not' 1 "$(grep -c 'matches no file' "$scratch/follow.log")"
stop 'no match'

# One follower of the same files in one queue.
begin
kill_now "$reader"
next_queue
echo a >"$logs/app.log"
follow --resume --input "$logs/app.log"
ready 1
check_status 'a second follower of the same files: exit 1' 1 \
    timeout 30 "$producer" -Q "$queue" --follow --resume --input "$logs/app.log"
check_match 'and it is said why, and what to do' \
    "^producer: queue '$queue': another producer puts the same inputs into it \(stop that one first" "$scratch/err"
check 'the first follower puts its line' wait_until 30 queue_has messages 1
stop 'the first follower'

usage() { # REGEX OPTION...
    local regex=$1
    shift
    check_usage producer "$producer" "$regex" "$@"
}

usage '--follow: needs --input' --follow
usage '--follow and --whole' --follow --input a --whole
usage '--follow and --split' --follow --input a --split 1/2
usage '--follow: standard input' --follow --input -
usage '--follow: needs --input' --follow -- word
usage '--partial and --length-prefixed' --follow --input a --length-prefixed --partial 1s
usage '--from-end: only with --follow' --input a --from-end
usage '--rotate-wait: only with --follow' --input a --rotate-wait 1s
usage '--partial: only with --follow' --input a --partial 1s

[[ -n ${reader-} ]] && kill_now "$reader"
next_queue
check_equal 'nothing is left in /dev/shm' '' "$(find /dev/shm -name "*shmq.$SHMQ_TEST_PREFIX*")"
