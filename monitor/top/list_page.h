/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_LIST_PAGE_H
#define MONITOR_TOP_LIST_PAGE_H

#include "monitor/top/canvas.h"
#include "monitor/top/model.h"

/* Draws the list of all queues; @clock: the time of day as text. */
void list_page_draw(struct canvas *canvas, const struct model *model, int64_t now_ns, const char *clock);

#endif
