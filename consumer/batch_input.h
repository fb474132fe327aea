/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_BATCH_INPUT_H
#define CONSUMER_BATCH_INPUT_H

#include "consumer/batch.h"

/*
 * What a command of --batch has as its stdin: a file in memory with the framed messages. A pipe would end too
 * early if this consumer died while it writes, and the command might take half a message for a whole one.
 */

/* Writes the file. Return: a descriptor at its beginning, above the standard ones; negative errno. */
int batch_input_open(struct batch_writer *writer, const struct shmq_message *messages, size_t count);

#endif
