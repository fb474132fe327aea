# SPDX-License-Identifier: MIT
# Reads histograms.csv (contender,parameter,round,nanoseconds,count). Writes contender,parameter,share,nanoseconds for
# all rounds together, for each share above which there is at least one longer time.

BEGIN {
    FS = OFS = ","
    shares = split("0 0.1 0.25 0.5 0.75 0.9 0.95 0.98 0.99 0.995 0.998 0.999 0.9995 0.9998 0.9999", share, " ")
}

{
    key = $1 SUBSEP $2
    if (!(key in total))
        keys[++keys_count] = key
    total[key] += $5
    if (!((key, $4) in times))
        list[key] = list[key] " " $4
    times[key, $4] += $5
}

function sort_numbers(n,   gap, i, j, x) {
    for (gap = int(n / 2); gap > 0; gap = int(gap / 2))
        for (i = gap + 1; i <= n; i++) {
            x = ns[i]
            for (j = i; j > gap && ns[j - gap] > x; j -= gap)
                ns[j] = ns[j - gap]
            ns[j] = x
        }
}

END {
    for (k = 1; k <= keys_count; k++) {
        key = keys[k]
        split(key, part, SUBSEP)
        n = split(list[key], ns, " ")
        for (i = 1; i <= n; i++)
            ns[i] += 0
        sort_numbers(n)
        seen = times[key, ns[1]]
        at = 1
        for (s = 1; s <= shares; s++) {
            if ((1 - share[s]) * total[key] < 1)
                break
            while (seen < share[s] * total[key] && at < n)
                seen += times[key, ns[++at]]
            print part[1], part[2], share[s], ns[at]
        }
    }
}
