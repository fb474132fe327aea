/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_COPY_H
#define SHMQ_COPY_H

#include <stddef.h>
#include <string.h>

#define COPY_PIECE 16u
#define COPY_SHORT 128u

/*
 * As memcpy. What is short is copied in small pieces: its receiver reads it at once, word by word, and processors
 * pass on what was just stored only from stores that they have not had to split.
 */
static inline void copy_out(void *to_where, const void *from_where, size_t length)
{
    unsigned char *to = to_where;
    const unsigned char *from = from_where;
    if (length < COPY_PIECE || length > COPY_SHORT) {
        if (length > 0)
            memcpy(to, from, length);
        return;
    }
    unsigned char last[COPY_PIECE];
    memcpy(last, from + length - COPY_PIECE, COPY_PIECE);
    for (size_t i = 0; i + COPY_PIECE < length; i += COPY_PIECE)
        memcpy(to + i, from + i, COPY_PIECE);
    memcpy(to + length - COPY_PIECE, last, COPY_PIECE);
}

#endif
