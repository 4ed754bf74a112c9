#include "app/veto.h"

#include <stdio.h>

bool ops_veto_is_for(enum ops_status status)
{
    return status == OPS_STORE_UNAVAILABLE || status == OPS_THROTTLED || status == OPS_UNKNOWN || status == OPS_IO_ERROR;
}

static struct ops_veto *find_locked(struct ops_vetoes *vetoes, const char *vacuum_id)
{
    for (size_t i = 0; i < OPS_VETOES_MAX; i++)
        if (strcmp(vetoes->synced.list[i].vacuum_id, vacuum_id) == 0)
            return &vetoes->synced.list[i];
    return NULL;
}

static void copy_text(const char *text, char ret_text[static OPS_VETO_TEXT_SIZE])
{
    (void)snprintf(ret_text, OPS_VETO_TEXT_SIZE, "%s", text ? text : "");
}

void ops_veto_add(struct ops_app *app, const char *vacuum_id, const struct ops_who *who, int64_t asked_ms)
{
    struct ops_vetoes *vetoes = &app->vetoes;
    struct ops_veto veto = {.asked_ms = asked_ms};
    (void)snprintf(veto.vacuum_id, sizeof veto.vacuum_id, "%s", vacuum_id);
    copy_text(who->actor, veto.actor);
    copy_text(who->peer, veto.peer);
    copy_text(who->reason, veto.reason);
    pthread_mutex_lock(&vetoes->lock);
    struct ops_veto *place = find_locked(vetoes, vacuum_id);
    if (!place) {
        place = &vetoes->synced.list[vetoes->synced.next];
        vetoes->synced.next = (vetoes->synced.next + 1) % OPS_VETOES_MAX;
    }
    *place = veto;
    pthread_mutex_unlock(&vetoes->lock);
}

bool ops_veto_find(struct ops_app *app, const char *vacuum_id, struct ops_veto *ret_veto)
{
    pthread_mutex_lock(&app->vetoes.lock);
    const struct ops_veto *veto = find_locked(&app->vetoes, vacuum_id);
    if (veto)
        *ret_veto = *veto;
    pthread_mutex_unlock(&app->vetoes.lock);
    return veto;
}

void ops_veto_forget(struct ops_app *app, const char *vacuum_id)
{
    pthread_mutex_lock(&app->vetoes.lock);
    struct ops_veto *veto = find_locked(&app->vetoes, vacuum_id);
    if (veto)
        *veto = (struct ops_veto){.asked_ms = 0};
    pthread_mutex_unlock(&app->vetoes.lock);
}
