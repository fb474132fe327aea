/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_LABEL_H
#define SUPERVISOR_LABEL_H

#include <stdbool.h>

enum role { ROLE_PRODUCER, ROLE_CONSUMER };

enum { NAME_BYTES = 24, LABEL_BYTES = 48 };

/* "producer.1" */
void label_name(char *name, enum role role, unsigned number);
/* "producer.1 | ", in a colour of its own where @descriptor is a terminal that has some, and NO_COLOR does not say
 * no. */
void label_make(char *label, enum role role, unsigned number, int descriptor);
/* Whether what is written there may be coloured, and redrawn. */
bool label_is_terminal(int descriptor);

#endif
