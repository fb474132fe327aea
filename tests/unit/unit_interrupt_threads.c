/* SPDX-License-Identifier: MIT */
/*
 * Waits are ended from other threads and from signal handlers, wherever they sleep and whoever else sleeps there.
 *
 * test: alone (it measures to a few milliseconds how soon)
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define TICK_MS 10000  /* whoever sleeps for it is not woken by it */
#define PROMPT_MS 2000 /* much less than the tick, and than a long sleep */
#define OTHERS 8
#define ROUNDS 1000

static const struct shmq_options slow_tick = {SHMQ_OPTIONS_DEFAULTS,     .create = true, .capacity_bytes = 4096,
                                              .max_message_bytes = 4096, .prefetch = 1,  .follow = true,
                                              .tick_ns = TICK_MS * MS};

static const struct shmq_options attach_only = {SHMQ_OPTIONS_DEFAULTS, .prefetch = 1, .follow = true};

enum call { GET, LEASE, PUT, RESERVE, PUT_MANY, JOIN, CALLS };

static int wait_in(struct shmq *handle, enum call call, int64_t timeout_ns)
{
    static unsigned char block[4096];
    const struct iovec vector = {block, sizeof(block)};
    struct shmq_message message;
    void *payload;
    size_t count;
    switch (call) {
    case GET:
        return shmq_get(handle, block, sizeof(block), &count, timeout_ns);
    case LEASE:
        return shmq_lease(handle, &message, timeout_ns);
    case PUT:
        return shmq_put(handle, block, sizeof(block), timeout_ns);
    case RESERVE:
        return shmq_reserve(handle, sizeof(block), &payload, timeout_ns);
    case PUT_MANY:
        return shmq_put_many(handle, &vector, 1, &count, timeout_ns);
    default:
        return shmq_join(handle, timeout_ns);
    }
}

/* A thread that waits in one call, round after round. */
struct waiter {
    pthread_t thread;
    struct shmq *handle;
    enum call call;
    uint32_t rounds;
    sem_t begin;
    sem_t ended;
    atomic_int outcome;
};

static void *wait_again_and_again(void *context)
{
    struct waiter *waiter = context;
    for (uint32_t i = 0; i < waiter->rounds; i++) {
        while (sem_wait(&waiter->begin) != 0)
            ;
        atomic_store(&waiter->outcome, wait_in(waiter->handle, waiter->call, SHMQ_FOREVER));
        ck_assert_int_eq(sem_post(&waiter->ended), 0);
    }
    return NULL;
}

static void start_waiter(struct waiter *waiter, struct shmq *handle, enum call call, uint32_t rounds)
{
    *waiter = (struct waiter){.handle = handle, .call = call, .rounds = rounds};
    ck_assert_int_eq(sem_init(&waiter->begin, 0, 0), 0);
    ck_assert_int_eq(sem_init(&waiter->ended, 0, 0), 0);
    ck_assert_int_eq(pthread_create(&waiter->thread, NULL, wait_again_and_again, waiter), 0);
}

static void end_waiter(struct waiter *waiter)
{
    ck_assert_int_eq(pthread_join(waiter->thread, NULL), 0);
    ck_assert_int_eq(sem_destroy(&waiter->begin), 0);
    ck_assert_int_eq(sem_destroy(&waiter->ended), 0);
}

/* How long it took until the wait had ended. */
static int64_t expect_interrupted(struct waiter *waiter, int64_t since_ns)
{
    const int64_t limit = process_now_ns() + process_stretched_ms(PROMPT_MS) * MS;
    const struct timespec deadline = {limit / 1000000000, limit % 1000000000};
    ck_assert_msg(sem_clockwait(&waiter->ended, CLOCK_MONOTONIC, &deadline) == 0, "the wait goes on");
    ck_assert_int_eq(atomic_load(&waiter->outcome), -EINTR);
    return process_now_ns() - since_ns;
}

static bool is_asleep(void *context)
{
    const struct waiter *waiter = context;
    return atomic_load(&waiter->handle->interrupt.place) != SLEEP_NOT;
}

static struct shmq *open_for(enum call call, struct shmq **other)
{
    const bool puts = call == PUT || call == RESERVE || call == PUT_MANY;
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    if (puts || call == JOIN)
        ck_assert_int_eq(wait_in(producer, PUT, 0), 0);
    *other = puts ? consumer : producer;
    return puts ? producer : consumer;
}

/* At any moment of falling asleep: most often it is interrupted long before it has settled. */
START_TEST(each_call_that_waits_is_ended_at_any_moment)
{
    struct waiter waiter;
    struct shmq *other;
    int64_t longest = 0;
    use_queue("calls");
    struct shmq *handle = open_for((enum call)_i, &other);
    start_waiter(&waiter, handle, (enum call)_i, ROUNDS);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(sem_post(&waiter.begin), 0);
        if (i % 4 == 0)
            process_wait_until(is_asleep, &waiter, "it sleeps");
        for (uint32_t spins = 0; spins < i * 16; spins++)
            atomic_signal_fence(memory_order_seq_cst);
        const int64_t start = process_now_ns();
        ck_assert_int_eq(shmq_interrupt(handle), 0);
        const int64_t took = expect_interrupted(&waiter, start);
        longest = took > longest ? took : longest;
    }
    (void)fprintf(stderr, "call %d: ended within %lld us\n", _i, (long long)(longest / 1000));
    end_waiter(&waiter);
    ck_assert_int_eq(shmq_close(handle), 0);
    ck_assert_int_eq(shmq_close(other), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(an_interrupt_before_the_wait_ends_the_next_one_only)
{
    struct shmq *other;
    use_queue("before");
    struct shmq *handle = open_for((enum call)_i, &other);
    ck_assert_int_eq(shmq_interrupt(handle), 0);
    ck_assert_int_eq(shmq_interrupt(handle), 0);                  /* counts as one */
    ck_assert_int_eq(wait_in(handle, (enum call)_i, 0), -EAGAIN); /* which does not wait */
    ck_assert_int_eq(wait_in(handle, (enum call)_i, SHMQ_FOREVER), -EINTR);
    ck_assert_int_eq(wait_in(handle, (enum call)_i, MS), -ETIMEDOUT);
    ck_assert_int_eq(shmq_close(handle), 0);
    ck_assert_int_eq(shmq_close(other), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(what_need_not_wait_is_not_ended)
{
    uint64_t number = 0;
    use_queue("no-wait");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    ck_assert_int_eq(shmq_interrupt(producer), 0);
    ck_assert_int_eq(shmq_interrupt(consumer), 0);
    ck_assert_int_eq(test_queue_put(producer, 7, SHMQ_FOREVER), 0);
    ck_assert_int_eq(test_queue_get(consumer, &number, SHMQ_FOREVER), 0);
    ck_assert_uint_eq(number, 7);
    ck_assert_int_eq(test_queue_get(consumer, &number, SHMQ_FOREVER), -EINTR);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ others sleep on the same semaphore */

static void get_for_ever(void *context)
{
    struct shmq *handle;
    uint64_t number;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &attach_only), 0);
    for (;;) {
        process_require_equal(test_queue_get(handle, &number, SHMQ_FOREVER), 0);
        process_report(number);
    }
}

static bool sleepers_are(void *context)
{
    const uint32_t *count = context;
    return test_queue_stat(queue).sleepers >= *count;
}

static bool all_sleep(void *context)
{
    const struct process *others = context;
    for (int i = 0; i < OTHERS; i++)
        if (!process_sleeps(&others[i]))
            return false;
    return true;
}

static void start_others(struct process *others)
{
    uint32_t count = OTHERS;
    for (int i = 0; i < OTHERS; i++)
        process_start(&others[i], get_for_ever, NULL);
    process_wait_until(sleepers_are, &count, "the others sleep");
}

static int items_value(void)
{
    char text[SHMQ_NAME_MAX + 32];
    int value = 0;
    (void)snprintf(text, sizeof(text), "/shmq.%s.items", queue);
    sem_t *items = sem_open(text, 0);
    ck_assert_ptr_ne(items, SEM_FAILED);
    ck_assert_int_eq(sem_getvalue(items, &value), 0);
    ck_assert_int_eq(sem_close(items), 0);
    return value;
}

/* Once all sleep and no ring is left, nothing wakes anybody any more. */
static bool is_quiet_again(void *context)
{
    return all_sleep(context) && items_value() == 0 && all_sleep(context);
}

/* Rings that are meant for one are not lost to the others, who would sleep on for ten seconds. */
START_TEST(one_of_many_consumers_is_ended_and_nobody_else)
{
    struct process others[OTHERS];
    struct waiter waiter;
    int64_t longest = 0;
    int64_t total = 0;
    use_queue("many");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    start_others(others);
    start_waiter(&waiter, consumer, GET, ROUNDS);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        ck_assert_int_eq(sem_post(&waiter.begin), 0);
        if (i % 8 != 0)
            process_wait_until(is_asleep, &waiter, "it sleeps");
        const int64_t start = process_now_ns();
        ck_assert_int_eq(shmq_interrupt(consumer), 0);
        const int64_t took = expect_interrupted(&waiter, start);
        total += took;
        longest = took > longest ? took : longest;
    }
    end_waiter(&waiter);
    (void)fprintf(stderr, "beside %d others: ended within %lld us, on average %lld us\n", OTHERS,
                  (long long)(longest / 1000), (long long)(total / ROUNDS / 1000));
    process_wait_until(is_quiet_again, others, "the others sleep again");
    for (int i = 0; i < OTHERS; i++)
        ck_assert(!process_has_report(&others[i]));
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0); /* and are woken as ever */
    uint64_t number = 0;
    (void)process_hear_any(others, OTHERS, &number);
    ck_assert_uint_eq(number, 1);
    for (int i = 0; i < OTHERS; i++)
        process_kill(&others[i]);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* Waits for ever; interrupted by a signal handler whenever one comes. */
static struct shmq *signalled;

static void interrupt_on_signal(int number)
{
    const int before = errno;
    (void)number;
    errno = ERANGE;
    if (shmq_interrupt(signalled) != 0 || errno != ERANGE)
        _exit(98);
    errno = before;
}

static void wait_until_signalled(void *context)
{
    const struct sigaction action = {.sa_handler = interrupt_on_signal, .sa_flags = SA_RESTART};
    const bool puts = context != NULL;
    process_require_equal(shmq_open(&signalled, queue, puts ? SHMQ_PRODUCER : SHMQ_CONSUMER, &slow_tick), 0);
    process_require_equal(sigaction(SIGUSR1, &action, NULL), 0);
    if (puts)
        process_require_equal(wait_in(signalled, PUT, 0), 0);
    for (;;) {
        process_report(0);
        process_report(process_code(wait_in(signalled, puts ? PUT : GET, SHMQ_FOREVER)));
    }
}

/* The signal comes anywhere, from before the call to the middle of its sleep. */
START_TEST(a_signal_handler_ends_the_wait)
{
    struct process others[OTHERS];
    struct process waiter;
    const bool puts = _i == 1;
    use_queue("handler");
    ck_assert_int_eq(shmq_create(queue, &slow_tick), 0);
    if (!puts)
        start_others(others);
    process_start(&waiter, wait_until_signalled, puts ? "puts" : NULL);
    for (uint32_t i = 0; i < ROUNDS / 2; i++) {
        uint64_t code = 0;
        ck_assert_uint_eq(process_hear(&waiter), 0);
        for (uint32_t spins = 0; spins < i * 128; spins++)
            atomic_signal_fence(memory_order_seq_cst);
        ck_assert_int_eq(kill(waiter.pid, SIGUSR1), 0);
        ck_assert_msg(process_hears(&waiter, process_stretched_ms(PROMPT_MS), &code), "the wait goes on");
        ck_assert_uint_eq(code, process_code(-EINTR));
    }
    process_kill(&waiter);
    for (int i = 0; !puts && i < OTHERS; i++)
        process_kill(&others[i]);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ long sleep, no semaphore, one that is stopped
 */

#define SHORT_TICK_MS 60 /* a long sleep is 64 of it */
static const struct shmq_options short_tick = {SHMQ_OPTIONS_DEFAULTS,  .create = true,
                                               .capacity_bytes = 4096, .max_message_bytes = 4096,
                                               .follow = true,         .tick_ns = SHORT_TICK_MS * MS};

static bool sleeps_long(void *context)
{
    struct waiter *waiter = context;
    struct shmq *handle = waiter->handle;
    return atomic_load(&handle->seats[handle->consumer.seat].waiting) == WAITING_LONG;
}

static int64_t cpu_of_thread(pthread_t thread)
{
    clockid_t clock;
    struct timespec used;
    ck_assert_int_eq(pthread_getcpuclockid(thread, &clock), 0);
    ck_assert_int_eq(clock_gettime(clock, &used), 0);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

START_TEST(a_long_sleep_is_ended_at_once)
{
    struct waiter watch;
    struct waiter waiter;
    use_queue("long");
    struct shmq *first = test_queue_open(queue, SHMQ_CONSUMER, &short_tick);
    struct shmq *second = test_queue_open(queue, SHMQ_CONSUMER, &short_tick);
    start_waiter(&watch, first, GET, 1);
    start_waiter(&waiter, second, GET, 1);
    ck_assert_int_eq(sem_post(&watch.begin), 0);
    process_wait_until(is_asleep, &watch, "one watches");
    ck_assert_int_eq(sem_post(&waiter.begin), 0);
    process_wait_until(sleeps_long, &waiter, "the other sleeps long");
    const int64_t start = process_now_ns();
    ck_assert_int_eq(shmq_interrupt(second), 0);
    const int64_t took = expect_interrupted(&waiter, start);
    (void)fprintf(stderr, "in a long sleep: ended after %lld us\n", (long long)(took / 1000));
    ck_assert_int_lt(took, process_stretched_ms(SHORT_TICK_MS) * MS);
    ck_assert_int_lt(cpu_of_thread(watch.thread), process_stretched_ms(1000) * MS);
    ck_assert_int_eq(shmq_interrupt(first), 0);
    (void)expect_interrupted(&watch, start);
    end_waiter(&waiter);
    end_waiter(&watch);
    ck_assert_int_eq(shmq_close(second), 0);
    ck_assert_int_eq(shmq_close(first), 0);
    test_queue_remove(queue);
}
END_TEST

/* What stands under the semaphores' names is no semaphore: then one sleeps by the clock. */
START_TEST(a_sleep_without_a_semaphore_is_ended)
{
    struct waiter waiter;
    struct shmq *other;
    use_queue("no-semaphore");
    const char *const names[] = {"items", "space.0"};
    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(test_semaphore_path(queue, names[i]), "w");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fclose(file), 0);
    }
    struct shmq *handle = open_for(_i == 0 ? GET : PUT, &other);
    start_waiter(&waiter, handle, _i == 0 ? GET : PUT, 100);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(sem_post(&waiter.begin), 0);
        process_wait_until(is_asleep, &waiter, "it sleeps");
        const int64_t start = process_now_ns();
        ck_assert_int_eq(shmq_interrupt(handle), 0);
        (void)expect_interrupted(&waiter, start);
    }
    end_waiter(&waiter);
    ck_assert_int_eq(shmq_close(handle), 0);
    ck_assert_int_eq(shmq_close(other), 0);
    test_queue_remove(queue);
}
END_TEST

static void interrupt_itself_when_told(void *context)
{
    struct waiter waiter;
    struct shmq *handle;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &short_tick), 0);
    start_waiter(&waiter, handle, GET, 2);
    process_require_equal(sem_post(&waiter.begin), 0);
    while (atomic_load(&handle->interrupt.place) == SLEEP_NOT)
        ;
    process_report(handle->consumer.seat);
    (void)process_await_order();
    process_report(0);
}

/* Of a consumer, how much of a processor it has used so far. */
static void get_and_tell_cpu(void *context)
{
    struct shmq *handle;
    uint64_t number;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &short_tick), 0);
    for (;;) {
        struct timespec used;
        process_require_equal(test_queue_get(handle, &number, SHMQ_FOREVER), 0);
        process_require_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
        process_report((uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec);
    }
}

/* As if it had been interrupted and then stopped: the others neither wait for it nor burn a processor. */
START_TEST(who_is_interrupted_and_stopped_holds_up_nobody)
{
    struct process stopped;
    struct process other;
    struct planted planted;
    uint64_t before = 0;
    uint64_t after = 0;
    use_queue("stopped");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &short_tick);
    process_start(&stopped, interrupt_itself_when_told, NULL);
    const uint64_t seat = process_hear(&stopped);
    process_start(&other, get_and_tell_cpu, NULL);
    process_stop(&stopped);
    planted_map(&planted, queue);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert(process_hears(&other, process_patience_ms(), &before));
    atomic_store(&planted.seats[seat].interrupted, 1);
    atomic_fetch_add(&planted.header->interrupts, 3);
    const int64_t end = process_now_ns() + 20 * SHORT_TICK_MS * MS;
    for (uint64_t i = 0; process_now_ns() < end; i++) { /* each is woken for promptly, within a tick or two */
        const int64_t start = process_now_ns();
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
        ck_assert(process_hears(&other, process_patience_ms(), &after));
        ck_assert_int_lt(process_now_ns() - start, process_stretched_ms(10 * SHORT_TICK_MS) * MS);
        const struct timespec pause = {0, 20 * MS};
        (void)nanosleep(&pause, NULL);
    }
    (void)fprintf(stderr, "beside one that is stopped: %llu us of a processor in %d ms\n",
                  (unsigned long long)(after - before) / 1000, 20 * SHORT_TICK_MS);
    ck_assert_int_lt((int64_t)(after - before), process_stretched_ms(200) * MS);
    /* Who sleeps aside hears no ring, so none was missed. */
    ck_assert_uint_eq(atomic_load(&planted.header->bell_generation), 0);
    planted_unmap(&planted);
    process_continue(&stopped);
    process_kill(&stopped);
    process_kill(&other);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* Of one consumer. */
struct view_of_seat {
    struct planted planted;
    uint64_t seat;
};

static bool seat_sleeps_long(void *context)
{
    const struct view_of_seat *view = context;
    return atomic_load(&view->planted.seats[view->seat].waiting) == WAITING_LONG;
}

static bool seat_has_been_woken(void *context)
{
    const struct view_of_seat *view = context;
    return atomic_load(&view->planted.seats[view->seat].interrupted) == 0;
}

static bool rings_are_gone(void *context)
{
    (void)context;
    return items_value() == 0;
}

static void post_items(int times)
{
    char text[SHMQ_NAME_MAX + 32];
    (void)snprintf(text, sizeof(text), "/shmq.%s.items", queue);
    sem_t *items = sem_open(text, 0);
    ck_assert_ptr_ne(items, SEM_FAILED);
    for (int i = 0; i < times; i++)
        ck_assert_int_eq(sem_post(items), 0);
    ck_assert_int_eq(sem_close(items), 0);
}

static void report_seat_and_get(void *context)
{
    struct shmq *handle;
    uint64_t number;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &attach_only), 0);
    process_report(handle->consumer.seat);
    process_require_equal(test_queue_get(handle, &number, SHMQ_FOREVER), 0);
}

/* As shmq_interrupt does it, while the one that it is for cannot take its ring: others take them all. */
START_TEST(rings_that_others_have_taken_come_back)
{
    struct process others[2];
    struct process sleeper;
    struct view_of_seat view;
    uint32_t two = 2;
    use_queue("stolen");
    ck_assert_int_eq(shmq_create(queue, &short_tick), 0);
    planted_map(&view.planted, queue);
    for (int i = 0; i < 2; i++)
        process_start(&others[i], get_for_ever, NULL);
    process_wait_until(sleepers_are, &two, "the others sleep");
    process_start(&sleeper, report_seat_and_get, NULL);
    view.seat = process_hear(&sleeper);
    process_wait_until(seat_sleeps_long, &view, "it sleeps long");
    process_stop(&sleeper);
    atomic_store(&view.planted.seats[view.seat].interrupted, 1);
    atomic_fetch_add(&view.planted.header->interrupts, 3);
    post_items(3);
    process_wait_until(rings_are_gone, NULL, "others have taken its rings");
    const int64_t start = process_now_ns();
    process_continue(&sleeper);
    process_wait_until(seat_has_been_woken, &view, "it is woken");
    const int64_t took = process_now_ns() - start;
    (void)fprintf(stderr, "all rings taken by others: woken after %lld us\n", (long long)(took / 1000));
    ck_assert_int_lt(took, 25 * SHORT_TICK_MS * MS);
    process_kill(&sleeper);
    for (int i = 0; i < 2; i++)
        process_kill(&others[i]);
    planted_unmap(&view.planted);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST_EACH(each_call_that_waits_is_ended_at_any_moment, CALLS),
    TEST_EACH(an_interrupt_before_the_wait_ends_the_next_one_only, CALLS),
    TEST(what_need_not_wait_is_not_ended),
    TEST(one_of_many_consumers_is_ended_and_nobody_else),
    TEST_EACH(a_signal_handler_ends_the_wait, 2),
    TEST(a_long_sleep_is_ended_at_once),
    TEST_EACH(a_sleep_without_a_semaphore_is_ended, 2),
    TEST(who_is_interrupted_and_stopped_holds_up_nobody),
    TEST(rings_that_others_have_taken_come_back),
};

TEST_SUITE("interrupt", tests, .seconds = 120);
