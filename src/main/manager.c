#include "main/manager.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOOK_EVERY_MS = 1000, STATUS_SIZE = 1600 };

void ops_manager_open(struct ops_manager *manager)
{
    *manager = (struct ops_manager){.stands_still = false};
    ops_notify_open(&manager->notify, getenv("NOTIFY_SOCKET"), getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    /* A command that fetches credentials must not speak for us. */
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void ops_manager_close(struct ops_manager *manager)
{
    ops_notify_close(&manager->notify);
}

void ops_manager_ready(struct ops_manager *manager, const char *status, int64_t now_ms)
{
    char line[STATUS_SIZE];
    (void)snprintf(line, sizeof line, "%s", status);
    /* A path may hold anything, and a line feed would begin another assignment. */
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = '?';
    ops_notify_tell(&manager->notify, "READY=1\nSTATUS=%s", line);
    ops_watch_init(&manager->watch, OPS_MANAGER_PATIENCE_MS, now_ms);
}

/* The manager may want to hear from us more often than we would look. */
int64_t ops_manager_wait_ms(const struct ops_manager *manager)
{
    int64_t third_ms = manager->notify.watchdog_ms / 3;
    return third_ms > 0 && third_ms < LOOK_EVERY_MS ? third_ms : LOOK_EVERY_MS;
}

/* About thrice in the time in which the manager wants to hear once. */
static void tell_alive(struct ops_manager *manager, int64_t now_ms)
{
    if (manager->notify.watchdog_ms == 0 ||
        now_ms - manager->told_alive_ms < manager->notify.watchdog_ms / 3 - LOOK_EVERY_MS)
        return;
    ops_notify_tell(&manager->notify, "WATCHDOG=1");
    manager->told_alive_ms = now_ms;
}

void ops_manager_look(struct ops_manager *manager, const struct ops_pulse *sweep, int64_t now_ms, struct ops_log *log)
{
    bool stands_still = !ops_watch_look(&manager->watch, sweep, now_ms);
    if (stands_still && !manager->stands_still)
        ops_log_say(log, OPS_LOG_ERROR, "sweep.stands_still",
                    "The sweep stands still for %d s, though it waits for nobody%s.", OPS_MANAGER_PATIENCE_MS / 1000,
                    manager->notify.watchdog_ms ? "; systemd's watchdog is told nothing any more" : "");
    if (!stands_still && manager->stands_still)
        ops_log_say(log, OPS_LOG_INFO, "sweep.goes_round", "The sweep goes round again.");
    manager->stands_still = stands_still;
    if (!stands_still)
        tell_alive(manager, now_ms);
}
