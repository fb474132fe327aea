/* SPDX-License-Identifier: MIT */
#include "consumer/feed.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void feed_init(struct feed *feed, const struct framing *framing)
{
    feed->framing = *framing;
    feed_reset(feed);
}

void feed_reset(struct feed *feed)
{
    feed->messages = 0;
    feed->used = 0;
    feed->first = 0;
    feed->vectors_used = 0;
}

static void add_vector(struct feed *feed, const void *data, size_t length)
{
    /* writev only reads from it, so casting away const is safe. */
    feed->vectors[feed->vectors_used++] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = length};
}

static void add_long(struct feed *feed, const struct shmq_message *message)
{
    size_t before = framing_before(&feed->framing, message, feed->buffer);
    size_t after = framing_after(&feed->framing, message, feed->buffer + before);

    add_vector(feed, feed->buffer, before);
    add_vector(feed, message->data, message->length);
    add_vector(feed, feed->buffer + before, after);
    feed->messages = 1;
    feed->used = sizeof(feed->buffer); /* no other fits */
}

bool feed_add(struct feed *feed, const struct shmq_message *message)
{
    uint64_t bytes = framing_size(&feed->framing, message);
    unsigned char *to = feed->buffer + feed->used;

    if (bytes > PIPE_BUF && feed_is_empty(feed)) {
        add_long(feed, message);
        return true;
    }
    if (feed->used + bytes > PIPE_BUF)
        return false;
    to += framing_before(&feed->framing, message, to);
    if (message->length > 0)
        memcpy(to, message->data, message->length);
    to += message->length;
    to += framing_after(&feed->framing, message, to);
    feed->used = (size_t)(to - feed->buffer);
    feed->messages++;
    feed->vectors[0] = (struct iovec){.iov_base = feed->buffer, .iov_len = feed->used};
    feed->vectors_used = 1;
    return true;
}

static void skip(struct feed *feed, size_t bytes)
{
    while (feed->first < feed->vectors_used && bytes >= feed->vectors[feed->first].iov_len)
        bytes -= feed->vectors[feed->first++].iov_len;
    if (bytes > 0) {
        feed->used = sizeof(feed->buffer); /* nothing can be added any more */
        feed->vectors[feed->first].iov_base = (unsigned char *)feed->vectors[feed->first].iov_base + bytes;
        feed->vectors[feed->first].iov_len -= bytes;
    }
}

int feed_write(struct feed *feed, int fd, size_t *sent)
{
    *sent = 0;
    while (feed->first < feed->vectors_used) {
        ssize_t bytes = writev(fd, feed->vectors + feed->first, (int)(feed->vectors_used - feed->first));

        if (bytes >= 0)
            skip(feed, (size_t)bytes);
        else if (errno != EINTR)
            return -errno;
    }
    *sent = feed->messages;
    feed_reset(feed);
    return 0;
}

uint64_t feed_unwritten(const struct feed *feed)
{
    uint64_t bytes = 0;

    for (size_t i = feed->first; i < feed->vectors_used; i++)
        bytes += feed->vectors[i].iov_len;
    return bytes;
}

const char *feed_objection(const struct feed *feed, const struct shmq_message *message)
{
    if (feed->framing.kind == FRAMING_DELIMITER && message->length > 0 &&
        memchr(message->data, feed->framing.delimiter, message->length))
        return "it contains the delimiter, so that the command would take it for two (use --length-prefixed, or "
               "another --delimiter)";
    return NULL;
}
