/* SPDX-License-Identifier: MIT */
/*
 * Copies of queues in use. Whatever producers, consumers and killers do meanwhile, a copy passes the check, has
 * whole messages only, none twice, and each that was in the queue all the time.
 *
 * SHMQ_SAVE_SECONDS says how long the storms take (2).
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define IDS (1u << 23)
#define PRODUCERS 3u
#define CONSUMERS 4u
#define LONGEST 700u
#define WINDOW 100000u
#define MS_NS INT64_C(1000000)

static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;

/* ------------------------------------------------------------------ copies */

static int file = -1;

static struct shmq *open_copy(void)
{
    char path[64];
    struct shmq *copy;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    ck_assert_int_eq(shmq_open_file(&copy, path), 0);
    return copy;
}

static void say_problem(void *context, const char *problem)
{
    printf("%s\n", problem);
    ++*(unsigned *)context;
}

static void expect_sound(struct shmq *copy)
{
    unsigned problems = 0;
    const int error = shmq_check(copy, say_problem, &problems);
    ck_assert_msg(error == 0, "check: %d, %u problems", error, problems);
}

static void set_up(void)
{
    file = memfd_create("copy", MFD_CLOEXEC);
    ck_assert_int_ge(file, 0);
}

static void tear_down(void)
{
    (void)close(file);
}

/* ------------------------------------------------------------------ messages that are known by their number */

/* What the processes of a storm share. Of each message: whether its put has returned, and whether somebody has
 * begun to acknowledge it. */
struct storm {
    _Atomic uint32_t next;
    _Atomic bool over;
    _Atomic uint8_t put[IDS];
    _Atomic uint8_t ended[IDS];
};
static struct storm *storm;
static uint8_t was_there[IDS];
static uint8_t seen[IDS];

struct head {
    uint32_t id;
    uint32_t bytes;
    uint64_t sum;
};

static uint64_t sum_of(const unsigned char *bytes, size_t count)
{
    uint64_t sum = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < count; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
    return sum;
}

static size_t make_message(unsigned char *to, uint32_t id)
{
    struct head head = {.id = id, .bytes = (uint32_t)sizeof(head) + id * 7919u % (LONGEST - sizeof(head))};
    for (size_t i = sizeof(head); i < head.bytes; i++)
        to[i] = (unsigned char)(id * 31 + i);
    head.sum = sum_of(to + sizeof(head), head.bytes - sizeof(head)) ^ id;
    memcpy(to, &head, sizeof(head));
    return head.bytes;
}

static uint32_t id_of(const struct shmq_message *message)
{
    struct head head;
    ck_assert_uint_ge(message->length, sizeof(head));
    memcpy(&head, message->data, sizeof(head));
    ck_assert_uint_eq(head.bytes, message->length);
    ck_assert_uint_lt(head.id, IDS);
    const unsigned char *rest = (const unsigned char *)message->data + sizeof(head);
    ck_assert_uint_eq(head.sum, sum_of(rest, head.bytes - sizeof(head)) ^ head.id);
    return head.id;
}

/* ------------------------------------------------------------------ who is at work */

static uint32_t draw_ids(uint32_t count)
{
    const uint32_t first = atomic_fetch_add(&storm->next, count);
    return first > IDS - 64 ? UINT32_MAX : first;
}

/* One by one, or several at once, as fast as it goes. */
static void produce(void *context)
{
    static unsigned char payloads[16][LONGEST];
    struct iovec messages[16];
    const bool singly = *(const unsigned *)context == 0;
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    while (!atomic_load(&storm->over)) {
        const uint32_t count = singly ? 1 : 16;
        const uint32_t first = draw_ids(count);
        if (first == UINT32_MAX)
            break;
        for (uint32_t i = 0; i < count; i++)
            messages[i] = (struct iovec){payloads[i], make_message(payloads[i], first + i)};
        size_t done = 0;
        (void)shmq_put_many(producer, messages, count, &done, 100 * MS_NS);
        for (uint32_t i = 0; i < done; i++)
            atomic_store(&storm->put[first + i], 1);
    }
    ck_assert_int_eq(shmq_close(producer), 0);
}

static void end_message(const struct shmq_message *message)
{
    atomic_store(&storm->ended[id_of(message)], 1);
}

static void pause_for(int64_t ns)
{
    const struct timespec pause = {.tv_nsec = ns};
    (void)nanosleep(&pause, NULL);
}

static void work_on(struct shmq *consumer, struct shmq_message *messages, size_t count, unsigned *seed)
{
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    size_t rest = count;
    aside.delay_ns = MS_NS;
    while (rest > 0) {
        const unsigned choice = (unsigned)rand_r(seed) % 100;
        if (choice < 5 && shmq_release(consumer) == 0)
            return;
        if (choice < 10)
            (void)shmq_fail(consumer, NULL);
        if (rest == 1 && choice < 60)
            (void)shmq_hold(consumer, &messages[count - 1]);
        if (rest == 1 && choice < 40 && shmq_put_aside(consumer, &aside) == 0)
            return;
        if (choice > 80) /* or else the queue would be empty, and nothing would stay in it */
            pause_for(((unsigned)rand_r(seed) % 30) * MS_NS / 10);
        const size_t some = 1 + (unsigned)rand_r(seed) % rest;
        for (size_t i = 0; i < some; i++)
            end_message(&messages[count - rest + i]);
        ck_assert_int_eq(shmq_acknowledge(consumer, some), 0);
        rest -= some;
    }
}

static void consume(void *context)
{
    static struct shmq_message messages[64];
    unsigned seed = *(const unsigned *)context;
    const struct shmq_options options = {SHMQ_OPTIONS_DEFAULTS, .prefetch = seed % 2 == 0 ? 1 : 1 + seed % 64,
                                         .follow = true};
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &options);
    while (!atomic_load(&storm->over)) {
        size_t count = 0;
        if (shmq_lease_many(consumer, messages, 64, &count, MS_NS) == 0)
            work_on(consumer, messages, count, &seed);
    }
    ck_assert_int_eq(shmq_close(consumer), 0);
}

/* ------------------------------------------------------------------ the storm */

static int note_shown(void *context, const struct shmq_peeked *peeked)
{
    const uint32_t id = id_of(peeked->message);
    ck_assert_msg(seen[id] == 0, "message %u is in the copy twice", id);
    seen[id] = 1;
    ++*(uint64_t *)context;
    return 0;
}

static uint32_t drawn(void)
{
    const uint32_t next = atomic_load(&storm->next);
    return next < IDS ? next : IDS;
}

/* Few messages are older than so many others. */
static uint32_t window_of(uint32_t end)
{
    return end > WINDOW ? end - WINDOW : 0;
}

/* @begin: of the window that was noted. Return: messages in the copy that were in the queue all the time. */
static uint64_t expect_all(struct shmq *copy, uint32_t begin)
{
    const uint32_t end = drawn();
    uint64_t shown = 0;
    uint64_t stayed = 0;
    memset(seen, 0, end);
    for (uint32_t lane = 0; lane < handle_geometry(copy)->parameters.lanes; lane++)
        ck_assert_int_eq(shmq_peek(copy, lane, note_shown, &shown), 0);
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(copy, &stat), 0);
    ck_assert_uint_eq(stat.messages, shown); /* a look leaves out what is there twice */
    for (uint32_t id = begin; id < end; id++) {
        const bool stays = was_there[id] != 0 && atomic_load(&storm->ended[id]) == 0;
        ck_assert_msg(!stays || seen[id] == 1, "message %u was there all the time, and is not in the copy", id);
        stayed += stays;
    }
    return stayed;
}

static uint32_t note_what_is_there(void)
{
    const uint32_t end = drawn();
    for (uint32_t id = window_of(end); id < end; id++)
        was_there[id] = atomic_load(&storm->put[id]) != 0 && atomic_load(&storm->ended[id]) == 0;
    return window_of(end);
}

/* Return: how many messages were in the queue all the time. */
static uint64_t save_once(struct shmq *observer)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    const uint32_t begin = note_what_is_there();
    const int error = shmq_save(observer, file, false);
    ck_assert_msg(error == 0, "save: %d", error);
    struct shmq *copy = open_copy();
    const uint64_t stayed = expect_all(copy, begin);
    expect_sound(copy);
    ck_assert_int_eq(shmq_stat(copy, &stat), 0);
    ck_assert_int_ne(stat.saved_s, 0);
    ck_assert_int_eq(shmq_close(copy), 0);
    return stayed;
}

static double storm_seconds(void)
{
    const char *wish = getenv("SHMQ_SAVE_SECONDS");
    return wish != NULL ? atof(wish) : 2;
}

static struct process processes[PRODUCERS + CONSUMERS];
static unsigned numbers[PRODUCERS + CONSUMERS];

static void start(size_t i)
{
    numbers[i] = (unsigned)(i < PRODUCERS ? i : i * 17 + (unsigned)process_now_ns() % 1000);
    process_start(&processes[i], i < PRODUCERS ? produce : consume, &numbers[i]);
}

/* @kill: now and then a process dies in whatever it is doing, and another takes its place. */
static void rage(const char *name, const struct shmq_options *options, bool kills)
{
    const int64_t end_ns = process_now_ns() + (int64_t)(storm_seconds() * 1e9);
    uint64_t stayed = 0;
    unsigned saves = 0;
    use_queue(name);
    storm = process_share(sizeof(*storm));
    ck_assert_int_eq(shmq_create(queue, options), 0);
    for (size_t i = 0; i < COUNT(processes); i++)
        start(i);
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, &attach_only);
    while (process_now_ns() < end_ns) {
        const size_t victim = (size_t)rand() % COUNT(processes);
        if (kills && rand() % 3 == 0) {
            process_kill(&processes[victim]);
            start(victim);
        }
        stayed += save_once(observer);
        saves++;
    }
    atomic_store(&storm->over, true);
    for (size_t i = 0; i < COUNT(processes); i++)
        process_expect_success(&processes[i]);
    printf("%s: %u copies, %.0f messages in each that had been there all the time\n", name, saves,
           (double)stayed / saves);
    ck_assert_uint_gt(stayed, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(munmap(storm, sizeof(*storm)), 0);
    test_queue_remove(queue);
}

static struct shmq_options sized(uint64_t capacity, uint32_t seats)
{
    return (struct shmq_options){SHMQ_OPTIONS_DEFAULTS,
                                 .capacity_bytes = capacity,
                                 .max_message_bytes = LONGEST,
                                 .lanes = PRODUCERS + 2,
                                 .seats = seats,
                                 .tick_ns = MS_NS};
}

START_TEST(a_small_queue_under_load)
{
    const struct shmq_options options = sized(16384, 16);
    rage("small", &options, false);
}
END_TEST

START_TEST(a_large_queue_under_load)
{
    const struct shmq_options options = sized(UINT64_C(4) << 20, 32);
    rage("large", &options, false);
}
END_TEST

START_TEST(processes_that_are_killed)
{
    const struct shmq_options options = sized(65536, 32);
    rage("killed", &options, true);
}
END_TEST

/* ------------------------------------------------------------------ between two steps of saving */

/* What is at work in a small queue: a consumer that has three messages and has acknowledged one of them, one that
 * has one, one that holds one in its buffer, and one that has nothing yet. */
static struct {
    struct shmq *producer;
    struct shmq *consumers[4];
    struct shmq_message leased[4];
} cast;

/* Calls of what saving reads and writes with, and before which one something happens; -1: never. */
static int steps = -1;
static int step_of_action;
static void (*action)(void);

static void step(void)
{
    if (steps < 0 || steps++ != step_of_action)
        return;
    const int so_far = steps;
    steps = -1;
    action();
    steps = so_far;
}

int __real_sparse_write(int fd, const void *from, uint64_t bytes, uint64_t offset);
int __wrap_sparse_write(int fd, const void *from, uint64_t bytes, uint64_t offset);
int __wrap_sparse_write(int fd, const void *from, uint64_t bytes, uint64_t offset)
{
    step();
    return __real_sparse_write(fd, from, bytes, offset);
}

int __real_object_read(const struct object *object, void *to, uint64_t bytes, uint64_t offset);
int __wrap_object_read(const struct object *object, void *to, uint64_t bytes, uint64_t offset);
int __wrap_object_read(const struct object *object, void *to, uint64_t bytes, uint64_t offset)
{
    step();
    return __real_object_read(object, to, bytes, offset);
}

int __real_sparse_copy(int from, int to, uint64_t offset, uint64_t end, uint64_t *done);
int __wrap_sparse_copy(int from, int to, uint64_t offset, uint64_t end, uint64_t *done);
int __wrap_sparse_copy(int from, int to, uint64_t offset, uint64_t end, uint64_t *done)
{
    step();
    return __real_sparse_copy(from, to, offset, end, done);
}

static void put_one(void)
{
    static unsigned char payload[LONGEST];
    const uint32_t id = draw_ids(1);
    if (shmq_put(cast.producer, payload, make_message(payload, id), 0) == 0)
        storm->put[id] = 1;
}

static bool lease(int i)
{
    return shmq_lease(cast.consumers[i], &cast.leased[i], 0) == 0;
}

static void acknowledge(int i)
{
    end_message(&cast.leased[i]);
    ck_assert_int_eq(shmq_acknowledge(cast.consumers[i], 1), 0);
}

static void hold(int i)
{
    ck_assert_int_eq(shmq_hold(cast.consumers[i], &cast.leased[i]), 0);
}

static void holds_what_it_has(void)
{
    hold(1);
}

static void puts_aside_what_it_has(void)
{
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    aside.delay_ns = 3600 * 1000 * MS_NS;
    ck_assert_int_eq(shmq_put_aside(cast.consumers[1], &aside), 0);
}

static void goes_on(void)
{
    acknowledge(1);
    if (lease(1))
        hold(1);
}

static void finishes_its_batch(void)
{
    acknowledge(0);
    while (lease(0))
        acknowledge(0);
}

static void holds_another(void)
{
    acknowledge(2);
    if (lease(2))
        hold(2);
}

static void begins(void)
{
    if (lease(3))
        hold(3);
}

static void begins_and_ends(void)
{
    if (!lease(3))
        return;
    acknowledge(3);
    if (lease(3))
        hold(3);
}

static void gives_back(void)
{
    ck_assert_int_eq(shmq_release(cast.consumers[0]), 0);
}

static void puts_more(void)
{
    for (int i = 0; i < 20; i++)
        put_one();
}

/* Everything that can be, several times around the ring. */
static void all_passes(void)
{
    acknowledge(0);
    acknowledge(1);
    acknowledge(2);
    for (int round = 0; round < 10; round++) {
        while (lease(0))
            acknowledge(0);
        puts_more();
        while (lease(3))
            acknowledge(3);
    }
    puts_more();
}

static void (*const actions[])(void) = {holds_what_it_has, puts_aside_what_it_has,
                                        goes_on,           finishes_its_batch,
                                        holds_another,     begins,
                                        begins_and_ends,   gives_back,
                                        puts_more,         all_passes};

static void assemble(void)
{
    static const uint32_t prefetches[] = {3, 1, 1, 1};
    struct shmq_options options = sized(4096, 8);
    options.create = true;
    cast.producer = test_queue_open(queue, SHMQ_PRODUCER, &options);
    for (int i = 0; i < 9; i++)
        put_one();
    for (int i = 0; i < 4; i++) {
        options = attach_only;
        options.prefetch = prefetches[i];
        options.follow = true;
        cast.consumers[i] = test_queue_open(queue, SHMQ_CONSUMER, &options);
        ck_assert(i == 3 || lease(i));
    }
    acknowledge(0);
    ck_assert(lease(0));
    hold(2);
}

static void dismiss(void)
{
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(shmq_close(cast.consumers[i]), 0);
    ck_assert_int_eq(shmq_close(cast.producer), 0);
    test_queue_remove(queue);
}

/* The histograms of a copy never count more than the copy says is delivered, nor is that more than was put. */
static void expect_no_more_counted(struct shmq *copy)
{
    static uint64_t counts[SHMQ_LATENCY_BUCKETS];
    struct shmq_stat all = SHMQ_STAT_INIT;
    uint64_t delivered = 0;
    uint64_t bytes = 0;
    for (uint32_t seat = 0; seat < handle_geometry(copy)->parameters.seats; seat++) {
        struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
        uint64_t measured = 0;
        ck_assert_int_eq(shmq_stat_seat(copy, seat, &stat), 0);
        ck_assert_int_eq(shmq_latency(copy, seat, counts), 0);
        for (size_t i = 0; i < COUNT(counts); i++)
            measured += counts[i];
        ck_assert_uint_le(measured, stat.delivered);
        delivered += stat.delivered;
        bytes += stat.delivered_bytes;
    }
    ck_assert_int_eq(shmq_stat(copy, &all), 0);
    ck_assert_uint_le(delivered, all.put_messages);
    ck_assert_uint_le(bytes, all.put_bytes);
}

START_TEST(whatever_happens_between_two_steps)
{
    bool happened = true;
    action = actions[_i];
    storm = process_share(sizeof(*storm));
    for (step_of_action = 0; happened; step_of_action++) {
        const uint32_t begin = drawn();
        use_queue("steps");
        assemble();
        (void)note_what_is_there();
        steps = 0;
        ck_assert_int_eq(shmq_save(cast.consumers[3], file, false), 0);
        happened = steps > step_of_action;
        steps = -1;
        struct shmq *copy = open_copy();
        ck_assert(expect_all(copy, begin) > 0 || action == all_passes);
        expect_sound(copy);
        expect_no_more_counted(copy);
        ck_assert_int_eq(shmq_close(copy), 0);
        dismiss();
    }
    ck_assert_int_gt(step_of_action, 10);
    ck_assert_int_eq(munmap(storm, sizeof(*storm)), 0);
}
END_TEST

/* ------------------------------------------------------------------ what else is in a copy */

START_TEST(saving_changes_nothing)
{
    const struct shmq_options small = planted_small();
    struct shmq_message message;
    struct planted planted;
    use_queue("unchanged");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    struct shmq *consumer = planted_open(queue, SHMQ_CONSUMER, &attach_only);
    for (uint64_t i = 0; i < 10; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    planted_map(&planted, queue);
    unsigned char *before = malloc(planted.bytes);
    memcpy(before, planted.base, planted.bytes);
    struct shmq *observer = planted_open(queue, SHMQ_OBSERVER, &attach_only);
    ck_assert_int_eq(shmq_save(observer, file, false), 0);
    ck_assert_int_eq(memcmp(before, planted.base, planted.bytes), 0);
    free(before);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* What a copy said of its own time does not hold for what has taken the queue's place. */
static void expect_not_saved(struct shmq *producer)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_save(producer, file, true), 0);
    struct shmq *copy = open_copy();
    ck_assert_int_eq(shmq_stat(copy, &stat), 0);
    ck_assert_int_eq(stat.saved_s, 0);
    ck_assert_int_eq(shmq_stat_lane(copy, 0, &lane), 0);
    ck_assert_uint_eq(lane.in_copy, SHMQ_IN_COPY_UNKNOWN);
    ck_assert_int_eq(shmq_close(copy), 0);
}

/* The source of a lane goes on in a copy that takes the queue's place. */
START_TEST(a_copy_can_take_the_place_of_the_queue)
{
    struct shmq_options options = planted_small();
    const struct shmq_cursor cursor = {.words = {1, 2, 3, 4}};
    struct shmq_cursor found;
    char note[SHMQ_NOTE_MAX];
    char slot[SHMQ_SLOT_MAX];
    size_t length;
    use_queue("restored");
    options.source_id = 77;
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(shmq_set_source_note(producer, "note", 4), 0);
    ck_assert_int_eq(shmq_set_cursor(producer, &cursor), 0);
    for (uint64_t i = 0; i < 10; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    ck_assert_int_eq(shmq_set_source_slot(producer, 40, "slot", 4), 0);
    ck_assert_int_eq(shmq_save(producer, file, false), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);

    struct stat st;
    ck_assert_int_eq(fstat(file, &st), 0);
    ck_assert_uint_lt((uint64_t)st.st_blocks * 512, 200000);
    const int object = open(test_object_path(queue), O_RDWR | O_CREAT | O_EXCL, 0600);
    unsigned char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, file, 0);
    ck_assert_int_eq(write(object, bytes, (size_t)st.st_size), st.st_size);
    ck_assert_int_eq(munmap(bytes, (size_t)st.st_size), 0);
    ck_assert_int_eq(close(object), 0);

    producer = planted_open(queue, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(shmq_resume_cursor(producer, &found), 0);
    ck_assert_int_eq(memcmp(&found, &cursor, sizeof(cursor)), 0);
    ck_assert_int_eq(shmq_source_note(producer, note, &length), 0);
    ck_assert(length == 4 && memcmp(note, "note", 4) == 0);
    ck_assert_int_eq(shmq_source_slot(producer, 40, slot, &length), 0);
    ck_assert(length == 4 && memcmp(slot, "slot", 4) == 0);
    ck_assert_int_eq(test_queue_put(producer, 10, 0), 0);
    expect_not_saved(producer);
    struct shmq *consumer = planted_open(queue, SHMQ_CONSUMER, &attach_only);
    for (uint64_t i = 0; i <= 10; i++) {
        uint64_t number;
        ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
        ck_assert_uint_eq(number, i);
    }
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* All that a seat can have, by a consumer of each kind. */
START_TEST(what_consumers_have_is_in_the_copy)
{
    struct shmq_options options = planted_small();
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    struct shmq_message message;
    struct shmq *consumers[3];
    use_queue("seats");
    aside.delay_ns = 3600 * 1000 * MS_NS;
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &options);
    for (uint64_t i = 0; i < 8; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    options = attach_only;
    for (size_t i = 0; i < 3; i++) {
        options.prefetch = i == 0 ? 3 : 1;
        consumers[i] = planted_open(queue, SHMQ_CONSUMER, &options);
        ck_assert_int_eq(shmq_lease(consumers[i], &message, 0), 0);
    }
    ck_assert_int_eq(shmq_acknowledge(consumers[0], 1), 0); /* of three */
    ck_assert_int_eq(shmq_hold(consumers[1], &message), 0);
    ck_assert_int_eq(shmq_put_aside(consumers[2], &aside), 0);
    ck_assert_int_eq(shmq_save(consumers[0], file, false), 0);

    struct shmq *copy = open_copy();
    struct shmq_stat stat = SHMQ_STAT_INIT;
    expect_sound(copy);
    ck_assert_int_eq(shmq_stat(copy, &stat), 0);
    ck_assert_uint_eq(stat.messages, 7);
    ck_assert_uint_eq(stat.leased, 4);
    ck_assert(stat.aside_left_ns > 3000 * 1000 * MS_NS && stat.aside_left_ns <= 3600 * 1000 * MS_NS);
    ck_assert_int_eq(shmq_close(copy), 0);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(shmq_close(consumers[i]), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

static void be_killed_at_work(void *context)
{
    struct shmq_message message;
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &attach_only);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &attach_only);
    (void)context;
    process_require(test_queue_put(producer, 1, 0) == 0 && shmq_lease(consumer, &message, 0) == 0);
    process_report(1);
    (void)process_await_order();
}

static void expect_lives(struct shmq *copy, uint32_t alive, uint32_t gone)
{
    const uint32_t lives[2] = {alive, gone};
    for (uint32_t i = 0; i < 2; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
        ck_assert_int_eq(shmq_stat_lane(copy, i, &lane), 0);
        ck_assert_int_eq(shmq_stat_seat(copy, i, &seat), 0);
        ck_assert(!lane.alive && !seat.alive);
        ck_assert_uint_eq(lane.in_copy, lives[i]);
        ck_assert_uint_eq(seat.in_copy, lives[i]);
    }
}

static struct shmq_stat stat_of(struct shmq *copy)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(copy, &stat), 0);
    return stat;
}

/* A copy of the copy, made later. Return: its handle, instead of @copy. */
static struct shmq *copy_again(struct shmq *copy)
{
    const int first = file;
    file = memfd_create("again", MFD_CLOEXEC);
    pause_for(999 * MS_NS);
    ck_assert_int_eq(shmq_save(copy, file, false), 0);
    ck_assert_int_eq(shmq_close(copy), 0);
    ck_assert_int_eq(close(first), 0);
    return open_copy();
}

/* Of two producers and two consumers, one each was killed. */
START_TEST(who_was_alive_is_in_the_copy)
{
    const struct shmq_options small = planted_small();
    struct process child;
    struct planted planted;
    use_queue("lives");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    struct shmq *consumer = planted_open(queue, SHMQ_CONSUMER, &attach_only);
    process_start(&child, be_killed_at_work, NULL);
    (void)process_hear(&child);
    process_kill(&child);
    planted_map(&planted, queue);
    atomic_store(&planted_lane(&planted, 0)->counters.blocked_since, 1);
    atomic_store(&planted_lane(&planted, 1)->counters.blocked_since, 1);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_save(producer, file, false), 0);
    struct shmq *copy = open_copy();
    struct shmq_stat stat = stat_of(copy);
    expect_lives(copy, SHMQ_IN_COPY_ALIVE, SHMQ_IN_COPY_GONE);
    ck_assert_uint_eq(stat.unfinished, 1);
    ck_assert_uint_eq(stat.blocked, 1);
    ck_assert_uint_eq(stat.fill_percent, 100);
    ck_assert_str_eq(stat.name, queue);

    copy = copy_again(copy);
    expect_lives(copy, SHMQ_IN_COPY_ALIVE, SHMQ_IN_COPY_GONE);
    ck_assert_int_eq(stat_of(copy).saved_s, stat.as_of_s);
    ck_assert_int_eq(stat_of(copy).as_of_s, stat.as_of_s);
    ck_assert_int_eq(shmq_close(copy), 0);

    /* As cp does. */
    ck_assert_int_eq(shmq_save(producer, file, true), 0);
    copy = open_copy();
    expect_lives(copy, SHMQ_IN_COPY_UNKNOWN, SHMQ_IN_COPY_UNKNOWN);
    ck_assert_uint_eq(stat_of(copy).blocked, 2);
    ck_assert_uint_eq(stat_of(copy).unfinished, 2);
    ck_assert_int_eq(shmq_close(copy), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(a_damaged_queue_is_copied_as_it_is)
{
    const struct shmq_options small = planted_small();
    struct planted planted;
    unsigned problems = 0;
    use_queue("damaged");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    planted_map(&planted, queue);
    atomic_fetch_add(&planted_lane(&planted, 0)->tail, 1);
    ck_assert_int_eq(shmq_save(producer, file, false), -EAGAIN);
    ck_assert_int_eq(shmq_save(producer, file, true), 0);
    struct shmq *copy = open_copy();
    ck_assert_int_eq(shmq_check(copy, say_problem, &problems), -EBADMSG);
    ck_assert_int_eq(shmq_close(copy), 0);
    atomic_fetch_sub(&planted_lane(&planted, 0)->tail, 1);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* Where a lane pretends to have more than it can, copying it would not end. */
/* Behind what is mapped, so that nobody notices it by touching it. */
START_TEST(what_is_cut_off_is_no_zeros_in_the_copy)
{
    const struct shmq_options small = planted_small();
    struct stat st;
    use_queue("cut");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    struct shmq *observer = planted_open(queue, SHMQ_OBSERVER, &attach_only);
    const off_t cut = (off_t)handle_geometry(observer)->events_offset + 64;
    ck_assert_int_eq(truncate(test_object_path(queue), cut), 0);
    ck_assert_int_eq(shmq_join(observer, 0), -EBADMSG);
    ck_assert_int_eq(shmq_save(observer, file, false), -EBADMSG);
    for (int i = 0; i < 2; i++) { /* of the object, and of the copy */
        const int first = file;
        ck_assert_int_eq(shmq_save(observer, file, true), 0);
        ck_assert_int_eq(fstat(file, &st), 0);
        ck_assert_int_eq(st.st_size, cut);
        ck_assert_int_eq(shmq_close(observer), 0);
        observer = open_copy();
        file = memfd_create("again", MFD_CLOEXEC);
        ck_assert_int_eq(close(first), 0);
        ck_assert_int_eq(shmq_save(observer, file, false), -EBADMSG);
    }
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_remove(queue, true), 0);
}
END_TEST

START_TEST(impossible_positions_are_refused)
{
    const struct shmq_options small = planted_small();
    struct planted planted;
    use_queue("positions");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    planted_map(&planted, queue);
    struct lane_control *const lane = planted_lane(&planted, 0);
    const uint64_t cells = handle_geometry(producer)->cells;
    const uint64_t head = atomic_load(&lane->head);
    const uint64_t tail = atomic_load(&lane->tail);
    const int entry = atomic_load(&lane->checkpoints[1].tail) == tail;
    if (_i == 0) {
        atomic_store(&lane->head, 0);
    } else {
        const uint64_t much = _i == 1 ? tail + 2 * cells : UINT64_C(1) << 62;
        atomic_store(&lane->tail, much);
        atomic_store(&lane->checkpoints[entry].tail, much);
    }
    ck_assert_int_eq(shmq_save(producer, file, false), -EBADMSG);
    ck_assert_int_eq(shmq_save(producer, file, true), 0);
    atomic_store(&lane->head, head);
    atomic_store(&lane->tail, tail);
    atomic_store(&lane->checkpoints[entry].tail, tail);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(wrong_calls)
{
    const struct shmq_options small = planted_small();
    int pipes[2];
    use_queue("wrong");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(shmq_save(NULL, file, false), -EINVAL);
    ck_assert_int_eq(shmq_save(producer, pipes[1], false), -EINVAL);
    ck_assert_int_eq(shmq_save(producer, -1, false), -EBADF);
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit low = {.rlim_cur = 8192, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    ck_assert_int_eq(shmq_save(producer, file, false), -EFBIG);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("under load", .seconds = 120),
    TEST(a_small_queue_under_load),
    TEST(a_large_queue_under_load),
    TEST(processes_that_are_killed),
    TEST_GROUP("between two steps"),
    TEST_EACH(whatever_happens_between_two_steps, COUNT(actions)),
    TEST_GROUP("what is in a copy"),
    TEST(saving_changes_nothing),
    TEST(a_copy_can_take_the_place_of_the_queue),
    TEST(what_consumers_have_is_in_the_copy),
    TEST(who_was_alive_is_in_the_copy),
    TEST(a_damaged_queue_is_copied_as_it_is),
    TEST(what_is_cut_off_is_no_zeros_in_the_copy),
    TEST_EACH(impossible_positions_are_refused, 3),
    TEST(wrong_calls),
};
TEST_SUITE("save", tests, .seconds = 30, .set_up = set_up, .tear_down = tear_down);
