/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_LINE_TAG_H
#define CONSUMER_LINE_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lines of output that each begin with a tag, which says what they belong to. */

#define LINE_TAG_MAX ((size_t)100) /* bytes of a message in a tag */

struct line_tag {
    char text[LINE_TAG_MAX + sizeof("...\t")];
    size_t length; /* 0: no tag */
};

/* The message's first line and a tab. If that is empty or not printable text in UTF-8: @id and a tab. */
void line_tag_of_message(struct line_tag *tag, const void *message, size_t length, const char *id);

/* Takes a part of the output. Return: 0; a negative errno. */
typedef int line_tag_writer(void *context, const void *data, size_t length);

/* Output on its way through: tags its lines and ends the last one. */
struct tagged_lines {
    const struct line_tag *tag;
    line_tag_writer *write; /* NULL: the bytes are only counted */
    void *context;
    uint64_t bytes; /* that came out */
    bool in_line;   /* the last line has no newline yet */
    size_t used;
    unsigned char buffer[64 * 1024];
};

void tagged_lines_init(struct tagged_lines *lines, const struct line_tag *tag, line_tag_writer *write,
                       void *context);
/* Return: 0; what the writer returned. */
int tagged_lines_add(struct tagged_lines *lines, const void *data, size_t length);
/* Ends the last line with a newline if it has none, and writes what is left. Return: 0; what the writer returned.
 */
int tagged_lines_end(struct tagged_lines *lines);

#endif
