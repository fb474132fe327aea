/* SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/support/board.h"
#include "bench/support/contender.h"
#include "bench/support/tools.h"

/* Inside the harness: what a run is made of, and the three kinds of load. */

struct arguments {
    struct plan plan;
    uint64_t messages; /* 0: as many as the time allows, by what the warm-up took */
    double seconds;
    int64_t pause_ns; /* between two round trips */
    int cpus[SIDES];
    const char *histogram; /* file to write the times of round trips to; NULL: none */
    bool header;
};

#define CHANNELS 2

struct run {
    const struct contender *contender;
    struct arguments arguments;
    struct channel *channels[CHANNELS]; /* a stream has one */
    struct board *board;
};

/* Each returns an exit status, and writes the line of results. */
int stream_run(struct run *run);
int round_trip_run(struct run *run);
int many_run(struct run *run);

/* What the sides of a stream and of a round trip have in common: open, send, receive and close, where there is
 * something to do. */
int run_open_sender(const struct run *run, unsigned channel, unsigned number);
int run_open_receiver(const struct run *run, unsigned channel, unsigned number);
void run_close_sender(const struct run *run, unsigned channel);
void run_close_receiver(const struct run *run, unsigned channel);

/* Beside RUN_CANNOT: why was told already. */
#define RUN_WRONG (-77778)

/* Says on stderr how many messages were wrong. Return: 0 if none was; RUN_WRONG. */
int run_check(uint64_t bad, uint64_t got, uint64_t expected);

/* Exit status of a process that ends with @error. */
int run_status(const char *what, int error);

/* Flushes the results. Return: exit status. */
int run_reported(void);

/*
 * Growing numbers of messages, until the ring has been round twice or that takes too long; then, as many as the
 * time allows, in portions of a moment each.
 */
struct warm_up {
    uint64_t full;    /* messages of a whole one */
    uint64_t count;   /* of the next */
    unsigned whole;   /* whole ones so far */
    uint64_t portion; /* messages of a moment, by the last */
};

void warm_up_begin(struct warm_up *warm_up, const struct plan *plan);
/* After one that took @ns; the same for both sides. Return: whether there is another. */
bool warm_up_next(struct warm_up *warm_up, int64_t ns);

#endif
