/* SPDX-License-Identifier: MIT */

/*
 * The textbook lock-free queue for many producers and consumers: a ring of slots with sequence numbers (Vyukov's
 * bounded queue). A process that finds it full or empty spins and yields the processor after a while: with more
 * processes than processors, longer spinning would only delay the process that it waits for.
 */

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "bench/support/harness.h"

#define SPINS 64u

struct slot {
    _Atomic uint64_t sequence;
    unsigned char payload[];
};

struct ring {
    _Alignas(128) _Atomic uint64_t tail;
    _Alignas(128) _Atomic uint64_t head;
    _Alignas(128) unsigned char slots[];
};

struct mpmc_channel {
    struct channel channel;
    struct ring *ring;
    size_t stride;
    uint64_t slots; /* a power of two */
};

static inline struct mpmc_channel *mpmc_of(struct channel *channel)
{
    return (struct mpmc_channel *)channel;
}

static inline struct slot *slot_at(const struct mpmc_channel *mine, uint64_t position)
{
    return (struct slot *)(mine->ring->slots + (position & (mine->slots - 1)) * mine->stride);
}

static int prepare(struct channel *channel)
{
    struct mpmc_channel *mine = mpmc_of(channel);
    mine->stride = (sizeof(struct slot) + channel->plan->size + 63) & ~(size_t)63;
    mine->slots = 1;
    while (mine->slots < plan_messages(channel->plan))
        mine->slots *= 2;
    mine->ring = mmap(NULL, sizeof(struct ring) + mine->slots * mine->stride, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mine->ring == MAP_FAILED)
        return -errno;
    for (uint64_t i = 0; i < mine->slots; i++)
        atomic_store(&slot_at(mine, i)->sequence, i);
    return 0;
}

static inline void wait_a_little(unsigned *spins)
{
    if (++*spins % SPINS == 0)
        (void)sched_yield();
    else
        bench_relax();
}

/* Claims the next position whose slot has the sequence number position + @ready. */
static inline uint64_t take_position(const struct mpmc_channel *mine, _Atomic uint64_t *end, uint64_t ready)
{
    unsigned spins = 0;
    uint64_t position = atomic_load_explicit(end, memory_order_relaxed);
    for (;;) {
        const uint64_t sequence = atomic_load_explicit(&slot_at(mine, position)->sequence, memory_order_acquire);
        const int64_t ahead = (int64_t)(sequence - (position + ready));
        if (ahead == 0 && atomic_compare_exchange_weak_explicit(end, &position, position + 1, memory_order_relaxed,
                                                                memory_order_relaxed))
            return position;
        if (ahead < 0)
            wait_a_little(&spins);
        if (ahead != 0)
            position = atomic_load_explicit(end, memory_order_relaxed);
    }
}

static int send_each(struct channel *channel, struct source *source, uint64_t count)
{
    const struct mpmc_channel mine = *mpmc_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        const void *message = source_take(source);
        const uint64_t position = take_position(&mine, &mine.ring->tail, 0);
        struct slot *slot = slot_at(&mine, position);
        memcpy(slot->payload, message, source->size);
        atomic_store_explicit(&slot->sequence, position + 1, memory_order_release);
    }
    return 0;
}

static int receive_each(struct channel *channel, struct checker *checker, uint64_t count)
{
    const struct mpmc_channel mine = *mpmc_of(channel);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t position = take_position(&mine, &mine.ring->head, 1);
        struct slot *slot = slot_at(&mine, position);
        checker_take(checker, slot->payload, checker->size);
        atomic_store_explicit(&slot->sequence, position + mine.slots, memory_order_release);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct contender contender = {
        .name = "mpmc",
        .loads = LOAD_STREAM | LOAD_ROUND_TRIP | LOAD_MANY,
        .channel_bytes = sizeof(struct mpmc_channel),
        .prepare = prepare,
        .send = send_each,
        .receive = receive_each,
    };
    return bench_run(argc, argv, &contender);
}
