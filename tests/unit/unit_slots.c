/* SPDX-License-Identifier: MIT */
/* The slots of a source: records that outlive its producers, and that no other source finds. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/shmq.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define SLOT_PAGE 4096
#define IN_PAGE (SLOT_PAGE / (uint32_t)sizeof(struct source_slot))
#define LAST (SHMQ_SLOTS_MAX - 1u)
#define NOT_PERMITTED 77

static struct shmq_options small;
static struct shmq *observer;
static const char *name;

/* One lane: each source takes that of the one before. */
static void set_up(void)
{
    small = planted_small();
    small.lanes = 1;
    name = test_name("slots");
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

static void set_slot(struct shmq *handle, uint32_t slot, const char *text)
{
    const int error = shmq_set_source_slot(handle, slot, text, strlen(text));
    ck_assert_msg(error == 0, "slot %u: %s", slot, shmq_strerror(error));
}

static void expect_slot(struct shmq *handle, uint32_t slot, const char *text)
{
    char data[SHMQ_SLOT_MAX];
    size_t length = 999;
    ck_assert_int_eq(shmq_source_slot(handle, slot, data, &length), 0);
    ck_assert_msg(length == strlen(text) && memcmp(data, text, length) == 0, "slot %u: %.*s (%zu)", slot,
                  (int)length, data, length);
}

static uint64_t reserved(void)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    ck_assert_int_eq(shmq_stat(observer, &stat), 0);
    return stat.reserved_bytes;
}

/* ------------------------------------------------------------------ records */

#define LONGEST                                                                                                   \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"        \
    "01234567890123456789"

START_TEST(a_record_stays_in_its_slot)
{
    struct shmq *handle = open_source(1);
    ck_assert_uint_eq(strlen(LONGEST), SHMQ_SLOT_MAX);
    for (int i = 0; i < 2; i++) {
        expect_slot(handle, 3, "");
        set_slot(handle, 3, "one");
        expect_slot(handle, 3, "one");
        set_slot(handle, 3, LONGEST);
        expect_slot(handle, 3, LONGEST);
        expect_slot(handle, 2, "");
        expect_slot(handle, 4, "");
        set_slot(handle, 3, "another");
        expect_slot(handle, 3, "another");
        ck_assert_int_eq(shmq_set_source_slot(handle, 3, NULL, 0), 0);
    }
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

static void text_of(char *text, uint32_t slot, char letter)
{
    memset(text, letter, slot % SHMQ_SLOT_MAX + 1);
    text[slot % SHMQ_SLOT_MAX + 1] = '\0';
}

static void set_all(struct shmq *handle, char letter)
{
    char text[SHMQ_SLOT_MAX + 1];
    for (uint32_t slot = 0; slot < SHMQ_SLOTS_MAX; slot++) {
        text_of(text, slot, letter);
        set_slot(handle, slot, text);
    }
}

static void expect_all(struct shmq *handle, char letter)
{
    char text[SHMQ_SLOT_MAX + 1];
    for (uint32_t slot = 0; slot < SHMQ_SLOTS_MAX; slot++) {
        text_of(text, slot, letter);
        expect_slot(handle, slot, letter != '\0' ? text : "");
    }
}

START_TEST(every_slot_has_its_own)
{
    struct shmq *handle = open_source(1);
    set_all(handle, 'a');
    expect_all(handle, 'a');
    set_all(handle, 'b');
    expect_all(handle, 'b');
    shmq_abandon(handle);
    handle = open_source(1);
    expect_all(handle, 'b');
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* ------------------------------------------------------------------ whose they are */

START_TEST(a_source_that_comes_back_finds_its_records)
{
    struct shmq *handle = open_source(1);
    set_slot(handle, 0, "abandoned");
    shmq_abandon(handle);
    handle = open_source(1);
    expect_slot(handle, 0, "abandoned");
    set_slot(handle, 0, "finished");
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(1);
    expect_slot(handle, 0, "finished");
    set_slot(handle, 1, "withdrawn");
    shmq_withdraw(handle);
    handle = open_source(1);
    expect_slot(handle, 0, "finished");
    expect_slot(handle, 1, "withdrawn");
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* Those who come for the lane alone empty it, too. */
START_TEST(another_source_finds_none)
{
    const uint64_t other = (uint64_t)_i;
    struct shmq *handle = open_source(7);
    set_all(handle, 'a');
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(other);
    if (other != 0) {
        expect_all(handle, '\0');
        set_slot(handle, 5, "of the other");
    }
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(7);
    expect_all(handle, '\0');
    set_slot(handle, 6, "again");
    expect_slot(handle, 6, "again");
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(7);
    expect_slot(handle, 5, "");
    expect_slot(handle, 6, "again");
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* A source that withdraws from a lane in which it was never before has not been there. */
START_TEST(who_withdraws_takes_its_records_along)
{
    struct shmq *handle = open_source(1);
    set_slot(handle, 0, "gone");
    shmq_withdraw(handle);
    handle = open_source(1);
    expect_slot(handle, 0, "");
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* Whoever dies while it takes the lane for another source leaves it to none, whichever of its steps were made. */
START_TEST(a_newcomer_that_died_leaves_no_record_to_anybody)
{
    struct planted planted;
    struct shmq *handle = open_source(1);
    set_slot(handle, 0, "of one");
    shmq_abandon(handle);
    planted_map(&planted, name);
    struct lane_control *control = planted_lane(&planted, 0);
    atomic_store(&control->source_id, 0);
    if (_i == 1)
        atomic_fetch_add(&control->slot_epoch, 1);
    planted_unmap(&planted);
    handle = open_source((uint64_t)1 + (uint64_t)_i);
    expect_slot(handle, 0, "");
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* ------------------------------------------------------------------ how it is written */

/* Whoever dies while it writes one leaves the one before. */
START_TEST(a_record_is_written_beside_the_one_that_counts)
{
    const char *const texts[] = {"one", "two", "three", "four", "five"};
    const char *before = NULL;
    struct planted planted;
    struct shmq *handle = open_source(1);
    planted_map(&planted, name);
    const uint64_t epoch = atomic_load(&planted_lane(&planted, 0)->slot_epoch);
    for (size_t i = 0; i < COUNT(texts); i++) {
        set_slot(handle, 9, texts[i]);
        const struct source_slot *slot = planted_slot(&planted, 0, 9);
        const uint64_t copy = (i + 1) % 2;
        ck_assert_uint_eq(atomic_load(&slot->word), epoch << 9 | copy << 8 | strlen(texts[i]));
        ck_assert_mem_eq(slot->copies[copy], texts[i], strlen(texts[i]));
        if (before != NULL)
            ck_assert_mem_eq(slot->copies[!copy], before, strlen(before));
        before = texts[i];
    }
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* ------------------------------------------------------------------ memory */

START_TEST(memory_is_taken_only_up_to_the_highest_slot)
{
    struct shmq *handle = open_source(1);
    const uint64_t before = reserved();
    expect_all(handle, '\0');
    for (uint32_t slot = 0; slot < SHMQ_SLOTS_MAX; slot++)
        ck_assert_int_eq(shmq_set_source_slot(handle, slot, NULL, 0), 0);
    ck_assert_uint_eq(reserved(), before);
    set_slot(handle, IN_PAGE - 1, "x");
    ck_assert_uint_eq(reserved(), before + SLOT_PAGE);
    set_slot(handle, 0, "x");
    ck_assert_uint_eq(reserved(), before + SLOT_PAGE);
    set_slot(handle, IN_PAGE, "x");
    ck_assert_uint_eq(reserved(), before + 2 * SLOT_PAGE);
    expect_slot(handle, LAST, "");
    ck_assert_int_eq(shmq_check(observer, NULL, NULL), 0);
    ck_assert_uint_eq(reserved(), before + 2 * SLOT_PAGE);
    set_slot(handle, LAST, "x");
    ck_assert_uint_eq(reserved(), before + SHMQ_SLOTS_MAX / IN_PAGE * SLOT_PAGE);
    ck_assert_int_eq(shmq_close(handle), 0);
    handle = open_source(2); /* they are used again */
    set_slot(handle, LAST, "x");
    ck_assert_uint_eq(reserved(), before + SHMQ_SLOTS_MAX / IN_PAGE * SLOT_PAGE);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

static uint64_t free_blocks(void)
{
    struct statvfs fs;
    ck_assert_int_eq(statvfs("/dev/shm", &fs), 0);
    return fs.f_bfree;
}

static void take_all_room(void)
{
    static const unsigned char block[SLOT_PAGE];
    const int fd = open("/dev/shm/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    ck_assert_int_eq(errno, ENOSPC);
    (void)close(fd);
    ck_assert_uint_eq(free_blocks(), 0);
}

static void expect_slots_without_room(void)
{
    struct shmq *handle = open_source(1);
    set_slot(handle, 0, "first");
    take_all_room();
    ck_assert_int_eq(shmq_set_source_slot(handle, IN_PAGE, "x", 1), -ENOSPC);
    ck_assert_int_eq(shmq_set_source_slot(handle, LAST, "x", 1), -ENOSPC);
    expect_slot(handle, IN_PAGE, "");
    expect_slot(handle, LAST, "");
    ck_assert_int_eq(shmq_set_source_slot(handle, LAST, NULL, 0), 0);
    set_slot(handle, 0, "second"); /* everything else goes on */
    planted_put(handle, "1234");
    set_slot(handle, IN_PAGE - 1, "third");
    shmq_abandon(handle);
    handle = open_source(1); /* also for its successor */
    expect_slot(handle, 0, "second");
    set_slot(handle, 0, "fourth");
    expect_slot(handle, IN_PAGE - 1, "third");
    ck_assert_int_eq(shmq_set_source_slot(handle, IN_PAGE, "x", 1), -ENOSPC);
    ck_assert_int_eq(unlink("/dev/shm/ballast"), 0);
    set_slot(handle, IN_PAGE, "fifth");
    expect_slot(handle, IN_PAGE, "fifth");
    expect_slot(handle, 0, "fourth");
    ck_assert_int_eq(shmq_close(handle), 0);
}

static int fill_dev_shm(void *context)
{
    (void)context;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("shmq-test", "/dev/shm", "tmpfs", 0, "size=1m") != 0)
        return NOT_PERMITTED;
    expect_slots_without_room();
    return 0;
}

START_TEST(a_full_dev_shm_leaves_all_as_it_was)
{
    int status = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(fill_dev_shm(NULL));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_PERMITTED) {
        test_skip("mounting a small /dev/shm is not permitted");
        return;
    }
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed: status %#x", status);
}
END_TEST

/* ------------------------------------------------------------------ what is refused */

START_TEST(slots_that_make_no_sense)
{
    char data[SHMQ_SLOT_MAX + 1] = "";
    size_t length;
    struct shmq *handle = open_source(1);
    ck_assert_int_eq(shmq_set_source_slot(handle, 0, data, SHMQ_SLOT_MAX + 1), -EINVAL);
    ck_assert_int_eq(shmq_set_source_slot(handle, 0, data, SIZE_MAX), -EINVAL);
    ck_assert_int_eq(shmq_set_source_slot(handle, 0, NULL, 1), -EINVAL);
    ck_assert_int_eq(shmq_set_source_slot(handle, SHMQ_SLOTS_MAX, data, 1), -EINVAL);
    ck_assert_int_eq(shmq_set_source_slot(handle, UINT32_MAX, data, 1), -EINVAL);
    ck_assert_int_eq(shmq_set_source_slot(handle, UINT32_MAX, NULL, 0), -EINVAL);
    ck_assert_int_eq(shmq_source_slot(handle, SHMQ_SLOTS_MAX, data, &length), -EINVAL);
    ck_assert_int_eq(shmq_source_slot(handle, 0, NULL, &length), -EINVAL);
    ck_assert_int_eq(shmq_source_slot(handle, 0, data, NULL), -EINVAL);
    expect_all(handle, '\0');
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

START_TEST(without_a_source_there_are_no_slots)
{
    char data[SHMQ_SLOT_MAX];
    size_t length;
    struct shmq *handle = open_source(0);
    ck_assert_int_eq(shmq_set_source_slot(handle, 0, "x", 1), -EINVAL);
    ck_assert_int_eq(shmq_source_slot(handle, 0, data, &length), -EINVAL);
    ck_assert_int_eq(shmq_close(handle), 0);
    ck_assert_int_eq(shmq_set_source_slot(observer, 0, "x", 1), -EINVAL);
    ck_assert_int_eq(shmq_source_slot(observer, 0, data, &length), -EINVAL);
    ck_assert_int_eq(shmq_source_slot(NULL, 0, data, &length), -EINVAL);
}
END_TEST

/* ------------------------------------------------------------------ damage */

static char problem[256];

static void note_problem(void *context, const char *text)
{
    (void)context;
    (void)snprintf(problem, sizeof(problem), "%s", text);
}

static void expect_damage(struct shmq *handle, uint32_t slot)
{
    char expected[64];
    char data[SHMQ_SLOT_MAX];
    size_t length;
    (void)snprintf(expected, sizeof(expected), "lane 0: slot %u of its source is invalid", slot);
    ck_assert_int_eq(shmq_source_slot(handle, slot, data, &length), -EBADMSG);
    ck_assert_int_eq(shmq_set_source_slot(handle, slot, "x", 1), -EBADMSG);
    ck_assert_int_eq(shmq_set_source_slot(handle, slot, NULL, 0), -EBADMSG);
    ck_assert_int_eq(shmq_check(observer, note_problem, NULL), -EBADMSG);
    ck_assert_str_eq(problem, expected);
}

START_TEST(a_damaged_slot_is_an_error)
{
    static const uint32_t slots[] = {0, 17, LAST};
    const uint32_t slot = slots[_i % 3];
    struct planted planted;
    struct shmq *handle = open_source(1);
    set_slot(handle, slot, "good");
    planted_map(&planted, name);
    shared_u64 *word = &planted_slot(&planted, 0, slot)->word;
    const uint64_t good = atomic_load(word);
    const uint64_t bad[] = {(good & ~UINT64_C(0xff)) | (SHMQ_SLOT_MAX + 1), good | 0xff, good + (1 << 9),
                            UINT64_MAX << 9};
    for (size_t i = 0; i < COUNT(bad); i++) {
        atomic_store(word, bad[i]);
        expect_damage(handle, slot);
        if (slot > 0)
            set_slot(handle, 0, "another");
    }
    atomic_store(word, good);
    expect_slot(handle, slot, "good");
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

/* As if all were of a later source. */
START_TEST(a_damaged_epoch_is_an_error)
{
    struct planted planted;
    struct shmq *handle = open_source(1);
    set_slot(handle, 4, "good");
    planted_map(&planted, name);
    shared_u64 *epoch = &planted_lane(&planted, 0)->slot_epoch;
    const uint64_t good = atomic_load(epoch);
    atomic_store(epoch, 0);
    expect_damage(handle, 4);
    expect_slot(handle, 5, "");
    atomic_store(epoch, UINT64_C(1) << 55);
    expect_damage(handle, 0);
    atomic_store(epoch, good);
    expect_slot(handle, 4, "good");
    ck_assert_int_eq(shmq_close(handle), 0);
    /* The highest one is followed by 0, and what the old ones left is still not the new one's. */
    atomic_store(epoch, (UINT64_C(1) << 55) - 1);
    handle = open_source(2);
    ck_assert_uint_eq(atomic_load(epoch), 0);
    expect_damage(handle, 4);
    atomic_store(epoch, good + 1);
    expect_slot(handle, 4, "");
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

START_TEST(a_truncated_object_is_an_error)
{
    char data[SHMQ_SLOT_MAX];
    size_t length;
    struct planted planted;
    struct shmq *handle = open_source(1);
    planted_map(&planted, name);
    const off_t cut = (off_t)(geometry_slots_offset(&planted.geometry, 0) + SLOT_PAGE);
    ck_assert_int_eq(truncate(test_object_path(name), cut), 0);
    expect_slot(handle, IN_PAGE - 1, "");
    ck_assert_int_eq(shmq_source_slot(handle, IN_PAGE, data, &length), -EBADMSG);
    ck_assert_int_eq(shmq_set_source_slot(handle, IN_PAGE, NULL, 0), -EBADMSG);
    ck_assert_int_eq(shmq_check(observer, note_problem, NULL), -EBADMSG);
    ck_assert_int_eq(truncate(test_object_path(name), (off_t)planted.bytes), 0);
    planted_unmap(&planted);
    ck_assert_int_eq(shmq_close(handle), 0);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("records"),
    TEST(a_record_stays_in_its_slot),
    TEST(every_slot_has_its_own),
    TEST(a_record_is_written_beside_the_one_that_counts),
    TEST_GROUP("sources"),
    TEST(a_source_that_comes_back_finds_its_records),
    TEST_EACH(another_source_finds_none, 2),
    TEST(who_withdraws_takes_its_records_along),
    TEST_EACH(a_newcomer_that_died_leaves_no_record_to_anybody, 2),
    TEST_GROUP("memory"),
    TEST(memory_is_taken_only_up_to_the_highest_slot),
    TEST(a_full_dev_shm_leaves_all_as_it_was),
    TEST_GROUP("refused"),
    TEST(slots_that_make_no_sense),
    TEST(without_a_source_there_are_no_slots),
    TEST_GROUP("damage"),
    TEST_EACH(a_damaged_slot_is_an_error, 3),
    TEST(a_damaged_epoch_is_an_error),
    TEST(a_truncated_object_is_an_error),
};

TEST_SUITE("slots", tests, .seconds = 20, .set_up = set_up, .tear_down = tear_down);
