/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_COPY_H
#define SHMQ_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COPY_PIECE 16u
#define COPY_SHORT 128u

struct copy_piece {
    unsigned char bytes[COPY_PIECE];
};

static inline struct copy_piece copy_load(const unsigned char *from)
{
    struct copy_piece piece;
    memcpy(&piece, from, COPY_PIECE);
    return piece;
}

static inline void copy_store(unsigned char *to, struct copy_piece piece)
{
    memcpy(to, &piece, COPY_PIECE);
}

/*
 * Like memcpy. Short data is copied in small pieces: the receiver reads it at once, word by word, and processors
 * forward a recent store to a load only if they did not have to split the store.
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
    const struct copy_piece last = copy_load(from + length - COPY_PIECE);
    for (size_t i = 0; i + COPY_PIECE < length; i += COPY_PIECE)
        copy_store(to + i, copy_load(from + i));
    copy_store(to + length - COPY_PIECE, last);
}

/* Copies 1 to COPY_PIECE - 1 bytes as a first and a last part, which may overlap. */
static inline void copy_less(unsigned char *to, const unsigned char *from, size_t length)
{
    if (length >= sizeof(uint64_t)) {
        uint64_t first, last;
        memcpy(&first, from, sizeof(first));
        memcpy(&last, from + length - sizeof(last), sizeof(last));
        memcpy(to, &first, sizeof(first));
        memcpy(to + length - sizeof(last), &last, sizeof(last));
    } else if (length >= sizeof(uint32_t)) {
        uint32_t first, last;
        memcpy(&first, from, sizeof(first));
        memcpy(&last, from + length - sizeof(last), sizeof(last));
        memcpy(to, &first, sizeof(first));
        memcpy(to + length - sizeof(last), &last, sizeof(last));
    } else {
        const unsigned char first = from[0], middle = from[length / 2], last = from[length - 1];
        to[0] = first;
        to[length / 2] = middle;
        to[length - 1] = last;
    }
}

/* Like memcpy, for 1 byte to four pieces, without a call or a loop. */
__attribute__((always_inline)) static inline void copy_short(void *to_where, const void *from_where, size_t length)
{
    unsigned char *to = to_where;
    const unsigned char *from = from_where;
    if (length > 2 * COPY_PIECE) {
        const struct copy_piece a = copy_load(from);
        const struct copy_piece b = copy_load(from + COPY_PIECE);
        const struct copy_piece c = copy_load(from + length - 2 * COPY_PIECE);
        const struct copy_piece d = copy_load(from + length - COPY_PIECE);
        copy_store(to, a);
        copy_store(to + COPY_PIECE, b);
        copy_store(to + length - 2 * COPY_PIECE, c);
        copy_store(to + length - COPY_PIECE, d);
    } else if (length >= COPY_PIECE) {
        const struct copy_piece a = copy_load(from);
        const struct copy_piece d = copy_load(from + length - COPY_PIECE);
        copy_store(to, a);
        copy_store(to + length - COPY_PIECE, d);
    } else {
        copy_less(to, from, length);
    }
}

#endif
