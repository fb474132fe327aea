/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_FIELDS_H
#define SHMQ_MONITOR_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The fields of a queue, a lane and a seat: one list each, for all machine-readable formats and their manual. */

enum field_type {
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_BOOL,
    FIELD_PID,
    FIELD_ID,
    FIELD_MODE,
    FIELD_TEXT,
    FIELD_STATE /* of a producer or consumer, in a word */,
    FIELD_MADE /* made by the format */,
    FIELD_LIST
};

enum field_metric { METRIC_NONE, METRIC_GAUGE, METRIC_COUNTER };

/*
 * The name is that in JSON, and @help its meaning, for the manual and for HELP. The metric is
 * shmq_[lane_|seat_]NAME, with _total appended for a counter. Prometheus counts in seconds: there, an ending of
 * _ns is _seconds, and one of _s is _timestamp_seconds. A negative number is unknown: null in JSON, and no sample.
 */
struct field {
    const char *name;
    enum field_type type;
    enum field_metric metric;
    const char *help;
    size_t offset; /* in the struct it describes */
    size_t needs;  /* offset of the uint64_t without which the field says nothing; 0: it always does */
};

extern const struct field fields_head[];  /* before those of a queue; each list ends with a NULL name */
extern const struct field fields_queue[]; /* of struct shmq_stat */
extern const struct field fields_lane[];  /* of struct shmq_lane_stat */
extern const struct field fields_tail[];  /* behind those of a queue, in show */
extern const struct field fields_seat[];  /* of struct shmq_seat_stat */

/* Whether the field says anything about the object. */
bool field_applies(const struct field *field, const void *object);
/* Whether the field of a queue is a sum or the like over its lanes: it is not known without one of them. */
bool field_is_of_lanes(const struct field *field);
/* The value of a field of any type but FIELD_TEXT. */
uint64_t field_unsigned(const struct field *field, const void *object);
/* The value of a FIELD_TEXT field. */
const char *field_text(const struct field *field, const void *object);

#endif
