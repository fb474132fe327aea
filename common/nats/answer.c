/* SPDX-License-Identifier: MIT */
#include "common/nats/answer.h"

#include <string.h>

/*
 * A parser of JSON for this one kind of object. It knows all of the syntax, to skip what is not asked for, up to a
 * depth that no answer has.
 */
enum { DEPTH_MAX = 8, NAME_BYTES = 24 };

struct reader {
    const char *at;
    const char *end;
};

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4) != NULL)
        reader->at++;
}

/* Whether the next character is this one; skips it if so. */
static bool take(struct reader *reader, char character)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != character)
        return false;
    reader->at++;
    return true;
}

static bool take_word(struct reader *reader, const char *word)
{
    const size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

static int hex_digit(char character)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *digit = memchr(digits, character, sizeof(digits) - 1);
    if (digit == NULL)
        return -1;
    return digit - digits < 16 ? (int)(digit - digits) : (int)(digit - digits) - 6;
}

/* What an escape stands for; '?' for what is not ASCII. Return: negative if it is none. */
static int take_escape(struct reader *reader)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end)
        return -1;
    const char kind = *reader->at++;
    const char *simple = memchr(from, kind, sizeof(from) - 1);
    if (simple != NULL)
        return to[simple - from];
    if (kind != 'u' || reader->end - reader->at < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        const int digit = hex_digit(*reader->at++);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value < 0x80 ? value : '?';
}

/* Reads a string, cut to @size - 1 bytes, without control characters. */
static bool take_string(struct reader *reader, char *text, size_t size)
{
    size_t length = 0;
    if (!take(reader, '"'))
        return false;
    while (reader->at < reader->end && *reader->at != '"') {
        int character = (unsigned char)*reader->at++;
        if (character < ' ')
            return false;
        if (character == '\\')
            character = take_escape(reader);
        if (character < 0)
            return false;
        if (character < ' ' || character == 0x7f)
            character = '?';
        if (length + 1 < size)
            text[length++] = (char)character;
    }
    if (size > 0)
        text[length] = '\0';
    return take(reader, '"');
}

static bool take_number(struct reader *reader, uint64_t *value)
{
    bool any = false;
    skip_blanks(reader);
    for (*value = 0; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
        const uint64_t digit = (uint64_t)(*reader->at - '0');
        if (*value > (UINT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
        any = true;
    }
    return any;
}

static bool skip_value(struct reader *reader, int depth);

/* The members of an object, or the elements of an array, behind the bracket that opens it. */
static bool skip_members(struct reader *reader, char closing, int depth)
{
    if (depth == 0)
        return false;
    if (take(reader, closing))
        return true;
    do {
        if (closing == '}' && (!take_string(reader, NULL, 0) || !take(reader, ':')))
            return false;
        if (!skip_value(reader, depth - 1))
            return false;
    } while (take(reader, ','));
    return take(reader, closing);
}

static bool skip_value(struct reader *reader, int depth)
{
    if (take(reader, '{'))
        return skip_members(reader, '}', depth);
    if (take(reader, '['))
        return skip_members(reader, ']', depth);
    if (reader->at < reader->end && *reader->at == '"')
        return take_string(reader, NULL, 0);
    const char *begin = reader->at;
    while (reader->at < reader->end && memchr("+-.eE0123456789", *reader->at, 15) != NULL)
        reader->at++;
    return reader->at > begin || take_word(reader, "true") || take_word(reader, "false") ||
           take_word(reader, "null");
}

static bool take_bool(struct reader *reader, bool *value)
{
    skip_blanks(reader);
    *value = take_word(reader, "true");
    return *value || take_word(reader, "false");
}

static bool take_code(struct reader *reader, unsigned *code)
{
    uint64_t value;
    if (!take_number(reader, &value) || value > 1000000)
        return false;
    *code = (unsigned)value;
    return true;
}

static bool take_error_member(struct reader *reader, const char *name, struct answer *answer)
{
    if (strcmp(name, "code") == 0)
        return take_code(reader, &answer->code);
    if (strcmp(name, "err_code") == 0)
        return take_code(reader, &answer->err_code);
    if (strcmp(name, "description") == 0)
        return take_string(reader, answer->description, sizeof(answer->description));
    skip_blanks(reader);
    return skip_value(reader, DEPTH_MAX);
}

typedef bool take_member(struct reader *reader, const char *name, struct answer *answer);

static bool take_object(struct reader *reader, take_member *member, struct answer *answer)
{
    char name[NAME_BYTES];
    if (!take(reader, '{'))
        return false;
    if (take(reader, '}'))
        return true;
    do {
        if (!take_string(reader, name, sizeof(name)) || !take(reader, ':') || !member(reader, name, answer))
            return false;
    } while (take(reader, ','));
    return take(reader, '}');
}

static bool take_answer_member(struct reader *reader, const char *name, struct answer *answer)
{
    if (strcmp(name, "error") == 0)
        return take_object(reader, take_error_member, answer);
    if (strcmp(name, "stream") == 0)
        return take_string(reader, answer->stream, sizeof(answer->stream));
    if (strcmp(name, "seq") == 0)
        return take_number(reader, &answer->sequence);
    if (strcmp(name, "duplicate") == 0)
        return take_bool(reader, &answer->duplicate);
    skip_blanks(reader);
    return skip_value(reader, DEPTH_MAX);
}

bool answer_parse(const char *text, size_t length, struct answer *answer)
{
    struct reader reader = {.at = text, .end = text + length};
    answer->stored = answer->duplicate = false;
    answer->sequence = 0;
    answer->code = answer->err_code = 0;
    answer->stream[0] = answer->description[0] = '\0';
    if (!take_object(&reader, take_answer_member, answer))
        return false;
    skip_blanks(&reader);
    if (reader.at != reader.end)
        return false;
    answer->stored = answer->code == 0 && answer->err_code == 0 && answer->sequence > 0;
    return answer->stored || answer->code != 0 || answer->err_code != 0;
}
