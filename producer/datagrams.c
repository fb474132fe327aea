/* SPDX-License-Identifier: MIT */
#include "producer/datagrams.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cli/units.h"

/* What is read together, beyond one message of the largest size. */
enum { BATCH_BYTES = 256 * 1024 };
/* The kernel has no longer ones. */
enum { DATAGRAM_MAX = INT_MAX / 2 };

static enum shmq_frame frame_of(const struct options *options)
{
    /* The framing does not cut datagrams. It says how a mirror of the stream tells them apart. */
    switch (options->framing) {
    case FRAMING_DELIMITER:
        return SHMQ_FRAME_DELIMITER;
    case FRAMING_LENGTH32:
        return SHMQ_FRAME_LENGTH32;
    case FRAMING_BLOCK:
    case FRAMING_WHOLE:
        break;
    }
    return SHMQ_FRAME_NONE;
}

bool datagrams_init(struct datagrams *datagrams, struct publisher *publisher, const struct options *options,
                    struct refused *refused)
{
    const size_t most = publisher->max_message < DATAGRAM_MAX ? (size_t)publisher->max_message : DATAGRAM_MAX;
    *datagrams = (struct datagrams){.publisher = publisher,
                                    .refused = refused,
                                    .frame = frame_of(options),
                                    .max_message = most,
                                    .size = most + BATCH_BYTES};
    datagrams->buffer = malloc(datagrams->size);
    if (datagrams->buffer == NULL || !options->source_headers)
        return datagrams->buffer != NULL;
    datagrams->outgoing = calloc(PUBLISHER_BATCH, sizeof(*datagrams->outgoing));
    datagrams->headers = calloc(PUBLISHER_BATCH, sizeof(*datagrams->headers));
    return datagrams->outgoing != NULL && datagrams->headers != NULL;
}

void datagrams_free(struct datagrams *datagrams)
{
    for (size_t i = 0; datagrams->headers != NULL && i < PUBLISHER_BATCH; i++)
        source_headers_free(&datagrams->headers[i]);
    free(datagrams->headers);
    free(datagrams->outgoing);
    free(datagrams->buffer);
    datagrams->buffer = NULL;
}

/* Who sent it; all 0: not known. */
static struct ucred sender_of(struct msghdr *header)
{
    struct ucred credentials = {0};
    const struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (control == NULL || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_CREDENTIALS)
        return credentials;
    memcpy(&credentials, CMSG_DATA(control), sizeof(credentials));
    return credentials;
}

static void refuse_too_long(struct datagrams *datagrams, const char *name, size_t length, pid_t sender)
{
    char limit[UNITS_SIZE];
    publisher_count_too_long(datagrams->publisher);
    refused_add(datagrams->refused,
                "%s: a datagram of process %d has %zu bytes, more than the queue's largest message of %s, and is "
                "refused (create the queue with a larger --max-message)",
                name, (int)sender, length, units_memory(limit, datagrams->publisher->max_message));
}

/*
 * Reads one. The room for control data is that of the credentials alone, so that the kernel closes descriptors
 * that come along.
 *
 * Return: its length, which may be more than @size; -EAGAIN; another negative errno.
 */
static ssize_t receive(int fd, void *into, size_t size, struct ucred *sender)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec data = {into, size};
    struct msghdr header = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    do {
        got = recvmsg(fd, &header, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    *sender = sender_of(&header);
    return got;
}

/* Notes who sent datagram @i of the batch. */
static bool take_sender(struct datagrams *datagrams, size_t i, const struct ucred *sender)
{
    return datagrams->headers == NULL || source_headers_set_peer(&datagrams->headers[i], sender->pid, sender->uid);
}

static enum flow put(struct datagrams *datagrams, size_t count, size_t *taken)
{
    if (datagrams->outgoing == NULL)
        return publisher_put(datagrams->publisher, datagrams->batch, count, datagrams->frame, taken);
    for (size_t i = 0; i < count; i++)
        datagrams->outgoing[i] = (struct shmq_outgoing){.size = sizeof(struct shmq_outgoing),
                                                        .data = datagrams->batch[i].iov_base,
                                                        .length = datagrams->batch[i].iov_len,
                                                        .headers = datagrams->headers[i].fixed,
                                                        .headers_length = datagrams->headers[i].fixed_length};
    return publisher_put_outgoing(datagrams->publisher, datagrams->outgoing, count, datagrams->frame, taken);
}

enum flow datagrams_read(struct datagrams *datagrams, int fd, const char *name, bool *empty, uint64_t *lost)
{
    size_t used = 0;
    size_t count = 0;
    size_t taken = 0;
    ssize_t got = 0;
    while (count < PUBLISHER_BATCH && datagrams->size - used >= datagrams->max_message) {
        struct ucred sender = {0};
        got = receive(fd, datagrams->buffer + used, datagrams->max_message, &sender);
        if (got < 0)
            break;
        if ((size_t)got > datagrams->max_message) {
            refuse_too_long(datagrams, name, (size_t)got, sender.pid);
            continue;
        }
        if (!take_sender(datagrams, count, &sender))
            return publisher_fail_memory(datagrams->publisher);
        datagrams->batch[count++] = (struct iovec){datagrams->buffer + used, (size_t)got};
        used += (size_t)got;
    }
    *empty = got < 0;
    *lost = 0;
    enum flow flow = FLOW_CONTINUE;
    if (count > 0)
        flow = put(datagrams, count, &taken);
    *lost = count - taken;
    if (flow == FLOW_CONTINUE && got < 0 && got != -EAGAIN)
        return publisher_fail(datagrams->publisher, EXIT_FAILED, "%s: cannot be read: %s", name,
                              strerrordesc_np((int)-got));
    return flow;
}
