/* SPDX-License-Identifier: MIT */
#include "common/cli/wait_notice.h"

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"

#define NS_PER_SECOND INT64_C(1000000000)

void wait_notice_init(struct wait_notice *notice)
{
    *notice = (struct wait_notice){.after_ns = WAIT_NOTICE_AFTER_NS};
}

bool wait_notice_is_due(struct wait_notice *notice, int64_t since_ns)
{
    if (notice->reported || say_get_level() < SAY_STATUS || stop_now_ns() - since_ns < notice->after_ns)
        return false;
    notice->since_ns = since_ns;
    notice->reported = true;
    return true;
}

void wait_notice_finish(struct wait_notice *notice)
{
    int64_t waited_ns = stop_now_ns() - notice->since_ns;
    notice->reported = false;
    notice->after_ns = 2 * waited_ns > WAIT_NOTICE_LONG_NS ? 2 * waited_ns : WAIT_NOTICE_LONG_NS;
    wait_notice_say_end(waited_ns);
}

void wait_notice_say_end(int64_t waited_ns)
{
    char text[UNITS_SIZE];
    if (waited_ns > WAIT_NOTICE_LONG_NS)
        say_status("going on after %s", units_duration(text, waited_ns - waited_ns % NS_PER_SECOND));
}
