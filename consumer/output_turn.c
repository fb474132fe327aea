/* SPDX-License-Identifier: MIT */
#include "consumer/output_turn.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/deadline.h"
#include "consumer/file_end.h"

/* In a write intent's format: not a framing of messages (framing_code) but a block of output. */
#define FORMAT_BLOCK UINT64_C(0xff)

/* Pauses between two looks at a lock that another process has. */
#define PAUSE_MIN_NS 50000L
#define PAUSE_MAX_NS 1000000L
/* Between two looks at the stop request while the reader takes nothing. */
#define READER_POLL_MS 100

static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;

void output_turn_init(struct output_turn *turn, int fd)
{
    struct stat status = {0};
    const bool known = fstat(fd, &status) == 0;

    *turn = (struct output_turn){
        .name = fd == STDERR_FILENO ? "stderr" : "stdout",
        .fd = fd,
        .is_file = known && S_ISREG(status.st_mode),
        .is_slow = known && !S_ISREG(status.st_mode),
        .device = status.st_dev,
        .inode = status.st_ino,
        .range = known && S_ISFIFO(status.st_mode) ? record_lock_pipe_turns : record_lock_all,
    };
}

bool output_turn_is_same(const struct output_turn *turn, const struct output_turn *other)
{
    return turn->device == other->device && turn->inode == other->inode;
}

/* ------------------------------------------------------------------ the lock */

/*
 * A thread that waits in the kernel for a record lock would not see a signal that another thread gets. So it looks
 * again and again; turns are short.
 */
static int lock(struct output_turn *turn)
{
    long pause_ns = PAUSE_MIN_NS;
    int error;

    while ((error = record_lock_try(turn->fd, turn->range)) == -EAGAIN) {
        if (grace_is_over(turn->grace_ns))
            return -EINTR;
        nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
        pause_ns = pause_ns < PAUSE_MAX_NS / 2 ? pause_ns * 2 : PAUSE_MAX_NS;
    }
    turn->locked = error == 0; /* without locks, each write stands for itself */
    return 0;
}

static void unlock(struct output_turn *turn)
{
    if (turn->locked)
        record_lock_drop(turn->fd, turn->range);
    turn->locked = false;
}

/* ------------------------------------------------------------------ what a dead consumer left */

/* A shmq_intent_visitor. Whoever holds the lock and finds an intent knows that its writer died, or gave up. */
static int settle(void *context, const struct shmq_write_intent *intent, const struct shmq_message *messages,
                  size_t count)
{
    struct output_turn *turn = context;
    const off_t begin = (off_t)intent->offset;

    (void)messages;
    (void)count;
    if (turn->begin <= begin || (uint64_t)(turn->begin - begin) == intent->bytes)
        return 0;
    if (intent->format == FORMAT_BLOCK && (uint64_t)(turn->begin - begin) < intent->bytes &&
        file_end_cut(turn->fd, turn->begin, begin) == 0)
        turn->begin = begin;
    else
        say_error(
            "%s: a dead consumer may have left incomplete output at byte %llu; it is kept, because it cannot "
            "be told from what others wrote",
            turn->name, (unsigned long long)intent->offset);
    return 0;
}

/* If the turn writes to the end of a file: removes what dead consumers left there, and sets the intent. */
static int prepare(struct output_turn *turn, uint64_t bytes)
{
    struct shmq_write_intent intent = {
        .device = turn->device, .inode = turn->inode, .bytes = bytes, .format = FORMAT_BLOCK, .count = 1};
    struct stat status;
    int error;

    if (!turn->is_file)
        return 0;
    if (fstat(turn->fd, &status) < 0)
        return -errno;
    turn->begin = status.st_size;
    if (!turn->locked || !turn->handle || !file_end_is_next(turn->fd, turn->begin))
        return 0;
    error = shmq_visit_write_intents(turn->handle, turn->device, turn->inode, settle, turn);
    if (error < 0)
        return error;
    intent.offset = (uint64_t)turn->begin;
    error = bytes > 0 ? shmq_set_write_intent(turn->handle, &intent) : 0;
    turn->intent_set = error == 0 && bytes > 0;
    return error;
}

int output_turn_take(struct output_turn *turn, uint64_t bytes)
{
    int error;

    pthread_mutex_lock(&threads);
    turn->written = 0;
    error = lock(turn);
    if (error == 0)
        error = prepare(turn, bytes);
    if (error < 0) {
        unlock(turn);
        pthread_mutex_unlock(&threads);
    }
    return error;
}

/* ------------------------------------------------------------------ writing */

static int wait_for_reader(const struct output_turn *turn)
{
    struct pollfd wanted = {.fd = turn->fd, .events = POLLOUT};

    while (poll(&wanted, 1, READER_POLL_MS) == 0 || wanted.revents == 0) {
        if (turn->written == 0 && grace_is_over(turn->grace_ns)) /* nothing is lost by that */
            return -EINTR;
    }
    return 0;
}

int output_turn_write(struct output_turn *turn, const void *data, size_t length)
{
    const unsigned char *from = data;
    int error;

    while (length > 0) {
        ssize_t bytes;

        if (turn->is_slow && turn->written == 0 && (error = wait_for_reader(turn)) < 0)
            return error;
        bytes = write(turn->fd, from, length);
        if (bytes < 0 && errno == EAGAIN) { /* another process may have made the shared description non-blocking */
            error = wait_for_reader(turn);
            if (error < 0)
                return error;
            continue;
        }
        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0)
            return -errno;
        from += bytes;
        length -= (size_t)bytes;
        turn->written += (uint64_t)bytes;
    }
    return 0;
}

/* Nobody else has written meanwhile if the file has grown by what we wrote and our last write ended at its end. */
static void remove_part(const struct output_turn *turn)
{
    const off_t end = turn->begin + (off_t)turn->written;

    if (turn->written == 0 || !turn->is_file)
        return;
    if (turn->locked && lseek(turn->fd, 0, SEEK_CUR) == end && file_end_cut(turn->fd, end, turn->begin) == 0)
        return;
    say_error("%s: incomplete output remains at byte %lld", turn->name, (long long)turn->begin);
}

void output_turn_end(struct output_turn *turn, bool whole)
{
    if (!whole)
        remove_part(turn);
    if (turn->intent_set)
        (void)shmq_set_write_intent(turn->handle, NULL);
    turn->intent_set = false;
    unlock(turn);
    pthread_mutex_unlock(&threads);
}
