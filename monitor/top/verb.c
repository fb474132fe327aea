/* SPDX-License-Identifier: MIT */
/* The verb top, in monitor-top: in the place of monitor/verbs/top.c. */
#include <curses.h>
#include <stdio.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "monitor/verbs/verbs.h"

int verb_top(const struct options *options)
{
    (void)options;
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
        say_error("top: this is no terminal (use '%smonitor list' instead)", say_prefix());
        return EXIT_FAILED;
    }
    initscr();
    getch();
    endwin();
    return EXIT_DONE;
}
