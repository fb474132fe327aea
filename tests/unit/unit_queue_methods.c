/* SPDX-License-Identifier: MIT */
/*
 * The counterpart of each method of Python's queue.Queue, between processes: docs/QUEUE.md names these tests.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define BRIEF_NS (30 * MS)
#define ROOM 64 /* messages of a lane of 4096 bytes */
#define HANDS 8

static const struct shmq_options small = {
    SHMQ_OPTIONS_DEFAULTS, .create = true,   .capacity_bytes = 4096, .lanes = 8, .seats = 8,
    .prefetch = 1,         .tick_ns = 5 * MS};

/* ------------------------------------------------------------------ other processes */

enum call { PUT, GET, LEASE, HOLD, PUT_ASIDE, TASK_DONE, JOIN };

/* A process with a handle, which makes one call after another, as it is told. */
struct hand {
    struct process process;
    enum shmq_role role;
    struct shmq_options options;
    struct order *order;
};

/* Shared with it. */
struct order {
    enum call call;
    uint64_t number; /* to put; or that it got */
    uint64_t count;  /* to acknowledge */
    int64_t timeout_ns;
    _Atomic bool begun;
};

static struct hand hands[HANDS];
static size_t hand_count;

static int make_call(struct shmq *handle, struct order *order)
{
    static struct shmq_message message;
    switch (order->call) {
    case PUT:
        return test_queue_put(handle, order->number, order->timeout_ns);
    case GET:
        return test_queue_get(handle, &order->number, order->timeout_ns);
    case LEASE:
        return test_queue_lease(handle, &order->number, &message, order->timeout_ns);
    case HOLD:
        return shmq_hold(handle, &message);
    case PUT_ASIDE:
        return shmq_put_aside(handle, &(struct shmq_aside){.size = sizeof(struct shmq_aside),
                                                           .delay_ns = order->timeout_ns,
                                                           .most = UINT32_MAX});
    case TASK_DONE:
        return shmq_acknowledge(handle, order->count);
    default:
        return shmq_join(handle, order->timeout_ns);
    }
}

static void run_hand(void *context)
{
    const struct hand *hand = context;
    struct shmq *handle;
    process_require_equal(shmq_open(&handle, queue, hand->role, &hand->options), 0);
    process_report(0);
    while (process_await_order() != 0) {
        atomic_store(&hand->order->begun, true);
        process_report(process_code(make_call(handle, hand->order)));
    }
    process_require_equal(shmq_close(handle), 0);
}

static struct hand *start_with(enum shmq_role role, const struct shmq_options *options)
{
    struct hand *hand = &hands[hand_count++];
    ck_assert_uint_le(hand_count, HANDS);
    *hand = (struct hand){.role = role, .options = *options, .order = process_share(sizeof(*hand->order))};
    process_start(&hand->process, run_hand, hand);
    ck_assert_uint_eq(process_hear(&hand->process), 0);
    return hand;
}

static struct hand *start(enum shmq_role role)
{
    return start_with(role, &small);
}

static void tell(struct hand *hand, enum call call, int64_t timeout_ns)
{
    hand->order->call = call;
    hand->order->timeout_ns = timeout_ns;
    atomic_store(&hand->order->begun, false);
    process_order(&hand->process, 1);
}

static void expect_code(struct hand *hand, int code)
{
    const int64_t said = (int64_t)process_hear(&hand->process);
    ck_assert_msg(said == code, "call %d of process %d: %d instead of %d", (int)hand->order->call,
                  (int)hand->process.pid, (int)said, code);
}

static void expect(int code, struct hand *hand, enum call call, int64_t timeout_ns)
{
    tell(hand, call, timeout_ns);
    expect_code(hand, code);
}

static void expect_put(int code, struct hand *hand, uint64_t number, int64_t timeout_ns)
{
    hand->order->number = number;
    expect(code, hand, PUT, timeout_ns);
}

static void expect_number(struct hand *hand, enum call call, uint64_t number)
{
    expect(0, hand, call, process_patience_ns());
    ck_assert_uint_eq(hand->order->number, number);
}

static void expect_done(int code, struct hand *hand, uint64_t count)
{
    hand->order->count = count;
    expect(code, hand, TASK_DONE, 0);
}

static bool waits(void *context)
{
    const struct hand *hand = context;
    return atomic_load(&hand->order->begun) && process_sleeps(&hand->process);
}

/* It is in a call that has not returned. */
static void expect_blocked(struct hand *hand)
{
    process_wait_until(waits, hand, "it waits in the call");
    ck_assert_msg(!process_has_report(&hand->process), "process %d has not waited", (int)hand->process.pid);
}

static void tell_and_expect_blocked(struct hand *hand, enum call call)
{
    tell(hand, call, SHMQ_FOREVER);
    expect_blocked(hand);
}

static void fill(struct hand *producer)
{
    for (uint64_t i = 0; i < ROOM; i++)
        expect_put(0, producer, i, 0);
    expect_put(-EAGAIN, producer, ROOM, 0);
}

static void set_up(void)
{
    hand_count = 0;
    use_queue("methods");
    ck_assert_int_eq(shmq_create(queue, &small), 0);
}

static void tear_down(void)
{
    for (size_t i = 0; i < hand_count; i++) {
        if (hands[i].process.pid == 0)
            continue;
        process_order(&hands[i].process, 0);
        process_expect_success(&hands[i].process);
    }
    (void)shmq_remove(queue, true); /* unless the test has done so */
}

/* ------------------------------------------------------------------ Queue(maxsize), qsize, empty, full */

START_TEST(maxsize_is_bytes_of_each_lane)
{
    struct hand *one = start(SHMQ_PRODUCER);
    struct hand *other = start(SHMQ_PRODUCER);
    fill(one);
    fill(other); /* it has a lane of its own */
    ck_assert_uint_eq(test_queue_stat(queue).messages, 2 * ROOM);
    ck_assert_uint_eq(test_queue_stat(queue).capacity_bytes, 4096);
}
END_TEST

START_TEST(who_says_another_maxsize_is_refused)
{
    struct shmq_options larger = small;
    larger.capacity_bytes = 8192;
    ck_assert_int_eq(shmq_create(queue, &larger), -EEXIST);
    ck_assert_int_eq(shmq_create(queue, NULL), 0); /* who says none takes the queue as it is */
    ck_assert_uint_eq(test_queue_stat(queue).capacity_bytes, 4096);
}
END_TEST

START_TEST(an_item_that_never_fits_is_refused)
{
    static const unsigned char bytes[1025];
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_put(producer, bytes, sizeof(bytes), SHMQ_FOREVER), -EMSGSIZE);
    ck_assert_int_eq(shmq_put(producer, bytes, sizeof(bytes) - 1, 0), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
}
END_TEST

static uint64_t qsize(void)
{
    const struct shmq_stat stat = test_queue_stat(queue);
    return stat.messages - stat.leased;
}

START_TEST(qsize_leaves_out_what_consumers_have)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *one = start(SHMQ_CONSUMER);
    struct hand *other = start(SHMQ_CONSUMER);
    ck_assert_uint_eq(qsize(), 0);
    for (uint64_t i = 0; i < 5; i++)
        expect_put(0, producer, i, 0);
    ck_assert_uint_eq(qsize(), 5);
    expect_number(one, LEASE, 0);
    expect_number(other, LEASE, 1);
    ck_assert_uint_eq(qsize(), 3);
    expect(0, other, HOLD, 0); /* it has left the ring */
    ck_assert_uint_eq(qsize(), 3);
    ck_assert_uint_eq(test_queue_stat(queue).messages, 5); /* unfinished_tasks */
    expect_done(0, one, 1);
    ck_assert_uint_eq(qsize(), 3);
    ck_assert_uint_eq(test_queue_stat(queue).messages, 4);
    expect_number(one, GET, 2);
    ck_assert_uint_eq(qsize(), 2);
}
END_TEST

static uint64_t used_bytes(uint32_t lane)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_stat_lane(observer, lane, &stat), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    return stat.used_bytes;
}

START_TEST(empty_and_full_are_looks_at_the_statistics)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    ck_assert_uint_eq(used_bytes(0), 0);
    fill(producer);
    ck_assert_uint_eq(used_bytes(0), 4096);
    for (uint64_t i = 0; i < ROOM; i++)
        expect_number(consumer, GET, i);
    ck_assert_uint_eq(used_bytes(0), 0);
    ck_assert_uint_eq(qsize(), 0);
}
END_TEST

/* ------------------------------------------------------------------ put */

START_TEST(a_blocked_put_goes_on_when_there_is_room)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    fill(producer);
    producer->order->number = ROOM;
    tell_and_expect_blocked(producer, PUT);
    expect_number(consumer, GET, 0);
    expect_code(producer, 0);
    for (uint64_t i = 1; i <= ROOM; i++)
        expect_number(consumer, GET, i);
}
END_TEST

START_TEST(a_put_that_times_out_has_put_nothing)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    fill(producer);
    const int64_t before_ns = process_now_ns();
    expect_put(-ETIMEDOUT, producer, ROOM, BRIEF_NS);
    ck_assert_int_ge(process_now_ns() - before_ns, BRIEF_NS);
    ck_assert_uint_eq(qsize(), ROOM);
    for (uint64_t i = 0; i < ROOM; i++)
        expect_number(consumer, GET, i);
    expect(-EAGAIN, consumer, GET, 0);
}
END_TEST

START_TEST(put_nowait_is_a_timeout_of_0)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    fill(producer);
    for (int i = 0; i < 3; i++)
        expect_put(-EAGAIN, producer, ROOM, 0);
    ck_assert_uint_eq(qsize(), ROOM);
}
END_TEST

START_TEST(a_negative_timeout_is_for_ever)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    tell(consumer, GET, -5000 * MS);
    expect_blocked(consumer);
    expect_put(0, producer, 7, 0);
    expect_code(consumer, 0);
    fill(producer);
    producer->order->number = ROOM;
    tell(producer, PUT, -5000 * MS);
    expect_blocked(producer);
    expect_number(consumer, GET, 0);
    expect_code(producer, 0);
}
END_TEST

START_TEST(a_taken_item_keeps_its_room_until_it_is_done)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    fill(producer);
    expect_number(consumer, LEASE, 0);
    expect_put(-EAGAIN, producer, ROOM, 0); /* in Python, there would be room */
    expect_done(0, consumer, 1);
    expect_put(0, producer, ROOM, 0);
    expect_number(consumer, LEASE, 1);
    expect_put(-EAGAIN, producer, ROOM + 1, 0);
    expect(0, consumer, HOLD, 0); /* the item keeps its place, but not in the ring */
    expect_put(0, producer, ROOM + 1, 0);
    expect(-EAGAIN, producer, JOIN, 0);
}
END_TEST

/* ------------------------------------------------------------------ get, task_done */

START_TEST(a_blocked_get_takes_the_next_item)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    tell_and_expect_blocked(consumer, GET);
    expect_put(0, producer, 7, 0);
    expect_code(consumer, 0);
    ck_assert_uint_eq(consumer->order->number, 7);
}
END_TEST

START_TEST(a_get_times_out_or_does_not_wait)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    static const enum call calls[] = {GET, LEASE};
    for (size_t i = 0; i < COUNT(calls); i++) {
        const int64_t before_ns = process_now_ns();
        expect(-ETIMEDOUT, consumer, calls[i], BRIEF_NS);
        ck_assert_int_ge(process_now_ns() - before_ns, BRIEF_NS);
        expect(-EAGAIN, consumer, calls[i], 0);
    }
    expect_put(0, producer, 7, 0);
    expect(0, consumer, GET, 0);
    ck_assert_uint_eq(consumer->order->number, 7);
}
END_TEST

START_TEST(items_of_one_producer_come_in_order)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumers[] = {start(SHMQ_CONSUMER), start(SHMQ_CONSUMER), start(SHMQ_CONSUMER)};
    for (uint64_t i = 0; i < ROOM; i++)
        expect_put(0, producer, i, 0);
    for (uint64_t i = 0; i < ROOM; i++)
        expect_number(consumers[i % COUNT(consumers)], GET, i);
}
END_TEST

/* As get and task_done in one: nobody has to say any more, and nothing comes back. */
START_TEST(a_get_is_done_with_its_item)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    expect_put(0, producer, 7, 0);
    expect_number(consumer, GET, 7);
    expect(0, producer, JOIN, 0);
    expect_done(-EINVAL, consumer, 1);
    process_kill(&consumer->process);
    consumer = start(SHMQ_CONSUMER);
    expect(-EAGAIN, consumer, GET, 0); /* the item has died with it */
}
END_TEST

/* As get, with a task_done to come; if that does not come, because its process is gone, the item comes again. */
START_TEST(a_lease_is_a_get_whose_item_comes_back)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    expect_put(0, producer, 7, 0);
    expect_number(consumer, LEASE, 7);
    expect(-EBUSY, consumer, GET, 0); /* one that has not said that it is done gets no more */
    process_kill(&consumer->process);
    consumer = start(SHMQ_CONSUMER);
    expect_number(consumer, LEASE, 7);
    expect(-EAGAIN, producer, JOIN, 0);
    expect_done(0, consumer, 1);
    expect(0, producer, JOIN, 0);
}
END_TEST

START_TEST(too_many_task_dones_are_refused)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    expect_done(-EINVAL, consumer, 1);
    expect_put(0, producer, 7, 0);
    expect_put(0, producer, 8, 0);
    expect_done(-EINVAL, consumer, 1); /* in Python, this would be for the item that nobody has got yet */
    expect_number(consumer, LEASE, 7);
    expect_done(-EINVAL, consumer, 2);
    expect(-EAGAIN, producer, JOIN, 0); /* nothing is done by that */
    expect_done(0, consumer, 1);
    expect_done(-EINVAL, consumer, 1);
    expect_number(consumer, LEASE, 8);
    expect_done(0, consumer, 1);
    expect(0, producer, JOIN, 0);
}
END_TEST

START_TEST(task_done_is_for_what_the_same_handle_got)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *one = start(SHMQ_CONSUMER);
    struct hand *other = start(SHMQ_CONSUMER);
    expect_put(0, producer, 7, 0);
    expect_number(one, LEASE, 7);
    expect_done(-EINVAL, other, 1);
    expect_done(-EINVAL, producer, 1);
    expect(-EAGAIN, producer, JOIN, 0);
    expect_done(0, one, 1);
    expect(0, producer, JOIN, 0);
}
END_TEST

/* ------------------------------------------------------------------ join */

START_TEST(join_waits_for_the_last_task_done)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *worker = start(SHMQ_CONSUMER);
    struct hand *joiners[] = {start(SHMQ_OBSERVER), start(SHMQ_SUPERVISOR), start(SHMQ_CONSUMER)};
    for (size_t i = 0; i < COUNT(joiners); i++)
        expect(0, joiners[i], JOIN, SHMQ_FOREVER); /* nothing was put */
    for (uint64_t i = 0; i < 3; i++)
        expect_put(0, producer, i, 0);
    for (size_t i = 0; i < COUNT(joiners); i++)
        tell_and_expect_blocked(joiners[i], JOIN);
    for (uint64_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < COUNT(joiners); k++)
            expect_blocked(joiners[k]);
        expect_number(worker, LEASE, i);
        expect_done(0, worker, 1);
    }
    for (size_t i = 0; i < COUNT(joiners); i++)
        expect_code(joiners[i], 0);
}
END_TEST

START_TEST(join_gives_up_after_its_timeout)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *worker = start(SHMQ_CONSUMER);
    expect_put(0, producer, 7, 0);
    expect_number(worker, LEASE, 7);
    const int64_t before_ns = process_now_ns();
    expect(-ETIMEDOUT, producer, JOIN, BRIEF_NS);
    ck_assert_int_ge(process_now_ns() - before_ns, BRIEF_NS);
    expect(-EAGAIN, producer, JOIN, 0);
    expect_done(0, worker, 1);
    expect(0, producer, JOIN, process_patience_ns());
}
END_TEST

START_TEST(join_waits_for_what_a_dead_worker_left)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    expect_put(0, producer, 7, 0);
    for (int held = 0; held <= 1; held++) { /* in the ring, and in the dead one's buffer */
        struct hand *worker = start(SHMQ_CONSUMER);
        expect_number(worker, LEASE, 7);
        if (held)
            expect(0, worker, HOLD, 0);
        if (!held)
            tell_and_expect_blocked(joiner, JOIN);
        process_kill(&worker->process);
        expect_blocked(joiner);
    }
    struct hand *replacement = start(SHMQ_CONSUMER);
    expect_number(replacement, LEASE, 7);
    expect_blocked(joiner);
    expect_done(0, replacement, 1);
    expect_code(joiner, 0);
}
END_TEST

START_TEST(join_waits_for_what_waits_aside)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *worker = start(SHMQ_CONSUMER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    expect_put(0, producer, 7, 0);
    expect_number(worker, LEASE, 7);
    expect(0, worker, PUT_ASIDE, BRIEF_NS);
    tell_and_expect_blocked(joiner, JOIN);
    process_kill(&worker->process);
    worker = start(SHMQ_CONSUMER);
    expect_number(worker, LEASE, 7); /* once it is due */
    expect_blocked(joiner);
    expect_done(0, worker, 1);
    expect_code(joiner, 0);
}
END_TEST

static int drop(void *context, const struct shmq_peeked *peeked)
{
    (void)context;
    return shmq_drop(queue, peeked->message->lane, peeked->message->position);
}

START_TEST(join_does_not_wait_for_what_is_dropped)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    expect_put(0, producer, 7, 0);
    tell_and_expect_blocked(joiner, JOIN);
    ck_assert_int_eq(shmq_peek(observer, 0, drop, NULL), 0);
    expect_code(joiner, 0); /* though no consumer has ever come */
    ck_assert_int_eq(shmq_close(observer), 0);
}
END_TEST

/* Notes what is done, before it says so to the queue. */
struct work {
    _Atomic uint32_t done[2 * ROOM];
    uint32_t items;
    uint32_t killed_each; /* a worker dies after so many, with one in hand; 0: never */
    bool makes_more;      /* an item is followed by two others, up to .items */
};

static void put_from(struct shmq *producer, const struct work *work, uint64_t number)
{
    for (uint64_t next = 2 * number + 1; next <= 2 * number + 2 && next < work->items; next++)
        process_require_equal(test_queue_put(producer, next, SHMQ_FOREVER), 0);
}

static void run_worker(void *context)
{
    struct work *work = context;
    struct shmq_options options = small;
    struct shmq_message message;
    struct shmq *consumer;
    struct shmq *producer = NULL;
    uint64_t number;
    options.follow = true;
    process_require_equal(shmq_open(&consumer, queue, SHMQ_CONSUMER, &options), 0);
    if (work->makes_more)
        process_require_equal(shmq_open(&producer, queue, SHMQ_PRODUCER, &options), 0);
    for (uint32_t mine = 0;; mine++) {
        const int code = test_queue_lease(consumer, &number, &message, SHMQ_FOREVER);
        if (code == -ESHUTDOWN)
            break;
        process_require_equal(code, 0);
        process_require(number < work->items);
        if (work->killed_each != 0 && mine == work->killed_each)
            (void)raise(SIGKILL);
        if (work->makes_more) {
            process_require_equal(shmq_hold(consumer, &message),
                                  0); /* or it keeps room in the worker's own lane */
            put_from(producer, work, number);
        }
        atomic_fetch_add(&work->done[number], 1);
        process_require_equal(shmq_acknowledge(consumer, 1), 0);
    }
    (void)shmq_close(producer);
    process_require_equal(shmq_close(consumer), 0);
}

static void expect_all_done(struct work *work)
{
    for (uint32_t i = 0; i < work->items; i++)
        ck_assert_msg(atomic_load(&work->done[i]) > 0, "the join has ended before item %u was done", i);
}

/* Collects a dead worker and starts another in its place. Return: whether one was dead. */
static bool replace_dead(struct process *workers, size_t count, struct work *work)
{
    for (size_t i = 0; i < count; i++) {
        int status;
        if (waitpid(workers[i].pid, &status, WNOHANG) == 0)
            continue;
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        process_start(&workers[i], run_worker, work);
        return true;
    }
    return false;
}

/* Four workers die again and again, each with an item in hand, and are replaced. */
START_TEST(join_ends_when_all_is_done_whoever_dies)
{
    struct work *work = process_share(sizeof(*work));
    struct process workers[4];
    uint32_t replaced = 0;
    uint64_t code;
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    *work = (struct work){.items = ROOM, .killed_each = 3};
    for (uint64_t i = 0; i < work->items; i++)
        expect_put(0, producer, i, 0);
    tell_and_expect_blocked(joiner, JOIN);
    for (size_t i = 0; i < COUNT(workers); i++)
        process_start(&workers[i], run_worker, work);
    while (!process_hears(&joiner->process, 1, &code))
        replaced += replace_dead(workers, COUNT(workers), work);
    ck_assert_uint_eq(code, 0);
    expect_all_done(work);
    ck_assert_uint_ge(replaced, work->items / (work->killed_each + 1) / 2);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    for (size_t i = 0; i < COUNT(workers); i++)
        (void)process_collect(&workers[i]); /* one may have died with an item that others have done */
}
END_TEST

/* Each item is put before the one that it follows from is done, so at every moment something is left, in one lane
 * or another. */
START_TEST(join_waits_for_items_that_items_make)
{
    struct work *work = process_share(sizeof(*work));
    struct process workers[3];
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    *work = (struct work){.items = COUNT(work->done), .makes_more = true};
    expect_put(0, producer, 0, 0);
    tell_and_expect_blocked(joiner, JOIN);
    for (size_t i = 0; i < COUNT(workers); i++)
        process_start(&workers[i], run_worker, work);
    expect_code(joiner, 0);
    expect_all_done(work);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    for (size_t i = 0; i < COUNT(workers); i++)
        process_expect_success(&workers[i]);
}
END_TEST

/* The next item is put before the last one is done. */
START_TEST(join_waits_while_puts_go_on)
{
    struct hand *producers[] = {start(SHMQ_PRODUCER), start(SHMQ_PRODUCER)};
    struct hand *worker = start(SHMQ_CONSUMER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    expect_put(0, producers[0], 0, 0);
    tell_and_expect_blocked(joiner, JOIN);
    for (uint64_t i = 0; i < 100; i++) {
        expect_number(worker, LEASE, i);
        expect_put(0, producers[i % 2], i + 1, 0);
        expect_done(0, worker, 1);
        expect_blocked(joiner);
    }
    expect_number(worker, GET, 100);
    expect_code(joiner, 0);
}
END_TEST

/* ------------------------------------------------------------------ shutdown */

static uint32_t known_shutdown(void)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_info(observer, &info), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    return info.shut_down;
}

START_TEST(shutdown_is_for_good)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    static const struct {
        enum shmq_shutdown_how how;
        uint32_t then;
    } steps[] = {{SHMQ_DRAIN, SHMQ_DRAIN}, {SHMQ_DRAIN, SHMQ_DRAIN}, {SHMQ_NOW, SHMQ_NOW}, {SHMQ_DRAIN, SHMQ_NOW}};
    ck_assert_uint_eq(known_shutdown(), 0);
    for (size_t i = 0; i < COUNT(steps); i++) {
        ck_assert_int_eq(shmq_shutdown(queue, steps[i].how), 0);
        ck_assert_uint_eq(known_shutdown(), steps[i].then);
        expect_put(-ESHUTDOWN, producer, 7, SHMQ_FOREVER); /* though there is room */
    }
    expect_put(-ESHUTDOWN, start(SHMQ_PRODUCER), 7, 0); /* who comes later is told, too */
    expect(-ESHUTDOWN, start(SHMQ_CONSUMER), GET, 0);
}
END_TEST

START_TEST(shutdown_ends_puts_and_lets_gets_go_on)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *consumer = start(SHMQ_CONSUMER);
    fill(producer);
    tell_and_expect_blocked(producer, PUT);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    expect_code(producer, -ESHUTDOWN);
    for (uint64_t i = 0; i < ROOM; i++)
        expect_number(consumer, GET, i);
    expect(-ESHUTDOWN, consumer, GET, SHMQ_FOREVER);
    expect(-ESHUTDOWN, consumer, GET, 0);
}
END_TEST

START_TEST(shutdown_ends_gets_that_wait)
{
    for (int how = SHMQ_DRAIN; how <= SHMQ_NOW; how++) {
        struct hand *consumers[] = {start(SHMQ_CONSUMER), start(SHMQ_CONSUMER)};
        tell_and_expect_blocked(consumers[0], GET);
        tell_and_expect_blocked(consumers[1], LEASE);
        ck_assert_int_eq(shmq_shutdown(queue, (enum shmq_shutdown_how)how), 0);
        for (size_t i = 0; i < COUNT(consumers); i++)
            expect_code(consumers[i], -ESHUTDOWN);
        test_queue_remove(queue);
        ck_assert_int_eq(shmq_create(queue, &small), 0);
    }
}
END_TEST

/* In Python, a get raises ShutDown once all is taken. Here it may come back. */
START_TEST(get_waits_for_what_others_may_leave)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *worker = start(SHMQ_CONSUMER);
    struct hand *other = start(SHMQ_CONSUMER);
    expect_put(0, producer, 7, 0);
    expect_put(0, producer, 8, 0);
    expect_number(worker, LEASE, 7);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    expect_number(other, GET, 8);
    expect(-EAGAIN, other, GET, 0);
    tell_and_expect_blocked(other, GET);
    process_kill(&worker->process);
    expect_code(other, 0);
    ck_assert_uint_eq(other->order->number, 7);
    expect(-ESHUTDOWN, other, GET, SHMQ_FOREVER);
}
END_TEST

START_TEST(join_at_a_shutdown_waits_for_the_rest)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    expect_put(0, producer, 7, 0);
    expect_put(0, producer, 8, 0);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    tell_and_expect_blocked(joiner, JOIN); /* workers may come */
    struct hand *worker = start(SHMQ_CONSUMER);
    expect_number(worker, LEASE, 7);
    expect_done(0, worker, 1);
    expect_number(worker, LEASE, 8);
    expect_blocked(joiner);
    expect_done(0, worker, 1);
    expect_code(joiner, 0);
}
END_TEST

START_TEST(shutdown_now_leaves_the_items)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *worker = start(SHMQ_CONSUMER);
    struct hand *other = start(SHMQ_CONSUMER);
    fill(producer);
    expect_number(worker, LEASE, 0);
    tell_and_expect_blocked(producer, PUT);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    expect_code(producer, -ESHUTDOWN);
    expect(-ESHUTDOWN, other, GET, SHMQ_FOREVER); /* though there is something to get */
    expect_done(0, worker, 1);
    expect(-ESHUTDOWN, worker, LEASE, SHMQ_FOREVER);
    ck_assert_uint_eq(qsize(), ROOM - 1); /* in Python, 0 */
}
END_TEST

/* In Python, the items that nobody has got count as done. */
START_TEST(join_at_a_shutdown_now_ends_when_nobody_works)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    struct hand *worker = start(SHMQ_CONSUMER);
    struct hand *doomed = start(SHMQ_CONSUMER);
    struct hand *other = start(SHMQ_CONSUMER);
    for (uint64_t i = 0; i < 3; i++)
        expect_put(0, producer, i, 0);
    expect_number(worker, LEASE, 0);
    expect_number(doomed, LEASE, 1);
    expect_number(other, LEASE, 2);
    expect(0, other, PUT_ASIDE, BRIEF_NS);
    tell_and_expect_blocked(joiner, JOIN);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    expect(-EAGAIN, producer, JOIN, 0);
    expect(-ETIMEDOUT, producer, JOIN, BRIEF_NS);
    process_kill(&doomed->process);
    expect(-EAGAIN, worker, JOIN, 0); /* it has one itself */
    expect_blocked(joiner);
    expect_done(0, worker, 1);
    expect_code(joiner, -ESHUTDOWN);
    expect(-ESHUTDOWN, producer, JOIN, 0);
    ck_assert_uint_eq(test_queue_stat(queue).messages, 2);
}
END_TEST

START_TEST(join_at_a_shutdown_now_ends_well_if_nothing_stays)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    struct hand *worker = start(SHMQ_CONSUMER);
    expect_put(0, producer, 7, 0);
    expect_number(worker, LEASE, 7);
    expect(0, worker, HOLD, 0);
    tell_and_expect_blocked(joiner, JOIN);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_NOW), 0);
    expect_blocked(joiner);
    expect_done(0, worker, 1);
    expect_code(joiner, 0);
    expect(0, producer, JOIN, SHMQ_FOREVER);
}
END_TEST

START_TEST(join_of_a_removed_queue_ends)
{
    struct hand *producer = start(SHMQ_PRODUCER);
    struct hand *joiner = start(SHMQ_OBSERVER);
    struct shmq *own = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    expect_put(0, producer, 7, 0);
    tell_and_expect_blocked(joiner, JOIN);
    test_queue_remove(queue);
    expect_code(joiner, -ESTALE);
    ck_assert_int_eq(shmq_join(own, 0), -ESTALE);
    ck_assert_int_eq(shmq_close(own), 0);
    process_kill(&producer->process); /* its close would say so, too */
}
END_TEST

/* ------------------------------------------------------------------ PriorityQueue */

START_TEST(lanes_of_lower_priority_numbers_come_first)
{
    static const uint32_t priorities[] = {7, 0, 4};
    struct hand *consumer = start(SHMQ_CONSUMER);
    for (size_t i = 0; i < COUNT(priorities); i++) {
        struct shmq_options options = small;
        options.priority = priorities[i];
        struct hand *producer = start_with(SHMQ_PRODUCER, &options);
        for (uint64_t k = 0; k < 2; k++)
            expect_put(0, producer, 10 * priorities[i] + k, 0);
    }
    static const uint64_t expected[] = {0, 1, 40, 41, 70, 71};
    for (size_t i = 0; i < COUNT(expected); i++)
        expect_number(consumer, GET, expected[i]);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("Queue(maxsize), qsize, empty, full"),
    TEST(maxsize_is_bytes_of_each_lane),
    TEST(who_says_another_maxsize_is_refused),
    TEST(an_item_that_never_fits_is_refused),
    TEST(qsize_leaves_out_what_consumers_have),
    TEST(empty_and_full_are_looks_at_the_statistics),
    TEST_GROUP("put"),
    TEST(a_blocked_put_goes_on_when_there_is_room),
    TEST(a_put_that_times_out_has_put_nothing),
    TEST(put_nowait_is_a_timeout_of_0),
    TEST(a_negative_timeout_is_for_ever),
    TEST(a_taken_item_keeps_its_room_until_it_is_done),
    TEST_GROUP("get, task_done"),
    TEST(a_blocked_get_takes_the_next_item),
    TEST(a_get_times_out_or_does_not_wait),
    TEST(items_of_one_producer_come_in_order),
    TEST(a_get_is_done_with_its_item),
    TEST(a_lease_is_a_get_whose_item_comes_back),
    TEST(too_many_task_dones_are_refused),
    TEST(task_done_is_for_what_the_same_handle_got),
    TEST_GROUP("join"),
    TEST(join_waits_for_the_last_task_done),
    TEST(join_gives_up_after_its_timeout),
    TEST(join_waits_for_what_a_dead_worker_left),
    TEST(join_waits_for_what_waits_aside),
    TEST(join_does_not_wait_for_what_is_dropped),
    TEST(join_ends_when_all_is_done_whoever_dies),
    TEST(join_waits_for_items_that_items_make),
    TEST(join_waits_while_puts_go_on),
    TEST_GROUP("shutdown"),
    TEST(shutdown_is_for_good),
    TEST(shutdown_ends_puts_and_lets_gets_go_on),
    TEST(shutdown_ends_gets_that_wait),
    TEST(get_waits_for_what_others_may_leave),
    TEST(join_at_a_shutdown_waits_for_the_rest),
    TEST(shutdown_now_leaves_the_items),
    TEST(join_at_a_shutdown_now_ends_when_nobody_works),
    TEST(join_at_a_shutdown_now_ends_well_if_nothing_stays),
    TEST(join_of_a_removed_queue_ends),
    TEST_GROUP("PriorityQueue"),
    TEST(lanes_of_lower_priority_numbers_come_first),
};
TEST_SUITE("queue methods", tests, .seconds = 30, .set_up = set_up, .tear_down = tear_down);
