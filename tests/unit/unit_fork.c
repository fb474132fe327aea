/* SPDX-License-Identifier: MIT */
/* Handles and what becomes of them in forked children, in other threads and in other programs. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/queue/handle.h"
#include "tests/support/calls.h"
#include "tests/support/harness.h"
#include "tests/support/process.h"
#include "tests/support/test_queue.h"

#define TICK_NS INT64_C(5000000)

static const struct shmq_options small = {
    SHMQ_OPTIONS_DEFAULTS, .create = true,    .capacity_bytes = 4096, .lanes = 4, .seats = 4,
    .follow = true,        .tick_ns = TICK_NS};

/* ------------------------------------------------------------------ a handle in a forked child */

static void use_producer(void *context)
{
    struct shmq *handle = context;
    process_require_equal(calls_not_returning(-ECHILD, handle, CALLS_OF_PRODUCERS), 0);
    shmq_withdraw(handle); /* is refused, too */
    process_require_equal(shmq_finish(handle), -ECHILD);
}

static void use_consumer(void *context)
{
    struct shmq *handle = context;
    process_require_equal(calls_not_returning(-ECHILD, handle, CALLS_OF_CONSUMERS), 0);
    process_require(!shmq_intent_holds(handle));
    process_require_equal(shmq_report_loss(handle), -ECHILD);
}

static void use_as_anybody(void *context)
{
    struct shmq *handle = context;
    process_require_equal(calls_not_returning(-ECHILD, handle, CALLS_OF_ANYBODY), 0);
    shmq_abandon(handle);
    process_require_equal(shmq_close(handle), -ECHILD);
}

static void run_in_child(void (*run)(void *context), struct shmq *handle)
{
    struct process child;
    process_start(&child, run, handle);
    process_expect_success(&child);
}

/* Whatever the child did with them, the parent's handles go on. */
START_TEST(handle_is_refused_in_a_forked_child)
{
    struct shmq_message message;
    uint64_t number;
    use_queue("refused");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, &small);
    ck_assert_int_eq(test_queue_put(producer, 1, 0), 0);
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, 0), 0);
    run_in_child(use_producer, producer);
    run_in_child(use_consumer, consumer);
    run_in_child(use_as_anybody, producer);
    run_in_child(use_as_anybody, consumer);
    run_in_child(use_as_anybody, observer);
    ck_assert_int_eq(shmq_acknowledge(consumer, 1), 0);
    ck_assert_int_eq(test_queue_put(producer, 2, 0), 0);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_uint_eq(number, 2);
    const struct shmq_stat stat = test_queue_stat(queue);
    ck_assert_uint_eq(stat.producers, 1);
    ck_assert_uint_eq(stat.consumers, 1);
    ck_assert_uint_eq(stat.finished, 0);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

static void put_from_child(void *context)
{
    struct shmq *handle;
    (void)context;
    process_require_equal(shmq_open(&handle, queue, SHMQ_PRODUCER, &small), 0);
    process_require_equal(test_queue_put(handle, 3, 0), 0);
    process_require_equal(shmq_close(handle), 0);
}

START_TEST(child_may_open_its_own)
{
    uint64_t number;
    use_queue("own");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    run_in_child(put_from_child, NULL);
    ck_assert_int_eq(test_queue_get(consumer, &number, 0), 0);
    ck_assert_uint_eq(number, 3);
    ck_assert_uint_eq(test_queue_stat(queue).lanes_used, 2);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ a child that survives its parent */

struct family {
    int life[2]; /* a pipe that ends with the test */
    enum shmq_role role;
};

/* Owns a lane, or a seat with a message, has a child of its own that does nothing, and waits to be killed. */
static void own_and_fork(void *context)
{
    const struct family *family = context;
    struct shmq *handle;
    struct shmq_message message;
    uint64_t number;
    process_require_equal(shmq_open(&handle, queue, family->role, &small), 0);
    if (family->role == SHMQ_CONSUMER)
        process_require_equal(test_queue_lease(handle, &number, &message, 0), 0);
    const pid_t child = fork();
    process_require(child >= 0);
    if (child == 0) {
        char byte;
        (void)close(family->life[1]);
        process_report((uint64_t)getpid());
        _exit(read(family->life[0], &byte, 1) == 0 ? 0 : 1);
    }
    (void)process_await_order();
}

/* Kills the owner; its child lives on while @use looks whether the owner's place is free. */
static void outlive_owner(enum shmq_role role, void (*use)(void))
{
    struct process owner;
    struct family family = {.role = role};
    int status = 0;
    /* So that the orphan can be collected. */
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    ck_assert_int_eq(pipe2(family.life, O_CLOEXEC), 0);
    process_start(&owner, own_and_fork, &family);
    const pid_t orphan = (pid_t)process_hear(&owner);
    process_kill(&owner);
    use();
    ck_assert_int_eq(waitpid(orphan, &status, WNOHANG), 0);
    (void)close(family.life[1]);
    ck_assert_int_eq(waitpid(orphan, &status, 0), orphan);
    ck_assert_int_eq(status, 0);
    (void)close(family.life[0]);
}

static void expect_lease_to_be_free(void)
{
    struct shmq_message message;
    uint64_t number;
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    ck_assert_int_eq(test_queue_lease(consumer, &number, &message, process_patience_ns()), 0);
    ck_assert_uint_eq(number, 11);
    ck_assert_uint_eq(message.attempts, 1);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

static void expect_lane_to_be_free(void)
{
    struct shmq *producers[4];
    const struct shmq_stat stat = test_queue_stat(queue);
    ck_assert_uint_eq(stat.producers, 0);
    ck_assert_uint_eq(stat.unfinished, 1);
    for (size_t i = 0; i < 4; i++)
        producers[i] = test_queue_open(queue, SHMQ_PRODUCER, &small);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(shmq_close(producers[i]), 0);
}

START_TEST(child_does_not_keep_its_dead_parents_locks)
{
    use_queue("orphan");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(test_queue_put(producer, 11, 0), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    outlive_owner(SHMQ_CONSUMER, expect_lease_to_be_free);
    outlive_owner(SHMQ_PRODUCER, expect_lane_to_be_free);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ threads */

#define THREAD_PAIRS 2
#define THREAD_NUMBERS 5000

static _Atomic unsigned char seen[THREAD_PAIRS][THREAD_NUMBERS];
static const struct shmq_options threaded = {SHMQ_OPTIONS_DEFAULTS, .capacity_bytes = 4096, .prefetch = 8,
                                             .producers = THREAD_PAIRS};

/* Return of a thread: NULL, or what went wrong. */
static void *put_in_thread(void *context)
{
    const uint64_t who = (uint64_t)(uintptr_t)context;
    struct shmq *handle;
    if (shmq_open(&handle, queue, SHMQ_PRODUCER, &threaded) != 0)
        return "open of a producer";
    for (uint64_t i = 0; i < THREAD_NUMBERS; i++)
        if (test_queue_put(handle, who * THREAD_NUMBERS + i, SHMQ_FOREVER) != 0)
            return "put";
    return shmq_close(handle) != 0 ? "close of a producer" : NULL;
}

static void *get_in_thread(void *context)
{
    struct shmq *handle;
    uint64_t number;
    int code;
    (void)context;
    if (shmq_open(&handle, queue, SHMQ_CONSUMER, &threaded) != 0)
        return "open of a consumer";
    while ((code = test_queue_get(handle, &number, SHMQ_FOREVER)) == 0)
        atomic_fetch_add(&seen[number / THREAD_NUMBERS][number % THREAD_NUMBERS], 1);
    if (code != -ENODATA)
        return "get";
    return shmq_close(handle) != 0 ? "close of a consumer" : NULL;
}

START_TEST(threads_with_a_handle_each)
{
    pthread_t threads[2 * THREAD_PAIRS];
    use_queue("handles");
    ck_assert_int_eq(shmq_create(queue, &threaded), 0);
    for (size_t i = 0; i < 2 * THREAD_PAIRS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, i % 2 == 0 ? put_in_thread : get_in_thread,
                                        (void *)(uintptr_t)(i / 2)),
                         0);
    for (size_t i = 0; i < 2 * THREAD_PAIRS; i++) {
        void *trouble = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &trouble), 0);
        ck_assert_msg(trouble == NULL, "%s", (const char *)trouble);
    }
    for (size_t i = 0; i < THREAD_PAIRS; i++)
        for (size_t j = 0; j < THREAD_NUMBERS; j++)
            ck_assert_uint_eq(atomic_load(&seen[i][j]), 1);
    test_queue_remove(queue);
}
END_TEST

/* Handles of one process own different lanes and seats, and closing one leaves the others theirs. */
START_TEST(handles_of_one_process_do_not_share_a_lock)
{
    struct shmq *producers[4];
    struct shmq *one_more;
    use_queue("same-process");
    for (size_t i = 0; i < 4; i++)
        producers[i] = test_queue_open(queue, SHMQ_PRODUCER, &small);
    ck_assert_int_eq(shmq_open(&one_more, queue, SHMQ_PRODUCER, &small), -EUSERS);
    ck_assert_int_eq(shmq_close(producers[1]), 0);
    ck_assert_int_eq(shmq_open(&one_more, queue, SHMQ_PRODUCER, &small), 0);
    producers[1] = one_more;
    ck_assert_int_eq(shmq_open(&one_more, queue, SHMQ_PRODUCER, &small), -EUSERS);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(shmq_close(producers[i]), 0);
    test_queue_remove(queue);
}
END_TEST

/* ------------------------------------------------------------------ other programs */

/* What `ls` sees among its own descriptors, into @text. posix_spawn runs no handlers of fork: only close-on-exec
 * helps. */
static void list_descriptors_of_a_spawned_program(char *text, size_t size)
{
    extern char **environ;
    char *const arguments[] = {"ls", "-l", "/proc/self/fd", NULL};
    posix_spawn_file_actions_t actions;
    int output[2];
    pid_t pid;
    int status = 0;
    size_t length = 0;
    ssize_t got;
    ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO), 0);
    ck_assert_int_eq(posix_spawnp(&pid, "ls", &actions, NULL, arguments, environ), 0);
    (void)close(output[1]);
    while (length < size - 1 && (got = read(output[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    (void)close(output[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(posix_spawn_file_actions_destroy(&actions), 0);
}

START_TEST(other_programs_inherit_no_descriptor)
{
    char text[8192];
    uint64_t number;
    use_queue("inherit");
    struct shmq *producer = test_queue_open(queue, SHMQ_PRODUCER, &small);
    struct shmq *consumer = test_queue_open(queue, SHMQ_CONSUMER, &small);
    struct shmq *observer = test_queue_open(queue, SHMQ_OBSERVER, &small);
    ck_assert_int_eq(test_queue_get(consumer, &number, 1000000), -ETIMEDOUT); /* opens the semaphore, too */
    list_descriptors_of_a_spawned_program(text, sizeof(text));
    ck_assert_msg(strstr(text, "pipe:") != NULL, "no list: %s", text);
    ck_assert_msg(strstr(text, "shmq.") == NULL, "inherited: %s", text);
    ck_assert_int_eq(shmq_close(observer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_close(producer), 0);
    test_queue_remove(queue);
}
END_TEST

/* What has the number of the parent's in the child is not the parent's. */
START_TEST(a_child_of_a_child_keeps_its_own_files)
{
    int status = 0;
    use_queue("grandchild");
    struct shmq *handle = test_queue_open(queue, SHMQ_PRODUCER, &small);
    const int descriptor = handle->object.fd;
    const pid_t child = fork();
    if (child == 0) {
        process_require_equal(fcntl(descriptor, F_GETFD), -1);
        process_require_equal(dup2(STDERR_FILENO, descriptor), descriptor);
        const pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(fcntl(descriptor, F_GETFD) < 0);
        process_require_equal(waitpid(grandchild, &status, 0), grandchild);
        process_require_equal(status, 0);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(test_queue_put(handle, 1, 0), 0);
    ck_assert_int_eq(shmq_close(handle), 0);
    test_queue_remove(queue);
}
END_TEST

/* What is written to the standard output must not get into the queue because that was closed. */
START_TEST(descriptors_are_none_of_the_standard_ones)
{
    int kept[3];
    bool above = true;
    struct shmq *handle = NULL;
    use_queue("standard");
    ck_assert_int_eq(shmq_create(queue, &small), 0);
    for (int fd = 0; fd < 3; fd++)
        kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    for (int fd = 0; fd < 3; fd++) {
        (void)close(fd);
        const int error = shmq_open(&handle, queue, SHMQ_PRODUCER, &small);
        above = above && error == 0 && handle->object.fd > STDERR_FILENO && fcntl(fd, F_GETFD) == -1 &&
                (fcntl(handle->object.fd, F_GETFD) & FD_CLOEXEC) != 0;
        (void)shmq_close(handle);
        (void)dup2(kept[fd], fd);
    }
    ck_assert(above);
    test_queue_remove(queue);
}
END_TEST

static const struct test tests[] = {
    TEST(handle_is_refused_in_a_forked_child),        TEST(child_may_open_its_own),
    TEST(child_does_not_keep_its_dead_parents_locks), TEST(threads_with_a_handle_each),
    TEST(handles_of_one_process_do_not_share_a_lock), TEST(other_programs_inherit_no_descriptor),
    TEST(a_child_of_a_child_keeps_its_own_files),     TEST(descriptors_are_none_of_the_standard_ones),
};

TEST_SUITE("fork", tests, .seconds = 60);
