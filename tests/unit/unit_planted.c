/* SPDX-License-Identifier: MIT */
/* Objects under a queue's name that are half-made, foreign, of another version or lie about their size. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/ring.h"
#include "common/kernel/byte_lock.h"
#include "common/kernel/object.h"
#include "tests/support/harness.h"
#include "tests/support/planted.h"
#include "tests/support/process.h"

/* What has to come of it: for who would make the queue, for who would only use it, and for who removes it. */
struct expected {
    int create;
    int use;
    int remove;
};

static const struct expected to_be_completed = {0, -ENOENT, 0};
static const struct expected damaged = {-EBADMSG, -EBADMSG, -EBADMSG};
static const struct expected other_version = {-EPROTO, -EPROTO, -EPROTO};

static int open_object(const char *name, int flags)
{
    const int fd = open(test_object_path(name), flags | O_RDWR | O_CLOEXEC, 0600);
    ck_assert_msg(fd >= 0, "%s: %s", name, strerror(errno));
    return fd;
}

static void write_at(const char *name, size_t offset, const void *bytes, size_t count)
{
    const int fd = open_object(name, 0);
    ck_assert_int_eq(pwrite(fd, bytes, count, (off_t)offset), (ssize_t)count);
    (void)close(fd);
}

static void resize(const char *name, int64_t by)
{
    struct stat st;
    const int fd = open_object(name, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(ftruncate(fd, st.st_size + by), 0);
    (void)close(fd);
}

static void set_state(const char *name, uint32_t state)
{
    write_at(name, offsetof(struct header, state), &state, sizeof(state));
}

static void make_ready(const char *name)
{
    const struct shmq_options options = planted_small();
    ck_assert_int_eq(shmq_create(name, &options), 0);
}

/* Opens a queue that has just been completed, as new as any. */
static void check_usable(const char *name)
{
    char text[8];
    size_t length;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    const struct shmq_options options = planted_small();
    struct shmq *producer = planted_open(name, SHMQ_PRODUCER, &options);
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, &options);
    ck_assert_int_eq(shmq_check(consumer, NULL, NULL), 0);
    ck_assert_int_eq(shmq_stat(consumer, &stat), 0);
    ck_assert_uint_eq(stat.messages, 0);
    ck_assert_uint_eq(stat.put_messages, 0);
    planted_put(producer, "new");
    ck_assert_int_eq(shmq_get(consumer, text, sizeof(text), &length, 0), 0);
    ck_assert_uint_eq(length, 3);
    ck_assert_int_eq(shmq_close(producer), 0);
    ck_assert_int_eq(shmq_close(consumer), 0);
}

static void try_open(const char *name, enum shmq_role role, bool create, int code)
{
    struct shmq *handle = (struct shmq *)(uintptr_t)1;
    struct shmq_options options = planted_small();
    options.create = create;
    const int error = shmq_open(&handle, name, role, &options);
    ck_assert_msg(error == code, "role %d, create %d: %d instead of %d", role, create, error, code);
    ck_assert(error == 0 || handle == NULL);
    if (error == 0)
        ck_assert_int_eq(shmq_close(handle), 0);
}

static void producer_makes(const char *name, struct expected expected)
{
    try_open(name, SHMQ_PRODUCER, true, expected.create);
    if (expected.create == 0)
        check_usable(name);
}

static void consumer_makes(const char *name, struct expected expected)
{
    try_open(name, SHMQ_CONSUMER, true, expected.create);
    if (expected.create == 0)
        check_usable(name);
}

static void somebody_makes(const char *name, struct expected expected)
{
    const struct shmq_options options = planted_small();
    ck_assert_int_eq(shmq_create(name, &options), expected.create);
    if (expected.create == 0)
        check_usable(name);
}

static void producer_uses(const char *name, struct expected expected)
{
    try_open(name, SHMQ_PRODUCER, false, expected.use);
}

static void consumer_uses(const char *name, struct expected expected)
{
    try_open(name, SHMQ_CONSUMER, false, expected.use);
}

static void observer_looks(const char *name, struct expected expected)
{
    try_open(name, SHMQ_OBSERVER, false, expected.use);
    try_open(name, SHMQ_OBSERVER, true, expected.use); /* an observer makes nothing */
}

static void somebody_shuts_down(const char *name, struct expected expected)
{
    ck_assert_int_eq(shmq_shutdown(name, SHMQ_DRAIN), expected.use);
}

static void somebody_removes(const char *name, struct expected expected)
{
    ck_assert_int_eq(shmq_remove(name, false), expected.remove);
    ck_assert((access(test_object_path(name), F_OK) == 0) == (expected.remove != 0));
}

static void nobody_touches(const char *name, struct expected expected)
{
    (void)name;
    (void)expected;
}

/* Plants it anew before each attempt, and removes by force what that leaves. */
static void expect(void (*plant)(const char *name), struct expected expected)
{
    static void (*const attempts[])(const char *, struct expected) = {
        producer_makes, consumer_makes,      somebody_makes,   producer_uses,  consumer_uses,
        observer_looks, somebody_shuts_down, somebody_removes, nobody_touches,
    };
    const char *name = test_name("object");
    for (size_t i = 0; i < COUNT(attempts); i++) {
        plant(name);
        attempts[i](name, expected);
        const bool there = access(test_object_path(name), F_OK) == 0;
        ck_assert_int_eq(shmq_remove(name, true), (there ? 0 : -ENOENT));
        ck_assert_uint_eq(test_leftovers(name), 0);
    }
}

/* ------------------------------------------------------------------ half-made */

static void empty(const char *name)
{
    (void)close(open_object(name, O_CREAT | O_EXCL));
}

static void of_full_size_but_all_zero(const char *name)
{
    empty(name);
    resize(name, 1 << 20);
}

static void with_a_header_that_is_not_ready(const char *name)
{
    make_ready(name);
    set_state(name, OBJECT_RAW);
}

static void cut_off_in_the_header(const char *name)
{
    with_a_header_that_is_not_ready(name);
    ck_assert_int_eq(truncate(test_object_path(name), offsetof(struct header, state)), 0);
}

/* What a dead maker, or an earlier queue, left must not shine through. */
static void not_ready_and_full_of_rubbish(const char *name)
{
    static unsigned char rubbish[65536];
    make_ready(name);
    memset(rubbish, 0xff, sizeof(rubbish));
    write_at(name, sizeof(uint64_t), rubbish, sizeof(rubbish) - sizeof(uint64_t));
    set_state(name, OBJECT_RAW);
}

static void marked_as_removed(const char *name)
{
    make_ready(name);
    set_state(name, OBJECT_REMOVED);
}

static void (*const half_made[])(const char *) = {
    empty,
    of_full_size_but_all_zero,
    with_a_header_that_is_not_ready,
    cut_off_in_the_header,
    not_ready_and_full_of_rubbish,
    marked_as_removed,
};

START_TEST(what_is_half_made_or_half_removed_is_completed_by_who_wants_one)
{
    expect(half_made[_i], to_be_completed);
}
END_TEST

/* Not the one that was being removed, with what is in it. */
START_TEST(what_was_being_removed_is_made_anew)
{
    const char *name = test_name("anew");
    const struct shmq_options options = planted_small();
    struct shmq_info before = SHMQ_INFO_INIT;
    struct shmq_stat after = SHMQ_STAT_INIT;
    struct shmq *handle = planted_open(name, SHMQ_PRODUCER, &options);
    planted_put(handle, "x");
    ck_assert_int_eq(shmq_info(handle, &before), 0);
    ck_assert_int_eq(shmq_close(handle), 0);
    set_state(name, OBJECT_REMOVED);
    handle = planted_open(name, SHMQ_CONSUMER, &options);
    ck_assert_int_eq(shmq_stat(handle, &after), 0);
    ck_assert_uint_ne(after.queue_id, before.queue_id);
    ck_assert_uint_eq(after.messages, 0);
    ck_assert_int_eq(shmq_close(handle), 0);
    ck_assert_int_eq(shmq_remove(name, false), 0);
}
END_TEST

static void remove_and_report(void *name)
{
    process_report(process_code(shmq_remove(name, true)));
}

static bool waits(void *process)
{
    return process_sleeps(process);
}

/* Whoever makes it holds its creation byte; and whoever opens it, as a reader. */
START_TEST(what_somebody_is_making_or_opening_is_not_removed_meanwhile)
{
    const char *name = test_name("making");
    struct process remover;
    if (_i == 0)
        with_a_header_that_is_not_ready(name);
    else
        make_ready(name);
    const int fd = open_object(name, 0);
    ck_assert_int_eq(
        _i == 0 ? byte_lock_try(fd, OBJECT_CREATION_BYTE) : byte_lock_try_shared(fd, OBJECT_CREATION_BYTE), 0);
    process_start(&remover, remove_and_report, (void *)(uintptr_t)name);
    process_wait_until(waits, &remover, "the remover waits");
    ck_assert_int_eq(access(test_object_path(name), F_OK), 0);
    ck_assert(!process_has_report(&remover));
    byte_lock_release(fd, OBJECT_CREATION_BYTE);
    ck_assert_uint_eq(process_hear(&remover), 0);
    process_expect_success(&remover);
    (void)close(fd);
    ck_assert_uint_eq(test_leftovers(name), 0);
}
END_TEST

static int note_error(void *context, const struct shmq_listed *listed)
{
    if (strcmp(listed->name, test_name("making")) == 0)
        *(int *)context = listed->error;
    return 0;
}

START_TEST(what_somebody_is_making_does_not_hold_up_a_list)
{
    const char *name = test_name("making");
    int error = 1;
    with_a_header_that_is_not_ready(name);
    const int fd = open_object(name, 0);
    ck_assert_int_eq(byte_lock_try(fd, OBJECT_CREATION_BYTE), 0);
    const int64_t started_ns = process_now_ns();
    ck_assert_int_eq(shmq_list(note_error, &error), 0);
    ck_assert_int_eq(error, -EBUSY);
    ck_assert_int_lt(process_now_ns() - started_ns, OBJECT_WAIT_NS / 2);
    (void)close(fd);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

/* Under another name it lives on; but nobody who comes by the name finds it. */
START_TEST(a_queue_whose_name_another_has_is_stale)
{
    const char *name = test_name("linked");
    const char *other = test_object_path(test_name("link"));
    const struct shmq_options options = planted_small();
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq *handle = planted_open(name, SHMQ_PRODUCER, &options);
    ck_assert_int_eq(link(test_object_path(name), other), 0);
    ck_assert_int_eq(unlink(test_object_path(name)), 0);
    ck_assert_int_eq(shmq_info(handle, &info), 0);
    ck_assert(!info.removed); /* nothing is known */
    make_ready(name);
    ck_assert_int_eq(shmq_info(handle, &info), 0);
    ck_assert(info.removed);
    ck_assert_int_eq(shmq_close(handle), -ESTALE);
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(shmq_remove(name, false), 0);
}
END_TEST

/* ------------------------------------------------------------------ no queue */

static void of_a_stranger(const char *name)
{
    static const char text[] = "This file is somebody's diary.\n";
    empty(name);
    write_at(name, 0, text, sizeof(text));
}

static void of_three_bytes(const char *name)
{
    empty(name);
    write_at(name, 0, "abc", 3);
}

static void large_and_of_a_stranger(const char *name)
{
    of_a_stranger(name);
    resize(name, 1 << 20);
}

static void with_another_magic(const char *name)
{
    make_ready(name);
    write_at(name, 0, "\xc2", 1);
}

static void with_another_magic_and_not_ready(const char *name)
{
    with_another_magic(name);
    set_state(name, OBJECT_RAW);
}

static void in_a_state_that_is_none(const char *name)
{
    make_ready(name);
    set_state(name, OBJECT_READY ^ 1);
}

static void one_byte_too_short(const char *name)
{
    make_ready(name);
    resize(name, -1);
}

static void one_page_too_long(const char *name)
{
    make_ready(name);
    resize(name, 4096);
}

static void cut_off_behind_the_header(const char *name)
{
    make_ready(name);
    ck_assert_int_eq(truncate(test_object_path(name), 4096), 0);
}

static void cut_off_behind_the_state(const char *name)
{
    make_ready(name);
    ck_assert_int_eq(truncate(test_object_path(name), 96), 0);
}

static void (*const no_queue[])(const char *) = {
    of_a_stranger,
    of_three_bytes,
    large_and_of_a_stranger,
    with_another_magic,
    with_another_magic_and_not_ready,
    in_a_state_that_is_none,
    one_byte_too_short,
    one_page_too_long,
    cut_off_behind_the_header,
    cut_off_behind_the_state,
};

START_TEST(what_is_no_queue_is_refused_and_left_alone)
{
    expect(no_queue[_i], damaged);
}
END_TEST

START_TEST(a_stranger_s_file_keeps_its_content)
{
    char text[16] = {0};
    const char *name = test_name("diary");
    of_a_stranger(name);
    try_open(name, SHMQ_PRODUCER, true, -EBADMSG);
    const int fd = open_object(name, 0);
    ck_assert_int_eq(pread(fd, text, 9, 0), 9);
    ck_assert_str_eq(text, "This file");
    (void)close(fd);
    ck_assert_int_eq(shmq_remove(name, true), 0);
}
END_TEST

/* ------------------------------------------------------------------ sizes that it claims */

struct claim {
    const char *what;
    size_t offset;
    size_t bytes;
    uint64_t value;
};

#define CLAIM(field, value)                                                                                       \
    {                                                                                                             \
#field " is " #value, offsetof(struct header, field), sizeof(((struct header *)0)->field),                \
            (uint64_t)(value)                                                                                     \
    }

static const struct claim claims[] = {
    CLAIM(object_bytes, 0),
    CLAIM(object_bytes, 4096),
    CLAIM(object_bytes, UINT64_MAX),
    CLAIM(capacity_bytes, 0),
    CLAIM(capacity_bytes, 64),
    CLAIM(capacity_bytes, 4097),
    CLAIM(capacity_bytes, 8192),
    CLAIM(capacity_bytes, UINT64_C(1) << 40),
    CLAIM(capacity_bytes, UINT64_C(1) << 63),
    CLAIM(capacity_bytes, UINT64_MAX),
    CLAIM(max_message_bytes, 0),
    CLAIM(max_message_bytes, 4097),
    CLAIM(max_message_bytes, UINT64_MAX),
    CLAIM(lanes, 0),
    CLAIM(lanes, 3),
    CLAIM(lanes, SHMQ_LANES_MAX),
    CLAIM(lanes, SHMQ_LANES_MAX + 1),
    CLAIM(lanes, UINT32_MAX),
    CLAIM(seats, 0),
    CLAIM(seats, 1000),
    CLAIM(seats, SHMQ_SEATS_MAX + 1),
    CLAIM(seats, UINT32_MAX),
    CLAIM(tick_ns, 0),
    CLAIM(tick_ns, -1),
    CLAIM(tick_ns, INT64_MAX),
    CLAIM(page_bytes, 0),
    CLAIM(page_bytes, 1),
    CLAIM(page_bytes, 5000),
    CLAIM(page_bytes, 65536),
};

static const struct claim *claim;

static void with_a_false_claim(const char *name)
{
    make_ready(name);
    write_at(name, claim->offset, &claim->value, claim->bytes);
}

START_TEST(a_false_claim_about_a_size_is_refused)
{
    claim = &claims[_i];
    expect(with_a_false_claim, damaged);
}
END_TEST

/* Everything agrees, and is more than any machine has: only who needs the memory is refused. */
static void plant_parameters(const char *name, const struct parameters *parameters)
{
    struct geometry g;
    struct header header;
    ck_assert_int_eq(geometry_compute(parameters, &g), 0);
    make_ready(name);
    const int fd = open_object(name, 0);
    ck_assert_int_eq(pread(fd, &header, sizeof(header), 0), (ssize_t)sizeof(header));
    header.capacity_bytes = parameters->capacity_bytes;
    header.max_message_bytes = parameters->max_message_bytes;
    header.lanes = parameters->lanes;
    header.seats = parameters->seats;
    header.page_bytes = parameters->page_bytes;
    header.tick_ns = parameters->tick_ns;
    header.object_bytes = g.object_bytes;
    ck_assert_int_eq(pwrite(fd, &header, sizeof(header), 0), (ssize_t)sizeof(header));
    ck_assert_int_eq(ftruncate(fd, (off_t)g.object_bytes), 0);
    (void)close(fd);
}

START_TEST(the_largest_queue_there_can_be_is_no_danger)
{
    static const struct parameters most = {
        .capacity_bytes = CAPACITY_MAX,
        .max_message_bytes = SHMQ_MESSAGE_MAX,
        .lanes = SHMQ_LANES_MAX,
        .seats = SHMQ_SEATS_MAX,
        .page_bytes = 4096,
        .tick_ns = TICK_MIN_NS,
    };
    const char *name = test_name("huge");
    struct shmq_message message;
    struct shmq *producer = NULL;
    plant_parameters(name, &most);
    struct shmq *consumer = planted_open(name, SHMQ_CONSUMER, NULL);
    ck_assert_int_eq(shmq_lease(consumer, &message, 0), -EAGAIN);
    ck_assert_int_eq(shmq_check(consumer, NULL, NULL), 0);
    const int error = shmq_open(&producer, name, SHMQ_PRODUCER, NULL);
    ck_assert_msg(error == -ENOSPC || error == -ENOMEM || error == -EFBIG, "%d", error);
    ck_assert_int_eq(shmq_close(consumer), 0);
    ck_assert_int_eq(shmq_remove(name, false), 0);
}
END_TEST

/* ------------------------------------------------------------------ other versions */

static void of_another_abi(const char *name)
{
    const uint32_t abi = LAYOUT_ABI + 1;
    make_ready(name);
    write_at(name, offsetof(struct header, abi), &abi, sizeof(abi));
}

static void of_another_layout(const char *name)
{
    const uint32_t fingerprint = layout_fingerprint() ^ 1;
    make_ready(name);
    write_at(name, offsetof(struct header, fingerprint), &fingerprint, sizeof(fingerprint));
}

/* Another version's sizes mean nothing to us, so they are not judged. */
static void of_another_abi_with_other_sizes(const char *name)
{
    static unsigned char rest[256];
    make_ready(name);
    memset(rest, 0x77, sizeof(rest));
    write_at(name, offsetof(struct header, abi), rest,
             offsetof(struct header, state) - offsetof(struct header, abi));
    resize(name, 12345);
}

static void of_a_machine_with_other_pages(const char *name)
{
    static const struct parameters parameters = {
        .capacity_bytes = 65536,
        .max_message_bytes = 1000,
        .lanes = 2,
        .seats = 2,
        .page_bytes = 16384,
        .tick_ns = TICK_DEFAULT_NS,
    };
    plant_parameters(name, &parameters);
}

static void (*const other_versions[])(const char *) = {
    of_another_abi,
    of_another_layout,
    of_another_abi_with_other_sizes,
    of_a_machine_with_other_pages,
};

START_TEST(a_queue_of_another_version_is_told_apart_from_damage)
{
    expect(other_versions[_i], other_version);
}
END_TEST

/* ------------------------------------------------------------------ */

static const struct test tests[] = {
    TEST_EACH(what_is_half_made_or_half_removed_is_completed_by_who_wants_one, COUNT(half_made)),
    TEST(what_was_being_removed_is_made_anew),
    TEST_EACH(what_somebody_is_making_or_opening_is_not_removed_meanwhile, 2),
    TEST(what_somebody_is_making_does_not_hold_up_a_list),
    TEST(a_queue_whose_name_another_has_is_stale),
    TEST_EACH(what_is_no_queue_is_refused_and_left_alone, COUNT(no_queue)),
    TEST(a_stranger_s_file_keeps_its_content),
    TEST_EACH(a_false_claim_about_a_size_is_refused, COUNT(claims)),
    TEST(the_largest_queue_there_can_be_is_no_danger),
    TEST_EACH(a_queue_of_another_version_is_told_apart_from_damage, COUNT(other_versions)),
};

/* Nobody waits for a maker that is not there. */
TEST_SUITE("planted objects", tests, .seconds = 5);
