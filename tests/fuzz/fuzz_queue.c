/* SPDX-License-Identifier: MIT */
/*
 * A queue whose shared memory is changed under producers, consumers and an observer: between their calls, and
 * between any two looks that a call takes at it. Every call ends, with a code that its documentation gives;
 * nothing is touched beyond the object; and whatever a call calls damaged, a check can name. As long as nothing
 * has been changed, each message is delivered and acknowledged once.
 *
 * An input is two bytes of options and then instructions of eight bytes: a call on some handle, or a change.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "common/queue/handle.h"
#include "tests/fuzz/support/fuzz.h"
#include "tests/fuzz/support/ledger.h"
#include "tests/fuzz/support/mapped.h"
#include "tests/fuzz/support/rules.h"

enum {
    HANDLES = 2, /* of each role */
    LANES = 2,
    SEATS = 4,
    CAPACITY = 4096,
    LONGEST = 1024,
    TICK_NS = 1000000,
    INSTRUCTIONS = 256,
    LATER = 8,
    WRITES = 112,  /* codes from here on are about write intents; so the others keep their meaning */
    HEADERS = 120, /* and from here on about headers and cursors */
    ASIDES = 126,  /* and from here on about messages put aside */
    HELD = 512,    /* more than any batch has */
};
#define HOUR_NS INT64_C(3600000000000)
#define LOOKS_OF_A_CALL UINT64_C(20000000)

struct instruction {
    uint8_t code;
    uint8_t a, b, c, d;
    uint8_t e;
    uint16_t f;
};

/* A change that waits for so many looks after the one before it. */
struct later {
    uint32_t looks;
    struct damage damage;
};

/* What a consumer holds: as it was handed out. */
struct held {
    struct shmq_message messages[HELD];
    uint32_t first;
    uint32_t count;
};

static struct {
    const char *name;
    uint8_t options;
    struct shmq *producers[HANDLES];
    struct shmq *consumers[HANDLES];
    struct shmq *observer;
    struct held held[HANDLES];
    struct mapped mapped;
    struct ledger ledger;
    bool damaged;
    bool struck; /* during the call under way */
    bool removed;
    struct later later[LATER];
    uint32_t later_count;
} world;

static volatile unsigned char sink;

/* ------------------------------------------------------------------ damage */

static void strike(const struct damage *damage)
{
    if (world.mapped.base == NULL || world.removed || !mapped_damage(&world.mapped, damage))
        return;
    world.damaged = true;
    world.struck = true;
}

static void on_look(void)
{
    while (world.later_count > 0 && world.later[0].looks == 0) {
        strike(&world.later[0].damage);
        world.later_count--;
        memmove(&world.later[0], &world.later[1], world.later_count * sizeof(world.later[0]));
    }
    if (world.later_count > 0)
        world.later[0].looks--;
}

/* ------------------------------------------------------------------ calls */

static void begin(void)
{
    world.struck = false;
    fuzz_looks_left = LOOKS_OF_A_CALL;
    fuzz_on_look = on_look;
}

static void end(void)
{
    fuzz_on_look = NULL;
}

static void count_report(void *context, const char *problem)
{
    fuzz_trace("    %s\n", problem);
    fuzz_require(problem != NULL && problem[0] != '\0', "a problem without a name");
    ++*(unsigned *)context;
}

static int glance(struct shmq *handle)
{
    unsigned problems = 0;
    begin();
    const int code = shmq_glance(handle, count_report, &problems);
    end();
    rules_judge(CALL_CHECK, code, world.damaged);
    fuzz_require((code == -EBADMSG) == (problems > 0), "glance: %d with %u problems", code, problems);
    return world.struck ? 0 : code;
}

static int check(struct shmq *handle)
{
    unsigned problems = 0;
    const int seen = glance(handle);
    begin();
    const int code = shmq_check(handle, count_report, &problems);
    end();
    rules_judge(CALL_CHECK, code, world.damaged);
    fuzz_require((code == -EBADMSG) == (problems > 0), "check: %d with %u problems", code, problems);
    fuzz_require(seen == 0 || code == seen || world.struck, "glance: %d, but check: %d", seen, code);
    return code;
}

static uint32_t flags(void)
{
    return world.mapped.base == NULL ? 0 : atomic_load(&world.mapped.header->flags);
}

static bool is_current(void)
{
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof(path), "/dev/shm/shmq.%s", world.name);
    return stat(path, &st) == 0 && st.st_ino == world.mapped.inode;
}

/* Codes that say what somebody did are right only if somebody did it. */
static void judge_reason(int code, const struct shmq *handle)
{
    if (world.struck || world.mapped.base == NULL)
        return;
    const bool finished = handle != NULL && handle->role == SHMQ_PRODUCER && handle->producer.finished;
    if ((code != -ESHUTDOWN && code != -ESTALE) || !is_current())
        return;
    fuzz_require(code != -ESHUTDOWN || finished || (flags() & (FLAG_DRAIN | FLAG_NOW)) != 0,
                 "shut down by nobody");
    fuzz_require(code != -ESTALE || (flags() & FLAG_REMOVED) != 0, "removed by nobody");
}

/* A lane that has a consumer, but not yet a message: it may not be marked, for all that those who come now know.
 */
static bool hides_a_lane(void)
{
    for (int i = 0; i < HANDLES; i++) {
        for (uint32_t lane = 0; world.consumers[i] != NULL && lane < LANES; lane++) {
            const bool marked = (atomic_load(&world.mapped.header->lanes_used[0]) >> lane & 1) != 0;
            const struct ring ring = mapped_ring(&world.mapped, lane);
            if (world.consumers[i]->lanes[lane].base != NULL && !marked &&
                atomic_load(&ring.control->tail) <= ring.cells)
                return true;
        }
    }
    return false;
}

/* Nothing changes under the check, and it sees nothing but what the call saw. */
static void judge_naming(enum call call)
{
    if (world.struck || world.later_count > 0 || world.observer == NULL || !rules_are_public(call))
        return;
    fuzz_require(check(world.observer) == -EBADMSG || hides_a_lane(), "%s finds damage, but check does not",
                 rules_name(call));
}

static int judge(enum call call, int code, const struct shmq *handle)
{
    end();
    fuzz_trace("%s: %d\n", rules_name(call), code);
    rules_judge(call, code, world.damaged);
    judge_reason(code, handle);
    if (code == -EBADMSG)
        judge_naming(call);
    return code;
}

/* ------------------------------------------------------------------ handles */

static struct shmq_options options_for(enum shmq_role role, uint8_t choice)
{
    static const uint32_t prefetches[] = {0, 1, 3, 64};
    struct shmq_options options = {
        SHMQ_OPTIONS_DEFAULTS,
        .capacity_bytes = CAPACITY,
        .max_message_bytes = LONGEST,
        .lanes = LANES,
        .seats = SEATS,
        .tick_ns = TICK_NS,
        .create = true,
        .prefetch = prefetches[choice & 3],
        .grace_ns = (choice & 4) != 0 ? 0 : 3 * TICK_NS,
        .follow = (choice & 8) != 0,
        .producers = (choice & 16) != 0 ? 2 : 1,
    };
    options.consumer_flags = role == SHMQ_CONSUMER && (choice & 0x40) != 0 ? SHMQ_CONSUMER_EAGER : 0;
    if (role == SHMQ_PRODUCER) {
        options.priority = (choice & 0x60) != 0 ? (uint32_t)(choice >> 5 & 7) : SHMQ_PRIORITY_DEFAULT;
        options.source_id = choice & 3;
        options.source_flags = (choice & 0x0c) == 0x0c ? SHMQ_SOURCE_MOVES : 0;
        options.source_group = choice >> 4 & 1;
        options.source_part = options.source_group != 0 ? 1u + (choice >> 2 & 1) : 0;
    }
    if ((choice & 0x80) != 0) /* takes what is there */
        options =
            (struct shmq_options){SHMQ_OPTIONS_DEFAULTS, .prefetch = options.prefetch, .follow = options.follow,
                                  .grace_ns = options.grace_ns, .source_id = options.source_id};
    return options;
}

static uint64_t queue_id(void)
{
    return world.mapped.base == NULL ? 0 : world.mapped.header->queue_id;
}

/* Whoever comes may not make a queue anew in an object that others use. */
static void judge_making(uint64_t id_before)
{
    bool used = false; /* an observer holds nothing that anybody could see */
    for (int i = 0; i < HANDLES; i++)
        used = used || world.producers[i] != NULL || world.consumers[i] != NULL;
    fuzz_require(world.struck || !used || queue_id() == id_before, "made anew while in use");
}

static struct shmq *open_handle(enum shmq_role role, uint8_t choice)
{
    static const enum call calls[] = {[SHMQ_PRODUCER] = CALL_OPEN_PRODUCER,
                                      [SHMQ_CONSUMER] = CALL_OPEN_CONSUMER,
                                      [SHMQ_OBSERVER] = CALL_OPEN_OBSERVER};
    struct shmq *handle = NULL;
    const struct shmq_options options = options_for(role, choice);
    if (world.removed)
        return NULL;
    const uint64_t id = queue_id();
    begin();
    const int code = judge(calls[role], shmq_open(&handle, world.name, role, &options), NULL);
    judge_making(id);
    fuzz_require((code == 0) == (handle != NULL), "open: %d with%s a handle", code, handle != NULL ? "" : "out");
    return handle;
}

static struct shmq *producer(uint8_t which, uint8_t choice)
{
    struct shmq **handle = &world.producers[which % HANDLES];
    if (*handle == NULL)
        *handle = open_handle(SHMQ_PRODUCER, choice);
    return *handle;
}

static struct shmq *consumer(uint8_t which, uint8_t choice)
{
    struct shmq **handle = &world.consumers[which % HANDLES];
    if (*handle == NULL) {
        *handle = open_handle(SHMQ_CONSUMER, choice);
        world.held[which % HANDLES].count = 0;
    }
    return *handle;
}

/* Any that is open, else the observer. */
static struct shmq *anybody(uint8_t which)
{
    struct shmq *const all[] = {world.observer, world.producers[0], world.producers[1], world.consumers[0],
                                world.consumers[1]};
    struct shmq *handle = all[which % (sizeof(all) / sizeof(all[0]))];
    return handle != NULL ? handle : world.observer;
}

static void close_handle(struct shmq **handle, bool abandon)
{
    struct shmq *closed = *handle;
    *handle = NULL;
    if (closed == NULL)
        return;
    begin();
    if (abandon)
        shmq_abandon(closed);
    else
        (void)judge(CALL_CLOSE, shmq_close(closed), NULL);
    end();
}

/* As SIGKILL would: what stands in its seat, and in one that it acts for, stays there. */
static void die(uint8_t which)
{
    struct shmq **handle = &world.consumers[which % HANDLES];
    struct seat own;
    struct seat others;
    if (*handle == NULL || world.removed)
        return;
    const uint32_t seat = (*handle)->consumer.seat;
    const uint32_t other = (*handle)->consumer.batch.seat;
    memcpy(&own, &world.mapped.seats[seat], sizeof(own));
    memcpy(&others, &world.mapped.seats[other], sizeof(others));
    close_handle(handle, true);
    memcpy(&world.mapped.seats[seat], &own, sizeof(own));
    memcpy(&world.mapped.seats[other], &others, sizeof(others));
}

/* ------------------------------------------------------------------ producers */

static const size_t lengths[] = {0,   1,   7,   8,    9,           63,      64,          65,
                                 100, 128, 300, 1000, LONGEST - 1, LONGEST, LONGEST + 1, 2 * CAPACITY};

static size_t length_of(uint8_t choice)
{
    return lengths[choice % (sizeof(lengths) / sizeof(lengths[0]))];
}

static int64_t timeout_of(uint8_t choice)
{
    return choice % 4 == 3 ? 5 * TICK_NS : 0;
}

static void note_put(int code, uint32_t serial, size_t length)
{
    fuzz_require((code == -EMSGSIZE) == (length > LONGEST) || code == -ESHUTDOWN || code == -ESTALE ||
                     world.damaged,
                 "put: %d for %zu bytes", code, length);
    if (code == 0 || code == -ESTALE)
        ledger_put(&world.ledger, serial, length);
    else if (code == -ESHUTDOWN)
        ledger_put_unsure(&world.ledger, serial, length);
}

static void put(const struct instruction *in)
{
    static unsigned char payload[2 * CAPACITY];
    struct shmq *handle = producer(in->a, in->d);
    if (handle == NULL)
        return;
    const size_t length = length_of(in->b);
    const uint32_t serial = ledger_fill(&world.ledger, payload, length);
    begin();
    note_put(judge(CALL_PUT, shmq_put(handle, payload, length, timeout_of(in->c)), handle), serial, length);
}

static void put_many(const struct instruction *in)
{
    static unsigned char payloads[6][2 * CAPACITY];
    struct iovec messages[6];
    uint32_t serials[6];
    size_t done = 0;
    struct shmq *handle = producer(in->a, in->d);
    const size_t count = in->b % 7u;
    if (handle == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        messages[i] = (struct iovec){payloads[i], length_of((uint8_t)(in->e >> i))};
        serials[i] = ledger_fill(&world.ledger, payloads[i], messages[i].iov_len);
    }
    begin();
    const int code = shmq_put_many(handle, messages, count, &done, timeout_of(in->c));
    (void)judge(CALL_PUT, code, handle);
    fuzz_require(done <= count && (code != 0 || done == count), "put_many: %d, %zu of %zu", code, done, count);
    for (size_t i = 0; i < count; i++) {
        if (i < done && code != -ESHUTDOWN)
            ledger_put(&world.ledger, serials[i], messages[i].iov_len);
        else if (i < done)
            ledger_put_unsure(&world.ledger, serials[i], messages[i].iov_len);
    }
}

/*
 * Payload pointers stay inside the two mappings of an arena, or inside a seat's buffer. What follows in a batch on
 * a message that goes over the end of the first mapping begins in the second.
 */
static const char *const blocks[] = {
    "",           "A: b\n",    "Name: a value that takes more than the rest of a cell behind the prefix\n",
    "x:\ny: z\n", "no header", "A: b\n\n",
};

/* The number that an input chose, and the source's cursor, of which all words are alike. */
static void put_outgoing(const struct instruction *in)
{
    static unsigned char payload[2 * CAPACITY];
    struct shmq *handle = producer(in->a, in->d);
    const char *block = blocks[in->e % (sizeof(blocks) / sizeof(blocks[0]))];
    const struct shmq_cursor cursor = {.words = {in->f, in->f, in->f, in->f}};
    struct shmq_outgoing message = SHMQ_OUTGOING_INIT;
    if (handle == NULL)
        return;
    message.data = payload;
    message.length = length_of(in->b);
    message.headers = block;
    message.headers_length = strlen(block);
    message.cursor = (in->c & 0x80) != 0 ? &cursor : NULL;
    const bool valid = in->e % 6 < 4 && (message.cursor == NULL || handle->producer.resumable);
    const uint32_t serial = ledger_fill(&world.ledger, payload, message.length);
    begin();
    const int code =
        judge(CALL_PUT_OUTGOING, shmq_put_outgoing(handle, &message, 1, NULL, timeout_of(in->c & 0x7f)), handle);
    fuzz_require((code == -EINVAL) == !valid, "put_outgoing: %d", code);
    if (code == 0 || code == -ESTALE)
        ledger_put(&world.ledger, serial, message.length);
    else if (code == -ESHUTDOWN)
        ledger_put_unsure(&world.ledger, serial, message.length);
}

/* A cursor is whole, as long as nothing was damaged. */
static void read_cursor(struct shmq *handle)
{
    struct shmq_cursor cursor;
    begin();
    if (judge(CALL_CURSOR, shmq_resume_cursor(handle, &cursor), handle) != 0 || world.damaged)
        return;
    for (size_t i = 1; i < SHMQ_CURSOR_WORDS; i++)
        fuzz_require(cursor.words[i] == cursor.words[0], "a cursor of two halves");
}

static void talk_of_headers(const struct instruction *in)
{
    if (in->c % 4 != 0) {
        put_outgoing(in);
        return;
    }
    struct shmq *handle = producer(in->a, in->d);
    const struct shmq_cursor cursor = {.words = {in->f, in->f, in->f, in->f}};
    if (handle == NULL)
        return;
    begin();
    (void)judge(CALL_CURSOR, shmq_set_cursor(handle, &cursor), handle);
    read_cursor(handle);
}

static bool is_inside(const struct shmq *handle, const void *payload, size_t length)
{
    const struct geometry *g = &handle->object.geometry;
    const unsigned char *start = payload;
    for (uint32_t i = 0; i < g->parameters.lanes; i++) {
        const unsigned char *arena = handle->lanes[i].ring.arena;
        if (handle->lanes[i].base != NULL && start >= arena && start < arena + 2 * g->parameters.capacity_bytes &&
            start + length <= arena + 2 * g->parameters.capacity_bytes)
            return true;
    }
    for (uint32_t i = 0; handle->role == SHMQ_CONSUMER && i < g->parameters.seats; i++) {
        const unsigned char *buffer = handle->consumer.buffers[i].base;
        if (buffer != NULL && start >= buffer && start + length <= buffer + g->buffer_bytes)
            return true;
    }
    return false;
}

static void reserve(const struct instruction *in)
{
    void *payload = NULL;
    struct shmq *handle = producer(in->a, in->d);
    const size_t length = length_of(in->b);
    if (handle == NULL)
        return;
    begin();
    int code = shmq_reserve(handle, length, &payload, timeout_of(in->c));
    if (judge(CALL_PUT, code, handle) != 0)
        return;
    fuzz_require(is_inside(handle, payload, length) && (uintptr_t)payload % 64 == 0, "reserve: outside the lane");
    const uint32_t serial = ledger_fill(&world.ledger, payload, length);
    if ((in->c & 0x80) != 0)
        return; /* left alone */
    begin();
    code = judge(CALL_COMMIT, shmq_commit(handle, length + (in->c >> 6 & 1)), handle);
    fuzz_require((code == -EINVAL) == ((in->c & 0x40) != 0), "commit: %d", code);
    if (code == 0 || code == -ESTALE)
        ledger_put(&world.ledger, serial, length);
    else if (code == -ESHUTDOWN)
        ledger_put_unsure(&world.ledger, serial, length);
}

/* A record has the same byte everywhere, and stays whole as long as nothing was damaged. */
static void talk_of_slots(struct shmq *handle, const struct instruction *in)
{
    unsigned char data[SHMQ_SLOT_MAX + 1];
    size_t length = SIZE_MAX;
    const uint32_t slot = in->f % 8 < 7 ? in->f % 8 : in->f * 5u;
    memset(data, in->e, sizeof(data));
    if ((in->c & 0x80) != 0)
        (void)judge(CALL_SET_SOURCE_SLOT, shmq_set_source_slot(handle, slot, data, in->e % (sizeof(data) + 1)),
                    handle);
    if (judge(CALL_SOURCE_SLOT, shmq_source_slot(handle, slot, data, &length), handle) != 0)
        return;
    fuzz_require(length <= SHMQ_SLOT_MAX, "a slot of %zu bytes", length);
    for (size_t i = 1; i < length; i++)
        fuzz_require(world.damaged || data[i] == data[0], "a slot of two halves");
}

static void talk_of_source(struct shmq *handle, const struct instruction *in)
{
    if ((in->c & 0x60) == 0x60) {
        talk_of_slots(handle, in);
        return;
    }
    unsigned char note[SHMQ_NOTE_MAX + 1] = {in->e};
    uint64_t size;
    uint64_t check;
    size_t length = SIZE_MAX;
    if (in->c % 8 < 3)
        (void)judge(CALL_SET_SOURCE_NOTE, shmq_set_source_note(handle, note, in->e % (sizeof(note) + 1)), handle);
    else if (in->c % 8 < 6 && judge(CALL_SOURCE_NOTE, shmq_source_note(handle, note, &length), handle) == 0)
        fuzz_require(length <= SHMQ_NOTE_MAX, "a note of %zu bytes", length);
    else if (in->c % 8 >= 6)
        (void)judge(CALL_SOURCE_WHOLE, shmq_source_whole(handle, &size, &check), handle);
}

static void say_things_to_producer(const struct instruction *in)
{
    uint64_t offset;
    struct shmq *handle = producer(in->a, in->d);
    if (handle == NULL)
        return;
    begin();
    if (in->b % 3 == 0)
        (void)judge(CALL_SET_FRAME, shmq_set_frame(handle, (enum shmq_frame)(in->c % 4), in->e), handle);
    else if (in->b % 3 == 1)
        (void)judge(CALL_RESUME_OFFSET, shmq_resume_offset(handle, &offset), handle);
    else if (in->c % 8 == 0)
        (void)judge(CALL_FINISH, shmq_finish(handle), handle);
    else
        talk_of_source(handle, in);
    end();
}

/* ------------------------------------------------------------------ consumers */

static void read_whole(const void *payload, size_t length)
{
    unsigned char sum = 0;
    for (size_t i = 0; i < length; i++)
        sum ^= ((const unsigned char *)payload)[i];
    sink = sum;
}

static void look_at(const struct shmq *handle, const struct shmq_message *message)
{
    fuzz_require(message->length <= handle->object.geometry.parameters.max_message_bytes, "a message of %zu bytes",
                 message->length);
    fuzz_require(is_inside(handle, message->data, message->length), "a message outside of the object");
    fuzz_require((uintptr_t)message->data % 64 == 0, "a message that is not aligned");
    fuzz_require(message->lane < LANES, "a message of lane %u", (unsigned)message->lane);
    fuzz_require(message->frame <= SHMQ_FRAME_LENGTH32, "a message of frame %u", (unsigned)message->frame);
    read_whole(message->data, message->length);
    size_t headers_length;
    const char *headers = shmq_message_headers(message, &headers_length);
    if (headers != NULL) {
        fuzz_require(is_inside(handle, headers, headers_length), "headers outside of the object");
        (void)shmq_header_value(headers, headers_length, "y", &headers_length);
    }
    if (!world.damaged)
        ledger_look(&world.ledger, message->data, message->length);
}

/* -EBUSY says that something is in hand; after an acknowledgement that failed, it may be what failed. */
static void judge_busy(int code, const struct shmq *handle)
{
    fuzz_require(code != -EBUSY || handle->consumer.batch.view != NULL, "busy with nothing");
}

/* Looks before a lease. Nothing new is taken, so a lease that follows finds something. */
static void look_ahead(struct shmq *handle, const struct instruction *in)
{
    size_t count = 0;
    bool complete;
    begin();
    const int code = judge(CALL_LEASE, shmq_ready(handle, &count, &complete, timeout_of(in->c)), handle);
    judge_busy(code, handle);
    fuzz_require(code != 0 || (count >= 1 && count <= SHMQ_PREFETCH_MAX), "ready: %zu", count);
}

static void lease(const struct instruction *in)
{
    struct shmq_message messages[8];
    size_t count = 1;
    struct shmq *handle = consumer(in->a, in->d);
    struct held *held = &world.held[in->a % HANDLES];
    if (handle == NULL)
        return;
    if (in->b % 16 >= 8)
        look_ahead(handle, in);
    begin();
    const int code = in->b % 8 == 0 ? shmq_lease(handle, messages, timeout_of(in->c))
                                    : shmq_lease_many(handle, messages, in->b % 8, &count, timeout_of(in->c));
    judge_busy(judge(CALL_LEASE, code, handle), handle);
    if (code != 0)
        return;
    fuzz_require(count >= 1 && count <= 8 && held->first + held->count + count <= HELD, "lease: %zu", count);
    if (held->count == 0)
        held->first = 0;
    for (size_t i = 0; i < count; i++) {
        look_at(handle, &messages[i]);
        held->messages[held->first + held->count++] = messages[i];
    }
}

static void note_acknowledged(struct held *held, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, held->first++, held->count--)
        if (!world.damaged)
            ledger_acknowledge(&world.ledger, held->messages[held->first].data,
                               held->messages[held->first].length);
}

static void acknowledge(const struct instruction *in)
{
    struct held *held = &world.held[in->a % HANDLES];
    struct shmq *handle = world.consumers[in->a % HANDLES];
    const uint32_t count = (in->b & 0x80) != 0 ? held->count : in->b % 8;
    if (handle == NULL)
        return;
    const bool enough = count <= held->count;
    if (enough)
        note_acknowledged(held, count);
    begin();
    const int code = judge(CALL_ACKNOWLEDGE, shmq_acknowledge(handle, count), handle);
    fuzz_require((code == -EINVAL) == !enough, "acknowledge: %d for %u", code, (unsigned)count);
}

static void get(const struct instruction *in)
{
    static unsigned char buffer[LONGEST];
    size_t length = SIZE_MAX;
    struct shmq *handle = consumer(in->a, in->d);
    const size_t size = (in->b & 7) == 0 ? 8 : sizeof(buffer);
    if (handle == NULL)
        return;
    begin();
    const int code = judge(CALL_GET, shmq_get(handle, buffer, size, &length, timeout_of(in->c)), handle);
    judge_busy(code, handle);
    fuzz_require(code != -ENOBUFS || (length > size && length <= LONGEST) || world.damaged,
                 "get: no room for %zu bytes in %zu", length, size);
    if (code != 0)
        return;
    fuzz_require(length <= size, "get: %zu bytes in %zu", length, size);
    read_whole(buffer, length);
    if (!world.damaged)
        ledger_acknowledge(&world.ledger, buffer, length);
}

static void release(struct shmq *handle, struct held *held)
{
    begin();
    const int code = judge(CALL_RELEASE, shmq_release(handle), handle);
    fuzz_require((code == -EINVAL) == (held->count == 0), "release: %d with %u in hand", code,
                 (unsigned)held->count);
    if (code == 0)
        held->count = 0;
}

static void fail_or_hold(const struct instruction *in)
{
    uint32_t attempts = 0;
    struct held *held = &world.held[in->a % HANDLES];
    struct shmq *handle = world.consumers[in->a % HANDLES];
    if (handle == NULL)
        return;
    if (in->b % 8 == 6) {
        release(handle, held);
        return;
    }
    if (in->b % 2 == 0) {
        const struct batch *batch = &handle->consumer.batch; /* the next message counts, too, handed out or not */
        const bool leased = batch->view != NULL && batch->done < batch->count;
        begin();
        const int code = judge(CALL_FAIL, shmq_fail(handle, &attempts), handle);
        fuzz_require((code == -EINVAL) == !leased && (code != 0 || attempts > 0), "fail: %d", code);
        return;
    }
    struct shmq_message *last = &held->messages[held->first + (held->count > 0 ? held->count - 1 : 0)];
    begin();
    const int code = judge(CALL_HOLD, shmq_hold(handle, last), handle);
    if (code != 0)
        return;
    fuzz_require(held->count == 1, "hold: with %u in hand", (unsigned)held->count);
    look_at(handle, last);
}

/* For no time, for some ticks, for an hour. A note has the same number in all words. */
static void put_aside(const struct instruction *in)
{
    static const int64_t delays[] = {0, TICK_NS / 2, 3 * TICK_NS, HOUR_NS};
    struct held *held = &world.held[in->a % HANDLES];
    struct shmq *handle = world.consumers[in->a % HANDLES];
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    uint64_t note[SHMQ_ASIDE_WORDS];
    if (handle == NULL)
        return;
    begin();
    const int known = judge(CALL_ASIDE_NOTE, shmq_aside_note(handle, note), handle);
    fuzz_require((known == -EINVAL) == (held->count == 0), "aside_note: %d with %u in hand", known,
                 (unsigned)held->count);
    for (size_t i = 0; i < SHMQ_ASIDE_WORDS; i++) {
        fuzz_require(known != 0 || world.damaged || note[i] == note[0], "a note of two halves");
        aside.note[i] = in->f;
    }
    aside.delay_ns = delays[in->b % 4];
    aside.most = (in->c & 1) != 0 ? in->c % SEATS : UINT32_MAX;
    begin();
    const int code = judge(CALL_PUT_ASIDE, shmq_put_aside(handle, &aside), handle);
    fuzz_require((code == -EINVAL) == (held->count == 0), "put_aside: %d with %u in hand", code,
                 (unsigned)held->count);
    if (code == 0)
        held->count = 0;
    else if (held->count == 1 && handle->consumer.batch.held) /* it may have been moved */
        fail_or_hold(&(struct instruction){.a = in->a, .b = 1});
}

/* ------------------------------------------------------------------ write intents */

enum { FILES = 2 };

/* Who visits, and what it makes of what it finds. */
struct visitor {
    const struct shmq *handle;
    int result;
};

static int look_at_intent(void *context, const struct shmq_write_intent *intent,
                          const struct shmq_message *messages, size_t count)
{
    const struct visitor *visitor = context;
    const uint64_t end = intent->offset + intent->bytes;
    fuzz_require(intent->bytes > 0 && end > intent->offset && end <= INT64_MAX,
                 "an intent for no bytes of a file");
    fuzz_require(intent->count >= 1 && intent->count <= SHMQ_PREFETCH_MAX, "an intent for %u messages",
                 (unsigned)intent->count);
    fuzz_require(count == 0 || (count == intent->count && messages != NULL), "%zu messages of an intent", count);
    for (size_t i = 0; i < count; i++)
        look_at(visitor->handle, &messages[i]);
    fuzz_require(shmq_intent_holds(visitor->handle) == (count > 0) || world.struck,
                 "messages of an intent that do not hold");
    return visitor->result;
}

static void set_intent(const struct instruction *in)
{
    const struct held *held = &world.held[in->a % HANDLES];
    struct shmq *handle = world.consumers[in->a % HANDLES];
    const uint32_t count = (in->c & 0x80) != 0 ? held->count : in->c % 8;
    const struct shmq_write_intent intent = {
        .device = 1, .inode = in->d % FILES, .offset = in->f, .bytes = in->e, .count = count};
    if (handle == NULL)
        return;
    const bool sane = count > 0 && count <= held->count && intent.bytes > 0;
    begin();
    const int code = judge(CALL_SET_INTENT, shmq_set_write_intent(handle, &intent), handle);
    fuzz_require((code == -EINVAL) == !sane, "set_write_intent: %d for %u", code, (unsigned)count);
}

static void visit_intents(const struct instruction *in)
{
    struct shmq *handle = consumer(in->a, in->d);
    struct visitor visitor = {.handle = handle, .result = (in->c & 1) != 0 ? -EAGAIN : 0};
    if (handle == NULL)
        return;
    begin();
    (void)judge(CALL_VISIT_INTENTS, shmq_visit_write_intents(handle, 1, in->d % FILES, look_at_intent, &visitor),
                handle);
}

static void write_to_file(const struct instruction *in)
{
    struct shmq *handle = world.consumers[in->a % HANDLES];
    if (in->b % 8 < 3) {
        set_intent(in);
    } else if (in->b % 8 < 6) {
        visit_intents(in);
    } else if (handle != NULL) {
        begin();
        (void)judge(in->b % 8 == 6 ? CALL_SET_INTENT : CALL_REPORT_LOSS,
                    in->b % 8 == 6 ? shmq_set_write_intent(handle, NULL) : shmq_report_loss(handle), handle);
    }
}

/* ------------------------------------------------------------------ everybody */

static void stat_lane(struct shmq *handle, uint32_t lane)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    begin();
    const int code = judge(CALL_STAT, shmq_stat_lane(handle, lane, &stat), handle);
    fuzz_require((code == -EINVAL) == (lane >= LANES), "stat_lane: %d", code);
    if (code != 0 || world.struck)
        return;
    fuzz_require(stat.head_position <= stat.claim_position && stat.claim_position <= stat.tail_position &&
                     stat.used_bytes <= CAPACITY && stat.messages <= CAPACITY / 64 && stat.leased <= stat.messages,
                 "stat_lane: numbers that make no sense");
    fuzz_require(memchr(stat.program, '\0', sizeof(stat.program)) != NULL, "stat_lane: a name without an end");
}

static void stat_seat(struct shmq *handle, uint32_t seat)
{
    struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
    begin();
    const int code = judge(CALL_STAT, shmq_stat_seat(handle, seat, &stat), handle);
    fuzz_require((code == -EINVAL) == (seat >= SEATS), "stat_seat: %d", code);
    if (code != 0 || world.struck)
        return;
    fuzz_require(stat.lane < LANES && stat.leased <= CAPACITY / 64, "stat_seat: numbers that make no sense");
    fuzz_require(memchr(stat.program, '\0', sizeof(stat.program)) != NULL, "stat_seat: a name without an end");
}

struct looking {
    uint64_t longest; /* as the handle found it at attach */
    uint32_t visits;
};

/* The walk may begin again where its lane was changed. */
#define VISITS_MAX (20 * (CAPACITY / 64 + SEATS))

static int look_at_peeked(void *context, const struct shmq_peeked *peeked)
{
    struct looking *looking = context;
    const struct shmq_message *message = peeked->message;
    size_t length;
    const char *headers = shmq_message_headers(message, &length);
    fuzz_require(message->length + length <= looking->longest && peeked->seat < SEATS &&
                     memchr(peeked->program, '\0', sizeof(peeked->program)) != NULL,
                 "peek: a message of %zu bytes, %zu of headers, in seat %u", message->length, length,
                 (unsigned)peeked->seat);
    fuzz_require(++looking->visits <= VISITS_MAX, "peek: it does not end");
    for (size_t i = 0; i < message->length; i++)
        sink = ((const unsigned char *)message->data)[i];
    for (size_t i = 0; i < length; i++)
        sink = (unsigned char)headers[i];
    return 0;
}

static void peek(struct shmq *handle, uint32_t lane)
{
    struct looking looking = {.longest = handle->object.geometry.parameters.max_message_bytes};
    begin();
    const int code = judge(CALL_PEEK, shmq_peek(handle, lane, look_at_peeked, &looking), handle);
    fuzz_require((code == -EINVAL) == (lane >= LANES), "peek: %d", code);
}

static void stat_all(struct shmq *handle)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq_info info = SHMQ_INFO_INIT;
    begin();
    fuzz_require(shmq_info(handle, &info) == 0 && info.lanes == LANES && info.seats == SEATS,
                 "info: numbers that make no sense");
    const int code = judge(CALL_STAT, shmq_stat(handle, &stat), handle);
    fuzz_require(code != 0 || world.struck ||
                     (stat.lanes == LANES && stat.seats == SEATS && stat.producers <= LANES &&
                      stat.consumers <= SEATS && stat.lanes_used <= LANES &&
                      stat.messages <= LANES * CAPACITY / 64 + SEATS &&
                      stat.message_bytes <= LANES * CAPACITY + SEATS * LONGEST),
                 "stat: numbers that make no sense");
    for (uint32_t i = 0; i <= LANES; i++) {
        stat_lane(handle, i);
        peek(handle, i);
    }
    for (uint32_t i = 0; i <= SEATS; i++)
        stat_seat(handle, i);
}

static void join(struct shmq *handle, uint8_t choice)
{
    begin();
    const int code = judge(CALL_JOIN, shmq_join(handle, timeout_of(choice)), handle);
    fuzz_require(code != -ESHUTDOWN || (flags() & FLAG_NOW) != 0,
                 "join: -ESHUTDOWN, although messages are delivered");
}

/* Twice the same question, twice the same answer. */
static void check_twice(struct shmq *handle)
{
    const int first = check(handle);
    if (world.struck)
        return;
    const int second = check(handle);
    fuzz_require(world.struck || first == second, "check: first %d, then %d", first, second);
}

static void ask(const struct instruction *in)
{
    struct shmq *handle = anybody(in->a);
    if (handle == NULL)
        return;
    if (in->b % 3 == 0)
        stat_all(handle);
    else if (in->b % 3 == 1)
        join(handle, in->c);
    else
        check_twice(handle);
}

/* ------------------------------------------------------------------ coming and going */

/* Comes, does something once, and goes. */
static void visit(const struct instruction *in)
{
    const enum shmq_role role = (enum shmq_role)(SHMQ_PRODUCER + in->a % 3);
    struct shmq *handle = open_handle(role, in->d);
    if (handle == NULL)
        return;
    if (role == SHMQ_OBSERVER)
        check_twice(handle);
    close_handle(&handle, (in->b & 1) != 0);
}

static void leave(const struct instruction *in)
{
    if (in->b % 4 == 0)
        close_handle(&world.producers[in->a % HANDLES], (in->c & 1) != 0);
    else if (in->b % 4 == 1)
        close_handle(&world.consumers[in->a % HANDLES], false);
    else if (in->b % 4 == 2)
        die(in->a);
    else
        close_handle(&world.consumers[in->a % HANDLES], true);
    if (world.consumers[in->a % HANDLES] == NULL)
        world.held[in->a % HANDLES].count = 0;
}

static void shut_down(bool now)
{
    begin();
    (void)judge(CALL_SHUTDOWN, shmq_shutdown(world.name, now ? SHMQ_NOW : SHMQ_DRAIN), NULL);
}

static void pause_or_resume(bool pause)
{
    begin();
    (void)judge(CALL_PAUSE, pause ? shmq_pause(world.name) : shmq_resume(world.name), NULL);
}

static void finish_lane(uint8_t choice)
{
    begin();
    const uint32_t lane = choice % (LANES + 1);
    const int code = judge(CALL_FINISH_LANE, shmq_finish_lane(world.name, lane), NULL);
    fuzz_require((code == -EINVAL) <= (lane == LANES), "finish_lane: %d of lane %d", code, (int)lane);
}

/* A message to be dropped. */
struct victim {
    uint32_t skip; /* messages before it */
    bool by_position;
    bool found;
    uint64_t position;
    size_t length;
    unsigned char payload[LONGEST];
};

static int choose_victim(void *context, const struct shmq_peeked *peeked)
{
    struct victim *victim = context;
    const struct shmq_message *message = peeked->message;
    if (victim->by_position ? message->position != victim->position : victim->skip-- > 0)
        return 0;
    victim->found = true;
    victim->position = message->position;
    victim->length = message->length < LONGEST ? message->length : LONGEST;
    memcpy(victim->payload, message->data, victim->length);
    return 1;
}

/* One that is there, or any position. */
static void drop(const struct instruction *in)
{
    const uint32_t lane = in->b % (LANES + 1);
    struct victim victim = {.skip = in->c % 16, .by_position = (in->d & 1) != 0, .position = in->f};
    if (lane < LANES)
        (void)shmq_peek(world.observer, lane, choose_victim, &victim);
    begin();
    const int code = judge(CALL_DROP, shmq_drop(world.name, lane, victim.position), NULL);
    if (world.damaged)
        return;
    fuzz_require(code != 0 || victim.found, "drop: a message that is not there");
    fuzz_require(code != -ENOMSG || !victim.found, "drop: no message, although it is there");
    if (code == 0)
        ledger_acknowledge(&world.ledger, victim.payload, victim.length);
}

static void create(uint8_t choice)
{
    const struct shmq_options options = options_for(SHMQ_PRODUCER, choice & 0x7f); /* always of the same sizes */
    const uint64_t id = queue_id();
    begin();
    (void)judge(CALL_CREATE, shmq_create(world.name, &options), NULL);
    judge_making(id);
}

static void remove_queue(bool force)
{
    begin();
    const int code = shmq_remove(world.name, force);
    world.removed = code == 0;
    (void)judge(force ? CALL_REMOVE_BY_FORCE : CALL_REMOVE, code, NULL);
}

static void manage(const struct instruction *in)
{
    if (world.removed)
        return;
    if (in->a < 128)
        create(in->d);
    else if (in->a < 160)
        remove_queue(false);
    else if (in->a < 200 && in->c % 4 == 0)
        shut_down((in->b & 1) != 0);
    else if (in->a < 200)
        pause_or_resume((in->b & 1) != 0);
    else if (in->a < 215)
        finish_lane(in->b);
    else if (in->a < 240)
        drop(in);
    else
        remove_queue(true);
}

/* ------------------------------------------------------------------ inputs */

static struct instruction next_instruction(struct fuzz_input *input)
{
    struct instruction in;
    in.code = fuzz_byte(input);
    in.a = fuzz_byte(input);
    in.b = fuzz_byte(input);
    in.c = fuzz_byte(input);
    in.d = fuzz_byte(input);
    in.e = fuzz_byte(input);
    in.f = fuzz_pair(input);
    return in;
}

static void change(const struct instruction *in)
{
    const struct damage damage = {in->a, in->b, in->c, in->d, in->e, in->f};
    const uint32_t looks = in->code & 63;
    if ((in->code & 64) == 0)
        strike(&damage);
    else if (world.later_count < LATER)
        world.later[world.later_count++] = (struct later){looks < 32 ? looks : (looks - 31) * 8, damage};
}

static void follow(const struct instruction *in)
{
    static void (*const calls[])(const struct instruction *) = {
        put,   put_many,    reserve,     say_things_to_producer, lease, lease,
        get,   acknowledge, acknowledge, fail_or_hold,           ask,   visit,
        leave, manage,
    };
    if ((in->code & 128) != 0)
        change(in);
    else if (in->code >= ASIDES)
        put_aside(in);
    else if (in->code >= HEADERS)
        talk_of_headers(in);
    else if (in->code >= WRITES)
        write_to_file(in);
    else
        calls[in->code % (sizeof(calls) / sizeof(calls[0]))](in);
}

/* A lane that has gone a long way: 32 bits, or nearly all that there are. */
static void go_far(uint8_t choice)
{
    const struct ring ring = mapped_ring(&world.mapped, 0);
    struct shmq *first = open_handle(SHMQ_PRODUCER, 0);
    close_handle(&first, true);
    const uint64_t far = (choice & 1) != 0 ? (UINT64_C(1) << 32) - ring.cells : ring.max_position - 2 * ring.cells;
    ring_format(&ring, far & ~(ring.cells - 1));
}

static void set_up(uint8_t options, uint8_t start)
{
    const struct shmq_options fresh = options_for(SHMQ_PRODUCER, 0);
    memset(&world, 0, sizeof(world));
    world.name = fuzz_queue_name();
    world.options = options;
    fuzz_now_ns = INT64_C(1000000000000);
    begin();
    (void)judge(CALL_CREATE, shmq_create(world.name, &fresh), NULL);
    mapped_open(&world.mapped, world.name);
    if ((options & 1) != 0)
        atomic_fetch_or(&world.mapped.header->flags, FLAG_FULL_FENCES);
    if ((options & 2) != 0)
        go_far(start);
    world.observer = open_handle(SHMQ_OBSERVER, 0);
    if ((options & 4) != 0)
        return;
    (void)producer(0, 0);
    (void)consumer(0, 0);
}

/* Whatever was done to it: who is there goes on, and who comes later too. */
static void tour(void)
{
    const struct instruction calls[] = {
        {.a = 0, .b = 4, .c = 3}, {.a = 0, .b = 8, .c = 3}, {.a = 1, .b = 9, .c = 3}};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        put(&calls[i]);
        lease(&calls[i]);
        acknowledge(&(struct instruction){.a = calls[i].a, .b = 0x80});
        get(&calls[i]);
    }
    stat_all(world.observer);
    check_twice(world.observer);
    join(world.observer, 0);
}

/* While nothing is damaged, nothing may be lost. */
static void drain(void)
{
    static unsigned char buffer[LONGEST];
    size_t length;
    int code;
    fuzz_now_ns += HOUR_NS; /* nothing has to wait aside any longer */
    struct shmq *handle = open_handle(SHMQ_CONSUMER, 0x80);
    fuzz_require(handle != NULL, "no seat although everybody has left");
    if ((flags() & FLAG_PAUSED) != 0) {
        fuzz_require(shmq_get(handle, buffer, sizeof(buffer), &length, 0) != 0, "a paused queue hands out");
        pause_or_resume(false);
    }
    while ((code = shmq_get(handle, buffer, sizeof(buffer), &length, 0)) == 0)
        ledger_acknowledge(&world.ledger, buffer, length);
    rules_judge(CALL_GET, code, false);
    if (code != -ESHUTDOWN || (flags() & FLAG_NOW) == 0)
        ledger_expect_empty(&world.ledger);
    close_handle(&handle, false);
    fuzz_require(check(world.observer) == 0, "all is well, but not to check");
}

/* Whoever was attached to a damaged queue that was removed may have rung for it afterwards. */
static void expect_nothing_left(void)
{
    if (fuzz_queue_files(world.name) > 0 && world.damaged && world.removed)
        fuzz_require(shmq_remove(world.name, false) == 0, "semaphores without a queue cannot be removed");
    fuzz_require(fuzz_queue_files(world.name) == 0, "something is left of the queue");
}

static void tear_down(void)
{
    const bool was_removed = world.removed;
    world.later_count = 0;
    for (int i = 0; i < HANDLES; i++) {
        close_handle(&world.producers[i], false);
        close_handle(&world.consumers[i], false);
    }
    if (!world.damaged && !world.removed)
        drain();
    close_handle(&world.observer, false);
    mapped_close(&world.mapped);
    if (was_removed)
        expect_nothing_left();
    else
        remove_queue(true);
    fuzz_require(fuzz_queue_files(world.name) == 0, "something is left of the queue");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    fuzz_clean_up_at_exit();
    const uint8_t options = fuzz_byte(&input);
    set_up(options, fuzz_byte(&input));
    for (int i = 0; i < INSTRUCTIONS && input.left > 0; i++) {
        const struct instruction in = next_instruction(&input);
        follow(&in);
    }
    if (world.observer != NULL)
        tour();
    tear_down();
    return 0;
}
