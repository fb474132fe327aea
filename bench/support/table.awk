# SPDX-License-Identifier: MIT
# Prints a Markdown table of one load and metric: one row per contender, one column per parameter.
#
#   awk -f table.awk -v load=L -v metric=M -v show=range|median|first|second -v unit=rate|bytes|ns|us|share|number
#       -v corner=TEXT titles.txt problems.csv summary.csv
#
# titles.txt has "name|title" lines, in the order of the rows.

FILENAME ~ /titles/ {
    bar = index($0, "|")
    names[++names_count] = substr($0, 1, bar - 1)
    title[substr($0, 1, bar - 1)] = substr($0, bar + 1)
    next
}

FILENAME ~ /problems/ {
    split($0, part, ",")
    if (part[1] == load)
        problem[part[3], part[4]] = part[5] == "FAILED" || problem[part[3], part[4]] ~ /FAILED/ ? "**FAILED**" : "–"
    next
}

{
    split($0, part, ",")
    if (part[1] != load || part[4] != metric)
        next
    if (!(part[3] in column)) {
        column[part[3]] = 1
        columns[++columns_count] = part[3]
    }
    row[part[2]] = 1
    median[part[2], part[3]] = part[6]
    least[part[2], part[3]] = part[7]
    most[part[2], part[3]] = part[8]
    of_first[part[2], part[3]] = part[9]
    of_second[part[2], part[3]] = part[10]
}

# Formats a number with three digits.
function digits(x) {
    return x >= 99.95 ? sprintf("%.0f", x) : x >= 9.995 ? sprintf("%.1f", x) : sprintf("%.2f", x)
}

function scaled(x) {
    if (unit == "rate")
        return x >= 1e6 ? digits(x / 1e6) " M" : x >= 1e3 ? digits(x / 1e3) " k" : digits(x)
    if (unit == "bytes")
        return digits(x / 1e9)
    if (unit == "us")
        return digits(x / 1e3)
    if (unit == "share")
        return x >= 9.995 ? digits(x) : x >= 0.0995 ? sprintf("%.2f", x) : sprintf("%.2g", x)
    return digits(x + 0)
}

function cell(name, parameter,   key) {
    key = name SUBSEP parameter
    if (problem[key] ~ /FAILED/ || !(key in median))
        return problem[key]
    if (show == "first" || show == "second") {
        key = show == "first" ? of_first[key] : of_second[key]
        return key == "" ? "" : scaled(key)
    }
    if (show == "median" || least[key] == most[key])
        return scaled(median[key])
    return scaled(median[key]) " (" scaled(least[key]) " .. " scaled(most[key]) ")"
}

END {
    line = "| " corner " |"
    rule = "|---|"
    for (c = 1; c <= columns_count; c++) {
        line = line " " columns[c] " |"
        rule = rule "---:|"
    }
    print line "\n" rule
    for (n = 1; n <= names_count; n++) {
        some = names[n] in row
        for (c = 1; c <= columns_count; c++)
            some = some || problem[names[n], columns[c]] ~ /FAILED/
        if (!some)
            continue
        gsub(/\|/, "\\|", title[names[n]])
        line = "| " title[names[n]] " |"
        for (c = 1; c <= columns_count; c++)
            line = line " " cell(names[n], columns[c]) " |"
        print line
    }
}
