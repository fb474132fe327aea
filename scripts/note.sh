# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # its variables are shared with run.sh
# Sourced by run.sh: the note, beside the lock, of which command works on which queue. Killed and started again, run.sh
# learns from it that what is in the queue and in OUT is its own.
#
# Three lines: the queue's id, "running" or "complete" and the inputs' sizes, and what the command reads and writes. The
# id is that of one queue, not of a name, so that a note that has been left over is of no consequence. No consumer is
# started before the note is written: whoever is killed earlier has written nothing to OUT.

continuing=0       # the queue is there, and the note says that this command was at work on it
was_complete=0     # the note says that all had arrived, and the queue was about to be removed
noted=0            # the note is right
identity=          # of this command

# Sets stat_of to what `stat` says of files.
stat_files() { # FORMAT [FILE...]
    local file lines
    for file in "${@:2}"; do
        if [[ $file == - ]]; then
            printf ' -\n'
        else
            undisturbed stat -L -c " $1" -- "$file"
        fi
    done >"$scratch/files" 2>/dev/null
    mapfile -t lines <"$scratch/files"
    printf -v stat_of '%s' "${lines[@]}"
}

# Sets identity: what has to be the same for what an earlier run has done to count for this one.
identify_command() {
    local files=("${inputs[@]}") last=() stat_of
    # The last file may have grown meanwhile.
    if ((${#files[@]} > 0)) && [[ ! ${given[whole]:-} ]]; then
        last=("${files[-1]}")
        unset 'files[-1]'
    fi
    printf -v identity '%q ' "$source" "$producers" "${framing_args[@]}" "${extra_producer_args[@]}" "${words[@]}" \
        "$sink"
    [[ $sink != --mirror ]] || printf -v identity '%s%q %q' "$identity" "${given[mirror]}" "$PWD"
    [[ $sink != --output ]] || last+=("$output")
    stat_files %d:%i:%s "${files[@]}"
    identity+=$stat_of
    stat_files %d:%i "${last[@]}"
    identity+=$stat_of
}

# Sets continuing and was_complete.
look_at_note() {
    local id='' state='' command='' stat_of
    note_file=$directory/run.$queue.note
    identify_command
    { read -r id && read -r state && read -r command; } 2>/dev/null <"$note_file"
    [[ $command && $command == "$identity" ]] || return 0
    [[ $found == nothing || $id != "${stat[queue_id]:-}" ]] || continuing=1
    stat_files %s:%Y "${inputs[@]}"
    [[ $found == work || $state != "complete $stat_of" ]] || was_complete=1
}

write_note() { # STATE
    printf '%s\n' "${stat[queue_id]:-}" "$1" "$identity" >"$note_file.new" && mv -f -- "$note_file.new" "$note_file"
}

# Writes the note if the queue is there.
note_command() {
    queue_exists && read_stat && [[ ${stat[queue_id]:-} ]] || return
    identify_command # once more: OUT may be new
    write_note running || complain "$note_file: cannot be written (should run.sh be killed, OUT will need --append)"
    noted=1
}

# All has arrived.
finish_note() { # kept|removed: the queue
    local stat_of
    if [[ $1 == kept ]]; then
        rm -f -- "$note_file" # the next run starts anew
    else
        stat_files %s:%Y "${inputs[@]}"
        write_note "complete $stat_of"
    fi
}

# Without the queue, the note has no meaning.
forget_note() {
    [[ ! ${note_file:-} ]] || queue_exists || rm -f -- "$note_file" "$note_file.new"
}
