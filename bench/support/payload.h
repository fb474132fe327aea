/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PAYLOAD_H
#define BENCH_PAYLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

/*
 * The payload is an array of 64-bit words. The first word of each 64 bytes holds the message's number, so that a
 * stale line of an earlier message is detected. The receiver reads and adds up all words.
 */

#define PAYLOAD_CELL_WORDS 8
/* A cell of message 0. */
extern const uint64_t payload_pattern[PAYLOAD_CELL_WORDS];

/* The producer's number is in the bits above the message number. */
#define PAYLOAD_PRODUCER_SHIFT 40

static inline uint64_t payload_word(uint64_t number, size_t index)
{
    return index % PAYLOAD_CELL_WORDS == 0 ? number + index : payload_pattern[index % PAYLOAD_CELL_WORDS];
}

static inline void payload_write(void *where, size_t size, uint64_t number)
{
    uint64_t *words = where;
    const size_t count = size / sizeof(uint64_t);
    size_t i = 0;
    for (; i + PAYLOAD_CELL_WORDS <= count; i += PAYLOAD_CELL_WORDS) {
        memcpy(words + i, payload_pattern, sizeof(payload_pattern));
        words[i] = number + i;
    }
    for (; i < count; i++)
        words[i] = payload_word(number, i);
}

static inline uint64_t payload_sum(const void *where, size_t size)
{
    const uint64_t *words = where;
    const size_t count = size / sizeof(uint64_t);
    uint64_t a = 0, b = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        a += words[i] + words[i + 1] + words[i + 2] + words[i + 3];
        b += words[i + 4] + words[i + 5] + words[i + 6] + words[i + 7];
    }
    for (; i < count; i++)
        a += words[i];
    return a + b;
}

/* ------------------------------------------------------------------ the sending side */

#define SOURCE_MESSAGES 64
#define SOURCE_BYTES 32768

/*
 * The sender's buffer: a block of messages that is refilled when all of it has been sent, as in a program that
 * reads its input in blocks. Filling is part of the measured work and the same for all contenders that copy.
 */
struct source {
    size_t size;
    uint64_t next; /* number of the next message to fill in */
    uint32_t room;
    uint32_t taken;
    struct iovec block[SOURCE_MESSAGES];
    unsigned char *bytes;
};

int source_init(struct source *source, size_t size, unsigned producer);
void source_refill(struct source *source);

static inline const void *source_take(struct source *source)
{
    if (source->taken == source->room)
        source_refill(source);
    return source->block[source->taken++].iov_base;
}

/* Provides up to @most messages at once. Returns how many; at least 1. */
static inline uint32_t source_take_many(struct source *source, uint64_t most, const struct iovec **messages)
{
    if (source->taken == source->room)
        source_refill(source);
    const uint32_t left = source->room - source->taken;
    const uint32_t taken = most < left ? (uint32_t)most : left;
    *messages = &source->block[source->taken];
    source->taken += taken;
    return taken;
}

/* For contenders that write messages in place, without the block. */
static inline uint64_t source_number(struct source *source)
{
    return source->next++;
}

/* ------------------------------------------------------------------ the receiving side */

/* What one consumer received from one of several producers; in shared memory that the parent reads. */
struct tally {
    _Atomic uint64_t messages;
    uint64_t next; /* all lower numbers have passed */
    uint64_t sum;  /* of the numbers */
};

struct checker {
    size_t size;
    uint64_t next;  /* number of the next message */
    uint64_t sum;   /* of a message 0 */
    uint64_t cells; /* words of a message that hold its number */
    uint64_t bad;   /* messages of wrong length, number or content */
    struct tally *tallies;
    unsigned producers;
};

/* @tallies  one for each of @producers; NULL: a single producer, all of whose messages arrive here */
void checker_init(struct checker *checker, size_t size, struct tally *tallies, unsigned producers);
void checker_tally(struct checker *checker, const void *data, size_t length);

/* Reads a whole message. Counts a wrong one, because the measured loop has no other exit. */
static inline void checker_take(struct checker *checker, const void *data, size_t length)
{
    if (__builtin_expect(checker->tallies != NULL, 0)) {
        checker_tally(checker, data, length);
        return;
    }
    const bool right = length == checker->size && *(const uint64_t *)data == checker->next &&
                       payload_sum(data, length) == checker->sum + checker->cells * checker->next;
    checker->bad += !right;
    checker->next++;
}

#endif
