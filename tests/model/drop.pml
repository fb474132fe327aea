/* SPDX-License-Identifier: MIT */
/*
 * Messages that are dropped while consumers lease them: drop.c, with what it relies on in ring.c, batch.c and seat.c.
 * Each step is one access to shared memory or one system call, and everybody may be killed between any two.
 *
 * It follows these functions (and has to be changed with them):
 *
 *   drop.c     drop_once, drop_unclaimed, drop_leased
 *   ring.c     ring_drop, ring_locate (one step: what it passes does not change, only the last word that it reads);
 *              ring_lease
 *   lane_schedule.c  lease_from, lease_split
 *   seat.c     adopt_lease, with the byte of the dead one's seat
 *   batch.c    batch_next_run
 *
 * Not here: the ring and its laps (lane.pml), and seat buffers, where the seat's byte decides about everything.
 *
 *   MESSAGES, CONSUMERS (each with a seat of its own), DROPPERS (each drops one message)
 *   KILLS       how many at the most
 *   FAULT_...   a planted mistake
 *
 * Checked: what is said to be dropped is not being delivered, was not delivered by one who lives, and is not delivered
 * later; and in the end every message is acknowledged once, or marked.
 */

#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef DROPPERS
#define DROPPERS 2
#endif
#ifndef KILLS
#define KILLS 2
#endif
#define PREFETCH 2

#define NOBODY 255

/* What a dropper finds: ring_place_state. */
#define DONE 0
#define LEASED 1
#define UNCLAIMED 2

/* The lane: message m stands at position m, from 1 on. */
bit mark[MESSAGES + 2];    /* its descriptor says dropped */
byte drops;
byte span[MESSAGES + 2];   /* of the batch that begins there; 0: the word is of an earlier lap */
byte owner[MESSAGES + 2];  /* the word's seat */
bit done[MESSAGES + 2];

byte holder[CONSUMERS];    /* who has the seat's byte */
byte intent[CONSUMERS];
byte progress[CONSUMERS];

byte kills;
byte ended;

/* Ghosts. */
byte acknowledged[MESSAGES + 2];
byte handed[MESSAGES + 2]; /* how many living consumers have got it and not acknowledged it */
bit said[MESSAGES + 2];    /* a dropper says that it is dropped */

#define HOLDS(s) (intent[s] != 0 && span[intent[s]] != 0 && owner[intent[s]] == (s) && !done[intent[s]])

/* A step, or a death before it. One that ends elsewhere cannot be deterministic. */
#define STEP(...) \
    if \
    :: d_step { __VA_ARGS__ } \
    :: atomic { kills < KILLS -> kills++; goto killed } \
    fi
#define STEP_OR_GOTO(...) \
    if \
    :: atomic { __VA_ARGS__ } \
    :: atomic { kills < KILLS -> kills++; goto killed } \
    fi

/* The batch that @m is in, or the first position that nobody has leased. */
inline locate(m, at) {
    at = 1;
    do
    :: span[at] != 0 && m >= at + span[at] -> at = at + span[at]
    :: else -> break
    od;
    skip
}

inline read_mark(i) {
    if
    :: i < count -> words = (words & (255 - (1 << i))) | (mark[start + i] << i)
    :: else
    fi
}

proctype Consumer(byte self)
{
    byte s, start, count, words, before, at, next;
    bit shown;

idle:
    /* What a dead one left, or a batch of its own. */
    atomic {
        do
        :: holder[0] == NOBODY && HOLDS(0) -> s = 0; holder[0] = _pid; goto adopt
        :: CONSUMERS > 1 && holder[CONSUMERS - 1] == NOBODY && HOLDS(CONSUMERS - 1) ->
           s = CONSUMERS - 1; holder[CONSUMERS - 1] = _pid; goto adopt
        :: holder[self] == NOBODY && !HOLDS(self) -> s = self; holder[self] = _pid; break
        od
    }
lease:
    STEP(locate(MESSAGES + 1, start));
    if
    :: start > MESSAGES -> goto out
    :: else
    fi;
    if
    :: count = 1
    :: count = (start < MESSAGES -> PREFETCH : 1)
    fi;
    STEP(before = drops);
    STEP(read_mark(0));
    STEP(read_mark(1));
    STEP(intent[s] = start; progress[s] = 0);
    STEP_OR_GOTO(if
                 :: span[start] == 0 -> span[start] = count; owner[start] = s
                 :: else -> start = 0; count = 0; words = 0; before = 0; goto lease
                 fi);
#ifndef FAULT_NO_SECOND_LOOK
    STEP(before = (before != drops));
    if
    :: before ->
       /* What is marked from now on need not be seen. */
       STEP(read_mark(0); read_mark(1); before = 0)
    :: else
    fi;
#endif
    before = 0;
    goto work;

adopt:
    /* Nobody else marks what the seat has while its byte is ours. */
    STEP(start = intent[s]; count = span[start]; next = progress[s]; read_mark(0); read_mark(1));

work:
    do
    :: next < count ->
       if
       :: (words >> next & 1) == 0 ->
          STEP(assert(!said[start + next]); handed[start + next]++; shown = 1);
          /* The last one is acknowledged by the word. */
          STEP(next++; progress[s] = next; handed[start + next - 1]--; shown = 0;
               acknowledged[start + next - 1]++; assert(acknowledged[start + next - 1] == 1);
               if
               :: next == count -> done[start] = 1
               :: else
               fi)
       :: else ->
          STEP(next++;
               if
               :: next == count -> done[start] = 1
               :: else -> progress[s] = next
               fi)
       fi
    :: else -> break
    od;
    atomic { holder[s] = NOBODY; s = 0; start = 0; count = 0; words = 0; next = 0 };
    goto idle;

killed:
    atomic {
        if
        :: shown -> handed[start + next]--; shown = 0
        :: else
        fi;
        holder[s] = NOBODY;
        s = 0; start = 0; count = 0; words = 0; before = 0; at = 0; next = 0
    }
    goto idle;

out:
    /* It leaves when everything is acknowledged, or another one will finish it. */
    atomic { holder[s] = NOBODY; s = 0; start = 0 };
    atomic {
        if
        :: holder[0] == NOBODY && HOLDS(0) -> at = 0; goto idle
        :: CONSUMERS > 1 && holder[CONSUMERS - 1] == NOBODY && HOLDS(CONSUMERS - 1) -> at = 0; goto idle
        :: !HOLDS(0) && (CONSUMERS == 1 || !HOLDS(CONSUMERS - 1)) -> ended++
        fi
    }
}

proctype Dropper()
{
    byte m, at, state, s = NOBODY;
    bit was;

    if
    :: m = 1
    :: m = 2
    :: m = MESSAGES
    fi;
    STEP(locate(m, at); state = (span[at] == 0 -> UNCLAIMED : (done[at] -> DONE : LEASED)); s = owner[at]);
    if
    :: state == UNCLAIMED -> s = NOBODY
    :: state == DONE -> goto finished
    :: state == LEASED -> goto leased
    fi;

#ifdef FAULT_COUNT_BEFORE_MARK
    STEP(drops++);
    STEP(was = mark[m]; mark[m] = 1);
#else
    STEP(was = mark[m]; mark[m] = 1);
#endif
#if !defined(FAULT_COUNT_BEFORE_MARK) && !defined(FAULT_COUNT_AFTER_LOOK)
    STEP(drops++);
#endif
#ifndef FAULT_NO_LOOK_AFTER_MARK
    /* The last word that it reads decides; nothing that it says later depends on anything else. */
    STEP(locate(m, at);
         if
         :: span[at] == 0 && !was -> said[m] = 1
         :: else
         fi);
#else
    STEP(said[m] = !was);
#endif
#ifdef FAULT_COUNT_AFTER_LOOK
    STEP(drops++);
#endif
    goto finished;

leased:
#ifndef FAULT_WITHOUT_BYTE
    atomic {
        if
        :: holder[s] == NOBODY -> holder[s] = _pid
        :: else -> s = NOBODY; goto finished
        fi
    }
#else
    STEP_OR_GOTO(if
                 :: holder[s] == NOBODY -> skip
                 :: else -> s = NOBODY; goto finished
                 fi);
#endif
#ifndef FAULT_WITHOUT_RECHECK
    STEP_OR_GOTO(if
                 :: HOLDS(s) && intent[s] == at && m - at >= progress[s] -> skip
                 :: else -> goto let_go
                 fi);
#endif
    STEP(was = mark[m]; mark[m] = 1);
    STEP(if
         :: !was -> assert(acknowledged[m] == 0 && handed[m] == 0); said[m] = 1
         :: else
         fi);
    goto let_go;

killed:
let_go:
    if
    :: s != NOBODY && holder[s] == _pid -> holder[s] = NOBODY
    :: else
    fi;

finished:
    ended++
}

init {
    byte i;
    atomic {
        do
        :: i < CONSUMERS -> holder[i] = NOBODY; run Consumer(i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < DROPPERS -> run Dropper(); i++
        :: else -> break
        od;
        i = 1
    }
    ended == CONSUMERS + DROPPERS;
    do
    :: i <= MESSAGES -> assert(acknowledged[i] + said[i] <= 1 && (acknowledged[i] == 1 || mark[i])); i++
    :: else -> break
    od
}
