/* SPDX-License-Identifier: MIT */
/* A lane whose memory holds what nobody of us wrote: refused, in bounded time, and nothing outside is touched. */
#include <check.h>
#include <errno.h>

#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"

/* ------------------------------------------------------------------ damage */

/* Plants something, and says what has to come of a lease. */
static void expect_bad_lease(struct plain_ring *plain, const struct plain_copy *good)
{
    ck_assert_int_eq(plain_try_lease(plain, 0), -EBADMSG);
    plain_restore(plain, good);
    ck_assert_int_eq(plain_try_lease(plain, 0), 0);
    plain_restore(plain, good);
}

START_TEST(a_damaged_descriptor_is_never_leased)
{
    struct plain_ring plain;
    struct plain_copy good;
    plain_make(&plain, PLAIN_SMALL, 1000);
    plain_start(&plain, plain_position(&plain, _i, 2));
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < 3; i++)
        plain_must_put(&producer, 1000, i); /* 16 cells */
    plain_save(&plain, &good);
    const uint64_t start = plain_load(&plain.ring.control->head);
    shared_u64 *word = &ring_record(&plain.ring, start)->word;
    const uint64_t was = plain_load(word);
    const uint64_t damaged[] = {
        0,
        ~UINT64_C(0),
        was ^ UINT64_C(1) << 42,                                /* tag */
        was ^ UINT64_C(1) << 63,                                /* tag */
        (was & ~UINT64_C(0xffffffff)) | UINT64_C(3) << 40 | 64, /* headers, in one cell */
        (was >> 42) << 42 | UINT64_C(3) << 40,                  /* headers, in nothing */
        (was & ~UINT64_C(0xffffffff)) | 1001,                   /* longer than any message */
        (was & ~UINT64_C(0xffffffff)) | (3 * 16 * 64 + 1),      /* longer than what is published */
        (was & ~UINT64_C(0xffffffff)) | UINT32_MAX,             /* much longer */
    };
    for (size_t i = 0; i < COUNT(damaged); i++) {
        atomic_store(word, damaged[i]);
        expect_bad_lease(&plain, &good);
    }
    plain_copy_free(&good);
    plain_free(&plain);
}
END_TEST

START_TEST(damage_in_the_middle_of_a_batch_is_found_when_taking_and_when_taking_over)
{
    struct plain_ring plain;
    struct ring_batch batch;
    plain_make(&plain, PLAIN_SMALL, 1000);
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < 3; i++)
        plain_must_put(&producer, 64, i);
    shared_u64 *word = &ring_record(&plain.ring, producer.next - 2)->word;
    const uint64_t was = plain_load(word);
    atomic_store(word, 0);
    ck_assert_int_eq(ring_lease(&plain.ring, plain.seats, 0, &PLAIN_LIMIT(3), &batch), -EBADMSG);
    atomic_store(word, was);
    const struct ring_batch held = plain_lease(&plain, 0, 3);
    atomic_store(word, 0);
    ck_assert_int_eq(ring_find_lease(&plain.ring, held.start, 0, &batch), -EBADMSG);
    plain_free(&plain);
}
END_TEST

/* Many short messages in a row, of which one is damaged: no way of looking at several at once may miss it. */
#define SHORT 14u
static void damage_each_of_many(struct plain_ring *plain, uint64_t first)
{
    uint64_t words[SHORT];
    const struct ring_limits limits = {.records = SHORT, .cells = UINT64_MAX, .words = words};
    for (uint64_t i = 0; i < SHORT; i++) {
        shared_u64 *word = &ring_record(&plain->ring, first + i)->word;
        const uint64_t was = plain_load(word);
        const uint64_t wrong[] = {UINT64_C(1) << 63,
                                  UINT64_MAX,
                                  was ^ UINT64_C(1) << RECORD_TAG_SHIFT,
                                  was ^ UINT64_C(1) << 63,
                                  was | RECORD_FRAME_BITS,
                                  was + 1, /* more than a message may have */
                                  was + (UINT64_C(1) << 31),
                                  plain_load(&ring_record(&plain->ring, first + (i + 2) % SHORT)->word)};
        for (size_t j = 0; j < COUNT(wrong); j++) {
            struct ring_batch batch;
            atomic_store(word, wrong[j]);
            ck_assert_int_eq(ring_lease(&plain->ring, plain->seats, 0, &limits, &batch), -EBADMSG);
        }
        atomic_store(word, was);
    }
}

/* They may agree among themselves, and still be wrong. */
static void frame_all_wrongly(struct plain_ring *plain, uint64_t first)
{
    uint64_t words[SHORT];
    const struct ring_limits limits = {.records = 4, .cells = UINT64_MAX, .words = words};
    struct ring_batch batch;
    for (uint64_t i = 0; i < SHORT; i++)
        atomic_fetch_or(&ring_record(&plain->ring, first + i)->word, RECORD_FRAME_BITS);
    ck_assert_int_eq(ring_lease(&plain->ring, plain->seats, 0, &limits, &batch), -EBADMSG);
    for (uint64_t i = 0; i < SHORT; i++)
        atomic_fetch_xor(&ring_record(&plain->ring, first + i)->word, UINT64_C(2) << 40); /* frame 1, as it was */
}

START_TEST(damage_among_short_messages_is_found_at_every_place)
{
    static const uint32_t most[] = {CELL_BYTES, CELL_BYTES - 16};
    for (size_t i = 0; i < 2; i++) {
        struct plain_ring plain;
        plain_make(&plain, PLAIN_SMALL, most[i]);
        plain_start(&plain, plain_position(&plain, _i, 3));
        struct ring_producer producer = plain_producer(&plain);
        plain_advance(&plain, &producer, plain.ring.cells - 5); /* a lap ends among them */
        const uint64_t first = producer.next;
        for (uint64_t j = 0; j < SHORT; j++)
            plain_must_put(&producer, most[i], j);
        damage_each_of_many(&plain, first);
        frame_all_wrongly(&plain, first);
        ck_assert_uint_eq(plain_lease(&plain, 0, SHORT).count, SHORT);
        plain_free(&plain);
    }
}
END_TEST

START_TEST(a_descriptor_of_the_lap_before_is_no_message)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    plain_start(&plain, plain_position(&plain, _i, 3));
    struct ring_producer producer = plain_producer(&plain);
    plain_advance(&plain, &producer, plain.ring.cells);
    atomic_store(&plain.ring.control->tail, producer.next + 1); /* published, but nothing was written */
    ck_assert_int_eq(plain_try_lease(&plain, 0), -EBADMSG);
    plain_free(&plain);
}
END_TEST

START_TEST(positions_that_make_no_sense_are_refused)
{
    struct plain_ring plain;
    struct plain_copy good;
    struct ring_producer producer;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 3);
    plain_start(&plain, start);
    plain_save(&plain, &good);
    struct lane_control *control = plain.ring.control;
    const struct {
        shared_u64 *field;
        uint64_t value;
    } damaged[] = {
        {&control->head, start + 1},
        {&control->head, start - plain.ring.cells - 1},
        {&control->tail, start - 1},
        {&control->tail, 0},
        {&control->tail, UINT64_MAX},
        {&control->tail, plain.ring.max_position + 1},
        {&control->checkpoints[0].tail, start + 1},
    };
    for (size_t i = 0; i < COUNT(damaged); i++) {
        atomic_store(damaged[i].field, damaged[i].value);
        /* Its checkpoint agrees: only the positions are wrong. */
        if (damaged[i].field == &control->tail)
            atomic_store(&control->checkpoints[1].tail, damaged[i].value);
        ck_assert_msg(ring_producer_init(&producer, &plain.ring) == -EBADMSG, "damage %zu was accepted", i);
        plain_restore(&plain, &good);
    }
    ck_assert_int_eq(ring_producer_init(&producer, &plain.ring), 0);
    plain_copy_free(&good);
    plain_free(&plain);
}
END_TEST

START_TEST(a_lane_begins_with_nothing_whatever_stood_there)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    struct lane_control *control = plain.ring.control;
    const uint64_t start = 3 * plain.ring.cells;
    memset((void *)control->checkpoints, 0xff, sizeof(control->checkpoints));
    atomic_store(&control->checkpoints[1].tail, start); /* the dead one's */
    ring_format(&plain.ring, start);
    plain_expect(&plain, start, start, start);
    const struct ring_producer producer = plain_producer(&plain);
    ck_assert_uint_eq(producer.next, start);
    ck_assert_uint_eq(producer.stream_offset, 0);
    ck_assert_uint_eq(producer.messages, 0);
    ck_assert_uint_eq(producer.turn, 1);
    ck_assert_uint_eq(atomic_load(&control->checkpoints[1].tail), 0);
    plain_free(&plain);
}
END_TEST

/* What was found a batch is read once more, and may have changed since. */
START_TEST(words_of_a_batch_that_has_changed_are_refused)
{
    struct plain_ring plain;
    uint64_t words[3];
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < 3; i++)
        plain_must_put(&producer, 100, i);
    struct ring_batch batch = plain_lease(&plain, 0, 3);
    for (uint64_t i = 0; i < 3; i++) {
        shared_u64 *word = &ring_record(&plain.ring, batch.start + 2 * i)->word;
        const uint64_t was = plain_load(word);
        ck_assert(ring_read_words(&plain.ring, &batch, words));
        ck_assert_uint_eq(words[i], was);
        atomic_store(word, was ^ UINT64_C(1) << 63);
        ck_assert(!ring_read_words(&plain.ring, &batch, words));
        atomic_store(word, was - 50); /* still one, but shorter: the last then ends before the batch */
        ck_assert(!ring_read_words(&plain.ring, &batch, words));
        atomic_store(word, was);
    }
    batch.end++;
    ck_assert(!ring_read_words(&plain.ring, &batch, words));
    plain_free(&plain);
}
END_TEST

/* Whoever takes it over would think that a part of the batch is acknowledged. */
START_TEST(a_lease_forgets_what_the_seat_had_before)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    struct seat *seat = &plain.seats[2];
    struct ring_producer producer = plain_producer(&plain);
    plain_must_put(&producer, 64, 0);
    atomic_store(&seat->progress, UINT64_MAX);
    atomic_store(&seat->intent_lane, UINT64_MAX);
    atomic_store(&seat->intent_position, UINT64_MAX);
    const struct ring_batch batch = plain_lease(&plain, 2, 1);
    ck_assert_uint_eq(atomic_load(&seat->progress), 0);
    ck_assert_uint_eq(atomic_load(&seat->intent_lane), plain.ring.lane + 1u);
    ck_assert_uint_eq(atomic_load(&seat->intent_position), batch.start);
    plain_free(&plain);
}
END_TEST

/* With checkpoints that agree: only the positions count. */
START_TEST(positions_at_their_limits_are_taken_and_no_others)
{
    struct plain_ring plain;
    struct ring_producer producer;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    struct lane_control *control = plain.ring.control;
    const uint64_t cells = plain.ring.cells;
    const uint64_t last = plain.ring.max_position;
    const struct {
        uint64_t head;
        uint64_t tail;
        int code;
    } cases[] = {
        {cells, cells, 0},
        {cells - 1, cells - 1, -EBADMSG},
        {cells, 2 * cells, 0},
        {cells, 2 * cells + 1, -EBADMSG},
        {cells + 1, cells, -EBADMSG},
        {last, last, 0},
        {last + 1, last + 1, -EBADMSG},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        plain_start(&plain, cells);
        atomic_store(&control->head, cases[i].head);
        atomic_store(&control->tail, cases[i].tail);
        atomic_store(&control->checkpoints[1].tail, cases[i].tail);
        ck_assert_int_eq(ring_producer_init(&producer, &plain.ring), cases[i].code);
    }
    /* What stands behind the checkpoints is none of them. */
    plain_start(&plain, cells);
    atomic_store(&control->checkpoints[0].tail, 0);
    atomic_store(&control->source_id, cells);
    ck_assert_int_eq(ring_producer_init(&producer, &plain.ring), -EBADMSG);
    plain_free(&plain);
}
END_TEST

START_TEST(a_lease_refuses_claims_and_words_that_make_no_sense)
{
    struct plain_ring plain;
    struct plain_copy good;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 3);
    plain_start(&plain, start);
    struct ring_producer producer = plain_producer(&plain);
    plain_must_put(&producer, 64, 0);
    plain_must_put(&producer, 64, 1);
    plain_save(&plain, &good);
    const struct ring *ring = &plain.ring;
    shared_u64 *word = &ring->leases[start & ring->mask];

    atomic_store(&ring->control->claim, start + 3); /* beyond tail */
    expect_bad_lease(&plain, &good);
    atomic_store(&ring->control->claim, start - 2 * ring->cells); /* long gone */
    expect_bad_lease(&plain, &good);
    atomic_store(&ring->control->claim, UINT64_MAX);
    expect_bad_lease(&plain, &good);
    atomic_store(word, lease_word(ring->format, start + ring->cells, 1, 1, LEASE_DONE)); /* of the next lap */
    expect_bad_lease(&plain, &good);
    atomic_store(word, lease_word(ring->format, start, 3, 1, LEASE_TAKEN)); /* reaches beyond tail */
    expect_bad_lease(&plain, &good);
    plain_copy_free(&good);
    plain_free(&plain);
}
END_TEST

START_TEST(a_producer_refuses_a_head_that_goes_back_or_runs_ahead)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 3);
    plain_start(&plain, start);
    struct ring_producer producer = plain_producer(&plain);
    plain_must_put(&producer, PLAIN_SMALL, 0);
    atomic_store(&plain.ring.control->head, start - 1);
    ck_assert_int_eq(ring_make_room(&producer, 1), -EBADMSG);
    atomic_store(&plain.ring.control->head, start + plain.ring.cells + 1);
    ck_assert_int_eq(ring_make_room(&producer, 1), -EBADMSG);
    atomic_store(&plain.ring.control->head, start);
    ck_assert_int_eq(ring_make_room(&producer, 1), -EAGAIN);
    const struct ring *ring = &plain.ring; /* nor does it go by a word that reaches beyond what it has put */
    atomic_store(&ring->control->tail, start + ring->cells - 1);
    atomic_store(&ring->leases[start & ring->mask], lease_word(ring->format, start, ring->cells, 1, LEASE_DONE));
    ck_assert_int_eq(ring_make_room(&producer, 1), -EBADMSG);
    plain_free(&plain);
}
END_TEST

START_TEST(finishing_and_reclaiming_refuse_words_that_make_no_sense)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    struct ring_producer producer = plain_producer(&plain);
    plain_must_put(&producer, 64, 0);
    const struct ring_batch batch = plain_lease(&plain, 0, 1);
    shared_u64 *word = &plain.ring.leases[batch.start & plain.ring.mask];
    ck_assert_int_eq(ring_finish(&plain.ring, batch.start, batch.end + 1, 0), -EBADMSG);
    ck_assert_int_eq(ring_finish(&plain.ring, batch.start, batch.end, 1), -EBADMSG);
    atomic_store(word, lease_word(plain.ring.format, batch.start, 2, 0, LEASE_DONE)); /* reaches beyond tail */
    ck_assert_int_eq(ring_reclaim(&plain.ring), -EBADMSG);
    plain_expect(&plain, batch.start, batch.end, batch.end);
    plain_free(&plain);
}
END_TEST

/* ------------------------------------------------------------------ rubbish everywhere */

static const int anything[] = {0, -EAGAIN, -EBADMSG, -EOVERFLOW, -ENOENT};

static void expect_any_of(int code)
{
    for (size_t i = 0; i < COUNT(anything); i++)
        if (code == anything[i])
            return;
    ck_abort_msg("a code that nobody documents: %d", code);
}

/* Flips a bit, stores rubbish, or moves a little: in any section but the arena. */
static void damage(struct plain_ring *plain, uint64_t *random)
{
    const uint64_t dice = plain_random(random);
    const enum plain_section section = (enum plain_section)(dice % PLAIN_ARENA);
    const size_t words = plain->sections[section].bytes / 8;
    uint64_t *word = (uint64_t *)(void *)plain->sections[section].start + (dice >> 8) % words;
    /* Positions are where it hurts. */
    uint64_t *const positions[] = {(uint64_t *)&plain->ring.control->head, (uint64_t *)&plain->ring.control->claim,
                                   (uint64_t *)&plain->ring.control->tail};
    if (dice >> 40 & 1)
        word = positions[(dice >> 41) % 3];
    const uint64_t more = plain_random(random);
    switch (dice >> 50 & 3) {
    case 0:
        *word ^= UINT64_C(1) << (more % 64);
        break;
    case 1:
        *word = more;
        break;
    case 2:
        *word += more % 128 - 64;
        break;
    default:
        *word = ~(more % 64);
        break;
    }
}

static volatile unsigned char last_byte_read;

/* Reads all of a batch that was handed out as good. */
static void read_batch(const struct ring *ring, const struct ring_batch *batch)
{
    struct record_head head;
    uint64_t position = batch->start;
    for (uint32_t i = 0; i < batch->count && ring_read_record(ring, position, batch->end, &head); i++) {
        for (uint32_t at = 0; at < head.length; at++)
            last_byte_read = ring_payload(ring, position)[at];
        position += cells_for(head.length);
    }
    ck_assert_uint_le(position, batch->end);
}

static void try_everything(const struct plain_ring *plain, struct ring_producer *producer, uint64_t *random)
{
    const struct ring *ring = &plain->ring;
    const uint32_t seat = (uint32_t)(plain_random(random) % PLAIN_SEATS);
    struct ring_batch batch = {0};
    struct ring_producer successor;
    int error = ring_lease(ring, &plain->seats[seat], seat, &PLAIN_LIMIT(5), &batch);
    expect_any_of(error);
    if (error == 0)
        read_batch(ring, &batch);
    const uint64_t at = plain_load(&plain->seats[seat].intent_position);
    expect_any_of(error = ring_find_lease(ring, at, seat, &batch));
    if (error == 0)
        read_batch(ring, &batch);
    if (error == 0 && plain_random(random) % 2 == 0)
        expect_any_of(ring_finish(ring, batch.start, batch.end, seat));
    expect_any_of(ring_reclaim(ring));
    (void)ring_done_position(ring);
    (void)ring_is_drained(ring);
    expect_any_of(plain_put(producer, (uint32_t)(plain_random(random) % 500), 1));
    expect_any_of(error = ring_producer_init(&successor, ring));
    if (error == 0)
        expect_any_of(plain_put(&successor, (uint32_t)(plain_random(random) % PLAIN_SMALL), 1));
}

START_TEST(rubbish_anywhere_is_survived)
{
    struct plain_ring plain;
    uint64_t random = (uint64_t)_i + 1;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    for (int round = 0; round < 8000; round++) {
        plain_start(&plain, plain_position(&plain, round % PLAIN_STARTS, 3));
        struct ring_producer producer = plain_producer(&plain);
        for (uint64_t i = 0; i < 8; i++)
            plain_must_put(&producer, (uint32_t)(plain_random(&random) % 300), i);
        (void)plain_lease(&plain, 0, 2);
        for (int step = 0; step < 6; step++) {
            damage(&plain, &random);
            try_everything(&plain, &producer, &random);
        }
    }
    plain_free(&plain);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_EACH(a_damaged_descriptor_is_never_leased, PLAIN_STARTS),
    TEST(damage_in_the_middle_of_a_batch_is_found_when_taking_and_when_taking_over),
    TEST_EACH(damage_among_short_messages_is_found_at_every_place, PLAIN_STARTS),
    TEST_EACH(a_descriptor_of_the_lap_before_is_no_message, PLAIN_STARTS),
    TEST_EACH(positions_that_make_no_sense_are_refused, PLAIN_STARTS),
    TEST(a_lane_begins_with_nothing_whatever_stood_there),
    TEST(words_of_a_batch_that_has_changed_are_refused),
    TEST(a_lease_forgets_what_the_seat_had_before),
    TEST(positions_at_their_limits_are_taken_and_no_others),
    TEST_EACH(a_lease_refuses_claims_and_words_that_make_no_sense, PLAIN_STARTS),
    TEST_EACH(a_producer_refuses_a_head_that_goes_back_or_runs_ahead, PLAIN_STARTS),
    TEST(finishing_and_reclaiming_refuse_words_that_make_no_sense),
    TEST_EACH(rubbish_anywhere_is_survived, 4),
};

TEST_SUITE("ring, damaged", tests, .seconds = 20);
