/* SPDX-License-Identifier: MIT */
#include "common/kernel/object.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/core/event_words.h"
#include "common/core/layout.h"
#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/kernel/fork_guard.h"

#define RESERVE_TRIES 16 /* attempts before signals are blocked */
#define RETRY 1          /* start again: the name now leads to another object */

static int default_parameters(const struct shmq_options *options, struct parameters *parameters)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t capacity = page;
    const uint64_t wanted = options->capacity_bytes != 0 ? options->capacity_bytes : UINT64_C(8) << 20;
    if (wanted > CAPACITY_MAX)
        return -EINVAL;
    while (capacity < wanted)
        capacity *= 2;
    const uint64_t quarter = capacity / 4 < SHMQ_MESSAGE_MAX ? capacity / 4 : SHMQ_MESSAGE_MAX;
    *parameters = (struct parameters){
        .capacity_bytes = capacity,
        .max_message_bytes = options->max_message_bytes != 0 ? options->max_message_bytes : quarter,
        .lanes = options->lanes != 0 ? options->lanes : LANES_DEFAULT,
        .seats = options->seats != 0 ? options->seats : 64,
        .page_bytes = (uint32_t)page,
        .tick_ns = options->tick_ns != 0 ? options->tick_ns : TICK_DEFAULT_NS,
        .features = (options->queue_flags & SHMQ_QUEUE_NO_LATENCY) != 0 ? FEATURE_NO_LATENCY : 0,
    };
    return 0;
}

static mode_t wanted_mode(const struct shmq_options *options)
{
    return options->mode != 0 ? (mode_t)options->mode : 0600;
}

/* Options that no queue could be created with are an error even if the queue exists. */
static int check_options(const struct shmq_options *options)
{
    struct shmq_options alone = *options;
    struct parameters parameters;
    struct geometry geometry;
    if ((options->mode & ~0664u) != 0 || (options->mode != 0 && (options->mode & 0600) != 0600))
        return -EINVAL;
    /* Without a capacity option, the largest message must fit into the existing queue's capacity, if any. */
    if (alone.capacity_bytes == 0)
        alone.capacity_bytes = CAPACITY_MAX;
    const int error = default_parameters(&alone, &parameters);
    return error != 0 ? error : geometry_compute(&parameters, &geometry);
}

/* Whether all given options agree with the existing queue. */
static bool options_agree(const struct shmq_options *options, const struct object *object)
{
    const struct parameters *have = &object->geometry.parameters;
    struct parameters want;
    if (default_parameters(options, &want) != 0)
        return false;
    return (options->capacity_bytes == 0 || want.capacity_bytes == have->capacity_bytes) &&
           (options->max_message_bytes == 0 || options->max_message_bytes == have->max_message_bytes) &&
           (options->lanes == 0 || options->lanes == have->lanes) &&
           (options->seats == 0 || options->seats == have->seats) &&
           (options->tick_ns == 0 || options->tick_ns == have->tick_ns) &&
           (options->mode == 0 || options->mode == object->mode) &&
           (options->group == SHMQ_GROUP_ANY || options->group == object->group);
}

static bool in_group(gid_t group)
{
    gid_t groups[1024];
    if (group == getegid())
        return true;
    const int count = getgroups((int)(sizeof(groups) / sizeof(groups[0])), groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return true;
    return false;
}

/*
 * /dev/shm is open to everybody, so another user may have taken the name in order to read or write the messages.
 * Reading statistics is harmless.
 */
static int check_owner(const struct object *object)
{
    if (!object->writable || object->owner == geteuid())
        return (object->mode & 0002) != 0 && object->writable ? -EPERM : 0;
    const bool shared = (object->mode & 0060) == 0060 && in_group(object->group);
    return (object->mode & 0002) == 0 && (object->owner == 0 || shared) ? 0 : -EPERM;
}

static int open_file(const char *queue, int flags)
{
    char name[OBJECT_NAME_BYTES];
    name_of_object(name, queue);
    /* O_NONBLOCK: a FIFO of that name must not block us. */
    const int fd = fork_guard_open(name, flags | O_NONBLOCK | O_NOCTTY, 0600);
    /* The name is valid, so EINVAL is the C library's error for a directory. */
    return fd == -ELOOP || fd == -EISDIR || fd == -EINVAL || fd == -ENXIO ? -EPERM : fd;
}

/* Return: 0 with object->fd open; RETRY; negative errno. */
static int open_or_make(struct object *object, bool create)
{
    const int access = object->writable ? O_RDWR : O_RDONLY;
    object->fd = open_file(object->queue, access);
    if (object->fd == -ENOENT && create) {
        object->fd = open_file(object->queue, access | O_CREAT | O_EXCL);
        if (object->fd == -ENOENT) /* the directory is missing */
            return -ENOSYS;
    }
    if (object->fd == -ENOTDIR)
        return -ENOSYS;
    if (object->fd == -EEXIST)
        return RETRY;
    return object->fd >= 0 ? 0 : object->fd;
}

static int read_identity(struct object *object)
{
    struct stat st;
    if (fstat(object->fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EPERM;
    object->device = st.st_dev;
    object->inode = st.st_ino;
    object->owner = st.st_uid;
    object->group = st.st_gid;
    object->mode = st.st_mode & 07777;
    return check_owner(object);
}

/* Whether the name leads to another object. False if the lookup fails (the root directory may be another one). */
static bool name_leads_elsewhere(const struct object *object)
{
    char path[OBJECT_NAME_BYTES + 16];
    struct stat st;
    name_of_object_file(path, object->queue);
    return lstat(path, &st) == 0 && (st.st_dev != object->device || st.st_ino != object->inode);
}

bool object_is_current(const struct object *object)
{
    struct stat st;
    if (object->copy)
        return true;
    return fstat(object->fd, &st) != 0 || (st.st_nlink > 0 && !name_leads_elsewhere(object));
}

/* Returns RAW also for an object that is too short to have a state. */
static uint32_t read_state(const struct object *object)
{
    uint32_t state = OBJECT_RAW;
    const ssize_t got = pread(object->fd, &state, sizeof(state), offsetof(struct header, state));
    return got == (ssize_t)sizeof(state) ? state : (uint32_t)OBJECT_RAW;
}

/* Whether the object is incomplete or half removed: its magic is zero, or ours. */
static bool may_complete(const struct object *object, uint32_t state)
{
    uint64_t magic = 0;
    if (state != OBJECT_RAW && state != OBJECT_REMOVED)
        return false;
    const ssize_t got = pread(object->fd, &magic, sizeof(magic), offsetof(struct header, magic));
    return got < (ssize_t)sizeof(magic) ? got == 0 : magic == 0 || magic == LAYOUT_MAGIC;
}

/* A process that holds a lane or a seat has found the object ready, so its state is damaged. */
static bool is_in_use(const struct object *object)
{
    return byte_lock_held_from(object->fd, OBJECT_CREATION_BYTE + 1);
}

int object_learn(struct object *object, const struct header *header)
{
    if (header->magic != LAYOUT_MAGIC)
        return -EBADMSG;
    if (header->abi != LAYOUT_ABI || header->fingerprint != layout_fingerprint() ||
        (header->features & ~FEATURES_KNOWN) != 0)
        return -EPROTO;
    const struct parameters parameters = {
        .capacity_bytes = header->capacity_bytes,
        .max_message_bytes = header->max_message_bytes,
        .lanes = header->lanes,
        .seats = header->seats,
        .page_bytes = header->page_bytes,
        .tick_ns = header->tick_ns,
        .features = header->features,
    };
    if (geometry_compute(&parameters, &object->geometry) != 0 ||
        object->geometry.object_bytes != header->object_bytes)
        return -EBADMSG;
    object->queue_id = header->queue_id;
    return 0;
}

/* Reads and checks the constants of a ready object. */
static int read_geometry(struct object *object)
{
    union header_copy copy;
    struct stat st;
    if (pread(object->fd, copy.bytes, sizeof(copy.bytes), 0) != (ssize_t)sizeof(copy.bytes) ||
        fstat(object->fd, &st) != 0)
        return -EBADMSG;
    const int error = object_learn(object, &copy.header);
    if (error != 0)
        return error;
    if ((uint64_t)st.st_size != object->geometry.object_bytes)
        return -EBADMSG;
    return object->geometry.parameters.page_bytes == (uint32_t)sysconf(_SC_PAGESIZE) ? 0 : -EPROTO;
}

int object_read(const struct object *object, void *to, uint64_t bytes, uint64_t offset)
{
    unsigned char *at = to;
    if (object->copy && (offset > object->readable_bytes || bytes > object->readable_bytes - offset))
        return -EBADMSG;
    while (bytes > 0) {
        const ssize_t got = pread(object->fd, at, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -EBADMSG;
        at += got;
        bytes -= (uint64_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

bool object_is_whole(const struct object *object)
{
    const uint64_t bytes = object->geometry.object_bytes;
    struct stat st;
    if (!object->copy)
        return fstat(object->fd, &st) != 0 || (uint64_t)st.st_size == bytes;
    return object->readable_bytes == bytes && object->file_bytes == bytes;
}

/*
 * Never makes the object longer: somebody may have cut it short, and then its content must not come back as zeros.
 * Return: false with errno.
 */
static bool reserve_once(int fd, off_t offset, off_t bytes)
{
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, bytes) == 0;
}

/* If signals interrupt every attempt to reserve, blocks them until it is done. Those that cannot be blocked, such
 * as SIGSTOP, only interrupt it now and then. Return: false with errno. */
static bool reserve_undisturbed(int fd, off_t offset, off_t bytes)
{
    sigset_t all, before;
    bool done;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    do
        done = reserve_once(fd, offset, bytes);
    while (!done && errno == EINTR);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* leaves errno alone */
    return done;
}

int object_reserve(const struct object *object, uint64_t offset, uint64_t bytes)
{
    /* In one piece: without room, the kernel refuses at once or undoes it. A signal may undo it, too. */
    bool done = reserve_once(object->fd, (off_t)offset, (off_t)bytes);
    for (int tries = 1; !done && errno == EINTR && tries < RESERVE_TRIES; tries++)
        done = reserve_once(object->fd, (off_t)offset, (off_t)bytes);
    if (!done && errno == EINTR)
        done = reserve_undisturbed(object->fd, (off_t)offset, (off_t)bytes);
    return done ? 0 : -errno; /* System errors: -ENOSPC. */
}

uint64_t object_reserved_bytes(const struct object *object)
{
    struct stat st;
    if (object->copy)
        return object->copy_reserved_bytes;
    return fstat(object->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static uint64_t random_id(void)
{
    uint64_t id = 0;
    if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != (ssize_t)sizeof(id))
        id = (uint64_t)clock_now_ns() << 20 ^ (uint64_t)getpid();
    return id;
}

int object_check_size_limit(uint64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < bytes)
        return -EFBIG;
    return 0;
}

static int set_access(struct object *object, const struct shmq_options *options)
{
    object->mode = wanted_mode(options);
    if (options->group != SHMQ_GROUP_ANY && fchown(object->fd, (uid_t)-1, options->group) != 0)
        return -errno;
    if (fchmod(object->fd, object->mode) != 0)
        return -errno;
    return read_identity(object);
}

static int write_at(int fd, const void *bytes, size_t count, off_t offset)
{
    const ssize_t written = pwrite(fd, bytes, count, offset);
    if (written < 0)
        return -errno;
    return (size_t)written == count ? 0 : -ENOSPC;
}

/* The first event of the flight recorder. Without memory for it, its number stays unreadable. */
static void record_creation(const struct object *object, struct header *header)
{
    const struct shmq_event event = {.kind = SHMQ_EVENT_CREATED,
                                     .pid = getpid(),
                                     .monotonic_ns = clock_now_ns(),
                                     .realtime_ns = clock_wall_ns()};
    uint64_t words[EVENT_WORDS];
    event_pack(words, &event);
    header->events = 1;
    header->events_lost =
        write_at(object->fd, words, sizeof(words), (off_t)object->geometry.events_offset) == 0 ? 0 : 1;
}

/* Writes the header with its state still RAW, then the state alone: a process that sees READY sees all of it. */
static int write_header(struct object *object)
{
    const struct geometry *g = &object->geometry;
    union header_copy fresh;
    memset(&fresh, 0, sizeof(fresh));
    object->queue_id = random_id();
    fresh.header.magic = LAYOUT_MAGIC;
    fresh.header.abi = LAYOUT_ABI;
    fresh.header.fingerprint = layout_fingerprint();
    fresh.header.queue_id = object->queue_id;
    fresh.header.capacity_bytes = g->parameters.capacity_bytes;
    fresh.header.max_message_bytes = g->parameters.max_message_bytes;
    fresh.header.object_bytes = g->object_bytes;
    fresh.header.tick_ns = g->parameters.tick_ns;
    fresh.header.lanes = g->parameters.lanes;
    fresh.header.seats = g->parameters.seats;
    fresh.header.page_bytes = g->parameters.page_bytes;
    fresh.header.features = g->parameters.features;
    fresh.header.creator_pid = (uint32_t)getpid();
    fresh.header.created_s = clock_wall_ns() / 1000000000;
    fresh.header.created_ns = clock_coarse_ns();
    memcpy(fresh.header.name, object->queue, strlen(object->queue) + 1);
    record_creation(object, &fresh.header);
    const uint32_t ready = OBJECT_READY;
    const int error = write_at(object->fd, fresh.bytes, sizeof(fresh.bytes), 0);
    if (error != 0)
        return error;
    return write_at(object->fd, &ready, sizeof(ready), offsetof(struct header, state));
}

/* Creates the queue in an object whose creation byte is locked for writing. */
static int initialise(struct object *object, const struct shmq_options *options)
{
    struct parameters parameters;
    int error = default_parameters(options, &parameters);
    if (error == 0)
        error = geometry_compute(&parameters, &object->geometry);
    if (error == 0)
        error = object_check_size_limit(object->geometry.object_bytes);
    /* Truncate to nothing first, so that nothing remains of what a dead creator wrote. */
    if (error == 0 &&
        (ftruncate(object->fd, 0) != 0 || ftruncate(object->fd, (off_t)object->geometry.object_bytes) != 0))
        error = -errno;
    if (error == 0)
        error = object_reserve(object, 0, object->geometry.buffers_offset);
    if (error == 0)
        error = set_access(object, options);
    return error != 0 ? error : write_header(object);
}

/* Return: RETRY if it is gone now; other system errors. */
static int unlink_name(const struct object *object)
{
    char name[OBJECT_NAME_BYTES];
    name_of_object(name, object->queue);
    return shm_unlink(name) == 0 || errno == ENOENT ? RETRY : -errno;
}

/* Completes, or finishes removing, an object that is not ready. Return: 0 if completed; RETRY; -EAGAIN if another
 * process works on it; negative errno. */
static int complete(struct object *object, const struct shmq_options *options)
{
    byte_lock_release(object->fd, OBJECT_CREATION_BYTE);
    int error = byte_lock_try(object->fd, OBJECT_CREATION_BYTE);
    if (error != 0)
        return error;
    const uint32_t state = read_state(object);
    if (!object_is_current(object) || state == OBJECT_READY) {
        error = RETRY;
    } else if (state == OBJECT_REMOVED) {
        error = unlink_name(object);
    } else if (!may_complete(object, state)) {
        error = -EBADMSG;
    } else {
        error = initialise(object, options);
        object->created = error == 0;
        if (error != 0)
            (void)unlink_name(object);
    }
    /* From write to read lock in one step, so that no process can remove it in between. */
    return error != 0 ? error : byte_lock_try_shared(object->fd, OBJECT_CREATION_BYTE);
}

/* Return: 0 if ready, with the creation byte locked for reading; RETRY; -EAGAIN to wait; negative errno. */
static int make_ready(struct object *object, bool create, const struct shmq_options *options)
{
    int error = read_identity(object);
    if (error != 0)
        return error;
    error = byte_lock_try_shared(object->fd, OBJECT_CREATION_BYTE);
    if (error != 0)
        return error;
    if (!object_is_current(object))
        return RETRY;
    const uint32_t state = read_state(object);
    if (state != OBJECT_READY) {
        if (state != OBJECT_REMOVED && (!may_complete(object, state) || is_in_use(object)))
            return -EBADMSG;
        if (!create)
            return -ENOENT; /* incomplete, because its creator died, or half removed: there is no queue */
        error = complete(object, options);
        if (error != 0)
            return error;
    }
    error = read_geometry(object);
    if (error == 0 && !object->created && !options_agree(options, object))
        error = -EEXIST;
    return error;
}

static int open_until(struct object *object, bool create, const struct shmq_options *options, int64_t deadline)
{
    for (;;) {
        int error = open_or_make(object, create);
        if (error == 0)
            error = make_ready(object, create, options);
        if (error == 0)
            return 0;
        object_close(object);
        if (error != RETRY && error != -EAGAIN)
            return error;
        if (clock_now_ns() >= deadline)
            return -EBUSY;
        if (error == -EAGAIN)
            clock_sleep_until(clock_now_ns() + 1000000);
    }
}

int object_open(struct object *object, const char *queue, bool create, bool writable,
                const struct shmq_options *options)
{
    int error = shmq_name_check(queue);
    if (error == 0)
        error = check_options(options);
    if (error != 0)
        return error;
    *object = (struct object){.fd = -1, .writable = writable};
    memcpy(object->queue, queue, strlen(queue) + 1);
    return open_until(object, create, options, clock_deadline(OBJECT_WAIT_NS));
}

int object_open_within(struct object *object, const char *queue, int64_t wait_ns)
{
    const struct shmq_options options = SHMQ_OPTIONS_INIT;
    const int error = shmq_name_check(queue);
    if (error != 0)
        return error;
    *object = (struct object){.fd = -1};
    memcpy(object->queue, queue, strlen(queue) + 1);
    return open_until(object, false, &options, clock_deadline(wait_ns));
}

void object_unlock_creation(const struct object *object)
{
    byte_lock_release(object->fd, OBJECT_CREATION_BYTE);
}

void object_close(struct object *object)
{
    if (object->fd >= 0)
        fork_guard_close(object->fd);
    object->fd = -1;
}

/* Return: 0 if unlinked; RETRY; -EAGAIN if another process works on it; other system errors. */
static int unlink_unusable(struct object *object)
{
    int error = read_identity(object);
    if (error == 0)
        error = byte_lock_try(object->fd, OBJECT_CREATION_BYTE);
    if (error != 0)
        return error;
    if (!object_is_current(object) || (read_state(object) == OBJECT_READY && read_geometry(object) == 0))
        return RETRY;
    error = unlink_name(object);
    return error == RETRY ? 0 : error;
}

int object_remove_unusable(const char *queue)
{
    struct object object = {.fd = -1, .writable = true};
    memcpy(object.queue, queue, strlen(queue) + 1);
    object.fd = open_file(queue, O_RDWR);
    if (object.fd < 0)
        return object.fd;
    const int error = unlink_unusable(&object);
    object_close(&object);
    return error == RETRY ? -EAGAIN : error;
}

bool object_in_use(const struct object *object)
{
    const struct geometry *g = &object->geometry;
    for (uint32_t lane = 0; lane < g->parameters.lanes; lane++)
        if (byte_lock_held(object->fd, geometry_lane_offset(g, lane)))
            return true;
    for (uint32_t seat = 0; seat < g->parameters.seats; seat++)
        if (byte_lock_held(object->fd, g->seats_offset + seat * sizeof(struct seat)))
            return true;
    return false;
}
