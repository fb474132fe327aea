/* SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/support/board.h"
#include "bench/support/contender.h"
#include "bench/support/tools.h"

/* Internal to the harness: the parts of a run and the three kinds of load. */

struct arguments {
    struct plan plan;
    uint64_t messages; /* 0: as many as the time permits, estimated from the warm-up */
    double seconds;
    int64_t pause_ns; /* between two round trips */
    int cpus[SIDES];
    const char *histogram; /* output file for the times of round trips; NULL: none */
    bool header;
};

#define CHANNELS 2

struct run {
    const struct contender *contender;
    struct arguments arguments;
    struct channel *channels[CHANNELS]; /* a stream has one */
    struct board *board;
};

/* Each runs one kind of load, prints the line of results and returns an exit status. */
int stream_run(struct run *run);
int round_trip_run(struct run *run);
int many_run(struct run *run);

/* Operations common to a stream and a round trip: call open, send, receive and close if the contender has them. */
int run_open_sender(const struct run *run, unsigned channel, unsigned number);
int run_open_receiver(const struct run *run, unsigned channel, unsigned number);
void run_close_sender(const struct run *run, unsigned channel);
void run_close_receiver(const struct run *run, unsigned channel);

/* As RUN_CANNOT: the reason is already reported. */
#define RUN_WRONG (-77778)

/* Reports on stderr how many messages were wrong. Returns 0 if none was; otherwise RUN_WRONG. */
int run_check(uint64_t bad, uint64_t got, uint64_t expected);

/* Exit status of a process that ends with @error. */
int run_status(const char *what, int error);

/* Flushes the results; returns the exit status. */
int run_reported(void);

/*
 * Schedule of a run. The warm-up moves growing numbers of messages, until the ring has wrapped around twice or it
 * takes too long. The measurement then moves as many as the time permits, in short portions.
 */
struct warm_up {
    uint64_t full;    /* messages of a full round */
    uint64_t count;   /* messages of the next round */
    unsigned whole;   /* full rounds so far */
    uint64_t portion; /* messages of a portion, estimated from the last round */
};

void warm_up_begin(struct warm_up *warm_up, const struct plan *plan);
/* Advances after a round that took @ns, in the same way on both sides. Returns whether there is another round. */
bool warm_up_next(struct warm_up *warm_up, int64_t ns);

#endif
