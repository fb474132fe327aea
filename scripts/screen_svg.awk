# SPDX-License-Identifier: MIT
# Makes an SVG image of a terminal's screen, as `tmux capture-pane -e -p` prints it. Run it with LC_ALL=C: it reads bytes.
#
#   awk -v columns=80 -v title='monitor top' -f scripts/screen_svg.awk

BEGIN {
    cell = 8.4   # width of a cell
    line = 18    # height of one
    edge = 12    # around the screen
    size = 14    # of the letters
    split("#3b4252 #e06c75 #98c379 #e5c07b #61afef #c678dd #56b6c2 #d8dee9", palette, " ")
    plain = "#d8dee9"
    ground = "#1b1f27"
    esc = sprintf("%c", 27)
    # The eight blocks that rise are U+2581 to U+2588, those that widen U+258F down to U+2588.
    for (i = 129; i <= 143; i++)
        block[sprintf("%c%c%c", 226, 150, i)] = i - 128
    reset()
}

function reset() {
    ink = plain
    paper = ""
    bold = dim = reverse = 0
}

function apply(codes,    n, part, i, code) {
    n = split(codes, part, ";")
    if (n == 0)
        reset()
    for (i = 1; i <= n; i++) {
        code = part[i] + 0
        if (code == 0) reset()
        else if (code == 1) bold = 1
        else if (code == 2) dim = 1
        else if (code == 7) reverse = 1
        else if (code == 22) bold = dim = 0
        else if (code == 27) reverse = 0
        else if (code >= 30 && code <= 37) ink = palette[code - 29]
        else if (code == 39) ink = plain
        else if (code >= 40 && code <= 47) paper = palette[code - 39]
        else if (code == 49) paper = ""
    }
}

function fixed(number) {
    return sprintf("%.1f", number)
}

function rectangle(x, y, width, height, colour) {
    body = body "<rect x=\"" fixed(x) "\" y=\"" fixed(y) "\" width=\"" fixed(width) "\" height=\"" fixed(height) \
        "\" fill=\"" colour "\"/>\n"
}

# Shows what was gathered of a line in one style.
function flush(    colour, behind, x, y, shown) {
    if (text == "")
        return
    colour = reverse ? (paper == "" ? ground : paper) : ink
    behind = reverse ? ink : paper
    x = edge + begin * cell
    y = edge + (NR - 1) * line
    if (behind != "")
        rectangle(x, y, length(text) * cell, line, behind)
    shown = text
    sub(/ +$/, "", shown)
    if (shown != "") {
        gsub(/&/, "\\&amp;", shown)
        gsub(/</, "\\&lt;", shown)
        gsub(/>/, "\\&gt;", shown)
        gsub(/ /, "\\&#160;", shown) # plain blanks would become one
        sub(/ +$/, "", text)
        body = body "<text x=\"" fixed(x) "\" y=\"" fixed(y + line * 0.74) "\" textLength=\"" fixed(length(text) * cell) \
            "\" fill=\"" colour "\"" (bold ? " font-weight=\"bold\"" : "") (dim ? " opacity=\"0.6\"" : "") ">" shown "</text>\n"
    }
    text = ""
}

# Blocks are drawn, so that they meet whatever the font is.
function draw_block(number, at,    x, y, colour) {
    x = edge + at * cell
    y = edge + (NR - 1) * line
    colour = reverse ? ground : ink
    if (number <= 8)
        rectangle(x, y + line * (8 - number) / 8, cell, line * number / 8, colour)
    else
        rectangle(x, y, cell * (16 - number) / 8, line, colour)
}

{
    column = 0
    text = ""
    rest = $0
    while (rest != "") {
        if (substr(rest, 1, 2) == esc "[" && match(rest, /[A-Za-z]/)) {
            flush()
            if (substr(rest, RSTART, 1) == "m")
                apply(substr(rest, 3, RSTART - 3))
            rest = substr(rest, RSTART + 1)
        } else if (substr(rest, 1, 3) in block) {
            flush()
            draw_block(block[substr(rest, 1, 3)], column++)
            rest = substr(rest, 4)
        } else {
            if (text == "")
                begin = column
            text = text substr(rest, 1, 1)
            column++
            rest = substr(rest, 2)
        }
    }
    flush()
}

END {
    width = 2 * edge + columns * cell
    height = 2 * edge + NR * line
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" " \
        "font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"%d\">\n", \
        width, height, width, height, size
    printf "<title>%s</title>\n<rect width=\"%d\" height=\"%d\" rx=\"8\" fill=\"%s\"/>\n%s</svg>\n", \
        title, width, height, ground, body
}
