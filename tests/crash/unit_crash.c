/* SPDX-License-Identifier: MIT */
/* Processes that are killed or stopped at any moment: nothing committed is lost, nobody alive is robbed, the
 * others go on. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"
#include "tests/support/traced.h"

#define TICK_NS INT64_C(50000000)
#define LONG_TICK_NS INT64_C(10000000000)
#define STOPS_MAX 2000

static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;

/* Two numbers in one message. */
static uint64_t pair(uint64_t high, uint64_t low)
{
    return high << 32 | low;
}

static uint64_t high_of(uint64_t number)
{
    return number >> 32;
}

static uint64_t low_of(uint64_t number)
{
    return number & UINT32_MAX;
}

/* Has this process killed by the kernel, at any instruction of the time up to @most_us from now. */
static void die_within(long most_us)
{
    struct sigevent kill_me = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    const struct itimerspec when = {.it_value = {.tv_nsec = 1000 + random() % (most_us * 1000)}};
    timer_t timer;
    process_require_equal(timer_create(CLOCK_MONOTONIC, &kill_me, &timer), 0);
    process_require_equal(timer_settime(timer, 0, &when, NULL), 0);
}

static void expect_killed(struct process *process)
{
    const int status = process_collect(process);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "ended with wait status %#x",
                  (unsigned)status);
}

static void put_numbers(struct shmq *producer, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(test_queue_put(producer, first + i, 0), 0);
}

/* The next message has to be this one. */
static void expect_next(struct shmq *consumer, uint64_t number, uint32_t attempts, bool redelivered)
{
    struct shmq_message message;
    uint64_t got = 0;
    ck_assert_int_eq(test_queue_lease(consumer, &got, &message, process_patience_ns()), 0);
    ck_assert_uint_eq(got, number);
    ck_assert_uint_eq(message.attempts, attempts);
    ck_assert_int_eq(message.redelivered, redelivered);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
}

static void expect_nothing_more(struct shmq *consumer)
{
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert_int_eq(shmq_join(consumer, 0), 0);
}

/* ------------------------------------------------------------------ a producer killed again and again */

#define RUNS 1000
#define LIFE_US 1000
#define RESUMED_RUNS 300
#define END UINT64_MAX
#define SOURCE 4711

struct storm {
    _Atomic uint64_t put[RUNS];      /* W: producers: puts that returned */
    _Atomic uint64_t received[RUNS]; /* W: the consumer */
    _Atomic uint64_t total;          /* W: the consumer, when it does not count by run */
    uint64_t run;
};

static const struct shmq_options storm_queue = {
    SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 1 << 20, .lanes = 2, .seats = 2, .follow = true};

static void put_until_killed(void *context)
{
    struct storm *storm = context;
    struct shmq *handle;
    die_within(LIFE_US);
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &storm_queue), 0);
    for (uint64_t i = 0;; i++) {
        process_require_equal(test_queue_put(handle, pair(storm->run, i), SHMQ_FOREVER), 0);
        atomic_store(&storm->put[storm->run], i + 1);
    }
}

/* Within a run each number once and in order; the runs follow one another in one lane. */
static void receive_runs(void *context)
{
    struct storm *storm = context;
    struct shmq *handle;
    uint64_t number;
    uint64_t run = 0;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &storm_queue), 0);
    for (;;) {
        process_require_equal(test_queue_get(handle, &number, SHMQ_FOREVER), 0);
        if (number == END)
            break;
        process_require(high_of(number) >= run && high_of(number) < RUNS);
        run = high_of(number);
        process_require_equal(low_of(number), atomic_load(&storm->received[run]));
        atomic_store(&storm->received[run], low_of(number) + 1);
    }
    process_require_equal(shmq_close(handle), 0);
}

/* One life after the other. The child draws when it ends from where the test's random numbers stand. */
static void run_storm(struct storm *storm, uint64_t runs, void (*run)(void *context))
{
    struct process producer;
    for (storm->run = 0; storm->run < runs; storm->run++) {
        (void)random();
        process_start(&producer, run, storm);
        expect_killed(&producer);
    }
}

/* By a producer that goes on in the same lane: only so does the end come last. */
static void end_storm(struct process *consumer, uint64_t source_id)
{
    struct shmq_options options = storm_queue;
    options.source_id = source_id;
    struct shmq *last = test_queue_open(queue, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(test_queue_put(last, END, process_patience_ns()), 0);
    ck_assert_int_eq(shmq_close(last), 0);
    process_expect_success(consumer);
    ck_assert_uint_eq(test_queue_stat(queue).lanes_used, 1);
}

START_TEST(producer_killed_and_restarted_a_thousand_times)
{
    struct process consumer;
    use_queue("thousand");
    struct storm *storm = process_share(sizeof(*storm));
    ck_assert_int_eq(shmq_create(queue, &storm_queue), 0);
    process_start(&consumer, receive_runs, storm);
    srandom(1);
    run_storm(storm, RUNS, put_until_killed);
    end_storm(&consumer, 0);
    for (size_t i = 0; i < RUNS; i++) {
        const uint64_t put = atomic_load(&storm->put[i]);
        const uint64_t received = atomic_load(&storm->received[i]);
        ck_assert_msg(received == put || received == put + 1, "run %zu: %d put, %d received", i, (int)put,
                      (int)received);
    }
    test_queue_remove(queue);
}
END_TEST

static void resume_until_killed(void *context)
{
    struct storm *storm = context;
    struct shmq_options options = storm_queue;
    struct shmq *handle;
    uint64_t offset;
    options.source_id = SOURCE;
    die_within(LIFE_US);
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &options), 0);
    process_require_equal(shmq_set_frame(handle, SHMQ_FRAME_DELIMITER, '\n'), 0);
    process_require_equal(shmq_resume_offset(handle, &offset), 0);
    process_require_equal(offset % 9, 0);
    for (uint64_t i = 0;; i++) {
        process_require_equal(test_queue_put(handle, offset / 9 + i, SHMQ_FOREVER), 0);
        atomic_store(&storm->put[storm->run], i + 1);
    }
}

static void receive_one_stream(void *context)
{
    struct storm *storm = context;
    struct shmq *handle;
    uint64_t number;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &storm_queue), 0);
    for (;;) {
        process_require_equal(test_queue_get(handle, &number, SHMQ_FOREVER), 0);
        if (number == END)
            break;
        process_require_equal(number, atomic_load(&storm->total));
        atomic_store(&storm->total, number + 1);
    }
    process_require_equal(shmq_close(handle), 0);
}

START_TEST(resumed_source_is_delivered_exactly_once)
{
    struct process consumer;
    use_queue("resumed");
    struct storm *storm = process_share(sizeof(*storm));
    ck_assert_int_eq(shmq_create(queue, &storm_queue), 0);
    process_start(&consumer, receive_one_stream, storm);
    srandom(2);
    run_storm(storm, RESUMED_RUNS, resume_until_killed);
    end_storm(&consumer, SOURCE);
    uint64_t put = 0;
    for (size_t i = 0; i < RESUMED_RUNS; i++)
        put += atomic_load(&storm->put[i]);
    /* Each run may have put one more than it could say. */
    ck_assert_uint_ge(atomic_load(&storm->total), put);
    ck_assert_uint_le(atomic_load(&storm->total), put + RESUMED_RUNS);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ consumers with something in hand */

struct taker {
    uint32_t prefetch; /* also how many it takes */
    uint32_t acknowledge;
    bool hold;
};

/* Takes what it is told, reports the first number and its attempts, and then does what it is ordered. */
static void take_and_wait(void *context)
{
    const struct taker *taker = context;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .prefetch = taker->prefetch, .follow = true};
    struct shmq *handle;
    struct shmq_message message[16];
    size_t count;
    uint64_t number;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    process_require_equal(shmq_lease_many(handle, message, taker->prefetch, &count, SHMQ_FOREVER), 0);
    if (taker->hold)
        process_require_equal(shmq_hold(handle, &message[0]), 0);
    process_require_equal(shmq_acknowledge(handle, taker->acknowledge), 0);
    memcpy(&number, message[0].data, sizeof(number));
    process_report(number);
    process_report(message[0].attempts);
    (void)process_await_order();
    process_require_equal(shmq_acknowledge(handle, count - taker->acknowledge), 0);
    process_report(count);
    process_require_equal(shmq_close(handle), 0);
}

/* How a message came, and which it was, in one number. */
static uint64_t delivery(uint64_t number, uint32_t attempts, bool redelivered)
{
    return pair((uint64_t)attempts << 1 | redelivered, number);
}

static void report_deliveries(void *context)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
    struct shmq *handle;
    struct shmq_message message;
    uint64_t number;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    for (;;) {
        process_require_equal(test_queue_lease(handle, &number, &message, SHMQ_FOREVER), 0);
        process_report(delivery(number, message.attempts, message.redelivered));
        process_require_equal(shmq_acknowledge(handle, 1), 0);
    }
}

static bool somebody_sleeps(void *context)
{
    (void)context;
    return test_queue_stat(queue).sleepers > 0;
}

START_TEST(batch_of_a_dead_consumer_is_taken_over)
{
    struct process victim;
    struct process heir;
    struct taker taker = {.prefetch = 10, .acknowledge = 4};
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .follow = true, .tick_ns = TICK_NS};
    uint64_t number;
    use_queue("taken-over");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(producer, 0, 10);
    process_start(&victim, take_and_wait, &taker);
    ck_assert_uint_eq(process_hear(&victim), 0);
    process_start(&heir, report_deliveries, NULL);
    process_wait_until(somebody_sleeps, NULL, "the heir waits");
    ck_assert(!process_hears(&heir, 5 * TICK_NS / 2000000, &number));

    const int64_t start = process_now_ns();
    process_kill(&victim);
    ck_assert_uint_eq(process_hear(&heir), delivery(4, 1, true));
    const int64_t ticks10 = (process_now_ns() - start) * 10 / TICK_NS;
    (void)fprintf(stderr, "taken over after %d.%d ticks\n", (int)(ticks10 / 10), (int)(ticks10 % 10));
    ck_assert_int_le(ticks10, process_stretched_ms(200));
    for (uint64_t i = 5; i < 10; i++)
        ck_assert_uint_eq(process_hear(&heir), delivery(i, 0, true));
    put_numbers(producer, 10, 1);
    ck_assert_uint_eq(process_hear(&heir), delivery(10, 0, false));
    ck_assert_int_eq(shmq_join(producer, process_patience_ns()), 0);
    process_kill(&heir);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

static void take_when_told(void *context)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .prefetch = 10, .follow = true};
    struct shmq *handle;
    struct shmq_message message[10];
    size_t count;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    process_report(0);
    (void)process_await_order();
    process_require_equal(shmq_lease_many(handle, message, 10, &count, SHMQ_FOREVER), 0);
    process_report(count);
    (void)process_await_order();
}

enum { DEAD = 3, LEFT = 40 };

/* They sit down in the order of the seats, take messages in the opposite one, and die. */
static struct shmq *leave_several_dead(const char *name)
{
    struct process victims[DEAD];
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .follow = true, .tick_ns = LONG_TICK_NS};
    use_queue(name);
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (int i = 0; i < DEAD; i++) {
        process_start(&victims[i], take_when_told, NULL);
        ck_assert_uint_eq(process_hear(&victims[i]), 0);
    }
    put_numbers(producer, 0, LEFT);
    for (int i = DEAD - 1; i >= 0; i--) {
        process_order(&victims[i], 0);
        ck_assert_uint_ge(process_hear(&victims[i]), 2);
    }
    for (int i = 0; i < DEAD; i++)
        process_kill(&victims[i]);
    return producer;
}

static void get_all_left(struct shmq *producer, struct shmq *heir)
{
    uint64_t number;
    for (uint64_t i = 0; i < LEFT; i++) {
        ck_assert_int_eq(test_queue_get(heir, &number, 0), 0);
        ck_assert_uint_eq(number, i);
    }
    ck_assert_int_eq(shmq_close(heir), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}

START_TEST(several_dead_consumers_work_comes_first_and_in_order)
{
    struct shmq *producer = leave_several_dead("several-dead");
    get_all_left(producer, test_queue_open(queue, SHMQ_CONSUMER, NULL));
}
END_TEST

/* The seat that it sits in has work, too, which its own leases would overwrite. */
START_TEST(work_of_the_dead_that_is_given_back_keeps_its_turn)
{
    struct shmq_message message;
    uint64_t number;
    struct shmq *producer = leave_several_dead("several-given-back");
    struct shmq *heir = test_queue_open(queue, SHMQ_CONSUMER, NULL);
    ck_assert_int_eq(test_queue_lease(heir, &number, &message, 0), 0);
    ck_assert_uint_eq(number, 0);
    ck_assert_int_eq(shmq_release(heir), 0);
    get_all_left(producer, heir);
}
END_TEST

START_TEST(stopped_consumer_is_never_robbed)
{
    struct process victim;
    struct taker taker = {.prefetch = 8, .acknowledge = 3};
    const int64_t tick_ns = 10000000;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .follow = true, .tick_ns = tick_ns};
    use_queue("stopped");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(producer, 0, 8);
    process_start(&victim, take_and_wait, &taker);
    ck_assert_uint_eq(process_hear(&victim), 0);
    ck_assert_uint_eq(process_hear(&victim), 0);
    process_stop(&victim);

    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 10 * tick_ns), -ETIMEDOUT);
    put_numbers(producer, 8, 2);
    expect_next(consumer, 8, 0, false);
    expect_next(consumer, 9, 0, false);
    ck_assert_int_eq(test_queue_get(consumer, &number, 10 * tick_ns), -ETIMEDOUT);
    ck_assert_int_eq(shmq_join(consumer, 0), -EAGAIN);

    process_continue(&victim);
    process_order(&victim, 0);
    ck_assert_uint_eq(process_hear(&victim), 8);
    process_expect_success(&victim);
    expect_nothing_more(consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

static void reserve_and_wait(void *context)
{
    struct shmq *handle;
    void *payload;
    const uint64_t number = 42;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &attach_only), 0);
    process_require_equal(shmq_reserve(handle, sizeof(number), &payload, 0), 0);
    memcpy(payload, &number, sizeof(number));
    process_report(0);
    (void)process_await_order();
    process_require_equal(shmq_commit(handle, sizeof(number)), 0);
    process_require_equal(shmq_close(handle), 0);
}

START_TEST(producer_stopped_while_it_writes)
{
    struct process stopped;
    struct process killed;
    const int64_t tick_ns = 10000000;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .follow = true, .tick_ns = tick_ns};
    use_queue("mid-reserve");
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    process_start(&stopped, reserve_and_wait, NULL);
    ck_assert_uint_eq(process_hear(&stopped), 0);
    process_stop(&stopped);
    process_start(&killed, reserve_and_wait, NULL);
    ck_assert_uint_eq(process_hear(&killed), 0);
    process_kill(&killed);

    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 5 * tick_ns), -ETIMEDOUT);
    struct shmq *other = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(other, 7, 2);
    expect_next(consumer, 7, 0, false);
    expect_next(consumer, 8, 0, false);
    ck_assert_uint_eq(test_queue_stat(queue).lanes_used, 2);

    process_continue(&stopped);
    process_order(&stopped, 0);
    process_expect_success(&stopped);
    expect_next(consumer, 42, 0, false);
    expect_nothing_more(consumer);
    ck_assert_int_eq(shmq_close(other), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ many deaths */

#define SEATS 64
#define DEATHS 300
#define MESSAGES 400
#define AT_ONCE 60

/* Drains the queue, each number below @count exactly once. Return: attempts over all. */
static uint64_t drain_each_once(struct shmq *consumer, size_t count)
{
    static unsigned char seen[MESSAGES];
    uint64_t attempts = 0;
    memset(seen, 0, sizeof(seen));
    for (size_t i = 0; i < count; i++) {
        struct shmq_message message;
        uint64_t number;
        ck_assert_int_eq(test_queue_lease(consumer, &number, &message, process_patience_ns()), 0);
        ck_assert_uint_lt(number, count);
        ck_assert_msg(!seen[number], "%d came twice", (int)number);
        ck_assert_int_eq(message.redelivered, message.attempts > 0);
        seen[number] = 1;
        attempts += message.attempts;
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    }
    expect_nothing_more(consumer);
    return attempts;
}

/* With 60 of 64 seats taken all the time, each newcomer has to find what a dead one left, or a free seat. */
START_TEST(three_hundred_consumers_killed)
{
    static struct process victims[AT_ONCE];
    struct taker taker = {.prefetch = 1};
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 1 << 16,
                                         .seats = SEATS,        .prefetch = 1,  .follow = true};
    use_queue("three-hundred");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(producer, 0, MESSAGES);
    for (size_t i = 0; i < DEATHS; i++) {
        struct process *victim = &victims[i % AT_ONCE];
        if (i >= AT_ONCE)
            process_kill(victim);
        process_start(victim, take_and_wait, &taker);
        (void)process_hear(victim);
        (void)process_hear(victim);
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        process_kill(&victims[i]);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_uint_eq(drain_each_once(consumer, MESSAGES), DEATHS);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* Each of ten dies over the same batch, while the next one waits already. */
START_TEST(undertakers_die_over_the_same_batch)
{
    struct process victim;
    struct process next;
    struct taker taker = {.prefetch = 3};
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .follow = true,        .prefetch = 3,  .tick_ns = 5000000};
    use_queue("undertakers");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(producer, 0, 3);
    process_start(&victim, take_and_wait, &taker);
    for (uint64_t deaths = 0; deaths < 10; deaths++) {
        ck_assert_uint_eq(process_hear(&victim), 0);
        ck_assert_uint_eq(process_hear(&victim), deaths);
        process_start(&next, take_and_wait, &taker);
        process_wait_until(somebody_sleeps, NULL, "the next one waits");
        process_kill(&victim);
        victim = next;
    }
    ck_assert_uint_eq(process_hear(&victim), 0);
    ck_assert_uint_eq(process_hear(&victim), 10);
    process_kill(&victim);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    expect_next(consumer, 0, 11, true);
    expect_next(consumer, 1, 0, true);
    expect_next(consumer, 2, 0, true);
    expect_nothing_more(consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

#define UNDERTAKERS 6
#define FUNERALS 20

static bool undertakers_wait(void *context)
{
    (void)context;
    return test_queue_stat(queue).sleepers >= UNDERTAKERS;
}

/* What one of several took over, none of the others may get: the whole batch is with one of them, in order. */
static void bury_one(struct shmq *producer, uint64_t round)
{
    struct process victim;
    struct process undertakers[UNDERTAKERS];
    struct taker taker = {.prefetch = 4};
    uint64_t number;
    put_numbers(producer, round * 4, 4);
    process_start(&victim, take_and_wait, &taker);
    ck_assert_uint_eq(process_hear(&victim), round * 4);
    for (size_t i = 0; i < UNDERTAKERS; i++)
        process_start(&undertakers[i], take_and_wait, &taker);
    process_wait_until(undertakers_wait, NULL, "all undertakers wait");
    process_kill(&victim);
    const size_t who = process_hear_any(undertakers, UNDERTAKERS, &number);
    ck_assert_uint_eq(number, round * 4);
    ck_assert_uint_eq(process_hear(&undertakers[who]), 1);
    process_order(&undertakers[who], 0);
    ck_assert_uint_eq(process_hear(&undertakers[who]), 4);
    process_expect_success(&undertakers[who]);
    for (size_t i = 0; i < UNDERTAKERS; i++) {
        if (i == who)
            continue;
        ck_assert_msg(!process_hears(&undertakers[i], 0, &number), "another one got something, too");
        process_kill(&undertakers[i]);
    }
}

START_TEST(one_of_several_undertakers_gets_it)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .seats = 16,           .follow = true, .tick_ns = 2000000};
    use_queue("several");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (uint64_t round = 0; round < FUNERALS; round++)
        bury_one(producer, round);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    expect_nothing_more(consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ lanes and seats */

static void own_something(void *context)
{
    const enum shmq_role *role = context;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, *role, &attach_only), 0);
    process_report(0);
    (void)process_await_order();
    process_require_equal(shmq_close(handle), 0);
}

/* Two places, both taken by the living, one of whom stands still; then one dies. */
static void expect_places_to_be_reused(enum shmq_role role)
{
    struct process owners[2];
    struct shmq *handle;
    for (size_t i = 0; i < 2; i++) {
        process_start(&owners[i], own_something, &role);
        ck_assert_uint_eq(process_hear(&owners[i]), 0);
    }
    process_stop(&owners[0]);
    ck_assert_int_eq(shmq_open(&handle, queue, role, &attach_only), -EUSERS);
    ck_assert_ptr_null(handle);
    process_kill(&owners[1]);
    ck_assert_int_eq(shmq_open(&handle, queue, role, &attach_only), 0);
    struct shmq *another;
    ck_assert_int_eq(shmq_open(&another, queue, role, &attach_only), -EUSERS);
    ck_assert_int_eq(shmq_close(handle), 0);
    process_continue(&owners[0]);
    process_order(&owners[0], 0);
    process_expect_success(&owners[0]);
}

static bool sleeps(void *context)
{
    return process_sleeps(context);
}

#define WAITS_NS INT64_C(200000000)
#define FREED_NS INT64_C(150000000) /* the longest pause between two looks is 50 ms */

struct newcomer {
    enum shmq_role role;
    int64_t attach_wait_ns;
    _Atomic int stop;
    _Atomic int64_t attached_ns;
};

static void wait_for_a_place(void *context)
{
    struct newcomer *newcomer = context;
    struct shmq *handle;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS,
                                         .create = true,
                                         .capacity_bytes = 4096,
                                         .lanes = 1,
                                         .seats = 1,
                                         .attach_wait_ns = newcomer->attach_wait_ns,
                                         .stop = (const volatile int *)&newcomer->stop};
    process_report(0);
    const int code = shmq_open(&handle, queue, newcomer->role, &options);
    atomic_store(&newcomer->attached_ns, process_now_ns());
    process_report(process_code(code));
    (void)shmq_close(handle);
}

/* The only place is taken by somebody alive. */
static void take_the_place(struct process *owner, enum shmq_role *role)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .lanes = 1,
                                         .seats = 1};
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    process_start(owner, own_something, role);
    ck_assert_uint_eq(process_hear(owner), 0);
}

static void start_newcomer(struct process *process, struct newcomer *newcomer)
{
    process_start(process, wait_for_a_place, newcomer);
    ck_assert_uint_eq(process_hear(process), 0);
    process_wait_until(sleeps, process, "the newcomer waits");
}

static void expect_place(struct process *process, const struct newcomer *newcomer, int64_t freed_ns)
{
    ck_assert_uint_eq(process_hear(process), process_code(0));
    ck_assert_int_lt(atomic_load(&newcomer->attached_ns) - freed_ns,
                     process_stretched_ms(FREED_NS / 1000000) * 1000000);
    process_expect_success(process);
}

START_TEST(who_waits_for_a_place_gets_that_of_the_dead_and_of_who_leaves)
{
    enum shmq_role roles[] = {SHMQ_PRODUCER, SHMQ_CONSUMER};
    struct process owner;
    struct process process;
    for (size_t i = 0; i < 4; i++) {
        struct newcomer *newcomer = process_share(sizeof(*newcomer));
        newcomer->role = roles[i % 2];
        newcomer->attach_wait_ns = -1;
        use_queue("wait-for-place");
        take_the_place(&owner, &roles[i % 2]);
        start_newcomer(&process, newcomer);
        if (i < 2) {
            process_kill(&owner);
        } else {
            process_order(&owner, 0);
            process_expect_success(&owner);
        }
        expect_place(&process, newcomer, process_now_ns());
        test_queue_remove(queue);
    }
}
END_TEST

START_TEST(who_waits_for_a_place_can_be_stopped_and_has_patience)
{
    enum shmq_role role = SHMQ_PRODUCER;
    struct process owner;
    struct process process;
    struct newcomer *newcomer = process_share(sizeof(*newcomer));
    newcomer->role = role;
    newcomer->attach_wait_ns = -1;
    use_queue("stop-waiting");
    take_the_place(&owner, &role);
    start_newcomer(&process, newcomer);
    atomic_store(&newcomer->stop, 1);
    ck_assert_uint_eq(process_hear(&process), process_code(-EINTR));
    process_expect_success(&process);

    struct shmq *handle;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .attach_wait_ns = WAITS_NS};
    const int64_t start = process_now_ns();
    ck_assert_int_eq(shmq_open(&handle, queue, SHMQ_PRODUCER, &options), -EUSERS);
    ck_assert_ptr_null(handle);
    ck_assert_int_ge(process_now_ns() - start, WAITS_NS);

    /* There is nothing to wait for in a queue that nobody may put into any more. */
    atomic_store(&newcomer->stop, 0);
    start_newcomer(&process, newcomer);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    ck_assert_uint_eq(process_hear(&process), process_code(-ESHUTDOWN));
    process_expect_success(&process);
    process_kill(&owner);
    test_queue_remove(queue);
}
END_TEST

START_TEST(who_waits_for_a_place_does_not_keep_a_queue_from_its_removal)
{
    enum shmq_role role = SHMQ_PRODUCER;
    struct process owner;
    struct process process;
    struct newcomer *newcomer = process_share(sizeof(*newcomer));
    newcomer->role = role;
    newcomer->attach_wait_ns = -1;
    use_queue("remove-under-waiting");
    take_the_place(&owner, &role);
    start_newcomer(&process, newcomer);
    const int64_t start = process_now_ns();
    ck_assert_int_eq(shmq_remove(queue, true), 0);
    ck_assert_int_lt(process_now_ns() - start, process_stretched_ms(2000) * 1000000);
    expect_place(&process, newcomer, process_now_ns()); /* in a queue of its own making */
    process_kill(&owner);
    test_queue_remove(queue);
}
END_TEST

START_TEST(places_of_the_dead_are_reused)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .lanes = 2,
                                         .seats = 2};
    use_queue("places");
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    expect_places_to_be_reused(SHMQ_PRODUCER);
    expect_places_to_be_reused(SHMQ_CONSUMER);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ everybody at once */

#define CROWD 3
#define CROWD_NUMBERS 1000000

struct crowd {
    _Atomic uint64_t put[CROWD];                              /* W: producers: puts that returned */
    _Atomic unsigned char acknowledged[CROWD][CROWD_NUMBERS]; /* W: consumers: how often a get has returned it */
    uint64_t member;
    uint32_t prefetch; /* of the consumers */
};

static const struct shmq_options crowd_queue = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 1 << 14,
                                                .lanes = CROWD, .grace_ns = 1};

static void put_in_crowd(void *context)
{
    struct crowd *crowd = context;
    const uint64_t member = crowd->member;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &crowd_queue), 0);
    process_report(0);
    for (uint64_t i = 0; i < CROWD_NUMBERS; i++) {
        process_require_equal(test_queue_put(handle, pair(member, i), SHMQ_FOREVER), 0);
        atomic_store(&crowd->put[member], i + 1);
    }
    (void)process_await_order();
}

static void get_in_crowd(void *context)
{
    struct crowd *crowd = context;
    struct shmq_options options = crowd_queue;
    struct shmq *handle;
    uint64_t number;
    options.follow = true;
    options.prefetch = crowd->prefetch;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    process_report(0);
    for (;;) {
        process_require_equal(test_queue_get(handle, &number, SHMQ_FOREVER), 0);
        atomic_fetch_add(&crowd->acknowledged[high_of(number)][low_of(number)], 1);
    }
}

static bool crowd_is_busy(void *context)
{
    struct crowd *crowd = context;
    for (size_t i = 0; i < CROWD; i++)
        if (atomic_load(&crowd->put[i]) < 30000)
            return false;
    return true;
}

/* Every number that was put was either acknowledged by the dead or comes now; those of one producer come in order.
 */
static void expect_remains(struct crowd *crowd, struct shmq *consumer)
{
    static unsigned char came[CROWD][CROWD_NUMBERS];
    struct shmq_message message;
    uint64_t number;
    uint64_t next[CROWD] = {0};
    uint64_t again = 0;
    int code;
    while ((code = test_queue_lease(consumer, &number, &message, process_patience_ns())) == 0) {
        const uint64_t who = high_of(number);
        const uint64_t which = low_of(number);
        ck_assert_msg(which <= atomic_load(&crowd->put[who]), "what nobody can have put");
        ck_assert_msg(!came[who][which], "twice");
        ck_assert_msg(message.redelivered || which >= next[who], "out of order");
        /* One that the dead had finished with but could not say so any more. */
        again += atomic_load(&crowd->acknowledged[who][which]);
        came[who][which] = 1;
        next[who] = message.redelivered ? next[who] : which + 1;
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    }
    ck_assert_int_eq(code, -EOWNERDEAD);
    ck_assert_uint_eq(again, 0);
    uint64_t missing = 0;
    for (size_t who = 0; who < CROWD; who++)
        for (uint64_t i = 0; i < atomic_load(&crowd->put[who]); i++)
            missing += !came[who][i] && !atomic_load(&crowd->acknowledged[who][i]);
    /* Each dead consumer may have been between its acknowledge and saying so. */
    ck_assert_uint_le(missing, CROWD);
}

START_TEST(all_killed_at_once)
{
    struct process members[2 * CROWD];
    use_queue("all");
    struct crowd *crowd = process_share(sizeof(*crowd));
    crowd->prefetch = 16;
    ck_assert_int_eq(shmq_create(queue, &crowd_queue), 0);
    for (size_t i = 0; i < 2 * CROWD; i++) {
        crowd->member = i % CROWD;
        process_start(&members[i], i < CROWD ? put_in_crowd : get_in_crowd, crowd);
        ck_assert_uint_eq(process_hear(&members[i]), 0);
    }
    process_wait_until(crowd_is_busy, crowd, "messages flow");
    for (size_t i = 0; i < 2 * CROWD; i++)
        ck_assert_int_eq(kill(members[i].pid, SIGKILL), 0);
    for (size_t i = 0; i < 2 * CROWD; i++)
        (void)process_collect(&members[i]);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &crowd_queue);
    expect_remains(crowd, consumer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(munmap(crowd, sizeof(*crowd)), 0);
    test_queue_remove(queue);
}
END_TEST

#define STORM_DEATHS 600
#define STORM_NUMBERS 500000

static void put_storm_numbers(void *context)
{
    struct shmq *handle;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &crowd_queue), 0);
    for (uint64_t i = 0; i < STORM_NUMBERS; i++)
        process_require_equal(test_queue_put(handle, pair(0, i), SHMQ_FOREVER), 0);
    process_require_equal(shmq_close(handle), 0);
}

static void get_until_killed(void *context)
{
    die_within(2 * LIFE_US);
    get_in_crowd(context);
}

/* Three at a time, each being replaced once it is dead. */
static void let_consumers_die(struct crowd *crowd)
{
    struct process consumers[CROWD];
    for (size_t i = 0; i < STORM_DEATHS + CROWD; i++) {
        struct process *consumer = &consumers[i % CROWD];
        if (i >= CROWD)
            expect_killed(consumer);
        (void)random();
        if (i < STORM_DEATHS)
            process_start(consumer, get_until_killed, crowd);
    }
}

/* A number comes out of get once: again only if its consumer died before it was acknowledged, and so before it
 * came out. */
START_TEST(consumers_killed_while_messages_flow)
{
    struct process producer;
    uint64_t number;
    uint64_t missing = 0;
    int code;
    use_queue("flow");
    srandom(3);
    struct crowd *crowd = process_share(sizeof(*crowd));
    crowd->prefetch = 1; /* so that most of the time goes into taking and acknowledging */
    ck_assert_int_eq(shmq_create(queue, &crowd_queue), 0);
    process_start(&producer, put_storm_numbers, NULL);
    let_consumers_die(crowd);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &crowd_queue);
    while ((code = test_queue_get(consumer, &number, process_patience_ns())) == 0)
        atomic_fetch_add(&crowd->acknowledged[high_of(number)][low_of(number)], 1);
    ck_assert_int_eq(code, -ENODATA);
    process_expect_success(&producer);
    for (uint64_t i = 0; i < STORM_NUMBERS; i++) {
        const unsigned times = atomic_load(&crowd->acknowledged[0][i]);
        ck_assert_msg(times <= 1, "%d came %u times", (int)i, times);
        missing += times == 0;
    }
    ck_assert_uint_le(missing, STORM_DEATHS);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(munmap(crowd, sizeof(*crowd)), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ messages moved into the seat buffer */

START_TEST(message_held_by_a_dead_consumer_is_delivered_again)
{
    struct process victim;
    struct taker taker = {.prefetch = 1, .hold = true};
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .prefetch = 1,         .follow = true, .tick_ns = 5000000};
    use_queue("held");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(producer, 5, 1);
    for (uint64_t deaths = 0; deaths < 5; deaths++) {
        process_start(&victim, take_and_wait, &taker);
        ck_assert_uint_eq(process_hear(&victim), 5);
        ck_assert_uint_eq(process_hear(&victim), deaths);
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        ck_assert_int_eq(shmq_stat_lane(producer, 0, &lane), 0);
        ck_assert_uint_eq(lane.head_position, lane.tail_position);
        ck_assert_int_eq(shmq_join(producer, 0), -EAGAIN);
        process_kill(&victim);
    }
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    expect_next(consumer, 5, 5, true);
    expect_nothing_more(consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ orderly leaving with something in hand */

START_TEST(what_a_leaving_consumer_held_goes_to_another_at_once)
{
    struct process other;
    struct taker taker = {.prefetch = 1};
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .prefetch = 3,         .follow = true, .tick_ns = LONG_TICK_NS};
    use_queue("leaving");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    struct shmq_message messages[3];
    size_t count;
    put_numbers(producer, 0, 3);
    ck_assert_int_eq(shmq_lease_many(consumer, messages, 3, &count, 0), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    process_start(&other, take_and_wait, &taker);
    process_wait_until(somebody_sleeps, NULL, "the other one waits");
    const int64_t start = process_now_ns();
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_uint_eq(process_hear(&other), 1);
    ck_assert_uint_eq(process_hear(&other), 0);
    ck_assert_int_lt(process_now_ns() - start, process_stretched_ms(2000) * 1000000);
    process_kill(&other);

    consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    expect_next(consumer, 1, 1, true);
    expect_next(consumer, 2, 0, true);
    expect_nothing_more(consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* What was taken over from a dead one can be given back, too: the death counts, the leaving does not. */
START_TEST(undertaker_may_leave_what_it_took_over)
{
    struct process victim;
    struct taker taker = {.prefetch = 4, .acknowledge = 1};
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .prefetch = 4,         .follow = true, .tick_ns = 5000000};
    struct shmq_message message;
    uint64_t number;
    use_queue("leave-again");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(producer, 0, 4);
    process_start(&victim, take_and_wait, &taker);
    ck_assert_uint_eq(process_hear(&victim), 0);
    struct shmq *bystander = test_queue_open(queue, SHMQ_CONSUMER, &options);
    /* The first one has a seat of its own; those that come later inherit the dead one's. */
    struct shmq *undertaker = test_queue_open(queue, SHMQ_CONSUMER, &options);
    process_kill(&victim);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(test_queue_lease(undertaker, &number, &message, process_patience_ns()), 0);
        ck_assert_uint_eq(number, 1);
        ck_assert_uint_eq(message.attempts, 1);
        ck_assert_int_eq(test_queue_get(bystander, &number, 0), -EAGAIN);
        ck_assert_int_eq(shmq_close(undertaker), 0);
        undertaker = test_queue_open(queue, SHMQ_CONSUMER, &options);
    }
    ck_assert_int_eq(shmq_close(undertaker), 0);
    expect_next(bystander, 1, 1, true);
    expect_next(bystander, 2, 0, true);
    expect_next(bystander, 3, 0, true);
    expect_nothing_more(bystander);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(bystander), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ the end of the stream */

static void put_three_and_wait(void *context)
{
    struct shmq *handle;
    (void)context;
    process_report(0);
    (void)process_await_order();
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &attach_only), 0);
    for (uint64_t i = 0; i < 3; i++)
        process_require_equal(test_queue_put(handle, i, 0), 0);
    process_report(0);
    (void)process_await_order();
    process_require_equal(shmq_close(handle), 0);
}

static void order_three(struct process *producer)
{
    ck_assert_uint_eq(process_hear(producer), 0);
    process_order(producer, 0);
    ck_assert_uint_eq(process_hear(producer), 0);
}

static void expect_three(struct shmq *consumer)
{
    for (uint64_t i = 0; i < 3; i++)
        expect_next(consumer, i, 0, false);
}

START_TEST(end_after_an_unfinished_producer)
{
    struct process producer;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .tick_ns = 10000000, .grace_ns = 100000000};
    use_queue("unfinished");
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    process_start(&producer, put_three_and_wait, NULL);
    order_three(&producer);
    process_kill(&producer);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    const int64_t start = process_now_ns();
    uint64_t number;
    expect_three(consumer);
    ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ns()), -EOWNERDEAD);
    ck_assert_int_ge(process_now_ns() - start, options.grace_ns);

    /* Somebody takes the lane up after all, and finishes it: now it is a whole stream. */
    struct shmq *successor = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(successor, 3, 1);
    ck_assert_int_eq(shmq_close(successor), 0);
    expect_next(consumer, 3, 0, false);
    ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ns()), -ENODATA);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ finishing for the dead */

/* Each in a lane of its own, with a priority and a source of its own, and dead. */
static void leave_three(uint32_t priority, uint64_t source_id)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .priority = priority, .source_id = source_id};
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    put_numbers(producer, 0, 3);
    shmq_abandon(producer);
}

static struct shmq_lane_stat stat_of_lane(uint32_t lane)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_stat_lane(observer, lane, &stat), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    return stat;
}

static void await_end(void *context)
{
    struct shmq *handle;
    uint64_t number;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .producers = *(const uint32_t *)context,
                                         .grace_ns = -1};
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    int code;
    while ((code = test_queue_get(handle, &number, SHMQ_FOREVER)) == 0)
        process_report(number);
    process_report(process_code(code));
    process_require_equal(shmq_close(handle), 0);
}

START_TEST(lanes_of_the_dead_are_finished_and_wake_who_waits)
{
    struct process consumer;
    uint32_t producers = 2;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .lanes = 4,
                                         .tick_ns = LONG_TICK_NS};
    use_queue("for-the-dead");
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    leave_three(7, 0);
    leave_three(2, SOURCE);
    ck_assert_int_eq(shmq_finish_lane(queue, 0), 0); /* with messages in it, of a priority that nobody asks for */
    process_start(&consumer, await_end, &producers);
    for (uint64_t i = 0; i < 6; i++)
        ck_assert_uint_eq(process_hear(&consumer), i % 3);
    process_wait_until(sleeps, &consumer, "the consumer waits for the other lane");
    ck_assert_int_eq(shmq_finish_lane(queue, 1), 0);
    uint64_t code;
    ck_assert(process_hears(&consumer, process_stretched_ms(2000), &code)); /* rung for: the tick is longer */
    ck_assert_uint_eq(code, process_code(-ENODATA));
    process_expect_success(&consumer);
    for (uint32_t lane = 0; lane < 2; lane++) {
        ck_assert_int_eq(shmq_finish_lane(queue, lane), -EALREADY);
        ck_assert_uint_eq(stat_of_lane(lane).finishes, 1);
    }
    test_queue_remove(queue);
}
END_TEST

START_TEST(lanes_of_the_living_are_not_finished_by_others)
{
    struct process producer;
    enum shmq_role role = SHMQ_PRODUCER;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .lanes = 2};
    use_queue("for-the-living");
    ck_assert_int_eq(shmq_finish_lane(queue, 0), -ENOENT);
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    ck_assert_int_eq(shmq_finish_lane(queue, 0), -EALREADY); /* never used */
    ck_assert_int_eq(shmq_finish_lane(queue, 2), -EINVAL);
    process_start(&producer, own_something, &role);
    ck_assert_uint_eq(process_hear(&producer), 0);
    process_stop(&producer);
    ck_assert_int_eq(shmq_finish_lane(queue, 0), -EBUSY);
    ck_assert(!stat_of_lane(0).finished);
    process_kill(&producer);
    ck_assert_int_eq(shmq_finish_lane(queue, 0), 0);
    ck_assert_int_eq(shmq_finish_lane(queue, 0), -EALREADY);

    /* One that has finished by itself and is still attached. */
    struct shmq *finished = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    ck_assert_int_eq(shmq_finish(finished), 0);
    ck_assert_int_eq(shmq_finish_lane(queue, 0), -EALREADY);
    ck_assert_int_eq(shmq_close(finished), 0);
    ck_assert_uint_eq(stat_of_lane(0).finishes, 2);
    test_queue_remove(queue);
}
END_TEST

/* What the lane knows of a source stays, so that it can come back: then its stream is not complete again. */
START_TEST(source_comes_back_after_its_lane_was_finished)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .lanes = 2,
                                         .source_id = SOURCE};
    uint64_t number;
    uint64_t offset;
    use_queue("back-after-finish");
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    leave_three(4, SOURCE);
    ck_assert_int_eq(shmq_finish_lane(queue, 0), 0);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    expect_three(consumer);
    ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ns()), -ENODATA);

    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(shmq_resume_offset(producer, &offset), 0);
    ck_assert_uint_eq(offset, 3 * sizeof(number));
    ck_assert(!stat_of_lane(0).finished);
    put_numbers(producer, 3, 1);
    expect_next(consumer, 3, 0, false);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ns()), -ENODATA);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_uint_eq(stat_of_lane(0).finishes, 2);
    test_queue_remove(queue);
}
END_TEST

START_TEST(end_waits_for_what_others_hold)
{
    struct process producer;
    struct process holder;
    struct taker taker = {.prefetch = 3};
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .tick_ns = 10000000, .grace_ns = 1000000};
    use_queue("held");
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    process_start(&producer, put_three_and_wait, NULL);
    order_three(&producer);
    process_start(&holder, take_and_wait, &taker);
    ck_assert_uint_eq(process_hear(&holder), 0);
    process_kill(&producer);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 10 * options.tick_ns), -ETIMEDOUT);
    process_kill(&holder);
    expect_next(consumer, 0, 1, true);
    expect_next(consumer, 1, 0, true);
    expect_next(consumer, 2, 0, true);
    ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ns()), -EOWNERDEAD);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(producer_that_comes_back_within_grace)
{
    struct process first;
    struct process second;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .tick_ns = 10000000, .grace_ns = process_stretched_ms(500) * 1000000};
    use_queue("grace");
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    process_start(&first, put_three_and_wait, NULL);
    process_start(&second, put_three_and_wait, NULL);
    ck_assert_uint_eq(process_hear(&second), 0);
    order_three(&first);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    uint64_t number;
    expect_three(consumer);
    process_kill(&first);
    process_order(&second, 0);
    expect_three(consumer);
    ck_assert_int_eq(test_queue_get(consumer, &number, options.grace_ns * 3 / 2), -ETIMEDOUT);
    process_order(&second, 0);
    process_expect_success(&second);
    ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ns()), -ENODATA);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ killed at every system call */

struct deed {
    _Atomic int done; /* the message was acknowledged, as far as its consumer could say */
};

static int get_one(void *context)
{
    struct deed *deed = context;
    struct shmq *handle;
    uint64_t number;
    if (shmq_open(&handle, queue, SHMQ_CONSUMER, &attach_only) != 0 || test_queue_get(handle, &number, 0) != 0)
        return 1;
    atomic_store(&deed->done, 1);
    /* Sleeps, too, so that the steps of sleeping are among those at which it is killed. */
    if (test_queue_get(handle, &number, 1000000) != -ETIMEDOUT)
        return 2;
    return -shmq_close(handle);
}

/* A consumer that dies anywhere between attaching and leaving: its message was acknowledged, or comes again. */
START_TEST(consumer_killed_at_each_system_call)
{
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                         .follow = true, .seats = 4};
    struct traced traced;
    unsigned stop = 1;
    uint64_t number;
    use_queue("each-call");
    if (!traced_possible()) {
        (void)fprintf(stderr, "skipped: tracing is not permitted here\n");
        return;
    }
    struct deed *deed = process_share(sizeof(*deed));
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (bool ended = false; !ended; stop++) {
        ck_assert_uint_lt(stop, STOPS_MAX);
        atomic_store(&deed->done, 0);
        put_numbers(producer, stop, 1);
        ended = !traced_start(&traced, get_one, deed, stop);
        if (!ended)
            traced_kill(&traced);
        struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
        ck_assert_int_eq(test_queue_get(consumer, &number, 0), atomic_load(&deed->done) ? -EAGAIN : 0);
        ck_assert_int_eq(shmq_close(consumer), 0);
        ck_assert_int_eq(shmq_join(producer, 0), 0);
    }
    ck_assert_int_eq(traced_collect(&traced), 0);
    ck_assert_uint_gt(stop, 20);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("producers"),
    TEST(producer_killed_and_restarted_a_thousand_times),
    TEST(resumed_source_is_delivered_exactly_once),
    TEST(producer_stopped_while_it_writes),
    TEST_GROUP("consumers"),
    TEST(batch_of_a_dead_consumer_is_taken_over),
    TEST(several_dead_consumers_work_comes_first_and_in_order),
    TEST(work_of_the_dead_that_is_given_back_keeps_its_turn),
    TEST(stopped_consumer_is_never_robbed),
    TEST(three_hundred_consumers_killed),
    TEST(undertakers_die_over_the_same_batch),
    TEST(one_of_several_undertakers_gets_it),
    TEST(message_held_by_a_dead_consumer_is_delivered_again),
    TEST(what_a_leaving_consumer_held_goes_to_another_at_once),
    TEST(undertaker_may_leave_what_it_took_over),
    TEST(consumer_killed_at_each_system_call),
    TEST_GROUP("everybody"),
    TEST(places_of_the_dead_are_reused),
    TEST(who_waits_for_a_place_gets_that_of_the_dead_and_of_who_leaves),
    TEST(who_waits_for_a_place_can_be_stopped_and_has_patience),
    TEST(who_waits_for_a_place_does_not_keep_a_queue_from_its_removal),
    TEST(all_killed_at_once),
    TEST(consumers_killed_while_messages_flow),
    TEST_GROUP("end of stream"),
    TEST(end_after_an_unfinished_producer),
    TEST(lanes_of_the_dead_are_finished_and_wake_who_waits),
    TEST(lanes_of_the_living_are_not_finished_by_others),
    TEST(source_comes_back_after_its_lane_was_finished),
    TEST(end_waits_for_what_others_hold),
    TEST(producer_that_comes_back_within_grace),
};

TEST_SUITE("crash", tests, .seconds = 60);
