/* SPDX-License-Identifier: MIT */
/* Sizes, offsets and names: what two builds have to agree on, and what nobody may ask for. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/core/geometry.h"
#include "common/core/layout.h"
#include "common/core/lease_word.h"
#include "common/core/ring.h"
#include "common/kernel/name.h"
#include "common/shmq.h"
#include "tests/support/harness.h"

#define FINGERPRINT 0x7ee01828

static const struct parameters usual = {
    .capacity_bytes = 8 << 20,
    .max_message_bytes = 2 << 20,
    .lanes = 16,
    .seats = 64,
    .page_bytes = 4096,
    .tick_ns = TICK_DEFAULT_NS,
};

static const struct parameters least = {
    .capacity_bytes = CAPACITY_MIN,
    .max_message_bytes = 1,
    .lanes = 1,
    .seats = 1,
    .page_bytes = 4096,
    .tick_ns = TICK_MIN_NS,
};

static const struct parameters most = {
    .capacity_bytes = CAPACITY_MAX,
    .max_message_bytes = SHMQ_MESSAGE_MAX,
    .lanes = SHMQ_LANES_MAX,
    .seats = SHMQ_SEATS_MAX,
    .page_bytes = 1 << 20,
    .tick_ns = TICK_MAX_NS,
};

static int compute(struct parameters parameters)
{
    struct geometry g;
    memset(&g, 0x5a, sizeof(g));
    const struct geometry before = g;
    const int error = geometry_compute(&parameters, &g);
    if (error != 0)
        ck_assert_mem_eq(&g, &before, sizeof(g)); /* written only on success */
    return error;
}

/* ------------------------------------------------------------------ bounds */

#define EXPECT(code, base, field, value)                                                                          \
    do {                                                                                                          \
        struct parameters p = base;                                                                               \
        p.field = value;                                                                                          \
        ck_assert_msg(compute(p) == (code), "%s = %s", #field, #value);                                           \
    } while (0)

START_TEST(parameters_at_their_limits_are_taken)
{
    ck_assert_int_eq(compute(usual), 0);
    ck_assert_int_eq(compute(least), 0);
    ck_assert_int_eq(compute(most), 0);
    EXPECT(0, usual, capacity_bytes, CAPACITY_MAX);
    EXPECT(0, usual, max_message_bytes, usual.capacity_bytes);
    EXPECT(0, usual, max_message_bytes, 1);
    EXPECT(0, usual, lanes, 1);
    EXPECT(0, usual, lanes, SHMQ_LANES_MAX);
    EXPECT(0, usual, seats, 1);
    EXPECT(0, usual, seats, SHMQ_SEATS_MAX);
    EXPECT(0, usual, page_bytes, 65536);
    EXPECT(0, usual, tick_ns, TICK_MIN_NS);
    EXPECT(0, usual, tick_ns, TICK_MAX_NS);
}
END_TEST

START_TEST(parameters_beyond_their_limits_are_refused)
{
    EXPECT(-EINVAL, usual, capacity_bytes, 0);
    EXPECT(-EINVAL, least, capacity_bytes, CAPACITY_MIN / 2);
    EXPECT(-EINVAL, least, capacity_bytes, CAPACITY_MIN + 1);
    EXPECT(-EINVAL, usual, capacity_bytes, (8 << 20) + 4096);
    EXPECT(-EINVAL, usual, capacity_bytes, CAPACITY_MAX * 2);
    EXPECT(-EINVAL, usual, capacity_bytes, UINT64_C(1) << 63);
    EXPECT(-EINVAL, usual, capacity_bytes, UINT64_MAX);
    EXPECT(-EINVAL, usual, max_message_bytes, 0);
    EXPECT(-EINVAL, usual, max_message_bytes, usual.capacity_bytes + 1);
    EXPECT(-EINVAL, usual, max_message_bytes, UINT64_MAX);
    EXPECT(-EINVAL, most, max_message_bytes, SHMQ_MESSAGE_MAX + 1);
    EXPECT(-EINVAL, usual, lanes, 0);
    EXPECT(-EINVAL, usual, lanes, SHMQ_LANES_MAX + 1);
    EXPECT(-EINVAL, usual, lanes, UINT32_MAX);
    EXPECT(-EINVAL, usual, seats, 0);
    EXPECT(-EINVAL, usual, seats, SHMQ_SEATS_MAX + 1);
    EXPECT(-EINVAL, usual, seats, UINT32_MAX);
    EXPECT(-EINVAL, usual, page_bytes, 0);
    EXPECT(-EINVAL, usual, page_bytes, 2048);
    EXPECT(-EINVAL, usual, page_bytes, 4097);
    EXPECT(-EINVAL, usual, page_bytes, 12288);
    EXPECT(-EINVAL, usual, page_bytes, 1u << 21);
    EXPECT(-EINVAL, least, page_bytes, 8192); /* larger than a lane's arena */
    EXPECT(-EINVAL, usual, tick_ns, TICK_MIN_NS - 1);
    EXPECT(-EINVAL, usual, tick_ns, TICK_MAX_NS + 1);
    EXPECT(-EINVAL, usual, tick_ns, 0);
    EXPECT(-EINVAL, usual, tick_ns, INT64_MIN);
}
END_TEST

/* ------------------------------------------------------------------ offsets */

static void check_lane(const struct geometry *g, uint64_t page)
{
    ck_assert_uint_ge(g->marks_offset, sizeof(struct lane_control));
    ck_assert_uint_ge(g->times_offset, g->marks_offset + g->marks * sizeof(struct lane_mark));
    ck_assert_uint_ge(g->lease_offset, g->times_offset + g->cells * sizeof(shared_u32));
    ck_assert_uint_ge(g->record_offset, g->lease_offset + g->cells * 8);
    ck_assert_uint_ge(g->arena_offset, g->record_offset + g->cells * 16);
    ck_assert_uint_eq(g->lane_bytes, g->arena_offset + g->parameters.capacity_bytes);
    ck_assert_uint_eq(g->lease_offset % page, 0);
    ck_assert_uint_eq(g->record_offset % page, 0);
    ck_assert_uint_eq(g->arena_offset % page, 0);
    ck_assert_uint_eq(g->lane_bytes % page, 0);
}

static void check_offsets(const struct parameters *p)
{
    struct geometry g;
    ck_assert_int_eq(geometry_compute(p, &g), 0);
    ck_assert_uint_eq(g.cells * CELL_BYTES, p->capacity_bytes);
    ck_assert_uint_eq(UINT64_C(1) << g.cells_log2, g.cells);
    ck_assert_uint_ge(g.seats_offset, sizeof(struct header));
    ck_assert_uint_ge(g.buffers_offset, g.seats_offset + p->seats * sizeof(struct seat));
    ck_assert_uint_ge(g.buffer_bytes, p->max_message_bytes);
    ck_assert_uint_eq(geometry_buffer_offset(&g, 0), g.buffers_offset);
    ck_assert_uint_ge(g.lanes_offset, geometry_buffer_offset(&g, p->seats - 1) + g.buffer_bytes);
    ck_assert_uint_eq(geometry_lane_offset(&g, 0), g.lanes_offset);
    ck_assert_uint_eq(g.slots_offset, geometry_lane_offset(&g, p->lanes - 1) + g.lane_bytes);
    ck_assert_uint_ge(g.slots_bytes, sizeof(struct source_slot) * SHMQ_SLOTS_MAX);
    ck_assert_uint_eq(geometry_slots_offset(&g, 0), g.slots_offset);
    ck_assert_uint_eq(g.events_offset, geometry_slots_offset(&g, p->lanes - 1) + g.slots_bytes);
    ck_assert_uint_ge(g.latency_offset, g.events_offset + EVENTS * sizeof(struct event));
    ck_assert_uint_eq(g.object_bytes, geometry_latency_offset(&g, p->seats - 1) + g.latency_bytes);
    ck_assert_uint_lt(g.object_bytes, UINT64_C(1) << 48);
    const uint64_t aligned[] = {g.seats_offset, g.buffers_offset, g.buffer_bytes, g.lanes_offset,
                                g.slots_offset, g.slots_bytes,    g.object_bytes};
    for (size_t i = 0; i < COUNT(aligned); i++)
        ck_assert_uint_eq(aligned[i] % p->page_bytes, 0);
    check_lane(&g, p->page_bytes);
}

START_TEST(parts_are_page_aligned_and_do_not_overlap)
{
    static const uint64_t capacities[] = {65536, 1 << 20, UINT64_C(1) << 30, CAPACITY_MAX};
    static const uint32_t seats[] = {1, 2, 3, 64, 1000, SHMQ_SEATS_MAX};
    static const uint32_t lanes[] = {1, 7, SHMQ_LANES_MAX};
    static const uint32_t pages[] = {4096, 16384, 65536};
    check_offsets(&least);
    check_offsets(&most);
    for (size_t i = 0; i < 4 * 6 * 3 * 3; i++) {
        const uint64_t capacity = capacities[i % 4];
        const struct parameters p = {
            .capacity_bytes = capacity,
            .max_message_bytes = i % 2 != 0                    ? 1
                                 : capacity < SHMQ_MESSAGE_MAX ? capacity
                                                               : SHMQ_MESSAGE_MAX,
            .seats = seats[i / 4 % 6],
            .lanes = lanes[i / 24 % 3],
            .page_bytes = pages[i / 72],
            .tick_ns = TICK_DEFAULT_NS,
        };
        check_offsets(&p);
    }
}
END_TEST

START_TEST(every_seat_and_lap_fits_its_lease_word)
{
    for (uint32_t seats = 1; seats <= SHMQ_SEATS_MAX; seats++) {
        struct parameters p = usual;
        struct geometry g;
        p.seats = seats;
        ck_assert_int_eq(geometry_compute(&p, &g), 0);
        const struct lease_format f = {.seat_bits = g.seat_bits, .cells_log2 = g.cells_log2};
        const uint64_t word = lease_word(f, g.max_position - 1, g.cells, seats - 1, LEASE_DONE);
        ck_assert_uint_eq(lease_word_seat(f, word), seats - 1);
        ck_assert_uint_eq(lease_word_span(f, word), g.cells);
        ck_assert_uint_eq(lease_word_lap(f, word), (g.max_position - 1) >> g.cells_log2);
        ck_assert_uint_eq(g.max_position % g.cells, 0);
    }
}
END_TEST

START_TEST(the_default_lane_has_two_to_the_57_positions)
{
    struct geometry g;
    ck_assert_int_eq(geometry_compute(&usual, &g), 0);
    ck_assert_uint_eq(g.max_position + g.cells, UINT64_C(1) << 57);
}
END_TEST

START_TEST(a_message_takes_whole_cells_and_at_least_one)
{
    ck_assert_uint_eq(cells_for(0), 1);
    ck_assert_uint_eq(cells_for(1), 1);
    ck_assert_uint_eq(cells_for(64), 1);
    ck_assert_uint_eq(cells_for(65), 2);
    ck_assert_uint_eq(cells_for(SHMQ_MESSAGE_MAX), SHMQ_MESSAGE_MAX / 64);
    ck_assert_uint_eq(cells_for(SHMQ_MESSAGE_MAX - 63), SHMQ_MESSAGE_MAX / 64);
}
END_TEST

/* ------------------------------------------------------------------ structs */

START_TEST(structs_are_what_the_format_says)
{
    ck_assert_uint_eq(LAYOUT_ABI, 6);
    ck_assert_uint_eq(sizeof(struct header), 1152);
    ck_assert_uint_eq(offsetof(struct header, state), 80);
    ck_assert_uint_eq(sizeof(struct seat), 768);
    ck_assert_uint_eq(sizeof(struct lane_control), 1280);
    ck_assert_uint_eq(sizeof(struct record), 16);
    ck_assert_uint_eq(sizeof(struct lane_mark), 192);
    ck_assert_uint_eq(sizeof(struct event), 64);
    ck_assert_uint_eq(sizeof(struct source_slot), 256);
    ck_assert_uint_eq(offsetof(struct source_slot, copies), 8);
    ck_assert_uint_eq(sizeof(struct checkpoint), 24);
    ck_assert_uint_eq(LANE_WORDS * 64, SHMQ_LANES_MAX);
}
END_TEST

START_TEST(words_of_different_writers_are_two_lines_apart)
{
    static const size_t header[] = {offsetof(struct header, membership), offsetof(struct header, bell)};
    static const size_t lane[] = {
        offsetof(struct lane_control, tail),        offsetof(struct lane_control, checkpoints),
        offsetof(struct lane_control, life),        offsetof(struct lane_control, claim),
        offsetof(struct lane_control, head),        offsetof(struct lane_control, wanted_head),
        offsetof(struct lane_control, source_group)};
    for (size_t i = 0; i < COUNT(header); i++)
        ck_assert_uint_eq(header[i] % 128, 0);
    for (size_t i = 0; i < COUNT(lane); i++)
        ck_assert_uint_eq(lane[i], i * 128);
    ck_assert_uint_eq(sizeof(struct seat) % 128, 0);
}
END_TEST

/* Whoever changes it has changed the format, and has to raise LAYOUT_ABI. */
START_TEST(the_fingerprint_is_stable)
{
    ck_assert_uint_eq(layout_fingerprint(), layout_fingerprint());
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    ck_assert_msg(layout_fingerprint() == FINGERPRINT, "it is %#x", layout_fingerprint());
#endif
}
END_TEST

START_TEST(a_descriptor_holds_what_was_packed)
{
    const struct ring ring = {.format = {.seat_bits = 6, .cells_log2 = 17}};
    for (uint32_t i = 0; i < 4 * 3 * 3; i++) {
        static const uint32_t lengths[] = {0, 1, SHMQ_MESSAGE_MAX, UINT32_MAX};
        static const uint8_t delimiters[] = {0, '\n', 255};
        const struct record_head in = {
            .length = lengths[i % 4], .delimiter = delimiters[i / 4 % 3], .frame = (uint8_t)(i / 12)};
        const struct record_head out = record_unpack(record_pack(&ring, (UINT64_C(1) << 57) - 1, in));
        ck_assert_uint_eq(out.length, in.length);
        ck_assert_uint_eq(out.delimiter, in.delimiter);
        ck_assert_uint_eq(out.frame, in.frame);
        const uint64_t overhead = in.frame == SHMQ_FRAME_NONE ? 0 : in.frame == SHMQ_FRAME_DELIMITER ? 1 : 4;
        ck_assert_uint_eq(record_stream_bytes(record_frame(out.frame, out.delimiter) | out.length),
                          in.length + overhead);
    }
}
END_TEST

/* ------------------------------------------------------------------ names */

START_TEST(names_of_the_allowed_characters_are_taken)
{
    char longest[SHMQ_NAME_MAX + 1];
    memset(longest, 'x', SHMQ_NAME_MAX);
    longest[SHMQ_NAME_MAX] = '\0';
    static const char *const good[] = {"a", "default", "A.b_c-9", ".", "..", "-", ".hidden", "0"};
    for (size_t i = 0; i < COUNT(good); i++)
        ck_assert_msg(shmq_name_check(good[i]) == 0, "'%s'", good[i]);
    ck_assert_int_eq(shmq_name_check(longest), 0);
}
END_TEST

START_TEST(other_names_are_refused)
{
    char too_long[SHMQ_NAME_MAX + 2];
    memset(too_long, 'x', SHMQ_NAME_MAX + 1);
    too_long[SHMQ_NAME_MAX + 1] = '\0';
    static const char *const bad[] = {"", "/", "a/b", "../x", "a b", "a\n", "\xc3\xa4", "a*", "%s", "a\x7f"};
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(shmq_name_check(bad[i]) == -EINVAL, "'%s'", bad[i]);
    ck_assert_int_eq(shmq_name_check(NULL), -EINVAL);
    ck_assert_int_eq(shmq_name_check(too_long), -ENAMETOOLONG);
}
END_TEST

START_TEST(objects_are_called_what_the_contract_says)
{
    char text[OBJECT_NAME_BYTES];
    char path[SEMAPHORE_PATH_BYTES];
    name_of_object(text, "q.1");
    ck_assert_str_eq(text, "/shmq.q.1");
    name_of_items(text, "q.1");
    ck_assert_str_eq(text, "/shmq.q.1.items");
    name_of_space(text, "q.1", 1023);
    ck_assert_str_eq(text, "/shmq.q.1.space.1023");
    name_of_semaphore_file(path, text);
    ck_assert_str_eq(path, "/dev/shm/sem.shmq.q.1.space.1023");
}
END_TEST

START_TEST(the_longest_names_fit)
{
    char queue[SHMQ_NAME_MAX + 1];
    char text[OBJECT_NAME_BYTES];
    char path[SEMAPHORE_PATH_BYTES];
    memset(queue, 'n', SHMQ_NAME_MAX);
    queue[SHMQ_NAME_MAX] = '\0';
    name_of_space(text, queue, UINT32_MAX);
    ck_assert_str_eq(text + strlen(text) - 11, ".4294967295"); /* whole */
    name_of_semaphore_file(path, text);
    ck_assert_str_eq(path + strlen(path) - 11, ".4294967295");
    ck_assert_uint_le(strlen(path) - strlen("/dev/shm/"), 255);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("geometry"),
    TEST(parameters_at_their_limits_are_taken),
    TEST(parameters_beyond_their_limits_are_refused),
    TEST(parts_are_page_aligned_and_do_not_overlap),
    TEST(every_seat_and_lap_fits_its_lease_word),
    TEST(the_default_lane_has_two_to_the_57_positions),
    TEST(a_message_takes_whole_cells_and_at_least_one),
    TEST_GROUP("format"),
    TEST(structs_are_what_the_format_says),
    TEST(words_of_different_writers_are_two_lines_apart),
    TEST(the_fingerprint_is_stable),
    TEST(a_descriptor_holds_what_was_packed),
    TEST_GROUP("names"),
    TEST(names_of_the_allowed_characters_are_taken),
    TEST(other_names_are_refused),
    TEST(objects_are_called_what_the_contract_says),
    TEST(the_longest_names_fit),
};

TEST_SUITE("layout", tests, .seconds = 10);
