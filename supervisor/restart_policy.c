/* SPDX-License-Identifier: MIT */
#include "supervisor/restart_policy.h"
#include "common/cli/units.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MINUTE INT64_C(60000000000)

enum {
    FRUITLESS_MAX = 3,
    DOUBLINGS_MAX = 6,
    DEATHS_AT_WORK_MAX = 100, /* in a row, of one consumer, while nobody gets a message done */
};

/* Whether a restarted child can continue where the last one stopped. */
static bool can_restart(const struct options *options, const struct child *child)
{
    return child->role == ROLE_CONSUMER || options->resumable || options_endless(options) ||
           options_go_on(options);
}

/* Whether the cause of the failure remains, so that a restarted child would fail again. */
static bool is_lasting(const struct supervisor *supervisor, const struct child *child)
{
    enum sink sink = supervisor->options->sink;
    bool producer = child->role == ROLE_PRODUCER;
    if (child->end.killed || child->end.lasting)
        return child->end.lasting;
    switch (child->end.status) {
    case EXIT_FAILED: /* --exec has retried by itself; the other sinks may have lost acknowledged messages */
        return !producer &&
               (sink == SINK_LABELLED || sink == SINK_STDOUT || sink == SINK_EXEC || sink == SINK_PIPE);
    case EXIT_USAGE:
    case EXIT_TIMEOUT:
    case EXIT_QUEUE:
    case EXIT_CANNOT_RUN:
    case EXIT_NOT_FOUND:
        return true;
    case EXIT_ENDED:
        return producer || !supervisor_has_producers(supervisor);
    default:
        return false;
    }
}

/*
 * Whether the consumer failed after all messages were acknowledged. A restart cannot repair such a failure,
 * because nothing is redelivered. One example is a file system that reports a failed write only when the file is
 * closed.
 */
static bool is_too_late(struct supervisor *supervisor, const struct child *child)
{
    return child->role == ROLE_CONSUMER && !child->end.killed && child->end.status == EXIT_FAILED &&
           (queue_has_ended(&supervisor->queue) || !supervisor_has_work(supervisor));
}

/* Sets @done to how many messages all producers have put or, for a consumer, all consumers have acknowledged. */
static bool count_done(struct supervisor *supervisor, const struct child *child, uint64_t *done)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    if (queue_stat(&supervisor->queue, &stat) != 0)
        return false;
    *done = stat.put_messages - (child->role == ROLE_CONSUMER ? stat.messages : 0);
    return true;
}

/*
 * Records that the child exited with an error, and whether messages were processed since its last such failure.
 * Does not record a child that was killed, or a consumer whose stream ended: a restart is likely to help them.
 */
static void record_failure(struct supervisor *supervisor, struct child *child)
{
    struct child_history *history = &child->history;
    uint64_t done = 0;
    if (child->end.killed || (child->end.status == EXIT_ENDED && child->role == ROLE_CONSUMER))
        return;
    bool known = count_done(supervisor, child, &done);
    if (known != history->done_known || done != history->done_before)
        history->fruitless = 0;
    history->failure = child->end.status;
    child_describe_end(child, history->failure_text, sizeof(history->failure_text));
    history->done_before = done;
    history->done_known = known;
    history->fruitless++;
}

bool restart_still_fails(struct supervisor *supervisor, const struct child *child)
{
    uint64_t done = 0;
    return child->history.failure != 0 && count_done(supervisor, child, &done) == child->history.done_known &&
           done == child->history.done_before;
}

static void forget_old(struct child_history *history, int64_t now_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < history->restarts; i++) {
        if (now_ns - history->restarts_ns[i] < NS_PER_MINUTE)
            history->restarts_ns[kept++] = history->restarts_ns[i];
    }
    history->restarts = kept;
}

static void remember(struct child_history *history, int64_t now_ns)
{
    if (history->restarts == history->room) {
        size_t room = history->room * 2 + 8;
        int64_t *more = realloc(history->restarts_ns, room * sizeof(*more));
        if (more == NULL)
            return; /* out of memory: the restart is not counted */
        history->restarts_ns = more;
        history->room = room;
    }
    history->restarts_ns[history->restarts++] = now_ns;
}

/* Counts the restart. Returns the pause before it; negative: too many restarts in the last minute. */
static int64_t take_restart(struct supervisor *supervisor, struct child *child)
{
    const struct options *options = supervisor->options;
    struct child_history *history = &child->history;
    forget_old(history, supervisor->now_ns);
    if (history->restarts >= options->max_restarts)
        return -1;
    int64_t pause = options->restart_pause_ns[0];
    for (size_t i = 0; i < history->restarts && i < DOUBLINGS_MAX && pause < options->restart_pause_ns[1]; i++)
        pause *= 2;
    if (pause > options->restart_pause_ns[1])
        pause = options->restart_pause_ns[1];
    if (history->restarts == 0 && child->end.killed)
        pause = 0; /* the first time that it is killed, it is restarted at once */
    remember(history, supervisor->now_ns);
    return pause;
}

int64_t restart_pause(struct supervisor *supervisor, struct child *child)
{
    int64_t pause = take_restart(supervisor, child);
    return pause >= 0 ? pause : supervisor->options->restart_pause_ns[1];
}

/*
 * Whether the consumer had a message when it died. If that was its last attempt, another consumer may have given
 * it up already: so each dead letter explains a death.
 */
static bool died_at_work(struct supervisor *supervisor, const struct child *child, uint64_t dead)
{
    if (queue_died_at_work(&supervisor->queue, child->last_pid))
        return true;
    if (supervisor->deaths_explained >= dead)
        return false;
    supervisor->deaths_explained++;
    return true;
}

/*
 * Whether a death is one more failure of the message that the consumer had: then --retries limits it, and not
 * --max-restarts. Counts them while nothing succeeds: the cause need not be in the messages then, and all of them
 * would be given up.
 */
static bool is_failure_of_message(struct supervisor *supervisor, struct child *child)
{
    struct child_history *history = &child->history;
    uint64_t done = 0; /* also those that were given up */
    uint64_t dead = 0;
    if (!child->end.killed || child->role != ROLE_CONSUMER || !options_run_commands(supervisor->options) ||
        supervisor->options->max_restarts == 0 || dead_letters_count(&supervisor->dead_letters, &dead) != 0 ||
        !died_at_work(supervisor, child, dead) || !count_done(supervisor, child, &done))
        return false;
    if (done - dead != history->done_at_death)
        history->deaths_at_work = 0;
    history->done_at_death = done - dead;
    history->deaths_at_work++;
    return true;
}

__attribute__((format(printf, 2, 3))) static void say_why(struct restart *restart, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(restart->why_not, sizeof(restart->why_not), format, list);
    va_end(list);
}

struct restart restart_after_failure(struct supervisor *supervisor, struct child *child)
{
    const struct options *options = supervisor->options;
    struct restart restart = {0};
    record_failure(supervisor, child);
    if (options->restart == RESTART_NEVER)
        say_why(&restart, "--restart never");
    else if (!can_restart(options, child))
        say_why(&restart, "the position in its source is not known");
    else if (supervisor->phase != PHASE_WORKING &&
             (child->role == ROLE_PRODUCER || supervisor_ends_commands(supervisor)))
        say_why(&restart, "stopping");
    else if (is_lasting(supervisor, child))
        say_why(&restart, "it would fail again");
    else if (is_too_late(supervisor, child))
        say_why(&restart, "all messages are acknowledged, but some may not have arrived");
    else if (child->history.fruitless >= FRUITLESS_MAX)
        say_why(&restart, "it failed %u times in a row without progress", child->history.fruitless);
    else if ((restart.at_work = is_failure_of_message(supervisor, child)) &&
             child->history.deaths_at_work > DEATHS_AT_WORK_MAX)
        say_why(&restart, "it was killed %d times in a row with a message in hand, and no other was done",
                DEATHS_AT_WORK_MAX + 1);
    else if (restart.at_work)
        restart.wanted = true;
    else if ((restart.pause_ns = take_restart(supervisor, child)) < 0)
        say_why(&restart, "%u restart%s within a minute", (unsigned)options->max_restarts,
                units_plural(options->max_restarts));
    else
        restart.wanted = true;
    return restart;
}
