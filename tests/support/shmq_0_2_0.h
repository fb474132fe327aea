/* SPDX-License-Identifier: MIT */
/* shmq.h as of version 0.2.0, for C and without comments: what callers have compiled in. Never changes. */
#ifndef SHMQ_H
#define SHMQ_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#define SHMQ_VERSION_STRING "0.2.0"
#define SHMQ_NAME_MAX 200
#define SHMQ_LANES_MAX 1024
#define SHMQ_SEATS_MAX 1024
#define SHMQ_PREFETCH_MAX 4096
#define SHMQ_PRIORITIES 8
#define SHMQ_PRIORITY_DEFAULT 4
#define SHMQ_NOTE_MAX 64
#define SHMQ_ID_SIZE 48
#define SHMQ_FOREVER ((int64_t)-1)
#define SHMQ_GROUP_ANY ((gid_t)-1)
#define SHMQ_GRACE_DEFAULT_NS ((int64_t)5000000000)
#define SHMQ_ATTACH_WAIT_DEFAULT_NS ((int64_t)100000000)
struct shmq;
enum shmq_role {
    SHMQ_PRODUCER = 1,
    SHMQ_CONSUMER,
    SHMQ_OBSERVER,
    SHMQ_SUPERVISOR,
};
struct shmq_options {
    size_t size;
    uint64_t capacity_bytes;
    uint64_t max_message_bytes;
    uint32_t lanes;
    uint32_t seats;
    uint32_t mode;
    gid_t group;
    int64_t tick_ns;
    bool create;
    bool follow;
    uint32_t priority;
    uint32_t prefetch;
    uint32_t producers;
    uint64_t source_id;
    uint64_t source_group;
    uint64_t source_part;
    uint64_t source_size;
    uint64_t source_check;
    int64_t grace_ns;
    int64_t attach_wait_ns;
    const volatile int *stop;
};
enum shmq_frame {
    SHMQ_FRAME_NONE = 0,
    SHMQ_FRAME_DELIMITER,
    SHMQ_FRAME_LENGTH32,
};
struct shmq_message {
    const void *data;
    size_t length;
    uint64_t position;
    uint64_t stream_offset;
    uint32_t lane;
    uint32_t attempts;
    uint8_t frame;
    uint8_t delimiter;
    bool redelivered;
};
int shmq_create(const char *name, const struct shmq_options *options);
int shmq_open(struct shmq **handle, const char *name, enum shmq_role role, const struct shmq_options *options);
int shmq_close(struct shmq *handle);
void shmq_abandon(struct shmq *handle);
void shmq_withdraw(struct shmq *handle);
int shmq_put(struct shmq *handle, const void *data, size_t length, int64_t timeout_ns);
int shmq_put_many(struct shmq *handle, const struct iovec *messages, size_t count, size_t *done,
                  int64_t timeout_ns);
int shmq_reserve(struct shmq *handle, size_t length, void **payload, int64_t timeout_ns);
int shmq_commit(struct shmq *handle, size_t length);
int shmq_set_frame(struct shmq *handle, enum shmq_frame frame, uint8_t delimiter);
int shmq_resume_offset(struct shmq *handle, uint64_t *offset);
int shmq_source_whole(struct shmq *handle, uint64_t *size, uint64_t *check);
int shmq_set_source_note(struct shmq *handle, const void *note, size_t length);
int shmq_source_note(struct shmq *handle, void *note, size_t *length);
int shmq_finish(struct shmq *handle);
int shmq_get(struct shmq *handle, void *buffer, size_t size, size_t *length, int64_t timeout_ns);
int shmq_lease(struct shmq *handle, struct shmq_message *message, int64_t timeout_ns);
int shmq_lease_many(struct shmq *handle, struct shmq_message *messages, size_t max, size_t *count,
                    int64_t timeout_ns);
int shmq_acknowledge(struct shmq *handle, size_t count);
int shmq_hold(struct shmq *handle, struct shmq_message *message);
int shmq_fail(struct shmq *handle, uint32_t *attempts);
struct shmq_write_intent {
    uint64_t device;
    uint64_t inode;
    uint64_t offset;
    uint64_t bytes;
    uint64_t format;
    uint32_t count;
};
int shmq_set_write_intent(struct shmq *handle, const struct shmq_write_intent *intent);
typedef int shmq_intent_visitor(void *context, const struct shmq_write_intent *intent,
                                const struct shmq_message *messages, size_t count);
int shmq_visit_write_intents(struct shmq *handle, uint64_t device, uint64_t inode, shmq_intent_visitor *visit,
                             void *context);
bool shmq_intent_holds(const struct shmq *handle);
enum shmq_shutdown_how {
    SHMQ_DRAIN = 1,
    SHMQ_NOW = 2,
};
int shmq_shutdown(const char *name, enum shmq_shutdown_how how);
int shmq_finish_lane(const char *name, uint32_t lane);
int shmq_interrupt(struct shmq *handle);
int shmq_join(struct shmq *handle, int64_t timeout_ns);
int shmq_report_loss(struct shmq *handle);
struct shmq_info {
    size_t size;
    uint64_t queue_id;
    uint64_t capacity_bytes;
    uint64_t max_message_bytes;
    uint64_t object_bytes;
    int64_t tick_ns;
    uint32_t lanes;
    uint32_t seats;
    uint32_t mode;
    uid_t owner;
    gid_t group;
    uint32_t shut_down;
    bool removed;
    bool full_fences;
    bool lost;
};
int shmq_info(struct shmq *handle, struct shmq_info *info);
enum shmq_run_state {
    SHMQ_RUN_NONE = 0,
    SHMQ_RUN_WORKING,
    SHMQ_RUN_COMPLETE,
};
struct shmq_run {
    size_t size;
    uint64_t command;
    uint64_t inputs;
    uint32_t state;
    pid_t supervisor;
    bool supervised;
};
int shmq_get_run(struct shmq *handle, struct shmq_run *run);
int shmq_set_run(struct shmq *handle, const struct shmq_run *run);
struct shmq_stat {
    size_t size;
    uint64_t queue_id;
    uint64_t capacity_bytes;
    uint64_t max_message_bytes;
    uint32_t lanes;
    uint32_t seats;
    int64_t tick_ns;
    uint64_t object_bytes;
    uint64_t reserved_bytes;
    uint32_t mode;
    uid_t owner;
    gid_t group;
    uint32_t producers;
    uint32_t consumers;
    uint32_t lanes_used;
    uint32_t unfinished;
    uint64_t finished;
    uint64_t messages;
    uint64_t message_bytes;
    uint64_t put_messages;
    uint64_t put_bytes;
    uint32_t sleepers;
    uint32_t shut_down;
    bool removed;
    bool full_fences;
    bool lost;
};
struct shmq_lane_stat {
    size_t size;
    uint32_t lane;
    uint32_t priority;
    bool used;
    bool alive;
    bool finished;
    pid_t pid;
    char program[16];
    uint64_t attached;
    uint64_t finishes;
    uint64_t source_id;
    uint64_t head_position;
    uint64_t claim_position;
    uint64_t tail_position;
    uint64_t used_bytes;
    uint64_t messages;
    uint64_t leased;
    uint64_t put_messages;
    uint64_t put_bytes;
    bool blocked;
};
struct shmq_seat_stat {
    size_t size;
    uint32_t seat;
    bool taken;
    bool alive;
    bool waiting;
    bool holding;
    pid_t pid;
    char program[16];
    uint32_t lane;
    uint64_t position;
    uint64_t leased;
    uint32_t attempts;
    uint64_t delivered;
    uint64_t delivered_bytes;
};
int shmq_stat(struct shmq *handle, struct shmq_stat *stat);
int shmq_stat_lane(struct shmq *handle, uint32_t lane, struct shmq_lane_stat *stat);
int shmq_stat_seat(struct shmq *handle, uint32_t seat, struct shmq_seat_stat *stat);
int shmq_check(struct shmq *handle, void (*report)(void *context, const char *problem), void *context);
int shmq_remove(const char *name, bool force);
int shmq_name_check(const char *name);
void shmq_message_id(const struct shmq *handle, const struct shmq_message *message, char *text);
const char *shmq_strerror(int code);
const char *shmq_version(void);
#define SHMQ_OPTIONS_DEFAULTS                                                                                     \
    .size = sizeof(struct shmq_options), .group = SHMQ_GROUP_ANY, .priority = SHMQ_PRIORITY_DEFAULT,              \
    .grace_ns = SHMQ_GRACE_DEFAULT_NS, .attach_wait_ns = SHMQ_ATTACH_WAIT_DEFAULT_NS
#define SHMQ_OPTIONS_INIT                                                                                         \
    {                                                                                                             \
        SHMQ_OPTIONS_DEFAULTS                                                                                     \
    }
#define SHMQ_INFO_INIT                                                                                            \
    {                                                                                                             \
        .size = sizeof(struct shmq_info)                                                                          \
    }
#define SHMQ_RUN_INIT                                                                                             \
    {                                                                                                             \
        .size = sizeof(struct shmq_run)                                                                           \
    }
#define SHMQ_STAT_INIT                                                                                            \
    {                                                                                                             \
        .size = sizeof(struct shmq_stat)                                                                          \
    }
#define SHMQ_LANE_STAT_INIT                                                                                       \
    {                                                                                                             \
        .size = sizeof(struct shmq_lane_stat)                                                                     \
    }
#define SHMQ_SEAT_STAT_INIT                                                                                       \
    {                                                                                                             \
        .size = sizeof(struct shmq_seat_stat)                                                                     \
    }
#endif
