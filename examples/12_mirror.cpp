// Idea: a list of URLs is mirrored into a folder, with a bar for each file. A server that is busy is asked again, and a file
// that broke off goes on where it was.
#include "support/http_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/download_options.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/retry_policy.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>

namespace fs = std::filesystem;
namespace http = syncopate::http;
using namespace std::chrono_literals;

constexpr std::size_t mebibyte = std::size_t{1024} * 1024;

// "/8" is a file of 8 MiB. The server is busy at first, and sends the rest of a file to who has a part of it.
class Files {
public:
    example::Response operator()(example::Request const& request) {
        if (++requests_ == 1)
            return {503, {{"Retry-After", "0"}}};
        auto const size = std::stoul(std::string(request.target().substr(1))) * mebibyte;
        std::string const range(request["Range"]);  // "bytes=4194304-"
        if (range.empty())
            return {200, {{"ETag", "\"1\""}}, std::string(size, 'x')};
        auto const begin = std::stoul(range.substr(6));
        return {
            206,
            {{"ETag", "\"1\""},
             {"Content-Range", "bytes " + std::to_string(begin) + "-" + std::to_string(size - 1) +
                                   "/" + std::to_string(size)}},
            std::string(size - begin, 'x')};
    }

private:
    int requests_ = 0;
};

// Draws the bar anew for each tenth. A terminal would have '\r' in place of '\n'.
class Bar {
public:
    explicit Bar(std::uint64_t tenths_until_failure)
        : tenths_until_failure_(tenths_until_failure) {}

    void operator()(http::Progress const& progress) {
        auto const tenths = progress.received * 10 / progress.receive_total.value_or(~0ULL);
        if (tenths == drawn_)
            return;
        drawn_ = tenths;
        std::cout << '[' << std::string(tenths, '#') << std::string(10 - tenths, ' ') << "]\n";
        if (tenths == tenths_until_failure_)
            throw std::runtime_error("the power is off");
    }

private:
    std::uint64_t drawn_ = 0;
    std::uint64_t tenths_until_failure_;
};

void mirror(http::Client& client, std::string const& url, fs::path const& file, Bar bar) {
    try {
        // It appears under its name when it is complete.
        client.download(url, file, http::DownloadOptions().resume(true).progress(bar));
        std::cout << fs::file_size(file) / mebibyte << " MiB\n";
    } catch (std::exception const& error) {
        std::cout << error.what() << '\n';
    }
}

int main() {
    example::HttpServer const server{Files()};
    http::Client client(
        http::SessionOptions().retries(http::RetryPolicy().attempts(4).backoff(200ms, 10s)));

    fs::path const folder = fs::temp_directory_path() / "syncopate-example-mirror";
    fs::create_directory(folder);
    mirror(client, server.url("/10"), folder / "large", Bar(11));
    mirror(client, server.url("/20"), folder / "larger", Bar(5));
    mirror(client, server.url("/20"), folder / "larger", Bar(11));
    fs::remove_all(folder);
}
