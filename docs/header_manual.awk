# SPDX-License-Identifier: MIT
# Makes the manual page shmq.3, in mdoc, of the comments and declarations of common/shmq.h; -v date= is its date.

function escaped(text) {
    sub(/^@/, "", text)
    gsub(/\\/, "\\e", text)
    gsub(/'/, "\\(aq", text)
    gsub(/"/, "\\(dq", text)
    gsub(/-/, "\\-", text)
    sub(/^\./, "\\\\\\&.", text)
    return text
}

# Prints words in lines of their own sentences, none too long.
function print_text(text, words, count, i, line) {
    count = split(text, words, /[ \t]+/)
    line = ""
    for (i = 1; i <= count; i++) {
        if (words[i] == "")
            continue
        if (line != "" && length(line) + length(words[i]) > 70) {
            print line
            line = ""
        }
        line = line == "" ? escaped(words[i]) : line " " escaped(words[i])
        if (words[i] ~ /..[.?!:]$/) {
            print line
            line = ""
        }
    }
    if (line != "")
        print line
}

function flush_text() {
    if (pending != "")
        print_text(pending)
    pending = ""
}

function end_list() {
    flush_text()
    if (list != "")
        print ".El"
    list = ""
}

function begin_item(kind, head, text) {
    flush_text()
    if (list != kind) {
        end_list()
        print kind == "bullet" ? ".Bl -bullet" : ".Bl -tag -width Ds"
        list = kind
    }
    print head == "" ? ".It" : ".It " head
    pending = text
    gap = 0
}

# One line of a comment, without what makes it one.
function comment_line(line, word) {
    if (line ~ /^ *$/) {
        gap = 1
    } else if (line ~ /^ - /) {
        begin_item("bullet", "", substr(line, 4))
    } else if (line ~ /^ +-E[A-Z]+ / || line ~ /^ +others /) {
        word = $2
        sub(/^ *[^ ]+ +/, "", line)
        begin_item("errors", word == "others" ? "others" : "Er " substr(word, 2), line)
    } else if (line ~ /^@/) {
        word = substr($2, 2)
        sub(/^@[^ ]+ +/, "", line)
        begin_item("items", "Fa " word, line)
    } else if (line ~ /^(Context|Ordering|Crash|Return): /) {
        word = line
        sub(/:.*/, "", word)
        sub(/^[A-Za-z]+: +/, "", line)
        begin_item("items", "Sy " word, line)
    } else {
        if (gap && line !~ /^  /) {
            end_list()
            if (!first)
                print ".Pp"
        }
        pending = pending " " line
        gap = 0
    }
    if (line !~ /^ *$/)
        first = 0
}

function start_comment() {
    first = 1
    gap = 0
}

function print_comment(i, lines, count) {
    start_comment()
    count = split(comment, lines, "\n")
    for (i = 1; i <= count; i++) {
        $0 = "* " lines[i]
        comment_line(lines[i])
    }
    end_list()
    comment = ""
}

function print_literal(text, i, lines, count) {
    print ".Bd -literal"
    count = split(text, lines, "\n")
    for (i = 1; i <= count; i++)
        print escaped(lines[i])
    print ".Ed"
}

function print_declaration(name) {
    name = declaration
    if (declaration ~ /^(struct|enum) [a-z_]+ \{/)
        name = gensub_name(declaration)
    else if (match(declaration, /shmq_[a-z_0-9]+\(/))
        name = substr(declaration, RSTART, RLENGTH) ")"
    else if (match(declaration, /SHMQ_[A-Z_]+|struct shmq;/))
        name = declaration ~ /^struct/ ? "struct shmq" : "Constants"
    sub(/;$/, "", name)
    print ".Ss " escaped(name)
    print_literal(declaration)
    if (comment != "")
        print_comment()
    declaration = ""
}

function gensub_name(text) {
    sub(/ \{.*/, "", text)
    return text
}

BEGIN {
    print ".\\\" Made from shmq.h: a change here is lost."
    print ".Dd " date
    print ".Dt SHMQ 3"
    print ".Os"
    print ".Sh NAME"
    print ".Nm shmq"
    print ".Nd crash\\-safe producer/consumer queue for the processes of one host"
    print ".Sh LIBRARY"
    print "libshmq (\\-lshmq)"
    print ".Sh SYNOPSIS"
    print ".In shmq.h"
    print ".Sh DESCRIPTION"
}

# The first comment is the description; each of the others belongs to the declaration behind it.
/^\/\* -----/ {
    title = $0
    gsub(/^\/\* -+ | \*\/$/, "", title)
    print ".Sh " toupper(title)
    next
}
/^template/, /^#else/ { next } # for C++, the same in other words
/^\/\* clang-format/ { next }
/^\/\* SPDX/ || /^#(ifndef|ifdef|include|endif)/ || /^#define SHMQ_H$/ || /^extern "C"/ || /^}$/ { next }
/^\/\*.*\*\/$/ {
    comment = $0
    gsub(/^\/\* | \*\/$/, "", comment)
    next
}
/^\/\*$/ {
    inside = 1
    comment = ""
    next
}
inside && /^ \*\/$/ {
    inside = 0
    if (!described) {
        described = 1
        print_comment()
        print ".Sh TYPES AND OPENING"
    }
    next
}
inside {
    line = $0
    sub(/^ \* ?/, "", line)
    comment = comment (comment == "" ? "" : "\n") line
    next
}
/^$/ {
    if (declaration != "" && !open)
        print_declaration()
    else if (open)
        declaration = declaration "\n"
    next
}
{
    if ($0 ~ /\{$/)
        open = 1
    if ($0 ~ /^}/)
        open = 0
    declaration = declaration (declaration == "" ? "" : "\n") $0
    if (!open && $0 ~ /;$/)
        print_declaration()
}
END {
    if (declaration != "")
        print_declaration()
    print ".Sh SEE ALSO"
    print ".Xr shmq 7"
}
