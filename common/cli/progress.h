/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PROGRESS_H
#define SHMQ_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/progress_text.h"
#include "common/shmq.h"

/*
 * The status line of --progress (progress_text.h). On a terminal, one line that is redrawn in place; elsewhere,
 * whole lines. It never holds up its program: while stderr takes nothing, it is left out. Also the totals that are
 * printed on SIGUSR1 and at the end.
 */

enum { PROGRESS_EXTRA_BYTES = 400 };

#define PROGRESS_INTERVAL_LEAST_NS 100000000 /* of --progress-interval */

/* Its entry in a table of options; @place: AT(the member of type int64_t). */
#define OPTION_PROGRESS_INTERVAL(place)                                                                           \
    {                                                                                                             \
        .name = "progress-interval", .kind = OPTION_IS_DURATION, place, .min = PROGRESS_INTERVAL_LEAST_NS,        \
        .argument = "DURATION",                                                                                   \
        .help = "implies --progress: the time between two lines (250ms on a terminal, else 10s)"                  \
    }

/* What the program counts, and what it is about. */
struct progress_counts {
    uint64_t messages;
    uint64_t bytes;
    uint64_t source_bytes; /* of a producer's inputs: messages with their framing, and what is left out */
    char extra[PROGRESS_EXTRA_BYTES]; /* what follows on the line and in the totals; "": nothing */
    bool blocked;                     /* it waits for room in the queue */
    const char *waits_for; /* if nothing moves: what else it waits for, such as "input"; NULL: the queue */
};

/* Begins anew when its counter goes on after it stood still. */
struct progress_meter {
    uint64_t value;   /* when it was read last */
    int64_t begun_ns; /* since when the rates are measured */
    int64_t moved_ns; /* when it had moved, as far as seen */
    double rate;      /* a second, over about half a second or the interval between lines */
    double mean;      /* over about five, likewise */
};

/* What a line's numbers are computed from. */
struct progress_reading {
    uint64_t in; /* messages */
    uint64_t out;
    uint64_t bytes;
    uint64_t done;  /* of .total; in the same unit, whichever that is */
    uint64_t total; /* 0: not known */
};

struct progress_meters {
    int64_t interval_ns; /* between lines */
    int64_t read_ns;
    struct progress_meter in;
    struct progress_meter out;
    struct progress_meter bytes;
    struct progress_meter done;
};

struct progress {
    const char *verb; /* "produced", "consumed" */
    bool shown;       /* --progress was given */
    bool terminal;
    int64_t interval_ns; /* at most, between two looks; lines may come less often */
    int64_t started_ns;
    int64_t next_ns; /* when to look again */
    int64_t draw_ns; /* when to draw again */
    struct progress_counts counts;
    struct progress_meters meters;

    struct shmq *queue; /* what is looked at; NULL: nothing, the program is not attached */
    const char *queue_name;
    bool produces;           /* its messages go into the queue */
    uint64_t gone_before;    /* messages that had left the queue when it was attached */
    uint64_t total_bytes;    /* of the source; 0: not known */
    uint64_t total_messages; /* the program ends after so many; 0: not known */
    bool endless;            /* it does not end when the queue is empty */
};

/*
 * @interval_ns  between two lines; 0: four times a second on a terminal, every 10 s elsewhere
 */
void progress_init(struct progress *progress, const char *verb, bool shown, int64_t interval_ns);
/*
 * The program is attached: from now on, the line shows the queue, too.
 *
 * @queue  NULL: not any more. Its thread draws the line
 */
void progress_attach(struct progress *progress, struct shmq *queue, const char *name, bool produces);
/* How much of the source an earlier run has put, and how much there is in all; 0: not known. */
void progress_set_source(struct progress *progress, uint64_t done_bytes, uint64_t total_bytes);
/* Draws the line if it is due. Costs one clock reading, so it may be called for every batch. */
void progress_tick(struct progress *progress);
/*
 * The two halves of progress_tick, for programs whose threads count: they hold a lock while they use .counts, and
 * none while the line is drawn. Everything else belongs to the one thread that draws. Between two lines, it may
 * only be looked and measured.
 */
bool progress_is_due(const struct progress *progress);
void progress_draw(struct progress *progress, const struct progress_counts *counts);
/* Erases the live line, if there is one. */
void progress_end(struct progress *progress);
/* Prints the status "PROGRAM: produced 12 messages, 3.4 MB in 1.2 s (…/s)", followed by @extra if not empty. */
void progress_total(const struct progress *progress, const struct progress_counts *counts, const char *extra);

/* The supervisor, which counts nothing itself, makes its line of the same parts. */

/* A counter that has not moved for so long stands still: it has no rate, and a line says why. Also, a time left is
 * told only after so long. */
#define PROGRESS_STILL_NS INT64_C(1000000000)
/* So often at least, it is looked, so that a line knows what has stood still lately: also the first one, a second
 * after the beginning. */
#define PROGRESS_LOOK_NS (PROGRESS_STILL_NS / 4)

/* @wanted_ns  by --progress-interval; 0: four times a second on a terminal, every 10 s elsewhere */
int64_t progress_interval(int64_t wanted_ns, bool terminal);
/* Begins to measure, at what the counts are. @interval_ns: between lines */
void progress_meters_init(struct progress_meters *meters, const struct progress_reading *reading, int64_t now_ns,
                          int64_t interval_ns);
/* Measures, and sets what a line says of rates, percent and time left. */
void progress_measure(struct progress_meters *meters, const struct progress_reading *reading, int64_t now_ns,
                      struct progress_view *view);
/* Whether it has not moved for PROGRESS_STILL_NS before the last measurement. */
bool progress_is_still(const struct progress_meters *meters, const struct progress_meter *meter);
/* Return: when to look again, after a look that began at @begun_ns and ended at @now_ns. */
int64_t progress_next_look(int64_t begun_ns, int64_t now_ns, int64_t draw_ns);
/* Writes a line: in place on a terminal, if it is ours. @name: what stands before it there */
void progress_write(const struct progress_view *view, bool terminal, const char *name);

#endif
