/* SPDX-License-Identifier: MIT */
/* What monitor top shows, without a terminal: order and choice, keys, sizes, bars, graphs and pages. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/top/canvas.h"
#include "monitor/top/frame.h"
#include "monitor/top/graph.h"
#include "monitor/top/keys.h"
#include "monitor/top/layout.h"
#include "monitor/top/list_page.h"
#include "monitor/top/model.h"
#include "monitor/top/queue_page.h"
#include "monitor/top/text.h"
#include "tests/support/harness.h"

#define SECOND INT64_C(1000000000)
#define NOW (100 * SECOND)

static struct model model;
static struct canvas canvas;
static struct inspection inspection;

static void set_up(void)
{
    model = (struct model){0};
    canvas = (struct canvas){0};
    inspection = (struct inspection){0};
}

static void tear_down(void)
{
    for (size_t i = 0; i < model.count; i++)
        model.queues[i]->handle = NULL; /* there is but one, which is no queue's */
    model_free(&model);
    canvas_free(&canvas);
}

/* A queue that looks open. It is never looked at, so its handle is never used. */
static struct watched *add(const char *name, uint64_t messages, uint32_t percent)
{
    static _Alignas(64) uint64_t nothing[64]; /* no handle: it has no magic number */
    struct watched *watched = watched_new(name);
    ck_assert_ptr_nonnull(watched);
    watched->handle = (struct shmq *)(void *)nothing;
    watched->snapshot.error = 0;
    watched->snapshot.opened = true;
    watched->snapshot.stat = (struct shmq_stat)SHMQ_STAT_INIT;
    watched->snapshot.stat.queue_id = model.count + 1;
    watched->snapshot.stat.messages = messages;
    watched->snapshot.stat.fill_percent = percent;
    watched->snapshot.stat.oldest_ns = -1;
    ck_assert(model_add(&model, watched));
    return watched;
}

static void add_many(size_t count)
{
    char name[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "queue.%03zu", i);
        add(name, i, (uint32_t)(i % 101));
    }
    model.complete = true;
    model_sort(&model);
}

static void type(const char *keys)
{
    for (; *keys != '\0'; keys++)
        keys_press(&model, *keys);
}

/* The text of a row, without the blanks at its end; what is not ASCII is '*'. */
static const char *row_text(int row)
{
    static char text[1024];
    int end = 0;
    for (int i = 0; i < canvas.columns && i < (int)sizeof(text) - 1; i++) {
        const wchar_t glyph = canvas.cells[row * canvas.columns + i].glyph;
        text[i] = glyph < 128 ? (char)glyph : '*';
        if (text[i] != ' ')
            end = i + 1;
    }
    text[end] = '\0';
    return text;
}

static bool has_row(const char *part)
{
    for (int row = 0; row < canvas.rows; row++)
        if (strstr(row_text(row), part) != NULL)
            return true;
    return false;
}

static void draw(int rows, int columns)
{
    ck_assert(canvas_clear(&canvas, rows, columns));
    model_fit(&model, (size_t)layout_list(rows).line_rows, (size_t)layout_queue(rows).party_rows);
    if (model.page == PAGE_LIST)
        list_page_draw(&canvas, &model, NOW, "12:34:56");
    else
        queue_page_draw(&canvas, &model, &inspection, NOW, "12:34:56");
    frame_overlay(&canvas, &model);
}

/* ------------------------------------------------------------------ order and choice */

START_TEST(names_ascend_and_numbers_descend)
{
    add("b", 5, 10);
    add("a", 7, 90);
    add("c", 6, 50);
    model_sort(&model);
    ck_assert_str_eq(model.queues[0]->name, "a");
    ck_assert_str_eq(model.queues[2]->name, "c");
    type("s"); /* fill */
    ck_assert_str_eq(model.queues[0]->name, "a");
    ck_assert_str_eq(model.queues[1]->name, "c");
    type("s"); /* messages */
    ck_assert_str_eq(model.queues[1]->name, "c");
    type("r");
    ck_assert_str_eq(model.queues[0]->name, "b");
    type("S"); /* fill, reversed */
    ck_assert_str_eq(model.queues[0]->name, "b");
}
END_TEST

START_TEST(what_cannot_be_read_comes_last)
{
    struct watched *closed = add("a", 7, 90);
    add("b", 0, 0);
    closed->handle = NULL;
    closed->snapshot.error = -EACCES;
    model.order = ORDER_MESSAGES;
    model_sort(&model);
    ck_assert_str_eq(model.queues[0]->name, "b");
}
END_TEST

START_TEST(the_chosen_queue_stays_chosen_when_the_order_changes)
{
    add_many(10);
    type("jjj");
    ck_assert_str_eq(model.chosen, "queue.003");
    type("ss");
    ck_assert_str_eq(model.chosen, "queue.003");
    ck_assert_uint_eq(model.cursor, 6);
    model_drop(&model, model_find(&model, "queue.003"));
    model_sort(&model);
    ck_assert_uint_eq(model.cursor, 6);
    ck_assert_str_eq(model.chosen, "queue.002");
    while (model.count > 0)
        model_drop(&model, model.queues[0]);
    model_sort(&model);
    ck_assert_ptr_null(model_chosen(&model));
    type("jkgG\x02\x06nN");
    keys_press(&model, KEY_OF_ENTER);
}
END_TEST

START_TEST(the_choice_moves_and_the_list_follows)
{
    add_many(500);
    draw(24, 80);
    ck_assert_uint_eq(model.visible, 20);
    type("G");
    ck_assert_str_eq(model.chosen, "queue.499");
    ck_assert_uint_eq(model.first, 480);
    keys_press(&model, KEY_OF_PAGE_UP);
    ck_assert_str_eq(model.chosen, "queue.479");
    ck_assert_uint_eq(model.first, 479);
    keys_press(&model, KEY_OF_DOWN);
    ck_assert_uint_eq(model.first, 479);
    type("g");
    ck_assert_uint_eq(model.first, 0);
    type("k");
    ck_assert_uint_eq(model.cursor, 0);
    keys_press(&model, KEY_OF_BACK_TAB);
    ck_assert_str_eq(model.chosen, "queue.499");
    keys_press(&model, KEY_OF_TAB);
    ck_assert_str_eq(model.chosen, "queue.000");
    type("\x04");
    ck_assert_uint_eq(model.cursor, 10);
}
END_TEST

START_TEST(a_jump_prefers_names_that_begin_so)
{
    add("orders.dead", 0, 0);
    add("dead", 0, 0);
    add("a.dead", 0, 0);
    model_sort(&model);
    type("/de");
    ck_assert_str_eq(model.chosen, "dead");
    type("/q"); /* no command here, and no name with it */
    ck_assert(!model.quit);
    keys_press(&model, KEY_OF_ERASE);
    keys_press(&model, KEY_OF_ERASE);
    ck_assert_str_eq(model.jump, "de");
    keys_press(&model, KEY_OF_ENTER);
    ck_assert_int_eq(model.overlay, OVERLAY_NONE);
    type("/rders");
    ck_assert_str_eq(model.chosen, "orders.dead");
    keys_press(&model, KEY_OF_ESCAPE);
    type("/");
    ck_assert_str_eq(model.jump, "");
    for (int i = 0; i < 300; i++)
        type("x");
    ck_assert_uint_eq(strlen(model.jump), SHMQ_NAME_MAX);
}
END_TEST

/* ------------------------------------------------------------------ what changes a queue */

START_TEST(only_a_yes_pauses)
{
    static const char *const others[] = {"n", "N", "q", "\033"};
    struct watched *watched = add("a", 0, 0);
    model_sort(&model);
    for (size_t i = 0; i < COUNT(others); i++) {
        type("p");
        ck_assert_int_eq(model.overlay, OVERLAY_QUESTION);
        type("p x\r");
        ck_assert_int_eq(model.overlay, OVERLAY_QUESTION);
        type(others[i]);
        ck_assert_int_eq(model.overlay, OVERLAY_NONE);
        ck_assert(!model.request.wanted);
        ck_assert(!model.quit);
    }
    type("py");
    ck_assert(model.request.wanted);
    ck_assert(model.request.pause);
    ck_assert_str_eq(model.request.name, "a");
    model.request.wanted = false;
    watched->snapshot.stat.paused = true;
    type("pY");
    ck_assert(model.request.wanted);
    ck_assert(!model.request.pause);
}
END_TEST

START_TEST(the_answer_is_about_the_queue_of_the_question)
{
    add("a", 1, 0);
    add("b", 2, 0);
    model_sort(&model);
    type("p");
    model_choose(&model, "b"); /* the list has changed meanwhile */
    type("y");
    ck_assert_str_eq(model.request.name, "a");
}
END_TEST

START_TEST(what_cannot_be_read_is_not_paused)
{
    struct watched *watched = add("a", 0, 0);
    watched->handle = NULL;
    model_sort(&model);
    type("p");
    ck_assert_int_eq(model.overlay, OVERLAY_NONE);
    model_open(&model, "nothing");
    type("py");
    ck_assert(!model.request.wanted);
}
END_TEST

/* ------------------------------------------------------------------ bars and graphs */

static const char *bar(int width, double percent)
{
    ck_assert(canvas_clear(&canvas, 1, width));
    graph_bar(&canvas, 0, 0, width, percent, STYLE_GOOD);
    return row_text(0);
}

START_TEST(a_bar_is_full_only_if_it_is)
{
    ck_assert_str_eq(bar(12, 0), "[          ]");
    ck_assert_str_eq(bar(12, 0.1), "[-         ]");
    ck_assert_str_eq(bar(12, 50), "[#####     ]");
    ck_assert_str_eq(bar(12, 99.9), "[#########-]");
    ck_assert_str_eq(bar(12, 100), "[##########]");
    ck_assert_str_eq(bar(12, 250), "[##########]");
    ck_assert_str_eq(bar(12, -5), "[          ]");
    ck_assert_str_eq(bar(2, 50), "");
    canvas.unicode = true;
    bar(3, 50);
    ck_assert_int_eq(canvas.cells[1].glyph, 0x258c);
}
END_TEST

static void look(struct rates *rates, int64_t number, uint64_t put, uint32_t percent)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    stat.queue_id = 1;
    stat.put_messages = put;
    stat.fill_percent = percent;
    ck_assert(rates_add(rates, &stat, NOW + number * RATES_INTERVAL_NS));
}

START_TEST(a_graph_shows_the_newest_at_the_right)
{
    struct rates rates = {0};
    const struct graph_place place = {0, 0, 2, 240};
    look(&rates, 0, 0, 0);
    look(&rates, 1, 0, 50);
    look(&rates, 2, 0, 100);
    ck_assert(canvas_clear(&canvas, 2, 240));
    graph_history(&canvas, &place, &rates, GRAPH_FILL, 100, STYLE_GOOD);
    ck_assert_str_eq(row_text(1) + 237, "_##");
    ck_assert_str_eq(row_text(0) + 237, "  #");
    ck_assert_int_eq(canvas.cells[236].glyph, L' ');
    ck_assert_double_eq(graph_most(&rates, GRAPH_FILL), 100);
    ck_assert_double_eq(graph_most(&rates, GRAPH_OUT), 0);
    rates_free(&rates);
}
END_TEST

START_TEST(a_complete_column_of_a_graph_does_not_change)
{
    struct rates rates = {0};
    const struct graph_place place = {0, 0, 4, 24}; /* ten points a column */
    char before[64];
    char after[64];
    for (int64_t i = 0; i < 200; i++)
        look(&rates, i, 0, (uint32_t)(i * 37 % 101));
    for (int64_t i = 200; i < 209; i++) {
        ck_assert(canvas_clear(&canvas, 4, 24));
        graph_history(&canvas, &place, &rates, GRAPH_FILL, 100, STYLE_GOOD);
        snprintf(before, sizeof(before), "%.22s", row_text(0) + (i % 10 == 0 ? 1 : 0));
        look(&rates, i, 0, 0);
        ck_assert(canvas_clear(&canvas, 4, 24));
        graph_history(&canvas, &place, &rates, GRAPH_FILL, 100, STYLE_GOOD);
        snprintf(after, sizeof(after), "%.22s", row_text(0));
        ck_assert_str_eq(before, after);
    }
    rates_free(&rates);
}
END_TEST

START_TEST(a_graph_of_any_size_stays_in_its_place)
{
    struct rates rates = {0};
    for (int64_t i = 0; i < 300; i++)
        look(&rates, i, (uint64_t)i * 10, 100);
    for (int width = -1; width < 300; width += 7) {
        const struct graph_place place = {1, 1, 1, width};
        ck_assert(canvas_clear(&canvas, 3, 302));
        graph_history(&canvas, &place, &rates, GRAPH_IN, 20, STYLE_GOOD);
        ck_assert_str_eq(row_text(0), "");
        ck_assert_str_eq(row_text(2), "");
        ck_assert_int_eq((int)strlen(row_text(1)), width < 1 ? 0 : width + 1);
    }
    rates_free(&rates);
}
END_TEST

/* ------------------------------------------------------------------ pages */

START_TEST(numbers_are_short)
{
    char text[TEXT_SIZE];
    ck_assert_str_eq(text_rate(text, 0), "0");
    ck_assert_str_eq(text_rate(text, 0.2), "<1");
    ck_assert_str_eq(text_rate(text, 12345), "12.3 k");
}
END_TEST

START_TEST(the_list_has_a_line_for_each_queue)
{
    struct watched *watched = add("orders", 1234, 67);
    watched->snapshot.stat.oldest_ns = 12 * SECOND;
    watched->snapshot.stat.producers = 3;
    watched->snapshot.stat.consumers = 2;
    struct watched *closed = add("secret", 0, 0);
    closed->handle = NULL;
    closed->snapshot.error = -EACCES;
    model.complete = true;
    model_sort(&model);
    draw(24, 80);
    ck_assert(has_row("top: 2 queues by name"));
    ck_assert(strstr(row_text(0), "12:34:56") == row_text(0) + 72);
    ck_assert(strncmp(row_text(2), "orders  ", 8) == 0);
    ck_assert(strstr(row_text(2), "[####") != NULL);
    ck_assert(strstr(row_text(2), " 1.23 k    12 s      0      0    3    2") != NULL);
    ck_assert(strstr(row_text(3), "forbidden") != NULL);
    ck_assert(strstr(row_text(3), "[") == NULL);
    ck_assert(canvas.cells[2 * 80].marked);
    ck_assert(canvas.cells[2 * 80 + 79].marked);
    for (int i = 0; i < 80; i++) /* an empty bar would look full */
        if (canvas.cells[2 * 80 + i].glyph == L'[' || canvas.cells[2 * 80 + i].glyph == L'#')
            ck_assert(!canvas.cells[2 * 80 + i].marked);
    ck_assert(!canvas.cells[3 * 80].marked);
}
END_TEST

START_TEST(long_names_stay_distinguishable)
{
    static const char common[] = "invoices.europe.north.incoming";
    char names[2][64];
    snprintf(names[0], sizeof(names[0]), "%s.1", common);
    snprintf(names[1], sizeof(names[1]), "%s.2", common);
    add(names[0], 1, 0);
    add(names[1], 2, 100);
    model_sort(&model);
    draw(24, 80);
    ck_assert(strncmp(row_text(2), "invoices.~coming.1 ", 19) == 0);
    ck_assert(strncmp(row_text(3), "invoices.~coming.2 ", 19) == 0);
    ck_assert(strncmp(row_text(22), "invoices.europe.north.incoming.1: 1 message waits", 49) == 0);
    draw(24, 100);
    ck_assert(strncmp(row_text(3), names[1], strlen(names[1])) == 0);
    canvas.unicode = true;
    draw(24, 80);
    ck_assert(strncmp(row_text(2), "invoices.*coming.1 ", 19) == 0);
}
END_TEST

START_TEST(every_heading_has_room_for_its_mark)
{
    static const char *const marked[] = {"QUEUE^", "FULLv", "MESSAGESv", "OLDESTv", "IN/Sv", "OUT/Sv"};
    add("orders", 1234, 67);
    for (size_t i = 0; i < COUNT(marked); i++) {
        draw(24, 80);
        ck_assert_ptr_nonnull(strstr(row_text(1), marked[i]));
        type("s");
    }
}
END_TEST

START_TEST(the_end_of_a_question_is_never_cut)
{
    char name[SHMQ_NAME_MAX + 1];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct watched *watched = add(name, 0, 0);
    model_sort(&model);
    type("p");
    draw(24, 80);
    ck_assert_str_eq(strchr(row_text(22), '?'), "? Consumers get nothing until it is resumed. (y/n)");
    type("n");
    watched->snapshot.stat.paused = true;
    type("p");
    draw(24, 80);
    ck_assert_str_eq(strchr(row_text(22), '?'), "? (y/n)");
    type("n");
    keys_press(&model, KEY_OF_ENTER);
    draw(24, 80);
    ck_assert_ptr_nonnull(strstr(row_text(0), "xxx: paused"));
    ck_assert_ptr_nonnull(strstr(row_text(0), " 12:34:56"));
}
END_TEST

START_TEST(a_narrow_list_leaves_out_columns)
{
    add("orders", 1234, 67);
    model_sort(&model);
    draw(10, 40);
    ck_assert(has_row("QUEUE"));
    ck_assert(has_row("STATE"));
    ck_assert(!has_row("CONS"));
    draw(10, 12);
    ck_assert(has_row("orders"));
    draw(10, 200);
    ck_assert(has_row("CONS"));
}
END_TEST

static struct watched *add_busy(uint32_t lanes, uint32_t seats)
{
    struct watched *watched = add("busy", 100, 100);
    struct snapshot *snapshot = &watched->snapshot;
    snapshot->stat.lanes = lanes;
    snapshot->stat.seats = seats;
    snapshot->lanes = calloc(lanes + 1, sizeof(*snapshot->lanes));
    snapshot->seats = calloc(seats + 1, sizeof(*snapshot->seats));
    ck_assert(snapshot->lanes != NULL && snapshot->seats != NULL);
    for (uint32_t i = 0; i < lanes; i++) {
        snapshot->lanes[i] = (struct shmq_lane_stat)SHMQ_LANE_STAT_INIT;
        snapshot->lanes[i].lane = i;
        snapshot->lanes[i].used = true;
        snapshot->lanes[i].finished = true;
        snprintf(snapshot->lanes[i].program, sizeof(snapshot->lanes[i].program), "made\033[2J");
    }
    for (uint32_t i = 0; i < seats; i++) {
        snapshot->seats[i] = (struct shmq_seat_stat)SHMQ_SEAT_STAT_INIT;
        snapshot->seats[i].seat = i;
        snapshot->seats[i].leased_ns = -1;
    }
    snapshot->lane_count = lanes;
    snapshot->seat_count = seats;
    model_sort(&model);
    model_open(&model, "busy");
    return watched;
}

START_TEST(a_thousand_lanes_can_be_scrolled)
{
    add_busy(1024, 1024);
    draw(24, 80);
    ck_assert(has_row("producer 0"));
    ck_assert(has_row("of 2048)"));
    type("G");
    draw(24, 80);
    ck_assert(has_row("consumer 1023"));
    keys_press(&model, KEY_OF_PAGE_UP);
    draw(24, 80);
    ck_assert(!has_row("consumer 1023"));
    type("g");
    draw(24, 80);
    ck_assert(has_row("producer 0"));
}
END_TEST

START_TEST(how_long_a_consumer_has_had_messages_is_told_from_a_second_on)
{
    struct watched *watched = add_busy(0, 1);
    struct shmq_seat_stat *seat = &watched->snapshot.seats[0];
    seat->taken = seat->alive = true;
    seat->leased = 1;
    seat->leased_ns = SECOND - 1;
    draw(24, 80);
    ck_assert(has_row("consumer 0"));
    ck_assert(!has_row("has had"));
    seat->leased_ns = 2 * SECOND;
    draw(24, 80);
    ck_assert(has_row("running, has had it 2.0 s"));
    seat->leased = 2;
    draw(24, 80);
    ck_assert(has_row("running, has had them 2.0 s"));
}
END_TEST

START_TEST(what_a_program_calls_itself_does_nothing_to_the_terminal)
{
    add_busy(1, 0);
    draw(24, 80);
    ck_assert(has_row("made?[2J"));
}
END_TEST

START_TEST(nothing_of_the_counts_is_cut_at_80_columns)
{
    struct watched *watched = add_busy(1, 1);
    watched->snapshot.stat.room_bytes = UINT64_C(1430000000);
    watched->snapshot.stat.messages = 123456;
    watched->snapshot.stat.oldest_ns = 99 * SECOND;
    look(&watched->rates, 0, 0, 100);
    for (int64_t i = 1; i < 20; i++)
        look(&watched->rates, i, (uint64_t)i * 61700, 100);
    draw(24, 80);
    ck_assert(has_row("100 % of 1.33 GiB  123 k messages  oldest 99 s"));
    ck_assert(has_row("FULL 100 % (last 2 min)    IN 123 k/s (to 123 k)      OUT 0/s (to 123 k)"));
    draw(12, 80); /* no graphs */
    ck_assert(has_row("100 % of 1.33 GiB  123 k messages  oldest 99 s  in 123 k/s  out 0/s"));
}
END_TEST

START_TEST(a_queue_without_latency_says_so)
{
    add_busy(1, 1);
    draw(24, 80);
    ck_assert(has_row("not known yet"));
    inspection.latency_at_ns = NOW;
    inspection.latency_error = -ENODATA;
    draw(24, 80);
    ck_assert(has_row("--no-latency"));
    inspection.latency_error = 0;
    draw(24, 80);
    ck_assert(has_row("nothing was acknowledged yet"));
    inspection.measured = true;
    inspection.percentiles_ms[0] = 3;
    inspection.percentiles_ms[3] = 12000;
    draw(24, 80);
    ck_assert(has_row("time in queue since creation: p50 3 ms"));
    ck_assert(has_row("max 12 s"));
    inspection.window_ns = 118 * SECOND;
    draw(24, 80);
    ck_assert(has_row("time in queue, last 2 min: p50 3 ms"));
}
END_TEST

START_TEST(a_queue_that_was_removed_stays_to_be_seen)
{
    struct watched *watched = add_busy(1, 1);
    watched->handle = NULL;
    watched->snapshot.error = -ESTALE;
    draw(24, 80);
    ck_assert(has_row("removed; this is what was seen last; Esc: back to the list"));
    ck_assert(has_row("top: busy: removed"));
    ck_assert(has_row("producer 0"));
    watched->snapshot.error = -EACCES;
    draw(24, 80);
    ck_assert(!has_row("producer 0"));
    model_drop(&model, watched);
    draw(24, 80);
    ck_assert(has_row("there is no queue of this name"));
}
END_TEST

START_TEST(a_notice_goes_by_itself)
{
    add("a", 0, 0);
    model_sort(&model);
    model_notice(&model, NOW, "something has happened");
    draw(24, 80);
    ck_assert(has_row("something has happened"));
    model_notice(&model, NOW - 5 * SECOND, "something has happened");
    draw(24, 80);
    ck_assert(!has_row("something has happened"));
    model_notice(&model, NOW, "something has happened");
    type("j");
    draw(24, 80);
    ck_assert(!has_row("something has happened"));
}
END_TEST

START_TEST(every_size_can_be_drawn)
{
    static const char *const states[] = {"", "?", "p", "/x"};
    add_many(50);
    add_busy(70, 70);
    for (int unicode = 0; unicode < 2; unicode++) {
        for (size_t i = 0; i < COUNT(states); i++) {
            canvas.unicode = unicode != 0;
            for (int rows = 1; rows < 60; rows++) {
                for (int columns = 1; columns < 260; columns = columns * 3 / 2 + 1) {
                    model.overlay = OVERLAY_NONE;
                    model.page = rows % 2 == 0 ? PAGE_LIST : PAGE_QUEUE;
                    type(states[i]);
                    draw(rows, columns);
                }
            }
        }
    }
}
END_TEST

START_TEST(layouts_do_not_overlap)
{
    for (int rows = 1; rows < 100; rows++) {
        const struct list_layout list = layout_list(rows);
        ck_assert_int_ge(list.line_rows, 0);
        if (list.reason >= 0)
            ck_assert_int_le(list.lines + list.line_rows, list.reason);
        const struct queue_layout queue = layout_queue(rows);
        ck_assert_int_ge(queue.party_rows, 0);
        if (rows >= 16) {
            ck_assert_int_gt(queue.party_rows, 0);
            ck_assert_int_le(queue.parties + queue.party_rows, queue.event_title);
            ck_assert_int_le(queue.events + queue.event_rows, queue.keys);
        }
    }
    ck_assert_int_ge(layout_queue(24).party_rows, 6);
}
END_TEST

static const struct test tests[] = {
    TEST_GROUP("order and choice"),
    TEST(names_ascend_and_numbers_descend),
    TEST(what_cannot_be_read_comes_last),
    TEST(the_chosen_queue_stays_chosen_when_the_order_changes),
    TEST(the_choice_moves_and_the_list_follows),
    TEST(a_jump_prefers_names_that_begin_so),
    TEST_GROUP("what changes a queue"),
    TEST(only_a_yes_pauses),
    TEST(the_answer_is_about_the_queue_of_the_question),
    TEST(what_cannot_be_read_is_not_paused),
    TEST_GROUP("bars and graphs"),
    TEST(a_bar_is_full_only_if_it_is),
    TEST(a_graph_shows_the_newest_at_the_right),
    TEST(a_complete_column_of_a_graph_does_not_change),
    TEST(a_graph_of_any_size_stays_in_its_place),
    TEST_GROUP("pages"),
    TEST(numbers_are_short),
    TEST(the_list_has_a_line_for_each_queue),
    TEST(the_end_of_a_question_is_never_cut),
    TEST(every_heading_has_room_for_its_mark),
    TEST(long_names_stay_distinguishable),
    TEST(a_narrow_list_leaves_out_columns),
    TEST(a_thousand_lanes_can_be_scrolled),
    TEST(nothing_of_the_counts_is_cut_at_80_columns),
    TEST(how_long_a_consumer_has_had_messages_is_told_from_a_second_on),
    TEST(what_a_program_calls_itself_does_nothing_to_the_terminal),
    TEST(a_queue_without_latency_says_so),
    TEST(a_queue_that_was_removed_stays_to_be_seen),
    TEST(a_notice_goes_by_itself),
    TEST(every_size_can_be_drawn),
    TEST(layouts_do_not_overlap),
};

TEST_SUITE("top", tests, .seconds = 20, .set_up = set_up, .tear_down = tear_down);
