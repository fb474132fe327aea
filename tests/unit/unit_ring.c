/* SPDX-License-Identifier: MIT */
/* The algorithm of one lane on plain memory, in one thread: what it does, at any position. */
#include <check.h>
#include <errno.h>

#include "tests/support/harness.h"
#include "tests/support/plain_ring.h"

/* ------------------------------------------------------------------ round trips */

static void round_trip(struct plain_ring *plain, uint64_t start, uint64_t index, uint32_t length)
{
    plain_start(plain, start);
    struct ring_producer producer = plain_producer(plain);
    plain_advance(plain, &producer, index);
    plain_must_put(&producer, length, length + index);

    struct record_head head;
    const struct ring_batch batch = plain_lease(plain, 1, 1);
    ck_assert_uint_eq(batch.start, start + index);
    ck_assert_uint_eq(batch.end, start + index + cells_for(length));
    ck_assert_uint_eq(batch.count, 1);
    ck_assert(ring_read_record(&plain->ring, batch.start, batch.end, &head));
    ck_assert_uint_eq(head.length, length);
    ck_assert_uint_eq(head.delimiter, '\n');
    ck_assert_uint_eq(head.frame, 1);
    ck_assert_uint_eq(plain_load(&ring_record(&plain->ring, batch.start)->stream_offset), index);
    const unsigned char *payload = ring_payload(&plain->ring, batch.start);
    ck_assert_uint_eq((uintptr_t)payload % 64, 0);
    ck_assert(plain_is_filled(payload, length, length + index));
    plain_finish(plain, 1, &batch);
    ck_assert(ring_is_drained(&plain->ring));
    plain_expect(plain, batch.end, batch.end, batch.end);
}

START_TEST(every_size_goes_through_at_every_index)
{
    static const uint32_t lengths[] = {
        0,          1, 63, 64, 65, 127, 128, PLAIN_SMALL / 2, PLAIN_SMALL - 65, PLAIN_SMALL - 64, PLAIN_SMALL - 1,
        PLAIN_SMALL};
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 4);
    for (uint64_t index = 0; index < plain.ring.cells; index++)
        for (size_t i = 0; i < COUNT(lengths); i++)
            round_trip(&plain, start, index, lengths[i]);
    plain_free(&plain);
}
END_TEST

/* ------------------------------------------------------------------ any order of operations, against a model */

struct expected {
    uint64_t position;
    uint64_t offset;
    uint32_t length;
    bool done;
};

struct held {
    struct ring_batch batch;
    uint64_t first; /* sequence */
};

/* What a lane has to be like, kept without any ring: sequences oldest <= unleased <= newest. */
struct model {
    struct plain_ring plain;
    struct ring_producer producer;
    struct expected messages[256]; /* by sequence */
    struct held held[PLAIN_SEATS]; /* count 0: nothing */
    uint64_t oldest;
    uint64_t unleased;
    uint64_t newest;
    uint64_t tail;
    uint64_t offset;
    uint64_t random;
    uint64_t words[PLAIN_SMALL / CELL_BYTES];
};

static struct expected *expected(struct model *model, uint64_t sequence)
{
    return &model->messages[sequence % 256];
}

static uint64_t model_head(struct model *model)
{
    return model->oldest < model->newest ? expected(model, model->oldest)->position : model->tail;
}

static uint64_t model_claim(struct model *model)
{
    return model->unleased < model->newest ? expected(model, model->unleased)->position : model->tail;
}

static uint32_t random_length(struct model *model)
{
    const uint64_t random = plain_random(&model->random);
    const uint32_t limit = random % 64 == 0 ? PLAIN_SMALL + 1 : random % 16 == 0 ? 700 : 66;
    return (uint32_t)(random >> 8) % limit;
}

/* Puts up to three messages and publishes them together. Return: whether positions are used up. */
static bool model_put(struct model *model)
{
    const uint64_t count = 1 + plain_random(&model->random) % 3;
    bool over = false;
    for (uint64_t i = 0; i < count && !over; i++) {
        const uint32_t length = random_length(model);
        const uint64_t cells = cells_for(length);
        const bool room = model->tail + cells <= model_head(model) + model->plain.ring.cells;
        over = model->tail + cells > model->plain.ring.max_position;
        ck_assert_int_eq(ring_make_room(&model->producer, cells), over ? -EOVERFLOW : room ? 0 : -EAGAIN);
        if (over || !room)
            continue;
        plain_append(&model->producer, length, model->newest);
        *expected(model, model->newest++) =
            (struct expected){.position = model->tail, .offset = model->offset, .length = length};
        model->tail += cells;
        model->offset += length + 1;
        ring_publish(&model->producer);
    }
    return over;
}

static void check_record(struct model *model, uint64_t sequence, uint64_t end)
{
    const struct ring *ring = &model->plain.ring;
    const struct expected *e = expected(model, sequence);
    struct record_head head;
    ck_assert(ring_read_record(ring, e->position, end, &head));
    ck_assert_uint_eq(head.length, e->length);
    ck_assert_uint_eq(plain_load(&ring_record(ring, e->position)->stream_offset), e->offset);
    ck_assert(plain_is_filled(ring_payload(ring, e->position), head.length, sequence));
}

static void model_lease(struct model *model, uint32_t seat)
{
    const uint32_t records = 1 + (uint32_t)(plain_random(&model->random) % 12);
    uint64_t words[12];
    const struct ring_limits limits = {
        .records = records, .cells = 1 + plain_random(&model->random) % 20, .words = words};
    struct held *held = &model->held[seat];
    const int error = ring_lease(&model->plain.ring, &model->plain.seats[seat], seat, &limits, &held->batch);
    ck_assert_int_eq(error, model->unleased == model->newest ? -EAGAIN : 0);
    if (error != 0)
        return;
    held->first = model->unleased;
    ck_assert_uint_eq(held->batch.start, expected(model, held->first)->position);
    ck_assert_uint_ge(held->batch.count, 1);
    ck_assert_uint_le(held->batch.count, limits.records);
    ck_assert(held->batch.count == 1 || held->batch.end - held->batch.start <= limits.cells);
    for (uint32_t i = 0; i < held->batch.count; i++)
        ck_assert_uint_eq((uint32_t)words[i], expected(model, held->first + i)->length);
    model->unleased += held->batch.count;
    ck_assert_uint_le(model->unleased, model->newest);
    ck_assert_uint_eq(held->batch.end, model_claim(model));
}

static void model_finish(struct model *model, uint32_t seat)
{
    struct held *held = &model->held[seat];
    for (uint32_t i = 0; i < held->batch.count; i++) {
        check_record(model, held->first + i, held->batch.end);
        expected(model, held->first + i)->done = true;
    }
    plain_finish(&model->plain, seat, &held->batch);
    *held = (struct held){0};
    while (model->oldest < model->newest && expected(model, model->oldest)->done)
        model->oldest++;
}

/* Whatever happens, a lease word only ever grows: so a compare-and-swap from an old one cannot succeed. */
static void check_words(struct model *model)
{
    bool grew = true;
    for (uint64_t i = 0; i < model->plain.ring.cells; i++) {
        const uint64_t word = plain_load(&model->plain.ring.leases[i]);
        grew = grew && word >= model->words[i];
        model->words[i] = word;
    }
    ck_assert(grew);
}

static bool model_step(struct model *model)
{
    const uint64_t random = plain_random(&model->random);
    const uint32_t seat = (uint32_t)(random >> 8) % PLAIN_SEATS;
    bool over = false;
    if (random % 3 == 0)
        over = model_put(model);
    else if (model->held[seat].batch.count != 0)
        model_finish(model, seat);
    else
        model_lease(model, seat);
    check_words(model);
    plain_expect(&model->plain, model_head(model), model_claim(model), model->tail);
    ck_assert_uint_eq(ring_done_position(&model->plain.ring), model_head(model));
    ck_assert(ring_is_drained(&model->plain.ring) == (model->oldest == model->newest));
    ck_assert(ring_has_work(&model->plain.ring) == (model->unleased != model->newest));
    return over;
}

START_TEST(any_order_of_operations_agrees_with_a_model)
{
    static struct model model;
    plain_make(&model.plain, PLAIN_SMALL, PLAIN_SMALL);
    plain_start(&model.plain, plain_position(&model.plain, _i, 512));
    model.producer = plain_producer(&model.plain);
    model.tail = plain_load(&model.plain.ring.control->tail);
    model.random = (uint64_t)_i;
    bool over = false;
    for (int steps = 0; steps < 60000 && !over; steps++)
        over = model_step(&model);
    ck_assert(over == (_i == 2));
    plain_free(&model.plain);
}
END_TEST

/* ------------------------------------------------------------------ leases */

START_TEST(a_batch_keeps_to_its_limits)
{
    struct plain_ring plain;
    struct ring_batch batch;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < 6; i++)
        plain_must_put(&producer, 128, i); /* 2 cells each */
    ck_assert_uint_eq(plain_lease(&plain, 0, 2).count, 2);
    const struct ring_limits five_cells = {.records = 100, .cells = 5};
    ck_assert_int_eq(ring_lease(&plain.ring, &plain.seats[1], 1, &five_cells, &batch), 0);
    ck_assert_uint_eq(batch.count, 2);
    ck_assert_uint_eq(batch.end - batch.start, 4);
    const struct ring_limits too_few_cells = {.records = 100, .cells = 1};
    ck_assert_int_eq(ring_lease(&plain.ring, &plain.seats[2], 2, &too_few_cells, &batch), 0);
    ck_assert_uint_eq(batch.count, 1); /* never less than one */
    ck_assert_uint_eq(plain_lease(&plain, 3, UINT32_MAX).count, 1);
    ck_assert_int_eq(plain_try_lease(&plain, 4), -EAGAIN);
    plain_free(&plain);
}
END_TEST

/* Descriptors of short messages are looked at several at a time: whatever is among them must end that. */
#define MIXED 40u
START_TEST(a_batch_is_what_was_put_whatever_the_mixture)
{
    static const uint32_t lengths[] = {0, 1, 63, 64, 64, 64, 65, 300};
    uint64_t random = (uint64_t)_i + 1;
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, 400);
    plain_start(&plain, plain_position(&plain, _i, 4000));
    struct ring_producer producer = plain_producer(&plain);
    for (uint32_t round = 0; round < 3000; round++) {
        uint64_t put[MIXED], words[MIXED];
        uint32_t count = 0;
        const uint64_t start = producer.next;
        const uint64_t alike = plain_random(&random) % 24; /* one in so many differs */
        const uint32_t usual = plain_random(&random) % 2 == 0 ? 64 : 1;
        for (; count < MIXED; count++) {
            const uint64_t draw = plain_random(&random);
            const bool differs = draw % 24 > alike;
            const uint32_t length = differs ? lengths[draw / 32 % 8] : usual;
            const uint8_t frame = differs && draw / 256 % 4 == 0 ? (uint8_t)(draw / 1024 % 3) : 1;
            if (ring_make_room(&producer, cells_for(length)) != 0)
                break;
            put[count] = record_frame(frame, frame == 1 ? (uint8_t)(draw >> 60) : 0) | length;
            ring_append(&producer, put[count]);
        }
        ring_publish(&producer);
        for (uint32_t taken = 0; taken < count;) {
            const struct ring_limits limits = {
                .records = 1 + (uint32_t)(plain_random(&random) % MIXED), .cells = UINT64_MAX, .words = words};
            struct ring_batch batch;
            ck_assert_int_eq(ring_lease(&plain.ring, plain.seats, 0, &limits, &batch), 0);
            ck_assert_uint_eq(batch.count, limits.records < count - taken ? limits.records : count - taken);
            for (uint32_t i = 0; i < batch.count; i++)
                ck_assert_uint_eq(words[i] << RECORD_TAG_BITS, put[taken + i] << RECORD_TAG_BITS);
            taken += batch.count;
            plain_finish(&plain, 0, &batch);
        }
        plain_expect(&plain, producer.next, producer.next, producer.next);
        ck_assert_uint_gt(producer.next, start);
    }
    plain_free(&plain);
}
END_TEST

START_TEST(batches_finished_out_of_order_are_reclaimed_together)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 2);
    plain_start(&plain, start);
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < 5; i++)
        plain_must_put(&producer, 64, i);
    const struct ring_batch first = plain_lease(&plain, 0, 2);
    const struct ring_batch second = plain_lease(&plain, 1, 2);
    plain_finish(&plain, 1, &second);
    plain_expect(&plain, start, start + 4, start + 5);
    ck_assert_uint_eq(ring_done_position(&plain.ring), start);
    plain_finish(&plain, 0, &first);
    plain_expect(&plain, start + 4, start + 4, start + 5);
    plain_free(&plain);
}
END_TEST

START_TEST(a_consumer_dead_after_taking_the_word_does_not_stop_the_next)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 2);
    plain_start(&plain, start);
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < 3; i++)
        plain_must_put(&producer, 64, i);
    /* Seat 3 took the first two and died before it helped claim forward. */
    atomic_store(&plain.ring.leases[start & plain.ring.mask],
                 lease_word(plain.ring.format, start, 2, 3, LEASE_TAKEN));
    const struct ring_batch batch = plain_lease(&plain, 1, 10);
    ck_assert_uint_eq(batch.start, start + 2);
    ck_assert_uint_eq(batch.count, 1);
    plain_finish(&plain, 1, &batch);
    plain_expect(&plain, start, start + 3, start + 3);
    ck_assert_int_eq(plain_try_lease(&plain, 1), -EAGAIN);

    struct ring_batch found;
    ck_assert_int_eq(ring_find_lease(&plain.ring, start, 3, &found), 0);
    ck_assert_uint_eq(found.count, 2);
    ck_assert_uint_eq(found.end, start + 2);
    plain_finish(&plain, 3, &found);
    ck_assert(ring_is_drained(&plain.ring));
    plain_free(&plain);
}
END_TEST

START_TEST(a_claim_left_far_behind_is_helped_forward)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 2);
    plain_start(&plain, start);
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < 10; i++)
        plain_must_put(&producer, 100, i);
    for (uint32_t seat = 0; seat < 4; seat++)
        (void)plain_lease(&plain, seat, 2);
    atomic_store(&plain.ring.control->claim, start);
    const struct ring_batch last = plain_lease(&plain, 4, 2);
    ck_assert_uint_eq(last.start, start + 16);
    atomic_store(&plain.ring.control->claim, start);
    ck_assert_int_eq(plain_try_lease(&plain, 5), -EAGAIN);
    plain_expect(&plain, start, start + 20, start + 20);
    plain_free(&plain);
}
END_TEST

START_TEST(head_takes_claim_along)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    struct ring_producer producer = plain_producer(&plain);
    const uint64_t start = producer.next;
    plain_must_put(&producer, 1, 0);
    const struct ring_batch batch = plain_lease(&plain, 0, 1);
    atomic_store(&plain.ring.control->claim, start);
    plain_finish(&plain, 0, &batch);
    plain_expect(&plain, start + 1, start + 1, start + 1);
    plain_free(&plain);
}
END_TEST

START_TEST(a_done_word_of_the_lap_before_reclaims_nothing)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 3);
    plain_start(&plain, start);
    struct ring_producer producer = plain_producer(&plain);
    plain_advance(&plain, &producer, plain.ring.cells); /* a DONE word at index 0 */
    plain_must_put(&producer, 1, 1);
    const uint64_t now = start + plain.ring.cells;
    ck_assert_int_eq(ring_reclaim(&plain.ring), 0);
    plain_expect(&plain, now, now, now + 1);
    ck_assert_uint_eq(ring_done_position(&plain.ring), now);
    ck_assert(!ring_is_leased(&plain.ring, now, 0));
    plain_free(&plain);
}
END_TEST

START_TEST(finding_a_lease_needs_its_very_word)
{
    struct plain_ring plain;
    struct ring_batch batch;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < 4; i++)
        plain_must_put(&producer, 64, i);
    const struct ring_batch held = plain_lease(&plain, 2, 3);
    ck_assert_int_eq(ring_find_lease(&plain.ring, held.start, 1, &batch), -ENOENT);
    ck_assert_int_eq(ring_find_lease(&plain.ring, held.start + 1, 2, &batch), -ENOENT);
    ck_assert_int_eq(ring_find_lease(&plain.ring, held.start + plain.ring.cells, 2, &batch), -ENOENT);
    ck_assert_int_eq(ring_find_lease(&plain.ring, held.start, 2, &batch), 0);
    ck_assert_uint_eq(batch.count, 3);
    ck_assert_uint_eq(batch.end, held.end);
    plain_finish(&plain, 2, &held);
    ck_assert_int_eq(ring_find_lease(&plain.ring, held.start, 2, &batch), -ENOENT);
    ck_assert_int_eq(ring_finish(&plain.ring, held.start, held.end, 2), -EBADMSG); /* not twice */
    plain_free(&plain);
}
END_TEST

/* ------------------------------------------------------------------ a full lane, and the end of positions */

START_TEST(a_full_lane_refuses_until_the_oldest_is_done)
{
    struct plain_ring plain;
    struct plain_copy before;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    plain_start(&plain, plain_position(&plain, _i, 3));
    struct ring_producer producer = plain_producer(&plain);
    for (uint64_t i = 0; i < plain.ring.cells / 2; i++)
        plain_must_put(&producer, 128, i);
    const struct ring_batch first = plain_lease(&plain, 0, 1);
    const struct ring_batch second = plain_lease(&plain, 1, 1);
    plain_finish(&plain, 1, &second);
    ck_assert_int_eq(ring_make_room(&producer, 1), -EAGAIN); /* says that the lane was full */
    plain_save(&plain, &before);
    ck_assert_int_eq(ring_make_room(&producer, 1), -EAGAIN);
    ck_assert(plain_is_same(&plain, &before));
    plain_finish(&plain, 0, &first);
    plain_must_put(&producer, 128, 100);
    plain_must_put(&producer, 65, 101);
    ck_assert_int_eq(ring_make_room(&producer, 1), -EAGAIN);
    plain_copy_free(&before);
    plain_free(&plain);
}
END_TEST

START_TEST(a_full_producer_reclaims_what_the_dead_finished)
{
    struct plain_ring plain;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t start = plain_position(&plain, _i, 3);
    plain_start(&plain, start);
    struct ring_producer producer = plain_producer(&plain);
    plain_must_put(&producer, PLAIN_SMALL / 2, 0);
    plain_must_put(&producer, PLAIN_SMALL / 2, 1);
    const struct ring_batch first = plain_lease(&plain, 0, 1);
    const struct ring_batch second = plain_lease(&plain, 1, 1);
    plain_mark_done(&plain, &first);
    plain_mark_done(&plain, &second);
    atomic_store(&plain.ring.control->claim, start); /* nobody helped claim either */
    ck_assert(!ring_is_drained(&plain.ring));
    ck_assert_uint_eq(ring_done_position(&plain.ring), start + 64);
    ck_assert_int_eq(ring_make_room(&producer, 64), 0);
    plain_expect(&plain, start + 64, start + 64, start + 64);
    plain_must_put(&producer, PLAIN_SMALL, 2);
    plain_free(&plain);
}
END_TEST

START_TEST(the_last_position_is_a_clear_end)
{
    struct plain_ring plain;
    struct plain_copy before;
    plain_make(&plain, PLAIN_SMALL, PLAIN_SMALL);
    const uint64_t last = plain.ring.max_position;
    plain_start(&plain, last - plain.ring.cells);
    struct ring_producer producer = plain_producer(&plain);
    plain_must_put(&producer, PLAIN_SMALL - 128, 0); /* two cells are left */
    plain_save(&plain, &before);
    ck_assert_int_eq(ring_make_room(&producer, 3), -EOVERFLOW);
    ck_assert(plain_is_same(&plain, &before));
    plain_must_put(&producer, 128, 1);
    ck_assert_uint_eq(producer.next, last);
    for (uint32_t seat = 0; seat < 2; seat++) {
        const struct ring_batch batch = plain_lease(&plain, seat, 1);
        ck_assert(plain_is_filled(ring_payload(&plain.ring, batch.start), 128, seat));
        plain_finish(&plain, seat, &batch);
    }
    plain_expect(&plain, last, last, last);
    plain_copy_free(&before);
    plain_save(&plain, &before);
    ck_assert_int_eq(ring_make_room(&producer, 1), -EOVERFLOW);
    ck_assert_int_eq(plain_try_lease(&plain, 0), -EAGAIN);
    ck_assert(plain_is_same(&plain, &before));
    producer = plain_producer(&plain); /* whoever comes next is told the same */
    ck_assert_int_eq(ring_make_room(&producer, 1), -EOVERFLOW);
    plain_copy_free(&before);
    plain_free(&plain);
}
END_TEST

/* ------------------------------------------------------------------ lease words */

static void check_word(struct lease_format f, uint64_t position, uint64_t span, uint32_t seat)
{
    const uint64_t taken = lease_word(f, position, span, seat, LEASE_TAKEN);
    const uint64_t done = lease_word(f, position, span, seat, LEASE_DONE);
    ck_assert_uint_eq(done, taken | 1);
    ck_assert(!lease_word_done(taken) && lease_word_done(done));
    ck_assert_uint_eq(lease_word_lap(f, done), position >> f.cells_log2);
    ck_assert_uint_eq(lease_word_span(f, done), span);
    ck_assert_uint_eq(lease_word_seat(f, done), seat);
}

START_TEST(a_lease_word_holds_what_was_packed_at_every_width)
{
    for (uint32_t seat_bits = 1; seat_bits <= 10; seat_bits++) {
        for (uint32_t log2 = 6; log2 <= 30; log2++) {
            const struct lease_format f = {.seat_bits = seat_bits, .cells_log2 = log2};
            const uint64_t cells = UINT64_C(1) << log2;
            const uint64_t last = (UINT64_C(1) << (63 - seat_bits)) - cells - 1; /* no message begins later */
            const uint64_t positions[] = {cells, 2 * cells - 1, (UINT64_C(1) << 32) + 1, last};
            const uint64_t spans[] = {1, 2, cells / 2 + 1, cells};
            const uint32_t seats[] = {0, 1, (1u << seat_bits) - 1};
            for (size_t i = 0; i < 4 * 4 * 3; i++)
                check_word(f, positions[i % 4], spans[i / 4 % 4], seats[i / 16]);
            ck_assert_uint_eq(lease_word_lap(f, 0), 0);
            ck_assert_uint_gt(lease_word(f, last, 1, 0, LEASE_TAKEN),
                              lease_word(f, last - cells, cells, (1u << seat_bits) - 1, LEASE_DONE));
        }
    }
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_EACH(every_size_goes_through_at_every_index, PLAIN_STARTS),
    TEST_EACH(any_order_of_operations_agrees_with_a_model, PLAIN_STARTS),
    TEST(a_batch_keeps_to_its_limits),
    TEST_EACH(a_batch_is_what_was_put_whatever_the_mixture, PLAIN_STARTS),
    TEST_EACH(batches_finished_out_of_order_are_reclaimed_together, PLAIN_STARTS),
    TEST_EACH(a_consumer_dead_after_taking_the_word_does_not_stop_the_next, PLAIN_STARTS),
    TEST_EACH(a_claim_left_far_behind_is_helped_forward, PLAIN_STARTS),
    TEST(head_takes_claim_along),
    TEST_EACH(a_done_word_of_the_lap_before_reclaims_nothing, PLAIN_STARTS),
    TEST(finding_a_lease_needs_its_very_word),
    TEST_EACH(a_full_lane_refuses_until_the_oldest_is_done, PLAIN_STARTS),
    TEST_EACH(a_full_producer_reclaims_what_the_dead_finished, PLAIN_STARTS),
    TEST(the_last_position_is_a_clear_end),
    TEST(a_lease_word_holds_what_was_packed_at_every_width),
};

TEST_SUITE("ring", tests, .seconds = 20);
