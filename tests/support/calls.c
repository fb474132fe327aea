/* SPDX-License-Identifier: MIT */
#include "tests/support/calls.h"

#include <stdio.h>
#include <sys/uio.h>

static const struct iovec vector = {.iov_base = (void *)(uintptr_t) "x", .iov_len = 1};

/* ------------------------------------------------------------------ of producers */

static int put(struct shmq *handle)
{
    return shmq_put(handle, "x", 1, SHMQ_FOREVER);
}

static int put_many(struct shmq *handle)
{
    size_t done;
    return shmq_put_many(handle, &vector, 1, &done, SHMQ_FOREVER);
}

static int put_none(struct shmq *handle)
{
    size_t done;
    return shmq_put_many(handle, &vector, 0, &done, SHMQ_FOREVER);
}

static int reserve(struct shmq *handle)
{
    void *payload;
    return shmq_reserve(handle, 1, &payload, SHMQ_FOREVER);
}

static int commit_nothing(struct shmq *handle)
{
    return shmq_commit(handle, 0);
}

static int commit(struct shmq *handle)
{
    return shmq_commit(handle, 1);
}

static int set_frame(struct shmq *handle)
{
    return shmq_set_frame(handle, SHMQ_FRAME_NONE, 0);
}

static int resume_offset(struct shmq *handle)
{
    uint64_t offset;
    return shmq_resume_offset(handle, &offset);
}

static int source_whole(struct shmq *handle)
{
    uint64_t offset;
    return shmq_source_whole(handle, &offset, &offset);
}

static int set_source_note(struct shmq *handle)
{
    return shmq_set_source_note(handle, "x", 1);
}

static int source_note(struct shmq *handle)
{
    char note[SHMQ_NOTE_MAX];
    size_t length;
    return shmq_source_note(handle, note, &length);
}

static int set_source_slot(struct shmq *handle)
{
    return shmq_set_source_slot(handle, 0, "x", 1);
}

static int source_slot(struct shmq *handle)
{
    char data[SHMQ_SLOT_MAX];
    size_t length;
    return shmq_source_slot(handle, 0, data, &length);
}

/* ------------------------------------------------------------------ of consumers */

static int get(struct shmq *handle)
{
    char buffer[8];
    size_t length;
    return shmq_get(handle, buffer, sizeof(buffer), &length, SHMQ_FOREVER);
}

static int lease(struct shmq *handle)
{
    struct shmq_message message;
    return shmq_lease(handle, &message, SHMQ_FOREVER);
}

static int lease_many(struct shmq *handle)
{
    struct shmq_message message;
    size_t count;
    return shmq_lease_many(handle, &message, 1, &count, SHMQ_FOREVER);
}

static int acknowledge_none(struct shmq *handle)
{
    return shmq_acknowledge(handle, 0);
}

static int acknowledge(struct shmq *handle)
{
    return shmq_acknowledge(handle, 1);
}

static int hold(struct shmq *handle)
{
    struct shmq_message message = {0};
    return shmq_hold(handle, &message);
}

static int fail(struct shmq *handle)
{
    uint32_t attempts;
    return shmq_fail(handle, &attempts);
}

static int fail_uncounted(struct shmq *handle)
{
    return shmq_fail(handle, NULL);
}

static int set_write_intent(struct shmq *handle)
{
    const struct shmq_write_intent intent = {.bytes = 1, .count = 1};
    return shmq_set_write_intent(handle, &intent);
}

static int clear_write_intent(struct shmq *handle)
{
    return shmq_set_write_intent(handle, NULL);
}

static int settle(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                  size_t count)
{
    (void)context;
    (void)intent;
    (void)messages;
    (void)count;
    return 0;
}

static int visit_write_intents(struct shmq *handle)
{
    return shmq_visit_write_intents(handle, 0, 0, settle, NULL);
}

/* ------------------------------------------------------------------ of anybody */

static int info(struct shmq *handle)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    return shmq_info(handle, &info);
}

static int stat(struct shmq *handle)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    return shmq_stat(handle, &stat);
}

static int stat_lane(struct shmq *handle)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    return shmq_stat_lane(handle, 0, &stat);
}

static int stat_seat(struct shmq *handle)
{
    struct shmq_seat_stat stat = SHMQ_SEAT_STAT_INIT;
    return shmq_stat_seat(handle, 0, &stat);
}

static int check(struct shmq *handle)
{
    return shmq_check(handle, NULL, NULL);
}

static int glance(struct shmq *handle)
{
    return shmq_glance(handle, NULL, NULL);
}

static int join(struct shmq *handle)
{
    return shmq_join(handle, SHMQ_FOREVER);
}

/* ------------------------------------------------------------------ the table */

static const struct call {
    const char *name;
    unsigned kind;
    int (*make)(struct shmq *handle);
} calls[] = {
    {"shmq_put", CALLS_OF_PRODUCERS, put},
    {"shmq_put_many", CALLS_OF_PRODUCERS, put_many},
    {"shmq_put_many of none", CALLS_OF_PRODUCERS, put_none},
    {"shmq_reserve", CALLS_OF_PRODUCERS, reserve},
    {"shmq_commit of nothing", CALLS_OF_PRODUCERS, commit_nothing},
    {"shmq_commit", CALLS_OF_PRODUCERS, commit},
    {"shmq_set_frame", CALLS_OF_PRODUCERS, set_frame},
    {"shmq_resume_offset", CALLS_OF_PRODUCERS, resume_offset},
    {"shmq_source_whole", CALLS_OF_PRODUCERS, source_whole},
    {"shmq_set_source_note", CALLS_OF_PRODUCERS, set_source_note},
    {"shmq_source_note", CALLS_OF_PRODUCERS, source_note},
    {"shmq_set_source_slot", CALLS_OF_PRODUCERS, set_source_slot},
    {"shmq_source_slot", CALLS_OF_PRODUCERS, source_slot},
    {"shmq_finish", CALLS_OF_PRODUCERS, shmq_finish},
    {"shmq_get", CALLS_OF_CONSUMERS, get},
    {"shmq_lease", CALLS_OF_CONSUMERS, lease},
    {"shmq_lease_many", CALLS_OF_CONSUMERS, lease_many},
    {"shmq_acknowledge of none", CALLS_OF_CONSUMERS, acknowledge_none},
    {"shmq_acknowledge", CALLS_OF_CONSUMERS, acknowledge},
    {"shmq_hold", CALLS_OF_CONSUMERS, hold},
    {"shmq_fail", CALLS_OF_CONSUMERS, fail},
    {"shmq_fail, uncounted", CALLS_OF_CONSUMERS, fail_uncounted},
    {"shmq_release", CALLS_OF_CONSUMERS, shmq_release},
    {"shmq_set_write_intent", CALLS_OF_CONSUMERS, set_write_intent},
    {"shmq_set_write_intent to none", CALLS_OF_CONSUMERS, clear_write_intent},
    {"shmq_visit_write_intents", CALLS_OF_CONSUMERS, visit_write_intents},
    {"shmq_info", CALLS_OF_ANYBODY, info},
    {"shmq_interrupt", CALLS_OF_ANYBODY, shmq_interrupt},
    {"shmq_stat", CALLS_OF_ANYBODY, stat},
    {"shmq_stat_lane", CALLS_OF_ANYBODY, stat_lane},
    {"shmq_stat_seat", CALLS_OF_ANYBODY, stat_seat},
    {"shmq_check", CALLS_OF_ANYBODY, check},
    {"shmq_glance", CALLS_OF_ANYBODY, glance},
    {"shmq_join", CALLS_OF_ANYBODY, join},
};

size_t calls_not_returning(int code, struct shmq *handle, unsigned kinds)
{
    size_t others = 0;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if ((calls[i].kind & kinds) == 0)
            continue;
        const int returned = calls[i].make(handle);
        if (returned == code)
            continue;
        (void)fprintf(stderr, "%s: returns %d (%s), not %d (%s)\n", calls[i].name, returned,
                      shmq_strerror(returned), code, shmq_strerror(code));
        others++;
    }
    return others;
}
