/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_SAVE_H
#define SHMQ_SAVE_H

#include "common/queue/handle.h"

/*
 * What a copy of a queue in use is made of. See save.c for the order in which it is read, and why what is read
 * fits together.
 */

/* A batch that somebody has leased, or one or more in a row that are done. */
struct saved_batch {
    uint64_t start;
    uint64_t end;
    uint32_t seat; /* of a leased one */
    bool done;
};

struct saved_lane {
    uint64_t tail;
    uint64_t head;
    uint64_t claim;
    struct saved_batch *batches; /* from head to claim */
    size_t count;
    size_t room;
};

/* What a seat had delivered before the lanes were read: so no more than was put into them. */
struct saved_delivered {
    uint64_t messages;
    uint64_t bytes;
};

struct save {
    struct shmq *handle;
    int fd;                            /* of the file */
    uint64_t used[LANE_WORDS];         /* lanes that are in the copy */
    struct saved_lane *lanes;          /* [lanes] */
    struct saved_delivered *delivered; /* [seats] */
};

static inline bool save_has_lane(const struct save *save, uint64_t lane)
{
    return lane < handle_geometry(save->handle)->parameters.lanes &&
           (save->used[lane / 64] >> (lane % 64) & 1) != 0;
}

/* What the copy says of an owner, whose lock cannot be copied; of a copy's copy, what that says already. */
static inline void save_life(const struct save *save, shared_u32 *life, bool alive)
{
    const uint32_t found = alive ? SAVED_LIFE_ALIVE : SAVED_LIFE_GONE;
    if (!save->handle->object.copy)
        atomic_store_explicit(life, found, memory_order_relaxed);
}

/* Copies words that others change. @bytes: a multiple of 8. */
static inline void save_load(void *to, const void *from, size_t bytes)
{
    const shared_u64 *words = from;
    for (size_t i = 0; i < bytes / sizeof(uint64_t); i++)
        ((uint64_t *)to)[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
}

/* ------------------------------------------------------------------ lanes */

/*
 * Copies the lane's control, with tail and what belongs to it, the slots of its source, its marks and all messages
 * before tail. Sets the lane's tail and batches.
 * Return: 0; -EAGAIN if it changes too fast; -EBADMSG; -ENOMEM; -ENOSPC, -EFBIG, other system errors.
 */
int save_lane(struct save *save, uint32_t lane);
/* What head has passed meanwhile may not have been copied whole: it is left out. Sets head and claim. */
void save_lane_settle(struct save *save, uint32_t lane);
struct saved_seat;
/* Writes positions and lease words, once seats are known. Return: as save_lane. */
int save_lane_words(struct save *save, uint32_t lane, const struct saved_seat *seats);

/* ------------------------------------------------------------------ seats */

enum saved_work { SAVED_NOTHING, SAVED_LEASE, SAVED_HELD };

/* Reads what the seats have delivered; to be called before lanes are looked for. */
void save_read_delivered(struct save *save);

/* What a seat has, at one moment. */
struct saved_seat {
    enum saved_work work;
    uint32_t lane;
    uint64_t position; /* of the batch or message */
    uint64_t progress; /* of a lease */
};

/*
 * Copies a seat's entry, and the message in its buffer if there is one; to be called when all lanes are settled.
 * Return: as save_lane.
 */
int save_seat(struct save *save, uint32_t seat, struct saved_seat *found);

#endif
