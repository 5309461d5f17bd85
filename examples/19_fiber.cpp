// Idea: a parser is synchronous and recursive, and the files that it includes are fetched over HTTP. It runs on the loop,
// on a stack of its own, and waits there while the loop goes on: two documents are read at once, by one thread.
#include "support/http_server.hpp"
#include <syncopate/fiber.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/runner.hpp>

#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

// Somebody else's: it knows nothing of coroutines. A line "include NAME" stands for what `load` gives.
std::string parse(
    std::string const& text, std::function<std::string(std::string const& name)> const& load) {
    std::istringstream lines(text);
    std::string result;
    for (std::string word; lines >> word;) {
        if (word != "include") {
            result += word + ' ';
            continue;
        }
        lines >> word;
        result += "( " + parse(load(word), load) + ") ";
    }
    return result;
}

std::string file(example::Request const& request) {
    static std::map<std::string, std::string> const files = {
        {"/song", "include verse include chorus include verse include chorus"},
        {"/verse", "la la"},
        {"/chorus", "oh include shout"},
        {"/shout", "yeah"},
        {"/poem", "roses include colour violets include colour"},
        {"/colour", "blue"},
    };
    return files.at(std::string(request.target()));
}

int main() {
    example::HttpServer const server{file};
    syncopate::Runner runner;
    auto& session = runner.enter_context([] { return syncopate::http::ClientSession(); });

    auto const document = [&](std::string name) {
        return syncopate::to_fiber([&, name] {
            // A blocking call on the loop's own thread.
            auto const load = [&](std::string const& part) {
                auto const response = runner.wrap_context(session.get(server.url("/" + part)));
                return runner.run(response->text());
            };
            return parse("include " + name, load);
        });
    };
    auto const [song, poem] = runner.run(syncopate::gather(document("song"), document("poem")));
    std::cout << song << '\n' << poem << '\n';
}
