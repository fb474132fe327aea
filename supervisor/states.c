/* SPDX-License-Identifier: MIT */
#include "supervisor/states.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/units.h"
#include "supervisor/files.h"
#include "supervisor/restart_policy.h"

typedef enum child_state action(struct supervisor *supervisor, struct child *child);

/* ------------------------------------------------------------------ starting */

static int spawn(struct supervisor *supervisor, struct child *child)
{
    const struct options *options = supervisor->options;
    struct arguments command;
    if (child->role == ROLE_PRODUCER)
        supervisor->queue.ended = false;
    char label[LABEL_BYTES];
    label_make(label, child->role, child->number, STDERR_FILENO);
    int fd = relay_add(&supervisor->relay, label, &child->stderr_source);
    if (fd < 0)
        return fd;
    command_make(&command, options, &supervisor->programs, child->role, child->number);
    struct child_start start = {
        .command = &command,
        .with_stdin = child->role == ROLE_PRODUCER && files_read_stdin(options),
        .stderr_fd = fd,
        .supervisor = supervisor->pid,
        .descriptors = supervisor->descriptors,
    };
    int error = child_spawn(child, &start);
    close(fd);
    if (error == 0)
        say_detail("%s started (pid %d)", child->name, (int)child->pid);
    arguments_free(&command);
    return error;
}

static enum child_state start(struct supervisor *supervisor, struct child *child)
{
    char text[128];
    int error = spawn(supervisor, child);
    if (error == 0)
        return CHILD_RUNNING;
    snprintf(text, sizeof(text), "%s: cannot be started: %s%s", child->name, strerrordesc_np(-error),
             error == -EMFILE   ? " (raise 'ulimit -n')"
             : error == -EAGAIN ? " (raise 'ulimit -u')"
                                : "");
    supervisor_fail(supervisor, EXIT_FAILED, text);
    return CHILD_FAILED;
}

/* Restarts the child, unless it is a consumer and no messages are left. */
static enum child_state start_again(struct supervisor *supervisor, struct child *child)
{
    if (child->role == ROLE_CONSUMER && !supervisor_has_work(supervisor))
        return CHILD_DONE;
    supervisor->restarts++;
    return start(supervisor, child);
}

static enum child_state back_off(struct supervisor *supervisor, struct child *child, int64_t pause_ns)
{
    child->due_ns = supervisor->now_ns + pause_ns;
    return CHILD_BACKING_OFF;
}

/* Restarts a child that ended too early without failing, because of a signal, --idle or --count. */
static enum child_state start_anew(struct supervisor *supervisor, struct child *child)
{
    say_detail("%s (pid %d) ended before all was done; restarting it", child->name, (int)child->last_pid);
    return back_off(supervisor, child, restart_pause(supervisor, child));
}

/* ------------------------------------------------------------------ ended */

void states_record_unread(struct supervisor *supervisor, struct child *child)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    if (options_endless(supervisor->options))
        return;
    child->unread = !options_go_on(supervisor->options);
    child->progress[0] = '\0';
    if (child->last_pid != 0 && queue_find_lane(&supervisor->queue, child->last_pid, &lane))
        snprintf(child->progress, sizeof(child->progress), " after %" PRIu64 " message%s", lane.put_messages,
                 units_plural(lane.put_messages));
    /* A producer stopped while it waited for a restart still counts as failed if no progress was made since. */
    if (restart_still_fails(supervisor, child))
        supervisor_fail(supervisor, child->history.failure, child->history.failure_text);
}

static enum child_state producer_done(struct supervisor *supervisor, struct child *child)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    bool stopping = supervisor->phase != PHASE_WORKING;
    if (supervisor->options->resumable) {
        /* A lane that is not found has a new owner, so this producer finished it. */
        bool finished = !queue_find_lane(&supervisor->queue, child->last_pid, &lane) || lane.finished;
        if (finished && child->end.status == 0)
            return CHILD_DONE;
        if (!stopping)
            return start_anew(supervisor, child);
    }
    if (stopping)
        states_record_unread(supervisor, child);
    return CHILD_DONE;
}

/* It has given up as many messages as it may. That is the end for all: each of them has the same limit. */
static enum child_state halted(struct supervisor *supervisor, struct child *child)
{
    char text[96];
    snprintf(text, sizeof(text), "%s (pid %d) gave up as many messages as --max-failures allows", child->name,
             (int)child->last_pid);
    supervisor->halted = true;
    supervisor_fail(supervisor, EXIT_DEAD_LETTERS, text);
    return CHILD_FAILED;
}

static enum child_state done(struct supervisor *supervisor, struct child *child)
{
    if (child->role == ROLE_PRODUCER)
        return producer_done(supervisor, child);
    if (child->end.halted && !supervisor_ends_commands(supervisor) && !queue_has_ended(&supervisor->queue) &&
        supervisor_has_work(supervisor))
        return halted(supervisor, child);
    if (supervisor->phase != PHASE_WORKING || queue_has_ended(&supervisor->queue) ||
        !supervisor_has_work(supervisor))
        return CHILD_DONE;
    return start_anew(supervisor, child);
}

/* Handles the end of a child after EVENT_TERMINATE or EVENT_KILL. */
static enum child_state cut_short(struct supervisor *supervisor, struct child *child)
{
    char text[96];
    say_detail("%s (pid %d) ended with status %d", child->name, (int)child->last_pid, child->end.status);
    if (child->role == ROLE_CONSUMER)
        return CHILD_DONE;
    states_record_unread(supervisor, child);
    child_describe_end(child, text, sizeof(text));
    /* A producer loses what it had read from a pipe but not yet put. */
    if (!supervisor->options->resumable && !options_endless(supervisor->options))
        supervisor_fail(supervisor, child->end.status, text);
    return CHILD_DONE;
}

/* Whether 4 means that the consumer could not publish what there is for --give-up, and not that nothing came. */
static bool gave_up_bridge(struct supervisor *supervisor)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    return options_passed(supervisor->options, "to") != NULL && queue_stat(&supervisor->queue, &stat) == 0 &&
           stat.messages > 0;
}

/* Whether a status other than 0 only means that no message arrived within --idle or that the stream had ended. */
static bool is_no_failure(struct supervisor *supervisor, const struct child *child)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    if (child->role == ROLE_PRODUCER || child->end.killed)
        return false;
    if (child->end.status == EXIT_TIMEOUT && gave_up_bridge(supervisor))
        return false;
    if (child->end.status == EXIT_TIMEOUT) {
        supervisor->idle_expired = true; /* other consumers took the messages, or this one is restarted */
        return true;
    }
    if (child->end.status != EXIT_ENDED)
        return false;
    if (supervisor->phase != PHASE_WORKING)
        return true; /* the consumer has delivered everything and found an unfinished stream */
    return !supervisor_has_producers(supervisor) && queue_stat(&supervisor->queue, &stat) == 0 &&
           stat.messages == 0 && stat.unfinished == 0 && stat.shut_down == 0;
}

static enum child_state give_up_or_restart(struct supervisor *supervisor, struct child *child)
{
    char text[96];
    char pause[UNITS_SIZE];
    child_describe_end(child, text, sizeof(text));
    struct restart restart = restart_after_failure(supervisor, child);
    if (!restart.wanted) {
        say_error("%s; not restarted: %s", text, restart.why_not);
        supervisor_fail(supervisor, child->end.status, text);
        return CHILD_FAILED;
    }
    if (restart.pause_ns == 0)
        say_error("%s%s; restarting it at once", text, restart.at_work ? " with a message in hand" : "");
    else
        say_error("%s; restarting it in %s", text, units_duration(pause, restart.pause_ns));
    return back_off(supervisor, child, restart.pause_ns);
}

/* What it was working on stays in the queue, with the rest. */
static enum child_state not_needed(const struct child *child)
{
    char text[96];
    child_describe_end(child, text, sizeof(text));
    say_error("%s; not restarted: stopping", text);
    return CHILD_DONE;
}

static enum child_state failed(struct supervisor *supervisor, struct child *child)
{
    bool by_our_signal = (supervisor->phase != PHASE_WORKING && child->end.status == 128 + SIGTERM) ||
                         (supervisor->phase >= PHASE_TERMINATING && child->end.status == 128 + SIGINT);
    if (by_our_signal)
        return done(supervisor, child);
    if (supervisor->phase >= PHASE_TERMINATING)
        return cut_short(supervisor, child);
    if (is_no_failure(supervisor, child))
        return done(supervisor, child);
    if (child->end.killed && child->role == ROLE_CONSUMER && supervisor_ends_commands(supervisor))
        return not_needed(child);
    return give_up_or_restart(supervisor, child);
}

/* ------------------------------------------------------------------ stopping */

static enum child_state terminate(struct supervisor *supervisor, struct child *child)
{
    (void)supervisor;
    child_signal(child, SIGTERM);
    return CHILD_STOPPING;
}

static enum child_state terminate_producer(struct supervisor *supervisor, struct child *child)
{
    return child->role == ROLE_PRODUCER ? terminate(supervisor, child) : child->state;
}

static enum child_state terminate_consumer(struct supervisor *supervisor, struct child *child)
{
    return child->role == ROLE_CONSUMER ? terminate(supervisor, child) : child->state;
}

/* Sends SIGINT, because a child that has just received SIGTERM would count a second SIGTERM as the same signal. */
static enum child_state interrupt(struct supervisor *supervisor, struct child *child)
{
    (void)supervisor;
    child_signal(child, SIGINT);
    return CHILD_STOPPING;
}

static enum child_state kill_child(struct supervisor *supervisor, struct child *child)
{
    (void)supervisor;
    child_signal(child, SIGKILL);
    return CHILD_STOPPING;
}

static enum child_state cancel(struct supervisor *supervisor, struct child *child)
{
    if (child->role == ROLE_PRODUCER)
        states_record_unread(supervisor, child);
    return CHILD_DONE;
}

/* Consumers continue, and are restarted, until the queue is drained. */
static enum child_state cancel_producer(struct supervisor *supervisor, struct child *child)
{
    return child->role == ROLE_PRODUCER ? cancel(supervisor, child) : child->state;
}

static enum child_state cancel_consumer(struct supervisor *supervisor, struct child *child)
{
    return child->role == ROLE_CONSUMER ? cancel(supervisor, child) : child->state;
}

/* ------------------------------------------------------------------ the table */

/* NULL: the event is ignored. */
static action *const table[CHILD_STATES][EVENTS] = {
    /* clang-format off */
    /*                     TIMER        SUCCESS FAILURE  STOP                DRAINED             TERMINATE  KILL */
    [CHILD_STARTING]    = {start,       NULL,   NULL,    cancel_producer,    cancel_consumer,    cancel,    cancel},
    [CHILD_RUNNING]     = {NULL,        done,   failed,  terminate_producer, terminate_consumer, terminate, kill_child},
    [CHILD_STOPPING]    = {NULL,        done,   failed,  NULL,               terminate_consumer, interrupt, kill_child},
    [CHILD_BACKING_OFF] = {start_again, NULL,   NULL,    cancel_producer,    cancel_consumer,    cancel,    cancel},
    [CHILD_DONE]        = {NULL},
    [CHILD_FAILED]      = {NULL},
    /* clang-format on */
};

void states_handle(struct supervisor *supervisor, struct child *child, enum event event)
{
    action *act = table[child->state][event];
    if (act != NULL)
        child->state = act(supervisor, child);
}

void states_handle_all(struct supervisor *supervisor, enum event event)
{
    for (size_t i = 0; i < supervisor->count; i++)
        states_handle(supervisor, &supervisor->children[i], event);
}
