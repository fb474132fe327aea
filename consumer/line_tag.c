/* SPDX-License-Identifier: MIT */
#include "consumer/line_tag.h"

#include <string.h>

/* ------------------------------------------------------------------ tags */

/* Bytes of the UTF-8 character that begins at @text; 0: it is none. */
static size_t character_bytes(const unsigned char *text, size_t length)
{
    const unsigned char first = text[0];
    const size_t bytes = first < 0x80   ? 1
                         : first < 0xc2 ? 0
                         : first < 0xe0 ? 2
                         : first < 0xf0 ? 3
                         : first < 0xf5 ? 4
                                        : 0;

    if (bytes == 0 || bytes > length)
        return 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return bytes;
}

/* Also the control characters from U+0080 to U+009F, which a terminal may obey. */
static bool is_control(const unsigned char *text)
{
    return text[0] < ' ' || text[0] == 0x7f || (text[0] == 0xc2 && text[1] < 0xa0);
}

/* Bytes of whole characters, at most @most; 0: it is not printable text. */
static size_t printable_bytes(const unsigned char *text, size_t length, size_t most)
{
    size_t end = 0;

    for (size_t at = 0; at < length;) {
        const size_t bytes = character_bytes(text + at, length - at);

        if (bytes == 0 || is_control(text + at))
            return 0;
        at += bytes;
        if (at <= most)
            end = at;
        else
            break;
    }
    return end;
}

void line_tag_of_message(struct line_tag *tag, const void *message, size_t length, const char *id)
{
    const char *newline = length > 0 ? memchr(message, '\n', length) : NULL;
    const size_t line = newline ? (size_t)(newline - (const char *)message) : length;
    const size_t taken = printable_bytes(message, line, LINE_TAG_MAX);
    char *to = tag->text;

    if (taken > 0)
        to = mempcpy(to, message, taken);
    else
        to = mempcpy(to, id, strnlen(id, LINE_TAG_MAX));
    if (taken > 0 && taken < line)
        to = stpcpy(to, "...");
    to = stpcpy(to, "\t");
    tag->length = (size_t)(to - tag->text);
}

/* ------------------------------------------------------------------ lines */

void tagged_lines_init(struct tagged_lines *lines, const struct line_tag *tag, line_tag_writer *write,
                       void *context)
{
    lines->tag = tag;
    lines->write = write;
    lines->context = context;
    lines->bytes = 0;
    lines->in_line = false;
    lines->used = 0;
}

static int flush(struct tagged_lines *lines)
{
    const size_t used = lines->used;

    lines->used = 0;
    return used > 0 ? lines->write(lines->context, lines->buffer, used) : 0;
}

static int put(struct tagged_lines *lines, const void *data, size_t length)
{
    const unsigned char *from = data;

    lines->bytes += length;
    while (lines->write && length > 0) {
        const size_t room = sizeof(lines->buffer) - lines->used;
        const size_t step = length < room ? length : room;
        int error = 0;

        memcpy(lines->buffer + lines->used, from, step);
        lines->used += step;
        from += step;
        length -= step;
        if (lines->used == sizeof(lines->buffer))
            error = flush(lines);
        if (error < 0)
            return error;
    }
    return 0;
}

int tagged_lines_add(struct tagged_lines *lines, const void *data, size_t length)
{
    const char *from = data;
    int error = 0;

    while (error == 0 && length > 0) {
        const char *newline = memchr(from, '\n', length);
        const size_t step = newline ? (size_t)(newline - from) + 1 : length;

        if (!lines->in_line)
            error = put(lines, lines->tag->text, lines->tag->length);
        if (error == 0)
            error = put(lines, from, step);
        lines->in_line = newline == NULL;
        from += step;
        length -= step;
    }
    return error;
}

int tagged_lines_end(struct tagged_lines *lines)
{
    int error = lines->in_line ? put(lines, "\n", 1) : 0;

    lines->in_line = false;
    return error == 0 ? flush(lines) : error;
}
