/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_ANSWERS_H
#define SHMQ_MONITOR_ANSWERS_H

#include "monitor/metrics/server.h"
#include "monitor/metrics/watch.h"

/* Answers what is asked about queues. What was made of one look serves everybody who asks until the next one. */

struct answers {
    struct watch *watch;
    struct document *documents[REQUEST_KINDS];
    uint64_t looks[REQUEST_KINDS]; /* what each was made of */
    char name[SHMQ_NAME_MAX + 1];  /* of the queue that the last one is about */
};

void answers_give(struct answers *answers, struct server *server, struct request *requests);
void answers_free(struct answers *answers);

#endif
