# SPDX-License-Identifier: MIT
# Reads results.csv. Writes for each load, contender, parameter and metric: number of rounds, median, minimum, maximum,
# and the medians of its ratios to two other contenders in the same rounds. A measurement made while the processors were
# slow for each other (see measure.sh) counts only if there is no other.
#
#   -v baselines='LOAD[/PARAMETER]:FIRST:SECOND ...'   -v best_line_ns=NS

BEGIN {
    FS = ","
    OFS = ","
    count = split(baselines, list, " ")
    for (i = 1; i <= count; i++) {
        split(list[i], part, ":")
        first[part[1]] = part[2]
        second[part[1]] = part[3]
    }
}

function median(n,   i, j, x) {
    for (i = 2; i <= n; i++) {
        x = sorted[i]
        for (j = i - 1; j > 0 && sorted[j] > x; j--)
            sorted[j + 1] = sorted[j]
        sorted[j + 1] = x
    }
    return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function far(line_ns) {
    return best_line_ns > 0 && line_ns > 1.6 * best_line_ns
}

function ratio(key, load, other, parameter, metric,   n, r, base) {
    if (other == "")
        return ""
    n = 0
    base = load SUBSEP other SUBSEP parameter SUBSEP metric
    for (r = 1; r <= rounds; r++)
        if (((key, r) in value) && ((base, r) in value) && value[base, r] > 0)
            sorted[++n] = value[key, r] / value[base, r]
    return n ? sprintf("%.4f", median(n)) : ""
}

NR > 1 {
    key = $1 SUBSEP $3 SUBSEP $4 SUBSEP $5
    if (!(key in known)) {
        known[key] = 1
        keys[++keys_count] = key
    }
    if ($2 > rounds)
        rounds = $2
    all[key, $2] = $6
    apart[key, $2] = far($7)
    near[key] += !far($7)
}

END {
    for (k = 1; k <= keys_count; k++)
        for (r = 1; r <= rounds; r++)
            if (((keys[k], r) in all) && !(near[keys[k]] && apart[keys[k], r]))
                value[keys[k], r] = all[keys[k], r]
    print "load", "contender", "parameter", "metric", "rounds", "median", "min", "max", "of_first", "of_second"
    for (k = 1; k <= keys_count; k++) {
        n = 0
        for (r = 1; r <= rounds; r++)
            if ((keys[k], r) in value)
                sorted[++n] = value[keys[k], r]
        middle = median(n)
        least = sorted[1]
        most = sorted[n]
        split(keys[k], part, SUBSEP)
        load = ((part[1] "/" part[3]) in first) ? part[1] "/" part[3] : part[1]
        print part[1], part[2], part[3], part[4], n, middle, least, most, \
            ratio(keys[k], part[1], first[load], part[3], part[4]), \
            ratio(keys[k], part[1], second[load], part[3], part[4])
    }
}
