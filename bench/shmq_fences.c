/* SPDX-License-Identifier: MIT */

/* As shmq_single, but without membarrier: every publish executes a full fence. */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "bench/support/queue.h"

/* Makes membarrier fail in this process and its children. */
static int refuse_membarrier(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return -errno;
    return 0;
}

static int prepare(struct channel *channel)
{
    const int error = refuse_membarrier();
    return error != 0 ? error : queue_prepare(channel);
}

int main(int argc, char **argv)
{
    static const struct contender contender =
        QUEUE_CONTENDER("shmq_fences", prepare, queue_put_each, queue_get_each);
    return bench_run(argc, argv, &contender);
}
