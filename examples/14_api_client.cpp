// Idea: a client for a service: JSON, a token, pages that are linked, and a limit of requests that it keeps to by itself.
#include "support/http_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/client_response.hpp>
#include <syncopate/http/json.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/retry_policy.hpp>
#include <syncopate/http/status_error.hpp>

#include <boost/json/value.hpp>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace http = syncopate::http;

// Knows two pages of names, of which the second is to be asked for twice, and takes new ones.
class Service {
public:
    example::Response operator()(example::Request const& request) {
        if (request["Authorization"] != "Bearer a-token")
            return {401, {{"WWW-Authenticate", "Bearer"}}};
        if (request.method_string() == "POST")
            return {201, {{"Location", "/names/5"}}, request.body()};
        if (request.target() == "/names")
            return {200, {{"Link", "</names?page=2>; rel=\"next\""}}, R"(["Ann", "Bob"])"};
        if (++requests_of_page_2_ == 1)
            return {429, {{"Retry-After", "0"}}};
        return std::string(R"(["Cleo", "Dan"])");
    }

private:
    int requests_of_page_2_ = 0;
};

class NamesClient {
public:
    NamesClient(std::string url, std::string const& token)
        : url_(std::move(url)), client_(http::SessionOptions()
                                            .header("Authorization", "Bearer " + token)
                                            .retries(http::RetryPolicy())) {}

    std::vector<std::string> names() {
        std::vector<std::string> names;
        for (std::string page = url_ + "/names"; !page.empty();) {
            auto const response = client_.get(page).raise_for_status();
            for (auto const& name : response.json().as_array())
                names.emplace_back(name.as_string());
            page = response.links()["next"];
        }
        return names;
    }

    // Returns where it is from now on.
    std::string add(std::string const& name) {
        http::Request request(http::Verb::post, url_ + "/names");
        request.json({{"name", name}});
        return std::string(client_.request(request).raise_for_status().headers()["Location"]);
    }

private:
    std::string url_;
    http::Client client_;
};

int main() {
    example::HttpServer const server{Service()};
    NamesClient service(server.url(""), "a-token");
    for (auto const& name : service.names())
        std::cout << name << '\n';
    std::cout << "the new one is at " << service.add("Eve") << '\n';

    try {
        NamesClient(server.url(""), "a wrong one").names();
    } catch (http::StatusError const& error) {
        std::cout << "refused with " << error.status() << '\n';
    }
}
