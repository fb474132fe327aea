/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_OPTIONS_H
#define SHMQ_MONITOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/options.h"
#include "monitor/alert.h"
#include "monitor/list_order.h"

/*
 * The one list of all verbs. The enum below, the declarations in verbs/verbs.h and the table in main.c come from
 * it, and option_table.c does not compile unless it describes each of them.
 */
#define MONITOR_VERBS(VERB)                                                                                       \
    VERB(LIST, list)                                                                                              \
    VERB(SHOW, show)                                                                                              \
    VERB(TOP, top)                                                                                                \
    VERB(METRICS, metrics)                                                                                        \
    VERB(EVENTS, events)                                                                                          \
    VERB(CHECK, check)                                                                                            \
    VERB(SAVE, save)                                                                                              \
    VERB(DOCTOR, doctor)                                                                                          \
    VERB(WAIT, wait)                                                                                              \
    VERB(PEEK, peek)                                                                                              \
    VERB(DROP, drop)                                                                                              \
    VERB(KICK, kick)                                                                                              \
    VERB(PURGE, purge)                                                                                            \
    VERB(FINISH, finish)                                                                                          \
    VERB(PAUSE, pause)                                                                                            \
    VERB(RESUME, resume)                                                                                          \
    VERB(SHUTDOWN, shutdown)                                                                                      \
    VERB(REMOVE, remove)

#define VERB_CODE(code, function) VERB_##code,
enum monitor_verb { MONITOR_VERBS(VERB_CODE) VERBS };
#undef VERB_CODE

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_PROMETHEUS };

/* Codes of options, besides those of the formats. */
enum { MONITOR_ALERT = 16 };

#define LANE_ANY UINT32_MAX
#define WATCH_MIN_NS 1000000

struct options {
    struct common_options common;
    enum monitor_verb verb;
    char **arguments;  /* of the program, for a sibling (common/cli/sibling_program.h) */
    const char *queue; /* NULL for a verb that takes none, and for all queues where a verb's NAME is optional */
    bool takes_file;   /* .queue may be the path of a copy, which has a '/' in it */
    enum format format;
    int64_t timeout_ns; /* negative: no limit */
    bool force;
    bool now;
    bool empty;
    uint32_t lane; /* LANE_ANY: all */
    bool raw;
    bool follow;
    uint64_t count; /* of messages to show; 0: not given */
    char **ids;     /* of messages */
    size_t id_count;
    struct alert alert;
    enum list_order order;
    int64_t watch_ns;     /* pause between two looks; 0: look once */
    const char *into;     /* the file that save makes */
    const char *to;       /* where kick moves messages; NULL: to where they came from */
    char **names;         /* of the queues whose metrics are wanted */
    size_t name_count;    /* 0: all queues */
    const char *listen;   /* address and port to serve metrics at */
    const char *textfile; /* the file to write metrics to; NULL: they are served */
    int64_t interval_ns;  /* between two times that it is written; 0: once */
    bool fix;             /* what can be mended without losing anything */
};

#endif
