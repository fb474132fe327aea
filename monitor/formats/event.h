/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_EVENT_H
#define SHMQ_MONITOR_EVENT_H

#include <stddef.h>
#include <stdio.h>

#include "common/shmq.h"

#define EVENT_TEXT_SIZE 192

/*
 * Describes an event in one line: its local time, and a sentence, such as
 * "12:03:04.123  consumer 2 (pid 71) took over 3 messages of consumer 5". It is plain ASCII, whatever the event
 * contains. Return: @text.
 */
const char *event_describe(const struct shmq_event *event, char *text, size_t size);
/* The sentence alone. */
const char *event_sentence(const struct shmq_event *event, char *text, size_t size);
/* Its local date, "2026-11-27"; "" for an event that cannot be read. */
const char *event_date(const struct shmq_event *event, char *text, size_t size);
/* Its kind in a word, as in JSON: "attached", "death", ... */
const char *event_word(const struct shmq_event *event);
/* As a JSON object in one line, with a newline. */
void event_print_json(FILE *out, const struct shmq_event *event);

#endif
