/* SPDX-License-Identifier: MIT */
/* The supervisor of a queue's processes, and the run record. */
#include "common/queue/supervision.h"

#include <unistd.h>

#include "common/kernel/byte_lock.h"
#include "common/queue/sized.h"

int supervision_attach(struct shmq *handle)
{
    const int error = byte_lock_try(handle->object.fd, OBJECT_SUPERVISOR_BYTE);
    if (error != 0)
        return error == -EAGAIN ? -EBUSY : error;
    atomic_store_explicit(&handle->header->supervisor_pid, (uint32_t)getpid(), memory_order_relaxed);
    return 0;
}

void supervision_detach(struct shmq *handle)
{
    atomic_store_explicit(&handle->header->supervisor_pid, 0, memory_order_relaxed);
    byte_lock_release(handle->object.fd, OBJECT_SUPERVISOR_BYTE);
}

int shmq_get_run(struct shmq *handle, struct shmq_run *run)
{
    int error = handle_check_any(handle);
    if (error == 0)
        error = sized_check(run, RUN_FIRST_BYTES, sizeof(*run));
    if (error != 0)
        return error;
    const struct header *h = handle->header;
    struct shmq_run all = {0};
    all.state = atomic_load_explicit(&h->run_state, memory_order_acquire);
    all.command = atomic_load_explicit(&h->run_command, memory_order_relaxed);
    all.inputs = atomic_load_explicit(&h->run_inputs, memory_order_relaxed);
    all.supervisor = (pid_t)atomic_load_explicit(&h->supervisor_pid, memory_order_relaxed);
    all.supervised = handle->role == SHMQ_SUPERVISOR || byte_lock_held(handle->object.fd, OBJECT_SUPERVISOR_BYTE);
    sized_give(run, &all);
    if (all.state > SHMQ_RUN_COMPLETE)
        return -EBADMSG;
    return 0;
}

/* Ordering: the state is NONE while the rest changes. Crash: leaves the old record, none, or the new one. */
int shmq_set_run(struct shmq *handle, const struct shmq_run *run)
{
    int error = handle_check(handle, SHMQ_SUPERVISOR);
    if (error == 0)
        error = sized_check(run, RUN_FIRST_BYTES, sizeof(*run));
    if (error != 0 || run->state > SHMQ_RUN_COMPLETE)
        return error != 0 ? error : -EINVAL;
    struct header *h = handle->header;
    atomic_store_explicit(&h->run_state, SHMQ_RUN_NONE, memory_order_seq_cst);
    atomic_store_explicit(&h->run_command, run->command, memory_order_seq_cst);
    atomic_store_explicit(&h->run_inputs, run->inputs, memory_order_seq_cst);
    atomic_store_explicit(&h->run_state, run->state, memory_order_seq_cst);
    return 0;
}
