/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_COLOUR_H
#define SHMQ_CLI_COLOUR_H

#include <stdbool.h>

/* Whether a descriptor shows colours, and the codes that switch them on. */

enum colour {
    COLOUR_PLAIN, /* ends the others */
    COLOUR_HEAD,  /* a heading */
    COLOUR_GOOD,
    COLOUR_WARNING,
    COLOUR_BAD,
    COLOUR_FAINT, /* what matters less */
};

/* Whether the descriptor is a terminal that supports colours and redrawing: TERM is not "dumb". */
bool colour_is_terminal(int descriptor);

/* Whether the descriptor is such a terminal, and NO_COLOR is not set (or empty). */
bool colour_wanted(int descriptor);

/* The code that switches a colour on where it is @wanted; "" elsewhere. */
const char *colour_code(bool wanted, enum colour colour);

#endif
