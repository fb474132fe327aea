/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_OPTION_CODES_H
#define SUPERVISOR_OPTION_CODES_H

/* Codes of the options that options.c handles, rather than the code of all option tables. */
enum option_own_code {
    CODE_PRODUCER_ARGS,
    CODE_CONSUMER_ARGS,
    CODE_INPUT,
    CODE_DELIMITER,
    CODE_NULL,
    CODE_LENGTH_PREFIXED,
    CODE_BLOCK,
    CODE_WHOLE,
    CODE_OUTPUT,
    CODE_GRACE,
    CODE_IGNORED,
};

#endif
