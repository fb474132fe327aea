/* SPDX-License-Identifier: MIT */
/* What becomes of a message that fails, and the headers that tell its history. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/cli/dead_letter_name.h"
#include "common/cli/headers.h"
#include "common/shmq.h"
#include "consumer/aside_note.h"
#include "consumer/environment.h"
#include "consumer/policy.h"
#include "tests/support/harness.h"

static char block[SHMQ_HEADERS_MAX];
static struct history history;

static void begin(void)
{
    history = (struct history){.id = "id-1",
                               .queue = "jobs",
                               .reason = "exit status 1",
                               .attempts = 4,
                               .first_ns = 0,
                               .last_ns = 1500000000};
}

static void expect_block(const char *headers, const char *expected)
{
    const size_t bytes = headers_write_history(block, headers, headers != NULL ? strlen(headers) : 0, &history);
    ck_assert_msg(bytes == strlen(expected) && memcmp(block, expected, bytes) == 0, "%.*s", (int)bytes, block);
}

START_TEST(exit_statuses_are_verdicts)
{
    ck_assert_int_eq(policy_judge(W_EXITCODE(0, 0), false), VERDICT_DONE);
    ck_assert_int_eq(policy_judge(W_EXITCODE(65, 0), false), VERDICT_REJECTED);
    ck_assert_int_eq(policy_judge(W_EXITCODE(75, 0), false), VERDICT_DEFERRED);
    ck_assert_int_eq(policy_judge(W_EXITCODE(1, 0), false), VERDICT_FAILED);
    ck_assert_int_eq(policy_judge(W_EXITCODE(0, 9), false), VERDICT_FAILED);
    ck_assert_int_eq(policy_judge(W_EXITCODE(0, 0), true), VERDICT_FAILED);
    ck_assert_int_eq(policy_judge(W_EXITCODE(65, 0), true), VERDICT_FAILED);
}
END_TEST

START_TEST(so_many_retries_and_one_more_execution)
{
    ck_assert_int_eq(policy_decide(VERDICT_DONE, 9, 3), DECISION_ACKNOWLEDGE);
    ck_assert_int_eq(policy_decide(VERDICT_FAILED, 3, 3), DECISION_RETRY);
    ck_assert_int_eq(policy_decide(VERDICT_FAILED, 4, 3), DECISION_GIVE_UP);
    ck_assert_int_eq(policy_decide(VERDICT_FAILED, 1, 0), DECISION_GIVE_UP);
    ck_assert_int_eq(policy_decide(VERDICT_REJECTED, 1, 3), DECISION_GIVE_UP);
    ck_assert_int_eq(policy_decide(VERDICT_DEFERRED, 3, 3), DECISION_RETRY);
    ck_assert(!policy_is_spent(3, 3));
    ck_assert(policy_is_spent(4, 3));
}
END_TEST

START_TEST(pauses_double_up_to_the_longest)
{
    ck_assert_int_eq(policy_longer_pause(10, 100), 20);
    ck_assert_int_eq(policy_longer_pause(50, 100), 100);
    ck_assert_int_eq(policy_longer_pause(60, 100), 100);
    ck_assert_int_eq(policy_longer_pause(INT64_MAX, INT64_MAX), INT64_MAX);
}
END_TEST

START_TEST(a_history_is_six_headers)
{
    expect_block(NULL, "Shmq-Id: id-1\nShmq-Attempts: 4\nShmq-Reason: exit status 1\n"
                       "Shmq-First: 1970-01-01T00:00:00.000Z\nShmq-Last: 1970-01-01T00:00:01.500Z\n"
                       "Shmq-Queue: jobs\n");
}
END_TEST

START_TEST(others_stay_and_ours_are_replaced_but_for_the_id_and_the_origin)
{
    expect_block("Color: red\nshmq-id:  first \nSHMQ-Reason: old\nshmq-anything: x\nShape:none\n"
                 "Shmq-File: a\nShmq-Offset: 1\nShmq-Peer-Pid: 2\nShmq-Peer-Uid: 3\nShmq-Filed: x\n",
                 "Shmq-Id: first\nShmq-Attempts: 4\nShmq-Reason: exit status 1\n"
                 "Shmq-First: 1970-01-01T00:00:00.000Z\nShmq-Last: 1970-01-01T00:00:01.500Z\n"
                 "Shmq-Queue: jobs\nColor: red\nShape:none\n"
                 "Shmq-File: a\nShmq-Offset: 1\nShmq-Peer-Pid: 2\nShmq-Peer-Uid: 3\n");
}
END_TEST

START_TEST(a_reason_is_one_line)
{
    char line[600];
    size_t length;
    memset(line, 'x', sizeof(line));
    line[599] = '\0';
    history.reason = line;
    size_t bytes = headers_write_history(block, NULL, 0, &history);
    (void)shmq_header_value(block, bytes, "Shmq-Reason", &length);
    ck_assert_uint_eq(length, 200);
    history.reason = "one\nEvil: two";
    bytes = headers_write_history(block, NULL, 0, &history);
    ck_assert_ptr_null(shmq_header_value(block, bytes, "Evil", &length));
    (void)shmq_header_value(block, bytes, "Shmq-Reason", &length);
    ck_assert_uint_eq(length, 3);
}
END_TEST

START_TEST(the_longest_history_has_room)
{
    char queue[SHMQ_NAME_MAX + 1];
    char reason[400];
    char id[SHMQ_ID_SIZE];
    memset(queue, 'q', sizeof(queue));
    memset(reason, 'r', sizeof(reason));
    memset(id, 'i', sizeof(id));
    queue[SHMQ_NAME_MAX] = reason[399] = id[SHMQ_ID_SIZE - 1] = '\0';
    history = (struct history){.id = id,
                               .queue = queue,
                               .reason = reason,
                               .attempts = UINT32_MAX,
                               .first_ns = INT64_MAX,
                               .last_ns = INT64_MAX};
    /* The block stands in whole cells, with a prefix of 16 bytes. */
    const size_t bytes = headers_write_history(block, NULL, 0, &history);
    ck_assert_uint_le((bytes + 16 + 63) / 64 * 64, HEADERS_HISTORY_BYTES - 64);
}
END_TEST

START_TEST(what_does_not_fit_is_left_out)
{
    static char headers[SHMQ_HEADERS_MAX];
    size_t length;
    memset(headers, 'a', sizeof(headers));
    memcpy(headers, "Long: ", 6);
    headers[SHMQ_HEADERS_MAX - 11] = '\n';
    memcpy(headers + SHMQ_HEADERS_MAX - 10, "Small: xx\n", 10);
    const size_t bytes = headers_write_history(block, headers, sizeof(headers), &history);
    ck_assert_uint_lt(bytes, HEADERS_HISTORY_BYTES);
    ck_assert_ptr_null(shmq_header_value(block, bytes, "Long", &length));
    ck_assert_ptr_nonnull(shmq_header_value(block, bytes, "Small", &length));
}
END_TEST

START_TEST(headers_of_users_are_checked)
{
    ck_assert_ptr_null(headers_check("Name: value"));
    ck_assert_ptr_null(headers_check("x-y:"));
    ck_assert_ptr_nonnull(headers_check(""));
    ck_assert_ptr_nonnull(headers_check("Name"));
    ck_assert_ptr_nonnull(headers_check(": value"));
    ck_assert_ptr_nonnull(headers_check("a b: c"));
    ck_assert_ptr_nonnull(headers_check("a: b\nc: d"));
    ck_assert_ptr_nonnull(headers_check("a: b\r"));
    ck_assert_ptr_nonnull(headers_check("shmq-id: 1"));
}
END_TEST

static const char *variable(const struct environment *environment, const char *name)
{
    const size_t length = strlen(name);
    for (size_t i = 0; environment->entries[i] != NULL; i++) {
        if (strncmp(environment->entries[i], name, length) == 0 && environment->entries[i][length] == '=')
            return environment->entries[i] + length + 1;
    }
    return NULL;
}

START_TEST(headers_are_variables)
{
    static const char headers[] = "x-y.z: \t one \nX_Y_Z: two\nEmpty:\nA:b:c\n";
    struct environment environment;
    ck_assert_int_eq(setenv("SHMQ_HEADER_OLD", "x", 1), 0);
    ck_assert_int_eq(environment_init(&environment), 0);
    ck_assert_ptr_null(variable(&environment, "SHMQ_HEADER_OLD"));
    ck_assert_str_eq(variable(&environment, "PATH"), getenv("PATH"));
    ck_assert_int_eq(environment_add_headers(&environment, headers, strlen(headers)), 0);
    ck_assert_str_eq(variable(&environment, "SHMQ_HEADER_X_Y_Z"), "one");
    ck_assert_str_eq(variable(&environment, "SHMQ_HEADER_EMPTY"), "");
    ck_assert_str_eq(variable(&environment, "SHMQ_HEADER_A"), "b:c");
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(environment_add(&environment, "MANY_%d=x", i), 0);
    ck_assert_str_eq(variable(&environment, "MANY_99"), "x");
    environment_reset(&environment);
    ck_assert_ptr_null(variable(&environment, "SHMQ_HEADER_A"));
    ck_assert_ptr_null(variable(&environment, "MANY_99"));
    environment_free(&environment);
}
END_TEST

START_TEST(the_queue_of_dead_letters_has_a_name)
{
    char text[DEAD_LETTER_NAME_BYTES];
    char name[SHMQ_NAME_MAX + 1];
    ck_assert_str_eq(dead_letter_name("jobs", NULL, text), "jobs.dead");
    ck_assert_str_eq(dead_letter_name("jobs", "x", text), "x");
    ck_assert_ptr_null(dead_letter_name("jobs", "none", text));
    ck_assert_ptr_null(dead_letter_name("jobs.dead", NULL, text));
    ck_assert_str_eq(dead_letter_name("jobs.dead", "x", text), "x");
    memset(name, 'n', sizeof(name));
    name[SHMQ_NAME_MAX] = '\0';
    ck_assert_uint_eq(strlen(dead_letter_name(name, NULL, text)), SHMQ_NAME_MAX + 5);
}
END_TEST

START_TEST(a_note_is_read_as_it_was_written)
{
    const struct aside_note written = {.first_failure_ns = 5, .last_failure_ns = 7, .pause_ns = 100};
    struct aside_note read;
    uint64_t words[SHMQ_ASIDE_WORDS];
    aside_note_write(words, &written);
    ck_assert(aside_note_read(&read, words));
    ck_assert_mem_eq(&read, &written, sizeof(read));
}
END_TEST

START_TEST(a_note_that_makes_no_sense_says_nothing)
{
    const struct aside_note written = {.first_failure_ns = 5, .last_failure_ns = 7, .pause_ns = 100};
    static const uint64_t bad[SHMQ_ASIDE_WORDS][2] = {
        {0, 1}, {UINT64_MAX, 8}, {UINT64_MAX, 4}, {UINT64_MAX, (uint64_t)SHMQ_ASIDE_DELAY_MAX_NS + 1}};
    const struct aside_note nothing = {0};
    for (size_t i = 0; i < SHMQ_ASIDE_WORDS; i++) {
        for (size_t j = 0; j < 2; j++) {
            struct aside_note read = written;
            uint64_t words[SHMQ_ASIDE_WORDS];
            aside_note_write(words, &written);
            words[i] = bad[i][j];
            ck_assert(!aside_note_read(&read, words));
            ck_assert_mem_eq(&read, &nothing, sizeof(read));
        }
    }
}
END_TEST

static const struct test tests[] = {
    TEST(a_note_is_read_as_it_was_written),
    TEST(a_note_that_makes_no_sense_says_nothing),
    TEST(exit_statuses_are_verdicts),
    TEST(so_many_retries_and_one_more_execution),
    TEST(pauses_double_up_to_the_longest),
    TEST(a_history_is_six_headers),
    TEST(others_stay_and_ours_are_replaced_but_for_the_id_and_the_origin),
    TEST(a_reason_is_one_line),
    TEST(the_longest_history_has_room),
    TEST(what_does_not_fit_is_left_out),
    TEST(headers_of_users_are_checked),
    TEST(headers_are_variables),
    TEST(the_queue_of_dead_letters_has_a_name),
};

TEST_SUITE("consumer_policy", tests, .set_up = begin);
