/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_SCREEN_H
#define MONITOR_TOP_SCREEN_H

#include <stdbool.h>

#include "monitor/top/canvas.h"

/* The terminal, by ncurses, which sends it only what differs from what it shows. */

/* Changes to the full screen. Return: false if ncurses cannot. */
bool screen_open(void);
/* Puts the terminal back to what it was. May be called again. */
void screen_close(void);

/* Whether block characters can be shown. */
bool screen_has_blocks(void);
void screen_size(int *rows, int *columns);

void screen_draw(const struct canvas *canvas);
/* The next draw sends everything. */
void screen_repaint(void);
/* The terminal has another size, which is taken from it. */
void screen_resized(void);
/* Puts the terminal back and stops the program, until it is continued. */
void screen_suspend(void);

/* Return: a key (keys.h); -1: there is none now. */
int screen_key(void);

#endif
