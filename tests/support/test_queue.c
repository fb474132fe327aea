/* SPDX-License-Identifier: MIT */
#include "tests/support/test_queue.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIRECTORY "/dev/shm"

static char prefix[128];

void test_queue_begin(void)
{
    const char *given = getenv("SHMQ_TEST_PREFIX");
    if (given != NULL && given[0] != '\0')
        (void)snprintf(prefix, sizeof(prefix), "%s", given);
    else
        (void)snprintf(prefix, sizeof(prefix), "test.%d", (int)getpid());
}

const char *test_queue_name(const char *test)
{
    static char name[SHMQ_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "%s.%s", prefix, test);
    return name;
}

/* Whether a file belongs to the queue, or to any queue of ours. */
static bool belongs(const char *file, const char *name)
{
    const bool semaphore = strncmp(file, "sem.", 4) == 0;
    const char *rest = semaphore ? file + 4 : file;
    if (strncmp(rest, "shmq.", 5) != 0)
        return false;
    rest += 5;
    const char *start = name != NULL ? name : prefix;
    if (strncmp(rest, start, strlen(start)) != 0)
        return false;
    rest += strlen(start);
    return name == NULL || (semaphore ? *rest == '.' : *rest == '\0');
}

static size_t for_each_leftover(const char *name, bool remove_it)
{
    size_t count = 0;
    DIR *directory = opendir(DIRECTORY);
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[sizeof(DIRECTORY) + sizeof(entry->d_name) + 1];
        if (!belongs(entry->d_name, name))
            continue;
        count++;
        (void)snprintf(path, sizeof(path), DIRECTORY "/%s", entry->d_name);
        if (remove_it)
            (void)unlink(path);
        else
            (void)fprintf(stderr, "there is %s\n", path);
    }
    (void)closedir(directory);
    return count;
}

void test_queue_end(void)
{
    (void)for_each_leftover(NULL, true);
}

size_t test_queue_leftovers(const char *name)
{
    return for_each_leftover(name, false);
}

void test_queue_remove(const char *name)
{
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_queue_leftovers(name), 0);
}

int test_queue_put(struct shmq *handle, uint64_t number, int64_t timeout_ns)
{
    return shmq_put(handle, &number, sizeof(number), timeout_ns);
}

int test_queue_get(struct shmq *handle, uint64_t *number, int64_t timeout_ns)
{
    size_t length = 0;
    const int code = shmq_get(handle, number, sizeof(*number), &length, timeout_ns);
    return code == 0 && length != sizeof(*number) ? -EPROTO : code;
}

int test_queue_lease(struct shmq *handle, uint64_t *number, struct shmq_message *message, int64_t timeout_ns)
{
    const int code = shmq_lease(handle, message, timeout_ns);
    if (code == 0 && message->length != sizeof(*number))
        return -EPROTO;
    if (code == 0)
        memcpy(number, message->data, sizeof(*number));
    return code;
}

struct shmq *test_queue_open(const char *name, enum shmq_role role, const struct shmq_options *options)
{
    static const struct shmq_options create = {SHMQ_OPTIONS_DEFAULTS, .create = true};
    struct shmq *handle = NULL;
    const int code = shmq_open(&handle, name, role, options != NULL ? options : &create);
    ck_assert_msg(code == 0, "shmq_open: %s", shmq_strerror(code));
    return handle;
}

struct shmq_stat test_queue_stat(const char *name)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    struct shmq *handle = test_queue_open(name, SHMQ_OBSERVER, NULL);
    ck_assert_int_eq(shmq_stat(handle, &stat), 0);
    ck_assert_int_eq(shmq_close(handle), 0);
    return stat;
}
