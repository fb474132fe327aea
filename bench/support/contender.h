/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/support/payload.h"

/*
 * One contender: a way to bring messages from one process to another. Each is a program of its own, so that one
 * that needs a library of its own needs nothing of the others; bench/bench.sh runs them in turn and compares.
 * `NAME --help` lists the options. Output: one CSV line on stdout.
 * Exit status: 0; 1 if anything failed, or a message was lost, doubled, out of order or wrong; 2 usage; 77 this
 * contender cannot do what was asked for.
 *
 *   stream       one producer, one consumer, as fast as they can
 *   round-trip   a message goes over and comes back, over two channels
 *   many         several producers and consumers share a channel
 */
enum load { LOAD_STREAM = 1, LOAD_ROUND_TRIP = 2, LOAD_MANY = 4 };

#define PLAN_CAPACITY_BYTES (UINT64_C(8) << 20)

/* What is to be done. */
struct plan {
    enum load load;
    size_t size;             /* bytes of a message */
    uint64_t capacity_bytes; /* what may be under way in a channel, each message rounded up to 64 bytes */
    bool bounded;            /* the capacity is what is measured: no more than that, nearly */
    unsigned producers;
    unsigned consumers;
    unsigned lanes; /* of a queue of this project's; 0: default; all are in use */
    unsigned seats; /* of it; 0: default */
};

/* How many messages the capacity is; at least 1. */
uint64_t plan_messages(const struct plan *plan);

/* One way from producers to consumers; a round trip has two. A contender's own struct begins with it. */
struct channel {
    const struct plan *plan;
    unsigned index;
};

struct contender {
    const char *name;
    unsigned loads;       /* those of enum load that it can do */
    bool unbounded;       /* it cannot be told how much to hold */
    size_t channel_bytes; /* of its own struct; zeroed. 0: struct channel */
    /* In the parent, before the forks: what is made here is shared by all. */
    int (*prepare)(struct channel *channel);
    /* In the process that sends, or receives, with its number among its like. */
    int (*open_sender)(struct channel *channel, unsigned number);
    int (*open_receiver)(struct channel *channel, unsigned number);
    /* Called several times: sends, or receives, the next @count messages. */
    int (*send)(struct channel *channel, struct source *source, uint64_t count);
    int (*receive)(struct channel *channel, struct checker *checker, uint64_t count);
    /* Both by turns, in one process: for a contender that is a limit, not a way between processes. */
    int (*alone)(struct channel *channel, struct source *source, struct checker *checker, uint64_t count);
    void (*close_sender)(struct channel *channel);
    void (*close_receiver)(struct channel *channel);
    /* In the parent, after all have ended, however they did. */
    void (*clean_up)(struct channel *channel);
};
/*
 * Each function is optional but send and receive (or alone); the int ones return 0, a negative errno, or what
 * bench_cannot returns.
 */

#endif
