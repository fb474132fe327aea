/* SPDX-License-Identifier: MIT */
/* The parts of a sleep, call by call: who is counted, who is rung for, and what is learnt from it. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/queue/waiting.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define TICK_NS INT64_C(10000000000) /* ends no sleep of a test */
#define SEATS 4u
#define OF_OTHER 1u /* its seat */
#define OF_NOBODY 2u

static struct shmq *producer;
static struct shmq *consumer; /* seat 0 */
static struct shmq *other;    /* seat 1, another consumer */

static struct shmq_options options = {
    SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 4096, .max_message_bytes = 4096, .lanes = 3,
    .seats = SEATS,        .prefetch = 1,  .follow = true,         .tick_ns = TICK_NS};

/* What stands behind the last seat, and seems to live, is nobody's. */
static void plant_ghost(void)
{
    struct seat *ghost = &consumer->seats[SEATS];
    atomic_store(&ghost->held_valid, 1);
    atomic_store(&ghost->waiting, WAITING_LONG);
    atomic_store(&ghost->interrupted, 1);
    atomic_store(&ghost->pid, 1);
    ck_assert_int_eq(byte_lock_try(producer->object.fd, handle_seat_byte(producer, SEATS)), 0);
}

static void begin(const char *test)
{
    use_queue(test);
    producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    other = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_uint_eq(consumer->consumer.seat, 0);
    ck_assert_uint_eq(other->consumer.seat, OF_OTHER);
    plant_ghost();
}

static void begin_with_tick(const char *test, int64_t tick_ns)
{
    options.tick_ns = tick_ns;
    begin(test);
    options.tick_ns = TICK_NS;
    atomic_store(&consumer->seats[0].waiting, WAITING_TICK); /* watches */
}

static void end(void)
{
    ck_assert_int_eq(shmq_close(other), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}

static int value(const struct doorbell *bell)
{
    int value = -1;
    ck_assert_ptr_nonnull(bell->semaphore);
    ck_assert_int_eq(sem_getvalue(bell->semaphore, &value), 0);
    return value;
}

static void post(const struct doorbell *bell, int times)
{
    while (times-- > 0)
        ck_assert_int_eq(sem_post(bell->semaphore), 0);
}

static void silence(const struct doorbell *bell)
{
    while (sem_trywait(bell->semaphore) == 0)
        ;
}

static void open_items(void)
{
    ck_assert(doorbell_open(&consumer->items, &consumer->access, atomic_load(&consumer->header->bell_generation)));
}

static uint32_t sleepers(void)
{
    return bell_count(atomic_load(&consumer->header->bell));
}

static void set_sleepers(uint32_t count)
{
    atomic_store(&consumer->header->bell, bell_with(atomic_load(&consumer->header->bell), count));
}

static void set_waiting(uint32_t seat, enum waiting_state state)
{
    atomic_store(&consumer->seats[seat].waiting, state);
}

static uint32_t waiting_of(uint32_t seat)
{
    return atomic_load(&consumer->seats[seat].waiting);
}

static ino_t inode_of(const struct doorbell *bell)
{
    char path[SEMAPHORE_PATH_BYTES];
    struct stat st = {0};
    name_of_semaphore_file(path, bell->name);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* ------------------------------------------------------------------ counting sleepers, and ringing for them */

START_TEST(who_arms_is_counted_until_it_wakes_by_itself)
{
    begin("arm");
    atomic_store(&consumer->seats[0].interrupted, 1);
    waiting_arm_consumer(consumer);
    ck_assert_uint_eq(sleepers(), 1);
    ck_assert_uint_eq(waiting_of(0), WAITING_TICK);
    ck_assert_uint_eq(atomic_load(&consumer->seats[0].interrupted), 0);
    ck_assert_uint_eq(atomic_load(&consumer->interrupt.place), SLEEP_ON_BELL);
    waiting_arm_consumer(other);
    ck_assert_uint_eq(sleepers(), 2);

    atomic_store(&consumer->seats[0].interrupted, 1);
    waiting_disarm_consumer(consumer, false);
    ck_assert_uint_eq(sleepers(), 1);
    ck_assert_uint_eq(waiting_of(0), WAITING_NOT);
    ck_assert_uint_eq(atomic_load(&consumer->seats[0].interrupted), 0);
    ck_assert_uint_eq(atomic_load(&consumer->interrupt.place), SLEEP_NOT);
    waiting_disarm_consumer(other, true); /* whoever rang has taken it off */
    ck_assert_uint_eq(sleepers(), 1);
    set_sleepers(0);
    waiting_disarm_consumer(other, false); /* has been taken off meanwhile */
    ck_assert_uint_eq(sleepers(), 0);
    end();
}
END_TEST

static bool fences_were_asked_for(void)
{
    const uint32_t before = atomic_fetch_and(&consumer->header->flags, ~(uint32_t)FLAG_FULL_FENCES);
    return (before & FLAG_FULL_FENCES) != 0;
}

/* Without the barrier, which all these need, others have to fence. */
START_TEST(who_may_not_use_the_barrier_asks_everybody_for_fences)
{
    uint64_t number;
    begin_with_tick("fences", 60 * MS);
    if (!process_refuse_membarrier()) {
        end();
        return;
    }
    ck_assert(!fences_were_asked_for());
    waiting_arm_consumer(other);
    ck_assert(fences_were_asked_for());
    ck_assert(!waiting_sleep_consumer(other, clock_now_ns()));
    ck_assert_uint_eq(waiting_of(OF_OTHER), WAITING_LONG);
    ck_assert(fences_were_asked_for());
    waiting_disarm_consumer(other, false);
    waiting_arm_producer(producer, UINT64_MAX);
    ck_assert(fences_were_asked_for());
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert(!fences_were_asked_for());
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -ESHUTDOWN); /* no put is under way */
    ck_assert(fences_were_asked_for());
    end();
}
END_TEST

START_TEST(who_takes_the_seat_of_a_dead_sleeper_is_awake)
{
    begin("seat");
    set_waiting(OF_NOBODY, WAITING_LONG);
    const uint32_t before = atomic_load(&consumer->header->membership);
    struct shmq *newcomer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_uint_eq(newcomer->consumer.seat, OF_NOBODY);
    ck_assert_uint_eq(waiting_of(OF_NOBODY), WAITING_NOT);
    const uint32_t meanwhile = atomic_load(&consumer->header->membership);
    ck_assert_uint_ne(meanwhile, before); /* so that others count anew */
    ck_assert_int_eq(shmq_close(newcomer), 0);
    ck_assert_uint_ne(atomic_load(&consumer->header->membership), meanwhile);
    end();
}
END_TEST

/* What it held is there for another; else, whoever sleeps long may have to watch. */
START_TEST(who_leaves_wakes_another_if_need_be)
{
    uint64_t number;
    struct shmq_message message;
    begin("leaves");
    open_items();
    struct shmq *newcomer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    set_sleepers(3);
    ck_assert_int_eq(shmq_close(newcomer), 0);
    ck_assert_uint_eq(sleepers(), 3);
    newcomer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    atomic_store(&consumer->header->long_sleepers, 1);
    ck_assert_int_eq(shmq_close(newcomer), 0);
    ck_assert_uint_eq(sleepers(), 0);
    newcomer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(test_queue_lease(newcomer, &number, &message, 0), 0);
    set_sleepers(3);
    ck_assert_int_eq(shmq_close(newcomer), 0);
    ck_assert_uint_eq(sleepers(), 2);
    end();
}
END_TEST

START_TEST(a_waker_takes_off_as_many_as_it_rings_for)
{
    begin("wake");
    open_items();
    set_sleepers(3);
    const uint64_t before = atomic_load(&consumer->header->bell);
    waiting_wake_consumers_slow(producer, 0);
    ck_assert_uint_eq(atomic_load(&consumer->header->bell), before);
    waiting_wake_consumers_slow(producer, 2);
    ck_assert_uint_eq(sleepers(), 1);
    ck_assert_int_eq(value(&consumer->items), 2);
    ck_assert_uint_ne(atomic_load(&consumer->header->bell) >> 32, before >> 32);
    waiting_wake_consumers_slow(producer, 2);
    ck_assert_uint_eq(sleepers(), 0);
    ck_assert_int_eq(value(&consumer->items), 3);
    waiting_wake_consumers_slow(producer, UINT32_MAX);
    ck_assert_int_eq(value(&consumer->items), 3);
    end();
}
END_TEST

START_TEST(each_message_wakes_one)
{
    uint64_t number = 1;
    const struct iovec many[3] = {{&number, sizeof(number)}, {&number, sizeof(number)}, {&number, sizeof(number)}};
    void *payload;
    size_t done;
    begin("each");
    open_items();
    set_sleepers(4);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_uint_eq(sleepers(), 3);
    ck_assert_int_eq(shmq_reserve(producer, 100, &payload, 0), 0);
    ck_assert_uint_eq(sleepers(), 3);
    ck_assert_int_eq(shmq_commit(producer, 100), 0);
    ck_assert_uint_eq(sleepers(), 2);
    ck_assert_int_eq(shmq_put(producer, "", 0, 0), 0);
    ck_assert_uint_eq(sleepers(), 1);
    ck_assert_int_eq(value(&consumer->items), 3);
    set_sleepers(4);
    silence(&consumer->items);
    ck_assert_int_eq(shmq_put_many(producer, many, 3, &done, 0), 0);
    ck_assert_uint_eq(sleepers(), 1);
    ck_assert_int_eq(value(&consumer->items), 3);
    end();
}
END_TEST

/* Of a lane that goes on, nobody is told; of one that ends, everybody. */
START_TEST(the_last_acknowledgement_wakes_who_waits_for_the_end)
{
    uint64_t number;
    begin("last");
    open_items();
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(test_queue_put(producer, 2, 0), 0);
    ck_assert_int_eq(test_queue_put(producer, 3, 0), 0);
    set_sleepers(2);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_uint_eq(sleepers(), 2);
    if (_i == 0)
        ck_assert_int_eq(shmq_finish(producer), 0);
    else
        ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    silence(&consumer->items);
    set_sleepers(2);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_uint_eq(sleepers(), 2); /* one is left */
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_uint_eq(sleepers(), 0);
    ck_assert_int_eq(value(&consumer->items), 2);
    end();
}
END_TEST

START_TEST(an_acknowledgement_makes_room_and_tells_the_producer)
{
    unsigned char block[4096] = {0};
    size_t length;
    begin("room-made");
    ck_assert_int_eq(shmq_put(producer, block, sizeof(block), 0), 0);
    waiting_arm_producer(producer, producer->producer.ring.next);
    ck_assert_int_eq(shmq_get(consumer, block, sizeof(block), &length, 0), 0);
    ck_assert_int_eq(value(&producer->producer.view->space), 1);
    end();
}
END_TEST

START_TEST(nobody_rings_more_often_than_there_are_seats)
{
    begin("seats");
    open_items();
    set_sleepers(1000);
    waiting_wake_consumers_slow(producer, 999);
    ck_assert_uint_eq(sleepers(), 1);
    ck_assert_int_eq(value(&consumer->items), SEATS);
    end();
}
END_TEST

START_TEST(where_some_sleep_long_all_are_rung_for)
{
    begin("long");
    open_items();
    set_sleepers(3);
    waiting_hand_over_watch(consumer);
    ck_assert_uint_eq(sleepers(), 3);
    atomic_store(&consumer->header->long_sleepers, 1);
    waiting_wake_consumers_slow(producer, 1);
    ck_assert_uint_eq(sleepers(), 0);
    ck_assert_uint_eq(atomic_load(&consumer->header->long_sleepers), 0);
    ck_assert_int_eq(value(&consumer->items), 3);
    silence(&consumer->items);

    set_sleepers(2);
    atomic_store(&consumer->header->long_sleepers, 1);
    waiting_hand_over_watch(consumer);
    ck_assert_uint_eq(sleepers(), 0);
    ck_assert_int_eq(value(&consumer->items), 2);
    end();
}
END_TEST

/* Whoever sleeps long although there is something to do has missed its ring. */
START_TEST(who_falls_asleep_beside_work_wakes_the_long_sleepers)
{
    begin("beside");
    open_items();
    set_sleepers(1);
    set_waiting(OF_OTHER, WAITING_LONG);
    waiting_arm_consumer(consumer); /* nothing to do */
    ck_assert_int_eq(value(&consumer->items), 0);
    waiting_disarm_consumer(consumer, false);

    set_waiting(OF_OTHER, WAITING_TICK);
    atomic_store(&consumer->seats[SEATS - 1].held_valid, 1);
    waiting_arm_consumer(consumer); /* nobody sleeps long */
    ck_assert_int_eq(value(&consumer->items), 0);
    waiting_disarm_consumer(consumer, false);
    set_waiting(OF_NOBODY, WAITING_LONG);
    waiting_arm_consumer(consumer); /* a dead one does */
    ck_assert_int_eq(value(&consumer->items), 0);
    waiting_disarm_consumer(consumer, false);

    set_waiting(OF_OTHER, WAITING_LONG);
    waiting_arm_consumer(consumer);
    ck_assert_int_eq(value(&consumer->items), 1);
    ck_assert_uint_eq(sleepers(), 1); /* itself */
    atomic_store(&consumer->seats[SEATS - 1].held_valid, 0);
    end();
}
END_TEST

/* In a lane with a message, or one whose owner is dead. */
START_TEST(there_is_something_to_do_in_a_lane)
{
    uint64_t number;
    begin("lane");
    open_items();
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN); /* knows the lanes now */
    struct lane_view *view = &consumer->lanes[producer->producer.view->ring.lane];
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            view->dead_since_ns = 1;
        if (i == 2)
            ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
        set_sleepers(1);
        set_waiting(OF_OTHER, WAITING_LONG);
        waiting_arm_consumer(consumer);
        ck_assert_int_eq(value(&consumer->items), i > 0);
        waiting_disarm_consumer(consumer, false);
        silence(&consumer->items);
        view->dead_since_ns = 0;
    }
    end();
}
END_TEST

/* ------------------------------------------------------------------ sleeping long */

/* Whether the other would sleep long. */
static bool sleeps_long(void)
{
    atomic_store(&other->header->long_sleepers, 0);
    waiting_arm_consumer(other);
    ck_assert(!waiting_sleep_consumer(other, clock_now_ns()));
    const bool says_so = waiting_of(OF_OTHER) == WAITING_LONG;
    ck_assert_int_eq(atomic_load(&other->header->long_sleepers), says_so);
    waiting_disarm_consumer(other, false);
    return says_so;
}

START_TEST(who_may_sleep_long_does_and_nobody_else)
{
    begin_with_tick("long-or-not", 60 * MS);
    ck_assert(sleeps_long());
    set_waiting(0, WAITING_LONG); /* nobody watches */
    ck_assert(!sleeps_long());
    set_waiting(0, WAITING_NOT);
    set_waiting(SEATS - 1, WAITING_TICK);
    ck_assert(!sleeps_long());
    set_waiting(0, WAITING_TICK);
    ck_assert(sleeps_long());
    other->items.noisy = true;
    ck_assert(!sleeps_long());
    other->items.noisy = false;
    other->consumer.busy_ns = clock_now_ns();
    ck_assert(!sleeps_long());
    other->consumer.busy_ns = clock_now_ns() - 41 * 60 * MS;
    ck_assert(sleeps_long());
    atomic_store(&consumer->seats[SEATS - 1].held_valid, 1); /* something to do */
    atomic_store(&other->header->long_sleepers, 0);
    waiting_arm_consumer(other);
    ck_assert(!waiting_sleep_consumer(other, clock_now_ns()));
    ck_assert_uint_eq(waiting_of(OF_OTHER), WAITING_TICK);
    waiting_disarm_consumer(other, false);
    atomic_store(&consumer->seats[SEATS - 1].held_valid, 0);
    end();
}
END_TEST

/* Where the tick is as long as the longest sleep, there is no longer one. */
START_TEST(no_long_sleep_is_as_short_as_a_tick)
{
    begin_with_tick("long-tick", _i == 0 ? 4000 * MS : 3999 * MS);
    ck_assert_int_eq(sleeps_long(), _i != 0);
    end();
}
END_TEST

/* A ring says that something goes on, whoever gets it. */
START_TEST(who_was_rung_for_does_not_sleep_long)
{
    begin_with_tick("rung-for", 60 * MS);
    ck_assert(sleeps_long());
    waiting_arm_consumer(other);
    doorbell_ring(&other->items, 1);
    ck_assert(waiting_sleep_consumer(other, INT64_MAX));
    waiting_disarm_consumer(other, true);
    ck_assert(!sleeps_long());
    end();
}
END_TEST

/* Even while there is plenty to do, and no more often than needed. */
START_TEST(the_dead_are_looked_for_at_each_tick)
{
    uint64_t number;
    begin("orphans");
    const int64_t before = clock_coarse_ns();
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert_int_ge(consumer->consumer.orphans_ns, before + TICK_NS);
    ck_assert_int_le(consumer->consumer.orphans_ns, clock_coarse_ns() + TICK_NS);
    consumer->consumer.sharers = 7; /* and counted, whoever has died meanwhile */
    consumer->consumer.sharers_ns = before - 1000 * MS;
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert_uint_eq(consumer->consumer.sharers, 7); /* not before the next tick */
    consumer->consumer.orphans_ns = 0;
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert_uint_eq(consumer->consumer.sharers, 2);
    ck_assert_int_eq(test_queue_get(other, &number, 0), -EAGAIN);
    ck_assert_uint_eq(other->consumer.sharers, 2);
    end();
}
END_TEST

/* Otherwise nobody would sleep long beside it. */
START_TEST(a_lane_that_another_has_finished_is_no_longer_one_of_the_dead)
{
    uint64_t number;
    begin("finished");
    const uint32_t lane = producer->producer.view->ring.lane;
    shmq_abandon(producer);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert_int_ne(consumer->lanes[lane].dead_since_ns, 0);
    set_sleepers(2);
    ck_assert_int_eq(shmq_finish_lane(queue, lane), 0);
    ck_assert_uint_eq(sleepers(), 0); /* it may be the end */
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), -EAGAIN);
    ck_assert_int_eq(consumer->lanes[lane].dead_since_ns, 0);
    producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    end();
}
END_TEST

/* ------------------------------------------------------------------ the producer's bell */

static struct doorbell *space(void)
{
    return &producer->producer.view->space;
}

static shared_u64 *wanted_head(void)
{
    return &producer->producer.view->ring.control->wanted_head;
}

START_TEST(a_producer_is_rung_for_once_head_is_where_it_wants_it)
{
    begin("head");
    struct lane_view *view = producer->producer.view;
    const uint64_t head = atomic_load(&view->ring.control->head);
    waiting_arm_producer(producer, head + 1);
    ck_assert_uint_eq(atomic_load(wanted_head()), head + 1);
    ck_assert_uint_eq(atomic_load(&producer->interrupt.place), SLEEP_ON_BELL);
    waiting_wake_producer_slow(producer, view, head + 1);
    ck_assert_int_eq(value(space()), 0);
    waiting_wake_producer_slow(producer, view, head); /* it has said another one since */
    ck_assert_int_eq(value(space()), 0);
    ck_assert_uint_eq(atomic_load(wanted_head()), head + 1);
    atomic_store(wanted_head(), head);
    waiting_wake_producer_slow(producer, view, head);
    ck_assert_int_eq(value(space()), 1);
    ck_assert_uint_eq(atomic_load(wanted_head()), 0);

    waiting_arm_producer(producer, head + 1);
    waiting_disarm_producer(producer);
    ck_assert_uint_eq(atomic_load(wanted_head()), 0);
    ck_assert_uint_eq(atomic_load(&producer->interrupt.place), SLEEP_NOT);
    end();
}
END_TEST

/* What it spins for, and sleeps for, is the room that it needs: a quarter of the lane, if that comes soon. */
START_TEST(a_producer_says_how_much_room_it_waits_for)
{
    unsigned char block[4096] = {0};
    begin("room");
    ck_assert_int_eq(shmq_put(producer, block, sizeof(block), 0), 0);
    ck_assert_int_eq(shmq_put(producer, block, 65, MS), -ETIMEDOUT);
    ck_assert_uint_eq(producer->producer.needed_cells, 2);
    ck_assert_int_eq(shmq_put(producer, block, sizeof(block), MS), -ETIMEDOUT);
    ck_assert_uint_eq(producer->producer.needed_cells, 64);
    ck_assert_uint_eq(atomic_load(wanted_head()), 0);
    ck_assert_uint_eq(atomic_load(&producer->interrupt.place), SLEEP_NOT);
    end();
}
END_TEST

/* Also who waits in a lane for more room than there is now. */
START_TEST(everybody_is_rung_for_who_sleeps)
{
    begin("everybody");
    struct shmq *second = test_queue_open(queue, SHMQ_PRODUCER, &options);
    const struct doorbell *awake = &second->producer.view->space;
    waiting_arm_producer(second, 1);
    waiting_disarm_producer(second);
    waiting_arm_producer(producer, UINT64_MAX);
    waiting_arm_consumer(consumer);
    waiting_arm_consumer(other);
    ck_assert_int_eq(shmq_shutdown(queue, SHMQ_DRAIN), 0);
    ck_assert_int_eq(value(space()), 1);
    ck_assert_int_eq(value(awake), 0);
    ck_assert_int_eq(value(&consumer->items), 2);
    ck_assert_uint_eq(sleepers(), 0);
    ck_assert_int_eq(shmq_close(second), 0);
    end();
}
END_TEST

/* By what they sleep on, which has no name any more then. */
START_TEST(who_sleeps_is_told_that_the_queue_is_removed)
{
    begin("removed");
    waiting_arm_producer(producer, UINT64_MAX);
    waiting_arm_consumer(consumer);
    waiting_arm_consumer(other);
    ck_assert_int_eq(shmq_remove(queue, true), 0);
    ck_assert_int_eq(value(space()), 1);
    ck_assert_int_eq(value(&consumer->items), 2);
    ck_assert_uint_eq(test_leftovers(queue), 0);
    ck_assert_int_eq(shmq_close(other), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), -ESTALE);
}
END_TEST

START_TEST(who_finds_no_place_waits_as_long_as_it_is_told)
{
    struct shmq *more[2];
    struct shmq *none;
    begin("no-place");
    for (int i = 0; i < 2; i++)
        more[i] = test_queue_open(queue, SHMQ_PRODUCER, &options);
    struct shmq_options patient = options;
    patient.attach_wait_ns = 20 * MS;
    const int64_t began = clock_now_ns();
    ck_assert_int_eq(shmq_open(&none, queue, SHMQ_PRODUCER, &patient), -EUSERS);
    ck_assert_int_ge(clock_now_ns(), began + 20 * MS);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(shmq_close(more[i]), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ what a sleep teaches */

START_TEST(a_ring_for_nothing_sets_the_count_right)
{
    begin("count");
    open_items();
    set_sleepers(5);
    set_waiting(OF_OTHER, WAITING_TICK);
    set_waiting(OF_NOBODY, WAITING_TICK);
    set_waiting(SEATS - 1, WAITING_LONG);
    waiting_learn_consumer(consumer, true, true);
    waiting_learn_consumer(consumer, false, false);
    ck_assert_uint_eq(sleepers(), 5);
    waiting_learn_consumer(consumer, true, false);
    ck_assert_uint_eq(sleepers(), 3);
    for (uint32_t count = 2; count <= 3; count++) { /* has it right, or somebody has just been rung for */
        set_sleepers(count);
        const uint64_t before = atomic_load(&consumer->header->bell);
        waiting_learn_consumer(consumer, true, false);
        ck_assert_uint_eq(atomic_load(&consumer->header->bell), before);
    }
    end();
}
END_TEST

START_TEST(a_ring_for_nothing_takes_out_rings_that_nobody_needs)
{
    begin("rings");
    open_items();
    post(&consumer->items, SEATS + 2);
    waiting_learn_consumer(consumer, true, true);
    waiting_learn_consumer(consumer, false, false);
    ck_assert_int_eq(value(&consumer->items), SEATS + 2);
    waiting_learn_consumer(consumer, true, false);
    ck_assert_int_eq(value(&consumer->items), SEATS);

    waiting_arm_producer(producer, UINT64_MAX);
    post(space(), 3);
    waiting_learn_producer(producer, true, true);
    waiting_learn_producer(producer, false, false);
    ck_assert_int_eq(value(space()), 3);
    waiting_learn_producer(producer, true, false);
    ck_assert_int_eq(value(space()), 1);
    end();
}
END_TEST

/* Not every time, because each asks the system about each seat. */
START_TEST(the_dead_are_no_longer_said_to_sleep_after_some_rings_for_nothing)
{
    begin("dead");
    open_items();
    set_waiting(0, WAITING_TICK);
    set_waiting(OF_OTHER, WAITING_TICK);
    for (int round = 0; round < 2; round++) {
        set_waiting(OF_NOBODY, WAITING_TICK);
        set_waiting(SEATS - 1, WAITING_LONG);
        for (int i = 0; i < 7; i++)
            waiting_learn_consumer(consumer, true, false);
        ck_assert_uint_eq(waiting_of(OF_NOBODY), WAITING_TICK);
        waiting_learn_consumer(consumer, true, false);
        ck_assert_uint_eq(waiting_of(OF_NOBODY), WAITING_NOT);
        ck_assert_uint_eq(waiting_of(SEATS - 1), WAITING_NOT);
        ck_assert_uint_eq(waiting_of(OF_OTHER), WAITING_TICK);
        ck_assert_uint_eq(waiting_of(0), WAITING_TICK);
    }
    for (uint32_t i = OF_NOBODY; i < SEATS; i++)
        ck_assert(!byte_lock_held(consumer->object.fd, handle_seat_byte(consumer, i)));
    end();
}
END_TEST

/* Its byte would be let go with it. */
START_TEST(a_dead_one_whose_work_is_in_hand_stays_ours)
{
    uint64_t number;
    struct shmq_message message;
    begin("adopted");
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(test_queue_lease(other, &number, &message, 0), 0);
    shmq_abandon(other);
    other = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_uint_eq(other->consumer.seat, OF_OTHER);
    shmq_abandon(other); /* without having looked what is in its seat */
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, SHMQ_FOREVER), 0);
    open_items();
    set_waiting(OF_OTHER, WAITING_TICK);
    for (int i = 0; i < 8; i++)
        waiting_learn_consumer(consumer, true, false);
    ck_assert_uint_eq(waiting_of(OF_OTHER), WAITING_TICK);
    other = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_uint_ne(other->consumer.seat, OF_OTHER);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_uint_eq(waiting_of(OF_OTHER), WAITING_NOT);
    end();
}
END_TEST

static void miss(bool puts)
{
    if (puts)
        waiting_learn_producer(producer, false, true);
    else
        waiting_learn_consumer(consumer, false, true);
}

static void be_rung(bool puts)
{
    if (puts)
        waiting_learn_producer(producer, true, true);
    else
        waiting_learn_consumer(consumer, true, true);
}

/* Three times all open it again; the fourth time in a row there is another one. */
START_TEST(a_bell_that_misses_wake_ups_is_opened_again_and_then_replaced)
{
    const bool puts = _i != 0;
    begin("missed");
    open_items();
    waiting_arm_producer(producer, UINT64_MAX);
    waiting_disarm_producer(producer);
    const struct doorbell *bell = puts ? space() : &consumer->items;
    const ino_t first = inode_of(bell);
    const shared_u32 *generation = &consumer->header->bell_generation;
    for (uint32_t i = 1; i <= 3; i++) {
        miss(puts);
        ck_assert_uint_eq(atomic_load(generation), i);
        ck_assert_uint_eq(bell->generation, i);
        ck_assert_uint_eq(bell->missed, i);
    }
    be_rung(puts);
    ck_assert_uint_eq(bell->missed, 0);
    for (uint32_t i = 1; i <= 3; i++)
        miss(puts);
    ck_assert_uint_eq(inode_of(bell), first);
    miss(puts);
    ck_assert_uint_ne(inode_of(bell), first);
    ck_assert_uint_eq(bell->inode, inode_of(bell));
    ck_assert_uint_eq(atomic_load(generation), 7);
    ck_assert_uint_eq(bell->missed, 0);
    ck_assert(!bell->noisy);
    ck_assert(!byte_lock_held(other->object.fd, OBJECT_BELL_BYTE));
    end();
}
END_TEST

START_TEST(where_nobody_listened_nothing_is_missed)
{
    begin("aside");
    open_items();
    consumer->consumer.aside = true;
    waiting_learn_consumer(consumer, false, true);
    ck_assert_uint_eq(atomic_load(&consumer->header->bell_generation), 0);
    consumer->consumer.aside = false;
    consumer->items.noisy = true;
    waiting_learn_consumer(consumer, false, true);
    ck_assert_uint_eq(atomic_load(&consumer->header->bell_generation), 0);
    ck_assert_uint_eq(consumer->items.missed, 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ replacing a bell */

/* So that it has to be replaced. */
static void spoil(const struct doorbell *bell)
{
    const uint64_t rubbish = UINT64_MAX;
    char path[SEMAPHORE_PATH_BYTES];
    name_of_semaphore_file(path, bell->name);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, &rubbish, sizeof(rubbish), sizeof(uint64_t)), sizeof(rubbish));
    ck_assert_int_eq(close(fd), 0);
}

START_TEST(who_finds_it_replaced_by_another_opens_that)
{
    begin("by-another");
    open_items();
    const ino_t first = inode_of(&consumer->items);
    spoil(&consumer->items);
    ck_assert(doorbell_replace(&consumer->items, &consumer->access));
    const ino_t second = inode_of(&consumer->items);
    atomic_fetch_add(&consumer->header->bell_generation, 1);
    ck_assert_uint_ne(second, first);
    ck_assert(!waiting_sleep_consumer(consumer, clock_now_ns() + MS));
    ck_assert_uint_eq(inode_of(&consumer->items), second);
    ck_assert_uint_eq(consumer->items.inode, second);
    ck_assert_uint_eq(atomic_load(&consumer->header->bell_generation), 1);
    ck_assert(!consumer->items.noisy);
    end();
}
END_TEST

/* Whoever is at it does not get on, or the queue is being removed: it is done without. */
static void forbid_replacing(int way)
{
    if (way == 0)
        ck_assert_int_eq(byte_lock_try(other->object.fd, OBJECT_BELL_BYTE), 0);
    else
        atomic_fetch_or(&consumer->header->flags, FLAG_REMOVED);
}

static void permit_replacing(int way)
{
    if (way == 0)
        byte_lock_release(other->object.fd, OBJECT_BELL_BYTE);
    else
        atomic_fetch_and(&consumer->header->flags, ~(uint32_t)FLAG_REMOVED);
}

START_TEST(what_cannot_be_replaced_is_done_without)
{
    begin("without");
    open_items();
    const ino_t first = inode_of(&consumer->items);
    spoil(&consumer->items);
    forbid_replacing(_i);
    const int64_t deadline = clock_now_ns() + 10 * MS;
    ck_assert(!waiting_sleep_consumer(consumer, deadline));
    ck_assert_int_ge(clock_now_ns(), deadline);
    ck_assert_uint_eq(inode_of(&consumer->items), first);
    permit_replacing(_i);
    end();
}
END_TEST

/* Of more rings than a mistake of ours can leave, each would end a sleep. */
START_TEST(what_rings_all_the_time_is_replaced_or_not_listened_to)
{
    begin("absurd");
    open_items();
    const ino_t first = inode_of(&consumer->items);
    post(&consumer->items, SEATS + 4096 + 1);
    forbid_replacing(_i);
    waiting_learn_consumer(consumer, true, false);
    ck_assert(consumer->items.noisy);
    ck_assert_uint_eq(inode_of(&consumer->items), first);
    permit_replacing(_i);
    waiting_learn_consumer(consumer, true, false);
    ck_assert(!consumer->items.noisy);
    ck_assert_uint_ne(inode_of(&consumer->items), first);
    ck_assert_int_eq(value(&consumer->items), 0);
    end();
}
END_TEST

/* ------------------------------------------------------------------ others that are interrupted */

static shared_u32 *interrupts(void)
{
    return &consumer->header->interrupts;
}

/* As if another sleeper had been interrupted, and had not noticed yet. */
static void interrupt_other(void)
{
    set_waiting(OF_OTHER, WAITING_TICK);
    waiting_arm_consumer(other);
    waiting_interrupt(other);
    silence(&consumer->items);
}

START_TEST(who_interrupts_rings_for_all_that_sleep)
{
    begin("interrupt");
    open_items();
    waiting_interrupt(other); /* it does not sleep: nobody has to know */
    ck_assert_uint_eq(atomic_load(interrupts()), 0);
    ck_assert(interrupt_take(&other->interrupt));
    waiting_arm_consumer(other);
    set_waiting(OF_OTHER, WAITING_NOT);
    waiting_interrupt(other); /* at least once */
    ck_assert_int_eq(value(&consumer->items), 1);
    silence(&consumer->items);
    set_waiting(OF_OTHER, WAITING_TICK);
    set_waiting(OF_NOBODY, WAITING_LONG);
    set_waiting(SEATS - 1, WAITING_TICK);
    waiting_interrupt(other);
    ck_assert_int_eq(value(&consumer->items), 3);
    ck_assert_uint_eq(atomic_load(interrupts()), 2 * 2 | 1);
    ck_assert_uint_eq(atomic_load(&consumer->seats[OF_OTHER].interrupted), 1);
    ck_assert_uint_eq(atomic_load(&consumer->seats[0].interrupted), 0);

    waiting_arm_producer(producer, UINT64_MAX);
    waiting_interrupt(producer);
    ck_assert_int_eq(value(space()), 1);
    end();
}
END_TEST

/* Twice as long each time, up to 16 ms: 1, 2, 4, 8, and four times 16. */
#define ASIDES 8
#define ALL_ASIDES_NS ((1 + 2 + 4 + 8 + 4 * 16) * MS)

START_TEST(the_ring_of_who_is_interrupted_is_left_to_it_for_a_while)
{
    begin("left");
    open_items();
    interrupt_other();
    post(&consumer->items, 1);
    const int64_t began = clock_now_ns();
    for (uint32_t i = 1; i <= ASIDES; i++) {
        ck_assert(!waiting_sleep_consumer(consumer, INT64_MAX));
        ck_assert(consumer->consumer.aside);
        ck_assert_uint_eq(consumer->consumer.asides, i);
        ck_assert_int_eq(value(&consumer->items), 1);
    }
    const int64_t took = clock_now_ns() - began;
    ck_assert_int_ge(took, ALL_ASIDES_NS);
    ck_assert_int_lt(took, TICK_NS / 2);
    ck_assert(waiting_sleep_consumer(consumer, INT64_MAX)); /* as ever, and has had a ring that stays gone */
    ck_assert(!consumer->consumer.aside);
    ck_assert_int_eq(value(&consumer->items), 0);
    ck_assert(!waiting_sleep_consumer(consumer, clock_now_ns() + MS)); /* at each tick, one more for it */
    ck_assert_int_eq(value(&consumer->items), 1);

    silence(&consumer->items);
    waiting_interrupt(other); /* once more: the same anew */
    ck_assert(!waiting_sleep_consumer(consumer, INT64_MAX));
    ck_assert(consumer->consumer.aside);
    ck_assert_uint_eq(consumer->consumer.asides, 1);
    const int64_t deadline = clock_now_ns();
    ck_assert(!waiting_sleep_consumer(consumer, deadline));
    end();
}
END_TEST

/* The ring that ended a sleep may have been meant for another. */
START_TEST(who_had_a_ring_of_who_was_interrupted_rings_once_more)
{
    begin("once-more");
    open_items();
    interrupt_other();
    atomic_store(&consumer->seats[OF_OTHER].interrupted, 0);
    post(&consumer->items, 1);
    ck_assert(waiting_sleep_consumer(consumer, INT64_MAX));
    ck_assert(!consumer->consumer.aside);
    ck_assert_int_eq(value(&consumer->items), 0);
    end();
}
END_TEST

/* Once nobody is interrupted any more, nobody looks at all seats again. */
START_TEST(interrupts_that_all_have_noticed_are_no_longer_pending)
{
    begin("noticed");
    open_items();
    interrupt_other();
    const uint32_t pending = atomic_load(interrupts());
    ck_assert_uint_eq(pending & 1, 1);
    set_waiting(OF_OTHER, WAITING_NOT); /* it has woken */
    atomic_store(&consumer->seats[0].interrupted, 1);
    ck_assert(!waiting_sleep_consumer(consumer, clock_now_ns() + MS));
    ck_assert(!consumer->consumer.aside);
    ck_assert_uint_eq(atomic_load(interrupts()), pending); /* the others have to know of us */
    atomic_store(&consumer->seats[0].interrupted, 0);
    ck_assert(!waiting_sleep_consumer(consumer, clock_now_ns() + MS));
    ck_assert(!consumer->consumer.aside);
    ck_assert_uint_eq(atomic_load(interrupts()), pending & ~1u);

    atomic_store(interrupts(), pending);
    atomic_store(&consumer->seats[OF_NOBODY].interrupted, 1); /* is dead */
    set_waiting(OF_NOBODY, WAITING_TICK);
    ck_assert(!waiting_sleep_consumer(consumer, clock_now_ns() + MS));
    ck_assert(!consumer->consumer.aside);
    ck_assert_uint_eq(atomic_load(interrupts()), pending & ~1u);
    end();
}
END_TEST

/* ------------------------------------------------------------------ spinning */

static uint32_t looks;
static uint32_t ready_at;

static bool is_ready(struct shmq *handle)
{
    (void)handle;
    return ++looks == ready_at;
}

START_TEST(who_spins_looks_as_often_as_its_patience_says)
{
    const struct spin spin = {.limit = 5};
    looks = ready_at = 0;
    ck_assert(!spin_until(&spin, is_ready, NULL));
    ck_assert_uint_eq(looks, 5);
    looks = 0;
    ready_at = 3;
    ck_assert(spin_until(&spin, is_ready, NULL));
    ck_assert_uint_eq(looks, 3);
}
END_TEST

/* On one processor, it only keeps the other side from running. */
START_TEST(who_spins_has_several_processors)
{
    for (int i = 0; i < 2; i++) {
        struct spin spin = {.limit = 1};
        spin_init(&spin);
        ck_assert_uint_eq(spin.limit, sysconf(_SC_NPROCESSORS_ONLN) > 1 ? SPIN_START : 0);
    }
}
END_TEST

START_TEST(patience_grows_with_short_sleeps_and_shrinks_with_long_ones)
{
    struct spin spin = {.limit = 0};
    spin_learn(&spin, 0);
    ck_assert_uint_eq(spin.limit, 0); /* one processor */
    spin.limit = 256;
    for (uint32_t limit = 512; limit <= 2048; limit *= 2) {
        spin_learn(&spin, SPIN_WORTH_NS - 1);
        ck_assert_uint_eq(spin.limit, limit);
    }
    spin_learn(&spin, 0);
    ck_assert_uint_eq(spin.limit, 2048);
    for (uint32_t limit = 1024; limit >= 16; limit /= 2) {
        spin_learn(&spin, SPIN_WORTH_NS);
        ck_assert_uint_eq(spin.limit, limit);
    }
    spin_learn(&spin, SPIN_WORTH_NS);
    ck_assert_uint_eq(spin.limit, 16);
}
END_TEST

static const struct test tests[] = {
    TEST(who_arms_is_counted_until_it_wakes_by_itself),
    TEST(who_may_not_use_the_barrier_asks_everybody_for_fences),
    TEST(who_takes_the_seat_of_a_dead_sleeper_is_awake),
    TEST(who_leaves_wakes_another_if_need_be),
    TEST(a_waker_takes_off_as_many_as_it_rings_for),
    TEST(each_message_wakes_one),
    TEST_EACH(the_last_acknowledgement_wakes_who_waits_for_the_end, 2),
    TEST(an_acknowledgement_makes_room_and_tells_the_producer),
    TEST(nobody_rings_more_often_than_there_are_seats),
    TEST(where_some_sleep_long_all_are_rung_for),
    TEST(who_falls_asleep_beside_work_wakes_the_long_sleepers),
    TEST(there_is_something_to_do_in_a_lane),
    TEST(who_may_sleep_long_does_and_nobody_else),
    TEST_EACH(no_long_sleep_is_as_short_as_a_tick, 2),
    TEST(who_was_rung_for_does_not_sleep_long),
    TEST(the_dead_are_looked_for_at_each_tick),
    TEST(a_lane_that_another_has_finished_is_no_longer_one_of_the_dead),
    TEST(a_producer_is_rung_for_once_head_is_where_it_wants_it),
    TEST(a_producer_says_how_much_room_it_waits_for),
    TEST(everybody_is_rung_for_who_sleeps),
    TEST(who_sleeps_is_told_that_the_queue_is_removed),
    TEST(who_finds_no_place_waits_as_long_as_it_is_told),
    TEST(a_ring_for_nothing_sets_the_count_right),
    TEST(a_ring_for_nothing_takes_out_rings_that_nobody_needs),
    TEST(the_dead_are_no_longer_said_to_sleep_after_some_rings_for_nothing),
    TEST(a_dead_one_whose_work_is_in_hand_stays_ours),
    TEST_EACH(a_bell_that_misses_wake_ups_is_opened_again_and_then_replaced, 2),
    TEST(where_nobody_listened_nothing_is_missed),
    TEST(who_finds_it_replaced_by_another_opens_that),
    TEST_EACH(what_cannot_be_replaced_is_done_without, 2),
    TEST_EACH(what_rings_all_the_time_is_replaced_or_not_listened_to, 2),
    TEST(who_interrupts_rings_for_all_that_sleep),
    TEST(the_ring_of_who_is_interrupted_is_left_to_it_for_a_while),
    TEST(who_had_a_ring_of_who_was_interrupted_rings_once_more),
    TEST(interrupts_that_all_have_noticed_are_no_longer_pending),
    TEST(who_spins_looks_as_often_as_its_patience_says),
    TEST(who_spins_has_several_processors),
    TEST(patience_grows_with_short_sleeps_and_shrinks_with_long_ones),
};

TEST_SUITE("wake-ups", tests, .seconds = 30);
