/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_END_REASON_H
#define CONSUMER_END_REASON_H

#include "consumer/options.h"
#include "consumer/totals.h"

/* Why the consumer ends. A negative value is an errno of the library; -EINTR: a signal requested it. */
enum end_reason {
    END_NOT_YET = 0,
    END_COUNT,    /* --count messages were delivered */
    END_IDLE,     /* no message arrived for --idle */
    END_PAUSED,   /* the same, and the queue is paused */
    END_FAILED,   /* the sink failed and has reported why */
    END_FAILURES, /* --max-failures messages were given up */
    END_UNFIT,    /* the sink cannot use another queue and has reported why */
    END_REFUSED,  /* the sink was asked for what is unwise and has reported why */
    END_GAVE_UP,  /* the sink waited as long as it may and has reported it */
};

/* Reports why the consumer ended and prints the totals; returns the exit status. */
enum exit_status end_reason_report(const struct consumer_options *options, struct totals *totals, int end);

#endif
