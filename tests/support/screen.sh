# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2119,SC2120 # lib.sh sets them; options are optional
#
# Sourced after lib.sh by tests that need a real terminal: a shell in tmux, which nobody else sees.
#
#   screen_needed || exit 0          # skips the file where tmux is missing
#   screen_start 80 24
#   screen_type 'monitor top' Enter  # keys, as tmux send-keys has them
#   check 'it has a title' wait_until 10 screen_shows 'top: '
#   screen_end

screen_needed() {
    command -v tmux >/dev/null && return
    skip "$test_name" 'tmux is missing (apt-get install tmux)'
    return 1
}

screen_tmux() { # COMMAND...
    tmux -u -S "$scratch/tmux" -f /dev/null "$@"
}

# A shell without a history and with the prompt "$ ". Its processes are those of the test.
screen_start() { # COLUMNS ROWS
    screen_tmux new-session -d -x "$1" -y "$2" \
        "env PS1='\$ ' HISTFILE= LC_ALL=C.UTF-8 SHMQ_TEST_PREFIX='$SHMQ_TEST_PREFIX' bash --norc --noprofile" &&
        screen_tmux set -g status off \; set -g escape-time 0 &&
        screen_resize "$1" "$2" && wait_until 10 screen_shows '^\$ *$'
}

screen_resize() { # COLUMNS ROWS
    screen_tmux resize-window -x "$1" -y "$2"
}

screen_type() { # KEY...
    screen_tmux send-keys "$@"
}

# What is on the screen, each line without the blanks at its end; with -e, with its colours.
screen_text() { # [OPTION...]
    screen_tmux capture-pane -p "$@"
}

screen_shows() { # EXTENDED-REGEX
    screen_text | grep -Eq -- "$1"
}

screen_hides() { # EXTENDED-REGEX
    ! screen_shows "$1"
}

# A property of the window, such as alternate_on or cursor_flag.
screen_property() { # NAME
    screen_tmux display-message -p "#{$1}"
}

# The process in the foreground of the terminal; nothing if it is the shell.
screen_program() {
    local shell foreground
    shell=$(screen_property pane_pid)
    foreground=$(ps -o tpgid= -p "$shell" | tr -d ' ')
    [[ ! $foreground || $foreground == "$shell" ]] || printf '%s\n' "$foreground"
}

check_screen() { # NAME EXTENDED-REGEX
    wait_until 10 screen_shows "$2" && ok "$1" && return
    screen_text >"$scratch/screen.log" 2>&1
    not_ok "$1" "nothing on the screen matches $2" "$(cat "$scratch/screen.log")"
    return 1
}

screen_end() {
    screen_tmux kill-server 2>/dev/null
    wait_until 10 eval "! screen_tmux has-session 2>/dev/null"
}
