/* SPDX-License-Identifier: MIT */
/*
 * A copy of a queue in a file, damaged in many places, cut off, or nothing but the input's bytes. Whatever can be
 * opened is read by every call that observers have: each ends with a code that its documentation gives, touches
 * nothing outside, and says nothing impossible; what one of them calls damaged, a check calls damaged, too; and
 * what a check finds nothing wrong with can be saved once more.
 *
 * An input is a byte and then changes of eight bytes, or, if that byte is 0xff, the file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/queue/handle.h"
#include "tests/fuzz/support/fuzz.h"
#include "tests/fuzz/support/mapped.h"

enum { LANES = 2, SEATS = 5, CAPACITY = 4096, LONGEST = 512, CHANGES = 64, BARE = 0xff };
#define LOOKS_OF_A_CALL UINT64_C(20000000)

static unsigned char *image; /* an undamaged copy */
static struct geometry geometry;
static int file = -1;
static int other_file = -1;

/* ------------------------------------------------------------------ the copy before it is damaged */

static void put_some(struct shmq *producer, unsigned first, unsigned count)
{
    static unsigned char payload[LONGEST];
    struct shmq_outgoing message = SHMQ_OUTGOING_INIT;
    for (unsigned i = first; i < first + count; i++) {
        message.data = payload;
        message.length = i * 37 % 300;
        message.headers = i % 3 == 0 ? "Name: value\n" : NULL;
        message.headers_length = i % 3 == 0 ? strlen(message.headers) : 0;
        fuzz_require(shmq_put_outgoing(producer, &message, 1, NULL, 0) == 0, "put");
    }
}

/* Messages that nobody has, one that a consumer has, one in a buffer, one aside; acknowledged and dropped ones. */
static void fill(const char *name)
{
    struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS,
                                   .capacity_bytes = CAPACITY,
                                   .max_message_bytes = LONGEST,
                                   .lanes = LANES,
                                   .seats = SEATS,
                                   .create = true,
                                   .source_id = 7};
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    struct shmq *producers[LANES];
    struct shmq *consumers[3];
    struct shmq_message message;
    for (unsigned i = 0; i < LANES; i++) {
        options.source_id = i + 7;
        fuzz_require(shmq_open(&producers[i], name, SHMQ_PRODUCER, &options) == 0, "open");
        put_some(producers[i], i * 8, 8);
        fuzz_require(shmq_set_source_slot(producers[i], 3, "slot", 4) == 0, "slot");
    }
    const struct shmq_options one = {SHMQ_OPTIONS_DEFAULTS, .prefetch = 2, .follow = true};
    for (unsigned i = 0; i < 3; i++) {
        fuzz_require(shmq_open(&consumers[i], name, SHMQ_CONSUMER, &one) == 0, "open");
        for (unsigned j = 0; j < 2; j++)
            fuzz_require(shmq_lease(consumers[i], &message, 0) == 0, "lease");
        fuzz_require(shmq_acknowledge(consumers[i], 1) == 0, "acknowledge");
    }
    aside.delay_ns = INT64_C(3600000000000);
    fuzz_require(shmq_hold(consumers[1], &message) == 0, "hold");
    fuzz_require(shmq_put_aside(consumers[2], &aside) == 0, "aside");
    for (unsigned i = 0; i < LANES; i++)
        shmq_abandon(producers[i]);
    struct mapped mapped;
    mapped_open(&mapped, name);
    geometry = mapped.geometry;
    image = malloc(mapped.bytes);
    memcpy(image, mapped.base, mapped.bytes);
    mapped_close(&mapped);
    for (unsigned i = 0; i < 3; i++)
        shmq_abandon(consumers[i]);
}

static void prepare(void)
{
    const char *name = fuzz_queue_name();
    if (image != NULL)
        return;
    fuzz_clean_up_at_exit();
    fill(name);
    fuzz_require(shmq_remove(name, true) == 0, "remove");
    file = memfd_create("file", MFD_CLOEXEC);
    other_file = memfd_create("other", MFD_CLOEXEC);
}

/* ------------------------------------------------------------------ damage */

struct area {
    uint64_t offset;
    uint64_t bytes;
};

static struct area area_of(uint8_t choice)
{
    const struct geometry *g = &geometry;
    const uint64_t lane = geometry_lane_offset(g, choice >> 7);
    switch (choice % 12) {
    case 0:
        return (struct area){0, sizeof(struct header)};
    case 1:
        return (struct area){g->seats_offset, SEATS * sizeof(struct seat)};
    case 2:
        return (struct area){lane, sizeof(struct lane_control)};
    case 3:
        return (struct area){lane + g->marks_offset, g->marks * sizeof(struct lane_mark)};
    case 4:
        return (struct area){lane + g->times_offset, g->cells * sizeof(shared_u32)};
    case 5:
        return (struct area){lane + g->lease_offset, g->cells * sizeof(shared_u64)};
    case 6:
        return (struct area){lane + g->record_offset, g->cells * sizeof(struct record)};
    case 7:
        return (struct area){lane + g->arena_offset, CAPACITY};
    case 8:
        return (struct area){g->events_offset, 64 * sizeof(struct event)};
    case 9:
        return (struct area){g->buffers_offset, SEATS * g->buffer_bytes};
    case 10:
        return (struct area){geometry_slots_offset(g, choice >> 7), 8 * sizeof(struct source_slot)};
    default:
        return (struct area){g->latency_offset, 4096};
    }
}

static uint64_t changed(uint64_t before, uint8_t kind, uint16_t value)
{
    switch (kind % 8) {
    case 0:
        return value;
    case 1:
        return before + value;
    case 2:
        return before - value;
    case 3:
        return before ^ UINT64_C(1) << (value % 64);
    case 4:
        return UINT64_MAX - value;
    case 5:
        return (uint64_t)value << (kind >> 3);
    case 6:
        return (uint64_t)INT64_MAX - value;
    default:
        return (before & ~UINT64_C(0xffff)) | value;
    }
}

/* Return: the file's size. */
static uint64_t damage(struct fuzz_input *input)
{
    uint64_t bytes = geometry.object_bytes;
    for (int i = 0; i < CHANGES && input->left > 0; i++) {
        const uint8_t where = fuzz_byte(input);
        const struct area area = area_of(fuzz_byte(input));
        const uint64_t at = area.offset + fuzz_pair(input) * UINT64_C(8) % area.bytes;
        const uint8_t kind = fuzz_byte(input);
        const uint16_t value = fuzz_pair(input);
        uint64_t word;
        (void)fuzz_byte(input);
        if (where >= 0xf0) { /* it is cut off, or grows */
            bytes = where < 0xfe ? at + value % 64 : geometry.object_bytes + value % 5000;
            continue;
        }
        memcpy(&word, image + at, sizeof(word));
        word = changed(word, kind, value);
        fuzz_require(pwrite(file, &word, sizeof(word), (off_t)at) == sizeof(word), "write");
    }
    return bytes;
}

/* Pages of zeros are holes, as in a copy that cp makes. */
static void write_image(void)
{
    static const unsigned char zeros[4096];
    fuzz_require(ftruncate(file, (off_t)geometry.object_bytes) == 0, "truncate");
    for (uint64_t at = 0; at < geometry.object_bytes; at += sizeof(zeros))
        if (memcmp(image + at, zeros, sizeof(zeros)) != 0)
            fuzz_require(pwrite(file, image + at, sizeof(zeros), (off_t)at) == sizeof(zeros), "write");
}

static void make_file(struct fuzz_input *input)
{
    fuzz_require(ftruncate(file, 0) == 0, "truncate");
    if (fuzz_byte(input) == BARE) {
        fuzz_require(pwrite(file, input->at, input->left, 0) == (ssize_t)input->left, "write");
        return;
    }
    write_image();
    fuzz_require(ftruncate(file, (off_t)damage(input)) == 0, "truncate");
}

/* ------------------------------------------------------------------ reading */

static volatile unsigned char sink;

static void allow(const char *call, int code)
{
    fuzz_trace("%s: %d\n", call, code);
    fuzz_require(code == 0 || code == -EBADMSG, "%s: %d", call, code);
}

static void touch(const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sink ^= ((const unsigned char *)bytes)[i];
}

static int look_at_message(void *context, const struct shmq_peeked *peeked)
{
    size_t length = 0;
    const char *headers = shmq_message_headers(peeked->message, &length);
    (void)context;
    fuzz_require(peeked->message->length <= LONGEST || geometry.parameters.max_message_bytes != LONGEST,
                 "too long");
    fuzz_require(!peeked->alive && peeked->aside_left_ns >= 0, "alive");
    touch(peeked->message->data, peeked->message->length);
    if (headers != NULL)
        touch(headers, length);
    return 0;
}

static int look_at_event(void *context, const struct shmq_event *event)
{
    fuzz_require(++*(unsigned *)context <= SHMQ_EVENTS_MAX, "more events than there can be");
    fuzz_require(event->monotonic_ns >= 0 || event->kind == SHMQ_EVENT_UNREADABLE, "a negative time");
    return 0;
}

static void count_problem(void *context, const char *problem)
{
    fuzz_trace("    %s\n", problem);
    fuzz_require(problem[0] != '\0', "a problem without a name");
    ++*(unsigned *)context;
}

static void look_at_lanes(struct shmq *copy, const struct shmq_stat *stat, int *worst)
{
    for (uint32_t i = 0; i < stat->lanes; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        const int codes[] = {shmq_stat_lane(copy, i, &lane), shmq_peek(copy, i, look_at_message, NULL)};
        for (int j = 0; j < 2; j++) {
            allow(j == 0 ? "stat_lane" : "peek", codes[j]);
            *worst = codes[j] != 0 ? codes[j] : *worst;
        }
        fuzz_require(!lane.alive && lane.oldest_ns >= -1 && lane.attached_ns >= -1 && lane.active_ns >= -1 &&
                         lane.blocked_for_ns >= 0,
                     "lane %u: something impossible", i);
    }
}

static void look_at_seats(struct shmq *copy, const struct shmq_stat *stat, int *worst)
{
    for (uint32_t i = 0; i < stat->seats; i++) {
        struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
        const int code = shmq_stat_seat(copy, i, &seat);
        allow("stat_seat", code);
        *worst = code != 0 ? code : *worst;
        fuzz_require(!seat.alive && seat.aside_left_ns >= 0 && seat.leased_ns >= -1 && seat.attached_ns >= -1 &&
                         seat.active_ns >= -1,
                     "seat %u: something impossible", i);
    }
}

/* Return: what a check says. */
static int look_at_all(struct shmq *copy)
{
    static uint64_t counts[SHMQ_LATENCY_BUCKETS];
    struct shmq_stat stat = SHMQ_STAT_INIT;
    unsigned problems = 0;
    unsigned events = 0;
    int worst = shmq_stat(copy, &stat);
    allow("stat", worst);
    fuzz_require(stat.copy && stat.producers + stat.consumers == 0 && stat.oldest_ns >= -1 &&
                     stat.fill_percent <= 100,
                 "something impossible");
    look_at_lanes(copy, &stat, &worst);
    look_at_seats(copy, &stat, &worst);
    (void)shmq_events(copy, 0, look_at_event, &events);
    (void)shmq_latency(copy, UINT32_MAX, counts);
    const int seen = shmq_glance(copy, count_problem, &problems);
    fuzz_require((seen == -EBADMSG) == (problems > 0), "glance: %d with %u problems", seen, problems);
    allow("glance", seen);
    worst = worst != 0 ? worst : seen;
    problems = 0;
    const int code = shmq_check(copy, count_problem, &problems);
    fuzz_require((code == -EBADMSG) == (problems > 0), "check: %d with %u problems", code, problems);
    fuzz_require(code != 0 || worst == 0, "something finds damage, but check does not");
    return code;
}

static struct shmq *open_copy(int fd)
{
    char path[64];
    struct shmq *copy;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    fuzz_looks_left = LOOKS_OF_A_CALL;
    const int code = shmq_open_file(&copy, path);
    fuzz_trace("open: %d\n", code);
    fuzz_require(code == 0 || code == -EBADMSG || code == -EPROTO || code == -ENOMEM, "open: %d", code);
    fuzz_require((code == 0) == (copy != NULL), "open: %d with%s a handle", code, copy != NULL ? "" : "out");
    return copy;
}

/* What nothing is wrong with can be saved, and nothing is wrong with that. */
static void save_again(struct shmq *copy, bool sound)
{
    const int code = shmq_save(copy, other_file, false);
    fuzz_trace("save: %d\n", code);
    fuzz_require(code == 0 || (!sound && (code == -EAGAIN || code == -EBADMSG)), "save: %d", code);
    struct shmq *again = code == 0 ? open_copy(other_file) : NULL;
    fuzz_require(!sound || again != NULL, "what was saved cannot be opened");
    if (again != NULL)
        fuzz_require(look_at_all(again) == 0 || !sound, "what was saved is damaged");
    (void)shmq_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    fuzz_looks_left = UINT64_MAX;
    prepare();
    make_file(&input);
    struct shmq *copy = open_copy(file);
    /* Sizes that the header claims may be anything that a queue can have: too large to be looked at each time. */
    if (copy != NULL && handle_geometry(copy)->object_bytes == geometry.object_bytes)
        save_again(copy, look_at_all(copy) == 0);
    (void)shmq_close(copy);
    return 0;
}
