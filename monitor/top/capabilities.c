/* SPDX-License-Identifier: MIT */
#include "monitor/top/capabilities.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* These define words as common as "columns" as macros. */
#include <curses.h>
#include <term.h>

enum { REFUSAL_BYTES = 160 };

static bool has(const char *capability)
{
    const char *text = tigetstr(capability);
    return text != NULL && text != (const char *)-1;
}

const char *capabilities_refusal(void)
{
    static char text[REFUSAL_BYTES];
    const char *name = getenv("TERM");
    int known = 0;
    if (isatty(STDIN_FILENO) == 0)
        return "standard input is not a terminal";
    if (isatty(STDOUT_FILENO) == 0)
        return "standard output is not a terminal";
    if (name == NULL || name[0] == '\0')
        return "TERM is not set";
    const bool usable = setupterm(NULL, STDOUT_FILENO, &known) == OK && has("cup") && has("clear");
    if (cur_term != NULL)
        del_curterm(cur_term);
    if (usable)
        return NULL;
    snprintf(text, sizeof(text), "TERM=%.64s: %s", name,
             known == 1 ? "this terminal has no full screen" : "this terminal is not known here");
    return text;
}

/* Adds a capability without its delays, which are of the form $<5>. */
static size_t add(char *text, size_t length, size_t size, const char *capability)
{
    if (!has(capability))
        return length;
    for (const char *at = tigetstr(capability); *at != '\0' && length < size; at++) {
        const char *end = at[0] == '$' && at[1] == '<' ? strchr(at, '>') : NULL;
        if (end != NULL)
            at = end;
        else
            text[length++] = *at;
    }
    return length;
}

size_t capabilities_restoring(char *text, size_t size)
{
    static const char *const capabilities[] = {"sgr0", "op", "cnorm", "rmkx", "rmcup"};
    size_t length = 0;
    if (size > 0)
        text[length++] = 'X' & 0x1f; /* CAN ends a sequence that was broken off */
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
        length = add(text, length, size, capabilities[i]);
    return length;
}
