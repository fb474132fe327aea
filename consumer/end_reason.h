/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_END_REASON_H
#define CONSUMER_END_REASON_H

#include "consumer/options.h"
#include "consumer/totals.h"

/* Why the consumer ended; else it is a negative errno of the library, where -EINTR says that it was asked for. */
enum end_reason {
    END_NOT_YET = 0,
    END_COUNT,  /* --count is reached */
    END_IDLE,   /* --idle is over */
    END_FAILED, /* the sink failed, and has said why */
};

/* Tells the user why it ended, and the totals; returns what that is as an exit status. */
enum exit_status end_reason_report(const struct consumer_options *options, struct totals *totals, int end);

#endif
