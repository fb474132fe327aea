/* SPDX-License-Identifier: MIT */
/* A lane on plain memory whose user dies between any two instructions, and what the survivors find. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"

/* ------------------------------------------------------------------ death between any two steps */

enum fate { LOST_IS_WRONG, EITHER_IS_RIGHT, AGAIN_IS_WRONG };

/* What was put, where, and what has to become of it when whoever is at work dies. */
static struct {
    struct ring_producer producer;
    struct ring_batch batch[2]; /* of seats 0 and 1 */
    uint64_t head;              /* before the operation */
    uint32_t count;
    uint64_t position[65]; /* and of what comes after the last */
    uint64_t offset[65];
    enum fate fate[64];
} story;

static uint32_t story_length(uint64_t sequence)
{
    return (uint32_t)(sequence * 50 % 150);
}

static void story_start(struct plain_ring *plain, int start)
{
    plain_make(plain, PLAIN_SMALL, PLAIN_SMALL);
    plain_start(plain, plain_position(plain, start, 3));
    memset(&story, 0, sizeof(story));
    story.producer = plain_producer(plain);
    story.position[0] = story.producer.next;
}

static void story_append(void)
{
    const uint32_t length = story_length(story.count);
    ck_assert_int_eq(ring_make_room(&story.producer, cells_for(length)), 0);
    plain_append(&story.producer, length, story.count);
    story.count++;
    story.position[story.count] = story.producer.next;
    story.offset[story.count] = story.producer.stream_offset;
}

/* What the operation will append; its payload is written already, beyond tail, where nobody looks. */
static void story_expect(const struct plain_ring *plain, uint32_t more)
{
    for (uint32_t i = 0; i < more; i++) {
        const uint32_t length = story_length(story.count);
        const uint64_t position = story.position[story.count];
        plain_fill(ring_payload(&plain->ring, position), length, story.count);
        story.position[story.count + 1] = position + cells_for(length);
        story.offset[story.count + 1] = story.offset[story.count] + length + 1;
        story.count++;
    }
}

static void story_put(uint32_t messages)
{
    for (uint32_t i = 0; i < messages; i++)
        story_append();
    ring_publish(&story.producer);
}

/* How many of the story's messages end at or before @position; it has to be between two of them. */
static uint32_t messages_before(uint64_t position)
{
    for (uint32_t i = 0; i <= story.count; i++)
        if (story.position[i] == position)
            return i;
    ck_abort_msg("a position in the middle of a message");
    return 0;
}

/* Delivers a batch from its progress on, and finishes it. */
static void deliver(const struct plain_ring *plain, const struct ring_batch *batch, uint32_t seat,
                    uint32_t *delivered)
{
    const uint32_t first = messages_before(batch->start);
    for (uint32_t i = first; i < first + batch->count; i++) {
        struct record_head head;
        ck_assert(ring_read_record(&plain->ring, story.position[i], batch->end, &head));
        ck_assert_uint_eq(head.length, story_length(i));
        ck_assert_uint_eq(plain_load(&ring_record(&plain->ring, story.position[i])->stream_offset),
                          story.offset[i]);
        ck_assert(plain_is_filled(ring_payload(&plain->ring, story.position[i]), head.length, i));
        delivered[i]++;
    }
    plain_finish(plain, seat, batch);
}

/* Head went over done batches only, and never beyond claim. */
static void check_order(const struct plain_ring *plain)
{
    const struct ring *ring = &plain->ring;
    const uint64_t head = plain_load(&ring->control->head);
    uint64_t position = story.head;
    ck_assert_uint_le(head, plain_load(&ring->control->claim));
    ck_assert_uint_le(plain_load(&ring->control->claim), plain_load(&ring->control->tail));
    ck_assert_uint_le(plain_load(&ring->control->tail), head + ring->cells);
    while (position < head) {
        const uint64_t word = plain_load(&ring->leases[position & ring->mask]);
        ck_assert_uint_eq(lease_word_lap(ring->format, word), lease_lap_of(ring->format, position));
        ck_assert(lease_word_done(word));
        position += lease_word_span(ring->format, word);
    }
    ck_assert_uint_eq(position, head);
}

/* Everybody died. Those who come find each message in its place, go on where the producer stopped, and lose
 * nothing. */
static void survive(struct plain_ring *plain)
{
    uint32_t delivered[64] = {0};
    struct ring_batch batch;
    check_order(plain);
    struct ring_producer producer = plain_producer(plain);
    const uint32_t published = messages_before(producer.next);
    ck_assert_uint_eq(producer.stream_offset, story.offset[published]);
    ck_assert_uint_eq(producer.messages, published);

    for (uint32_t seat = 0; seat < PLAIN_SEATS; seat++)
        if (ring_find_lease(&plain->ring, plain_load(&plain->seats[seat].intent_position), seat, &batch) == 0)
            deliver(plain, &batch, seat, delivered);
    while (ring_lease(&plain->ring, &plain->seats[7], 7, &PLAIN_LIMIT(2), &batch) == 0)
        deliver(plain, &batch, 7, delivered);
    ck_assert_int_eq(ring_reclaim(&plain->ring), 0);
    ck_assert(ring_is_drained(&plain->ring));
    for (uint32_t i = 0; i < story.count; i++) {
        const uint32_t least = i < published && story.fate[i] == LOST_IS_WRONG ? 1 : 0;
        const uint32_t most = i < published && story.fate[i] != AGAIN_IS_WRONG ? 1 : 0;
        ck_assert_msg(delivered[i] >= least && delivered[i] <= most, "message %u came %u times", i, delivered[i]);
    }
    plain_must_put(&producer, PLAIN_SMALL, 1); /* all of the room is there */
}

static void tell(struct plain_ring *plain, void (*operation)(struct plain_ring *plain), int least_looks)
{
    story.head = plain_load(&plain->ring.control->head);
    const int looks = plain_step(plain, operation, survive);
    if (looks < 0)
        test_skip("the system refuses to trace a child");
    else
        ck_assert_int_ge(looks, least_looks);
    plain_free(plain);
}

/* The operations of traced children assert nothing: each of their instructions costs two switches of process. */
static void must(bool holds)
{
    if (!holds)
        _exit(1);
}

static void publish(uint32_t messages)
{
    for (uint32_t i = story.count - messages; i < story.count; i++) {
        must(ring_make_room(&story.producer, cells_for(story_length(i))) == 0);
        ring_append(&story.producer, record_frame(1, '\n') | story_length(i));
    }
    ring_publish(&story.producer);
}

static void publish_three(struct plain_ring *plain)
{
    (void)plain;
    publish(3);
}

START_TEST(a_producer_may_die_at_every_instruction_of_publishing)
{
    struct plain_ring plain;
    story_start(&plain, _i);
    story_put(2);
    story_put(2);
    (void)plain_lease(&plain, 1, 1);
    story_expect(&plain, 3);
    tell(&plain, publish_three, 4);
}
END_TEST

/* Its first checkpoint must not be written over the one that the tail belongs to. */
START_TEST(a_successor_may_die_at_every_instruction_of_its_first_publishing)
{
    for (int puts = 1; puts <= 2; puts++) {
        struct plain_ring plain;
        story_start(&plain, _i);
        for (int i = 0; i < puts; i++)
            story_put(1);
        story.producer = plain_producer(&plain);
        story_expect(&plain, 3);
        tell(&plain, publish_three, 4);
    }
}
END_TEST

/* The first two stores of a checkpoint may come in any order; the tails come after them, one after the other. */
START_TEST(a_checkpoint_cut_off_at_any_store_belongs_to_no_tail)
{
    static const struct {
        bool offset, messages, tail, published;
    } stored[] = {{false, false, false, false}, {true, false, false, false}, {false, true, false, false},
                  {true, true, false, false},   {true, true, true, false},   {true, true, true, true}};
    struct plain_ring plain;
    for (size_t i = 0; i < COUNT(stored); i++) {
        story_start(&plain, _i);
        story_put(3);
        story_put(1);
        story.head = plain_load(&plain.ring.control->head);
        struct checkpoint *entry = &plain.ring.control->checkpoints[story.producer.turn];
        const uint64_t was[] = {plain_load(&entry->stream_offset), plain_load(&entry->messages),
                                plain_load(&entry->tail), story.producer.next};
        story_put(2);
        if (!stored[i].offset)
            atomic_store(&entry->stream_offset, was[0]);
        if (!stored[i].messages)
            atomic_store(&entry->messages, was[1]);
        if (!stored[i].tail)
            atomic_store(&entry->tail, was[2]);
        if (!stored[i].published)
            atomic_store(&plain.ring.control->tail, was[3]);
        survive(&plain);
        plain_free(&plain);
    }
}
END_TEST

static void lease_three(struct plain_ring *plain)
{
    struct ring_batch batch;
    must(ring_lease(&plain->ring, plain->seats, 0, &PLAIN_LIMIT(3), &batch) == 0 && batch.count == 3);
}

START_TEST(a_consumer_may_die_at_every_instruction_of_leasing)
{
    struct plain_ring plain;
    story_start(&plain, _i);
    story_put(5);
    tell(&plain, lease_three, 3);
}
END_TEST

START_TEST(a_consumer_may_die_at_every_instruction_of_leasing_behind_a_dead_one)
{
    struct plain_ring plain;
    story_start(&plain, _i);
    story_put(6);
    (void)plain_lease(&plain, 1, 1);
    (void)plain_lease(&plain, 2, 1);
    atomic_store(&plain.ring.control->claim, story.position[0]);
    tell(&plain, lease_three, 5);
}
END_TEST

START_TEST(a_consumer_may_die_at_every_instruction_of_leasing_what_wraps)
{
    struct plain_ring plain;
    story_start(&plain, _i);
    plain_advance(&plain, &story.producer, plain.ring.cells - 2);
    story.position[0] = story.producer.next;
    story.offset[0] = story.producer.stream_offset;
    story.producer.messages = 0;
    story_put(5);
    story.head = plain_load(&plain.ring.control->head);
    tell(&plain, lease_three, 3);
}
END_TEST

static void finish_first(struct plain_ring *plain)
{
    must(ring_finish(&plain->ring, story.batch[0].start, story.batch[0].end, 0) == 0);
}

START_TEST(a_consumer_may_die_at_every_instruction_of_finishing)
{
    struct plain_ring plain;
    story_start(&plain, _i);
    story_put(6);
    story.batch[0] = plain_lease(&plain, 0, 2);
    story.batch[1] = plain_lease(&plain, 1, 2);
    plain_finish(&plain, 1, &story.batch[1]);
    story.fate[0] = story.fate[1] = EITHER_IS_RIGHT;
    story.fate[2] = story.fate[3] = AGAIN_IS_WRONG;
    tell(&plain, finish_first, 3); /* the word, and head over both */
}
END_TEST

static void reclaim_and_put(struct plain_ring *plain)
{
    (void)plain;
    publish(1);
}

START_TEST(a_producer_may_die_at_every_instruction_of_reclaiming)
{
    struct plain_ring plain;
    story_start(&plain, _i);
    while (ring_make_room(&story.producer, cells_for(story_length(story.count))) == 0)
        story_put(1);
    story.batch[0] = plain_lease(&plain, 0, 3);
    story.batch[1] = plain_lease(&plain, 1, 3);
    plain_mark_done(&plain, &story.batch[1]);
    plain_mark_done(&plain, &story.batch[0]);
    for (int i = 0; i < 6; i++)
        story.fate[i] = AGAIN_IS_WRONG;
    atomic_store(&plain.ring.control->claim, story.position[0]);
    story_expect(&plain, 1);
    tell(&plain, reclaim_and_put, 8);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_EACH(a_producer_may_die_at_every_instruction_of_publishing, PLAIN_STARTS),
    TEST_EACH(a_successor_may_die_at_every_instruction_of_its_first_publishing, PLAIN_STARTS),
    TEST_EACH(a_checkpoint_cut_off_at_any_store_belongs_to_no_tail, PLAIN_STARTS),
    TEST_EACH(a_consumer_may_die_at_every_instruction_of_leasing, PLAIN_STARTS),
    TEST_EACH(a_consumer_may_die_at_every_instruction_of_leasing_behind_a_dead_one, PLAIN_STARTS),
    TEST_EACH(a_consumer_may_die_at_every_instruction_of_leasing_what_wraps, PLAIN_STARTS),
    TEST_EACH(a_consumer_may_die_at_every_instruction_of_finishing, PLAIN_STARTS),
    TEST_EACH(a_producer_may_die_at_every_instruction_of_reclaiming, PLAIN_STARTS),
};

TEST_SUITE("ring, dying", tests, .seconds = 20);
