/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/support/rules.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/support/fuzz.h"

enum {
    OK = 1 << 0,
    AGAIN = 1 << 1,
    TIMEDOUT = 1 << 2,
    NODATA = 1 << 3,
    OWNERDEAD = 1 << 4,
    SHUTDOWN = 1 << 5,
    STALE = 1 << 6,
    BADMSG = 1 << 7,
    OVERFLOW = 1 << 8,
    MSGSIZE = 1 << 9,
    NOBUFS = 1 << 10,
    BUSY = 1 << 11,
    INVAL = 1 << 12,
    USERS = 1 << 13,
    PROTO = 1 << 14,
    EXIST = 1 << 15,
    NOENT = 1 << 16,
    NOTEMPTY = 1 << 17,
    ALREADY = 1 << 18,
    NOMSG = 1 << 19,
    NOT_A_QUEUE = BADMSG | PROTO | NOENT,
};

static const struct {
    int code;
    uint32_t bit;
} codes[] = {
    {0, OK},
    {-EAGAIN, AGAIN},
    {-ETIMEDOUT, TIMEDOUT},
    {-ENODATA, NODATA},
    {-EOWNERDEAD, OWNERDEAD},
    {-ESHUTDOWN, SHUTDOWN},
    {-ESTALE, STALE},
    {-EBADMSG, BADMSG},
    {-EOVERFLOW, OVERFLOW},
    {-EMSGSIZE, MSGSIZE},
    {-ENOBUFS, NOBUFS},
    {-EBUSY, BUSY},
    {-EINVAL, INVAL},
    {-EUSERS, USERS},
    {-EPROTO, PROTO},
    {-EEXIST, EXIST},
    {-ENOENT, NOENT},
    {-ENOTEMPTY, NOTEMPTY},
    {-EALREADY, ALREADY},
    {-ENOMSG, NOMSG},
};

/* What decides whether -EINVAL, -EBUSY and the like are right is looked at where the call is made. */
static const struct {
    const char *name;
    uint32_t always;
    uint32_t damaged;
    bool public;
} rules[] = {
    [CALL_PUT] = {"put", OK | AGAIN | TIMEDOUT | SHUTDOWN | STALE | OVERFLOW | MSGSIZE, BADMSG, false},
    [CALL_PUT_OUTGOING] = {"put_outgoing", OK | AGAIN | TIMEDOUT | SHUTDOWN | STALE | OVERFLOW | MSGSIZE | INVAL,
                           BADMSG, false},
    [CALL_CURSOR] = {"cursor", OK | INVAL, 0, false},
    [CALL_COMMIT] = {"commit", OK | SHUTDOWN | STALE | INVAL, 0, false},
    [CALL_SET_FRAME] = {"set_frame", OK | INVAL, 0, false},
    [CALL_FINISH] = {"finish", OK | STALE, 0, false},
    [CALL_RESUME_OFFSET] = {"resume_offset", OK | INVAL, BADMSG, false},
    [CALL_SOURCE_WHOLE] = {"source_whole", OK | INVAL, 0, false},
    [CALL_SET_SOURCE_NOTE] = {"set_source_note", OK | INVAL, 0, false},
    [CALL_SOURCE_NOTE] = {"source_note", OK | INVAL, BADMSG, true},
    [CALL_SET_SOURCE_SLOT] = {"set_source_slot", OK | INVAL, BADMSG, true},
    [CALL_SOURCE_SLOT] = {"source_slot", OK | INVAL, BADMSG, true},
    [CALL_LEASE] = {"lease", OK | AGAIN | TIMEDOUT | NODATA | OWNERDEAD | SHUTDOWN | STALE | BUSY, BADMSG, true},
    [CALL_GET] = {"get", OK | AGAIN | TIMEDOUT | NODATA | OWNERDEAD | SHUTDOWN | STALE | BUSY | NOBUFS, BADMSG,
                  false},
    [CALL_ACKNOWLEDGE] = {"acknowledge", OK | INVAL, BADMSG, false},
    [CALL_FAIL] = {"fail", OK | INVAL, 0, false},
    [CALL_RELEASE] = {"release", OK | INVAL | USERS | BUSY, 0, false},
    [CALL_PUT_ASIDE] = {"put_aside", OK | INVAL | USERS | BUSY, BADMSG, false},
    [CALL_ASIDE_NOTE] = {"aside_note", OK | INVAL, 0, false},
    [CALL_HOLD] = {"hold", OK | INVAL | BUSY, BADMSG, false},
    [CALL_SET_INTENT] = {"set_write_intent", OK | INVAL, 0, false},
    [CALL_VISIT_INTENTS] = {"visit_write_intents", OK | AGAIN, BADMSG, true},
    [CALL_REPORT_LOSS] = {"report_loss", OK | INVAL, 0, false},
    [CALL_JOIN] = {"join", OK | AGAIN | TIMEDOUT | SHUTDOWN | STALE, BADMSG, true},
    [CALL_STAT] = {"stat", OK | INVAL, BADMSG, true},
    [CALL_PEEK] = {"peek", OK | INVAL, BADMSG, false}, /* check does not read seat buffers */
    [CALL_CHECK] = {"check", OK, BADMSG, false},
    [CALL_OPEN_PRODUCER] = {"open", OK | USERS | BUSY | SHUTDOWN, NOT_A_QUEUE | EXIST, true},
    [CALL_OPEN_CONSUMER] = {"open", OK | USERS, NOT_A_QUEUE | EXIST, true},
    [CALL_OPEN_OBSERVER] = {"open", OK, NOT_A_QUEUE | EXIST, true},
    [CALL_CLOSE] = {"close", OK | STALE, 0, false},
    [CALL_SHUTDOWN] = {"shutdown", OK, NOT_A_QUEUE, true},
    [CALL_PAUSE] = {"pause", OK, NOT_A_QUEUE, true},
    [CALL_FINISH_LANE] = {"finish_lane", OK | ALREADY | BUSY | INVAL | STALE, NOT_A_QUEUE, true},
    [CALL_DROP] = {"drop", OK | NOMSG | BUSY | STALE, NOT_A_QUEUE, false}, /* check goes by claim, drop by words */
    [CALL_CREATE] = {"create", OK, NOT_A_QUEUE | EXIST, true},
    [CALL_REMOVE] = {"remove", OK | BUSY | NOTEMPTY, NOT_A_QUEUE, true},
    [CALL_REMOVE_BY_FORCE] = {"remove by force", OK, NOENT, false},
};

void rules_judge(enum call call, int code, bool damaged)
{
    const uint32_t allowed = rules[call].always | (damaged ? rules[call].damaged : 0);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].code == code && (codes[i].bit & allowed) != 0)
            return;
    fuzz_fail("%s: %d, which it may not return%s", rules[call].name, code, damaged ? "" : " while all is well");
}

const char *rules_name(enum call call)
{
    return rules[call].name;
}

bool rules_are_public(enum call call)
{
    return rules[call].public;
}
