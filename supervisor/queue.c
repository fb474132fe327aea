/* SPDX-License-Identifier: MIT */
#include "supervisor/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/bus_guard.h"
#include "common/cli/open_error.h"
#include "common/cli/parse.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "supervisor/files.h"
#include "supervisor/identity.h"

#define NS_PER_MS INT64_C(1000000)
#define LOCK_WAIT_NS (500 * NS_PER_MS) /* how long to wait for the lock of a dying supervisor */

/* What an earlier run left under the queue's name. */
enum found {
    FOUND_NOTHING,
    FOUND_FINISHED, /* a queue that is drained and not in use */
    FOUND_PENDING,  /* a queue with messages, unfinished lanes or attached processes */
};

struct inspection {
    struct shmq_stat stat;
    struct shmq_run run;
    enum found found;
    bool own; /* the run record is that of the same command */
};

/* ------------------------------------------------------------------ opening */

_Noreturn static void refuse(struct queue *queue, int error)
{
    const struct common_options *common = &queue->options->common;
    const char *difference = error == -EEXIST ? open_error_difference(common) : NULL;
    options_explain(common, error);
    say_error("queue %s: cannot be used: %s", queue->name,
              difference != NULL ? difference : open_error_text(queue->name, error));
    exit((int)exit_status_of(error));
}

_Noreturn static void refuse_second(struct queue *queue)
{
    struct shmq *observer;
    struct shmq_run run = SHMQ_RUN_INIT;
    if (shmq_open(&observer, queue->name, SHMQ_OBSERVER, NULL) == 0)
        (void)shmq_get_run(observer, &run);
    say_error("another %s supervises queue %s (pid %d) (wait for it, or use another -Q NAME)", say_program(),
              queue->name, (int)run.supervisor);
    exit(EXIT_FAILED);
}

/* Returns what shmq_open returns. */
static int open_queue(struct queue *queue, const struct shmq_options *options)
{
    int64_t end = stop_now_ns() + LOCK_WAIT_NS;
    for (;;) {
        int error = shmq_open(&queue->handle, queue->name, SHMQ_SUPERVISOR, options);
        if (error != -EBUSY)
            return error;
        if (stop_now_ns() >= end)
            refuse_second(queue);
        stop_sleep_until(stop_now_ns() + NS_PER_MS);
    }
}

static void make_queue(struct queue *queue)
{
    struct shmq_options options = queue->options->common.shmq;
    options.create = true;
    int error = open_queue(queue, &options);
    if (error != 0)
        refuse(queue, error);
    queue->fresh = true;
}

/* Returns false if another process has created the queue meanwhile and used it. */
static bool is_untouched(struct queue *queue)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    int error = queue_stat(queue, &stat);
    if (error != 0)
        refuse(queue, error);
    return stat.lanes_used == 0 && stat.consumers == 0;
}

static void inspect(struct queue *queue, struct inspection *inspection)
{
    *inspection = (struct inspection){.found = FOUND_NOTHING, .stat = SHMQ_STAT_INIT, .run = SHMQ_RUN_INIT};
    int error = open_queue(queue, NULL);
    if (error == -ENOENT)
        return;
    if (error != 0)
        refuse(queue, error);
    error = queue_stat(queue, &inspection->stat);
    if (error == 0)
        error = shmq_get_run(queue->handle, &inspection->run);
    if (error != 0)
        refuse(queue, error);
    const struct shmq_stat *stat = &inspection->stat;
    bool finished = stat->messages == 0 && stat->producers == 0 && stat->consumers == 0 && stat->unfinished == 0;
    inspection->found = finished ? FOUND_FINISHED : FOUND_PENDING;
    inspection->own =
        inspection->run.state != SHMQ_RUN_NONE && inspection->run.command == identity_of_command(queue->options);
}

/* ------------------------------------------------------------------ checking for an earlier run */

/* Whether the source is read from the beginning again, because nobody knows how much an earlier run has read. */
static bool rereads_source(const struct options *options)
{
    return options->source == SOURCE_STREAM || options->source == SOURCE_WORDS ||
           (options->source == SOURCE_FILES && !options->resumable);
}

/* Whether an earlier run had delivered everything and was killed while it ended. */
static bool was_complete(const struct queue *queue, const struct inspection *inspection)
{
    enum source source = queue->options->source;
    return inspection->own && inspection->found == FOUND_FINISHED && inspection->run.state == SHMQ_RUN_COMPLETE &&
           (source == SOURCE_FILES || source == SOURCE_WORDS) &&
           inspection->run.inputs == identity_of_inputs(queue->options);
}

/*
 * Whether the new run continues in the queue. In a finished queue the new consumers end at once; that is right if
 * the same command was killed while it ended, because nothing is left to do.
 */
static bool continues(const struct queue *queue, const struct inspection *inspection)
{
    return inspection->found == FOUND_PENDING ||
           (inspection->found == FOUND_FINISHED && inspection->own && queue->options->resumable);
}

/* @asked: the options that need @wanted of them. */
static void check_enough(const struct queue *queue, bool old, const char *asked, uint64_t wanted, const char *what,
                         uint64_t there)
{
    if (wanted <= there)
        return;
    if (queue->fresh)
        (void)shmq_remove(queue->name, false);
    if (old)
        options_usage("%s: queue %s was created with only %" PRIu64
                      " %s%s (start fewer, or remove it and give --%ss %" PRIu64 ")",
                      asked, queue->name, there, what, units_plural(there), what, wanted);
    options_usage("%s: a queue has only %" PRIu64 " %s%s (give --%ss %" PRIu64 ")", asked, there, what,
                  units_plural(there), what, wanted);
}

/* Commands that a consumer runs at once; it says itself what is wrong with the argument. */
static uint64_t jobs_of(const struct options *options)
{
    const char *given = options_passed(options, "jobs");
    uint64_t jobs = 1;
    return given != NULL && parse_count(given, 1, SHMQ_SEATS_MAX, &jobs) == 0 ? jobs : 1;
}

static void check_sizes(const struct queue *queue, bool old)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    if (shmq_info(queue->handle, &info) != 0)
        return;
    const struct options *options = queue->options;
    const uint64_t jobs = jobs_of(options);
    char asked[64];
    snprintf(asked, sizeof(asked), "-p %" PRIu64, options->producers);
    check_enough(queue, old, asked, options->producers, "lane", info.lanes);
    int length = snprintf(asked, sizeof(asked), "-c %" PRIu64, options->consumers);
    if (jobs > 1)
        snprintf(asked + length, sizeof(asked) - (size_t)length, " --jobs %" PRIu64, jobs);
    check_enough(queue, old, asked, options->consumers * jobs, "seat", info.seats);
}

static void check_outputs(const struct queue *queue, const struct inspection *inspection, unsigned lanes)
{
    const struct options *options = queue->options;
    char found[PATH_MAX];
    bool own_work = inspection->own && continues(queue, inspection);
    if (!files_have_content(options, lanes, found) || own_work)
        return;
    bool mirror = options->sink == SINK_MIRROR;
    /* The mirrors of a continued queue are its own, or are truncated to the length of their stream at the end. */
    if (mirror && continues(queue, inspection))
        return;
    if (queue->fresh)
        (void)shmq_remove(queue->name, false);
    const char *target = mirror ? options->mirror : options->output;
    /* Names the file if it is not the target itself: a mirror has one file per lane. */
    const char *gap = strcmp(found, target) == 0 ? "" : " ";
    const char *which = *gap == '\0' ? "" : found;
    const char *advice = mirror ? "remove it: nothing can be appended to a mirror" : "remove it, or give --append";
    if (inspection->found == FOUND_PENDING)
        options_usage("%s %s: %s%sexists and is not empty, and queue %s was not left by this command (%s)",
                      options->sink_name, target, which, gap, queue->name, advice);
    options_usage("%s %s: %s%sexists and is not empty (%s)", options->sink_name, target, which, gap, advice);
}

static void check_differences(struct queue *queue)
{
    struct shmq *observer;
    int error = shmq_open(&observer, queue->name, SHMQ_OBSERVER, &queue->options->common.shmq);
    if (error != 0)
        refuse(queue, error);
    (void)shmq_close(observer);
}

/* Whether a producer of an earlier run died unfinished, even if all its messages have been consumed. */
static bool waits_for_source(const struct shmq_stat *stat)
{
    return stat->unfinished > 0 && stat->put_messages > 0;
}

_Noreturn static void refuse_unfinished(const struct queue *queue)
{
    say_error("queue %s: another command was stopped after sending a part of its input there (run it again to "
              "complete it, delete the queue with '%smonitor remove %s', use it anyway with --take-over, or use "
              "another -Q NAME)",
              queue->name, say_prefix(), queue->name);
    exit(EXIT_FAILED);
}

/* Refuses a queue with another command's messages, or one whose messages this command would send twice. */
static void check_take_over(const struct queue *queue, const struct inspection *inspection)
{
    const struct shmq_stat *stat = &inspection->stat;
    if (inspection->found == FOUND_NOTHING)
        return;
    if (!inspection->own) {
        if (queue->options->take_over || (stat->messages == 0 && !waits_for_source(stat)))
            return;
        if (stat->messages == 0)
            refuse_unfinished(queue);
        say_error("queue %s: holds %" PRIu64 " message%s that this command did not put there (consume with "
                  "'%sconsumer -Q %s', delete with '%smonitor remove --force %s', deliver along with its own with "
                  "--take-over, or use another -Q NAME)",
                  queue->name, stat->messages, units_plural(stat->messages), say_prefix(), queue->name,
                  say_prefix(), queue->name);
        exit(EXIT_FAILED);
    }
    if (!rereads_source(queue->options) || stat->put_messages == 0)
        return;
    if (queue->options->take_over) {
        say_error(
            "queue %s: an earlier run of this command was stopped after sending %" PRIu64
            " message%s; its source is read from the beginning, and what was sent is sent again (--take-over)",
            queue->name, stat->put_messages, units_plural(stat->put_messages));
        return;
    }
    say_error("queue %s: an earlier run of this command was stopped after sending %" PRIu64
              " message%s, with %" PRIu64
              " left here; its source would be read from the beginning, and what was sent would arrive twice "
              "(consume what is left with '%sconsumer -Q %s' and remove the queue, or give --take-over)",
              queue->name, stat->put_messages, units_plural(stat->put_messages), stat->messages, say_prefix(),
              queue->name);
    exit(EXIT_FAILED);
}

/* ------------------------------------------------------------------ beginning */

_Noreturn static void end_complete(struct queue *queue)
{
    (void)shmq_close(queue->handle);
    int error = shmq_remove(queue->name, false);
    if (error != 0)
        say_error("queue %s is kept: %s", queue->name, shmq_strerror(error));
    say_status("queue %s: all messages had already arrived when an earlier run of this command was killed",
               queue->name);
    exit(EXIT_DONE);
}

struct record {
    struct queue *queue;
    struct shmq_run run;
};

static int write_record(void *context)
{
    struct record *record = context;
    return shmq_set_run(record->queue->handle, &record->run);
}

static void record(struct queue *queue, enum shmq_run_state state)
{
    struct record record = {.queue = queue};
    struct shmq_run run = {.size = sizeof(struct shmq_run), .state = state};
    if (state != SHMQ_RUN_NONE)
        run.command = identity_of_command(queue->options);
    if (state == SHMQ_RUN_COMPLETE)
        run.inputs = identity_of_inputs(queue->options);
    record.run = run;
    (void)bus_guard_call(write_record, &record);
}

static void take_over(struct queue *queue, const struct inspection *inspection)
{
    const struct shmq_stat *stat = &inspection->stat;
    queue->taken_over = true;
    queue->put_before = stat->put_messages;
    queue->left_before = stat->messages;
    queue->finished_before = stat->finished;
    say_status("taking over queue %s: %" PRIu64
               " message%s, %u unfinished lane%s; others attached: %u producer%s, %u consumer%s",
               queue->name, stat->messages, units_plural(stat->messages), stat->unfinished,
               units_plural(stat->unfinished), stat->producers, units_plural(stat->producers), stat->consumers,
               units_plural(stat->consumers));
}

/* Removes the finished queue of an earlier run. Returns false if another process has attached to it meanwhile. */
static bool remove_finished(struct queue *queue, int64_t deadline_ns)
{
    (void)shmq_close(queue->handle);
    queue->handle = NULL;
    int error = shmq_remove(queue->name, false);
    if (error == -EBUSY && stop_now_ns() < deadline_ns)
        return false;
    if (error != 0 && error != -ENOENT) {
        say_error("queue %s: cannot remove the finished queue of an earlier run: %s", queue->name,
                  shmq_strerror(error));
        exit(EXIT_FAILED);
    }
    return true;
}

/* Returns how many files a mirror may have: one for each lane. */
static unsigned lanes_of(const struct queue *queue, const struct inspection *inspection)
{
    if (inspection->found != FOUND_NOTHING)
        return inspection->stat.lanes;
    return queue->options->common.shmq.lanes != 0 ? queue->options->common.shmq.lanes : SHMQ_LANES_MAX;
}

/* Creates the queue of the new run. Returns false if another process created one, which has to be inspected. */
static bool make_own_queue(struct queue *queue, const struct inspection *found, int64_t deadline_ns)
{
    if (found->found == FOUND_FINISHED && !remove_finished(queue, deadline_ns))
        return false;
    make_queue(queue);
    if (is_untouched(queue)) {
        if (found->stat.paused) /* to its users, it is the same queue */
            (void)shmq_pause(queue->name);
        /* Another run may have written to the output while this one waited for it to end. */
        check_outputs(queue, found, lanes_of(queue, found));
        return true;
    }
    (void)shmq_close(queue->handle);
    queue->fresh = false;
    return false;
}

static void say_paused(const struct queue *queue)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    if (shmq_info(queue->handle, &info) == 0 && info.paused)
        say_status("queue %s is paused: nothing is delivered until '%smonitor resume %s'", queue->name,
                   say_prefix(), queue->name);
}

void queue_begin(struct queue *queue, const struct options *options)
{
    struct inspection found;
    int64_t deadline_ns = stop_now_ns() + LOCK_WAIT_NS;
    *queue = (struct queue){.options = options, .name = options->common.queue};
    for (;;) {
        inspect(queue, &found);
        if (was_complete(queue, &found))
            end_complete(queue);
        if (found.found == FOUND_PENDING)
            check_sizes(queue, true);
        check_outputs(queue, &found, lanes_of(queue, &found));
        check_take_over(queue, &found);
        files_make_output(options);
        if (continues(queue, &found)) {
            check_differences(queue);
            take_over(queue, &found);
            break;
        }
        if (make_own_queue(queue, &found, deadline_ns))
            break;
    }
    if (queue->fresh)
        check_sizes(queue, false);
    say_paused(queue);
    record(queue, SHMQ_RUN_WORKING);
}

/* ------------------------------------------------------------------ ending */

static void keep_with_messages(const struct queue *queue, uint64_t messages)
{
    if (queue->options->resumable || options_endless(queue->options) || options_go_on(queue->options))
        say_error("queue %s is kept, with %" PRIu64 " message%s (run again to take over)", queue->name, messages,
                  units_plural(messages));
    else
        say_error(
            "queue %s is kept, with %" PRIu64
            " message%s (consume with '%sconsumer -Q %s' and the same sink; run again, this command would send "
            "everything again)",
            queue->name, messages, units_plural(messages), say_prefix(), queue->name);
}

/* Whether a failed run can continue later: only the queue records how much of the input was sent. */
static bool is_needed_to_continue(const struct queue *queue, const struct shmq_stat *stat)
{
    return queue->options->resumable && stat->unfinished > 0 && stat->put_messages > 0 && !stat->lost;
}

/* Whether a source that goes on was left where only the queue knows. */
static bool remembers_places(const struct queue *queue, const struct shmq_stat *stat)
{
    return options_go_on(queue->options) && queue->options->resumable && stat->unfinished > 0;
}

void queue_end(struct queue *queue, uint64_t messages, bool complete, bool failed)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    if (queue_stat(queue, &stat) != 0)
        return; /* the summary has reported the error */
    if (messages > 0) {
        keep_with_messages(queue, messages);
        return;
    }
    if (remembers_places(queue, &stat)) {
        say_status("queue %s is kept: it remembers how far the source has come (the same command goes on there; "
                   "'%smonitor remove --force %s' to start over)",
                   queue->name, say_prefix(), queue->name);
        return;
    }
    if (failed && is_needed_to_continue(queue, &stat)) {
        say_error("queue %s is kept, because it records how much of the input was sent (the same command "
                  "continues there; '%smonitor remove %s' to start over)",
                  queue->name, say_prefix(), queue->name);
        return;
    }
    if (queue->options->keep) {
        say_status("queue %s is kept ('%smonitor remove %s' removes it)", queue->name, say_prefix(), queue->name);
        if (complete) /* the next run starts over */
            record(queue, SHMQ_RUN_NONE);
        return;
    }
    if (complete)
        record(queue, SHMQ_RUN_COMPLETE);
    int error = shmq_remove(queue->name, false);
    if (error == -ENOENT || error == 0)
        return;
    const char *reason = shmq_strerror(error);
    if (error == -EBUSY && queue_stat(queue, &stat) == 0)
        say_status("queue %s is kept: in use by %u producer%s and %u consumer%s", queue->name, stat.producers,
                   units_plural(stat.producers), stat.consumers, units_plural(stat.consumers));
    else
        say_error("queue %s is kept: %s", queue->name, reason);
}
