/* SPDX-License-Identifier: MIT */
#include "monitor/top/queue_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/units.h"
#include "common/cli/why.h"
#include "monitor/formats/event.h"
#include "monitor/top/frame.h"
#include "monitor/top/graph.h"
#include "monitor/top/layout.h"
#include "monitor/top/parties.h"
#include "monitor/top/text.h"

enum { GRAPHS = 3, BAR_WIDTH = 22 };

static void draw_title(struct canvas *canvas, const struct model *model, const struct watched *watched,
                       const char *clock)
{
    char title[SHMQ_NAME_MAX + WHY_STATE_BYTES + 8];
    char state[WHY_STATE_BYTES] = "";
    if (watched != NULL)
        why_queue_state(&watched->snapshot, state, sizeof(state));
    snprintf(title, sizeof(title), "%s%s%s", model->chosen, state[0] != '\0' ? ": " : "", state);
    frame_title(canvas, title, clock);
}

static void draw_counts(struct canvas *canvas, int row, const struct watched *watched)
{
    const struct shmq_stat *stat = &watched->snapshot.stat;
    char texts[6][TEXT_SIZE];
    int at = 0;
    if (canvas->columns >= 60) {
        graph_bar(canvas, row, 0, BAR_WIDTH, stat->fill_percent, frame_state_style(watched));
        at = BAR_WIDTH + 1;
    }
    canvas_print(canvas, row, at, canvas->columns - at, STYLE_PLAIN,
                 "%" PRIu32 " %% of %s  %s message%s  oldest %s  in %s/s  out %s/s", stat->fill_percent,
                 units_memory(texts[0], stat->room_bytes), units_count(texts[1], (double)stat->messages),
                 units_plural(stat->messages), text_time(texts[2], stat->oldest_ns),
                 text_rate(texts[3], rates_in(&watched->rates)), text_rate(texts[4], rates_out(&watched->rates)));
}

static void draw_times(struct canvas *canvas, int row, const struct inspection *inspection)
{
    static const char title[] = "time in the queue: ";
    int at = canvas_text(canvas, row, 0, canvas->columns, STYLE_HEAD, title);
    char text[TEXT_SIZE];
    const char *none = NULL;
    if (inspection->latency_at_ns == 0)
        none = "not known yet";
    else if (inspection->latency_error == -ENODATA)
        none = "not measured (the queue was made with --no-latency)";
    else if (inspection->latency_error != 0)
        none = shmq_strerror(inspection->latency_error);
    else if (!inspection->measured)
        none = "nothing was acknowledged yet";
    if (none != NULL) {
        canvas_text(canvas, row, at, canvas->columns - at, STYLE_FAINT, none);
        return;
    }
    for (int i = 0; i < INSPECTION_PERCENTILES; i++)
        at += canvas_print(canvas, row, at, canvas->columns - at, STYLE_PLAIN, "%s %s  ",
                           inspection_percentile_names[i], text_milliseconds(text, inspection->percentiles_ms[i]));
}

/* One below 60 columns: how full it was. */
static void draw_graphs(struct canvas *canvas, const struct queue_layout *layout, const struct watched *watched)
{
    static const enum style styles[GRAPHS] = {STYLE_WARNING, STYLE_GOOD, STYLE_HEAD};
    static const char *const titles[GRAPHS] = {"FULL, %", "IN/S", "OUT/S"};
    const int shown = canvas->columns >= 60 ? GRAPHS : 1;
    const int width = (canvas->columns - 2 * (shown - 1)) / shown;
    /* Rates in and out have the same height, so that they can be compared. */
    const double in = graph_most(&watched->rates, GRAPH_IN);
    const double out = graph_most(&watched->rates, GRAPH_OUT);
    const double most[GRAPHS] = {100, in > out ? in : out, in > out ? in : out};
    for (int i = 0; i < shown; i++) {
        char text[TEXT_SIZE];
        const struct graph_place place = {layout->graphs, i * (width + 2), layout->graph_rows, width};
        canvas_print(canvas, layout->graph_title, place.column, width, STYLE_HEAD, "%s (2 min, to %s)", titles[i],
                     text_rate(text, most[i]));
        graph_history(canvas, &place, &watched->rates, (enum graph_of)i, most[i], styles[i]);
    }
}

static void draw_parties(struct canvas *canvas, const struct queue_layout *layout, const struct model *model,
                         const struct watched *watched)
{
    parties_heading(canvas, layout->heading, &watched->snapshot, model->party_first, layout->party_rows);
    for (int i = 0; i < layout->party_rows; i++)
        parties_draw(canvas, layout->parties + i, watched, model->party_first + (size_t)i);
    if (watched->snapshot.lane_count + watched->snapshot.seat_count == 0)
        canvas_text(canvas, layout->parties, 0, canvas->columns, STYLE_FAINT, "nobody has used the queue yet");
}

static void draw_event(struct canvas *canvas, int row, const struct shmq_event *event)
{
    char text[EVENT_TEXT_SIZE];
    canvas_text(canvas, row, 0, canvas->columns, STYLE_PLAIN, event_describe(event, text, sizeof(text)));
}

/* The newest at the top. */
static void draw_events(struct canvas *canvas, const struct queue_layout *layout,
                        const struct inspection *inspection)
{
    if (layout->event_rows == 0)
        return;
    canvas_text(canvas, layout->event_title, 0, canvas->columns, STYLE_HEAD, "LAST EVENTS");
    if (inspection->event_count == 0)
        canvas_text(canvas, layout->events, 0, canvas->columns, STYLE_FAINT, "none");
    for (int i = 0; i < layout->event_rows; i++) {
        const struct shmq_event *event = inspection_event(inspection, (uint32_t)i);
        if (event != NULL)
            draw_event(canvas, layout->events + i, event);
    }
}

void queue_page_draw(struct canvas *canvas, const struct model *model, const struct inspection *inspection,
                     int64_t now_ns, const char *clock)
{
    const struct queue_layout layout = layout_queue(canvas->rows);
    const struct watched *watched = model_chosen(model);
    draw_title(canvas, model, watched, clock);
    frame_reason(canvas, layout.reason, model, now_ns);
    /* Of a queue that was removed, the last look is shown; of one that cannot be opened, there is nothing. */
    if (watched != NULL && (watched->handle != NULL || watched_is_gone(watched))) {
        draw_counts(canvas, layout.counts, watched);
        if (layout.times >= 0)
            draw_times(canvas, layout.times, inspection);
        if (layout.graph_rows > 0)
            draw_graphs(canvas, &layout, watched);
        draw_parties(canvas, &layout, model, watched);
        draw_events(canvas, &layout, inspection);
    }
    frame_keys(canvas, layout.keys, "q quit  ? help  Esc list  Tab next queue  p pause  j k scroll");
}
