/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/support/mapped.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/support/fuzz.h"

void mapped_open(struct mapped *mapped, const char *name)
{
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof(path), "/dev/shm/shmq.%s", name);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    fuzz_require(fd >= 0 && fstat(fd, &st) == 0, "%s cannot be opened", path);
    mapped->bytes = (size_t)st.st_size;
    mapped->inode = st.st_ino;
    mapped->base = mmap(NULL, mapped->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fuzz_require(mapped->base != MAP_FAILED, "%s cannot be mapped", path);
    (void)close(fd);
    mapped->header = (struct header *)(void *)mapped->base;
    const struct header *h = mapped->header;
    const struct parameters parameters = {
        .capacity_bytes = h->capacity_bytes,
        .max_message_bytes = h->max_message_bytes,
        .lanes = h->lanes,
        .seats = h->seats,
        .page_bytes = h->page_bytes,
        .tick_ns = h->tick_ns,
    };
    fuzz_require(geometry_compute(&parameters, &mapped->geometry) == 0 &&
                     mapped->geometry.object_bytes == mapped->bytes,
                 "%s: its sizes make no sense", path);
    mapped->seats = (struct seat *)(void *)(mapped->base + mapped->geometry.seats_offset);
}

void mapped_close(struct mapped *mapped)
{
    if (mapped->base != NULL)
        (void)munmap(mapped->base, mapped->bytes);
    mapped->base = NULL;
}

struct ring mapped_ring(const struct mapped *mapped, uint32_t lane)
{
    const struct geometry *g = &mapped->geometry;
    unsigned char *base = mapped->base + geometry_lane_offset(g, lane);
    return (struct ring){
        .control = (struct lane_control *)(void *)base,
        .leases = (shared_u64 *)(void *)(base + g->lease_offset),
        .records = (struct record *)(void *)(base + g->record_offset),
        .arena = base + g->arena_offset,
        .cells = g->cells,
        .mask = g->cells - 1,
        .max_position = g->max_position,
        .max_message_bytes = g->parameters.max_message_bytes,
        .format = {.seat_bits = g->seat_bits, .cells_log2 = g->cells_log2},
        .lane = lane,
    };
}

/* ------------------------------------------------------------------ which word */

enum place {
    PLACE_HEADER,
    PLACE_SHARED_HEADER, /* behind its constants */
    PLACE_SEAT,
    PLACE_CONTROL,
    PLACE_POSITION, /* head, claim, tail */
    PLACE_LEASE,
    PLACE_LEASE_AT, /* at head, claim or tail, or near it */
    PLACE_RECORD,
    PLACE_RECORD_AT,
    PLACE_ANY,
    PLACES
};

static uint64_t position(const struct ring *ring, unsigned which)
{
    const struct lane_control *control = ring->control;
    return atomic_load(which % 3 == 0 ? &control->head : which % 3 == 1 ? &control->claim : &control->tail);
}

/* The index names a position and a distance of -8..+13 cells from it. */
static uint64_t position_near(const struct ring *ring, uint8_t index)
{
    return position(ring, index) + index / 3 % 22 - 8;
}

static void *word_of_control(const struct lane_control *control, uint8_t index)
{
    const void *const words[] = {
        &control->tail,
        &control->checkpoints[0].tail,
        &control->checkpoints[0].stream_offset,
        &control->checkpoints[0].messages,
        &control->checkpoints[1].tail,
        &control->checkpoints[1].stream_offset,
        &control->checkpoints[1].messages,
        &control->source_id,
        &control->source_base,
        &control->life,
        &control->attached,
        &control->priority,
        &control->program,
        &control->claim,
        &control->head,
        &control->wanted_head,
        &control->source_group,
        &control->source_round,
        &control->source_part,
        &control->note,
    };
    return (void *)(uintptr_t)words[index % (sizeof(words) / sizeof(words[0]))];
}

#define SLOT_WORDS_FIRST 240 /* from here on, an index of the control means a word about the source's slots */

static void *word_of_slots(const struct mapped *mapped, uint32_t lane, uint8_t index)
{
    unsigned char *base = mapped->base + geometry_slots_offset(&mapped->geometry, lane);
    struct source_slot *slots = (struct source_slot *)(void *)base;
    if (index % 2 == 0)
        return &slots[index / 2 % 8].word;
    return &slots[index / 2 % 8].copies[0][index % SOURCE_SLOT_WORDS];
}

#define ASIDE_WORDS_FIRST 216 /* from here on, an index means a word about a message put aside */
#define WRITE_WORDS 224       /* from here on, an index means a write intent's word; so the others keep theirs */

static void *word_of_seat(const struct seat *seat, uint8_t index)
{
    const struct write_intent *note = &seat->write_intent;
    const void *const write_words[] = {
        &note->turn,  &note->device,   &note->inode, &note->offset, &note->bytes, &note->format,
        &note->start, &note->position, &note->lane,  &note->seat,   &note->first, &note->count,
    };
    const void *const words[] = {
        &seat->intent_lane,     &seat->intent_position, &seat->progress,      &seat->delivered,
        &seat->delivered_bytes, &seat->waiting,         &seat->pid,           &seat->program,
        &seat->held_valid,      &seat->held_lane,       &seat->held_position, &seat->held_record[0],
        &seat->held_record[1],  &seat->held_attempts,
    };
    const void *const aside_words[] = {&seat->held_due, &seat->held_notes[0][0], &seat->held_notes[1][3]};
    if (index >= ASIDE_WORDS_FIRST && index < WRITE_WORDS)
        return (void *)(uintptr_t)aside_words[index % (sizeof(aside_words) / sizeof(aside_words[0]))];
    if (index >= WRITE_WORDS)
        return (void *)(uintptr_t)write_words[index % (sizeof(write_words) / sizeof(write_words[0]))];
    return (void *)(uintptr_t)words[index % (sizeof(words) / sizeof(words[0]))];
}

static void *word_of_header(const struct mapped *mapped, const struct damage *damage)
{
    const size_t first = damage->place % PLACES == PLACE_HEADER ? 0 : offsetof(struct header, membership) / 8;
    const size_t count = sizeof(struct header) / 8 - first;
    return mapped->base + 8 * (first + damage->index % count);
}

/* Some are not aligned to eight bytes, the pid and program name for one: they are copied, not assigned. */
static void *word_of(const struct mapped *mapped, const struct damage *damage)
{
    const struct parameters *p = &mapped->geometry.parameters;
    const struct ring ring = mapped_ring(mapped, damage->which % p->lanes);
    switch (damage->place % PLACES) {
    case PLACE_HEADER:
    case PLACE_SHARED_HEADER:
        return word_of_header(mapped, damage);
    case PLACE_SEAT:
        return word_of_seat(&mapped->seats[damage->which % p->seats], damage->index);
    case PLACE_CONTROL:
        if (damage->index == SLOT_WORDS_FIRST)
            return &ring.control->slot_epoch;
        if (damage->index > SLOT_WORDS_FIRST)
            return word_of_slots(mapped, ring.lane, damage->index);
        return word_of_control(ring.control, damage->index);
    case PLACE_POSITION:
        return damage->index % 3 == 0   ? &ring.control->head
               : damage->index % 3 == 1 ? &ring.control->claim
                                        : &ring.control->tail;
    case PLACE_LEASE:
        return &ring.leases[damage->index & ring.mask];
    case PLACE_LEASE_AT:
        return &ring.leases[position_near(&ring, damage->index) & ring.mask];
    case PLACE_RECORD:
        return (unsigned char *)ring_record(&ring, damage->index / 2) + 8 * (damage->index % 2);
    case PLACE_RECORD_AT:
        return ring_record(&ring, position_near(&ring, damage->index));
    default:
        return mapped->base +
               8 * (((uint64_t)damage->which << 24 | (uint64_t)damage->index << 16 | damage->large) %
                    (mapped->bytes / 8));
    }
}

/* ------------------------------------------------------------------ how it changes */

enum kind {
    KIND_BIT,
    KIND_DELTA,
    KIND_CONSTANT,
    KIND_SHIFTED,
    KIND_INVERTED,
    KIND_POSITION,
    KIND_LEASE_WORD,
    KIND_RECORD,
    KIND_LOW,
    KIND_HIGH,
    KINDS
};

static uint64_t constant(const struct ring *ring, uint8_t which)
{
    const uint64_t values[] = {0,
                               1,
                               2,
                               3,
                               0xff,
                               UINT64_MAX,
                               INT64_MAX,
                               (uint64_t)INT64_MAX + 1,
                               UINT32_MAX,
                               1ull << 32,
                               ring->cells,
                               ring->max_position,
                               ring->max_position + 1,
                               ring->max_message_bytes,
                               RECORD_FRAME_BITS,
                               OBJECT_READY};
    return values[which % (sizeof(values) / sizeof(values[0]))];
}

/* Head, claim or tail, some cells and laps away. */
static uint64_t some_position(const struct ring *ring, const struct damage *damage)
{
    const uint64_t laps = (uint64_t)(int64_t)(int8_t)(damage->large >> 8);
    return position(ring, damage->large & 3) + (uint64_t)(int64_t)(int8_t)damage->small + laps * ring->cells;
}

static uint64_t some_lease_word(const struct ring *ring, const struct damage *damage)
{
    const uint64_t at = position(ring, damage->large & 3) + (damage->large >> 2 & 7);
    return lease_word(ring->format, at, damage->small % ring->cells + 1, damage->large >> 5 & 7,
                      (enum lease_state)(damage->large >> 8 & 1));
}

static uint64_t some_record(const struct ring *ring, const struct damage *damage)
{
    const uint64_t at = position(ring, damage->small & 3) + (damage->small >> 2 & 7);
    const uint32_t length = damage->large & 0x8000 ? UINT32_MAX - (damage->large & 0xfff) : damage->large & 0xfff;
    const uint8_t frame = damage->small >> 5 & 3;
    return record_pack(ring, at, (struct record_head){.length = length, .frame = frame});
}

static uint64_t changed(const struct ring *ring, const struct damage *damage, uint64_t value)
{
    switch (damage->kind % KINDS) {
    case KIND_BIT:
        return value ^ UINT64_C(1) << (damage->small & 63);
    case KIND_DELTA:
        return value + (uint64_t)(int64_t)(int16_t)damage->large;
    case KIND_CONSTANT:
        return constant(ring, damage->small);
    case KIND_SHIFTED:
        return (uint64_t)damage->large << (damage->small & 63);
    case KIND_INVERTED:
        return ~(uint64_t)damage->large;
    case KIND_POSITION:
        return some_position(ring, damage);
    case KIND_LEASE_WORD:
        return some_lease_word(ring, damage);
    case KIND_RECORD:
        return some_record(ring, damage);
    case KIND_LOW:
        return (value & ~UINT64_C(0xffffffff)) | (uint32_t)constant(ring, damage->small);
    default:
        return (value & UINT32_MAX) | constant(ring, damage->small) << 32;
    }
}

bool mapped_damage(const struct mapped *mapped, const struct damage *damage)
{
    const struct ring ring = mapped_ring(mapped, damage->which % mapped->geometry.parameters.lanes);
    void *word = word_of(mapped, damage);
    uint64_t before;
    memcpy(&before, word, sizeof(before));
    const uint64_t after = changed(&ring, damage, before);
    fuzz_trace("    byte %td (place %u, %u): %#jx becomes %#jx\n", (unsigned char *)word - mapped->base,
               damage->place % PLACES, damage->which, (uintmax_t)before, (uintmax_t)after);
    memcpy(word, &after, sizeof(after));
    return after != before;
}
