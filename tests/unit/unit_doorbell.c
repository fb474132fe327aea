/* SPDX-License-Identifier: MIT */
/* One doorbell, call by call: what is rung, taken out, opened again, replaced. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/kernel/clock.h"
#include "common/kernel/doorbell.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define MS INT64_C(1000000)
#define PLAUSIBLE 3u
#define TAKEN_OUT_MOST 4096u

static struct doorbell bell;
static struct doorbell_access access_of_ours;
static char path[SEMAPHORE_PATH_BYTES];

static void begin(const char *test)
{
    bell = (struct doorbell){0};
    name_of_items(bell.name, test_name(test));
    name_of_semaphore_file(path, bell.name);
    access_of_ours = (struct doorbell_access){.owner = geteuid(), .group = getegid(), .mode = 0600};
    ck_assert(doorbell_open(&bell, &access_of_ours, 0));
}

static void end(void)
{
    doorbell_close(&bell);
    ck_assert(unlink(path) == 0 || errno == ENOENT);
}

static int value(void)
{
    int value = -1;
    ck_assert_int_eq(sem_getvalue(bell.semaphore, &value), 0);
    return value;
}

/* Its value is the first 32 bits of glibc's semaphore. */
static void set_value(uint32_t value)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
    ck_assert_int_eq(close(fd), 0);
}

/* The first byte that never changes, or the last one. */
static void spoil(off_t offset)
{
    unsigned char byte;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
    ck_assert_int_eq(close(fd), 0);
}

static ino_t inode(void)
{
    struct stat st = {0};
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

START_TEST(each_ring_ends_one_sleep)
{
    begin("rings");
    doorbell_ring(&bell, 0);
    ck_assert_int_eq(value(), 0);
    doorbell_ring(&bell, 3);
    ck_assert_int_eq(value(), 3);
    doorbell_ring_anywhere(&bell, 2);
    ck_assert_int_eq(value(), 5);
    for (int i = 0; i < 5; i++)
        ck_assert(doorbell_sleep(&bell, clock_now_ns() + process_patience_ms() * MS));
    const int64_t deadline = clock_now_ns() + 20 * MS;
    ck_assert(!doorbell_sleep(&bell, deadline));
    ck_assert_int_ge(clock_now_ns(), deadline);
    end();
}
END_TEST

/* One that may not be trusted, and one that was never opened. */
START_TEST(what_is_not_open_rings_for_nobody)
{
    struct doorbell never = {0};
    begin("closed");
    doorbell_ring(&never, 1);
    doorbell_ring_anywhere(&never, 1);
    ck_assert(doorbell_is_intact(&never));
    ck_assert(!doorbell_can_be_heard(&never, PLAUSIBLE));
    ck_assert(!doorbell_replace(&never, &access_of_ours));
    doorbell_close(&bell);
    ck_assert(!doorbell_can_be_heard(&bell, PLAUSIBLE));
    ck_assert_ptr_null(bell.place);
    end();
}
END_TEST

START_TEST(one_that_is_not_intact_is_neither_rung_nor_heard)
{
    const off_t places[] = {sizeof(uint64_t), sizeof(sem_t) - 1};
    begin("intact");
    for (size_t i = 0; i < COUNT(places); i++) {
        spoil(places[i]);
        ck_assert(!doorbell_is_intact(&bell));
        ck_assert(!doorbell_can_be_heard(&bell, PLAUSIBLE));
        doorbell_ring(&bell, 1);
        ck_assert_int_eq(value(), 0);
        spoil(places[i]);
        ck_assert(doorbell_is_intact(&bell));
        ck_assert(doorbell_can_be_heard(&bell, PLAUSIBLE));
    }
    end();
}
END_TEST

/* ------------------------------------------------------------------ rings too many */

START_TEST(rings_beyond_the_plausible_are_taken_out)
{
    begin("drain");
    for (uint32_t rings = 0; rings < 8; rings++) {
        set_value(rings);
        ck_assert(doorbell_drain(&bell, PLAUSIBLE));
        ck_assert_uint_eq((unsigned)value(), rings < PLAUSIBLE ? rings : PLAUSIBLE);
    }
    set_value(PLAUSIBLE + TAKEN_OUT_MOST);
    ck_assert(doorbell_drain(&bell, PLAUSIBLE));
    ck_assert_uint_eq((unsigned)value(), PLAUSIBLE);
    end();
}
END_TEST

START_TEST(a_value_that_somebody_has_set_is_left)
{
    const uint32_t values[] = {PLAUSIBLE + TAKEN_OUT_MOST + 1, SEM_VALUE_MAX};
    begin("set");
    for (size_t i = 0; i < COUNT(values); i++) {
        set_value(values[i]);
        ck_assert(!doorbell_drain(&bell, PLAUSIBLE));
        ck_assert_uint_eq((unsigned)value(), values[i]);
    }
    end();
}
END_TEST

/* It is heard again when as many have been taken out as no mistake of ours has left. */
START_TEST(a_noisy_one_is_heard_once_it_has_few_rings)
{
    begin("noisy");
    set_value(PLAUSIBLE + 2 * TAKEN_OUT_MOST + 1);
    ck_assert(doorbell_can_be_heard(&bell, PLAUSIBLE));
    ck_assert_uint_eq((unsigned)value(), PLAUSIBLE + 2 * TAKEN_OUT_MOST + 1);
    bell.noisy = true;
    ck_assert(!doorbell_can_be_heard(&bell, PLAUSIBLE));
    ck_assert(bell.noisy);
    ck_assert_uint_eq((unsigned)value(), PLAUSIBLE + TAKEN_OUT_MOST + 1);
    ck_assert(doorbell_can_be_heard(&bell, PLAUSIBLE));
    ck_assert(!bell.noisy);
    ck_assert_uint_eq((unsigned)value(), PLAUSIBLE + 1);
    end();
}
END_TEST

/* ------------------------------------------------------------------ opening */

START_TEST(it_is_opened_again_in_another_generation_only)
{
    begin("again");
    const ino_t first = inode();
    ck_assert_uint_eq(bell.inode, first);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert(doorbell_open(&bell, &access_of_ours, 0));
    ck_assert_uint_eq(inode(), 0);
    bell.noisy = true;
    ck_assert(doorbell_open(&bell, &access_of_ours, 1));
    ck_assert(!bell.noisy);
    ck_assert_uint_ne(inode(), 0);
    ck_assert_uint_eq(bell.inode, inode());
    ck_assert_uint_eq(bell.generation, 1);
    end();
}
END_TEST

/* A ring that somebody gives where it was mapped, while it cannot be had, is heard by nobody and harms nobody. */
START_TEST(what_failed_is_not_tried_again_in_its_generation)
{
    begin("failed");
    const sem_t *const place = bell.place;
    struct doorbell other = {0}; /* hears nothing of what is rung meanwhile */
    memcpy(other.name, bell.name, sizeof(other.name));
    ck_assert(doorbell_open(&other, &access_of_ours, 0));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert(!doorbell_open(&bell, &access_of_ours, 1));
    ck_assert_ptr_null(bell.semaphore);
    ck_assert_ptr_eq(bell.place, place);
    doorbell_ring(&bell, 1);
    doorbell_ring_anywhere(&bell, 1);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert(!doorbell_open(&bell, &access_of_ours, 1));
    ck_assert(!doorbell_sleep(&other, clock_now_ns()));
    doorbell_close(&other);
    ck_assert(doorbell_open(&bell, &access_of_ours, 2));
    ck_assert_ptr_eq(bell.place, place);
    ck_assert_int_eq(value(), 0);
    end();
}
END_TEST

/* Whoever opens it finds what another has made, and rings for it. */
START_TEST(two_have_the_same_one)
{
    begin("same");
    struct doorbell other = {0};
    memcpy(other.name, bell.name, sizeof(other.name));
    ck_assert(doorbell_open(&other, &access_of_ours, 0));
    ck_assert_uint_eq(other.inode, bell.inode);
    doorbell_ring(&other, 1);
    ck_assert_int_eq(value(), 1);
    doorbell_close(&other);
    end();
}
END_TEST

static mode_t mode_of_file(void)
{
    struct stat st = {0};
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 07777;
}

START_TEST(it_has_the_queue_s_mode_whatever_the_umask)
{
    begin("mode");
    const mode_t before = umask(0077);
    ck_assert_int_eq(unlink(path), 0);
    access_of_ours.mode = 0660;
    ck_assert(doorbell_open(&bell, &access_of_ours, 1));
    ck_assert_uint_eq(mode_of_file(), 0660);
    access_of_ours.mode = 0640;
    ck_assert(doorbell_replace(&bell, &access_of_ours));
    ck_assert_uint_eq(mode_of_file(), 0640);
    (void)umask(before);
    end();
}
END_TEST

/* Of another kind or size, or made by a stranger. */
START_TEST(what_is_no_semaphore_is_not_opened)
{
    struct stat st;
    begin("strange");
    ck_assert_int_eq(truncate(path, sizeof(sem_t) + 1), 0);
    ck_assert(!doorbell_open(&bell, &access_of_ours, 1));
    ck_assert_int_eq(truncate(path, sizeof(sem_t) - 1), 0);
    ck_assert(!doorbell_open(&bell, &access_of_ours, 2));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq((uint64_t)st.st_size, sizeof(sem_t) - 1);
    ck_assert_int_eq(truncate(path, sizeof(sem_t)), 0);
    ck_assert(doorbell_open(&bell, &access_of_ours, 3));
    end();
}
END_TEST

/* ------------------------------------------------------------------ replacing */

START_TEST(it_is_replaced_only_while_the_name_means_it)
{
    begin("replace");
    const ino_t first = inode();
    doorbell_ring(&bell, 1);
    ck_assert(doorbell_replace(&bell, &access_of_ours));
    const ino_t second = inode();
    ck_assert_uint_ne(second, 0);
    ck_assert_uint_ne(second, first);
    ck_assert(doorbell_replace(&bell, &access_of_ours)); /* need not be any more: ours is the first */
    ck_assert_uint_eq(inode(), second);
    doorbell_unlink(&bell);
    ck_assert_uint_eq(inode(), second);
    ck_assert(doorbell_open(&bell, &access_of_ours, 1));
    ck_assert_int_eq(value(), 0);
    doorbell_unlink(&bell);
    ck_assert_uint_eq(inode(), 0);
    ck_assert(doorbell_replace(&bell, &access_of_ours)); /* whoever opens it next makes one */
    ck_assert_uint_eq(inode(), 0);
    end();
}
END_TEST

/* Check itself writes files, so nothing is asserted under the limit. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    (void)setrlimit(RLIMIT_FSIZE, &limit);
}

/* Writing beyond the limit would raise a signal. */
START_TEST(nothing_is_made_where_it_could_not_be_written)
{
    begin("limit");
    const ino_t first = inode();
    limit_files(sizeof(sem_t) - 1);
    const bool replaced = doorbell_replace(&bell, &access_of_ours);
    const bool stayed = inode() == first;
    (void)unlink(path);
    const bool opened = doorbell_open(&bell, &access_of_ours, 1);
    limit_files(RLIM_INFINITY);
    ck_assert(!replaced && stayed && !opened);
    ck_assert_uint_eq(inode(), 0);

    limit_files(sizeof(sem_t));
    const bool opened_then = doorbell_open(&bell, &access_of_ours, 2);
    const bool replaced_then = doorbell_replace(&bell, &access_of_ours);
    limit_files(RLIM_INFINITY);
    ck_assert(opened_then && replaced_then);
    ck_assert_uint_ne(bell.inode, inode());
    end();
}
END_TEST

/* The lowest that is free, which is given out next. */
static int free_descriptor(void)
{
    const int fd = open("/", O_RDONLY | O_CLOEXEC);
    (void)close(fd);
    return fd;
}

static int mappings(void)
{
    char line[1024];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps) != NULL)
        count += strstr(line, "sem.shmq.") != NULL;
    ck_assert_int_eq(fclose(maps), 0);
    return count;
}

static void limit_descriptors(rlim_t count)
{
    struct rlimit limit;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = count;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(without_a_descriptor_nothing_is_replaced)
{
    struct rlimit before;
    begin("descriptors");
    const ino_t first = inode();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit_descriptors((rlim_t)free_descriptor());
    const bool replaced = doorbell_replace(&bell, &access_of_ours);
    limit_descriptors(before.rlim_cur);
    ck_assert(!replaced);
    ck_assert_uint_eq(inode(), first);
    ck_assert_int_ge(fcntl(STDIN_FILENO, F_GETFD), 0);
    end();
}
END_TEST

START_TEST(nothing_of_it_stays_open)
{
    begin("left-open");
    doorbell_close(&bell);
    ck_assert_int_eq(mappings(), 0);
    const int before = free_descriptor();
    for (uint32_t i = 1; i < 4; i++) {
        (void)unlink(path);
        ck_assert(doorbell_open(&bell, &access_of_ours, i));
        ck_assert(doorbell_replace(&bell, &access_of_ours));
        ck_assert(doorbell_open(&bell, &access_of_ours, 10 + i));
        ck_assert_int_eq(mappings(), 1);
    }
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert(!doorbell_open(&bell, &access_of_ours, 20));
    ck_assert_int_eq(mappings(), 0); /* a bare page */
    doorbell_close(&bell);
    ck_assert_int_eq(free_descriptor(), before);
    end();
}
END_TEST

/* It then has a passing name at first, as sem_open makes it. */
START_TEST(it_is_made_without_proc_too)
{
    begin("no-proc");
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        end();
        return; /* only root can take it away */
    }
    doorbell_close(&bell);
    ck_assert_int_eq(unlink(path), 0);
    const int before = free_descriptor();
    ck_assert_int_eq(mount("none", "/proc", "tmpfs", 0, NULL), 0);
    const bool opened = doorbell_open(&bell, &access_of_ours, 1);
    ck_assert_int_eq(umount("/proc"), 0);
    ck_assert(opened);
    ck_assert_int_eq(value(), 0);
    ck_assert_uint_eq(bell.inode, inode());
    ck_assert_int_eq(mappings(), 1);
    ck_assert_int_eq(free_descriptor(), before);
    end();
}
END_TEST

/* ------------------------------------------------------------------ whom it is made by */

#define STRANGER 12345
#define THEIR_GROUP 23456

/* Who owns the file, how, and whether a process of the queue's owner opens it. */
static const struct {
    uid_t owner;
    gid_t group;
    mode_t mode; /* of the file */
    mode_t queue_mode;
    bool trusted;
} makers[] = {
    {0, 0, 0600, 0600, true}, /* root, who is also who we are */
    {STRANGER, 0, 0600, 0600, false},
    {STRANGER, THEIR_GROUP, 0660, 0660, true},
    {STRANGER, THEIR_GROUP, 0660, 0600, false},
    {STRANGER, THEIR_GROUP, 0660, 0620, false},
    {STRANGER, THEIR_GROUP, 0660, 0640, false},
    {STRANGER, 0, 0660, 0660, false},
    {STRANGER, THEIR_GROUP, 0662, 0660, false},
    {STRANGER + 1, 0, 0600, 0600, true}, /* the queue's owner */
};

START_TEST(it_is_trusted_by_who_made_it)
{
    if (geteuid() != 0)
        return; /* only root can make files of others */
    begin("makers");
    ck_assert_int_eq(chown(path, makers[_i].owner, makers[_i].group), 0);
    ck_assert_int_eq(chmod(path, makers[_i].mode), 0);
    const struct doorbell_access queue_access = {
        .owner = STRANGER + 1, .group = THEIR_GROUP, .mode = makers[_i].queue_mode};
    ck_assert_int_eq(doorbell_open(&bell, &queue_access, 1), makers[_i].trusted);
    end();
}
END_TEST

/* The queue's owner could not replace one of root's otherwise. */
START_TEST(what_root_makes_belongs_to_the_queue_s_owner)
{
    struct stat st;
    if (geteuid() != 0)
        return;
    begin("root");
    ck_assert_int_eq(unlink(path), 0);
    const struct doorbell_access queue_access = {.owner = STRANGER, .group = THEIR_GROUP, .mode = 0600};
    ck_assert(doorbell_open(&bell, &queue_access, 1));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_uid, STRANGER);
    ck_assert_uint_eq(st.st_gid, THEIR_GROUP);
    ck_assert_int_eq(unlink(path), 0); /* or only the owner is another */
    const struct doorbell_access of_our_group = {.owner = STRANGER, .group = getegid(), .mode = 0600};
    ck_assert(doorbell_open(&bell, &of_our_group, 2));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_uid, STRANGER);
    end();
}
END_TEST

static const struct test tests[] = {
    TEST(each_ring_ends_one_sleep),
    TEST(what_is_not_open_rings_for_nobody),
    TEST(one_that_is_not_intact_is_neither_rung_nor_heard),
    TEST(rings_beyond_the_plausible_are_taken_out),
    TEST(a_value_that_somebody_has_set_is_left),
    TEST(a_noisy_one_is_heard_once_it_has_few_rings),
    TEST(it_is_opened_again_in_another_generation_only),
    TEST(what_failed_is_not_tried_again_in_its_generation),
    TEST(two_have_the_same_one),
    TEST(it_has_the_queue_s_mode_whatever_the_umask),
    TEST(what_is_no_semaphore_is_not_opened),
    TEST(it_is_replaced_only_while_the_name_means_it),
    TEST(nothing_is_made_where_it_could_not_be_written),
    TEST(without_a_descriptor_nothing_is_replaced),
    TEST(nothing_of_it_stays_open),
    TEST(it_is_made_without_proc_too),
    TEST_EACH(it_is_trusted_by_who_made_it, COUNT(makers)),
    TEST(what_root_makes_belongs_to_the_queue_s_owner),
};

TEST_SUITE("doorbell", tests, .seconds = 10);
