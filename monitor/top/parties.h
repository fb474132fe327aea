/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_PARTIES_H
#define MONITOR_TOP_PARTIES_H

#include <stddef.h>

#include "monitor/top/canvas.h"
#include "monitor/watched.h"

/* The producers and consumers of a queue, a line each: first all lanes, then all seats. */

/* @first and @rows: which lines are shown. */
void parties_heading(struct canvas *canvas, int row, const struct snapshot *snapshot, size_t first, int rows);
/* Draws line number @index; nothing behind the last one. */
void parties_draw(struct canvas *canvas, int row, const struct watched *watched, size_t index);

#endif
