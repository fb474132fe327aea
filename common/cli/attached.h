/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_ATTACHED_H
#define SHMQ_CLI_ATTACHED_H

#include <stddef.h>

#include "common/shmq.h"

/* Describes in words how many processes are attached to a queue. Reads every lane or seat. */

enum { ATTACHED_BYTES = 80 };

/* "no consumer is attached", "1 consumer is attached", "2 consumers are attached, all stopped". Returns @text. */
char *attached_consumers(struct shmq *queue, char text[static ATTACHED_BYTES]);
/* The same for producers. */
char *attached_producers(struct shmq *queue, char text[static ATTACHED_BYTES]);

#endif
