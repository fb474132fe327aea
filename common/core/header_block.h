/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_HEADER_BLOCK_H
#define SHMQ_HEADER_BLOCK_H

/*
 * A message's header block: lines "Name: value\n" in cells of their own before the payload.
 *
 *   cell 0          struct header_prefix, then the text
 *   ...             the rest of the text, then unused bytes up to the end of the cell
 *   payload_offset  the payload, aligned and contiguous like that of a message without headers
 *
 * The descriptor of such a message has the frame RECORD_HEADERS; the prefix has its real frame. The descriptor's
 * length covers block and payload, so code that only steps over messages need not know about headers. That length
 * is always more than a cell, so the paths of short messages need not know about them either.
 *
 * W: the lane's owner, before tail. R: consumers, in the lane or in a seat buffer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct header_prefix {
    uint32_t text_bytes;
    uint32_t payload_offset; /* bytes from the prefix on; a multiple of CELL_BYTES */
    uint8_t frame;           /* enum shmq_frame */
    uint8_t delimiter;
    uint8_t reserved[6]; /* 0 */
};

/* The parts of a message with headers. */
struct header_view {
    const char *text;
    uint32_t text_bytes;
    uint32_t payload_offset; /* bytes from the prefix on */
    uint8_t frame;           /* enum shmq_frame */
    uint8_t delimiter;
};

/* Whether @text is one or more whole lines "Name: value\n". Names are tokens as in HTTP; values have no NUL or CR.
 */
bool header_text_is_valid(const char *text, size_t bytes);

/* Bytes from the prefix to the payload. */
uint64_t header_payload_offset(uint64_t text_bytes, uint64_t payload_bytes);

/* Writes the prefix. @payload_offset: header_payload_offset. Return: where the text belongs. */
static inline char *header_write_prefix(unsigned char *at, uint32_t text_bytes, uint64_t payload_offset,
                                        uint8_t frame, uint8_t delimiter)
{
    const struct header_prefix prefix = {.text_bytes = text_bytes,
                                         .payload_offset = (uint32_t)payload_offset,
                                         .frame = frame,
                                         .delimiter = delimiter};
    memcpy(at, &prefix, sizeof(prefix));
    return (char *)at + sizeof(prefix);
}

/* Writes prefix and text. @at: header_payload_offset writable bytes. */
void header_write(unsigned char *at, const char *text, uint32_t text_bytes, uint64_t payload_bytes, uint8_t frame,
                  uint8_t delimiter);

/*
 * Finds block and payload in the @bytes bytes @at, which may be damaged.
 * Return: false if they are invalid. Reads nothing outside these bytes, and @view refers to nothing outside.
 */
bool header_read(const unsigned char *at, uint64_t bytes, struct header_view *view);

#endif
