/* SPDX-License-Identifier: MIT */
/* A producer that dies at any instruction: what its marks tell is what is there, and the next one goes on. */
#include <check.h>
#include <errno.h>
#include <unistd.h>

#include "common/core/marks.h"
#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"

#define CAPACITY (256 * 1024) /* four blocks of 1024 cells */
#define BLOCK 1024
#define SECOND INT64_C(1000000000)

static struct {
    struct ring_producer producer;
    int64_t now_ns;
} dying;

/* Failures of a child are told by its end. */
static void must(bool holds)
{
    if (!holds)
        _exit(1);
}

static void append(struct ring_producer *p, uint32_t length)
{
    const uint64_t cells = cells_for(length);
    dying.now_ns += SECOND;
    if (!ring_has_room(p, cells)) {
        must(ring_fits(p, cells) || ring_make_room(p, cells) == 0);
        marks_sample(p, cells, marks_want_clock(p) ? dying.now_ns : 0);
    }
    ring_append(p, record_frame(1, '\n') | length); /* the payload does not matter */
}

static void put(struct ring_producer *p, uint32_t length)
{
    append(p, length);
    ring_publish(p);
}

static struct ring_producer take_up(const struct plain_ring *plain)
{
    struct ring_producer p = plain_producer(plain);
    marks_take_up(&p);
    marks_set_framing(&p, 1);
    return p;
}

/* ------------------------------------------------------------------ what is there, and what the marks tell */

static uint64_t walk(const struct ring *ring, uint64_t from, uint64_t to, struct marks_count *count)
{
    uint64_t last = from;
    *count = (struct marks_count){0};
    while (from < to) {
        uint64_t word;
        ck_assert(ring_read_word(ring, from, to, &word));
        last = from;
        count->messages++;
        count->bytes += (uint32_t)word;
        from += record_cells(word);
    }
    return last;
}

static void expect_count(const struct ring *ring)
{
    const uint64_t head = plain_load(&ring->control->head);
    const uint64_t tail = plain_load(&ring->control->tail);
    struct marks_count there;
    struct marks_count told;
    const uint64_t last = walk(ring, head, tail, &there);
    ck_assert(marks_count(ring, head, tail, &told));
    ck_assert_uint_eq(told.messages, there.messages);
    ck_assert_uint_eq(told.bytes, there.bytes);
    struct put_time time;
    ck_assert(marks_put_time(ring, last, dying.now_ns + 1000 * SECOND, &time));
    ck_assert(time.earliest_ns > 0 && time.earliest_ns <= time.ns && time.ns <= time.latest_ns);
}

/* Each message of the next one has a time of its own. */
static void look(struct plain_ring *plain)
{
    const int64_t began_ns = dying.now_ns;
    expect_count(&plain->ring);
    struct ring_producer p = take_up(plain);
    expect_count(&plain->ring);
    dying.now_ns += 100 * SECOND;
    for (int i = 0; i < 5; i++) {
        struct put_time time;
        const uint64_t position = p.next;
        put(&p, i % 2 == 0 ? 8 : 300);
        ck_assert(marks_put_time(&plain->ring, position, dying.now_ns, &time));
        ck_assert_int_eq(time.ns, dying.now_ns);
        expect_count(&plain->ring);
    }
    dying.now_ns = began_ns;
}

/* ------------------------------------------------------------------ dying */

/* The lane is nearly full, in its second lap, and tail is two cells before a block. */
static void begin(struct plain_ring *plain, int start)
{
    plain_make(plain, CAPACITY, CAPACITY / 4);
    plain_start(plain, plain_position(plain, start, 1000));
    dying.now_ns = 1000 * SECOND;
    dying.producer = take_up(plain);
    for (int i = 0; i < 4 * BLOCK; i++)
        put(&dying.producer, 8);
    const struct ring_batch batch = plain_lease(plain, 0, BLOCK + 100);
    plain_finish(plain, 0, &batch);
    for (int i = 0; i < BLOCK - 2; i++)
        put(&dying.producer, 8);
}

static void tell(struct plain_ring *plain, void (*operation)(struct plain_ring *plain))
{
    expect_count(&plain->ring);
    const int looks = plain_step(plain, operation, look);
    if (looks < 0)
        test_skip("the system refuses to trace");
    else
        ck_assert_int_ge(looks, 20);
    plain_free(plain);
}

static void put_four(struct plain_ring *plain)
{
    (void)plain;
    for (int i = 0; i < 4; i++)
        put(&dying.producer, i == 1 ? 200 : 8);
}

START_TEST(a_producer_may_die_at_every_instruction_of_putting)
{
    struct plain_ring plain;
    begin(&plain, _i);
    tell(&plain, put_four);
}
END_TEST

static void put_portion(struct plain_ring *plain)
{
    (void)plain;
    for (int i = 0; i < 6; i++)
        append(&dying.producer, 100);
    ring_publish(&dying.producer);
}

START_TEST(a_producer_may_die_at_every_instruction_of_a_portion)
{
    struct plain_ring plain;
    begin(&plain, _i);
    tell(&plain, put_portion);
}
END_TEST

static void take_up_and_put(struct plain_ring *plain)
{
    struct ring_producer p;
    must(ring_producer_init(&p, &plain->ring) == 0);
    marks_take_up(&p);
    marks_set_framing(&p, 1);
    dying.now_ns += SECOND;
    put(&p, 8);
    put(&p, 200);
    put(&p, 8);
}

/* The first has left a portion without publishing it. */
START_TEST(a_successor_may_die_at_every_instruction_of_its_first_puts)
{
    struct plain_ring plain;
    begin(&plain, _i);
    for (int i = 0; i < 20; i++)
        append(&dying.producer, 64);
    dying.now_ns -= 20 * SECOND;
    tell(&plain, take_up_and_put);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_EACH(a_producer_may_die_at_every_instruction_of_putting, PLAIN_STARTS),
    TEST(a_producer_may_die_at_every_instruction_of_a_portion),
    TEST(a_successor_may_die_at_every_instruction_of_its_first_puts),
};

TEST_SUITE("marks, dying", tests, .seconds = 60);
