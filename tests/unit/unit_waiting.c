/* SPDX-License-Identifier: MIT */
/* Sleeping and waking: who sleeps is woken and need not wait for the tick, whatever is done to the semaphores. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

/* So long that whatever comes in time has been brought by a wake-up. */
#define LONG_TICK_NS INT64_C(10000000000)
#define PROMPT_MS 2000
#define MS INT64_C(1000000)

static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;
static const struct shmq_options slow_tick = {SHMQ_OPTIONS_DEFAULTS,     .create = true, .capacity_bytes = 4096,
                                              .max_message_bytes = 4096, .prefetch = 1,  .follow = true,
                                              .tick_ns = LONG_TICK_NS};

static uint64_t hear_promptly(struct process *process)
{
    uint64_t number = 0;
    ck_assert_msg(process_hears(process, process_stretched_ms(PROMPT_MS), &number), "not woken");
    return number;
}

static void expect_prompt_since(int64_t start)
{
    ck_assert_int_lt(process_now_ns() - start, process_stretched_ms(PROMPT_MS) * MS);
}

static bool sleepers_are(void *context)
{
    const uint32_t *count = context;
    return test_queue_stat(queue).sleepers == *count;
}

static void wait_for_sleepers(uint32_t count)
{
    process_wait_until(sleepers_are, &count, "so many sleep");
}

static bool lane_is_blocked(void *context)
{
    const uint32_t *lane = context;
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    struct shmq *handle = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    ck_assert_int_eq(shmq_stat_lane(handle, *lane, &stat), 0);
    ck_assert_int_eq(shmq_close(handle), 0);
    return stat.blocked;
}

static void wait_for_blocked(uint32_t lane)
{
    process_wait_until(lane_is_blocked, &lane, "the producer is blocked");
}

/* Gets for ever and reports each number, until something else comes: that is reported too. */
static void get_for_ever(void *context)
{
    struct shmq_options options = slow_tick;
    struct shmq *handle;
    uint64_t number = 0;
    int code;
    options.create = false;
    options.tick_ns = 0;
    options.capacity_bytes = 0;
    options.max_message_bytes = 0;
    options.follow = context == NULL;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    while ((code = test_queue_get(handle, &number, SHMQ_FOREVER)) == 0)
        process_report(number);
    process_report(process_code(code));
    process_require_equal(shmq_close(handle), 0);
}

static void get_until_removed(void *context)
{
    struct shmq *handle;
    uint64_t number;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &attach_only), 0);
    process_report(process_code(test_queue_get(handle, &number, SHMQ_FOREVER)));
    (void)shmq_close(handle);
}

/* Puts messages that fill the whole lane, and reports each, until something else comes. */
static void fill_for_ever(void *context)
{
    unsigned char message[4096] = {0};
    struct shmq *handle;
    int code;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &attach_only), 0);
    while ((code = shmq_put(handle, message, sizeof(message), SHMQ_FOREVER)) == 0)
        process_report(0);
    process_report(process_code(code));
    (void)shmq_close(handle);
}

/* ------------------------------------------------------------------ woken, not by the tick */

#define ROUNDS 50

START_TEST(get_is_woken_by_a_put)
{
    struct process consumer;
    use_queue("get");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    process_start(&consumer, get_for_ever, NULL);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        wait_for_sleepers(1);
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
        ck_assert_uint_eq(hear_promptly(&consumer), i);
    }
    process_kill(&consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(two_producers_wake_three_consumers)
{
    struct process consumers[3];
    struct shmq *producers[2];
    uint64_t next = 0;
    use_queue("two-three");
    srandom(1);
    for (size_t i = 0; i < 2; i++)
        producers[i] = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    for (size_t i = 0; i < 3; i++)
        process_start(&consumers[i], get_for_ever, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t count = 1 + (uint64_t)random() % 3;
        wait_for_sleepers(3);
        const int64_t start = process_now_ns();
        for (uint64_t i = 0; i < count; i++)
            ck_assert_int_eq(test_queue_put(producers[random() % 2], next + i, 0), 0);
        uint64_t sum = 0;
        for (uint64_t i = 0; i < count; i++) {
            uint64_t number;
            (void)process_hear_any(consumers, 3, &number);
            sum += number - next;
        }
        ck_assert_uint_eq(sum, count * (count - 1) / 2);
        expect_prompt_since(start);
        next += count;
    }
    for (size_t i = 0; i < 3; i++)
        process_kill(&consumers[i]);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(shmq_close(producers[i]), 0);
    test_queue_remove(queue);
}
END_TEST

/* Takes one, reports it, and keeps it until ordered: so each of several messages needs a consumer of its own. */
static void get_one_and_keep_it(void *context)
{
    struct shmq_options options = attach_only;
    struct shmq *handle;
    struct shmq_message message;
    uint64_t number;
    (void)context;
    options.prefetch = 1;
    options.follow = true;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    for (;;) {
        process_require_equal(test_queue_lease(handle, &number, &message, SHMQ_FOREVER), 0);
        process_report(number);
        (void)process_await_order();
        process_require_equal(shmq_acknowledge(handle, 1), 0);
    }
}

START_TEST(put_many_wakes_as_many_as_there_are_messages)
{
    struct process consumers[3];
    uint64_t numbers[3] = {0, 1, 2};
    struct iovec messages[3];
    use_queue("many");
    for (size_t i = 0; i < 3; i++)
        messages[i] = (struct iovec){.iov_base = &numbers[i], .iov_len = sizeof(numbers[i])};
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    for (size_t i = 0; i < 3; i++)
        process_start(&consumers[i], get_one_and_keep_it, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        size_t done;
        uint64_t sum = 0;
        wait_for_sleepers(3);
        ck_assert_int_eq(shmq_put_many(producer, messages, 3, &done, 0), 0);
        ck_assert_uint_eq(done, 3);
        for (size_t i = 0; i < 3; i++)
            sum += hear_promptly(&consumers[i]);
        ck_assert_uint_eq(sum, 3);
        for (size_t i = 0; i < 3; i++)
            process_order(&consumers[i], 0);
    }
    for (size_t i = 0; i < 3; i++)
        process_kill(&consumers[i]);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

static void take_block(struct shmq *consumer)
{
    unsigned char message[4096];
    size_t length;
    ck_assert_int_eq(shmq_get(consumer, message, sizeof(message), &length, process_patience_ns()), 0);
    ck_assert_uint_eq(length, sizeof(message));
}

START_TEST(put_is_woken_when_there_is_room)
{
    struct process producer;
    use_queue("put");
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    process_start(&producer, fill_for_ever, NULL);
    ck_assert_uint_eq(hear_promptly(&producer), 0);
    for (int round = 0; round < ROUNDS; round++) {
        wait_for_blocked(0);
        take_block(consumer);
        ck_assert_uint_eq(hear_promptly(&producer), 0);
    }
    process_kill(&producer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* Each lane's producer sleeps on its own semaphore. */
START_TEST(each_blocked_producer_is_woken_by_its_own_lane)
{
    struct process producers[2];
    use_queue("own-lane");
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    for (uint32_t i = 0; i < 2; i++) {
        process_start(&producers[i], fill_for_ever, NULL);
        ck_assert_uint_eq(hear_promptly(&producers[i]), 0);
        wait_for_blocked(i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct shmq_message message;
        ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
        ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
        ck_assert_uint_eq(hear_promptly(&producers[message.lane]), 0);
        wait_for_blocked(message.lane);
    }
    for (size_t i = 0; i < 2; i++)
        process_kill(&producers[i]);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ at any moment of falling asleep */

/* So many that some hit the moment between the last look and saying so. */
#define MOMENTS 10000

/* Through shared memory and without sleeping: a pipe would take longer than falling asleep does. */
struct rounds {
    _Atomic uint64_t done; /* W: the child, right before it waits again */
};

static void get_in_rounds(void *context)
{
    struct rounds *rounds = context;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
    struct shmq *handle;
    uint64_t number;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    for (uint64_t i = 0; i < MOMENTS; i++) {
        process_require_equal(test_queue_get(handle, &number, SHMQ_FOREVER), 0);
        process_require_equal(number, i);
        atomic_store(&rounds->done, i + 1);
    }
    process_require_equal(shmq_close(handle), 0);
}

/* Each message fills the lane, so that the next one has to wait. */
static void put_in_rounds(void *context)
{
    struct rounds *rounds = context;
    unsigned char message[4096] = {0};
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &attach_only), 0);
    for (uint64_t i = 0; i < MOMENTS; i++) {
        process_require_equal(shmq_put(handle, message, sizeof(message), SHMQ_FOREVER), 0);
        atomic_store(&rounds->done, i + 1);
    }
    process_require_equal(shmq_close(handle), 0);
}

static void wait_for_round(struct rounds *rounds, uint64_t done)
{
    const int64_t deadline = process_now_ns() + process_stretched_ms(PROMPT_MS) * MS;
    while (atomic_load(&rounds->done) < done)
        ck_assert_msg(process_now_ns() < deadline, "not woken in round %d", (int)done);
}

/*
 * Busy for a moment that is short, to hit falling asleep, or long, to teach the sleeper that spinning for so long
 * does not pay: so that it goes on falling asleep after a short moment.
 */
static void pass_a_moment(void)
{
    const int64_t now = process_now_ns();
    const int64_t end = now + (random() % 4 != 0 ? random() % 20000 : 110000 + random() % 50000);
    while (process_now_ns() < end)
        ;
}

START_TEST(get_is_woken_at_any_moment_of_falling_asleep)
{
    struct process consumer;
    use_queue("get-moment");
    struct rounds *rounds = process_share(sizeof(*rounds));
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    process_start(&consumer, get_in_rounds, rounds);
    for (uint64_t i = 0; i < MOMENTS; i++) {
        wait_for_round(rounds, i);
        pass_a_moment();
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    }
    process_expect_success(&consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(put_is_woken_at_any_moment_of_falling_asleep)
{
    struct process producer;
    use_queue("put-moment");
    struct rounds *rounds = process_share(sizeof(*rounds));
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    process_start(&producer, put_in_rounds, rounds);
    for (uint64_t i = 0; i < MOMENTS; i++) {
        wait_for_round(rounds, i + 1);
        pass_a_moment();
        take_block(consumer);
    }
    process_expect_success(&producer);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ woken by what concerns everybody */

START_TEST(shutdown_now_wakes_everybody)
{
    struct process consumers[2];
    struct process producer;
    struct shmq_message message;
    use_queue("now");
    struct shmq *holder = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    process_start(&producer, fill_for_ever, NULL);
    ck_assert_uint_eq(hear_promptly(&producer), 0);
    ck_assert_int_eq(shmq_lease(holder, &message, 0), 0);
    for (size_t i = 0; i < 2; i++)
        process_start(&consumers[i], get_for_ever, NULL);
    wait_for_blocked(0);
    wait_for_sleepers(2);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    ck_assert_uint_eq(hear_promptly(&producer), process_code(-ESHUTDOWN));
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(hear_promptly(&consumers[i]), process_code(-ESHUTDOWN));
        process_expect_success(&consumers[i]);
    }
    process_expect_success(&producer);
    ck_assert_int_eq(shmq_acknowledge(holder, 1), 0);
    ck_assert_int_eq(shmq_lease(holder, &message, SHMQ_FOREVER), -ESHUTDOWN);
    ck_assert_int_eq(shmq_close(holder), 0);
    test_queue_remove(queue);
}
END_TEST

/* Producers at once; consumers when the last message is acknowledged, which somebody else holds. */
START_TEST(shutdown_drain_wakes_everybody)
{
    struct process consumers[2];
    struct process producer;
    struct shmq_message message;
    uint64_t number;
    use_queue("drain");
    struct shmq *holder = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    process_start(&producer, fill_for_ever, NULL);
    ck_assert_uint_eq(hear_promptly(&producer), 0);
    ck_assert_int_eq(shmq_lease(holder, &message, 0), 0);
    for (size_t i = 0; i < 2; i++)
        process_start(&consumers[i], get_for_ever, NULL);
    wait_for_blocked(0);
    wait_for_sleepers(2);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    ck_assert_uint_eq(hear_promptly(&producer), process_code(-ESHUTDOWN));
    process_expect_success(&producer);
    wait_for_sleepers(2);
    for (size_t i = 0; i < 2; i++)
        ck_assert(!process_hears(&consumers[i], 0, &number));
    ck_assert_int_eq(shmq_acknowledge(holder, 1), 0);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(hear_promptly(&consumers[i]), process_code(-ESHUTDOWN));
        process_expect_success(&consumers[i]);
    }
    ck_assert_int_eq(shmq_close(holder), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(removal_wakes_everybody)
{
    struct process consumers[2];
    struct process producer;
    struct shmq_message message;
    use_queue("removed");
    struct shmq *holder = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    process_start(&producer, fill_for_ever, NULL);
    ck_assert_uint_eq(hear_promptly(&producer), 0);
    ck_assert_int_eq(shmq_lease(holder, &message, 0), 0);
    for (size_t i = 0; i < 2; i++)
        process_start(&consumers[i], get_until_removed, NULL);
    wait_for_blocked(0);
    wait_for_sleepers(2);
    ck_assert_int_eq(shmq_remove(queue, true), 0);
    ck_assert_uint_eq(hear_promptly(&producer), process_code(-ESTALE));
    process_expect_success(&producer);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(hear_promptly(&consumers[i]), process_code(-ESTALE));
        process_expect_success(&consumers[i]);
    }
    (void)shmq_close(holder);
    ck_assert_uint_eq(test_leftovers(queue), 0);
}
END_TEST

START_TEST(shutdown_of_an_empty_queue_wakes_consumers)
{
    struct process consumers[3];
    use_queue("empty");
    ck_assert_int_eq(shmq_create(queue, &slow_tick), 0);
    for (size_t i = 0; i < 3; i++)
        process_start(&consumers[i], get_for_ever, NULL);
    wait_for_sleepers(3);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(hear_promptly(&consumers[i]), process_code(-ESHUTDOWN));
        process_expect_success(&consumers[i]);
    }
    test_queue_remove(queue);
}
END_TEST

/* The end of the stream: once when the producer goes, once when the last message is acknowledged after that. */
static void expect_end_to_wake(bool last_is_held)
{
    struct process consumers[3];
    struct shmq_message message;
    uint64_t number;
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    struct shmq *holder = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(test_queue_lease(holder, &number, &message, 0), 0);
    for (size_t i = 0; i < 3; i++)
        process_start(&consumers[i], get_for_ever, "not for ever");
    wait_for_sleepers(3);
    if (!last_is_held)
        ck_assert_int_eq(shmq_acknowledge(holder, 1), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    if (last_is_held) {
        wait_for_sleepers(3);
        ck_assert_int_eq(shmq_acknowledge(holder, 1), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(hear_promptly(&consumers[i]), process_code(-ENODATA));
        process_expect_success(&consumers[i]);
    }
    ck_assert_int_eq(shmq_close(holder), 0);
    test_queue_remove(queue);
}

START_TEST(end_of_stream_wakes_consumers)
{
    use_queue("end");
    expect_end_to_wake(false);
    expect_end_to_wake(true);
}
END_TEST

/* ------------------------------------------------------------------ semaphores under attack */

#define LOAD_NUMBERS 20000
#define LOAD_PRODUCERS 2
#define LOAD_CONSUMERS 2
#define ATTACKS 24

struct load {
    _Atomic uint64_t received;
    _Atomic unsigned char seen[LOAD_PRODUCERS][LOAD_NUMBERS];
    uint64_t member;
    int64_t longest_timeout_ns; /* 0: consumers wait for ever, and producers never pause */
    _Atomic uint64_t timeouts;
};

/* Small lanes and a short tick: much sleeping, and little time lost where it is needed. */
static const struct shmq_options load_queue = {SHMQ_OPTIONS_DEFAULTS,  .create = true,
                                               .capacity_bytes = 4096, .prefetch = 4,
                                               .tick_ns = 5 * MS,      .producers = LOAD_PRODUCERS};

/* Now and then, so that consumers run out of messages. */
static void pause_sometimes(const struct load *load)
{
    const struct timespec moment = {.tv_nsec = random() % 500000};
    if (load->longest_timeout_ns != 0 && random() % 32 == 0)
        (void)nanosleep(&moment, NULL);
}

static void put_load(void *context)
{
    struct load *load = context;
    const uint64_t member = load->member;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &load_queue), 0);
    process_report(0);
    for (uint64_t i = 0; i < LOAD_NUMBERS; i++) {
        pause_sometimes(load);
        process_require_equal(test_queue_put(handle, member * LOAD_NUMBERS + i, SHMQ_FOREVER), 0);
    }
    process_require_equal(shmq_close(handle), 0);
}

/* The next timeout: for ever, or anything from nothing up to the longest. */
static int64_t any_timeout_ns(const struct load *load)
{
    return load->longest_timeout_ns == 0 ? SHMQ_FOREVER : (int64_t)random() % load->longest_timeout_ns;
}

static void get_load(void *context)
{
    struct load *load = context;
    struct shmq *handle;
    uint64_t number;
    int code;
    srandom((unsigned)getpid());
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &load_queue), 0);
    process_report(0);
    for (;;) {
        code = test_queue_get(handle, &number, any_timeout_ns(load));
        if (code == -ETIMEDOUT || code == -EAGAIN) {
            atomic_fetch_add(&load->timeouts, 1);
            continue;
        }
        if (code != 0)
            break;
        process_require(number < LOAD_PRODUCERS * LOAD_NUMBERS);
        atomic_fetch_add(&load->seen[number / LOAD_NUMBERS][number % LOAD_NUMBERS], 1);
        atomic_fetch_add(&load->received, 1);
    }
    process_require_equal(code, -ENODATA);
    process_require_equal(shmq_close(handle), 0);
}

struct progress {
    struct load *load;
    uint64_t goal;
};

static bool load_has_come(void *context)
{
    const struct progress *progress = context;
    return atomic_load(&progress->load->received) >= progress->goal;
}

static void path_of_semaphore(char *path, size_t size, const char *which)
{
    (void)snprintf(path, size, "/dev/shm/sem.shmq.%s.%s", queue, which);
}

static void delete_semaphore(const char *which)
{
    char path[512];
    path_of_semaphore(path, sizeof(path), which);
    ck_assert(unlink(path) == 0 || errno == ENOENT);
}

static void replace_semaphore(const char *which)
{
    char name[512];
    delete_semaphore(which);
    (void)snprintf(name, sizeof(name), "/shmq.%s.%s", queue, which);
    sem_t *fresh = sem_open(name, O_CREAT, 0600, 3);
    ck_assert_ptr_ne(fresh, SEM_FAILED);
    ck_assert_int_eq(sem_close(fresh), 0);
}

/* Its value is the first 32 bits of glibc's semaphore. A sleeper does not notice. */
static void set_semaphore(const char *which, uint32_t value)
{
    char path[512];
    path_of_semaphore(path, sizeof(path), which);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ck_assert_int_eq(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
    ck_assert_int_eq(close(fd), 0);
}

static void post_semaphore(const char *which)
{
    char name[512];
    (void)snprintf(name, sizeof(name), "/shmq.%s.%s", queue, which);
    sem_t *semaphore = sem_open(name, 0);
    if (semaphore == SEM_FAILED)
        return;
    for (int i = 0; i < 1000; i++)
        (void)sem_post(semaphore);
    ck_assert_int_eq(sem_close(semaphore), 0);
}

#define ATTACK_KINDS 6

static void attack(unsigned how)
{
    static const char *const names[] = {"items", "space.0", "space.1"};
    for (size_t i = 0; i < COUNT(names); i++) {
        switch (how) {
        case 0:
            delete_semaphore(names[i]);
            break;
        case 1:
            post_semaphore(names[i]);
            break;
        case 2:
            replace_semaphore(names[i]);
            break;
        case 3:
            set_semaphore(names[i], 1000);
            break;
        case 4:
            set_semaphore(names[i], 0);
            break;
        default:
            set_semaphore(names[i], SEM_VALUE_MAX);
            break;
        }
    }
}

static void start_load(struct load *load, struct process *producers, struct process *consumers)
{
    ck_assert_int_eq(shmq_create(queue, &load_queue), 0);
    for (load->member = 0; load->member < LOAD_PRODUCERS; load->member++) {
        process_start(&producers[load->member], put_load, load);
        ck_assert_uint_eq(process_hear(&producers[load->member]), 0);
    }
    for (size_t i = 0; i < LOAD_CONSUMERS; i++) {
        process_start(&consumers[i], get_load, load);
        ck_assert_uint_eq(process_hear(&consumers[i]), 0);
    }
}

static void expect_load_complete(struct load *load, struct process *producers, struct process *consumers)
{
    for (size_t i = 0; i < LOAD_PRODUCERS; i++)
        process_expect_success(&producers[i]);
    for (size_t i = 0; i < LOAD_CONSUMERS; i++)
        process_expect_success(&consumers[i]);
    for (size_t i = 0; i < LOAD_PRODUCERS; i++)
        for (size_t j = 0; j < LOAD_NUMBERS; j++)
            ck_assert_uint_eq(atomic_load(&load->seen[i][j]), 1);
}

START_TEST(semaphores_deleted_set_and_replaced_under_load)
{
    struct process producers[LOAD_PRODUCERS];
    struct process consumers[LOAD_CONSUMERS];
    use_queue("attacked");
    struct load *load = process_share(sizeof(*load));
    start_load(load, producers, consumers);
    struct progress progress = {.load = load};
    struct process latecomer;
    for (unsigned i = 0; i < ATTACKS; i++) {
        attack(i % ATTACK_KINDS);
        if (i == ATTACKS / 3) /* hears, and rings, what is there now */
            process_start(&latecomer, get_load, load);
        progress.goal += LOAD_PRODUCERS * LOAD_NUMBERS / ATTACKS;
        process_wait_until(load_has_come, &progress, "messages go on coming");
    }
    process_expect_success(&latecomer);
    expect_load_complete(load, producers, consumers);
    ck_assert_int_eq(munmap(load, sizeof(*load)), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(nothing_is_lost_by_timing_out)
{
    struct process producers[LOAD_PRODUCERS];
    struct process consumers[LOAD_CONSUMERS];
    use_queue("impatient");
    struct load *load = process_share(sizeof(*load));
    load->longest_timeout_ns = 2 * MS;
    start_load(load, producers, consumers);
    expect_load_complete(load, producers, consumers);
    ck_assert_uint_gt(atomic_load(&load->timeouts), 100);
    ck_assert_int_eq(munmap(load, sizeof(*load)), 0);
    test_queue_remove(queue);
}
END_TEST

/* Timed gets, each reporting what it brought; ordered how long to wait, in milliseconds. */
static void get_as_ordered(void *context)
{
    struct shmq *handle;
    uint64_t number;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &options), 0);
    for (;;) {
        const int64_t timeout_ms = (int64_t)process_await_order();
        number = 0;
        const int code = test_queue_get(handle, &number, timeout_ms * MS);
        process_report(code == 0 ? number : process_code(code));
    }
}

static void put_as_ordered(void *context)
{
    struct shmq *handle;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &attach_only), 0);
    process_report(0);
    for (;;)
        process_report(process_code(test_queue_put(handle, process_await_order(), 0)));
}

/* Or was, and has reported meanwhile. */
static bool is_asleep(void *context)
{
    return process_has_report(context) || (test_queue_stat(queue).sleepers > 0 && process_sleeps(context));
}

static void order_put(struct process *producer, uint64_t number)
{
    process_order(producer, number);
    ck_assert_uint_eq(process_hear(producer), 0);
}

/* What is put while nobody can be woken is found when the time is over; that mends the doorbell. */
static void expect_healing(struct process *consumer, struct process *producer, void (*damage)(const char *which))
{
    uint64_t first;
    do { /* again if the put came only after the time was over */
        process_order(consumer, 100);
        process_wait_until(is_asleep, consumer, "the consumer sleeps");
        damage("items");
        order_put(producer, 1);
        first = process_hear(consumer);
        if (first != 1) {
            ck_assert_uint_eq(first, process_code(-ETIMEDOUT));
            process_order(consumer, 0);
            ck_assert_uint_eq(process_hear(consumer), 1);
        }
    } while (first != 1);
    for (uint64_t i = 2; i < 12; i++) {
        process_order(consumer, (uint64_t)process_patience_ms());
        process_wait_until(is_asleep, consumer, "the consumer sleeps");
        order_put(producer, i);
        ck_assert_uint_eq(hear_promptly(consumer), i);
    }
}

/* A producer that opens the semaphore only after the damage, so that it rings another bell than the consumer
 * hears. */
static void expect_healing_with_newcomer(void (*damage)(const char *which))
{
    struct process consumer;
    struct process producer;
    ck_assert_int_eq(shmq_create(queue, &slow_tick), 0);
    process_start(&producer, put_as_ordered, NULL);
    ck_assert_uint_eq(process_hear(&producer), 0);
    process_start(&consumer, get_as_ordered, NULL);
    expect_healing(&consumer, &producer, damage);
    /* Once more: now both have it open. */
    expect_healing(&consumer, &producer, damage);
    process_kill(&consumer);
    process_kill(&producer);
    test_queue_remove(queue);
}

static void post_thousand(const char *which)
{
    post_semaphore(which);
}

/* Each count too many would cost a call when something is put. */
START_TEST(who_times_out_is_no_longer_counted)
{
    unsigned char message[4096] = {0};
    uint64_t number;
    use_queue("counted");
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &slow_tick);
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(test_queue_get(consumer, &number, MS), -ETIMEDOUT);
    ck_assert_uint_eq(test_queue_stat(queue).sleepers, 0);
    ck_assert_int_eq(shmq_put(producer, message, sizeof(message), 0), 0);
    ck_assert_int_eq(shmq_put(producer, message, sizeof(message), MS), -ETIMEDOUT);
    ck_assert_uint_eq(atomic_load(&producer->producer.ring.ring.control->wanted_head), 0);
    ck_assert_uint_eq((uint32_t)atomic_load(&consumer->header->bell), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(damaged_doorbell_heals)
{
    use_queue("heals");
    expect_healing_with_newcomer(delete_semaphore);
    expect_healing_with_newcomer(replace_semaphore);
    expect_healing_with_newcomer(post_thousand);
}
END_TEST

/* ------------------------------------------------------------------ values that cannot be */

static const uint32_t absurd_values[] = {10000, SEM_VALUE_MAX / 2, SEM_VALUE_MAX, UINT32_MAX};

static int64_t cpu_ns(void)
{
    struct rusage usage;
    process_require_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 * MS +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

#define ABSURD_TICK_MS 50
static const struct shmq_options absurd = {SHMQ_OPTIONS_DEFAULTS,  .create = true,
                                           .capacity_bytes = 4096, .max_message_bytes = 4096,
                                           .follow = true,         .tick_ns = ABSURD_TICK_MS * MS};

static uint32_t value_of(const char *which)
{
    char path[512];
    uint32_t value = 0;
    path_of_semaphore(path, sizeof(path), which);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &value, sizeof(value), 0), sizeof(value));
    ck_assert_int_eq(close(fd), 0);
    return value;
}

static ino_t inode_of(const char *which)
{
    char path[512];
    struct stat st = {0};
    path_of_semaphore(path, sizeof(path), which);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Waits for half a second, again as often as it is told to; reports what of a processor that took. */
static void wait_beside_it(void *context)
{
    const bool puts = context != NULL;
    unsigned char block[4096] = {0};
    struct shmq *handle;
    size_t length;
    process_require_equal(shmq_open(&handle, queue, puts ? SHMQ_PRODUCER : SHMQ_CONSUMER, &absurd), 0);
    while (puts && shmq_put(handle, block, sizeof(block), 0) == 0)
        ;
    for (;;) {
        const int64_t before = cpu_ns();
        const int code = puts ? shmq_put(handle, block, sizeof(block), 500 * MS)
                              : shmq_get(handle, block, sizeof(block), &length, 500 * MS);
        process_require_equal(code, -ETIMEDOUT);
        process_report((uint64_t)(cpu_ns() - before));
        (void)process_await_order();
    }
}

#define ABSURD_CPU_MS 60 /* of 500: each sleep that ends at once would take all of it */

/* It costs the one who sleeps on it little, and then it is one like any other, of the same owner and mode. */
START_TEST(semaphore_of_an_absurd_value_is_replaced)
{
    const bool puts = _i >= 4;
    const char *const which = puts ? "space.0" : "items";
    struct process waiter;
    struct stat st;
    char path[512];
    uint64_t used = 0;
    use_queue("absurd");
    ck_assert_int_eq(shmq_create(queue, &absurd), 0);
    process_start(&waiter, wait_beside_it, puts ? "puts" : NULL);
    (void)process_hear(&waiter); /* has it open now */
    const ino_t before = inode_of(which);
    set_semaphore(which, absurd_values[_i % 4]);
    process_order(&waiter, 0);
    used = process_hear(&waiter);
    (void)fprintf(stderr, "value %u: %llu us of a processor\n", absurd_values[_i % 4],
                  (unsigned long long)used / 1000);
    ck_assert_int_lt((int64_t)used, process_stretched_ms(ABSURD_CPU_MS) * MS);
    ck_assert_uint_ne(inode_of(which), before);
    ck_assert_uint_le(value_of(which), 64);
    path_of_semaphore(path, sizeof(path), which);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_uint_eq(st.st_uid, geteuid());
    ck_assert_uint_eq(test_queue_stat(queue).bells_replaced, 1);
    process_kill(&waiter);
    test_queue_remove(queue);
}
END_TEST

static const unsigned char rubbish[] = {0xff, 0x7f, 0x41, 0x00};

/* Of rubbish behind its first word, the C library ends the process that sleeps on it, or rings. */
START_TEST(semaphore_of_rubbish_is_replaced_and_ends_nobody)
{
    const bool puts = _i >= (int)sizeof(rubbish);
    const char *const which = puts ? "space.0" : "items";
    struct process waiter;
    unsigned char bytes[sizeof(sem_t) - sizeof(uint64_t)];
    char path[512];
    use_queue("rubbish");
    ck_assert_int_eq(shmq_create(queue, &absurd), 0);
    process_start(&waiter, wait_beside_it, puts ? "puts" : NULL);
    (void)process_hear(&waiter); /* has it open now */
    const ino_t before = inode_of(which);
    memset(bytes, rubbish[_i % (int)sizeof(rubbish)], sizeof(bytes));
    path_of_semaphore(path, sizeof(path), which);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), sizeof(uint64_t)), sizeof(bytes));
    ck_assert_int_eq(close(fd), 0);
    process_order(&waiter, 0);
    (void)process_hear(&waiter);
    ck_assert_uint_ne(inode_of(which), before);
    process_kill(&waiter);
    ck_assert_int_eq(shmq_remove(queue, true), 0);
}
END_TEST

/* One that wakes nobody, whatever is wrong with it: here, whoever comes is counted as the last who went; or there
 * is rubbish where it would end the process that rings. */
START_TEST(semaphore_that_wakes_nobody_is_replaced)
{
    struct process consumer;
    const uint64_t deaf[4] = {0, UINT64_MAX, UINT64_MAX,
                              UINT64_MAX}; /* neither rings nor sleepers, while there is one */
    const size_t size = _i == 0 ? sizeof(deaf[0]) : sizeof(deaf);
    char path[512];
    int rounds = 0;
    use_queue("deaf");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &absurd);
    process_start(&consumer, get_for_ever, NULL);
    wait_for_sleepers(1);
    process_wait_until(is_asleep, &consumer, "it sleeps");
    path_of_semaphore(path, sizeof(path), "items");
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, deaf, size), (ssize_t)size);
    ck_assert_int_eq(close(fd), 0);
    const ino_t before = inode_of("items");
    while (inode_of("items") == before) {
        ck_assert_msg(rounds++ < 100, "it stays");
        process_wait_until(is_asleep, &consumer, "it sleeps");
        ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
        ck_assert_uint_eq(process_hear(&consumer), 1);
    }
    process_kill(&consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

#define REPLACERS 6

static size_t files_in_dev_shm(void)
{
    size_t count = 0;
    DIR *directory = opendir("/dev/shm");
    ck_assert_ptr_nonnull(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += strstr(entry->d_name, queue) != NULL;
    ck_assert_int_eq(closedir(directory), 0);
    return count;
}

static bool somebody_sleeps(void *context)
{
    (void)context;
    return test_queue_stat(queue).sleepers > 0;
}

/* Several find it at once, and some are killed while they replace it: nothing is left behind, and messages flow.
 */
START_TEST(several_replace_a_semaphore_and_die)
{
    struct process consumers[REPLACERS];
    use_queue("replacers");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &absurd);
    for (int i = 0; i < REPLACERS; i++)
        process_start(&consumers[i], get_for_ever, NULL);
    for (uint64_t round = 0; round < 60; round++) {
        uint64_t number = 0;
        struct process *victim = &consumers[round % REPLACERS];
        process_wait_until(somebody_sleeps, NULL, "somebody sleeps");
        set_semaphore("items", SEM_VALUE_MAX);
        ck_assert_int_eq(test_queue_put(producer, round, SHMQ_FOREVER), 0); /* all look, and find it */
        (void)process_hear_any(consumers, REPLACERS, &number);
        ck_assert_uint_eq(number, round);
        const struct timespec moment = {0, (long)(round % 10) * 20000};
        set_semaphore("items", SEM_VALUE_MAX);
        (void)nanosleep(&moment, NULL);
        process_kill(victim);
        process_start(victim, get_for_ever, NULL);
        ck_assert_uint_le(files_in_dev_shm(), 2); /* the queue, and perhaps the semaphore */
    }
    for (int i = 0; i < REPLACERS; i++)
        process_kill(&consumers[i]);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ killed in their sleep */

static int semaphore_value(const char *which)
{
    char name[512];
    int value = 0;
    (void)snprintf(name, sizeof(name), "/shmq.%s.%s", queue, which);
    sem_t *semaphore = sem_open(name, 0);
    ck_assert_ptr_ne(semaphore, SEM_FAILED);
    ck_assert_int_eq(sem_getvalue(semaphore, &value), 0);
    ck_assert_int_eq(sem_close(semaphore), 0);
    return value;
}

/* Once it sleeps and all rings are used up, nothing changes the count any more. */
static bool is_settled(void *context)
{
    return semaphore_value("items") == 0 && process_sleeps(context);
}

static void put_burst(struct shmq *producer, struct process *consumer)
{
    for (uint64_t i = 0; i < 4; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    for (uint64_t i = 0; i < 4; i++)
        ck_assert_uint_eq(hear_promptly(consumer), i);
    process_wait_until(is_settled, consumer, "the consumer sleeps again");
}

/* Bursts ring for the dead, too: so the living one is woken for nothing now and then, and counts anew. */
START_TEST(killed_sleepers_are_counted_out)
{
    struct process dead[3];
    struct process consumer;
    uint32_t one = 1;
    int bursts = 0;
    use_queue("sleepers");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &slow_tick);
    for (size_t i = 0; i < 3; i++)
        process_start(&dead[i], get_for_ever, NULL);
    process_start(&consumer, get_for_ever, NULL);
    wait_for_sleepers(4);
    for (size_t i = 0; i < 3; i++)
        process_kill(&dead[i]);
    ck_assert_uint_eq(test_queue_stat(queue).sleepers, 4);
    do {
        ck_assert_msg(bursts++ < 100, "the dead are counted for ever");
        put_burst(producer, &consumer);
    } while (!sleepers_are(&one));
    put_burst(producer, &consumer);
    ck_assert_uint_eq(test_queue_stat(queue).sleepers, 1);
    process_kill(&consumer);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ timeouts, signals, idling */

static void expect_between(int64_t start_ns, int64_t timeout_ns)
{
    const int64_t elapsed = process_now_ns() - start_ns;
    ck_assert_int_ge(elapsed, timeout_ns);
    ck_assert_int_le(elapsed, timeout_ns + process_stretched_ms(1000) * MS);
}

static void expect_timeouts(struct shmq *producer, struct shmq *consumer, int64_t timeout_ns)
{
    unsigned char block[4096] = {0};
    const struct iovec many[2] = {{block, sizeof(block)}, {block, sizeof(block)}};
    const int expected = timeout_ns == 0 ? -EAGAIN : -ETIMEDOUT;
    size_t length;
    void *payload;
    struct shmq_message message;

    int64_t start = process_now_ns();
    ck_assert_int_eq(shmq_get(consumer, block, sizeof(block), &length, timeout_ns), expected);
    expect_between(start, timeout_ns);
    start = process_now_ns();
    ck_assert_int_eq(shmq_put_many(producer, many, 2, &length, timeout_ns), expected);
    ck_assert_uint_eq(length, 1);
    expect_between(start, timeout_ns);
    start = process_now_ns();
    ck_assert_int_eq(shmq_put(producer, block, sizeof(block), timeout_ns), expected);
    expect_between(start, timeout_ns);
    start = process_now_ns();
    ck_assert_int_eq(shmq_reserve(producer, 1, &payload, timeout_ns), expected);
    expect_between(start, timeout_ns);
    start = process_now_ns();
    ck_assert_int_eq(shmq_join(producer, timeout_ns), expected);
    expect_between(start, timeout_ns);
    take_block(consumer);
    start = process_now_ns();
    ck_assert_int_eq(shmq_lease(consumer, &message, timeout_ns), expected);
    expect_between(start, timeout_ns);
}

START_TEST(timeouts_are_kept)
{
    struct shmq_options options = slow_tick;
    use_queue("timeouts");
    for (int i = 0; i < 2; i++) {
        struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
        struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
        expect_timeouts(producer, consumer, 0);
        expect_timeouts(producer, consumer, 1);
        expect_timeouts(producer, consumer, 30 * MS);
        ck_assert_int_eq(shmq_close(producer), 0);
        ck_assert_int_eq(shmq_close(consumer), 0);
        test_queue_remove(queue);
        options.tick_ns = 1 * MS;
    }
}
END_TEST

static volatile sig_atomic_t stop_flag;

static void set_stop_flag(int signal)
{
    (void)signal;
    stop_flag = 1;
}

/* Blocks again and again, in a get or a put, each time until a signal handler sets the flag. */
static void block_until_stopped(void *context)
{
    const bool puts = context != NULL;
    const struct sigaction action = {.sa_handler = set_stop_flag, .sa_flags = SA_RESTART};
    struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true,
                                   .stop = (const volatile int *)&stop_flag};
    unsigned char block[4096] = {0};
    struct shmq *handle;
    size_t length;
    process_require_equal(sigaction(SIGUSR1, &action, NULL), 0);
    process_require_equal(shmq_open(&handle, queue, puts ? SHMQ_PRODUCER : SHMQ_CONSUMER, &options), 0);
    if (puts)
        process_require_equal(shmq_put(handle, block, sizeof(block), 0), 0);
    for (;;) {
        process_report(0);
        const int code = puts ? shmq_put(handle, block, sizeof(block), SHMQ_FOREVER)
                              : shmq_get(handle, block, sizeof(block), &length, SHMQ_FOREVER);
        stop_flag = 0;
        process_report(process_code(code));
        (void)process_await_order();
    }
}

static void expect_stoppable(void *how, int64_t tick_ns)
{
    struct process blocked;
    process_start(&blocked, block_until_stopped, how);
    int64_t longest = 0;
    for (int round = 0; round < 20; round++) {
        ck_assert_uint_eq(process_hear(&blocked), 0);
        const int64_t start = process_now_ns();
        ck_assert_int_eq(kill(blocked.pid, SIGUSR1), 0);
        ck_assert_uint_eq(process_hear(&blocked), process_code(-EINTR));
        const int64_t took = process_now_ns() - start;
        longest = took > longest ? took : longest;
        process_order(&blocked, 0);
    }
    const int64_t ticks10 = longest * 10 / tick_ns;
    (void)fprintf(stderr, "stopped after %d.%d ticks at the most\n", (int)(ticks10 / 10), (int)(ticks10 % 10));
    ck_assert_int_le(ticks10, process_stretched_ms(200));
    process_kill(&blocked);
}

START_TEST(stop_flag_ends_waiting)
{
    struct shmq_options options = slow_tick;
    use_queue("stop-flag");
    options.tick_ns = 50 * MS;
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    expect_stoppable(NULL, options.tick_ns);
    expect_stoppable("puts", options.tick_ns);
    test_queue_remove(queue);
}
END_TEST

/* Reports how much of a processor it uses while it waits, in parts of a million. */
static void wait_idly(void *context)
{
    const bool puts = context != NULL;
    const int64_t wait_ns = 3000 * MS;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
    unsigned char block[4096] = {0};
    struct shmq *handle;
    size_t length;
    process_require_equal(shmq_open(&handle, queue, puts ? SHMQ_PRODUCER : SHMQ_CONSUMER, &options), 0);
    if (puts)
        process_require_equal(shmq_put(handle, block, sizeof(block), 0), 0);
    const int64_t before = cpu_ns();
    const int code = puts ? shmq_put(handle, block, sizeof(block), wait_ns)
                          : shmq_get(handle, block, sizeof(block), &length, wait_ns);
    process_require_equal(code, -ETIMEDOUT);
    process_report((uint64_t)((cpu_ns() - before) * 1000000 / wait_ns));
    (void)process_await_order();
    (void)shmq_close(handle);
}

/* One in an empty queue, one before a full lane; nobody takes anything. */
START_TEST(waiting_costs_next_to_nothing)
{
    struct process producer;
    struct process consumer;
    struct shmq_options options = slow_tick;
    char empty[sizeof(queue)];
    options.tick_ns = 50 * MS;
    use_queue("idle-empty");
    (void)snprintf(empty, sizeof(empty), "%s", queue);
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    process_start(&consumer, wait_idly, NULL);
    use_queue("idle-full");
    ck_assert_int_eq(shmq_create(queue, &options), 0);
    process_start(&producer, wait_idly, "puts");
    const uint64_t consumer_used = process_hear(&consumer);
    const uint64_t producer_used = process_hear(&producer);
    (void)fprintf(stderr, "waiting uses, of a processor: get %.3f %%, put %.3f %%\n", (double)consumer_used / 1e4,
                  (double)producer_used / 1e4);
    ck_assert_int_lt((int64_t)consumer_used, process_stretched_ms(10000));
    ck_assert_int_lt((int64_t)producer_used, process_stretched_ms(10000));
    process_order(&consumer, 0);
    process_order(&producer, 0);
    process_expect_success(&consumer);
    process_expect_success(&producer);
    test_queue_remove(queue);
    test_queue_remove(empty);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("woken"),
    TEST(get_is_woken_by_a_put),
    TEST(get_is_woken_at_any_moment_of_falling_asleep),
    TEST(two_producers_wake_three_consumers),
    TEST(put_many_wakes_as_many_as_there_are_messages),
    TEST(put_is_woken_when_there_is_room),
    TEST(put_is_woken_at_any_moment_of_falling_asleep),
    TEST(each_blocked_producer_is_woken_by_its_own_lane),
    TEST_GROUP("everybody woken"),
    TEST(shutdown_now_wakes_everybody),
    TEST(shutdown_drain_wakes_everybody),
    TEST(removal_wakes_everybody),
    TEST(shutdown_of_an_empty_queue_wakes_consumers),
    TEST(end_of_stream_wakes_consumers),
    TEST_GROUP("semaphores"),
    TEST(semaphores_deleted_set_and_replaced_under_load),
    TEST(nothing_is_lost_by_timing_out),
    TEST(who_times_out_is_no_longer_counted),
    TEST(damaged_doorbell_heals),
    TEST_EACH(semaphore_of_an_absurd_value_is_replaced, 8),
    TEST_EACH(semaphore_of_rubbish_is_replaced_and_ends_nobody, 2 * sizeof(rubbish)),
    TEST_EACH(semaphore_that_wakes_nobody_is_replaced, 2),
    TEST(several_replace_a_semaphore_and_die),
    TEST(killed_sleepers_are_counted_out),
    TEST_GROUP("time"),
    TEST(timeouts_are_kept),
    TEST(stop_flag_ends_waiting),
    TEST(waiting_costs_next_to_nothing),
};

TEST_SUITE("waiting", tests, .seconds = 60);
