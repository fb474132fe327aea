/* SPDX-License-Identifier: MIT */
/* How queues come and go: many makers at once, makers and removers killed at every step, names that change their
 * meaning. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"
#include "tests/support/traced.h"

#define MAKERS 50
#define TICK_NS INT64_C(50000000)
#define SKIPPED 77
#define STOPS_MAX 2000 /* more system-call stops than anything here has, also under a sanitizer */

static const struct shmq_options small = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                          .lanes = 4, .seats = 4};
static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;

/* ------------------------------------------------------------------ many at once */

struct maker {
    int gate;
    uint64_t number;
};

static const struct shmq_options many_lanes = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096,
                                               .lanes = 64,           .seats = 4,     .producers = MAKERS};

static void make_and_put_one(void *context)
{
    const struct maker *maker = context;
    struct shmq *handle;
    process_gate_pass(maker->gate);
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &many_lanes), 0);
    process_require_equal(test_queue_put(handle, maker->number, SHMQ_FOREVER), 0);
    process_require_equal(shmq_close(handle), 0);
}

/* Takes everything up to the end of the stream: each number below @count has to come exactly once. */
static void expect_each_once(struct shmq *consumer, size_t count)
{
    bool seen[MAKERS] = {false};
    uint64_t number;
    int code;
    size_t got = 0;
    while ((code = test_queue_get(consumer, &number, process_patience_ms() * 1000000)) == 0) {
        ck_assert_uint_lt(number, count);
        ck_assert_msg(!seen[number], "%d came twice", (int)number);
        seen[number] = true;
        got++;
    }
    ck_assert_int_eq(code, -ENODATA);
    ck_assert_uint_eq(got, count);
}

static void make_at_once(void)
{
    struct process makers[MAKERS];
    struct maker contexts[MAKERS];
    const int gate = process_gate_make();
    for (uint64_t i = 0; i < MAKERS; i++) {
        contexts[i] = (struct maker){.gate = gate, .number = i};
        process_start(&makers[i], make_and_put_one, &contexts[i]);
    }
    process_gate_open(gate, MAKERS);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &many_lanes);
    expect_each_once(consumer, MAKERS);
    for (size_t i = 0; i < MAKERS; i++)
        process_expect_success(&makers[i]);
    ck_assert_int_eq(shmq_close(consumer), 0);
    (void)close(gate);
    ck_assert_int_eq(shmq_remove(queue, false), 0);
    ck_assert_uint_eq(test_leftovers(queue), 0);
}

START_TEST(fifty_processes_make_one_queue)
{
    use_queue("fifty");
    for (int round = 0; round < 5; round++)
        make_at_once();
}
END_TEST

/* ------------------------------------------------------------------ use of what a killed one left */

static int create_queue(void *context)
{
    (void)context;
    return -shmq_create(queue, &small);
}

static int create_and_put(void *context)
{
    struct shmq *handle;
    (void)context;
    if (shmq_open(&handle, queue, SHMQ_PRODUCER, &small) != 0 || test_queue_put(handle, 1, 0) != 0)
        return 1;
    return -shmq_close(handle);
}

static int remove_queue(void *context)
{
    (void)context;
    return -shmq_remove(queue, true);
}

/* Somebody who does not make queues finds one, or learns that there is none. */
static void expect_whole_or_none(void)
{
    struct shmq *handle;
    const int code = shmq_open(&handle, queue, SHMQ_CONSUMER, &attach_only);
    ck_assert_msg(code == 0 || code == -ENOENT, "shmq_open: %d", code);
    ck_assert_int_eq(shmq_close(handle), 0);
}

/* Somebody who does gets one that works. Return: how many messages were in it. */
static uint64_t expect_usable(void)
{
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    uint64_t before = 0;
    uint64_t number = 0;
    ck_assert_int_eq(test_queue_put(producer, 1000, 0), 0);
    while (number != 1000) {
        ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ms() * 1000000), 0);
        before += number != 1000;
    }
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    return before;
}

static void expect_removable(void)
{
    const int code = shmq_remove(queue, true);
    ck_assert_msg(code == 0 || code == -ENOENT, "shmq_remove: %d", code);
    ck_assert_uint_eq(test_leftovers(queue), 0);
    ck_assert_int_eq(shmq_remove(queue, true), -ENOENT);
}

/* Runs it with a kill at each stop in turn, then @prepare before each and @verify after each. */
static void kill_at_each_stop(int (*run)(void *context), void (*prepare)(void), void (*verify)(void))
{
    struct traced traced;
    unsigned stop = 1;
    for (;; stop++) {
        ck_assert_uint_lt(stop, STOPS_MAX);
        if (prepare != NULL)
            prepare();
        if (!traced_start(&traced, run, NULL, stop))
            break;
        traced_kill(&traced);
        verify();
    }
    ck_assert_int_eq(traced_collect(&traced), 0);
    ck_assert_uint_gt(stop, 20);
    verify();
}

static bool skip_without_tracing(void)
{
    if (traced_possible())
        return false;
    (void)fprintf(stderr, "skipped: tracing is not permitted here\n");
    return true;
}

/* ------------------------------------------------------------------ makers and removers that die */

static void verify_creation(void)
{
    expect_whole_or_none();
    ck_assert_uint_eq(expect_usable(), 0);
    expect_removable();
}

START_TEST(creator_killed_at_each_step)
{
    use_queue("creator");
    if (skip_without_tracing())
        return;
    kill_at_each_stop(create_queue, NULL, verify_creation);
    kill_at_each_stop(create_queue, NULL, expect_removable);
}
END_TEST

static void verify_first_put(void)
{
    expect_whole_or_none();
    ck_assert_uint_le(expect_usable(), 1);
    expect_removable();
}

START_TEST(creating_producer_killed_at_each_step)
{
    use_queue("first-put");
    if (skip_without_tracing())
        return;
    kill_at_each_stop(create_and_put, NULL, verify_first_put);
}
END_TEST

/* A queue with a message, and with both kinds of semaphores: somebody has slept on each. */
static void prepare_queue(void)
{
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    unsigned char big[1024] = {0};
    uint64_t number;
    ck_assert_int_eq(test_queue_get(consumer, &number, 1000000), -ETIMEDOUT);
    while (shmq_put(producer, big, sizeof(big), 0) == 0)
        ;
    ck_assert_int_eq(shmq_put(producer, big, sizeof(big), 1000000), -ETIMEDOUT);
    size_t length;
    while (shmq_get(consumer, big, sizeof(big), &length, 0) == 0)
        ;
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
}

/* Either it was not removed yet, with its message, or it is a new one. */
static void verify_removal(void)
{
    expect_whole_or_none();
    ck_assert_uint_le(expect_usable(), 1);
    expect_removable();
}

START_TEST(remover_killed_at_each_step)
{
    use_queue("remover");
    if (skip_without_tracing())
        return;
    kill_at_each_stop(remove_queue, prepare_queue, verify_removal);
    kill_at_each_stop(remove_queue, prepare_queue, expect_removable);
}
END_TEST

/* ------------------------------------------------------------------ makers and removers that are slow */

static void open_and_report(void *context)
{
    struct shmq *handle;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &small), 0);
    process_require_equal(shmq_stat(handle, &stat), 0);
    process_report(stat.queue_id);
    (void)process_await_order();
    process_require_equal(shmq_close(handle), 0);
}

/* A second one comes while the creator stands still at each step: both must have made, or found, the same queue.
 */
START_TEST(slow_creator_is_waited_for)
{
    struct traced creator;
    struct process second;
    use_queue("slow");
    if (skip_without_tracing())
        return;
    for (unsigned stop = 1; traced_start(&creator, create_queue, NULL, stop); stop++) {
        uint64_t id;
        process_start(&second, open_and_report, NULL);
        /* It may have to wait for the creator, and then can say nothing yet; either is right. */
        const bool early = process_hears(&second, 2, &id);
        traced_let_go(&creator);
        ck_assert_int_eq(traced_collect(&creator), 0);
        if (!early)
            id = process_hear(&second);
        ck_assert_uint_eq(test_queue_stat(queue).queue_id, id);
        process_order(&second, 0);
        process_expect_success(&second);
        expect_removable();
    }
    ck_assert_int_eq(traced_collect(&creator), 0);
    expect_removable();
}
END_TEST

static int remove_unforced(void *context)
{
    (void)context;
    (void)shmq_remove(queue, false);
    return 0;
}

/* A queue that comes into being, and into use, while an unforced removal is under way stays. */
static void expect_kept_by_remover(struct traced *remover)
{
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    traced_let_go(remover);
    ck_assert_int_eq(traced_collect(remover), 0);
    ck_assert_int_eq(test_queue_put(producer, 2, 0), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
}

START_TEST(removal_spares_a_queue_made_meanwhile)
{
    struct traced remover;
    use_queue("spared");
    if (skip_without_tracing())
        return;
    for (unsigned stop = 1; traced_start(&remover, remove_unforced, NULL, stop); stop++) {
        expect_kept_by_remover(&remover);
        expect_removable();
    }
    ck_assert_int_eq(traced_collect(&remover), 0);
}
END_TEST

static void remove_in_child(void *context)
{
    (void)context;
    const int code = shmq_remove(queue, false);
    process_require(code == 0 || code == -EBUSY || code == -ENOTEMPTY || code == -ENOENT);
}

/*
 * A queue is removed while somebody who is about to use it stands still at each step: either that one is there
 * already, and the queue stays, or it makes a new one. Its message is never lost.
 */
START_TEST(removal_spares_a_queue_being_opened)
{
    struct traced opener;
    struct process remover;
    uint64_t early = 0;
    use_queue("opened");
    if (skip_without_tracing())
        return;
    for (unsigned stop = 1;; stop++) {
        ck_assert_int_eq(shmq_create(queue, &small), 0);
        if (!traced_start(&opener, create_and_put, NULL, stop))
            break;
        process_start(&remover, remove_in_child, NULL);
        /* It may have to wait for the one that stands still; either is right. */
        (void)process_hears(&remover, 2, &early);
        traced_let_go(&opener);
        ck_assert_int_eq(traced_collect(&opener), 0);
        process_expect_success(&remover);
        ck_assert_uint_eq(expect_usable(), 1);
        expect_removable();
    }
    ck_assert_int_eq(traced_collect(&opener), 0);
    expect_removable();
}
END_TEST

/* ------------------------------------------------------------------ two generations under one name */

static void get_and_report(void *context)
{
    struct shmq *handle;
    uint64_t number;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_CONSUMER, &attach_only), 0);
    process_report(0);
    process_report(process_code(test_queue_get(handle, &number, SHMQ_FOREVER)));
    (void)process_await_order();
    process_require_equal(test_queue_get(handle, &number, SHMQ_FOREVER), -ESTALE);
    process_require_equal(shmq_close(handle), 0);
}

static void put_and_report(void *context)
{
    struct shmq *handle;
    uint64_t number = 0;
    int code;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &attach_only), 0);
    while ((code = test_queue_put(handle, number, 0)) == 0)
        number++;
    process_require_equal(code, -EAGAIN);
    process_report(0);
    process_report(process_code(test_queue_put(handle, number, SHMQ_FOREVER)));
    (void)process_await_order();
    process_require_equal(test_queue_put(handle, number, SHMQ_FOREVER), -ESTALE);
    process_require_equal(shmq_close(handle), -ESTALE);
}

static bool somebody_sleeps(void *context)
{
    (void)context;
    return test_queue_stat(queue).sleepers > 0;
}

static bool somebody_is_blocked(void *context)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    struct shmq *handle = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    (void)context;
    ck_assert_int_eq(shmq_stat_lane(handle, 0, &stat), 0);
    ck_assert_int_eq(shmq_close(handle), 0);
    return stat.blocked;
}

static void remove_by_force(void)
{
    ck_assert_int_eq(shmq_remove(queue, true), 0);
}

static void delete_by_hand(void)
{
    char name[sizeof(queue) + 8];
    (void)snprintf(name, sizeof(name), "/shmq.%s", queue);
    ck_assert_int_eq(shm_unlink(name), 0);
}

static struct shmq *new_generation(void)
{
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(test_queue_put(producer, 77, 0), 0);
    return producer;
}

/* The new generation has its own message and nothing else. */
static void expect_only_new(struct shmq *producer)
{
    uint64_t number;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ms() * 1000000), 0);
    ck_assert_uint_eq(number, 77);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(test_queue_get(consumer, &number, process_patience_ms() * 1000000), -ENODATA);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

/* One that is blocked learns of it within two ticks; under load, ten times that is allowed here. */
static void expect_stale(void (*run)(void *context), bool (*blocked)(void *context), void (*take_away)(void))
{
    struct process old;
    ck_assert_int_eq(shmq_create(queue, &small), 0);
    process_start(&old, run, NULL);
    ck_assert_uint_eq(process_hear(&old), 0);
    process_wait_until(blocked, NULL, "the old one blocks");
    const int64_t start = process_now_ns();
    take_away();
    struct shmq *producer = new_generation();
    ck_assert_int_eq((int)(int64_t)process_hear(&old), -ESTALE);
    const int64_t ticks10 = (process_now_ns() - start) * 10 / TICK_NS;
    (void)fprintf(stderr, "stale after %d.%d ticks\n", (int)(ticks10 / 10), (int)(ticks10 % 10));
    ck_assert_int_le(ticks10, process_stretched_ms(200));
    process_order(&old, 0);
    process_expect_success(&old);
    expect_only_new(producer);
    test_queue_remove(queue);
}

START_TEST(removed_and_made_anew_while_attached)
{
    use_queue("removed");
    expect_stale(get_and_report, somebody_sleeps, remove_by_force);
    expect_stale(put_and_report, somebody_is_blocked, remove_by_force);
}
END_TEST

START_TEST(deleted_by_hand_and_made_anew_while_attached)
{
    use_queue("deleted");
    expect_stale(get_and_report, somebody_sleeps, delete_by_hand);
    expect_stale(put_and_report, somebody_is_blocked, delete_by_hand);
}
END_TEST

/* With messages of the old generation in it, and a lease in hand: what is in hand can be finished, and that is
 * all. */
static void expect_no_mixture(void (*take_away)(void))
{
    struct shmq_message message;
    uint64_t number;
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    const struct shmq_options one = {SHMQ_OPTIONS_DEFAULTS, .prefetch = 1};
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &one);
    for (uint64_t i = 1; i <= 3; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    take_away();
    struct shmq *fresh = new_generation();
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    int code;
    do /* a deleted name is noticed by who finds nothing to do */
        code = test_queue_get(consumer, &number, process_patience_ms() * 1000000);
    while (code == 0 && number != 77);
    ck_assert_int_eq(code, -ESTALE);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_finish(producer), -ESTALE);
    ck_assert_int_eq(shmq_close(producer), -ESTALE);
    expect_only_new(fresh);
    test_queue_remove(queue);
}

START_TEST(generations_never_mix)
{
    use_queue("mixture");
    expect_no_mixture(remove_by_force);
    expect_no_mixture(delete_by_hand);
}
END_TEST

/* A producer that never has to wait must not go on for ever putting what nobody can get. */
START_TEST(busy_producer_notices_that_the_name_is_gone)
{
    use_queue("busy");
    const struct shmq_options large = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4 << 20,
                                       .lanes = 1, .seats = 1};
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &large);
    int code = 0;
    delete_by_hand();
    for (uint64_t i = 0; i < 20000 && code == 0; i++)
        code = test_queue_put(producer, i, 0);
    ck_assert_int_eq(code, -ESTALE);
    ck_assert_int_eq(shmq_close(producer), -ESTALE);
    ck_assert_uint_eq(test_leftovers(queue), 0);
}
END_TEST

/* Who never waits for as long as a tick has to notice it, too. */
START_TEST(short_waits_notice_that_the_name_is_gone)
{
    unsigned char big[1024] = {0};
    uint64_t number;
    use_queue("short-waits");
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(test_queue_get(consumer, &number, 1000000), -ETIMEDOUT);
    while (shmq_put(producer, big, sizeof(big), 0) == 0)
        ;
    delete_by_hand();
    ck_assert_int_eq(shmq_put(producer, big, sizeof(big), 1000000), -ESTALE);
    size_t length;
    while (shmq_get(consumer, big, sizeof(big), &length, 0) == 0)
        ;
    ck_assert_int_eq(test_queue_get(consumer, &number, 1000000), -ESTALE);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), -ESTALE);
    ck_assert_int_eq(shmq_remove(queue, true), 0); /* the semaphores */
    ck_assert_uint_eq(test_leftovers(queue), 0);
}
END_TEST

START_TEST(removed_only_when_unused_and_empty)
{
    uint64_t number;
    use_queue("unused");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_remove(queue, false), -EBUSY);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_remove(queue, false), -ENOTEMPTY);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_int_eq(shmq_remove(queue, false), -EBUSY);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(queue, false), 0);
    ck_assert_uint_eq(test_leftovers(queue), 0);
    ck_assert_int_eq(shmq_remove(queue, false), -ENOENT);
}
END_TEST

/* ------------------------------------------------------------------ a full /dev/shm */

/* In a child: a /dev/shm of its own, of @size. Its content goes with the child. */
static void enter_small_shm(const char *size)
{
    char options[64];
    (void)snprintf(options, sizeof(options), "size=%s", size);
    if (unshare(CLONE_NEWNS) != 0)
        _exit(SKIPPED);
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("shmq-test", "/dev/shm", "tmpfs", 0, options) != 0)
        _exit(SKIPPED);
}

static void run_in_small_shm(void (*run)(void *context), const char *size)
{
    struct process child;
    process_start(&child, run, (void *)(uintptr_t)size);
    const int status = process_collect(&child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        (void)fprintf(stderr, "skipped: a mount namespace is not permitted here\n");
    else
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "with %s: wait status %#x", size,
                      (unsigned)status);
}

static void require_free_again(uint64_t free_blocks)
{
    struct statvfs fs;
    process_require_equal(test_leftovers(queue), 0);
    process_require_equal(statvfs("/dev/shm", &fs), 0);
    process_require_equal(fs.f_bfree, free_blocks);
}

static uint64_t free_blocks(void)
{
    struct statvfs fs;
    process_require_equal(statvfs("/dev/shm", &fs), 0);
    return fs.f_bfree;
}

/* No room for the queue itself, or for the first lane. */
static void create_without_room(void *context)
{
    static const struct shmq_options large = {SHMQ_OPTIONS_DEFAULTS, .create = true};
    struct shmq *handle;
    enter_small_shm(context);
    const uint64_t before = free_blocks();
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &large), -ENOSPC);
    process_require(handle == NULL);
    require_free_again(before);
}

START_TEST(no_room_for_a_new_queue)
{
    use_queue("no-room");
    run_in_small_shm(create_without_room, "4k");
    run_in_small_shm(create_without_room, "16k");
    run_in_small_shm(create_without_room, "1m");
    run_in_small_shm(create_without_room, "8m");
}
END_TEST

/* The queue is there and has one lane; there is no room for a second one. */
static void attach_without_room(void *context)
{
    static const struct shmq_options large = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 1 << 20};
    struct shmq *first;
    struct shmq *second;
    struct shmq *consumer;
    uint64_t number;
    enter_small_shm(context);
    process_require_equal(shmq_open(&first, queue, SHMQ_PRODUCER, &large), 0);
    const uint64_t before = free_blocks();
    process_require_equal(shmq_open(&second, queue, SHMQ_PRODUCER, &large), -ENOSPC);
    process_require_equal(free_blocks(), before);
    process_require_equal(shmq_open(&consumer, queue, SHMQ_CONSUMER, &large), 0);
    process_require_equal(test_queue_put(first, 5, 0), 0);
    process_require_equal(test_queue_get(consumer, &number, 0), 0);
    process_require_equal(shmq_close(first), 0);
    /* The first one's lane is free now. */
    process_require_equal(shmq_open(&second, queue, SHMQ_PRODUCER, &large), 0);
    process_require_equal(shmq_close(second), 0);
    process_require_equal(shmq_close(consumer), 0);
    process_require_equal(shmq_remove(queue, false), 0);
    process_require_equal(test_leftovers(queue), 0);
}

START_TEST(no_room_for_another_lane)
{
    use_queue("no-lane");
    run_in_small_shm(attach_without_room, "2m");
}
END_TEST

/* One source after the other, each of which would rather have a lane of its own. */
static void attach_sources_without_room(void *context)
{
    struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 1 << 20};
    struct shmq *producer;
    struct shmq *second;
    enter_small_shm(context);
    for (options.source_id = 1; options.source_id < 5; options.source_id++) {
        process_require_equal(shmq_open(&producer, queue, SHMQ_PRODUCER, &options), 0);
        process_require_equal(test_queue_put(producer, options.source_id, 0), 0);
        process_require_equal(shmq_close(producer), 0);
    }
    /* But not one that waits for its source, nor one in use. */
    process_require_equal(shmq_open(&producer, queue, SHMQ_PRODUCER, &options), 0);
    options.source_id++;
    process_require_equal(shmq_open(&second, queue, SHMQ_PRODUCER, &options), -ENOSPC);
    shmq_abandon(producer);
    process_require_equal(shmq_open(&second, queue, SHMQ_PRODUCER, &options), -ENOSPC);
    process_require_equal(shmq_remove(queue, true), 0);
    process_require_equal(test_leftovers(queue), 0);
}

START_TEST(sources_share_a_lane_where_there_is_no_room_for_another)
{
    use_queue("no-lane-for-source");
    run_in_small_shm(attach_sources_without_room, "2m");
}
END_TEST

/* Leaves no block free. */
static void fill_shm(void)
{
    static const unsigned char block[4096];
    const int fd = open("/dev/shm/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    process_require(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    process_require_equal(errno, ENOSPC);
    (void)close(fd);
    process_require_equal(free_blocks(), 0);
}

/* Every cell of the lane is used, several times over. */
static void put_and_get_laps(struct shmq *producer, struct shmq *consumer)
{
    unsigned char message[1000];
    size_t length;
    for (int i = 0; i < 1000; i++) {
        memset(message, i & 0xff, sizeof(message));
        process_require_equal(shmq_put(producer, message, sizeof(message), 0), 0);
        process_require_equal(shmq_get(consumer, message, sizeof(message), &length, 0), 0);
        process_require_equal(length, sizeof(message));
        process_require_equal(message[999], i & 0xff);
    }
}

static void fill_up_later(void *context)
{
    static const struct shmq_options medium = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 1 << 16,
                                               .prefetch = 1};
    struct shmq *producer;
    struct shmq *consumer;
    struct shmq *second;
    struct shmq_message message;
    uint64_t number;
    enter_small_shm(context);
    process_require_equal(shmq_open(&producer, queue, SHMQ_PRODUCER, &medium), 0);
    process_require_equal(shmq_open(&consumer, queue, SHMQ_CONSUMER, &medium), 0);
    fill_shm();
    put_and_get_laps(producer, consumer);
    /* No room for semaphores either. */
    process_require_equal(test_queue_get(consumer, &number, 3 * TICK_NS), -ETIMEDOUT);
    process_require_equal(shmq_open(&second, queue, SHMQ_PRODUCER, &medium), -ENOSPC);
    /* Nor for a message in hand, which stays where it is. */
    process_require_equal(test_queue_put(producer, 9, 0), 0);
    process_require_equal(test_queue_lease(consumer, &number, &message, 0), 0);
    process_require_equal(shmq_hold(consumer, &message), -ENOSPC);
    process_require_equal(memcmp(message.data, &number, sizeof(number)), 0);
    process_require_equal(shmq_acknowledge(consumer, 1), 0);
    process_require_equal(unlink("/dev/shm/filler"), 0);
    process_require_equal(shmq_open(&second, queue, SHMQ_PRODUCER, &medium), 0);
    put_and_get_laps(second, consumer);
    process_require_equal(shmq_close(producer), 0);
    process_require_equal(shmq_close(second), 0);
    process_require_equal(shmq_close(consumer), 0);
    process_require_equal(shmq_remove(queue, false), 0);
    process_require_equal(test_leftovers(queue), 0);
}

START_TEST(shm_filled_up_later_hurts_nobody_attached)
{
    use_queue("filled");
    run_in_small_shm(fill_up_later, "2m");
}
END_TEST

static const struct test tests[] = {
    TEST(fifty_processes_make_one_queue),
    TEST(creator_killed_at_each_step),
    TEST(creating_producer_killed_at_each_step),
    TEST(remover_killed_at_each_step),
    TEST(slow_creator_is_waited_for),
    TEST(removal_spares_a_queue_made_meanwhile),
    TEST(removal_spares_a_queue_being_opened),
    TEST(removed_and_made_anew_while_attached),
    TEST(deleted_by_hand_and_made_anew_while_attached),
    TEST(generations_never_mix),
    TEST(busy_producer_notices_that_the_name_is_gone),
    TEST(short_waits_notice_that_the_name_is_gone),
    TEST(removed_only_when_unused_and_empty),
    TEST(no_room_for_a_new_queue),
    TEST(no_room_for_another_lane),
    TEST(sources_share_a_lane_where_there_is_no_room_for_another),
    TEST(shm_filled_up_later_hurts_nobody_attached),
};

TEST_SUITE("create", tests, .seconds = 60);
