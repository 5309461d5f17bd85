// Idea: a plain loop over JSON values that come line by line, one by one, as long as the server likes.
// In the article: "But I want to use async iterables", wrap_iter(response.content).
#include "support/http_server.hpp"
#include <syncopate/http/session.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/json/parse.hpp>

#include <iostream>
#include <string>

std::string measurements(example::Request const&) {
    std::string lines;
    for (int n = 0; n < 1000; ++n)
        lines += R"({"sensor": ")" + std::string(n % 2 == 0 ? "roof" : "cellar") +
                 R"(", "degrees": )" + std::to_string(n % 40) + "}\n";
    return lines;
}

int main() {
    example::HttpServer const server{measurements};

    syncopate::ThreadRunner runner;
    auto& session = runner.enter_context([] { return syncopate::http::ClientSession{}; });
    auto response = runner.wrap_context(session.get(server.url("/measurements")));

    int hot = 0;
    for (std::string const& line :
         runner.wrap_iter(response->content().lines(), syncopate::ReadAhead{64})) {
        auto const measurement = boost::json::parse(line);
        if (measurement.at("sensor") == "roof" && measurement.at("degrees").as_int64() > 30)
            ++hot;
    }
    std::cout << "hot on the roof: " << hot << " times\n";
}
