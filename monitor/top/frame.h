/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_FRAME_H
#define MONITOR_TOP_FRAME_H

#include "monitor/top/canvas.h"
#include "monitor/top/model.h"

/* What both pages have: the title, the sentence on the chosen queue, the line of keys, and what lies over them. */

/* @name: of a queue, before the @title; "": none */
void frame_title(struct canvas *canvas, const char *name, const char *title, const char *clock);
/*
 * Why the chosen queue waits or cannot be read; or the notice, if there is one.
 *
 * @row   negative: nothing
 * @name  of the queue, if it has to be told; else ""
 */
void frame_reason(struct canvas *canvas, int row, const struct model *model, int64_t now_ns, const char *name);
void frame_keys(struct canvas *canvas, int row, const char *keys);
/* What the key p does to the chosen queue. */
const char *frame_pause_key(const struct model *model);
/* The help or the question, if it is there. */
void frame_overlay(struct canvas *canvas, const struct model *model);

/* Good, a warning or bad, by what the queue does. */
enum style frame_state_style(const struct watched *watched);

#endif
