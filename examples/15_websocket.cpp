// Idea: a WebSocket in a synchronous scope, with a plain loop over the messages that come.
// In the article: "But I want to use async iterables".
#include "support/echo_websocket.hpp"
#include <syncopate/http/websocket.hpp>
#include <syncopate/thread_runner.hpp>

#include <iostream>

int main() {
    example::EchoWebSocket const server;

    syncopate::ThreadRunner runner;
    auto& session = runner.enter_context([] { return syncopate::http::ClientSession{}; });
    {
        // Closed at the end of the scope, with a close frame.
        auto socket = runner.wrap_context(session.websocket(server.url()));
        for (char const* const text : {"hello", "how are you?", "bye"})
            runner.run(socket->send(text));

        for (auto const& message : runner.wrap_iter(*socket)) {
            std::cout << "echo: " << message.data() << '\n';
            if (message.data() == "bye")
                break;
        }
    }
    std::cout << "closed\n";
}
