// Clients among the objects with static storage: the process ends cleanly, and who comes too late is told
// so. What goes wrong after main can only be told by the exit status.
#include "support/raw_server.hpp"
#include <syncopate/default_runner.hpp>
#include <syncopate/error.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/options.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

namespace {

using support::RawServer;
using syncopate::http::Client;
using syncopate::http::SessionOptions;

void require(bool condition, char const* what) {
    if (condition)
        return;
    std::fprintf(stderr, "FAILED: %s\n", what);
    std::_Exit(EXIT_FAILURE);
}

// Never destroyed: they answer to the end.
RawServer const& server() {
    static auto const& instance = *new RawServer(support::answering(support::ok("body")));
    return instance;
}
// With a handshake for each request.
RawServer const& tls_server() {
    static auto const& instance = *new RawServer(
        RawServer::tls(support::make_self_signed(), support::answering_once(support::ok("body"))));
    return instance;
}

bool works(Client& client, RawServer const& with) {
    return client.get(with.url()).text() == "body";
}

bool is_refused(Client& client) {
    try {
        static_cast<void>(client.get(server().url()));
    } catch (std::system_error const& error) {
        return error.code() == syncopate::Errc::runner_closed;
    }
    return false;
}

// Clients that can be named to the end.
Client& of_default_runner() {
    static Client& instance = *new Client(syncopate::default_runner());
    return instance;
}
Client& closed_at_exit() {
    static Client& instance = *new Client;
    return instance;
}

// Destroyed in the opposite order.
struct Last {
    ~Last() {
        require(is_refused(of_default_runner()), "a client of default_runner() refuses requests");
        require(is_refused(closed_at_exit()), "a client that was closed refuses requests");
        std::puts("the last static object is gone");
    }
} const last;

Client client;
Client tls_client(SessionOptions().verify(false));  // OpenSSL is first used by its first request
Client never_used;

struct AfterMain {
    ~AfterMain() {
        require(works(client, server()), "a static client works until its own end");
        require(works(tls_client, tls_server()), "with TLS as well");
        closed_at_exit().close();
    }
} const after_main;

}  // namespace

int main() {
    static Client in_function;
    static Client never_used_in_function;
    require(works(in_function, server()), "a client of a function works");
    require(works(client, server()), "a static client works");
    require(works(tls_client, tls_server()), "a static client works with TLS");
    require(works(closed_at_exit(), server()), "a leaked client works");
    require(works(of_default_runner(), server()), "a client of default_runner() works");
    return 0;
}
