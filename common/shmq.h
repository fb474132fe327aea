/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_H
#define SHMQ_H

/*
 * shmq: a crash-safe producer/consumer queue for the processes of one Linux host.
 *
 * A queue is one POSIX shared-memory object, /shmq.NAME, and named semaphores that only ring.
 * Every producer owns a lane (a ring of its own) in it; every consumer owns a seat.
 *
 * What to know before using it:
 *  - A message whose put or commit returned 0 is delivered, to one consumer at a time. It is delivered again
 *    only if that consumer died, or left, before it acknowledged it: at least once, never less. shmq_get, which
 *    acknowledges before it returns, is the exception: a consumer killed then takes its last message along.
 *  - Order is kept for each producer. None is promised between producers.
 *  - A handle belongs to one thread at a time; threads open a handle each. A handle is refused (-ECHILD) in a
 *    forked child: open one there.
 *  - Payload pointers handed out (shmq_reserve, shmq_lease) point into the queue itself: they end with the
 *    next commit or acknowledge, and a reader never writes through them.
 *  - The queue outlives its processes, not the machine. Whoever may write the object may damage its content;
 *    the others then report -EBADMSG. Whoever may truncate it can raise SIGBUS: the mode (0600) is the guard.
 *  - Linux on 64-bit only.
 *
 * Every function returns 0 or a negative errno; a code means the same everywhere:
 *
 *  -EAGAIN      nothing to take, or no room, and the caller would not wait
 *  -ETIMEDOUT   the same, after the caller's time had passed
 *  -EINTR       the caller's stop flag was set (struct shmq_options.stop), or shmq_interrupt was called
 *  -ENODATA     end of stream: producers have come, all have finished, everything is acknowledged
 *  -EOWNERDEAD  end of stream, but a producer died unfinished and nobody took up its lane
 *  -ESHUTDOWN   the queue was shut down, or this producer has finished; a put that was under way at that
 *               moment may be delivered nevertheless
 *  -ESTALE      the queue was removed, or the name now means another one
 *  -EBADMSG     the content is damaged, or the object is no queue
 *  -EPROTO      a queue of another version or layout
 *  -EMSGSIZE    longer than the queue's largest message
 *  -ENOBUFS     the caller's buffer is smaller than the message, which stays where it is
 *  -ENOSPC      /dev/shm has no room
 *  -EUSERS      all lanes, or all seats, are taken
 *  -EEXIST      the queue exists with other sizes than asked for
 *  -EBUSY       in use by others, supervised by another, or this handle still has messages leased
 *  -ENOTEMPTY   not removed: messages are in it
 *  -EALREADY    nothing to finish: the lane was never used, or is finished
 *  -EOVERFLOW   the lane's positions are used up (after 2^57 cells, at the default sizes)
 *  -ENOENT      no queue of that name
 *  -EPERM       the object belongs to somebody else, anybody may write it, or it is not a plain file
 *  -EACCES      permission denied
 *  -EROFS       /dev/shm is mounted read-only
 *  -EINVAL      an argument makes no sense, or the role does not allow the call
 *  -ENAMETOOLONG  name longer than SHMQ_NAME_MAX
 *  -ECHILD      the handle was opened before a fork
 *  -ENOMEM      no memory, or no address space, to map something
 *  -EMFILE      this process has too many files open
 *  -EFBIG       the queue would be larger than a file may be (RLIMIT_FSIZE)
 *  -ENOSYS      there is no /dev/shm
 *  others       an error of a system call, passed on
 *
 * The Return list of each function is complete; "other system errors" in it stands for these others.
 *
 * Timeouts are in nanoseconds on the monotonic clock; negative waits for ever, 0 does not wait.
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

#define SHMQ_NAME_MAX 200      /* characters of a queue's name */
#define SHMQ_LANES_MAX 1024    /* lanes of a queue */
#define SHMQ_SEATS_MAX 1024    /* seats of a queue */
#define SHMQ_PREFETCH_MAX 4096 /* messages of one lease */
#define SHMQ_PRIORITIES 8      /* 0 is served first */
#define SHMQ_PRIORITY_DEFAULT 4
#define SHMQ_NOTE_MAX 64 /* bytes of a source's note */
#define SHMQ_ID_SIZE 48  /* bytes of a message id as text, with its NUL */
#define SHMQ_FOREVER ((int64_t)-1)
#define SHMQ_GROUP_ANY ((gid_t)-1) /* the creator's group, or whichever the queue has */
#define SHMQ_GRACE_DEFAULT_NS ((int64_t)5000000000)
#define SHMQ_ATTACH_WAIT_DEFAULT_NS ((int64_t)100000000)

struct shmq;

enum shmq_role {
    SHMQ_PRODUCER = 1, /* owns a lane; may put */
    SHMQ_CONSUMER,     /* owns a seat; may get */
    SHMQ_OBSERVER,     /* owns nothing, changes nothing; reads statistics */
    SHMQ_SUPERVISOR,   /* starts and ends the others' processes: one at a time; reads statistics, keeps the run
                          record */
};

/*
 * Options of shmq_create and shmq_open. Initialise it with SHMQ_OPTIONS_INIT, then set what differs.
 *
 * This is so of all structs that begin with .size: the caller initialises them with their macro (SHMQ_INFO_INIT,
 * SHMQ_STAT_INIT, ...), which sets .size to what its header says. Later versions append fields, and nothing else:
 * the library neither reads nor writes beyond .size, so callers built with an earlier header keep working. A .size
 * that this library does not know is -EINVAL: less than the first version's, or more than its own; options may be
 * longer if what is behind is all zero.
 */
struct shmq_options {
    size_t size; /* set by SHMQ_OPTIONS_INIT */

    /* What a queue is made with; given and different from what exists is -EEXIST. 0 is not given: the default. */
    uint64_t capacity_bytes;    /* a lane; a power of two from 4 KiB to 64 GiB, others are rounded up; 8 MiB */
    uint64_t max_message_bytes; /* at most the capacity; a quarter of it */
    uint32_t lanes;             /* 1..SHMQ_LANES_MAX; 64 */
    uint32_t seats;             /* 1..SHMQ_SEATS_MAX; 64 */
    uint32_t mode;              /* permission bits of the object; 0600 */
    gid_t group;                /* group of the object; SHMQ_GROUP_ANY: not given */
    int64_t tick_ns;            /* longest sleep between two looks; 1 ms to 10 s; 50 ms */

    /* What this handle does. */
    bool create;           /* shmq_open: make the queue if there is none */
    bool follow;           /* consumer: the end of all producers is no end of stream */
    uint32_t priority;     /* producer: of its lane, 0 to SHMQ_PRIORITIES - 1; SHMQ_PRIORITY_DEFAULT */
    uint32_t prefetch;     /* consumer: messages of one lease at the most; 0: 256 */
    uint32_t producers;    /* consumer: the stream does not end before so many have finished; 0 is the same as 1 */
    uint64_t source_id;    /* producer: identity of its source, to resume it (shmq_resume_offset); 0: none */
    uint64_t source_group; /* producer: identity of what its source is a part of (shmq_source_whole); 0: none */
    uint64_t source_part;  /* with source_group: which part it is, from 1; the same for nobody else */
    uint64_t source_size;  /* with source_group: what shmq_source_whole tells if this part is the first */
    uint64_t source_check; /* likewise */
    /* consumer: how long a dead producer's lane may be taken up again before the stream ends without it; 0: not at
     * all; negative: for ever; SHMQ_GRACE_DEFAULT_NS, 5 s */
    int64_t grace_ns;
    /* producer, consumer: how long shmq_open waits while all lanes or all seats are taken; 0: it looks once;
     * negative: for ever; SHMQ_ATTACH_WAIT_DEFAULT_NS, 100 ms. Somebody else may be looking at a dead one's lane
     * or seat for a moment, and a killed owner's lock may be about to go. */
    int64_t attach_wait_ns;
    /*
     * Not 0: waiting calls end with -EINTR, once they look. They look before and after each sleep, and a sleep
     * takes a tick at the most; that of a consumer beside others, of a queue in which nothing has happened for 40
     * ticks, 64 ticks or 4 s, whichever is less. A signal handler that sets it, installed without SA_RESTART, ends
     * the sleep that it interrupts, but comes too early for one that is just about to begin. shmq_interrupt has no
     * such gaps.
     */
    const volatile int *stop;
};

/* How a message stood in its source, so that a sink can rebuild the stream byte for byte. */
enum shmq_frame {
    SHMQ_FRAME_NONE = 0,  /* the payload alone */
    SHMQ_FRAME_DELIMITER, /* the payload, then one delimiter byte */
    SHMQ_FRAME_LENGTH32,  /* a 32-bit big-endian length, then the payload */
};

/* One delivered message. */
struct shmq_message {
    const void *data;       /* the payload, 64-byte aligned, in the queue itself; read-only */
    size_t length;          /* bytes */
    uint64_t position;      /* cell of its lane at which it stands; only grows */
    uint64_t stream_offset; /* bytes of the lane's stream before it, framing included */
    uint32_t lane;          /* its producer's lane */
    uint32_t attempts;      /* deliveries before this one that ended in death or in shmq_fail */
    uint8_t frame;          /* enum shmq_frame */
    uint8_t delimiter;      /* of SHMQ_FRAME_DELIMITER */
    bool redelivered;       /* was delivered before, to somebody who did not acknowledge it */
};

/*
 * Makes the queue, or confirms that it exists with the sizes asked for.
 *
 * @name     1..SHMQ_NAME_MAX letters, digits, '.', '_' or '-'
 * @options  sizes and permissions; NULL for all defaults
 *
 * Context: any; waits while another process is creating or removing it, 10 s at most (then -EBUSY).
 * Crash:   dying inside leaves an object that is not ready; the next opener that wants one completes it.
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
 * Context: any thread; waits while another process is creating or removing the queue, 10 s at most, while other
 *          producers with a source or a part of one choose their lanes, 10 s at most, for a lane whose owner has
 *          just died, 1 s at most, and while all lanes or seats are taken, as .attach_wait_ns says, looking every
 *          50 ms at least.
 * Crash:   dying inside leaves at most a lane or seat that looks as if its owner had died.
 * Return:  0; -ENOENT without .create; -EUSERS when all lanes or seats were taken for so long; -EINTR when .stop
 *          was set meanwhile; -ESHUTDOWN when all lanes are taken and the queue is shut down; -EBUSY when a
 *          supervisor is there already, when somebody alive puts the same source, and after 10 s; -EEXIST,
 *          -EINVAL, -ENAMETOOLONG, -ENOSPC, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -ENOMEM, -EMFILE,
 *          -EFBIG, -ENOSYS, other system errors.
 */
int shmq_open(struct shmq **handle, const char *name, enum shmq_role role, const struct shmq_options *options);

/*
 * Detaches. A producer's lane is marked finished; messages that a consumer holds go to another.
 *
 * @handle   from shmq_open; NULL is allowed; not valid afterwards
 *
 * Context: the handle's thread; does not block.
 * Crash:   dying inside leaves a producer's lane either finished or unfinished, and what a consumer holds to
 *          another.
 * Return:  0; -ESTALE when the queue had been removed meanwhile, so that what was put is gone (the handle is
 *          closed all the same); -EINVAL when it is no handle; -ECHILD.
 */
int shmq_close(struct shmq *handle);

/*
 * Detaches as a crash would: a producer's lane is left unfinished, to be taken up again.
 *
 * @handle   from shmq_open; NULL is allowed; not valid afterwards
 *
 * Context: the handle's thread; does not block.
 */
void shmq_abandon(struct shmq *handle);

/*
 * Detaches as if it had not come: a producer that has put nothing leaves its lane finished, or unfinished, as it
 * found it. After a put, and for the other roles, the same as shmq_abandon.
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
 * @data        @length bytes; may be NULL when @length is 0
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
 * Copies several messages, publishing them together as far as there is room.
 *
 * @messages    @count payloads
 * @done        receives how many were published, also on failure; may be NULL
 * @timeout_ns  how long to wait for room, in all
 *
 * Context:  the handle's thread. No system call unless the lane is full or a consumer sleeps. Messages are
 *           published in portions, and each portion wakes as many consumers as it has messages.
 * Ordering: P1, release of the lane's tail, for each portion; pairs with C1 in shmq_lease.
 * Crash:    dying inside leaves a number of whole messages, from the first.
 * Return:   0 when all are published; -EMSGSIZE or -EINVAL before the message that is too long or has no
 *           address; -EAGAIN, -ETIMEDOUT, -EINTR, -ESHUTDOWN, -ESTALE, -EBADMSG, -EOVERFLOW, -ECHILD.
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
 * Crash:   leaves nothing.
 * Return:  0; -EAGAIN, -ETIMEDOUT, -EINTR, -EMSGSIZE, -ESHUTDOWN, -ESTALE, -EBADMSG, -EOVERFLOW, -EINVAL,
 *          -ECHILD.
 */
int shmq_reserve(struct shmq *handle, size_t length, void **payload, int64_t timeout_ns);

/*
 * Publishes the message that was reserved.
 *
 * @length   bytes that are valid; at most what was reserved
 *
 * Context:  the handle's thread; does not block. No system call unless a consumer sleeps.
 * Ordering: P1, release of the lane's tail; pairs with C1 in shmq_lease.
 * Crash:    dying inside leaves either nothing or the whole message.
 * Return:   0; -EINVAL without a reservation or for a longer length; -ESHUTDOWN, -ESTALE, -ECHILD.
 */
int shmq_commit(struct shmq *handle, size_t length);

/*
 * Says how the following messages are framed in the source (kept with each; counts in its stream offset).
 *
 * @frame      SHMQ_FRAME_NONE until this is called
 * @delimiter  of SHMQ_FRAME_DELIMITER; else ignored
 *
 * Context: the handle's thread; does not block.
 * Return:  0; -EINVAL, -ECHILD.
 */
int shmq_set_frame(struct shmq *handle, enum shmq_frame frame, uint8_t delimiter);

/*
 * Tells how much of this source earlier owners of the lane have committed.
 *
 * @offset   receives bytes of the source, framing included; 0 for a source not seen before
 *
 * Context: the handle's thread; does not block.
 * Return:  0; -EINVAL without a source_id; -EBADMSG, -ECHILD.
 */
int shmq_resume_offset(struct shmq *handle, uint64_t *offset);

/*
 * Tells what all parts of a source (struct shmq_options.source_group) go by: what the first of them said of the
 * whole. That stays so as long as one of them is unfinished, and later as long as a lane keeps it. Only a part
 * without a source_id that comes a second time, when all are finished, begins the whole anew, with what it says
 * itself.
 *
 * @size   receives source_size of the first
 * @check  receives source_check of the first
 *
 * Context: the handle's thread; does not block.
 * Return:  0; -EINVAL without a source_group; -ECHILD.
 */
int shmq_source_whole(struct shmq *handle, uint64_t *size, uint64_t *check);

/*
 * Keeps a note with the source, for whoever resumes it: for example, by what it can be recognised. It takes the
 * place of the one before. Another source that takes the lane finds none.
 *
 * @note    @length bytes; may be NULL when @length is 0
 * @length  at most SHMQ_NOTE_MAX; 0 is no note
 *
 * Context: the handle's thread; no system call.
 * Crash:   dying inside leaves either the note before or this one.
 * Return:  0; -EINVAL without a source_id, or for a longer note; -ECHILD.
 */
int shmq_set_source_note(struct shmq *handle, const void *note, size_t length);

/*
 * Tells the note that this or an earlier owner of the lane has kept with the source.
 *
 * @note    receives it; SHMQ_NOTE_MAX bytes, of which those behind it are not defined
 * @length  receives its length; 0: there is none
 *
 * Context: the handle's thread; no system call.
 * Return:  0; -EINVAL without a source_id; -EBADMSG, -ECHILD.
 */
int shmq_source_note(struct shmq *handle, void *note, size_t *length);

/*
 * Marks this producer's stream as complete. Further puts are refused; shmq_close does this too.
 *
 * Context: the handle's thread; does not block; wakes the consumers.
 * Crash:   dying inside leaves the lane either finished or unfinished.
 * Return:  0; -ESTALE when the queue had been removed, so that nobody will get what is in it; -EINVAL, -ECHILD.
 */
int shmq_finish(struct shmq *handle);

/* ------------------------------------------------------------------ consumers */

/*
 * Takes one message: copies it out and acknowledges it.
 *
 * @buffer      receives the payload
 * @size        bytes of @buffer
 * @length      receives the payload's length, also with -ENOBUFS
 * @timeout_ns  how long to wait for a message
 *
 * Context:  the handle's thread. No system call unless there is nothing to take or a producer sleeps.
 * Ordering: C1, acquire of the lane's tail; pairs with P1 in shmq_put.
 * Crash:    at most once: dying before the acknowledgement inside leaves the message to another consumer; dying
 *           just after it, even before this returns, leaves it to nobody. Where that matters, use shmq_lease,
 *           and shmq_acknowledge once the message is dealt with.
 * Return:   0; -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA, -EOWNERDEAD, -ESHUTDOWN, -ESTALE, -EBADMSG, -ENOBUFS,
 *           -EBUSY when leased messages are not acknowledged, -EINVAL, -ECHILD; when it takes over what a dead
 *           consumer held, also -ENOMEM, -ENOSPC, other system errors.
 */
int shmq_get(struct shmq *handle, void *buffer, size_t size, size_t *length, int64_t timeout_ns);

/*
 * Leases the next message, in place. Several may be held; all are of one batch (options.prefetch).
 *
 * @message     receives it; valid until it is acknowledged
 * @timeout_ns  how long to wait for one
 *
 * Context:  the handle's thread. No system call unless there is nothing to take.
 * Ordering: C1, acquire of the lane's tail; pairs with P1 in shmq_put.
 * Crash:    dying while it is held leaves it to another consumer, from the first unacknowledged one.
 * Return:   0; -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA, -EOWNERDEAD, -ESHUTDOWN, -ESTALE, -EBADMSG, -EBUSY when
 *           the batch is handed out and has to be acknowledged first, -EINVAL, -ECHILD; when it takes over what
 *           a dead consumer held, also -ENOMEM, -ENOSPC, other system errors.
 */
int shmq_lease(struct shmq *handle, struct shmq_message *message, int64_t timeout_ns);

/*
 * Leases several messages of one batch.
 *
 * @messages    receives up to @max of them
 * @count       receives how many, at least 1 on success
 * @timeout_ns  how long to wait for the first
 *
 * Context:  the handle's thread. No system call unless there is nothing to take.
 * Ordering: C1, acquire of the lane's tail; pairs with P1 in shmq_put.
 * Crash:    dying while they are held leaves them to another consumer, from the first unacknowledged one.
 * Return:   0; -EAGAIN, -ETIMEDOUT, -EINTR, -ENODATA, -EOWNERDEAD, -ESHUTDOWN, -ESTALE, -EBADMSG, -EBUSY when
 *           the batch is handed out and has to be acknowledged first, -EINVAL, -ECHILD; when it takes over what
 *           a dead consumer held, also -ENOMEM, -ENOSPC, other system errors.
 */
int shmq_lease_many(struct shmq *handle, struct shmq_message *messages, size_t max, size_t *count,
                    int64_t timeout_ns);

/*
 * Acknowledges the @count oldest messages held: they are done and will not come again.
 *
 * @count  messages; 0 is allowed
 *
 * Context:  the handle's thread; does not block; wakes a producer that waits for the room.
 * Ordering: A1, sequentially consistent exchange of the lease word; pairs with P2, acquire of head.
 * Crash:    dying inside leaves each of them either done or to be delivered again.
 * Return:   0; -EINVAL when fewer are held; -EBADMSG when the batch is, by what is in memory, not this
 *           consumer's (they may then come again); -ECHILD.
 */
int shmq_acknowledge(struct shmq *handle, size_t count);

/*
 * Moves the one message held into the seat's own buffer, so that slow work on it does not hold up the ring.
 *
 * @message   the message as leased; receives its new address
 *
 * Context: the handle's thread; the message must be the last of its batch; does not block.
 * Crash:   the message is in exactly one place for whoever takes over.
 * Return:  0, also when it is there already; -EBUSY when it is not the only one held or more of its batch are
 *          to come; -EINVAL when none is held; -ENOSPC, -ENOMEM, -EBADMSG, other system errors, with the
 *          message where it was; -ECHILD.
 */
int shmq_hold(struct shmq *handle, struct shmq_message *message);

/*
 * Counts a failed attempt at the oldest message held, which stays held.
 *
 * @attempts  receives the attempts so far; may be NULL
 *
 * Context: the handle's thread; does not block.
 * Crash:   the count is kept with the message.
 * Return:  0; -EINVAL when none is held; -ECHILD.
 */
int shmq_fail(struct shmq *handle, uint32_t *attempts);

/*
 * Gives the oldest message held back at once, and no attempt is counted. A batch is leased as a whole and comes in
 * its order, so the rest of it goes along, handed out or not; what of it was acknowledged stays so. It comes again
 * from this message on, to whichever consumer takes it first, which may be this one. Nothing is held afterwards:
 * the addresses of its messages are no longer valid.
 *
 * Context: the handle's thread; does not block; wakes a consumer. It goes on in another seat, so one has to be
 *          free, unless the messages were a dead consumer's.
 * Crash:   dying inside leaves the messages to another consumer; an attempt may be counted.
 * Return:  0; -EINVAL when none is held; -EUSERS when all seats are taken, and -EBUSY while this handle has a
 *          write intent pending: they stay held; -ECHILD, other system errors.
 */
int shmq_release(struct shmq *handle);

/*
 * Write intents: how a consumer that appends to a file takes back what a dead one left half-written there.
 *
 * Before it writes, a consumer notes in its seat which bytes of which file it is about to write, and for which
 * messages. It locks the file before that and unlocks it after the note is cleared, so whoever holds the lock and
 * finds a note that names the file knows that its writer died in between (the kernel dropped its lock), or gave
 * up. The order is: lock the file, shmq_visit_write_intents, set, write, acknowledge, clear, unlock.
 */
struct shmq_write_intent {
    uint64_t device; /* of the file: st_dev and st_ino */
    uint64_t inode;
    uint64_t offset; /* byte of the file at which the write begins */
    uint64_t bytes;  /* that it writes at the most; not 0 */
    uint64_t format; /* the caller's: how it frames messages; compared by whoever takes the bytes back */
    uint32_t count;  /* messages that it writes, from the oldest one held on; not 0 */
};

/*
 * Notes in this consumer's seat what it is about to write. Replaces an earlier note, also one that the seat's last
 * owner left: visit those of the file first.
 *
 * @intent  what; NULL: nothing is under way any more (clears what this handle has set, and nothing else)
 *
 * Context:  the handle's thread, which holds an exclusive lock on the file; no system call.
 * Ordering: the caller's lock on the file; the note is published whole, by release.
 * Crash:    dying inside leaves either the whole note or none.
 * Return:   0; -EINVAL for an intent without sense or with more messages than are held, or in another role;
 *           -ECHILD.
 */
int shmq_set_write_intent(struct shmq *handle, const struct shmq_write_intent *intent);

/*
 * Called for a write intent whose writer died. May be called again for the same one, if its caller dies too: what
 * it does to the file must allow that.
 *
 * @messages  the @count messages that were being written, as shmq_lease would give them; NULL and 0 where they are
 *            no longer to be had (acknowledged by somebody, or damaged). Valid until it returns, and only as long
 *            as shmq_intent_holds says so.
 *
 * Context: may call shmq_intent_holds, and no other function of this handle.
 * Return:  0: settled, the intent is cleared; else it stays, and the walk ends with this value.
 */
typedef int shmq_intent_visitor(void *context, const struct shmq_write_intent *intent,
                                const struct shmq_message *messages, size_t count);

/*
 * Visits the write intents that are pending for a file, also what this handle or an earlier owner of its seat
 * left.
 *
 * @device   of the file: st_dev
 * @inode    of the file: st_ino
 * @visit    called for each
 * @context  passed on to @visit
 *
 * Context: the handle's thread, which holds an exclusive lock on the file. One load a seat and no system call
 *          where nothing is pending for it.
 * Crash:   an intent stays until its visitor has returned 0.
 * Return:  0; what a visitor returned; -EBADMSG for an intent that makes no sense; -EINVAL in another role and
 *          from inside a visitor; -ENOMEM, -ENOSPC, -ECHILD, other system errors.
 */
int shmq_visit_write_intents(struct shmq *handle, uint64_t device, uint64_t inode, shmq_intent_visitor *visit,
                             void *context);

/*
 * Tells a visitor whether the messages that it was given are still theirs whom they came from. What was read from
 * them before this said true was right. If it says false, they were acknowledged or moved meanwhile, and what was
 * read may be something else: return -EAGAIN, leave the file as it is, and visit again.
 *
 * Context: a visitor; a few loads.
 * Return:  true; false also outside a visitor, and where there were no messages.
 */
bool shmq_intent_holds(const struct shmq *handle);

/* ------------------------------------------------------------------ everybody */

enum shmq_shutdown_how {
    SHMQ_DRAIN = 1, /* no more puts; what is committed is still delivered */
    SHMQ_NOW = 2,   /* no more puts or gets; what is committed stays */
};

/*
 * Shuts the queue down for everybody.
 *
 * @name  of the queue
 * @how   whether what is committed is still delivered
 *
 * Context: any; wakes everybody; waits while another process is creating or removing the queue, 10 s at most
 *          (then -EBUSY).
 * Crash:   dying inside leaves the queue open or shut; who waits notices within a tick.
 * Return:  0; -ENOENT, -EINVAL, -ENAMETOOLONG, -EPERM, -EACCES, -EROFS, -EBADMSG, -EPROTO, -EBUSY, -ENOMEM,
 *          -EMFILE, -ENOSYS, other system errors.
 */
int shmq_shutdown(const char *name, enum shmq_shutdown_how how);

/*
 * Finishes the stream of a dead producer that left its lane unfinished, so that consumers can come to its end.
 *
 * @name  of the queue
 * @lane  number of the lane (struct shmq_lane_stat), less than the queue's lanes
 *
 * What was committed is still delivered, whatever the lane's priority. What the lane knows of a source is kept:
 * its producer may come back with the same .source_id, goes on where it was, and has to finish anew.
 *
 * Context: any; waits 100 ms at most for a lock that is about to go; wakes the consumers. No living producer is
 *          touched, and none can take the lane meanwhile: its byte is held.
 * Crash:   dying inside leaves the lane either finished, and counted once, or unfinished.
 * Return:  0; -EALREADY when the lane is finished or was never used; -EBUSY when its producer lives; -EINVAL
 *          when there is no such lane; -ENOENT, -ENAMETOOLONG, -ESTALE, -EPERM, -EACCES, -EROFS, -EBADMSG,
 *          -EPROTO, -ENOMEM, -EMFILE, -ENOSYS, other system errors.
 */
int shmq_finish_lane(const char *name, uint32_t lane);

/*
 * Ends a wait of this handle: for room, for a message, in shmq_join. The wait under way returns -EINTR at once,
 * whether it spins or sleeps, and for however long it would have slept; if there is none, the next call that would
 * wait does, unless its timeout is 0. A wait that gets what it waits for at the same moment returns that, and the
 * interrupt stays for the next. One ends one wait; several before it ends count as one.
 *
 * Context: any thread, and signal handlers: no lock, no allocation, errno stays as it was. Not while the handle is
 *          being closed. One or two system calls where the owner sleeps.
 * Crash:   changes no message; other consumers may be woken for nothing for a moment.
 * Return:  0; -EINVAL, -ECHILD.
 */
int shmq_interrupt(struct shmq *handle);

/*
 * Waits until every committed message is acknowledged.
 *
 * @timeout_ns  how long
 *
 * Context: any role; the handle's thread; looks every tick.
 * Return:  0; -EAGAIN, -ETIMEDOUT, -EINTR, -ESTALE, -EBADMSG, -ENOMEM, -EINVAL, -ECHILD.
 */
int shmq_join(struct shmq *handle, int64_t timeout_ns);

/*
 * Says, for good, that something that was acknowledged is no longer where it was written: a sink's file was
 * removed, replaced or cut short. Nobody can repair that; everybody can see it (struct shmq_stat.lost).
 *
 * Context: producers and consumers; does not block.
 * Crash:   dying inside leaves it said or not.
 * Return:  0; -EINVAL for an observer, -ECHILD.
 */
int shmq_report_loss(struct shmq *handle);

/* What is known of a queue without counting anything. */
struct shmq_info {
    size_t size; /* set by SHMQ_INFO_INIT */
    uint64_t queue_id;
    uint64_t capacity_bytes; /* of a lane */
    uint64_t max_message_bytes;
    uint64_t object_bytes; /* claimed size of the object */
    int64_t tick_ns;
    uint32_t lanes;
    uint32_t seats;
    uint32_t mode; /* as at the opening, like owner and group */
    uid_t owner;
    gid_t group;
    uint32_t shut_down; /* 0, SHMQ_DRAIN or SHMQ_NOW */
    bool removed;
    bool full_fences; /* membarrier is refused to somebody: every publish pays a fence */
    bool lost;        /* shmq_report_loss was called: something acknowledged is no longer where it was written */
};

/*
 * Fills in what is known of the queue without a look at its lanes, however many messages wait in them.
 *
 * @info  .size says how long it is; nothing is written beyond it
 *
 * Context: any role; two system calls at the most; maps nothing.
 * Return:  0; -EINVAL, also for a .size that is none of a version up to this one; -ECHILD.
 */
int shmq_info(struct shmq *handle, struct shmq_info *info);

enum shmq_run_state {
    SHMQ_RUN_NONE = 0, /* no supervisor has recorded anything, or its command is done and the queue is kept */
    SHMQ_RUN_WORKING,  /* its command is at work, or was when it died or was stopped */
    SHMQ_RUN_COMPLETE, /* all that it was to do is done; it is about to remove the queue */
};

/*
 * The run record: which command a supervisor had at work on the queue, so that the same command, started again,
 * knows what is its own. What the numbers stand for is the supervisor's affair.
 */
struct shmq_run {
    size_t size; /* set by SHMQ_RUN_INIT */
    uint64_t command;
    uint64_t inputs;
    uint32_t state;   /* enum shmq_run_state */
    pid_t supervisor; /* of the present or last supervisor; for people; shmq_set_run ignores it */
    bool supervised;  /* a supervisor is alive; shmq_set_run ignores it */
};

/*
 * Reads the run record.
 *
 * @run  .size says how long it is; receives the rest
 *
 * Context: any role; one system call at the most.
 * Return:  0; -EINVAL, also for a .size that is none of a version up to this one; -ECHILD; -EBADMSG.
 */
int shmq_get_run(struct shmq *handle, struct shmq_run *run);

/*
 * Writes the run record.
 *
 * @run  .size says how long it is; what is not ignored is recorded
 *
 * Context: a supervisor's handle.
 * Crash:   leaves the old record, none, or the new one.
 * Return:  0; -EINVAL, also for another role or an unknown state; -ECHILD.
 */
int shmq_set_run(struct shmq *handle, const struct shmq_run *run);

/*
 * What a queue looks like; read without any lock while it changes: each number is right for some moment. Counting
 * takes a look at every message that is there: shmq_info says what needs no counting.
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
    uint64_t reserved_bytes; /* memory that it occupies */
    uint32_t mode;
    uid_t owner;
    gid_t group;
    uint32_t producers;     /* alive */
    uint32_t consumers;     /* alive */
    uint32_t lanes_used;    /* ever */
    uint32_t unfinished;    /* lanes whose producer died without finishing */
    uint64_t finished;      /* clean ends of producers, over all lanes */
    uint64_t messages;      /* committed and not acknowledged */
    uint64_t message_bytes; /* their payload */
    uint64_t put_messages;  /* committed since creation */
    uint64_t put_bytes;     /* their payload and framing */
    uint32_t sleepers;      /* consumers that asked to be woken */
    uint32_t shut_down;     /* 0, SHMQ_DRAIN or SHMQ_NOW */
    bool removed;
    bool full_fences; /* membarrier is refused to somebody: every publish pays a fence */
    bool lost;        /* shmq_report_loss was called: something acknowledged is no longer where it was written */
};

struct shmq_lane_stat {
    size_t size; /* set by SHMQ_LANE_STAT_INIT */
    uint32_t lane;
    uint32_t priority;
    bool used;
    bool alive;    /* its owner lives */
    bool finished; /* its last owner finished */
    pid_t pid;     /* of its last owner; for people, never for a decision */
    char program[16];
    uint64_t attached; /* owners so far */
    uint64_t finishes; /* clean ends so far */
    uint64_t source_id;
    uint64_t head_position; /* cells */
    uint64_t claim_position;
    uint64_t tail_position;
    uint64_t used_bytes; /* of the capacity */
    uint64_t messages;   /* committed and not acknowledged */
    uint64_t leased;     /* of these, leased or held by a consumer */
    uint64_t put_messages;
    uint64_t put_bytes;
    bool blocked; /* its producer waits for room */
};

struct shmq_seat_stat {
    size_t size; /* set by SHMQ_SEAT_STAT_INIT */
    uint32_t seat;
    bool taken; /* somebody sat here and has not left cleanly */
    bool alive;
    bool waiting; /* sleeps until there is something */
    bool holding; /* a message is in the seat's own buffer */
    pid_t pid;
    char program[16];
    uint32_t lane; /* of the lease, if leased */
    uint64_t position;
    uint64_t leased; /* messages of the lease not yet acknowledged */
    uint32_t attempts;
    uint64_t delivered; /* messages acknowledged by all who sat here */
    uint64_t delivered_bytes;
};

/*
 * Fills in what there is to see of the queue.
 *
 * @stat  .size says how long it is; receives the rest; with -EBADMSG, what could be counted
 *
 * Context: any role; the handle's thread; changes nothing; looks at every message.
 * Return:  0; -EBADMSG, -ENOMEM; -EINVAL, also for a .size that is none of a version up to this one; -ECHILD.
 */
int shmq_stat(struct shmq *handle, struct shmq_stat *stat);

/*
 * Fills in what there is to see of a lane.
 *
 * @lane  its number, less than the queue's lanes
 * @stat  .size says how long it is; receives the rest; with -EBADMSG, what could be counted
 *
 * Context: any role; the handle's thread; changes nothing; looks at every message of the lane.
 * Return:  0; -EINVAL when there is no such lane, and for a .size that is none of a version up to this one;
 * -EBADMSG, -ENOMEM, -ECHILD.
 */
int shmq_stat_lane(struct shmq *handle, uint32_t lane, struct shmq_lane_stat *stat);

/*
 * Fills in what there is to see of a seat.
 *
 * @seat  its number, less than the queue's seats
 * @stat  .size says how long it is; receives the rest; with -EBADMSG, what makes sense
 *
 * Context: any role; the handle's thread; changes nothing.
 * Return:  0; -EINVAL when there is no such seat, and for a .size that is none of a version up to this one;
 * -EBADMSG, -ENOMEM, -ECHILD.
 */
int shmq_stat_seat(struct shmq *handle, uint32_t seat, struct shmq_seat_stat *stat);

/*
 * Verifies every invariant of the layout that an observer can verify, on a live queue too.
 *
 * @report   called with a sentence for each that does not hold; may be NULL
 * @context  passed on to @report
 *
 * Context: any role; the handle's thread; changes nothing; bounded time.
 * Return:  0 when all hold; -EBADMSG; -ENOMEM when not everything could be looked at; -EINVAL, -ECHILD.
 */
int shmq_check(struct shmq *handle, void (*report)(void *context, const char *problem), void *context);

/*
 * Removes a queue: the object and its semaphores. Whoever has it open gets -ESTALE.
 *
 * @name   of the queue
 * @force  also while others are attached, also with messages in it, also when it is damaged or no queue
 *
 * Context: any; waits while another process is creating or removing it, 10 s at most (then -EBUSY).
 * Crash:   dying inside leaves either the queue, working, or nothing.
 * Return:  0; -ENOENT, -EBUSY when others are attached, -ENOTEMPTY when messages are in it, -EBADMSG, -EPROTO,
 *          -EPERM, -EACCES, -EROFS, -EINVAL, -ENAMETOOLONG, -ENOMEM, -EMFILE, -ENOSYS, other system errors.
 */
int shmq_remove(const char *name, bool force);

/* A queue, or whatever has a queue's name. */
struct shmq_listed {
    size_t size;      /* set by the library: later versions append fields, which are there if it says so */
    const char *name; /* valid while the visitor looks at it */
    uid_t owner;      /* of the object */
    gid_t group;
    uint32_t mode; /* permission bits */
    int error;     /* 0: it can be opened by this process, as an observer; else why not */
};

/* Called for each queue. Context: may call everything. Return: 0 to go on; else the walk ends with this value. */
typedef int shmq_list_visitor(void *context, const struct shmq_listed *queue);

/*
 * Visits all queues of this host that one may see, also those of others and damaged ones, in no order.
 *
 * @visit    called for each
 * @context  passed on to @visit
 *
 * Context: any; opens each as an observer, and waits while another process is creating or removing it, 10 s at
 *          most (.error is then -EBUSY). What comes or goes meanwhile may be visited or not.
 * Return:  0; what a visitor returned; -EINVAL, -ENOSYS, -EACCES, -EMFILE, -ENOMEM, other system errors.
 */
int shmq_list(shmq_list_visitor *visit, void *context);

/* Returns 0 if @name may be a queue's; -EINVAL, -ENAMETOOLONG. */
int shmq_name_check(const char *name);

/*
 * Writes the id of a message, the same at every delivery: QUEUE-LANE-POSITION.
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

#define SHMQ_OPTIONS_INIT shmq_options_init()
#define SHMQ_INFO_INIT shmq_sized_init<struct shmq_info>()
#define SHMQ_RUN_INIT shmq_sized_init<struct shmq_run>()
#define SHMQ_STAT_INIT shmq_sized_init<struct shmq_stat>()
#define SHMQ_LANE_STAT_INIT shmq_sized_init<struct shmq_lane_stat>()
#define SHMQ_SEAT_STAT_INIT shmq_sized_init<struct shmq_seat_stat>()
#else
/* clang-format off */
/* Designators, to go on with: {SHMQ_OPTIONS_DEFAULTS, .create = true}. */
#define SHMQ_OPTIONS_DEFAULTS \
    .size = sizeof(struct shmq_options), .group = SHMQ_GROUP_ANY, .priority = SHMQ_PRIORITY_DEFAULT, \
    .grace_ns = SHMQ_GRACE_DEFAULT_NS, .attach_wait_ns = SHMQ_ATTACH_WAIT_DEFAULT_NS

#define SHMQ_OPTIONS_INIT {SHMQ_OPTIONS_DEFAULTS}
#define SHMQ_INFO_INIT {.size = sizeof(struct shmq_info)}
#define SHMQ_RUN_INIT {.size = sizeof(struct shmq_run)}
#define SHMQ_STAT_INIT {.size = sizeof(struct shmq_stat)}
#define SHMQ_LANE_STAT_INIT {.size = sizeof(struct shmq_lane_stat)}
#define SHMQ_SEAT_STAT_INIT {.size = sizeof(struct shmq_seat_stat)}
/* clang-format on */
#endif

#endif
