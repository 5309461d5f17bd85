// Idea: a plain loop over the responses of many URLs, of which several are fetched at a time.
// In the article: "Background: why would anyone need this", a feed reader that downloads many feeds.
#include "support/http_server.hpp"
#include <syncopate/http/client.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

// "/7" gives 49; "/" gives nothing, 404.
std::string square(example::Request const& request) {
    std::string const number(request.target().substr(1));
    return number.empty() ? "" : std::to_string(std::stoi(number) * std::stoi(number));
}

int main() {
    example::HttpServer const server{square};
    syncopate::http::Client client;

    std::vector<std::string> urls;
    for (int n = 1; n <= 100; ++n)
        urls.push_back(server.url("/" + std::to_string(n)));

    // Ten at a time, in the order of the URLs. The first failure would end it.
    int sum = 0;
    for (auto const& response : client.get_all(urls, 10))
        sum += std::stoi(response.text());
    std::cout << "the squares up to 100 add up to " << sum << '\n';

    // Here each URL has an outcome of its own.
    for (auto const& outcome :
         client.get_all_settled({server.url("/3"), "nonsense", server.url("/")})) {
        try {
            std::cout << outcome.response().raise_for_status().text() << '\n';
        } catch (std::exception const&) {
            std::cout << (outcome.has_response() ? "an error status" : "no response") << '\n';
        }
    }
}
