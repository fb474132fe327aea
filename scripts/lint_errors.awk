# SPDX-License-Identifier: MIT
#
# Compares the error codes that can leave each public function with the Return list of its comment. Functions that other
# headers declare are compared, too, where their comments have such a list.
#
#   awk -f lint_errors.awk -v public=common/shmq.h SOURCE.c... HEADER.h...
#
# This is an abstract interpreter. It runs each function that returns a signed integer, statement by statement, on sets of
# possible values. A comparison narrows a set in each branch, so a code that a caller translates is gone behind it. A call
# yields the set of the function called. Everything is repeated until no set grows.
#
# Elements of a set:
#   EINVAL   the negative code          +EINVAL  the positive one
#   SYS      -errno: other system errors
#   0        success                    P        any other value that is no error
#   LIBC     the result of a function that is not ours; possibly a positive errno
#   @1       the first parameter
#
# Comments inside a function may hold two kinds of remarks about facts that the code does not show. A superfluous remark is
# reported.
#   System errors: -EMFILE, -EACCES    values of errno at this place that Return lists should name
#   Cannot occur: -EUSERS (an observer takes no seat)    does not leave this function, and why
#
# Approximations: a code stored in a field may be read from any field of that name. A code stored through a pointer may
# be read from any variable whose address is passed. A call through a pointer may reach every function whose address is
# taken. A code in a macro is not followed, so it is reported.

function complain(text)
{
    print "lint: " text | "cat >&2"
    complaints++
}

# ------------------------------------------------------------------ tokens

# A comment, with the token that it follows.
function keep_comment(text)
{
    comments++
    comment_text[comments] = text
    comment_at[comments] = tokens
}

function add_token(text)
{
    T[++tokens] = text
    token_file[tokens] = FILENAME
}

function is_code(word)
{
    return word ~ /^E[A-Z0-9]+$/ && word != "EOF"
}

FNR == 1 {
    in_comment = in_directive = 0
    add_token(";") # no declaration goes on from one file into the next
}

{
    line = $0
    if (!in_comment && (in_directive || line ~ /^[ \t]*#/)) {
        in_directive = line ~ /\\$/
        if (line ~ /-[ ]*E[A-Z][A-Z0-9]*/ && line !~ /\/[*].*-E/)
            complain(FILENAME ":" FNR ": a code in a macro is not followed")
        # A comment that begins behind a directive may go on.
        if (!match(line, /\/[*]/) || line ~ /[*]\//)
            next
        line = substr(line, RSTART)
    }
    while (line != "") {
        if (in_comment) {
            end = index(line, "*/")
            comment = comment " " (end ? substr(line, 1, end - 1) : line)
            if (!end)
                next
            keep_comment(comment)
            in_comment = 0
            line = substr(line, end + 2)
        } else if (match(line, /^[ \t]+/)) {
            line = substr(line, RLENGTH + 1)
        } else if (line ~ /^\/[*]/) {
            in_comment = 1
            comment = ""
            line = substr(line, 3)
        } else if (line ~ /^\/\//) {
            next
        } else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^'([^'\\]|\\.)*'/)) {
            add_token("\"\"")
            line = substr(line, RLENGTH + 1)
        } else if (match(line, /^[A-Za-z_][A-Za-z0-9_]*/) || match(line, /^[0-9][A-Za-z0-9_.]*/) ||
                   match(line, /^(<<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*\/%&|^]=)/)) {
            add_token(substr(line, 1, RLENGTH))
            line = substr(line, RLENGTH + 1)
        } else {
            add_token(substr(line, 1, 1))
            line = substr(line, 2)
        }
    }
}

function match_brackets(    i, top, open)
{
    for (i = 1; i <= tokens; i++) {
        if (T[i] ~ /^[([{]$/) {
            open[++top] = i
        } else if (T[i] ~ /^[])}]$/ && top > 0) {
            M[open[top]] = i
            M[i] = open[top--]
        }
    }
}

# ------------------------------------------------------------------ functions

# The name in a declaration's head [a, b]: what stands before the parameters.
function find_name(a, b,    i)
{
    for (i = a; i <= b; i++) {
        if (T[i] == "__attribute__") {
            i = M[i + 1]
        } else if (T[i] == "(") {
            return T[i - 1] ~ /^[A-Za-z_]/ ? i - 1 : 0
        } else if (T[i] == "=" || T[i] == "{") {
            return 0
        }
    }
    return 0
}

function returns_number(a, name,    i, found)
{
    for (i = a; i < name; i++)
        if (T[i] ~ /^(int|long|ssize_t|int64_t|int32_t|off_t)$/)
            found = 1
    return found && T[name - 1] != "*"
}

function add_parameters(f, a, b,    i, count)
{
    count = 1
    for (i = a; i <= b; i++) {
        if (T[i] == ",")
            count++
        else if (T[i] ~ /^[A-Za-z_]/)
            parameter_name[f, count] = T[i]
        else if (T[i] == "(") {
            if (T[i + 1] == "*") { # a pointer to a function
                parameter_name[f, count] = T[i + 2]
                i = M[i] + 1
            }
            i = M[i]
        }
    }
    parameters[f] = count
}

function add_function(a, name, body,    i, f)
{
    f = ++functions
    function_name[f] = T[name]
    function_file[f] = token_file[name]
    function_body[f] = body
    returning[f] = returns_number(a, name)
    add_parameters(f, name + 2, M[name + 1] - 1)
    by_file[token_file[name], T[name]] = f
    by_name[T[name]] = by_name[T[name]] != "" && is_local(a, name) ? by_name[T[name]] : f
}

function is_local(a, name,    i)
{
    for (i = a; i < name; i++)
        if (T[i] == "static")
            return 1
    return 0
}

# Declarations and definitions of the outermost level.
function find_functions(    i, first, name)
{
    first = 1
    for (i = 1; i <= tokens; i++) {
        if (T[i] == "extern" && T[i + 2] == "{") {
            first = i + 3
            i += 2
        } else if (T[i] == ";") {
            name = find_name(first, i)
            if (name)
                add_declaration(first, name)
            first = i + 1
        } else if (T[i] == "{") {
            name = T[i - 1] == ")" ? find_name(first, i - 1) : 0
            if (name) {
                add_function(first, name, i)
                add_declaration(first, name)
            }
            i = M[i]
            if (name)
                first = i + 1
        } else if (T[i] == "(" && M[i]) {
            i = M[i]
        }
    }
}

# What a header declares, with its comment. Of what is not public, only what has a list.
function add_declaration(a, name,    i, text)
{
    if (T[a] == "typedef" || !returns_number(a, name) || token_file[a] !~ /\.h$/)
        return
    for (i = 1; i <= comments; i++)
        if (comment_at[i] == a - 1)
            text = comment_text[i]
    if (token_file[a] != public && text !~ /Return:.*-E[A-Z]/)
        return
    declarations++
    declared_name[declarations] = T[name]
    declared_file[declarations] = token_file[a]
    declared_comment[declarations] = text
    declared_at[declarations] = name
    publics += token_file[a] == public
}

# The codes in a text, as a set.
function codes_in(text,    set, code)
{
    set = ""
    while (match(text, /-E[A-Z][A-Z0-9]*/)) {
        code = substr(text, RSTART + 1, RLENGTH - 1)
        set = union(set, " " code " ")
        text = substr(text, RSTART + RLENGTH)
    }
    return set
}

function read_remarks(f,    i, text)
{
    for (i = 1; i <= comments; i++) {
        if (comment_at[i] < function_body[f] || comment_at[i] >= M[function_body[f]])
            continue
        text = comment_text[i]
        if (match(text, /[Ss]ystem errors:/))
            system_errors[f] = union(system_errors[f], codes_in(substr(text, RSTART)))
        if (match(text, /[Cc]annot occur:/))
            cannot_occur[f] = union(cannot_occur[f], codes_in(substr(text, RSTART)))
    }
}

# ------------------------------------------------------------------ sets and states

function has(set, element)
{
    return index(set, " " element " ") > 0
}

function union(a, b,    i, n, part)
{
    if (b == "" || a == b)
        return a
    if (a == "")
        return b
    n = split(b, part, " ")
    for (i = 1; i <= n; i++)
        if (!has(a, part[i]))
            a = a part[i] " "
    return a
}

# Keeps, of a set, what pattern matches; or, with @inverse, what it does not.
function filter(set, pattern, inverse,    i, n, part, kept)
{
    kept = ""
    n = split(set, part, " ")
    for (i = 1; i <= n; i++)
        if ((part[i] ~ pattern) != inverse)
            kept = kept part[i] " "
    return kept == "" ? "" : " " kept
}

# A state: what each variable of the function may be, or that nothing gets here.
function new_state(from,    s, i)
{
    s = ++states
    dead[s] = 1
    if (from)
        join(s, from)
    return s
}

function forget_state(s,    i)
{
    for (i = 1; i <= variables; i++)
        delete S[s, variable[i]]
    dead[s] = 1
}

function join(to, from,    i, name, before, grown)
{
    if (dead[from])
        return 0
    grown = dead[to]
    if (dead[to])
        forget_state(to)
    dead[to] = 0
    for (i = 1; i <= variables; i++) {
        name = variable[i]
        if (!((from, name) in S))
            continue
        before = ((to, name) in S) ? S[to, name] : ""
        S[to, name] = union(before, S[from, name])
        if (length(S[to, name]) != length(before))
            grown = 1
    }
    return grown
}

function replace_state(to, from)
{
    forget_state(to)
    join(to, from)
}

function set_variable(s, name, set)
{
    if (!(name in known)) {
        known[name] = 1
        variable[++variables] = name
    }
    S[s, name] = set
}

function add_to_field(name, set)
{
    set = filter(set, "^(@.*|0|P|LIBC)$", 1)
    if (set == "" || union(field[name], set) == field[name])
        return
    field[name] = union(field[name], set)
    changed = 1
}

# ------------------------------------------------------------------ expressions

function is_type(a, b,    i)
{
    if (T[a] !~ /^(void|const|struct|union|enum|unsigned|signed|char|short|int|long|bool|double|float|shared_u64|shared_u32|[a-z0-9_]*_t)$/)
        return 0
    for (i = a; i <= b; i++)
        if (T[i] !~ /^[A-Za-z_*]/)
            return 0
    return 1
}

function is_cast(p)
{
    return T[p] == "(" && is_type(p + 1, M[p] - 1)
}

# Whether the operator at p has something on its left.
function is_binary(a, p,    q)
{
    if (p == a)
        return 0
    q = T[p - 1]
    if (q == ")")
        return !is_cast(M[p - 1])
    return q == "]" || q == "\"\"" || (q ~ /^[A-Za-z0-9_]/ && q !~ /^(return|sizeof|case)$/)
}

function rank(p, a)
{
    if (T[p] == ",") return 1
    if (T[p] ~ /^([-+*\/%&|^]|<<|>>)?=$/) return 2
    if (T[p] == "?") return 3
    if (T[p] == "||") return 4
    if (T[p] == "&&") return 5
    if (T[p] ~ /^[|^&]$/) return is_binary(a, p) ? 6 : 99
    if (T[p] ~ /^[=!]=$/) return 7
    if (T[p] ~ /^[<>]=?$/) return 8
    if (T[p] ~ /^([-+*\/%]|<<|>>)$/) return is_binary(a, p) ? 9 : 99
    return 99
}

# The operator of [a, b] that is applied last; 0: none. Of several of one rank, the first: how they group does not matter here.
function find_operator(a, b,    i, r, best, found)
{
    best = 99
    for (i = a; i <= b; i++) {
        r = rank(i, a)
        if (r < best) {
            best = r
            found = i
        }
        if (T[i] ~ /^[([{]$/)
            i = M[i]
    }
    return found
}

function find_colon(p, b,    i, depth)
{
    for (i = p + 1; i <= b; i++) {
        if (T[i] == "?")
            depth++
        else if (T[i] == ":" && depth-- == 0)
            return i
        else if (T[i] ~ /^[([{]$/)
            i = M[i]
    }
    return b
}

# A variable or a field, as a name; "" if [a, b] is something else. An assignment in parentheses counts as its target.
function path_of(a, b,    i, text, op)
{
    while (T[a] == "(" && M[a] == b) {
        a++
        b--
    }
    op = find_operator(a, b)
    if (op)
        return T[op] == "=" ? path_of(a, op - 1) : ""
    if (T[a] == "*")
        return path_of(a + 1, b) == "" ? "" : "*"
    if (T[a] == ".")
        return T[a] T[a + 1]
    while (a < b && T[a] ~ /^[A-Za-z_]/ && T[a + 1] ~ /^[A-Za-z_*]/) # the type in a declaration
        a++
    while (T[a] == "*" && a < b)
        a++
    if (T[a] !~ /^[A-Za-z_]/)
        return ""
    for (i = a; i <= b; i++) {
        if (T[i] == "(")
            return ""
        text = text T[i]
    }
    return text
}

function last_part(path)
{
    sub(/\[[^]]*\]$/, "", path)
    sub(/^.*(->|\.)/, "", path)
    return path
}

function is_member(path)
{
    return path ~ /->|\./
}

function read_path(path, s)
{
    if ((s, path) in S)
        return S[s, path]
    if (path == "*" || is_member(path))
        return union(field[last_part(path)], " 0 P ")
    return " 0 P "
}

function assign(path, set, s)
{
    if (path == "")
        return
    if (path == "*" || is_member(path))
        add_to_field(last_part(path), set)
    if (path == "*" || path ~ /^\./)
        return
    if (path ~ /\[/ && (s, path) in S)
        set = union(S[s, path], set)
    set_variable(s, path, set)
}

# A function may change what it gets the address of.
function forget_reached(a, b, s,    i, name, address)
{
    address = T[a] == "&"
    if (address)
        a++
    if (a != b || T[a] !~ /^[A-Za-z_]/)
        return
    for (i = 1; i <= variables; i++) {
        name = variable[i]
        if (index(name, T[a] "->") == 1 || index(name, T[a] ".") == 1)
            delete S[s, name]
        else if (address && name == T[a])
            S[s, name] = union(field["*"], " 0 P ")
    }
}

# Evaluates arguments, separated by commas; argument[DEPTH, k] are their sets.
function eval_arguments(a, b, s,    i, k, first)
{
    k = 0
    first = a
    depth_of_calls++
    for (i = a; i <= b + 1; i++) {
        if (i == b + 1 || T[i] == ",") {
            if (i > first)
                argument[depth_of_calls, ++k] = eval(first, i - 1, s)
            first = i + 1
        } else if (T[i] ~ /^[([{]$/) {
            i = M[i]
        }
    }
    first = a
    for (i = a; i <= b + 1; i++) {
        if (i == b + 1 || T[i] == ",") {
            forget_reached(first, i - 1, s)
            first = i + 1
        } else if (T[i] ~ /^[([{]$/) {
            i = M[i]
        }
    }
}

function called(name)
{
    return (current_file, name) in by_file ? by_file[current_file, name] : by_name[name]
}

function eval_call(a, b, s,    g, set, k)
{
    if (T[a] ~ /^(sizeof|offsetof|_Alignof|_Static_assert)$/)
        return " P "
    eval_arguments(a + 2, b - 1, s)
    g = called(T[a])
    if (T[a] == "__builtin_expect")
        set = argument[depth_of_calls, 1]
    else if (g == "")
        set = (s, T[a]) in S ? union(" 0 P LIBC ", pointed) : " 0 P LIBC "
    else if (!returning[g])
        set = " 0 P "
    else {
        set = filter(leaves[g], "^@", 1)
        for (k = 1; k <= parameters[g]; k++)
            if (has(leaves[g], "@" k))
                set = union(set, argument[depth_of_calls, k])
    }
    depth_of_calls--
    return set
}

# With the sign changed.
function negate(set,    i, n, part, result)
{
    n = split(set, part, " ")
    for (i = 1; i <= n; i++) {
        if (part[i] ~ /^[+]/)
            result = union(result, " " substr(part[i], 2) " ")
        else if (part[i] == "LIBC")
            result = union(result, " SYS " substr(system_errors[current], 2))
        else if (is_code(part[i]))
            result = union(result, " +" part[i] " ")
        else
            result = union(result, " " (part[i] == "0" ? "0" : "P") " ")
    }
    return result
}

function eval_minus(a, b, s)
{
    if (a == b && T[a] == "errno") {
        said = 1
        return " SYS " substr(system_errors[current], 2)
    }
    if (has(eval(a, b, s), "LIBC"))
        said = 1
    return negate(eval(a, b, s))
}

function eval_word(word, s)
{
    if (word ~ /^[0-9]/)
        return word ~ /^0[uUlL]*$/ ? " 0 " : " P "
    if (word == "NULL" || word == "false")
        return " 0 "
    if ((s, word) in S)
        return S[s, word]
    if (is_code(word))
        return " +" word " "
    if (called(word) != "")
        take_address(called(word))
    return read_path(word, s)
}

# A function that is passed on may be called through any pointer.
function take_address(g,    set)
{
    set = filter(leaves[g], "^(@.*|0|P)$", 1)
    if (union(pointed, set) == pointed)
        return
    pointed = union(pointed, set)
    changed = 1
}

# A name and what follows it: members, indices, calls.
function eval_postfix(a, b, s,    i, path)
{
    if (a == b)
        return eval_word(T[a], s)
    if (T[a + 1] == "(" && M[a + 1] == b)
        return eval_call(a, b, s)
    path = path_of(a, b)
    for (i = a; i <= b; i++) {
        if (T[i] != "(" && T[i] != "[")
            continue
        eval(i + 1, M[i] - 1, s)
        i = M[i]
    }
    return path != "" ? read_path(path, s) : T[b] == ")" ? union(" 0 P LIBC ", pointed) : " 0 P "
}

function eval_primary(a, b, s)
{
    if (T[a] == "(" && M[a] == b)
        return eval(a + 1, b - 1, s)
    if (T[a] == "{" && M[a] == b) {
        eval_arguments(a + 1, b - 1, s)
        depth_of_calls--
        return " P "
    }
    if (is_cast(a) && M[a] < b)
        return eval(M[a] + 1, b, s)
    if (T[a] == "-")
        return eval_minus(a + 1, b, s)
    if (T[a] == "*" && path_of(a, b) != "") {
        eval(a + 1, b, s)
        return read_path("*", s)
    }
    if (T[a] ~ /^([!~&*+]|\+\+|--)$/) {
        eval(a + 1, b, s)
        return " 0 P "
    }
    return T[a] ~ /^[A-Za-z0-9_]/ ? eval_postfix(a, b, s) : " 0 P "
}

function eval_ternary(a, op, b, s,    yes, no, colon, set)
{
    yes = new_state(0)
    no = new_state(0)
    colon = find_colon(op, b)
    branch(a, op - 1, s, yes, no)
    if (!dead[yes])
        set = eval(op + 1, colon - 1, yes)
    if (!dead[no])
        set = union(set, eval(colon + 1, b, no))
    replace_state(s, yes)
    join(s, no)
    return set
}

function eval_logical(a, b, s,    yes, no)
{
    yes = new_state(0)
    no = new_state(0)
    branch(a, b, s, yes, no)
    replace_state(s, yes)
    join(s, no)
    return " 0 P "
}

# Return: what [a, b] may be. Side effects go into s.
function eval(a, b, s,    op, set)
{
    if (a > b || dead[s])
        return ""
    op = find_operator(a, b)
    if (!op)
        return eval_primary(a, b, s)
    if (T[op] == ",") {
        eval(a, op - 1, s)
        return eval(op + 1, b, s)
    }
    if (rank(op, a) == 2) {
        set = eval(op + 1, b, s)
        if (T[op] != "=")
            set = " 0 P "
        assign(path_of(a, op - 1), set, s)
        return set
    }
    if (T[op] == "?")
        return eval_ternary(a, op, b, s)
    if (T[op] == "||" || T[op] == "&&")
        return eval_logical(a, b, s)
    eval(a, op - 1, s)
    eval(op + 1, b, s)
    return " 0 P "
}

# ------------------------------------------------------------------ conditions

# What of @set may compare so with what stands in [a, b]. Numbers other than 0 and names of constants are no errors.
function compared(set, operator, a, b,    word)
{
    word = T[b]
    if (operator == "==") {
        if (T[a] == "-" && a + 1 == b && is_code(word))
            return filter(set, "^(" word "|SYS|LIBC)$", 0) != "" ? " " word " " : filter(set, "^@", 0)
        if (a == b && is_code(word))
            return filter(set, "^([+]" word "|LIBC|P|@.*)$", 0)
        if (a == b && word ~ /^0[uUlL]*$/)
            return filter(set, "^(0|LIBC|@.*)$", 0)
        if (a == b && word ~ /^([0-9]|[A-Z][A-Z0-9_]+$)/)
            return filter(set, "^(0|P|LIBC|@.*)$", 0)
        return set
    }
    if (operator == "!=") {
        if (T[a] == "-" && a + 1 == b && is_code(word))
            return filter(set, "^" word "$", 1)
        if (a == b && is_code(word))
            return filter(set, "^[+]" word "$", 1)
        if (a == b && word ~ /^0[uUlL]*$/)
            return filter(set, "^0$", 1)
        return set
    }
    if (a != b || word !~ /^0[uUlL]*$/)
        return set
    if (operator == "<")
        return filter(set, "^(0|[+].*)$", 1)
    if (operator == ">" || operator == ">=") {
        word = filter(set, "^(LIBC|@.*)$", 0) != "" ? " P " : ""
        return union(filter(set, operator == ">" ? "^(P|[+].*)$" : "^(0|P|[+].*)$", 0), word)
    }
    return operator == "<=" ? filter(set, "^[+]", 1) : set
}

function opposite(operator)
{
    if (operator == "==") return "!="
    if (operator == "!=") return "=="
    if (operator == "<") return ">="
    if (operator == ">=") return "<"
    return operator == ">" ? "<=" : ">"
}

function refine(s, path, set, operator, a, b)
{
    set = compared(set, operator, a, b)
    if (set == "")
        forget_state(s)
    else if ((s, path) in S)
        S[s, path] = set
}

function branch_compared(a, op, b, s, yes, no,    set, path)
{
    set = eval(a, op - 1, s)
    eval(op + 1, b, s)
    replace_state(yes, s)
    replace_state(no, s)
    if (set == "" || dead[s])
        return
    path = path_of(a, op - 1)
    refine(yes, path, set, T[op], op + 1, b)
    refine(no, path, set, opposite(T[op]), op + 1, b)
}

# Evaluates a condition in s: what holds if it is true goes into yes, else into no.
function branch(a, b, s, yes, no,    op, r, half)
{
    if (dead[s] || a > b) {
        replace_state(yes, s)
        forget_state(no)
        return
    }
    while (T[a] == "(" && M[a] == b) {
        a++
        b--
    }
    op = find_operator(a, b)
    r = op ? rank(op, a) : 99
    if (r == 4 || r == 5) {
        half = new_state(0)
        if (r == 4) {
            branch(a, op - 1, s, yes, half)
            branch_more(op + 1, b, half, yes, no)
        } else {
            branch(a, op - 1, s, half, no)
            branch_more(op + 1, b, half, no, yes, 1)
        }
    } else if (r == 7 || r == 8) {
        branch_compared(a, op, b, s, yes, no)
    } else if (!op && T[a] == "!") {
        branch(a + 1, b, s, no, yes)
    } else if (!op && T[a] == "__builtin_expect") {
        branch(a + 2, find_operator(a + 2, b - 1) - 1, s, yes, no)
    } else if (a == b && (T[a] == "true" || T[a] == "1")) {
        replace_state(yes, s)
        forget_state(no)
    } else {
        branch_truth(a, b, s, yes, no)
    }
}

# The right side of && and ||. Adds to both, which the left side may have reached already.
function branch_more(a, b, s, both, other, swapped,    x, y)
{
    x = new_state(0)
    y = new_state(0)
    branch(a, b, s, x, y)
    join(both, swapped ? y : x)
    replace_state(other, swapped ? x : y)
}

function branch_truth(a, b, s, yes, no,    set, path)
{
    set = eval(a, b, s)
    replace_state(yes, s)
    replace_state(no, s)
    path = path_of(a, b)
    if (set == "" || path == "" || !((s, path) in S))
        return
    if (filter(set, "^0$", 1) == "")
        forget_state(yes)
    else
        S[yes, path] = filter(set, "^0$", 1)
    if (filter(set, "^(0|@.*)$", 0) == "")
        forget_state(no)
    else
        S[no, path] = filter(set, "^(0|@.*)$", 0)
}

# ------------------------------------------------------------------ statements

function find_end(p)
{
    for (; T[p] != ";"; p++)
        if (T[p] ~ /^[([{]$/)
            p = M[p]
    return p
}

function push_loop(continues)
{
    loops++
    broken[loops] = new_state(0)
    continued[loops] = continues ? new_state(0) : continued[loops - 1]
}

# Runs a loop from state s until another iteration adds nothing to the state at its head.
function run_loop(cond_a, cond_b, step_a, step_b, body, s, first_body,    head, yes, no, round, next_token, out)
{
    head = new_state(s)
    out = new_state(0)
    do {
        push_loop(1)
        yes = new_state(0)
        no = new_state(0)
        if (first_body) {
            yes = new_state(head)
        } else {
            branch(cond_a, cond_b, new_state(head), yes, no)
            join(out, no)
        }
        next_token = run(body, yes)
        join(yes, continued[loops])
        if (first_body) {
            no = new_state(0)
            round = new_state(yes)
            forget_state(yes)
            branch(cond_a, cond_b, round, yes, no)
            join(out, no)
        } else if (step_a <= step_b) {
            eval(step_a, step_b, yes)
        }
        join(out, broken[loops])
        loops--
    } while (join(head, yes))
    replace_state(s, out)
    return next_token
}

function run_for(p, s,    first, second)
{
    first = find_end(p + 2)
    second = find_end(first + 1)
    eval(p + 2, first - 1, s)
    return run_loop(first + 1, second - 1, second + 1, M[p + 1] - 1, M[p + 1] + 1, s, 0)
}

function run_do(p, s,    last)
{
    last = skip(p + 1)
    run_loop(last + 2, M[last + 1] - 1, 1, 0, p + 1, s, 1)
    return M[last + 1] + 2
}

# The token behind the statement at p.
function skip(p)
{
    if (T[p] == "{")
        return M[p] + 1
    if (T[p] == "if") {
        p = skip(M[p + 1] + 1)
        return T[p] == "else" ? skip(p + 1) : p
    }
    if (T[p] == "while" || T[p] == "for" || T[p] == "switch")
        return skip(M[p + 1] + 1)
    if (T[p] == "do")
        return find_end(skip(p + 1)) + 1
    if (T[p] == "case" || T[p] == "default" || T[p + 1] == ":") {
        while (T[p] != ":")
            p++
        return skip(p + 1)
    }
    return find_end(p) + 1
}

function run_if(p, s,    yes, no)
{
    yes = new_state(0)
    no = new_state(0)
    branch(p + 2, M[p + 1] - 1, s, yes, no)
    p = run(M[p + 1] + 1, yes)
    if (T[p] == "else")
        p = run(p + 1, no)
    replace_state(s, yes)
    join(s, no)
    return p
}

function run_switch(p, s,    before)
{
    eval(p + 2, M[p + 1] - 1, s)
    push_loop(0)
    before = switched
    switched = new_state(s)
    forget_state(s)
    p = run(M[p + 1] + 1, s)
    join(s, switched)
    join(s, broken[loops])
    switched = before
    loops--
    return p
}

function run_return(p, s,    end, set)
{
    end = find_end(p)
    set = p + 1 < end ? eval(p + 1, end - 1, s) : ""
    if (!dead[s])
        result = union(result, set)
    forget_state(s)
    return end + 1
}

function run_goto(p, s)
{
    if (!((current, T[p + 1]) in label))
        label[current, T[p + 1]] = new_state(0)
    if (join(label[current, T[p + 1]], s))
        again = 1
    forget_state(s)
    return p + 3
}

function run_label(p, s)
{
    if ((current, T[p]) in label)
        join(s, label[current, T[p]])
    return run(p + 2, s)
}

# Runs the statement at p in state s. Return: the token behind it.
function run(p, s,    end)
{
    if (T[p] == "{") {
        end = M[p]
        for (p++; p < end;)
            p = run(p, s)
        return end + 1
    }
    if (T[p] == "if") return run_if(p, s)
    if (T[p] == "while") return run_loop(p + 2, M[p + 1] - 1, 1, 0, M[p + 1] + 1, s, 0)
    if (T[p] == "for") return run_for(p, s)
    if (T[p] == "do") return run_do(p, s)
    if (T[p] == "switch") return run_switch(p, s)
    if (T[p] == "return") return run_return(p, s)
    if (T[p] == "goto") return run_goto(p, s)
    if (T[p] == "break" || T[p] == "continue") {
        join(T[p] == "break" ? broken[loops] : continued[loops], s)
        forget_state(s)
        return p + 2
    }
    if (T[p] == "case" || T[p] == "default") {
        while (T[p] != ":")
            p++
        join(s, switched)
        return run(p + 1, s)
    }
    if (T[p] ~ /^[A-Za-z_]/ && T[p + 1] == ":")
        return run_label(p, s)
    end = find_end(p)
    eval(p, end - 1, s)
    return end + 1
}

# ------------------------------------------------------------------ all functions

function interpret(f,    k, s)
{
    current = f
    current_file = function_file[f]
    split("", S)
    split("", dead)
    split("", known)
    split("", label)
    states = variables = loops = depth_of_calls = said = 0
    result = ""
    do {
        again = 0
        s = new_state(0)
        dead[s] = 0
        for (k = 1; k <= parameters[f]; k++)
            set_variable(s, parameter_name[f, k], " @" k " ")
        run(function_body[f], s)
    } while (again)
    if (system_errors[f] != "" && !said)
        unused_remark[f] = 1
    arrives[f] = result
    k = split(cannot_occur[f], one_code, " ")
    for (; k > 0; k--)
        result = filter(result, "^" one_code[k] "$", 1)
    return result
}

function interpret_all(    f, set)
{
    do {
        changed = 0
        for (f = 1; f <= functions; f++) {
            set = interpret(f)
            if (!returning[f] || union(leaves[f], set) == leaves[f])
                continue
            leaves[f] = union(leaves[f], set)
            changed = 1
        }
    } while (changed)
}

function check_remarks(f,    k, code)
{
    if (unused_remark[f])
        complain(function_file[f] ": " function_name[f] ": 'System errors', but no errno is returned")
    for (k = split(cannot_occur[f], code, " "); k > 0; k--)
        if (!has(arrives[f], code[k]))
            complain(function_file[f] ": " function_name[f] ": 'Cannot occur: -" code[k] "', but it could not anyway")
}

# ------------------------------------------------------------------ what the comments say

# The codes that the header explains for all functions.
function find_explained(    i)
{
    for (i = 1; i <= comments; i++)
        if (index(comment_text[i], "a code means the same everywhere"))
            return codes_in(comment_text[i])
    complain(public ": its head does not say that a code means the same everywhere")
    return ""
}

# What the header explains has a text in shmq_strerror, and the other way round: a table of {CODE, "TEXT"}.
function check_texts(explained,    i, n, part, texts)
{
    for (i = 1; i + 3 <= tokens; i++)
        if (T[i] == "{" && is_code(T[i + 1]) && T[i + 2] == "," && T[i + 3] == "\"\"")
            texts = union(texts, " " T[i + 1] " ")
    n = split(union(texts, explained), part, " ")
    for (i = 1; i <= n; i++)
        if (!has(texts, part[i]))
            complain(public ": -" part[i] " is explained, but has no text in shmq_strerror")
        else if (!has(explained, part[i]))
            complain(public ": -" part[i] " has a text in shmq_strerror, but is not explained")
}

# An element as a Return list has it.
function shown(element)
{
    if (element == "SYS")
        return "'other system errors'"
    if (element == "LIBC")
        return "'what ... returned'"
    return element ~ /^[+]/ ? substr(element, 2) " (positive)" : "-" element
}

function compare(where, can, listed,    i, n, part)
{
    n = split(can, part, " ")
    for (i = 1; i <= n; i++)
        if (!has(listed, part[i]))
            complain(where ": " shown(part[i]) " can occur, but is not in its Return list")
    n = split(listed, part, " ")
    for (i = 1; i <= n; i++)
        if (!has(can, part[i]))
            complain(where ": " shown(part[i]) " is in its Return list, but cannot occur")
}

# Parameters, Context, Ordering, Crash, Return: each may be missing, none may come after a later one.
function check_order(where, text,    place, last)
{
    while (match(text, /[*] (@[a-z_]+  |Context:|Ordering:|Crash:|Return:)/)) {
        place = index("@ Context Ordering Crash Return", substr(text, RSTART + 2, substr(text, RSTART + 2, 1) == "@" ? 1 : 5))
        if (place < last)
            complain(where ": its comment is not in the order parameters, Context, Ordering, Crash, Return")
        last = place
        text = substr(text, RSTART + RLENGTH)
    }
}

# Each parameter is spoken of as @name; a handle need not be.
function check_parameters(where, text, a, b,    i)
{
    for (i = a; i <= b; i++) {
        if (T[i] == "(")
            i = M[i]
        else if ((T[i + 1] == "," || i == b) && T[i] ~ /^[a-z]/ && T[i] !~ /^(handle|void)$/ && text !~ "@" T[i] "[^a-z_]")
            complain(where ": its comment says nothing of @" T[i])
    }
}

function check_declaration(i, explained,    f, k, n, part, text, can, listed, where, is_public)
{
    where = declared_file[i] ": " declared_name[i]
    is_public = declared_file[i] == public
    f = by_name[declared_name[i]]
    if (f == "") {
        complain(where ": no definition found")
        return
    }
    text = declared_comment[i]
    if (!match(text, /Return:/) && !match(text, /Returns? /)) {
        complain(where ": no comment of its own that says what it returns")
        return
    }
    check_order(where, text)
    if (is_public)
        check_parameters(where, text, declared_at[i] + 2, M[declared_at[i] + 1] - 1)
    text = substr(text, match(text, /Return:/) ? RSTART : match(text, /Returns? /))
    if (text ~ /as shmq_/)
        complain(where ": its Return list refers to another function's")
    gsub(/[ *]+/, " ", text)
    listed = codes_in(text)
    if (text ~ /other system errors/)
        listed = union(listed, " SYS ")
    if (text ~ /what [a-z ]+ returned/)
        listed = union(listed, " LIBC ")
    can = filter(leaves[f], is_public ? "^(0|P|@.*)$" : "^(0|P|LIBC|[+].*|@.*)$", 1)
    compare(where, can, listed)
    n = is_public ? split(can, part, " ") : 0
    for (k = 1; k <= n; k++)
        if (part[k] ~ /^E/ && !has(explained, part[k]))
            complain(where ": -" part[k] " can occur, but the head of the header does not explain it")
}

function show_lists(    i, n, part, k, text)
{
    for (i = 1; i <= declarations; i++) {
        if (declared_file[i] != public)
            continue
        n = split(filter(leaves[by_name[declared_name[i]]], "^(0|P|LIBC|[+].*|@.*)$", 1), part, " ")
        text = ""
        for (k = 1; k <= n; k++)
            text = text " " part[k]
        print declared_name[i] ":" text
    }
}

END {
    match_brackets()
    find_functions()
    for (i = 1; i <= functions; i++)
        read_remarks(i)
    interpret_all()
    if (show)
        show_lists()
    for (i = 1; i <= functions; i++)
        check_remarks(i)
    explained = find_explained()
    if (!show)
        check_texts(explained)
    for (i = 1; i <= declarations; i++)
        check_declaration(i, explained)
    if (publics == 0)
        complain("no public function found in " public)
    close("cat >&2")
    exit complaints > 0
}
