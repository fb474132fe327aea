/* SPDX-License-Identifier: MIT */
#include "producer/source_headers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char file_name[] = "Shmq-File: ";
static const char offset_name[] = "\nShmq-Offset: ";

enum { OFFSET_BYTES = 21, ESCAPED_BYTES = 4 }; /* the longest offset, with a newline; an escaped character */

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c != 0x7f && c != '\\';
}

bool source_headers_set_file(struct source_headers *headers, const char *path)
{
    char *fixed = malloc(sizeof(file_name) + sizeof(offset_name) + strlen(path) * ESCAPED_BYTES);
    if (fixed == NULL)
        return false;
    char *end = stpcpy(fixed, file_name);
    for (const char *at = path; *at != '\0'; at++) {
        if (is_plain((unsigned char)*at))
            *end++ = *at;
        else
            end += sprintf(end, "\\x%02x", (unsigned char)*at);
    }
    end = stpcpy(end, offset_name);
    source_headers_free(headers);
    *headers = (struct source_headers){fixed, (size_t)(end - fixed), true};
    return true;
}

bool source_headers_set_peer(struct source_headers *headers, pid_t pid, uid_t uid)
{
    char *fixed = NULL;
    const int length = asprintf(&fixed, "Shmq-Peer-Pid: %jd\nShmq-Peer-Uid: %ju\n", (intmax_t)pid, (uintmax_t)uid);
    if (length < 0)
        return false;
    source_headers_free(headers);
    *headers = (struct source_headers){fixed, (size_t)length, false};
    return true;
}

void source_headers_free(struct source_headers *headers)
{
    free(headers->fixed);
    *headers = (struct source_headers){0};
}

size_t source_headers_longest(const struct source_headers *headers)
{
    return headers->fixed_length + (headers->has_offset ? OFFSET_BYTES : 0);
}

bool source_blocks_reserve(struct source_blocks *blocks, const struct source_headers *headers, size_t count)
{
    const size_t size = (source_headers_longest(headers) + 1) * count; /* sprintf ends each with a NUL */
    if (!headers->has_offset || size <= blocks->size)
        return true;
    char *larger = realloc(blocks->bytes, size);
    if (larger == NULL)
        return false;
    blocks->bytes = larger;
    blocks->size = size;
    return true;
}

void source_blocks_set(const struct source_blocks *blocks, const struct source_headers *headers, size_t i,
                       uint64_t offset, struct shmq_outgoing *message)
{
    message->headers = headers->fixed;
    message->headers_length = headers->fixed_length;
    if (!headers->has_offset)
        return;
    char *const block = blocks->bytes + i * (source_headers_longest(headers) + 1);
    memcpy(block, headers->fixed, headers->fixed_length);
    const int digits = sprintf(block + headers->fixed_length, "%" PRIu64 "\n", offset);
    message->headers = block;
    message->headers_length += (size_t)digits;
}

void source_blocks_free(struct source_blocks *blocks)
{
    free(blocks->bytes);
    *blocks = (struct source_blocks){0};
}
