/* SPDX-License-Identifier: MIT */
/*
 * What becomes of the supervisor's children: the table of events and states, and the rule by which one that failed
 * is started again. Nothing is started, and the queue is as a test says.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "supervisor/restart_policy.h"
#include "supervisor/states.h"
#include "tests/support/harness.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* ------------------------------------------------------------------ the queue and the processes, as they are told
 */

static struct shmq_stat stat_now;
static int stat_error;
static bool has_ended;
static bool died_at_work;
static bool lane_found;
static struct shmq_lane_stat lane_now;
static int spawn_error;
static int relay_error;
static size_t spawned;
static int last_signal;
static struct child_start started;
static bool endless;

int __wrap_queue_stat(struct queue *queue, struct shmq_stat *stat);
bool __wrap_queue_has_ended(struct queue *queue);
bool __wrap_queue_died_at_work(struct queue *queue, pid_t pid);
bool __wrap_queue_find_lane(struct queue *queue, pid_t pid, struct shmq_lane_stat *lane);
int __wrap_child_spawn(struct child *child, const struct child_start *start);
void __wrap_child_signal(const struct child *child, int number);
int __wrap_relay_add(struct relay *relay, const char *label, struct relay_source **source);
void __wrap_command_make(struct arguments *command, const struct options *options, const struct programs *programs,
                         enum role role, unsigned number);
bool __wrap_options_endless(const struct options *options);

int __wrap_queue_stat(struct queue *queue, struct shmq_stat *stat)
{
    (void)queue;
    *stat = stat_now;
    return stat_error;
}

bool __wrap_queue_has_ended(struct queue *queue)
{
    (void)queue;
    return has_ended;
}

bool __wrap_queue_died_at_work(struct queue *queue, pid_t pid)
{
    (void)queue;
    ck_assert_int_eq(pid, 17);
    return died_at_work;
}

bool __wrap_queue_find_lane(struct queue *queue, pid_t pid, struct shmq_lane_stat *lane)
{
    (void)queue;
    ck_assert_int_eq(pid, 17);
    *lane = lane_now;
    return lane_found;
}

int __wrap_child_spawn(struct child *child, const struct child_start *start)
{
    started = *start;
    spawned++;
    if (spawn_error == 0)
        child->pid = child->last_pid = 17;
    return spawn_error;
}

void __wrap_child_signal(const struct child *child, int number)
{
    (void)child;
    last_signal = number;
}

int __wrap_relay_add(struct relay *relay, const char *label, struct relay_source **source)
{
    (void)relay;
    (void)label;
    *source = NULL;
    return relay_error != 0 ? relay_error : dup(STDERR_FILENO);
}

void __wrap_command_make(struct arguments *command, const struct options *options, const struct programs *programs,
                         enum role role, unsigned number)
{
    (void)options;
    (void)programs;
    (void)role;
    (void)number;
    *command = (struct arguments){0};
}

bool __wrap_options_endless(const struct options *options)
{
    (void)options;
    return endless;
}

/* ------------------------------------------------------------------ a supervisor with a producer and a consumer
 */

static struct options options;
static struct supervisor supervisor;
static struct child children[2];
static struct child *const producer = &children[0];
static struct child *const consumer = &children[1];
static char heard[4096];

static void hear(const char *line, size_t bytes)
{
    size_t used = strlen(heard);
    ck_assert_uint_lt(used + bytes, sizeof(heard));
    memcpy(heard + used, line, bytes);
    heard[used + bytes] = '\0';
}

static void set_up(void)
{
    say_init("supervisor", 0, NULL);
    say_set_writer(hear);
    options = (struct options){.sink = SINK_DISCARD,
                               .restart = RESTART_ON_FAILURE,
                               .max_restarts = 100,
                               .restart_pause_ns = {100 * MS, 2 * SECOND},
                               .resumable = true};
    supervisor = (struct supervisor){.options = &options,
                                     .children = children,
                                     .count = 2,
                                     .now_ns = 1000 * SECOND,
                                     .pid = 5,
                                     .descriptors = 9};
    children[0] = (struct child){.role = ROLE_PRODUCER,
                                 .number = 1,
                                 .name = "producer.1",
                                 .state = CHILD_RUNNING,
                                 .last_pid = 17,
                                 .pidfd = -1};
    children[1] = (struct child){.role = ROLE_CONSUMER,
                                 .number = 1,
                                 .name = "consumer.1",
                                 .state = CHILD_RUNNING,
                                 .last_pid = 17,
                                 .pidfd = -1};
    stat_now = (struct shmq_stat){.put_messages = 10, .messages = 4};
}

static void tear_down(void)
{
    free(children[0].history.restarts_ns);
    free(children[1].history.restarts_ns);
}

static void expect_heard(const char *text)
{
    ck_assert_msg(strstr(heard, text) != NULL, "\"%s\" is not in \"%s\"", text, heard);
}

static void be_in(struct child *child, enum child_state state)
{
    child->state = state;
    last_signal = 0;
    spawned = 0;
}

/* ------------------------------------------------------------------ the table */

static const struct {
    enum child_state state;
    enum event event;
    enum child_state producer; /* what becomes of each */
    enum child_state consumer;
    int producer_signal;
    int consumer_signal;
} table[] = {
    {CHILD_STARTING, EVENT_TIMER, CHILD_RUNNING, CHILD_RUNNING, 0, 0},
    {CHILD_STARTING, EVENT_STOP, CHILD_DONE, CHILD_STARTING, 0, 0},
    {CHILD_STARTING, EVENT_DRAINED, CHILD_STARTING, CHILD_DONE, 0, 0},
    {CHILD_STARTING, EVENT_TERMINATE, CHILD_DONE, CHILD_DONE, 0, 0},
    {CHILD_STARTING, EVENT_KILL, CHILD_DONE, CHILD_DONE, 0, 0},
    {CHILD_RUNNING, EVENT_TIMER, CHILD_RUNNING, CHILD_RUNNING, 0, 0},
    {CHILD_RUNNING, EVENT_STOP, CHILD_STOPPING, CHILD_RUNNING, SIGTERM, 0},
    {CHILD_RUNNING, EVENT_DRAINED, CHILD_RUNNING, CHILD_STOPPING, 0, SIGTERM},
    {CHILD_RUNNING, EVENT_TERMINATE, CHILD_STOPPING, CHILD_STOPPING, SIGTERM, SIGTERM},
    {CHILD_RUNNING, EVENT_KILL, CHILD_STOPPING, CHILD_STOPPING, SIGKILL, SIGKILL},
    {CHILD_STOPPING, EVENT_STOP, CHILD_STOPPING, CHILD_STOPPING, 0, 0},
    {CHILD_STOPPING, EVENT_TERMINATE, CHILD_STOPPING, CHILD_STOPPING, SIGINT, SIGINT},
    {CHILD_STOPPING, EVENT_KILL, CHILD_STOPPING, CHILD_STOPPING, SIGKILL, SIGKILL},
    {CHILD_BACKING_OFF, EVENT_TIMER, CHILD_RUNNING, CHILD_RUNNING, 0, 0},
    {CHILD_BACKING_OFF, EVENT_STOP, CHILD_DONE, CHILD_BACKING_OFF, 0, 0},
    {CHILD_BACKING_OFF, EVENT_DRAINED, CHILD_BACKING_OFF, CHILD_DONE, 0, 0},
    {CHILD_DONE, EVENT_KILL, CHILD_DONE, CHILD_DONE, 0, 0},
    {CHILD_DONE, EVENT_TIMER, CHILD_DONE, CHILD_DONE, 0, 0},
    {CHILD_FAILED, EVENT_TERMINATE, CHILD_FAILED, CHILD_FAILED, 0, 0},
};

START_TEST(each_event_does_what_the_table_says)
{
    be_in(producer, table[_i].state);
    states_handle(&supervisor, producer, table[_i].event);
    ck_assert_int_eq(producer->state, table[_i].producer);
    ck_assert_int_eq(last_signal, table[_i].producer_signal);
    producer->state = CHILD_RUNNING;
    be_in(consumer, table[_i].state);
    states_handle(&supervisor, consumer, table[_i].event);
    ck_assert_int_eq(consumer->state, table[_i].consumer);
    ck_assert_int_eq(last_signal, table[_i].consumer_signal);
}
END_TEST

START_TEST(all_are_told)
{
    states_handle_all(&supervisor, EVENT_TERMINATE);
    ck_assert_int_eq(producer->state, CHILD_STOPPING);
    ck_assert_int_eq(consumer->state, CHILD_STOPPING);
}
END_TEST

/* ------------------------------------------------------------------ starting */

START_TEST(a_child_is_started_with_what_it_needs)
{
    options.source = SOURCE_STREAM;
    supervisor.queue.ended = true;
    say_set_level(SAY_DETAILS);
    be_in(consumer, CHILD_STARTING);
    states_handle(&supervisor, consumer, EVENT_TIMER);
    ck_assert(!started.with_stdin);
    ck_assert(supervisor.queue.ended);
    expect_heard("supervisor: consumer.1 started (pid 17)\n");
    be_in(producer, CHILD_STARTING);
    states_handle(&supervisor, producer, EVENT_TIMER);
    ck_assert(started.with_stdin);
    ck_assert(!supervisor.queue.ended);
    ck_assert_int_eq(started.supervisor, 5);
    ck_assert_uint_eq(started.descriptors, 9);
    ck_assert_int_ge(started.stderr_fd, 3);
    ck_assert_int_eq(dup(STDERR_FILENO), started.stderr_fd); /* it was closed */
    ck_assert_uint_eq(supervisor.restarts, 0);
    options.source = SOURCE_RANDOM;
    be_in(producer, CHILD_BACKING_OFF);
    states_handle(&supervisor, producer, EVENT_TIMER);
    ck_assert(!started.with_stdin);
    ck_assert_uint_eq(supervisor.restarts, 1);
}
END_TEST

START_TEST(a_child_that_cannot_be_started_has_failed)
{
    static const struct {
        int error;
        const char *text;
    } errors[] = {{-EMFILE, "producer.1: cannot be started: Too many open files (raise 'ulimit -n')"},
                  {-EAGAIN, "producer.1: cannot be started: Resource temporarily unavailable (raise 'ulimit -u')"},
                  {-ENOENT, "producer.1: cannot be started: No such file or directory"}};
    for (size_t i = 0; i < COUNT(errors); i++) {
        supervisor.failure = 0;
        spawn_error = errors[i].error;
        be_in(producer, CHILD_STARTING);
        states_handle(&supervisor, producer, EVENT_TIMER);
        ck_assert_int_eq(producer->state, CHILD_FAILED);
        ck_assert_int_eq(supervisor.failure, EXIT_FAILED);
        ck_assert_str_eq(supervisor.failure_text, errors[i].text);
    }
    supervisor.failure = 0;
    spawn_error = 0;
    relay_error = -ENOMEM;
    be_in(producer, CHILD_STARTING);
    states_handle(&supervisor, producer, EVENT_TIMER);
    ck_assert_int_eq(producer->state, CHILD_FAILED);
    ck_assert_uint_eq(spawned, 0);
}
END_TEST

START_TEST(a_consumer_for_which_nothing_is_left_is_not_started_again)
{
    producer->state = CHILD_DONE;
    stat_now.messages = 0;
    be_in(consumer, CHILD_BACKING_OFF);
    states_handle(&supervisor, consumer, EVENT_TIMER);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
    ck_assert_uint_eq(supervisor.restarts, 0);
    stat_now.messages = 1;
    be_in(consumer, CHILD_BACKING_OFF);
    states_handle(&supervisor, consumer, EVENT_TIMER);
    ck_assert_int_eq(consumer->state, CHILD_RUNNING);
    ck_assert_uint_eq(supervisor.restarts, 1);
    be_in(producer, CHILD_BACKING_OFF);
    consumer->state = CHILD_DONE;
    stat_now.messages = 0;
    states_handle(&supervisor, producer, EVENT_TIMER);
    ck_assert_int_eq(producer->state, CHILD_RUNNING);
}
END_TEST

/* ------------------------------------------------------------------ ends */

static void end_child(struct child *child, int status)
{
    be_in(child, CHILD_RUNNING);
    child->end = (struct child_end){.status = status, .killed = status > 128 && status != 128 + SIGTERM};
    heard[0] = '\0';
    states_handle(&supervisor, child, status == 0 ? EVENT_SUCCESS : EVENT_FAILURE);
}

START_TEST(a_producer_that_has_finished_is_done)
{
    end_child(producer, 0); /* its lane has another owner by now */
    ck_assert_int_eq(producer->state, CHILD_DONE);
    lane_found = true;
    lane_now.finished = true;
    end_child(producer, 0);
    ck_assert_int_eq(producer->state, CHILD_DONE);
    lane_now.finished = false;
    end_child(producer, 0); /* somebody has told it to end */
    ck_assert_int_eq(producer->state, CHILD_BACKING_OFF);
    ck_assert_int_eq(producer->due_ns, supervisor.now_ns + 100 * MS);
    ck_assert(!producer->unread);
    options.resumable = false;
    end_child(producer, 0);
    ck_assert_int_eq(producer->state, CHILD_DONE);
    ck_assert(!producer->unread);
}
END_TEST

START_TEST(a_producer_that_is_stopped_leaves_something_unread)
{
    supervisor.phase = PHASE_DRAINING;
    lane_found = true;
    lane_now.put_messages = 3;
    end_child(producer, 0);
    ck_assert_int_eq(producer->state, CHILD_DONE);
    ck_assert(producer->unread);
    ck_assert_str_eq(producer->progress, " after 3 messages");
    lane_now.put_messages = 1;
    states_record_unread(&supervisor, producer);
    ck_assert_str_eq(producer->progress, " after 1 message");
    lane_found = false;
    states_record_unread(&supervisor, producer);
    ck_assert_str_eq(producer->progress, "");
    lane_found = true;
    producer->last_pid = 0;
    states_record_unread(&supervisor, producer);
    ck_assert_str_eq(producer->progress, "");
    producer->last_pid = 17;
    producer->unread = false;
    lane_now.finished = true;
    end_child(producer, 0); /* it had finished before it was told */
    ck_assert(!producer->unread);
    options.resumable = false;
    end_child(producer, 0);
    ck_assert(producer->unread);
    producer->unread = false;
    endless = true;
    states_record_unread(&supervisor, producer);
    ck_assert(!producer->unread);
}
END_TEST

START_TEST(a_consumer_is_done_when_all_is)
{
    say_set_level(SAY_DETAILS);
    end_child(consumer, 0);
    ck_assert_int_eq(consumer->state, CHILD_BACKING_OFF);
    expect_heard("consumer.1 (pid 17) ended before");
    has_ended = true;
    end_child(consumer, 0);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
    has_ended = false;
    supervisor.phase = PHASE_DRAINING;
    end_child(consumer, 0);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
    supervisor.phase = PHASE_WORKING;
    producer->state = CHILD_DONE;
    stat_now.messages = 0;
    end_child(consumer, 0);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
}
END_TEST

START_TEST(what_our_signal_ended_has_not_failed)
{
    supervisor.phase = PHASE_DRAINING;
    end_child(consumer, 128 + SIGTERM);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
    ck_assert_int_eq(supervisor.failure, 0);
    end_child(consumer, 128 + SIGINT);
    ck_assert_int_eq(consumer->state, CHILD_BACKING_OFF); /* that was somebody else's */
    supervisor.phase = PHASE_TERMINATING;
    end_child(consumer, 128 + SIGINT);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
    supervisor.phase = PHASE_WORKING;
    end_child(consumer, 128 + SIGTERM);
    ck_assert_int_eq(consumer->state, CHILD_BACKING_OFF);
    ck_assert_int_eq(supervisor.failure, 0);
}
END_TEST

START_TEST(what_is_cut_short_has_failed_if_it_cannot_go_on)
{
    supervisor.phase = PHASE_TERMINATING;
    end_child(consumer, 128 + SIGKILL);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
    ck_assert_int_eq(supervisor.failure, 0);
    end_child(producer, 128 + SIGKILL);
    ck_assert_int_eq(producer->state, CHILD_DONE);
    ck_assert(producer->unread);
    ck_assert_int_eq(supervisor.failure, 0);
    options.resumable = false;
    endless = true;
    end_child(producer, 128 + SIGKILL);
    ck_assert_int_eq(supervisor.failure, 0);
    endless = false;
    end_child(producer, 128 + SIGKILL);
    ck_assert_int_eq(supervisor.failure, 128 + SIGKILL);
}
END_TEST

START_TEST(an_idle_consumer_has_not_failed)
{
    end_child(consumer, EXIT_TIMEOUT);
    ck_assert_int_eq(consumer->state, CHILD_BACKING_OFF);
    ck_assert(supervisor.idle_expired);
    ck_assert_str_eq(heard, "");
    end_child(producer, EXIT_TIMEOUT);
    ck_assert_int_eq(producer->state, CHILD_FAILED);
}
END_TEST

START_TEST(a_stream_that_has_ended_is_no_failure_where_nothing_is_left)
{
    producer->state = CHILD_DONE;
    stat_now.messages = 0;
    end_child(consumer, EXIT_ENDED);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
    ck_assert_int_eq(supervisor.failure, 0);
    stat_now.unfinished = 1;
    end_child(consumer, EXIT_ENDED);
    ck_assert_int_eq(consumer->state, CHILD_FAILED);
    stat_now.unfinished = 0;
    stat_now.shut_down = 1;
    end_child(consumer, EXIT_ENDED);
    ck_assert_int_eq(consumer->state, CHILD_FAILED);
    stat_now.shut_down = 0;
    stat_error = -ESTALE;
    end_child(consumer, EXIT_ENDED);
    ck_assert_int_eq(consumer->state, CHILD_FAILED);
    stat_error = 0;
    supervisor.phase = PHASE_DRAINING;
    stat_now.unfinished = 1;
    end_child(consumer, EXIT_ENDED);
    ck_assert_int_eq(consumer->state, CHILD_DONE);
    supervisor.phase = PHASE_WORKING;
    stat_now.unfinished = 0;
    stat_now.messages = 1;
    end_child(consumer, EXIT_ENDED);
    ck_assert_int_ne(consumer->state, CHILD_DONE);
}
END_TEST

START_TEST(a_failure_is_told_with_what_comes_of_it)
{
    end_child(consumer, 128 + SIGKILL);
    ck_assert_int_eq(consumer->state, CHILD_BACKING_OFF);
    ck_assert_int_eq(consumer->due_ns, supervisor.now_ns);
    expect_heard("at once\n");
    end_child(consumer, 128 + SIGKILL);
    expect_heard("in 200 ms\n");
    ck_assert_int_eq(consumer->due_ns, supervisor.now_ns + 200 * MS);
    ck_assert_int_eq(supervisor.failure, 0);
    options.restart = RESTART_NEVER;
    end_child(consumer, 1);
    ck_assert_int_eq(consumer->state, CHILD_FAILED);
    expect_heard("; not restarted: --restart never\n");
    ck_assert_int_eq(supervisor.failure, 1);
}
END_TEST

/* ------------------------------------------------------------------ the rule of restarts */

/* Empty: it is started again. */
static const char *why_not(struct child *child, int status)
{
    static struct restart restart;
    child->end = (struct child_end){.status = status, .killed = status > 128};
    restart = restart_after_failure(&supervisor, child);
    ck_assert_int_eq(restart.wanted, restart.why_not[0] == '\0');
    return restart.why_not;
}

static void expect_reason(const char *reason, const char *part)
{
    ck_assert_msg(part[0] != '\0' ? strstr(reason, part) != NULL : reason[0] == '\0', "\"%s\", not \"%s\"", reason,
                  part);
}

START_TEST(what_can_be_done_again_is_started_again)
{
    expect_reason(why_not(producer, 1), "");
    expect_reason(why_not(consumer, 137), "");
    supervisor.phase = PHASE_DRAINING;
    expect_reason(why_not(consumer, 137), "");
    expect_reason(why_not(producer, 137), "stopping");
    supervisor.phase = PHASE_WORKING;
    options.resumable = false;
    expect_reason(why_not(consumer, 137), "");
    expect_reason(why_not(producer, 137), "source");
    endless = true;
    expect_reason(why_not(producer, 137), "");
    options.restart = RESTART_NEVER;
    expect_reason(why_not(consumer, 137), "--restart never");
}
END_TEST

static const struct {
    int status;
    bool producer;
    enum sink sink;
    bool lasting;
} lasting[] = {
    {1, true, SINK_EXEC, false},     {1, false, SINK_EXEC, true},      {1, false, SINK_LABELLED, true},
    {1, false, SINK_STDOUT, true},   {1, false, SINK_PIPE, true},      {1, false, SINK_OUTPUT, false},
    {1, false, SINK_MIRROR, false},  {1, false, SINK_DISCARD, false},  {2, false, SINK_DISCARD, true},
    {3, false, SINK_DISCARD, false}, {3, true, SINK_DISCARD, true},    {4, false, SINK_DISCARD, true},
    {5, true, SINK_DISCARD, true},   {6, true, SINK_DISCARD, false},   {125, true, SINK_DISCARD, false},
    {126, true, SINK_DISCARD, true}, {127, false, SINK_DISCARD, true}, {128, true, SINK_DISCARD, false},
    {137, false, SINK_EXEC, false},  {139, true, SINK_EXEC, false},
};

START_TEST(what_would_fail_again_is_not_started_again)
{
    struct child *child = lasting[_i].producer ? producer : consumer;
    options.sink = lasting[_i].sink;
    expect_reason(why_not(child, lasting[_i].status), lasting[_i].lasting ? "fail again" : "");
    child->end = (struct child_end){.status = 9, .lasting = true};
    ck_assert(!restart_after_failure(&supervisor, child).wanted);
}
END_TEST

START_TEST(a_stream_that_ended_without_producers_ends_again)
{
    expect_reason(why_not(consumer, 3), "");
    producer->state = CHILD_DONE;
    expect_reason(why_not(consumer, 3), "fail again");
}
END_TEST

START_TEST(what_failed_when_all_was_done_is_not_started_again)
{
    static const char late[] = "arrived";
    has_ended = true;
    expect_reason(why_not(consumer, 1), late);
    expect_reason(why_not(consumer, 137), "");
    expect_reason(why_not(producer, 1), "");
    has_ended = false;
    consumer->history.fruitless = 0;
    expect_reason(why_not(consumer, 1), "");
    producer->state = CHILD_DONE;
    stat_now.messages = 0;
    expect_reason(why_not(consumer, 1), late);
}
END_TEST

START_TEST(three_failures_in_vain_are_enough)
{
    expect_reason(why_not(producer, 1), "");
    ck_assert(restart_still_fails(&supervisor, producer));
    expect_reason(why_not(producer, 1), "");
    stat_now.put_messages++; /* something was done */
    ck_assert(!restart_still_fails(&supervisor, producer));
    expect_reason(why_not(producer, 1), "");
    expect_reason(why_not(producer, 137), ""); /* a signal's does not count */
    expect_reason(why_not(producer, 1), "");
    expect_reason(why_not(producer, 1), "failed 3 times");
    ck_assert(!restart_still_fails(&supervisor, consumer)); /* it has not failed */
    /* Of consumers, what is acknowledged counts. */
    expect_reason(why_not(consumer, 1), "");
    expect_reason(why_not(consumer, 1), "");
    stat_now.messages--;
    expect_reason(why_not(consumer, 1), "");
    expect_reason(why_not(consumer, 3), "");
    stat_now.put_messages++;
    stat_now.messages++;
    expect_reason(why_not(consumer, 1), "");
    stat_error = -ESTALE;
    expect_reason(why_not(consumer, 1), "");
    expect_reason(why_not(consumer, 1), "");
    expect_reason(why_not(consumer, 1), "failed 3 times");
}
END_TEST

static int64_t pause_after(struct child *child, int status)
{
    child->end = (struct child_end){.status = status, .killed = status > 128};
    child->history.fruitless = 0;
    return restart_after_failure(&supervisor, child).pause_ns;
}

START_TEST(pauses_double_up_to_the_longest)
{
    static const int64_t pauses_ms[] = {0, 200, 400, 800, 1600, 2000, 2000, 2000, 2000, 2000};
    for (size_t i = 0; i < COUNT(pauses_ms); i++)
        ck_assert_int_eq(pause_after(consumer, 137), pauses_ms[i] * MS);
    stat_now.put_messages++;
    ck_assert_int_eq(pause_after(producer, 1), 100 * MS);
    options.restart_pause_ns[1] = 3600 * SECOND;
    ck_assert_int_eq(pause_after(consumer, 137), 6400 * MS); /* six times */
    /* After a minute they are forgotten. */
    supervisor.now_ns += 60 * SECOND - 1;
    ck_assert_int_eq(pause_after(consumer, 137), 6400 * MS);
    supervisor.now_ns++;
    ck_assert_int_eq(pause_after(consumer, 137), 200 * MS);
    supervisor.now_ns += 60 * SECOND;
    ck_assert_int_eq(pause_after(consumer, 137), 0);
    options.restart_pause_ns[0] = options.restart_pause_ns[1] = 7 * SECOND;
    ck_assert_int_eq(pause_after(consumer, 137), 7 * SECOND);
}
END_TEST

START_TEST(there_are_no_more_restarts_in_a_minute_than_may_be)
{
    options.max_restarts = 2;
    expect_reason(why_not(consumer, 137), "");
    expect_reason(why_not(consumer, 137), "");
    expect_reason(why_not(consumer, 137), "2 restarts ");
    ck_assert_int_eq(restart_pause(&supervisor, consumer), 2 * SECOND);
    ck_assert_int_eq(restart_pause(&supervisor, producer), 100 * MS);
    supervisor.now_ns += 60 * SECOND;
    expect_reason(why_not(consumer, 137), "");
    options.max_restarts = 1;
    expect_reason(why_not(consumer, 137), "1 restart ");
    options.max_restarts = 0;
    expect_reason(why_not(producer, 137), "0 restarts ");
}
END_TEST

/* That is a failure of the message. */
START_TEST(deaths_at_work_are_not_among_them)
{
    options.max_restarts = 1;
    options.sink = SINK_EXEC;
    died_at_work = true;
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(pause_after(consumer, 137), 0);
    expect_reason(why_not(consumer, 137), "killed 101 times in a row with a message in hand");
    stat_now.messages--; /* another one was done */
    expect_reason(why_not(consumer, 137), "");
    died_at_work = false;
    expect_reason(why_not(consumer, 137), "");
    expect_reason(why_not(consumer, 137), "1 restart ");
    died_at_work = true;
    options.sink = SINK_DISCARD; /* a message of a copying sink does not fail */
    expect_reason(why_not(consumer, 137), "1 restart ");
    options.sink = SINK_EXEC;
    options.max_restarts = 0;
    expect_reason(why_not(consumer, 137), "0 restarts ");
    expect_reason(why_not(producer, 137), "0 restarts ");
}
END_TEST

START_TEST(what_failed_last_is_kept_in_mind_where_it_is_stopped)
{
    supervisor.phase = PHASE_WORKING;
    expect_reason(why_not(producer, 6), "");
    states_record_unread(&supervisor, producer);
    ck_assert_int_eq(supervisor.failure, 6);
    supervisor.failure = 0;
    stat_now.put_messages++;
    states_record_unread(&supervisor, producer);
    ck_assert_int_eq(supervisor.failure, 0);
}
END_TEST

static const struct test tests[] = {
    TEST_EACH(each_event_does_what_the_table_says, COUNT(table)),
    TEST(all_are_told),
    TEST(a_child_is_started_with_what_it_needs),
    TEST(a_child_that_cannot_be_started_has_failed),
    TEST(a_consumer_for_which_nothing_is_left_is_not_started_again),
    TEST(a_producer_that_has_finished_is_done),
    TEST(a_producer_that_is_stopped_leaves_something_unread),
    TEST(a_consumer_is_done_when_all_is),
    TEST(what_our_signal_ended_has_not_failed),
    TEST(what_is_cut_short_has_failed_if_it_cannot_go_on),
    TEST(an_idle_consumer_has_not_failed),
    TEST(a_stream_that_has_ended_is_no_failure_where_nothing_is_left),
    TEST(a_failure_is_told_with_what_comes_of_it),
    TEST(what_can_be_done_again_is_started_again),
    TEST_EACH(what_would_fail_again_is_not_started_again, COUNT(lasting)),
    TEST(a_stream_that_ended_without_producers_ends_again),
    TEST(what_failed_when_all_was_done_is_not_started_again),
    TEST(three_failures_in_vain_are_enough),
    TEST(pauses_double_up_to_the_longest),
    TEST(there_are_no_more_restarts_in_a_minute_than_may_be),
    TEST(deaths_at_work_are_not_among_them),
    TEST(what_failed_last_is_kept_in_mind_where_it_is_stopped),
};

TEST_SUITE("supervisor_states", tests, .seconds = 10, .set_up = set_up, .tear_down = tear_down);
