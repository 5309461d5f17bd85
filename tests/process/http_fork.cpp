// A process that forks while a client has connections: they are the parent's, and serve it afterwards.
#include "support/errors.hpp"
#include "support/http2.hpp"
#include "support/raw_server.hpp"
#include "support/stress.hpp"
#include <syncopate/error.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/thread_runner.hpp>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using support::RawServer;
using support::require;
using syncopate::Errc;
using syncopate::ThreadRunner;
using syncopate::http::Client;
using syncopate::http::ClientSession;
using syncopate::http::SessionOptions;

template <class F>
bool is_forked(F call) {
    return support::code_of(std::move(call)) == Errc::forked;
}

/// Calls a function in a child, which then ends as main() does.
template <class F>
void in_child(F function) {
    pid_t const child = ::fork();
    if (child == 0) {
        ::alarm(30);
        try {
            function();
        } catch (std::exception const& error) {
            support::give_up(error.what());
        }
        std::exit(EXIT_SUCCESS);
    }
    int status = 0;
    require(::waitpid(child, &status, 0) == child && status == 0, "the child was a success");
}

void test_with(RawServer const& server, SessionOptions const& options) {
    auto client = std::make_unique<Client>(options);
    Client unused(options);
    ThreadRunner runner;
    auto& session = runner.enter_context([&] { return ClientSession(options); });
    auto const get = [&] { return client->get(server.url()).text(); };
    auto const get_by_session = [&] {
        auto const response = runner.wrap_context(session.get(server.url()));
        return runner.run(response->text());
    };
    require(get() == "body" && get_by_session() == "body", "the parent's requests");
    auto stream = std::make_optional(client->stream(server.url()));
    auto const connections = server.connections();
    in_child([&] {
        require(is_forked(get), "a request");
        require(is_forked([&] { client->close(); }), "close()");
        require(is_forked([&] { static_cast<void>(client->cookies()); }), "cookies()");
        require(is_forked([&] { static_cast<void>(stream->status()); }), "a stream");
        runner.restart_after_fork();
        require(is_forked(get_by_session), "a session from before the fork");
        require(unused.get(server.url()).text() == "body", "a client that was not used");
        stream.reset();
        client.reset();
    });
    require(server.connections() == connections + 1, "the child has a connection of its own");
    std::string body;
    for (auto const& line : stream->lines())
        body += line;
    require(body == "body", "the parent's stream goes on");
    stream.reset();
    require(get() == "body" && get_by_session() == "body", "the parent's requests go on");
    require(server.connections() == connections + 1, "its connections are as they were");
}

}  // namespace

int main() {
    RawServer const server(support::answering(support::ok("body")));
    test_with(server, {});
    RawServer const tls(
        RawServer::tls(support::make_self_signed(), support::answering(support::ok("body"))));
    test_with(tls, SessionOptions().verify(false));
    if (!syncopate::http::detail::Libnghttp2::get())
        return 0;
    RawServer const http2(support::http2::server(
        support::make_self_signed(), support::http2::answering_each([](std::uint32_t stream) {
            return support::http2::whole(stream, "body");
        })));
    test_with(http2, SessionOptions().verify(false).http2(true));
    return 0;
}
