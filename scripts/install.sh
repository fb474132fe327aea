#!/bin/sh
# SPDX-License-Identifier: MIT
# Called by make: installs files below $DESTDIR and uninstalls them.
#
#   install.sh install RECORD MODE:SOURCE:TARGET...
#   install.sh uninstall RECORD MODE:SOURCE:TARGET...
#
# MODE is an octal mode or "link". The file RECORD lists the folders that install created, one per line and without
# $DESTDIR, so that uninstall removes only those, and only if they are empty.
set -eu

root=${DESTDIR:-}
action=$1
record=$2
shift 2

fail() { # TEXT
    printf 'install: %s\n' "$1" >&2
    exit 1
}

# Creates a folder and its parents; adds the new ones to the list, outermost first.
make_folder() { # FOLDER: without $DESTDIR
    [ -n "$root$1" ] && [ ! -d "$root$1" ] || return 0
    case $1 in
    '' | /) ;;
    *) make_folder "${1%/*}" ;;
    esac
    mkdir -p -- "$root$1" || fail "$root$1: cannot be created"
    made="$made${1:-.}
"
}

install_all() {
    made=''
    make_folder "${record%/*}"
    for entry; do
        mode=${entry%%:*}
        rest=${entry#*:}
        source=${rest%%:*}
        target=${rest#*:}
        make_folder "${target%/*}"
        # Recorded before the file is installed, so that an interrupted install can be undone.
        [ -z "$made" ] || printf '%s' "$made" >>"$root$record"
        made=''
        echo "$root$target"
        if [ "$mode" = link ]; then
            ln -sf -- "$source" "$root$target"
        else
            install -m "$mode" -- "$source" "$root$target"
        fi
    done
}

# Removes in reverse order: the innermost folders come last in the list.
remove_folders() {
    [ -f "$root$record" ] || return 0
    folders=$(sed '1!G;h;$!d' "$root$record")
    rm -f -- "$root$record"
    printf '%s\n' "$folders" | while IFS= read -r folder; do
        [ "$folder" != . ] || folder=''
        [ -z "$root$folder" ] || [ -L "$root$folder" ] || rmdir -- "$root$folder" 2>/dev/null || :
    done
}

uninstall_all() {
    for entry; do
        rest=${entry#*:}
        target=${rest#*:}
        echo "removing $root$target"
        rm -f -- "$root$target"
    done
    remove_folders
}

case $action in
install) install_all "$@" ;;
uninstall) uninstall_all "$@" ;;
*) fail "$action: neither install nor uninstall" ;;
esac
