/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_OUTPUT_H
#define SHMQ_MONITOR_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/cli/snapshot.h"

/* Prints list and show in each format. */

/* Tables, at most 80 columns wide for usual names and numbers; in colour if stdout is a terminal that has some.
 * @columns: how wide the screen is: of names that leave no room for the rest, the middle is left out; 0: any width
 */
void output_list_table(FILE *out, const struct snapshots *snapshots, unsigned columns);
void output_show_table(FILE *out, const struct snapshot *snapshot);

void output_list_json(const struct snapshots *snapshots);
void output_show_json(const struct snapshot *snapshot);

/* One message, as text, as an element of a JSON array, or its payload alone. */
void output_peeked_text(struct shmq *queue, const struct shmq_peeked *peeked);
void output_peeked_json(struct shmq *queue, const struct shmq_peeked *peeked);
void output_peeked_raw(const struct shmq_peeked *peeked);

/*
 * Metrics, to any file.
 *
 * @details  also print the lanes and seats of the snapshots
 */
void output_prometheus(FILE *out, const struct snapshots *snapshots, bool details);

/* Return: false if stdout cannot be written; output_finish will say why. */
bool output_flush(void);
/* Flushes stdout. Reports a failure; returns the exit status. */
int output_finish(void);

#endif
