/* SPDX-License-Identifier: MIT */
#include "monitor/top/frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/why.h"
#include "monitor/top/keys.h"

enum { FULL_PERCENT = 95, FILLING_PERCENT = 80, NAME_LEAST = 8 };

void frame_title(struct canvas *canvas, const char *name, const char *title, const char *clock)
{
    const int length = (int)strlen(clock);
    const int room = canvas->columns - length - 1; /* the clock may follow if the title is not longer */
    canvas_style_row(canvas, 0, STYLE_TITLE);
    int at = canvas_print(canvas, 0, 0, canvas->columns, STYLE_TITLE, "%stop: ", say_prefix());
    const int rest = room - at - (int)strlen(title);
    at += canvas_name(canvas, 0, at, rest > NAME_LEAST ? rest : NAME_LEAST, STYLE_TITLE, name);
    at += canvas_text(canvas, 0, at, canvas->columns - at, STYLE_TITLE, title);
    if (at <= room)
        canvas_text(canvas, 0, room + 1, length, STYLE_TITLE, clock);
}

/* @text: receives it. Return: "" if there is none. */
static const char *reason_of(const struct model *model, char text[WHY_BYTES], enum style *style)
{
    const struct watched *chosen = model_chosen(model);
    const bool page = model->page == PAGE_QUEUE;
    *style = STYLE_WARNING;
    if (chosen == NULL)
        return page ? "there is no queue of this name (any more); Esc: back to the list" : "";
    if (watched_is_removed(chosen))
        return page ? "removed; this is what was seen last; Esc: back to the list" : "removed";
    *style = frame_state_style(chosen) == STYLE_BAD ? STYLE_BAD : STYLE_WARNING;
    return chosen->handle == NULL ? snapshot_reason(&chosen->snapshot)
                                  : why_it_waits(&chosen->snapshot, text, WHY_BYTES);
}

void frame_reason(struct canvas *canvas, int row, const struct model *model, int64_t now_ns, const char *name)
{
    char text[WHY_BYTES];
    enum style style;
    const char *notice = model_notice_text(model, now_ns);
    if (row < 0)
        return;
    if (notice != NULL) {
        canvas_text(canvas, row, 0, canvas->columns, STYLE_WARNING, notice);
        return;
    }
    const char *reason = reason_of(model, text, &style);
    const int rest = canvas->columns - (int)strlen(reason) - 2;
    const int half = canvas->columns / 2;
    int at = canvas_name(canvas, row, 0, rest > half ? rest : half, STYLE_PLAIN, name);
    if (name[0] != '\0' && reason[0] != '\0')
        at += canvas_text(canvas, row, at, 2, STYLE_PLAIN, ": ");
    canvas_text(canvas, row, at, canvas->columns - at, style, reason);
}

void frame_keys(struct canvas *canvas, int row, const char *keys)
{
    if (row < 0)
        return;
    canvas_style_row(canvas, row, STYLE_TITLE);
    canvas_text(canvas, row, 0, canvas->columns, STYLE_TITLE, keys);
}

const char *frame_pause_key(const struct model *model)
{
    const struct watched *chosen = model_chosen(model);
    return chosen != NULL && chosen->snapshot.stat.paused ? "p resume" : "p pause";
}

static void draw_help(struct canvas *canvas)
{
    int lines = 0;
    while (keys_help[lines].keys != NULL)
        lines++;
    const int width = 60;
    const int row = canvas->rows > lines + 2 ? (canvas->rows - lines - 2) / 2 : 0;
    const int column = canvas->columns > width ? (canvas->columns - width) / 2 : 0;
    canvas_box(canvas, row, column, lines + 2, width);
    canvas_text(canvas, row, column + 2, width - 4, STYLE_HEAD, " Keys (any key ends this help) ");
    for (int i = 0; i < lines; i++) {
        canvas_text(canvas, row + 1 + i, column + 2, 17, STYLE_HEAD, keys_help[i].keys);
        canvas_text(canvas, row + 1 + i, column + 19, width - 20, STYLE_PLAIN, keys_help[i].text);
    }
}

/*
 * In the last line but one, so that what is asked about stays to be seen. Of a long name, the middle is left out
 * before the end of the question is.
 */
static void draw_question(struct canvas *canvas, const char *before, const char *name, const char *after)
{
    const int row = canvas->rows >= 2 ? canvas->rows - 2 : 0;
    for (int i = 0; i < canvas->columns; i++)
        canvas_put(canvas, row, i, L' ', STYLE_PLAIN);
    canvas_mark(canvas, row, 0, canvas->columns, false);
    int at = canvas_text(canvas, row, 0, canvas->columns, STYLE_WARNING, before);
    const int room = canvas->columns - at - (int)strlen(after);
    at += canvas_name(canvas, row, at, room > NAME_LEAST ? room : NAME_LEAST, STYLE_WARNING, name);
    canvas_text(canvas, row, at, canvas->columns - at, STYLE_WARNING, after);
}

void frame_overlay(struct canvas *canvas, const struct model *model)
{
    switch (model->overlay) {
    case OVERLAY_HELP:
        draw_help(canvas);
        break;
    case OVERLAY_QUESTION:
        if (model->question.pause)
            draw_question(canvas, "Pause queue ", model->question.name,
                          "? Consumers get nothing until it is resumed. (y/n)");
        else
            draw_question(canvas, "Resume queue ", model->question.name, "? (y/n)");
        break;
    case OVERLAY_JUMP:
        draw_question(canvas, "Jump to: ", model->jump, "_");
        break;
    case OVERLAY_NONE:
        break;
    }
}

enum style frame_state_style(const struct watched *watched)
{
    const struct snapshot *snapshot = &watched->snapshot;
    const struct shmq_stat *stat = &snapshot->stat;
    if (watched->handle == NULL)
        return snapshot->error == -ESTALE ? STYLE_FAINT : STYLE_BAD;
    if (snapshot->error != 0 || stat->blocked > 0 || stat->fill_percent >= FULL_PERCENT)
        return STYLE_BAD;
    if (stat->paused || stat->shut_down != 0 || stat->unfinished > 0 || stat->fill_percent >= FILLING_PERCENT)
        return STYLE_WARNING;
    return stat->messages == 0 ? STYLE_FAINT : STYLE_GOOD;
}
