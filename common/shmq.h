/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_H
#define SHMQ_H

/*
 * shmq: a crash-safe producer/consumer queue for the processes of one Linux host.
 *
 * A queue is one POSIX shared-memory object, /shmq.NAME, and named semaphores that only serve to wake sleepers.
 * In it, every producer owns a lane (a ring of its own) and every consumer owns a seat.
 *
 * What to know before using it:
 *  - A message whose put or commit returned 0 is delivered, to one consumer at a time. It is delivered again
 *    only if that consumer dies or leaves before it acknowledges the message: delivery is at least once. The
 *    exception is shmq_get, which acknowledges before it returns: if the consumer is killed just then, its last
 *    message is lost with it.
 *  - The order of messages is kept for each producer. There is no order between producers.
 *  - A handle may be used by one thread at a time; each thread opens its own. In a forked child, the handles of
 *    its parent are refused (-ECHILD): open new ones there.
 *  - Payload pointers (from shmq_reserve and shmq_lease) point into the queue itself. They are valid until the
 *    next commit or acknowledge, and consumers must not write through them.
 *  - The queue outlives its processes, but not a reboot. A process that may write the object may damage its
 *    content; the others then report -EBADMSG. One that may truncate it can raise SIGBUS in the others. The
 *    object's mode (0600) protects against both.
 *  - Linux on 64-bit only.
 *
 * Every function returns 0 or a negative errno; a code means the same everywhere:
 *
 *  -EAGAIN      nothing to take (or the queue is paused), or no room, and the timeout is 0
 *  -ETIMEDOUT   nothing to take (or the queue is paused), or no room, until the timeout expired
 *  -EINTR       the stop flag was set (struct shmq_options.stop), or shmq_interrupt was called
 *  -ENODATA     end of stream: enough producers have finished, none is unfinished, everything is acknowledged
 *  -ENOMSG      no such message in the queue, or no longer
 *  -EOWNERDEAD  end of stream, but a producer died unfinished and no other took up its lane
 *  -ESHUTDOWN   the queue was shut down, or this producer has finished; a put that was in progress at that
 *               moment may still be delivered
 *  -ESTALE      the queue was removed, or its name now refers to another queue
 *  -EBADMSG     the content is damaged, or the object is not a queue
 *  -EPROTO      the queue has another version or layout
 *  -EMSGSIZE    the message is longer than the queue's largest message
 *  -ENOBUFS     the buffer is smaller than the message, which stays in the queue
 *  -ENOSPC      /dev/shm has no room
 *  -EUSERS      all lanes, or all seats, are taken, or no more messages may wait aside
 *  -EEXIST      the queue exists with sizes or permissions that differ from the options
 *  -EBUSY       in use by others, supervised by another, or this handle still has messages leased
 *  -ENOTEMPTY   not removed, because messages are in the queue
 *  -EALREADY    nothing to finish: the lane was never used, or is finished
 *  -EOVERFLOW   the lane's positions are used up (after 2^57 cells, at the default sizes)
 *  -ENOENT      there is no queue of that name
 *  -EPERM       the object belongs to somebody else, anybody may write it, or it is not a plain file
 *  -EACCES      permission denied
 *  -EROFS       /dev/shm is mounted read-only
 *  -EINVAL      an argument is invalid, or the handle's role does not allow the call
 *  -ENAMETOOLONG  the name is longer than SHMQ_NAME_MAX
 *  -ECHILD      the handle was opened before a fork
 *  -ENOMEM      no memory, or no address space for a mapping
 *  -EMFILE      this process has too many files open
 *  -EFBIG       the queue would exceed the file size limit (RLIMIT_FSIZE)
 *  -ENOSYS      there is no /dev/shm
 *  others       an error of a system call, passed on
 *
 * The Return list of each function is complete; "other system errors" in it stands for these others.
 *
 * Timeouts are in nanoseconds on the monotonic clock. A negative timeout waits for ever, 0 does not wait.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHMQ_VERSION_STRING "0.2.0"

#define SHMQ_NAME_MAX 200                    /* characters in a queue's name */
#define SHMQ_LANES_MAX 1024                  /* lanes in a queue */
#define SHMQ_SEATS_MAX 1024                  /* seats in a queue */
#define SHMQ_PREFETCH_MAX 4096               /* messages in one lease */
#define SHMQ_MESSAGE_MAX (UINT64_C(1) << 30) /* bytes of the largest message of any queue */
#define SHMQ_PRIORITIES 8                    /* 0 is served first */
#define SHMQ_PRIORITY_DEFAULT 4
#define SHMQ_NOTE_MAX 64       /* bytes in a source's note */
#define SHMQ_CURSOR_WORDS 4    /* words in a source's cursor */
#define SHMQ_SLOTS_MAX 1024    /* slots of a source */
#define SHMQ_SLOT_MAX 120      /* bytes in one */
#define SHMQ_HEADERS_MAX 65536 /* bytes in a header block */
#define SHMQ_ID_SIZE 48        /* bytes in the text of a message id, including its NUL */
#define SHMQ_ASIDE_WORDS 4     /* words in the note of a message put aside */
#define SHMQ_FOREVER ((int64_t)-1)
#define SHMQ_GROUP_ANY ((gid_t)-1) /* the creator's group; for an existing queue, any group */
#define SHMQ_GRACE_DEFAULT_NS ((int64_t)5000000000)
#define SHMQ_ATTACH_WAIT_DEFAULT_NS ((int64_t)100000000)
#define SHMQ_ASIDE_DELAY_MAX_NS ((int64_t)31622400000000000) /* longest delay of a message put aside: 366 days */

struct shmq;

enum shmq_role {
    SHMQ_PRODUCER = 1, /* owns a lane; may put */
    SHMQ_CONSUMER,     /* owns a seat; may get */
    SHMQ_OBSERVER,     /* owns nothing and changes nothing; reads statistics */
    SHMQ_SUPERVISOR,   /* starts and ends the other processes; only one at a time; reads statistics, keeps the run
                          record */
};

/*
 * Options of shmq_create and shmq_open. Initialise it with SHMQ_OPTIONS_INIT, then set what differs.
 *
 * All structs that begin with .size work like this. The caller initialises them with their macro (SHMQ_INFO_INIT,
 * SHMQ_STAT_INIT, ...), which sets .size to the size in the caller's header. Later versions only append fields,
 * and the library neither reads nor writes beyond .size, so callers built with an earlier header keep working. The
 * library refuses a .size that it does not know with -EINVAL: less than that of the first version, or more than
 * its own. Options may be longer if the excess bytes are all zero.
 */
struct shmq_options {
    size_t size; /* set by SHMQ_OPTIONS_INIT */

    /* Parameters of a new queue. 0 means not given: the default (last in each comment). For an existing queue, a
     * given value that differs is -EEXIST. */
    uint64_t capacity_bytes;    /* of a lane; rounded up to a power of two; 4 KiB to 64 GiB; 8 MiB */
    uint64_t max_message_bytes; /* at most the capacity and SHMQ_MESSAGE_MAX; a quarter of the capacity */
    uint32_t lanes;             /* 1..SHMQ_LANES_MAX; 64 */
    uint32_t seats;             /* 1..SHMQ_SEATS_MAX; 64 */
    uint32_t mode;              /* permission bits of the object; 0600 */
    gid_t group;                /* group of the object; SHMQ_GROUP_ANY: not given */
    int64_t tick_ns;            /* longest sleep between checks; 1 ms to 10 s; 50 ms */

    /* Parameters of this handle. */
    bool create;           /* shmq_open: create the queue if there is none */
    bool follow;           /* consumer: the stream does not end when all producers have finished */
    uint32_t priority;     /* producer: of its lane, 0 to SHMQ_PRIORITIES - 1; SHMQ_PRIORITY_DEFAULT */
    uint32_t prefetch;     /* consumer: most messages in one lease; 0: 256 */
    uint32_t producers;    /* consumer: the stream does not end before so many have finished; 0 is the same as 1 */
    uint64_t source_id;    /* producer: identity of its source, to resume it (shmq_resume_offset); 0: none */
    uint64_t source_group; /* producer: identity of the whole that its source is part of; 0: none */
    uint64_t source_part;  /* with source_group: number of the part, from 1; unique in the group */
    uint64_t source_size;  /* with source_group: the size of the whole, used if this part is the first */
    uint64_t source_check; /* likewise, the check value */
    /* consumer: how long to wait for another producer to take up a dead producer's lane before the stream ends
     * without it; 0: no wait; negative: for ever; SHMQ_GRACE_DEFAULT_NS, 5 s */
    int64_t grace_ns;
    /* producer, consumer: how long shmq_open waits while all lanes or seats are taken; 0: no wait; negative: for
     * ever; SHMQ_ATTACH_WAIT_DEFAULT_NS, 100 ms. A short wait helps because another process may lock a dead
     * owner's lane or seat for a moment, and a killed owner's lock may be about to go. */
    int64_t attach_wait_ns;
    /*
     * If this flag is not 0, waiting calls return -EINTR at their next check. They check before and after each
     * sleep, and a sleep takes at most a tick. Exception: when nothing has happened in the queue for 40 ticks, a
     * consumer that is not the only one sleeps for up to 64 ticks or 4 s, whichever is less. A signal handler that
     * sets the flag, installed without SA_RESTART, ends the sleep that it interrupts, but comes too early for a
     * sleep that is just about to begin. shmq_interrupt has no such gaps.
     */
    const volatile int *stop;
    uint64_t source_flags;   /* producer: SHMQ_SOURCE_... flags; 0: none */
    uint64_t consumer_flags; /* consumer: SHMQ_CONSUMER_... flags; 0: none */
    uint64_t queue_flags;    /* of a new queue: SHMQ_QUEUE_... flags; ignored for an existing one; 0: none */
};

/* For .queue_flags: consumers keep no histogram of the time from put to acknowledgement (shmq_latency). */
#define SHMQ_QUEUE_NO_LATENCY 1u

/*
 * For .source_flags: the source moves messages from elsewhere, a few at a time. While nobody owns its lane, the
 * lane counts as finished, so a mover that died does not hold up the end of the stream. The lane is still kept for
 * it. Each clean end of such a producer counts as a finish, as everybody's.
 */
#define SHMQ_SOURCE_MOVES 1u

/*
 * For .consumer_flags: the messages of a batch share their failed attempts, so acknowledging the oldest leaves its
 * attempts to the next. For a batch that is processed as a whole and given up message by message (shmq_move): the
 * rest of it stays given up, whoever dies in between.
 */
#define SHMQ_CONSUMER_SHARED_ATTEMPTS 1u

/*
 * For .consumer_flags: takes messages also while the queue is paused, and those put aside before they are due. For
 * tools that clear up. A message that was put aside and that the tool does not acknowledge waits on until it is
 * due.
 */
#define SHMQ_CONSUMER_EAGER 2u

/* How a message was framed in its source, so that a sink can rebuild the stream byte for byte. */
enum shmq_frame {
    SHMQ_FRAME_NONE = 0,  /* the payload alone */
    SHMQ_FRAME_DELIMITER, /* the payload, then one delimiter byte */
    SHMQ_FRAME_LENGTH32,  /* a 32-bit big-endian length, then the payload */
};

/* One delivered message. */
struct shmq_message {
    const void *data;        /* the payload, 64-byte aligned, in the queue itself; read-only */
    size_t length;           /* bytes */
    uint64_t position;       /* first cell of the message in its lane; only grows */
    uint64_t stream_offset;  /* bytes of the lane's stream before the message, framing included */
    uint32_t lane;           /* its producer's lane */
    uint32_t attempts;       /* earlier deliveries that ended in the consumer's death or in shmq_fail */
    uint8_t frame;           /* enum shmq_frame */
    uint8_t delimiter;       /* for SHMQ_FRAME_DELIMITER */
    bool redelivered;        /* was delivered before, but not acknowledged */
    uint32_t headers_length; /* bytes of its header block (shmq_message_headers); 0: none */
};

/*
 * Creates the queue, or confirms that it exists with the requested sizes.
 *
 * @name     1..SHMQ_NAME_MAX letters, digits, '.', '_' or '-'
 * @options  sizes and permissions; NULL for all defaults
 *
 * Context: any thread; waits while another process is creating or removing the queue, 10 s at most (then -EBUSY).
 * Crash:   dying inside leaves an object that is not ready; the next process that creates the queue completes it.
 * Return:  0; -EEXIST, -EINVAL, -ENAMETOOLONG, -ENOSPC, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -EBUSY,
 *          -ENOMEM, -EMFILE, -EFBIG, -ENOSYS, other system errors.
 */
int shmq_create(const char *name, const struct shmq_options *options);

/*
 * Attaches to a queue.
 *
 * @handle   receives the handle; NULL on failure
 * @name     of the queue
 * @role     what the handle may do
 * @options  NULL for all defaults
 *
 * Context: any thread; waits
 *          - while another process is creating or removing the queue, 10 s at most;
 *          - while other producers with a source, or with a part of one, choose their lanes, until nobody has come
 *            or gone for 10 s; 20 s at most, and 10 s more for each 32 lanes of the queue;
 *          - for its source's lane if the owner has just died, 1 s at most;
 *          - while all lanes or seats are taken, for .attach_wait_ns, checking at least every 50 ms.
 * Crash:   dying inside leaves at most a lane or seat that looks as if its owner had died.
 * Return:  0; -ENOENT without .create; -EUSERS if all lanes or seats stayed taken for .attach_wait_ns; -EINTR if
 *          .stop was set meanwhile; -ESHUTDOWN if all lanes are taken and the queue is shut down; -EBUSY if there
 *          is a supervisor already, if a live producer has the same source, and after waiting for 10 s; -EEXIST,
 *          -EINVAL, -ENAMETOOLONG, -ENOSPC, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -ENOMEM, -EMFILE,
 *          -EFBIG, -ENOSYS, other system errors.
 */
int shmq_open(struct shmq **handle, const char *name, enum shmq_role role, const struct shmq_options *options);

/*
 * Attaches, as an observer, to a copy of a queue in a file: a copy of its object, such as shmq_save makes, or
 * 'cp /dev/shm/shmq.NAME .' once its processes have ended. (What cp copies from a queue in use may fit together or
 * not.) A copy may be of another host, and damaged or cut off: shmq_stat, shmq_check, shmq_peek and shmq_events
 * give what can be read, and -EBADMSG. No process in it is .alive, because locks are not copied; .in_copy says who
 * was when shmq_save made the copy.
 *
 * @handle  receives the handle; NULL on failure
 * @path    of the file
 *
 * Context: any thread; reads the whole file into private memory, of which it needs as much as the copy has pages
 *          that are not all zero. Later changes of the file make no difference. Opens no FIFO and no device.
 * Return:  0; -ENOENT, -EPERM if it is not a plain file, -EACCES, -EBADMSG if it is no copy of a queue, or its
 *          header is damaged or incomplete, -EPROTO, -EINVAL, -ENOMEM, -EMFILE, -EFBIG, other system errors.
 */
int shmq_open_file(struct shmq **handle, const char *path);

/*
 * Detaches. A producer's lane is marked finished; messages that a consumer holds go to another consumer.
 *
 * @handle   from shmq_open; NULL is allowed; not valid afterwards
 *
 * Context: the handle's thread; does not block.
 * Crash:   dying inside leaves a producer's lane either finished or unfinished; messages that a consumer holds go
 *          to another consumer.
 * Return:  0; -ESTALE if the queue was removed meanwhile, so that messages put into it are gone (the handle is
 *          closed all the same); -EINVAL if it is not a handle; -ECHILD.
 */
int shmq_close(struct shmq *handle);

/*
 * Detaches as a crash would: a producer's lane is left unfinished, for another producer to take up.
 *
 * @handle   from shmq_open; NULL is allowed; not valid afterwards
 *
 * Context: the handle's thread; does not block.
 */
void shmq_abandon(struct shmq *handle);

/*
 * Detaches as if it had never attached: a producer that has put nothing leaves its lane finished or unfinished, as
 * it found it. After a put, and for the other roles, this is the same as shmq_abandon.
 *
 * @handle   from shmq_open; NULL is allowed; not valid afterwards
 *
 * Context: the handle's thread; does not block; wakes the consumers.
 * Crash:   dying inside leaves the lane either unfinished or as it was found.
 */
void shmq_withdraw(struct shmq *handle);

/* ------------------------------------------------------------------ producers */

/*
 * Copies one message into the lane and publishes it.
 *
 * @data        @length bytes; may be NULL if @length is 0
 * @timeout_ns  how long to wait for room
 *
 * Context:  the handle's thread. No system call unless the lane is full or a consumer sleeps.
 * Ordering: P1, release of the lane's tail; pairs with C1 in shmq_lease.
 * Crash:    dying inside leaves either nothing or the whole message.
 * Return:   0; -EAGAIN, -ETIMEDOUT, -EINTR, -EMSGSIZE, -ESHUTDOWN, -ESTALE, -EBADMSG, -EOVERFLOW, -EINVAL,
 *           -ECHILD.
 */
int shmq_put(struct shmq *handle, const void *data, size_t length, int64_t timeout_ns);

/*
 * Copies several messages into the lane and publishes them in portions.
 *
 * @messages    @count payloads
 * @done        receives how many were published, also on failure; may be NULL
 * @timeout_ns  how long to wait for room, in total
 *
 * Context:  the handle's thread. No system call unless the lane is full or a consumer sleeps. Each portion wakes
 *           at most as many consumers as it has messages.
 * Ordering: P1, release of the lane's tail, for each portion; pairs with C1 in shmq_lease.
 * Crash:    dying inside leaves whole messages only: the first ones, some or all.
 * Return:   0 if all are published; -EMSGSIZE or -EINVAL at a message that is too long or has no address, after
 *           publishing those before it; -EAGAIN, -ETIMEDOUT, -EINTR, -ESHUTDOWN, -ESTALE, -EBADMSG, -EOVERFLOW,
 *           -ECHILD.
 */
int shmq_put_many(struct shmq *handle, const struct iovec *messages, size_t count, size_t *done,
                  int64_t timeout_ns);

/*
 * Reserves room for one message, to be filled in place.
 *
 * @length      bytes wanted
 * @payload     receives the address of @length writable bytes, 64-byte aligned
 * @timeout_ns  how long to wait for room
 *
 * Context: the handle's thread. No system call unless the lane is full. A second reserve without a commit
 *          replaces the first.
 * Crash:   dying before the commit leaves nothing.
 * Return:  0; -EAGAIN, -ETIMEDOUT, -EINTR, -EMSGSIZE, -ESHUTDOWN, -ESTALE, -EBADMSG, -EOVERFLOW, -EINVAL,
 *          -ECHILD.
 */
int shmq_reserve(struct shmq *handle, size_t length, void **payload, int64_t timeout_ns);

/*
 * Publishes the message that was reserved.
 *
 * @length   of the message; at most the reserved length
 *
 * Context:  the handle's thread; does not block. No system call unless a consumer sleeps.
 * Ordering: P1, release of the lane's tail; pairs with C1 in shmq_lease.
 * Crash:    dying inside leaves either nothing or the whole message.
 * Return:   0; -EINVAL without a reservation or if @length exceeds it; -ESHUTDOWN, -ESTALE, -ECHILD.
 */
int shmq_commit(struct shmq *handle, size_t length);

/*
 * Sets how the following messages are framed in the source. The framing is stored with each message and counts in
 * stream offsets.
 *
 * @frame      SHMQ_FRAME_NONE until this is called
 * @delimiter  for SHMQ_FRAME_DELIMITER, otherwise ignored
 *
 * Context: the handle's thread; does not block.
 * Return:  0; -EINVAL, -ECHILD.
 */
int shmq_set_frame(struct shmq *handle, enum shmq_frame frame, uint8_t delimiter);

/*
 * Returns how much of this source earlier owners of the lane have committed.
 *
 * @offset   receives bytes of the source, framing included; 0 for a source not seen before
 *
 * Context: the handle's thread; does not block.
 * Return:  0; -EINVAL without a source_id; -EBADMSG, -ECHILD.
 */
int shmq_resume_offset(struct shmq *handle, uint64_t *offset);

/*
 * Returns what all parts of a source (struct shmq_options.source_group) agree on: the size and check value that
 * the first part to attach gave. They stay in force while any part is unfinished, and afterwards as long as a lane
 * still stores them. Only a part without a source_id that attaches a second time, when all parts are finished,
 * starts a new round with its own values.
 *
 * @size   receives source_size of the first
 * @check  receives source_check of the first
 *
 * Context: the handle's thread; does not block.
 * Return:  0; -EINVAL without a source_group; -ECHILD.
 */
int shmq_source_whole(struct shmq *handle, uint64_t *size, uint64_t *check);

/*
 * Stores a note with the source, for the producer that resumes it: for example, how to recognise the source. It
 * replaces the previous note. Another source that takes the lane starts without a note.
 *
 * @note    @length bytes; may be NULL if @length is 0
 * @length  at most SHMQ_NOTE_MAX; 0 deletes the note
 *
 * Context: the handle's thread; no system call.
 * Crash:   dying inside leaves either the previous note or this one.
 * Return:  0; -EINVAL without a source_id, or for a longer note; -ECHILD.
 */
int shmq_set_source_note(struct shmq *handle, const void *note, size_t length);

/*
 * Reads the note that this or an earlier owner of the lane has stored with the source.
 *
 * @note    receives the note; SHMQ_NOTE_MAX bytes, undefined beyond the note's length
 * @length  receives its length; 0: there is none
 *
 * Context: the handle's thread; no system call.
 * Return:  0; -EINVAL without a source_id; -EBADMSG, -ECHILD.
 */
int shmq_source_note(struct shmq *handle, void *note, size_t *length);

/*
 * Stores a record with the source, in one of its slots, for the producer that resumes it: for example, one for
 * each of the files of which the source consists. It replaces the slot's previous record; other slots stay as they
 * are. Another source that takes the lane finds all slots empty.
 *
 * A slot that is never set needs no memory; number the slots from 0 on, because memory is reserved up to the
 * highest one set, in whole pages.
 *
 * @slot    0 to SHMQ_SLOTS_MAX - 1
 * @data    @length bytes; may be NULL if @length is 0
 * @length  at most SHMQ_SLOT_MAX; 0 empties the slot
 *
 * Context:  the handle's thread. No system call once this handle has set this slot or a higher one.
 * Ordering: a release store makes the record count. So whoever finds a message that was put later finds the
 *           record, and whoever finds the record finds what was put before.
 * Crash:    dying inside leaves either the previous record or this one.
 * Return:   0; -EINVAL without a source_id, for a slot that does not exist, or for a longer record; -ENOSPC,
 *           -ENOMEM, -EBADMSG, other system errors: nothing is changed; -ECHILD.
 */
int shmq_set_source_slot(struct shmq *handle, uint32_t slot, const void *data, size_t length);

/*
 * Reads the record that this or an earlier owner of the lane has stored in a slot of the source.
 *
 * @slot    0 to SHMQ_SLOTS_MAX - 1
 * @data    receives the record; SHMQ_SLOT_MAX bytes, undefined beyond the record's length
 * @length  receives its length; 0: the slot is empty
 *
 * Context: the handle's thread; one system call; reserves no memory.
 * Return:  0; -EINVAL without a source_id, or for a slot that does not exist; -EBADMSG, -ECHILD.
 */
int shmq_source_slot(struct shmq *handle, uint32_t slot, void *data, size_t *length);

/*
 * How far a source has been put, in the source's own terms: a sequence number, a file and an offset, a message of
 * another queue. The caller decides what the words mean; all 0 means that there is no cursor.
 */
struct shmq_cursor {
    uint64_t words[SHMQ_CURSOR_WORDS];
};

/*
 * Sets the cursor that is stored with the messages put from now on. It becomes valid with the same store that
 * publishes them. A producer that resumes the source reads the cursor of the last message published, even if that
 * message has been consumed since. Another source that takes the lane reads none.
 *
 * @cursor  the source's place after the next message
 *
 * shmq_put_many publishes in portions, each with this cursor. To give each message its own, use shmq_put_outgoing.
 *
 * Context: the handle's thread; no system call.
 * Crash:   the previous cursor stays valid until a put publishes a message.
 * Return:  0; -EINVAL without a source_id; -ECHILD.
 */
int shmq_set_cursor(struct shmq *handle, const struct shmq_cursor *cursor);

/*
 * Reads the cursor of the last message that this or an earlier owner of the lane published for the source.
 *
 * @cursor  receives it; all 0: there is none
 *
 * Context: the handle's thread; no system call.
 * Return:  0; -EINVAL without a source_id; -ECHILD.
 */
int shmq_resume_cursor(struct shmq *handle, struct shmq_cursor *cursor);

/*
 * A message to put, with optional headers and cursor. Initialise it with SHMQ_OUTGOING_INIT.
 *
 * A header block is one or more lines "Name: value\n", as in HTTP: a name is a token, and a value contains neither
 * NUL nor carriage return. The block counts towards the largest message: its length plus 16 bytes, rounded up to a
 * multiple of 64, and at least 128 bytes if the payload is empty. Names that begin with "Shmq-" are reserved.
 */
struct shmq_outgoing {
    size_t size;                      /* set by SHMQ_OUTGOING_INIT */
    const void *data;                 /* the payload */
    size_t length;                    /* bytes */
    const char *headers;              /* the header block; may be NULL if headers_length is 0 */
    size_t headers_length;            /* bytes, at most SHMQ_HEADERS_MAX; 0: no headers */
    const struct shmq_cursor *cursor; /* as if set by shmq_set_cursor before this message; NULL: unchanged */
};

/*
 * Copies messages with their headers and cursors into the lane and publishes them in portions.
 *
 * @messages    @count messages, all of the same .size
 * @done        receives how many were published, also on failure; may be NULL
 * @timeout_ns  how long to wait for room, in total
 *
 * Context:  the handle's thread. No system call unless the lane is full or a consumer sleeps.
 * Ordering: P1, release of the lane's tail, for each portion; pairs with C1 in shmq_lease.
 * Crash:    dying inside leaves whole messages only, the first ones, some or all, with the last one's cursor.
 * Return:   0 if all are published; -EMSGSIZE at a message that is too long, -EINVAL at one with an invalid header
 *           block, without an address, or with a cursor but without a source_id: those before it are published;
 *           -EAGAIN, -ETIMEDOUT, -EINTR, -ESHUTDOWN, -ESTALE, -EBADMSG, -EOVERFLOW, -ECHILD.
 */
int shmq_put_outgoing(struct shmq *handle, const struct shmq_outgoing *messages, size_t count, size_t *done,
                      int64_t timeout_ns);

/*
 * Marks this producer's stream as complete. Further puts are refused. shmq_close does this too.
 *
 * Context: the handle's thread; does not block; wakes the consumers.
 * Crash:   dying inside leaves the lane either finished or unfinished.
 * Return:  0; -ESTALE if the queue was removed, so that nobody will get its messages; -EINVAL, -ECHILD.
 */
int shmq_finish(struct shmq *handle);

/* ------------------------------------------------------------------ consumers */

/*
 * Takes one message: copies and acknowledges it.
 *
 * @buffer      receives the payload
 * @size        bytes of @buffer
 * @length      receives the payload's length, also with -ENOBUFS
 * @timeout_ns  how long to wait for a message
 *
 * Context:  the handle's thread. No system call unless there is nothing to take or a producer sleeps.
 * Ordering: C1, acquire of the lane's tail; pairs with P1 in shmq_put.
 * Crash:    at most once: dying before the acknowledgement leaves the message to another consumer; dying after it,
 *           even before this returns, loses the message. Where that matters, use shmq_lease, and shmq_acknowledge
 *           once the message is processed.
 * Return:   0; -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA, -EOWNERDEAD, -ESHUTDOWN, -ESTALE, -EBADMSG, -ENOBUFS,
 *           -EBUSY if leased messages are not acknowledged, -EINVAL, -ECHILD; when it takes over what a dead
 *           consumer held, also -ENOMEM, -ENOSPC, other system errors.
 */
int shmq_get(struct shmq *handle, void *buffer, size_t size, size_t *length, int64_t timeout_ns);

/*
 * Leases the next message, in place. A handle may hold several messages, all of one batch (options.prefetch).
 *
 * @message     receives the message; valid until it is acknowledged
 * @timeout_ns  how long to wait for a message
 *
 * Context:  the handle's thread. No system call unless there is nothing to take.
 * Ordering: C1, acquire of the lane's tail; pairs with P1 in shmq_put.
 * Crash:    dying while holding messages leaves the batch to another consumer, from the first unacknowledged one.
 * Return:   0; -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA, -EOWNERDEAD, -ESHUTDOWN, -ESTALE, -EBADMSG, -EBUSY if the
 *           whole batch is handed out and must be acknowledged first, -EINVAL, -ECHILD; when it takes over what a
 *           dead consumer held, also -ENOMEM, -ENOSPC, other system errors.
 */
int shmq_lease(struct shmq *handle, struct shmq_message *message, int64_t timeout_ns);

/*
 * Leases several messages of one batch.
 *
 * @messages    receives up to @max messages
 * @count       receives their number, at least 1 on success
 * @timeout_ns  how long to wait for the first
 *
 * Context:  the handle's thread. No system call unless there is nothing to take.
 * Ordering: C1, acquire of the lane's tail; pairs with P1 in shmq_put.
 * Crash:    dying while holding messages leaves the batch to another consumer, from the first unacknowledged one.
 * Return:   0; -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA, -EOWNERDEAD, -ESHUTDOWN, -ESTALE, -EBADMSG, -EBUSY if the
 *           whole batch is handed out and must be acknowledged first, -EINVAL, -ECHILD; when it takes over what a
 *           dead consumer held, also -ENOMEM, -ENOSPC, other system errors.
 */
int shmq_lease_many(struct shmq *handle, struct shmq_message *messages, size_t max, size_t *count,
                    int64_t timeout_ns);

/*
 * Waits until there is something to lease, and tells how much the next lease would bring if it were made now.
 * Leases no new message, so they stay where they are and more may gather. What a dead consumer left is taken over,
 * as by shmq_lease, and is then what is told.
 *
 * From the first call on, leases of this handle leave no share of a lane's messages to other consumers.
 *
 * @count       receives the number of messages: at least 1, and at most .prefetch
 * @complete    receives whether to lease at once: the lease would be as large as it can be, or one from another
 *              lane would, or no more messages will be put, as far as is known without a system call
 * @timeout_ns  how long to wait for the first message
 *
 * Context:  the handle's thread. Reads at most .prefetch descriptors of each lane. No system call unless there is
 *           nothing to lease, and once a tick. Others may be quicker than the lease that follows.
 * Ordering: C1, acquire of the lane's tail; pairs with P1 in shmq_put.
 * Crash:    changes nothing, except that a dead consumer's batch may have been taken over.
 * Return:   0; -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA, -EOWNERDEAD, -ESHUTDOWN, -ESTALE, -EBADMSG, -EBUSY if the
 *           whole batch is handed out and must be acknowledged first, -EINVAL, -ECHILD; when it takes over what a
 *           dead consumer held, also -ENOMEM, -ENOSPC, other system errors.
 */
int shmq_ready(struct shmq *handle, size_t *count, bool *complete, int64_t timeout_ns);

/*
 * Finds the header block of a message in the queue. It is read-only, and valid as long as the message is.
 *
 * @message  leased or held
 * @length   receives its bytes; may be NULL
 *
 * Context: a computation on @message alone.
 * Return:  whole lines "Name: value\n"; NULL if the message has none.
 */
const char *shmq_message_headers(const struct shmq_message *message, size_t *length);

/*
 * Finds a header in a block.
 *
 * @headers         whole lines "Name: value\n"
 * @headers_length  bytes
 * @name            case of letters does not matter
 * @length          receives the value's bytes, without blanks around it
 *
 * Context: any thread; reads nothing outside the block, whatever it contains.
 * Return:  the first such header's value, in the block, not terminated; NULL if there is none.
 */
const char *shmq_header_value(const char *headers, size_t headers_length, const char *name, size_t *length);

/*
 * Acknowledges the @count oldest messages held: they are done and are not delivered again.
 *
 * @count  messages; 0 is allowed
 *
 * Context:  the handle's thread; does not block; wakes a producer that waits for room.
 * Ordering: A1, sequentially consistent exchange of the lease word; pairs with P2, acquire of head.
 * Crash:    dying inside leaves each message either done or to be delivered again.
 * Return:   0; -EINVAL if fewer are held; -EBADMSG if, according to shared memory, the batch is not this
 *           consumer's (the messages may then be delivered again); -ECHILD.
 */
int shmq_acknowledge(struct shmq *handle, size_t count);

/*
 * Moves the only message held into the seat's own buffer, so that slow work on it does not block the ring.
 *
 * @message   the leased message; receives its new address
 *
 * Context: the handle's thread; the message must be the last of its batch; does not block.
 * Crash:   the consumer that takes over finds the message in exactly one place.
 * Return:  0, also if the message is there already; -EBUSY if it is not the only one held, or if its batch has
 *          more messages to hand out; -EINVAL if none is held; -ENOSPC, -ENOMEM, -EBADMSG, other system errors:
 *          the message stays where it was; -ECHILD.
 */
int shmq_hold(struct shmq *handle, struct shmq_message *message);

/*
 * Counts a failed attempt at the oldest message of the batch that is not acknowledged, which stays leased. It need
 * not be handed out yet.
 *
 * @attempts  receives the number of attempts so far; may be NULL
 *
 * Context: the handle's thread; does not block.
 * Crash:   the count is stored with the message and survives.
 * Return:  0; -EINVAL if none is held; -ECHILD.
 */
int shmq_fail(struct shmq *handle, uint32_t *attempts);

/*
 * Requeues the oldest message held at once, without counting an attempt. A batch is leased as a whole and
 * delivered in order, so all later messages of it are requeued too, handed out or not; acknowledged ones stay
 * acknowledged. The batch is redelivered, from this message on, to the first consumer that takes it, which may be
 * this one. The handle then holds nothing, and the addresses of the batch's messages are no longer valid.
 *
 * Context: the handle's thread; does not block; wakes a consumer. The handle moves to another seat, so one must be
 *          free, unless the messages were taken over from a dead consumer.
 * Crash:   dying inside leaves the messages to another consumer; an attempt may be counted.
 * Return:  0; -EINVAL if none is held; -EUSERS if all seats are taken, and -EBUSY while this handle has a write
 *          intent pending (the messages then stay held); -ECHILD, other system errors.
 */
int shmq_release(struct shmq *handle);

/* How to put a message aside. Initialise it with SHMQ_ASIDE_INIT. */
struct shmq_aside {
    size_t size;                     /* set by SHMQ_ASIDE_INIT */
    int64_t delay_ns;                /* how long it waits, at most SHMQ_ASIDE_DELAY_MAX_NS; 0: it is due at once */
    uint32_t most;                   /* messages of the queue that may wait aside, this one included; UINT32_MAX */
    uint64_t note[SHMQ_ASIDE_WORDS]; /* for whoever gets the message next (shmq_aside_note); all 0 */
};

/*
 * Puts the only message held aside until later: it waits in its seat's buffer without an owner, and the handle
 * then holds nothing and can lease the next message. The message is redelivered to the first consumer that looks
 * for work once it is due, before newer messages. This counts no attempt. Waiting consumers wake up at that time.
 * The message, its attempts, its note and the time left survive all processes. The end of the stream waits for it;
 * a paused queue hands it out only once it is resumed.
 *
 * @aside  delay, limit and note
 *
 * Each message that waits aside takes a seat, which no consumer can have meanwhile. A quarter of the queue's
 * seats, and at least one, is never taken by them. The message is moved into the seat's buffer first if it is not
 * there (shmq_hold). A message aside gives up the order of its lane.
 *
 * Context: the handle's thread; does not block; wakes a consumer. The handle moves to another seat, so one must be
 *          free, unless the message was taken over from another consumer, or from aside.
 * Crash:   dying inside leaves the message to another consumer, either at once or when it is due, with the
 *          previous note or this one; an attempt may be counted.
 * Return:  0; on an error the message stays held, perhaps in the seat's buffer now (shmq_hold returns its
 *          address): -EUSERS if as many messages as allowed wait aside, or no other seat is free; -EBUSY if it is
 *          not the only one held, if its batch has more messages to hand out, or if this handle has a write intent
 *          pending; -EINVAL if none is held, or for an invalid @aside; -ENOSPC, -ENOMEM, -EBADMSG, -ECHILD, other
 *          system errors.
 */
int shmq_put_aside(struct shmq *handle, const struct shmq_aside *aside);

/*
 * Reads the note with which the oldest message held was last put aside, by whichever consumer.
 *
 * @note  receives it; all 0 if the message was never put aside
 *
 * Context: the handle's thread; no system call.
 * Return:  0; -EINVAL if none is held; -ECHILD.
 */
int shmq_aside_note(struct shmq *handle, uint64_t note[SHMQ_ASIDE_WORDS]);

/*
 * Moves messages of a consumer to another queue: one after the other, for example dead letters (shmq_move), or
 * batch by batch, to one queue or several (shmq_mover_put). In the other queue, a mover has a lane for each seat
 * that it moves messages of: its consumer's own, and those of dead consumers whose messages it takes over. So that
 * queue needs as many lanes as this one has seats, besides those of its other producers.
 */
struct shmq_mover;

/*
 * Prepares to move messages of a consumer to another queue. Does not open that queue yet.
 *
 * @mover        receives the mover; NULL on failure
 * @consumer     handle whose messages it moves; close it after the mover
 * @destination  name of the other queue; or of the consumer's own, to put messages behind all others
 * @options      for opening the other queue as a producer; with .create, shmq_move creates it if it is missing;
 *               NULL for all defaults; ignores .source_id, .source_flags, .attach_wait_ns and .stop
 *
 * Context: any thread.
 * Return:  0; -EINVAL, -ENAMETOOLONG, -ENOMEM, -ECHILD.
 */
int shmq_mover_open(struct shmq_mover **mover, struct shmq *consumer, const char *destination,
                    const struct shmq_options *options);

/*
 * Moves the oldest message held to the other queue: puts a copy with the same payload and framing there, then
 * acknowledges the message here. If this returns 0, both have happened exactly once. If a consumer dies in
 * between, its successor completes the move by moving the same message: the copy is not put again, even if it has
 * been consumed already.
 *
 * @mover           from shmq_mover_open
 * @headers         header block of the copy, instead of the message's own; may be NULL if @headers_length is 0
 * @headers_length  bytes
 * @timeout_ns      how long to wait for a lane there, and for room
 *
 * Context: the consumer's thread. Opens and closes the other queue, which takes a few dozen system calls.
 * Crash:   dying inside leaves the message to this consumer's successor, and at most one copy.
 * Return:  0; on an error the message stays held: -EINVAL if none is held, or for invalid headers; -EMSGSIZE if it
 *          is too long for the other queue; -EAGAIN, -ETIMEDOUT if the other queue had no free lane or no room;
 *          -EINTR if the consumer's stop flag was set; about the other queue: -ESTALE, -ESHUTDOWN, -ENOENT,
 *          -EEXIST, -EPERM, -EACCES, -EROFS, -EPROTO, -EBUSY, -ENOSPC, -EOVERFLOW, -ENOMEM, -EMFILE, -EFBIG,
 *          -ENOSYS, other system errors; about either queue: -EBADMSG; -ECHILD.
 */
int shmq_move(struct shmq_mover *mover, const char *headers, size_t headers_length, int64_t timeout_ns);

/*
 * Completes the move of the oldest message held, if a dead consumer has put its copy into this mover's queue: then
 * acknowledges the message. Puts nothing. For a consumer that does not move every message, or not all to one
 * queue: a redelivered message may be such a one.
 *
 * @mover       from shmq_mover_open
 * @moved       receives whether it was put, and is acknowledged now
 * @timeout_ns  how long to wait for a lane there
 *
 * Context: like shmq_move.
 * Crash:   dying inside leaves the move to be completed, or done.
 * Return:  0; on an error the message stays held, and nothing is known about it: -EINVAL if none is held; -EAGAIN,
 *          -ETIMEDOUT if the other queue had no free lane; -EINTR if the consumer's stop flag was set; about the
 *          other queue: -ESHUTDOWN, -ENOENT, -EEXIST, -EPERM, -EACCES, -EROFS, -EPROTO, -EBUSY, -ENOSPC, -ENOMEM,
 *          -EMFILE, -EFBIG, -ENOSYS, other system errors; about either queue: -EBADMSG; -ECHILD.
 */
int shmq_complete_move(struct shmq_mover *mover, bool *moved, int64_t timeout_ns);

/*
 * Copies messages to the other queue without acknowledging them: each once, with its payload, framing and headers,
 * and with a header "Shmq-Id: ID", its id here, if it has none. Acknowledge them afterwards; before that, they may
 * be copied to other queues, too, by a mover for each. Messages that were put already, by this mover or by a dead
 * consumer, count as done and are not put again, even if they have been consumed there since. So after a failure,
 * the same messages can be given again.
 *
 * @mover       from shmq_mover_open
 * @messages    consecutive messages of a lease that are not acknowledged. Those that are left out before them are
 *              not put later; those behind them may be
 * @count       0: only takes the lane of the consumer's seat, so that the other queue's stream does not end before
 *              this mover has come to an end, and looks whether that queue is still there
 * @done        receives how many, from the first, have been put, also on failure; may be NULL
 * @timeout_ns  how long to wait for a lane there, and for room, in total
 *
 * The mover keeps its lane there from one call to the next. In the other queue it is a producer like any other: if
 * it dies, or is closed before shmq_mover_finish, its lane is unfinished, and whoever moves messages of the same
 * seat next goes on with it. The lane of a dead consumer's seat is let go with the last of that consumer's
 * messages.
 *
 * Context:  the consumer's thread. One system call for each call, unless the lane there is full or a consumer of
 *           that queue sleeps; taking a lane there costs a few dozen, and may wait for the previous owner's lock.
 * Ordering: P1, release of that lane's tail, for each portion; pairs with C1 in shmq_lease.
 * Crash:    dying inside leaves whole messages only: the first ones, some or all. The successor, which gets the
 *           messages redelivered, does not put those again.
 * Return:   0 if all are done; -EMSGSIZE at a message that, with its headers, is too long for the other queue;
 *           -EINVAL if the messages are not held; -EAGAIN, -ETIMEDOUT if the other queue had no room, -EUSERS no
 *           free lane; -EINTR if the consumer's stop flag was set; about the other queue: -ESTALE (nothing counts
 *           as done then), -ESHUTDOWN, -ENOENT, -EEXIST, -EPERM, -EACCES, -EROFS, -EPROTO, -EBUSY, -ENOSPC,
 *           -EOVERFLOW, -ENOMEM, -EMFILE, -EFBIG, -ENOSYS, -EBADMSG, other system errors; -ECHILD.
 */
int shmq_mover_put(struct shmq_mover *mover, const struct shmq_message *messages, size_t count, size_t *done,
                   int64_t timeout_ns);

/*
 * Finishes this mover's lane in the other queue, as shmq_finish does, and the lanes of seats of this queue whose
 * movers died and in which nothing is left. For a mover whose work is done: this queue's stream has ended, for
 * example. With several movers, each finishes its own lane. A mover that has put nothing finishes a lane as well.
 * After more messages, it has to finish again.
 *
 * @mover  from shmq_mover_open
 *
 * Context: the consumer's thread; reads each lane of the other queue; does not wait for live movers; wakes
 *          consumers.
 * Crash:   dying inside leaves this mover's lane unfinished, and those of dead ones finished or not.
 * Return:  0; -EBUSY if messages are leased and not acknowledged, or were found in this consumer's seat, if a dead
 *          consumer has put more of the batch than is handed out, or if the lane there is in use; on an error,
 * this mover's lane is unfinished: -ESTALE if the other queue was removed; -EUSERS if it has no free lane; -EINTR
 * if the consumer's stop flag was set; -EINVAL; about the other queue: -ESHUTDOWN, -ENOENT, -EEXIST, -EPERM,
 * -EACCES, -EROFS, -EPROTO, -ENOSPC, -ENOMEM, -EMFILE, -EFBIG, -ENOSYS, other system errors; about either queue:
 * -EBADMSG; -ECHILD.
 */
int shmq_mover_finish(struct shmq_mover *mover);

/*
 * Frees a mover. What shmq_mover_put has put stays; its lane is left unfinished unless it was finished.
 *
 * @mover  NULL is allowed; not valid afterwards
 *
 * Context: before the consumer is closed.
 */
void shmq_mover_close(struct shmq_mover *mover);

/*
 * Write intents: how a consumer that appends to a file removes what a dead consumer left half-written there.
 *
 * Before it writes, a consumer stores a write intent in its seat: which bytes of which file it is about to write,
 * and for which messages. It locks the file before that and unlocks it after clearing the intent. So a process
 * that holds the lock and finds an intent for the file knows that its writer died in between (the kernel dropped
 * its lock), or gave up. The order is: lock the file, shmq_visit_write_intents, set, write, acknowledge, clear,
 * unlock.
 */
struct shmq_write_intent {
    uint64_t device; /* of the file: st_dev and st_ino */
    uint64_t inode;
    uint64_t offset; /* byte of the file at which the write begins */
    uint64_t bytes;  /* the most that it writes; not 0 */
    uint64_t format; /* the caller's encoding of how it frames messages, for the consumer that removes the bytes */
    uint32_t count;  /* messages that it writes, starting with the oldest one held; not 0 */
};

/*
 * Stores a write intent in this consumer's seat. Replaces an earlier one, even if the seat's previous owner left
 * it: visit the file's intents first.
 *
 * @intent  what is about to be written; NULL: clears the intent that this handle has set, and no other
 *
 * Context:  the handle's thread, which holds an exclusive lock on the file; no system call.
 * Ordering: the caller's lock on the file; a release store publishes the intent as a whole.
 * Crash:    dying inside leaves either the whole intent or none.
 * Return:   0; -EINVAL for an invalid intent, one with more messages than are held, or in another role;
 *           -ECHILD.
 */
int shmq_set_write_intent(struct shmq *handle, const struct shmq_write_intent *intent);

/*
 * Called for a write intent whose writer died. If the calling process dies too, the visitor may be called again
 * for the same intent, so its changes to the file must be repeatable.
 *
 * @messages  the @count messages that were being written, as shmq_lease would return them; NULL and 0 if they are
 *            no longer available (acknowledged, or damaged). Valid until the visitor returns, and only while
 *            shmq_intent_holds returns true.
 *
 * Context: may call shmq_intent_holds, but no other function with this handle.
 * Return:  0: settled, the intent is cleared; otherwise the intent stays, and the walk ends with this value.
 */
typedef int shmq_intent_visitor(void *context, const struct shmq_write_intent *intent,
                                const struct shmq_message *messages, size_t count);

/*
 * Visits the pending write intents for a file, including those of this handle and of earlier owners of its seat.
 *
 * @device   of the file: st_dev
 * @inode    of the file: st_ino
 * @visit    called for each
 * @context  passed on to @visit
 *
 * Context: the handle's thread, which holds an exclusive lock on the file. Costs one load for each seat, and no
 *          system call, if nothing is pending for the file.
 * Crash:   an intent stays until its visitor has returned 0.
 * Return:  0; what a visitor returned; -EBADMSG for an invalid intent; -EINVAL in another role and from inside a
 *          visitor; -ENOMEM, -ENOSPC, -ECHILD, other system errors.
 */
int shmq_visit_write_intents(struct shmq *handle, uint64_t device, uint64_t inode, shmq_intent_visitor *visit,
                             void *context);

/*
 * Tells a visitor whether its messages are still intact. If this returns true, everything that was read from them
 * before is valid. If it returns false, they were acknowledged or moved meanwhile, and what was read may be
 * something else: leave the file as it is, return -EAGAIN, and visit again.
 *
 * Context: a visitor; costs a few loads.
 * Return:  true; false, also outside a visitor and for a visitor without messages.
 */
bool shmq_intent_holds(const struct shmq *handle);

/* ------------------------------------------------------------------ all roles */

enum shmq_shutdown_how {
    SHMQ_DRAIN = 1, /* no more puts; committed messages are still delivered */
    SHMQ_NOW = 2,   /* no more puts or gets; committed messages stay in the queue */
};

/*
 * Shuts the queue down for all processes.
 *
 * @name  of the queue
 * @how   whether committed messages are still delivered
 *
 * Context: any thread; wakes all sleepers; waits while another process is creating or removing the queue, 10 s at
 *          most (then -EBUSY).
 * Crash:   dying inside leaves the queue open or shut down; waiting processes notice within a tick.
 * Return:  0; -ENOENT, -EINVAL, -ENAMETOOLONG, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -EBUSY, -ENOMEM,
 *          -EMFILE, -ENOSYS, other system errors.
 */
int shmq_shutdown(const char *name, enum shmq_shutdown_how how);

/*
 * Pauses the queue for all processes: it takes messages and hands out none, until shmq_resume is called. Consumers
 * wait as if it were empty (-EAGAIN, -ETIMEDOUT), but the end of the stream does not come while messages wait.
 * What a dead consumer held waits, too. Messages of a batch that is leased already may still be handed out, and
 * can be acknowledged. Shutting down with SHMQ_NOW and removing the queue end consumers as always; with
 * SHMQ_DRAIN, the messages wait for shmq_resume. The queue stays paused when its processes end.
 *
 * @name  of the queue; it may be paused already
 *
 * Context: any thread; waits while another process is creating or removing the queue, 10 s at most (then -EBUSY).
 *          A call that is just leasing a batch when the queue is paused may still hand it out.
 * Crash:   dying inside leaves the queue paused or not.
 * Return:  0; -ENOENT, -EINVAL, -ENAMETOOLONG, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -EBUSY, -ENOMEM,
 *          -EMFILE, -ENOSYS, other system errors.
 */
int shmq_pause(const char *name);

/*
 * Ends a pause: the queue hands out messages again.
 *
 * @name  of the queue; it need not be paused
 *
 * Context: any thread; wakes all consumers; waits while another process is creating or removing the queue, 10 s at
 *          most (then -EBUSY).
 * Crash:   dying inside leaves the queue paused or not; waiting consumers notice the end of a pause within a tick.
 * Return:  0; -ENOENT, -EINVAL, -ENAMETOOLONG, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -EBUSY, -ENOMEM,
 *          -EMFILE, -ENOSYS, other system errors.
 */
int shmq_resume(const char *name);

/*
 * Finishes the stream of a dead producer that left its lane unfinished, so that consumers can reach the end.
 *
 * @name  of the queue
 * @lane  number of the lane (struct shmq_lane_stat), less than the queue's lanes
 *
 * Committed messages are still delivered, whatever the lane's priority. The lane keeps its record of a source: a
 * producer may return with the same .source_id, continues where it stopped, and has to finish again.
 *
 * Context: any thread; waits 100 ms at most for a lock that is about to go; wakes the consumers. This affects no
 *          live producer, and none can take the lane meanwhile, because this holds the lane's byte.
 * Crash:   dying inside leaves the lane either finished, and counted once, or unfinished.
 * Return:  0; -EALREADY if the lane is finished or was never used; -EBUSY if its producer is alive; -EINVAL if
 *          there is no such lane; -ENOENT, -ENAMETOOLONG, -ESTALE, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO,
 *          -ENOMEM, -EMFILE, -ENOSYS, other system errors.
 */
int shmq_finish_lane(const char *name, uint32_t lane);

/*
 * Drops a message: it is not delivered any more. Consumers step over it. It is counted no longer, but its room in
 * the lane becomes free only when a consumer has come past it.
 *
 * @name      of the queue
 * @lane      of the message, as in struct shmq_message
 * @position  likewise; need not be that of a message
 *
 * What a dead consumer had, or what was given back, can be dropped as long as no consumer has taken it over.
 * A copy that a dead consumer has put elsewhere (shmq_move) is another message, and stays. The bytes of a dropped
 * message still count in stream offsets.
 *
 * Context:  any thread; waits 10 ms at most for the lock of the seat that has the message; a walk over the lane up
 *           to the message; waits while another process is creating or removing the queue, 10 s at most (then
 *           -EBUSY).
 * Ordering: D1, the mark, before a look at the lease words; pairs with L2 in shmq_lease.
 * Crash:    dying inside leaves the message dropped or not.
 * Return:   0: it will not be delivered; -ENOMSG: there is no such message, or no longer; -EBUSY: a consumer has
 *           it, or took it at this moment: it is delivered by this consumer, or dropped; about the queue: -ENOENT,
 *           -EINVAL, -ENAMETOOLONG, -ESTALE, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -ENOMEM, -EMFILE,
 *           -ENOSYS, other system errors.
 */
int shmq_drop(const char *name, uint32_t lane, uint64_t position);

/*
 * Ends a wait of this handle: for room, for a message, or in shmq_join. A wait in progress returns -EINTR at once,
 * whether it spins or sleeps. If there is none, the next call that would wait returns -EINTR, unless its timeout
 * is 0. A wait that succeeds at the same moment returns success, and the interrupt remains for the next wait. One
 * interrupt ends one wait; several interrupts before that wait ends count as one.
 *
 * Context: any thread, and signal handlers: takes no lock, allocates nothing, preserves errno. Must not be called
 *          while the handle is being closed. One or two system calls if the owner sleeps.
 * Crash:   changes no message; may cause spurious wake-ups of other consumers for a moment.
 * Return:  0; -EINVAL, -ECHILD.
 */
int shmq_interrupt(struct shmq *handle);

/*
 * Waits until every committed message is acknowledged: at one moment, nothing is left, whichever lanes, consumers
 * and seat buffers messages went through. What a dead consumer had is left until another has done it. While the
 * queue is paused, or drains after a shutdown, messages are left as well. After a shutdown with SHMQ_NOW, nobody
 * gets those that no living consumer has; once no other messages are left, this returns -ESHUTDOWN.
 *
 * @timeout_ns  how long
 *
 * Context: any role; the handle's thread; checks every tick.
 * Return:  0; -ESHUTDOWN if messages stay in the queue that was shut down; -EAGAIN, -ETIMEDOUT, -EINTR, -ESTALE,
 *          -EBADMSG, -ENOMEM, -EINVAL, -ECHILD.
 */
int shmq_join(struct shmq *handle, int64_t timeout_ns);

/*
 * Records, permanently, that something that was acknowledged is no longer where it was written: a sink's file was
 * removed, replaced or truncated. This cannot be repaired, but every process can see it (struct shmq_stat.lost).
 *
 * Context: producers and consumers; does not block.
 * Crash:   dying inside leaves the loss recorded or not.
 * Return:  0; -EINVAL for an observer, -ECHILD.
 */
int shmq_report_loss(struct shmq *handle);

/* What is known about a queue without counting anything. */
struct shmq_info {
    size_t size; /* set by SHMQ_INFO_INIT */
    uint64_t queue_id;
    uint64_t capacity_bytes; /* of a lane */
    uint64_t max_message_bytes;
    uint64_t object_bytes; /* claimed size of the object */
    int64_t tick_ns;
    uint32_t lanes;
    uint32_t seats;
    uint32_t mode; /* as of opening, like owner and group */
    uid_t owner;
    gid_t group;
    uint32_t shut_down; /* 0, SHMQ_DRAIN or SHMQ_NOW */
    bool removed;
    bool full_fences; /* some process is refused membarrier: every publish costs a fence */
    bool lost;        /* shmq_report_loss was called: something acknowledged is no longer where it was written */
    bool paused;      /* shmq_pause was called, and shmq_resume not since: nothing is handed out */
    uint32_t place;   /* number of the lane or seat that the handle has; UINT32_MAX: it has none */
    /* Of a producer's handle: pid of the last owner of its lane, if that one had another source, or none, and left
     * its stream unfinished, which this producer finishes in its place; for display only; 0: it did not, or it is
     * not known. */
    pid_t predecessor;
    bool predecessor_died; /* it did not leave it so itself */
};

/*
 * Returns what is known about the queue without reading its lanes, in constant time however many messages wait.
 *
 * @info  .size gives its length; nothing is written beyond it
 *
 * Context: any role; at most two system calls; maps nothing.
 * Return:  0; -EINVAL, also for an unknown .size; -ECHILD.
 */
int shmq_info(struct shmq *handle, struct shmq_info *info);

enum shmq_run_state {
    SHMQ_RUN_NONE = 0, /* nothing is recorded, or the recorded command is done and the queue is kept */
    SHMQ_RUN_WORKING,  /* the command is running, or was when its supervisor died or was stopped */
    SHMQ_RUN_COMPLETE, /* the command's work is done; its supervisor is about to remove the queue */
};

/*
 * The run record: which command a supervisor was running on the queue. It lets the same command, started again,
 * recognise its own queue. The library does not interpret the numbers.
 */
struct shmq_run {
    size_t size; /* set by SHMQ_RUN_INIT */
    uint64_t command;
    uint64_t inputs;
    uint32_t state;   /* enum shmq_run_state */
    pid_t supervisor; /* pid of the present or last supervisor; for display only; ignored by shmq_set_run */
    bool supervised;  /* a supervisor is alive; ignored by shmq_set_run */
};

/*
 * Reads the run record.
 *
 * @run  .size gives its length; receives the rest
 *
 * Context: any role; at most one system call.
 * Return:  0; -EINVAL, also for an unknown .size; -ECHILD; -EBADMSG.
 */
int shmq_get_run(struct shmq *handle, struct shmq_run *run);

/*
 * Writes the run record.
 *
 * @run  .size gives its length; .command, .inputs and .state are recorded
 *
 * Context: a supervisor's handle.
 * Crash:   dying inside leaves the old record, none, or the new one.
 * Return:  0; -EINVAL, also for another role or an unknown state; -ECHILD.
 */
int shmq_set_run(struct shmq *handle, const struct shmq_run *run);

/*
 * A snapshot of a queue. It is taken without a lock while the queue changes, so each number is right for some
 * moment. Counting reads every message in the queue; shmq_info returns what needs no counting.
 */
struct shmq_stat {
    size_t size; /* set by SHMQ_STAT_INIT */
    uint64_t queue_id;
    uint64_t capacity_bytes; /* of a lane */
    uint64_t max_message_bytes;
    uint32_t lanes;
    uint32_t seats;
    int64_t tick_ns;
    uint64_t object_bytes;   /* claimed size of the object */
    uint64_t reserved_bytes; /* memory that the object occupies */
    uint32_t mode;
    uid_t owner;
    gid_t group;
    uint32_t producers;     /* alive */
    uint32_t consumers;     /* alive */
    uint32_t lanes_used;    /* lanes that were ever used */
    uint32_t unfinished;    /* lanes whose producer died without finishing */
    uint64_t finished;      /* clean ends of producers, over all lanes */
    uint64_t messages;      /* committed and not acknowledged */
    uint64_t message_bytes; /* their payload */
    uint64_t put_messages;  /* committed since creation */
    uint64_t put_bytes;     /* their payload and framing */
    uint32_t sleepers;      /* consumers that asked to be woken */
    uint32_t shut_down;     /* 0, SHMQ_DRAIN or SHMQ_NOW */
    bool removed;
    bool full_fences; /* some process is refused membarrier: every publish costs a fence */
    bool lost;        /* shmq_report_loss was called: something acknowledged is no longer where it was written */
    bool paused;      /* shmq_pause was called, and shmq_resume not since: nothing is handed out */
    uint64_t leased;  /* those of .messages that a consumer has leased or holds, had when it died, or put aside */
    uint32_t aside;   /* messages put aside that no consumer has taken since (shmq_put_aside) */
    int64_t aside_left_ns; /* until the first of them is due; 0: it is due */
    int64_t oldest_ns;   /* how long ago the oldest of .messages was put; -1: there is none, or it is not known */
    uint64_t used_bytes; /* of the lanes in use, in cells */
    uint64_t room_bytes; /* capacity of the lanes in use: those with messages, and those whose producer is alive */
    uint32_t blocked;    /* producers that wait for room */
    uint32_t fill_percent; /* how much of room_bytes is used; 100 also if some producer waits for room */
    /* Counters since creation: the sums of those of lanes and seats, which say more. They only grow. Each is exact
     * while nobody is killed; a kill hides at most what its victim was counting: one each, and of messages those
     * of one batch. */
    uint64_t acknowledged;   /* messages that left the queue: delivered or dropped */
    uint64_t dropped;        /* by shmq_drop, and those counted as SHMQ_COUNT_DROPPED */
    uint64_t refused;        /* puts that gave up because there was no room */
    uint64_t too_long;       /* messages longer than the largest */
    uint64_t full_times;     /* waits for room */
    uint64_t blocked_ns;     /* how long producers waited for room, present waits included */
    uint64_t sleeps;         /* of producers and consumers */
    uint64_t wake_ups;       /* sleeps that a ring ended */
    uint64_t spurious;       /* those of them for nothing */
    uint64_t failed;         /* attempts that failed: shmq_fail */
    uint64_t redelivered;    /* messages */
    uint64_t adopted;        /* batches and held messages taken over from dead consumers */
    uint64_t given_back;     /* batches and held messages that consumers gave back, or closed with */
    uint64_t put_aside;      /* messages, each time */
    uint64_t dead_letters;   /* SHMQ_COUNT_DEAD_LETTERS */
    uint64_t deaths;         /* of producers and consumers with something unfinished, as far as found: each once */
    uint64_t bells_replaced; /* semaphores that did not work and were replaced */
    uint64_t events;         /* recorded so far; the next one has this number (shmq_events) */
    uint64_t high_water_bytes; /* the most that a lane has used at once, as far as seen; .capacity_bytes: full */
    int64_t created_s;         /* when it was created, in seconds since 1970 */
    pid_t creator;             /* for display only */
    bool has_latency;          /* consumers keep the histogram that shmq_latency reads */
    bool copy; /* it is a copy in a file (shmq_open_file): nobody is alive in it, and ages are those at the time of
                  the copy, as far as its content says */
    int64_t saved_s; /* when the copy was made by shmq_save, in seconds since 1970; 0: in another way, or no copy
                      */
    int64_t as_of_s; /* of a copy: from when ages count, in seconds since 1970: .saved_s, or else the latest time
                        in it; 0: not known, or no copy */
    int64_t created_ns;           /* how long ago it was created; -1: not known */
    char name[SHMQ_NAME_MAX + 1]; /* of a copy, that of its queue; "": not known */
};

/* What is known of the owner of a lane or seat in a copy. */
enum shmq_in_copy {
    SHMQ_IN_COPY_NOT = 0, /* it is in no copy: .alive tells */
    SHMQ_IN_COPY_ALIVE,   /* it was alive when shmq_save made the copy */
    SHMQ_IN_COPY_GONE,    /* it was not */
    SHMQ_IN_COPY_UNKNOWN, /* shmq_save has not made the copy, or not from what was whole */
};

struct shmq_lane_stat {
    size_t size; /* set by SHMQ_LANE_STAT_INIT */
    uint32_t lane;
    uint32_t priority;
    bool used;
    bool alive;    /* its owner is alive */
    bool finished; /* its last owner finished */
    pid_t pid;     /* of its last owner; for display only, never for a decision */
    char program[16];
    uint64_t attached; /* owners so far */
    uint64_t finishes; /* clean ends so far */
    uint64_t source_id;
    uint64_t head_position; /* cells */
    uint64_t claim_position;
    uint64_t tail_position;
    uint64_t used_bytes; /* of the capacity */
    uint64_t messages;   /* committed and not acknowledged */
    uint64_t leased;     /* those that a consumer has leased or holds */
    uint64_t put_messages;
    uint64_t put_bytes; /* payload and framing: the length of the lane's stream */
    bool blocked;       /* its producer waits for room; in a copy, it did so unless it had died */
    bool mover;         /* its source moves messages: without an owner, it counts as finished */
    int64_t oldest_ns;  /* how long ago the oldest of .messages was put; -1: there is none, or it is not known */
    uint64_t acknowledged;     /* messages that left the lane: delivered or dropped */
    uint64_t high_water_bytes; /* the most that was used at once, as far as seen */
    int64_t attached_ns;       /* how long ago its last owner took it; -1: unknown */
    int64_t active_ns; /* how long ago its last owner was seen in a call that looks at the clock; -1: unknown */
    int64_t blocked_for_ns; /* how long its producer has waited for room; 0: it does not */
    /*
     * Counters, of all owners. A wait for room is one that outlasts a short spin. When a put times out and the
     * next one begins to wait within 100 ms, both are one wait, and the first is not refused: programs wait in
     * slices. So a put that timed out counts as refused only once the next one looks for room, or the producer
     * leaves; one that did not wait (-EAGAIN) counts at once.
     */
    uint64_t full_times; /* waits for room */
    uint64_t blocked_ns; /* that they took, the present one included, up to its last sleep's end (about a tick) */
    uint64_t sleeps;     /* in such waits; each lasts a tick at most */
    uint64_t wake_ups;   /* those that a ring ended */
    uint64_t spurious;   /* those of these after which there was no room yet */
    uint64_t refused;    /* puts that gave up because there was no room */
    uint64_t too_long;   /* puts of messages longer than the largest, and SHMQ_COUNT_TOO_LONG */
    uint64_t dropped;    /* by shmq_drop, and SHMQ_COUNT_DROPPED */
    uint64_t dead_letters;
    uint64_t bridge[16]; /* as given to shmq_set_bridge: SHMQ_BRIDGE_WORDS */
    uint32_t in_copy;    /* enum shmq_in_copy */
};

struct shmq_seat_stat {
    size_t size; /* set by SHMQ_SEAT_STAT_INIT */
    uint32_t seat;
    bool taken; /* has an owner, or its owner died */
    bool alive;
    /* Sleeps, or did so when the copy was made, until there is a message that it may have: while the queue is
     * paused, until it is resumed; while messages are aside (shmq_stat.aside), also until the first of them is
     * due. */
    bool waiting;
    bool holding; /* a message is in the seat's own buffer */
    pid_t pid;
    char program[16];
    uint32_t lane; /* of the lease, if there is one */
    uint64_t position;
    uint64_t leased; /* messages leased or held and not yet acknowledged */
    uint32_t attempts;
    uint64_t delivered;       /* messages acknowledged by all owners of the seat */
    uint64_t delivered_bytes; /* their payload */
    bool aside;               /* the message in the seat's buffer was put aside, and nobody has taken it since */
    int64_t aside_left_ns;    /* until it is due; 0: it is due */
    int64_t leased_ns;        /* how long ago it took what it has (the batch, within 10 ms); -1: it has nothing */
    int64_t attached_ns;      /* how long ago its last owner took it; -1: unknown */
    int64_t active_ns; /* how long ago its last owner was seen in a call that looks at the clock; -1: unknown */
    /* Counters, of all owners of the seat. What a consumer does for a dead one counts in its own seat. */
    uint64_t sleeps;       /* while waiting; each lasts a tick at most, or long (struct shmq_options.stop) */
    uint64_t wake_ups;     /* those that a ring ended */
    uint64_t spurious;     /* those of these after which there was nothing to take */
    uint64_t failed;       /* attempts: shmq_fail */
    uint64_t redelivered;  /* messages of what it took over from others, or aside, all of which come again */
    uint64_t adopted;      /* batches and held messages taken over from dead consumers */
    uint64_t given_back;   /* batches and held messages: shmq_release, or closing with something leased */
    uint64_t put_aside;    /* messages, each time */
    uint64_t deaths;       /* dead consumers found with something leased; each once, by whoever took that over */
    uint64_t dead_letters; /* SHMQ_COUNT_DEAD_LETTERS */
    uint64_t dropped;      /* SHMQ_COUNT_DROPPED */
    uint64_t too_long;     /* SHMQ_COUNT_TOO_LONG */
    uint64_t bridge[16];   /* as given to shmq_set_bridge: SHMQ_BRIDGE_WORDS */
    uint32_t in_copy;      /* enum shmq_in_copy */
};

/*
 * Takes a snapshot of the queue. Whether it is damaged, shmq_glance tells: this only says so if it cannot count.
 *
 * @stat  .size gives its length; receives the rest; with -EBADMSG, what could be counted
 *
 * Context: any role; the handle's thread; changes nothing; does not read every message.
 * Return:  0; -EBADMSG, -ENOMEM; -EINVAL, also for an unknown .size; -ECHILD.
 */
int shmq_stat(struct shmq *handle, struct shmq_stat *stat);

/*
 * Takes a snapshot of a lane.
 *
 * @lane  its number, less than the queue's lanes
 * @stat  .size gives its length; receives the rest; with -EBADMSG, what could be counted
 *
 * Context: any role; the handle's thread; changes nothing; reads every message of the lane.
 * Return:  0; -EINVAL if there is no such lane, and for an unknown .size; -EBADMSG, -ENOMEM, -ECHILD.
 */
int shmq_stat_lane(struct shmq *handle, uint32_t lane, struct shmq_lane_stat *stat);

/*
 * Takes a snapshot of a seat.
 *
 * @seat  its number, less than the queue's seats
 * @stat  .size gives its length; receives the rest; with -EBADMSG, what is valid
 *
 * Context: any role; the handle's thread; changes nothing.
 * Return:  0; -EINVAL if there is no such seat, and for an unknown .size; -EBADMSG, -ENOMEM, -ECHILD.
 */
int shmq_stat_seat(struct shmq *handle, uint32_t seat, struct shmq_seat_stat *stat);

/* What only the caller knows of; the library counts the rest by itself. */
enum shmq_counter {
    SHMQ_COUNT_DEAD_LETTERS, /* messages that a consumer gave up */
    SHMQ_COUNT_DROPPED,      /* messages that were left out instead of waiting */
    SHMQ_COUNT_TOO_LONG,     /* messages that were too long for the queue, or for where they should go */
};

/*
 * Counts something for the observers of the queue, in the counters of this producer's lane or this consumer's
 * seat.
 *
 * @counter  what
 * @add      how many more
 *
 * Context: producers and consumers; does not block; no system call.
 * Crash:   it is counted or not.
 * Return:  0; -EINVAL for another role or counter; -ECHILD.
 */
int shmq_count(struct shmq *handle, enum shmq_counter counter, uint64_t add);

/* What a bridge to a broker shows of itself; see shmq_set_bridge. */
enum shmq_bridge_word {
    SHMQ_BRIDGE_PRESENT, /* 1: the rest is set */
    SHMQ_BRIDGE_PUBLISHED,
    SHMQ_BRIDGE_ACKNOWLEDGED,
    SHMQ_BRIDGE_DUPLICATES,
    SHMQ_BRIDGE_RESENT,
    SHMQ_BRIDGE_SKIPPED,
    SHMQ_BRIDGE_IN_FLIGHT,
    SHMQ_BRIDGE_RECONNECTS,
    SHMQ_BRIDGE_REFUSED,    /* answers that refused a message, all codes */
    SHMQ_BRIDGE_REFUSAL,    /* the last code */
    SHMQ_BRIDGE_ACKS,       /* times to the acknowledgement that were measured */
    SHMQ_BRIDGE_ACK_SUM_NS, /* their sum */
    SHMQ_BRIDGE_ACK_MAX_NS, /* the longest */
    SHMQ_BRIDGE_CONNECTED,  /* 1: the broker is there */
    SHMQ_BRIDGE_WORDS = 16
};

/*
 * Shows the counters of a bridge to the observers of the queue, in this producer's lane or this consumer's seat.
 *
 * @words  SHMQ_BRIDGE_WORDS, by enum shmq_bridge_word
 *
 * Context: producers and consumers; does not block; no system call.
 * Crash:   some are of before and some of now.
 * Return:  0; -EINVAL for another role; -ECHILD.
 */
int shmq_set_bridge(struct shmq *handle, const uint64_t *words);

/*
 * The histogram of the time in queue: from put to acknowledgement. Bucket i counts messages for which it took
 * shmq_latency_ms(i) milliseconds or more, but less than shmq_latency_ms(i + 1): steps of 1 ms up to 128 ms, then
 * of at most 1.6 %.
 *
 * Put and acknowledgement are told by a clock that advances every few milliseconds (4 ms on most machines), so
 * each time is right within one such tick. The put time of a message between two that carry one is taken to grow
 * evenly. So is the acknowledgement of messages of one batch that were not acknowledged at once, if the batch took
 * longer than a tick; of a consumer with more than 16 batches in a tick, one in 64 that takes long is found. What
 * a consumer has acknowledged is counted in full when it next waits or looks for messages in vain, or closes; a
 * killed one hides what it has acknowledged in the last tick.
 */
#define SHMQ_LATENCY_BUCKETS 1728

/* Returns the lower bound of a bucket, in milliseconds; of bucket SHMQ_LATENCY_BUCKETS, the upper bound of the
 * last one; UINT64_MAX beyond. Context: any; needs no handle. */
uint64_t shmq_latency_ms(uint32_t bucket);

/*
 * Reads the histogram, of all owners of a seat or of all seats.
 *
 * @seat    number of the seat; UINT32_MAX: the sum of all
 * @counts  receives SHMQ_LATENCY_BUCKETS numbers of messages
 *
 * Context: any role; the handle's thread; changes nothing; one system call for each seat.
 * Return:  0; -EINVAL if there is no such seat; -ENODATA if the queue was created without; -ECHILD, -EBADMSG.
 */
int shmq_latency(struct shmq *handle, uint32_t seat, uint64_t *counts);

/*
 * What an event is about. Some come in numbers and are recorded with less: a producer that waits for room once for
 * each wait, an empty queue once a second at most and once a minute while nothing else is recorded, dead letters
 * once a second for each consumer, damage once for each handle and lane or seat.
 */
enum shmq_event_kind {
    SHMQ_EVENT_CREATED = 1,
    SHMQ_EVENT_ATTACHED, /* a producer, consumer or supervisor */
    SHMQ_EVENT_DETACHED, /* .value: 1 if it finished its stream */
    SHMQ_EVENT_DEATH,   /* .party found that .about had died with something unfinished; .value: its pid; 0: unknown
                         */
    SHMQ_EVENT_ADOPTED, /* .party took over the work of .about, which had died; .value: messages */
    SHMQ_EVENT_FINISHED, /* .party finished the lane .about for a producer that had died or left */
    SHMQ_EVENT_FULL,     /* .party has had no room for a second, waiting for it or trying again */
    SHMQ_EVENT_ROOM,     /* it goes on; .value: nanoseconds that it waited */
    SHMQ_EVENT_EMPTY,    /* .party found nothing left; .value: nanoseconds since it had no message any more */
    SHMQ_EVENT_PAUSED,
    SHMQ_EVENT_RESUMED,
    SHMQ_EVENT_SHUT_DOWN, /* .value: SHMQ_DRAIN or SHMQ_NOW */
    SHMQ_EVENT_REMOVED,
    SHMQ_EVENT_DEAD_LETTER,   /* .value: how many were counted since the last such event of .party */
    SHMQ_EVENT_DROPPED,       /* by shmq_drop: .about is the lane, .value the position */
    SHMQ_EVENT_DAMAGE,        /* .party met inconsistent content in the lane or seat .about */
    SHMQ_EVENT_LOSS,          /* shmq_report_loss */
    SHMQ_EVENT_BELL_REPLACED, /* a semaphore did not work and was replaced: that of the lane .about, or of all */
    SHMQ_EVENT_UNREADABLE = 255, /* its writer was killed while it wrote, is still writing, or found no memory */
};

enum shmq_party {
    SHMQ_PARTY_NONE = 0,
    SHMQ_PARTY_PRODUCER, /* numbered by its lane */
    SHMQ_PARTY_CONSUMER, /* numbered by its seat at that time; it moves to another when it puts a message aside */
    SHMQ_PARTY_SUPERVISOR, /* not numbered, like an observer, such as the monitor */
    SHMQ_PARTY_OBSERVER,
};

#define SHMQ_EVENTS_MAX 4096 /* events that are kept */

/* An event of the queue's flight recorder. */
struct shmq_event {
    size_t size;     /* set by the library: later versions append fields, and .size tells which ones exist */
    uint64_t number; /* from 0; they are in order, but two processes may write theirs at the same time */
    uint32_t kind;   /* enum shmq_event_kind */
    uint32_t party;  /* enum shmq_party: who wrote it */
    uint32_t index;  /* its lane or seat */
    pid_t pid;       /* its process */
    uint32_t about_party;
    uint32_t about; /* lane or seat, see the kind */
    uint64_t value; /* see the kind */
    int64_t monotonic_ns;
    int64_t realtime_ns; /* since 1970 */
};

/* Called for each event. Return: 0 to go on; otherwise shmq_events ends with this value. */
typedef int shmq_event_visitor(void *context, const struct shmq_event *event);

/*
 * Visits the last events of the queue, at most SHMQ_EVENTS_MAX, the oldest first. Those that are overwritten
 * meanwhile, or cut off (-EBADMSG), are left out. An event that cannot be read has the kind SHMQ_EVENT_UNREADABLE
 * and a number, and nothing else.
 *
 * @from     number of the first event that is wanted; 0: all that are kept
 * @visit    called for each; may call any function, but must not close the handle
 * @context  passed on to @visit
 *
 * Context: any role; the handle's thread; changes nothing; a system call for 64 events, and one more.
 * Crash:   a process that dies while it records an event leaves that event unreadable, at most.
 * Return:  0; what a visitor returned; -EBADMSG if object or file has another size than the queue, after what is
 *          there was visited; -EINVAL, -ECHILD; other system errors.
 */
int shmq_events(struct shmq *handle, uint64_t from, shmq_event_visitor *visit, void *context);

/* A message in the queue, as shmq_peek saw it. */
struct shmq_peeked {
    size_t size; /* set by the library: later versions append fields, and .size tells which ones exist */
    /* A copy, valid until the visitor returns; shmq_message_headers and shmq_message_id work with it.
     * .redelivered: it was delivered before or is about to be delivered again, as far as that can be seen from
     * outside. */
    const struct shmq_message *message;
    bool taken;       /* a consumer has it, or had it when it died or gave it back; the rest is about its seat */
    bool held;        /* it is in the seat buffer */
    bool alive;       /* a process acts for the seat: its owner, or another that finishes a dead owner's work */
    uint32_t seat;    /* number of the seat */
    pid_t pid;        /* of its last owner; 0: it left; for display only */
    char program[16]; /* likewise */
    bool aside;       /* it was put aside, and nobody has taken it since */
    int64_t aside_left_ns; /* until it is due; 0: it is due */
    uint32_t in_copy;      /* enum shmq_in_copy, of the seat */
};

/* Called for each message. Return: 0 to go on; otherwise shmq_peek ends with this value. */
typedef int shmq_peek_visitor(void *context, const struct shmq_peeked *peeked);

/*
 * Visits the messages of a lane that are not acknowledged, the oldest first, without taking them. There is no
 * order between lanes. Each message is copied whole; one that is acknowledged or overwritten during the copy is
 * left out. On a queue in use, a message that is visited may be gone when the visitor is called.
 *
 * @lane     its number, less than the queue's lanes; a lane that was never used has no messages
 * @visit    called for each; may call any function, but must not close the handle
 * @context  passed on to @visit
 *
 * Context: any role; the handle's thread; changes nothing; one or two system calls for each message, one more for
 *          a message that a consumer has. Allocates room for the longest message visited.
 * Return:  0; what the visitor returned; -EINVAL if there is no such lane; -EBADMSG after visiting what could be
 *          read; -ENOMEM, -ECHILD.
 */
int shmq_peek(struct shmq *handle, uint32_t lane, shmq_peek_visitor *visit, void *context);

/*
 * Verifies every invariant of the layout that an observer can verify, even while the queue is in use.
 *
 * @report   called with a sentence for each violation; may be NULL
 * @context  passed on to @report
 *
 * Context: any role; the handle's thread; changes nothing; takes bounded time.
 * Return:  0 if all hold; -EBADMSG; -ENOMEM if not everything could be checked; -EINVAL, -ECHILD.
 */
int shmq_check(struct shmq *handle, void (*report)(void *context, const char *problem), void *context);

/*
 * Like shmq_check, but in a few milliseconds however many messages there are, for those who look often. It
 * verifies the same, except that of more than 4096 cells (256 KiB) of messages in a row, which are one batch or
 * are not leased, it reads only the records in the first and the last 1024 cells, or a little more, and a few
 * hundred between. What it finds, shmq_check finds.
 *
 * @report   called with a sentence for each violation; may be NULL
 * @context  passed on to @report
 *
 * Context: any role; the handle's thread; changes nothing; takes bounded time.
 * Return:  0 if it finds none; -EBADMSG; -ENOMEM if not everything could be looked at; -EINVAL, -ECHILD.
 */
int shmq_glance(struct shmq *handle, void (*report)(void *context, const char *problem), void *context);

/*
 * Copies the queue into a file for shmq_open_file, while it is in use, without waiting for anybody and without
 * changing anything in it. What is in the copy fits together: shmq_check finds nothing wrong in it if nothing is
 * wrong in the queue, and each message that is in the queue all the time is in the copy exactly once. Messages
 * that are put or acknowledged meanwhile may be in it or not.
 *
 * @fd        of a plain file, open for reading and writing; its content is replaced. It gets the queue's size, but
 *            takes no more room than what is in the queue
 * @as_it_is  copies all bytes that are there, whether they fit together or not: for a queue that is damaged
 *
 * Context: any role; the handle's thread; maps every lane in use; takes as long as copying takes. The caller sees
 *          to it that the file is on disk (fsync), and has its name only when it is complete.
 * Crash:   dying inside leaves the queue as it is, and in the file no copy, or one whose beginning is missing.
 * Return:  0; -EAGAIN if the queue changes too fast to read it, or is damaged in such a way; -EBADMSG if it was
 * cut off, or a lane's positions are impossible; -ENOSPC, -EFBIG about the file; -EINVAL, also if it is not a
 *          plain file; -ENOMEM, -ECHILD, other system errors.
 */
int shmq_save(struct shmq *handle, int fd, bool as_it_is);

/*
 * Removes a queue: the object and its semaphores. Processes that have it open get -ESTALE.
 *
 * @name   of the queue
 * @force  also remove it while others are attached, with messages in it, or if it is damaged or not a queue
 *
 * Context: any thread; waits while another process is creating or removing the queue, 10 s at most (then -EBUSY).
 * Crash:   dying inside leaves either the working queue or nothing.
 * Return:  0; -ENOENT, -EBUSY if others are attached, -ENOTEMPTY if messages are in it, -EBADMSG, -EPROTO,
 *          -EPERM, -EACCES, -EROFS, -EINVAL, -ENAMETOOLONG, -ENOMEM, -EMFILE, -ENOSYS, other system errors.
 */
int shmq_remove(const char *name, bool force);

/* A queue, or another object that has a queue's name. */
struct shmq_listed {
    size_t size;      /* set by the library: later versions append fields, and .size tells which ones exist */
    const char *name; /* valid until the visitor returns */
    uid_t owner;      /* of the object */
    gid_t group;
    uint32_t mode; /* permission bits */
    int error;     /* 0 if this process can open it as an observer; otherwise why not */
};

/* Called for each queue; may call any function. Return: 0 to go on; otherwise the walk ends with this value. */
typedef int shmq_list_visitor(void *context, const struct shmq_listed *queue);

/*
 * Visits all visible queues of this host, in no particular order, including damaged ones and those of other users.
 *
 * @visit    called for each
 * @context  passed on to @visit
 *
 * Context: any thread; opens each queue as an observer; waits while another process is creating or removing it,
 *          0.1 s at most (.error is then -EBUSY). A queue that comes or goes meanwhile may be visited or not.
 * Return:  0; what a visitor returned; -EINVAL, -ENOSYS, -EACCES, -EMFILE, -ENOMEM, other system errors.
 */
int shmq_list(shmq_list_visitor *visit, void *context);

/* Returns 0 if @name is a valid queue name; -EINVAL, -ENAMETOOLONG. */
int shmq_name_check(const char *name);

/*
 * Writes the id of a message, QUEUE-LANE-POSITION. It is the same at every delivery.
 *
 * @text  SHMQ_ID_SIZE bytes
 */
void shmq_message_id(const struct shmq *handle, const struct shmq_message *message, char *text);

/* Returns what a code of this library means and what to do about it; never NULL; @code may have either sign. */
const char *shmq_strerror(int code);

/* Returns SHMQ_VERSION_STRING of the library in use. */
const char *shmq_version(void);

#ifdef __cplusplus
}

template <typename sized> inline sized shmq_sized_init(void)
{
    sized all = sized();
    all.size = sizeof(all);
    return all;
}

inline struct shmq_options shmq_options_init(void)
{
    struct shmq_options all = shmq_sized_init<struct shmq_options>();
    all.group = SHMQ_GROUP_ANY;
    all.priority = SHMQ_PRIORITY_DEFAULT;
    all.grace_ns = SHMQ_GRACE_DEFAULT_NS;
    all.attach_wait_ns = SHMQ_ATTACH_WAIT_DEFAULT_NS;
    return all;
}

inline struct shmq_aside shmq_aside_init(void)
{
    struct shmq_aside all = shmq_sized_init<struct shmq_aside>();
    all.most = UINT32_MAX;
    return all;
}

#define SHMQ_OPTIONS_INIT shmq_options_init()
#define SHMQ_OUTGOING_INIT shmq_sized_init<struct shmq_outgoing>()
#define SHMQ_ASIDE_INIT shmq_aside_init()
#define SHMQ_INFO_INIT shmq_sized_init<struct shmq_info>()
#define SHMQ_RUN_INIT shmq_sized_init<struct shmq_run>()
#define SHMQ_STAT_INIT shmq_sized_init<struct shmq_stat>()
#define SHMQ_LANE_STAT_INIT shmq_sized_init<struct shmq_lane_stat>()
#define SHMQ_SEAT_STAT_INIT shmq_sized_init<struct shmq_seat_stat>()
#else
/* clang-format off */
/* Designators, to be continued: {SHMQ_OPTIONS_DEFAULTS, .create = true}. */
#define SHMQ_OPTIONS_DEFAULTS \
    .size = sizeof(struct shmq_options), .group = SHMQ_GROUP_ANY, .priority = SHMQ_PRIORITY_DEFAULT, \
    .grace_ns = SHMQ_GRACE_DEFAULT_NS, .attach_wait_ns = SHMQ_ATTACH_WAIT_DEFAULT_NS

#define SHMQ_OPTIONS_INIT {SHMQ_OPTIONS_DEFAULTS}
#define SHMQ_OUTGOING_INIT {.size = sizeof(struct shmq_outgoing)}
#define SHMQ_ASIDE_INIT {.size = sizeof(struct shmq_aside), .most = UINT32_MAX}
#define SHMQ_INFO_INIT {.size = sizeof(struct shmq_info)}
#define SHMQ_RUN_INIT {.size = sizeof(struct shmq_run)}
#define SHMQ_STAT_INIT {.size = sizeof(struct shmq_stat)}
#define SHMQ_LANE_STAT_INIT {.size = sizeof(struct shmq_lane_stat)}
#define SHMQ_SEAT_STAT_INIT {.size = sizeof(struct shmq_seat_stat)}
/* clang-format on */
#endif

#endif
