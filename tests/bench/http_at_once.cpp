// HTTP requests at once, beside libcurl, and by HTTP/2 beside HTTP/1.1; with_nginx.py provides the server.

#include "bench.hpp"
#include "http_peers.hpp"
#include "in_rounds.hpp"
#include <syncopate/gather.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace bench;

asio::awaitable<void> get_in_turn(http::ClientSession& session, std::string url, int count) {
    for (int i = 0; i < count; ++i) {
        auto const size = co_await get_short(session, url);
        require(size == Nginx::short_size, "get");
    }
}

/// So many coroutines, each of which makes so many requests.
asio::awaitable<void> get_at_once(
    http::ClientSession& session, std::string url, int at_once, int in_turn) {
    std::vector<asio::awaitable<void>> tasks;
    for (int i = 0; i < at_once; ++i)
        tasks.push_back(get_in_turn(session, url, in_turn));
    co_await syncopate::gather(std::move(tasks));
}

/// So many handles of one multi handle.
class CurlMulti {
public:
    /// version:   CURL_HTTP_VERSION_…, for https.
    CurlMulti(std::string const& base, int at_once, long version = CURL_HTTP_VERSION_1_1) {
        ::curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, long{at_once});
        for (int i = 0; i < at_once; ++i) {
            auto const& each = handles_.emplace_back(std::make_unique<Curl>(base));
            ::curl_easy_setopt(each->handle, CURLOPT_HTTP_VERSION, version);
            ::curl_easy_setopt(
                each->handle, CURLOPT_PIPEWAIT, long{version != CURL_HTTP_VERSION_1_1});
        }
    }
    CurlMulti(CurlMulti const&) = delete;
    CurlMulti& operator=(CurlMulti const&) = delete;
    ~CurlMulti() { ::curl_multi_cleanup(multi_); }

    /// Makes so many requests by each handle.
    void get(int in_turn) {
        auto left = handles_.size() * static_cast<std::size_t>(in_turn);
        auto to_begin = left - handles_.size();
        for (auto const& each : handles_)
            ::curl_multi_add_handle(multi_, each->handle);
        for (int running = 0; left > 0;) {
            ::curl_multi_perform(multi_, &running);
            int queued = 0;
            while (CURLMsg const* const message = ::curl_multi_info_read(multi_, &queued)) {
                require(message->data.result == CURLE_OK, "curl");
                CURL* const handle = message->easy_handle;
                ::curl_multi_remove_handle(multi_, handle);
                --left;
                if (to_begin > 0) {
                    --to_begin;
                    ::curl_multi_add_handle(multi_, handle);
                }
            }
            if (left > 0)
                ::curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
        }
    }

private:
    CURLM* multi_ = ::curl_multi_init();
    std::vector<std::unique_ptr<Curl>> handles_;
};

// --- 64 at once, one round after another

constexpr int at_once = 64;
constexpr int rounds = 100;

/// 64 coroutines of one loop.
void many_from_one_loop(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    OnRunner peer(Nginx::plain());
    auto const all = [&](int in_turn) {
        return get_at_once(peer.session, peer.url, at_once, in_turn);
    };
    peer.runner.run(all(2));
    for (auto _ : state) {
        auto const start = Clock::now();
        peer.runner.run(all(rounds));
        set_time(state, seconds_since(start), at_once * rounds);
    }
}

/// 64 threads with a handle each.
void many_from_curl_threads(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    std::vector<std::unique_ptr<Curl>> handles;
    for (int i = 0; i < at_once; ++i) {
        handles.push_back(std::make_unique<Curl>(Nginx::plain()));
        require(handles.back()->get() == Nginx::short_size, "get");
    }
    for (auto _ : state) {
        auto const start = Clock::now();
        std::vector<std::jthread> threads;
        for (auto const& handle : handles)
            threads.emplace_back([&handle] {
                for (int i = 0; i < rounds; ++i)
                    require(handle->get() == Nginx::short_size, "get");
            });
        threads.clear();
        set_time(state, seconds_since(start), at_once * rounds);
    }
}

void many_from_curl_multi(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    CurlMulti curl(Nginx::plain(), at_once);
    curl.get(2);
    for (auto _ : state) {
        auto const start = Clock::now();
        curl.get(rounds);
        set_time(state, seconds_since(start), at_once * rounds);
    }
}

// --- 100 at once, over TLS, by either version of HTTP

/// Which it is, and what is appended to a peer's name for it.
struct Version {
    bool is_2;
    long of_curl;
    char const* suffix;
};
constexpr Version versions[] = {
    {false, CURL_HTTP_VERSION_1_1, ""}, {true, CURL_HTTP_VERSION_2TLS, "_http2"}};

/// A session whose connections are made by its first requests. It may have 100 of them, as any session.
class SessionAtOnce {
public:
    explicit SessionAtOnce(Version version) : options_(session_options().http2(version.is_2)) {}

    void get(int count) {
        if (!session_)
            session_.emplace(options_);
        runner_.run(get_at_once(*session_, url_, count, 1));
    }
    void close() {
        runner_.run(session_->aexit(nullptr));
        session_.reset();
    }

private:
    std::string url_ = Nginx::http2() + "/short";
    http::SessionOptions options_;
    syncopate::Runner runner_;
    std::optional<http::ClientSession> session_;
};

/// The same, of libcurl.
class CurlAtOnce {
public:
    explicit CurlAtOnce(Version version) : version_(version) {}

    void get(int count) {
        if (!curl_)
            curl_.emplace(Nginx::http2(), count, version_.of_curl);
        curl_->get(1);
    }
    void close() { curl_.reset(); }

private:
    Version version_;
    std::optional<CurlMulti> curl_;
};

enum class Connections { kept, made };

template <class Peer>
Contender at_once_by(std::string const& name, Version version, Connections connections) {
    auto const peer = std::make_shared<Peer>(version);
    Contender contender{name + version.suffix, [peer](int count) { peer->get(count); }};
    if (connections == Connections::made)
        contender.end = [peer] { peer->close(); };
    return contender;
}

std::vector<Contender> versions_at_once(Connections connections) {
    std::vector<Contender> contenders;
    for (Version const version : versions) {
        contenders.push_back(at_once_by<SessionAtOnce>("syncopate_loop", version, connections));
        contenders.push_back(at_once_by<CurlAtOnce>("curl_multi", version, connections));
    }
    return contenders;
}

[[maybe_unused]] bool const registered = [] {
    add_timed("http_64", Place::anywhere, "syncopate_loop", many_from_one_loop);
    add_timed("http_64", Place::anywhere, "curl", many_from_curl_threads);
    add_timed("http_64", Place::anywhere, "curl_multi", many_from_curl_multi);
    add_in_rounds("https_100", [] { return versions_at_once(Connections::kept); });
    add_in_rounds("https_100_anew", [] { return versions_at_once(Connections::made); }, 5);
    return true;
}();

}  // namespace
