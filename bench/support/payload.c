/* SPDX-License-Identifier: MIT */
#include "bench/support/payload.h"

#include <errno.h>
#include <stdlib.h>

const uint64_t payload_pattern[PAYLOAD_CELL_WORDS] = {
    0,
    UINT64_C(0x9e3779b97f4a7c15),
    UINT64_C(0xbf58476d1ce4e5b9),
    UINT64_C(0x94d049bb133111eb),
    UINT64_C(0xd6e8feb86659fd93),
    UINT64_C(0xa0761d6478bd642f),
    UINT64_C(0xe7037ed1a0b428db),
    UINT64_C(0x8ebc6af09c88c6e3),
};

/* The block is one lap of the sender's buffer, small enough to stay in the first-level cache if messages are
 * small. */
int source_init(struct source *source, size_t size, unsigned producer)
{
    const size_t fits = SOURCE_BYTES / size;
    *source = (struct source){.size = size, .next = (uint64_t)producer << PAYLOAD_PRODUCER_SHIFT};
    source->room = fits < 1 ? 1 : fits < SOURCE_MESSAGES ? (uint32_t)fits : SOURCE_MESSAGES;
    source->taken = source->room;
    source->bytes = aligned_alloc(64, (size * source->room + 63) & ~(size_t)63);
    if (source->bytes == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < source->room; i++) {
        source->block[i] = (struct iovec){.iov_base = source->bytes + i * size, .iov_len = size};
        payload_write(source->block[i].iov_base, size, 0);
    }
    return 0;
}

/* Updates only the message numbers; the rest of the block does not change. */
void source_refill(struct source *source)
{
    for (uint32_t i = 0; i < source->room; i++) {
        uint64_t *words = source->block[i].iov_base;
        for (size_t w = 0; w < source->size / sizeof(uint64_t); w += PAYLOAD_CELL_WORDS)
            words[w] = payload_word(source->next, w);
        source->next++;
    }
    source->taken = 0;
}

void checker_init(struct checker *checker, size_t size, struct tally *tallies, unsigned producers)
{
    *checker = (struct checker){.size = size, .tallies = tallies, .producers = producers};
    const size_t words = size / sizeof(uint64_t);
    checker->cells = (words + PAYLOAD_CELL_WORDS - 1) / PAYLOAD_CELL_WORDS;
    for (size_t i = 0; i < words; i++)
        checker->sum += payload_word(0, i);
}

/* Messages of one producer arrive in order, but which of them this consumer gets is not known in advance. */
void checker_tally(struct checker *checker, const void *data, size_t length)
{
    const uint64_t number = length == checker->size ? *(const uint64_t *)data : UINT64_MAX;
    const uint64_t producer = number >> PAYLOAD_PRODUCER_SHIFT;
    if (producer >= checker->producers) {
        checker->bad++;
        return;
    }
    struct tally *tally = &checker->tallies[producer];
    checker->bad += number < tally->next || payload_sum(data, length) != checker->sum + checker->cells * number;
    tally->next = number + 1;
    tally->sum += number;
    atomic_store_explicit(&tally->messages, atomic_load_explicit(&tally->messages, memory_order_relaxed) + 1,
                          memory_order_release);
}
