// Idea: a large body goes to a file piece by piece, while a bar shows how far it has come.
#include "support/http_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/progress.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>

namespace fs = std::filesystem;

constexpr std::size_t mebibyte = std::size_t{1024} * 1024;

// Draws the bar anew for each tenth. A terminal would have '\r' in place of '\n'.
class Bar {
public:
    void operator()(syncopate::http::Progress const& progress) {
        auto const tenths = progress.received * 10 / progress.receive_total.value_or(~0ULL);
        if (tenths == drawn_)
            return;
        drawn_ = tenths;
        std::cout << '[' << std::string(tenths, '#') << std::string(10 - tenths, ' ') << "]\n";
    }

private:
    std::uint64_t drawn_ = 0;
};

int main() {
    example::HttpServer const server{[](auto const&) { return std::string(20 * mebibyte, 'x'); }};
    syncopate::http::Client client;

    // It appears under its name when it is complete.
    fs::path const file = fs::temp_directory_path() / "syncopate-example-download";
    client.download(server.url("/large"), file, Bar());
    std::cout << fs::file_size(file) / mebibyte << " MiB\n";
    fs::remove(file);
}
