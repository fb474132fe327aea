/* SPDX-License-Identifier: MIT */
/* Says, as a consumer does, that something acknowledged is no longer where it was written: tool_report_loss QUEUE.
 */
#include <stdio.h>

#include "common/shmq.h"

int main(int count, char **arguments)
{
    struct shmq *handle;
    int error = count == 2 ? shmq_open(&handle, arguments[1], SHMQ_CONSUMER, NULL) : -1;
    if (error == 0) {
        error = shmq_report_loss(handle);
        (void)shmq_close(handle);
    }
    if (error != 0)
        fprintf(stderr, "tool_report_loss: %s\n", shmq_strerror(error));
    return error != 0;
}
