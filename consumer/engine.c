/* SPDX-License-Identifier: MIT */
#include "consumer/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "consumer/deadline.h"
#include "consumer/message_wait.h"

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
    return totals_failures_reach(&consumer->team->totals, consumer->options->max_failures);
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
    case SINK_REFUSED:
        return END_REFUSED;
    case SINK_GAVE_UP:
        return END_GAVE_UP;
    case SINK_OK:
    case SINK_MOVED:
    case SINK_ASIDE:
    case SINK_SPLIT:
        break;
    }
    return END_NOT_YET;
}

/*
 * @done   receives how many messages are dealt with
 * @split  receives whether the others are to be delivered one by one
 */
static int deliver(struct consumer *consumer, const struct shmq_message *messages, size_t count, size_t *done,
                   bool *split)
{
    const struct sink_operations *operations = consumer->sink->operations;
    enum sink_result result;
    int end = 0;

    *done = 0;

    say_redelivered(consumer, messages, count);
    if (consumer->options->work_ns[0] >= 0)
        simulated_work_run(&consumer->work, &consumer->team->totals, options_judged(consumer->options));
    result = operations->deliver(consumer->sink, messages, count, done);
    *split = result == SINK_SPLIT;
    if (*done > 0)
        end = shmq_acknowledge(consumer->handle, *done);
    if (operations->acknowledged)
        operations->acknowledged(consumer->sink);
    if (end < 0)
        return end;
    totals_add(&consumer->team->totals, messages, *done);
    if (!*split)
        *done = count;
    return end_reason_of(consumer, result);
}

/* Delivers the leased messages as one batch or one by one. */
static int deliver_all(struct consumer *consumer, size_t count)
{
    bool step_by_one = options_one_by_one(consumer->options);
    size_t step = step_by_one ? 1 : count;
    size_t first = 0;
    size_t done = 0;
    bool split = false;
    int end = END_NOT_YET;

    if (count == 1 && (step_by_one || consumer->options->batch > 0))
        end = hold(consumer);
    while (first < count && end == END_NOT_YET) {
        if (first > 0 && stop_requested)
            return -EINTR;
        if (first > 0 && failures_reach_limit(consumer))
            return END_FAILURES;
        end = deliver(consumer, consumer->messages + first, step, &done, &split);
        totals_tick(&consumer->team->totals);
        first += done;
        if (split)
            step = 1;
    }
    return end;
}

/* What waits aside is not done, so the consumer is not idle before the first of it is due. */
static bool waits_for_retry(struct consumer *consumer)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;

    if (shmq_stat(consumer->handle, &stat) != 0 || stat.aside == 0 || stat.paused)
        return false;
    team_postpone_idle(consumer->team, stat.aside_left_ns);
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

    totals_tick(&consumer->team->totals);
    if (team_is_waiting(consumer->team, waited_ns))
        message_wait_say(consumer->handle, consumer->options);
    if (team_is_idle(consumer->team) && !waits_for_retry(consumer))
        return idle_end(consumer);
    if (!consumer->options->progress && consumer->poll_ns < POLL_MAX_NS)
        consumer->poll_ns *= 2;
    return operations->check ? end_reason_of(consumer, operations->check(consumer->sink)) : END_NOT_YET;
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
    size_t allowed = start_rate_allow(&consumer->team->rate, *max, &due_ns);

    if (allowed == 0)
        totals_await(&consumer->team->totals, "its turn (--rate)");
    while (allowed == 0) {
        int64_t poll_ns = deadline_after(totals_poll_ns(&consumer->team->totals, POLL_NS));
        int end = look_for_end(consumer);

        if (end != END_NOT_YET)
            return end;
        stop_sleep_until(poll_ns < due_ns ? poll_ns : due_ns);
        totals_tick(&consumer->team->totals);
        if (stop_requested)
            return -EINTR;
        if (failures_reach_limit(consumer))
            return END_FAILURES;
        allowed = start_rate_allow(&consumer->team->rate, *max, &due_ns);
    }
    totals_await(&consumer->team->totals, NULL);
    *max = allowed;
    return END_NOT_YET;
}

/*
 * Leases messages, @max at most, once there are enough for a batch.
 *
 * @count  receives how many; 0: not yet
 *
 * Return: 0; -ETIMEDOUT or -EAGAIN: there was nothing for @wait_ns; why the consumer ends.
 */
static int lease(struct consumer *consumer, size_t max, size_t *count, int64_t *wait_ns)
{
    const struct consumer_options *options = consumer->options;
    bool limited = start_rate_is_set(&consumer->team->rate);
    bool gathered = false;
    int end = END_NOT_YET;

    *count = 0;
    if (options->batch_wait_ns > 0) {
        *wait_ns = team_time_to_wait(consumer->team, consumer->poll_ns);
        end = gathering_wait(&consumer->gathering, consumer->handle, max, options->batch_wait_ns, *wait_ns,
                             &gathered);
        if (end < 0 || !gathered)
            return end;
    }
    if (limited) {
        start_rate_begin_turn(&consumer->team->rate);
        end = await_rate(consumer, &max);
    }
    if (end == END_NOT_YET) {
        *wait_ns = gathered ? 0 : team_time_to_wait(consumer->team, consumer->poll_ns);
        if (options->batch_whole) /* neither --count nor --rate cuts it */
            max = options->common.shmq.prefetch;
        end = shmq_lease_many(consumer->handle, consumer->messages, max, count, *wait_ns);
    }
    if (end == 0)
        team_begin_work(consumer->team);
    if (limited && end == 0)
        start_rate_take(&consumer->team->rate, *count);
    if (limited)
        start_rate_end_turn(&consumer->team->rate);
    return end;
}

static int step(struct consumer *consumer)
{
    size_t max = consumer->options->common.shmq.prefetch;
    size_t count = 0;
    size_t reserved;
    int64_t wait_ns = 0;
    int end;

    if (stop_requested)
        return -EINTR;
    end = team_reserve(consumer->team, &max);
    if (end == END_NOT_YET && failures_reach_limit(consumer))
        end = END_FAILURES;
    if (end != END_NOT_YET)
        return end;
    end = lease(consumer, max, &count, &wait_ns);
    reserved = count < max ? count : max; /* a whole batch may be more than --count allows */
    team_give_back(consumer->team, max - reserved);
    if (end == -ETIMEDOUT || end == -EAGAIN)
        return on_empty(consumer, wait_ns);
    if (end != 0)
        return end;
    consumer->poll_ns = totals_poll_ns(&consumer->team->totals, POLL_NS);
    if (count == 0) { /* they gather */
        totals_tick(&consumer->team->totals);
        return END_NOT_YET;
    }
    end = deliver_all(consumer, count);
    team_end_work(consumer->team, reserved);
    return end;
}

static int complete(struct consumer *consumer)
{
    const struct sink_operations *operations = consumer->sink->operations;
    int end = operations->complete ? end_reason_of(consumer, operations->complete(consumer->sink)) : END_NOT_YET;

    return end == END_NOT_YET ? -ENODATA : end;
}

/* Whether it has done what it was to do. */
static bool is_finished(const struct consumer *consumer, int end)
{
    const uint64_t handled = totals_handled(&consumer->team->totals);

    if (end == END_IDLE)
        return handled > 0 && handled >= consumer->options->count;
    return end == END_COUNT || end == -ENODATA;
}

static int finish(struct consumer *consumer, int end)
{
    const struct sink_operations *operations = consumer->sink->operations;
    int failed = operations->finish ? end_reason_of(consumer, operations->finish(consumer->sink)) : END_NOT_YET;

    return failed == END_NOT_YET ? end : failed;
}

int engine_open(struct consumer *consumer, struct team *team, struct process_group_slot *slot)
{
    const struct consumer_options *options = team->options;

    *consumer =
        (struct consumer){.options = options, .team = team, .poll_ns = totals_poll_ns(&team->totals, POLL_NS)};
    simulated_work_init(&consumer->work, options->work_ns[0], options->work_ns[1]);
    consumer->messages = calloc(options->common.shmq.prefetch, sizeof(*consumer->messages));
    if (!consumer->messages) {
        say_error("memory: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    consumer->sink = sink_open(options, &team->totals);
    if (!consumer->sink) {
        free(consumer->messages);
        return -EIO;
    }
    consumer->sink->slot = slot;
    consumer->sink->rate = &team->rate;
    return 0;
}

int engine_begin(struct consumer *consumer, struct shmq *handle)
{
    const struct sink_operations *operations = consumer->sink->operations;

    consumer->handle = handle;
    consumer->sink->handle = handle;
    stop_attach(handle);
    return operations->begin ? end_reason_of(consumer, operations->begin(consumer->sink)) : END_NOT_YET;
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

int engine_run(struct consumer *consumer)
{
    int end = END_NOT_YET;

    while (end == END_NOT_YET)
        end = step(consumer);
    if (end == -ENODATA)
        end = complete(consumer);
    return is_finished(consumer, end) ? finish(consumer, end) : end;
}

int engine_close(struct consumer *consumer, int end)
{
    const struct sink_operations *operations = consumer->sink->operations;

    end = verify(consumer, end);
    if (consumer->handle)
        stop_detach(consumer->handle);
    if (consumer->handle && operations->end)
        operations->end(consumer->sink);
    /* Before the sink, whose close may take long: other consumers get the remaining messages at once. */
    totals_detach(&consumer->team->totals, consumer->handle);
    (void)shmq_close(consumer->handle); /* an error loses nothing: everything delivered is acknowledged */
    if (operations->close(consumer->sink) != SINK_OK)
        end = END_FAILED;
    free(consumer->messages);
    return end;
}
