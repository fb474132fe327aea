/* SPDX-License-Identifier: MIT */
#include "consumer/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/wait_notice.h"
#include "consumer/attach.h"
#include "consumer/deadline.h"
#include "consumer/end_reason.h"
#include "consumer/message_wait.h"
#include "consumer/process_group.h"
#include "consumer/simulated_work.h"
#include "consumer/sinks/sink.h"
#include "consumer/start_rate.h"

struct consumer {
    const struct consumer_options *options;
    struct start_rate *rate;
    struct totals totals;
    struct process_group_watch watch;
    struct sink *sink;
    struct shmq *handle;
    struct shmq_message *messages; /* options.prefetch of them */
    struct simulated_work work;
    int64_t idle_end_ns;
    struct wait_notice notice;
    int64_t waiting_since_ns; /* when the queue was first found empty; 0: the last lease got a message */
    int64_t poll_ns;          /* longest wait of the next lease; grows while the queue stays empty */
};

static void say_redelivered(const struct consumer *consumer, const struct shmq_message *messages, size_t count)
{
    char id[SHMQ_ID_SIZE];

    if (say_get_level() < SAY_DETAILS)
        return;
    for (size_t i = 0; i < count; i++) {
        if (!messages[i].redelivered)
            continue;
        shmq_message_id(consumer->handle, &messages[i], id);
        say_detail("message %s is redelivered (failed attempts: %u)", id, messages[i].attempts);
    }
}

/* Moves the message out of the ring, so that slow work does not block it. If that fails, works on it in place. */
static int hold(struct consumer *consumer)
{
    int result = shmq_hold(consumer->handle, consumer->messages);

    return result == -ENOSPC || result == -EBUSY ? 0 : result;
}

static bool failures_reach_limit(const struct consumer *consumer)
{
    return totals_failures_reach(&consumer->totals, consumer->options->max_failures);
}

static int end_reason_of(const struct consumer *consumer, enum sink_result result)
{
    switch (result) {
    case SINK_STOPPED:
        return !stop_requested && failures_reach_limit(consumer) ? END_FAILURES : -EINTR;
    case SINK_FAILED:
        return END_FAILED;
    case SINK_DAMAGED:
        return -EBADMSG;
    case SINK_UNFIT:
        return END_UNFIT;
    case SINK_OK:
    case SINK_MOVED:
    case SINK_ASIDE:
        break;
    }
    return END_NOT_YET;
}

static int deliver(struct consumer *consumer, const struct shmq_message *messages, size_t count)
{
    const struct sink_operations *operations = consumer->sink->operations;
    enum sink_result result;
    size_t done = 0;
    int end = 0;

    say_redelivered(consumer, messages, count);
    if (consumer->options->work_ns[0] >= 0)
        simulated_work_run(&consumer->work, &consumer->totals, options_judged(consumer->options));
    result = operations->deliver(consumer->sink, messages, count, &done);
    if (done > 0)
        end = shmq_acknowledge(consumer->handle, done);
    if (operations->acknowledged)
        operations->acknowledged(consumer->sink);
    if (end < 0)
        return end;
    totals_add(&consumer->totals, messages, done);
    return end_reason_of(consumer, result);
}

/* Delivers the leased messages as one batch or one by one. */
static int deliver_all(struct consumer *consumer, size_t count)
{
    size_t step = options_one_by_one(consumer->options) ? 1 : count;
    int end = END_NOT_YET;

    if (step == 1 && count == 1 && options_one_by_one(consumer->options))
        end = hold(consumer);
    for (size_t first = 0; first < count && end == END_NOT_YET; first += step) {
        if (first > 0 && stop_requested)
            return -EINTR;
        if (first > 0 && failures_reach_limit(consumer))
            return END_FAILURES;
        end = deliver(consumer, consumer->messages + first, step);
        totals_tick(&consumer->totals);
    }
    return end;
}

/* What waits aside is not done, so the consumer is not idle before the first of it is due. */
static bool waits_for_retry(struct consumer *consumer)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;

    if (shmq_stat(consumer->handle, &stat) != 0 || stat.aside == 0 || stat.paused)
        return false;
    consumer->idle_end_ns = deadline_after(stat.aside_left_ns + consumer->options->idle_ns);
    return true;
}

static int idle_end(const struct consumer *consumer)
{
    struct shmq_info info = SHMQ_INFO_INIT;

    return shmq_info(consumer->handle, &info) == 0 && info.paused ? END_PAUSED : END_IDLE;
}

/* The queue was empty for @waited_ns. */
static int on_empty(struct consumer *consumer, int64_t waited_ns)
{
    const struct sink_operations *operations = consumer->sink->operations;

    totals_tick(&consumer->totals);
    if (consumer->waiting_since_ns == 0)
        consumer->waiting_since_ns = stop_now_ns() - waited_ns;
    if (wait_notice_is_due(&consumer->notice, consumer->waiting_since_ns))
        message_wait_say(consumer->handle, consumer->options);
    if (stop_now_ns() >= consumer->idle_end_ns && !waits_for_retry(consumer))
        return idle_end(consumer);
    if (!consumer->options->progress && consumer->poll_ns < POLL_MAX_NS)
        consumer->poll_ns *= 2;
    return operations->check ? end_reason_of(consumer, operations->check(consumer->sink)) : END_NOT_YET;
}

static int64_t time_to_wait(const struct consumer *consumer)
{
    int64_t now_ns = stop_now_ns();
    int64_t left = consumer->idle_end_ns - now_ns;
    int64_t wait = consumer->poll_ns;

    if (consumer->waiting_since_ns != 0) {
        int64_t notice = wait_notice_left(&consumer->notice, consumer->waiting_since_ns, now_ns);

        if (notice > 0 && notice < wait)
            wait = notice;
    }
    if (left < 0)
        return 0;
    return left < wait ? left : wait;
}

/*
 * Whether the consumer ends although it may not start anything yet. What a dead consumer left is given back:
 * others may start it.
 */
static int look_for_end(struct consumer *consumer)
{
    bool complete;
    size_t count;
    int end = shmq_ready(consumer->handle, &count, &complete, 0);

    if (end == 0)
        (void)shmq_release(consumer->handle); /* an error means that there is nothing to give back, or no seat */
    return end == -EAGAIN || end == -ETIMEDOUT ? END_NOT_YET : end;
}

/* Waits until messages may be started; @max receives how many of so many. Return: END_NOT_YET; why it ends. */
static int await_rate(struct consumer *consumer, size_t *max)
{
    int64_t due_ns;
    size_t allowed = start_rate_allow(consumer->rate, *max, &due_ns);

    while (allowed == 0) {
        int64_t poll_ns = deadline_after(POLL_NS);
        int end = look_for_end(consumer);

        if (end != END_NOT_YET)
            return end;
        stop_sleep_until(poll_ns < due_ns ? poll_ns : due_ns);
        totals_tick(&consumer->totals);
        if (stop_requested)
            return -EINTR;
        if (failures_reach_limit(consumer))
            return END_FAILURES;
        allowed = start_rate_allow(consumer->rate, *max, &due_ns);
    }
    *max = allowed;
    return END_NOT_YET;
}

/* Return: 0; -ETIMEDOUT or -EAGAIN: there was nothing for @wait_ns; why the consumer ends. */
static int lease(struct consumer *consumer, size_t max, size_t *count, int64_t *wait_ns)
{
    bool limited = start_rate_is_set(consumer->rate);
    int end = END_NOT_YET;

    if (limited) {
        start_rate_begin_turn(consumer->rate);
        end = await_rate(consumer, &max);
    }
    if (end == END_NOT_YET) {
        *wait_ns = time_to_wait(consumer);
        end = shmq_lease_many(consumer->handle, consumer->messages, max, count, *wait_ns);
    }
    if (limited && end == 0)
        start_rate_take(consumer->rate, *count);
    if (limited)
        start_rate_end_turn(consumer->rate);
    return end;
}

static int step(struct consumer *consumer)
{
    const struct consumer_options *options = consumer->options;
    size_t max = options->common.shmq.prefetch;
    size_t count;
    int64_t wait_ns;
    int end;

    if (stop_requested)
        return -EINTR;
    if (options->count > 0) {
        uint64_t left = options->count - totals_handled(&consumer->totals);

        if (left == 0)
            return END_COUNT;
        max = left < max ? (size_t)left : max;
    }
    if (failures_reach_limit(consumer))
        return END_FAILURES;
    end = lease(consumer, max, &count, &wait_ns);
    if (end == -ETIMEDOUT || end == -EAGAIN)
        return on_empty(consumer, wait_ns);
    if (end != 0)
        return end;
    wait_notice_end(&consumer->notice);
    consumer->waiting_since_ns = 0;
    consumer->poll_ns = POLL_NS;
    end = deliver_all(consumer, count);
    if (options->idle_ns >= 0)
        consumer->idle_end_ns = deadline_after(options->idle_ns);
    return end;
}

static int complete(struct consumer *consumer)
{
    const struct sink_operations *operations = consumer->sink->operations;
    int end = operations->complete ? end_reason_of(consumer, operations->complete(consumer->sink)) : END_NOT_YET;

    return end == END_NOT_YET ? -ENODATA : end;
}

static int consume(struct consumer *consumer)
{
    const struct consumer_options *options = consumer->options;
    int end = attach(options, &consumer->totals, &consumer->handle);

    if (end == -ETIMEDOUT)
        return END_IDLE;
    if (end < 0)
        return end;
    options_say_rounding(&options->common);
    consumer->sink->handle = consumer->handle;
    stop_attach(consumer->handle);
    wait_notice_init(&consumer->notice);
    consumer->poll_ns = POLL_NS;
    consumer->idle_end_ns = options->idle_ns < 0 ? INT64_MAX : deadline_after(options->idle_ns);
    if (consumer->sink->operations->begin)
        end = end_reason_of(consumer, consumer->sink->operations->begin(consumer->sink));
    while (end == END_NOT_YET)
        end = step(consumer);
    return end == -ENODATA ? complete(consumer) : end;
}

/* The last chance to notice that delivered data is gone. */
static int verify(struct consumer *consumer, int end)
{
    const struct sink_operations *operations = consumer->sink->operations;
    int found = END_NOT_YET;

    if (consumer->handle && end != END_FAILED && operations->verify)
        found = end_reason_of(consumer, operations->verify(consumer->sink));
    return found == END_NOT_YET ? end : found;
}

/* Starts what has to be there before the queue is opened. Returns false after reporting an error. */
static bool prepare(struct consumer *consumer)
{
    int result;

    if (options_judged(consumer->options)) {
        result = process_group_watch_start(&consumer->watch, 1);
        if (result < 0) {
            say_error("%s: cannot prepare to start commands: %s",
                      consumer->options->sink == SINK_EXEC ? "--exec" : "--pipe-ack", strerror(-result));
            return false;
        }
    }
    consumer->sink = sink_open(consumer->options, &consumer->totals);
    if (consumer->sink) {
        consumer->sink->slot = consumer->watch.slots;
        consumer->sink->rate = consumer->rate;
    }
    return consumer->sink != NULL;
}

int run(const struct consumer_options *options)
{
    struct start_rate rate;
    struct consumer consumer = {.options = options, .rate = &rate, .watch = {.pid = -1}};
    enum exit_status status = EXIT_FAILED;
    bool may_pass = false;
    int end;

    start_rate_init(&rate, options->rate);
    totals_init(&consumer.totals, options->progress);
    simulated_work_init(&consumer.work, options->work_ns[0], options->work_ns[1]);
    consumer.messages = calloc(options->common.shmq.prefetch, sizeof(*consumer.messages));
    if (!consumer.messages) {
        say_error("memory: %s", strerror(ENOMEM));
        return EXIT_FAILED;
    }
    if (!prepare(&consumer)) {
        status = stop_requested ? EXIT_DONE : EXIT_FAILED;
        goto free_messages;
    }
    end = verify(&consumer, consume(&consumer));
    if (consumer.handle)
        stop_detach(consumer.handle);
    if (consumer.handle && consumer.sink->operations->end)
        consumer.sink->operations->end(consumer.sink);
    /* Before the sink, whose close may take long: other consumers get the remaining messages at once. */
    (void)shmq_close(consumer.handle); /* an error loses nothing: everything delivered is acknowledged */
    if (consumer.sink->operations->close(consumer.sink) != SINK_OK)
        end = END_FAILED;
    status = end_reason_report(options, &consumer.totals, end);
    may_pass = end >= 0 || error_may_pass(end); /* a sink, too: a disk that is full need not remain so */
free_messages:
    process_group_watch_stop(&consumer.watch);
    free(consumer.messages);
    return exit_status_told(&options->common, (int)status, may_pass);
}
