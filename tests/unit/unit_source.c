/* SPDX-License-Identifier: MIT */
/* What a lane keeps of its source: its note, what its parts have agreed on, and how a producer withdraws. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"

#define GROUP 5

static struct shmq_options small;
static struct shmq *observer;
static const char *name;

static void set_up(void)
{
    small = planted_small();
    small.lanes = 4;
    name = test_name("source");
    ck_assert_int_eq(shmq_create(name, &small), 0);
    observer = planted_open(name, SHMQ_OBSERVER, NULL);
}

static void tear_down(void)
{
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}

static struct shmq *open_source(uint64_t source_id)
{
    struct shmq_options options = small;
    options.source_id = source_id;
    return planted_open(name, SHMQ_PRODUCER, &options);
}

static uint64_t resume_offset(struct shmq *handle)
{
    uint64_t offset = 77;
    ck_assert_int_eq(shmq_resume_offset(handle, &offset), 0);
    return offset;
}

/* ------------------------------------------------------------------ the note */

static void set_note(struct shmq *handle, const char *text)
{
    ck_assert_int_eq(shmq_set_source_note(handle, text, strlen(text)), 0);
}

static void expect_note(struct shmq *handle, const char *text)
{
    char note[SHMQ_NOTE_MAX];
    size_t length = 99;
    ck_assert_int_eq(shmq_source_note(handle, note, &length), 0);
    ck_assert_uint_eq(length, strlen(text));
    ck_assert_int_eq(memcmp(note, text, length), 0);
}

START_TEST(a_note_stays_with_its_source)
{
    struct shmq *handle = open_source(1);
    expect_note(handle, "");
    set_note(handle, "one");
    expect_note(handle, "one");
    set_note(handle, "another");
    shmq_abandon(handle);
    handle = open_source(1);
    expect_note(handle, "another");
    set_note(handle, "0123456789012345678901234567890123456789012345678901234567890123");
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(1);
    expect_note(handle, "0123456789012345678901234567890123456789012345678901234567890123");
    set_note(handle, "");
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(1);
    expect_note(handle, "");
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* Whoever dies while it writes one leaves the one before. */
START_TEST(a_note_is_written_beside_the_one_that_counts)
{
    const char *const notes[] = {"one", "two", "three", "four", "five"};
    const char *before = NULL;
    struct planted planted;
    struct shmq *handle = open_source(1);
    planted_map(&planted, name);
    const struct lane_control *control = planted_lane(&planted, 0);
    for (uint64_t i = 0; i < COUNT(notes); i++) {
        set_note(handle, notes[i]);
        const uint64_t note = atomic_load(&control->note);
        ck_assert_uint_eq(note, (i + 1) << 8 | strlen(notes[i]));
        const size_t turn = (i + 1) % 2;
        ck_assert_mem_eq(control->note_copies[turn], notes[i], strlen(notes[i]));
        if (before != NULL)
            ck_assert_mem_eq(control->note_copies[!turn], before, strlen(before));
        before = notes[i];
    }
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

START_TEST(a_note_is_not_another_source_s)
{
    small.lanes = 1;
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    struct shmq *handle = open_source(1);
    observer = planted_open(name, SHMQ_OBSERVER, NULL);
    set_note(handle, "of one");
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(2);
    expect_note(handle, "");
    set_note(handle, "of two");
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(1);
    expect_note(handle, "");
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* What others have sent through the lane is not its own. */
START_TEST(a_source_begins_at_0_in_a_lane_that_others_had)
{
    small.lanes = 1;
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    struct shmq *handle = open_source(1);
    observer = planted_open(name, SHMQ_OBSERVER, NULL);
    planted_put(handle, "1234");
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(2);
    ck_assert_uint_eq(resume_offset(handle), 0);
    planted_put(handle, "12");
    shmq_abandon(handle);
    handle = open_source(2);
    ck_assert_uint_eq(resume_offset(handle), 2);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

START_TEST(notes_that_make_no_sense)
{
    char note[SHMQ_NOTE_MAX + 1] = "";
    size_t length;
    struct shmq *handle = open_source(1);
    ck_assert_int_eq(shmq_set_source_note(handle, note, SHMQ_NOTE_MAX + 1), -EINVAL);
    ck_assert_int_eq(shmq_set_source_note(handle, NULL, 1), -EINVAL);
    ck_assert_int_eq(shmq_set_source_note(handle, NULL, 0), 0);
    ck_assert_int_eq(shmq_source_note(handle, NULL, &length), -EINVAL);
    ck_assert_int_eq(shmq_source_note(handle, note, NULL), -EINVAL);
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(0);
    ck_assert_int_eq(shmq_set_source_note(handle, note, 1), -EINVAL);
    ck_assert_int_eq(shmq_source_note(handle, note, &length), -EINVAL);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

START_TEST(a_damaged_note_is_an_error)
{
    char note[SHMQ_NOTE_MAX];
    size_t length;
    struct planted planted;
    struct shmq *handle = open_source(1);
    set_note(handle, "good");
    planted_map(&planted, name);
    shared_u64 *word = &planted_lane(&planted, 0)->note;
    const uint64_t good = atomic_load(word);
    atomic_store(word, good | 0xff);
    ck_assert_int_eq(shmq_source_note(handle, note, &length), -EBADMSG);
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), -EBADMSG);
    atomic_store(word, good);
    expect_note(handle, "good");
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* ------------------------------------------------------------------ parts of a whole */

/* @number: of the part; @resumed: it has an identity of its own. */
static struct shmq *open_part_of(uint64_t group, uint64_t number, bool resumed, uint64_t size)
{
    struct shmq_options options = small;
    options.source_id = resumed ? 100 + number : 0;
    options.source_group = group;
    options.source_part = number;
    options.source_size = size;
    options.source_check = size + 1;
    return planted_open(name, SHMQ_PRODUCER, &options);
}

static struct shmq *open_part(uint64_t number, bool resumed, uint64_t size)
{
    return open_part_of(GROUP, number, resumed, size);
}

static void expect_whole(struct shmq *handle, uint64_t size)
{
    uint64_t said = 0;
    uint64_t check = 0;
    ck_assert_int_eq(shmq_source_whole(handle, &said, &check), 0);
    ck_assert_uint_eq(said, size);
    ck_assert_uint_eq(check, size + 1);
}

static void run_part(uint64_t number, bool resumed, uint64_t size, uint64_t expected)
{
    struct shmq *handle = open_part(number, resumed, size);
    expect_whole(handle, expected);
    ck_assert_int_eq(shmq_close(handle), 0);
}

START_TEST(all_parts_go_by_what_the_first_said)
{
    struct shmq *first = open_part(1, _i != 0, 1000);
    expect_whole(first, 1000);
    struct shmq *second = open_part(2, _i != 0, 2000);
    expect_whole(second, 1000);
    shmq_abandon(first);
    first = open_part(1, _i != 0, 3000);
    expect_whole(first, 1000);
    ck_assert_int_eq(shmq_close(first), 0);
    ck_assert_int_eq(shmq_close(second), 0);
    run_part(3, _i != 0, 4000, 1000); /* also when the others have finished */
}
END_TEST

START_TEST(parts_that_go_on_never_begin_anew)
{
    run_part(1, true, 1000, 1000);
    run_part(1, true, 2000, 1000);
    run_part(2, true, 500, 1000);
}
END_TEST

START_TEST(a_part_that_comes_again_begins_anew)
{
    run_part(1, false, 1000, 1000);
    run_part(2, false, 1100, 1000);
    run_part(2, false, 2000, 2000);
    run_part(1, false, 2100, 2000); /* it has not been in this round yet */
    run_part(1, false, 500, 500);
    run_part(2, false, 600, 500);
}
END_TEST

/* Wherever the others' lanes are. */
START_TEST(a_part_that_comes_again_is_known_in_every_lane)
{
    struct shmq *parts[] = {open_part(1, false, 1000), open_part(2, false, 1100), open_part(3, false, 1200)};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(shmq_close(parts[i]), 0);
    run_part((uint64_t)_i + 1, false, 2000, 2000);
}
END_TEST

static void run_part_of(uint64_t group, uint64_t number, uint64_t size, uint64_t expected)
{
    struct shmq *handle = open_part_of(group, number, false, size);
    expect_whole(handle, expected);
    ck_assert_int_eq(shmq_close(handle), 0);
}

START_TEST(what_another_group_agreed_on_does_not_count)
{
    for (uint64_t size = 1000; size <= 3000; size += 1000)
        run_part_of(GROUP, 1, size, size);
    run_part_of(GROUP + 1, 1, 5000, 5000);
    run_part_of(GROUP, 2, 4000, 3000);
    run_part_of(GROUP + 1, 2, 6000, 5000);
}
END_TEST

START_TEST(a_lane_is_taken_over_by_another_group)
{
    small.lanes = 1;
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    run_part_of(GROUP, 1, 1000, 1000);
    observer = planted_open(name, SHMQ_OBSERVER, NULL);
    run_part_of(GROUP + 1, 1, 5000, 5000);
    run_part_of(GROUP + 1, 2, 6000, 5000);
}
END_TEST

START_TEST(nobody_begins_anew_while_a_part_is_unfinished)
{
    struct shmq *second = open_part(2, true, 1000);
    run_part(1, false, 1500, 1000);
    run_part(1, false, 2000, 1000);
    shmq_abandon(second);
    run_part(1, false, 3000, 1000);
    run_part(2, true, 3000, 1000);
    run_part(1, false, 3000, 3000);
}
END_TEST

START_TEST(a_lane_is_shared_by_the_parts_that_follow)
{
    small.lanes = 1;
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    run_part(1, false, 1000, 1000);
    observer = planted_open(name, SHMQ_OBSERVER, NULL);
    run_part(2, false, 2000, 1000);
    run_part(3, false, 3000, 1000);
}
END_TEST

/* Those who come for whatever lane there is leave the group's for as long as they can. */
START_TEST(what_a_group_agreed_on_is_kept_while_other_lanes_are_there)
{
    run_part(1, false, 1000, 1000);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(shmq_close(open_source((uint64_t)i)), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(shmq_close(open_source(0)), 0);
    run_part(2, false, 2000, 1000);
}
END_TEST

#define CHOOSES_MS 1500 /* longer than one waits for an owner of the same source that is about to die */

static int lock_choice(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1};
    const int fd = open(test_object_path(name), O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &lock), 0);
    return fd;
}

static void *end_choice(void *fd)
{
    const struct timespec pause = {CHOOSES_MS / 1000, CHOOSES_MS % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
    (void)close(*(int *)fd);
    return NULL;
}

/* It reserves the room for its lane meanwhile; several large ones take seconds. */
START_TEST(who_takes_long_to_choose_is_waited_for)
{
    pthread_t thread;
    int fd = lock_choice();
    ck_assert_int_eq(pthread_create(&thread, NULL, end_choice, &fd), 0);
    if (_i == 0)
        ck_assert_int_eq(shmq_close(open_source(1)), 0);
    else
        run_part(1, false, 1000, 1000);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

#define WAITS_MS 10000 /* as long as nobody comes or goes */

static void open_source_of(void *queue)
{
    struct shmq *handle = NULL;
    struct shmq_options options = small;
    options.source_id = 1;
    (void)process_await_order();
    const int error = shmq_open(&handle, queue, SHMQ_PRODUCER, &options);
    (void)shmq_close(handle);
    process_report(process_code(error));
}

/* A thousand that come together may take longer than one is waited for. */
START_TEST(who_waits_for_the_choice_of_many_waits_while_some_come)
{
    struct process waits;
    struct process gives_up;
    char other[SHMQ_NAME_MAX + 1];
    const char *one = name;
    snprintf(other, sizeof(other), "%s.still", name);
    ck_assert_int_eq(shmq_create(other, &small), 0);
    process_start(&waits, open_source_of, (void *)(uintptr_t)one);
    process_start(&gives_up, open_source_of, other);
    const int fd = lock_choice(); /* after the children, who would inherit it */
    name = other;
    const int still = lock_choice();
    name = one;
    process_order(&waits, 0);
    process_order(&gives_up, 0);
    const int64_t begun = process_now_ns();
    while (process_now_ns() - begun < (WAITS_MS + 1500) * INT64_C(1000000)) {
        const struct timespec pause = {.tv_nsec = 100000000};
        ck_assert_int_eq(shmq_close(open_source(0)), 0);
        (void)nanosleep(&pause, NULL);
        ck_assert(!process_has_report(&waits));
    }
    ck_assert_int_eq(close(fd), 0);
    ck_assert_uint_eq(process_hear(&waits), 0);
    ck_assert_uint_eq(process_hear(&gives_up), process_code(-EBUSY));
    ck_assert_int_eq(close(still), 0);
    process_expect_success(&waits);
    process_expect_success(&gives_up);
    ck_assert_int_eq(shmq_remove(other, true), 0);
}
END_TEST

START_TEST(who_waits_for_the_choice_of_others_can_be_stopped)
{
    const volatile int stop = 1;
    struct shmq *handle;
    struct shmq_options options = small;
    const int fd = lock_choice();
    options.source_id = 1;
    options.stop = &stop;
    ck_assert_int_eq(shmq_open(&handle, name, SHMQ_PRODUCER, &options), -EINTR);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(groups_that_make_no_sense)
{
    uint64_t size;
    uint64_t check;
    struct shmq *handle = open_source(1);
    struct shmq_options options = small;
    ck_assert_int_eq(shmq_source_whole(handle, &size, &check), -EINVAL);
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_part(1, false, 1);
    ck_assert_int_eq(shmq_source_whole(handle, NULL, &check), -EINVAL);
    ck_assert_int_eq(shmq_source_whole(handle, &size, NULL), -EINVAL);
    ck_assert_int_eq(shmq_close(handle), 0);
    options.source_part = 1; /* of nothing */
    ck_assert_int_eq(shmq_open(&handle, name, SHMQ_PRODUCER, &options), -EINVAL);
}
END_TEST

/* ------------------------------------------------------------------ withdrawing */

static struct shmq_lane_stat lane_stat(uint32_t lane)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    ck_assert_int_eq(shmq_stat_lane(observer, lane, &stat), 0);
    return stat;
}

START_TEST(who_withdraws_leaves_a_finished_lane_finished)
{
    struct shmq *handle = open_source(1);
    planted_put(handle, "1234");
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(1);
    ck_assert_int_eq(lane_stat(0).finished, false);
    shmq_withdraw(handle);
    const struct shmq_lane_stat stat = lane_stat(0);
    ck_assert(stat.finished && !stat.alive);
    ck_assert_uint_eq(stat.finishes, 1);
    handle = open_source(1);
    ck_assert_uint_eq(resume_offset(handle), 4);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

START_TEST(who_withdraws_leaves_an_unfinished_lane_unfinished)
{
    struct shmq *handle = open_source(1);
    planted_put(handle, "1234");
    set_note(handle, "note");
    shmq_abandon(handle);
    shmq_withdraw(open_source(1));
    ck_assert(!lane_stat(0).finished);
    handle = open_source(1);
    ck_assert_uint_eq(resume_offset(handle), 4);
    expect_note(handle, "note");
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* Messages of the one before would change theirs. */
START_TEST(who_withdraws_leaves_the_lane_its_priority)
{
    struct shmq_options options = small;
    options.source_id = 1;
    options.priority = 2;
    struct shmq *handle = planted_open(name, SHMQ_PRODUCER, &options);
    planted_put(handle, "1234");
    if (_i == 0)
        shmq_abandon(handle);
    else
        ck_assert_int_eq(shmq_close(handle), 0);
    options.priority = 7;
    handle = planted_open(name, SHMQ_PRODUCER, &options);
    ck_assert_uint_eq(lane_stat(0).priority, 7);
    shmq_withdraw(handle);
    ck_assert_uint_eq(lane_stat(0).priority, 2);
}
END_TEST

START_TEST(a_part_that_withdraws_has_not_been_there)
{
    run_part(2, false, 1000, 1000);
    shmq_withdraw(open_part(1, false, 2000));
    run_part(1, false, 3000, 1000);
}
END_TEST

START_TEST(who_withdraws_from_a_new_lane_counts_as_nobody)
{
    shmq_withdraw(open_source(1));
    const struct shmq_lane_stat stat = lane_stat(0);
    ck_assert(stat.finished);
    ck_assert_uint_eq(stat.finishes, 0);
    ck_assert_uint_eq(stat.source_id, 0);
}
END_TEST

/* Also for consumers that sleep. */
START_TEST(the_stream_ends_when_the_last_one_withdraws)
{
    struct shmq_message message;
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, NULL);
    ck_assert_int_eq(shmq_close(open_source(1)), 0);
    struct shmq *handle = open_source(1);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), -EAGAIN);
    shmq_withdraw(handle);
    ck_assert_int_eq(shmq_lease(consumer, &message, SHMQ_FOREVER), -ENODATA);
    ck_assert_int_eq(shmq_close(consumer), 0);
}
END_TEST

START_TEST(after_a_put_nobody_can_withdraw)
{
    struct shmq *handle = open_source(1);
    planted_put(handle, "1");
    shmq_withdraw(handle);
    ck_assert(!lane_stat(0).finished);
    ck_assert_uint_eq(lane_stat(0).source_id, 1);
    handle = open_source(1);
    ck_assert_int_eq(shmq_finish(handle), 0);
    shmq_withdraw(handle);
    ck_assert(lane_stat(0).finished);
    ck_assert_uint_eq(lane_stat(0).finishes, 1);
    shmq_withdraw(NULL);
    shmq_withdraw(planted_open(name, SHMQ_CONSUMER, NULL));
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("notes"),
    TEST(a_note_stays_with_its_source),
    TEST(a_note_is_written_beside_the_one_that_counts),
    TEST(a_note_is_not_another_source_s),
    TEST(notes_that_make_no_sense),
    TEST(a_damaged_note_is_an_error),
    TEST(a_source_begins_at_0_in_a_lane_that_others_had),
    TEST_GROUP("parts"),
    TEST_EACH(all_parts_go_by_what_the_first_said, 2),
    TEST(parts_that_go_on_never_begin_anew),
    TEST(a_part_that_comes_again_begins_anew),
    TEST_EACH(a_part_that_comes_again_is_known_in_every_lane, 3),
    TEST(what_another_group_agreed_on_does_not_count),
    TEST(a_lane_is_taken_over_by_another_group),
    TEST(nobody_begins_anew_while_a_part_is_unfinished),
    TEST(a_lane_is_shared_by_the_parts_that_follow),
    TEST(what_a_group_agreed_on_is_kept_while_other_lanes_are_there),
    TEST_EACH(who_takes_long_to_choose_is_waited_for, 2),
    TEST(who_waits_for_the_choice_of_others_can_be_stopped),
    TEST(who_waits_for_the_choice_of_many_waits_while_some_come),
    TEST(groups_that_make_no_sense),
    TEST_GROUP("withdrawing"),
    TEST(who_withdraws_leaves_a_finished_lane_finished),
    TEST(who_withdraws_leaves_an_unfinished_lane_unfinished),
    TEST_EACH(who_withdraws_leaves_the_lane_its_priority, 2),
    TEST(a_part_that_withdraws_has_not_been_there),
    TEST(who_withdraws_from_a_new_lane_counts_as_nobody),
    TEST(the_stream_ends_when_the_last_one_withdraws),
    TEST(after_a_put_nobody_can_withdraw),
};

TEST_SUITE("source", tests, .seconds = 40, .set_up = set_up, .tear_down = tear_down);
