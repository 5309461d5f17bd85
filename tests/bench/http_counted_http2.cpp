#include "http_counted_http2.hpp"

#include "http_peers.hpp"
#include <syncopate/gather.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <string>
#include <utility>
#include <vector>

namespace bench {

namespace {

asio::awaitable<void> get(http::ClientSession& session, std::string url) {
    auto const size = co_await get_short(session, std::move(url));
    require(size == Nginx::short_size, "get");
}

asio::awaitable<void> get_all(http::ClientSession& session, std::string url, int count, int size) {
    for (int i = 0; i < count; i += size) {
        std::vector<asio::awaitable<void>> tasks;
        for (int j = 0; j < size; ++j)
            tasks.push_back(get(session, url));
        if (size == 1)
            co_await std::move(tasks.front());
        else
            co_await syncopate::gather(std::move(tasks));
    }
}

void get_all(bool by_http2, int count, int size) {
    syncopate::Runner runner;
    auto& session = runner.enter_context(
        [=] { return http::ClientSession(session_options().http2(by_http2)); });
    runner.run(get_all(session, Nginx::http2() + "/short", count, size));
}

}  // namespace

void http2_get(int count) {
    get_all(true, count, 1);
}
void https_get(int count) {
    get_all(false, count, 1);
}
void http2_get_100(int count) {
    get_all(true, count, 100);
}

}  // namespace bench
