/* SPDX-License-Identifier: MIT */
/* What the histogram says of the time in queue is right, however messages are put and taken. The clock is the
 * test's: each message tells when it was put, and time passes only where the test says so. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cli/percentile.h"
#include "common/core/marks.h"
#include "common/kernel/clock.h"
#include "common/queue/handle.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/test_queue.h"

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define TICK_NS (4 * MS)
#define MESSAGES_MAX 200000u
#define PARTIES_MAX 4u

/* ------------------------------------------------------------------ the clock */

static int64_t now_ns;
static void (*on_coarse)(void); /* called after the coarse clock was read, before the caller goes on */

/* Instead of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, time);
    if (now_ns == 0) {
        (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, time);
        now_ns = time->tv_sec * SECOND;
    }
    const int64_t ns = clock == CLOCK_MONOTONIC ? now_ns : now_ns / TICK_NS * TICK_NS;
    *time = (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
    if (clock == CLOCK_MONOTONIC_COARSE && on_coarse != NULL)
        on_coarse();
    return 0;
}

/* ------------------------------------------------------------------ putting and taking */

enum gaps { EVENLY, BURSTS, RANDOMLY };
enum way { BY_LEASE, BY_GET, BY_MANY, BY_LEASE_OF_SEVERAL };

struct load {
    const char *what;
    uint64_t capacity;
    uint32_t size; /* of a message, in bytes; at least 8 */
    uint32_t producers;
    uint32_t consumers;
    uint32_t prefetch;
    uint32_t count; /* messages of a round */
    uint32_t rounds;
    enum gaps gaps;
    int64_t gap_ns; /* between two puts, on average */
    enum way way;
    int64_t work_ns; /* for each message */
};

static struct shmq *producers[PARTIES_MAX];
static struct shmq *consumers[PARTIES_MAX];
static int64_t truth[MESSAGES_MAX];
static uint32_t taken;
static uint64_t counts[SHMQ_LATENCY_BUCKETS];

static void open_all(const struct load *load)
{
    struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS,
                                   .create = true,
                                   .capacity_bytes = load->capacity,
                                   .max_message_bytes = load->size < 64 ? 64 : load->size,
                                   .lanes = PARTIES_MAX,
                                   .seats = PARTIES_MAX,
                                   .prefetch = load->prefetch};
    taken = 0;
    on_coarse = NULL;
    use_queue("time");
    for (uint32_t i = 0; i < load->producers; i++)
        producers[i] = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (uint32_t i = 0; i < load->consumers; i++)
        consumers[i] = test_queue_open(queue, SHMQ_CONSUMER, &options);
}

static void close_all(const struct load *load)
{
    for (uint32_t i = 0; i < load->producers; i++)
        ck_assert_int_eq(shmq_close(producers[i]), 0);
    for (uint32_t i = 0; i < load->consumers; i++)
        ck_assert_int_eq(shmq_close(consumers[i]), 0);
}

static int64_t gap_before(const struct load *load, uint32_t number)
{
    static uint64_t random = 1;
    if (load->gaps == EVENLY)
        return load->gap_ns;
    if (load->gaps == BURSTS)
        return number % 100 == 0 ? 100 * load->gap_ns : 0;
    random = random * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((random >> 33) % 2000 * (uint64_t)load->gap_ns / 1000);
}

static bool put_one(const struct load *load, uint32_t number)
{
    static unsigned char payload[1 << 18];
    now_ns += gap_before(load, number);
    memcpy(payload, &now_ns, sizeof(now_ns));
    return shmq_put(producers[number % load->producers], payload, load->size, 0) == 0;
}

/* @payload: of a message that is acknowledged now. */
static void note(const void *payload)
{
    int64_t put_ns;
    memcpy(&put_ns, payload, sizeof(put_ns));
    ck_assert_uint_lt(taken, MESSAGES_MAX);
    truth[taken++] = now_ns - put_ns;
}

/* Leases all that the prefetch gives, and acknowledges @at_once of it at a time. */
static bool take_leased(const struct load *load, struct shmq *consumer, size_t at_once)
{
    static struct shmq_message messages[SHMQ_PREFETCH_MAX];
    size_t count;
    const int error = shmq_lease_many(consumer, messages, SHMQ_PREFETCH_MAX, &count, 0);
    ck_assert(error == 0 || error == -EAGAIN);
    for (size_t i = 0; error == 0 && i < count; i += at_once) {
        const size_t some = count - i < at_once ? count - i : at_once;
        now_ns += (int64_t)some * load->work_ns;
        for (size_t k = 0; k < some; k++)
            note(messages[i + k].data);
        ck_assert_int_eq(shmq_acknowledge(consumer, some), 0);
    }
    return error == 0;
}

static bool take_some(const struct load *load, struct shmq *consumer)
{
    static unsigned char payload[1 << 18];
    size_t length;
    if (load->way == BY_MANY)
        return take_leased(load, consumer, SHMQ_PREFETCH_MAX);
    if (load->way != BY_GET)
        return take_leased(load, consumer, load->way == BY_LEASE ? 1 : 7);
    const int error = shmq_get(consumer, payload, sizeof(payload), &length, 0);
    ck_assert(error == 0 || error == -EAGAIN);
    if (error == 0)
        note(payload);
    now_ns += load->work_ns;
    return error == 0;
}

/* Return: whether there was anything. */
static bool take_by_turns(const struct load *load)
{
    bool any = false;
    for (uint32_t i = 0; i < load->consumers; i++)
        any |= take_some(load, consumers[i]);
    return any;
}

/* ------------------------------------------------------------------ comparing */

static int compare(const void *one, const void *other)
{
    const int64_t a = *(const int64_t *)one;
    const int64_t b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void expect_truth(const struct load *load)
{
    static const double percents[] = {5, 10, 25, 50, 75, 90, 95, 99, 100};
    uint64_t sum = 0;
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_latency(observer, UINT32_MAX, counts), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    for (int i = 0; i < SHMQ_LATENCY_BUCKETS; i++)
        sum += counts[i];
    ck_assert_uint_eq(sum, taken);
    qsort(truth, taken, sizeof(truth[0]), compare);
    for (size_t i = 0; i < COUNT(percents); i++) {
        const int64_t got = (int64_t)percentile_ms(counts, percents[i]);
        /* A neighbour may be on the other side of a gap. */
        const uint32_t at = (uint32_t)((double)(taken - 1) * percents[i] / 100);
        const uint32_t near = taken / 50 + 1;
        const int64_t least = truth[at > near ? at - near : 0] / MS;
        const int64_t most = truth[at + near < taken ? at + near : taken - 1] / MS;
        ck_assert_msg(got >= least - least / 10 - 9 && got <= most + most / 10 + 9,
                      "%s: %g %% in %ld ms, not in %ld to %ld", load->what, percents[i], (long)got, (long)least,
                      (long)most);
    }
}

/* ------------------------------------------------------------------ backlogs */

static const struct load backlogs[] = {
    {"50 a second, at once", 1 << 20, 8, 1, 1, 1, 90, 1, EVENLY, 20 * MS, BY_LEASE, 0},
    {"50 a second, a batch", 1 << 20, 8, 1, 1, 256, 90, 1, EVENLY, 20 * MS, BY_MANY, 0},
    {"50 a second, by get", 1 << 20, 8, 1, 1, 16, 90, 1, EVENLY, 20 * MS, BY_GET, 0},
    {"one in 2 s", 1 << 20, 8, 1, 1, 1, 300, 1, EVENLY, 2 * SECOND, BY_LEASE, 0},
    {"1000 a second", 1 << 20, 8, 1, 1, 1, 10000, 1, EVENLY, MS, BY_LEASE, 0},
    {"1000 a second, batches", 1 << 20, 8, 1, 1, 1024, 16000, 1, EVENLY, MS, BY_MANY, 0},
    {"1000 a second, small batches", 1 << 20, 8, 1, 1, 16, 16000, 1, EVENLY, MS, BY_MANY, 100},
    {"100,000 a second", 4 << 20, 8, 1, 1, 256, 60000, 1, EVENLY, 10 * US, BY_MANY, 100},
    {"bursts", 1 << 20, 8, 1, 1, 1, 10000, 1, BURSTS, MS, BY_LEASE, 0},
    {"bursts, batches", 1 << 20, 8, 1, 1, 256, 10000, 1, BURSTS, MS, BY_MANY, 0},
    {"randomly", 1 << 20, 8, 1, 1, 32, 10000, 1, RANDOMLY, 3 * MS, BY_LEASE, US},
    {"drained slowly", 1 << 20, 8, 1, 1, 1, 500, 1, EVENLY, 10 * MS, BY_LEASE, 30 * MS},
    {"drained slowly, batches", 1 << 20, 8, 1, 1, 64, 500, 1, EVENLY, 10 * MS, BY_MANY, 3 * MS},
    {"drained slowly, one by one of a batch", 1 << 20, 8, 1, 1, 64, 512, 1, EVENLY, 10 * MS, BY_LEASE, 30 * MS},
    {"drained slowly, by get", 1 << 20, 8, 1, 1, 64, 512, 1, EVENLY, 10 * MS, BY_GET, 30 * MS},
    {"drained slowly, seven at a time", 1 << 20, 8, 1, 1, 63, 504, 1, EVENLY, 10 * MS, BY_LEASE_OF_SEVERAL,
     30 * MS},
    {"several lanes", 1 << 20, 8, 4, 1, 16, 8000, 1, EVENLY, 2 * MS, BY_MANY, 0},
    {"several lanes, one by one", 1 << 20, 8, 3, 1, 1, 900, 1, RANDOMLY, 20 * MS, BY_LEASE, 0},
    {"several consumers", 1 << 20, 8, 1, 3, 16, 9000, 1, EVENLY, 2 * MS, BY_MANY, 0},
    {"several consumers, one by one", 1 << 20, 8, 1, 4, 1, 900, 1, EVENLY, 20 * MS, BY_LEASE, US},
    {"several of both", 1 << 20, 8, 4, 3, 8, 8000, 1, BURSTS, 2 * MS, BY_MANY, 10 * US},
    {"longer than a block", 8 << 20, 100000, 1, 1, 4, 60, 1, EVENLY, 50 * MS, BY_MANY, 0},
    {"longer than a block, one by one", 8 << 20, 200000, 1, 1, 1, 30, 1, EVENLY, 50 * MS, BY_LEASE, 0},
    {"some cells", 1 << 20, 300, 1, 1, 16, 2000, 1, EVENLY, 10 * MS, BY_MANY, 0},
    {"several laps", 1 << 18, 8, 1, 1, 16, 4000, 9, EVENLY, 3 * MS, BY_MANY, 0},
    {"several laps of a small lane", 4096, 8, 1, 1, 1, 64, 30, EVENLY, 20 * MS, BY_LEASE, 0},
    {"several laps of long ones", 1 << 19, 70000, 1, 1, 1, 6, 20, EVENLY, 100 * MS, BY_LEASE, 0},
};

START_TEST(each_message_of_a_backlog_has_a_time_of_its_own)
{
    const struct load *load = &backlogs[_i];
    open_all(load);
    for (uint32_t round = 0; round < load->rounds; round++) {
        for (uint32_t i = 0; i < load->count; i++)
            ck_assert_msg(put_one(load, i), "%s: no room for message %u", load->what, i);
        while (take_by_turns(load))
            ;
    }
    close_all(load);
    ck_assert_uint_eq(taken, load->rounds * load->count);
    expect_truth(load);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ while messages come */

static const struct load flows[] = {
    {"500 wait", 1 << 20, 8, 1, 1, 1, 500, 20000, EVENLY, MS, BY_LEASE, 0},
    {"500 wait, batches", 1 << 20, 8, 1, 1, 64, 500, 20000, EVENLY, MS, BY_MANY, 0},
    {"10,000 wait, fast", 1 << 20, 8, 1, 1, 1, 10000, 100000, EVENLY, 5 * US, BY_LEASE, 0},
    {"10,000 wait, fast, batches", 1 << 20, 8, 1, 1, 256, 10000, 100000, EVENLY, 5 * US, BY_MANY, 0},
    {"10,000 wait in two lanes", 1 << 20, 8, 2, 1, 32, 10000, 100000, EVENLY, 10 * US, BY_MANY, 0},
    {"a full lane", 1 << 18, 8, 1, 1, 1, 4096, 20000, EVENLY, 2 * MS, BY_LEASE, 0},
    {"a full lane, batches", 1 << 18, 8, 1, 1, 64, 4096, 20000, EVENLY, 2 * MS, BY_MANY, 0},
    {"a small full lane", 4096, 8, 1, 1, 1, 64, 2000, EVENLY, 20 * MS, BY_LEASE, 0},
    {"a small full lane, bursts", 4096, 8, 1, 1, 1, 64, 2000, BURSTS, 20 * MS, BY_LEASE, 0},
    {"none wait", 1 << 20, 8, 1, 1, 16, 0, 20000, RANDOMLY, MS, BY_LEASE, 0},
    {"none wait, slow work", 1 << 20, 8, 1, 1, 16, 0, 2000, EVENLY, 200 * MS, BY_LEASE, 150 * MS},
};

/* @count messages wait all the time; @rounds more come. */
START_TEST(each_message_of_a_flow_has_a_time_of_its_own)
{
    const struct load *load = &flows[_i];
    uint32_t put = 0;
    open_all(load);
    while (put < load->count + load->rounds) {
        while (put < load->count + load->rounds && put - taken <= load->count && put_one(load, put))
            put++;
        (void)take_by_turns(load);
    }
    while (take_by_turns(load))
        ;
    close_all(load);
    ck_assert_uint_eq(taken, load->rounds + load->count);
    expect_truth(load);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ ages */

static const struct load alone = {"", 1 << 20, 8, 1, 1, 1, 0, 0, EVENLY, 0, BY_LEASE, 0};

static void expect_age(int64_t put_ns)
{
    const int64_t age_ns = test_queue_stat(queue).oldest_ns;
    const int64_t true_ns = now_ns - put_ns;
    ck_assert_msg(age_ns >= true_ns - 100 * MS && age_ns <= true_ns + 100 * MS, "%ld ms instead of %ld",
                  (long)(age_ns / MS), (long)(true_ns / MS));
}

static void put_burst(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ck_assert(put_one(&alone, i));
}

/* What a consumer is stopped for after it has looked at the clock. */
static void put_slowly(void)
{
    on_coarse = NULL;
    for (int i = 0; i < 200; i++) {
        now_ns += 100 * MS;
        ck_assert(put_one(&alone, 0));
    }
}

START_TEST(a_consumer_that_was_stopped_does_not_backdate)
{
    struct shmq_message message;
    struct put_time time;
    open_all(&alone);
    put_burst(10000); /* so many that the first slow ones behind them are not dated */
    now_ns += SECOND;
    const int64_t stopped_ns = now_ns;
    on_coarse = put_slowly;
    ck_assert_int_eq(shmq_lease(consumers[0], &message, 0), 0);
    ck_assert(on_coarse == NULL);
    for (int i = 0; i < 200; i++) {
        const int64_t put_ns = stopped_ns + (i + 1) * 100 * MS;
        const uint64_t position = message.position + 10000 + (uint64_t)i;
        ck_assert(marks_put_time(&producers[0]->producer.view->ring, position, now_ns, &time));
        ck_assert_int_le(time.earliest_ns, put_ns);
        ck_assert_int_ge(time.latest_ns, put_ns - TICK_NS);
    }
    close_all(&alone);
    test_queue_remove(queue);
}
END_TEST

/* The message is the first after a burst, and so not dated when it is put; the consumer does not come. */
START_TEST(a_message_that_wakes_a_stopped_consumer_has_its_age)
{
    open_all(&alone);
    put_burst(10000);
    while (take_by_turns(&alone))
        ;
    now_ns += 1000 * SECOND;
    atomic_store(&producers[0]->header->bell, 1); /* as a consumer that was stopped in its sleep leaves it */
    ck_assert(put_one(&alone, 0));
    ck_assert_uint_eq((uint32_t)atomic_load(&producers[0]->header->bell), 0);
    const int64_t put_ns = now_ns;
    expect_age(put_ns);
    now_ns += 10 * SECOND;
    expect_age(put_ns);
    ck_assert(put_one(&alone, 0));
    now_ns += 10 * SECOND;
    expect_age(put_ns);
    ck_assert(take_by_turns(&alone));
    expect_age(put_ns + 10 * SECOND);
    close_all(&alone);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("time in queue"),
    TEST_EACH(each_message_of_a_backlog_has_a_time_of_its_own, COUNT(backlogs)),
    TEST_EACH(each_message_of_a_flow_has_a_time_of_its_own, COUNT(flows)),
    TEST_GROUP("ages"),
    TEST(a_consumer_that_was_stopped_does_not_backdate),
    TEST(a_message_that_wakes_a_stopped_consumer_has_its_age),
};

TEST_SUITE("time in queue", tests, .seconds = 30);
