// Requests, so many, for count.py: what one takes in allocations and system calls. with_nginx.py provides the
// server.
//
//   http_counted WORK COUNT

#include "http_counted_http2.hpp"
#include "http_peers.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace bench;

template <class Peer>
void get(int count) {
    Peer peer(Nginx::plain());
    for (int i = 0; i < count; ++i)
        require(peer.get() == Nginx::short_size, "get");
}

void get_on_the_loop(int count) {
    OnRunner peer(Nginx::plain());
    auto const all = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < count; ++i) {
            auto const size = co_await get_short(peer.session, peer.url);
            require(size == Nginx::short_size, "get");
        }
    };
    peer.runner.run(all);
}

struct Work {
    std::string_view name;
    void (*run)(int count);
};
constexpr Work works[] = {
    {"http_get", get_on_the_loop},    {"http_get_on_runner", get<OnRunner>},
    {"http_get_beast", get<Beast>},   {"http2_get", http2_get},
    {"http2_get_100", http2_get_100}, {"https_get", https_get},
};

}  // namespace

int main(int argc, char* argv[]) {
    std::string_view const name = argc == 3 ? argv[1] : "";
    auto const* const work = std::ranges::find(works, name, &Work::name);
    if (work == std::ranges::end(works)) {
        std::fprintf(stderr, "usage: http_counted WORK COUNT\n");
        return EXIT_FAILURE;
    }
    work->run(std::atoi(argv[2]));
    return EXIT_SUCCESS;
}
