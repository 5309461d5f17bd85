// Whatever a server of HTTP/2 says, the requests that share its connection give responses or errors, and neither hang nor
// grow. The real session, over TLS.
//
// An input is a row of frames: type, flags, stream, length of the payload, each a byte, and the payload. With a type above
// 127 the payload is sent as it stands, without a frame around it.

#include "support/http2.hpp"

#include "support/certificates.hpp"
#include "support/raw_server.hpp"
#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/run.hpp>
#include <syncopate/task_group.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace {

namespace asio = boost::asio;
namespace http = syncopate::http;
namespace http2 = support::http2;
using namespace std::chrono_literals;

constexpr std::size_t max_body_size = std::size_t{1024} * 1024;

std::string frames(std::string_view input) {
    constexpr std::size_t header = 4;
    constexpr int unframed = 128;
    std::string text;
    while (input.size() >= header) {
        auto const at = [&](std::size_t i) { return static_cast<std::uint8_t>(input[i]); };
        auto const payload = input.substr(header, at(3));
        text +=
            at(0) >= unframed ? std::string(payload) : http2::frame(at(0), at(1), at(2), payload);
        input.remove_prefix(header + payload.size());
    }
    return text;
}

/// Sends the first half to whoever connects, the second one when a request has come, and closes.
support::Script saying(std::string_view input) {
    auto const half = input.size() / 2;
    return [first = frames(input.substr(0, half)),
            second = frames(input.substr(half))](support::Peer& peer) {
        peer.read_until("SM\r\n\r\n");
        peer.send(first);
        http2::read_frame(peer, http2::header_frame);
        peer.send(second);
    };
}

asio::awaitable<void> read(http::ClientSession& session, std::string url, bool at_once) {
    try {
        auto response = co_await session.get(url);
        if (at_once) {
            auto const text = co_await response.text();
            if (text.size() > max_body_size)
                std::abort();
        } else {
            while (auto const piece = co_await response.content().anext()) {
            }
        }
    } catch (std::system_error const& error) {
        if (error.code().category() != http::error_category())
            std::abort();
    }
}

asio::awaitable<void> requests(http::SessionOptions options, std::string url) {
    http::ClientSession session(options);
    auto const converse = [&](syncopate::TaskGroup& group) -> asio::awaitable<void> {
        for (bool const at_once : {true, false, true})
            group.start_soon(read(session, url, at_once));
        co_return;
    };
    co_await syncopate::with_task_group(converse);
    co_await session.aexit(nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    if (!http::detail::Libnghttp2::get()) {
        std::fputs("There is no libnghttp2, without which there is nothing to try.\n", stderr);
        std::exit(1);
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static support::CertificateAuthority const authority;
    static auto const settings = http2::tls_settings(authority.issue());
    static auto const options = http::SessionOptions()
                                    .ca_certificates(authority.certificate())
                                    .http2(true)
                                    .max_body_size(max_body_size)
                                    .total_timeout(500ms);
    std::string_view const input(reinterpret_cast<char const*>(data), size);
    auto const server = support::RawServer::tls(settings, saying(input));
    syncopate::run([&] { return requests(options, server.url()); });
    return 0;
}
