/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_TERMINAL_H
#define MONITOR_TOP_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The signals of a program that has changed the terminal, and how the terminal gets back to what it was. A signal
 * that ends the program is only noted, so that it can end in order. The same or another such signal once more, a
 * crash, or two seconds without an end put the terminal back from within the handler, and then kill.
 */

/* What has happened since the last call of terminal_take. */
struct terminal_signals {
    int end; /* the signal that asks for the end; 0: none */
    bool resized;
    bool suspend;   /* SIGTSTP */
    bool continued; /* SIGCONT: what is on the screen is unknown */
};

/*
 * Installs the handlers and keeps the terminal's modes.
 *
 * Return: a descriptor of an eventfd that is readable once a signal has come, or somebody else has written to it;
 * a negative errno.
 */
int terminal_init(void);

/* From now on until terminal_is_restored, the handlers write @text and put the modes back. */
void terminal_is_changed(const char *text, size_t bytes);
void terminal_is_restored(void);

/* Clears the eventfd. */
void terminal_take(struct terminal_signals *signals);

/* Stops the program as SIGTSTP does, until it is continued. */
void terminal_stop(void);

/* Ends the program as the signal does. Returns if it was blocked or ignored. */
void terminal_die(int number);

/* Whether nobody is at the other end any more; to be asked when input is said to be there but is not. */
bool terminal_is_lost(void);

#endif
