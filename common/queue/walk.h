/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_WALK_H
#define SHMQ_WALK_H

#include "common/queue/handle.h"

/* A walk over the content of a lane, from head to tail, without a lock and while it changes. */

#define WALK_NOBODY UINT32_MAX

/* A message in the lane, which head may pass at any moment. */
struct walk_record {
    uint64_t position;
    uint64_t word; /* its descriptor, checked */
    uint32_t seat; /* which has leased it; WALK_NOBODY: none */
    bool first;    /* leased, and the first of its batch that is not acknowledged */
};

/* Called for messages that are neither acknowledged nor dropped. Return: whether to go on. */
typedef bool walk_visitor(void *context, const struct walk_record *record);

struct walk {
    uint64_t head; /* positions, as they were when the walk began */
    uint64_t claim;
    uint64_t tail;
    uint64_t messages; /* not acknowledged, not dropped */
    uint64_t bytes;    /* their payload */
    uint64_t leased;   /* messages that are leased */
    uint64_t oldest;   /* position of the first message; 0: there is none */
    uint64_t problem_position;
    walk_visitor *visit; /* NULL: nothing is visited */
    void *context;       /* passed on to visit */
    bool stopped;        /* by the visitor */
    bool by_marks;       /* what the lane's marks tell is not walked over */
    bool with_marks;     /* marks are checked, too */
    bool brief;          /* of a long stretch, only the ends are walked over */
    const char *problem; /* NULL, or what is wrong at problem_position; changes in progress are not problems */
};

/* Looks at everything. Return: 0; -EBADMSG with walk->problem; -EAGAIN if the lane changed too fast. */
int walk_lane(const struct shmq *handle, const struct ring *ring, struct walk *walk);
/*
 * Looks for damage where that takes little time however many messages there are: at all lease words and marks, and
 * at the records where few are in a row; of many in a row, at the first and the last few and at those at marks.
 * Counts nothing.
 */
int walk_briefly(const struct shmq *handle, const struct ring *ring, struct walk *walk);
/*
 * The same numbers as walk_lane, without looking at each record: the lane's marks tell how many messages lie
 * between two positions. Where messages were dropped, and where the marks are invalid, it walks all the same.
 */
int walk_count(const struct shmq *handle, const struct ring *ring, struct walk *walk);
/* Like walk_lane, and visits the messages in their order. If the lane changes, it begins again, and visits some
 * again.
 */
int walk_messages(const struct shmq *handle, const struct ring *ring, struct walk *walk, walk_visitor *visit,
                  void *context);

#endif
