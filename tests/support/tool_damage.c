/* SPDX-License-Identifier: MIT */
/*
 * Damages a queue on purpose:
 *
 *   tool_damage QUEUE KIND     KIND: see the table
 *   tool_damage --kinds        lists them
 *   tool_damage QUEUE flicker  cuts its lanes off and makes room for them again, until it is killed, 30 s at most
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/core/geometry.h"
#include "common/core/layout.h"

/* A queue's object, mapped whole and writable, past all rules. */
struct target {
    char path[256];
    unsigned char *base;
    size_t bytes;
    struct geometry geometry;
    struct header *header;
    struct seat *seat;            /* 0 */
    struct lane_control *control; /* of lane 0, which has messages */
};

static struct record *record_at(const struct target *target, uint64_t position)
{
    const struct geometry *g = &target->geometry;
    return (struct record *)(void *)((unsigned char *)target->control + g->record_offset) +
           (position & (g->cells - 1));
}

static uint64_t head_of(const struct target *target)
{
    return atomic_load(&target->control->head);
}

/* The lane's mark of the block of head. */
static struct lane_mark *mark_of(const struct target *target)
{
    const struct geometry *g = &target->geometry;
    struct lane_mark *marks = (struct lane_mark *)(void *)((unsigned char *)target->control + g->marks_offset);
    return &marks[(head_of(target) >> g->block_log2) & (g->marks - 1)];
}

static void damage_record(struct target *target)
{
    atomic_fetch_xor(&record_at(target, head_of(target))->word, UINT64_C(1) << 60); /* its tag */
}

static void damage_length(struct target *target)
{
    atomic_fetch_add(&record_at(target, head_of(target))->word, 1);
}

static void damage_middle(struct target *target)
{
    const uint64_t middle = (head_of(target) + atomic_load(&target->control->tail)) / 2;
    atomic_store(&record_at(target, middle)->word, UINT64_MAX);
}

static void damage_stream(struct target *target)
{
    atomic_fetch_add(&record_at(target, head_of(target))->stream_offset, 7);
}

static void damage_mark(struct target *target)
{
    atomic_fetch_add(&mark_of(target)->messages, 1000);
}

static void damage_all_of_mark(struct target *target)
{
    memset(mark_of(target), 0xff, sizeof(struct lane_mark));
}

static void damage_tail(struct target *target)
{
    atomic_fetch_add(&target->control->tail, target->geometry.cells);
}

static void damage_claim(struct target *target)
{
    atomic_store(&target->control->claim, head_of(target) - 1);
}

static void damage_state(struct target *target)
{
    atomic_store(&target->control->life, 0xee);
}

static void damage_drop_end(struct target *target)
{
    atomic_store(&target->control->drop_end, UINT64_MAX);
}

static void damage_flags(struct target *target)
{
    atomic_fetch_or(&target->header->flags, 1u << 30);
}

static void damage_magic(struct target *target)
{
    target->header->magic ^= 1;
}

static void damage_lanes(struct target *target)
{
    target->header->lanes++;
}

static void damage_used(struct target *target)
{
    atomic_store(&target->header->lanes_used[0], 0);
}

static void damage_seat(struct target *target)
{
    memset(target->seat, 0xff, 64);
}

static void damage_buffer(struct target *target)
{
    atomic_store(&target->seat->held_lane, 77);
    atomic_store(&target->seat->held_valid, 1);
}

static void damage_size(struct target *target)
{
    if (truncate(target->path, (off_t)target->geometry.lanes_offset) != 0)
        exit(1);
}

/* With pauses, so that whoever reads it is met at all steps. */
static int flicker(const struct target *target)
{
    const struct timespec pause = {.tv_nsec = 50000};
    (void)alarm(30);
    for (;;) {
        if (truncate(target->path, (off_t)target->geometry.lanes_offset) != 0)
            return 1;
        (void)nanosleep(&pause, NULL);
        if (truncate(target->path, (off_t)target->geometry.object_bytes) != 0)
            return 1;
        (void)nanosleep(&pause, NULL);
    }
}

static const struct {
    const char *kind;
    void (*damage)(struct target *target);
} kinds[] = {
    {"record", damage_record},
    {"length", damage_length},
    {"stream", damage_stream},
    {"mark", damage_mark},
    {"mark-all", damage_all_of_mark},
    {"tail", damage_tail},
    {"claim", damage_claim},
    {"state", damage_state},
    {"drop-end", damage_drop_end},
    {"flags", damage_flags},
    {"magic", damage_magic},
    {"lanes", damage_lanes},
    {"used", damage_used},
    {"seat", damage_seat},
    {"buffer", damage_buffer},
    {"truncated", damage_size},
    {"middle", damage_middle},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static bool map(struct target *target, const char *queue)
{
    struct stat st;
    (void)snprintf(target->path, sizeof(target->path), "/dev/shm/shmq.%s", queue);
    const int fd = open(target->path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return false;
    target->bytes = (size_t)st.st_size;
    target->base = mmap(NULL, target->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (target->base == MAP_FAILED)
        return false;
    target->header = (struct header *)(void *)target->base;
    const struct parameters parameters = {
        .capacity_bytes = target->header->capacity_bytes,
        .max_message_bytes = target->header->max_message_bytes,
        .lanes = target->header->lanes,
        .seats = target->header->seats,
        .page_bytes = target->header->page_bytes,
        .tick_ns = target->header->tick_ns,
        .features = target->header->features,
    };
    if (geometry_compute(&parameters, &target->geometry) != 0)
        return false;
    target->seat = (struct seat *)(void *)(target->base + target->geometry.seats_offset);
    target->control = (struct lane_control *)(void *)(target->base + geometry_lane_offset(&target->geometry, 0));
    return true;
}

int main(int argc, char **argv)
{
    struct target target = {.bytes = 0};
    if (argc == 2 && strcmp(argv[1], "--kinds") == 0) {
        for (size_t i = 0; i < KINDS; i++)
            puts(kinds[i].kind);
        return 0;
    }
    if (argc != 3 || !map(&target, argv[1])) {
        (void)fprintf(stderr, "usage: tool_damage QUEUE KIND, of a queue that is sound\n");
        return 2;
    }
    if (strcmp(argv[2], "flicker") == 0)
        return flicker(&target);
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].kind, argv[2]) != 0)
            continue;
        kinds[i].damage(&target);
        return 0;
    }
    (void)fprintf(stderr, "tool_damage: %s: no such kind\n", argv[2]);
    return 2;
}
