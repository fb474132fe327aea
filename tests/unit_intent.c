/* SPDX-License-Identifier: MIT */
/*
 * Write intents: what a dead consumer was writing is found by whoever locks the file next, with the messages that
 * it was writing as long as nobody has acknowledged them.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "common/handle.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define DEVICE 5
#define INODE 77
#define OTHER_INODE 78
#define FORMAT 9
#define SEATS 4
#define MESSAGES 12
#define NOTHING UINT64_MAX

static char queue[SHMQ_NAME_MAX + 1];

static const struct shmq_options small_queue = {
    .create = true, .capacity_bytes = 4096, .lanes = 2, .seats = SEATS, .prefetch = 6, .follow = true};

static int64_t patience_ns(void)
{
    return process_patience_ms() * 1000000;
}

static void use_queue(const char *test)
{
    (void)snprintf(queue, sizeof(queue), "%s", test_queue_name(test));
    ck_assert_uint_eq(test_queue_leftovers(queue), 0);
}

/* A queue with numbers from 1 on. */
static void make_queue(const char *test)
{
    use_queue(test);
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small_queue);
    for (uint64_t i = 1; i <= MESSAGES; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
}

static struct shmq *open_consumer(void)
{
    return test_queue_open(queue, SHMQ_CONSUMER, &small_queue);
}

static struct shmq_write_intent intent_for(uint64_t inode, uint32_t count)
{
    return (struct shmq_write_intent){.device = DEVICE,
                                      .inode = inode,
                                      .offset = 1000,
                                      .bytes = UINT64_C(9) * count,
                                      .format = FORMAT,
                                      .count = count};
}

/* ------------------------------------------------------------------ who dies with an intent */

/* What a child does before it is killed. */
struct plan {
    uint32_t lease;       /* messages that it leases */
    uint32_t acknowledge; /* of these, before */
    bool hold;            /* the one left, in the seat's buffer */
    uint64_t inode;
    uint32_t count; /* of the intent */
    bool clear;     /* again */
};

static void lease_numbers(struct shmq *handle, uint32_t count, struct shmq_message *last)
{
    uint64_t number;
    for (uint32_t i = 0; i < count; i++)
        process_require_equal(test_queue_lease(handle, &number, last, patience_ns()), 0);
}

static void follow_plan(void *context)
{
    const struct plan *plan = context;
    struct shmq_options options = small_queue;
    struct shmq_message last;
    struct shmq *handle;
    options.prefetch = plan->hold ? plan->lease : options.prefetch;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    lease_numbers(handle, plan->lease, &last);
    process_require_equal(shmq_acknowledge(handle, plan->acknowledge), 0);
    if (plan->hold)
        process_require_equal(shmq_hold(handle, &last), 0);
    const struct shmq_write_intent intent = intent_for(plan->inode, plan->count);
    process_require_equal(shmq_set_write_intent(handle, &intent), 0);
    if (plan->clear)
        process_require_equal(shmq_set_write_intent(handle, NULL), 0);
    process_report(0);
    (void)process_await_order();
}

static void die_with(struct plan plan)
{
    struct process process;
    process_start(&process, follow_plan, &plan);
    (void)process_hear(&process);
    process_kill(&process);
}

/* ------------------------------------------------------------------ what is found */

struct visits {
    struct shmq *handle;
    uint32_t times;
    struct shmq_write_intent intent; /* the last one's */
    uint64_t first;                  /* number; NOTHING: no messages */
    size_t count;
    uint32_t attempts;
    bool held;                   /* shmq_intent_holds at the end */
    void (*meanwhile)(void *of); /* NULL: nothing */
    void *of;
    int result;
};

static int look(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                size_t count)
{
    struct visits *visits = context;
    visits->times++;
    visits->intent = *intent;
    visits->count = count;
    visits->first = NOTHING;
    ck_assert_int_eq(messages == NULL, count == 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t number;
        ck_assert_uint_eq(messages[i].length, sizeof(number));
        ck_assert(messages[i].redelivered);
        memcpy(&number, messages[i].data, sizeof(number));
        visits->first = i == 0 ? number : visits->first;
        ck_assert_uint_eq(number, visits->first + i);
        ck_assert_uint_eq(messages[i].stream_offset, (number - 1) * sizeof(number));
    }
    visits->attempts = count > 0 ? messages[0].attempts : 0;
    if (visits->meanwhile != NULL)
        visits->meanwhile(visits->of);
    visits->held = shmq_intent_holds(visits->handle);
    return visits->result;
}

/* Visits those of a file. Return: what was seen. */
static struct visits visit(struct shmq *handle, uint64_t inode)
{
    struct visits visits = {.handle = handle};
    ck_assert_int_eq(shmq_visit_write_intents(handle, DEVICE, inode, look, &visits), 0);
    ck_assert(!shmq_intent_holds(handle));
    return visits;
}

static void expect_one(struct visits visits, uint32_t count, uint64_t first, size_t messages)
{
    const struct shmq_write_intent expected = intent_for(INODE, count);
    ck_assert_uint_eq(visits.times, 1);
    ck_assert_uint_eq(visits.intent.device, expected.device);
    ck_assert_uint_eq(visits.intent.inode, expected.inode);
    ck_assert_uint_eq(visits.intent.offset, expected.offset);
    ck_assert_uint_eq(visits.intent.bytes, expected.bytes);
    ck_assert_uint_eq(visits.intent.format, expected.format);
    ck_assert_uint_eq(visits.intent.count, expected.count);
    ck_assert_uint_eq(visits.first, first);
    ck_assert_uint_eq(visits.count, messages);
    ck_assert_int_eq(visits.held, messages > 0);
}

START_TEST(first_lease_of_a_dead_consumer_is_found)
{
    make_queue("first");
    die_with((struct plan){.lease = 4, .inode = INODE, .count = 3});
    struct shmq *consumer = open_consumer();
    ck_assert_uint_eq(visit(consumer, OTHER_INODE).times, 0);
    expect_one(visit(consumer, INODE), 3, 1, 3);
    ck_assert_uint_eq(visit(consumer, INODE).times, 0); /* settled */
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("intent");
    TCase *found = tcase_create("found");
    tcase_add_test(found, first_lease_of_a_dead_consumer_is_found);
    suite_add_tcase(suite, found);
    test_queue_begin();
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    test_queue_end();
    return failed != 0;
}
