// Whatever a server answers, a session gives a response or an error, and neither hangs nor grows. The real
// session, over a Unix domain socket.

#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/run.hpp>
#include <syncopate/task_group.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

namespace {

namespace asio = boost::asio;
namespace http = syncopate::http;
using Local = asio::local::stream_protocol;
using namespace std::chrono_literals;

constexpr std::size_t max_body_size = std::size_t{1024} * 1024;

std::string socket_path() {
    static std::string const path = [] {
        std::array<char, 64> folder{"/tmp/syncopate-fuzz-XXXXXX"};
        if (!::mkdtemp(folder.data()))
            std::abort();
        return std::string(folder.data()) + "/socket";
    }();
    return path;
}

/// Answers a request with the input, in two pieces, and closes.
asio::awaitable<void> serve(Local::acceptor& acceptor, std::string_view input) {
    constexpr auto with_error = asio::as_tuple(asio::deferred);
    auto const split = input.empty() ? 0 : static_cast<std::uint8_t>(input.back()) % input.size();
    for (;;) {  // once more, if the client retries
        auto socket = co_await acceptor.async_accept(asio::deferred);
        std::array<char, 4096> request{};
        co_await socket.async_read_some(asio::buffer(request), with_error);
        co_await asio::async_write(socket, asio::buffer(input.substr(0, split)), with_error);
        co_await asio::async_write(socket, asio::buffer(input.substr(split)), with_error);
    }
}

/// The whole of a response, by one of the ways to read it.
asio::awaitable<void> read(http::Response& response, std::uint8_t way) {
    switch (way % 4) {
    case 0: {
        auto const text = co_await response.text();
        if (text.size() > max_body_size)
            std::abort();
        break;
    }
    case 1: {
        auto lines = response.content().lines();
        while (auto const line = co_await lines.anext()) {
        }
        break;
    }
    case 2: {
        auto chunks = response.content().chunks(1000);
        while (auto const chunk = co_await chunks.anext()) {
        }
        break;
    }
    default: co_await response.aexit(nullptr);
    }
}

asio::awaitable<void> exchange(std::string_view input) {
    auto const path = socket_path();
    ::unlink(path.c_str());
    Local::acceptor acceptor(co_await asio::this_coro::executor, Local::endpoint(path));
    http::ClientSession session(http::SessionOptions()
                                    .unix_socket(path)
                                    .cookies(true)
                                    .max_redirects(2)
                                    .max_body_size(max_body_size)
                                    .total_timeout(2s));
    auto const converse = [&](syncopate::TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(serve(acceptor, input));
        try {
            auto response = co_await session.get("http://localhost/");
            auto const way = input.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(input[0]);
            co_await read(response, way);
        } catch (std::system_error const& error) {
            if (error.code().category() != http::error_category())
                std::abort();
        }
        group.cancel();
    };
    co_await syncopate::with_task_group(converse);
    co_await session.aexit(nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const input(reinterpret_cast<char const*>(data), size);
    syncopate::run([&] { return exchange(input); });
    return 0;
}
