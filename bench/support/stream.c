/* SPDX-License-Identifier: MIT */

/* One producer and one consumer, timed from the producer's first message to the consumer's last. */

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "bench/support/children.h"
#include "bench/support/load.h"

#define DEADLINE_S 60

/* One of the two processes. */
struct party {
    struct run *run;
    enum side side;
    uint32_t meeting;
    uint64_t moved;
    struct source source;   /* the producer's */
    struct checker checker; /* the consumer's */
};

static int64_t sleeps_so_far(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nvcsw : 0;
}

/* One side's move of .messages, or as many as the time permits, in portions. The board announces the last portion.
 */
struct move {
    uint64_t messages; /* 0: as many as the time permits */
    double seconds;
    uint64_t portion;
};

static uint64_t next_portion(const struct move *move, uint64_t done, int64_t end_ns)
{
    if (move->messages == 0)
        return bench_now_ns() < end_ns ? 0 : done + move->portion;
    return move->messages - done <= move->portion ? move->messages : 0;
}

static int send_all(struct party *party, const struct move *move)
{
    const struct run *run = party->run;
    struct board *board = run->board;
    uint64_t done = 0, last = 0;
    int error = 0;
    board->started_ns = bench_now_ns();
    const int64_t end_ns = board->started_ns + (int64_t)(move->seconds * 1e9);
    while (error == 0 && last == 0) {
        last = next_portion(move, done, end_ns);
        if (last != 0)
            atomic_store(&board->last, last);
        const uint64_t portion = last != 0 ? last - done : move->portion;
        error = run->contender->send(run->channels[0], &party->source, portion);
        done += portion;
    }
    return error;
}

static int receive_all(struct party *party, const struct move *move)
{
    const struct run *run = party->run;
    uint64_t done = 0, last = 0;
    int error = 0;
    while (error == 0 && (last == 0 || done < last)) {
        /* The number known to be left, or the minimum still to come. */
        uint64_t portion = move->portion;
        if (move->messages != 0 && move->messages - done < portion)
            portion = move->messages - done;
        error = run->contender->receive(run->channels[0], &party->checker, portion);
        done += portion;
        last = atomic_load(&run->board->last);
    }
    run->board->ended_ns = bench_now_ns();
    party->moved += done;
    run->board->messages = done;
    return error;
}

/* Called by both sides; afterwards, the board's times are valid. */
static int move_messages(struct party *party, const struct move *move)
{
    struct board *board = party->run->board;
    board_meet(board, &party->meeting);
    const int64_t sleeps_before = sleeps_so_far();
    const int error = party->side == PRODUCER ? send_all(party, move) : receive_all(party, move);
    if (error != 0)
        return error;
    board->sleeps[party->side] = sleeps_so_far() - sleeps_before;
    board_meet(board, &party->meeting);
    if (party->side == PRODUCER)
        atomic_store(&board->last, 0);
    return 0;
}

/* Return: 0; negative errno. */
static int warm_up(struct party *party, uint64_t *portion)
{
    struct warm_up step;
    bool more = true;
    warm_up_begin(&step, &party->run->arguments.plan);
    while (more) {
        const int error = move_messages(party, &(struct move){.messages = step.count, .portion = step.count});
        if (error != 0)
            return error;
        more = warm_up_next(&step, board_time_ns(party->run->board));
    }
    *portion = step.portion;
    return 0;
}

static void note_line(struct party *party)
{
    const int *cpus = party->run->arguments.cpus;
    if (cpus[PRODUCER] != cpus[CONSUMER])
        board_note_line(party->run->board, party->side, &party->meeting);
}

static int measure(struct party *party)
{
    const struct arguments *arguments = &party->run->arguments;
    struct move move = {.messages = arguments->messages, .seconds = arguments->seconds};
    int error = warm_up(party, &move.portion);
    if (error != 0)
        return error;
    note_line(party);
    error = move_messages(party, &move);
    if (error == 0)
        note_line(party);
    return error;
}

static int produce(struct party *party)
{
    int error = source_init(&party->source, party->run->arguments.plan.size, 0);
    if (error == 0)
        error = run_open_sender(party->run, 0, 0);
    if (error == 0)
        error = measure(party);
    if (error == 0)
        run_close_sender(party->run, 0);
    return error;
}

static int consume(struct party *party)
{
    checker_init(&party->checker, party->run->arguments.plan.size, NULL, 0);
    int error = run_open_receiver(party->run, 0, 0);
    if (error == 0)
        error = measure(party);
    if (error == 0)
        error = run_check(party->checker.bad, party->checker.next, party->moved);
    if (error == 0)
        run_close_receiver(party->run, 0);
    return error;
}

static int take_part(void *context, unsigned number)
{
    struct party party = {.run = context, .side = number == 0 ? PRODUCER : CONSUMER};
    return run_status(side_names[party.side], party.side == PRODUCER ? produce(&party) : consume(&party));
}

/* Does the work of both sides in one process. */
struct soloist {
    struct run *run;
    struct source source;
    struct checker checker;
    uint64_t moved;
};

static int move_alone(struct soloist *soloist, const struct move *move)
{
    const struct run *run = soloist->run;
    struct board *board = run->board;
    uint64_t done = 0, last = 0;
    int error = 0;
    board->started_ns = bench_now_ns();
    const int64_t end_ns = board->started_ns + (int64_t)(move->seconds * 1e9);
    while (error == 0 && last == 0) {
        last = next_portion(move, done, end_ns);
        const uint64_t portion = last != 0 ? last - done : move->portion;
        error = run->contender->alone(run->channels[0], &soloist->source, &soloist->checker, portion);
        done += portion;
    }
    board->ended_ns = bench_now_ns();
    board->messages = done;
    soloist->moved += done;
    return error;
}

static int warm_up_alone(struct soloist *soloist, uint64_t *portion)
{
    struct warm_up step;
    int error;
    warm_up_begin(&step, &soloist->run->arguments.plan);
    do {
        error = move_alone(soloist, &(struct move){.messages = step.count, .portion = step.count});
    } while (error == 0 && warm_up_next(&step, board_time_ns(soloist->run->board)));
    *portion = step.portion;
    return error;
}

static int take_all_parts(void *context, unsigned number)
{
    struct soloist soloist = {.run = context};
    const struct arguments *arguments = &soloist.run->arguments;
    struct move move = {.messages = arguments->messages, .seconds = arguments->seconds};
    (void)number;
    checker_init(&soloist.checker, arguments->plan.size, NULL, 0);
    int error = source_init(&soloist.source, arguments->plan.size, 0);
    if (error == 0)
        error = warm_up_alone(&soloist, &move.portion);
    if (error == 0)
        error = move_alone(&soloist, &move);
    if (error == 0)
        error = run_check(soloist.checker.bad, soloist.checker.next, soloist.moved);
    return run_status("copying", error);
}

static int report(const struct run *run)
{
    const struct board *board = run->board;
    const struct arguments *arguments = &run->arguments;
    const double seconds = (double)board_time_ns(board) / 1e9;
    const double rate = (double)board->messages / seconds;
    if (arguments->header)
        (void)puts("contender,bytes,messages,seconds,messages_per_s,bytes_per_s,producer_sleeps,consumer_sleeps,"
                   "line_ns");
    (void)printf("%s,%zu,%" PRIu64 ",%.6f,%.0f,%.0f,%" PRId64 ",%" PRId64 ",%.0f\n", run->contender->name,
                 arguments->plan.size, board->messages, seconds, rate, rate * (double)arguments->plan.size,
                 board->sleeps[PRODUCER], board->sleeps[CONSUMER], board->line_ns);
    return run_reported();
}

int stream_run(struct run *run)
{
    struct children children = {.count = 0};
    int error;
    children_begin();
    if (run->contender->alone != NULL) {
        error = children_start(&children, run->arguments.cpus[PRODUCER], take_all_parts, run);
    } else {
        error = children_start(&children, run->arguments.cpus[PRODUCER], take_part, run);
        if (error == 0)
            error = children_start(&children, run->arguments.cpus[CONSUMER], take_part, run);
    }
    if (error != 0) {
        children_kill(&children);
        return bench_failed("forking", error);
    }
    const int failed = children_await(&children, DEADLINE_S);
    return failed != 0 ? failed : report(run);
}
