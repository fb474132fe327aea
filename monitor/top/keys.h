/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_KEYS_H
#define MONITOR_TOP_KEYS_H

#include "monitor/top/model.h"

/* A key: a character, or one of these. */
enum key {
    KEY_OF_ESCAPE = 27,
    KEY_OF_UP = 0x110000, /* above all characters */
    KEY_OF_DOWN,
    KEY_OF_LEFT,
    KEY_OF_RIGHT,
    KEY_OF_PAGE_UP,
    KEY_OF_PAGE_DOWN,
    KEY_OF_HOME,
    KEY_OF_END,
    KEY_OF_ENTER,
    KEY_OF_ERASE,
    KEY_OF_TAB,
    KEY_OF_BACK_TAB,
    KEY_OF_HELP,
    KEY_OF_REPAINT,
};

/* What the key does to what is shown. */
void keys_press(struct model *model, int key);

/* A line of the help: a key and what it does; a NULL key ends the list. */
struct key_help {
    const char *keys;
    const char *text;
};
extern const struct key_help keys_help[];

#endif
