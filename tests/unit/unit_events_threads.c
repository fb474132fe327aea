/* SPDX-License-Identifier: MIT */
/* The flight recorder with many writers and readers at once. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/core/layout.h"
#include "common/queue/events.h"
#include "common/queue/observe.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define WRITERS 4
#define READERS 2
#define EVENTS_EACH 400000
#define RECENT 8 /* events that are probably being written */

static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;
static const struct shmq_options new_queue = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096};

static _Atomic int writing;

/* A value from which a mixture of two events would differ. */
static uint64_t value_of(uint32_t writer, uint32_t count)
{
    return ((uint64_t)writer << 32 | count) * UINT64_C(0x9e3779b97f4a7c15);
}

static void *write_many(void *context)
{
    const uint32_t writer = (uint32_t)(uintptr_t)context;
    struct shmq *handle;
    ck_assert_int_eq(observe_open(&handle, queue), 0);
    for (uint32_t i = 0; i < EVENTS_EACH; i++)
        events_record_about(handle, SHMQ_EVENT_DROPPED, (enum shmq_party)(1 + writer % 4), i * WRITERS + writer,
                            value_of(writer, i));
    ck_assert_int_eq(shmq_close(handle), 0);
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

struct reading {
    uint64_t next[WRITERS]; /* the least count that each writer may show next */
    uint64_t number_plus1;
    uint64_t whole;
    uint64_t unreadable;
};

static int judge(void *context, const struct shmq_event *event)
{
    struct reading *reading = context;
    ck_assert_uint_gt(event->number + 1, reading->number_plus1);
    reading->number_plus1 = event->number + 1;
    reading->unreadable += event->kind == SHMQ_EVENT_UNREADABLE;
    if (event->kind != SHMQ_EVENT_DROPPED)
        return 0;
    const uint32_t writer = event->about % WRITERS;
    const uint32_t count = event->about / WRITERS;
    ck_assert_uint_eq(event->value, value_of(writer, count));
    ck_assert_uint_eq(event->about_party, 1 + writer % 4);
    ck_assert_uint_ge(count, reading->next[writer]);
    reading->next[writer] = count + 1;
    reading->whole++;
    return 0;
}

/* Reads mostly those that are just being written. */
static void *read_on(void *context)
{
    uint64_t *whole = context;
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    for (unsigned i = 0; atomic_load(&writing) > 0; i++) {
        struct reading reading = {0};
        const uint64_t end = atomic_load(&observer->header->events);
        const uint64_t from = i % 16 == 0 || end < RECENT ? 0 : end - RECENT;
        ck_assert_int_eq(shmq_events(observer, from, judge, &reading), 0);
        *whole += reading.whole;
    }
    ck_assert_int_eq(shmq_close(observer), 0);
    return NULL;
}

START_TEST(each_event_comes_whole_and_in_order_or_not_at_all)
{
    pthread_t threads[WRITERS + READERS];
    uint64_t whole[READERS] = {0};
    use_queue("writers");
    ck_assert_int_eq(shmq_create(queue, &new_queue), 0);
    atomic_store(&writing, WRITERS);
    for (uintptr_t i = 0; i < WRITERS + READERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, i < WRITERS ? write_many : read_on,
                                        i < WRITERS ? (void *)i : (void *)&whole[i - WRITERS]),
                         0);
    for (size_t i = 0; i < COUNT(threads); i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < READERS; i++)
        ck_assert_uint_gt(whole[i], 0);

    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    struct reading last = {0};
    ck_assert_int_eq(shmq_events(observer, 0, judge, &last), 0);
    ck_assert_uint_eq(test_queue_stat(queue).events, 1 + WRITERS * EVENTS_EACH);
    ck_assert_uint_eq(last.whole + last.unreadable, EVENTS);
    /* A writer that was held up spoils at most one slot of the last ones. */
    ck_assert_uint_le(last.unreadable, WRITERS);
    ck_assert_int_eq(shmq_close(observer), 0);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("many writers"),
    TEST(each_event_comes_whole_and_in_order_or_not_at_all),
};
TEST_SUITE("events with threads", tests, .seconds = 20);
