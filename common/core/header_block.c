/* SPDX-License-Identifier: MIT */
#include "common/core/header_block.h"

#include "common/core/geometry.h"
#include "common/shmq.h"

_Static_assert(sizeof(struct header_prefix) == 16, "a prefix has 16 bytes");

/* A character of a token (RFC 9110). */
static bool is_token(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Return: length of the header line at @text, including its newline; 0 if it is not valid. */
static size_t line_bytes(const char *text, size_t bytes)
{
    const char *const end = memchr(text, '\n', bytes);
    if (end == NULL)
        return 0;
    const size_t length = (size_t)(end - text);
    size_t name = 0;
    while (name < length && is_token((unsigned char)text[name]))
        name++;
    const bool valid = name > 0 && name < length && text[name] == ':' && memchr(text, '\0', length) == NULL &&
                       memchr(text, '\r', length) == NULL;
    return valid ? length + 1 : 0;
}

bool header_text_is_valid(const char *text, size_t bytes)
{
    size_t at = 0;
    if (bytes == 0 || bytes > SHMQ_HEADERS_MAX)
        return false;
    while (at < bytes) {
        const size_t line = line_bytes(text + at, bytes - at);
        if (line == 0)
            return false;
        at += line;
    }
    return true;
}

uint64_t header_payload_offset(uint64_t text_bytes, uint64_t payload_bytes)
{
    const uint64_t cells = cells_for(sizeof(struct header_prefix) + text_bytes);
    const uint64_t least = payload_bytes == 0 ? 2 : 1; /* in all, always more than one cell */
    return (cells < least ? least : cells) << CELL_SHIFT;
}

void header_write(unsigned char *at, const char *text, uint32_t text_bytes, uint64_t payload_bytes, uint8_t frame,
                  uint8_t delimiter)
{
    const uint64_t payload_offset = header_payload_offset(text_bytes, payload_bytes);
    memcpy(header_write_prefix(at, text_bytes, payload_offset, frame, delimiter), text, text_bytes);
}

bool header_read(const unsigned char *at, uint64_t bytes, struct header_view *view)
{
    struct header_prefix prefix;
    if (bytes <= CELL_BYTES)
        return false;
    memcpy(&prefix, at, sizeof(prefix)); /* only the copy is checked and used */
    const char *const text = (const char *)at + sizeof(prefix);
    if (prefix.text_bytes > SHMQ_HEADERS_MAX || prefix.payload_offset > bytes ||
        prefix.payload_offset != header_payload_offset(prefix.text_bytes, bytes - prefix.payload_offset) ||
        prefix.frame > SHMQ_FRAME_LENGTH32 || !header_text_is_valid(text, prefix.text_bytes))
        return false;
    *view = (struct header_view){.text = text,
                                 .text_bytes = prefix.text_bytes,
                                 .payload_offset = prefix.payload_offset,
                                 .frame = prefix.frame,
                                 .delimiter = prefix.delimiter};
    return true;
}
