/* SPDX-License-Identifier: MIT */
/* What a lane's marks tell: how many messages lie between two positions, and when each was put. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/marks.h"
#include "common/kernel/clock.h"
#include "common/queue/mapping.h"
#include "common/queue/walk.h"
#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define TICK_NS (4 * MS)       /* of the coarse clock */
#define ACCURATE_NS (100 * MS) /* what an age may be wrong by */
#define FIRST_NS (1000 * INT64_C(1000000000))

/* ------------------------------------------------------------------ a producer with a clock of its own */

struct put {
    uint64_t position;
    uint64_t bytes;    /* payload before it */
    uint64_t messages; /* before it */
    int64_t ns;        /* when it was put */
};

#define PUTS_MAX 1000000u

static struct {
    struct plain_ring plain;
    struct ring_producer producer;
    int64_t now_ns;
    struct put *puts;
    uint64_t count;  /* in puts, published or not */
    uint64_t oldest; /* index of the first that is not consumed */
    uint64_t published;
    uint64_t bytes;
    uint64_t undated; /* messages that may have a wrong time, because they came after a burst */
    uint64_t burst;   /* messages put since the coarse clock advanced */
    int64_t burst_ns;
    uint64_t random;
} sim;

static uint64_t dice(uint64_t sides)
{
    return plain_random(&sim.random) % sides;
}

static int64_t coarse(void)
{
    return sim.now_ns / TICK_NS * TICK_NS;
}

static void take_up_lane(void)
{
    sim.producer = plain_producer(&sim.plain);
    marks_take_up(&sim.producer);
    marks_set_framing(&sim.producer, 1); /* plain_append frames with a delimiter */
}

static void sim_start(uint64_t capacity_bytes, int start)
{
    memset(&sim, 0, sizeof(sim));
    sim.random = capacity_bytes + (uint64_t)start;
    sim.puts = calloc(PUTS_MAX + 1, sizeof(*sim.puts));
    ck_assert_ptr_nonnull(sim.puts);
    sim.now_ns = FIRST_NS;
    plain_make(&sim.plain, capacity_bytes, capacity_bytes);
    plain_start(&sim.plain, plain_position(&sim.plain, start, 1000000));
    take_up_lane();
}

static void sim_end(void)
{
    free(sim.puts);
    plain_free(&sim.plain);
}

static void consume(uint32_t messages)
{
    struct ring_batch batch;
    const struct ring_limits limits = {.records = messages, .cells = UINT64_MAX};
    if (ring_lease(&sim.plain.ring, &sim.plain.seats[0], 0, &limits, &batch) != 0)
        return;
    marks_see(&sim.plain.ring, atomic_load(&sim.plain.ring.control->tail), coarse());
    plain_finish(&sim.plain, 0, &batch);
    sim.oldest += batch.count;
}

static void note_put(void)
{
    sim.puts[sim.count] =
        (struct put){.position = sim.producer.next, .bytes = sim.bytes, .messages = sim.count, .ns = sim.now_ns};
    if (coarse() != sim.burst_ns) {
        sim.undated += sim.burst / SAMPLE_SHARE + 1;
        sim.burst = 0;
    }
    sim.burst_ns = coarse();
    sim.burst++;
}

/* As the puts of the library do it. */
static void append(uint32_t length)
{
    const uint64_t cells = cells_for(length);
    struct ring_producer *p = &sim.producer;
    ck_assert_uint_lt(sim.count, PUTS_MAX);
    if (!ring_has_room(p, cells)) {
        while (!ring_fits(p, cells) && ring_make_room(p, cells) != 0) {
            ring_publish(p);
            sim.published = sim.count;
            consume(1 + (uint32_t)dice(100));
        }
        marks_sample(p, cells, marks_want_clock(p) ? coarse() : 0);
    }
    note_put();
    plain_append(p, length, sim.count);
    sim.bytes += length;
    sim.count++;
    sim.puts[sim.count] =
        (struct put){.position = p->next, .bytes = sim.bytes, .messages = sim.count, .ns = INT64_MAX};
}

static void publish(void)
{
    ring_publish(&sim.producer);
    sim.published = sim.count;
}

/* The producer is killed, perhaps in the middle of a portion, and another one goes on. */
static void replace_producer(void)
{
    sim.count = sim.published;
    sim.bytes = sim.puts[sim.count].bytes;
    take_up_lane();
    sim.undated += sim.burst / SAMPLE_SHARE + 1;
    sim.burst = 0;
}

/* ------------------------------------------------------------------ phases */

static uint32_t some_length(void)
{
    const uint64_t kind = dice(100);
    if (kind < 70)
        return 1 + (uint32_t)dice(64);
    if (kind < 95)
        return (uint32_t)dice(300);
    return (uint32_t)dice(sim.plain.ring.cells * CELL_BYTES / 4);
}

/* Messages one by one, @step_ns apart. */
static void put_steadily(uint64_t messages, int64_t step_ns)
{
    for (uint64_t i = 0; i < messages; i++) {
        sim.now_ns += step_ns;
        append(8);
        publish();
    }
}

static void put_mixed(uint64_t messages, int64_t step_ns)
{
    for (uint64_t i = 0; i < messages; i++) {
        sim.now_ns += step_ns;
        append(dice(4) == 0 ? some_length() : 8);
        publish();
    }
}

static void put_portions(uint64_t portions, int64_t step_ns)
{
    for (uint64_t i = 0; i < portions; i++) {
        sim.now_ns += step_ns;
        for (uint64_t n = 1 + dice(64); n > 0; n--)
            append(8);
        publish();
    }
}

static void die_in_a_portion(void)
{
    if (dice(2) == 0)
        for (uint64_t n = dice(64); n > 0; n--)
            append(some_length() % 512);
    replace_producer();
}

static void random_phase(void)
{
    switch (dice(8)) {
    case 0:
        put_mixed(dice(3000), 10 + (int64_t)dice(100));
        break;
    case 1:
        put_mixed(dice(500), 50000 + (int64_t)dice(100000));
        break;
    case 2:
        put_steadily(dice(100), 5 * MS + (int64_t)dice(500) * MS);
        break;
    case 3:
        put_steadily(1, (int64_t)dice(100000) * MS);
        break;
    case 4:
        put_portions(dice(50), (int64_t)dice(1000));
        break;
    case 5:
        put_portions(dice(20), 10 * MS);
        break;
    case 6:
        consume((uint32_t)dice(3000));
        break;
    default:
        die_in_a_portion();
        break;
    }
}

/* ------------------------------------------------------------------ what the marks tell */

static void expect_count(uint64_t from, uint64_t to)
{
    struct marks_count count;
    const struct put *a = &sim.puts[from];
    const struct put *b = &sim.puts[to];
    ck_assert_msg(marks_count(&sim.plain.ring, a->position, b->position, &count),
                  "nothing is known of messages %lu to %lu", (unsigned long)from, (unsigned long)to);
    ck_assert_uint_eq(count.messages, b->messages - a->messages);
    ck_assert_uint_eq(count.bytes, b->bytes - a->bytes);
}

/* Return: whether the time is right. */
static bool expect_time(uint64_t index)
{
    struct put_time time;
    const struct put *put = &sim.puts[index];
    ck_assert(marks_put_time(&sim.plain.ring, put->position, sim.now_ns, &time));
    ck_assert_int_le(time.earliest_ns, put->ns);
    ck_assert_int_ge(time.latest_ns, put->ns - TICK_NS);
    ck_assert(time.earliest_ns <= time.ns && time.ns <= time.latest_ns && time.latest_ns <= sim.now_ns);
    return llabs(time.ns - put->ns) <= ACCURATE_NS;
}

static void expect_all(void)
{
    const uint64_t there = sim.published - sim.oldest;
    expect_count(sim.oldest, sim.published);
    for (int i = 0; i < 20 && there > 0; i++) {
        const uint64_t from = sim.oldest + dice(there);
        expect_count(from, from + dice(sim.published - from + 1));
    }
    uint64_t wrong = 0;
    for (uint64_t i = sim.oldest; i < sim.published; i++)
        wrong += !expect_time(i);
    ck_assert_msg(wrong <= sim.undated, "%lu times are wrong, but %lu may be", (unsigned long)wrong,
                  (unsigned long)sim.undated);
}

static const uint64_t capacities[] = {4096, 16384, 1 << 20};

START_TEST(whatever_is_put_marks_tell_how_much_and_when)
{
    sim_start(capacities[_i / PLAIN_STARTS], _i % PLAIN_STARTS);
    for (int i = 0; i < 300 && sim.count < PUTS_MAX - 10000; i++) {
        random_phase();
        expect_all();
    }
    sim_end();
}
END_TEST

/* One after the other, with a pause: each is dated by itself. */
START_TEST(slow_messages_are_dated_one_by_one)
{
    static const int64_t pauses[] = {4 * MS, 50 * MS, 1000 * MS, 3600000 * MS};
    sim_start(1 << 20, 0);
    put_steadily(100, pauses[_i]);
    for (uint64_t i = 0; i < sim.count; i++)
        ck_assert(expect_time(i));
    sim_end();
}
END_TEST

START_TEST(messages_that_come_once_a_day_are_dated)
{
    sim_start(1 << 20, 0);
    put_steadily(900, 86400000 * MS);
    for (uint64_t i = 0; i < sim.count; i++)
        ck_assert(expect_time(i));
    sim_end();
}
END_TEST

/* All of a burst came when it did, also those behind the last that is dated. */
START_TEST(a_burst_is_not_spread_over_the_silence_after_it)
{
    sim_start(1 << 20, 0);
    put_steadily(10000, 10);
    sim.now_ns += 3600000 * MS;
    for (uint64_t i = 0; i < sim.count; i++)
        ck_assert(expect_time(i));
    consume(9990);
    for (uint64_t i = sim.oldest; i < sim.count; i++)
        ck_assert(expect_time(i));
    sim_end();
}
END_TEST

/* What was put after a burst, and is not dated, was put after the consumer's last lease. */
START_TEST(a_lease_tells_what_was_put_before_and_after)
{
    struct put_time time;
    sim_start(1 << 20, 0);
    put_steadily(15000, 10);
    sim.now_ns += 5000 * MS;
    consume(UINT32_MAX);
    sim.now_ns += 5000 * MS;
    const int64_t lease_ns = coarse() - 5000 * MS;
    append(8);
    publish();
    sim.now_ns += 5000 * MS;
    ck_assert(marks_put_time(&sim.plain.ring, sim.puts[sim.count - 1].position, sim.now_ns, &time));
    ck_assert_int_ge(time.earliest_ns, lease_ns);
    sim_end();
}
END_TEST

/* ------------------------------------------------------------------ damage */

static void damage(void)
{
    unsigned char *const marks = sim.plain.sections[PLAIN_MARKS].start;
    const size_t bytes = sim.plain.sections[PLAIN_MARKS].bytes;
    for (uint64_t n = 1 + dice(200); n > 0; n--)
        marks[dice(bytes)] = dice(3) == 0 ? 0xff : (unsigned char)dice(256);
    if (dice(4) == 0)
        memset(marks, (int)dice(256), bytes);
    if (dice(4) == 0)
        atomic_store(&sim.plain.ring.control->seen, plain_random(&sim.random));
}

START_TEST(damaged_marks_tell_nothing_impossible)
{
    sim_start(capacities[_i], 0);
    for (int i = 0; i < 300 && sim.count < PUTS_MAX - 10000; i++) {
        random_phase();
        damage();
        for (uint64_t k = sim.oldest; k < sim.published; k++) {
            struct put_time time;
            const uint64_t position = sim.puts[k].position;
            if (marks_put_time(&sim.plain.ring, position, sim.now_ns, &time))
                ck_assert(time.ns > 0 && time.earliest_ns <= time.ns && time.ns <= sim.now_ns);
        }
        struct marks_count count;
        const uint64_t from = sim.puts[sim.oldest].position;
        const uint64_t to = sim.puts[sim.published].position;
        if (marks_count(&sim.plain.ring, from, to, &count))
            ck_assert(count.messages <= to - from && count.bytes <= (to - from) << CELL_SHIFT);
    }
    sim_end();
}
END_TEST

/* Of a copy in a file, no clock bounds the times. */
START_TEST(damaged_times_do_not_overflow)
{
    static const uint64_t times[] = {INT64_MAX - 1, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
    struct put_time time;
    sim_start(1 << 20, 0);
    put_steadily(3000, 5 * MS);
    for (uint64_t i = 0; i <= sim.plain.ring.marks_mask; i++)
        atomic_store(&sim.plain.ring.marks[i].time_ns, times[_i]);
    for (uint64_t i = 0; i < sim.count; i++)
        if (marks_put_time(&sim.plain.ring, sim.puts[i].position, INT64_MAX, &time))
            ck_assert(time.ns > 0 && time.earliest_ns > 0 && time.latest_ns >= time.ns);
    replace_producer();
    put_steadily(10, 5 * MS);
    ck_assert(expect_time(sim.count - 1));
    sim_end();
}
END_TEST

START_TEST(a_producer_goes_on_where_all_marks_are_gone)
{
    sim_start(1 << 20, 0);
    put_steadily(5000, 1000);
    memset(sim.plain.sections[PLAIN_MARKS].start, _i == 0 ? 0 : 0xff, sim.plain.sections[PLAIN_MARKS].bytes);
    replace_producer();
    put_steadily(5000, 1000);
    expect_count(0, sim.count);
    expect_count(6000, sim.count);
    ck_assert(expect_time(6000));
    sim_end();
}
END_TEST

/* ------------------------------------------------------------------ a walk and the marks say the same */

#define LANES 2
#define SEATS 4
#define LONGEST (64 * 1024)

static struct {
    struct shmq *producers[LANES];
    struct shmq *consumers[SEATS];
    struct shmq *observer;
    uint64_t random;
    bool dropped;
} crowd;

static uint64_t roll(uint64_t sides)
{
    return plain_random(&crowd.random) % sides;
}

static unsigned char content[LONGEST];

static size_t a_length(void)
{
    const uint64_t kind = roll(20);
    return kind < 14 ? roll(65) : kind < 19 ? roll(1000) : roll(8000);
}

static void put_some(struct shmq *producer)
{
    struct iovec many[300];
    struct shmq_outgoing one = SHMQ_OUTGOING_INIT;
    void *payload;
    switch (roll(4)) {
    case 0:
        for (uint64_t n = roll(100); n > 0; n--)
            (void)shmq_put(producer, content, a_length(), 0);
        break;
    case 1:
        for (size_t i = 0; i < COUNT(many); i++)
            many[i] = (struct iovec){.iov_base = content, .iov_len = a_length()};
        (void)shmq_put_many(producer, many, roll(COUNT(many)), NULL, 0);
        break;
    case 2:
        if (shmq_reserve(producer, LONGEST / 16, &payload, 0) == 0)
            ck_assert_int_eq(shmq_commit(producer, a_length() % (LONGEST / 16)), 0);
        break;
    default:
        one.data = content;
        one.length = a_length();
        one.headers = "Key: value\n";
        one.headers_length = strlen(one.headers);
        (void)shmq_put_outgoing(producer, &one, 1, NULL, 0);
    }
}

static void take_some(struct shmq *consumer)
{
    static struct shmq_message messages[SHMQ_PREFETCH_MAX];
    size_t taken;
    if (shmq_lease_many(consumer, messages, 1 + roll(200), &taken, 0) == 0) {
        const size_t done = roll(2) == 0 ? taken : roll(taken + 1);
        ck_assert_int_eq(shmq_acknowledge(consumer, done), 0);
        if (done < taken && roll(3) == 0)
            ck_assert_int_eq(shmq_acknowledge(consumer, taken - done), 0);
        else if (done < taken && roll(3) == 0)
            (void)shmq_release(consumer); /* there may be no seat to move to */
    } else {
        (void)shmq_acknowledge(consumer, 1);
    }
}

static void open_producer(uint32_t i, const struct shmq_options *options)
{
    static const enum shmq_frame frames[] = {SHMQ_FRAME_NONE, SHMQ_FRAME_DELIMITER, SHMQ_FRAME_LENGTH32};
    crowd.producers[i] = test_queue_open(queue, SHMQ_PRODUCER, options);
    ck_assert_int_eq(shmq_set_frame(crowd.producers[i], frames[roll(COUNT(frames))], '\n'), 0);
}

static void drop_one(void)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    const uint32_t lane = (uint32_t)roll(LANES);
    ck_assert_int_eq(shmq_stat_lane(crowd.observer, lane, &stat), 0);
    if (stat.tail_position > stat.head_position)
        (void)shmq_drop(queue, lane, stat.head_position + roll(stat.tail_position - stat.head_position));
}

static void act(const struct shmq_options *options)
{
    const uint32_t producer = (uint32_t)roll(LANES);
    const uint64_t what = roll(100);
    if (what < 50) {
        put_some(crowd.producers[producer]);
    } else if (what < 55) {
        ck_assert_int_eq(shmq_close(crowd.producers[producer]), 0);
        open_producer(producer, options);
    } else if (what < 60) {
        ck_assert_int_eq(shmq_set_frame(crowd.producers[producer], (enum shmq_frame)roll(3), 'x'), 0);
    } else if (what < 63 && crowd.dropped) {
        drop_one();
    } else {
        take_some(crowd.consumers[roll(SEATS)]);
    }
}

static void expect_same(uint32_t lane)
{
    struct lane_view *view;
    struct walk walk;
    struct walk count;
    if (!handle_lane_used(crowd.observer, lane))
        return;
    ck_assert_int_eq(mapping_lane(crowd.observer, lane, &view), 0);
    ck_assert_int_eq(walk_lane(crowd.observer, &view->ring, &walk), 0);
    ck_assert_int_eq(walk_count(crowd.observer, &view->ring, &count), 0);
    ck_assert_uint_eq(walk.messages, count.messages);
    ck_assert_uint_eq(walk.leased, count.leased);
    ck_assert_uint_eq(walk.bytes, count.bytes);
    ck_assert_uint_eq(walk.oldest, count.oldest);
    ck_assert_uint_eq(walk.tail, count.tail);
}

static void expect_sums(void)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(crowd.observer, &stat), 0);
    ck_assert_uint_eq(stat.put_messages, stat.acknowledged + stat.messages);
    ck_assert(stat.leased <= stat.messages && stat.message_bytes <= stat.messages * LONGEST);
    ck_assert((stat.oldest_ns >= 0) == (stat.messages > 0));
    ck_assert(stat.used_bytes <= stat.room_bytes && stat.fill_percent <= 100);
    ck_assert(stat.high_water_bytes <= stat.capacity_bytes);
}

static void crowd_start(const char *test, const struct shmq_options *options, uint64_t random)
{
    use_queue(test);
    memset(&crowd, 0, sizeof(crowd));
    crowd.random = random;
    for (uint32_t i = 0; i < LANES; i++)
        open_producer(i, options);
    for (uint32_t i = 0; i < SEATS; i++)
        crowd.consumers[i] = test_queue_open(queue, SHMQ_CONSUMER, options);
    crowd.observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
}

static void crowd_end(void)
{
    for (uint32_t i = 0; i < LANES; i++)
        ck_assert_int_eq(shmq_close(crowd.producers[i]), 0);
    for (uint32_t i = 0; i < SEATS; i++)
        ck_assert_int_eq(shmq_close(crowd.consumers[i]), 0);
    ck_assert_int_eq(shmq_close(crowd.observer), 0);
    test_queue_remove(queue);
}

START_TEST(marks_count_what_a_walk_counts)
{
    static const uint64_t sizes[] = {16384, 65536, 1 << 20, 1 << 20};
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS,
                                         .create = true,
                                         .capacity_bytes = sizes[_i],
                                         .max_message_bytes = 8192,
                                         .lanes = LANES,
                                         .seats = SEATS,
                                         .prefetch = 300};
    crowd_start("same", &options, (uint64_t)_i);
    crowd.dropped = _i == 3;
    for (int i = 0; i < 4000; i++) {
        act(&options);
        for (uint32_t lane = 0; lane < LANES; lane++)
            expect_same(lane);
        expect_sums();
    }
    crowd_end();
}
END_TEST

/* Copies keep their framing, which is not that of the lane's owner. */
START_TEST(marks_count_what_a_mover_puts)
{
    static struct shmq_message messages[200];
    static char there[SHMQ_NAME_MAX + 1];
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true, .capacity_bytes = 1 << 20,
                                         .prefetch = 200};
    struct shmq_mover *mover;
    (void)strcpy(there, test_name("there"));
    use_queue("from");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    ck_assert_int_eq(shmq_create(there, &options), 0);
    crowd.observer = test_queue_open(there, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_mover_open(&mover, consumer, there, NULL), 0);
    for (int i = 0; i < 30; i++) {
        size_t taken;
        ck_assert_int_eq(shmq_set_frame(producer, (enum shmq_frame)(i % 3), 'x'), 0);
        for (size_t k = 0; k < COUNT(messages); k++)
            ck_assert_int_eq(shmq_put(producer, content, 8, 0), 0);
        ck_assert_int_eq(shmq_lease_many(consumer, messages, COUNT(messages), &taken, 0), 0);
        ck_assert_int_eq(shmq_mover_put(mover, messages, taken, NULL, 0), 0);
        ck_assert_int_eq(shmq_acknowledge(consumer, taken), 0);
        expect_same(0);
    }
    shmq_mover_close(mover);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(crowd.observer), 0);
    test_queue_remove(queue);
    test_queue_remove(there);
}
END_TEST

/* ------------------------------------------------------------------ reservations */

static int64_t coarse_after(int64_t ns)
{
    const int64_t end = clock_now_ns() + ns;
    while (clock_coarse_ns() < end)
        clock_sleep_until(end);
    return clock_coarse_ns();
}

/* What was reserved and never committed says nothing of the message that is put in its place. */
START_TEST(a_message_is_not_as_old_as_a_reservation_given_up_before_it)
{
    static const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .create = true};
    struct lane_view *view;
    struct put_time time;
    void *payload;
    use_queue("reserved");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(shmq_reserve(producer, 8, &payload, 0), 0);
    const int64_t then_ns = coarse_after(200 * MS);
    if (_i == 0) {
        ck_assert_int_eq(shmq_put(producer, content, 8, 0), 0);
    } else {
        ck_assert_int_eq(shmq_reserve(producer, 8, &payload, 0), 0);
        ck_assert_int_eq(shmq_commit(producer, 8), 0);
    }
    ck_assert_int_eq(mapping_lane(producer, 0, &view), 0);
    const uint64_t position = atomic_load(&view->ring.control->head);
    ck_assert(marks_put_time(&view->ring, position, clock_coarse_ns(), &time));
    ck_assert_int_gt(time.ns, then_ns - MS); /* times are kept in ms */
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("between two positions", .seconds = 60),
    TEST_EACH(whatever_is_put_marks_tell_how_much_and_when, COUNT(capacities) * PLAIN_STARTS),
    TEST_EACH(marks_count_what_a_walk_counts, 4),
    TEST(marks_count_what_a_mover_puts),
    TEST_GROUP("put times"),
    TEST_EACH(slow_messages_are_dated_one_by_one, 4),
    TEST(messages_that_come_once_a_day_are_dated),
    TEST(a_burst_is_not_spread_over_the_silence_after_it),
    TEST(a_lease_tells_what_was_put_before_and_after),
    TEST_EACH(a_message_is_not_as_old_as_a_reservation_given_up_before_it, 2),
    TEST_GROUP("damage", .seconds = 60),
    TEST_EACH(damaged_marks_tell_nothing_impossible, COUNT(capacities)),
    TEST_EACH(damaged_times_do_not_overflow, 4),
    TEST_EACH(a_producer_goes_on_where_all_marks_are_gone, 2),
};

TEST_SUITE("marks", tests, .seconds = 20);
