// Idea: a large file goes out as it is read, alone and in a form, while a bar shows how far it has come.
#include "support/http_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

namespace fs = std::filesystem;
namespace http = syncopate::http;

constexpr std::size_t mebibyte = std::size_t{1024} * 1024;

std::string count(example::Request const& request) {
    return std::string(request["Content-Type"].substr(0, 19)) + ", " +
           std::to_string(request.body().size() / mebibyte) + " MiB\n";
}

// Called on the loop's thread, while this one waits in request().
class Bar {
public:
    void operator()(http::Progress const& progress) {
        auto const quarters = progress.sent * 4 / progress.send_total.value_or(~0ULL);
        if (quarters != drawn_)
            std::cout << '[' << std::string(quarters, '#') << std::string(4 - quarters, ' ')
                      << "]\n";
        drawn_ = quarters;
    }

private:
    std::uint64_t drawn_ = 0;
};

int main() {
    example::HttpServer const server{count};
    fs::path const film = fs::temp_directory_path() / "syncopate-example-upload";
    std::ofstream(film, std::ios::binary) << std::string(8 * mebibyte, 'x');

    http::Client client;
    http::Request alone(http::Verb::put, server.url("/films/1"));
    alone.file(film, "video/mp4").on_progress(Bar());
    std::cout << client.request(alone).raise_for_status().text();

    // The server is asked first whether it wants it.
    http::Request form(http::Verb::post, server.url("/films"));
    form.multipart(http::Multipart().field("title", "A film").file_from("film", film, "video/mp4"))
        .expect_continue();
    std::cout << client.request(form).raise_for_status().text();
    fs::remove(film);
}
