/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLAIN_RING_H
#define TESTS_PLAIN_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/ring.h"

/*
 * One lane on plain memory, without any queue. Every section ends where an unreadable page begins, so that a read
 * or a write beyond it is a crash; the arena is mapped twice in a row. The memory is shared with forked children.
 */

#define PLAIN_SEATS 8u
#define PLAIN_SMALL 4096u /* bytes of a ring of 64 cells */

enum plain_section {
    PLAIN_CONTROL,
    PLAIN_SEAT_TABLE,
    PLAIN_MARKS,
    PLAIN_TIMES,
    PLAIN_LEASES,
    PLAIN_RECORDS,
    PLAIN_ARENA,
    PLAIN_SECTIONS
};

struct plain_ring {
    struct ring ring;
    struct seat *seats; /* [PLAIN_SEATS] */
    struct {
        void *map; /* with its guard pages */
        size_t map_bytes;
        unsigned char *start;
        size_t bytes;
    } sections[PLAIN_SECTIONS];
};

/* What the sections held at some moment. */
struct plain_copy {
    unsigned char *bytes;
};

/* Makes a ring and starts it at its first position. Whatever fails ends the test. */
void plain_make(struct plain_ring *plain, uint64_t capacity_bytes, uint64_t max_message_bytes);
void plain_free(struct plain_ring *plain);
/* As new, at @position; descriptors and payload hold rubbish. */
void plain_start(struct plain_ring *plain, uint64_t position);

/* Where the life of a lane is interesting: 0 its beginning, 1 where 32 bits end, 2 @laps before its last position.
 */
#define PLAIN_STARTS 3
uint64_t plain_position(const struct plain_ring *plain, int start, uint64_t laps);

void plain_save(const struct plain_ring *plain, struct plain_copy *copy); /* allocates */
void plain_restore(const struct plain_ring *plain, const struct plain_copy *copy);
bool plain_is_same(const struct plain_ring *plain, const struct plain_copy *copy);
void plain_copy_free(struct plain_copy *copy);

/* The payload that message @sequence has. */
void plain_fill(unsigned char *payload, uint32_t length, uint64_t sequence);
bool plain_is_filled(const unsigned char *payload, uint32_t length, uint64_t sequence);

/* Writes message @sequence behind what was appended; the room is there. */
void plain_append(struct ring_producer *producer, uint32_t length, uint64_t sequence);
/* Makes room, appends and publishes one message. Returns what ring_make_room did. */
int plain_put(struct ring_producer *producer, uint32_t length, uint64_t sequence);

/* Limits of a lease that takes up to @records. */
#define PLAIN_LIMIT(most)                                                                                         \
    (const struct ring_limits)                                                                                    \
    {                                                                                                             \
        .records = (most), .cells = UINT64_MAX                                                                    \
    }

static inline uint64_t plain_load(const shared_u64 *word)
{
    return atomic_load(word);
}

/* These fail the test where they do not succeed. */
struct ring_producer plain_producer(const struct plain_ring *plain);
void plain_must_put(struct ring_producer *producer, uint32_t length, uint64_t sequence);
struct ring_batch plain_lease(const struct plain_ring *plain, uint32_t seat, uint32_t records);
void plain_finish(const struct plain_ring *plain, uint32_t seat, const struct ring_batch *batch);
void plain_expect(const struct plain_ring *plain, uint64_t head, uint64_t claim, uint64_t tail);
/* Moves an empty ring on by @cells, a message of no bytes at a time. */
void plain_advance(const struct plain_ring *plain, struct ring_producer *producer, uint64_t cells);

/* Leases one message. Returns what ring_lease did. */
int plain_try_lease(const struct plain_ring *plain, uint32_t seat);
/* Marks a batch done as a holder would that dies before it reclaims. */
void plain_mark_done(const struct plain_ring *plain, const struct ring_batch *batch);

/* A small generator, the same at every run. */
uint64_t plain_random(uint64_t *state);

/*
 * Runs @operation in a child, instruction by instruction, and calls @look after each one that changed the memory,
 * with the memory as the child's death would leave it there; @look may change it. Leaves it as the operation does.
 * Return: how often it looked; -1 where the system refuses to trace.
 */
int plain_step(struct plain_ring *plain, void (*operation)(struct plain_ring *plain),
               void (*look)(struct plain_ring *plain));

#endif
