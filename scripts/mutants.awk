# SPDX-License-Identifier: MIT
#
# Lists the small faults that can be planted in C sources. Relies on their format: a function's body begins with { and
# ends with } in the first column.
#
#   LC_ALL=C awk -f mutants.awk SOURCE.c...
#
# Prints a line for each fault, with fields separated by tabs:
#
#   file  line  function  rule  offset  length  text
#
# The text replaces those bytes of the file; a byte 1 in it stands for a newline. Directives, comments, strings and
# anything outside functions are left alone; so are hints to the compiler and the processor, which change no result.

# ------------------------------------------------------------------ code without comments and strings

# The text of a line with blanks in place of everything that is no code, so that columns stay.
function blank(line,    out, i, c, two) {
    out = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        two = substr(line, i, 2)
        if (in_comment) {
            if (two == "*/") {
                in_comment = 0
                out = out " "
                i++
            }
            out = out " "
        } else if (two == "/*") {
            in_comment = 1
            out = out "  "
            i++
        } else if (two == "//") {
            while (length(out) < length(line))
                out = out " "
            break
        } else if (c == "\"" || c == "'") {
            out = out "0" # a token, but not one that changes
            while (++i <= length(line) && substr(line, i, 1) != c) {
                out = out "Q"
                if (substr(line, i, 1) == "\\") {
                    out = out "Q"
                    i++
                }
            }
            out = out "Q"
        } else
            out = out c
    }
    return out
}

# ------------------------------------------------------------------ tokens of a function

function tokenize(from, to,    i, rest, word) {
    tokens = 0
    for (i = from; i <= to; i++) {
        rest = code[i]
        column = 1
        while (match(rest, /[^ ]/)) {
            column += RSTART - 1
            rest = substr(rest, RSTART)
            if (match(rest, /^[A-Za-z_][A-Za-z0-9_]*/) || match(rest, /^[0-9][0-9A-Za-z.]*/) ||
                match(rest, /^(<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*\/%&|^]=)/))
                word = substr(rest, 1, RLENGTH)
            else
                word = substr(rest, 1, 1)
            T[++tokens] = word
            token_line[tokens] = i
            token_at[tokens] = line_at[i] + column - 1
            rest = substr(rest, length(word) + 1)
            column += length(word)
        }
    }
    T[tokens + 1] = ""
}

# The parenthesis that closes the one at a token.
function closing(k,    depth) {
    for (; k <= tokens; k++) {
        if (T[k] ~ /^[({[]$/)
            depth++
        else if (T[k] ~ /^[)}\]]$/ && --depth == 0)
            return k
    }
    return tokens
}

# The semicolon that ends the statement at a token.
function ending(k) {
    for (; k <= tokens && T[k] != ";"; k++)
        if (T[k] ~ /^[({[]$/)
            k = closing(k)
    return k
}

# ------------------------------------------------------------------ hints

# The parenthesis that opens the one at a token.
function opening(k,    depth) {
    for (; k > 0; k--) {
        if (T[k] ~ /^[)}\]]$/)
            depth++
        else if (T[k] ~ /^[({[]$/ && --depth == 0)
            return k
    }
    return 1
}

# What may come soon is asked for, or a moment is let pass: statements, with what they depend on alone.
function is_hint(word) {
    return word ~ /^(__builtin_prefetch|prefetch_for_writing|ring_ask_for_room|ring_ask_for_work|cpu_relax)$/
}

# What is expected of a condition: the last argument, which may be a number.
function mark_expected(k,    last) {
    last = closing(k + 1) - 1
    for (k = last; T[k] != "," && k > 0; k--)
        hint[k] = 1
}

function mark_hints(    k, i, from) {
    split("", hint)
    for (k = 1; k <= tokens; k++) {
        if (T[k] == "__builtin_expect")
            mark_expected(k)
        if (!is_hint(T[k]) || T[k + 1] != "(")
            continue
        for (from = k; T[from - 1] == ")" && T[opening(from - 1) - 1] ~ /^(if|for|while)$/;)
            from = opening(from - 1) - 1
        for (i = from; i <= ending(k); i++)
            hint[i] = 1
    }
}

# ------------------------------------------------------------------ planting

function source_text(first, last,    i, out) {
    if (token_line[first] == token_line[last])
        return substr(text[token_line[first]], token_at[first] - line_at[token_line[first]] + 1,
                      token_at[last] + length(T[last]) - token_at[first])
    out = substr(text[token_line[first]], token_at[first] - line_at[token_line[first]] + 1)
    for (i = token_line[first] + 1; i < token_line[last]; i++)
        out = out "\001" text[i]
    return out "\001" substr(text[i], 1, token_at[last] + length(T[last]) - line_at[i])
}

function plant(rule, first, last, replacement) {
    printf "%s\t%d\t%s\t%s\t%d\t%d\t%s\n", file, token_line[first], name, rule, token_at[first],
        token_at[last] + length(T[last]) - token_at[first], replacement
}

function plant_constant(k,    digits, suffix) {
    if (T[k] ~ /^[0-9A-Fa-fxX.]*[.]/ || T[k] ~ /^0Q/ || T[k - 2] == "calloc") # room for more is no fault
        return
    digits = T[k]
    sub(/[uUlL]+$/, "", digits)
    suffix = substr(T[k], length(digits) + 1)
    if (digits ~ /^(0|[1-9][0-9]*)$/ && length(digits) < 16)
        plant("constant off by one", k, k, (digits + 1) suffix)
    else
        plant("constant off by one", k, k, "(" T[k] " + 1)")
}

function plant_condition(k,    last, i, comparisons, others) {
    last = closing(k + 1)
    for (i = k + 1; i < last; i++) {
        comparisons += T[i] == "==" || T[i] == "!="
        others += T[i] == "&&" || T[i] == "||"
    }
    if (comparisons != 1 || others) # else the comparison turned is the same
        plant("condition negated", k + 1, last, "(!" source_text(k + 1, last) ")")
}

function plant_return(k,    last) {
    last = ending(k) - 1
    if (last == k || (last == k + 1 && (T[last] ~ /^[0-9]/ || T[last] == "NULL")))
        return # of a constant, there is another one
    if (type == "pointer")
        plant("return value changed", k + 1, last, "NULL")
    else if (type == "number")
        plant("return value changed", k + 1, last, "(" source_text(k + 1, last) ") + 1")
    else if (type != "other")
        plant("return value changed", k + 1, last, "!(" source_text(k + 1, last) ")")
}

# A statement that is an expression; a declaration is none.
function plant_statement(k,    last, i, rule) {
    last = ending(k)
    if (T[k] ~ /^[0-9;]/ || (T[k] ~ /^[A-Za-z_]/ && T[k + 1] ~ /^([A-Za-z_].*|\*)$/) || T[k + 1] == ";" ||
        T[k] ~ /^(_Static_assert|va_start|va_end)$/)
        return
    rule = "call left out"
    for (i = k; i < last; i++) {
        if (T[i] == "atomic_thread_fence")
            rule = "fence left out"
        else if (T[i] ~ /^atomic_/ || T[i] ~ /^(=|.*[^=!<>]=|<<=|>>=|\+\+|--)$/)
            rule = "store left out"
    }
    plant(rule, k, last, ";")
}

# ------------------------------------------------------------------ comparisons of which both are the same

# Where the operand that ends, or begins, beside a token begins, or ends.
function operand(k, step,    begins, ends, depth) {
    begins = (step > 0) ? "([" : ")]"
    ends = (step > 0) ? ")]" : "(["
    for (k += step; k >= 1 && k <= tokens; k += step) {
        if (index(begins, T[k]))
            depth++
        else if (index(ends, T[k])) {
            if (depth-- == 0)
                break
        } else if (depth == 0 && T[k] ~ /^([;,?:{}=]|&&|\|\||return)$/)
            break
    }
    return k - step
}

# Tokens as a text, without a cast before them.
function joined(first, last,    out) {
    if (T[first] == "(" && T[first + 1] ~ /^[A-Za-z_][A-Za-z0-9_]*$/ && T[first + 2] == ")" && first + 2 < last)
        first += 3
    for (; first <= last; first++)
        out = out " " T[first]
    return out
}

# Whether it makes no difference which of two equal values is taken: a < b ? a : b, or if (a < b) a = b.
function is_choice(k,    left, right, first, middle, last) {
    left = operand(k, -1)
    right = operand(k, 1)
    if (T[right + 1] == "?") {
        first = right + 2
        middle = operand(right + 1, 1) + 1
        last = operand(middle, 1)
    } else if (T[left - 1] == "(" && T[left - 2] == "if" && T[right + 1] == ")") {
        first = right + 2
        middle = operand(right + 1, 1) + 1
        last = operand(middle, 1)
        if (T[middle] != "=" || T[last + 1] != ";")
            return 0
    } else
        return 0
    left = joined(left, k - 1)
    right = joined(k + 1, right)
    first = joined(first, middle - 1)
    last = joined(middle + 1, last)
    return (left == first && right == last) || (left == last && right == first)
}

# ------------------------------------------------------------------ a function

function turned(operator) {
    return operator == "<" ? "<=" : operator == "<=" ? "<" : operator == ">" ? ">=" : operator == ">=" ? ">" : \
           operator == "==" ? "!=" : "=="
}

function plant_tokens(    k) {
    for (k = 1; k <= tokens; k++) {
        if (k in hint)
            continue
        if (T[k] ~ /^(<|<=|>|>=|==|!=)$/ && !(T[k] ~ /[<>]/ && is_choice(k)))
            plant("comparison turned", k, k, turned(T[k]))
        else if (T[k] ~ /^(&&|\|\|)$/)
            plant("condition changed", k, k, T[k] == "&&" ? "||" : "&&")
        else if (T[k] ~ /^[0-9]/)
            plant_constant(k)
        else if (T[k] ~ /^(if|while)$/)
            plant_condition(k)
        else if (T[k] == "return")
            plant_return(k)
    }
}

function plant_statements(    k) {
    for (k = 1; k <= tokens; k++) {
        if (T[k] ~ /^(if|while|for|switch)$/)
            k = closing(k + 1)
        else if (T[k] == "case") {
            while (T[k] != ":")
                k++
        } else if (T[k] ~ /^[{};:]$/ || T[k] ~ /^(else|do)$/ || (T[k] ~ /^[A-Za-z_]/ && T[k + 1] == ":"))
            continue
        else {
            if (T[k] !~ /^(return|break|continue|goto|default)$/ && !(k in hint))
                plant_statement(k)
            if (T[k] != "default")
                k = ending(k)
        }
    }
}

# The name and the kind of value of the function whose body begins at a line, from what stands before it.
function learn_head(line,    i, head) {
    head = ""
    for (i = line - 1; i > 0 && code[i] !~ /^[ \t]*$|[;}]$/; i--)
        head = code[i] " " head
    gsub(/__attribute__ *\(\([a-z_, 0-9()]*\)\)/, "", head)
    name = head
    sub(/ *\(.*/, "", name)
    sub(/[A-Za-z_][A-Za-z0-9_]*$/, "", name)
    type = name
    name = substr(head, length(name) + 1)
    sub(/[^A-Za-z0-9_].*/, "", name)
    type = type ~ /\*/ ? "pointer" : type ~ /(^| )(bool|int) *$/ ? "truth" : \
           type ~ /(int[0-9]*_t|size_t|unsigned|long|unsigned int) *$/ ? "number" : "other"
}

function end_file(    i, from) {
    for (i = 1; i <= lines; i++) {
        if (code[i] ~ /^\{/)
            from = i
        else if (code[i] ~ /^\}/ && from) {
            learn_head(from)
            tokenize(from + 1, i - 1)
            mark_hints()
            if (!is_hint(name)) {
                plant_tokens()
                plant_statements()
            }
            from = 0
        }
    }
}

FNR == 1 {
    if (file)
        end_file()
    file = FILENAME
    lines = offset = in_comment = in_directive = 0
}

{
    lines++
    text[lines] = $0
    code[lines] = blank($0)
    if (in_directive || code[lines] ~ /^ *#/) {
        in_directive = $0 ~ /\\$/
        code[lines] = ""
    }
    line_at[lines] = offset
    offset += length($0) + 1
}

END {
    if (file)
        end_file()
}
