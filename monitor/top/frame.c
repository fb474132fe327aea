/* SPDX-License-Identifier: MIT */
#include "monitor/top/frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/why.h"
#include "monitor/top/keys.h"

enum { FULL_PERCENT = 95, FILLING_PERCENT = 80 };

void frame_title(struct canvas *canvas, const char *title, const char *clock)
{
    const int length = (int)strlen(clock);
    const int room = canvas->columns - length - 1;
    canvas_style_row(canvas, 0, STYLE_TITLE);
    const int used = canvas_print(canvas, 0, 0, canvas->columns, STYLE_TITLE, "%stop: %s", say_prefix(), title);
    if (used <= room)
        canvas_text(canvas, 0, room + 1, length, STYLE_TITLE, clock);
}

void frame_reason(struct canvas *canvas, int row, const struct model *model, int64_t now_ns)
{
    char text[WHY_BYTES];
    const struct watched *chosen = model_chosen(model);
    const char *notice = model_notice_text(model, now_ns);
    if (row < 0)
        return;
    if (notice != NULL)
        canvas_text(canvas, row, 0, canvas->columns, STYLE_WARNING, notice);
    else if (chosen == NULL && model->page == PAGE_QUEUE)
        canvas_text(canvas, row, 0, canvas->columns, STYLE_WARNING, "there is no queue of this name (any more)");
    else if (chosen != NULL && watched_is_gone(chosen))
        canvas_text(canvas, row, 0, canvas->columns, STYLE_WARNING, "removed; this is what was seen last");
    else if (chosen != NULL && chosen->handle == NULL)
        canvas_text(canvas, row, 0, canvas->columns, STYLE_BAD, snapshot_reason(&chosen->snapshot));
    else if (chosen != NULL)
        canvas_text(canvas, row, 0, canvas->columns,
                    frame_state_style(chosen) == STYLE_BAD ? STYLE_BAD : STYLE_WARNING,
                    why_it_waits(&chosen->snapshot, text, sizeof(text)));
}

void frame_keys(struct canvas *canvas, int row, const char *keys)
{
    if (row < 0)
        return;
    canvas_style_row(canvas, row, STYLE_TITLE);
    canvas_text(canvas, row, 0, canvas->columns, STYLE_TITLE, keys);
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

/* In the last line but one, so that what is asked about stays to be seen. */
static void draw_question(struct canvas *canvas, const char *before, const char *name, const char *after)
{
    char text[SHMQ_NAME_MAX + 80];
    snprintf(text, sizeof(text), "%s%s%s", before, name, after);
    const int row = canvas->rows >= 2 ? canvas->rows - 2 : 0;
    for (int i = 0; i < canvas->columns; i++)
        canvas_put(canvas, row, i, L' ', STYLE_PLAIN);
    canvas_text(canvas, row, 0, canvas->columns, STYLE_WARNING, text);
}

void frame_overlay(struct canvas *canvas, const struct model *model)
{
    switch (model->overlay) {
    case OVERLAY_HELP:
        draw_help(canvas);
        break;
    case OVERLAY_QUESTION:
        if (model->question.pause)
            draw_question(canvas, "Pause queue '", model->question.name, "' until it is resumed? (y/n)");
        else
            draw_question(canvas, "Resume queue '", model->question.name, "'? (y/n)");
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
