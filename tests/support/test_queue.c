/* SPDX-License-Identifier: MIT */
#include "tests/support/test_queue.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/harness.h"

char queue[SHMQ_NAME_MAX + 1];

void use_queue(const char *test)
{
    (void)snprintf(queue, sizeof(queue), "%s", test_name(test));
    ck_assert_uint_eq(test_leftovers(queue), 0);
}

void test_queue_remove(const char *name)
{
    ck_assert_int_eq(shmq_remove(name, true), 0);
    ck_assert_uint_eq(test_leftovers(name), 0);
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
