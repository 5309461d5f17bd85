// Idea: URLs that somebody else has chosen lead to the public Internet only, and a company's own through its proxy.
#include "support/http_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/connect_policies.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>

#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <utility>

namespace http = syncopate::http;

// Redirects to a place beside it. As a proxy it is asked for whole URLs.
example::Response answer(example::Request const& request) {
    if (request.target() == "/leads-inside")
        return {302, {{"Location", "http://169.254.169.254/latest/meta-data/"}}};
    return "asked for " + std::string(request.target());
}

std::string got(http::Client& client, std::string url) {
    try {
        return client.get(std::move(url)).raise_for_status().text();
    } catch (std::system_error const& error) {
        return error.code() == http::Errc::connection_not_allowed ? "not allowed" : error.what();
    }
}

int main() {
    example::HttpServer const server{answer};

    // Asked with the address that the name has, before each connection: also for redirects.
    http::Client outside(http::SessionOptions().on_connect(http::public_addresses_only()));
    for (auto const& url :
         {server.url("/"), std::string("http://localhost:6379/"),
          std::string("http://[::ffff:10.0.0.1]/")})
        std::cout << got(outside, url) << '\n';

    http::Client partner(http::SessionOptions().on_connect(http::allowed_hosts({"127.0.0.1"})));
    std::cout << got(partner, server.url("/")) << '\n';
    std::cout << got(partner, server.url("/leads-inside")) << '\n';

    // The company's proxy, and its authority beside the system's. trust_environment(true) would take the proxy from
    // http_proxy and https_proxy.
    http::SessionOptions company;
    company.proxy(server.url(""));
    if (std::filesystem::exists("/etc/company.pem"))
        company.extra_ca_file("/etc/company.pem");
    http::Client office(company);
    std::cout << got(office, "http://intranet.example/news") << '\n';
}
