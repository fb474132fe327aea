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

enum { GRAPHS = 3, BAR_WIDTH = 22, WIDE = 60 };

static void draw_title(struct canvas *canvas, const struct model *model, const struct watched *watched,
                       const char *clock)
{
    char title[WHY_STATE_BYTES + 8] = "";
    char state[WHY_STATE_BYTES];
    if (watched != NULL)
        snprintf(title, sizeof(title), ": %s", why_queue_state(&watched->snapshot, state, sizeof(state)));
    frame_title(canvas, model->chosen, title, clock);
}

/* The rates stand above their graphs, if those have room. */
static bool has_rate_graphs(const struct canvas *canvas)
{
    return canvas->columns >= WIDE && layout_queue(canvas->rows).graph_rows > 0;
}

static void draw_counts(struct canvas *canvas, int row, const struct watched *watched)
{
    const struct shmq_stat *stat = &watched->snapshot.stat;
    char texts[5][TEXT_SIZE];
    int at = 0;
    if (has_rate_graphs(canvas)) {
        graph_bar(canvas, row, 0, BAR_WIDTH, stat->fill_percent, frame_state_style(watched));
        at = BAR_WIDTH + 1;
    }
    at += canvas_print(canvas, row, at, canvas->columns - at, STYLE_PLAIN,
                       "%" PRIu32 " %% of %s  %s message%s  oldest %s", stat->fill_percent,
                       units_memory(texts[0], stat->room_bytes), units_count(texts[1], (double)stat->messages),
                       units_plural(stat->messages), units_age(texts[2], stat->oldest_ns));
    if (!has_rate_graphs(canvas))
        canvas_print(canvas, row, at, canvas->columns - at, STYLE_PLAIN, "  in %s/s  out %s/s",
                     text_rate(texts[3], rates_in(&watched->rates)),
                     text_rate(texts[4], rates_out(&watched->rates)));
}

/* Return: why there are no percentiles; NULL: there are. */
static const char *no_times(const struct inspection *inspection)
{
    if (inspection->latency_at_ns == 0)
        return "not known yet";
    if (inspection->latency_error == -ENODATA)
        return "not measured (the queue was made with --no-latency)";
    if (inspection->latency_error != 0)
        return shmq_strerror(inspection->latency_error);
    return inspection->measured ? NULL : "nothing was acknowledged yet";
}

static void draw_times(struct canvas *canvas, int row, const struct inspection *inspection)
{
    char text[TEXT_SIZE];
    int at = canvas_text(canvas, row, 0, canvas->columns, STYLE_HEAD, "time in queue");
    const char *none = no_times(inspection);
    if (none == NULL && inspection->window_ns >= LATENCY_WINDOW_NS - LATENCY_WINDOW_STEP_NS)
        at += canvas_text(canvas, row, at, canvas->columns - at, STYLE_HEAD, ", last 2 min");
    else if (none == NULL && inspection->window_ns > 0)
        at += canvas_print(canvas, row, at, canvas->columns - at, STYLE_HEAD, ", last %" PRId64 " s",
                           inspection->window_ns / INT64_C(1000000000));
    else if (none == NULL)
        at += canvas_text(canvas, row, at, canvas->columns - at, STYLE_HEAD, " since creation");
    at += canvas_text(canvas, row, at, canvas->columns - at, STYLE_HEAD, ": ");
    if (none != NULL) {
        canvas_text(canvas, row, at, canvas->columns - at, STYLE_FAINT, none);
        return;
    }
    for (int i = 0; i < INSPECTION_PERCENTILES; i++)
        at +=
            canvas_print(canvas, row, at, canvas->columns - at, STYLE_PLAIN, "%s %s  ",
                         inspection_percentile_names[i], units_milliseconds(text, inspection->percentiles_ms[i]));
}

/* What a graph shows: now, and if there is room, how high it is or for how long. */
static void draw_graph_title(struct canvas *canvas, const struct graph_place *place, const struct watched *watched,
                             enum graph_of graph, double most)
{
    char now[3 * TEXT_SIZE];
    char more[2 * TEXT_SIZE];
    char text[TEXT_SIZE];
    if (graph == GRAPH_FILL) {
        snprintf(now, sizeof(now), "FULL %" PRIu32 " %%", watched->snapshot.stat.fill_percent);
        snprintf(more, sizeof(more), " (last 2 min)");
    } else {
        const double rate = graph == GRAPH_IN ? rates_in(&watched->rates) : rates_out(&watched->rates);
        snprintf(now, sizeof(now), "%s %s/s", graph == GRAPH_IN ? "IN" : "OUT", text_rate(text, rate));
        snprintf(more, sizeof(more), " (to %s)", text_rate(text, most));
    }
    const int at = canvas_text(canvas, place->row - 1, place->column, place->columns, STYLE_HEAD, now);
    if (at + (int)strlen(more) <= place->columns)
        canvas_text(canvas, place->row - 1, place->column + at, place->columns - at, STYLE_HEAD, more);
}

/* One where there is no room for three: how full it was. */
static void draw_graphs(struct canvas *canvas, const struct queue_layout *layout, const struct watched *watched)
{
    static const enum style styles[GRAPHS] = {STYLE_WARNING, STYLE_GOOD, STYLE_HEAD};
    const int shown = has_rate_graphs(canvas) ? GRAPHS : 1;
    const int width = (canvas->columns - 2 * (shown - 1)) / shown;
    /* Rates in and out have the same height, so that they can be compared. */
    const double in = graph_most(&watched->rates, GRAPH_IN);
    const double out = graph_most(&watched->rates, GRAPH_OUT);
    const double most[GRAPHS] = {100, in > out ? in : out, in > out ? in : out};
    for (int i = 0; i < shown; i++) {
        const struct graph_place place = {layout->graphs, i * (width + 2), layout->graph_rows, width};
        draw_graph_title(canvas, &place, watched, (enum graph_of)i, most[i]);
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
    char keys[96];
    draw_title(canvas, model, watched, clock);
    frame_reason(canvas, layout.reason, model, now_ns, "");
    /* Of a queue that was removed, the last look is shown; of one that cannot be opened, there is nothing. */
    if (watched != NULL && (watched->handle != NULL || watched_is_removed(watched))) {
        draw_counts(canvas, layout.counts, watched);
        if (layout.times >= 0)
            draw_times(canvas, layout.times, inspection);
        if (layout.graph_rows > 0)
            draw_graphs(canvas, &layout, watched);
        draw_parties(canvas, &layout, model, watched);
        draw_events(canvas, &layout, inspection);
    }
    snprintf(keys, sizeof(keys), "q quit  ? help  Esc list  Tab next queue  %s  j k scroll",
             frame_pause_key(model));
    frame_keys(canvas, layout.keys, keys);
}
