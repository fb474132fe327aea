/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_ATTACHED_H
#define SHMQ_CLI_ATTACHED_H

#include <stddef.h>

#include "common/shmq.h"

/* Who is attached to a queue, in words; looks at every lane or seat. */

enum { ATTACHED_BYTES = 80 };

/* "no consumer is attached", "1 consumer is attached", "2 consumers are attached, all stopped". Returns @text. */
char *attached_consumers(struct shmq *queue, char text[static ATTACHED_BYTES]);
/* The same of producers. */
char *attached_producers(struct shmq *queue, char text[static ATTACHED_BYTES]);

#endif
