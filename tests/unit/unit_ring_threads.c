/* SPDX-License-Identifier: MIT */
/*
 * Lanes on plain memory under many threads. Payload is written and read with plain accesses, so that
 * ThreadSanitizer sees whether tail, lease words and head really order them.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"

#define RINGS_MAX 3
#define CONSUMERS_MAX 4u

/* One run: so many rings with a producer each, so many consumers on all of them. */
struct plan {
    const char *name;
    uint64_t capacity_bytes;
    uint32_t longest;
    uint32_t rings;
    uint32_t consumers;
    uint32_t reclaimers; /* threads that do nothing else */
    uint32_t records;    /* of a lease */
    uint32_t messages;   /* a ring */
    bool dying;          /* consumers drop what they hold now and then, and others take it up */
};

static const struct plan plans[] = {
    {"one consumer", 4096, 200, 1, 1, 0, 8, 150000, false},
    {"two consumers", 4096, 200, 1, 2, 0, 3, 150000, false},
    {"four consumers, one message each", 4096, 100, 1, 4, 0, 1, 150000, false},
    {"reclaimed from many threads", 4096, 300, 1, 2, 3, 4, 150000, false},
    {"messages as large as the ring", 4096, 4096, 1, 2, 1, 4, 50000, false},
    {"a large ring", 1 << 20, 2000, 1, 4, 0, 64, 150000, false},
    {"several rings", 8192, 500, 3, 3, 1, 16, 50000, false},
    {"consumers that drop what they hold", 4096, 200, 1, 4, 0, 5, 100000, true},
    {"the same over several rings", 16384, 900, 3, 4, 1, 9, 40000, true},
};

struct lane {
    struct plain_ring plain;
    uint32_t messages;
    uint32_t *lengths;
    uint64_t *offsets;      /* of the stream; tell which message it is */
    _Atomic uint32_t *seen; /* deliveries */
};

struct party {
    const struct plan *plan;
    struct lane lanes[RINGS_MAX];
    struct seat *seats;                   /* of lane 0, for all */
    pthread_mutex_t alive[CONSUMERS_MAX]; /* stands for the byte of a seat */
    _Atomic uint64_t delivered;
    uint64_t total;
    _Atomic int error; /* the first; everybody stops */
};

struct worker {
    struct party *party;
    uint32_t number;
    uint64_t random;
};

static void report(struct party *party, int code)
{
    int none = 0;
    (void)atomic_compare_exchange_strong(&party->error, &none, code);
}

static bool is_over(struct party *party)
{
    return atomic_load(&party->delivered) == party->total || atomic_load(&party->error) != 0;
}

/* ------------------------------------------------------------------ producers */

/*
 * Fills one message in place: its number, then words that depend on it. Word by word, up to the end of the last
 * one, which is still in its cell: what compilers make of short copies is not always shown to ThreadSanitizer.
 */
static void write_message(uint64_t *payload, uint32_t length, uint64_t number)
{
    uint64_t state = number;
    for (uint32_t at = 0; at * 8 < length; at++)
        payload[at] = at == 0 ? number : plain_random(&state);
}

static bool is_message(const uint64_t *payload, uint32_t length, uint64_t number)
{
    uint64_t state = number;
    for (uint32_t at = 0; at * 8 < length; at++)
        if (payload[at] != (at == 0 ? number : plain_random(&state)))
            return false;
    return true;
}

static uint64_t *payload_words(const struct ring *ring, uint64_t position)
{
    return (uint64_t *)(void *)ring_payload(ring, position);
}

/* Waits for room; publishes first what is appended, so that somebody can make some. Returns false to give up. */
static bool wait_for_room(struct party *party, struct ring_producer *producer, uint64_t cells)
{
    int error = ring_make_room(producer, cells);
    if (error == -EAGAIN && producer->next != plain_load(&producer->ring.control->tail))
        ring_publish(producer);
    while (error == -EAGAIN && atomic_load(&party->error) == 0) {
        (void)sched_yield();
        error = ring_make_room(producer, cells);
    }
    if (error != 0 && error != -EAGAIN)
        report(party, error);
    return error == 0;
}

static void *produce(void *argument)
{
    struct worker *worker = argument;
    struct lane *lane = &worker->party->lanes[worker->number];
    struct ring_producer producer;
    const int error = ring_producer_init(&producer, &lane->plain.ring);
    if (error != 0)
        report(worker->party, error);
    for (uint32_t i = 0; error == 0 && i < lane->messages; i++) {
        const uint32_t length = lane->lengths[i];
        if (!wait_for_room(worker->party, &producer, cells_for(length)))
            break;
        write_message(payload_words(&producer.ring, producer.next), length, i);
        ring_append(&producer, record_frame(1, 0) | length);
        if (plain_random(&worker->random) % 3 == 0 || i + 1 == lane->messages)
            ring_publish(&producer);
    }
    return NULL;
}

/* ------------------------------------------------------------------ consumers */

static uint32_t number_of(const struct lane *lane, uint64_t offset)
{
    uint32_t low = 0;
    uint32_t high = lane->messages;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (lane->offsets[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int read_message(struct lane *lane, uint64_t *position, uint64_t end)
{
    const struct ring *ring = &lane->plain.ring;
    struct record_head head;
    if (!ring_read_record(ring, *position, end, &head))
        return -EBADMSG;
    const uint64_t offset =
        atomic_load_explicit(&ring_record(ring, *position)->stream_offset, memory_order_relaxed);
    const uint32_t number = number_of(lane, offset);
    if (number >= lane->messages || lane->offsets[number] != offset || lane->lengths[number] != head.length ||
        !is_message(payload_words(ring, *position), head.length, number))
        return -EILSEQ;
    (void)atomic_fetch_add_explicit(&lane->seen[number], 1, memory_order_relaxed);
    *position += cells_for(head.length);
    return 0;
}

/* Works off a batch in the name of @seat. */
static void work_off(struct party *party, struct lane *lane, const struct ring_batch *batch, uint32_t seat)
{
    int error = 0;
    uint64_t position = batch->start;
    for (uint32_t i = 0; i < batch->count && error == 0; i++)
        error = read_message(lane, &position, batch->end);
    if (error == 0 && position != batch->end)
        error = -EILSEQ;
    if (error == 0)
        error = ring_finish(&lane->plain.ring, batch->start, batch->end, seat);
    if (error != 0)
        report(party, error);
    else
        (void)atomic_fetch_add(&party->delivered, batch->count);
}

/* Whoever holds the mutex of a seat acts for it. */
static void take_up(struct party *party, uint32_t seat)
{
    const uint64_t lane = atomic_load(&party->seats[seat].intent_lane);
    struct ring_batch batch;
    if (lane == 0)
        return;
    struct lane *from = &party->lanes[lane - 1];
    const uint64_t position = atomic_load(&party->seats[seat].intent_position);
    const int error = ring_find_lease(&from->plain.ring, position, seat, &batch);
    if (error == 0)
        work_off(party, from, &batch, seat);
    else if (error != -ENOENT)
        report(party, error);
}

/* Of one that does not live: its mutex is free. */
static void take_up_from_others(struct party *party, uint32_t own)
{
    for (uint32_t seat = 0; seat < party->plan->consumers; seat++) {
        if (seat == own || pthread_mutex_trylock(&party->alive[seat]) != 0)
            continue;
        take_up(party, seat);
        (void)pthread_mutex_unlock(&party->alive[seat]);
    }
}

/* Lives until it has had @work batches, then drops the next, or until all is over. Holds its seat's mutex. */
static void live(struct worker *worker, uint64_t work)
{
    struct party *party = worker->party;
    const struct plan *plan = party->plan;
    const uint32_t seat = worker->number;
    take_up(party, seat); /* what was dropped here */
    while (!is_over(party)) {
        struct lane *lane = &party->lanes[plain_random(&worker->random) % plan->rings];
        struct ring_batch batch;
        const int error =
            ring_lease(&lane->plain.ring, &party->seats[seat], seat, &PLAIN_LIMIT(plan->records), &batch);
        if (error == 0 && plan->dying && work-- == 0)
            return;
        if (error == 0)
            work_off(party, lane, &batch, seat);
        else if (error != -EAGAIN)
            report(party, error);
        if (error != -EAGAIN)
            continue;
        if (plan->dying)
            take_up_from_others(party, seat);
        (void)sched_yield();
    }
}

static void *consume(void *argument)
{
    struct worker *worker = argument;
    struct party *party = worker->party;
    while (!is_over(party)) {
        (void)pthread_mutex_lock(&party->alive[worker->number]);
        live(worker, plain_random(&worker->random) % 50);
        (void)pthread_mutex_unlock(&party->alive[worker->number]);
        (void)sched_yield();
    }
    return NULL;
}

/* Nothing but reclaiming, and looking as observers do. */
static void *reclaim(void *argument)
{
    struct worker *worker = argument;
    struct party *party = worker->party;
    while (!is_over(party)) {
        const struct ring *ring = &party->lanes[plain_random(&worker->random) % party->plan->rings].plain.ring;
        const int error = ring_reclaim(ring);
        if (error != 0)
            report(party, error);
        const uint64_t head = atomic_load(&ring->control->head);
        const uint64_t done = ring_done_position(ring);
        if (done < head || done > atomic_load(&ring->control->tail))
            report(party, -ERANGE);
        (void)ring_is_drained(ring);
        (void)sched_yield();
    }
    return NULL;
}

/* ------------------------------------------------------------------ one run */

static void make_lane(struct party *party, uint32_t number, int start)
{
    const struct plan *plan = party->plan;
    struct lane *lane = &party->lanes[number];
    uint64_t random = number;
    plain_make(&lane->plain, plan->capacity_bytes, plan->capacity_bytes);
    lane->plain.ring.lane = number;
    lane->messages = test_is_sanitized() ? plan->messages / 5 : plan->messages;
    const uint64_t laps = (uint64_t)lane->messages * (cells_for(plan->longest) + 1) / lane->plain.ring.cells + 2;
    plain_start(&lane->plain, plain_position(&lane->plain, start, laps));
    lane->lengths = calloc(lane->messages, sizeof(*lane->lengths));
    lane->offsets = calloc(lane->messages, sizeof(*lane->offsets));
    lane->seen = calloc(lane->messages, sizeof(*lane->seen));
    ck_assert(lane->lengths != NULL && lane->offsets != NULL && lane->seen != NULL);
    uint64_t offset = 0;
    for (uint32_t i = 0; i < lane->messages; i++) {
        lane->lengths[i] = (uint32_t)(plain_random(&random) % (plan->longest + 1));
        lane->offsets[i] = offset;
        offset += lane->lengths[i] + 1;
    }
    party->total += lane->messages;
}

static void check_lane(struct lane *lane)
{
    const struct ring *ring = &lane->plain.ring;
    for (uint32_t i = 0; i < lane->messages; i++)
        if (lane->seen[i] != 1)
            ck_abort_msg("message %u came %u times", i, lane->seen[i]);
    ck_assert_int_eq(ring_reclaim(ring), 0);
    ck_assert(ring_is_drained(ring));
    ck_assert(!ring_has_work(ring));
    plain_free(&lane->plain);
    free(lane->lengths);
    free(lane->offsets);
    free((void *)lane->seen);
}

static void run(const struct plan *plan, int start)
{
    static struct party party;
    struct worker workers[RINGS_MAX + CONSUMERS_MAX + 3];
    pthread_t threads[RINGS_MAX + CONSUMERS_MAX + 3];
    const uint32_t count = plan->rings + plan->consumers + plan->reclaimers;
    party = (struct party){.plan = plan};
    for (uint32_t i = 0; i < plan->rings; i++)
        make_lane(&party, i, start);
    party.seats = party.lanes[0].plain.seats;
    for (uint32_t i = 0; i < plan->consumers; i++)
        ck_assert_int_eq(pthread_mutex_init(&party.alive[i], NULL), 0);
    for (uint32_t i = 0; i < count; i++) {
        const bool produces = i < plan->rings;
        const bool consumes = !produces && i < plan->rings + plan->consumers;
        workers[i] = (struct worker){.party = &party, .number = produces ? i : i - plan->rings, .random = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL,
                                        produces   ? produce
                                        : consumes ? consume
                                                   : reclaim,
                                        &workers[i]),
                         0);
    }
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_msg(atomic_load(&party.error) == 0, "%s: %s", plan->name, strerror(-atomic_load(&party.error)));
    for (uint32_t i = 0; i < plan->rings; i++)
        check_lane(&party.lanes[i]);
}

START_TEST(threads_get_each_message_once_from_the_first_position_on)
{
    run(&plans[_i], 0);
}
END_TEST

START_TEST(threads_get_each_message_once_over_the_end_of_32_bits)
{
    run(&plans[_i], 1);
}
END_TEST

START_TEST(threads_get_each_message_once_towards_the_last_position)
{
    run(&plans[_i], 2);
}
END_TEST

static const struct test tests[] = {
    TEST_EACH(threads_get_each_message_once_from_the_first_position_on, COUNT(plans)),
    TEST_EACH(threads_get_each_message_once_over_the_end_of_32_bits, COUNT(plans)),
    TEST_EACH(threads_get_each_message_once_towards_the_last_position, COUNT(plans)),
};

TEST_SUITE("ring, threads", tests, .seconds = 30);
