/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "common/shmq.h"

static const struct {
    int code;
    const char *text;
} meanings[] = {
    {EAGAIN, "nothing to take, or no room, right now"},
    {ETIMEDOUT, "timed out"},
    {EINTR, "interrupted"},
    {ENODATA, "end of stream"},
    {ENOMSG, "no such message, or no longer"},
    {EOWNERDEAD, "a producer died before it finished (start it again with --resume, or 'monitor finish')"},
    {EALREADY, "nothing is left to finish"},
    {ESHUTDOWN, "the queue was shut down (remove it to start afresh)"},
    {ESTALE, "the queue was removed (if there is a new one of its name, attach again to use it)"},
    {EBADMSG, "damaged, or not a queue (see 'monitor check'; 'monitor remove --force' deletes it)"},
    {EPROTO, "made by another version of shmq (use that version, or remove the queue)"},
    {EMSGSIZE, "longer than the queue's largest message (set --max-message when the queue is made)"},
    {ENOBUFS, "the buffer is smaller than the message"},
    {ENOSPC, "no room in /dev/shm (see 'df -h /dev/shm'; use a smaller --capacity, or enlarge it: "
             "'mount -o remount,size=SIZE /dev/shm', 'docker run --shm-size')"},
    {EUSERS, "all lanes or seats are taken (make the queue with more --lanes or --seats; 'monitor finish' frees "
             "lanes that "
             "dead producers left)"},
    {EEXIST, "the queue exists with other sizes or permissions (leave these options out, or remove the queue)"},
    {EBUSY, "in use"},
    {ENOTEMPTY, "there are messages in it"},
    {EOVERFLOW, "the lane's positions are used up (remove the queue and create it again)"},
    {ENOENT, "no such queue"},
    {EPERM, "it belongs to another user, anybody may write it, or it is not a plain file (see 'ls -l /dev/shm'; "
            "remove it, or use another name)"},
    {EACCES, "permission denied (another user's queue? make it with --mode and --group to share it; or /dev/shm "
             "itself: see 'ls -ld /dev/shm')"},
    {EROFS, "/dev/shm is mounted read-only (mount it writable to put or get)"},
    {EINVAL, "invalid argument"},
    {ENAMETOOLONG, "name too long"},
    {ECHILD, "opened before a fork (open it in the child)"},
    {ENOMEM, "out of memory (see 'ulimit -v')"},
    {EMFILE, "too many open files (see 'ulimit -n')"},
    {EFBIG, "larger than the file size limit (see 'ulimit -f')"},
    {ENOSYS, "not supported here (is /dev/shm mounted?)"},
};

const char *shmq_strerror(int code)
{
    const int positive = code < 0 && code != INT_MIN ? -code : code;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].code == positive)
            return meanings[i].text;
    const char *text = strerrordesc_np(positive);
    return positive == 0 ? "success" : text != NULL ? text : "unknown error";
}

const char *shmq_version(void)
{
    return SHMQ_VERSION_STRING;
}
