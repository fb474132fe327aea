/* SPDX-License-Identifier: MIT */
#include "monitor/top/keys.h"

#include <string.h>

#define CONTROL(letter) ((letter)&0x1f)

const struct key_help keys_help[] = {
    {"up down k j", "choose a queue; on its page: scroll"},
    {"PgUp PgDn ^B ^F", "a screenful; ^U ^D: half of one"},
    {"Home End g G", "first and last"},
    {"Enter right l", "the page of the queue"},
    {"Esc left h", "back to the list"},
    {"Tab n / N", "next queue / the one before"},
    {"/", "jump to the queue whose name begins so"},
    {"s S r", "next order, the one before, reversed"},
    {"p", "pause the queue, or resume it (asks)"},
    {"^L", "draw the screen anew"},
    {"? F1", "this help"},
    {"q ^C", "quit"},
    {NULL, NULL},
};

static void ask(struct model *model)
{
    const struct watched *chosen = model_chosen(model);
    if (chosen == NULL || chosen->handle == NULL)
        return;
    model->question = (struct request){.wanted = true, .pause = !chosen->snapshot.stat.paused};
    memcpy(model->question.name, chosen->name, sizeof(chosen->name));
    model->overlay = OVERLAY_QUESTION;
}

static void answer(struct model *model, int key)
{
    if (key == 'y' || key == 'Y')
        model->request = model->question;
    else if (key != 'n' && key != 'N' && key != 'q' && key != KEY_OF_ESCAPE)
        return;
    model->overlay = OVERLAY_NONE;
}

static void type(struct model *model, int key)
{
    const size_t length = strlen(model->jump);
    if (key == KEY_OF_ENTER || key == KEY_OF_ESCAPE) {
        model->overlay = OVERLAY_NONE;
        return;
    }
    if (key == KEY_OF_ERASE && length > 0)
        model->jump[length - 1] = '\0';
    else if (key > ' ' && key <= '~' && length < sizeof(model->jump) - 1) {
        model->jump[length] = (char)key;
        model->jump[length + 1] = '\0';
    }
    model_jump(model, model->jump);
}

static void change_order(struct model *model, int by)
{
    model->order = (enum order)(((int)model->order + by + ORDERS) % ORDERS);
    model_sort(model);
}

/* Moves to a neighbour in the list, also from page to page. */
static void go_to_neighbour(struct model *model, int by)
{
    if (model->count > 0)
        model_choose_at(model, (model->cursor + model->count + (size_t)by) % model->count);
}

static ptrdiff_t page_lines(const struct model *model)
{
    const size_t lines = model->page == PAGE_QUEUE ? model->party_visible : model->visible;
    return lines > 1 ? (ptrdiff_t)lines : 1;
}

/* Return: false if it is no key that moves. */
static bool move(struct model *model, int key)
{
    const ptrdiff_t page = page_lines(model);
    switch (key) {
    case KEY_OF_UP:
    case 'k':
        model_move(model, -1);
        return true;
    case KEY_OF_DOWN:
    case 'j':
        model_move(model, 1);
        return true;
    case KEY_OF_PAGE_UP:
    case CONTROL('b'):
        model_move(model, -page);
        return true;
    case KEY_OF_PAGE_DOWN:
    case CONTROL('f'):
    case ' ':
        model_move(model, page);
        return true;
    case CONTROL('u'):
        model_move(model, -(page + 1) / 2);
        return true;
    case CONTROL('d'):
        model_move(model, (page + 1) / 2);
        return true;
    case KEY_OF_HOME:
    case 'g':
        model_move(model, -PTRDIFF_MAX);
        return true;
    case KEY_OF_END:
    case 'G':
        model_move(model, PTRDIFF_MAX);
        return true;
    default:
        return false;
    }
}

/* Return: false if it is no key that leads to another queue or page. */
static bool go(struct model *model, int key)
{
    switch (key) {
    case KEY_OF_ENTER:
    case KEY_OF_RIGHT:
    case 'l':
        if (model->count > 0)
            model_open(model, model->chosen);
        return true;
    case KEY_OF_ESCAPE:
    case KEY_OF_LEFT:
    case KEY_OF_ERASE:
    case 'h':
        model->page = PAGE_LIST;
        model_sort(model);
        return true;
    case KEY_OF_TAB:
    case 'n':
        go_to_neighbour(model, 1);
        return true;
    case KEY_OF_BACK_TAB:
    case 'N':
        go_to_neighbour(model, -1);
        return true;
    case '/':
        model->jump[0] = '\0';
        model->overlay = OVERLAY_JUMP;
        return true;
    default:
        return false;
    }
}

static void act(struct model *model, int key)
{
    switch (key) {
    case 's':
        change_order(model, 1);
        break;
    case 'S':
        change_order(model, -1);
        break;
    case 'r':
        model->reversed = !model->reversed;
        model_sort(model);
        break;
    case 'p':
        ask(model);
        break;
    case '?':
    case KEY_OF_HELP:
        model->overlay = OVERLAY_HELP;
        break;
    case 'q':
        model->quit = true;
        break;
    default:
        break;
    }
}

void keys_press(struct model *model, int key)
{
    if (key == 0) /* one that means nothing here */
        return;
    model->notice_until_ns = 0; /* it has been read */
    switch (model->overlay) {
    case OVERLAY_QUESTION:
        answer(model, key);
        break;
    case OVERLAY_JUMP:
        type(model, key);
        break;
    case OVERLAY_HELP: /* any key ends it */
        model->overlay = OVERLAY_NONE;
        break;
    case OVERLAY_NONE:
        if (!move(model, key) && !go(model, key))
            act(model, key);
        break;
    }
}
