// Requests, so many, for count.py: what one takes in allocations and system calls. with_nginx.py provides the
// server.
//
//   http_counted WORK COUNT

#include "http_peers.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

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

}  // namespace

int main(int argc, char* argv[]) {
    std::string const work = argc == 3 ? argv[1] : "";
    int const count = argc == 3 ? std::atoi(argv[2]) : 0;
    if (work == "http_get")
        get_on_the_loop(count);
    else if (work == "http_get_on_runner")
        get<OnRunner>(count);
    else if (work == "http_get_beast")
        get<Beast>(count);
    else {
        std::fprintf(
            stderr, "usage: http_counted http_get|http_get_on_runner|http_get_beast COUNT\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
