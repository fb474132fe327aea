/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_SIGNAL_FREE_THREAD_H
#define SHMQ_MONITOR_SIGNAL_FREE_THREAD_H

#include <pthread.h>

/*
 * Starts a thread that takes no signals, except for those that the kernel directs at it: the other threads do.
 *
 * Return: 0; a negative errno.
 */
int signal_free_thread(pthread_t *thread, void *(*run)(void *context), void *context);

#endif
