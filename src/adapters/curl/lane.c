#include "adapters/curl/lane.h"

#include "adapters/curl/transfer.h"
#include "base/foreign.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <poll.h>
#include <time.h>

enum {
    WAIT_MAX_MS = 1000, /* libcurl always has a timer; should it not, this is how late its time-outs are */
};

struct ops_curl_lane {
    const struct ops_curl_environment *environment;
    CURLM *multi;
    size_t widest;
    struct ops_curl_transfer *idle;
    struct ops_curl_transfer *running;
    size_t running_count;
    struct pollfd *polled; /* in any order; revents is 0 but for what is still to be told to libcurl */
    size_t polled_count;
    size_t polled_room;
    int64_t timer_ms; /* monotonic; when libcurl wants to be called */
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what libcurl waits for ---- */

static struct pollfd *add_polled(struct ops_curl_lane *lane)
{
    struct pollfd *polled = ops_mem_room(lane->polled, lane->polled_count, &lane->polled_room, sizeof *polled);
    if (!polled)
        return NULL;
    lane->polled = polled;
    return &lane->polled[lane->polled_count++];
}

/* There are few of them: looking through all is cheaper than keeping an index. -1 makes libcurl give up altogether. */
static int on_socket(CURL *handle, curl_socket_t fd, int what, void *context, void *unused)
{
    struct ops_curl_lane *lane = context;
    struct pollfd *polled = lane->polled, *end = polled + lane->polled_count;
    (void)handle, (void)unused;
    while (polled < end && polled->fd != fd)
        polled++;
    if (what == CURL_POLL_REMOVE) {
        if (polled < end) {
            *polled = end[-1];
            lane->polled_count--;
        }
        return 0;
    }
    if (polled == end && !(polled = add_polled(lane)))
        return -1;
    *polled = (struct pollfd){.fd = fd};
    polled->events = (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct ops_curl_lane *lane = context;
    (void)multi;
    lane->timer_ms = timeout_ms < 0 ? INT64_MAX : monotonic_ms() + timeout_ms;
    return 0;
}

/* A descriptor in trouble counts as ready for what it was waiting for, so that libcurl finds the reason itself. */
static int ready_mask(const struct pollfd *polled)
{
    short events = polled->revents & (POLLERR | POLLHUP | POLLNVAL) ? polled->events : polled->revents;
    return (events & POLLIN ? CURL_CSELECT_IN : 0) | (events & POLLOUT ? CURL_CSELECT_OUT : 0);
}

/* From the last to the first: when libcurl gives one up meanwhile, the last takes its place, and that one has been told. */
static CURLMcode tell_ready(struct ops_curl_lane *lane)
{
    CURLMcode code = CURLM_OK;
    int still_running;
    for (size_t i = lane->polled_count; i-- > 0 && code == CURLM_OK;) {
        if (i >= lane->polled_count || !lane->polled[i].revents)
            continue;
        int mask = ready_mask(&lane->polled[i]);
        lane->polled[i].revents = 0;
        code = curl_multi_socket_action(lane->multi, lane->polled[i].fd, mask, &still_running);
    }
    return code;
}

/* Waits until something happens, and lets libcurl go on. */
static CURLMcode go_on(struct ops_curl_lane *lane)
{
    int still_running;
    int64_t left_ms = lane->timer_ms == INT64_MAX ? WAIT_MAX_MS : lane->timer_ms - monotonic_ms();
    if (left_ms > 0) {
        ops_foreign_rest();
        int ready = poll(lane->polled, lane->polled_count, (int)(left_ms < WAIT_MAX_MS ? left_ms : WAIT_MAX_MS));
        ops_foreign_resume();
        if (ready > 0)
            return tell_ready(lane);
    }
    lane->timer_ms = INT64_MAX;
    return curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &still_running);
}

/* ---- the transfers ---- */

static struct ops_curl_transfer *take_idle(struct ops_curl_lane *lane)
{
    struct ops_curl_transfer *transfer = lane->idle;
    if (transfer)
        lane->idle = transfer->next;
    else if (ops_curl_transfer_new(lane->environment, &transfer) != OPS_OK)
        return NULL;
    return transfer;
}

static void give_idle(struct ops_curl_lane *lane, struct ops_curl_transfer *transfer)
{
    transfer->next = lane->idle;
    lane->idle = transfer;
}

static void begin(struct ops_curl_lane *lane, struct ops_http_exchange *exchange)
{
    struct ops_curl_transfer *transfer = take_idle(lane);
    if (!transfer) {
        exchange->status = OPS_NO_MEMORY;
        return;
    }
    if (!ops_curl_transfer_begin(transfer, exchange)) {
        give_idle(lane, transfer);
        return;
    }
    if (curl_multi_add_handle(lane->multi, transfer->handle) != CURLM_OK) {
        ops_curl_transfer_end(transfer, CURLE_OUT_OF_MEMORY);
        give_idle(lane, transfer);
        return;
    }
    transfer->next = lane->running;
    lane->running = transfer;
    lane->running_count++;
}

static void end(struct ops_curl_lane *lane, struct ops_curl_transfer *transfer, CURLcode code)
{
    struct ops_curl_transfer **link = &lane->running;
    while (*link != transfer)
        link = &(*link)->next;
    *link = transfer->next;
    lane->running_count--;
    (void)curl_multi_remove_handle(lane->multi, transfer->handle); /* it is in there */
    ops_curl_transfer_end(transfer, code);
    give_idle(lane, transfer);
}

static void end_what_is_over(struct ops_curl_lane *lane)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(lane->multi, &left))) {
        struct ops_curl_transfer *transfer = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer); /* set when it was made */
        end(lane, transfer, message->data.result);
    }
}

/* As wide as the lane ever was: its connections and transfers are kept for the next time. */
static void widen(struct ops_curl_lane *lane, size_t width)
{
    if (width <= lane->widest)
        return;
    lane->widest = width;
    (void)curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)width); /* sets a number */
}

static enum ops_status too_late(const struct ops_http_exchange *exchange)
{
    char shown[OPS_URL_SHOWN_SIZE];
    return ops_fail(exchange->error, OPS_UNREACHABLE, "The time was up before %s was asked.",
                    ops_http_request_shown(exchange->request, shown));
}

static void give_up(struct ops_curl_lane *lane, CURLMcode code)
{
    CURLcode reason =
        code == CURLM_OUT_OF_MEMORY || code == CURLM_ABORTED_BY_CALLBACK ? CURLE_OUT_OF_MEMORY : CURLE_FAILED_INIT;
    while (lane->running)
        end(lane, lane->running, reason);
}

bool ops_curl_lane_run(struct ops_curl_lane *lane, struct ops_http_exchange *exchanges, size_t count, size_t width,
                       int64_t begin_within_ms)
{
    int64_t start_ms = monotonic_ms();
    CURLMcode code = CURLM_OK;
    widen(lane, width < count ? width : count);
    for (size_t next = 0; next < count || lane->running;) {
        for (; next < count && lane->running_count < width; next++) {
            if (code != CURLM_OK)
                exchanges[next].status = OPS_NO_MEMORY;
            else if (monotonic_ms() - start_ms >= begin_within_ms)
                exchanges[next].status = too_late(&exchanges[next]);
            else
                begin(lane, &exchanges[next]);
        }
        if (lane->running)
            code = go_on(lane);
        if (code == CURLM_OK)
            end_what_is_over(lane);
        else
            give_up(lane, code);
    }
    return code == CURLM_OK;
}

/* ---- the lane itself ---- */

enum ops_status ops_curl_lane_new(const struct ops_curl_environment *environment, struct ops_curl_lane **ret_lane)
{
    struct ops_curl_lane *lane = ops_mem_zeroed(1, sizeof *lane);
    if (!lane)
        return OPS_NO_MEMORY;
    lane->environment = environment;
    lane->timer_ms = INT64_MAX;
    lane->multi = curl_multi_init();
    int failures = !lane->multi;
    failures += curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK;
    failures += curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane) != CURLM_OK;
    failures += curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK;
    failures += curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane) != CURLM_OK;
    if (failures) {
        ops_curl_lane_free(lane);
        return OPS_NO_MEMORY;
    }
    *ret_lane = lane;
    return OPS_OK;
}

void ops_curl_lane_free(struct ops_curl_lane *lane)
{
    if (!lane)
        return;
    while (lane->idle)
        ops_curl_transfer_free(take_idle(lane));
    if (lane->multi)
        (void)curl_multi_cleanup(lane->multi); /* it is one */
    ops_mem_free(lane->polled);
    ops_mem_free(lane);
}
