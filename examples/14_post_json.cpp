// Idea: synchronous code posts JSON, and gets JSON.
#include "support/http_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/json.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <iostream>
#include <string>

namespace http = syncopate::http;
namespace json = boost::json;

// {"operation": "sum", "numbers": [1, 2]} gives {"operation": "sum", "result": 3}.
std::string calculate(example::Request const& request) {
    auto const task = json::parse(request.body());
    std::int64_t sum = 0;
    for (auto const& number : task.at("numbers").as_array())
        sum += number.as_int64();
    json::value const answer{{"operation", task.at("operation")}, {"result", sum}};
    return json::serialize(answer);
}

int main() {
    example::HttpServer const server{calculate};
    http::Client client;

    http::Request request(http::Verb::post, server.url("/calculate"));
    request.json({{"operation", "sum"}, {"numbers", {1, 2, 3, 4}}}).bearer("token");
    auto const answer = client.request(request).raise_for_status().json();
    std::cout << "the " << answer.at("operation").as_string().c_str() << " is "
              << answer.at("result").as_int64() << '\n';
}
