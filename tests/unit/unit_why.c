/* SPDX-License-Identifier: MIT */
/* What the programs say about why a queue stands still: from made-up statistics, and of real processes. */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/process_state.h"
#include "common/cli/why.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)

enum { STOPPED_PID = 71 }; /* of those made up, the process that is stopped */

enum process_state __real_process_state_of(pid_t pid, const char *program);
enum process_state __wrap_process_state_of(pid_t pid, const char *program);

static bool made_up = true;
static unsigned looked_up; /* pids */

enum process_state __wrap_process_state_of(pid_t pid, const char *program)
{
    looked_up++;
    if (!made_up)
        return __real_process_state_of(pid, program);
    return pid == STOPPED_PID ? PROCESS_STOPPED : PROCESS_UNKNOWN;
}

/* ------------------------------------------------------------------ a producer, a consumer */

static const struct {
    struct shmq_lane_stat lane;
    enum party_state state;
} producers[] = {
    {{.alive = true}, PARTY_RUNNING},
    {{.alive = true, .blocked = true}, PARTY_BLOCKED},
    {{.alive = true, .pid = STOPPED_PID}, PARTY_STOPPED},
    {{.alive = true, .blocked = true, .pid = STOPPED_PID}, PARTY_STOPPED},
    {{.alive = true, .finished = true}, PARTY_RUNNING}, /* it begins another stream */
    {{.used = true}, PARTY_DEAD},
    {{.used = true, .pid = STOPPED_PID}, PARTY_DEAD}, /* another has its pid now */
    {{.used = true, .finished = true}, PARTY_FINISHED},
    /* In a copy, the pid means nothing here. */
    {{.in_copy = SHMQ_IN_COPY_ALIVE, .pid = STOPPED_PID}, PARTY_RUNNING},
    {{.in_copy = SHMQ_IN_COPY_ALIVE, .blocked = true, .pid = STOPPED_PID}, PARTY_BLOCKED},
    {{.in_copy = SHMQ_IN_COPY_GONE}, PARTY_DEAD},
    {{.in_copy = SHMQ_IN_COPY_GONE, .finished = true}, PARTY_FINISHED},
    {{.in_copy = SHMQ_IN_COPY_UNKNOWN, .pid = STOPPED_PID}, PARTY_IN_COPY},
    {{.in_copy = SHMQ_IN_COPY_UNKNOWN, .blocked = true}, PARTY_BLOCKED},
};

START_TEST(a_producer_is_in_one_state)
{
    struct shmq_lane_stat lane = producers[_i].lane;
    ck_assert_int_eq(why_producer(&lane), producers[_i].state);
}
END_TEST

#define WAS_ALIVE .in_copy = SHMQ_IN_COPY_ALIVE, .taken = true
#define UNKNOWN .in_copy = SHMQ_IN_COPY_UNKNOWN, .taken = true

static const struct {
    struct shmq_stat queue;
    struct shmq_seat_stat seat;
    enum party_state state;
} consumers[] = {
    {{0}, {.taken = true, .alive = true}, PARTY_RUNNING},
    {{0}, {.taken = true, .alive = true, .waiting = true}, PARTY_ASLEEP},
    {{.paused = true}, {.taken = true, .alive = true, .waiting = true}, PARTY_PAUSED},
    {{.paused = true}, {.taken = true, .alive = true, .leased = 1}, PARTY_RUNNING}, /* it finishes what it has */
    {{.messages = 2, .aside = 2}, {.taken = true, .alive = true, .waiting = true}, PARTY_ASIDE},
    {{.messages = 3, .aside = 2}, {.taken = true, .alive = true, .waiting = true}, PARTY_ASLEEP},
    {{.paused = true}, {.taken = true, .alive = true, .waiting = true, .pid = STOPPED_PID}, PARTY_STOPPED},
    {{0}, {.taken = true, .alive = true, .leased = 1, .pid = STOPPED_PID}, PARTY_STOPPED},
    {{0}, {.taken = true, .leased = 1}, PARTY_DEAD},
    {{0}, {.taken = true, .leased = 1, .pid = STOPPED_PID}, PARTY_DEAD},
    {{0}, {.taken = true}, PARTY_GONE},
    {{0}, {.leased = 1}, PARTY_GAVE_BACK},
    {{.messages = 1, .aside = 1}, {.leased = 1, .aside = true}, PARTY_ASIDE},
    {{0}, {0}, PARTY_FINISHED},
    {{0}, {WAS_ALIVE, .pid = STOPPED_PID}, PARTY_RUNNING},
    {{0}, {WAS_ALIVE, .waiting = true}, PARTY_ASLEEP},
    {{.paused = true}, {WAS_ALIVE, .waiting = true}, PARTY_PAUSED},
    {{0}, {.in_copy = SHMQ_IN_COPY_GONE, .taken = true, .leased = 1}, PARTY_DEAD},
    {{0}, {.in_copy = SHMQ_IN_COPY_GONE, .taken = true}, PARTY_GONE},
    {{0}, {UNKNOWN, .leased = 1, .pid = STOPPED_PID}, PARTY_IN_COPY},
    {{0}, {.in_copy = SHMQ_IN_COPY_UNKNOWN, .leased = 1}, PARTY_GAVE_BACK},
    {{0}, {.in_copy = SHMQ_IN_COPY_UNKNOWN}, PARTY_FINISHED},
};

START_TEST(a_consumer_is_in_one_state)
{
    struct shmq_seat_stat seat = consumers[_i].seat;
    ck_assert_int_eq(why_consumer(&consumers[_i].queue, &seat), consumers[_i].state);
}
END_TEST

START_TEST(each_state_has_a_text_and_a_short_word)
{
    for (int state = PARTY_RUNNING; state <= PARTY_GONE; state++) {
        ck_assert_uint_ge(strlen(why_state_text((enum party_state)state)), 4);
        ck_assert_uint_ge(strlen(why_state_word((enum party_state)state)), 4);
        ck_assert_uint_le(strlen(why_state_word((enum party_state)state)), 8);
    }
    ck_assert_str_eq(why_state_text(PARTY_BLOCKED), "blocked on full");
    ck_assert_str_eq(why_state_text(PARTY_ASLEEP), "asleep on empty");
    ck_assert_str_eq(why_state_text(PARTY_ASIDE), "waiting aside");
    ck_assert_str_eq(why_state_text(PARTY_DEAD), "dead, unfinished");
}
END_TEST

/* ------------------------------------------------------------------ the sentence */

#define ALIVE .taken = true, .alive = true

/* Lanes and seats end with the first that is all zero. */
static const struct {
    const char *sentence;
    const char *word;
    const char *state;
    int error;
    struct shmq_stat stat;
    struct shmq_lane_stat lanes[4];
    struct shmq_seat_stat seats[4];
} queues[] = {
    {"", "empty", "empty", .stat = {.consumers = 1}, .seats = {{ALIVE, .waiting = true}}},
    {"", "ok", "ok", .stat = {.consumers = 1, .messages = 5, .leased = 5, .fill_percent = 49},
     .seats = {{ALIVE, .leased = 5, .leased_ns = SECOND - 1}}},
    {"", "ok", "83 % full", .stat = {.consumers = 1, .messages = 5, .leased = 5, .fill_percent = 83},
     .seats = {{ALIVE, .leased = 5, .leased_ns = SECOND - 1}}},
    {"damaged: its content is inconsistent (see 'monitor check')", "damaged", "damaged", .error = -EBADMSG,
     .stat = {.messages = 1, .blocked = 1}},
    {"removed: nobody can open it any more", "removed", "removed", .stat = {.removed = true, .messages = 1}},
    {"shut down", "shut down", "shut down", .stat = {.shut_down = SHMQ_NOW}},
    {"shut down at once: 1 message stays undelivered", "shut down", "shut down",
     .stat = {.shut_down = SHMQ_NOW, .paused = true, .messages = 1}},
    {"paused: nothing is handed out (see 'monitor resume q')", "paused", "paused", .stat = {.paused = true}},
    {"paused: 2 messages wait (see 'monitor resume q')", "paused", "paused",
     .stat = {.paused = true, .messages = 2, .consumers = 1}},
    {"paused: 2 messages wait, and 1 producer for room (see 'monitor resume q')", "paused", "paused",
     .stat = {.paused = true, .messages = 2, .producers = 1, .blocked = 1}},
    /* Full. */
    {"full: 3 producers wait, no consumer is attached", "full", "full",
     .stat = {.messages = 9, .producers = 3, .blocked = 3}},
    {"full: 1 producer waits, no consumer is attached", "full", "full", .stat = {.messages = 9, .producers = 1},
     .lanes = {{.used = true, .alive = true, .blocked = true}}},
    {"full: 1 producer waits, held up by consumer 2 (pid 71, stopped, last at work 40 s ago), which has 4 "
     "messages",
     "full", "full", .stat = {.messages = 9, .producers = 1, .consumers = 2, .blocked = 1},
     .lanes = {{.used = true, .alive = true, .blocked = true}},
     .seats = {{ALIVE, .seat = 1, .leased = 5, .leased_ns = MINUTE},
               {ALIVE, .seat = 2, .leased = 4, .pid = STOPPED_PID, .active_ns = 40 * SECOND}}},
    {"full: 1 producer waits, held up by consumer 2 (pid 71, stopped)", "full", "full",
     .stat = {.messages = 9, .producers = 1, .consumers = 1, .blocked = 1},
     .seats = {{ALIVE, .seat = 2, .pid = STOPPED_PID, .active_ns = -1}}},
    {"full: 1 producer waits, both jobs of the consumer with pid 71 are stopped", "full", "full",
     .stat = {.messages = 9, .producers = 1, .consumers = 2, .blocked = 1},
     .seats = {{ALIVE, .leased = 4, .pid = STOPPED_PID}, {ALIVE, .seat = 1, .pid = STOPPED_PID}}},
    {"full: 2 producers wait, both consumers are busy, consumer 1 (pid 9) has had 12 messages for 3 m", "full",
     "full", .stat = {.messages = 99, .producers = 2, .consumers = 2, .blocked = 2},
     .seats = {{ALIVE, .leased = 12, .pid = 8, .leased_ns = SECOND},
               {ALIVE, .seat = 1, .pid = 9, .leased = 12, .leased_ns = 3 * MINUTE}}},
    {"full: 2 producers wait, consumer 1 (pid 9) has had 1 message for 3 m", "full", "full",
     .stat = {.messages = 99, .producers = 2, .consumers = 2, .blocked = 2}, /* the other one goes on */
     .seats = {{ALIVE, .leased = 12, .pid = 8, .leased_ns = SECOND / 2},
               {ALIVE, .seat = 1, .pid = 9, .leased = 1, .leased_ns = 3 * MINUTE}}},
    {"full: 2 producers wait, held up by consumer 1 (pid 9), which has had 1 message for 1.5 s", "full", "full",
     .stat = {.messages = 99, .leased = 1, .producers = 2, .consumers = 2, .blocked = 2}, /* the other one has
                                                                                             taken all else */
     .seats = {{ALIVE, .waiting = true}, {ALIVE, .seat = 1, .pid = 9, .leased = 1, .leased_ns = 3 * SECOND / 2}}},
    /* Room comes from the lane that is full. */
    {"full: 1 producer waits, held up by consumer 0 (pid 8), which has had 1 message for 2.0 s", "full", "full",
     .stat = {.messages = 99, .producers = 2, .consumers = 2, .blocked = 1},
     .lanes = {{.used = true, .alive = true}, {.used = true, .alive = true, .lane = 1, .blocked = true}},
     .seats = {{ALIVE, .lane = 1, .leased = 1, .pid = 8, .leased_ns = 2 * SECOND},
               {ALIVE, .lane = 0, .seat = 1, .pid = STOPPED_PID, .leased = 12, .leased_ns = 3 * MINUTE}}},
    {"full: 1 producer waits, held up by consumer 1 (pid 9, dead): nobody has taken over its 2 messages", "full",
     "full", .stat = {.messages = 99, .producers = 1, .consumers = 1, .blocked = 1},
     .seats = {{ALIVE, .leased = 1, .leased_ns = 3 * MINUTE},
               {.taken = true, .seat = 1, .pid = 9, .leased = 2, .leased_ns = MINUTE}}},
    {"full: 1 producer waits, the consumer is busy", "full", "full",
     .stat = {.messages = 99, .producers = 1, .consumers = 1, .blocked = 1},
     .seats = {{ALIVE, .leased = 1, .leased_ns = 0}}},
    {"full: 1 producer waits, both consumers are busy", "full", "full",
     .stat = {.messages = 99, .producers = 1, .consumers = 2, .blocked = 1}},
    /* Not full. */
    {"5 messages wait, no consumer is attached", "ok", "ok", .stat = {.messages = 5}},
    {"5 messages wait, no consumer is attached", "unfinished", "unfinished",
     .stat = {.messages = 5, .unfinished = 1}, .lanes = {{.used = true, .pid = 3}}},
    {"1 message waits, held up by consumer 0 (pid 71, stopped, last at work 2 h ago)", "ok", "ok",
     .stat = {.messages = 1, .consumers = 1}, .seats = {{ALIVE, .pid = STOPPED_PID, .active_ns = 125 * MINUTE}}},
    {"held up by consumer 2 (pid 71, stopped, last at work 40 s ago), which has 1 message", "ok", "ok",
     .stat = {.messages = 3, .consumers = 2},
     .seats = {{ALIVE, .waiting = true},
               {ALIVE, .seat = 2, .leased = 1, .pid = STOPPED_PID, .active_ns = 40 * SECOND}}},
    {"", "ok", "ok", .stat = {.messages = 3, .consumers = 2}, /* the other one goes on */
     .seats = {{ALIVE, .leased = 1}, {ALIVE, .seat = 2, .pid = STOPPED_PID}}},
    /* Somebody has had something for a second or more. */
    {"held up by consumer 0 (pid 8), which has had 1 message for 3 m", "ok", "ok",
     .stat = {.messages = 3, .leased = 1, .consumers = 1},
     .seats = {{ALIVE, .pid = 8, .leased = 1, .leased_ns = 3 * MINUTE}}},
    {"held up by consumer 0 (pid 8), which has had 1 message for 1.0 s", "ok", "ok",
     .stat = {.messages = 3, .leased = 1, .consumers = 1},
     .seats = {{ALIVE, .pid = 8, .leased = 1, .leased_ns = SECOND}}},
    {"", "ok", "ok", .stat = {.messages = 3, .leased = 1, .consumers = 1},
     .seats = {{ALIVE, .pid = 8, .leased = 1, .leased_ns = SECOND - 1}}},
    {"consumer 0 (pid 8) has had 1 message for 3.2 s", "ok", "ok", /* nothing waits for it */
     .stat = {.messages = 1, .leased = 1, .consumers = 2},
     .seats = {{ALIVE, .pid = 8, .leased = 1, .leased_ns = 32 * SECOND / 10},
               {ALIVE, .seat = 1, .waiting = true}}},
    {"both consumers are busy, consumer 1 (pid 9) has had 1 message for 3.2 s", "ok", "ok",
     .stat = {.messages = 5, .leased = 2, .consumers = 2},
     .seats = {{ALIVE, .pid = 8, .leased = 1, .leased_ns = SECOND},
               {ALIVE, .seat = 1, .pid = 9, .leased = 1, .leased_ns = 32 * SECOND / 10}}},
    {"both jobs of the consumer with pid 8 are busy, consumer 1 (pid 8) has had 1 message for 3.2 s", "ok", "ok",
     .stat = {.messages = 5, .leased = 2, .consumers = 2},
     .seats = {{ALIVE, .pid = 8, .leased = 1, .leased_ns = SECOND},
               {ALIVE, .seat = 1, .pid = 8, .leased = 1, .leased_ns = 32 * SECOND / 10}}},
    {"3 messages wait, all 3 jobs of the consumer with pid 71 are stopped", "ok", "ok",
     .stat = {.messages = 3, .consumers = 3},
     .seats = {{ALIVE, .pid = STOPPED_PID},
               {ALIVE, .seat = 1, .pid = STOPPED_PID},
               {ALIVE, .seat = 2, .pid = STOPPED_PID}}},
    {"", "ok", "ok", .stat = {.messages = 5, .leased = 2, .consumers = 2}, /* the other one goes on */
     .seats = {{ALIVE, .pid = 8, .leased = 1, .leased_ns = SECOND / 2},
               {ALIVE, .seat = 1, .pid = 9, .leased = 1, .leased_ns = 9 * SECOND}}},
    {"consumer 1 (pid 9) has had 1 message for 10 s", "ok", "ok",
     .stat = {.messages = 5, .leased = 2, .consumers = 2},
     .seats = {{ALIVE, .pid = 8, .leased = 1, .leased_ns = SECOND / 2},
               {ALIVE, .seat = 1, .pid = 9, .leased = 1, .leased_ns = 10 * SECOND}}},
    {"held up by consumer 1 (pid 0, left): nobody has taken over its 1 message", "ok", "ok",
     .stat = {.messages = 3, .consumers = 1}, .seats = {{ALIVE, .waiting = true}, {.seat = 1, .leased = 1}}},
    {"2 messages wait aside, the first is due in 59 m", "ok", "ok",
     .stat = {.messages = 2, .aside = 2, .consumers = 1, .aside_left_ns = 59 * MINUTE + SECOND},
     .seats = {{ALIVE, .waiting = true}, {.seat = 1, .aside = true, .leased = 1}}},
    /* The end of the stream. */
    {"producer 1 (pid 3) died before it finished (go on: 'producer --resume'; end the stream: 'monitor finish "
     "q')",
     "unfinished", "unfinished", .stat = {.unfinished = 1, .consumers = 1},
     .lanes = {{.used = true, .finished = true}, {.used = true, .lane = 1, .pid = 3}}},
    {"2 producers died before finishing (go on: 'producer --resume'; end the stream: 'monitor finish q')",
     "unfinished", "unfinished", .stat = {.unfinished = 2}},
    {"held up by producer 0 (pid 71, stopped, last at work 40 s ago)", "empty", "empty",
     .stat = {.producers = 1, .consumers = 1},
     .lanes = {{.used = true, .alive = true, .pid = STOPPED_PID, .active_ns = 40 * SECOND}}},
    {"", "empty", "empty", .stat = {.producers = 2, .consumers = 1},
     .lanes = {{.used = true, .alive = true, .pid = STOPPED_PID}, {.used = true, .alive = true, .lane = 1}}},
    /* Shut down. */
    {"", "draining", "draining", .stat = {.shut_down = SHMQ_DRAIN, .messages = 1, .consumers = 1}},
    {"1 message waits, no consumer is attached", "draining", "draining",
     .stat = {.shut_down = SHMQ_DRAIN, .messages = 1, .unfinished = 1, .fill_percent = 100}},
    {"paused: 1 message waits (see 'monitor resume q')", "paused", "paused",
     .stat = {.shut_down = SHMQ_DRAIN, .messages = 1, .paused = true}},
    {"shut down", "shut down", "shut down", .stat = {.shut_down = SHMQ_DRAIN}},
    {"shut down", "shut down", "shut down",
     .stat = {.shut_down = SHMQ_DRAIN, .paused = true, .unfinished = 1, .producers = 1}},
};

/* At the moment that a copy shows. */
#define COPY .copy = true

static const struct {
    const char *sentence;
    const char *state;
    int error;
    struct shmq_stat stat;
    struct shmq_lane_stat lanes[4];
    struct shmq_seat_stat seats[4];
} copies[] = {
    {"a copy: nothing is known to have held it up", "empty", .stat = {COPY}},
    {"a copy: nothing is known to have held it up", "ok", .stat = {COPY, .messages = 5},
     .seats = {{WAS_ALIVE, .leased = 5, .leased_ns = SECOND - 1}}},
    {"a copy: consumer 0 (pid 8), which was busy or stopped, had had 2 messages for 2.5 s", "ok",
     .stat = {COPY, .messages = 5},
     .seats = {{WAS_ALIVE, .pid = 8, .leased = 2, .leased_ns = 5 * SECOND / 2}, {WAS_ALIVE, .seat = 1}}},
    {"a copy: nothing is known to have held it up", "ok", .stat = {COPY, .messages = 5}, /* another went on */
     .seats = {{WAS_ALIVE, .pid = 8, .leased = 2, .leased_ns = 5 * SECOND / 2},
               {WAS_ALIVE, .seat = 1, .leased = 1, .leased_ns = SECOND / 2}}},
    {"a copy: 2 messages waited, and consumer 0 (pid 8) was last at work 40 s earlier", "ok",
     .stat = {COPY, .messages = 2, .oldest_ns = 3 * SECOND},
     .seats = {{WAS_ALIVE, .pid = 8, .waiting = true, .active_ns = 40 * SECOND}}},
    {"a copy: 2 messages waited, and the last of 2 consumers was last at work 3.0 s earlier", "ok",
     .stat = {COPY, .messages = 2, .oldest_ns = 3 * SECOND},
     .seats = {{WAS_ALIVE, .waiting = true, .active_ns = 40 * SECOND},
               {WAS_ALIVE, .seat = 1, .active_ns = 3 * SECOND}}},
    {"a copy: nothing is known to have held it up", "ok", /* it was perhaps about to take it */
     .stat = {COPY, .messages = 1, .oldest_ns = SECOND - 1},
     .seats = {{WAS_ALIVE, .waiting = true, .active_ns = 40 * SECOND}}},
    {"a copy: it was full: 3 producers waited, no consumer was attached", "full",
     .stat = {COPY, .messages = 5, .blocked = 3}},
    {"a copy: it was full: 1 producer waited, the consumer was busy or stopped", "full",
     .stat = {COPY, .messages = 5, .blocked = 1}, .seats = {{WAS_ALIVE, .pid = STOPPED_PID, .leased = 1}}},
    {"a copy: it was full: 1 producer waited, the consumer was busy, stopped or dead", "full",
     .stat = {COPY, .messages = 5, .blocked = 1}, .seats = {{UNKNOWN, .leased = 1}}},
    {"a copy: it was full: 1 producer waited, its 2 consumers were busy or stopped", "full",
     .stat = {COPY, .messages = 5, .blocked = 1}, .seats = {{WAS_ALIVE, .seat = 1}, {WAS_ALIVE, .seat = 2}}},
    {"a copy: it was full: 1 producer waited, consumer 2 (pid 8), which was busy, stopped or dead, had had 4 "
     "messages for 3 m",
     "full", .stat = {COPY, .messages = 5, .blocked = 1},
     .seats = {{WAS_ALIVE, .seat = 1, .leased = 1, .leased_ns = SECOND},
               {UNKNOWN, .seat = 2, .pid = 8, .leased = 4, .leased_ns = 3 * MINUTE}}},
    {"a copy: it was full: 2 producers waited, nobody had taken over 4 messages of consumer 1 (pid 8), which was "
     "dead",
     "full", .stat = {COPY, .messages = 5, .blocked = 2},
     .seats = {{WAS_ALIVE, .leased = 1, .leased_ns = MINUTE},
               {.in_copy = SHMQ_IN_COPY_GONE, .taken = true, .seat = 1, .pid = 8, .leased = 4}}},
    {"a copy: nobody had taken over 1 message of consumer 3 (pid 0), which had left", "ok",
     .stat = {COPY, .messages = 5},
     .seats = {{WAS_ALIVE, .waiting = true}, {.in_copy = SHMQ_IN_COPY_GONE, .seat = 3, .leased = 1}}},
    {"a copy: 5 messages waited, no consumer was attached", "ok", .stat = {COPY, .messages = 5}},
    {"a copy: 5 messages waited, no consumer was attached", "ok", .stat = {COPY, .messages = 5},
     .seats = {{.in_copy = SHMQ_IN_COPY_GONE, .taken = true}}},
    {"a copy: 1 message waited, and whether the consumer was alive is not known", "ok",
     .stat = {COPY, .messages = 1}, .seats = {{UNKNOWN, .leased = 1, .leased_ns = SECOND}}},
    {"a copy: 5 messages waited, and whether the consumers were alive is not known", "ok",
     .stat = {COPY, .messages = 5}, .seats = {{UNKNOWN}, {UNKNOWN, .seat = 1}}},
    {"a copy: 2 messages waited aside, the first was due in 59 m", "ok",
     .stat = {COPY, .messages = 2, .aside = 2, .aside_left_ns = 59 * MINUTE + SECOND},
     .seats = {{WAS_ALIVE, .waiting = true}, {.seat = 1, .aside = true, .leased = 1}}},
    {"a copy: it was paused: 5 messages waited, and 1 producer for room", "paused",
     .stat = {COPY, .paused = true, .messages = 5, .blocked = 1}},
    {"a copy: it was paused", "paused", .stat = {COPY, .paused = true}},
    {"a copy: it was shut down at once: 2 messages stayed undelivered", "shut down",
     .stat = {COPY, .shut_down = SHMQ_NOW, .messages = 2}},
    {"a copy: it was shut down", "shut down", .stat = {COPY, .shut_down = SHMQ_NOW}},
    {"a copy: it was removed", "removed", .stat = {COPY, .removed = true}},
    {"a copy: producer 1 (pid 3) had died before it finished", "unfinished", .stat = {COPY, .unfinished = 1},
     .lanes = {{.in_copy = SHMQ_IN_COPY_GONE, .used = true, .lane = 1, .pid = 3}}},
    {"a copy: 2 producers had died before they finished", "unfinished", .stat = {COPY, .unfinished = 2},
     .lanes = {{.in_copy = SHMQ_IN_COPY_GONE, .used = true, .lane = 1},
               {.in_copy = SHMQ_IN_COPY_GONE, .used = true}}},
    {"a copy: nothing is known to have held it up", "empty", .stat = {COPY, .unfinished = 1},
     .lanes = {{.in_copy = SHMQ_IN_COPY_UNKNOWN, .used = true, .lane = 1, .pid = STOPPED_PID}}},
    {"a copy, damaged or cut off, so this is not all of it: it was full: 1 producer waited, no consumer was "
     "attached",
     "damaged", .error = -EBADMSG, .stat = {COPY, .messages = 5, .blocked = 1}},
};

START_TEST(of_a_copy_it_says_what_held_it_up)
{
    struct snapshot snapshot = {
        .name = "q", .file = "./copy", .opened = true, .error = copies[_i].error, .stat = copies[_i].stat};
    struct shmq_lane_stat lanes[4];
    struct shmq_seat_stat seats[4];
    char text[WHY_BYTES];
    memcpy(lanes, copies[_i].lanes, sizeof(lanes));
    memcpy(seats, copies[_i].seats, sizeof(seats));
    snapshot.lanes = lanes;
    snapshot.seats = seats;
    while (snapshot.lane_count < 4 && lanes[snapshot.lane_count].used)
        snapshot.lane_count++;
    while (snapshot.seat_count < 4 && (seats[snapshot.seat_count].taken || seats[snapshot.seat_count].leased > 0))
        snapshot.seat_count++;
    looked_up = 0;
    ck_assert_str_eq(why_it_waits(&snapshot, text, sizeof(text)), copies[_i].sentence);
    ck_assert_str_eq(why_queue_word(&snapshot), copies[_i].state);
    ck_assert_uint_eq(looked_up, 0);
}
END_TEST

static void make_up(struct snapshot *snapshot, size_t index)
{
    static const struct shmq_lane_stat no_lane;
    static const struct shmq_seat_stat no_seat;
    *snapshot = (struct snapshot){.name = "q", .opened = true, .error = queues[index].error};
    snapshot->stat = queues[index].stat;
    snapshot->lanes = calloc(4, sizeof(*snapshot->lanes));
    snapshot->seats = calloc(4, sizeof(*snapshot->seats));
    ck_assert_ptr_nonnull(snapshot->lanes);
    ck_assert_ptr_nonnull(snapshot->seats);
    memcpy(snapshot->lanes, queues[index].lanes, 4 * sizeof(*snapshot->lanes));
    memcpy(snapshot->seats, queues[index].seats, 4 * sizeof(*snapshot->seats));
    while (snapshot->lane_count < 4 &&
           memcmp(&snapshot->lanes[snapshot->lane_count], &no_lane, sizeof(no_lane)) != 0)
        snapshot->lane_count++;
    while (snapshot->seat_count < 4 &&
           memcmp(&snapshot->seats[snapshot->seat_count], &no_seat, sizeof(no_seat)) != 0)
        snapshot->seat_count++;
}

START_TEST(the_sentence_says_what_holds_it_up)
{
    char text[WHY_BYTES];
    char state[WHY_STATE_BYTES];
    struct snapshot snapshot;
    make_up(&snapshot, (size_t)_i);
    ck_assert_str_eq(why_it_waits(&snapshot, text, sizeof(text)), queues[_i].sentence);
    ck_assert_str_eq(why_queue_word(&snapshot), queues[_i].word);
    ck_assert_str_eq(why_queue_state(&snapshot, state, sizeof(state)), queues[_i].state);
    snapshot_free(&snapshot);
}
END_TEST

START_TEST(a_short_buffer_cuts_the_sentence)
{
    struct snapshot snapshot;
    char text[64];
    make_up(&snapshot, 13);
    for (size_t size = 1; size < sizeof(text); size++) {
        memset(text, 'x', sizeof(text));
        why_it_waits(&snapshot, text, size);
        ck_assert_uint_lt(strlen(text), size);
        ck_assert_int_eq(text[size], 'x');
    }
    snapshot_free(&snapshot);
}
END_TEST

/* ------------------------------------------------------------------ real processes */

static void wait_for_order(void *context)
{
    if (context != NULL)
        process_require_equal(prctl(PR_SET_NAME, context), 0);
    process_report(1);
    (void)process_await_order();
}

static void end_it(struct process *process)
{
    process_order(process, 1);
    process_expect_success(process);
}

START_TEST(a_stopped_process_is_told_from_one_that_runs)
{
    struct process process;
    made_up = false;
    process_start(&process, wait_for_order, NULL);
    (void)process_hear(&process);
    const char *name = "unit_why";
    const pid_t pid = process.pid;
    ck_assert_int_eq(process_state_of(process.pid, name), PROCESS_RUNS);
    process_stop(&process);
    ck_assert_int_eq(process_state_of(process.pid, name), PROCESS_STOPPED);
    ck_assert_int_eq(process_state_of(process.pid, "another"), PROCESS_UNKNOWN);
    ck_assert_int_eq(process_state_of(process.pid, "unit_wh"), PROCESS_UNKNOWN);
    process_continue(&process);
    ck_assert_int_eq(process_state_of(process.pid, name), PROCESS_RUNS);
    end_it(&process);
    ck_assert_int_eq(process_state_of(pid, name), PROCESS_GONE);
    ck_assert_int_eq(process_state_of(0, name), PROCESS_UNKNOWN);
    ck_assert_int_eq(process_state_of(-1, name), PROCESS_UNKNOWN);
}
END_TEST

START_TEST(a_dead_process_that_nobody_has_collected_is_gone)
{
    siginfo_t info;
    made_up = false;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(process_state_of(pid, "unit_why"), PROCESS_GONE);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(a_traced_process_is_told)
{
    struct process process;
    int status;
    made_up = false;
    process_start(&process, wait_for_order, NULL);
    (void)process_hear(&process);
    if (ptrace(PTRACE_SEIZE, process.pid, NULL, NULL) != 0) {
        test_skip("this process may trace nobody");
    } else {
        ck_assert_int_eq(process_state_of(process.pid, "unit_why"), PROCESS_RUNS);
        ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, process.pid, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(process.pid, &status, __WALL), process.pid);
        ck_assert_int_eq(process_state_of(process.pid, "unit_why"), PROCESS_TRACED);
        ck_assert_int_eq(ptrace(PTRACE_DETACH, process.pid, NULL, NULL), 0);
    }
    end_it(&process);
}
END_TEST

/* As the library records them: cut after 15 bytes, and with '?' for what cannot be printed. */
static const struct {
    const char *name;
    const char *recorded;
} names[] = {
    {"a) T 1 (b", "a) T 1 (b"},     {"two words", "two words"},     {"new\nline", "new?line"},
    {"back\\slash", "back\\slash"}, {"\xc3\xa9t\xc3\xa9", "??t??"}, {"fifteen letters!", "fifteen letters"},
};

START_TEST(any_name_is_recognised)
{
    struct process process;
    char name[32];
    made_up = false;
    snprintf(name, sizeof(name), "%s", names[_i].name);
    process_start(&process, wait_for_order, name);
    (void)process_hear(&process);
    ck_assert_int_eq(process_state_of(process.pid, names[_i].recorded), PROCESS_RUNS);
    process_stop(&process);
    ck_assert_int_eq(process_state_of(process.pid, names[_i].recorded), PROCESS_STOPPED);
    process_continue(&process);
    end_it(&process);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("parties"),
    TEST_EACH(a_producer_is_in_one_state, COUNT(producers)),
    TEST_EACH(a_consumer_is_in_one_state, COUNT(consumers)),
    TEST(each_state_has_a_text_and_a_short_word),
    TEST_GROUP("queue"),
    TEST_EACH(the_sentence_says_what_holds_it_up, COUNT(queues)),
    TEST(a_short_buffer_cuts_the_sentence),
    TEST_EACH(of_a_copy_it_says_what_held_it_up, COUNT(copies)),
    TEST_GROUP("processes"),
    TEST(a_stopped_process_is_told_from_one_that_runs),
    TEST(a_dead_process_that_nobody_has_collected_is_gone),
    TEST(a_traced_process_is_told),
    TEST_EACH(any_name_is_recognised, COUNT(names)),
};
TEST_SUITE("why", tests, .seconds = 10);
