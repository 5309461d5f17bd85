// Idea: what a server tells by itself comes in a plain loop: its events, and the messages of a WebSocket.
// In the article: "But I want to use async iterables".
#include "support/echo_websocket.hpp"
#include "support/http_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/server_sent_event.hpp>
#include <syncopate/http/websocket.hpp>

#include <iostream>
#include <string>

// Tells two prices, and then goes away. Who comes back with the id of the last one gets the third, and 204: no more.
example::Response prices(example::Request const& request) {
    std::string const last(request["Last-Event-ID"]);
    if (last == "3")
        return {204, {}};
    return {
        200,
        {{"Content-Type", "text/event-stream"}},
        last == "2"
            ? "id: 3\nevent: price\ndata: 12\n\n"
            : "retry: 10\n\nid: 1\nevent: price\ndata: 10\n\nid: 2\nevent: price\ndata: 11\n\n"};
}

int main() {
    example::HttpServer const server{prices};
    syncopate::http::Client client;
    for (auto const& event : client.events(server.url("/prices")))
        std::cout << event.event() << ' ' << event.id() << ": " << event.data() << '\n';

    // Closed at the end of the scope, with a close frame.
    example::EchoWebSocket const echo;
    auto socket = client.websocket(echo.url());
    for (char const* const text : {"hello", "how are you?", "bye"})
        socket.send_text(text);
    for (auto const& message : socket) {
        std::cout << "echo: " << message.data() << '\n';
        if (message.data() == "bye")
            break;
    }
}
