/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_LABEL_H
#define SUPERVISOR_LABEL_H

enum role { ROLE_PRODUCER, ROLE_CONSUMER };

enum { NAME_BYTES = 24, LABEL_BYTES = 48 };

/* Writes the name of a child to @name, such as "producer.1". */
void label_name(char *name, enum role role, unsigned number);
/* Writes the label of a child to @label, such as "producer.1 | ", coloured if @descriptor is a terminal with
 * colours and NO_COLOR is not set. */
void label_make(char *label, enum role role, unsigned number, int descriptor);

#endif
