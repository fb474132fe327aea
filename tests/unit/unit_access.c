/* SPDX-License-Identifier: MIT */
/* Who may use a queue, and what else may stand under its names: other kinds of files, other users' files. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/kernel/clock.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"

#define STRANGER 65534u /* nobody */
#define ANNA 54001u
#define BERT 54002u
#define SHARED_GROUP 54100u
#define SECOND INT64_C(1000000000)

static bool is_root(void)
{
    if (geteuid() == 0)
        return true;
    test_skip("only root can become somebody else");
    return false;
}

static int try_open(const char *name, enum shmq_role role, bool create)
{
    struct shmq *handle = NULL;
    struct shmq_options options = planted_small();
    options.create = create;
    const int error = shmq_open(&handle, name, role, &options);
    ck_assert((error == 0) == (handle != NULL));
    if (error == 0)
        ck_assert_int_eq(shmq_close(handle), 0);
    return error;
}

/* Everybody is told the same. */
static void expect_all(const char *name, int code)
{
    struct shmq_options options = planted_small();
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), code);
    ck_assert_int_eq(try_open(name, SHMQ_CONSUMER, true), code);
    ck_assert_int_eq(try_open(name, SHMQ_CONSUMER, false), code);
    ck_assert_int_eq(try_open(name, SHMQ_OBSERVER, false), code);
    ck_assert_int_eq(shmq_create(name, &options), code);
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_NOW), code);
    ck_assert_int_eq(shmq_remove(name, false), code);
}

/* ------------------------------------------------------------------ files of other kinds */

START_TEST(a_fifo_is_no_queue_and_stops_nobody)
{
    const char *name = test_name("fifo");
    ck_assert_int_eq(mkfifo(test_object_path(name), 0600), 0);
    expect_all(name, -EPERM);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}
END_TEST

START_TEST(a_directory_is_no_queue_and_stays)
{
    const char *name = test_name("directory");
    ck_assert_int_eq(mkdir(test_object_path(name), 0700), 0);
    expect_all(name, -EPERM);
    ck_assert_int_lt(shmq_remove(name, true), 0);
    ck_assert_int_eq(rmdir(test_object_path(name)), 0);
}
END_TEST

START_TEST(a_socket_is_no_queue)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = test_name("socket");
    const char *path = test_object_path(name);
    if (strlen(path) >= sizeof(address.sun_path)) {
        test_skip("the name is too long for a socket");
        return;
    }
    memcpy(address.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    expect_all(name, -EPERM);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    (void)close(fd);
}
END_TEST

/* Whoever follows it could be made to write into, or to delete, somebody's file. */
START_TEST(a_symbolic_link_is_not_followed)
{
    const char *target = test_name("target");
    const char *name = test_name("link");
    const struct shmq_options options = planted_small();
    ck_assert_int_eq(shmq_create(target, &options), 0);
    ck_assert_int_eq(symlink(test_object_path(target), test_object_path(name)), 0);
    expect_all(name, -EPERM);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
    ck_assert_int_eq(shmq_remove(target, false), 0);
}
END_TEST

START_TEST(a_symbolic_link_to_nowhere_makes_nothing)
{
    const char *target = test_name("nowhere");
    const char *name = test_name("link");
    ck_assert_int_eq(symlink(test_object_path(target), test_object_path(name)), 0);
    expect_all(name, -EPERM);
    ck_assert_uint_eq(test_leftovers(target), 0);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

/* ------------------------------------------------------------------ other users' files */

static int make_private(void *name)
{
    const struct shmq_options options = planted_small();
    return shmq_create(name, &options);
}

START_TEST(a_queue_of_another_user_is_not_trusted)
{
    const char *name = test_name("anna");
    if (!is_root())
        return;
    planted_in_child(make_private, (void *)(uintptr_t)name, ANNA, ANNA);
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), -EPERM);
    ck_assert_int_eq(try_open(name, SHMQ_CONSUMER, false), -EPERM);
    ck_assert_int_eq(try_open(name, SHMQ_OBSERVER, false), 0); /* looking does no harm */
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_NOW), -EPERM);
    ck_assert_int_eq(shmq_remove(name, false), -EPERM);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}
END_TEST

static void plant_owner(const char *name, gid_t group, mode_t mode)
{
    ck_assert_int_eq(chown(test_object_path(name), ANNA, group), 0);
    ck_assert_int_eq(chmod(test_object_path(name), mode), 0);
}

/* Of another user, even root trusts only what a group shares that it is in: by its own group, or by one more. */
START_TEST(a_queue_of_a_group_is_trusted_by_its_members)
{
    const char *name = test_name("members");
    const struct shmq_options options = planted_small();
    const gid_t groups[] = {STRANGER, ANNA};
    if (!is_root())
        return;
    ck_assert_int_eq(shmq_create(name, &options), 0);
    ck_assert_int_eq(setgroups(0, NULL), 0);
    plant_owner(name, getegid(), 0660);
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), 0);
    plant_owner(name, getegid(), 0640);
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), -EPERM);
    plant_owner(name, ANNA, 0660);
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), -EPERM);
    ck_assert_int_eq(setgroups(1, groups), 0);
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), -EPERM);
    ck_assert_int_eq(setgroups(2, groups), 0);
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), 0);
    plant_owner(name, ANNA, 0600);
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), -EPERM);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

static int find_it_closed(void *name)
{
    expect_all(name, -EACCES);
    ck_assert_int_eq(shmq_remove(name, true), -EACCES);
    return 0;
}

START_TEST(a_private_queue_is_closed_to_others)
{
    const char *name = test_name("private");
    const struct shmq_options options = planted_small();
    if (!is_root())
        return;
    ck_assert_int_eq(shmq_create(name, &options), 0);
    planted_in_child(find_it_closed, (void *)(uintptr_t)name, STRANGER, STRANGER);
    ck_assert_int_eq(shmq_remove(name, false), 0);
}
END_TEST

/* Anybody could have written what is in it. */
START_TEST(a_queue_that_anybody_may_write_is_refused)
{
    const char *name = test_name("open");
    const struct shmq_options options = planted_small();
    ck_assert_int_eq(shmq_create(name, &options), 0);
    ck_assert_int_eq(chmod(test_object_path(name), 0666), 0);
    ck_assert_int_eq(try_open(name, SHMQ_PRODUCER, true), -EPERM);
    ck_assert_int_eq(try_open(name, SHMQ_CONSUMER, false), -EPERM);
    ck_assert_int_eq(shmq_create(name, &options), -EPERM);
    ck_assert_int_eq(shmq_remove(name, false), -EPERM);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

START_TEST(a_mode_that_lets_anybody_write_or_its_owner_not_is_refused)
{
    static const uint32_t modes[] = {0666, 0602, 0777, 0700, 0400, 0200, 0060, 04600, 01000, 0610, 0601, 0665};
    const char *name = test_name("modes");
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct shmq_options options = planted_small();
        options.mode = modes[i];
        ck_assert_msg(shmq_create(name, &options) == -EINVAL, "mode %o", modes[i]);
    }
    ck_assert_uint_eq(test_leftovers(name), 0);
}
END_TEST

START_TEST(the_mode_does_not_depend_on_the_umask)
{
    struct stat st;
    const char *name = test_name("umask");
    struct shmq_options options = planted_small();
    options.mode = 0660;
    const mode_t before = umask(0777);
    ck_assert_int_eq(shmq_create(name, &options), 0);
    (void)umask(before);
    ck_assert_int_eq(stat(test_object_path(name), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    options.mode = 0600;
    ck_assert_int_eq(shmq_create(name, &options), -EEXIST);
    ck_assert_int_eq(shmq_remove(name, false), 0);
}
END_TEST

/* ------------------------------------------------------------------ a queue for a group */

static struct shmq_options shared(void)
{
    struct shmq_options options = planted_small();
    options.mode = 0660;
    options.group = SHARED_GROUP;
    options.tick_ns = 10 * SECOND; /* only a bell wakes in time */
    return options;
}

static void *put_when_somebody_sleeps(void *argument)
{
    struct shmq *producer = argument;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    do {
        if (shmq_stat(producer, &stat) != 0)
            return NULL;
        (void)usleep(1000);
    } while (stat.sleepers == 0);
    return shmq_put(producer, "hello", 5, 0) == 0 ? producer : NULL;
}

static int produce_for_bert(void *name)
{
    struct shmq *producer;
    struct shmq_options options = shared();
    (void)umask(0077);
    if (shmq_open(&producer, name, SHMQ_PRODUCER, &options) != 0)
        return 1;
    if (put_when_somebody_sleeps(producer) == NULL)
        return 2;
    /* Fills the lane, so that it sleeps until Bert rings. */
    char block[1024] = {0};
    for (int i = 0; i < 8; i++)
        if (shmq_put(producer, block, sizeof(block), 5 * SECOND) != 0)
            return 3;
    return shmq_close(producer) == 0 ? 0 : 4;
}

/* Whoever takes before it sleeps need not wake it. */
static bool sleeps_for_room(struct shmq *handle)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    const int64_t deadline = clock_deadline(5 * SECOND);
    while (shmq_stat_lane(handle, 0, &lane) == 0 && !lane.blocked && clock_now_ns() < deadline)
        clock_sleep_until(clock_now_ns() + SECOND / 1000);
    return lane.blocked;
}

static int consume_from_anna(void *name)
{
    struct shmq *consumer;
    char buffer[1024];
    size_t length = 0;
    struct shmq_options options = shared();
    options.prefetch = 1;
    (void)umask(0077);
    if (shmq_open(&consumer, name, SHMQ_CONSUMER, &options) != 0)
        return 1;
    if (shmq_get(consumer, buffer, sizeof(buffer), &length, 5 * SECOND) != 0 || length != 5)
        return 2;
    if (!sleeps_for_room(consumer))
        return 4;
    int received = 0;
    while (shmq_get(consumer, buffer, sizeof(buffer), &length, 5 * SECOND) == 0)
        received++;
    return received == 8 && shmq_close(consumer) == 0 ? 0 : 3;
}

static int both_at_once(void *name)
{
    pid_t child = fork();
    if (child == 0) {
        if (setuid(ANNA) != 0)
            _exit(9);
        _exit(produce_for_bert(name));
    }
    if (setuid(BERT) != 0)
        return 20;
    const int consumed = consume_from_anna(name);
    int status = 0;
    (void)waitpid(child, &status, 0);
    return consumed != 0 ? consumed : WEXITSTATUS(status) != 0 ? 10 + WEXITSTATUS(status) : 0;
}

static int be_of_the_group(void *name)
{
    const gid_t groups[] = {SHARED_GROUP};
    ck_assert_int_eq(setgroups(1, groups), 0);
    ck_assert_int_eq(setgid(ANNA), 0);
    const int result = both_at_once(name);
    ck_assert_msg(result == 0, "step %d failed", result);
    return 0;
}

static int make_shared(void *name)
{
    const struct shmq_options options = shared();
    return shmq_create(name, &options);
}

START_TEST(two_users_of_a_group_share_a_queue_and_wake_each_other)
{
    struct stat st;
    const char *name = test_name("shared");
    if (!is_root())
        return;
    planted_in_child(make_shared, (void *)(uintptr_t)name, ANNA, SHARED_GROUP);
    const int64_t before = clock_now_ns();
    planted_in_child(be_of_the_group, (void *)(uintptr_t)name, 0, 0);
    ck_assert_int_lt(clock_now_ns() - before, 4 * SECOND); /* whoever is not rung for sleeps for ten */
    ck_assert_int_eq(stat(test_semaphore_path(name, "items"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    ck_assert_uint_eq(st.st_gid, SHARED_GROUP);
    ck_assert_int_eq(stat(test_semaphore_path(name, "space.0"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

/* /dev/shm lets only its owner unlink a file: who may not finish a removal must not begin it. */
static int fail_to_remove(void *name)
{
    const int error = shmq_remove(name, false);
    ck_assert_msg(error == -EPERM || error == -EACCES, "%d", error);
    return 0;
}

static int use_as_owner(void *name)
{
    for (enum shmq_role role = SHMQ_PRODUCER; role <= SHMQ_CONSUMER; role++) {
        struct shmq *handle = NULL;
        ck_assert_int_eq(shmq_open(&handle, name, role, NULL), 0);
        ck_assert_int_eq(shmq_close(handle), 0);
    }
    return 0;
}

START_TEST(a_member_of_the_group_who_cannot_remove_the_queue_does_not_break_it)
{
    const char *name = test_name("unremovable");
    if (!is_root())
        return;
    planted_in_child(make_shared, (void *)(uintptr_t)name, ANNA, SHARED_GROUP);
    planted_in_child(fail_to_remove, (void *)(uintptr_t)name, BERT, SHARED_GROUP);
    planted_in_child(use_as_owner, (void *)(uintptr_t)name, ANNA, SHARED_GROUP);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

static int find_it_for_the_group_only(void *name)
{
    ck_assert_int_eq(try_open(name, SHMQ_CONSUMER, false), -EACCES);
    return 0;
}

START_TEST(a_queue_for_a_group_is_closed_to_others)
{
    const char *name = test_name("members");
    if (!is_root())
        return;
    planted_in_child(make_shared, (void *)(uintptr_t)name, ANNA, SHARED_GROUP);
    planted_in_child(find_it_for_the_group_only, (void *)(uintptr_t)name, BERT, BERT);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

static int make_for_a_foreign_group(void *name)
{
    struct shmq_options options = shared();
    options.group = SHARED_GROUP + 1;
    ck_assert_int_eq(shmq_create(name, &options), -EPERM);
    return 0;
}

START_TEST(a_queue_for_a_group_one_is_not_in_cannot_be_made_and_leaves_nothing)
{
    const char *name = test_name("foreign");
    if (!is_root())
        return;
    planted_in_child(make_for_a_foreign_group, (void *)(uintptr_t)name, ANNA, SHARED_GROUP);
    ck_assert_uint_eq(test_leftovers(name), 0);
}
END_TEST

/* ------------------------------------------------------------------ what stands under the semaphores' names */

static void plant_file(const char *path, const char *content)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    (void)close(fd);
}

/* A consumer that sleeps, a producer in another thread: the message comes, by the tick if by nothing else. */
static void check_flow(const char *name)
{
    pthread_t thread;
    void *result = NULL;
    char buffer[8];
    size_t length;
    struct shmq_options options = planted_small();
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &options);
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &options);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pthread_create(&thread, NULL, put_when_somebody_sleeps, producer), 0);
        ck_assert_int_eq(shmq_get(consumer, buffer, sizeof(buffer), &length, 3 * SECOND), 0);
        ck_assert_uint_eq(length, 5);
        ck_assert_int_eq(pthread_join(thread, &result), 0);
        ck_assert_ptr_nonnull(result);
    }
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

START_TEST(a_file_too_short_for_a_semaphore_does_no_harm)
{
    struct stat st;
    const char *name = test_name("short");
    plant_file(test_semaphore_path(name, "items"), "abc");
    check_flow(name);
    ck_assert_int_eq(stat(test_semaphore_path(name, "items"), &st), 0);
    ck_assert_int_eq(st.st_size, 3);
    ck_assert_int_eq(shmq_remove(name, false), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}
END_TEST

START_TEST(a_file_of_another_kind_as_semaphore_does_no_harm)
{
    const char *name = test_name("kinds");
    const char *target = test_name("target");
    const char *path = test_semaphore_path(name, "items");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    check_flow(name);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink(test_semaphore_path(target, "items"), path), 0);
    check_flow(name);
    ck_assert_uint_eq(test_leftovers(target), 0);
    ck_assert_int_eq(shmq_remove(name, false), 0);
}
END_TEST

static int make_semaphore(void *path)
{
    plant_file(path, "01234567890123456789012345678901"); /* as long as a semaphore */
    ck_assert_int_eq(chmod(path, 0666), 0);
    return 0;
}

START_TEST(a_semaphore_of_another_user_is_not_touched)
{
    char text[sizeof(sem_t)];
    const char *name = test_name("stranger");
    const char *path = test_semaphore_path(name, "items");
    if (!is_root())
        return;
    planted_in_child(make_semaphore, (void *)(uintptr_t)path, STRANGER, STRANGER);
    check_flow(name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read(fd, text, sizeof(text)), (ssize_t)sizeof(text));
    ck_assert_int_eq(memcmp(text, "01234567890123456789012345678901", sizeof(text)), 0);
    (void)close(fd);
    ck_assert_int_eq(shmq_remove(name, false), 0);
}
END_TEST

/* Sleeps end at once until the semaphore is drained; what is put is got as ever. */
START_TEST(a_semaphore_of_any_value_does_no_harm)
{
    static const unsigned values[] = {1000, 0x7fffffff};
    char path[256];
    char buffer[8];
    size_t length;
    const char *name = test_name("value");
    const struct shmq_options options = planted_small();
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &options);
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &options);
    (void)snprintf(path, sizeof(path), "/shmq.%s.items", name);
    sem_t *semaphore = sem_open(path, O_CREAT | O_EXCL, 0600, values[_i]);
    ck_assert_ptr_ne(semaphore, SEM_FAILED);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(shmq_get(consumer, buffer, sizeof(buffer), &length, 20000000), -ETIMEDOUT);
        planted_put(producer, "hello");
        ck_assert_int_eq(shmq_get(consumer, buffer, sizeof(buffer), &length, 0), 0);
    }
    int value = -1;
    ck_assert_int_eq(sem_getvalue(semaphore, &value), 0);
    if (_i == 0)
        ck_assert_int_le(value, 4); /* one for each seat is nothing to worry about */
    (void)sem_close(semaphore);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(name, false), 0);
}
END_TEST

static int wait_a_little(void *name)
{
    struct timespec before;
    struct timespec after;
    char buffer[8];
    size_t length;
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, NULL);
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before), 0);
    ck_assert_int_eq(shmq_get(consumer, buffer, sizeof(buffer), &length, SECOND / 2), -ETIMEDOUT);
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after), 0);
    ck_assert(test_seconds(0.1) >
              (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9);
    ck_assert_int_eq(shmq_close(consumer), 0);
    return 0;
}

static int wait_as_root_of_the_group(void *name)
{
    const gid_t groups[] = {SHARED_GROUP};
    ck_assert_int_eq(setgroups(1, groups), 0);
    return wait_a_little(name);
}

static struct stat set_to_largest(const char *path)
{
    struct stat st;
    const uint32_t value = SEM_VALUE_MAX; /* the first 32 bits of glibc's semaphore */
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
    ck_assert_int_eq(fstat(fd, &st), 0);
    (void)close(fd);
    return st;
}

/* /dev/shm lets only its owner replace it; root's belongs to the queue's owner, so that it can be replaced again.
 */
START_TEST(a_semaphore_of_another_of_the_group_is_left_and_root_keeps_its_owner)
{
    struct stat st;
    const char *name = test_name("largest");
    const char *path = test_semaphore_path(name, "items");
    if (!is_root())
        return;
    planted_in_child(make_shared, (void *)(uintptr_t)name, ANNA, SHARED_GROUP);
    planted_in_child(wait_a_little, (void *)(uintptr_t)name, ANNA, SHARED_GROUP); /* makes it */
    const struct stat before = set_to_largest(path);
    ck_assert_uint_eq(before.st_uid, ANNA);
    planted_in_child(wait_a_little, (void *)(uintptr_t)name, BERT, SHARED_GROUP);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_ino, before.st_ino);
    planted_in_child(wait_as_root_of_the_group, (void *)(uintptr_t)name, 0, 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_ne(st.st_ino, before.st_ino);
    ck_assert_uint_eq(st.st_uid, before.st_uid);
    ck_assert_uint_eq(st.st_gid, before.st_gid);
    ck_assert_uint_eq(st.st_mode, before.st_mode);
    (void)set_to_largest(path);
    planted_in_child(wait_a_little, (void *)(uintptr_t)name, ANNA, SHARED_GROUP);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_uid, ANNA);
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
}
END_TEST

/* Another queue's semaphores stay, however alike the names are. */
START_TEST(removing_takes_only_its_own_semaphores)
{
    const char *name = test_name("x");
    const char *strangers = test_name("y");
    char other[SHMQ_NAME_MAX + 1];
    (void)snprintf(other, sizeof(other), "%s.space.1", name);
    const struct shmq_options options = planted_small();
    ck_assert_int_eq(shmq_create(name, &options), 0);
    plant_file(test_semaphore_path(name, "items"), "1");
    plant_file(test_semaphore_path(name, "space.12"), "1");
    plant_file(test_semaphore_path(name, "space.1x"), "1");
    plant_file(test_semaphore_path(name, "space."), "1");
    plant_file(test_semaphore_path(strangers, "items"), "1");
    plant_file(test_semaphore_path(name, "b.items"), "1");
    plant_file(test_semaphore_path(name, "items2"), "1");
    plant_file(test_semaphore_path(other, "items"), "1");
    ck_assert_int_eq(shmq_remove(name, false), 0);
    ck_assert_int_eq(access(test_semaphore_path(name, "items"), F_OK), -1);
    ck_assert_int_eq(access(test_semaphore_path(name, "space.12"), F_OK), -1);
    ck_assert_int_eq(unlink(test_semaphore_path(name, "space.1x")), 0);
    ck_assert_int_eq(unlink(test_semaphore_path(name, "space.")), 0);
    ck_assert_int_eq(unlink(test_semaphore_path(strangers, "items")), 0);
    ck_assert_int_eq(unlink(test_semaphore_path(name, "b.items")), 0);
    ck_assert_int_eq(unlink(test_semaphore_path(name, "items2")), 0);
    ck_assert_int_eq(unlink(test_semaphore_path(other, "items")), 0);
}
END_TEST

START_TEST(semaphores_without_a_queue_are_removed)
{
    const char *name = test_name("alone");
    plant_file(test_semaphore_path(name, "space.0"), "1");
    ck_assert_int_eq(shmq_remove(name, false), 0);
    ck_assert_int_eq(shmq_remove(name, false), -ENOENT);
    ck_assert_uint_eq(test_leftovers(name), 0);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_GROUP("files of other kinds"),
    TEST(a_fifo_is_no_queue_and_stops_nobody),
    TEST(a_directory_is_no_queue_and_stays),
    TEST(a_socket_is_no_queue),
    TEST(a_symbolic_link_is_not_followed),
    TEST(a_symbolic_link_to_nowhere_makes_nothing),
    TEST_GROUP("other users"),
    TEST(a_queue_of_another_user_is_not_trusted),
    TEST(a_queue_of_a_group_is_trusted_by_its_members),
    TEST(a_private_queue_is_closed_to_others),
    TEST(a_queue_that_anybody_may_write_is_refused),
    TEST(a_mode_that_lets_anybody_write_or_its_owner_not_is_refused),
    TEST(the_mode_does_not_depend_on_the_umask),
    TEST(two_users_of_a_group_share_a_queue_and_wake_each_other),
    TEST(a_member_of_the_group_who_cannot_remove_the_queue_does_not_break_it),
    TEST(a_queue_for_a_group_is_closed_to_others),
    TEST(a_queue_for_a_group_one_is_not_in_cannot_be_made_and_leaves_nothing),
    TEST_GROUP("semaphores"),
    TEST(a_file_too_short_for_a_semaphore_does_no_harm),
    TEST(a_file_of_another_kind_as_semaphore_does_no_harm),
    TEST(a_semaphore_of_another_user_is_not_touched),
    TEST_EACH(a_semaphore_of_any_value_does_no_harm, 2),
    TEST(a_semaphore_of_another_of_the_group_is_left_and_root_keeps_its_owner),
    TEST(removing_takes_only_its_own_semaphores),
    TEST(semaphores_without_a_queue_are_removed),
};

TEST_SUITE("access", tests, .seconds = 20);
