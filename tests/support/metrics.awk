# SPDX-License-Identifier: MIT
# Reads metrics in Prometheus's text format, strictly, and prints what is wrong with them: HELP and TYPE come once, before
# the samples of their metric, which are contiguous and different; counters end with _total, and nothing else does; a
# histogram's buckets grow, the last one is +Inf and is the count. Labels are escaped.

function wrong(what) { print "line " NR ": " what ": " $0 }

function end_of_histogram() {
    if (type[current] == "histogram" && open != "") print "line " NR ": the histogram of " open " has no count"
    open = ""
}

function check_histogram(name, labels, value,    le, rest) {
    if (name == current "_bucket") {
        if (!match(labels, /,le="[^"]*"$/)) { wrong("a bucket without le at the end"); return }
        le = substr(labels, RSTART + 5, RLENGTH - 6)
        rest = substr(labels, 1, RSTART - 1)
        if (rest != open) { end_of_histogram(); open = rest; last = -1; last_le = -1; summed = infinite = 0 }
        if (infinite) wrong("a bucket behind +Inf")
        if (value + 0 < last + 0) wrong("a bucket with less than the one before")
        if (le == "+Inf") infinite = 1
        else if (le !~ /^[0-9.]+$/ || le + 0 <= last_le + 0) wrong("a bound that does not grow")
        last = value; last_le = le
    } else if (name == current "_sum") {
        if (labels != open || !infinite) wrong("a sum without buckets")
        summed = 1
    } else if (name == current "_count") {
        if (labels != open || !summed || value != last) wrong("a count that is not that of +Inf")
        open = ""
    } else wrong("no part of the histogram")
}

/^# HELP / {
    end_of_histogram()
    if ($3 !~ /^[a-z][a-z0-9_]*$/) wrong("a bad name")
    if (NF < 4) wrong("no text")
    if (helped[$3]++) wrong("HELP again")
    next
}
/^# TYPE / {
    if (NF != 4 || $4 !~ /^(gauge|counter|histogram)$/) wrong("a bad type")
    if (!helped[$3] || ($3 in type)) wrong("TYPE without HELP, or again")
    if (($4 == "counter") != ($3 ~ /_total$/)) wrong("a counter without _total, or _total of another")
    type[$3] = $4
    current = $3
    next
}
/^#/ || /^$/ { wrong("neither metric nor comment"); next }
{
    if (!match($0, /^[a-z][a-z0-9_]*/)) { wrong("no name"); next }
    name = substr($0, 1, RLENGTH)
    rest = substr($0, RLENGTH + 1)
    labels = ""
    if (substr(rest, 1, 1) == "{") {
        if (!match(rest, /^\{[a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*\}/)) { wrong("bad labels"); next }
        labels = substr(rest, 2, RLENGTH - 2)
        rest = substr(rest, RLENGTH + 1)
    }
    if (rest !~ /^ (-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|NaN|[-+]Inf)$/) { wrong("a bad value"); next }
    if (rest ~ /^ -/) wrong("a negative value")
    if (seen[name "{" labels]++) wrong("twice")
    if (type[current] == "histogram") check_histogram(name, labels, substr(rest, 2))
    else if (name != current) wrong("not behind its TYPE")
    samples++
}
END {
    end_of_histogram()
    if (samples == 0) print "no samples"
}
