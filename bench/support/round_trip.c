/* SPDX-License-Identifier: MIT */

/*
 * The first process sends a message over channel 0, and the second sends one back over channel 1: without a pause,
 * or with one before each trip, so that both fall asleep. The time of a trip runs from before the first send to
 * after the check of the reply.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "bench/support/children.h"
#include "bench/support/histogram.h"
#include "bench/support/load.h"

#define DEADLINE_S 60
#define WARM_UP_S 0.05

struct party {
    struct run *run;
    enum side side;
    uint32_t meeting;
    uint64_t trips;
    struct histogram *times; /* of the first process; NULL during the warm-up */
    struct source source;
    struct checker checker;
};

static int send_one(struct party *party)
{
    return party->run->contender->send(party->run->channels[party->side], &party->source, 1);
}

static int receive_one(struct party *party)
{
    return party->run->contender->receive(party->run->channels[1 - party->side], &party->checker, 1);
}

static int there_and_back(struct party *party)
{
    const int64_t start = bench_now_ns();
    int error = send_one(party);
    if (error == 0)
        error = receive_one(party);
    if (party->times != NULL)
        histogram_add(party->times, bench_now_ns() - start);
    return error;
}

/* @trips  0: as many as the time permits */
static int ask(struct party *party, double seconds, uint64_t trips)
{
    const struct run *run = party->run;
    const int64_t end_ns = bench_now_ns() + (int64_t)(seconds * 1e9);
    uint64_t done = 0;
    bool last = false;
    int error = 0;
    while (error == 0 && !last) {
        if (run->arguments.pause_ns > 0)
            bench_sleep_ns(run->arguments.pause_ns);
        last = trips != 0 ? done + 1 == trips : bench_now_ns() >= end_ns;
        if (last)
            atomic_store(&run->board->last, done + 1);
        error = there_and_back(party);
        done++;
    }
    party->trips += done;
    return error;
}

/* The other side stores the number before it sends the last message. */
static int answer(struct party *party)
{
    uint64_t done = 0;
    bool last = false;
    int error = 0;
    while (error == 0 && !last) {
        error = receive_one(party);
        last = ++done == atomic_load_explicit(&party->run->board->last, memory_order_acquire);
        if (error == 0)
            error = send_one(party);
    }
    party->trips += done;
    return error;
}

static int travel(struct party *party, double seconds, uint64_t trips)
{
    struct board *board = party->run->board;
    board_meet(board, &party->meeting);
    const int error = party->side == PRODUCER ? ask(party, seconds, trips) : answer(party);
    if (error != 0)
        return error;
    board_meet(board, &party->meeting);
    if (party->side == PRODUCER)
        atomic_store(&board->last, 0);
    return 0;
}

static void note_line(struct party *party)
{
    const int *cpus = party->run->arguments.cpus;
    if (cpus[PRODUCER] != cpus[CONSUMER])
        board_note_line(party->run->board, party->side, &party->meeting);
}

static int measure(struct party *party, struct histogram *times)
{
    const struct arguments *arguments = &party->run->arguments;
    int error = travel(party, arguments->seconds < WARM_UP_S ? arguments->seconds : WARM_UP_S, 0);
    if (error != 0)
        return error;
    note_line(party);
    party->times = times;
    error = travel(party, arguments->seconds, arguments->messages);
    if (error == 0)
        note_line(party);
    return error;
}

static int prepare(struct party *party)
{
    const size_t size = party->run->arguments.plan.size;
    checker_init(&party->checker, size, NULL, 0);
    /* Otherwise the default timer slack would be part of every pause. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    int error = source_init(&party->source, size, 0);
    if (error == 0)
        error = run_open_sender(party->run, party->side, 0);
    if (error == 0)
        error = run_open_receiver(party->run, 1 - party->side, 0);
    return error;
}

static int report(const struct run *run, const struct histogram *times)
{
    static const double shares[] = {0.5, 0.9, 0.99, 0.999, 0.9999};
    if (run->arguments.header)
        (void)puts("contender,bytes,pause_us,trips,p50_ns,p90_ns,p99_ns,p99.9_ns,p99.99_ns,most_ns,line_ns");
    (void)printf("%s,%zu,%" PRId64 ",%" PRIu64, run->contender->name, run->arguments.plan.size,
                 run->arguments.pause_ns / 1000, times->total);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        (void)printf(",%" PRId64, histogram_at(times, shares[i]));
    (void)printf(",%" PRId64 ",%.0f\n", times->most_ns, run->board->line_ns);
    const int error = run->arguments.histogram != NULL ? histogram_write(times, run->arguments.histogram) : 0;
    return error != 0 ? bench_failed(run->arguments.histogram, error) : run_reported();
}

static int take_part(void *context, unsigned number)
{
    struct party party = {.run = context, .side = number == 0 ? PRODUCER : CONSUMER};
    struct histogram *times =
        mmap(NULL, sizeof(*times), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    int error = times != MAP_FAILED ? prepare(&party) : -errno;
    if (error == 0)
        error = measure(&party, party.side == PRODUCER ? times : NULL);
    if (error == 0)
        error = run_check(party.checker.bad, party.checker.next, party.trips);
    if (error == 0) {
        run_close_sender(party.run, party.side);
        run_close_receiver(party.run, 1 - party.side);
    }
    const int status = run_status(party.side == PRODUCER ? "asking side" : "answering side", error);
    return status != 0 || party.side == CONSUMER ? status : report(party.run, times);
}

int round_trip_run(struct run *run)
{
    struct children children = {.count = 0};
    children_begin();
    int error = children_start(&children, run->arguments.cpus[PRODUCER], take_part, run);
    if (error == 0)
        error = children_start(&children, run->arguments.cpus[CONSUMER], take_part, run);
    if (error == 0)
        return children_await(&children, DEADLINE_S);
    children_kill(&children);
    return bench_failed("forking", error);
}
