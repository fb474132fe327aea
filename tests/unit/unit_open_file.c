/* SPDX-License-Identifier: MIT */
/* Copies of queues in files: what can be read of them, whatever has happened to them. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/queue/handle.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MESSAGES 20u
#define MS_NS INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)

static const struct shmq_options attach_only = SHMQ_OPTIONS_INIT;
static char folder[] = "/tmp/shmq.open_file.XXXXXX";
static char path[80];

static void set_up(void)
{
    strcpy(strrchr(folder, '.') + 1, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/copy", folder);
}

static void tear_down(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

/* ------------------------------------------------------------------ copies */

static void write_file(const void *bytes, size_t count)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

/* As cp does. */
static void copy_queue(const char *name)
{
    struct planted planted;
    planted_map(&planted, name);
    write_file(planted.base, planted.bytes);
    planted_unmap(&planted);
}

/* A queue with MESSAGES in it, of which a consumer had one when it died. Its copy. */
static void make_copy(const char *test)
{
    const struct shmq_options small = planted_small();
    struct shmq_message message;
    use_queue(test);
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    for (uint64_t i = 0; i < MESSAGES; i++)
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
    struct shmq *consumer = planted_open(queue, SHMQ_CONSUMER, &attach_only);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), 0);
    copy_queue(queue);
    shmq_abandon(consumer);
    shmq_abandon(producer);
    test_queue_remove(queue);
}

static struct shmq *open_copy(void)
{
    struct shmq *handle;
    ck_assert_int_eq(shmq_open_file(&handle, path), 0);
    return handle;
}

static int count_shown(void *context, const struct shmq_peeked *peeked)
{
    uint64_t *shown = context;
    uint64_t number;
    ck_assert_uint_eq(peeked->message->length, sizeof(number));
    memcpy(&number, peeked->message->data, sizeof(number));
    ck_assert_uint_eq(number, *shown);
    ck_assert(!peeked->alive);
    ++*shown;
    return 0;
}

/* Of a damaged copy: whatever it is, all of it is there. */
static int sum_shown(void *context, const struct shmq_peeked *peeked)
{
    const unsigned char *bytes = peeked->message->data;
    for (size_t i = 0; i < peeked->message->length; i++)
        *(uint64_t *)context += bytes[i];
    return 0;
}

static int peek_by(struct shmq *handle, shmq_peek_visitor *visit, uint64_t *result)
{
    *result = 0;
    const int first = shmq_peek(handle, 0, visit, result);
    const int second = shmq_peek(handle, 1, visit, result);
    return first != 0 ? first : second;
}

static int peek_all(struct shmq *handle, uint64_t *shown)
{
    return peek_by(handle, count_shown, shown);
}

static void count_problem(void *context, const char *problem)
{
    ck_assert_uint_gt(strlen(problem), 0);
    ++*(unsigned *)context;
}

static int check_copy(struct shmq *handle, unsigned *problems)
{
    *problems = 0;
    const int error = shmq_check(handle, count_problem, problems);
    ck_assert((error == -EBADMSG) == (*problems > 0));
    return error;
}

/* Every call that reads: none may fail in another way than -EBADMSG, and nothing is impossible. */
static void read_everything(struct shmq *handle)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    unsigned problems;
    uint64_t sum;
    int error = shmq_stat(handle, &stat);
    ck_assert(error == 0 || error == -EBADMSG);
    ck_assert(stat.copy && stat.producers == 0 && stat.consumers == 0 && stat.aside_left_ns >= 0);
    for (uint32_t i = 0; i < stat.lanes; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        error = shmq_stat_lane(handle, i, &lane);
        ck_assert((error == 0 || error == -EBADMSG) && !lane.alive);
        ck_assert(lane.attached_ns >= -1 && lane.active_ns >= -1 && lane.oldest_ns >= -1);
    }
    for (uint32_t i = 0; i < stat.seats; i++) {
        struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
        error = shmq_stat_seat(handle, i, &seat);
        ck_assert((error == 0 || error == -EBADMSG) && !seat.alive && seat.aside_left_ns >= 0);
        ck_assert(seat.attached_ns >= -1 && seat.active_ns >= -1 && seat.leased_ns >= -1);
    }
    error = peek_by(handle, sum_shown, &sum);
    ck_assert(error == 0 || error == -EBADMSG);
    error = check_copy(handle, &problems);
    ck_assert(error == 0 || error == -EBADMSG);
}

static int count_event(void *context, const struct shmq_event *event)
{
    uint64_t *shown = context;
    ck_assert_uint_eq(event->number, *shown);
    ck_assert_uint_ne(event->kind, SHMQ_EVENT_UNREADABLE);
    ++*shown;
    return 0;
}

/* ------------------------------------------------------------------ what is whole */

START_TEST(a_copy_is_read_like_the_queue)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    unsigned problems;
    uint64_t shown;
    make_copy("whole");
    struct shmq *copy = open_copy();
    ck_assert_int_eq(shmq_stat(copy, &stat), 0);
    ck_assert_uint_eq(stat.messages, MESSAGES);
    ck_assert_uint_eq(stat.leased, 16); /* the batch: a quarter of the lane */
    ck_assert(stat.copy && !stat.removed && stat.saved_s == 0);
    ck_assert_uint_eq(stat.producers + stat.consumers, 0);
    ck_assert_int_eq(check_copy(copy, &problems), 0);
    ck_assert_int_eq(peek_all(copy, &shown), 0);
    ck_assert_uint_eq(shown, MESSAGES);
    read_everything(copy);
    ck_assert_int_eq(shmq_close(copy), 0);
}
END_TEST

START_TEST(a_queue_in_use_is_no_copy)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    const struct shmq_options small = planted_small();
    use_queue("live");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_stat(producer, &stat), 0);
    ck_assert(!stat.copy && stat.saved_s == 0 && stat.as_of_s == 0);
    ck_assert_str_eq(stat.name, queue);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

START_TEST(a_copy_knows_the_name_of_its_queue)
{
    static const char *const bad[] = {"", "a/b", "two words", "\377"};
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct header header;
    make_copy("name");
    struct shmq *copy = open_copy();
    ck_assert_int_eq(shmq_stat(copy, &stat), 0);
    ck_assert_str_eq(stat.name, queue);
    ck_assert_int_eq(shmq_close(copy), 0);
    /* What cannot be one is none; it is for display only. */
    for (size_t i = 0; i <= COUNT(bad); i++) {
        const int fd = open(path, O_RDWR);
        memset(header.name, 'x', sizeof(header.name)); /* longer than any, and without an end */
        if (i < COUNT(bad))
            memcpy(header.name, bad[i], strlen(bad[i]) + 1);
        ck_assert_int_eq(pwrite(fd, header.name, sizeof(header.name), offsetof(struct header, name)),
                         sizeof(header.name));
        ck_assert_int_eq(close(fd), 0);
        copy = open_copy();
        ck_assert_int_eq(shmq_stat(copy, &stat), 0);
        ck_assert_str_eq(stat.name, "");
        ck_assert_int_eq(shmq_close(copy), 0);
    }
}
END_TEST

START_TEST(a_copy_takes_no_memory_for_zeros)
{
    struct stat st;
    make_copy("zeros");
    struct shmq *copy = open_copy();
    ck_assert_int_eq(fstat(copy->object.fd, &st), 0);
    ck_assert_uint_lt((uint64_t)st.st_blocks * 512, (uint64_t)st.st_size / 2);
    ck_assert_int_eq(shmq_close(copy), 0);
}
END_TEST

START_TEST(later_changes_of_the_file_make_no_difference)
{
    make_copy("later");
    struct shmq *copy = open_copy();
    uint64_t shown;
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(peek_all(copy, &shown), 0);
    ck_assert_uint_eq(shown, MESSAGES);
    ck_assert_int_eq(shmq_close(copy), 0);
}
END_TEST

START_TEST(a_copy_is_only_for_observers)
{
    make_copy("roles");
    struct shmq *copy = open_copy();
    struct shmq_message message;
    ck_assert_int_eq(shmq_put(copy, "a", 1, 0), -EINVAL);
    ck_assert_int_eq(shmq_lease(copy, &message, 0), -EINVAL);
    ck_assert_int_eq(shmq_report_loss(copy), -EINVAL);
    ck_assert_int_eq(shmq_close(copy), 0);
}
END_TEST

/* ------------------------------------------------------------------ times */

/* Changes the copy in its file. */
static void change(size_t offset, uint64_t value)
{
    const int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, &value, sizeof(value), (off_t)offset), sizeof(value));
    ck_assert_int_eq(close(fd), 0);
}

static size_t seat_at(const struct shmq *copy, uint32_t seat, size_t member)
{
    return (size_t)handle_seat_byte(copy, seat) + member;
}

START_TEST(ages_count_from_the_time_of_the_copy)
{
    struct shmq_seat_stat seat = SHMQ_SEAT_STAT_INIT;
    make_copy("ages");
    struct shmq *copy = open_copy();
    const size_t due = seat_at(copy, 1, offsetof(struct seat, held_due));
    const size_t valid = seat_at(copy, 1, offsetof(struct seat, held_valid));
    const size_t position = seat_at(copy, 1, offsetof(struct seat, held_position));
    const size_t pid = seat_at(copy, 1, offsetof(struct seat, pid));
    ck_assert_int_eq(shmq_close(copy), 0);
    /* Of another boot, which had been up for 30 years. */
    const uint64_t then = UINT64_C(30) * 365 * 86400 * (uint64_t)SECOND_NS;
    change(offsetof(struct header, saved_ns), then);
    change(offsetof(struct header, saved_realtime_ns), UINT64_C(1700000000) * (uint64_t)SECOND_NS);
    change(valid, 1);
    change(position, 64);
    change(pid, 0);
    change(due, held_due_pack((int64_t)then + 7 * SECOND_NS, 0));
    copy = open_copy();
    struct shmq_stat stat = SHMQ_STAT_INIT;
    unsigned problems;
    (void)shmq_stat(copy, &stat);
    ck_assert_int_eq(stat.saved_s, 1700000000);
    ck_assert_int_eq(stat.as_of_s, 1700000000);
    ck_assert_int_eq(check_copy(copy, &problems), 0);
    ck_assert_int_eq(shmq_stat_seat(copy, 1, &seat), 0);
    ck_assert(seat.aside);
    ck_assert_int_eq(seat.aside_left_ns, 7 * SECOND_NS);
    ck_assert_int_eq(shmq_close(copy), 0);
}
END_TEST

/* Nothing else in the copy is as late as the last put: no event, and no consumer. */
START_TEST(without_a_time_of_its_own_a_copy_is_of_its_last_put)
{
    const struct shmq_options small = planted_small();
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct planted planted;
    use_queue("last_put");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    for (uint64_t i = 0; i < 3; i++) {
        ck_assert_int_eq(test_queue_put(producer, i, 0), 0);
        (void)nanosleep(&(struct timespec){.tv_nsec = 100 * MS_NS}, NULL);
    }
    planted_map(&planted, queue);
    atomic_store(&planted_lane(&planted, 0)->counters.active_ns, 0);
    planted_unmap(&planted);
    copy_queue(queue);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
    struct shmq *copy = open_copy();
    ck_assert_int_eq(shmq_stat(copy, &stat), 0);
    ck_assert_int_ge(stat.oldest_ns, 150 * MS_NS);
    ck_assert_int_le(stat.oldest_ns, process_patience_ns());
    ck_assert_int_ge(stat.created_ns, stat.oldest_ns);
    /* Which is known on the wall clock, because events have both times. */
    ck_assert_int_eq(stat.saved_s, 0);
    ck_assert_int_le(stat.as_of_s, (int64_t)time(NULL));
    ck_assert_int_ge(stat.as_of_s, (int64_t)time(NULL) - process_patience_ns() / SECOND_NS);
    ck_assert_int_eq(shmq_close(copy), 0);
}
END_TEST

/* The first message is put at once, and both times are of the same clock. */
START_TEST(no_message_is_older_than_its_queue)
{
    const struct shmq_options small = planted_small();
    for (int i = 0; i < 50; i++) {
        struct shmq_stat stat = SHMQ_STAT_INIT;
        use_queue("age");
        struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
        ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
        ck_assert_int_eq(shmq_stat(producer, &stat), 0);
        ck_assert_int_ge(stat.oldest_ns, 0);
        ck_assert_int_ge(stat.created_ns, stat.oldest_ns);
        ck_assert_int_eq(shmq_close(producer), 0);
        test_queue_remove(queue);
    }
}
END_TEST

START_TEST(impossible_times_are_no_ages)
{
    static const uint64_t times[] = {UINT64_MAX, (uint64_t)INT64_MAX, UINT64_C(1) << 63, 1};
    make_copy("times");
    struct shmq *copy = open_copy();
    const size_t places[] = {
        seat_at(copy, 0, offsetof(struct seat, active_ns)), seat_at(copy, 0, offsetof(struct seat, leased_ns)),
        seat_at(copy, 0, offsetof(struct seat, attached_ns)),
        (size_t)handle_lane_byte(copy, 0) + offsetof(struct lane_control, counters.active_ns),
        (size_t)handle_lane_byte(copy, 0) + offsetof(struct lane_control, counters.blocked_since)};
    ck_assert_int_eq(shmq_close(copy), 0);
    for (size_t i = 0; i < COUNT(places); i++) {
        change(places[i], times[_i]);
        copy = open_copy();
        read_everything(copy);
        ck_assert_int_eq(shmq_close(copy), 0);
    }
}
END_TEST

/* ------------------------------------------------------------------ what is cut off, or damaged */

/* Those before the cut are whole, and the others are no events that could not be written. */
static void expect_events(struct shmq *copy, uint64_t size)
{
    const uint64_t begin = handle_geometry(copy)->events_offset;
    const uint64_t recorded = atomic_load(&copy->header->events);
    const uint64_t there = size > begin ? (size - begin) / sizeof(struct event) : 0;
    uint64_t shown = 0;
    ck_assert_int_eq(shmq_events(copy, 0, count_event, &shown), -EBADMSG);
    ck_assert_uint_eq(shown, there < recorded ? there : recorded);
}

START_TEST(events_that_were_cut_off_are_left_out)
{
    make_copy("events");
    struct shmq *copy = open_copy();
    const struct geometry g = *handle_geometry(copy);
    uint64_t shown = 0;
    ck_assert_int_eq(shmq_events(copy, 0, count_event, &shown), 0);
    ck_assert_uint_gt(shown, 2);
    ck_assert_int_eq(shmq_close(copy), 0);
    for (uint64_t size = g.events_offset + 64 * shown + 8; size > g.events_offset - 32; size -= 8) {
        ck_assert_int_eq(truncate(path, (off_t)size), 0);
        copy = open_copy();
        expect_events(copy, size);
        ck_assert_int_eq(shmq_close(copy), 0);
    }
}
END_TEST

static void keep_problem(void *context, const char *problem)
{
    if (*(char *)context == '\0')
        strcpy(context, problem);
}

/* The first thing that a check says of a file of this size. */
static void expect_missing(uint64_t size, const char *missing)
{
    char first[512] = "";
    char expected[512];
    ck_assert_int_eq(truncate(path, (off_t)size), 0);
    struct shmq *copy = open_copy();
    (void)snprintf(expected, sizeof(expected), "the file ends at byte %llu of %llu: without %s",
                   (unsigned long long)size, (unsigned long long)handle_geometry(copy)->object_bytes, missing);
    ck_assert_int_eq(shmq_check(copy, keep_problem, first), -EBADMSG);
    ck_assert_str_eq(first, expected);
    ck_assert_int_eq(shmq_close(copy), 0);
}

/* From the end to the beginning, because what is cut off is gone. */
START_TEST(a_check_says_what_was_cut_off)
{
    make_copy("missing");
    struct shmq *copy = open_copy();
    const struct geometry g = *handle_geometry(copy);
    ck_assert_int_eq(shmq_close(copy), 0);
    expect_missing(g.object_bytes - 1, "times of messages");
    expect_missing(g.events_offset + 64, "part of the events and times of messages");
    expect_missing(g.events_offset, "the events and times of messages");
    expect_missing(g.slots_offset + 1, "slots of sources, the events and times of messages");
    expect_missing(geometry_lane_offset(&g, 1),
                   "slots of sources, the events and times of messages"); /* not used */
    expect_missing(geometry_lane_offset(&g, 1) - 1,
                   "part of lane 0, slots of sources, the events and times of messages");
    expect_missing(g.lanes_offset, "lane 0, slots of sources, the events and times of messages");
    expect_missing(g.lanes_offset - 1,
                   "part of the seat buffers, lane 0, slots of sources, the events and times of messages");
    expect_missing(g.seats_offset + sizeof(struct seat),
                   "seats 1 to 3, seat buffers, lane 0, slots of sources, the events and times of messages");
    expect_missing(g.seats_offset - 1,
                   "all seats, seat buffers, lane 0, slots of sources, the events and times of messages");
}
END_TEST

/* What is mapped is still there, but not what is behind it. */
START_TEST(an_object_that_is_cut_off_under_an_observer_is_damaged)
{
    const struct shmq_options small = planted_small();
    struct shmq_stat stat = SHMQ_STAT_INIT;
    char object[sizeof("/dev/shm/shmq.") + SHMQ_NAME_MAX];
    unsigned problems;
    uint64_t shown = 0;
    use_queue("under");
    struct shmq *producer = planted_open(queue, SHMQ_PRODUCER, &small);
    struct shmq *observer = planted_open(queue, SHMQ_OBSERVER, &attach_only);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(check_copy(observer, &problems), 0);
    ck_assert_int_eq(shmq_events(observer, 0, count_event, &shown), 0);
    (void)snprintf(object, sizeof(object), "/dev/shm/shmq.%s", queue);
    ck_assert_int_eq(truncate(object, (off_t)handle_geometry(observer)->latency_offset), 0);
    shown = 0;
    ck_assert_int_eq(shmq_events(observer, 0, count_event, &shown), -EBADMSG);
    ck_assert_uint_eq(shown, 2);
    ck_assert_int_eq(shmq_events(observer, shown, count_event, &shown), -EBADMSG); /* nothing is new */
    ck_assert_int_eq(shmq_stat(observer, &stat), -EBADMSG);
    ck_assert_uint_eq(stat.messages, 1);
    ck_assert_int_eq(check_copy(observer, &problems), -EBADMSG);
    ck_assert_uint_eq(problems, 1);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_remove(queue, true), 0);
}
END_TEST

/* At every page, and around the ends of its parts. */
START_TEST(a_file_that_was_cut_off_gives_what_is_there)
{
    make_copy("cut");
    struct shmq *copy = open_copy();
    const struct geometry g = *handle_geometry(copy);
    const uint64_t arena = geometry_lane_offset(&g, 0) + g.arena_offset;
    ck_assert_int_eq(shmq_close(copy), 0);
    for (uint64_t size = g.object_bytes - 1; size > g.seats_offset; size -= size > 4096 ? 4096 : size) {
        unsigned problems;
        uint64_t shown;
        ck_assert_int_eq(truncate(path, (off_t)size), 0);
        copy = open_copy();
        read_everything(copy);
        ck_assert_int_eq(check_copy(copy, &problems), -EBADMSG);
        ck_assert_int_eq(peek_all(copy, &shown), -EBADMSG);
        ck_assert_uint_eq(shown, size >= arena + 64 * MESSAGES ? MESSAGES
                                 : size > arena                ? (size - arena) / 64
                                                               : 0);
        expect_events(copy, size);
        ck_assert_int_eq(shmq_close(copy), 0);
    }
}
END_TEST

START_TEST(a_file_with_more_in_it_is_damaged)
{
    unsigned problems;
    uint64_t shown;
    struct stat st;
    make_copy("longer");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(truncate(path, st.st_size + 1), 0);
    struct shmq *copy = open_copy();
    ck_assert_int_eq(check_copy(copy, &problems), -EBADMSG);
    ck_assert_int_eq(peek_all(copy, &shown), -EBADMSG);
    ck_assert_uint_eq(shown, MESSAGES);
    ck_assert_int_eq(shmq_close(copy), 0);
}
END_TEST

START_TEST(without_a_header_there_is_no_queue)
{
    static const off_t sizes[] = {0, 1, 8, sizeof(struct header) - 1};
    struct shmq *copy;
    make_copy("header");
    for (size_t i = COUNT(sizes); i-- > 0;) {
        ck_assert_int_eq(truncate(path, sizes[i]), 0);
        ck_assert_int_eq(shmq_open_file(&copy, path), -EBADMSG);
        ck_assert_ptr_null(copy);
    }
    char text[2 * sizeof(struct header)];
    memset(text, 'x', sizeof(text)); /* longer than a header, and no queue */
    write_file(text, sizeof(text));
    ck_assert_int_eq(shmq_open_file(&copy, path), -EBADMSG);
}
END_TEST

START_TEST(another_version_is_said)
{
    struct shmq *copy;
    const uint64_t words[] = {LAYOUT_MAGIC, UINT64_C(0x1234567800000003)};
    make_copy("version");
    change(8, words[1]);
    ck_assert_int_eq(shmq_open_file(&copy, path), -EPROTO);
    make_copy("feature");
    change(offsetof(struct header, features), (uint64_t)1 << 31);
    ck_assert_int_eq(shmq_open_file(&copy, path), -EPROTO);
}
END_TEST

/* Sizes that are impossible, or that differ from the file's. */
START_TEST(a_damaged_header_is_said)
{
    static const size_t places[] = {offsetof(struct header, capacity_bytes), offsetof(struct header, object_bytes),
                                    offsetof(struct header, max_message_bytes), offsetof(struct header, lanes),
                                    offsetof(struct header, page_bytes)};
    static const uint64_t values[] = {0, 1, UINT64_MAX, UINT64_C(1) << 40, 4096};
    for (size_t i = 0; i < COUNT(values); i++) {
        struct shmq *copy;
        make_copy("damaged_header");
        change(places[_i], values[i]);
        const int error = shmq_open_file(&copy, path);
        ck_assert_msg(error == 0 || error == -EBADMSG || error == -EPROTO, "%d", error);
        if (error == 0)
            read_everything(copy);
        (void)shmq_close(copy);
    }
}
END_TEST

/* Each word of header, seats and lane control is something else. */
START_TEST(damage_is_neither_followed_nor_believed)
{
    static const uint64_t values[] = {0, 1, 2, 63, 64, 65, 127, UINT32_MAX, UINT64_MAX, (uint64_t)INT64_MAX};
    make_copy("damage");
    struct shmq *copy = open_copy();
    const struct geometry g = *handle_geometry(copy);
    ck_assert_int_eq(shmq_close(copy), 0);
    const uint64_t parts[][2] = {{0, sizeof(struct header)},
                                 {g.seats_offset, 2 * sizeof(struct seat)},
                                 {geometry_lane_offset(&g, 0), sizeof(struct lane_control)},
                                 {geometry_lane_offset(&g, 0) + g.marks_offset, 4 * sizeof(struct lane_mark)},
                                 {geometry_lane_offset(&g, 0) + g.lease_offset, 24 * 8},
                                 {geometry_lane_offset(&g, 0) + g.record_offset, 24 * 16}};
    FILE *file = fopen(path, "r+");
    for (uint64_t at = 0; at < parts[_i][1]; at += 8) {
        uint64_t before;
        const off_t offset = (off_t)(parts[_i][0] + at);
        ck_assert_int_eq(pread(fileno(file), &before, sizeof(before), offset), sizeof(before));
        for (size_t i = 0; i < COUNT(values); i++) {
            ck_assert_int_eq(pwrite(fileno(file), &values[i], 8, offset), 8);
            if (shmq_open_file(&copy, path) == 0)
                read_everything(copy);
            (void)shmq_close(copy);
        }
        ck_assert_int_eq(pwrite(fileno(file), &before, sizeof(before), offset), sizeof(before));
    }
    (void)fclose(file);
}
END_TEST

/* ------------------------------------------------------------------ what is no file */

static void make_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(close(fd), 0);
}

START_TEST(only_plain_files_are_opened)
{
    struct shmq *copy;
    ck_assert_int_eq(shmq_open_file(&copy, folder), -EPERM);
    ck_assert_int_eq(shmq_open_file(&copy, "/dev/null"), -EPERM);
    ck_assert_int_eq(shmq_open_file(&copy, path), -ENOENT);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(shmq_open_file(&copy, path), -EPERM); /* at once: nobody writes it */
    ck_assert_int_eq(unlink(path), 0);
    make_socket();
    ck_assert_int_eq(shmq_open_file(&copy, path), -EPERM);
    ck_assert_ptr_null(copy);
    ck_assert_int_eq(shmq_open_file(&copy, NULL), -EINVAL);
    ck_assert_int_eq(shmq_open_file(NULL, path), -EINVAL);
}
END_TEST

START_TEST(a_file_size_limit_is_an_error_and_no_signal)
{
    struct rlimit before;
    struct shmq *copy;
    make_copy("limit");
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit low = {.rlim_cur = 8192, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    ck_assert_int_eq(shmq_open_file(&copy, path), -EFBIG);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("what is whole"),
    TEST(a_copy_is_read_like_the_queue),
    TEST(a_queue_in_use_is_no_copy),
    TEST(a_copy_knows_the_name_of_its_queue),
    TEST(a_copy_takes_no_memory_for_zeros),
    TEST(later_changes_of_the_file_make_no_difference),
    TEST(a_copy_is_only_for_observers),
    TEST_GROUP("times"),
    TEST(ages_count_from_the_time_of_the_copy),
    TEST(without_a_time_of_its_own_a_copy_is_of_its_last_put),
    TEST(no_message_is_older_than_its_queue),
    TEST_EACH(impossible_times_are_no_ages, 4),
    TEST_GROUP("what is cut off, or damaged"),
    TEST(a_file_that_was_cut_off_gives_what_is_there),
    TEST(events_that_were_cut_off_are_left_out),
    TEST(a_check_says_what_was_cut_off),
    TEST(an_object_that_is_cut_off_under_an_observer_is_damaged),
    TEST(a_file_with_more_in_it_is_damaged),
    TEST(without_a_header_there_is_no_queue),
    TEST(another_version_is_said),
    TEST_EACH(a_damaged_header_is_said, 5),
    TEST_EACH(damage_is_neither_followed_nor_believed, 6),
    TEST_GROUP("what is no file"),
    TEST(only_plain_files_are_opened),
    TEST(a_file_size_limit_is_an_error_and_no_signal),
};
TEST_SUITE("open_file", tests, .seconds = 30, .set_up = set_up, .tear_down = tear_down);
