/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/support/payload.h"

/*
 * A contender is one way to move messages between processes. Each is a separate program, so that one that needs a
 * library does not affect the others; bench/bench.sh runs them in turn and compares. `NAME --help` lists the
 * options. Output: one CSV line on stdout. Exit status: 0; 1 if anything failed, or a message was lost,
 * duplicated, out of order or wrong; 2 usage; 77 if this contender does not support the requested load.
 *
 *   stream       one producer, one consumer, at full speed
 *   round-trip   a message goes there and one comes back, over two channels
 *   many         several producers and consumers share a channel
 */
enum load { LOAD_STREAM = 1, LOAD_ROUND_TRIP = 2, LOAD_MANY = 4 };

#define PLAN_CAPACITY_BYTES (UINT64_C(8) << 20)

/* Parameters of a run. */
struct plan {
    enum load load;
    size_t size;             /* bytes of a message */
    uint64_t capacity_bytes; /* what a channel may hold, each message rounded up to 64 bytes */
    bool bounded;            /* the capacity is part of the measurement and must be nearly exact */
    unsigned producers;
    unsigned consumers;
    unsigned lanes; /* lanes of a shmq queue, all in use; 0: default */
    unsigned seats; /* of it; 0: default */
};

/* The capacity in messages; at least 1. */
uint64_t plan_messages(const struct plan *plan);

/* A channel from producers to consumers; a round trip has two. A contender's own struct begins with it. */
struct channel {
    const struct plan *plan;
    unsigned index;
};

struct contender {
    const char *name;
    unsigned loads;       /* supported loads, as bits of enum load */
    bool unbounded;       /* its capacity cannot be set */
    size_t channel_bytes; /* size of its own struct, zero-initialised; 0: struct channel */
    /* Called in the parent before the forks; what it creates is shared by all. */
    int (*prepare)(struct channel *channel);
    /* Called in each sender or receiver, with its number. */
    int (*open_sender)(struct channel *channel, unsigned number);
    int (*open_receiver)(struct channel *channel, unsigned number);
    /* Called several times: sends or receives the next @count messages. */
    int (*send)(struct channel *channel, struct source *source, uint64_t count);
    int (*receive)(struct channel *channel, struct checker *checker, uint64_t count);
    /* Does both in turn in one process, for a contender that is only a reference. */
    int (*alone)(struct channel *channel, struct source *source, struct checker *checker, uint64_t count);
    void (*close_sender)(struct channel *channel);
    void (*close_receiver)(struct channel *channel);
    /* Called in the parent after all processes have ended, in any case. */
    void (*clean_up)(struct channel *channel);
};
/*
 * All functions but send and receive (or alone) are optional. Those that return int return 0, a negative errno, or
 * the value of bench_cannot.
 */

#endif
