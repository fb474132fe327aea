/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "common/core/header_block.h"
#include "common/shmq.h"

const char *shmq_message_headers(const struct shmq_message *message, size_t *length)
{
    const bool none = message == NULL || message->headers_length == 0;
    if (length != NULL)
        *length = none ? 0 : message->headers_length;
    if (none)
        return NULL;
    const uint64_t before = header_payload_offset(message->headers_length, message->length);
    return (const char *)message->data - before + sizeof(struct header_prefix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

const char *shmq_header_value(const char *headers, size_t headers_length, const char *name, size_t *length)
{
    const size_t name_bytes = name != NULL ? strlen(name) : 0;
    const char *line = headers;
    size_t left = headers != NULL && name != NULL ? headers_length : 0;
    *length = 0;
    while (left > 0) {
        const char *const newline = memchr(line, '\n', left);
        const size_t bytes = newline != NULL ? (size_t)(newline - line) : left;
        if (bytes > name_bytes && line[name_bytes] == ':' && strncasecmp(line, name, name_bytes) == 0) {
            const char *value = line + name_bytes + 1;
            const char *end = line + bytes;
            while (value < end && is_blank(*value))
                value++;
            while (end > value && is_blank(end[-1]))
                end--;
            *length = (size_t)(end - value);
            return value;
        }
        left -= newline != NULL ? bytes + 1 : bytes;
        line += newline != NULL ? bytes + 1 : bytes;
    }
    return NULL;
}
