// The service of service.c as somebody would write it who writes C++.
#include <opsgate.h>

#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

struct closer {
    void operator()(opsgate *gate) const
    {
        opsgate_close(gate);
    }
    void operator()(opsgate_response *response) const
    {
        opsgate_response_free(response);
    }
    void operator()(opsgate_window *window) const
    {
        opsgate_window_free(window);
    }
};

template <typename T> using owned = std::unique_ptr<T, closer>;

static void respond(opsgate *gate, const std::string &accept)
{
    owned<opsgate_response> response(opsgate_respond(gate, accept.empty() ? nullptr : accept.c_str()));
    if (!response) {
        std::cout << "503\n\n";
        return;
    }
    std::cout << response->status << '\n';
    for (size_t i = 0; i < response->header_count; i++)
        std::cout << response->headers[i].name << ": " << response->headers[i].value << '\n';
    std::cout << '\n' << response->body_length << '\n' << std::string(response->body, response->body_length) << '\n';
}

static void describe(opsgate *gate)
{
    owned<opsgate_window> window(opsgate_window_copy(gate));
    if (window)
        std::cout << window->active << ' ' << window->maintenance_id << '\n'
                  << window->description << '\n'
                  << window->started_at << '\n'
                  << window->estimated_end_utc << '\n'
                  << window->updates_json << '\n';
}

static void count(opsgate *gate)
{
    opsgate_counters counters;
    opsgate_count(gate, &counters);
    std::cout << counters.fresh << ' ' << counters.stale << ' ' << counters.unknown << ' ' << counters.blocked << ' '
              << counters.asked << ' ' << counters.failed << ' ' << counters.last_failure << '\n';
}

static void serve(opsgate *gate, const std::string &line)
{
    std::istringstream words(line);
    std::string method, path, accept;
    words >> method >> path >> accept;
    if (method == "WINDOW")
        describe(gate);
    else if (method == "COUNT")
        count(gate);
    else if (opsgate_check_request(gate, method.c_str(), path.c_str()))
        respond(gate, accept);
    else
        std::cout << "200\n";
    std::cout.flush();
}

int main(int argc, char **argv)
{
    const std::vector<const char *> health_paths = {"/healthz", "/status/*", nullptr};
    opsgate_config config = OPSGATE_CONFIG_INIT;
    config.source = argc > 1 ? argv[1] : "";
    config.refresh_ms = 1000;
    config.health_paths = health_paths.data();
    config.service = "shop";
    char why[OPSGATE_ERROR_SIZE];
    opsgate *opened = nullptr;
    if (opsgate_open(&config, &opened, why) != OPSGATE_OK) {
        std::cerr << why << '\n';
        return 2;
    }
    owned<opsgate> gate(opened);
    for (std::string line; std::getline(std::cin, line);)
        serve(gate.get(), line);
}
