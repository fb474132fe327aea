/* SPDX-License-Identifier: MIT */
/*
 * Messages that are put aside until they are due: aside.c, with what it relies on in seat.c. Each step is one access to
 * shared memory or one system call, and a consumer may be killed between any two; a new one takes its place.
 *
 * It follows these functions (and has to be changed with them):
 *
 *   aside.c    shmq_put_aside, mark_aside, count_asides
 *   seat.c     seat_attach, lock_seat, lock_empty_seat, seat_move_away, claim_work, has_to_wait, end_aside,
 *              seat_release_adopted
 *   get.c      fill_buffer, as one step with the lease before it
 *
 * Not here: rings and leases (lane.pml); sleeping and waking (bell.pml); attempts; eager consumers.
 *
 *   CONSUMERS, SEATS, MESSAGES
 *   LIMIT       how many may wait aside
 *   ASIDES      how often one is put aside, at the most
 *   LATEST      how often the clock goes on
 *   KILLS       how many at the most
 *   FAULT_...   a planted mistake
 *
 * Checked: no message is lost, overwritten or acknowledged twice; none is taken before it is due; no more wait aside than
 * may; and a note is that of one put-aside, never of two.
 */

#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef SEATS
#define SEATS 3
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef LIMIT
#define LIMIT 1
#endif
#ifndef ASIDES
#define ASIDES 2
#endif
#ifndef LATEST
#define LATEST 2
#endif
#ifndef KILLS
#define KILLS 1
#endif

#define NOBODY 255

byte seat_byte[SEATS] = NOBODY; /* who holds it */
byte held[SEATS];               /* the message in the buffer; 0: none */
byte due[SEATS];                /* due time and which note counts change with one store */
bit which[SEATS];
byte notes[SEATS * 4];          /* two copies of two words each */

byte now;      /* the clock */
byte next = 1; /* the next message to lease */
byte done;     /* messages acknowledged */
byte kills;
byte asides;
bit acknowledged[MESSAGES + 1];

#define NOTE(s, copy, word) notes[(s) * 4 + (copy) * 2 + (word)]
#define FREE(s) (seat_byte[s] == NOBODY)
#define WAITS(s) (held[s] != 0 && due[s] > now)
#define WORK(s) (FREE(s) && held[s] != 0 && !WAITS(s))
#define ALONE(s) (FREE(s) && held[s] != 0 && due[s] != 0 -> 1 : 0)

#if SEATS == 3
#define ANY_WORK (WORK(0) || WORK(1) || WORK(2))
#define ALL_ALONE (ALONE(0) + ALONE(1) + ALONE(2))
#define SOME_SEAT(s) if :: s = 0 :: s = 1 :: s = 2 fi
#define ANY_SEAT (TAKABLE(0) || TAKABLE(1) || TAKABLE(2))
#else
#define ANY_WORK (WORK(0) || WORK(1) || WORK(2) || WORK(3))
#define ALL_ALONE (ALONE(0) + ALONE(1) + ALONE(2) + ALONE(3))
#define SOME_SEAT(s) if :: s = 0 :: s = 1 :: s = 2 :: s = 3 fi
#define ANY_SEAT (TAKABLE(0) || TAKABLE(1) || TAKABLE(2) || TAKABLE(3))
#endif

#ifdef FAULT_NEWCOMER_TAKES_ANY_SEAT
#define TAKABLE(s) (FREE(s))
#else
#define TAKABLE(s) (FREE(s) && !WAITS(s))
#endif

/* A step, or a death before it: the kernel drops all locks. */
#define STEP(action) \
    if \
    :: d_step { action } \
    :: d_step { kills < KILLS -> kills++; let_go() } -> goto dead \
    fi

inline let_go() {
    i = 0;
    do
    :: i < SEATS -> if :: seat_byte[i] == _pid -> seat_byte[i] = NOBODY :: else fi; i++
    :: else -> break
    od;
    i = 0; own = 0; job = 0; s = 0; copy = 0; count = 0; seen = 0; number = 0; before = 0
}

active proctype clock() {
end:
    do
    :: now < LATEST -> now++
    od
}

active [CONSUMERS] proctype consumer() {
    byte i, own, job, s, copy, count, seen, number, before;

dead: /* and the next one, which attaches */
    skip;
    atomic { ANY_SEAT || done == MESSAGES; if :: done == MESSAGES -> goto over :: else fi }
    SOME_SEAT(s);
    STEP(if :: TAKABLE(s) -> seen = 1 :: else -> seen = 0 fi);
    if :: !seen -> goto dead :: else fi;
    STEP(if :: FREE(s) -> seat_byte[s] = _pid :: else -> seen = 0 fi);
    if :: !seen -> goto dead :: else fi;
#ifndef FAULT_NEWCOMER_TAKES_ANY_SEAT
    STEP(if :: WAITS(s) -> seat_byte[s] = NOBODY; seen = 0 :: else fi); /* put aside meanwhile */
    if :: !seen -> goto dead :: else fi;
#endif
    d_step { own = s; s = 0; seen = 0 }

look:
    /* What our own seat has goes before any lease, due or not. */
    if :: held[own] != 0 -> job = own; goto adopt :: else fi;
wait:
    atomic {
        ANY_WORK || next <= MESSAGES || done == MESSAGES;
        if :: done == MESSAGES -> goto over :: else fi
    }
    if
    :: d_step { next <= MESSAGES ->
        assert(held[own] == 0);
        held[own] = next; due[own] = 0; which[own] = 0; NOTE(own, 0, 0) = 0; NOTE(own, 0, 1) = 0;
        next++; job = own }
       goto work
    :: ANY_WORK -> skip
    :: next > MESSAGES && !ANY_WORK -> goto wait
    fi;
    SOME_SEAT(s);
    if :: s == own -> goto wait :: else fi;
    STEP(seen = (held[s] != 0 && !WAITS(s)));
    if :: !seen -> goto wait :: else fi;
    STEP(if :: FREE(s) -> seat_byte[s] = _pid :: else -> seen = 0 fi);
    if :: !seen -> goto wait :: else fi;
#ifndef FAULT_ADOPTS_WITHOUT_SECOND_LOOK
    STEP(if :: held[s] == 0 || WAITS(s) -> seat_byte[s] = NOBODY; seen = 0 :: else fi);
    if :: !seen -> goto wait :: else fi;
#endif
    d_step { job = s; s = 0; seen = 0 }

adopt:
    STEP(assert(held[job] != 0 && due[job] <= now); due[job] = 0);
    STEP(assert(NOTE(job, which[job], 0) == NOTE(job, which[job], 1)));

work:
    if
    :: goto acknowledge
    :: asides < ASIDES -> asides++
    fi;

    /* Is there room? */
    count = 0; i = 0;
    do
    :: i < SEATS -> STEP(if :: i != job && held[i] != 0 && due[i] != 0 -> count++ :: else fi; i++)
    :: else -> break
    od;
    if :: d_step { count >= LIMIT -> i = 0; count = 0 } -> goto acknowledge :: d_step { else -> i = 0; count = 0 } fi;

    /* To another seat, unless the message is not in our own. */
    if
    :: job == own ->
        SOME_SEAT(s);
#ifndef FAULT_MOVES_TO_A_SEAT_WITH_WORK
        STEP(seen = (s != own && FREE(s) && held[s] == 0));
#else
        STEP(seen = (s != own && FREE(s)));
#endif
        if :: !seen -> goto acknowledge :: else fi;
        STEP(if :: FREE(s) -> seat_byte[s] = _pid :: else -> seen = 0 fi);
        if :: !seen -> goto acknowledge :: else fi;
#ifndef FAULT_MOVES_TO_A_SEAT_WITH_WORK
        STEP(if :: held[s] != 0 -> seat_byte[s] = NOBODY; seen = 0 :: else fi);
        if :: !seen -> goto acknowledge :: else fi;
#endif
        d_step { own = s; s = 0; seen = 0 }
    :: else
    fi;

    /* Note, then due time. */
    d_step {
        before = which[job];
#ifdef FAULT_ONE_NOTE
        copy = before;
#else
        copy = 1 - before;
#endif
        number = asides
    }
    STEP(NOTE(job, copy, 0) = number);
    STEP(NOTE(job, copy, 1) = number);
    STEP(due[job] = (now < LATEST -> now + 1 : LATEST); which[job] = copy);
#ifndef FAULT_COUNTS_BEFORE_ONLY
    count = 0; i = 0;
    do
    :: i < SEATS -> STEP(if :: held[i] != 0 && due[i] != 0 -> count++ :: else fi; i++)
    :: else -> break
    od;
    if
    :: count > LIMIT -> STEP(due[job] = 0; which[job] = before; i = 0; count = 0; copy = 0; number = 0; before = 0); goto acknowledge
    :: else
    fi;
#endif
    STEP(seat_byte[job] = NOBODY; assert(ALL_ALONE <= LIMIT);
        job = 0; i = 0; copy = 0; count = 0; number = 0; before = 0);
    goto look;

acknowledge:
    STEP(assert(!acknowledged[held[job]]); acknowledged[held[job]] = 1; held[job] = 0; done++);
    STEP(if :: job != own -> seat_byte[job] = NOBODY :: else fi; job = 0; s = 0; seen = 0);
    goto look;

over:
    skip;
    d_step { let_go() }
}
