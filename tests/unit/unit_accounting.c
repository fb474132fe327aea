/* SPDX-License-Identifier: MIT */
/*
 * What went in and out, counted outside, message by message, and by the library: for each lane and seat, messages
 * and bytes agree exactly, whatever was done in between, as long as nobody is killed.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "common/queue/handle.h"
#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/test_queue.h"

#define LANES 5
#define SEATS 12
#define PRODUCERS 3
#define CONSUMERS 3
#define LONGEST 1500
#define SEEDS 12
#define ROUNDS 12
#define STEPS 250

struct lane_book {
    uint64_t messages, bytes, refused, too_long, dropped, dead_letters;
};

struct seat_book {
    uint64_t messages, bytes, failed, redelivered, given_back, put_aside, dead_letters;
};

static struct lane_book lane_books[LANES];
static struct seat_book seat_books[SEATS];

struct source {
    struct shmq *handle;
    uint64_t framing;
};

/* A consumer, with the lengths of the messages that it has in hand, and what it has acknowledged since the library
 * counted last. */
struct sink {
    struct shmq *handle;
    uint32_t prefetch;
    size_t lengths[256];
    size_t handed;
    size_t done;
    uint64_t messages;
    uint64_t bytes;
};

static struct source sources[PRODUCERS];
static struct sink sinks[CONSUMERS];
static bool drops; /* of this test: then seats agree in sum, as a batch is counted in parts */
static unsigned seed;

static unsigned pick(unsigned end)
{
    return (unsigned)rand_r(&seed) % end;
}

/* Mostly short ones, and all kinds. */
static size_t a_length(void)
{
    const size_t ends[] = {1, 17, 65, 66, 200, LONGEST + 1};
    return pick((unsigned)ends[pick(COUNT(ends))]);
}

static uint32_t place_of(struct shmq *handle)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    ck_assert_int_eq(shmq_info(handle, &info), 0);
    return info.place;
}

/* ------------------------------------------------------------------ producers */

static unsigned char bytes[LONGEST + 1];

static void open_source(struct source *source)
{
    const enum shmq_frame frames[] = {SHMQ_FRAME_NONE, SHMQ_FRAME_DELIMITER, SHMQ_FRAME_LENGTH32};
    const uint64_t framing[] = {0, 1, 4};
    const unsigned i = pick(COUNT(frames));
    source->handle = test_queue_open(queue, SHMQ_PRODUCER, &(struct shmq_options)SHMQ_OPTIONS_INIT);
    ck_assert_int_eq(shmq_set_frame(source->handle, frames[i], '\n'), 0);
    source->framing = framing[i];
}

static struct lane_book *book_of(const struct source *source)
{
    return &lane_books[place_of(source->handle)];
}

static void note_put(const struct source *source, size_t length)
{
    book_of(source)->messages++;
    book_of(source)->bytes += length + source->framing;
}

static void note_refusal(const struct source *source, int error)
{
    ck_assert(error == 0 || error == -EAGAIN || error == -EMSGSIZE);
    book_of(source)->refused += error == -EAGAIN;
    book_of(source)->too_long += error == -EMSGSIZE;
}

static void put_one(struct source *source)
{
    const size_t length = a_length();
    const int error = shmq_put(source->handle, bytes, length, 0);
    if (error == 0)
        note_put(source, length);
    note_refusal(source, error);
}

static void put_many(struct source *source)
{
    struct iovec many[100];
    const size_t count = pick(COUNT(many)) + 1;
    size_t done = 0;
    for (size_t i = 0; i < count; i++)
        many[i] = (struct iovec){bytes, pick(200) == 0 ? LONGEST + 1 : a_length()};
    const int error = shmq_put_many(source->handle, many, count, &done, 0);
    for (size_t i = 0; i < done; i++)
        note_put(source, many[i].iov_len);
    note_refusal(source, error);
}

static void put_in_place(struct source *source)
{
    void *payload;
    const size_t length = a_length();
    const int error = shmq_reserve(source->handle, length, &payload, 0);
    note_refusal(source, error);
    if (error != 0 || pick(4) == 0) /* it is given up */
        return;
    const size_t less = length - pick((unsigned)length + 1);
    memset(payload, 1, less);
    ck_assert_int_eq(shmq_commit(source->handle, less), 0);
    note_put(source, less);
}

/* The headers are not part of the stream. */
static void put_with_headers(struct source *source)
{
    const struct shmq_outgoing out = {
        .size = sizeof(out), .data = bytes, .length = a_length() / 2, .headers = "A: b\n", .headers_length = 5};
    size_t done = 0;
    const int error = shmq_put_outgoing(source->handle, &out, 1, &done, 0);
    if (error == 0)
        note_put(source, out.length);
    note_refusal(source, error);
}

static void put_too_long(struct source *source)
{
    void *payload;
    ck_assert_int_eq(shmq_put(source->handle, bytes, LONGEST + 1, 0), -EMSGSIZE);
    ck_assert_int_eq(shmq_reserve(source->handle, LONGEST + 1, &payload, 0), -EMSGSIZE);
    book_of(source)->too_long += 2;
}

static void count_letters(struct source *source)
{
    ck_assert_int_eq(shmq_count(source->handle, SHMQ_COUNT_DEAD_LETTERS, 2), 0);
    book_of(source)->dead_letters += 2;
}

static void reopen_source(struct source *source)
{
    if (pick(4) != 0)
        return;
    if (pick(2) == 0)
        ck_assert_int_eq(shmq_close(source->handle), 0);
    else
        shmq_abandon(source->handle);
    open_source(source);
}

static void step_source(struct source *source)
{
    static void (*const ways[])(struct source *) = {
        put_one,      put_one,          put_one,      put_many,      put_many,      put_in_place,
        put_in_place, put_with_headers, put_too_long, count_letters, reopen_source,
    };
    ways[pick(COUNT(ways))](source);
}

/* The oldest message that nobody has. */
static void drop_one(void)
{
    const uint32_t lane = pick(LANES);
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(sources[0].handle, lane, &stat), 0);
    if (stat.used && stat.claim_position != stat.tail_position)
        lane_books[lane].dropped += shmq_drop(queue, lane, stat.claim_position) == 0;
}

/* ------------------------------------------------------------------ consumers */

static void open_sink(struct sink *sink)
{
    struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .follow = true};
    options.prefetch = pick(2) == 0 ? 1 : pick(100) + 1;
    *sink = (struct sink){.handle = test_queue_open(queue, SHMQ_CONSUMER, &options), .prefetch = options.prefetch};
}

static bool has_batch(const struct sink *sink)
{
    return sink->handle->consumer.batch.view != NULL;
}

/* The library has counted what was acknowledged, in this seat. */
static void settle(struct sink *sink, uint32_t seat)
{
    seat_books[seat].messages += sink->messages;
    seat_books[seat].bytes += sink->bytes;
    sink->messages = 0;
    sink->bytes = 0;
}

static void forget(struct sink *sink)
{
    sink->handed = 0;
    sink->done = 0;
}

static void take(struct sink *sink)
{
    struct shmq_message messages[100];
    const bool begins = !has_batch(sink);
    size_t count = 0;
    if (sink->handed != sink->done)
        return;
    const int error = shmq_lease_many(sink->handle, messages, pick(COUNT(messages)) + 1, &count, 0);
    ck_assert(error == 0 || error == -EAGAIN);
    if (error != 0)
        return;
    const struct batch *b = &sink->handle->consumer.batch;
    if (begins && b->redelivered)
        seat_books[place_of(sink->handle)].redelivered += b->count - b->done;
    forget(sink);
    for (; sink->handed < count; sink->handed++)
        sink->lengths[sink->handed] = messages[sink->handed].length;
}

static void note_done(struct sink *sink, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sink->messages++;
        sink->bytes += sink->lengths[sink->done++];
    }
    if (!has_batch(sink))
        settle(sink, place_of(sink->handle));
}

static void acknowledge(struct sink *sink)
{
    const size_t there = sink->handed - sink->done;
    if (there == 0) {
        take(sink);
        return;
    }
    const size_t count = pick(2) == 0 ? there : pick((unsigned)there) + 1;
    ck_assert_int_eq(shmq_acknowledge(sink->handle, count), 0);
    note_done(sink, count);
}

/* Of a batch that it has, so that it is known whether it comes again. */
static void get_one(struct sink *sink)
{
    static unsigned char got[LONGEST];
    size_t length;
    if (sink->handed != sink->done || !has_batch(sink)) {
        take(sink);
        return;
    }
    forget(sink);
    ck_assert_int_eq(shmq_get(sink->handle, got, sizeof(got), &length, 0), 0);
    sink->lengths[0] = length;
    sink->handed = 1;
    note_done(sink, 1);
}

static void fail_one(struct sink *sink)
{
    if (sink->handed != sink->done && shmq_fail(sink->handle, NULL) == 0)
        seat_books[place_of(sink->handle)].failed++;
}

static void release(struct sink *sink)
{
    if (shmq_release(sink->handle) != 0)
        return;
    const uint32_t seat = place_of(sink->handle);
    seat_books[seat].given_back++;
    settle(sink, seat);
    forget(sink);
}

static void hold(struct sink *sink)
{
    struct shmq_message message = {0};
    const bool held = sink->handle->consumer.batch.held;
    if (sink->handed == sink->done || shmq_hold(sink->handle, &message) != 0 || held)
        return;
    ck_assert_uint_eq(message.length, sink->lengths[sink->done]);
    settle(sink, place_of(sink->handle));
}

static void put_aside(struct sink *sink)
{
    const struct shmq_aside aside = {.size = sizeof(aside), .most = SEATS / 2};
    const bool held = sink->handle->consumer.batch.held;
    const int error = shmq_put_aside(sink->handle, &aside);
    if (error == 0 || (!held && sink->handle->consumer.batch.held)) /* it is in the buffer in any case */
        settle(sink, place_of(sink->handle));
    if (error != 0)
        return;
    seat_books[place_of(sink->handle)].put_aside++;
    forget(sink);
}

static void reopen_sink(struct sink *sink)
{
    const uint32_t seat = place_of(sink->handle);
    if (pick(4) != 0)
        return;
    seat_books[seat].given_back += has_batch(sink);
    ck_assert_int_eq(shmq_close(sink->handle), 0);
    settle(sink, seat);
    open_sink(sink);
}

static void count_letters_of(struct sink *sink)
{
    ck_assert_int_eq(shmq_count(sink->handle, SHMQ_COUNT_DEAD_LETTERS, 3), 0);
    seat_books[place_of(sink->handle)].dead_letters += 3;
}

static void step_sink(struct sink *sink)
{
    static void (*const ways[])(struct sink *) = {
        fail_one, release,     hold,        put_aside,   reopen_sink, count_letters_of, get_one,
        get_one,  acknowledge, acknowledge, acknowledge, acknowledge, acknowledge,      acknowledge,
    };
    ways[pick(COUNT(ways))](sink);
}

static void finish_batch(struct sink *sink)
{
    while (has_batch(sink))
        acknowledge(sink);
}

/* ------------------------------------------------------------------ comparing */

#define EXPECT(field)                                                                                             \
    ck_assert_msg(stat.field == book->field, #field " of %u: %llu, not %llu", i, (unsigned long long)stat.field,  \
                  (unsigned long long)book->field)

static void compare_lanes(struct shmq *observer, struct lane_book *sum)
{
    for (uint32_t i = 0; i < LANES; i++) {
        struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
        const struct lane_book *book = &lane_books[i];
        ck_assert_int_eq(shmq_stat_lane(observer, i, &stat), 0);
        ck_assert_msg(stat.put_messages == book->messages, "messages of lane %u: %llu, not %llu", i,
                      (unsigned long long)stat.put_messages, (unsigned long long)book->messages);
        ck_assert_msg(stat.put_bytes == book->bytes, "bytes of lane %u: %llu, not %llu", i,
                      (unsigned long long)stat.put_bytes, (unsigned long long)book->bytes);
        EXPECT(refused);
        EXPECT(too_long);
        EXPECT(dropped);
        EXPECT(dead_letters);
        ck_assert_uint_eq(stat.full_times + stat.sleeps, 0);
        sum->messages += book->messages;
        sum->bytes += book->bytes;
        sum->dropped += book->dropped;
    }
}

static void compare_seats(struct shmq *observer, struct seat_book *sum)
{
    struct seat_book all = {0};
    for (uint32_t i = 0; i < SEATS; i++) {
        struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
        const struct seat_book *book = &seat_books[i];
        ck_assert_int_eq(shmq_stat_seat(observer, i, &stat), 0);
        sum->messages += book->messages;
        sum->bytes += book->bytes;
        all.messages += stat.delivered;
        all.bytes += stat.delivered_bytes;
        EXPECT(failed);
        EXPECT(given_back);
        EXPECT(put_aside);
        EXPECT(dead_letters);
        if (drops)
            continue;
        EXPECT(redelivered);
        ck_assert_msg(stat.delivered == book->messages, "messages of seat %u: %llu, not %llu", i,
                      (unsigned long long)stat.delivered, (unsigned long long)book->messages);
        ck_assert_msg(stat.delivered_bytes == book->bytes, "bytes of seat %u: %llu, not %llu", i,
                      (unsigned long long)stat.delivered_bytes, (unsigned long long)book->bytes);
    }
    ck_assert_uint_eq(all.messages, sum->messages);
    ck_assert_uint_eq(all.bytes, sum->bytes);
}

static void compare(void)
{
    struct lane_book in = {0};
    struct seat_book out = {0};
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    compare_lanes(observer, &in);
    compare_seats(observer, &out);
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    ck_assert_uint_eq(stat.put_messages, in.messages);
    ck_assert_uint_eq(stat.put_bytes, in.bytes);
    ck_assert_uint_eq(stat.messages, in.messages - in.dropped - out.messages);
    if (!drops) /* what is dropped is there until consumers have stepped over it */
        ck_assert_uint_eq(stat.acknowledged, out.messages);
    ck_assert_uint_eq(stat.deaths + stat.adopted, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
}

static void compare_latency(void)
{
    static uint64_t counts[SHMQ_LATENCY_BUCKETS];
    uint64_t delivered = 0;
    uint64_t measured = 0;
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_latency(observer, UINT32_MAX, counts), 0);
    for (int i = 0; i < SHMQ_LATENCY_BUCKETS; i++)
        measured += counts[i];
    for (int i = 0; i < SEATS; i++)
        delivered += seat_books[i].messages;
    ck_assert_uint_eq(measured, delivered);
    ck_assert_int_eq(shmq_close(observer), 0);
}

START_TEST(all_that_is_counted_is_what_was_done)
{
    const struct shmq_options new_queue = {SHMQ_OPTIONS_DEFAULTS,        .create = true, .capacity_bytes = 16384,
                                           .max_message_bytes = LONGEST, .lanes = LANES, .seats = SEATS};
    seed = (unsigned)_i + 1;
    drops = _i % 3 == 2;
    use_queue("accounts");
    ck_assert_int_eq(shmq_create(queue, &new_queue), 0);
    for (int i = 0; i < PRODUCERS; i++)
        open_source(&sources[i]);
    for (int i = 0; i < CONSUMERS; i++)
        open_sink(&sinks[i]);
    for (int round = 0; round < ROUNDS; round++) {
        for (int step = 0; step < STEPS; step++) {
            step_source(&sources[pick(PRODUCERS)]);
            step_sink(&sinks[pick(CONSUMERS)]);
            step_sink(&sinks[pick(CONSUMERS)]);
            if (drops && pick(3) == 0)
                drop_one();
        }
        for (int i = 0; i < CONSUMERS; i++)
            finish_batch(&sinks[i]);
        compare();
    }
    for (int i = 0; i < CONSUMERS; i++)
        ck_assert_int_eq(shmq_close(sinks[i].handle), 0);
    compare_latency();
    for (int i = 0; i < PRODUCERS; i++)
        ck_assert_int_eq(shmq_close(sources[i].handle), 0);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("accounts"),
    TEST_EACH(all_that_is_counted_is_what_was_done, SEEDS),
};
TEST_SUITE("accounting", tests, .seconds = 60);
