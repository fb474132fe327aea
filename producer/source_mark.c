/* SPDX-License-Identifier: MIT */
#include "producer/source_mark.h"

#include <string.h>

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static uint64_t add_word(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * MULTIPLIER;
    return sum ^ sum >> 32;
}

uint64_t source_mark_sum(const void *data, size_t size)
{
    const unsigned char *next = data;
    uint64_t sum = add_word(MULTIPLIER, size);
    uint64_t word;
    for (; size >= sizeof(word); size -= sizeof(word)) {
        memcpy(&word, next, sizeof(word));
        sum = add_word(sum, word);
        next += sizeof(word);
    }
    word = 0;
    if (size > 0)
        memcpy(&word, next, size);
    return add_word(sum, word);
}

struct source_mark source_mark_make(uint64_t offset, const void *end, uint64_t size)
{
    const size_t bytes = size < MARK_BYTES ? (size_t)size : MARK_BYTES;
    return (struct source_mark){offset, source_mark_sum((const char *)end - bytes, bytes), bytes};
}
