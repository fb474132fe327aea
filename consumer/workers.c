/* SPDX-License-Identifier: MIT */
#include "consumer/workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cli/say.h"
#include "common/cli/units.h"
#include "consumer/attach.h"
#include "consumer/deadline.h"
#include "consumer/engine.h"

#define NS_PER_S INT64_C(1000000000)

struct worker {
    struct consumer consumer;
    pthread_t thread;
};

struct workers {
    struct team team;
    struct process_group_watch watch;
    struct worker *list;
    uint32_t opened; /* of the list, from the first: they have a sink */
    uint32_t count;  /* that are to work */
};

/* More than --count would have nothing to do. */
static uint32_t choose_count(const struct consumer_options *options)
{
    uint32_t jobs = options->jobs > 0 ? options->jobs : 1;

    return options->count > 0 && options->count < jobs ? (uint32_t)options->count : jobs;
}

static struct process_group_slot *slot_of(const struct workers *workers, uint32_t number)
{
    return workers->watch.slots ? &workers->watch.slots[number] : NULL;
}

/* Makes what has to be there before the queue is opened. Returns false after reporting an error. */
static bool prepare(struct workers *workers)
{
    const struct consumer_options *options = workers->team.options;
    int result = 0;

    workers->list = calloc(workers->count, sizeof(*workers->list));
    if (!workers->list) {
        say_error("memory: %s", strerror(ENOMEM));
        return false;
    }
    if (options_judged(options))
        result = process_group_watch_start(&workers->watch, workers->count);
    if (result == 0 && workers->count > 1)
        result = stop_prepare_threads();
    if (result < 0) {
        say_error("%s: cannot prepare to start commands: %s",
                  options->sink == SINK_PIPE_ACK ? "--pipe-ack" : "--exec", strerror(-result));
        return false;
    }
    while (workers->opened < workers->count) {
        struct consumer *consumer = &workers->list[workers->opened].consumer;

        if (engine_open(consumer, &workers->team, slot_of(workers, workers->opened)) < 0)
            return false;
        workers->opened++;
    }
    return true;
}

static void say_fewer(const struct workers *workers, uint32_t count, const char *why, const char *advice)
{
    say_status("--jobs %u: %s: runs %u command%s at once (%s)", workers->count, why, count, units_plural(count),
               advice);
}

/* Closes workers that will not work. */
static void close_from(struct workers *workers, uint32_t first, int end)
{
    while (workers->opened > first)
        team_end(&workers->team, engine_close(&workers->list[--workers->opened].consumer, end));
}

/* The first worker waits for the queue; the others get what seats there are. */
static int open_handle(struct workers *workers, uint32_t number, struct shmq **handle)
{
    const struct common_options *options = &workers->team.options->common;
    int result;

    if (number > 0)
        return shmq_open(handle, options->queue, SHMQ_CONSUMER, &options->shmq);
    result = attach(workers->team.options, &workers->team.totals, handle);
    if (result == 0)
        options_say_rounding(options);
    return result == -ETIMEDOUT ? END_IDLE : result;
}

/* Attaches the workers to the queue. Return: END_NOT_YET; a reason to end. */
static int attach_all(struct workers *workers)
{
    struct shmq *handle;
    uint32_t number = 0;
    int end = END_NOT_YET;

    while (number < workers->count && end == END_NOT_YET) {
        end = open_handle(workers, number, &handle);
        if (end == END_NOT_YET)
            end = engine_begin(&workers->list[number++].consumer, handle);
    }
    if (end != -EUSERS || number == 0)
        return end;
    say_fewer(workers, number, "no more seats are free", "stop a consumer, or create the queue with more --seats");
    workers->count = number;
    close_from(workers, number, END_NOT_YET);
    return END_NOT_YET;
}

static void *work(void *context)
{
    struct consumer *consumer = &((struct worker *)context)->consumer;
    struct team *team = consumer->team;

    team_end(team, engine_close(consumer, engine_run(consumer)));
    return NULL;
}

/* Starts threads; fewer if there cannot be more. */
static void start(struct workers *workers)
{
    uint32_t started = 0;
    int error = 0;

    team_share(&workers->team);
    while (started < workers->count && error == 0) {
        error = stop_start_thread(&workers->list[started].thread, work, &workers->list[started]);
        started += error == 0;
    }
    if (error < 0 && started > 0)
        say_fewer(workers, started, strerror(-error), "see 'ulimit -a'");
    if (started == 0)
        say_error("--jobs %u: cannot start threads: %s", workers->count, strerror(-error));
    workers->count = started;
    close_from(workers, started, started > 0 ? END_NOT_YET : END_FAILED);
}

/* Without the handles of the threads, which are theirs. The line is shown without the queue if it cannot be
 * opened. */
static struct shmq *open_observer(struct workers *workers)
{
    struct shmq *observer = NULL;
    const char *queue = workers->team.options->common.queue;

    if (workers->team.totals.progress.shown && shmq_open(&observer, queue, SHMQ_OBSERVER, NULL) == 0)
        totals_attach(&workers->team.totals, observer, queue);
    return observer;
}

/* Waits for the end of a thread, and reports progress meanwhile. */
static void join(struct workers *workers, pthread_t thread)
{
    struct totals *totals = &workers->team.totals;
    struct timespec deadline;

    do {
        int64_t ns;

        totals_draw(totals);
        clock_gettime(CLOCK_REALTIME, &deadline); /* a jump of the clock only draws earlier or later */
        ns = deadline.tv_nsec + totals_poll_ns(totals, POLL_NS);
        deadline.tv_sec += ns / NS_PER_S;
        deadline.tv_nsec = ns % NS_PER_S;
    } while (pthread_timedjoin_np(thread, NULL, &deadline) == ETIMEDOUT);
}

/* This thread takes the signals, and reports progress. */
static void run_threads(struct workers *workers)
{
    struct totals *totals = &workers->team.totals;
    struct shmq *observer = open_observer(workers);

    start(workers);
    while (!stop_requested) {
        stop_sleep_until(totals->progress.shown ? deadline_after(totals_poll_ns(totals, POLL_NS)) : INT64_MAX);
        totals_draw(totals);
    }
    team_wake(&workers->team);
    for (uint32_t i = 0; i < workers->count; i++)
        join(workers, workers->list[i].thread);
    totals_detach(totals, observer);
    shmq_close(observer);
}

/* Return: why the consumer ends. */
static int run_all(struct workers *workers)
{
    int end = attach_all(workers);

    if (end != END_NOT_YET) {
        close_from(workers, 0, end);
        return workers->team.end;
    }
    team_start_clock(&workers->team);
    if (workers->count == 1) {
        totals_attach(&workers->team.totals, workers->list[0].consumer.handle,
                      workers->team.options->common.queue);
        work(workers->list);
    } else {
        run_threads(workers);
    }
    return workers->team.end;
}

int run(const struct consumer_options *options)
{
    struct workers workers = {.watch = {.pid = -1}, .count = choose_count(options)};
    enum exit_status status;
    bool may_pass = false;
    int end;

    team_init(&workers.team, options);
    if (prepare(&workers)) {
        end = run_all(&workers);
        status = end_reason_report(options, &workers.team.totals, end);
        may_pass = end >= 0 || error_may_pass(end); /* a sink, too: a disk that is full need not remain so */
    } else {
        close_from(&workers, 0, END_FAILED);
        status = stop_requested ? EXIT_DONE : EXIT_FAILED;
    }
    process_group_watch_stop(&workers.watch);
    free(workers.list);
    return exit_status_told(&options->common, (int)status, may_pass);
}
