/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_QUEUE_PAGE_H
#define MONITOR_TOP_QUEUE_PAGE_H

#include "monitor/top/canvas.h"
#include "monitor/top/inspection.h"
#include "monitor/top/model.h"

/* Draws the page of the chosen queue; @clock: the time of day as text. */
void queue_page_draw(struct canvas *canvas, const struct model *model, const struct inspection *inspection,
                     int64_t now_ns, const char *clock);

#endif
